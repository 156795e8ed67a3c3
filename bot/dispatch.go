package bot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// dispatch sends an approved run, if all that was approved still holds: the
// script and everything else the digest covers, the rule then and now, every
// approver and the requester. All that is read at the same time, and the credentials,
// too; then the claim is stored, then the run goes out.
func (b *Bot) dispatch(ctx context.Context, k approvals.Kept) (next approvals.Kept, err error) {
	if _, search := b.searchUntil(k); !search && k.SearchUntil.IsZero() && k.Clock().After(k.DispatchBy) {
		return b.advance(ctx, k, approvals.Wait(b.tooLate(k), time.Time{}))
	}
	if instead, err := b.hindered(ctx, k); err != nil {
		return k, err
	} else if instead != nil {
		return b.advance(ctx, k, *instead)
	}
	shown := &slowly{bot: b, ctx: ctx}
	defer func() { shown.after(k, next, err) }()
	shown.at(k)
	return b.sendIfReady(ctx, k, shown)
}

// sendIfReady reads all that a send needs, and sends, or stores why not.
func (b *Bot) sendIfReady(ctx context.Context, k approvals.Kept, shown *slowly) (approvals.Kept, error) {
	ready, err := b.ready(ctx, k)
	var no *refusal
	var changed *planChanged
	switch {
	case err == nil:
		return b.send(ctx, k, ready, shown)
	case errors.As(err, &changed):
		return b.advance(ctx, k, approvals.Refuse(changed.Error(), changed.changes...))
	case errors.As(err, &no):
		return b.advance(ctx, k, approvals.Refuse(no.text))
	case errors.Is(err, approvals.ErrExpired):
		return b.advance(ctx, k, approvals.Expire())
	case errors.Is(err, approvals.ErrTooLate):
		return b.advance(ctx, k, approvals.Wait(b.tooLate(k), time.Time{}))
	}
	ref := b.reference("a dispatch waits", err, k.ID)
	return b.advance(ctx, k, approvals.Wait(fmt.Sprintf("%s This try sent nothing; I keep trying until the approval is %s old. (%s)",
		b.cause(err), inWords(b.DispatchWithin), ref), b.tryAgain(k, pause(err, k.Tries))))
}

// readiness is all that a send needs.
type readiness struct {
	grant approvals.Grant
	creds Credentials
	mark  *approvals.Mark // what the API's list has, where its answer may name no task; nil: it could not be read
	older *olderRun
}

// ready reads all that a send needs, at the same time: people wait for it. What would run now is told from what was
// approved before anything is claimed; the credentials need no more than that the approvals hold.
func (b *Bot) ready(ctx context.Context, k approvals.Kept) (r readiness, err error) {
	ctx, cancel := context.WithTimeout(askingOnce(ctx), workTime)
	defer cancel()
	var (
		reading sync.WaitGroup
		plan    approvals.Plan
		l       looked
		unread  = errors.New("the reading of what would run broke off")
	)
	among := make(chan error, 1) // it may be shared since the card was posted
	go func() { among <- b.amongUs(ctx, k.Origin.Channel) }()
	reading.Go(func() {
		defer b.survive(k.ID)
		r.mark, r.older = b.listBefore(ctx, k)
	})
	reading.Go(func() {
		defer b.survive(k.ID)
		plan, l, unread = b.planNow(ctx, k)
	})
	held, err := b.hold(ctx, k, k.Subject())
	if errors.Is(err, approvals.ErrHostUntold) { // a rule of today goes by more than that of then
		reading.Wait()
		s := k.Subject()
		s.Known = b.known(l)
		held, err = b.hold(ctx, k, s)
		err = l.needs(err)
	}
	if err == nil {
		err = <-among
	}
	if err == nil {
		if r.creds, err = b.Logins.Open(ctx, held); err != nil {
			err = fmt.Errorf("%w: %w", ErrCredentials, err)
		}
	}
	reading.Wait()
	if err = cmp.Or(unread, err); err == nil {
		r.grant, err = held.Grant(plan)
	}
	return r, err
}

func (b *Bot) tooLate(k approvals.Kept) string {
	why := fmt.Sprintf("The last approval is more than %s old, so I do not start by myself.", inWords(b.DispatchWithin))
	if k.Waiting != "" {
		why = "It could not be started in time, so I do not start by myself any more."
	}
	return why + " Press Run to start it now, or Cancel."
}

// inWords is a time as people say it.
func inWords(d time.Duration) string {
	n, unit := d/time.Second, "second"
	if d >= time.Minute && d%time.Minute == 0 {
		n, unit = d/time.Minute, "minute"
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", n, unit)
}

// planChanged says that what would run is not what was approved.
type planChanged struct{ changes []approvals.Change }

func (p *planChanged) Error() string {
	what := p.changes[0].What
	if len(p.changes) > 1 {
		what += " and more"
	}
	return fmt.Sprintf("What would run is not what was approved: the %s has changed. Look at the difference and ask again.", what)
}

// planNow is what would run now, and what it was made from. Its error is a *planChanged if that is not what was approved.
func (b *Bot) planNow(ctx context.Context, k approvals.Kept) (plan approvals.Plan, l looked, err error) {
	hosts := k.Asked.Hosts
	if k.Plan.Blind { // as it was approved
		hosts = nil
	}
	l, err = b.readAll(ctx, source{script: b.Cloud.Script, machines: b.Cloud.In(k.Plan.Target.Region).Machines}, k.Asked.Script, hosts)
	if err != nil {
		return plan, l, err
	}
	l.blind = k.Plan.Blind
	login, err := b.loginFor(b.known(l).Each(k.Asked.Hosts))
	if err == nil {
		plan, err = b.plan(k.Request, l, login, k.Plan.Rule)
	}
	if err == nil && plan.Digest() != k.Digest {
		err = &planChanged{k.Plan.Changes(plan)}
	}
	return plan, l, l.needs(err)
}

// hold holds the approvals against the rules and the people of now.
func (b *Bot) hold(ctx context.Context, k approvals.Kept, s approvals.Subject) (approvals.Held, error) {
	today, err := b.factsOf(ctx, k.Request, s, append(k.Approvers(), k.Requester)...)
	if errors.Is(err, approvals.ErrNoRule) || errors.Is(err, approvals.ErrRulesDiffer) {
		return approvals.Held{}, refuse("The rules have changed since the card was shown and do not allow this run any more. Ask whoever keeps the rules.")
	}
	if err == nil {
		err = MayFill(*k.Plan, today.Rule)
	}
	if err != nil {
		return approvals.Held{}, err
	}
	h, err := k.Hold(today, k.Clock())
	if errors.Is(err, approvals.ErrNotGranted) {
		return h, refuse("%s Ask again.", sentence(err))
	}
	return h, err
}
