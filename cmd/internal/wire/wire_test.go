package wire

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// target says every line again, and counts what it gets.
type target struct {
	addr string
	got  atomic.Int64
	ends chan error // how each of its connections ended
}

func newTarget(t *testing.T) *target {
	t.Helper()
	s := &target{ends: make(chan error, 100)}
	s.addr = serve(t, func(conn net.Conn) {
		r := bufio.NewReader(conn)
		for {
			line, err := r.ReadString('\n')
			s.got.Add(int64(len(line)))
			if err != nil {
				s.ends <- err
				return
			}
			_, _ = io.WriteString(conn, line)
		}
	})
	return s
}

// serve has each connection handled, until the test ends.
func serve(t *testing.T, handle func(net.Conn)) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() { ln.Close(); running.Wait() })
	return ln.Addr().String()
}

func newProxy(t *testing.T, make func(string) (*Proxy, error), target string) *Proxy {
	t.Helper()
	p, err := make(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// client is a connection through the proxy.
type client struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, p *Proxy) *client {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &client{t, conn, bufio.NewReader(conn)}
}

func (c *client) say(text string) (string, error) {
	if _, err := io.WriteString(c, text+"\n"); err != nil {
		return "", err
	}
	line, err := c.r.ReadString('\n')
	return strings.TrimSuffix(line, "\n"), err
}

func (c *client) hears(text string) {
	c.t.Helper()
	if got, err := c.say(text); err != nil || got != text {
		c.t.Fatalf("said %q, heard %q, %v", text, got, err)
	}
}

// isReset checks that the connection ended with an RST.
func (c *client) isReset() {
	c.t.Helper()
	if _, err := c.r.ReadByte(); !errors.Is(err, syscall.ECONNRESET) {
		c.t.Fatalf("the connection ended with %v, want a reset", err)
	}
}

// awaitOpen waits until n connections are in the proxy. With none, nothing is under way.
func awaitOpen(t *testing.T, p *Proxy, n int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); p.Open() != n; <-tick.C {
		if time.Since(began) > patience {
			t.Fatalf("%d connections are open, want %d", p.Open(), n)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestPass(t *testing.T) {
	s := newTarget(t)
	p := newProxy(t, New, s.addr)
	c := dial(t, p)
	c.hears("one")
	c.hears(strings.Repeat("long ", 100_000))
	_ = c.Conn.(*net.TCPConn).CloseWrite()
	if _, err := c.r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("an orderly end came as %v", err)
	}
	if err := <-s.ends; !errors.Is(err, io.EOF) {
		t.Errorf("the target saw %v, want an orderly end", err)
	}
}

func TestCut(t *testing.T) {
	s := newTarget(t)
	p := newProxy(t, New, s.addr)
	a, b := dial(t, p), dial(t, p)
	a.hears("one")
	b.hears("two")
	p.Cut()
	a.isReset()
	b.isReset()
	for range 2 {
		if err := <-s.ends; !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the target saw %v, want a reset", err)
		}
	}
	dial(t, p).hears("three")
}

func TestRefuse(t *testing.T) {
	p := newProxy(t, New, newTarget(t).addr)
	c := dial(t, p)
	c.hears("one")
	p.Refuse()
	c.isReset()
	if conn, err := net.Dial("tcp", p.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("a refusing proxy answered %v, %v", conn, err)
	}
	must(t, p.Pass())
	dial(t, p).hears("two")
}

// TestHold: what is said is taken and never delivered, also not when the hold ends.
func TestHold(t *testing.T) {
	s := newTarget(t)
	p := newProxy(t, New, s.addr)
	open := dial(t, p)
	open.hears("one")
	got := s.got.Load()
	must(t, p.Hold())
	later := dial(t, p)
	awaitOpen(t, p, 2)
	for _, c := range []*client{open, later} {
		if _, err := io.WriteString(c, "lost\n"); err != nil {
			t.Fatal(err)
		}
	}
	_ = later.Conn.(*net.TCPConn).CloseWrite() // an end is not delivered either
	select {
	case err := <-s.ends:
		t.Fatalf("the target saw %v while all was held", err)
	default:
	}
	must(t, p.Pass())
	open.isReset()
	later.isReset()
	awaitOpen(t, p, 0)
	if now := s.got.Load(); now != got {
		t.Errorf("%d bytes were delivered after they were held", now-got)
	}
	dial(t, p).hears("two")
}

func TestDelay(t *testing.T) {
	const d = 50 * time.Millisecond
	p := newProxy(t, New, newTarget(t).addr)
	c := dial(t, p)
	must(t, p.Delay(d))
	began := time.Now()
	c.hears("one")
	if took := time.Since(began); took < 2*d {
		t.Errorf("it took %s, want %s each way", took, d)
	}
	must(t, p.Delay(time.Hour))
	if _, err := io.WriteString(c, "two\n"); err != nil {
		t.Fatal(err)
	}
	must(t, p.Pass()) // what waits is not late any more
	if got, err := c.r.ReadString('\n'); err != nil || got != "two\n" {
		t.Errorf("heard %q, %v", got, err)
	}
}

func TestNobodyThere(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, ln.Close())
	conn, err := net.Dial("tcp", newProxy(t, New, ln.Addr().String()).Addr())
	if err == nil { // it may be reset while it is made
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, err = conn.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection ended with %v, want a reset", err)
	}
}

func TestClose(t *testing.T) {
	p := newProxy(t, New, newTarget(t).addr)
	c := dial(t, p)
	c.hears("one")
	p.Close()
	c.isReset()
	p.Close()
	must(t, p.Pass())
	if _, err := net.Dial("tcp", p.Addr()); err == nil {
		t.Error("a closed proxy listens again")
	}
}

// TestSwap sends the text in pieces that end anywhere in it.
func TestSwap(t *testing.T) {
	const line = "go to 127.0.0.1:11111 or 127.0.0.1:1, 127.0.0.1:11111"
	for cut := range len(line) {
		parts := []string{line[:cut], line[cut:]}
		next := replaced(func() ([]byte, error) {
			if len(parts) == 0 {
				return nil, io.EOF
			}
			b := []byte(parts[0])
			parts = parts[1:]
			return b, nil
		}, []swap{{[]byte(":11111"), []byte(":22222")}})
		var all []byte
		for err := error(nil); err == nil; {
			var b []byte
			b, err = next()
			all = append(all, b...)
		}
		if want := strings.ReplaceAll(line, ":11111", ":22222"); string(all) != want {
			t.Errorf("cut at %d: %q", cut, all)
		}
	}
	p := newProxy(t, New, newTarget(t).addr)
	if p.Swap("a", "bb") == nil || p.Swap("", "") == nil {
		t.Error("a swap that changes lengths was taken")
	}
	must(t, p.Swap("one", "two"))
	if got, err := dial(t, p).say("one"); err != nil || got != "two" {
		t.Errorf("heard %q, %v", got, err)
	}
}
