package fault

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// master is what the Sentinel calls the master.
const master = "bmcmd"

// sentinel is a Redis with a replica and one Sentinel, which alone decides.
type sentinel struct {
	addr    string // of the Sentinel
	replica string // of the replica
	more    []string
}

func sentinelFaults() []Fault {
	var s *sentinel
	return []Fault{{
		name: "sentinel-failover", what: "Redis' master is killed and its replica takes over; later it comes back as a replica", program: "redis-sentinel",
		config: func(w *world.World, text string) string {
			s = startSentinel(w)
			return strings.Replace(text, fmt.Sprintf("  addresses: [%q]\n", w.Redis.Addr), fmt.Sprintf("  addresses: [%q]\n  master: %s\n  replicas: 1\n", s.addr, master), 1)
		},
		do: func(r *rig) { s.failover(r) },
	}}
}

// startSentinel starts the replica of a world's Redis and the Sentinel, and waits until
// both know of each other.
func startSentinel(w *world.World) *sentinel {
	s := &sentinel{addr: world.FreeAddress(w.T), replica: world.FreeAddress(w.T), more: []string{fmt.Sprintf("masterauth %q", w.Redis.Password)}}
	dir := w.T.TempDir()
	start := func(program, file, addr string, lines ...string) {
		path, err := exec.LookPath(program)
		if err != nil {
			w.T.Fatalf("%v", err)
		}
		_, port, _ := net.SplitHostPort(addr)
		text := fmt.Sprintf("bind 127.0.0.1\nport %s\ndir %q\nloglevel warning\n%s\n", port, dir, strings.Join(lines, "\n"))
		world.Start(w.T, nil, path, world.Write(w.T, filepath.Join(dir, file), text))
	}
	host, port, _ := net.SplitHostPort(w.Redis.Addr)
	start("redis-server", "replica.conf", s.replica, append(s.more, fmt.Sprintf("requirepass %q", w.Redis.Password),
		`save ""`, "appendonly yes", "appendfsync always", "repl-diskless-sync-delay 0", fmt.Sprintf("replicaof %s %s", host, port))...)
	start("redis-sentinel", "sentinel.conf", s.addr,
		fmt.Sprintf("sentinel monitor %s %s %s 1", master, host, port), fmt.Sprintf("sentinel auth-pass %s %q", master, w.Redis.Password),
		"sentinel down-after-milliseconds "+master+" 500", "sentinel failover-timeout "+master+" 3000")
	client := redis.NewSentinelClient(&redis.Options{Addr: s.addr})
	defer client.Close()
	world.Until(w.T, "the Sentinel knows a replica in step", func() (string, bool) {
		all, err := client.Replicas(w.T.Context(), master).Result()
		return fmt.Sprint(all, err), err == nil && len(all) == 1 && all[0]["master-link-status"] == "ok"
	})
	return s
}

// failover kills the master, waits until the replica is one, and brings the old one
// back as its replica: only then can a write be confirmed by a replica again.
func (s *sentinel) failover(r *rig) {
	r.Redis.Kill()
	client := redis.NewSentinelClient(&redis.Options{Addr: s.addr})
	defer client.Close()
	world.Until(r.T, "the replica is the master", func() (string, bool) {
		addr, err := client.GetMasterAddrByName(r.ctx, master).Result()
		return fmt.Sprint(addr, err), err == nil && strings.Join(addr, ":") == s.replica
	})
	r.pause(time.Second)
	host, port, _ := net.SplitHostPort(s.replica)
	r.Redis.Start(append(s.more, fmt.Sprintf("replicaof %s %s", host, port))...)
	r.Redis.Addr = s.replica
}
