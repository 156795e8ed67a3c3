package slackio

import (
	"context"
	"errors"
	"fmt"

	"github.com/slack-go/slack"
	"golang.org/x/sync/errgroup"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot"
)

// Profile answers who u is, as Slack said at most 60 s ago. What Slack does not tell is an error, and
// never taken for a no.
func (s *Slack) Profile(ctx context.Context, u bot.UserRef) (approvals.Profile, error) {
	if u.User == "" {
		return approvals.Profile{}, &failure{method: "users.info", why: "the event names nobody"}
	}
	w, err := s.workspace(ctx)
	if err != nil {
		return approvals.Profile{}, err
	}
	return s.people.get(ctx, u.User, func(ctx context.Context) (approvals.Profile, error) {
		info, err := s.api.GetUserInfoContext(ctx, u.User, slack.GetUserInfoOptionIncludeLocale(false))
		if err != nil {
			return approvals.Profile{}, s.failed(botToken, "users.info", err)
		}
		return profile(w, info)
	})
}

// profile is what a user object says, seen from workspace w.
func profile(w Workspace, u *slack.User) (approvals.Profile, error) {
	org, id := first(u.Enterprise.EnterpriseID, u.TeamID), first(u.Enterprise.ID, u.ID)
	if u.ID == "" || org == "" {
		return approvals.Profile{}, &failure{method: "users.info", why: "the answer does not say who this is"}
	}
	outside := u.IsStranger || u.TeamID != w.Team && (w.Enterprise == "" || u.Enterprise.EnterpriseID != w.Enterprise)
	isBot := u.IsBot || u.IsWorkflowBot || u.IsConnectorBot || u.ID == "USLACKBOT"
	if w.Enterprise != "" && u.Enterprise.ID == "" && !outside && !isBot && !u.Deleted {
		// One human under two keys could approve their own request.
		return approvals.Profile{}, &failure{method: "users.info", why: "the answer does not say who this is in the organisation"}
	}
	return approvals.Profile{
		Person:      approvals.Person{Org: org, ID: id, User: u.ID, Name: first(u.Profile.DisplayName, u.Profile.RealName, u.RealName, u.Name)},
		Deactivated: u.Deleted, Bot: isBot, Guest: u.IsRestricted || u.IsUltraRestricted, Outside: outside,
	}, nil
}

// Members answers for each group that Slack tells of; the error is about the others. Answers are at
// most 60 s old.
func (s *Slack) Members(ctx context.Context, groups []string) (approvals.Members, error) {
	found, failed := make([][]string, len(groups)), make([]error, len(groups))
	var g errgroup.Group
	g.SetLimit(4)
	for i, id := range groups {
		g.Go(func() error {
			found[i], failed[i] = s.groups.Members(ctx, id, func(ctx context.Context) ([]string, error) { return s.members(ctx, id) })
			return nil
		})
	}
	_ = g.Wait()
	m := make(approvals.Members, len(groups))
	for i, id := range groups {
		if failed[i] == nil {
			m[id] = found[i]
		}
	}
	return m, errors.Join(failed...)
}

// members asks Slack for one group.
func (s *Slack) members(ctx context.Context, id string) ([]string, error) {
	ids, err := s.api.GetUserGroupMembersContext(ctx, id)
	if err == nil {
		return ids, nil
	}
	err = s.failed(botToken, "usergroups.users.list", err)
	switch codeOf(err) {
	case "plan_upgrade_required", "paid_teams_only":
		return nil, fmt.Errorf("the workspace's plan has no user groups, so nobody is in %s: name people in the rules instead: %w", id, err)
	case "no_such_subteam", "subteam_not_found", "invalid_arguments":
		return nil, fmt.Errorf("%w: look at the id in the rules, or enable the group: %w", &approvals.NoGroup{Group: id}, err)
	}
	return nil, err
}

// ownGroups is the [GroupCache] of one process.
type ownGroups struct{ *cache[[]string] }

func (g ownGroups) Members(ctx context.Context, group string, fetch func(context.Context) ([]string, error)) ([]string, error) {
	return g.get(ctx, group, fetch)
}
