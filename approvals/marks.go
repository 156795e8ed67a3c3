package approvals

import "time"

// Marks are quiet moves: they note what was posted, change no state and leave no
// event.

func mark(name string, apply func(r *Request)) Move {
	return Move{Name: name, quiet: true, apply: func(r *Request, _ time.Time) error {
		apply(r)
		return nil
	}}
}

// Shown notes that the card stands at channel and ts, drawn with look. If a
// newer look was drawn before, by somebody else, the older may now lie above it,
// and the card is to be drawn again.
func Shown(channel, ts string, look int64, again bool) Move {
	return mark("shown", func(r *Request) {
		if look < r.Card.Shown {
			look = 0
		}
		r.Card.Channel, r.Card.TS, r.Card.Shown = channel, ts, look
		r.Card.Reposted = r.Card.Reposted || again
		r.PostAt, r.PostTries = time.Time{}, 0
	})
}

// Vanished notes that the card cannot be drawn any more.
func Vanished() Move {
	return mark("vanished", func(r *Request) { r.Card.Gone = true })
}

// Redraw has the card drawn again although nothing changed.
func Redraw() Move {
	return mark("redraw", func(r *Request) { r.Card.Shown = 0 })
}

// ShowAgain has the card drawn again for somebody who looks for it, and posted
// again if it was deleted, however often it was posted again before.
func ShowAgain() Move {
	return mark("show again", func(r *Request) {
		r.Card.Shown, r.Card.Gone, r.Card.Reposted = 0, false, false
	})
}

// Touch changes nothing. A worker that does not know what became of its last move
// learns from it how the request stands and whether it still holds it; and a move
// that is under way yet comes too late for it.
func Touch() Move { return mark("touch", func(*Request) {}) }

// Told notes that notice n was posted.
func Told(n int) Move {
	return mark("told", func(r *Request) {
		for i, o := range r.Notices {
			if o.N == n {
				r.Notices = append(r.Notices[:i:i], r.Notices[i+1:]...)
				break
			}
		}
		r.PostAt, r.PostTries = time.Time{}, 0
	})
}

// Delay notes when to try the state's next step again.
func Delay(at time.Time) Move {
	return mark("delay", func(r *Request) { r.retry(at) })
}

// Postpone notes when to try again to draw the card or post a notice.
func Postpone(at time.Time) Move {
	return mark("postpone", func(r *Request) {
		r.PostAt = at
		r.PostTries++
	})
}
