// Command yardstick is the least bot that does what people see of a run: it acknowledges a
// command, posts a message with a button, and on a press calls RunUserCmd and answers in the
// thread. The load experiment measures bmcmd in multiples of it, in the same minutes on the
// same machine.
//
// It is written as somebody would who wants it fast: one socket, one HTTP client that keeps
// its connections, for Slack and for the API, and nothing besides. It looks nothing up, asks
// nobody who may, keeps nothing, follows nothing, and a press of its button twice is two runs.
//
// Its one argument is a file with its settings as JSON; see [settings].
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1]); !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "yardstick:", err)
		os.Exit(1)
	}
}

// settings are where Slack and the API are, and what opens them.
type settings struct {
	Slack    string // URL of the Web API
	BotToken string
	AppToken string
	cloud
}

// bot answers commands and presses.
type bot struct {
	*socketmode.Client
	cloud cloud
}

// run answers until ctx ends, and then returns its error.
func run(ctx context.Context, file string) error {
	var s settings
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	s.cloud.client = client
	api := slack.New(s.BotToken, slack.OptionAppLevelToken(s.AppToken), slack.OptionAPIURL(s.Slack), slack.OptionHTTPClient(client))
	b := bot{socketmode.New(api), s.cloud}
	go func() {
		for e := range b.Events {
			switch e.Type {
			case socketmode.EventTypeSlashCommand:
				_ = b.AckCtx(ctx, e.Request.EnvelopeID, nil)
				go b.typed(ctx, e.Data.(slack.SlashCommand))
			case socketmode.EventTypeInteractive:
				_ = b.AckCtx(ctx, e.Request.EnvelopeID, nil)
				go b.pressed(ctx, e.Data.(slack.InteractionCallback))
			}
		}
	}()
	return b.RunContext(ctx)
}

// typed posts what was typed, with a button that bears it.
func (b bot) typed(ctx context.Context, c slack.SlashCommand) {
	button := slack.NewButtonBlockElement("approve", c.Text, slack.NewTextBlockObject(slack.PlainTextType, "Approve", false, false))
	_, _, err := b.PostMessageContext(ctx, c.ChannelID, slack.MsgOptionText(c.Text, false), slack.MsgOptionBlocks(
		slack.NewSectionBlock(slack.NewTextBlockObject(slack.PlainTextType, c.Text, false, false), nil, nil),
		slack.NewActionBlock("", button),
	))
	b.posted(ctx, err)
}

// pressed runs what the button bears, "run SCRIPT HOST,HOST …", and says what the API answered.
func (b bot) pressed(ctx context.Context, c slack.InteractionCallback) {
	words := strings.Fields(c.ActionCallback.BlockActions[0].Value)
	said := "accepted"
	if err := b.cloud.run(ctx, words[1], strings.Split(words[2], ",")); err != nil {
		said = err.Error()
	}
	_, _, err := b.PostMessageContext(ctx, c.Channel.ID, slack.MsgOptionText(said, false), slack.MsgOptionTS(c.Message.Timestamp))
	b.posted(ctx, err)
}

// posted says what Slack did not take, unless it all ends.
func (b bot) posted(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		log.Println(err)
	}
}
