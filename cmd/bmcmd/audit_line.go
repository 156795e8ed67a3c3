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

// exportVersion is the version of the lines below. A verify reads no newer one.
const exportVersion = 1

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
		Kind string `json:"kind"` // event
		approvals.Event
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
	word   word  // empty if an export lacks it
}

func pastOf(h redisstore.History) past {
	p := past{id: h.ID, events: h.Events, odd: h.Unreadable, noList: h.EventsErr != nil}
	switch {
	case h.RecordErr == nil:
		p.word = word{Record: kept, State: h.Record.State, Head: h.Record.Head, Events: h.Record.Events, Digest: h.Record.Digest}
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
		out = append(out, eventLine{Kind: "event", Event: e})
	}
	return append(out, headLine{Kind: "head", Request: p.id, Lines: len(p.events), Last: p.last(), word: p.word})
}

// encodeLine is the one way to write a line. What could do something to a terminal
// stands as \u001b.
func encodeLine(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return tame(b.Bytes()), err
}
