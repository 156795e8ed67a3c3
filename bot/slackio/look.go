package slackio

import (
	"context"
	"errors"
	"slices"

	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/approvals"
)

// Channel is what Slack tells of a channel.
type Channel struct {
	Told     bool // the rest was told; else Slack only says that there is such a channel
	Member   bool // the bot is in it
	Archived bool
	Outside  bool // people of other organisations see it, and the config does not name it
}

// Channel looks a channel up. Without the scope for that, it only asks whether there is one. Where there
// is none, or a private one without the bot, the error is [Unknown].
func (s *Slack) Channel(ctx context.Context, id string) (Channel, error) {
	info, err := s.conversation(ctx, id)
	switch {
	case err == nil:
		return Channel{
			Told: true, Member: info.IsMember, Archived: info.IsArchived,
			Outside: seenByOthers(info) && !slices.Contains(s.cfg.shared, id),
		}, nil
	case codeOf(err) != "missing_scope":
		return Channel{}, err
	}
	// This one needs no scope, by its page: https://docs.slack.dev/reference/methods/chat.getPermalink
	_, err = s.api.GetPermalinkContext(ctx, &slack.PermalinkParameters{Channel: id, Ts: "1.000000"})
	if err = s.failed(botToken, "chat.getPermalink", err); codeOf(err) == "message_not_found" {
		return Channel{}, nil
	}
	return Channel{}, err
}

// Unknown reports whether err says that Slack has no such person, user group or channel.
func Unknown(err error) bool {
	if _, is := errors.AsType[*approvals.NoGroup](err); is { // it was remembered
		return true
	}
	return slices.Contains([]string{
		"user_not_found", "users_not_found", "no_such_subteam", "subteam_not_found", "invalid_arguments", "channel_not_found",
	}, codeOf(err))
}
