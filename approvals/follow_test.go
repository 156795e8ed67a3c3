package approvals

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func kinds(r Request) (out []NoticeKind) {
	for _, n := range r.Notices {
		out = append(out, n.Kind)
	}
	return out
}

func exit(code int) func(*HostResult)     { return func(h *HostResult) { h.Exit = code } }
func status(code int) func(*HostResult)   { return func(h *HostResult) { h.Status = code } }
func proof(p Proof) func(*HostResult)     { return func(h *HostResult) { h.Proof = p } }
func state(s HostState) func(*HostResult) { return func(h *HostResult) { h.State = s } }
func task(id string) func(h *HostResult)  { return func(h *HostResult) { h.Task = id } }
func waitingFor(host string) HostResult   { return HostResult{Host: host, State: HostWaiting, Exit: -1} }

func refusedBy(host, note string) HostResult {
	return HostResult{Host: host, State: HostRefused, Exit: -1, Note: note}
}

func TestBeginKeepsWhatTheAnswerSaysOfHosts(t *testing.T) {
	now := t0.Add(10 * time.Second)
	tests := []struct {
		a    Answer
		want Follow
		why  string
	}{
		{
			Answer{},
			Follow{Since: now, Hosts: hosts(waitingFor("ins-1"), waitingFor("ins-2"))},
			"no task is named: it is to be found",
		},
		{
			Answer{Tasks: []string{"task-1"}},
			Follow{Since: now, Tasks: []string{"task-1"}, Hosts: hosts(waitingFor("ins-1"), waitingFor("ins-2"))},
			"a task is named",
		},
		{
			Answer{Tasks: []string{"task-1"}, Refused: hosts(HostResult{Host: "ins-2", Note: "no agent"})},
			Follow{Since: now, Tasks: []string{"task-1"}, Hosts: hosts(waitingFor("ins-1"), refusedBy("ins-2", "no agent"))},
			"one host was refused, the other is followed",
		},
		{
			Answer{Refused: hosts(HostResult{Host: "ins-2", Note: "b", State: HostEnded}, HostResult{Host: "ins-1", Note: "a"})},
			Follow{Since: now, Hosts: hosts(refusedBy("ins-1", "a"), refusedBy("ins-2", "b"))},
			"all were refused, named in another order; what else the answer claims of them does not count",
		},
		{
			Answer{Refused: hosts(HostResult{Host: "ins-9", Note: "who?"})},
			Follow{Since: now, Hosts: hosts(waitingFor("ins-1"), waitingFor("ins-2"))},
			"a host that nobody asked for is not shown as one of the run",
		},
	}
	for _, tt := range tests {
		tt.a.Outcome = OutcomeAccepted
		r := apply(t, in(t, Executing), now, Answered("w1", 1, tt.a))
		if diff := cmp.Diff(tt.want, r.Follow); diff != "" {
			t.Errorf("%s:\n%s", tt.why, diff)
		}
		if r.State != Accepted || !slices.Equal(kinds(r), []NoticeKind{NoticeAnswer}) {
			t.Errorf("%s: %s, notices %v", tt.why, r.State, kinds(r))
		}
	}
}

// A look is no event, and the card is drawn again only when it would say something
// else.
func TestLook(t *testing.T) {
	at, now := t0.Add(20*time.Minute), t0.Add(10*time.Second)
	half := hosts(good("ins-1"), waitingFor("ins-2"))
	tests := []struct {
		was, is []HostResult
		redraw  bool
		why     string
	}{
		{half, half, false, "nothing has happened"},
		{half, hosts(good("ins-1"), good("ins-2", state(HostRunning))), false, "a host has begun"},
		{half, hosts(waitingFor("ins-2"), good("ins-1")), false, "in another order"},
		{half, hosts(good("ins-1"), good("ins-2")), true, "one more is over"},
		{half, hosts(good("ins-1", exit(1)), waitingFor("ins-2")), true, "as many are over, but one of them badly"},
		{half, hosts(good("ins-1"), refusedBy("ins-2", "no agent")), true, "one was refused"},
		{half, hosts(good("ins-1"), waitingFor("ins-2"), waitingFor("ins-1")), true, "a second task may be the run"},
		{nil, half, true, "hosts are known at all"},
		{half, hosts(good("ins-1", proof(ProofDiffers)), waitingFor("ins-2")), true, "a host ran something else"},
		{half, hosts(good("ins-1", proof(ProofNone)), waitingFor("ins-2")), true, "a host's record does not say what it ran"},
	}
	for _, tt := range tests {
		r := apply(t, in(t, Accepted), now, Look(tt.was, Progress{}, now), Delay(now), Delay(now))
		next, event, err := r.Apply(Look(tt.is, Progress{}, at), now.Add(redrawEvery))
		if err != nil || event.Move != "" || next.State != Accepted || len(next.Notices) != len(r.Notices) {
			t.Errorf("%s: %s, event %+v, notices %v, error %v", tt.why, next.State, event, kinds(next), err)
		}
		if redraw := next.Card.Look != r.Card.Look; redraw != tt.redraw || redraw && next.Card.Look != next.Revision {
			t.Errorf("%s: look %d at revision %d, was %d", tt.why, next.Card.Look, next.Revision, r.Card.Look)
		}
		if !next.RetryAt.Equal(at) || next.Follow.Polls != r.Follow.Polls+1 || next.Tries != 0 {
			t.Errorf("%s: again at %v, %d polls, %d tries in vain", tt.why, next.RetryAt, next.Follow.Polls, next.Tries)
		}
		if diff := cmp.Diff(tt.is, next.Follow.Hosts); diff != "" {
			t.Errorf("%s:\n%s", tt.why, diff)
		}
	}
	for _, from := range allStates {
		if next, _, err := in(t, from).Apply(Look(half, Progress{}, at), now); (err == nil) != (from == Accepted) {
			t.Errorf("a look from %s: to %q, error %v", from, next.State, err)
		}
	}
	rows := hosts(waitingFor("ins-1"), waitingFor("ins-2"))
	r := apply(t, in(t, Accepted), now, Look(rows, Progress{}, at))
	rows[0] = good("ins-1")
	if r.Follow.Hosts[0].Over() {
		t.Error("who made the move can still write into the record")
	}
}

func TestFind(t *testing.T) {
	now := t0.Add(10 * time.Second)
	r := apply(t, in(t, Accepted), now, Look(hosts(good("ins-1"), waitingFor("ins-2")), Progress{}, now.Add(time.Minute)), Delay(now.Add(time.Hour)))
	tests := []struct {
		tasks []string
		why   string
	}{
		{[]string{"task-1"}, "its task has appeared"},
		{[]string{"task-1", "task-2"}, "a colleague ran the same: nobody can tell them apart"},
		{nil, "the task that was found was not it"},
	}
	for _, tt := range tests {
		next, event, err := r.Apply(Find(tt.tasks, r.Follow.Hosts, time.Time{}), now)
		if err != nil || !slices.Equal(next.Follow.Tasks, tt.tasks) || event.Move != "find" || next.Card.Look != next.Revision {
			t.Errorf("%s: tasks %v, event %+v, look %d of %d, error %v", tt.why, next.Follow.Tasks, event, next.Card.Look, next.Revision, err)
		}
		if !next.RetryAt.IsZero() || next.Tries != 0 {
			t.Errorf("%s: again at %v, %d tries in vain; want at once", tt.why, next.RetryAt, next.Tries)
		}
		if diff := cmp.Diff(r.Follow.Hosts, next.Follow.Hosts); diff != "" {
			t.Errorf("%s: what was known of hosts is lost:\n%s", tt.why, diff)
		}
	}
	tasks := []string{"task-1"}
	next := apply(t, r, now, Find(tasks, nil, time.Time{}))
	tasks[0] = "task-9"
	if next.Follow.Tasks[0] != "task-1" {
		t.Error("who made the move can still write into the record")
	}
}

// Every way in which a run can end.
func TestFinish(t *testing.T) {
	result, alarm := []NoticeKind{NoticeResult}, []NoticeKind{NoticeAlarm, NoticeResult}
	fine := good("ins-1")
	tests := []struct {
		rows []HostResult
		why  string // why it was given up
		want State  // "": it may not end so
		told []NoticeKind
		name string
	}{
		{hosts(fine, good("ins-2")), "", Succeeded, result, "every host is good"},
		{hosts(good("ins-2"), fine), "", Succeeded, result, "in another order"},
		{hosts(fine, good("ins-2"), good("ins-1", task("task-2")), good("ins-2", task("task-2"))), "", Failed, result, "two tasks, and both are good: either may be the run"},
		{hosts(fine, good("ins-2", task("task-2"))), "", Failed, result, "a task for each host, which nobody named"},

		{hosts(fine, good("ins-2", exit(1))), "", Failed, result, "an exit code"},
		{hosts(fine, good("ins-2", exit(-1))), "", Failed, result, "no exit code"},
		{hosts(fine, good("ins-2", status(7))), "", Failed, result, "a status that is none of success"},
		{hosts(fine, good("ins-2", state(HostFailed))), "", Failed, result, "the API could not run it there"},
		{hosts(fine, good("ins-2", state(HostFailed), func(h *HostResult) { h.BadLogin = true })), "", Failed, result, "a wrong password"},
		{hosts(fine, refusedBy("ins-2", "no agent")), "", Failed, result, "a host was refused"},
		{hosts(refusedBy("ins-1", ""), refusedBy("ins-2", "")), "", Failed, result, "all were refused"},
		{hosts(fine, good("ins-2", proof(ProofNone))), "", Failed, result, "nobody can say what one of them ran"},
		{hosts(fine, good("ins-2", proof(ProofDiffers))), "", Failed, alarm, "one ran something else, and well"},
		{hosts(fine, good("ins-2", proof(ProofDiffers), exit(1))), "", Failed, alarm, "and badly"},
		{hosts(fine, good("ins-2"), good("ins-9")), "", Failed, result, "on a host that nobody approved"},
		{hosts(fine, good("ins-2"), good("ins-1", task("task-2"), exit(1)), good("ins-2", task("task-2"))), "", Failed, result, "of two tasks one is bad, and either may be the run"},

		{hosts(fine, good("ins-2")), "two runs cannot be told apart", Failed, result, "all good, but something stands against it"},
		{hosts(fine, good("ins-2", state(HostRunning))), "given up", Failed, result, "one has not ended"},
		{hosts(fine, good("ins-2", state(HostRunning), proof(ProofDiffers))), "given up", Failed, alarm, "one has not ended, and runs something else"},
		{hosts(waitingFor("ins-1"), waitingFor("ins-2")), "no task has appeared", Failed, result, "nothing is known"},
		{nil, "no task has appeared", Failed, result, "not even the hosts"},

		{hosts(fine, waitingFor("ins-2")), "", "", nil, "one has not begun"},
		{hosts(fine, good("ins-2", state(HostRunning))), "", "", nil, "one is running"},
		{hosts(fine, good("ins-2", state("splendid"))), "", "", nil, "a word we do not know is no end"},
		{hosts(fine), "", "", nil, "nothing is known of one"},
		{hosts(fine, good("ins-1", task("task-2"))), "", "", nil, "nothing is known of one, and the other counts once"},
		{hosts(refusedBy("ins-1", "")), "", "", nil, "nothing is known of the one that was not refused"},
		{nil, "", "", nil, "nothing is known"},
	}
	for _, tt := range tests {
		r := in(t, Accepted)
		r.Notices = nil
		now := t0.Add(time.Minute)
		next, event, err := r.Apply(Finish(tt.rows, tt.why), now)
		if tt.want == "" {
			if !errors.Is(err, ErrNotAllowed) {
				t.Errorf("%s: to %q, error %v", tt.name, next.State, err)
			}
			continue
		}
		if err != nil || next.State != tt.want || !slices.Equal(kinds(next), tt.told) {
			t.Errorf("%s: to %q with notices %v, error %v", tt.name, next.State, kinds(next), err)
			continue
		}
		if !next.EndedAt.Equal(now) || next.Follow.Why != tt.why || next.Card.Look != next.Revision {
			t.Errorf("%s: ended at %v, why %q, look %d of %d", tt.name, next.EndedAt, next.Follow.Why, next.Card.Look, next.Revision)
		}
		if event.Move != "finish" || event.From != Accepted || event.To != tt.want || event.Note != tt.why {
			t.Errorf("%s: event %+v", tt.name, event)
		}
		if diff := cmp.Diff(tt.rows, next.Follow.Hosts); diff != "" {
			t.Errorf("%s:\n%s", tt.name, diff)
		}
	}
}

func TestCounts(t *testing.T) {
	f := Follow{Hosts: hosts(
		good("a"), good("b", exit(1)), good("c", state(HostFailed)), refusedBy("d", ""), waitingFor("e"), good("f", state(HostRunning)),
		good("g", proof(ProofDiffers)), good("h", proof(ProofNone)),
	)}
	if all, over, bad := f.Counts(); all != 8 || over != 6 || bad != 5 {
		t.Errorf("%d hosts, %d over, %d bad; want 8, 6, 5", all, over, bad)
	}
}
