package view

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bmcmd/bmcmd/approvals"
)

// reserve is the room on a card for what changes: headline, advice, decisions,
// answers, buttons. A card that leaves it free at first fits in every later state.
const reserve = 3600

// How much of each changing text a card takes.
const (
	newsWhy       = 500
	newsMessage   = 300
	newsMeaning   = 200
	newsChange    = 120
	newsDecisions = 5
	newsOutcome   = 1300 // what became of the hosts
)

const public = "What is typed into Slack is public and kept: no passwords, no tokens."

// Card draws the request's card from its record. Errors wrap [approvals.ErrTooLong], naming
// what is too long and by how much, or [approvals.ErrNotText].
func Card(r approvals.Request) (Message, error) {
	body, err := steady(r)
	if err != nil {
		return Message{}, err
	}
	p := &page{}
	p.headline(headline(r))
	if s := advice(r); s != "" {
		p.section(s)
	}
	p.news(r)
	p.until(r)
	p.weak(r)
	left := maxCost - p.cost - body.cost - 2*blockCost - 600 // buttons and the last line
	p.changes(r.Changes, left, sinceApproved)
	if len(r.Changes) == 0 {
		p.drift(r, left)
	}
	p.flush()
	p.join(body)
	p.buttons(r)
	p.quiet(public)
	return p.message("look" + strconv.FormatInt(r.Card.Look, 10)), nil
}

// steady is the part of the card that stays the same through all states, so that
// whether it fits is decided once.
func steady(r approvals.Request) (*page, error) {
	body := &page{}
	if err := names(r); err != nil {
		return nil, err
	}
	total := scriptSize(r) + size(parameters(r)) + size(r.Asked.Reason)
	if r.Plan != nil && !utf8.Valid(r.Plan.Text()) {
		return nil, fmt.Errorf("%w: it has %s", approvals.ErrNotText, count(len(r.Plan.Text()), "byte"))
	}
	if total <= maxCost { // more is refused without drawing it
		body.facts(r, 0)
		if r.Plan != nil {
			body.content(scriptText(marked(*r.Plan)))
			body.quiet(target(r.Plan.Target) + " · digest " + r.Digest.Short())
		}
		body.flush()
		total = body.cost
	}
	if over := total - (maxCost - reserve); over > 0 {
		return nil, fmt.Errorf("%w: %s, about %s too many; shorten it or split the request",
			approvals.ErrTooLong, longest(r), number(over))
	}
	return body, nil
}

// names refuses names that facts would cut.
func names(r approvals.Request) error {
	if r.Plan == nil {
		return nil
	}
	for _, s := range []struct{ what, is string }{
		{"script's directory", r.Plan.Script.How.Dir},
		{"script's user", r.Plan.Script.How.User},
		{"bucket for its output", r.Plan.Script.How.Bucket + " " + r.Plan.Script.How.Prefix},
		{"script's id", r.Plan.Script.CmdID},
		{"login's name", r.Plan.Login.Name},
		{"user on the hosts", r.Plan.Login.User},
	} {
		if n := size(inline(s.is)); n > maxName {
			return fmt.Errorf("%w: the %s has %s, %s too many", approvals.ErrTooLong, s.what, count(n, "character"), number(n-maxName))
		}
	}
	return nil
}

// join adds the blocks and the Text of q.
func (p *page) join(q *page) {
	p.flush()
	p.blocks = append(p.blocks, q.blocks...)
	p.cost += q.cost
	p.text.WriteString(q.text.String())
	p.script = q.script
}

// news is what has happened so far.
func (p *page) news(r approvals.Request) {
	if r.Waiting != "" {
		p.waiting(r)
	}
	if r.Why != "" {
		p.passage("Why", r.Why, newsWhy)
	}
	switch {
	case followed(r):
		p.found(r)
		p.outcome(r, newsOutcome)
		p.decisions(r.Decisions)
	case r.State == approvals.Unknown || r.State == approvals.Settled:
		p.unsure(r)
	default:
		if a := answer(r); a != nil {
			p.answer(*a)
		}
		p.decisions(r.Decisions)
	}
	if !r.Follow.Since.IsZero() && !adopted(r) {
		p.line(say("Accepted by the API "), at(r.Follow.Since))
	}
	if !r.EndedAt.IsZero() {
		p.line(say(since(r.State)), at(r.EndedAt))
	}
}

// waiting is why an approved request has not been sent, and for which other one it waits.
func (p *page) waiting(r approvals.Request) {
	why := waits(r)
	row := []span{label("Why it waits: ")}
	before, after, named := strings.Cut(why, r.WaitsFor)
	if r.WaitsFor == "" || !named || before == "" || after == "" {
		row = append(row, said(why, newsWhy))
	} else {
		row = append(row, said(before, newsWhy/2), code(r.WaitsFor, maxID), said(after, newsWhy/2))
	}
	p.line(row...)
	if r.WaitsFor != "" && !named {
		p.line(say("It waits for request "), code(r.WaitsFor, maxID))
	}
}

func (p *page) decisions(all []approvals.Decision) {
	if over := len(all) - newsDecisions; over > 0 {
		p.line(say(safe(count(over, "earlier decision"))))
		all = all[over:]
	}
	for _, d := range all {
		if d.Verdict == approvals.Approve { // a denial ends the request, and that is said above
			p.line(say("Approved by "), user(d.Person.User), say(", "), at(d.At))
		}
	}
}

// answer is what the API said to a send. A code stands there only if the API gave
// one: 0 would look like success.
func (p *page) answer(a approvals.Answer) {
	switch {
	case a.Outcome == approvals.OutcomeNotSent:
		p.line(label("Not sent: "), said(a.Message, newsMessage))
		return
	case neverAsked(a):
		p.line(label("The API was not asked"))
	case a.Outcome == approvals.OutcomeAccepted || a.Code != 0:
		p.line(label("The API answered "), code(strings.TrimSpace("code "+strconv.Itoa(a.Code)+" "+a.Name), newsMeaning))
	case a.Name != "": // API 3.0 has names and no numbers
		p.line(label("The API answered "), code(a.Name, newsMeaning))
	case a.Outcome == approvals.OutcomeUnknown:
		p.line(label("The API gave no answer that can be used"))
	default:
		p.line(label("The API answered with an error"))
	}
	if a.Message != "" {
		p.line(say("“"), said(a.Message, newsMessage), say("”"))
	}
	if a.Meaning != "" {
		p.line(label("It means: "), said(a.Meaning, newsMeaning))
	}
	if a.Hint != "" {
		p.line(label("What to do: "), said(a.Hint, newsMeaning))
	}
}

// until is how long people may decide.
func (p *page) until(r approvals.Request) {
	if r.Plan == nil || !undecided(r) {
		return
	}
	p.line(label("Open until "), at(r.Expires), say(", "+lasting(r.Plan.Rule.Lifetime)+" in all"))
}

// weak warns of a store that may forget what it confirmed.
func (p *page) weak(r approvals.Request) {
	if r.Weak && undecided(r) {
		p.line(label("Take care: "), say("Redis may forget a claim if it crashes (durability: weak). Then this could run twice."))
	}
}

// differing are the words around what differs.
type differing struct{ what, was, is safe }

var (
	sinceApproved = differing{"Changed: ", "was ", ", is now "}
	onHost        = differing{"Differs: ", "approved was ", ", what ran was "}
)

// changes is what differs from what was approved, as far as it fits into room.
func (p *page) changes(all []approvals.Change, room int, w differing) {
	spent := p.cost
	for i, c := range all {
		left := room - (p.cost - spent)
		if left < 700 {
			p.line(say(safe(count(len(all)-i, "more difference") + ", not shown here")))
			return
		}
		p.line(label(w.what), said(c.What, 60))
		if c.Was != "" || c.Is != "" {
			p.line(say(w.was), quoted(c.Was), say(w.is), quoted(c.Is))
		}
		if c.Diff != "" {
			p.diff(c.Diff, min(maxRich, left-500))
		}
	}
}

func (p *page) diff(diff string, most int) {
	shown := Visible(gathered(diff))
	kept := headLines(shown, most)
	var notes []string
	if rest := shown[len(kept):]; rest != "" {
		notes = append(notes, count(lines([]byte(rest)), "line")+" more")
	}
	notes = append(notes, oddities(diff, true, 2)...)
	p.write("Lines that differ:\n" + lineMark + continued(kept, textHosts))
	p.pre("Lines that differ", kept, spans(noted(notes))...)
}

// drift is what hosts ran instead of what was approved, each difference once.
func (p *page) drift(r approvals.Request, room int) {
	spent := p.cost
	var told [][]approvals.Change
	for _, h := range drifted(r) {
		left := room - (p.cost - spent)
		known := slices.ContainsFunc(told, func(d []approvals.Change) bool { return slices.Equal(d, h.Drift) })
		if known || left < 1200 {
			continue
		}
		told = append(told, h.Drift)
		same := slices.DeleteFunc(drifted(r), func(o approvals.HostResult) bool { return !slices.Equal(o.Drift, h.Drift) })
		p.line(label(safe(strings.ToUpper(alarmed(r)[:1])+alarmed(r)[1:]+": ")), said(hostNames(same, newsMeaning), newsMeaning+noteRoom))
		switch {
		case h.Only(approvals.DriftTwice):
			p.line(say("The cloud has it "), said(h.Drift[0].Is, newsMeaning))
		case !h.Only(approvals.DriftHost):
			p.changes(h.Drift, left-400, onHost)
		}
	}
}

// quoted shows where a value begins and ends.
func quoted(s string) span {
	if s == "" {
		return say("nothing")
	}
	return said("“"+gathered(s)+"”", newsChange)
}

// people are the ids of those, without repeats.
func people(all ...approvals.Person) []safe {
	var out []safe
	for _, p := range all {
		if m := mention(p.User); !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}
