package approvals

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// spy is a Store that remembers the last swap.
type spy struct {
	*memory
	last Swap
}

func (s *spy) Swap(ctx context.Context, w Swap) (Kept, error) {
	s.last = w
	return s.memory.Swap(ctx, w)
}

// What each move has the store do with the hosts, and which server it is for.
func TestHostsOfEachMove(t *testing.T) {
	lifted := func(r Request) Request { return apply(t, r, t0, Lift(bob, r.Digest, someFacts(1))) }
	asked := func(r Request) Request { return apply(t, r, t0, Ask("none", nil, time.Time{})) }
	one := func(r Request) Request { return apply(t, asked(r), t0, Settle(bob, r.Digest, Ran, someFacts(1))) }
	answer := func(o Outcome) func(Request) Move {
		return func(Request) Move { return Answered("w1", 1, Answer{Outcome: o}) }
	}
	tests := []struct {
		from State
		then func(Request) Request
		move func(Request) Move
		want Hosts
		why  string
	}{
		{Pending, nil, func(r Request) Move { return Vote(bob, r.Digest, someFacts(1), within) }, HostsStay, "nothing runs yet"},
		{Approved, nil, func(Request) Move { return WaitFor("r-other", "held", t0) }, HostsStay, "it waits"},
		{Approved, nil, func(r Request) Move { return Claim(grant(t, r), Intent{Worker: "w1", Lease: lease, Valid: valid}) }, HostsTake, "it may run from here on"},
		{Approved, nil, func(Request) Move { return Doubt("?", valid) }, HostsKeep, "it may have run, and perhaps another does"},
		{Approved, nil, func(Request) Move { return Cancel(alice) }, HostsStay, "it never held any"},
		{Executing, nil, answer(OutcomeAccepted), HostsStay, "it runs"},
		{Executing, nil, answer(OutcomeUnknown), HostsStay, "it may run"},
		{Executing, nil, answer(OutcomeNotSent), HostsLeave, "it never left"},
		{Executing, nil, answer(OutcomeRefused), HostsLeave, "it was refused"},
		{Executing, nil, answer(OutcomeFailed), HostsLeave, "it cannot run"},
		{Executing, nil, func(Request) Move { return Redraw() }, HostsStay, "a mark"},
		{Accepted, nil, func(Request) Move { return Finish(nil, "given up") }, HostsLeave, "it is over"},
		{Unknown, nil, func(Request) Move { return Adopt("task-1", "the one") }, HostsStay, "it runs, and held them all the time"},
		{Unknown, lifted, func(Request) Move { return Adopt("task-1", "the one") }, HostsKeep, "it runs after all: no other may begin there"},
		{Unknown, func(r Request) Request { r = lifted(r); r.Sends[0].Answer = nil; return r }, answer(OutcomeAccepted), HostsKeep, "the same, and its worker says so"},
		{Unknown, asked, func(r Request) Move { return Settle(bob, r.Digest, Ran, someFacts(1)) }, HostsStay, "one word"},
		{Unknown, one, func(r Request) Move { return Settle(carol, r.Digest, Ran, someFacts(1)) }, HostsLeave, "two words"},
		{Unknown, nil, func(r Request) Move { return Lift(bob, r.Digest, someFacts(1)) }, HostsLeave, "a person lets others run there"},
		{Unknown, lifted, func(Request) Move { return Ask("none", nil, t0) }, HostsStay, "they were let go before"},
		{Unknown, nil, func(Request) Move { return Aside("late answer", Person{}, "") }, HostsStay, "an aside"},
	}
	for _, tt := range tests {
		r := in(t, tt.from)
		if tt.then != nil {
			r = tt.then(r)
		}
		s := &spy{memory: newMemory()}
		s.write(record0(s.memory, r), Swap{Next: r})
		k := s.kept(s.records[r.ID], "")
		k.Now = t0.Add(10 * time.Second)
		next, err := NewDesk(s, "w1", time.Minute).Advance(t.Context(), k, tt.move(r))
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		if s.last.Hosts != tt.want || s.last.Server != "run-1" {
			t.Errorf("%s: %s to %s: hosts %d for server %q, want %d", tt.why, tt.from, next.State, s.last.Hosts, s.last.Server, tt.want)
		}
	}
}

// record0 puts an empty record of r into m.
func record0(m *memory, r Request) *record {
	m.records[r.ID] = &record{twin: r.Twin()}
	return m.records[r.ID]
}

// approvedOn is an approved request of a person, for the same script on some hosts.
func approvedOn(t testing.TB, d *Desk, event string, hosts ...string) Kept {
	t.Helper()
	r := newRequest()
	r.ID, r.Event, r.Asked.Hosts = NewID("E1", event), event, hosts
	plan := somePlan(1)
	plan.Hosts = hosts
	k, _, err := d.Receive(context.Background(), r)
	for _, m := range []Move{Prepare(alice, plan), Open("C0OPS", "1.2"), Vote(bob, plan.Digest(), someFacts(1), within)} {
		if err == nil {
			k, err = d.Advance(context.Background(), k, m)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func claim(t testing.TB, d *Desk, k Kept) (Kept, error) {
	t.Helper()
	g, err := k.Grant(*k.Plan, someFacts(1), k.Clock())
	if err != nil {
		t.Fatal(err)
	}
	return d.Advance(context.Background(), k, Claim(g, Intent{Worker: d.Worker(), Lease: lease, Valid: valid}))
}

// A claim on hosts that another run of the script holds is refused with both names,
// until that one is over, settled, or lifted.
func TestClaimOnBusyHosts(t *testing.T) {
	step := func(m func(Kept) Move) func(*testing.T, *Desk, Kept) {
		return func(t *testing.T, d *Desk, k Kept) {
			if _, err := d.Move(context.Background(), k.ID, m(k)); err != nil {
				t.Fatal(err)
			}
		}
	}
	answered := func(o Outcome) func(*testing.T, *Desk, Kept) {
		return step(func(Kept) Move { return Answered("w1", 1, Answer{Outcome: o}) })
	}
	unknown := answered(OutcomeUnknown)
	then := func(steps ...func(*testing.T, *Desk, Kept)) func(*testing.T, *Desk, Kept) {
		return func(t *testing.T, d *Desk, k Kept) {
			for _, s := range steps {
				s(t, d, k)
			}
		}
	}
	lift := step(func(k Kept) Move { return Lift(bob, k.Digest, someFacts(1)) })
	say := func(p Person) func(*testing.T, *Desk, Kept) {
		return step(func(k Kept) Move { return Settle(p, k.Digest, Ran, someFacts(1)) })
	}
	ask := step(func(Kept) Move { return Ask("none", nil, time.Time{}) })
	adopt := step(func(Kept) Move { return Adopt("task-1", "the one") })
	tests := []struct {
		first []string
		then  func(*testing.T, *Desk, Kept)
		busy  string // the host that is held; empty: the second run goes ahead
		why   string
	}{
		{[]string{"ins-2", "ins-1"}, nil, "ins-2", "it is being sent"},
		{[]string{"ins-3"}, nil, "", "other hosts"},
		{[]string{"ins-2"}, answered(OutcomeAccepted), "ins-2", "it runs"},
		{[]string{"ins-2"}, answered(OutcomeNotSent), "", "it never left"},
		{[]string{"ins-2"}, answered(OutcomeFailed), "", "it has failed"},
		{[]string{"ins-2"}, then(answered(OutcomeAccepted), step(func(Kept) Move { return Finish(nil, "given up") })), "", "it is over"},
		{[]string{"ins-2"}, unknown, "ins-2", "nobody knows whether it runs"},
		{[]string{"ins-2"}, then(unknown, ask, say(carol)), "ins-2", "only one has said so"},
		{[]string{"ins-2"}, then(unknown, ask, say(carol), say(bob)), "", "it is settled"},
		{[]string{"ins-2"}, then(unknown, lift), "", "it was lifted"},
		{[]string{"ins-2"}, then(unknown, lift, adopt), "ins-2", "it was lifted, and then found to run"},
	}
	for _, tt := range tests {
		m := newMemory()
		d := NewDesk(m, "w1", time.Minute)
		first, err := claim(t, d, approvedOn(t, d, "Ev1", tt.first...))
		if err != nil {
			t.Fatal(err)
		}
		if tt.then != nil {
			tt.then(t, d, first)
		}
		second := approvedOn(t, d, "Ev2", "ins-2", "ins-4")
		got, err := claim(t, d, second)
		var busy *Busy
		switch {
		case tt.busy == "" && (err != nil || got.State != Executing):
			t.Errorf("%s: %s, error %v", tt.why, got.State, err)
		case tt.busy == "":
		case !errors.As(err, &busy) || !errors.Is(err, ErrBusy) || *busy != Busy{Request: first.ID, Host: tt.busy}:
			t.Errorf("%s: %s, error %v", tt.why, got.State, err)
		case got.State != Approved || got.Revision != second.Revision || m.held["cmd-nozcbhuw ins-4"] != "":
			t.Errorf("%s: it left something behind: %s, held %v", tt.why, got.State, m.held)
		}
	}
}

// Of a run that was lifted and then found, what another holds by now stays with that.
func TestAFoundRunTakesNothingFromAnother(t *testing.T) {
	m := newMemory()
	d := NewDesk(m, "w1", time.Minute)
	first, err := claim(t, d, approvedOn(t, d, "Ev1", "ins-1", "ins-2"))
	for _, move := range []Move{Answered("w1", 1, Answer{Outcome: OutcomeUnknown}), Lift(bob, first.Digest, someFacts(1))} {
		if err == nil {
			first, err = d.Move(t.Context(), first.ID, move)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	second, err := claim(t, d, approvedOn(t, d, "Ev2", "ins-2"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Move(t.Context(), first.ID, Adopt("task-1", "the one")); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"cmd-nozcbhuw ins-1": first.ID, "cmd-nozcbhuw ins-2": second.ID}
	if diff := cmp.Diff(want, m.held); diff != "" {
		t.Error(diff)
	}
	if _, err := d.Move(t.Context(), first.ID, Finish(nil, "given up")); err != nil {
		t.Fatal(err)
	}
	if m.held["cmd-nozcbhuw ins-2"] != second.ID {
		t.Error("its end freed a host of the other")
	}
}

// A claim is for the server that showed the approval. Another one may have forgotten
// that it was sent before.
func TestClaimOnARestartedStore(t *testing.T) {
	m := newMemory()
	d := NewDesk(m, "w1", time.Minute)
	k := approvedOn(t, d, "Ev1", "ins-1")
	m.server = Server{ID: "run-2", Since: m.now}
	got, err := claim(t, d, k)
	if !errors.Is(err, ErrRestarted) || got.State != Approved || len(m.held) != 0 {
		t.Errorf("%s, error %v, held %v", got.State, err, m.held)
	}
	if k, err = d.Move(t.Context(), k.ID, Wait("Redis was restarted", t0)); err != nil || k.KeptOn != "run-1" || k.Server.ID != "run-2" {
		t.Fatalf("kept on %q, now on %q, error %v", k.KeptOn, k.Server.ID, err)
	}
	if got, err = claim(t, d, k); err != nil || got.State != Executing {
		t.Errorf("looked at anew: %s, error %v", got.State, err)
	}
}

// Restored from an older state, the store has another revision, too. That is no mere
// conflict: whoever claims has to look at everything anew.
func TestClaimOnARestoredStore(t *testing.T) {
	m := newMemory()
	d := NewDesk(m, "w1", time.Minute)
	older := approvedOn(t, d, "Ev1", "ins-1")
	backup := m.copy()
	k, err := d.Advance(t.Context(), older, Redraw())
	if err != nil {
		t.Fatal(err)
	}
	m.restore(backup, "run-2")
	got, err := claim(t, d, k)
	if !errors.Is(err, ErrRestarted) || errors.Is(err, ErrConflict) || got.Revision != older.Revision || got.State != Approved {
		t.Errorf("%s, revision %d, error %v; want it said that the store was restarted", got.State, got.Revision, err)
	}
}
