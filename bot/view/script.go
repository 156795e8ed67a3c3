package view

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/bmcmd/bmcmd/approvals"
)

// scriptFacts is what a script is, without its text.
func (p *page) scriptFacts(s approvals.Script) {
	alias := say("without an alias")
	if s.Alias != "" {
		alias = said(s.Alias, maxName)
	}
	p.line(label("Script: "), alias, say(", "), code(s.CmdID, maxName), say(", "), said(s.OSType, 60),
		say(", modified "+stamp(s.Modified)))
	p.line(label("sha256: "), code(s.SHA256(), maxName))
	p.how(s.How)
}

// how is how a script is run, where the API keeps that beside it.
func (p *page) how(h approvals.How) {
	if h.Type == "" {
		return
	}
	row := []span{label("Type: "), said(h.Type, 60), say(", stopped after " + lasting(h.Timeout)), say(", in ")}
	if h.Dir == "" {
		row = append(row, say("the user’s own directory"))
	} else {
		row = append(row, code(h.Dir, maxName))
	}
	p.line(row...)
	if h.Bucket != "" {
		p.line(label("Output is copied to "), code(strings.TrimSpace(h.Bucket+" "+h.Prefix), maxName))
	}
}

// The marks around what was filled into a script. In the script itself they are spelled out.
const fillBegins, fillEnds = "⟦", "⟧"

var spelled = strings.NewReplacer(fillBegins, `\u{27e6}`, fillEnds, `\u{27e7}`)

// marked is the text that runs, with marks around what was filled in.
func marked(p approvals.Plan) []byte {
	if !slices.ContainsFunc(p.Edits, func(e approvals.Edit) bool { return e.Name != "" }) {
		return p.Text()
	}
	return p.TextWith(func(kept []byte) []byte { return []byte(spelled.Replace(string(kept))) }, func(e approvals.Edit) string {
		if e.Name == "" {
			return spelled.Replace(e.Put)
		}
		return fillBegins + spelled.Replace(e.Put) + fillEnds
	})
}

// filledIn says what was filled in.
func (p *page) filledIn(edits []approvals.Edit) {
	row := []span{label("Filled in, between " + fillBegins + " and " + fillEnds + " below: ")}
	told := map[string]bool{"": true}
	for _, e := range edits {
		if !told[e.Name] {
			if len(told) > 1 {
				row = append(row, say(", "))
			}
			row = append(row, code(e.Name, maxName), say(" "), quoted(e.Put))
		}
		told[e.Name] = true
	}
	if len(told) > 1 {
		p.line(row...)
	}
}

// scriptText is a script as it is shown, and what has to be said of it.
func scriptText(content []byte) (shown string, notes []string) {
	s := string(content)
	ends, windows := strings.Count(s, "\n"), strings.Count(s, "\r\n")
	switch {
	case windows == 0:
	case windows == ends:
		s = strings.ReplaceAll(s, "\r\n", "\n")
		notes = append(notes, "has Windows line endings (CR LF)")
	default:
		notes = append(notes, "has Windows line endings (CR LF) on "+number(windows)+" of "+number(ends)+" lines")
	}
	shown = Visible(gathered(s))
	if strings.TrimSpace(shown) == "" {
		shown = spellAll(s)
	}
	return shown, notes
}

func noted(notes []string) safe {
	if len(notes) == 0 {
		return ""
	}
	return safe(" (" + strings.Join(notes, "; ") + ")")
}

// content adds a script's text, whole.
func (p *page) content(shown string, notes []string) {
	if shown == "" {
		p.line(say("The script is empty."))
		return
	}
	if n := noted(notes); n != "" {
		p.write("The script" + n)
	}
	p.flush() // a script begins a block of its own
	p.pre("The script", shown, spans(noted(notes))...)
	p.script = shown
}

func spans(s safe) []span {
	if s == "" {
		return nil
	}
	return []span{say(s)}
}

// unreadable says that a script is no text.
func unreadable(s approvals.Script) safe {
	return safe("It is not UTF-8 text, so it is not shown: " + count(len(s.Content), "byte") + ".")
}

// headLines is the start of s with a size of at most most, of whole lines if that
// leaves anything.
func headLines(s string, most int) string {
	kept := head(s, most)
	if len(kept) == len(s) {
		return s
	}
	if nl := strings.LastIndexByte(kept, '\n'); nl > 0 {
		return kept[:nl+1]
	}
	return kept
}

// lines counts lines, the last one also without its line end.
func lines(b []byte) int {
	n := bytes.Count(b, []byte("\n"))
	if len(b) > 0 && b[len(b)-1] != '\n' {
		n++
	}
	return n
}

// longest names what takes most of a card, for an error.
func longest(r approvals.Request) string {
	all := []struct {
		name string
		size int
	}{
		{"the script has ", scriptSize(r)},
		{"the parameters have ", size(parameters(r))},
		{"the list of " + strconv.Itoa(len(hosts(r))) + " hosts has ", size(hostLines(hosts(r)))},
		{"the reason has ", size(r.Asked.Reason)},
	}
	most := all[0]
	for _, a := range all[1:] {
		if a.size > most.size {
			most = a
		}
	}
	return most.name + count(most.size, "character")
}

func scriptSize(r approvals.Request) int {
	if r.Plan == nil {
		return 0
	}
	return size(string(marked(*r.Plan)))
}
