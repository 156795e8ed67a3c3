package approvals

import (
	"errors"
	"testing"
	"time"
)

// A mark that is not stored yet goes with the next move of whoever has it, also when
// others are faster.
func TestAMarkIsStoredWithTheNextMove(t *testing.T) {
	ctx, store := t.Context(), newMemory()
	one, other := NewDesk(store, "w-one", time.Minute), NewDesk(store, "w-other", time.Minute)
	k, _, err := one.Receive(ctx, newRequest())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []Move{Prepare(alice, somePlan(1)), Open("C0OPS", "1.2"), Redraw()} {
		if k, err = one.Advance(ctx, k, m); err != nil {
			t.Fatal(err)
		}
	}
	drawn := k.With(Shown("C0OPS", "1.2", k.Card.Look, false))
	if !drawn.Ahead() || drawn.Behind() || drawn.Revision != k.Revision {
		t.Fatalf("ahead %v, behind %v, revision %d of %d", drawn.Ahead(), drawn.Behind(), drawn.Revision, k.Revision)
	}
	if now, err := one.Load(ctx, k.ID); err != nil || !now.Behind() || now.Ahead() || k.Ahead() {
		t.Errorf("the mark is stored, or shows elsewhere: %+v, error %v", now.Card, err)
	}
	if _, err := other.Advance(ctx, k, Aside("refused approve", dave, "may not")); err != nil {
		t.Fatal(err)
	}
	next, err := one.Advance(ctx, drawn, Touch())
	if !errors.Is(err, ErrConflict) || !next.Ahead() || next.Events != k.Events+1 {
		t.Fatalf("ahead %v with %d events: %v", next.Ahead(), next.Events, err)
	}
	next, err = one.Advance(ctx, next, Aside("refused deny", dave, "may not"))
	if err != nil || next.Ahead() || next.Revision != k.Revision+2 {
		t.Fatalf("ahead %v, revision %d: %v", next.Ahead(), next.Revision, err)
	}
	if now, err := other.Load(ctx, k.ID); err != nil || now.Behind() || now.Events != k.Events+2 {
		t.Errorf("the mark is not stored: %+v, error %v", now.Card, err)
	}
	if k.With(Cancel(alice)).State != k.State {
		t.Error("a move that leaves an event is taken for a mark")
	}
}
