package view

import (
	"strings"
	"unicode"
)

// rtl are the blocks of writing from right to left, as Unicode sets them aside.
var rtl = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x0590, Hi: 0x08ff, Stride: 1}, {Lo: 0xfb1d, Hi: 0xfdff, Stride: 1}, {Lo: 0xfe70, Hi: 0xfeff, Stride: 1}},
	R32: []unicode.Range32{{Lo: 0x10800, Hi: 0x10fff, Stride: 1}, {Lo: 0x1e800, Hi: 0x1efff, Stride: 1}},
}

func rightToLeft(line string) int {
	return countFunc(line, func(r rune) bool { return unicode.Is(rtl, r) && seen(r) })
}

// Alphabets that matter for mixing. Han, kana, Hangul and the writings of India and
// South-East Asia stand beside Latin letters without a blank and look like none.
const (
	beside = ""
	latin  = "Latin"
	forms  = "forms" // letters of Latin in other shapes: wide, mathematical, phonetic, Roman numbers
)

var (
	besides = []*unicode.RangeTable{
		unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Hangul, unicode.Yi, unicode.Thai, unicode.Lao, unicode.Khmer,
		unicode.Myanmar, unicode.Tibetan, unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil,
		unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Common, unicode.Inherited,
	}
	otherForms = &unicode.RangeTable{
		R16: []unicode.Range16{
			{Lo: 0x0250, Hi: 0x02b8, Stride: 1},
			{Lo: 0x1d00, Hi: 0x1dbf, Stride: 1},
			{Lo: 0x2100, Hi: 0x214f, Stride: 1},
			{Lo: 0x2160, Hi: 0x218f, Stride: 1},
			{Lo: 0x2c60, Hi: 0x2c7f, Stride: 1},
			{Lo: 0xa720, Hi: 0xa7ff, Stride: 1},
			{Lo: 0xab30, Hi: 0xab6f, Stride: 1},
			{Lo: 0xfb00, Hi: 0xfb06, Stride: 1},
			{Lo: 0xff10, Hi: 0xff19, Stride: 1},
			{Lo: 0xff21, Hi: 0xff5a, Stride: 1},
		},
		R32: []unicode.Range32{{Lo: 0x10780, Hi: 0x107bf, Stride: 1}, {Lo: 0x1d400, Hi: 0x1d7ff, Stride: 1}, {Lo: 0x1df00, Hi: 0x1dfff, Stride: 1}},
	}
)

// alphabet names the alphabet of a letter.
func alphabet(r rune) string {
	switch {
	case r < 0x250 && unicode.Is(unicode.Latin, r):
		return latin
	case unicode.Is(otherForms, r):
		return forms
	case unicode.Is(unicode.Latin, r):
		return latin
	case unicode.Is(unicode.Cyrillic, r):
		return "Cyrillic"
	case unicode.In(r, besides...):
		return beside
	}
	for name, t := range unicode.Scripts { // each letter is in one
		if unicode.Is(t, r) {
			return name
		}
	}
	return beside
}

// mixedWords counts words with letters of two alphabets.
func mixedWords(line string) int {
	if isASCII(line) {
		return 0
	}
	n := 0
	for word := range strings.FieldsFuncSeq(line, func(r rune) bool { return !inWord(r) }) {
		first := beside
		for _, r := range word {
			if a := alphabet(r); a != beside && seen(r) && unicode.In(r, unicode.L, unicode.Nl) {
				if first != beside && a != first {
					n++
					break
				}
				first = a
			}
		}
	}
	return n
}

func inWord(r rune) bool {
	return r == '_' || unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl)
}

// lookLatin are the Cyrillic and Greek letters that most fonts draw as Latin ones.
const lookLatin = "аеорсухіѕјһԁԛԝӏАВЕЗКМНОРСТУХІЅЈԌԚԜοραυνικΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"

// falseLatin counts such letters on a line that has none that look otherwise: somebody
// who writes Russian or Greek has those, too.
func falseLatin(line string) int {
	n, others := 0, false
	for _, r := range line {
		switch {
		case r < 0x250:
		case strings.ContainsRune(lookLatin, r):
			n++
		case unicode.In(r, unicode.Cyrillic, unicode.Greek):
			others = true
		}
	}
	if others || n > 0 && mixedWords(line) > 0 {
		return 0
	}
	return n
}

// lookSigns are signs that look like those that a shell reads, and lookDashes those
// that look like its hyphen. Both have other uses in prose.
const (
	lookSigns  = "\u037e\u2044\u2215\u29f8\u2223\u01c0\u2758\ua789\u2236；｜＆／：＜＞＄ノ丿丨ㅣ"
	lookDashes = "‐‑‒–—―−－\u02d7\u2043\ufe63ー一ㅡ"
)

// falseSigns counts such signs where a shell would read the plain one: between plain
// characters, or, of a dash, where an option begins; and digits that are not plain, in
// a plain word. Comments are prose.
func falseSigns(line string) int {
	if isASCII(line) || isComment(line) {
		return 0
	}
	n := 0
	all := []rune(" " + line + " ")
	for i, r := range all[1 : len(all)-1] {
		before, after := all[i], all[i+2]
		plain := before <= unicode.MaxASCII && after <= unicode.MaxASCII
		option := before == ' ' && after != ' ' && (after <= unicode.MaxASCII || strings.ContainsRune(lookDashes, after))
		digit := unicode.Is(unicode.Nd, r) && r > unicode.MaxASCII && (isPlainWord(before) || isPlainWord(after))
		if digit || plain && strings.ContainsRune(lookSigns, r) || option && strings.ContainsRune(lookDashes, r) {
			n++
		}
	}
	return n
}

func isPlainWord(r rune) bool { return r <= unicode.MaxASCII && inWord(r) }

func isComment(line string) bool { return strings.HasPrefix(strings.TrimLeft(line, " \t"), "#") }

// piledMarks counts the marks on the character that has most, if it has too many.
func piledMarks(line string) int {
	var e eye
	worst := 0
	for _, r := range line {
		e.sees(r)
		if e.base {
			worst = max(worst, e.marks)
		}
	}
	if worst <= mostMarks {
		return 0
	}
	return worst
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

func countFunc(s string, is func(rune) bool) int {
	n := 0
	for _, r := range s {
		if is(r) {
			n++
		}
	}
	return n
}
