package redisstore

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
)

// A store is never again one that a process has left, nor counts backwards: whatever
// brings an older copy of it back, the first process that remembers makes it another one,
// to all processes.
func TestAStoreThatGoesBack(t *testing.T) {
	type copied map[string]string
	dump := func(t *testing.T, s *Store, keep func(key string) bool) copied {
		all := copied{}
		for _, key := range s.client.Keys(t.Context(), "*").Val() {
			if keep(key) {
				all[key] = s.client.Dump(t.Context(), key).Val()
			}
		}
		return all
	}
	put := func(t *testing.T, s *Store, all copied) {
		for key, value := range all {
			if err := s.client.RestoreReplace(t.Context(), key, 0, value).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	do := func(t *testing.T, s *Store, args ...any) {
		t.Helper()
		if err := s.client.Do(t.Context(), args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	everything := func(string) bool { return true }
	flushAndRestore := func(keep func(string) bool, lost bool) func(*testing.T, *Store) func() {
		return func(t *testing.T, s *Store) func() {
			old := dump(t, s, keep)
			return func() {
				do(t, s, "FLUSHALL")
				if lost { // and told so, before the copy is there
					if err := s.Mark(t.Context()); err != nil {
						t.Fatal(err)
					}
					if _, _, err := s.Revisions(t.Context(), nil); err != nil {
						t.Fatal(err)
					}
				}
				put(t, s, old)
			}
		}
	}
	for _, tt := range []struct {
		why string
		old func(*testing.T, *Store) (back func()) // keeps an older copy
	}{
		{"FLUSHALL, and all keys are restored", flushAndRestore(everything, false)},
		{"all keys are restored over what is there", func(t *testing.T, s *Store) func() {
			old := dump(t, s, everything)
			return func() { put(t, s, old) }
		}},
		{"FLUSHALL, a new mark, and all keys are restored", flushAndRestore(everything, true)},
		{"an older dump is loaded", func(t *testing.T, s *Store) func() {
			do(t, s, "SAVE")
			return func() { do(t, s, "DEBUG", "RELOAD", "NOSAVE") }
		}},
		{"a copy in another database takes its place", func(t *testing.T, s *Store) func() {
			for _, key := range s.client.Keys(t.Context(), "*").Val() {
				do(t, s, "COPY", key, key, "DB", 1)
			}
			return func() { do(t, s, "SWAPDB", 0, 1) }
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			srv := startReal(t, "--enable-debug-command", "yes", "--dir", t.TempDir())
			var log bytes.Buffer
			s, young := srv.store(t), srv.store(t)
			s.opts.Log = slog.New(slog.NewTextHandler(&log, nil))
			k := create(t, s, asked(1), amy, 0)
			back := tt.old(t, s)
			w := next(k, amy, 0, nil)
			w.Server = k.Server.ID
			if _, err := s.Swap(t.Context(), w); err != nil {
				t.Fatal(err)
			}
			back()

			late := next(k, amy, 0, nil)
			late.Server = k.Server.ID
			if _, err := s.Swap(t.Context(), late); !errors.Is(err, errWentBack) || !errors.Is(err, approvals.ErrUncertain) {
				t.Errorf("a swap: %v", err)
			}
			got, err := s.Load(t.Context(), k.ID)
			if err != nil || got.Server.ID == k.Server.ID || got.KeptOn == got.Server.ID || got.Server.Since.Before(k.Now) {
				t.Errorf("kept on %q, is on %+v, error %v", got.KeptOn, got.Server, err)
			}
			other, err := young.Load(t.Context(), k.ID)
			if err != nil || other.Server != got.Server {
				t.Errorf("another process is on %+v, want %+v, error %v", other.Server, got.Server, err)
			}
			bound := next(got, amy, 0, nil)
			bound.Server = k.Server.ID
			if _, err := s.Swap(t.Context(), bound); !errors.Is(err, approvals.ErrRestarted) {
				t.Errorf("a swap for the store that it was: %v", err)
			}
			if !strings.Contains(log.String(), "gone back to an earlier state") {
				t.Errorf("the log says nothing: %s", log.String())
			}
		})
	}
}

// Two processes are led from one master to another that was its replica, and back: the
// first has been itself all the time, and is not any more.
func TestBackToAMasterThatWasLeft(t *testing.T) {
	one := startReal(t)
	s := one.store(t)
	k := create(t, s, asked(1), amy, 0)
	host, port, _ := net.SplitHostPort(one.addr)
	two := startReal(t, "--replicaof", host, port, "--repl-diskless-sync-delay", "0")
	first, second := s.client, dial(t, two.addr)
	until(t, "the replica has all", func() bool {
		n, err := second.Exists(t.Context(), s.keys.request(k.ID)).Result()
		return err == nil && n == 1
	})
	k, err := s.Load(t.Context(), k.ID)
	if err != nil {
		t.Fatal(err)
	}
	follow(t, second, "")
	both := []*Store{s, one.store(t)}
	if _, err := both[1].Load(t.Context(), k.ID); err != nil {
		t.Fatal(err)
	}
	lead := func(to redis.UniversalClient) {
		for _, s := range both {
			s.client = to
		}
	}
	lead(second)
	there, err := both[0].Load(t.Context(), k.ID)
	if err != nil || there.Server.ID == k.Server.ID {
		t.Fatalf("on %+v, was on %+v, error %v", there.Server, k.Server, err)
	}
	if _, err := both[1].Load(t.Context(), k.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := both[0].Swap(t.Context(), next(there, amy, 0, nil)); err != nil {
		t.Fatal(err)
	}

	lead(first)
	for i, s := range both { // either may be first; the other one finds another store
		_, err := s.Load(t.Context(), k.ID)
		if i == 0 && (!errors.Is(err, errWentBack) || !errors.Is(err, approvals.ErrUnavailable)) || i == 1 && err != nil {
			t.Errorf("process %d: %v", i+1, err)
		}
		got, err := s.Load(t.Context(), k.ID)
		if err != nil || got.Server.ID == k.Server.ID || got.Revision != 1 || got.Server.Since.Before(there.Now.Truncate(1e6)) {
			t.Errorf("process %d: revision %d on %+v, was on %+v, error %v", i+1, got.Revision, got.Server, k.Server, err)
		}
	}
}

// Only what was known before a call was sent proves anything about its answer.
func TestRepliesInAnyOrder(t *testing.T) {
	type step struct {
		sent   string // names a call that is sent now, and answered later
		of     string // names the call that is answered
		server string
		count  int64
		raised bool
		back   bool
	}
	for _, tt := range []struct {
		why   string
		steps []step
	}{
		{"it counts up", []step{{sent: "a"}, {of: "a", server: "M1", count: 1}, {sent: "b"}, {of: "b", server: "M1", count: 2}}},
		{"one reply overtakes another", []step{{sent: "a"}, {sent: "b"}, {of: "b", server: "M1", count: 2}, {of: "a", server: "M1", count: 1}}},
		{"it counts backwards", []step{{sent: "a"}, {of: "a", server: "M1", count: 2}, {sent: "b"}, {of: "b", server: "M1", count: 1, back: true}}},
		{"and again, until it is another", []step{
			{sent: "a"},
			{of: "a", server: "M1", count: 2},
			{sent: "b"},
			{of: "b", server: "M1", count: 1, back: true},
			{sent: "c"},
			{of: "c", server: "M1", count: 1, back: true},
			{sent: "d"},
			{of: "d", server: "M1'", count: 1},
		}},
		{"what the call has raised itself is no proof", []step{{sent: "a"}, {of: "a", server: "M1", count: 1, raised: true}, {sent: "b"}, {of: "b", server: "M1", count: 1, raised: true, back: true}}},
		{"another store begins anew", []step{{sent: "a"}, {of: "a", server: "M1", count: 2}, {sent: "b"}, {of: "b", server: "M2", count: 0}}},
		{"it was left", []step{{sent: "a"}, {of: "a", server: "M1", count: 2}, {sent: "b"}, {of: "b", server: "M2", count: 3}, {sent: "c"}, {of: "c", server: "M1", count: 9, back: true}}},
		{"its reply comes after it was left", []step{
			{sent: "a"},
			{of: "a", server: "M1", count: 2},
			{sent: "b"},
			{sent: "c"},
			{of: "c", server: "M2", count: 3},
			{of: "b", server: "M1", count: 2},
			{sent: "d"},
			{of: "d", server: "M2", count: 3},
			{sent: "e"},
			{of: "e", server: "M1", count: 2, back: true},
		}},
	} {
		l, under := newLineage(), map[string]sight{}
		for i, is := range tt.steps {
			if is.sent != "" {
				under[is.sent] = l.look()
				continue
			}
			if got := l.heard(under[is.of], is.server, is.count, is.raised); got != is.back {
				t.Errorf("%s: step %d: gone back: %v", tt.why, i+1, got)
			}
		}
	}
}

// The count is what a store has written that people are told of, nothing else.
func TestWhatIsCounted(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		counted := func(want int64) {
			t.Helper()
			if got := s.met.look().count; got != want {
				t.Errorf("counted %d, want %d", got, want)
			}
		}
		k := create(t, s, asked(1), amy, 0)
		counted(1)
		w := next(k, amy, 0, nil)
		for range 2 { // the second is a repeat
			if _, err := s.Swap(t.Context(), w); err != nil {
				t.Fatal(err)
			}
			counted(2)
		}
		if _, err := s.Swap(t.Context(), next(k, amy, 0, nil)); !errors.Is(err, approvals.ErrConflict) {
			t.Fatal(err)
		}
		if _, err := s.Load(t.Context(), k.ID); err != nil {
			t.Fatal(err)
		}
		counted(2)
	})
}

// A mark that is new is told in the log: nobody may remember that there was one.
func TestANewMarkIsLogged(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		var log bytes.Buffer
		s := New(dial(t, srv.addr), "T0TEST", Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		for range 2 {
			if err := s.Mark(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := strings.Count(log.String(), "redis had no mark and was given one"); n != 1 {
			t.Errorf("said %d times: %s", n, log.String())
		}
		if err := s.Rehearse(t.Context()); err != nil || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("a rehearsal: %v, log %s", err, log.String())
		}
	})
}
