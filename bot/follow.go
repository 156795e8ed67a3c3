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
	tasks []string // that are or may be the run
	hosts []approvals.HostResult
	out   approvals.Outputs
	over  bool // on every host
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
	if soon := k.Follow.Since.Add(firstLook(k.Request)); k.Follow.Polls == 0 && k.Clock().Before(soon) {
		return b.advance(ctx, k, approvals.Delay(soon))
	}
	s, err := b.look(work, k)
	pace := min(slowestLook, time.Second<<min(k.Follow.Polls, 5))
	if stop, waits := k.Follow.Stopping(); waits && k.Clock().Sub(stop.At) < time.Minute {
		pace = min(pace, stopAgain)
	}
	again := k.Clock().Add(pace)
	late := b.late(k, s.hosts, last)
	switch {
	case err == nil && len(s.tasks) > len(k.Follow.Tasks):
		return b.advance(ctx, k, approvals.Find(s.tasks))
	case s.over && (err == nil || last):
		return b.conclude(ctx, k, s, "", last)
	case err == nil && len(late) > 0:
		return b.advance(ctx, k, approvals.StopLate(late))
	case last:
		return b.conclude(ctx, k, s, b.givenUp(k, s, err), last)
	case err != nil:
		b.Log.Warn("a run could not be looked at", "request", k.ID, b.said(err))
		return b.advance(ctx, k, approvals.Delay(k.Clock().Add(pause(err, k.Tries))))
	case !k.Follow.Alarmed && approvals.Follow{Hosts: s.hosts}.Drifted():
		return b.advance(ctx, k, approvals.Alarm(s.hosts, again))
	}
	return b.advance(ctx, k, approvals.Look(s.hosts, again))
}

// firstLook is how long after it was taken a run is looked at: most scripts end within a second, and an agent tells so
// within the next.
func firstLook(r approvals.Request) time.Duration {
	if bmclient.Sends(r.Plan.Target.API) {
		return 2 * time.Second
	}
	return 0
}

// look asks the API. With an error it answers what was known before, or what was
// seen until then.
func (b *Bot) look(ctx context.Context, k approvals.Kept) (sight, error) {
	s := sight{tasks: k.Follow.Tasks, hosts: k.Follow.Hosts}
	if !slices.ContainsFunc(s.hosts, func(h approvals.HostResult) bool { return h.State != approvals.HostRefused }) {
		s.over = true
		return s, nil
	}
	var err error
	if len(s.tasks) == 0 {
		s.tasks, err = b.findTasks(ctx, k)
		return s, err
	}
	hosts, out, err := b.readHosts(ctx, k.Request)
	if err != nil {
		return s, err
	}
	s.hosts, s.out = hosts, out
	if slices.ContainsFunc(hosts, func(h approvals.HostResult) bool { return !h.Over() }) {
		return s, nil
	}
	s.over = true
	// A twin of the run may have been listed late: then nobody can tell them apart.
	s.tasks, err = b.findTasks(ctx, k)
	return s, err
}

// conclude ends the run, and with the same move keeps what the hosts printed. If the store
// does not take that much, the last look is for the result without.
func (b *Bot) conclude(ctx context.Context, k approvals.Kept, s sight, why string, last bool) (approvals.Kept, error) {
	b.Log.Info("a run has ended", "request", k.ID, "tasks", len(s.tasks), "given_up", why != "")
	next, err := b.advance(ctx, k, approvals.Finish(s.hosts, why).Keeping(s.out))
	if err == nil {
		b.rememberPrints(k.ID, s.out)
	} else if last && errors.Is(err, approvals.ErrUnavailable) {
		b.Log.Warn("what the hosts printed could not be kept", "request", k.ID, b.said(err))
		next, err = b.advance(ctx, k, approvals.Finish(s.hosts, why))
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
	case err != nil:
		ref := b.reference("a run is not followed any more", err, k.ID)
		return fmt.Sprintf("%s, so what happened on %s is not known after %s. Look at the task list in the console, and at the hosts. (%s)", unread("The API's records", err), few(open), time, ref)
	case len(k.Follow.Tasks) == 0:
		return fmt.Sprintf("No task of this run has appeared in the API's list in %s, so what happened on the hosts is not known. Look at the task list in the console, and at the hosts.", time)
	case len(odd) > 0:
		return fmt.Sprintf("Followed for %s, and it has not ended on %s. The status that the API gives for it is not documented (%s). Look at the task list in the console.", time, few(open), few(odd))
	}
	return fmt.Sprintf("Followed for %s, and it has not ended on %s. Look at the task list in the console.", time, few(open))
}

// unread says that what the API keeps could not be read: by its fault, or because of the
// quota.
func unread(what string, err error) string {
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
