package redisstore

import (
	"context"
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
	// Replicas is how many of Redis' replicas must have a request or a move before it
	// counts as kept. 0: only the master has to.
	Replicas int
	Now      func() time.Time // the local clock, for [Store.Clock]; nil: time.Now
	Log      *slog.Logger     // nil: none
}

// Store keeps the requests of one workspace in Redis. Its methods may be called
// at the same time. The client stays the caller's, who closes it.
type Store struct {
	caller
	keys  keys
	opts  Options
	clock *redisClock
	most  int           // [mostOutput]; tests have less
	wait  time.Duration // [replicaWait]; tests have less
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
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &Store{caller: caller{client: client}, keys: newKeys(workspace), opts: opts, clock: &redisClock{local: opts.Now}, most: mostOutput, wait: replicaWait}
}

// Create is as [approvals.Store] says. Without a hold, the request is due at once.
func (s *Store) Create(ctx context.Context, w approvals.Swap) (approvals.Kept, bool, error) {
	body, event, err := encode(w)
	if err != nil {
		return approvals.Kept{}, false, err
	}
	r, twin := w.Next, w.Next.Twin()
	a, err := marked(s.confirm(ctx, createScript,
		[]string{s.keys.request(r.ID), s.keys.due(), s.keys.open(), s.keys.twin(twin), s.keys.events(r.ID), s.keys.audit(), s.keys.asked(r.Requester.User), s.keys.mark()},
		r.ID, r.Revision, body, event, moveID(w), w.Worker, w.Hold.Milliseconds(),
		s.opts.KeepEvents.Milliseconds(), s.keys.request(""), twin, flag(s.opts.Replicas > 0), w.Limits.Open, w.Limits.AMinute))
	if err != nil {
		return approvals.Kept{}, false, err
	}
	switch a.text(2) {
	case "away":
		return approvals.Kept{}, false, approvals.ErrTurnedAway
	case "open":
		return approvals.Kept{}, false, &approvals.TooMany{Open: true, Most: w.Limits.Open}
	case "minute":
		return approvals.Kept{}, false, &approvals.TooMany{Most: w.Limits.AMinute, After: time.Duration(number(a.text(3))) * time.Millisecond}
	}
	k, err := s.kept(a, w.Next)
	return k, a.text(2) == "fresh", err
}

// Load is as [approvals.Store] says.
func (s *Store) Load(ctx context.Context, id string) (approvals.Kept, error) {
	a, err := marked(s.read(ctx, loadScript, []string{s.keys.request(id), s.keys.mark()}))
	if err != nil {
		return approvals.Kept{}, err
	}
	k := s.answered(a)
	if a.text(2) == "" {
		return approvals.Kept{}, approvals.ErrNotFound
	}
	k.Request, err = record(a, 2)
	return k, err
}

// Swap is as [approvals.Store] says, and answers ErrNotFound for an unknown id. If
// an earlier attempt of this swap had won, the record is answered as it is by now;
// with ErrBusy and ErrRestarted, too.
func (s *Store) Swap(ctx context.Context, w approvals.Swap) (approvals.Kept, error) {
	body, event, err := encode(w)
	if err != nil {
		return approvals.Kept{}, err
	}
	r := w.Next
	verb, of := hosts(w)
	args := []any{
		r.ID, r.Revision - 1, r.Revision, body, event, moveID(w), deadline(w.NotAfter), w.Worker,
		w.Hold.Milliseconds(), due(r.Due()), frees(r),
		s.opts.KeepRequests.Milliseconds(), s.opts.KeepEvents.Milliseconds(), s.keys.twin(""), s.keys.request(""),
		w.Server, verb, flag(s.opts.Replicas > 0),
	}
	for _, host := range of {
		args = append(args, host)
	}
	a, err := marked(s.confirm(ctx, swapScript, []string{
		s.keys.request(r.ID), s.keys.due(), s.keys.open(), s.keys.events(r.ID), s.keys.audit(), s.keys.hosts(r.Asked.Script), s.keys.refused(r.ID),
		s.keys.asked(r.Requester.User), s.keys.gone(r.ID), s.keys.mark(),
	}, args...))
	if err != nil {
		return approvals.Kept{}, err
	}
	k, err := s.kept(a, w.Next)
	switch is := refused(a); {
	case is == approvals.ErrNotFound && r.Traceless(): // the reply was lost, or somebody was as fast
		k.Request = r
		return k, nil
	case is == approvals.ErrNotFound, is == approvals.ErrLate:
		return approvals.Kept{}, is
	case err == nil:
		err = is
	}
	return k, err
}

// refused is why a swap was not written; nil: it was.
func refused(a answer) error {
	switch a.text(2) {
	case "none":
		return approvals.ErrNotFound
	case "late":
		return approvals.ErrLate
	case "conflict":
		return approvals.ErrConflict
	case "restarted":
		return approvals.ErrRestarted
	case "busy":
		return &approvals.Busy{Request: a.text(8), Host: a.text(9)}
	}
	return nil
}

// Take is as [approvals.Store] says. A record that cannot be read stays held and
// is left out, with a word in the log: after an upgrade of all replicas it can be.
func (s *Store) Take(ctx context.Context, worker string, hold time.Duration, n int) ([]approvals.Kept, time.Duration, error) {
	a, err := marked(s.write(ctx, takeScript, []string{s.keys.due(), s.keys.take(randomID()), s.keys.mark()},
		s.keys.request(""), worker, max(1, hold.Milliseconds()), n))
	if err != nil {
		return nil, 0, err
	}
	var wake time.Duration
	if ms := a.text(2); ms != "" {
		wake = time.Duration(number(ms)) * time.Millisecond
	}
	return s.list(a, 3, true), wake, nil
}

// Events is as [approvals.Store] says. An event that has no time of its own bears
// that of its writing.
func (s *Store) Events(ctx context.Context, id string, n int) ([]approvals.Event, error) {
	a, err := s.read(ctx, eventsScript, []string{s.keys.events(id)}, -n, -1)
	if err != nil {
		return nil, err
	}
	lines, _ := a.rest[0].([]any)
	out := make([]approvals.Event, 0, len(lines))
	for _, line := range lines {
		e, err := decodeEvent(fmt.Sprint(line))
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// TurnAway is as [approvals.Store] says.
func (s *Store) TurnAway(ctx context.Context, e approvals.Event) error {
	text, err := encodeEvent(e)
	if err != nil {
		return err
	}
	_, err = marked(s.write(ctx, turnAwayScript, []string{s.keys.request(e.Request), s.keys.events(e.Request), s.keys.audit(), s.keys.mark()},
		e.Request, text, s.opts.KeepEvents.Milliseconds()))
	return err
}

// KeepRefusal is as [approvals.Store] says.
func (s *Store) KeepRefusal(ctx context.Context, f approvals.Refusal, most int) (approvals.Refusals, error) {
	text, err := f.Encode()
	if err != nil {
		return approvals.Refusals{}, fmt.Errorf("refused click on %s: %w", f.Request, err)
	}
	a, err := s.write(ctx, refuseScript, []string{s.keys.request(f.Request), s.keys.refused(f.Request), s.keys.events(f.Request)},
		f.N, f.Prev, f.Hash, text, presser(f.By), most, approvals.MostRefusals, s.opts.KeepEvents.Milliseconds(), f.Event, approvals.RecentRefusals)
	if err != nil {
		return approvals.Refusals{}, err
	}
	switch a.text(0) {
	case "none":
		return approvals.Refusals{}, approvals.ErrNotFound
	case "conflict":
		return refusedClicks(a.text(1)), approvals.ErrConflict
	}
	return refusedClicks(a.text(1)), nil
}

// Open is as [approvals.Store] says. A record that cannot be read is left out,
// with a word in the log.
func (s *Store) Open(ctx context.Context, n int) ([]approvals.Kept, error) {
	if n <= 0 {
		return nil, nil
	}
	a, err := marked(s.read(ctx, openScript, []string{s.keys.open(), s.keys.mark()}, s.keys.request(""), n))
	if err != nil {
		return nil, err
	}
	return s.list(a, 2, false), nil
}

// answered is what every answer of a script tells besides.
func (s *Store) answered(a answer) approvals.Kept {
	s.clock.heard(a)
	k := approvals.Kept{Now: a.now, Seen: a.seen, Sought: a.sought, Server: approvals.Server{ID: a.text(0)}}
	if since := a.text(1); since != "" {
		k.Server.Since = time.UnixMilli(number(since)).UTC()
	}
	return k
}

// kept reads what createScript and swapScript answer; no body means that Redis has
// what was sent.
func (s *Store) kept(a answer, sent approvals.Request) (approvals.Kept, error) {
	k := s.answered(a)
	k.Mine = a.text(3) == "1"
	if a.text(4) == "" {
		k.Request = sent
		k.Received = received(sent, a.text(5))
		if k.KeptOn == "" {
			k.KeptOn = a.text(6)
		}
		k.Refused = refusedClicks(a.text(7))
		return k, nil
	}
	var err error
	k.Request, err = record(a, 4)
	return k, err
}

// list reads records from place i on.
func (s *Store) list(a answer, i int, mine bool) []approvals.Kept {
	var out []approvals.Kept
	all := s.answered(a)
	for ; i+3 < len(a.rest); i += 4 {
		r, err := record(a, i)
		if err != nil {
			s.opts.Log.Warn("a record is left out", "error", err)
			continue
		}
		k := all
		k.Request, k.Mine = r, mine
		out = append(out, k)
	}
	return out
}

func moveID(w approvals.Swap) string {
	if w.MoveID == "" {
		return randomID()
	}
	return w.MoveID
}
