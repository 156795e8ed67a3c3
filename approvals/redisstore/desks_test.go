package redisstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

var alice = approvals.Person{Org: "T0TEST", ID: "U0ALICE", User: "U0ALICE"}

func colleague(i int) approvals.Person {
	id := fmt.Sprintf("U0COLLEAGUE%02d", i)
	return approvals.Person{Org: "T0TEST", ID: id, User: id}
}

// facts admit alice as requester and n colleagues as approvers.
func facts(n, quorum int) approvals.Facts {
	f := approvals.Facts{
		Rule: approvals.Rule{
			Name: "ops", Ask: approvals.Who{Anyone: true}, Approve: approvals.Who{Groups: []string{"S0OPS"}},
			Quorum: quorum, Lifetime: time.Hour,
		},
		Members:  approvals.Members{"S0OPS": {}},
		Standing: map[string]error{alice.Key(): nil},
	}
	for i := range n {
		f.Members["S0OPS"] = append(f.Members["S0OPS"], colleague(i).ID)
		f.Standing[colleague(i).Key()] = nil
	}
	return f
}

func plan(rule approvals.Rule) approvals.Plan {
	return approvals.Plan{
		Script: approvals.Script{CmdID: "cmd-nozcbhuw", Content: []byte("systemctl restart nginx\n")},
		Hosts:  []string{"ins-1"}, Login: approvals.Login{Name: "root", User: "root", Ref: "ref+env://ROOT"}, Rule: rule,
	}
}

// pending brings a new request so far that people may decide.
func pending(t testing.TB, d *approvals.Desk, r approvals.Request, rule approvals.Rule) approvals.Kept {
	t.Helper()
	k, _, err := d.Receive(context.Background(), r)
	for _, m := range []approvals.Move{approvals.Prepare(alice, plan(rule)), approvals.Open("C0OPS", "1.2")} {
		if err == nil {
			k, err = d.Advance(context.Background(), k, m)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Fifty people press Approve at once, on three replicas, and each replica whose
// desk then sees an approved request tries to claim it.
func TestFiftyVotesAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		for _, quorum := range []int{1, 2} {
			var desks []*approvals.Desk
			for i := range 3 {
				store := made(t, New(dial(t, srv.addr), fmt.Sprint("T0Q", quorum), Options{}))
				desks = append(desks, approvals.NewDesk(store, fmt.Sprint("worker-", i), time.Minute))
			}
			today := facts(50, quorum)
			k := pending(t, desks[0], asked(1), today.Rule)

			var mu sync.Mutex
			claims := 0
			var all sync.WaitGroup
			for i := range 50 {
				d := desks[i%3]
				all.Go(func() {
					ctx := context.Background()
					got, err := d.Move(ctx, k.ID, approvals.Vote(colleague(i), k.Digest, today, time.Minute))
					if err != nil && !errors.Is(err, approvals.ErrDecided) && !errors.Is(err, approvals.ErrEnough) && !errors.Is(err, approvals.ErrRunning) {
						t.Errorf("vote %d: %v", i, err)
					}
					if got.State != approvals.Approved {
						return
					}
					grant, err := granted(got, today)
					if err != nil {
						t.Errorf("grant %d: %v", i, err)
						return
					}
					_, err = d.Advance(ctx, got, approvals.Claim(grant, approvals.Intent{Worker: d.Worker(), Lease: time.Minute, Valid: 2 * time.Hour}))
					if err == nil {
						mu.Lock()
						claims++
						mu.Unlock()
					} else if !errors.Is(err, approvals.ErrConflict) {
						t.Errorf("claim %d: %v", i, err)
					}
				})
			}
			all.Wait()

			got, err := desks[0].Load(t.Context(), k.ID)
			if err != nil || got.State != approvals.Executing || len(got.Sends) != 1 || claims != 1 {
				t.Errorf("quorum %d: state %s, %d sends, %d claims won, error %v", quorum, got.State, len(got.Sends), claims, err)
			}
			if n := len(got.Approvers()); n != quorum || len(got.Decisions) != quorum {
				t.Errorf("quorum %d: %d approvals counted of %d decisions", quorum, n, len(got.Decisions))
			}
			moves := map[string]int{}
			events, err := desks[0].Events(t.Context(), k.ID, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				moves[e.Move+" "+string(e.To)]++
			}
			if moves["vote approved"] != 1 || moves["vote pending"] != quorum-1 || moves["claim executing"] != 1 {
				t.Errorf("quorum %d: events %v", quorum, moves)
			}
		}
	})
}

// granted is the proof that k may be sent as it was approved.
func granted(k approvals.Kept, today approvals.Facts) (approvals.Grant, error) {
	held, err := k.Hold(today, k.Clock())
	if err != nil {
		return approvals.Grant{}, err
	}
	return held.Grant(*k.Plan)
}

// claimed brings a new request so far that amy may send it.
func claimed(t testing.TB, d *approvals.Desk, r approvals.Request) approvals.Kept {
	t.Helper()
	today := facts(1, 1)
	k := pending(t, d, r, today.Rule)
	k, err := d.Move(context.Background(), k.ID, approvals.Vote(colleague(0), k.Digest, today, time.Minute))
	if err != nil || !k.Mine {
		t.Fatalf("an approved request is to be dispatched by whom it is told: mine %v, error %v", k.Mine, err)
	}
	grant, err := granted(k, today)
	if err != nil {
		t.Fatal(err)
	}
	return advance(t, d, k, approvals.Claim(grant, approvals.Intent{Worker: amy, Lease: time.Minute, Valid: 2 * time.Hour, Mark: &approvals.Mark{Tasks: []string{"task-old"}}}))
}

func advance(t testing.TB, d *approvals.Desk, k approvals.Kept, moves ...approvals.Move) approvals.Kept {
	t.Helper()
	for _, m := range moves {
		var err error
		if k, err = d.Advance(context.Background(), k, m); err != nil {
			t.Fatalf("%s from %s: %v", m.Name, k.State, err)
		}
	}
	return k
}

// ran is what the API records of the one host of a good run.
var ran = []approvals.HostResult{{Host: "ins-1", Task: "task-1", State: approvals.HostEnded, Proof: approvals.ProofSame}}

// A whole life on a real clock: what the desk is given back is enough to go on.
func TestLifeOfARequest(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		ctx := t.Context()
		s := srv.store(t)
		d := approvals.NewDesk(s, amy, time.Minute)
		k := advance(t, d, claimed(t, d, asked(1)), approvals.Answered(amy, 1, approvals.Answer{Outcome: approvals.OutcomeAccepted}), approvals.Told(1))
		if !k.Mine {
			t.Fatal("its hosts are to be followed at once, and nobody does")
		}
		k = advance(t, d, k, approvals.Find([]string{"task-1"}, nil, time.Time{}))
		k = advance(t, d, k, approvals.Shown("C0OPS", "1.2", k.Revision, false), approvals.Look(k.Follow.Hosts, approvals.Progress{}, k.Clock().Add(time.Hour)))
		if taken, wake, err := d.Take(ctx, 1); err != nil || len(taken) != 0 || wake < 59*time.Minute || k.Mine {
			t.Errorf("to be looked at in an hour: %d due, wake %v, mine %v, error %v", len(taken), wake, k.Mine, err)
		}
		stillOpen(t, s, k)

		k = advance(t, d, k, approvals.Finish(ran, ""), approvals.Told(2))
		if k = advance(t, d, k, approvals.Shown("C0OPS", "1.2", k.Revision, false)); k.Mine || k.State != approvals.Succeeded {
			t.Fatalf("%s, and nothing is left to do: mine %v", k.State, k.Mine)
		}
		if taken, wake, err := d.Take(ctx, 1); err != nil || len(taken) != 0 || wake != 0 {
			t.Errorf("still due: %d, wake %v, error %v", len(taken), wake, err)
		}
		if open, err := d.Open(ctx, 5); err != nil || len(open) != 0 {
			t.Errorf("still open: %d, error %v", len(open), err)
		}
	})
}

// stillOpen holds what is true of every request that has not ended: it is listed,
// stays for ever, and who asks for the same gets it.
func stillOpen(t *testing.T, s *Store, k approvals.Kept) {
	t.Helper()
	if open, err := s.Open(t.Context(), 5); err != nil || len(open) != 1 || open[0].ID != k.ID {
		t.Errorf("%s: %d open, error %v", k.State, len(open), err)
	}
	if ttl, err := s.client.PTTL(t.Context(), s.keys.request(k.ID)).Result(); err != nil || ttl >= 0 {
		t.Errorf("%s: the record goes after %v, error %v", k.State, ttl, err)
	}
	twin := asked(1)
	twin.ID, twin.Event = approvals.NewID("T0TEST", "Ev-twin"), "Ev-twin"
	if got, fresh, err := s.Create(t.Context(), creation(twin, ben, 0)); err != nil || fresh || got.ID != k.ID {
		t.Errorf("%s: its twin is %s, fresh %v, error %v", k.State, got.ID, fresh, err)
	}
}

// A worker was taken for lost. Nobody asks for the same in the meantime: its run may
// still be searched for, or its answer may come after all.
func TestAnUnknownRequestIsOpen(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		d := approvals.NewDesk(s, amy, time.Minute)
		k := lost(t, d, asked(1))
		stillOpen(t, s, k)
		k = advance(t, d, k, approvals.Answered(amy, 1, approvals.Answer{Outcome: approvals.OutcomeAccepted}))
		stillOpen(t, s, k)
		k = advance(t, d, k, approvals.Finish(ran, ""))
		if open, err := s.Open(t.Context(), 5); err != nil || len(open) != 0 {
			t.Errorf("%s: %d open, error %v", k.State, len(open), err)
		}
		if ttl, err := s.client.PTTL(t.Context(), s.keys.request(k.ID)).Result(); err != nil || ttl <= 0 {
			t.Errorf("%s: the record stays for ever, error %v", k.State, err)
		}
	})
}

// Somebody let others run on the hosts of an unknown run, so whoever asks for the same
// gets a request of their own, which keeps its twin to itself whatever becomes of the first.
func TestALiftedRequestFreesItsTwin(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		d := approvals.NewDesk(s, amy, time.Minute)
		k := lost(t, d, asked(1))
		k = advance(t, d, k, approvals.Lift(colleague(0), k.Digest, facts(1, 1)))
		twin := asked(1)
		twin.ID, twin.Event = approvals.NewID("T0TEST", "Ev2"), "Ev2"
		create(t, s, twin, amy, 0)
		if open, err := s.Open(t.Context(), 5); err != nil || len(open) != 2 {
			t.Errorf("%d open, error %v: a lifted request has not ended", len(open), err)
		}

		third := asked(1)
		third.ID, third.Event = approvals.NewID("T0TEST", "Ev3"), "Ev3"
		gets := func() {
			t.Helper()
			if got, fresh, err := s.Create(t.Context(), creation(third, ben, 0)); err != nil || fresh || got.ID != twin.ID {
				t.Errorf("the first is %s: a third is %s, fresh %v, error %v", k.State, got.ID, fresh, err)
			}
		}
		gets()
		k = advance(t, d, k, approvals.Answered(amy, 1, approvals.Answer{Outcome: approvals.OutcomeAccepted}))
		gets()
		k = advance(t, d, k, approvals.Finish(ran, "given up"))
		gets()
	})
}

// lost brings a new request so far that its worker was taken for lost.
func lost(t testing.TB, d *approvals.Desk, r approvals.Request) approvals.Kept {
	t.Helper()
	k := claimed(t, d, r)
	k.Sends[0].LeaseUntil = k.Now
	return advance(t, d, k, approvals.Lose())
}

// What Take hands out because it has expired has expired, by the clock that came
// with it.
func TestDueIsNeverEarly(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		srv.stop(t)
		d := approvals.NewDesk(srv.store(t), amy, time.Second) // a slow machine shows it when it is due already, and holds it
		rule := facts(1, 1).Rule
		rule.Lifetime = 30*time.Millisecond + 700*time.Nanosecond
		k := pending(t, d, asked(1), rule)
		k, err := d.Advance(t.Context(), k, approvals.Shown("C0OPS", "1.2", k.Revision, false))
		if err != nil {
			t.Fatal(err)
		}
		var taken []approvals.Kept
		until(t, "the request is due", func() bool {
			srv.pass(333 * time.Microsecond)
			if taken, _, err = d.Take(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			return len(taken) == 1
		})
		if taken[0].Now.Before(k.Expires) {
			t.Errorf("handed out at %v, expires at %v", taken[0].Now, k.Expires)
		}
		if k, err = d.Advance(t.Context(), taken[0], approvals.Expire()); err != nil || k.State != approvals.Expired {
			t.Errorf("state %s, error %v", k.State, err)
		}
	})
}
