package slackio

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/view"
)

// asker is one person, and the ways to reach them alone.
type asker struct {
	user    string
	channel string
	thread  string // empty for the channel itself; Slack hides ephemerals in a thread without replies
	url     string // a response_url, or empty; a secret
	replace bool   // by url: instead of what was pressed
}

// private is a message that one person sees, as acks and response_urls take it.
type private struct {
	ResponseType    string        `json:"response_type"`
	Text            string        `json:"text"`
	Blocks          []slack.Block `json:"blocks,omitempty"`
	ThreadTS        string        `json:"thread_ts,omitempty"`
	ReplaceOriginal bool          `json:"replace_original"`
	UnfurlLinks     bool          `json:"unfurl_links"`
	UnfurlMedia     bool          `json:"unfurl_media"`
}

func privately(text string) private { return private{ResponseType: "ephemeral", Text: text} }

func plain(text string) view.Message { return view.Words(text, "", "") }

// render makes a message of an answer; false: there is nothing to say.
func (s *Slack) render(a bot.Answer) (view.Message, bool) {
	switch a := a.(type) {
	case bot.Words:
		if a.Paste != "" {
			return view.Paste(a.Text, a.Paste), true
		}
		return view.Words(words(a), a.Request, a.Link), true
	case bot.Help:
		return view.Help(s.cfg.command, a.Unknown, a.Nearest), true
	case bot.Shown:
		return view.Script(a.Script, a.Parameters), true
	case bot.Scripts:
		return view.Scripts(a.List, a.Total, a.Page, a.Search, a.More), true
	case bot.Status:
		return view.Status(a.Request, a.Events, a.Link), true
	case bot.Confirm:
		return confirm(a), true
	case bot.List:
		return view.List(view.Lists(a)), true
	}
	return view.Message{}, false
}

// words are an answer's text with the people or the time that it names.
func words(a bot.Words) string {
	switch {
	case !a.Who.Empty():
		return a.Text + " " + view.People(a.Who)
	case !a.When.IsZero():
		return a.Text + " " + view.When(a.When) + "."
	}
	return a.Text
}

// tell says m to one person alone: by their response_url, else in the channel so that only they see
// it, else in a direct message. It may arrive twice, if Slack took it and did not say so.
func (s *Slack) tell(ctx context.Context, to asker, m view.Message) error {
	if done, err := s.byURL(ctx, to, m); done {
		return err
	}
	return s.byCall(ctx, to, m)
}

// byURL is tell by the response_url. Where there is none, or it does not take m, it is not done.
func (s *Slack) byURL(ctx context.Context, to asker, m view.Message) (done bool, err error) {
	if to.url == "" {
		return false, nil
	}
	if err = s.respond(ctx, to, m); err == nil || ctx.Err() != nil {
		return true, err
	}
	s.log.Info("a response_url did not take an answer; going another way", "error", err)
	return false, nil
}

// byCall is tell by a method of Slack.
func (s *Slack) byCall(ctx context.Context, to asker, m view.Message) error {
	if to.channel != "" {
		err := s.whisper(ctx, to, m)
		if !elsewhere(err) {
			return err
		}
	}
	_, _, err := s.api.PostMessageContext(ctx, to.user, content(m)...)
	return s.told("chat.postMessage", err)
}

// elsewhere reports whether err is about the place, so that a direct message may do.
func elsewhere(err error) bool {
	return errors.Is(err, bot.ErrNotInChannel) || codeOf(err) == "user_not_in_channel"
}

// whisper shows m to one person in the channel, or in its thread.
func (s *Slack) whisper(ctx context.Context, to asker, m view.Message) error {
	options := content(m)
	if to.thread != "" {
		options = append(options, slack.MsgOptionTS(to.thread))
	}
	_, err := s.api.PostEphemeralContext(ctx, to.channel, to.user, options...)
	err = s.told("chat.postEphemeral", err)
	if to.thread != "" && threadGone(err) {
		to.thread = ""
		return s.whisper(ctx, to, m)
	}
	return err
}

// respond sends m to a response_url. slack-go's own way would put the address into its errors.
func (s *Slack) respond(ctx context.Context, to asker, m view.Message) error {
	fail := func(err error) error { return s.failed(botToken, "response_url", err) }
	u, err := url.Parse(to.url)
	if err != nil || u.Scheme != "https" && !isLoopback(u) {
		return &failure{method: "response_url", why: "the address is not usable"}
	}
	body, err := encode(private{ResponseType: "ephemeral", Text: m.Text, Blocks: m.Blocks, ThreadTS: to.thread, ReplaceOriginal: to.replace})
	if err != nil {
		return &failure{method: "response_url", why: "the answer cannot be written as JSON"}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return &failure{method: "response_url", why: "the address is not usable"}
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.http.Do(req)
	if err != nil {
		return fail(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection is used again
	if resp.StatusCode != http.StatusOK {
		return fail(slack.StatusCodeError{Code: resp.StatusCode})
	}
	return nil
}

// content are the options that every message has. view has escaped what people wrote, and links
// never unfurl: a preview would push the buttons away and fetch what somebody typed.
func content(m view.Message) []slack.MsgOption {
	options := []slack.MsgOption{
		slack.MsgOptionText(m.Text, false), slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
	}
	if len(m.Blocks) > 0 {
		options = append(options, slack.MsgOptionBlocks(m.Blocks...))
	}
	return options
}
