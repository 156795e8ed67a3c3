package approvals

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Approvals in Redis are for digests: a change of this value needs a new
// digestVersion, or approvals given before an upgrade would mean something else.
func TestDigestIsFixed(t *testing.T) {
	const want = "db26eeb31c28adcc2401f6ed7ec4280a55b40172178bafbf251b67eb55749d75"
	if got := somePlan(1).Digest(); got != want {
		t.Errorf("the digest is now %s", got)
	}
	if got := Digest(want).Short(); got != want[:12] {
		t.Errorf("Short is %q", got)
	}
	if got := Digest("abc").Short(); got != "abc" {
		t.Errorf("Short of a short one is %q", got)
	}
}

// Every field changes the digest, but for those of Script that do not change what
// runs. The fields are found by reflection, so that a new one cannot be forgotten.
func TestEveryFieldChangesTheDigest(t *testing.T) {
	free := []string{"Plan.Script.Alias", "Plan.Script.Created", "Plan.Script.Modified", "Plan.Seen"}
	was := somePlan(1).Digest()
	seen := 0
	walk("Plan", func(p *Plan) reflect.Value { return reflect.ValueOf(p).Elem() }, func(path string, change func(*Plan)) {
		seen++
		p := somePlan(1)
		change(&p)
		if same := p.Digest() == was; same != slices.Contains(free, path) {
			t.Errorf("%s changed: same digest %v", path, same)
		}
		changes := somePlan(1).Changes(p)
		if none := len(changes) == 0; none != slices.Contains(free, path) {
			t.Errorf("%s changed: Changes says %v", path, changes)
		}
	})
	if seen < 30 {
		t.Errorf("only %d fields were tried", seen)
	}
}

// walk calls visit with a change for every field below at.
func walk(path string, at func(*Plan) reflect.Value, visit func(string, func(*Plan))) {
	sample := somePlan(1)
	v := at(&sample)
	if v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]() {
		for i := range v.NumField() {
			walk(path+"."+v.Type().Field(i).Name, func(p *Plan) reflect.Value { return at(p).Field(i) }, visit)
		}
		return
	}
	visit(path, func(p *Plan) {
		f := at(p)
		switch x := f.Addr().Interface().(type) {
		case *string:
			*x += "x"
		case *bool:
			*x = !*x
		case *int:
			*x++
		case *time.Duration:
			*x++
		case *time.Time:
			*x = x.Add(time.Second)
		case *[]byte:
			*x = append(slices.Clone(*x), 'x')
		case *[]string:
			*x = append(slices.Clone(*x), "x")
		case *HostSet:
			*x = append(slices.Clone(*x), HostMatch{Tags: map[string][]string{"env": {"prod"}}})
		case *Parameters:
			*x = append(slices.Clone(*x), Parameter{Name: "x"})
		case *[]Default:
			*x = append(slices.Clone(*x), Default{Name: "x"})
		case *[]Edit:
			*x = append(slices.Clone(*x), Edit{Put: "# x\n"})
		case *[]Fact:
			*x = append(slices.Clone(*x), Fact{Host: "ins-1", What: "tag env", Value: "prod"})
		case *[]HostNote:
			*x = append(slices.Clone(*x), HostNote{Host: "ins-1", Name: "web-1"})
		default:
			panic(fmt.Sprintf("%s is a %T, which this test cannot change", path, x))
		}
	})
}

func TestDigestHasNoCollisionsAtTheSeams(t *testing.T) {
	tests := []struct {
		one, two func(*Plan)
		why      string
	}{
		{
			func(p *Plan) { p.Script.CmdID, p.Script.Content = "ab", []byte("c") },
			func(p *Plan) { p.Script.CmdID, p.Script.Content = "a", []byte("bc") },
			"a byte moves from one text to the next",
		},
		{
			func(p *Plan) { p.Hosts = []string{"a", "b"} },
			func(p *Plan) { p.Hosts = []string{"ab"} },
			"two hosts or one",
		},
		{
			func(p *Plan) { p.Hosts = []string{"a", "b"} },
			func(p *Plan) { p.Hosts = []string{"b", "a"} },
			"the order of hosts",
		},
		{
			func(p *Plan) { p.Hosts, p.Login.Name = []string{"a"}, "b" },
			func(p *Plan) { p.Hosts, p.Login.Name = []string{"a", "b"}, "" },
			"the last host or the login",
		},
		{
			func(p *Plan) { p.Hosts = nil },
			func(p *Plan) { p.Hosts = []string{""} },
			"no host or an empty one",
		},
		{
			func(p *Plan) { p.Rule.Approve = Who{Users: []string{"X"}} },
			func(p *Plan) { p.Rule.Approve = Who{Groups: []string{"X"}} },
			"a user or a group",
		},
		{
			func(p *Plan) { p.Rule.Show, p.Rule.Ask = Who{Users: []string{"X"}}, Who{} },
			func(p *Plan) { p.Rule.Show, p.Rule.Ask = Who{}, Who{Users: []string{"X"}} },
			"who sees or who asks",
		},
		{
			func(p *Plan) { p.Parameters = "a\x00\x00\x00\x00\x00\x00\x00\x01b" },
			func(p *Plan) { p.Parameters = "a" },
			"a text that looks like a length",
		},
	}
	for _, tt := range tests {
		one, two := somePlan(1), somePlan(1)
		tt.one(&one)
		tt.two(&two)
		if one.Digest() == two.Digest() {
			t.Errorf("%s: the same digest", tt.why)
		}
	}
}

func TestChanges(t *testing.T) {
	was, is := somePlan(1), somePlan(1)
	is.Script.Content = []byte("set -e\nsystemctl stop nginx\n")
	is.Hosts = []string{"ins-1"}
	want := []Change{
		{
			What: "script", Was: was.Script.SHA256(), Is: is.Script.SHA256(),
			Diff: "-systemctl restart nginx\n+systemctl stop nginx",
		},
		{What: "hosts", Was: "ins-1, ins-2", Is: "ins-1"},
	}
	if diff := cmp.Diff(want, was.Changes(is)); diff != "" {
		t.Error(diff)
	}
	is = somePlan(2)
	want = []Change{{What: "rule", Was: "ops", Is: "ops (as it reads today)"}}
	if diff := cmp.Diff(want, was.Changes(is)); diff != "" {
		t.Error(diff)
	}
}

func TestLineDiff(t *testing.T) {
	many := strings.Repeat("x\n", diffMatrix+1)
	tests := []struct{ was, is, want, why string }{
		{"a\nb\nc\n", "a\nB\nc\n", "-b\n+B", "a line in the middle"},
		{"a\n", "a\nb\n", "+b", "a line more"},
		{"a\nb\n", "b\n", "-a", "a line less"},
		{"a\nb\nc\nd\n", "A\nb\nc\nD\n", "-a\n+A\n b\n c\n-d\n+D", "the same lines between"},
		{"a\nb\n", "a\nb", "(only the newline at the end differs)", "no newline at the end"},
		{"a\n", "a\n\n", "+", "an empty line more"},
		{"", "a\n", "+a", "from nothing"},
		{many, "y\n", "(too many lines differ to show them)", "too much work"},
		{"a\r\n", "a\n", "-a\r\n+a", "another kind of line end"},
	}
	for _, tt := range tests {
		if got := lineDiff(tt.was, tt.is); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.why, got, tt.want)
		}
	}
	long := lineDiff(strings.Repeat("a\n", 100), strings.Repeat("b\n", 100))
	if lines := strings.Split(long, "\n"); len(lines) != diffLines+1 || lines[diffLines] != "(… more lines differ)" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}
