package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/approvals/redisstore"
)

// finding is something that is not as bmcmd left it.
type finding struct {
	where string // which request and which event of it, or which line
	what  string
	do    string
}

func (f finding) String() string { return oneLine(f.where + ": " + f.what + "; " + f.do) }

// What to do about findings.
const (
	askSlack  = "hold it against its thread in Slack, and find out who can write to Redis"
	askIndex  = "its events are not touched by that; find out who can write to Redis"
	askExport = "export again, or compare with another copy"
)

// at names an event of a request, by its place from 1.
func (p past) at(n int) string {
	e := p.events[n-1]
	if e.Move == "" {
		return fmt.Sprintf("%s, event %d", p.id, n)
	}
	return fmt.Sprintf("%s, event %d (%s, %s)", p.id, n, e.Move, utc(e.At))
}

func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// check holds the events of a request against each other and against the record's word.
func check(p past) (out []finding) {
	add := func(where, what string) { out = append(out, finding{where, what, askSlack}) }
	if p.noList {
		add(p.id, "what lies where its events belong is no list of events")
		return out
	}
	readable := p.events
	if len(p.odd) > 0 {
		readable = p.events[:p.odd[0]-1]
		add(p.at(p.odd[0]), "is not what bmcmd wrote")
	}
	if n, why := chain(p.id, readable); n > 0 {
		add(p.at(n), why)
	}
	if what := inClicks(p, readable); what != "" {
		add(p.id, what)
	}
	switch p.word.Record {
	case kept, gone, "": // "": its head is missing
	case unreadable:
		add(p.id, "its record is not what this bmcmd can read")
	default:
		add(p.id, fmt.Sprintf("its head does not say what became of its record, but %q", p.word.Record))
	}
	if p.word.Record != kept && p.word != (word{Record: p.word.Record}) {
		add(p.id, "its head says what a record had, and that there is none to read")
	}
	if len(p.events) == 0 {
		return out
	}
	last := p.events[len(p.events)-1]
	if p.word.Record == gone && last.Move != "" && !last.To.Ended() {
		add(p.id, "its record is gone, and it has not ended")
	}
	if p.word.Record != kept {
		return out
	}
	if last.TurnedAway() {
		add(p.id, "has a record, and its event says that it was refused as it was typed: one of the two was put in")
		return out
	}
	if last.Facts != "" && p.word.Facts != last.Facts && p.word.Head == last.Hash {
		add(p.id, "its record is not the one that its last event names: somebody changed there who asked, what for, what would run, a decision, a send, what people said, or how it ended")
	}
	switch {
	case len(out) > 0 && p.word.Events == len(p.events):
	case p.word.Events > len(p.events):
		add(p.at(len(p.events)), fmt.Sprintf("is the last of %d, and the record counts %d: some were removed", len(p.events), p.word.Events))
	case p.word.Events < len(p.events):
		add(p.at(p.word.Events+1), fmt.Sprintf("is more than the record counts, %d: it was added, or the record was put back", p.word.Events))
	case p.word.Head != last.Hash:
		add(p.at(len(p.events)), "is not the head that the record has: one of the two was changed")
	}
	if last.Move != "" && p.word.State != last.To {
		add(p.at(len(p.events)), fmt.Sprintf("ends in %s, and the record says %s", last.To, p.word.State))
	}
	if last.Move != "" && p.word.Digest != last.Digest {
		add(p.at(len(p.events)), "is for another digest than the record has")
	}
	return out
}

// chain says at which event, from 1, a chain does not hold, and why; 0: it holds.
func chain(id string, events []approvals.Event) (int, string) {
	if b, ok := errors.AsType[*approvals.Broken](approvals.Verify(events)); ok {
		if events[b.N-1].Hash == "" {
			return b.N, "has no hash: it was put in, or is from a bmcmd that made none"
		}
		return b.N, b.Why
	}
	if len(events) > 0 && events[0].Request != id {
		return 1, "is of another request, " + events[0].Request
	}
	return 0, ""
}

// inClicks says what is wrong with the refused clicks of a request: each event, and the
// record, name the newest of those that were kept by then.
func inClicks(p past, events []approvals.Event) string {
	if p.lost {
		return "a refused click is not what bmcmd wrote"
	}
	if len(p.events)+len(p.clicks) == 0 {
		return "" // gone with the events
	}
	var counts []approvals.Refusals
	for _, e := range events {
		if e.Refused != nil {
			counts = append(counts, *e.Refused)
		}
	}
	if c := p.word.Refused; c != nil {
		counts = append(counts, *c)
	}
	for i := range counts {
		if i > 0 && counts[i].All < counts[i-1].All || p.word.Record == kept && p.word.Refused == nil {
			return fmt.Sprintf("its record counts fewer refused clicks than the %d that an event names", counts[max(0, i-1)].All)
		}
	}
	if b, ok := errors.AsType[*approvals.Broken](approvals.VerifyRefusals(p.clicks, counts...)); ok {
		return fmt.Sprintf("refused click %d %s", b.N, b.Why)
	}
	if c := p.word.Refused; p.word.Record == kept && c == nil && len(p.clicks) > 0 {
		return fmt.Sprintf("its record counts no refused click, and here are %d", len(p.clicks))
	} else if c != nil && (c.N != len(p.clicks) || c.All < c.N) {
		return fmt.Sprintf("its record counts %d refused clicks of which %d are kept, and here are %d", c.All, c.N, len(p.clicks))
	}
	return ""
}

// keeping is how long things stay in Redis.
type keeping struct{ requests, events time.Duration }

// checkHistory is check for a request as it lies in Redis, with all of its record, its
// place in the index, and its age.
func checkHistory(h redisstore.History, keep keeping) []finding {
	p := pastOf(h)
	out := check(p)
	add := func(what, do string) { out = append(out, finding{p.id, what, do}) }
	if what := tooEarly(h, keep); what != "" {
		add(what, askSlack)
	}
	for _, what := range h.Odd {
		add(what, askSlack)
	}
	for _, what := range h.Lacks {
		add(what, askIndex)
	}
	for _, key := range h.Stray {
		add("there is "+key+", and neither its record nor its events", askIndex)
	}
	if h.RecordErr == nil && len(h.Events) > 0 {
		if what := inRecord(h.Record, h.Events); what != "" {
			add(what, askSlack)
		}
	}
	switch {
	case len(h.Events) == 0, h.Indexed.IsZero() && h.Now.Sub(h.Newest) >= keep.events: // by age
	case h.Indexed.IsZero():
		add("the index does not have it", askIndex)
	case !h.Indexed.Equal(h.Newest):
		add(fmt.Sprintf("its newest event was written %s, and the index says %s: one was changed, or events were removed", utc(h.Newest), utc(h.Indexed)), askSlack)
	}
	return out
}

// inRecord says what the record has that its events do not bear out.
func inRecord(r approvals.Request, events []approvals.Event) string {
	if r.Plan != nil && r.Plan.Digest() != r.Digest {
		return "the plan in its record is not the one of its digest"
	}
	first, last := events[0], events[len(events)-1]
	if a := first.Asked; r.Requester.User != first.By.User || r.Origin.Channel != first.Channel || a == nil ||
		!slices.Equal(r.Asked.HostsTyped(), a.Hosts) || r.Asked.Script != a.Script && r.Asked.Alias != a.Script {
		return "its record says otherwise than its first event who asked, where, for which script, or for which hosts"
	}
	if r.Received.UnixMilli() != first.At.UnixMilli() {
		return "its record says that it came " + utc(r.Received) + ", and its first event is of " + utc(first.At)
	}
	if r.Revision < last.Revision {
		return fmt.Sprintf("its record is version %d, and its last event made version %d", r.Revision, last.Revision)
	}
	for _, d := range r.Decisions {
		move := map[approvals.Verdict]string{approvals.Approve: "vote", approvals.Deny: "deny"}[d.Verdict]
		pressed := func(e approvals.Event) bool { return e.Move == move && e.By.Same(d.Person) && e.Digest == d.Digest }
		if !slices.ContainsFunc(events, pressed) {
			return fmt.Sprintf("its record has a decision (%s by %s) of which there is no event", d.Verdict, d.Person.User)
		}
	}
	return ""
}

// tooEarly says what of a request is gone although it is to be kept. A record stays
// until keep.requests after the request has ended and its last change, so at least as
// long after its last event.
func tooEarly(h redisstore.History, keep keeping) string {
	noRecord := errors.Is(h.RecordErr, approvals.ErrNotFound)
	switch {
	case h.EventsErr != nil:
	case len(h.Events) == 0:
		last := h.Indexed
		for _, t := range []time.Time{h.Record.Received, h.Record.EndedAt} {
			if t.After(last) {
				last = t
			}
		}
		if age := h.Now.Sub(last); age < keep.events && (!noRecord || !h.Indexed.IsZero()) {
			return fmt.Sprintf("its events are gone after %s, and are kept for %s", short(age), short(keep.events))
		}
	case noRecord && h.Events[0].TurnedAway(): // there never was one
	case noRecord && h.Now.Sub(h.Newest) < keep.requests:
		return fmt.Sprintf("its record is gone %s after its last event, and is kept for %s", short(h.Now.Sub(h.Newest)), short(keep.requests))
	}
	return ""
}

// short is a length of time without what nobody asks for.
func short(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	return d.Round(time.Second).String()
}
