package bot

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// channel, who asked, and who may approve.
func (b *Bot) status(ctx context.Context, t Typed, id string) Answer {
	ctx, cancel := context.WithTimeout(ctx, workTime)
	defer cancel()
	p, err := b.person(ctx, t.By)
	if err != nil {
		return b.explainShow(err)
	}
	k, err := b.load(ctx, id)
	if err != nil {
		return b.explainShow(err)
	}
	concerned := asked(k, p)
	if !concerned {
		concerned, err = b.mayDecide(ctx, k.Request, p)
	}
	if k.Origin.Channel != t.Origin.Channel && !concerned {
		if err != nil {
			return b.explainShow(err)
		}
		return Words{Request: id, Text: "This request belongs to another channel. Ask for its status there."}
	}
	if !k.State.Ended() && concerned {
		b.showAgain(ctx, k)
	}
	events, err := b.Desk.Events(ctx, id, statusEvents)
	if err != nil {
		return b.explainShow(err)
	}
	out := Status{Request: k, Events: events}
	if b.links.Wait(t.By.User) == 0 {
		out.Link = b.Board.Link(ctx, k.Card)
	}
	return out
}

// statusEvents is how many of a request's events a status is made from: the newest.
const statusEvents = 20

// asked reports whether p asked for k, also before that was looked up.
func asked(k approvals.Kept, p approvals.Person) bool {
	return k.Requester.Same(p) || k.State == approvals.Received && k.Requester.User == p.User && k.Requester.Org == p.Org
}

// longestList bounds how many open requests list looks at.
const longestList = 200

// list shows the open requests here, the person's own, and those they may decide on.
func (b *Bot) list(ctx context.Context, t Typed) Answer {
	ctx, cancel := context.WithTimeout(ctx, workTime)
	defer cancel()
	p, err := b.person(ctx, t.By)
	if err != nil {
		return b.explainShow(err)
	}
	open, err := b.Desk.Open(ctx, longestList+1)
	if err != nil {
		return b.explainShow(err)
	}
	l := List{More: len(open) > longestList}
	for _, k := range open[:min(len(open), longestList)] {
		// A group that is not told hides only what waits for its members.
		waits, err := b.waitsFor(ctx, k, p)
		l.Untold = l.Untold || err != nil
		here, mine := k.Origin.Channel == t.Origin.Channel, asked(k, p)
		item := approvals.Listed{Request: k.Request}
		if here {
			l.Here = append(l.Here, item)
		}
		if mine {
			l.Mine = append(l.Mine, item)
		}
		if waits {
			l.Waiting = append(l.Waiting, item)
		}
	}
	if b.links.Wait(t.By.User) == 0 {
		b.link(ctx, l.Here, l.Mine, l.Waiting)
	}
	return l
}

// waitsFor reports whether k waits for the word of p.
func (b *Bot) waitsFor(ctx context.Context, k approvals.Kept, p approvals.Person) (bool, error) {
	switch k.State {
	case approvals.Pending:
		if slices.ContainsFunc(k.Approvers(), p.Same) {
			return false, nil
		}
		return b.mayDecide(ctx, k.Request, p)
	case approvals.Unknown:
		return b.maySettle(ctx, k, p)
	}
	return false, nil
}

// maySettle reports whether people were asked about an unknown run, and p has said
// nothing yet and would be counted: it makes the move of a press of It ran, and keeps
// nothing. So who asked is told exactly where their word is heard, too.
func (b *Bot) maySettle(ctx context.Context, k approvals.Kept, p approvals.Person) (bool, error) {
	said := func(s approvals.Statement) bool { return s.Person.Same(p) }
	if k.Unsure.Asked.IsZero() || slices.ContainsFunc(k.Unsure.Statements, said) {
		return false, nil
	}
	m, err := b.settling(ctx, Click{Button: Ran, Digest: k.Digest}, k, p)
	if err != nil {
		return false, err
	}
	_, _, err = k.Apply(m, k.Clock())
	if errors.Is(err, approvals.ErrMembersUnknown) {
		return false, err
	}
	return err == nil, nil
}

// link fills in the links to the cards, all at once and for a second at most: a
// list without links is better than none.
func (b *Bot) link(ctx context.Context, lists ...[]approvals.Listed) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var all sync.WaitGroup
	for _, l := range lists {
		for i := range l[:min(len(l), linked)] {
			all.Go(func() { l[i].Link = b.Board.Link(ctx, l[i].Request.Card) })
		}
	}
	all.Wait()
}

// linked is how many requests of each list get a link to their card.
const linked = 10

// showAgain has a card drawn again: if somebody has deleted it, this is noticed. However
// often people look for it, that is done once in a while.
func (b *Bot) showAgain(ctx context.Context, k approvals.Kept) {
	if b.showings.Wait(k.ID) > 0 {
		return
	}
	if k, err := b.moveFrom(ctx, k, approvals.ShowAgain()); err == nil {
		b.nudge(k)
	}
}

// mayDecide reports whether p is among those whom the request's rule names, and is
// not the one who asked. Before the look-up nobody is.
func (b *Bot) mayDecide(ctx context.Context, r approvals.Request, p approvals.Person) (bool, error) {
	if r.Plan == nil || r.Requester.Same(p) {
		return false, nil
	}
	if _, did := r.Decided(p); did {
		return true, nil
	}
	return r.Plan.Rule.Approve.Includes(p, b.members(ctx, r.Plan.Rule.Approve.Groups))
}
