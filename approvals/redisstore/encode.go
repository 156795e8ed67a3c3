package redisstore

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// encode makes the two texts that a swap stores, each once.
func encode(w approvals.Swap) (body, event []byte, err error) {
	if body, err = w.Next.Encode(); err != nil {
		return nil, nil, fmt.Errorf("request %s: %w", w.Next.ID, err)
	}
	if w.Event.Move == "" {
		return body, []byte{}, nil
	}
	event, err = encodeEvent(w.Event)
	return body, event, err
}

// encodeEvent makes "hash JSON".
func encodeEvent(e approvals.Event) ([]byte, error) {
	text, err := e.Encode()
	if err != nil {
		return nil, fmt.Errorf("event of %s: %w", e.Request, err)
	}
	return append([]byte(e.Hash+" "), text...), nil
}

// decode reads a record. The schema is read first: a newer one may have changed
// the type of any other field.
func decode(body, at string) (approvals.Request, error) {
	r, err := decodeBody(body)
	if err == nil {
		r.Received = received(r, at)
	}
	return r, err
}

// decodeBody is decode without what stands beside the body.
func decodeBody(body string) (approvals.Request, error) {
	var r approvals.Request
	err := json.Unmarshal([]byte(body), &r)
	if err != nil || r.Schema > approvals.Schema {
		return approvals.Request{}, unreadable(body)
	}
	return r, nil
}

// record is decode of what scripts answer: body, at, on and refused, from place i on.
func record(a answer, i int) (approvals.Request, error) {
	r, err := decode(a.text(i), a.text(i+1))
	if err == nil && r.KeptOn == "" { // the record itself says so from its second version on
		r.KeptOn = a.text(i + 2)
	}
	r.Refused = refusedClicks(a.text(i + 3))
	return r, err
}

// refusedClicks reads what refuseScript keeps in a request's hash.
func refusedClicks(text string) (c approvals.Refusals) {
	if all, rest, ok := strings.Cut(text, " "); ok {
		n, head, _ := strings.Cut(rest, " ")
		c = approvals.Refusals{All: int(number(all)), N: int(number(n)), Head: head}
	}
	return c
}

// unreadable says what is wrong with a record, without quoting it.
func unreadable(body string) error {
	var head struct {
		Schema int    `json:"schema"`
		ID     string `json:"id"`
	}
	err := json.Unmarshal([]byte(body), &head)
	if err == nil && head.Schema > approvals.Schema {
		return fmt.Errorf("%w: request %s has schema %d, this bmcmd reads up to %d: upgrade this bmcmd",
			approvals.ErrUnreadable, head.ID, head.Schema, approvals.Schema)
	}
	return fmt.Errorf("%w: request %s is not what bmcmd wrote: look at it with redis-cli", approvals.ErrUnreadable, head.ID)
}

// received is when r came: the record itself says so from its second version on.
func received(r approvals.Request, at string) time.Time {
	if !r.Received.IsZero() {
		return r.Received
	}
	return time.UnixMilli(number(at)).UTC()
}

// decodeEvent reads "ms hash JSON", or "ms JSON" of the first form of events.
func decodeEvent(line string) (approvals.Event, error) {
	at, text, _ := strings.Cut(line, " ")
	hash, first := "", strings.HasPrefix(text, "{")
	if !first {
		hash, text, _ = strings.Cut(text, " ")
	}
	e, err := approvals.DecodeEvent([]byte(text))
	if err != nil {
		return approvals.Event{}, fmt.Errorf("%w: an event is not what bmcmd wrote: look at it with redis-cli", approvals.ErrUnreadable)
	}
	if !first {
		e.Hash = hash // as it was written; Verify holds it against the text
	}
	if e.At.IsZero() {
		e.At = time.UnixMilli(number(at)).UTC()
	}
	return e, nil
}

// decodeRefusal reads "hash JSON".
func decodeRefusal(text string) (approvals.Refusal, error) {
	hash, text, _ := strings.Cut(text, " ")
	f, err := approvals.DecodeRefusal([]byte(text))
	if err != nil || f.Hash != hash {
		return approvals.Refusal{}, fmt.Errorf("%w: a refused click is not what bmcmd wrote: look at it with redis-cli", approvals.ErrUnreadable)
	}
	return f, nil
}

// odd reports whether a record is not written as this bmcmd writes what it reads there: a
// key that stands twice, or in capitals, says one thing to people and another to us.
func odd(body string) bool {
	var r approvals.Request
	if json.Unmarshal([]byte(body), &r) != nil || r.Schema != approvals.Schema {
		return false // unreadable, or written by an earlier bmcmd
	}
	again, err := r.Encode()
	return err != nil || string(again) != body
}

// due is in milliseconds, rounded up: what is handed out is due by Redis' clock
// to the last nanosecond.
func due(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	ms := at.UnixMilli()
	if at.After(time.UnixMilli(ms)) {
		ms++
	}
	return strconv.FormatInt(ms, 10)
}

// deadline is in milliseconds, rounded down.
func deadline(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return strconv.FormatInt(at.UnixMilli(), 10)
}

// frees says what is free again when r is written: see swapScript.
func frees(r approvals.Request) string {
	switch {
	case r.Traceless():
		return "gone"
	case r.State.Ended():
		return "end"
	case r.Unsure.Lifted:
		return "free"
	}
	return ""
}

// hosts is what becomes of the hosts, and the hosts where that matters.
func hosts(w approvals.Swap) (verb string, hosts []string) {
	verb = map[approvals.Hosts]string{approvals.HostsTake: "take", approvals.HostsKeep: "keep", approvals.HostsLeave: "leave"}[w.Hosts]
	if verb != "" || w.Next.State.Ended() {
		hosts = w.Next.Asked.Hosts
	}
	return verb, hosts
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return ""
}

// number reads what a script wrote; 0 if it is none.
func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}
