package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// Everybody who can echoes the credentials in every text they have; none may get
// further than to the bot.
func TestCredentialsStayInside(t *testing.T) {
	all := strings.Join([]string{canaryPassword, canaryKeyID, canaryKey, canaryLines}, " ")
	echo := func(class bmclient.Class, number int) error {
		return &bmclient.Error{Action: "RunUserCmd " + all, Number: number, Name: all, Message: all, Meaning: all, Class: class, RequestID: all}
	}
	for _, tt := range []struct {
		name  string
		setup func(r *rig)
		// what the request comes to; a look-up that never succeeds is refused
		want approvals.State
	}{
		{"all is well", nil, approvals.Accepted},
		{"an answer that refuses", func(r *rig) {
			r.cloud.onRun = func(context.Context) error { return echo(bmclient.ClassRefused, 4300) }
		}, approvals.Approved},
		{"an answer that fails", func(r *rig) {
			r.cloud.onRun = func(context.Context) error { return echo(bmclient.ClassFailed, 18018) }
		}, approvals.Failed},
		{"an answer that says nothing", func(r *rig) {
			r.cloud.onRun = func(context.Context) error { return echo(bmclient.ClassUnknown, 0) }
		}, approvals.Unknown},
		{"no answer", func(r *rig) { r.cloud.onRun = func(context.Context) error { return errors.New(all) } }, approvals.Unknown},
		{"nothing sent", func(r *rig) {
			r.cloud.onRun = func(context.Context) error { return fmt.Errorf("%s: %w", all, bmclient.ErrNotSent) }
		}, approvals.Approved},
		{"a panic in the call", func(r *rig) { r.cloud.onRun = func(context.Context) error { panic(all) } }, approvals.Unknown},
		{"a look-up that is refused", func(r *rig) { r.cloud.onRead = func() error { return echo(bmclient.ClassRefused, 4100) } }, approvals.Refused},
		{"a look-up that never succeeds", func(r *rig) { r.cloud.onRead = func() error { return echo(bmclient.ClassUnknown, 6000) } }, approvals.Refused},
		{"a script that holds them", func(r *rig) {
			s := r.cloud.scripts[theScript]
			s.Content = []byte("curl -u " + all)
			r.cloud.scripts[theScript] = s
		}, approvals.Refused},
		{"an alias that holds them", func(r *rig) {
			s := r.cloud.scripts[theScript]
			s.Alias = all
			r.cloud.scripts[theScript] = s
		}, approvals.Accepted},
		{"hosts that print them", followed(true, func(h *apiHost) { h.Output = []byte("a\n" + all + "\nb") }), approvals.Succeeded},
		{"hosts that ran them", followed(true, func(h *apiHost) { h.Content = []byte("#!/bin/sh\ncurl " + all + "\nreboot\n") }), approvals.Failed},
		{"hosts that ran them, in a search", followed(false, func(h *apiHost) { h.Content, h.Output = []byte(all), []byte(all) }), approvals.Failed},
		{"hosts that were given them", followed(true, func(h *apiHost) { h.Parameters = []byte(all) }), approvals.Failed},
		{"a host that is called like them", followed(true, func(h *apiHost) { h.Host += all; h.Output = []byte(all) }), approvals.Failed},
		{"hosts that are refused with them", func(r *rig) {
			r.cloud.tasks.answer = func(a *bmclient.Accepted) {
				for _, h := range []string{"ins-1", "ins-2"} {
					a.Refused = append(a.Refused, bmclient.HostRefused{Host: h, Message: all})
				}
			}
		}, approvals.Failed},
		{"records that cannot be read", func(r *rig) {
			r.cloud.tasks.known = true
			r.cloud.tasks.onList = func(context.Context) error { return echo(bmclient.ClassUnknown, 6000) }
		}, approvals.Failed},
		{"scripts that cannot be listed", func(r *rig) { r.cloud.onScripts = func() error { return echo(bmclient.ClassRefused, 4101) } }, approvals.Accepted},
		{"a vault that talks", func(r *rig) { r.logins.onOpen = func() error { return errors.New(all) } }, approvals.Approved},
		{"a board that talks", func(r *rig) { r.board.hook = failing("redraw", errors.New(all)) }, approvals.Accepted},
		{"a board that panics", func(r *rig) {
			r.board.hook = func(call string, _ approvals.Request) error {
				if call == "notify" {
					panic(all)
				}
				return nil
			}
		}, approvals.Accepted},
		{"a chat that refuses the card", func(r *rig) { r.board.hook = failing("post", fmt.Errorf("%s: %w", all, ErrRejected)) }, approvals.Refused},
		{"a card that is too long", func(r *rig) { r.board.hook = failing("post", fmt.Errorf("%w: %s", approvals.ErrTooLong, all)) }, approvals.Refused},
		{"a directory that talks", func(r *rig) { r.later = func() { r.people.set(func(d *directory) { d.fault = errors.New(all) }) } }, approvals.Pending},
	} {
		t.Run(tt.name, func(t *testing.T) {
			setup := func(r *rig) {
				if tt.want.Ended() {
					r.follow = 2 * time.Minute
				}
				if tt.setup != nil {
					tt.setup(r)
				}
			}
			playWith(t, setup, func(r *rig) {
				var said strings.Builder
				hear := func(a Answer) { fmt.Fprintf(&said, "%+v\n", a) }
				hear(r.says("ALICE", "show cmd-nozcbhuw"))
				id := r.asks("ALICE")
				r.pass(3 * time.Minute)
				if r.later != nil {
					r.later()
				}
				hear(r.press("EVE", Approve, id))
				hear(r.press("BOB", Approve, id))
				r.pass(90 * time.Second)
				hear(r.press("ALICE", Run, id))
				hear(r.says("ALICE", "status "+id))
				hear(r.says("ALICE", "list"))
				hear(r.says("ALICE", "list scripts"))
				hear(r.says("ALICE", "show restart"))
				if tt.want.Ended() {
					r.pass(3 * time.Minute) // longer than runs are followed here
				}
				k := r.get(id)
				if k.State != tt.want {
					r.Errorf("state %s (%s), want %s", k.State, k.Why, tt.want)
				}
				drawn := fmt.Sprintf("%+v", r.board.cards)
				for _, report := range r.board.reports {
					drawn += fmt.Sprintf("%+v %s", report.request, report.out)
				}
				for where, text := range map[string]string{
					"answers": said.String(), "store": string(r.memory.bytes()), "log": r.log.String(), "cards": drawn,
				} {
					if i := strings.Index(text, "CANARY"); i >= 0 {
						r.Errorf("a credential is in the %s: …%s…", where, text[max(0, i-200):min(len(text), i+60)])
					}
				}
				if (tt.want == approvals.Accepted || tt.want == approvals.Succeeded) && len(r.cloud.sent) == 0 {
					r.Error("nothing was sent, so this shows nothing")
				}
			})
		})
	}
}

// followed is an API whose hosts have something to say.
func followed(named bool, change func(h *apiHost)) func(*rig) {
	return func(r *rig) {
		r.cloud.tasks.known, r.cloud.tasks.named = true, named
		r.cloud.tasks.host = func(_ string, h *apiHost) { change(h) }
	}
}
