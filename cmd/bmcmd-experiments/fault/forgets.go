package fault

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// forgetFaults are a Redis that forgets what it confirmed without being started again.
func forgetFaults() []Fault {
	return []Fault{
		{
			name: "flip-claim", what: "Redis becomes its replica's replica and a master again, after a run was claimed that the replica lacks", forgets: true,
			plans: func() []plan { return make([]plan, 3) }, do: func(r *rig) {
				f := r.newFlip()
				f.approved(approvals.Succeeded)
				f.apart()
				r.awaitState(approvals.Succeeded, 4)
				f.back()
			},
		},
		{
			name: "flip-denial", what: "the same, after an approved run was denied; the replies to what puts it right are lost", forgets: true, wired: true,
			plans: func() []plan { return make([]plan, 3) }, drops: []string{"recall"},
			config: func(_ *world.World, text string) string {
				return strings.Replace(text, "search_for: 3s", "search_for: 30s", 1)
			},
			do: func(r *rig) {
				f := r.newFlip()
				k := f.approved(approvals.Denied)
				f.apart()
				if what := k.press(r.ctx, witnessOf(k.n), look(r.seen, func() string { return r.seen.cards[k.host].TS }), denying); what != recorded {
					r.T.Fatalf("the denial is %s", what)
				}
				f.back()
				r.awaitRecord(k.request, func(q approvals.Kept) bool { return q.State == approvals.Denied && !q.Owes() })
				if l, err := r.read(); err != nil || len(l.sent[k.host]) > 0 {
					r.T.Fatalf("a run that was denied was sent at %v, %v", l.sent[k.host], err)
				}
			},
		},
		{
			name: "flushed", what: "FLUSHALL while runs are followed and others wait for approval", forgets: true,
			plans: func() []plan { return []plan{{}, {}, {ends: lapsing}} },
			before: func(r *rig) {
				r.hostsTake(2, 20*time.Second)
			},
			do: func(r *rig) {
				r.awaitState(approvals.Accepted, 2)
				r.awaitState(approvals.Pending, 1)
				r.redis("FLUSHALL")
				r.awaitGone(3, "I had sent it to the API, which accepted it", "it was pending. What became of it since I do not know")
			},
		},
		{
			name: "evicted", what: "another application fills a Redis that makes room by forgetting", forgets: true,
			plans: func() []plan { return []plan{{ends: lapsing}, {ends: lapsing}} },
			do: func(r *rig) {
				r.awaitState(approvals.Pending, 2)
				r.fill()
				r.awaitGone(2, "it was pending. What became of it since I do not know")
			},
		},
	}
}

// redis gives Redis a command, as an administrator does.
func (r *rig) redis(args ...any) {
	client := r.Redis.Client()
	defer client.Close()
	if err := client.Do(r.ctx, args...).Err(); err != nil {
		r.T.Fatalf("%v: %v", args, err)
	}
}

// fill writes to Redis until it has let go of all that the bots keep there, and then has
// it be as it was.
func (r *rig) fill() {
	client := r.Redis.Client()
	defer client.Close()
	used, err := client.Info(r.ctx, "memory").Result()
	_, used, _ = strings.Cut(used, "used_memory:")
	used, _, _ = strings.Cut(used, "\r")
	most, _ := strconv.ParseInt(used, 10, 64)
	if err != nil {
		r.T.Fatalf("%v", err)
	}
	r.redis("CONFIG", "SET", "maxmemory-samples", 64)
	r.redis("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
	r.redis("CONFIG", "SET", "maxmemory", most+4<<20)
	n := 0
	world.Until(r.T, "the bots' requests are gone", func() (string, bool) {
		pipe := client.Pipeline()
		for range 500 {
			n++
			pipe.Set(r.ctx, fmt.Sprint("other:", n), strings.Repeat("x", 4<<10), 0)
		}
		_, err := pipe.Exec(r.ctx)
		keys, err2 := client.Keys(r.ctx, "bmcmd:{"+workspace+"}:request:*").Result()
		return fmt.Sprint(len(keys), err, err2), err2 == nil && len(keys) == 0
	})
	r.redis("CONFIG", "SET", "maxmemory", 0)
	r.redis("CONFIG", "SET", "maxmemory-policy", "noeviction")
}

// awaitGone waits until so many threads say that their request is lost, and between them
// everything that is to be said.
func (r *rig) awaitGone(n int, say ...string) {
	r.T.Helper()
	gone := func() bool {
		threads, all := map[string]bool{}, ""
		for _, m := range r.seen.messages {
			if strings.Contains(m.Text, "Redis has lost its record of this request") {
				threads[m.ReplyTo] = true
				all += m.Text
			}
		}
		for _, s := range say {
			if !strings.Contains(all, s) {
				return false
			}
		}
		return len(threads) >= n
	}
	if !r.seen.await(r.ctx, patience, gone) {
		r.T.Fatalf("%d threads do not say that their request is lost, or not %q", n, say)
	}
}

// flip is a world's Redis and a replica of it.
type flip struct {
	*rig
	replica string
}

// newFlip starts the replica, when the first requests are over, and waits until it is in
// step.
func (r *rig) newFlip() *flip {
	r.begun.Wait()
	r.awaitState(approvals.Succeeded, 3)
	f := &flip{r, world.FreeAddress(r.T)}
	path, err := exec.LookPath("redis-server")
	if err != nil {
		r.T.Fatalf("%v", err)
	}
	_, port, _ := net.SplitHostPort(f.replica)
	dir := r.T.TempDir()
	text := fmt.Sprintf("bind 127.0.0.1\nport %s\ndir %q\nloglevel warning\nsave \"\"\nappendonly yes\nrepl-diskless-sync-delay 0\nrequirepass %q\nmasterauth %q\n",
		port, dir, r.Redis.Password, r.Redis.Password)
	world.Start(r.T, nil, path, world.Write(r.T, filepath.Join(dir, "replica.conf"), text))
	r.redis("CONFIG", "SET", "masterauth", r.Redis.Password)
	r.redis("CONFIG", "SET", "repl-diskless-sync-delay", 0)
	world.Until(r.T, "the replica answers", func() (string, bool) {
		err := f.tell(f.replica, "PING")
		return fmt.Sprint(err), err == nil
	})
	f.follow(f.replica, r.Redis.Addr)
	return f
}

func (f *flip) tell(addr string, args ...any) error {
	client := redis.NewClient(&redis.Options{Addr: addr, Password: f.Redis.Password, Protocol: 2, DisableIdentity: true})
	defer client.Close()
	return client.Do(f.ctx, args...).Err()
}

// follow has one server follow another, and waits until it is in step.
func (f *flip) follow(addr, other string) {
	host, port, _ := net.SplitHostPort(other)
	if err := f.tell(addr, "REPLICAOF", host, port); err != nil {
		f.T.Fatalf("%v", err)
	}
	client := redis.NewClient(&redis.Options{Addr: addr, Password: f.Redis.Password, Protocol: 2, DisableIdentity: true})
	defer client.Close()
	world.Until(f.T, "it is in step", func() (string, bool) {
		info, err := client.Info(f.ctx, "replication").Result()
		return fmt.Sprint(info, err), err == nil && strings.Contains(info, "master_link_status:up")
	})
}

// approved has one more request approved, which is not claimed yet: the second look at
// its script takes a while. then is what becomes of it.
func (f *flip) approved(then approvals.State) *talk {
	f.Cloud.Slow("GetUserCmd", 50)
	f.Cloud.Slow("GetUserCmd", 3000)
	k := f.talk(plan{ends: approving, wants: then})
	f.awaitState(approvals.Approved, 1)
	return k
}

// apart makes the replica a master of its own, with all that was confirmed so far.
func (f *flip) apart() {
	client := f.Redis.Client()
	defer client.Close()
	if n, err := client.Do(context.WithoutCancel(f.ctx), "WAIT", 1, 5000).Int(); n != 1 || err != nil {
		f.T.Fatalf("the replica is %d, %v", n, err)
	}
	if err := f.tell(f.replica, "REPLICAOF", "NO", "ONE"); err != nil {
		f.T.Fatalf("%v", err)
	}
}

// back has Redis take what its replica has, and be the master again.
func (f *flip) back() {
	f.follow(f.Redis.Addr, f.replica)
	f.redis("REPLICAOF", "NO", "ONE")
}
