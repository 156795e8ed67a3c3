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
// either case of hex digits, and in mixtures of these.

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

// match says whether text[i:] begins with n, and where that ends.
//
// Where a value holds a byte that begins escapes, and the text has it, too, it
// can be that byte or an escape of it. Whoever wrote the text did one of the
// two throughout, so there are two walks for each such byte, at most eight,
// and never a choice along the way: no text makes this slow.
func (n *needle) match(text string, i int) (end int, ok bool) {
	if n.alone { // raw only
		return i + len(n.want), strings.HasPrefix(text[i:], n.want)
	}
	for raw := range raws(1 << len(escapes)) {
		if raw&^n.holds != 0 {
			continue // says something about a byte that n does not have
		}
		if end, ok = n.walk(text, i, raw); ok {
			return end, true
		}
	}
	return 0, false
}

const escapes = `%\&`

// raws is a set of the escape characters: bit i is escapes[i].
type raws uint8

func (r raws) has(c byte) bool { return r&(1<<strings.IndexByte(escapes, c)) != 0 }

// rawsIn says which of them are in s.
func rawsIn(s string) (r raws) {
	for i := range len(escapes) {
		if strings.IndexByte(s, escapes[i]) >= 0 {
			r |= 1 << i
		}
	}
	return r
}

// walk matches n with the escape characters in raw standing for themselves
// where n has them.
func (n *needle) walk(text string, i int, raw raws) (end int, ok bool) {
	need, begin := 0, i
	for need < len(n.want) {
		if i >= len(text) {
			return 0, false
		}
		c, want := text[i], n.want[need]
		switch {
		case !isEscape(c) && n.in.same(c, want), c == want && raw.has(c):
			i++
			need++
		case n.in != exact && (c == '\n' || c == '\r') && i > begin:
			i++
		case isEscape(c):
			size, got := n.unit(text[i:], need)
			if size == 0 {
				return 0, false
			}
			i += size
			need += got
		default:
			return 0, false
		}
	}
	return i, true
}

// unit reads the escape that text begins with: its size there, and how much of
// the needle from need on it stands for. A size of 0 means that it does not
// fit.
func (n *needle) unit(text string, need int) (size, got int) {
	var buf [utf8.UTFMax]byte
	means, size := escape(text, &buf)
	switch {
	case size == 0:
		return 0, 0
	case len(means) == 1 && n.in.same(means[0], n.want[need]),
		len(means) > 1 && strings.HasPrefix(n.want[need:], string(means)):
		return size, len(means)
	case n.in != exact && need > 0 && (means[0] == '\n' || means[0] == '\r'):
		return size, 0
	}
	return 0, 0
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
