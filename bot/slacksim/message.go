package slacksim

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// File is a file shared in a message.
type File struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Title   string `json:"title,omitempty"`
	Size    int    `json:"size"`
	Content []byte `json:"content,omitempty"`
}

// Version is what a message was before a change.
type Version struct {
	Text   string          `json:"text"`
	Blocks json.RawMessage `json:"blocks,omitempty"`
}

// Message is a message as everyone in the channel sees it. Its slices must not be changed.
type Message struct {
	Channel    string          `json:"channel"`
	TS         string          `json:"ts"`
	ThreadTS   string          `json:"thread_ts,omitempty"` // as Slack has it: also on the parent, once it has replies
	ReplyTo    string          `json:"reply_to,omitempty"`  // the parent's ts; empty for what is not a reply
	UserID     string          `json:"user"`
	BotID      string          `json:"bot_id,omitempty"`
	Text       string          `json:"text"`
	Blocks     json.RawMessage `json:"blocks,omitempty"` // every block has its block_id, every element its action_id
	Metadata   json.RawMessage `json:"metadata,omitempty"`
	Files      []File          `json:"files,omitempty"`
	Broadcast  bool            `json:"broadcast,omitempty"` // a reply that the channel sees, too
	ReplyCount int             `json:"reply_count,omitempty"`
	Edited     bool            `json:"edited,omitempty"`
	Deleted    bool            `json:"deleted,omitempty"`
	History    []Version       `json:"history,omitempty"` // oldest first, without the present one

	names *roster
}

// IsZero reports whether m is no message at all.
func (m Message) IsZero() bool { return m.TS == "" }

// Ephemeral is a message that only one person sees.
type Ephemeral struct {
	UserID   string          `json:"user"`
	Channel  string          `json:"channel"`
	ThreadTS string          `json:"thread_ts,omitempty"`
	TS       string          `json:"ts"` // of no use to chat.update
	Text     string          `json:"text"`
	Blocks   json.RawMessage `json:"blocks,omitempty"`
	Via      string          `json:"via"` // "ack", "response_url" or "chat.postEphemeral"
	Replaced bool            `json:"replaced,omitempty"`
	Deleted  bool            `json:"deleted,omitempty"`
	History  []Version       `json:"history,omitempty"`

	names *roster
}

// Message is the ephemeral as a message, for [Render] and its kin.
func (e Ephemeral) Message() Message {
	return Message{
		Channel: e.Channel, TS: e.TS, ThreadTS: e.ThreadTS, ReplyTo: e.ThreadTS, Text: e.Text, Blocks: e.Blocks,
		Edited: e.Replaced, Deleted: e.Deleted, History: e.History, names: e.names,
	}
}

// room holds a channel's messages. Guarded by Slack.mu.
type room struct {
	byTS  map[string]*Message
	order []*Message
}

func (s *Slack) room(channel string) *room {
	r := s.rooms[channel]
	if r == nil {
		r = &room{byTS: make(map[string]*Message)}
		s.rooms[channel] = r
	}
	return r
}

// Messages returns the channel's messages, oldest first, deleted ones marked.
func (s *Slack) Messages(channelID string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[channelID]
	if r == nil {
		return nil
	}
	out := make([]Message, len(r.order))
	for i, m := range r.order {
		out[i] = *m
	}
	return out
}

// Message returns one message, and whether it exists.
func (s *Slack) Message(channelID, ts string) (Message, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.messageLocked(channelID, ts)
	if m == nil {
		return Message{}, false
	}
	return *m, true
}

func (s *Slack) messageLocked(channelID, ts string) *Message {
	if r := s.rooms[channelID]; r != nil {
		return r.byTS[ts]
	}
	return nil
}

// Ephemerals returns what only that person sees or saw, oldest first.
func (s *Slack) Ephemerals(userID string) []Ephemeral {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.ephemerals[userID]
	out := make([]Ephemeral, len(list))
	for i, e := range list {
		out[i] = *e
	}
	return out
}

// nextTS returns a stamp that no message has yet and that is later than all others.
func (s *Slack) nextTS() string {
	us := s.cfg.Now().UnixMicro()
	if us <= s.lastTS {
		us = s.lastTS + 1
	}
	s.lastTS = us
	return stampOf(us)
}

func stampOf(us int64) string {
	return strconv.FormatInt(us/1e6, 10) + "." + fmt.Sprintf("%06d", us%1e6)
}

// post adds a message. kind is how the transcript shows it.
func (s *Slack) post(m Message, kind Kind) Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.postLocked(m, kind)
}

func (s *Slack) postLocked(m Message, kind Kind) Message {
	r := s.room(m.Channel)
	m.TS, m.names = s.nextTS(), &s.roster
	if m.ReplyTo != "" {
		m.ThreadTS = m.ReplyTo
		if p := r.byTS[m.ReplyTo]; p != nil {
			p.ReplyCount++
			p.ThreadTS = p.TS
		}
	}
	r.byTS[m.TS] = &m
	r.order = append(r.order, &m)
	s.emit(Entry{
		Kind: kind, Channel: m.Channel, ThreadTS: m.ReplyTo, TS: m.TS, UserID: m.UserID, Text: m.Text, Message: m,
	})
	return m
}

// change replaces a message's words and blocks. Call with Slack.mu held.
func (s *Slack) change(m *Message, text string, blocks json.RawMessage) {
	if !s.cfg.Lean {
		h := m.History[:len(m.History):len(m.History)] // never share the array with a snapshot
		m.History = append(h, Version{Text: m.Text, Blocks: m.Blocks})
	}
	m.Text, m.Blocks, m.Edited = text, blocks, true
	s.emit(Entry{
		Kind: KindUpdate, Channel: m.Channel, ThreadTS: m.ReplyTo, TS: m.TS, UserID: m.UserID, Text: text, Message: *m,
	})
}

// remove deletes a message. One with replies stays as a tombstone, so that its thread goes on.
func (s *Slack) remove(m *Message) {
	m.Deleted = true
	if p := s.messageLocked(m.Channel, m.ReplyTo); p != nil && m.ReplyTo != "" {
		p.ReplyCount--
	}
	s.emit(Entry{
		Kind: KindDelete, Channel: m.Channel, ThreadTS: m.ReplyTo, TS: m.TS, UserID: m.UserID, Text: m.Text, Message: *m,
	})
}

// whisper shows something to one person.
func (s *Slack) whisper(e Ephemeral) Ephemeral {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.TS, e.names = s.nextTS(), &s.roster
	s.ephemerals[e.UserID] = append(s.ephemerals[e.UserID], &e)
	s.ephemeralByTS[e.TS] = &e
	s.emitEphemeral(&e)
	return e
}

func (s *Slack) emitEphemeral(e *Ephemeral) {
	s.emit(Entry{
		Kind: KindEphemeral, Channel: e.Channel, ThreadTS: e.ThreadTS, TS: e.TS, UserID: e.UserID, Text: e.Text, Message: e.Message(),
	})
}
