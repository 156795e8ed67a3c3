package approvals

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestMatch(t *testing.T) {
	rule := func(name string, change func(*Rule)) Rule {
		r := Rule{Name: name, Ask: Who{Anyone: true}, Approve: Who{Users: []string{"U-BOB"}}, Quorum: 1, Lifetime: time.Hour}
		if change != nil {
			change(&r)
		}
		return r
	}
	prod := rule("prod", func(r *Rule) { r.Hosts = PlainHosts("ins-prod-*") })
	rest := rule("rest", nil)
	restart := rule("restart", func(r *Rule) { r.Scripts = []string{"cmd-restart", "cmd-[xy]?"} })
	channel := rule("channel", func(r *Rule) { r.Channels = []string{"C-OPS"} })
	forAlice := rule("alice", func(r *Rule) { r.Requesters = Who{Users: []string{"U-ALICE"}} })
	forGroup := rule("group", func(r *Rule) { r.Requesters = Who{Groups: []string{"S1"}} })
	members := Members{"S1": {"W-ALICE"}}

	tests := []struct {
		policy  Policy
		subject Subject
		members Members
		want    string
		err     error
		why     string
	}{
		{Policy{prod, rest}, Subject{Hosts: []string{"ins-prod-1"}}, nil, "prod", nil, "the first that matches wins"},
		{Policy{rest, prod}, Subject{Hosts: []string{"ins-prod-1"}}, nil, "rest", nil, "order, not precision"},
		{Policy{prod, rest}, Subject{Hosts: []string{"ins-dev-1"}}, nil, "rest", nil, "the second, if the first does not match"},
		{Policy{prod}, Subject{Hosts: []string{"ins-dev-1"}}, nil, "", ErrNoRule, "no rule refuses"},
		{nil, Subject{Hosts: []string{"ins-dev-1"}}, nil, "", ErrNoRule, "no rules at all"},
		{Policy{prod, rest}, Subject{Hosts: []string{"ins-prod-1", "ins-prod-2"}}, nil, "prod", nil, "two hosts, one rule"},
		{Policy{prod, rest}, Subject{Hosts: []string{"ins-prod-1", "ins-dev-1"}}, nil, "", ErrRulesDiffer, "a harmless host does not lift a strict one"},
		{Policy{prod}, Subject{Hosts: []string{"ins-prod-1", "ins-dev-1"}}, nil, "", ErrNoRule, "one host without a rule"},
		{Policy{prod}, Subject{}, nil, "prod", nil, "only the script: hosts are not asked"},
		{Policy{restart}, Subject{Script: "cmd-restart"}, nil, "restart", nil, "a whole id"},
		{Policy{restart}, Subject{Script: "cmd-restart2"}, nil, "", ErrNoRule, "a pattern is the whole id, not its beginning"},
		{Policy{restart}, Subject{Script: "cmd-x1"}, nil, "restart", nil, "sets and question marks"},
		{Policy{restart}, Subject{Script: "cmd-z1"}, nil, "", ErrNoRule, "outside the set"},
		{Policy{channel, rest}, Subject{Channel: "C-OPS"}, nil, "channel", nil, "by channel"},
		{Policy{channel, rest}, Subject{Channel: "C-DEV"}, nil, "rest", nil, "another channel"},
		{Policy{forAlice, rest}, Subject{Requester: alice}, nil, "alice", nil, "by requester"},
		{Policy{forAlice, rest}, Subject{Requester: bob}, nil, "rest", nil, "another requester"},
		{Policy{forGroup, rest}, Subject{Requester: alice}, members, "group", nil, "by the requester's group"},
		{Policy{forGroup, rest}, Subject{Requester: bob}, members, "rest", nil, "not in the group"},
		{Policy{forGroup, rest}, Subject{Requester: bob}, nil, "", ErrMembersUnknown, "not knowing the group is not 'not in it'"},
		{Policy{prod, rest}, Subject{Hosts: []string{"ins-PROD-1"}}, nil, "", ErrNotID, "capitals do not lead around a rule"},
		{Policy{prod, rest}, Subject{Hosts: []string{"ins-prod-1", "ins\u2011prod-1"}}, nil, "", ErrNoRule, "what is not an id has no rule"},
		{Policy{rest}, Subject{Script: "cmd-Restart"}, nil, "", ErrNotID, "nor has a script"},
		{Policy{rest, forGroup}, Subject{Requester: bob}, nil, "rest", nil, "an unknown group behind the match is not asked"},
	}
	for _, tt := range tests {
		tt.subject.Script = cmp.Or(tt.subject.Script, "cmd-any")
		got, err := tt.policy.Match(tt.subject, tt.members)
		if got.Name != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: rule %q, error %v", tt.why, got.Name, err)
		}
		if err != nil && len(tt.subject.Hosts) > 0 && !strings.Contains(err.Error(), "ins-") {
			t.Errorf("%s: %q does not name the host", tt.why, err)
		}
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		change func(*Rule)
		want   string
		why    string
	}{
		{func(*Rule) {}, "", "a good rule"},
		{func(r *Rule) { r.Name = "" }, "it has no name", "cards name the rule"},
		{func(r *Rule) { r.Approve = Who{Anyone: true} }, "approve: anyone", "anybody could approve"},
		{func(r *Rule) { r.Approve = Who{} }, "approve: it names nobody", "nobody could"},
		{func(r *Rule) { r.Ask = Who{} }, "ask: it names nobody", "nobody could ask"},
		{func(r *Rule) { r.Quorum = 0 }, "at least 1", "it would run without approval"},
		{func(r *Rule) { r.Quorum = -1 }, "at least 1", "the same"},
		{func(r *Rule) { r.Approve = Who{Users: []string{"U1", "U1"}}; r.Quorum = 2 }, "more people than", "one person, named twice"},
		{func(r *Rule) { r.Approve = Who{Users: []string{"U1", "U2"}}; r.Quorum = 2 }, "", "just enough"},
		{func(r *Rule) { r.Quorum = 9 }, "", "how many are in a group is not known here"},
		{func(r *Rule) { r.Lifetime = 0 }, "lifetime", "expired at once"},
		{func(r *Rule) { r.Hosts = PlainHosts("ins-[") }, `hosts: "ins-["`, "a glob that is none"},
		{func(r *Rule) { r.Scripts = []string{"a-very-long-name[x"} }, "not a pattern", "broken only at its end"},
		{func(r *Rule) { r.Hosts = PlainHosts("ins-*", "^ins-db-") }, `hosts: "^ins-db-": no id matches`, "a weaker rule would take its hosts"},
		{func(r *Rule) { r.Scripts = []string{"restart-*"} }, "no id matches", "an alias"},
		{func(r *Rule) { r.Channels = []string{"#ops"} }, "no id matches", "a name"},
		{func(r *Rule) { r.Channels = []string{""} }, "not a pattern", "it could never match"},
	}
	for _, tt := range tests {
		r := opsRule(1)
		tt.change(&r)
		err := Policy{r}.Validate()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.why, err, tt.want)
		}
	}
	if err := (Policy{}).Validate(); err == nil {
		t.Error("a policy without rules is good")
	}
	twice := Policy{opsRule(1), opsRule(2)}.Validate()
	if twice == nil || !strings.Contains(twice.Error(), "rule 2") {
		t.Errorf("two rules of one name: %v", twice)
	}
	bad := opsRule(0)
	bad.Name, bad.Lifetime = "bad", 0
	if err := (Policy{bad}).Validate(); err == nil || strings.Count(err.Error(), `rule 1 ("bad")`) != 2 {
		t.Errorf("not every fault is reported: %v", err)
	}
}

func TestGroupsToAskFor(t *testing.T) {
	r := Rule{
		Show: Who{Groups: []string{"S3"}}, Ask: Who{Groups: []string{"S1"}}, Approve: Who{Groups: []string{"S2", "S1"}},
		Requesters: Who{Groups: []string{"S9"}},
	}
	if got := r.Groups(); !slices.Equal(got, []string{"S1", "S2", "S3"}) {
		t.Errorf("Groups %v", got)
	}
	if got := (Policy{r, r}).RequesterGroups(); !slices.Equal(got, []string{"S9"}) {
		t.Errorf("RequesterGroups %v", got)
	}
}

func TestWhoString(t *testing.T) {
	for want, w := range map[string]Who{
		"anyone": {Anyone: true, Users: []string{"U1"}}, "nobody": {}, "U1, S1": {Users: []string{"U1"}, Groups: []string{"S1"}},
	} {
		if got := w.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Who could do something with some script is never turned away before it is looked for;
// who could not with any, always is.
func TestMayMeetAny(t *testing.T) {
	ask := func(r Rule) Who { return r.Ask }
	scripts := []string{"cmd-a", "cmd-b", "cmd-c"}
	rapid.Check(t, func(t *rapid.T) {
		some := func(of ...string) []string {
			return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 0, 1, rapid.ID).Draw(t, "some")
		}
		who := func() Who {
			return rapid.SampledFrom([]Who{{}, {Anyone: true}, {Users: []string{alice.ID}}, {Groups: []string{"S1"}}, {Groups: []string{"S2"}}}).Draw(t, "who")
		}
		prod := HostSet{{Tags: map[string][]string{"env": {"prod"}}}}
		hosts := func() HostSet {
			return rapid.SampledFrom([]HostSet{nil, PlainHosts("ins-1"), PlainHosts("ins-*"), prod, append(PlainHosts("ins-2"), prod...)}).Draw(t, "hosts")
		}
		var p Policy
		byTag := false
		for i := range rapid.IntRange(0, 4).Draw(t, "rules") {
			p = append(p, Rule{
				Name: fmt.Sprint(i), Scripts: some(scripts...), Hosts: hosts(), Channels: some("C1", "C2"), Requesters: who(), Ask: who(),
			})
		}
		s := Subject{Hosts: []string{"ins-1", "ins-2"}[:rapid.IntRange(0, 2).Draw(t, "hosts")], Channel: "C1", Requester: alice}
		m := Members{"S1": {alice.ID}, "S2": {}}
		for _, r := range p {
			_, plain := r.Hosts.Patterns()
			byTag = byTag || !plain
		}
		s.Known = KnownHosts{}
		for _, h := range s.Hosts {
			s.Known[h] = Host{ID: h, Told: true, Tags: map[string]string{"env": rapid.SampledFrom([]string{"prod", "dev"}).Draw(t, "env")}}
		}
		want := false
		for _, s.Script = range append(scripts, "cmd-other") {
			r, err := p.Match(s, m)
			in, _ := r.Ask.Includes(alice, m)
			want = want || err == nil && in
		}
		s.Script, s.Known = "", nil // before anything is looked up
		got, err := p.MayMeetAny(s, m, ask)
		if err != nil || want && !got {
			t.Fatalf("%v, %v; with one of the scripts: %v", got, err, want)
		}
		if whole := len(s.Hosts) < 2 && !byTag; whole && got && !want && !slices.ContainsFunc(p, func(r Rule) bool { return len(r.Scripts) > 0 }) {
			t.Fatal("let in by rules that no script meets")
		}
	})
	p := Policy{{Ask: Who{Groups: []string{"S1"}}}}
	if in, err := p.MayMeetAny(Subject{Requester: alice}, nil, ask); in || !errors.Is(err, ErrMembersUnknown) {
		t.Errorf("a group that is not told: %v, %v", in, err)
	}
}
