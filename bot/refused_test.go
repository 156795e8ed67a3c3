package bot

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// Somebody presses, or asks how it stands, every half second, and each reading of the API
// takes two seconds: what it shows is stored all the same.
func TestNobodyHoldsUpALook(t *testing.T) {
	slow := func(ctx context.Context) error {
		select {
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
		}
		return ctx.Err()
	}
	for _, tt := range []struct {
		why   string
		again func(r *rig, id string)
	}{
		{"somebody whom the rule does not name", func(r *rig, id string) { r.press("EVE", Ran, id) }},
		{"a button that the card does not have any more", func(r *rig, id string) { r.press("EVE", Approve, id) }},
		{"an approver's, too", func(r *rig, id string) { r.press("BOB", Approve, id) }},
		{"a status, which draws the card again", func(r *rig, id string) { r.says("ALICE", "status "+id) }},
	} {
		pressed := func(r *rig, id string, d time.Duration) {
			for range d / (500 * time.Millisecond) {
				r.pass(500 * time.Millisecond)
				tt.again(r, id)
			}
		}
		t.Run(tt.why, func(t *testing.T) {
			playFollow(t, nil, func(r *rig) {
				unanswered(r, nil)
				id := r.runs()
				r.cloud.set(func(c *cloud) { c.tasks.onList = slow })
				pressed(r, id, 11*time.Minute)
				if k := r.is(id, approvals.Unknown); k.Unsure.Asked.IsZero() || k.Unsure.Looks > 60 {
					r.Errorf("people were asked at %v, after %d searches", k.Unsure.Asked, k.Unsure.Looks)
				}
			})
		})
		t.Run(tt.why+", of a run", func(t *testing.T) {
			playFollow(t, nil, func(r *rig) {
				r.cloud.set(func(c *cloud) {
					c.tasks.named = true
					c.tasks.onRows = func(ctx context.Context, _ string) error { return slow(ctx) }
				})
				id := r.runs()
				pressed(r, id, 30*time.Second)
				if k := r.get(id); k.State == approvals.Accepted && k.Follow.Polls < 3 {
					r.Errorf("looked at %d times in half a minute", k.Follow.Polls)
				}
			})
		})
	}
}

// A thousand presses of a guest leave one of them, and a number.
func TestAThousandPressesOfAGuest(t *testing.T) {
	playTwo(t, func(r *rig) {
		id := r.asks("ALICE")
		guest := someone("CAROL")
		guest.Guest = true
		r.people.set(func(d *directory) { d.profiles["CAROL"] = guest })
		before := r.get(id)
		for range 1000 {
			r.pressOn(r.first, "CAROL", Approve, id)
		}
		k := r.get(id)
		if k.Refused.All != 1000 || k.Refused.N != 1 || k.Revision != before.Revision || k.Request.Events != before.Request.Events {
			r.Errorf("counted are %+v; revision %d after %d, %d events after %d", k.Refused, k.Revision, before.Revision, k.Request.Events, before.Request.Events)
		}
		if s, ok := r.says("ALICE", "status "+id).(Status); !ok || len(s.Events) != before.Request.Events {
			r.Errorf("status loads %d events", len(s.Events))
		}
	})
}

// kept is how many bytes the store has of a request.
func (r *rig) kept(id string) (n int) {
	r.memory.mu.Lock()
	defer r.memory.mu.Unlock()
	row := r.memory.rows[id]
	n = len(row.body)
	for _, e := range row.events {
		text, err := e.Encode()
		if err != nil {
			r.Fatal(err)
		}
		n += len(text)
	}
	return n
}

// A script of five megabytes can be shown on no card. Nothing of it is kept.
func TestWhatCannotBeShownIsNotKept(t *testing.T) {
	big := bytes.Repeat([]byte("x"), 5<<20)
	has := func(r *rig, content []byte) {
		r.cloud.set(func(c *cloud) {
			s := c.scripts["cmd-nozcbhuw"]
			s.Content = content
			c.scripts["cmd-nozcbhuw"] = s
		})
	}
	playTwo(t, func(r *rig) {
		has(r, big)
		total := 0
		for range 10 {
			id := r.asks("ALICE")
			r.is(id, approvals.Refused)
			total += r.kept(id)
		}
		if total > 40_000 {
			r.Errorf("ten refused runs keep %d bytes", total)
		}
	})
	playTwo(t, func(r *rig) {
		w := r.words(r.says("ALICE", "run cmd-nozcbhuw ins-1 -- "+strings.Repeat("x ", 7_000)))
		if w.Request != "" || !strings.HasPrefix(w.Text, "A card must show everything that would run, and cannot: parameters and reason have ") || len(r.memory.rows) > 0 {
			r.Errorf("parameters that no card shows: %q, and %d requests are kept", w.Text, len(r.memory.rows))
		}
	})
	playWith(t, func(r *rig) { r.board.hook = failing("post", ErrNotInChannel) }, func(r *rig) {
		id := r.asks("ALICE")
		events, err := r.store.Events(context.Background(), id, 0)
		if k := r.is(id, approvals.Refused); k.Plan != nil || err != nil {
			r.Errorf("nobody saw the script of a refused request, and it is kept: %+v, %v", k.Plan, err)
		}
		for _, e := range events {
			if e.Plan != nil {
				r.Errorf("nobody saw the script, and the event %s has it", e.Move)
			}
		}
	})
	playTwo(t, func(r *rig) {
		id := r.asks("ALICE")
		has(r, big)
		r.press("BOB", Approve, id)
		r.press("DAVE", Approve, id)
		if k := r.is(id, approvals.Refused); len(k.Changes) != 1 {
			r.Errorf("changes %+v", k.Changes)
		}
		if n := r.kept(id); n > 20_000 {
			r.Errorf("a run whose script became that large keeps %d bytes", n)
		}
	})
}
