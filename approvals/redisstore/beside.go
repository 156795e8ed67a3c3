package redisstore

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// An event is timed before it is written, and never ahead of Redis' clock. But Redis'
// clock is set back now and then, or is another's after a failover, and a bot may be slow.
const (
	clockBack = time.Minute
	lateWrite = 10 * time.Minute
)

// mostHold is longer than any hold.
const mostHold = time.Hour

// namedFacts is the schema from which on events name what the record says after them.
const namedFacts = 3

// beside is what lies beside a request's body: fields of its hash, and what is made from
// its record for the bot to find it by.
type beside struct{ rev, on, refused, holds, due, open, twin string }

func besideOf(v any) (b beside) {
	all, _ := v.([]any)
	for i, to := range []*string{&b.rev, &b.on, &b.refused, &b.holds, &b.due, &b.open, &b.twin} {
		if i < len(all) {
			*to, _ = all[i].(string)
		}
	}
	return b
}

func (h *History) odd(format string, args ...any) {
	h.Odd = append(h.Odd, fmt.Sprintf(format, args...))
}

func (h *History) lacks(format string, args ...any) {
	h.Lacks = append(h.Lacks, fmt.Sprintf(format, args...))
}

// timed holds the time before an event, in the list, against the event's own: that of the
// writing is in no hash. The first event has no other, and the second names it.
func (h *History) timed(ms string, at, own time.Time) {
	n := len(h.Events)
	switch {
	case strconv.FormatInt(at.UnixMilli(), 10) != ms:
		h.odd("before event %d of events:%s stands %q, which is no time", n, h.ID, ms)
	case n > 1 && (at.Before(own.Add(-clockBack)) || at.After(own.Add(lateWrite))):
		h.odd("event %d is of %s, and before it, in events:%s, stands another time, %s", n, own.Format(time.RFC3339), h.ID, at.Format(time.RFC3339))
	case n > 1 && at.Before(h.Newest.Add(-clockBack)):
		h.odd("event %d was written %s before the one before it", n, h.Newest.Sub(at))
	}
}

// clicks takes what lies among the refused clicks: they themselves by number, how often
// each person pressed that has one there, and the last envelopes.
func (h *History) clicks(all []any) {
	fields := map[string]string{}
	for i := 0; i+1 < len(all); i += 2 {
		fields[fmt.Sprint(all[i])] = fmt.Sprint(all[i+1])
	}
	pressed := map[string]int{}
	for n := 1; ; n++ {
		text, ok := fields[strconv.Itoa(n)]
		if !ok {
			break
		}
		f, err := decodeRefusal(text)
		if err != nil {
			h.Lost = append(h.Lost, n)
		}
		h.Refusals = append(h.Refusals, f)
		pressed[presser(f.By)]++
		delete(fields, strconv.Itoa(n))
	}
	recent := fields["recent"]
	if delete(fields, "recent"); len(strings.Fields(recent)) > approvals.RecentRefusals {
		h.odd("refused:%s has more in its field recent than bmcmd writes", h.ID)
	}
	if len(h.Lost) > 0 {
		return // who pressed is not known
	}
	sum := 0
	for who, kept := range pressed {
		n, err := strconv.Atoi(fields["by "+who])
		if err != nil || n < kept || strconv.Itoa(n) != fields["by "+who] {
			h.odd("refused:%s has %d clicks of %s and counts %q", h.ID, kept, who, fields["by "+who])
		}
		sum += n
		delete(fields, "by "+who)
	}
	h.pressed = sum
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		h.odd("refused:%s has a field %q, which belongs to none of its clicks", h.ID, name)
	}
}

// presser is under which name a person's refused clicks are counted.
func presser(by approvals.Person) string {
	if by.ID == "" { // not looked up
		return by.User
	}
	return by.Key()
}

// stray notes keys that belong to no request.
func (h *History) stray(k keys, clicks, outputs bool) {
	if clicks {
		h.Stray = append(h.Stray, k.refused(h.ID))
	}
	if outputs {
		h.Stray = append(h.Stray, k.outputs(h.ID))
	}
}

// written holds a record against the text it was read from, and against the fields beside
// it: the time when it came, its revision, the store that it came to, its refused clicks.
func (h *History) written(body, at string, b beside) {
	r := h.Record
	earlier := len(h.Events) > 0 && h.Events[len(h.Events)-1].Facts != "" && r.Schema < namedFacts
	if odd(r, body) || earlier {
		h.odd("its record is not written as bmcmd writes it: a key may stand twice, once for people and once for bmcmd")
	}
	is := func(field, has, want string) {
		if has != want {
			h.odd("its record has %s %q, and the field beside it %q", field, want, has)
		}
	}
	if r.ID != h.ID {
		h.odd("its record is that of %q", r.ID)
	}
	is("revision", b.rev, strconv.FormatInt(r.Revision, 10))
	if r.Received.IsZero() && r.Revision > 1 {
		h.odd("its record does not say when it came")
	} else if !r.Received.IsZero() {
		is("received", at, strconv.FormatInt(r.Received.UnixMilli(), 10))
	}
	if r.KeptOn != "" || r.Revision > 1 && r.Schema >= namedFacts {
		is("kept_on", b.on, r.KeptOn)
	}
	c := refusedClicks(b.refused)
	if b.refused != "" && b.refused != fmt.Sprintf("%d %d %s", c.All, c.N, c.Head) {
		h.odd("the field refused of request:%s is not as bmcmd writes it", h.ID)
	}
	if len(h.Lost) == 0 && len(h.Refusals) > 0 && (h.pressed > c.All || h.pressed < c.All && c.N < approvals.MostRefusals) {
		h.odd("refused:%s counts %d presses of all people together, and the record %d", h.ID, h.pressed, c.All)
	}
}

// derived holds what the bot finds a request by against its record. Each move writes all of
// it together.
func (h *History) derived(b beside) {
	r := h.Record
	switch {
	case r.State.Ended() && b.open != "":
		h.odd("it has ended, and open still has it")
	case !r.State.Ended() && b.open == "":
		h.lacks("it has not ended, and open lacks it: `list` does not show it, and no limit counts it; decide on it, or cancel it")
	case !r.State.Ended() && b.twin != h.ID && !h.gaveUp():
		h.lacks("it has not ended, and twin does not name it: the same can be asked for beside it; cancel one of the two then")
	}
	if at := r.Due(); !at.IsZero() {
		latest := max(number(due(at)), h.Now.Add(mostHold).UnixMilli())
		if ms, err := strconv.ParseFloat(b.due, 64); err != nil {
			h.lacks("nobody would take it up: due lacks it; press a button on its card, or type status and its id")
		} else if ms > float64(latest) {
			h.lacks("nobody would take it up in time: due has it for %s, and it needs somebody at %s; press a button on its card, or type status and its id",
				time.UnixMilli(int64(min(ms, 1e15))).UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339))
		}
	}
	switch held := b.holds != ""; {
	case r.Holds() && !held:
		h.lacks("it may run at this moment, and has no field holds: another run of the script can start on its hosts beside it; approve none before it has ended")
	case !r.Holds() && held:
		h.odd("it does not hold its hosts, and has a field holds: other runs may wait for it")
	}
}

// gaveUp reports whether the request has not kept its hosts and its twin all the time from
// its claim on: others may have them.
func (h *History) gaveUp() bool {
	gave := false
	for _, e := range h.Events {
		switch e.Move {
		case "claim":
			gave = false
		case "lift", "doubt", "recall":
			gave = true
		}
	}
	return gave || h.Record.Unsure.Lifted || h.EventsErr != nil
}
