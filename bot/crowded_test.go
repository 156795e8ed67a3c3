package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// A bot that was held up draws an old look over the newer one of another. It must
// not stay there.
func TestAnOldDrawingDoesNotStay(t *testing.T) {
	playTwo(t, func(r *rig) {
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		old := r.get(id) // of a bot that was held up here
		old.Card.Shown, old.Mine = 0, true
		r.press("CAROL", Deny, id, func(c *Click) { c.Reason = "wrong host" })
		r.is(id, approvals.Denied)
		r.first.work(context.Background(), old, false)
		r.pass(hold + 5*time.Second)
		draws := r.journal.of("draw")
		if last := draws[len(draws)-1]; last != "draw 1.0 denied" {
			r.Errorf("the card shows %q at the end, of %q", last, draws)
		}
	})
}

// A card that somebody deleted is noticed when its request is asked for.
func TestALostCardComesBackWhenItIsAskedFor(t *testing.T) {
	for _, line := range []string{"run cmd-nozcbhuw ins-1,ins-2 --reason \"disk full\" -- --fast", "status "} {
		play(t, func(r *rig) {
			id := r.asks("ALICE")
			for range 2 { // also a second time, when it was given up already
				r.pass(showEvery)
				r.board.set(func(b *board) { clear(b.cards) })
				if strings.HasPrefix(line, "status") {
					r.says("ALICE", line+id)
				} else {
					r.says("ALICE", line)
				}
				r.settle()
				if k := r.get(id); r.board.cards[k.Card.TS].ID != id {
					r.Errorf("%s: there is no card; the record says %+v", line, k.Card)
				}
			}
		})
	}
}

// A group that Slack does not tell hides what needs it, and nothing else.
func TestAGroupThatIsNotTold(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		r.people.set(func(d *directory) { d.noGroups = errors.New("no_such_subteam") })
		l, ok := r.says("DAVE", "list").(List)
		if !ok || len(l.Here) != 1 || len(l.Waiting) != 0 || !l.Untold {
			r.Errorf("the list is %+v", l)
		}
		if got := r.words(r.press("DAVE", Approve, id)); !strings.HasPrefix(got.Text, "Not counted: Slack did not tell") {
			r.Errorf("who only the group names hears %q", got.Text)
		}
		r.press("BOB", Approve, id) // whom the rule names
		r.is(id, approvals.Accepted)
	})
}

// A request that the people of its rule can never approve is refused at once.
func TestNobodyElseCouldApprove(t *testing.T) {
	few := approvals.Who{Users: []string{"BOB"}, Groups: []string{"S-oncall"}} // bob and dave
	for _, tt := range []struct {
		why    string
		asker  string
		quorum int
		want   approvals.State
	}{
		{"one of two asks, and one is enough", "BOB", 1, approvals.Pending},
		{"one of two asks, and two must approve", "BOB", 2, ""},
		{"the group's member asks, and two must approve", "DAVE", 2, ""},
		{"somebody else asks, and two must approve", "ALICE", 2, approvals.Pending},
	} {
		playWith(t, func(r *rig) { r.policy[0].Approve, r.policy[0].Quorum = few, tt.quorum }, func(r *rig) {
			w := r.words(r.says(tt.asker, "run cmd-nozcbhuw ins-1"))
			if tt.want == "" {
				r.hears(w, `The rule "ops" needs 2 approvals, and names too few people besides you. Let somebody else ask, or ask whoever keeps the rules.`)
				return
			}
			if k := r.get(w.Request); k.State != tt.want {
				r.Errorf("%s: %s, want %s (%s)", tt.why, k.State, tt.want, k.Why)
			}
		})
	}
}

// Who decided may see how it ended, from wherever they ask.
func TestStatusForWhoDecided(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		for user, want := range map[string]bool{"BOB": true, "CAROL": true, "EVE": false} {
			a := r.first.Typed(context.Background(), Typed{
				Event: r.event(), By: ref(user), Origin: approvals.Origin{Team: theTeam, Channel: "C0ELSEWHERE"}, Text: "status " + id,
			})
			if _, sees := a.(Status); sees != want {
				r.Errorf("%s sees it: %t, want %t", user, sees, want)
			}
		}
	})
}

// A flood of look-ups on an API that hangs holds no decision up.
func TestAFloodOfLookUpsHoldsNoDecisionUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.first = r.newBot(func(c *Config) { c.Workers = 4 })
		r.work(r.first)
		id := r.asks("ALICE")
		release := make(chan struct{})
		r.cloud.set(func(c *cloud) { c.onRead = func() error { <-release; return errors.New("late") } })
		for range 12 {
			r.first.Typed(context.Background(), Typed{
				Event: r.event(), By: ref("EVE"), Origin: approvals.Origin{Team: theTeam, Channel: theChannel},
				Text: "run cmd-nozcbhuw ins-" + r.event(),
			})
		}
		r.settle()
		r.press("BOB", Deny, id, func(c *Click) { c.Reason = "no" })
		draws := r.journal.of("draw")
		if len(draws) == 0 || draws[len(draws)-1] != "draw 1.0 denied" {
			r.Errorf("the denial is not drawn: %q", draws)
		}
		close(release)
		r.pass(10 * time.Minute)
	})
}

// Look-ups that wait for their turn, however many, do not keep the bot from what is due:
// a request that expires meanwhile does so at its time.
func TestWhatIsDueDoesNotWaitForLookUps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.first = r.newBot(func(c *Config) { c.Workers = 4 })
		r.work(r.first)
		id := r.asks("ALICE")
		release := make(chan struct{})
		r.cloud.set(func(c *cloud) { c.onRead = func() error { <-release; return errors.New("late") } })
		for n := range 200 {
			_, _, err := r.first.Desk.Receive(context.Background(), approvals.Request{
				ID: fmt.Sprintf("r-%d", n), Origin: approvals.Origin{Team: theTeam, Channel: theChannel},
				Requester: approvals.Person{Org: theTeam, User: "EVE"}, Asked: approvals.Asked{Script: theScript, Hosts: []string{fmt.Sprintf("ins-%d", n)}},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		r.pass(hold + 5*time.Second) // they are taken up, and wait
		if n := r.first.Busy(); n < 100 {
			t.Errorf("only %d look-ups wait", n)
		}
		r.pass(time.Until(r.get(id).Expires) + 2*time.Second)
		r.is(id, approvals.Expired)
		close(release)
		r.pass(10 * time.Minute)
	})
}
