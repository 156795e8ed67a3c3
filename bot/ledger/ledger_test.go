package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bmcmd/bmcmd/bmclient"
)

// api is a list of tasks in memory, newest first, and what is asked of it.
type api struct {
	mu    sync.Mutex
	tasks []bmclient.Task
	rows  map[string][]bmclient.HostRun
	most  int // rows of a page; 0: any number
	wait  time.Duration
	err   error
	asked []time.Time
	read  []string
}

var t0 = time.Date(1999, 12, 31, 22, 0, 0, 0, time.UTC) // before a bubble begins

// began has tasks begin at these seconds, the newest last.
func began(seconds ...int) *api {
	a := &api{rows: map[string][]bmclient.HostRun{}}
	for i, s := range seconds {
		a.tasks = append(a.tasks, bmclient.Task{ID: fmt.Sprintf("t%d", i), CmdID: "cmd-1", Hosts: 1, Begun: t0.Add(time.Duration(s) * time.Second)})
	}
	slices.Reverse(a.tasks)
	return a
}

func every(n int) (seconds []int) {
	for i := range n {
		seconds = append(seconds, i)
	}
	return seconds
}

func (a *api) Tasks(ctx context.Context, p bmclient.Page) (bmclient.TaskList, error) {
	a.mu.Lock()
	a.asked = append(a.asked, time.Now())
	err, wait := a.err, a.wait
	a.mu.Unlock()
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return bmclient.TaskList{}, ctx.Err()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	limit := p.Limit
	if a.most > 0 {
		limit = min(limit, a.most)
	}
	n := len(a.tasks)
	return bmclient.TaskList{Total: n, Tasks: slices.Clone(a.tasks[min(p.Offset, n):min(p.Offset+limit, n)])}, err
}

func (a *api) EachHost(_ context.Context, task string, each func(bmclient.HostRun) error) (int, error) {
	a.mu.Lock()
	a.read = append(a.read, task)
	rows := a.rows[task]
	a.mu.Unlock()
	for _, h := range rows {
		if err := each(h); err != nil {
			return 0, err
		}
	}
	return len(rows), a.err
}

func (a *api) calls() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.asked)
}

func bubble(t *testing.T, a *api, f func(t *testing.T, l *Ledger)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, New(t.Context(), a)) })
}

// A reading goes as far back as was asked for, and no further; what it has not read is an error.
func TestHowFarBack(t *testing.T) {
	shuffled := began(every(150)...)
	slices.Reverse(shuffled.tasks)
	small := began(every(150)...)
	small.most = 30
	for _, tt := range []struct {
		why   string
		api   *api
		since int // second
		calls int
		has   int // tasks at least
		err   error
	}{
		{"the newest page is enough", began(every(1000)...), 985, 1, 15, nil},
		{"one more page", began(every(1000)...), 950, 2, 50, nil},
		{"many", began(every(1000)...), 500, 6, 500, nil},
		{"the whole list", began(every(150)...), -10, 3, 150, nil},
		{"an empty list", began(), 0, 1, 0, nil},
		{"in the wrong order: all of it", shuffled, 100, 3, 50, nil},
		{"small pages", small, 60, 4, 90, nil},
		{"many of one second at the page's end", began(slices.Concat(every(10), slices.Repeat([]int{10}, 30), []int{11})...), 10, 2, 31, nil},
		{"deeper than is read", began(every(5000)...), 0, mostPages, 0, ErrTooDeep},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble(t, tt.api, func(t *testing.T, l *Ledger) {
				since := t0.Add(time.Duration(tt.since) * time.Second)
				tasks, err := l.Tasks(t.Context(), since, time.Now())
				if !errors.Is(err, tt.err) || tt.api.calls() != tt.calls {
					t.Fatalf("%d calls, error %v", tt.api.calls(), err)
				}
				n := 0
				for _, task := range tasks {
					if !task.Begun.Before(since) {
						n++
					}
				}
				if n < tt.has {
					t.Errorf("%d of %d tasks", n, tt.has)
				}
			})
		})
	}
}

// Those who ask at the same time share a reading, each as deep as they need; one that is too old
// is not used.
func TestReadingsAreShared(t *testing.T) {
	a := began(every(1000)...)
	a.wait = 100 * time.Millisecond
	bubble(t, a, func(t *testing.T, l *Ledger) {
		asked := time.Now()
		took := map[int]time.Duration{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for _, since := range []int{990, 700, 990, 950} {
			all.Go(func() {
				if _, err := l.Tasks(t.Context(), t0.Add(time.Duration(since)*time.Second), asked); err != nil {
					t.Error(err)
				}
				mu.Lock()
				took[since] = time.Since(asked)
				mu.Unlock()
			})
		}
		all.Wait()
		if a.calls() != 4 || took[990] != 100*time.Millisecond || took[950] != 200*time.Millisecond || took[700] != 400*time.Millisecond {
			t.Errorf("%d calls, took %v", a.calls(), took)
		}
		if _, err := l.Tasks(t.Context(), t0.Add(700*time.Second), asked); err != nil || a.calls() != 4 {
			t.Errorf("%d calls for what is known, error %v", a.calls(), err)
		}
		time.Sleep(time.Second)
		if _, err := l.Tasks(t.Context(), t0.Add(990*time.Second), time.Now()); err != nil || a.calls() != 5 {
			t.Errorf("%d calls after one that is to be new, error %v", a.calls(), err)
		}
	})
}

// However many ask, in no minute are there more calls than promised.
func TestPagesAMinute(t *testing.T) {
	a := began(every(400)...)
	a.wait = 20 * time.Millisecond
	bubble(t, a, func(t *testing.T, l *Ledger) {
		for i := range 100 {
			go func() {
				for range 20 {
					_, _ = l.Tasks(t.Context(), t0.Add(time.Duration(300+i)*time.Second), time.Now())
					time.Sleep(time.Duration(i) * time.Millisecond)
				}
			}()
		}
		time.Sleep(10 * time.Minute)
		a.mu.Lock()
		defer a.mu.Unlock()
		for i := range a.asked {
			if j := i + PagesAMinute; j < len(a.asked) && a.asked[j].Sub(a.asked[i]) < time.Minute {
				t.Fatalf("%d calls in %s", PagesAMinute+1, a.asked[j].Sub(a.asked[i]))
			}
		}
		if len(a.asked) < 40 {
			t.Errorf("%d calls", len(a.asked))
		}
	})
}

// An error is for those who waited; who asks later has the list read again.
func TestAReadingThatFails(t *testing.T) {
	a := began(1, 2)
	a.err = errors.New("503")
	bubble(t, a, func(t *testing.T, l *Ledger) {
		if _, err := l.Tasks(t.Context(), t0, time.Now()); !errors.Is(err, a.err) {
			t.Errorf("error %v", err)
		}
		if _, err := l.Mark(t.Context(), "cmd-1"); !errors.Is(err, a.err) {
			t.Errorf("mark: %v", err)
		}
		a.err = nil
		time.Sleep(time.Second)
		read := time.Now()
		if tasks, err := l.Tasks(t.Context(), t0, read); err != nil || len(tasks) != 2 {
			t.Errorf("%v, error %v", tasks, err)
		}
		a.err = errors.New("503")
		time.Sleep(10 * time.Second)
		if tasks, err := l.Tasks(t.Context(), t0, read); err == nil {
			t.Errorf("what was read long before is taken for news: %v", tasks)
		}
	})
}

// A mark needs the newest page, and does not wait for those who need many.
func TestAMarkDoesNotWaitForDeepReadings(t *testing.T) {
	a := began(every(2000)...)
	bubble(t, a, func(t *testing.T, l *Ledger) {
		go func() { _, _ = l.Tasks(t.Context(), t0, time.Now()) }()
		time.Sleep(20 * time.Second)
		asked := time.Now()
		if m, err := l.Mark(t.Context(), "cmd-1"); err != nil || !m.At.Equal(t0.Add(1994*time.Second)) || time.Since(asked) > 0 {
			t.Errorf("%+v after %s, error %v", m, time.Since(asked), err)
		}
	})
}

// Who waits no longer gets their context's error, and the reading goes on for the others.
func TestWhoWaitsNoLonger(t *testing.T) {
	a := began(1, 2)
	a.wait = 10 * time.Second
	bubble(t, a, func(t *testing.T, l *Ledger) {
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		asked := time.Now()
		if _, err := l.Tasks(short, t0, asked); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if tasks, err := l.Tasks(t.Context(), t0, asked); err != nil || len(tasks) != 2 || a.calls() != 1 {
			t.Errorf("%v, %d calls, error %v", tasks, a.calls(), err)
		}
	})
}

func TestMark(t *testing.T) {
	a := began(1, 5, 5, 5)
	a.tasks[1].CmdID = "cmd-2"
	a.tasks = append(a.tasks, bmclient.Task{ID: "timeless", CmdID: "cmd-1"})
	ahead := bmclient.Task{ID: "ahead", CmdID: "cmd-2", Begun: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)} // its clock is wrong
	a.tasks = append([]bmclient.Task{ahead}, a.tasks...)
	bubble(t, a, func(t *testing.T, l *Ledger) {
		m, err := l.Mark(t.Context(), "cmd-1")
		if err != nil || !m.At.Equal(t0) || !slices.Equal(m.Tasks, []string{"t0", "t1", "t3", "timeless"}) {
			t.Fatalf("%+v, error %v", m, err)
		}
		for _, tt := range []struct {
			id    string
			begun time.Time
			want  bool
			why   string
		}{
			{"t1", t0.Add(5 * time.Second), true, "it was in the list"},
			{"timeless", time.Time{}, true, "it was in the list, although nobody knows when it began"},
			{"new", t0.Add(5 * time.Second), false, "it has begun in the second of the newest"},
			{"late", t0.Add(time.Second), false, "clocks may lie apart so far"},
			{"old", t0.Add(-time.Second), true, "it is older than all that clocks may lie apart"},
		} {
			if m.Has(tt.id, tt.begun) != tt.want {
				t.Errorf("%s: %v", tt.why, !tt.want)
			}
		}
		// A list that cannot be read for a moment: what was read a few seconds ago is better than nothing.
		a.err = errors.New("503")
		for _, tt := range []struct {
			after time.Duration
			ok    bool
		}{{4 * time.Second, true}, {5 * time.Second, true}, {2 * time.Second, false}} {
			time.Sleep(tt.after)
			if _, err := l.Mark(t.Context(), "cmd-1"); (err == nil) != tt.ok {
				t.Errorf("after %s: %v", tt.after, err)
			}
		}
	})
}

// What the hosts of a task say is read again until it cannot change.
func TestHostsAreReadOnce(t *testing.T) {
	for _, tt := range []struct {
		why   string
		ended bool
		row   bmclient.HostRun
		count int
		reads int
	}{
		{"it has ended", true, bmclient.HostRun{Host: "ins-1", State: bmclient.HostEnded, Output: []byte("done")}, 1, 1},
		{"it runs", false, bmclient.HostRun{Host: "ins-1", State: bmclient.HostRunning}, 1, 3},
		{"the list says that it has ended, and its host does not", true, bmclient.HostRun{Host: "ins-1", State: bmclient.HostRunning}, 1, 3},
		{"a row is missing", true, bmclient.HostRun{Host: "ins-1", State: bmclient.HostEnded}, 2, 3},
		{"it printed much", true, bmclient.HostRun{Host: "ins-1", State: bmclient.HostEnded, Output: make([]byte, 1<<20)}, 1, 3},
	} {
		t.Run(tt.why, func(t *testing.T) {
			a := began(1)
			a.tasks[0].Ended, a.tasks[0].Hosts = tt.ended, tt.count
			a.rows["t0"] = []bmclient.HostRun{tt.row}
			bubble(t, a, func(t *testing.T, l *Ledger) {
				if _, err := l.Tasks(t.Context(), t0, time.Now()); err != nil {
					t.Fatal(err)
				}
				for range 3 {
					var got []bmclient.HostRun
					n, err := l.EachHost(t.Context(), "t0", func(h bmclient.HostRun) error { got = append(got, h); return nil })
					if err != nil || n != 1 || len(got) != 1 || len(got[0].Output) != len(tt.row.Output) {
						t.Errorf("%d, %v, error %v", n, got, err)
					}
				}
				if len(a.read) != tt.reads {
					t.Errorf("read %d times, want %d", len(a.read), tt.reads)
				}
				whole := tt.count == 1
				if l.Elsewhere("t0", []string{"ins-2"}) != whole || l.Elsewhere("t0", []string{"ins-1", "ins-2"}) {
					t.Errorf("elsewhere: %v, %v", l.Elsewhere("t0", []string{"ins-2"}), l.Elsewhere("t0", []string{"ins-1", "ins-2"}))
				}
			})
		})
	}
}
