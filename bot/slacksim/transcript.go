package slacksim

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// Kind says what became visible.
type Kind string

// The kinds of entries.
const (
	KindCommand   Kind = "command"   // a person typed a slash command
	KindMention   Kind = "mention"   // a person mentioned the bot
	KindSaid      Kind = "said"      // a person wrote a message
	KindClick     Kind = "click"     // a person pressed a button
	KindSubmit    Kind = "submit"    // a person submitted a modal
	KindClose     Kind = "close"     // a person closed a modal
	KindMessage   Kind = "message"   // the bot posted a message
	KindUpdate    Kind = "update"    // the bot changed a message
	KindDelete    Kind = "delete"    // the bot deleted a message
	KindEphemeral Kind = "ephemeral" // the bot said something to one person
	KindModal     Kind = "modal"     // a modal opened or changed
	KindFile      Kind = "file"      // the bot shared a file
	KindWarning   Kind = "warning"   // Slack itself told a person that something went wrong
)

// Entry is one thing that became visible, in order.
type Entry struct {
	Seq      int       `json:"seq"` // from 1, without gaps
	At       time.Time `json:"at"`
	Kind     Kind      `json:"kind"`
	Channel  string    `json:"channel,omitempty"`
	ThreadTS string    `json:"thread_ts,omitempty"` // the parent's ts, when in a thread
	TS       string    `json:"ts,omitempty"`        // of the message that it is about
	UserID   string    `json:"user,omitempty"`      // who did it; for the bot's words to one person, that person
	Text     string    `json:"text,omitempty"`      // the command, the button's label, the warning, or the message's text
	Message  Message   `json:"message,omitzero"`    // as it now is, for message, update, delete, file, ephemeral, mention
	View     View      `json:"view,omitzero"`       // for modal, submit, close

	names *roster
}

// Blocks are the Block Kit blocks of the entry's message or modal; nil if it has none.
func (e Entry) Blocks() json.RawMessage {
	if e.Message.Blocks != nil {
		return e.Message.Blocks
	}
	return e.View.Blocks
}

func (s *Slack) emit(e Entry) {
	s.entries.add(func(seq int) Entry {
		e.Seq, e.At, e.names = seq, s.cfg.Now(), &s.roster
		return e
	})
}

// Transcript returns all entries so far, oldest first. A lean Slack keeps none.
func (s *Slack) Transcript() []Entry { return s.entries.list() }

// WriteTranscript writes the entries as a person would read them.
func (s *Slack) WriteTranscript(w io.Writer) error {
	for _, e := range s.Transcript() {
		if _, err := fmt.Fprintln(w, e.String()); err != nil {
			return err
		}
	}
	return nil
}

// Subscribe sends each entry from now on, in order, without ever holding up the server. The
// returned function ends it and closes the channel; so does [Slack.Close].
func (s *Slack) Subscribe() (<-chan Entry, func()) {
	stop := make(chan struct{})
	var once sync.Once
	return s.entries.subscribe(s.spawn, stop, s.done), func() { once.Do(func() { close(stop) }) }
}

// WaitFor returns the first entry, already there or still to come, that pred accepts; else ctx's
// error or [ErrClosed]. A lean Slack knows only those still to come. One [Slack.Subscribe] is
// cheaper than many waiters: every waiter is woken by every entry.
func (s *Slack) WaitFor(ctx context.Context, pred func(Entry) bool) (Entry, error) {
	return s.entries.waitFor(ctx, s.done, pred)
}
