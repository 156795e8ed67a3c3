package approvals

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Facts is the hash of all that r says, in hex, but for what quiet moves note: what was
// posted, when to look again, and how far hosts are until it has ended. So it is the same
// from one event to the next, and each event names it. A new field of a record is a fact
// unless it is left out here.
func (r Request) Facts() string {
	r.Schema, r.Revision, r.Head, r.Events = 0, 0, "", 0
	r.Received, r.KeptOn = time.Time{}, "" // the store's, written with the first event; the second has the time
	r.Card, r.Notices, r.Noticed, r.Result, r.File = Card{}, nil, 0, "", File{}
	r.RetryAt, r.Tries = time.Time{}, 0
	r.Unsure.Looks, r.Follow.Polls, r.Follow.Drawn = 0, 0, Progress{}
	if !r.State.Ended() {
		r.Follow.Hosts = nil
	}
	if r.Plan != nil {
		plan := *r.Plan
		plan.Script.Content = nil // the digest has it
		r.Plan = &plan
	}
	text, err := encodePlain(r)
	if err != nil {
		return ""
	}
	return hashOf(text)
}

// Encode makes the bytes of r that are stored.
func (r Request) Encode() ([]byte, error) { return encodePlain(r) }

// encodePlain makes JSON that is the same after it was read again, and that does nothing
// to a terminal: what is not to be seen stands as \u202e. Bytes that are not text become
// U+FFFD.
func encodePlain[T any](v T) ([]byte, error) {
	text, err := json.Marshal(v)
	if err == nil && bytes.Contains(text, []byte(`\ufffd`)) { // written otherwise the second time
		var again T
		if err = json.Unmarshal(text, &again); err == nil {
			text, err = json.Marshal(again)
		}
	}
	return PlainJSON(text), err
}

// PlainJSON escapes what is not to be seen in JSON. Its encoder has done so for everything
// below a space, and JSON has such characters only inside strings.
func PlainJSON(in []byte) []byte {
	out := make([]byte, 0, len(in))
	for len(in) > 0 {
		r, n := utf8.DecodeRune(in)
		switch {
		case r == '\n' || unicode.IsPrint(r):
			out = append(out, in[:n]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		in = in[n:]
	}
	return out
}
