package redisstore

import (
	"sync/atomic"
	"time"
)

// redisClock is Redis' clock as of its newest answer, and carried on from there by the local
// one.
type redisClock struct {
	local func() time.Time
	last  atomic.Pointer[reading]
}

// reading is both clocks at one moment.
type reading struct{ redis, local time.Time }

// heard notes what Redis' clock said. Of two answers that come at once either is as
// good.
func (c *redisClock) heard(a answer) {
	local := c.local()
	c.last.Store(&reading{redis: a.now, local: local})
}

// now is the local time until Redis has answered.
func (c *redisClock) now() time.Time {
	local := c.local()
	if r := c.last.Load(); r != nil {
		return r.redis.Add(local.Sub(r.local))
	}
	return local
}

// Clock is Redis' time as of its newest answer to this store, carried on by the local
// clock: whatever the date of this machine, it is right once Redis has answered, and
// behind by an answer's way at most.
func (s *Store) Clock() time.Time { return s.clock.now() }
