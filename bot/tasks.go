package bot

import (
	"context"
	"slices"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

const (
	// driftAfter is for how long a task with the approved script is waited for,
	// before one with another script on the same hosts is taken for the run. A task
	// may be listed a minute late, and a false alarm calls everybody.
	driftAfter = 90 * time.Second
	// beforeTime is the longest that a run waits for the list of older tasks.
	beforeTime = 2 * time.Second
	// mostPages bounds how far back a list of tasks is read.
	mostPages = 10
)

// findTasks answers the tasks that are or may be the accepted run: those that the API
// named, or else those with its script and hosts that it did not know before the
// claim.
//
//   - A task with the approved script and parameters may be the run.
//   - One with another script may, too, for a script can be changed under its id:
//     beside one that is as approved it counts as well, for whoever changed the script
//     could put up a good one to hide it. Alone it counts when a good one had time to
//     appear.
//   - Parameters were sent with the run, and nobody can change them there. A task with
//     others is somebody else's, unless there is no other for as long.
//
// A task that was found once stays found.
func (b *Bot) findTasks(ctx context.Context, k approvals.Kept) ([]string, error) {
	if a := k.LastSend().Answer; a != nil && len(a.Tasks) > 0 {
		return a.Tasks, nil
	}
	found, err := b.candidates(ctx, k.Request, windowOf(k.Request))
	if err != nil {
		return nil, err
	}
	late := k.Clock().Sub(k.Follow.Since) >= driftAfter
	tasks := append(slices.Clone(k.Follow.Tasks), found.fit[same]...)
	if len(tasks) > 0 || late {
		tasks = append(tasks, found.fit[otherScript]...)
	}
	if len(tasks) == 0 && late {
		tasks = found.fit[otherParameters]
	}
	slices.Sort(tasks)
	return tasks, nil
}

// recentTasks lists the tasks that have begun since then, and some more. With an
// error it answers those that were read.
func (b *Bot) recentTasks(ctx context.Context, since time.Time) ([]bmclient.Task, error) {
	var all []bmclient.Task
	seen := map[string]bool{}
	at := 0
	for range mostPages {
		list, err := b.Cloud.Tasks(ctx, bmclient.Page{Offset: at, Limit: bmclient.LargestPage})
		if err != nil {
			return all, err
		}
		for _, t := range list.Tasks {
			if !seen[t.ID] {
				seen[t.ID] = true
				all = append(all, t)
			}
		}
		at += len(list.Tasks) // the API may give fewer than asked for
		if len(list.Tasks) == 0 || at >= list.Total || reaches(list.Tasks, since) {
			break
		}
	}
	return all, nil
}

// reaches reports whether a page goes back to since, newest first as it should.
func reaches(page []bmclient.Task, since time.Time) bool {
	inOrder := slices.IsSortedFunc(page, func(a, b bmclient.Task) int { return b.Begun.Compare(a.Begun) })
	last := page[len(page)-1].Begun
	return inOrder && !last.IsZero() && last.Before(since)
}

// tasksBefore are the tasks of k's script that the API knows before a claim. A list
// that cannot be read at once does not hold up the run: then the time of a task
// alone tells whether it is older.
func (b *Bot) tasksBefore(ctx context.Context, k approvals.Kept) []bmclient.Task {
	if bmclient.Sends(k.Plan.Target.API) {
		return nil // the run carries its name
	}
	ctx, cancel := context.WithTimeout(ctx, beforeTime)
	defer cancel()
	since := k.Clock().Add(-ClockSkew)
	if from := k.Server.Since.Add(-b.FollowFor); b.young(k) && from.Before(since) {
		since = from
	}
	list, err := b.recentTasks(ctx, since)
	if err != nil {
		b.Log.Warn("not all tasks could be listed before a claim", "request", k.ID, b.said(err))
	}
	return slices.DeleteFunc(list, func(t bmclient.Task) bool { return t.CmdID != k.Plan.Script.CmdID })
}

func idsOf(tasks []bmclient.Task) (ids []string) {
	for _, t := range tasks {
		ids = append(ids, t.ID)
	}
	return ids
}
