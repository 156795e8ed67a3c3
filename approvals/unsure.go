package approvals

import (
	"fmt"
	"slices"
	"time"
)

// Unsure is what is known of a run of which nobody knows whether it ran: the API did
// not say, or the worker that claimed it is lost. First it is searched for among the
// API's tasks; if that does not tell, people are asked.
type Unsure struct {
	Since      time.Time   `json:"since"`
	Looks      int         `json:"looks,omitempty"`      // how often the API's list was searched
	Asked      time.Time   `json:"asked,omitzero"`       // when people were asked; zero: not yet
	Evidence   string      `json:"evidence,omitempty"`   // what the search says; words for people
	Tasks      []string    `json:"tasks,omitempty"`      // that may be the run, if they are several
	Lifted     bool        `json:"lifted,omitempty"`     // others may run on its hosts
	Statements []Statement `json:"statements,omitempty"` // one a person at most, the newest last
}

// Finding is what somebody found out about an unknown run.
type Finding string

const (
	Ran       Finding = "it ran"
	DidNotRun Finding = "it did not run"
)

// Statement is one person's word on it.
type Statement struct {
	Person  Person    `json:"person"`
	Finding Finding   `json:"finding"`
	At      time.Time `json:"at"`
}

// Agreeing is how many different people have to say the same.
const Agreeing = 2

// Settlement is what was agreed on, and by whom; empty before.
func (r Request) Settlement() (Finding, []Person) {
	if r.State != Settled || len(r.Unsure.Statements) == 0 {
		return "", nil
	}
	last := r.Unsure.Statements[len(r.Unsure.Statements)-1]
	return last.Finding, r.Unsure.saying(last.Finding)
}

func (u Unsure) saying(f Finding) (out []Person) {
	for _, s := range u.Statements {
		if s.Finding == f {
			out = append(out, s.Person)
		}
	}
	return out
}

// doubt makes r unknown. Whatever is due next is due at once.
func (r *Request) doubt(now time.Time) {
	r.State, r.Waiting, r.WaitsFor = Unknown, "", ""
	r.Unsure = Unsure{Since: now}
	r.notify(NoticeUnknown)
}

// Doubt stops an approved request from being sent: the API has a task that may be its
// run, although the store knows of no send. The store may have lost it. tasks are
// searched for like those of a send at any time since it was asked for; valid is as in
// [Intent].
func Doubt(why string, valid time.Duration) Move {
	return Move{Name: "doubt", Note: why, apply: func(r *Request, now time.Time) error {
		if err := r.is(Approved); err != nil {
			return err
		}
		r.Sends = append(r.Sends, Send{ClaimedAt: now, LeaseUntil: now, DeadFrom: now.Add(valid), Since: r.Received})
		r.doubt(now)
		return nil
	}}
}

// Searched notes that a search found nothing that decides, and when to search again.
func Searched(again time.Time) Move {
	return mark("searched", func(r *Request) {
		r.Unsure.Looks++
		r.retry(again)
	})
}

// Adopt takes the one task that was found for the run, which is followed from here
// on. evidence says why it is the one.
func Adopt(task, evidence string) Move {
	return Move{Name: "adopt", Note: evidence, apply: func(r *Request, now time.Time) error {
		if err := r.is(Unknown); r.State != Unknown {
			return err
		}
		r.State, r.Unsure.Evidence = Accepted, evidence
		r.begin(Answer{Tasks: []string{task}}, now)
		r.notify(NoticeFound)
		return nil
	}}
}

// Ask has people say whether it ran: the search did not tell. tasks are those that
// may be the run, if they are several. Asking again only brings the evidence up to
// date.
func Ask(evidence string, tasks []string, again time.Time) Move {
	return Move{Name: "ask", Note: evidence, apply: func(r *Request, now time.Time) error {
		if r.State != Unknown {
			return r.is()
		}
		r.Unsure.Evidence, r.Unsure.Tasks = evidence, slices.Clone(tasks)
		r.retry(again)
		if r.Unsure.Asked.IsZero() {
			r.Unsure.Asked = now
			r.notify(NoticeAsk)
		}
		return nil
	}}
}

// Settle is p's word on whether an unknown run ran. Two who may say so and say the
// same settle it. p may change it until then. That it did not run cannot be said
// before the API would refuse what was signed at the claim: whoever holds it might
// still send it.
func Settle(p Person, digest Digest, f Finding, today Facts) Move {
	return Move{Name: "settle", By: p, Note: string(f), apply: func(r *Request, now time.Time) error {
		if r.State != Unknown {
			return r.is()
		}
		if digest == "" || digest != r.Digest {
			return ErrStale
		}
		if err := r.maySettle(p, today); err != nil {
			return err
		}
		if r.Unsure.Asked.IsZero() {
			return ErrNotAsked
		}
		if f == DidNotRun && now.Before(r.LastSend().DeadFrom) {
			return ErrTooSoon
		}
		for _, s := range r.Unsure.Statements {
			if s.Person.Same(p) && s.Finding == f {
				return ErrDecided
			}
		}
		return r.say(Statement{Person: p, Finding: f, At: now}, today)
	}}
}

// say adds a statement. It counts together with those of others who may still say so.
func (r *Request) say(s Statement, today Facts) error {
	r.Unsure.Statements = slices.DeleteFunc(r.Unsure.Statements, func(o Statement) bool { return o.Person.Same(s.Person) })
	r.Unsure.Statements = append(r.Unsure.Statements, s)
	agree := map[string]bool{}
	for _, p := range r.Unsure.saying(s.Finding) {
		if r.maySettle(p, today) == nil {
			agree[p.Key()] = true
		}
	}
	if len(agree) >= Agreeing {
		r.State = Settled
		r.notify(NoticeSettled)
	}
	return nil
}

// maySettle is nil for those who may approve, and for the one who asked if the rules
// name them, too. Where only one other person may approve, the one who asked is
// heard as well, or nobody could ever settle it.
func (r Request) maySettle(p Person, today Facts) error {
	if !r.Requester.Same(p) {
		return r.mayApprove(p, today)
	}
	err := r.named(p, today)
	if err != ErrNotApprover {
		return err
	}
	for _, rule := range []Rule{r.Plan.Rule, today.Rule} {
		n, err := rule.Others(p, today.Members)
		if err != nil {
			return err
		}
		if n < Agreeing {
			return nil
		}
	}
	return ErrOwnRequest
}

// Lift lets other runs of the script go to the hosts of an unknown one. Whoever may
// approve may do so.
func Lift(p Person, digest Digest, today Facts) Move {
	return Move{Name: "lift", By: p, apply: func(r *Request, _ time.Time) error {
		if r.State != Unknown {
			return r.is()
		}
		if digest == "" || digest != r.Digest {
			return ErrStale
		}
		if err := r.mayApprove(p, today); err != nil {
			return err
		}
		if r.Unsure.Lifted {
			return ErrLifted
		}
		r.Unsure.Lifted = true
		return nil
	}}
}

// Aside leaves an event that changes nothing: a refused click, or what came too late
// for any move. It may be left in every state.
func Aside(name string, by Person, note string) Move {
	return Move{Name: name, By: by, Note: note, aside: true, apply: func(r *Request, _ time.Time) error {
		if inAnyRow(name) {
			return fmt.Errorf("%w: %s is a move", ErrNotAllowed, name)
		}
		return nil
	}}
}

func inAnyRow(move string) bool {
	for _, a := range allowed {
		if a.move == move {
			return true
		}
	}
	return false
}
