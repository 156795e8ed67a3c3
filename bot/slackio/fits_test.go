package slackio

import (
	"errors"
	"strings"
	"testing"

	"github.com/bmcmd/bmcmd/approvals"
)

// Whether a card can show a request is known before its script was read, and before Slack
// is asked.
func TestFits(t *testing.T) {
	asked := func(parameters string) approvals.Request {
		return approvals.Request{
			ID: "r-1", State: approvals.Received, Requester: approvals.Person{Org: "T1", User: "U1"},
			Asked: approvals.Asked{Script: "cmd-1", Hosts: []string{"ins-1"}, Parameters: parameters, Reason: "why"},
		}
	}
	s := &Slack{}
	if err := s.Fits(asked("--fast")); err != nil {
		t.Errorf("a short one: %v", err)
	}
	if err := s.Fits(asked(strings.Repeat("x", 15_000))); !errors.Is(err, approvals.ErrTooLong) {
		t.Errorf("parameters of 15,000 characters: %v", err)
	}
	r := asked("")
	r.Plan = &approvals.Plan{Script: approvals.Script{Content: make([]byte, 5<<20)}}
	if err := s.Fits(r); err == nil {
		t.Error("a script of 5 MiB fits")
	}
}
