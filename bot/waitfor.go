package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// stillBusy looks whether the run that this one waits for still holds its hosts.
func (b *Bot) stillBusy(ctx context.Context, k approvals.Kept) (*approvals.Move, error) {
	if k.WaitsFor == "" {
		return nil, nil
	}
	other, err := b.load(ctx, k.WaitsFor)
	if errors.Is(err, approvals.ErrNotFound) {
		return nil, nil
	}
	if err != nil || !other.Holds() {
		return nil, err
	}
	return moved(b.waitFor(k, other)), nil
}

// busy is what to do when the store says that another run holds a host.
func (b *Bot) busy(ctx context.Context, k approvals.Kept, who *approvals.Busy) (approvals.Kept, error) {
	other, err := b.load(ctx, who.Request)
	if errors.Is(err, approvals.ErrNotFound) {
		other = approvals.Kept{Request: approvals.Request{ID: who.Request}}
	} else if err != nil {
		return k, err
	}
	return b.advance(ctx, k, b.waitFor(k, other))
}

// waitFor says for which run k waits. It is said once, until that run stands otherwise.
func (b *Bot) waitFor(k, other approvals.Kept) approvals.Move {
	text := fmt.Sprintf("Waits for run %s of the same script, which has not ended on the same hosts.", other.ID)
	if other.State == approvals.Unknown {
		text = fmt.Sprintf("Waits for run %s of the same script on the same hosts: nobody knows yet whether that ran. Who may approve it can free its hosts on its card.", other.ID)
	}
	again := b.tryAgain(k, 2*time.Second)
	if k.Waiting == text {
		return approvals.Delay(again)
	}
	return approvals.WaitFor(other.ID, text, again)
}
