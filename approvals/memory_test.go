package approvals

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"
)

// memory is a Store in memory with a clock that a test moves. Records go through
// JSON, as in Redis.
type memory struct {
	mu      sync.Mutex
	now     time.Time
	records map[string]*record
	held    map[string]string // the request that holds a host for a script, by both
	server  Server
	fault   fault
	rival   func()           // called once, before the next swap: somebody is faster
	away    map[string]Event // of requests that were refused as they were typed
	slow    []Swap           // under way, with nobody waiting for them any more
}

// fault is what happens to the next swap.
type fault int

const (
	none      fault = iota
	lostCall        // it never arrives, and nobody can know
	lostReply       // it arrives, and nobody is told
	away            // the store cannot be asked
	slowCall        // it arrives when [memory.arrive] is called, and nobody is told
)

type record struct {
	body   []byte
	rev    int64
	ended  bool
	free   bool // whoever asks for the same gets a request of their own
	twin   string
	moves  []string
	events []Event
	clicks []Refusal
	recent []string // envelopes of the last refused clicks
	count  Refusals
	out    Outputs
	holder string
	until  time.Time
	due    time.Time // zero: not due
}

func newMemory() *memory {
	return &memory{now: t0, records: map[string]*record{}, held: map[string]string{}, away: map[string]Event{}, server: Server{ID: "run-1", Since: t0}}
}

func (m *memory) pass(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
}

// arrive lets the first call that is under way arrive.
func (m *memory) arrive() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.slow[0]
	m.slow = m.slow[1:]
	_, err := m.swap(s)
	return err
}

// copy is what the store holds, and restore has a server of another run start with it.
func (m *memory) copy() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &memory{records: map[string]*record{}, held: maps.Clone(m.held)}
	for id, r := range m.records {
		q := *r
		q.moves, q.events, q.clicks = slices.Clone(r.moves), slices.Clone(r.events), slices.Clone(r.clicks)
		c.records[id] = &q
	}
	return c
}

func (m *memory) restore(from *memory, run string) {
	c := from.copy()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records, m.held, m.slow = c.records, c.held, nil
	m.server = Server{ID: run, Since: m.now}
}

func (m *memory) kept(r *record, worker string) Kept {
	var q Request
	if err := json.Unmarshal(r.body, &q); err != nil {
		panic(err)
	}
	q.Refused = r.count
	return Kept{Request: q, Now: m.now, Seen: time.Now(), Mine: r.holder == worker && r.until.After(m.now), Server: m.server}
}

func (m *memory) Mark(context.Context) error { return nil }

func (m *memory) Revisions(_ context.Context, ids []string) (Server, map[string]int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	has := map[string]int64{}
	for _, id := range ids {
		if r := m.records[id]; r != nil {
			has[id] = r.rev
		}
	}
	return m.server, has, nil
}

func (m *memory) Turn(context.Context, string, Rank, string, time.Duration) (Turn, error) {
	return TurnFirst, nil
}

func (m *memory) Done(context.Context, string, Rank) error { return nil }

func (m *memory) Create(_ context.Context, s Swap) (Kept, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, there := m.records[s.Next.ID]; there {
		return m.kept(r, s.Worker), false, nil
	}
	if _, away := m.away[s.Next.ID]; away {
		return Kept{}, false, ErrTurnedAway
	}
	for _, r := range m.records {
		if !r.free && r.twin == s.Next.Twin() {
			return m.kept(r, s.Worker), false, nil
		}
	}
	s.Next.Received, s.Event.At, s.Next.KeptOn = m.now, m.now, m.server.ID
	r := &record{rev: s.Next.Revision, twin: s.Next.Twin()}
	m.records[s.Next.ID] = r
	m.write(r, s)
	return m.kept(r, s.Worker), true, nil
}

func (m *memory) Load(_ context.Context, id string) (Kept, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, there := m.records[id]
	if !there {
		return Kept{}, ErrNotFound
	}
	return m.kept(r, ""), nil
}

func (m *memory) Swap(_ context.Context, s Swap) (Kept, error) {
	if rival := m.rival; rival != nil {
		m.rival = nil
		rival()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.fault
	m.fault = none
	if f == away {
		return Kept{}, ErrUnavailable
	}
	if f == slowCall {
		m.slow = append(m.slow, s)
	}
	if f == lostCall || f == slowCall {
		return Kept{}, ErrUncertain
	}
	k, err := m.swap(s)
	if f == lostReply {
		return Kept{}, ErrUncertain
	}
	return k, err
}

func (m *memory) swap(s Swap) (Kept, error) {
	r, there := m.records[s.Next.ID]
	switch {
	case !there:
		return Kept{}, ErrNotFound
	case slices.Contains(r.moves, s.MoveID):
		return m.kept(r, s.Worker), nil
	case r.rev != s.Next.Revision-1:
		return m.kept(r, s.Worker), ErrConflict
	case !s.NotAfter.IsZero() && m.now.After(s.NotAfter):
		return Kept{}, ErrLate
	case s.Server != "" && s.Server != m.server.ID:
		return m.kept(r, s.Worker), ErrRestarted
	}
	if err := m.hosts(s); err != nil {
		return m.kept(r, s.Worker), err
	}
	m.write(r, s)
	return m.kept(r, s.Worker), nil
}

func (m *memory) hosts(s Swap) error {
	id := s.Next.ID
	at := func(host string) string { return s.Next.Asked.Script + " " + host }
	for _, host := range s.Next.Asked.Hosts {
		if by, taken := m.held[at(host)]; taken && by != id && s.Hosts == HostsTake {
			return &Busy{Request: by, Host: host}
		}
	}
	for _, host := range s.Next.Asked.Hosts {
		by, taken := m.held[at(host)]
		switch {
		case s.Hosts == HostsLeave && by == id:
			delete(m.held, at(host))
		case s.Hosts == HostsTake, s.Hosts == HostsKeep && !taken:
			m.held[at(host)] = id
		}
	}
	return nil
}

func (m *memory) write(r *record, s Swap) {
	body, err := json.Marshal(s.Next)
	if err != nil {
		panic(err)
	}
	r.body, r.rev, r.ended = body, s.Next.Revision, s.Next.State.Ended()
	r.free = r.ended || s.Next.Unsure.Lifted
	r.moves = append(r.moves, s.MoveID)
	if s.Outputs != nil {
		r.out = s.Outputs
	}
	if s.Event.Move != "" {
		r.events = append(r.events, s.Event)
	}
	if n := len(r.events); n > 0 && s.Next.Facts() != r.events[n-1].Facts {
		last := r.events[n-1]
		panic("after " + last.Move + " a move without an event has changed what " + s.Next.ID + " says: it is a fact, or left out of Facts")
	}
	switch {
	case r.until.After(m.now) && r.holder != s.Worker:
	case s.Hold > 0:
		r.holder, r.until = s.Worker, m.now.Add(s.Hold)
		r.due = r.until
	default:
		r.holder, r.until, r.due = "", time.Time{}, s.Next.Due()
	}
}

func (m *memory) Take(_ context.Context, worker string, hold time.Duration, n int) (taken []Kept, wake time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.records {
		if len(taken) < n && !r.due.IsZero() && !r.due.After(m.now) {
			r.holder, r.until = worker, m.now.Add(hold)
			r.due = r.until
			taken = append(taken, m.kept(r, worker))
		}
	}
	return taken, 0, nil
}

func (m *memory) Events(_ context.Context, id string, n int) ([]Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, there := m.records[id]
	if !there {
		return nil, nil
	}
	if n == 0 {
		n = len(r.events)
	}
	return slices.Clone(r.events[max(0, len(r.events)-n):]), nil
}

func (m *memory) TurnAway(_ context.Context, e Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, there := m.away[e.Request]; !there && m.records[e.Request] == nil {
		m.away[e.Request] = e
	}
	return nil
}

func (m *memory) KeepRefusal(_ context.Context, f Refusal, most int) (Refusals, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, there := m.records[f.Request]
	if !there {
		return Refusals{}, ErrNotFound
	}
	if f.Event != "" && slices.Contains(r.recent, f.Event) {
		return r.count, nil
	}
	his := 0
	for _, c := range r.clicks {
		if c.By.Same(f.By) {
			his++
		}
	}
	if his < most && len(r.clicks) < MostRefusals {
		if f.Prev != r.count.Head {
			return r.count, ErrConflict
		}
		r.clicks = append(r.clicks, f)
		r.count.N, r.count.Head = f.N, f.Hash
	}
	r.count.All++
	r.recent = append(r.recent, f.Event)
	r.recent = r.recent[max(0, len(r.recent)-RecentRefusals):]
	return r.count, nil
}

func (m *memory) Outputs(_ context.Context, id string) (Outputs, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, there := m.records[id]; there {
		return maps.Clone(r.out), nil
	}
	return nil, nil
}

func (m *memory) Open(context.Context, int) ([]Kept, error) { return nil, nil }
