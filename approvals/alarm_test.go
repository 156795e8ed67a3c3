package approvals

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// Two hundred hosts that end one by one do not redraw the card two hundred times,
// and what was held back is shown at a later look.
func TestProgressIsShownNowAndThen(t *testing.T) {
	r := in(t, Accepted)
	now := t0.Add(time.Minute)
	var drawn []int
	look := func(after time.Duration, over int) {
		rows := hosts(waitingFor("ins-1"), waitingFor("ins-2"))
		for i := range over {
			rows[i] = good(rows[i].Host)
		}
		now = now.Add(after)
		next := apply(t, r, now, Look(rows, Progress{}, now))
		if next.Card.Look != r.Card.Look {
			_, n, _ := next.Follow.Counts()
			drawn = append(drawn, n)
		}
		r = next
	}
	look(0, 0)
	look(time.Second, 1) // the first change shows at once
	look(time.Second, 2)
	look(time.Second, 1) // the API may take back what it said
	look(6*time.Second, 2)
	look(time.Second, 2)
	look(redrawEvery, 2)
	if want := []int{1, 2}; !slices.Equal(drawn, want) {
		t.Errorf("drawn with %v hosts over, want %v", drawn, want)
	}
}

// Whatever runs on a host that nobody approved is told at once, and once.
func TestAlarm(t *testing.T) {
	now := t0.Add(time.Minute)
	drifted := hosts(good("ins-1", state(HostRunning), proof(ProofDiffers)), waitingFor("ins-2"))
	r := in(t, Accepted)
	r.Notices = nil
	next, event, err := r.Apply(Alarm([]string{"task-1"}, drifted, now.Add(time.Second)), now)
	if err != nil || event.Move != "alarm" || next.State != Accepted || !slices.Equal(kinds(next), []NoticeKind{NoticeAlarm}) {
		t.Fatalf("%s, event %+v, notices %v, error %v", next.State, event, kinds(next), err)
	}
	if next.Card.Look != next.Revision || !next.RetryAt.Equal(now.Add(time.Second)) || next.Follow.Polls != 1 {
		t.Errorf("look %d of %d, again at %v, %d polls", next.Card.Look, next.Revision, next.RetryAt, next.Follow.Polls)
	}
	if _, _, err := next.Apply(Alarm([]string{"task-1"}, drifted, now), now); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("a second alarm: %v", err)
	}
	if _, _, err := r.Apply(Alarm([]string{"task-1"}, hosts(good("ins-1"), good("ins-2")), now), now); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("an alarm for nothing: %v", err)
	}
	for _, from := range allStates {
		if got, _, err := in(t, from).Apply(Alarm([]string{"task-1"}, drifted, now), now); (err == nil) != (from == Accepted) {
			t.Errorf("an alarm from %s: to %q, error %v", from, got.State, err)
		}
	}
	ended := apply(t, next, now, Finish(hosts(good("ins-1", proof(ProofDiffers)), good("ins-2")), ""))
	if want := []NoticeKind{NoticeAlarm, NoticeResult}; ended.State != Failed || !slices.Equal(kinds(ended), want) {
		t.Errorf("%s with notices %v, want failed with %v", ended.State, kinds(ended), want)
	}
}

// What a person typed tells twins, also after the look-up: a store finds them by it.
func TestTwinIsTheSameBeforeAndAfterTheLookUp(t *testing.T) {
	r := in(t, Received)
	r.Asked.Script = "restart"
	was := r.Twin()
	p := somePlan(1)
	next := apply(t, r, t0, Prepare(alice, p))
	if next.Asked.Script != p.Script.CmdID || next.Asked.Alias != "restart" {
		t.Fatalf("asked %+v", next.Asked)
	}
	next.Requester = r.Requester
	if next.Twin() != was {
		t.Error("the look-up of an alias made another request of it")
	}
}

func TestAmbiguous(t *testing.T) {
	for _, tt := range []struct {
		why   string
		named []string
		found []string
		want  bool
	}{
		{"nothing is found yet", nil, nil, false},
		{"one task", nil, []string{"task-1"}, false},
		{"two that cannot be told apart", nil, []string{"task-1", "task-2"}, true},
		{"two that the API named", []string{"task-1", "task-2"}, nil, false},
	} {
		r := apply(t, in(t, Executing), t0, Answered("w1", 1, Answer{Outcome: OutcomeAccepted, Tasks: tt.named}))
		if tt.found != nil {
			r = apply(t, r, t0, Find(tt.found, r.Follow.Hosts, time.Time{}))
		}
		if got := r.Ambiguous(); got != tt.want {
			t.Errorf("%s: %v", tt.why, got)
		}
	}
}
