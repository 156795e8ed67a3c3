package approvals

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Event is what a move or a refused click leaves behind. Events are only added,
// and outlive their request.
//
// The events of a request are a chain: each holds the hash of the one before it, and
// its own over all of its fields. The record holds the newest hash, the head, and the
// last message in the card's thread shows it. So whoever changes, removes or adds an
// event afterwards has to change all that follow, and what Slack has.
type Event struct {
	Request  string    `json:"request"`
	Revision int64     `json:"revision"` // of the record after the move
	Move     string    `json:"move"`
	From     State     `json:"from,omitempty"`
	To       State     `json:"to,omitempty"`
	By       Person    `json:"by,omitzero"`
	Note     string    `json:"note,omitempty"`
	Digest   Digest    `json:"digest,omitempty"`
	At       time.Time `json:"at"` // of the first event the store's own, and in no hash

	// The first event says what was asked for, and prepare what that means.
	Channel string   `json:"channel,omitempty"`
	Script  string   `json:"script,omitempty"`
	Hosts   []string `json:"hosts,omitempty"`

	N    int    `json:"n"`              // its place in the chain, from 1
	Prev string `json:"prev,omitempty"` // the hash of the one before it; empty: it is the first
	Hash string `json:"hash"`
}

// Sum is the hash of e, in hex: SHA-256 over a versioned, length-prefixed encoding of
// all of its other fields.
func (e Event) Sum() string {
	at := ""
	if e.N > 1 {
		at = e.At.UTC().Format(time.RFC3339Nano)
	}
	enc := encoder{sha256.New()}
	enc.text("bmcmd event 1", strconv.Itoa(e.N), e.Prev, e.Request, strconv.FormatInt(e.Revision, 10), e.Move, string(e.From), string(e.To),
		e.By.Org, e.By.ID, e.By.User, e.By.Name, e.Note, string(e.Digest), at, e.Channel, e.Script)
	enc.list(e.Hosts)
	return hex.EncodeToString(enc.h.Sum(nil))
}

// chain makes e the newest event of r.
func (r *Request) chain(e Event) Event {
	if e.Move == "receive" || e.Move == "prepare" {
		e.Channel, e.Script, e.Hosts = r.Origin.Channel, r.Asked.Script, slices.Clone(r.Asked.Hosts)
	}
	e.clean()
	r.Events++
	e.N, e.Prev = r.Events, r.Head
	e.Hash = e.Sum()
	r.Head = e.Hash
	return e
}

// clean makes every text of e one that JSON keeps as it is: what is no text would be
// another one when it is read again, and its hash with it.
func (e *Event) clean() {
	for _, s := range []*string{&e.Move, &e.By.Org, &e.By.ID, &e.By.User, &e.By.Name, &e.Note, &e.Channel, &e.Script} {
		*s = strings.ToValidUTF8(*s, "\uFFFD")
	}
	for i := range e.Hosts {
		e.Hosts[i] = strings.ToValidUTF8(e.Hosts[i], "\uFFFD")
	}
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
		case i > 0 && e.N != before.N+1:
			why = "does not follow the one before it: one is missing, or stands twice"
		case i > 0 && e.Prev != before.Hash:
			why = "does not follow the one before it: that one was changed or put in"
		case i > 0 && (e.Request != before.Request || e.From != before.To || e.Revision <= before.Revision):
			why = "does not begin where the one before it ended"
		case i > 0 && inAnyRow(e.Move) && !inTable(e.Move, e.From, e.To), !inAnyRow(e.Move) && i > 0 && e.From != e.To:
			why = "is a move that there is not"
		}
		if why != "" {
			return &Broken{N: i + 1, Why: why}
		}
		before = e
	}
	return nil
}
