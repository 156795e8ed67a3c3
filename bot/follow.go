package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// slowestLook is the longest between two looks at a run.
const slowestLook = 15 * time.Second

// sight is what one look at the API's records shows of a run.
type sight struct {
	tasks  []string // that are or may be the run
	hosts  []approvals.HostResult
	out    approvals.Outputs
	listed approvals.Progress // what the list says, where its hosts were not read
	over   bool               // on every host
	final  bool               // no other task can turn up any more that may be the run
}

// follow looks at what the API records of an accepted run, and ends it when every
// host is over. A look that fails is tried again. The look after FollowFor is the
// last: what is known then is the result, with why it is not more.
func (b *Bot) follow(ctx context.Context, k approvals.Kept) (approvals.Kept, error) {
	select {
	case b.looks <- struct{}{}:
		defer func() { <-b.looks }()
	default: // many are looking, and a slow API may hold them: decisions come first
		return b.advance(ctx, k, approvals.Delay(k.Clock().Add(3*time.Second)))
	}
	last := k.Clock().Sub(k.Follow.Since) >= b.FollowFor
	work, cancel := context.WithTimeout(ctx, workTime)
	defer cancel()
	order, stopping := k.StopOrder()
	if stopping {
		if m := b.tellToStop(work, k, order); m != nil {
			return b.advance(ctx, k, *m)
		}
	}
	s, err := b.look(work, k)
	again := b.lookAgain(k, s)
	late := b.late(k, s.hosts, last)
	switch {
	case err == nil && s.over && s.final:
		return b.conclude(ctx, k, s, last, approvals.Finish(s.hosts, ""))
	case err == nil && len(late) > 0:
		return b.advance(ctx, k, approvals.StopLate(late))
	case last:
		return b.conclude(ctx, k, s, last, approvals.Finish(s.hosts, b.givenUp(k, s, err)))
	case err != nil:
		b.Log.Warn("a run could not be looked at", "request", k.ID, b.said(err))
		return b.advance(ctx, k, approvals.Delay(k.Clock().Add(pause(err, k.Tries))))
	case s.over && len(s.tasks) == 1 && k.Follow.Confirm.IsZero():
		return b.conclude(ctx, k, s, last, approvals.Report(s.tasks[0], s.hosts, b.confirmAt(k)))
	case !k.Follow.Alarmed && approvals.Follow{Hosts: s.hosts}.Drifted():
		return b.advance(ctx, k, approvals.Alarm(s.tasks, s.hosts, again))
	case !slices.Equal(s.tasks, k.Follow.Tasks):
		return b.advance(ctx, k, approvals.Find(s.tasks, s.hosts, again))
	case s.final && k.Inferred() && len(s.tasks) == 1 && !k.Follow.Sole:
		return b.advance(ctx, k, approvals.Sole(s.hosts, again))
	}
	return b.advance(ctx, k, approvals.Look(s.hosts, s.listed, again))
}

// lookAgain is when to look again: soon at first, then rarely.
func (b *Bot) lookAgain(k approvals.Kept, s sight) time.Time {
	now := k.Clock()
	pace := min(slowestLook, time.Second<<min(k.Follow.Polls, 5))
	if k.Inferred() && settled(k) {
		pace = time.Minute
	}
	if stop, waits := k.Follow.Stopping(); waits && now.Sub(stop.At) < time.Minute {
		pace = min(pace, stopAgain)
	}
	again := now.Add(pace)
	if at := b.confirmAt(k); k.Inferred() && now.Before(at) && (s.over || at.Before(again)) {
		return at
	}
	return again
}

// look asks the API. With an error it answers what was known before.
func (b *Bot) look(ctx context.Context, k approvals.Kept) (sight, error) {
	s := sight{tasks: k.Follow.Tasks, hosts: k.Follow.Hosts, final: true}
	if !slices.ContainsFunc(s.hosts, func(h approvals.HostResult) bool { return h.State != approvals.HostRefused }) {
		s.over = true
		return s, nil
	}
	if k.Inferred() && !settled(k) {
		return b.infer(ctx, k)
	}
	hosts, out, err := b.readHosts(ctx, k.Request)
	if err == nil {
		s.hosts, s.out, s.over = hosts, out, allOver(hosts)
	}
	return s, err
}

func allOver(hosts []approvals.HostResult) bool {
	return !slices.ContainsFunc(hosts, func(h approvals.HostResult) bool { return !h.Over() })
}

// conclude stores what a run came to, and with the same move what the hosts printed. If the store
// does not take that much, the last look is for the result without.
func (b *Bot) conclude(ctx context.Context, k approvals.Kept, s sight, last bool, m approvals.Move) (approvals.Kept, error) {
	b.Log.Info("a run has ended", "request", k.ID, "tasks", s.tasks, "final", m.Name == "finish")
	next, err := b.advance(ctx, k, m.Keeping(s.out))
	switch {
	case err == nil && s.out != nil:
		b.rememberPrints(k.ID, s.out)
	case last && errors.Is(err, approvals.ErrUnavailable):
		b.Log.Warn("what the hosts printed could not be kept", "request", k.ID, b.said(err))
		next, err = b.advance(ctx, k, m)
	}
	return next, err
}

// givenUp says why not everything is known, and about which hosts.
func (b *Bot) givenUp(k approvals.Kept, s sight, err error) string {
	time := inWords(b.FollowFor)
	var open, odd []string
	for _, h := range s.hosts {
		if h.Over() {
			continue
		}
		open = append(open, h.Host)
		switch {
		case h.State == approvals.HostRunning && h.Word != "" && h.Word != "RUNNING" && h.Word != "CANCELLING":
			odd = append(odd, h.Word)
		case h.State == approvals.HostRunning && h.Word == "" && h.Status < running:
			odd = append(odd, fmt.Sprint(h.Status))
		}
	}
	open, odd = compact(open), compact(odd)
	switch {
	case err != nil && len(open) == 0:
		ref := b.reference("a run could not be confirmed", err, k.ID)
		return fmt.Sprintf("%s after the hosts had ended, so nobody can say whether another task was the run. Look at the task list in the console, and at the hosts. (%s)", unreadable("The API's list of tasks", err), ref)
	case err != nil:
		ref := b.reference("a run is not followed any more", err, k.ID)
		return fmt.Sprintf("%s, so what happened on %s is not known after %s. Look at the task list in the console, and at the hosts. (%s)", unreadable("The API's records", err), few(open), time, ref)
	case len(k.Follow.Tasks) == 0:
		return fmt.Sprintf("No task of this run has appeared in the API's list in %s, so what happened on the hosts is not known. Look at the task list in the console, and at the hosts.", time)
	case len(odd) > 0:
		return fmt.Sprintf("Followed for %s, and it has not ended on %s. The status that the API gives for it is not documented (%s). Look at the task list in the console.", time, few(open), few(odd))
	}
	return fmt.Sprintf("Followed for %s, and it has not ended on %s. Look at the task list in the console.", time, few(open))
}

// unread says that what the API keeps could not be read: by its fault, or because of the
// quota.
func unreadable(what string, err error) string {
	if overQuota(err) {
		return what + " could not be read, because the quota of calls was used up"
	}
	if errors.Is(err, bmclient.ErrTooLong) {
		return what + " could not be read whole, because there was too much"
	}
	return what + " could not be read"
}

// running is the API's status of a host that has not ended. Those below it are not
// documented.
const running = -1

func compact(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}

// few names some and counts the rest.
func few(all []string) string {
	const most = 5
	rest := ""
	switch n := len(all); {
	case n == 0:
		return "the hosts"
	case n == 1:
		return all[0]
	case n > most:
		rest, all = fmt.Sprintf("%d more", n-most), all[:most]
	default:
		rest, all = all[n-1], all[:n-1]
	}
	return strings.Join(all, ", ") + " and " + rest
}

var hostStates = map[bmclient.HostState]approvals.HostState{
	bmclient.HostRunning: approvals.HostRunning,
	bmclient.HostEnded:   approvals.HostEnded,
	bmclient.HostFailed:  approvals.HostFailed,
	bmclient.HostOther:   approvals.HostRunning, // not documented: looked at again until it is given up
	bmclient.HostWaiting: approvals.HostWaiting,
	bmclient.HostNever:   approvals.HostNever,
	bmclient.HostKilled:  approvals.HostKilled,
	bmclient.HostLost:    approvals.HostLost,
}
