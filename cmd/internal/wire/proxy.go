package wire

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// relisten is how long [Proxy.Pass] and its kin try to get the port back after
// [Proxy.Refuse]: somebody else may have been given it for a moment.
const relisten = 5 * time.Second

// Proxy stands before one target. Its methods may be called at the same time.
type Proxy struct {
	addr    string
	target  string
	redis   bool
	running sync.WaitGroup

	mu      sync.Mutex
	ln      net.Listener // nil: refusing, or closed
	closed  bool
	held    bool
	delay   time.Duration
	changed chan struct{} // closed when held or delay change
	pairs   map[*pair]struct{}
	drops   []*drop
	swaps   []swap
}

// New makes a proxy that passes bytes, on a free port of loopback. The target is
// host:port; it need not be there yet.
func New(target string) (*Proxy, error) { return start(&Proxy{target: target}) }

// Redis is New before a Redis, whose commands are read.
func Redis(target string) (*Proxy, error) { return start(&Proxy{target: target, redis: true}) }

func start(p *Proxy) (*Proxy, error) {
	p.changed, p.pairs = make(chan struct{}), map[*pair]struct{}{}
	ln, err := listenLow()
	if err != nil {
		return nil, err
	}
	p.addr = ln.Addr().String()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serve(ln)
	return p, nil
}

// listenLow takes a port that the system gives to no connection of its own accord: one from there may be taken while
// the proxy refuses, for as long as that connection lives.
func listenLow() (ln net.Listener, err error) {
	for range 1000 {
		if ln, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000))); err == nil {
			return ln, nil
		}
	}
	return nil, err
}

// Addr is where the proxy listens: host:port. It stays the same.
func (p *Proxy) Addr() string { return p.addr }

// Pass hands on what comes from now on. Connections that were held are reset. Its
// error, and that of Delay and Hold, is that of listening again.
func (p *Proxy) Pass() error { return p.behave(false, 0) }

// Delay hands on each piece of what comes after d, each way.
func (p *Proxy) Delay(d time.Duration) error { return p.behave(false, d) }

// Hold takes connections and bytes, and delivers nothing.
func (p *Proxy) Hold() error { return p.behave(true, 0) }

func (p *Proxy) behave(held bool, delay time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held && !held {
		p.cut()
	}
	p.held, p.delay = held, delay
	close(p.changed)
	p.changed = make(chan struct{})
	return p.listen()
}

// listen gets the port again if the proxy refuses. The lock is held.
func (p *Proxy) listen() error {
	if p.ln != nil || p.closed {
		return nil
	}
	for began := time.Now(); ; {
		ln, err := net.Listen("tcp", p.addr)
		if err == nil {
			p.serve(ln)
			return nil
		}
		if time.Since(began) > relisten {
			return fmt.Errorf("the proxy's port is taken: %w", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Cut resets every open connection, on both sides. New ones go as before.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut()
}

func (p *Proxy) cut() {
	for c := range p.pairs {
		c.reset()
	}
}

// Refuse resets every open connection and refuses new ones.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse()
}

func (p *Proxy) refuse() {
	if p.ln != nil {
		_ = p.ln.Close()
		p.ln = nil
	}
	p.cut()
}

// Close ends the proxy and waits for its goroutines. Repeats do nothing.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.refuse()
	p.mu.Unlock()
	p.running.Wait()
}

// Open is how many connections are open.
func (p *Proxy) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pairs)
}

// serve accepts until the listener is closed. The lock is held.
func (p *Proxy) serve(ln net.Listener) {
	p.ln = ln
	p.running.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			p.running.Go(func() { p.join(ln, conn.(*net.TCPConn)) })
		}
	})
}

// join connects an accepted connection with the target, and returns when both have
// ended. What the target refuses is reset.
func (p *Proxy) join(ln net.Listener, from *net.TCPConn) {
	c := &pair{proxy: p, client: from}
	p.mu.Lock()
	if p.ln != ln { // it refuses since
		p.mu.Unlock()
		c.reset()
		return
	}
	p.pairs[c] = struct{}{}
	c.swaps = p.swaps
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.pairs, c)
		p.mu.Unlock()
	}()
	if c.connect() {
		c.run()
	}
}

// behaviour is what to do with a piece of a stream now, and what is closed when
// that changes.
func (p *Proxy) behaviour() (held bool, delay time.Duration, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held, p.delay, p.changed
}
