package bmtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// asks reads the fields of a call of TAT or CVM one by one, and keeps the first thing that is wrong with them.
type asks struct {
	r     request
	read  map[string]bool
	wrong *answer
}

func (r request) asks() *asks { return &asks{r: r, read: map[string]bool{}} }

func word(code, format string, args ...any) *answer {
	return &answer{word: code, message: fmt.Sprintf(format, args...)}
}

func (a *asks) refuse(code, format string, args ...any) {
	if a.wrong == nil {
		a.wrong = word(code, format, args...)
	}
}

// done is what is wrong; a field that no code has read is.
func (a *asks) done() *answer {
	for name := range a.r.fields {
		if !a.read[name] {
			a.refuse("UnknownParameter", "unknown parameter %s", name)
		}
	}
	return a.wrong
}

func (a *asks) field(name string) (any, bool) {
	a.read[name] = true
	v, ok := a.r.fields[name]
	return v, ok
}

func (a *asks) must(names ...string) {
	for _, name := range names {
		if _, ok := a.r.fields[name]; !ok {
			a.refuse("MissingParameter", "%s is missing", name)
		}
	}
}

// value reads a field of one type; otherwise if it is absent.
func value[T any](a *asks, name string, otherwise T) T {
	v, ok := a.field(name)
	if !ok {
		return otherwise
	}
	is, ok := v.(T)
	if !ok {
		a.refuse("InvalidParameter", "%s is not of its type", name)
	}
	return is
}

func (a *asks) text(name string) string { return value(a, name, "") }

func (a *asks) number(name string, otherwise int) int {
	n, err := strconv.Atoi(value(a, name, json.Number(strconv.Itoa(otherwise))).String())
	if err != nil {
		a.refuse("InvalidParameter", "%s is not a whole number", name)
	}
	return n
}

func (a *asks) texts(name string) (all []string) {
	for _, v := range value(a, name, []any(nil)) {
		text, ok := v.(string)
		if !ok {
			a.refuse("InvalidParameter", "%s holds something that is not a string", name)
		}
		all = append(all, text)
	}
	return all
}

// ids are texts, at most so many, each with one of the prefixes.
func (a *asks) ids(name string, most int, invalid string, prefixes ...string) []string {
	all := a.texts(name)
	if len(all) > most {
		a.refuse("InvalidParameterValue.LimitExceeded", "%s holds %d; at most %d are taken", name, len(all), most)
	}
	for _, id := range all {
		if !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(id, p) && len(id) > len(p) }) {
			a.refuse(invalid, "%s holds %q, which does not begin with %s", name, id, strings.Join(prefixes, " or "))
		}
	}
	return all
}

// page is the part of a list that is asked for.
func (a *asks) page(most int) page {
	p := page{offset: a.number("Offset", 0), limit: a.number("Limit", 20)}
	if p.offset < 0 || p.limit < 1 || p.limit > most {
		a.refuse("InvalidParameterValue", "Offset begins at 0, and Limit is 1 to %d", most)
	}
	return p
}

type filter struct {
	name   string
	values []string
}

// filters reads Filters. Of known, "tag:" means any name that begins with it.
func (a *asks) filters(known ...string) (all []filter) {
	const invalid = "InvalidParameterValue.InvalidFilter"
	list := value(a, "Filters", []any(nil))
	if len(list) > 10 {
		a.refuse(invalid, "there are %d filters; at most 10 are taken", len(list))
	}
	for _, v := range list {
		is, _ := v.(map[string]any)
		one := asks{r: request{fields: is}, read: map[string]bool{}}
		f := filter{one.text("Name"), one.texts("Values")}
		if wrong := one.done(); wrong != nil || f.name == "" || len(f.values) == 0 {
			a.refuse(invalid, "a filter has a Name and some Values, which are strings, and nothing else")
		}
		if len(f.values) > 5 {
			a.refuse("LimitExceeded.FilterValueExceeded", "the filter %s has %d values; at most 5 are taken", f.name, len(f.values))
		}
		if tag, ok := strings.CutPrefix(f.name, "tag:"); !slices.Contains(known, f.name) && (!ok || tag == "" || !slices.Contains(known, "tag:")) {
			a.refuse(invalid, "unknown filter %q; known: %s", f.name, strings.Join(known, ", "))
		}
		all = append(all, f)
	}
	return all
}

// either refuses ids together with filters.
func (a *asks) either(ids []string, filters []filter) {
	if len(ids) > 0 && len(filters) > 0 {
		a.refuse("InvalidParameter.ConflictParameter", "ids and Filters are never sent together")
	}
}

// passes reports whether every filter has a value that is among those that the row has under its name.
func passes(filters []filter, row func(name string) []string) bool {
	for _, f := range filters {
		has := row(f.name)
		if !slices.ContainsFunc(f.values, func(v string) bool { return slices.Contains(has, v) }) {
			return false
		}
	}
	return true
}

// named is passes for a name, of which no document says whether a part of it is enough.
func (s *Server) named(f filter, name string) bool {
	return slices.ContainsFunc(f.values, func(v string) bool { return v == name || !s.exactNames && strings.Contains(name, v) })
}
