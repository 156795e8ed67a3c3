package approvals

import (
	"bytes"
	"encoding/json"
	"time"
)

// Refusal is a click that was not taken. The refused clicks of a request lie in a list of
// their own, chained like events: none of them raises the request's revision, so nobody
// who may not decide keeps those from their work who have to.
type Refusal struct {
	V       int       `json:"v"`
	Request string    `json:"request"`
	N       int       `json:"n"`              // its place, from 1
	Prev    string    `json:"prev,omitempty"` // the hash of the one before it
	Click   string    `json:"click"`
	Event   string    `json:"event,omitempty"` // the envelope of Slack that it came in
	State   State     `json:"state"`           // of the request then
	By      Person    `json:"by"`
	Note    string    `json:"note,omitempty"` // why; never a secret
	At      time.Time `json:"at"`

	Hash string `json:"-"` // of the bytes that are stored
}

// Refusals are the refused clicks of a request as its store has counted them.
type Refusals struct {
	All  int    `json:"all"`            // of them that were ever counted
	N    int    `json:"n,omitempty"`    // of them that are kept
	Head string `json:"head,omitempty"` // the hash of the newest that is kept
}

// How many refused clicks are kept; the rest is counted.
const (
	MostRefusals    = 200 // of a request
	MostRefusalsBy  = 20  // of a person who may use bmcmd
	MostRefusalsOut = 1   // of one who may not
)

// RecentRefusals is of how many refused clicks of a request the envelopes are remembered.
const RecentRefusals = 32

// Encode makes the bytes of f that are stored and hashed.
func (f Refusal) Encode() ([]byte, error) { return encodePlain(f) }

// DecodeRefusal reads what [Refusal.Encode] made: just those bytes.
func DecodeRefusal(text []byte) (f Refusal, err error) {
	if err := json.Unmarshal(text, &f); err != nil {
		return f, err
	}
	if again, err := f.Encode(); err != nil || f.V != refusalVersion || !bytes.Equal(again, text) {
		return f, errNotWritten
	}
	f.Hash = hashOf(text)
	return f, nil
}

const refusalVersion = 1

// after makes f the next after those that c counts.
func (f Refusal) after(c Refusals) (Refusal, error) {
	f.V, f.N, f.Prev = refusalVersion, c.N+1, c.Head
	text, err := f.Encode()
	f.Hash = hashOf(text)
	return f, err
}

// VerifyRefusals holds the kept refused clicks of a request, oldest first, against each
// other and against what an event or the store counted: of those that it counts none may
// be missing. More may have come since. The error is a *[Broken].
func VerifyRefusals(all []Refusal, counted ...Refusals) error {
	prev := ""
	for i, f := range all {
		if f.N != i+1 || f.Prev != prev {
			return &Broken{N: i + 1, Why: "does not follow the one before it: one was changed, put in or is missing"}
		}
		if prev = f.Hash; f.Request != all[0].Request {
			return &Broken{N: i + 1, Why: "is of another request, " + f.Request}
		}
	}
	for _, c := range counted {
		switch {
		case c.N > len(all):
			return &Broken{N: c.N, Why: "is missing"}
		case c.N > 0 && all[c.N-1].Hash != c.Head:
			return &Broken{N: c.N, Why: "was changed: an event, or the record, names another"}
		}
	}
	return nil
}

func (c Refusals) less(than Refusals) bool { return c.All < than.All || c.N < than.N }

func (e Event) refused() Refusals {
	if e.Refused == nil {
		return Refusals{}
	}
	return *e.Refused
}
