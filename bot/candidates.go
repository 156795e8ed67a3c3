package bot

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// ClockSkew is how far the API's clock and the store's may lie apart: a request of more
// than that is not taken at all.
const ClockSkew = 5 * time.Minute

const (
	// lostSkew is ClockSkew for a run that is looked for since it was asked for: the same
	// run shortly before that is nothing rare, and must not be taken for it.
	lostSkew = 30 * time.Second
	// mostRanOn bounds what is remembered of other runs' tasks.
	mostRanOn = 4096
)

// window is when the task of a run can have begun, by the API's clock.
type window struct {
	from, to time.Time
	before   []string // tasks that are older than the run
}

// windowOf is that of the last send.
func windowOf(r approvals.Request) window {
	send := r.LastSend()
	w := window{from: send.ClaimedAt.Add(-ClockSkew), to: send.DeadFrom, before: send.Before}
	if !send.Since.IsZero() {
		w.from = send.Since.Add(-lostSkew)
	}
	if !r.Follow.Since.IsZero() {
		w.to = r.Follow.Since.Add(ClockSkew)
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
	if bmclient.Sends(r.Plan.Target.API) {
		return b.carried(ctx, r, w, found)
	}
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

// errNameless says why nobody can tell which task a run is: its script takes no line with the request's id.
var errNameless = errors.New("this script has no place for a line with the request's id, so its task cannot be told from others with the same script")

// carried finds the tasks that were sent r's text, which holds its id: only the whole recorded content tells, for a line can be copied.
func (b *Bot) carried(ctx context.Context, r approvals.Request, w window, found finds) (finds, error) {
	if !r.Plan.Named() {
		return found, errNameless
	}
	tasks, err := b.in(r).Sent(ctx, bmclient.SentQuery{Hosts: r.Plan.Hosts, Content: r.Plan.Text(), Since: w.from})
	tasks = slices.DeleteFunc(tasks, func(t string) bool { return slices.Contains(r.Follow.Tasks, t) })
	slices.Sort(tasks)
	found.fit[same], found.listed = tasks, len(tasks)
	return found, err
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
	if on := b.ran.of(t.ID); on != nil && !slices.ContainsFunc(on, func(h string) bool { return slices.Contains(r.Plan.Hosts, h) }) {
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
	if t.Hosts > 0 && len(on) >= t.Hosts { // it is known whole: other runs of the script need not read it at every look
		b.ran.put(t.ID, on)
	}
	strange := slices.ContainsFunc(on, func(h string) bool { return !slices.Contains(r.Plan.Hosts, h) })
	// Rows may come one by one; then the list's own count must do.
	if strange || covered == 0 || covered < len(taken(r)) && t.Hosts <= 0 {
		return stranger, nil
	}
	return is, nil
}
