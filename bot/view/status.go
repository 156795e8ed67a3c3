package view

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bmcmd/bmcmd/approvals"
)

// How much a status takes of long texts and of many events.
const (
	statusFact   = 800
	statusNote   = 120
	statusEvents = 20
)

// Status tells one person how a request stands, and all that happened to it. It does
// not show the script's text: who may see that is another rule.
func Status(k approvals.Kept, events []approvals.Event, address string) Message {
	r := k.Request
	p := &page{}
	p.headline(headline(r))
	if open, ok := link(address, "Open the card"); ok {
		p.line(open)
	}
	p.news(r)
	if len(r.Changes) > 0 {
		p.line(label("Changed since it was approved: "), said(changed(r.Changes), statusNote))
	}
	p.until(r)
	p.weak(r)
	p.facts(r, statusFact)
	if r.Plan != nil {
		if !utf8.Valid(r.Plan.Script.Content) {
			p.line(say(unreadable(r.Plan.Script)))
		}
		p.line(label("Digest: "), code(string(r.Digest), maxName))
	}
	if row := auditRow(r); row != nil {
		p.line(row...)
	}
	p.timeline(events, r)
	return p.message("status")
}

func changed(all []approvals.Change) string {
	var names []string
	for _, c := range all {
		names = append(names, c.What)
	}
	return strings.Join(names, ", ")
}

func (p *page) timeline(events []approvals.Event, r approvals.Request) {
	if n := r.Refused.All; n > 0 {
		p.line(label("Not taken: "), say(safe(count(n, "click"))), say(" by people who could not decide then; the audit has who they are"))
	}
	if len(events) == 0 {
		return
	}
	p.flush()
	p.line(label("What happened"))
	rows := newest(events, maxCost-p.cost-1000)
	if over := max(r.Events, len(events)) - len(rows); over > 0 {
		p.line(say(safe(count(over, "earlier event"))))
	}
	for _, row := range rows {
		p.line(row...)
	}
}

// newest are the rows of the last events, as many as room allows.
func newest(events []approvals.Event, room int) [][]span {
	var rows [][]span
	for _, e := range slices.Backward(events) {
		row := eventRow(e)
		room -= 2 * elementCost // the line end, and a share of the block
		for _, s := range row {
			room -= s.size + elementCost
		}
		if room < 0 || len(rows) == statusEvents {
			break
		}
		rows = append(rows, row)
	}
	slices.Reverse(rows)
	return rows
}

func eventRow(e approvals.Event) []span {
	row := []span{atSecond(e.At), say(" " + happened(e))}
	if e.By.User != "" {
		row = append(row, say(", "), user(e.By.User))
	}
	if e.Note != "" {
		row = append(row, say(": "), said(e.Note, statusNote))
	}
	return row
}

var moves = map[string]safe{
	"receive":   "asked",
	"prepare":   "script and rules looked up",
	"open":      "card posted, people may decide",
	"refuse":    "refused",
	"vote":      "approved",
	"deny":      "denied",
	"reason":    "one more reason",
	"cancel":    "cancelled",
	"expire":    "expired",
	"wait":      "cannot go on yet",
	"run":       "Run pressed",
	"claim":     "claimed by a worker, being sent",
	"answer":    "the API’s answer",
	"lose":      "no answer was stored in time",
	"find":      "found in the API’s list of tasks",
	"alarm":     "a host ran something else than was approved",
	"doubt":     "not sent: the API has a task that may be this run",
	"adopt":     "it ran, its task was found",
	"ask":       "people have to say whether it ran",
	"settle":    "said what they found",
	"stop":      "to be stopped where it has not ended",
	"unstopped": "the cloud has not confirmed that it is stopped",
	"stopped":   "the cloud was told to stop it",
	"lift":      "its hosts are free for other runs",
	"report":    "its hosts have ended; to be confirmed",
	"finish":    "followed to its end",
}

// happened is the move in people's words.
func happened(e approvals.Event) safe {
	if click, ok := strings.CutPrefix(e.Move, "refused "); ok {
		return "not taken: " + escape(cutLine(strings.ReplaceAll(click, "_", " "), statusNote))
	}
	words, ok := moves[e.Move]
	if !ok {
		return escape(cutLine(e.Move, statusNote))
	}
	if e.Move == "vote" && e.To == approvals.Approved {
		words += ", and that is enough"
	}
	return words
}
