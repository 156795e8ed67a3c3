package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// askFor is how long a run asks Redis for its room, before it goes out without.
const askFor = time.Second

// Budget is a quota of calls that all replicas of a workspace share. The calls of
// the time just past are counted by Redis' clock, so in no such time, wherever it
// begins, are there more than the quota.
type Budget struct {
	caller
	keys   keys
	name   string
	limits func(action string) (n int, per time.Duration)
	pause  func(context.Context, time.Duration) error // [rest]; tests have their own
}

// NewBudget makes the budget called name; budgets of the same name are one. limits
// says how many calls of an action there may be in which time; 0 is no limit. It
// must say the same on every replica.
func NewBudget(client redis.UniversalClient, workspace, name string, limits func(action string) (n int, per time.Duration)) *Budget {
	return &Budget{caller: caller{client: client}, keys: newKeys(workspace), name: name, limits: limits, pause: rest}
}

// Full says that a quota has no room before its caller's time is over. It wraps
// [context.DeadlineExceeded].
type Full struct {
	Action string
	After  time.Duration // when there may be room
}

func (f *Full) Error() string { return "the quota of " + f.Action + " is used up" }
func (f *Full) Unwrap() error { return context.DeadlineExceeded }

// Share is what calls of one kind may use of a quota. What one share leaves, another does
// not take: so neither looks at scripts nor requests hold up the other, nor both together
// what an approved run has to read.
type Share struct {
	name   string
	tenths int
}

var (
	Looks   = Share{"looks", 2}   // for what people look at
	LookUps = Share{"lookups", 3} // for what they ask to be run
)

// TakeShare is Take within a share, for a person, named by, who has two thirds of it: one
// question may be many calls.
func (b *Budget) TakeShare(ctx context.Context, action string, of Share, by string) error {
	n, per := b.limits(action)
	if n <= 0 || per <= 0 {
		return ended(ctx)
	}
	most := n * of.tenths / 10
	_, err := b.wait(ctx, action, b.keys.shareOf(of, b.name, action, by), false, max(1, most*2/3), per)
	if err == nil {
		_, err = b.wait(ctx, action, b.keys.share(of, b.name, action), false, max(1, most), per)
	}
	if err != nil {
		return err
	}
	return b.Take(ctx, action, false)
}

// Take waits until one more call of action may be made, and counts it. run says
// that a claimed run waits for it; other calls leave a tenth of the quota to
// runs. It does not wait in vain: a *[Full] comes at once. Other errors wrap the context's, or [approvals.ErrUnavailable] if Redis cannot
// be asked: then nobody knows what the other replicas call, and only runs go on. A
// quota of one is not shared out. A call that is counted and then not made costs only its room.
func (b *Budget) Take(ctx context.Context, action string, run bool) error {
	_, err := b.take(ctx, action, run)
	return err
}

// take says also when the call was counted; zero: it was not.
func (b *Budget) take(ctx context.Context, action string, run bool) (time.Time, error) {
	n, per := b.limits(action)
	if n <= 0 || per <= 0 {
		return time.Time{}, ended(ctx)
	}
	most := n
	if !run {
		most = max(1, n*9/10)
	}
	return b.wait(ctx, action, b.keys.budget(b.name, action), run, most, per)
}

// wait waits until there are fewer than most calls in key, and counts one more.
func (b *Budget) wait(ctx context.Context, action, key string, run bool, most int, per time.Duration) (time.Time, error) {
	id, last := randomID(), time.Duration(0)
	for {
		at, wait, err := b.ask(ctx, key, id, run, most, per)
		if err != nil && last > 0 && errors.Is(ctx.Err(), context.DeadlineExceeded) { // Redis has answered: it was the time that ran out
			return time.Time{}, &Full{action, last}
		}
		last = wait
		if until, limited := ctx.Deadline(); err == nil && limited && time.Until(until) < wait {
			return time.Time{}, &Full{action, wait}
		}
		if err == nil && wait > 0 {
			err = b.pause(ctx, wait)
		}
		if err != nil {
			return time.Time{}, fmt.Errorf("the quota of %s: %w", action, err)
		}
		if wait <= 0 {
			return at, nil
		}
	}
}

// ask counts the call id if there is room, or says for how long there is none. A
// count of which nobody learns costs only its room, so it is no more than a read.
//
// A run goes out also without Redis: its claim was stored there a moment ago, so
// Redis has only just gone, and the count with it is nearly right. The claim does
// not come back: a run held up here would end as one of which nobody knows whether
// it ran, while one call beyond the quota is refused by the API before anything runs.
func (b *Budget) ask(ctx context.Context, key, id string, run bool, most int, per time.Duration) (at time.Time, wait time.Duration, err error) {
	asking := ctx
	if run {
		var cancel context.CancelFunc
		asking, cancel = context.WithTimeout(ctx, askFor)
		defer cancel()
	}
	a, err := b.read(asking, spendScript, []string{key}, id, most, per.Microseconds())
	switch {
	case err == nil:
		return a.now, time.Duration(number(a.text(0))) * time.Microsecond, nil
	case run && ended(ctx) == nil:
		return time.Time{}, 0, nil
	}
	return time.Time{}, 0, err
}

// rest waits, or answers the context's error if that ends first.
func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// spendScript counts a call, if there is room for it. The calls of the time just
// past are members, by when they were counted, in microseconds. One that lies a
// whole time ahead was counted by a clock that has been set back since.
//
// KEYS: 1 calls.
// ARGV: 1 id of this call, 2 how many there may be with it, 3 time, in microseconds.
// Returns: seconds, microseconds, and how many microseconds to wait; "0": counted,
// now or before.
var spendScript = redis.NewScript(clock + `
local us, per, most = t[1] * 1000000 + t[2], tonumber(ARGV[3]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', text(us - per))
redis.call('ZREMRANGEBYSCORE', KEYS[1], text(us + per), '+inf')
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return {t[1], t[2], '0'} end
local n = redis.call('ZCARD', KEYS[1])
if n < most then
  redis.call('ZADD', KEYS[1], text(us), ARGV[1])
  redis.call('PEXPIRE', KEYS[1], text(math.ceil(per / 1000)))
  return {t[1], t[2], '0'}
end
local leaves = redis.call('ZRANGE', KEYS[1], n - most, n - most, 'WITHSCORES')
return {t[1], t[2], text(math.max(1, tonumber(leaves[2]) + per - us))}
`)
