package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Problem is one thing that is wrong in a file.
type Problem struct {
	File string
	Line int    // from 1
	Key  string // such as "bm.read_key.id"; empty for the file as a whole
	Text string // what is wrong; what was meant. Never a value of the file
}

func (p Problem) String() string {
	if p.Key == "" {
		return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)
	}
	return fmt.Sprintf("%s:%d: %s: %s", p.File, p.Line, p.Key, p.Text)
}

// Problems is everything that is wrong in a file, by line.
type Problems []Problem

func (p Problems) Error() string { return strings.Join(p.lines(), "\n") }

func (p Problems) lines() []string {
	var out []string
	for _, one := range p {
		out = append(out, one.String())
	}
	return out
}

// report collects problems. A place in the file is a path such as
// "rules[0].ask.users[1]".
type report struct {
	file   string
	lines  map[string]int  // where each key and list item stands
	faulty map[string]bool // paths that have a problem already
	broken map[string]bool // paths whose value could not be read at all
	errs   Problems
	warns  Problems
}

// add reports at a line, whatever was reported before.
func (r *report) add(line int, path, text string) {
	r.errs = append(r.errs, Problem{r.file, line, plain(path), text})
}

// fault reports the first problem of a path. Later ones, and those of anything
// inside a value that could not be read, would only repeat it.
func (r *report) fault(path, text string) {
	if !r.sound(path) {
		return
	}
	r.faulty[path] = true
	r.add(r.line(path), path, text)
}

// breaks reports a value that could not be read.
func (r *report) breaks(path, text string) {
	r.fault(path, text)
	r.broken[path] = true
}

func (r *report) faultIf(wrong bool, path, text string) {
	if wrong {
		r.fault(path, text)
	}
}

func (r *report) warn(path, text string) {
	if r.sound(path) {
		r.warns = append(r.warns, Problem{r.file, r.line(path), plain(path), text})
	}
}

// sound reports whether nothing is known to be wrong with the paths, so that
// their values may be compared.
func (r *report) sound(paths ...string) bool {
	for _, path := range paths {
		if r.faulty[path] || r.broken[""] {
			return false
		}
		for p := path; p != ""; p = parent(p) {
			if r.broken[p] {
				return false
			}
		}
	}
	return true
}

// soundBelow is sound for the paths and everything inside them.
func (r *report) soundBelow(paths ...string) bool {
	for _, path := range paths {
		for bad := range r.faulty {
			if strings.HasPrefix(bad+".", path+".") || strings.HasPrefix(bad, path+"[") {
				return false
			}
		}
	}
	return r.sound(paths...)
}

// has reports whether the path stands in the file.
func (r *report) has(path string) bool { return r.lines[path] != 0 }

// line is where path stands, or what it belongs to.
func (r *report) line(path string) int {
	for ; path != ""; path = parent(path) {
		if n, ok := r.lines[path]; ok {
			return n
		}
	}
	return 1
}

func sorted(p Problems) Problems {
	slices.SortStableFunc(p, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return p
}

func parent(path string) string { return path[:max(0, strings.LastIndexAny(path, ".["))] }

func child(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func item(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// plain is a path as people read it: without list positions, since the line says
// which item, but for the last.
func plain(path string) string {
	last := ""
	if i := strings.LastIndex(path, "["); strings.HasSuffix(path, "]") {
		n, _ := strconv.Atoi(path[i+1 : len(path)-1])
		last = fmt.Sprintf(" item %d", n+1)
	}
	var b strings.Builder
	for _, part := range strings.Split(path, "[") {
		if _, after, ok := strings.Cut(part, "]"); ok {
			part = after
		}
		b.WriteString(part)
	}
	return b.String() + last
}
