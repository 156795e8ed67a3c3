package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

const maxLifetime = 24 * time.Hour

func (d *decoder) checkRules(p approvals.Policy) {
	if !d.sound("rules") {
		return
	}
	for i, r := range p {
		d.checkRule(item("rules", i), r)
	}
	d.validate(p)
	for i, r := range p {
		at := item("rules", i)
		covered := slices.IndexFunc(p[:i], func(earlier approvals.Rule) bool { return covers(earlier, r) })
		if covered >= 0 && d.sound(at) && d.soundCriteria(at) && d.soundCriteria(item("rules", covered)) {
			d.fault(at, fmt.Sprintf("no request ever meets this rule, since the rule on line %d takes all that it matches; "+
				"put the narrower rule first", d.line(item("rules", covered))))
		}
	}
}

func (d *decoder) checkRule(at string, r approvals.Rule) {
	d.faultIf(r.Name != "" && !nameForm.MatchString(r.Name), at+".name", "this is no name for a rule; "+nameHint)
	d.patterns(at+".scripts", approvals.ScriptID, r.Scripts)
	d.hostSet(at+".hosts", r.Hosts)
	for _, list := range []struct {
		key string
		n   int
	}{{"scripts", len(r.Scripts)}, {"hosts", len(r.Hosts)}, {"channels", len(r.Channels)}} {
		d.faultIf(d.has(at+"."+list.key) && list.n == 0, at+"."+list.key,
			"an empty list would match everything; remove the key if that is meant")
	}
	d.faultIf(d.has(at+".requesters") && r.Requesters.Empty(), at+".requesters",
		"this names nobody, and would match everybody; name users or groups, or remove the key")
	d.ids(at+".channels", r.Channels, channelID)
	for _, who := range []struct {
		key string
		approvals.Who
	}{{"requesters", r.Requesters}, {"show", r.Show}, {"ask", r.Ask}, {"approve", r.Approve}} {
		d.ids(at+"."+who.key+".users", who.Users, userID)
		d.ids(at+"."+who.key+".groups", who.Groups, groupID)
	}
	d.faultIf(r.Lifetime > maxLifetime, at+".lifetime", "this is too long; write at most 24h")
	if d.soundBelow(at+".requesters", at+".ask") && onlyUsers(r.Requesters) && onlyUsers(r.Ask) {
		d.faultIf(!slices.ContainsFunc(r.Ask.Users, func(u string) bool { return slices.Contains(r.Requesters.Users, u) }), at+".ask",
			"nobody here is a requester of this rule, so nothing can ever run by it; name somebody in both lists, by the same id")
	}
	d.checkAlone(at, r)
}

// onlyUsers reports whether w names people and no group.
func onlyUsers(w approvals.Who) bool { return !w.Anyone && len(w.Groups) == 0 && len(w.Users) > 0 }

// checkAlone finds people who may ask for what, without themselves, too few may
// approve. Where all are such, nothing can ever run.
func (d *decoder) checkAlone(at string, r approvals.Rule) {
	if r.Approve.Anyone || len(r.Approve.Groups) > 0 || !d.soundBelow(at+".approve", at+".quorum", at+".requesters", at+".ask") {
		return
	}
	approvers := slices.Compact(slices.Sorted(slices.Values(r.Approve.Users)))
	if len(approvers) < r.Quorum {
		return // the policy says so itself
	}
	alone := func(u string) bool { return len(approvers) == r.Quorum && slices.Contains(approvers, u) }
	canAsk := func(u string) bool { return !alone(u) }
	for _, who := range []approvals.Who{r.Ask, r.Requesters} {
		if onlyUsers(who) && !slices.ContainsFunc(who.Users, canAsk) {
			d.fault(at+".approve", "nothing can ever run by this rule, since nobody who may ask has enough others to approve; name more people")
			return
		}
	}
	for i, u := range r.Ask.Users {
		if alone(u) {
			d.warn(item(at+".ask.users", i), "what this person asks for can never be approved, since nobody approves their own request; name more people under approve")
		}
	}
}

// patterns puts what is wrong with a pattern on its line: one that no id matches is a
// rule or login that never applies.
func (d *decoder) patterns(at string, form approvals.IDForm, list []string) {
	for i, p := range list {
		if err := form.CheckPattern(p); err != nil {
			d.fault(item(at, i), err.Error())
		} else if odd := form.OddPattern(p); odd != "" {
			d.warn(item(at, i), odd)
		}
	}
}

// validate puts what [approvals.Policy.Validate] finds where it stands in the file.
func (d *decoder) validate(p approvals.Policy) {
	p = slices.Clone(p)
	for i := range p {
		p[i].Scripts, p[i].Hosts, p[i].Channels = nil, nil, nil // patterns have been looked at, with their own lines
	}
	for _, one := range parts(p.Validate()) {
		at, text := "rules", one.Error()
		var n int
		if _, err := fmt.Sscanf(text, "rule %d ", &n); err == nil && n >= 1 && n <= len(p) {
			at = item("rules", n-1)
			text = strings.TrimPrefix(text, fmt.Sprintf("rule %d (%q): ", n, p[n-1].Name))
		}
		if key, rest, ok := strings.Cut(text, ": "); ok && at != "rules" {
			at, text = at+"."+key, rest
		}
		if key, ok := strings.CutSuffix(at, ".quorum"); ok && !d.sound(key+".approve") {
			continue // how many there are is not known
		}
		d.fault(at, text)
	}
}

// parts are the errors that err joins.
func parts(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

func (d *decoder) soundCriteria(at string) bool {
	return d.soundBelow(at+".scripts", at+".hosts", at+".channels", at+".requesters")
}

// covers reports whether every request that b matches is matched by a. It may
// miss a pair of globs, and is never wrong when it says yes.
func covers(a, b approvals.Rule) bool {
	return within(approvals.ScriptID, b.Scripts, a.Scripts) && withinHosts(b.Hosts, a.Hosts) && within(approvals.ChannelID, b.Channels, a.Channels) &&
		(a.Requesters.Empty() || a.Requesters.Anyone || !b.Requesters.Empty() && !b.Requesters.Anyone &&
			contains(a.Requesters.Users, b.Requesters.Users) && contains(a.Requesters.Groups, b.Requesters.Groups))
}

// within reports whether all that the narrow patterns match, the wide ones match
// too. No patterns at all match everything.
func within(form approvals.IDForm, narrow, wide []string) bool {
	if len(wide) == 0 {
		return true
	}
	if len(narrow) == 0 {
		narrow = []string{"*"}
	}
	return !slices.ContainsFunc(narrow, func(n string) bool { return !form.Covers(wide, n) })
}

// withinHosts is within for hosts. What goes by tags or names is taken to lie within the very same only.
func withinHosts(narrow, wide approvals.HostSet) bool {
	ids, plain := narrow.Patterns()
	same := func(m approvals.HostMatch) bool {
		return slices.ContainsFunc(wide, func(w approvals.HostMatch) bool { return reflect.DeepEqual(w, m) })
	}
	wideIDs, _ := wide.Patterns()
	switch {
	case len(wide) == 0:
		return true
	case len(wideIDs) == 0:
		return len(narrow) > 0 && !slices.ContainsFunc(narrow, func(m approvals.HostMatch) bool { return !same(m) })
	case !plain:
		return within(approvals.HostID, nil, wideIDs)
	}
	return within(approvals.HostID, ids, wideIDs)
}

func contains(all, some []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}
