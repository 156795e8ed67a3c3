package config

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

const maxLifetime = 24 * time.Hour

func (d *decoder) checkRules(p approvals.Policy, api string) {
	if !d.sound("rules") {
		return
	}
	for i, r := range p {
		d.checkRule(item("rules", i), r, api)
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

func (d *decoder) checkRule(at string, r approvals.Rule, api string) {
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
	d.checkParameters(at+".parameters", r.Parameters, api)
	d.faultIf(r.Lifetime > maxLifetime, at+".lifetime", "this is too long; write at most 24h")
	if d.soundBelow(at+".requesters", at+".ask") && onlyUsers(r.Requesters) && onlyUsers(r.Ask) {
		d.faultIf(!slices.ContainsFunc(r.Ask.Users, func(u string) bool { return slices.Contains(r.Requesters.Users, u) }), at+".ask",
			"nobody here is a requester of this rule, so nothing can ever run by it; name somebody in both lists, by the same id")
	}
	d.checkAlone(at, r)
}

// checkParameters looks for values that could never be typed, an expression that is left empty, and values that are not
// only text to a shell.
func (d *decoder) checkParameters(at string, ps approvals.Parameters, api string) {
	for i, p := range ps {
		at := item(at, i)
		d.faultIf(d.has(at+".match") && p.Match == "", at+".match", "the expression is empty; write one, or remove the key")
		for _, v := range slices.Concat(p.Choices, []string{p.Example}) {
			d.faultIf(api != APITAT && strings.Contains(v, " "), at, "a value here holds a blank, and on Bare Metal each parameter is one word; write one without")
		}
		d.warnOfSigns(at+".match", p.Match)
		for j, c := range p.Choices {
			d.warnOfSigns(item(at+".choices", j), regexp.QuoteMeta(c))
		}
	}
}

// warnOfSigns warns of what is not only text to a shell, if what matches an expression may hold it.
func (d *decoder) warnOfSigns(at, expr string) {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return // said elsewhere
	}
	prog, _ := syntax.Compile(re.Simplify())
	var all []string
	for _, sign := range "$`;|&<>\"'\\" {
		if slices.ContainsFunc(prog.Inst, func(i syntax.Inst) bool { return i.MatchRune(sign) }) {
			all = append(all, string(sign))
		}
	}
	if len(all) > 0 {
		d.warn(at, "a value may hold "+strings.Join(all, " ")+" here, which a shell takes for more than text; leave out what is not needed")
	}
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
		if which, rest, ok := strings.Cut(text, ": "); ok && strings.HasSuffix(at, ".parameters") {
			if _, err := fmt.Sscanf(which, "item %d", &n); err == nil {
				at, text = item(at, n-1), rest
			}
			if key, rest, ok := strings.Cut(text, ": "); ok {
				at, text = child(at, key), rest
			}
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

// withinHosts is within for hosts.
func withinHosts(narrow, wide approvals.HostSet) bool {
	if len(narrow) == 0 {
		narrow = approvals.PlainHosts("*")
	}
	return len(wide) == 0 || !slices.ContainsFunc(narrow, func(n approvals.HostMatch) bool { return !inside(n, wide) })
}

// inside reports whether every host that m fits, fits one of set. Of tags and names it may miss some, and is never wrong
// when it says yes.
func inside(m approvals.HostMatch, set approvals.HostSet) bool {
	ids, _ := set.Patterns()
	if m.ID != "" {
		return approvals.HostID.Covers(ids, m.ID)
	}
	return approvals.HostID.Covers(ids, "*") || slices.ContainsFunc(set, func(w approvals.HostMatch) bool {
		for key, values := range w.Tags {
			if asks, has := m.Tags[key]; !has || !contains(values, asks) {
				return false
			}
		}
		return w.ID == "" && (len(w.Names) == 0 || len(m.Names) > 0 && contains(w.Names, m.Names))
	})
}

func contains(all, some []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}
