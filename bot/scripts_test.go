package bot

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// keeps puts scripts into the cloud: "id alias".
func (c *cloud) keeps(all ...string) {
	for _, s := range all {
		id, alias, _ := strings.Cut(s, " ")
		c.scripts[id] = bmclient.Script{CmdID: id, Alias: alias, OSType: "linux", Content: []byte("#!/bin/sh\n"), AppID: "125"}
	}
}

// An alias is looked up once; from then on the id is what counts.
func TestAnAlias(t *testing.T) {
	play(t, func(r *rig) {
		w := r.hears(r.says("ALICE", "run restart ins-1,ins-2 -- --fast"),
			"Recorded: run restart on 2 instances. Nothing runs before a colleague approves; the card comes into this channel.")
		k := r.is(w.Request, approvals.Pending)
		if k.Asked.Script != theScript || k.Asked.Alias != "restart" || k.Plan.Script.CmdID != theScript {
			r.Errorf("asked %+v, plan for %s", k.Asked, k.Plan.Script.CmdID)
		}
		// The alias goes to another script: the one on the card is what runs.
		r.cloud.set(func(c *cloud) {
			s := c.scripts[theScript]
			s.Alias = "restart-old"
			c.scripts[theScript] = s
			c.keeps("cmd-evil restart")
		})
		r.hears(r.says("ALICE", "run restart ins-1,ins-2 -- --fast"), "You have asked for exactly this already, and that request is still open. Here is its card.")
		r.press("BOB", Approve, w.Request)
		r.is(w.Request, approvals.Accepted)
		r.ran(1)
	})
	// Asked again, it is the same script, whoever has the alias now.
	play(t, func(r *rig) {
		id := r.words(r.says("ALICE", "run restart ins-1")).Request
		r.press("BOB", Deny, id)
		r.cloud.set(func(c *cloud) { c.keeps("cmd-evil restart") })
		k := r.is(r.words(r.press("EVE", Again, id)).Request, approvals.Pending)
		if k.Asked.Script != theScript || k.Asked.Alias != "" {
			r.Errorf("asked %+v", k.Asked)
		}
	})
}

// Who may ask for a script may do so by its alias, also if that goes by what nobody has looked up of the hosts yet. Whoever surely may not
// learns nothing of it.
func TestAnAliasBeforeHostsAreLookedUp(t *testing.T) {
	for _, c := range []struct {
		why, who, hosts string
		pending         bool
	}{
		{"by a tag", "ALICE", "ins-1", true},
		{"by a name", "ALICE", "web-1", true},
		{"another rule, by another tag", "ALICE", "ins-2", false},
		{"who may ask for nothing", "MALLORY", "ins-1", false},
	} {
		t.Run(c.why, func(t *testing.T) {
			playWith(t, func(r *rig) {
				tat(up("ins-1", "web-1"), with(up("ins-2", "db-1"), func(m *bmclient.Machine) { m.Tags = map[string]string{"env": "test"} }))(r)
				r.policy[0].Hosts = approvals.HostSet{{Tags: map[string][]string{"env": {"prod"}}}}
				r.policy[0].Show, r.policy[0].Ask = approvals.Who{}, approvals.Who{Users: []string{"ALICE"}}
			}, func(r *rig) {
				w := r.words(r.says(c.who, "run restart "+c.hosts))
				r.settle()
				if c.pending {
					r.is(w.Request, approvals.Pending)
					return
				}
				r.did("post")
			})
		})
	}
}

// Rules are held against the id, and an alias that does not lead to one runs nothing.
func TestAliasesThatDoNotRun(t *testing.T) {
	many := func(c *cloud) {
		for i := range scriptsLooked + 50 {
			c.keeps(fmt.Sprintf("cmd-x%04d my-restart-%d", i, i))
		}
	}
	for _, tt := range []struct {
		why, word string
		setup     func(r *rig)
		want      string
	}{
		{"nobody has it", "nothing", nil, "There is no script with the alias nothing for you here. Look at the name; list scripts shows what there is."},
		{"a part of one is not it", "resta", nil, "There is no script with the alias resta for you here. Look at the name; list scripts shows what there is."},
		{"capitals count", "Restart", nil, "There is no script with the alias Restart for you here. Look at the name; list scripts shows what there is."},
		{
			"two have it", "restart", func(r *rig) { r.cloud.keeps("cmd-zz restart") },
			"The alias restart belongs to more than one script: cmd-nozcbhuw and cmd-zz. Give the id of the one you mean.",
		},
		{
			"two have it, and the API gives few at a time", "restart", func(r *rig) {
				for i := range 130 {
					r.cloud.keeps(fmt.Sprintf("cmd-p%04d restart-%d", i, i))
				}
				r.cloud.keeps("cmd-zz restart")
				r.cloud.tasks.page = 20
			}, "The alias restart belongs to more than one script: cmd-nozcbhuw and cmd-zz. Give the id of the one you mean.",
		},
		{
			"there are more than anybody looks at", "restart", func(r *rig) { many(r.cloud) },
			"More than 1000 scripts have restart in their names, so I cannot tell which one you mean. Give its id.",
		},
		{
			"the rules know ids", "restart", func(r *rig) { r.policy[0].Scripts = []string{"cmd-restart", "cmd-other"} },
			"There is no script with the alias restart for you here. Look at the name; list scripts shows what there is.",
		},
		{
			"the cloud spells its id otherwise than rules do", "web", func(r *rig) { r.cloud.keeps("cmd-WEB1 web") },
			"There is no script with the alias web for you here. Look at the name; list scripts shows what there is.",
		},
		{
			"the key may not list", "restart", func(r *rig) {
				r.cloud.onScripts = func() error {
					return &bmclient.Error{Number: 4101, Name: "NotAuthorised", Meaning: "not allowed " + canaryKey, Class: bmclient.ClassRefused}
				}
			}, "The cloud did not let me look for the alias restart: 4101 NotAuthorised (not allowed [secret]). Give the script's id; it looks like cmd-nozcbhuw.",
		},
	} {
		t.Run(tt.why, func(t *testing.T) {
			playWith(t, tt.setup, func(r *rig) {
				id := r.words(r.says("ALICE", "run "+tt.word+" ins-1")).Request
				switch word, _, _ := strings.Cut(tt.want, " "); {
				case word == "There", word == "More", strings.HasPrefix(tt.want, "The alias"):
					r.slipped(tt.want)
				default:
					r.is(id, approvals.Refused)
				}
				if diff := cmp.Diff(tt.want, r.board.told.Why); diff != "" {
					r.Errorf("why (-want +got):\n%s", diff)
				}
				r.did("post")
				if tt.why != "the rules know ids" {
					r.hears(r.says("ALICE", "show "+tt.word), tt.want)
				}
			})
		})
	}
	// What may pass is tried again.
	play(t, func(r *rig) {
		r.cloud.set(func(c *cloud) { c.onScripts = func() error { return errors.New("reset") } })
		id := r.words(r.says("ALICE", "run restart ins-1")).Request
		r.cloud.set(func(c *cloud) { c.onScripts = nil })
		r.pass(5 * time.Second)
		r.is(id, approvals.Pending)
	})
}

// Who may not see a script learns nothing of it by its alias: not its id, not even that
// it is there, whatever they type.
func TestAnAliasTellsOnlyThoseWhoMay(t *testing.T) {
	secret := func(r *rig) {
		open := r.policy[0]
		open.Scripts = []string{"cmd-open*"}
		kept := open
		kept.Name, kept.Scripts = "kept", []string{theScript, "cmd-hidden"}
		kept.Show, kept.Ask = approvals.Who{Users: []string{"BOB"}}, approvals.Who{Users: []string{"CAROL"}}
		r.policy = approvals.Policy{open, kept}
		r.cloud.keeps("cmd-open open", "cmd-hidden restart-all", "cmd-open2 shared", "cmd-hidden2 shared")
	}
	answers := func(r *rig, user, word string) []string {
		var all []string
		for _, line := range []string{"show " + word, "run " + word + " ins-1"} {
			w := r.words(r.says(user, line))
			if w.Request != "" {
				w.Text = r.board.told.Why
			}
			all = append(all, strings.ReplaceAll(w.Text, word, "ALIAS"))
		}
		return all
	}
	playWith(t, secret, func(r *rig) {
		there, gone := answers(r, "ALICE", "restart"), answers(r, "ALICE", "nothing")
		if d := cmp.Diff(gone, there); d != "" || strings.Contains(strings.Join(there, ""), theScript) {
			r.Errorf("an alias that is there is told from one that is not:\n%s", d)
		}
	})
	// One who may see it, or may ask for it, does learn why not; what is kept from them
	// does not make an alias ambiguous.
	playWith(t, secret, func(r *rig) {
		if _, ok := r.says("BOB", "show restart").(Shown); !ok {
			r.Error("who may see it is not shown it")
		}
		k := r.get(r.words(r.says("BOB", "run restart ins-1")).Request)
		if !strings.Contains(k.Why, "does not let you ask") {
			r.Errorf("who may see it is told %q", k.Why)
		}
		r.is(r.words(r.says("CAROL", "run restart ins-1")).Request, approvals.Pending)
		if s, ok := r.says("ALICE", "show shared").(Shown); !ok || s.Script.CmdID != "cmd-open2" {
			r.Errorf("shown %+v", s)
		}
	})
}

func TestShowByAlias(t *testing.T) {
	play(t, func(r *rig) {
		if s, ok := r.says("ALICE", "show restart").(Shown); !ok || s.Script.CmdID != theScript || len(s.Script.Content) == 0 {
			r.Errorf("shown %+v", s)
		}
	})
}

// list scripts shows nobody more than show would.
func TestListScripts(t *testing.T) {
	group := func(r *rig) {
		r.policy = approvals.Policy{
			{Name: "web", Scripts: []string{"cmd-web*"}, Show: approvals.Who{Groups: []string{"S-oncall"}}},
			{Name: "db", Scripts: []string{"cmd-db*"}, Channels: []string{"C0DB"}, Show: approvals.Who{Anyone: true}},
			{Name: "mine", Scripts: []string{"cmd-my*"}, Show: approvals.Who{Users: []string{"ALICE"}}},
		}
		for i := range r.policy {
			r.policy[i].Ask, r.policy[i].Approve = approvals.Who{Anyone: true}, approvals.Who{Users: []string{"BOB"}}
			r.policy[i].Quorum, r.policy[i].Lifetime = 1, time.Hour
		}
		r.cloud.keeps("cmd-web1 restart-web", "cmd-web2 stop-web", "cmd-db1 vacuum", "cmd-my1 own-"+canaryPassword, "cmd-none orphan", "cmd-WEB3 shout-web")
	}
	for _, tt := range []struct {
		why, user, channel, line string
		want                     string
	}{
		{"whom a group names", "DAVE", theChannel, "list scripts", "cmd-web1 restart-web, cmd-web2 stop-web; 2, page 1"},
		{"whom a rule names", "ALICE", theChannel, "list scripts", "cmd-my1 own-[secret]; 1, page 1"},
		{"from another channel", "ALICE", "C0DB", "list scripts", "cmd-db1 vacuum, cmd-my1 own-[secret]; 2, page 1"},
		{"by a part of its name", "DAVE", theChannel, "list scripts stop", "cmd-web2 stop-web; 1, page 1"},
		{"a page beyond the last", "DAVE", theChannel, "list scripts page 7", "; 2, page 7"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			playWith(t, group, func(r *rig) {
				a := r.first.Typed(r.Context(), Typed{Event: "E", By: ref(tt.user), Origin: approvals.Origin{Team: theTeam, Channel: tt.channel}, Text: tt.line})
				s, ok := a.(Scripts)
				if !ok {
					r.Fatalf("answer %#v", a)
				}
				var all []string
				for _, one := range s.List {
					all = append(all, one.CmdID+" "+one.Alias)
				}
				if got := fmt.Sprintf("%s; %d, page %d", strings.Join(all, ", "), s.Total, s.Page); got != tt.want || s.More {
					r.Errorf("%s, want %s; more %v", got, tt.want, s.More)
				}
			})
		})
	}
}

func TestListScriptsByPage(t *testing.T) {
	for _, page := range []int{0, 20} { // as many as asked for, or fewer
		playWith(t, func(r *rig) {
			r.cloud.tasks.page = page
			for i := range 250 {
				r.cloud.keeps(fmt.Sprintf("cmd-a%03d web-%d", i, i))
			}
		}, func(r *rig) {
			seen := map[string]bool{}
			for n := 1; n <= 14; n++ {
				s := r.says("ALICE", fmt.Sprintf("list scripts page %d", n)).(Scripts)
				if s.Total != 251 || s.More || n < 13 && len(s.List) != scriptsAPage {
					r.Errorf("page %d: %d of %d, more %v", n, len(s.List), s.Total, s.More)
				}
				for _, one := range s.List {
					if seen[one.CmdID] || one.Content != nil {
						r.Errorf("%s comes twice, or with its content", one.CmdID)
					}
					seen[one.CmdID] = true
				}
			}
			if len(seen) != 251 {
				r.Errorf("%d scripts on all pages", len(seen))
			}
		})
	}
	playWith(t, func(r *rig) {
		for i := range scriptsLooked + 1 {
			r.cloud.keeps(fmt.Sprintf("cmd-a%04d web-%d", i, i))
		}
	}, func(r *rig) {
		if s := r.says("ALICE", "list scripts web").(Scripts); !s.More || s.Total != scriptsLooked {
			r.Errorf("%d scripts, more %v: nobody is told that there are others", s.Total, s.More)
		}
	})
}

func TestListScriptsWhenSomethingIsAway(t *testing.T) {
	for _, tt := range []struct {
		why   string
		setup func(r *rig)
		want  string
	}{
		{"a guest", func(r *rig) { p := someone("ALICE"); p.Guest = true; r.people.profiles["ALICE"] = p }, "A guest may not use bmcmd. Ask a colleague."},
		{"the cloud", func(r *rig) {
			r.cloud.onScripts = func() error { return &bmclient.Error{Message: canaryKey} }
		}, "That did not work, and nothing was changed. The cloud's API did not give a usable answer. Try again in a moment."},
		{"Slack", func(r *rig) {
			r.policy[0].Show = approvals.Who{Groups: []string{"S-oncall"}}
			r.people.noGroups = errors.New("ratelimited")
		}, "Slack did not tell me who may see this. Try again in a moment."},
		{"Redis, which remembers who is in a group", func(r *rig) {
			r.policy[0].Show = approvals.Who{Groups: []string{"S-oncall"}}
			r.people.noGroups = fmt.Errorf("members of S-oncall: %w", approvals.ErrUnavailable)
		}, "I cannot look, because my store is away. Try again in a moment."},
	} {
		t.Run(tt.why, func(t *testing.T) {
			playWith(t, tt.setup, func(r *rig) {
				if w, ok := r.says("ALICE", "show "+theScript).(Words); ok && !strings.HasPrefix(w.Text, tt.want) {
					r.Errorf("show: %q, want %q", w.Text, tt.want)
				}
				got, _, _ := strings.Cut(r.words(r.says("ALICE", "list scripts")).Text, " (ref ")
				if got != tt.want {
					r.Errorf("%q, want %q", got, tt.want)
				}
			})
		})
	}
}
