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
// What an approved run needs has the whole share, and where it waits, people's reads wait
// longer. These ([Looking]) take at most half, the looks and the look-ups among them three
// tenths each, and one person two thirds of that: on 2.0, with two bots, ten calls a minute,
// which is as long as the longest list of scripts. Of all actions together, reads leave a
// tenth to what runs and stops.
//
// # Why a third at once
//
// golang.org/x/time/rate, the Go team's own token bucket and known to every reader, lets
// through its burst at once and then so many in each time. Both together are what one minute
// may hold, wherever it begins, so they have to share what the process has. With a third at
// once, on 2.0 and two bots, 16 people who press Approve in the same second wait for nothing,
// and 35 runs a minute can go on for hours. With a half it would be 25 and 26, with all of it
// 50 and one. People's reads come in bursts and rest between them, so theirs are counted in a
// sliding window ([bot.Pace]) that lets through all of their part at once.
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
	"errors"
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

// allReads is the part of it that leaves room for what runs.
const allReads = "all reads"

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

// orders are the actions that run, and stop what runs.
var orders = []string{"RunUserCmd", "RunCommand", "CancelInvocation"}

// lookUpWaits is how long a look-up of a new request waits for room: it holds a place that
// others wait for, and is made again.
const lookUpWaits = time.Second

// Limiter lets calls through while this process has room for them. It is safe for use by
// many goroutines.
type Limiter struct {
	api    string
	bots   int
	quotas Quotas

	mu    sync.Mutex
	gates map[string]*gate // nil: without a limit
}

// New makes the limiter of one of so many bots that share the account's quotas.
func New(api string, bots int, quotas Quotas) *Limiter {
	return &Limiter{api: api, bots: max(1, bots), quotas: quotas, gates: map[string]*gate{}}
}

// lookerKey says in a context who looks.
type lookerKey struct{}

// Looking says that what is called with ctx is read for a person.
func Looking(ctx context.Context, by bot.Looker) context.Context {
	return context.WithValue(ctx, lookerKey{}, by)
}

// call is one that waits to be made.
type call struct {
	gates []*gate
	by    *bot.Looker // nil: an approved run needs it
	waits bool        // counted as waiting at its gates
}

// Admit waits until there is room for one call of the action, and counts it. Where there is
// none before ctx ends, it does not wait: the error is [bot.ErrQuota] with a *[bot.Later].
// Other errors are ctx's. A call that is not made after all costs only its room. It is for
// [bmclient.Config].
func (l *Limiter) Admit(ctx context.Context, action string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("the quota of %s: %w", action, err)
	}
	c := l.call(ctx, action)
	if c.by != nil && c.by.Asks {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, lookUpWaits)
		defer cancel()
	}
	defer l.leave(&c)
	for {
		wait := l.take(&c)
		if wait <= 0 {
			return nil
		}
		full := fmt.Errorf("%w: %w: no room for %s", bot.ErrQuota, &bot.Later{After: wait}, action)
		if until, limited := ctx.Deadline(); limited && time.Until(until) < wait {
			return full
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return full
			}
			return fmt.Errorf("the quota of %s: %w", action, ctx.Err())
		}
	}
}

// call finds the gates that a call of the action passes.
func (l *Limiter) call(ctx context.Context, action string) (c call) {
	if by, is := ctx.Value(lookerKey{}).(bot.Looker); is {
		c.by = &by
	}
	names := []string{action, AllActions}
	if !slices.Contains(orders, action) {
		names = append(names, allReads)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range names {
		if g := l.gate(name); g != nil {
			c.gates = append(c.gates, g)
		}
	}
	return c
}

// gate is the gate of this name, or nil. l is locked.
func (l *Limiter) gate(name string) *gate {
	if g, known := l.gates[name]; known {
		return g
	}
	action, tenths := name, 10
	if name == allReads {
		action, tenths = AllActions, 9
	}
	var g *gate
	if n, per := l.quotas(l.api, action); n > 0 && per > 0 {
		g = newGate(part{n * tenths, 10 * l.bots, per})
	}
	l.gates[name] = g
	return g
}

// take counts the call at each of its gates, or says when there may be room at all of them.
func (l *Limiter) take(c *call) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for _, g := range c.gates {
		wait = max(wait, g.wait(now, c.by))
	}
	for _, g := range c.gates {
		switch {
		case wait <= 0:
			g.count(now, c.by)
		case c.by == nil && !c.waits:
			g.waiting++
		}
	}
	c.waits = c.waits || c.by == nil && wait > 0
	return wait
}

// leave ends the waiting of a call.
func (l *Limiter) leave(c *call) {
	if !c.waits {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range c.gates {
		g.waiting--
	}
}

const (
	firstPause   = time.Second
	longestPause = 30 * time.Second
)

// Answered is told what came of a call: nil, or the error. It is for [bmclient.Config].
func (l *Limiter) Answered(action string, err error) {
	refused := bmclient.OverQuota(err)
	if err != nil && !refused {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	g, now := l.gate(action), time.Now()
	switch {
	case g == nil:
	case !refused:
		g.refusals = 0
	case !now.Before(g.closed): // else it was sent before that
		d := min(longestPause, firstPause<<min(g.refusals, 10))
		g.closed = now.Add(d/2 + rand.N(d/2+1))
		g.refusals++
	}
}
