package view

import (
	"strconv"
	"strings"

	"github.com/bmcmd/bmcmd/approvals"
)

// ScriptsPage is how many scripts stand on a page of [Scripts].
const ScriptsPage = 20

// Scripts shows a page of the stored scripts that somebody may see, without their
// contents. total is how many there are on all pages, nth is which page this is, from
// 1, search what was searched for, or empty.
func Scripts(list []approvals.Script, total, nth int, search string, more bool) Message {
	p := &page{}
	pages := (total + ScriptsPage - 1) / ScriptsPage
	p.line(scriptsTitle(total, search)...)
	switch {
	case len(list) == 0 && total > 0:
		p.line(say(safe("There is no page "+strconv.Itoa(nth)+", the last is "+strconv.Itoa(pages)+". Type ")), nextPage(search, pages))
	case pages > 1:
		p.line(say(safe("Page " + strconv.Itoa(nth) + " of " + strconv.Itoa(pages) + ", newest first.")))
	}
	for _, s := range list {
		p.scriptRow(s)
	}
	if len(list) > 0 && nth < pages {
		p.line(say("For the next page type "), nextPage(search, nth+1))
	}
	if more {
		p.line(say("There are more scripts than I looked at. Search for a part of the name: "), code("list scripts web", maxName))
	}
	return p.message("scripts")
}

func scriptsTitle(total int, search string) []span {
	switch {
	case total == 0 && search == "":
		return []span{say("There is no stored script that you may see from here.")}
	case total == 0:
		return []span{say("No stored script that you may see from here has “"), said(search, 60), say("” in its id or alias.")}
	case search == "":
		return []span{label(safe(count(total, "stored script"))), say(" that you may see from here")}
	}
	return []span{label(safe(count(total, "stored script"))), say(" that you may see from here, with “"), said(search, 60), say("” in id or alias")}
}

func (p *page) scriptRow(s approvals.Script) {
	row := []span{say("• "), code(s.CmdID, 60)}
	if s.Alias != "" {
		row = append(row, say("  "), said(s.Alias, 80))
	}
	row = append(row, say(", "), said(s.OSType, 40), say(", modified "+stamp(s.Modified)))
	p.line(row...)
}

// nextPage is what to type for page nth.
func nextPage(search string, nth int) span {
	words := "list scripts "
	if strings.ContainsAny(search, " \t") {
		search = `"` + search + `"`
	}
	if search != "" {
		words += search + " "
	}
	return code(words+"page "+strconv.Itoa(nth), maxName)
}
