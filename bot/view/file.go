package view

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/bmcmd/bmcmd/approvals"
)

// headMark begins the headline of a host in a result's file. No line of an output
// begins with it.
const headMark = "========"

// maxFile bounds a result's file, in bytes: it is held in memory.
const maxFile = 32 << 20

// resultFile is every host of a run with all that it printed, the worst first. lacks
// is how many outputs did not fit even there.
func resultFile(r approvals.Request, out approvals.Outputs) (file []byte, lacks int) {
	var b bytes.Buffer
	line := func(parts ...string) {
		for _, s := range parts {
			b.WriteString(s)
		}
		b.WriteByte('\n')
	}
	line("Request ", inline(r.ID), ": ", what(r))
	line(string(state(r)), ".")
	if r.Follow.Why != "" {
		line("Why: ", inline(r.Follow.Why))
	}
	for _, task := range r.Follow.Tasks {
		line("Task ", inline(task))
	}
	if mixed(r) {
		line("These tasks cannot be told apart; what follows is of each of them.")
	}
	if p := r.Plan; p != nil {
		line("Script ", inline(p.Script.CmdID), ", sha256 ", p.Script.SHA256(), ", approved with digest ", string(r.Digest))
		line("Login ", inline(p.Login.Name), ", user ", inline(p.Login.User))
	}
	line("Characters that cannot be seen are written as \\u{…}, bytes that are no UTF-8 as \\x{…}.")
	for _, h := range ordered(r) {
		line()
		lacks += fileHost(&b, r, h, out)
	}
	return b.Bytes(), lacks
}

func fileHost(b *bytes.Buffer, r approvals.Request, h approvals.HostResult, out approvals.Outputs) (lacks int) {
	b.WriteString(headMark + " " + unmarked(hostRow(r, h)) + " " + headMark + "\n")
	for _, c := range h.Drift {
		b.WriteString("Differs: " + inline(c.What) + "\napproved was: " + inline(c.Was) + "\nwhat ran was: " + inline(c.Is) + "\n")
		if c.Diff != "" {
			b.WriteString(printedLines(c.Diff))
		}
	}
	printed, kept := out[approvals.OutputKey(h.Task, h.Host)]
	switch {
	case len(printed) == 0 && h.Output > 0 && !kept:
		b.WriteString("(" + count(h.Output, "byte") + " of output, not kept)\n")
	case len(printed) == 0:
		b.WriteString("(no output)\n")
	default:
		text := ""
		if b.Len()+len(printed) <= maxFile { // what is spelled out only gets longer
			text = printedLines(string(printed))
		}
		if text == "" || b.Len()+len(text) > maxFile {
			b.WriteString("(" + count(len(printed), "byte") + " of output, left out: this file would be too long)\n")
			return 1
		}
		b.WriteString(text)
	}
	return 0
}

// printedLines is text of others in a file: nothing in it is hidden, and no line
// looks like one of our headlines.
func printedLines(s string) string {
	if n := strings.Count(s, "\r\n"); n > 0 && n == strings.Count(s, "\n") {
		s = strings.ReplaceAll(s, "\r\n", "\n")
	}
	s = Visible(s)
	if strings.Contains(s, headMark) {
		all := strings.Split(s, "\n")
		for i, l := range all {
			if strings.HasPrefix(l, headMark) {
				c, n := utf8.DecodeRuneInString(l)
				all[i] = string(spell(nil, c)) + l[n:]
			}
		}
		s = strings.Join(all, "\n")
	}
	if !strings.HasSuffix(s, "\n") {
		s += "\n"
	}
	return s
}
