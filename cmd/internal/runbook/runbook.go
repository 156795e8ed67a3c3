// Package runbook finds the bot's command lines in a Markdown file: lines of code
// blocks, and inline code, that begin with the slash command. Prose that only
// mentions the command is not a line to run, and neither is an inline name of the
// command alone.
package runbook

import (
	"regexp"
	"strings"
)

// Line is one command line of a runbook.
type Line struct {
	N    int    // line number, from 1
	Text string // after the slash command, as it would be typed
	Hole string // the first placeholder in it, such as <instances>, or empty
}

var (
	inline = regexp.MustCompile("`([^`]+)`")
	hole   = regexp.MustCompile(`<[A-Za-z][^<>]*>|\{\{[^}]*\}\}|\$\{?[A-Z_]+\}?`)
	quote  = regexp.MustCompile(`^ {0,3}> ?`)
)

// Filled is Text with every placeholder replaced by word, so that the rest of
// the line can be parsed.
func (l Line) Filled(word string) string { return hole.ReplaceAllLiteralString(l.Text, word) }

// Lines finds the lines in text that begin with command, such as "/bmcmd".
func Lines(text, command string) []Line {
	var out []Line
	add := func(n int, s string, alone bool) {
		s = strings.TrimPrefix(strings.TrimLeft(s, " \t"), "$ ")
		rest, ok := strings.CutPrefix(s, command)
		if !ok || rest == "" && !alone || rest != "" && rest[0] != ' ' && rest[0] != '\t' {
			return
		}
		rest = strings.TrimLeft(rest, " \t")
		out = append(out, Line{N: n, Text: rest, Hole: hole.FindString(rest)})
	}
	fence := ""
	for i, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		for quote.MatchString(line) {
			line = line[len(quote.FindString(line)):]
		}
		mark, info := fenceOf(line)
		switch {
		case fence == "" && mark != "" && !strings.Contains(info, "`"):
			fence = mark
		case fence != "" && strings.HasPrefix(mark, fence) && info == "":
			fence = ""
		case fence != "" || strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "\t"):
			add(i+1, line, true)
		default:
			for _, m := range inline.FindAllStringSubmatch(line, -1) {
				add(i+1, m[1], false)
			}
		}
	}
	return out
}

// fenceOf is the ``` or ~~~ that line opens or closes a code block with, and what
// stands behind it. A block may be deep inside a list.
func fenceOf(line string) (mark, info string) {
	s := strings.TrimLeft(line, " \t")
	for _, c := range []string{"`", "~"} {
		if n := len(s) - len(strings.TrimLeft(s, c)); n >= 3 {
			return s[:n], strings.TrimSpace(s[n:])
		}
	}
	return "", ""
}
