package redisstore

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// Between two moves, Redis is started again with what it has on disk: whoever acts
// only on the run it knows is refused, and told of the new one.
func TestRestartBetweenTwoMoves(t *testing.T) {
	srv := startReal(t, "--appendonly", "yes", "--appendfsync", "always")
	s := srv.store(t)
	k := create(t, s, asked(1), amy, time.Minute)
	was := k.Server
	if was.ID == "" || k.KeptOn != was.ID || k.Now.Sub(was.Since) > time.Minute || k.Now.Before(was.Since) {
		t.Fatalf("created on %+v at %v, kept on %q", was, k.Now, k.KeptOn)
	}
	bound := func(k approvals.Kept, run string) approvals.Swap {
		w := next(k, amy, time.Minute, nil)
		w.Server = run
		return w
	}
	k, err := s.Swap(t.Context(), bound(k, was.ID))
	if err != nil || k.KeptOn != was.ID {
		t.Fatalf("on the same run: kept on %q, error %v", k.KeptOn, err)
	}
	first := create(t, s, asked(2), amy, time.Minute) // only its first version is there

	srv.restart(t)
	refused := bound(k, was.ID)
	got, err := s.Swap(t.Context(), refused)
	if !errors.Is(err, approvals.ErrRestarted) || got.Revision != k.Revision || got.Server.ID == was.ID || got.Server.ID == "" {
		t.Fatalf("after a restart: revision %d, on %+v, error %v", got.Revision, got.Server, err)
	}
	if events, err := s.Events(t.Context(), k.ID, 0); err != nil || len(events) != 2 {
		t.Errorf("refused, and there are %d events, error %v", len(events), err)
	}
	if loaded, err := s.Load(t.Context(), first.ID); err != nil || loaded.KeptOn != was.ID || loaded.Server.ID == was.ID {
		t.Errorf("kept on %q, loaded from %+v, error %v", loaded.KeptOn, loaded.Server, err)
	}
	open, err := s.Open(t.Context(), 5)
	if err != nil || len(open) != 2 || open[0].KeptOn != was.ID || open[0].Server != got.Server && open[0].Server.ID != got.Server.ID {
		t.Errorf("%d open, error %v", len(open), err)
	}
	if _, err := s.Swap(t.Context(), bound(got, got.Server.ID)); err != nil {
		t.Errorf("on the new run: %v", err)
	}
	if again, err := s.Swap(t.Context(), refused); !errors.Is(err, approvals.ErrConflict) || again.Revision != 3 {
		t.Errorf("the refused one again: revision %d, error %v", again.Revision, err)
	}
}

// A move that won, whose reply a restart swallowed, has won.
func TestWonBeforeTheRestart(t *testing.T) {
	srv := startReal(t, "--appendonly", "yes", "--appendfsync", "always")
	s := srv.store(t)
	k := create(t, s, asked(1), amy, time.Minute)
	w := next(k, amy, time.Minute, nil)
	w.Server = k.Server.ID
	if _, err := s.Swap(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	srv.restart(t)
	if k, err := s.Swap(t.Context(), w); err != nil || k.Revision != 2 {
		t.Errorf("revision %d, error %v", k.Revision, err)
	}
}

// Where Redis does not tell which run it is, its mark still tells which store it is.
func TestRedisThatDoesNotTellItsRun(t *testing.T) {
	deaf := startReal(t)
	for name, srv := range map[string]*server{"miniredis": startMini(t), "no permission": deaf} {
		s := srv.store(t)
		if srv == deaf {
			if err := s.client.Do(t.Context(), "ACL", "SETUSER", "default", "-info").Err(); err != nil {
				t.Fatal(err)
			}
		}
		k := create(t, s, asked(1), amy, time.Minute)
		mark, err := s.client.HGet(t.Context(), s.keys.mark(), "mark").Result()
		if err != nil || k.Server.ID != ".."+mark || k.KeptOn != k.Server.ID {
			t.Errorf("%s: on %+v, kept on %q, error %v", name, k.Server, k.KeptOn, err)
		}
		w := next(k, amy, time.Minute, nil)
		w.Server = "0123"
		if _, err := s.Swap(t.Context(), w); !errors.Is(err, approvals.ErrRestarted) {
			t.Errorf("%s: bound to a run: %v", name, err)
		}
		if _, err := s.Swap(t.Context(), next(k, amy, time.Minute, nil)); err != nil {
			t.Errorf("%s: bound to none: %v", name, err)
		}
	}
}

// A replica that takes the master's place has been up for long. What counts is when it
// was first asked as the master: it may lack what was confirmed until then.
func TestAReplicaTakesTheMastersPlace(t *testing.T) {
	master := startReal(t)
	host, port, err := net.SplitHostPort(master.addr)
	if err != nil {
		t.Fatal(err)
	}
	replica := startReal(t, "--replicaof", host, port)
	s := master.store(t)
	k := create(t, s, asked(1), amy, time.Minute)
	client := dial(t, replica.addr)
	until(t, "the replica has the request, and has been up for a while", func() bool {
		n, err := client.Exists(t.Context(), s.keys.request(k.ID)).Result()
		info, err2 := client.Info(t.Context(), "server").Result()
		_, up, _ := strings.Cut(info, "uptime_in_seconds:")
		return err == nil && err2 == nil && n == 1 && number(strings.TrimSpace(strings.SplitN(up, "\n", 2)[0])) >= 2
	})
	before, err := s.Load(t.Context(), k.ID)
	if err != nil {
		t.Fatal(err)
	}
	master.kill()
	if err := client.Do(t.Context(), "REPLICAOF", "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	promoted := made(t, New(client, "T0TEST", Options{}))
	after, err := promoted.Load(t.Context(), k.ID)
	if err != nil || after.Server.ID == before.Server.ID || after.KeptOn != k.Server.ID || after.Server.Since.Before(before.Now.Truncate(time.Millisecond)) {
		t.Fatalf("on %+v, at %v; kept on %q, before on %+v at %v, error %v", after.Server, after.Now, after.KeptOn, before.Server, before.Now, err)
	}
	again, err := promoted.Load(t.Context(), k.ID)
	if err != nil || again.Server != after.Server {
		t.Errorf("asked again: %+v, then %+v, error %v", after.Server, again.Server, err)
	}
}
