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
				store := New(dial(t, srv.addr), fmt.Sprint("T0Q", quorum), Options{})
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
					if err != nil && !errors.Is(err, approvals.ErrDecided) && !errors.Is(err, approvals.ErrRunning) {
						t.Errorf("vote %d: %v", i, err)
					}
					if got.State != approvals.Approved {
						return
					}
					grant, err := got.Grant(*got.Plan, today, got.Clock())
					if err != nil {
						t.Errorf("grant %d: %v", i, err)
						return
					}
					_, err = d.Advance(ctx, got, approvals.Claim(grant, d.Worker(), time.Minute))
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
			events, err := desks[0].Events(t.Context(), k.ID)
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

// A whole life on a real clock: what the desk is given back is enough to go on.
func TestLifeOfARequest(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		ctx := t.Context()
		d := approvals.NewDesk(srv.store(t), amy, time.Minute)
		today := facts(1, 1)
		k := pending(t, d, asked(1), today.Rule)
		k, err := d.Move(ctx, k.ID, approvals.Vote(colleague(0), k.Digest, today, time.Minute))
		if err != nil || !k.Mine {
			t.Fatalf("an approved request is to be dispatched by whom it is told: mine %v, error %v", k.Mine, err)
		}
		grant, err := k.Grant(*k.Plan, today, k.Clock())
		if err != nil {
			t.Fatal(err)
		}
		steps := []approvals.Move{
			approvals.Claim(grant, amy, time.Minute),
			approvals.Answered(amy, 1, approvals.Answer{Outcome: approvals.OutcomeAccepted}),
			approvals.Told(1),
		}
		for _, m := range steps {
			if k, err = d.Advance(ctx, k, m); err != nil {
				t.Fatalf("%s: %v", m.Name, err)
			}
		}
		if k, err = d.Advance(ctx, k, approvals.Shown("C0OPS", "1.2", k.Revision, false)); err != nil || k.Mine {
			t.Fatalf("nothing is left to do: mine %v, error %v", k.Mine, err)
		}
		if taken, wake, err := d.Take(ctx, 1); err != nil || len(taken) != 0 || wake != 0 {
			t.Errorf("still due: %d, wake %v, error %v", len(taken), wake, err)
		}
		if open, err := d.Open(ctx, 5); err != nil || len(open) != 0 {
			t.Errorf("still open: %d, error %v", len(open), err)
		}
	})
}

// What Take hands out because it has expired has expired, by the clock that came
// with it.
func TestDueIsNeverEarly(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		srv.stop(t)
		d := approvals.NewDesk(srv.store(t), amy, time.Minute)
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
