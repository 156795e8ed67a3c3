package slacksim

import (
	"context"
	"time"
)

// Reach is for how long the bot could be reached over fewer sockets than two, as Slack sees it: sockets
// that are open, and that it still sends payloads on.
type Reach struct {
	One  time.Duration // over one
	None time.Duration // over none: whoever types a command then is told dispatch_failed
}

// meterReach adds up how long the bot was reached over how many sockets.
type meterReach struct {
	sockets int // at most 2
	since   time.Time
	spent   [2]time.Duration // over none, over one
}

// reachedLocked notes over how many sockets payloads can go now, and wakes who waits for that.
func (k *sockets) reachedLocked() {
	k.reach.note(min(k.fitLocked(), 2), time.Now())
	close(k.changed)
	k.changed = make(chan struct{})
}

func (k *sockets) fitLocked() (n int) {
	for _, c := range k.open {
		if !c.retired && !c.black {
			n++
		}
	}
	return n
}

func (m *meterReach) note(sockets int, now time.Time) {
	if m.sockets < len(m.spent) && !m.since.IsZero() {
		m.spent[m.sockets] += now.Sub(m.since)
	}
	m.sockets, m.since = sockets, now
}

// Reach is what it was since the first socket was opened.
func (s *Slack) Reach() Reach {
	s.sockets.mu.Lock()
	defer s.sockets.mu.Unlock()
	if r := &s.sockets.reach; !r.since.IsZero() {
		r.note(r.sockets, time.Now())
	}
	spent := s.sockets.reach.spent
	return Reach{None: spent[0], One: spent[1]}
}

// WaitLasting returns as soon as n or more sockets are open that were not told that they end, or ctx's
// error.
func (s *Slack) WaitLasting(ctx context.Context, n int) error {
	return s.waitSockets(ctx, func() bool {
		lasting := 0
		for _, c := range s.sockets.open {
			if !c.told && !c.black {
				lasting++
			}
		}
		return lasting >= n
	})
}

// WaitFewer returns as soon as fewer than n sockets are open, or ctx's error.
func (s *Slack) WaitFewer(ctx context.Context, n int) error {
	return s.waitSockets(ctx, func() bool { return len(s.sockets.open) < n })
}

// waitSockets returns as soon as is holds, or ctx's error. is is called with the lock held.
func (s *Slack) waitSockets(ctx context.Context, is func() bool) error {
	for {
		s.sockets.mu.Lock()
		holds, changed := is(), s.sockets.changed
		s.sockets.mu.Unlock()
		if holds {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.done:
			return ErrClosed
		case <-changed:
		}
	}
}
