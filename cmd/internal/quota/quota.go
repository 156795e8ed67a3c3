// Package quota keeps one process within its share of the API's quotas, and gives that
// to what needs it most.
//
// # What there is
//
// The cloud counts the calls of an account: of each action, and on Bare Metal of all
// together. Each bot has the documented number divided by `bots:` of the config, and asks
// nobody before a call. Where more bots run than that says, or where others use the
// account, too, the cloud refuses some calls: 4400 on 2.0, RequestLimitExceeded on 3.0 and
// TAT. Nothing ran then, so they are made again, and nothing runs twice.
//
// # Who goes first
//
// A bucket is never emptied by those who can wait: people's reads ([Looking]) leave a quarter of
// it, the reads of approved runs a tenth, and only what runs and what stops takes the last call.
// So where calls wait, they are let through in that order, whoever came first. That needs a bucket
// of more than one: on 3.0 with three bots or more it is first come, first served.
//
// People's reads take half of the share at most, the looks and the look-ups among them three
// tenths each, and one person two thirds of that: on 2.0, with two bots, ten calls a minute,
// which is as long as the longest list of scripts.
//
// # Why a third at once
//
// golang.org/x/time/rate, the Go team's own token bucket and known to every reader, lets
// through its burst at once and then so many in each time. Both together are what one minute
// may hold, wherever it begins, so they have to share what the process has. With a third at
// once, on 2.0 and two bots, 17 people who press Approve in the same second wait for nothing,
// and 34 runs a minute can go on for hours. With a half it would be 25 and 26, with all of it
// 50 and one. People's reads come in bursts and rest between them, so theirs are counted in a
// sliding window, too ([bot.Pace]), which lets through all of their part at once.
//
// # Why it closes
//
// A refusal says that the account has no room, whatever our own count says. So an action that
// was refused is closed for a second, for two if it is refused again after that, and so on up
// to half a minute, in each case for half of that to the whole, so that the bots do not come
// back together. A call that the cloud takes ends that.
package quota

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bot"
)

// Quotas say how many calls of an action an API allows an account in which time; 0 is no
// limit. [AllActions] stands for all actions together.
type Quotas func(api, action string) (n int, per time.Duration)

// AllActions is the name of the quota in which all actions meet.
const AllActions = "all actions"

// Documented are the quotas as the API's documents give them.
func Documented(api, action string) (n int, per time.Duration) {
	if action != AllActions {
		return bmclient.Quota(api, action)
	}
	if bmclient.Sends(api) {
		return 0, 0 // TAT counts each action by itself
	}
	return bmclient.AccountQuota, bmclient.AccountQuotaPer
}

// Limiter lets calls through while this process has room for them. It is safe for use by
// many goroutines.
type Limiter struct {
	api    string
	bots   int
	quotas Quotas

	mu    sync.Mutex
	gates map[string]*gate
}

// New makes the limiter of one of so many bots that share the account's quotas.
func New(api string, bots int, quotas Quotas) *Limiter {
	return &Limiter{api: api, bots: bots, quotas: quotas, gates: map[string]*gate{}}
}

// lookerKey says in a context who looks.
type lookerKey struct{}

// Looking says that what is called with ctx is read for a person.
func Looking(ctx context.Context, by bot.Looker) context.Context {
	return context.WithValue(ctx, lookerKey{}, by)
}

// lookUpWaits is how long a look-up of a new request waits for room: it holds a place that
// others wait for, and is made again.
const lookUpWaits = time.Second

// Admit waits until there is room for one call of the action, and counts it. Where there is
// none before ctx ends, it does not wait: the error is [bot.ErrQuota] with a *[bot.Later].
// Other errors are ctx's. A call that is not made after all costs only its room. It is for
// [bmclient.Config].
func (l *Limiter) Admit(ctx context.Context, action string) error {
	c := call{action: action}
	c.by, _ = ctx.Value(lookerKey{}).(bot.Looker)
	if c.by.Asks {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, lookUpWaits)
		defer cancel()
	}
	for {
		wait := l.take(c)
		if wait <= 0 {
			return nil
		}
		if until, limited := ctx.Deadline(); limited && time.Until(until) < wait {
			return fmt.Errorf("%w: %w: no room for %s", bot.ErrQuota, &bot.Later{After: wait}, action)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return fmt.Errorf("the quota of %s: %w", action, ctx.Err())
		}
	}
}

// take counts the call in its action and among all, or says when there may be room in both.
func (l *Limiter) take(c call) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, own, all := time.Now(), l.gate(c.action), l.gate(AllActions)
	wait := max(own.wait(now, c), all.wait(now, c))
	if wait <= 0 {
		own.count(now, c)
		all.count(now, c)
	}
	return wait
}

// gate is the gate of an action; l is locked.
func (l *Limiter) gate(action string) *gate {
	g := l.gates[action]
	if g == nil {
		n, per := l.quotas(l.api, action)
		g = newGate(n, l.bots, per)
		l.gates[action] = g
	}
	return g
}

const longestPause = 30 * time.Second

// Answered is told what came of a call: nil, or the error. It is for [bmclient.Config].
func (l *Limiter) Answered(action string, err error) {
	refused := bmclient.OverQuota(err)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch g, now := l.gate(action), time.Now(); {
	case err == nil:
		g.refusals = 0
	case refused && !now.Before(g.closed): // else it was sent before that
		d := min(longestPause, time.Second<<min(g.refusals, 10))
		g.closed = now.Add(d/2 + rand.N(d/2+1))
		g.refusals++
	}
}

// orders are the actions that run, and stop what runs.
var orders = []string{"RunUserCmd", "RunCommand", "CancelInvocation"}

// call is one that is to be made.
type call struct {
	action string
	by     bot.Looker // zero: an approved run needs it
}

// leaves is how much of a bucket c leaves to those that go first.
func (c call) leaves(burst int) int {
	switch {
	case c.by != bot.Looker{}:
		return min(burst-1, (burst+3)/4)
	case slices.Contains(orders, c.action):
		return 0
	}
	return burst / 10
}
