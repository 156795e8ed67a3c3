package vault

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// shortest is the length in bytes from which a value is found in every form
// and anywhere. Shorter ones would be found everywhere by chance.
const shortest = 6

// A scrubber knows the values that were handed out. Adding is rare and
// rebuilds an index; scrubbing reads the index without a lock.
type scrubber struct {
	mu    sync.Mutex
	known map[string]struct{}
	index atomic.Pointer[index]
}

// add makes value known. Adding a known or an empty one does nothing.
func (s *scrubber) add(value string) {
	if value == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.known[value]; ok {
		return
	}
	if s.known == nil {
		s.known = map[string]struct{}{}
	}
	s.known[value] = struct{}{}
	ix := &index{}
	for v := range s.known {
		ix.add(v)
	}
	s.index.Store(ix)
}

func (s *scrubber) scrub(text string) string {
	ix := s.index.Load()
	if ix == nil {
		return text
	}
	return ix.scrub(text)
}

// An alphabet says which characters of a text count as the same.
type alphabet int

const (
	exact     alphabet = iota // every byte is itself
	base64ish                 // - is +, _ is /, line breaks count for nothing
	hexish                    // case and line breaks count for nothing
)

// A needle is one form of one value, as it looks when decoded by units.
type needle struct {
	want  string
	in    alphabet
	alone bool // only as a word of its own
	holds raws // the escape characters in want
	// A value inside longer base64 shares its first and last character with
	// its neighbours; want holds those between, and these say to take the
	// others, too.
	left, right bool
}

// An index finds needles. pairs has a bit for every pair of bytes that an
// occurrence may begin with: nearly every place in a text is passed over by
// looking at that one bit.
type index struct {
	pairs [1 << 16 / 64]uint64
	first [256][]*needle
}

func (ix *index) add(value string) {
	if len(value) < shortest {
		ix.put(&needle{want: value, alone: true})
		return
	}
	ix.put(&needle{want: value, holds: rawsIn(value)})
	ix.put(&needle{want: hex.EncodeToString([]byte(value)), in: hexish})
	for offset := range 3 {
		ix.put(inBase64(value, offset))
	}
}

// inBase64 gives the characters that value alone decides when it begins
// offset bytes (mod 3) into what is encoded.
func inBase64(value string, offset int) *needle {
	b := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", offset) + value))
	bits := 8 * (offset + len(value))
	from, to := (8*offset+5)/6, bits/6
	return &needle{want: b[from:to], in: base64ish, left: offset != 0, right: bits%6 != 0}
}

// put files n under every byte it may begin with and sets its pairs.
func (ix *index) put(n *needle) {
	var second []byte
	if len(n.want) > 1 {
		second = append(n.in.spellings(n.want[1]), '%', '\\', '&')
		if n.in != exact {
			second = append(second, '\r', '\n')
		}
	}
	for _, a := range n.in.spellings(n.want[0]) {
		ix.first[a] = append(ix.first[a], n)
		for b := range 256 {
			if second == nil || slices.Contains(second, byte(b)) {
				ix.setPair(a, byte(b))
			}
		}
	}
}

func (ix *index) setPair(a, b byte) {
	p := uint(a)<<8 | uint(b)
	ix.pairs[p/64] |= 1 << (p % 64)
}

func (ix *index) hasPair(a, b byte) bool {
	p := uint(a)<<8 | uint(b)
	return ix.pairs[p/64]&(1<<(p%64)) != 0
}

// scrub replaces every stretch that is covered by occurrences, overlapping
// ones as one.
func (ix *index) scrub(text string) string {
	c := cover{text: text, to: -1}
	for i := range len(text) {
		if i+1 == len(text) || ix.hasPair(text[i], text[i+1]) {
			c.find(ix.first[text[i]], i)
		}
		if isEscape(text[i]) {
			var buf [utf8.UTFMax]byte
			if got, size := escape(text[i:], &buf); size > 0 {
				c.find(ix.first[got[0]], i)
			}
		}
	}
	return c.finish()
}

// A cover builds the scrubbed text. There is a stretch to be replaced, from
// from to to, unless to is -1; what came before it up to done is written.
type cover struct {
	text     string
	out      strings.Builder
	done     int
	from, to int
}

func (c *cover) find(needles []*needle, i int) {
	for _, n := range needles {
		if from, to, ok := n.at(c.text, i); ok {
			c.add(from, to)
		}
	}
}

// add takes a stretch that begins at most one byte before the last one added.
func (c *cover) add(from, to int) {
	switch {
	case c.to < 0:
		c.from, c.to = from, to
	case from >= c.to:
		c.flush()
		c.from, c.to = from, to
	default:
		c.from, c.to = max(c.done, min(c.from, from)), max(c.to, to)
	}
}

func (c *cover) flush() {
	c.out.WriteString(c.text[c.done:c.from])
	c.out.WriteString(hidden)
	c.done = c.to
}

func (c *cover) finish() string {
	if c.to < 0 {
		return c.text
	}
	c.flush()
	c.out.WriteString(c.text[c.done:])
	return c.out.String()
}

// at says whether n stands in text at i, and which stretch it covers.
func (n *needle) at(text string, i int) (from, to int, ok bool) {
	to, ok = n.match(text, i)
	if !ok || n.alone && !standsAlone(text, i, to) {
		return 0, 0, false
	}
	from = i
	if n.left {
		from = before(text, i)
	}
	if n.right && to < len(text) && isBase64(text[to]) {
		to++
	}
	if n.in == base64ish {
		for to < len(text) && text[to] == '=' {
			to++
		}
	}
	return from, to, true
}

// before steps back over the one character that a value in base64 shares with
// what stands before it.
func before(text string, i int) int {
	if i > 0 && isBase64(text[i-1]) {
		return i - 1
	}
	return i
}

func isBase64(c byte) bool {
	return isWord(c) || c == '+' || c == '/' || c == '-'
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

func standsAlone(text string, from, to int) bool {
	return (from == 0 || !isWord(text[from-1])) && (to == len(text) || !isWord(text[to]))
}
