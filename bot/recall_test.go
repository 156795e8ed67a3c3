package bot

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// back is a test in which the store goes back to a copy, as another server or, as when
// keys are written back one by one, as the same.
func back(t *testing.T, f func(r *rig, goBack func(old func()))) {
	for _, server := range []string{"run-2", "run-1"} {
		t.Run("then on "+server, func(t *testing.T) {
			playFollow(t, func(r *rig) { r.memory.server.ID = "run-1" }, func(r *rig) {
				f(r, func(old func()) {
					old()
					if server != "run-1" {
						r.memory.restart(server)
					}
				})
			})
		})
	}
}

// A claim is gone from the store, and the process that made it is there: the run is
// unknown, found, and sent no second time.
func TestTheStoreGoesBackBeforeAClaim(t *testing.T) {
	back(t, func(r *rig, goBack func(func())) {
		var old func()
		r.logins.set(func(l *logins) {
			l.onOpen = func() error { old = r.memory.copied(); return nil }
		})
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		r.ran(1)
		goBack(old)
		r.hears(r.press("BOB", Run, id), "Not counted: Redis has gone back to an older state of this request. I put that right first; look at its card and its thread in a minute.")
		r.pass(6 * time.Second)
		r.is(id, approvals.Succeeded)
		r.ran(1)
		r.chained(id)
	})
}

// The claim is gone while its answer is under way: the answer is stored all the same.
func TestTheStoreGoesBackWhileItIsSent(t *testing.T) {
	back(t, func(r *rig, goBack func(func())) {
		var old func()
		r.logins.set(func(l *logins) {
			l.onOpen = func() error { old = r.memory.copied(); return nil }
		})
		asked, answer := make(chan struct{}), make(chan struct{})
		r.cloud.set(func(c *cloud) { c.onRun = blockUntil(asked, answer, nil) })
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		<-asked
		goBack(old)
		close(answer)
		r.pass(time.Minute)
		r.is(id, approvals.Succeeded)
		r.ran(1)
		if moves := strings.Join(r.moves(id), " "); !strings.HasSuffix(moves, "vote recall answer finish") {
			t.Errorf("moves %s", moves)
		}
		r.chained(id)
	})
}

// What had ended ends again, also where another replica would send it.
func TestTheStoreGoesBackBeforeAnEnd(t *testing.T) {
	for _, tt := range []struct {
		why     string
		end     func(r *rig, id string)
		as      approvals.State
		by      string
		because string
	}{
		{"denied", func(r *rig, id string) { r.press("CAROL", Deny, id) }, approvals.Denied, "CAROL", "not now\n"},
		{"cancelled", func(r *rig, id string) { r.press("ALICE", Cancel, id) }, approvals.Cancelled, "ALICE", ""},
	} {
		t.Run(tt.why, func(t *testing.T) {
			playFollow(t, func(r *rig) {
				r.memory.server.ID = "run-1"
				r.logins.set(func(l *logins) { l.onOpen = func() error { return errors.New("sealed") } })
			}, func(r *rig) {
				id := r.asks("ALICE")
				r.press("BOB", Approve, id)
				old := r.memory.copied()
				tt.end(r, id)
				r.work(r.newBot()) // knows of nothing
				r.logins.set(func(l *logins) { l.onOpen = nil })
				old()
				r.memory.restart("run-2")
				r.pass(20 * time.Second)
				if k := r.is(id, tt.as); k.EndedBy.User != tt.by || k.Why != tt.because+"Redis has gone back to an older state of this request. It had ended before that, and ends so again." || k.InDoubt {
					t.Errorf("by %v, because %q, in doubt %v", k.EndedBy, k.Why, k.InDoubt)
				}
				r.hears(r.press("ALICE", Run, id), "This request has ended ("+string(tt.as)+"), so nothing was changed. Look at the card.")
				r.ran(0)
				r.chained(id)
			})
		})
	}
}

// A denial that another replica took is gone, and that one is gone, too. Nobody can know
// of it; but nothing starts by itself, and the thread has it.
func TestADenialThatNobodyRemembers(t *testing.T) {
	playFollow(t, func(r *rig) {
		r.memory.server.ID = "run-1"
		r.logins.set(func(l *logins) { l.onOpen = func() error { return errors.New("sealed") } })
	}, func(r *rig) {
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		old := r.memory.copied()
		other := r.newBot()
		r.pressOn(other, "CAROL", Deny, id)
		r.settle()
		old()
		r.memory.restart("run-2")
		r.first.Desk.Forget(id)
		r.logins.set(func(l *logins) { l.onOpen = nil })
		r.pass(20 * time.Minute)
		r.ran(0)
		r.waits(id, "look at the thread, then press Run to start it, or Cancel.")
	})
}

// A vote is gone, and told of; it has to be given again.
func TestTheStoreGoesBackBeforeAVote(t *testing.T) {
	playFollow(t, func(r *rig) { r.memory.server.ID, r.policy[0].Quorum = "run-1", 2 }, func(r *rig) {
		id := r.asks("ALICE")
		old := r.memory.copied()
		r.work(r.newBot())
		r.press("BOB", Approve, id)
		r.pressOn(r.bots[1], "BOB", Approve, id) // so that both remember it
		r.settle()
		old()
		r.memory.restart("run-2")
		r.pass(20 * time.Second)
		if k := r.is(id, approvals.Pending); len(k.Approvers()) != 0 {
			t.Errorf("approved by %v", k.Approvers())
		}
		r.pass(20 * time.Second)
		r.did("notice", "notice back pending")
		r.hears(r.press("BOB", Approve, id), "Recorded: you approved. It has 1 of the 2 approvals it needs.")
		r.chained(id)
	})
}

// The store has gone back, and somebody else has brought the request further than this
// process remembers: what it remembers is no part of that.
func TestAStoreThatWentBackAndOn(t *testing.T) {
	playFollow(t, func(r *rig) {
		r.memory.server.ID = "run-1"
		r.logins.set(func(l *logins) { l.onOpen = func() error { return errors.New("sealed") } })
	}, func(r *rig) {
		id := r.asks("ALICE")
		old := r.memory.copied()
		r.press("BOB", Approve, id)
		r.press("CAROL", Deny, id)
		old()
		r.memory.restart("run-2")
		other := r.newBot()
		for range 6 {
			if err := other.Desk.Aside(t.Context(), r.get(id), approvals.Person{}, "late answer", ""); err != nil {
				t.Fatal(err)
			}
		}
		r.pressOn(other, "BOB", Approve, id)
		r.pass(20 * time.Second)
		if k := r.is(id, approvals.Denied); k.EndedBy == nil || k.EndedBy.User != "CAROL" {
			t.Errorf("by %v", k.EndedBy)
		}
		r.ran(0)
	})
}

// chained checks that the events of a request hold together.
func (r *rig) chained(id string) {
	r.Helper()
	events, err := r.store.Events(r.Context(), id, 0)
	if err != nil || approvals.Verify(events) != nil || events[len(events)-1].Hash != r.get(id).Head {
		r.Errorf("the chain: %v, error %v", approvals.Verify(events), err)
	}
}

// The store loses everything. Each request that had not ended is told of in its thread,
// once, with what is known; then the store is a new one.
func TestTheStoreIsEmptied(t *testing.T) {
	for _, tt := range []struct {
		why  string
		to   func(r *rig, id string)
		say  string
		runs int
	}{
		{"pending", func(*rig, string) {}, "it was pending. What became of it since I do not know", 0},
		{"approved", func(r *rig, id string) {
			r.logins.set(func(l *logins) { l.onOpen = func() error { return errors.New("sealed") } })
			r.press("BOB", Approve, id)
		}, "it was approved. What became of it since I do not know", 0},
		{"followed", func(r *rig, id string) {
			r.cloud.set(func(c *cloud) {
				c.tasks.host = func(_ string, h *apiHost) { h.ends = time.Now().Add(5 * time.Minute) }
			})
			r.press("BOB", Approve, id)
		}, "I had sent it to the API, which accepted it", 1},
	} {
		t.Run(tt.why, func(t *testing.T) {
			playFollow(t, func(r *rig) { r.memory.server.ID = "run-1" }, func(r *rig) {
				other := r.newBot()
				r.work(other)
				id := r.asks("ALICE")
				tt.to(r, id)
				card := r.get(id).Card.TS
				r.pressOn(other, "EVE", Approve, id) // so that it knows of the request, too
				r.settle()
				told := len(r.journal.of("notice"))
				r.board.set(func(b *board) { b.hook = func(string, approvals.Request) error { return errors.New("Slack is away") } })
				r.memory.flushed()
				r.pass(2 * time.Second)
				var said []string
				r.board.set(func(b *board) {
					b.hook = func(call string, q approvals.Request) error {
						if call == "notify" {
							said = append(said, q.Why)
						}
						return nil
					}
				})
				r.pass(time.Minute)
				if now := len(r.journal.of("notice")) - told; now < 1 || now > 1+tt.runs || !slices.ContainsFunc(said, func(why string) bool { return strings.Contains(why, tt.say) }) {
					t.Errorf("%d notices: %q", now, said)
				}
				if c := r.board.card(card); c.State != approvals.Gone {
					t.Errorf("the card shows %s: %q", c.State, c.Why)
				}
				r.hears(r.press("BOB", Approve, id), "My store has no record of this request, so this changed nothing, and nothing more comes of it. Its thread says more if I lost it; ask again if it is still needed.")
				r.pass(time.Hour)
				r.ran(tt.runs)
				r.logins.set(func(l *logins) { l.onOpen = nil })
				again := r.asks("ALICE")
				r.press("BOB", Approve, again)
				r.ran(tt.runs + 1)
			})
		})
	}
}

// Only the mark is gone: nothing is, but nothing of before is sent without a search.
func TestTheMarkAloneIsGone(t *testing.T) {
	playFollow(t, func(r *rig) { r.memory.server.ID = "run-1" }, func(r *rig) {
		id := r.asks("ALICE")
		r.memory.mu.Lock()
		r.memory.unmarked = true
		r.memory.mu.Unlock()
		r.hears(r.says("EVE", "run cmd-nozcbhuw ins-7"), "This was NOT recorded, because my store may have lost what it kept. I sort that out first; do it again in a minute.")
		r.pass(5 * time.Second)
		r.press("BOB", Approve, id)
		r.waits(id, changed)
		r.did("notice")
	})
}

// One record alone is gone, as after an eviction.
func TestOneRecordIsGone(t *testing.T) {
	playFollow(t, func(r *rig) { r.memory.server.ID = "run-1" }, func(r *rig) {
		id := r.asks("ALICE")
		other := r.words(r.says("EVE", "run cmd-nozcbhuw ins-7")).Request
		r.memory.mu.Lock()
		delete(r.memory.rows, id)
		r.memory.mu.Unlock()
		r.pass(20 * time.Second)
		r.did("notice", "notice gone gone")
		r.is(other, approvals.Pending)
		r.hears(r.press("BOB", Approve, other), saidApproved)
		r.pass(2 * time.Second)
		r.is(other, approvals.Succeeded)
	})
}

// The store has lost a run that is under way. Another run of the script on its hosts waits
// for it, as if the record still kept them; one on other hosts does not.
func TestARunThatTheStoreLostKeepsItsHosts(t *testing.T) {
	playFollow(t, func(r *rig) {
		r.memory.server = approvals.Server{ID: "run-1", Since: time.Now()}
		r.cloud.tasks.host = func(_ string, h *apiHost) { h.ends = time.Now().Add(2 * time.Minute) }
	}, func(r *rig) {
		sent := func(want int) {
			r.Helper()
			if got := r.journal.of("run"); len(got) != want {
				r.Errorf("sent %q, want %d", got, want)
			}
		}
		r.starts()
		r.pass(10 * time.Second)
		r.memory.flushed()
		r.pass(30 * time.Second)
		elsewhere := r.words(r.says("EVE", "run cmd-nozcbhuw ins-7")).Request
		r.settle()
		r.press("BOB", Approve, elsewhere)
		sent(2)
		again := r.starts()
		r.waits(again, "has not ended on")
		sent(2)
		r.pass(100 * time.Second) // within the life of the approval
		sent(3)
	})
}

// An order to stop a run that Redis has forgotten is given again, also where the run itself is forgotten and found again.
func TestTheStoreGoesBackBeforeAStop(t *testing.T) {
	for _, server := range []string{"run-2", "run-1"} {
		for _, before := range []string{"the order", "the claim"} {
			playTAT(t, func(r *rig) { r.memory.server.ID = "run-1" }, func(r *rig) {
				var old func()
				copied := func() error {
					if old == nil {
						old = r.memory.copied()
					}
					return nil
				}
				if before == "the claim" {
					r.logins.set(func(l *logins) { l.onOpen = copied })
				}
				r.on(func(_ string, h *apiHost) { h.ends = time.Time{} })
				id := r.asksTAT()
				r.press("BOB", Approve, id)
				r.pass(10 * time.Second)
				_ = copied()
				r.cloud.set(func(c *cloud) { c.onStop = func() error { return errors.New("connection reset") } })
				r.hears(r.press("BOB", Stop, id), "Recorded: the cloud is told to stop it where it has not ended. What became of each host comes into the card's thread.")
				r.pass(10 * time.Second)
				old()
				if server != "run-1" {
					r.memory.restart(server)
				}
				r.cloud.set(func(c *cloud) { c.onStop = nil })
				r.pass(2 * time.Minute)
				if k := r.is(id, approvals.Failed); len(k.Follow.Stops) != 1 || k.Follow.Stops[0].By.User != "BOB" || k.Follow.Hosts[0].State != approvals.HostKilled {
					t.Errorf("%s, before %s: %+v", server, before, k.Follow)
				}
				if n := len(r.journal.of("run")); n != 1 {
					t.Errorf("%s, before %s: sent %d times", server, before, n)
				}
				r.chained(id)
			})
		}
	}
}
