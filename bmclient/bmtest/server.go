package bmtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Server is the API, in each version with one state. It is an http.Handler, and can serve itself on loopback. Safe for use by many goroutines.
type Server struct {
	now          func() time.Time
	window       time.Duration
	onlyArrayKey string
	checkLogins  bool
	onlyHTTPS    bool
	plainContent bool
	noScript     answer
	mostRows     int
	aSecond      int
	exactNames   bool
	recordFilled bool
	lean         bool

	mu      sync.Mutex
	scripts map[string]Script
	hosts   map[string]*host
	keys    map[string]key
	nonces  nonceBook
	second  map[string]int // calls of each action in the second that is at
	at      int64
	faults  []plannedFault
	calls   book[*Call]
	runs    book[RanCmd]
	tasks   []*task
	listing Listing

	taskLists int // how many calls have listed tasks
	forgotten int // tasks that are no longer kept
	count     map[string]int
	sorts     map[string]int // calls by the action of 2.0 that does the same
	change    chan struct{}  // closed and made anew whenever something changes
	active    int            // calls being answered
	http      *http.Server
	url       string

	closed    chan struct{}
	closeOnce sync.Once
	serving   sync.WaitGroup
}

// Option alters a Server.
type Option func(*Server)

// Now gives the server another clock.
func Now(now func() time.Time) Option { return func(s *Server) { s.now = now } }

// Window is how far a Timestamp may be off; 5 minutes if not set.
func Window(d time.Duration) Option { return func(s *Server) { s.window = d } }

// OnlyArrayKey makes the server take hosts under one key and answer 10001 to the other.
func OnlyArrayKey(name string) Option { return func(s *Server) { s.onlyArrayKey = name } }

// CheckLogins makes a wrong user 18011 and a wrong password 18012, where otherwise the answer is 0; in 3.0 the host is refused.
func CheckLogins() Option { return func(s *Server) { s.checkLogins = true } }

// OnlyHTTPS answers every call with 4600, as the API does over http.
func OnlyHTTPS() Option { return func(s *Server) { s.onlyHTTPS = true } }

// PlainContent sends contents, parameters and outputs as plain text, as older versions of the API did.
func PlainContent() Option { return func(s *Server) { s.plainContent = true } }

// Keep is how many calls and runs the history keeps at least; 10,000 if not set.
func Keep(n int) Option { return func(s *Server) { s.calls.keep, s.runs.keep = n, n } }

// Lean keeps no calls, only how many there were: for many thousands of them, with long lists as answers.
func Lean() Option { return func(s *Server) { s.lean = true } }

// MostRows is the largest page; 100 if not set. The documents name no number.
func MostRows(n int) Option { return func(s *Server) { s.mostRows = n } }

// MostASecond is how many calls of an action TAT and CVM take in a second; 0, if not set, is any number. The documents say 20.
func MostASecond(n int) Option { return func(s *Server) { s.aSecond = n } }

// ExactNames makes filters by name of TAT and CVM want the whole name. The documents do not say whether a part is enough.
func ExactNames() Option { return func(s *Server) { s.exactNames = true } }

// RecordFilled makes TAT's records hold a content with its parameters filled in, where they otherwise hold it as it was before. The
// documents do not say which it is.
func RecordFilled() Option { return func(s *Server) { s.recordFilled = true } }

// Missing is how GetUserCmd answers for a script that is not there: "[]" (if not set), "{}" or "null" as data, "" for no data,
// or a number such as "18005". The documents do not say which it is. It panics on anything else.
func Missing(form string) Option {
	a, err := missing(form)
	if err != nil {
		panic(err)
	}
	return func(s *Server) { s.noScript = a }
}

// New makes an empty server: no scripts, hosts or keys.
func New(opts ...Option) *Server {
	s := &Server{
		now: time.Now, window: 5 * time.Minute, mostRows: 100, noScript: answer{data: []any{}},
		scripts: map[string]Script{}, hosts: map[string]*host{}, keys: map[string]key{}, count: map[string]int{}, sorts: map[string]int{},
		change: make(chan struct{}), closed: make(chan struct{}),
	}
	Keep(10_000)(s)
	for _, o := range opts {
		o(s)
	}
	return s
}

// Start serves on a free port of 127.0.0.1.
func (s *Server) Start() error {
	ln, err := Listen("127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("bmtest: %w", err)
	}
	return s.Serve(ln)
}

// Serve serves on a listener, which must be on loopback, in the background. It closes the listener in Close.
func (s *Server) Serve(ln net.Listener) error {
	addr, ok := ln.Addr().(*net.TCPAddr)
	if !ok || !addr.IP.IsLoopback() {
		ln.Close()
		return fmt.Errorf("bmtest: %s is not on loopback; listen on 127.0.0.1", ln.Addr())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http != nil {
		ln.Close()
		return errors.New("bmtest: already started; make another with New")
	}
	s.url = "http://" + addr.String() + path
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	s.serving.Go(func() { _ = s.http.Serve(ln) }) // ends with ErrServerClosed
	return nil
}

// URL is the endpoint of API 2.0 to give to a client; empty before Start.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.url
}

// URL3 is the endpoint of API 3.0 to give to a client; empty before Start.
func (s *Server) URL3() string { return strings.TrimSuffix(s.URL(), path) }

// URLTAT is the endpoint of TAT, and of CVM for the machines, to give to a client; empty before Start. It is that of 3.0: the version that
// a call names says which product is meant.
func (s *Server) URLTAT() string { return s.URL3() }

// Close ends every call, hanging ones too, and waits until the server has stopped. It may be called twice.
func (s *Server) Close() {
	s.closeOnce.Do(func() { close(s.closed) })
	s.mu.Lock()
	srv := s.http
	s.mu.Unlock()
	if srv != nil {
		srv.Close()
	}
	s.serving.Wait()
	_ = s.waitFor(context.Background(), func() bool { return s.active == 0 })
}

func (s *Server) enter(by int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active += by
	s.changed()
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != path && r.URL.Path != path3 {
		http.Error(w, "API 2.0 is at "+path+", 3.0 and TAT at "+path3, http.StatusNotFound)
		return
	}
	s.enter(1)
	defer s.enter(-1)
	req := read(w, r)
	req.id = rand.Text()
	call := s.arrive(req, r.RemoteAddr)
	s.mu.Lock()
	f := s.takeFault(call.Action, call.As2, req.params)
	s.mu.Unlock()
	if f.Delay > 0 && !s.delay(f.Delay) {
		panic(http.ErrAbortHandler)
	}
	out := s.decide(req, f, call)
	switch {
	case f.Hang:
		s.hang(r)
		panic(http.ErrAbortHandler)
	case f.Drop != "":
		panic(http.ErrAbortHandler)
	}
	s.deliver(w, out, f.Truncate)
}

// keptAnswer is how much of an answer the history keeps, in bytes.
const keptAnswer = 64 << 10

// decide carries a request out, as far as the fault lets it, and completes its record before anything goes out.
func (s *Server) decide(req request, f Fault, call *Call) wire {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.handle(req, f, call)
	out := f.wire(a, req)
	call.Done, call.Code, call.Executed = true, a.code, a.executed
	if req.api != "2.0" {
		call.Code, call.Error = 0, a.code3(req.api)
	}
	if !f.Hang && f.Drop == "" {
		call.Status, call.Answer = out.status, out.body[:min(len(out.body), keptAnswer)]
	}
	s.changed()
	return out
}

// deliver writes the answer; truncated means all of it is announced and half of it sent.
func (s *Server) deliver(w http.ResponseWriter, out wire, truncated bool) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	if out.html {
		h.Set("Content-Type", "text/html; charset=utf-8")
	}
	if out.location != "" {
		h.Set("Location", out.location)
	}
	h.Set("Date", s.now().UTC().Format(http.TimeFormat))
	h.Set("Content-Length", strconv.Itoa(len(out.body)))
	w.WriteHeader(out.status)
	if !truncated {
		_, _ = io.WriteString(w, out.body) // a client that went away is not this server's problem
		return
	}
	_, _ = io.WriteString(w, out.body[:len(out.body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// delay waits, and reports false when the server closes. That the client has gone does not shorten it: a slow server does not notice.
func (s *Server) delay(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.closed:
		return false
	}
}

// hang waits until the client or the server has gone.
func (s *Server) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.closed:
	}
}
