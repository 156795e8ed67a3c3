package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/bmclient"
)

// tasks are what the fake API says of runs. The zero value keeps every run for
// itself: it is accepted, and no list ever has it.
type tasks struct {
	known      bool // runs have tasks
	named      bool // and RunUserCmd names them
	emptyPages bool // the list has none of the rows that it counts
	neverEnded bool // the list says of no task that it has ended
	uncounted  bool // the list does not say how far a task is
	all        []*apiTask
	host       func(host string, h *apiHost)    // how a host that is run on behaves
	made       func(t *apiTask)                 // what else is special about a run's task
	answer     func(a *bmclient.Accepted)       // what else RunUserCmd answers
	page       int                              // rows of a page at most, whatever is asked for; 0: as asked
	order      func(list []*apiTask) []*apiTask // of the list; nil: newest first
	onList     func(ctx context.Context) error  // called before each list of tasks
	onRows     func(ctx context.Context, task string) error
}

// apiTask is a task of the fake API.
type apiTask struct {
	id, cmdID string
	begun     time.Time
	listed    time.Time // not known before
	count     int       // instanceCount; 0: as many as there are hosts
	hosts     []*apiHost
}

// apiHost is a host of a task: what it says while it runs, and what afterwards.
type apiHost struct {
	bmclient.HostRun
	listed time.Time // there is no row of it before
	ends   time.Time // zero: never
	late   bool      // it has not begun, and may still
}

// begin makes the task of a run.
func (c *cloud) begin(r bmclient.Run) bmclient.Accepted {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := bmclient.Accepted{}
	if c.tasks.known {
		content := c.scripts[r.CmdID].Content
		if r.Content != nil {
			content = r.Content
		}
		t := c.newTask(r.CmdID, r.Hosts, content, r.Parameters)
		if c.tasks.made != nil {
			c.tasks.made(t)
		}
		if c.tasks.named {
			a.Tasks = []string{t.id}
		}
	}
	if c.tasks.answer != nil {
		c.tasks.answer(&a)
	}
	return a
}

// newTask makes a task that ends at once and well on every host. The caller holds
// the lock.
func (c *cloud) newTask(cmdID string, hosts []string, content, parameters []byte) *apiTask {
	now := time.Now()
	t := &apiTask{id: fmt.Sprintf("cmdtask-%d", len(c.tasks.all)+1), cmdID: cmdID, begun: now, listed: now}
	for _, name := range hosts {
		h := &apiHost{HostRun: bmclient.HostRun{
			Task: t.id, Host: name, State: bmclient.HostEnded, Content: content, Parameters: parameters,
			Output: []byte("done on " + name + "\n"), Begun: now,
		}, ends: now}
		if c.tasks.host != nil {
			c.tasks.host(name, h)
		}
		t.hosts = append(t.hosts, h)
	}
	c.tasks.all = append(c.tasks.all, t)
	return t
}

// byHand is what a colleague runs at the console.
func (c *cloud) byHand(cmdID string, hosts []string, content, parameters string) *apiTask {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.newTask(cmdID, hosts, []byte(content), []byte(parameters))
}

// counts are how many hosts of a task have ended, well or not, and whether all have.
func (t *apiTask) counts() (ended bool, good, bad int) {
	for _, h := range t.hosts {
		switch row, _ := h.now(); row.State {
		case bmclient.HostEnded:
			good++
		case bmclient.HostFailed:
			bad++
		}
	}
	return good+bad == len(t.hosts), good, bad
}

// now is what the host's row says at this moment; false if there is none.
func (h *apiHost) now() (bmclient.HostRun, bool) {
	run, now := h.HostRun, time.Now()
	if now.Before(h.listed) {
		return run, false
	}
	if h.late {
		run.State, run.Word, run.Exit, run.Output = bmclient.HostWaiting, "DELIVER_DELAYED", -1, nil
		return run, true
	}
	if h.ends.IsZero() || now.Before(h.ends) {
		run.State, run.Status, run.Exit, run.Output = bmclient.HostRunning, -1, -1, nil
		return run, true
	}
	run.Finished = h.ends
	return run, true
}

func (c *cloud) Tasks(ctx context.Context, p bmclient.Page) (bmclient.TaskList, error) {
	c.add("tasks %d", p.Offset)
	c.mu.Lock()
	hook := c.tasks.onList
	c.mu.Unlock()
	if hook != nil {
		if err := hook(ctx); err != nil {
			return bmclient.TaskList{}, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []*apiTask
	for _, t := range slices.Backward(c.tasks.all) {
		if !time.Now().Before(t.listed) {
			list = append(list, t)
		}
	}
	slices.SortStableFunc(list, func(a, b *apiTask) int { return b.begun.Compare(a.begun) })
	if c.tasks.order != nil {
		list = c.tasks.order(list)
	}
	out := bmclient.TaskList{Total: len(list)}
	if c.tasks.emptyPages {
		return out, nil
	}
	limit := p.Limit
	if c.tasks.page > 0 {
		limit = min(limit, c.tasks.page)
	}
	for _, t := range list[min(p.Offset, len(list)):min(p.Offset+limit, len(list))] {
		row := bmclient.Task{ID: t.id, CmdID: t.cmdID, Hosts: t.count, Begun: t.begun, Succeeded: -1, Failed: -1}
		if t.count == 0 {
			row.Hosts = len(t.hosts)
		}
		if !c.tasks.uncounted {
			row.Ended, row.Succeeded, row.Failed = t.counts()
			row.Ended = row.Ended && !c.tasks.neverEnded
		}
		out.Tasks = append(out.Tasks, row)
	}
	return out, nil
}

func (c *cloud) EachHost(ctx context.Context, task string, each func(bmclient.HostRun) error) (int, error) {
	c.add("rows %s", task)
	c.mu.Lock()
	hook := c.tasks.onRows
	c.mu.Unlock()
	if hook != nil {
		if err := hook(ctx, task); err != nil {
			return 0, err
		}
	}
	c.mu.Lock()
	i := slices.IndexFunc(c.tasks.all, func(t *apiTask) bool { return t.id == task && !time.Now().Before(t.listed) })
	var rows []bmclient.HostRun
	if i >= 0 {
		for _, h := range c.tasks.all[i].hosts {
			if row, there := h.now(); there {
				rows = append(rows, row)
			}
		}
	}
	c.mu.Unlock()
	if i < 0 {
		return 0, fmt.Errorf("GetUserCmdTaskDetailList: %w", bmclient.ErrNoTask)
	}
	for _, row := range rows {
		if err := each(row); err != nil {
			return len(rows), err
		}
	}
	return len(rows), nil
}

// looks is the cloud as people look at it.
type looks struct {
	*cloud
	full func(Looker) error // nil: there is room for everybody
}

func (l looks) Script(ctx context.Context, by Looker, id string) (bmclient.Script, error) {
	if err := l.room(by); err != nil {
		return bmclient.Script{}, err
	}
	return l.cloud.Script(ctx, id)
}

func (l looks) room(by Looker) error {
	if by.User == "" {
		panic("nobody looks")
	}
	if l.full == nil {
		return nil
	}
	return l.full(by)
}

func (l looks) Machines(ctx context.Context, by Looker, ids []string) ([]bmclient.Machine, error) {
	if err := l.room(by); err != nil {
		return nil, err
	}
	return l.cloud.Machines(ctx, ids)
}

func (l looks) FindMachines(_ context.Context, by Looker, name string) ([]bmclient.Machine, error) {
	if err := l.room(by); err != nil {
		return nil, err
	}
	return l.cloud.FindMachines(name)
}

func (l looks) Scripts(_ context.Context, by Looker, q bmclient.ScriptQuery) (bmclient.ScriptList, error) {
	if err := l.room(by); err != nil {
		return bmclient.ScriptList{}, err
	}
	return l.cloud.Scripts(q)
}

func (c *cloud) Scripts(q bmclient.ScriptQuery) (bmclient.ScriptList, error) {
	c.add("scripts %q %d", q.Search, q.Offset)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.onScripts != nil {
		if err := c.onScripts(); err != nil {
			return bmclient.ScriptList{}, err
		}
	}
	var ids []string
	for id, s := range c.scripts {
		if strings.Contains(id, q.Search) || strings.Contains(s.Alias, q.Search) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	out := bmclient.ScriptList{Total: len(ids)}
	limit := q.Limit
	if c.tasks.page > 0 {
		limit = min(limit, c.tasks.page)
	}
	for _, id := range ids[min(q.Offset, len(ids)):min(q.Offset+limit, len(ids))] {
		s := c.scripts[id]
		s.Content = nil
		out.Scripts = append(out.Scripts, s)
	}
	return out, nil
}
