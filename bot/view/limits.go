package view

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What Slack takes. Characters are counted as Slack seems to: UTF-16 units, with
// & < > as long as their entities.
const (
	maxText    = 4000
	maxHeader  = 150
	maxContext = 1500 // a text in small type
	maxConfirm = 300  // the text of a confirm dialog
	maxURL     = 500  // as we show them

	maxCost     = 12000 // of a whole message, see the package comment
	blockCost   = 100   // of each block beside its text
	elementCost = 25    // of each element of rich text beside its text
	maxRich     = 2800  // text of one rich_text block, as we fill them

	maxID   = 40  // a request's id, as shown
	maxName = 200 // a name, as shown
)

var (
	// ErrMalformed says that a button or a modal does not carry what ours carry.
	ErrMalformed = errors.New("not one of our buttons or forms")
	// ErrReason says that the reason of a denial is too short or too long.
	ErrReason = errors.New("the reason must have 3 to 500 characters")
)

func runeSize(r rune) int {
	switch {
	case r == '&':
		return len("&amp;")
	case r == '<', r == '>':
		return len("&lt;")
	case r > 0xffff:
		return 2
	}
	return 1
}

// size is how long Slack takes s to be.
func size(s string) int {
	n := 0
	for _, r := range s {
		n += runeSize(r)
	}
	return n
}

// head is the longest start of s whose size is at most most, never half a character.
func head(s string, most int) string {
	if len(s) <= most/len("&amp;") {
		return s
	}
	n := 0
	for i, r := range s {
		if n += runeSize(r); n > most {
			return s[:i]
		}
	}
	return s
}

// cut is Visible(s), shortened to a size of at most most. It says how many
// characters of s are missing.
func cut(s string, most int) string { return shorten(s, most, "\n\t") }

// cutLine is cut for a place inside a line.
func cutLine(s string, most int) string { return shorten(s, most, "") }

// shorten looks no further than it has to: s may be very long.
func shorten(s string, most int, keep string) string {
	var e eye
	kept, n := 0, 0
	for i := 0; i < len(s); {
		r, w := utf8.DecodeRuneInString(s[i:])
		n += shownSize(r, w, e.sees(r), keep)
		if n > most {
			return visible(s[:kept], keep) + missing(utf8.RuneCountInString(s[kept:]))
		}
		i += w
		if n <= most-noteRoom {
			kept = i
		}
	}
	return visible(s, keep)
}

// shownSize is the size of what visible makes of a rune of w bytes, which is seen or not.
func shownSize(r rune, w int, seen bool, keep string) int {
	switch {
	case r == utf8.RuneError && w == 1:
		return len(`\x{ff}`)
	case seen || strings.ContainsRune(keep, r):
		return runeSize(r)
	}
	var b [16]byte
	return len(spell(b[:0], r))
}

// noteRoom is at least the length of what missing says.
const noteRoom = 36

func missing(characters int) string {
	return " (… " + count(characters, "more character") + ")"
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return number(n) + " " + noun + "s"
}

// number writes n with commas between thousands.
func number(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// chunk is a part of a long text that fits into one block.
type chunk struct {
	text   string
	midway bool // it begins in the middle of a line
}

// chunks splits s after line ends into parts of a size of at most most. Only a line
// longer than that is split itself. The newline at a split is left out: the next
// part begins a line of its own.
func chunks(s string, most int) []chunk {
	var out []chunk
	midway := false
	for s != "" {
		part := head(s, most)
		if len(part) == len(s) {
			return append(out, chunk{s, midway})
		}
		nl := strings.LastIndexByte(part, '\n')
		if s[len(part)] == '\n' {
			nl = len(part)
		}
		if nl <= 0 {
			out = append(out, chunk{part, midway})
			s, midway = s[len(part):], true
			continue
		}
		out = append(out, chunk{s[:nl], midway})
		s, midway = s[nl+1:], false
	}
	return out
}
