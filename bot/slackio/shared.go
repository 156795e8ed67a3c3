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
		c, err := s.api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: channel})
		if err = s.failed(botToken, "conversations.info", err); err == nil {
			return c.IsExtShared || c.IsPendingExtShared, nil
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

// seenShared notes that a mention said that others see its channel, which needs no scope.
func (s *Slack) seenShared(channel string) {
	s.outside.store(channel, item[bool]{value: true, good: s.outside.now().Add(s.outside.keep)})
}
