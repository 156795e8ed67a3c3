package view

import (
	"slices"
	"strings"

	"github.com/bmcmd/bmcmd/approvals"
)

// followed reports whether the API took the run, so that its hosts are what counts.
func followed(r approvals.Request) bool {
	return r.State == approvals.Accepted || r.State == approvals.Succeeded || !r.Follow.Since.IsZero() || r.Follow.Why != ""
}

// mixed reports whether more than one of the API's tasks may be this run.
func mixed(r approvals.Request) bool { return len(r.Follow.Tasks) > 1 }

// tally is how many hosts there are, are over, have failed, and ended with exit code
// 0 without a record of what ran. Where tasks cannot be told apart, a host counts
// once in each.
func tally(r approvals.Request) (all, over, failed, unsure int) {
	all, over, bad := r.Follow.Counts()
	for _, h := range r.Follow.Hosts {
		if fateOf(h).ending == unproved {
			unsure++
		}
	}
	return all, over, bad - unsure, unsure
}

// progress is how far the run is: "7 of 12 hosts ended, 1 failed".
func progress(r approvals.Request) safe {
	all, over, failed, unsure := tally(r)
	noun := "host"
	if mixed(r) {
		noun = "record of a host"
	}
	text := safe(number(over)+" of ") + safe(counted(all, noun)) + " ended"
	if failed > 0 {
		text += safe(", " + number(failed) + " failed")
	}
	if unsure > 0 {
		text += safe(", " + number(unsure) + " without proof")
	}
	return text
}

// counted is count for "record of a host".
func counted(n int, noun string) string {
	if noun == "record of a host" && n != 1 {
		return number(n) + " records of hosts"
	}
	return count(n, noun)
}

// barWidth is how wide a bar is at most, in characters: a phone shows it in one line.
const barWidth = 24

// bar draws how far the run is: a block for what went well, a cross for what did
// not, a shade for what is still to end. Letters and crosses tell them apart, not
// colours.
func bar(r approvals.Request) string {
	all, over, failed, unsure := tally(r)
	if all == 0 {
		return ""
	}
	width := min(all, barWidth)
	part := func(n int) int { // something is never drawn as nothing, a part never as all
		w := n * width / all
		if n > 0 {
			w = max(w, 1)
		}
		if n < all {
			w = min(w, width-1)
		}
		return w
	}
	ended := part(over)
	crosses := min(part(failed+unsure), ended)
	return strings.Repeat("█", ended-crosses) + strings.Repeat("×", crosses) + strings.Repeat("░", width-ended)
}

// stateFollowed is [state] for a run that the API took.
func stateFollowed(r approvals.Request) safe {
	all, over, failed, unsure := tally(r)
	switch {
	case r.State == approvals.Accepted && over == 0 && len(r.Follow.Tasks) == 0:
		return "Accepted by the API; what happened on the hosts is not known yet"
	case r.State == approvals.Accepted:
		return "Accepted by the API; " + progress(r)
	case r.State == approvals.Succeeded:
		return "Ran on " + allOf(len(hosts(r))) + " with exit code 0"
	case r.Follow.Drifted():
		n := len(drifted(r))
		return safe("Alarm, " + count(n, "host") + " ran something else than was approved")
	case over < all:
		return "Given up; " + progress(r)
	case failed > 0 && mixed(r):
		return "Failed; " + progress(r)
	case failed > 0:
		return safe("Failed on "+number(failed)+" of ") + safe(count(all, "host"))
	case unsure > 0:
		return "Exit code 0, but not proved that what was approved ran"
	}
	return "Failed, although every host ended with exit code 0"
}

func allOf(n int) safe {
	if n == 1 {
		return "the host"
	}
	return safe("all " + number(n) + " hosts")
}

// statusFollowed is [status] for a run that the API took.
func statusFollowed(r approvals.Request) safe {
	switch {
	case r.State == approvals.Accepted && len(r.Follow.Tasks) == 0:
		return "The run is looked for in the API’s list of tasks. What happened on each host comes into this thread."
	case r.State == approvals.Accepted:
		return "The hosts are followed until the last one has ended. What happened on each comes into this thread."
	case r.State == approvals.Succeeded:
		return "Each host’s own record says that it ran what was approved. What they printed stands in this thread."
	}
	text := safe("What happened on each host stands in this thread.")
	if r.Follow.Drifted() {
		text = "Look at these hosts now: somebody may have changed the script after it was approved. " + text
	}
	if slices.ContainsFunc(r.Follow.Hosts, approvals.HostResult.Good) {
		text += " To ask again asks for all the hosts, also those where it went well."
	}
	return text
}

// outcome is how far the run is, or how it ended, for a size of about most.
func (p *page) outcome(r approvals.Request, most int) {
	start := p.cost
	if b := bar(r); b != "" && r.State == approvals.Accepted {
		p.fill([]span{code(b, maxName), say(" " + progress(r))}) // in Text it stands in the headline
	}
	if r.Follow.Why != "" {
		p.line(label("Why: "), saidLines(r.Follow.Why, newsMeaning))
	}
	p.twins(r)
	p.fates(troubled(r), login(r), most-(p.cost-start))
}

// twins says that more than one of the API's tasks may be this run.
func (p *page) twins(r approvals.Request) {
	if !mixed(r) {
		return
	}
	n := safe(number(len(r.Follow.Tasks)))
	if len(r.Follow.Tasks) == 2 {
		n = "Two"
	}
	p.line(say(n+" runs of this are in the API’s list and cannot be told apart: "), said(strings.Join(r.Follow.Tasks, ", "), newsMeaning))
}

func login(r approvals.Request) approvals.Login {
	if r.Plan == nil {
		return approvals.Login{}
	}
	return r.Plan.Login
}

// drifted are the hosts that ran something else than was approved.
func drifted(r approvals.Request) []approvals.HostResult {
	return slices.DeleteFunc(slices.Clone(r.Follow.Hosts), func(h approvals.HostResult) bool {
		return h.Proof != approvals.ProofDiffers
	})
}
