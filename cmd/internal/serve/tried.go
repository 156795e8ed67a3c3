package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/approvals/redisstore"
	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/cmd/internal/config"
)

// trial is a request that was approved and has ended, and what the cloud says of it now.
type trial struct {
	approvals.Request
	moves    map[string]time.Time // when each was made last
	cloud    bot.Cloud
	find     func(context.Context, string) ([]bmclient.Machine, error)
	api      string
	task     *bmclient.Task // nil: not in the list
	list     []bmclient.Task
	rows     []bmclient.HostRun
	machines []bmclient.Machine
}

// unsettled is something that no document settles, and how a trial shows which reading of it is true here.
type unsettled struct {
	apis string // that it is about, parted by blanks
	what string
	told func(context.Context, trial) string // empty: these records do not show it
}

// questions are all that a request's records can settle, the most important first: a fact is added here.
var questions = []unsettled{
	{"2.0", "under which key RunUserCmd takes its hosts", func(_ context.Context, t trial) string {
		a := t.answered()
		switch {
		case a == nil:
			return ""
		case a.Outcome == approvals.OutcomeAccepted:
			return t.Plan.Target.ArrayKey + ", as it is set"
		case slices.Contains([]int{4000, 10001, 18013}, a.Code):
			return fmt.Sprintf("most probably not %s, as it is set: the answer was %d", t.Plan.Target.ArrayKey, a.Code)
		}
		return ""
	}},
	{"3.0", "whether RunUserCmd names the task (CmdTaskId)", func(_ context.Context, t trial) string {
		if a := t.answered(); a != nil && a.Outcome == approvals.OutcomeAccepted {
			return yes(len(a.Tasks) > 0)
		}
		return ""
	}},
	{"2.0 3.0", "how late a run is in the list of tasks", func(_ context.Context, t trial) string {
		found, is := t.moves["find"]
		if !is {
			return ""
		}
		return fmt.Sprintf("found %s after the claim, looked for after 1, 2, 4, 8 s and then each 15", found.Sub(t.LastSend().ClaimedAt).Round(time.Second))
	}},
	{"2.0 3.0 tat", "whether the record has exactly what was approved", func(_ context.Context, t trial) string {
		return t.each(func(h bmclient.HostRun) string {
			if len(h.Content) == 0 {
				return "it has no content"
			}
			return yes(string(h.Content) == string(t.Plan.Text()))
		})
	}},
	{"2.0 3.0", "how contents and outputs are written", func(_ context.Context, t trial) string {
		return t.each(func(h bmclient.HostRun) string {
			if h.Plain {
				return "as plain text"
			}
			return "in base64"
		})
	}},
	{"2.0 3.0 tat", "in which zone times are", func(_ context.Context, t trial) string {
		if t.task == nil || t.task.Begun.IsZero() {
			return ""
		}
		off := t.task.Begun.Sub(t.LastSend().ClaimedAt).Round(30 * time.Minute)
		if off == 0 {
			return "in the one that is assumed"
		}
		return "in one that is " + off.String() + " off"
	}},
	{"2.0 3.0 tat", "which statuses and exit codes hosts end with", func(_ context.Context, t trial) string {
		return t.each(func(h bmclient.HostRun) string {
			return fmt.Sprintf("%s, exit %d, read as %s", cmp.Or(h.Word, fmt.Sprint("status ", h.Status)), h.Exit, h.State)
		})
	}},
	{"2.0 3.0 tat", "in which order tasks are listed", func(_ context.Context, t trial) string {
		if len(t.list) < 2 {
			return ""
		}
		if slices.IsSortedFunc(t.list, func(a, b bmclient.Task) int { return b.Begun.Compare(a.Begun) }) {
			return "newest first"
		}
		return "not newest first"
	}},
	{"tat", "whether what was left to the cloud is recorded: directory, timeout", func(_ context.Context, t trial) string {
		return t.each(func(h bmclient.HostRun) string { return fmt.Sprintf("%q, %s", h.Ran.Dir, h.Ran.Timeout) })
	}},
	{"tat", "what ids look like", func(_ context.Context, t trial) string {
		if len(t.Follow.Tasks) == 0 {
			return ""
		}
		kind, rest, _ := strings.Cut(t.Follow.Tasks[0], "-")
		return fmt.Sprintf("%s- and %d characters", kind, len(rest))
	}},
	{"2.0 3.0 tat", "what is answered for a script that is not there", func(ctx context.Context, t trial) string {
		_, err := t.cloud.Script(ctx, noScript)
		return answeredFor(err)
	}},
	{"2.0 3.0 tat", "what is answered for a task that is not there", func(ctx context.Context, t trial) string {
		n, err := t.cloud.EachHost(ctx, noTask(t.api), noHost)
		if err == nil {
			return fmt.Sprintf("an empty set (%d)", n)
		}
		return answeredFor(err)
	}},
	{"2.0 3.0 tat", "whether a machine is told, with name and tags", func(_ context.Context, t trial) string {
		if len(t.machines) == 0 {
			return "it is not found"
		}
		m := t.machines[0]
		return fmt.Sprintf("%s; %d tags; %s", yes(m.Told), len(m.Tags), cmp.Or(m.Trouble, "nothing against it"))
	}},
	{"2.0 3.0 tat", "whether a search for machines takes a part of a name", func(ctx context.Context, t trial) string {
		if len(t.machines) == 0 || len(t.machines[0].Name) < 2 {
			return ""
		}
		name := t.machines[0].Name
		found, err := t.find(ctx, name[:len(name)-1])
		if err != nil {
			return ""
		}
		return yes(slices.ContainsFunc(found, func(m bmclient.Machine) bool { return m.Name == name }))
	}},
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

func answeredFor(err error) string {
	var said *bmclient.Error
	switch {
	case errors.As(err, &said) && (said.Number != 0 || said.Code != ""):
		return strings.TrimSpace(fmt.Sprintf("%d %s", said.Number, said.Code))
	case errors.Is(err, bmclient.ErrNoScript):
		return "nothing, without an error"
	}
	return ""
}

// noTask is the id of a task that is read for what is answered.
func noTask(api string) string {
	if api == config.APITAT {
		return "inv-0000000000"
	}
	return "cmdtask-doesnotexist"
}

func (t trial) answered() *approvals.Answer {
	if s := t.LastSend(); s != nil {
		return s.Answer
	}
	return nil
}

// each is what all rows say of one thing, each word once.
func (t trial) each(says func(bmclient.HostRun) string) string {
	var all []string
	for _, h := range t.rows {
		if word := says(h); !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	return strings.Join(all, "; ")
}

// ProbeTried runs nothing. From the records of a request that was approved and has ended it says which reading is true here of what
// no document settles.
func ProbeTried(ctx context.Context, cfg *config.Config, id string) iter.Seq[Probed] {
	return probing(cfg, func(p *probe) {
		if err := errors.Join(p.openRedis(ctx), p.openCloud(ctx), p.openSlack(ctx)); err != nil {
			p.says("try", Bad, "%v", err)
			return
		}
		t, err := p.trial(ctx, id)
		if err != nil {
			p.says("try", Bad, "%v", err)
			return
		}
		for _, q := range questions {
			if !slices.Contains(strings.Fields(q.apis), t.api) {
				continue
			}
			if says := q.told(ctx, t); says != "" {
				p.says("try", Good, "%s: %s", q.what, says)
			} else {
				p.says("try", Untried, "%s: the records of %s do not show it", q.what, id)
			}
		}
	})
}

// trial reads the request and what the cloud has of it.
func (p *probe) trial(ctx context.Context, id string) (t trial, err error) {
	store := redisstore.New(p.Server.redis, p.here, redisstore.Options{Log: p.log})
	k, err := store.Load(ctx, id)
	switch {
	case errors.Is(err, approvals.ErrNotFound):
		return t, fmt.Errorf("there is no request %s in this workspace: take the id from a card", id)
	case err != nil:
		return t, inSentences(err)
	case k.Plan == nil || len(k.Sends) == 0:
		return t, fmt.Errorf("%s was not sent (it is %s): ask in Slack for a stored script that does nothing, such as true, on one machine, and name that request once it has ended", id, k.State)
	case !k.State.Ended():
		return t, fmt.Errorf("%s has not ended (it is %s): try again once it has", id, k.State)
	}
	t = trial{
		Request: k.Request, moves: map[string]time.Time{}, api: k.Plan.Target.API, cloud: p.cloud.In(k.Plan.Target.Region),
		find: p.cloud.in(k.Plan.Target.Region).FindMachines,
	}
	events, err := store.Events(ctx, id, k.Events)
	if err != nil {
		return t, inSentences(err)
	}
	for _, e := range events {
		t.moves[e.Move] = e.At
	}
	list, err := t.cloud.Tasks(ctx, bmclient.Page{Limit: bmclient.LargestPage})
	if err != nil {
		return t, err
	}
	t.list = list.Tasks
	for _, task := range k.Follow.Tasks {
		if i := slices.IndexFunc(t.list, func(l bmclient.Task) bool { return l.ID == task }); i >= 0 {
			t.task = &t.list[i]
		}
		if _, err := t.cloud.EachHost(ctx, task, func(h bmclient.HostRun) error { t.rows = append(t.rows, h); return nil }); err != nil {
			return t, err
		}
	}
	t.machines, err = t.cloud.Machines(ctx, k.Plan.Hosts)
	return t, err
}
