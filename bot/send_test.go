package bot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

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
				runs := 1
				if bmclient.BadKey(tt.err) {
					runs = 2 // with the key read again
				}
				r.pass(25 * time.Minute) // nothing else is tried again by itself
				r.ran(runs)
			})
		})
	}
}

func TestAfterARefusalAPersonTriesAgain(t *testing.T) {
	play(t, func(r *rig) {
		r.cloud.set(func(c *cloud) {
			c.onRun = func(context.Context) error { return &bmclient.Error{Number: 4300, Class: bmclient.ClassRefused} }
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
		if !strings.HasPrefix(k.Waiting, "The API could not be reached. This try sent nothing, and I try again. (ref ") {
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
		r.first.Lease = 10 * time.Minute // that of the earlier send is still good
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
	c = r.config()
	c.SearchFor = 0 // whose default is the config's; a second one here might differ from it
	if _, err := New(c); err == nil {
		t.Error("a bot was made that does not know how long to search for a run")
	}
}

// While the API cannot be reached people are told twice: that it waits, and that it
// waits for them.
func TestWhatNeverLeavesIsToldTwice(t *testing.T) {
	play(t, func(r *rig) {
		r.cloud.set(func(c *cloud) { c.onRun = func(context.Context) error { return bmclient.ErrNotSent } })
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		r.pass(10 * time.Minute)
		k := r.is(id, approvals.Approved)
		if len(k.Sends) < 3 || len(k.Sends) > 12 {
			r.Errorf("%d tries in two minutes", len(k.Sends))
		}
		r.did("notice", "notice waiting approved", "notice waiting approved")
		if want := "It could not be started in time, so I do not start by myself any more. Press Run to start it now, or Cancel."; k.Waiting != want {
			r.Errorf("it waits because %q", k.Waiting)
		}
	})
}

// The one number whose cure is a setting of ours names it, as the client says.
func TestTheArrayKeyIsNamed(t *testing.T) {
	for _, number := range []int{4000, 10001} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"code":%d,"message":"x"}`, number)
		}))
		key := bmclient.Key{ID: canaryKeyID, Secret: secret(canaryKey)}
		client, err := bmclient.New(bmclient.Config{Endpoint: server.URL, ReadKey: func(context.Context) (bmclient.Key, error) { return key, nil }})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Run(t.Context(), key, bmclient.Run{CmdID: theScript, Hosts: []string{"ins-1"}, User: "root", Password: secret(canaryPassword)})
		client.Close()
		server.Close()
		a := newRig(t).newBot().answer(err)
		if a.Outcome != approvals.OutcomeRefused || a.Code != number || !strings.Contains(a.Hint, `"instanceIds"`) {
			t.Errorf("%d: %+v, want refused and a hint at the array key", number, a)
		}
	}
}

// A slow vault: the card says that it is approved, and nobody draws that later.
func TestASlowVaultIsShown(t *testing.T) {
	play(t, func(r *rig) {
		opening, proceed := make(chan struct{}), make(chan struct{})
		r.logins.set(func(l *logins) { l.onOpen = func() error { opening <- struct{}{}; <-proceed; return nil } })
		id := r.asks("ALICE")
		r.pressOn(r.first, "BOB", Approve, id)
		<-opening
		r.pass(time.Second)
		r.did("draw", "draw 1.0 approved")
		close(proceed)
		r.settle()
		r.is(id, approvals.Accepted)
		r.did("draw", "draw 1.0 approved", "draw 1.0 accepted")
	})
}

// A key that was rotated is read again and the run sent once more; a second refusal
// is for people.
func TestARefusedKeyIsReadAgainOnce(t *testing.T) {
	refused := &bmclient.Error{Action: "RunUserCmd", Code: "AuthFailure.SignatureFailure", Meaning: "m", Class: bmclient.ClassRefused}
	answers := func(r *rig, all ...error) {
		r.cloud.set(func(c *cloud) {
			c.onRun = func(context.Context) error {
				if len(all) == 0 {
					return nil
				}
				err := all[0]
				all = all[1:]
				return err
			}
		})
	}
	for _, tt := range []struct {
		why     string
		answers []error
		runs    int
		forgets int
		state   approvals.State
		notices []string
	}{
		{"the new key is good", []error{refused}, 2, 1, approvals.Accepted, []string{"notice answer accepted"}},
		{"it is refused as well", []error{refused, refused}, 2, 2, approvals.Approved, []string{"notice answer approved"}},
		{"a first try did not leave", []error{bmclient.ErrNotSent, refused}, 3, 1, approvals.Accepted, []string{"notice waiting approved", "notice answer accepted"}},
		{"between the two nothing left", []error{refused, bmclient.ErrNotSent, refused}, 3, 2, approvals.Approved, []string{"notice waiting approved", "notice answer approved"}},
		{"the second is not known", []error{refused, errors.New("reset")}, 2, 1, approvals.Unknown, []string{"notice unknown unknown", "notice ask unknown"}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			play(t, func(r *rig) {
				answers(r, tt.answers...)
				id := r.asks("ALICE")
				r.press("BOB", Approve, id)
				r.pass(25 * time.Minute)
				k := r.is(id, tt.state)
				r.ran(tt.runs)
				if n := len(r.journal.of("forget")); n != tt.forgets {
					r.Errorf("forgotten %d times, want %d", n, tt.forgets)
				}
				r.did("notice", tt.notices...)
				if len(k.Sends) != tt.runs {
					r.Errorf("%d sends are kept of %d", len(k.Sends), tt.runs)
				}
				if tt.state != approvals.Approved {
					return
				}
				// A person may try again, and that is one send.
				answers(r, refused, refused)
				r.press("CAROL", Run, id)
				r.ran(tt.runs + 1)
			})
		})
	}
}

// lateClaims is a store whose answer to a claim is long under way.
type lateClaims struct {
	*memory
	by time.Duration
}

func (s lateClaims) Swap(ctx context.Context, w approvals.Swap) (approvals.Kept, error) {
	sought := time.Now()
	k, err := s.memory.Swap(ctx, w)
	if w.Event.Move == "claim" {
		<-time.After(s.by)
	}
	k.Seen, k.Sought = time.Now(), sought
	return k, err
}

// standsStill keeps b from taking up what is due: of two bots that ask at the same
// moment, b might be the one that gets its own request back, each time.
func (r *rig) standsStill(b *Bot) {
	r.memory.setFault(func(c storeCall) fault {
		if c.name == "take" && c.worker == b.Desk.Worker() {
			return away
		}
		return fine
	})
}

// A process that stands still while the answer to its claim is under way takes its
// lease for young when it wakes up. It must not send.
func TestAClaimWhoseAnswerIsLate(t *testing.T) {
	for _, tt := range []struct {
		by   time.Duration
		want approvals.State
		runs int
	}{
		{time.Second, approvals.Accepted, 1},
		{2 * time.Minute, approvals.Failed, 0},
	} {
		t.Run(tt.by.String(), func(t *testing.T) {
			playWith(t, func(r *rig) { r.store = lateClaims{r.memory, tt.by} }, func(r *rig) {
				id := r.asks("ALICE")
				r.press("BOB", Approve, id)
				r.standsStill(r.first)
				second := r.newBot(func(c *Config) { c.Desk = approvals.NewDesk(r.memory, "worker-2", hold) })
				r.work(second)
				r.pass(3 * time.Minute)
				r.is(id, tt.want)
				r.ran(tt.runs)
			})
		})
	}
}
