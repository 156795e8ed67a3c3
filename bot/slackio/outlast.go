package slackio

import (
	"context"
	"errors"

	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/view"
)

const (
	lateMost       = 1024 // answers that wait, for a Slack that is away or for their person's next minute
	answersAMinute = 10   // of one person by a call, from this process; others wait
)

// answer says m to whoever began the turn. It has its own time: the handler may have used up its
// own before it gave up and said so. While Slack is away or asks to wait, the answer waits, too, and
// takes no place from other envelopes.
func (t *turn) answer(m view.Message) {
	err := t.answerOnce(m)
	if err == nil {
		return
	}
	if passes(err) {
		if leave := t.late.enter(t.to.user); leave != nil {
			t.tasks.add(1, 0)
			go t.outlast(m, err, leave)
			return
		}
	}
	t.undelivered(err)
}

// outlast tries again and again, each time later, until the answer is taken, Slack will never take
// it, or it is too old to be of use.
func (t *turn) outlast(m view.Message, err error, leave func()) {
	defer t.tasks.done()
	defer leave()
	ctx, cancel := context.WithTimeout(t.work, t.times.answer)
	defer cancel()
	wait := t.backoff()
	for passes(err) {
		sleep(ctx, max(later(err), wait.next()))
		if ctx.Err() != nil {
			break
		}
		err = t.answerOnce(m)
	}
	if err != nil {
		t.undelivered(err)
	}
}

// answerOnce says m by the response_url, which no quota counts; else by a call, as one of those
// that a person may have in a minute: Slack counts them for everybody together.
func (t *turn) answerOnce(m view.Message) error {
	ctx, cancel := context.WithTimeout(t.work, t.cfg.handleFor)
	defer cancel()
	if done, err := t.byURL(ctx, t.to, m); done {
		return err
	}
	if !t.counted {
		if d := t.answers.Wait(t.to.user); d > 0 {
			return &failure{method: "chat.postEphemeral", why: "this person has had many answers in this minute", cause: &bot.Later{After: d}}
		}
		t.counted = true
	}
	return t.byCall(ctx, t.to, m)
}

// sayOnce is answer for words that are of no use later.
func (t *turn) sayOnce(m view.Message) {
	if err := t.answerOnce(m); err != nil {
		t.log.Info("an answer is not said, and would be of no use later", "envelope", plainID(t.frame.EnvelopeID), "error", err)
	}
}

func (t *turn) undelivered(err error) {
	t.log.Error("an answer could not be delivered", "envelope", plainID(t.frame.EnvelopeID), "error", err)
}

// passes reports whether the same call may do later.
func passes(err error) bool {
	for _, final := range []error{bot.ErrNotInChannel, bot.ErrRejected, ErrSetup, context.Canceled} {
		if errors.Is(err, final) {
			return false
		}
	}
	return err != nil
}
