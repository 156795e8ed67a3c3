package main

import (
	"time"
)

// pass makes Redis' clock, which decides what is due, run ahead by d.
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
