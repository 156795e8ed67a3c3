package config

import (
	"reflect"

	"github.com/goccy/go-yaml/ast"

	"github.com/bmcmd/bmcmd/approvals"
)

// hosts reads a list of patterns over ids and of mappings with tags and names, or one such mapping alone.
func (d *decoder) hosts(n ast.Node, path string, to *approvals.HostSet) {
	if _, alone := pairsOf(n); alone {
		*to = approvals.HostSet{d.hostMatch(n, path)}
		return
	}
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.breaks(path, "this must be a list of patterns, or keys tags and names; write the list in [ ] or as lines that begin with -")
		return
	}
	*to = approvals.HostSet{}
	for i, v := range seq.Values {
		at := item(path, i)
		d.lines[at] = lineOf(v, d.line(path))
		m := approvals.HostMatch{}
		if _, keys := pairsOf(v); keys {
			m = d.hostMatch(v, at)
		} else {
			d.value(v, at, reflect.ValueOf(&m.ID).Elem())
		}
		*to = append(*to, m)
	}
}

func (d *decoder) hostMatch(n ast.Node, path string) (m approvals.HostMatch) {
	known := len(d.errs)
	d.mapping(n, path, reflect.ValueOf(&m).Elem())
	if len(d.errs) > known {
		d.faulty[path] = true // said; what is left of it means nothing
	}
	return m
}

// tags reads keys of any name, each with one value or a list.
func (d *decoder) tags(n ast.Node, path string, to *map[string][]string) {
	pairs, ok := pairsOf(n)
	if !ok {
		d.breaks(path, "this must be keys with values, such as {env: prod, role: [web, api]}")
		return
	}
	*to = map[string][]string{}
	for i, pair := range pairs {
		key, ok := keyOf(pair.Key)
		at := item(path, i) // not the key: it may be a secret in a wrong place
		d.lines[at] = lineOf(pair.Key, d.line(path))
		if _, twice := (*to)[key]; !ok || key == "" || twice || pair.Key.IsMergeKey() {
			d.breaks(path, "a tag's key must be text, in quotes if it looks like something else, and stand there once")
			continue
		}
		var values []string
		if _, list := pair.Value.(*ast.SequenceNode); list {
			d.value(pair.Value, at, reflect.ValueOf(&values).Elem())
		} else {
			values = make([]string, 1)
			d.value(pair.Value, at, reflect.ValueOf(&values[0]).Elem())
		}
		(*to)[key] = values
	}
}

// hostSet puts what is wrong with an item on its line: it is a rule or login that never applies.
func (d *decoder) hostSet(at string, s approvals.HostSet) {
	for i, m := range s {
		where := item(at, i)
		if len(s) == 1 && !d.has(where) {
			where = at // one mapping alone
		}
		if err := m.Check(); err != nil {
			d.fault(where, err.Error())
		} else if odd := approvals.HostID.OddPattern(m.ID); m.ID != "" && odd != "" {
			d.warn(where, odd)
		}
	}
}
