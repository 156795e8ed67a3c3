package approvals

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Follow is what is known of a run on its hosts.
type Follow struct {
	Since time.Time    `json:"since"`           // when the API took it
	Tasks []string     `json:"tasks,omitempty"` // the API's tasks that are or may be this run; none until found
	Hosts []HostResult `json:"hosts"`           // of each task; without a task, what is known of each host
	Polls int          `json:"polls,omitempty"` // how often it was looked at
	Why   string       `json:"why,omitempty"`   // why it was given up, or cannot be told; words for people
	// Confirm is until when another task could turn up that may be the run instead. The result was
	// told, and is final from then on. Zero: it was not told yet, or is final as it was told.
	Confirm time.Time `json:"confirm,omitzero"`
	Sole    bool      `json:"sole,omitempty"`  // no other task can turn up any more that may be the run, which goes on
	Stops   []Stop    `json:"stops,omitempty"` // in order; the cloud hears of one at a time

	Drawn   Progress `json:"drawn,omitzero"`    // what a look last had the card show
	Alarmed bool     `json:"alarmed,omitempty"` // people were told that a host ran something else
}

// Progress is how far a run was at a moment, as its hosts' records or the API's list say; see [Follow.Counts].
type Progress struct {
	All  int       `json:"all"`
	Over int       `json:"over"`
	Bad  int       `json:"bad"`
	At   time.Time `json:"at"`
}

// redrawEvery is how long a card that shows a run's progress stays as it is: many
// hosts end one by one, and the chat takes few changes of a message.
const redrawEvery = 10 * time.Second

// HostState is how far a host is.
type HostState string

const (
	HostWaiting HostState = "waiting" // nothing is recorded of it yet
	HostRunning HostState = "running"
	HostEnded   HostState = "ended"   // the script ran to its end
	HostFailed  HostState = "failed"  // the API could not run it there
	HostRefused HostState = "refused" // the API did not take this host
	HostNever   HostState = "never"   // over, and nothing ran there, as the cloud recorded it
	HostKilled  HostState = "killed"  // it ran there, and was killed before its end
	HostLost    HostState = "lost"    // the cloud has lost sight of it: it may have run, and may still
)

// Proof is whether a host's record says that it ran what was approved.
type Proof string

const (
	ProofNone    Proof = ""        // there is no record yet, or it says nothing
	ProofSame    Proof = "same"    // the recorded script and parameters are the approved bytes
	ProofDiffers Proof = "differs" // they are not
)

// HostResult is the API's record of one host in one task.
type HostResult struct {
	Host     string    `json:"host"`
	Task     string    `json:"task,omitempty"`
	State    HostState `json:"state"`
	Status   int       `json:"status,omitempty"` // the API's own, over 0 for a failure
	Exit     int       `json:"exit"`             // of the script; -1: none
	Begun    time.Time `json:"begun,omitzero"`
	Finished time.Time `json:"finished,omitzero"`
	Output   int       `json:"output,omitempty"` // its size in bytes; the text is kept apart
	Proof    Proof     `json:"proof,omitempty"`
	Drift    []Change  `json:"drift,omitempty"` // with ProofDiffers
	BadLogin bool      `json:"bad_login,omitempty"`
	Note     string    `json:"note,omitempty"` // the API's words, scrubbed

	Word    string `json:"word,omitempty"`    // the cloud's own status, where it has words
	Dropped int    `json:"dropped,omitempty"` // bytes of output that the cloud did not keep
	URL     string `json:"url,omitempty"`     // where all of the output lies
}

// Over reports whether nothing more will happen on the host.
func (h HostResult) Over() bool {
	return slices.Contains([]HostState{HostEnded, HostFailed, HostRefused, HostNever, HostKilled, HostLost}, h.State)
}

// Good reports whether the host ran what was approved, with exit code 0.
func (h HostResult) Good() bool {
	return h.State == HostEnded && h.Status == 0 && h.Exit == 0 && h.Proof == ProofSame
}

// Counts are how many hosts there are, are over, and are over but not good. The list may have
// counted more than was read of the hosts.
func (f Follow) Counts() (all, over, bad int) {
	for _, h := range f.Hosts {
		if h.Over() {
			over++
			if !h.Good() {
				bad++
			}
		}
	}
	if f.Drawn.Over > over {
		return len(f.Hosts), f.Drawn.Over, max(bad, f.Drawn.Bad)
	}
	return len(f.Hosts), over, bad
}

// Drifted reports whether some host ran something else than was approved.
func (f Follow) Drifted() bool {
	return slices.ContainsFunc(f.Hosts, func(h HostResult) bool { return h.Proof == ProofDiffers })
}

// What differs where a host got exactly the text that was approved.
const (
	DriftTwice = "run"  // more than once
	DriftHost  = "host" // although it was not asked for
)

// Only reports whether h is an alarm for this kind of difference alone.
func (h HostResult) Only(kind string) bool {
	other := func(c Change) bool { return c.What != kind }
	return h.Proof == ProofDiffers && len(h.Drift) > 0 && !slices.ContainsFunc(h.Drift, other)
}

// Outputs are what hosts printed, by task and host; see [OutputKey].
type Outputs map[string][]byte

// OutputKey names the output of one host in one task.
func OutputKey(task, host string) string { return task + "/" + host }

// begin starts following, with what the API's answer said of the hosts.
func (r *Request) begin(a Answer, now time.Time) {
	r.Follow = Follow{Since: now, Tasks: slices.Clone(a.Tasks), Stops: r.Follow.Stops} // a run that is found again is stopped all the same
	for _, host := range r.Plan.Hosts {
		h, refused := find(a.Refused, func(h HostResult) bool { return h.Host == host })
		h.Host, h.State, h.Exit = host, HostWaiting, -1
		if refused {
			h.State = HostRefused
		}
		r.Follow.Hosts = append(r.Follow.Hosts, h)
	}
}

// Find is [Look] that stores which of the API's tasks may be this run: more than one if they
// cannot be told apart. That takes back a result that was told, and people hear of it.
func Find(tasks []string, hosts []HostResult, again time.Time) Move {
	return Move{Name: "find", Note: "the API's list of tasks: " + strings.Join(tasks, ", "), apply: func(r *Request, now time.Time) error {
		r.look(hosts, Progress{}, again, now)
		r.found(tasks)
		return nil
	}}
}

// Sole is [Find] for a run that goes on when no other task can turn up any more that may be it.
func Sole(hosts []HostResult, again time.Time) Move {
	return Move{Name: "find", Note: "no other task can be the run", apply: func(r *Request, now time.Time) error {
		r.look(hosts, Progress{}, again, now)
		r.Follow.Sole = len(r.Follow.Tasks) == 1
		return nil
	}}
}

func (r *Request) found(tasks []string) {
	if r.Follow.Tasks = slices.Clone(tasks); r.Ambiguous() && !r.Follow.Confirm.IsZero() {
		r.Follow.Confirm = time.Time{}
		r.notify(NoticeResult)
	}
}

// Look stores what the API records of the hosts now, how far its list says the run is, if that is
// more, and when to look again. The card changes only if how many hosts are over or bad has, and
// not every moment.
func Look(hosts []HostResult, listed Progress, again time.Time) Move {
	return Move{Name: "look", quiet: true, from: states{Accepted}, apply: func(r *Request, now time.Time) error {
		if r.look(hosts, listed, again, now) {
			r.Card.Look = r.Revision
		}
		return nil
	}}
}

// look reports whether the card is to show what has changed.
func (r *Request) look(hosts []HostResult, listed Progress, again, now time.Time) bool {
	was := r.Follow.Drawn
	if was.At.IsZero() {
		was.All, was.Over, was.Bad = r.Follow.Counts()
	}
	r.Follow.Hosts, r.RetryAt = slices.Clone(hosts), again
	r.Follow.Polls, r.Tries = r.Follow.Polls+1, 0
	is := Follow{Hosts: hosts, Drawn: listed}.progress(now)
	if was == (Progress{All: is.All, Over: is.Over, Bad: is.Bad, At: was.At}) || now.Sub(was.At) < redrawEvery {
		return false
	}
	r.Follow.Drawn = is
	return true
}

func (f Follow) progress(now time.Time) Progress {
	is := Progress{At: now}
	is.All, is.Over, is.Bad = f.Counts()
	return is
}

// Alarm is [Find] for a run of which a host ran something else than was approved: it tells all who
// may approve, once.
func Alarm(tasks []string, hosts []HostResult, again time.Time) Move {
	return Move{Name: "alarm", apply: func(r *Request, now time.Time) error {
		r.look(hosts, Progress{}, again, now)
		r.found(tasks)
		if r.Follow.Alarmed || !r.Follow.Drifted() {
			return fmt.Errorf("%w: there is nothing new to raise it for", ErrNotAllowed)
		}
		r.Follow.Alarmed = true
		r.notify(NoticeAlarm)
		return nil
	}}
}

// Report tells what has happened on the hosts of the one task that may be the run, if every host
// is over. Another could turn up until then, so until then the request stays open and keeps its
// hosts: what has ended may be somebody else's task.
func Report(task string, hosts []HostResult, until time.Time) Move {
	return Move{Name: "report", Note: "task " + task, apply: func(r *Request, _ time.Time) error {
		r.Follow.Tasks, r.Follow.Hosts, r.Follow.Drawn = []string{task}, slices.Clone(hosts), Progress{}
		if !r.Inferred() || !r.Follow.Confirm.IsZero() || !r.allOver() {
			return fmt.Errorf("%w: there is no end to tell, or it was told", ErrNotAllowed)
		}
		r.Follow.Confirm, r.RetryAt, r.Tries = until, until, 0
		r.tellResult()
		return nil
	}}
}

// tellResult has people told what happened on the hosts, and warned if that was not approved.
func (r *Request) tellResult() {
	if r.Follow.Drifted() && !r.Follow.Alarmed {
		r.Follow.Alarmed = true
		r.notify(NoticeAlarm)
	}
	r.notify(NoticeResult)
}

// Finish ends the following: succeeded only if every approved host, and no other, is recorded and
// good, and that can be proved. why says what else speaks against it: given up, or not to be told.
// Without it every host must be over. A result that was told already is told again only if it is
// taken back.
func Finish(hosts []HostResult, why string) Move {
	return Move{Name: "finish", Note: why, apply: func(r *Request, _ time.Time) error {
		told := !r.Follow.Confirm.IsZero() && why == ""
		_, _, badBefore := r.Follow.Counts()
		r.Follow.Hosts, r.Follow.Why, r.Follow.Confirm, r.Follow.Drawn = slices.Clone(hosts), why, time.Time{}, Progress{}
		if r.Inferred() {
			r.Follow.Tasks = tasksOf(r.Follow)
		}
		if why == "" && !r.allOver() {
			return fmt.Errorf("%w: not every host is over, and it is not given up", ErrNotAllowed)
		}
		bad := func(h HostResult) bool { return !h.Good() || !slices.Contains(r.Plan.Hosts, h.Host) }
		r.State = Succeeded
		if why != "" || r.Unproven() || r.Ambiguous() || slices.ContainsFunc(hosts, bad) {
			r.State = Failed
		}
		_, _, badNow := r.Follow.Counts()
		if !told || r.Ambiguous() || badNow != badBefore || r.Follow.Drifted() && !r.Follow.Alarmed {
			r.tellResult()
		}
		return nil
	}}
}

// tasksOf are the tasks whose hosts were read; before that, those that were found.
func tasksOf(f Follow) (tasks []string) {
	for _, h := range f.Hosts {
		if h.Task != "" && !slices.Contains(tasks, h.Task) {
			tasks = append(tasks, h.Task)
		}
	}
	if tasks == nil {
		return f.Tasks
	}
	return tasks
}

// allOver reports whether every approved host is recorded, and every record is of
// a host that is over.
func (r Request) allOver() bool {
	for _, host := range r.Plan.Hosts {
		if !slices.ContainsFunc(r.Follow.Hosts, func(h HostResult) bool { return h.Host == host }) {
			return false
		}
	}
	return !slices.ContainsFunc(r.Follow.Hosts, func(h HostResult) bool { return !h.Over() })
}
