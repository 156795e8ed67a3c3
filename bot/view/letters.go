package view

import (
	"slices"
	"strings"
	"unicode"
)

// ranges is a table of ranges, each given as its first and its last.
func ranges(ends ...rune) *unicode.RangeTable {
	t := &unicode.RangeTable{}
	for r := range slices.Chunk(ends, 2) {
		if r[1] <= 0xffff {
			t.R16 = append(t.R16, unicode.Range16{Lo: uint16(r[0]), Hi: uint16(r[1]), Stride: 1})
		} else {
			t.R32 = append(t.R32, unicode.Range32{Lo: uint32(r[0]), Hi: uint32(r[1]), Stride: 1})
		}
	}
	return t
}

// rtl are the blocks of writing from right to left, as Unicode sets them aside.
var rtl = ranges(0x0590, 0x08ff, 0xfb1d, 0xfdff, 0xfe70, 0xfeff, 0x10800, 0x10fff, 0x1e800, 0x1efff)

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
	otherForms = ranges(
		0x0250, 0x02b8, 0x1d00, 0x1dbf, 0x2071, 0x209c, 0x2100, 0x214f, 0x2160, 0x218f, 0x2c60, 0x2c7f, 0xa720, 0xa7ff, 0xab30, 0xab6f,
		0xfb00, 0xfb06, 0xff10, 0xff19, 0xff21, 0xff5a, 0x10780, 0x107bf, 0x1d400, 0x1d7ff, 0x1df00, 0x1dfff,
	)
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

// lookLatin are the letters of living alphabets that most fonts draw as Latin ones.
const lookLatin = "аеорсухіѕјһԁԛԝӏАВЕЗКМНОРСТУХІЅЈԌԚԜοραυνικΑΒΕΖΗΙΚΜΝΟΡΤΥΧօոսհցյզքՍՕՏԼ"

// falseLatin counts letters that look like Latin ones: other forms of those, letters of
// alphabets that hardly anybody writes, and of Cyrillic, Greek and Armenian those of
// lookLatin on a line that has none that look otherwise: their prose has those, too.
func falseLatin(line string) int {
	if isASCII(line) {
		return 0
	}
	n, shared, others := 0, 0, false
	for _, r := range line {
		switch {
		case r < 0x250 || !seen(r) || !unicode.In(r, unicode.L, unicode.Nl):
		case strings.ContainsRune(lookLatin, r):
			shared++
		case unicode.In(r, unicode.Cyrillic, unicode.Greek, unicode.Armenian):
			others = true
		case unicode.Is(otherForms, r), !unicode.In(r, unicode.Latin, unicode.Georgian, unicode.Ethiopic, unicode.Mongolian, rtl) && !unicode.In(r, besides...):
			n++
		}
	}
	switch {
	case n+shared > 0 && mixedWords(line) > 0:
		return 0 // which says more
	case others:
		return n
	}
	return n + shared
}

// What looks like a sign of the shell, or does not. Of punctuation, of signs of
// mathematics and of accents, all do but the few that people know well and that look
// like none; of pictures only those that are drawn as a sign are.
const (
	lookNone   = "…•·§¶†‡‰¿¡±×÷¬≤≥≠≈∞∑∏√∆⇒⇐⇔→←↔↑↓"
	lookSome   = "﹩＄ǀǁǃʹʺʻʼʽˈˊˋˮꞌ\uff70ノ丶丿丨ㅣ⌗⏐￨"
	lookHyphen = "˗⁃ー一ㅡ─━╴╶⎯"
	longDashes = "—―⸺⸻〜〰"
	eastAsian  = "，。、；：！？（）［］【】《》〈〉「」『』〔〕～％＋"
)

var (
	drawnSigns = ranges(
		0x2502, 0x2503, 0x2506, 0x2507, 0x250a, 0x250b, 0x254e, 0x2551, 0x2571, 0x2573, 0x2731, 0x2732, 0x2758, 0x2760, 0x2f00, 0x2f05,
		0x31c0, 0x31e3, 0x1f670, 0x1f67f,
	)
	signs = []*unicode.RangeTable{unicode.P, unicode.Sm, unicode.Sk, drawnSigns}
	skins = ranges(0x1f3fb, 0x1f3ff)
)

func likeSign(r rune) bool {
	return r > unicode.MaxASCII && (strings.ContainsRune(lookSome, r) ||
		unicode.In(r, signs...) && !unicode.Is(skins, r) && !strings.ContainsRune(lookNone, r))
}

func likeDash(r rune) bool {
	return r > unicode.MaxASCII && (unicode.Is(unicode.Dash, r) || strings.ContainsRune(lookHyphen, r))
}

// falseSigns counts signs and digits on a line of code that look like those that a
// shell reads. Two sorts have other uses in a text that is printed: East Asian
// punctuation beside its letters, and dashes. Comments are prose.
func falseSigns(line string) int {
	if isASCII(line) || isComment(line) {
		return 0
	}
	n, prose := 0, false
	all := []rune(" " + line + " ")
	for i := 1; i < len(all)-1; i++ {
		r, before, after := all[i], all[i-1], all[i+1]
		switch {
		case likeDash(r):
			if falseDash(all, i) {
				n++
			}
		case unicode.Is(unicode.Nd, r) && r > unicode.MaxASCII:
			if besideDigit(before) || besideDigit(after) {
				n++
			}
		case strings.ContainsRune(eastAsian, r) && (prose || isEastAsian(after)):
			continue // and so may be what follows
		case likeSign(r):
			if !isEastAsian(r) || before <= unicode.MaxASCII && after <= unicode.MaxASCII {
				n++ // and no letter of a word
			}
		}
		prose = isEastAsian(r)
	}
	return n
}

// falseDash reports whether the dashes around place i stand where a shell reads a
// hyphen: where an option begins or, if they are short, inside a plain word.
func falseDash(all []rune, i int) bool {
	from, to := i, i
	for likeDash(all[from]) {
		from--
	}
	for likeDash(all[to]) {
		to++
	}
	before, after := all[from], all[to]
	if isPlainWord(before) {
		return isPlainWord(after) && !strings.ContainsRune(longDashes, all[i])
	}
	return before <= unicode.MaxASCII && after > ' ' && after <= unicode.MaxASCII
}

func isEastAsian(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo)
}

func besideDigit(r rune) bool { return isPlainWord(r) || strings.ContainsRune("-./=:", r) }

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
