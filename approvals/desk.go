package approvals

import (
	"context"
	"crypto/rand"
	"errors"
	"time"
)

// Desk applies moves to stored requests. Any number of desks, in any number of
// processes, may share a store. A desk remembers what the store has confirmed to it, and
// moves nothing that is older than that and could still run: [ErrOlder].
type Desk struct {
	store  Store
	worker string
	hold   time.Duration
	limits Limits
	known  *known
}

// NewDesk makes the desk of one worker. worker must be unlike that of every other
// process; hold is for how long nobody else looks at a request that this worker
// has taken, and so how long a crashed worker's requests rest.
func NewDesk(store Store, worker string, hold time.Duration) *Desk {
	return &Desk{store: store, worker: worker, hold: hold, known: newKnown()}
}

// Within is the same desk with limits on what one person may ask for.
func (d *Desk) Within(l Limits) *Desk {
	limited := *d
	limited.limits = l
	return &limited
}

// Worker is the name this desk claims under.
func (d *Desk) Worker() string { return d.worker }

// Receive keeps a new request. fresh is false if it was there before, or if the
// same person has asked for the same and that request is still open; either is
// then the answer. Nothing is kept of a request whose hosts, or script if it is no
// alias, are not ids: that error wraps [ErrNotID].
// A person who has reached a limit gets a *[TooMany].
func (d *Desk) Receive(ctx context.Context, r Request) (k Kept, fresh bool, err error) {
	if err := r.Asked.check(); err != nil {
		return Kept{}, false, err
	}
	r.Schema, r.State, r.Revision = Schema, Received, 1
	r.Card.Look = 1
	event := r.chain(Event{Request: r.ID, Revision: 1, Move: "receive", To: Received, By: r.Requester})
	k, fresh, err = d.store.Create(ctx, Swap{Next: r, MoveID: moveID(), Worker: d.worker, Hold: d.hold, Event: event, Limits: d.limits})
	return d.known.heard(k), fresh, err
}

// moveID tells a move from the few others that a record remembers.
func moveID() string { return rand.Text()[:12] }

// Load reads a request.
func (d *Desk) Load(ctx context.Context, id string) (Kept, error) {
	k, err := d.store.Load(ctx, id)
	return d.known.heard(k), err
}

// Move applies m to the stored request, as often as others are faster. The errors
// are the move's and the store's; with a move's error the request as it stands is
// returned, too.
func (d *Desk) Move(ctx context.Context, id string, m Move) (Kept, error) {
	k, err := d.Load(ctx, id)
	for err == nil {
		var moved Kept
		moved, err = d.Advance(ctx, k, m)
		switch {
		case err == nil:
			return moved, nil
		case errors.Is(err, ErrConflict):
			k, err = moved, nil
		default:
			return k, err
		}
	}
	return Kept{}, err
}

// Advance applies m to the version in hand, without reading first. On
// ErrConflict the newer version is returned. If the request then needs nothing
// at this moment, this worker's hold on it ends. What k has by [Kept.With] is stored with
// m, or is with the newer version.
//
// A version in hand is good for the [Server] that gave it: one that was restored from an
// older state may have come to the same revision by other moves. On another one a claim
// is ErrRestarted, and every other move ErrConflict.
func (d *Desk) Advance(ctx context.Context, k Kept, m Move) (Kept, error) {
	if was, older := d.Older(k); older && !m.recalls {
		now, err := d.Load(ctx, k.ID)
		switch {
		case err != nil:
			return k, err
		case now.OlderThan(was): // and not only the version in hand
			return now, ErrOlder
		}
	}
	now := k.Clock()
	next, event, err := k.Apply(m, now)
	if err != nil {
		return k, err
	}
	s := Swap{Next: next, Event: event, MoveID: moveID(), NotAfter: m.Deadline(k.Request), Worker: d.worker, Server: k.Server.ID, Outputs: m.outputs}
	switch {
	case k.State == Approved && next.State == Executing:
		s.Hosts = HostsTake
	case !k.Holds() && next.Holds(): // it may have run all the time, and others beside it
		s.Hosts = HostsKeep
	case k.Holds() && !next.Holds():
		s.Hosts = HostsLeave
	}
	if due := next.Due(); !due.IsZero() && !due.After(now) {
		s.Hold = d.hold
	}
	kept, err := d.store.Swap(ctx, s)
	switch {
	case errors.Is(err, ErrLate):
		return k, errors.Join(ErrExpired, err)
	case errors.Is(err, ErrConflict) && s.Hosts == HostsTake && kept.Server.ID != k.Server.ID:
		err = ErrRestarted
	case errors.Is(err, ErrRestarted) && s.Hosts != HostsTake:
		if kept, err = d.Load(ctx, k.ID); err == nil {
			err = ErrConflict
		}
	}
	if err == nil && m.recalls {
		d.Accept(kept)
	}
	kept = d.known.heard(kept)
	for i := 0; err != nil && kept.ID != "" && i < len(k.ahead); i++ {
		kept = kept.With(k.ahead[i])
	}
	return kept, err
}

// Take hands out up to n due requests, and says after how long to ask again at
// the latest; zero: nothing is due at any known time.
func (d *Desk) Take(ctx context.Context, n int) (taken []Kept, wake time.Duration, err error) {
	taken, wake, err = d.store.Take(ctx, d.worker, d.hold, n)
	if err == nil {
		d.known.answered()
	}
	for _, k := range taken {
		d.known.heard(k)
	}
	return taken, wake, err
}

// Aside leaves an event of what changed nothing, whatever the request's state: what came
// too late.
func (d *Desk) Aside(ctx context.Context, k Kept, by Person, what, note string) error {
	m := Aside(what, by, note)
	for {
		next, err := d.Advance(ctx, k, m)
		if !errors.Is(err, ErrConflict) {
			return err
		}
		k = next
	}
}

// Refused notes that a click on k was not taken: f says which, whose, and why. The record
// and who holds it stay as they are. Of one person most are kept, the rest is counted. An
// envelope that is delivered again, here or elsewhere, is one click.
func (d *Desk) Refused(ctx context.Context, k Kept, f Refusal, most int) error {
	f.Request, f.State, f.Note, f.At = k.ID, k.State, cutChange(f.Note), k.Clock()
	for counted, tries := k.Refused, 0; ; tries++ {
		next, err := f.after(counted)
		if err == nil {
			counted, err = d.store.KeepRefusal(ctx, next, most)
		}
		if !errors.Is(err, ErrConflict) || tries == refusalTries {
			return err
		}
	}
}

// refusalTries is how often a refused click is tried to be kept while others are faster:
// each of those others was kept, and a request keeps no more.
const refusalTries = MostRefusals

// Events are a request's newest events, n at most or, with 0, all: oldest first.
func (d *Desk) Events(ctx context.Context, id string, n int) ([]Event, error) {
	return d.store.Events(ctx, id, n)
}

// Outputs is what is kept of what the hosts of a request printed: see [Move.Keeping].
func (d *Desk) Outputs(ctx context.Context, id string) (Outputs, error) {
	return d.store.Outputs(ctx, id)
}

// Open lists up to n requests that have not ended, newest first.
func (d *Desk) Open(ctx context.Context, n int) ([]Kept, error) { return d.store.Open(ctx, n) }

// Mark is [Store.Mark].
func (d *Desk) Mark(ctx context.Context) error { return d.store.Mark(ctx) }

// Turn is [Store.Turn] for this worker, as long as a hold.
func (d *Desk) Turn(ctx context.Context, id string, r Rank) (Turn, error) {
	return d.store.Turn(ctx, id, r, d.worker, d.hold)
}

// Done is [Store.Done].
func (d *Desk) Done(ctx context.Context, id string, r Rank) error { return d.store.Done(ctx, id, r) }
