package view

import (
	"strings"

	"github.com/bmcmd/bmcmd/approvals"
)

// name is what the script is called on a headline: its alias in quotes unless it is
// a plain word, cut.
func name(r approvals.Request) string {
	alias := r.Asked.Script
	if r.Plan != nil && r.Plan.Script.Alias != "" {
		alias = r.Plan.Script.Alias
	}
	alias = cutLine(alias, 60)
	for _, c := range alias {
		if !strings.ContainsRune("-_.", c) && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return "“" + alias + "”"
		}
	}
	return alias
}

func hosts(r approvals.Request) []string {
	if r.Plan != nil {
		return r.Plan.Hosts
	}
	return r.Asked.Hosts
}

// what is the run in few words. It holds people's text.
func what(r approvals.Request) string {
	return "run " + name(r) + " on " + count(len(hosts(r)), "host")
}

// state says how the request stands, in plain words. Nothing but a known success
// may sound like one.
func state(r approvals.Request) safe {
	if followed(r) {
		return stateFollowed(r)
	}
	switch r.State {
	case approvals.Received, approvals.Pending:
		if r.Plan == nil {
			return "Being looked up"
		}
		if left := need(r); left > 0 && len(r.Approvers()) > 0 {
			return safe("Waiting for " + count(left, "more approval"))
		}
		return "Waiting for approval"
	case approvals.Approved:
		switch {
		case r.WaitsFor != "":
			return "Approved, waiting for another run"
		case !r.SearchUntil.IsZero():
			return "Approved, but not sent yet"
		case r.Waiting != "" && r.InDoubt:
			return "Approved, but not sent as far as I know"
		case r.Waiting != "":
			return "Approved, but not sent"
		}
		return "Approved, sending…"
	case approvals.Executing:
		return "Being sent, waiting for the API’s answer"
	case approvals.Failed:
		return stateFailed(r)
	case approvals.Unknown:
		return stateUnknown(r)
	case approvals.Settled:
		return stateSettled(r)
	case approvals.Refused:
		return "Refused, " + nothingRan(r)
	case approvals.Denied:
		return "Denied, " + nothingRan(r)
	case approvals.Expired:
		return "Expired, " + nothingRan(r)
	case approvals.Cancelled:
		return "Cancelled, " + nothingRan(r)
	case approvals.Gone:
		return "Lost, Redis has no record of it any more"
	}
	return "In a state that this version does not know"
}

// nothingRan ends the headline of what was not sent.
func nothingRan(r approvals.Request) safe {
	if r.InDoubt {
		return "but it may have run"
	}
	return "nothing ran"
}

// mayHaveRun is said of a request whose store may have forgotten a send.
const mayHaveRun = "As far as I know it was not sent, but it may have run before Redis changed: look at the hosts and at the API’s list of tasks."

// hasRun is said of what was not sent.
func hasRun(r approvals.Request) safe {
	if r.InDoubt {
		return mayHaveRun
	}
	return "Nothing has run."
}

// undecided reports whether people can still decide.
func undecided(r approvals.Request) bool {
	return r.State == approvals.Received || r.State == approvals.Pending || r.State == approvals.Approved
}

// need is how many approvals are still missing.
func need(r approvals.Request) int {
	return max(0, r.Plan.Rule.Quorum-len(r.Approvers()))
}

// most people that a line mentions.
const mostMentions = 10

// approvers mentions who may approve, without the one who asks.
func approvers(r approvals.Request) safe { return several(mayApprove(r), "or") }

func mayApprove(r approvals.Request) []safe {
	var all []safe
	who := r.MayApprove()
	for _, g := range who.Groups {
		all = append(all, mentionGroup(g))
	}
	for _, u := range who.Users {
		all = append(all, mention(u))
	}
	return all
}

// several joins mentions, the first ten of them.
func several(all []safe, last safe) safe { return first(mostMentions, all, last) }

// first joins the first most mentions.
func first(most int, all []safe, last safe) safe {
	if len(all) == 0 {
		return "nobody"
	}
	if over := len(all) - most; over > 0 {
		all = append(all[:most:most], safe(number(over)+" others"))
	}
	var out safe
	for i, s := range all {
		switch {
		case i == 0:
		case i == len(all)-1:
			out += " " + last + " "
		default:
			out += ", "
		}
		out += s
	}
	return out
}

// answer is what came of the newest send, or nil. An older one says nothing of how
// things stand.
func answer(r approvals.Request) *approvals.Answer {
	if s := r.LastSend(); s != nil {
		return s.Answer
	}
	return nil
}

// lastWord is the newest answer that the API gave, or nil. A notice of an answer
// may be drawn when the next send is already under way.
func lastWord(r approvals.Request) *approvals.Answer {
	for i := len(r.Sends) - 1; i >= 0; i-- {
		if a := r.Sends[i].Answer; a != nil && !a.Retried() {
			return a
		}
	}
	return nil
}

// since is what stands before the time at which it ended.
func since(s approvals.State) safe {
	if s == approvals.Settled {
		return "Settled "
	}
	return "Ended "
}

// headline is state and run in one line. It holds people's text.
func headline(r approvals.Request) string {
	s := string(state(r))
	if strings.HasSuffix(s, "…") {
		return s + " " + what(r)
	}
	return s + ": " + what(r)
}

// advice is what the state means and what to do, for those who decide.
func advice(r approvals.Request) safe {
	if followed(r) {
		return adviceFollowed(r)
	}
	switch r.State {
	case approvals.Received, approvals.Pending:
		return adviceOpen(r)
	case approvals.Approved:
		return adviceApproved(r)
	case approvals.Executing:
		return "The run is on its way to the API and cannot be stopped any more. The answer comes into this thread."
	case approvals.Failed:
		return adviceFailed(r)
	case approvals.Unknown:
		return adviceUnknown(r)
	case approvals.Settled:
		return adviceSettled(r)
	case approvals.Expired, approvals.Cancelled, approvals.Denied, approvals.Refused:
		if r.InDoubt {
			return adviceEnded(r) + " " + mayHaveRun
		}
		return adviceEnded(r)
	}
	return ""
}

func adviceEnded(r approvals.Request) safe {
	switch {
	case r.State == approvals.Expired && r.ApprovedAt.IsZero():
		return "Not enough people approved in time."
	case r.State == approvals.Expired:
		return "It was approved, but not sent in time."
	case r.State == approvals.Cancelled && r.EndedBy != nil:
		return "Withdrawn by " + mention(r.EndedBy.User) + "."
	case r.State == approvals.Denied && r.EndedBy != nil:
		return "Denied by " + mention(r.EndedBy.User) + "; one denial is enough."
	case r.State == approvals.Refused && len(r.Changes) > 0:
		return "What would run now is not what was approved. Ask again to have the new version reviewed."
	}
	return ""
}

// late reports whether r ended because an answer came after it was taken for unknown,
// and that answer proves that nothing ran.
func late(r approvals.Request) bool {
	a := answer(r)
	return r.State == approvals.Failed && !followed(r) && a != nil &&
		(a.Outcome == approvals.OutcomeRefused || a.Outcome == approvals.OutcomeNotSent)
}

func stateFailed(r approvals.Request) safe {
	switch {
	case !late(r):
		return "Failed, the API says that it cannot run"
	case unasked(r):
		return "Not sent, " + nothingRan(r)
	}
	return "Refused by the API, " + nothingRan(r)
}

func adviceFailed(r approvals.Request) safe {
	switch {
	case !late(r):
		return "Nothing more comes of this request. Ask again once the cause is gone."
	case unasked(r):
		return sentAfterAll(r) + " Ask again if it is still needed."
	}
	return hasRun(r) + " Ask again if it is still needed."
}

func sentAfterAll(r approvals.Request) safe {
	if r.InDoubt {
		return mayHaveRun
	}
	return "Nothing was sent after all."
}

// unasked reports whether the API never got the newest send.
func unasked(r approvals.Request) bool {
	a := answer(r)
	return a != nil && (a.Outcome == approvals.OutcomeNotSent || neverAsked(*a))
}

// neverAsked reports whether a stands for an answer although the API was not asked: the
// bot refuses by itself what cannot be sent.
func neverAsked(a approvals.Answer) bool {
	return a.Outcome == approvals.OutcomeRefused && a.Code == 0 && a.Name == "not sent"
}

// waits is why r waits. The record calls every refusal the API's.
func waits(r approvals.Request) string {
	if unasked(r) && r.Waiting == "the API refused the run before anything could start" {
		return "the run could not be put to the API"
	}
	return r.Waiting
}

func adviceOpen(r approvals.Request) safe {
	if r.Plan == nil {
		return "The script and the rules are being looked up."
	}
	noun := "approval"
	if len(r.Approvers()) > 0 {
		noun = "more approval"
	}
	n := max(1, need(r)) // a stricter rule of today may ask for more than the card knows
	text := "Needs " + safe(count(n, noun)) + " from " + approvers(r) + "."
	if r.Plan.Rule.Quorum > 1 {
		text += " Each must come from somebody else."
	}
	text += " Whoever asked cannot approve."
	if r.InDoubt {
		text += " " + mayHaveRun
	}
	return text
}

func adviceApproved(r approvals.Request) safe {
	if !r.SearchUntil.IsZero() && !r.Expires.After(r.SearchUntil) {
		return hasRun(r) + " The approval is good until " + at(r.Expires).text + ", and the search lasts until " + at(r.SearchUntil).text +
			", so it will not be sent: look at the hosts first, then press Cancel and ask again, which does not wait."
	}
	if !r.SearchUntil.IsZero() {
		return hasRun(r) + " Nothing is sent before " + at(r.SearchUntil).text + ". Then this thread asks for a press of " + runLabel +
			". Or look at the hosts first, press Cancel and ask again, which does not wait."
	}
	if r.Waiting == "" {
		return "The script is read once more; if nothing has changed, the run goes out at once."
	}
	if !r.RetryAt.IsZero() && !r.RetryAt.After(r.DispatchBy) {
		return hasRun(r) + " It is tried again by itself until " + at(r.DispatchBy).text + "; " +
			runLabel + " tries at once."
	}
	return hasRun(r) + " Nothing goes on by itself. Press " + runLabel + " once the cause is gone; " +
		"the approval is good until " + at(r.Expires).text + "."
}
