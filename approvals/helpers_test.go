package approvals

import (
	"slices"
	"testing"
	"time"
)

var (
	t0 = time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)

	alice = Person{Org: "E1", ID: "W-ALICE", User: "U-ALICE", Name: "Alice"} // asks
	bob   = Person{Org: "E1", ID: "W-BOB", User: "U-BOB", Name: "Bob"}       // may approve
	carol = Person{Org: "E1", ID: "W-CAROL", User: "U-CAROL", Name: "Carol"} // may approve
	dave  = Person{Org: "E1", ID: "W-DAVE", User: "U-DAVE", Name: "Dave"}    // may not
)

const (
	lifetime = time.Hour
	within   = 2 * time.Minute
	lease    = time.Minute
	valid    = 2 * time.Hour
)

func opsRule(quorum int) Rule {
	return Rule{
		Name: "ops", Scripts: []string{"cmd-*"}, Hosts: PlainHosts("ins-*"), Channels: []string{"C0*"},
		Show: Who{Anyone: true}, Ask: Who{Groups: []string{"S-ASK"}}, Approve: Who{Groups: []string{"S-OPS"}},
		Quorum: quorum, Lifetime: lifetime,
	}
}

func somePlan(quorum int) Plan {
	return Plan{
		Script: Script{
			CmdID: "cmd-nozcbhuw", Alias: "restart", OSType: "linux", Content: []byte("set -e\nsystemctl restart nginx\n"),
			Created: t0.Add(-time.Hour), Modified: t0.Add(-time.Minute),
		},
		Parameters: "--soft", Hosts: []string{"ins-1", "ins-2"},
		Login:  Login{Name: "root-login", User: "root", Ref: "ref+vault://kv/bm#root"},
		Target: Target{API: "2.0", Endpoint: "https://bm.example", Region: "gz", AppID: "1250000000", ArrayKey: "instanceId"},
		Rule:   opsRule(quorum),
	}
}

// someFacts are a day on which nothing has changed: alice may ask, and alice, bob
// and carol may approve.
func someFacts(quorum int) Facts {
	return Facts{
		Rule: opsRule(quorum),
		Members: Members{
			"S-ASK": {"U-ALICE", "U-DAVE"},
			"S-OPS": {"W-ALICE", "U-BOB", "W-CAROL"},
		},
		Standing: map[string]error{alice.Key(): nil, bob.Key(): nil, carol.Key(): nil, dave.Key(): nil},
	}
}

func newRequest() Request {
	return Request{
		Schema: Schema, ID: NewID("E1", "Ev1"), Event: "Ev1", Revision: 1, State: Received, Received: t0,
		Origin:    Origin{Team: "T1", Channel: "C0OPS"},
		Requester: Person{Org: "E1", User: "U-ALICE"},
		Asked:     Asked{Script: "cmd-nozcbhuw", Hosts: []string{"ins-1", "ins-2"}, Parameters: "--soft"},
		Card:      Card{Look: 1},
	}
}

func apply(t testing.TB, r Request, now time.Time, moves ...Move) Request {
	t.Helper()
	for _, m := range moves {
		next, _, err := r.Apply(m, now)
		if err != nil {
			t.Fatalf("%s from %s: %v", m.Name, r.State, err)
		}
		r = next
	}
	return r
}

// in brings a request into a state, one second a move. One approval is enough.
func in(t testing.TB, s State) Request {
	t.Helper()
	r := apply(t, newRequest(), t0.Add(time.Second), Prepare(alice, somePlan(1)))
	if s == Refused {
		return apply(t, r, t0.Add(2*time.Second), Refuse("no rule allows this"))
	}
	if s == Received {
		return r
	}
	r = apply(t, r, t0.Add(2*time.Second), Open("C0OPS", "1.2"))
	switch s {
	case Pending:
		return r
	case Denied:
		return apply(t, r, t0.Add(3*time.Second), Veto(bob, r.Digest, "not now", someFacts(1)))
	case Cancelled:
		return apply(t, r, t0.Add(3*time.Second), Cancel(alice))
	case Expired:
		return apply(t, r, r.Expires, Expire())
	}
	r = apply(t, r, t0.Add(3*time.Second), Vote(bob, r.Digest, someFacts(1), within))
	if s == Approved {
		return r
	}
	r = apply(t, r, t0.Add(4*time.Second), Claim(grant(t, r), Intent{Worker: "w1", Lease: lease, Valid: valid, Mark: &Mark{Tasks: []string{"task-old"}}}))
	switch s {
	case Accepted:
		return apply(t, r, t0.Add(5*time.Second), Answered("w1", 1, Answer{Outcome: OutcomeAccepted}))
	case Succeeded:
		return apply(t, r, t0.Add(5*time.Second), Answered("w1", 1, Answer{Outcome: OutcomeAccepted}), Finish(hosts(good("ins-1"), good("ins-2")), ""))
	case Failed:
		return apply(t, r, t0.Add(5*time.Second), Answered("w1", 1, Answer{Outcome: OutcomeFailed, Code: 1801}))
	case Unknown:
		return apply(t, r, t0.Add(5*time.Second), Answered("w1", 1, Answer{Outcome: OutcomeUnknown}))
	case Settled:
		return apply(t, r, t0.Add(5*time.Second), Answered("w1", 1, Answer{Outcome: OutcomeUnknown}), Ask("no task fits", nil, time.Time{}),
			Settle(bob, r.Digest, Ran, someFacts(1)), Settle(carol, r.Digest, Ran, someFacts(1)))
	}
	return r
}

func grant(t testing.TB, r Request) Grant {
	t.Helper()
	g, err := r.Grant(*r.Plan, someFacts(1), r.ApprovedAt)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func hosts(all ...HostResult) []HostResult { return all }

// good is a host of somePlan that did what was approved; change spoils it.
func good(host string, change ...func(*HostResult)) HostResult {
	h := HostResult{Host: host, Task: "task-1", State: HostEnded, Proof: ProofSame, Begun: t0, Finished: t0.Add(time.Minute)}
	for _, f := range change {
		f(&h)
	}
	return h
}

var allStates = []State{Received, Pending, Approved, Executing, Accepted, Succeeded, Failed, Unknown, Settled, Refused, Denied, Expired, Cancelled}

// without is the list without x, as a new one.
func without(list []string, x string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == x })
}
