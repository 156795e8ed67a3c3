package slacksim_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

func TestFaults(t *testing.T) {
	w := newWorld(t, slacksim.Config{})
	w.RateLimitNext("chat.postMessage", 1, 7*time.Second)
	var limited *slack.RateLimitedError
	if _, err := w.say("x"); !errors.As(err, &limited) || limited.RetryAfter != 7*time.Second {
		t.Errorf("429: %v", err)
	}
	if _, err := w.say("now"); err != nil {
		t.Errorf("it was for one call: %v", err)
	}
	w.FailNext("chat.postMessage", slacksim.Fault{Status: 502}, 1)
	var status slack.StatusCodeError
	if _, err := w.say("x"); !errors.As(err, &status) || status.Code != 502 {
		t.Errorf("502: %v", err)
	}
	w.FailNext("*", slacksim.Fault{Error: "internal_error"}, 1)
	if _, err := w.say("x"); err == nil || err.Error() != "internal_error" {
		t.Errorf("error: %v", err)
	}
	w.FailNext("chat.postMessage", slacksim.Fault{Drop: true}, 1)
	if _, err := w.say("dropped"); err == nil {
		t.Error("drop: no error")
	}
	w.FailNext("chat.postMessage", slacksim.Fault{LoseReply: true}, 1)
	if _, err := w.say("lost"); err == nil {
		t.Error("lost reply: no error")
	}
	w.FailNext("chat.postMessage", slacksim.Fault{Hang: true}, 1)
	ctx, cancel := context.WithCancel(w.ctx)
	n := w.CallCount("chat.postMessage")
	go func() {
		_, _ = w.WaitCalls(w.ctx, "chat.postMessage", n+1)
		cancel()
	}()
	if _, _, err := w.api.PostMessageContext(ctx, general, slack.MsgOptionText("hung", false)); !errors.Is(err, context.Canceled) {
		t.Errorf("hang: %v", err)
	}
	w.Down(true)
	if _, err := w.say("x"); !errors.As(err, &status) || status.Code != 503 {
		t.Errorf("down: %v", err)
	}
	w.ClearFaults()
	var said []string
	for _, m := range w.Messages(general) {
		said = append(said, m.Text)
	}
	if got := strings.Join(said, " "); got != "now lost" {
		t.Errorf("only what took effect is there: %q", got)
	}
	if n := w.CallCount("chat.postMessage"); n != 8 {
		t.Errorf("%d calls counted", n)
	}
}

// A Slack that is far away has done what it was asked before it says so.
func TestSlow(t *testing.T) {
	w := newWorld(t, slacksim.Config{})
	const far = 30 * time.Millisecond
	w.Slow(far)
	began := time.Now()
	ts, err := w.say("x")
	if took := time.Since(began); err != nil || took < far {
		t.Errorf("it took %s: %v", took, err)
	}
	seconds, err := strconv.ParseFloat(ts, 64)
	if err != nil {
		t.Fatal(err)
	}
	if posted := time.UnixMicro(int64(seconds * 1e6)); time.Since(posted) < far {
		t.Errorf("it was there at %s, when the answer came", posted)
	}
	ctx, cancel := context.WithCancel(w.ctx)
	w.Slow(time.Hour)
	n := w.CallCount("auth.test")
	go func() {
		_, _ = w.WaitCalls(w.ctx, "auth.test", n+1)
		cancel()
	}()
	if _, err := w.api.AuthTestContext(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits for an hour: %v", err)
	}
	w.ClearFaults()
	if _, err := w.say("y"); err != nil {
		t.Error(err)
	}
}

func TestPace(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	w := newWorld(t, slacksim.Config{Pace: true, Now: func() time.Time { return now }})
	for i := range 4 {
		if _, err := w.say("burst"); err != nil {
			t.Fatalf("a short burst passes: %d: %v", i, err)
		}
	}
	var limited *slack.RateLimitedError
	if _, err := w.say("x"); !errors.As(err, &limited) || limited.RetryAfter != time.Second {
		t.Errorf("one post a second a channel: %v", err)
	}
	now = now.Add(time.Second)
	if _, err := w.say("x"); err != nil {
		t.Errorf("a second later: %v", err)
	}
	for range 20 {
		if _, err := w.api.GetUserGroups(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.api.GetUserGroups(); !errors.As(err, &limited) || limited.RetryAfter != 3*time.Second {
		t.Errorf("tier 2 is 20 a minute: %v", err)
	}
}

func cardOptions() []slack.MsgOption {
	return []slack.MsgOption{slack.MsgOptionText("card", false), slack.MsgOptionBlocks(card()...)}
}

func TestLongTextIsCut(t *testing.T) {
	w := newWorld(t, slacksim.Config{})
	ts, err := w.say(strings.Repeat("é", 40_001))
	if err != nil {
		t.Fatal(err)
	}
	if m, _ := w.Message(general, ts); len([]rune(m.Text)) != 40_000 {
		t.Errorf("%d characters", len([]rune(m.Text)))
	}
}

func TestThreadOfADeletedParent(t *testing.T) {
	w := newWorld(t, slacksim.Config{})
	parent, _ := w.say("parent")
	if _, _, err := w.api.DeleteMessage(general, parent); err != nil {
		t.Fatal(err)
	}
	_, _, m, err := w.api.PostMessageWithResponse(general, slack.MsgOptionText("reply", false), slack.MsgOptionTS(parent))
	if err != nil || m.ThreadTimestamp != "" {
		t.Errorf("Slack posts into the channel then: %q, %v", m.ThreadTimestamp, err)
	}
}
