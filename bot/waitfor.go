package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
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
	pause := 2 * time.Second
	if at := other.Follow.Confirm; !at.IsZero() {
		text = fmt.Sprintf("Waits for run %s of the same script on the same hosts. It has ended there, and is confirmed at %s.", other.ID, at.UTC().Format("15:04:05 UTC"))
		pause = max(pause, at.Sub(k.Clock()))
	}
	again := b.tryAgain(k, pause)
	if k.Waiting == text {
		return approvals.Delay(again)
	}
	return approvals.WaitFor(other.ID, text, again)
}

// young reports whether a run from before this store was first met may still be followed
// by a record that it has lost.
func (b *Bot) young(k approvals.Kept) bool {
	return !k.Server.Since.IsZero() && k.Clock().Before(k.Server.Since.Add(b.FollowFor))
}

// beforeTime is the longest that a run waits for the list of what ran before it.
const beforeTime = 2 * time.Second

// listBefore reads what the API's list has before a claim. A list that cannot be read at once does not hold up
// the run; then nobody can prove which task it is.
func (b *Bot) listBefore(ctx context.Context, k approvals.Kept) (*approvals.Mark, *olderRun) {
	if bmclient.Sends(k.Plan.Target.API) {
		return nil, nil // the run carries its name
	}
	older := b.olderRun(ctx, k)
	ctx, cancel := context.WithTimeout(ctx, beforeTime)
	defer cancel()
	mark, err := b.ledger.Mark(ctx, k.Plan.Script.CmdID)
	if err != nil {
		b.Log.Warn("the list of tasks could not be read before a claim", "request", k.ID, b.said(err))
	}
	return mark, older
}

// olderRun is a task that the API lists as not ended, from before this store was met.
type olderRun struct{ task, host string }

// runningBefore are the tasks that ran when this store was first met.
type runningBefore struct {
	mu     sync.Mutex
	server string // for which they are known: none can turn up any more
	tasks  []bmclient.Task
}

// runningBefore reads them, once the list has had time to have them all.
func (b *Bot) runningBefore(ctx context.Context, k approvals.Kept) ([]bmclient.Task, error) {
	b.before.mu.Lock()
	known, server := b.before.tasks, b.before.server
	b.before.mu.Unlock()
	if server == k.Server.ID {
		return known, nil
	}
	listed, err := b.ledger.Tasks(ctx, k.Server.Since.Add(-b.FollowFor), locally(k, k.Server.Since))
	if err != nil {
		return nil, err
	}
	var tasks []bmclient.Task
	for _, t := range listed {
		if !t.Ended && !t.Begun.IsZero() && t.Begun.Before(k.Server.Since) {
			tasks = append(tasks, t)
		}
	}
	if k.Clock().Sub(k.Server.Since) > b.ConfirmFor {
		b.before.mu.Lock()
		b.before.server, b.before.tasks = k.Server.ID, tasks
		b.before.mu.Unlock()
	}
	return tasks, nil
}

// olderRun looks among the tasks of k's script for one that runs on its hosts since before
// this store was first met: the store may have lost the record that kept those hosts. It
// costs no call where there is none.
func (b *Bot) olderRun(ctx context.Context, k approvals.Kept) *olderRun {
	if !b.young(k) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, beforeTime)
	defer cancel()
	tasks, err := b.runningBefore(ctx, k)
	if err != nil {
		b.Log.Warn("the list of tasks could not be read for what ran before this store was met", "request", k.ID, b.said(err))
	}
	for _, t := range tasks {
		if t.CmdID != k.Plan.Script.CmdID {
			continue
		}
		found := &olderRun{task: t.ID}
		_, err := b.ledger.EachHost(ctx, t.ID, func(h bmclient.HostRun) error {
			if h.State != bmclient.HostEnded && h.State != bmclient.HostFailed && slices.Contains(k.Plan.Hosts, h.Host) {
				found.host = h.Host
			}
			return nil
		})
		if err != nil {
			b.Log.Warn("the hosts of an older task could not be read", "request", k.ID, "task", t.ID, b.said(err))
			found.host = "hosts that I cannot read at the moment"
		}
		if found.host != "" {
			return found
		}
	}
	return nil
}

// waitForOlder says for which task k waits. It is said once.
func (b *Bot) waitForOlder(k approvals.Kept, o *olderRun) approvals.Move {
	text := fmt.Sprintf("Waits for task %s of the same script, which has not ended on %s. It began before my store was new, so I may have lost what I knew of it.", b.Scrub(o.task), b.Scrub(o.host))
	again := b.tryAgain(k, slowestLook)
	if k.Waiting == text {
		return approvals.Delay(again)
	}
	return approvals.Wait(text, again)
}
