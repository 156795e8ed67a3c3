package bmtest

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Call is one request that arrived, whatever became of it.
type Call struct {
	N        int               `json:"n"` // counts from 1
	At       time.Time         `json:"at"`
	API      string            `json:"api"` // 2.0, 3.0 or tat
	Action   string            `json:"action"`
	As2      string            `json:"as2"` // the action of 2.0 that does the same
	Method   string            `json:"method"`
	KeyID    string            `json:"key_id"`
	ArrayKey string            `json:"array_key,omitempty"` // instanceId or instanceIds, where hosts came
	Params   map[string]string `json:"params"`              // password and Token hidden; of 3.0 with those of the headers, lists as name.0
	Password string            `json:"-"`                   // to compare with
	Token    string            `json:"-"`                   // to compare with
	Conn     string            `json:"conn"`                // the client's address and port: one for each connection
	Done     bool              `json:"done"`                // an answer was decided; the fields below are set
	Status   int               `json:"status,omitempty"`    // 0 for a dropped connection
	Code     int               `json:"code"`
	Error    string            `json:"error,omitempty"`  // the code of 3.0
	Answer   string            `json:"answer,omitempty"` // at most 64 KB of it
	Executed bool              `json:"executed"`
}

// RanCmd is one script that was started on hosts.
type RanCmd struct {
	Call       int       `json:"call"`  // Call.N
	At         time.Time `json:"at"`    // when its call arrived
	Began      time.Time `json:"began"` // when it was carried out, just before the answer
	CmdID      string    `json:"cmd_id"`
	Hosts      []string  `json:"hosts"`
	Parameters []byte    `json:"parameters"`
	Content    []byte    `json:"content"` // of the script at that moment
	User       string    `json:"user"`
	LoginOK    bool      `json:"login_ok"` // whether user and password are right on every host
	KeyID      string    `json:"key_id"`
	API        string    `json:"api"`
	Task       string    `json:"task"` // its id
}

// book keeps the newest entries and counts them all.
type book[T any] struct {
	all   []T
	total int
	keep  int
}

func (b *book[T]) add(v T) {
	if len(b.all) >= 2*b.keep {
		b.all = slices.Clone(b.all[len(b.all)-b.keep:])
	}
	b.all = append(b.all, v)
	b.total++
}

// arrive records a request.
func (s *Server) arrive(r request, conn string) *Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	arrayKey, _, _ := r.hosts()
	c := &Call{
		N: s.calls.total + 1, At: s.now(), API: r.api, Action: r.params["Action"], As2: r.as2(), Method: r.method, KeyID: r.params["SecretId"], ArrayKey: arrayKey,
		Params: r.redactedParams(), Password: r.params[r.passwordKey()], Token: r.params["Token"], Conn: conn,
	}
	if s.lean {
		s.calls.total++
	} else {
		s.calls.add(c)
	}
	s.sorts[c.As2]++
	s.count[c.Action]++
	if c.As2 != c.Action {
		s.count[c.As2]++
	}
	s.changed()
	return c
}

// changed wakes who waits. The lock is held.
func (s *Server) changed() {
	close(s.change)
	s.change = make(chan struct{})
}

// Calls is what arrived, oldest first: the newest [Keep] of it. A [Lean] server keeps none.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Call, len(s.calls.all))
	for i, c := range s.calls.all {
		out[i] = *c
		out[i].Params = maps.Clone(c.Params)
	}
	return out
}

// CallsOf is the part of Calls with this action. A name of 2.0 means the calls of 3.0 and TAT that do the same, too; so it does in Count and WaitCalls.
func (s *Server) CallsOf(action string) []Call {
	return slices.DeleteFunc(s.Calls(), func(c Call) bool { return c.Action != action && c.As2 != action })
}

// Runs is what was started, oldest first: the newest [Keep] of it.
func (s *Server) Runs() []RanCmd {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.runs.all)
}

// Count is how many calls of an action arrived in all.
func (s *Server) Count(action string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count[action]
}

// Counts is how many calls arrived in all, each by the action of 2.0 that does the same.
func (s *Server) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.sorts)
}

// WaitCalls returns when n calls of an action have arrived, answered or not; or with ctx's error.
func (s *Server) WaitCalls(ctx context.Context, action string, n int) error {
	return s.waitFor(ctx, func() bool { return s.count[action] >= n })
}

// WaitRuns returns when n scripts have been started; or with ctx's error.
func (s *Server) WaitRuns(ctx context.Context, n int) error {
	return s.waitFor(ctx, func() bool { return s.runs.total >= n })
}

func (s *Server) waitFor(ctx context.Context, done func() bool) error {
	for {
		s.mu.Lock()
		ok, change := done(), s.change
		s.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
