package bot

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Runbooks leave holes for people to fill in: <instances>, ${HOST}, {host}, <主机>.
// None of them is an id, so one that is still there is named and nothing is asked for.

// bracketed are the holes that bear marks of their own.
var bracketed = regexp.MustCompile(`^(?:[<‹〈《＜][^<>‹›〈〉《》＜＞\n]+[>›〉》＞]|\{\{[^{}\n]+\}\}|[$#]\{[^{}\n]+\}|\$\([^()\n]+\)|\$[\pL\d_]+|%[\pL_][\pL\d_]*%|\{[^{}\n]+\}|\[[^\[\]\n]+\]|【[^【】\n]+】|…+|\.{3,})`)

// holeAt is the hole that s begins with, or empty. What Slack writes for a person or a
// channel is none, nor is a pattern such as {1..3} or [a-c].
func holeAt(s string) string {
	h := bracketed.FindString(s)
	inside := strings.Trim(h, "<‹〈《＜>›〉》＞{}$%[]【】() ")
	switch {
	case h == "", h[0] == '$', h[0] == '#', strings.Trim(h, "….") == "":
		return h
	case strings.ContainsAny(inside[:min(1, len(inside))], "@#!"), strings.IndexFunc(inside, unicode.IsLetter) < 0:
		return ""
	case strings.ContainsAny(h[:1], "{[") && (strings.Contains(inside, "..") || strings.Contains(inside, ",") || len(inside) == 3 && inside[1] == '-'):
		return ""
	}
	return h
}

// unmarked are the holes that look like words: HOST_1, YOUR-INSTANCE, ins-xxxx, 主机1.
var unmarked = regexp.MustCompile(`^(?:\p{Han}+\d*|[_#@]+[A-Za-z]\w*[_#@]+|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|(?:(?:YOUR|THE|MY)[-_]?)?(?:HOST|INSTANCE|SERVER|NODE|MACHINE)S?(?:[-_]?(?:ID|NAME))?[-_]?\d*|(?:[a-z]+-)?[xX]{3,}|(?:[a-z]+-)?[X]{2,})$`)

// fill notes a hole, and answers what stands in for it.
func (w *words) fill(hole string) string {
	w.holes = append(w.holes, hole)
	return standIn + strconv.Itoa(len(w.holes))
}

// fillIn fills the marked holes of a text.
func (w *words) fillIn(s string) string {
	var out strings.Builder
	for s != "" {
		n := len(holeAt(s))
		if n > 0 {
			out.WriteString(w.fill(s[:n]))
		} else {
			_, n = utf8.DecodeRuneInString(s)
			out.WriteString(s[:n])
		}
		s = s[n:]
	}
	return out.String()
}

const standIn = "fill-in-"

// ParseTemplate is [Parse] for a line of a runbook: holes stay open. In the command's
// own words, a word that [IsOpen] stands in for each; in parameters and reason they stay.
// holes are all of them, as written.
func ParseTemplate(line string) (c Command, holes []string, err error) {
	c, holes, err = parse(line)
	return c, append(append(holes, holesIn(c.Reason)...), holesIn(c.Parameters)...), err
}

// IsOpen reports whether a script or host of [ParseTemplate] is still to be filled in.
func IsOpen(id string) bool { return strings.Contains(id, standIn) }

// HasHoles reports whether something in parameters of [ParseTemplate] is still to be filled in.
func HasHoles(parameters string) bool { return len(holesIn(parameters)) > 0 }

// holesIn are the marked holes of a text that is not ids. Patterns of a shell are none, nor
// are 《titles》.
func holesIn(s string) (holes []string) {
	for i := range s {
		if h := holeAt(s[i:]); strings.ContainsAny(h, "<‹＜") || strings.HasPrefix(h, "{{") || strings.HasPrefix(h, "$") && !strings.HasPrefix(h, "$(") {
			holes = append(holes, h)
		}
	}
	return holes
}

func unfilled(hole string) error {
	return wrong("%q is to be filled in: put in its place what it stands for, and send the line again. Scripts look like cmd-nozcbhuw, instances like ins-1.", cut(hole))
}
