package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// What was approved must be what runs. Everything here changes between the moment
// that the card was shown and the send; the second approval is the last thing before.
func TestWhatChangedAfterTheApprovalStopsTheRun(t *testing.T) {
	script := func(change func(*bmclient.Script)) func(*rig) {
		return func(r *rig) {
			r.cloud.set(func(c *cloud) { s := c.scripts[theScript]; change(&s); c.scripts[theScript] = s })
		}
	}
	login := func(change func(*approvals.Login)) func(*rig) {
		return func(r *rig) { r.logins.set(func(l *logins) { change(&l.login) }) }
	}
	profile := func(user string, change func(*approvals.Profile)) func(*rig) {
		return func(r *rig) {
			r.people.set(func(d *directory) { p := d.profiles[user]; change(&p); d.profiles[user] = p })
		}
	}
	rule := func(change func(*approvals.Rule)) func(*rig) {
		return func(r *rig) { change(&r.first.Policy[0]) }
	}
	const changed = "What would run is not what was approved: the %s has changed. Look at the difference and ask again."
	for _, tt := range []struct {
		why    string
		change func(*rig)
		want   string // why it was refused
		what   string // the change that is shown
	}{
		{"the script's text", script(func(s *bmclient.Script) { s.Content = []byte("#!/bin/sh\nrm -rf /\n") }), fmt.Sprintf(changed, "script"), "script"},
		{"one byte at its end", script(func(s *bmclient.Script) { s.Content = append(s.Content[:len(s.Content):len(s.Content)], '\n') }), fmt.Sprintf(changed, "script"), "script"},
		{"its operating system", script(func(s *bmclient.Script) { s.OSType = "xserver" }), fmt.Sprintf(changed, "operating system"), "operating system"},
		{"the account", script(func(s *bmclient.Script) { s.AppID = "126" }), fmt.Sprintf(changed, "account (appId)"), "account (appId)"},
		{"the script is gone", func(r *rig) { r.cloud.set(func(c *cloud) { clear(c.scripts) }) }, "There is no script cmd-nozcbhuw. Look at the id: it is in the runbook, or in the console's list of scripts.", ""},
		{"the script holds a credential now", script(func(s *bmclient.Script) { s.Content = []byte(canaryPassword) }), "The script cmd-nozcbhuw holds one of my own credentials, so I show it nowhere. Take it out of the script, and change that credential.", ""},
		{"the login is mapped elsewhere", login(func(l *approvals.Login) { l.Ref = "ref+vault://other#password" }), fmt.Sprintf(changed, "place of the login's password"), "place of the login's password"},
		{"the login is another user", login(func(l *approvals.Login) { l.User = "admin" }), fmt.Sprintf(changed, "user on the hosts"), "user on the hosts"},
		{"today's rule names no approver of these", rule(func(r *approvals.Rule) { r.Approve = approvals.Who{Users: []string{"CAROL"}} }), "The approvals do not hold any more: 0 of 1 needed. Ask again.", ""},
		{"today's rule wants two", rule(func(r *approvals.Rule) { r.Quorum = 2 }), "The approvals do not hold any more: 1 of 2 needed. Ask again.", ""},
		{"today's rules do not let the requester ask", rule(func(r *approvals.Rule) { r.Ask = approvals.Who{Users: []string{"EVE"}} }), "The approvals do not hold any more: the requester may not ask for this any more. Ask again.", ""},
		{"no rule matches today", rule(func(r *approvals.Rule) { r.Scripts = []string{"cmd-x"} }), "The rules have changed since the card was shown and do not allow this run any more. Ask whoever keeps the rules.", ""},
		{"the approver was deactivated", profile("BOB", func(p *approvals.Profile) { p.Deactivated = true }), "The approvals do not hold any more: 0 of 1 needed. Ask again.", ""},
		{"the approver's id is another human's", profile("BOB", func(p *approvals.Profile) { p.ID = "W-OTHER" }), "The approvals do not hold any more: 0 of 1 needed. Ask again.", ""},
		{"the requester became a guest", profile("ALICE", func(p *approvals.Profile) { p.Guest = true }), "The approvals do not hold any more: the requester may not use bmcmd any more. Ask again.", ""},
	} {
		t.Run(tt.why, func(t *testing.T) {
			play(t, func(r *rig) {
				id := r.asks("ALICE")
				r.between(func() { r.pressOn(r.first, "BOB", Approve, id) }, func() { tt.change(r) })
				k := r.is(id, approvals.Refused)
				if diff := cmp.Diff(tt.want, k.Why); diff != "" {
					r.Errorf("why (-want +got):\n%s", diff)
				}
				if tt.what != "" && (len(k.Changes) != 1 || k.Changes[0].What != tt.what) {
					r.Errorf("changes %+v, want the %s", k.Changes, tt.what)
				}
				r.did("notice", "notice ended refused")
				if strings.HasPrefix(tt.want, "The approvals") || strings.HasPrefix(tt.want, "The rules") {
					r.did("open") // a login is for who holds the approvals; what it would run is told from that meanwhile
				}
				r.pass(time.Hour)
				r.ran(0)
			})
		})
	}
}

// between has a change made between a vote that is counted and the first thing that the dispatch reads.
func (r *rig) between(vote, change func()) {
	reading, proceed := make(chan struct{}), make(chan struct{})
	r.first.Durable = func(context.Context) error {
		reading <- struct{}{}
		<-proceed
		return nil
	}
	vote()
	<-reading
	change()
	r.first.Durable = r.durable
	close(proceed)
	r.settle()
}

func TestARotatedPasswordChangesNothing(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		r.cloud.set(func(c *cloud) {
			s := c.scripts[theScript]
			s.Alias, s.Modified = "new name", time.Now()
			c.scripts[theScript] = s
		})
		r.press("BOB", Approve, id)
		r.is(id, approvals.Accepted)
	})
}

// What is away for a moment is waited for within dispatch_within; later only a
// person starts the run.
func TestWhatIsAwayIsWaitedFor(t *testing.T) {
	type outage struct {
		why        string
		begin, end func(*rig)
		says       string // on the card, while it is tried
	}
	for _, tt := range []outage{
		{
			"the vault", func(r *rig) {
				r.logins.set(func(l *logins) { l.onOpen = func() error { return errors.New("sealed") } })
			},
			func(r *rig) { r.logins.set(func(l *logins) { l.onOpen = nil }) }, "The credentials could not be read from the vault.",
		},
		{
			"the cloud", func(r *rig) {
				r.cloud.set(func(c *cloud) {
					c.onRead = func() error {
						return &bmclient.Error{Number: 6000, Name: "InternalError", Meaning: "the API failed internally"}
					}
				})
			},
			func(r *rig) { r.cloud.set(func(c *cloud) { c.onRead = nil }) }, "The cloud's API answered 6000 InternalError (the API failed internally).",
		},
		{
			"a group that Slack does not tell", func(r *rig) { r.people.set(func(d *directory) { d.noGroups = errors.New("ratelimited") }) },
			func(r *rig) { r.people.set(func(d *directory) { d.noGroups = nil }) }, "Slack did not tell who is in a user group.",
		},
	} {
		votes := func(r *rig) string { // the outage begins between vote and dispatch
			id := r.asks("ALICE")
			r.between(func() { r.pressOn(r.first, "DAVE", Approve, id) }, func() { tt.begin(r) }) // whom only a group names
			k := r.is(id, approvals.Approved)
			if want := tt.says + " This try sent nothing; I keep trying until the approval is 2 minutes old. (ref "; !strings.HasPrefix(k.Waiting, want) {
				r.Errorf("it waits because %q, want %q", k.Waiting, want)
			}
			r.did("notice", "notice waiting approved")
			return id
		}
		t.Run(tt.why+" is back in time", func(t *testing.T) {
			play(t, func(r *rig) {
				id := votes(r)
				r.pass(time.Minute)
				r.is(id, approvals.Approved)
				tt.end(r)
				r.pass(time.Minute)
				r.is(id, approvals.Accepted)
				r.pass(time.Hour)
				r.ran(1)
				r.did("notice", "notice waiting approved", "notice answer accepted")
			})
		})
		t.Run(tt.why+" is back too late", func(t *testing.T) {
			play(t, func(r *rig) {
				id := votes(r)
				r.pass(3 * time.Minute)
				tt.end(r)
				r.pass(5 * time.Minute)
				k := r.is(id, approvals.Approved)
				const want = "It could not be started in time, so I do not start by myself any more. Press Run to start it now, or Cancel."
				if k.Waiting != want {
					r.Errorf("it waits because %q, want %q", k.Waiting, want)
				}
				r.did("notice", "notice waiting approved", "notice waiting approved") // the second asks for a press
				r.ran(0)
				r.hears(r.press("EVE", Run, id), "Not counted: the rule does not name you. These may:")
				r.ran(0)
				r.press("ALICE", Run, id)
				r.is(id, approvals.Accepted)
				r.ran(1)
			})
		})
		t.Run(tt.why+" never is", func(t *testing.T) {
			play(t, func(r *rig) {
				id := votes(r)
				r.pass(time.Hour)
				r.is(id, approvals.Expired)
				r.ran(0)
			})
		})
	}
}

// People wait for a send: script, machines and credentials are read at the same time.
func TestWhatASendNeedsIsReadTogether(t *testing.T) {
	playTAT(t, nil, func(r *rig) {
		id := r.asksTAT()
		slow := func() error { time.Sleep(100 * time.Millisecond); return nil }
		r.cloud.set(func(c *cloud) { c.onRead, c.onMachines = slow, slow })
		r.logins.set(func(l *logins) { l.onOpen = slow })
		r.press("BOB", Approve, id)
		r.pass(time.Second)
		k := r.is(id, approvals.Accepted)
		if took := k.LastSend().ClaimedAt.Sub(k.ApprovedAt); took > 130*time.Millisecond {
			t.Errorf("it was claimed %s after the approval, and each reading takes 100 ms", took)
		}
	})
}
