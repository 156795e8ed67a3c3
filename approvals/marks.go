package approvals

import (
	"slices"
	"time"
)

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
		r.Card.At, r.Card.Tries = time.Time{}, 0
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
	return mark("told", func(r *Request) { r.told(n) })
}

func (r *Request) told(n int) {
	r.Notices = slices.DeleteFunc(r.Notices, func(o Notice) bool { return o.N == n })
}

// Reported notes that notice n, the result, was posted: to a thread, if place is empty. The card says
// where it is, and is drawn again if it has said otherwise. With file, the file is owed next.
func Reported(n int, place Place, thread string, file bool) Move {
	return Move{Name: "reported", quiet: true, apply: func(r *Request, now time.Time) error {
		r.told(n)
		if r.Result = place; place != "" || !r.Behind() { // a card that was drawn says that it is to come
			r.Card.Shown = 0
		}
		if file && r.File.Since.IsZero() {
			r.File = File{Since: now, Thread: thread}
			r.notify(NoticeFile)
		}
		return nil
	}}
}

// Uploaded notes that the chat has the bytes of the result's file, which nobody sees yet.
func Uploaded(n int, id string) Move {
	return mark("uploaded", func(r *Request) {
		r.File.ID = id
		r.fresh(n)
	})
}

// Attached notes that the file, notice n, stands in the thread.
func Attached(n int) Move {
	return mark("attached", func(r *Request) {
		r.File.Shared = true
		r.told(n)
	})
}

// NoFile gives the file up, notice n, which from here on says why. unsure: it may stand in the thread.
func NoFile(n int, why string, unsure bool) Move {
	return mark("no file", func(r *Request) {
		r.File.Why, r.File.Unsure = why, unsure
		r.fresh(n)
	})
}

// fresh has notice n tried at once, as if for the first time.
func (r *Request) fresh(n int) {
	for i := range r.Notices {
		if r.Notices[i].N == n {
			r.Notices[i].At, r.Notices[i].Tries = time.Time{}, 0
		}
	}
}

// Delay notes when to try the state's next step again.
func Delay(at time.Time) Move {
	return mark("delay", func(r *Request) { r.retry(at) })
}

// Rest notes that the request waits for a press of Run, as it did before somebody pressed
// it; the card says so.
func Rest() Move {
	return mark("rest", func(r *Request) {
		r.retry(time.Time{})
		r.Card.Shown = 0
	})
}

// Undrawn notes when to try again to draw the card.
func Undrawn(at time.Time) Move {
	return mark("undrawn", func(r *Request) {
		r.Card.At = at
		r.Card.Tries++
	})
}

// Untold notes when to try again to post notice n, and who has been told it alone by now: they are not
// told again.
func Untold(n int, at time.Time, alone []string) Move {
	return mark("untold", func(r *Request) {
		for i := range r.Notices {
			if o := &r.Notices[i]; o.N == n {
				o.At, o.Alone = at, alone
				o.Tries++
			}
		}
	})
}
