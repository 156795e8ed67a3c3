package approvals

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
)

// canRun reports whether a request in state s may still be sent.
func (s State) canRun() bool { return s == Received || s == Pending || s == Approved }

// MayHaveRun reports whether r was claimed and nothing says that it was not sent.
func (r Request) MayHaveRun() bool {
	switch r.State {
	case Executing, Accepted, Succeeded, Unknown, Settled:
		return true
	case Failed:
		return !r.Follow.Since.IsZero()
	}
	return false
}

// OlderThan reports whether r lacks events that was has, although r may still be sent, or an order to stop it.
// Moves without an event are no matter: a card is drawn again.
func (r Request) OlderThan(was Request) bool {
	if r.State == Accepted {
		return len(r.Follow.lostStops(was.Follow)) > 0
	}
	return r.State.canRun() && (r.Events < was.Events || r.Events == was.Events && r.Head != was.Head)
}

// Recall puts a request right that the store shows as it was before something that it
// had confirmed, as a process remembers it: was. why is for people. What may have been
// sent becomes unknown. What had ended ends again. Else people are told, once for each
// server, that what was decided since is lost.
func Recall(was Request, server, why string) Move {
	return Move{Name: "recall", Note: why, recalls: true, apply: func(r *Request, now time.Time) error {
		if r.Plan == nil && was.Plan != nil {
			r.Requester, r.Asked, r.Plan, r.Digest, r.Expires, r.Opened = was.Requester, was.Asked, was.Plan, was.Digest, was.Expires, was.Opened
		}
		if was.Card.TS != "" {
			r.Card = was.Card
			r.Card.Shown = 0
		}
		r.Recalled = server
		r.Notices, r.Noticed = slices.Clone(was.Notices), was.Noticed
		switch {
		case was.MayHaveRun() && r.Plan != nil:
			r.Decisions, r.Sends, r.ApprovedAt = slices.Clone(was.Decisions), slices.Clone(was.Sends), was.ApprovedAt
			r.Follow.Stops = slices.Clone(was.Follow.Stops)
			r.doubt(now)
		case !was.State.canRun():
			r.endAgain(was, why)
		default:
			r.notify(NoticeBack)
		}
		return nil
	}}
}

// endAgain ends r as was had ended, also for what is still owed of that.
func (r *Request) endAgain(was Request, why string) {
	r.Notices = slices.DeleteFunc(r.Notices, func(n Notice) bool { return n.Kind == NoticeEnded })
	r.Decisions, r.Changes, r.InDoubt = slices.Clone(was.Decisions), slices.Clone(was.Changes), was.InDoubt
	if slices.Contains(unsent, was.State) {
		r.end(was.State, strings.TrimPrefix(was.Why+"\n"+why, "\n"), Person{})
		r.EndedBy = was.EndedBy
		return
	}
	r.end(Refused, why, Person{})
}

// mostKnown is how many requests a process remembers: those that it saw last.
const mostKnown = 4096

// known are the requests that a process has seen in the store, as the store confirmed
// them last. A store that went back in time cannot take that from it.
type known struct {
	mu     sync.Mutex
	all    map[string]*memo
	times  int64
	looked string    // the server whose open requests were looked at
	first  time.Time // by the local clock: when the store had first answered
}

type memo struct {
	newest Kept
	before *Kept // under the server before, until it is clear that it is part of the newest
	seen   int64
}

func newKnown() *known { return &known{all: map[string]*memo{}} }

// heard notes what the store says of a request, and answers it.
func (n *known) heard(k Kept) Kept {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := n.all[k.ID]
	if n.first.IsZero() && k.ID != "" {
		n.first = time.Now()
	}
	switch {
	case k.ID == "":
	case m == nil:
		n.put(k)
	case k.OlderThan(m.newest.Request):
		m.seen = n.next()
	case k.Server.ID != m.newest.Server.ID:
		before := m.before
		if before == nil && k.State.canRun() && k.Events > m.newest.Events {
			was := m.newest
			before = &was
		}
		n.put(k).before = before
	case k.Revision >= m.newest.Revision:
		n.put(k).before = m.before
	}
	return k
}

// answered notes that the store has answered.
func (n *known) answered() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.first.IsZero() {
		n.first = time.Now()
	}
}

// Since is when the store, by its clock, had first answered this process, at the latest; k
// is an answer of it. What was confirmed to others before that, and is gone from the
// store, this process cannot know.
func (d *Desk) Since(k Kept) time.Time {
	d.known.mu.Lock()
	defer d.known.mu.Unlock()
	ago := time.Since(d.known.first)
	return k.Latest().Add(-ago)
}

// Follows reports whether this process remembers that another request than id is run by
// this task of the API's, and no other task.
func (d *Desk) Follows(id, task string) bool {
	d.known.mu.Lock()
	defer d.known.mu.Unlock()
	for other, m := range d.known.all {
		if tasks := m.newest.Follow.Tasks; other != id && len(tasks) == 1 && tasks[0] == task {
			return true
		}
	}
	return false
}

// put remembers k. Of what has ended it is enough to know how.
func (n *known) put(k Kept) *memo {
	if k.State.Ended() {
		k.Plan, k.Follow.Hosts, k.Changes = nil, nil, nil
	}
	m := &memo{newest: k, seen: n.next()}
	n.all[k.ID] = m
	if len(n.all) > mostKnown {
		n.shrink()
	}
	return m
}

func (n *known) next() int64 {
	n.times++
	return n.times
}

// shrink forgets a quarter: what has ended first, and then what was seen longest ago.
func (n *known) shrink() {
	all := make([]*memo, 0, len(n.all))
	for _, m := range n.all {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *memo) int {
		return cmp.Or(openFirst(b.newest.Request)-openFirst(a.newest.Request), cmp.Compare(a.seen, b.seen))
	})
	for _, m := range all[:len(all)/4] {
		delete(n.all, m.newest.ID)
	}
}

// openFirst orders requests that have not ended before those that have.
func openFirst(r Request) int {
	if r.State.Ended() {
		return 1
	}
	return 0
}

// Older answers what this process remembers of k's request, if k is older than that. So
// is a version that others here have moved on from: [Desk.Recheck] tells the two apart.
func (d *Desk) Older(k Kept) (was Request, older bool) {
	m := d.known.of(k.ID)
	return m.newest.Request, k.OlderThan(m.newest.Request)
}

// lately is for how long a version in hand is as good as one that was just read, but for
// what others did since: longer, and this machine may have stood still.
const lately = 10 * time.Minute

// Lately is a request that has not ended as this process saw it last, if that is not long
// ago. It is enough for a move: [Desk.Advance] tells if others were faster. What it refuses
// is to be held against what the store has.
func (d *Desk) Lately(id string) (k Kept, is bool) {
	m := d.known.of(id)
	return m.newest, m.before == nil && m.newest.ID != "" && !m.newest.State.Ended() && time.Since(m.newest.Seen) < lately
}

// of is what is remembered of a request; nothing at all if it is not known.
func (n *known) of(id string) memo {
	n.mu.Lock()
	defer n.mu.Unlock()
	if m := n.all[id]; m != nil {
		return *m
	}
	return memo{newest: Kept{Request: Request{State: Gone}}}
}

// Accept takes k for what is to be remembered.
func (d *Desk) Accept(k Kept) {
	d.known.mu.Lock()
	defer d.known.mu.Unlock()
	d.known.put(k)
}

// Recollect asks the store how far it has come with what this process remembers, in one
// call. gone are the requests that the store does not have; others those that it shows
// otherwise than they are remembered, or as another [Server], or that came to another, and
// that need a [Desk.Recheck]. marked is false for a store without a mark.
func (d *Desk) Recollect(ctx context.Context) (marked bool, gone []Kept, others []string, err error) {
	var all []Kept
	var ids []string
	d.known.mu.Lock()
	for id, m := range d.known.all {
		switch {
		case m.newest.Traceless():
			delete(d.known.all, id)
			continue
		case m.before != nil:
			others = append(others, id)
		}
		all, ids = append(all, m.newest), append(ids, id)
	}
	d.known.mu.Unlock()
	server, has, err := d.store.Revisions(ctx, ids)
	if err != nil {
		return false, nil, nil, err
	}
	slices.SortStableFunc(all, func(a, b Kept) int { return openFirst(a.Request) - openFirst(b.Request) })
	for _, k := range all {
		switch {
		case has[k.ID] == 0:
			gone = append(gone, k)
		case server.ID != k.Server.ID, !k.State.Ended() && has[k.ID] != k.Revision:
			others = append(others, k.ID)
		}
	}
	if server.ID != "" {
		others = append(others, d.meet(ctx, server)...)
	}
	return server != Server{}, gone, others, nil
}

// mostMet is how many open requests are looked at on a server that is new to this process.
const mostMet = 500

// meet answers, once for each server, which of its open requests came to another: nobody
// may have anything to do with them for long, and their cards may show what is forgotten.
func (d *Desk) meet(ctx context.Context, server Server) (others []string) {
	d.known.mu.Lock()
	looked := d.known.looked == server.ID
	d.known.mu.Unlock()
	if looked {
		return nil
	}
	open, err := d.Open(ctx, mostMet)
	if err != nil {
		return nil // next time
	}
	for _, k := range open {
		if k.Doubtful() {
			others = append(others, k.ID)
		}
	}
	d.known.mu.Lock()
	defer d.known.mu.Unlock()
	d.known.looked = server.ID
	return others
}

// Forget ends what is remembered of a request.
func (d *Desk) Forget(id string) {
	d.known.mu.Lock()
	defer d.known.mu.Unlock()
	delete(d.known.all, id)
}

// Recheck loads a request and holds it against what was remembered of it before, also if
// it has come further than that on another server: then what was remembered has to be
// part of its events.
func (d *Desk) Recheck(ctx context.Context, id string) (k Kept, was Request, older bool, err error) {
	m := d.known.of(id)
	if k, err = d.Load(ctx, id); err != nil {
		if errors.Is(err, ErrNotFound) && m.newest.State.Ended() {
			d.Forget(id) // it was kept for as long as it is
		}
		return k, was, false, err
	}
	before := d.known.of(id).before // which the answer may have brought about
	if was = m.newest.Request; k.OlderThan(was) || before == nil {
		return k, was, k.OlderThan(was), nil
	}
	events, err := d.Events(ctx, id, 0)
	if err != nil {
		return k, was, false, err
	}
	was = before.Request
	has := slices.ContainsFunc(events, func(e Event) bool { return e.N == was.Events && e.Hash == was.Head })
	if has || !k.State.canRun() {
		d.Accept(k)
	}
	return k, was, !has && k.State.canRun(), nil
}
