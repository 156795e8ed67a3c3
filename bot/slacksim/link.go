package slacksim

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// Reasons for [Slack.Disconnect].
const (
	ReasonWarning      = "warning"           // the socket ends after Config.Grace
	ReasonRefresh      = "refresh_requested" // the same, and nothing is sent on it any more
	ReasonLinkDisabled = "link_disabled"     // Socket Mode was switched off: it ends at once
)

// SwitchSocketMode switches Socket Mode off, so that apps.connections.open is refused and all
// sockets end with link_disabled, or on again.
func (s *Slack) SwitchSocketMode(on bool) {
	s.sockets.mu.Lock()
	s.sockets.disabled = !on
	s.sockets.mu.Unlock()
	if !on {
		s.Disconnect(ReasonLinkDisabled)
	}
}

// Connections is the number of open sockets.
func (s *Slack) Connections() int { return len(s.sockets.list()) }

// WaitConnected returns as soon as n or more sockets are open, or ctx's error.
func (s *Slack) WaitConnected(ctx context.Context, n int) error {
	return s.waitSockets(ctx, func() bool { return len(s.sockets.open) >= n })
}

// Disconnect tells every open socket that it ends, and why.
func (s *Slack) Disconnect(reason string) { s.disconnect(reason, s.sockets.list()) }

// DisconnectOne tells the oldest open socket that was not told yet that it ends, and why, as Slack does
// when it refreshes its own machines one by one.
func (s *Slack) DisconnectOne(reason string) {
	list := s.sockets.list()
	s.sockets.mu.Lock()
	i := slices.IndexFunc(list, func(c *socket) bool { return !c.told })
	s.sockets.mu.Unlock()
	if i >= 0 {
		s.disconnect(reason, list[i:i+1])
	}
}

func (s *Slack) disconnect(reason string, list []*socket) {
	notice, _ := json.Marshal(disconnectNotice(reason))
	for _, c := range list {
		s.sockets.mu.Lock()
		c.told, c.retired = true, reason != ReasonWarning
		s.sockets.reachedLocked()
		s.sockets.mu.Unlock()
		c.out.put(notice)
		if reason == ReasonLinkDisabled {
			c.out.put(nil)
			continue
		}
		s.after(s.cfg.Grace, c.done, c.close)
	}
}

// DropConnections cuts every socket without a word.
func (s *Slack) DropConnections() { s.sockets.closeAll() }

// DropOne cuts the oldest open socket without a word.
func (s *Slack) DropOne() {
	if list := s.sockets.list(); len(list) > 0 {
		list[0].close()
	}
}

// BlackHole makes n of the open sockets, the oldest first, go silent while they stay open: what is
// sent on them is lost, what comes from them is ignored, and no pings go out.
func (s *Slack) BlackHole(n int) {
	s.sockets.mu.Lock()
	defer s.sockets.mu.Unlock()
	for _, c := range s.sockets.open {
		if n > 0 && !c.black {
			c.black = true
			n--
		}
	}
	s.sockets.reachedLocked()
}

// after runs f when d has passed, unless cancel is closed or the simulator ends first.
func (s *Slack) after(d time.Duration, cancel <-chan struct{}, f func()) {
	s.spawn(func() {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			f()
		case <-cancel:
		case <-s.done:
		}
	})
}
