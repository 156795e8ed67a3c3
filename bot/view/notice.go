package view

import (
	"slices"
	"strconv"

	"github.com/bmcmd/bmcmd/approvals"
)

// Notice draws a notice from the record: for the card's thread, or where there is
// no card for the requester alone.
func Notice(r approvals.Request, n approvals.Notice) Message {
	p := &page{}
	switch n.Kind {
	case approvals.NoticeAnswer:
		p.noticeAnswer(r)
	case approvals.NoticeUnknown:
		p.noticeUnknown(r)
	case approvals.NoticeFound:
		p.noticeFound(r)
	case approvals.NoticeAsk:
		p.noticeAsk(r)
	case approvals.NoticeSettled:
		p.noticeSettled(r)
	case approvals.NoticeWaiting:
		p.noticeWaiting(r)
	case approvals.NoticeAlarm:
		p.noticeAlarm(r)
	case approvals.NoticeStop:
		p.noticeStop(r)
	case approvals.NoticeFile:
		p.noticeFile(r)
	case approvals.NoticeBack:
		p.section(call(r, true) + "*Redis has gone back to an older state of this request*, so what was decided on it since is lost. " +
			"Look at the card: anyone who had decided has to do it again.")
		p.subject(r)
	case approvals.NoticeGone:
		p.section(call(r, true) + "*Redis has lost its record of this request.* Its buttons do nothing any more.")
		p.passage("What I know", r.Why, newsWhy)
		p.subject(r)
	case approvals.NoticeResult:
		m, _ := Result(r, nil)
		return m
	default:
		p.noticeEnded(r)
	}
	return p.message("notice" + strconv.Itoa(n.N))
}

// call mentions the requester and, for what concerns them, the approvers.
func call(r approvals.Request, withApprovers bool) safe {
	all := []approvals.Person{r.Requester}
	if withApprovers {
		all = append(all, r.Approvers()...)
	}
	return several(people(all...), "and") + " "
}

// subject says which request it is about.
func (p *page) subject(r approvals.Request) {
	p.line(said(what(r), maxName), say(", request "), code(r.ID, maxID))
}

func (p *page) noticeAnswer(r approvals.Request) {
	a := lastWord(r)
	if late(r) {
		a = answer(r)
	}
	switch {
	case a == nil:
		p.section(call(r, true) + "The API’s answer is not known.")
	case a.Outcome == approvals.OutcomeAccepted && r.State.Ended(): // Slack did not take this notice for a while
		p.section(call(r, true) + "Accepted by the API. It has ended since; the card says how.")
	case a.Outcome == approvals.OutcomeAccepted:
		p.section(call(r, true) + "Accepted by the API; *what happened on the hosts is not known yet*. The result comes into this thread.")
	case late(r) && unasked(r):
		p.section(call(r, true) + advice(r))
	case late(r):
		p.section(call(r, true) + "The API refused the run before anything could start. " + advice(r))
	case a.Outcome == approvals.OutcomeRefused:
		p.section(call(r, true) + noticeRefused(r, *a))
	case a.Outcome == approvals.OutcomeFailed:
		p.section(call(r, true) + "The API says that it cannot run this.")
	default:
		p.section(call(r, true) + searched)
	}
	p.subject(r)
	if a != nil {
		p.answer(*a)
		p.fates(declinedHosts(r), login(r), newsOutcome)
	}
	if r.State.Ended() && !followed(r) { // else the result comes last
		p.audit(r)
	}
}

// noticeRefused says what a refusal leaves. It may be drawn when the request has gone on.
func noticeRefused(r approvals.Request, a approvals.Answer) safe {
	text := safe("The API refused the run before anything could start. ")
	if neverAsked(a) {
		text = "The run could not be put to the API. "
	}
	if r.State != approvals.Approved {
		return text + "Since then it has gone on; the card says how it stands now."
	}
	return text + hasRun(r) + " The approval still stands: once the cause is gone, press " + runLabel + " on the card."
}

// everybody mentions the requester, who approved, and who else may approve.
func everybody(r approvals.Request) []safe {
	all := people(append([]approvals.Person{r.Requester}, r.Approvers()...)...)
	for _, m := range mayApprove(r) {
		if !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}

// noticeAlarm calls all who may approve: what ran is not what any of them reviewed.
func (p *page) noticeAlarm(r approvals.Request) {
	n := safe(drifters(r))
	p.section(several(everybody(r), "and") + " *Alarm: " + n + " " + safe(alarmed(r)) + ".* Look at the hosts now: " + suspected(r))
	p.subject(r)
	p.drift(r, maxCost/2)
}

// noticeFile says why the file of a result is not there.
func (p *page) noticeFile(r approvals.Request) {
	text := safe("The full output could not be attached; what fits is above.")
	if r.File.Unsure {
		text = "Slack did not say whether it has attached the full output. If no file stands in this thread, what fits is above."
	}
	p.section(text)
	p.passage("Why", r.File.Why, newsWhy)
	p.line(say("Have somebody who looks after the bot see whether it may send files here, or look at the task in the console."))
	p.subject(r)
}

func (p *page) noticeWaiting(r approvals.Request) {
	switch {
	case r.ApprovedAt.IsZero() && r.Waiting == "":
		p.section(call(r, false) + "It had to wait before anybody could be asked. Now: " + state(r) + ".")
	case r.State == approvals.Received:
		p.section(call(r, false) + "Nobody is asked yet.")
		p.waiting(r)
	case r.State != approvals.Approved:
		p.section(call(r, false) + "It was approved and had to wait; the card says how it stands now.")
	case r.Waiting == "":
		p.section(call(r, false) + "It was approved and had to wait; it goes on now.")
	default:
		p.section(call(r, false) + "Approved, but not sent yet. " + adviceApproved(r))
		p.waiting(r)
	}
	p.subject(r)
}

func (p *page) noticeEnded(r approvals.Request) {
	text := call(r, false) + state(r) + ". "
	p.section(text + advice(r))
	if r.Why != "" {
		p.passage("Why", r.Why, newsWhy)
	}
	p.subject(r)
	p.audit(r)
	p.changes(r.Changes, maxCost/2, sinceApproved)
}
