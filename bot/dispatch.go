package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// dispatch sends an approved run, if all that was approved still holds: the
// script and everything else the digest covers, the rule then and now, every
// approver and the requester. Login and script are read first, then the claim is
// stored, then the run goes out.
func (b *Bot) dispatch(ctx context.Context, k approvals.Kept) (approvals.Kept, error) {
	if k.Clock().After(k.DispatchBy) {
		return b.advance(ctx, k, approvals.Wait(b.tooLate(k), time.Time{}))
	}
	work, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	grant, err := b.grant(work, k)
	var creds Credentials
	if err == nil {
		if creds, err = b.Logins.Open(work, grant); err != nil {
			err = fmt.Errorf("%w: %w", ErrCredentials, err)
		}
	}
	var no *refusal
	var changed *planChanged
	switch {
	case err == nil:
		return b.send(ctx, k, grant, creds)
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
	// Tried once more at the end of the window, so that the card says that it passed.
	again := k.Clock().Add(pause(err, k.Tries))
	if again.After(k.DispatchBy) {
		again = k.DispatchBy.Add(time.Second)
	}
	return b.advance(ctx, k, approvals.Wait(fmt.Sprintf("%s Nothing was sent; I keep trying until the approval is %s old. (%s)",
		b.cause(err), b.DispatchWithin, ref), again))
}

func (b *Bot) tooLate(k approvals.Kept) string {
	why := fmt.Sprintf("The last approval is more than %s old, so I do not start by myself.", b.DispatchWithin)
	if k.Waiting != "" {
		why = "It could not be started in time, so I do not start by myself any more."
	}
	return why + " Press Run to start it now, or Cancel."
}

// planChanged says that what would run is not what was approved.
type planChanged struct{ changes []approvals.Change }

func (p *planChanged) Error() string {
	what := p.changes[0].What
	if len(p.changes) > 1 {
		what += " and more"
	}
	return fmt.Sprintf("What would run is not what was approved: the %s has changed. Nothing ran; look at the difference and ask again.", what)
}

// grant reads everything again and holds the approvals against it.
func (b *Bot) grant(ctx context.Context, k approvals.Kept) (approvals.Grant, error) {
	login, err := b.Logins.For(k.Asked.Hosts)
	if err != nil {
		return approvals.Grant{}, refuse("%s", sentence(err))
	}
	plan, err := b.plan(ctx, k.Asked, login, k.Plan.Rule)
	if err != nil {
		return approvals.Grant{}, err
	}
	if plan.Digest() != k.Digest {
		return approvals.Grant{}, &planChanged{k.Plan.Changes(plan)}
	}
	today, err := b.facts(ctx, k.Request, append(k.Approvers(), k.Requester)...)
	if errors.Is(err, approvals.ErrNoRule) || errors.Is(err, approvals.ErrRulesDiffer) {
		return approvals.Grant{}, refuse("The rules have changed since the card was shown and do not allow this run any more. Nothing ran; ask whoever keeps the rules.")
	}
	if err != nil {
		return approvals.Grant{}, err
	}
	g, err := k.Grant(plan, today, k.Clock())
	if errors.Is(err, approvals.ErrNotGranted) {
		return g, refuse("The approvals do not hold any more (%s). Nothing ran; ask again.", err)
	}
	return g, err
}

// send claims the run, hands it to the API once and stores what came back.
func (b *Bot) send(ctx context.Context, k approvals.Kept, g approvals.Grant, creds Credentials) (approvals.Kept, error) {
	k, err := b.claim(ctx, k, g)
	if err != nil {
		return k, err
	}
	b.remember(k.ID, &approvals.Answer{Outcome: approvals.OutcomeUnknown, Meaning: "the call was broken off inside the bot"})
	a := b.call(ctx, k, g, creds)
	b.remember(k.ID, &a)
	return b.keepAnswer(ctx, k, a)
}

// remember keeps what came of a call in memory until it is stored; nil forgets.
func (b *Bot) remember(id string, a *approvals.Answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a == nil {
		delete(b.calls, id)
	} else {
		b.calls[id] = a
	}
}

// resume ends a send that this very process has claimed. It is not sending now,
// for there is one job a request: so either it knows the answer, or it never
// called and can say so for sure.
func (b *Bot) resume(ctx context.Context, k approvals.Kept) (approvals.Kept, error) {
	b.mu.Lock()
	a := b.calls[k.ID]
	b.mu.Unlock()
	if a == nil {
		a = &approvals.Answer{Outcome: approvals.OutcomeNotSent, Message: "the claim came too late to be used"}
	}
	return b.keepAnswer(ctx, k, *a)
}

// claim stores that this worker sends. If the store does not say whether it did,
// it is asked until it tells: only then may this worker send, and until then the
// hold and the lease keep others away.
func (b *Bot) claim(ctx context.Context, k approvals.Kept, g approvals.Grant) (approvals.Kept, error) {
	sends := len(k.Sends)
	claimed, err := b.advance(ctx, k, approvals.Claim(g, b.Desk.Worker(), b.Lease))
	if !errors.Is(err, approvals.ErrUncertain) {
		if errors.Is(err, approvals.ErrTooLate) || errors.Is(err, approvals.ErrLate) {
			return b.load(ctx, k.ID)
		}
		return claimed, err
	}
	ctx, cancel := context.WithTimeout(ctx, b.Lease)
	defer cancel()
	for tries := 0; ; tries++ {
		now, loadErr := b.load(ctx, k.ID)
		if loadErr == nil {
			if len(now.Sends) > sends && now.State == approvals.Executing && now.LastSend().Worker == b.Desk.Worker() {
				now.Mine = true
				return now, nil
			}
			now.Mine = true
			return now, approvals.ErrConflict
		}
		select {
		case <-ctx.Done():
			return k, err
		case <-time.After(pause(nil, tries) / 4):
		}
	}
}

// call makes the one call. The card is drawn meanwhile if the answer takes long.
func (b *Bot) call(ctx context.Context, k approvals.Kept, g approvals.Grant, creds Credentials) approvals.Answer {
	if left := k.LastSend().LeaseUntil.Sub(k.Clock()); left < b.SendFor {
		return approvals.Answer{Outcome: approvals.OutcomeNotSent, Message: "too little of the lease was left"}
	}
	ctx, cancel := context.WithTimeout(ctx, b.SendFor)
	defer cancel()
	drawn := b.drawIfSlow(ctx, k)
	_, err := b.Cloud.Run(ctx, creds.Key, bmclient.Run{
		CmdID: k.Plan.Script.CmdID, Hosts: k.Plan.Hosts, Parameters: []byte(k.Plan.Parameters),
		User: k.Plan.Login.User, Password: creds.Password,
	})
	drawn()
	a := b.answer(err)
	if a.Code == 4100 || a.Code == 4104 || a.Code == 4105 || a.Code == 18012 {
		b.Logins.Forget(g) // a rotated value: the next try reads it again
	}
	b.Log.Info("the API has answered", "request", k.ID, "outcome", a.Outcome, "code", a.Code, "name", a.Name)
	return a
}

// drawIfSlow shows that the run is being sent, if sending takes longer than people
// wait without asking. The result waits for the drawing to end: one writer.
func (b *Bot) drawIfSlow(ctx context.Context, k approvals.Kept) (wait func()) {
	done := make(chan struct{})
	t := time.AfterFunc(700*time.Millisecond, func() {
		defer close(done)
		if err := b.Board.Redraw(ctx, k.Request); err != nil {
			b.Log.Warn("the card could not be drawn while sending", "request", k.ID, "error", err)
		}
	})
	return func() {
		if !t.Stop() {
			<-done
		}
	}
}

// answer is what a call's error means for the run.
func (b *Bot) answer(err error) approvals.Answer {
	var e *bmclient.Error
	switch {
	case err == nil:
		return approvals.Answer{Outcome: approvals.OutcomeAccepted, Meaning: "accepted"}
	case errors.Is(err, bmclient.ErrBadPassword):
		return approvals.Answer{Outcome: approvals.OutcomeRefused, Name: "not sent", Meaning: "the login's password begins with @, which this API's signature cannot carry", Hint: "Give the login another password, then press Retry."}
	case errors.Is(err, bmclient.ErrNotSent):
		return approvals.Answer{Outcome: approvals.OutcomeNotSent, Message: b.Scrub(err.Error())}
	case errors.As(err, &e):
		return approvals.Answer{
			Outcome: outcomes[e.Class], Code: e.Number, Name: e.Name,
			Message: b.Scrub(e.Message), Meaning: b.Scrub(e.Meaning), Hint: b.Scrub(e.Hint()),
		}
	}
	return approvals.Answer{Outcome: approvals.OutcomeUnknown, Meaning: b.Scrub(err.Error())}
}

var outcomes = map[bmclient.Class]approvals.Outcome{
	bmclient.ClassRefused: approvals.OutcomeRefused,
	bmclient.ClassFailed:  approvals.OutcomeFailed,
	bmclient.ClassUnknown: approvals.OutcomeUnknown,
}

// keepAnswer stores the answer, for as long as it takes within an hour: nobody
// else can ever know it.
func (b *Bot) keepAnswer(ctx context.Context, k approvals.Kept, a approvals.Answer) (approvals.Kept, error) {
	m := approvals.Answered(b.Desk.Worker(), a)
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	next, err := b.advance(ctx, k, m)
	for tries := 0; err != nil; tries++ {
		if errors.Is(err, approvals.ErrNotHeld) || errors.Is(err, approvals.ErrEnded) || errors.Is(err, approvals.ErrNotAllowed) {
			b.remember(k.ID, nil)
			return b.load(ctx, k.ID) // it is stored already, or the state has no use for it
		}
		b.Log.Error("an answer is not stored yet", "request", k.ID, "outcome", a.Outcome, "code", a.Code, "error", err)
		select {
		case <-ctx.Done():
			return k, err
		case <-time.After(min(time.Second, pause(nil, tries)/4)):
		}
		next, err = b.move(ctx, k.ID, m)
	}
	b.remember(k.ID, nil)
	if a.Outcome == approvals.OutcomeNotSent && next.State == approvals.Approved {
		ref := b.reference("nothing was sent", errors.New(a.Message), k.ID)
		return b.advance(ctx, next, approvals.Wait("The API could not be reached, and nothing was sent. I try again. ("+ref+")", next.Clock().Add(pause(nil, len(next.Sends)))))
	}
	return next, err
}
