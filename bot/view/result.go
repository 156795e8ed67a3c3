package view

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bmcmd/bmcmd/approvals"
)

const (
	manyHosts   = 20   // from so many on, hosts that did well are counted, not listed
	shortOutput = 1500 // of one host, as shown in a message
	leastOutput = 200  // less than that is not worth showing
	rowRoom     = 700  // a host's line at its fullest, and what it costs to begin a block
	textOutput  = 300  // of one host, in Text
	resultEnd   = 600  // for what is said last
)

// Result says what happened on the hosts, for the card's thread: what failed first,
// and what every host printed, as far as it fits. If that is not all, file is a
// text file with all of it, else nil. Outputs that are not in out are said to be
// gone.
func Result(r approvals.Request, out approvals.Outputs) (m Message, file []byte) {
	p := &page{}
	p.section(call(r, true) + "*" + state(r) + ".*" + verdict(r))
	p.subject(r)
	p.audit(r)
	if r.Follow.Why != "" {
		p.passage("Why", r.Follow.Why, newsWhy)
	}
	p.certainty(r)
	p.stops(r)
	p.proof(r)
	rows := ordered(r)
	if len(rows) >= manyHosts {
		p.summary(rows, login(r))
		rows = slices.DeleteFunc(rows, approvals.HostResult.Good)
	}
	whole := p.rows(r, rows, out) && !unlisted(r, rows, out)
	if whole {
		return p.message("result"), nil
	}
	p.flush()
	p.line(say("Not all of it fits here. A file with every host and all that it printed comes into this thread."))
	file, lacks := resultFile(r, out)
	if lacks > 0 {
		p.line(say(safe("Even the file had no room for the output of " + count(lacks, "host") + "; it says of which.")))
	}
	return p.message("result"), file
}

// verdict is what to make of the result.
func verdict(r approvals.Request) safe {
	switch {
	case r.State == approvals.Succeeded:
		return " The cloud’s record of each host says that it ran what was approved."
	case (told(r) || mixed(r) || r.Unproven()) && !r.Follow.Drifted():
		return ""
	case r.Follow.Drifted():
		return " Look at these hosts now: " + suspected(r)
	case slices.ContainsFunc(r.Follow.Hosts, approvals.HostResult.Good):
		return " To ask again asks for all the hosts, also those where it went well."
	}
	return ""
}

// ordered are the records of the hosts, the worst first.
func ordered(r approvals.Request) []approvals.HostResult {
	out := make([]approvals.HostResult, 0, len(r.Follow.Hosts))
	for _, k := range byFate(r.Follow.Hosts) {
		out = append(out, k.hosts...)
	}
	return out
}

// proof says of how many hosts it is known what they ran.
func (p *page) proof(r approvals.Request) {
	if r.Unproven() {
		p.line(label("Proof: "), say("none, since these records may be those of another task"))
		return
	}
	var same, differs, none, other int
	for _, h := range r.Follow.Hosts {
		switch {
		case h.Proof == approvals.ProofDiffers:
			differs++
		case h.State == approvals.HostLost:
			none++
		case h.State != approvals.HostEnded:
			other++
		case h.Proof == approvals.ProofSame:
			same++
		default:
			none++
		}
	}
	text := number(same) + " of " + counted(len(r.Follow.Hosts), r) + " ran what was approved"
	for _, part := range []struct {
		n   int
		did string
	}{{differs, alarmed(r)}, {none, "left no record of what ran"}, {other, "did not run it to an end"}} {
		if part.n > 0 {
			text += "; " + number(part.n) + " " + part.did
		}
	}
	if told(r) {
		text += "; to be confirmed"
	}
	p.line(label("Proof: "), say(safe(text)))
}

// summary counts hosts by what became of them.
func (p *page) summary(rows []approvals.HostResult, l approvals.Login) {
	const most = 12
	var b strings.Builder
	b.WriteString("hosts  what happened\n")
	for i, k := range byFate(rows) {
		if i == most {
			b.WriteString("    …  more ends than fit here\n")
			break
		}
		n := number(len(k.hosts))
		b.WriteString(strings.Repeat(" ", max(0, len("hosts")-len(n))) + n + "  " + cutLine(unmarked(k.words(l)), 120) + "\n")
	}
	text := strings.TrimSuffix(b.String(), "\n")
	p.write(escape(text))
	p.pre("Summary", text)
}

// unmarked is what spans say, as plain text.
func unmarked(all []span) string {
	var b strings.Builder
	for _, s := range all {
		b.WriteString(s.plain())
	}
	return b.String()
}

// rows adds the hosts as far as they fit, and reports whether all is shown.
func (p *page) rows(r approvals.Request, rows []approvals.HostResult, out approvals.Outputs) (whole bool) {
	whole = true
	var told [][]approvals.Change
	for i, h := range rows {
		left := maxCost - resultEnd - p.cost - blockCost
		if left < rowRoom {
			p.line(say(safe("and " + count(len(rows)-i, "more host"))))
			return false
		}
		drift := len(h.Drift) > 0
		if slices.ContainsFunc(told, func(d []approvals.Change) bool { return slices.Equal(d, h.Drift) }) {
			drift = false
		}
		share := min(shortOutput, (left-rowRoom)/min(len(rows)-i, 8))
		whole = p.host(r, h, out, share) && whole
		if drift && maxCost-resultEnd-p.cost > 2*rowRoom {
			told = append(told, h.Drift)
			p.changes(h.Drift, min(2500, maxCost-resultEnd-p.cost-rowRoom), onHost)
		}
	}
	return whole
}

// host adds a host's line and what it printed, if that has a size of at most most:
// else its end. It reports whether all of it is shown.
func (p *page) host(r approvals.Request, h approvals.HostResult, out approvals.Outputs, most int) (whole bool) {
	row := hostRow(r, h)
	if h.Dropped > 0 {
		row = append(row, say(safe("; the cloud kept the first "+kilobytes(h.Output)+" of what it printed, "+count(h.Dropped, "byte")+" are missing")))
		if h.URL != "" {
			row = append(row, say(", all of it is at "), said(h.URL, 160))
		}
	}
	printed, kept := out[approvals.OutputKey(h.Task, h.Host)]
	switch {
	case h.Output == 0 && len(printed) == 0:
		p.line(row...)
		return true
	case !kept:
		p.line(append(row, say(safe(", its output of "+count(h.Output, "byte")+" is not kept")))...)
		return true
	}
	text := printable(printed)
	shown, before := tail(text, most)
	if before > 0 && most < leastOutput {
		p.line(append(row, say(safe(", printed "+count(len(printed), "byte"))))...)
		return false
	}
	if before > 0 {
		row = append(row, say(safe(", after "+count(before, "more character")+":")))
	} else {
		row = append(row, say(":"))
	}
	n := size(shown)
	p.room(n + rowRoom)
	p.line(row...)
	p.write(lineMark + continued(shown, textOutput))
	p.mono(shown, n)
	return before == 0
}

// kilobytes is a size in KB where it is that exactly.
func kilobytes(n int) string {
	if n > 0 && n%1024 == 0 {
		return number(n/1024) + " KB"
	}
	return count(n, "byte")
}

// hostRow is what became of a host in a line.
func hostRow(r approvals.Request, h approvals.HostResult) []span {
	row := append([]span{code(h.Host, 80), say(": ")}, fateOf(h).words(login(r))...)
	if t := took(h); t != "" {
		row = append(row, say(", "+t))
	}
	switch f := fateOf(h).ending; {
	case h.State == approvals.HostEnded && h.Proof == approvals.ProofSame:
		row = append(row, say(", ran what was approved"))
	case f == exited && h.Proof == approvals.ProofNone:
		row = append(row, say(", no record of what ran"))
	}
	if mixed(r) && h.Task != "" {
		row = append(row, say(", task "), code(h.Task, 60))
	}
	if h.Note != "" {
		row = append(row, say(" “"), said(h.Note, 160), say("”"))
	}
	return row
}

// unlisted reports whether a host that is counted only has printed something.
func unlisted(r approvals.Request, listed []approvals.HostResult, out approvals.Outputs) bool {
	if len(listed) == len(r.Follow.Hosts) {
		return false
	}
	return slices.ContainsFunc(r.Follow.Hosts, func(h approvals.HostResult) bool {
		return h.Good() && len(out[approvals.OutputKey(h.Task, h.Host)]) > 0
	})
}

// printable is what a host printed, with Unix line ends if all its line ends are
// those of Windows, and without the last.
func printable(printed []byte) string {
	s := string(printed)
	if n := strings.Count(s, "\r\n"); n > 0 && n == strings.Count(s, "\n") {
		s = strings.ReplaceAll(s, "\r\n", "\n")
	}
	s = strings.TrimSuffix(s, "\n")
	if strings.TrimSpace(s) == "" { // a blank block looks like none
		return spellAll(head(string(printed), shortOutput/8))
	}
	return s
}

// tail is the end of Visible(s) with a size of at most most, from the beginning of a
// line if that leaves anything, and how many characters of s stand before it.
func tail(s string, most int) (end string, before int) {
	at, n := len(s), 0
	for at > 0 {
		r, w := utf8.DecodeLastRuneInString(s[:at])
		if n += shownSize(r, w, seen(r) && !isMark(r), "\n\t"); n > most {
			break
		}
		at -= w
	}
	if at == 0 {
		return visible(s, "\n\t"), 0
	}
	if nl := strings.IndexByte(s[at:], '\n'); nl >= 0 && at+nl+1 < len(s) {
		at += nl + 1
	}
	return visible(s[at:], "\n\t"), utf8.RuneCountInString(s[:at])
}
