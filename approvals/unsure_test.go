package approvals

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// asked is an unknown run about which people were asked.
func asked(t testing.TB) Request {
	t.Helper()
	return apply(t, in(t, Unknown), t0.Add(time.Minute), Ask("no task fits", nil, time.Time{}))
}

// afterAll is when the API would refuse whatever was signed at the claim.
func afterAll(r Request) time.Time { return r.LastSend().DeadFrom }

// One word on an unknown run, and who may say it when.
func TestWhoMaySettle(t *testing.T) {
	only := func(ids ...string) func(*Request, *Facts) {
		return func(r *Request, f *Facts) {
			f.Rule.Approve = Who{Users: ids}
			r.Plan.Rule.Approve = f.Rule.Approve
		}
	}
	tests := []struct {
		p       Person
		finding Finding
		change  func(*Request, *Facts)
		want    error
		why     string
	}{
		{bob, Ran, nil, nil, "may approve"},
		{bob, DidNotRun, nil, nil, "may approve, and nothing that was signed is good any more"},
		{alice, Ran, nil, nil, "asked for it, and the rules name her"},
		{alice, Ran, only("U-BOB", "U-CAROL"), ErrOwnRequest, "asked for it, is not named, and two others are"},
		{alice, Ran, only("U-BOB"), nil, "asked for it, and without her there is only one"},
		{alice, Ran, only("U-ALICE", "U-BOB"), nil, "asked for it, is named, and there is one other"},
		{Person{Org: "E1", ID: "W-ALICE", User: "U-2"}, Ran, only("U-BOB", "U-CAROL"), ErrOwnRequest, "the same with another user id"},
		{Person{Org: "E1", User: "U-BOB"}, Ran, nil, ErrNotApprover, "was not looked up"},
		{Person{ID: "W-BOB", User: "U-BOB"}, Ran, nil, ErrNotApprover, "nobody knows of which organisation"},
		{dave, Ran, nil, ErrNotApprover, "may not approve"},
		{dave, Ran, only("U-BOB"), ErrNotApprover, "may not approve, and only one may"},
		{bob, Ran, func(_ *Request, f *Facts) { f.Rule.Approve = Who{Users: []string{"U-CAROL"}} }, ErrNotApprover, "not by today's rule"},
		{dave, Ran, func(_ *Request, f *Facts) { f.Rule.Approve = Who{Users: []string{"U-DAVE"}} }, ErrNotApprover, "only by today's rule"},
		{alice, Ran, func(r *Request, f *Facts) {
			r.Plan.Rule.Approve, f.Rule.Approve = Who{Users: []string{"U-BOB", "U-CAROL"}}, Who{Users: []string{"U-CAROL", "U-DAVE"}}
		}, nil, "asked for it; each rule names two, but both together only one"},
		{bob, Ran, func(_ *Request, f *Facts) { delete(f.Members, "S-OPS") }, ErrMembersUnknown, "nobody tells who is in the group"},
		{alice, Ran, func(_ *Request, f *Facts) { delete(f.Members, "S-OPS") }, ErrMembersUnknown, "the same for who asked"},
		{bob, Ran, func(r *Request, _ *Facts) { r.Digest = "other" }, ErrStale, "the card showed something else"},
		{bob, Ran, func(r *Request, _ *Facts) { r.Unsure.Asked = time.Time{} }, ErrNotAsked, "the search is not over"},
		{bob, DidNotRun, func(r *Request, _ *Facts) { r.Sends[0].DeadFrom = afterAll(*r).Add(1) }, ErrTooSoon, "what was signed is good for a nanosecond yet"},
		{bob, Ran, func(r *Request, _ *Facts) { r.Sends[0].DeadFrom = afterAll(*r).Add(1) }, nil, "that it ran can be said at any time"},
		{bob, "it exploded", nil, ErrNotAllowed, "not one of the two words"},
	}
	for _, tt := range tests {
		r, facts := asked(t), someFacts(1)
		digest, now, plan := r.Digest, afterAll(r), *r.Plan
		r.Plan = &plan
		if tt.change != nil {
			tt.change(&r, &facts)
		}
		next, _, err := r.Apply(Settle(tt.p, digest, tt.finding, facts), now)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s %s: %v, want %v", tt.p.Name, tt.why, err, tt.want)
		}
		if err != nil {
			continue
		}
		want := []Statement{{Person: tt.p, Finding: tt.finding, At: now}}
		if diff := cmp.Diff(want, next.Unsure.Statements); diff != "" || next.State != Unknown {
			t.Errorf("%s %s: %s\n%s", tt.p.Name, tt.why, next.State, diff)
		}
		if len(kinds(next)) != len(kinds(r)) {
			t.Errorf("%s %s: one word is told: %v", tt.p.Name, tt.why, kinds(next))
		}
	}
}

// word is one click on the card of an unknown run.
type word struct {
	p    Person
	f    Finding
	want error
}

// What people say one after the other, and what it comes to.
func TestAgreement(t *testing.T) {
	again := Person{Org: "E1", ID: "W-BOB", User: "U-BOB-2", Name: "Robert"}
	tests := []struct {
		words []word
		agree []Person // nil: not settled
		why   string
	}{
		{[]word{{bob, Ran, nil}}, nil, "one word is not enough"},
		{[]word{{bob, Ran, nil}, {carol, Ran, nil}}, []Person{bob, carol}, "two say the same"},
		{[]word{{bob, DidNotRun, nil}, {carol, DidNotRun, nil}}, []Person{bob, carol}, "and the other word"},
		{[]word{{alice, Ran, nil}, {bob, Ran, nil}}, []Person{alice, bob}, "one of them asked for it"},
		{[]word{{bob, Ran, nil}, {alice, Ran, nil}}, []Person{bob, alice}, "in the other order"},
		{[]word{{alice, Ran, nil}, {alice, Ran, ErrDecided}}, nil, "who asked counts once"},
		{[]word{{bob, Ran, nil}, {bob, Ran, ErrDecided}}, nil, "twice the same"},
		{[]word{{bob, Ran, nil}, {again, Ran, ErrDecided}}, nil, "the same human with another user id"},
		{[]word{{bob, Ran, nil}, {carol, DidNotRun, nil}}, nil, "they do not agree"},
		{[]word{{bob, Ran, nil}, {carol, DidNotRun, nil}, {alice, Ran, nil}}, []Person{bob, alice}, "the third decides"},
		{[]word{{bob, Ran, nil}, {carol, DidNotRun, nil}, {bob, DidNotRun, nil}}, []Person{carol, bob}, "one changes her mind"},
		{[]word{{bob, Ran, nil}, {bob, DidNotRun, nil}, {carol, Ran, nil}}, nil, "a word that was taken back does not count"},
		{[]word{
			{bob, Ran, nil},
			{bob, DidNotRun, nil},
			{bob, Ran, nil},
			{bob, DidNotRun, nil},
			{bob, Ran, ErrSaidOften},
			{again, Ran, ErrSaidOften},
			{bob, DidNotRun, ErrDecided},
			{carol, DidNotRun, nil},
		}, []Person{bob, carol}, "a word that changes too often stays as it was last"},
		{[]word{
			{bob, Ran, nil}, {bob, DidNotRun, nil}, {bob, Ran, nil}, {bob, DidNotRun, nil}, {carol, Ran, nil}, {bob, Ran, nil},
		}, []Person{carol, bob}, "but for one that settles it"},
		{[]word{{bob, Ran, nil}, {carol, Ran, nil}, {alice, Ran, ErrEnded}}, []Person{bob, carol}, "nobody is needed any more"},
	}
	for _, tt := range tests {
		r, facts := asked(t), someFacts(1)
		facts.Members["S-OPS"] = append(facts.Members["S-OPS"], "U-BOB-2")
		now := afterAll(r)
		for i, w := range tt.words {
			next, _, err := r.Apply(Settle(w.p, r.Digest, w.f, facts), now)
			if !errors.Is(err, w.want) {
				t.Errorf("%s: word %d: %v, want %v", tt.why, i+1, err, w.want)
			}
			if err == nil {
				r = next
			}
		}
		finding, who := r.Settlement()
		if diff := cmp.Diff(tt.agree, who); diff != "" || (r.State == Settled) != (tt.agree != nil) {
			t.Errorf("%s: %s, %q\n%s", tt.why, r.State, finding, diff)
		}
		if r.State != Settled {
			if finding != "" {
				t.Errorf("%s: found %q, and nothing is settled", tt.why, finding)
			}
			continue
		}
		if last := tt.words[len(tt.agree)-1]; len(tt.words) == 2 && finding != last.f {
			t.Errorf("%s: found %q, want %q", tt.why, finding, last.f)
		}
		if !r.EndedAt.Equal(now) || !slices.Contains(kinds(r), NoticeSettled) || r.Holds() {
			t.Errorf("%s: ended at %v, told %v, holds its hosts %v", tt.why, r.EndedAt, kinds(r), r.Holds())
		}
	}
}

// A word counts only as long as the one who said it may say it.
func TestAgreementWithOneWhoMayNotAnyMore(t *testing.T) {
	left := func(f *Facts) { f.Members["S-OPS"] = without(f.Members["S-OPS"], "U-BOB") }
	named := func(f *Facts) { f.Rule.Approve = Who{Users: []string{"U-CAROL", "U-DAVE"}, Groups: []string{"S-OPS"}} }
	tests := []struct {
		change func(*Facts)
		second Person
		want   error
		why    string
	}{
		{left, carol, nil, "left the group"},
		{func(f *Facts) { f.Rule.Approve = Who{Users: []string{"U-CAROL"}} }, carol, nil, "is not named by today's rule"},
		{func(f *Facts) { f.Standing[bob.Key()] = errors.New("deactivated") }, carol, nil, "was deactivated"},
		{func(f *Facts) { named(f); delete(f.Members, "S-OPS") }, carol, ErrMembersUnknown, "may be in the group or not: nobody tells"},
	}
	for _, tt := range tests {
		r := asked(t)
		plan := *r.Plan
		plan.Rule.Approve.Users = []string{"U-CAROL"}
		r.Plan, r.Digest = &plan, plan.Digest()
		now := afterAll(r)
		r = apply(t, r, now, Settle(bob, r.Digest, Ran, someFacts(1)))
		facts := someFacts(1)
		tt.change(&facts)
		next, _, err := r.Apply(Settle(tt.second, r.Digest, Ran, facts), now)
		if !errors.Is(err, tt.want) || err == nil && next.State != Unknown {
			t.Errorf("who spoke first %s: to %s, error %v", tt.why, next.State, err)
		}
		if err != nil {
			continue
		}
		again, _, err := next.Apply(Settle(bob, r.Digest, Ran, someFacts(1)), now)
		if _, who := again.Settlement(); err != nil || again.State != Settled || len(who) != 2 {
			t.Errorf("who spoke first %s, and says so again when he may: to %s by %v, error %v", tt.why, again.State, who, err)
		}
		third := apply(t, next, now, Settle(alice, r.Digest, Ran, facts))
		if _, who := third.Settlement(); third.State != Settled || slices.ContainsFunc(who, bob.Same) {
			t.Errorf("who spoke first %s: settled by %v", tt.why, who)
		}
	}
}

func TestWhoMayLift(t *testing.T) {
	tests := []struct {
		p      Person
		change func(*Request, *Facts)
		want   error
		why    string
	}{
		{bob, nil, nil, "may approve"},
		{alice, nil, ErrOwnRequest, "asked for it, although named"},
		{dave, nil, ErrNotApprover, "may not approve"},
		{bob, func(r *Request, _ *Facts) { r.Digest = "other" }, ErrStale, "the card showed something else"},
		{bob, func(_ *Request, f *Facts) { delete(f.Members, "S-OPS") }, ErrMembersUnknown, "nobody tells who is in the group"},
		{bob, func(r *Request, _ *Facts) { r.Unsure.Lifted = true }, ErrLifted, "was lifted already"},
	}
	for _, tt := range tests {
		r, facts := in(t, Unknown), someFacts(1) // nobody was asked yet
		digest := r.Digest
		if tt.change != nil {
			tt.change(&r, &facts)
		}
		next, event, err := r.Apply(Lift(tt.p, digest, facts), t0.Add(time.Minute))
		if !errors.Is(err, tt.want) {
			t.Errorf("%s %s: %v, want %v", tt.p.Name, tt.why, err, tt.want)
		}
		if err == nil && (next.Holds() || next.State != Unknown || !event.By.Same(tt.p) || next.Card.Look != next.Revision) {
			t.Errorf("%s %s: %s holds its hosts %v, event %+v", tt.p.Name, tt.why, next.State, next.Holds(), event)
		}
	}
}

func TestHolds(t *testing.T) {
	for _, s := range allStates {
		if got, want := in(t, s).Holds(), s == Executing || s == Accepted || s == Unknown; got != want {
			t.Errorf("%s holds its hosts: %v", s, got)
		}
	}
	lifted := apply(t, in(t, Unknown), t0, Lift(bob, in(t, Unknown).Digest, someFacts(1)))
	found := apply(t, lifted, t0, Adopt("task-1", "the only one"))
	if lifted.Holds() || !found.Holds() {
		t.Errorf("lifted: %v; lifted and then found to run: %v; want false, true", lifted.Holds(), found.Holds())
	}
}

// Who is told what, and when the next step comes, on every way through the unknown.
func TestUnknownRunsAreToldAndDue(t *testing.T) {
	later := t0.Add(20 * time.Minute)
	told := func(all ...NoticeKind) []NoticeKind { return all }
	tests := []struct {
		from  State
		moves func(r Request) []Move
		told  []NoticeKind
		due   time.Time // when all was posted
		why   string
	}{
		{Executing, func(Request) []Move { return []Move{Answered("w1", 1, Answer{Outcome: OutcomeUnknown})} }, told(NoticeUnknown), t0, "the API did not say: searched for at once"},
		{Executing, func(Request) []Move { return []Move{Lose()} }, told(NoticeUnknown), t0, "its worker is lost"},
		{Approved, func(Request) []Move { return []Move{Doubt("Redis was restarted", valid)} }, told(NoticeUnknown), t0, "it may have been sent before Redis was restarted"},
		{Unknown, func(Request) []Move { return []Move{Searched(later)} }, nil, later, "nothing was found yet"},
		{Unknown, func(Request) []Move { return []Move{Searched(t0), Searched(later)} }, nil, later, "and again"},
		{Unknown, func(Request) []Move { return []Move{Ask("none", nil, later)} }, told(NoticeAsk), later, "people are asked, and the search goes on"},
		{Unknown, func(Request) []Move { return []Move{Ask("none", nil, later), Ask("two", []string{"a", "b"}, later)} }, told(NoticeAsk), later, "people are asked once"},
		{Unknown, func(Request) []Move { return []Move{Ask("none", nil, later), Ask("none", nil, time.Time{})} }, told(NoticeAsk), time.Time{}, "the search has ended, and only people can go on"},
		{Unknown, func(Request) []Move { return []Move{Ask("none", nil, later), Adopt("task-1", "late")} }, told(NoticeAsk, NoticeFound), t0.Add(10*time.Minute + FirstLook), "found after people were asked: followed"},
		{Unknown, func(r Request) []Move { return []Move{Lift(bob, r.Digest, someFacts(1))} }, nil, t0, "lifted: the search is still due"},
		{Unknown, func(r Request) []Move {
			return []Move{Ask("none", nil, later), Settle(bob, r.Digest, Ran, someFacts(1))}
		}, told(NoticeAsk), later, "one word: the search goes on"},
		{Unknown, func(r Request) []Move {
			return []Move{Ask("none", nil, later), Settle(bob, r.Digest, Ran, someFacts(1)), Settle(carol, r.Digest, Ran, someFacts(1))}
		}, told(NoticeAsk, NoticeSettled), time.Time{}, "settled"},
	}
	for _, tt := range tests {
		r := in(t, tt.from)
		r.Notices = nil
		now := t0.Add(10 * time.Minute)
		next := apply(t, r, now, tt.moves(r)...)
		if diff := cmp.Diff(tt.told, kinds(next)); diff != "" {
			t.Errorf("%s:\n%s", tt.why, diff)
		}
		next.Notices, next.Card.Shown = nil, next.Card.Look
		if got := next.Due(); !got.Equal(tt.due) {
			t.Errorf("%s: due at %v, want %v", tt.why, got, tt.due)
		}
		if next.State != Settled != next.EndedAt.IsZero() {
			t.Errorf("%s: %s, ended at %v", tt.why, next.State, next.EndedAt)
		}
	}
}

// A worker that was taken for lost brings its answer at any time before the run was
// found or settled; after that it is too late.
func TestAnswersDuringTheSearch(t *testing.T) {
	lost := in(t, Executing)
	lost = apply(t, lost, lost.LastSend().LeaseUntil, Lose())
	now := afterAll(lost)
	ask := Ask("no task fits", nil, time.Time{})
	say := func(p Person, f Finding) Move { return Settle(p, lost.Digest, f, someFacts(1)) }
	tests := []struct {
		before   []Move
		accepted any
		failed   any
		why      string
	}{
		{nil, Accepted, Failed, "it is searched for"},
		{[]Move{Searched(now)}, Accepted, Failed, "once in vain"},
		{[]Move{ask}, Accepted, Failed, "people were asked"},
		{[]Move{Lift(bob, lost.Digest, someFacts(1))}, Accepted, Failed, "its hosts are free for others"},
		{[]Move{ask, say(bob, Ran)}, Accepted, Failed, "one has spoken"},
		{[]Move{Adopt("task-1", "the only one")}, ErrNotHeld, ErrNotHeld, "its task was found"},
		{[]Move{ask, say(bob, DidNotRun), say(carol, DidNotRun)}, ErrEnded, ErrEnded, "people have settled it"},
	}
	for _, tt := range tests {
		r := apply(t, lost, now, tt.before...)
		for outcome, want := range map[Outcome]any{OutcomeAccepted: tt.accepted, OutcomeFailed: tt.failed, OutcomeNotSent: tt.failed, OutcomeRefused: tt.failed} {
			next, _, err := r.Apply(Answered("w1", 1, Answer{Outcome: outcome}), now)
			if wantErr, refused := want.(error); refused && !errors.Is(err, wantErr) || !refused && (err != nil || next.State != want) {
				t.Errorf("%s, then %q: to %q, error %v; want %v", tt.why, outcome, next.State, err, want)
			}
			if _, _, err := r.Apply(Answered("w2", 1, Answer{Outcome: outcome}), now); err == nil {
				t.Errorf("%s, then %q: from another worker", tt.why, outcome)
			}
		}
	}
	doubted := apply(t, in(t, Approved), now, Doubt("Redis was restarted", valid))
	if next, _, err := doubted.Apply(Answered("w1", 1, Answer{Outcome: OutcomeNotSent}), now); !errors.Is(err, ErrNotHeld) {
		t.Errorf("nobody here has sent it, and yet somebody answers: to %q, error %v", next.State, err)
	}
}

func TestDoubt(t *testing.T) {
	now := t0.Add(10 * time.Second)
	r := apply(t, in(t, Approved), now, WaitFor("r-other", "its hosts are held", now), Doubt("Redis was restarted", valid))
	want := &Send{ClaimedAt: now, LeaseUntil: now, DeadFrom: now.Add(valid), Since: r.Received}
	if diff := cmp.Diff(want, r.LastSend()); diff != "" {
		t.Error(diff)
	}
	if !r.LastSend().Earliest().Equal(r.Received) || r.Waiting != "" || r.WaitsFor != "" || !r.Unsure.Since.Equal(now) {
		t.Errorf("earliest %v, waiting %q for %q, since %v", r.LastSend().Earliest(), r.Waiting, r.WaitsFor, r.Unsure.Since)
	}
	if sent := in(t, Unknown); !sent.LastSend().Earliest().Equal(sent.LastSend().ClaimedAt) {
		t.Errorf("of a claimed send: %v", sent.LastSend().Earliest())
	}
	// Whoever claimed it before Redis forgot that may have signed it just now.
	r = apply(t, r, now, Ask("none", nil, time.Time{}))
	for _, at := range []time.Time{now, now.Add(valid - 1)} {
		if _, _, err := r.Apply(Settle(bob, r.Digest, DidNotRun, someFacts(1)), at); !errors.Is(err, ErrTooSoon) {
			t.Errorf("it did not run, said %s after the doubt: %v", at.Sub(now), err)
		}
	}
}

func TestAdopt(t *testing.T) {
	now := t0.Add(time.Minute)
	tests := []struct {
		task string
		want error
		why  string
	}{
		{"task-1", nil, "it is new"},
		{"task-old", ErrNotAllowed, "the API knew it before the claim"},
		{"", ErrNotAllowed, "it is no task at all"},
	}
	for _, tt := range tests {
		next, event, err := in(t, Unknown).Apply(Adopt(tt.task, "the only one that fits"), now)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.why, err)
		}
		if err != nil {
			continue
		}
		if !slices.Equal(next.Follow.Tasks, []string{tt.task}) || !next.Follow.Since.Equal(now) || len(next.Follow.Hosts) != 2 || next.Ambiguous() {
			t.Errorf("%s: it is followed with %+v", tt.why, next.Follow)
		}
		if event.Note != "the only one that fits" || next.Unsure.Evidence != event.Note {
			t.Errorf("%s: evidence %q, event %+v", tt.why, next.Unsure.Evidence, event)
		}
	}
}

func TestAskKeepsTheEvidence(t *testing.T) {
	now := t0.Add(time.Minute)
	tasks := []string{"task-1", "task-2"}
	r := apply(t, in(t, Unknown), now, Searched(now), Searched(now), Ask("two fit", tasks, now))
	tasks[0] = "task-9"
	if r.Unsure.Looks != 2 || r.Unsure.Evidence != "two fit" || !slices.Equal(r.Unsure.Tasks, []string{"task-1", "task-2"}) || !r.Unsure.Asked.Equal(now) {
		t.Errorf("%+v", r.Unsure)
	}
	r = apply(t, r, now.Add(time.Minute), Ask("none fits", nil, now))
	if r.Unsure.Evidence != "none fits" || len(r.Unsure.Tasks) != 0 || !r.Unsure.Asked.Equal(now) {
		t.Errorf("asked once more: %+v", r.Unsure)
	}
}

// Whatever was refused or came too late leaves an event in every state, and changes
// nothing else.
func TestAsideInEveryState(t *testing.T) {
	now := t0.Add(3 * lifetime)
	for _, s := range allStates {
		r := in(t, s)
		next, event, err := r.Apply(Aside("refused approve", dave, "not among those who may approve"), now)
		if err != nil || event.Move != "refused approve" || event.From != s || event.To != s || !event.By.Same(dave) || event.Hash != next.Head {
			t.Errorf("%s: event %+v, error %v", s, event, err)
		}
		r.Revision, r.Events, r.Head = next.Revision, next.Events, next.Head
		if diff := cmp.Diff(r, next); diff != "" {
			t.Errorf("%s: it changed something:\n%s", s, diff)
		}
		for _, name := range []string{"vote", "settle", "receive", ""} {
			if _, _, err := r.Apply(Aside(name, dave, ""), now); !errors.Is(err, ErrNotAllowed) {
				t.Errorf("%s: an aside that is called %q: %v", s, name, err)
			}
		}
	}
}

// A request that waits for another's hosts says for which, until it goes on.
func TestWaitFor(t *testing.T) {
	now := t0.Add(10 * time.Second)
	r := apply(t, in(t, Approved), now, WaitFor("r-other", "r-other holds ins-1", now.Add(time.Second)))
	if r.WaitsFor != "r-other" || r.Waiting == "" || !slices.Contains(kinds(r), NoticeWaiting) || !r.RetryAt.Equal(now.Add(time.Second)) {
		t.Errorf("waits for %q, %q, told %v, again at %v", r.WaitsFor, r.Waiting, kinds(r), r.RetryAt)
	}
	claim := Claim(grant(t, in(t, Approved)), Intent{Worker: "w1", Lease: lease, Valid: valid})
	for _, m := range []Move{
		Wait("the vault is away", now), RunNow(bob, r.Digest, someFacts(1), within), claim, Cancel(alice),
		Veto(bob, r.Digest, "no", someFacts(1)), Doubt("Redis was restarted", valid), Refuse("no rule"),
	} {
		if next := apply(t, r, now, m); next.WaitsFor != "" {
			t.Errorf("after %s it waits for %q", m.Name, next.WaitsFor)
		}
	}
	for _, s := range allStates {
		next, _, err := in(t, s).Apply(WaitFor("r-other", "held", now), now)
		if (err == nil) != (s == Approved) {
			t.Errorf("from %s: to %q, error %v", s, next.State, err)
		}
	}
	if msg := (&Busy{Request: "r-other", Host: "ins-1"}).Error(); msg != fmt.Sprintf("%v: r-other holds ins-1", ErrBusy) {
		t.Error(msg)
	}
}

// A search that comes back late moves nothing any more.
func TestSearchedOnlyWhileUnknown(t *testing.T) {
	for _, s := range allStates {
		next, event, err := in(t, s).Apply(Searched(t0.Add(time.Hour)), t0.Add(time.Minute))
		if (err == nil) != (s == Unknown) || event.Move != "" || next.Unsure.Looks > 1 {
			t.Errorf("from %s: %d looks, event %+v, error %v", s, next.Unsure.Looks, event, err)
		}
	}
}
