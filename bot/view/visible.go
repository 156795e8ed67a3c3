package view

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible spells out what cannot be seen in s: bidi, zero-width, control and other
// invisible characters, and blanks other than the space, as \u{202e}; bytes that
// are no UTF-8 as \x{ff}. Newlines and tabs stay as they are.
func Visible(s string) string { return visible(s, "\n\t") }

// inline is Visible for a place inside a line: newlines and tabs are spelled out, too.
func inline(s string) string { return visible(s, "") }

// visible keeps the characters in keep.
func visible(s, keep string) string {
	var e eye
	i := e.firstHidden(s, keep)
	if i < 0 {
		return s
	}
	b := make([]byte, 0, len(s)+32)
	for i >= 0 {
		b = append(b, s[:i]...)
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			b = append(b, `\x{`...)
			b = strconv.AppendUint(b, uint64(s[i]), 16)
			b = append(b, '}')
		} else {
			b = spell(b, r)
		}
		s = s[i+n:]
		i = e.firstHidden(s, keep)
	}
	return string(append(b, s...))
}

func spell(b []byte, r rune) []byte {
	b = append(b, `\u{`...)
	b = strconv.AppendInt(b, int64(r), 16)
	return append(b, '}')
}

// mostMarks is how many combining marks one character may carry. Writing needs three;
// a pile of them covers other lines.
const mostMarks = 3

// eye reads a text from its beginning and knows what can be seen of it.
type eye struct {
	base  bool // what was read last can carry marks: it is seen, and no blank
	marks int  // how many it carries
}

// sees reports whether r, which comes next, can be seen as it is.
func (e *eye) sees(r rune) bool {
	if isMark(r) {
		e.marks++
		return e.base && e.marks <= mostMarks && seen(r)
	}
	ok := seen(r)
	e.base, e.marks = ok && r != ' ', 0
	return ok
}

// isMark reports whether r is drawn onto the character before it.
func isMark(r rune) bool { return r >= utf8.RuneSelf && unicode.In(r, unicode.Mn, unicode.Me) }

// firstHidden is the place of the first byte of s that visible would spell out, or -1.
func (e *eye) firstHidden(s, keep string) int {
	for i := 0; i < len(s); {
		if c := s[i]; c >= ' ' && c < 0x7f {
			e.base, e.marks = c != ' ', 0
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if ok := e.sees(r); r == utf8.RuneError && n == 1 || !ok && !strings.ContainsRune(keep, r) {
			return i
		}
		i += n
	}
	return -1
}

// hidden counts what Visible spells out in s, but for marks that are too many.
func hidden(s string) int {
	var e eye
	return countFunc(s, func(r rune) bool {
		return !e.sees(r) && r != '\n' && r != '\t' && !(isMark(r) && e.base && seen(r)) || r == utf8.RuneError
	})
}

// seen reports whether r leaves a mark on the screen, or is a plain space.
func seen(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= ' ' && r != 0x7f
	}
	return unicode.IsPrint(r) && !strings.ContainsRune(blankMarks, r) &&
		!unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// blankMarks are those that Unicode calls printable and fonts draw as nothing: an empty
// Braille cell, a note without a head, blanks of hieroglyphs, a filler of Khitan, the
// place of an object.
const blankMarks = "\u2800\U0001d159\U00013441\U00013442\U00016fe4\ufffc"

// spellAll spells out every character of s, for text that is nothing but blanks.
func spellAll(s string) string {
	var b []byte
	for _, r := range s {
		b = spell(b, r)
	}
	return string(b)
}
