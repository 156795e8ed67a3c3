package bot

import (
	"context"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// A reading of the list is shared by all who look: one that adds what the list has lost does not
// write into it.
func TestTheListIsShared(t *testing.T) {
	playFollow(t, nil, func(r *rig) {
		for range 4 { // a list with room behind its end
			r.cloud.byHand("cmd-other", both, "x", "")
		}
		k := r.is(r.runs(), approvals.Succeeded)
		k.Follow.Tasks, k.Follow.Confirm = []string{"cmdtask-lost"}, time.Time{}
		w := windowOf(k.Request)
		if _, err := r.first.candidates(context.Background(), k.Request, w, w.from, whole); err != nil {
			t.Fatal(err)
		}
		list, err := r.first.ledger.Tasks(context.Background(), w.from, w.from)
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range list[:cap(list)] {
			if task.ID == "cmdtask-lost" {
				t.Error("a look has written into the list of all")
			}
		}
	})
}
