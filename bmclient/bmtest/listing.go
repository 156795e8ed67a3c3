package bmtest

import (
	"cmp"
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// page is what a list is asked for.
type page struct {
	offset, limit int
	orderBy       string
	ascending     bool
	search        string
}

// page2 reads what a list of API 2.0 is asked for: text, with defaults.
func (r request) page2(mostRows int, orders ...string) (page, *answer) {
	p := page{limit: 20, search: r.params["searchKey"]}
	for name, into := range map[string]*int{"offset": &p.offset, "limit": &p.limit} {
		if v, ok := r.params[name]; ok {
			n, err := strconv.Atoi(v)
			if err != nil {
				return p, reason(10001, "%s is not a number", name)
			}
			*into = n
		}
	}
	p.orderBy = r.params["orderBy"]
	switch r.params["orderType"] {
	case "", "1":
	case "0":
		p.ascending = true
	default:
		return p, reason(18022, "orderType is 0 or 1")
	}
	return p.checked(mostRows, orders)
}

// page3 reads what a list of API 3.0 is asked for: numbers that are numbers.
func (r request) page3(mostRows int, required bool, orders ...string) (page, *answer) {
	p := page{limit: 20}
	order := 1
	for name, into := range map[string]*int{"Offset": &p.offset, "Limit": &p.limit, "Order": &order} {
		if wrong := r.number3(name, into, required && name != "Order"); wrong != nil {
			return p, wrong
		}
	}
	for name, into := range map[string]*string{"OrderField": &p.orderBy, "SearchKey": &p.search} {
		if _, ok := r.fields[name]; !ok {
			continue
		}
		v, wrong := r.text3(name)
		if wrong != nil {
			return p, wrong
		}
		*into = v
	}
	if order != 0 && order != 1 {
		return p, reason(10001, "Order is 0 or 1")
	}
	p.ascending = order == 0
	return p.checked(mostRows, orders)
}

// checked refuses what the documents do not offer. Orders are compared without case: 2.0 and 3.0 write them differently.
func (p page) checked(mostRows int, orders []string) (page, *answer) {
	switch {
	case p.offset < 0:
		return p, reason(10001, "the offset is negative")
	case p.limit < 1 || p.limit > mostRows:
		return p, reason(10001, "the limit is 1 to %d", mostRows)
	}
	p.orderBy = strings.ToLower(p.orderBy)
	if p.orderBy != "" && !slices.Contains(orders, p.orderBy) {
		return p, reason(18021, "%s; there are %s", p.orderBy, strings.Join(orders, ", "))
	}
	return p, nil
}

// found is the API's fuzzy search, as a part of any of the words.
func found(search string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, search) })
}

// listScripts is the list of scripts; 3.0 lists a single one by its id.
func (s *Server) listScripts(cmdID string, p page) (int, []Script) {
	rows := slices.DeleteFunc(slices.SortedFunc(maps.Values(s.scripts), func(a, b Script) int { return cmp.Compare(a.CmdID, b.CmdID) }),
		func(sc Script) bool { return cmdID != "" && sc.CmdID != cmdID || !found(p.search, sc.CmdID, sc.Alias) })
	rows = sorted(rows, p, func(a, b Script) int {
		switch p.orderBy {
		case "ostype":
			return cmp.Compare(a.OSType, b.OSType)
		case "modifytime":
			return a.Modified.Compare(b.Modified)
		}
		return a.Created.Compare(b.Created)
	})
	return cut(rows, p, Listing{})
}

// encoded is how contents, parameters and outputs go out.
func (s *Server) encoded(b []byte) string {
	if s.plainContent {
		return string(b)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// stamp is a time as both versions write it; empty for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(chinaTime).Format(time.DateTime)
}

// cut gives one page of rows that are in order, and how many there are.
func cut[T any](rows []T, p page, l Listing) (int, []T) {
	if l.OutOfOrder {
		slices.Reverse(rows)
	}
	if l.Twice {
		var twice []T
		for _, r := range rows {
			twice = append(twice, r, r)
		}
		rows = twice
	}
	from := min(p.offset, len(rows))
	return len(rows), rows[from:min(from+p.limit, len(rows))]
}

// sorted puts rows in order, newest first unless it is asked for otherwise. Rows of the same time stay in the order of their making.
func sorted[T any](rows []T, p page, by func(a, b T) int) []T {
	slices.SortStableFunc(rows, func(a, b T) int {
		if p.ascending {
			return by(a, b)
		}
		return by(b, a)
	})
	return rows
}

// listTasks is the list of tasks: one more call that lists.
func (s *Server) listTasks(p page) (int, []*task) {
	s.taskLists++
	rows := sorted(s.known(), p, func(a, b *task) int {
		switch p.orderBy {
		case "status":
			return cmp.Compare(statusOf(a), statusOf(b))
		case "runendtime":
			return endOf(a).Compare(endOf(b))
		}
		return a.begun.Compare(b.begun)
	})
	return cut(rows, p, s.listing)
}

func statusOf(t *task) int {
	status, _, _, _ := t.state()
	return status
}

func endOf(t *task) time.Time {
	_, _, _, ended := t.state()
	return ended
}

// listHosts is the list of a task's hosts; false where the API knows no such task.
func (s *Server) listHosts(id string, p page) (int, []*hostRun, bool) {
	for _, t := range s.known() {
		if t.id != id {
			continue
		}
		rows := slices.DeleteFunc(slices.Clone(t.hosts), func(h *hostRun) bool { return !found(p.search, h.host.id, h.host.name()) })
		rows = sorted(rows, p, func(a, b *hostRun) int {
			switch p.orderBy {
			case "status":
				return cmp.Compare(a.status, b.status)
			case "runendtime":
				return a.ended.Compare(b.ended)
			}
			return a.begun.Compare(b.begun)
		})
		total, rows := cut(rows, p, Listing{})
		return total, rows, true
	}
	return 0, nil, false
}
