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

func TestTheStoreIsAwayForAWhile(t *testing.T) {
	play(t, func(r *rig) {
		sending, answer := make(chan struct{}), make(chan struct{})
		r.cloud.set(func(c *cloud) { c.onRun = blockUntil(sending, answer, nil) })
		id := r.asks("ALICE")
		r.pressOn(r.first, "BOB", Approve, id)
		<-sending
		r.memory.setFault(func(storeCall) fault { return away })
		close(answer)
		r.pass(10 * time.Minute)
		r.hears(r.press("BOB", Approve, id), "This was NOT recorded, because my store is away. Do it again in a moment.")
		for _, look := range []string{"status " + id, "list"} { // ask for nothing to be recorded
			if w := r.words(r.says("BOB", look)); !strings.HasPrefix(w.Text, "I cannot look, because my store is away. Try again in a moment.") {
				r.Errorf("%s: %s", look, w.Text)
			}
		}
		r.memory.setFault(nil)
		r.pass(5 * time.Second)
		r.is(id, approvals.Accepted) // long after its lease, and never sent again
		r.ran(1)
		log := r.log.String()
		if n := strings.Count(log, `msg="the store is away"`); n != 1 || !strings.Contains(log, "the store is back") {
			r.Errorf("the log says %d times that the store is away:\n%s", n, log)
		}
	})
}

func TestSlackIsAwayForAWhile(t *testing.T) {
	playTwo(t, func(r *rig) {
		id := r.asks("ALICE")
		r.board.set(func(b *board) { b.hook = func(string, approvals.Request) error { return errors.New("503") } })
		r.press("BOB", Approve, id)
		r.press("CAROL", Approve, id)
		if k := r.get(id); k.State != approvals.Accepted {
			r.Errorf("state %s: the run waits for Slack", k.State)
		}
		r.pass(10 * time.Minute)
		r.did("draw notice")
		r.board.set(func(b *board) { b.hook = nil })
		r.pass(time.Minute)
		r.is(id, approvals.Accepted)
		r.did("draw notice", "draw 1.0 accepted", "notice answer accepted")
	})
}

func TestSlackAsksToWait(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		tries := 0
		r.board.set(func(b *board) {
			b.hook = func(call string, _ approvals.Request) error {
				if call == "redraw" { // other calls have limits of their own
					tries++
				}
				return fmt.Errorf("chat.update: %w", &Later{After: 50 * time.Second})
			}
		})
		r.press("BOB", Deny, id)
		r.pass(45 * time.Second)
		if tries != 1 {
			r.Errorf("%d tries within the time that Slack asked for", tries)
		}
		r.board.set(func(b *board) { b.hook = nil })
		r.pass(10 * time.Second)
		r.is(id, approvals.Denied)
	})
}

func TestAMessageThatSlackNeverTakesIsGivenUp(t *testing.T) {
	playWith(t, func(r *rig) { r.poll = time.Minute }, func(r *rig) {
		id := r.asks("ALICE")
		r.board.set(func(b *board) { b.hook = func(string, approvals.Request) error { return errors.New("fatal_error") } })
		r.press("BOB", Deny, id)
		r.pass(5 * 24 * time.Hour)
		if k := r.get(id); k.Owes() || !k.Card.Gone {
			r.Errorf("still owed after five days: %+v, %v", k.Card, k.Notices)
		}
	})
}

func TestRejectedMessages(t *testing.T) {
	for _, err := range []error{ErrRejected, ErrNotInChannel, approvals.ErrTooLong, approvals.ErrNotText} {
		play(t, func(r *rig) {
			id := r.asks("ALICE")
			r.board.set(func(b *board) {
				b.hook = func(call string, _ approvals.Request) error {
					if call == "redraw" {
						return fmt.Errorf("x: %w", err)
					}
					return nil
				}
			})
			r.press("BOB", Approve, id)
			if k := r.get(id); k.State != approvals.Accepted || k.Owes() || !k.Card.Gone {
				r.Errorf("%v: state %s, card %+v, notices %v", err, k.State, k.Card, k.Notices)
			}
			r.did("notice", "notice answer accepted")
		})
	}
}

// One request that makes a neighbour panic leaves the others alone, and is found
// again.
func TestAPanicEndsNothingElse(t *testing.T) {
	type neighbour struct {
		name string
		set  func(r *rig, broken string)
		heal func(r *rig)
	}
	for _, n := range []neighbour{
		{"the board", func(r *rig, broken string) {
			r.board.set(func(b *board) {
				b.hook = func(_ string, k approvals.Request) error {
					if k.Asked.Reason == broken {
						panic(canaryPassword)
					}
					return nil
				}
			})
		}, func(r *rig) { r.board.set(func(b *board) { b.hook = nil }) }},
		{"the vault", func(r *rig, _ string) {
			once := true
			r.logins.set(func(l *logins) {
				l.onOpen = func() error {
					if once {
						once = false
						panic(errors.New(canaryKey))
					}
					return nil
				}
			})
		}, func(*rig) {}},
	} {
		t.Run(n.name, func(t *testing.T) {
			play(t, func(r *rig) {
				n.set(r, "broken")
				bad := r.words(r.says("ALICE", "run cmd-nozcbhuw ins-1 --reason broken")).Request
				good := r.words(r.says("EVE", "run cmd-nozcbhuw ins-2 --reason whole")).Request
				r.press("BOB", Approve, bad)
				r.press("BOB", Approve, good)
				r.is(good, approvals.Accepted)
				n.heal(r)
				r.pass(hold + 5*time.Second)
				if k := r.get(bad); k.State == approvals.Pending {
					r.press("BOB", Approve, bad)
				}
				r.is(bad, approvals.Accepted)
				if log := r.log.String(); !strings.Contains(log, "a step panicked") || strings.Contains(log, "CANARY") {
					r.Errorf("the log must tell of the panic and not its value:\n%s", log)
				}
			})
		})
	}
}

// After a panic inside the call nobody can know: it is never sent again.
func TestAPanicInTheCallIsUnknown(t *testing.T) {
	play(t, func(r *rig) {
		r.cloud.set(func(c *cloud) { c.onRun = func(context.Context) error { panic("x") } })
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		r.pass(2 * time.Minute)
		k := r.is(id, approvals.Unknown)
		if a := k.LastSend().Answer; a == nil || a.Meaning != "the call was broken off inside the bot" {
			r.Errorf("the answer kept is %+v", a)
		}
		r.ran(1)
	})
}

func TestAPanicWhileDrawingASlowSend(t *testing.T) {
	play(t, func(r *rig) {
		sending, answer := make(chan struct{}), make(chan struct{})
		r.cloud.set(func(c *cloud) { c.onRun = blockUntil(sending, answer, nil) })
		id := r.asks("ALICE")
		r.board.set(func(b *board) {
			b.hook = func(_ string, k approvals.Request) error {
				if k.State == approvals.Executing {
					panic("x")
				}
				return nil
			}
		})
		r.pressOn(r.first, "BOB", Approve, id)
		<-sending
		r.pass(time.Second)
		close(answer)
		r.settle()
		r.is(id, approvals.Accepted)
	})
}

func TestShutdownWaitsForASend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.first = r.newBot()
		stop := r.work(r.first)
		sending, answer := make(chan struct{}), make(chan struct{})
		r.cloud.set(func(c *cloud) { c.onRun = blockUntil(sending, answer, nil) })
		id := r.asks("ALICE")
		other := r.words(r.says("EVE", "run cmd-nozcbhuw ins-3")).Request
		r.pressOn(r.first, "BOB", Approve, id)
		<-sending
		stopped := make(chan struct{})
		go func() { defer close(stopped); stop() }()
		r.settle()
		select {
		case <-stopped:
			r.Fatal("Run has ended while a run was being sent")
		default:
		}
		// A vote is still counted, but what it starts is left to other bots.
		r.hears(r.press("BOB", Approve, other), saidApproved)
		if k := r.get(other); k.State != approvals.Approved {
			r.Errorf("state %s, want approved", k.State)
		}
		r.cloud.set(func(c *cloud) { c.onRun = nil })
		close(answer)
		<-stopped
		r.is(id, approvals.Accepted)
		if n := r.first.Busy(); n != 0 {
			r.Errorf("%d requests are still worked on", n)
		}
		second := r.newBot()
		r.work(second)
		r.pass(hold + 5*time.Second)
		r.is(other, approvals.Accepted)
	})
}

// Many requests on four places: each gets its turn.
func TestManyRequestsOnFewPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.first = r.newBot(func(c *Config) { c.Workers, c.CommandsAMinute = 4, -1 })
		var ids []string
		for i := range 200 {
			w := r.words(r.first.Typed(r.Context(), Typed{
				Event: r.event(), By: ref("ALICE"), Origin: approvals.Origin{Team: theTeam, Channel: theChannel},
				Text: fmt.Sprintf("run cmd-nozcbhuw ins-%d", i),
			}))
			ids = append(ids, w.Request)
		}
		r.work(r.first)
		r.settle()
		for _, id := range ids {
			r.is(id, approvals.Pending)
		}
		r.pass(31 * time.Minute) // all fall due at once
		for _, id := range ids {
			r.is(id, approvals.Expired)
		}
	})
}
