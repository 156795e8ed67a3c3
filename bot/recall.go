package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

const (
	recollectPolls = 15               // so many looks at what is due for one at what is remembered
	recollectTime  = 30 * time.Second // the longest that one such look may take
)

// recollect holds what this process remembers against the store: records may be gone, or
// the store may have gone back while this process had nothing to do with them. A store
// without a mark is new, or has lost what it kept: first the threads of what is gone from
// it are told, and then it gets a mark, and is another store from then on.
func (b *Bot) recollect(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, recollectTime)
	defer cancel()
	marked, gone, others, err := b.Desk.Recollect(ctx)
	if err != nil {
		b.Log.Warn("the store does not say what it has", b.said(err))
		return
	}
	for _, k := range gone {
		b.sayGone(ctx, k)
	}
	if !marked {
		b.Log.Error("the store has no mark: it is new, or it has lost what it kept", "gone", len(gone))
		if err := b.Desk.Mark(ctx); err != nil {
			b.Log.Error("the store could not be given a mark", b.said(err))
		}
		return // what is there is held against that mark next
	}
	for _, id := range others {
		_, err := b.recall(ctx, approvals.Kept{Request: approvals.Request{ID: id}})
		if err != nil && !errors.Is(err, approvals.ErrConflict) && !errors.Is(err, approvals.ErrNotFound) {
			b.Log.Warn("a request could not be held against what is remembered", "request", id, b.said(err))
		}
	}
}

// recall puts a request right that the store shows older than it had confirmed it to this
// process, if it still does.
func (b *Bot) recall(ctx context.Context, k approvals.Kept) (next approvals.Kept, err error) {
	for range 5 { // others may be at it, too
		now, was, older, err := b.Desk.Recheck(ctx, k.ID)
		if err != nil {
			return k, unsure(err)
		}
		now.Mine = k.Mine
		if !older {
			return b.elsewhere(ctx, now)
		}
		if now.Recalled != "" && now.Recalled == now.Server.ID && !was.State.Ended() && !was.MayHaveRun() { // people know
			b.Desk.Accept(now)
			return now, approvals.ErrConflict
		}
		b.Log.Error("the store has gone back to an older state of a request", "request", k.ID, "state", now.State, "was", was.State, "called", b.hasCalled(was))
		again := approvals.Recall(was, now.Server.ID, b.recalled(was))
		if now.State == approvals.Accepted {
			again = approvals.StopAgain(was)
		}
		next, err = b.advance(ctx, now, again)
		if err == nil {
			b.nudge(next)
		}
		if !errors.Is(err, approvals.ErrConflict) {
			return next, err
		}
	}
	return next, approvals.ErrConflict
}

// elsewhere has the record and the card of an open request say that it is in doubt.
func (b *Bot) elsewhere(ctx context.Context, k approvals.Kept) (approvals.Kept, error) {
	if k.InDoubt || !k.Doubtful() || k.State != approvals.Accepted && k.Undecided() != nil {
		return k, approvals.ErrConflict
	}
	next, err := b.advance(ctx, k, approvals.Elsewhere())
	if err == nil {
		b.nudge(next)
	}
	return next, err
}

// recalled says what was confirmed before the store went back.
func (b *Bot) recalled(was approvals.Request) string {
	const back = "Redis has gone back to an older state of this request."
	switch {
	case b.hasCalled(was):
		return back + " I had sent it before that, and do not send it again."
	case was.MayHaveRun():
		return back + " It had been claimed before that, so it may have been sent. It is not sent again."
	case was.State.Ended():
		return back + " It had ended before that, and ends so again."
	}
	return back + " What was decided since is lost."
}

// hasCalled reports whether this process called for the newest send of r.
func (b *Bot) hasCalled(r approvals.Request) bool {
	return len(r.Sends) > 0 && b.called.of(r.ID) >= len(r.Sends)
}

// rank is how much this process knows of a request.
func (b *Bot) rank(r approvals.Request) approvals.Rank {
	switch {
	case r.State.Ended():
		return approvals.RankEnded
	case b.hasCalled(r):
		return approvals.RankCalled
	case r.MayHaveRun():
		return approvals.RankClaimed
	}
	return approvals.RankSeen
}

// sayGone tells the thread of a request that the store has lost its record, as this
// process saw it last, unless another has said as much. Who knows how it ended keeps the
// others quiet: nothing is lost but the record. What cannot be said now stays remembered,
// and is tried again.
func (b *Bot) sayGone(ctx context.Context, k approvals.Kept) {
	rank := b.rank(k.Request)
	turn, err := b.Desk.Turn(ctx, k.ID, rank)
	switch {
	case turn == approvals.TurnDone:
		b.Desk.Forget(k.ID)
		return
	case err != nil || turn == approvals.TurnLater:
		return
	case rank == approvals.RankEnded && turn == approvals.TurnFirst:
		b.Log.Info("the store has no record any more of a request that has ended", "request", k.ID, "state", k.State)
		b.saidGone(ctx, k.ID, rank)
		return
	}
	gone := k.Request
	gone.Why = "Its thread says what is known."
	gone.State, gone.Waiting, gone.WaitsFor, gone.Follow = approvals.Gone, "", "", approvals.Follow{}
	if gone.Card.TS != "" && !gone.Card.Gone {
		if err := b.Board.Redraw(ctx, gone); err != nil {
			b.Log.Warn("the card of a request that is gone could not be drawn", "request", k.ID, b.said(err))
		}
	}
	gone.Why = b.gone(k)
	_, err = b.Board.Notify(ctx, gone, approvals.Notice{N: gone.Noticed + 1, Kind: approvals.NoticeGone})
	if err != nil && !errors.Is(err, ErrRejected) && !errors.Is(err, ErrNotInChannel) {
		b.Log.Warn("that a request is gone could not be said", "request", k.ID, b.said(err))
		return
	}
	b.Log.Error("the store has lost a request", "request", k.ID, "state", k.State, "called", b.hasCalled(k.Request))
	b.saidGone(ctx, k.ID, rank)
}

func (b *Bot) saidGone(ctx context.Context, id string, rank approvals.Rank) {
	if err := b.Desk.Done(ctx, id, rank); err != nil {
		b.Log.Warn("that a request is gone may be said again", "request", id, b.said(err))
	}
	b.Desk.Forget(id)
}

// gone says what this process knows of a request that the store has lost.
func (b *Bot) gone(k approvals.Kept) string {
	r := k.Request
	switch {
	case r.State.Ended():
		return fmt.Sprintf("It had ended before that: %s. Only its record is gone.", r.State)
	case b.hasCalled(r):
		text := "I had sent it to the API, so it may be running or have run. I do not follow it any more."
		a := b.calls.of(r.ID)
		if a == nil && r.LastSend() != nil {
			a = r.LastSend().Answer
		}
		if a != nil && a.Outcome == approvals.OutcomeAccepted {
			text = "I had sent it to the API, which accepted it, so it may be running or have run. I do not follow it any more."
		}
		return text + " Look at its hosts and at the API's list of tasks before you ask again."
	case r.MayHaveRun():
		return "It had been claimed, so it may have been sent and may have run. Nobody follows it any more. Look at its hosts and at the API's list of tasks before you ask again."
	}
	return fmt.Sprintf("When I last saw it (%s), it was %s. What became of it since I do not know: look at this thread, and ask again if it is still needed.",
		k.Now.UTC().Format("2006-01-02 15:04 UTC"), r.State)
}
