package bot

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// A process stands still while it draws that it is at a dispatch, and in the middle of
// that dispatch. Another sends the run and draws how it went. Then the first wakes up,
// and its old drawing lands above the newer one.
func TestAnOldDrawingThatLandsLate(t *testing.T) {
	play(t, func(r *rig) {
		woken := make(chan struct{})
		var stopped, drawn atomic.Bool
		stand := func(before *atomic.Bool) { // the first who comes
			if !before.Swap(true) {
				<-woken
			}
		}
		id := r.asks("ALICE")
		r.logins.set(func(l *logins) { l.onOpen = func() error { stand(&stopped); return nil } })
		r.board.set(func(b *board) {
			b.hook = func(call string, k approvals.Request) error {
				if call == "redraw" && k.State == approvals.Approved {
					stand(&drawn)
				}
				return nil
			}
		})
		r.memory.setFault(func(c storeCall) fault {
			if c.name == "take" && c.worker == "worker-1" && stopped.Load() {
				return away // it stands still as a whole
			}
			return fine
		})
		r.press("BOB", Approve, id)
		r.pass(time.Second)
		r.work(r.newBot())
		r.pass(hold + 5*time.Second)
		r.is(id, approvals.Accepted)
		close(woken)
		r.settle()
		r.pass(hold) // for one whose hold is over, others may see to it
		r.is(id, approvals.Accepted)
		r.pass(chatTime + hold)
		r.is(id, approvals.Accepted)
		r.ran(1)
	})
}
