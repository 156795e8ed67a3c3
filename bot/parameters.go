package bot

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plainFor is what a nicely set character most likely was when typed, for those
// that are refused in parameters.
var plainFor = map[rune]string{
	'“': `"`, '”': `"`, '„': `"`, '‟': `"`, '«': `"`, '»': `"`, '＂': `"`,
	'‘': "'", '’': "'", '‚': "'", '‛': "'", '′': "'",
	'—': "--", '–': "-", '―': "--", '‐': "-", '‑': "-", '−': "-",
	'…': "...", '\u00a0': " ", '\u2007': " ", '\u202f': " ", '\u3000': " ",
	'\u200b': "", '\u2060': "", '\ufeff': "", '\u00ad': "", '\u200c': "", '\u200d': "",
}

// checkParameters refuses characters in parameters that nobody typed: the shell on
// the host would take them literally.
func checkParameters(parameters string) error {
	at := 0
	for _, r := range parameters {
		at++
		switch {
		case isSmart(r):
			return &ParseError{
				Text:  fmt.Sprintf("The parameters hold %s at character %d after the --, which Slack or a keyboard made. If you meant the plain one, paste this after --:", nameRune(r), at),
				Paste: plain(parameters),
			}
		case isUnseen(r):
			return wrong("The parameters hold %s at character %d after the --, which cannot be seen. Type them again by hand.", nameRune(r), at)
		}
	}
	return nil
}

// isSmart is for characters that have a plain version.
func isSmart(r rune) bool {
	_, known := plainFor[r]
	return known || unicode.Is(unicode.Zs, r) && r != ' '
}

// isUnseen is for those that have none and do not show.
func isUnseen(r rune) bool {
	return r != '\n' && r != '\t' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || r == utf8.RuneError
}

func plain(s string) string {
	var b strings.Builder
	for _, r := range s {
		p, known := plainFor[r]
		switch {
		case known:
			b.WriteString(p)
		case isSmart(r):
			b.WriteByte(' ')
		case !isUnseen(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

// runeNames are the characters that people meet, by the names they know.
var runeNames = map[rune]string{
	'“': "a curly quote", '”': "a curly quote", '„': "a low quote", '‘': "a curly apostrophe", '’': "a curly apostrophe",
	'—': "a long dash", '–': "a long dash", '…': "an ellipsis", '\u00a0': "a non-breaking space",
	'＝': "a wide =", '：': "a wide colon", ' ': "a blank", '\u200b': "a zero-width space", '\ufeff': "a byte-order mark", '<': "a <", '>': "a >", '|': "a |", '`': "a backtick",
	'*': "a *", '?': "a ?", ',': "a comma",
	'"': "a quote", '\'': "an apostrophe", '/': "a /", ':': "a :", ';': "a ;", '$': "a $", '=': "a =", '@': "an @",
}

func nameRune(r rune) string {
	if name, ok := runeNames[r]; ok {
		if r < utf8.RuneSelf {
			return name
		}
		return fmt.Sprintf("%s (U+%04X)", name, r)
	}
	if unicode.IsGraphic(r) {
		return fmt.Sprintf("the character %q (U+%04X)", r, r)
	}
	return fmt.Sprintf("the character U+%04X", r)
}
