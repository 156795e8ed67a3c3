package serve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/slackio"
)

// rules looks up everybody and everything that the rules name, and whether enough people
// may approve.
func (p *probe) rules(ctx context.Context) {
	if p.slack == nil {
		p.says("rules", Untried, "whether people, groups and channels are there: Slack cannot be asked")
	} else {
		d := &directory{probe: p, people: map[string]*approvals.Person{}, members: approvals.Members{}}
		d.lookUp(ctx)
		for _, r := range p.cfg.Rules {
			d.enough(ctx, r)
		}
		p.channels(ctx)
	}
	p.scripts(ctx)
	p.hosts()
}

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
	slices.Sort(users)
	users = slices.Compact(users)
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

// naming is the rules that name an id.
func (p *probe) naming(id string) string {
	var rules []string
	for _, r := range p.cfg.Rules {
		for _, w := range []approvals.Who{r.Requesters, r.Show, r.Ask, r.Approve} {
			if slices.Contains(w.Users, id) || slices.Contains(w.Groups, id) {
				rules = append(rules, r.Name)
			}
		}
		if slices.Contains(r.Channels, id) || slices.Contains(r.Scripts, id) {
			rules = append(rules, r.Name)
		}
	}
	slices.Sort(rules)
	rules = slices.Compact(rules)
	switch len(rules) {
	case 0:
		return "a group of the rules"
	case 1:
		return "rule " + rules[0]
	}
	return "rules " + strings.Join(rules, ", ")
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
	ids := slices.Clone(r.Ask.Users)
	for _, g := range r.Ask.Groups {
		ids = append(ids, d.members[g]...)
	}
	return r.Ask.Anyone || slices.ContainsFunc(ids, func(id string) bool {
		return !slices.ContainsFunc(these, func(p approvals.Person) bool { return id == p.User || id == p.ID })
	})
}

// who are the people of w whose word counts. ok is false where that is not known, or where
// there are so many that it does not matter.
func (d *directory) who(ctx context.Context, w approvals.Who) (who []approvals.Person, ok bool) {
	ids := slices.Clone(w.Users)
	for _, g := range w.Groups {
		ids = append(ids, d.members[g]...) // none of a group that is not there
	}
	slices.Sort(ids)
	if ids = slices.Compact(ids); len(ids) > mostAsked {
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

// some is a number with its noun.
func some(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// channels looks each channel of the rules up.
func (p *probe) channels(ctx context.Context) {
	var all []string
	for _, r := range p.cfg.Rules {
		all = append(all, r.Channels...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	untold, bad := 0, 0
	for _, id := range all {
		ch, err := patiently(ctx, func() (slackio.Channel, error) { return p.slack.Channel(ctx, id) })
		wrong := ""
		switch {
		case slackio.Unknown(err):
			wrong = "there is no such channel, or it is private and the bot is not in it; correct the id, or invite the bot there"
		case err != nil:
			wrong = err.Error()
		case ch.Archived:
			wrong = "it is archived; name another"
		case ch.Outside:
			wrong = "people of another organisation see it, so no run is taken there; name another, or name it under slack.shared_channels if that is meant"
		case ch.Told && !ch.Member:
			wrong = "the bot is not in it, and takes no commands there; invite it"
		case !ch.Told:
			untold++
		}
		if wrong != "" {
			bad++
			p.says("rules", Bad, "the channel %s of %s: %s", id, p.naming(id), wrong)
		}
	}
	if bad == 0 && len(all) > 0 {
		p.says("rules", Good, "%s looked up", some(len(all), "channel was", "channels were"))
	}
	if untold > 0 {
		p.says("rules", Untried, "whether the bot is in %s, and whether it takes messages: the bot token lacks channels:read (of private ones groups:read)", some(untold, "channel", "channels"))
	}
}

// scripts reads each script that a rule names by its id.
func (p *probe) scripts(ctx context.Context) {
	var all []string
	for _, r := range p.cfg.Rules {
		for _, s := range r.Scripts {
			if !strings.ContainsAny(s, `*?[\`) {
				all = append(all, s)
			}
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) == 0 {
		return
	}
	if p.cloud.Client == nil {
		p.says("rules", Untried, "whether %s there: the cloud cannot be asked", some(len(all), "script is", "scripts are"))
		return
	}
	bad := 0
	for _, id := range all {
		if _, err := p.cloud.Script(ctx, id); err != nil {
			bad++
			what := err.Error()
			if errors.Is(err, bmclient.ErrNoScript) {
				what = "there is no such script; correct the id (bmcmd call scripts lists them)"
			}
			p.says("rules", Bad, "the script %s of %s: %s", id, p.naming(id), what)
		}
	}
	if bad == 0 {
		p.says("rules", Good, "%s looked up", some(len(all), "script was", "scripts were"))
	}
}

// hosts says where it cannot be told from the patterns whether each host has a login. The
// config has been held against those that never have one.
func (p *probe) hosts() {
	for _, r := range p.cfg.Rules {
		if _, perhaps := p.cfg.WithoutLogin(r.Hosts); len(perhaps) > 0 {
			p.says("rules", Untried, "whether each host of rule %s has a login: %s may match hosts that no login is for", r.Name, strings.Join(perhaps, ", "))
		}
	}
}
