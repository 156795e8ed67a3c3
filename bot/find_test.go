package bot

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
)

// followsTasks checks which tasks are taken for the run.
func (r *rig) followsTasks(k approvals.Kept, want ...string) {
	r.Helper()
	if diff := cmp.Diff(want, k.Follow.Tasks); diff != "" {
		r.Errorf("tasks (-want +got):\n%s", diff)
	}
}

var both = []string{"ins-1", "ins-2"}

type colleague struct {
	why        string
	hosts      []string
	script     string
	parameters string
	exit       int
	want       approvals.State
	tasks      int
	alarm      bool
}

func (c colleague) run(r *rig) *apiTask {
	t := r.cloud.byHand(theScript, c.hosts, c.script, c.parameters)
	r.cloud.set(func(*cloud) {
		for _, h := range t.hosts {
			h.Exit = c.exit
		}
	})
	return t
}

// What colleagues run at the console at the same minute is in the same list.
func TestAColleagueRunsAtTheSameMinute(t *testing.T) {
	for _, c := range []colleague{
		{"the same: nobody can tell which is ours", both, content, "--fast", 0, approvals.Failed, 2, false},
		{"the same in another order", []string{"ins-2", "ins-1"}, content, "--fast", 0, approvals.Failed, 2, false},
		{"the same, and theirs fails: it may be ours", both, content, "--fast", 1, approvals.Failed, 2, false},
		{"with other parameters, which nobody can change on the way", both, content, "--slow", 1, approvals.Succeeded, 1, false},
		{"with another script: one of the two is ours, and nobody knows which", both, "evil", "--fast", 0, approvals.Failed, 2, true},
		{"on other hosts", []string{"ins-1", "ins-3"}, content, "--fast", 1, approvals.Succeeded, 1, false},
		{"on fewer hosts", []string{"ins-1"}, content, "--fast", 1, approvals.Succeeded, 1, false},
		{"on more hosts", []string{"ins-1", "ins-2", "ins-3"}, content, "--fast", 1, approvals.Succeeded, 1, false},
	} {
		t.Run(c.why, func(t *testing.T) {
			// Theirs begins just before ours, or after, and is listed at once or late.
			for _, order := range []string{"before", "after", "late"} {
				playFollow(t, func(r *rig) {
					r.confirm = 90 * time.Second
					r.cloud.onRun = func(context.Context) error {
						if order == "before" {
							c.run(r)
						}
						return nil
					}
					r.cloud.tasks.host = func(_ string, h *apiHost) { h.ends = time.Now().Add(40 * time.Second) }
				}, func(r *rig) {
					id := r.runs()
					r.is(id, approvals.Accepted)
					r.pass(5 * time.Second)
					switch order {
					case "after":
						c.run(r)
					case "late":
						late := c.run(r)
						r.cloud.set(func(*cloud) { late.listed = time.Now().Add(30 * time.Second) })
					}
					r.pass(3 * time.Minute)
					k := r.is(id, c.want)
					if len(k.Follow.Tasks) != c.tasks || k.Ambiguous() != (c.tasks > 1) {
						r.Errorf("%s: tasks %v", order, k.Follow.Tasks)
					}
					if alarmed := slices.Contains(r.journal.of("notice"), "notice alarm accepted") ||
						slices.Contains(r.journal.of("notice"), "notice alarm failed"); alarmed != c.alarm {
						r.Errorf("%s: alarm %v", order, alarmed)
					}
					r.ran(1)
				})
			}
		})
	}
}

func TestATaskThatAppearsLate(t *testing.T) {
	late := func(r *rig) {
		r.cloud.tasks.made = func(t *apiTask) { t.listed = time.Now().Add(time.Minute) }
	}
	playBoth(t, late, func(r *rig) {
		id := r.runs()
		r.pass(58 * time.Second)
		r.has(r.is(id, approvals.Accepted), "ins-1 waiting exit -1", "ins-2 waiting exit -1")
		r.pass(slowestLook + 3*time.Second)
		r.is(id, approvals.Succeeded)
	})
	// Another version that a colleague ran meanwhile is not taken for it alone.
	playFollow(t, func(r *rig) { late(r); r.confirm = 90 * time.Second }, func(r *rig) {
		id := r.runs()
		r.cloud.byHand(theScript, both, content, "--other")
		r.pass(2 * time.Minute)
		r.followsTasks(r.is(id, approvals.Succeeded), "cmdtask-1")
	})
}

// Hosts of a task may be listed one by one.
func TestHostsThatAppearLate(t *testing.T) {
	playBoth(t, func(r *rig) {
		r.cloud.tasks.host = on("ins-2", func(h *apiHost) { h.listed = time.Now().Add(20 * time.Second) })
	}, func(r *rig) {
		id := r.runs()
		r.pass(10 * time.Second)
		r.has(r.is(id, approvals.Accepted), "ins-1 ended exit 0 same", "ins-2 waiting exit -1")
		r.pass(30 * time.Second)
		r.is(id, approvals.Succeeded)
	})
}

// A list may come in any order, with rows twice, and in smaller pages than asked for.
func TestListsThatAreAMess(t *testing.T) {
	twice := func(list []*apiTask) []*apiTask {
		var out []*apiTask
		for _, t := range list {
			out = append(out, t, t)
		}
		return out
	}
	oldest := func(list []*apiTask) []*apiTask { list = slices.Clone(list); slices.Reverse(list); return list }
	for _, tt := range []struct {
		why   string
		order func([]*apiTask) []*apiTask
		page  int
		old   int // tasks of before
		new   int // tasks that colleagues begin meanwhile
	}{
		{"twice", twice, 0, 10, 10},
		{"oldest first", oldest, 0, 150, 10},
		{"small pages", nil, 20, 60, 50},
		{"all of it", func(l []*apiTask) []*apiTask { return oldest(twice(l)) }, 20, 30, 20},
	} {
		t.Run(tt.why, func(t *testing.T) {
			playFollow(t, func(r *rig) {
				r.cloud.tasks.order, r.cloud.tasks.page = tt.order, tt.page
				r.cloud.tasks.host = on("", after(30*time.Second))
			}, func(r *rig) {
				for range tt.old {
					r.cloud.byHand(theScript, both, content, "--fast")
				}
				id := r.runs()
				for i := range tt.new {
					r.cloud.byHand("cmd-other", []string{fmt.Sprintf("ins-%d", i)}, "x", "")
				}
				r.pass(2 * time.Minute)
				k := r.is(id, approvals.Succeeded)
				r.followsTasks(k, fmt.Sprintf("cmdtask-%d", tt.old+1))
			})
		})
	}
}

// What was there before the claim is not the run, however alike; and if the list
// could not be read then, what began long before is not, and nothing is proved.
func TestOlderTasksAreNotTheRun(t *testing.T) {
	for _, unread := range []bool{false, true} {
		playFollow(t, func(r *rig) { r.cloud.tasks.host = on("", after(20*time.Second)) }, func(r *rig) {
			for range 130 {
				r.cloud.byHand(theScript, both, content, "--fast")
			}
			r.pass(2 * time.Minute) // within what clocks may differ
			for range 5 {
				r.cloud.byHand(theScript, both, "older version", "--fast")
			}
			if unread {
				r.pass(6 * time.Minute)
				r.cloud.set(func(c *cloud) { c.tasks.onList = func(context.Context) error { return context.DeadlineExceeded } })
			}
			id := r.asks("ALICE")
			r.press("BOB", Approve, id)
			r.cloud.set(func(c *cloud) { c.tasks.onList = nil })
			r.pass(2 * time.Minute)
			k := r.is(id, map[bool]approvals.State{false: approvals.Succeeded, true: approvals.Failed}[unread])
			r.followsTasks(k, "cmdtask-136")
			if k.Unproven() != unread {
				r.Errorf("unproven %v", k.Unproven())
			}
			r.did("run", `run cmd-nozcbhuw on ins-1,ins-2 as root with "--fast"`)
		})
	}
}

// A colleague's run of much later is not ours that never appeared.
func TestMuchLaterTasksAreNotTheRun(t *testing.T) {
	playFollow(t, func(r *rig) {
		r.cloud.tasks.made = func(t *apiTask) { t.listed = time.Now().Add(24 * time.Hour) }
	}, func(r *rig) {
		id := r.runs()
		r.pass(8 * time.Minute)
		r.cloud.byHand(theScript, both, content, "--fast")
		r.pass(10 * time.Minute)
		r.followsTasks(r.is(id, approvals.Failed))
	})
}

// A list that hangs does not hold up a run.
func TestTheListBeforeTheClaimIsNotWaitedFor(t *testing.T) {
	playFollow(t, func(r *rig) {
		r.cloud.tasks.onList = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	}, func(r *rig) {
		id := r.asks("ALICE")
		asked := time.Now()
		r.pressOn(r.first, "BOB", Approve, id)
		if err := r.journal.await(r.Context(), "run"); err != nil {
			r.Fatal(err)
		}
		if took := time.Since(asked); took > 3*time.Second {
			r.Errorf("the run waited %s for a list", took)
		}
	})
}

// Many runs of one script at once: what other tasks ran on is read once, not at
// every look of every run.
func TestReadsDoNotGrowWithTheSquareOfRuns(t *testing.T) {
	playFollow(t, func(r *rig) { r.cloud.tasks.host = on("", after(3*time.Minute)) }, func(r *rig) {
		var ids []string
		for i := range 20 {
			ids = append(ids, r.words(r.says("ALICE", fmt.Sprintf("run cmd-nozcbhuw ins-%d", i))).Request)
		}
		for _, id := range ids {
			r.press("BOB", Approve, id)
		}
		r.pass(5 * time.Minute)
		for _, id := range ids {
			r.is(id, approvals.Succeeded)
		}
		if n := len(r.journal.of("rows")); n > 20*20 { // a run alone takes 17
			r.Errorf("%d reads of hosts for 20 runs", n)
		}
	})
}
