package quota

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bot"
)

// alice looks at things, bob asks for runs.
var alice, bob = bot.Looker{User: "U0ALICE"}, bot.Looker{User: "U0BOB", Asks: true}

// now reports whether a call is let through at this moment; nobody stands for an approved run.
func (l *Limiter) now(t testing.TB, action string, by *bot.Looker) bool {
	t.Helper()
	ctx := t.Context()
	if by != nil {
		ctx = Looking(ctx, *by)
	}
	c := l.call(ctx, action)
	defer l.leave(&c)
	return l.take(&c) <= 0
}

// many is how many of so many calls are let through at this moment.
func (l *Limiter) many(t testing.TB, calls int, action string, by *bot.Looker) (n int) {
	t.Helper()
	for range calls {
		if l.now(t, action, by) {
			n++
		}
	}
	return n
}

// sent is a call that was let through.
type sent struct {
	action string
	by     bot.Looker // zero: an approved run needed it
	at     time.Time
}

// history lets all that callers want be asked for, each at its time, and answers what was let through, and when.
func history(t *testing.T, l *Limiter, callers []caller) (all []sent) {
	var mu sync.Mutex
	var done sync.WaitGroup
	for _, c := range callers {
		time.Sleep(c.after)
		done.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), c.patience)
			defer cancel()
			if c.by != (bot.Looker{}) {
				ctx = Looking(ctx, c.by)
			}
			switch err := l.Admit(ctx, c.action); {
			case err == nil:
				mu.Lock()
				defer mu.Unlock()
				all = append(all, sent{c.action, c.by, time.Now()})
				if c.refused {
					l.Answered(c.action, refusal)
				}
			case !errors.Is(err, bot.ErrQuota):
				t.Error(err)
			}
		})
	}
	done.Wait()
	slices.SortFunc(all, func(a, b sent) int { return a.at.Compare(b.at) })
	return all
}

type caller struct {
	sent
	after, patience time.Duration
	refused         bool // the cloud has no room, whatever we count
}

var refusal = &bmclient.Error{Number: 4400, Class: bmclient.ClassRefused}

// Whatever is asked for, by whom and when: no such time, wherever it begins, holds more than the share, of an action, of all together,
// and of those that people's reads have of either.
func TestNoTimeHoldsMoreThanTheShare(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		api := rapid.SampledFrom([]string{bmclient.API2, bmclient.API3, bmclient.APITAT}).Draw(rt, "api")
		bots := rapid.IntRange(1, 10).Draw(rt, "bots")
		_, per := Documented(api, "GetUserCmd")
		actions := []string{"GetUserCmd", "GetUserCmdTaskList", "RunUserCmd", "DescribeDevice"}
		people := []bot.Looker{{}, {}, alice, {User: "U0CAROL"}, bob}
		gap := rapid.SampledFrom([]time.Duration{per / 1000, per / 50, per / 5}).Draw(rt, "gap")
		var callers []caller
		for range rapid.IntRange(50, 400).Draw(rt, "calls") {
			callers = append(callers, caller{
				sent:     sent{action: rapid.SampledFrom(actions).Draw(rt, "action"), by: rapid.SampledFrom(people).Draw(rt, "by")},
				after:    gap / 10 * time.Duration(rapid.IntRange(0, 10).Draw(rt, "after")),
				patience: per / 10 * time.Duration(rapid.IntRange(1, 30).Draw(rt, "patience")), refused: rapid.IntRange(0, 99).Draw(rt, "refused") == 0,
			})
		}
		var all []sent
		synctest.Test(t, func(t *testing.T) { all = history(t, New(api, bots, Documented), callers) })
		for _, action := range append(actions, AllActions) {
			n, per := Documented(api, action)
			if n == 0 {
				continue
			}
			of := slices.DeleteFunc(slices.Clone(all), func(s sent) bool { return action != AllActions && s.action != action })
			if at := crowded(of, n/bots, per); at >= 0 {
				rt.Errorf("API %s, %d bots: more than %d of %s from %v on", api, bots, n/bots, action, of[at].at)
			}
			reads := slices.DeleteFunc(slices.Clone(of), func(s sent) bool { return s.by == bot.Looker{} })
			half, most := per, n/bots/2
			if most == 0 {
				half, most = per*time.Duration(2*bots)/time.Duration(n), 1 // less than one
			}
			if at := crowded(reads, most, half); at >= 0 {
				rt.Errorf("API %s, %d bots: people read %s more than %d times in %v: %v, %v", api, bots, action, most, half, reads[at], reads[at+most])
			}
		}
	})
}

// crowded is where a time begins that holds more than most of all; -1: nowhere. A microsecond is what rounding may take.
func crowded(all []sent, most int, per time.Duration) int {
	for i := range len(all) - most {
		if all[i+most].at.Sub(all[i].at) < per-time.Microsecond {
			return i
		}
	}
	return -1
}

// What is let through at once, and then for hours: what the package comment says.
func TestWhatAShareIs(t *testing.T) {
	for _, tt := range []struct {
		api    string
		bots   int
		action string
		atOnce int
		after  int // in each time after that
		looks  int // of one person, at once
	}{
		{bmclient.API2, 2, "RunUserCmd", 16, 35, 10},
		{bmclient.API2, 1, "RunUserCmd", 33, 68, 20},
		{bmclient.API3, 2, "RunUserCmd", 1, 5, 1},
		{bmclient.API3, 10, "RunUserCmd", 1, 1, 1},
		{bmclient.APITAT, 2, "RunCommand", 3, 8, 2},
		{bmclient.APITAT, 2, AllActions, 1000, 0, 1000},
	} {
		t.Run(fmt.Sprint(tt.api, " ", tt.bots, " ", tt.action), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New(tt.api, tt.bots, Documented)
				if n := l.many(t, 1000, tt.action, nil); n != tt.atOnce {
					t.Errorf("%d at once, want %d", n, tt.atOnce)
				}
				if n := New(tt.api, tt.bots, Documented).many(t, 1000, tt.action, &alice); n != tt.looks {
					t.Errorf("one person looks %d times at once, want %d", n, tt.looks)
				}
				if tt.after == 0 {
					return
				}
				_, per := Documented(tt.api, tt.action)
				began, n := time.Now(), 0
				for time.Since(began) < 60*per-time.Microsecond {
					if err := l.Admit(t.Context(), tt.action); err != nil {
						t.Fatal(err)
					}
					n++
				}
				if n < 60*tt.after-1 || n > 60*tt.after+1 {
					t.Errorf("%d in sixty such times, want %d in each", n, tt.after)
				}
			})
		})
	}
}

// People's reads leave half to what an approved run needs, neither kind takes all of the rest, and no person takes all of a kind.
func TestPeopleGiveWay(t *testing.T) {
	quota := func(string, string) (int, time.Duration) { return 300, time.Hour } // a hundred at once
	for _, tt := range []struct {
		why    string
		before func(t *testing.T, l *Limiter)
		by     *bot.Looker
		want   int
	}{
		{"one person has two thirds of the looks", nil, &alice, 60},
		{"and of the look-ups, apart from those", func(t *testing.T, l *Limiter) { l.many(t, 40, "a", &alice) }, &bob, 60},
		{"another finds the last third", func(t *testing.T, l *Limiter) { l.many(t, 99, "a", &alice) }, &bot.Looker{User: "U0CAROL"}, 30},
		{"look-ups find room however much is looked at", func(t *testing.T, l *Limiter) {
			for i := range 99 {
				l.many(t, 9, "a", &bot.Looker{User: fmt.Sprint("U", i)})
			}
		}, &bob, 10},
		{"what people may not have at once is there for a run", func(t *testing.T, l *Limiter) {
			for i := range 9 {
				l.many(t, 9, "a", &bot.Looker{User: fmt.Sprint("U", i), Asks: true})
			}
		}, nil, 19},
		{"another action has its own", func(t *testing.T, l *Limiter) { l.many(t, 999, "b", nil) }, nil, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := New("2.0", 1, func(api, action string) (int, time.Duration) {
				if action == AllActions {
					return 0, 0
				}
				return quota(api, action)
			})
			if tt.before != nil {
				tt.before(t, l)
			}
			want := tt.want
			if want == 0 {
				want = 100
			}
			if n := l.many(t, 999, "a", tt.by); n != want {
				t.Errorf("%s: %d calls, want %d", tt.why, n, want)
			}
		})
	}
}

// A whole list of scripts, ten pages, needs no second minute.
func TestALongList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(bmclient.API2, 2, Documented)
		for page := range 10 {
			if !l.now(t, "GetUserCmdList", &alice) {
				t.Fatalf("page %d waits", page+1)
			}
		}
	})
}

// What a run needs and waits for comes before what people wait for, whoever came first.
func TestARunGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(bmclient.API2, 2, Documented)
		l.many(t, 999, "GetUserCmd", nil)
		var callers []caller
		for i := range 12 {
			c := caller{sent: sent{action: "GetUserCmd", by: bot.Looker{User: fmt.Sprint("U", i)}}, patience: time.Hour}
			if i >= 6 {
				c.by = bot.Looker{}
			}
			callers = append(callers, c)
		}
		all := history(t, l, callers)
		if len(all) != 12 || !slices.IsSortedFunc(all, func(a, b sent) int { return cmp.Compare(len(a.by.User), len(b.by.User)) }) {
			t.Errorf("let through in this order: %v", all)
		}
	})
}

// Reads of all kinds, together as many as the account may make, keep nothing from running or from being stopped.
func TestReadsLeaveRoomForRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(bmclient.API3, 2, Documented)
		reads := 0
		for i := range 999 {
			reads += l.many(t, 1, fmt.Sprint("Read", i), nil)
		}
		if reads != 150 {
			t.Errorf("%d reads at once, want nine tenths of 166", reads)
		}
		for _, action := range []string{"RunUserCmd", "RunCommand", "CancelInvocation"} {
			if !l.now(t, action, nil) {
				t.Errorf("%s waits for reads", action)
			}
		}
	})
}

// Who cannot get room in time hears so at once, and when to come again; a look-up waits for a second at most.
func TestNobodyWaitsInVain(t *testing.T) {
	for _, tt := range []struct {
		why      string
		by       *bot.Looker
		patience time.Duration
		waited   time.Duration
		fails    bool
	}{
		{"the next comes after 12/7 s", nil, 2 * time.Second, 12 * time.Second / 7, false},
		{"which is too late", nil, time.Second, 0, true},
		{"also for a look", &alice, time.Second, 0, true},
		{"a look can wait", &alice, time.Minute, 12 * time.Second / 7, false},
		{"a look-up does not", &bob, time.Minute, 0, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := New(bmclient.API2, 2, Documented)
			l.many(t, 999, "GetUserCmd", nil)
			ctx, cancel := context.WithTimeout(t.Context(), tt.patience)
			defer cancel()
			if tt.by != nil {
				ctx = Looking(ctx, *tt.by)
			}
			began := time.Now()
			err := l.Admit(ctx, "GetUserCmd")
			if waited := time.Since(began); (waited-tt.waited).Abs() > time.Millisecond || (err != nil) != tt.fails {
				t.Errorf("%s: after %v: %v", tt.why, waited, err)
			}
			var later *bot.Later
			if err != nil && (!errors.Is(err, bot.ErrQuota) || !errors.As(err, &later) || (later.After-12*time.Second/7).Abs() > time.Millisecond) {
				t.Errorf("%s: %v", tt.why, err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		l := New(bmclient.API2, 2, Documented)
		l.many(t, 999, "GetUserCmd", nil)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		for range 2 { // while it waits, and before
			if err := l.Admit(ctx, "GetUserCmd"); !errors.Is(err, context.Canceled) || errors.Is(err, bot.ErrQuota) {
				t.Error(err)
			}
		}
		time.Sleep(time.Minute)
		if n := l.many(t, 999, "GetUserCmd", &alice); n != 10 {
			t.Errorf("after one was called off, %d looks are let through", n)
		}
	})
}

// A refusal closes its action, ever longer, until one is taken; those that were on their way then count once.
func TestRefusalsCloseAnAction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(bmclient.API2, 2, Documented)
		for n, most := range []time.Duration{1, 2, 4, 8, 16, 30, 30, 1} {
			most *= time.Second
			if n == 7 {
				l.Answered("GetUserCmd", nil)
			}
			for range 5 {
				l.Answered("GetUserCmd", refusal)
			}
			if !l.now(t, "GetUserCmdList", nil) {
				t.Fatal("another action is closed")
			}
			began := time.Now()
			if err := l.Admit(t.Context(), "GetUserCmd"); err != nil {
				t.Fatal(err)
			}
			if closed := time.Since(began); closed < most/2 || closed > most+time.Microsecond {
				t.Errorf("refusal %d: closed for %v, want %v to %v", n+1, closed, most/2, most)
			}
		}
	})
	for why, err := range map[string]error{
		"another refusal": &bmclient.Error{Number: 4100, Class: bmclient.ClassRefused}, "no answer": &bmclient.Error{},
		"one that may have run": &bmclient.Error{Number: 4400, Class: bmclient.ClassUnknown},
	} {
		l := New(bmclient.API2, 2, Documented)
		l.Answered("RunUserCmd", err)
		if !l.now(t, "RunUserCmd", nil) {
			t.Errorf("%s has closed the action", why)
		}
	}
	New("4.0", 2, Documented).Answered("RunUserCmd", refusal) // an API without a quota has nothing to close
}

// TAT counts each action by itself; Bare Metal counts all together, too.
func TestDocumented(t *testing.T) {
	for _, tt := range []struct {
		api, action string
		n           int
		per         time.Duration
	}{
		{bmclient.API2, AllActions, 1000, time.Minute},
		{bmclient.API3, AllActions, 1000, time.Minute},
		{bmclient.APITAT, AllActions, 0, 0},
		{bmclient.API2, "RunUserCmd", 100, time.Minute},
		{bmclient.APITAT, "RunCommand", 20, time.Second},
	} {
		if n, per := Documented(tt.api, tt.action); n != tt.n || per != tt.per {
			t.Errorf("%s, %s: %d in %v", tt.api, tt.action, n, per)
		}
	}
}
