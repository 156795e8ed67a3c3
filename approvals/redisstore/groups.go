package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
)

const (
	oldest  = time.Minute           // no member list may be older
	turn    = 10 * time.Second      // how long one replica may ask for a group
	failed  = 10 * time.Second      // how long a failure is remembered
	pollMin = 10 * time.Millisecond // while another replica asks
	pollMax = 200 * time.Millisecond
)

// Groups remembers who is in which user group for a short time, for all replicas
// of a workspace together, and has one replica at a time ask for a group.
type Groups struct {
	caller
	keys keys
	ttl  time.Duration
	now  func() time.Time // [time.Now]; tests have their own

	mu      sync.Mutex
	running map[string]*lookup
	told    map[string]list
}

// list is one as this process was told it last, and until when it may be used here.
type list struct {
	members []string
	until   time.Time
}

// lookup is one question of this process; many callers may wait for it.
type lookup struct {
	done    chan struct{}
	members []string
	err     error
}

// NewGroups makes the cache. ttl is how old a list may be, at most one minute,
// counted from before it was asked for.
func NewGroups(client redis.UniversalClient, workspace string, ttl time.Duration) *Groups {
	if ttl <= 0 || ttl > oldest {
		ttl = oldest
	}
	return &Groups{caller: caller{client: client}, keys: newKeys(workspace), ttl: ttl, now: time.Now, running: map[string]*lookup{}, told: map[string]list{}}
}

// Members are a group's members: remembered, or asked for by fetch. fetch has ten
// seconds, or the cache's ttl if that is shorter, and does not end with ctx; waiting for
// it does. That it failed is remembered by all replicas, too, for ten seconds or as long
// as the error's RetryAfter asks: a group that is not told is not asked for at each
// click. A group that does not exist, [approvals.NoGroup], is remembered as that. A list
// that this process was told is good here for as long as it is in Redis, without asking. If
// Redis is away the error wraps [approvals.ErrUnavailable] and nobody is asked: without
// Redis nobody would know how often. The list is shared: do not change it.
func (g *Groups) Members(ctx context.Context, group string, fetch func(context.Context) ([]string, error)) ([]string, error) {
	g.mu.Lock()
	if t := g.told[group]; g.now().Before(t.until) {
		g.mu.Unlock()
		return t.members, nil
	}
	l, waiting := g.running[group]
	if !waiting {
		l = &lookup{done: make(chan struct{})}
		g.running[group] = l
		go g.lead(context.WithoutCancel(ctx), l, group, fetch)
	}
	g.mu.Unlock()
	select {
	case <-l.done:
		return l.members, l.err
	case <-ctx.Done():
		return nil, fmt.Errorf("members of %s: %w: %w", group, approvals.ErrUnavailable, ctx.Err())
	}
}

// lead answers l, also if fetch panics.
func (g *Groups) lead(ctx context.Context, l *lookup, group string, fetch func(context.Context) ([]string, error)) {
	ctx, cancel := context.WithTimeout(ctx, 3*turn)
	defer cancel()
	l.err = fmt.Errorf("members of %s: the look-up broke off", group)
	defer func() {
		_ = recover() // the error says it
		g.mu.Lock()
		delete(g.running, group)
		g.mu.Unlock()
		close(l.done)
	}()
	l.members, l.err = g.find(ctx, group, fetch)
}

// find asks Redis until it knows the members or it is our turn to ask for them.
func (g *Groups) find(ctx context.Context, group string, fetch func(context.Context) ([]string, error)) ([]string, error) {
	me, wait := randomID(), pollMin
	mine := min(g.ttl, turn)
	for {
		began := g.now()
		a, err := g.read(ctx, lookScript, g.pair(group), me, mine.Milliseconds())
		if err != nil {
			return nil, fmt.Errorf("members of %s: %w", group, err)
		}
		switch a.text(0) {
		case "known":
			switch a.text(1) {
			case notTold:
				return nil, fmt.Errorf("members of %s: %w", group, errNotTold)
			case noGroup:
				return nil, &approvals.NoGroup{Group: group}
			}
			var members []string
			if err := json.Unmarshal([]byte(a.text(1)), &members); err != nil {
				return nil, fmt.Errorf("members of %s: %w: the list in Redis is not what bmcmd wrote", group, approvals.ErrUnreadable)
			}
			g.hears(group, members, began.Add(time.Duration(number(a.text(2)))*time.Millisecond))
			return members, nil
		case "ask":
			return g.ask(ctx, group, me, a.now, mine, fetch)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("members of %s: %w: %w", group, approvals.ErrUnavailable, ctx.Err())
		}
		wait = min(2*wait, pollMax)
	}
}

func (g *Groups) hears(group string, members []string, until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.told[group] = list{members, until}
}

// ask fetches the members and keeps them, or that there are none to be had. A list
// that cannot be kept is still a good one.
func (g *Groups) ask(ctx context.Context, group, me string, began time.Time, mine time.Duration, fetch func(context.Context) ([]string, error)) (members []string, err error) {
	text, until, asked := []byte(notTold), time.Time{}, time.Now()
	defer func() {
		// The turn ends also if fetch panicked.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if until.IsZero() {
			until = began.Add(time.Since(asked) + failedFor(err))
		}
		_, _ = g.write(ctx, tellScript, g.pair(group), me, text, strconv.FormatInt(until.UnixMilli(), 10))
	}()
	ask, cancel := context.WithTimeout(ctx, mine)
	defer cancel()
	if members, err = fetch(ask); err != nil {
		if _, is := errors.AsType[*approvals.NoGroup](err); is {
			text = []byte(noGroup)
		}
		return nil, fmt.Errorf("members of %s: %w", group, err)
	}
	if members == nil {
		members = []string{}
	}
	if text, err = json.Marshal(members); err == nil {
		until = began.Add(g.ttl)
	}
	return members, err
}

// What is kept in place of a list that could not be had.
const (
	notTold = "not told"
	noGroup = "no such group"
)

var errNotTold = errors.New("a moment ago it was not told, and it is not asked for again so soon")

// failedFor is how long a failure is remembered: as long as it asks, within bounds.
func failedFor(err error) time.Duration {
	var asks interface{ RetryAfter() time.Duration }
	if errors.As(err, &asks) {
		return min(max(asks.RetryAfter(), failed), oldest)
	}
	return failed
}

func (g *Groups) pair(group string) []string {
	return []string{g.keys.members(group), g.keys.looking(group)}
}

// lookScript reads a group's members, or makes the caller the one who asks.
//
// KEYS: 1 members, 2 who is asking.
// ARGV: 1 caller, 2 how long the caller may ask.
// Returns: seconds, microseconds, "known" and the members, and for how many milliseconds
// more, or "ask", or "wait".
var lookScript = redis.NewScript(clock + `
local members = redis.call('GET', KEYS[1])
if members then return {t[1], t[2], 'known', members, text(redis.call('PTTL', KEYS[1]))} end
local asking = redis.call('GET', KEYS[2])
if asking and asking ~= ARGV[1] then return {t[1], t[2], 'wait'} end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return {t[1], t[2], 'ask'}
`)

// tellScript keeps members for the rest of their time, counted from before they
// were asked for, and ends the asking. A caller who has lost its turn keeps
// nothing.
//
// KEYS: 1 members, 2 who is asking.
// ARGV: 1 caller, 2 members or that they are not told, 3 when that is too old.
// Returns: seconds, microseconds.
var tellScript = redis.NewScript(clock + `
if redis.call('GET', KEYS[2]) == ARGV[1] then
  redis.call('DEL', KEYS[2])
  local left = ARGV[3] - now
  if left > 0 then redis.call('SET', KEYS[1], ARGV[2], 'PX', text(left)) end
end
return {t[1], t[2]}
`)
