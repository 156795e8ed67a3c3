package load

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// folder is of the programs, which are built once for all tests.
var folder string

var programs = sync.OnceValues(func() (world.Programs, error) {
	p, err := world.Build(folder, "experiment")
	if err == nil {
		err = p.Add(nil, "cmd/bmcmd-experiments/yardstick")
	}
	return p, err
})

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "bmcmd-load-test-")
	if err != nil {
		panic(err)
	}
	folder = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func built(t *testing.T) world.Programs {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("there is no redis-server in PATH")
	}
	p, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestLoad measures next to nothing, but all of it: what is promised is that the tables are
// whole, and that nothing in them comes from a run that went otherwise than it should.
func TestLoad(t *testing.T) {
	p := built(t)
	var out, log bytes.Buffer
	e := Experiment{
		APIs: []string{"2.0"}, AtOnce: []int{2}, Runs: 2, Single: 1, Idle: time.Millisecond, Delay: 10 * time.Millisecond, Setting: "confirm_for: 3s",
		Open: 20, Finished: 30, Tasks: 10, Profile: t.TempDir() + "/profile", Log: &log,
	}
	steps := 0
	err := e.Run(&out, p, func(do func(world.T)) error {
		steps++
		if !t.Run(fmt.Sprint("step ", steps), func(t *testing.T) { do(t) }) {
			return errors.New("a step could not go on")
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	got := out.String()
	for _, want := range []string{"appendfsync always", "On 2.0", "One run after the other", "With 10ms on each call", "With 20 open and 30 finished"} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %q", want)
		}
	}
	if strings.Contains(got, "FAILED") || steps != 6 {
		t.Errorf("not each of 6 steps is whole:\n%s", &log)
	}
	if at, err := os.Stat(e.Profile); err != nil || at.Size() == 0 {
		t.Errorf("there is no profile: %v", err)
	}
	t.Logf("\n%s", got)
}

// TestBooks holds what counts as a trip and as kept, and what of it is not the bot's.
func TestBooks(t *testing.T) {
	w := world.New(t, built(t), world.Settings{})
	client, watcher := w.Redis.Client(), w.Redis.Client()
	t.Cleanup(func() { _, _ = client.Close(), watcher.Close() })
	ctx, b := t.Context(), newBooks(watcher)
	for _, c := range []*redis.Client{client, watcher} { // that they connect is no trip of anything
		ping := func(p redis.Pipeliner) error { return p.Ping(ctx).Err() }
		if _, err := c.Pipelined(ctx, ping); err != nil || c.Ping(ctx).Err() != nil {
			t.Fatal(err)
		}
	}
	set := func(key string, ttl time.Duration) error { return client.Set(ctx, key, "value", ttl).Err() }
	for _, tt := range []struct {
		why        string
		do         func() error
		trips, new int64
	}{
		{"nothing", func() error { return nil }, 0, 0},
		{"a command is a trip, and a key is kept with its name", func() error { return set("key", 0) }, 1, 8},
		{"what is gone within the hour is not kept", func() error { return set("soon", time.Minute) }, 1, 0},
		{"what stays for longer is", func() error { return set("month", 30*24*time.Hour) }, 1, 10},
		{"a pipeline is one", func() error {
			_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
				p.HSet(ctx, "hash", "field", "v")
				p.ZAdd(ctx, "zset", redis.Z{Member: "m"})
				p.RPush(ctx, "list", "one")
				return p.SAdd(ctx, "set", "a").Err()
			})
			return err
		}, 1, 4 + 6 + 4 + 1 + 8 + 4 + 3 + 3 + 1},
		{"a script is one", func() error {
			return client.Eval(ctx, "redis.call('PING') redis.call('PING') return 1", nil).Err()
		}, 1, 0},
		{"the watcher's own are none", func() error { return watcher.Ping(ctx).Err() }, 0, 0},
	} {
		before, beforeKept := read(t, b)
		if err := tt.do(); err != nil {
			t.Fatal(err)
		}
		after, afterKept := read(t, b)
		if got := after.less(before).trips; got != tt.trips {
			t.Errorf("%s: %d trips, want %d", tt.why, got, tt.trips)
		}
		if got := afterKept.less(beforeKept).bytes; got != tt.new {
			t.Errorf("%s: %d bytes are kept, want %d", tt.why, got, tt.new)
		}
	}
}

func read(t *testing.T, b *books) (traffic, size) {
	t.Helper()
	kept, err := b.kept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at, err := b.traffic(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return at, kept
}
