package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/bmcmd/bmcmd/approvals"
)

// A run that a rule refused as it was typed is in the audit, without a record: who, what
// and why. It holds, in Redis and in an export, and what is changed about it is found.
func TestAuditOfARunThatWasRefused(t *testing.T) {
	a := newArchive(t)
	id := approvals.NewID(auditTeam, "Ev9")
	err := a.desk.TurnAway(t.Context(), approvals.Request{
		ID: id, Origin: approvals.Origin{Team: auditTeam, Channel: "C0OPS"}, Requester: approvals.Person{Org: auditTeam, User: "U0GUEST"},
		Asked: approvals.Asked{Script: "cmd-wipe", Hosts: []string{"ins-db7"}, Parameters: "--all"},
	}, "You cannot ask for runs: a guest may not use bmcmd. Ask a colleague to.")
	if err != nil {
		t.Fatal(err)
	}
	a.verify().expect(t, 0, "Looked at 4 requests with 12 events, in Redis, workspace T0AUDIT: all holds.\n")
	for _, filter := range []string{"--person=U0GUEST", "--script=cmd-wipe", "--host=ins-db7", "--request=" + id} {
		x := a.export(filter)
		x.expect(t, 0, "Exported 1 request with 1 event.", `"to":"refused"`, "a guest may not use bmcmd", `"record":"gone"`)
		a.bmcmd(x.out, "verify", "--from", "-").expect(t, 0, "Looked at 1 request with 1 event", "all holds")
		a.verify(filter).expect(t, 0, "all holds")
	}
	whole := a.lines(id)
	for _, tt := range []struct {
		why    string
		change func()
		says   string
	}{
		{"it says that somebody else asked", func() { a.event(id, 1, func(e *approvals.Event) { e.By.User = "U0ANNE" }) }, "was changed"},
		{"it is gone", func() { a.do("DEL", a.key("events", id)) }, "its events are gone"},
		{"another follows it", func() { a.put(id, append(whole, a.lines(a.denied)[1])) }, "event 2"},
		{"it has a record", func() { a.do("COPY", a.key("request", a.open), a.key("request", id)) }, "has a record, and its event says that it was refused as it was typed"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			tt.change()
			a.verify().expect(t, 1, id, tt.says)
			a.put(id, whole)
			a.do("DEL", a.key("request", id))
			a.verify().expect(t, 0)
		})
	}
	if _, _, err := a.desk.Receive(t.Context(), approvals.Request{ID: id, Asked: approvals.Asked{Script: "cmd-wipe", Hosts: []string{"ins-db7"}}}); !errors.Is(err, approvals.ErrTurnedAway) || strings.Join(a.lines(id), "") != strings.Join(whole, "") {
		t.Errorf("it is received: %v", err)
	}
}
