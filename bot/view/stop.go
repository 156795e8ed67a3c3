package view

import (
	"slices"

	"github.com/bmcmd/bmcmd/approvals"
)

// Orders to stop a run, on cards, in results and in the thread.

// cancelled reports whether a host did not run to its end because of an order to stop.
func cancelled(r approvals.Request, host string) bool {
	return approvals.Ordered(r.Follow.Stops, host) && slices.ContainsFunc(r.Follow.Hosts, func(h approvals.HostResult) bool {
		return h.Host == host && (h.State == approvals.HostKilled || h.State == approvals.HostNever) && (h.Word == "TERMINATED" || h.Word == "CANCELLED")
	})
}

// stops says what became of each order to stop the run; of a host that was ordered again, the last one tells.
func (p *page) stops(r approvals.Request) {
	for i, s := range r.Follow.Stops {
		var done, over, open []string
		for _, host := range s.Hosts {
			switch {
			case approvals.Ordered(r.Follow.Stops[i+1:], host):
			case cancelled(r, host):
				done = append(done, host)
			case slices.ContainsFunc(r.Follow.Hosts, func(h approvals.HostResult) bool {
				return h.Host == host && (!h.Over() || h.State == approvals.HostLost)
			}):
				open = append(open, host)
			default:
				over = append(over, host)
			}
		}
		p.order("Stopped: ", s, done)
		p.order("Had ended before it could be stopped: ", s, over)
		p.order(toStop(s, r.State.Ended()), s, open)
		if s.Why == "" || len(open) == 0 {
			continue
		}
		p.line(said(s.Why, newsMeaning))
		if s.Done.IsZero() && !r.State.Ended() {
			p.line(say("If it cannot wait, stop it in the console, or on the hosts."))
		}
	}
}

// toStop is how an order stands for hosts that are not over.
func toStop(s approvals.Stop, ended bool) safe {
	switch {
	case s.Refused():
		return "Not stopped: "
	case s.Done.IsZero() && ended:
		return "Not known whether the cloud took the order to stop: "
	case s.Done.IsZero() && s.Why != "":
		return "Not stopped yet, I go on trying: "
	case s.Done.IsZero():
		return "Being stopped: "
	case ended:
		return "The cloud took the order to stop, and no end is recorded: "
	}
	return "The cloud took the order to stop: "
}

func (p *page) order(what safe, s approvals.Stop, hosts []string) {
	if len(hosts) == 0 {
		return
	}
	row := []span{label(what), said(hostList(hosts), 160), say(", asked by "), user(s.By.User)}
	if s.By.User == "" {
		row = append(row[:2], say(", by me: it had not begun there in time"))
	}
	p.line(row...)
}

// noticeStop says that an order was not carried out, or not at once.
func (p *page) noticeStop(r approvals.Request) {
	p.section(call(r, true) + "*An order to stop the run was not carried out at once.* What runs on the hosts may go on.")
	p.stops(r)
	p.subject(r)
}
