package approvals

import (
	"context"
	"errors"
	"testing"
	"time"
)

func pendingOn(t testing.TB, d *Desk, quorum int) Kept {
	t.Helper()
	k, _, err := d.Receive(context.Background(), newRequest())
	for _, m := range []Move{Prepare(alice, somePlan(quorum)), Open("C0OPS", "1.2")} {
		if err == nil {
			k, err = d.Advance(context.Background(), k, m)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestReceive(t *testing.T) {
	d := NewDesk(newMemory(), "w1", time.Minute)
	r := newRequest()
	r.Schema, r.State, r.Revision, r.Card = 0, Accepted, 77, Card{}
	k, fresh, err := d.Receive(t.Context(), r)
	if err != nil || !fresh || k.State != Received || k.Revision != 1 || k.Schema != Schema || k.Card.Look != 1 || !k.Mine {
		t.Errorf("fresh %v, error %v, %+v", fresh, err, k)
	}
	if _, fresh, err := d.Receive(t.Context(), r); fresh || err != nil {
		t.Errorf("the same again: fresh %v, error %v", fresh, err)
	}
}

func TestMoveIsTriedAgainOnTheNewerVersion(t *testing.T) {
	m := newMemory()
	amy, ben := NewDesk(m, "amy", time.Minute), NewDesk(m, "ben", time.Minute)
	k := pendingOn(t, amy, 2)
	m.rival = func() {
		if _, err := ben.Move(context.Background(), k.ID, Vote(bob, k.Digest, someFacts(2), within)); err != nil {
			t.Error(err)
		}
	}
	got, err := amy.Move(t.Context(), k.ID, Vote(carol, k.Digest, someFacts(2), within))
	if err != nil || got.State != Approved || len(got.Approvers()) != 2 {
		t.Errorf("%s with %d approvers, error %v", got.State, len(got.Approvers()), err)
	}
}

func TestAdvanceDoesNotTryAgain(t *testing.T) {
	m := newMemory()
	d := NewDesk(m, "w1", time.Minute)
	k := pendingOn(t, d, 1)
	if _, err := d.Move(t.Context(), k.ID, Cancel(alice)); err != nil {
		t.Fatal(err)
	}
	got, err := d.Advance(t.Context(), k, Vote(bob, k.Digest, someFacts(1), within))
	if !errors.Is(err, ErrConflict) || got.State != Cancelled {
		t.Errorf("%s, error %v; want the newer version", got.State, err)
	}
}

func TestDeskErrors(t *testing.T) {
	m := newMemory()
	d := NewDesk(m, "w1", time.Minute)
	k := pendingOn(t, d, 1)
	vote := Vote(bob, k.Digest, someFacts(1), within)
	if _, err := d.Move(t.Context(), "r-none", vote); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown id: %v", err)
	}
	if got, err := d.Move(t.Context(), k.ID, Cancel(bob)); !errors.Is(err, ErrNotYours) || got.State != Pending {
		t.Errorf("a refused move: %s, error %v; want the request as it stands", got.State, err)
	}
	m.fault = away
	if _, err := d.Move(t.Context(), k.ID, vote); !errors.Is(err, ErrUnavailable) {
		t.Errorf("the store is away: %v", err)
	}
	m.fault = lostReply
	if _, err := d.Move(t.Context(), k.ID, vote); !errors.Is(err, ErrUncertain) {
		t.Errorf("the reply is lost: %v", err)
	}
	if _, err := d.Move(t.Context(), k.ID, vote); !errors.Is(err, ErrDecided) {
		t.Errorf("once more: %v; the first had counted", err)
	}

	// The store's clock passes the deadline between the last answer and the swap.
	m, k = newMemory(), Kept{}
	d = NewDesk(m, "w1", time.Minute)
	k = pendingOn(t, d, 1)
	m.pass(lifetime + time.Second)
	if _, err := d.Advance(t.Context(), k, vote); !errors.Is(err, ErrExpired) || !errors.Is(err, ErrLate) {
		t.Errorf("too late by the store's clock only: %v", err)
	}
}

func TestHoldEndsWhenNothingIsToBeDone(t *testing.T) {
	m := newMemory()
	d := NewDesk(m, "w1", time.Minute)
	k := pendingOn(t, d, 1)
	if k.Mine {
		t.Error("people are to decide, and the worker still holds the request")
	}
	k, err := d.Move(t.Context(), k.ID, Vote(bob, k.Digest, someFacts(1), within))
	if err != nil || !k.Mine {
		t.Errorf("approved and to be dispatched: mine %v, error %v", k.Mine, err)
	}
}

// A refused click is kept, and changes nothing of the request. Its next event names it.
func TestRefusedClicks(t *testing.T) {
	m := newMemory()
	d := NewDesk(m, "w1", time.Minute)
	k := pendingOn(t, d, 1)
	for _, p := range []Person{dave, dave, alice} { // with a version in hand that counts none of them
		if err := d.Refused(t.Context(), k, Refusal{By: p, Click: "approve", Note: "not among those who may approve"}, 1); err != nil {
			t.Fatal(err)
		}
	}
	clicks, counted := m.records[k.ID].clicks, m.records[k.ID].count
	if len(clicks) != 2 || clicks[0].By != dave || clicks[1].By != alice || clicks[0].State != Pending || clicks[0].At.IsZero() || counted.All != 3 {
		t.Errorf("kept are %+v, counted %+v; want one of each person, and all three counted", clicks, counted)
	}
	k, err := d.Advance(t.Context(), k, Vote(bob, k.Digest, someFacts(1), within))
	if err != nil {
		t.Errorf("a version from before the clicks is not good any more: %v", err)
	}
	if k, err = d.Advance(t.Context(), k, Wait("busy", t0)); err != nil {
		t.Fatal(err)
	}
	events, err := d.Events(t.Context(), k.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	if last := events[len(events)-1]; last.refused() != counted || VerifyRefusals(clicks, last.refused()) != nil || Verify(events) != nil {
		t.Errorf("the next event names %+v, want %+v", last.refused(), counted)
	}
	for why, bad := range map[string][]Refusal{
		"one was changed":     {clicks[0], func() Refusal { c := clicks[1]; c.Note = "fine"; return rehash(t, c) }()},
		"the first is gone":   clicks[1:],
		"the last is gone":    clicks[:1],
		"they changed places": {clicks[1], clicks[0]},
		"all are gone":        nil,
	} {
		if VerifyRefusals(bad, counted) == nil {
			t.Errorf("%s, and it is not seen", why)
		}
	}
}

func rehash(t *testing.T, f Refusal) Refusal {
	t.Helper()
	text, err := f.Encode()
	if err == nil {
		f, err = DecodeRefusal(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A version in hand is good for one run of the store's server only. After a restore
// the same number may stand for something else.
func TestAVersionOfAnotherServerIsNotWritten(t *testing.T) {
	m := newMemory()
	d := NewDesk(m, "w1", time.Minute)
	before := m.copy()
	k := pendingOn(t, d, 1)
	m.restore(before, "run-2")
	second := NewDesk(m, "w2", time.Minute)
	other := pendingOn(t, second, 2) // the same event once more, and other moves up to the same revision
	if other.ID != k.ID || other.Revision != k.Revision {
		t.Fatalf("revision %d, was %d: this test shows nothing", other.Revision, k.Revision)
	}
	got, err := d.Advance(t.Context(), k, Cancel(alice))
	if !errors.Is(err, ErrConflict) || got.State != Pending || got.Digest != other.Digest || got.Server.ID != "run-2" {
		t.Errorf("%s on %q, error %v; want a conflict with the version there is now", got.State, got.Server.ID, err)
	}
	if got, err = d.Advance(t.Context(), got, Cancel(alice)); !errors.Is(err, ErrOlder) || got.State != Pending {
		t.Errorf("by who remembers more: %s, error %v", got.State, err)
	}
	if got, err = second.Advance(t.Context(), got, Cancel(alice)); err != nil || got.State != Cancelled {
		t.Errorf("on that version: %s, error %v", got.State, err)
	}
	if events, _ := d.Events(t.Context(), k.ID, 0); Verify(events) != nil {
		t.Errorf("the chain: %v", Verify(events))
	}
}
