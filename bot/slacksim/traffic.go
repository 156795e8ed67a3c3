package slacksim

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"sync"
	"time"
)

// APICall is one call as received and answered. The token is not in it.
type APICall struct {
	Seq    int               `json:"seq"`
	Method string            `json:"method"`         // also "response_url" and "upload"
	Form   map[string]string `json:"form,omitempty"` // of a form call
	JSON   json.RawMessage   `json:"json,omitempty"` // of a JSON call
	Status int               `json:"status"`         // HTTP status; 0: no answer was sent
	Answer json.RawMessage   `json:"answer,omitempty"`
	Error  string            `json:"error,omitempty"` // of the answer
	At     time.Time         `json:"at"`
	Took   time.Duration     `json:"took"`
}

// counts are the calls by method. They are kept by a lean Slack, too.
type counts struct {
	mu sync.Mutex
	by map[string]int
}

func (s *Slack) record(name string, a args, body []byte, status int, start time.Time) {
	s.counts.mu.Lock()
	if s.counts.by == nil {
		s.counts.by = make(map[string]int)
	}
	s.counts.by[name]++
	s.counts.mu.Unlock()
	s.calls.add(func(seq int) APICall {
		c := APICall{Seq: seq, Method: name, Status: status, At: s.cfg.Now(), Took: time.Since(start)}
		if json.Valid(body) {
			c.Answer = body
			var said struct{ Error string }
			if json.Unmarshal(body, &said) == nil {
				c.Error = said.Error
			}
		}
		if a.isJSON {
			if json.Valid(a.body) {
				c.JSON = a.body
			}
			return c
		}
		c.Form = make(map[string]string, len(a.form))
		for k := range a.form {
			if k != "token" {
				c.Form[k] = a.form.Get(k)
			}
		}
		return c
	})
}

// Calls returns every call so far, oldest first. A lean Slack keeps none.
func (s *Slack) Calls() []APICall { return s.calls.list() }

// CallCount returns how often the method was called, refused calls included.
func (s *Slack) CallCount(method string) int {
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	return s.counts.by[method]
}

// CallCounts is [Slack.CallCount] of every method that was called.
func (s *Slack) CallCounts() map[string]int {
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	return maps.Clone(s.counts.by)
}

// WaitCalls returns the first n calls of the method as soon as there are so many; else
// ctx's error or [ErrClosed].
func (s *Slack) WaitCalls(ctx context.Context, method string, n int) ([]APICall, error) {
	var got []APICall
	if n <= 0 {
		return nil, nil
	}
	_, err := s.calls.waitFor(ctx, s.done, func(c APICall) bool {
		if c.Method == method {
			got = append(got, c)
		}
		return len(got) >= n
	})
	return got, err
}

// traffic is every byte that the bot sent, one line of head before each piece.
type traffic struct {
	mu   sync.Mutex
	keep bool
	buf  bytes.Buffer
}

func (t *traffic) request(r *http.Request, body []byte) {
	if !t.keep {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.WriteString(r.Method + " " + r.URL.RequestURI() + "\n")
	for k, vs := range r.Header {
		if k == "Authorization" {
			continue
		}
		for _, v := range vs {
			t.buf.WriteString(k + ": " + v + "\n")
		}
	}
	t.buf.Write(body)
	t.buf.WriteByte('\n')
}

func (t *traffic) frame(b []byte) {
	if !t.keep {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.WriteString("ws\n")
	t.buf.Write(b)
	t.buf.WriteByte('\n')
}

// Traffic returns every byte that the bot sent: addresses, headers, bodies, socket frames. Only
// the tokens' own places (the Authorization header, the form field token) are left out, so that a
// secret found in it is one that leaked.
func (s *Slack) Traffic() []byte {
	s.traffic.mu.Lock()
	defer s.traffic.mu.Unlock()
	return bytes.Clone(s.traffic.buf.Bytes())
}

// WriteTraffic writes what [Slack.Traffic] returns.
func (s *Slack) WriteTraffic(w io.Writer) error {
	_, err := w.Write(s.Traffic())
	return err
}
