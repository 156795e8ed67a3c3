package redisstore

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// written are the texts that a swap stores, each made once.
type written struct {
	body, event []byte
	script      string // the SHA-256 of its script's text; empty: it has none
	text        []byte
	outputs     []byte
}

// encode packs what stays as it is: events, and the record of a request that has ended.
func encode(w approvals.Swap) (out written, err error) {
	if out.body, err = w.Next.Encode(w.Event.Written.Facts); err != nil {
		return out, fmt.Errorf("request %s: %w", w.Next.ID, err)
	}
	if w.Next.State.Ended() {
		out.body = pack(out.body)
	}
	if p := w.Next.Plan; p != nil && len(p.Script.Content) > 0 {
		out.script, out.text = p.Script.SHA256(), p.Script.Content
	}
	if w.Event.Move != "" {
		out.event, err = encodeEvent(w.Event)
	}
	return out, err
}

func encodeEvent(e approvals.Event) (text []byte, err error) {
	if text = e.Written.Event; text == nil {
		text, err = e.Encode()
	}
	if err != nil {
		return nil, fmt.Errorf("event of %s: %w", e.Request, err)
	}
	return pack(takeOut(text, e.Plan)), nil
}

// refusedClicks reads what refuseScript keeps in a request's hash.
func refusedClicks(text string) (c approvals.Refusals) {
	if all, rest, ok := strings.Cut(text, " "); ok {
		n, head, _ := strings.Cut(rest, " ")
		c = approvals.Refusals{All: int(number(all)), N: int(number(n)), Head: head}
	}
	return c
}

// millis is a time that a script wrote.
func millis(ms string) time.Time { return time.UnixMilli(number(ms)).UTC() }

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
func odd(r approvals.Request, body string) bool {
	if r.Schema != approvals.Schema {
		return false // written by an earlier bmcmd
	}
	text, err := unpack(body)
	again, failed := r.Encode(nil)
	return err != nil || failed != nil || string(again) != text
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
