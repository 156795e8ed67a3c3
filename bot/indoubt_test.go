package bot

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// listDown has the API's list of tasks not be read, or be read again.
func (r *rig) listDown(down bool) {
	r.cloud.set(func(c *cloud) {
		c.tasks.onList = nil
		if down {
			c.tasks.onList = func(context.Context) error { return errors.New("503") }
		}
	})
}

// A request whose store may have forgotten a send ends without a word that nothing ran. No
// press is held up by that. What the API lists is looked at once it can be read, and told.
func TestAnEndInDoubt(t *testing.T) {
	cancel := func(r *rig, id string) Answer { return r.press("ALICE", Cancel, id) }
	deny := func(r *rig, id string) Answer { return r.press("BOB", Deny, id) }
	expire := func(r *rig, id string) Answer { r.pass(31 * time.Minute); return r.press("BOB", Approve, id) }
	late := func(r *rig, id string) Answer {
		<-time.After(time.Until(r.get(id).Expires) - time.Millisecond)
		r.stop() // so that the press is faster
		<-time.After(2 * time.Millisecond)
		return r.press("BOB", Approve, id)
	}
	for _, tt := range []struct {
		why      string
		approved bool
		end      func(r *rig, id string) Answer
		said     string
		state    approvals.State
	}{
		{"cancelled while it waits for approval", false, cancel, "Recorded: the request is cancelled. " + mayHaveRun, approvals.Cancelled},
		{"cancelled during the search", true, cancel, "Recorded: the request is cancelled. " + mayHaveRun, approvals.Cancelled},
		{"denied while it waits for approval", false, deny, "Recorded: you denied it. " + mayHaveRun + " The one who asked is told your reason.", approvals.Denied},
		{"denied during the search", true, deny, "Recorded: you denied it. " + mayHaveRun + " The one who asked is told your reason.", approvals.Denied},
		{"expired while it waits for approval", false, expire, "This request has ended (expired), so nothing was changed. Look at the card.", approvals.Expired},
		{"expired, approved", true, expire, "This request has ended (expired), so nothing was changed. Look at the card.", approvals.Expired},
		{"pressed too late", false, late, "Too late: the request has expired. " + mayHaveRun + " Press Ask again if it is still needed.", approvals.Expired},
	} {
		t.Run(tt.why, func(t *testing.T) {
			playFollow(t, func(r *rig) { r.memory.server.ID = "run-1" }, func(r *rig) {
				id := r.asks("ALICE")
				r.listDown(true)
				r.memory.restart("run-2")
				if tt.approved {
					r.press("BOB", Approve, id)
				}
				r.asWeAsked(0)
				r.hears(tt.end(r, id), tt.said)
				r.work(r.newBot())
				r.pass(25 * time.Second)
				if k := r.is(id, tt.state); !k.InDoubt || strings.Contains(k.Why, "lists") {
					t.Errorf("in doubt %v, because %q", k.InDoubt, k.Why)
				}
				r.listDown(false)
				r.pass(time.Minute)
				k := r.is(id, tt.state)
				if !strings.HasPrefix(k.Why, "After it had ended I looked, and the API lists what may be this run: cmdtask-1. Look at the hosts.") || !k.Due().IsZero() {
					t.Errorf("because %q, due %v", k.Why, k.Due())
				}
				told := r.journal.of("notice")
				if n := len(told); n < 2 || !strings.Contains(told[n-1], "ended "+string(tt.state)) {
					t.Errorf("told %q", told)
				}
				r.chained(id)
				r.ran(0)
			})
		})
	}
}

// What expires in doubt is searched for first, and is followed if it ran: nobody is told
// that it ended unsent.
func TestWhatExpiresInDoubtIsSearchedFor(t *testing.T) {
	for _, approved := range []bool{false, true} {
		playFollow(t, func(r *rig) { r.memory.server.ID, r.policy[0].Lifetime = "run-1", 5*time.Minute }, func(r *rig) {
			id := r.asks("ALICE")
			r.memory.restart("run-2")
			if approved {
				r.press("BOB", Approve, id)
			}
			r.pass(time.Minute)
			r.asWeAsked(4 * time.Minute)
			r.pass(10 * time.Minute)
			r.is(id, approvals.Succeeded)
			r.ran(0)
			if told := strings.Join(r.journal.of("notice"), "\n"); strings.Contains(told, "expired") {
				t.Errorf("told %s", told)
			}
		})
	}
}

// A list that can be read and has nothing leaves an end in doubt, and is not read for ever.
func TestNothingIsListedOfWhatEndedInDoubt(t *testing.T) {
	playFollow(t, func(r *rig) { r.memory.server.ID = "run-1" }, func(r *rig) {
		id := r.asks("ALICE")
		r.memory.restart("run-2")
		r.press("ALICE", Cancel, id)
		r.pass(time.Minute)
		if k := r.is(id, approvals.Cancelled); !k.InDoubt || !k.Due().IsZero() || k.Why != "" {
			t.Errorf("in doubt %v, due %v, because %q", k.InDoubt, k.Due(), k.Why)
		}
	})
}

// Of a request that nobody has to do with for long, and that came to another store, record
// and card say that it is in doubt, also if all replicas are new: its card may show a state
// that the store has forgotten. It is said once.
func TestAPendingRequestOfAnotherStore(t *testing.T) {
	playFollow(t, func(r *rig) { r.memory.server.ID = "run-1" }, func(r *rig) {
		id := r.asks("ALICE")
		r.stop()
		r.memory.restart("run-2")
		for range 2 {
			r.work(r.newBot())
		}
		r.pass(time.Minute)
		if k := r.is(id, approvals.Pending); !k.InDoubt {
			t.Error("the record does not say so")
		}
		if moves := r.moves(id); slices.Index(moves, "elsewhere") != len(moves)-1 || len(r.journal.of("draw")) != 1 {
			t.Errorf("moves %v, drawn %q", moves, r.journal.of("draw"))
		}
		r.did("notice")
	})
}

// What is refused before it could be sent to anybody is no doubt.
func TestALookUpThatRefusesIsNoDoubt(t *testing.T) {
	playFollow(t, func(r *rig) { r.memory.server.ID = "run-1" }, func(r *rig) {
		r.board.set(func(b *board) {
			b.hook = func(call string, _ approvals.Request) error {
				if call == "post" {
					r.memory.restart("run-2")
					return ErrNotInChannel
				}
				return nil
			}
		})
		id := r.words(r.says("ALICE", "run cmd-nozcbhuw ins-1")).Request
		r.pass(time.Minute)
		if k := r.get(id); k.State != approvals.Refused || k.InDoubt {
			t.Errorf("%s, in doubt %v", k.State, k.InDoubt)
		}
	})
}

// While the list cannot be read after the search, each press of Run is told what happens,
// and the refusal is posted once.
func TestRunWhileTheListCannotBeRead(t *testing.T) {
	playFollow(t, func(r *rig) { r.memory.server.ID = "run-1" }, func(r *rig) {
		id := r.asks("ALICE")
		r.memory.restart("run-2")
		r.listDown(true)
		r.press("BOB", Approve, id)
		r.pass(15 * time.Minute)
		r.waits(id, unlisted)
		told := len(r.journal.of("notice"))
		for range 3 {
			r.hears(r.press("ALICE", Run, id), "Recorded: everything is read once more. It is sent only if the API's list of tasks can be read and has no such run; the card says so if not.")
			r.pass(time.Minute)
			r.waits(id, unlisted)
		}
		if now := len(r.journal.of("notice")); now != told {
			t.Errorf("pinged %d times", now-told)
		}
		r.ran(0)
		r.listDown(false)
		r.press("ALICE", Run, id)
		r.pass(time.Minute)
		r.is(id, approvals.Succeeded)
		r.ran(1)
	})
}
