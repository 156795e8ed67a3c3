package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/bmcmd/bmcmd/bmclient"
)

// API is what is read; [bmclient.Client] is one.
type API interface {
	Tasks(ctx context.Context, p bmclient.Page) (bmclient.TaskList, error)
	EachHost(ctx context.Context, task string, each func(bmclient.HostRun) error) (total int, err error)
}

const (
	// PagesAMinute is how many pages of the list a process reads in any minute, those for marks included: some at
	// once, the others evenly.
	PagesAMinute = 30
	forMarks     = 10
	atOnce       = 5

	firstPage = 20 // rows: most readings need only the newest
	mostPages = 25 // of one reading
	readFor   = 2 * time.Minute
	fresh     = time.Second // a reading that has ended since is not made again
)

// ErrTooDeep says that the list was not read as far back as was asked for.
var ErrTooDeep = fmt.Errorf("%w: the list of tasks has more pages than are read", bmclient.ErrTooLong)

var errShort = errors.New("the list of tasks has fewer rows than it says")

// Ledger reads the list of tasks for all runs of a process. Its methods may be called at the
// same time.
type Ledger struct {
	life context.Context
	api  API

	mu      sync.Mutex
	deep    lane
	head    lane // for marks: they need the newest page only, and do not wait for who needs more
	changed chan struct{}
	known   map[string]*task
	bytes   int // that known may hold, about
}

// lane is where one reading comes after the other.
type lane struct {
	pace   *rate.Limiter
	newest sight // of the newest reading, as far as that is
	before sight // of the one before
	going  bool
	began  time.Time // of the newest reading, by the local clock
	depth  time.Time // how far back it has to go
	pages  int       // of the one before, which the next will need, too
	err    error     // why it ended early
}

// sight is what a reading has seen of the list so far.
type sight struct {
	began time.Time // by the local clock; zero: there was no reading
	shown time.Time
	since time.Time // by the API's: all tasks that have begun since then are in it
	tasks []bmclient.Task
}

func (s sight) has(since, asOf time.Time) bool {
	return !s.began.IsZero() && !s.began.Before(asOf) && !s.since.After(since)
}

// New makes a ledger of an API's list. It reads nothing until somebody asks, and nothing once
// life has ended.
func New(life context.Context, api API) *Ledger {
	pace := func(aMinute int) *rate.Limiter {
		return rate.NewLimiter(rate.Every(time.Minute/time.Duration(aMinute-atOnce)), atOnce)
	}
	return &Ledger{
		life: life, api: api, deep: lane{pace: pace(PagesAMinute - forMarks)}, head: lane{pace: pace(forMarks)},
		changed: make(chan struct{}), known: map[string]*task{},
	}
}

// Tasks are the tasks that have begun since then, and maybe older ones, as the list had them at
// asOf or later: what a reading that began then has seen is used if it is fresh, or waited for, together
// with all others who wait. Two of the same second come in any order. Errors are those of the API, wrap
// [ErrTooDeep], or are the context's.
func (l *Ledger) Tasks(ctx context.Context, since, asOf time.Time) ([]bmclient.Task, error) {
	return l.in(ctx, &l.deep, since, asOf, fresh)
}

// Had is Tasks for those who want to know what there was at asOf, however long ago that was read.
func (l *Ledger) Had(ctx context.Context, since, asOf time.Time) ([]bmclient.Task, error) {
	return l.in(ctx, &l.deep, since, asOf, max(fresh, time.Since(asOf)))
}

// in waits in a lane for a reading, unless one was shown there no longer ago than age.
func (l *Ledger) in(ctx context.Context, lane *lane, since, asOf time.Time, age time.Duration) ([]bmclient.Task, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	asked, joined := time.Now(), time.Time{}
	for shownSince := asked.Add(-age); ; shownSince = asked {
		for _, s := range []sight{lane.newest, lane.before} {
			if s.has(since, asOf) && !s.shown.Before(shownSince) {
				return s.tasks, nil
			}
		}
		switch inTime := !lane.began.Before(asOf); {
		case lane.going && inTime:
			joined, lane.depth = lane.began, earlier(lane.depth, since)
		case lane.going: // and after it a new one
		case lane.err != nil && inTime && !lane.depth.After(since) && (lane.began.Equal(joined) || time.Since(lane.began) < fresh):
			return nil, lane.err
		default:
			joined = time.Now()
			lane.going, lane.began, lane.depth, lane.err = true, joined, since, nil
			go l.read(lane, joined)
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		l.mu.Lock()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// read reads the list for all who wait: so it does not end with one of them.
func (l *Ledger) read(lane *lane, began time.Time) {
	ctx, cancel := context.WithTimeout(l.life, readFor)
	defer cancel()
	err := l.pages(ctx, lane, began)
	l.mu.Lock()
	defer l.mu.Unlock()
	lane.going, lane.err = false, err
	l.wake()
}

func (l *Ledger) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// pages reads from the newest task on, as far back as those need who wait by then.
func (l *Ledger) pages(ctx context.Context, lane *lane, began time.Time) error {
	s := sight{began: began}
	seen := map[string]bool{}
	at, limit, inOrder, last := 0, firstPage, true, endOfTime
	if lane.pages > 1 {
		limit = bmclient.LargestPage
	}
	for lane.pages = 1; lane.pages <= mostPages; lane.pages++ {
		if err := lane.pace.Wait(ctx); err != nil {
			return err
		}
		list, err := l.api.Tasks(ctx, bmclient.Page{Offset: at, Limit: limit})
		if err != nil {
			return err
		}
		for _, t := range list.Tasks {
			if !seen[t.ID] {
				seen[t.ID] = true
				s.tasks = append(s.tasks, t)
				inOrder = inOrder && !t.Begun.After(last)
			}
		}
		at += len(list.Tasks) // the API may give fewer than asked for
		switch {
		case at >= list.Total:
			s.since = time.Time{}
			l.show(lane, s)
			return nil
		case len(list.Tasks) == 0:
			return errShort
		}
		if last = reaches(list.Tasks); last.IsZero() {
			inOrder = false
		}
		if inOrder && last.Before(newest(s.tasks)) {
			s.since = last.Add(1)
			if l.show(lane, s) {
				return nil
			}
		}
		limit = bmclient.LargestPage
	}
	return ErrTooDeep
}

// show has those who wait see what was read, and reports whether that is enough for all.
func (l *Ledger) show(lane *lane, s sight) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !lane.newest.began.Equal(s.began) {
		lane.before = lane.newest
	}
	s.shown = time.Now()
	lane.newest = s
	l.wake()
	return s.has(lane.depth, s.began)
}

// reaches is how far back a page goes, newest first as it should be: the last second of which it may
// lack something. Zero: it is in no order, so that cannot be said. A row without a time says nothing.
func reaches(page []bmclient.Task) (last time.Time) {
	for _, t := range page {
		switch {
		case t.Begun.IsZero():
		case !last.IsZero() && t.Begun.After(last):
			return time.Time{}
		default:
			last = t.Begun
		}
	}
	return last
}

func newest(tasks []bmclient.Task) (at time.Time) {
	for _, t := range tasks {
		if t.Begun.After(at) {
			at = t.Begun
		}
	}
	return at
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
