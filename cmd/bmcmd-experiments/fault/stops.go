package fault

import (
	"fmt"
	"slices"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// stopFaults are what goes wrong while the cloud is told to stop runs. Each is stopped in
// the end, by an order that was recorded before.
func stopFaults() (all []Fault) {
	for _, f := range []struct {
		name, what string
		fault      world.Object
	}{
		{"away", "the API answers orders to stop with 502", world.Object{"status": 502}},
		{"unheard", "the API takes orders to stop, does nothing and never answers", world.Object{"hang": true}},
		{"unanswered", "the API stops runs and never answers", world.Object{"hang": true, "execute": true}},
	} {
		all = append(all, stopping("stop-"+f.name, f.what, func(r *rig) {
			r.pause(8 * time.Second)
			r.Cloud.Post("heal", world.Object{})
		}, func(r *rig) {
			r.Cloud.Post("fault", world.Object{"action": "CancelInvocation", "always": true, "fault": f.fault})
		}))
	}
	paused := stopping("stop-paused", "a worker stands still from before it tells the cloud to stop a run, until another has", func(r *rig) {
		for began := time.Now(); ; r.pause(3 * time.Second) {
			if _, did := stoppedAt(r.bot[0]); did {
				break
			}
			if time.Since(began) > patience {
				r.T.Fatalf("the first bot has told the cloud nothing")
			}
			r.talk(r.plans[0])
		}
		// One that it has claimed by chance waits for it, as long as its lease lasts.
		world.Until(r.T, "the runs that it has not claimed are over", func() (string, bool) {
			records, err := r.records()
			open := slices.DeleteFunc(records, func(k approvals.Kept) bool { return k.State == approvals.Executing || !r.restless(k) })
			return fmt.Sprint(len(records), open, err), err == nil && len(records) >= len(r.plans) && len(open) == 0
		})
		r.bot[0].Thaw()
	}, nil)
	paused.away, paused.env = true, stopAt("cloud.stop:before")
	return append(all, paused)
}

// hostsTake has the scripts of the first n hosts take so long.
func (r *rig) hostsTake(n int, long time.Duration) {
	for i := range n {
		r.Cloud.Post("host", world.Object{"id": hostOf(i), "takes_ms": long.Milliseconds()})
	}
}

// stopping is a fault in a world where runs do not end unless they are stopped, and are.
func stopping(name, what string, do, before func(*rig)) Fault {
	plans := slices.Repeat([]plan{{then: []press{{"Stop", askerOf}}, wants: approvals.Failed}}, 4)
	return Fault{
		name: name, what: what, api: "tat", plans: func() []plan { return plans },
		before: func(r *rig) {
			r.hostsTake(most, 10*time.Minute)
			if before != nil {
				before(r)
			}
		},
		do: func(r *rig) {
			do(r)
			r.begun.Wait()
			r.hostsTake(most, 0)
		},
	}
}
