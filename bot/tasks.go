package bot

import (
	"context"
	"slices"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

const (
	// clockSkew is how far the API's clock and the store's may lie apart: a request
	// of more than that is not taken at all.
	clockSkew = 5 * time.Minute
	// lostSkew is the same for a run that is looked for since it was asked for: the same
	// run shortly before that is nothing rare, and must not be taken for it.
	lostSkew = 30 * time.Second
	// driftAfter is for how long a task with the approved script is waited for,
	// before one with another script on the same hosts is taken for the run. A task
	// may be listed a minute late, and a false alarm calls everybody.
	driftAfter = 90 * time.Second
	// beforeTime is the longest that a run waits for the list of older tasks.
	beforeTime = 2 * time.Second
	// mostPages bounds how far back a list of tasks is read.
	mostPages = 10
	// mostRanOn bounds what is remembered of other runs' tasks.
	mostRanOn = 4096
)

// findTasks answers the tasks that are or may be the accepted run: those that the API
// named, or else those with its script and hosts that it did not know before the
// claim.
//
//   - A task with the approved script and parameters may be the run.
//   - One with another script may, too, for a script can be changed under its id:
//     beside one that is as approved it counts as well, for whoever changed the script
//     could put up a good one to hide it. Alone it counts when a good one had time to
//     appear.
//   - Parameters were sent with the run, and nobody can change them there. A task with
//     others is somebody else's, unless there is no other for as long.
//
// A task that was found once stays found.
func (b *Bot) findTasks(ctx context.Context, k approvals.Kept) ([]string, error) {
	if a := k.LastSend().Answer; a != nil && len(a.Tasks) > 0 {
		return a.Tasks, nil
	}
	found, err := b.candidates(ctx, k.Request, windowOf(k.Request))
	if err != nil {
		return nil, err
	}
	late := k.Clock().Sub(k.Follow.Since) >= driftAfter
	tasks := append(slices.Clone(k.Follow.Tasks), found.fit[same]...)
	if len(tasks) > 0 || late {
		tasks = append(tasks, found.fit[otherScript]...)
	}
	if len(tasks) == 0 && late {
		tasks = found.fit[otherParameters]
	}
	slices.Sort(tasks)
	return tasks, nil
}

// window is when the task of a run can have begun, by the API's clock.
type window struct {
	from, to time.Time
	before   []string // tasks that are older than the run
}

// windowOf is that of the last send.
func windowOf(r approvals.Request) window {
	send := r.LastSend()
	w := window{from: send.ClaimedAt.Add(-clockSkew), to: send.DeadFrom, before: send.Before}
	if !send.Since.IsZero() {
		w.from = send.Since.Add(-lostSkew)
	}
	if !r.Follow.Since.IsZero() {
		w.to = r.Follow.Since.Add(clockSkew)
	}
	return w
}

// finds are the tasks that may be a run.
type finds struct {
	fit    map[fit][]string
	listed int // tasks of its script in the window
}

// candidates reads the tasks of r's script in w, but for those that are followed
// already.
func (b *Bot) candidates(ctx context.Context, r approvals.Request, w window) (finds, error) {
	found := finds{fit: map[fit][]string{}}
	list, err := b.recentTasks(ctx, w.from)
	if err != nil {
		return found, err
	}
	for _, t := range list {
		if t.CmdID != r.Plan.Script.CmdID || slices.Contains(r.Follow.Tasks, t.ID) || !w.has(t) {
			continue
		}
		found.listed++
		if !mayBe(t, r) {
			continue
		}
		is, err := b.fits(ctx, r, t)
		if err != nil {
			return found, err
		}
		found.fit[is] = append(found.fit[is], t.ID)
	}
	for _, tasks := range found.fit {
		slices.Sort(tasks)
	}
	return found, nil
}

func (w window) has(t bmclient.Task) bool {
	return !slices.Contains(w.before, t.ID) && (t.Begun.IsZero() || t.Begun.After(w.from) && t.Begun.Before(w.to))
}

// mayBe reports whether t has as many hosts as r, by what the list says.
func mayBe(t bmclient.Task, r approvals.Request) bool {
	return t.Hosts <= 0 || t.Hosts >= len(taken(r)) && t.Hosts <= len(r.Plan.Hosts)
}

// taken are the hosts that the API did not refuse.
func taken(r approvals.Request) []string {
	return slices.DeleteFunc(slices.Clone(r.Plan.Hosts), func(host string) bool {
		return slices.ContainsFunc(r.Follow.Hosts, func(h approvals.HostResult) bool { return h.Host == host && h.State == approvals.HostRefused })
	})
}

// fit is how a task's records lie beside what was approved.
type fit int

const (
	stranger fit = iota // on other hosts, or nothing is recorded yet
	same
	otherScript
	otherParameters
)

// fits reads the hosts of a task, unless they are known to be others.
func (b *Bot) fits(ctx context.Context, r approvals.Request, t bmclient.Task) (fit, error) {
	if on, known := b.whereItRan(t.ID); known && !slices.ContainsFunc(on, func(h string) bool { return slices.Contains(r.Plan.Hosts, h) }) {
		return stranger, nil
	}
	rows, err := b.reading(r).task(ctx, t.ID)
	if err != nil {
		return stranger, err
	}
	is, covered := same, 0
	var on []string
	for _, row := range rows {
		on = append(on, row.Host)
		if slices.Contains(taken(r), row.Host) {
			covered++
		}
		switch {
		case row.otherParameters:
			is = otherParameters
		case row.otherScript && is == same:
			is = otherScript
		}
	}
	b.ranOn(t, on)
	strange := slices.ContainsFunc(on, func(h string) bool { return !slices.Contains(r.Plan.Hosts, h) })
	// Rows may come one by one; then the list's own count must do.
	if strange || covered == 0 || covered < len(taken(r)) && t.Hosts <= 0 {
		return stranger, nil
	}
	return is, nil
}

// ranOn remembers where a task ran, once all of it is known: other runs of the same
// script would read it again at every look.
func (b *Bot) ranOn(t bmclient.Task, hosts []string) {
	if t.Hosts <= 0 || len(hosts) < t.Hosts {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.ran) >= mostRanOn {
		clear(b.ran)
	}
	b.ran[t.ID] = hosts
}

func (b *Bot) whereItRan(task string) (hosts []string, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	hosts, known = b.ran[task]
	return hosts, known
}

// recentTasks lists the tasks that have begun since then, and some more. With an
// error it answers those that were read.
func (b *Bot) recentTasks(ctx context.Context, since time.Time) ([]bmclient.Task, error) {
	var all []bmclient.Task
	seen := map[string]bool{}
	at := 0
	for range mostPages {
		list, err := b.Cloud.Tasks(ctx, bmclient.Page{Offset: at, Limit: bmclient.LargestPage})
		if err != nil {
			return all, err
		}
		for _, t := range list.Tasks {
			if !seen[t.ID] {
				seen[t.ID] = true
				all = append(all, t)
			}
		}
		at += len(list.Tasks) // the API may give fewer than asked for
		if len(list.Tasks) == 0 || at >= list.Total || reaches(list.Tasks, since) {
			break
		}
	}
	return all, nil
}

// reaches reports whether a page goes back to since, newest first as it should.
func reaches(page []bmclient.Task, since time.Time) bool {
	inOrder := slices.IsSortedFunc(page, func(a, b bmclient.Task) int { return b.Begun.Compare(a.Begun) })
	last := page[len(page)-1].Begun
	return inOrder && !last.IsZero() && last.Before(since)
}

// tasksBefore are the tasks of k's script that the API knows before a claim. A list
// that cannot be read at once does not hold up the run: then the time of a task
// alone tells whether it is older.
func (b *Bot) tasksBefore(ctx context.Context, k approvals.Kept) []string {
	ctx, cancel := context.WithTimeout(ctx, beforeTime)
	defer cancel()
	list, err := b.recentTasks(ctx, k.Clock().Add(-clockSkew))
	if err != nil {
		b.Log.Warn("not all tasks could be listed before a claim", "request", k.ID, b.said(err))
	}
	var ids []string
	for _, t := range list {
		if t.CmdID == k.Plan.Script.CmdID {
			ids = append(ids, t.ID)
		}
	}
	return ids
}
