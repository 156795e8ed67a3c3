package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// waits checks that a request is approved and not sent, and why.
func (r *rig) waits(id, why string) approvals.Kept {
	r.Helper()
	k := r.is(id, approvals.Approved)
	if !strings.Contains(k.Waiting, why) {
		r.Errorf("waits because %q, want %q", k.Waiting, why)
	}
	return k
}

// Of two runs of one script on the same host the second waits for the first, says for
// which, and goes by itself.
func TestRunsOfOneScriptWaitForEachOther(t *testing.T) {
	playFollow(t, func(r *rig) {
		r.cloud.tasks.host = func(_ string, h *apiHost) { h.ends = time.Now().Add(30 * time.Second) }
	}, func(r *rig) {
		id := r.runs()
		other := r.words(r.says("EVE", "run cmd-nozcbhuw ins-2,ins-3")).Request
		beside := r.words(r.says("EVE", "run cmd-nozcbhuw ins-4")).Request
		r.press("BOB", Approve, other)
		r.press("BOB", Approve, beside)
		r.is(beside, approvals.Accepted)
		k := r.waits(other, "Waits for run "+id+" of the same script, which has not ended on the same hosts.")
		if k.WaitsFor != id {
			t.Errorf("waits for %q", k.WaitsFor)
		}
		r.pass(20 * time.Second)
		r.waits(other, "Waits for run "+id)
		draws := len(r.journal.of("draw"))
		r.pass(8 * time.Second)
		if now := len(r.journal.of("draw")); now > draws+1 {
			t.Errorf("the cards are drawn again while nothing changes: %d times", now-draws)
		}
		r.pass(50 * time.Second)
		r.is(id, approvals.Succeeded)
		k = r.is(other, approvals.Succeeded)
		if k.WaitsFor != "" || k.Waiting != "" {
			t.Errorf("still waits: %q %q", k.WaitsFor, k.Waiting)
		}
		if begun := k.LastSend().ClaimedAt.Sub(r.get(id).EndedAt); begun < 0 || begun > 5*time.Second {
			t.Errorf("it was claimed %v after the other had ended", begun)
		}
		if n := len(r.cloud.sent); n != 3 {
			t.Errorf("%d runs were sent", n)
		}
	})
}

// Who waits for longer than an approval is young does not start by itself.
func TestAWaitIsNoLongerThanAnApprovalIsYoung(t *testing.T) {
	playFollow(t, func(r *rig) {
		r.cloud.tasks.host = func(_ string, h *apiHost) { h.ends = time.Now().Add(4 * time.Minute) }
	}, func(r *rig) {
		r.runs()
		other := r.words(r.says("EVE", "run cmd-nozcbhuw ins-2")).Request
		r.press("BOB", Approve, other)
		r.pass(6 * time.Minute)
		r.waits(other, "Press Run to start it now")
		r.press("BOB", Run, other)
		r.pass(5 * time.Second)
		r.is(other, approvals.Accepted)
	})
}

// The store's server was started again since a request came: it may hold an older
// state. Nothing is sent before the API's list was searched for what it may have
// forgotten, and somebody has pressed Run after that. People are asked for that once.
func TestAStoreThatMayHaveForgotten(t *testing.T) {
	const searching = changed + ", and may have forgotten a send. I search the API's list of tasks before anything is sent."
	for _, tt := range []struct {
		why   string
		api   func(r *rig)
		waits string          // just after the approval
		after approvals.State // with a press of Run after a quarter of an hour
		runs  int
	}{
		{"nothing is listed", nil, searching, approvals.Succeeded, 1},
		{"the same on other hosts is listed", func(r *rig) { r.cloud.byHand(theScript, []string{"ins-9"}, content, "--fast") }, searching, approvals.Succeeded, 1},
		{"it was sent, and is listed", func(r *rig) { r.asWeAsked(0) }, "", approvals.Succeeded, 0},
		{"it was sent, and is listed late", func(r *rig) { r.asWeAsked(5 * time.Minute) }, searching, approvals.Succeeded, 0},
		{"it was sent twice, by whomever", func(r *rig) { r.asWeAsked(0); r.asWeAsked(0) }, "", approvals.Unknown, 0},
		{"the list cannot be read", func(r *rig) {
			r.cloud.set(func(c *cloud) { c.tasks.onList = func(context.Context) error { return errors.New("down") } })
		}, searching + " The list cannot be read at the moment.", approvals.Approved, 0},
	} {
		t.Run(tt.why, func(t *testing.T) {
			playFollow(t, func(r *rig) { r.memory.server.ID = "run-1" }, func(r *rig) {
				id := r.asks("ALICE")
				r.pass(40 * time.Second)
				if tt.api != nil {
					tt.api(r)
				}
				r.pass(time.Minute - 20*time.Second)
				r.memory.restart("run-2")
				until := time.Now().Add(11 * time.Minute)
				w := r.words(r.press("BOB", Approve, id))
				r.ran(0)
				if tt.waits != "" {
					if k := r.waits(id, tt.waits); !k.SearchUntil.Equal(until) || !w.When.Equal(until) {
						t.Errorf("searched until %v, and %q %v; want %v", k.SearchUntil, w.Text, w.When, until)
					}
					r.did("notice waiting")
					stale := r.words(r.press("BOB", Run, id))
					if !strings.HasPrefix(stale.Text, "Not counted yet: nothing is sent now.") || !stale.When.Equal(until) {
						t.Errorf("a stale Run: %q %v", stale.Text, stale.When)
					}
				}
				r.pass(15 * time.Minute)
				r.ran(0)
				if r.get(id).State == approvals.Approved {
					r.did("notice waiting", "notice waiting approved")
					r.press("BOB", Run, id)
				}
				r.pass(time.Minute)
				r.is(id, tt.after)
				r.ran(tt.runs)
			})
		})
	}
}

// A press of Run on a card that is older than the restart is answered with what happens.
func TestAStaleRunAfterARestart(t *testing.T) {
	playFollow(t, func(r *rig) {
		r.memory.server.ID = "run-1"
		r.logins.set(func(l *logins) { l.onOpen = func() error { return errors.New("sealed") } })
	}, func(r *rig) {
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		r.pass(3 * time.Minute)
		r.waits(id, "Press Run to start it now")
		r.memory.restart("run-2")
		r.logins.set(func(l *logins) { l.onOpen = nil })
		told := len(r.journal.of("notice"))
		for range 2 {
			w := r.words(r.press("ALICE", Run, id))
			if !strings.HasPrefix(w.Text, "Not counted yet: nothing is sent now.") || w.When.IsZero() {
				t.Errorf("told %q %v", w.Text, w.When)
			}
		}
		r.hears(r.press("EVE", Run, id), "Not counted: the rule does not name you. These may:")
		r.waits(id, changed)
		r.pass(12 * time.Minute)
		r.waits(id, "press Run to start it, or Cancel.")
		if now := len(r.journal.of("notice")); now != told+1 {
			t.Errorf("pinged %d times", now-told)
		}
		r.ran(0)
		r.press("ALICE", Run, id)
		r.pass(time.Minute)
		r.is(id, approvals.Succeeded)
		r.ran(1)
	})
}

// A request that expires before the search ends says so at once, once.
func TestARequestThatExpiresWhileItIsSearchedFor(t *testing.T) {
	playFollow(t, func(r *rig) { r.memory.server.ID, r.policy[0].Lifetime = "run-1", 5*time.Minute }, func(r *rig) {
		id := r.asks("ALICE")
		r.memory.restart("run-2")
		if w := r.words(r.press("BOB", Approve, id)); !strings.Contains(w.Text, "expires before that is over: press Cancel, look at the hosts first, and ask again") {
			t.Errorf("told %q", w.Text)
		}
		r.waits(id, changed)
		r.did("notice waiting", "notice waiting approved")
		r.pass(6 * time.Minute)
		r.is(id, approvals.Expired)
		r.did("notice", "notice waiting approved", "notice ended expired")
		r.ran(0)
	})
}

// An approval that comes when the search is over needs no press of Run.
func TestAnApprovalAfterTheSearch(t *testing.T) {
	playFollow(t, func(r *rig) { r.memory.server.ID = "run-1" }, func(r *rig) {
		id := r.asks("ALICE")
		r.memory.restart("run-2")
		r.pass(12 * time.Minute)
		r.hears(r.press("BOB", Approve, id), saidApproved)
		r.pass(time.Minute)
		r.is(id, approvals.Succeeded)
		r.ran(1)
	})
}

// A request that came after the restart has nothing to fear of it.
func TestARequestAfterTheRestart(t *testing.T) {
	playFollow(t, func(r *rig) { r.memory.server.ID = "run-1" }, func(r *rig) {
		r.memory.restart("run-2")
		r.is(r.runs(), approvals.Succeeded)
	})
}

// The server is started again between the last look at it and the claim.
func TestARestartJustBeforeTheClaim(t *testing.T) {
	playFollow(t, func(r *rig) { r.memory.server.ID = "run-1" }, func(r *rig) {
		r.logins.set(func(l *logins) {
			l.onOpen = func() error { r.memory.restart("run-2"); return nil }
		})
		id := r.runs()
		r.ran(0)
		r.waits(id, changed)
	})
}

// A store that says that it forgets gets no claim; one that does not answer is asked
// again.
func TestAStoreThatForgets(t *testing.T) {
	for _, tt := range []struct {
		why  string
		says error
		want string
	}{
		{"its setting is weak", errors.New("appendfsync is everysec"), "My store may forget what it confirms"},
		{"it does not answer", fmt.Errorf("asked: %w", approvals.ErrUnavailable), ""},
	} {
		t.Run(tt.why, func(t *testing.T) {
			var says atomic.Pointer[error]
			playFollow(t, func(r *rig) {
				r.durable = func(context.Context) error {
					if err := says.Load(); err != nil {
						return *err
					}
					return nil
				}
			}, func(r *rig) {
				says.Store(&tt.says)
				id := r.runs()
				k := r.get(id)
				r.ran(0)
				if k.State != approvals.Approved || !strings.Contains(k.Waiting, tt.want) {
					t.Errorf("%s, waiting %q", k.State, k.Waiting)
				}
				if k.Weak || strings.Contains(k.Waiting, "everysec") {
					t.Errorf("weak %v, waiting %q", k.Weak, k.Waiting)
				}
				if tt.want != "" && !strings.Contains(r.log.String(), "appendfsync is everysec") {
					t.Error("the log does not say why")
				}
				says.Store(nil)
				r.pass(hold + 10*time.Second)
				r.is(id, approvals.Succeeded)
				r.ran(1)
			})
		})
	}
	play(t, func(r *rig) {
		if k := r.get(r.asks("ALICE")); !k.Weak {
			t.Error("nobody asks the store, and the record does not say so")
		}
	})
}

// The reply to a claim is lost, or somebody else was faster, and meanwhile the server is
// started again: what is claimed next is claimed on a store that may have forgotten.
func TestARestartWhileAClaimIsUnderWay(t *testing.T) {
	for _, how := range []fault{lostBefore, away, fine} {
		t.Run(fmt.Sprint(how), func(t *testing.T) {
			playFollow(t, func(r *rig) { r.memory.server.ID = "run-1" }, func(r *rig) {
				restarted := false
				r.memory.setFault(func(c storeCall) fault {
					if c.move != "claim" || restarted {
						return fine
					}
					restarted = true
					r.memory.server = approvals.Server{ID: "run-2", Since: time.Now()}
					return how
				})
				id := r.runs()
				r.pass(5 * time.Second)
				r.ran(0)
				r.waits(id, changed)
			})
		})
	}
}

// A bot finds its own claim on a store that was restored from before the answer. It does
// not know any more whether it called, and says so.
func TestItsOwnClaimOnARestoredStore(t *testing.T) {
	playFollow(t, func(r *rig) { r.memory.server.ID = "run-1" }, func(r *rig) {
		var old func()
		r.cloud.set(func(c *cloud) {
			c.onRun = func(context.Context) error { old = r.memory.copied(); return nil }
		})
		id := r.runs()
		r.is(id, approvals.Succeeded)
		r.memory.restart("run-2")
		old()
		r.pass(5 * time.Minute)
		r.is(id, approvals.Succeeded)
		r.ran(1)
		if moves := strings.Join(r.moves(id), " "); !strings.HasSuffix(moves, "claim lose adopt finish") {
			t.Errorf("moves %s", moves)
		}
	})
}
