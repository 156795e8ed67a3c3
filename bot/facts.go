package bot

import (
	"context"
	"fmt"
	"slices"

	"github.com/bmcmd/bmcmd/approvals"
)

// facts asks the directory and today's rules about a request. people are those
// whose standing is asked for, too.
func (b *Bot) facts(ctx context.Context, r approvals.Request, people ...approvals.Person) (approvals.Facts, error) {
	rule, err := b.Policy.Match(r.Subject(), b.members(ctx, b.Policy.RequesterGroups()))
	if err != nil {
		return approvals.Facts{}, err
	}
	return b.factsUnder(ctx, r, rule, people...)
}

// factsUnder is facts with a rule that is known.
func (b *Bot) factsUnder(ctx context.Context, r approvals.Request, rule approvals.Rule, people ...approvals.Person) (approvals.Facts, error) {
	groups := slices.Concat(rule.Ask.Groups, rule.Approve.Groups)
	if r.Plan != nil {
		groups = slices.Concat(groups, r.Plan.Rule.Ask.Groups, r.Plan.Rule.Approve.Groups)
	}
	members := b.members(ctx, groups)
	f := approvals.Facts{Rule: rule, Members: members, Standing: map[string]error{}}
	for _, p := range people {
		profile, err := b.Directory.Profile(ctx, userRef(p, r.Origin.Team))
		if err != nil {
			return approvals.Facts{}, fmt.Errorf("%w: %w", errWho, err)
		}
		if err := profile.Admit(); err != nil || profile.Key() == p.Key() {
			f.Standing[p.Key()] = err
		}
	}
	return f, nil
}

// members are the members of those groups that the directory tells. One that it
// does not tell is left out: rules take what they need of it for unknown, and never
// for empty.
func (b *Bot) members(ctx context.Context, groups []string) approvals.Members {
	all, err := b.Directory.Members(ctx, groups)
	if err == nil || len(groups) == 0 {
		return all
	}
	all = approvals.Members{}
	for _, g := range groups {
		one, err := b.Directory.Members(ctx, []string{g})
		if err != nil {
			b.Log.Warn("a user group is not told", "group", g, b.said(err))
			continue
		}
		all[g] = one[g]
	}
	return all
}

// userRef is how to look up p again: Org is an enterprise unless it is the team.
func userRef(p approvals.Person, team string) UserRef {
	if p.Org == team {
		return UserRef{Team: team, User: p.User}
	}
	return UserRef{Enterprise: p.Org, Team: team, User: p.User}
}
