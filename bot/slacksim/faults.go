package slacksim

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Fault is how one call goes wrong. The first field set of Error, Status, Drop, Hang, LoseReply
// decides; Delay alone is a slow call that then succeeds.
type Fault struct {
	Error      string        `json:"error,omitempty"`       // answer with this error code
	Status     int           `json:"status,omitempty"`      // answer with this HTTP status and an HTML page
	RetryAfter time.Duration `json:"retry_after,omitempty"` // with Status 429: whole seconds, at least 1
	Drop       bool          `json:"drop,omitempty"`        // close the connection; the call takes no effect
	Hang       bool          `json:"hang,omitempty"`        // never answer; the call takes no effect
	LoseReply  bool          `json:"lose_reply,omitempty"`  // the call takes effect, then the connection closes
	Delay      time.Duration `json:"delay,omitempty"`       // before anything else
}

// socketFault is the name of the WebSocket handshake. No "*" means it.
const socketFault = "socket"

type faults struct {
	mu     sync.Mutex
	next   map[string][]Fault // by method; "*" for any
	tokens map[string]string  // token to error code
	down   bool
	outage bool
	slow   time.Duration
	meters map[string]*meter
}

func (f *faults) init() {
	f.next = make(map[string][]Fault)
	f.tokens = make(map[string]string)
	f.meters = make(map[string]*meter)
}

// take returns the fault that is due for a call of the method.
func (f *faults) take(name string) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.outage:
		return Fault{Drop: true}, true
	case f.down && name != socketFault:
		return Fault{Status: http.StatusServiceUnavailable}, true
	}
	key := name
	if len(f.next[key]) == 0 && name != socketFault {
		key = "*"
	}
	q := f.next[key]
	if len(q) == 0 {
		return Fault{}, false
	}
	f.next[key] = q[1:]
	return q[0], true
}

func (f *faults) tokenState(token string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tokens[token]
}

// FailNext makes the next n calls of the method go wrong. The method may be "response_url",
// "upload", "socket" (the WebSocket handshake), or "*" for any but the last. Faults of one method
// queue up.
func (s *Slack) FailNext(method string, fault Fault, n int) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	for range n {
		s.faults.next[method] = append(s.faults.next[method], fault)
	}
}

// RateLimitNext answers the next n calls of the method with 429 and Retry-After.
func (s *Slack) RateLimitNext(method string, n int, retryAfter time.Duration) {
	s.FailNext(method, Fault{Status: http.StatusTooManyRequests, RetryAfter: retryAfter}, n)
}

// ClearFaults forgets all faults that are still due, and ends [Slack.Slow],
// [Slack.Down] and [Slack.Outage].
func (s *Slack) ClearFaults() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	clear(s.faults.next)
	s.faults.down, s.faults.outage, s.faults.slow = false, false, 0
}

// RefuseToken makes Slack answer every call with the token by the error code, such as
// account_inactive, token_revoked or token_expired. An empty code makes it good again.
func (s *Slack) RefuseToken(token, code string) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.tokens[token] = code
}

// Down answers every HTTP call with 503 until it is called with false. Sockets stay.
func (s *Slack) Down(down bool) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.down = down
}

// Slow has the answer to every HTTP call come so much later than the call takes effect, as if Slack
// were far away. 0 ends it.
func (s *Slack) Slow(d time.Duration) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.slow = d
}

// Outage drops all sockets and closes every HTTP call without an answer until called with false.
func (s *Slack) Outage(on bool) {
	s.faults.mu.Lock()
	s.faults.outage = on
	s.faults.mu.Unlock()
	if on {
		s.DropConnections()
	}
}

// survives carries a fault out, with a record of the call that it ends. True: the call goes on.
func (s *Slack) survives(w http.ResponseWriter, r *http.Request, name string, a args, f Fault) bool {
	switch {
	case f.Error != "":
		s.record(name, a, refuse(f.Error).body(), http.StatusOK, time.Now())
	case f.Status != 0, f.Drop, f.Hang:
		s.record(name, a, nil, f.Status, time.Now())
	}
	return s.misbehave(w, r, f)
}

// misbehave carries a fault out. It returns true if the call is to go on as if nothing had been.
func (s *Slack) misbehave(w http.ResponseWriter, r *http.Request, f Fault) bool {
	if f.Delay > 0 && !s.pause(r, f.Delay) {
		panic(http.ErrAbortHandler)
	}
	switch {
	case f.Error != "":
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = w.Write(refuse(f.Error).body())
	case f.Status == http.StatusTooManyRequests:
		w.Header().Set("Retry-After", itoa(max(1, int(f.RetryAfter/time.Second))))
		w.WriteHeader(f.Status)
		_, _ = w.Write(refuse("ratelimited").body())
	case f.Status != 0:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(f.Status)
		_, _ = io.Copy(w, strings.NewReader("<html><body>Slack is having trouble.</body></html>"))
	case f.Drop:
		panic(http.ErrAbortHandler)
	case f.Hang:
		s.pause(r, 0)
		panic(http.ErrAbortHandler)
	default:
		return true
	}
	return false
}

// pause waits d, or for ever if d is 0. False: the client or the simulator went away.
func (s *Slack) pause(r *http.Request, d time.Duration) bool {
	var c <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		c = t.C
	}
	select {
	case <-c:
		return true
	case <-r.Context().Done():
	case <-s.done:
	}
	return false
}

// late waits as [Slack.Slow] says. Whoever goes away meanwhile gets no answer.
func (s *Slack) late(r *http.Request) {
	s.faults.mu.Lock()
	d := s.faults.slow
	s.faults.mu.Unlock()
	if d > 0 && !s.pause(r, d) {
		panic(http.ErrAbortHandler)
	}
}

// lateWriter waits before the first byte of an answer.
type lateWriter struct {
	http.ResponseWriter
	late func()
	once sync.Once
}

func (w *lateWriter) WriteHeader(status int) {
	w.once.Do(w.late)
	w.ResponseWriter.WriteHeader(status)
}

func (w *lateWriter) Write(b []byte) (int, error) {
	w.once.Do(w.late)
	return w.ResponseWriter.Write(b)
}
