package slackio

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/slacksim"
)

const partners = "C0PARTNERS"

// shared adds a channel that another organisation sees.
func shared(sim *slacksim.Slack, edit ...func(*slacksim.Channel)) {
	c := slacksim.Channel{ID: partners, Name: "partners", Members: []string{alice, bob, sim.BotUserID()}, ExtShared: true}
	for _, f := range edit {
		f(&c)
	}
	sim.AddChannel(c)
}

func TestOutsiders(t *testing.T) {
	without := func(scopes ...string) []string {
		return slices.DeleteFunc(slacksim.DefaultScopes(), func(s string) bool { return slices.Contains(scopes, s) })
	}
	for _, c := range []struct {
		why     string
		channel string
		edit    func(*slacksim.Channel)
		scopes  []string
		named   bool
		want    bool
	}{
		{"another organisation is in it", partners, nil, nil, false, true},
		{"one is invited", partners, func(c *slacksim.Channel) { c.ExtShared, c.Pending = false, true }, nil, false, true},
		{"a private one", partners, func(c *slacksim.Channel) { c.Private = true }, nil, false, true},
		{"the config names it", partners, nil, nil, true, false},
		{"nobody else is in it", channel, nil, nil, false, false},
		{"a direct message", "D" + alice, nil, nil, false, false},
		{"the scope to ask is missing", partners, nil, without("channels:read"), false, false},
		{"that for private ones", partners, func(c *slacksim.Channel) { c.Private = true }, without("groups:read"), false, false},
		{"the bot is not in it, and cannot post there", partners, func(c *slacksim.Channel) { c.Private, c.Members = true, nil }, nil, false, false},
	} {
		t.Run(c.why, func(t *testing.T) {
			sim := simulate(t, slacksim.Config{Scopes: c.scopes})
			shared(sim)
			if c.edit != nil {
				shared(sim, c.edit)
			}
			r := connectTo(t, sim, func(cfg *Config) {
				if c.named {
					cfg.Shared = []string{partners}
				}
			})
			for range 2 {
				if got, err := r.s.Outsiders(soon(t), c.channel); err != nil || got != c.want {
					t.Errorf("%t, %v", got, err)
				}
			}
			if n := sim.CallCount("conversations.info"); n > 1 {
				t.Errorf("it was asked for %d times", n)
			}
			if said := strings.Count(r.log.String(), "runs are taken in all"); said != map[bool]int{true: 1}[c.scopes != nil] {
				t.Errorf("the log says it %d times", said)
			}
		})
	}
}

func TestOutsidersThatSlackDoesNotTell(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	r.sim.FailNext("conversations.info", slacksim.Fault{Status: 503}, 1)
	if _, err := r.s.Outsiders(soon(t), channel); err == nil {
		t.Error("no error")
	}
}

// A mention says itself that others see its channel: no scope is needed.
func TestAMentionFromASharedChannel(t *testing.T) {
	sim := simulate(t, slacksim.Config{Scopes: slices.DeleteFunc(slacksim.DefaultScopes(), func(s string) bool { return s == "channels:read" })})
	shared(sim)
	r := connectTo(t, sim)
	r.run(hand{typed: echo})
	turn, err := sim.Mention(soon(t), alice, partners, "", "run cmd-1 ins-1")
	wait(t, turn, err)
	if out, err := r.s.Outsiders(soon(t), partners); err != nil || !out {
		t.Errorf("%t, %v", out, err)
	}
}

// A channel that others see since the card was posted gets neither result nor file: those whom it
// concerns are told alone. Slack not telling holds it up for a while only.
func TestAResultForAChannelThatOutsidersSee(t *testing.T) {
	notice := approvals.Notice{N: 1, Kind: approvals.NoticeResult}
	for _, untold := range []bool{false, true} {
		sim := simulate(t, slacksim.Config{})
		r := connectTo(t, sim)
		q := r.carded(request(over(1)))
		if untold {
			sim.FailNext("conversations.info", slacksim.Fault{Status: 503}, 100)
			if _, err := r.s.Report(soon(t), q, notice, long); err == nil {
				t.Fatal("it is not tried again")
			}
			notice.Tries = askedWhere
		} else {
			sim.AddChannel(slacksim.Channel{ID: channel, Name: "ops", Members: []string{alice, bob, sim.BotUserID()}, ExtShared: true})
		}
		p, err := r.s.Report(soon(t), q, notice, long)
		if err != nil || !slices.Contains(p.Alone, alice) {
			t.Errorf("%+v, %v", p, err)
		}
		if got := r.thread(q); len(got) != 0 || !strings.Contains(r.heard(alice), "exit code 1") {
			t.Errorf("the thread: %q, alice: %q", got, r.heard(alice))
		}
		if untold {
			continue
		}
		q.File.ID = "F1"
		if _, final := errors.AsType[*bot.NoFile](r.s.Share(soon(t), q)); !final {
			t.Error("the file is shared")
		}
	}
}
