package bot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

const (
	// newestTasks is how many tasks are listed to find a run's own among them.
	newestTasks = 50
	// clockSkew is how much earlier than the claim a task may seem to have begun.
	clockSkew = 5 * time.Minute
	// driftAfter is for how long a task with the approved script is waited for,
	// before one with another script on the same hosts is taken for the run.
	driftAfter = 30 * time.Second
	// slowestLook is the longest between two looks at a run.
	slowestLook = 15 * time.Second
)

// follow looks at what the API records of an accepted run, and ends it when every
// host is over. A look that fails is tried again; after FollowFor it is given up.
func (b *Bot) follow(ctx context.Context, k approvals.Kept) (approvals.Kept, error) {
	if k.Clock().Sub(k.Follow.Since) > b.FollowFor {
		return b.advance(ctx, k, approvals.Finish(k.Follow.Hosts, b.givenUp(k.Request)))
	}
	work, cancel := context.WithTimeout(ctx, workTime)
	defer cancel()
	m, err := b.look(work, k)
	if err != nil {
		b.Log.Warn("a run could not be looked at", "request", k.ID, b.said(err))
		m = approvals.Delay(k.Clock().Add(pause(err, k.Tries)))
	}
	return b.advance(ctx, k, m)
}

func (b *Bot) givenUp(r approvals.Request) string {
	if len(r.Follow.Tasks) == 0 {
		return fmt.Sprintf("No task of this run has appeared in the API's list for %s, so what happened on the hosts is not known. Look at the task list in the console.", b.FollowFor)
	}
	return fmt.Sprintf("It was followed for %s and had not ended on every host. Look at the task list in the console.", b.FollowFor)
}

// look is the move that what the API says now amounts to.
func (b *Bot) look(ctx context.Context, k approvals.Kept) (approvals.Move, error) {
	again := k.Clock().Add(min(slowestLook, time.Second<<min(k.Follow.Polls, 5)))
	refused := slices.DeleteFunc(slices.Clone(k.Follow.Hosts), func(h approvals.HostResult) bool { return h.State != approvals.HostRefused })
	if len(refused) == len(k.Plan.Hosts) {
		return approvals.Finish(refused, ""), nil
	}
	if len(k.Follow.Tasks) == 0 {
		tasks, err := b.findTasks(ctx, k)
		if err != nil || len(tasks) > 0 {
			return approvals.Find(tasks), err
		}
		return approvals.Look(k.Follow.Hosts, again), nil
	}
	hosts, out, err := b.readHosts(ctx, k.Request, k.Follow.Tasks)
	if err != nil {
		return approvals.Move{}, err
	}
	hosts = append(refused, hosts...)
	if slices.ContainsFunc(hosts, func(h approvals.HostResult) bool { return !h.Over() }) {
		return approvals.Look(hosts, again), nil
	}
	// A twin of the run may have been listed late: then nobody can tell them apart.
	if tasks, err := b.findTasks(ctx, k); err != nil || len(tasks) > len(k.Follow.Tasks) {
		return approvals.Find(tasks), err
	}
	if err := b.Desk.KeepOutputs(ctx, k.ID, out); err != nil {
		return approvals.Move{}, err
	}
	return approvals.Finish(hosts, ""), nil
}

// findTasks finds the API's tasks that are this run: those it named in its answer,
// or else the ones that it did not know before the claim, with the run's script and
// hosts, and the approved bytes. If only tasks with other bytes are there for a
// while, the run has drifted, and they are it.
func (b *Bot) findTasks(ctx context.Context, k approvals.Kept) ([]string, error) {
	send := k.LastSend()
	if send.Answer != nil && len(send.Answer.Tasks) > 0 {
		return send.Answer.Tasks, nil
	}
	list, err := b.Cloud.Tasks(ctx, bmclient.Page{Limit: newestTasks})
	if err != nil {
		return nil, err
	}
	var same, drifted []string
	for _, t := range list.Tasks {
		if !mayBe(t, k.Request, send) || slices.Contains(same, t.ID) || slices.Contains(drifted, t.ID) {
			continue
		}
		hosts, _, err := b.readHosts(ctx, k.Request, []string{t.ID})
		switch {
		case errors.Is(err, bmclient.ErrNoTask):
		case err != nil:
			return nil, err
		case !sameHosts(hosts, k.Request):
		case slices.ContainsFunc(hosts, func(h approvals.HostResult) bool { return h.Proof == approvals.ProofDiffers }):
			drifted = append(drifted, t.ID)
		default:
			same = append(same, t.ID)
		}
	}
	if len(same) == 0 && k.Clock().Sub(k.Follow.Since) > driftAfter {
		same = drifted
	}
	slices.Sort(same)
	return same, nil
}

// mayBe reports whether t can be the run of r, by what the list says.
func mayBe(t bmclient.Task, r approvals.Request, send *approvals.Send) bool {
	return t.CmdID == r.Plan.Script.CmdID && !slices.Contains(send.Before, t.ID) &&
		(t.Begun.IsZero() || t.Begun.After(send.ClaimedAt.Add(-clockSkew)))
}

// sameHosts reports whether rows are of exactly the hosts that the API took.
func sameHosts(rows []approvals.HostResult, r approvals.Request) bool {
	want := map[string]bool{}
	for _, h := range r.Plan.Hosts {
		want[h] = true
	}
	for _, h := range r.Follow.Hosts {
		if h.State == approvals.HostRefused {
			delete(want, h.Host)
		}
	}
	for _, h := range rows {
		if h.State == approvals.HostWaiting || !want[h.Host] {
			return false
		}
	}
	return len(rows) == len(want)
}

// readHosts reads every host of the tasks: what is recorded, held against what was
// approved, and what was printed, scrubbed. A host that no task has a row for yet
// is waiting.
func (b *Bot) readHosts(ctx context.Context, r approvals.Request, tasks []string) ([]approvals.HostResult, approvals.Outputs, error) {
	var hosts []approvals.HostResult
	out := approvals.Outputs{}
	for _, task := range tasks {
		seen := map[string]bool{}
		_, err := b.Cloud.EachHost(ctx, task, func(h bmclient.HostRun) error {
			if seen[h.Host] {
				return nil // listed twice
			}
			seen[h.Host] = true
			hosts = append(hosts, b.result(h, task, *r.Plan))
			if len(h.Output) > 0 {
				out[approvals.OutputKey(task, h.Host)] = []byte(b.Scrub(string(h.Output)))
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
		for _, f := range r.Follow.Hosts {
			if !seen[f.Host] && f.State != approvals.HostRefused && slices.Contains(r.Plan.Hosts, f.Host) {
				seen[f.Host] = true
				hosts = append(hosts, approvals.HostResult{Host: f.Host, Task: task, State: approvals.HostWaiting, Exit: -1})
			}
		}
	}
	return hosts, out, nil
}

var hostStates = map[bmclient.HostState]approvals.HostState{
	bmclient.HostRunning: approvals.HostRunning,
	bmclient.HostEnded:   approvals.HostEnded,
	bmclient.HostFailed:  approvals.HostFailed,
	bmclient.HostOther:   approvals.HostRunning, // not documented: looked at again until it is given up
}

// result is a host's record, held against the plan.
func (b *Bot) result(h bmclient.HostRun, task string, p approvals.Plan) approvals.HostResult {
	res := approvals.HostResult{
		Host: h.Host, Task: task, State: hostStates[h.State], Status: h.Status, Exit: h.Exit,
		Begun: h.Begun, Finished: h.Finished, Output: len(h.Output), BadLogin: h.BadLogin(),
	}
	ran := p
	ran.Script.Content, ran.Parameters = h.Content, string(h.Parameters)
	switch {
	case !slices.Contains(p.Hosts, h.Host):
		res.Proof, res.Drift = approvals.ProofDiffers, []approvals.Change{{What: "host", Was: "not asked for", Is: h.Host}}
	case len(h.Content) == 0:
		res.Proof = approvals.ProofNone
	case bytes.Equal(h.Content, p.Script.Content) && string(h.Parameters) == p.Parameters:
		res.Proof = approvals.ProofSame
	default:
		res.Proof, res.Drift = approvals.ProofDiffers, b.scrubbed(p.Changes(ran))
	}
	return res
}

// scrubbed takes credentials out of what a host's record says.
func (b *Bot) scrubbed(all []approvals.Change) []approvals.Change {
	for i, c := range all {
		all[i].Was, all[i].Is, all[i].Diff = b.Scrub(c.Was), b.Scrub(c.Is), b.Scrub(c.Diff)
	}
	return all
}

// report posts what happened on the hosts.
func (b *Bot) report(ctx context.Context, k approvals.Kept) error {
	out, err := b.Desk.Outputs(ctx, k.ID)
	if err != nil {
		return err
	}
	return b.Board.Report(ctx, k.Request, out)
}

// tasksBefore are the newest tasks before a claim. A list that cannot be read does
// not hold up a run: then the time of a task alone tells whether it is older.
func (b *Bot) tasksBefore(ctx context.Context, id string) []string {
	list, err := b.Cloud.Tasks(ctx, bmclient.Page{Limit: newestTasks})
	if err != nil {
		b.Log.Warn("the newest tasks could not be listed before a claim", "request", id, b.said(err))
		return nil
	}
	var ids []string
	for _, t := range list.Tasks {
		ids = append(ids, t.ID)
	}
	return ids
}
