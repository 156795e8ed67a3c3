package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
)

// errStage says that the experiment itself broke, not what it looks at.
var errStage = errors.New("the experiment could not go on")

// stage is the world.T of a program: what a world starts lives on it until it is closed.
type stage struct {
	ctx context.Context
	end context.CancelCauseFunc
	log io.Writer
	dir string

	mu       sync.Mutex
	dirs     int
	cleanups []func()
}

// onStage does something on a stage of its own and takes the stage down. The error is
// what the stage says, or ctx's.
func onStage(ctx context.Context, log io.Writer, do func(*stage)) error {
	dir, err := os.MkdirTemp("", "bmcmd-experiment-")
	if err != nil {
		return err
	}
	s := &stage{log: log, dir: dir}
	s.ctx, s.end = context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() { // Fatalf ends a goroutine, and must not be the caller's
		defer close(done)
		do(s)
	}()
	<-done
	err = context.Cause(s.ctx)
	s.close()
	return err
}

func (s *stage) close() {
	s.end(nil)
	for {
		s.mu.Lock()
		n := len(s.cleanups)
		if n == 0 {
			s.mu.Unlock()
			break
		}
		last := s.cleanups[n-1]
		s.cleanups = s.cleanups[:n-1]
		s.mu.Unlock()
		last()
	}
	_ = os.RemoveAll(s.dir)
}

func (s *stage) Helper()                  {}
func (s *stage) Context() context.Context { return s.ctx }
func (s *stage) Failed() bool             { return s.ctx.Err() != nil && errors.Is(context.Cause(s.ctx), errStage) }

func (s *stage) Logf(format string, args ...any) { fmt.Fprintf(s.log, format+"\n", args...) }

func (s *stage) Errorf(format string, args ...any) {
	s.end(fmt.Errorf("%w: %s", errStage, fmt.Sprintf(format, args...)))
}

func (s *stage) Fatalf(format string, args ...any) {
	s.Errorf(format, args...)
	runtime.Goexit()
}

func (s *stage) Skip(args ...any) { s.Fatalf("%s", fmt.Sprint(args...)) }

func (s *stage) Cleanup(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleanups = append(s.cleanups, f)
}

func (s *stage) TempDir() string {
	s.mu.Lock()
	s.dirs++
	dir := filepath.Join(s.dir, strconv.Itoa(s.dirs))
	s.mu.Unlock()
	if err := os.Mkdir(dir, 0o700); err != nil {
		s.Fatalf("%v", err)
	}
	return dir
}
