package bot

import (
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// told is what the notices of this kind said.
func (r *rig) told() (said *[]string) {
	said = &[]string{}
	r.board.set(func(b *board) {
		b.hook = func(call string, q approvals.Request) error {
			if call == "notify" {
				*said = append(*said, q.Why)
			}
			return nil
		}
	})
	return said
}

// Two replicas know of a request that the store has lost. Nobody claims more than it knows,
// and who knows most speaks last or alone: whichever comes first.
func TestWhoKnowsMostSpeaksLast(t *testing.T) {
	const seen, called, ended = "When I last saw it (2000-01-01 00:00 UTC), it was pending. What became of it since I do not know: look at this thread",
		"I had sent it to the API, which accepted it", "It had ended before that: succeeded. Only its record is gone."
	for _, tt := range []struct {
		why   string
		ends  bool // before it is lost
		first int  // which replica looks first; the first one has sent it
		want  []string
	}{
		{"it ran, and who sent it is first", false, 0, []string{called}},
		{"it ran, and who saw it pending is first", false, 1, []string{seen, called}},
		{"it had ended, and who knows is first", true, 0, nil},
		{"it had ended, and who saw it pending is first", true, 1, []string{seen, ended}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			playFollow(t, func(r *rig) { r.memory.server.ID = "run-1" }, func(r *rig) {
				r.cloud.set(func(c *cloud) {
					c.tasks.host = func(_ string, h *apiHost) { h.ends = time.Now().Add(5 * time.Minute) }
				})
				other := r.newBot()
				id := r.asks("ALICE")
				r.pressOn(other, "EVE", Approve, id) // so that it knows of the request
				r.press("BOB", Approve, id)
				r.settle()
				if tt.ends {
					r.pass(6 * time.Minute)
					r.is(id, approvals.Succeeded)
				}
				r.stop()
				card := r.get(id).Card.TS
				said := r.told()
				r.memory.flushed()
				for _, b := range []*Bot{r.bots[tt.first], r.bots[1-tt.first], r.bots[0], r.bots[1]} {
					b.recollect(r.Context())
				}
				if len(*said) != len(tt.want) {
					r.Fatalf("said %q", *said)
				}
				for i, want := range tt.want {
					if !strings.HasPrefix((*said)[i], want) || strings.Contains((*said)[i], "not been sent") {
						r.Errorf("said %q, want %q", (*said)[i], want)
					}
				}
				want := approvals.Gone
				if len(tt.want) == 0 {
					want = approvals.Succeeded
				}
				if c := r.board.card(card); c.State != want {
					r.Errorf("the card shows %s, want %s", c.State, want)
				}
				r.ran(1)
			})
		})
	}
}
