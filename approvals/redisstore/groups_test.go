package redisstore

import (
	"context"
	"errors"
	"fmt"
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
	g.now = func() time.Time { return srv.now }
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
		{30 * time.Second, 1, "34 seconds after the question: from here on this process knows it by itself"},
		{25 * time.Second, 1, "59 seconds after the question"},
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

// later is a failure that says when to ask again.
type later struct{ after time.Duration }

func (l later) Error() string             { return "ratelimited" }
func (l later) RetryAfter() time.Duration { return l.after }

// A failure is remembered for a moment by all replicas, and longer if it asks for that,
// but no longer than a list would be.
func TestFailuresAreRememberedBriefly(t *testing.T) {
	for err, want := range map[error]time.Duration{
		errors.New("internal_error"):  failed,
		later{time.Second}:            failed,
		later{30 * time.Second}:       30 * time.Second,
		later{time.Hour}:              oldest,
		context.DeadlineExceeded:      failed,
		fmt.Errorf("x: %w", later{0}): failed,
	} {
		srv := startMini(t)
		srv.stop(t)
		g, other := srv.groups(t, time.Minute), srv.groups(t, time.Minute)
		asked := 0
		fails := func(context.Context) ([]string, error) { asked++; return nil, err }
		if _, got := g.Members(t.Context(), "S1", fails); !errors.Is(got, err) {
			t.Errorf("%v: got %v", err, got)
		}
		srv.pass(want - time.Second)
		for _, g := range []*Groups{g, other} {
			if _, got := g.Members(t.Context(), "S1", fails); !errors.Is(got, errNotTold) || asked != 1 {
				t.Errorf("%v: asked %d times after %v, and heard %v", err, asked, want-time.Second, got)
			}
		}
		srv.pass(2 * time.Second)
		if m, got := other.Members(t.Context(), "S1", func(context.Context) ([]string, error) { return []string{"U1"}, nil }); got != nil || len(m) != 1 {
			t.Errorf("%v: after %v: %v, %v", err, want, m, got)
		}
	}
}

// A replica that dies while asking blocks the others only until its turn is over,
// and a list that it brings after that is not kept.
// A group that does not exist is not taken for one that was not told a moment ago: people
// would be asked to press again.
func TestNoGroupIsRemembered(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		asked := 0
		fetch := func(context.Context) ([]string, error) {
			asked++
			return nil, fmt.Errorf("slack: %w", &approvals.NoGroup{Group: "S1"})
		}
		for _, replica := range []*Groups{srv.groups(t, time.Minute), srv.groups(t, time.Minute)} {
			_, err := replica.Members(t.Context(), "S1", fetch)
			if no, is := errors.AsType[*approvals.NoGroup](err); !is || no.Group != "S1" || asked != 1 {
				t.Errorf("asked %d times, error %v", asked, err)
			}
		}
	})
}

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

// The one who asks may go away: the question goes on, and everybody who waits gets the
// answer.
func TestTheFirstGoesAway(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		g := srv.groups(t, time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		answer := make(chan struct{})
		fetch := func(ctx context.Context) ([]string, error) {
			cancel()
			<-answer
			return []string{"U1"}, ctx.Err()
		}
		if _, err := g.Members(ctx, "S1", fetch); !errors.Is(err, context.Canceled) {
			t.Errorf("the first: %v", err)
		}
		close(answer)
		got, err := g.Members(t.Context(), "S1", nil)
		if err != nil || len(got) != 1 {
			t.Errorf("the other: %v, error %v", got, err)
		}
	})
}

// A look-up that panics is a failure, and no end of the process.
func TestALookUpThatPanics(t *testing.T) {
	g := startMini(t).groups(t, time.Minute)
	if _, err := g.Members(t.Context(), "S1", func(context.Context) ([]string, error) { panic("odd") }); err == nil {
		t.Error("no error")
	}
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
