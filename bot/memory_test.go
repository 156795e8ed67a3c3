package bot

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// memory is an approvals.Store for tests in virtual time. Records lie in it as JSON,
// as they do in the real one, so that nothing is shared with who wrote them.
type memory struct {
	mu    sync.Mutex
	rows  map[string]*row
	twins map[string]string          // ids by twin
	away  map[string]approvals.Event // of requests that were refused as they were typed
	held  map[string]string          // the request that holds a host for a script, by both

	server   approvals.Server
	unmarked bool // nothing is read or written until it is marked
	turns    map[string]said

	fault func(storeCall) fault // what goes wrong with one call; nil: nothing
}

// storeCall is what a fault is decided on.
type storeCall struct {
	name   string // of the method, in small letters
	move   string // of the swap's event; empty for a mark
	worker string // for create, swap and take
	keeps  bool   // the swap keeps what the hosts printed
}

type row struct {
	body     []byte
	received time.Time
	keptOn   string
	free     bool // whoever asks for the same gets a request of their own
	moves    []string
	holder   string
	until    time.Time // of the hold
	due      time.Time // zero: never
	ended    bool
	events   []approvals.Event
	clicks   []approvals.Refusal
	recent   []string // envelopes of the last refused clicks
	refused  approvals.Refusals
	out      approvals.Outputs
}

// fault is how a call to the store goes wrong.
type fault int

const (
	fine       fault = iota
	away             // nothing is written, and that is known
	lostBefore       // nothing is written, and nobody knows
	lostAfter        // it is written, and nobody knows
)

func newMemory() *memory {
	return &memory{rows: map[string]*row{}, away: map[string]approvals.Event{}, twins: map[string]string{}, held: map[string]string{}, turns: map[string]said{}}
}

// flushed is what FLUSHALL leaves.
func (s *memory) flushed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows, s.twins, s.held, s.turns, s.unmarked = map[string]*row{}, map[string]string{}, map[string]string{}, map[string]said{}, true
}

func (s *memory) Mark(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unmarked {
		s.unmarked, s.server = false, approvals.Server{ID: s.server.ID + "+", Since: time.Now()}
	}
	return nil
}

func (s *memory) Revisions(_ context.Context, ids []string) (approvals.Server, map[string]int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	has := map[string]int64{}
	for _, id := range ids {
		if r := s.rows[id]; r != nil {
			has[id] = s.kept(r, "").Revision
		}
	}
	if s.unmarked {
		return approvals.Server{}, has, nil
	}
	return s.server, has, nil
}

func (s *memory) Turn(_ context.Context, id string, r approvals.Rank, worker string, _ time.Duration) (approvals.Turn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	has, there := s.turns[id]
	switch {
	case there && has.worker == "" && has.rank >= r:
		return approvals.TurnDone, nil
	case there && has.worker != "" && (has.worker != worker || has.rank != r):
		return approvals.TurnLater, nil
	}
	more := there && (has.worker == "" || has.more)
	s.turns[id] = said{rank: r, worker: worker, more: more}
	if more {
		return approvals.TurnMore, nil
	}
	return approvals.TurnFirst, nil
}

func (s *memory) Done(_ context.Context, id string, r approvals.Rank) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turns[id].rank <= r {
		s.turns[id] = said{rank: r}
	}
	return nil
}

// said is who says how much of a request that is gone; nobody any more: it was said.
type said struct {
	rank   approvals.Rank
	worker string
	more   bool // less was said before
}

// begin takes the lock and says what goes wrong. The caller unlocks.
func (s *memory) begin(ctx context.Context, c storeCall) (fault, error) {
	s.mu.Lock()
	if err := ctx.Err(); err != nil {
		return away, errors.Join(approvals.ErrUnavailable, err)
	}
	if s.unmarked {
		return away, approvals.ErrUnmarked
	}
	f := fine
	if s.fault != nil {
		f = s.fault(c)
	}
	switch f {
	case away:
		return f, approvals.ErrUnavailable
	case lostBefore:
		return f, approvals.ErrUncertain
	case fine, lostAfter:
	}
	return f, nil
}

// setFault changes what goes wrong.
func (s *memory) setFault(f func(storeCall) fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

func (s *memory) kept(r *row, worker string) approvals.Kept {
	var k approvals.Kept
	if err := json.Unmarshal(r.body, &k.Request); err != nil {
		panic(err)
	}
	k.Refused = r.refused
	k.Received, k.KeptOn, k.Server = r.received, r.keptOn, s.server
	k.Now, k.Seen = time.Now(), time.Now()
	k.Mine = worker != "" && r.holder == worker && time.Now().Before(r.until)
	return k
}

func (r *row) write(s approvals.Swap) {
	body, err := json.Marshal(s.Next)
	if err != nil {
		panic(err)
	}
	r.body, r.moves = body, append(r.moves, s.MoveID)
	r.ended = s.Next.State.Ended()
	if s.Outputs != nil {
		r.out = s.Outputs
	}
	r.free = r.ended || s.Next.Unsure.Lifted
	if s.Event.Move != "" {
		r.events = append(r.events, s.Event)
	}
	if n := len(r.events); n > 0 && s.Next.Facts() != r.events[n-1].Facts {
		last := r.events[n-1]
		panic("after " + last.Move + " a mark has changed what a record says: it is a fact, or left out of Facts")
	}
	now := time.Now()
	if r.holder != s.Worker && now.Before(r.until) {
		return
	}
	if s.Hold > 0 {
		r.holder, r.until = s.Worker, now.Add(s.Hold)
		r.due = r.until
		return
	}
	r.holder, r.until, r.due = "", time.Time{}, s.Next.Due()
}

func (s *memory) Create(ctx context.Context, w approvals.Swap) (approvals.Kept, bool, error) {
	f, err := s.begin(ctx, storeCall{"create", w.Event.Move, w.Worker, false})
	defer s.mu.Unlock()
	if err != nil {
		return approvals.Kept{}, false, err
	}
	if r := s.rows[w.Next.ID]; r != nil {
		return s.kept(r, w.Worker), slices.Contains(r.moves, w.MoveID), nil
	}
	if _, away := s.away[w.Next.ID]; away {
		return approvals.Kept{}, false, approvals.ErrTurnedAway
	}
	twin := w.Next.Twin()
	if r := s.rows[s.twins[twin]]; r != nil && !r.free {
		return s.kept(r, w.Worker), false, nil
	}
	open := 0
	for _, r := range s.rows {
		if s.kept(r, "").Requester.User == w.Next.Requester.User && !r.ended {
			open++
		}
	}
	if w.Limits.Open > 0 && open >= w.Limits.Open {
		return approvals.Kept{}, false, &approvals.TooMany{Open: true, Most: w.Limits.Open}
	}
	r := &row{received: time.Now(), keptOn: s.server.ID}
	s.twins[twin] = w.Next.ID
	w.Next.Received, w.Event.At = r.received, r.received
	r.write(w)
	s.rows[w.Next.ID] = r
	if f == lostAfter {
		return approvals.Kept{}, false, approvals.ErrUncertain
	}
	return s.kept(r, w.Worker), true, nil
}

func (s *memory) Load(ctx context.Context, id string) (approvals.Kept, error) {
	_, err := s.begin(ctx, storeCall{"load", "", "", false})
	defer s.mu.Unlock()
	if errors.Is(err, approvals.ErrUnmarked) {
		return approvals.Kept{}, err
	}
	if err != nil {
		return approvals.Kept{}, approvals.ErrUnavailable
	}
	if r := s.rows[id]; r != nil {
		return s.kept(r, ""), nil
	}
	return approvals.Kept{}, approvals.ErrNotFound
}

func (s *memory) Swap(ctx context.Context, w approvals.Swap) (approvals.Kept, error) {
	f, err := s.begin(ctx, storeCall{"swap", w.Event.Move, w.Worker, len(w.Outputs) > 0})
	defer s.mu.Unlock()
	if err != nil {
		return approvals.Kept{}, err
	}
	r := s.rows[w.Next.ID]
	if r == nil {
		return approvals.Kept{}, approvals.ErrNotFound
	}
	switch is := s.kept(r, w.Worker); {
	case slices.Contains(r.moves, w.MoveID):
		return is, nil
	case is.Revision != w.Next.Revision-1:
		return is, approvals.ErrConflict
	case !w.NotAfter.IsZero() && time.Now().After(w.NotAfter):
		return approvals.Kept{}, approvals.ErrLate
	case w.Server != "" && w.Server != s.server.ID:
		return is, approvals.ErrRestarted
	}
	if err := s.hosts(w); err != nil {
		return s.kept(r, w.Worker), err
	}
	r.write(w)
	if w.Next.Traceless() {
		delete(s.rows, w.Next.ID)
	}
	if f == lostAfter {
		return approvals.Kept{}, approvals.ErrUncertain
	}
	return s.kept(r, w.Worker), nil
}

// hosts does what a swap wants with hosts.
func (s *memory) hosts(w approvals.Swap) error {
	at := func(host string) string { return w.Next.Asked.Script + " " + host }
	for _, host := range w.Next.Asked.Hosts {
		if by, taken := s.held[at(host)]; w.Hosts == approvals.HostsTake && taken && by != w.Next.ID {
			return &approvals.Busy{Request: by, Host: host}
		}
	}
	for _, host := range w.Next.Asked.Hosts {
		by, taken := s.held[at(host)]
		switch {
		case w.Hosts == approvals.HostsLeave && by == w.Next.ID:
			delete(s.held, at(host))
		case w.Hosts == approvals.HostsTake, w.Hosts == approvals.HostsKeep && !taken:
			s.held[at(host)] = w.Next.ID
		}
	}
	return nil
}

// copied is what lies in the store now; the function puts it back, as a backup would.
func (s *memory) copied() (back func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := map[string]row{}
	for id, r := range s.rows {
		old[id] = *r
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.rows = map[string]*row{}
		for id, r := range old {
			s.rows[id] = &r
		}
	}
}

// restart is another run of the store's server, with what it held.
func (s *memory) restart(run string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.server = approvals.Server{ID: run, Since: time.Now()}
}

func (s *memory) Take(ctx context.Context, worker string, hold time.Duration, n int) ([]approvals.Kept, time.Duration, error) {
	_, err := s.begin(ctx, storeCall{"take", "", worker, false})
	defer s.mu.Unlock()
	if err != nil {
		return nil, 0, err
	}
	var taken []approvals.Kept
	var wake time.Duration
	now := time.Now()
	for _, r := range s.rows {
		if r.due.IsZero() || len(taken) == n {
			continue
		}
		if !r.due.After(now) {
			r.holder, r.until = worker, now.Add(hold)
			r.due = r.until
			taken = append(taken, s.kept(r, worker))
		}
		if left := r.due.Sub(now); wake == 0 || left < wake {
			wake = left
		}
	}
	return taken, wake, nil
}

func (s *memory) Events(ctx context.Context, id string, n int) ([]approvals.Event, error) {
	_, err := s.begin(ctx, storeCall{"events", "", "", false})
	defer s.mu.Unlock()
	if r := s.rows[id]; err == nil && r != nil {
		if n == 0 {
			n = len(r.events)
		}
		return slices.Clone(r.events[max(0, len(r.events)-n):]), nil
	}
	return nil, err
}

func (s *memory) TurnAway(ctx context.Context, e approvals.Event) error {
	_, err := s.begin(ctx, storeCall{"away", "", "", false})
	defer s.mu.Unlock()
	if _, there := s.away[e.Request]; err == nil && !there && s.rows[e.Request] == nil {
		s.away[e.Request] = e
	}
	return err
}

func (s *memory) KeepRefusal(ctx context.Context, f approvals.Refusal, most int) (approvals.Refusals, error) {
	_, err := s.begin(ctx, storeCall{"refusal", "", "", false})
	defer s.mu.Unlock()
	r := s.rows[f.Request]
	if err != nil || r == nil {
		return approvals.Refusals{}, errors.Join(err, approvals.ErrNotFound)
	}
	if f.Event != "" && slices.Contains(r.recent, f.Event) {
		return r.refused, nil
	}
	his := 0
	for _, c := range r.clicks {
		if c.By == f.By {
			his++
		}
	}
	if his < most && len(r.clicks) < approvals.MostRefusals {
		if f.Prev != r.refused.Head {
			return r.refused, approvals.ErrConflict
		}
		r.clicks = append(r.clicks, f)
		r.refused.N, r.refused.Head = f.N, f.Hash
	}
	r.refused.All++
	r.recent = append(r.recent, f.Event)
	r.recent = r.recent[max(0, len(r.recent)-approvals.RecentRefusals):]
	return r.refused, nil
}

func (s *memory) Outputs(ctx context.Context, id string) (approvals.Outputs, error) {
	_, err := s.begin(ctx, storeCall{"outputs", "", "", false})
	defer s.mu.Unlock()
	if r := s.rows[id]; err == nil && r != nil {
		return maps.Clone(r.out), nil
	}
	return nil, err
}

func (s *memory) Open(ctx context.Context, n int) ([]approvals.Kept, error) {
	_, err := s.begin(ctx, storeCall{"open", "", "", false})
	defer s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var open []approvals.Kept
	for _, r := range s.rows {
		if !r.ended {
			open = append(open, s.kept(r, ""))
		}
	}
	slices.SortFunc(open, func(a, b approvals.Kept) int {
		return cmp.Or(b.Received.Compare(a.Received), cmp.Compare(a.ID, b.ID))
	})
	return open[:min(n, len(open))], nil
}

// bytes is all that lies in the store.
func (s *memory) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []byte
	for _, r := range s.rows {
		all = append(all, r.body...)
		events, err := json.Marshal(r.events)
		if err != nil {
			panic(err)
		}
		all = append(all, events...)
		for _, out := range r.out {
			all = append(all, out...)
		}
	}
	return all
}
