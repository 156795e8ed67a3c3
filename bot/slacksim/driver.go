package slacksim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Errors of the verbs: a person cannot do what is not there to be done.
var (
	ErrNoPerson  = errors.New("no such person; add them with AddPerson")
	ErrNoChannel = errors.New("no such channel; add it with AddChannel")
	ErrNoMessage = errors.New("no such message, or it was deleted")
	ErrNoButton  = errors.New("no such button")
	ErrNoView    = errors.New("no such modal is open for this person")
	ErrForm      = errors.New("the modal cannot be submitted like this")
)

func (s *Slack) actor(ctx context.Context, userID, channelID string) (Person, Channel, error) {
	if err := ctx.Err(); err != nil {
		return Person{}, Channel{}, err
	}
	p, ok := s.roster.person(userID)
	if !ok {
		return p, Channel{}, fmt.Errorf("%s: %w", userID, ErrNoPerson)
	}
	ch, ok := s.roster.channel(channelID)
	if !ok && channelID != "" {
		return p, ch, fmt.Errorf("%s: %w", channelID, ErrNoChannel)
	}
	return p, ch, nil
}

func (s *Slack) enterprise() any {
	if e := s.cfg.Team.EnterpriseID; e != "" {
		return fields{"id": e, "name": s.cfg.Team.Name}
	}
	return nil
}

// SetEscapeCommands has the text of slash commands reach the bot in the form of a message: & < > as
// entities, addresses as links, @name and #channel as ids. An app's setting should_escape does the
// latter; whether it does the former, too, or Slack always does, is documented nowhere.
func (s *Slack) SetEscapeCommands(on bool) { s.escapes.Store(on) }

// Slash types a slash command, such as "/bmcmd" with "show cmd-x". The text reaches the bot as it
// is, unless [Slack.SetEscapeCommands] says otherwise. Commands cannot be typed in threads, here or in Slack. What the bot puts into its ack is
// shown to the person, or to the channel if it says so.
func (s *Slack) Slash(ctx context.Context, userID, channelID, command, text string) (*Turn, error) {
	p, ch, err := s.actor(ctx, userID, channelID)
	if err != nil {
		return nil, err
	}
	line := strings.TrimSpace(command + " " + text)
	if s.escapes.Load() {
		text = s.typed(text)
	}
	t := s.newTurn()
	to := responseURL{channel: ch.ID, user: p.ID}
	s.mu.Lock()
	t.TriggerID, t.ResponseURL = s.newTrigger(p.ID, ""), s.newResponseURL(to)
	s.mu.Unlock()
	s.emit(Entry{Kind: KindCommand, Channel: ch.ID, UserID: p.ID, Text: line})
	f := fields{
		"token": "sim", "team_id": p.TeamID, "team_domain": s.cfg.Team.Domain, "channel_id": ch.ID, "channel_name": ch.Name,
		"user_id": p.ID, "user_name": p.Name, "command": command, "text": text, "api_app_id": s.cfg.AppID,
		"is_enterprise_install": "false", "response_url": t.ResponseURL, "trigger_id": t.TriggerID,
	}
	if e := s.cfg.Team.EnterpriseID; e != "" {
		f["enterprise_id"], f["enterprise_name"] = e, s.cfg.Team.Name
	}
	payload, _ := json.Marshal(f)
	show := func(a Ack) Ack { return s.showCommandAck(a, to, command) }
	if !s.hasScope("commands") {
		t.settle(Ack{Failed: FailedSilent}, nil)
		return t, nil
	}
	s.send(&envelope{id: t.EnvelopeID, kind: "slash_commands", payload: payload, accepts: true, turn: t, show: show})
	return t, nil
}

func (s *Slack) warn(userID, channelID, text string) {
	s.emit(Entry{Kind: KindWarning, Channel: channelID, UserID: userID, Text: text})
}

// showCommandAck shows a command's outcome: the words in the ack, or the error that Slack prints.
func (s *Slack) showCommandAck(a Ack, to responseURL, command string) Ack {
	if a.Failed == "" && len(a.Payload) > 0 {
		var msg response
		switch {
		case json.Unmarshal(a.Payload, &msg) != nil:
			a.Failed = "invalid_payload"
		case msg.Text == "" && len(msg.Blocks) == 0 && len(msg.Attachments) == 0:
			return a
		default:
			msg.ReplaceOriginal, msg.DeleteOriginal = false, false
			if no := s.say(to, msg, "ack"); no != nil {
				a.Failed = no.code
			}
		}
	}
	if a.Failed != "" {
		s.warn(to.user, to.channel, fmt.Sprintf("%s failed with the error %q", command, a.Failed))
	}
	return a
}

// Mention writes a message that mentions the bot, at its beginning unless text does so elsewhere. The
// bot gets an app_mention as Slack words it: & < > as entities, addresses as links, @name and #channel
// as ids. threadTS is the parent's ts, or empty. A bot that is no member of the channel, or lacks
// app_mentions:read, hears nothing.
func (s *Slack) Mention(ctx context.Context, userID, channelID, threadTS, text string) (*Turn, error) {
	p, ch, err := s.actor(ctx, userID, channelID)
	if err != nil {
		return nil, err
	}
	parent, no := s.parentOf(ch.ID, threadTS)
	if no != nil {
		return nil, fmt.Errorf("thread %s: %s", threadTS, no.code)
	}
	words := s.typed(text)
	if call := "<@" + s.cfg.BotUserID + ">"; !strings.Contains(words, call) {
		words = strings.TrimSpace(call + " " + words)
	}
	m := s.post(Message{Channel: ch.ID, ReplyTo: parent, UserID: p.ID, Text: words}, KindMention)
	t := s.newTurn()
	t.TS = m.TS
	if !s.roster.isMember(ch.ID, s.cfg.BotUserID) || !s.hasScope("app_mentions:read") {
		t.settle(Ack{Failed: FailedSilent}, nil)
		return t, nil
	}
	event := fields{
		"type": "app_mention", "user": p.ID, "text": words, "ts": m.TS, "channel": ch.ID, "event_ts": m.TS, "team": p.TeamID,
	}
	if parent != "" {
		event["thread_ts"] = parent
	}
	if p.TeamID != s.cfg.Team.ID {
		event["user_team"], event["source_team"] = p.TeamID, p.TeamID
	}
	payload, _ := json.Marshal(fields{
		"token": "sim", "team_id": s.cfg.Team.ID, "enterprise_id": s.cfg.Team.EnterpriseID, "api_app_id": s.cfg.AppID,
		"type": "event_callback", "event": event, "event_id": newID("Ev"), "event_time": s.cfg.Now().Unix(),
		"is_ext_shared_channel": ch.ExtShared, "authorizations": []fields{{
			"enterprise_id": s.cfg.Team.EnterpriseID, "team_id": s.cfg.Team.ID, "user_id": s.cfg.BotUserID,
			"is_bot": true, "is_enterprise_install": false,
		}},
	})
	s.send(&envelope{id: t.EnvelopeID, kind: "events_api", payload: payload, turn: t})
	return t, nil
}

// Say writes a person's message that the bot does not hear. It returns the message's ts.
func (s *Slack) Say(ctx context.Context, userID, channelID, threadTS, text string) (string, error) {
	p, ch, err := s.actor(ctx, userID, channelID)
	if err != nil {
		return "", err
	}
	parent, no := s.parentOf(ch.ID, threadTS)
	if no != nil {
		return "", fmt.Errorf("thread %s: %s", threadTS, no.code)
	}
	return s.post(Message{Channel: ch.ID, ReplyTo: parent, UserID: p.ID, Text: s.typed(text)}, KindSaid).TS, nil
}

// Click presses a button of a message, or of an ephemeral that this person sees, and any confirm
// dialog behind it. The button is named by its action_id or its label. It returns [ErrNoMessage] or
// [ErrNoButton] if it is not there now.
func (s *Slack) Click(ctx context.Context, userID, channelID, messageTS, button string) (*Turn, error) {
	return s.click(ctx, userID, channelID, messageTS, button, false)
}

// ClickStale presses a button that an earlier version of the message had: what happens when the
// press and an update cross. The latest such version counts. A lean Slack knows no earlier ones.
func (s *Slack) ClickStale(ctx context.Context, userID, channelID, messageTS, button string) (*Turn, error) {
	return s.click(ctx, userID, channelID, messageTS, button, true)
}

func (s *Slack) click(ctx context.Context, userID, channelID, ts, button string, stale bool) (*Turn, error) {
	p, ch, err := s.actor(ctx, userID, channelID)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	m, ephemeral := s.visible(userID, channelID, ts)
	if m.IsZero() || m.Deleted && !stale {
		s.mu.Unlock()
		return nil, fmt.Errorf("%s in %s: %w", ts, channelID, ErrNoMessage)
	}
	b, version, err := findButton(m, userID, button, stale)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	m.Text, m.Blocks = version.Text, version.Blocks
	t := s.newTurn()
	t.TriggerID = s.newTrigger(p.ID, "")
	t.ResponseURL = s.newResponseURL(responseURL{channel: ch.ID, user: p.ID, original: ts, ephemeral: ephemeral})
	now := s.nextTS()
	s.emit(Entry{Kind: KindClick, Channel: ch.ID, ThreadTS: m.ReplyTo, TS: ts, UserID: p.ID, Text: b.label})
	s.mu.Unlock()
	show := func(a Ack) Ack {
		if a.Failed != "" {
			s.warn(p.ID, ch.ID, fmt.Sprintf("The button %q did not work: the app did not respond", b.label))
		}
		return a
	}
	payload := s.clickPayload(t, p, ch, m, ephemeral, b, now)
	s.send(&envelope{id: t.EnvelopeID, kind: "interactive", payload: payload, turn: t, show: show})
	return t, nil
}

// visible finds what stands at ts for this person. Call with Slack.mu held.
func (s *Slack) visible(user, channel, ts string) (m Message, ephemeral bool) {
	if m := s.messageLocked(channel, ts); m != nil {
		return *m, false
	}
	if e := s.ephemeralByTS[ts]; e != nil && e.UserID == user && e.Channel == channel {
		return e.Message(), true
	}
	return Message{}, false
}

func (s *Slack) clickPayload(t *Turn, p Person, ch Channel, m Message, ephemeral bool, b button, now string) []byte {
	container := fields{"type": "message", "message_ts": m.TS, "channel_id": ch.ID, "is_ephemeral": ephemeral}
	if m.ThreadTS != "" {
		container["thread_ts"] = m.ThreadTS
	}
	action := fields{
		"type": "button", "action_id": b.ActionID, "block_id": b.blockID, "value": b.Value, "action_ts": now,
		"text": fields{"type": "plain_text", "text": b.label, "emoji": true},
	}
	if b.Style != "" {
		action["style"] = b.Style
	}
	f := s.interaction("block_actions", p)
	f["container"], f["channel"], f["actions"] = container, fields{"id": ch.ID, "name": ch.Name}, []fields{action}
	f["trigger_id"], f["response_url"], f["state"] = t.TriggerID, t.ResponseURL, fields{"values": fields{}}
	if !ephemeral { // Slack sends no message along for an ephemeral
		f["message"] = s.wire(&m)
	}
	payload, _ := json.Marshal(f)
	return payload
}

// interaction is what all interactive payloads begin with.
func (s *Slack) interaction(kind string, p Person) fields {
	team := fields{"id": s.cfg.Team.ID, "domain": s.cfg.Team.Domain}
	if e := s.cfg.Team.EnterpriseID; e != "" {
		team["enterprise_id"], team["enterprise_name"] = e, s.cfg.Team.Name
	}
	return fields{
		"type": kind, "token": "sim", "api_app_id": s.cfg.AppID, "team": team, "enterprise": s.enterprise(),
		"is_enterprise_install": false,
		"user":                  fields{"id": p.ID, "username": p.Name, "name": p.Name, "team_id": p.TeamID},
	}
}
