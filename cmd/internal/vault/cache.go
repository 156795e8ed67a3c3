package vault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// holdOff is how long after a failed read a stale value is served at once,
// so that not every caller waits for a vault that is away.
const holdOff = 2 * time.Second

// A cache keeps what was read from the vault, in memory only. The zero times
// switch it off.
type cache struct {
	freshFor, staleFor time.Duration

	mu      sync.Mutex
	entries map[place]*entry
	// epochs counts Forget for each place, so that a read which began before
	// it does not put the old value back.
	epochs map[place]int
}

type entry struct {
	data      map[string]any
	readAt    time.Time
	holdUntil time.Time // stale, but do not ask again before
}

// get gives the data that needs no asking, if any.
func (c *cache) get(at place, now time.Time) (map[string]any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[at]
	if !ok {
		return nil, false
	}
	age := now.Sub(e.readAt)
	if age < c.freshFor || now.Before(e.holdUntil) && age < c.freshFor+c.staleFor {
		return e.data, true
	}
	return nil, false
}

// stale gives data for a vault that cannot be reached, with its age.
func (c *cache) stale(at place, now time.Time) (data map[string]any, age time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[at]
	if !ok {
		return nil, 0, false
	}
	age = now.Sub(e.readAt)
	if age >= c.freshFor+c.staleFor {
		delete(c.entries, at)
		return nil, 0, false
	}
	e.holdUntil = now.Add(holdOff)
	return e.data, age, true
}

func (c *cache) epoch(at place) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epochs[at]
}

// put stores data unless at was forgotten since epoch, and drops whatever is
// too old to be served, so that values do not stay in memory for ever.
func (c *cache) put(at place, epoch int, data map[string]any, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for p, e := range c.entries {
		if now.Sub(e.readAt) >= c.freshFor+c.staleFor {
			delete(c.entries, p)
		}
	}
	if c.epochs[at] != epoch || c.freshFor+c.staleFor == 0 {
		return
	}
	if c.entries == nil {
		c.entries = map[place]*entry{}
	}
	c.entries[at] = &entry{data: data, readAt: now}
}

// drop removes what the vault no longer gives us.
func (c *cache) drop(at place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, at)
}

// forget drops at and keeps reads that are under way from storing it.
func (c *cache) forget(at place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, at)
	if c.epochs == nil {
		c.epochs = map[place]int{}
	}
	c.epochs[at]++
}

// fields gives the secret at a place: cached, or from one read that all who
// ask meanwhile share. A caller who leaves does not end it for the others.
func (r *Resolver) fields(ctx context.Context, at place) (map[string]any, error) {
	if ctx.Err() != nil {
		return nil, gone(ctx)
	}
	if data, ok := r.cache.get(at, r.now()); ok {
		return data, nil
	}
	flight := r.flights.DoChan(at.String(), func() (any, error) {
		if data, ok := r.cache.get(at, r.now()); ok { // a read has ended since we looked
			return data, nil
		}
		return r.fetch(at)
	})
	select {
	case <-ctx.Done():
		return nil, gone(ctx)
	case result := <-flight:
		data, _ := result.Val.(map[string]any)
		return data, result.Err
	}
}

// gone is the error of a caller whose context ended before the vault answered.
func gone(ctx context.Context) error {
	return fmt.Errorf("%w: the caller left before an answer came: %w", ErrUnreachable, ctx.Err())
}

// fetch asks the vault, and falls back on an older value if it is away. A
// refusal or a missing path is an answer: then the older value goes, too.
func (r *Resolver) fetch(at place) (map[string]any, error) {
	ctx, cancel := r.bounded(context.Background())
	defer cancel()
	epoch := r.cache.epoch(at)
	data, err := r.server.read(ctx, at)
	now := r.now()
	switch {
	case err == nil:
		r.cache.put(at, epoch, data, now)
		return data, nil
	case !errors.Is(err, ErrUnreachable):
		r.cache.drop(at)
		return nil, err
	}
	old, age, ok := r.cache.stale(at, now)
	if !ok {
		return nil, err
	}
	r.log.Warn("cached secret served because the vault cannot be used",
		"mount", at.mount, "path", at.path, "version", at.version, "age_s", int(age.Seconds()), "error", err)
	return old, nil
}
