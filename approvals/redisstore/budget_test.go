package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
)

func limit(n int, per time.Duration) func(string) (int, time.Duration) {
	return func(string) (int, time.Duration) { return n, per }
}

func (s *server) budget(t testing.TB, n int, per time.Duration) *Budget {
	t.Helper()
	return NewBudget(dial(t, s.addr), "T0TEST", "api", limit(n, per))
}

var errWaits = errors.New("it would wait")

// hurry has b answer errWaits instead of waiting.
func hurry(b *Budget) *Budget {
	b.pause = func(context.Context, time.Duration) error { return errWaits }
	return b
}

// Three replicas, each with reads and runs that all want to call at once.
func TestNeverMoreThanTheQuotaInAnyTime(t *testing.T) {
	const n, per, each = 5, 60 * time.Millisecond, 4
	onEach(t, func(t *testing.T, srv *server) {
		var mu sync.Mutex
		var at []time.Time
		var all sync.WaitGroup
		for range 3 {
			b := srv.budget(t, n, per)
			for i := range 2 {
				all.Go(func() {
					for range each {
						got, err := b.take(context.Background(), "RunUserCmd", i == 0)
						if err != nil {
							t.Error(err)
							return
						}
						mu.Lock()
						at = append(at, got)
						mu.Unlock()
					}
				})
			}
		}
		all.Wait()
		slices.SortFunc(at, time.Time.Compare)
		for i := range len(at) - n {
			if d := at[i+n].Sub(at[i]); d < per {
				t.Errorf("%d calls within %v", n+1, d)
			}
		}
		if len(at) != 3*2*each {
			t.Errorf("%d calls, want %d", len(at), 3*2*each)
		}
	})
}

func TestReadsGiveWayToRuns(t *testing.T) {
	const run, read = true, false
	tests := []struct {
		n     int
		calls []bool
		runs  int // so many of the runs are let through
		reads int
		why   string
	}{
		{10, slices.Repeat([]bool{read}, 20), 0, 9, "reads alone leave a tenth"},
		{10, slices.Concat(slices.Repeat([]bool{read}, 20), slices.Repeat([]bool{run}, 5)), 1, 9, "which runs find"},
		{10, slices.Concat(slices.Repeat([]bool{run}, 5), slices.Repeat([]bool{read}, 20), slices.Repeat([]bool{run}, 5)), 6, 4, "and find also after other runs"},
		{10, slices.Concat(slices.Repeat([]bool{run}, 9), []bool{read, run, run, run}), 10, 0, "runs may use it all"},
		{100, slices.Repeat([]bool{read}, 100), 0, 90, "API 2.0"},
		{2, []bool{read, read, run, run}, 1, 1, "a small quota"},
		{1, []bool{read, run, read}, 0, 1, "a quota of one is for whoever comes"},
	}
	onEach(t, func(t *testing.T, srv *server) {
		for i, tt := range tests {
			// Three replicas, in turn.
			var replicas []*Budget
			for range 3 {
				replicas = append(replicas, hurry(NewBudget(dial(t, srv.addr), "T0TEST", string(rune('a'+i)), limit(tt.n, time.Hour))))
			}
			runs, reads := 0, 0
			for j, isRun := range tt.calls {
				switch err := replicas[j%3].Take(t.Context(), "RunUserCmd", isRun); {
				case err == nil && isRun:
					runs++
				case err == nil:
					reads++
				case !errors.Is(err, errWaits):
					t.Fatal(err)
				}
			}
			if runs != tt.runs || reads != tt.reads {
				t.Errorf("%s: %d runs and %d reads, want %d and %d", tt.why, runs, reads, tt.runs, tt.reads)
			}
		}
	})
}

// Any number of looks and look-ups, on any replicas, leave half of the quota to what
// approved runs read, and neither takes the other's share; and after those reads they have
// no more than what is left.
func TestSharesOfTheQuota(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		for i, tt := range []struct {
			readsFirst, looks, lookUps, readsThen int
		}{{0, 20, 30, 40}, {30, 20, 30, 10}, {70, 20, 0, 0}} {
			budget := func() *Budget {
				return hurry(NewBudget(dial(t, srv.addr), "T0TEST", string(rune('a'+i)), limit(100, time.Hour)))
			}
			one, two := budget(), budget()
			many := func(most int, take func(n int) error) (n int) {
				for i := range most {
					err := take(i)
					if err != nil && !errors.Is(err, errWaits) {
						t.Fatal(err)
					}
					if err == nil {
						n++
					}
				}
				return n
			}
			read := func(int) error { return two.Take(t.Context(), "GetUserCmd", false) }
			take := func(of Share) func(int) error {
				return func(n int) error { // of ten people, on two replicas
					return []*Budget{one, two}[n%2].TakeShare(t.Context(), "GetUserCmd", of, fmt.Sprint("U", n%10))
				}
			}
			many(tt.readsFirst, read)
			if n := many(120, take(Looks)); n != tt.looks {
				t.Errorf("%d looks after %d reads, want %d", n, tt.readsFirst, tt.looks)
			}
			if n := many(120, take(LookUps)); n != tt.lookUps {
				t.Errorf("%d look-ups after %d reads, want %d", n, tt.readsFirst, tt.lookUps)
			}
			if n := many(100, read); n != tt.readsThen {
				t.Errorf("%d reads after all that, want %d", n, tt.readsThen)
			}
		}
	})
}

// One person, however much they look at or ask for and wherever, leaves room to others.
func TestOnePersonsShare(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		one, two := hurry(srv.budget(t, 100, time.Hour)), hurry(srv.budget(t, 100, time.Hour))
		got := map[string]int{}
		for n := range 600 {
			of, by := []Share{Looks, LookUps}[n/300], []string{"U0MALLORY", "U0ALICE"}[n/150%2] // one after the other
			if err := []*Budget{one, two}[n%2].TakeShare(t.Context(), "GetUserCmdList", of, by); err == nil {
				got[of.name+" of "+by]++
			} else if !errors.Is(err, errWaits) {
				t.Fatal(err)
			}
		}
		want := map[string]int{"looks of U0MALLORY": 13, "looks of U0ALICE": 7, "lookups of U0MALLORY": 20, "lookups of U0ALICE": 10}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}

// Nobody waits who cannot get room before their time is over.
func TestNobodyWaitsInVain(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		b := srv.budget(t, 1, time.Hour)
		b.pause = func(context.Context, time.Duration) error { t.Error("it waits"); return nil }
		if err := b.Take(t.Context(), "GetUserCmd", false); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Minute)
		defer cancel()
		var full *Full
		for _, take := range []func(context.Context, string) error{func(ctx context.Context, a string) error { return b.TakeShare(ctx, a, Looks, "U0ALICE") }, func(ctx context.Context, a string) error { return b.Take(ctx, a, true) }} {
			if err := take(ctx, "GetUserCmd"); !errors.As(err, &full) || full.After < 59*time.Minute || full.After > time.Hour {
				t.Errorf("got %v (%+v)", err, full)
			}
		}
	})
}

// Whoever waits goes on as soon as the oldest call is a whole time old, and no
// sooner.
func TestWaitingEndsWhenTheTimeIsOver(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		const per = 50 * time.Millisecond
		srv.stop(t)
		first, second := srv.budget(t, 2, per), srv.budget(t, 2, per)
		var began []time.Time
		for range 2 {
			at, err := first.take(t.Context(), "RunUserCmd", true)
			if err != nil {
				t.Fatal(err)
			}
			began = append(began, at)
			srv.pass(10 * time.Millisecond)
		}
		pauses := 0
		if srv.mini != nil {
			second.pause = func(_ context.Context, d time.Duration) error {
				pauses++
				srv.pass(d)
				return nil
			}
		}
		for i, want := range began {
			at, err := second.take(t.Context(), "RunUserCmd", true)
			if err != nil || at.Before(want.Add(per)) {
				t.Errorf("call %d: at %v, error %v; the oldest was at %v", i+3, at, err, want)
			}
			if srv.mini != nil && (!at.Equal(want.Add(per)) || pauses != i+1) {
				t.Errorf("call %d: %v after the oldest with %d pauses, want %v with %d", i+3, at.Sub(want), pauses, per, i+1)
			}
		}
	})
}

func TestWaitingForRoomEndsWithTheContext(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		b := srv.budget(t, 1, time.Hour)
		if err := b.Take(t.Context(), "RunUserCmd", true); err != nil {
			t.Fatal(err)
		}
		for _, run := range []bool{true, false} {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			if err := b.Take(ctx, "RunUserCmd", run); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("run %v, until the deadline: %v", run, err)
			}
			cancel()
			ctx, cancel = context.WithCancel(t.Context())
			b.pause = func(ctx context.Context, d time.Duration) error { cancel(); return rest(ctx, d) }
			if err := b.Take(ctx, "RunUserCmd", run); !errors.Is(err, context.Canceled) {
				t.Errorf("run %v, until it is cancelled: %v", run, err)
			}
			if err := b.Take(ctx, "RunUserCmd", run); !errors.Is(err, context.Canceled) {
				t.Errorf("run %v, cancelled before: %v", run, err)
			}
			b.pause = rest
		}
	})
}

func TestBudgetWithoutRedis(t *testing.T) {
	srv := startMini(t)
	closing, silent := before(t, srv.addr), before(t, srv.addr)
	closing.refuse.Store(true)
	silent.mute.Store(true)
	tests := []struct {
		why    string
		client redis.UniversalClient
	}{
		{"nobody listens", dial(t, "127.0.0.1:1")},
		{"connections are closed in the handshake", dial(t, closing.addr)},
		{"the only connection is in use", busy(t, srv.addr)},
		{"the client was closed", closed(t, srv.addr)},
		{"it does not answer", dial(t, silent.addr, func(c *Connection) { c.Reply = time.Minute })},
	}
	for _, tt := range tests {
		b := NewBudget(tt.client, "T0TEST", "api", limit(1, time.Hour))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if err := b.Take(ctx, "RunUserCmd", false); !errors.Is(err, approvals.ErrUnavailable) || errors.Is(err, approvals.ErrUncertain) {
			t.Errorf("%s: a read: %v", tt.why, err)
		}
		cancel()
		for range 2 {
			if err := b.Take(t.Context(), "RunUserCmd", true); err != nil {
				t.Errorf("%s: a run: %v", tt.why, err)
			}
		}
		ctx, cancel = context.WithCancel(t.Context())
		cancel()
		if err := b.Take(ctx, "RunUserCmd", true); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: a run that was called off: %v", tt.why, err)
		}
		none := NewBudget(tt.client, "T0TEST", "api", limit(0, time.Hour))
		if err := none.Take(t.Context(), "RunUserCmd", false); err != nil {
			t.Errorf("%s: a read that has no limit: %v", tt.why, err)
		}
	}
}

func TestALostReplyIsOneCall(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		p := before(t, srv.addr)
		b := NewBudget(dial(t, p.addr), "T0TEST", "api", limit(10, time.Hour))
		p.drop.Store(attempts - 1)
		if err := b.Take(t.Context(), "RunUserCmd", false); err != nil || p.drop.Load() >= 0 {
			t.Fatalf("%d replies are still to be lost, error %v", p.drop.Load(), err)
		}
		if n := b.client.ZCard(t.Context(), b.keys.budget("api", "RunUserCmd")).Val(); n != 1 {
			t.Errorf("counted %d times", n)
		}
	})
}

func TestBudgetsAreApart(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		client := dial(t, srv.addr)
		take := func(workspace, name, action string) error {
			return hurry(NewBudget(client, workspace, name, limit(1, time.Hour))).Take(t.Context(), action, true)
		}
		if err := take("T0TEST", "api", "RunUserCmd"); err != nil {
			t.Fatal(err)
		}
		if err := take("T0TEST", "api", "RunUserCmd"); !errors.Is(err, errWaits) {
			t.Errorf("the same: %v", err)
		}
		for _, other := range [][3]string{{"T2", "api", "RunUserCmd"}, {"T0TEST", "other", "RunUserCmd"}, {"T0TEST", "api", "GetUserCmd"}} {
			if err := take(other[0], other[1], other[2]); err != nil {
				t.Errorf("%v: %v", other, err)
			}
		}
		if ttl := client.PTTL(t.Context(), newKeys("T2").budget("api", "RunUserCmd")).Val(); ttl <= 0 || ttl > time.Hour {
			t.Errorf("a budget that nobody uses goes after %v", ttl)
		}
	})
}

// Another Redis takes over, and its clock is behind.
func TestAClockThatIsSetBack(t *testing.T) {
	for _, tt := range []struct{ back, most time.Duration }{{time.Hour, 0}, {time.Minute, 0}, {30 * time.Second, 90 * time.Second}} {
		srv := startMini(t)
		srv.stop(t)
		b := srv.budget(t, 1, time.Minute)
		if err := b.Take(t.Context(), "RunUserCmd", true); err != nil {
			t.Fatal(err)
		}
		srv.pass(-tt.back)
		waited := time.Duration(0)
		b.pause = func(_ context.Context, d time.Duration) error {
			waited += d
			srv.pass(d)
			return nil
		}
		if err := b.Take(t.Context(), "RunUserCmd", true); err != nil || waited > tt.most {
			t.Errorf("back by %v: it had to wait %v, error %v", tt.back, waited, err)
		}
	}
}
