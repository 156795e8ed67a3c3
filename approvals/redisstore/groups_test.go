package redisstore

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

func (s *server) groups(t testing.TB, ttl time.Duration) *Groups {
	t.Helper()
	return NewGroups(dial(t, s.addr), "T0TEST", ttl)
}

func TestOneReplicaAsks(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		replicas := []*Groups{srv.groups(t, time.Minute), srv.groups(t, time.Minute), srv.groups(t, time.Minute)}
		var asked, waiting atomic.Int32
		fetch := func(context.Context) ([]string, error) {
			asked.Add(1)
			until(t, "all have come", func() bool { return waiting.Load() == 30 })
			return []string{"U1", "U2"}, nil
		}
		var all sync.WaitGroup
		for i := range 30 {
			all.Go(func() {
				waiting.Add(1)
				got, err := replicas[i%3].Members(context.Background(), "S1", fetch)
				if err != nil || !slices.Equal(got, []string{"U1", "U2"}) {
					t.Errorf("got %v, error %v", got, err)
				}
			})
		}
		all.Wait()
		if n := asked.Load(); n != 1 {
			t.Errorf("asked %d times, want once", n)
		}
	})
}

func TestMembersAreNeverOlderThanTheirTTL(t *testing.T) {
	srv := startMini(t)
	srv.stop(t)
	g := srv.groups(t, time.Minute)
	asked := 0
	fetch := func(context.Context) ([]string, error) {
		asked++
		srv.pass(4 * time.Second) // Slack is slow; the list is as old as the question
		return []string{"U1"}, nil
	}
	for _, step := range []struct {
		pass time.Duration
		want int
		why  string
	}{
		{0, 1, "nothing is known"},
		{55 * time.Second, 1, "59 seconds after the question"},
		{time.Second, 2, "60 seconds after the question, 56 after the answer"},
	} {
		srv.pass(step.pass)
		if _, err := g.Members(t.Context(), "S1", fetch); err != nil || asked != step.want {
			t.Errorf("%s: asked %d times, want %d, error %v", step.why, asked, step.want, err)
		}
	}
	if g := NewGroups(g.client, "T0TEST", time.Hour); g.ttl != oldest {
		t.Errorf("an hour was taken as %v", g.ttl)
	}
}

func TestAnEmptyGroupIsKnown(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		g := srv.groups(t, time.Minute)
		asked := 0
		for range 2 {
			got, err := g.Members(t.Context(), "S1", func(context.Context) ([]string, error) { asked++; return nil, nil })
			if err != nil || got == nil || len(got) != 0 || asked != 1 {
				t.Errorf("got %#v, asked %d times, error %v", got, asked, err)
			}
		}
	})
}

func TestFailuresAreNotRemembered(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		g, other := srv.groups(t, time.Minute), srv.groups(t, time.Minute)
		fault := errors.New("ratelimited")
		if _, err := g.Members(t.Context(), "S1", func(context.Context) ([]string, error) { return nil, fault }); !errors.Is(err, fault) {
			t.Errorf("got %v", err)
		}
		got, err := other.Members(t.Context(), "S1", func(context.Context) ([]string, error) { return []string{"U1"}, nil })
		if err != nil || len(got) != 1 {
			t.Errorf("another replica, just after: %v, error %v", got, err)
		}
	})
}

// A replica that dies while asking blocks the others only until its turn is over,
// and a list that it brings after that is not kept.
func TestALostTurn(t *testing.T) {
	srv := startMini(t)
	srv.stop(t)
	slow, quick := srv.groups(t, time.Minute), srv.groups(t, time.Minute)
	_, err := slow.Members(t.Context(), "S1", func(context.Context) ([]string, error) {
		srv.pass(turn)
		got, err := quick.Members(t.Context(), "S1", func(context.Context) ([]string, error) { return []string{"new"}, nil })
		if err != nil || !slices.Equal(got, []string{"new"}) {
			t.Errorf("the other replica: %v, error %v", got, err)
		}
		return []string{"old"}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := slow.Members(t.Context(), "S1", nil)
	if err != nil || !slices.Equal(got, []string{"new"}) {
		t.Errorf("remembered %v, error %v", got, err)
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		first, second := srv.groups(t, time.Minute), srv.groups(t, time.Minute)
		asking, enough := make(chan struct{}), make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() {
			_, _ = first.Members(context.Background(), "S1", func(context.Context) ([]string, error) {
				close(asking)
				<-enough
				return []string{"U1"}, nil
			})
		})
		<-asking
		for _, g := range []*Groups{first, second} {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			_, err := g.Members(ctx, "S1", nil)
			cancel()
			if !errors.Is(err, approvals.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		}
		close(enough)
		all.Wait()
	})
}

// The one who asks may go away; whoever waits then asks anew.
func TestTheLeaderGoesAway(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		g := srv.groups(t, time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		asking := make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() {
			_, err := g.Members(ctx, "S1", func(ctx context.Context) ([]string, error) {
				close(asking)
				<-ctx.Done()
				return nil, ctx.Err()
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("the leader: %v", err)
			}
		})
		<-asking
		all.Go(func() {
			got, err := g.Members(t.Context(), "S1", func(context.Context) ([]string, error) { return []string{"U1"}, nil })
			if err != nil || len(got) != 1 {
				t.Errorf("the other: %v, error %v", got, err)
			}
		})
		cancel()
		all.Wait()
	})
}

func TestGroupsFailClosed(t *testing.T) {
	srv := startMini(t)
	g := srv.groups(t, time.Minute)
	asked := false
	fetch := func(context.Context) ([]string, error) { asked = true; return []string{"U1"}, nil }

	srv.mini.SetError("LOADING Redis is loading the dataset in memory")
	if _, err := g.Members(t.Context(), "S1", fetch); !errors.Is(err, approvals.ErrUnavailable) || asked {
		t.Errorf("Redis away: %v, asked %v", err, asked)
	}
	srv.mini.SetError("")
	if err := g.client.Set(t.Context(), g.keys.members("S1"), "[", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Members(t.Context(), "S1", fetch); !errors.Is(err, approvals.ErrUnreadable) {
		t.Errorf("a broken list: %v", err)
	}
}
