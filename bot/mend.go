package bot

import (
	"errors"
	"slices"
	"strings"
	"unicode"
)

// People write to a bot as to a colleague, and copy ids from texts that were set nicely.
// Where that leaves no doubt what is to run, it is understood; else the answer ends in
// the whole line as it may have been meant. Nothing inside an id is changed silently.

// mostMended bounds how many words of a line are put right.
const mostMended = 20

// meant says that a word of the line is wrong, and what it should be.
func meant(typed, means, text string) error {
	return &ParseError{Text: text, typed: typed, means: means}
}

// mended is e with the whole line put right, if only such words are wrong in it.
func mended(line string, e ParseError) error {
	next := &e
	for range mostMended {
		var ok bool
		if line, ok = replaceWord(line, next.typed, next.means); !ok {
			break
		}
		c, holes, err := parse(line)
		if err == nil && len(holes) == 0 {
			e.Text += " If so, paste this behind my name:"
			e.Paste = plainBlanks(line, c.Parameters)
			break
		}
		if !errors.As(err, &next) || next.typed == "" {
			break
		}
	}
	return &e
}

// plainBlanks has the blanks before the parameters as a keyboard types them: others could
// not be pasted from where they are shown.
func plainBlanks(line, parameters string) string {
	own := strings.LastIndex(line, parameters)
	return strings.Map(func(r rune) rune {
		switch {
		case isInvisible(r):
			return -1
		case unicode.Is(unicode.Zs, r):
			return ' '
		}
		return r
	}, line[:own]) + line[own:]
}

// replaceWord puts means where typed first stands by itself.
func replaceWord(line, typed, means string) (string, bool) {
	for at := 0; typed != ""; {
		i := strings.Index(line[at:], typed)
		if i < 0 {
			break
		}
		begin, end := at+i, at+i+len(typed)
		before, after := strings.TrimRightFunc(line[:begin], partOfWord), strings.TrimLeftFunc(line[end:], partOfWord)
		if len(before) == begin && len(after) == len(line)-end {
			if means == "" {
				after = strings.TrimLeftFunc(after, unicode.IsSpace)
			}
			if means == "" && after == "" {
				before = strings.TrimRightFunc(before, unicode.IsSpace)
			}
			return before + means + after, true
		}
		at = end
	}
	return line, false
}

func partOfWord(r rune) bool {
	return unicode.In(r, unicode.L, unicode.N, unicode.Dash, unicode.Cf) || r == '_' || r == '.'
}

// polite are words before a command that ask for nothing, and fillers those between ids.
var (
	polite  = strings.Fields("hey hi hello hallo hola yo dear ok okay well yes so and then now please pls plz kindly bitte could can would will you u just thanks thx morning good 请 請 你好 您好 好 好的 嗨 麻烦 麻烦你")
	fillers = strings.Fields("and or also plus then please pls plz now on to with for in at the both host hosts instance instances und oder auf bitte 和 与 跟 以及 请")
)

// isPolite reports whether a word is courtesy or a sign that stands alone. A > is none:
// it begins a quote.
func isPolite(s string) bool {
	s = strings.ToLower(unset(s))
	if strings.ContainsAny(s, ">＞") {
		return false
	}
	s = strings.TrimFunc(s, func(r rune) bool { return !unicode.In(r, unicode.L, unicode.M, unicode.N) })
	return s == "" || slices.Contains(polite, s)
}

// mostPolite is how many words may stand before a mention.
const mostPolite = 6

// inPassing says why a line is not taken: its mention stands in the middle of a text, and
// that may deny it, quote it or tell of it.
func inPassing(t Typed) error {
	before := strings.Fields(t.Before)
	if len(before) <= mostPolite && !slices.ContainsFunc(before, func(s string) bool { return !isPolite(s) }) {
		return nil
	}
	c, err := Parse(t.Text)
	if err != nil || c.Verb == VerbHelp {
		return wrong("You mention me in the middle of a text, so I did nothing. If you want something of me, begin a message with my name; help says what there is.")
	}
	return &ParseError{Text: "You mention me in the middle of a text, so I did nothing. If you want it done, begin a message with my name and paste this behind it:", Paste: t.Text}
}

// notAnID says that a word is none of ours.
func notAnID(s string) error {
	if !slices.Contains(fillers, strings.ToLower(s)) {
		return nil
	}
	return meant(s, "", `"`+s+`" is a word, and no script or instance. Part instances by commas or spaces only.`)
}
