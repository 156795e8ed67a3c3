package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// line is one line of a play. README.md of this folder tells the language.
type line struct {
	n    int
	verb verb
	who  string // a person's name
	at   string // a channel's name, or "thread"; empty: where the play is
	what string
	text string
	num  int
}

type verb string

const (
	vHeading verb = "heading" // = text
	vSays    verb = "says"    // NAME [in #CHANNEL|in thread]: TEXT
	vPresses verb = "presses" // NAME presses BUTTON [on the old card][: TEXT]
	vSees    verb = "sees"    // NAME sees: TEXT
	vCard    verb = "card"    // card says: TEXT, card offers: BUTTONS
	vThread  verb = "thread"  // thread says: TEXT
	vFile    verb = "file"    // file says: TEXT, of files in the thread; no file
	vNoCard  verb = "no card" // no card
	vSent    verb = "sent"    // sent: N
	vRan     verb = "ran"     // ran: SCRIPT on HOSTS [with PARAMETERS]
	vWorld   verb = "world"   // something happens to the world
)

var lineForms = []struct {
	form *regexp.Regexp
	make func(m []string) (line, error)
}{
	{regexp.MustCompile(`^= (.+)$`), func(m []string) (line, error) { return line{verb: vHeading, text: m[1]}, nil }},
	{regexp.MustCompile(`^(\w+) presses ([\w ]+?)( on the old card)?(?:: (.+))?$`), func(m []string) (line, error) {
		return line{verb: vPresses, who: m[1], what: m[2], at: strings.TrimPrefix(m[3], " on the "), text: m[4]}, nil
	}},
	{regexp.MustCompile(`^card (says|does not say|offers): (.+)$`), func(m []string) (line, error) {
		return line{verb: vCard, what: m[1], text: m[2]}, nil
	}},
	{regexp.MustCompile(`^thread (says|does not say): (.+)$`), func(m []string) (line, error) {
		return line{verb: vThread, what: m[1], text: m[2]}, nil
	}},
	{regexp.MustCompile(`^file (says|does not say): (.+)$`), func(m []string) (line, error) {
		return line{verb: vFile, what: m[1], text: m[2]}, nil
	}},
	{regexp.MustCompile(`^no file$`), func([]string) (line, error) { return line{verb: vFile, what: "none"}, nil }},
	{regexp.MustCompile(`^no card$`), func([]string) (line, error) { return line{verb: vNoCard}, nil }},
	{regexp.MustCompile(`^sent: (\d+)$`), func(m []string) (line, error) {
		n, err := strconv.Atoi(m[1])
		return line{verb: vSent, num: n}, err
	}},
	{regexp.MustCompile(`^ran: (.+)$`), func(m []string) (line, error) { return line{verb: vRan, text: m[1]}, nil }},
	{regexp.MustCompile(`^(\w+) (sees|does not see): (.+)$`), func(m []string) (line, error) {
		return line{verb: vSees, who: m[1], what: m[2], text: m[3]}, nil
	}},
	{regexp.MustCompile(`^(\w+)(?: in (#\w+|thread))?: (.+)$`), func(m []string) (line, error) {
		return line{verb: vSays, who: m[1], at: strings.TrimPrefix(m[2], "#"), text: m[3]}, nil
	}},
}

// parseLine reads one line; ok is false for an empty line or a comment.
func parseLine(n int, s string) (l line, ok bool, err error) {
	s = strings.TrimRight(s, "\r\n")
	if t := strings.TrimSpace(s); t == "" || strings.HasPrefix(t, "#") {
		return line{}, false, nil
	}
	for _, f := range lineForms {
		if m := f.form.FindStringSubmatch(s); m != nil {
			l, err = f.make(m)
			l.n = n
			l.text = unescape(l.text)
			return l, true, err
		}
	}
	if _, known := findWorld(s); known {
		return line{n: n, verb: vWorld, text: s}, true, nil
	}
	return line{}, false, fmt.Errorf("line %d: I do not understand %q; a line looks like `alice: /bmcmd help` or `bob presses Approve`", n, s)
}

// unescape gives \n, \t, \u{…} and \x{…}, which is a byte, their meaning, so that
// every play is one line a step.
func unescape(s string) string {
	s = strings.NewReplacer(`\n`, "\n", `\t`, "\t").Replace(s)
	return runeForm.ReplaceAllStringFunc(s, func(m string) string {
		n, err := strconv.ParseUint(m[3:len(m)-1], 16, 32)
		switch {
		case err != nil:
			return m
		case m[1] == 'x':
			return string([]byte{byte(n)})
		}
		return string(rune(n))
	})
}

var runeForm = regexp.MustCompile(`\\(?:u\{[0-9A-Fa-f]{1,6}|x\{[0-9A-Fa-f]{2})\}`)

// parsePlay reads a whole play.
func parsePlay(text string) ([]line, error) {
	var out []line
	for i, s := range strings.Split(text, "\n") {
		l, ok, err := parseLine(i+1, s)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, l)
		}
	}
	return out, nil
}
