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
	Stops []Stop       `json:"stops,omitempty"` // in order; the cloud hears of one at a time

	Drawn   Progress `json:"drawn,omitzero"`    // what a look last had the card show
	Alarmed bool     `json:"alarmed,omitempty"` // people were told that a host ran something else
}

// Progress is how far a run was at a moment; see [Follow.Counts].
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

// Counts are how many hosts there are, are over, and are over but not good.
func (f Follow) Counts() (all, over, bad int) {
	for _, h := range f.Hosts {
		if h.Over() {
			over++
			if !h.Good() {
				bad++
			}
		}
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

// Find stores which of the API's tasks are this run: more than one if they cannot
// be told apart.
func Find(tasks []string) Move {
	return Move{Name: "find", Note: "the API's list of tasks: " + strings.Join(tasks, ", "), apply: func(r *Request, _ time.Time) error {
		r.Follow.Tasks = slices.Clone(tasks)
		r.RetryAt, r.Tries = time.Time{}, 0
		return nil
	}}
}

// Look stores what the API records of the hosts now, and when to look again. The
// card changes only if how many hosts are over or bad has, and not every moment.
func Look(hosts []HostResult, again time.Time) Move {
	return Move{Name: "look", quiet: true, from: states{Accepted}, apply: func(r *Request, now time.Time) error {
		if r.look(hosts, again, now) {
			r.Card.Look = r.Revision
		}
		return nil
	}}
}

// look reports whether the card is to show what has changed.
func (r *Request) look(hosts []HostResult, again, now time.Time) bool {
	was := r.Follow.Drawn
	if was.At.IsZero() {
		was.All, was.Over, was.Bad = r.Follow.Counts()
	}
	r.Follow.Hosts, r.RetryAt = slices.Clone(hosts), again
	r.Follow.Polls, r.Tries = r.Follow.Polls+1, 0
	is := Progress{At: now}
	is.All, is.Over, is.Bad = r.Follow.Counts()
	if was == (Progress{All: is.All, Over: is.Over, Bad: is.Bad, At: was.At}) || now.Sub(was.At) < redrawEvery {
		return false
	}
	r.Follow.Drawn = is
	return true
}

// Alarm is [Look] for a run of which a host ran something else than was approved:
// it leaves an event and tells all who may approve, once.
func Alarm(hosts []HostResult, again time.Time) Move {
	return Move{Name: "alarm", apply: func(r *Request, now time.Time) error {
		r.look(hosts, again, now)
		if r.Follow.Alarmed || !r.Follow.Drifted() {
			return fmt.Errorf("%w: there is nothing new to raise it for", ErrNotAllowed)
		}
		r.Follow.Alarmed = true
		r.notify(NoticeAlarm)
		return nil
	}}
}

// Finish ends the following: succeeded only if every approved host, and no other,
// is recorded and good. why says what else stands against it: given up, or not to
// be told. Without it every host must be over.
func Finish(hosts []HostResult, why string) Move {
	return Move{Name: "finish", Note: why, apply: func(r *Request, _ time.Time) error {
		r.Follow.Hosts, r.Follow.Why = slices.Clone(hosts), why
		if why == "" && !r.allOver() {
			return fmt.Errorf("%w: not every host is over, and it is not given up", ErrNotAllowed)
		}
		bad := func(h HostResult) bool { return !h.Good() || !slices.Contains(r.Plan.Hosts, h.Host) }
		r.State = Succeeded
		if why != "" || slices.ContainsFunc(hosts, bad) {
			r.State = Failed
		}
		if r.Follow.Drifted() && !r.Follow.Alarmed {
			r.Follow.Alarmed = true
			r.notify(NoticeAlarm)
		}
		r.notify(NoticeResult)
		return nil
	}}
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
