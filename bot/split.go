package bot

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// words is a line split into the command's own words and the parameters.
type words struct {
	own           []word
	hasParameters bool
	parameters    string // byte for byte
}

type word struct {
	text   string
	quoted bool // stood in quotes as a whole
	opened bool // quotes stand in it
}

// split parts a line at white space, minding quotes, until a -- that stands alone.
// What comes after that and one white space is the parameters.
func split(line string) (words, error) {
	if !utf8.ValidString(line) {
		return words{}, wrong("This line is not valid text (UTF-8). Type it again by hand.")
	}
	var out words
	for rest := trimBlank(line); rest != ""; rest = trimBlank(rest) {
		if n := separator(rest); n > 0 {
			out.hasParameters, out.parameters = true, rest[n:]
			return out, nil
		}
		w, n, err := readWord(rest)
		if err != nil {
			return words{}, err
		}
		out.own = append(out.own, w)
		rest = rest[n:]
	}
	return out, nil
}

func trimBlank(s string) string {
	return strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || isInvisible(r) })
}

// separator is the length of the -- or long dash that stands alone at the
// beginning of s, and of one white space behind it; or 0.
func separator(s string) int {
	for _, sep := range []string{"--", "—", "–", "―"} {
		if rest, ok := strings.CutPrefix(s, sep); ok {
			r, size := utf8.DecodeRuneInString(rest)
			if size == 0 || unicode.IsSpace(r) {
				return len(sep) + size
			}
		}
	}
	return 0
}

// readWord reads s up to white space. Quotes stand at the beginning or after an
// equals sign.
func readWord(s string) (w word, n int, err error) {
	var text strings.Builder
	for n < len(s) {
		r, size := utf8.DecodeRuneInString(s[n:])
		mayOpen := n == 0 || s[n-1] == '='
		switch {
		case unicode.IsSpace(r):
			w.text = text.String()
			return w, n, nil
		case mayOpen && (isDouble(r) || isSingle(r)):
			inner, ok := quotedText(s[n:])
			if !ok {
				return w, 0, wrong("A quote is opened and not closed. Close it with another \", with a space after it.")
			}
			text.WriteString(inner.text)
			w.opened, w.quoted = true, n == 0
			size = inner.size
		case isDouble(r):
			return w, 0, wrong("A quote stands inside a word, so I cannot tell what it opens or closes. Put a space before it, or leave it out.")
		case isInvisible(r):
		default:
			text.WriteString(plainDash(r, text.Len() == 0))
		}
		n += size
	}
	w.text = text.String()
	return w, n, nil
}

type quoted struct {
	text string
	size int // with both quotes
}

// quotedText reads from an opening quote to the closing one, which is the first of
// its kind, curly or not, that has white space or the end behind it. So quotes and
// apostrophes inside are text.
func quotedText(s string) (q quoted, ok bool) {
	open, begin := utf8.DecodeRuneInString(s)
	closes := isDouble
	if isSingle(open) {
		closes = isSingle
	}
	for i, r := range s[begin:] {
		end := begin + i + utf8.RuneLen(r)
		next, size := utf8.DecodeRuneInString(s[end:])
		if closes(r) && (size == 0 || unicode.IsSpace(next)) {
			return quoted{s[begin : begin+i], end}, true
		}
	}
	return quoted{}, false
}

// plainDash gives a word the hyphens that were typed: ids come from runbooks that
// set them nicely, and keyboards join the two of an option.
func plainDash(r rune, first bool) string {
	switch r {
	case '—', '―':
		if first {
			return "--"
		}
	case '–':
		if first {
			return "--"
		}
		return "-"
	case '‐', '‑', '−':
		return "-"
	}
	return string(r)
}

func isDouble(r rune) bool { return strings.ContainsRune("\"“”„‟«»＂", r) }

func isSingle(r rune) bool { return strings.ContainsRune("'‘’‚‛", r) }

// isInvisible is for characters that are dropped from the command's own words:
// nobody sees them, and none of them changes the order of what is seen.
func isInvisible(r rune) bool {
	switch r {
	case '\u200b', '\u200c', '\u200d', '\u200e', '\u200f', '\u2060', '\ufeff', '\u00ad':
		return true
	}
	return false
}

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
			return wrong("The parameters hold %s at character %d after the --, which Slack or a keyboard made. If you meant the plain one, paste this after --: %s", nameRune(r), at, plain(parameters))
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
	'\u200b': "a zero-width space", '\ufeff': "a byte-order mark", '<': "a <", '>': "a >", '|': "a |", '`': "a backtick",
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
