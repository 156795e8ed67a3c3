package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// folder is of the programs, which are built once for all tests, with the points.
var folder string

var program = sync.OnceValues(func() (world.Programs, error) { return world.Build(folder, "experiment") })

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "bmcmd-experiments-test-")
	if err != nil {
		panic(err)
	}
	folder = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func programs(t *testing.T) world.Programs {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("there is no redis-server in PATH")
	}
	p, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestCrash kills replicas where it matters most, and once at every kind of time. The
// long run is the command's.
func TestCrash(t *testing.T) {
	var out, log bytes.Buffer
	c := crash{
		programs: programs(t), seed: 1, batch: 100, atOnce: 16, out: &out, log: &log,
		dealt: map[string]int{
			"store.swap.claim:after": 3, "cloud.run:before": 3, "cloud.run:after": 3, "store.swap.answer:before": 3,
			"store.create:after": 1, "typed:after": 1, "board.post:after": 1, "store.swap.vote:after": 1,
			"store.swap.answer:after": 1, "board.notify:after": 1, asRandom: 2,
			"store.swap.stop:after": 1, "cloud.stop:after": 1, "store.swap.stopped:after": 1,
		},
	}
	err := c.run(t.Context())
	t.Logf("%s%s", log.String(), out.String())
	if err != nil {
		t.Fatal(err)
	}
	if n := sum(c.total.kills); n < 20 {
		t.Errorf("%d replicas were killed, want 20 at least", n)
	}
	if c.total.stopped == 0 {
		t.Error("nothing was stopped")
	}
	if c.total.unknown == 0 || c.total.ran == 0 {
		t.Errorf("%d unknown, %d ran: nothing was put to the test", c.total.unknown, c.total.ran)
	}
}

// TestFlood types a few commands at once while a replica is killed.
func TestFlood(t *testing.T) {
	for name, mentions := range map[string]bool{"commands": false, "mentions": true} {
		t.Run(name, func(t *testing.T) {
			var out, log bytes.Buffer
			f := flood{programs: programs(t), commands: 150, atOnce: 32, mentions: mentions, api: map[bool]string{false: "tat", true: "2.0"}[mentions], out: &out, log: &log}
			err := f.run(t.Context())
			t.Logf("%s%s", log.String(), out.String())
			if err != nil {
				t.Fatal(err)
			}
			if !regexp.MustCompile(`(?m)^acks +150 `).MatchString(out.String()) {
				t.Errorf("not each of 150 was acked: %s", out.String())
			}
		})
	}
}

// TestShippedHasNoPoints holds that a bmcmd that is built as people build it has
// nothing of the experiments, and that looking for it finds it where it is.
func TestShippedHasNoPoints(t *testing.T) {
	shipped, err := world.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	tagged, err := program()
	if err != nil {
		t.Fatal(err)
	}
	for _, mark := range []string{"BMCMD_EXPERIMENT", "pointedStore"} {
		for p, want := range map[world.Programs]bool{shipped: false, tagged: true} {
			data, err := os.ReadFile(p.Path("bmcmd"))
			if err != nil {
				t.Fatal(err)
			}
			if got := bytes.Contains(data, []byte(mark)); got != want {
				t.Errorf("%s holds %s: %t, want %t", p, mark, got, want)
			}
		}
	}
}

// TestStage holds that a stage that ends in the middle of something leaves nothing.
func TestStage(t *testing.T) {
	var dir string
	var order []string
	var log bytes.Buffer
	err := onStage(context.Background(), &log, func(s *stage) {
		dir = s.TempDir()
		s.Cleanup(func() { order = append(order, "first") })
		s.Cleanup(func() { order = append(order, "last") })
		s.Fatalf("no more %s", "of this")
		t.Error("it went on")
	})
	if err == nil || !strings.Contains(err.Error(), "no more of this") || strings.Join(order, " ") != "last first" {
		t.Errorf("%v, cleaned up %q", err, order)
	}
	if _, err := os.Stat(filepath.Dir(dir)); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}
