package approvals

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// event1 is the first form of an [Event]. It held its own hash, of an encoding of its
// fields, and refused clicks were events, too. Chains that began with it go on.
type event1 struct {
	Request  string    `json:"request"`
	Revision int64     `json:"revision"`
	Move     string    `json:"move"`
	From     State     `json:"from,omitempty"`
	To       State     `json:"to,omitempty"`
	By       Person    `json:"by,omitzero"`
	Note     string    `json:"note,omitempty"`
	Digest   Digest    `json:"digest,omitempty"`
	At       time.Time `json:"at"`

	Channel string   `json:"channel,omitempty"`
	Script  string   `json:"script,omitempty"`
	Hosts   []string `json:"hosts,omitempty"`

	N    int    `json:"n"`
	Prev string `json:"prev,omitempty"`
	Hash string `json:"hash"`
}

func (o event1) event() Event {
	e := Event{
		Request: o.Request, N: o.N, Prev: o.Prev, Revision: o.Revision, Move: o.Move, From: o.From, To: o.To,
		By: o.By, Note: o.Note, Digest: o.Digest, At: o.At, Channel: o.Channel, Hash: o.Hash,
	}
	if o.Script != "" || len(o.Hosts) > 0 {
		e.Asked = &Asked{Script: o.Script, Hosts: o.Hosts}
	}
	return e
}

// writtenAs reports whether text is o as it was stored, or as an export had it: there
// < > & and what is not to be seen stand otherwise. Events from before there were hashes
// prove nothing.
func (o event1) writtenAs(text []byte) bool {
	var b bytes.Buffer
	unescaped := json.NewEncoder(&b)
	unescaped.SetEscapeHTML(false)
	if o.Hash == "" || unescaped.Encode(o) != nil {
		return o.Hash == ""
	}
	stored, _ := json.Marshal(o)
	for _, form := range [][]byte{stored, PlainJSON(stored), PlainJSON(bytes.TrimSpace(b.Bytes()))} {
		if bytes.Equal(form, text) {
			return true
		}
	}
	return false
}

// old is e, which was read from that form, in it.
func (e Event) old() event1 {
	o := event1{
		Request: e.Request, N: e.N, Prev: e.Prev, Revision: e.Revision, Move: e.Move, From: e.From, To: e.To,
		By: e.By, Note: e.Note, Digest: e.Digest, Channel: e.Channel, Hash: e.Hash,
	}
	if e.N > 1 { // the first had none in what was stored
		o.At = e.At
	}
	if e.Asked != nil {
		o.Script, o.Hosts = e.Asked.Script, slices.Clone(e.Asked.Hosts)
	}
	return o
}

// sum is SHA-256 over a length-prefixed encoding of all fields but the hash.
func (o event1) sum() string {
	at := ""
	if o.N > 1 {
		at = o.At.UTC().Format(time.RFC3339Nano)
	}
	enc := encoder{sha256.New()}
	enc.text("bmcmd event 1", strconv.Itoa(o.N), o.Prev, o.Request, strconv.FormatInt(o.Revision, 10), o.Move, string(o.From), string(o.To),
		o.By.Org, o.By.ID, o.By.User, o.By.Name, o.Note, string(o.Digest), at, o.Channel, o.Script)
	enc.list(o.Hosts)
	return hex.EncodeToString(enc.h.Sum(nil))
}
