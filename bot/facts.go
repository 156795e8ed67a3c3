package bot

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/bmcmd/bmcmd/approvals"
)

// facts asks the directory and today's rules about a request. people are those
// whose standing is asked for, too.
func (b *Bot) facts(ctx context.Context, r approvals.Request, people ...approvals.Person) (approvals.Facts, error) {
	return b.factsOf(ctx, r, r.Subject(), people...)
}

// factsOf is facts with what is known of the hosts at this moment.
func (b *Bot) factsOf(ctx context.Context, r approvals.Request, s approvals.Subject, people ...approvals.Person) (approvals.Facts, error) {
	ctx = askingOnce(ctx)
	rule, err := b.Policy.Match(s, b.members(ctx, b.Policy.RequesterGroups()))
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
	ctx = askingOnce(ctx)
	known := ctx.Value(groupsKey{}).(*groupsTold)
	known.mu.Lock()
	defer known.mu.Unlock()
	var ask []string
	for _, g := range groups {
		if !known.asked[g] {
			known.asked[g] = true
			ask = append(ask, g)
		}
	}
	if len(ask) > 0 {
		told, err := b.Directory.Members(ctx, ask)
		if err != nil {
			b.Log.Warn("a user group is not told", "groups", ask, b.said(err))
		}
		for _, g := range ask {
			switch none := (&approvals.NoGroup{Group: g}); {
			case errors.Is(err, none):
				b.untold.Store(g, none)
			case errors.Is(err, approvals.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded): // else it may be Slack that is slow
				b.untold.Store(g, approvals.ErrUnavailable)
			default:
				b.untold.Delete(g)
			}
		}
		maps.Copy(known.told, told)
	}
	return maps.Clone(known.told)
}

// needsGroup turns the lack of a group that does not exist into a refusal: it does not
// pass by itself. Where it was the store that did not tell, the error says so.
func (b *Bot) needsGroup(err error) error {
	var unknown *approvals.GroupUnknown
	if !errors.As(err, &unknown) {
		return err
	}
	why, _ := b.untold.Load(unknown.Group)
	if why == approvals.ErrUnavailable {
		return fmt.Errorf("%w: %w", approvals.ErrUnavailable, err)
	}
	if why == nil {
		return err
	}
	return refuse("A rule needs the user group %s, and Slack has none of that id. Nothing was done; tell whoever keeps the rules (bmcmd check --live names such groups).", unknown.Group)
}

// groupsTold are the groups that were asked for during one command, click or step: each
// once, also one that is not told.
type groupsTold struct {
	mu    sync.Mutex
	asked map[string]bool
	told  approvals.Members
}

type groupsKey struct{}

// askingOnce has what is done with ctx ask for a group once.
func askingOnce(ctx context.Context) context.Context {
	if ctx.Value(groupsKey{}) != nil {
		return ctx
	}
	return context.WithValue(ctx, groupsKey{}, &groupsTold{asked: map[string]bool{}, told: approvals.Members{}})
}

// amongUs is nil if only people of our own see the channel, or the config allows others to. A
// *refusal says that it does not; any other error, that Slack did not tell.
func (b *Bot) amongUs(ctx context.Context, channel string) error {
	out, err := b.Directory.Outsiders(ctx, channel)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errWhere, err)
	case out:
		return refuse("This channel is shared with another organisation, whose people would read the script and what the hosts print. Ask in a channel of your own, or have whoever keeps the config name this one under slack.shared_channels.")
	}
	return nil
}

// userRef is how to look up p again: Org is an enterprise unless it is the team.
func userRef(p approvals.Person, team string) UserRef {
	if p.Org == team {
		return UserRef{Team: team, User: p.User}
	}
	return UserRef{Enterprise: p.Org, Team: team, User: p.User}
}
