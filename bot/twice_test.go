package bot

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
)

// pressTwice has one envelope delivered to one bot and then, after what happens in between, to
// another. Both answers are told, and the request moves once.
func (r *rig) pressTwice(user string, button Button, id string, between func()) {
	r.Helper()
	event := r.event()
	same := func(c *Click) { c.Event, c.Digest = event, r.get(id).Digest }
	first := r.words(r.press(user, button, id, same))
	if !strings.HasPrefix(first.Text, "Recorded") {
		r.Fatalf("%s: %s", button, first.Text)
	}
	if between != nil {
		between()
	}
	before := r.moves(id)
	second := r.words(r.pressOn(r.newBot(), user, button, id, same))
	r.settle()
	if diff := cmp.Diff(first, second); diff != "" {
		r.Errorf("%s, again (-first +second):\n%s", button, diff)
	}
	if diff := cmp.Diff(before, r.moves(id)); diff != "" {
		r.Errorf("%s, again, leaves (-before +after):\n%s", button, diff)
	}
}

// One envelope that Slack delivers twice, to two bots, is answered twice with the same words: it is
// counted once, and the audit has no refused press.
func TestTheSamePressTwice(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		r.pressTwice("BOB", Approve, id, nil) // and the run has been sent by then
		r.is(id, approvals.Accepted)
		r.ran(1)

		id = r.words(r.says("ALICE", "run cmd-nozcbhuw ins-3")).Request
		r.pressTwice("BOB", Deny, id, nil)
		id = r.words(r.says("ALICE", "run cmd-nozcbhuw ins-4")).Request
		r.pressTwice("ALICE", Cancel, id, nil)
	})
	playTwo(t, func(r *rig) {
		id := r.asks("ALICE")
		r.pressTwice("BOB", Approve, id, nil)
		r.hears(r.press("BOB", Approve, id), "Your approval was counted already. Look at the card.") // pressed twice
		r.is(id, approvals.Pending)
	})
	playAsked(t, func(r *rig, id string) {
		r.pressTwice("BOB", Lift, id, nil)
		// A word that was changed since is not changed back by an envelope that comes late.
		r.pressTwice("BOB", Ran, id, func() {
			r.pass(2*time.Hour + 5*time.Minute)
			r.hears(r.press("BOB", DidNotRun, id), "Recorded: you say that it did not run. One more person has to say the same.")
		})
		if s := r.get(id).Unsure.Statements; len(s) != 1 || s[0].Finding != approvals.DidNotRun {
			t.Errorf("what bob says: %+v", s)
		}
	})
}

// A press of Run that comes again does not give the run more time.
func TestTheSamePressOfRunTwice(t *testing.T) {
	play(t, func(r *rig) {
		r.logins.set(func(l *logins) { l.onOpen = func() error { return errors.New("sealed") } })
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		r.pass(3 * r.first.DispatchWithin)
		r.pressTwice("BOB", Run, id, func() { r.pass(2 * r.first.DispatchWithin) })
		if k := r.get(id); k.Clock().Before(k.DispatchBy) {
			t.Errorf("it may be sent until %s", k.DispatchBy)
		}
	})
}

// A press that is refused is in the audit once, to however many bots it is delivered.
func TestTheSameRefusedPressTwice(t *testing.T) {
	playTwo(t, func(r *rig) {
		id := r.asks("ALICE")
		guest := someone("CAROL")
		guest.Guest = true
		r.people.set(func(d *directory) { d.profiles["CAROL"] = guest })
		for n, user := range []string{"EVE", "ALICE", "CAROL"} { // not named, who asked, a guest
			event := r.event()
			for _, b := range []*Bot{r.first, r.newBot(), r.newBot()} {
				r.pressOn(b, user, Approve, id, func(c *Click) { c.Event = event })
			}
			if got := r.get(id).Refused; got.All != n+1 || got.N != n+1 {
				r.Errorf("%s: %+v, want %d", user, got, n+1)
			}
		}
		r.press("EVE", Approve, id) // pressed once more
		if got := r.get(id).Refused; got.All != 4 || got.N != 4 {
			r.Errorf("pressed again: %+v, want 4", got)
		}
	})
}

// The same at one moment: of many deliveries one is counted, and none is refused.
func TestTheSamePressAtOnce(t *testing.T) {
	playTwo(t, func(r *rig) {
		id := r.asks("ALICE")
		k := r.get(id)
		click := Click{Event: r.event(), By: ref("BOB"), Origin: k.Origin, Button: Approve, Request: id, Digest: k.Digest, Message: k.Card.TS}
		bots := []*Bot{r.first, r.newBot(), r.newBot(), r.newBot()}
		answers := make([]Answer, len(bots))
		var all sync.WaitGroup
		for i, b := range bots {
			all.Go(func() { answers[i] = b.Clicked(context.Background(), click) })
		}
		all.Wait()
		for _, a := range answers {
			r.hears(a, "Recorded: you approved. It has 1 of the 2 approvals it needs.")
		}
		if moves := r.moves(id); slices.ContainsFunc(moves, func(m string) bool { return strings.HasPrefix(m, "refused") }) {
			t.Errorf("events: %q", moves)
		}
	})
}
