package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must come. It is long for machines
// that are busy; nothing waits for it to pass.
const patience = 60 * time.Second

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

// build builds bmcmd as anybody would, and the simulators, once.
var build = sync.OnceValue(func() error {
	c := exec.Command("go", "build", "-o", programs, ".", module+"/bot/slacksim/slacksimd", module+"/bmclient/bmtest/bmtestd")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
})

// program gives the path of a built program.
func program(t testing.TB, name string) string {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(programs, name)
}

// process is a started program.
type process struct {
	t      testing.TB
	name   string
	cmd    *exec.Cmd
	stdout *buffer
	stderr *buffer
	ended  chan struct{} // closed once it has, with err set
	err    error
}

// start starts a program that ends with the test at the latest. Its environment
// holds a PATH and nothing else.
func start(t testing.TB, path string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: filepath.Base(path), stdout: &buffer{}, stderr: &buffer{}, ended: make(chan struct{})}
	p.cmd = exec.Command(path, args...)
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	p.cmd.Dir = t.TempDir()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.err = p.cmd.Wait(); close(p.ended) }()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s (%d) wrote:\n%s%s", p.name, p.cmd.Process.Pid, p.stdout, tail(p.stderr.String(), 60))
		}
	})
	return p
}

func tail(text string, n int) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// kill is kill -9, and waits for the end.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// term is what an orchestrator sends. The program is to end by itself.
func (p *process) term() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	if err := p.wait(patience); err != nil {
		p.t.Fatalf("%s ended with %v after SIGTERM", p.name, err)
	}
}

// logs waits until standard error holds the text.
func (p *process) logs(text string) {
	p.t.Helper()
	until(p.t, p.name+" logs "+text, func() (string, bool) {
		log := p.stderr.String()
		return log, strings.Contains(log, text)
	})
}

var errRuns = errors.New("it still runs")

// wait waits for the end and returns how it ended.
func (p *process) wait(d time.Duration) error {
	select {
	case <-p.ended:
		return p.err
	case <-time.After(d):
		return errRuns
	}
}

// line waits for a line of standard output that begins with prefix and gives the rest.
func (p *process) line(prefix string) (rest string) {
	p.t.Helper()
	until(p.t, p.name+" prints "+prefix, func() (string, bool) {
		for l := range strings.Lines(p.stdout.String()) {
			if r, ok := strings.CutPrefix(l, prefix); ok && strings.HasSuffix(r, "\n") {
				rest = strings.TrimSpace(r)
				return "", true
			}
		}
		select {
		case <-p.ended:
			p.t.Fatalf("%s ended: %v\n%s", p.name, p.err, p.stderr)
		default:
		}
		return p.stdout.String(), false
	})
	return rest
}

// until looks again and again until what is awaited is so. look says what is there
// instead.
func until(t testing.TB, what string, look func() (got string, ok bool)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		got, ok := look()
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s; there is:\n%s", what, got)
		case <-tick.C:
		}
	}
}

// buffer is what a program wrote so far.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
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

func write(t testing.TB, file, text string) string {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func read(t testing.TB, r io.Reader) []byte {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
