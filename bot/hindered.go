package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// hindered answers the move to make instead of a dispatch, if something outside the request
// holds it up: a store that forgets or may have forgotten, another run on the same hosts, or
// an approval from before this process. nil: nothing does.
func (b *Bot) hindered(ctx context.Context, k approvals.Kept) (*approvals.Move, error) {
	for _, look := range []func(context.Context, approvals.Kept) (*approvals.Move, error){b.forgets, b.mayHaveForgotten, b.stillBusy, b.beforeMe} {
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
	return moved(approvals.Wait("My store may forget what it confirms, and then this could run twice, so I do not send it. Whoever runs me finds out more in the log. ("+ref+")",
		b.tryAgain(k, pause(nil, k.Tries)))), nil
}

// changed is how the words begin about a store that is not the one of before.
const changed = "Redis has changed since this was asked for (restarted, failed over or emptied)"

// lost is why a request waits whose store may have forgotten a send.
const lost = changed + ", and may have forgotten a send. I search the API's list of tasks before anything is sent."

// mayHaveForgotten looks for a task of the run before anything is sent, if the request
// came to another store than this: it may hold an older state, from before a claim, or
// from before a denial. A task that fits stops the run. A send that is forgotten was
// claimed before this store was first met, and went out within a lease of that; its task
// is searched for until SearchFor later. Then somebody has to press Run: an approval from
// before is no word on what may have been decided since.
func (b *Bot) mayHaveForgotten(ctx context.Context, k approvals.Kept) (*approvals.Move, error) {
	until, search := b.searchUntil(k)
	if until.IsZero() {
		return nil, nil
	}
	fits, err := b.listed(ctx, k)
	var other *approvals.Kept
	if err == nil {
		fits, other, err = b.ofNobody(ctx, k, fits)
	}
	switch {
	case other != nil:
		return moved(b.waitFor(k, *other)), nil
	case err == nil && len(fits) > 0:
		return moved(approvals.Doubt(changed+", and "+listedSo(fits), b.Valid)), nil
	case errors.Is(err, errNameless) && k.Waiting == nameless:
		return moved(approvals.Rest()), nil
	case errors.Is(err, errNameless):
		return moved(approvals.Wait(nameless, time.Time{})), nil
	case search:
		text := lost
		if err != nil {
			text += " The list cannot be read at the moment. (" + b.reference("a run could not be searched for", err, k.ID) + ")"
		}
		again := k.Clock().Add(min(slowestLook, until.Sub(k.Clock())))
		if k.SearchUntil.Equal(until) && (err != nil || k.Waiting == text) {
			return moved(approvals.Delay(again)), nil
		}
		return moved(approvals.SearchFirst(text, until, again)), nil
	case err != nil && strings.HasPrefix(k.Waiting, unlisted):
		return moved(approvals.Rest()), nil
	case err != nil:
		ref := b.reference("a run could not be searched for", err, k.ID)
		return moved(approvals.Wait(fmt.Sprintf("%s (%s)", unlisted, ref), time.Time{})), nil
	case k.DispatchBy.Add(-b.DispatchWithin).Before(until) && k.ApprovedAt.Before(until):
		return moved(approvals.Wait(searchedInVain, time.Time{})), nil
	}
	return nil, nil
}

const searchedInVain = changed + ". I searched the API's list of tasks for a send that it may have forgotten, and found none. What was decided just before that may be forgotten, too: look at the thread, then press Run to start it, or Cancel."

// nameless is said of a run that nobody could find again.
var nameless = changed + ", and " + errNameless.Error() + ". So I cannot tell whether it was sent before: press Cancel, look at the hosts, and ask again."

const unlisted = changed + ", and the API's list of tasks cannot be read, so I cannot tell whether this was sent before, and do not send it. Press Run once the list can be read."

// searchUntil is until when a send is searched for that the store may have forgotten, and
// whether that is still to come; zero: it has forgotten nothing of k.
func (b *Bot) searchUntil(k approvals.Kept) (until time.Time, search bool) {
	if k.KeptOn == k.Server.ID {
		return time.Time{}, false
	}
	began := k.Server.Since
	if began.IsZero() {
		began = k.Received
	}
	until = began.Add(b.Lease + b.SearchFor)
	return until, k.Clock().Before(until)
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
