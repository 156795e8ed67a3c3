package approvals

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A policy with tags and names behaves as its obvious reading: of each host alone, the first rule that takes it in each of
// the ways in which what is not known of it may be; and if these are not one rule, nobody knows.
func TestPolicyOfTagsAsItReads(t *testing.T) {
	values := []string{"", "x", "y"} // of the tag; empty: it has none
	names := []string{"web-1", "db-1"}
	set := rapid.Custom(func(t *rapid.T) HostSet {
		var s HostSet
		for range rapid.IntRange(0, 2).Draw(t, "items") {
			m := HostMatch{}
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				m.ID = rapid.SampledFrom([]string{"ins-1", "ins-*"}).Draw(t, "id")
			case 1:
				m.Names = []string{rapid.SampledFrom([]string{"web-*", "?*"}).Draw(t, "name")}
			case 2:
				m.Names = []string{"web-*"}
				fallthrough
			default:
				m.Tags = map[string][]string{"env": values[rapid.IntRange(1, 2).Draw(t, "from"):]}
			}
			s = append(s, m)
		}
		return s
	})
	// slow is the rule that a host meets, if all is known of it.
	slow := func(p Policy, script string, h Host) string {
		for _, r := range p {
			in := len(r.Hosts) == 0
			for _, m := range r.Hosts {
				byID, _ := path.Match(m.ID, h.ID)
				tag := m.Tags == nil || h.Tags["env"] != "" && slices.Contains(m.Tags["env"], h.Tags["env"])
				name := m.Names == nil
				if !name {
					name, _ = path.Match(m.Names[0], h.Name)
				}
				in = in || m.ID != "" && byID || m.ID == "" && tag && name
			}
			if in && (len(r.Scripts) == 0 || r.Scripts[0] == script) {
				return r.Name
			}
		}
		return ""
	}
	rapid.Check(t, func(t *rapid.T) {
		var p Policy
		for i := range rapid.IntRange(0, 4).Draw(t, "rules") {
			p = append(p, Rule{Name: fmt.Sprint(i), Hosts: set.Draw(t, "hosts"), Scripts: rapid.SampledFrom([][]string{nil, {"cmd-1"}, {"cmd-2"}}).Draw(t, "scripts")})
		}
		h := Host{
			ID: rapid.SampledFrom([]string{"ins-1", "ins-2", "cpm-1"}).Draw(t, "id"), Told: rapid.Bool().Draw(t, "told"),
			Name: rapid.SampledFrom(names).Draw(t, "name"), Tags: map[string]string{},
		}
		if v := rapid.SampledFrom(values).Draw(t, "env"); v != "" {
			h.Tags["env"] = v
		}
		may := map[string]bool{slow(p, "cmd-1", h): true}
		if !h.Told {
			for _, name := range append(names, "") {
				for _, v := range values {
					may[slow(p, "cmd-1", Host{ID: h.ID, Name: name, Tags: map[string]string{"env": v}})] = true
				}
			}
			h.Name, h.Tags = "", nil
		}
		r, err := p.Match(Subject{Script: "cmd-1", Hosts: []string{h.ID}, Known: KnownHosts{h.ID: h}}, nil)
		if err == nil && (len(may) != 1 || !may[r.Name]) {
			t.Fatalf("%+v meets %q, and may meet any of %v", h, r.Name, may)
		}
		if h.Told && errors.Is(err, ErrHostUntold) || errors.Is(err, ErrNoRule) && !may[""] {
			t.Fatalf("%+v: %v, and it may meet %v", h, err, may)
		}
		// Whatever the cloud says of it, the rule is one of those that a runbook's line is told of.
		listed, none := p.MayMeet("cmd-1", []string{h.ID})
		if err == nil && (none != nil || !slices.ContainsFunc(listed, func(l Rule) bool { return l.Name == r.Name })) {
			t.Fatalf("%+v meets %q, and may only meet %v, %v", h, r.Name, listed, none)
		}
		// What decided is among the facts: with those alone it is the same rule.
		if err == nil && h.Told {
			facts := KnownHosts{h.ID: h}.Facts([]string{h.ID}, p.Asks(Subject{Script: "cmd-1"}, r))
			again, err := p.Match(Subject{Script: "cmd-1", Hosts: []string{h.ID}, Known: knownBy(facts)}, nil)
			if err != nil || again.Name != r.Name {
				t.Fatalf("%+v meets %q, and by the facts %v it meets %q, %v", h, r.Name, facts, again.Name, err)
			}
		}
	})
}

// written is a hash that keeps what it is given.
type written struct {
	hash.Hash
	bytes.Buffer
}

func (w *written) Write(b []byte) (int, error) { return w.Buffer.Write(b) }
func (w *written) Reset()                      {}

// What is hashed of hosts is not how what is hashed of others begins: so no two digests are alike, whatever follows.
func TestHostSetsAreHashedApart(t *testing.T) {
	word := rapid.SampledFrom([]string{"", "0", "1", "2", "matches"})
	match := rapid.Custom(func(t *rapid.T) HostMatch {
		if rapid.Bool().Draw(t, "id") {
			return HostMatch{ID: word.Draw(t, "pattern")}
		}
		return HostMatch{Tags: rapid.MapOfN(word, rapid.SliceOfN(word, 0, 2), 0, 2).Draw(t, "tags"), Names: rapid.SliceOfN(word, 0, 2).Draw(t, "names")}
	})
	seen := map[string]string{}
	rapid.Check(t, func(t *rapid.T) {
		for _, s := range rapid.SliceOfN(rapid.SliceOfN(match, 0, 2), 30, 30).Draw(t, "sets") {
			text, _ := json.Marshal(append(HostSet{}, s...))
			w := &written{}
			encoder{w}.hosts(s)
			seen[w.String()] = string(text)
		}
	})
	all := slices.Sorted(maps.Keys(seen))
	for i := range all[1:] {
		if strings.HasPrefix(all[i+1], all[i]) {
			t.Errorf("%s begins like %s", seen[all[i+1]], seen[all[i]])
		}
	}
}
