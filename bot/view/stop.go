package view

import "github.com/bmcmd/bmcmd/approvals"

// Orders to stop a run, on cards, in results and in the thread.

// cancelled reports whether a host did not run to its end because of an order to stop.
func cancelled(r approvals.Request, h approvals.HostResult) bool {
	return r.Follow.Stopped(h.Host) && (h.State == approvals.HostKilled && h.Word == "TERMINATED" || h.State == approvals.HostNever && h.Word == "CANCELLED")
}

// stops says who had the run stopped, and where.
func (p *page) stops(r approvals.Request) {
	for _, s := range r.Follow.Stops {
		what := safe("Stopped: ")
		switch {
		case s.Refused():
			what = "Not stopped: "
		case s.Done.IsZero() && r.State.Ended():
			what = "Not known whether the cloud took the order to stop: "
		case s.Done.IsZero():
			what = "Being stopped: "
			if s.Why != "" {
				what = "Not stopped yet, I go on trying: "
			}
		}
		row := []span{label(what), said(hostList(s.Hosts), 160), say(", asked by "), user(s.By.User)}
		if s.By.User == "" {
			row = append(row[:2], say(", by me: it had not begun there in time"))
		}
		p.line(row...)
		if s.Why != "" {
			p.line(said(s.Why, newsMeaning))
		}
		if s.Why != "" && s.Done.IsZero() && !r.State.Ended() {
			p.line(say("If it cannot wait, stop it in the console, or on the hosts."))
		}
	}
}

// noticeStop says that an order was not carried out, or not at once.
func (p *page) noticeStop(r approvals.Request) {
	p.section(call(r, true) + "*An order to stop the run was not carried out at once.* What runs on the hosts may go on.")
	p.stops(r)
	p.subject(r)
}
