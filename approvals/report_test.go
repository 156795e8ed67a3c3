package approvals

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// A result is told once its hosts are over, and is final later: until then another task may turn up.
func TestReport(t *testing.T) {
	until := t0.Add(95 * time.Second)
	fine := hosts(good("ins-1"), good("ins-2"))
	told := func(t *testing.T) Request {
		r := in(t, Accepted)
		r.Notices = nil
		return apply(t, r, t0.Add(10*time.Second), Report("task-1", fine, until))
	}
	t.Run("it is told, and keeps its hosts", func(t *testing.T) {
		r := told(t)
		if r.State != Accepted || !r.Holds() || !r.Follow.Confirm.Equal(until) || !r.RetryAt.Equal(until) || !slices.Equal(kinds(r), []NoticeKind{NoticeResult}) {
			t.Errorf("%s, confirmed at %v, again at %v, notices %v", r.State, r.Follow.Confirm, r.RetryAt, kinds(r))
		}
	})
	t.Run("it is final, and not told again", func(t *testing.T) {
		r := apply(t, told(t), until, Finish(fine, ""))
		if r.State != Succeeded || len(kinds(r)) != 1 || !r.Behind() && r.Card.Look != r.Revision {
			t.Errorf("%s, notices %v", r.State, kinds(r))
		}
	})
	t.Run("it is taken back, and people are told", func(t *testing.T) {
		r := apply(t, told(t), until, Finish(fine, "the list could not be read"))
		if r.State != Failed || len(kinds(r)) != 2 {
			t.Errorf("%s, notices %v", r.State, kinds(r))
		}
	})
	t.Run("another task takes it back at once", func(t *testing.T) {
		r := apply(t, told(t), t0.Add(20*time.Second), Find([]string{"task-1", "task-2"}, fine, until))
		if r.State != Accepted || !r.Follow.Confirm.IsZero() || len(kinds(r)) != 2 {
			t.Errorf("%s, confirmed at %v, notices %v", r.State, r.Follow.Confirm, kinds(r))
		}
		if r = apply(t, r, until, Finish(slices.Concat(fine, hosts(good("ins-1", task("task-2")), good("ins-2", task("task-2")))), "")); r.State != Failed {
			t.Errorf("two that cannot be told apart: %s", r.State)
		}
	})
	t.Run("without a mark it is never proved", func(t *testing.T) {
		r := in(t, Accepted)
		r.LastSend().Mark = nil
		r = apply(t, r, until, Finish(fine, ""))
		if r.State != Failed {
			t.Errorf("%s", r.State)
		}
	})
	for why, tt := range map[string]struct {
		r    Request
		rows []HostResult
	}{
		"one has not ended":       {in(t, Accepted), hosts(good("ins-1"), good("ins-2", state(HostRunning)))},
		"it was told":             {told(t), fine},
		"the API named its tasks": {apply(t, in(t, Executing), t0, Answered("w1", 1, Answer{Outcome: OutcomeAccepted, Tasks: []string{"task-1"}})), fine},
	} {
		if _, _, err := tt.r.Apply(Report("task-1", tt.rows, until), t0); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

// What the list counts is shown where the hosts were not read yet.
func TestTheListCounts(t *testing.T) {
	r := in(t, Accepted)
	rows := hosts(waitingFor("ins-1"), waitingFor("ins-2"))
	r = apply(t, r, t0.Add(time.Minute), Look(rows, Progress{Over: 1, Bad: 1}, t0))
	if all, over, bad := r.Follow.Counts(); all != 2 || over != 1 || bad != 1 || r.Card.Look != r.Revision {
		t.Errorf("%d, %d over, %d bad", all, over, bad)
	}
	r = apply(t, r, t0.Add(2*time.Minute), Finish(hosts(good("ins-1"), good("ins-2")), ""))
	if _, over, bad := r.Follow.Counts(); over != 2 || bad != 0 {
		t.Errorf("%d over, %d bad", over, bad)
	}
}
