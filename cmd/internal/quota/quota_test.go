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

// nobody stands for what an approved run needs.
var nobody = bot.Looker{}

// many is how many of so many calls are let through at this moment.
func (l *Limiter) many(calls int, action string, by bot.Looker) (n int) {
	for range calls {
		if l.take(call{action, by}) <= 0 {
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
			switch err := l.Admit(Looking(ctx, c.by), c.action); {
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
		{bmclient.API2, 2, "RunUserCmd", 17, 34, 10},
		{bmclient.API2, 1, "RunUserCmd", 34, 67, 20},
		{bmclient.API3, 2, "RunUserCmd", 2, 4, 1},
		{bmclient.API3, 10, "RunUserCmd", 1, 1, 1},
		{bmclient.APITAT, 2, "RunCommand", 4, 7, 2},
		{bmclient.APITAT, 2, AllActions, 1000, 0, 1000},
	} {
		t.Run(fmt.Sprint(tt.api, " ", tt.bots, " ", tt.action), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New(tt.api, tt.bots, Documented)
				if n := l.many(1000, tt.action, nobody); n != tt.atOnce {
					t.Errorf("%d at once, want %d", n, tt.atOnce)
				}
				if n := New(tt.api, tt.bots, Documented).many(1000, tt.action, alice); n != tt.looks {
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

// Of 300 calls an hour people's reads take half, each kind three tenths and one person two thirds of those, however often they come.
func TestPeoplesPart(t *testing.T) {
	carol, dave := bot.Looker{User: "U0CAROL"}, bot.Looker{User: "U0DAVE", Asks: true}
	type reads struct {
		by   bot.Looker
		want int
	}
	for _, tt := range []struct {
		why string
		all []reads
	}{
		{"looks of one person, and of another", []reads{{alice, 60}, {carol, 30}}},
		{"look-ups have a part of their own", []reads{{alice, 60}, {bob, 60}}},
		{"both kinds have no more than half", []reads{{alice, 60}, {carol, 30}, {bob, 60}, {dave, 0}}},
		{"which leaves the rest to runs", []reads{{alice, 60}, {carol, 30}, {bob, 60}, {nobody, 70}}},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := New(bmclient.API2, 1, func(_, action string) (int, time.Duration) {
				if action == AllActions {
					return 0, 0
				}
				return 300, time.Hour
			})
			for i, r := range tt.all {
				n := 0
				for range 70 {
					n += l.many(1, "GetUserCmd", r.by)
					time.Sleep(10 * time.Second)
				}
				if n != r.want {
					t.Errorf("%s: %d reads of the %d. who comes, want %d", tt.why, n, i+1, r.want)
				}
			}
		})
	}
}

// A whole list of scripts, ten pages, needs no second minute.
func TestALongList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if n := New(bmclient.API2, 2, Documented).many(10, "GetUserCmdList", alice); n != 10 {
			t.Errorf("page %d waits", n+1)
		}
	})
}

// What a run needs and waits for comes before what people wait for, whoever came first; and people leave a run room at once.
func TestARunGoesFirst(t *testing.T) {
	for _, api := range []string{bmclient.API2, bmclient.API3, bmclient.APITAT} {
		synctest.Test(t, func(t *testing.T) {
			l := New(api, 2, Documented)
			for i := range 99 {
				l.many(9, "GetUserCmd", bot.Looker{User: fmt.Sprint("U", i), Asks: i%2 == 0})
			}
			if l.many(1, "GetUserCmd", nobody) != 1 {
				t.Errorf("%s: a run finds no room after all that people look at", api)
			}
			l.many(999, "GetUserCmd", nobody)
			var callers []caller
			for i := range 12 {
				c := caller{sent: sent{action: "GetUserCmd", by: bot.Looker{User: fmt.Sprint("V", i)}}, patience: time.Hour}
				if i >= 6 {
					c.by = nobody
				}
				callers = append(callers, c)
			}
			all := history(t, l, callers)
			if len(all) != 12 || !slices.IsSortedFunc(all, func(a, b sent) int { return cmp.Compare(len(a.by.User), len(b.by.User)) }) {
				t.Errorf("%s: let through in this order: %v", api, all)
			}
		})
	}
}

// Reads of all kinds, together as many as the account may make, keep nothing from running or from being stopped.
func TestReadsLeaveRoomForRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(bmclient.API3, 2, Documented)
		reads := 0
		for i := range 999 {
			reads += l.many(1, fmt.Sprint("Read", i), nobody)
		}
		if reads != 151 {
			t.Errorf("%d reads at once, want nine tenths of 167", reads)
		}
		for _, action := range []string{"RunUserCmd", "RunCommand", "CancelInvocation"} {
			if l.many(1, action, nobody) != 1 {
				t.Errorf("%s waits for reads", action)
			}
		}
	})
}

// Who cannot get room in time hears so at once, and when to come again; a look-up waits for a second at most.
func TestNobodyWaitsInVain(t *testing.T) {
	const next, nextLook = 60 * time.Second / 34, 5 * 60 * time.Second / 34
	for _, tt := range []struct {
		why      string
		by       bot.Looker
		patience time.Duration
		room     time.Duration
		fails    bool
	}{
		{"one call comes free in time", nobody, 2 * time.Second, next, false},
		{"too late", nobody, time.Second, next, true},
		{"too late for a look", alice, 8 * time.Second, nextLook, true},
		{"a look can wait", alice, time.Minute, nextLook, false},
		{"a look-up does not", bob, time.Minute, nextLook, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := New(bmclient.API2, 2, Documented)
			l.many(999, "GetUserCmd", nobody)
			ctx, cancel := context.WithTimeout(t.Context(), tt.patience)
			defer cancel()
			began := time.Now()
			err := l.Admit(Looking(ctx, tt.by), "GetUserCmd")
			waited := time.Since(began)
			if later, is := errors.AsType[*bot.Later](err); is && waited == 0 {
				waited = later.After
			}
			if (waited-tt.room).Abs() > time.Millisecond || (err != nil) != tt.fails || tt.fails && !errors.Is(err, bot.ErrQuota) {
				t.Errorf("%s: %v: %v", tt.why, waited, err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		l := New(bmclient.API2, 2, Documented)
		l.many(999, "GetUserCmd", nobody)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		for range 2 { // while it waits, and before
			if err := l.Admit(ctx, "GetUserCmd"); !errors.Is(err, context.Canceled) || errors.Is(err, bot.ErrQuota) {
				t.Error(err)
			}
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
			if l.many(1, "GetUserCmdList", nobody) != 1 {
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
		if l.many(1, "RunUserCmd", nobody) != 1 {
			t.Errorf("%s has closed the action", why)
		}
	}
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
