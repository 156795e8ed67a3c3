package bmclient

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// HostState is where one host is with a task. The zero value is HostOther.
type HostState int

const (
	HostOther   HostState = iota // a status that is not documented, or none
	HostRunning                  // not ended yet
	HostEnded                    // the script ran to its end; Exit says how
	HostFailed                   // the API could not run it, or not to its end; Status is its error code
	HostWaiting                  // not begun, and it may still begin
	HostNever                    // over, and for sure nothing ran there
	HostKilled                   // it ran, and was killed before its end
	HostLost                     // the cloud has lost sight of it: it may have run, or may still
)

var stateNames = map[HostState]string{
	HostRunning: "running", HostEnded: "ended", HostFailed: "failed", HostWaiting: "waiting", HostNever: "never ran", HostKilled: "killed", HostLost: "lost",
}

// String is "running", "ended" and so on, or "other".
func (s HostState) String() string { return cmp.Or(stateNames[s], "other") }

// HostRun is what one host has to say of one task. Content and Parameters are the host's own record of what it ran, byte for byte.
// Output is what the script wrote: any bytes, of any length, shown to nobody before.
type HostRun struct {
	Task       string // its id
	Host       string // cpm-…, ins-…
	Name       string
	LanIP      string
	State      HostState
	Status     int // the API's own: -1 running, 0 ended, above 0 an error code whose values are not documented; -2 if none came
	Exit       int // the script's exit code; -1: none
	Content    []byte
	Parameters []byte
	Output     []byte // of this call's own secrets scrubbed, of nothing else
	Plain      bool   // Content, Parameters or Output came as plain text, as older versions of the API sent them
	Begun      time.Time
	Finished   time.Time // both to the second, in UTC+8; zero if the API gave none

	// TAT says more.
	Word    string // its own status, such as DELIVER_DELAYED
	Reason  string // why it could not be started, in its words
	Ran     How    // as what and how it ran, as recorded
	Dropped int    // bytes of output that the cloud did not keep
	URL     string // where all of the output lies, without a signature
}

// HostRuns is one page of a task's hosts.
type HostRuns struct {
	Total int // of all pages
	Hosts []HostRun
}

// Task reads what the hosts of a task say. It is repeated like Script. Its error is an *Error; one that is ErrNoTask says that there is no
// such task, or not yet; one that is ErrTooLong, that fewer hosts must be asked for at once. A task without any host is an empty page.
func (c *Client) Task(ctx context.Context, id string, p Page) (HostRuns, error) {
	p = p.orDefault()
	call := c.api.hosts(id, p)
	if id == "" {
		return HostRuns{}, notSent(call.action, local("no task is named"))
	}
	total, hosts, err := list(ctx, c, call, p, c.api.names().hosts, func(f fields, hide func([]byte) []byte) (HostRun, error) {
		return decodeHostRun(id, f, c.api.hostOf(f, hide))
	})
	return HostRuns{Total: total, Hosts: hosts}, err
}

func decodeHostRun(task string, f fields, h HostRun) (HostRun, error) {
	h.Task = task
	if h.Host == "" {
		return HostRun{}, errors.New("a row of the task names no host")
	}
	if f.n.rowTask == "" {
		return h, nil
	}
	if of := f.text(f.n.rowTask); of != "" && of != task {
		return HostRun{}, errors.New("the answer is about another task")
	}
	return h, nil
}

// hostOf reads a row of Bare Metal.
func (bareMetal) hostOf(f fields, hide func([]byte) []byte) HostRun {
	h := HostRun{
		Host: f.text("instanceId"), Name: f.text("instanceName"), LanIP: f.text("lanIp"),
		Status: f.number("status", noStatus), Exit: f.number("lastShellExit", -1),
		Begun: f.time("runBeginTime"), Finished: f.time("runEndTime"),
	}
	h.State = stateOf(h.Status)
	plain := [3]bool{}
	h.Content, plain[0] = f.bytes("cmdContent")
	h.Parameters, plain[1] = f.bytes("cmdParam")
	h.Output, plain[2] = f.bytes("cmdResult")
	h.Output = hide(h.Output)
	h.Plain = plain[0] || plain[1] || plain[2]
	return h
}

const noStatus = -2

func stateOf(status int) HostState {
	switch {
	case status == -1:
		return HostRunning
	case status == 0:
		return HostEnded
	case status > 0:
		return HostFailed
	}
	return HostOther
}

// badLogin are the two parts of the one documented text of an agent that was given a wrong login: "the agent returns an error" and
// "user authentication failed".
var badLogin = [2][]byte{[]byte("agent返回错误信息"), []byte("用户验证失败")}

// BadLogin reports whether the host refused the user or the password: it failed, no script left an exit code, and the output is the
// agent's text for it. Other texts for the same may exist; then it is false.
func (h HostRun) BadLogin() bool {
	return h.State == HostFailed && h.Exit <= 0 && bytes.HasPrefix(h.Output, []byte("shell ")) &&
		bytes.Contains(h.Output, badLogin[0]) && bytes.Contains(h.Output, badLogin[1])
}

const (
	mostHosts  = 2000     // of one task
	keptOutput = 64 << 20 // bytes that AllHosts keeps
)

// AllHosts reads all pages of a task and keeps them: at most 2,000 hosts and 64 MB; beyond that its error is ErrTooLong. Where outputs
// may be long and many, EachHost needs no more memory than a page.
func (c *Client) AllHosts(ctx context.Context, id string) (HostRuns, error) {
	all, size := HostRuns{}, 0
	var err error
	all.Total, err = c.EachHost(ctx, id, func(h HostRun) error {
		if size += len(h.Output) + len(h.Content) + len(h.Parameters); size > c.keptOutput {
			return fmt.Errorf("%w to keep: the hosts of this task wrote more than %d MB", ErrTooLong, c.keptOutput>>20)
		}
		all.Hosts = append(all.Hosts, h)
		return nil
	})
	if err != nil {
		return HostRuns{}, err
	}
	return all, nil
}

// EachHost reads all pages of a task and hands on each host once, in the API's order. Where a page is too long it asks for fewer hosts at a
// time, down to one. It returns how many hosts the API says there are; a host that moved from page to page meanwhile may be missing, so
// compare. An error of each ends it and is returned as it is; others are those of Task.
func (c *Client) EachHost(ctx context.Context, id string, each func(HostRun) error) (total int, err error) {
	seen := map[string]bool{}
	p, largest := Page{Limit: LargestPage}, LargestPage
	for p.Offset < mostHosts {
		page, err := c.Task(ctx, id, p)
		switch {
		case errors.Is(err, ErrTooLong) && p.Limit > 1:
			p.Limit = max(1, p.Limit/4)
			continue
		case badParameter(err) && p.Limit > defaultPage:
			p.Limit, largest = defaultPage, defaultPage
			continue
		case err != nil:
			return 0, err
		}
		total = page.Total
		for _, h := range page.Hosts {
			if seen[h.Host] {
				continue
			}
			seen[h.Host] = true
			if err := each(h); err != nil {
				return total, err
			}
		}
		p.Offset += len(page.Hosts)
		p.Limit = min(largest, 2*p.Limit)
		if len(page.Hosts) == 0 || p.Offset >= total {
			return total, nil
		}
	}
	return total, fmt.Errorf("%w: a task of more than %d hosts", ErrTooLong, mostHosts)
}

// badParameter reports whether the API refused what it was asked, perhaps for the size of a page.
func badParameter(err error) bool {
	e, is := errors.AsType[*Error](err)
	return is && (slices.Contains([]int{4000, 9003, 10001}, e.Number) || isCode(e.Code, "InvalidParameter") || isCode(e.Code, "InvalidParameterValue"))
}
