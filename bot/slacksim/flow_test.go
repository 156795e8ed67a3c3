package slacksim_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// The whole of what the bot does with Slack, once, through the unmodified client.
func TestConversation(t *testing.T) {
	w := newWorld(t, slacksim.Config{})
	w.connect(t, 2, func(c *socketmode.Client, e socketmode.Event) { answerAsBot(t, w, c, e) })

	turn, err := w.Slash(w.ctx, alice, general, "/bmcmd", "run cmd-1 ins-1")
	if err != nil {
		t.Fatal(err)
	}
	if ack, err := turn.Wait(w.ctx); err != nil || ack.Failed != "" {
		t.Fatalf("command: %+v, %v", ack, err)
	}
	if got := w.Ephemerals(alice); len(got) != 1 || got[0].Text != "got it" || got[0].Via != "ack" {
		t.Errorf("an ack payload without response_type is for one person: %+v", got)
	}
	msg := waitFor(t, w, slacksim.KindMessage).Message
	if diff := cmp.Diff([]string{"Approve", "Deny"}, msg.Buttons()); diff != "" {
		t.Error(diff)
	}

	press(t, w, bob, msg.TS, "approve")
	if got := waitFor(t, w, slacksim.KindUpdate).Message; got.Blocks != nil || got.Text != "approved by <@"+bob+">" {
		t.Errorf("text alone takes the blocks away: %+v", got)
	}
	reply := waitFor(t, w, slacksim.KindFile).Message
	if reply.ReplyTo != msg.TS || string(reply.Files[0].Content) != "hello" {
		t.Errorf("the file is in the thread: %+v", reply)
	}
	if _, err := w.Click(w.ctx, bob, general, msg.TS, "approve"); err == nil {
		t.Error("the button is gone, yet it could be pressed")
	}
	stale, err := w.ClickStale(w.ctx, bob, general, msg.TS, "Deny")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stale.Wait(w.ctx); err != nil {
		t.Fatal(err)
	}
	view := waitFor(t, w, slacksim.KindModal).View
	sub, err := w.Submit(w.ctx, bob, view.ID, map[string]string{"Reason": "not now"})
	if err != nil {
		t.Fatal(err)
	}
	if ack, err := sub.Wait(w.ctx); err != nil || ack.Failed != "" {
		t.Fatalf("submit: %+v, %v", ack, err)
	}
	if len(w.OpenViews(bob)) != 0 {
		t.Error("an empty ack closes the modal")
	}
	waitText(t, w, "denied: not now")

	mention, err := w.Mention(w.ctx, alice, general, msg.TS, "status a<b & https://x.test/y")
	if err != nil {
		t.Fatal(err)
	}
	if ack, err := mention.Wait(w.ctx); err != nil || ack.Failed != "" {
		t.Fatalf("mention: %+v, %v", ack, err)
	}
	waitText(t, w, "heard: <@U0BOT> status a&lt;b &amp; <https://x.test/y>")
	if s := transcript(w); !strings.Contains(s, "#general  bob presses [ Deny ]") {
		t.Errorf("transcript:\n%s", s)
	}
}

func answerAsBot(t *testing.T, w *world, c *socketmode.Client, e socketmode.Event) {
	check := func(err error) {
		if err != nil && !errors.Is(err, context.Canceled) { // the test may end before the last answer is back
			t.Errorf("%s: %v", e.Type, err)
		}
	}
	switch d := e.Data.(type) {
	case slack.SlashCommand:
		check(c.Ack(*e.Request, map[string]any{"text": "got it"}))
		_, _, err := w.api.PostMessageContext(w.ctx, d.ChannelID, slack.MsgOptionText("a card", false), slack.MsgOptionBlocks(card()...))
		check(err)
	case slack.InteractionCallback:
		check(c.Ack(*e.Request))
		switch {
		case d.Type == slack.InteractionTypeViewSubmission:
			reason := d.View.State.Values["why"]["text"].Value
			_, _, err := w.api.PostMessageContext(w.ctx, d.View.PrivateMetadata, slack.MsgOptionText("denied: "+reason, false))
			check(err)
		case d.ActionCallback.BlockActions[0].ActionID == "deny":
			_, err := w.api.OpenViewContext(w.ctx, d.TriggerID, reasonModal(d.Channel.ID))
			check(err)
		default:
			_, _, _, err := w.api.UpdateMessageContext(w.ctx, d.Channel.ID, d.Container.MessageTs, slack.MsgOptionText("approved by <@"+d.User.ID+">", false))
			check(err)
			_, err = w.api.UploadFileContext(w.ctx, slack.UploadFileParameters{
				Content: "hello", FileSize: 5, Filename: "out.txt", Channel: d.Channel.ID, ThreadTimestamp: d.Container.MessageTs,
			})
			check(err)
		}
	case slackevents.EventsAPIEvent:
		check(c.Ack(*e.Request))
		m := d.InnerEvent.Data.(*slackevents.AppMentionEvent)
		_, _, err := w.api.PostMessageContext(w.ctx, m.Channel, slack.MsgOptionText("heard: "+m.Text, false), slack.MsgOptionTS(m.ThreadTimeStamp))
		check(err)
	}
}

func reasonModal(meta string) slack.ModalViewRequest {
	input := slack.NewPlainTextInputBlockElement(text("plain_text", "why"), "text")
	return slack.ModalViewRequest{
		Type: slack.VTModal, Title: text("plain_text", "Deny"), Submit: text("plain_text", "Deny"), Close: text("plain_text", "Back"),
		CallbackID: "deny", PrivateMetadata: meta,
		Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewInputBlock("why", text("plain_text", "Reason"), nil, input)}},
	}
}

func press(t *testing.T, w *world, user, ts, button string) slacksim.Ack {
	t.Helper()
	turn, err := w.Click(w.ctx, user, general, ts, button)
	if err != nil {
		t.Fatal(err)
	}
	ack, err := turn.Wait(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	return ack
}

func waitFor(t *testing.T, w *world, kind slacksim.Kind) slacksim.Entry {
	t.Helper()
	e, err := w.WaitFor(w.ctx, func(e slacksim.Entry) bool { return e.Kind == kind })
	if err != nil {
		t.Fatalf("no %s: %v\n%s", kind, err, transcript(w))
	}
	return e
}

func waitText(t *testing.T, w *world, text string) {
	t.Helper()
	_, err := w.WaitFor(w.ctx, func(e slacksim.Entry) bool { return e.Text == text })
	if err != nil {
		t.Fatalf("no %q: %v\n%s", text, err, transcript(w))
	}
}

func transcript(w *world) string {
	var b strings.Builder
	_ = w.WriteTranscript(&b)
	return b.String()
}
