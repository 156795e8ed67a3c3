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
	i := firstHidden(s, keep)
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
		i = firstHidden(s, keep)
	}
	return string(append(b, s...))
}

func spell(b []byte, r rune) []byte {
	b = append(b, `\u{`...)
	b = strconv.AppendInt(b, int64(r), 16)
	return append(b, '}')
}

// firstHidden is the place of the first byte that visible would spell out, or -1.
func firstHidden(s, keep string) int {
	for i := 0; i < len(s); {
		if c := s[i]; c >= ' ' && c < 0x7f {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || !seen(r) && !strings.ContainsRune(keep, r) {
			return i
		}
		i += n
	}
	return -1
}

// hidden counts what Visible spells out in s.
func hidden(s string) int {
	count := 0
	for i := 0; i < len(s); {
		at := firstHidden(s[i:], "\n\t")
		if at < 0 {
			break
		}
		count++
		_, n := utf8.DecodeRuneInString(s[i+at:])
		i += at + n
	}
	return count
}

// seen reports whether r leaves a mark on the screen, or is a plain space.
func seen(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= ' ' && r != 0x7f
	}
	return unicode.IsPrint(r) && r != '\u2800' &&
		!unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// spellAll spells out every character of s, for text that is nothing but blanks.
func spellAll(s string) string {
	var b []byte
	for _, r := range s {
		b = spell(b, r)
	}
	return string(b)
}
