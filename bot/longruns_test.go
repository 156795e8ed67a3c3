package bot

import (
	"fmt"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// A run that lasts is taken up by another process after its confirming time.
func TestRestartInALongRun(t *testing.T) {
	for _, tt := range []struct {
		perMinute int
		restart   bool
	}{{200, false}, {10, true}, {100, true}, {200, true}, {250, true}} {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			playFollow(t, func(r *rig) {
				r.confirm = 90 * time.Second
				r.cloud.tasks.host = on("", func(h *apiHost) {
					if h.Host != "ins-x" {
						h.ends = time.Now().Add(40 * time.Minute)
					}
				})
				r.follow = time.Hour
			}, func(r *rig) {
				end := time.Now().Add(40 * time.Minute)
				go func() {
					for time.Now().Before(end) {
						r.cloud.byHand("cmd-other", []string{"ins-x"}, "x", "")
						<-time.After(time.Minute / time.Duration(tt.perMinute))
					}
				}()
				id := r.starts()
				r.pass(30 * time.Minute)
				if tt.restart {
					r.stop()
					r.work(r.newBot())
				}
				r.pass(11 * time.Minute)
				k := r.get(id)
				if k.State != approvals.Succeeded {
					t.Errorf("its task is known, confirmed and ended, and it is %s", k.State)
				}
			})
		})
	}
}

// Long runs, and how often their hosts are read.
func TestLongRunsReadHosts(t *testing.T) {
	playFollow(t, func(r *rig) {
		r.confirm = 90 * time.Second
		r.follow = 2 * time.Hour
		r.cloud.tasks.host = on("", after(63*time.Minute))
	}, func(r *rig) {
		for i := range 20 {
			r.press("BOB", Approve, r.words(r.says([]string{"ALICE", "EVE"}[i%2], fmt.Sprintf("run cmd-nozcbhuw ins-%d", i))).Request)
			r.pass(10 * time.Second)
		}
		r.pass(time.Minute)
		rows := len(r.journal.of("rows"))
		r.pass(30 * time.Minute)
		rows = len(r.journal.of("rows")) - rows
		if rows > 20*30 {
			t.Errorf("%.1f readings of hosts a minute of each run", float64(rows)/20/30)
		}
	})
}

// The list's status stays at -1 although its counts say that all hosts have ended.
func TestStatusLies(t *testing.T) {
	for _, lasts := range []time.Duration{3 * time.Second, 10 * time.Second, 20 * time.Second, 80 * time.Second, 150 * time.Second} {
		playFollow(t, func(r *rig) {
			r.confirm, r.cloud.tasks.neverEnded = 90*time.Second, true
			r.cloud.tasks.host = on("", after(lasts))
		}, func(r *rig) {
			r.starts()
			began := time.Now()
			for len(r.journal.of("notice")) < 2 && time.Since(began) < 30*time.Minute {
				r.pass(time.Second)
			}
			took := time.Since(began)
			r.pass(10 * time.Minute)
			if took > lasts+16*time.Second {
				t.Errorf("a run of %v is told after %v", lasts, took)
			}
		})
	}
}
