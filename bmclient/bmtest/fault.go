package bmtest

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Drop says when a connection is closed without an answer.
type Drop string

const (
	DropBefore Drop = "before" // after the request was read, before anything was done
	DropAfter  Drop = "after"  // after the request was carried out
)

// Fault is what goes wrong with one call. Code, Error, Status, HTML, Redirect, Hang and Body take the place of the real answer, and the
// request is not carried out unless Execute is set. The others alter how the answer is delivered. A request that would be refused
// anyway (a wrong signature, say) is still refused with its own number.
type Fault struct {
	For      string `json:"for,omitempty"`     // only calls that have a parameter with this value: a script, a host
	Code     int    `json:"code,omitempty"`    // answer with this number; in 3.0 with the code that means the same
	Error    string `json:"error,omitempty"`   // answer with this code of 3.0; in 2.0 with Code, or 6000
	Name     string `json:"name,omitempty"`    // and this codeDesc of 2.0; else the documented one
	Message  string `json:"message,omitempty"` // and this message; else the documented one
	Status   int    `json:"status,omitempty"`  // answer with this HTTP status and a web page; with Code or Body: with those
	HTML     bool   `json:"html,omitempty"`    // answer with a web page
	Redirect string `json:"redirect,omitempty"`
	Body     string `json:"body,omitempty"` // answer with exactly this
	Hang     bool   `json:"hang,omitempty"` // never answer; ends when the client goes away or the server closes
	Execute  bool   `json:"execute,omitempty"`

	Delay      time.Duration `json:"delay,omitempty"` // before anything is done
	Drop       Drop          `json:"drop,omitempty"`
	Truncate   bool          `json:"truncate,omitempty"` // announce the whole answer, send half of it
	Pad        int           `json:"pad,omitempty"`      // blanks added to the answer, to make it long
	CodeAsText bool          `json:"code_as_text,omitempty"`
	Echo       bool          `json:"echo,omitempty"` // the message repeats every parameter, as a careless server's may
}

// instead reports whether the fault takes the place of the real answer.
func (f Fault) instead() bool {
	return f.Code != 0 || f.Error != "" || f.Status != 0 || f.HTML || f.Redirect != "" || f.Body != "" || f.Hang || f.Drop == DropBefore
}

type plannedFault struct {
	action string // "" for any
	fault  Fault
	left   int // -1: always
}

// FailNext makes the next n calls of an action ("" for any) fail. A name of 2.0 means the calls of 3.0
// and TAT that do the same, too. Several plans are used up in order.
func (s *Server) FailNext(action string, f Fault, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, plannedFault{action, f, max(n, 0)})
}

// FailAlways makes every call of an action ("" for any) fail until Heal. FailNext comes first.
func (s *Server) FailAlways(action string, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, plannedFault{action, f, -1})
}

// Heal ends all faults, planned and lasting.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// takeFault uses up a planned fault, or finds the newest lasting one. The lock is held.
func (s *Server) takeFault(action, as2 string, params map[string]string) Fault {
	lasting := Fault{}
	for i := range s.faults {
		p := &s.faults[i]
		switch {
		case p.action != "" && p.action != action && p.action != as2:
		case p.fault.For != "" && !slices.Contains(slices.Collect(maps.Values(params)), p.fault.For):
		case p.left < 0:
			lasting = p.fault
		case p.left > 0:
			f := p.fault
			if p.left--; p.left == 0 {
				s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
			}
			return f
		}
	}
	return lasting
}

const webPage = "<!DOCTYPE html>\n<html><head><title>%d</title></head><body><h1>%s</h1></body></html>\n"

// wire is an answer as it goes out.
type wire struct {
	status   int
	html     bool
	location string
	body     string
}

func (f Fault) wire(a answer, r request) wire {
	if f.Echo {
		a.message += echo(r)
	}
	w := wire{status: http.StatusOK, location: f.Redirect}
	if w.body = a.body(f.CodeAsText); r.api != "2.0" {
		w.body = a.body3(r.api, r.id)
	}
	if f.Status != 0 {
		w.status = f.Status
	} else if f.Redirect != "" {
		w.status = http.StatusTemporaryRedirect
	}
	switch {
	case f.Body != "":
		w.body = f.Body
	case f.HTML, f.Code == 0 && f.Error == "" && (f.Status != 0 || f.Redirect != ""):
		w.html, w.body = true, fmt.Sprintf(webPage, w.status, http.StatusText(w.status))
	}
	w.body += strings.Repeat(" ", f.Pad)
	return w
}

// echo repeats every parameter, raw and URL-encoded.
func echo(r request) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(r.params)) {
		v := r.params[k]
		fmt.Fprintf(&b, " %s=%s (%s)", k, v, url.QueryEscape(v))
	}
	return b.String()
}
