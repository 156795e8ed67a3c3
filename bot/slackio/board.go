package slackio

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/view"
)

// Slack's error codes, by what they mean for a message.
var (
	noPlace = []string{
		"not_in_channel", "channel_not_found", "is_archived", "restricted_action", "restricted_action_read_only_channel",
		"restricted_action_thread_only_channel", "restricted_action_non_threadable_channel", "restricted_action_thread_locked",
		"no_permission", "access_denied", "messages_tab_disabled", "cannot_dm_bot", "user_not_found", "user_disabled",
		"as_user_not_supported", "team_not_found", "channel_is_limited_access", "method_not_supported_for_channel_type",
	}
	noMessage = []string{
		"invalid_blocks", "invalid_blocks_format", "msg_too_long", "msg_blocks_too_long", "no_text", "invalid_arguments",
		"invalid_arg_name", "invalid_form_data", "invalid_charset", "markdown_text_conflict", "invalid_json", "too_many_blocks",
	}
	noCard   = []string{"message_not_found", "edit_window_closed", "cant_update_message"}
	noThread = []string{"thread_not_found", "cannot_reply_to_message", "invalid_thread_ts", "message_not_found"}
)

// told gives an error of a call that shows a message the meaning that [bot.Board] promises.
func (s *Slack) told(method string, err error) error {
	err = s.failed(botToken, method, err)
	f, ok := errors.AsType[*failure](err)
	if !ok {
		return err
	}
	f.unclear = f.halfway && method != "chat.update" // which may be repeated
	switch {
	case slices.Contains(noPlace, f.code):
		f.cause = bot.ErrNotInChannel
	case slices.Contains(noMessage, f.code):
		s.log.Error("slack rejects a message", "method", method, "code", f.code, "messages", s.plainDetail(f.detail))
		f.cause = bot.ErrRejected
	case method == "chat.update" && slices.Contains(noCard, f.code):
		f.cause = bot.ErrCardGone
	}
	return err
}

// plainDetail is Slack's complaint about the arguments, cut: it may quote what it complains about.
func (s *Slack) plainDetail(messages []string) string {
	text := s.safe(errors.New(strings.Join(messages, "; "))).Error()
	return strings.ToValidUTF8(text[:min(len(text), 500)], "")
}

func threadGone(err error) bool { return slices.Contains(noThread, codeOf(err)) }

// Fits is as [bot.Board] says.
func (s *Slack) Fits(r approvals.Request) error {
	_, err := view.Card(r)
	return err
}

// Post puts the card of r up, in the thread it was asked for in. If that thread is gone, the card
// goes into the channel: a request that people wait for must be seen.
func (s *Slack) Post(ctx context.Context, r approvals.Request) (channel, ts string, err error) {
	m, err := view.Card(r)
	if err != nil {
		return "", "", err
	}
	if err := s.takeTurn(r.Origin.Channel, r.Requester.User); err != nil {
		return "", "", err
	}
	return s.post(ctx, r.Origin.Channel, m, r.Origin.Thread, "")
}

// takeTurn is nil unless Slack has asked to wait in a channel lately, and a message about this
// person's requests was tried there within a second; they come again. Slack takes about one message
// a second in a channel, so else whoever has the most requests there would have nearly every one.
func (s *Slack) takeTurn(channel, requester string) error {
	if _, crowded := s.crowded.known(channel); !crowded {
		return nil
	}
	if d := s.posts.Wait(channel + " " + requester); d > 0 {
		return &failure{method: "chat.postMessage", why: "other messages about this person's requests are tried first", cause: &bot.Later{After: d}}
	}
	return nil
}

// post sends m to the first of the threads that exists; the empty one is the channel itself.
func (s *Slack) post(ctx context.Context, channel string, m view.Message, threads ...string) (at, ts string, err error) {
	at, ts, _, err = s.postIn(ctx, channel, m, nil, threads...)
	return at, ts, err
}

// postIn is post, with options for what stands in a thread. It tells which thread that is.
func (s *Slack) postIn(ctx context.Context, channel string, m view.Message, inThread []slack.MsgOption, threads ...string) (at, ts, thread string, err error) {
	for i, thread := range threads {
		options := content(m)
		if thread != "" {
			options = append(append(options, slack.MsgOptionTS(thread)), inThread...)
		}
		at, ts, err = s.api.PostMessageContext(ctx, channel, options...)
		err = s.told("chat.postMessage", err)
		if err == nil {
			return at, ts, thread, nil
		}
		if later(err) > 0 {
			s.crowded.store(channel, item[bool]{good: s.crowded.now().Add(s.crowded.keep)})
		}
		if !threadGone(err) || i == len(threads)-1 {
			break
		}
	}
	return "", "", "", err
}

// Redraw draws the card as r says.
func (s *Slack) Redraw(ctx context.Context, r approvals.Request) error {
	m, err := view.Card(r)
	if err != nil {
		return err
	}
	_, _, _, err = s.api.UpdateMessageContext(ctx, r.Card.Channel, r.Card.TS, content(m)...)
	return s.told("chat.update", err)
}

// Notify posts notice n into the thread of the card; an alarm is seen in the channel, too. Where there
// is no card, or the bot may not post there any more, whom n names is told alone; groups cannot be.
func (s *Slack) Notify(ctx context.Context, r approvals.Request, n approvals.Notice) (bot.Posted, error) {
	return s.notify(ctx, r, n, view.Notice(r, n))
}

func (s *Slack) notify(ctx context.Context, r approvals.Request, n approvals.Notice, m view.Message) (bot.Posted, error) {
	if r.Card.TS != "" && len(n.Alone) == 0 {
		var loud []slack.MsgOption
		if n.Kind == approvals.NoticeAlarm {
			loud = append(loud, slack.MsgOptionBroadcast())
		} else if err := s.takeTurn(r.Card.Channel, r.Requester.User); err != nil {
			return bot.Posted{}, err
		}
		_, _, thread, err := s.postIn(ctx, r.Card.Channel, m, loud, threadsOf(r)...)
		if errors.Is(err, bot.ErrRejected) && len(m.Blocks) > 0 { // its text begins with all that matters
			_, _, thread, err = s.postIn(ctx, r.Card.Channel, view.Message{Text: m.Text}, loud, threadsOf(r)...)
		}
		if !errors.Is(err, bot.ErrNotInChannel) {
			return bot.Posted{Thread: thread}, err
		}
	}
	told, err := s.tellEach(ctx, s.named(r, n.Kind), n.Alone, m)
	return bot.Posted{Alone: told}, err
}

// threadsOf are the threads that a word about r may stand in, the best first.
func threadsOf(r approvals.Request) []string {
	return []string{first(r.Origin.Thread, r.Card.TS), r.Card.TS, ""}
}

// named is how to reach the requester first, and then whoever else a notice of this kind names.
func (s *Slack) named(r approvals.Request, kind approvals.NoticeKind) []asker {
	all := []asker{s.requester(r)}
	add := func(user string) {
		if !slices.ContainsFunc(all, func(to asker) bool { return to.user == user }) {
			all = append(all, asker{user: user, channel: r.Card.Channel})
		}
	}
	switch kind {
	case approvals.NoticeAnswer, approvals.NoticeUnknown, approvals.NoticeFound, approvals.NoticeAsk, approvals.NoticeSettled,
		approvals.NoticeResult, approvals.NoticeFile, approvals.NoticeAlarm, approvals.NoticeBack, approvals.NoticeGone,
		approvals.NoticeStop:
		for _, p := range r.Approvers() {
			add(p.User)
		}
	}
	if (kind == approvals.NoticeAlarm || kind == approvals.NoticeAsk) && r.Plan != nil {
		for _, u := range r.Plan.Rule.Approve.Users {
			add(u)
		}
	}
	return all
}

// tellEach says m to each alone, but for those who were told before, and answers who has been told. That
// one of them cannot be reached at all keeps nobody else from hearing it, and is an error only if it is
// the first.
func (s *Slack) tellEach(ctx context.Context, all []asker, before []string, m view.Message) (told []string, failed error) {
	told = slices.Clone(before)
	for i, to := range all {
		if slices.Contains(before, to.user) {
			continue
		}
		err := s.tell(ctx, to, m)
		switch {
		case err == nil:
			told = append(told, to.user)
		case i > 0 && (errors.Is(err, bot.ErrNotInChannel) || errors.Is(err, bot.ErrRejected)):
			s.log.Warn("somebody cannot be told alone", "user", plainID(to.user), "error", err)
		case failed == nil:
			failed = err
		}
	}
	return told, failed
}

// requester is how to reach whoever asked for r.
func (s *Slack) requester(r approvals.Request) asker {
	if to, ok := s.replies.take(r.ID); ok {
		return to
	}
	return asker{user: r.Requester.User, channel: r.Origin.Channel}
}

// Link is a link to the card, or empty. The answer may be a minute old, that the card was
// deleted, too.
func (s *Slack) Link(ctx context.Context, c approvals.Card) string {
	if c.Channel == "" || c.TS == "" || c.Gone {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second) // it is a part of answers that are waited for
	defer cancel()
	link, err := s.links.get(ctx, c.Channel+" "+c.TS, func(ctx context.Context) (string, error) {
		link, err := s.api.GetPermalinkContext(ctx, &slack.PermalinkParameters{Channel: c.Channel, Ts: c.TS})
		err = s.failed(botToken, "chat.getPermalink", err)
		if codeOf(err) == "message_not_found" { // an answer, which stays so
			return "", nil
		}
		return link, err
	})
	if err != nil {
		s.log.Debug("a link to a card is not known", "error", err)
		return ""
	}
	return link
}
