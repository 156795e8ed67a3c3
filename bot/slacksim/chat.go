package slacksim

import (
	"encoding/json"
	"unicode/utf8"
)

// Limits on a message's text, in characters.
const (
	maxUpdateText = 4000
	maxPostText   = 40000
)

// words are what a message says: as checked, ready to be stored.
type words struct {
	text   string
	blocks json.RawMessage
}

// readWords takes text and blocks from the arguments and checks them.
func readWords(text string, blocks json.RawMessage, attachments bool) (words, *refusal) {
	w := words{text: text}
	if len(blocks) > 0 && string(blocks) != "null" {
		checked, no := checkMessageBlocks(blocks)
		if no != nil {
			return w, no
		}
		w.blocks = checked
	}
	if w.text == "" && w.blocks == nil && !attachments {
		return w, refuse("no_text")
	}
	return w, nil
}

func cutRunes(text string, n int) string {
	if len(text) <= n || utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n])
}

// mayPost finds the channel and checks that the bot may write there.
func (s *Slack) mayPost(id string) (Channel, *refusal) {
	if len(id) > 0 && (id[0] == 'U' || id[0] == 'W') {
		if p, ok := s.roster.person(id); ok && !p.Bot {
			return s.openDM(p.ID), nil
		}
		return Channel{}, refuse("channel_not_found")
	}
	c, ok := s.roster.channel(id)
	member := s.roster.isMember(id, s.cfg.BotUserID)
	switch {
	case !ok, c.Private && !member:
		return c, refuse("channel_not_found")
	case c.Archived:
		return c, refuse("is_archived")
	case !member && (!s.hasScope("chat:write.public") || c.DM):
		return c, refuse("not_in_channel")
	}
	return c, nil
}

// parentOf checks a thread_ts. It returns the thread to reply to: none if the parent was deleted
// before anyone replied, for then Slack posts into the channel.
func (s *Slack) parentOf(channel, ts string) (string, *refusal) {
	if ts == "" {
		return "", nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.messageLocked(channel, ts)
	switch {
	case p == nil:
		return "", refuse("thread_not_found")
	case p.ReplyTo != "":
		return "", refuse("cannot_reply_to_message", "thread_ts must be the ts of the thread's parent, not of a reply")
	case p.Deleted && p.ReplyCount == 0:
		return "", nil
	}
	return ts, nil
}

func (s *Slack) chatPost(c *call) (any, *refusal) {
	ch, no := s.mayPost(c.args.str("channel"))
	if no != nil {
		return nil, no
	}
	w, no := readWords(c.args.str("text"), c.args.raw("blocks"), c.args.has("attachments"))
	if no != nil {
		return nil, no
	}
	parent, no := s.parentOf(ch.ID, c.args.str("thread_ts"))
	if no != nil {
		return nil, no
	}
	meta, no := readMetadata(c.args.raw("metadata"))
	if no != nil {
		return nil, no
	}
	m := s.post(Message{
		Channel: ch.ID, ReplyTo: parent, UserID: s.cfg.BotUserID, BotID: s.cfg.BotID,
		Text: cutRunes(w.text, maxPostText), Blocks: w.blocks, Metadata: meta,
		Broadcast: parent != "" && c.args.str("reply_broadcast") == "true",
	}, KindMessage)
	return chatAnswer{OK: true, Channel: ch.ID, TS: m.TS, Message: s.wire(&m)}, nil
}

func readMetadata(raw json.RawMessage) (json.RawMessage, *refusal) {
	if raw == nil {
		return nil, nil
	}
	var m struct {
		EventType    string          `json:"event_type"`
		EventPayload json.RawMessage `json:"event_payload"`
	}
	if json.Unmarshal(raw, &m) != nil {
		return nil, refuse("invalid_metadata_format")
	}
	if m.EventType == "" {
		return nil, nil
	}
	return raw, nil
}

// chatAnswer answers chat.postMessage and chat.update.
type chatAnswer struct {
	OK      bool        `json:"ok"`
	Channel string      `json:"channel"`
	TS      string      `json:"ts"`
	Text    string      `json:"text,omitempty"`
	Message wireMessage `json:"message"`
}

// wireMessage is a message as Slack writes it into answers and payloads.
type wireMessage struct {
	Type       string          `json:"type"`
	User       string          `json:"user"`
	BotID      string          `json:"bot_id,omitempty"`
	AppID      string          `json:"app_id,omitempty"`
	Team       string          `json:"team"`
	TS         string          `json:"ts"`
	ThreadTS   string          `json:"thread_ts,omitempty"`
	Text       string          `json:"text"`
	Blocks     json.RawMessage `json:"blocks,omitempty"`
	Metadata   json.RawMessage `json:"metadata,omitempty"`
	Edited     *wireEdited     `json:"edited,omitempty"`
	ReplyCount int             `json:"reply_count,omitempty"`
}

type wireEdited struct {
	User string `json:"user"`
	TS   string `json:"ts"`
}

func (s *Slack) wire(m *Message) wireMessage {
	w := wireMessage{
		Type: "message", User: m.UserID, BotID: m.BotID, Team: s.cfg.Team.ID, TS: m.TS, ThreadTS: m.ThreadTS,
		Text: m.Text, Blocks: m.Blocks, Metadata: m.Metadata, ReplyCount: m.ReplyCount,
	}
	if m.BotID != "" {
		w.AppID = s.cfg.AppID
	}
	if m.Edited {
		w.Edited = &wireEdited{User: m.UserID, TS: m.TS}
	}
	return w
}

func (s *Slack) chatUpdate(c *call) (any, *refusal) {
	ch, no := s.mayPost(c.args.str("channel"))
	if no != nil {
		return nil, no
	}
	if utf8.RuneCountInString(c.args.str("text")) > maxUpdateText {
		return nil, refuse("msg_too_long")
	}
	w, no := readWords(c.args.str("text"), c.args.raw("blocks"), c.args.has("attachments"))
	if no != nil {
		return nil, no
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, no := s.ownMessage(ch.ID, c.args.str("ts"), "cant_update_message")
	if no != nil {
		return nil, no
	}
	s.change(m, w.text, w.blocks) // text alone takes the blocks away; metadata stays unless given
	if meta, _ := readMetadata(c.args.raw("metadata")); meta != nil {
		m.Metadata = meta
	}
	return chatAnswer{OK: true, Channel: ch.ID, TS: m.TS, Text: m.Text, Message: s.wire(m)}, nil
}

// ownMessage finds a message that the bot may change. The ts of an ephemeral finds none.
func (s *Slack) ownMessage(channel, ts, foreign string) (*Message, *refusal) {
	m := s.messageLocked(channel, ts)
	if m == nil || m.Deleted {
		return nil, refuse("message_not_found")
	}
	if m.BotID != s.cfg.BotID {
		return nil, refuse(foreign)
	}
	return m, nil
}

func (s *Slack) chatDelete(c *call) (any, *refusal) {
	id, ts := c.args.str("channel"), c.args.str("ts")
	if _, ok := s.roster.channel(id); !ok {
		return nil, refuse("channel_not_found")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, no := s.ownMessage(id, ts, "cant_delete_message")
	if no != nil {
		return nil, no
	}
	s.remove(m)
	return fields{"ok": true, "channel": id, "ts": ts}, nil
}

func (s *Slack) chatEphemeral(c *call) (any, *refusal) {
	ch, no := s.mayPost(c.args.str("channel"))
	if no != nil {
		return nil, no
	}
	user := c.args.str("user")
	p, known := s.roster.person(user)
	if !known || p.Deleted || !s.roster.isMember(ch.ID, user) {
		return nil, refuse("user_not_in_channel")
	}
	w, no := readWords(c.args.str("text"), c.args.raw("blocks"), c.args.has("attachments"))
	if no != nil {
		return nil, no
	}
	parent, no := s.parentOf(ch.ID, c.args.str("thread_ts"))
	if no != nil {
		return nil, no
	}
	e := s.whisper(Ephemeral{
		UserID: user, Channel: ch.ID, ThreadTS: parent, Text: cutRunes(w.text, maxPostText), Blocks: w.blocks, Via: "chat.postEphemeral",
	})
	return fields{"ok": true, "message_ts": e.TS}, nil
}

func (s *Slack) chatPermalink(c *call) (any, *refusal) {
	id, ts := c.args.str("channel"), c.args.str("message_ts")
	if _, ok := s.roster.channel(id); !ok {
		return nil, refuse("channel_not_found")
	}
	m, ok := s.Message(id, ts)
	if !ok || m.Deleted {
		return nil, refuse("message_not_found")
	}
	return fields{"ok": true, "channel": id, "permalink": s.permalink(m)}, nil
}

// permalink is the address of a message; for a reply it names its thread.
func (s *Slack) permalink(m Message) string {
	digits := m.TS[:len(m.TS)-7] + m.TS[len(m.TS)-6:]
	link := "https://" + s.cfg.Team.Domain + ".slack.com/archives/" + m.Channel + "/p" + digits
	if m.ReplyTo != "" {
		link += "?thread_ts=" + m.ReplyTo + "&cid=" + m.Channel
	}
	return link
}
