package bmtest

import (
	"fmt"
	"slices"
	"time"
)

// HostBehaviour is how a host runs scripts from now on. The zero value runs them at once, to exit code 0 and no output.
type HostBehaviour struct {
	Takes      time.Duration `json:"takes,omitempty"`      // by the server's clock
	Manual     bool          `json:"manual,omitempty"`     // runs until EndHost or EndTask
	NeverEnds  bool          `json:"never_ends,omitempty"` // not even by those
	Exit       int           `json:"exit,omitempty"`
	Output     []byte        `json:"output,omitempty"`
	Status     int           `json:"status,omitempty"`     // above 0: the API could not run it; then there is no exit code
	Content    []byte        `json:"content,omitempty"`    // what the host says it ran; nil: what was sent
	Parameters []byte        `json:"parameters,omitempty"` // the same

	// Of TAT.
	Waits     time.Duration `json:"waits,omitempty"`      // PENDING and DELIVERING, before it begins
	Delayed   time.Duration `json:"delayed,omitempty"`    // and then DELIVER_DELAYED
	StopTakes time.Duration `json:"stop_takes,omitempty"` // CANCELLING, before it is TERMINATED
	Word      string        `json:"word,omitempty"`       // the status at the end, such as TASK_TIMEOUT; with NeverEnds: from the start
	ErrorInfo string        `json:"error_info,omitempty"`
}

// Listing is how tasks are listed.
type Listing struct {
	Late       time.Duration `json:"late,omitempty"`         // a task is known only so long after it began
	LateCalls  int           `json:"late_calls,omitempty"`   // and only after so many calls that list tasks
	OutOfOrder bool          `json:"out_of_order,omitempty"` // oldest first, whatever was asked for
	Twice      bool          `json:"twice,omitempty"`        // each row comes two times
	NoTaskIDs  bool          `json:"no_task_ids,omitempty"`  // RunUserCmd of 3.0 leaves CmdTaskId out, as the page's sample
}

// BadLoginOutput is the documented text of a host that was given a wrong user or password: "user authentication failed".
const BadLoginOutput = "shell %s,-1,0,'agent返回错误信息.用户验证失败!'"

// badLoginStatus is above 0, which is an error code; the documents name none.
const badLoginStatus = 1

type host struct {
	id, lanIP string
	logins    map[string]string
	behaviour HostBehaviour
	machine   Machine
}

// task is one run on some hosts.
type task struct {
	id, cmdID, alias string
	api              string // that it was begun by; empty: by hand
	script           Script
	template         []byte // the content before parameters were filled in
	how              How
	parameters       string // of TAT
	region           string
	begun            time.Time
	listedAt         int // how many calls have listed tasks when it is known
	knownAt          time.Time
	hosts            []*hostRun
}

// hostRun is one host with one task.
type hostRun struct {
	auto                int
	host                *host
	as                  HostBehaviour
	begun, ended        time.Time
	running             bool
	status, exit        int
	output              []byte
	content, parameters []byte
	asyncTask           int
	timeout             time.Duration // of TAT
	stopAt              time.Time     // it was cancelled while it ran
	word                string        // its status of TAT at the end
}

// SetHost says how a host runs scripts that are started from now on. It reports whether there is such a host.
func (s *Server) SetHost(id string, b HostBehaviour) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.hosts[id]
	if ok {
		h.behaviour = b
	}
	return ok
}

// SetListing says how tasks are listed from now on; what is late, is so for tasks that begin from now on.
func (s *Server) SetListing(l Listing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listing = l
}

// RunByHand is what a colleague does at the console: a task that no call of RunUserCmd began. Content nil is the script's. It returns the
// task's id.
func (s *Server) RunByHand(cmdID string, hosts []string, content, parameters []byte) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sc, on, err := s.byHand(cmdID, hosts)
	if err != nil {
		return "", err
	}
	if content != nil {
		sc.Content = content
	}
	defer s.changed()
	return s.begin(sc, on, parameters).id, nil
}

// byHand finds what a colleague runs. The lock is held.
func (s *Server) byHand(cmdID string, hosts []string) (sc Script, on []target, err error) {
	sc, ok := s.scripts[cmdID]
	if !ok {
		return sc, nil, fmt.Errorf("bmtest: there is no script %s", cmdID)
	}
	for _, id := range hosts {
		h, ok := s.hosts[id]
		if !ok {
			return sc, nil, fmt.Errorf("bmtest: there is no host %s", id)
		}
		on = append(on, target{h, true})
	}
	return sc, on, nil
}

// RanBefore is [Server.RunByHand] n times in the past: the tasks began evenly spread over the time before now, and each has gone on since.
// Call it before anything else is run: lists are in the order of beginning.
func (s *Server) RanBefore(n int, within time.Duration, cmdID string, hosts []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sc, on, err := s.byHand(cmdID, hosts)
	if err != nil {
		return err
	}
	now := s.now()
	for i := range n {
		at := now.Add(-within + within*time.Duration(i)/time.Duration(n))
		t := s.begin(sc, on, nil)
		t.begun, t.knownAt = at, at
		for _, h := range t.hosts {
			h.begun, h.running = at, true
			h.settle(now)
		}
	}
	s.changed()
	return nil
}

// EndTask ends all hosts of a task that are manual. It reports whether there is such a task.
func (s *Server) EndTask(id string) bool { return s.end(id, "") }

// EndHost ends one host of a task that is manual. It reports whether there is such a task with this host.
func (s *Server) EndHost(id, host string) bool { return s.end(id, host) }

func (s *Server) end(id, host string) (found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.task(id)
	if t == nil {
		return false
	}
	for _, h := range t.hosts {
		if host != "" && h.host.id != host {
			continue
		}
		found = true
		if h.running && !h.as.NeverEnds {
			h.end(s.now())
		}
	}
	s.changed()
	return found
}

// TaskIDs are the ids of all tasks, oldest first, known to the API's lists or not yet.
func (s *Server) TaskIDs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]string, len(s.tasks))
	for i, t := range s.tasks {
		ids[i] = t.shownID()
	}
	return ids
}

func (s *Server) task(id string) *task {
	for _, t := range s.tasks {
		if t.id == id || t.invocation() == id {
			return t
		}
	}
	return nil
}

// target is a host that a script is started on, and whether the login is right there.
type target struct {
	*host
	loginOK bool
}

// begin makes a task. The lock is held.
func (s *Server) begin(sc Script, on []target, parameters []byte) *task {
	now := s.now()
	n := len(s.tasks) + s.forgotten + 1
	t := &task{
		id: taskID(n), cmdID: sc.CmdID, alias: sc.Alias, begun: now, script: sc, template: sc.Content, how: sc.complete(on[0].machine.Windows),
		parameters: string(parameters), region: on[0].region(),
		knownAt: now.Add(s.listing.Late), listedAt: s.taskLists + s.listing.LateCalls,
	}
	for i, to := range on {
		h := &hostRun{
			auto: n*1000 + i, host: to.host, as: to.behaviour, begun: now, running: true, status: -1, exit: -1,
			content: slices.Clone(sc.Content), parameters: slices.Clone(parameters), asyncTask: 902537 + n*1000 + i,
		}
		if h.as.Content != nil {
			h.content = slices.Clone(h.as.Content)
		}
		if h.as.Parameters != nil {
			h.parameters = slices.Clone(h.as.Parameters)
		}
		if !to.loginOK {
			h.as = HostBehaviour{Status: badLoginStatus, Output: fmt.Appendf(nil, BadLoginOutput, to.lanIP)}
		}
		h.settle(now)
		t.hosts = append(t.hosts, h)
	}
	s.tasks = append(s.tasks, t)
	if len(s.tasks) > 2*s.runs.keep {
		s.forgotten += len(s.tasks) - s.runs.keep
		s.tasks = slices.Clone(s.tasks[len(s.tasks)-s.runs.keep:])
	}
	return t
}

// taskID looks like the API's: nothing can be told from it, least of all an order.
func taskID(n int) string { return "cmdtask-" + short(fmt.Sprint("task ", n), 8) }

// shownID is a task's id in the API that it was begun by.
func (t *task) shownID() string {
	if t.api == apiTAT {
		return t.invocation()
	}
	return t.id
}

// known settles the hosts of all tasks, and gives those that the API knows by now.
func (s *Server) known() []*task {
	now := s.now()
	var ts []*task
	for _, t := range s.tasks {
		for _, h := range t.hosts {
			h.settle(now)
		}
		if !now.Before(t.knownAt) && s.taskLists >= t.listedAt {
			ts = append(ts, t)
		}
	}
	return ts
}

// state is the status of a task, how many hosts went which way, and when the last ended. A host went well when its script did.
func (t *task) state() (status, succeeded, failed int, ended time.Time) {
	status = 0
	for _, h := range t.hosts {
		switch {
		case h.running:
			status = -1
		case h.status == 0 && h.exit == 0:
			succeeded++
		default:
			failed++
		}
		if h.ended.After(ended) {
			ended = h.ended
		}
	}
	if status != 0 {
		ended = time.Time{}
	}
	return status, succeeded, failed, ended
}
