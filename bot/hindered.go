package bot

import (
	"context"
	"fmt"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// hindered answers the move to make instead of a dispatch, if something stands against
// one that is not in the request itself: a store that forgets, a store that may have
// forgotten, or another run on the same hosts. nil: nothing does.
func (b *Bot) hindered(ctx context.Context, k approvals.Kept) (*approvals.Move, error) {
	for _, look := range []func(context.Context, approvals.Kept) (*approvals.Move, error){b.forgets, b.mayHaveForgotten, b.stillBusy} {
		if m, err := look(ctx, k); m != nil || err != nil {
			return m, err
		}
	}
	return nil, nil
}

// forgets asks whether the store keeps what it confirms: without that a claim is worth
// nothing.
func (b *Bot) forgets(ctx context.Context, k approvals.Kept) (*approvals.Move, error) {
	if b.Durable == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	err := unsure(b.Durable(ctx))
	if err == nil || notAnswered(err) {
		return nil, err
	}
	ref := b.reference("the store may forget a claim", err, k.ID)
	return moved(approvals.Wait("My store may forget what it confirms, and then this could run twice, so nothing was sent. Whoever runs me finds out more in the log. ("+ref+")",
		b.tryAgain(k, pause(nil, k.Tries)))), nil
}

// mayHaveForgotten looks for a task of the run before anything is sent, if the store's
// server was started again since the request came: it may hold an older state, from
// before a claim. A task that fits stops the run. A send that is forgotten was claimed
// before this server was first asked anything, and went out within a lease of that; its
// task is searched for until SearchFor later.
func (b *Bot) mayHaveForgotten(ctx context.Context, k approvals.Kept) (*approvals.Move, error) {
	if k.KeptOn == k.Server.Run {
		return nil, nil
	}
	work, cancel := context.WithTimeout(ctx, workTime)
	defer cancel()
	w := window{from: k.Received.Add(-lostSkew), to: k.Clock().Add(ClockSkew)}
	for _, s := range k.Sends {
		w.before = append(w.before, s.Before...)
	}
	found, err := b.candidates(work, k.Request, w)
	if err != nil {
		ref := b.reference("a run could not be searched for", err, k.ID)
		return moved(approvals.Wait(fmt.Sprintf("Redis was restarted after this was asked for, and the API's list of tasks cannot be read, so I cannot tell whether it was sent before that. Nothing was sent now. (%s)", ref),
			b.tryAgain(k, pause(err, k.Tries)))), nil
	}
	if fits := found.fit[same]; len(fits) > 0 {
		return moved(approvals.Doubt("Redis was restarted after this was asked for, and the API lists what may be this run: "+few(fits)+".", b.Valid)), nil
	}
	began := k.Server.Since
	if began.IsZero() {
		began = k.Received
	}
	if until := began.Add(b.Lease + b.SearchFor); k.Clock().Before(until) {
		text := fmt.Sprintf("Redis was restarted after this was asked for and may have forgotten a send. I search the API's list of tasks until %s before I send anything; or press Cancel and ask again.", hour(until.Add(time.Minute)))
		again := b.tryAgain(k, min(slowestLook, until.Sub(k.Clock())))
		if k.Waiting == text {
			return moved(approvals.Delay(again)), nil
		}
		return moved(approvals.Wait(text, again)), nil
	}
	return nil, nil
}

// tryAgain is when to try a dispatch again: once more at the end of its window, so that
// the card says that it passed.
func (b *Bot) tryAgain(k approvals.Kept, after time.Duration) time.Time {
	again := k.Clock().Add(after)
	if again.After(k.DispatchBy) {
		again = k.DispatchBy.Add(time.Second)
	}
	return again
}

func moved(m approvals.Move) *approvals.Move { return &m }
