package approvals

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// What a process remembers, and what it makes of an older version.
func TestRecall(t *testing.T) {
	sent := func(s State) Request { return in(t, s) }
	ended := func(m Move, from State) Request { return apply(t, in(t, from), t0, m) }
	refused := sent(Executing)
	refused = apply(t, refused, t0, Answered("w1", 1, Answer{Outcome: OutcomeFailed}))
	tests := []struct {
		why  string
		was  Request
		from State
		want State
	}{
		{"claimed", sent(Executing), Approved, Unknown},
		{"claimed, and back before the vote", sent(Executing), Pending, Unknown},
		{"claimed, and back before the look-up", sent(Executing), Received, Unknown},
		{"followed", sent(Accepted), Approved, Unknown},
		{"unknown before", sent(Unknown), Approved, Unknown},
		{"it had run", sent(Succeeded), Approved, Unknown},
		{"the API had said that it cannot run", refused, Approved, Refused},
		{"denied", ended(Veto(bob, in(t, Pending).Digest, "no", someFacts(1)), Pending), Pending, Denied},
		{"cancelled", ended(Cancel(alice), Approved), Approved, Cancelled},
		{"a vote is lost", sent(Approved), Pending, Pending},
	}
	for _, tt := range tests {
		r := in(t, tt.from)
		if r.Head == tt.was.Head || !r.OlderThan(tt.was) {
			r.Head, r.Events = "older", tt.was.Events-1
		}
		next, event, err := r.Apply(Recall(tt.was, "store-2", "went back"), t0.Add(time.Minute))
		if err != nil || next.State != tt.want || event.Move != "recall" || next.Recalled != "store-2" {
			t.Errorf("%s: %s, error %v, want %s", tt.why, next.State, err, tt.want)
			continue
		}
		if next.State == Unknown && (len(next.Sends) != len(tt.was.Sends) || len(next.Approvers()) != len(tt.was.Approvers()) || next.Due().IsZero()) {
			t.Errorf("%s: %d sends, due %v", tt.why, len(next.Sends), next.Due())
		}
		if len(next.Notices) == 0 {
			t.Errorf("%s: nobody is told", tt.why)
		}
	}
	for _, s := range []State{Executing, Accepted, Unknown, Succeeded} {
		if _, _, err := in(t, s).Apply(Recall(sent(Accepted), "store-2", ""), t0); err == nil {
			t.Errorf("from %s, where nothing can be sent any more, it is recalled", s)
		}
	}
}

// A desk moves nothing that is older than what it was shown, and says so.
func TestADeskMovesNothingOlder(t *testing.T) {
	m := newMemory()
	d := NewDesk(m, "w1", time.Minute)
	k := approvedOn(t, d, "Ev1", "ins-1")
	backup := m.copy()
	if _, err := claim(t, d, k); err != nil {
		t.Fatal(err)
	}
	m.restore(backup, "run-1") // as the same server
	if got, err := claim(t, d, k); !errors.Is(err, ErrOlder) || got.State != Approved {
		t.Errorf("claimed once more: %s, error %v", got.State, err)
	}
	if _, err := d.Move(t.Context(), k.ID, Cancel(alice)); !errors.Is(err, ErrOlder) {
		t.Errorf("cancelled: %v", err)
	}
	now, was, older, err := d.Recheck(t.Context(), k.ID)
	if err != nil || !older || was.State != Executing {
		t.Fatalf("older %v, was %s, error %v", older, was.State, err)
	}
	if now, err = d.Advance(t.Context(), now, Recall(was, "run-1", "")); err != nil || now.State != Unknown || len(m.held) != 1 {
		t.Errorf("recalled: %s, held %v, error %v", now.State, m.held, err)
	}
	if _, err := d.Move(t.Context(), k.ID, Answered("w1", 1, Answer{Outcome: OutcomeAccepted})); err != nil {
		t.Errorf("the answer that was under way: %v", err)
	}
}

// What a process remembers is bounded; what is open stays longest.
func TestWhatIsKnownIsBounded(t *testing.T) {
	n := newKnown()
	for i := range mostKnown + 1 {
		k := Kept{Request: Request{ID: fmt.Sprint(i), State: Pending, Events: 1}}
		if i >= mostKnown/2 {
			k.State = Denied
		}
		n.heard(k)
	}
	if len(n.all) > mostKnown {
		t.Errorf("%d are remembered", len(n.all))
	}
	for i := range mostKnown / 2 {
		if n.all[fmt.Sprint(i)] == nil {
			t.Fatalf("%d is open and forgotten", i)
		}
	}
}

// A request that went back, and then further than it is remembered, is found by its events
// the first time that it is looked at.
func TestWhatIsRememberedIsNoPartOfIt(t *testing.T) {
	m := newMemory()
	d, other := NewDesk(m, "w1", time.Minute), NewDesk(m, "w2", time.Minute)
	k := pendingOn(t, d, 1)
	backup := m.copy()
	if _, err := d.Advance(t.Context(), k, Cancel(alice)); err != nil {
		t.Fatal(err)
	}
	m.restore(backup, "run-2")
	for range 3 {
		now, err := other.Load(t.Context(), k.ID)
		if err == nil {
			err = other.Aside(t.Context(), now, Person{}, "late answer", "")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, was, older, err := d.Recheck(t.Context(), k.ID); err != nil || !older || was.State != Cancelled {
		t.Errorf("older %v, was %s, error %v", older, was.State, err)
	}
	if _, _, older, err := other.Recheck(t.Context(), k.ID); err != nil || older {
		t.Errorf("by who was there: older %v, error %v", older, err)
	}
}
