package approvals

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// Rule says, for the requests it matches, who may see the script, who may ask,
// who may approve, how many of those must, and how long the request stays open.
type Rule struct {
	Name string `json:"name" yaml:"name"`

	// What it matches. A pattern is a shell glob (path.Match: * ? [a-z]) over the
	// whole id or name; an empty list matches all.
	Scripts    []string `json:"scripts,omitempty" yaml:"scripts"`      // cmdIds, never aliases: an alias can change hands
	Hosts      HostSet  `json:"hosts,omitempty" yaml:"hosts"`          // by instance id, or by tags and names
	Channels   []string `json:"channels,omitempty" yaml:"channels"`    // channel ids
	Requesters Who      `json:"requesters,omitzero" yaml:"requesters"` // empty: anyone

	Parameters Parameters `json:"parameters,omitempty" yaml:"parameters"` // what may be filled in; none: where names are filled in, nothing

	// What it says.
	Show     Who           `json:"show,omitzero" yaml:"show"` // may see the script; nobody if empty
	Ask      Who           `json:"ask,omitzero" yaml:"ask"`
	Approve  Who           `json:"approve" yaml:"approve"`
	Quorum   int           `json:"quorum" yaml:"quorum"`     // different people who must approve
	Lifetime time.Duration `json:"lifetime" yaml:"lifetime"` // from the look-up, just before the card, until the request expires; in nanoseconds
}

// Groups are the user groups that the rule's Show, Ask and Approve name.
func (r Rule) Groups() []string {
	return union(r.Show.Groups, r.Ask.Groups, r.Approve.Groups)
}

// Others are how many people besides p may approve, as far as m tells. An error
// wraps [ErrMembersUnknown].
func (r Rule) Others(p Person, m Members) (int, error) {
	ids, err := r.others(p, m)
	return len(ids), err
}

func (r Rule) others(p Person, m Members) ([]string, error) {
	ids := slices.Clone(r.Approve.Users)
	for _, g := range r.Approve.Groups {
		members, told := m[g]
		if !told {
			return nil, &GroupUnknown{g}
		}
		ids = append(ids, members...)
	}
	ids = union(ids)
	return slices.DeleteFunc(ids, func(id string) bool { return id == p.User || id == p.ID }), nil
}

// Policy is the ordered list of rules. The first that matches wins; none refuses.
type Policy []Rule

// Validate reports every rule that could never work, every pattern that no id
// matches, and what would let anybody approve. The bot does not start with such a policy.
func (p Policy) Validate() error {
	var errs []error
	if len(p) == 0 {
		errs = append(errs, errors.New("there are no rules: nobody could run anything"))
	}
	seen := map[string]bool{}
	for i, r := range p {
		for _, err := range r.faults() {
			errs = append(errs, fmt.Errorf("rule %d (%q): %w", i+1, r.Name, err))
		}
		if seen[r.Name] {
			errs = append(errs, fmt.Errorf("rule %d (%q): an earlier rule has this name", i+1, r.Name))
		}
		seen[r.Name] = true
	}
	return errors.Join(errs...)
}

func (r Rule) faults() []error {
	var errs []error
	add := func(wrong bool, text string) {
		if wrong {
			errs = append(errs, errors.New(text))
		}
	}
	add(r.Name == "", "it has no name")
	add(r.Approve.Anyone, "approve: anyone is not allowed; name users or groups")
	add(r.Approve.Empty(), "approve: it names nobody; name users or groups")
	add(r.Ask.Empty(), "ask: it names nobody; name users or groups, or say anyone")
	add(r.Quorum < 1, "quorum: it must be at least 1")
	add(len(r.Approve.Groups) == 0 && !r.Approve.Empty() && len(union(r.Approve.Users)) < r.Quorum,
		"quorum: more people than approve names")
	add(r.Lifetime <= 0, "lifetime: it must be longer than nothing")
	for _, l := range []struct {
		key      string
		form     IDForm
		patterns []string
	}{{"scripts", ScriptID, r.Scripts}, {"channels", ChannelID, r.Channels}} {
		for _, pattern := range l.patterns {
			if err := l.form.CheckPattern(pattern); err != nil {
				errs = append(errs, fmt.Errorf("%s: %q: %w", l.key, pattern, err))
			}
		}
	}
	errs = append(errs, r.Parameters.faults()...)
	for _, m := range r.Hosts {
		if err := m.Check(); err != nil {
			errs = append(errs, fmt.Errorf("hosts: %q: %w", m, err))
		}
	}
	return errs
}

// Subject is what a rule is looked up for.
type Subject struct {
	Script    string     // cmdId
	Hosts     []string   // ids; none: only showing the script
	Known     KnownHosts // what is known of them besides
	Unnamed   bool       // for [Policy.MayMeetAny]: there are more hosts, of which nothing is known
	Channel   string
	Requester Person
}

var (
	// ErrNoRule says that no rule matches.
	ErrNoRule = errors.New("no rule allows this")
	// ErrRulesDiffer says that the hosts of one request meet different rules.
	ErrRulesDiffer = errors.New("the hosts meet different rules")
)

// RequesterGroups are the user groups whose members [Policy.Match] needs.
func (p Policy) RequesterGroups() []string {
	var all [][]string
	for _, r := range p {
		all = append(all, r.Requesters.Groups)
	}
	return union(all...)
}

// Asks are the kinds of facts about hosts that the rules for s go by, up to the one that it meets: see [Fact].
func (p Policy) Asks(s Subject, met Rule) []string {
	var kinds []string
	for _, r := range p {
		if matches(r.Scripts, s.Script) && matches(r.Channels, s.Channel) {
			kinds = append(kinds, r.Hosts.Asks()...)
		}
		if r.Name == met.Name {
			break
		}
	}
	return union(kinds)
}

// Fillable are the parameters that some rule for a script lets be filled in from a channel, by the first rule that names each. Which rule
// a run meets depends on its hosts.
func (p Policy) Fillable(script, channel string) (all Parameters) {
	for _, r := range p {
		if !matches(r.Scripts, script) || !matches(r.Channels, channel) {
			continue
		}
		for _, one := range r.Parameters {
			if _, known := all.Of(one.Name); !known {
				all = append(all, one)
			}
		}
	}
	return all
}

// Match finds the one rule for s. Each host is looked up by itself and all must
// meet the same rule. Errors wrap [ErrNoRule], [ErrRulesDiffer], [ErrHostUntold] or
// [ErrMembersUnknown] and name the host. No rule is for what is not an id: that
// error wraps [ErrNotID], too.
func (p Policy) Match(s Subject, m Members) (Rule, error) {
	if err := checkIDs(s.Script, s.Hosts); err != nil {
		return Rule{}, err
	}
	if len(s.Hosts) == 0 {
		return p.first(s, nil, m)
	}
	var found Rule
	for i, h := range s.Hosts {
		host := s.Known.Of(h)
		r, err := p.first(s, &host, m)
		if err != nil {
			return Rule{}, fmt.Errorf("host %s: %w", h, err)
		}
		if i > 0 && r.Name != found.Name {
			return Rule{}, fmt.Errorf("%w: %s meets %q, %s meets %q", ErrRulesDiffer, s.Hosts[0], found.Name, h, r.Name)
		}
		found = r
	}
	return found, nil
}

func checkIDs(script string, hosts []string) error {
	err := ScriptID.Check(script)
	for i := 0; err == nil && i < len(hosts); i++ {
		err = HostID.Check(hosts[i])
	}
	return err
}

// first finds the first rule for one host, or without hosts for the script alone.
func (p Policy) first(s Subject, host *Host, m Members) (Rule, error) {
	for _, r := range p {
		if !matches(r.Scripts, s.Script) || !matches(r.Channels, s.Channel) {
			continue
		}
		fits, untold := true, error(nil)
		if host != nil {
			_, fits, untold = r.Hosts.Match(*host)
		}
		if !fits && untold == nil {
			continue
		}
		if !r.Requesters.Empty() {
			in, err := r.Requesters.Includes(s.Requester, m)
			if err != nil {
				return Rule{}, err // skipping the rule would be a guess, and might reach a weaker one
			}
			if !in {
				continue
			}
		}
		if untold != nil {
			return Rule{}, fmt.Errorf("the rule %q: %w", r.Name, untold)
		}
		return r, nil
	}
	return Rule{}, ErrNoRule
}

// MayMeetAny reports whether the rules can let s's requester do something with some
// script, from its channel and on its hosts: who picks what of a rule, such as
// [Rule.Ask]. It is asked before scripts and hosts are looked for: an alias stands for any
// script, and a host of which only the id is known may have any tags and name. It may
// say yes where [Policy.Match] says no later, but not the other way round. An error wraps
// [ErrMembersUnknown].
func (p Policy) MayMeetAny(s Subject, m Members, who func(Rule) Who) (bool, error) {
	var untold error
	for _, r := range p {
		known := LikeScript(s.Script)
		fits, sure := s.fit(r.Hosts)
		if !matches(r.Channels, s.Channel) || !fits || known && !matches(r.Scripts, s.Script) {
			continue
		}
		meets, err := true, error(nil)
		if !r.Requesters.Empty() {
			meets, err = r.Requesters.Includes(s.Requester, m)
		}
		may := false
		if err == nil && meets {
			may, err = who(r).Includes(s.Requester, m)
		}
		if may {
			return true, nil
		}
		untold = cmp.Or(untold, err)
		if err == nil && meets && sure && (known || len(r.Scripts) == 0) {
			break // it is met in any case, and so is none behind it
		}
	}
	return false, untold
}

// fit reports whether all hosts of s fit, or may; and whether they do for sure.
func (s Subject) fit(set HostSet) (fits, sure bool) {
	sure = !s.Unnamed || len(set) == 0
	for _, h := range s.Hosts {
		_, is, err := set.Match(s.Known.Of(h))
		if !is && err == nil {
			return false, true
		}
		sure = sure && is
	}
	return true, sure
}

func matches(patterns []string, id string) bool {
	if len(patterns) == 0 {
		return true
	}
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, id)
		return ok && err == nil
	})
}

// union is every string of the lists once, sorted.
func union(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}

// String names the people for logs and terminals, not for Slack.
func (w Who) String() string {
	if w.Anyone {
		return "anyone"
	}
	if w.Empty() {
		return "nobody"
	}
	return strings.Join(slices.Concat(w.Users, w.Groups), ", ")
}

// MayMeet lists the rules that a script and its hosts can meet, by channel and
// requester: in order, up to the first that asks for neither. Without hosts it is
// for showing. An error wraps [ErrRulesDiffer] if no one rule is for all hosts, or
// [ErrNotID].
func (p Policy) MayMeet(script string, hosts []string) ([]Rule, error) {
	if err := checkIDs(script, hosts); err != nil {
		return nil, err
	}
	var out []Rule
	for _, r := range p {
		if !matches(r.Scripts, script) {
			continue
		}
		n := len(hosts)
		sure := true
		for _, h := range hosts {
			_, fits, err := r.Hosts.Match(Host{ID: h})
			if !fits && err == nil {
				n--
			}
			sure = sure && err == nil
		}
		always := sure && len(r.Channels) == 0 && r.Requesters.Empty()
		if n == len(hosts) {
			out = append(out, r)
			if always {
				return out, nil
			}
		} else if n > 0 && always {
			return out, fmt.Errorf("%w: rule %q is for some of them only; ask for those in a line of their own", ErrRulesDiffer, r.Name)
		}
	}
	return out, nil
}
