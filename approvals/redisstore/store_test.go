package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
)

const (
	amy = "worker-amy"
	ben = "worker-ben"
)

func TestCreateStampsAndHolds(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		k := create(t, s, asked(1), amy, time.Minute)
		if k.Received.IsZero() || k.Now.Sub(k.Received) >= time.Millisecond || k.Now.Before(k.Received) {
			t.Errorf("came at %v by a clock that said %v", k.Received, k.Now)
		}
		if !k.Mine {
			t.Error("the worker does not hold what it created")
		}
		got, err := s.Load(t.Context(), k.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(k.Request, got.Request); diff != "" {
			t.Errorf("loaded otherwise than created:\n%s", diff)
		}
		taken, wake, err := s.Take(t.Context(), ben, time.Minute, 10)
		if err != nil || len(taken) != 0 {
			t.Errorf("another worker took %d, error %v", len(taken), err)
		}
		if wake <= 0 || wake > time.Minute {
			t.Errorf("wake is %v, want the end of the hold", wake)
		}
		events, err := s.Events(t.Context(), k.ID, 0)
		if err != nil || len(events) != 1 || events[0].Move != "receive" || !events[0].At.Equal(k.Received) {
			t.Errorf("events %+v, error %v; want one, at %v", events, err, k.Received)
		}
	})
}

func TestCreateAgainIsTheSame(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		k := create(t, s, asked(1), amy, time.Minute)
		again, fresh, err := s.Create(t.Context(), creation(asked(1), ben, time.Minute))
		if err != nil || fresh || again.Mine || again.ID != k.ID {
			t.Errorf("the same envelope elsewhere: fresh %v, mine %v, id %s, error %v", fresh, again.Mine, again.ID, err)
		}
		again, fresh, err = s.Create(t.Context(), creation(asked(1), amy, time.Minute))
		if err != nil || fresh || !again.Mine {
			t.Errorf("the same envelope to the holder: fresh %v, mine %v, error %v", fresh, again.Mine, err)
		}
		if events, _ := s.Events(t.Context(), k.ID, 0); len(events) != 1 {
			t.Errorf("%d events, want 1", len(events))
		}
	})
}

func TestCreateByTwoAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		type result struct {
			fresh bool
			err   error
		}
		results := make(chan result)
		for i := range 20 {
			go func() {
				_, fresh, err := s.Create(context.Background(), creation(asked(1), fmt.Sprint("w", i%2), time.Minute))
				results <- result{fresh, err}
			}()
		}
		fresh := 0
		for range 20 {
			r := <-results
			if r.err != nil {
				t.Error(r.err)
			}
			if r.fresh {
				fresh++
			}
		}
		if fresh != 1 {
			t.Errorf("fresh %d times, want once", fresh)
		}
	})
}

func TestTwin(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		first := create(t, s, asked(1), amy, time.Minute)
		twin := asked(1)
		twin.ID, twin.Event = approvals.NewID("T0TEST", "Ev2"), "Ev2"

		k, fresh, err := s.Create(t.Context(), creation(twin, ben, time.Minute))
		if err != nil || fresh || k.ID != first.ID {
			t.Errorf("a twin of an open request: fresh %v, id %s, error %v", fresh, k.ID, err)
		}
		if _, err := s.Load(t.Context(), twin.ID); !errors.Is(err, approvals.ErrNotFound) {
			t.Errorf("the twin was kept: %v", err)
		}

		// The look-up may change what Twin says; it is the first word that counts.
		first, err = s.Swap(t.Context(), next(first, amy, 0, func(r *approvals.Request) {
			r.Requester = approvals.Person{Org: "E1", ID: "W1", User: "U0ALICE"}
		}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Swap(t.Context(), next(first, amy, 0, func(r *approvals.Request) { r.State = approvals.Cancelled }))
		if err != nil {
			t.Fatal(err)
		}
		k, fresh, err = s.Create(t.Context(), creation(twin, ben, time.Minute))
		if err != nil || !fresh || k.ID != twin.ID {
			t.Errorf("after the first has ended: fresh %v, id %s, error %v", fresh, k.ID, err)
		}

		// The first is changed once more after its end: the new twin keeps its key.
		ended, err := s.Load(t.Context(), first.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = s.Swap(t.Context(), next(ended, amy, 0, nil)); err != nil {
			t.Fatal(err)
		}
		third := asked(1)
		third.ID, third.Event = approvals.NewID("T0TEST", "Ev3"), "Ev3"
		k, fresh, err = s.Create(t.Context(), creation(third, ben, time.Minute))
		if err != nil || fresh || k.ID != twin.ID {
			t.Errorf("a third: fresh %v, id %s, error %v", fresh, k.ID, err)
		}

		// A record that vanished blocks nobody.
		if err := s.client.Del(t.Context(), s.keys.request(twin.ID)).Err(); err != nil {
			t.Fatal(err)
		}
		if _, fresh, err = s.Create(t.Context(), creation(third, ben, time.Minute)); err != nil || !fresh {
			t.Errorf("after the record vanished: fresh %v, error %v", fresh, err)
		}
	})
}

func TestUnknownID(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		if _, err := s.Load(t.Context(), "r-none"); !errors.Is(err, approvals.ErrNotFound) {
			t.Errorf("Load: %v", err)
		}
		if _, err := s.Swap(t.Context(), next(approvals.Kept{Request: asked(1)}, amy, 0, nil)); !errors.Is(err, approvals.ErrNotFound) {
			t.Errorf("Swap: %v", err)
		}
		if events, err := s.Events(t.Context(), "r-none", 0); err != nil || len(events) != 0 {
			t.Errorf("Events: %v, %v", events, err)
		}
	})
}

func TestSwap(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		k := create(t, s, asked(1), amy, time.Minute)
		w := next(k, amy, time.Minute, func(r *approvals.Request) { r.Waiting = "amy was here" })
		won, err := s.Swap(t.Context(), w)
		if err != nil || won.Revision != 2 || won.Waiting != "amy was here" || !won.Mine {
			t.Fatalf("revision %d, waiting %q, mine %v, error %v", won.Revision, won.Waiting, won.Mine, err)
		}

		newer, err := s.Swap(t.Context(), next(k, ben, time.Minute, func(r *approvals.Request) { r.Waiting = "ben was here" }))
		if !errors.Is(err, approvals.ErrConflict) || newer.Waiting != "amy was here" || newer.Mine {
			t.Errorf("from an old version: waiting %q, mine %v, error %v", newer.Waiting, newer.Mine, err)
		}
		if diff := cmp.Diff(won.Request, newer.Request); diff != "" {
			t.Errorf("the conflict holds another version:\n%s", diff)
		}

		again, err := s.Swap(t.Context(), w)
		if err != nil || again.Revision != 2 || !again.Mine {
			t.Errorf("the same again: revision %d, mine %v, error %v", again.Revision, again.Mine, err)
		}
		if _, err = s.Swap(t.Context(), next(newer, ben, 0, nil)); err != nil {
			t.Fatal(err)
		}
		again, err = s.Swap(t.Context(), w)
		if err != nil || again.Revision != 3 {
			t.Errorf("the same again after another: revision %d, error %v; want the newest", again.Revision, err)
		}
		if events, _ := s.Events(t.Context(), k.ID, 0); len(events) != 3 {
			t.Errorf("%d events, want 3", len(events))
		}
	})
}

func TestMoveIDsAreBounded(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		k := create(t, s, asked(1), amy, time.Minute)
		var done []approvals.Swap
		for range 40 {
			w := next(k, amy, 0, nil)
			var err error
			if k, err = s.Swap(t.Context(), w); err != nil {
				t.Fatal(err)
			}
			done = append(done, w)
		}
		for i, w := range done {
			_, err := s.Swap(t.Context(), w)
			if known := i >= 8; known != (err == nil) || err != nil && !errors.Is(err, approvals.ErrConflict) {
				t.Errorf("swap %d of 40 again: %v", i+1, err)
			}
		}
	})
}

func TestSwapTooLate(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		srv.stop(t)
		s := srv.store(t)
		k := create(t, s, asked(1), amy, time.Minute)
		w := next(k, amy, 0, nil)
		w.NotAfter = k.Now.Add(time.Hour)
		k, err := s.Swap(t.Context(), w)
		if err != nil {
			t.Fatalf("in time: %v", err)
		}
		w = next(k, amy, 0, nil)
		w.NotAfter = k.Now.Add(-2 * time.Millisecond)
		if _, err := s.Swap(t.Context(), w); !errors.Is(err, approvals.ErrLate) {
			t.Errorf("after the deadline: %v", err)
		}
		if got, _ := s.Load(t.Context(), k.ID); got.Revision != k.Revision {
			t.Errorf("the late swap was written: revision %d", got.Revision)
		}
		if events, _ := s.Events(t.Context(), k.ID, 0); len(events) != 2 {
			t.Errorf("%d events, want 2", len(events))
		}
	})
}

func TestQuietSwapLeavesNoEvent(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		k := create(t, s, asked(1), amy, time.Minute)
		w := next(k, amy, 0, nil)
		w.Event = approvals.Event{}
		if _, err := s.Swap(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		if events, _ := s.Events(t.Context(), k.ID, 0); len(events) != 1 {
			t.Errorf("%d events, want 1", len(events))
		}
	})
}

func TestHoldOfTwoWorkers(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		k := create(t, s, asked(1), amy, time.Minute)
		later := func(r *approvals.Request) { r.RetryAt = k.Now.Add(-time.Second) }

		k, err := s.Swap(t.Context(), next(k, ben, time.Minute, later))
		if err != nil || k.Mine {
			t.Errorf("amy holds, ben wants it: mine %v, error %v", k.Mine, err)
		}
		k, err = s.Swap(t.Context(), next(k, ben, 0, later))
		if err != nil || k.Mine {
			t.Errorf("amy holds, ben lets go: mine %v, error %v", k.Mine, err)
		}
		if taken, _, _ := s.Take(t.Context(), ben, time.Minute, 1); len(taken) != 0 {
			t.Error("ben could take what amy holds")
		}

		k, err = s.Swap(t.Context(), next(k, amy, 0, later))
		if err != nil || k.Mine {
			t.Errorf("amy lets go: mine %v, error %v", k.Mine, err)
		}
		taken, _, err := s.Take(t.Context(), ben, time.Minute, 1)
		if err != nil || len(taken) != 1 || !taken[0].Mine {
			t.Fatalf("ben takes what is due: %d, error %v", len(taken), err)
		}
		k, err = s.Swap(t.Context(), next(taken[0], amy, time.Minute, nil))
		if err != nil || k.Mine {
			t.Errorf("ben holds, amy wants it: mine %v, error %v", k.Mine, err)
		}
	})
}

func TestLettingGoSetsDue(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		k := create(t, s, asked(1), amy, time.Minute)
		at := k.Now.Add(time.Hour).Truncate(time.Microsecond).Add(time.Microsecond)
		k, err := s.Swap(t.Context(), next(k, amy, 0, func(r *approvals.Request) { r.RetryAt = at }))
		if err != nil {
			t.Fatal(err)
		}
		score, err := s.client.ZScore(t.Context(), s.keys.due(), k.ID).Result()
		if err != nil || at.After(time.UnixMilli(int64(score))) || time.UnixMilli(int64(score)).Sub(at) > time.Millisecond {
			t.Errorf("due at %v, want %v rounded up, error %v", time.UnixMilli(int64(score)), at, err)
		}
		if _, err = s.Swap(t.Context(), next(k, amy, 0, func(r *approvals.Request) { r.State, r.RetryAt = approvals.Cancelled, time.Time{} })); err != nil {
			t.Fatal(err)
		}
		if n, _ := s.client.ZCard(t.Context(), s.keys.due()).Result(); n != 0 {
			t.Errorf("%d due, want none: it needs nothing any more", n)
		}
		if _, wake, err := s.Take(t.Context(), amy, time.Minute, 1); wake != 0 || err != nil {
			t.Errorf("wake %v, error %v; want zero", wake, err)
		}
	})
}

func TestHoldRunsOutAfterCrash(t *testing.T) {
	const hold = 150 * time.Millisecond
	for _, tt := range []struct {
		how  string // amy got it, before she crashed
		gets func(s *Store) (approvals.Kept, error)
	}{
		{"by a create", func(s *Store) (approvals.Kept, error) {
			k, _, err := s.Create(t.Context(), creation(asked(1), amy, hold))
			return k, err
		}},
		{"by a swap", func(s *Store) (approvals.Kept, error) {
			k, _, err := s.Create(t.Context(), creation(asked(1), amy, time.Hour))
			if err != nil {
				return k, err
			}
			return s.Swap(t.Context(), next(k, amy, hold, nil))
		}},
		{"by a take", func(s *Store) (approvals.Kept, error) {
			if _, _, err := s.Create(t.Context(), creation(asked(1), "", 0)); err != nil {
				return approvals.Kept{}, err
			}
			got, _, err := s.Take(t.Context(), amy, hold, 1)
			if err != nil || len(got) != 1 {
				return approvals.Kept{}, fmt.Errorf("%d taken: %w", len(got), err)
			}
			return got[0], nil
		}},
	} {
		t.Run(tt.how, func(t *testing.T) {
			onEach(t, func(t *testing.T, srv *server) {
				srv.stop(t)
				s := srv.store(t)
				began, err := tt.gets(s)
				if err != nil || !began.Mine {
					t.Fatalf("mine %v, error %v", began.Mine, err)
				}
				var got []approvals.Kept
				until(t, "ben gets the request", func() bool {
					srv.pass(50 * time.Millisecond)
					if got, _, err = s.Take(t.Context(), ben, time.Minute, 1); err != nil {
						t.Fatal(err)
					}
					return len(got) == 1
				})
				if held := got[0].Now.Sub(began.Now); held < hold-time.Millisecond {
					t.Errorf("handed out after %v, the hold is %v", held, hold)
				}
				// Amy was only slow: her next swap wins, but the hold is ben's.
				k, err := s.Swap(t.Context(), next(began, amy, time.Minute, nil))
				if err != nil || k.Mine {
					t.Errorf("amy comes back: mine %v, error %v", k.Mine, err)
				}
			})
		})
	}
}

func TestTakeHandsOutInOrderAndNoMoreThanAsked(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		srv.stop(t)
		s := srv.store(t)
		var ids []string
		for i := range 5 {
			k := create(t, s, asked(i), amy, time.Minute)
			if _, err := s.Swap(t.Context(), next(k, amy, 0, func(r *approvals.Request) {
				r.RetryAt = k.Now.Add(time.Duration(i-10) * time.Second)
			})); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, k.ID)
		}
		var got []string
		for _, want := range []int{2, 2, 1, 0} {
			taken, wake, err := s.Take(t.Context(), ben, time.Minute, 2)
			if err != nil || len(taken) != want {
				t.Fatalf("took %d, want %d, error %v", len(taken), want, err)
			}
			if more := len(got)+want < 5; more != (wake == time.Millisecond) {
				t.Errorf("wake %v with %d still due", wake, 5-len(got)-want)
			}
			for _, k := range taken {
				got = append(got, k.ID)
			}
		}
		if diff := cmp.Diff(ids, got); diff != "" {
			t.Errorf("order:\n%s", diff)
		}
	})
}

func TestTakeDropsWhatIsGone(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		k := create(t, s, asked(1), amy, 0)
		if err := s.client.Del(t.Context(), s.keys.request(k.ID)).Err(); err != nil {
			t.Fatal(err)
		}
		taken, wake, err := s.Take(t.Context(), amy, time.Minute, 5)
		if err != nil || len(taken) != 0 || wake != 0 {
			t.Errorf("took %d, wake %v, error %v", len(taken), wake, err)
		}
	})
}

// The index says of each request when its newest event was written, for as long as
// that one is kept.
func TestAuditIndex(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		srv.stop(t)
		s := made(t, New(dial(t, srv.addr), "T0TEST", Options{KeepEvents: time.Hour}))
		k := create(t, s, asked(1), amy, time.Minute)
		newest := func() time.Time {
			score, err := s.client.ZScore(t.Context(), s.keys.audit(), k.ID).Result()
			if err != nil {
				t.Fatal(err)
			}
			return time.UnixMilli(int64(score)).UTC()
		}
		if at := newest(); !at.Equal(k.Received) {
			t.Errorf("created at %v, indexed at %v", k.Received, at)
		}
		w := next(k, amy, time.Minute, nil)
		var err error
		until(t, "a swap comes later than the creation", func() bool {
			srv.pass(3 * time.Millisecond)
			if k, err = s.Swap(t.Context(), w); err != nil {
				t.Fatal(err)
			}
			w = next(k, amy, time.Minute, nil)
			return newest().After(k.Received)
		})
		was := newest()
		w.Event = approvals.Event{}
		srv.pass(time.Second)
		if _, err = s.Swap(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		if at := newest(); !at.Equal(was) {
			t.Errorf("a quiet swap moved it from %v to %v", was, at)
		}

		// What is too old goes when something new comes.
		old := float64(k.Now.Add(-2 * time.Hour).UnixMilli())
		if err := s.client.ZAdd(t.Context(), s.keys.audit(), redis.Z{Score: old, Member: "r-old"}).Err(); err != nil {
			t.Fatal(err)
		}
		create(t, s, asked(2), amy, 0)
		got, err := s.client.ZRange(t.Context(), s.keys.audit(), 0, -1).Result()
		if err != nil || !slices.Equal(got, []string{k.ID, asked(2).ID}) {
			t.Errorf("the index is %v, error %v", got, err)
		}
	})
}

func TestOpenListsNewestFirst(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		srv.stop(t)
		s := srv.store(t)
		var ids []string
		var last approvals.Kept
		for i := range 4 {
			last = create(t, s, asked(i), amy, 0)
			ids = append(ids, last.ID)
			srv.pass(time.Second)
			until(t, "the clock has moved on", func() bool {
				k, err := s.Load(t.Context(), last.ID)
				return err == nil && k.Now.Sub(last.Now) > time.Millisecond
			})
		}
		if _, err := s.Swap(t.Context(), next(last, amy, 0, func(r *approvals.Request) { r.State = approvals.Denied })); err != nil {
			t.Fatal(err)
		}
		want := []string{ids[2], ids[1]}
		got, err := s.Open(t.Context(), 2)
		if err != nil || len(got) != 2 || !slices.Equal([]string{got[0].ID, got[1].ID}, want) {
			t.Errorf("got %d, want %v, error %v", len(got), want, err)
		}
		if got, err := s.Open(t.Context(), 0); err != nil || len(got) != 0 {
			t.Errorf("none asked for: %d, error %v", len(got), err)
		}
	})
}

func TestGarbage(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := made(t, New(dial(t, srv.addr), "T0TEST", Options{KeepRequests: time.Hour, KeepEvents: 10 * time.Hour}))
		k := create(t, s, asked(1), amy, time.Minute)
		ttl := func(key string) time.Duration {
			d, err := s.client.PTTL(t.Context(), key).Result()
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		near := func(d, want time.Duration) bool { return d <= want && d > want-time.Minute }
		if d := ttl(s.keys.request(k.ID)); d >= 0 {
			t.Errorf("an open request goes after %v", d)
		}
		if d := ttl(s.keys.events(k.ID)); !near(d, 10*time.Hour) {
			t.Errorf("events go after %v", d)
		}
		if _, err := s.Swap(t.Context(), next(k, amy, 0, func(r *approvals.Request) { r.State = approvals.Expired })); err != nil {
			t.Fatal(err)
		}
		if d := ttl(s.keys.request(k.ID)); !near(d, time.Hour) {
			t.Errorf("an ended request goes after %v", d)
		}
		left, err := s.client.Keys(t.Context(), "*").Result()
		left = slices.DeleteFunc(left, func(key string) bool { return key == s.keys.mark() })
		slices.Sort(left)
		if want := []string{s.keys.asked(k.Requester.User), s.keys.audit(), s.keys.events(k.ID), s.keys.request(k.ID)}; err != nil || !slices.Equal(left, want) {
			t.Errorf("keys after the end: %v, want %v, error %v", left, want, err)
		}
	})
}

func TestTwoWorkspacesDoNotMeet(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		client := dial(t, srv.addr)
		one, two := made(t, New(client, "T1", Options{})), made(t, New(client, "T2", Options{}))
		create(t, one, asked(1), amy, 0)
		if taken, _, err := two.Take(t.Context(), amy, time.Minute, 1); err != nil || len(taken) != 0 {
			t.Errorf("took %d, error %v", len(taken), err)
		}
		create(t, two, asked(1), amy, 0)
	})
}

func TestUnreadableRecords(t *testing.T) {
	newer := fmt.Sprintf(`{"schema":%d,"id":"ID"`, approvals.Schema+1)
	tests := []struct {
		body string
		why  string
	}{
		{newer + `,"asked":"words"}`, "a newer bmcmd gave a field another type"},
		{newer + `}`, "a newer bmcmd added meaning that this one would drop"},
		{`{"schema":1,"id":`, "somebody edited it by hand"},
	}
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		for i, tt := range tests {
			k := create(t, s, asked(i), amy, 0)
			if err := s.client.HSet(t.Context(), s.keys.request(k.ID), "body", tt.body).Err(); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Load(t.Context(), k.ID); !errors.Is(err, approvals.ErrUnreadable) {
				t.Errorf("%s: Load: %v", tt.why, err)
			}
		}
		good := create(t, s, asked(100), amy, 0)
		open, err := s.Open(t.Context(), 10)
		if err != nil || len(open) != 1 || open[0].ID != good.ID {
			t.Errorf("Open: %d, error %v", len(open), err)
		}
		taken, _, err := s.Take(t.Context(), amy, time.Minute, 10)
		if err != nil || len(taken) != 1 || taken[0].ID != good.ID {
			t.Errorf("Take: %d, error %v", len(taken), err)
		}
	})
}
