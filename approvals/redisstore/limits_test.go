package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
)

// asks has a person ask for their nth run.
func asks(d *approvals.Desk, user string, n int) (approvals.Kept, error) {
	k, _, err := d.Receive(context.Background(), approvals.Request{
		ID:        approvals.NewID(user, fmt.Sprint("Ev", n)),
		Requester: approvals.Person{Org: "T0TEST", User: user},
		Asked:     approvals.Asked{Script: "cmd-nozcbhuw", Hosts: []string{fmt.Sprintf("ins-%d", n)}},
	})
	return k, err
}

// tooMany checks which limit an error names.
func tooMany(t *testing.T, err error, open bool, most int) time.Duration {
	t.Helper()
	var many *approvals.TooMany
	if !errors.As(err, &many) || !errors.Is(err, approvals.ErrTooMany) || many.Open != open || many.Most != most {
		t.Fatalf("the answer is %v (%+v)", err, many)
	}
	return many.After
}

// One person's open requests are counted where they are created, by all replicas
// together; somebody else's are not, and what has ended or vanished is not.
func TestOpenRequestsOfOnePerson(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		var desks []*approvals.Desk
		for _, worker := range []string{amy, ben} {
			desks = append(desks, approvals.NewDesk(srv.store(t), worker, time.Minute).Within(approvals.Limits{Open: 3}))
		}
		var mine []approvals.Kept
		for n := range 3 {
			k, err := asks(desks[n%2], "U0MALLORY", n)
			if err != nil {
				t.Fatal(err)
			}
			mine = append(mine, k)
		}
		_, err := asks(desks[0], "U0MALLORY", 3)
		tooMany(t, err, true, 3)
		if _, err := desks[1].Load(t.Context(), approvals.NewID("U0MALLORY", "Ev3")); !errors.Is(err, approvals.ErrNotFound) {
			t.Errorf("what was refused is there: %v", err)
		}
		if k, err := asks(desks[1], "U0MALLORY", 1); err != nil || k.ID != mine[1].ID {
			t.Errorf("the same event again is answered %v, %v", k.ID, err)
		}
		if _, err := asks(desks[0], "U0ALICE", 3); err != nil {
			t.Errorf("somebody else: %v", err)
		}
		if _, err := desks[0].Move(t.Context(), mine[0].ID, approvals.Refuse("no")); err != nil {
			t.Fatal(err)
		}
		if _, err := asks(desks[1], "U0MALLORY", 4); err != nil {
			t.Errorf("after one has ended: %v", err)
		}
		s := srv.store(t)
		if err := s.client.Del(t.Context(), s.keys.request(mine[1].ID)).Err(); err != nil {
			t.Fatal(err)
		}
		if _, err := asks(desks[1], "U0MALLORY", 5); err != nil {
			t.Errorf("after one has vanished: %v", err)
		}
		_, err = asks(desks[1], "U0MALLORY", 6)
		tooMany(t, err, true, 3)
	})
}

// In no minute does one person ask for more than the limit, also if all of it has ended
// already; and what is remembered of it goes with the minute.
func TestRequestsOfOnePersonInAMinute(t *testing.T) {
	srv := startMini(t)
	srv.stop(t)
	d := approvals.NewDesk(srv.store(t), amy, time.Minute).Within(approvals.Limits{AMinute: 4})
	ask := func(n int) error {
		k, err := asks(d, "U0MALLORY", n)
		if err == nil {
			_, err = d.Advance(t.Context(), k, approvals.Refuse("no"))
		}
		return err
	}
	for n := range 4 {
		if err := ask(n); err != nil {
			t.Fatal(err)
		}
		srv.pass(10 * time.Second)
	}
	if after := tooMany(t, ask(4), false, 4); after != 20*time.Second {
		t.Errorf("there is room after %v, want 20s", after)
	}
	srv.pass(20 * time.Second)
	if err := ask(5); err != nil {
		t.Errorf("a minute after the first: %v", err)
	}
	tooMany(t, ask(6), false, 4)
	s := srv.store(t)
	ids, err := s.client.ZRange(t.Context(), s.keys.asked("U0MALLORY"), 0, -1).Result()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, n := range []int{1, 2, 3, 5} {
		want = append(want, approvals.NewID("U0MALLORY", fmt.Sprint("Ev", n)))
	}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Errorf("what is remembered (-want +got):\n%s", diff)
	}
}

// Of what names nothing that there is no key is left once the person was told, also if the
// reply to that was lost; and it counts no more.
func TestASlipLeavesNoKey(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		p := before(t, srv.addr)
		other := approvals.NewDesk(srv.store(t), ben, time.Minute) // which remembers one
		d := approvals.NewDesk(New(dial(t, p.addr), "T0TEST", Options{}), amy, time.Minute).Within(approvals.Limits{Open: 1})
		for n := range 3 {
			k, err := asks(d, "U0ALICE", n)
			if err == nil {
				_, err = other.Load(t.Context(), k.ID)
			}
			if err == nil {
				k, err = d.Advance(t.Context(), k, approvals.Slip("There is no such script."))
			}
			if err != nil || k.Traceless() {
				t.Fatalf("%v; gone before the person is told: %v", err, k.Traceless())
			}
			p.drop.Store(int32(min(n, attempts-1)))
			if k, err = d.Advance(t.Context(), k, approvals.Told(k.Notices[0].N)); err != nil || k.Mine {
				t.Fatalf("told: %v, still held: %v", err, k.Mine)
			}
			if _, err := d.Load(t.Context(), k.ID); !errors.Is(err, approvals.ErrNotFound) {
				t.Errorf("it is still there: %v", err)
			}
			if turn, err := other.Turn(t.Context(), k.ID, approvals.RankEnded); turn != approvals.TurnDone || err != nil {
				t.Errorf("another may say that it is lost: %v, error %v", turn, err)
			}
		}
		left, err := srv.store(t).client.Keys(t.Context(), "*").Result()
		if err != nil {
			t.Fatal(err)
		}
		known := newKeys("T0TEST")
		for _, key := range left {
			if key != known.mark() && !strings.HasPrefix(key, known.gone("")) { // which goes within a minute
				t.Errorf("left: %s", key)
			}
		}
	})
}
