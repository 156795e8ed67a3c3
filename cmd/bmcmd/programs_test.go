package main

import (
	"bufio"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// programs is the folder of the three binaries that the tests start.
var programs string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "bmcmd-test-")
	if err != nil {
		panic(err)
	}
	programs = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

var build = sync.OnceValues(func() (world.Programs, error) { return world.Build(programs) })

// built gives the programs, built once.
func built(t testing.TB) world.Programs {
	t.Helper()
	p, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// program gives the path of a built program.
func program(t testing.TB, name string) string {
	t.Helper()
	return built(t).Path(name)
}

// lines gives each line of a text that is not empty.
func lines(text string) (out []string) {
	s := bufio.NewScanner(strings.NewReader(text))
	for s.Scan() {
		if l := strings.TrimSpace(s.Text()); l != "" {
			out = append(out, l)
		}
	}
	return out
}
