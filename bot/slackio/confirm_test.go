package slackio

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// asking asks about each line, and answers a press.
func asking(got chan<- bot.Typed, answer bot.Words) hand {
	return hand{typed: func(_ context.Context, line bot.Typed) bot.Answer {
		if line.Confirmed {
			got <- line
			return answer
		}
		return bot.Confirm{Of: line, Text: "Is it fine?", TooLong: "Make it shorter.", Choices: []bot.Choice{{Label: "Ask", Line: line.Text}}}
	}}
}

func TestAChoiceGoesTheWayOfATypedLine(t *testing.T) {
	const line = "run cmd-1 ins-1 --reason \"a <b> &amp; 重启\" -- \"x\ty\" && z\u00a0\n"
	r := connectTo(t, simulate(t, slacksim.Config{}))
	got := make(chan bot.Typed, 1)
	r.run(asking(got, bot.Words{Request: "r-abc", Text: "Recorded."}))
	turn, err := r.sim.Slash(soon(t), alice, channel, "/bmcmd", line)
	wait(t, turn, err)
	asked := r.whispered(alice, "Is it fine?")
	click, err := r.sim.Click(soon(t), alice, channel, asked.TS, "Ask")
	if a := wait(t, click, err); a.Failed != "" {
		t.Fatal(a.Failed)
	}
	want := bot.Typed{
		Event: "confirmed " + alice + " " + turn.EnvelopeID, By: bot.UserRef{Team: "T0SIM", User: alice},
		Origin: approvals.Origin{Team: "T0SIM", Channel: channel}, Text: line, Confirmed: true,
	}
	if d := cmp.Diff(want, <-got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	r.whispered(alice, "Recorded.")
	if _, err := r.sim.Click(soon(t), alice, channel, asked.TS, "Ask"); err == nil {
		t.Error("the buttons stand beside the answer")
	}
}

func TestAChoiceOfAMentionStaysInItsThread(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	got := make(chan bot.Typed, 1)
	r.run(asking(got, bot.Words{Request: "r-abc", Text: "Recorded."}))
	turn, err := r.sim.Mention(soon(t), alice, channel, "", "run cmd-1 ins-1")
	wait(t, turn, err)
	asked := r.whispered(alice, "Is it fine?")
	click, err := r.sim.Click(soon(t), alice, channel, asked.TS, "Ask")
	wait(t, click, err)
	if line := <-got; line.Origin.Thread != turn.TS {
		t.Errorf("it is in thread %q, not %q", line.Origin.Thread, turn.TS)
	}
}

// Whatever was not kept may be pressed again, and is the same event then.
func TestAChoiceTwiceIsOneEvent(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	got := make(chan bot.Typed, 2)
	r.run(asking(got, bot.Words{Text: "My store is away."}))
	r.ask("run cmd-1 ins-1")
	asked := r.whispered(alice, "Is it fine?")
	for range 2 {
		click, err := r.sim.Click(soon(t), alice, channel, asked.TS, "Ask")
		wait(t, click, err)
	}
	if a, b := <-got, <-got; a.Event != b.Event {
		t.Errorf("%q, then %q", a.Event, b.Event)
	}
}

// No value does more than typing it would: not for somebody else, nor somewhere else.
func TestForgedChoices(t *testing.T) {
	for _, c := range []struct{ why, value, says string }{
		{"somebody else's", `{"event":"E","user":"` + alice + `","channel":"` + channel + `","line":"run cmd-1 ins-1"}`, "asked of somebody else"},
		{"of another channel", `{"event":"E","user":"` + bob + `","channel":"C0WEB","line":"run cmd-1 ins-1"}`, "in another place"},
		{"without an event", `{"user":"` + bob + `","channel":"` + channel + `","line":"run cmd-1 ins-1"}`, "cannot read this button"},
		{"not ours", `run cmd-1 ins-1`, "cannot read this button"},
	} {
		r := connectTo(t, simulate(t, slacksim.Config{}))
		r.run(hand{typed: func(context.Context, bot.Typed) bot.Answer {
			t.Errorf("%s: it was handed on", c.why)
			return nil
		}})
		_, ts, err := r.s.post(soon(t), channel, buttonMessage("bmcmd:choice.0", c.value), "")
		if err != nil {
			t.Fatal(err)
		}
		r.press(ts)
		r.whispered(bob, c.says)
	}
}
