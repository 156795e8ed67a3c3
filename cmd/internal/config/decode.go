package config

import (
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml/ast"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

const (
	defaultQuorum   = 1
	defaultLifetime = 30 * time.Minute
)

// decoder fills Go values from YAML nodes and goes on after each problem.
type decoder struct {
	report
	places []Place
}

func newDecoder(file string) *decoder {
	return &decoder{report: report{
		file: file, lines: map[string]int{}, faulty: map[string]bool{}, broken: map[string]bool{},
	}}
}

// value reads n, which stands at path, into dst.
func (d *decoder) value(n ast.Node, path string, dst reflect.Value) {
	if d.indirect(n, path) {
		return
	}
	switch to := dst.Addr().Interface().(type) {
	case *vault.Ref:
		d.ref(n, path, to)
	case *time.Duration:
		d.duration(n, path, to)
	case *slog.Level:
		d.level(n, path, to)
	case *approvals.Who:
		d.who(n, path, to)
	case *approvals.HostSet:
		d.hosts(n, path, to)
	case *map[string][]string:
		d.tags(n, path, to)
	case *approvals.Rule:
		to.Quorum, to.Lifetime = defaultQuorum, defaultLifetime
		d.mapping(n, path, dst)
	case *string:
		d.text(n, path, to)
	case *bool:
		d.truth(n, path, to)
	case *int:
		d.number(n, path, to)
	default:
		if dst.Kind() == reflect.Slice {
			d.list(n, path, dst)
			return
		}
		d.mapping(n, path, dst)
	}
}

// indirect refuses what is no value by itself.
func (d *decoder) indirect(n ast.Node, path string) bool {
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode:
		d.breaks(path, "anchors (&) and aliases (*) are not taken; write the value out, in quotes if it begins with & or *")
	case *ast.TagNode:
		d.breaks(path, "tags (!) are not taken; write the value without one, in quotes if it begins with !")
	default:
		return false
	}
	return true
}

func (d *decoder) mapping(n ast.Node, path string, dst reflect.Value) {
	pairs, ok := pairsOf(n)
	fields := fieldsOf(dst.Type())
	if !ok {
		d.breaks(path, "this must be keys with values; the keys are "+strings.Join(names(fields), ", "))
		return
	}
	seen, slips := map[string]int{}, map[string]bool{}
	for _, pair := range pairs {
		line := lineOf(pair.Key, d.line(path))
		name, ok := keyOf(pair.Key)
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		switch {
		case pair.Key.IsMergeKey():
			d.add(line, path, "merge keys (<<) are not taken; write the keys out")
		case !ok || i < 0:
			d.add(line, path, unknown(name, path, names(fields)))
			slips[nearest(name, names(fields))] = true
		case seen[name] != 0:
			d.add(line, child(path, name), "this key is given twice, first on line "+strconv.Itoa(seen[name])+"; keep one")
		default:
			seen[name] = line
			d.lines[child(path, name)] = line
			d.value(pair.Value, child(path, name), dst.Field(fields[i].index))
		}
	}
	for _, f := range fields {
		switch {
		case seen[f.name] != 0:
		case slips[f.name]: // said already, with the key that was meant
			d.broken[child(path, f.name)] = true
		case f.need != "":
			d.breaks(child(path, f.name), "this is missing; "+f.need)
		}
	}
}

func pairsOf(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

func keyOf(n ast.MapKeyNode) (string, bool) {
	s, ok := n.(*ast.StringNode)
	if !ok {
		return "", false
	}
	return s.Value, true
}

// field is a key that a struct knows.
type field struct {
	name  string
	need  string // what to write, if the key must be there
	index int
}

func fieldsOf(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("yaml")
		if name == "" || name == "-" {
			continue
		}
		need := f.Tag.Get("need")
		if inner := neededIn(f.Type); need != "" && inner != "" {
			need += ", with " + inner
		}
		out = append(out, field{name, need, i})
	}
	return out
}

// neededIn names the keys that a section cannot do without.
func neededIn(t reflect.Type) string {
	if t.Kind() != reflect.Struct {
		return ""
	}
	var out []string
	for _, f := range fieldsOf(t) {
		if f.need != "" {
			out = append(out, f.name)
		}
	}
	return strings.Join(out, ", ")
}

func names(fields []field) []string {
	var out []string
	for _, f := range fields {
		out = append(out, f.name)
	}
	return out
}

func (d *decoder) list(n ast.Node, path string, dst reflect.Value) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.breaks(path, "this must be a list; write it in [ ] or as lines that begin with -")
		return
	}
	out := reflect.MakeSlice(dst.Type(), len(seq.Values), len(seq.Values))
	for i, v := range seq.Values {
		d.lines[item(path, i)] = lineOf(v, d.line(path))
		d.value(v, item(path, i), out.Index(i))
	}
	dst.Set(out)
}

func (d *decoder) text(n ast.Node, path string, to *string) {
	s, ok := stringOf(n)
	switch {
	case !ok && n.Type() == ast.NullType:
		d.breaks(path, "there is no value; write one, or remove the key if it can be left out")
	case !ok && scalar(n):
		d.breaks(path, "this must be text; put it in quotes")
	case !ok:
		d.breaks(path, "this must be one text, not a list or keys")
	case strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		d.breaks(path, "this holds a line end or a character that cannot be seen; type it again on one line")
	case strings.TrimSpace(s) != s:
		d.breaks(path, "this begins or ends with a space; remove it")
	default:
		*to = s
	}
}

func stringOf(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	}
	return "", false
}

func scalar(n ast.Node) bool {
	_, ok := n.(ast.ScalarNode)
	return ok
}

func (d *decoder) truth(n ast.Node, path string, to *bool) {
	b, ok := n.(*ast.BoolNode)
	if !ok {
		d.breaks(path, "this must be true or false, without quotes")
		return
	}
	*to = b.Value
}

// number takes plain decimal digits: 010 and 0x10 mean different things to
// different readers.
func (d *decoder) number(n ast.Node, path string, to *int) {
	node, ok := n.(*ast.IntegerNode)
	if ok {
		v, err := strconv.Atoi(node.Token.Value)
		if err == nil && strconv.Itoa(v) == node.Token.Value {
			*to = v
			return
		}
	}
	d.breaks(path, "this must be a whole number such as 1, without quotes")
}
