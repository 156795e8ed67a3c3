package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// searchRarely is how often an unknown run is searched for once people were asked: a
// task may be listed late, and somebody may hold the request that was signed.
const searchRarely = 5 * time.Minute

// search looks for an unknown run among the API's tasks. One that fits is the run, and
// is followed. Without one people are asked, after SearchFor: how late a task is listed
// is not documented. With several they are asked at once.
func (b *Bot) search(ctx context.Context, k approvals.Kept) (approvals.Kept, error) {
	select {
	case b.looks <- struct{}{}:
		defer func() { <-b.looks }()
	default:
		return b.advance(ctx, k, approvals.Delay(k.Clock().Add(3*time.Second)))
	}
	work, cancel := context.WithTimeout(ctx, workTime)
	defer cancel()
	found, err := b.candidates(work, k.Request, windowOf(k.Request), locally(k, k.LastSend().ClaimedAt), whole)
	if err != nil {
		b.Log.Warn("an unknown run could not be searched for", "request", k.ID, b.said(err))
	}
	fits := found.ids(same)
	asked := !k.Unsure.Asked.IsZero()
	over := k.Clock().Sub(k.Unsure.Since) >= b.SearchFor || errors.Is(err, errNameless)
	switch {
	case err == nil && len(fits) > 1 && bmclient.Sends(k.Plan.Target.API):
		return b.ranTwice(ctx, k, fits)
	case err == nil && len(fits) == 1 && !k.Unsure.Lifted && !k.Unproven():
		b.Log.Info("an unknown run was found", "request", k.ID, "task", fits[0], "searches", k.Unsure.Looks+1)
		return b.advance(ctx, k, approvals.Adopt(fits[0], b.itRan(k, found)))
	case asked && (err != nil || slices.Equal(k.Unsure.Tasks, fits)), !asked && !over && (err != nil || len(fits) == 0):
		return b.advance(ctx, k, approvals.Searched(b.searchAgain(k, asked)))
	}
	return b.advance(ctx, k, approvals.Ask(b.evidence(k, found, err), fits, b.searchAgain(k, true)))
}

// ranTwice adopts all tasks that carry the run's own text: each is it. It was sent once, so somebody sent it again; the reading
// of their records raises the alarm.
func (b *Bot) ranTwice(ctx context.Context, k approvals.Kept, tasks []string) (approvals.Kept, error) {
	b.Log.Error("an unknown run was found more than once", "request", k.ID, "tasks", tasks)
	k, err := b.advance(ctx, k, approvals.Adopt(tasks[0], fmt.Sprintf("The cloud has recorded exactly its text %d times: %s.", len(tasks), few(tasks))))
	if err != nil {
		return k, err
	}
	return b.advance(ctx, k, approvals.Find(tasks, k.Follow.Hosts, time.Time{}))
}

// searchAgain is when to search once more: soon at first, rarely once people were
// asked, and never any more when nothing can be sent or listed any more.
func (b *Bot) searchAgain(k approvals.Kept, asked bool) time.Time {
	now := k.Clock()
	if !asked {
		return now.Add(min(slowestLook, time.Second<<min(k.Unsure.Looks, 5)))
	}
	if now.After(k.LastSend().DeadFrom.Add(b.SearchFor)) || bmclient.Sends(k.Plan.Target.API) && !k.Plan.Named() {
		return time.Time{}
	}
	return now.Add(searchRarely)
}

// itRan says why a task is taken for the run.
func (b *Bot) itRan(k approvals.Kept, found finds) string {
	if bmclient.Sends(k.Plan.Target.API) {
		return fmt.Sprintf("Task %s is the one whose recorded text is exactly what was approved, with this request's id in it.", found.ids(same)[0])
	}
	return fmt.Sprintf("Task %s is the only one of %s since %s with the same script, hosts, content and parameters.",
		found.ids(same)[0], tasksOfScript(found.listed), hour(windowOf(k.Request).from))
}

// evidence is what people are told who have to say whether it ran.
func (b *Bot) evidence(k approvals.Kept, found finds, err error) string {
	since := hour(windowOf(k.Request).from)
	if errors.Is(err, errNameless) {
		return strings.ToUpper(errNameless.Error()[:1]) + errNameless.Error()[1:] + ". Look at the hosts, and at the console's list of runs."
	}
	if err != nil {
		ref := b.reference("an unknown run could not be searched for", err, k.ID)
		return fmt.Sprintf("%s for %s. (%s)", unreadable("The API's list of tasks", err), inWords(b.SearchFor), ref)
	}
	fits := found.ids(same)
	switch n := len(fits); {
	case n > 1:
		return fmt.Sprintf("The API lists %d tasks since %s that may be this run, and they cannot be told apart: %s.", n, since, few(fits))
	case n == 1 && k.Unproven():
		return fmt.Sprintf("The API lists task %s, which may be this run, or one from before: the list could not be read before the send.", fits[0])
	case n == 1:
		return fmt.Sprintf("The API lists task %s, which may be this run, or another that was sent after its hosts were freed.", fits[0])
	}
	if bmclient.Sends(k.Plan.Target.API) {
		return fmt.Sprintf("I searched for %s. No run on these hosts since %s is recorded with the text that was approved.", inWords(b.SearchFor), since)
	}
	text := fmt.Sprintf("I searched for %s. Of %s that the API lists since %s, none has the same script, hosts, content and parameters.",
		inWords(b.SearchFor), tasksOfScript(found.listed), since)
	if odd := append(found.ids(otherScript), found.ids(otherParameters)...); len(odd) > 0 {
		text += fmt.Sprintf(" On the same hosts, but with another script or other parameters: %s.", few(odd))
	}
	return text
}

func tasksOfScript(n int) string {
	if n == 1 {
		return "1 task of this script"
	}
	return fmt.Sprintf("%d tasks of this script", n)
}

// hour is a time of day for people who may sit anywhere.
func hour(t time.Time) string { return t.UTC().Format("15:04 UTC") }
