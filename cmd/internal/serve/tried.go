package serve

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/approvals/redisstore"
	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/cmd/internal/config"
)

// Fact is something that no document settles, and what this account showed of it.
type Fact struct{ Asked, Shown string }

// trial is a request that was approved and has ended, and what the cloud says of it now.
type trial struct {
	*Server
	approvals.Request
	there   cloud                        // where it ran
	found   time.Time                    // when its task was found; zero: the answer named it
	list    []bmclient.Task              // the newest
	hosts   []bmclient.HostRun           // of its task
	seen    []map[string]json.RawMessage // rows of any list, as the API wrote them
	rows    []map[string]json.RawMessage // those of its task
	machine bmclient.Machine             // one of its hosts; zero: none is known
	unread  []Fact
}

// question is something that no document settles, and how a trial shows which reading of it is true here.
type question struct {
	apis  string // that it is about, with blanks between
	what  string
	shown func(context.Context, *trial) string // empty: these records do not show it
}

// questions are all that a request's records can settle, the most important first: a fact is added here.
var questions = []question{
	{"2.0", "under which key RunUserCmd takes its hosts (bm.array_key)", arrayKey},
	{"3.0", "whether RunUserCmd names the task (CmdTaskId)", func(_ context.Context, t *trial) string {
		return when(t.accepted(), yes[len(t.answer().Tasks) > 0])
	}},
	{"3.0", "whether CmdTaskId is what DescribeUserCmdTaskInfo takes", func(_ context.Context, t *trial) string {
		return when(t.accepted() && len(t.answer().Tasks) > 0, yes[len(t.hosts) > 0])
	}},
	{"2.0 3.0 tat", "whether the record has exactly the text that was approved", each(func(t *trial, h bmclient.HostRun) string {
		if len(h.Content) == 0 {
			return "it has no text"
		}
		return yes[string(h.Content) == string(t.Plan.Text())]
	})},
	{"2.0 3.0", "how late a run is in the list of tasks", func(_ context.Context, t *trial) string {
		return when(!t.found.IsZero(), "it was found "+t.after(t.found)+", where the first looks are 1, 2, 4 and 8 s apart and then each 15")
	}},
	{"2.0 3.0", "in which zone times are (UTC+8 is assumed)", each(func(t *trial, h bmclient.HostRun) string {
		zone := "in another"
		if h.Begun.Sub(t.LastSend().ClaimedAt).Round(30*time.Minute) == 0 {
			zone = "in that"
		}
		return when(!h.Begun.IsZero(), zone+": read so, it began "+t.after(h.Begun))
	})},
	{"tat", "how soon a run begins on a host", each(func(t *trial, h bmclient.HostRun) string {
		return when(!h.Begun.IsZero(), t.after(h.Begun))
	})},
	{"2.0 3.0 tat", "which statuses and exit codes hosts end with", each(func(_ *trial, h bmclient.HostRun) string {
		return fmt.Sprintf("%s, exit code %d: read as %s", cmp.Or(h.Word, fmt.Sprint("status ", h.Status)), h.Exit, h.State)
	})},
	{"2.0 3.0", "whether texts and outputs come in base64", each(func(_ *trial, h bmclient.HostRun) string { return yes[!h.Plain] })},
	{"2.0 3.0", "whether a user other than root may run it", func(_ context.Context, t *trial) string {
		return when(t.Plan.Login.User != "root" && len(t.hosts) > 0, t.Plan.Login.User+": "+yes[t.State == approvals.Succeeded])
	}},
	{"tat", "as whom, where and how long it ran, as recorded", each(func(_ *trial, h bmclient.HostRun) string {
		return fmt.Sprintf("%s, in %q, %s", h.Ran.User, h.Ran.Dir, h.Ran.Timeout)
	})},
	{"2.0 3.0 tat", "in which order runs are listed", func(_ context.Context, t *trial) string {
		switch newer := func(a, b bmclient.Task) int { return b.Begun.Compare(a.Begun) }; {
		case len(t.list) < 2:
			return ""
		case slices.IsSortedFunc(t.list, newer):
			return "newest first"
		}
		return "not newest first"
	}},
	{"2.0 3.0 tat", "whether a page of 100 rows is taken", func(_ context.Context, t *trial) string { return when(t.list != nil, "yes") }},
	{"2.0 3.0 tat", "what is answered for a script that is not there", func(ctx context.Context, t *trial) string {
		_, err := t.there.Script(ctx, noScript)
		return answered(err)
	}},
	{"2.0 3.0 tat", "what is answered for a task that is not there", func(ctx context.Context, t *trial) string {
		_, err := t.there.EachHost(ctx, noTask(t.cfg.BM.API), noHost)
		return answered(err)
	}},
	{"2.0 3.0 tat", "whether a machine's name and tags are told", func(_ context.Context, t *trial) string {
		return when(t.machine.ID != "", yes[t.machine.Told])
	}},
	{"2.0 3.0 tat", "whether a part of a name finds a machine", partOfName},
	{"2.0 3.0", "whether its rows name the task that was asked for", written("taskId", "TaskId")},
	{"2.0 3.0 tat", "how times are written", written("runBeginTime", "RunBeginTime", "StartTime")},
	{"2.0 3.0", "whether statuses are numbers or text", written("status", "Status")},
	{"tat", "how long ids are", written("InvocationId", "InvocationTaskId", "CommandId")},
	{"tat", "how the source of a run is spelled", written("InvocationSource")},
	{"tat", "whether the record names a script that is not stored", written("CommandName", "Description")},
}

func arrayKey(_ context.Context, t *trial) string {
	switch set := t.Plan.Target.ArrayKey; {
	case t.accepted() && len(t.hosts) > 0:
		return set + ", as it is set: the record has the hosts"
	case slices.Contains([]int{4000, 10001, 18013}, t.answer().Code):
		return fmt.Sprintf("most probably not %s, as it is set: the answer was %d", set, t.answer().Code)
	}
	return ""
}

func partOfName(ctx context.Context, t *trial) string {
	name := []rune(t.machine.Name)
	if len(name) < 2 {
		return ""
	}
	found, err := t.there.FindMachines(ctx, string(name[:len(name)-1]))
	return when(err == nil, yes[slices.ContainsFunc(found, func(m bmclient.Machine) bool { return m.ID == t.machine.ID })])
}

// written shows fields of the rows as the API wrote them.
func written(keys ...string) func(context.Context, *trial) string {
	return func(_ context.Context, t *trial) string {
		var all []string
		for _, key := range keys {
			for _, row := range t.rows {
				if raw, has := row[key]; has {
					all = append(all, key+" "+string(raw))
				}
			}
		}
		return few(all)
	}
}

// few are the first of these, each once: a run may have many hosts.
func few(all []string) string {
	all = once(all)
	return strings.Join(all[:min(len(all), 5)], "; ")
}

// each is what all hosts say of one thing, each word once.
func each(says func(*trial, bmclient.HostRun) string) func(context.Context, *trial) string {
	return func(_ context.Context, t *trial) string {
		var all []string
		for _, h := range t.hosts {
			all = append(all, says(t, h))
		}
		return few(slices.DeleteFunc(all, func(word string) bool { return word == "" }))
	}
}

// answer is that to the last send; zero if none came.
func (t *trial) answer() (a approvals.Answer) {
	if said := t.LastSend().Answer; said != nil {
		a = *said
	}
	return a
}

func (t *trial) accepted() bool { return t.answer().Outcome == approvals.OutcomeAccepted }

// after is how long after the claim, which is a moment before the send.
func (t *trial) after(at time.Time) string {
	d := at.Sub(t.LastSend().ClaimedAt)
	if d.Abs() < time.Second { // most times of the cloud are of whole seconds
		return "within a second of the claim"
	}
	return d.Round(time.Second).String() + " after the claim"
}

var yes = map[bool]string{true: "yes", false: "no"}

// when is a text where it is shown at all.
func when(is bool, text string) string {
	if !is {
		return ""
	}
	return text
}

func answered(err error) string {
	var said *bmclient.Error
	switch {
	case errors.As(err, &said) && (said.Number != 0 || said.Code != ""):
		return "an error: " + strings.TrimSpace(strings.TrimPrefix(fmt.Sprint(said.Number, " ", said.Code), "0 "))
	case err == nil, errors.Is(err, bmclient.ErrNoScript), errors.Is(err, bmclient.ErrNoTask):
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

// Tried runs nothing. From the records of a request that was approved and has ended, in Redis and in the cloud, it says which reading is
// true here of what no document settles, the most important first. Of secrets it reads what a look needs, and never what only a run does.
func Tried(ctx context.Context, cfg *config.Config, id string) ([]Fact, error) {
	t := &trial{Server: &Server{cfg: cfg, log: slog.New(slog.DiscardHandler)}}
	var seen sync.Mutex
	t.Server.rows = func(row map[string]json.RawMessage) {
		short := maps.Clone(row) // the row is the client's, and holds what hosts printed
		maps.DeleteFunc(short, func(_ string, raw json.RawMessage) bool { return len(raw) > 100 })
		seen.Lock()
		defer seen.Unlock()
		t.seen = append(t.seen, short)
	}
	defer t.Close()
	for _, part := range []func(context.Context) error{t.openVault, t.openRedis, t.openCloud, t.openSlack} {
		if err := part(ctx); err != nil {
			return nil, err
		}
	}
	if err := t.load(ctx, id); err != nil {
		return nil, err
	}
	t.read(ctx)
	var all []Fact
	for _, q := range questions {
		if slices.Contains(strings.Fields(q.apis), cfg.BM.API) {
			shown := t.Scrub(q.shown(ctx, t))
			all = append(all, Fact{q.what, cmp.Or(shown, "(its records do not show it)")})
		}
	}
	return append(all, t.unread...), nil
}

// load reads the request from Redis.
func (t *trial) load(ctx context.Context, id string) error {
	store := redisstore.New(t.redis, t.here, redisstore.Options{Log: t.log})
	k, err := store.Load(ctx, id)
	switch {
	case errors.Is(err, approvals.ErrNotFound):
		return fmt.Errorf("there is no request %s in the workspace %s, or its record is gone by its age (keep.requests); take the id of a newer one from its card", id, t.team)
	case err != nil:
		return inSentences(err)
	case k.Plan == nil || len(k.Sends) == 0 && k.State.Ended():
		return fmt.Errorf("%s is %s and was never sent, so it shows nothing; have a stored script that does nothing, such as true, approved in Slack for one machine, and name that request", id, k.State)
	case !k.State.Ended():
		return fmt.Errorf("%s has not ended, it is %s; ask again when its card says how it ended", id, k.State)
	case k.Plan.Target.API != t.cfg.BM.API:
		return fmt.Errorf("%s was sent to API %s, and bm.api is %s; name a request of this one, or ask with the config of that time", id, k.Plan.Target.API, t.cfg.BM.API)
	}
	t.Request, t.there = k.Request, t.cloud.in(k.Plan.Target.Region)
	events, err := store.Events(ctx, id, k.Events)
	for _, e := range events {
		if e.Move == "find" || e.Move == "adopt" || e.Move == "report" && t.found.IsZero() {
			t.found = e.At
		}
	}
	return inSentences(err)
}

// read asks the cloud for what it has of the request. What cannot be read is said, and keeps nothing else from being shown.
func (t *trial) read(ctx context.Context) {
	failed := func(what string, err error) {
		if err != nil {
			t.unread = append(t.unread, Fact{what, "could not be read: " + t.Scrub(err.Error())})
		}
	}
	machines, err := t.there.Machines(ctx, t.Plan.Hosts)
	failed("the machines", err)
	if len(machines) > 0 {
		t.machine = machines[0]
	}
	list, err := t.there.Tasks(ctx, bmclient.Page{Limit: bmclient.LargestPage})
	t.list = list.Tasks
	failed("the list of runs", err)
	t.seen = nil
	for _, task := range t.Follow.Tasks {
		_, err := t.there.EachHost(ctx, task, func(h bmclient.HostRun) error {
			h.Output = nil
			t.hosts = append(t.hosts, h)
			return nil
		})
		failed("the record of "+task, err)
	}
	t.rows = t.seen
}
