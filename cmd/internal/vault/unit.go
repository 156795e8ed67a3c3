package vault

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// A text is matched unit by unit: a unit is a byte as it is, or an escape that
// stands for one character. So one walk finds a value raw, in a URL's path or
// query, in JSON, quoted by Go or a shell, escaped for Slack or HTML, in
// either case of hex digits, and in any mixture of these.

// spellings lists the bytes that may stand for c as they are: those for which
// same holds.
func (in alphabet) spellings(c byte) []byte {
	var out []byte
	for b := range 256 {
		if in.same(byte(b), c) {
			out = append(out, byte(b))
		}
	}
	return out
}

func isEscape(c byte) bool { return c == '%' || c == '\\' || c == '&' }

// match says whether text[i:] begins with n, and where that ends. A byte that
// begins an escape can be meant as itself, too, so it goes through all places
// that are reachable at once; there is more than one only after such a byte.
func (n *needle) match(text string, i int) (end int, ok bool) {
	if n.alone { // raw only
		return i + len(n.want), strings.HasPrefix(text[i:], n.want)
	}
	at := n.plain(text, i)
	if at.need == len(n.want) {
		return at.text, true
	}
	var room [8]state
	now := append(room[:0], at)
	for len(now) > 0 {
		// Take the place that is furthest behind, so that two ways to the same
		// place meet.
		k := 0
		for j := range now {
			if now[j].text < now[k].text {
				k = j
			}
		}
		s := now[k]
		now = append(now[:k], now[k+1:]...)
		if s.need == len(n.want) {
			return s.text, true
		}
		for _, next := range n.step(text, s) {
			if next.text > 0 && !has(now, next) {
				now = append(now, next)
			}
		}
	}
	return 0, false
}

// plain goes as far as there is only one way to read the text.
func (n *needle) plain(text string, i int) state {
	s := state{text: i}
	for s.text < len(text) && s.need < len(n.want) {
		c := text[s.text]
		if isEscape(c) || !n.in.same(c, n.want[s.need]) {
			break
		}
		s.text++
		s.need++
	}
	return s
}

// A state is how far we are in the text and in the needle.
type state struct{ text, need int }

func has(states []state, s state) bool {
	for _, t := range states {
		if t == s {
			return true
		}
	}
	return false
}

// step reads one unit both ways: as a byte and as an escape.
func (n *needle) step(text string, s state) (next [2]state) {
	if s.text >= len(text) {
		return next
	}
	c := text[s.text]
	if n.in != exact && (c == '\n' || c == '\r') && s.need > 0 {
		next[0] = state{s.text + 1, s.need}
		return next
	}
	if n.in.same(c, n.want[s.need]) {
		next[0] = state{s.text + 1, s.need + 1}
	}
	if !isEscape(c) {
		return next
	}
	var buf [utf8.UTFMax]byte
	got, size := escape(text[s.text:], &buf)
	switch {
	case size == 0:
	case n.in != exact && len(got) == 1 && (got[0] == '\n' || got[0] == '\r') && s.need > 0:
		next[1] = state{s.text + size, s.need}
	case len(got) == 1 && n.in.same(got[0], n.want[s.need]),
		len(got) > 1 && strings.HasPrefix(n.want[s.need:], string(got)):
		next[1] = state{s.text + size, s.need + len(got)}
	}
	return next
}

// same says whether c in a text may stand for want.
func (in alphabet) same(c, want byte) bool {
	if c == want {
		return true
	}
	switch in {
	case exact:
		return c == '+' && want == ' '
	case base64ish:
		// A query that was decoded once too often has spaces for +.
		return want == '+' && (c == '-' || c == ' ') || want == '/' && c == '_'
	case hexish:
		return c >= 'A' && c <= 'F' && c-'A'+'a' == want
	}
	return false
}

// entities are what Slack, HTML and XML write for characters of their own.
var entities = []struct{ name, means string }{
	{"&amp;", "&"},
	{"&lt;", "<"},
	{"&gt;", ">"},
	{"&quot;", `"`},
	{"&apos;", "'"},
	{"&#39;", "'"},
	{"&#34;", `"`},
	{"&#x27;", "'"},
}

// escape decodes the escape that s begins with into buf. A size of 0 means
// that there is none.
func escape(s string, buf *[utf8.UTFMax]byte) (got []byte, size int) {
	switch s[0] {
	case '%':
		if c, ok := hexByte(s, 1); ok {
			return append(buf[:0], c), 3
		}
	case '&':
		for _, e := range entities {
			if strings.HasPrefix(s, e.name) {
				return append(buf[:0], e.means...), len(e.name)
			}
		}
	case '\\':
		return backslash(s, buf)
	}
	return nil, 0
}

func backslash(s string, buf *[utf8.UTFMax]byte) (got []byte, size int) {
	if len(s) < 2 {
		return nil, 0
	}
	switch c := s[1]; {
	case c == 'u':
		return unicodeEscape(s, buf)
	case c == 'U': // strconv.QuoteToASCII writes this where JSON writes two \u
		r, ok := hexRune(s, 'U', 8)
		if !ok {
			return nil, 0
		}
		return utf8.AppendRune(buf[:0], r), 10
	case c == 'x':
		if b, ok := hexByte(s, 2); ok {
			return append(buf[:0], b), 4
		}
		return nil, 0
	case strings.IndexByte("abfnrtv", c) >= 0:
		return append(buf[:0], "\a\b\f\n\r\t\v"[strings.IndexByte("abfnrtv", c)]), 2
	case c < 0x80 && !isWord(c):
		return append(buf[:0], c), 2
	}
	return nil, 0
}

func unicodeEscape(s string, buf *[utf8.UTFMax]byte) (got []byte, size int) {
	r, ok := hexRune(s, 'u', 4)
	if !ok {
		return nil, 0
	}
	size = 6
	if utf16.IsSurrogate(r) {
		low, ok := hexRune(s[size:], 'u', 4)
		if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
			return nil, 0
		}
		size = 12
	}
	return utf8.AppendRune(buf[:0], r), size
}

// hexRune reads a backslash, the given letter, and that many hex digits.
func hexRune(s string, letter byte, digits int) (rune, bool) {
	if len(s) < 2+digits || s[0] != '\\' || s[1] != letter {
		return 0, false
	}
	v, err := strconv.ParseUint(s[2:2+digits], 16, 32)
	return rune(v), err == nil && v <= unicode.MaxRune
}

// hexByte reads the two hex digits at s[at:].
func hexByte(s string, at int) (byte, bool) {
	if len(s) < at+2 {
		return 0, false
	}
	hi, lo := hexDigit(s[at]), hexDigit(s[at+1])
	return byte(hi<<4 | lo), hi >= 0 && lo >= 0
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
