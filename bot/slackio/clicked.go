package slackio

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/view"
)

// interaction is the part of an interactive payload that is looked at.
type interaction struct {
	Type        string `json:"type"`
	APIAppID    string `json:"api_app_id"`
	TriggerID   string `json:"trigger_id"`
	ResponseURL string `json:"response_url"`
	Team        struct {
		ID         string `json:"id"`
		Enterprise string `json:"enterprise_id"`
	} `json:"team"`
	Enterprise struct {
		ID string `json:"id"`
	} `json:"enterprise"`
	User struct {
		ID     string `json:"id"`
		TeamID string `json:"team_id"`
	} `json:"user"`
	Channel struct {
		ID string `json:"id"`
	} `json:"channel"`
	Container struct {
		MessageTS string `json:"message_ts"`
		ThreadTS  string `json:"thread_ts"`
		ChannelID string `json:"channel_id"`
	} `json:"container"`
	Message struct {
		TS       string `json:"ts"`
		ThreadTS string `json:"thread_ts"`
	} `json:"message"`
	Actions []struct {
		ActionID string `json:"action_id"`
		Value    string `json:"value"`
	} `json:"actions"`
	View json.RawMessage `json:"view"`
}

// interactive handles clicks and forms. Whatever else it is gets an ack and nothing more.
func (t *turn) interactive(ctx context.Context) {
	var i interaction
	if json.Unmarshal(t.frame.Payload, &i) != nil || i.User.ID == "" {
		t.log.Warn("slack sent an interaction that cannot be read", "envelope", plainID(t.frame.EnvelopeID))
		return
	}
	t.to = i.asker()
	switch i.Type {
	case "block_actions":
		t.click(ctx, i)
	case "view_submission":
		t.form = true
		t.submit(ctx, i)
	}
}

func (i *interaction) enterprise() string { return first(i.Enterprise.ID, i.Team.Enterprise) }

func (i *interaction) by() bot.UserRef {
	return bot.UserRef{Enterprise: i.enterprise(), Team: first(i.User.TeamID, i.Team.ID), User: i.User.ID}
}

// thread is the parent of the message that was clicked, if it is a reply. A parent with replies
// names itself; it stands in the channel all the same.
func (i *interaction) thread() string {
	parent := first(i.Container.ThreadTS, i.Message.ThreadTS)
	if parent == i.message() {
		return ""
	}
	return parent
}

func (i *interaction) message() string { return first(i.Container.MessageTS, i.Message.TS) }
func (i *interaction) channel() string { return first(i.Container.ChannelID, i.Channel.ID) }

func (i *interaction) asker() asker {
	return asker{user: i.User.ID, channel: i.channel(), thread: i.thread(), url: i.ResponseURL}
}

// click handles a press of a button. Its ack goes out when what it asks for is stored or refused, so
// that Slack knows of no press that is lost; after [Config.AckWithin] in any case.
func (t *turn) click(ctx context.Context, i interaction) {
	stop := t.ackLate(nil, func() { t.sayOnce(plain(notYet)) })
	defer stop()
	a := t.clicked(ctx, i)
	stop()
	t.ack(nil)
	t.to.replace = i.settles(a)
	t.tellAnswer(a)
}

// clicked has a press handled. nil is no answer.
func (t *turn) clicked(ctx context.Context, i interaction) bot.Answer {
	if words := t.foreign(i.Team.ID, i.enterprise(), i.APIAppID); words != "" {
		return bot.Words{Text: words}
	}
	if len(i.Actions) == 0 {
		return nil
	}
	if view.IsChoice(i.Actions[0].ActionID) {
		return t.chosen(ctx, i)
	}
	button, id, digest, err := view.ParseButton(i.Actions[0].ActionID, i.Actions[0].Value)
	if err != nil {
		t.log.Warn("somebody pressed a button that is not known", "action", plainCode(i.Actions[0].ActionID))
		return bot.Words{Text: "I do not know this button: it may be of an earlier version of me, so nothing was done. Type " + t.cfg.command + " list to see what is open."}
	}
	press := bot.Click{
		Event: t.frame.EnvelopeID, By: i.by(),
		Origin:  approvals.Origin{Team: first(i.Team.ID, i.User.TeamID), Channel: i.channel(), Thread: i.thread()},
		Message: i.message(), Button: bot.Button(button), Request: id, Digest: digest,
	}
	call := func() bot.Answer { return t.handler.Clicked(ctx, press) }
	if press.Button == bot.Again { // makes a request of its own
		return t.mayAsk(approvals.NewID(press.By.Team, press.Event), call)
	}
	a := call()
	if _, asks := a.(bot.AskReason); asks {
		return t.ask(ctx, i, id, digest)
	}
	return a
}

// exchanged are Slack's codes for a trigger_id that has opened a form: another process was given the
// same press, and the person has the form.
var exchanged = []string{"exchanged_trigger_id", "trigger_exchanged"}

// ask opens the form for a denial's reason. That has three seconds from the press, of which the
// handler has used up to one.
func (t *turn) ask(ctx context.Context, i interaction, id string, digest approvals.Digest) bot.Answer {
	_, err := t.api.OpenViewContext(ctx, i.TriggerID, view.DenyModal(id, digest, i.channel(), i.message()))
	if err = t.failed(botToken, "views.open", err); err == nil || slices.Contains(exchanged, codeOf(err)) {
		return nil
	}
	t.log.Warn("the deny form could not be opened", "request", plainID(id), "error", err)
	return bot.Words{Text: "Slack did not open the form for the reason in time, so nothing was denied. Press Deny again."}
}

// submit handles the deny form. What came of it is shown in the form if it is there in time; else the
// form says that nothing is recorded yet, and what comes of it is said there and to the person alone,
// who may have closed the form.
func (t *turn) submit(ctx context.Context, i interaction) {
	var v slack.View
	if json.Unmarshal(i.View, &v) != nil {
		t.ack(said(unreadable))
		return
	}
	d, err := view.ParseDeny(v)
	if words := t.foreign(i.Team.ID, i.enterprise(), i.APIAppID); words != "" {
		t.ack(said(words))
		return
	}
	if errors.Is(err, view.ErrReason) {
		t.ack(objection("Say why, in a few words: the one who asked will read it."))
		return
	}
	if err != nil {
		t.log.Warn("somebody sent off a form that is not known", "callback", plainCode(v.CallbackID))
		t.ack(said("I do not know this form: it may be of an earlier version of me, so nothing was denied. Press Deny on the card again."))
		return
	}
	t.to.channel = d.Channel
	stop := t.ackLate(said(notYet), func() {})
	defer stop()
	a := t.handler.Clicked(ctx, bot.Click{
		Event: t.frame.EnvelopeID, By: i.by(),
		Origin:  approvals.Origin{Team: first(i.Team.ID, i.User.TeamID), Channel: d.Channel},
		Message: d.MessageTS, Button: bot.Deny, Request: d.Request, Digest: d.Digest, Reason: d.Reason,
	})
	stop()
	m, ok := t.render(a)
	if !ok {
		t.ack(slack.NewClearViewSubmissionResponse())
		return
	}
	text := m.Text
	if w, isWords := a.(bot.Words); isWords {
		text = words(w)
	}
	if !t.ack(said(text)) {
		t.show(v.ID, text)
		t.answer(m)
	}
}

// show puts words into a form that is open, if it still is.
func (t *turn) show(form, text string) {
	ctx, cancel := context.WithTimeout(t.work, t.cfg.handleFor)
	defer cancel()
	if _, err := t.api.UpdateViewContext(ctx, view.Said(text), "", "", form); err != nil {
		t.log.Info("a form does not show what came of it", "error", t.failed(botToken, "views.update", err))
	}
}

// said replaces a form by words.
func said(text string) *slack.ViewSubmissionResponse {
	v := view.Said(text)
	return slack.NewUpdateViewSubmissionResponse(&v)
}

// objection shows text at the deny form's field, and leaves the form open.
func objection(text string) *slack.ViewSubmissionResponse {
	return slack.NewErrorsViewSubmissionResponse(map[string]string{view.DenyBlock: text})
}

// busyClick tells whoever clicked that there is no room.
func (t *turn) busyClick() {
	var i interaction
	if json.Unmarshal(t.frame.Payload, &i) != nil {
		return
	}
	if i.Type == "view_submission" {
		t.ack(objection(busyNow))
		return
	}
	t.ack(nil)
	if i.User.ID == "" {
		return
	}
	t.to = i.asker()
	t.sayOnce(plain(busyNow))
}
