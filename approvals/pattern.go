package approvals

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckPattern is nil if some id of this form matches the pattern, a shell glob
// ([path.Match]) over the whole id. A pattern that no id matches would be worse than an
// error: the rule it belongs to never applies, and a weaker one behind it does. The
// error says what in it stands in no id, at which character, and what was meant.
func (f IDForm) CheckPattern(pattern string) error {
	if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
		return fmt.Errorf("this is not a pattern: %s", globHint)
	}
	if len(pattern) > longestPattern {
		return fmt.Errorf("this pattern has %d bytes, more than I read (%d); %s", len(pattern), longestPattern, globHint)
	}
	parts := globParts(pattern)
	if f.example(parts) != "" {
		return nil
	}
	at := 1
	for _, p := range parts {
		if p != "*" && f.takes(p) == "" {
			return fmt.Errorf("no id matches this pattern: %s at character %d stands in no id; %s", named(p), at, f.meant(p))
		}
		at += utf8.RuneCountInString(p)
	}
	hint := "write the whole id, or a * where it goes on"
	if f.what == HostID.what && HostID.example(globParts(strings.TrimPrefix(pattern, scriptStart))) != "" {
		hint = "scripts belong under scripts"
	}
	return fmt.Errorf("no id matches this pattern: %s; %s", f.rule, hint)
}

const (
	longestPattern = 512 // bytes
	globHint       = "use * ? and [a-z], one pattern an item"
)

// OddPattern says what in a pattern that ids do match was most likely meant otherwise,
// or answers "".
func (f IDForm) OddPattern(pattern string) string {
	for _, p := range globParts(pattern) {
		if p[0] == '\\' {
			return `a \ takes the next character as it stands, and ids need none; in a pattern, [0-9] is a digit`
		}
		if p[0] == '[' && !f.plainClass(strings.TrimPrefix(p[1:len(p)-1], "^")) {
			return "[…] is one character, and this one has more than single characters of ids and ranges such as 0-9 or a-f; write several patterns as several items"
		}
	}
	return ""
}

// plainClass reports whether a class is what its writer most likely meant: not [1-10],
// which is 0 or 1, not [db|web] or [A-z].
func (f IDForm) plainClass(inside string) bool {
	isDigit := func(c byte) bool { return c >= '0' && c <= '9' }
	for i := 0; i < len(inside); i++ {
		from := inside[i]
		if strings.IndexByte(f.ends, from) < 0 {
			return false
		}
		if i+2 >= len(inside) || inside[i+1] != '-' {
			continue
		}
		i += 2
		to := inside[i]
		if strings.IndexByte(f.ends, to) < 0 || from >= to || isDigit(from) != isDigit(to) || isDigit(to) && i+1 < len(inside) && isDigit(inside[i+1]) {
			return false
		}
	}
	return true
}

// Meet reports whether an id may match both patterns. It is never wrong when it says no.
func (f IDForm) Meet(a, b string) bool {
	as, bs := globParts(a), globParts(b)
	// meet[j] says whether what is left of a, from the part in hand on, and of b from j on
	// have a text in common. It is filled from the ends.
	meet := make([]bool, len(bs)+1)
	for i := len(as); i >= 0; i-- {
		after := meet // as for the part of a behind this one
		meet = make([]bool, len(bs)+1)
		for j := len(bs); j >= 0; j-- {
			switch {
			case i == len(as) && j == len(bs):
				meet[j] = true
			case i < len(as) && as[i] == "*":
				meet[j] = after[j] || j < len(bs) && meet[j+1]
			case j < len(bs) && bs[j] == "*":
				meet[j] = meet[j+1] || i < len(as) && after[j]
			case i < len(as) && j < len(bs):
				meet[j] = after[j+1] && strings.ContainsAny(f.takes(as[i]), f.takes(bs[j]))
			}
		}
	}
	return meet[0]
}

// globParts takes a sound pattern apart: * ? classes, and single characters, which may
// have a \ before them.
func globParts(pattern string) []string {
	var parts []string
	for pattern != "" {
		n := 0
		switch pattern[0] {
		case '\\':
			_, n = utf8.DecodeRuneInString(pattern[1:])
			n++
		case '[':
			for n = 1; pattern[n] != ']'; n++ {
				if pattern[n] == '\\' {
					n++
				}
			}
			n++
		default:
			_, n = utf8.DecodeRuneInString(pattern)
		}
		parts = append(parts, pattern[:n])
		pattern = pattern[n:]
	}
	return parts
}

// takes are the bytes of ids that one part of a pattern matches.
func (f IDForm) takes(part string) string {
	if part == "*" {
		part = "?"
	}
	return strings.Map(func(r rune) rune {
		if ok, err := path.Match(part, string(r)); ok && err == nil {
			return r
		}
		return -1
	}, f.ends+f.inside)
}

// example is a shortest id that the parts match, or empty.
func (f IDForm) example(parts []string) string {
	type step struct {
		part int
		at   place
	}
	type way struct {
		step
		id string
	}
	seen := map[step]bool{}
	for next := []way{{}}; len(next) > 0; next = next[1:] {
		now := next[0]
		if seen[now.step] {
			continue
		}
		seen[now.step] = true
		if now.part == len(parts) {
			if f.whole(now.at) {
				return now.id
			}
			continue
		}
		then := now.part + 1
		if parts[now.part] == "*" {
			next = append(next, way{step{then, now.at}, now.id})
			then = now.part
		}
		for _, c := range []byte(f.takes(parts[now.part])) {
			if at, ok := f.step(now.at, c); ok {
				next = append(next, way{step{then, at}, now.id + string(rune(c))})
			}
		}
	}
	return ""
}

// named is a part of a pattern for people.
func named(part string) string {
	r, _ := utf8.DecodeRuneInString(part)
	switch {
	case part[0] == '[':
		return "the […]"
	case r == ' ':
		return "a blank"
	case r < utf8.RuneSelf && unicode.IsPrint(r):
		return part
	case unicode.IsPrint(r):
		return fmt.Sprintf("%c (U+%04X)", r, r)
	}
	return fmt.Sprintf("U+%04X", r)
}

// meant says what to write instead of a part that matches nothing.
func (f IDForm) meant(part string) string {
	r, _ := utf8.DecodeRuneInString(part)
	switch {
	case strings.ContainsRune(" \t,;，、；", r):
		return "write one pattern an item"
	case strings.ContainsRune("{}()|", r):
		return "write one pattern an item, or [1-3] for one character of several"
	case strings.ContainsRune(".+^$", r):
		return "this is not a regular expression: it is for the whole id, and * stands for any characters"
	case strings.ContainsRune("%#", r):
		return "* stands for any characters, ? for one"
	case strings.ContainsRune("\"'`“”„‘’«»", r):
		return "remove the quotes inside the quotes"
	case r != '-' && unicode.Is(unicode.Dash, r):
		return "write a plain -"
	case strings.ContainsRune(f.ends, unicode.ToLower(r)):
		return "ids have small letters only"
	case unicode.Is(unicode.Cf, r):
		return "it cannot be seen, so type the pattern again by hand"
	}
	return f.rule
}
