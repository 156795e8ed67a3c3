package slackio

import (
	"context"
	"slices"
	"strings"

	"github.com/slack-go/slack"
)

// noTelling are the codes with which Slack will not say how a channel is shared: the scope is missing,
// which [Workspace.Lacks] and the log tell, or the bot is not in it, and then cannot post there either.
var noTelling = []string{"missing_scope", "channel_not_found", "not_in_channel", "method_not_supported_for_channel_type"}

// Outsiders reports whether people of other organisations see what is posted in a channel that the
// config does not name, or are invited to. A conversation with the bot alone is nobody else's. Where
// Slack will not say, they do not; what it does not say just now is an error.
func (s *Slack) Outsiders(ctx context.Context, channel string) (bool, error) {
	if channel == "" || strings.HasPrefix(channel, "D") || slices.Contains(s.cfg.shared, channel) {
		return false, nil
	}
	return s.outside.get(ctx, channel, func(ctx context.Context) (bool, error) {
		c, err := s.conversation(ctx, channel)
		if err == nil {
			return seenByOthers(c), nil
		}
		if slices.Contains(noTelling, codeOf(err)) {
			if codeOf(err) == "missing_scope" {
				s.untold.Do(func() {
					s.log.Warn("slack does not say which channels are shared with other organisations, so runs are taken in all", "error", err)
				})
			}
			return false, nil
		}
		return false, err
	})
}

// conversation is what Slack tells of a channel.
func (s *Slack) conversation(ctx context.Context, id string) (*slack.Channel, error) {
	c, err := s.api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: id})
	return c, s.failed(botToken, "conversations.info", err)
}

// seenByOthers reports whether people of other organisations see a channel, or are invited to.
func seenByOthers(c *slack.Channel) bool { return c.IsExtShared || c.IsPendingExtShared }

// seenShared notes that a mention said that others see its channel, which needs no scope.
func (s *Slack) seenShared(channel string) {
	s.outside.store(channel, item[bool]{value: true, good: s.outside.now().Add(s.outside.keep)})
}
