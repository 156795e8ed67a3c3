package approvals

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// No sequence of clicks, group changes and config reloads starts a run that fewer than
// the quorum of different people want who may, or that the requester's own word is
// needed for. Who may is counted here by hand, at the moment of the start:
//
//  1. Each counted human has pressed Approve on the card of just this plan, when they
//     were allowed to, whatever user id they came with.
//  2. Each is named by the rule on the card and by today's, as an approver, by
//     themselves or by a group whose members are told, and is admitted today.
//  3. None is the requester, who may still ask by both rules.
//  4. They are as many as the card's rule asks for, and as today's does.
//
// And where all that holds and all groups are told, the run does start.
func TestWhoCanStartARun(t *testing.T) {
	effort(t, 300, 60)
	starts, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		s := newStage(t)
		t.Repeat(map[string]func(*rapid.T){
			"approve":  s.approve,
			"all":      s.all,
			"deny":     s.deny,
			"run":      s.press,
			"members":  s.members,
			"members2": s.members,
			"rules":    s.rules,
			"standing": s.standing,
			"asleep": func(t *rapid.T) {
				s.now = s.now.Add(time.Duration(rapid.IntRange(1, 100).Draw(t, "seconds")) * time.Second)
			},
			"anew": func(t *rapid.T) { *s = *newStage(t) },
			"start": func(t *rapid.T) {
				if s.start(t) {
					starts++
				} else {
					refused++
				}
			},
		})
	})
	if t.Logf("%d runs were started, %d were not", starts, refused); starts < 20 || refused < 20 {
		t.Error("this has tried too little to show anything")
	}
}

type stage struct {
	r     Request
	plan  Plan
	facts Facts
	now   time.Time
	said  map[string]Person // who has approved, by human, with the id they came with
}

var (
	whoRules = []Who{
		{Groups: []string{"S-OPS"}},
		{Groups: []string{"S-OPS", "S-DBA"}},
		{Users: []string{"U-BOB", "W-CAROL"}},
		{Users: []string{"U-ALICE", "W-ALICE", "U-BOB"}},
		{Users: []string{"U-DAVE"}, Groups: []string{"S-DBA"}},
	}
	whoAsks = []Who{{Anyone: true}, {Groups: []string{"S-ASK"}}, {Users: []string{"U-ALICE"}}, {Users: []string{"U-DAVE"}}}
	whoIDs  = []string{"U-ALICE", "U-ALICE-2", "W-ALICE", "U-BOB", "U-BOB-2", "W-BOB", "U-CAROL", "W-CAROL", "U-DAVE"}
)

func newStage(t *rapid.T) *stage {
	s := &stage{plan: somePlan(rapid.IntRange(1, 3).Draw(t, "quorum")), now: t0, said: map[string]Person{}}
	s.plan.Rule.Approve = rapid.SampledFrom(whoRules).Draw(t, "rule of the card")
	s.r = newRequest()
	for _, m := range []Move{Prepare(alice, s.plan), Open("C0OPS", "1.2")} {
		next, _, err := s.r.Apply(m, s.now)
		if err != nil {
			t.Fatal(err)
		}
		s.r = next
	}
	s.facts = Facts{Rule: s.plan.Rule, Standing: map[string]error{}, Members: Members{
		"S-OPS": {"W-ALICE", "U-BOB", "W-CAROL"}, "S-DBA": {"U-BOB-2", "U-CAROL", "U-DAVE"}, "S-ASK": {"W-ALICE"},
	}}
	for _, p := range crowd {
		s.facts.Standing[p.Key()] = nil
	}
	return s
}

func (s *stage) try(m Move) bool {
	next, _, err := s.r.Apply(m, s.now)
	if err == nil {
		s.r = next
	}
	return err == nil
}

func (s *stage) approve(t *rapid.T) {
	s.vote(t, rapid.SampledFrom(crowd).Draw(t, "person"), rapid.SampledFrom([]Digest{s.r.Digest, s.r.Digest, s.r.Digest, "other", ""}).Draw(t, "card"))
}

func (s *stage) vote(t *rapid.T, p Person, digest Digest) {
	if !s.try(Vote(p, digest, s.facts, within)) {
		return
	}
	if _, twice := s.said[p.ID]; twice || p.ID == "" || p.ID == alice.ID || digest != s.plan.Digest() || !s.may(p, s.plan.Rule) || !s.may(p, s.facts.Rule) {
		t.Fatalf("the approval of %+v was taken", p)
	}
	s.said[p.ID] = p
}

// all press Approve, so that most requests come far.
func (s *stage) all(t *rapid.T) {
	for _, p := range crowd {
		s.vote(t, p, s.r.Digest)
	}
}

func (s *stage) deny(t *rapid.T) {
	if rapid.IntRange(0, 9).Draw(t, "really") == 9 {
		s.try(Veto(rapid.SampledFrom(crowd).Draw(t, "person"), s.r.Digest, "no", s.facts))
	}
}

func (s *stage) press(t *rapid.T) {
	s.try(RunNow(rapid.SampledFrom(crowd).Draw(t, "person"), s.r.Digest, s.facts, within))
}

func (s *stage) members(t *rapid.T) {
	g := rapid.SampledFrom([]string{"S-OPS", "S-DBA", "S-ASK"}).Draw(t, "group")
	if rapid.IntRange(0, 5).Draw(t, "told") == 5 {
		delete(s.facts.Members, g)
		return
	}
	s.facts.Members[g] = rapid.SliceOfDistinct(rapid.SampledFrom(whoIDs), rapid.ID[string]).Draw(t, "members")
}

func (s *stage) rules(t *rapid.T) {
	s.facts.Rule = s.plan.Rule
	s.facts.Rule.Quorum = rapid.IntRange(0, 3).Draw(t, "quorum today")
	s.facts.Rule.Approve = rapid.SampledFrom(append(whoRules, s.plan.Rule.Approve, Who{})).Draw(t, "rule of today")
	s.facts.Rule.Ask = rapid.SampledFrom(append(whoAsks, s.plan.Rule.Ask)).Draw(t, "who asks today")
}

func (s *stage) standing(t *rapid.T) {
	p := rapid.SampledFrom([]Person{bob, carol, alice, dave}).Draw(t, "person")
	s.facts.Standing[p.Key()] = rapid.SampledFrom([]error{nil, nil, errors.New("deactivated")}).Draw(t, "standing")
}

// may is whether a rule names p as an approver, as far as that is told.
func (s *stage) may(p Person, r Rule) bool { return s.names(p, r.Approve) }

func (s *stage) names(p Person, w Who) bool {
	ids := slices.Clone(w.Users)
	for _, g := range w.Groups {
		ids = append(ids, s.facts.Members[g]...)
	}
	return w.Anyone || slices.Contains(ids, p.User) || slices.Contains(ids, p.ID)
}

func (s *stage) told() bool {
	return len(s.facts.Members) == 3
}

// start is a bot that takes the request to the API, and gives the claim back.
func (s *stage) start(t *rapid.T) bool {
	people := 0
	for _, p := range s.said {
		if p.ID != alice.ID && s.may(p, s.plan.Rule) && s.may(p, s.facts.Rule) && s.facts.Standing[p.Key()] == nil {
			people++
		}
	}
	enough := people >= max(1, s.plan.Rule.Quorum, s.facts.Rule.Quorum)
	asks := s.names(alice, s.plan.Rule.Ask) && s.names(alice, s.facts.Rule.Ask) && s.facts.Standing[alice.Key()] == nil
	inTime := s.r.State == Approved && !s.now.After(s.r.DispatchBy) && s.now.Before(s.r.Expires)
	g, err := s.r.Grant(s.plan, s.facts, s.now)
	if started := err == nil && s.try(Claim(g, Intent{Worker: "w1", Lease: lease, Valid: valid})); started != (enough && asks && inTime) && (started || s.told()) {
		t.Fatalf("started %v (%v): %d people of %d and %d, may ask %v, in time %v", started, err, people, s.plan.Rule.Quorum, s.facts.Rule.Quorum, asks, inTime)
	}
	if err == nil && !s.try(Answered("w1", len(s.r.Sends), Answer{Outcome: OutcomeNotSent})) {
		t.Fatal("the claim cannot be given back")
	}
	return err == nil
}
