package approvals

import (
	"errors"
	"slices"
	"testing"
	"time"
)

func TestGrant(t *testing.T) {
	deactivated := errors.New("deactivated")
	tests := []struct {
		change func(r *Request, p *Plan, f *Facts, now *time.Time)
		want   error
		why    string
	}{
		{func(*Request, *Plan, *Facts, *time.Time) {}, nil, "nothing has changed"},

		{func(_ *Request, _ *Plan, f *Facts, _ *time.Time) { f.Rule.Approve = Who{Users: []string{"U-CAROL"}} }, ErrNotGranted, "today's rule names others"},
		{func(_ *Request, _ *Plan, f *Facts, _ *time.Time) { f.Rule = Rule{} }, ErrNotGranted, "there is no rule today"},
		{func(_ *Request, _ *Plan, f *Facts, _ *time.Time) {
			f.Members["S-OPS"] = without(f.Members["S-OPS"], "U-BOB")
		}, ErrNotGranted, "the approver has left the group"},
		{func(_ *Request, _ *Plan, f *Facts, _ *time.Time) { f.Standing[bob.Key()] = deactivated }, ErrNotGranted, "the approver was deactivated"},
		{func(_ *Request, _ *Plan, f *Facts, _ *time.Time) { delete(f.Standing, bob.Key()) }, ErrNotGranted, "nobody asked about the approver"},
		{func(_ *Request, _ *Plan, f *Facts, _ *time.Time) { f.Rule.Quorum = 2 }, ErrNotGranted, "it takes two today"},
		{func(_ *Request, _ *Plan, f *Facts, _ *time.Time) { f.Rule.Quorum = 0 }, nil, "a rule that asks for none still takes the one shown"},
		{func(_ *Request, _ *Plan, f *Facts, _ *time.Time) { delete(f.Members, "S-OPS") }, ErrMembersUnknown, "Slack does not tell who is in the group"},

		{func(_ *Request, _ *Plan, f *Facts, _ *time.Time) {
			f.Members["S-ASK"] = without(f.Members["S-ASK"], "U-ALICE")
		}, ErrNotGranted, "the requester has left the group"},
		{func(_ *Request, _ *Plan, f *Facts, _ *time.Time) { f.Rule.Ask = Who{Users: []string{"U-DAVE"}} }, ErrNotGranted, "the requester may not ask any more"},
		{func(_ *Request, _ *Plan, f *Facts, _ *time.Time) { f.Standing[alice.Key()] = deactivated }, ErrNotGranted, "the requester was deactivated"},
		{func(_ *Request, _ *Plan, f *Facts, _ *time.Time) { delete(f.Members, "S-ASK") }, ErrMembersUnknown, "Slack does not tell about the requester"},

		{func(_ *Request, p *Plan, _ *Facts, _ *time.Time) { p.Script.Content = []byte("rm -rf /\n") }, ErrStale, "the script was changed"},
		{func(_ *Request, p *Plan, _ *Facts, _ *time.Time) { p.Login.Ref = "ref+file:///other" }, ErrStale, "the login was mapped elsewhere"},
		{func(_ *Request, p *Plan, _ *Facts, _ *time.Time) { p.Script.Alias = "other" }, nil, "another alias runs the same"},
		{func(r *Request, _ *Plan, _ *Facts, _ *time.Time) { r.Decisions[0].Digest = "other" }, ErrNotGranted, "the approval was for something else"},
		{func(r *Request, _ *Plan, _ *Facts, _ *time.Time) { r.Decisions[0].Verdict = Deny }, ErrNotGranted, "it was no approval"},
		{func(r *Request, _ *Plan, _ *Facts, _ *time.Time) { r.Decisions = nil }, ErrNotGranted, "nobody approved"},
		{func(r *Request, _ *Plan, f *Facts, _ *time.Time) {
			r.Plan.Rule.Quorum, f.Rule.Quorum = 2, 2
			r.Digest = r.Plan.Digest()
			r.Decisions[0].Digest = r.Digest
			r.Decisions = append(r.Decisions, r.Decisions[0])
			r.Decisions[1].Person = carol
		}, ErrStale, "the record's plan was edited, the plan of now was not"},

		{func(r *Request, _ *Plan, _ *Facts, now *time.Time) { *now = r.DispatchBy }, nil, "in the last moment"},
		{func(r *Request, _ *Plan, _ *Facts, now *time.Time) { *now = r.DispatchBy.Add(1) }, ErrTooLate, "just after it"},
		{func(r *Request, _ *Plan, _ *Facts, now *time.Time) { *now = r.Expires }, ErrExpired, "the request has expired"},
		{func(r *Request, _ *Plan, _ *Facts, _ *time.Time) { r.State = Pending }, ErrNotAllowed, "not approved yet"},
		{func(r *Request, _ *Plan, _ *Facts, _ *time.Time) { r.State = Executing }, ErrRunning, "already claimed"},
		{func(r *Request, _ *Plan, _ *Facts, _ *time.Time) { r.State = Unknown }, ErrRunning, "perhaps sent already"},
		{func(r *Request, _ *Plan, _ *Facts, _ *time.Time) { r.State = Settled }, ErrEnded, "already over"},
	}
	for _, tt := range tests {
		r, facts := in(t, Approved), someFacts(1)
		plan, kept := *r.Plan, *r.Plan
		r.Plan = &kept
		now := r.ApprovedAt
		tt.change(&r, &plan, &facts, &now)
		g, err := r.Grant(plan, facts, now)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
		if err == nil && (g.Request() != r.ID || g.Login() != r.Plan.Login) {
			t.Errorf("%s: granted %q, %+v", tt.why, g.Request(), g.Login())
		}
		if err != nil && g != (Grant{}) {
			t.Errorf("%s: a grant came with the error", tt.why)
		}
	}
}

// Two votes of one human with two user ids, put into the record by hand.
func TestGrantCountsHumans(t *testing.T) {
	r := apply(t, newRequest(), t0, Prepare(alice, somePlan(2)), Open("C0OPS", "1.2"))
	facts := someFacts(2)
	facts.Members["S-OPS"] = append(facts.Members["S-OPS"], "U-BOB-2")
	r = apply(t, r, t0, Vote(bob, r.Digest, facts, within), Vote(carol, r.Digest, facts, within))
	if _, err := r.Grant(*r.Plan, facts, t0); err != nil {
		t.Fatal(err)
	}
	r.Decisions[1].Person = Person{Org: "E1", ID: "W-BOB", User: "U-BOB-2"}
	if _, err := r.Grant(*r.Plan, facts, t0); !errors.Is(err, ErrNotGranted) {
		t.Errorf("one human was counted twice: %v", err)
	}
}

func TestClaim(t *testing.T) {
	r := in(t, Approved)
	g := grant(t, r)
	other := r
	other.ID = "r-other"
	changed := r
	changed.Digest = "other"
	tests := []struct {
		r    Request
		g    Grant
		at   time.Time
		want error
		why  string
	}{
		{r, g, r.DispatchBy, nil, "in the last moment"},
		{r, g, r.DispatchBy.Add(1), ErrTooLate, "just after it"},
		{r, Grant{}, r.ApprovedAt, ErrStale, "no grant"},
		{other, g, r.ApprovedAt, ErrStale, "a grant for another request"},
		{changed, g, r.ApprovedAt, ErrStale, "a grant for another plan"},
	}
	for _, tt := range tests {
		next, _, err := tt.r.Apply(Claim(tt.g, Intent{Worker: "w1", Lease: lease, Valid: valid, Mark: &Mark{Tasks: []string{"task-old"}}}), tt.at)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.why, err)
		}
		if err != nil {
			continue
		}
		if s := next.LastSend(); s == nil || s.Worker != "w1" || !s.ClaimedAt.Equal(tt.at) || !s.LeaseUntil.Equal(tt.at.Add(lease)) ||
			!slices.Equal(s.Mark.Tasks, []string{"task-old"}) {
			t.Errorf("%s: send %+v", tt.why, s)
		}
	}
}

func TestAnswerIsForWhoClaimed(t *testing.T) {
	r := in(t, Executing)
	if _, _, err := r.Apply(Answered("w2", 1, Answer{Outcome: OutcomeAccepted}), t0); !errors.Is(err, ErrNotHeld) {
		t.Errorf("another worker: %v", err)
	}
	if _, _, err := r.Apply(Answered("w1", 2, Answer{Outcome: OutcomeNotSent}), t0); !errors.Is(err, ErrNotHeld) {
		t.Errorf("of another send of the same worker: %v", err)
	}
	r.Sends[0].Answer = &Answer{Outcome: OutcomeAccepted}
	if _, _, err := r.Apply(Answered("w1", 1, Answer{Outcome: OutcomeNotSent}), t0); !errors.Is(err, ErrNotHeld) {
		t.Errorf("a second answer: %v", err)
	}
}

// A worker was taken for lost and then brings its answer. Nothing is sent again
// after that, whatever it says.
func TestLateAnswers(t *testing.T) {
	lost := in(t, Executing)
	lost = apply(t, lost, lost.LastSend().LeaseUntil, Lose())
	now := lost.Unsure.Since.Add(time.Second)
	tests := []struct {
		a    Answer
		want State
		err  error
		why  string
	}{
		{Answer{Outcome: OutcomeAccepted}, Accepted, nil, "it had run"},
		{Answer{Outcome: OutcomeFailed}, Failed, nil, "it cannot run"},
		{Answer{Outcome: OutcomeRefused}, Failed, nil, "it did not run, and people were told that nobody knows"},
		{Answer{Outcome: OutcomeRefused, Again: true}, Failed, nil, "the same, although it could be mended"},
		{Answer{Outcome: OutcomeRefused, Busy: true}, Failed, nil, "the same, although there may be room by now"},
		{Answer{Outcome: OutcomeNotSent}, Failed, nil, "the same"},
		{Answer{Outcome: OutcomeUnknown}, "", ErrNotAllowed, "it knows no more than we do"},
		{Answer{Outcome: "splendid"}, "", ErrNotAllowed, "a word we do not know proves nothing"},
	}
	for _, tt := range tests {
		next, _, err := lost.Apply(Answered("w1", 1, tt.a), now)
		if next.State != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: to %q, error %v", tt.why, next.State, err)
		}
		if err == nil && next.State.Ended() != next.EndedAt.Equal(now) || next.State == Accepted && !next.EndedAt.IsZero() {
			t.Errorf("%s: %s, ended at %v", tt.why, next.State, next.EndedAt)
		}
		if _, _, err := lost.Apply(Answered("w2", 1, tt.a), now); !errors.Is(err, ErrNotHeld) {
			t.Errorf("%s: from another worker: %v", tt.why, err)
		}
	}
}

// After a refusal by the API nothing is sent again without a press of Run.
func TestRefusedByTheAPI(t *testing.T) {
	r := apply(t, in(t, Executing), t0.Add(10*time.Second), Answered("w1", 1, Answer{Outcome: OutcomeRefused, Code: 4100}))
	if _, err := r.Grant(*r.Plan, someFacts(1), t0.Add(11*time.Second)); !errors.Is(err, ErrTooLate) {
		t.Errorf("it would go out again by itself: %v", err)
	}
	r = apply(t, r, t0.Add(12*time.Second), RunNow(bob, r.Digest, someFacts(1), within))
	if _, err := r.Grant(*r.Plan, someFacts(1), t0.Add(13*time.Second)); err != nil {
		t.Errorf("after a press of Run: %v", err)
	}
}

// A refusal that is mended by itself, such as a key that was changed in the vault or a
// quota that is used up, is no news: the run goes out again while the approval is young, as if it had
// never left. Answers that prove no refusal do not.
func TestAgain(t *testing.T) {
	now := t0.Add(10 * time.Second)
	tests := []struct {
		outcome Outcome
		want    State
		notices int
		grant   error
		why     string
	}{
		{OutcomeRefused, Approved, 0, nil, "refused before anything could start"},
		{OutcomeNotSent, Approved, 0, nil, "no byte left"},
		{OutcomeAccepted, Accepted, 1, ErrRunning, "it runs"},
		{OutcomeFailed, Failed, 1, ErrEnded, "it cannot run"},
		{OutcomeUnknown, Unknown, 1, ErrRunning, "nobody knows"},
		{"splendid", Unknown, 1, ErrRunning, "a word we do not know"},
	}
	for i := range 2 * len(tests) {
		tt, busy := tests[i/2], i%2 == 1
		r := apply(t, in(t, Executing), now, Answered("w1", 1, Answer{Outcome: tt.outcome, Again: !busy, Busy: busy}))
		if r.State != tt.want || len(r.Notices) != tt.notices || r.Waiting != "" {
			t.Errorf("%s: %s, waiting %q, notices %v", tt.why, r.State, r.Waiting, r.Notices)
		}
		g, err := r.Grant(*r.Plan, someFacts(1), now)
		if !errors.Is(err, tt.grant) {
			t.Errorf("%s: granted again: %v", tt.why, err)
		}
		if err != nil {
			continue
		}
		if r.Due().After(now) {
			t.Errorf("%s: due at %v, want at once", tt.why, r.Due())
		}
		if _, err := r.Grant(*r.Plan, someFacts(1), in(t, Approved).DispatchBy.Add(1)); !errors.Is(err, ErrTooLate) {
			t.Errorf("%s: it has made the approval young again: %v", tt.why, err)
		}
		r = apply(t, r, now, Claim(g, Intent{Worker: "w1", Lease: lease, Valid: valid}))
		if _, _, err := r.Apply(Answered("w1", 1, Answer{Outcome: OutcomeAccepted}), now); !errors.Is(err, ErrNotHeld) {
			t.Errorf("%s: the first send's answer was taken for the second's: %v", tt.why, err)
		}
	}
}
