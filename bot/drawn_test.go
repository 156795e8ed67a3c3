package bot

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// Random tasks of colleagues and lags up to 60 s, rows at once: `succeeded` only if our task did.
func TestRivalsAsTheyCome(t *testing.T) {
	for seed := range 300 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			g := rand.New(rand.NewPCG(uint64(seed), 7))
			var own *apiTask
			good, story := true, ""
			lost := g.IntN(4) == 0 // answer lost though it ran
			lagOf := func(g *rand.Rand) time.Duration { return time.Duration(g.IntN(61)) * time.Second }
			playFollow(t, func(r *rig) {
				r.confirm = 90 * time.Second
				r.api = []string{bmclient.API2, bmclient.API3}[g.IntN(2)]
				r.cloud.tasks.uncounted = g.IntN(3) == 0
				shuffle := g.IntN(4) == 0
				if g.IntN(4) == 0 {
					r.cloud.tasks.page = 1 + g.IntN(5)
				}
				r.cloud.tasks.order = func(l []*apiTask) []*apiTask {
					for i := range l { // same second: any order
						if j := i + 1; j < len(l) && (shuffle || l[i].begun.Truncate(time.Second).Equal(l[j].begun.Truncate(time.Second))) && time.Now().UnixNano()%2 == 0 {
							l[i], l[j] = l[j], l[i]
						}
					}
					return l
				}
				r.cloud.onRun = func(context.Context) error {
					if lost {
						r.cloud.begin(r.cloud.sent[len(r.cloud.sent)-1])
						return errors.New("broken pipe")
					}
					return nil
				}
				exit, evil, dur := g.IntN(2), g.IntN(4) == 0, time.Duration(g.IntN(40))*time.Second
				ownLag, noCount := lagOf(g), g.IntN(4) == 0
				r.cloud.tasks.made = func(o *apiTask) {
					own = o
					o.begun = o.begun.Truncate(time.Second)
					o.listed = o.begun.Add(ownLag)
					if noCount {
						o.count = -1
					}
					for _, h := range o.hosts {
						h.Exit = exit
						if evil {
							h.Content = []byte("evil")
						}
						h.ends = time.Now().Add(dur)
					}
					good = exit == 0 && !evil
					story += fmt.Sprintf("own %s exit %d evil %v lag %v dur %v; ", o.id, exit, evil, ownLag, dur)
				}
			}, func(r *rig) {
				start := time.Now()
				go func() {
					h := rand.New(rand.NewPCG(uint64(seed), 8))
					for range h.IntN(5) {
						<-time.After(time.Duration(h.IntN(60000)) * time.Millisecond)
						hosts := [][]string{both, both, both, {"ins-1"}, {"ins-1", "ins-9"}, {"ins-8", "ins-9"}}[h.IntN(6)]
						c := []string{content, content, "other"}[h.IntN(3)]
						p := []string{"--fast", "--fast", "--slow"}[h.IntN(3)]
						l, d := lagOf(h), time.Duration(h.IntN(40))*time.Second
						r.cloud.mu.Lock()
						o := r.cloud.newTask(theScript, hosts, []byte(c), []byte(p))
						o.begun = o.begun.Truncate(time.Second)
						o.listed = o.begun.Add(l)
						for _, on := range o.hosts {
							on.ends = time.Now().Add(d)
						}
						if h.IntN(4) == 0 {
							o.count = -1
						}
						story += fmt.Sprintf("%s at %v on %v %q %s lag %v dur %v; ", o.id, time.Since(start), hosts, c, p, l, d)
						r.cloud.mu.Unlock()
					}
				}()
				r.pass(time.Duration(g.IntN(90000)) * time.Millisecond)
				if g.IntN(5) == 0 {
					r.unreadable(errors.New("503"))
				}
				id := r.starts()
				r.cloud.set(func(*cloud) { story += fmt.Sprintf("claimed about %v; ", time.Since(start)) })
				r.pass(time.Second)
				r.readable()
				if g.IntN(3) == 0 {
					r.pass(time.Duration(g.IntN(100000)) * time.Millisecond)
					r.stop()
					r.work(r.newBot())
					r.cloud.set(func(*cloud) { story += fmt.Sprintf("restart at %v; ", time.Since(start)) })
				}
				r.pass(40 * time.Minute)
				k := r.get(id)
				if k.State == approvals.Succeeded && (own == nil || !good) {
					t.Errorf("succeeded by %v: %s", k.Follow.Tasks, story)
				}
				if k.State == approvals.Accepted || k.State == approvals.Executing || len(k.Notices) > 0 {
					t.Errorf("%s, notices %v: %s\n%s", k.State, k.Notices, story, r.log)
				}
				if own != nil && len(r.cloud.tasks.all) == 1 && !k.Unproven() && good != (k.State == approvals.Succeeded) {
					t.Errorf("alone, good %v, but %s %s: %s", good, k.State, k.Follow.Why, story)
				}
			})
		})
	}
}
