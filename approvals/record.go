package approvals

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// stored is a [Request] as a store keeps it: its facts, by the bytes that [Request.Facts]
// hashes, and beside them what is no fact. Up to its fourth form it was the Request itself.
type stored struct {
	Schema   int       `json:"schema"`
	ID       string    `json:"id"`
	Revision int64     `json:"revision"`
	Received time.Time `json:"received,omitzero"`
	KeptOn   string    `json:"kept_on,omitempty"`
	Script   string    `json:"script,omitempty"` // the SHA-256 of the script's text, which is kept once for all who have it

	Card    Card      `json:"card,omitzero"`
	Notices []Notice  `json:"notices,omitempty"`
	Noticed int       `json:"noticed,omitempty"`
	Result  Place     `json:"result,omitempty"`
	File    File      `json:"file,omitzero"`
	RetryAt time.Time `json:"retry_at,omitzero"`
	Tries   int       `json:"tries,omitempty"`

	Looks int          `json:"looks,omitempty"` // of [Unsure]
	Polls int          `json:"polls,omitempty"` // of [Follow], and the next two
	Drawn Progress     `json:"drawn,omitzero"`
	Hosts []HostResult `json:"hosts,omitempty"` // until it has ended: then they are facts

	Head   string `json:"head,omitempty"`
	Events int    `json:"events,omitempty"`
}

// factsHere stands before the facts, which are the last: nothing before them has a key of
// this name, and within a text its quotes would be escaped.
const factsHere = `,"facts":`

// split parts r into its facts and the rest.
func (r Request) split() (facts Request, rest stored) {
	rest = stored{
		Schema: r.Schema, ID: r.ID, Revision: r.Revision, Received: r.Received, KeptOn: r.KeptOn,
		Card: r.Card, Notices: r.Notices, Noticed: r.Noticed, Result: r.Result, File: r.File, RetryAt: r.RetryAt, Tries: r.Tries,
		Looks: r.Unsure.Looks, Polls: r.Follow.Polls, Drawn: r.Follow.Drawn, Head: r.Head, Events: r.Events,
	}
	r.Schema, r.Revision, r.Head, r.Events = 0, 0, "", 0
	r.Received, r.KeptOn = time.Time{}, "" // the store's, written with the first event; the second has the time
	r.Card, r.Notices, r.Noticed, r.Result, r.File = Card{}, nil, 0, "", File{}
	r.RetryAt, r.Tries = time.Time{}, 0
	r.Unsure.Looks, r.Follow.Polls, r.Follow.Drawn = 0, 0, Progress{}
	if !r.State.Ended() {
		rest.Hosts, r.Follow.Hosts = r.Follow.Hosts, nil
	}
	if r.Plan != nil {
		plan := *r.Plan
		plan.Script.Content = nil // the digest has it
		r.Plan = &plan
	}
	return r, rest
}

// whole is what split parted.
func (s stored) whole(facts Request) Request {
	r := facts
	r.Schema, r.ID, r.Revision, r.Received, r.KeptOn = s.Schema, s.ID, s.Revision, s.Received, s.KeptOn
	r.Card, r.Notices, r.Noticed, r.Result, r.File, r.RetryAt, r.Tries = s.Card, s.Notices, s.Noticed, s.Result, s.File, s.RetryAt, s.Tries
	r.Unsure.Looks, r.Follow.Polls, r.Follow.Drawn, r.Head, r.Events = s.Looks, s.Polls, s.Drawn, s.Head, s.Events
	if s.Hosts != nil {
		r.Follow.Hosts = s.Hosts
	}
	return r
}

// Facts is the hash of all that r says, in hex, but for what quiet moves note: what was
// posted, when to look again, and how far hosts are until it has ended. So it is the same
// from one event to the next, and each event names it. A new field of a record is a fact
// unless it is left out here.
func (r Request) Facts() string {
	text, err := r.facts()
	if err != nil {
		return ""
	}
	return hashOf(text)
}

func (r Request) facts() ([]byte, error) {
	facts, _ := r.split()
	return encodePlain(facts)
}

// Encode makes the bytes of r that are stored, but for the text of its script: they name
// that by its hash. facts are those of its newest event, if it was just made; see
// [Written]; else nil.
func (r Request) Encode(facts []byte) (text []byte, err error) {
	if facts == nil {
		if facts, err = r.facts(); err != nil {
			return nil, err
		}
	}
	_, rest := r.split()
	if r.Plan != nil && len(r.Plan.Script.Content) > 0 {
		rest.Script = r.Plan.Script.SHA256()
	}
	if text, err = encodePlain(rest); err != nil {
		return nil, err
	}
	return slices.Concat(bytes.TrimSuffix(text, []byte("}")), []byte(factsHere), facts, []byte("}")), nil
}

// DecodeRequest reads what [Request.Encode] made, by this version or an earlier one. script
// answers the text of a script by its hash. Errors are [ErrUnreadable], or script's.
func DecodeRequest(text []byte, script func(sha string) ([]byte, error)) (r Request, err error) {
	if schemaOf(text) < apart {
		if err := json.Unmarshal(text, &r); err != nil || r.Schema >= apart {
			return Request{}, unreadable(text)
		}
		return r, nil
	}
	rest, facts, _ := bytes.Cut(text, []byte(factsHere))
	var s stored
	facts, closed := bytes.CutSuffix(facts, []byte("}"))
	if json.Unmarshal(slices.Concat(rest, []byte("}")), &s) != nil || s.Schema > Schema || !closed || json.Unmarshal(facts, &r) != nil {
		return Request{}, unreadable(text)
	}
	r = s.whole(r)
	if s.Script != "" && r.Plan != nil {
		r.Plan.Script.Content, err = script(s.Script)
	}
	return r, err
}

// schemaOf is what a record begins with; 0 if it does not.
func schemaOf(text []byte) (n int) {
	_, _ = fmt.Fscanf(bytes.NewReader(text), `{"schema":%d`, &n)
	return n
}

// apart is the schema from which on facts stand apart in a record.
const apart = 5

// unreadable says what is wrong with a record, without quoting it.
func unreadable(text []byte) error {
	var head struct {
		Schema int    `json:"schema"`
		ID     string `json:"id"`
	}
	err := json.Unmarshal(text, &head)
	if err == nil && head.Schema > Schema {
		return fmt.Errorf("%w: request %s has schema %d, this bmcmd reads up to %d: upgrade this bmcmd", ErrUnreadable, head.ID, head.Schema, Schema)
	}
	return fmt.Errorf("%w: request %s is not what bmcmd wrote: look at it with redis-cli", ErrUnreadable, head.ID)
}
