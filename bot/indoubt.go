package bot

import (
	"context"
	"fmt"

	"github.com/bmcmd/bmcmd/approvals"
)

// mayHaveRun is said of a request in doubt instead of "nothing ran".
const mayHaveRun = "As far as I know it was not sent, but it may have run before Redis changed: look at the hosts and at the API's list of tasks."

// nothingRuns ends a sentence on a request that ends: of one in doubt with what is known.
func nothingRuns(k approvals.Kept) string {
	if k.Doubtful() {
		return ". " + mayHaveRun
	}
	return ", and nothing runs."
}

// listed are the API's tasks that may be a run of k that the store has forgotten.
func (b *Bot) listed(ctx context.Context, k approvals.Kept) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, workTime)
	defer cancel()
	w := window{from: k.Received.Add(-lostSkew), to: k.Clock().Add(ClockSkew)}
	for _, s := range k.Sends {
		w = w.after(s)
	}
	found, err := b.candidates(ctx, k.Request, w, locally(k, k.Received), whole)
	return found.ids(same), err
}

func listedSo(fits []string) string {
	return fmt.Sprintf("the API lists what may be this run: %s.", few(fits))
}

// expire ends a request whose time has passed. One in doubt is looked for first: if it may
// have run, it does not end as if it had not.
func (b *Bot) expire(ctx context.Context, k approvals.Kept) (approvals.Kept, error) {
	if k.Doubtful() && k.Plan != nil {
		fits, err := b.listed(ctx, k)
		if err != nil {
			b.Log.Warn("an expired request could not be searched for", "request", k.ID, b.said(err))
		} else if len(fits) > 0 {
			return b.advance(ctx, k, approvals.Doubt(changed+", and "+listedSo(fits), b.Valid))
		}
	}
	return b.advance(ctx, k, approvals.Expire())
}

// mostSought is how often the list is tried to be read for a request that ended in doubt:
// about as long as an unknown run is searched for before people are asked.
const mostSought = 20

// seekAfter looks for a request that has ended in doubt: nobody waits for that, so what is
// found is told afterwards.
func (b *Bot) seekAfter(ctx context.Context, k approvals.Kept) (approvals.Kept, error) {
	if k.Plan == nil {
		return b.advance(ctx, k, approvals.Looked())
	}
	fits, err := b.listed(ctx, k)
	switch {
	case err == nil && len(fits) > 0:
		return b.advance(ctx, k, approvals.Sight("After it had ended I looked, and "+listedSo(fits)+" Look at the hosts."))
	case err == nil || k.Tries >= mostSought:
		return b.advance(ctx, k, approvals.Looked())
	}
	b.Log.Warn("a request that ended in doubt could not be searched for", "request", k.ID, b.said(err))
	return b.advance(ctx, k, approvals.Delay(k.Clock().Add(pause(err, k.Tries))))
}
