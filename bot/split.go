package bot

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// words is a line split into the command's own words and the parameters.
type words struct {
	own           []word
	holes         []string // placeholders in them, as typed
	hasParameters bool
	separator     string // what was typed for the --
	parameters    string // byte for byte
}

type word struct {
	text   string // with a stand-in for each hole
	quoted bool   // stood in quotes as a whole
	opened bool   // quotes stand in it
}

// split parts a line at white space, minding quotes, until a -- that stands alone.
// What comes after that and one white space is the parameters.
func split(line string) (words, error) {
	if !utf8.ValidString(line) {
		return words{}, wrong("This line is not valid text (UTF-8). Type it again by hand.")
	}
	line, err := unfence(line)
	if err != nil {
		return words{}, err
	}
	r := reader{rest: trimBlank(line)}
	for ; r.rest != ""; r.skip() {
		if dash, n := separator(r.rest); n > 0 {
			r.hasParameters, r.separator, r.parameters = true, dash, r.rest[n:]
			break
		}
		if err := r.word(); err != nil {
			return words{}, err
		}
	}
	if r.ticks%2 > 0 {
		return words{}, wrong("A backtick is opened and not closed before the end of the command. Put the whole command in backticks, or leave them out.")
	}
	return r.words, nil
}

// unfence takes the backticks off a line that stands in them as a whole: a runbook's
// line is pasted with them, and a mention may hold a code block.
func unfence(line string) (string, error) {
	s := strings.TrimSpace(line)
	n := len(s) - len(strings.TrimLeft(s, "`"))
	mark := s[:n]
	if n == 0 || len(s) < 2*n || !strings.HasSuffix(s, mark) || strings.Contains(strings.Trim(s[n:len(s)-n], "`"), mark) {
		return line, nil
	}
	s = s[n : len(s)-n]
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		return "", wrong("I cannot tell which backticks belong to the command. Leave out those around it.")
	}
	return strings.TrimSuffix(strings.TrimPrefix(s, "\n"), "\n"), nil
}

// skip goes on to the next word. What cannot be seen is no part of a -- or an option, but
// it would be of an id.
func (l *reader) skip() {
	l.rest = strings.TrimLeftFunc(l.rest, unicode.IsSpace)
	if s := trimBlank(l.rest); s == "" || strings.IndexFunc(s, func(r rune) bool { return isDash(r) || isHyphen(r) }) == 0 {
		l.rest = s
	}
}

func trimBlank(s string) string {
	return strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || isInvisible(r) })
}

// separator is the -- or what a keyboard made of it, if it stands alone at the
// beginning of s, and its length with one white space behind it.
func separator(s string) (dash string, n int) {
	n, means := dashes(s)
	if n == 0 || means != "--" {
		return "", 0
	}
	r, size := utf8.DecodeRuneInString(s[n:])
	if size > 0 && !unicode.IsSpace(r) {
		return "", 0
	}
	return s[:n], n + size
}

// dashes is the length of the dashes that s begins with, and the hyphens that they
// were typed for: long dashes are two, which keyboards and Slack join.
func dashes(s string) (n int, hyphens string) {
	long, count := false, 0
	for _, r := range s {
		if !isDash(r) && !isHyphen(r) {
			break
		}
		long = long || isDash(r)
		count++
		n += utf8.RuneLen(r)
	}
	switch {
	case strings.Trim(s[:n], "-") == "":
		return n, s[:n]
	case count == 1 && !long:
		return n, "-"
	}
	return n, "--"
}

func isDash(r rune) bool { return strings.ContainsRune("—–―⸺⸻─━", r) }

func isHyphen(r rune) bool { return strings.ContainsRune("-‐‑‒−－﹣", r) }

// reader reads the command's own words.
type reader struct {
	words
	rest  string
	ticks int // backticks so far
}

// word reads one up to white space. Quotes stand at its beginning, after an equals
// sign, or at the end of --reason. Backticks are dropped.
func (l *reader) word() error {
	s := l.rest
	var w word
	var text strings.Builder
	n, lead := dashes(s)
	text.WriteString(lead)
	value := lead != "" || len(l.own) > 0 && isReason(l.own[len(l.own)-1].text) // an option, or its value
	for n < len(s) {
		r, size := utf8.DecodeRuneInString(s[n:])
		if len(l.own) == 0 || lead != "" {
			r = narrow(r)
		}
		so := text.String()
		last, _ := utf8.DecodeLastRuneInString(so)
		opens := so == "" && !w.opened || last == '=' || lead != "" && last == ':' || isReason(so) || !value && partsHosts(last)
		hole := holeAt(s[n:])
		switch {
		case unicode.IsSpace(r):
			w.text = so
			return l.take(w, n)
		case opens && quoteOf(r) != nil:
			inner, ok := quotedText(s[n:], !value)
			if !ok {
				return wrong("A quote is opened and not closed. Close it with another \", with a space after it.")
			}
			if isReason(so) {
				text.WriteByte('=')
			}
			text.WriteString(inner.text)
			w.opened, w.quoted = true, so == ""
			if n += inner.size; isCorner(r) {
				w.text = text.String()
				return l.take(w, n)
			}
			continue
		case isDouble(r), isCorner(r):
			return wrong("A quote stands inside a word, so I cannot tell what it opens or closes. Put a space before it, or leave it out.")
		case hole != "":
			text.WriteString(l.fill(hole))
			size = len(hole)
		case r == '`':
			l.ticks++
		default:
			w.quoted = false
			text.WriteRune(r)
		}
		n += size
	}
	w.text = text.String()
	return l.take(w, n)
}

func (l *reader) take(w word, n int) error {
	if w.text != "" || w.opened {
		l.own = append(l.own, w)
	}
	l.rest = l.rest[n:]
	return nil
}

// isReason reports whether an option is the one for the reason, still without a value.
func isReason(s string) bool {
	return strings.EqualFold(s, "--reason") || strings.EqualFold(s, "-reason")
}

// narrow makes the wide letters of a Chinese keyboard plain.
func narrow(r rune) rune {
	if r >= '！' && r <= '～' {
		return r - '！' + '!'
	}
	return r
}

type quoted struct {
	text string
	size int // with both quotes
}

// quotedText reads from an opening quote to the closing one, which is the first of
// its kind, curly or not, that has white space or the end behind it, or in a list a
// comma. So quotes and apostrophes inside are text. Corner brackets close themselves.
func quotedText(s string, list bool) (q quoted, ok bool) {
	open, begin := utf8.DecodeRuneInString(s)
	closes := quoteOf(open)
	for i, r := range s[begin:] {
		end := begin + i + utf8.RuneLen(r)
		next, size := utf8.DecodeRuneInString(s[end:])
		if closes(r) && (size == 0 || unicode.IsSpace(next) || isCorner(open) || list && (partsHosts(next) || next == '`')) {
			return quoted{s[begin : begin+i], end}, true
		}
	}
	return quoted{}, false
}

// quoteOf tells which characters close what r opens, or is nil if r opens nothing.
func quoteOf(r rune) func(rune) bool {
	switch {
	case isDouble(r):
		return isDouble
	case isSingle(r):
		return isSingle
	case r == '「':
		return func(r rune) bool { return r == '」' }
	case r == '『':
		return func(r rune) bool { return r == '』' }
	}
	return nil
}

// unset is a word as it was before something set it nicely, for words that are no ids.
func unset(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case isInvisible(r):
			return -1
		case unicode.Is(unicode.Dash, r):
			return '-'
		}
		return r
	}, s)
}

func isDouble(r rune) bool { return strings.ContainsRune("\"“”„‟«»＂〝〞〟", r) }

func isSingle(r rune) bool { return strings.ContainsRune("'‘’‚‛＇", r) }

func isCorner(r rune) bool { return strings.ContainsRune("「」『』", r) }

// isInvisible is for characters that nobody sees, and that do not change the order of
// what is seen.
func isInvisible(r rune) bool {
	switch r {
	case '\u200b', '\u200c', '\u200d', '\u200e', '\u200f', '\u2060', '\ufeff', '\u00ad':
		return true
	}
	return false
}
