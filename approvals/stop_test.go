package approvals

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Who asked may stop a run, and who may approve it; nobody else.
func TestWhoMayStop(t *testing.T) {
	r := in(t, Accepted)
	for _, tt := range []struct {
		who  Person
		is   error
		why  string
		card Digest
	}{
		{alice, nil, "who asked", r.Digest},
		{bob, nil, "who approved", r.Digest},
		{carol, nil, "who may approve", r.Digest},
		{dave, ErrNotApprover, "anybody else", r.Digest},
		{alice, ErrStale, "by another card", "x"},
	} {
		if _, _, err := r.Apply(StopRun(tt.who, tt.card, someFacts(1)), t0); !errors.Is(err, tt.is) {
			t.Errorf("%s: %v", tt.why, err)
		}
	}
}

// An order is for the hosts that are not over and are in none yet, and it is the proof that opens the key until
// the cloud has heard of it.
func TestStop(t *testing.T) {
	r := in(t, Accepted)
	if _, opens := r.StopOrder(); opens {
		t.Fatal("nobody ordered anything")
	}
	r = apply(t, r, t0, Look(hosts(good("ins-1"), HostResult{Host: "ins-2", State: HostWaiting, Exit: -1}), Progress{}, t0))
	r = apply(t, r, t0, StopRun(alice, r.Digest, Facts{}))
	s, waits := r.Follow.Stopping()
	want := Stop{By: alice, Hosts: []string{"ins-2"}, At: t0}
	if diff := cmp.Diff(want, s); diff != "" || !waits || !r.RetryAt.IsZero() {
		t.Errorf("%v %s", waits, diff)
	}
	if o, opens := r.StopOrder(); !opens || o.Request() != r.ID || o.Login() != r.Plan.Login {
		t.Errorf("%+v, %v", o, opens)
	}
	if _, _, err := r.Apply(StopRun(bob, r.Digest, someFacts(1)), t0); !errors.Is(err, ErrStopped) {
		t.Errorf("the same twice: %v", err)
	}
	r = apply(t, r, t0.Add(time.Second), Stopped(""))
	if _, opens := r.StopOrder(); opens {
		t.Error("the cloud has taken it, and the key is still to be had")
	}
	if got := r.Unstopped(); !slices.Equal(got, []string{"ins-2"}) {
		t.Errorf("the cloud has taken it, and the host has not ended: it may be ordered again, for %v", got)
	}
	refused := apply(t, in(t, Accepted), t0, StopLate([]string{"ins-2", "ins-9"}))
	refused = apply(t, refused, t0, Stopped("the key may not"))
	if got := refused.Unstopped(); !slices.Equal(got, []string{"ins-1", "ins-2"}) {
		t.Errorf("an order that the cloud refused may be given again, for %v", got)
	}
}
