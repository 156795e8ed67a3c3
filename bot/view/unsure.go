package view

import (
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// How much of what is said of an unknown run a card takes.
const (
	unsureEvidence = 300
	unsureTasks    = 120
	unsureAnswer   = 150 // of each text of the API's answer
	unsurePeople   = 4   // in a line
	unsureMentions = 5   // of those who may say so
)

// asked reports whether people have to say whether r ran: the search did not tell.
func asked(r approvals.Request) bool {
	return r.State == approvals.Unknown && !r.Unsure.Asked.IsZero()
}

// carries reports whether r's run carries the script itself, and can be cancelled.
func carries(r approvals.Request) bool {
	return r.Plan != nil && bmclient.Sends(r.Plan.Target.API)
}

// doubted reports whether r is unknown although the store knows of no send.
func doubted(r approvals.Request) bool {
	s := r.LastSend()
	return s != nil && s.Worker == "" && !s.Since.IsZero()
}

// adopted reports whether the search found r's task, so that no answer of the API is
// why it is followed.
func adopted(r approvals.Request) bool {
	a := answer(r)
	return !r.Unsure.Since.IsZero() && followed(r) && (a == nil || a.Outcome != approvals.OutcomeAccepted)
}

// finding is what somebody found out, in our words.
func finding(f approvals.Finding) safe {
	if f == approvals.Ran {
		return "it ran"
	}
	return "it did not run"
}

// forgotten reports whether the API took r, and Redis went back to a state from before
// that: it is sure that r ran, if a task of it is there.
func forgotten(r approvals.Request) bool {
	a := answer(r)
	return r.Recalled != "" && a != nil && a.Outcome == approvals.OutcomeAccepted
}

// inTheDark says what is not known of an unknown run.
func inTheDark(r approvals.Request) safe {
	if forgotten(r) {
		return "The API took this run, and Redis has forgotten which task it is"
	}
	return "Nobody can know whether this ran"
}

func stateUnknown(r approvals.Request) safe {
	if forgotten(r) && !asked(r) {
		return "Unknown, the API took it and Redis has forgotten that"
	}
	if asked(r) {
		return "Unknown, two people have to say whether it ran"
	}
	return "Unknown, nobody can know whether it ran"
}

func stateSettled(r approvals.Request) safe {
	f, _ := r.Settlement()
	return "Settled, " + finding(f)
}

const (
	maybeRan = "It may have run on all, some or none of the hosts. "
	searched = maybeRan + "It is searched for in the API’s list of tasks; do not run it by hand meanwhile."
	lookHere = maybeRan + "Look at the task list in the console or with `bmcmd call tasks`, and at the hosts themselves. "
	whoSays  = "Two different people who may approve have to say the same; the one who asked counts as one of them at most."
)

func adviceUnknown(r approvals.Request) safe {
	if !asked(r) {
		return searched
	}
	return lookHere + "Then press below what you found. " + whoSays + " These may: " + first(unsureMentions, mayApprove(r), "or") + "."
}

func adviceSettled(r approvals.Request) safe {
	f, by := r.Settlement()
	text := "So say " + several(people(by...), "and") + ". "
	if f == approvals.Ran {
		return text + "What it did on the hosts was not followed: look at them before you ask again."
	}
	return text + "Ask again if it is still needed."
}

// unsure is what is known of a run of which nobody knows whether it ran.
func (p *page) unsure(r approvals.Request) {
	p.whyUnknown(r, asked(r)) // then the card has room for little
	p.evidence(r)
	p.statements(r)
	p.persons("Approved by: ", r.Approvers())
	if r.State != approvals.Unknown {
		return
	}
	p.notBefore(r)
	if r.Unsure.Lifted {
		p.line(say("Its hosts are free: other runs of this script may go there."))
	} else {
		p.line(say("Its hosts are kept: no other run of this script goes there until this is cleared up or somebody frees them."))
	}
	if !asked(r) && !r.Unsure.Since.IsZero() {
		p.line(say("Unknown since "), at(r.Unsure.Since))
	}
}

// whyUnknown is how it came that nobody knows, in few words if short.
func (p *page) whyUnknown(r approvals.Request, short bool) {
	switch a := answer(r); {
	case doubted(r):
		p.line(say("Redis has changed (restarted, failed over or emptied), and the API lists a task that may be this run: it was not sent again."))
	case forgotten(r):
		p.line(say("The API had accepted it, and then Redis went back to a state from before that. It is not sent again."))
	case r.Recalled != "" && a == nil:
		p.line(say("Redis went back to a state from before it was claimed. It may have been sent by then, and is not sent again."))
	case a == nil:
		p.line(say("The worker that sent it was lost before the API’s answer was stored."))
	default:
		brief := *a
		brief.Name, brief.Message, brief.Meaning = cutLine(a.Name, unsureAnswer/2), cutLine(a.Message, unsureAnswer), cutLine(a.Meaning, unsureAnswer)
		brief.Hint = "" // the advice above says what to do
		if short {
			brief.Meaning = ""
		}
		p.answer(brief)
	}
}

// evidence is what the search says.
func (p *page) evidence(r approvals.Request) {
	if r.Unsure.Evidence != "" {
		p.passage("What the search says", r.Unsure.Evidence, unsureEvidence)
	}
	shown := cut(r.Unsure.Evidence, unsureEvidence)
	if slices.ContainsFunc(r.Unsure.Tasks, func(task string) bool { return !strings.Contains(shown, task) }) {
		p.line(label("Tasks that may be this run: "), said(strings.Join(r.Unsure.Tasks, ", "), unsureTasks))
	}
}

// statements are who has said what so far. Who settled it stands in the advice.
func (p *page) statements(r approvals.Request) {
	var yes, no []approvals.Person
	settled, _ := r.Settlement()
	for _, s := range r.Unsure.Statements {
		switch s.Finding {
		case settled:
		case approvals.Ran:
			yes = append(yes, s.Person)
		default:
			no = append(no, s.Person)
		}
	}
	p.persons("Said that it ran: ", yes)
	p.persons("Said that it did not run: ", no)
}

// persons names the first of those in a line, if there are any.
func (p *page) persons(title safe, all []approvals.Person) {
	if len(all) == 0 {
		return
	}
	row := []span{label(title)}
	for i, who := range all[:min(len(all), unsurePeople)] {
		if i > 0 {
			row = append(row, say(", "))
		}
		row = append(row, user(who.User))
	}
	if over := len(all) - unsurePeople; over > 0 {
		row = append(row, say(safe(" and "+number(over)+" more")))
	}
	p.line(row...)
}

// notBefore is from when on people can say that it did not run.
func (p *page) notBefore(r approvals.Request) {
	if s := r.LastSend(); asked(r) && s != nil && !s.DeadFrom.IsZero() {
		p.line(label("“It did not run” counts only from "), at(s.DeadFrom),
			say(" on: until then the API would still take what was signed at the claim."))
	}
	if asked(r) && carries(r) {
		p.line(label("A host may begin it late: "), say("look in the console's task list, too, for PENDING or DELIVER_DELAYED, and cancel it there."))
	}
}

// found says that the search found the run.
func (p *page) found(r approvals.Request) {
	if !adopted(r) {
		return
	}
	row := []span{label("It ran: "), say("its task")}
	if len(r.Follow.Tasks) > 0 {
		row = append(row, say(" "), code(r.Follow.Tasks[0], 60))
	}
	p.line(append(row, say(" was found "), at(r.Follow.Since))...)
	p.evidence(r)
}

// The buttons of an unknown run.
const (
	ranLabel  = "It ran"
	notLabel  = "It did not run"
	liftLabel = "Free its hosts"
)

// unknownButtons are what may be pressed while nobody knows whether r ran.
func unknownButtons(r approvals.Request, press func(name, words string) *slack.ButtonBlockElement) []slack.BlockElement {
	var row []slack.BlockElement
	if asked(r) {
		row = append(row,
			press(ran, ranLabel).WithConfirm(confirm("Did it run?",
				"Say so if you saw it in the task list or on a host, however far it got. Two who say the same settle it for good.", ranLabel)),
			press(didNotRun, notLabel).WithConfirm(confirm("Did it run nowhere?",
				"Say so if you looked, no host has run it, and no task in the list can be it."+countsFrom(r)+" Two who say the same settle it for good.", notLabel)))
	}
	if !r.Unsure.Lifted {
		row = append(row, press(lift, liftLabel).WithConfirm(confirm("Let others onto its hosts?",
			"Other runs of this script may then go to "+count(len(hosts(r)), "host")+" where this one may still be running. Whether it ran stays open.", liftLabel)))
	}
	return row
}

// countsFrom is notBefore for a place without dates in the reader's zone.
func countsFrom(r approvals.Request) string {
	s := r.LastSend()
	if s == nil || s.DeadFrom.IsZero() {
		return ""
	}
	return " It counts only from " + s.DeadFrom.UTC().Format("2006-01-02 15:04 UTC") + " on."
}

func (p *page) noticeUnknown(r approvals.Request) {
	text := call(r, true) + "*" + inTheDark(r) + ".* "
	if r.State == approvals.Unknown {
		p.section(text + searched)
	} else {
		p.section(text + "Since then it has gone on; the card says how it stands now.")
	}
	p.subject(r)
	p.whyUnknown(r, false)
}

func (p *page) noticeFound(r approvals.Request) {
	text := call(r, true) + "*It ran: its task was found.* It is followed from here; what happened on the hosts comes into this thread."
	if carries(r) && (r.InDoubt || r.Recalled != "") && len(r.Follow.Stops) == 0 {
		text += " An order to stop it may be forgotten: if there was one, press Stop again."
	}
	p.section(text)
	p.subject(r)
	p.found(r)
}

// noticeAsk calls all who may say whether it ran.
func (p *page) noticeAsk(r approvals.Request) {
	if !asked(r) {
		p.section(call(r, true) + "People were asked whether this ran. Since then it has gone on; the card says how it stands now.")
		p.subject(r)
		return
	}
	p.section(several(everybody(r), "and") + " *" + inTheDark(r) + ", and the search did not tell.* " + lookHere +
		"Then press “" + ranLabel + "” or “" + notLabel + "” on the card. " + whoSays)
	p.subject(r)
	p.whyUnknown(r, false)
	p.evidence(r)
	p.notBefore(r)
}

func (p *page) noticeSettled(r approvals.Request) {
	p.section(call(r, true) + "*" + state(r) + ".* " + adviceSettled(r))
	p.subject(r)
	p.statements(r)
	p.audit(r)
}
