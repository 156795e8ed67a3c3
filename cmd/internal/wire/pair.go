package wire

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	pieceSize = 64 << 10
	dialFor   = 2 * time.Second
)

// pair is one connection through the proxy.
type pair struct {
	proxy  *Proxy
	client *net.TCPConn
	swaps  []swap

	mu     sync.Mutex
	server *net.TCPConn
	gone   bool

	dropping atomic.Pointer[drop] // the next reply is lost
}

// connect reaches the target; false if it cannot, and the client is reset then.
func (c *pair) connect() bool {
	conn, err := net.DialTimeout("tcp", c.proxy.target, dialFor)
	c.mu.Lock()
	if err == nil {
		c.server = conn.(*net.TCPConn)
	}
	gone := c.gone
	c.mu.Unlock()
	if err != nil || gone {
		c.reset()
		return false
	}
	return true
}

// reset ends both sides with an RST. Repeats do nothing more.
func (c *pair) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	for _, conn := range []*net.TCPConn{c.client, c.server} {
		if conn != nil {
			_ = conn.SetLinger(0)
			_ = conn.Close()
		}
	}
}

// run hands bytes on, both ways, until both have ended.
func (c *pair) run() {
	var both sync.WaitGroup
	ask := pieces(c.client)
	if c.proxy.redis {
		ask = commands(bufio.NewReaderSize(c.client, pieceSize), c.noteCommand)
	}
	both.Go(func() { c.pump(c.server, ask, nil) })
	both.Go(func() { c.pump(c.client, replaced(pieces(c.server), c.swaps), c.losing) })
	both.Wait()
	_ = c.client.Close()
	_ = c.server.Close()
}

// source gives the next piece of a stream, and an error at its end.
type source func() ([]byte, error)

func pieces(r io.Reader) source {
	buf := make([]byte, pieceSize)
	return func() ([]byte, error) {
		n, err := r.Read(buf)
		return buf[:n], err
	}
}

// piece is what waits to be delivered: some bytes, or the end of a stream.
type piece struct {
	bytes []byte
	at    time.Time // when it came
	end   error
}

// pump delivers what next gives, as the proxy behaves at that moment. lose, asked with
// each piece, has the connection reset instead. An orderly end is handed on as one.
func (c *pair) pump(to *net.TCPConn, next source, lose func([]byte) bool) {
	// Pieces wait in a queue, so that a delay shifts a stream and does not slow it.
	queue := make(chan piece, 1024)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(queue)
		for {
			b, err := next()
			if len(b) > 0 {
				queue <- piece{append([]byte(nil), b...), time.Now(), nil}
			}
			if err != nil {
				queue <- piece{nil, time.Now(), err}
				return
			}
		}
	})
	defer reading.Wait()
	for p := range queue {
		if lose != nil && len(p.bytes) > 0 && lose(p.bytes) {
			c.reset()
		}
		if c.wait(p.at) { // else it is held: taken, and goes nowhere
			c.deliver(to, p)
		}
	}
}

func (c *pair) deliver(to *net.TCPConn, p piece) {
	var err error
	switch {
	case errors.Is(p.end, io.EOF):
		err = to.CloseWrite()
	case p.end != nil:
		err = p.end
	default:
		_, err = to.Write(p.bytes)
	}
	if err != nil {
		c.reset() // the reader ends, and the rest of the queue is let go
	}
}

// wait is for the time that a piece is to be delivered; false: never.
func (c *pair) wait(came time.Time) bool {
	for {
		held, delay, changed := c.proxy.behaviour()
		left := time.Until(came.Add(delay))
		if held || left <= 0 {
			return !held
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-changed:
		}
		timer.Stop()
	}
}
