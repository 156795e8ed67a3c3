package approvals

import (
	"bytes"
	"testing"
)

// What is read as an event, or as a refused click, is the very bytes that bmcmd writes of
// it, and can be verified.
func FuzzDecodeEvent(f *testing.F) {
	_, events := approvedStory(f)
	for _, e := range events {
		text, err := e.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, text := range []string{
		`{"v":2,"request":"r-1","n":1,"revision":1,"move":"receive","to":"received","NOTE":"x"}`,
		`{"v":3}`, `{"v":1}`, `{"v":-1}`, `{}`, `null`, `[]`, `{"v":2,"plan":null}`,
		`{"request":"r-1","revision":1,"move":"receive","at":"0001-01-01T00:00:00Z","n":1,"hash":"00"}`,
		`{"v":1,"request":"r-1","n":1,"click":"run","state":"pending","by":{"org":"","id":"","user":"U1","name":""},"at":"2026-03-01T02:00:00Z"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if e, err := DecodeEvent(text); err == nil {
			if again, err := e.Encode(); e.V >= eventVersion && (err != nil || !bytes.Equal(again, text) || e.Hash != hashOf(text)) {
				t.Errorf("%s is read, and written as %s: %v", text, again, err)
			}
			_ = Verify([]Event{e, e})
		}
		if c, err := DecodeRefusal(text); err == nil {
			if again, err := c.Encode(); err != nil || !bytes.Equal(again, text) {
				t.Errorf("%s is read, and written as %s: %v", text, again, err)
			}
			_ = VerifyRefusals([]Refusal{c}, Refusals{All: 1, N: 1, Head: c.Hash})
		}
	})
}
