package view

import (
	"strings"
	"unicode/utf8"

	"github.com/bmcmd/bmcmd/approvals"
)

// Script shows a stored script to one person, and what may be filled in by the rule. What does not fit is left out, and
// how much that is stands above it.
func Script(s approvals.Script, may approvals.Parameters) Message {
	p := &page{}
	p.headline("Script " + s.CmdID)
	p.line(label("Alias: "), said(s.Alias, maxName))
	p.line(label("System: "), said(s.OSType, maxName))
	p.line(label("Created: "), say(stamp(s.Created)), say(", "), label("modified: "), say(stamp(s.Modified)))
	p.line(label("Size: "), say(safe(count(len(s.Content), "byte")+", "+count(lines(s.Content), "line"))))
	p.line(label("sha256: "), code(s.SHA256(), maxName))
	p.how(s.How)
	p.takes(s, may)
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

// takes says what is to be filled in, and what rules for the script let be filled in. Which rule it is depends on the hosts.
func (p *page) takes(s approvals.Script, rules approvals.Parameters) {
	names := s.Names()
	if s.How.Type == "" { // by position, for any script
		for _, may := range rules {
			names = append(names, may.Name)
		}
	}
	for _, name := range names {
		row := []span{label("Takes "), code(name, maxName)}
		if value, has := s.How.Default(name); has {
			row = append(row, say(", else "), quoted(value))
		}
		switch may, named := rules.Of(name); {
		case !named:
			row = append(row, say("; no rule lets anybody fill it in"))
		case len(may.Choices) > 0:
			row = append(row, say(": one of "), said(strings.Join(may.Choices, ", "), maxName))
		case may.Match != "":
			row = append(row, say(": what matches "), code(may.Match, maxName), say(", like "), code(may.Example, maxName))
		default:
			row = append(row, say(": letters, digits and @%_+=:,./-, like "), code(may.Example, maxName))
		}
		p.line(row...)
	}
}
