package bot

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

func TestTmp(t *testing.T) {
	playFollow(t, func(r *rig) {
		r.confirm = 3 * time.Second
		r.cloud.tasks.host = on("", after(time.Second))
		r.cloud.tasks.onList = func(context.Context) error { fmt.Println("list", time.Now().Format("05.000")); return nil }
	}, func(r *rig) {
		for round := range 3 {
			var ids []string
			for i := range 16 {
				ids = append(ids, r.words(r.says([]string{"ALICE", "EVE"}[i%2], fmt.Sprintf("run cmd-nozcbhuw ins-%d", i+100*round))).Request)
			}
			start := time.Now()
			for _, id := range ids {
				r.press("BOB", Approve, id)
			}
			for n := 0; n < 16; {
				r.pass(500 * time.Millisecond)
				n = 0
				told := 0
				for _, id := range ids {
					k := r.get(id)
					if k.State == approvals.Succeeded {
						n++
					}
					if k.State == approvals.Succeeded || !k.Follow.Confirm.IsZero() {
						told++
					}
				}
				fmt.Println(time.Since(start), told, n)
			}
			r.pass(time.Minute)
		}
	})
}
