package approvals

import (
	"slices"
	"strings"
	"time"
)

// Doubtful reports whether the store may have forgotten a send of k: it came to another
// [Server] than this one, or its record says so already. Who ends such a request cannot
// say that nothing ran.
func (k Kept) Doubtful() bool { return k.InDoubt || k.KeptOn != k.Server.ID }

// Apply is [Request.Apply] where it is known which store has k: the first event on
// another than it came to puts the request in doubt, and the card says so.
func (k Kept) Apply(m Move, now time.Time) (Request, Event, error) {
	if !m.quiet && !k.InDoubt && k.Doubtful() {
		k.InDoubt, k.Card.Look = true, k.Revision+1
	}
	return k.Request.Apply(m, now)
}

// Elsewhere leaves the event that puts a request in doubt, if no other has.
func Elsewhere() Move {
	return Aside("elsewhere", Person{}, "this Redis is not the one that it came to, or not as it was then")
}

// Unsought reports whether r has ended in doubt, and what the API lists was not looked at
// since. That holds up no end: what is found is told afterwards, see [Sight].
func (r Request) Unsought() bool {
	return r.InDoubt && slices.Contains(unsent, r.State) && (r.Tries == 0 || !r.RetryAt.IsZero())
}

// unsent are the ends of what was not sent, as far as the record knows.
var unsent = []State{Refused, Denied, Expired, Cancelled}

// Looked notes that the API's list was looked at for a request that ended in doubt, or not
// to be had.
func Looked() Move { return mark("looked", func(r *Request) { r.retry(time.Time{}) }) }

// Sight tells people that the API lists what may be the run of a request that ended in
// doubt. what is for them.
func Sight(what string) Move {
	return Move{Name: "late find", Note: what, aside: true, apply: func(r *Request, _ time.Time) error {
		if !slices.Contains(unsent, r.State) {
			return ErrNotAllowed
		}
		r.Why, r.Card.Look = strings.TrimSuffix(what+"\n"+r.Why, "\n"), r.Revision
		if r.retry(time.Time{}); !r.Owing(NoticeEnded) {
			r.notify(NoticeEnded)
		}
		return nil
	}}
}
