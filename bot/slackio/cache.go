package slackio

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// cache keeps answers for a while. One look-up of a key runs at a time; who asks meanwhile waits for
// it. Errors are kept for a moment, or as long as Slack asks: what it does not tell is not asked for
// at each click.
type cache[V any] struct {
	keep   time.Duration
	most   int
	now    func() time.Time
	flight singleflight.Group

	mu    sync.Mutex
	items map[string]item[V]
}

// failedFor is for how long an error is kept.
const failedFor = 5 * time.Second

type item[V any] struct {
	value V
	err   error
	good  time.Time // until when
}

func newCache[V any](keep time.Duration, most int) *cache[V] {
	return &cache[V]{keep: keep, most: most, now: time.Now, items: make(map[string]item[V])}
}

// get returns the value of key. The look-up does not end with the ctx of the one who happened to
// begin it, but waiting for it does.
func (c *cache[V]) get(ctx context.Context, key string, look func(context.Context) (V, error)) (V, error) {
	if i, ok := c.known(key); ok {
		return i.value, i.err
	}
	done := c.flight.DoChan(key, func() (any, error) {
		good := c.now().Add(c.keep) // from before the look-up: what changed since is not in it
		v, err := look(context.WithoutCancel(ctx))
		if err != nil {
			good = c.now().Add(min(max(later(err), failedFor), time.Minute))
		}
		c.store(key, item[V]{v, err, good})
		return v, err
	})
	select {
	case r := <-done:
		v, _ := r.Val.(V)
		return v, r.Err
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	}
}

func (c *cache[V]) known(key string) (item[V], bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, ok := c.items[key]
	return i, ok && c.now().Before(i.good)
}

// store makes room by forgetting what is old, and if nothing is, a few of any.
func (c *cache[V]) store(key string, i item[V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.items) >= c.most {
		for k, old := range c.items {
			if !c.now().Before(old.good) {
				delete(c.items, k)
			}
		}
		for k := range c.items {
			if len(c.items) < c.most-c.most/8 {
				break
			}
			delete(c.items, k)
		}
	}
	c.items[key] = i
}
