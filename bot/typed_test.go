package bot

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

func TestTheAnswerSaysWhereTheCardComes(t *testing.T) {
	play(t, func(r *rig) {
		a := r.first.Typed(r.Context(), Typed{
			Event: "E", By: ref("ALICE"), Text: "run cmd-nozcbhuw ins-1",
			Origin: approvals.Origin{Team: theTeam, Channel: theChannel, Thread: "1.5"},
		})
		r.hears(a, "Recorded: run cmd-nozcbhuw on ins-1. Nothing runs before a colleague approves; the card comes into this thread.")
	})
}

func TestRefusedBeforeAnythingIsPending(t *testing.T) {
	notFound := &bmclient.Error{Action: "GetUserCmd", Number: 4100, Name: "AuthFailure", Meaning: "the signature or the identity was refused", Class: bmclient.ClassRefused}
	for _, tt := range []struct {
		why   string
		setup func(r *rig)
		want  string // why it ended
	}{
		{"the bot is not in the channel", func(r *rig) { r.board.hook = failing("post", fmt.Errorf("chat.postMessage: %w", ErrNotInChannel)) }, "I am not in this channel, so nobody would see the request. Invite me (/invite @bmcmd) and ask again."},
		{"too long for a card", func(r *rig) {
			r.board.hook = failing("post", fmt.Errorf("%w: the script has 9000 characters of 2900", approvals.ErrTooLong))
		}, "A card must show everything that would run, and cannot: the script has 9000 characters of 2900. Shorten it, or split the request."},
		{"a script that is no text", func(r *rig) {
			r.board.hook = failing("post", fmt.Errorf("%w: it has 5 bytes", approvals.ErrNotText))
		}, "A card must show the script, and this one is not text (UTF-8), so nobody can review it. Store it as text."},
		{"the cloud refuses the key", func(r *rig) { r.cloud.onRead = func() error { return notFound } }, "The cloud did not let me read the script: 4100 AuthFailure (the signature or the identity was refused). Nothing ran; tell whoever runs the bot."},
	} {
		t.Run(tt.why, func(t *testing.T) {
			playWith(t, tt.setup, func(r *rig) {
				w := r.words(r.says("ALICE", "run cmd-nozcbhuw ins-1"))
				k := r.is(w.Request, approvals.Refused)
				if diff := cmp.Diff(tt.want, k.Why); diff != "" {
					r.Errorf("why (-want +got):\n%s", diff)
				}
				for _, m := range r.moves(w.Request) {
					if m == "open" {
						r.Error("it was pending before it was refused")
					}
				}
				r.did("notice", "notice ended refused")
				r.did("post")
			})
		})
	}
}

// What names nothing that there is leaves nothing behind once the person was told, and
// not before.
func TestASlipLeavesNothing(t *testing.T) {
	play(t, func(r *rig) {
		r.board.set(func(b *board) { b.hook = failing("notify", errors.New("slack is away")) })
		id := r.words(r.says("ALICE", "run cmd-other ins-1")).Request
		r.pass(10 * time.Minute)
		if k := r.get(id); k.State != approvals.Refused {
			r.Errorf("state %s, want refused", k.State)
		}
		r.board.set(func(b *board) { b.hook = nil })
		r.pass(time.Minute)
		r.slipped("There is no script cmd-other. Look at the id: it is in the runbook, or in the console's list of scripts.")
		r.hears(r.says("ALICE", "status "+id), "I know no such request. Look at the id; list shows the open ones.")
		if w := r.words(r.says("ALICE", "run cmd-other ins-1")); w.Request == "" || w.Request == id {
			r.Errorf("the same again is answered %+v", w)
		}
	})
}

func TestTheSameEventTwiceIsOneRequest(t *testing.T) {
	play(t, func(r *rig) {
		second := r.newBot()
		r.work(second)
		typed := Typed{Event: "E-same", By: ref("ALICE"), Origin: approvals.Origin{Team: theTeam, Channel: theChannel}, Text: "run cmd-nozcbhuw ins-1"}
		a := r.words(r.first.Typed(r.Context(), typed))
		b := r.words(second.Typed(r.Context(), typed))
		r.settle()
		if diff := cmp.Diff(a, b); diff != "" || a.Request == "" {
			r.Errorf("the two answers differ:\n%s", diff)
		}
		r.did("post", "post 1.0 received")
	})
}

func TestTheSameAskTwiceIsAnsweredWithALink(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		again := r.hears(r.says("ALICE", "run cmd-nozcbhuw ins-1,ins-2 -- --fast"), "You have asked for exactly this already, and that request is still open. Here is its card.")
		if again.Request != id || again.Link != "link:C-ops/1.0" {
			r.Errorf("the answer is about %s with link %q, want %s and its card", again.Request, again.Link, id)
		}
		if other := r.asks("EVE"); other == id {
			r.Error("another person's request was taken for the same")
		}
		r.press("ALICE", Cancel, id)
		if later := r.asks("ALICE"); later == id {
			r.Error("an ended request was taken for an open one")
		}
	})
}

// Who asks for the same with a better reason is not made to cancel and ask anew.
func TestABetterReasonGoesOntoTheCard(t *testing.T) {
	const same = "run cmd-nozcbhuw ins-1,ins-2 --reason %q -- --fast"
	const open = "You have asked for exactly this already, and that request is still open."
	playTwo(t, func(r *rig) {
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		again := func(reason, says string) {
			r.Helper()
			r.hears(r.says("ALICE", fmt.Sprintf(same, reason)), open+says+" Here is its card.")
		}
		again("disk full", "") // it is there
		again("checkout is down", " Your new reason is added to it.")
		k := r.is(id, approvals.Pending)
		if k.Asked.Reason != "disk full\nLater: checkout is down" || len(k.Approvers()) != 1 {
			r.Errorf("reason %q, %d approvals", k.Asked.Reason, len(k.Approvers()))
		}
		r.board.set(func(b *board) {
			if got := b.cards[k.Card.TS].Asked.Reason; got != k.Asked.Reason {
				r.Errorf("the card has the reason %q", got)
			}
		})
		again(strings.Repeat("a long story ", 922), " Your new reason is not added, as the card has no room for more; write it into the thread.")
		r.press("CAROL", Approve, id)
		r.is(id, approvals.Accepted)
		again("too late", " Your new reason is not added, as nobody decides on it any more; write it into the thread.")
		if k = r.get(id); k.Asked.Reason != "disk full\nLater: checkout is down" {
			r.Errorf("in the end the reason is %q", k.Asked.Reason)
		}
	})
	// A credential is weighed before anything else.
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		if w := r.words(r.says("ALICE", fmt.Sprintf(same, "token=a1b2c3d4"))); !strings.Contains(w.Text, "Change that credential now") {
			r.Errorf("%s", w.Text)
		}
		if k := r.get(id); k.Asked.Reason != "disk full" {
			r.Errorf("the reason is %q", k.Asked.Reason)
		}
	})
}

func TestLookUpIsTriedAgainAndGivenUp(t *testing.T) {
	play(t, func(r *rig) {
		r.board.set(func(b *board) { b.hook = failing("post", errors.New("slack is away")) })
		id := r.asks("ALICE")
		if k := r.get(id); k.State != approvals.Received {
			r.Fatalf("state %s, want received", k.State)
		}
		r.board.set(func(b *board) { b.hook = nil })
		r.pass(5 * time.Second)
		r.is(id, approvals.Pending)
		r.did("read", "read cmd-nozcbhuw") // once: what was found is stored

		r.cloud.set(func(c *cloud) { c.onRead = func() error { return &bmclient.Error{Action: "GetUserCmd", Meaning: "x"} } })
		id = r.asks("EVE")
		r.pass(3 * time.Minute)
		k := r.is(id, approvals.Refused)
		if !strings.HasPrefix(k.Why, "The cloud's API did not give a usable answer. Nothing ran; ask again in a while. (ref ") {
			r.Errorf("why: %s", k.Why)
		}
	})
}

// A rule's lifetime may be shorter than a look-up is tried.
func TestLookUpRestsBetweenTriesWhateverTheLifetime(t *testing.T) {
	playWith(t, func(r *rig) {
		r.policy[0].Lifetime = 3 * time.Second
		r.board.hook = func(call string, _ approvals.Request) error {
			r.journal.add("tried %s", call)
			if call == "post" {
				return errors.New("slack is away")
			}
			return nil
		}
	}, func(r *rig) {
		id := r.asks("ALICE")
		r.pass(3 * time.Minute)
		r.is(id, approvals.Refused)
		if tries := len(r.journal.of("tried")); tries > 20 {
			r.Errorf("%d tries in two minutes", tries)
		}
	})
}

func TestShow(t *testing.T) {
	for _, tt := range []struct {
		why, line string
		setup     func(r *rig)
		want      string // "" : shown
	}{
		{"who may see", "show cmd-nozcbhuw", nil, ""},
		{"who may not", "show cmd-nozcbhuw", func(r *rig) { r.policy[0].Show = approvals.Who{Users: []string{"BOB"}} }, `No rule lets you see cmd-nozcbhuw from this channel. Look at the id, or ask whoever keeps the rules.`},
		{"nobody is named", "show cmd-nozcbhuw", func(r *rig) { r.policy[0].Show = approvals.Who{} }, `No rule lets you see cmd-nozcbhuw from this channel. Look at the id, or ask whoever keeps the rules.`},
		{"no rule", "show cmd-nozcbhuw", func(r *rig) { r.policy[0].Channels = []string{"C0OTHER"} }, "No rule lets you see cmd-nozcbhuw from this channel. Look at the id, or ask whoever keeps the rules."},
		{"no such script", "show cmd-other", nil, "There is no script cmd-other. Look at the id: it is in the runbook, or in the console's list of scripts."},
		{"a guest", "show cmd-nozcbhuw", func(r *rig) { p := someone("ALICE"); p.Guest = true; r.people.profiles["ALICE"] = p }, "A guest may not use bmcmd. Ask a colleague."},
		{"Slack does not tell", "show cmd-nozcbhuw", func(r *rig) { r.people.fault = errors.New("away") }, "Slack did not tell me who may see this. Try again in a moment. (ref"},
		{"the cloud is away", "show cmd-nozcbhuw", func(r *rig) { r.cloud.onRead = func() error { return &bmclient.Error{} } }, "That did not work, and nothing was changed. The cloud's API did not give a usable answer. Try again in a moment. (ref"},
		{"a script that holds one of our own credentials", "show cmd-nozcbhuw", func(r *rig) {
			r.cloud.scripts[theScript] = bmclient.Script{CmdID: theScript, Content: []byte("x=" + canaryPassword)}
		}, "The script cmd-nozcbhuw holds one of my own credentials, so I show it nowhere. Take it out of the script, and change that credential."},
	} {
		t.Run(tt.why, func(t *testing.T) {
			playWith(t, tt.setup, func(r *rig) {
				a := r.says("ALICE", tt.line)
				if s, ok := a.(Shown); ok {
					if tt.want != "" || string(s.Script.Content) != "#!/bin/sh\nreboot\n" {
						r.Errorf("shown %+v", s)
					}
					return
				}
				got := r.words(a).Text
				if strings.HasSuffix(tt.want, "(ref") {
					got, _, _ = strings.Cut(got, " (ref ")
					got += " (ref"
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					r.Errorf("the answer (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestStatusAndList(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		s, ok := r.says("EVE", "status "+strings.TrimPrefix(id, "r-")).(Status)
		if !ok || s.Request.ID != id || len(s.Events) != 3 || s.Link != "link:C-ops/1.0" {
			r.Errorf("status here: %+v", s)
		}
		from := func(user, line string) Answer {
			return r.first.Typed(r.Context(), Typed{Event: r.event(), By: ref(user), Origin: approvals.Origin{Team: theTeam, Channel: "C-other"}, Text: line})
		}
		r.hears(from("EVE", "status "+id), "This request belongs to another channel. Ask for its status there.")
		for _, user := range []string{"ALICE", "BOB", "DAVE"} { // who asked, and who may approve
			if _, ok := from(user, "status "+id).(Status); !ok {
				r.Errorf("%s is not told the status from elsewhere", user)
			}
		}
		type lists struct{ Here, Mine, Waiting int }
		for _, tt := range []struct {
			user string
			at   string
			want lists
		}{
			{"ALICE", theChannel, lists{1, 1, 0}},
			{"ALICE", "C-other", lists{0, 1, 0}},
			{"BOB", "C-other", lists{0, 0, 1}},
			{"DAVE", theChannel, lists{1, 0, 1}},
			{"EVE", "C-other", lists{0, 0, 0}},
		} {
			l, _ := r.first.Typed(r.Context(), Typed{Event: r.event(), By: ref(tt.user), Origin: approvals.Origin{Team: theTeam, Channel: tt.at}, Text: "list"}).(List)
			if got := (lists{len(l.Here), len(l.Mine), len(l.Waiting)}); got != tt.want {
				r.Errorf("list for %s in %s: %+v, want %+v", tt.user, tt.at, got, tt.want)
			}
		}
		r.hears(r.says("EVE", "status r-nosuch"), "I know no such request. Look at the id; list shows the open ones.")
	})
}

// Whoever asks is told how it stands also while it is being looked up.
func TestStatusOfOnesOwnBeforeTheLookUp(t *testing.T) {
	play(t, func(r *rig) {
		r.board.set(func(b *board) { b.hook = failing("post", errors.New("away")) })
		r.cloud.set(func(c *cloud) { c.onRead = func() error { return errors.New("away") } })
		id := r.asks("ALICE")
		other := Typed{Event: "E-s", By: ref("ALICE"), Origin: approvals.Origin{Team: theTeam, Channel: "C-other"}, Text: "status " + id}
		if s, ok := r.first.Typed(r.Context(), other).(Status); !ok || s.Request.State != approvals.Received {
			r.Errorf("status: %+v", s)
		}
		other.Text = "list"
		if l, _ := r.first.Typed(r.Context(), other).(List); len(l.Mine) != 1 {
			r.Errorf("list: %+v", l)
		}
	})
}
