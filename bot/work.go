package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

const (
	storeTime = 2 * time.Second  // the longest that one word with the store may take
	chatTime  = 15 * time.Second // one message, or one step of a file
	workTime  = 20 * time.Second // all that is read before a step
)

// errRest says that the request needs nothing more for now.
var errRest = errors.New("nothing to do for now")

// work does what the request's state still needs, one step and one stored move at
// a time, until it needs nothing for now or the store does not answer. Whatever
// is left undone is found due later, here or elsewhere. stale says that k may be
// an older version.
func (b *Bot) work(ctx context.Context, k approvals.Kept, stale bool) {
	defer b.survive(k.ID)
	if stale || k.Revision == 0 {
		now, err := b.fresh(ctx, k)
		if errors.Is(err, approvals.ErrOlder) { // the next step puts it right
			now.Mine, err = true, nil
		}
		if err != nil {
			b.Log.Warn("a request could not be read again", "request", k.ID, b.said(err))
			return
		}
		k = now
	}
	for k.ID != "" && (k.Mine || k.Ahead()) {
		next, err := k, errRest
		if k.Mine {
			next, err = b.step(ctx, k)
		}
		if errors.Is(err, errRest) && k.Ahead() { // no move has taken it along
			if k.Mine && b.soon(ctx, k) {
				continue
			}
			next, err = b.moveFrom(ctx, k, approvals.Touch())
		}
		switch {
		case err == nil, errors.Is(err, approvals.ErrConflict): // somebody was faster: next is theirs
		case errors.Is(err, errRest):
			return
		case errors.Is(err, approvals.ErrOlder):
			b.recheck(k.ID)
			return
		default:
			b.Log.Warn("a step was not stored", "request", k.ID, "state", k.State, b.said(err))
			if k.Ahead() { // the marks before it may be
				_, _ = b.moveFrom(ctx, k, approvals.Touch())
			}
			return
		}
		k = next
	}
}

// shortRest is how long a request is kept at hand that needs nothing now: letting go of it and taking it
// again would ask the store twice.
const shortRest = 2 * time.Second

// soon waits until k needs something, if that is soon, nobody nudges, and there is room for others.
func (b *Bot) soon(ctx context.Context, k approvals.Kept) bool {
	wait, at := time.Duration(0), k.Due()
	if wait = at.Sub(k.Clock()); at.IsZero() || wait <= 0 || wait > shortRest || b.working() > b.Workers/2 {
		return false
	}
	select {
	case <-time.After(wait):
		return true
	case <-b.nudged(k.ID):
	case <-ctx.Done():
	}
	return false
}

// fresh reads a request again. A bot that had k at hand works on; one that does
// not even know whether its move was stored asks whether it may.
func (b *Bot) fresh(ctx context.Context, k approvals.Kept) (approvals.Kept, error) {
	if k.Revision == 0 {
		return b.touch(ctx, k.ID)
	}
	now, err := b.load(ctx, k.ID)
	now.Mine = true
	return now, err
}

// survive ends a job that panicked, not the process: the request is found again
// when the hold on it ends. The value may hold anything and is not logged.
func (b *Bot) survive(id string) {
	if p := recover(); p != nil {
		b.Log.Error("a step panicked", "request", id, "type", fmt.Sprintf("%T", p), "stack", b.Scrub(string(debug.Stack())))
	}
}

// step is the next thing to do for k: first what its state needs, then what
// people are owed.
func (b *Bot) step(ctx context.Context, k approvals.Kept) (approvals.Kept, error) {
	now := k.Clock()
	passed := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	if _, older := b.Desk.Older(k); older {
		return b.recall(ctx, k)
	}
	switch {
	case k.State == approvals.Received && !now.Before(k.RetryAt):
		return b.lookUp(ctx, k)
	case (k.State == approvals.Pending || k.State == approvals.Approved) && passed(k.Expires):
		return b.expire(ctx, k)
	case k.State == approvals.Approved && (k.Waiting == "" || passed(k.RetryAt)):
		return b.dispatch(ctx, k)
	case b.mine(k) && !b.forgot(k):
		return b.resume(ctx, k)
	case k.State == approvals.Executing && passed(k.LastSend().LeaseUntil):
		return b.advance(ctx, k, approvals.Lose())
	case owed(k):
		return b.post(ctx, k)
	case k.Unsought() && !now.Before(k.RetryAt):
		return b.seekAfter(ctx, k)
	case k.State == approvals.Accepted && !now.Before(k.NextLook()):
		return b.follow(ctx, k)
	case k.State == approvals.Unknown && (passed(k.RetryAt) || k.RetryAt.IsZero() && k.Unsure.Asked.IsZero()):
		return b.search(ctx, k)
	}
	return k, errRest
}

// advance stores a move on the version in hand. If the store does not say what
// became of it, it is asked until it tells. A move that was stored after all comes
// back as a newer version, with ErrConflict.
//
// A newer version that says the same, and that this bot still holds, is as good as the
// one in hand: else whoever has the card drawn again and again keeps a long look from
// ever being stored.
func (b *Bot) advance(ctx context.Context, k approvals.Kept, m approvals.Move) (approvals.Kept, error) {
	next, err := b.advanceOnce(ctx, k, m)
	for errors.Is(err, approvals.ErrConflict) && next.Mine && next.Server == k.Server && next.Facts() == k.Facts() {
		k = next
		next, err = b.advanceOnce(ctx, k, m)
	}
	for tries := 0; notAnswered(err) && tries < 3; tries++ {
		b.Log.Warn("the store has not answered", "request", k.ID, "move", m.Name, b.said(err))
		now, touchErr := b.touch(ctx, k.ID)
		if touchErr != nil {
			return k, touchErr
		}
		if now.Revision != k.Revision+1 || now.Server.ID != k.Server.ID { // more than the touch
			return now, approvals.ErrConflict
		}
		k = now
		next, err = b.advanceOnce(ctx, k, m)
	}
	return next, err
}

func (b *Bot) advanceOnce(ctx context.Context, k approvals.Kept, m approvals.Move) (approvals.Kept, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	next, err := b.Desk.Advance(ctx, k, m)
	return next, unsure(err)
}

// unsure takes the bare end of a context for what it means: nobody knows.
func unsure(err error) error {
	if (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) && !notAnswered(err) {
		return fmt.Errorf("%w: %w", approvals.ErrUncertain, err)
	}
	return err
}

func notAnswered(err error) bool {
	return errors.Is(err, approvals.ErrUncertain) || errors.Is(err, approvals.ErrUnavailable)
}

// touch asks how a request stands and whether this bot holds it, again and again
// for some seconds. Whatever was on its way to the store does not land after it.
func (b *Bot) touch(ctx context.Context, id string) (k approvals.Kept, err error) {
	for tries := range 6 {
		if tries > 0 {
			<-time.After(pause(nil, tries-1) / 4)
		}
		if k, err = b.move(ctx, id, approvals.Touch()); !notAnswered(err) {
			break
		}
	}
	return k, err
}

func (b *Bot) load(ctx context.Context, id string) (approvals.Kept, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	return b.Desk.Load(ctx, id)
}

// move applies m to what is stored, as often as others are faster.
func (b *Bot) move(ctx context.Context, id string, m approvals.Move) (approvals.Kept, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	k, err := b.Desk.Move(ctx, id, m)
	return k, unsure(err)
}

// moveFrom is move for a version that was just read: no need to read it again.
// With a move's error it answers the version that the move was held against.
func (b *Bot) moveFrom(ctx context.Context, k approvals.Kept, m approvals.Move) (approvals.Kept, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	for {
		next, err := b.Desk.Advance(ctx, k, m)
		if err == nil {
			return next, nil
		}
		if !errors.Is(err, approvals.ErrConflict) {
			return k, unsure(err)
		}
		k = next
	}
}

// said is an error for the log: what others say may hold anything.
func (b *Bot) said(err error) slog.Attr { return slog.String("error", b.Scrub(err.Error())) }
