package redisstore

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
)

// on is a request for these hosts; n tells requests apart.
func on(n int, script string, hosts ...string) approvals.Request {
	r := asked(n)
	r.Asked.Script, r.Asked.Hosts = script, hosts
	return r
}

// swapHosts makes a move that does this with the hosts.
func swapHosts(s *Store, k approvals.Kept, verb approvals.Hosts) (approvals.Kept, error) {
	w := next(k, amy, 0, nil)
	w.Hosts = verb
	return s.Swap(context.Background(), w)
}

func mustSwapHosts(t *testing.T, s *Store, k approvals.Kept, verb approvals.Hosts) approvals.Kept {
	t.Helper()
	k, err := swapHosts(s, k, verb)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestHosts(t *testing.T) {
	const take, keep, leave = approvals.HostsTake, approvals.HostsKeep, approvals.HostsLeave
	first := on(1, "cmd-a", "ins-1", "ins-2")
	end := func(t *testing.T, s *Store, k approvals.Kept) {
		if _, err := s.Swap(t.Context(), next(k, amy, 0, func(r *approvals.Request) { r.State = approvals.Failed })); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		why    string
		before func(t *testing.T, s *Store, k approvals.Kept) // after the first has taken its hosts
		second approvals.Request
		verb   approvals.Hosts
		busy   string            // the host that stands in the way
		want   map[string]string // who holds what of the second's script: 1, 2
	}{
		{"one of its hosts is the first's", nil, on(2, "cmd-a", "ins-3", "ins-2"), take, "ins-2", map[string]string{"ins-1": "1", "ins-2": "1"}},
		{"other hosts", nil, on(2, "cmd-a", "ins-3"), take, "", map[string]string{"ins-1": "1", "ins-2": "1", "ins-3": "2"}},
		{"another script", nil, on(2, "cmd-b", "ins-1"), take, "", map[string]string{"ins-1": "2"}},
		{"the first has let go", func(t *testing.T, s *Store, k approvals.Kept) { mustSwapHosts(t, s, k, leave) }, on(2, "cmd-a", "ins-1"), take, "", map[string]string{"ins-1": "2"}},
		{"the first has ended, whatever its move said", end, on(2, "cmd-a", "ins-1"), take, "", map[string]string{"ins-1": "2"}},
		{"the first's record is gone", func(t *testing.T, s *Store, k approvals.Kept) {
			s.client.Del(t.Context(), s.keys.request(k.ID))
		}, on(2, "cmd-a", "ins-1"), take, "", map[string]string{"ins-1": "2", "ins-2": "1"}},
		{"the first does not hold any more, though it stands there", func(t *testing.T, s *Store, k approvals.Kept) {
			s.client.HDel(t.Context(), s.keys.request(k.ID), "holds")
		}, on(2, "cmd-a", "ins-1"), take, "", map[string]string{"ins-1": "2", "ins-2": "1"}},
		{"what is free is kept, and the rest left alone", nil, on(2, "cmd-a", "ins-2", "ins-3"), keep, "", map[string]string{"ins-1": "1", "ins-2": "1", "ins-3": "2"}},
		{"what stands there for a lost one is free", func(t *testing.T, s *Store, k approvals.Kept) {
			s.client.Del(t.Context(), s.keys.request(k.ID))
		}, on(2, "cmd-a", "ins-2"), keep, "", map[string]string{"ins-1": "1", "ins-2": "2"}},
		{"nobody lets go of what another holds", nil, on(2, "cmd-a", "ins-1"), leave, "", map[string]string{"ins-1": "1", "ins-2": "1"}},
	}
	onEach(t, func(t *testing.T, srv *server) {
		for _, tt := range tests {
			t.Run(tt.why, func(t *testing.T) {
				s := made(t, New(dial(t, srv.addr), "T0"+tt.why, Options{}))
				one := mustSwapHosts(t, s, create(t, s, first, amy, 0), take)
				if tt.before != nil {
					tt.before(t, s, one)
				}
				two := create(t, s, tt.second, ben, 0)
				got, err := swapHosts(s, two, tt.verb)

				var busy *approvals.Busy
				if tt.busy == "" && err != nil || tt.busy != "" && !errors.As(err, &busy) {
					t.Fatalf("the answer is %v", err)
				}
				if tt.busy != "" {
					if diff := cmp.Diff(&approvals.Busy{Request: one.ID, Host: tt.busy}, busy); diff != "" {
						t.Error(diff)
					}
					if got.Revision != two.Revision {
						t.Errorf("refused, and the answer is revision %d", got.Revision)
					}
					if events, _ := s.Events(t.Context(), two.ID, 0); len(events) != 1 {
						t.Errorf("refused, and there are %d events", len(events))
					}
				}
				held, err := s.client.HGetAll(t.Context(), s.keys.hosts(tt.second.Asked.Script)).Result()
				if err != nil {
					t.Fatal(err)
				}
				for host, id := range held {
					held[host] = map[string]string{one.ID: "1", two.ID: "2"}[id]
				}
				if diff := cmp.Diff(tt.want, held); diff != "" {
					t.Errorf("who holds what:\n%s", diff)
				}
			})
		}
	})
}

// A claim that won is not in its own way, however often it comes.
func TestTakenHostsAgain(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		p := before(t, srv.addr)
		srv.store(t) // for its mark
		s := New(dial(t, p.addr), "T0TEST", Options{})
		k := create(t, s, on(1, "cmd-a", "ins-1", "ins-2"), amy, time.Minute)
		w := next(k, amy, time.Minute, nil)
		w.Hosts = approvals.HostsTake
		p.drop.Store(1)
		k, err := s.Swap(t.Context(), w)
		if err != nil || k.Revision != 2 || p.drop.Load() >= 0 {
			t.Fatalf("the reply was lost: revision %d, error %v", k.Revision, err)
		}
		if k, err = s.Swap(t.Context(), w); err != nil || k.Revision != 2 {
			t.Errorf("once more: revision %d, error %v", k.Revision, err)
		}
		if k = mustSwapHosts(t, s, k, approvals.HostsTake); k.Revision != 3 {
			t.Errorf("taken by who has them: revision %d", k.Revision)
		}
		mustSwapHosts(t, s, k, approvals.HostsLeave)
		if n, err := s.client.Exists(t.Context(), s.keys.hosts("cmd-a")).Result(); n != 0 || err != nil {
			t.Errorf("let go, and something is left: %v", err)
		}
		if n, err := s.client.HExists(t.Context(), s.keys.request(k.ID), "holds").Result(); n || err != nil {
			t.Errorf("let go, and it says that it holds: %v", err)
		}
	})
}

// Of many requests for one host, one is claimed, and the others learn which.
func TestOneClaimForAHost(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		const n = 12
		type result struct {
			id  string
			err error
		}
		results := make(chan result, n)
		for i := range n {
			r := on(i, "cmd-a", "ins-1")
			r.Asked.Parameters = strconv.Itoa(i)
			k := create(t, s, r, amy, 0)
			go func() {
				_, err := swapHosts(s, k, approvals.HostsTake)
				results <- result{k.ID, err}
			}()
		}
		won, named := "", map[string]bool{}
		for range n {
			r := <-results
			var busy *approvals.Busy
			switch {
			case r.err == nil && won == "":
				won = r.id
			case errors.As(r.err, &busy):
				named[busy.Request] = true
			default:
				t.Errorf("%s: %v, after %s had won", r.id, r.err, won)
			}
		}
		if len(named) != 1 || !named[won] {
			t.Errorf("%s has won, and the others name %v", won, named)
		}
	})
}
