package approvals

import (
	"slices"
	"strings"
	"time"
)

// Verdict is what a person decided.
type Verdict string

const (
	Approve Verdict = "approve"
	Deny    Verdict = "deny"
)

// Decision is one person's verdict on one digest.
type Decision struct {
	Person  Person    `json:"person"`
	Verdict Verdict   `json:"verdict"`
	Digest  Digest    `json:"digest"`
	Reason  string    `json:"reason,omitempty"`
	At      time.Time `json:"at"`
}

// Vote is p's approval of digest. today is what rules and directory say now;
// within is how long the bot may dispatch by itself once the quorum is reached.
func Vote(p Person, digest Digest, today Facts, within time.Duration) Move {
	return Move{Name: "vote", By: p, until: expiry, from: states{Pending, Approved}, apply: func(r *Request, now time.Time) error {
		if err := r.mayDecide(p, digest, today, now); err != nil {
			return err
		}
		if _, done := r.Decided(p); done {
			return ErrDecided
		}
		if r.State != Pending {
			return ErrEnough
		}
		r.Decisions = append(r.Decisions, Decision{Person: p, Verdict: Approve, Digest: digest, At: now})
		if len(r.Approvers()) >= max(r.Plan.Rule.Quorum, today.Rule.Quorum) {
			r.State, r.ApprovedAt, r.DispatchBy = Approved, now, now.Add(within)
		}
		return nil
	}}
}

// Veto is p's denial: one is enough, until the run is claimed, and p may have
// approved before.
func Veto(p Person, digest Digest, reason string, today Facts) Move {
	return Move{Name: "deny", By: p, Note: reason, until: expiry, apply: func(r *Request, now time.Time) error {
		if err := r.mayDecide(p, digest, today, now); err != nil {
			return err
		}
		r.Decisions = slices.DeleteFunc(r.Decisions, func(d Decision) bool { return d.Person.Same(p) })
		r.Decisions = append(r.Decisions, Decision{Person: p, Verdict: Deny, Digest: digest, Reason: reason, At: now})
		r.end(Denied, reason, p)
		return nil
	}}
}

const (
	laterReason = "\nLater: " // between the reasons of a request
	mostReasons = 5           // lines that all of them have together
)

// AddReason adds a reason to those of a request that people may still decide on: its
// requester has asked again, with another. [ErrSaid]: it is there; [ErrSaidEnough]: no
// more are taken.
func AddReason(p Person, reason string) Move {
	return Move{Name: "reason", By: p, Note: reason, until: expiry, apply: func(r *Request, _ time.Time) error {
		if !r.Requester.Same(p) {
			return ErrNotYours
		}
		if reason == "" || slices.Contains(strings.Split(r.Asked.Reason, laterReason), reason) {
			return ErrSaid
		}
		all := reason
		if r.Asked.Reason != "" {
			all = r.Asked.Reason + laterReason + reason
		}
		if strings.Count(all, "\n") >= mostReasons {
			return ErrSaidEnough
		}
		r.Asked.Reason = all
		return nil
	}}
}

// Cancel is the requester's own withdrawal, until the run is claimed.
func Cancel(p Person) Move {
	return Move{Name: "cancel", By: p, apply: func(r *Request, now time.Time) error {
		if !r.Requester.Same(p) && !(r.State == Received && r.Requester.User == p.User) {
			return ErrNotYours
		}
		r.end(Cancelled, "", p)
		return nil
	}}
}

// mostRuns is how many presses of Run one request takes: each costs calls of the API, and
// leaves events.
const mostRuns = 20

// RunNow lets an approved request that waits be dispatched again, by the
// requester or anyone who may approve. While the bot still tries because of an earlier
// press, another changes nothing: [ErrTrying].
func RunNow(p Person, digest Digest, today Facts, within time.Duration) Move {
	return Move{Name: "run", By: p, until: expiry, apply: func(r *Request, now time.Time) error {
		if err := r.current(digest, now); err != nil {
			return err
		}
		if !r.Requester.Same(p) {
			if err := r.mayApprove(p, today); err != nil {
				return err
			}
		}
		switch pressed := r.DispatchBy.After(r.ApprovedAt.Add(within)); {
		case now.Before(r.SearchUntil):
			return ErrSearching
		case pressed && now.Before(r.DispatchBy) && (r.Waiting == "" || !r.RetryAt.IsZero()):
			return ErrTrying
		case len(r.Clicks)-len(r.Approvers()) >= mostRuns:
			return ErrRunEnough
		}
		r.DispatchBy, r.WaitsFor, r.RetryAt, r.Tries, r.SearchUntil = now.Add(within), "", now, 0, time.Time{}
		if !r.InDoubt { // else why it waits stands until it is looked at: people are not told the same again
			r.Waiting, r.RetryAt = "", time.Time{}
		}
		return nil
	}}
}

// Undecided is nil while people may decide, else why they may not.
func (r Request) Undecided() error { return r.is(Pending, Approved) }

// current checks that digest is what the request stands for, and its time.
func (r Request) current(digest Digest, now time.Time) error {
	if !r.Expires.IsZero() && !now.Before(r.Expires) {
		return ErrExpired
	}
	return r.shown(digest)
}

// shown checks that digest, which a card showed, is what the request stands for.
func (r Request) shown(digest Digest) error {
	if digest == "" || digest != r.Digest {
		return ErrStale
	}
	return nil
}

func (r Request) mayDecide(p Person, digest Digest, today Facts, now time.Time) error {
	if err := r.current(digest, now); err != nil {
		return err
	}
	return r.mayApprove(p, today)
}

// mayApprove holds p against the rule as it was shown and as it is today. Who was
// not looked up may be anybody, the requester too.
func (r Request) mayApprove(p Person, today Facts) error {
	if p.Org == "" || p.ID == "" {
		return ErrNotApprover
	}
	if r.Requester.Same(p) {
		return ErrOwnRequest
	}
	return r.named(p, today)
}

// named is nil if both rules name p as an approver, whoever asked.
func (r Request) named(p Person, today Facts) error {
	for _, rule := range []Rule{r.Plan.Rule, today.Rule} {
		in, err := rule.Approve.Includes(p, today.Members)
		if err != nil {
			return err
		}
		if !in {
			return ErrNotApprover
		}
	}
	return nil
}

// Approvers are those who approved the request's digest, in order.
func (r Request) Approvers() []Person {
	var out []Person
	for _, d := range r.Decisions {
		if d.Verdict == Approve && d.Digest == r.Digest {
			out = append(out, d.Person)
		}
	}
	return out
}

// MayApprove are those whom the rule names as approvers, less the one who asked.
// Before the look-up it is nobody.
func (r Request) MayApprove() Who {
	if r.Plan == nil {
		return Who{}
	}
	who := r.Plan.Rule.Approve
	who.Users = slices.DeleteFunc(slices.Clone(who.Users), func(id string) bool {
		return id == r.Requester.User || id == r.Requester.ID
	})
	return who
}

// Decided is p's own decision, if there is one.
func (r Request) Decided(p Person) (Decision, bool) {
	return find(r.Decisions, func(d Decision) bool { return d.Person.Same(p) })
}

// find is the first of all that is.
func find[T any](all []T, is func(T) bool) (one T, found bool) {
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i], true
	}
	return one, false
}
