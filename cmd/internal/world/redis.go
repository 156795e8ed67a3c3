package world

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals/redisstore"
)

// Redis is a real server, with its data in an append-only file, each write on the disk
// before it is confirmed. So it can be killed and started again with what it had.
type Redis struct {
	Addr, Password string
	Dir            string   // of its data: appendonlydir is in it
	Proc           *Process // of the last Start

	t T
}

func newRedis(t T, password string) *Redis {
	t.Helper()
	return &Redis{t: t, Addr: FreeAddress(t), Password: password, Dir: t.TempDir()}
}

// FreeAddress is an address of loopback that nobody listens on. Its port is below those
// that the kernel gives to whoever dials or listens: of these one could be taken again
// before its server listens there, or while that is restarted.
func FreeAddress(t T) string {
	t.Helper()
	for range 1000 {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000)))
		if err == nil {
			_ = ln.Close()
			return ln.Addr().String()
		}
	}
	t.Fatalf("no port is free")
	return ""
}

// Start starts it, or starts it again at the same address with what lies in its
// folder, and waits until it answers. more are lines of its config that come last.
func (r *Redis) Start(more ...string) {
	r.t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		r.t.Fatalf("%v", err)
	}
	_, port, _ := net.SplitHostPort(r.Addr)
	conf := Write(r.t, filepath.Join(r.Dir, "redis.conf"), fmt.Sprintf(
		"bind 127.0.0.1\nport %s\ndir %q\nsave \"\"\nloglevel warning\nappendonly yes\nappendfsync always\nrequirepass %q\n%s\n",
		port, r.Dir, r.Password, strings.Join(more, "\n")))
	r.Proc = Start(r.t, nil, path, conf)
	client := r.Client()
	defer client.Close()
	Until(r.t, "redis-server answers", func() (string, bool) {
		err := client.Ping(r.t.Context()).Err()
		return fmt.Sprint(err), err == nil
	})
}

// Kill is kill -9. What it confirmed is in its folder.
func (r *Redis) Kill() { r.Proc.Kill() }

// Freeze is SIGSTOP: connections stay, nothing answers.
func (r *Redis) Freeze() { r.Proc.Freeze() }

// Thaw is SIGCONT.
func (r *Redis) Thaw() { r.Proc.Thaw() }

// Do sends it one command.
func (r *Redis) Do(args ...any) {
	r.t.Helper()
	client := r.Client()
	defer client.Close()
	if err := client.Do(r.t.Context(), args...).Err(); err != nil {
		r.t.Fatalf("%v: %v", args, err)
	}
}

// Client connects to it. The caller closes it.
func (r *Redis) Client() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: r.Addr, Password: r.Password, Protocol: 2, DisableIdentity: true})
}

// Dump is every key with all that is under it, unpacked.
func (r *Redis) Dump(ctx context.Context) string {
	r.t.Helper()
	client := r.Client()
	defer client.Close()
	var b strings.Builder
	keys := client.Scan(ctx, 0, "*", 1000).Iterator()
	for keys.Next(ctx) {
		k := keys.Val()
		kind, err := client.Type(ctx, k).Result()
		if err != nil {
			r.t.Fatalf("%v", err)
		}
		value, err := under(ctx, client, k, kind)
		if err != nil {
			r.t.Fatalf("%s: %v", k, err)
		}
		fmt.Fprintln(&b, k, kind)
		fmt.Fprintln(&b, value)
	}
	if err := keys.Err(); err != nil {
		r.t.Fatalf("%v", err)
	}
	return b.String()
}

func under(ctx context.Context, c *redis.Client, key, kind string) (any, error) {
	switch kind {
	case "string":
		return c.Get(ctx, key).Result()
	case "hash":
		all, err := c.HGetAll(ctx, key).Result()
		for field, value := range all {
			all[field] = redisstore.Unpacked(value)
		}
		return all, err
	case "list":
		all, err := c.LRange(ctx, key, 0, -1).Result()
		for i, line := range all {
			all[i] = redisstore.Unpacked(line)
		}
		return all, err
	case "set":
		return c.SMembers(ctx, key).Result()
	case "zset":
		return c.ZRangeWithScores(ctx, key, 0, -1).Result()
	case "none":
		return nil, nil // it went away meanwhile
	}
	return nil, fmt.Errorf("it is a %s, which this cannot read", kind)
}
