package bot

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

const (
	// confirmGrid has runs that end at about the same time share one reading of the list.
	confirmGrid = 5 * time.Second
	// readAfter is how long a task has to run until its hosts are read before its end.
	readAfter = 5 * time.Second
	// listedFor is how long the list is read for a run whose task is certain: it would have to
	// be read ever deeper.
	listedFor = 3 * time.Minute
)

// confirmAt is from when on no other task is waited for that may be the run.
func (b *Bot) confirmAt(k approvals.Kept) time.Time {
	grid, sent := min(confirmGrid, b.ConfirmFor/10), k.Follow.Since
	if a := k.LastSend().Answer; a == nil || a.Outcome != approvals.OutcomeAccepted {
		sent = k.LastSend().LeaseUntil // at the latest
	}
	return sent.Add(b.ConfirmFor).Truncate(grid).Add(grid)
}

// settled reports whether k's task is certain, and the list would have to be read deep for it.
func settled(k approvals.Kept) bool {
	return k.Follow.Sole && k.Clock().Sub(k.Follow.Since) > listedFor
}

// infer looks which of the API's tasks the run is, where the answer named none, and what their
// hosts say.
//
//   - A task with the approved script and parameters may be the run.
//   - One with another script may, too, for a script can be changed under its id:
//     beside one that is as approved it counts as well, for whoever changed the script
//     could put up a good one to hide it. Alone it counts when a good one had time to
//     appear.
//   - Parameters were sent with the run, and nobody can change them there. A task with
//     others is somebody else's, unless there is no other by then.
func (b *Bot) infer(ctx context.Context, k approvals.Kept) (sight, error) {
	s := sight{tasks: k.Follow.Tasks, hosts: k.Follow.Hosts}
	asOf := k.LastSend().ClaimedAt
	if at := b.confirmAt(k); !k.Clock().Before(at) {
		s.final, asOf = true, at
	}
	found, err := b.candidates(ctx, k.Request, windowOf(k.Request), locally(k, asOf), func(t bmclient.Task) bool { return b.worthReading(k, t, s.final) })
	if err != nil {
		return s, err
	}
	may := found.fit[same]
	if len(may) > 0 || s.final {
		may = slices.Concat(may, found.fit[otherScript])
	}
	if s.final {
		may = slices.Concat(may, found.fit[unread])
	}
	if len(may) == 0 && s.final {
		may = found.fit[otherParameters]
	}
	if len(may) == 0 {
		return s, nil
	}
	return s.of(k, found, may), nil
}

// worthReading reports whether the hosts of a task are to be read: at its end, once before that if
// it runs for long, and rarely.
func (b *Bot) worthReading(k approvals.Kept, t bmclient.Task, final bool) bool {
	if !slices.Contains(k.Follow.Tasks, t.ID) {
		return over(t) || final || k.Clock().Sub(k.Follow.Since) >= readAfter
	}
	if !k.Follow.Confirm.IsZero() {
		return false // it was read whole
	}
	return over(t) || t.Succeeded < 0 || k.Follow.Polls%8 == 7
}

// over reports whether a task has ended, by its status or by its counts.
func over(t bmclient.Task) bool { return t.Ended || t.Hosts > 0 && t.Succeeded+t.Failed >= t.Hosts }

// of is s with what is known of the tasks that may be the run.
func (s sight) of(k approvals.Kept, found finds, may []bmclient.Task) sight {
	slices.SortFunc(may, func(a, b bmclient.Task) int { return cmp.Compare(a.ID, b.ID) })
	s.tasks, s.hosts = nil, nil
	if len(found.rows) > 0 || len(found.read.out) > 0 {
		s.out = approvals.Outputs{}
	}
	for _, t := range may {
		s.tasks = append(s.tasks, t.ID)
		rows, read := found.rows[t.ID]
		if !read && slices.Contains(k.Follow.Tasks, t.ID) {
			s.hosts, s.listed = append(s.hosts, known(k, t.ID)...), counted(k, t)
			continue
		}
		s.hosts = append(s.hosts, found.read.inOrder([]string{t.ID}, rows, len(s.tasks) == 1)...)
	}
	for key, out := range found.read.out {
		if slices.ContainsFunc(s.hosts, func(h approvals.HostResult) bool { return approvals.OutputKey(h.Task, h.Host) == key }) {
			s.out[key] = out
		}
	}
	s.over = allOver(s.hosts)
	if len(may) > 1 {
		s.listed = approvals.Progress{}
	}
	return s
}

// known is what the record has of a task's hosts.
func known(k approvals.Kept, task string) (hosts []approvals.HostResult) {
	for _, h := range k.Follow.Hosts {
		if h.Task == task || h.State == approvals.HostRefused && task == k.Follow.Tasks[0] {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// counted is how far a task is by its row in the list.
func counted(k approvals.Kept, t bmclient.Task) approvals.Progress {
	if t.Succeeded < 0 || t.Failed < 0 {
		return approvals.Progress{}
	}
	refused := len(k.Plan.Hosts) - len(taken(k.Request))
	return approvals.Progress{Over: t.Succeeded + t.Failed + refused, Bad: t.Failed + refused}
}
