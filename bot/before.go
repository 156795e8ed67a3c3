package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// beforeMe looks among the API's tasks, once, for a run that was approved before this
// process first met the store. Others may have sent it and be gone, and the store may have
// gone back since: it looks like itself then, to a process that has not seen it as it was.
// Where there is none the run goes on as any other.
func (b *Bot) beforeMe(ctx context.Context, k approvals.Kept) (*approvals.Move, error) {
	if k.KeptOn != k.Server.ID || !k.ApprovedAt.Before(b.Desk.Since(k)) || b.looked.of(k.ID) {
		return nil, nil // searched for already, or seen from the beginning
	}
	fits, err := b.listed(ctx, k)
	if errors.Is(err, errNameless) {
		return moved(approvals.Wait("This was approved before I was started, and "+errNameless.Error()+". So I cannot tell whether it was sent: press Cancel, look at the hosts, and ask again.", time.Time{})), nil
	}
	if err != nil {
		ref := b.reference("a run could not be searched for", err, k.ID)
		return moved(approvals.Wait(fmt.Sprintf("This was approved before I was started, and the API's list of tasks cannot be read, so I cannot tell whether it was sent. I keep trying until the approval is %s old. (%s)",
			inWords(b.DispatchWithin), ref), b.tryAgain(k, pause(err, k.Tries)))), nil
	}
	fits, other, err := b.ofNobody(ctx, k, fits)
	switch {
	case err != nil:
		return nil, err
	case other != nil:
		return moved(b.waitFor(k, *other)), nil
	case len(fits) > 0:
		return moved(approvals.Doubt("This was approved before I was started, and "+listedSo(fits), b.Valid)), nil
	}
	b.looked.put(k.ID, true)
	return nil, nil
}

// mostOpen is how many open requests are asked whose task one is.
const mostOpen = 1000

// ofNobody leaves out tasks that are another request's run, as far as that is known here or
// by one that is open. If one that is open may have run on the same hosts, and its task is not known yet, none
// can be told from its: that one comes first.
func (b *Bot) ofNobody(ctx context.Context, k approvals.Kept, tasks []string) (left []string, other *approvals.Kept, err error) {
	if len(tasks) == 0 {
		return nil, nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	open, err := b.Desk.Open(ctx, mostOpen)
	if err != nil {
		return nil, nil, unsure(err)
	}
	left = slices.DeleteFunc(tasks, func(task string) bool {
		return b.Desk.Follows(k.ID, task) || slices.ContainsFunc(open, func(o approvals.Kept) bool {
			return o.ID != k.ID && slices.Equal(o.Follow.Tasks, []string{task})
		})
	})
	for _, o := range open {
		shares := func(host string) bool { return slices.Contains(o.Asked.Hosts, host) }
		if len(left) > 0 && o.ID != k.ID && o.MayHaveRun() && o.Follow.Tasks == nil && o.Asked.Script == k.Asked.Script && slices.ContainsFunc(k.Asked.Hosts, shares) {
			return left, &o, nil
		}
	}
	return left, nil, nil
}
