package approvals

import (
	"slices"
	"strings"
	"time"
)

// Stop is an order to stop a run on some of its hosts. It is stored before the cloud hears of it.
type Stop struct {
	By    Person    `json:"by,omitzero"` // zero: the bot itself, where the run had not begun in time
	Hosts []string  `json:"hosts"`
	At    time.Time `json:"at"`
	Done  time.Time `json:"done,omitzero"` // when the cloud took it, or refused it for good
	Why   string    `json:"why,omitempty"` // why it was refused; before Done: why the cloud has not heard of it; words for people
}

// Refused reports whether the cloud will not carry the order out.
func (s Stop) Refused() bool { return !s.Done.IsZero() && s.Why != "" }

// lostStops are the orders of was that f lacks.
func (f Follow) lostStops(was Follow) []Stop {
	return slices.DeleteFunc(slices.Clone(was.Stops), func(s Stop) bool {
		return slices.ContainsFunc(f.Stops, func(o Stop) bool { return o.By.User == s.By.User && o.At.Equal(s.At) })
	})
}

// Stopping is the order that the cloud has not heard of yet, if there is one.
func (f Follow) Stopping() (Stop, bool) {
	return find(f.Stops, func(s Stop) bool { return s.Done.IsZero() })
}

// Ordered reports whether a host is in an order of these.
func Ordered(all []Stop, host string) bool {
	return slices.ContainsFunc(all, func(s Stop) bool { return slices.Contains(s.Hosts, host) })
}

// Open reports whether a host is not over in a task, as far as is known.
func (f Follow) Open(task, host string) bool {
	return slices.ContainsFunc(f.Hosts, func(h HostResult) bool { return h.Host == host && !h.Over() && (h.Task == "" || h.Task == task) })
}

// Unstopped are the approved hosts that are not over, as far as is known, and in no order that the cloud has yet to hear of. One that it took
// or refused, and that did not end them, may be given again.
func (r Request) Unstopped() (hosts []string) {
	waiting, _ := r.Follow.Stopping()
	for _, h := range r.Follow.Hosts {
		if slices.Contains(r.Plan.Hosts, h.Host) && !h.Over() && !slices.Contains(waiting.Hosts, h.Host) && !slices.Contains(hosts, h.Host) {
			hosts = append(hosts, h.Host)
		}
	}
	return hosts
}

// StopOrder is the proof that a run is to be stopped. The key for runs is read for a [Held] or for this; only the record
// of a move [StopRun] makes one.
type StopOrder struct {
	request string
	login   Login
}

// Request is the id of the request.
func (s StopOrder) Request() string { return s.request }

// Login is the login that was approved.
func (s StopOrder) Login() Login { return s.login }

// StopOrder is the proof, if an order waits for the cloud.
func (r Request) StopOrder() (StopOrder, bool) {
	if _, waits := r.Follow.Stopping(); !waits || r.State != Accepted {
		return StopOrder{}, false
	}
	return StopOrder{r.ID, r.Plan.Login}, true
}

// StopRun orders that an accepted run is stopped where it is not over. Who asked may, and who may approve. today is not
// looked at for the former.
func StopRun(p Person, digest Digest, today Facts) Move {
	return Move{Name: "stop", By: p, apply: func(r *Request, now time.Time) error {
		if err := r.shown(digest); err != nil {
			return err
		}
		if !r.Requester.Same(p) {
			if err := r.mayApprove(p, today); err != nil {
				return err
			}
		}
		return r.stop(Stop{By: p, Hosts: r.Unstopped(), At: now})
	}}
}

// StopLate orders that a run is stopped on hosts where it has not begun in time.
func StopLate(hosts []string) Move {
	return Move{Name: "stop", Note: "not begun in time on " + strings.Join(hosts, ", "), apply: func(r *Request, now time.Time) error {
		left := r.Unstopped()
		return r.stop(Stop{Hosts: slices.DeleteFunc(slices.Clone(hosts), func(h string) bool { return !slices.Contains(left, h) }), At: now})
	}}
}

// StopAgain gives the orders of was again, which the store had confirmed and lost.
func StopAgain(was Request) Move {
	return Move{Name: "stop", Note: "ordered before Redis went back", recalls: true, apply: func(r *Request, _ time.Time) error {
		r.Follow.Stops = append(r.Follow.Stops, r.Follow.lostStops(was.Follow)...)
		r.RetryAt, r.Tries = time.Time{}, 0
		return nil
	}}
}

func (r *Request) stop(s Stop) error {
	if len(s.Hosts) == 0 {
		return ErrStopped
	}
	r.Follow.Stops = append(r.Follow.Stops, s)
	r.RetryAt, r.Tries = time.Time{}, 0
	return nil
}

// Stopped stores that the cloud took the order, or why it never will: people are told that.
func Stopped(why string) Move {
	return Move{Name: "stopped", Note: why, apply: func(r *Request, now time.Time) error {
		return r.noteStop(now, why)
	}}
}

// Unstopped stores why the cloud has not heard of the order yet, and has people told.
func Unstopped(why string) Move {
	return Move{Name: "unstopped", Note: why, apply: func(r *Request, _ time.Time) error {
		return r.noteStop(time.Time{}, why)
	}}
}

// noteStop notes what is known of the order that waits, and has people told if it was not carried out.
func (r *Request) noteStop(done time.Time, why string) error {
	i := slices.IndexFunc(r.Follow.Stops, func(s Stop) bool { return s.Done.IsZero() })
	if i < 0 {
		return ErrStopped
	}
	r.Follow.Stops[i].Done, r.Follow.Stops[i].Why = done, why
	r.RetryAt, r.Tries = time.Time{}, 0
	if why != "" {
		r.notify(NoticeStop)
	}
	return nil
}
