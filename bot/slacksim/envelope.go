package slacksim

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"
)

// maxAck is the size of an ack, in bytes, from which on Slack ignores it without a word.
const maxAck = 20 << 10

// What a person sees when the bot did not answer.
const (
	FailedTimeout  = "operation_timeout" // no ack in time
	FailedDispatch = "dispatch_failed"   // no connection was open
	FailedSilent   = "not_delivered"     // Slack does not send such an event to this bot; nothing is shown
)

// Ack is what came of something that a person did.
type Ack struct {
	Payload  json.RawMessage `json:"payload,omitempty"` // as the bot sent it; nil if it sent none
	TimedOut bool            `json:"timed_out,omitempty"`
	Failed   string          `json:"failed,omitempty"`  // why it did not work out, as an error code; empty: it did
	After    time.Duration   `json:"after"`             // from the send to the ack
	Attempt  int             `json:"attempt,omitempty"` // of an event: which delivery was acknowledged, from 0
}

// Turn is something that a person did, and later what came of it.
type Turn struct {
	EnvelopeID  string `json:"envelope_id"`
	TriggerID   string `json:"trigger_id,omitempty"`
	ResponseURL string `json:"response_url,omitempty"`
	TS          string `json:"ts,omitempty"` // of the message that a mention posted

	At time.Time `json:"at"` // when it was done, by Config.Now

	ack  Ack
	once sync.Once
	done chan struct{}
}

func (s *Slack) newTurn() *Turn {
	return &Turn{EnvelopeID: newID(""), At: s.cfg.Now(), done: make(chan struct{})}
}

// Acked is closed when Slack has the answer, or has given up. What the answer shows is visible by
// then.
func (t *Turn) Acked() <-chan struct{} { return t.done }

// Wait returns what came of it, or ctx's error.
func (t *Turn) Wait(ctx context.Context) (Ack, error) {
	select {
	case <-t.done:
		return t.ack, nil
	case <-ctx.Done():
		return Ack{}, context.Cause(ctx)
	}
}

// settle ends the turn once. show makes the outcome visible before anybody who waits is woken.
func (t *Turn) settle(a Ack, show func(Ack) Ack) {
	t.once.Do(func() {
		if show != nil {
			a = show(a)
		}
		t.ack = a
		close(t.done)
	})
}

// envelope is a payload on its way.
type envelope struct {
	id      string
	kind    string // slash_commands, interactive or events_api
	payload json.RawMessage
	accepts bool // takes an answer in the ack
	attempt int
	turn    *Turn
	show    func(Ack) Ack // makes an answer, or the lack of one, visible
	sent    time.Time
	last    *socket // guarded by sockets.mu
	acks    int     // guarded by sockets.mu
	timer   *time.Timer
}

func (e *envelope) frame() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `{"envelope_id":%q,"type":%q,"accepts_response_payload":%t,`, e.id, e.kind, e.accepts)
	if e.kind == "events_api" {
		reason := ""
		if e.attempt > 0 {
			reason = "timeout"
		}
		fmt.Fprintf(&b, `"retry_attempt":%d,"retry_reason":%q,`, e.attempt, reason)
	}
	b.WriteString(`"payload":`)
	b.Write(e.payload)
	b.WriteByte('}')
	return []byte(b.String())
}

// send gives the envelope to exactly one connection and starts its clock.
func (s *Slack) send(e *envelope) {
	frame := e.frame()
	e.sent = time.Now()
	s.sockets.mu.Lock()
	c := s.sockets.pick(nil)
	if c != nil {
		e.last = c
		s.sockets.envelopes[e.id] = e
		e.timer = time.AfterFunc(s.cfg.AckWithin, func() { s.unacked(e, FailedTimeout) })
	}
	s.sockets.mu.Unlock()
	if c == nil {
		s.unacked(e, FailedDispatch)
		return
	}
	c.out.put(frame)
}

// unacked ends a wait in vain. Events are sent again; commands and clicks are not.
func (s *Slack) unacked(e *envelope, why string) {
	select {
	case <-s.done:
		return
	default:
	}
	if e.kind == "events_api" && e.attempt < len(s.cfg.EventRetries) {
		s.after(s.cfg.EventRetries[e.attempt], e.turn.done, func() { s.retry(e) })
		return
	}
	e.turn.settle(Ack{TimedOut: why == FailedTimeout, Failed: why, After: time.Since(e.sent), Attempt: e.attempt}, e.show)
	if s.cfg.Lean {
		s.sockets.mu.Lock()
		delete(s.sockets.envelopes, e.id)
		s.sockets.mu.Unlock()
	}
}

// retry sends an event again: a new envelope, the same event.
func (s *Slack) retry(e *envelope) {
	s.send(&envelope{
		id: newID(""), kind: e.kind, payload: e.payload, accepts: e.accepts, attempt: e.attempt + 1, turn: e.turn, show: e.show,
	})
}

// acked takes a frame from the bot. Frames that are no ack, too big, or for nothing are ignored, as
// Slack does.
func (s *Slack) acked(b []byte) {
	var a struct {
		EnvelopeID string          `json:"envelope_id"`
		Payload    json.RawMessage `json:"payload"`
	}
	if len(b) >= maxAck || json.Unmarshal(b, &a) != nil {
		return
	}
	s.sockets.mu.Lock()
	e := s.sockets.envelopes[a.EnvelopeID]
	if e != nil {
		e.acks++
		if s.cfg.Lean {
			delete(s.sockets.envelopes, e.id)
		}
	}
	s.sockets.mu.Unlock()
	if e == nil {
		return
	}
	e.timer.Stop()
	ack := Ack{After: time.Since(e.sent), Attempt: e.attempt}
	if e.accepts && string(a.Payload) != "null" {
		ack.Payload = a.Payload
	}
	e.turn.settle(ack, e.show)
}

// Redeliver sends an envelope again under its id, on another connection if there is one. A lean
// Slack forgets envelopes that were acknowledged.
func (s *Slack) Redeliver(envelopeID string) error {
	s.sockets.mu.Lock()
	defer s.sockets.mu.Unlock()
	e := s.sockets.envelopes[envelopeID]
	if e == nil {
		return fmt.Errorf("envelope %q: never sent, or forgotten", envelopeID)
	}
	c := s.sockets.pick(e.last)
	if c == nil {
		return fmt.Errorf("envelope %q: no connection is open", envelopeID)
	}
	e.last = c
	c.out.put(e.frame())
	return nil
}

// RetryEvent sends an event again as Slack does after a timeout, without waiting for one: in a new
// envelope, with retry_attempt and retry_reason.
func (s *Slack) RetryEvent(envelopeID string) error {
	s.sockets.mu.Lock()
	e := s.sockets.envelopes[envelopeID]
	s.sockets.mu.Unlock()
	if e == nil || e.kind != "events_api" {
		return fmt.Errorf("envelope %q: not an event, never sent, or forgotten", envelopeID)
	}
	s.retry(e)
	return nil
}

// Acks returns how many acks came for the envelope.
func (s *Slack) Acks(envelopeID string) int {
	s.sockets.mu.Lock()
	defer s.sockets.mu.Unlock()
	if e := s.sockets.envelopes[envelopeID]; e != nil {
		return e.acks
	}
	return 0
}

// newID returns a random id after a prefix.
func newID(prefix string) string { return prefix + rand.Text() }
