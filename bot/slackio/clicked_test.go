package slackio

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/slacksim"
	"github.com/bmcmd/bmcmd/bot/view"
)

var digest = approvals.Digest(strings.Repeat("d", 64))

// buttonMessage is a message with one button, "Press".
func buttonMessage(action, value string) view.Message {
	text := slack.NewTextBlockObject(slack.PlainTextType, "Press", false, false)
	return view.Message{Text: "A card", Blocks: []slack.Block{
		slack.NewActionBlock("", slack.NewButtonBlockElement(action, value, text)),
	}}
}

// put posts a message with one button, in a thread if one is given.
func (r *rig) put(action, thread string) (ts string) {
	r.t.Helper()
	_, ts, err := r.s.post(soon(r.t), channel, buttonMessage(action, view.ButtonValue("r-abc", digest)), thread)
	if err != nil {
		r.t.Fatal(err)
	}
	return ts
}

func (r *rig) press(ts string) slacksim.Ack {
	r.t.Helper()
	turn, err := r.sim.Click(soon(r.t), bob, channel, ts, "Press")
	return wait(r.t, turn, err)
}

func TestAClickIsHandedOn(t *testing.T) {
	for _, button := range []bot.Button{bot.Approve, bot.Cancel, bot.Run, bot.Again, bot.Ran, bot.DidNotRun, bot.Lift} {
		r := connectTo(t, simulate(t, slacksim.Config{}))
		got := make(chan bot.Click, 1)
		r.run(hand{clicked: func(_ context.Context, c bot.Click) bot.Answer {
			got <- c
			return bot.Words{Text: "Not you."}
		}})
		ts := r.put("bmcmd:"+string(button), "")
		turn, err := r.sim.Click(soon(t), bob, channel, ts, "Press")
		if a := wait(t, turn, err); a.Failed != "" || a.Payload != nil {
			t.Errorf("%s: ack %+v", button, a)
		}
		want := bot.Click{
			Event: turn.EnvelopeID, By: bot.UserRef{Team: "T0SIM", User: bob}, Origin: approvals.Origin{Team: "T0SIM", Channel: channel},
			Message: ts, Button: button, Request: "r-abc", Digest: digest,
		}
		if diff := cmp.Diff(want, <-got); diff != "" {
			t.Errorf("%s: %s", button, diff)
		}
		if e := r.whispered(bob, "Not you."); e.Message.Edited {
			t.Error("the answer replaces something")
		}
		if m, _ := r.sim.Message(channel, ts); m.Edited {
			t.Error("the card was replaced by an answer")
		}
	}
}

func TestAClickWithoutAnAnswerSaysNothing(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	done := make(chan struct{})
	r.run(hand{clicked: func(context.Context, bot.Click) bot.Answer { close(done); return nil }})
	r.press(r.put("bmcmd:approve", ""))
	<-done
	if a := r.ask("help"); a.Failed != "" || len(r.sim.Ephemerals(bob)) != 0 {
		t.Errorf("bob sees %v", r.sim.Ephemerals(bob))
	}
}

// A card in a thread, and one that has a thread under it.
func TestWhereAClickedCardStands(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	got := make(chan bot.Click, 1)
	r.run(hand{clicked: func(_ context.Context, c bot.Click) bot.Answer { got <- c; return nil }})
	parent := r.put("bmcmd:approve", "")
	reply := r.put("bmcmd:approve", parent)
	r.press(reply)
	if c := <-got; c.Origin.Thread != parent || c.Message != reply {
		t.Errorf("a reply: %+v", c)
	}
	r.press(parent)
	if c := <-got; c.Origin.Thread != "" || c.Message != parent {
		t.Errorf("a parent: %+v", c)
	}
}

func TestAnUnknownButtonIsAnswered(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	r.run(hand{clicked: func(context.Context, bot.Click) bot.Answer {
		t.Error("it reached the handler")
		return nil
	}})
	if a := r.press(r.put("old:approve", "")); a.Failed != "" {
		t.Errorf("ack: %s", a.Failed)
	}
	r.whispered(bob, "I do not know this button")
}

// openForm presses Deny and returns the form.
func (r *rig) openForm() slacksim.View {
	r.t.Helper()
	if a := r.press(r.put("bmcmd:deny", "")); a.Failed != "" {
		r.t.Fatal(a.Failed)
	}
	e, err := r.sim.WaitFor(soon(r.t), func(e slacksim.Entry) bool { return e.Kind == slacksim.KindModal })
	if err != nil {
		r.t.Fatalf("no form: %v\n%s", err, r.log)
	}
	return e.View
}

// refuses is a Handler that lets nobody do anything.
type refuses struct{ hand }

func (refuses) Clicked(context.Context, bot.Click) bot.Answer {
	return bot.Words{Text: "You may not deny this."}
}

// Who may not deny is told so, and costs no call.
func TestADenialThatIsRefused(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	r.run(refuses{})
	r.press(r.put("bmcmd:deny", ""))
	r.whispered(bob, "You may not deny this.")
	if n := r.sim.CallCount("views.open"); n != 0 {
		t.Errorf("%d forms were opened", n)
	}
}

// Deny opens its form before Slack is asked for anything else; what comes of it is said in the form.
func TestADenialAsksForItsReason(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	got := make(chan bot.Click, 1)
	r.run(hand{clicked: func(_ context.Context, c bot.Click) bot.Answer {
		got <- c
		return bot.Words{Text: "You may not deny this."}
	}})
	form := r.openForm()
	if n := len(got); n != 0 {
		t.Error("the press alone denied something")
	}
	if _, err := r.sim.WaitCalls(soon(t), "views.open", 1); err != nil {
		t.Fatal(err)
	}
	calls := r.sim.Calls()
	posted := slices.IndexFunc(calls, func(c slacksim.APICall) bool { return c.Method == "chat.postMessage" })
	if first := calls[posted+1].Method; first != "views.open" {
		t.Errorf("the first call after the click is %s", first)
	}
	card := last(r.sim.Messages(channel)).TS
	turn, err := r.sim.Submit(soon(t), bob, form.ID, map[string]string{view.DenyBlock: "the disk is another one"})
	if a := wait(t, turn, err); a.Failed != "" || !strings.Contains(string(a.Payload), `"update"`) {
		t.Errorf("ack %s %s", a.Failed, a.Payload)
	}
	want := bot.Click{
		Event: turn.EnvelopeID, By: bot.UserRef{Team: "T0SIM", User: bob}, Origin: approvals.Origin{Team: "T0SIM", Channel: channel},
		Message: card, Button: bot.Deny, Request: "r-abc", Digest: digest, Reason: "the disk is another one",
	}
	if diff := cmp.Diff(want, <-got); diff != "" {
		t.Error(diff)
	}
	if views := r.sim.OpenViews(bob); len(views) != 1 || !strings.Contains(slacksim.RenderView(views[0]), "You may not deny this.") {
		t.Errorf("bob sees %v", views)
	}
}

func TestADenialThatWentWellClosesTheForm(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	r.run(hand{})
	form := r.openForm()
	turn, err := r.sim.Submit(soon(t), bob, form.ID, map[string]string{view.DenyBlock: "no disk is full"})
	if a := wait(t, turn, err); a.Failed != "" || len(r.sim.OpenViews(bob)) != 0 {
		t.Errorf("ack %+v, open %v", a, r.sim.OpenViews(bob))
	}
}

func TestASlowDenialIsAnsweredLater(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}), func(c *Config) { c.AckWithin = 300 * time.Millisecond })
	hold := make(chan struct{})
	r.run(hand{clicked: func(context.Context, bot.Click) bot.Answer {
		<-hold
		return bot.Words{Text: "The store does not answer."}
	}})
	form := r.openForm()
	turn, err := r.sim.Submit(soon(t), bob, form.ID, map[string]string{view.DenyBlock: "no disk is full"})
	if a := wait(t, turn, err); a.Failed != "" || !strings.Contains(string(a.Payload), "Not recorded yet") {
		t.Errorf("ack %+v", a)
	}
	close(hold)
	r.whispered(bob, "The store does not answer.") // who may have closed the form
	if views := r.sim.OpenViews(bob); len(views) != 1 || !strings.Contains(slacksim.RenderView(views[0]), "The store does not answer.") {
		t.Errorf("bob sees %v", views)
	}
}

// Slack hears that a press arrived only when it is recorded or refused: what is lost before that is seen
// to be lost, and may be delivered again.
func TestAPressIsAckedWhenItIsRecorded(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	pressed, hold := make(chan struct{}), make(chan struct{})
	r.run(hand{clicked: func(context.Context, bot.Click) bot.Answer {
		close(pressed)
		<-hold
		return bot.Words{Text: "Recorded: you approved."}
	}})
	turn, err := r.sim.Click(soon(t), bob, channel, r.put("bmcmd:approve", ""), "Press")
	if err != nil {
		t.Fatal(err)
	}
	<-pressed
	r.ask("help") // whose ack would come after that of the press
	if n := r.sim.Acks(turn.EnvelopeID); n != 0 {
		t.Error("it is acked before it is recorded")
	}
	close(hold)
	if a := wait(t, turn, nil); a.Failed != "" || a.Payload != nil {
		t.Errorf("ack %+v", a)
	}
	r.whispered(bob, "Recorded: you approved.")
}

// What takes longer is acked in time, said not to be recorded yet, and followed up.
func TestAPressThatTakesLong(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}), func(c *Config) { c.AckWithin = 20 * time.Millisecond })
	hold := make(chan struct{})
	r.run(hand{clicked: func(context.Context, bot.Click) bot.Answer {
		<-hold
		return bot.Words{Text: "Recorded: you approved."}
	}})
	if a := r.press(r.put("bmcmd:approve", "")); a.Failed != "" {
		t.Errorf("ack %+v", a)
	}
	r.whispered(bob, "Not recorded yet.")
	close(hold)
	r.whispered(bob, "Recorded: you approved.")
}

// again has an envelope delivered once more, and waits for its second ack.
func (r *rig) again(envelope string) {
	r.t.Helper()
	if err := r.sim.Redeliver(envelope); err != nil {
		r.t.Fatal(err)
	}
	for r.sim.Acks(envelope) < 2 {
		r.ask("list") // the second ack may still be on its way
	}
}

// An envelope that Slack delivers again is acked again, and nothing happens twice.
func TestAPressThatIsDeliveredAgain(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	clicks := make(chan int, 4)
	r.run(numbered(clicks))
	for _, press := range []struct {
		button string
		want   int
	}{{"bmcmd:deny", 0}, {"bmcmd:approve", 1}} {
		turn, err := r.sim.Click(soon(t), bob, channel, r.put(press.button, ""), "Press")
		wait(t, turn, err)
		r.again(turn.EnvelopeID)
		if len(clicks) != press.want {
			t.Errorf("%s was handled %d times", press.button, len(clicks))
		}
	}
	if n := r.sim.CallCount("views.open"); n != 1 {
		t.Errorf("the form was opened %d times", n)
	}
	r.whispered(bob, "Recorded, number 1.")
	turn, err := r.sim.Submit(soon(t), bob, r.sim.OpenViews(bob)[0].ID, map[string]string{view.DenyBlock: "no disk is full"})
	wait(t, turn, err)
	r.again(turn.EnvelopeID)
	if len(clicks) != 2 {
		t.Errorf("%d of two were handled", len(clicks))
	}
}

// Another process was given the same press and has opened the form.
func TestAFormThatAnotherProcessOpened(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	r.run(hand{})
	for _, code := range exchanged {
		r.sim.FailNext("views.open", slacksim.Fault{Error: code}, 1)
		r.press(r.put("bmcmd:deny", ""))
	}
	if seen := r.sim.Ephemerals(bob); len(seen) != 0 {
		t.Errorf("bob is told %v", seen)
	}
}

func TestATriggerThatIsTooOldIsSaid(t *testing.T) {
	for _, code := range []string{"expired_trigger_id", "trigger_expired", "internal_error"} {
		r := connectTo(t, simulate(t, slacksim.Config{}))
		r.run(hand{})
		r.sim.FailNext("views.open", slacksim.Fault{Error: code}, 1)
		r.press(r.put("bmcmd:deny", ""))
		r.whispered(bob, "Press Deny again")
	}
}

// What slacksim's form would not let through, and forms that are not ours.
func TestFormsThatAreNotRight(t *testing.T) {
	submission := func(callback, metadata, reason string) string {
		return `{"type":"interactive","envelope_id":"E","accepts_response_payload":true,"payload":{"type":"view_submission","api_app_id":"A1","team":{"id":"T1"},"user":{"id":"U1","team_id":"T1"},` +
			`"view":{"callback_id":"` + callback + `","private_metadata":` + metadata + `,"state":{"values":{"reason":{"reason":{"type":"plain_text_input","value":"` + reason + `"}}}}}}}`
	}
	ours := `"{\"request\":\"r-abc\",\"digest\":\"` + string(digest) + `\",\"channel\":\"C1\",\"message_ts\":\"1.1\"}"`
	for _, c := range []struct{ why, frame, want string }{
		{"no reason", submission(view.DenyCallback, ours, "   "), `"errors":{"reason":"Say why`},
		{"another form", submission("old:deny", ours, "because of it"), "I do not know this form"},
		{"what it carries is broken", submission(view.DenyCallback, `"{"`, "because of it"), "I do not know this form"},
		{"another workspace", strings.Replace(submission(view.DenyCallback, ours, "because of it"), `"team":{"id":"T1"}`, `"team":{"id":"T2"}`, 1), "not set up for your workspace"},
	} {
		t.Run(c.why, func(t *testing.T) {
			w := newRaw(t)
			r := w.connect()
			r.start(hand{clicked: func(context.Context, bot.Click) bot.Answer {
				t.Error("it reached the handler")
				return nil
			}})
			conn := w.next()
			w.greet(conn)
			w.send(conn, c.frame)
			if _, payload := w.ack(conn); !strings.Contains(payload, c.want) {
				t.Errorf("the ack says %s", payload)
			}
		})
	}
}

func TestAPanicInAFormIsAnsweredInIt(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	r.run(hand{clicked: func(context.Context, bot.Click) bot.Answer { panic("no") }})
	form := r.openForm()
	turn, err := r.sim.Submit(soon(t), bob, form.ID, map[string]string{view.DenyBlock: "no disk is full"})
	if a := wait(t, turn, err); !strings.Contains(string(a.Payload), "Something broke") {
		t.Errorf("ack %s %s", a.Failed, a.Payload)
	}
}
