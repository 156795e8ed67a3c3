package bot

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/approvals/redisstore"
)

// redisServer is a real one, each change on its disk before it is confirmed.
func redisServer(t *testing.T) (addr string, client redis.UniversalClient) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("there is no redis-server in PATH")
	}
	for range 5 { // a port may be another test's
		port := fmt.Sprint(10_000 + rand.N(20_000))
		addr = net.JoinHostPort("127.0.0.1", port)
		cmd := exec.Command(path, "--port", port, "--bind", "127.0.0.1", "--dir", dirOfRedis(t), "--save", "",
			"--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { _ = cmd.Wait(); close(ended) }()
		t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
		if client, err = redisstore.Dial(redisstore.Connection{Addresses: []string{addr}}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Close() })
		pid := fmt.Sprintf("process_id:%d\r\n", cmd.Process.Pid)
		mine := false
		eventually(t, "redis-server answers", func() bool {
			select {
			case <-ended:
				return true
			default:
			}
			info, err := client.Info(t.Context(), "server").Result()
			mine = strings.Contains(info, pid)
			return err == nil && mine
		})
		if mine {
			return addr, client
		}
	}
	t.Fatal("redis-server does not start")
	return addr, client
}

// dirOfRedis is not t.TempDir: a child of a server that was killed may still write there.
func dirOfRedis(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bmcmd-redis-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// eventually waits for what comes by itself.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// flip is two servers of which one follows the other.
type flip struct {
	*testing.T
	addr   [2]string
	client [2]redis.UniversalClient
}

// follow has server i follow the other, or nobody.
func (f *flip) follow(i int, other bool) {
	f.Helper()
	host, port := "NO", "ONE"
	if other {
		host, port, _ = net.SplitHostPort(f.addr[1-i])
	}
	if err := f.client[i].Do(context.Background(), "REPLICAOF", host, port).Err(); err != nil {
		f.Error(err)
	}
	eventually(f.T, "it follows", func() bool {
		info, err := f.client[i].Info(context.Background(), "replication").Result()
		return err == nil && (!other || strings.Contains(info, "master_link_status:up"))
	})
}

// apart makes the second a master of its own, with all that the first has.
func (f *flip) apart() {
	eventually(f.T, "the second has all", func() bool {
		pipe := f.client[0].Pipeline()
		pipe.Ping(context.Background()) // WAIT is for what was written before its connection's last command
		n := pipe.Do(context.Background(), "WAIT", 1, 1000)
		_, err := pipe.Exec(context.Background())
		return err == nil && n.Val() == int64(1)
	})
	f.follow(1, false)
}

// back has the first take what the second has, without a restart.
func (f *flip) back() {
	f.follow(0, true)
	f.follow(0, false)
}

// A master goes back to what its replica had, and its run id stays: a claim or a denial is
// gone from it.
func TestAMasterGoesBackToItsReplica(t *testing.T) {
	for _, tt := range []struct {
		why    string
		gone   bool // the process that claimed or took the denial is gone by then
		denies bool
		want   approvals.State
		runs   int
	}{
		{"a claim", false, false, approvals.Succeeded, 1},
		{"a claim of a process that is gone", true, false, approvals.Succeeded, 1},
		{"a denial", false, true, approvals.Denied, 0},
		{"a denial that nobody remembers", true, true, approvals.Approved, 0},
	} {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			f := &flip{T: t}
			for i := range 2 {
				f.addr[i], f.client[i] = redisServer(t)
			}
			f.follow(1, true)
			r := newRig(t)
			store := redisstore.New(f.client[0], theTeam, redisstore.Options{})
			if err := store.Mark(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.store, r.memory, r.poll = store, nil, 20*time.Millisecond
			r.cloud.tasks.known = true
			var once sync.Once
			sealed := errors.New("sealed")
			r.logins.set(func(l *logins) {
				l.onOpen = func() error {
					if tt.denies {
						return sealed
					}
					once.Do(f.apart)
					return nil
				}
			})
			r.first = r.newBot()
			stop := r.work(r.first)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			id := r.words(r.first.Typed(ctx, Typed{
				Event: "E", By: ref("ALICE"), Origin: approvals.Origin{Team: theTeam, Channel: theChannel},
				Text: "run cmd-nozcbhuw ins-1,ins-2 -- --fast",
			})).Request
			r.isUp(ctx)
			runID, err := f.client[0].Info(ctx, "server").Result()
			if err != nil {
				t.Fatal(err)
			}
			r.pressOn(r.first, "BOB", Approve, id)
			if tt.denies {
				eventually(t, "it waits", func() bool { return r.get(id).Waiting != "" })
				f.apart()
				r.pressOn(r.first, "CAROL", Deny, id)
			} else if err := r.journal.await(ctx, "notice result succeeded"); err != nil {
				t.Fatal(err)
			}
			if tt.gone {
				stop()
			}
			r.logins.set(func(l *logins) { l.onOpen = nil })
			f.back()
			if now, err := f.client[0].Info(ctx, "server").Result(); err != nil || field(now, "run_id") != field(runID, "run_id") {
				t.Fatalf("its run id is another, so this test shows nothing: %v", err)
			}
			r.work(r.newBot())
			eventually(t, "it is as it should be", func() bool {
				k, err := store.Load(ctx, id)
				return err == nil && k.State == tt.want && !k.Owes() && (tt.want != approvals.Approved || !k.SearchUntil.IsZero())
			})
			r.ran(tt.runs)
			r.chained(id)
		})
	}
}

// field is one of INFO.
func field(info, name string) string {
	_, rest, _ := strings.Cut(info, name+":")
	value, _, _ := strings.Cut(rest, "\r")
	return value
}
