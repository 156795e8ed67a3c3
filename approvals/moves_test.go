package approvals

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The whole matrix of states and moves: the state that a move leads to, or why it
// is refused. All ended states are one column. Of rows on an unknown run, "asked" has
// people asked before, and "said" also has one who has said that it ran.
func TestEveryMoveFromEveryState(t *testing.T) {
	fresh := in(t, Approved)
	late := func(r Request) time.Time { return r.Expires }
	answer := func(o Outcome) func(Request) Move {
		return func(Request) Move { return Answered("w1", 1, Answer{Outcome: o}) }
	}
	dead := func(Request) time.Time { return t0.Add(4*time.Second + valid) } // of all that in claims
	settle := func(p Person, f Finding) func(Request) Move {
		return func(r Request) Move { return Settle(p, r.Digest, f, someFacts(1)) }
	}
	finish := func(all ...HostResult) func(Request) Move {
		return func(Request) Move { return Finish(all, "") }
	}
	tests := []struct {
		name                                                    string
		move                                                    func(Request) Move
		at                                                      func(Request) time.Time // nil: ten seconds after t0
		received, pending, approved, running, followed, unknown any
	}{
		{"prepare", func(Request) Move { return Prepare(alice, somePlan(1)) }, nil, Received, ErrNotAllowed, ErrNotAllowed, ErrRunning, ErrRunning, ErrRunning},
		{"open", func(Request) Move { return Open("C0OPS", "9.9") }, nil, Pending, ErrNotAllowed, ErrNotAllowed, ErrRunning, ErrRunning, ErrRunning},
		{"refuse", func(Request) Move { return Refuse("no") }, nil, Refused, ErrNotAllowed, Refused, ErrRunning, ErrRunning, ErrRunning},
		{"vote, enough", func(r Request) Move { return Vote(carol, r.Digest, someFacts(1), within) }, nil, ErrNotReady, Approved, ErrEnough, ErrRunning, ErrRunning, ErrRunning},
		{"vote, not enough", func(r Request) Move { return Vote(carol, r.Digest, someFacts(2), within) }, nil, ErrNotReady, Pending, ErrEnough, ErrRunning, ErrRunning, ErrRunning},
		{"deny", func(r Request) Move { return Veto(carol, r.Digest, "no", someFacts(1)) }, nil, ErrNotReady, Denied, Denied, ErrRunning, ErrRunning, ErrRunning},
		{"deny after own approval", func(r Request) Move { return Veto(bob, r.Digest, "no", someFacts(1)) }, nil, ErrNotReady, Denied, Denied, ErrRunning, ErrRunning, ErrRunning},
		{"reason", func(Request) Move { return AddReason(alice, "it is worse") }, nil, ErrNotReady, Pending, Approved, ErrRunning, ErrRunning, ErrRunning},
		{"cancel", func(Request) Move { return Cancel(alice) }, nil, Cancelled, Cancelled, Cancelled, ErrRunning, ErrRunning, ErrRunning},
		{"expire", func(Request) Move { return Expire() }, late, ErrNotReady, Expired, Expired, ErrRunning, ErrRunning, ErrRunning},
		{"expire, too early", func(Request) Move { return Expire() }, nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, ErrRunning, ErrRunning, ErrRunning},
		{"wait, to ask", func(Request) Move { return WaitToAsk("the hosts are not told", t0.Add(time.Minute)) }, nil, Received, ErrNotAllowed, ErrNotAllowed, ErrRunning, ErrRunning, ErrRunning},
		{"wait", func(Request) Move { return Wait("the vault is away", t0.Add(time.Minute)) }, nil, ErrNotReady, ErrNotAllowed, Approved, ErrRunning, ErrRunning, ErrRunning},
		{"run", func(r Request) Move { return RunNow(carol, r.Digest, someFacts(1), within) }, nil, ErrNotReady, ErrNotAllowed, Approved, ErrRunning, ErrRunning, ErrRunning},
		{"claim", func(Request) Move { return Claim(grant(t, fresh), Intent{Worker: "w2", Lease: lease, Valid: valid}) }, nil, ErrNotReady, ErrNotAllowed, Executing, ErrRunning, ErrRunning, ErrRunning},
		{"answer: accepted", answer(OutcomeAccepted), nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, Accepted, ErrNotHeld, ErrNotHeld},
		{"answer: failed", answer(OutcomeFailed), nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, Failed, ErrNotHeld, ErrNotHeld},
		{"answer: refused", answer(OutcomeRefused), nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, Approved, ErrNotHeld, ErrNotHeld},
		{"answer: not sent", answer(OutcomeNotSent), nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, Approved, ErrNotHeld, ErrNotHeld},
		{"answer: unknown", answer(OutcomeUnknown), nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, Unknown, ErrNotHeld, ErrNotHeld},
		{"answer: a word we do not know", answer("splendid"), nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, Unknown, ErrNotHeld, ErrNotHeld},
		{"lose", func(Request) Move { return Lose() }, late, ErrNotReady, ErrNotAllowed, ErrNotAllowed, Unknown, ErrRunning, ErrRunning},
		{"lose, too early", func(Request) Move { return Lose() }, nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, ErrNotAllowed, ErrRunning, ErrRunning},
		{"find", func(Request) Move { return Find([]string{"task-1"}, nil, time.Time{}) }, nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, ErrRunning, Accepted, ErrRunning},
		{"alarm", func(Request) Move {
			return Alarm([]string{"task-1"}, hosts(good("ins-1", proof(ProofDiffers))), t0.Add(time.Minute))
		}, nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, ErrRunning, Accepted, ErrRunning},
		{"stop", func(r Request) Move { return StopRun(bob, r.Digest, someFacts(1)) }, nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, ErrRunning, Accepted, ErrRunning},
		{"stop what is late", func(Request) Move { return StopLate([]string{"ins-1"}) }, nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, ErrRunning, Accepted, ErrRunning},
		{"stop nothing", func(Request) Move { return StopLate(nil) }, nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, ErrRunning, ErrStopped, ErrRunning},
		{"stopped, and nobody ordered it", func(Request) Move { return Stopped("") }, nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, ErrRunning, ErrStopped, ErrRunning},
		{"finish, all good", finish(good("ins-1"), good("ins-2")), nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, ErrRunning, Succeeded, ErrRunning},
		{"finish, not all good", finish(good("ins-1"), good("ins-2", func(h *HostResult) { h.Exit = 1 })), nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, ErrRunning, Failed, ErrRunning},
		{"doubt", func(Request) Move { return Doubt("Redis was restarted", valid) }, nil, ErrNotReady, Unknown, Unknown, ErrRunning, ErrRunning, ErrRunning},
		{"adopt", func(Request) Move { return Adopt("task-1", "the only one") }, nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, ErrRunning, ErrRunning, Accepted},
		{"ask", func(Request) Move { return Ask("no task fits", nil, t0.Add(time.Minute)) }, nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, ErrRunning, ErrRunning, Unknown},
		{"lift", func(r Request) Move { return Lift(bob, r.Digest, someFacts(1)) }, nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, ErrRunning, ErrRunning, Unknown},
		{"settle, not asked", settle(carol, Ran), nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, ErrRunning, ErrRunning, ErrNotAsked},
		{"settle, asked: it ran", settle(carol, Ran), nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, ErrRunning, ErrRunning, Unknown},
		{"settle, asked: it did not run", settle(carol, DidNotRun), dead, ErrNotReady, ErrNotAllowed, ErrNotAllowed, ErrRunning, ErrRunning, Unknown},
		{"settle, asked: too soon", settle(carol, DidNotRun), nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, ErrRunning, ErrRunning, ErrTooSoon},
		{"settle, said: it ran", settle(carol, Ran), nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, ErrRunning, ErrRunning, Settled},
		{"settle, said: it did not run", settle(carol, DidNotRun), dead, ErrNotReady, ErrNotAllowed, ErrNotAllowed, ErrRunning, ErrRunning, Unknown},
		{"settle, said: by who said it", settle(bob, Ran), nil, ErrNotReady, ErrNotAllowed, ErrNotAllowed, ErrRunning, ErrRunning, ErrDecided},
	}
	for _, tt := range tests {
		for _, from := range allStates {
			r := in(t, from)
			var want any = ErrEnded
			switch from {
			case Received:
				want = tt.received
			case Pending:
				want = tt.pending
			case Approved:
				want = tt.approved
			case Executing:
				want = tt.running
			case Accepted:
				want = tt.followed
			case Unknown: // it has its answer; see TestLateAnswers for one that has none
				want = tt.unknown
				if strings.Contains(tt.name, "asked:") || strings.Contains(tt.name, "said:") {
					r = apply(t, r, t0.Add(6*time.Second), Ask("no task fits", nil, time.Time{}))
				}
				if strings.Contains(tt.name, "said:") {
					r = apply(t, r, t0.Add(7*time.Second), Settle(bob, r.Digest, Ran, someFacts(1)))
				}
			}
			now := t0.Add(10 * time.Second)
			if tt.at != nil {
				if now = tt.at(r); now.IsZero() {
					now = t0.Add(lifetime)
				}
			}
			was := cmp.Diff(Request{}, r)
			next, event, err := r.Apply(tt.move(r), now)
			if wantErr, refused := want.(error); refused {
				if !errors.Is(err, wantErr) {
					t.Errorf("%s from %s: to %q, error %v; want %v", tt.name, from, next.State, err, wantErr)
				}
			} else {
				checkMoved(t, fmt.Sprintf("%s from %s", tt.name, from), r, next, event, err, want.(State), now)
			}
			if now := cmp.Diff(Request{}, r); now != was {
				t.Errorf("%s from %s: the old version was changed", tt.name, from)
			}
		}
	}
}

// checkMoved holds what is true of every move that is no mark.
func checkMoved(t *testing.T, what string, r, next Request, event Event, err error, want State, now time.Time) {
	t.Helper()
	if err != nil || next.State != want {
		t.Errorf("%s: to %q, error %v; want %q", what, next.State, err, want)
		return
	}
	if next.Revision != r.Revision+1 || next.Card.Look != next.Revision {
		t.Errorf("%s: revision %d, look %d, was %d", what, next.Revision, next.Card.Look, r.Revision)
	}
	if event.Move == "" || event.Request != r.ID || event.From != r.State || event.To != want ||
		event.Revision != next.Revision || event.Digest != next.Digest || !event.At.Equal(now) {
		t.Errorf("%s: event %+v", what, event)
	}
	if want.Ended() && !next.EndedAt.Equal(now) || !want.Ended() && !next.EndedAt.IsZero() {
		t.Errorf("%s: ended at %v", what, next.EndedAt)
	}
	if want.Ended() && len(next.Notices) != len(r.Notices)+1 {
		t.Errorf("%s: nobody is told of the end", what)
	}
	if people := want == Unknown && !next.Unsure.Asked.IsZero(); !want.Ended() && next.Due().IsZero() && !people {
		t.Errorf("%s: nobody will look at it again", what)
	}
}

func TestMovesArePure(t *testing.T) {
	r := in(t, Executing)
	m := Answered("w1", 1, Answer{Outcome: OutcomeAccepted})
	first := apply(t, r, t0.Add(10*time.Second), m)
	second := apply(t, r, t0.Add(20*time.Second), m)
	if a, b := first.LastSend().Answer.At, second.LastSend().Answer.At; a.Equal(b) {
		t.Errorf("the second use of a move wrote into what the first had made: %v and %v", a, b)
	}
}

func TestOwnApprovalNeverCounts(t *testing.T) {
	r := in(t, Pending)
	tests := []struct {
		p   Person
		why string
	}{
		{alice, "the requester, although in the group of approvers"},
		{Person{Org: "E1", ID: "W-ALICE", User: "U-ALICE-2"}, "with a second user id"},
		{Person{Org: "E1", User: "U-ALICE"}, "not looked up"},
		{Person{ID: "W-ALICE", User: "U-ALICE"}, "without an organisation"},
	}
	facts := someFacts(1)
	facts.Members["S-OPS"] = append(facts.Members["S-OPS"], "U-ALICE", "U-ALICE-2")
	for _, tt := range tests {
		if next, _, err := r.Apply(Vote(tt.p, r.Digest, facts, within), t0.Add(10*time.Second)); err == nil {
			t.Errorf("%s: vote took it to %s", tt.why, next.State)
		}
		if _, _, err := r.Apply(Veto(tt.p, r.Digest, "", facts), t0.Add(10*time.Second)); err == nil {
			t.Errorf("%s: could deny", tt.why)
		}
		// Somebody who can write to the record puts it there.
		forged := in(t, Approved)
		forged.Decisions[0].Person = tt.p
		facts.Standing[tt.p.Key()] = nil
		if _, err := forged.Grant(*forged.Plan, facts, forged.ApprovedAt); !errors.Is(err, ErrNotGranted) {
			t.Errorf("%s: granted: %v", tt.why, err)
		}
	}
}

func TestOneHumanDecidesOnce(t *testing.T) {
	r := apply(t, newRequest(), t0, Prepare(alice, somePlan(2)), Open("C0OPS", "1.2"))
	now := t0.Add(10 * time.Second)
	facts := someFacts(2)
	facts.Members["S-OPS"] = append(facts.Members["S-OPS"], "U-BOB-2")
	r = apply(t, r, now, Vote(bob, r.Digest, facts, within))
	again := Person{Org: "E1", ID: "W-BOB", User: "U-BOB-2", Name: "Robert"}
	if next, _, err := r.Apply(Vote(again, r.Digest, facts, within), now); !errors.Is(err, ErrDecided) {
		t.Errorf("with a second user id: to %s, error %v", next.State, err)
	}
	nobody := Person{Org: "E1", User: "U-BOB-2"}
	if next, _, err := r.Apply(Vote(nobody, r.Digest, facts, within), now); err == nil {
		t.Errorf("not looked up: to %s", next.State)
	}
	if r = apply(t, r, now, Vote(carol, r.Digest, facts, within)); r.State != Approved || len(r.Approvers()) != 2 {
		t.Errorf("after another: %s, %d approvers", r.State, len(r.Approvers()))
	}
}

func TestWhoMayDecide(t *testing.T) {
	now := t0.Add(10 * time.Second)
	tests := []struct {
		p      Person
		change func(*Request, *Facts)
		want   error
		why    string
	}{
		{bob, func(*Request, *Facts) {}, nil, "in the group"},
		{dave, func(*Request, *Facts) {}, ErrNotApprover, "not in the group"},
		{bob, func(_ *Request, f *Facts) { f.Rule.Approve = Who{Users: []string{"U-CAROL"}} }, ErrNotApprover, "not by today's rule"},
		{dave, func(_ *Request, f *Facts) { f.Rule.Approve = Who{Users: []string{"U-DAVE"}} }, ErrNotApprover, "only by today's rule, not as shown"},
		{bob, func(_ *Request, f *Facts) { delete(f.Members, "S-OPS") }, ErrMembersUnknown, "nobody told who is in the group"},
		{bob, func(r *Request, _ *Facts) { r.Digest = "other" }, ErrStale, "the card showed another plan"},
		{bob, func(r *Request, _ *Facts) { r.Expires = now }, ErrExpired, "in the very moment"},
		{bob, func(r *Request, _ *Facts) { r.Expires = now.Add(1) }, nil, "the last nanosecond"},
	}
	for _, tt := range tests {
		r, facts := in(t, Pending), someFacts(1)
		digest := r.Digest
		plan := *r.Plan
		r.Plan = &plan
		tt.change(&r, &facts)
		for _, m := range []Move{Vote(tt.p, digest, facts, within), Veto(tt.p, digest, "", facts)} {
			if _, _, err := r.Apply(m, now); !errors.Is(err, tt.want) {
				t.Errorf("%s: %s: %v, want %v", tt.why, m.Name, err, tt.want)
			}
		}
	}
	r := in(t, Pending)
	r.Digest = ""
	if _, _, err := r.Apply(Vote(bob, "", someFacts(1), within), now); !errors.Is(err, ErrStale) {
		t.Errorf("no digest at all: %v", err)
	}
}

func TestQuorum(t *testing.T) {
	now := t0.Add(10 * time.Second)
	tests := []struct {
		shown, today int
		want         State
		why          string
	}{
		{1, 1, Approved, "one is enough"},
		{2, 1, Pending, "the card said two"},
		{1, 2, Pending, "today it takes two"},
	}
	for _, tt := range tests {
		r := apply(t, newRequest(), t0, Prepare(alice, somePlan(tt.shown)), Open("C0OPS", "1.2"))
		r = apply(t, r, now, Vote(bob, r.Digest, someFacts(tt.today), within))
		if r.State != tt.want {
			t.Errorf("%s: %s", tt.why, r.State)
		}
		if r.State == Approved && (!r.ApprovedAt.Equal(now) || !r.DispatchBy.Equal(now.Add(within))) {
			t.Errorf("%s: approved at %v, dispatch by %v", tt.why, r.ApprovedAt, r.DispatchBy)
		}
	}
}

func TestVetoAfterApproval(t *testing.T) {
	r := in(t, Approved)
	r = apply(t, r, t0.Add(5*time.Second), Veto(bob, r.Digest, "wrong host", someFacts(1)))
	if r.State != Denied || r.Why != "wrong host" || r.EndedBy == nil || !r.EndedBy.Same(bob) {
		t.Errorf("%s, why %q, by %v", r.State, r.Why, r.EndedBy)
	}
	if len(r.Decisions) != 1 || r.Decisions[0].Verdict != Deny || len(r.Approvers()) != 0 {
		t.Errorf("decisions %+v", r.Decisions)
	}
}

func TestAddReason(t *testing.T) {
	r := in(t, Pending)
	r.Asked.Reason = ""
	at := t0.Add(10 * time.Second)
	add := func(p Person, reason string) error {
		m := AddReason(p, reason)
		_, _, _ = r.Apply(m, at) // a move may be tried again
		next, e, err := r.Apply(m, at)
		if err == nil {
			if next.Digest != r.Digest || len(next.Decisions) != len(r.Decisions) || e.Note != reason || e.By != p || next.Card.Look != next.Revision {
				t.Errorf("%q: %+v, event %+v", reason, next, e)
			}
			r = next
		}
		return err
	}
	for _, tt := range []struct {
		why    string
		p      Person
		reason string
		want   error
		is     string
	}{
		{"the first", alice, "disk full", nil, "disk full"},
		{"a second", alice, "and the queue grows", nil, "disk full\nLater: and the queue grows"},
		{"the same again", alice, "disk full", ErrSaid, ""},
		{"none", alice, "", ErrSaid, ""},
		{"of somebody else", bob, "x", ErrNotYours, ""},
		{"with lines", alice, "a\nb", nil, "disk full\nLater: and the queue grows\nLater: a\nb"},
		{"too many lines", alice, "a\nb\nc", ErrSaidEnough, ""},
		{"the last line", alice, "c", nil, "disk full\nLater: and the queue grows\nLater: a\nb\nLater: c"},
		{"one more", alice, "d", ErrSaidEnough, ""},
	} {
		if err := add(tt.p, tt.reason); !errors.Is(err, tt.want) || tt.want == nil && r.Asked.Reason != tt.is {
			t.Errorf("%s: %v, and the reason is %q", tt.why, err, r.Asked.Reason)
		}
	}
}

func TestWhoMayCancel(t *testing.T) {
	early := newRequest()
	tests := []struct {
		r    Request
		p    Person
		want error
		why  string
	}{
		{early, alice, nil, "before the look-up the user id must do"},
		{early, bob, ErrNotYours, "somebody else, before the look-up"},
		{in(t, Pending), alice, nil, "the requester"},
		{in(t, Pending), Person{Org: "E1", ID: "W-ALICE", User: "U-2"}, nil, "with another user id"},
		{in(t, Pending), Person{Org: "E1", User: "U-ALICE"}, ErrNotYours, "after the look-up a user id says nothing"},
		{in(t, Approved), bob, ErrNotYours, "an approver"},
	}
	for _, tt := range tests {
		if _, _, err := tt.r.Apply(Cancel(tt.p), t0.Add(10*time.Second)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.why, err)
		}
	}
}

// From the look-up on a request names its script by the id: an alias can change
// hands. What was typed is kept beside it.
func TestPrepareWithAnAlias(t *testing.T) {
	plan, other := somePlan(1), somePlan(1)
	other.Script.CmdID = "cmd-other"
	tests := []struct {
		typed         string
		plans         []Plan
		script, alias string
		why           string
	}{
		{"cmd-nozcbhuw", []Plan{plan}, "cmd-nozcbhuw", "", "the id was typed"},
		{"restart", []Plan{plan}, "cmd-nozcbhuw", "restart", "an alias was typed"},
		{"restart", []Plan{plan, plan}, "cmd-nozcbhuw", "restart", "looked up twice"},
		{"restart", []Plan{other, plan}, "cmd-nozcbhuw", "restart", "the alias changed hands before the second look-up"},
	}
	for _, tt := range tests {
		r := newRequest()
		r.Asked.Script = tt.typed
		for _, p := range tt.plans {
			r = apply(t, r, t0, Prepare(alice, p))
		}
		if r.Asked.Script != tt.script || r.Asked.Alias != tt.alias || r.Subject().Script != tt.script || r.Digest != plan.Digest() {
			t.Errorf("%s: script %q, alias %q, rules are looked up for %q", tt.why, r.Asked.Script, r.Asked.Alias, r.Subject().Script)
		}
	}
}

func TestOpenNeedsAPlan(t *testing.T) {
	if _, _, err := newRequest().Apply(Open("C0OPS", "1.2"), t0); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("opened without a plan: %v", err)
	}
}

func TestWaitAndRun(t *testing.T) {
	r := in(t, Approved)
	now := t0.Add(10 * time.Second)
	r = apply(t, r, now, Wait("the vault is away", now.Add(time.Minute)))
	r = apply(t, r, now, Wait("still away", r.Expires.Add(time.Hour)))
	if r.Waiting != "still away" || r.Tries != 2 || !r.RetryAt.Equal(r.Expires) {
		t.Errorf("waiting %q, %d tries, again at %v; want not past %v", r.Waiting, r.Tries, r.RetryAt, r.Expires)
	}
	if n := strings.Count(fmt.Sprint(r.Notices), string(NoticeWaiting)); n != 1 {
		t.Errorf("told %d times that it waits", n)
	}
	forPeople := apply(t, r, now, Wait("the approval is too old", time.Time{}), Wait("still", time.Time{}))
	if n := strings.Count(fmt.Sprint(forPeople.Notices), string(NoticeWaiting)); n != 2 {
		t.Errorf("told %d times, want once that it waits and once that it waits for people", n)
	}
	tests := []struct {
		p      Person
		digest Digest
		at     time.Time
		want   error
		why    string
	}{
		{alice, r.Digest, now, nil, "the requester"},
		{carol, r.Digest, now, nil, "who may approve"},
		{dave, r.Digest, now, ErrNotApprover, "who may not"},
		{alice, "other", now, ErrStale, "an old card"},
		{alice, r.Digest, r.Expires, ErrExpired, "too late"},
	}
	for _, tt := range tests {
		next, _, err := r.Apply(RunNow(tt.p, tt.digest, someFacts(1), within), tt.at)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.why, err)
		}
		if err == nil && (next.Waiting != "" || next.Tries != 0 || !next.RetryAt.IsZero() || !next.DispatchBy.Equal(now.Add(within))) {
			t.Errorf("%s: it still waits: %+v", tt.why, next)
		}
	}
}

func TestDeadlines(t *testing.T) {
	r := in(t, Approved)
	tests := []struct {
		m    Move
		want time.Time
		why  string
	}{
		{Vote(bob, r.Digest, someFacts(1), within), r.Expires, "no vote after the end"},
		{Veto(bob, r.Digest, "", someFacts(1)), r.Expires, "no denial after it"},
		{RunNow(bob, r.Digest, someFacts(1), within), r.Expires, "no press of Run after it"},
		{Claim(grant(t, r), Intent{Worker: "w1", Lease: lease, Valid: valid}), r.DispatchBy, "no claim by itself after its time"},
		{Cancel(alice), time.Time{}, "cancelling is always safe"},
		{Expire(), time.Time{}, "it is made late"},
		{Answered("w1", 1, Answer{}), time.Time{}, "an answer is always good to have"},
	}
	for _, tt := range tests {
		if got := tt.m.Deadline(r); !got.Equal(tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, got, tt.want)
		}
	}
	r.DispatchBy = r.Expires.Add(time.Minute)
	if got := Claim(Grant{}, Intent{Worker: "w1", Lease: lease, Valid: valid}).Deadline(r); !got.Equal(r.Expires) {
		t.Errorf("a claim after the request's end: %v", got)
	}
}

func TestQuietMoves(t *testing.T) {
	now := t0.Add(time.Minute)
	marks := []Move{
		Shown("C0OPS", "1.3", 3, true), Vanished(), Redraw(), Touch(), Told(1), Delay(now), Undrawn(now), Untold(1, now, nil),
		Reported(1, "", "1.2", true), Uploaded(1, "F1"), Attached(1), NoFile(1, "not allowed", true),
	}
	for _, from := range allStates {
		r := in(t, from)
		for _, m := range marks {
			next, event, err := r.Apply(m, now)
			if err != nil || next.State != from || next.Revision != r.Revision+1 || next.Card.Look != r.Card.Look || event.Move != "" {
				t.Errorf("%s from %s: to %s, event %+v, error %v", m.Name, from, next.State, event, err)
			}
		}
	}
	cheat := mark("cheat", func(r *Request) { r.State = Approved })
	if _, _, err := in(t, Pending).Apply(cheat, now); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("a mark changed the state: %v", err)
	}
	leap := Move{Name: "vote", apply: func(r *Request, _ time.Time) error { r.State = Executing; return nil }}
	if _, _, err := in(t, Pending).Apply(leap, now); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("a move that the table does not have: %v", err)
	}
}

func TestMarks(t *testing.T) {
	now := t0.Add(time.Minute)
	r := in(t, Denied)
	r = apply(t, r, now, Undrawn(now), Shown("C0OPS", "1.2", r.Card.Look, false))
	if r.Behind() || !r.Card.At.IsZero() || r.Card.Tries != 0 {
		t.Errorf("after the newest look was drawn: %+v", r.Card)
	}
	r = apply(t, r, now, Shown("C0OPS", "1.2", r.Card.Look-1, false))
	if !r.Behind() {
		t.Error("an older look was drawn over a newer one, and nobody will mend it")
	}
	if r = apply(t, r, now, Vanished()); r.Behind() {
		t.Error("a card that is gone is still to be drawn")
	}
	if r = apply(t, r, now, Told(99)); len(r.Notices) != 1 {
		t.Error("an unknown notice took another with it")
	}
	if r = apply(t, r, now, Told(r.Notices[0].N)); r.Owes() {
		t.Errorf("all was posted, but it owes %v", r.Notices)
	}
}

func TestDue(t *testing.T) {
	shown := func(r Request) Request { r.Card.Shown, r.Notices = r.Card.Look, nil; return r }
	at := t0.Add(20 * time.Minute)
	approved := shown(in(t, Approved))
	tests := []struct {
		r    Request
		want time.Time
		why  string
	}{
		{newRequest(), t0, "new: at once"},
		{apply(t, newRequest(), t0, Delay(at)), at, "its look-up is to be tried again"},
		{apply(t, newRequest(), t0, Prepare(alice, somePlan(1)), Delay(t0.Add(2*lifetime))), t0.Add(2 * lifetime), "the same, past the end that the card will say"},
		{in(t, Approved), t0, "the card is behind: at once"},
		{apply(t, in(t, Denied), t0, Undrawn(at)), t0, "the card could not be drawn, but the end is to be told"},
		{apply(t, in(t, Denied), t0, Undrawn(at), Untold(1, at.Add(-1), nil)), at.Add(-1), "neither was taken"},
		{apply(t, in(t, Denied), t0, Undrawn(at), Told(1)), at, "the card could not be drawn"},
		{in(t, Pending), in(t, Pending).Expires, "people are to decide"},
		{apply(t, in(t, Pending), t0, Redraw(), Undrawn(t0.Add(2*lifetime))), in(t, Pending).Expires, "the end comes before the next try to draw"},
		{approved, t0, "to be dispatched: at once"},
		{shown(apply(t, approved, t0, Wait("the vault is away", at))), at, "to be dispatched later"},
		{shown(apply(t, approved, t0, Wait("too old", time.Time{}))), approved.Expires, "only a press of Run goes on"},
		{shown(apply(t, approved, t0, Wait("away", at), RunNow(alice, approved.Digest, someFacts(1), within))), t0, "somebody pressed Run"},
		{shown(in(t, Executing)), t0.Add(4*time.Second + lease), "when the worker is taken for lost"},
		{shown(apply(t, in(t, Executing), t0, Answered("w1", 1, Answer{Outcome: OutcomeNotSent}))), t0, "no byte left: again at once"},
		{shown(apply(t, in(t, Executing), t0, Answered("w1", 1, Answer{Outcome: OutcomeRefused, Busy: true}))), t0, "the API takes no more calls: again, by another claim"},
		{shown(apply(t, in(t, Executing), t0, Answered("w1", 1, Answer{Outcome: OutcomeRefused}))), approved.Expires, "the API refused: a person decides"},
		{in(t, Denied), t0, "the end is to be told"},
		{shown(in(t, Accepted)), in(t, Accepted).Follow.Since.Add(FirstLook), "to be followed"},
		{shown(apply(t, in(t, Accepted), t0, Look(nil, Progress{}, at))), at, "to be looked at again"},
		{shown(apply(t, in(t, Accepted), t0, Delay(at.Add(lifetime)))), at.Add(lifetime), "the same, past the time for decisions"},
		{shown(apply(t, in(t, Accepted), t0, Look(nil, Progress{}, at), Find([]string{"task-1"}, nil, time.Time{}))), t0, "its task was found: at once"},
		{apply(t, in(t, Accepted), t0, Look(nil, Progress{}, at), Undrawn(at.Add(time.Minute)), Told(1)), at, "a look comes before the next try to post"},
		{apply(t, in(t, Accepted), t0, Look(nil, Progress{}, at), Undrawn(at.Add(time.Minute)), Untold(1, at.Add(-time.Minute), nil)), at.Add(-time.Minute), "and the other way round"},
		{in(t, Succeeded), t0, "the result is to be told"},
		{shown(in(t, Succeeded)), time.Time{}, "nothing is left to do"},
		{shown(in(t, Failed)), time.Time{}, "the same"},
		{shown(in(t, Unknown)), t0, "to be searched for: at once"},
		{shown(apply(t, in(t, Unknown), t0, Searched(at))), at, "to be searched for again"},
		{shown(apply(t, in(t, Unknown), t0, Ask("none fits", nil, at))), at, "people were asked, and the search goes on"},
		{shown(apply(t, in(t, Unknown), t0, Ask("none fits", nil, time.Time{}))), time.Time{}, "nothing that a machine can do"},
		{shown(in(t, Settled)), time.Time{}, "people have said"},
	}
	for _, tt := range tests {
		if got := tt.r.Due(); !got.Equal(tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, got, tt.want)
		}
	}
}

func TestTwin(t *testing.T) {
	r := newRequest()
	tests := []struct {
		change func(*Request)
		same   bool
		why    string
	}{
		{func(r *Request) { r.ID, r.Event, r.Asked.Reason, r.Origin.Channel = "r-2", "Ev2", "again", "C1" }, true, "typed once more"},
		{func(r *Request) { r.Requester.User = "U-BOB" }, false, "another person"},
		{func(r *Request) { r.Requester.Org = "E2" }, false, "of another organisation"},
		{func(r *Request) { r.Asked.Script = "cmd-x" }, false, "another script"},
		{func(r *Request) { r.Asked.Hosts = []string{"ins-1"} }, false, "other hosts"},
		{func(r *Request) { r.Asked.Hosts = []string{"ins-2", "ins-1"} }, false, "in another order"},
		{func(r *Request) { r.Asked.Parameters = "" }, false, "other parameters"},
	}
	for _, tt := range tests {
		q := newRequest()
		tt.change(&q)
		if (r.Twin() == q.Twin()) != tt.same {
			t.Errorf("%s: same %v", tt.why, !tt.same)
		}
	}
	if id := NewID("T1", "Ev1"); id == NewID("T1E", "v1") || id == NewID("T1", "Ev2") || id != NewID("T1", "Ev"+strconv.Itoa(1)) {
		t.Error("the id does not stand for team and event")
	}
}

// A press of Run that changes nothing leaves nothing: while the bot tries because of the
// last one. After that it is a new try; but one request has so many in all.
func TestRunPressedAgainAndAgain(t *testing.T) {
	r, _ := approvedStory(t)
	now := t0.Add(time.Minute)
	n := 0
	press := func(p Person, want error) {
		t.Helper()
		n++
		next, _, err := r.Apply(RunNow(p, r.Digest, someFacts(1), within).From(fmt.Sprint("E", n)), now)
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Fatalf("press %d: %v, want %v", n, err, want)
		}
		if err == nil {
			r = next
		}
	}
	press(alice, nil) // nobody has pressed before
	press(alice, ErrTrying)
	press(bob, ErrTrying)
	r = apply(t, r, now, Wait("the vault is away", now.Add(time.Second)))
	press(bob, ErrTrying)
	press(dave, ErrNotApprover)
	for range mostRuns { // it does not try any more
		now = now.Add(within)
		press(alice, nil)
	}
	now = now.Add(within)
	press(alice, ErrRunEnough)
	apply(t, r, now, Veto(carol, r.Digest, "enough", someFacts(1)))
	apply(t, r, now, Cancel(alice))
}
