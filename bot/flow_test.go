package bot

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
)

const (
	saidApproved = "Recorded: you approved. Everything is read once more and then sent; the answer comes into the card's thread."
	saidStale    = "Not counted: the card you pressed was out of date. Look at it again, then press."
)

func TestApprovedRunIsSentOnce(t *testing.T) {
	play(t, func(r *rig) {
		w := r.hears(r.says("ALICE", `run cmd-nozcbhuw ins-1,ins-2 ins-1 --reason "disk full" -- --fast`),
			"Recorded: run cmd-nozcbhuw on 2 instances. Nothing runs before a colleague approves; the card comes into this channel. Typed twice and counted once: ins-1.")
		k := r.is(w.Request, approvals.Pending)
		if left := k.Expires.Sub(k.Opened); left != 30*time.Minute {
			r.Errorf("it may be decided on for %s, want the rule's 30m", left)
		}
		r.ran(0)
		r.did("open") // no login is read before the approval
		r.hears(r.press("BOB", Approve, w.Request), saidApproved)
		r.is(w.Request, approvals.Accepted)
		r.pass(time.Hour)
		r.ran(1)
		r.did("read run notice", "read cmd-nozcbhuw", "read cmd-nozcbhuw",
			`run cmd-nozcbhuw on ins-1,ins-2 as root with "--fast"`, "notice answer accepted")
		r.did("open run", "open ops", `run cmd-nozcbhuw on ins-1,ins-2 as root with "--fast"`)
		want := []string{"receive", "prepare", "open", "vote", "claim", "answer"}
		if diff := cmp.Diff(want, r.moves(w.Request)); diff != "" {
			r.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestQuorumOfTwo(t *testing.T) {
	playTwo(t, func(r *rig) {
		id := r.asks("ALICE")
		r.hears(r.press("BOB", Approve, id), "Recorded: you approved. It has 1 of the 2 approvals it needs.")
		r.is(id, approvals.Pending)
		r.hears(r.press("BOB", Approve, id), "Your approval was counted already. Look at the card.")
		r.is(id, approvals.Pending)
		r.ran(0)
		r.hears(r.press("DAVE", Approve, id), saidApproved)
		r.is(id, approvals.Accepted)
		r.ran(1)
	})
}

func TestADeletedCardIsPostedAgainOnce(t *testing.T) {
	playTwo(t, func(r *rig) {
		id := r.asks("ALICE")
		drop := func() { r.board.set(func(b *board) { clear(b.cards) }) }
		drop()
		r.press("BOB", Approve, id)
		k := r.is(id, approvals.Pending)
		if k.Card.TS != "2.0" || !k.Card.Reposted {
			r.Errorf("the card is %+v, want the second message", k.Card)
		}
		drop()
		r.press("CAROL", Approve, id)
		r.did("post", "post 1.0 received", "post 2.0 pending")
		k = r.get(id)
		if k.State != approvals.Accepted || !k.Card.Gone || k.Owes() {
			r.Errorf("state %s, card %+v, notices %v; want accepted, gone, none", k.State, k.Card, k.Notices)
		}
		r.ran(1) // the API's answer is told in the thread all the same
		r.did("notice", "notice answer accepted")
	})
}

func TestAskAgainNamesTheOldRequest(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		r.hears(r.press("ALICE", Again, id), "This request is still open, so there is no need to ask again. Look at the card.")
		r.press("BOB", Deny, id)
		w := r.words(r.press("EVE", Again, id))
		k := r.is(w.Request, approvals.Pending)
		if w.Request == id || k.Asked.Again != id || k.Requester.User != "EVE" || k.Asked.Parameters != "--fast" {
			r.Errorf("asked %+v by %s, want the same again by EVE", k.Asked, k.Requester.User)
		}
		if len(k.Approvers()) != 0 {
			r.Error("it came with decisions of the old one")
		}
	})
}

func TestAStaleCardIsDrawnAgain(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		r.hears(r.press("BOB", Approve, id, func(c *Click) { c.Digest = "another" }), saidStale)
		r.is(id, approvals.Pending)
		r.did("draw", "draw 1.0 pending")
		r.hears(r.press("BOB", Approve, id, func(c *Click) { c.Digest = "" }), saidStale)
		r.ran(0)

		r.press("BOB", Deny, id)
		r.board.set(func(b *board) { b.cards["1.0"] = approvals.Request{State: approvals.Pending} }) // as an old client shows it
		r.hears(r.press("BOB", Approve, id), "This request has ended (denied), so nothing was changed. Look at the card.")
		r.is(id, approvals.Denied)
	})
}

func TestBeforeItIsLookedUp(t *testing.T) {
	play(t, func(r *rig) {
		reading, proceed := make(chan struct{}), make(chan struct{})
		r.cloud.set(func(c *cloud) {
			c.onRead = func() error { reading <- struct{}{}; <-proceed; return nil }
		})
		id := r.words(r.first.Typed(r.Context(), Typed{Event: "E", By: ref("ALICE"), Origin: approvals.Origin{Team: theTeam, Channel: theChannel}, Text: "run cmd-nozcbhuw ins-1"})).Request
		<-reading
		r.hears(r.press("BOB", Approve, id), "This request is still being looked up. Press again in a moment.")
		r.hears(r.press("ALICE", Cancel, id), "Recorded: the request is cancelled, and nothing runs.")
		close(proceed)
		r.settle()
		r.is(id, approvals.Cancelled)
		r.did("post")
	})
}

func TestCancelWhileTheCardIsPosted(t *testing.T) {
	play(t, func(r *rig) {
		posting, proceed := make(chan struct{}), make(chan struct{})
		r.board.set(func(b *board) {
			b.hook = func(call string, _ approvals.Request) error {
				if call == "post" {
					posting <- struct{}{}
					<-proceed
				}
				return nil
			}
		})
		a := make(chan string)
		go func() { a <- r.asks("ALICE") }()
		<-posting
		id := <-a
		r.press("ALICE", Cancel, id)
		close(proceed)
		r.settle()
		r.is(id, approvals.Cancelled) // and the card, which came later, says so
	})
}

// failing is a board's hook under which one call fails.
func failing(call string, err error) func(string, approvals.Request) error {
	return func(c string, _ approvals.Request) error {
		if c == call {
			return err
		}
		return nil
	}
}
