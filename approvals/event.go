package approvals

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Event is what a move leaves behind. Events are only added, and outlive their request.
//
// The events of a request are a chain: each names the hash of the one before it, and its
// own is SHA-256 of the very bytes that are stored. The record holds the newest hash, the
// head, and the last message in the card's thread shows it. So anyone who changes, removes or
// adds an event afterwards has to change all that follow, and what Slack has.
//
// Each also names a hash of what the record says after it, see [Request.Facts], and how
// many clicks were refused until then, see [Refusals]: neither can be changed alone.
//
// Together they say what ran and why for as long as they are kept, without the record:
// receive has what was asked, and why not if a rule refused it as it was typed; open has
// what people saw and would run, the script too; answer what the API said; and finish what
// became of each host.
type Event struct {
	V        int       `json:"v"` // of this form: 2; see event1 for the one before it
	Request  string    `json:"request"`
	N        int       `json:"n"`              // its place in the chain, from 1
	Prev     string    `json:"prev,omitempty"` // the hash of the one before it; empty: it is the first
	Revision int64     `json:"revision"`       // of the record after the move
	Move     string    `json:"move"`
	From     State     `json:"from,omitempty"`
	To       State     `json:"to,omitempty"`
	By       Person    `json:"by,omitzero"`
	Note     string    `json:"note,omitempty"`
	Digest   Digest    `json:"digest,omitempty"`
	At       time.Time `json:"at,omitzero"` // of the first event the store's own, and not stored with it

	Came    time.Time    `json:"came,omitzero"`     // of the second event: when the first was stored
	Channel string       `json:"channel,omitempty"` // of the first
	Asked   *Asked       `json:"asked,omitempty"`   // of the first; of prepare, if an alias was typed
	Plan    *Plan        `json:"plan,omitempty"`    // of open: of what nobody saw no script is kept
	Answer  *Answer      `json:"answer,omitempty"`
	Hosts   []HostResult `json:"hosts,omitempty"` // of finish

	Refused *Refusals `json:"refused,omitempty"` // until then
	Facts   string    `json:"facts,omitempty"`   // the hash of what the record says after the move

	Hash    string  `json:"-"` // of the bytes that are stored
	Written Written `json:"-"` // of an event that was just made
}

// Written are bytes that were made to be hashed, so that a store need not make them again.
type Written struct {
	Event []byte // [Event.Encode]
	Facts []byte // of the record after the move
}

// Encode makes the bytes of e that are stored and hashed.
func (e Event) Encode() ([]byte, error) {
	if e.V < eventVersion {
		return json.Marshal(e.old())
	}
	if e.N == 1 {
		e.At = time.Time{}
	}
	return encodePlain(e)
}

const eventVersion = 2

// DecodeEvent reads what [Event.Encode] made, and hashes it. It has to be those very
// bytes: else a key could stand twice, or in capitals too, once for people and once for
// us. Earlier forms are read as well.
func DecodeEvent(text []byte) (e Event, err error) {
	var form struct {
		V int `json:"v"`
	}
	if err := json.Unmarshal(text, &form); err != nil {
		return e, err
	}
	switch {
	case form.V > eventVersion:
		return e, fmt.Errorf("an event of form %d, and this bmcmd reads up to %d", form.V, eventVersion)
	case form.V < eventVersion:
		var old event1
		if err = json.Unmarshal(text, &old); err == nil && !old.writtenAs(text) {
			err = errNotWritten
		}
		return old.event(), err
	}
	if err = json.Unmarshal(text, &e); err == nil {
		if again, failed := e.Encode(); failed != nil || !bytes.Equal(again, text) {
			err = errNotWritten
		}
	}
	e.Hash = hashOf(text)
	return e, err
}

var errNotWritten = errors.New("it is not as it was written")

// Sum is the hash that e has to have, in hex.
func (e Event) Sum() string {
	if e.V < eventVersion {
		return e.old().sum()
	}
	text, err := e.Encode()
	if err != nil {
		return ""
	}
	return hashOf(text)
}

func hashOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// chain makes e the newest event of r.
func (r *Request) chain(e Event) Event {
	r.Events++
	facts, err := r.facts()
	if e.V, e.N, e.Prev = eventVersion, r.Events, r.Head; err == nil {
		e.Facts = hashOf(facts)
	}
	if e.N == 2 {
		e.Came = r.Received
	}
	switch e.Move {
	case "receive":
		asked := r.Asked
		e.Channel, e.Asked = r.Origin.Channel, &asked
	case "prepare":
		if r.Asked.Alias != "" {
			e.Asked = &Asked{Script: r.Asked.Script, Alias: r.Asked.Alias}
		}
		if r.Asked.Typed != nil {
			e.Asked = &Asked{Script: r.Asked.Script, Alias: r.Asked.Alias, Hosts: r.Asked.Hosts, Typed: r.Asked.Typed}
		}
	case "open":
		e.Plan = r.Plan
	case "answer":
		e.Answer = r.LastSend().Answer
	case "finish":
		e.Hosts = withoutDiffs(r.Follow.Hosts)
	}
	if r.Refused.All > 0 {
		refused := r.Refused
		e.Refused = &refused
	}
	text, err := e.Encode()
	if err == nil {
		e.Hash = hashOf(text)
	}
	e.Written = Written{text, facts}
	r.Head = e.Hash
	return e
}

// withoutDiffs leaves out the changed lines of scripts: what was approved is in the plan,
// and what ran instead is named by its hash.
func withoutDiffs(hosts []HostResult) []HostResult {
	hosts = slices.Clone(hosts)
	for i := range hosts {
		hosts[i].Drift = slices.Clone(hosts[i].Drift)
		for j := range hosts[i].Drift {
			hosts[i].Drift[j].Diff = ""
		}
	}
	return hosts
}

// Broken says where a chain does not hold: which event, from 1, and why.
type Broken struct {
	N   int
	Why string
}

func (b *Broken) Error() string { return fmt.Sprintf("event %d %s", b.N, b.Why) }

// Verify holds the events of one request against each other, oldest first: their
// hashes, their order and their moves. The error is a *[Broken]. That events are
// missing at the end, or that all were written anew, shows only in the head.
func Verify(events []Event) error {
	var before Event
	for i, e := range events {
		why := ""
		switch {
		case e.Hash != e.Sum():
			why = "was changed: its hash does not fit what it says"
		case i == 0 && (e.N != 1 || e.Prev != "" || e.Move != "receive"):
			why = "is not the first: those before it are missing"
		case i > 0 && before.TurnedAway():
			why = "follows on a run that was refused as it was typed, of which nothing else is kept"
		case i > 0 && e.N != before.N+1:
			why = "does not follow the one before it: one is missing, or stands twice"
		case i > 0 && e.Prev != before.Hash:
			why = "does not follow the one before it: that one was changed or put in"
		case i > 0 && (e.Request != before.Request || e.From != before.To || e.Revision <= before.Revision):
			why = "does not begin where the one before it ended"
		case i > 0 && e.V < before.V:
			why = "is of an older form than the one before it"
		case i == 1 && !e.Came.IsZero() && e.Came.UnixMilli() != before.At.UnixMilli():
			why = "names another time for the one before it: that one was moved in time"
		case e.Plan != nil && e.Plan.Digest() != e.Digest:
			why = "has a plan that is not the one of its digest"
		case i > 0 && e.refused().less(before.refused()):
			why = "counts fewer refused clicks than the one before it"
		case i > 0 && !inTable(e.Move, e.From, e.To) && (len(tableStarts(e.Move)) > 0 || e.From != e.To):
			why = "is a move that there is not"
		}
		if why != "" {
			return &Broken{N: i + 1, Why: why}
		}
		before = e
	}
	return nil
}
