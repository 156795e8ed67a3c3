package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

const (
	stopAgain = 3 * time.Second  // how soon the cloud is told again to stop a run if it could not be told
	stopSaid  = 10 * time.Second // after which people hear that it could not
)

// tellToStop has the cloud stop a run as the next order in its record says, and answers what is to be stored of that: nil if the cloud
// could not be told, and people need not hear of that now. The run is looked at meanwhile. It may be repeated: what has ended stays as it is.
func (b *Bot) tellToStop(ctx context.Context, k approvals.Kept, order approvals.StopOrder) *approvals.Move {
	stop, _ := k.Follow.Stopping()
	err := b.stopOn(ctx, k, order, stop.Hosts)
	switch said := finalStop(err); {
	case err == nil:
		b.Log.Info("the cloud was told to stop a run", "request", k.ID, "hosts", len(stop.Hosts))
		return moved(approvals.Stopped(""))
	case said != nil:
		return moved(approvals.Stopped(fmt.Sprintf("The cloud did not stop it, or not on every host: %s. Stop it in the console, or on the hosts.", b.Scrub(apiWords(said)))))
	}
	b.Log.Warn("a run could not be stopped yet", "request", k.ID, b.said(err))
	if stop.Why != "" || k.Clock().Sub(stop.At) < stopSaid {
		return nil
	}
	return moved(approvals.Unstopped(b.cause(err)))
}

// finalStop is the answer that a run is not stopped, if it will be the same the next time: a run that was only just taken may not be
// known everywhere.
func finalStop(err error) *bmclient.Error {
	if errors.Is(err, bmclient.ErrNoTask) {
		return nil
	}
	return lasting(err)
}

func (b *Bot) stopOn(ctx context.Context, k approvals.Kept, order approvals.StopOrder, hosts []string) error {
	key, err := b.Logins.OpenKey(ctx, order)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCredentials, err)
	}
	var failed error
	for _, task := range k.Follow.Tasks { // one that is refused does not keep the others running, and what may pass is tried again
		open := slices.DeleteFunc(slices.Clone(hosts), func(host string) bool { return !k.Follow.Open(task, host) })
		if err := b.in(k.Request).Stop(ctx, key, task, open); failed == nil || err != nil && finalStop(err) == nil {
			failed = err
		}
	}
	return failed
}

// late are the hosts on which a run has not begun, as a row of theirs says (without one it may have), although its approval is older than
// one may be to be sent, or nobody looks after this. Nothing as root is to start by itself an hour after people agreed to it.
func (b *Bot) late(k approvals.Kept, hosts []approvals.HostResult, last bool) (late []string) {
	send := k.LastSend()
	if !bmclient.Sends(k.Plan.Target.API) || send == nil || !last && k.Clock().Sub(send.ClaimedAt) < b.DispatchWithin {
		return nil
	}
	for _, h := range hosts {
		if h.State == approvals.HostWaiting && h.Word != "" && !slices.Contains(late, h.Host) &&
			!approvals.Ordered(k.Follow.Stops, h.Host) { // refused or not: the cloud is not asked at every look
			late = append(late, h.Host)
		}
	}
	return late
}

// in is the cloud in the region where r runs.
func (b *Bot) in(r approvals.Request) Cloud { return b.Cloud.In(r.Plan.Target.Region) }
