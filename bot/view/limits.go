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
	maxText   = 4000
	maxHeader = 150
	maxLabel  = 75
	maxButton = 2000 // a button's value
	maxPlain  = 3000 // a text object

	maxCost     = 12000 // of a whole message, see the package comment
	blockCost   = 100   // of each block beside its text
	elementCost = 25    // of each element of rich text beside its text
	maxRich     = 2800  // text of one rich_text block, as we fill them
)

var (
	// ErrTooLong says that a card cannot show the whole script, parameters, hosts
	// or reason. The error names which and by how much.
	ErrTooLong = errors.New("too long to be shown whole on a card")
	// ErrUnreadable says that nobody can review the script: it is not UTF-8 text.
	ErrUnreadable = errors.New("the script is not UTF-8 text and cannot be reviewed")
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

// cut shortens s to a size of at most most and says how much is missing.
func cut(s string, most int) string {
	kept := head(s, most)
	if len(kept) == len(s) {
		return s
	}
	kept = head(s, max(0, most-len(missing(utf8.RuneCountInString(s)))))
	return kept + missing(utf8.RuneCountInString(s[len(kept):]))
}

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
