package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// Clicked does what a button asks for, and answers the one who pressed it. What
// it says is recorded is in the store. Buttons carry no authority: who may do
// what is looked up at the click.
func (b *Bot) Clicked(ctx context.Context, c Click) Answer {
	ctx = askingOnce(ctx)
	if c.Button == Deny && c.Reason == "" {
		return b.beforeReason(ctx, c)
	}
	if c.Button == Again { // it is a command, and the only click that is counted as one
		if err := b.tooFast(c.By); err != nil {
			return b.explain(err, approvals.Kept{})
		}
	}
	if a := b.voted(ctx, c); a != nil {
		return a
	}
	k, err := b.loadOpen(ctx, c.Request)
	if errors.Is(err, approvals.ErrNotFound) {
		return noRecord(c.Request)
	}
	if _, older := b.Desk.Older(k); older && err == nil {
		if k, _, older, err = b.Desk.Recheck(ctx, c.Request); older {
			b.recheck(c.Request)
			err = approvals.ErrOlder
		}
	}
	if err != nil {
		return b.explain(err, approvals.Kept{Request: approvals.Request{ID: c.Request}})
	}
	if k.Counted(c.Event) {
		return b.counted(c, k)
	}
	p, err := b.person(ctx, c.By)
	if err != nil {
		return b.refused(ctx, c, k, p, err)
	}
	if c.Button == Again {
		return b.again(ctx, c, k)
	}
	m, err := b.moveFor(ctx, c, k, p)
	if err != nil {
		return b.refused(ctx, c, k, p, err)
	}
	moved, err := b.moveFrom(ctx, k, m.From(c.Event))
	if errors.Is(err, approvals.ErrRepeated) { // the same envelope, at this moment, here or at another bot
		return b.counted(c, moved)
	}
	if err != nil {
		return b.refused(ctx, c, moved, p, err)
	}
	b.nudge(moved)
	return b.counted(c, moved)
}

// voted counts a press of Approve on a request as this bot saw it last, without reading it
// first. nil: it does not count so, and is held against what the store has.
func (b *Bot) voted(ctx context.Context, c Click) Answer {
	k, is := b.Desk.Lately(c.Request)
	if !is || c.Button != Approve || k.State != approvals.Pending {
		return nil
	}
	p, err := b.person(ctx, c.By)
	if err != nil {
		return nil
	}
	m, err := b.moveFor(ctx, c, k, p)
	if err != nil {
		return nil
	}
	moved, err := b.moveFrom(ctx, k, m.From(c.Event))
	switch {
	case notAnswered(err):
		return b.refused(ctx, c, moved, p, err)
	case err != nil:
		return nil
	}
	b.nudge(moved)
	return b.counted(c, moved)
}

// noRecord answers a click on the card of a request that is not there.
func noRecord(id string) Words {
	return Words{Request: id, Text: "My store has no record of this request, so this changed nothing, and nothing more comes of it. Its thread says more if I lost it; ask again if it is still needed."}
}

// loadOpen loads a request that somebody clicked on. A card is up a moment before
// its request is open; a click in that moment waits for it, up to a second.
func (b *Bot) loadOpen(ctx context.Context, id string) (approvals.Kept, error) {
	for wait := time.Millisecond; ; wait *= 2 {
		k, err := b.load(ctx, id)
		if err != nil || k.State != approvals.Received || wait > time.Second/2 {
			return k, err
		}
		select {
		case <-ctx.Done():
			return k, nil
		case <-time.After(wait):
		}
	}
}

// moveFor is the move that a button stands for.
func (b *Bot) moveFor(ctx context.Context, c Click, k approvals.Kept, p approvals.Person) (approvals.Move, error) {
	switch c.Button {
	case Cancel:
		return approvals.Cancel(p), nil
	case Ran, DidNotRun, Lift:
		return b.settling(ctx, c, k, p)
	case Stop:
		return b.stopFor(ctx, c, k, p)
	}
	if err := k.Undecided(); err != nil {
		return approvals.Move{}, err // before Slack is asked about groups
	}
	today, err := b.facts(ctx, k.Request)
	if err != nil {
		return approvals.Move{}, err
	}
	switch c.Button {
	case Approve:
		return approvals.Vote(p, c.Digest, today, b.DispatchWithin), nil
	case Deny:
		return approvals.Veto(p, c.Digest, denyReason(c.Reason), today), nil
	case Run:
		m := approvals.RunNow(p, c.Digest, today, b.DispatchWithin)
		if _, search := b.searchUntil(k); search {
			if _, _, err := k.Apply(m, k.Clock()); err != nil {
				return m, err // who may not press it is told that
			}
			return m, approvals.ErrSearching
		}
		return m, nil
	}
	return approvals.Move{}, refuse("I do not know this button. The card may be from another version of me; ask again for what you need.")
}

// denyReason is the reason of a denial as it may be kept. A veto does not wait for better
// words, and its form cannot ask: what may hold a credential is left out, and the person
// is told. A reason can be given later, in the thread; a denial cannot.
func denyReason(s string) string {
	if f := looksSecret(s); f.verdict != harmless {
		return "(left out: it may hold " + f.what + ")"
	}
	return s
}

// factsStill is facts for what may have run. Rules that are gone by now, or go by what was not looked up for this request, do not leave it to
// nobody: then the card's decides.
func (b *Bot) factsStill(ctx context.Context, r approvals.Request, people ...approvals.Person) (approvals.Facts, error) {
	today, err := b.facts(ctx, r, people...)
	if errors.Is(err, approvals.ErrNoRule) || errors.Is(err, approvals.ErrRulesDiffer) || errors.Is(err, approvals.ErrHostUntold) {
		return b.factsUnder(ctx, r, r.Plan.Rule, people...)
	}
	return today, err
}

// settling is the move of a button on the card of an unknown run.
func (b *Bot) settling(ctx context.Context, c Click, k approvals.Kept, p approvals.Person) (approvals.Move, error) {
	if k.State != approvals.Unknown {
		return approvals.Settle(p, c.Digest, approvals.Ran, approvals.Facts{}), nil // which says why not
	}
	var before []approvals.Person
	for _, s := range k.Unsure.Statements {
		before = append(before, s.Person)
	}
	today, err := b.factsStill(ctx, k.Request, before...)
	switch {
	case err != nil:
		return approvals.Move{}, err
	case c.Button == Lift:
		return approvals.Lift(p, c.Digest, today), nil
	case c.Button == Ran:
		return approvals.Settle(p, c.Digest, approvals.Ran, today), nil
	}
	return approvals.Settle(p, c.Digest, approvals.DidNotRun, today), nil
}

// stopFor is the move of Stop. Who asked needs no look-up.
func (b *Bot) stopFor(ctx context.Context, c Click, k approvals.Kept, p approvals.Person) (approvals.Move, error) {
	if k.State == approvals.Accepted && !bmclient.Sends(k.Plan.Target.API) {
		return approvals.Move{}, refuse("Bare Metal's API cannot stop a run. Stop it on the hosts.")
	}
	if k.State != approvals.Accepted || k.Requester.Same(p) {
		return approvals.StopRun(p, c.Digest, approvals.Facts{}), nil
	}
	today, err := b.factsStill(ctx, k.Request)
	return approvals.StopRun(p, c.Digest, today), err
}

// counted says what was recorded.
func (b *Bot) counted(c Click, k approvals.Kept) Answer {
	w := Words{Request: k.ID}
	if until, search := b.searchUntil(k); search && k.State == approvals.Approved && (c.Button == Approve || c.Button == Run) {
		text := "Recorded: you approved. Nothing is sent yet. "
		if c.Button == Run {
			text = "Recorded: everything is read once more, but nothing is sent yet. "
		}
		return searching(Words{Request: k.ID, Text: text}, k, until)
	}
	switch c.Button {
	case Approve:
		w.Text = "Recorded: you approved. Everything is read once more and then sent; the answer comes into the card's thread."
		if has, needs := len(k.Approvers()), k.Plan.Rule.Quorum; k.State == approvals.Pending && has < needs {
			w.Text = fmt.Sprintf("Recorded: you approved. It has %d of the %d approvals it needs.", has, needs)
		} else if k.State == approvals.Pending {
			w.Text = "Recorded: you approved. The rules have changed since the card was shown and ask for more approvals."
		}
	case Deny:
		w.Text = "Recorded: you denied it" + nothingRuns(k) + " The one who asked is told your reason."
		if f := looksSecret(c.Reason); f.verdict != harmless {
			w.Text = fmt.Sprintf("Recorded: you denied it%s Your reason is left out, as it may hold %s and would be public and kept: change that credential if it is real, and write the reason into the thread without it.", nothingRuns(k), f.what)
		}
	case Cancel:
		w.Text = "Recorded: the request is cancelled" + nothingRuns(k)
	case Run:
		w.Text = "Recorded: everything is read once more and then sent. The answer comes into the card's thread."
		if k.Doubtful() {
			w.Text = "Recorded: everything is read once more. It is sent only if the API's list of tasks can be read and has no such run; the card says so if not."
		}
	case Ran, DidNotRun:
		finding := approvals.Ran
		if c.Button == DidNotRun {
			finding = approvals.DidNotRun
		}
		w.Text = fmt.Sprintf("Recorded: you say that %s. One more person has to say the same.", finding)
		if k.State == approvals.Settled {
			w.Text = fmt.Sprintf("Recorded: you say that %s, and so it is settled. Press Ask again if it is to run now.", finding)
		}
	case Stop:
		w.Text = "Recorded: the cloud is told to stop it where it has not ended. What became of each host comes into the card's thread."
	case Lift:
		w.Text = "Recorded: other runs of this script may go to its hosts. Whether this one ran is still to be settled."
	}
	return w
}

// searching says that a send is searched for which the store may have forgotten.
func searching(w Words, k approvals.Kept, until time.Time) Words {
	w.Text += changed + ", so I first search for a send that it may have forgotten. "
	if k.Expires.After(until) {
		w.Text += "The thread asks for a press of Run once I have found none, at"
	} else {
		w.Text += "The request expires before that is over: press Cancel, look at the hosts first, and ask again, which does not wait. The search ends at"
	}
	w.When = until
	return w
}

// refused answers a click that was not taken, notes it, and has a card drawn again that
// may be out of date.
func (b *Bot) refused(ctx context.Context, c Click, k approvals.Kept, p approvals.Person, cause error) Answer {
	if p.User == "" {
		p.User = c.By.User
	}
	w := b.explain(cause, k)
	if errors.Is(cause, approvals.ErrUncertain) || errors.Is(cause, approvals.ErrOlder) {
		b.recheck(k.ID)
	}
	if notAnswered(cause) || errors.Is(cause, approvals.ErrOlder) || errors.Is(cause, approvals.ErrTrying) {
		return w
	}
	work, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	most := approvals.MostRefusalsBy
	if errors.Is(cause, approvals.ErrNotAdmitted) || errors.Is(cause, errWho) {
		most = approvals.MostRefusalsOut
	}
	f := approvals.Refusal{By: p, Click: string(c.Button), Event: c.Event, Note: b.Scrub(cause.Error())}
	if err := b.Desk.Refused(work, k, f, most); err != nil {
		b.Log.Warn("a refused click was not noted", "request", k.ID, "click", c.Button, b.said(err))
	}
	refresh := approvals.Redraw()
	switch {
	case errors.Is(cause, approvals.ErrExpired) && !k.Doubtful(): // that one is searched for first
		refresh = approvals.Expire()
	case errors.Is(cause, approvals.ErrSearching):
		if until, search := b.searchUntil(k); search && k.SearchUntil.IsZero() {
			refresh = approvals.SearchFirst(lost, until, k.Clock())
		}
	case k.Behind(): // it is being drawn
		return w
	case !errors.Is(cause, approvals.ErrEnded) && !errors.Is(cause, approvals.ErrStale) &&
		!errors.Is(cause, approvals.ErrRunning) && !errors.Is(cause, approvals.ErrDecided) &&
		!errors.Is(cause, approvals.ErrEnough) && !errors.Is(cause, approvals.ErrExpired), b.redraws.Wait(c.By.User) > 0:
		return w
	}
	if moved, err := b.moveFrom(ctx, k, refresh); err == nil {
		b.nudge(moved)
	}
	return w
}

// again asks for the same once more: a new request, which names the old one.
func (b *Bot) again(ctx context.Context, c Click, k approvals.Kept) Answer {
	if !k.State.Ended() {
		return Words{Request: k.ID, Text: "This request is still open, so there is no need to ask again. Look at the card."}
	}
	asked := k.Asked
	asked.Again, asked.Repeated, asked.Alias, asked.Typed = k.ID, nil, "", nil // the ids that alias and names stood for then
	return b.receive(ctx, c.Event, c.By, k.Origin, asked)
}
