package approvals

import (
	"context"
	"fmt"
	"strings"
)

// How much is kept of a run that a rule refused as it was typed.
const (
	awayHosts = 8   // hosts that are named; the rest is counted
	awayAlias = 64  // bytes of what was typed instead of a script's id
	awayNote  = 400 // bytes of why
)

// TurnAway leaves one event of a run that a rule refused as it was typed: who asked, for
// which script, on which hosts, from where, and why. It is all that is kept: no record,
// and about 2 KB at most, whatever was typed. The same envelope again leaves no other, and
// one that is a request already leaves none. What names no ids is a typing error, and
// leaves nothing: then the error wraps [ErrNotID]. Others are the store's.
func (d *Desk) TurnAway(ctx context.Context, r Request, why string) error {
	if err := r.Asked.check(); err != nil {
		return err
	}
	return d.store.TurnAway(ctx, r.turnedAway(why))
}

// turnedAway is that event. Parameters and reason are left out: nobody was to run them.
func (r Request) turnedAway(why string) Event {
	why = cutTo(why, awayNote)
	asked := Asked{Script: cutTo(r.Asked.Script, awayAlias), Hosts: r.Asked.Hosts, Again: r.Asked.Again}
	if n := len(asked.Hosts); n > awayHosts {
		asked.Hosts = asked.Hosts[:awayHosts]
		why += fmt.Sprintf(" (It was for %d hosts; the first %d are named.)", n, awayHosts)
	}
	e := Event{
		V: eventVersion, Request: r.ID, N: 1, Revision: 1, Move: "receive", To: Refused,
		By: Person{Org: r.Requester.Org, User: r.Requester.User}, Note: why, Channel: r.Origin.Channel, Asked: &asked,
	}
	e.Hash = e.Sum()
	return e
}

// TurnedAway reports whether e is what [Desk.TurnAway] leaves: a whole chain, without a
// record.
func (e Event) TurnedAway() bool { return e.N == 1 && e.To == Refused }

// cutTo bounds a text, in bytes.
func cutTo(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
