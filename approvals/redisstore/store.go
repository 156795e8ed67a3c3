package redisstore

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
)

// Options are the store's settings. The zero value is good.
type Options struct {
	// KeepRequests is how long a record stays after its last change, once the
	// request has ended. 0 means 30 days. An open request stays for ever.
	KeepRequests time.Duration
	// KeepEvents is how long a request's events stay after the last of them.
	// 0 means 400 days.
	KeepEvents time.Duration
	// KeepOutputs is how long what hosts printed stays. 0 means 7 days.
	KeepOutputs time.Duration
	Log         *slog.Logger // nil: none
}

// Store keeps the requests of one workspace in Redis. Its methods may be called
// at the same time. The client stays the caller's, who closes it.
type Store struct {
	caller
	keys keys
	opts Options
	most int // [mostOutput]; tests have less
}

var _ approvals.Store = (*Store)(nil)

// New makes the store of a workspace, named by its Slack team or enterprise id.
// The client should be one of [Dial], so that no command is repeated unseen.
func New(client redis.UniversalClient, workspace string, opts Options) *Store {
	if opts.KeepRequests <= 0 {
		opts.KeepRequests = 30 * 24 * time.Hour
	}
	if opts.KeepEvents <= 0 {
		opts.KeepEvents = 400 * 24 * time.Hour
	}
	if opts.KeepOutputs <= 0 {
		opts.KeepOutputs = 7 * 24 * time.Hour
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &Store{caller: caller{client}, keys: newKeys(workspace), opts: opts, most: mostOutput}
}

// Ping reports whether Redis answers. Its error wraps ErrUnavailable.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.client.Ping(ctx).Err(); err != nil {
		return explain(ctx, approvals.ErrUnavailable, err)
	}
	return nil
}

// Create is as [approvals.Store] says. Without a hold, the request is due at once.
func (s *Store) Create(ctx context.Context, w approvals.Swap) (approvals.Kept, bool, error) {
	body, event, err := encode(w)
	if err != nil {
		return approvals.Kept{}, false, err
	}
	r, twin := w.Next, w.Next.Twin()
	a, err := s.write(ctx, createScript,
		[]string{s.keys.request(r.ID), s.keys.due(), s.keys.open(), s.keys.twin(twin), s.keys.events(r.ID)},
		r.ID, r.Revision, body, event, moveID(w), w.Worker, w.Hold.Milliseconds(),
		s.opts.KeepEvents.Milliseconds(), s.keys.request(""), twin)
	if err != nil {
		return approvals.Kept{}, false, err
	}
	k, err := s.kept(a, w.Next, 3)
	return k, a.text(0) == "fresh", err
}

// Load is as [approvals.Store] says.
func (s *Store) Load(ctx context.Context, id string) (approvals.Kept, error) {
	a, err := s.read(ctx, loadScript, []string{s.keys.request(id)})
	if err != nil {
		return approvals.Kept{}, err
	}
	if a.text(0) == "" {
		return approvals.Kept{}, approvals.ErrNotFound
	}
	r, err := decode(a.text(0), a.text(1))
	return approvals.Kept{Request: r, Now: a.now, Seen: a.seen}, err
}

// Swap is as [approvals.Store] says, and answers ErrNotFound for an unknown id. If
// an earlier attempt of this swap had won, the record is answered as it is by now.
func (s *Store) Swap(ctx context.Context, w approvals.Swap) (approvals.Kept, error) {
	body, event, err := encode(w)
	if err != nil {
		return approvals.Kept{}, err
	}
	r := w.Next
	a, err := s.write(ctx, swapScript,
		[]string{s.keys.request(r.ID), s.keys.due(), s.keys.open(), s.keys.events(r.ID)},
		r.ID, r.Revision-1, r.Revision, body, event, moveID(w), deadline(w.NotAfter), w.Worker,
		w.Hold.Milliseconds(), due(r.Due()), flag(r.State.Ended()),
		s.opts.KeepRequests.Milliseconds(), s.opts.KeepEvents.Milliseconds(), s.keys.twin(""))
	if err != nil {
		return approvals.Kept{}, err
	}
	switch a.text(0) {
	case "none":
		return approvals.Kept{}, approvals.ErrNotFound
	case "late":
		return approvals.Kept{}, approvals.ErrLate
	}
	k, err := s.kept(a, w.Next, 3)
	if err == nil && a.text(0) == "conflict" {
		err = approvals.ErrConflict
	}
	return k, err
}

// Take is as [approvals.Store] says. A record that cannot be read stays held and
// is left out, with a word in the log: after an upgrade of all replicas it can be.
func (s *Store) Take(ctx context.Context, worker string, hold time.Duration, n int) ([]approvals.Kept, time.Duration, error) {
	a, err := s.write(ctx, takeScript, []string{s.keys.due(), s.keys.take(randomID())},
		s.keys.request(""), worker, max(1, hold.Milliseconds()), n)
	if err != nil {
		return nil, 0, err
	}
	var wake time.Duration
	if ms := a.text(0); ms != "" {
		wake = time.Duration(number(ms)) * time.Millisecond
	}
	return s.list(a, 1, true), wake, nil
}

// Record is as [approvals.Store] says.
func (s *Store) Record(ctx context.Context, e approvals.Event) error {
	event, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("event of %s: %w", e.Request, err)
	}
	_, err = s.write(ctx, recordScript, []string{s.keys.events(e.Request)}, event, s.opts.KeepEvents.Milliseconds())
	return err
}

// Events is as [approvals.Store] says. An event that has no time of its own bears
// that of its writing.
func (s *Store) Events(ctx context.Context, id string) ([]approvals.Event, error) {
	var lines []string
	for n := 0; ; n++ {
		var err error
		if lines, err = s.client.LRange(ctx, s.keys.events(id), 0, -1).Result(); err == nil {
			break
		}
		if n+1 < attempts && mayPass(err) && pause(ctx, n) {
			continue
		}
		return nil, explain(ctx, approvals.ErrUnavailable, err)
	}
	out := make([]approvals.Event, 0, len(lines))
	for _, line := range lines {
		e, err := decodeEvent(line)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// Open is as [approvals.Store] says. A record that cannot be read is left out,
// with a word in the log.
func (s *Store) Open(ctx context.Context, n int) ([]approvals.Kept, error) {
	if n <= 0 {
		return nil, nil
	}
	a, err := s.read(ctx, openScript, []string{s.keys.open()}, s.keys.request(""), n)
	if err != nil {
		return nil, err
	}
	return s.list(a, 0, false), nil
}

// kept reads an answer of mine, time of coming and body from place i-2 on; no
// body means that Redis has what was sent.
func (s *Store) kept(a answer, sent approvals.Request, i int) (approvals.Kept, error) {
	k := approvals.Kept{Request: sent, Now: a.now, Seen: a.seen, Mine: a.text(i-2) == "1"}
	if a.text(i) == "" {
		k.Received = received(sent, a.text(i-1))
		return k, nil
	}
	var err error
	k.Request, err = decode(a.text(i), a.text(i-1))
	return k, err
}

// list reads pairs of body and time of coming from place i on.
func (s *Store) list(a answer, i int, mine bool) []approvals.Kept {
	var out []approvals.Kept
	for ; i+1 < len(a.rest); i += 2 {
		r, err := decode(a.text(i), a.text(i+1))
		if err != nil {
			s.opts.Log.Warn("a record is left out", "error", err)
			continue
		}
		out = append(out, approvals.Kept{Request: r, Now: a.now, Seen: a.seen, Mine: mine})
	}
	return out
}

func moveID(w approvals.Swap) string {
	if w.MoveID == "" {
		return randomID()
	}
	return w.MoveID
}
