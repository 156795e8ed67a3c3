// Package runbook finds the bot's command lines in a Markdown file: lines of code
// blocks, and inline code, that begin with the slash command. Prose that only
// mentions the command is not a line to run.
package runbook

import (
	"regexp"
	"strings"
)

// Line is one command line of a runbook.
type Line struct {
	N    int    // line number, from 1
	Text string // after the slash command, as it would be typed
	Hole string // a placeholder in it, such as <instances>, or empty
}

var (
	inline = regexp.MustCompile("`([^`]+)`")
	hole   = regexp.MustCompile(`<[A-Za-z][^<>]*>|\{\{[^}]*\}\}|\$\{?[A-Z_]+\}?`)
)

// Lines finds the lines in text that begin with command, such as "/bmcmd".
func Lines(text, command string) []Line {
	var out []Line
	add := func(n int, s string) {
		s = strings.TrimPrefix(strings.TrimLeft(s, " \t"), "$ ")
		rest, ok := strings.CutPrefix(s, command)
		if ok && (rest == "" || rest[0] == ' ') {
			out = append(out, Line{N: n, Text: strings.TrimPrefix(rest, " "), Hole: hole.FindString(rest)})
		}
	}
	fence := ""
	for i, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		mark := fenceOf(line)
		switch {
		case fence == "" && mark != "":
			fence = mark
		case fence != "" && strings.HasPrefix(mark, fence):
			fence = ""
		case fence != "" || strings.HasPrefix(line, "    "):
			add(i+1, line)
		default:
			for _, m := range inline.FindAllStringSubmatch(line, -1) {
				add(i+1, m[1])
			}
		}
	}
	return out
}

// fenceOf is the ``` or ~~~ that line opens or closes a code block with.
func fenceOf(line string) string {
	s := strings.TrimLeft(line, " >")
	for _, c := range []string{"`", "~"} {
		if n := len(s) - len(strings.TrimLeft(s, c)); n >= 3 {
			return s[:n]
		}
	}
	return ""
}
