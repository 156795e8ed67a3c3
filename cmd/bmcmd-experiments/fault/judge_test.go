package fault

import (
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// good is a request that went well, and what is seen of it.
func good() (*rig, *talk, ledger) {
	const id = "r-abcdefghjk"
	who := approvals.Person{Org: "T0SIM", User: approverOf(0)}
	k := approvals.Kept{Request: approvals.Request{
		ID: id, State: approvals.Succeeded, Asked: approvals.Asked{Hosts: []string{hostOf(0)}},
		Digest:    "d",
		Decisions: []approvals.Decision{{Person: who, Verdict: approvals.Approve, Digest: "d"}},
		Card:      approvals.Card{TS: "1.0", Look: 5, Shown: 5},
		Sends:     []approvals.Send{{}},
	}}
	r := &rig{seen: &watch{
		messages: map[string]slacksim.Message{
			"1.0": {TS: "1.0", Text: "Ran on the host, exit code 0"},
			"1.1": {TS: "1.1", ReplyTo: "1.0", Text: "Accepted by the API"},
			"1.2": {TS: "1.2", ReplyTo: "1.0", Text: "1 of 1 host ran what was approved"},
		},
		posted: []string{"1.0", "1.1", "1.2"},
		copies: map[string]int{id: 1},
		told: map[string][]string{
			askerOf(0):    {"Working on it…", "Recorded: run cmd-x on ins-load00. Request " + id},
			approverOf(0): {"Recorded: you approved. Request " + id},
		},
	}}
	t := &talk{
		r: r, asker: askerOf(0), approver: approverOf(0), host: hostOf(0), request: id,
		did: map[deed]int{{askerOf(0), "receive"}: 1, {approverOf(0), "vote"}: 1},
	}
	r.talks = []*talk{t}
	return r, t, ledger{
		records: map[string]approvals.Kept{id: k}, events: map[string][]approvals.Event{id: story(
			approvals.Event{Move: "receive", To: approvals.Received, By: approvals.Person{User: askerOf(0)}},
			approvals.Event{Move: "prepare", From: approvals.Received, To: approvals.Received},
			approvals.Event{Move: "open", From: approvals.Received, To: approvals.Pending},
			approvals.Event{Move: "vote", From: approvals.Pending, To: approvals.Approved, By: who},
		)},
		sent: map[string][]time.Time{hostOf(0): {time.Unix(100, 0)}}, stopped: map[string][]time.Time{}, ran: map[string]int{hostOf(0): 1}, held: map[string]bool{},
	}
}

// story makes events follow each other.
func story(events ...approvals.Event) []approvals.Event {
	prev := ""
	for i := range events {
		e := &events[i]
		e.N, e.Revision, e.Prev = i+1, int64(i+1), prev
		e.Hash = e.Sum()
		prev = e.Hash
	}
	return events
}

// unsure makes the request one that two people settled.
func unsure(k *talk, l ledger) {
	k.wants, k.then = approvals.Settled, []press{{"It ran", approverOf}, {"It ran", witnessOf}}
	q := l.records[k.request]
	q.State = approvals.Settled
	for _, who := range []string{approverOf(0), witnessOf(0)} {
		p := approvals.Person{User: who}
		q.Unsure.Statements = append(q.Unsure.Statements, approvals.Statement{Person: p, Finding: approvals.Ran})
		q.Unsure.Agreed = append(q.Unsure.Agreed, p)
		k.did[deed{who, "settle"}]++
		k.r.seen.told[who] = append(k.r.seen.told[who], "Recorded: you say that it ran. One more person has to say the same. Request "+k.request)
	}
	l.records[k.request] = q
	l.events[k.request] = story(append(l.events[k.request],
		approvals.Event{Move: "claim", From: approvals.Approved, To: approvals.Executing},
		approvals.Event{Move: "answer", From: approvals.Executing, To: approvals.Unknown},
		approvals.Event{Move: "settle", From: approvals.Unknown, To: approvals.Unknown, By: approvals.Person{User: approverOf(0)}},
		approvals.Event{Move: "settle", From: approvals.Unknown, To: approvals.Settled, By: approvals.Person{User: witnessOf(0)}})...)
	k.r.seen.messages["1.0"] = slacksim.Message{TS: "1.0", Text: "Settled, it ran"}
	k.r.seen.messages["1.1"] = slacksim.Message{TS: "1.1", ReplyTo: "1.0", Text: "Nobody can know whether this ran"}
	k.r.seen.messages["1.2"] = slacksim.Message{TS: "1.2", ReplyTo: "1.0", Text: "Settled, it ran"}
}

// TestJudge breaks one thing at a time: each has to be found.
func TestJudge(t *testing.T) {
	change := func(l ledger, do func(*approvals.Kept)) {
		for id, k := range l.records {
			do(&k)
			l.records[id] = k
		}
	}
	tests := []struct {
		why  string
		harm func(r *rig, k *talk, l ledger)
		want string // in the violation; empty: there is none
	}{
		{"nothing", func(*rig, *talk, ledger) {}, ""},
		{"sent twice", func(_ *rig, _ *talk, l ledger) { l.sent[hostOf(0)] = make([]time.Time, 2) }, "sent 2 times"},
		{"run twice", func(_ *rig, _ *talk, l ledger) { l.ran[hostOf(0)] = 2 }, "run 2 times"},
		{"sent without an approval", func(_ *rig, _ *talk, l ledger) {
			change(l, func(k *approvals.Kept) { k.Decisions = nil })
		}, "sent without an approval"},
		{"sent by a worker that was lost", func(_ *rig, k *talk, l ledger) {
			l.events[k.request] = append(l.events[k.request], approvals.Event{Move: "lose", At: time.Unix(99, 0)})
		}, "sent 1s after its lease was lost"},
		{"stopped, and nobody ordered that", func(_ *rig, _ *talk, l ledger) { l.stopped[hostOf(0)] = make([]time.Time, 1) }, "before anybody ordered"},
		{"stopped before it was ordered", func(_ *rig, k *talk, l ledger) {
			l.stopped[hostOf(0)] = []time.Time{time.Unix(100, 0)}
			l.events[k.request] = append(l.events[k.request], approvals.Event{Move: "stop", At: time.Unix(101, 0)})
		}, "before anybody ordered"},
		{"a request that was recorded is gone", func(_ *rig, k *talk, l ledger) { delete(l.records, k.request) }, "Redis does not have it"},
		{"a decision that was recorded is gone", func(_ *rig, _ *talk, l ledger) {
			change(l, func(k *approvals.Kept) { k.Decisions[0].Person.User = askerOf(0) })
		}, "Redis does not have it"},
		{"gone in a store that forgets", func(r *rig, k *talk, l ledger) {
			r.fault.forgets = true
			delete(l.records, k.request)
		}, ""},
		{"sent twice all the same", func(r *rig, _ *talk, l ledger) {
			r.fault.forgets = true
			l.sent[hostOf(0)] = make([]time.Time, 2)
		}, "sent 2 times"},
		{"it rests before its end", func(_ *rig, _ *talk, l ledger) {
			change(l, func(k *approvals.Kept) { k.State = approvals.Accepted })
		}, "accepted and rests there"},
		{"a message is owed", func(_ *rig, _ *talk, l ledger) {
			change(l, func(k *approvals.Kept) { k.Notices = make([]approvals.Notice, 1) })
		}, "1 notices owed"},
		{"the card is behind", func(_ *rig, _ *talk, l ledger) {
			change(l, func(k *approvals.Kept) { k.Card.Shown = 4 })
		}, "card behind: true"},
		{"nobody was asked what became of it", func(_ *rig, _ *talk, l ledger) {
			change(l, func(k *approvals.Kept) { k.State = approvals.Unknown })
		}, "unknown and rests there"},
		{"the card says something else", func(r *rig, _ *talk, _ ledger) {
			r.seen.messages["1.0"] = slacksim.Message{TS: "1.0", Text: "Being sent"}
		}, "its card says"},
		{"the card is gone", func(r *rig, _ *talk, _ ledger) { delete(r.seen.messages, "1.0") }, "has no card in Slack"},
		{"the thread lacks the result", func(r *rig, _ *talk, _ ledger) { r.seen.posted = r.seen.posted[:2] }, "its thread does not say"},
		{"the thread is out of order", func(r *rig, _ *talk, _ ledger) { r.seen.posted = []string{"1.0", "1.2", "1.1"} }, "out of order"},
		{"an answer that there is not", func(r *rig, k *talk, _ ledger) {
			r.seen.told[k.asker] = append(r.seen.told[k.asker], "Something could not be reached.")
		}, "was told"},
		{"an answer in a form that there is not", func(_ *rig, k *talk, _ ledger) { k.acked = []string{"Oops"} }, "was told"},
		{"no answer", func(_ *rig, k *talk, _ ledger) { k.silent = 1 }, "no answer came"},
		{"no answer of one who was away", func(r *rig, k *talk, _ ledger) { r.fault.away, k.silent = true, 1 }, ""},
		{"somebody gave up", func(_ *rig, k *talk, _ ledger) { k.gaveUp = "asking for it" }, "did not work out"},
		{"the events do not hold", func(_ *rig, k *talk, l ledger) {
			l.events[k.request] = []approvals.Event{{N: 2}}
		}, "do not hold"},
		{"a decision that was recorded has no event", func(_ *rig, k *talk, l ledger) {
			l.events[k.request] = l.events[k.request][:3]
		}, "Redis does not have it"},
		{"a decision is there twice", func(_ *rig, k *talk, l ledger) {
			k.did[deed{k.approver, "vote"}] = 2
			l.events[k.request] = story(append(l.events[k.request], l.events[k.request][3])...)
		}, "2 events of vote"},
		{"a decision of which somebody was told that it was not recorded", func(_ *rig, k *talk, _ ledger) { clear(k.did) }, "1 events of vote by"},
		{"a move of the bot is there twice", func(_ *rig, k *talk, l ledger) {
			l.events[k.request] = story(append(l.events[k.request], approvals.Event{Move: "open"})...)
		}, "2 events of open"},
		{"it ended otherwise than it was to", func(_ *rig, k *talk, _ ledger) { k.wants = approvals.Denied }, "succeeded, and not denied"},
		{"it ended as only some may", func(_ *rig, _ *talk, l ledger) {
			change(l, func(k *approvals.Kept) { k.State = approvals.Refused })
		}, "is refused"},
		{"the move that was to be lost is not there", func(_ *rig, k *talk, _ ledger) { k.drops = "wait" }, "no event of wait"},
		{"no reply was lost", func(r *rig, k *talk, _ ledger) {
			r.loses = []*loss{{move: "wait", host: k.host}}
		}, "0 of 3 replies to wait were lost"},
		{"its hosts are still kept", func(_ *rig, k *talk, l ledger) { l.held[k.request] = true }, "keeps its hosts: true"},
		{"settled", func(_ *rig, k *talk, l ledger) { unsure(k, l) }, ""},
		{"settled, and one of the words is gone", func(_ *rig, k *talk, l ledger) {
			unsure(k, l)
			change(l, func(k *approvals.Kept) { k.Unsure.Statements = k.Unsure.Statements[:1] })
		}, "Redis does not have it"},
		{"settled by one", func(_ *rig, k *talk, l ledger) {
			unsure(k, l)
			change(l, func(k *approvals.Kept) { k.Unsure.Agreed = k.Unsure.Agreed[:1] })
		}, "settled by 1 people"},
		{"the witness was told nonsense", func(r *rig, k *talk, l ledger) {
			unsure(k, l)
			r.seen.told[witnessOf(0)] = append(r.seen.told[witnessOf(0)], "Oops")
		}, "was told"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			r, k, l := good()
			tt.harm(r, k, l)
			got := r.judgeTalk(k, l).violations
			if tt.want == "" && len(got) > 0 || tt.want != "" && !strings.Contains(strings.Join(got, "\n"), tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestTwice counts what came more than once, which is no violation.
func TestTwice(t *testing.T) {
	r, k, l := good()
	r.seen.copies[k.request] = 2
	r.seen.messages["1.3"] = slacksim.Message{TS: "1.3", ReplyTo: "1.0", Text: "Accepted by the API"}
	r.seen.posted = append(r.seen.posted, "1.3")
	if got := r.judgeTalk(k, l); got.twice != 2 || len(got.violations) > 0 {
		t.Errorf("%+v", got)
	}
}
