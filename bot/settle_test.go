package bot

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// playAsked plays from where people are asked whether a run of alice's ran.
func playAsked(t *testing.T, f func(r *rig, id string)) {
	t.Helper()
	playFollow(t, nil, func(r *rig) {
		unanswered(r, nil)
		id := r.starts()
		r.pass(11 * time.Minute)
		r.cloud.set(func(c *cloud) { c.onRun = nil })
		if k := r.is(id, approvals.Unknown); k.Unsure.Asked.IsZero() {
			t.Fatal("people were not asked")
		}
		f(r, id)
	})
}

const tooSoon = "Not counted yet: until 02:06 UTC the API would still take the request that was signed, so nobody can be sure that it does not run. Press again after that."

func TestTwoPeopleSettleIt(t *testing.T) {
	playAsked(t, func(r *rig, id string) {
		r.hears(r.press("EVE", Ran, id), "Not counted: the rule does not name you. These may:")
		r.hears(r.press("ALICE", Ran, id), "Not counted: nobody decides on their own request. These may:")
		r.hears(r.press("BOB", DidNotRun, id), tooSoon)
		r.hears(r.press("BOB", Ran, id), "Recorded: you say that it ran. One more person has to say the same.")
		r.hears(r.press("BOB", Ran, id), "You have said so already. One more person has to say the same.")
		r.is(id, approvals.Unknown)
		r.hears(r.press("DAVE", Ran, id), "Recorded: you say that it ran, and so it is settled. Press Ask again if it is to run now.")
		r.is(id, approvals.Settled)
		r.did("notice", "notice unknown unknown", "notice ask unknown", "notice settled settled")
		r.hears(r.press("CAROL", Ran, id), "This request has ended (settled), so nothing was changed. Look at the card.")
		again := r.words(r.press("ALICE", Again, id)).Request
		if k := r.get(again); again == id || k.Asked.Again != id {
			t.Errorf("asked again: %s, after %q", again, k.Asked.Again)
		}
		r.ran(1)
	})
}

func TestItDidNotRunWaitsForTheSignature(t *testing.T) {
	playAsked(t, func(r *rig, id string) {
		r.pass(2*time.Hour + 5*time.Minute - 11*time.Minute - time.Second)
		r.hears(r.press("BOB", DidNotRun, id), tooSoon)
		r.pass(2 * time.Second)
		r.hears(r.press("BOB", DidNotRun, id), "Recorded: you say that it did not run. One more person has to say the same.")
		r.hears(r.press("CAROL", Ran, id), "Recorded: you say that it ran. One more person has to say the same.")
		r.is(id, approvals.Unknown)
		r.hears(r.press("CAROL", DidNotRun, id), "Recorded: you say that it did not run, and so it is settled. Press Ask again if it is to run now.")
		r.is(id, approvals.Settled)
	})
}

// Before people are asked the search may still tell; and rules that are gone do not
// leave it to nobody.
func TestSettlingInOtherMoments(t *testing.T) {
	playFollow(t, nil, func(r *rig) {
		unanswered(r, nil)
		id := r.starts()
		r.hears(r.press("BOB", Ran, id), "Not counted yet: I still search the API's list of tasks for this run. If that does not tell, I ask in its thread; press then.")
		r.hears(r.press("BOB", Approve, id), "Too late: the run has been claimed, and nobody knows yet whether it ran. Look at the card.")
		r.pass(11 * time.Minute)
		gone := func(rule *approvals.Rule) { rule.Scripts = []string{"cmd-other"} }
		byTags := func(rule *approvals.Rule) {
			rule.Hosts = approvals.HostSet{{Tags: map[string][]string{"env": {"prod"}}}}
		}
		for who, change := range map[string]func(*approvals.Rule){"BOB": gone, "CAROL": byTags} {
			other := r.newBot(func(c *Config) {
				rule := c.Policy[0]
				change(&rule)
				c.Policy = approvals.Policy{rule}
			})
			if text := r.words(r.pressOn(other, who, Ran, id)).Text; !strings.HasPrefix(text, "Recorded") {
				t.Errorf("%s under other rules: %s", who, text)
			}
		}
		r.settle()
		r.pass(hold)
		r.is(id, approvals.Settled)
	})
}

// The buttons of an unknown run do nothing in any other state.
func TestSettlingWhatIsNotUnknown(t *testing.T) {
	play(t, func(r *rig) {
		r.cloud.set(func(c *cloud) { c.onRead = func() error { return errors.New("down") } })
		received := r.asks("ALICE")
		for _, b := range []Button{Ran, DidNotRun, Lift} {
			r.hears(r.press("BOB", b, received), "This request is still being looked up. Press again in a moment.")
		}
		r.cloud.set(func(c *cloud) { c.onRead = nil })
		r.pass(5 * time.Second)
		r.is(received, approvals.Pending)
		r.hears(r.press("BOB", Lift, received), "Not counted: the request is pending, and then this button does nothing. Look at the card.")
		r.press("BOB", Approve, received)
		r.hears(r.press("BOB", Ran, received), "Too late: the run has been claimed and may be on its way already. Look at the card.")
	})
}

// One who asked, and one approver: both are heard, or nobody could ever settle it.
func TestWhereOnlyOneOtherMayApprove(t *testing.T) {
	playWith(t, func(r *rig) {
		r.cloud.tasks.known = true
		r.policy[0].Approve = approvals.Who{Users: []string{"BOB"}}
	}, func(r *rig) {
		unanswered(r, nil)
		id := r.starts()
		r.pass(11 * time.Minute)
		r.press("ALICE", Ran, id)
		r.is(id, approvals.Unknown)
		r.press("BOB", Ran, id)
		r.is(id, approvals.Settled)
	})
}

// An unknown run holds its hosts until somebody who may approve lifts that. Then other
// runs go, and who asks for the same gets a request of their own.
func TestLift(t *testing.T) {
	playAsked(t, func(r *rig, id string) {
		w := r.words(r.says("ALICE", "run cmd-nozcbhuw ins-1,ins-2 --reason \"disk full\" -- --fast"))
		if w.Request != id || !strings.HasPrefix(w.Text, "You have asked for exactly this already, and nobody knows yet whether it ran.") {
			t.Errorf("asked for the same: %+v", w)
		}
		other := r.words(r.says("EVE", "run cmd-nozcbhuw ins-2,ins-3")).Request
		r.press("BOB", Approve, other)
		if k := r.is(other, approvals.Approved); k.WaitsFor != id || !strings.Contains(k.Waiting, "Waits for run "+id+" of the same script on the same hosts: nobody knows yet whether that ran.") {
			t.Errorf("waits for %q: %s", k.WaitsFor, k.Waiting)
		}
		r.hears(r.press("ALICE", Lift, id), "Not counted: nobody decides on their own request. These may:")
		r.hears(r.press("BOB", Lift, id), "Recorded: other runs of this script may go to its hosts. Whether this one ran is still to be settled.")
		r.hears(r.press("BOB", Lift, id), "Other runs may go to its hosts already. Look at the card.")
		r.pass(5 * time.Second)
		r.is(other, approvals.Succeeded)
		r.is(id, approvals.Unknown)
		again := r.words(r.says("ALICE", "run cmd-nozcbhuw ins-1,ins-2 --reason \"disk full\" -- --fast")).Request
		if again == id {
			t.Error("a lifted request still stands in the way of the same")
		}
		// The task of the other is not taken for this one.
		r.press("BOB", Approve, again)
		r.pass(6 * time.Minute)
		r.is(again, approvals.Succeeded)
		if k := r.is(id, approvals.Unknown); !strings.Contains(k.Unsure.Evidence, "none has the same script, hosts, content and parameters") {
			t.Errorf("evidence %q", k.Unsure.Evidence)
		}
		events, _ := r.store.Events(context.Background(), id, 0)
		if err := approvals.Verify(events); err != nil {
			t.Error(err)
		}
	})
}

// What waits for somebody's word is in their list until they have said it.
func TestTheListShowsWhatIsToBeSettled(t *testing.T) {
	playAsked(t, func(r *rig, id string) {
		waiting := func(user string) int {
			l, ok := r.says(user, "list").(List)
			if !ok {
				t.Fatal("no list")
			}
			return len(l.Waiting)
		}
		if waiting("BOB") != 1 || waiting("EVE") != 0 {
			t.Error("it does not wait for bob alone")
		}
		r.press("BOB", Ran, id)
		if waiting("BOB") != 0 || waiting("CAROL") != 1 {
			t.Error("bob has said his word, carol has not")
		}
	})
}
