package slacksim_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// BenchmarkFlow is what one request costs the simulator and slack-go together: a command, its ack
// with words, a card, a click, its ack, an update, a reply.
func BenchmarkFlow(b *testing.B) {
	s, err := slacksim.Start(slacksim.Config{Lean: true})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	s.AddPerson(slacksim.Person{ID: alice, Name: "alice"})
	s.AddChannel(slacksim.Channel{ID: general, Name: "general", Members: []string{alice, s.BotUserID()}})
	transport := &http.Transport{MaxIdleConnsPerHost: 256}
	defer transport.CloseIdleConnections()
	api := slack.New(slacksim.DefaultBotToken, slack.OptionAPIURL(s.APIURL()), slack.OptionAppLevelToken(slacksim.DefaultAppToken),
		slack.OptionHTTPClient(&http.Client{Transport: transport}))
	ctx, cancel := context.WithCancel(b.Context())
	cards := make(chan string, 256)
	var ended []chan struct{}
	for range 2 {
		c := socketmode.New(api)
		done := make(chan struct{}, 2)
		ended = append(ended, done)
		go func() { _ = c.RunContext(ctx); done <- struct{}{} }()
		go func() { benchBot(ctx, api, c, cards); done <- struct{}{} }()
	}
	defer func() {
		cancel()
		for _, d := range ended {
			<-d
			<-d
		}
	}()
	if err := s.WaitConnected(ctx, 2); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			turn, err := s.Slash(ctx, alice, general, "/bmcmd", "run cmd-1 ins-1")
			if err == nil {
				_, err = turn.Wait(ctx)
			}
			if err == nil {
				turn, err = s.Click(ctx, alice, general, <-cards, "approve")
			}
			if err == nil {
				_, err = turn.Wait(ctx)
			}
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func benchBot(ctx context.Context, api *slack.Client, c *socketmode.Client, cards chan<- string) {
	for {
		var e socketmode.Event
		select {
		case <-ctx.Done():
			return
		case e = <-c.Events:
		}
		switch d := e.Data.(type) {
		case slack.SlashCommand:
			_ = c.AckCtx(ctx, e.Request.EnvelopeID, map[string]string{"text": "got it"})
			go func() {
				_, ts, _ := api.PostMessageContext(ctx, d.ChannelID, cardOptions()...)
				cards <- ts
			}()
		case slack.InteractionCallback:
			_ = c.AckCtx(ctx, e.Request.EnvelopeID, nil)
			go func() {
				done := slack.MsgOptionText("approved", false)
				_, _, _, _ = api.UpdateMessageContext(ctx, d.Channel.ID, d.Container.MessageTs, done)
				_, _, _ = api.PostMessageContext(ctx, d.Channel.ID, done, slack.MsgOptionTS(d.Container.MessageTs))
			}()
		}
	}
}
