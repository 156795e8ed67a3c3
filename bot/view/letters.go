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
			{Lo: 0x2071, Hi: 0x209c, Stride: 1},
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
	drawnSigns = &unicode.RangeTable{
		R16: []unicode.Range16{
			{Lo: 0x2502, Hi: 0x2503, Stride: 1},
			{Lo: 0x2506, Hi: 0x2507, Stride: 1},
			{Lo: 0x250a, Hi: 0x250b, Stride: 1},
			{Lo: 0x254e, Hi: 0x2551, Stride: 1},
			{Lo: 0x2571, Hi: 0x2573, Stride: 1},
			{Lo: 0x2731, Hi: 0x2732, Stride: 1},
			{Lo: 0x2758, Hi: 0x2760, Stride: 1},
			{Lo: 0x2f00, Hi: 0x2f05, Stride: 1},
			{Lo: 0x31c0, Hi: 0x31e3, Stride: 1},
		},
		R32: []unicode.Range32{{Lo: 0x1f670, Hi: 0x1f67f, Stride: 1}},
	}
	signs = []*unicode.RangeTable{unicode.P, unicode.Sm, unicode.Sk, drawnSigns}
	skins = &unicode.RangeTable{R32: []unicode.Range32{{Lo: 0x1f3fb, Hi: 0x1f3ff, Stride: 1}}}
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
