package approvals

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

var (
	// ErrNotFound says that there is no such request.
	ErrNotFound = errors.New("no such request")
	// ErrConflict says that somebody else moved the request first. Nothing was
	// written; the answer holds the newer version.
	ErrConflict = errors.New("the request has moved on")
	// ErrLate says that the move's deadline had passed by the store's clock.
	// Nothing was written.
	ErrLate = errors.New("too late by the store's clock")
	// ErrUnavailable says that the store could not be asked. Nothing was written.
	ErrUnavailable = errors.New("the store is away")
	// ErrUncertain says that the store did not answer. It may have been written.
	ErrUncertain = errors.New("the store did not answer")
	// ErrBusy says that another run of the script holds some of the hosts. Nothing was
	// written; the error is a *[Busy].
	ErrBusy = errors.New("another run of the script holds the hosts")
	// ErrRestarted says that the store is not the one that the swap was made for: its
	// server was started again, another took its place, or its mark is another. Nothing
	// was written.
	ErrRestarted = errors.New("the store was restarted")
	// ErrUnmarked says that the store has no mark: it is new, or it has lost what it
	// kept. Nothing was written or read. It wraps ErrUnavailable.
	ErrUnmarked = fmt.Errorf("%w: it has no mark, so it may have lost what it kept", ErrUnavailable)
	// ErrTurnedAway says that a rule has refused this very request as it was typed, and an
	// event says so. Nothing was written.
	ErrTurnedAway = errors.New("the request was refused as it was typed")
	// ErrOlder says that the store has gone back: it shows a request that could still
	// run as it was before something that it had confirmed. Nothing was written.
	ErrOlder = errors.New("the store has gone back to an older state of the request")
	// ErrUnreadable says that a record was written by a newer bmcmd, or by somebody
	// else.
	ErrUnreadable = errors.New("the record cannot be read by this bmcmd")
)

// Busy says who holds which host. It wraps [ErrBusy].
type Busy struct{ Request, Host string }

func (b *Busy) Error() string { return fmt.Sprintf("%v: %s holds %s", ErrBusy, b.Request, b.Host) }
func (b *Busy) Unwrap() error { return ErrBusy }

// Kept is a request as the store has it.
type Kept struct {
	Request
	Now    time.Time // the store's clock when it answered
	Seen   time.Time // the local clock when the answer came, for its monotonic reading
	Sought time.Time // the local clock before the store was asked; zero: as Seen
	Mine   bool      // this worker holds the request and is to see what it needs
	Server Server    // that answered
	ahead  []Move    // marks that Request has and the store does not: see [Kept.With]
}

// With is k with a mark that the next move of it stores, see [Desk.Advance]: of something
// that may be done again if this process dies before.
func (k Kept) With(mark Move) Kept {
	next, _, err := k.Apply(mark, k.Clock())
	if err != nil || !mark.quiet {
		return k
	}
	next.Revision = k.Revision
	k.Request, k.ahead = next, append(slices.Clip(k.ahead), mark)
	return k
}

// Ahead reports whether k has marks that are still to be stored.
func (k Kept) Ahead() bool { return len(k.ahead) > 0 }

// Server is which store answered. Its id is another after its server was started again
// or another took its place, after anything that may have taken it back in time, and
// after it has lost its mark. The same id says that it still holds what it confirmed.
type Server struct {
	ID    string    // opaque; empty: not told
	Since time.Time // when it was first met; zero: not told
}

// Clock is the store's clock now: its last answer plus the time since, by the
// monotonic clock. The replica's own date decides nothing.
//
// It is never ahead of the store's: a time that has passed by it has passed.
func (k Kept) Clock() time.Time { return k.Now.Add(time.Since(k.Seen)) }

// Latest is the latest that the store's clock can show now: an answer may have been
// long under way, or this process may have stood still meanwhile. What is still to
// come by it is still to come.
func (k Kept) Latest() time.Time {
	if k.Sought.IsZero() {
		return k.Clock()
	}
	return k.Now.Add(time.Since(k.Sought))
}

// Swap is how a new version of a request replaces the old one.
type Swap struct {
	Next     Request       // its Revision is one more than the one it replaces
	Event    Event         // kept with it, unless its Move is empty
	MoveID   string        // random; a swap that finds its own id in the record has won before
	NotAfter time.Time     // the swap is refused after it; zero: never
	Worker   string        // who asks
	Hold     time.Duration // over 0: worker wants to hold the request so long; 0: let go of it

	Outputs Outputs // what the hosts printed, kept for a set time only

	Limits Limits // of a new request's person, known by Requester.User
	Hosts  Hosts  // what becomes of the hosts of Next's script
	Server string // not empty: the swap is refused by any other [Server]
}

// Hosts is what a swap does with the hosts of its request, which one run of a script
// at a time may hold.
type Hosts int

const (
	HostsStay  Hosts = iota // as they are
	HostsTake               // held for this request, or the swap is refused
	HostsKeep               // held for this request, but for those that are held for another
	HostsLeave              // let go
)

// Rank is how much a process knows of a request that is gone, from 1 to 9.
type Rank int

// The ranks: whoever knows more speaks last or alone.
const (
	RankSeen    Rank = 1 + iota // how it stood once
	RankClaimed                 // that it was claimed
	RankCalled                  // that it was sent
	RankEnded                   // how it ended
)

// Turn is whether it is a worker's turn to say what it knows.
type Turn int

const (
	TurnLater Turn = iota // another is about to say something: ask again
	TurnFirst             // nobody has said anything
	TurnMore              // less was said
	TurnDone              // as much or more was said
)

// Store keeps requests, their events and what is due. It knows no rules: it swaps
// a version for the next if nobody was faster. All methods may be called at the
// same time; all errors wrap one of those above, or the context's. Without a mark, what
// reads or moves requests answers ErrUnmarked.
type Store interface {
	// Mark gives the store a mark if it has none: from then on it is another [Server]
	// than it was. Repeats change nothing.
	Mark(ctx context.Context) error

	// Revisions answers which store this is and the revision of each request, 0 for one
	// that it does not have. Without a mark it is a [Server] without an id.
	Revisions(ctx context.Context, ids []string) (Server, map[string]int64, error)

	// Turn says whether worker is to say what it knows of a request that is gone, at this
	// [Rank]; if so, it is nobody else's turn until hold has passed. It works without a mark.
	Turn(ctx context.Context, id string, r Rank, worker string, hold time.Duration) (Turn, error)

	// Done notes that it was said. It is remembered for a month.
	Done(ctx context.Context, id string, r Rank) error

	// Create keeps a new request, stamps Received and KeptOn, and holds it for the worker. If
	// the id is there already, that request is the answer, with fresh false. If an
	// open request with the same Twin is there, that one is, with fresh false. Else a
	// person who has as many requests as Limits allow gets a *TooMany.
	Create(ctx context.Context, s Swap) (k Kept, fresh bool, err error)

	// Load answers ErrNotFound for an unknown id.
	Load(ctx context.Context, id string) (Kept, error)

	// Swap writes record, event and index together, and removes all of it if Next is
	// [Request.Traceless]. It answers ErrConflict with the
	// newer version, ErrLate, ErrBusy or ErrRestarted. A swap repeated with the same
	// MoveID succeeds. Mine is false if another worker's hold is still good.
	Swap(ctx context.Context, s Swap) (Kept, error)

	// Take hands out up to n due requests and holds them for the worker, so that
	// nobody else gets them before the hold ends. wake is when the next is due, as
	// far as known, or zero.
	Take(ctx context.Context, worker string, hold time.Duration, n int) (taken []Kept, wake time.Duration, err error)

	// Events are a request's newest events, n at most or, with 0, all: oldest first; none
	// for an unknown id.
	Events(ctx context.Context, id string, n int) ([]Event, error)

	// TurnAway keeps e as the only event of a request that is not there; see [Desk.TurnAway].
	// If there is one of this id, or an event, nothing changes. From then on Create answers
	// ErrTurnedAway for it.
	TurnAway(ctx context.Context, e Event) error

	// KeepRefusal keeps a refused click as the next of its request. If its person has most
	// kept there, or the request [MostRefusals], it is only counted. Nothing else of the
	// request changes. It answers what is counted by then; ErrConflict says that f does not
	// follow it. A repeat changes nothing where f was kept, nor does another of the same
	// Event, if that is among the last [RecentRefusals] of the request.
	KeepRefusal(ctx context.Context, f Refusal, most int) (Refusals, error)

	// Outputs answers what a swap has kept of what the hosts printed: none after its time.
	Outputs(ctx context.Context, id string) (Outputs, error)

	// Open lists up to n requests that have not ended, newest first.
	Open(ctx context.Context, n int) ([]Kept, error)
}
