package approvals

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A rule that goes by what is not known of a host is never skipped: what is behind it may be weaker.
func TestWhatIsNotKnownIsNeverSkipped(t *testing.T) {
	prod := HostMatch{Tags: map[string][]string{"env": {"prod", "live"}, "role": {"web"}}}
	web := HostMatch{Names: []string{"web-*"}}
	rule := func(name string, hosts ...HostMatch) Rule { return Rule{Name: name, Hosts: hosts} }
	known := func(name string, tags map[string]string) Host {
		return Host{ID: "ins-1", Told: true, Name: name, Tags: tags}
	}
	untold := Host{ID: "ins-1"}
	weak := rule("weak")
	for _, tt := range []struct {
		why    string
		policy Policy
		host   Host
		want   string // rule
		is     error
	}{
		{"all tags fit", Policy{rule("prod", prod), weak}, known("x", map[string]string{"env": "live", "role": "web", "more": "x"}), "prod", nil},
		{"a tag of several values, of which one fits", Policy{rule("prod", prod), weak}, known("x", map[string]string{"env": "dev\nprod", "role": "web"}), "prod", nil},
		{"a value with a comma is one", Policy{rule("prod", prod), weak}, known("x", map[string]string{"env": "dev,prod", "role": "web"}), "weak", nil},
		{"one tag has another value", Policy{rule("prod", prod), weak}, known("x", map[string]string{"env": "live", "role": "db"}), "weak", nil},
		{"one tag is missing", Policy{rule("prod", prod), weak}, known("x", map[string]string{"env": "live"}), "weak", nil},
		{"the name fits", Policy{rule("web", web), weak}, known("web-7", nil), "web", nil},
		{"any text in a name", Policy{rule("web", web), weak}, known("web-7/blue green", nil), "web", nil},
		{"the whole name must", Policy{rule("web", web), weak}, known("my-web-7", nil), "weak", nil},
		{"tags and names are both asked for", Policy{rule("both", HostMatch{Tags: prod.Tags, Names: web.Names}), weak}, known("web-7", nil), "weak", nil},
		{"one of several items is enough", Policy{rule("any", prod, web), weak}, known("web-7", nil), "any", nil},
		{"tags that are not known", Policy{rule("prod", prod), weak}, untold, "", ErrHostUntold},
		{"a name that is not known", Policy{rule("web", web), weak}, untold, "", ErrHostUntold},
		{"the id fits, whatever the tags", Policy{rule("prod", prod, HostMatch{ID: "ins-*"}), weak}, untold, "prod", nil},
		{"the rule before it takes the host", Policy{rule("strong", HostMatch{ID: "ins-1"}), rule("prod", prod)}, untold, "strong", nil},
		{"a rule behind it does not help", Policy{rule("prod", prod), rule("strong", HostMatch{ID: "ins-1"})}, untold, "", ErrHostUntold},
		{"it is for others than who asks", Policy{{Name: "prod", Hosts: HostSet{prod}, Requesters: Who{Users: []string{"U-BOB"}}}, weak}, untold, "weak", nil},
		{"it is for another script", Policy{{Name: "prod", Hosts: HostSet{prod}, Scripts: []string{"cmd-x"}}, weak}, untold, "weak", nil},
	} {
		s := Subject{Script: "cmd-1", Hosts: []string{"ins-1"}, Known: KnownHosts{"ins-1": tt.host}, Requester: alice}
		r, err := tt.policy.Match(s, nil)
		if r.Name != tt.want || !errors.Is(err, tt.is) {
			t.Errorf("%s: %q, %v", tt.why, r.Name, err)
		}
	}
}

func TestHostMatchCheck(t *testing.T) {
	for _, tt := range []struct {
		why  string
		m    HostMatch
		want string
	}{
		{"a pattern", HostMatch{ID: "ins-*"}, ""},
		{"tags and names", HostMatch{Tags: map[string][]string{"env": {"prod"}}, Names: []string{"web-?"}}, ""},
		{"a pattern that no id matches", HostMatch{ID: "INS-1"}, "no id matches"},
		{"nothing", HostMatch{}, "this names no host"},
		{"no tags beside names, which would be any tags", HostMatch{Tags: map[string][]string{}, Names: []string{"a"}}, "would fit every host"},
		{"no names beside tags", HostMatch{Tags: map[string][]string{"env": {"prod"}}, Names: []string{}}, "would fit every host"},
		{"a name that any is", HostMatch{Names: []string{"web-*", "**"}}, "fits every host"},
		{"a pattern with tags", HostMatch{ID: "ins-*", Tags: map[string][]string{"env": {"prod"}}}, "stands alone"},
		{"a tag without a value", HostMatch{Tags: map[string][]string{"env": nil}}, "is empty; write"},
		{"an empty value, which facts cannot tell from none", HostMatch{Tags: map[string][]string{"env": {"prod", ""}}}, "is empty; write"},
		{"a tag without a key", HostMatch{Tags: map[string][]string{"": {"x"}}}, "is empty; write"},
		{"an invalid pattern for names", HostMatch{Names: []string{"web-["}}, "not a pattern"},
	} {
		err := tt.m.Check()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.why, err)
		}
	}
}

// Records have always had patterns as a list of strings.
func TestHostsAsStored(t *testing.T) {
	set := HostSet{{ID: "ins-*"}, {Tags: map[string][]string{"env": {"prod"}}, Names: []string{"web-*"}}}
	const stored = `["ins-*",{"tags":{"env":["prod"]},"names":["web-*"]}]`
	text, err := json.Marshal(set)
	if err != nil || string(text) != stored {
		t.Errorf("%s, %v", text, err)
	}
	var read HostSet
	if err := json.Unmarshal([]byte(stored), &read); err != nil || !cmp.Equal(read, set) {
		t.Errorf("%v, %v", read, err)
	}
}

func TestFactsThatDecided(t *testing.T) {
	p := Policy{
		{Name: "other script", Scripts: []string{"cmd-x"}, Hosts: HostSet{{Tags: map[string][]string{"team": {"a"}}}}},
		{Name: "prod", Hosts: HostSet{{Tags: map[string][]string{"env": {"prod"}}}}},
		{Name: "met", Hosts: append(PlainHosts("ins-*"), HostMatch{Names: []string{"web-*"}})},
		{Name: "behind", Hosts: HostSet{{Tags: map[string][]string{"role": {"db"}}}}},
	}
	kinds := p.Asks(Subject{Script: "cmd-1"}, p[2])
	known := KnownHosts{"ins-1": {ID: "ins-1", Told: true, Name: "web-1", Tags: map[string]string{"env": "dev"}}}
	want := []Fact{{"ins-1", "name", "web-1"}, {"ins-1", "tag env", "dev"}}
	if diff := cmp.Diff(want, known.Facts([]string{"ins-1"}, kinds)); diff != "" {
		t.Error(diff)
	}
}

// special is what a shell takes for more than a letter.
const special = ";|&$`()<>'\"\\\n*?[]{}~#! \t"

func TestParameterCheck(t *testing.T) {
	free := Parameter{Name: "x", Example: "a"}
	among := Parameter{Name: "x", Example: "a b", Choices: []string{"a b", "c;d"}}
	like := Parameter{Name: "x", Example: "v1", Match: `v[0-9]+|latest`}
	for _, c := range special {
		if free.Check("a"+string(c)+"b", true) == nil {
			t.Errorf("%q is allowed in a value without an expression", c)
		}
	}
	for _, tt := range []struct {
		why   string
		p     Parameter
		value string
		shell bool
		ok    bool
	}{
		{"all that is safe in a shell", free, "aZ0@%_+=:,./-", true, true},
		{"an option", free, "-rf", true, false},
		{"nothing", free, "", true, false},
		{"letters that look like others", free, "аbc", true, false},
		{"a variable of BAT", free, "%PATH%", false, false},
		{"a splat of PowerShell", free, "@x", false, false},
		{"a list of PowerShell", free, "a,b", false, false},
		{"a path outside of a shell", free, "C:/x", false, true},
		{"a choice, with blanks", among, "a b", true, true},
		{"a choice that looks dangerous is the rule's word", among, "c;d", true, true},
		{"a part of a choice", among, "a", true, false},
		{"what matches whole", like, "v12", true, true},
		{"one that only begins so", like, "v1;reboot", true, false},
		{"one that only ends so", like, "x latest", true, false},
		{"a line end behind it", like, "latest\n", true, false},
		{"what turns the line around, whatever matches", Parameter{Name: "x", Example: "a", Match: `.*`}, "a\u202eb", true, false},
		{"a line end of other systems", Parameter{Name: "x", Example: "a", Match: `.*`}, "a\u2028b", true, false},
		{"bytes that are no text", Parameter{Name: "x", Example: "a", Match: `.*`}, "a\xffb", true, false},
		{"flags of the expression end with it", Parameter{Name: "x", Example: "ab", Match: `(?im)^a|b$`}, "Axx", true, false},
		{"a quote that takes the anchor in", Parameter{Name: "x", Example: "a", Match: `a|\Qb`}, "b)\\z", true, false},
		{"a control character, whatever matches", Parameter{Name: "x", Example: "a", Match: `(?s).*`}, "a\x1bb", true, false},
		{"nothing, if that matches", Parameter{Name: "x", Example: "a", Match: `a?`}, "", true, true},
	} {
		if err := tt.p.Check(tt.value, tt.shell); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.why, err)
		}
	}
}

func TestParametersOfARule(t *testing.T) {
	name, version := Parameter{Name: "service", Example: "nginx"}, Parameter{Name: "version", Example: "v1", Match: "v[0-9]+"}
	for _, tt := range []struct {
		why, text string
		ps        Parameters
		ok        bool
	}{
		{"no parameters in the rule: anything", "a;b  c", nil, true},
		{"word by word", "nginx v2", Parameters{name, version}, true},
		{"in order", "v2 nginx", Parameters{name, version}, false},
		{"one is missing", "nginx", Parameters{name, version}, false},
		{"one too many", "nginx v2 -x", Parameters{name, version}, false},
		{"none at all", "", Parameters{name}, false},
		{"two blanks", "nginx  v2", Parameters{name, version}, false},
		{"a shell's own", "nginx v2;reboot", Parameters{name, version}, false},
		{"quotes part no words", `"nginx v2"`, Parameters{name, version}, false},
	} {
		if err := tt.ps.CheckWords(tt.text, true); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.why, err)
		}
	}
	for _, tt := range []struct {
		why, want string
		ps        Parameters
	}{
		{"good", "", Parameters{name, version}},
		{"twice", "an earlier parameter", Parameters{name, name}},
		{"an example that does not fit", "example:", Parameters{{Name: "x", Example: "a b"}}},
		{"an expression that is none", "regular expression", Parameters{{Name: "x", Example: "a", Match: "("}}},
		{"two ways", "keep one", Parameters{{Name: "x", Example: "a", Match: "a", Choices: []string{"a"}}}},
		{"no choices, which would be any value", "choices:", Parameters{{Name: "x", Example: "a", Choices: []string{}}}},
		{"no parameters, which would be any", "parameters: the list", Parameters{}},
		{"more than the API fills in", "more than 20", make20and1()},
		{"an empty choice", "choices:", Parameters{{Name: "x", Example: "a", Choices: []string{"a", ""}}}},
		{"a name that no script has", "name:", Parameters{{Name: "x y", Example: "a"}}},
	} {
		err := errors.Join(tt.ps.faults()...)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.why, err)
		}
	}
}

func make20and1() (ps Parameters) {
	for i := range mostParameters + 1 {
		ps = append(ps, Parameter{Name: fmt.Sprint("p", i), Example: "a"})
	}
	return ps
}

// Which rule a run meets depends on its hosts, so a script is shown with what any rule for it allows.
func TestFillable(t *testing.T) {
	a, other := Parameter{Name: "a", Example: "1"}, Parameter{Name: "a", Example: "2"}
	p := Policy{
		{Name: "db", Hosts: PlainHosts("ins-db*")},
		{Name: "web", Scripts: []string{"cmd-1"}, Parameters: Parameters{a}},
		{Name: "all", Parameters: Parameters{other, {Name: "b", Example: "3"}}},
		{Name: "elsewhere", Channels: []string{"C2"}, Parameters: Parameters{{Name: "c", Example: "4"}}},
	}
	if diff := cmp.Diff(Parameters{a, {Name: "b", Example: "3"}}, p.Fillable("cmd-1", "C1")); diff != "" {
		t.Error(diff)
	}
}
