package view

import (
	"unicode/utf8"

	"github.com/bmcmd/bmcmd/approvals"
)

// Script shows a stored script to one person. What does not fit is left out, and
// how much that is stands above it.
func Script(s approvals.Script) Message {
	p := &page{}
	p.headline("Script " + s.CmdID)
	p.line(label("Alias: "), said(s.Alias, maxName))
	p.line(label("System: "), said(s.OSType, maxName))
	p.line(label("Created: "), say(stamp(s.Created)), say(", "), label("modified: "), say(stamp(s.Modified)))
	p.line(label("Size: "), say(safe(count(len(s.Content), "byte")+", "+count(lines(s.Content), "line"))))
	p.line(label("sha256: "), code(s.SHA256(), maxName))
	if !utf8.Valid(s.Content) {
		p.line(say(unreadable(s)))
		return p.message("script")
	}
	p.lookClosely(text{"script", string(s.Content), true, 4}, text{"alias", s.Alias, false, 1})
	shown, notes := scriptText(s.Content)
	kept := headLines(shown, maxCost-p.cost-1600) // blocks and their titles
	if rest := shown[len(kept):]; rest != "" {
		notes = append(notes, "the last "+count(lines([]byte(rest)), "line")+", "+
			count(utf8.RuneCountInString(rest), "character")+", do not fit here")
	}
	p.content(kept, notes)
	return p.message("script")
}
