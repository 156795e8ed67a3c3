package redisstore

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
)

// A store that has lost its mark reads and writes no request, until it is another store
// by a new one.
func TestAStoreWithoutItsMark(t *testing.T) {
	do := func(args ...any) func(*testing.T, *Store) {
		return func(t *testing.T, s *Store) {
			if err := s.client.Do(t.Context(), args...).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		why  string
		lose func(*testing.T, *Store)
		kept bool // the records are there
	}{
		{"FLUSHALL", do("FLUSHALL"), false},
		{"FLUSHDB", do("FLUSHDB"), false},
		{"SWAPDB", do("SWAPDB", 0, 1), false},
		{"the mark alone is gone", func(t *testing.T, s *Store) { do("DEL", s.keys.mark())(t, s) }, true},
		{"another application needs the memory", evictAll, false},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			s := startReal(t).store(t)
			k := create(t, s, asked(1), amy, 0)
			tt.lose(t, s)

			w := next(k, amy, 0, nil)
			for what, call := range map[string]func() error{
				"Create": func() error { _, _, err := s.Create(t.Context(), creation(asked(2), amy, 0)); return err },
				"Load":   func() error { _, err := s.Load(t.Context(), k.ID); return err },
				"Swap":   func() error { _, err := s.Swap(t.Context(), w); return err },
				"Take":   func() error { _, _, err := s.Take(t.Context(), amy, time.Minute, 9); return err },
				"Open":   func() error { _, err := s.Open(t.Context(), 9); return err },
			} {
				if err := call(); !errors.Is(err, approvals.ErrUnmarked) || !errors.Is(err, approvals.ErrUnavailable) {
					t.Errorf("%s: %v", what, err)
				}
			}
			server, has, err := s.Revisions(t.Context(), []string{k.ID, "r-other"})
			if err != nil || server != (approvals.Server{}) || has["r-other"] != 0 || (has[k.ID] == 1) != tt.kept {
				t.Errorf("on %+v, revisions %v, error %v", server, has, err)
			}

			for range 2 {
				if err := s.Mark(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			again, _, err := s.Revisions(t.Context(), nil)
			if err != nil || again.ID == k.Server.ID || again.ID == "" || again.Since.Before(k.Now.Truncate(time.Millisecond)) {
				t.Errorf("on %+v, was on %+v, error %v", again, k.Server, err)
			}
			w.Server = k.Server.ID
			if _, err := s.Swap(t.Context(), w); !errors.Is(err, approvals.ErrRestarted) && !errors.Is(err, approvals.ErrNotFound) {
				t.Errorf("a swap for the store that it was: %v", err)
			}
		})
	}
}

// evictAll fills Redis until it has let go of every key of the store.
func evictAll(t *testing.T, s *Store) {
	used, err := s.client.Info(t.Context(), "memory").Result()
	_, used, _ = strings.Cut(used, "used_memory:")
	used, _, _ = strings.Cut(used, "\r")
	for _, set := range [][2]string{{"maxmemory", strconv.FormatInt(number(used)+4<<20, 10)}, {"maxmemory-policy", "allkeys-lru"}, {"maxmemory-samples", "64"}} {
		if err == nil {
			err = s.client.ConfigSet(t.Context(), set[0], set[1]).Err()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	until(t, "the store's keys are gone", func() bool {
		pipe := s.client.Pipeline()
		for range 200 {
			n++
			pipe.Set(t.Context(), "other:"+strconv.Itoa(n), strings.Repeat("x", 4<<10), 0)
		}
		_, _ = pipe.Exec(t.Context())
		keys, err := s.client.Keys(t.Context(), s.keys.prefix+"*").Result()
		return err == nil && len(keys) == 0
	})
	if err := s.client.ConfigSet(t.Context(), "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
}

// A master becomes its replica's replica, and a master again, without a restart: its run
// id is the same all the time, what it confirmed meanwhile is gone, and it says so.
func TestAMasterGoesBackToItsReplica(t *testing.T) {
	master := startReal(t, "--appendonly", "yes", "--appendfsync", "always")
	replica := startReal(t, "--repl-diskless-sync-delay", "0")
	s, behind := master.store(t), dial(t, replica.addr)
	k := create(t, s, asked(1), amy, 0)
	runID := told(t, s.client, "server", "run_id")

	follow(t, behind, master.addr)
	inStep := follows(t, behind)
	until(t, "the replica is in step", inStep)
	first, err := s.Load(t.Context(), k.ID) // with its first replica it is another already
	if err != nil || first.Server.ID == k.Server.ID {
		t.Fatalf("on %+v, was on %+v, error %v", first.Server, k.Server, err)
	}
	if err := s.client.Do(t.Context(), "WAIT", 1, 10_000).Err(); err != nil {
		t.Fatal(err)
	}
	follow(t, behind, "")
	bound := next(first, amy, 0, nil)
	bound.Server = first.Server.ID
	if k, err = s.Swap(t.Context(), bound); err != nil || k.Revision != 2 || k.Server != first.Server {
		t.Fatalf("revision %d on %+v, was on %+v, error %v", k.Revision, k.Server, first.Server, err)
	}
	follow(t, s.client, replica.addr)
	until(t, "the master follows its replica", follows(t, s.client))
	if _, err := s.Load(t.Context(), k.ID); err == nil {
		t.Error("what is a replica answers")
	}
	follow(t, s.client, "")

	got, err := s.Load(t.Context(), k.ID)
	if err != nil || got.Revision != 1 || got.Server.ID == k.Server.ID || got.KeptOn == got.Server.ID {
		t.Errorf("revision %d on %+v, was on %+v, error %v", got.Revision, got.Server, k.Server, err)
	}
	if is := told(t, s.client, "server", "run_id"); is != runID {
		t.Errorf("its run id is %s, was %s: this test shows nothing", is, runID)
	}
	if _, err := s.Swap(t.Context(), bound); !errors.Is(err, approvals.ErrRestarted) {
		t.Errorf("a move for the store that it was: %v", err)
	}
}

// follow makes a server the replica of another, or of none.
func follow(t *testing.T, client redis.UniversalClient, addr string) {
	t.Helper()
	host, port := "NO", "ONE"
	if addr != "" {
		host, port, _ = net.SplitHostPort(addr)
	}
	if err := client.Do(context.Background(), "REPLICAOF", host, port).Err(); err != nil {
		t.Fatal(err)
	}
}

func follows(t *testing.T, client redis.UniversalClient) func() bool {
	return func() bool { return told(t, client, "replication", "master_link_status") == "up" }
}

// told is a field of INFO.
func told(t *testing.T, client redis.UniversalClient, section, field string) string {
	t.Helper()
	info, err := client.Info(context.Background(), section).Result()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(info, field+":")
	value, _, _ := strings.Cut(rest, "\r")
	return value
}

// One worker has the turn to say what it knows, another after it stood still, and nobody
// any more once as much was said. Who knows more waits for who is at it, and speaks then;
// who knows less is silent.
func TestTurns(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		srv.stop(t)
		s := srv.store(t)
		turn := func(worker string, r approvals.Rank, want approvals.Turn) {
			t.Helper()
			if got, err := s.Turn(t.Context(), "r-1", r, worker, time.Minute); got != want || err != nil {
				t.Errorf("%s: %v, error %v, want %v", worker, got, err, want)
			}
		}
		done := func(r approvals.Rank) {
			t.Helper()
			if err := s.Done(t.Context(), "r-1", r); err != nil {
				t.Fatal(err)
			}
		}
		turn(amy, approvals.RankSeen, approvals.TurnFirst)
		turn(ben, approvals.RankSeen, approvals.TurnLater)
		turn(ben, approvals.RankCalled, approvals.TurnLater)
		turn(amy, approvals.RankSeen, approvals.TurnFirst)
		done(approvals.RankSeen)
		turn(amy, approvals.RankSeen, approvals.TurnDone)
		turn(ben, approvals.RankCalled, approvals.TurnMore)
		turn(ben, approvals.RankCalled, approvals.TurnMore)
		turn(amy, approvals.RankClaimed, approvals.TurnLater)
		done(approvals.RankSeen) // who was slow takes nothing back
		turn(amy, approvals.RankEnded, approvals.TurnLater)
		done(approvals.RankCalled)
		turn(amy, approvals.RankClaimed, approvals.TurnDone)
		turn(ben, approvals.RankCalled, approvals.TurnDone)
		turn(amy, approvals.RankEnded, approvals.TurnMore)
	})
}
