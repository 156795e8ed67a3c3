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
)

// locally is a time of the store's by the local clock.
func locally(k approvals.Kept, at time.Time) time.Time { return time.Now().Add(at.Sub(k.Clock())) }

// window is when the task of a run can have begun, by the API's clock.
type window struct {
	from, to time.Time
	sends    []approvals.Send // whose lists had what is older than the run
}

// windowOf is that of the last send.
func windowOf(r approvals.Request) window {
	send := r.LastSend()
	w := window{from: send.ClaimedAt.Add(-ClockSkew), to: send.DeadFrom}
	if !send.Since.IsZero() {
		w.from = send.Since.Add(-lostSkew)
	}
	if !r.Follow.Since.IsZero() {
		w.to = r.Follow.Since.Add(ClockSkew)
	}
	return w.after(*send)
}

// after leaves out what the list had before a send.
func (w window) after(s approvals.Send) window {
	w.sends = append(w.sends, s)
	if s.Mark != nil && s.Mark.At.After(w.from) {
		w.from = s.Mark.At
	}
	return w
}

func (w window) has(t bmclient.Task) bool {
	older := func(s approvals.Send) bool { return s.Had(t.ID, t.Begun) }
	return !slices.ContainsFunc(w.sends, older) && (t.Begun.IsZero() || !t.Begun.Before(w.from) && t.Begun.Before(w.to))
}

// finds are the tasks that may be a run.
type finds struct {
	fit    map[fit][]bmclient.Task // unread: which of the others they are is not known yet
	rows   map[string][]record     // of those that were read
	read   *reading
	listed int // tasks of its script in the window
}

// ids are those of the tasks that fit so.
func (f finds) ids(is fit) (ids []string) {
	for _, t := range f.fit[is] {
		ids = append(ids, t.ID)
	}
	slices.Sort(ids)
	return ids
}

// candidates looks for the tasks of r's script in w, as the list has them at asOf or later, but for
// those that another request follows. readable says of which the hosts are worth reading.
func (b *Bot) candidates(ctx context.Context, r approvals.Request, w window, asOf time.Time, readable func(bmclient.Task) bool) (finds, error) {
	found := finds{fit: map[fit][]bmclient.Task{}, rows: map[string][]record{}, read: b.reading(r)}
	if bmclient.Sends(r.Plan.Target.API) {
		return b.carried(ctx, r, w, found)
	}
	read := b.ledger.Tasks
	if !r.Follow.Confirm.IsZero() { // its hosts have ended: the list is only asked for others
		read = b.ledger.Had
	}
	list, err := read(ctx, w.from, asOf)
	if err != nil {
		return found, err
	}
	for _, t := range slices.Concat(list, missing(r, list)) { // the list is shared
		if t.CmdID != r.Plan.Script.CmdID || !w.has(t) {
			continue
		}
		found.listed++
		if !mayBe(t, r) || b.ledger.Elsewhere(t.ID, r.Plan.Hosts) || b.Desk.Follows(r.ID, t.ID) {
			continue
		}
		is := recorded(r, t.ID)
		if readable(t) {
			rows, err := found.read.task(ctx, t.ID)
			if err != nil {
				return found, err
			}
			if fit := fits(r, t, rows); fit != unread { // what is followed stays what it is, until its hosts say otherwise
				found.rows[t.ID], is = rows, fit
			}
		}
		found.fit[is] = append(found.fit[is], t)
	}
	return found, nil
}

func whole(bmclient.Task) bool { return true }

// missing are the tasks that r follows although the list has lost them.
func missing(r approvals.Request, list []bmclient.Task) (tasks []bmclient.Task) {
	for _, id := range r.Follow.Tasks {
		if !slices.ContainsFunc(list, func(t bmclient.Task) bool { return t.ID == id }) {
			tasks = append(tasks, bmclient.Task{ID: id, CmdID: r.Plan.Script.CmdID, Hosts: -1, Succeeded: -1, Failed: -1})
		}
	}
	return tasks
}

// errNameless says why nobody can tell which task a run is: its script takes no line with the request's id.
var errNameless = errors.New("this script has no place for a line with the request's id, so its task cannot be told from others with the same script")

// carried finds the tasks that were sent r's text, which holds its id: only the whole recorded content tells, for a line can be copied.
func (b *Bot) carried(ctx context.Context, r approvals.Request, w window, found finds) (finds, error) {
	if !r.Plan.Named() {
		return found, errNameless
	}
	tasks, err := b.in(r).Sent(ctx, bmclient.SentQuery{Hosts: r.Plan.Hosts, Content: r.Plan.Text(), Since: w.from})
	for _, id := range tasks {
		if !slices.Contains(r.Follow.Tasks, id) {
			found.fit[same] = append(found.fit[same], bmclient.Task{ID: id})
		}
	}
	found.listed = len(found.fit[same])
	return found, err
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
	stranger fit = iota // on other hosts
	unread              // nothing is recorded yet, or not read: it may be any of the others
	same
	otherScript
	otherParameters
)

// recorded is how a task fits that r follows, by what is kept of its hosts.
func recorded(r approvals.Request, task string) fit {
	if !slices.Contains(r.Follow.Tasks, task) {
		return unread
	}
	for _, h := range r.Follow.Hosts {
		if h.Task == task && h.Proof == approvals.ProofDiffers {
			return otherScript
		}
	}
	return same
}

// fits holds the records of a task against what was approved.
func fits(r approvals.Request, t bmclient.Task, rows []record) fit {
	is, covered := same, 0
	for _, row := range rows {
		if !slices.Contains(r.Plan.Hosts, row.Host) {
			return stranger
		}
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
	// Rows may come one by one; then the list's own count must do.
	if covered == 0 || covered < len(taken(r)) && t.Hosts <= 0 {
		return unread
	}
	return is
}
