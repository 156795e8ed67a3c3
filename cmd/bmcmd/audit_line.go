package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/approvals/redisstore"
)

// exportVersion is the version of the lines below. A verify reads no newer one. In the
// first, a line of kind event was the event itself.
const exportVersion = 2

// The lines of an export, by their kind.
type (
	exportLine struct {
		Kind      string              `json:"kind"` // export
		Version   int                 `json:"version"`
		Workspace string              `json:"workspace"`
		At        time.Time           `json:"at"` // by the clock of who exported
		Filters   map[string][]string `json:"filters,omitempty"`
	}
	eventLine struct {
		Kind  string          `json:"kind"`        // event
		At    time.Time       `json:"at,omitzero"` // of the first, by Redis: no hash has it
		Hash  string          `json:"hash"`
		Event json.RawMessage `json:"event"` // as it is stored
	}
	clickLine struct {
		Kind    string          `json:"kind"` // refused
		Request string          `json:"request"`
		Hash    string          `json:"hash,omitempty"`
		Click   json.RawMessage `json:"click,omitempty"` // as it is stored; none: it cannot be read
	}
	// unreadableLine stands for what lies among events and is none.
	unreadableLine struct {
		Kind    string `json:"kind"` // unreadable
		Request string `json:"request"`
		N       int    `json:"n"` // its place, from 1
	}
	headLine struct {
		Kind    string `json:"kind"` // head
		Request string `json:"request"`
		Lines   int    `json:"lines"` // how many events stand above
		Last    string `json:"last"`  // the hash of the last of them
		Clicks  int    `json:"clicks,omitempty"`
		word
	}
	endLine struct {
		Kind     string `json:"kind"` // end
		Requests int    `json:"requests"`
		Events   int    `json:"events"`
		SHA256   string `json:"sha256"` // of all bytes before this line
	}
)

// word is what a record says of its events.
type word struct {
	Record string           `json:"record"` // kept, gone or unreadable; of the others only kept says anything
	State  approvals.State  `json:"state,omitempty"`
	Head   string           `json:"head,omitempty"`
	Events int              `json:"events,omitempty"`
	Digest approvals.Digest `json:"digest,omitempty"`

	Facts   string              `json:"facts,omitempty"`
	Refused *approvals.Refusals `json:"refused,omitempty"`
}

const (
	kept       = "kept"
	gone       = "gone"
	unreadable = "unreadable"
)

// past is what is left of one request, in Redis or in an export.
type past struct {
	id     string
	events []approvals.Event
	noList bool  // what lies where events belong cannot be read at all
	odd    []int // places, from 1, of what is no event: it is empty there
	clicks []approvals.Refusal
	lost   bool // some clicks are not what bmcmd wrote
	word   word // empty if an export lacks it
}

func pastOf(h redisstore.History) past {
	p := past{id: h.ID, events: h.Events, odd: h.Unreadable, noList: h.EventsErr != nil, clicks: h.Refusals, lost: len(h.Lost) > 0}
	switch {
	case h.RecordErr == nil:
		p.word = word{Record: kept, State: h.Record.State, Head: h.Record.Head, Events: h.Record.Events, Digest: h.Record.Digest, Facts: h.Record.Facts()}
		if h.Record.Refused.All > 0 {
			p.word.Refused = &h.Record.Refused
		}
	case errors.Is(h.RecordErr, approvals.ErrNotFound):
		p.word.Record = gone
	default:
		p.word.Record = unreadable
	}
	return p
}

// last is the hash of the newest event.
func (p past) last() string {
	if len(p.events) == 0 {
		return ""
	}
	return p.events[len(p.events)-1].Hash
}

// lines are those of one request in an export.
func (p past) lines() (out []any) {
	for i, e := range p.events {
		if slices.Contains(p.odd, i+1) {
			out = append(out, unreadableLine{Kind: unreadable, Request: p.id, N: i + 1})
			continue
		}
		text, _ := e.Encode()
		l := eventLine{Kind: "event", Hash: e.Hash, Event: approvals.PlainJSON(text)}
		if e.N == 1 {
			l.At = e.At
		}
		out = append(out, l)
	}
	for _, c := range p.clicks {
		l := clickLine{Kind: "refused", Request: p.id}
		if c.Hash != "" {
			l.Hash = c.Hash
			l.Click, _ = c.Encode()
		}
		out = append(out, l)
	}
	return append(out, headLine{Kind: "head", Request: p.id, Lines: len(p.events), Last: p.last(), Clicks: len(p.clicks), word: p.word})
}

// encodeLine is the one way to write a line. What could do something to a terminal
// stands as \u001b.
func encodeLine(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return approvals.PlainJSON(b.Bytes()), err
}
