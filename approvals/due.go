package approvals

import (
	"slices"
	"time"
)

// Behind reports whether the card shows less than the record says.
func (r Request) Behind() bool {
	return r.Card.TS != "" && !r.Card.Gone && r.Card.Shown < r.Card.Look
}

// Owes reports whether the card or a notice is still to be posted.
func (r Request) Owes() bool { return r.Behind() || len(r.Notices) > 0 }

// overtaken is how often a notice is tried before those behind it do not wait for it any more: about
// a minute.
const overtaken = 7

// nextNotice is the notice to post next, and when; zero: there is none.
func (r Request) nextNotice() (next Notice, at time.Time) {
	for _, n := range r.Notices {
		due := n.At
		if due.IsZero() {
			due = r.Received
		}
		if next.N == 0 || due.Before(at) {
			next, at = n, due
		}
		if n.Tries < overtaken {
			break
		}
	}
	return next, at
}

// Owed is what people are owed at this moment: the card as it is now, or else a notice, if its N is not
// zero. The card comes first, but after an answer, for which people wait, and a result, since it says that the result is in the thread. What
// the chat does not take holds up nothing else for longer than a minute.
func (r Request) Owed(now time.Time) (card bool, n Notice) {
	next, at := r.nextNotice()
	due := next.N != 0 && !now.Before(at)
	if due && (next.Kind == NoticeAnswer || next.Kind == NoticeResult) && next.Tries == 0 {
		return false, next
	}
	if r.Behind() && !now.Before(r.Card.At) {
		return true, Notice{}
	}
	if due {
		return false, next
	}
	return false, Notice{}
}

// Owing reports whether a notice of this kind is still to be posted.
func (r Request) Owing(kind NoticeKind) bool {
	return slices.ContainsFunc(r.Notices, func(n Notice) bool { return n.Kind == kind })
}

// Due is when the request next needs somebody to look at it: at once (a time
// that has passed), later, or never (the zero time).
func (r Request) Due() time.Time {
	next := r.nextStep()
	earlier := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	if r.Behind() {
		if r.Card.At.IsZero() {
			earlier(r.Received)
		} else {
			earlier(r.Card.At)
		}
	}
	if n, at := r.nextNotice(); n.N != 0 {
		earlier(at)
	}
	return next
}

// nextStep is when the state itself needs something: zero for never.
func (r Request) nextStep() time.Time {
	switch r.State {
	case Received, Approved:
		if !r.RetryAt.IsZero() {
			return r.RetryAt
		}
		if r.State == Received || r.Waiting == "" {
			return r.Received
		}
		return r.Expires
	case Pending:
		return r.Expires
	case Executing:
		return r.LastSend().LeaseUntil
	case Refused, Denied, Expired, Cancelled:
		if r.Unsought() && r.RetryAt.IsZero() {
			return r.EndedAt
		} else if r.Unsought() {
			return r.RetryAt
		}
	case Accepted:
		return r.NextLook()
	case Unknown:
		if !r.RetryAt.IsZero() {
			return r.RetryAt
		}
		if r.Unsure.Asked.IsZero() {
			return r.Received
		}
	}
	return time.Time{}
}

// FirstLook is how long after it was taken a run is looked at: most scripts end within a second, and
// what ran them says so soon after.
const FirstLook = 1500 * time.Millisecond

// NextLook is when an accepted run is to be looked at, or told to stop.
func (r Request) NextLook() time.Time {
	if !r.RetryAt.IsZero() {
		return r.RetryAt
	}
	if _, stopping := r.StopOrder(); r.Follow.Polls == 0 && !stopping {
		return r.Follow.Since.Add(FirstLook)
	}
	return r.Received
}
