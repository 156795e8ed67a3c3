package slackio

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/slacksim"
)

func TestWhoSomebodyIs(t *testing.T) {
	team, grid := Workspace{Team: "T1"}, Workspace{Team: "T1", Enterprise: "E1"}
	ent := func(org, id string) slack.EnterpriseUser { return slack.EnterpriseUser{EnterpriseID: org, ID: id} }
	for _, c := range []struct {
		why  string
		in   Workspace
		u    slack.User
		want approvals.Profile
		fail bool
	}{
		{"a member", team, slack.User{ID: "U1", TeamID: "T1", Name: "ann"}, approvals.Profile{Person: approvals.Person{Org: "T1", ID: "U1", User: "U1", Name: "ann"}}, false},
		{
			"on a grid the organisation counts", grid,
			slack.User{ID: "U1", TeamID: "T1", Enterprise: ent("E1", "W1"), RealName: "Ann"},
			approvals.Profile{Person: approvals.Person{Org: "E1", ID: "W1", User: "U1", Name: "Ann"}},
			false,
		},
		{
			"the same human from a sister workspace", grid,
			slack.User{ID: "U9", TeamID: "T2", Enterprise: ent("E1", "W1")},
			approvals.Profile{Person: approvals.Person{Org: "E1", ID: "W1", User: "U9"}},
			false,
		},
		{
			"another organisation", grid,
			slack.User{ID: "U9", TeamID: "T2", Enterprise: ent("E2", "W1")},
			approvals.Profile{Person: approvals.Person{Org: "E2", ID: "W1", User: "U9"}, Outside: true},
			false,
		},
		{"another team", team, slack.User{ID: "U9", TeamID: "T2"}, approvals.Profile{Person: approvals.Person{Org: "T2", ID: "U9", User: "U9"}, Outside: true}, false},
		{"a stranger", team, slack.User{ID: "U9", TeamID: "T1", IsStranger: true}, approvals.Profile{Person: approvals.Person{Org: "T1", ID: "U9", User: "U9"}, Outside: true}, false},
		{"deactivated", team, slack.User{ID: "U1", TeamID: "T1", Deleted: true}, approvals.Profile{Person: approvals.Person{Org: "T1", ID: "U1", User: "U1"}, Deactivated: true}, false},
		{"a bot", team, slack.User{ID: "U1", TeamID: "T1", IsBot: true}, approvals.Profile{Person: approvals.Person{Org: "T1", ID: "U1", User: "U1"}, Bot: true}, false},
		{"a workflow", team, slack.User{ID: "U1", TeamID: "T1", IsWorkflowBot: true}, approvals.Profile{Person: approvals.Person{Org: "T1", ID: "U1", User: "U1"}, Bot: true}, false},
		{"Slackbot says that it is none", team, slack.User{ID: "USLACKBOT", TeamID: "T1"}, approvals.Profile{Person: approvals.Person{Org: "T1", ID: "USLACKBOT", User: "USLACKBOT"}, Bot: true}, false},
		{"an app's user is a person", team, slack.User{ID: "U1", TeamID: "T1", IsAppUser: true}, approvals.Profile{Person: approvals.Person{Org: "T1", ID: "U1", User: "U1"}}, false},
		{"a guest", team, slack.User{ID: "U1", TeamID: "T1", IsRestricted: true}, approvals.Profile{Person: approvals.Person{Org: "T1", ID: "U1", User: "U1"}, Guest: true}, false},
		{"a guest of one channel", team, slack.User{ID: "U1", TeamID: "T1", IsUltraRestricted: true}, approvals.Profile{Person: approvals.Person{Org: "T1", ID: "U1", User: "U1"}, Guest: true}, false},
		{"nobody", team, slack.User{TeamID: "T1"}, approvals.Profile{}, true},
		{"of no team", team, slack.User{ID: "U1"}, approvals.Profile{}, true},
		{"on a grid without an id there: two keys for one human", grid, slack.User{ID: "U1", TeamID: "T1"}, approvals.Profile{}, true},
	} {
		got, err := profile(c.in, &c.u)
		if (err != nil) != c.fail {
			t.Errorf("%s: %v", c.why, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.why, diff)
		}
	}
}

// Guests, strangers and the rest, as the wire brings them.
func TestProfileOverTheWire(t *testing.T) {
	sim := simulate(t, slacksim.Config{})
	r := connectTo(t, sim)
	for _, c := range []struct {
		why   string
		p     slacksim.Person
		admit string // in the error; empty: admitted
	}{
		{"a member", slacksim.Person{ID: "U1", Name: "ann"}, ""},
		{"a guest", slacksim.Person{ID: "U2", Name: "gus", Restricted: true}, "guest"},
		{"a guest of one channel", slacksim.Person{ID: "U3", Name: "gil", UltraRestricted: true}, "guest"},
		{"gone", slacksim.Person{ID: "U4", Name: "del", Deleted: true}, "deactivated"},
		{"from another team", slacksim.Person{ID: "U5", Name: "out", TeamID: "T2"}, "outside"},
		{"a stranger", slacksim.Person{ID: "U6", Name: "str", Stranger: true}, "outside"},
		{"a bot", slacksim.Person{ID: "U7", Name: "bot", Bot: true}, "bot"},
	} {
		sim.AddPerson(c.p)
		p, err := r.s.Profile(soon(t), bot.UserRef{Team: "T0SIM", User: c.p.ID})
		if err != nil {
			t.Fatalf("%s: %v", c.why, err)
		}
		err = p.Admit()
		if c.admit == "" && err != nil || c.admit != "" && (err == nil || !strings.Contains(err.Error(), c.admit)) {
			t.Errorf("%s: %v", c.why, err)
		}
	}
	for _, user := range []string{"U0NOBODY", ""} {
		if _, err := r.s.Profile(soon(t), bot.UserRef{User: user}); err == nil {
			t.Errorf("somebody whom Slack does not know (%q) has a profile", user)
		}
	}
}

func TestProfileAsksOnce(t *testing.T) {
	sim := simulate(t, slacksim.Config{})
	r := connectTo(t, sim)
	sim.FailNext("users.info", slacksim.Fault{Status: 500}, 1)
	for range 20 {
		if _, err := r.s.Profile(soon(t), bot.UserRef{User: alice}); err == nil {
			t.Fatal("a failed call tells who somebody is")
		}
	}
	now := time.Now().Add(failedFor)
	r.s.people.now = func() time.Time { return now }
	ask := func() {
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if _, err := r.s.Profile(soon(t), bot.UserRef{User: alice}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	ask()
	if n := sim.CallCount("users.info"); n != 2 {
		t.Errorf("asked %d times: an error is kept for a moment, an answer for longer", n)
	}
	r.s.people.now = func() time.Time { return now.Add(time.Minute) }
	sim.SetPerson(slacksim.Person{ID: alice, Name: "alice", Deleted: true})
	p, err := r.s.Profile(soon(t), bot.UserRef{User: alice})
	if err != nil || !p.Deactivated {
		t.Errorf("after a minute: %+v %v", p, err)
	}
}

// One impatient caller does not spoil the look-up for the others.
func TestALookUpOutlivesWhoBeganIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache[string](time.Minute, 10)
		tell := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() {
			_, err := c.get(ctx, "k", func(ctx context.Context) (string, error) {
				<-tell
				return "told", ctx.Err()
			})
			first <- err
		}()
		synctest.Wait()
		second := make(chan string, 1)
		go func() {
			v, err := c.get(t.Context(), "k", func(context.Context) (string, error) { return "asked again", nil })
			if err != nil {
				t.Error(err)
			}
			second <- v
		}()
		synctest.Wait()
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("the impatient one got %v", err)
		}
		close(tell)
		if v := <-second; v != "told" {
			t.Errorf("the other one got %q", v)
		}
		if i, ok := c.known("k"); !ok || i.value != "told" {
			t.Error("nothing was kept")
		}
	})
}

func TestACacheIsBounded(t *testing.T) {
	c := newCache[int](time.Minute, 16)
	for i := range 100 {
		_, _ = c.get(context.Background(), string(rune('a'+i)), func(context.Context) (int, error) { return i, nil })
	}
	if len(c.items) > 16 {
		t.Errorf("%d are kept", len(c.items))
	}
}

func TestMembers(t *testing.T) {
	sim := simulate(t, slacksim.Config{})
	sim.AddGroup(slacksim.Group{ID: "S1", Handle: "sre", Members: []string{alice, bob}})
	sim.AddGroup(slacksim.Group{ID: "S2", Handle: "none"})
	sim.AddGroup(slacksim.Group{ID: "S3", Handle: "old", Members: []string{alice}, Disabled: true})
	r := connectTo(t, sim)
	for range 3 {
		got, err := r.s.Members(soon(t), []string{"S1", "S2"})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(approvals.Members{"S1": {alice, bob}, "S2": {}}, got); diff != "" {
			t.Error(diff)
		}
	}
	if n := sim.CallCount("usergroups.users.list"); n != 2 {
		t.Errorf("asked %d times", n)
	}
	if got, err := r.s.Members(soon(t), nil); err != nil || len(got) != 0 {
		t.Errorf("no groups: %v %v", got, err)
	}
	for _, c := range []struct {
		why, group, code, want string
	}{
		{"unknown", "S9", "", "look at the id in the rules"},
		{"disabled", "S3", "", "enable the group"},
		{"a plan without groups", "S8", "plan_upgrade_required", "name people in the rules"},
		{"no scope", "S8", "missing_scope", "lacks a scope"},
		{"a new kind of no", "S8", "something_new", "something_new"},
	} {
		r.s.groups = ownGroups{newCache[[]string](time.Minute, 256)}
		if _, err := r.s.Members(soon(t), []string{"S1"}); err != nil {
			t.Fatal(err)
		}
		if c.code != "" {
			sim.FailNext("usergroups.users.list", slacksim.Fault{Error: c.code}, 1)
		}
		m, err := r.s.Members(soon(t), []string{"S1", c.group})
		if _, told := m[c.group]; err == nil || !strings.Contains(err.Error(), c.want) || told || len(m["S1"]) != 2 {
			t.Errorf("%s: %v %v", c.why, m, err)
		}
	}
}
