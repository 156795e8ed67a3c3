package approvals

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// Host is one machine, as far as it is known.
type Host struct {
	ID     string
	Told   bool // Name and Tags are what the cloud says; else nothing but the id is known
	Name   string
	Tags   map[string]string // several values of one key, which Bare Metal may have, are lines
	Region string
	Only   []string // the kinds of facts that are known of it, see [Fact]; nil: all, if Told
}

// knows reports whether all is known that m goes by.
func (h Host) knows(m HostMatch) bool {
	return h.Told && (h.Only == nil || !slices.ContainsFunc(HostSet{m}.Asks(), func(kind string) bool { return !slices.Contains(h.Only, kind) }))
}

// KnownHosts are machines by id.
type KnownHosts map[string]Host

// Of is the host of an id, known by nothing else if it is not there.
func (h KnownHosts) Of(id string) Host {
	if known, is := h[id]; is {
		return known
	}
	return Host{ID: id}
}

// Each are the hosts of these ids, in order.
func (h KnownHosts) Each(ids []string) (all []Host) {
	for _, id := range ids {
		all = append(all, h.Of(id))
	}
	return all
}

// knownBy are the hosts of facts: nothing else is known of them.
func knownBy(facts []Fact) KnownHosts {
	all := KnownHosts{}
	for _, f := range facts {
		h := all.Of(f.Host)
		h.Told, h.Only = true, append(h.Only, f.What)
		if key, isTag := strings.CutPrefix(f.What, factTag); !isTag {
			h.Name = f.Value
		} else if f.Value != "" {
			h.Tags = maps.Clone(h.Tags)
			if h.Tags == nil {
				h.Tags = map[string]string{}
			}
			h.Tags[key] = f.Value
		}
		all[f.Host] = h
	}
	return all
}

// HostMatch is one way to say which hosts are meant: by a pattern over the whole id, or by tags and
// names, of which all that are set must fit.
type HostMatch struct {
	ID    string              `json:"id,omitempty"`                 // as it is written: a pattern alone
	Tags  map[string][]string `json:"tags,omitempty" yaml:"tags"`   // each key, with one of its values
	Names []string            `json:"names,omitempty" yaml:"names"` // patterns over the whole name; one must fit
}

// HostSet is hosts of which each fits one of the matches. An empty one is all hosts.
type HostSet []HostMatch

// ErrHostUntold says that a rule or login goes by a tag or a name of a host, and that these are not known. To
// skip it would be a guess, and might reach a weaker one.
var ErrHostUntold = errors.New("the tags and the name of a host are not known")

// Match finds the first match that fits. Its error wraps [ErrHostUntold]: none fits for sure, and one may.
func (s HostSet) Match(h Host) (by HostMatch, fits bool, err error) {
	for _, m := range s {
		switch {
		case m.byID() && globbed(m.ID, h.ID), !m.byID() && h.knows(m) && m.fits(h):
			return m, true, nil
		case !m.byID() && !h.knows(m):
			err = fmt.Errorf("%w: %s", ErrHostUntold, h.ID)
		}
	}
	return HostMatch{}, len(s) == 0, err
}

// Check is nil if some host may fit.
func (m HostMatch) Check() error {
	switch {
	case m.byID() && (len(m.Tags) > 0 || len(m.Names) > 0):
		return errors.New("an id stands alone; write tags and names as an item of their own")
	case m.byID():
		return HostID.CheckPattern(m.ID)
	case m.Tags != nil && len(m.Tags) == 0, m.Names != nil && len(m.Names) == 0:
		return errors.New("tags or names is empty, and would fit every host; remove the key, or write what is meant")
	case m.Tags == nil && m.Names == nil:
		return errors.New("this names no host; write a pattern over ids with * ? and [a-z], or tags, or names")
	}
	for key, values := range m.Tags {
		if key == "" || len(values) == 0 || slices.Contains(values, "") {
			return errors.New("tags: a key or a value is empty; write them like {env: prod}")
		}
	}
	for _, p := range m.Names {
		if _, err := path.Match(p, ""); err != nil || p == "" {
			return errors.New("names: this is not a pattern: " + globHint)
		}
		if strings.Trim(p, "*") == "" {
			return errors.New(`names: a * alone fits every host; write what is meant, or the item "*" for all hosts`)
		}
	}
	return nil
}

// Asks are the kinds of facts that s goes by: see [Fact].
func (s HostSet) Asks() (what []string) {
	for _, m := range s {
		if len(m.Names) > 0 {
			what = append(what, FactName)
		}
		for key := range m.Tags {
			what = append(what, factTag+key)
		}
	}
	return union(what)
}

// Facts are what is known of the hosts of those kinds, host by host. A tag that a host does not have is empty.
func (h KnownHosts) Facts(hosts, kinds []string) (out []Fact) {
	for _, id := range hosts {
		for _, kind := range kinds {
			host := h.Of(id)
			value := host.Name
			if key, is := strings.CutPrefix(kind, factTag); is {
				value = host.Tags[key]
			}
			out = append(out, Fact{Host: id, What: kind, Value: value})
		}
	}
	return out
}

// The kinds of facts: a host's name, and its tag of a key that follows.
const (
	FactName = "name"
	factTag  = "tag "
)

// PlainHosts are hosts that are meant by patterns over their ids.
func PlainHosts(patterns ...string) HostSet {
	var s HostSet
	for _, p := range patterns {
		s = append(s, HostMatch{ID: p})
	}
	return s
}

// Patterns are those of the matches that go by the id; whole if all do.
func (s HostSet) Patterns() (ids []string, whole bool) {
	for _, m := range s {
		if m.byID() {
			ids = append(ids, m.ID)
		}
	}
	return ids, len(ids) == len(s)
}

func (m HostMatch) byID() bool { return m.ID != "" }

func (m HostMatch) fits(h Host) bool {
	for key, values := range m.Tags {
		is, has := h.Tags[key]
		if !has || !slices.ContainsFunc(strings.Split(is, "\n"), func(value string) bool { return slices.Contains(values, value) }) {
			return false
		}
	}
	return len(m.Names) == 0 || slices.ContainsFunc(m.Names, func(p string) bool { return globbed(p, h.Name) })
}

// globbed is path.Match, with a * that stands for a slash, too: a name may hold one.
func globbed(pattern, s string) bool {
	flat := strings.NewReplacer("/", "\x00")
	ok, err := path.Match(flat.Replace(pattern), flat.Replace(s))
	return ok && err == nil
}

// String is the match as people read it: a pattern, or "tags env=prod, role=web or api; name web-*".
func (m HostMatch) String() string {
	if m.byID() {
		return m.ID
	}
	var parts, tags []string
	for _, key := range slices.Sorted(maps.Keys(m.Tags)) {
		tags = append(tags, key+"="+strings.Join(m.Tags[key], " or "))
	}
	if len(tags) > 0 {
		parts = append(parts, "tags "+strings.Join(tags, ", "))
	}
	if len(m.Names) > 0 {
		parts = append(parts, "name "+strings.Join(m.Names, " or "))
	}
	return strings.Join(parts, "; ")
}

// MarshalJSON writes a pattern alone as a string, as records always have.
func (m HostMatch) MarshalJSON() ([]byte, error) {
	if m.byID() {
		return json.Marshal(m.ID)
	}
	type plain HostMatch
	return json.Marshal(plain(m))
}

// UnmarshalJSON reads either.
func (m *HostMatch) UnmarshalJSON(in []byte) error {
	if len(in) > 0 && in[0] == '"' {
		*m = HostMatch{}
		return json.Unmarshal(in, &m.ID)
	}
	type plain HostMatch
	return json.Unmarshal(in, (*plain)(m))
}
