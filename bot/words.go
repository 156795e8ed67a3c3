package bot

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// words is a line split into the command's own words and the parameters.
type words struct {
	own           []word
	hasParameters bool
	parameters    string // byte for byte
	offset        int    // of the parameters in the line, in runes
}

type word struct {
	text   string
	quoted bool // stood in quotes as a whole
	opened bool // a quote opened somewhere in it
}

// split parts a line at white space, minding quotes, until a -- that stands alone.
// What comes after that and one white space is the parameters.
func split(line string) (words, error) {
	var out words
	if !utf8.ValidString(line) {
		return out, wrong("This line is not valid text (UTF-8). Type it again by hand.")
	}
	var cur strings.Builder
	var w word
	inWord, inQuote, start := false, false, 0
	end := func() {
		if inWord {
			w.text = plainDashes(cur.String(), w.quoted)
			out.own = append(out.own, w)
		}
		cur.Reset()
		w, inWord = word{}, false
	}
	for i, r := range line {
		switch {
		case i < start: // the rest of a -- already read
		case isDoubleQuote(r):
			if !inWord {
				w.quoted = true
			}
			inWord, inQuote, w.opened = true, !inQuote, true
		case inQuote:
			cur.WriteRune(r)
		case isSpace(r):
			end()
		case !inWord && isSeparator(line[i:]):
			out.hasParameters = true
			rest := line[i+separatorLen(line[i:]):]
			if r, size := utf8.DecodeRuneInString(rest); size > 0 && isSpace(r) {
				rest = rest[size:]
			}
			out.parameters, out.offset = rest, utf8.RuneCountInString(line[:len(line)-len(rest)])
			return out, nil
		default:
			if inWord && w.quoted && !inQuote {
				w.quoted = false // text glued to a closing quote
			}
			inWord = true
			cur.WriteRune(r)
		}
	}
	if inQuote {
		return out, wrong("A quote is opened and not closed. Close it with another \".")
	}
	end()
	return out, nil
}

// isSeparator reports whether s begins with a -- or a long dash that stands alone.
func isSeparator(s string) bool {
	n := separatorLen(s)
	if n == 0 {
		return false
	}
	r, size := utf8.DecodeRuneInString(s[n:])
	return size == 0 || isSpace(r)
}

func separatorLen(s string) int {
	for _, sep := range []string{"--", "—", "–", "―"} {
		if strings.HasPrefix(s, sep) {
			return len(sep)
		}
	}
	return 0
}

// plainDashes gives an option back the two hyphens that a keyboard joined.
func plainDashes(s string, quoted bool) string {
	if quoted {
		return s
	}
	for _, dash := range []string{"—", "–", "―"} {
		if rest, ok := strings.CutPrefix(s, dash); ok {
			return "--" + rest
		}
	}
	return strings.Map(func(r rune) rune {
		if r == '‐' || r == '‑' || r == '−' || r == '–' {
			return '-' // ids are typed from runbooks that set hyphens nicely
		}
		return r
	}, s)
}

func isDoubleQuote(r rune) bool { return strings.ContainsRune("\"“”„‟«»＂", r) }

func isSpace(r rune) bool {
	return unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff' || r == '\u2060'
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
func checkParameters(w words) error {
	at := w.offset
	for _, r := range w.parameters {
		at++
		_, smart := plainFor[r]
		switch {
		case smart, unicode.Is(unicode.Zs, r) && r != ' ':
			return wrong("The parameters hold %s at character %d of the line, which Slack or a keyboard made. If you meant the plain one, paste this after --: %s", nameRune(r), at, plain(w.parameters))
		case r != '\n' && r != '\t' && unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == utf8.RuneError:
			return wrong("The parameters hold %s at character %d of the line, which cannot be seen. Type them again by hand.", nameRune(r), at)
		}
	}
	return nil
}

func plain(s string) string {
	var b strings.Builder
	for _, r := range s {
		p, smart := plainFor[r]
		switch {
		case smart:
			b.WriteString(p)
		case unicode.Is(unicode.Zs, r):
			b.WriteByte(' ')
		default:
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

// secretLooks are the forms of credentials that people paste by mistake.
var secretLooks = []struct {
	what string
	form *regexp.Regexp
}{
	{"a Slack token", regexp.MustCompile(`\bx(ox[a-z]|app)-[0-9A-Za-z-]{8,}`)},
	{"a Tencent Cloud key id", regexp.MustCompile(`\bAKID[0-9A-Za-z]{20,}`)},
	{"an AWS key id", regexp.MustCompile(`\bA(KIA|SIA)[0-9A-Z]{12,}`)},
	{"a GitHub token", regexp.MustCompile(`\b(gh[pousr]_|github_pat_)[0-9A-Za-z_]{20,}`)},
	{"a vault token", regexp.MustCompile(`\b(hv[sbr]|[sbr])\.[0-9A-Za-z_-]{20,}`)},
	{"a signed token (JWT)", regexp.MustCompile(`\beyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}\.`)},
	{"a private key", regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY`)},
	{"a password", regexp.MustCompile(`(?i)(pass(word|wd|phrase)?|secret|token|api[_-]?key)\s*[=:]\s*[^\s$]\S{3,}`)},
	{"a password in an address", regexp.MustCompile(`://[^/\s:@]+:[^/\s@$]+@`)},
}

// looksSecret names the credential that s seems to hold, or answers "".
func looksSecret(s string) string {
	for _, l := range secretLooks {
		if l.form.MatchString(s) {
			return l.what
		}
	}
	return ""
}
