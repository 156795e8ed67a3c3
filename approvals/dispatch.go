package approvals

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Facts are what rules and directory say at one moment.
type Facts struct {
	Rule     Rule             // today's rule for the request's subject
	Members  Members          // of every group that the request's rules name
	Standing map[string]error // by Person.Key: nil if admitted today; a person not in it is not admitted
}

// Held is the proof that the approvals of a request hold at this moment. Logins are given
// for it only; nothing but [Request.Hold] makes one.
type Held struct {
	request string
	digest  Digest
	login   Login
}

// Request is the id of the request.
func (h Held) Request() string { return h.request }

// Login is the login that was approved.
func (h Held) Login() Login { return h.login }

// Grant is the proof that a request may be dispatched now: that its approvals hold, and that
// what would run now is what was approved. Without it nothing is claimed.
type Grant struct{ Held }

// ErrNotGranted says that the approvals do not hold any more.
var ErrNotGranted = errors.New("the approvals do not hold any more")

// ErrTooLate says that the bot may not dispatch by itself any more: somebody has
// to press Run.
var ErrTooLate = errors.New("the approval is too old to dispatch by itself")

// Grant makes of h the proof for what would run now, as plan says. It is [ErrStale] if that is
// not what was approved.
func (h Held) Grant(plan Plan) (Grant, error) {
	if plan.Digest() != h.digest {
		return Grant{}, ErrStale
	}
	return Grant{h}, nil
}

// Hold holds an approved request against the rules and the people of now. Errors wrap
// [ErrNotGranted], [ErrTooLate], [ErrExpired], [ErrStale], [ErrMembersUnknown] or those of a state.
func (r Request) Hold(today Facts, now time.Time) (Held, error) {
	if err := r.is(Approved); err != nil {
		return Held{}, err
	}
	if err := r.current(r.Plan.Digest(), now); err != nil {
		return Held{}, err
	}
	if now.After(r.DispatchBy) {
		return Held{}, ErrTooLate
	}
	if err := r.stillAsks(today); err != nil {
		return Held{}, err
	}
	held := map[string]bool{}
	for _, p := range r.Approvers() {
		err := r.mayApprove(p, today)
		if errors.Is(err, ErrMembersUnknown) {
			return Held{}, err
		}
		if err == nil && today.admits(p) {
			held[p.Key()] = true
		}
	}
	if need := max(1, r.Plan.Rule.Quorum, today.Rule.Quorum); len(held) < need {
		return Held{}, fmt.Errorf("%w: %d of %d needed", ErrNotGranted, len(held), need)
	}
	return Held{request: r.ID, digest: r.Digest, login: r.Plan.Login}, nil
}

// stillAsks holds the requester against both rules.
func (r Request) stillAsks(today Facts) error {
	if !today.admits(r.Requester) {
		return fmt.Errorf("%w: the requester may not use bmcmd any more", ErrNotGranted)
	}
	for _, rule := range []Rule{r.Plan.Rule, today.Rule} {
		in, err := rule.Ask.Includes(r.Requester, today.Members)
		if err != nil {
			return err
		}
		if !in {
			return fmt.Errorf("%w: the requester may not ask for this any more", ErrNotGranted)
		}
	}
	return nil
}

func (f Facts) admits(p Person) bool {
	err, asked := f.Standing[p.Key()]
	return asked && err == nil
}

// Intent is what a worker means to do with a claim.
type Intent struct {
	Worker string
	Lease  time.Duration // for so long it may take to store the answer; then the run counts as lost
	Valid  time.Duration // for so long the API takes what is signed with the time of the claim
	Mark   *Mark         // what the API's list has; nil: it could not be read, or need not be
}

// Claim is stored before the run is sent. A store that cannot be sure to be the one
// that kept the approval, or that keeps the hosts for another run of the script, does
// not take it: [ErrRestarted], [ErrBusy].
func Claim(g Grant, i Intent) Move {
	until := func(r Request) time.Time {
		if r.DispatchBy.Before(r.Expires) {
			return r.DispatchBy
		}
		return r.Expires
	}
	return Move{Name: "claim", Note: i.Worker + " sends the run, signed with this time", until: until, apply: func(r *Request, now time.Time) error {
		if g.request != r.ID || g.digest != r.Digest || r.Digest == "" {
			return ErrStale
		}
		if now.After(until(*r)) {
			return ErrTooLate
		}
		r.State, r.Waiting, r.WaitsFor, r.SearchUntil = Executing, "", "", time.Time{}
		r.Sends = append(r.Sends, Send{
			Worker: i.Worker, ClaimedAt: now, LeaseUntil: now.Add(i.Lease), DeadFrom: now.Add(i.Valid), Mark: i.Mark,
		})
		return nil
	}}
}

// Answered stores what came of the nth send (from 1), which worker claimed. A
// worker that was taken for lost may still bring its answer: it knows what nobody
// else can. Naming the send keeps an answer that is stored late from being taken
// for that of a later send.
func Answered(worker string, nth int, a Answer) Move {
	return Move{Name: "answer", Note: a.Event(), from: states{Executing, Unknown, Accepted}, apply: func(r *Request, now time.Time) error {
		late := r.State == Unknown
		if r.State == Accepted {
			return ErrNotHeld // the send has its answer: this one, stored already, or another
		}
		send := r.LastSend()
		if send.Worker != worker || send.Answer != nil || nth != len(r.Sends) {
			return ErrNotHeld
		}
		answer := a // the move may be used again
		answer.At = now
		send.Answer = &answer
		r.take(answer, late, now)
		return nil
	}}
}

// take moves r to the state that the answer to its last send means.
func (r *Request) take(a Answer, late bool, now time.Time) {
	switch {
	case a.Outcome == OutcomeAccepted:
		r.State = Accepted
		r.begin(a, now)
		r.notify(NoticeAnswer)
	case a.Outcome == OutcomeFailed, late && (a.Outcome == OutcomeRefused || a.Outcome == OutcomeNotSent):
		r.State = Failed
		r.notify(NoticeAnswer)
	case a.Retried(), a.Outcome == OutcomeRefused && a.Again:
		r.State = Approved
	case a.Outcome == OutcomeRefused:
		// The approval still stands; a person decides when to try again.
		r.State, r.DispatchBy, r.Waiting = Approved, now, "the API refused the run before anything could start"
		r.notify(NoticeAnswer)
	default:
		r.doubt(now)
	}
}

// Event is a in one line, as an event holds it.
func (a Answer) Event() string {
	if a.Outcome == OutcomeNotSent {
		return "the run was not sent: " + a.Message
	}
	said := fmt.Sprintf("the run: %s: code %d %s", a.Outcome, a.Code, a.Name)
	if a.RequestID != "" {
		said += ", request " + a.RequestID
	}
	return strings.TrimSpace(said)
}

// Lose ends a claimed run whose worker's lease has passed without an answer.
func Lose() Move {
	return Move{Name: "lose", apply: func(r *Request, now time.Time) error {
		if now.Before(r.LastSend().LeaseUntil) {
			return fmt.Errorf("%w: its lease has not passed", ErrNotAllowed)
		}
		r.doubt(now)
		return nil
	}}
}
