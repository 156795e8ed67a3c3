package approvals

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"
)

// State is where a request is in its life. The chart in README.md shows how it
// gets from one to the next.
type State string

const (
	Received  State = "received"  // kept; not yet looked up
	Pending   State = "pending"   // the card is up, people may decide
	Approved  State = "approved"  // enough people agreed; not yet claimed
	Executing State = "executing" // claimed, perhaps sent
	Accepted  State = "accepted"  // the API took it, and the hosts are followed
	Succeeded State = "succeeded" // every host ended with exit code 0, and its record says that it ran what was approved
	Failed    State = "failed"    // the API said that it cannot run, or not every host succeeded
	Unknown   State = "unknown"   // sent or not, run or not: it is searched for, then people are asked
	Settled   State = "settled"   // unknown, until people said whether it ran
	Refused   State = "refused"   // the rules, the plan or the look-up did not allow it
	Denied    State = "denied"
	Expired   State = "expired"
	Cancelled State = "cancelled"
	// Gone is never stored: the store has lost the record, and a process remembers it.
	Gone State = "gone"
)

// Ended reports whether s is final: no decision changes it any more.
func (s State) Ended() bool {
	switch s {
	case Received, Pending, Approved, Executing, Accepted, Unknown:
		return false
	}
	return true
}

// Schema is the version of the stored form of a Request. A store reads no newer one.
const Schema = 5

// Request is the record of one run asked for. It is a value: moves make a new
// one. Times are those of the store.
type Request struct {
	Schema   int    `json:"schema"`
	ID       string `json:"id"`       // made by NewID from Event
	Event    string `json:"event"`    // the envelope or event of Slack it came from
	Revision int64  `json:"revision"` // counts every write

	State     State     `json:"state"`
	Origin    Origin    `json:"origin"`
	Requester Person    `json:"requester"` // until it is looked up, only Org and User are set
	Asked     Asked     `json:"asked"`
	Plan      *Plan     `json:"plan,omitempty"` // nil until it is looked up
	Digest    Digest    `json:"digest,omitempty"`
	Received  time.Time `json:"received,omitzero"`
	KeptOn    string    `json:"kept_on,omitempty"` // the [Server] that first kept it; empty: not told
	Opened    time.Time `json:"opened,omitzero"`   // when people could first decide
	Expires   time.Time `json:"expires,omitzero"`  // set when it is looked up; for pending and approved

	Decisions []Decision `json:"decisions,omitempty"` // one a person at most
	Clicks    []string   `json:"clicks,omitempty"`    // Slack's envelopes of the presses that moved it, the newest last; see [Move.From]
	Sends     []Send     `json:"sends,omitempty"`
	Follow    Follow     `json:"follow,omitzero"` // from accepted on: what became of the hosts
	Unsure    Unsure     `json:"unsure,omitzero"` // from unknown on: what was looked for, and what people say
	Weak      bool       `json:"weak,omitempty"`  // the store may forget what it confirmed; the card says so

	ApprovedAt  time.Time `json:"approved_at,omitzero"`  // when the quorum was reached
	DispatchBy  time.Time `json:"dispatch_by,omitzero"`  // after it, only a press of Run dispatches
	Waiting     string    `json:"waiting,omitempty"`     // why it has not gone on; words for people
	WaitsFor    string    `json:"waits_for,omitempty"`   // the request that holds its hosts, if it waits for one
	SearchUntil time.Time `json:"search_until,omitzero"` // a send that the store may have forgotten is searched for until then, before anything is sent
	RetryAt     time.Time `json:"retry_at,omitzero"`     // when to try the next step again, never past Expires
	Tries       int       `json:"tries,omitempty"`       // of that step, so far

	Why      string    `json:"why,omitempty"` // why it ended; words for people
	Changes  []Change  `json:"changes,omitempty"`
	EndedBy  *Person   `json:"ended_by,omitempty"`
	EndedAt  time.Time `json:"ended_at,omitzero"`
	Slip     bool      `json:"slip,omitempty"`     // it named nothing that there is: see [Slip]
	Recalled string    `json:"recalled,omitempty"` // the [Server] that showed it older than it had confirmed it
	InDoubt  bool      `json:"in_doubt,omitempty"` // its store may have forgotten a send: see [Kept.Doubtful]

	Card    Card     `json:"card,omitzero"`
	Notices []Notice `json:"notices,omitempty"` // still to be posted, in this order
	Noticed int      `json:"noticed,omitempty"` // how many notices there have been
	Result  Place    `json:"result,omitempty"`  // where the result went, if not into the card's thread
	File    File     `json:"file,omitzero"`     // with all that the hosts printed, if the result has no room for it

	Head   string `json:"head,omitempty"`   // the hash of the newest event; see [Event]
	Events int    `json:"events,omitempty"` // how many there are

	Refused Refusals `json:"-"` // clicks; the store counts them beside the record
}

var (
	// ErrTooLong says that a card cannot show the whole script, parameters, hosts or reason. The error names which and by how much.
	ErrTooLong = errors.New("too long to be shown whole on a card")
	// ErrNotText says that nobody can review the script: it is not UTF-8 text.
	ErrNotText = errors.New("the script is not UTF-8 text and cannot be reviewed")
)

// Origin is where it was typed.
type Origin struct {
	Team    string `json:"team"`
	Channel string `json:"channel"`
	Thread  string `json:"thread,omitempty"` // the thread's first message, if typed in one
}

// Asked is what was typed, parsed.
type Asked struct {
	Script     string   `json:"script"`
	Hosts      []string `json:"hosts"`
	Repeated   []string `json:"repeated,omitempty"` // hosts typed more than once
	Parameters string   `json:"parameters,omitempty"`
	Reason     string   `json:"reason,omitempty"`
	Again      string   `json:"again,omitempty"` // the ended request that this one repeats
	Alias      string   `json:"alias,omitempty"` // what was typed instead of the script's id
	Typed      []string `json:"typed,omitempty"` // what was typed instead of Hosts, once they are ids, if some were typed by their names
}

// check is nil if the hosts are ids or names, and the script is an id or an alias. Which names and alias mean is found
// out later.
func (a Asked) check() (err error) {
	if LikeScript(a.Script) {
		err = ScriptID.Check(a.Script)
	}
	for _, h := range a.Hosts {
		if HostName.Check(h) != nil {
			err = cmp.Or(err, HostID.Check(h))
		}
	}
	return err
}

// HostsTyped are the hosts as they were typed.
func (a Asked) HostsTyped() []string {
	if a.Typed != nil {
		return a.Typed
	}
	return a.Hosts
}

// Send is one attempt to hand the run to the API. It is stored before the
// request goes out.
type Send struct {
	Worker     string    `json:"worker"`
	ClaimedAt  time.Time `json:"claimed_at"`
	LeaseUntil time.Time `json:"lease_until"`      // after it, the worker is taken for lost
	DeadFrom   time.Time `json:"dead_from"`        // from then on the API refuses what was signed at the claim
	Before     []string  `json:"before,omitempty"` // in forms before the fifth, instead of Mark: the tasks of the API before the claim
	Mark       *Mark     `json:"mark,omitempty"`   // what the API's list had before the claim; nil: it was not read
	Since      time.Time `json:"since,omitzero"`   // of a send that only its task tells of: when it can have been at the earliest
	Answer     *Answer   `json:"answer,omitempty"`
}

// Mark is how far the API's list of tasks went before a claim: what it had then is not the run.
type Mark struct {
	At    time.Time `json:"at,omitzero"`     // the newest task had begun then, by the API's clock; zero: there was none
	Tasks []string  `json:"tasks,omitempty"` // those of the script that begun in that second, or no one knows when
}

// Has reports whether a task that has begun then was in the list.
func (m Mark) Has(task string, begun time.Time) bool {
	return slices.Contains(m.Tasks, task) || !begun.IsZero() && begun.Before(m.At)
}

// Had reports whether the API's list had a task before the send.
func (s Send) Had(task string, begun time.Time) bool {
	return slices.Contains(s.Before, task) || s.Mark != nil && s.Mark.Has(task, begun)
}

// Earliest is when the run can have begun at the earliest.
func (s Send) Earliest() time.Time {
	if s.Since.IsZero() {
		return s.ClaimedAt
	}
	return s.Since
}

// Outcome is what an answer to a send means.
type Outcome string

const (
	OutcomeAccepted Outcome = "accepted" // the API took it
	OutcomeRefused  Outcome = "refused"  // refused before anything could run
	OutcomeFailed   Outcome = "failed"   // the API says that it cannot run
	OutcomeUnknown  Outcome = "unknown"
	OutcomeNotSent  Outcome = "not sent" // proved that no byte left
)

// Answer is what came of a send. Its texts are scrubbed of credentials before
// they get here.
type Answer struct {
	Outcome   Outcome      `json:"outcome"`
	Code      int          `json:"code"`
	Name      string       `json:"name,omitempty"`
	Message   string       `json:"message,omitempty"`    // the API's own words
	Meaning   string       `json:"meaning,omitempty"`    // ours
	Hint      string       `json:"hint,omitempty"`       // what to do
	RequestID string       `json:"request_id,omitempty"` // the API's own, where it gives one
	Tasks     []string     `json:"tasks,omitempty"`      // the API's tasks, where the answer names them
	Refused   []HostResult `json:"refused,omitempty"`    // hosts that the API did not take
	Again     bool         `json:"again,omitempty"`      // refused for a reason that is mended by itself: dispatch again at once
	Busy      bool         `json:"busy,omitempty"`       // refused because the API takes no more calls for now: dispatched again by itself, after a while
	At        time.Time    `json:"at"`
}

// Retried reports whether the bot sends again by itself after a: nothing of that send ran.
func (a Answer) Retried() bool {
	return a.Outcome == OutcomeNotSent || a.Outcome == OutcomeRefused && a.Busy
}

// Card is the message that shows the request.
type Card struct {
	Channel  string `json:"channel,omitempty"`
	TS       string `json:"ts,omitempty"` // empty until it was posted
	Look     int64  `json:"look"`         // the revision at which it last had to change
	Shown    int64  `json:"shown"`        // the look it was last drawn with
	Reposted bool   `json:"reposted,omitempty"`
	Gone     bool   `json:"gone,omitempty"` // deleted twice, or not to be reached: not drawn any more

	At    time.Time `json:"at,omitzero"`     // when to try again to draw it
	Tries int       `json:"tries,omitempty"` // since it was last drawn
}

// Listed is a request in a list, with a link to its card where there is one.
type Listed struct {
	Request Request
	Link    string
}

// Place is where people were told something; empty: where it belongs.
type Place string

const (
	Alone   Place = "alone"   // told to each person alone: the thread is not to be had, or not for it
	Nowhere Place = "nowhere" // the chat did not take it for a day
)

// File is the file of a result. Each effect has its mark: the message stands before the file is owed, the
// bytes are with the chat once ID is set, and the file stands in the thread once Shared is. Or it was given
// up, with a Why, and people are told so.
type File struct {
	Since  time.Time `json:"since,omitzero"` // when the result was posted
	Thread string    `json:"thread,omitempty"`
	ID     string    `json:"id,omitempty"` // the chat's, for bytes that it has
	Shared bool      `json:"shared,omitempty"`
	Why    string    `json:"why,omitempty"`    // why it is given up; words for people
	Unsure bool      `json:"unsure,omitempty"` // with Why: it may stand in the thread all the same
}

// NoticeKind says which message a notice is. What it says is drawn from the record.
type NoticeKind string

const (
	NoticeAnswer  NoticeKind = "answer"  // what the API said, to requester and approvers
	NoticeEnded   NoticeKind = "ended"   // refused, denied, expired or cancelled, to the requester
	NoticeWaiting NoticeKind = "waiting" // approved, but not run yet, and why
	NoticeUnknown NoticeKind = "unknown" // it is not known whether it ran, to requester and approvers
	NoticeFound   NoticeKind = "found"   // its task was found: it ran, to requester and approvers
	NoticeAsk     NoticeKind = "ask"     // people have to say whether it ran, to requester and all who may approve
	NoticeSettled NoticeKind = "settled" // what they said, to requester and approvers
	NoticeResult  NoticeKind = "result"  // what happened on the hosts, to requester and approvers
	NoticeBack    NoticeKind = "back"    // the store has gone back: what was decided since is lost, to requester and approvers
	NoticeGone    NoticeKind = "gone"    // the store has lost the record, to requester and approvers; never stored
	NoticeAlarm   NoticeKind = "alarm"   // a host ran something else than was approved, to all who may approve
	NoticeStop    NoticeKind = "stop"    // the cloud has not carried out an order to stop it, to requester and approvers
	NoticeFile    NoticeKind = "file"    // the file of a result, or why there is none; after the result
)

// Notice is a message that is owed. It leaves the list when it was posted.
type Notice struct {
	N     int        `json:"n"`
	Kind  NoticeKind `json:"kind"`
	At    time.Time  `json:"at,omitzero"` // when to try again
	Tries int        `json:"tries,omitempty"`
	Alone []string   `json:"alone,omitempty"` // user ids of those who were told alone already
}

// NewID makes a request's id from the event it came from, so that the same event
// twice is one request. Events are unique within a team.
func NewID(team, event string) string {
	sum := sha256.Sum256([]byte(team + "\x00" + event))
	const letters = "abcdefghjkmnpqrstuvwxyz23456789" // without i, l, o, 0 and 1: ids are typed by hand
	id := make([]byte, 10)
	for i := range id {
		id[i] = letters[int(sum[i])%len(letters)]
	}
	return "r-" + string(id)
}

// Twin is the same for two requests that ask for the same: same person, script as
// it was typed, hosts and parameters. Only one such request may be open.
func (r Request) Twin() string {
	e := encoder{sha256.New()}
	script := r.Asked.Script
	if r.Asked.Alias != "" {
		script = r.Asked.Alias
	}
	e.text("bmcmd twin 1", r.Requester.Org, r.Requester.User, script, r.Asked.Parameters)
	e.list(r.Asked.HostsTyped())
	return hex.EncodeToString(e.h.Sum(nil)[:16])
}

// Subject is what rules are looked up for. Of its hosts it has the facts that decided something when it was looked up.
func (r Request) Subject() Subject {
	var facts []Fact
	if r.Plan != nil {
		facts = r.Plan.Facts
	}
	return Subject{Known: knownBy(facts), Script: r.Asked.Script, Hosts: r.Asked.Hosts, Channel: r.Origin.Channel, Requester: r.Requester}
}

// LastSend is the newest send, or nil.
func (r Request) LastSend() *Send {
	if len(r.Sends) == 0 {
		return nil
	}
	return &r.Sends[len(r.Sends)-1]
}

// Holds reports whether r's hosts are kept for it: it may run there at this moment,
// and no other run of its script may. One that is unknown holds them until it is
// found or settled, or somebody lifts that.
func (r Request) Holds() bool {
	switch r.State {
	case Executing, Accepted:
		return true
	case Unknown:
		return !r.Unsure.Lifted
	}
	return false
}

// Traceless reports whether nothing of r is kept any more: record, events and all.
func (r Request) Traceless() bool { return r.Slip && r.State.Ended() && !r.Owes() }

// Inferred reports whether nothing but the API's list says which task the run is: the answer to
// the send named none, and the run carries no name.
func (r Request) Inferred() bool {
	send := r.LastSend()
	return send != nil && !r.Plan.Named() && (send.Answer == nil || len(send.Answer.Tasks) == 0)
}

// Ambiguous reports whether more than one of the API's tasks may be this run, and they cannot be told apart.
func (r Request) Ambiguous() bool { return len(r.Follow.Tasks) > 1 && r.Inferred() }

// Unproven reports whether nobody can prove what the run came to: its task is inferred, and the list was not read
// before the claim, so a task of before may be taken for it.
func (r Request) Unproven() bool {
	send := r.LastSend()
	return r.Inferred() && send.Mark == nil && send.Before == nil && send.Since.IsZero()
}

// clone copies what moves append to, so that a move never writes into the old
// version.
func (r Request) clone() Request {
	r.Decisions = slices.Clone(r.Decisions)
	r.Clicks = slices.Clone(r.Clicks)
	r.Sends = slices.Clone(r.Sends)
	r.Notices = slices.Clone(r.Notices)
	r.Changes = slices.Clone(r.Changes)
	r.Follow.Tasks = slices.Clone(r.Follow.Tasks)
	r.Follow.Hosts = slices.Clone(r.Follow.Hosts)
	r.Follow.Stops = slices.Clone(r.Follow.Stops)
	r.Unsure.Statements = slices.Clone(r.Unsure.Statements)
	return r
}
