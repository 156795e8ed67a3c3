package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
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
			d.reached(ctx, r)
		}
		p.channels(ctx)
	}
	p.scripts(ctx)
	p.hosts()
	p.fits()
}

// naming is what names an id: rules, or slack.shared_channels.
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
	rules = once(rules)
	switch len(rules) {
	case 0:
		if slices.Contains(p.cfg.Slack.Shared, id) {
			return "slack.shared_channels"
		}
		return "a group of the rules"
	case 1:
		return "rule " + rules[0]
	}
	return "rules " + strings.Join(rules, ", ")
}

// some is a number with its noun.
func some(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// channels looks each channel of the rules and of slack.shared_channels up.
func (p *probe) channels(ctx context.Context) {
	all := slices.Clone(p.cfg.Slack.Shared)
	for _, r := range p.cfg.Rules {
		all = append(all, r.Channels...)
	}
	all = once(all)
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
	all = once(all)
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

// fits says which tags and names of rules and logins fit no machine that the cloud listed, of a login in its region.
func (p *probe) fits() {
	try := func(what string, hosts approvals.HostSet, region string) {
		for _, m := range hosts {
			if m.ID == "" && len(p.found) > 0 && !slices.ContainsFunc(p.found, func(f bmclient.Machine) bool {
				_, fits, _ := approvals.HostSet{m}.Match(approvals.Host{ID: f.ID, Told: f.Told, Name: f.Name, Tags: f.Tags})
				return fits && (region == "" || region == f.Region)
			}) {
				p.says("rules", Doubt, "%s: none of the %s looked at fits %s; correct it, or tag and name what is meant", what, some(len(p.found), "machine", "machines"), m)
			}
		}
	}
	for _, r := range p.cfg.Rules {
		try("rule "+r.Name, r.Hosts, "")
	}
	for _, l := range p.cfg.Logins {
		try("login "+l.Name, l.Hosts, cmp.Or(l.Region, p.cfg.BM.Region))
	}
}
