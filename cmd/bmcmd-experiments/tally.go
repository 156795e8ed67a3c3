package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// tally is what is counted over a whole experiment.
type tally struct {
	requests, ran     int
	unknown, adopted  int
	asked, settled    int
	stopped, tooLate  int // runs that people had stopped; those that had not begun in time
	cardsTwice        int
	noticesTwice      int
	promises, unnamed int // sentences that said "Recorded"; those that did not name their request
	unacked           int
	unanswered        int // sends that the API did not answer, as it was told
	late              int // sends that the API answered later than a bot waits
	states            map[approvals.State]int
	kills             map[string]int
	missed            map[string]int
	slowest           time.Duration            // of next elsewhere
	slowestAt         string                   // and what it was
	next              map[bool][]time.Duration // from a kill to the next event; true: it was between claim and answer
}

func (t *tally) add(s *story) {
	t.requests++
	t.ran += min(s.runs, 1)
	bump(&t.states, s.State, 1)
	var unknown, adopted bool
	for _, e := range s.events {
		unknown = unknown || e.To == approvals.Unknown
		adopted = adopted || e.Move == "adopt"
	}
	t.unknown += one(unknown)
	t.adopted += one(adopted)
	by := func(person bool) bool {
		return slices.ContainsFunc(s.Follow.Stops, func(o approvals.Stop) bool { return (o.By.User != "") == person })
	}
	t.stopped += one(by(true))
	t.tooLate += one(by(false))
	t.asked += one(!s.Unsure.Asked.IsZero())
	t.settled += one(s.State == approvals.Settled)
	t.cardsTwice += max(0, len(s.cards)-1)
	posted := map[string]int{}
	for _, m := range s.thread {
		posted[nameOf(m)]++
	}
	for _, n := range posted {
		t.noticesTwice += n - 1
	}
	for _, k := range s.kills {
		if i := slices.IndexFunc(s.events, func(e approvals.Event) bool { return e.At.After(k.At) }); i >= 0 && s.events[i].By.User == "" { // not what people do next
			if t.next == nil {
				t.next = map[bool][]time.Duration{}
			}
			sent := slices.Contains(between, k.Point)
			d := s.events[i].At.Sub(k.At)
			t.next[sent] = append(t.next[sent], d)
			if !sent && d > t.slowest {
				t.slowest, t.slowestAt = d, k.Point+" to "+s.events[i].Move+" of "+s.ID
			}
		}
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

func bump[K comparable](m *map[K]int, k K, by int) {
	if *m == nil {
		*m = map[K]int{}
	}
	(*m)[k] += by
}

// plus adds what was counted in another batch.
func (t *tally) plus(o tally) {
	for _, c := range []struct {
		to   *int
		more int
	}{
		{&t.requests, o.requests},
		{&t.ran, o.ran},
		{&t.unknown, o.unknown},
		{&t.adopted, o.adopted},
		{&t.asked, o.asked},
		{&t.settled, o.settled},
		{&t.stopped, o.stopped},
		{&t.tooLate, o.tooLate},
		{&t.cardsTwice, o.cardsTwice},
		{&t.noticesTwice, o.noticesTwice},
		{&t.promises, o.promises},
		{&t.unnamed, o.unnamed},
		{&t.unacked, o.unacked},
		{&t.unanswered, o.unanswered},
		{&t.late, o.late},
	} {
		*c.to += c.more
	}
	if o.slowest > t.slowest {
		t.slowest, t.slowestAt = o.slowest, o.slowestAt
	}
	for s, n := range o.states {
		bump(&t.states, s, n)
	}
	for p, n := range o.kills {
		bump(&t.kills, p, n)
	}
	for p, n := range o.missed {
		bump(&t.missed, p, n)
	}
	for k, d := range o.next {
		if t.next == nil {
			t.next = map[bool][]time.Duration{}
		}
		t.next[k] = append(t.next[k], d...)
	}
}

// write prints what was counted as tables.
func (t *tally) write(w io.Writer, faults int, took time.Duration) {
	total := 0
	for _, n := range t.kills {
		total += n
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer tw.Flush()
	fmt.Fprintf(tw, "kills at\t\t\n")
	for _, p := range slices.Sorted(maps.Keys(t.kills)) {
		fmt.Fprintf(tw, "  %s\t%d\t\n", p, t.kills[p])
	}
	for _, p := range slices.Sorted(maps.Keys(t.missed)) {
		fmt.Fprintf(tw, "  %s\t%d\tplanned, and no replica got there\n", p, t.missed[p])
	}
	fmt.Fprintf(tw, "requests ended as\t\t\n")
	for _, s := range slices.Sorted(maps.Keys(t.states)) {
		fmt.Fprintf(tw, "  %s\t%d\t\n", s, t.states[s])
	}
	fmt.Fprintf(tw, "kills\t%d\tin %s, %.1f a second\n", total, took.Round(time.Second), float64(total)/took.Seconds())
	fmt.Fprintf(tw, "requests\t%d\t%d of them ran\n", t.requests, t.ran)
	fmt.Fprintf(tw, "commands without an ack\t%d\ttyped again, unless the request was there\n", t.unacked)
	fmt.Fprintf(tw, "sentences that promised\t%d\teach held against the events\n", t.promises)
	fmt.Fprintf(tw, "stopped\t%d\t%d by people, %d because they had not begun in time\n", t.stopped+t.tooLate, t.stopped, t.tooLate)
	fmt.Fprintf(tw, "unknown for a while\t%d\t%d by a kill, %d because the API was told not to answer, %d because it took longer than %s\n",
		t.unknown, t.unknown-t.unanswered-t.late, t.unanswered, t.late, runTimeout)
	fmt.Fprintf(tw, "of these\t\t%d found and followed, %d asked about, %d settled\n", t.adopted, t.asked, t.settled)
	fmt.Fprintf(tw, "messages that came twice\t%d\t%d cards, %d in threads\n", t.cardsTwice+t.noticesTwice, t.cardsTwice, t.noticesTwice)
	for _, sent := range []bool{false, true} {
		where := map[bool]string{false: "elsewhere", true: "between claim and answer"}[sent]
		d := t.next[sent]
		slices.Sort(d)
		fmt.Fprintf(tw, "kill to next act, %s\t%s\tp99 %s, of %d\n", where, at(d, 50), at(d, 99), len(d))
	}
	fmt.Fprintf(tw, "the slowest elsewhere\t%s\t%s\n", t.slowest.Round(time.Millisecond), t.slowestAt)
	fmt.Fprintf(tw, "VIOLATIONS\t%d\t\n", faults)
}

// at is a percentile of sorted durations.
func at(d []time.Duration, percent int) time.Duration {
	if len(d) == 0 {
		return 0
	}
	return d[min(len(d)-1, len(d)*percent/100)].Round(time.Millisecond)
}
