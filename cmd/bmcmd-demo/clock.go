package main

import (
	"time"
)

// pass makes the clocks of Redis, which decides what is due, and of the cloud run
// ahead by d.
func (w *world) pass(d time.Duration) {
	first := w.ahead == 0
	w.mu.Lock()
	w.ahead += d
	w.mu.Unlock()
	w.setTime()
	if !first {
		return
	}
	// miniredis stands still once its time was set, so it is set again and again.
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-w.done:
				return
			case <-tick.C:
				w.setTime()
			}
		}
	}()
}

func (w *world) setTime() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.redis.SetTime(time.Now().Add(w.ahead))
}

// now is the time of Redis and of the cloud.
func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}
