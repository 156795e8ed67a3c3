package bot

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// unanswered has the API do f at each run, and its answer get lost.
func unanswered(r *rig, f func()) {
	r.cloud.set(func(c *cloud) {
		c.onRun = func(context.Context) error {
			if f != nil {
				f()
			}
			return errors.New("connection reset")
		}
	})
}

// asWeAsked is the task of the run that r.asks asks for, listed after a while.
func (r *rig) asWeAsked(after time.Duration) *apiTask {
	t := r.cloud.byHand(theScript, both, content, "--fast")
	r.cloud.set(func(*cloud) { t.listed = time.Now().Add(after) })
	return t
}

// What becomes of a run whose answer was lost, by what the API lists. It is never sent
// again.
func TestAnUnknownRunIsSearchedFor(t *testing.T) {
	for _, tt := range []struct {
		why      string
		api      func(r *rig)
		after    time.Duration
		want     approvals.State
		asked    bool
		evidence string
		notices  []string
	}{
		{
			"it ran, and is listed at once", func(r *rig) { r.asWeAsked(0) }, time.Minute, approvals.Succeeded, false,
			"Task cmdtask-1 is the only one of 1 task of this script since 23:55 UTC with the same script, hosts, content and parameters.",
			[]string{"notice unknown unknown", "notice found accepted", "notice result accepted"},
		},
		{
			"it is listed late", func(r *rig) { r.asWeAsked(5 * time.Minute) }, 6 * time.Minute, approvals.Succeeded, false, "Task cmdtask-1 is the only one",
			[]string{"notice unknown unknown", "notice found accepted", "notice result succeeded"},
		},
		{
			"it is not listed yet, and people are not asked too early", func(r *rig) { r.asWeAsked(time.Hour) }, 9 * time.Minute, approvals.Unknown, false, "",
			[]string{"notice unknown unknown"},
		},
		{
			"it is listed when people were asked already", func(r *rig) { r.asWeAsked(20 * time.Minute) }, 30 * time.Minute, approvals.Succeeded, true, "Task cmdtask-1 is the only one",
			[]string{"notice unknown unknown", "notice ask unknown", "notice found accepted", "notice result succeeded"},
		},
		{
			"nothing is ever listed", nil, 11 * time.Minute, approvals.Unknown, true,
			"I searched for 10 minutes. Of 0 tasks of this script that the API lists since 23:55 UTC, none has the same script, hosts, content and parameters.",
			[]string{"notice unknown unknown", "notice ask unknown"},
		},
		{
			"two fit: asked at once, for more time tells nothing", func(r *rig) { r.asWeAsked(0); r.asWeAsked(0) }, 5 * time.Second, approvals.Unknown, true,
			"The API lists 2 tasks since 23:55 UTC that may be this run, and they cannot be told apart: cmdtask-1 and cmdtask-2.",
			[]string{"notice unknown unknown", "notice ask unknown"},
		},
		{
			"a colleague ran another version on the same hosts", func(r *rig) { r.cloud.byHand(theScript, both, "evil", "--fast") }, 11 * time.Minute, approvals.Unknown, true,
			"I searched for 10 minutes. Of 1 task of this script that the API lists since 23:55 UTC, none has the same script, hosts, content and parameters. On the same hosts, but with another script or other parameters: cmdtask-1.",
			[]string{"notice unknown unknown", "notice ask unknown"},
		},
		{
			"a colleague ran it on other hosts", func(r *rig) { r.cloud.byHand(theScript, []string{"ins-1", "ins-9"}, content, "--fast") }, 11 * time.Minute, approvals.Unknown, true,
			"I searched for 10 minutes. Of 1 task of this script",
			[]string{"notice unknown unknown", "notice ask unknown"},
		},
		{
			"the list cannot be read", func(r *rig) {
				r.cloud.set(func(c *cloud) { c.tasks.onList = func(context.Context) error { return errors.New("API is down") } })
			}, 11 * time.Minute, approvals.Unknown, true, "The API's list of tasks could not be read for 10 minutes. (ref ",
			[]string{"notice unknown unknown", "notice ask unknown"},
		},
	} {
		t.Run(tt.why, func(t *testing.T) {
			playFollow(t, nil, func(r *rig) {
				unanswered(r, func() {
					if tt.api != nil {
						tt.api(r)
					}
				})
				id := r.runs()
				r.pass(tt.after)
				k := r.is(id, tt.want)
				r.ran(1)
				r.did("notice", tt.notices...)
				if k.Unsure.Asked.IsZero() == tt.asked || !strings.HasPrefix(k.Unsure.Evidence, tt.evidence) {
					t.Errorf("asked at %v, evidence %q", k.Unsure.Asked, k.Unsure.Evidence)
				}
				if tt.want == approvals.Unknown && !tt.asked && k.Due().IsZero() {
					t.Error("nobody searches any more")
				}
				events, err := r.store.Events(context.Background(), id, 0)
				if err != nil || approvals.Verify(events) != nil {
					t.Errorf("the chain: %v, %v", err, approvals.Verify(events))
				}
			})
		})
	}
}

// A task that was there before the claim is not the run, whatever it looks like.
func TestAnOlderTaskIsNotTakenForAnUnknownRun(t *testing.T) {
	playFollow(t, func(r *rig) { r.cloud.byHand(theScript, both, content, "--fast") }, func(r *rig) {
		unanswered(r, nil)
		id := r.runs()
		r.pass(11 * time.Minute)
		if k := r.is(id, approvals.Unknown); k.Unsure.Asked.IsZero() {
			t.Error("people were not asked")
		}
	})
}

// The search ends some time after the API would refuse what was signed; what is
// unknown then stays so until people say.
func TestTheSearchEnds(t *testing.T) {
	playFollow(t, nil, func(r *rig) {
		unanswered(r, nil)
		id := r.runs()
		r.pass(3 * time.Hour)
		if k := r.is(id, approvals.Unknown); !k.Due().IsZero() {
			t.Errorf("due at %v", k.Due())
		}
		before := len(r.journal.of("tasks"))
		r.pass(24 * time.Hour)
		if now := len(r.journal.of("tasks")); now != before || before > 100 {
			t.Errorf("the list was read %d times, then %d more", before, now-before)
		}
	})
}

// A worker that was taken for lost brings its answer after others have found the task.
// It is too late to be counted, and leaves an event.
func TestAnAnswerThatComesAfterTheSearch(t *testing.T) {
	playFollow(t, nil, func(r *rig) {
		r.cloud.tasks.host = func(_ string, h *apiHost) { h.ends = time.Now().Add(10 * time.Minute) }
		id := r.asks("ALICE")
		r.memory.setFault(func(c storeCall) fault {
			switch {
			case c.move == "answer":
				return lostBefore
			case c.name == "take" && c.worker == r.first.Desk.Worker():
				return away // or it might be the one that takes its request up again, each time
			}
			return fine
		})
		r.press("BOB", Approve, id)
		if k := r.get(id); k.State != approvals.Executing {
			t.Fatalf("%s", k.State)
		}
		r.work(r.newBot())
		r.pass(3 * time.Minute)
		r.is(id, approvals.Accepted)
		r.memory.setFault(nil)
		r.pass(20 * time.Minute)
		r.is(id, approvals.Succeeded)
		r.ran(1)
		moves := strings.Join(r.moves(id), " ")
		if !strings.Contains(moves, "claim lose adopt late answer finish") {
			t.Errorf("moves %s", moves)
		}
	})
}

// What a run is signed with is the time of its claim, so that the API refuses what is
// held up for longer than people wait for it.
func TestARunIsSignedWithTheTimeOfItsClaim(t *testing.T) {
	play(t, func(r *rig) {
		id := r.runs()
		k := r.is(id, approvals.Accepted)
		send := k.LastSend()
		if got := r.cloud.sent[0].SignedAt; !got.Equal(send.ClaimedAt) || got.IsZero() {
			t.Errorf("signed at %v, claimed at %v", got, send.ClaimedAt)
		}
		if d := send.DeadFrom.Sub(send.ClaimedAt); d != 2*time.Hour+5*time.Minute {
			t.Errorf("the API is said to take it for %v", d)
		}
	})
}
