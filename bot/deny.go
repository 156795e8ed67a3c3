package bot

import (
	"context"
	"errors"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// AskReason is the answer to a press of Deny: its person is to be asked for a reason, and
// what they say comes back as a [Click] that has it.
type AskReason struct{}

func (AskReason) answer() {}

const (
	// denyTime is how long a press of Deny waits for what tells whether its person may deny:
	// a chat lets a form be opened for some seconds after a press.
	denyTime = 700 * time.Millisecond

	formsAMinute      = 20 // of one person who may deny
	blindFormsAMinute = 5  // of one of whom that cannot be told at once
)

// beforeReason answers a press of Deny before anybody is asked for a reason, as a denial
// would be answered now. Who may not deny is told so, and costs the chat no form. Where that
// cannot be told at once there is a form, for a veto waits for nothing: what it brings is
// held against everything again.
func (b *Bot) beforeReason(ctx context.Context, c Click) Answer {
	asking, cancel := context.WithTimeout(ctx, denyTime)
	defer cancel()
	k, p, err := b.wouldDeny(asking, c)
	forms := b.forms
	switch {
	case errors.Is(err, approvals.ErrNotFound):
		return noRecord(c.Request)
	case err != nil && b.cannotTell(err):
		forms = b.blindForms
	case err != nil:
		return b.refused(ctx, c, k, p, err)
	}
	if d := forms.Wait(c.By.User); d > 0 {
		return Words{Request: c.Request, Brief: true, Text: "You have pressed Deny so often in this minute that I open no more forms, and nothing was denied. Press it again in " + soon(d) + "."}
	}
	return AskReason{}
}

// wouldDeny is nil if a denial by c's person would be taken now.
func (b *Bot) wouldDeny(ctx context.Context, c Click) (k approvals.Kept, p approvals.Person, err error) {
	if k, err = b.loadOpen(ctx, c.Request); err != nil {
		return k, p, err
	}
	if _, older := b.Desk.Older(k); older {
		return k, p, approvals.ErrOlder
	}
	if p, err = b.person(ctx, c.By); err != nil {
		return k, p, err
	}
	m, err := b.moveFor(ctx, c, k, p)
	if err == nil {
		_, _, err = k.Apply(m, k.Clock())
	}
	return k, p, err
}

// cannotTell reports whether err says nothing of the person: somebody has not answered, or
// not in time, or the card has only just come up.
func (b *Bot) cannotTell(err error) bool {
	err = b.needsGroup(err)
	return notAnswered(err) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errWho) || errors.Is(err, approvals.ErrMembersUnknown) ||
		errors.Is(err, approvals.ErrOlder) || errors.Is(err, approvals.ErrUnmarked) || errors.Is(err, approvals.ErrNotReady)
}
