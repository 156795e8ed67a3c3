package approvals

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// states are where a move starts from or leads to.
type states = []State

// allowed is the one table of moves: each leads from any of the one states to any of the others. README.md shows
// the same as a chart; a test compares them.
var allowed = []struct {
	move     string
	from, to states
}{
	{"prepare", states{Received}, states{Received}},
	{"open", states{Received}, states{Pending}},
	{"wait", states{Received}, states{Received}},
	{"refuse", states{Received, Approved}, states{Refused}},
	{"vote", states{Pending}, states{Pending, Approved}},
	{"deny", states{Pending, Approved}, states{Denied}},
	{"reason", states{Pending}, states{Pending}},
	{"reason", states{Approved}, states{Approved}},
	{"cancel", states{Received, Pending, Approved}, states{Cancelled}},
	{"expire", states{Pending, Approved}, states{Expired}},
	{"wait", states{Approved}, states{Approved}},
	{"run", states{Approved}, states{Approved}},
	{"claim", states{Approved}, states{Executing}},
	{"answer", states{Executing}, states{Accepted, Failed, Approved, Unknown}},
	{"lose", states{Executing}, states{Unknown}},
	{"find", states{Accepted}, states{Accepted}},
	{"alarm", states{Accepted}, states{Accepted}},
	{"report", states{Accepted}, states{Accepted}},
	{"stop", states{Accepted}, states{Accepted}},
	{"unstopped", states{Accepted}, states{Accepted}},
	{"stopped", states{Accepted}, states{Accepted}},
	{"finish", states{Accepted}, states{Succeeded, Failed}},
	{"answer", states{Unknown}, states{Accepted, Failed}}, // the sender was slow to store its answer, not lost
	{"doubt", states{Pending, Approved}, states{Unknown}},
	{"adopt", states{Unknown}, states{Accepted}},
	{"ask", states{Unknown}, states{Unknown}},
	{"lift", states{Unknown}, states{Unknown}},
	{"settle", states{Unknown}, states{Unknown, Settled}},
	{"recall", states{Received}, states{Received}},
	{"recall", states{Pending}, states{Pending}},
	{"recall", states{Approved}, states{Approved}},
	{"recall", states{Received, Pending, Approved}, states{Unknown, Refused, Denied, Expired, Cancelled}},
}

// Move is one step in a request's life: a pure function with a name. It may be
// tried again on a newer version of the record.
type Move struct {
	Name    string
	By      Person // zero: the bot itself
	Note    string // for the event; never a secret
	recalls bool   // made from what a process remembers, for a request that is older
	quiet   bool   // housekeeping: in no event; it alone says whether the card shows it
	aside   bool   // an event that changes no state
	click   string // the envelope that a person's press came in
	outputs Outputs
	from    states // where it starts, if the table does not say so
	apply   func(r *Request, now time.Time) error
	until   func(r Request) time.Time // the store refuses the move after this time
}

// Why a move is refused. Texts for people are made elsewhere.
var (
	ErrEnded       = errors.New("the request has ended")
	ErrNotReady    = errors.New("the request is still being looked up")
	ErrExpired     = errors.New("the request has expired")
	ErrRunning     = errors.New("the run has already been claimed")
	ErrNotAllowed  = errors.New("the request's state does not allow this")
	ErrOwnRequest  = errors.New("nobody decides on their own request")
	ErrNotApprover = errors.New("not among those who may approve")
	ErrNotYours    = errors.New("only for the one who asked")
	ErrStale       = errors.New("the card shown is not what the request says")
	ErrDecided     = errors.New("this person has already decided")
	ErrRepeated    = errors.New("this press was counted before")
	ErrEnough      = errors.New("enough people have approved already")
	ErrSaid        = errors.New("the request has this reason already")
	ErrSaidEnough  = errors.New("the request has as many reasons as it may have")
	ErrNotHeld     = errors.New("another worker holds the claim")
	ErrNotAsked    = errors.New("nobody was asked yet whether it ran")
	ErrTooSoon     = errors.New("what was signed at the claim may still be sent")
	ErrLifted      = errors.New("its hosts are not held any more")
	ErrStopped     = errors.New("there is nothing to stop that is not being stopped")
	ErrTrying      = errors.New("somebody has pressed Run, and it is still being tried")
	ErrRunEnough   = errors.New("one request takes no more presses of Run")
	ErrSaidOften   = errors.New("this person has changed their word as often as counts")
	ErrSearching   = errors.New("a send that the store may have forgotten is still searched for")
)

// Apply makes the next version of r. The old one stays as it was. Errors are
// those of the move, or wrap [ErrNotAllowed] if the table does not have it.
func (r Request) Apply(m Move, now time.Time) (Request, Event, error) {
	next := r.clone()
	next.Schema = Schema
	next.Revision++
	if r.Counted(m.click) {
		return Request{}, Event{}, ErrRepeated
	}
	if err := m.starts(r); err != nil {
		return Request{}, Event{}, err
	}
	if err := m.apply(&next, now); err != nil {
		return Request{}, Event{}, err
	}
	next.count(m.click)
	switch {
	case m.quiet && next.State != r.State:
		return Request{}, Event{}, fmt.Errorf("%w: %s may not change the state", ErrNotAllowed, m.Name)
	case m.quiet:
		return next, Event{}, nil
	case !m.aside && !inTable(m.Name, r.State, next.State):
		return Request{}, Event{}, fmt.Errorf("%w: %s from %s to %s", ErrNotAllowed, m.Name, r.State, next.State)
	case !m.aside:
		next.Card.Look = next.Revision
	}
	if next.State != r.State {
		next.RetryAt, next.Tries = time.Time{}, 0
	}
	if next.State.Ended() && !r.State.Ended() {
		next.EndedAt = now
	}
	return next, next.chain(Event{
		Request: r.ID, Revision: next.Revision, Move: m.Name, From: r.State, To: next.State,
		By: m.By, Note: m.Note, Digest: next.Digest, At: now,
	}), nil
}

// starts is nil if m may start from r's state: one that the table has for it, or that it names itself. Marks and asides
// start from any.
func (m Move) starts(r Request) error {
	from := m.from
	if from == nil && !m.aside {
		from = tableStarts(m.Name)
	}
	if from == nil {
		return nil
	}
	return r.is(from...)
}

// tableStarts are the states from which the table has a move start.
func tableStarts(move string) (from states) {
	for _, a := range allowed {
		if a.move == move {
			from = append(from, a.from...)
		}
	}
	return from
}

func inTable(move string, from, to State) bool {
	for _, a := range allowed {
		if a.move == move && slices.Contains(a.from, from) && slices.Contains(a.to, to) {
			return true
		}
	}
	return false
}

// clicksKept bounds what a record remembers of presses. Slack delivers an envelope again within
// minutes, and what was decided knows its person besides.
const clicksKept = 64

// From says which envelope of Slack brought the press that m is. Slack may deliver one twice, to
// two bots at once: on a record that holds it, Apply answers [ErrRepeated], and nothing changes.
func (m Move) From(click string) Move {
	m.click = click
	return m
}

// Keeping has m keep what the hosts printed, for a set time only.
func (m Move) Keeping(out Outputs) Move {
	m.outputs = out
	return m
}

// Counted reports whether the press that came in this envelope has moved r.
func (r Request) Counted(click string) bool { return click != "" && slices.Contains(r.Clicks, click) }

func (r *Request) count(click string) {
	if click != "" {
		r.Clicks = append(r.Clicks, click)
		r.Clicks = r.Clicks[max(0, len(r.Clicks)-clicksKept):]
	}
}

// Deadline is the last moment at which the store may take m for r; zero: any.
func (m Move) Deadline(r Request) time.Time {
	if m.until == nil {
		return time.Time{}
	}
	return m.until(r)
}

// Prepare stores who asks, what would be done and the intent to post the card,
// and fixes when the request expires: the card that is posted next says it.
func Prepare(by Person, p Plan) Move {
	return Move{Name: "prepare", Note: "the cloud answered for " + p.Script.CmdID, apply: func(r *Request, now time.Time) error {
		r.Requester, r.Plan, r.Digest = by, &p, p.Digest()
		if r.Asked.Script != p.Script.CmdID {
			r.Asked.Alias, r.Asked.Script = cmp.Or(r.Asked.Alias, r.Asked.Script), p.Script.CmdID
		}
		if typed := r.Asked.HostsTyped(); !slices.Equal(typed, p.Hosts) {
			r.Asked.Typed, r.Asked.Hosts = typed, p.Hosts
		}
		r.Expires, r.Waiting = now.Add(p.Rule.Lifetime), ""
		return nil
	}}
}

// Open lets people decide. The card is up at channel and ts; what it shows of a
// prepared request is what it shows of an open one.
func Open(channel, ts string) Move {
	return Move{Name: "open", apply: func(r *Request, now time.Time) error {
		if r.Plan == nil {
			return fmt.Errorf("%w: nothing to decide on", ErrNotAllowed)
		}
		r.State, r.Opened = Pending, now
		r.Card.Channel, r.Card.TS, r.Card.Shown = channel, ts, r.Revision
		return nil
	}}
}

// Refuse ends a request that the rules, the plan or the look-up do not allow.
// why is one or two sentences for people.
func Refuse(why string, changes ...Change) Move {
	return Move{Name: "refuse", Note: why, apply: func(r *Request, _ time.Time) error {
		if r.State == Received { // nobody has seen it
			r.Plan, r.Digest, r.InDoubt = nil, "", false
		}
		r.end(Refused, why, Person{})
		r.Changes = changes
		return nil
	}}
}

// Slip is [Refuse] for what was typed and names nothing that there is: once the person was
// told, no trace of it is kept.
func Slip(why string) Move {
	m := Refuse(why)
	refuse := m.apply
	m.from = states{Received}
	m.apply = func(r *Request, now time.Time) error {
		r.Slip = true
		return refuse(r, now)
	}
	return m
}

// Expire ends a request whose time has passed.
func Expire() Move {
	return Move{Name: "expire", apply: func(r *Request, now time.Time) error {
		if now.Before(r.Expires) {
			return fmt.Errorf("%w: its time has not passed", ErrNotAllowed)
		}
		r.end(Expired, "", Person{})
		return nil
	}}
}

// WaitToAsk says why a request cannot be looked up yet, and when that is tried again. The requester is told once.
func WaitToAsk(why string, retry time.Time) Move {
	return Move{Name: "wait", Note: why, from: states{Received}, apply: func(r *Request, _ time.Time) error {
		if r.Waiting == "" {
			r.notify(NoticeWaiting)
		}
		r.Waiting = why
		r.retry(retry)
		return nil
	}}
}

// Wait says on the card why an approved request has not run yet. retry is when
// to try again; zero: when somebody presses Run. People are told once that it
// waits, and once that it waits for them.
func Wait(why string, retry time.Time) Move {
	return Move{Name: "wait", Note: why, from: states{Approved}, apply: func(r *Request, _ time.Time) error {
		trying, tried := r.Waiting != "" || r.unsent() > 1, !r.RetryAt.IsZero()
		if !trying || retry.IsZero() && tried {
			r.notify(NoticeWaiting)
		}
		r.Waiting, r.WaitsFor, r.SearchUntil = why, "", time.Time{}
		r.retry(retry)
		return nil
	}}
}

// SearchFirst says on the card that a send which the store may have forgotten is
// searched for until then, and at again next. Nothing is sent before somebody presses Run
// after that. People are told once the search is over, or at once if the request expires
// before.
func SearchFirst(why string, until, again time.Time) Move {
	return Move{Name: "wait", Note: why, from: states{Approved}, apply: func(r *Request, now time.Time) error {
		if r.SearchUntil.IsZero() && !r.Expires.After(until) {
			r.notify(NoticeWaiting)
		}
		r.Waiting, r.WaitsFor, r.SearchUntil, r.DispatchBy = why, "", until, now
		r.retry(again)
		return nil
	}}
}

// WaitFor is [Wait] until another request lets go of hosts that this one needs.
func WaitFor(other, why string, retry time.Time) Move {
	m := Wait(why, retry)
	wait := m.apply
	m.apply = func(r *Request, now time.Time) error {
		err := wait(r, now)
		r.WaitsFor = other
		return err
	}
	return m
}

// unsent is how many of the last sends came to nothing and were to be made again, in a row.
func (r Request) unsent() (n int) {
	for _, s := range slices.Backward(r.Sends) {
		if s.Answer == nil || !s.Answer.Retried() {
			break
		}
		n++
	}
	return n
}

// is answers why r's state is none of those a move starts from.
func (r Request) is(states ...State) error {
	switch {
	case slices.Contains(states, r.State):
		return nil
	case r.State.Ended():
		return ErrEnded
	case r.State == Executing, r.State == Accepted, r.State == Unknown:
		return ErrRunning
	case r.State == Received:
		return ErrNotReady
	}
	return ErrNotAllowed
}

func (r *Request) end(s State, why string, by Person) {
	r.State, r.Why, r.Waiting, r.WaitsFor, r.SearchUntil = s, why, "", "", time.Time{}
	if by.ID != "" || by.User != "" {
		r.EndedBy = &by
	}
	r.notify(NoticeEnded)
}

func (r *Request) notify(k NoticeKind) {
	r.Noticed++
	r.Notices = append(r.Notices, Notice{N: r.Noticed, Kind: k})
}

// retry sets when to try again. An approved request is looked at when it ends at
// the latest; a received one has no end yet but that of its look-up.
func (r *Request) retry(at time.Time) {
	if r.State == Approved && at.After(r.Expires) {
		at = r.Expires
	}
	r.RetryAt = at
	r.Tries++
}

func expiry(r Request) time.Time { return r.Expires }
