package approvals

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// What the model knows of a request, and its own words for the rules: who may do what,
// and what comes of it. Nothing here calls the rules under test.

// The model's times end between the seconds in which its clock moves, so that nothing
// happens in the very moment of an end.
const (
	half        = 500 * time.Millisecond
	modelLife   = lifetime + half
	modelWithin = within + half
	modelLease  = lease + half
	modelValid  = valid + half/2
	searchFor   = 10*time.Minute + half/5
)

type mirror struct {
	id       string
	by       Person
	hosts    []string
	digest   Digest
	plan     Plan
	quorum   int
	keptOn   string
	received time.Time
	expires  time.Time

	state     State
	votes     []Person
	byItself  time.Time // until when a bot sends it without a press of Run
	pressed   bool      // Run was pressed
	sends     []sent
	asked     bool
	lifted    bool
	wasLifted bool
	doubted   bool
	words     []Statement
}

// sent is a claim.
type sent struct {
	bot      string
	at       time.Time
	before   []string
	answered bool
}

func (m *mirror) clone() *mirror {
	c := *m
	c.votes, c.sends, c.words = slices.Clone(m.votes), slices.Clone(m.sends), slices.Clone(m.words)
	return &c
}

func (m *mirror) over() bool {
	return !slices.Contains([]State{Received, Pending, Approved, Executing, Accepted, Unknown}, m.state)
}

func (m *mirror) holds() bool {
	return m.state == Executing || m.state == Accepted || m.state == Unknown && !m.lifted
}

func (m *mirror) last() *sent { return &m.sends[len(m.sends)-1] }

// differs says in which point the record is not what the model says.
func (m *mirror) differs(r Request) string {
	switch {
	case r.State != m.state:
		return fmt.Sprintf("it is %s, and must be %s", r.State, m.state)
	case r.Digest != m.digest || !slices.Equal(r.Plan.Hosts, m.hosts) || r.KeptOn != m.keptOn:
		return "what is asked for, or where it was kept"
	case len(r.Sends) != len(m.sends):
		return fmt.Sprintf("%d sends, want %d", len(r.Sends), len(m.sends))
	case r.State.Ended() == r.EndedAt.IsZero():
		return fmt.Sprintf("%s, ended at %v", r.State, r.EndedAt)
	case r.Unsure.Asked.IsZero() == m.asked || r.Unsure.Lifted != m.lifted:
		return fmt.Sprintf("asked %v, lifted %v", r.Unsure.Asked, r.Unsure.Lifted)
	case len(r.Unsure.Statements) != len(m.words):
		return fmt.Sprintf("statements %+v, want %+v", r.Unsure.Statements, m.words)
	}
	for i, s := range m.sends {
		if r.Sends[i].Worker != s.bot || (r.Sends[i].Answer != nil) != s.answered {
			return fmt.Sprintf("send %d: %+v, want %+v", i+1, r.Sends[i], s)
		}
	}
	approvals := 0
	for _, d := range r.Decisions {
		if d.Verdict != Approve {
			continue
		}
		approvals++
		if d.Digest != m.digest || !slices.Contains(m.votes, d.Person) {
			return fmt.Sprintf("an approval that nobody gave: %+v", d)
		}
	}
	if approvals != len(m.votes) {
		return fmt.Sprintf("%d approvals, want %d", approvals, len(m.votes))
	}
	for i, s := range m.words {
		if o := r.Unsure.Statements[i]; o.Person != s.Person || o.Finding != s.Finding || o.Changes != s.Changes {
			return fmt.Sprintf("statement %d: %+v, want %+v", i+1, o, s)
		}
	}
	return ""
}

func modelFacts(quorum int) Facts {
	f := someFacts(quorum)
	f.Rule.Lifetime = modelLife
	f.Members = Members{"S-ASK": {"U-ALICE", "W-BOB", "U-CAROL"}, "S-OPS": {"W-ALICE", "U-BOB", "U-BOB-2", "W-CAROL"}}
	return f
}

func modelPlan(quorum int, hosts []string, parameters string) Plan {
	p := somePlan(quorum)
	p.Hosts, p.Parameters, p.Rule.Lifetime = hosts, parameters, modelLife
	return p
}

func same(p, q Person) bool { return p.ID != "" && p.ID == q.ID && p.Org != "" && p.Org == q.Org }

// listed are the ids that may approve: what the card's rule and today's both name. told
// is false if that depends on a group of which nobody tells the members.
func (w *world) listed() (ids map[string]bool, told bool) {
	ops, told := w.facts.Members["S-OPS"]
	ids = map[string]bool{}
	for _, id := range ops {
		ids[id] = len(w.facts.Rule.Approve.Groups) > 0 || slices.Contains(w.facts.Rule.Approve.Users, id)
	}
	maps.DeleteFunc(ids, func(_ string, in bool) bool { return !in })
	return ids, told
}

// named is whether p is among those who may approve, whoever asked.
func (w *world) named(p Person) bool {
	shown, told := w.facts.Members["S-OPS"]
	in := func(list []string) bool { return slices.Contains(list, p.User) || slices.Contains(list, p.ID) }
	today := in(w.facts.Rule.Approve.Users) || len(w.facts.Rule.Approve.Groups) > 0 && in(shown)
	return told && p.ID != "" && p.Org != "" && in(shown) && today
}

func (w *world) mayApprove(m *mirror, p Person) bool { return w.named(p) && !same(p, m.by) }

// maySettle is as mayApprove, but who asked may if the rules name them, or if there is
// only one other.
func (w *world) maySettle(m *mirror, p Person) bool {
	if !same(p, m.by) || w.named(p) {
		return w.named(p)
	}
	ids, told := w.listed()
	delete(ids, p.User)
	delete(ids, p.ID)
	return told && len(ids) < 2
}

func (w *world) vote(p Person, digest Digest) func(*mirror, time.Time) bool {
	return func(m *mirror, now time.Time) bool {
		if m.state != Pending || now.After(m.expires) || digest != m.digest || !w.mayApprove(m, p) {
			return false
		}
		if slices.ContainsFunc(m.votes, func(q Person) bool { return same(p, q) }) {
			return false
		}
		if m.votes = append(m.votes, p); len(m.votes) >= max(m.quorum, w.facts.Rule.Quorum) {
			m.state, m.byItself = Approved, now.Add(modelWithin)
		}
		return true
	}
}

func (w *world) veto(p Person) func(*mirror, time.Time) bool {
	return func(m *mirror, now time.Time) bool {
		if m.state != Pending && m.state != Approved || now.After(m.expires) || !w.mayApprove(m, p) {
			return false
		}
		m.votes = slices.DeleteFunc(m.votes, func(q Person) bool { return same(p, q) })
		m.state = Denied
		return true
	}
}

func (w *world) cancel(p Person) func(*mirror, time.Time) bool {
	return func(m *mirror, _ time.Time) bool {
		ok := (m.state == Pending || m.state == Approved) && same(p, m.by)
		m.state = Cancelled
		return ok
	}
}

func (w *world) press(p Person) func(*mirror, time.Time) bool {
	return func(m *mirror, now time.Time) bool {
		trying := m.pressed && now.Before(m.byItself)
		m.byItself, m.pressed = now.Add(modelWithin), true
		return m.state == Approved && now.Before(m.expires) && !trying && (same(p, m.by) || w.mayApprove(m, p))
	}
}

func (w *world) lift(p Person) func(*mirror, time.Time) bool {
	return func(m *mirror, _ time.Time) bool {
		ok := m.state == Unknown && !m.lifted && w.mayApprove(m, p)
		m.lifted, m.wasLifted = true, true
		return ok
	}
}

func (w *world) settle(p Person, f Finding) func(*mirror, time.Time) bool {
	return func(m *mirror, now time.Time) bool {
		if m.state != Unknown || !m.asked || !w.maySettle(m, p) || f == DidNotRun && now.Before(m.last().at.Add(modelValid)) {
			return false
		}
		agree, again, changes := map[string]bool{p.ID: true}, false, 0
		for _, s := range m.words {
			switch {
			case same(s.Person, p):
				if again, changes = s.Finding == f, s.Changes; !again {
					changes++
				}
			case s.Finding == f && w.maySettle(m, s.Person) && w.facts.Standing[s.Person.Key()] == nil:
				agree[s.Person.ID] = true
			}
		}
		m.words = slices.DeleteFunc(m.words, func(s Statement) bool { return same(s.Person, p) })
		m.words = append(m.words, Statement{Person: p, Finding: f, Changes: changes})
		if len(agree) >= 2 {
			m.state = Settled
		}
		return len(agree) >= 2 || !again && changes <= 3
	}
}

// granted is whether an approved request may be sent as things stand.
func (w *world) granted(m *mirror, now time.Time) bool {
	people := map[string]bool{}
	for _, p := range m.votes {
		if w.mayApprove(m, p) && w.facts.Standing[p.Key()] == nil {
			people[p.ID] = true
		}
	}
	asks, told := w.facts.Members["S-ASK"]
	mayAsk := told && (slices.Contains(asks, m.by.User) || slices.Contains(asks, m.by.ID)) && w.facts.Standing[m.by.Key()] == nil
	return m.state == Approved && now.Before(m.expires) && now.Before(m.byItself) && mayAsk && len(people) >= max(m.quorum, w.facts.Rule.Quorum)
}

// busy is whether another run holds a host of m.
func (w *world) busy(m *mirror) bool {
	return slices.ContainsFunc(m.hosts, func(h string) bool { return w.held[h] != "" && w.held[h] != m.id })
}

// claimed is a claim of one bot.
func (w *world) claimed(bot string, before []string) func(*mirror, time.Time) bool {
	return func(m *mirror, now time.Time) bool {
		ok := w.granted(m, now)
		m.state = Executing
		m.sends = append(m.sends, sent{bot: bot, at: now, before: before})
		return ok
	}
}

// answered is what one bot's answer to its nth send makes of a request.
func answered(bot string, nth int, a Answer) func(*mirror, time.Time) bool {
	return func(m *mirror, now time.Time) bool {
		if m.state != Executing && m.state != Unknown || len(m.sends) != nth || m.last().bot != bot || m.last().answered {
			return false
		}
		late := m.state == Unknown
		m.last().answered = true
		switch a.Outcome {
		case OutcomeAccepted:
			m.state = Accepted
		case OutcomeFailed:
			m.state = Failed
		case OutcomeRefused, OutcomeNotSent:
			if m.state = Approved; late {
				m.state = Failed
			}
			if a.Outcome == OutcomeRefused && !a.Again && !a.Busy {
				m.byItself = now // a person has to press Run
			}
		default:
			m.state = Unknown
			return !late
		}
		return true
	}
}
