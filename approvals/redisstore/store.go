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
	texts *texts
	met   *lineage
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
	c, k := caller{client: client}, newKeys(workspace)
	return &Store{caller: c, keys: k, opts: opts, texts: newTexts(c, k), met: newLineage(), clock: &redisClock{local: opts.Now}, most: mostOutput, wait: replicaWait}
}

// Create is as [approvals.Store] says. Without a hold, the request is due at once.
func (s *Store) Create(ctx context.Context, w approvals.Swap) (approvals.Kept, bool, error) {
	made, err := encode(w)
	if err != nil {
		return approvals.Kept{}, false, err
	}
	r, twin := w.Next, w.Next.Twin()
	t, err := marked(s.call(ctx, approvals.ErrUncertain, s.confirmed(), createScript,
		[]string{s.keys.request(r.ID), s.keys.due(), s.keys.open(), s.keys.twin(twin), s.keys.events(r.ID), s.keys.audit(), s.keys.asked(r.Requester.User), s.keys.mark()},
		r.ID, r.Revision, made.body, made.event, moveID(w), w.Worker, w.Hold.Milliseconds(),
		s.opts.KeepEvents.Milliseconds(), s.keys.request(""), twin, flag(s.opts.Replicas > 0), w.Limits.Open, w.Limits.AMinute))
	if err != nil {
		return approvals.Kept{}, false, err
	}
	switch t.text(0) {
	case "away":
		return approvals.Kept{}, false, approvals.ErrTurnedAway
	case "open":
		return approvals.Kept{}, false, &approvals.TooMany{Open: true, Most: w.Limits.Open}
	case "minute":
		return approvals.Kept{}, false, &approvals.TooMany{Most: w.Limits.AMinute, After: time.Duration(number(t.text(1))) * time.Millisecond}
	}
	k, err := s.kept(ctx, t, w.Next)
	return k, t.text(0) == "fresh", err
}

// Load is as [approvals.Store] says.
func (s *Store) Load(ctx context.Context, id string) (approvals.Kept, error) {
	t, err := marked(s.call(ctx, approvals.ErrUnavailable, spread{}, loadScript, []string{s.keys.request(id), s.keys.mark()}))
	if err != nil {
		return approvals.Kept{}, err
	}
	if t.text(0) == "" {
		return approvals.Kept{}, approvals.ErrNotFound
	}
	k := t.bare()
	k.Request, err = s.record(ctx, t.answer, 0)
	return k, err
}

// Swap is as [approvals.Store] says, and answers ErrNotFound for an unknown id. If
// an earlier attempt of this swap had won, the record is answered as it is by now;
// with ErrBusy and ErrRestarted, too.
func (s *Store) Swap(ctx context.Context, w approvals.Swap) (approvals.Kept, error) {
	made, err := encode(w)
	if err != nil {
		return approvals.Kept{}, err
	}
	r := w.Next
	if len(w.Outputs) > 0 {
		if made.outputs, err = s.outputs(w.Outputs); err != nil {
			return approvals.Kept{}, err
		}
	}
	if _, there := s.texts.has(made.script); there {
		made.text = nil
	}
	t, err := s.swap(ctx, w, made)
	if err == nil && t.text(0) == "text" { // Redis has lost it
		made.text = r.Plan.Script.Content
		t, err = s.swap(ctx, w, made)
	}
	if err != nil {
		return approvals.Kept{}, err
	}
	k, err := s.kept(ctx, t, r)
	switch is := refused(t); {
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

func (s *Store) swap(ctx context.Context, w approvals.Swap, made written) (signed, error) {
	r := w.Next
	verb, of := hosts(w)
	args := []any{
		r.ID, r.Revision - 1, r.Revision, made.body, made.event, moveID(w), deadline(w.NotAfter), w.Worker,
		w.Hold.Milliseconds(), due(r.Due()), frees(r),
		s.opts.KeepRequests.Milliseconds(), s.opts.KeepEvents.Milliseconds(), s.keys.twin(""), s.keys.request(""),
		w.Server, verb, flag(s.opts.Replicas > 0), made.script, made.text, s.keys.script(""), made.outputs, s.opts.KeepOutputs.Milliseconds(),
	}
	for _, host := range of {
		args = append(args, host)
	}
	t, err := marked(s.call(ctx, approvals.ErrUncertain, s.confirmed(), swapScript, []string{
		s.keys.request(r.ID), s.keys.due(), s.keys.open(), s.keys.events(r.ID), s.keys.audit(), s.keys.hosts(r.Asked.Script), s.keys.refused(r.ID),
		s.keys.asked(r.Requester.User), s.keys.gone(r.ID), s.keys.script(made.script), s.keys.having(made.script), s.keys.outputs(r.ID), s.keys.mark(),
	}, args...))
	if err == nil && t.text(0) == "won" && made.script != "" {
		s.texts.heard(made.script, r.Plan.Script.Content)
	}
	return t, err
}

// refused is why a swap was not written; nil: it was.
func refused(t signed) error {
	switch t.text(0) {
	case "none":
		return approvals.ErrNotFound
	case "late":
		return approvals.ErrLate
	case "conflict":
		return approvals.ErrConflict
	case "restarted":
		return approvals.ErrRestarted
	case "busy":
		return &approvals.Busy{Request: t.text(6), Host: t.text(7)}
	}
	return nil
}

// Take is as [approvals.Store] says. A record that cannot be read stays held and
// is left out, with a word in the log: after an upgrade of all replicas it can be.
func (s *Store) Take(ctx context.Context, worker string, hold time.Duration, n int) ([]approvals.Kept, time.Duration, error) {
	t, err := marked(s.call(ctx, approvals.ErrUncertain, spread{}, takeScript, []string{s.keys.due(), s.keys.take(randomID()), s.keys.mark()},
		s.keys.request(""), worker, max(1, hold.Milliseconds()), n))
	if err != nil {
		return nil, 0, err
	}
	var wake time.Duration
	if ms := t.text(0); ms != "" {
		wake = time.Duration(number(ms)) * time.Millisecond
	}
	return s.list(ctx, t, 1, true), wake, nil
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
		e, err := s.texts.event(ctx, fmt.Sprint(line))
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
	_, err = marked(s.call(ctx, approvals.ErrUncertain, spread{}, turnAwayScript, []string{s.keys.request(e.Request), s.keys.events(e.Request), s.keys.audit(), s.keys.mark()},
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
	t, err := marked(s.call(ctx, approvals.ErrUnavailable, spread{}, openScript, []string{s.keys.open(), s.keys.mark()}, s.keys.request(""), n))
	if err != nil {
		return nil, err
	}
	return s.list(ctx, t, 0, false), nil
}

// record reads what scripts answer: body, at, on and refused, from place i on.
func (s *Store) record(ctx context.Context, a answer, i int) (approvals.Request, error) {
	return s.texts.record(ctx, a.text(i), a.text(i+1), a.text(i+2), a.text(i+3))
}

// list reads records from place i on.
func (s *Store) list(ctx context.Context, t signed, i int, mine bool) []approvals.Kept {
	var out []approvals.Kept
	for ; i+3 < len(t.rest); i += 4 {
		r, err := s.record(ctx, t.answer, i)
		if err != nil {
			s.opts.Log.Warn("a record is left out", "error", err)
			continue
		}
		k := t.bare()
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
