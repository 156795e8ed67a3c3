package approvals

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// However much was typed, what a refused run leaves is small, says who asked for what and
// why not, and is a whole chain, behind which nothing follows.
func TestTurnedAway(t *testing.T) {
	var many []string
	for i := range 512 {
		many = append(many, fmt.Sprintf("ins-%060d", i))
	}
	hidden := strings.Repeat("\u202e", 5000)
	tests := []struct {
		why   string
		asked Asked
		note  string
		most  int // bytes
		want  Asked
		says  string
	}{
		{
			"as it is mostly",
			Asked{Script: "cmd-nozcbhuw", Hosts: []string{"ins-1"}, Parameters: "-- x", Reason: "nginx hangs"},
			"No rule.", 400,
			Asked{Script: "cmd-nozcbhuw", Hosts: []string{"ins-1"}},
			"No rule.",
		},
		{
			"hosts without end",
			Asked{Script: "cmd-nozcbhuw", Hosts: many, Repeated: many},
			"No rule.", 1000,
			Asked{Script: "cmd-nozcbhuw", Hosts: many[:8]},
			"No rule. (It was for 512 hosts; the first 8 are named.)",
		},
		{
			"texts without end, which cannot be seen",
			Asked{Script: hidden, Hosts: many, Parameters: hidden, Reason: hidden, Again: "r-k3m9q2xabc"},
			hidden, 2048,
			Asked{Script: hidden[:63] + "…", Hosts: many[:8], Again: "r-k3m9q2xabc"},
			hidden[:399] + "… (It was for 512 hosts; the first 8 are named.)",
		},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			m := newMemory()
			d := NewDesk(m, "w1", time.Minute)
			r := newRequest()
			r.Requester, r.Asked = Person{Org: "E1", User: "U-EVE"}, tt.asked
			for range 2 {
				if err := d.TurnAway(t.Context(), r, tt.note); err != nil {
					t.Fatal(err)
				}
			}
			e := m.away[r.ID]
			text, err := e.Encode()
			if err != nil || len(text) > tt.most {
				t.Errorf("it takes %d bytes, want %d at most: %v", len(text), tt.most, err)
			}
			again, err := DecodeEvent(text)
			if diff := cmp.Diff(e, again); diff != "" || err != nil || !e.TurnedAway() {
				t.Errorf("it is read back otherwise: %v\n%s", err, diff)
			}
			if diff := cmp.Diff(tt.want, *e.Asked); diff != "" || e.By != r.Requester || e.Channel != r.Origin.Channel || e.Note != tt.says {
				t.Errorf("it says %+v\n%s", e, diff)
			}
			if err := Verify([]Event{e}); err != nil {
				t.Error(err)
			}
			next := Event{V: e.V, Request: e.Request, N: 2, Revision: 2, Prev: e.Hash, Move: "late answer", From: Refused, To: Refused}
			next.Hash = next.Sum()
			if at := brokenAt(Verify([]Event{e, next})); at != 2 {
				t.Errorf("what follows on it breaks the chain at %d, want 2", at)
			}
		})
	}
}

// A typing error leaves nothing; and a request that was refused as it was typed is not
// kept if its envelope comes once more, whatever the rules say by then.
func TestTurnedAwayAgain(t *testing.T) {
	m := newMemory()
	d := NewDesk(m, "w1", time.Minute)
	r := newRequest()
	for _, asked := range []Asked{{Script: "cmd-NOZCBHUW", Hosts: []string{"ins-1"}}, {Script: "restart", Hosts: []string{"ins-db1-"}}} {
		r.Asked = asked
		if err := d.TurnAway(t.Context(), r, "No rule."); !errors.Is(err, ErrNotID) || len(m.away) > 0 {
			t.Errorf("%v: %v, and %d events are left", asked, err, len(m.away))
		}
	}
	r = newRequest()
	if err := d.TurnAway(t.Context(), r, "No rule."); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Receive(t.Context(), r); !errors.Is(err, ErrTurnedAway) || len(m.records) > 0 {
		t.Errorf("it is received: %v", err)
	}
	r.ID = "r-kept"
	if _, _, err := d.Receive(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := d.TurnAway(t.Context(), r, "No rule."); err != nil || slices.ContainsFunc(m.records[r.ID].events, Event.TurnedAway) || m.away[r.ID].N != 0 {
		t.Errorf("a request that is kept has an event that says it is not: %v", err)
	}
}
