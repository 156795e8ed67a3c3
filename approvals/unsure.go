package approvals

import (
	"errors"
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
	Agreed     []Person    `json:"agreed,omitempty"`     // whose words settled it
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
	Changes int       `json:"changes,omitempty"` // how often they had said the other before
}

// mostChanges is how often a person's word may change, unless that settles it: each change
// leaves an event.
const mostChanges = 3

// Agreeing is how many different people have to say the same.
const Agreeing = 2

// Settlement is what was agreed on, and by whom; empty before.
func (r Request) Settlement() (Finding, []Person) {
	if r.State != Settled || len(r.Unsure.Statements) == 0 {
		return "", nil
	}
	return r.Unsure.Statements[len(r.Unsure.Statements)-1].Finding, r.Unsure.Agreed
}

// doubt makes r unknown. Whatever is due next is due at once.
func (r *Request) doubt(now time.Time) {
	r.State, r.Waiting, r.WaitsFor, r.SearchUntil = Unknown, "", "", time.Time{}
	r.Unsure = Unsure{Since: now}
	r.notify(NoticeUnknown)
}

// Doubt stops a request from being sent, or from ending unsent: the API has a task that may be its
// run, although the store knows of no send. The store may have lost it. tasks are
// searched for like those of a send at any time since it was asked for; valid is as in
// [Intent].
func Doubt(why string, valid time.Duration) Move {
	return Move{Name: "doubt", Note: why, apply: func(r *Request, now time.Time) error {
		r.Sends = append(r.Sends, Send{ClaimedAt: now, LeaseUntil: now, DeadFrom: now.Add(valid), Since: r.Received})
		r.doubt(now)
		return nil
	}}
}

// Searched notes that a search found nothing that decides, and when to search again.
func Searched(again time.Time) Move {
	return Move{Name: "searched", quiet: true, from: states{Unknown}, apply: func(r *Request, _ time.Time) error {
		r.Unsure.Looks++
		r.retry(again)
		return nil
	}}
}

// Adopt takes the one task that was found for the run, which is followed from here
// on. evidence says why it is the one. A task that the API knew before a send is not.
func Adopt(task, evidence string) Move {
	return Move{Name: "adopt", Note: evidence, apply: func(r *Request, now time.Time) error {
		older := func(s Send) bool { return s.Had(task, time.Time{}) }
		if task == "" || slices.ContainsFunc(r.Sends, older) {
			return fmt.Errorf("%w: task %q is older than the run", ErrNotAllowed, task)
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
// same settle it. p may change it until then, a few times: then [ErrSaidOften]. That it did not run cannot be said
// before the API would refuse what was signed at the claim: whoever holds it might
// still send it.
//
// The word of somebody whom today's standing names as not admitted any more does not
// count. The same word again is [ErrDecided], unless it settles now what it did not then:
// somebody may speak again who could not for a while.
func Settle(p Person, digest Digest, f Finding, today Facts) Move {
	return Move{Name: "settle", By: p, Note: string(f), apply: func(r *Request, now time.Time) error {
		if err := r.shown(digest); err != nil {
			return err
		}
		if f != Ran && f != DidNotRun {
			return fmt.Errorf("%w: %q is no finding", ErrNotAllowed, f)
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
		return r.say(Statement{Person: p, Finding: f, At: now}, today)
	}}
}

// say adds a statement. It counts together with those of others who may still say so.
func (r *Request) say(said Statement, today Facts) error {
	agree, repeated := []Person{}, false
	var others []Statement
	for _, s := range r.Unsure.Statements {
		if s.Person.Same(said.Person) {
			repeated, said.Changes = s.Finding == said.Finding, s.Changes
			if !repeated {
				said.Changes++
			}
			continue
		}
		others = append(others, s)
		if s.Finding != said.Finding || today.Standing[s.Person.Key()] != nil {
			continue
		}
		err := r.maySettle(s.Person, today)
		if errors.Is(err, ErrMembersUnknown) {
			return err
		}
		if err == nil {
			agree = append(agree, s.Person)
		}
	}
	r.Unsure.Statements = append(others, said)
	if agree = append(agree, said.Person); len(agree) >= Agreeing {
		r.State, r.Unsure.Agreed = Settled, agree
		r.notify(NoticeSettled)
		return nil
	}
	switch {
	case repeated:
		return ErrDecided
	case said.Changes > mostChanges:
		return ErrSaidOften
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
	if err := r.named(p, today); err != ErrNotApprover {
		return err
	}
	shown, err := r.Plan.Rule.others(p, today.Members)
	if err != nil {
		return err
	}
	now, err := today.Rule.others(p, today.Members)
	if err != nil {
		return err
	}
	both := slices.DeleteFunc(shown, func(id string) bool { return !slices.Contains(now, id) })
	if len(both) < Agreeing {
		return nil
	}
	return ErrOwnRequest
}

// Lift lets other runs of the script go to the hosts of an unknown one. Whoever may
// approve may do so.
func Lift(p Person, digest Digest, today Facts) Move {
	return Move{Name: "lift", By: p, apply: func(r *Request, _ time.Time) error {
		if err := r.shown(digest); err != nil {
			return err
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

// Aside leaves an event that changes nothing: what came too late for any move. It may be
// left in every state. A refused click leaves none, but a [Refusal].
func Aside(name string, by Person, note string) Move {
	return Move{Name: name, By: by, Note: note, aside: true, apply: func(r *Request, _ time.Time) error {
		if name == "" || name == "receive" || len(tableStarts(name)) > 0 {
			return fmt.Errorf("%w: an aside cannot be called %q", ErrNotAllowed, name)
		}
		return nil
	}}
}
