package view

import (
	"github.com/bmcmd/bmcmd/approvals"
)

// How much a status takes of long texts and of many events.
const (
	statusFact   = 1000
	statusNote   = 150
	statusEvents = 20
)

// Status tells one person how a request stands, and all that happened to it. It does
// not show the script's text: who may see that is another rule.
func Status(k approvals.Kept, events []approvals.Event, address string) Message {
	r := k.Request
	p := &page{}
	p.headline(string(state(r)) + ": " + what(r))
	if address != "" {
		p.line(link(address, "Open the card"))
	}
	p.news(r)
	p.until(r)
	p.facts(r, statusFact)
	if r.Plan != nil {
		p.line(label("Digest "), code(string(r.Digest)))
	}
	p.timeline(events)
	return p.message("status")
}

func (p *page) timeline(events []approvals.Event) {
	if len(events) == 0 {
		return
	}
	p.flush()
	p.line(label("What happened"))
	if over := len(events) - statusEvents; over > 0 {
		p.line(say(safe(count(over, "earlier event"))))
		events = events[over:]
	}
	for _, e := range events {
		row := []span{atSecond(e.At), say(" " + happened(e))}
		if e.By.User != "" {
			row = append(row, say(", "), user(e.By.User))
		}
		if e.Note != "" {
			row = append(row, say(": "), said(cut(inline(e.Note), statusNote)))
		}
		p.line(row...)
	}
}

var moves = map[string]safe{
	"receive": "asked",
	"prepare": "script and rules looked up",
	"open":    "card posted, people may decide",
	"refuse":  "refused",
	"vote":    "approved",
	"deny":    "denied",
	"cancel":  "cancelled",
	"expire":  "expired",
	"wait":    "cannot go on yet",
	"run":     "Run pressed",
	"claim":   "claimed, being sent",
	"answer":  "the API’s answer is stored",
	"lose":    "no answer was stored in time",
}

// happened is the move in people's words, and where it led.
func happened(e approvals.Event) safe {
	words, ok := moves[e.Move]
	if !ok {
		return escape(cut(inline(e.Move), statusNote))
	}
	if e.To != "" && e.To != e.From && e.Move != "receive" {
		words += " → " + escape(inline(string(e.To)))
	}
	return words
}
