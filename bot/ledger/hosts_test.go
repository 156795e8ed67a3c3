package ledger

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bmcmd/bmcmd/bmclient"
)

type hanging struct{}

func (hanging) Tasks(context.Context, bmclient.Page) (bmclient.TaskList, error) {
	return bmclient.TaskList{}, nil
}

func (hanging) EachHost(ctx context.Context, _ string, _ func(bmclient.HostRun) error) (int, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

// Those who wait for another's reading of a task's hosts wait no longer than they meant to.
func TestRowsHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(t.Context(), hanging{})
		var all sync.WaitGroup
		var mu sync.Mutex
		var longest time.Duration
		for range 10 {
			all.Go(func() {
				began := time.Now()
				ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
				defer cancel()
				_, _ = l.EachHost(ctx, "t", func(bmclient.HostRun) error { return nil })
				mu.Lock()
				longest = max(longest, time.Since(began))
				mu.Unlock()
			})
		}
		all.Wait()
		if longest > 200*time.Millisecond {
			t.Errorf("with 200 ms each, one of 10 waited %v", longest)
		}
	})
}

// What is remembered of tasks whose list gives no counts is bounded.
func TestKnownGrows(t *testing.T) {
	l := New(t.Context(), hanging{})
	for i := range 200_000 {
		l.Elsewhere(fmt.Sprint("cmdtask-", i), []string{"ins-1"})
	}
	if n := len(l.known); n > 100_000 {
		t.Errorf("%d tasks are remembered, of which nothing is known", n)
	}
}
