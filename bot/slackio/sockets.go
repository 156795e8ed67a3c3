package slackio

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/url"
	"sync"
	"time"
)

// receiver keeps the connections of one Run.
type receiver struct {
	*Slack
	work    context.Context // of the handlers; ends after the connections
	readers sync.WaitGroup

	mu     sync.Mutex
	closed bool
	live   map[*link]struct{}

	turn chan struct{} // held by who replaces a connection
}

// keep keeps one connection open until ctx ends. It returns only errors that wrap [ErrSetup].
func (r *receiver) keep(ctx context.Context, slot int) error {
	wait := r.backoff()
	var old *link // which the next one replaces; nil at first
	for ctx.Err() == nil {
		l, err := r.replace(ctx, old)
		if ctx.Err() != nil && err != nil {
			return nil
		}
		if errors.Is(err, ErrSetup) {
			return bare(err)
		}
		if errors.Is(err, errCrowded) {
			r.crowded(ctx, slot, old, wait)
			continue
		}
		if err != nil {
			r.log.Warn("a slack connection could not be opened", "slot", slot, "error", err)
			sleep(ctx, max(later(err), wait.next()))
			continue
		}
		r.log.Info("a slack connection is open", "slot", slot)
		select {
		case <-ctx.Done():
			return nil
		case <-l.leaving: // the replacement comes first; the old one is still read
			time.AfterFunc(r.times.linger, l.close)
		case <-l.ended:
		}
		old = l
		if err := r.after(ctx, slot, l, wait); err != nil {
			return err
		}
	}
	return nil
}

// after decides what comes after a connection that has ended, or will.
func (r *receiver) after(ctx context.Context, slot int, l *link, wait *backoff) error {
	why := l.why()
	switch why {
	case "link_disabled":
		return errLinkDisabled
	case "too_many_websockets":
		r.crowded(ctx, slot, nil, wait)
		return nil
	}
	r.log.Info("a slack connection ends", "slot", slot, "reason", why)
	if time.Since(l.since) >= r.times.steady {
		wait.reset()
		return nil
	}
	if isClosed(l.leaving) && wait.fresh() {
		return nil // Slack may refresh a young one, too; it does so again and again only if it is ill
	}
	sleep(ctx, wait.next())
	return nil
}

// replace is connect. While the one to be replaced is still there, connections are replaced one after the
// other, so that a process never gives all of them up at once and never holds many more than it needs: ten
// are all that an app may have. A replacement that hangs does not hold the others up for long.
func (r *receiver) replace(ctx context.Context, old *link) (*link, error) {
	if old == nil || isClosed(old.ended) {
		return r.connect(ctx)
	}
	patience := time.NewTimer(r.times.patience)
	defer patience.Stop()
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-patience.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return r.connect(ctx)
}

var errCrowded = errors.New("slack has too many connections of this app")

// crowded waits for others to let go of their connections, or for our own old one to end. Slack may count
// one for a moment after its end, so the first tries come soon, and then ever more rarely.
func (r *receiver) crowded(ctx context.Context, slot int, old *link, wait *backoff) {
	r.log.Warn("slack has too many connections of this app: other processes hold them; going on with fewer. An app has ten: stop bots that are not needed, or set fewer connections for each", "slot", slot)
	if old == nil || isClosed(old.ended) {
		sleep(ctx, min(wait.next(), r.times.crowded))
		return
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-old.ended:
			stop()
		case <-ctx.Done():
		}
	}()
	sleep(ctx, jitter(r.times.crowded))
}

// connect opens a connection and waits until Slack has greeted it.
func (r *receiver) connect(ctx context.Context) (*link, error) {
	address, err := r.ticket(ctx)
	if err != nil {
		return nil, err
	}
	l, err := r.dial(ctx, address)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		l.close()
		return nil, context.Canceled
	}
	r.live[l] = struct{}{}
	r.readers.Add(1)
	r.mu.Unlock()
	go func() {
		defer r.readers.Done()
		l.read(r.receive)
		r.mu.Lock()
		delete(r.live, l)
		r.mu.Unlock()
	}()
	return r.greeted(ctx, l)
}

// greeted waits for Slack's hello.
func (r *receiver) greeted(ctx context.Context, l *link) (*link, error) {
	t := time.NewTimer(r.times.handshake)
	defer t.Stop()
	select {
	case <-l.hello:
		if err := r.oneApp(l); err != nil {
			l.close()
			return nil, err
		}
		return l, nil
	case <-l.ended:
		switch l.why() {
		case "link_disabled":
			return nil, errLinkDisabled
		case "too_many_websockets":
			return nil, errCrowded
		}
		return nil, &failure{method: "socket", why: "ended before its hello: " + l.why()}
	case <-t.C:
		l.close()
		return nil, &failure{method: "socket", why: "no hello in time"}
	case <-ctx.Done(): // it is closed with all others, when what came over it is acknowledged
		return nil, ctx.Err()
	}
}

// closeAll ends all connections, and those still being opened.
func (r *receiver) closeAll() {
	r.mu.Lock()
	r.closed = true
	all := make([]*link, 0, len(r.live))
	for l := range r.live {
		all = append(all, l)
	}
	r.mu.Unlock()
	for _, l := range all {
		l.close()
	}
}

// ticket asks for the address of one socket. The address is a secret and good for one use.
func (s *Slack) ticket(ctx context.Context) (string, error) {
	_, address, err := s.api.StartSocketModeContext(ctx)
	if err != nil {
		return "", s.failed(appToken, "apps.connections.open", err)
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "wss" && (u.Scheme != "ws" || !isLoopback(&url.URL{Scheme: "http", Host: u.Host})) {
		return "", &failure{method: "apps.connections.open", why: "the address in the answer is not a wss address"}
	}
	return address, nil
}

// backoff is a wait that doubles, with jitter, so that many bots do not come back at one moment.
type backoff struct {
	first, most, now time.Duration
	used             bool // by fresh
}

func (s *Slack) backoff() *backoff {
	return &backoff{first: s.times.backoff, most: s.times.backoffTo}
}

func (b *backoff) next() time.Duration {
	b.now = min(max(b.first, 2*b.now), b.most)
	return jitter(b.now)
}

func (b *backoff) reset() { b.now, b.used = 0, false }

// fresh reports, once after each reset, that nothing has gone wrong since.
func (b *backoff) fresh() bool {
	was := b.used || b.now > 0
	b.used = true
	return !was
}

// jitter is between half of d and d.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }
