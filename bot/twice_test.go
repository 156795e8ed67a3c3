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
	"github.com/bmcmd/bmcmd/bmclient"
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

// Somebody who may presses Run again and again while the vault is away: what one press
// began goes on, and a hundred more read nothing and leave nothing. Once the API has said
// no, each is a new try, but there are so many in all.
func TestRunPressedAgainAndAgain(t *testing.T) {
	play(t, func(r *rig) {
		r.logins.set(func(l *logins) { l.onOpen = func() error { return errors.New("sealed") } })
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		r.pass(3 * r.first.DispatchWithin)
		r.hears(r.press("BOB", Run, id), "Recorded: everything is read once more and then sent. The answer comes into the card's thread.")
		before, reads := r.get(id), len(r.journal.of("read"))
		for n := range 100 {
			w := r.words(r.press([]string{"BOB", "ALICE", "CAROL"}[n%3], Run, id))
			if !strings.HasPrefix(w.Text, "Run was pressed already, and I try again by myself") || !w.When.Equal(before.DispatchBy) {
				r.Fatalf("%q, until %v", w.Text, w.When)
			}
		}
		if k := r.get(id); k.Revision != before.Revision || k.Refused.All != 0 || len(r.journal.of("read")) != reads {
			r.Errorf("revision %d after %d, %d presses refused, %d readings after %d", k.Revision, before.Revision, k.Refused.All, len(r.journal.of("read")), reads)
		}
		r.logins.set(func(l *logins) { l.onOpen = nil })
		r.pass(r.first.DispatchWithin)
		r.is(id, approvals.Accepted)
	})
	play(t, func(r *rig) {
		r.cloud.set(func(c *cloud) {
			c.onRun = func(context.Context) error { return &bmclient.Error{Number: 4400, Class: bmclient.ClassRefused} }
		})
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		for range 100 {
			r.press("BOB", Run, id)
		}
		r.hears(r.press("ALICE", Run, id), "Not counted: Run was pressed as often as one request takes. Press Cancel, and ask again once what holds it up is mended.")
		r.ran(21)
		if n := len(r.moves(id)); n > 100 {
			r.Errorf("%d events", n)
		}
		r.hears(r.press("CAROL", Deny, id), "Recorded: you denied it, and nothing runs. The one who asked is told your reason.")
	})
}

// "It ran" and "it did not run" in turn: a few changes are events, the rest are refused.
func TestAWordThatChangesAgainAndAgain(t *testing.T) {
	playAsked(t, func(r *rig, id string) {
		r.pass(2*time.Hour + 5*time.Minute)
		before := len(r.moves(id))
		for n := range 100 {
			r.press("BOB", []Button{Ran, DidNotRun}[n%2], id)
		}
		if k := r.get(id); len(r.moves(id)) != before+4 || k.Refused.N != approvals.MostRefusalsBy || k.Refused.All != 96 {
			r.Errorf("%d events more, refused %+v", len(r.moves(id))-before, k.Refused)
		}
		r.hears(r.press("BOB", Ran, id), "Not counted: you have changed your word as often as counts, so the last one stays. It can be changed once more to what somebody else says, as that settles it.")
		r.press("CAROL", Ran, id)
		r.hears(r.press("BOB", Ran, id), "Recorded: you say that it ran, and so it is settled. Press Ask again if it is to run now.")
	})
}
