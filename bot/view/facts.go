package view

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bmcmd/bmcmd/approvals"
)

// How much of a long fact Text takes, so that all facts have a place in it.
const (
	textHosts      = 900
	textParameters = 700
	textReason     = 500
)

// facts are what was asked for and what would be done. Long ones are cut to most
// characters each; 0: shown whole.
func (p *page) facts(r approvals.Request, most int) {
	asked := []span{label("Request: "), code(r.ID, maxID), say(", asked by "), user(r.Requester.User)}
	if !r.Received.IsZero() {
		asked = append(asked, say(" "), at(r.Received))
	}
	p.line(asked...)
	p.oddRequest(r)
	if r.Asked.Again != "" {
		p.line(say("Asked once more, after "), code(r.Asked.Again, maxID))
	}
	p.reason(r.Asked.Reason, most)
	if r.Asked.Alias != "" {
		p.line(say("Asked for by the alias "), said(r.Asked.Alias, maxName))
	}
	if r.Plan == nil {
		p.line(label("Script: "), code(r.Asked.Script, maxName))
	} else {
		p.scriptFacts(r.Plan.Script)
	}
	p.hosts(r, most)
	p.parameters(r, most)
	if r.Plan != nil {
		p.plan(*r.Plan)
		p.filledIn(r.Plan.Edits)
	}
}

func (p *page) reason(s string, most int) {
	if s == "" {
		p.line(label("Reason: "), say("none given"))
		return
	}
	p.passage("Reason", s, most)
}

func (p *page) hosts(r approvals.Request, most int) {
	all := hosts(r)
	title := safe("Hosts (" + strconv.Itoa(len(all)) + ")")
	if r.Plan != nil && len(r.Plan.Seen) > 0 {
		all = namesBeside(all, r.Plan.Seen)
	}
	p.write(title + ": " + escape(cut(hostList(all), textHosts)))
	p.pre(title, short(hostLines(all), most))
	if r.Plan != nil {
		p.matched(*r.Plan)
	}
	if r.Asked.Typed != nil {
		row := []span{say("Typed as "), said(hostList(r.Asked.Typed), 300)}
		if len(r.Asked.Typed) > len(all) {
			row = append(row, say("; what means one machine counts once"))
		}
		p.line(row...)
	}
	if len(r.Asked.Repeated) > 0 {
		p.line(say("Typed more than once, counted once: "), said(hostList(r.Asked.Repeated), 300))
	}
}

func (p *page) parameters(r approvals.Request, most int) {
	s := parameters(r)
	if s == "" {
		p.line(label("Parameters: "), say("none"))
		return
	}
	shown := shownParameters(s)
	notes := edges(s)
	p.write("Parameters: " + continued(shown, textParameters) + notes)
	p.pre("Parameters", short(shown, most), spans(notes)...)
}

func parameters(r approvals.Request) string {
	if r.Plan != nil {
		return r.Plan.Parameters
	}
	return r.Asked.Parameters
}

// plan is as whom, by which rule, for how long.
func (p *page) plan(plan approvals.Plan) {
	row := []span{label("Login: "), said(plan.Login.Name, maxName), say(", user "), code(plan.Login.User, maxName), say(" on the hosts")}
	if stored := plan.Script.How.User; stored != "" && stored != plan.Login.User {
		row = append(row, say("; the script is stored with the user "), code(stored, maxName))
	}
	p.line(row...)
	p.line(label("Rule: "), said(plan.Rule.Name, maxName), say(", "+safe(count(plan.Rule.Quorum, "approval"))+" needed"))
}

// namesBeside are hosts with what is called their name.
func namesBeside(all []string, seen []approvals.HostNote) (out []string) {
	for _, h := range all {
		if i := slices.IndexFunc(seen, func(n approvals.HostNote) bool { return n.Host == h && n.Name != "" }); i >= 0 {
			h += " (" + seen[i].Name + ")"
		}
		out = append(out, h)
	}
	return out
}

// matched is what of the hosts the rule went by, where that is not their ids, and that they were not looked up.
func (p *page) matched(plan approvals.Plan) {
	var by []string
	hosts := map[string][]string{}
	for _, n := range plan.Seen {
		if n.Matched != "" && hosts[n.Matched] == nil {
			by = append(by, n.Matched)
		}
		hosts[n.Matched] = append(hosts[n.Matched], n.Host)
	}
	for _, m := range by {
		which := said(hostList(hosts[m]), 300)
		if len(hosts[m]) == len(plan.Hosts) {
			which = say("all of them")
		}
		p.line(say("Matched by "), said(m, maxName), say(": "), which)
	}
	if plan.Blind {
		p.line(label("Take care: "), say("these hosts were not checked. The cloud did not tell whether they are there, what they are called, and whether they run."))
	}
}

// target is which cloud is called.
func target(t approvals.Target) string {
	endpoint, _, _ := strings.Cut(t.Endpoint, "?")
	s := "API " + t.API + " at " + endpoint
	if t.Region != "" {
		s += ", region " + t.Region
	}
	if t.AppID != "" {
		s += ", account " + t.AppID
	}
	return s
}

func short(s string, most int) string {
	if most == 0 {
		return s
	}
	return cut(s, most)
}

// hostList is all hosts in one line.
func hostList(all []string) string { return inline(strings.Join(all, ", ")) }

// hostLines is one host a line, or several where there are many.
func hostLines(all []string) string {
	perLine := 1
	if len(all) > 12 {
		perLine = 6
	}
	var b strings.Builder
	for i, h := range all {
		switch {
		case i == 0:
		case i%perLine == 0:
			b.WriteByte('\n')
		default:
			b.WriteString("  ")
		}
		b.WriteString(inline(h))
	}
	return b.String()
}

// shownParameters has tabs spelled out, and text that is nothing but blanks wholly.
func shownParameters(s string) string {
	if strings.TrimSpace(s) == "" {
		return spellAll(s)
	}
	return visible(gathered(s), "\n")
}

// edges tells what is easily overlooked in parameters.
func edges(s string) safe {
	var notes []string
	add := func(n int, noun, where string) {
		if n > 0 {
			notes = append(notes, count(n, noun)+where)
		}
	}
	blanks := func(t string) int { return utf8.RuneCountInString(s) - utf8.RuneCountInString(t) }
	if trimmed := strings.TrimSpace(s); trimmed != "" {
		add(blanks(strings.TrimLeftFunc(s, unicode.IsSpace)), "blank", " at the start")
		add(blanks(strings.TrimRightFunc(s, unicode.IsSpace)), "blank", " at the end")
	}
	add(strings.Count(s, "\n"), "line end", " in it")
	add(strings.Count(s, "\t"), "tab", " in it, spelled out")
	if len(notes) == 0 {
		return ""
	}
	return safe(" (" + strings.Join(notes, ", ") + ")")
}
