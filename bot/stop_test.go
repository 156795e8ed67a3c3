package bot

import (
	"testing"
	"time"
)

// A process that is told to end must end, also if the store is away and an answer
// cannot be stored: whoever runs it kills it soon after anyway.
func TestShutdownIsBounded(t *testing.T) {
	play(t, func(r *rig) {
		sending, answer := make(chan struct{}), make(chan struct{})
		second := r.newBot(func(c *Config) { c.StopWithin = time.Minute })
		stop := r.work(second)
		r.cloud.set(func(c *cloud) { c.onRun = blockUntil(sending, answer, nil) })
		id := r.asks("ALICE")
		r.pressOn(second, "BOB", Approve, id)
		<-sending
		r.memory.setFault(func(storeCall) fault { return away })
		close(answer)
		r.settle()
		began := time.Now()
		stop()
		if took := time.Since(began); took > 90*time.Second {
			r.Errorf("stopping took %s", took)
		}
		r.memory.setFault(nil)
	})
}

// A press on a request that was to be looked at in a moment is not kept waiting for that.
func TestAPressWhileARequestRests(t *testing.T) {
	playTAT(t, nil, func(r *rig) {
		r.on(func(_ string, h *apiHost) { h.ends = time.Time{} })
		id := r.asksTAT()
		r.press("BOB", Approve, id)
		pressed := time.Now()
		r.press("ALICE", Stop, id)
		if got := r.journal.of("stop"); len(got) == 0 || time.Since(pressed) > 0 {
			t.Errorf("after %s: %v", time.Since(pressed), got)
		}
	})
}
