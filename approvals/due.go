package approvals

import "time"

// Behind reports whether the card shows less than the record says.
func (r Request) Behind() bool {
	return r.Card.TS != "" && !r.Card.Gone && r.Card.Shown < r.Card.Look
}

// Owes reports whether the card or a notice is still to be posted.
func (r Request) Owes() bool { return r.Behind() || len(r.Notices) > 0 }

// Due is when the request next needs somebody to look at it: at once (a time
// that has passed), later, or never (the zero time).
func (r Request) Due() time.Time {
	next := r.nextStep()
	if !r.Owes() {
		return next
	}
	post := r.PostAt
	if post.IsZero() {
		post = r.Received
	}
	if next.IsZero() || post.Before(next) {
		return post
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
	case Accepted, Unknown:
		if !r.RetryAt.IsZero() {
			return r.RetryAt
		}
		if r.State == Accepted || r.Unsure.Asked.IsZero() {
			return r.Received
		}
	}
	return time.Time{}
}
