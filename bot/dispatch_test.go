package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// What was approved must be what runs. Everything here changes between the moment
// that the card was shown and the send; the second approval is the last thing before.
func TestWhatChangedAfterTheApprovalStopsTheRun(t *testing.T) {
	script := func(change func(*bmclient.Script)) func(*rig) {
		return func(r *rig) {
			r.cloud.set(func(c *cloud) { s := c.scripts[theScript]; change(&s); c.scripts[theScript] = s })
		}
	}
	login := func(change func(*approvals.Login)) func(*rig) {
		return func(r *rig) { r.logins.set(func(l *logins) { change(&l.login) }) }
	}
	profile := func(user string, change func(*approvals.Profile)) func(*rig) {
		return func(r *rig) {
			r.people.set(func(d *directory) { p := d.profiles[user]; change(&p); d.profiles[user] = p })
		}
	}
	rule := func(change func(*approvals.Rule)) func(*rig) {
		return func(r *rig) { change(&r.first.Policy[0]) }
	}
	const changed = "What would run is not what was approved: the %s has changed. Nothing ran; look at the difference and ask again."
	for _, tt := range []struct {
		why    string
		change func(*rig)
		want   string // why it was refused
		what   string // the change that is shown
	}{
		{"the script's text", script(func(s *bmclient.Script) { s.Content = []byte("#!/bin/sh\nrm -rf /\n") }), fmt.Sprintf(changed, "script"), "script"},
		{"one byte at its end", script(func(s *bmclient.Script) { s.Content = append(s.Content[:len(s.Content):len(s.Content)], '\n') }), fmt.Sprintf(changed, "script"), "script"},
		{"its operating system", script(func(s *bmclient.Script) { s.OSType = "xserver" }), fmt.Sprintf(changed, "operating system"), "operating system"},
		{"the account", script(func(s *bmclient.Script) { s.AppID = "126" }), fmt.Sprintf(changed, "account (appId)"), "account (appId)"},
		{"the script is gone", func(r *rig) { r.cloud.set(func(c *cloud) { clear(c.scripts) }) }, "There is no script cmd-nozcbhuw. Look at the id: it is in the runbook, or in the console's list of scripts.", ""},
		{"the script holds a credential now", script(func(s *bmclient.Script) { s.Content = []byte(canaryPassword) }), "The script cmd-nozcbhuw holds one of my own credentials, so I show it nowhere. Take it out of the script, and change that credential.", ""},
		{"the login is mapped elsewhere", login(func(l *approvals.Login) { l.Ref = "ref+vault://other#password" }), fmt.Sprintf(changed, "place of the login's password"), "place of the login's password"},
		{"the login is another user", login(func(l *approvals.Login) { l.User = "admin" }), fmt.Sprintf(changed, "user on the hosts"), "user on the hosts"},
		{"today's rule names no approver of these", rule(func(r *approvals.Rule) { r.Approve = approvals.Who{Users: []string{"CAROL"}} }), "The approvals do not hold any more: 0 of 1 needed. Nothing ran; ask again.", ""},
		{"today's rule wants two", rule(func(r *approvals.Rule) { r.Quorum = 2 }), "The approvals do not hold any more: 1 of 2 needed. Nothing ran; ask again.", ""},
		{"today's rules do not let the requester ask", rule(func(r *approvals.Rule) { r.Ask = approvals.Who{Users: []string{"EVE"}} }), "The approvals do not hold any more: the requester may not ask for this any more. Nothing ran; ask again.", ""},
		{"no rule matches today", rule(func(r *approvals.Rule) { r.Scripts = []string{"cmd-x"} }), "The rules have changed since the card was shown and do not allow this run any more. Nothing ran; ask whoever keeps the rules.", ""},
		{"the approver was deactivated", profile("BOB", func(p *approvals.Profile) { p.Deactivated = true }), "The approvals do not hold any more: 0 of 1 needed. Nothing ran; ask again.", ""},
		{"the approver's id is another human's", profile("BOB", func(p *approvals.Profile) { p.ID = "W-OTHER" }), "The approvals do not hold any more: 0 of 1 needed. Nothing ran; ask again.", ""},
		{"the requester became a guest", profile("ALICE", func(p *approvals.Profile) { p.Guest = true }), "The approvals do not hold any more: the requester may not use bmcmd any more. Nothing ran; ask again.", ""},
	} {
		t.Run(tt.why, func(t *testing.T) {
			play(t, func(r *rig) {
				reading, proceed := make(chan struct{}), make(chan struct{})
				id := r.asks("ALICE")
				// The vote is counted; the change comes before the dispatch reads anything.
				r.first.Logins = &heldLogins{logins: r.logins, asked: reading, proceed: proceed}
				done := make(chan Answer)
				go func() { done <- r.pressOn(r.first, "BOB", Approve, id) }()
				<-done
				<-reading
				tt.change(r)
				close(proceed)
				r.settle()
				k := r.is(id, approvals.Refused)
				if diff := cmp.Diff(tt.want, k.Why); diff != "" {
					r.Errorf("why (-want +got):\n%s", diff)
				}
				if tt.what != "" && (len(k.Changes) != 1 || k.Changes[0].What != tt.what) {
					r.Errorf("changes %+v, want the %s", k.Changes, tt.what)
				}
				r.did("notice", "notice ended refused")
				r.did("open")
				r.pass(time.Hour)
				r.ran(0)
			})
		})
	}
}

// heldLogins stops the dispatch at its first step.
type heldLogins struct {
	*logins
	asked   chan<- struct{}
	proceed <-chan struct{}
}

func (l *heldLogins) For(hosts []string) (approvals.Login, error) {
	l.asked <- struct{}{}
	<-l.proceed
	return l.logins.For(hosts)
}

func TestARotatedPasswordChangesNothing(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		r.cloud.set(func(c *cloud) {
			s := c.scripts[theScript]
			s.Alias, s.Modified = "new name", time.Now()
			c.scripts[theScript] = s
		})
		r.press("BOB", Approve, id)
		r.is(id, approvals.Accepted)
	})
}

// What is away for a moment is waited for within dispatch_within; later only a
// person starts the run.
func TestWhatIsAwayIsWaitedFor(t *testing.T) {
	type outage struct {
		why        string
		begin, end func(*rig)
		says       string // on the card, while it is tried
	}
	for _, tt := range []outage{
		{
			"the vault", func(r *rig) {
				r.logins.set(func(l *logins) { l.onOpen = func() error { return errors.New("sealed") } })
			},
			func(r *rig) { r.logins.set(func(l *logins) { l.onOpen = nil }) }, "The credentials could not be read from the vault.",
		},
		{
			"the cloud", func(r *rig) {
				r.cloud.set(func(c *cloud) {
					c.onRead = func() error {
						return &bmclient.Error{Number: 6000, Name: "InternalError", Meaning: "the API failed internally"}
					}
				})
			},
			func(r *rig) { r.cloud.set(func(c *cloud) { c.onRead = nil }) }, "The cloud's API answered 6000 InternalError (the API failed internally).",
		},
		{
			"a group that Slack does not tell", func(r *rig) { r.people.set(func(d *directory) { d.noGroups = errors.New("ratelimited") }) },
			func(r *rig) { r.people.set(func(d *directory) { d.noGroups = nil }) }, "Slack did not tell who is in a user group.",
		},
	} {
		votes := func(r *rig) string { // the outage begins between vote and dispatch
			id := r.asks("ALICE")
			reading, proceed := make(chan struct{}), make(chan struct{})
			all := r.first.Logins
			r.first.Logins = &heldLogins{logins: r.logins, asked: reading, proceed: proceed}
			r.pressOn(r.first, "BOB", Approve, id)
			<-reading
			tt.begin(r)
			r.first.Logins = all
			close(proceed)
			r.settle()
			k := r.is(id, approvals.Approved)
			if want := tt.says + " Nothing was sent; I keep trying until the approval is 2 minutes old. (ref "; !strings.HasPrefix(k.Waiting, want) {
				r.Errorf("it waits because %q, want %q", k.Waiting, want)
			}
			r.did("notice", "notice waiting approved")
			return id
		}
		t.Run(tt.why+" is back in time", func(t *testing.T) {
			play(t, func(r *rig) {
				id := votes(r)
				r.pass(time.Minute)
				r.is(id, approvals.Approved)
				tt.end(r)
				r.pass(time.Minute)
				r.is(id, approvals.Accepted)
				r.pass(time.Hour)
				r.ran(1)
				r.did("notice", "notice waiting approved", "notice answer accepted")
			})
		})
		t.Run(tt.why+" is back too late", func(t *testing.T) {
			play(t, func(r *rig) {
				id := votes(r)
				r.pass(3 * time.Minute)
				tt.end(r)
				r.pass(5 * time.Minute)
				k := r.is(id, approvals.Approved)
				const want = "It could not be started in time, so I do not start by myself any more. Press Run to start it now, or Cancel."
				if k.Waiting != want {
					r.Errorf("it waits because %q, want %q", k.Waiting, want)
				}
				r.did("notice", "notice waiting approved", "notice waiting approved") // the second asks for a press
				r.ran(0)
				r.hears(r.press("EVE", Run, id), "Not counted: the rule does not name you. These may:")
				r.ran(0)
				r.press("ALICE", Run, id)
				r.is(id, approvals.Accepted)
				r.ran(1)
			})
		})
		t.Run(tt.why+" never is", func(t *testing.T) {
			play(t, func(r *rig) {
				id := votes(r)
				r.pass(time.Hour)
				r.is(id, approvals.Expired)
				r.ran(0)
			})
		})
	}
}

// The table of design.md: what each answer to RunUserCmd means.
func TestWhatAnAnswerMeans(t *testing.T) {
	type row struct {
		why     string
		err     error
		state   approvals.State
		notices []string
		meaning string
		hint    string
		forgets bool
	}
	api := func(n int, name string, class bmclient.Class) *bmclient.Error {
		return &bmclient.Error{Action: "RunUserCmd", Number: n, Name: name, Meaning: "m", Message: "the API's words", Class: class}
	}
	rows := []row{
		{"accepted", nil, approvals.Accepted, []string{"notice answer accepted"}, "accepted", "", false},
		{"refused before anything could run", api(4300, "AccessDenied", bmclient.ClassRefused), approvals.Approved, []string{"notice answer approved"}, "m", "", false},
		{"a key that may have been rotated", api(4100, "AuthFailure", bmclient.ClassRefused), approvals.Approved, []string{"notice answer approved"}, "m", "", true},
		{"documented for the action", api(18018, "ServerNotExist", bmclient.ClassFailed), approvals.Failed, []string{"notice answer failed"}, "m", "", false},
		{"a password that may have been rotated", api(18012, "InvalidPassword", bmclient.ClassFailed), approvals.Failed, []string{"notice answer failed"}, "m", "", true},
		{"nobody can know", api(6000, "InternalError", bmclient.ClassUnknown), approvals.Unknown, []string{"notice unknown unknown"}, "m", "", false},
		{"a number nobody has seen", api(77777, "Strange", bmclient.ClassUnknown), approvals.Unknown, []string{"notice unknown unknown"}, "m", "", false},
		{"no answer came", &bmclient.Error{Action: "RunUserCmd", Meaning: "no usable answer came"}, approvals.Unknown, []string{"notice unknown unknown"}, "no usable answer came", "", false},
		{"a fault that is not the client's", errors.New("connection reset"), approvals.Unknown, []string{"notice unknown unknown"}, "connection reset", "", false},
		{"time ran out", context.DeadlineExceeded, approvals.Unknown, []string{"notice unknown unknown"}, "context deadline exceeded", "", false},
		{
			"a password that cannot be signed", fmt.Errorf("%w: %w", bmclient.ErrNotSent, bmclient.ErrBadPassword), approvals.Approved,
			[]string{"notice answer approved"},
			"the login's password begins with @, which this API's signature cannot carry", "Give the login another password, then press Run.", false,
		},
	}
	for _, tt := range rows {
		t.Run(tt.why, func(t *testing.T) {
			play(t, func(r *rig) {
				r.cloud.set(func(c *cloud) { c.onRun = func(context.Context) error { return tt.err } })
				id := r.asks("ALICE")
				r.press("BOB", Approve, id)
				k := r.is(id, tt.state)
				r.did("notice", tt.notices...)
				a := k.LastSend().Answer
				if a == nil || a.Meaning != tt.meaning || a.Hint != tt.hint {
					r.Errorf("the answer kept is %+v, want meaning %q, hint %q", a, tt.meaning, tt.hint)
				}
				if forgot := len(r.journal.of("forget")) > 0; forgot != tt.forgets {
					r.Errorf("credentials forgotten: %v, want %v", forgot, tt.forgets)
				}
				r.pass(25 * time.Minute) // nothing is tried again by itself
				r.ran(1)
			})
		})
	}
}

func TestAfterARefusalAPersonTriesAgain(t *testing.T) {
	play(t, func(r *rig) {
		r.cloud.set(func(c *cloud) {
			c.onRun = func(context.Context) error { return &bmclient.Error{Number: 4400, Class: bmclient.ClassRefused} }
		})
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		r.is(id, approvals.Approved)
		r.cloud.set(func(c *cloud) { c.onRun = nil })
		r.hears(r.press("CAROL", Run, id), "Recorded: everything is read once more and then sent. The answer comes into the card's thread.")
		k := r.is(id, approvals.Accepted)
		if len(k.Sends) != 2 {
			r.Errorf("%d sends are kept, want both", len(k.Sends))
		}
		r.ran(2)
	})
}

func TestWhatProvablyDidNotLeaveIsSentLater(t *testing.T) {
	play(t, func(r *rig) {
		r.cloud.set(func(c *cloud) {
			c.onRun = func(context.Context) error { return fmt.Errorf("dial: %w", bmclient.ErrNotSent) }
		})
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		k := r.is(id, approvals.Approved)
		if !strings.HasPrefix(k.Waiting, "The API could not be reached, and nothing was sent. I try again. (ref ") {
			r.Errorf("it waits because %q", k.Waiting)
		}
		r.cloud.set(func(c *cloud) { c.onRun = nil })
		r.pass(10 * time.Second)
		r.is(id, approvals.Accepted)
		r.pass(time.Hour)
		r.ran(2) // the second is the one that left
	})
}

// The claim has a deadline. One that comes too late must not be sent, above all not
// when an earlier send of the same request is in the record.
func TestAClaimThatComesTooLateIsNotSent(t *testing.T) {
	play(t, func(r *rig) {
		r.cloud.set(func(c *cloud) { c.onRun = func(context.Context) error { return bmclient.ErrNotSent } })
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		r.is(id, approvals.Approved)
		opening, proceed := make(chan struct{}), make(chan struct{})
		r.logins.set(func(l *logins) {
			l.onOpen = func() error { opening <- struct{}{}; <-proceed; return nil }
		})
		// Each try opens the vault; the last one hangs until the window has closed.
		for within := r.get(id).DispatchBy; ; {
			<-opening
			if within.Sub(r.get(id).Clock()) < 30*time.Second {
				break
			}
			proceed <- struct{}{}
			r.settle()
		}
		before := len(r.journal.of("run"))
		r.pass(time.Minute)
		r.logins.set(func(l *logins) { l.onOpen = nil })
		close(proceed)
		r.pass(time.Minute)
		if after := len(r.journal.of("run")); after != before {
			r.Errorf("%d calls without a claim", after-before)
		}
		k := r.is(id, approvals.Approved)
		if !strings.HasSuffix(k.Waiting, "Press Run to start it now, or Cancel.") {
			r.Errorf("it waits because %q", k.Waiting)
		}
	})
}

// Clicks that only redraw the card must not undo the work of a dispatch.
func TestClicksDoNotHoldTheClaimUp(t *testing.T) {
	play(t, func(r *rig) {
		opening, proceed := make(chan struct{}), make(chan struct{})
		r.logins.set(func(l *logins) { l.onOpen = func() error { opening <- struct{}{}; <-proceed; return nil } })
		id := r.asks("ALICE")
		r.pressOn(r.first, "BOB", Approve, id)
		<-opening
		r.pressOn(r.first, "CAROL", Approve, id) // too many: the card is drawn again
		close(proceed)
		r.settle()
		r.is(id, approvals.Accepted)
		r.did("open", "open ops")
		r.ran(1)
	})
}

func TestASlowSendIsShown(t *testing.T) {
	play(t, func(r *rig) {
		sending, answer := make(chan struct{}), make(chan struct{})
		r.cloud.set(func(c *cloud) { c.onRun = blockUntil(sending, answer, nil) })
		id := r.asks("ALICE")
		r.pressOn(r.first, "BOB", Approve, id)
		<-sending
		r.pass(time.Second)
		r.did("draw", "draw 1.0 executing")
		close(answer)
		r.settle()
		r.is(id, approvals.Accepted)
	})
}

// The answer is known to this process alone: it must not wait for Slack.
func TestTheAnswerIsStoredBeforeTheDrawingEnds(t *testing.T) {
	play(t, func(r *rig) {
		sending, answer, drawing, drawn := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
		r.cloud.set(func(c *cloud) { c.onRun = blockUntil(sending, answer, nil) })
		id := r.asks("ALICE")
		r.board.set(func(b *board) {
			b.hook = func(call string, k approvals.Request) error {
				if call == "redraw" && k.State == approvals.Executing {
					drawing <- struct{}{}
					<-drawn
				}
				return nil
			}
		})
		r.pressOn(r.first, "BOB", Approve, id)
		<-sending
		<-drawing
		close(answer)
		r.settle()
		if k := r.get(id); k.State != approvals.Accepted {
			r.Errorf("state %s while the card is drawn, want accepted", k.State)
		}
		close(drawn)
		r.settle()
		r.is(id, approvals.Accepted)
	})
}

func TestSendThatHangsEndsAsUnknown(t *testing.T) {
	play(t, func(r *rig) {
		sending := make(chan struct{})
		r.cloud.set(func(c *cloud) { c.onRun = blockUntil(sending, nil, nil) })
		id := r.asks("ALICE")
		r.pressOn(r.first, "BOB", Approve, id)
		<-sending
		r.pass(time.Minute)
		r.is(id, approvals.Unknown)
		r.pass(time.Hour)
		r.ran(1)
	})
}

// A worker that is lost after its claim: another one says that nobody knows; and
// if the first was only slow, its answer is still worth having.
func TestAnotherTakesOverFromALostWorker(t *testing.T) {
	play(t, func(r *rig) {
		second := r.newBot()
		r.work(second)
		r.memory.setFault(func(c storeCall) fault {
			if c.worker == r.first.Desk.Worker() && (c.move == "answer" || c.name == "take") {
				return away // the first cannot bring its answer
			}
			return fine
		})
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		if k := r.get(id); k.State != approvals.Executing {
			r.Fatalf("state %s, want executing", k.State)
		}
		r.pass(2 * time.Minute)
		r.is(id, approvals.Unknown)
		r.did("notice", "notice unknown unknown")
		r.memory.setFault(nil)
		r.pass(5 * time.Second)
		r.is(id, approvals.Accepted)
		r.did("notice", "notice unknown unknown", "notice answer accepted")
		r.ran(1)
	})
}

func TestLeaseMustOutlastASend(t *testing.T) {
	r := newRig(t)
	for _, tt := range []struct {
		lease, send time.Duration
		good        bool
	}{
		{0, 0, true},
		{time.Minute, 30 * time.Second, true},
		{30 * time.Second, 30 * time.Second, false}, // every send would come too late
		{29 * time.Second, 30 * time.Second, false},
	} {
		c := r.config()
		c.Lease, c.SendFor = tt.lease, tt.send
		if _, err := New(c); (err == nil) != tt.good {
			t.Errorf("lease %s, send %s: %v", tt.lease, tt.send, err)
		}
	}
	c := r.config()
	c.Cloud = nil
	if _, err := New(c); err == nil {
		t.Error("a bot without a cloud was made")
	}
	c = r.config()
	c.Policy = nil
	if _, err := New(c); err == nil {
		t.Error("a bot without rules was made")
	}
}
