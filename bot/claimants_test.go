package bot

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// The call itself takes its time; what counts for the lag is when the API took it.
func TestSlowCall(t *testing.T) {
	for _, tt := range []struct{ call, lag, confirm time.Duration }{
		{25 * time.Second, 60 * time.Second, 90 * time.Second},
		{25 * time.Second, 75 * time.Second, 90 * time.Second},
		{29 * time.Second, 120 * time.Second, 140 * time.Second},
	} {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			playFollow(t, func(r *rig) {
				r.confirm = tt.confirm
				r.cloud.tasks.made = func(own *apiTask) { evilOrBad(own); own.listed = own.begun.Add(tt.lag) }
				r.cloud.onRun = func(context.Context) error {
					<-time.After(tt.call)
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

// Two people ask for the same; one of the requests waits over a restart of the bot, the other goes out meanwhile.
func TestTwinTakesTheTask(t *testing.T) {
	for _, ahead := range []time.Duration{200 * time.Millisecond, 600 * time.Millisecond, 1100 * time.Millisecond, 1300 * time.Millisecond, 1450 * time.Millisecond} {
		lag := time.Duration(0)
		t.Run(ahead.String(), func(t *testing.T) {
			playFollow(t, func(r *rig) {
				r.confirm = 90 * time.Second
				r.cloud.tasks.made = func(own *apiTask) { own.listed = own.begun.Add(lag) }
			}, func(r *rig) {
				a := r.asks("ALICE")
				b := r.asks("EVE")
				r.cloud.set(func(c *cloud) { c.onRead = func() error { return errors.New("503") } })
				r.press("BOB", Approve, a) // waits: the script cannot be read
				r.pass(10 * time.Second)
				k := r.get(a)
				if k.State != approvals.Approved {
					t.Fatal(k.State)
				}
				r.stop()
				r.cloud.set(func(c *cloud) { c.onRead = nil })
				r.first = r.newBot()
				r.stop = r.work(r.first)
				r.pass(time.Until(r.get(a).RetryAt) - ahead)
				r.pressOn(r.first, "CAROL", Approve, b)
				r.pass(3 * time.Second)
				for _, e := range []string{a, b} {
					ev, _ := r.store.Events(context.Background(), e, 0)
					for _, x := range ev {
						t.Log(e, x.At.Format("05.000"), x.Move, x.Note)
					}
				}
				r.pass(20 * time.Minute)
				ka, kb := r.get(a), r.get(b)
				t.Log(r.moves(a))
				if len(ka.Sends) > 0 && ka.Sends[0].Worker == "" && ka.State == approvals.Succeeded {
					t.Errorf("a was never sent, and is %s", ka.State)
				}
				if kb.State != approvals.Succeeded {
					t.Errorf("b ran, and is %s", kb.State)
				}
			})
		})
	}
}

// Many colleagues' tasks of the same script on other hosts: how often are their hosts read?
func TestSameScriptElsewhere(t *testing.T) {
	for _, n := range []int{100, 240, 400} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			playFollow(t, func(r *rig) {
				r.confirm = 90 * time.Second
				r.cloud.tasks.host = on("ins-2", after(80*time.Second))
			}, func(r *rig) {
				r.cloud.onRun = func(context.Context) error {
					for i := range n {
						r.cloud.byHand(theScript, []string{fmt.Sprint("x-", i), fmt.Sprint("y-", i)}, content, "--fast")
					}
					return nil
				}
				id := r.starts()
				r.pass(3 * time.Minute)
				r.is(id, approvals.Succeeded)
				rows := len(r.journal.of("rows"))
				if rows > n+20 {
					t.Errorf("hosts of %d tasks were read %d times", n, rows)
				}
			})
		})
	}
}
