package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

func evilOrBad(t *apiTask) {
	for _, h := range t.hosts {
		h.Exit = 1
	}
}

// The run's task is listed at once, its hosts' rows come later (or are not to be had at the confirming look); a decoy is there.
func TestRowsLate(t *testing.T) {
	for _, tt := range []struct {
		why  string
		late time.Duration
		mod  func(r *rig, own *apiTask)
	}{
		{"rows 2 minutes late", 2 * time.Minute, nil},
		{"rows never", 24 * time.Hour, nil},
		{"one host's row late, list without counts", 2 * time.Minute, func(r *rig, own *apiTask) { own.count = -1; own.hosts[0].listed = time.Time{} }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			playFollow(t, func(r *rig) {
				r.confirm = 90 * time.Second
				r.cloud.tasks.made = func(own *apiTask) {
					evilOrBad(own)
					for _, h := range own.hosts {
						h.listed = own.begun.Add(tt.late)
					}
					if tt.mod != nil {
						tt.mod(r, own)
					}
				}
				r.cloud.onRun = func(context.Context) error {
					r.cloud.byHand(theScript, both, content, "--fast")
					return nil
				}
			}, func(r *rig) {
				id := r.starts()
				r.pass(20 * time.Minute)
				r.is(id, approvals.Failed)
			})
		})
	}
}

// Both tasks were seen and are followed; at the confirming look the API says once that it does not know one.
func TestTransientNoTask(t *testing.T) {
	for _, uncounted := range []bool{false, true} {
		playFollow(t, func(r *rig) {
			r.confirm = 90 * time.Second
			r.cloud.tasks.uncounted = uncounted
			r.cloud.tasks.made = func(own *apiTask) { evilOrBad(own); own.count = -1 }
			r.cloud.onRun = func(context.Context) error {
				r.cloud.byHand(theScript, both, content, "--fast")
				return nil
			}
		}, func(r *rig) {
			id := r.starts()
			r.pass(80 * time.Second)
			if k := r.get(id); !k.Ambiguous() {
				t.Fatalf("premise: tasks %v", k.Follow.Tasks)
			}
			r.cloud.set(func(c *cloud) { // the rows of ours are away (an old replica), for a while
				for _, h := range c.tasks.all[1].hosts {
					h.listed = time.Now().Add(time.Minute)
				}
			})
			r.pass(20 * time.Minute)
			r.is(id, approvals.Failed)
		})
	}
}

// Another script's task is stamped a second later than ours (two servers of the API): ours is taken for older.
func TestClockOfTheAPI(t *testing.T) {
	for _, decoy := range []bool{false, true} {
		for _, ahead := range []time.Duration{time.Second, time.Hour} {
			t.Run(fmt.Sprint(decoy, ahead), func(t *testing.T) {
				playFollow(t, func(r *rig) {
					r.confirm = 90 * time.Second
					r.cloud.tasks.made = evilOrBad
				}, func(r *rig) {
					other := r.cloud.byHand("cmd-other", []string{"ins-9"}, "x", "")
					r.cloud.set(func(*cloud) { other.begun = time.Now().Add(ahead) })
					id := r.starts()
					r.pass(ahead)
					if decoy {
						r.pass(time.Second)
						r.cloud.byHand(theScript, both, content, "--fast")
					}
					r.pass(20 * time.Minute)
					k := r.is(id, approvals.Failed)
					if len(k.Follow.Tasks) == 0 {
						t.Errorf("our own task was never found: %s", k.Follow.Why)
					}
				})
			})
		}
	}
}

// One row without a begin time among many makes the list unreadable.
func TestZeroTime(t *testing.T) {
	playFollow(t, func(r *rig) { r.confirm = 90 * time.Second }, func(r *rig) {
		for i := range 3000 {
			o := r.cloud.byHand("cmd-other", []string{"ins-9"}, "x", "")
			r.cloud.set(func(*cloud) { o.begun = time.Now().Add(-time.Duration(3000-i) * time.Minute); o.listed = o.begun })
		}
		r.cloud.set(func(c *cloud) {
			z := c.newTask("cmd-other", []string{"ins-9"}, nil, nil) // not begun yet
			z.begun = time.Time{}
			c.tasks.order = func(l []*apiTask) []*apiTask { // as it was made
				i := slices.Index(l, z)
				return append([]*apiTask{z}, slices.Delete(l, i, i+1)...)
			}
		})
		id := r.starts()
		r.pass(20 * time.Minute)
		r.is(id, approvals.Succeeded)
	})
}

// FollowFor ends while it is being confirmed.
func TestFollowForWhileConfirming(t *testing.T) {
	playFollow(t, func(r *rig) { r.confirm, r.follow = 10*time.Minute, 10*time.Minute+time.Second }, func(r *rig) {
		id := r.starts()
		r.pass(20 * time.Minute)
		k := r.get(id)
		if strings.Contains(k.Follow.Why, "has not ended") {
			t.Errorf("%s: %s", k.State, k.Follow.Why)
		}
	})
}

// A page that comes empty although there is a total.
func TestEmptyPageIsAWholeList(t *testing.T) {
	playFollow(t, func(r *rig) {
		r.confirm = 90 * time.Second
		r.cloud.tasks.made = func(own *apiTask) { evilOrBad(own); own.listed = own.begun.Add(50 * time.Second) }
		r.cloud.onRun = func(context.Context) error {
			r.cloud.byHand(theScript, both, content, "--fast")
			return nil
		}
	}, func(r *rig) {
		id := r.starts()
		r.pass(40 * time.Second)
		r.cloud.set(func(c *cloud) { c.tasks.order = nil; c.tasks.page = 0 })
		r.cloud.set(func(c *cloud) { c.tasks.order = func(l []*apiTask) []*apiTask { return l } })
		r.cloud.set(func(c *cloud) { c.tasks.emptyPages = true })
		r.pass(20 * time.Minute)
		if k := r.get(id); k.State == approvals.Succeeded {
			t.Errorf("succeeded by %v", k.Follow.Tasks)
		}
	})
}

// 400 tasks a minute of other scripts, and four runs a minute.
func TestBusyAccount(t *testing.T) {
	for _, tt := range []struct{ perMinute, runs int }{{100, 20}, {400, 1}, {400, 20}} {
		perMinute := tt.perMinute
		t.Run(fmt.Sprintf("%d tasks a minute, %d runs", perMinute, tt.runs), func(t *testing.T) {
			playFollow(t, func(r *rig) { r.confirm = 90 * time.Second }, func(r *rig) {
				end := time.Now().Add(15 * time.Minute)
				go func() {
					for time.Now().Before(end) {
						r.cloud.byHand("cmd-other", []string{"ins-x"}, "x", "")
						<-time.After(time.Minute / time.Duration(perMinute))
					}
				}()
				r.pass(5 * time.Minute)
				var ids []string
				for i := range tt.runs {
					id := r.words(r.says([]string{"ALICE", "EVE"}[i%2], fmt.Sprintf("run cmd-nozcbhuw ins-%d", i))).Request
					r.press("BOB", Approve, id)
					ids = append(ids, id)
					r.pass(15 * time.Second)
				}
				r.pass(25 * time.Minute)
				n := map[string]int{}
				for _, id := range ids {
					k := r.get(id)
					what := string(k.State)
					if k.Unproven() {
						what += " unproven"
					}
					if k.State != approvals.Succeeded {
						what += " " + strings.SplitN(k.Follow.Why, ",", 2)[0]
					}
					n[what]++
				}
				if n["succeeded"] != tt.runs {
					t.Errorf("not all succeeded")
				}
			})
		})
	}
}
