package slacksim_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
	"go.uber.org/goleak"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	alice   = "U0ALICE"
	bob     = "U0BOB"
	general = "C0GEN"
)

// patience is how long a test waits for what happens at once, unless it never does.
const patience = time.Minute

// world is a workspace with people, and a client that is the bot.
type world struct {
	*slacksim.Slack
	ctx    context.Context
	api    *slack.Client
	client *http.Client
}

// newWorld starts a Slack that waits longer than the real one, unless cfg says how long: what a slow
// machine does late is not what is looked for.
func newWorld(t *testing.T, cfg slacksim.Config) *world {
	t.Helper()
	cfg.AckWithin = or(cfg.AckWithin, patience)
	if cfg.Now == nil {
		cfg.TriggerLife = or(cfg.TriggerLife, patience)
	}
	s, err := slacksim.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	transport := &http.Transport{}
	client := &http.Client{Transport: transport}
	t.Cleanup(func() {
		cancel()
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		transport.CloseIdleConnections()
	})
	s.AddPerson(slacksim.Person{ID: alice, Name: "alice"})
	s.AddPerson(slacksim.Person{ID: bob, Name: "bob"})
	s.AddGroup(slacksim.Group{ID: "S0OPS", Handle: "ops", Members: []string{alice, bob}})
	s.AddChannel(slacksim.Channel{ID: general, Name: "general", Members: []string{alice, bob, s.BotUserID()}})
	w := &world{Slack: s, ctx: ctx, client: client}
	w.api = w.as(or(cfg.BotToken, slacksim.DefaultBotToken), or(cfg.AppToken, slacksim.DefaultAppToken))
	return w
}

func or[T comparable](v, def T) T {
	var none T
	if v == none {
		return def
	}
	return v
}

func (w *world) as(bot, app string) *slack.Client {
	return slack.New(bot, slack.OptionAPIURL(w.APIURL()), slack.OptionAppLevelToken(app), slack.OptionHTTPClient(w.client))
}

// connect runs n socketmode clients that pass what Slack sends to handle.
func (w *world) connect(t *testing.T, n int, handle func(*socketmode.Client, socketmode.Event)) []*socketmode.Client {
	t.Helper()
	var out []*socketmode.Client
	for range n {
		c := socketmode.New(w.api)
		out = append(out, c)
		ctx, cancel := context.WithCancel(w.ctx)
		ended := make(chan struct{}, 2)
		go func() { _ = c.RunContext(ctx); ended <- struct{}{} }()
		go func() {
			defer func() { ended <- struct{}{} }()
			for {
				select {
				case <-ctx.Done():
					return
				case e := <-c.Events:
					if e.Request != nil && e.Request.EnvelopeID != "" {
						handle(c, e)
					}
				}
			}
		}()
		t.Cleanup(func() { cancel(); <-ended; <-ended })
	}
	if err := w.WaitConnected(w.ctx, n); err != nil {
		t.Fatal(err)
	}
	return out
}

// post calls a method by hand, for what slack-go would not send.
func (w *world) post(t *testing.T, method, token string, form url.Values) string {
	t.Helper()
	req, err := http.NewRequestWithContext(w.ctx, http.MethodPost, w.APIURL()+method, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func text(kind, s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(kind, s, false, false)
}

func card() []slack.Block {
	approve := slack.NewButtonBlockElement("approve", "req-1", text("plain_text", "Approve")).WithStyle(slack.StylePrimary)
	deny := slack.NewButtonBlockElement("deny", "req-1", text("plain_text", "Deny"))
	return []slack.Block{
		slack.NewHeaderBlock(text("plain_text", "Run a script")),
		slack.NewSectionBlock(text("mrkdwn", "asked by <@"+alice+">"), nil, nil),
		slack.NewActionBlock("decide", approve, deny),
	}
}
