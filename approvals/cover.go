package approvals

import (
	"path"
	"slices"
	"strings"
)

// mostCompared bounds how long [IDForm.Covers] looks, in sets of places.
const mostCompared = 2000

// Covers reports whether each id that the narrow pattern matches is matched by one of the
// wide ones, too. It is never wrong when it says yes; it may say no of patterns that take
// too long to compare.
func (f IDForm) Covers(wide []string, narrow string) bool {
	if slices.Contains(wide, narrow) || slices.Contains(wide, "*") {
		return true
	}
	if !strings.ContainsAny(narrow, `*?[\`) {
		return slices.ContainsFunc(wide, func(w string) bool { ok, err := path.Match(w, narrow); return ok && err == nil })
	}
	all := [][]string{f.takers(narrow)}
	for _, w := range wide {
		if f.Meet(w, narrow) {
			all = append(all, f.takers(w))
		}
	}
	return len(all) > 1 && !f.escapes(all)
}

// takers are what each part of a pattern takes; "*" stands for a star.
func (f IDForm) takers(pattern string) []string {
	parts := globParts(pattern)
	for i, p := range parts {
		if p != "*" {
			parts[i] = f.takes(p)
		}
	}
	return parts
}

// reading is how far all ids with one beginning have been read: where each pattern may
// have come to, as one byte for each of its places.
type reading struct {
	at   place
	come [][]byte
}

// escapes looks for an id that the first pattern matches and no other does, byte by byte
// for all ids at once.
func (f IDForm) escapes(patterns [][]string) bool {
	begin := reading{come: make([][]byte, len(patterns))}
	for i, p := range patterns {
		begin.come[i] = make([]byte, len(p)+1)
		come(p, begin.come[i], 0)
	}
	seen := map[string]bool{}
	for next := []reading{begin}; len(next) > 0; next = next[1:] {
		r := next[0]
		over := func(come []byte) bool { return come[len(come)-1] == 1 }
		if f.whole(r.at) && over(r.come[0]) && !slices.ContainsFunc(r.come[1:], over) || len(seen) > mostCompared {
			return true
		}
		for _, c := range []byte(f.ends + f.inside) {
			after, ok := f.read(patterns, r, c)
			if key := after.key(); ok && !seen[key] {
				seen[key] = true
				next = append(next, after)
			}
		}
	}
	return false
}

// read is r one byte on; not ok if no id that the first pattern matches goes on so.
func (f IDForm) read(patterns [][]string, r reading, c byte) (after reading, ok bool) {
	if after.at, ok = f.step(r.at, c); !ok {
		return after, false
	}
	after.at.n = min(after.at.n, len(scriptStart)+1) // how long an id may be is left out
	for i, p := range patterns {
		now := make([]byte, len(p)+1)
		for j, part := range p {
			switch {
			case r.come[i][j] == 0:
			case part == "*":
				come(p, now, j)
			case strings.IndexByte(part, c) >= 0:
				come(p, now, j+1)
			}
		}
		after.come = append(after.come, now)
	}
	return after, slices.Contains(after.come[0], 1)
}

// come marks a place in a pattern, and those behind it that a star of no length leads to.
func come(pattern []string, places []byte, j int) {
	places[j] = 1
	for ; j < len(pattern) && pattern[j] == "*"; j++ {
		places[j+1] = 1
	}
}

func (r reading) key() string {
	key := []byte{byte(r.at.n), byte(r.at.cmd + 1), 0}
	if r.at.open {
		key[2] = 1
	}
	return string(slices.Concat(append([][]byte{key}, r.come...)...))
}
