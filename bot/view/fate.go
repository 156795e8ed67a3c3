package view

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// ending is what became of a host, worst first.
type ending int

const (
	strayed  ending = iota // ran something else than was approved
	doubled                // ran what was approved, more than once
	unwanted               // ran what was approved, and was not asked for
	locked                 // the login was refused
	declined               // the API did not take the host
	lost                   // the cloud has lost sight of it
	killed                 // it ran, and not to its end
	never                  // for sure nothing ran there
	stopped                // the API could not run it there
	exited                 // ended with another exit code than 0, or with a status of the API
	unproved               // ended with exit code 0, and no record says what ran
	silent                 // nothing is recorded of it
	waiting                // not begun
	going                  // no end is recorded
	good
)

// fate is what became of a host. Hosts with the same are told of together.
type fate struct {
	ending ending
	exit   int    // for strayed and exited
	status int    // for stopped and exited
	word   string // for killed, never and unproved: the cloud's own
}

// codeless is what became of a host of which the cloud says that it went well, without an exit code that says so.
var codeless = fate{ending: unproved, word: "SUCCESS"}

func fateOf(h approvals.HostResult) fate {
	switch {
	case h.Only(approvals.DriftTwice):
		return fate{ending: doubled, exit: h.Exit}
	case h.Only(approvals.DriftHost):
		return fate{ending: unwanted, exit: h.Exit}
	case h.Proof == approvals.ProofDiffers:
		return fate{ending: strayed, exit: h.Exit}
	case h.Good():
		return fate{ending: good}
	case h.BadLogin:
		return fate{ending: locked}
	case h.State == approvals.HostRefused:
		return fate{ending: declined}
	case h.State == approvals.HostFailed:
		return fate{ending: stopped, status: h.Status}
	case h.State == approvals.HostLost:
		return fate{ending: lost}
	case h.State == approvals.HostKilled:
		return fate{ending: killed, word: h.Word}
	case h.State == approvals.HostNever:
		return fate{ending: never, word: h.Word}
	case h.State == approvals.HostWaiting && h.Word != "":
		return fate{ending: waiting}
	case h.State == approvals.HostWaiting:
		return fate{ending: silent}
	case h.State != approvals.HostEnded:
		return fate{ending: going}
	case h.Exit < 0 && h.Word == codeless.word:
		return codeless
	case h.Exit != 0 || h.Status != 0:
		return fate{ending: exited, exit: h.Exit, status: h.Status}
	}
	return fate{ending: unproved}
}

// endings are the words where an ending needs no more than these, or has others for a word of the cloud.
var endings = map[fate]safe{
	{ending: declined}:                    "not taken by the API, nothing ran there",
	{ending: lost}:                        "the cloud has lost sight of it: it may have run, and may still run. Look at the host",
	{ending: killed}:                      "killed while it ran",
	{ending: killed, word: "TIMEOUT"}:     "killed when its time was over",
	{ending: never}:                       "did not reach the host, nothing ran there",
	{ending: never, word: "CANCELLED"}:    "stopped before it began, nothing ran there",
	{ending: never, word: "START_FAILED"}: "could not be started, nothing ran there",
	{ending: unproved}:                    "exit code 0, but no record says what ran",
	codeless:                              "the cloud says SUCCESS, but gives no exit code that fits",
	{ending: waiting}:                     "has not begun",
	{ending: silent}:                      "nothing is recorded of it",
	{ending: going}:                       "no end is recorded",
	{ending: good}:                        "exit code 0",
}

// words say it. The login's name and user are people's text.
func (f fate) words(l approvals.Login) []span {
	words, known := endings[f]
	if !known {
		words = endings[fate{ending: f.ending}]
	}
	switch f.ending {
	case strayed:
		words = "ran something else than was approved, " + exitWords(f.exit)
	case doubled:
		words = "was given the same run more than once, " + exitWords(f.exit)
	case unwanted:
		words = "got the run without an approval for it, " + exitWords(f.exit)
	case locked:
		return []span{say("refused the login "), said(l.Name, maxName), say(", user "), code(l.User, maxName)}
	case stopped:
		words = "the API could not run it there, status " + safe(strconv.Itoa(f.status))
	case exited:
		words = exitWords(f.exit)
		if f.status != 0 {
			words += ", status " + safe(strconv.Itoa(f.status)) + " of the API"
		}
	}
	return []span{say(words)}
}

func exitWords(exit int) safe {
	if exit < 0 {
		return "no exit code"
	}
	return "exit code " + safe(strconv.Itoa(exit))
}

// kin are hosts with the same fate.
type kin struct {
	fate
	hosts []approvals.HostResult
}

// byFate groups hosts, the worst fate first, within a fate as they stand.
func byFate(all []approvals.HostResult) []kin {
	at := map[fate]int{}
	var out []kin
	for _, h := range all {
		f := fateOf(h)
		i, known := at[f]
		if !known {
			i = len(out)
			at[f] = i
			out = append(out, kin{fate: f})
		}
		out[i].hosts = append(out[i].hosts, h)
	}
	slices.SortStableFunc(out, func(a, b kin) int {
		return cmp.Or(cmp.Compare(a.ending, b.ending), cmp.Compare(a.exit, b.exit), cmp.Compare(a.status, b.status), cmp.Compare(a.word, b.word))
	})
	return out
}

// troubled are the hosts that are over and not good, or of which no end is recorded
// although the following is over.
func troubled(r approvals.Request) []approvals.HostResult {
	return slices.DeleteFunc(slices.Clone(r.Follow.Hosts), func(h approvals.HostResult) bool {
		return h.Good() || !h.Over() && !r.State.Ended()
	})
}

// declinedHosts are those that the API did not take.
func declinedHosts(r approvals.Request) []approvals.HostResult {
	return slices.DeleteFunc(slices.Clone(r.Follow.Hosts), func(h approvals.HostResult) bool {
		return h.State != approvals.HostRefused
	})
}

// fates lists hosts by what became of them, as far as a cost of most goes.
func (p *page) fates(all []approvals.HostResult, l approvals.Login, most int) {
	left := len(all)
	for _, k := range byFate(all) {
		row := slices.Concat([]span{label(safe(count(distinct(k.hosts), "host")) + ": ")}, k.words(l))
		row = append(row, say(" – "), said(hostNames(k.hosts, 160), 160+noteRoom))
		if note := k.hosts[0].Note; note != "" {
			row = append(row, say(" “"), said(note, 120), say("”"))
		}
		if most -= costOf(row); most < 0 {
			p.line(say(safe("and " + count(left, "more host") + "; the result tells of them")))
			return
		}
		p.line(row...)
		left -= len(k.hosts)
	}
}

// costOf is what a line of these costs.
func costOf(row []span) int {
	n := elementCost
	for _, s := range row {
		n += s.size + elementCost
	}
	return n
}

// hostNames are the names of hosts, each once, as many as have a size of at most most.
func hostNames(all []approvals.HostResult, most int) string {
	var b strings.Builder
	seen := map[string]bool{}
	held, over := 0, 0
	for _, h := range all {
		if seen[h.Host] {
			continue
		}
		seen[h.Host] = true
		name := cutLine(h.Host, 60)
		if held += size(name) + 2; held > most && b.Len() > 0 {
			over++
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(name)
	}
	if over > 0 {
		b.WriteString(" and " + number(over) + " more")
	}
	return b.String()
}

// took is how long a host was busy, or empty if it was not, or that is not recorded.
func took(h approvals.HostResult) safe {
	if h.State == approvals.HostNever || h.Begun.IsZero() || h.Finished.IsZero() || h.Finished.Before(h.Begun) {
		return ""
	}
	d := h.Finished.Sub(h.Begun).Round(time.Second)
	if d < time.Minute {
		return lasting(d)
	}
	out := lasting(d)
	if s := d % time.Minute; d < time.Hour && s != 0 {
		out += " " + lasting(s)
	}
	return out
}
