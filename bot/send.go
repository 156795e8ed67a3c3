package bot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// send claims the run, hands it to the API once and stores what came back.
func (b *Bot) send(ctx context.Context, k approvals.Kept, ready readiness, shown *slowly) (approvals.Kept, error) {
	if ready.older != nil {
		return b.advance(ctx, k, b.waitForOlder(k, ready.older))
	}
	k, err := b.claim(ctx, k, ready)
	var busy *approvals.Busy
	switch {
	case errors.Is(err, approvals.ErrTooLate), errors.Is(err, approvals.ErrLate):
		return b.advance(ctx, k, approvals.Wait(b.tooLate(k), time.Time{}))
	case errors.As(err, &busy):
		return b.busy(ctx, k, busy)
	case errors.Is(err, approvals.ErrRestarted): // looked at once more, on the new server
		return b.touch(ctx, k.ID)
	case err != nil:
		return k, err
	}
	b.calls.put(k.ID, &approvals.Answer{Outcome: approvals.OutcomeUnknown, Meaning: "the call was broken off inside the bot"})
	b.called.put(k.ID, len(k.Sends))
	shown.at(k)
	a := b.call(ctx, k, ready.grant, ready.creds)
	b.calls.put(k.ID, &a)
	return b.keepAnswer(ctx, k, a)
}

// claim stores that this worker sends. Only without an error may it send. That the
// card was drawn or clicked on meanwhile changes nothing about the grant.
func (b *Bot) claim(ctx context.Context, k approvals.Kept, ready readiness) (approvals.Kept, error) {
	sends := len(k.Sends)
	for {
		next, err := b.advance(ctx, k, approvals.Claim(ready.grant, approvals.Intent{Worker: b.Desk.Worker(), Lease: b.Lease, Valid: b.Valid, Mark: ready.mark}))
		if !errors.Is(err, approvals.ErrConflict) {
			return next, err
		}
		switch {
		case next.Server.ID != k.Server.ID: // what was looked at before the claim was the other's
			return next, approvals.ErrRestarted
		case b.mine(next) && len(next.Sends) == sends+1 && next.LastSend().Answer == nil:
			return next, nil // ours: only the reply was lost
		case next.State != approvals.Approved || len(next.Sends) != sends:
			return next, err
		}
		k = next
	}
}

// mine reports whether this process has claimed k.
func (b *Bot) mine(k approvals.Kept) bool {
	return k.State == approvals.Executing && k.LastSend().Worker == b.Desk.Worker()
}

// mostCalled bounds what is remembered of calls that have their answer: what is forgotten is searched for before a send.
const mostCalled = 1 << 14

// forgot reports whether this process called for its claim, and does not know the answer
// any more: the store was restored from before it.
func (b *Bot) forgot(k approvals.Kept) bool {
	return b.called.of(k.ID) >= len(k.Sends) && b.calls.of(k.ID) == nil
}

// resume ends a send that this very process has claimed. It is not sending now,
// for there is one job a request: so either it knows the answer, or it never
// called and can say so for sure.
func (b *Bot) resume(ctx context.Context, k approvals.Kept) (approvals.Kept, error) {
	a := b.calls.of(k.ID)
	if a == nil {
		a = &approvals.Answer{Outcome: approvals.OutcomeNotSent, Message: "the claim came too late to be used"}
	}
	return b.keepAnswer(ctx, k, *a)
}

// call makes the one call.
func (b *Bot) call(ctx context.Context, k approvals.Kept, g approvals.Grant, creds Credentials) approvals.Answer {
	if left := k.LastSend().LeaseUntil.Sub(k.Latest()); left < b.SendFor {
		return approvals.Answer{Outcome: approvals.OutcomeNotSent, Message: "too little of the lease was left"}
	}
	ctx, cancel := context.WithTimeout(ctx, b.SendFor)
	defer cancel()
	order := bmclient.Run{
		CmdID: k.Plan.Script.CmdID, Hosts: k.Plan.Hosts, Parameters: []byte(k.Plan.Parameters),
		User: k.Plan.Login.User, Password: creds.Password,
		SignedAt: k.LastSend().ClaimedAt, // whatever holds this up, the API takes it for so long and no longer
	}
	if bmclient.Sends(k.Plan.Target.API) {
		how := k.Plan.Script.How
		order.Parameters, order.Content = nil, k.Plan.Text()
		order.How = bmclient.How{Type: how.Type, Dir: how.Dir, Timeout: how.Timeout, Bucket: how.Bucket, Prefix: how.Prefix}
	}
	took, err := b.in(k.Request).Run(ctx, creds.Key, order)
	a := b.answer(err)
	if err == nil {
		a.Tasks, a.Refused = took.Tasks, b.refusedHosts(took)
		a.RequestID = b.Scrub(took.RequestID)
	}
	if bmclient.BadKey(err) || a.Code == badPassword {
		b.Logins.Forget(g.Held) // a rotated value: the next try reads it again
		a.Again = a.Outcome == approvals.OutcomeRefused && !slices.ContainsFunc(k.Sends, func(s approvals.Send) bool {
			return s.Answer != nil && s.Answer.Again // once is enough
		})
	}
	b.Log.Info("the API has answered", "request", k.ID, "outcome", a.Outcome, "code", a.Code, "name", a.Name)
	return a
}

// badPassword is the API's number for a password that it can tell to be wrong.
const badPassword = 18012

// refusedHosts are those that the API did not take.
func (b *Bot) refusedHosts(a bmclient.Accepted) (refused []approvals.HostResult) {
	for _, h := range a.Refused {
		refused = append(refused, approvals.HostResult{Host: h.Host, Note: b.Scrub(h.Message)})
	}
	return refused
}

// answer is what a call's error means for the run.
func (b *Bot) answer(err error) approvals.Answer {
	var e *bmclient.Error
	switch {
	case err == nil:
		return approvals.Answer{Outcome: approvals.OutcomeAccepted, Meaning: "accepted"}
	case errors.Is(err, bmclient.ErrBadPassword):
		return approvals.Answer{
			Outcome: approvals.OutcomeRefused, Name: "not sent",
			Meaning: "the login's password begins with @, which this API's signature cannot carry",
			Hint:    "Give the login another password, then press Run.",
		}
	case errors.Is(err, bmclient.ErrNotSent):
		a := approvals.Answer{Outcome: approvals.OutcomeNotSent, Message: b.Scrub(err.Error())}
		if errors.Is(err, ErrQuota) {
			a.Meaning = quotaUsedUp
		}
		return a
	case errors.As(err, &e):
		a := approvals.Answer{
			Outcome: outcomes[e.Class], Code: e.Number, Name: b.Scrub(cmp.Or(e.Name, e.Code)),
			Message: b.Scrub(e.Message), Meaning: b.Scrub(e.Meaning), Hint: b.Scrub(e.Hint()), RequestID: b.Scrub(e.RequestID),
		}
		if bmclient.OverQuota(err) {
			a.Busy, a.Hint = true, "" // the bot does it
		}
		return a
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
	m := approvals.Answered(b.Desk.Worker(), len(k.Sends), a)
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	next, err := b.moveFrom(ctx, k, m)
	for tries := 0; err != nil; tries++ {
		if errors.Is(err, approvals.ErrNotHeld) || errors.Is(err, approvals.ErrEnded) ||
			errors.Is(err, approvals.ErrNotAllowed) || errors.Is(err, approvals.ErrNotFound) {
			b.calls.drop(k.ID)
			return b.tooLateAnswer(ctx, k, a) // it is stored already, or the state has no use for it
		}
		if errors.Is(err, approvals.ErrOlder) {
			_, _ = b.recall(ctx, k) // what this answers is gone from the store
		}
		if tries%60 == 0 {
			b.Log.Error("an answer is not stored yet", "request", k.ID, "outcome", a.Outcome, "code", a.Code, b.said(err))
		}
		select {
		case <-ctx.Done():
			return k, err
		case <-time.After(min(time.Second, pause(nil, tries)/4)):
		}
		next, err = b.move(ctx, k.ID, m)
	}
	b.calls.drop(k.ID)
	if !a.Retried() || next.State != approvals.Approved {
		return next, nil
	}
	text := fmt.Sprintf("%s Nothing ran; I try again until the approval is %s old.", noMoreCalls(a.Code, a.Name), inWords(b.DispatchWithin))
	if !a.Busy {
		ref := b.reference("nothing was sent", errors.New(a.Message), k.ID)
		text = fmt.Sprintf("%s This try sent nothing, and I try again. (%s)", cmp.Or(a.Meaning, "The API could not be reached."), ref)
	}
	return b.advance(ctx, next, approvals.Wait(text, b.tryAgain(next, pause(nil, len(next.Sends)))))
}

// tooLateAnswer leaves an event of an answer that came when nobody waited for it any
// more, unless it is stored.
func (b *Bot) tooLateAnswer(ctx context.Context, k approvals.Kept, a approvals.Answer) (approvals.Kept, error) {
	n := len(k.Sends)
	now, err := b.touch(ctx, k.ID)
	if err != nil || len(now.Sends) < n || now.Sends[n-1].Answer != nil {
		return now, err
	}
	if err := b.Desk.Aside(ctx, now, approvals.Person{}, "late answer", a.Event()); err != nil {
		b.Log.Error("a late answer left no event", "request", k.ID, "outcome", a.Outcome, b.said(err))
	}
	return b.touch(ctx, k.ID)
}
