package slackio

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// cache keeps answers for a while. One look-up of a key runs at a time; who asks meanwhile waits for
// it. Errors are not kept.
type cache[V any] struct {
	keep   time.Duration
	most   int
	now    func() time.Time
	flight singleflight.Group

	mu    sync.Mutex
	items map[string]item[V]
}

type item[V any] struct {
	value V
	asked time.Time // when the look-up began: what changed since is not in it
}

func newCache[V any](keep time.Duration, most int) *cache[V] {
	return &cache[V]{keep: keep, most: most, now: time.Now, items: make(map[string]item[V])}
}

// get returns the value of key. The look-up does not end with the ctx of the one who happened to
// begin it, but waiting for it does.
func (c *cache[V]) get(ctx context.Context, key string, look func(context.Context) (V, error)) (V, error) {
	if v, ok := c.known(key); ok {
		return v, nil
	}
	done := c.flight.DoChan(key, func() (any, error) {
		asked := c.now()
		v, err := look(context.WithoutCancel(ctx))
		if err == nil {
			c.store(key, item[V]{v, asked})
		}
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

func (c *cache[V]) known(key string) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, ok := c.items[key]
	if !ok || c.now().Sub(i.asked) >= c.keep {
		return i.value, false
	}
	return i.value, true
}

// store makes room by forgetting what is old, and if nothing is, a few of any.
func (c *cache[V]) store(key string, i item[V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.items) >= c.most {
		for k, old := range c.items {
			if c.now().Sub(old.asked) >= c.keep {
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
