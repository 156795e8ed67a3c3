package main

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// earlier is what an export had of a request. All of it has to be there still: events and
// refused clicks are only added.
type earlier struct {
	n      int    // events
	last   string // the hash of the last of them
	at     time.Time
	clicks int
	click  string // the hash of the last of those
	seen   bool
}

// missing says what of e is not in p.
func (e *earlier) missing(p past) string {
	switch {
	case len(p.events) < e.n:
		return fmt.Sprintf("the earlier export has %s of it, and here are %d: an older copy was put back, or some were removed", counted(e.n, "event"), len(p.events))
	case p.events[e.n-1].Hash != e.last:
		return fmt.Sprintf("event %d is not the one that the earlier export has: its chain was made anew", e.n)
	case len(p.clicks) < e.clicks, e.clicks > 0 && p.clicks[e.clicks-1].Hash != e.click:
		return "its refused clicks are not those that the earlier export has"
	}
	return ""
}

// prepare reads the files that verify looks with.
func (v *verdict) prepare(a *audit) (err error) {
	if v.key, err = publicKey(a.key); err != nil {
		return err
	}
	if a.key != "" && a.from == "" && a.against == "" {
		return errors.New("--key is for an export; name it with --from or --against")
	}
	if a.against == "" {
		return nil
	}
	in, err := os.Open(a.against)
	if err != nil {
		return fmt.Errorf("the earlier export cannot be opened: %w; correct its path or its mode", err)
	}
	defer in.Close()
	bad := 0
	v.before = map[string]*earlier{}
	signed, err := readExport(in, v.key, func(finding) { bad++ }, func(first exportLine) { v.earlier = first }, func(p past) {
		bad += len(check(p))
		if len(p.events) == 0 {
			return
		}
		e := &earlier{n: len(p.events), last: p.last(), at: p.events[len(p.events)-1].At, clicks: len(p.clicks)}
		if e.clicks > 0 {
			e.click = p.clicks[e.clicks-1].Hash
		}
		v.before[p.id] = e
	})
	if err == nil && bad > 0 {
		err = fmt.Errorf("the earlier export does not hold itself; look at it with --from %s first", a.against)
	}
	v.held = fmt.Sprintf(", held against an export of %s, %s", utc(v.earlier.At), signed)
	return err
}

// of notes whose requests are looked at.
func (v *verdict) of(workspace string) error {
	if v.before != nil && v.earlier.Workspace != workspace {
		return fmt.Errorf("the earlier export is of workspace %s, and this is %s; name one of the same", v.earlier.Workspace, workspace)
	}
	return nil
}
