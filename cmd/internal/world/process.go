package world

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Patience is how long is waited for what must come. It is long for machines that are
// busy; nothing waits for it to pass.
const Patience = 60 * time.Second

// Process is a started program.
type Process struct {
	Name   string
	Cmd    *exec.Cmd
	Stdout *Buffer
	Stderr *Buffer
	Ended  chan struct{} // closed once it has

	t   T
	err error // how it ended, once it has
}

// Start starts a program that ends with the test at the latest. Its environment holds
// a PATH, what env adds ("NAME=value"), and nothing else.
func Start(t T, env []string, path string, args ...string) *Process {
	t.Helper()
	p := &Process{t: t, Name: filepath.Base(path), Stdout: &Buffer{}, Stderr: &Buffer{}, Ended: make(chan struct{})}
	p.Cmd = exec.Command(path, args...)
	p.Cmd.Stdout, p.Cmd.Stderr = p.Stdout, p.Stderr
	p.Cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	p.Cmd.Dir = "/"
	if err := p.Cmd.Start(); err != nil {
		t.Fatalf("%s: %v", p.Name, err)
	}
	go func() { p.err = p.Cmd.Wait(); close(p.Ended) }()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s (%d) wrote:\n%s%s", p.Name, p.PID(), p.Stdout, tail(p.Stderr.String(), 60))
		}
	})
	return p
}

func tail(text string, n int) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// PID is the process's id, also after its end.
func (p *Process) PID() int { return p.Cmd.Process.Pid }

// HasEnded reports whether it has.
func (p *Process) HasEnded() bool {
	select {
	case <-p.Ended:
		return true
	default:
		return false
	}
}

// Kill is kill -9, and waits for the end. Whoever has ended already is left alone.
func (p *Process) Kill() {
	_ = p.Cmd.Process.Kill()
	<-p.Ended
}

// Freeze is SIGSTOP: nothing in it goes on, its connections stay, until Thaw or Kill.
func (p *Process) Freeze() { p.signal(syscall.SIGSTOP) }

// Thaw is SIGCONT.
func (p *Process) Thaw() { p.signal(syscall.SIGCONT) }

// Term is what an orchestrator sends. The program is to end by itself, well.
func (p *Process) Term() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	if err := p.Wait(Patience); err != nil {
		p.t.Fatalf("%s ended with %v after SIGTERM", p.Name, err)
	}
}

func (p *Process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.Cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("%s: %v: %v", p.Name, s, err)
	}
}

// Logs waits until standard error holds the text.
func (p *Process) Logs(text string) {
	p.t.Helper()
	Until(p.t, p.Name+" logs "+text, func() (string, bool) {
		log := p.Stderr.String()
		return log, strings.Contains(log, text)
	})
}

// ErrRuns says that a program has not ended in time.
var ErrRuns = errors.New("it still runs")

// Wait waits for the end and returns how it ended: nil for exit status 0, an
// [exec.ExitError], or [ErrRuns].
func (p *Process) Wait(d time.Duration) error {
	select {
	case <-p.Ended:
		return p.err
	case <-time.After(d):
		return ErrRuns
	}
}

// Line waits for a line of standard output that begins with prefix and gives the rest.
func (p *Process) Line(prefix string) (rest string) {
	p.t.Helper()
	Until(p.t, p.Name+" prints "+prefix, func() (string, bool) {
		for l := range strings.Lines(p.Stdout.String()) {
			if r, ok := strings.CutPrefix(l, prefix); ok && strings.HasSuffix(r, "\n") {
				rest = strings.TrimSpace(r)
				return "", true
			}
		}
		if p.HasEnded() {
			p.t.Fatalf("%s ended: %v\n%s", p.Name, p.err, p.Stderr)
		}
		return p.Stdout.String(), false
	})
	return rest
}

// Until looks again and again until what is awaited is so. look says what is there
// instead.
func Until(t T, what string, look func() (got string, ok bool)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
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

// Buffer is what a program wrote so far.
type Buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// Write writes a file that nobody else may read, and gives its path.
func Write(t T, file, text string) string {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	return file
}
