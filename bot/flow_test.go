package bot

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
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
		r.did("read open run notice", "read cmd-nozcbhuw", "read cmd-nozcbhuw", "open ops",
			`run cmd-nozcbhuw on ins-1,ins-2 as root with "--fast"`, "notice answer accepted")
		want := []string{"receive", "prepare", "open", "vote", "claim", "answer"}
		if diff := cmp.Diff(want, r.moves(w.Request)); diff != "" {
			r.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestTheAnswerSaysWhereTheCardComes(t *testing.T) {
	play(t, func(r *rig) {
		a := r.first.Typed(r.Context(), Typed{
			Event: "E", By: ref("ALICE"), Text: "run cmd-nozcbhuw ins-1",
			Origin: approvals.Origin{Team: theTeam, Channel: theChannel, Thread: "1.5"},
		})
		r.hears(a, "Recorded: run cmd-nozcbhuw on ins-1. Nothing runs before a colleague approves; the card comes into this thread.")
	})
}

func TestQuorumOfTwo(t *testing.T) {
	playTwo(t, func(r *rig) {
		id := r.asks("ALICE")
		r.hears(r.press("BOB", Approve, id), "Recorded: you approved. It has 1 of the 2 approvals it needs.")
		r.is(id, approvals.Pending)
		r.hears(r.press("BOB", Approve, id), "Your approval was counted already, or enough people have approved. Look at the card.")
		r.is(id, approvals.Pending)
		r.ran(0)
		r.hears(r.press("DAVE", Approve, id), saidApproved)
		r.is(id, approvals.Accepted)
		r.ran(1)
	})
}

func TestWhoMayNot(t *testing.T) {
	all := approvals.Who{Users: []string{"BOB", "CAROL"}, Groups: []string{"S-oncall"}}
	but := func(asker string) approvals.Who {
		return approvals.Who{Users: slices.DeleteFunc(slices.Clone(all.Users), func(u string) bool { return u == asker }), Groups: all.Groups}
	}
	carol := func(change func(*approvals.Profile)) func(d *directory) {
		return func(d *directory) {
			p := someone("CAROL")
			change(&p)
			d.profiles["CAROL"] = p
		}
	}
	const (
		own     = "Not counted: nobody decides on their own request. These may:"
		unnamed = "Not counted: the rule does not name you. These may:"
	)
	for _, tt := range []struct {
		why, asker, user string
		button           Button
		setup            func(*directory)
		want             string
		who              approvals.Who
	}{
		{"one's own request", "BOB", "BOB", Approve, nil, own, but("BOB")},
		{"one's own, by another id of the same human", "BOB2", "BOB", Approve, nil, own, all},
		{"denying one's own is Cancel's", "BOB", "BOB", Deny, nil, own, but("BOB")},
		{"not named by the rule", "ALICE", "EVE", Approve, nil, unnamed, all},
		{"nor to deny", "ALICE", "EVE", Deny, nil, unnamed, all},
		{"cancel is the requester's", "ALICE", "CAROL", Cancel, nil, "Only the one who asked can cancel a request. Press Deny if you may decide on it.", approvals.Who{}},
		{"a guest", "ALICE", "CAROL", Approve, carol(func(p *approvals.Profile) { p.Guest = true }), "Not counted: a guest may not use bmcmd. Ask a colleague.", approvals.Who{}},
		{"a deactivated account", "ALICE", "CAROL", Approve, carol(func(p *approvals.Profile) { p.Deactivated = true }), "Not counted: a deactivated account may not use bmcmd. Ask a colleague.", approvals.Who{}},
		{"somebody from outside", "ALICE", "CAROL", Approve, carol(func(p *approvals.Profile) { p.Outside = true }), "Not counted: someone from outside this organisation may not use bmcmd. Ask a colleague.", approvals.Who{}},
		{"a bot", "ALICE", "CAROL", Approve, carol(func(p *approvals.Profile) { p.Bot = true }), "Not counted: a bot or app may not use bmcmd. Ask a colleague.", approvals.Who{}},
		{"whom Slack does not name fully", "ALICE", "CAROL", Approve, carol(func(p *approvals.Profile) { p.ID = "" }), "Not counted: an account that Slack does not name fully may not use bmcmd. Ask a colleague.", approvals.Who{}},
		{"whom Slack does not know", "ALICE", "CAROL", Approve, func(d *directory) { delete(d.profiles, "CAROL") }, "Not counted: Slack did not tell me who may do this. Press again in a moment.", approvals.Who{}},
		{"a group that Slack does not tell", "ALICE", "DAVE", Approve, func(d *directory) { d.noGroups = errors.New("away") }, "Not counted: Slack did not tell me who may do this. Press again in a moment.", approvals.Who{}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			play(t, func(r *rig) {
				for _, u := range []string{"BOB", "BOB2"} { // one human with two user ids
					r.people.set(func(d *directory) {
						d.profiles[u] = approvals.Profile{Person: approvals.Person{Org: theTeam, ID: "W-BOB", User: u, Name: "bob"}}
					})
				}
				id := r.asks(tt.asker)
				if tt.setup != nil {
					r.people.set(tt.setup)
				}
				w := r.words(r.press(tt.user, tt.button, id))
				text, _, _ := strings.Cut(w.Text, " (ref ")
				if diff := cmp.Diff(tt.want, text); diff != "" {
					r.Errorf("the answer (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tt.who, w.Who); diff != "" {
					r.Errorf("who may (-want +got):\n%s", diff)
				}
				r.is(id, approvals.Pending)
				r.ran(0)
				moves := r.moves(id)
				if last := moves[len(moves)-1]; last != "refused "+string(tt.button) {
					r.Errorf("the last event is %q, want the refused click", last)
				}
			})
		})
	}
}

func TestDenyIsAVeto(t *testing.T) {
	playTwo(t, func(r *rig) {
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		r.hears(r.press("CAROL", Deny, id), "Recorded: you denied it, and nothing runs. The one who asked is told your reason.")
		k := r.is(id, approvals.Denied)
		if k.Why != "not now" || k.EndedBy == nil || k.EndedBy.User != "CAROL" {
			r.Errorf("it ended because of %q by %v", k.Why, k.EndedBy)
		}
		r.did("notice", "notice ended denied")
		r.hears(r.press("DAVE", Approve, id), "This request has ended (denied), so nothing was changed. Look at the card.")
		r.is(id, approvals.Denied)
		r.ran(0)
	})
}

func TestDenyAfterApproval(t *testing.T) {
	play(t, func(r *rig) {
		r.logins.set(func(l *logins) { l.onOpen = func() error { return errors.New("sealed") } })
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		r.is(id, approvals.Approved)
		r.press("BOB", Deny, id) // the same person may think again
		r.is(id, approvals.Denied)
		r.logins.set(func(l *logins) { l.onOpen = nil })
		r.pass(time.Hour)
		r.ran(0)
	})
}

func TestDenyWithASecretInItsReason(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		r.hears(r.press("BOB", Deny, id, func(c *Click) { c.Reason = "use xoxb-1234567890-abc" }),
			"Not recorded: the reason holds what looks like a Slack token, and what is typed into Slack is public and kept. Press Deny again, without it.")
		r.is(id, approvals.Pending)
	})
}

func TestCancel(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		r.hears(r.press("ALICE", Cancel, id), "Recorded: the request is cancelled, and nothing runs.")
		r.is(id, approvals.Cancelled)
		r.did("notice", "notice ended cancelled")
		r.ran(0)
	})
}

func TestCancelComesTooLateAfterTheClaim(t *testing.T) {
	play(t, func(r *rig) {
		sending, answer := make(chan struct{}), make(chan struct{})
		r.cloud.set(func(c *cloud) { c.onRun = blockUntil(sending, answer, nil) })
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		<-sending
		const late = "Too late: the run has been claimed and may be on its way already. Look at the card."
		r.hears(r.press("ALICE", Cancel, id), late)
		r.hears(r.press("BOB", Deny, id), late)
		close(answer)
		r.settle()
		r.is(id, approvals.Accepted)
		r.ran(1)
	})
}

func TestExpiry(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		r.pass(30*time.Minute - time.Second)
		r.is(id, approvals.Pending)
		r.pass(3 * time.Second)
		r.is(id, approvals.Expired)
		r.did("notice", "notice ended expired")
		r.hears(r.press("BOB", Approve, id), "This request has ended (expired), so nothing was changed. Look at the card.")
		r.ran(0)
	})
}

func TestAClickAfterTheTimeFindsItExpired(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		r.memory.setFault(func(c storeCall) fault {
			if c.name == "take" {
				return away // nobody finds it due
			}
			return fine
		})
		r.pass(31 * time.Minute)
		r.is(id, approvals.Pending)
		r.hears(r.press("BOB", Approve, id), "Too late: the request has expired, and nothing runs. Press Ask again if it is still needed.")
		r.is(id, approvals.Expired)
		r.ran(0)
	})
}

func TestRefusedBeforeAnythingIsPending(t *testing.T) {
	notFound := &bmclient.Error{Action: "GetUserCmd", Number: 4100, Name: "AuthFailure", Meaning: "the signature or the identity was refused", Class: bmclient.ClassRefused}
	guest := someone("ALICE")
	guest.Guest = true
	for _, tt := range []struct {
		why   string
		line  string
		setup func(r *rig)
		want  string // why it ended
	}{
		{"the bot is not in the channel", "", func(r *rig) { r.board.hook = failing("post", fmt.Errorf("chat.postMessage: %w", ErrNotInChannel)) }, "I am not in this channel, so nobody would see the request. Invite me (/invite @bmcmd) and ask again."},
		{"too long for a card", "", func(r *rig) {
			r.board.hook = failing("post", fmt.Errorf("%w: the script has 9000 characters of 2900", ErrTooLong))
		}, "A card must show everything that would run, and cannot: the script has 9000 characters of 2900. Shorten it, or split the request."},
		{"no such script", "run cmd-other ins-1", nil, "There is no script cmd-other. Look at the id: it is in the runbook, or in the console's list of scripts."},
		{"no login", "run cmd-nozcbhuw db-1", nil, "No login is configured for db-1; ask whoever keeps the config. Nothing ran."},
		{"no rule", "", func(r *rig) { r.policy[0].Scripts = []string{"cmd-x*"} }, "No rule lets cmd-nozcbhuw run on host ins-1 from this channel. Look at the ids, or ask whoever keeps the rules."},
		{"may not ask", "", func(r *rig) { r.policy[0].Ask = approvals.Who{Users: []string{"BOB"}} }, `The rule "ops" does not let you ask for this. Ask somebody whom it names, or whoever keeps the rules.`},
		{"a guest", "", func(r *rig) { r.people.profiles["ALICE"] = guest }, "You cannot ask for runs: a guest may not use bmcmd. Ask a colleague to."},
		{"the cloud refuses the key", "", func(r *rig) { r.cloud.onRead = func() error { return notFound } }, "The cloud did not let me read the script: 4100 AuthFailure (the signature or the identity was refused). Nothing ran; tell whoever runs the bot."},
	} {
		t.Run(tt.why, func(t *testing.T) {
			playWith(t, tt.setup, func(r *rig) {
				line := tt.line
				if line == "" {
					line = "run cmd-nozcbhuw ins-1"
				}
				w := r.words(r.says("ALICE", line))
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

func TestButtonsOutOfPlace(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		r.hears(r.press("BOB", Run, id), "Not counted: the request is pending, and then this button does nothing. Look at the card.")
		r.hears(r.press("BOB", "explode", id), "I do not know this button. The card may be from another version of me; ask again for what you need.")
		r.hears(r.press("BOB", Approve, "r-nosuch"), "I know no such request. Look at the id; list shows the open ones.")
		r.is(id, approvals.Pending)
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
		{"who may not", "show cmd-nozcbhuw", func(r *rig) { r.policy[0].Show = approvals.Who{Users: []string{"BOB"}} }, `The rule "ops" does not let you see cmd-nozcbhuw. Ask somebody whom it names, or whoever keeps the rules.`},
		{"nobody is named", "show cmd-nozcbhuw", func(r *rig) { r.policy[0].Show = approvals.Who{} }, `The rule "ops" does not let you see cmd-nozcbhuw. Ask somebody whom it names, or whoever keeps the rules.`},
		{"no rule", "show cmd-nozcbhuw", func(r *rig) { r.policy[0].Channels = []string{"C-other"} }, "No rule lets you see cmd-nozcbhuw from this channel. Look at the id, or ask whoever keeps the rules."},
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

// failing is a board's hook under which one call fails.
func failing(call string, err error) func(string, approvals.Request) error {
	return func(c string, _ approvals.Request) error {
		if c == call {
			return err
		}
		return nil
	}
}
