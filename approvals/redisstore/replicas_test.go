package redisstore

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// pair is a master and its one replica, which a test may stop and wake.
func pair(t *testing.T) (master *server, stop, wake func()) {
	t.Helper()
	master = startReal(t, "--repl-diskless-sync-delay", "0")
	host, port, err := net.SplitHostPort(master.addr)
	if err != nil {
		t.Fatal(err)
	}
	replica := startReal(t, "--replicaof", host, port)
	client := dial(t, master.addr)
	until(t, "the replica follows", func() bool {
		info, err := client.Info(t.Context(), "replication").Result()
		return err == nil && strings.Contains(info, "state=online")
	})
	signal := func(s syscall.Signal) func() {
		return func() {
			if err := replica.cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	return master, signal(syscall.SIGSTOP), signal(syscall.SIGCONT)
}

// What is confirmed is on the replica, also when the reply was lost and the move comes
// again on another connection, where it finds that it has won and has nothing to write.
func TestReplicas(t *testing.T) {
	master, stop, wake := pair(t)
	p := before(t, master.addr)
	over := func(addr string) *Store {
		s := made(t, New(dial(t, addr), "T0TEST", Options{Replicas: 1}))
		s.wait = 100 * time.Millisecond
		return s
	}
	s := over(p.addr)
	uncertain := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, approvals.ErrUncertain) || !errors.Is(err, errFewReplicas) {
			t.Errorf("%s while the replica is stopped: %v", what, err)
		}
	}
	var k approvals.Kept
	var err error
	// confirmed repeats a call until the replica, which is awake, has it.
	confirmed := func(what string, call func() error) {
		t.Helper()
		until(t, what+" is confirmed", func() bool { return call() == nil })
	}
	came := creation(asked(1), amy, time.Minute)
	confirmed("a request", func() error { k, _, err = s.Create(t.Context(), came); return err })
	old := k
	w := next(k, amy, time.Minute, nil)
	confirmed("a move", func() error { k, err = s.Swap(t.Context(), w); return err })

	stop()
	w = next(k, amy, time.Minute, nil)
	_, err = s.Swap(t.Context(), w)
	uncertain("a move", err)
	_, err = s.Swap(t.Context(), w)
	uncertain("the same again", err)
	_, err = over(master.addr).Swap(t.Context(), w)
	uncertain("the same on a new connection", err)
	came = creation(asked(2), amy, time.Minute)
	_, _, err = s.Create(t.Context(), came)
	uncertain("a request", err)
	_, _, err = over(master.addr).Create(t.Context(), came)
	uncertain("the same on a new connection", err)
	_, _, err = over(master.addr).Create(t.Context(), creation(asked(2), ben, time.Minute))
	uncertain("the same envelope elsewhere", err)
	if _, err := over(master.addr).Swap(t.Context(), next(old, ben, 0, nil)); !errors.Is(err, approvals.ErrConflict) || errors.Is(err, approvals.ErrUncertain) {
		t.Errorf("what is not written waits for nobody: %v", err)
	}
	if got, err := over(master.addr).Load(t.Context(), k.ID); err != nil || got.Revision != 3 {
		t.Errorf("a read waits for nobody: revision %d, error %v", got.Revision, err)
	}

	wake()
	fresh := false
	confirmed("the move", func() error { k, err = s.Swap(t.Context(), w); return err })
	confirmed("the request", func() error { _, fresh, err = s.Create(t.Context(), came); return err })
	if k.Revision != 3 || !fresh {
		t.Errorf("written more than once: revision %d, fresh %v", k.Revision, fresh)
	}

	stop()
	w = next(k, amy, time.Minute, nil)
	p.drop.Store(1) // the store repeats by itself, on a new connection
	_, err = s.Swap(t.Context(), w)
	uncertain("a move whose reply was lost", err)
	if p.drop.Load() >= 0 {
		t.Error("no reply was lost")
	}
	wake()
	confirmed("that move", func() error { k, err = s.Swap(t.Context(), w); return err })
	if events, err := s.Events(t.Context(), k.ID, 0); err != nil || len(events) != 4 || k.Revision != 4 {
		t.Errorf("revision %d, %d events, error %v", k.Revision, len(events), err)
	}
}

// The connection that waited goes back: others find the pool as it was.
func TestReplicasGiveTheConnectionBack(t *testing.T) {
	master, _, _ := pair(t)
	client := dial(t, master.addr, func(c *Connection) { c.PoolSize = 1 })
	s := made(t, New(client, "T0TEST", Options{Replicas: 1}))
	came := creation(asked(1), amy, time.Minute)
	for range 5 {
		if _, _, err := s.Create(t.Context(), came); err != nil && !errors.Is(err, errFewReplicas) {
			t.Fatal(err)
		}
	}
	if stats := client.PoolStats(); stats.TotalConns != 1 || stats.IdleConns != 1 {
		t.Errorf("%d connections, %d of them idle", stats.TotalConns, stats.IdleConns)
	}
}

// Redis promises to wait for the writes of one connection. So a repetition writes, too,
// where replicas are asked for, and else does not.
func TestRepetitionsWriteForReplicas(t *testing.T) {
	srv := startReal(t)
	plain, spread := srv.store(t), made(t, New(dial(t, srv.addr), "T0TEST", Options{Replicas: 1}))
	spread.wait = time.Millisecond
	dirty := func() string {
		info, err := plain.client.Info(t.Context(), "persistence").Result()
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(info, "rdb_changes_since_last_save:")
		count, _, _ := strings.Cut(rest, "\r\n")
		return count
	}
	came := creation(asked(1), amy, time.Minute)
	k, _, err := plain.Create(t.Context(), came)
	if err != nil {
		t.Fatal(err)
	}
	w := next(k, amy, time.Minute, nil)
	if _, err := plain.Swap(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	twin := asked(1)
	twin.ID, twin.Event = approvals.NewID("T0TEST", "Ev2"), "Ev2"
	for name, again := range map[string]func(s *Store) error{
		"a move":                      func(s *Store) error { _, err := s.Swap(t.Context(), w); return err },
		"a request":                   func(s *Store) error { _, _, err := s.Create(t.Context(), came); return err },
		"its envelope, elsewhere":     func(s *Store) error { _, _, err := s.Create(t.Context(), creation(asked(1), ben, 0)); return err },
		"a request for just the same": func(s *Store) error { _, _, err := s.Create(t.Context(), creation(twin, ben, 0)); return err },
	} {
		was := dirty()
		if err := again(plain); err != nil || dirty() != was {
			t.Errorf("%s again: error %v, changes %s and then %s", name, err, was, dirty())
		}
		if err := again(spread); !errors.Is(err, errFewReplicas) || dirty() == was {
			t.Errorf("%s again, for replicas: error %v, changes still %s", name, err, was)
		}
	}
}

// In a cluster, the node that has the workspace's keys is the one that is asked.
func TestCluster(t *testing.T) {
	srv := startReal(t, "--cluster-enabled", "yes", "--appendonly", "yes", "--appendfsync", "always")
	if err := dial(t, srv.addr).ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	client := dial(t, srv.addr, func(c *Connection) { c.Cluster = true })
	s := New(client, "T0TEST", Options{})
	until(t, "the cluster is up", func() bool { return s.Durable(t.Context()) == nil && client.ClusterInfo(t.Context()).Err() == nil })
	var k approvals.Kept
	until(t, "the cluster takes a request", func() bool {
		made(t, s)
		var err error
		k, _, err = s.Create(t.Context(), creation(on(1, "cmd-a", "ins-1"), amy, time.Minute))
		return err == nil
	})
	k = mustSwapHosts(t, s, k, approvals.HostsTake)
	other := on(2, "cmd-a", "ins-1")
	other.Asked.Parameters = "2"
	if _, err := swapHosts(s, create(t, s, other, amy, 0), approvals.HostsTake); !errors.Is(err, approvals.ErrBusy) {
		t.Errorf("its hosts are taken: %v", err)
	}

	spread := made(t, New(client, "T0TEST", Options{Replicas: 1}))
	spread.wait = time.Millisecond
	w := next(k, amy, time.Minute, nil)
	if _, err := spread.Swap(t.Context(), w); !errors.Is(err, errFewReplicas) {
		t.Errorf("it has no replica: %v", err)
	}
	if k, err := s.Swap(t.Context(), w); err != nil || k.Revision != 3 {
		t.Errorf("it was written all the same: revision %d, error %v", k.Revision, err)
	}
}
