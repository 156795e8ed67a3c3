package slacksim

import (
	"math"
	"net/http"
	"time"
)

// meter is a bucket of calls that fills again over time.
type meter struct {
	left float64
	at   time.Time
}

// take reports whether a call is allowed now, and if not, after how many seconds.
func (m *meter) take(now time.Time, size, perSecond float64) (bool, int) {
	if m.at.IsZero() {
		m.left = size
	} else {
		m.left = min(size, m.left+now.Sub(m.at).Seconds()*perSecond)
	}
	m.at = now
	if m.left >= 1 {
		m.left--
		return true, 0
	}
	return false, max(1, int(math.Ceil((1-m.left)/perSecond)))
}

// pace keeps Slack's limits, if asked to: a method's tier, and one post a second a channel with a
// burst of four, since Slack lets short bursts pass.
func (s *Slack) pace(c *call, m method) *refusal {
	if !s.cfg.Pace {
		return nil
	}
	key, size, rate := c.method, float64(m.tier), float64(m.tier)/60
	if m.tier == 0 {
		key, size, rate = c.method+" "+c.args.str("channel"), 4, 1
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	b := s.faults.meters[key]
	if b == nil {
		b = &meter{}
		s.faults.meters[key] = b
	}
	if ok, wait := b.take(c.at, size, rate); !ok {
		return &refusal{code: "ratelimited", status: http.StatusTooManyRequests, retry: wait}
	}
	return nil
}
