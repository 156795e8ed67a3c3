package serve

import (
	"context"
	"slices"
	"strings"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/slackio"
)

// mostAsked is how many members of groups are looked up at most: where there are more,
// enough of them may approve.
const mostAsked = 30

// directory is what Slack told of the people in the rules.
type directory struct {
	*probe
	people  map[string]*approvals.Person // by id; nil: their word does not count, and that was said
	members approvals.Members            // of the groups that are there
	wrong   bool                         // somebody or some group is not as the rules have it
	failed  bool                         // something could not be told
}

// lookUp asks for each person and each group once.
func (d *directory) lookUp(ctx context.Context) {
	var users []string
	for _, r := range d.cfg.Rules {
		users = slices.Concat(users, r.Requesters.Users, r.Show.Users, r.Ask.Users, r.Approve.Users)
	}
	users = once(users)
	groups := groupsOf(d.cfg.Rules)
	for _, id := range users {
		d.may(ctx, id, Bad)
	}
	for _, id := range groups {
		m, err := patiently(ctx, func() (approvals.Members, error) { return d.slack.Members(ctx, []string{id}) })
		switch {
		case slackio.Unknown(err):
			d.wrong = true
			d.says("rules", Bad, "the group %s of %s: %v; what needs it is refused", id, d.naming(id), err)
		case err != nil:
			d.failed = true
			d.says("rules", Bad, "the group %s of %s: %v", id, d.naming(id), err)
		default:
			d.members[id] = m[id]
		}
	}
	if !d.wrong && !d.failed {
		d.says("rules", Good, "%s and %s were looked up", some(len(users), "person", "people"), some(len(groups), "group", "groups"))
	}
}

// may asks whether somebody's word counts, and says if it does not.
func (d *directory) may(ctx context.Context, id string, how Verdict) bool {
	if p, known := d.people[id]; known {
		return p != nil
	}
	d.people[id] = nil
	profile, err := patiently(ctx, func() (approvals.Profile, error) { return d.slack.Profile(ctx, bot.UserRef{User: id}) })
	switch {
	case slackio.Unknown(err):
		d.says("rules", how, "%s of %s: there is no such person; correct the id (profile, ⋮, Copy member ID)", id, d.naming(id))
	case err != nil:
		d.failed = true
		d.says("rules", how, "%s of %s: %v", id, d.naming(id), err)
	case profile.Admit() != nil:
		d.says("rules", how, "%s of %s: %v; remove the id", id, d.naming(id), profile.Admit())
	default:
		d.people[id] = &profile.Person
		return true
	}
	d.wrong = true
	return false
}

// enough says if too few people may approve what somebody may ask for by a rule: nobody's
// approval counts for their own request.
func (d *directory) enough(ctx context.Context, r approvals.Rule) {
	approvers, ok := d.who(ctx, r.Approve)
	if !ok {
		return
	}
	n := len(approvers)
	alone := slices.ContainsFunc(approvers, func(p approvals.Person) bool {
		in, err := r.Ask.Includes(p, d.members)
		return in && err == nil
	})
	if n > r.Quorum || n == r.Quorum && !alone {
		return
	}
	how, what := Bad, "nothing can ever run"
	if n == r.Quorum {
		what = "what one of them asks for can never run, since nobody approves their own request"
		if d.othersAsk(r, approvers) {
			how = Doubt
		}
	}
	d.says("rules", how, "rule %s: %s may approve, and %d must: %s; name more people under approve", r.Name, some(n, "person", "people"), r.Quorum, what)
}

// othersAsk reports whether somebody else than these may ask by a rule.
func (d *directory) othersAsk(r approvals.Rule, these []approvals.Person) bool {
	return r.Ask.Anyone || slices.ContainsFunc(d.ids(r.Ask), func(id string) bool {
		return !slices.ContainsFunc(these, func(p approvals.Person) bool { return id == p.User || id == p.ID })
	})
}

// reached says if nobody may ask by a rule, or nobody may see what it is meant to show.
func (d *directory) reached(ctx context.Context, r approvals.Rule) {
	asks := r.Ask
	if asks.Anyone {
		asks = r.Requesters
	}
	if !asks.Empty() && !d.anybody(ctx, asks, r.Requesters) {
		d.says("rules", Bad, "rule %s: nobody may ask by it, so nothing can ever run; name people under ask who may use the bot (and are requesters, where the rule has them)", r.Name)
	}
	if !r.Show.Empty() && !d.anybody(ctx, r.Show, r.Requesters) {
		d.says("rules", Doubt, "rule %s: nobody may see its scripts; name people under show who may use the bot, or remove show if that is meant", r.Name)
	}
}

// anybody reports whether w has a person whose word counts and who is in among, too, if
// that names people. Where it is not known, or there are many, it says yes.
func (d *directory) anybody(ctx context.Context, w, among approvals.Who) bool {
	ids := d.ids(w)
	if w.Anyone || len(ids) > mostAsked {
		return true
	}
	for _, id := range ids {
		if !d.may(ctx, id, Doubt) {
			continue
		}
		if in, err := among.Includes(*d.people[id], d.members); in || err != nil || among.Empty() {
			return true
		}
	}
	return d.failed
}

// ids are the users of w and those of its groups, each once.
func (d *directory) ids(w approvals.Who) []string {
	ids := slices.Clone(w.Users)
	for _, g := range w.Groups {
		ids = append(ids, d.members[g]...) // none of a group that is not there
	}
	return once(ids)
}

// who are the people of w whose word counts. ok is false where that is not known, or where
// there are so many that it does not matter.
func (d *directory) who(ctx context.Context, w approvals.Who) (who []approvals.Person, ok bool) {
	ids := d.ids(w)
	if len(ids) > mostAsked {
		return nil, false
	}
	for _, id := range ids {
		if d.may(ctx, id, Doubt) {
			who = append(who, *d.people[id])
		}
	}
	slices.SortFunc(who, func(a, b approvals.Person) int { return strings.Compare(a.Key(), b.Key()) })
	return slices.CompactFunc(who, func(a, b approvals.Person) bool { return a.Key() == b.Key() }), !d.failed
}
