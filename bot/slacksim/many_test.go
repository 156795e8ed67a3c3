package slacksim_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// Fifty people press the same button at once while connections come and go: each press is answered
// or fails visibly, and the transcript has every one, numbered without gaps.
func TestManyAtOnce(t *testing.T) {
	w := newWorld(t, slacksim.Config{AckWithin: 200 * time.Millisecond, Seed: 3})
	ts, err := w.say("card")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := w.api.UpdateMessage(general, ts, cardOptions()...); err != nil {
		t.Fatal(err)
	}
	w.connect(t, 3, func(c *socketmode.Client, e socketmode.Event) { _ = c.AckCtx(w.ctx, e.Request.EnvelopeID, nil) })
	entries, cancel := w.Subscribe()
	seen := make(chan int)
	go func() {
		last, clicks := 0, 0
		for e := range entries {
			if last != 0 && e.Seq != last+1 {
				t.Errorf("entry %d after %d", e.Seq, last)
			}
			last = e.Seq
			if e.Kind == slacksim.KindClick {
				clicks++
			}
			if clicks == 50 {
				break
			}
		}
		seen <- clicks
	}()
	var people sync.WaitGroup
	for i := range 50 {
		people.Go(func() {
			turn, err := w.Click(w.ctx, bob, general, ts, "Approve")
			if err != nil {
				t.Error(err)
				return
			}
			if i == 25 {
				w.DropOne()
			}
			if a, err := turn.Wait(w.ctx); err != nil || a.Failed != "" && !a.TimedOut && a.Failed != slacksim.FailedDispatch {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
	people.Wait()
	if n := <-seen; n != 50 {
		t.Errorf("%d clicks seen", n)
	}
	cancel()
	cancel() // repeats do nothing
}

func TestLeanKeepsNothing(t *testing.T) {
	w := newWorld(t, slacksim.Config{Lean: true})
	w.connect(t, 1, func(c *socketmode.Client, e socketmode.Event) { _ = c.Ack(*e.Request) })
	entries, cancel := w.Subscribe()
	defer cancel()
	turn := slash(t, w)
	outcome(t, w, turn)
	if e := <-entries; e.Kind != slacksim.KindCommand {
		t.Errorf("followers still see everything: %+v", e)
	}
	ts, err := w.say("one")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := w.api.UpdateMessage(general, ts, slack.MsgOptionText("two", false)); err != nil {
		t.Fatal(err)
	}
	m, ok := w.Message(general, ts)
	if !ok || m.Text != "two" || m.History != nil {
		t.Errorf("messages stay, without earlier versions: %+v", m)
	}
	if len(w.Transcript()) != 0 || len(w.Calls()) != 0 || len(w.Traffic()) != 0 {
		t.Error("something was kept")
	}
	if w.CallCount("chat.update") != 1 || w.CallCounts()["chat.update"] != 1 {
		t.Error("calls are counted all the same")
	}
	if w.Redeliver(turn.EnvelopeID) == nil {
		t.Error("an envelope that was acknowledged is forgotten")
	}
}

func TestWaitsEndWithTheSimulator(t *testing.T) {
	s, err := slacksim.Start(slacksim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 3)
	entries, _ := s.Subscribe()
	go func() {
		_, err := s.WaitFor(t.Context(), func(slacksim.Entry) bool { return false })
		ended <- err
	}()
	go func() { ended <- s.WaitConnected(t.Context(), 1) }()
	go func() {
		_, err := s.WaitCalls(t.Context(), "x", 1)
		ended <- err
	}()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for range 3 {
		if err := <-ended; !errors.Is(err, slacksim.ErrClosed) {
			t.Errorf("got %v", err)
		}
	}
	if _, open := <-entries; open {
		t.Error("the subscription goes on")
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestVerbsRefuseWhatNobodyCouldDo(t *testing.T) {
	w := newWorld(t, slacksim.Config{})
	ts, err := w.say("no buttons")
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(w.ctx)
	cancel()
	for _, c := range []struct {
		why  string
		do   func() error
		want error
	}{
		{"nobody of that name", func() error { _, err := w.Slash(w.ctx, "U404", general, "/x", ""); return err }, slacksim.ErrNoPerson},
		{"no such channel", func() error { _, err := w.Slash(w.ctx, alice, "C404", "/x", ""); return err }, slacksim.ErrNoChannel},
		{"no such message", func() error { _, err := w.Click(w.ctx, alice, general, "1.000000", "x"); return err }, slacksim.ErrNoMessage},
		{"no such button", func() error { _, err := w.Click(w.ctx, alice, general, ts, "Approve"); return err }, slacksim.ErrNoButton},
		{"no earlier version had it", func() error { _, err := w.ClickStale(w.ctx, alice, general, ts, "Approve"); return err }, slacksim.ErrNoButton},
		{"no such modal", func() error { _, err := w.Submit(w.ctx, alice, "V404", nil); return err }, slacksim.ErrNoView},
		{"the caller has given up", func() error { _, err := w.Slash(gone, alice, general, "/x", ""); return err }, context.Canceled},
	} {
		if err := c.do(); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.why, err, c.want)
		}
	}
}

// The bot may write to a person directly, and sees their messages' addresses.
func TestDirectMessagesAndLinks(t *testing.T) {
	w := newWorld(t, slacksim.Config{})
	ch, _, _, err := w.api.OpenConversation(&slack.OpenConversationParameters{Users: []string{alice}})
	if err != nil || !ch.IsIM {
		t.Fatalf("%+v, %v", ch, err)
	}
	id, ts, err := w.api.PostMessage(alice, slack.MsgOptionText("psst", false))
	if err != nil || id != ch.ID {
		t.Errorf("a user id is that person's conversation: %s, want %s, %v", id, ch.ID, err)
	}
	link, err := w.api.GetPermalink(&slack.PermalinkParameters{Channel: id, Ts: ts})
	if err != nil || link != "https://sim.slack.com/archives/"+id+"/p"+ts[:10]+ts[11:] {
		t.Errorf("%s, %v", link, err)
	}
	info, err := w.api.GetConversationInfo(&slack.GetConversationInfoInput{ChannelID: general})
	if err != nil || info.Name != "general" || !info.IsMember {
		t.Errorf("%+v, %v", info, err)
	}
	w.Kick(general, w.BotUserID())
	mention, err := w.Mention(w.ctx, alice, general, "", "hi")
	if err != nil {
		t.Fatal(err)
	}
	if a := outcome(t, w, mention); a.Failed != slacksim.FailedSilent {
		t.Errorf("a bot outside of the channel hears nothing: %+v", a)
	}
}
