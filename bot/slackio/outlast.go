package slackio

import (
	"context"
	"errors"

	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/view"
)

// lateMost is how many answers may wait for a Slack that is away.
const lateMost = 1024

// answer says m to whoever began the turn. It has its own time: the handler may have used up its
// own before it gave up and said so. While Slack is away or asks to wait, the answer waits, too, and
// takes no place from other envelopes.
func (t *turn) answer(m view.Message) {
	err := t.answerOnce(m)
	if err == nil {
		return
	}
	if passes(err) {
		select {
		case t.late <- struct{}{}:
			t.tasks.add(1, 0)
			go t.outlast(m, err)
			return
		default:
		}
	}
	t.undelivered(err)
}

// outlast tries again and again, each time later, until the answer is taken, Slack will never take
// it, or it is too old to be of use.
func (t *turn) outlast(m view.Message, err error) {
	defer func() {
		<-t.late
		t.tasks.done()
	}()
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

func (t *turn) answerOnce(m view.Message) error {
	ctx, cancel := context.WithTimeout(t.work, t.cfg.handleFor)
	defer cancel()
	return t.tell(ctx, t.to, m)
}

// sayOnce is answer for words that are of no use later.
func (t *turn) sayOnce(m view.Message) {
	if err := t.answerOnce(m); err != nil {
		t.log.Info("somebody was not told that it takes longer", "envelope", plainID(t.frame.EnvelopeID), "error", err)
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
