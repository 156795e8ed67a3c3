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
func mixed(r approvals.Request) bool { return r.Ambiguous() }

// tally counts hosts. Where tasks cannot be told apart, a host counts once in each.
type tally struct {
	all      int
	ended    int // ran to an end, or could not be run
	failed   int // of those: not well
	unproved int // of those: not known to be well or not
	lost     int // that the cloud has lost sight of
	declined int // not taken by the API
}

func tallyOf(r approvals.Request) tally {
	all, over, bad := r.Follow.Counts()
	t := tally{all: all, declined: len(declinedHosts(r))}
	for _, h := range r.Follow.Hosts {
		switch fateOf(h).ending {
		case unproved:
			t.unproved++
		case lost:
			t.lost++
		}
	}
	t.ended, t.failed = over-t.declined-t.lost, bad-t.declined-t.unproved-t.lost
	return t
}

// progress is how far the run is: "7 of 12 hosts ended, 1 failed".
func progress(r approvals.Request) safe {
	t := tallyOf(r)
	text := number(t.ended) + " of " + counted(t.all, r) + " ended"
	for _, part := range []struct {
		n   int
		are string
	}{{t.failed, "failed"}, {t.unproved, "without proof"}, {t.declined, "not taken by the API"}, {t.lost, "out of the cloud’s sight"}} {
		if part.n > 0 {
			text += ", " + number(part.n) + " " + part.are
		}
	}
	return safe(text)
}

// outstanding reports whether no end is known of some host.
func outstanding(r approvals.Request) bool {
	return slices.ContainsFunc(r.Follow.Hosts, func(h approvals.HostResult) bool { return !h.Over() || h.State == approvals.HostLost })
}

// counted is count for the hosts of r.
func counted(n int, r approvals.Request) string {
	switch {
	case len(r.Follow.Hosts) == distinct(r.Follow.Hosts):
		return count(n, "host")
	case n == 1:
		return "1 record of a host"
	}
	return number(n) + " records of hosts"
}

// barWidth is how wide a bar is at most, in characters: a phone shows it in one line.
const barWidth = 24

// bar draws how far the run is: a block for what went well, a cross for what did
// not, a shade for what is still to end. Letters and crosses tell them apart, not
// colours.
func bar(r approvals.Request) string {
	t := tallyOf(r)
	if t.all == 0 {
		return ""
	}
	width := min(t.all, barWidth)
	part := func(n int) int { // something is never drawn as nothing, a part never as all
		w := n * width / t.all
		if n > 0 {
			w = max(w, 1)
		}
		if n < t.all {
			w = min(w, width-1)
		}
		return w
	}
	over := part(t.ended + t.declined + t.lost)
	crosses := min(part(t.failed+t.unproved+t.declined+t.lost), over)
	return strings.Repeat("█", over-crosses) + strings.Repeat("×", crosses) + strings.Repeat("░", width-over)
}

// stateFollowed is [state] for a run that the API took.
func stateFollowed(r approvals.Request) safe {
	switch {
	case r.State == approvals.Accepted && told(r):
		r.State = approvals.Failed
		if t := tallyOf(r); t.failed+t.declined+t.unproved == 0 && !r.Unproven() {
			r.State = approvals.Succeeded
		}
		return stateFollowed(r) + "; not confirmed yet"
	case r.State == approvals.Failed && tallyOf(r).failed == 0 && !r.Follow.Drifted() && !outstanding(r) && (mixed(r) || r.Unproven()):
		return "Ended, but not proved; " + progress(r)
	}
	t := tallyOf(r)
	bad := t.failed + t.declined
	switch {
	case r.Follow.Drifted():
		return safe("Alarm, " + drifters(r) + " " + alarmed(r))
	case r.State == approvals.Accepted && t.ended == 0 && len(r.Follow.Tasks) == 0 && t.declined > 0:
		return safe("Accepted by the API for "+number(t.all-t.declined)+" of ") + safe(counted(t.all, r)) + "; what happened there is not known yet"
	case r.State == approvals.Accepted && t.ended == 0 && len(r.Follow.Tasks) == 0:
		return "Accepted by the API; what happened on the hosts is not known yet"
	case r.State == approvals.Accepted:
		return "Accepted by the API; " + progress(r)
	case r.State == approvals.Succeeded:
		return "Ran on " + allOf(len(hosts(r))) + ", exit code 0"
	case outstanding(r):
		return "Given up; " + progress(r)
	case bad > 0 && mixed(r):
		return "Failed; " + progress(r)
	case bad > 0:
		what := safe("Failed on ")
		if !slices.ContainsFunc(troubled(r), func(h approvals.HostResult) bool { return !cancelled(r, h.Host) }) {
			what = "Stopped on "
		}
		if bad == t.all {
			return what + allOf(bad)
		}
		return what + safe(number(bad)+" of "+count(t.all, "host"))
	case slices.ContainsFunc(r.Follow.Hosts, func(h approvals.HostResult) bool { return fateOf(h) == codeless }):
		return "Not known whether it went well"
	case t.unproved > 0:
		return "Exit code 0, but not proved that what was approved ran"
	}
	return "Failed, although every host ended with exit code 0"
}

// told reports whether the result was told, and another task could still turn up that may be the run.
func told(r approvals.Request) bool { return !r.Follow.Confirm.IsZero() }

func allOf(n int) safe {
	switch n {
	case 1:
		return "the host"
	case 2:
		return "both hosts"
	}
	return safe("all " + number(n) + " hosts")
}

// adviceFollowed is [advice] for a run that the API took.
func adviceFollowed(r approvals.Request) safe {
	switch {
	case r.State == approvals.Accepted && told(r):
		return "Its hosts are kept for it until then. " + whereabouts(r, "What happened on each host")
	case r.State == approvals.Accepted && len(r.Follow.Tasks) == 0:
		return "The run is looked for in the API’s list of tasks. What happened on each host comes into this thread."
	case r.State == approvals.Accepted:
		return "The hosts are followed until the last one has ended. What happened on each comes into this thread."
	case r.State == approvals.Succeeded:
		return "The cloud’s record of each host says that it ran what was approved. " + whereabouts(r, "What they printed")
	}
	text := whereabouts(r, "What happened on each host")
	if r.Follow.Drifted() {
		text = "Look at these hosts now: " + suspected(r) + " " + text
	}
	if slices.ContainsFunc(r.Follow.Hosts, approvals.HostResult.Good) && !mixed(r) && !r.Unproven() {
		text += " To ask again asks for all the hosts, also those where it went well."
	}
	return text
}

// whereabouts says where the result is.
func whereabouts(r approvals.Request, what safe) safe {
	switch {
	case r.Owing(approvals.NoticeResult):
		return what + " comes into this thread."
	case r.Result == approvals.Alone:
		return what + " was told to who asked and who approved, each alone: it may not be posted here."
	case r.Result == approvals.Nowhere:
		return what + " could not be posted: Slack did not take it. Look at the task in the console."
	}
	return what + " stands in this thread."
}

// outcome is how far the run is, or how it ended, for a size of about most.
func (p *page) outcome(r approvals.Request, most int) {
	start := p.cost
	if b := bar(r); b != "" && r.State == approvals.Accepted {
		p.fill([]span{code(b, maxName), say(" " + progress(r))}) // in Text it stands in the headline
	}
	if r.Follow.Why != "" {
		p.passage("Why", r.Follow.Why, newsMeaning)
	}
	p.certainty(r)
	p.stops(r)
	p.fates(troubled(r), login(r), most-(p.cost-start))
}

// certainty says how sure it is that what is shown is this run, where the API has not named its task.
func (p *page) certainty(r approvals.Request) {
	switch {
	case mixed(r):
		n := safe(number(len(r.Follow.Tasks)))
		if len(r.Follow.Tasks) == 2 {
			n = "Two"
		}
		p.line(say(n+" runs of this are in the API’s list and cannot be told apart: "), said(strings.Join(r.Follow.Tasks, ", "), newsMeaning))
	case r.Unproven() && r.State != approvals.Succeeded:
		best := safe("")
		if r.State == approvals.Accepted {
			best = " The best that can come of it is “ended, but not proved”."
		}
		p.line(say("The API’s list of tasks could not be read before the send, so nobody can prove which task is this run." + best))
	}
	if told(r) {
		p.line(say("Confirming until "), at(r.Follow.Confirm), say(": another task could still turn up in the API’s list that may be this run."))
	}
}

func login(r approvals.Request) approvals.Login {
	if r.Plan == nil {
		return approvals.Login{}
	}
	return r.Plan.Login
}

// alarmed is what hosts did that they should not, and suspected how that may be.
func alarmed(r approvals.Request) string { text, _ := alarm(r); return text }

func suspected(r approvals.Request) safe { _, why := alarm(r); return why }

func alarm(r approvals.Request) (text string, why safe) {
	again, elsewhere := 0, 0
	all := drifted(r)
	for _, h := range all {
		switch {
		case h.Only(approvals.DriftTwice):
			again++
		case h.Only(approvals.DriftHost):
			elsewhere++
		}
	}
	switch {
	case again+elsewhere < len(all):
		return "ran something else than was approved", "somebody may have changed the script after it was approved."
	case elsewhere == 0:
		return "got the same run more than once", "I sent it once, so somebody sent the same text again."
	case again == 0:
		return "got the run without an approval for it", "I sent it to the approved hosts only."
	}
	return "got a run that was not approved", "I sent it once, so somebody sent the same text again, also to other hosts."
}

// drifters counts those that drifted.
func drifters(r approvals.Request) string {
	if mixed(r) {
		return counted(len(drifted(r)), r)
	}
	return count(distinct(drifted(r)), "host")
}

// distinct is how many hosts these records are of.
func distinct(all []approvals.HostResult) int {
	seen := map[string]bool{}
	for _, h := range all {
		seen[h.Host] = true
	}
	return len(seen)
}

// drifted are the hosts that ran something else than was approved.
func drifted(r approvals.Request) []approvals.HostResult {
	return slices.DeleteFunc(slices.Clone(r.Follow.Hosts), func(h approvals.HostResult) bool {
		return h.Proof != approvals.ProofDiffers
	})
}
