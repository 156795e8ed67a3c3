package slackio

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"
)

// Workspace is where the tokens belong.
type Workspace struct {
	Team       string // T…
	TeamName   string
	Enterprise string // E…, on Enterprise Grid
	BotUser    string // U…, as people mention it
	BotID      string // B…
	AppID      string // A…; empty if Slack did not tell
	AppName    string
	Lacks      []Lack // of the bot token
}

// Lack is a scope that the bot token does not have and the bot can do without.
type Lack struct{ Scope, Without string }

func (l Lack) String() string { return "the bot token lacks the scope " + l.Scope + ": " + l.Without }

// needs are the scopes without which nobody can ask for a run, or nobody can approve it.
func (s *Slack) needs() []string {
	all := []string{"commands", "chat:write", "users:read"}
	if s.cfg.asksGroups {
		all = append(all, "usergroups:read")
	}
	return all
}

// spared are the scopes that the bot does without.
var spared = []Lack{
	{"app_mentions:read", "mentions of the bot are not answered, the slash command is"},
	{"files:write", "what does not fit into a message is not put into a file"},
	{"channels:read", "runs are taken in public channels although people of other organisations may see them"},
	{"groups:read", "runs are taken in private channels although people of other organisations may see them"},
}

// Check asks Slack whether both tokens are good for all that the bot does, and where they belong.
// An error that wraps [ErrSetup] is one sentence for whoever runs the bot; any other may pass. What the
// bot does without is in the log. It may be repeated.
func (s *Slack) Check(ctx context.Context) (Workspace, error) {
	w, err := s.checkBot(ctx)
	if err != nil {
		return Workspace{}, bare(lasting("auth.test", err))
	}
	if _, err := s.ticket(ctx); err != nil {
		return Workspace{}, bare(lasting("apps.connections.open", err))
	}
	for _, l := range w.Lacks {
		s.log.Warn("the slack bot token lacks a scope", "scope", l.Scope, "without", l.Without)
	}
	s.here.Store(&w)
	s.checked.Store(true)
	return w, nil
}

// checkBot holds the bot token against what is needed of it.
func (s *Slack) checkBot(ctx context.Context) (Workspace, error) {
	who, err := s.api.AuthTestContext(ctx)
	if err != nil {
		return Workspace{}, s.failed(botToken, "auth.test", err)
	}
	if who.TeamID == "" && who.UserID == "" {
		return Workspace{}, notSlack("an answer that names no workspace")
	}
	if who.BotID == "" || who.TeamID == "" || who.UserID == "" {
		return Workspace{}, setup("slack: the bot token is not that of a bot: take the one that begins with xoxb- from %s", botToken.place)
	}
	w := Workspace{Team: who.TeamID, TeamName: who.Team, Enterprise: who.EnterpriseID, BotUser: who.UserID, BotID: who.BotID}
	if scopes := who.Header.Get("X-OAuth-Scopes"); scopes != "" {
		have := strings.FieldsFunc(scopes, func(r rune) bool { return r == ',' || r == ' ' })
		if lacking := slices.DeleteFunc(s.needs(), func(n string) bool { return slices.Contains(have, n) }); len(lacking) > 0 {
			return Workspace{}, missingScope(botToken, lacking)
		}
		for _, l := range spared {
			if !slices.Contains(have, l.Scope) {
				w.Lacks = append(w.Lacks, l)
			}
		}
	}
	info, err := s.api.GetBotInfoContext(ctx, slack.GetBotInfoParameters{Bot: who.BotID})
	switch err := s.failed(botToken, "bots.info", err); {
	case err == nil:
		w.AppID, w.AppName = info.AppID, info.Name
	case codeOf(err) == "" || errors.Is(err, ErrSetup) || later(err) > 0:
		return Workspace{}, err
	default: // which app it is helps to find mistakes; nothing depends on it
		s.log.Warn("slack does not tell which app the bot token belongs to", "error", err)
	}
	return w, nil
}

// oneApp holds the app that a socket belongs to against that of the bot token.
func (s *Slack) oneApp(l *link) error {
	if w, app := s.here.Load(), l.appID(); w != nil && w.AppID != "" && app != "" && w.AppID != app {
		return setup("slack: the bot token is of app %s and the app token of app %s: copy both from one app at api.slack.com/apps", plainID(w.AppID), plainID(app))
	}
	return nil
}

// bare is err without the name of the call in front of a sentence that needs none.
func bare(err error) error {
	if fault, ok := errors.AsType[*setupError](err); ok {
		return fault
	}
	return err
}

// workspace is where we are, looked up if nobody did so yet.
func (s *Slack) workspace(ctx context.Context) (Workspace, error) {
	if w := s.here.Load(); w != nil {
		return *w, nil
	}
	w, err := s.checkBot(ctx)
	if err != nil {
		return Workspace{}, err
	}
	s.here.CompareAndSwap(nil, &w)
	return w, nil
}

// Enter is [Slack.Check], again and again while Slack is away, until it is told or ctx ends: then the
// error is ctx's. Other errors wrap [ErrSetup].
func (s *Slack) Enter(ctx context.Context) (Workspace, error) {
	wait := s.backoff()
	for ctx.Err() == nil {
		here, err := s.Check(ctx)
		if err == nil || errors.Is(err, ErrSetup) {
			return here, err
		}
		s.log.Warn("slack cannot be reached yet", "error", err)
		sleep(ctx, max(later(err), wait.next()))
	}
	return Workspace{}, ctx.Err()
}

// sleep waits d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
