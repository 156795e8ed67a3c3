package bot

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// tat has the cloud be one that is sent the script, with these machines.
func tat(machines ...bmclient.Machine) func(*rig) {
	return func(r *rig) {
		r.api = bmclient.APITAT
		r.logins.login.Ref = ""
		s := r.cloud.scripts[theScript]
		s.How = bmclient.How{Type: "SHELL", Timeout: time.Minute}
		r.cloud.scripts[theScript] = s
		r.cloud.machines = machines
	}
}

func up(id, name string) bmclient.Machine {
	return bmclient.Machine{ID: id, Name: name, Told: true, OS: "linux", Tags: map[string]string{"env": "prod"}}
}

func with(m bmclient.Machine, f func(*bmclient.Machine)) bmclient.Machine {
	f(&m)
	return m
}

// numbered are so many hosts.
func numbered(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint("ins-", i))
	}
	return all
}

// Nobody is asked about a run that cannot go to its hosts, and who asked hears why.
func TestHostsThatCannotBeRunOn(t *testing.T) {
	trouble := func(why string) func(*bmclient.Machine) {
		return func(m *bmclient.Machine) { m.Trouble = why }
	}
	const nothing = " Nothing ran: the cloud would refuse all hosts for one. Ask again once that is mended, or without them."
	for _, c := range []struct {
		why, hosts string
		setup      func(*rig)
		want       string
		slip       bool // nothing of it is kept
	}{
		{"one letter is wrong", "ins-k3v9", tat(up("ins-k3v8", "web-1"), up("ins-zzzz", "db-1")), "No host ins-k3v9. Nearest: ins-k3v8 (web-1).", true},
		{"two neighbours are swapped in a name", "we-b1", tat(up("ins-k3v8", "web-1")), "No host we-b1. Nearest: ins-k3v8 (web-1).", true},
		{"in capitals, which no other is as near as", "WEB-1", tat(up("ins-k3v7", "web-2"), up("ins-k3v8", "web-1")), "No host WEB-1. Nearest: ins-k3v8 (web-1).", true},
		{"or small letters", "web-1.prod", tat(up("ins-k3v7", "web-2.prod"), up("ins-k3v8", "Web-1.Prod")), "No host web-1.prod. Nearest: ins-k3v8 (Web-1.Prod).", true},
		{"capitals and one slip", "WEB-3", tat(up("ins-k3v7", "web-2"), up("ins-k3v8", "web-1")), "No host WEB-3. Nearest: ins-k3v7 (web-2) and ins-k3v8 (web-1).", true},
		{"nothing is near", "ins-k3v9,ins-k3v8", tat(up("ins-k3v8", "web-1"), up("ins-zzzz", "db-1")), "No host ins-k3v9. Nearest: ins-k3v8 (web-1).", true},
		{"nothing is near", "ins-abcd", tat(up("ins-k3v8", "web-1")), "No host ins-abcd. Look at its id or name; the console's list of machines has both.", true},
		{"of machines on which they may run nothing, nobody hears", "web-2", func(r *rig) {
			tat(up("ins-k3v8", "web-1"), up("ins-db", "web-3"))(r)
			r.policy[0].Hosts = approvals.PlainHosts("ins-k*")
		}, "No host web-2. Nearest: ins-k3v8 (web-1).", true},
		{"nor by its very name", "web-3", func(r *rig) {
			tat(up("ins-k3v8", "app-1"), up("ins-db", "web-3"))(r)
			r.policy[0].Hosts = approvals.PlainHosts("ins-k*")
		}, "No host web-3. Look at its id or name; the console's list of machines has both.", true},
		{"a machine that is called like an id is not what an id means", "ins-k3v9", tat(up("ins-zzzz", "ins-k3v9")), "No host ins-k3v9. Nearest: ins-zzzz (ins-k3v9).", true},
		{"an address, of which there may be the same elsewhere", "10.0.0.5", tat(up("ins-k3v7", "10.0.0.6"), with(up("ins-k3v8", "web-1"), func(m *bmclient.Machine) { m.Addresses = []string{"1.2.3.4", "10.0.0.5"} })), "No host 10.0.0.5. Nearest: ins-k3v8 (web-1).", true},
		{"a name that two have", "web-1", func(r *rig) {
			tat(up("ins-1", "web-1"), up("ins-2", "web-1"), up("ins-db", "web-1"))(r)
			r.policy[0].Hosts = approvals.PlainHosts("ins-[0-9]")
		}, "More than one machine is called web-1: give the id of the one you mean. Those on which you may run something: ins-1 and ins-2.", true},
		{"more names than are looked for", "a1,a2,a3,a4,a5,a6,a7,a8,a9,b1,b2", tat(up("ins-1", "web-1")), "11 of the hosts are not ids that the cloud knows, and I look for 10 names at most. Look at a1, a2, a3, a4, a5 and 6 more, or give ids.", true},
		{
			"all troubles are told at once", "ins-1,ins-2,ins-3,ins-4",
			tat(up("ins-1", ""), with(up("ins-2", ""), trouble("is stopped")), with(up("ins-3", ""), trouble("has no agent")), with(up("ins-4", ""), trouble("is stopped"))),
			"ins-2 is stopped; ins-3 has no agent; ins-4 is stopped." + nothing, false,
		},
		{"by its name, too", "web-1", tat(with(up("ins-1", "web-1"), trouble("has no TAT agent"))), "ins-1 has no TAT agent." + nothing, false},
		{"a shell script for Windows", "ins-1", tat(with(up("ins-1", ""), func(m *bmclient.Machine) { m.OS = "windows" })), "ins-1 runs Windows, and the script is for a shell of Linux." + nothing, false},
		{"a script of PowerShell for Linux", "ins-1", func(r *rig) {
			tat(up("ins-1", ""))(r)
			s := r.cloud.scripts[theScript]
			s.How.Type = "POWERSHELL"
			r.cloud.scripts[theScript] = s
		}, "ins-1 runs Linux, and the script is for Windows." + nothing, false},
		{"more machines have the name in theirs than are looked at", "web-1", func(r *rig) {
			tat(up("ins-1", "web-1"))(r)
			r.cloud.onFind = fmt.Errorf("DescribeInstances: %w", bmclient.ErrTooLong)
		}, "Too many machines have web-1 in their names for me to tell which one you mean. Give its id.", true},
		{
			"more hosts than the cloud takes", strings.Join(numbered(201), ","), tat(),
			"These are 201 hosts, and the cloud takes 200 in one run. Nothing ran; ask for some of them in a request of their own.", false,
		},
		{"machines of two kinds", "ins-1,lhins-1", func(r *rig) {
			tat(up("ins-1", ""), up("lhins-1", ""))(r)
			r.logins.every = true
		}, "ins-… and lhins-… are machines of different kinds, and one run takes one kind. Nothing ran; ask for each kind in a request of its own.", false},
	} {
		t.Run(c.why, func(t *testing.T) {
			playWith(t, c.setup, func(r *rig) {
				id := r.words(r.says("ALICE", "run "+theScript+" "+c.hosts)).Request
				r.pass(time.Second)
				r.did("post")
				told := r.journal.of("notice")
				if c.slip {
					if len(r.memory.rows) > 0 || len(told) != 1 || r.board.told.Why != c.want {
						t.Errorf("%d requests are kept, and it says %q, want %q", len(r.memory.rows), r.board.told.Why, c.want)
					}
				} else if k := r.is(id, approvals.Refused); k.Why != c.want {
					t.Errorf("it says %q, want %q", k.Why, c.want)
				}
			})
		})
	}
}

// A host may be typed by its name. What is approved, run and locked is the id; the name is one more fact.
func TestHostsByName(t *testing.T) {
	web := tat(up("ins-1", "Web-1.example"), up("ins-2", "web-2"), up("ins-3", "ins-2"))
	playWith(t, web, func(r *rig) {
		id := r.words(r.says("ALICE", "run "+theScript+" Web-1.example,ins-2,ins-1,web-2")).Request
		k := r.is(id, approvals.Pending)
		if diff := cmp.Diff([]string{"ins-1", "ins-2"}, k.Plan.Hosts); diff != "" || !slices.Equal(k.Asked.Hosts, k.Plan.Hosts) {
			t.Errorf("the hosts are %v and %v", k.Plan.Hosts, k.Asked.Hosts)
		}
		if want := []approvals.Fact{{Host: "ins-1", What: "name", Value: "Web-1.example"}, {Host: "ins-2", What: "name", Value: "web-2"}}; !slices.Equal(k.Plan.Facts, want) {
			t.Errorf("the facts are %v, want %v", k.Plan.Facts, want)
		}
		again := r.words(r.says("ALICE", "run "+theScript+" Web-1.example,ins-2,ins-1,web-2"))
		if again.Request != id {
			t.Errorf("the same line again is %s: %s", again.Request, again.Text)
		}
		r.press("BOB", Approve, id)
		r.pass(time.Minute)
		r.did("run", `run cmd-nozcbhuw on ins-1,ins-2 as root with ""`)
		r.press("ALICE", Again, id)
		for id2 := range r.memory.rows {
			if got := r.get(id2); got.Asked.Again == id && (got.Asked.Typed != nil || !slices.Equal(got.Asked.Hosts, []string{"ins-1", "ins-2"})) {
				t.Errorf("asked again for %v, typed %v", got.Asked.Hosts, got.Asked.Typed)
			}
		}
	})
}

// Between approval and send a machine is renamed, loses its agent, or goes; or how the script runs is changed. Nothing runs,
// and the card says what is different.
func TestHostsThatChangeAfterTheApproval(t *testing.T) {
	gone := errors.New("connection reset")
	first := func(f func(*bmclient.Machine)) func(*cloud) { return func(c *cloud) { f(&c.machines[0]) } }
	script := func(f func(*bmclient.Script)) func(*cloud) {
		return func(c *cloud) {
			s := c.scripts[theScript]
			f(&s)
			c.scripts[theScript] = s
		}
	}
	for _, c := range []struct {
		why    string
		change func(*cloud)
		want   string // why it is refused; empty: it waits, and runs once that is over
	}{
		{"renamed", first(func(m *bmclient.Machine) { m.Name = "web-9" }), "name of ins-1 was web-1 is web-9"},
		{"stopped", first(func(m *bmclient.Machine) { m.Trouble = "is stopped" }), "ins-1 is stopped. Nothing ran"},
		{"renamed, and its tags are not told", first(func(m *bmclient.Machine) { m.Name, m.Told, m.Tags = "web-9", false, nil }), "name of ins-1 was web-1 is web-9"},
		{"gone", func(c *cloud) { c.machines = c.machines[1:] }, "ins-1 is not there any more. Nothing ran"},
		{"not told for a while", func(c *cloud) { c.onMachines = func() error { return gone } }, ""},
		{"another directory", script(func(s *bmclient.Script) { s.How.Dir = "/srv" }), "directory was  is /srv"},
		{"another timeout", script(func(s *bmclient.Script) { s.How.Timeout = time.Hour }), "timeout was 1m0s is 1h0m0s"},
		{"another stored user", script(func(s *bmclient.Script) { s.How.User = "nobody" }), "user of the script was  is nobody"},
		{"other defaults", script(func(s *bmclient.Script) { s.How.Fillable = true }), "names and defaults was none is filled in; "},
		{"another script", script(func(s *bmclient.Script) { s.Content = []byte("#!/bin/sh\nhalt\n") }), "script was"},
	} {
		t.Run(c.why, func(t *testing.T) {
			playWith(t, tat(up("ins-1", "web-1"), up("ins-2", "web-2")), func(r *rig) {
				id := r.words(r.says("ALICE", "run "+theScript+" web-1,ins-2")).Request
				r.is(id, approvals.Pending)
				r.cloud.set(c.change)
				r.press("BOB", Approve, id)
				r.pass(time.Second)
				k := r.get(id)
				said := k.Why
				for _, d := range k.Changes {
					said += fmt.Sprintf("\n%s was %s is %s", d.What, d.Was, d.Is)
				}
				if c.want != "" {
					if r.is(id, approvals.Refused); !strings.Contains(said, c.want) {
						t.Errorf("it says %q, want %q", said, c.want)
					}
					r.ran(0)
					return
				}
				if k.State != approvals.Approved || !strings.HasPrefix(k.Waiting, "The hosts cannot be looked up: ") {
					t.Errorf("it is %s: %s", k.State, k.Waiting)
				}
				r.cloud.set(func(c *cloud) { c.onMachines = nil })
				r.pass(time.Minute)
				r.did("run", `run cmd-nozcbhuw on ins-1,ins-2 as root with ""`)
			})
		})
	}
}

// A name that was typed is a fact also where the machine's tags are not told.
func TestNameOfAMachineWithoutTags(t *testing.T) {
	untold := with(up("ins-1", "web-1"), func(m *bmclient.Machine) { m.Told, m.Tags = false, nil })
	playWith(t, tat(untold), func(r *rig) {
		id := r.words(r.says("ALICE", "run "+theScript+" web-1")).Request
		r.is(id, approvals.Pending)
		r.cloud.set(func(c *cloud) { c.machines[0].Name = "web-9" })
		r.press("BOB", Approve, id)
		r.pass(time.Second)
		if k := r.is(id, approvals.Refused); len(k.Changes) != 1 || k.Changes[0].What != "name of ins-1" {
			t.Errorf("%s %v", k.Why, k.Changes)
		}
	})
}

// Where the hosts cannot be looked up, the request waits and says so, or goes on if the config lets it, which the card
// says; what cannot be told without is refused.
func TestHostsThatAreNotTold(t *testing.T) {
	away := func(err error) func(*rig) {
		return func(r *rig) {
			tat(up("ins-1", "web-1"))(r)
			r.cloud.onMachines = func() error { return err }
		}
	}
	reset := &bmclient.Error{Action: "DescribeInstances"}
	denied := &bmclient.Error{Action: "DescribeInstances", Code: "UnauthorizedOperation", Meaning: "the key may not do this", Class: bmclient.ClassRefused}
	t.Run("for a while", func(t *testing.T) {
		playWith(t, away(reset), func(r *rig) {
			id := r.words(r.says("ALICE", "run "+theScript+" ins-1")).Request
			if k := r.is(id, approvals.Received); k.Waiting != "The hosts cannot be looked up: The cloud's API did not give a usable answer. Nobody is asked before that; I keep trying for 2 minutes." {
				t.Errorf("it waits: %q", k.Waiting)
			}
			r.did("notice", "notice waiting received")
			r.cloud.set(func(c *cloud) { c.onMachines = nil })
			r.pass(time.Minute)
			if k := r.is(id, approvals.Pending); k.Waiting != "" {
				t.Errorf("it waits: %q", k.Waiting)
			}
			r.did("notice", "notice waiting received")
		})
	})
	t.Run("for long", func(t *testing.T) {
		playWith(t, away(reset), func(r *rig) {
			id := r.words(r.says("ALICE", "run "+theScript+" ins-1")).Request
			r.pass(3 * time.Minute)
			r.is(id, approvals.Refused)
		})
	})
	t.Run("without the right", func(t *testing.T) {
		playWith(t, away(denied), func(r *rig) {
			id := r.words(r.says("ALICE", "run "+theScript+" ins-1")).Request
			if k := r.is(id, approvals.Refused); k.Why != "The cloud did not let me look up the hosts (DescribeInstances): UnauthorizedOperation (the key may not do this). Nothing ran. Tell the person who runs the bot: its read key needs the right to DescribeInstances, or bm.unchecked_hosts: allow lets requests go on unchecked." {
				t.Errorf("it says %q", k.Why)
			}
		})
	})
	for _, err := range []error{reset, denied} {
		t.Run("unchecked", func(t *testing.T) {
			playWith(t, func(r *rig) { away(err)(r); r.unchecked = true }, func(r *rig) {
				id := r.words(r.says("ALICE", "run "+theScript+" ins-1")).Request
				if k := r.is(id, approvals.Pending); !k.Plan.Blind {
					t.Error("the card does not say so")
				}
				r.cloud.set(func(c *cloud) { c.onMachines = nil }) // what was approved blindly is sent so
				r.press("BOB", Approve, id)
				r.pass(time.Second)
				r.did("run", `run cmd-nozcbhuw on ins-1 as root with ""`)
				r.cloud.set(func(c *cloud) { c.onMachines = func() error { return err } })
				name := r.words(r.says("ALICE", "run "+theScript+" Web.1")).Request
				if k := r.is(name, approvals.Refused); k.Why != "The hosts cannot be looked up now, so I cannot tell which one Web.1 is. Give its id." {
					t.Errorf("it says %q", k.Why)
				}
			})
		})
	}
}

// byTag has hosts with the tag env=prod meet a rule of their own.
func byTag(machines ...bmclient.Machine) func(*rig) {
	return func(r *rig) {
		tat(machines...)(r)
		prod, rest := r.policy[0], r.policy[0]
		prod.Name, prod.Hosts = "prod", approvals.HostSet{{Tags: map[string][]string{"env": {"prod"}}}, {ID: "ins-p*"}}
		prod.Approve = approvals.Who{Users: []string{"CAROL"}}
		r.policy = approvals.Policy{prod, rest}
	}
}

// A rule is met by tags as they are when it is looked up, and the card says by which. What they were stands in what is
// approved, also where it kept a rule from being met: a host that is tagged otherwise by the time of the send stops the run.
func TestRulesByTag(t *testing.T) {
	tagged := func(id, env string) bmclient.Machine {
		return with(up(id, ""), func(m *bmclient.Machine) { m.Tags = map[string]string{"env": env, "cost": "1"} })
	}
	for _, c := range []struct {
		why, was, is     string
		rule, by, notice string
	}{
		{"it is met", "prod", "prod", "prod", "tags env=prod", ""},
		{"it is met no more", "prod", "test", "prod", "tags env=prod", "tag env of ins-1"},
		{"it is not met", "test", "test", "ops", "", ""},
		{"it would be met now", "test", "prod", "ops", "", "tag env of ins-1"},
		{"it is not met for another reason now", "test", "dev", "ops", "", "tag env of ins-1"},
	} {
		t.Run(c.why, func(t *testing.T) {
			playWith(t, byTag(tagged("ins-1", c.was)), func(r *rig) {
				id := r.words(r.says("ALICE", "run "+theScript+" ins-1")).Request
				k := r.is(id, approvals.Pending)
				if want := []approvals.Fact{{Host: "ins-1", What: "tag env", Value: c.was}}; k.Plan.Rule.Name != c.rule || !slices.Equal(k.Plan.Facts, want) {
					t.Errorf("the rule is %q, the facts are %v", k.Plan.Rule.Name, k.Plan.Facts)
				}
				if by := slices.ContainsFunc(k.Plan.Seen, func(n approvals.HostNote) bool { return n.Matched == c.by }); by != (c.by != "") {
					t.Errorf("the card says %v", k.Plan.Seen)
				}
				r.cloud.set(func(cl *cloud) {
					cl.machines[0] = with(tagged("ins-1", c.is), func(m *bmclient.Machine) { m.Tags["cost"] = "2" })
				})
				r.press("CAROL", Approve, id)
				r.pass(time.Second)
				if c.notice == "" {
					r.did("run", `run cmd-nozcbhuw on ins-1 as root with ""`)
					return
				}
				if k = r.is(id, approvals.Refused); len(k.Changes) != 1 || k.Changes[0].What != c.notice {
					t.Errorf("it says %q, %v", k.Why, k.Changes)
				}
				r.did("run")
			})
		})
	}
}

// A tag that a rule goes by and nobody knows is never taken for another, and no rule behind is reached, whatever the config
// says of hosts that cannot be looked up.
func TestTagsThatAreNotTold(t *testing.T) {
	unknown := with(up("ins-1", ""), func(m *bmclient.Machine) { m.Told, m.Tags, m.Name = false, nil, "" })
	t.Run("the cloud never tells", func(t *testing.T) {
		playWith(t, byTag(unknown, with(unknown, func(m *bmclient.Machine) { m.ID = "ins-p1" })), func(r *rig) {
			id := r.words(r.says("ALICE", "run "+theScript+" ins-1")).Request
			if k := r.is(id, approvals.Refused); k.Why != `Host ins-1: the rule "prod": the tags and the name of a host are not known: ins-1. The cloud does not tell them, so nobody can tell which rule or login is meant. Nothing ran; ask whoever keeps the config to name such hosts by their ids.` {
				t.Errorf("it says %q", k.Why)
			}
			r.is(r.words(r.says("ALICE", "run "+theScript+" ins-p1")).Request, approvals.Pending) // by its id
		})
	})
	t.Run("they cannot be looked up", func(t *testing.T) {
		playWith(t, func(r *rig) {
			byTag(up("ins-1", ""), up("ins-p1", ""))(r)
			r.unchecked = true
			r.cloud.onMachines = func() error { return errors.New("connection reset") }
		}, func(r *rig) {
			id := r.words(r.says("ALICE", "run "+theScript+" ins-1")).Request
			if k := r.is(id, approvals.Received); !strings.HasPrefix(k.Waiting, "The hosts cannot be looked up: A rule or a login goes by tags or names of the hosts, and these are not known.") {
				t.Errorf("it waits: %q", k.Waiting)
			}
			if k := r.is(r.words(r.says("ALICE", "run "+theScript+" ins-p1")).Request, approvals.Pending); !k.Plan.Blind {
				t.Error("what goes by the id alone does not go on")
			}
			r.cloud.set(func(c *cloud) { c.onMachines = nil })
			r.pass(time.Minute)
			r.is(id, approvals.Pending)
		})
	})
	t.Run("a rule of today goes by another one", func(t *testing.T) {
		playWith(t, byTag(up("ins-1", "")), func(r *rig) {
			id := r.words(r.says("ALICE", "run "+theScript+" ins-1")).Request
			r.is(id, approvals.Pending)
			strict := r.first.Policy[0]
			strict.Name, strict.Hosts = "strict", approvals.HostSet{{Tags: map[string][]string{"tier": {"1"}}}}
			r.first.Policy = append(approvals.Policy{strict}, r.first.Policy...)
			r.hears(r.press("CAROL", Approve, id), "Not counted: a rule goes by tags or names of the hosts that were not looked up for this request. Cancel it and ask again.")
			r.is(id, approvals.Pending)
		})
	})
	t.Run("who surely may not, costs nothing", func(t *testing.T) {
		playWith(t, func(r *rig) {
			byTag(up("ins-1", "web"))(r)
			r.policy[0].Ask, r.policy[1].Ask = approvals.Who{Users: []string{"BOB"}}, approvals.Who{Users: []string{"BOB"}}
		}, func(r *rig) {
			for _, host := range []string{"ins-1", "web"} {
				if w := r.words(r.says("ALICE", "run "+theScript+" "+host)); w.Request != "" {
					t.Errorf("it is request %s: %s", w.Request, w.Text)
				}
			}
			r.did("read machines find post")
		})
	})
}
