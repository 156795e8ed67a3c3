package redisstore

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/bmcmd/bmcmd/approvals"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a Redis that a test may talk to.
type server struct {
	addr string
	mini *miniredis.Miniredis // nil: a real redis-server
	now  time.Time

	args []string // of the real one
	cmd  *exec.Cmd
}

// onEach runs a test on miniredis and on a real redis-server.
func onEach(t *testing.T, test func(t *testing.T, s *server)) {
	t.Run("miniredis", func(t *testing.T) { test(t, startMini(t)) })
	t.Run("redis-server", func(t *testing.T) { test(t, startReal(t)) })
}

func startMini(t testing.TB) *server {
	t.Helper()
	m := miniredis.NewMiniRedis()
	if err := m.StartAddr("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return &server{addr: m.Addr(), mini: m}
}

func startReal(t testing.TB, args ...string) *server {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("there is no redis-server in PATH")
	}
	port := freePort(t)
	s := &server{addr: fmt.Sprintf("127.0.0.1:%d", port), args: append([]string{
		path, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", t.TempDir(),
		"--save", "", "--appendonly", "no",
	}, args...)}
	t.Cleanup(func() { s.kill() })
	s.start(t)
	return s
}

func (s *server) start(t testing.TB) {
	t.Helper()
	s.cmd = exec.Command(s.args[0], s.args[1:]...)
	s.cmd.Stderr = os.Stderr
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "redis-server answers", func() bool {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			return false
		}
		_ = conn.Close()
		return true
	})
}

func (s *server) kill() { _ = s.cmd.Process.Kill(); _ = s.cmd.Wait() }

// restart kills a real server and starts it again with what it has on disk.
func (s *server) restart(t testing.TB) {
	t.Helper()
	s.kill()
	s.start(t)
}

// freePort is below the ports that the kernel gives to whoever dials or listens: of those
// one could be taken again before redis-server listens on it, or while it is restarted.
func freePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 10_000 + mathrand.N(20_000)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

// until asks again and again until done says so, at most half a minute.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	end := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-end:
			t.Fatalf("waited in vain until %s", what)
		case <-tick.C:
		}
	}
}

// stop sets miniredis' clock, which then moves only by pass.
func (s *server) stop(t testing.TB) {
	t.Helper()
	if s.mini != nil {
		s.now = time.Date(2026, 3, 1, 2, 0, 0, 123456789, time.UTC)
		s.mini.SetTime(s.now)
		s.mini.ClockTTL(true)
	}
}

// pass lets d go by, if the clock is in our hands; on a real server it goes by
// itself, and tests use short times.
func (s *server) pass(d time.Duration) {
	if s.mini != nil {
		s.now = s.now.Add(d)
		s.mini.SetTime(s.now)
	}
}

func dial(t testing.TB, addr string, change ...func(*Connection)) redis.UniversalClient {
	t.Helper()
	c := Connection{Addresses: []string{addr}, Dial: 20 * time.Second, Reply: 20 * time.Second}
	for _, f := range change {
		f(&c)
	}
	client, err := Dial(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func (s *server) store(t testing.TB) *Store {
	t.Helper()
	return made(t, New(dial(t, s.addr), "T0TEST", Options{}))
}

// made gives a store its mark, if Redis is up and takes it.
func made(t testing.TB, s *Store) *Store {
	t.Helper()
	_ = s.Mark(context.Background())
	return s
}

// asked is a request as the bot would make it; n tells requests apart.
func asked(n int) approvals.Request {
	event := "Ev" + strconv.Itoa(n)
	return approvals.Request{
		Schema: approvals.Schema, ID: approvals.NewID("T0TEST", event), Event: event, Revision: 1, State: approvals.Received,
		Origin:    approvals.Origin{Team: "T0TEST", Channel: "C0OPS"},
		Requester: approvals.Person{Org: "T0TEST", User: "U0ALICE"},
		Asked:     approvals.Asked{Script: "cmd-nozcbhuw", Hosts: []string{"ins-" + strconv.Itoa(n)}},
	}
}

func create(t testing.TB, s approvals.Store, r approvals.Request, worker string, hold time.Duration) approvals.Kept {
	t.Helper()
	k, fresh, err := s.Create(context.Background(), creation(r, worker, hold))
	if err != nil || !fresh {
		t.Fatalf("Create: fresh %v, error %v", fresh, err)
	}
	return k
}

func creation(r approvals.Request, worker string, hold time.Duration) approvals.Swap {
	return approvals.Swap{
		Next: r, MoveID: randomID(), Worker: worker, Hold: hold,
		Event: approvals.Event{Request: r.ID, Revision: 1, Move: "receive", To: approvals.Received},
	}
}

// next is a swap of k for a version that says why, as an ordinary move would.
func next(k approvals.Kept, worker string, hold time.Duration, change func(r *approvals.Request)) approvals.Swap {
	r := k.Request
	r.Revision++
	if change != nil {
		change(&r)
	}
	return approvals.Swap{
		Next: r, MoveID: randomID(), Worker: worker, Hold: hold,
		Event: approvals.Event{Request: r.ID, Revision: r.Revision, Move: "wait", From: k.State, To: r.State, At: k.Clock()},
	}
}
