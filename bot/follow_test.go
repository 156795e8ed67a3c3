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

const content = "#!/bin/sh\nreboot\n" // of theScript

// playFollow is play with an API that keeps tasks, and with a bot that gives up.
func playFollow(t *testing.T, setup func(r *rig), f func(r *rig)) {
	t.Helper()
	playWith(t, func(r *rig) {
		r.cloud.tasks.known, r.follow = true, 0
		if setup != nil {
			setup(r)
		}
	}, f)
}

// playBoth plays on an API that names the task of a run, as 3.0 may, and on one that
// does not.
func playBoth(t *testing.T, setup func(r *rig), f func(r *rig)) {
	for _, named := range []bool{false, true} {
		t.Run(map[bool]string{false: "searched", true: "named"}[named], func(t *testing.T) {
			playFollow(t, func(r *rig) {
				r.cloud.tasks.named = named
				if setup != nil {
					setup(r)
				}
			}, f)
		})
	}
}

// starts asks for a run and approves it.
func (r *rig) starts() string {
	r.Helper()
	id := r.asks("ALICE")
	r.press("BOB", Approve, id)
	return id
}

// runs starts one, and lets it be looked at.
func (r *rig) runs() string {
	r.Helper()
	id := r.starts()
	r.pass(2 * time.Second)
	return id
}

// fate is what is kept of each host, a line each.
func fate(k approvals.Kept) (all []string) {
	for _, h := range k.Follow.Hosts {
		line := fmt.Sprintf("%s %s exit %d", h.Host, h.State, h.Exit)
		if h.Proof != approvals.ProofNone {
			line += " " + string(h.Proof)
		}
		if h.BadLogin {
			line += " bad login"
		}
		if h.Note != "" {
			line += ": " + h.Note
		}
		all = append(all, line)
	}
	return all
}

// has checks what is kept of each host.
func (r *rig) has(k approvals.Kept, want ...string) {
	r.Helper()
	if diff := cmp.Diff(want, fate(k)); diff != "" {
		r.Errorf("hosts (-want +got):\n%s", diff)
	}
}

// on is a hook that changes one host of a run's task, or all.
func on(host string, change func(h *apiHost)) func(string, *apiHost) {
	return func(name string, h *apiHost) {
		if name == host || host == "" {
			change(h)
		}
	}
}

func after(d time.Duration) func(h *apiHost) {
	return func(h *apiHost) { h.ends = time.Now().Add(d) }
}

func never(h *apiHost) { h.ends = time.Time{} }

func TestARunIsFollowedToItsEnd(t *testing.T) {
	playBoth(t, func(r *rig) { r.cloud.tasks.host = on("ins-2", after(time.Minute)) }, func(r *rig) {
		id := r.runs()
		k := r.is(id, approvals.Accepted)
		r.did("notice", "notice answer accepted") // nothing is claimed before it is known
		r.has(k, "ins-1 ended exit 0 same", "ins-2 running exit -1 same")
		r.pass(50 * time.Second)
		r.is(id, approvals.Accepted)
		r.pass(30 * time.Second)
		k = r.is(id, approvals.Succeeded)
		r.has(k, "ins-1 ended exit 0 same", "ins-2 ended exit 0 same")
		r.did("notice", "notice answer accepted", "notice result succeeded")
		want := approvals.Outputs{"cmdtask-1/ins-1": []byte("done on ins-1\n"), "cmdtask-1/ins-2": []byte("done on ins-2\n")}
		if diff := cmp.Diff(want, r.board.reports[0].out); diff != "" {
			r.Errorf("what is reported (-want +got):\n%s", diff)
		}
		r.ran(1)
		asked := len(r.journal.of("tasks", "rows"))
		r.pass(time.Hour)
		if more := len(r.journal.of("tasks", "rows")) - asked; more > 0 {
			r.Errorf("asked %d times more after the end", more)
		}
	})
}

// How each run ends whose task is there at once.
func TestWhatARunComesTo(t *testing.T) {
	const badLogin = "shell 10.0.0.1,-1,0,'agent返回错误信息.用户验证失败!'"
	for _, tt := range []struct {
		why  string
		host func(string, *apiHost)
		want approvals.State
		fate []string
	}{
		{"all is well", nil, approvals.Succeeded, []string{"ins-1 ended exit 0 same", "ins-2 ended exit 0 same"}},
		{
			"one fails by its exit code", on("ins-2", func(h *apiHost) { h.Exit = 7 }),
			approvals.Failed,
			[]string{"ins-1 ended exit 0 same", "ins-2 ended exit 7 same"},
		},
		{
			"no exit code is no success", on("ins-2", func(h *apiHost) { h.Exit = -1 }),
			approvals.Failed,
			[]string{"ins-1 ended exit 0 same", "ins-2 ended exit -1 same"},
		},
		{
			"the API could not run it on one", on("ins-1", func(h *apiHost) { h.State, h.Status, h.Exit = bmclient.HostFailed, 4, -1 }),
			approvals.Failed,
			[]string{"ins-1 failed exit -1 same", "ins-2 ended exit 0 same"},
		},
		{
			"a wrong password", on("", func(h *apiHost) {
				h.State, h.Status, h.Exit, h.Output = bmclient.HostFailed, 1, -1, []byte(badLogin)
			}), approvals.Failed, []string{"ins-1 failed exit -1 same bad login", "ins-2 failed exit -1 same bad login"},
		},
		{
			"a wrong password, and no record of a script", on("", func(h *apiHost) {
				h.State, h.Status, h.Exit, h.Output, h.Content = bmclient.HostFailed, 1, -1, []byte(badLogin), nil
			}), approvals.Failed, []string{"ins-1 failed exit -1 bad login", "ins-2 failed exit -1 bad login"},
		},
		{
			"no record of what ran", on("ins-2", func(h *apiHost) { h.Content = nil }),
			approvals.Failed,
			[]string{"ins-1 ended exit 0 same", "ins-2 ended exit 0"},
		},
	} {
		t.Run(tt.why, func(t *testing.T) {
			playBoth(t, func(r *rig) { r.cloud.tasks.host = tt.host }, func(r *rig) {
				id := r.runs()
				k := r.is(id, tt.want)
				r.has(k, tt.fate...)
				r.did("notice", "notice answer accepted", fmt.Sprintf("notice result %s", tt.want))
				if k.Follow.Why != "" || k.Ambiguous() {
					r.Errorf("why %q, ambiguous %v", k.Follow.Why, k.Ambiguous())
				}
				if k.Plan.Login.Name != "ops" {
					r.Errorf("login %q: nobody can name it", k.Plan.Login.Name)
				}
			})
		})
	}
}

// The script changes under its id after the second read: only the record tells.
func TestDriftIsAnAlarm(t *testing.T) {
	const evil = "#!/bin/sh\nrm -rf /\n"
	drift := func(r *rig) {
		r.cloud.tasks.host = on("", func(h *apiHost) { h.Content = []byte(evil); h.ends = time.Now().Add(5 * time.Minute) })
	}
	check := func(r *rig, k approvals.Kept) {
		r.Helper()
		r.has(k, "ins-1 running exit -1 differs", "ins-2 running exit -1 differs")
		want := []approvals.Change{{
			What: "script", Was: approvals.Script{Content: []byte(content)}.SHA256(), Is: approvals.Script{Content: []byte(evil)}.SHA256(),
			Diff: "-reboot\n+rm -rf /",
		}}
		if diff := cmp.Diff(want, k.Follow.Hosts[0].Drift); diff != "" {
			r.Errorf("drift (-want +got):\n%s", diff)
		}
		r.did("notice", "notice answer accepted", "notice alarm accepted")
		r.pass(6 * time.Minute)
		r.is(k.ID, approvals.Failed)
		r.did("notice", "notice answer accepted", "notice alarm accepted", "notice result failed") // the alarm once
	}
	t.Run("named", func(t *testing.T) {
		playFollow(t, func(r *rig) { drift(r); r.cloud.tasks.named = true }, func(r *rig) {
			check(r, r.is(r.runs(), approvals.Accepted)) // while it runs, at once
		})
	})
	t.Run("searched", func(t *testing.T) {
		playFollow(t, func(r *rig) { drift(r); r.confirm = 90 * time.Second }, func(r *rig) {
			id := r.runs()
			r.pass((95 * time.Second) - 5*time.Second)
			if k := r.is(id, approvals.Accepted); len(k.Follow.Tasks) != 0 {
				r.Errorf("tasks %v are taken for the run while the right one may still appear", k.Follow.Tasks)
			}
			r.pass(slowestLook + 10*time.Second)
			check(r, r.is(id, approvals.Accepted))
		})
	})
}

// Other parameters, too, are not what was approved.
func TestDriftOfParametersAndHosts(t *testing.T) {
	for _, tt := range []struct {
		why   string
		setup func(r *rig)
		fate  []string
		drift approvals.Change
	}{
		{"parameters", func(r *rig) {
			r.cloud.tasks.host = on("ins-1", func(h *apiHost) { h.Parameters = []byte("--slow") })
		}, []string{"ins-1 ended exit 0 differs", "ins-2 ended exit 0 same"}, approvals.Change{What: "parameters", Was: "--fast", Is: "--slow"}},
		{"no parameters", func(r *rig) {
			r.cloud.tasks.host = on("ins-1", func(h *apiHost) { h.Parameters = nil })
		}, []string{"ins-1 ended exit 0 differs", "ins-2 ended exit 0 same"}, approvals.Change{What: "parameters", Was: "--fast"}},
		{"a host that nobody asked for", func(r *rig) {
			r.cloud.tasks.made = func(t *apiTask) {
				more := *t.hosts[0]
				more.Host = "ins-9"
				t.hosts = append([]*apiHost{&more}, t.hosts...)
			}
		}, []string{"ins-1 ended exit 0 same", "ins-2 ended exit 0 same", "ins-9 ended exit 0 differs"}, approvals.Change{What: "host", Was: "not asked for", Is: "ins-9"}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			playFollow(t, func(r *rig) { tt.setup(r); r.cloud.tasks.named = true }, func(r *rig) {
				k := r.is(r.runs(), approvals.Failed)
				r.has(k, tt.fate...)
				var all []approvals.Change
				for _, h := range k.Follow.Hosts {
					all = append(all, h.Drift...)
				}
				if diff := cmp.Diff([]approvals.Change{tt.drift}, all); diff != "" {
					r.Errorf("drift (-want +got):\n%s", diff)
				}
				r.did("notice", "notice answer accepted", "notice alarm failed", "notice result failed")
			})
		})
	}
}

// Hosts that 3.0 does not take are shown at once; the others are followed.
func TestRefusedHosts(t *testing.T) {
	refuse := func(hosts ...string) func(*rig) {
		return func(r *rig) {
			r.cloud.tasks.made = func(t *apiTask) {
				var left []*apiHost
				for _, h := range t.hosts {
					if !strings.Contains(strings.Join(hosts, " "), h.Host) {
						left = append(left, h)
						h.ends = time.Now().Add(time.Minute)
					}
				}
				t.hosts = left
				if len(left) == 0 {
					t.listed = time.Now().Add(1000 * time.Hour)
				}
			}
			r.cloud.tasks.answer = func(a *bmclient.Accepted) {
				for _, h := range hosts {
					a.Refused = append(a.Refused, bmclient.HostRefused{Host: h, Message: "offline " + canaryPassword})
				}
				if len(hosts) == 2 {
					a.Tasks = nil
				}
			}
		}
	}
	playBoth(t, refuse("ins-1"), func(r *rig) {
		id := r.runs()
		k := r.is(id, approvals.Accepted)
		r.has(k, "ins-1 refused exit -1: offline [secret]", "ins-2 running exit -1 same")
		r.pass(2 * time.Minute)
		k = r.is(id, approvals.Failed)
		r.has(k, "ins-1 refused exit -1: offline [secret]", "ins-2 ended exit 0 same")
	})
	playBoth(t, refuse("ins-1", "ins-2"), func(r *rig) {
		k := r.is(r.runs(), approvals.Failed)
		r.has(k, "ins-1 refused exit -1: offline [secret]", "ins-2 refused exit -1: offline [secret]")
		r.did("rows")
		r.did("notice", "notice answer accepted", "notice result failed")
	})
	// What a host records counts more than what the answer said of it.
	playFollow(t, func(r *rig) {
		r.cloud.tasks.named = true
		r.cloud.tasks.answer = func(a *bmclient.Accepted) {
			a.Refused = []bmclient.HostRefused{{Host: "ins-1", Message: "busy"}}
		}
	}, func(r *rig) {
		r.has(r.is(r.runs(), approvals.Succeeded), "ins-1 ended exit 0 same: busy", "ins-2 ended exit 0 same")
	})
}

// A task for each host, as 3.0 may name them, is one run.
func TestATaskForEachHost(t *testing.T) {
	playFollow(t, func(r *rig) {
		r.cloud.tasks.named = true
		r.cloud.tasks.made = func(t *apiTask) {
			second := *t
			second.id, second.hosts = "cmdtask-b", t.hosts[1:]
			t.hosts = t.hosts[:1]
			r.cloud.tasks.all = append(r.cloud.tasks.all, &second)
		}
		r.cloud.tasks.answer = func(a *bmclient.Accepted) {
			a.Tasks = []string{"cmdtask-1", "cmdtask-b"}
		}
	}, func(r *rig) {
		k := r.is(r.runs(), approvals.Succeeded)
		r.has(k, "ins-1 ended exit 0 same", "ins-2 ended exit 0 same")
		if k.Ambiguous() {
			r.Error("tasks that the API named are taken for twins")
		}
	})
}

func TestGivenUp(t *testing.T) {
	for _, tt := range []struct {
		why   string
		setup func(r *rig)
		want  string
		fate  []string
	}{
		{
			"never ends on one", func(r *rig) { r.cloud.tasks.host = on("ins-2", never) },
			"Followed for 15 minutes, and it has not ended on ins-2. Look at the task list in the console.",
			[]string{"ins-1 ended exit 0 same", "ins-2 running exit -1 same"},
		},
		{
			"a status that nobody has documented", func(r *rig) {
				r.cloud.tasks.host = on("ins-2", func(h *apiHost) { h.State, h.Status, h.Exit = bmclient.HostOther, -5, -1 })
			},
			"Followed for 15 minutes, and it has not ended on ins-2. The status that the API gives for it is not documented (-5). Look at the task list in the console.",
			[]string{"ins-1 ended exit 0 same", "ins-2 running exit -1 same"},
		},
		{
			"no task appears", func(r *rig) { r.cloud.tasks.made = func(t *apiTask) { t.listed = time.Now().Add(24 * time.Hour) } },
			"No task of this run has appeared in the API's list in 15 minutes, so what happened on the hosts is not known. Look at the task list in the console, and at the hosts.",
			[]string{"ins-1 waiting exit -1", "ins-2 waiting exit -1"},
		},
		{
			"the API is away all the time", func(r *rig) {
				r.cloud.tasks.onRows = func(context.Context, string) error { return errors.New("reset") }
			},
			"The API's records could not be read, so what happened on ins-1 and ins-2 is not known after 15 minutes. Look at the task list in the console, and at the hosts.",
			[]string{"ins-1 waiting exit -1", "ins-2 waiting exit -1"},
		},
	} {
		t.Run(tt.why, func(t *testing.T) {
			playFollow(t, tt.setup, func(r *rig) {
				id := r.runs()
				r.pass(14 * time.Minute)
				r.is(id, approvals.Accepted)
				r.pass(2 * time.Minute)
				k := r.is(id, approvals.Failed)
				r.has(k, tt.fate...)
				why, _, _ := strings.Cut(k.Follow.Why, " (ref ")
				if diff := cmp.Diff(tt.want, why); diff != "" {
					r.Errorf("why (-want +got):\n%s", diff)
				}
				if tt.fate[0] == "ins-1 ended exit 0 same" && string(r.board.reports[0].out["cmdtask-1/ins-1"]) != "done on ins-1\n" {
					r.Errorf("the output of the host that ended is lost: %q", r.board.reports[0].out)
				}
			})
		})
	}
}

// The end may come while the API is away, and the moment of giving up is the last look.
func TestTheLastLookCounts(t *testing.T) {
	playFollow(t, func(r *rig) { r.cloud.tasks.host = on("", after(10*time.Minute)) }, func(r *rig) {
		id := r.runs()
		r.pass(time.Minute)
		r.cloud.set(func(c *cloud) { c.tasks.onRows = func(context.Context, string) error { return errors.New("away") } })
		r.pass(13*time.Minute + 45*time.Second)
		r.cloud.set(func(c *cloud) {
			c.tasks.onRows = func(context.Context, string) error {
				if time.Since(r.get(id).Follow.Since) < 15*time.Minute {
					return errors.New("away")
				}
				return nil
			}
		})
		r.pass(2 * time.Minute)
		r.is(id, approvals.Succeeded)
	})
}
