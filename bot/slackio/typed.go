package slackio

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot"
)

const (
	unreadable = "Slack sent this in a form that I cannot read, so nothing was done. Try again; if it stays like this, tell whoever runs me."
	working    = "Working on it… Nothing is recorded before I say so; if you hear nothing within a minute, try again."
	notYet     = "Not recorded yet. I tell you as soon as it is, or why it is not; if you hear nothing within a minute, press again."
	busyNow    = "I am very busy right now, and did nothing of this. Try again in a minute."
)

// slash handles a slash command. The answer goes into the ack if it is there in time.
func (t *turn) slash(ctx context.Context) {
	var c slack.SlashCommand
	if json.Unmarshal(t.frame.Payload, &c) != nil || c.UserID == "" || c.TeamID == "" {
		t.log.Warn("slack sent a command that cannot be read", "envelope", plainID(t.frame.EnvelopeID))
		t.ack(privately(unreadable))
		return
	}
	t.to = asker{user: c.UserID, channel: c.ChannelID, url: c.ResponseURL}
	if words := t.foreign(c.TeamID, c.EnterpriseID, c.APIAppID); words != "" {
		t.reply(bot.Words{Text: words})
		return
	}
	if c.Command != t.cfg.command {
		t.reply(bot.Words{Text: fmt.Sprintf("I answer %s, and not this command. Type %s help.", t.cfg.command, t.cfg.command)})
		return
	}
	stop := t.ackLate(privately(working), func() {})
	defer stop()
	a := t.typed(ctx, bot.Typed{
		Event:  t.frame.EnvelopeID,
		By:     bot.UserRef{Enterprise: c.EnterpriseID, Team: c.TeamID, User: c.UserID},
		Origin: approvals.Origin{Team: c.TeamID, Channel: c.ChannelID},
		Text:   c.Text, Slash: true,
	})
	stop()
	t.reply(a)
}

// reply puts the answer to a command into the ack, or sends it behind.
func (t *turn) reply(a bot.Answer) {
	m, ok := t.render(a)
	switch {
	case !ok:
		t.ack(nil)
	case !t.ack(private{ResponseType: "ephemeral", Text: m.Text, Blocks: m.Blocks}):
		t.answer(m)
	}
}

// typed hands a line to the handler.
func (t *turn) typed(ctx context.Context, line bot.Typed) bot.Answer {
	return t.mayAsk(approvals.NewID(line.By.Team, line.Event), func() bot.Answer { return t.handler.Typed(ctx, line) })
}

// mayAsk calls the handler for something that may become request id. How to reach whoever asks is
// kept under that id before anybody can want to tell them of it.
func (t *turn) mayAsk(id string, call func() bot.Answer) bot.Answer {
	t.replies.keep(id, t.to)
	a := call()
	if w, ok := a.(bot.Words); !ok || w.Request != id {
		t.replies.drop(id)
	}
	return a
}

// event is the part of an events_api payload that is looked at.
type event struct {
	Type         string `json:"type"`
	TeamID       string `json:"team_id"`
	ContextTeam  string `json:"context_team_id"` // whose installation it was sent to, if Slack says so
	EnterpriseID string `json:"enterprise_id"`
	APIAppID     string `json:"api_app_id"`
	EventID      string `json:"event_id"`
	ExtShared    bool   `json:"is_ext_shared_channel"`
	Event        struct {
		Type     string          `json:"type"`
		Subtype  string          `json:"subtype"`
		User     string          `json:"user"`
		UserTeam string          `json:"user_team"`
		Team     string          `json:"team"`
		BotID    string          `json:"bot_id"`
		Text     string          `json:"text"`
		TS       string          `json:"ts"`
		ThreadTS string          `json:"thread_ts"`
		Channel  string          `json:"channel"`
		Edited   json.RawMessage `json:"edited"`
	} `json:"event"`
}

// event handles a mention. Its ack holds no answer: it goes out when the handler is done, so that
// Slack delivers the mention again if this process dies before, or after [Config.AckWithin].
func (t *turn) event(ctx context.Context) {
	var e event
	if json.Unmarshal(t.frame.Payload, &e) != nil {
		t.log.Warn("slack sent an event that cannot be read", "envelope", plainID(t.frame.EnvelopeID))
		return
	}
	if e.Type == "app_rate_limited" {
		t.log.Error("slack holds events back: more than 30,000 in an hour")
		return
	}
	w := t.here.Load()
	m := e.Event
	if m.Type != "app_mention" || w == nil || m.BotID != "" || m.User == "" || m.User == w.BotUser || len(m.Edited) > 0 || m.Subtype == "bot_message" {
		return // of a bot, an edit, or nothing that we asked for
	}
	t.to = asker{user: m.User, channel: m.Channel, thread: m.ThreadTS}
	if words := t.foreign(first(e.ContextTeam, e.TeamID), e.EnterpriseID, e.APIAppID); words != "" {
		t.ack(nil)
		t.answer(plain(words))
		return
	}
	if e.ExtShared {
		t.seenShared(m.Channel)
	}
	stop := t.ackLate(nil, func() {})
	defer stop()
	before, text := aroundMention(m.Text, w.BotUser)
	a := t.typed(ctx, bot.Typed{
		Event:  e.EventID,
		By:     bot.UserRef{Enterprise: e.EnterpriseID, Team: first(m.UserTeam, m.Team, e.TeamID), User: m.User},
		Origin: approvals.Origin{Team: e.TeamID, Channel: m.Channel, Thread: first(m.ThreadTS, m.TS)},
		Text:   unmark(text), Before: unmark(before),
	})
	stop()
	t.ack(nil)
	t.tellAnswer(a)
}

// tellAnswer says the answer, if there is one, after the ack.
func (t *turn) tellAnswer(a bot.Answer) {
	m, ok := t.render(a)
	w, _ := a.(bot.Words)
	switch {
	case !ok:
	case !w.Brief:
		t.answer(m)
	case t.to.url != "" || t.briefs.Wait(t.to.user) == 0:
		t.sayOnce(m)
	}
}

// foreign says why an envelope is not for us, or nothing.
func (t *turn) foreign(team, enterprise, app string) string {
	w := t.here.Load()
	switch {
	case w == nil:
		return "I do not know yet where I am. Try again in a minute."
	case app != "" && (w.AppID != "" && app != w.AppID || t.link.appID() != "" && app != t.link.appID()):
		t.log.Warn("slack sent an envelope of another app", "app", plainID(app))
		return "This was meant for another app, so nothing was done. Tell whoever runs me: the tokens of two apps are mixed up."
	case team == w.Team || w.Enterprise != "" && enterprise == w.Enterprise:
		return ""
	}
	t.log.Warn("slack sent an envelope of another workspace", "team", plainID(team))
	return "I was not set up for your workspace, so nothing was done. Ask a colleague in the workspace where I am installed."
}

// tooBusy answers an envelope that there is no room for.
func (t *turn) tooBusy(context.Context) {
	t.log.Warn("an envelope is told to come again: too many at once", "envelope", plainID(t.frame.EnvelopeID), "type", plainCode(t.frame.Type))
	if t.frame.Type == "interactive" {
		t.busyClick()
		return
	}
	t.busyAck()
}

// first is the first that is not empty.
func first(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}
