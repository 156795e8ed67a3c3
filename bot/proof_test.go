package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// playLags plays on the APIs that name no task, with tasks that are listed late, for as long as
// the bot waits for others.
func playLags(t *testing.T, setup func(r *rig), f func(r *rig, lag time.Duration)) {
	for _, api := range []string{bmclient.API2, bmclient.API3} {
		for _, lag := range []time.Duration{0, time.Second, 10 * time.Second, 60 * time.Second, 120 * time.Second} {
			t.Run(fmt.Sprintf("%s, %s late", api, lag), func(t *testing.T) {
				playFollow(t, func(r *rig) {
					r.api, r.confirm = api, 90*time.Second
					if lag > r.confirm {
						r.confirm = 150 * time.Second
					}
					r.cloud.tasks.made = func(t *apiTask) { t.listed = t.begun.Add(lag) }
					if setup != nil {
						setup(r)
					}
				}, func(r *rig) { f(r, lag) })
			})
		}
	}
}

func (r *rig) unreadable(err error) {
	r.cloud.set(func(c *cloud) { c.tasks.onList = func(context.Context) error { return err } })
}

func (r *rig) readable() { r.cloud.set(func(c *cloud) { c.tasks.onList = nil }) }

// A run is proved once its task had time to be listed and was the only one. Until then its hosts
// are kept, and the result says that it is not confirmed.
func TestARunIsConfirmed(t *testing.T) {
	playLags(t, nil, func(r *rig, lag time.Duration) {
		id := r.starts()
		r.pass(r.confirm - time.Second)
		k := r.is(id, approvals.Accepted)
		if told := !k.Follow.Confirm.IsZero(); told != (lag < r.confirm) || !k.Holds() {
			r.Errorf("told %v, holds %v", told, k.Holds())
		}
		r.did("notice", "notice answer accepted", "notice result accepted")
		r.pass(10 * time.Second)
		r.is(id, approvals.Succeeded)
		r.did("notice", "notice answer accepted", "notice result accepted") // it is what it was
		r.ran(1)
	})
}

// The same run succeeded a minute ago, and the list cannot be read before the claim: what the new
// run came to is not proved by the old one's task.
func TestTheOldTaskIsNoProof(t *testing.T) {
	playLags(t, nil, func(r *rig, lag time.Duration) {
		r.cloud.byHand(theScript, both, content, "--fast")
		r.pass(time.Minute)
		r.cloud.set(func(c *cloud) { c.tasks.host = on("", func(h *apiHost) { h.Exit = 1 }) })
		r.unreadable(context.DeadlineExceeded)
		id := r.starts()
		r.readable()
		r.pass(20 * time.Minute)
		if k := r.is(id, approvals.Failed); !k.Unproven() {
			r.Error("it counts as proved")
		}
		r.ran(1)
	})
}

// The same, and nobody knows whether the send ran: the old task is not found in its place.
func TestTheOldTaskIsNotFound(t *testing.T) {
	playLags(t, func(r *rig) {
		r.cloud.onRun = func(context.Context) error { return errors.New("broken pipe") }
	}, func(r *rig, lag time.Duration) {
		r.cloud.byHand(theScript, both, content, "--fast")
		r.pass(time.Minute)
		r.unreadable(context.DeadlineExceeded)
		id := r.starts()
		r.readable()
		r.pass(20 * time.Minute)
		k := r.is(id, approvals.Unknown)
		if k.Unsure.Asked.IsZero() || !strings.Contains(k.Unsure.Evidence, "or one from before") {
			r.Errorf("evidence %q", k.Unsure.Evidence)
		}
	})
}

// Somebody else's task looks like the run and is listed before it, and the script was changed
// during the send: that is an alarm, and no success.
func TestADecoyIsNoProof(t *testing.T) {
	playLags(t, func(r *rig) {
		r.cloud.onRun = func(context.Context) error {
			decoy := r.cloud.byHand(theScript, both, content, "--fast")
			r.cloud.set(func(c *cloud) {
				decoy.listed = decoy.begun
				s := c.scripts[theScript]
				s.Content = []byte("evil")
				c.scripts[theScript] = s
			})
			return nil
		}
	}, func(r *rig, lag time.Duration) {
		id := r.starts()
		r.pass(r.confirm + 10*time.Second)
		k := r.is(id, approvals.Failed)
		if !slices.ContainsFunc(r.journal.of("notice"), func(n string) bool { return strings.HasPrefix(n, "notice alarm") }) {
			r.Error("no alarm")
		}
		if len(k.Follow.Tasks) != 2 || !k.Follow.Drifted() {
			r.Errorf("tasks %v, drifted %v", k.Follow.Tasks, k.Follow.Drifted())
		}
	})
}

// Another task that looks the same takes back a result that was told, and people hear of it.
func TestASecondTaskTakesTheResultBack(t *testing.T) {
	playLags(t, nil, func(r *rig, lag time.Duration) {
		if lag > 60*time.Second {
			return // it is told too late for that
		}
		id := r.starts()
		other := r.cloud.byHand(theScript, both, content, "--fast")
		r.cloud.set(func(*cloud) { other.listed = time.Now().Add(lag + 20*time.Second) })
		r.pass(lag + 19*time.Second)
		r.did("notice", "notice answer accepted", "notice result accepted")
		r.pass(2 * time.Minute)
		r.did("notice", "notice answer accepted", "notice result accepted", "notice result failed")
		if k := r.is(id, approvals.Failed); !k.Ambiguous() {
			r.Errorf("tasks %v", k.Follow.Tasks)
		}
	})
}

// A list that cannot be read when a run is to be confirmed proves nothing, and is read again.
func TestAListThatCannotBeReadConfirmsNothing(t *testing.T) {
	for _, comes := range []bool{true, false} {
		playFollow(t, func(r *rig) { r.confirm = 90 * time.Second }, func(r *rig) {
			id := r.starts()
			r.pass(10 * time.Second)
			r.unreadable(errors.New("503"))
			r.pass(5 * time.Minute)
			r.is(id, approvals.Accepted)
			if comes {
				r.readable()
				r.pass(time.Minute)
				r.is(id, approvals.Succeeded)
				return
			}
			r.pass(15 * time.Minute)
			if k := r.is(id, approvals.Failed); !strings.Contains(k.Follow.Why, "nobody can say whether another task was the run") {
				r.Errorf("why %q", k.Follow.Why)
			}
			r.did("notice", "notice answer accepted", "notice result accepted", "notice result failed")
		})
	}
}

// Two replicas that follow the same runs come to the same.
func TestTwoReplicasConfirm(t *testing.T) {
	playLags(t, func(r *rig) { r.poll = time.Second }, func(r *rig, lag time.Duration) {
		id := r.starts()
		r.pass(5 * time.Second)
		r.stop()
		r.work(r.newBot())
		r.work(r.newBot())
		r.pass(r.confirm + hold)
		r.is(id, approvals.Succeeded)
		r.ran(1)
	})
}

// However many runs are open, the list is read thirty times a minute at most.
func TestListsAreReadForAll(t *testing.T) {
	var read []time.Time
	playFollow(t, func(r *rig) {
		r.confirm = 90 * time.Second
		r.cloud.tasks.host = on("", after(20*time.Second))
		r.cloud.tasks.onList = func(context.Context) error { read = append(read, time.Now()); return nil }
	}, func(r *rig) {
		for i := range 40 {
			r.press("BOB", Approve, r.words(r.says([]string{"ALICE", "EVE"}[i%2], fmt.Sprintf("run cmd-nozcbhuw ins-%d", i))).Request)
			r.pass(2 * time.Second)
		}
		r.pass(3 * time.Minute)
		for i := range read {
			if j := i + 30; j < len(read) && read[j].Sub(read[i]) < time.Minute {
				r.Fatalf("of %d readings of the list 31 are within a minute", len(read))
			}
		}
		if len(read) < 20 {
			r.Errorf("%d readings", len(read))
		}
		if n := len(r.journal.of("run")); n != 40 {
			r.Errorf("%d runs", n)
		}
	})
}
