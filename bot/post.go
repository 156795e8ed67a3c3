package bot

import (
	"context"
	"errors"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// longestTries is how often a message is tried: about a day, at half a minute each.
const longestTries = 2880

// repostTries is how often a card that was deleted is posted again, if the chat does not say whether it
// took it.
const repostTries = 3

// The file of a result is tried for some minutes only: what fits is in the thread, and a line says that
// the rest is not. What no document says is whether a file may be put into a thread twice, so that is
// tried less often than handing its bytes over, which nobody sees.
const (
	fileFor     = 5 * time.Minute
	uploadTries = 5
	shareTries  = 3
)

func owed(k approvals.Kept) bool {
	card, n := k.Owed(k.Clock())
	return card || n.N != 0
}

// post does the one thing that people are owed now, and notes it. That a card was drawn is
// stored with the next move: drawing it again would change nothing.
func (b *Bot) post(ctx context.Context, k approvals.Kept) (approvals.Kept, error) {
	work, cancel := context.WithTimeout(ctx, chatTime)
	defer cancel()
	var done approvals.Move
	switch _, n := k.Owed(k.Clock()); {
	case n.N == 0:
		err := b.Board.Redraw(work, k.Request)
		if err == nil {
			return k.With(approvals.Shown(k.Card.Channel, k.Card.TS, k.Card.Look, false)), nil
		}
		done = b.undrawn(work, k, err)
	case n.Kind == approvals.NoticeFile && k.File.Why == "":
		done = b.attach(work, k, n)
	default:
		done = b.tell(work, k, n)
	}
	next, err := b.advance(ctx, k, done)
	if errors.Is(err, approvals.ErrConflict) {
		// What stands in the chat now is to be known whoever was faster: an old look may
		// lie above theirs, and a notice that was posted is not owed any more.
		return b.moveFrom(ctx, next, done)
	}
	return next, err
}

// undrawn is what to do about a card that could not be drawn: one that was deleted is posted
// again, once.
func (b *Bot) undrawn(ctx context.Context, k approvals.Kept, err error) approvals.Move {
	if errors.Is(err, ErrCardGone) && !k.Card.Reposted {
		var channel, ts string
		if channel, ts, err = b.Board.Post(ctx, k.Request); err == nil {
			return approvals.Shown(channel, ts, k.Card.Look, true)
		}
	}
	for _, last := range []error{ErrCardGone, ErrNotInChannel, ErrRejected, approvals.ErrTooLong, approvals.ErrNotText} {
		if errors.Is(err, last) {
			b.Log.Error("the card can not be drawn any more", "request", k.ID, b.said(err))
			return approvals.Vanished()
		}
	}
	if k.Card.Tries >= longestTries || errors.Is(err, ErrUnclear) && k.Card.Tries >= repostTries {
		b.Log.Error("a card is given up", "request", k.ID, "tries", k.Card.Tries, b.said(err))
		return approvals.Vanished()
	}
	b.Log.Warn("the chat did not take the card", "request", k.ID, b.said(err))
	return approvals.Undrawn(k.Clock().Add(pause(err, k.Card.Tries)))
}

// tell posts notice n. Where each is told alone, those who have been are noted, and not told again.
func (b *Bot) tell(ctx context.Context, k approvals.Kept, n approvals.Notice) approvals.Move {
	var p Posted
	var err error
	if n.Kind == approvals.NoticeResult {
		p, err = b.report(ctx, k, n)
	} else {
		p, err = b.Board.Notify(ctx, k.Request, n)
	}
	last := errors.Is(err, ErrRejected) || errors.Is(err, ErrNotInChannel) || n.Tries >= longestTries
	if err != nil && !last {
		b.Log.Warn("the chat did not take a message", "request", k.ID, "notice", n.Kind, b.said(err))
		return approvals.Untold(n.N, k.Clock().Add(pause(err, n.Tries)), p.Alone)
	}
	place := approvals.Place("")
	switch {
	case err != nil:
		place = approvals.Nowhere
		b.Log.Error("a message is given up", "request", k.ID, "notice", n.Kind, "tries", n.Tries, b.said(err))
	case len(p.Alone) > 0:
		place = approvals.Alone
	}
	if n.Kind == approvals.NoticeResult {
		return approvals.Reported(n.N, place, p.Thread, p.File && err == nil)
	}
	return approvals.Told(n.N)
}

// report posts what happened on the hosts.
func (b *Bot) report(ctx context.Context, k approvals.Kept, n approvals.Notice) (Posted, error) {
	out, err := b.printed(ctx, k.ID)
	if err != nil {
		return Posted{Alone: n.Alone}, err
	}
	return b.Board.Report(ctx, k.Request, n, out)
}

// What a run printed that ended here need not be read to report it. What is more, or is
// forgotten, is read.
const (
	mostPrints    = 64
	mostPrintSize = 256 << 10
)

func (b *Bot) rememberPrints(id string, out approvals.Outputs) {
	size := 0
	for _, o := range out {
		size += len(o)
	}
	if size <= mostPrintSize {
		b.prints.put(id, out)
	}
}

// printed is what the hosts printed.
func (b *Bot) printed(ctx context.Context, id string) (approvals.Outputs, error) {
	if out := b.prints.of(id); out != nil {
		return out, nil
	}
	return b.Desk.Outputs(ctx, id)
}

// attach does the next step of a result's file: its bytes go to the chat, and then it is put into the
// thread. After some tries it is given up.
func (b *Bot) attach(ctx context.Context, k approvals.Kept, n approvals.Notice) approvals.Move {
	if k.Result != "" {
		return approvals.NoFile(n.N, "each was told alone, so there is no thread to put it into", false)
	}
	id, err := k.File.ID, error(nil)
	tries, sharing := uploadTries, id != ""
	if sharing {
		tries, err = shareTries, b.Board.Share(ctx, k.Request)
	} else if id, err = b.upload(ctx, k); err == nil {
		return approvals.Uploaded(n.N, id)
	}
	var no *NoFile
	switch {
	case err == nil:
		return approvals.Attached(n.N)
	case errors.As(err, &no):
		b.Log.Error("the chat does not take a file", "request", k.ID, b.said(err))
		return approvals.NoFile(n.N, no.Why, false)
	case n.Tries+1 >= tries, k.Clock().Sub(k.File.Since) > fileFor:
		b.Log.Error("a file is given up", "request", k.ID, "uploaded", sharing, b.said(err))
		return approvals.NoFile(n.N, b.Scrub(err.Error()), sharing)
	}
	b.Log.Warn("the chat did not take a file", "request", k.ID, "uploaded", sharing, b.said(err))
	return approvals.Untold(n.N, k.Clock().Add(pause(err, n.Tries)), n.Alone)
}

func (b *Bot) upload(ctx context.Context, k approvals.Kept) (id string, err error) {
	out, err := b.printed(ctx, k.ID)
	if err != nil {
		return "", err
	}
	return b.Board.Upload(ctx, k.Request, out)
}

// pause is how long to wait before the next try: as long as the chat asks, else
// twice as long each time, up to half a minute. What may stand there already is repeated
// ever more rarely, up to a quarter of an hour: it comes at most as late again as the chat
// was away.
func pause(err error, tries int) time.Duration {
	if later, is := errors.AsType[*Later](err); is && later.After > 0 {
		return later.After
	}
	if errors.Is(err, ErrUnclear) {
		return min(15*time.Minute, time.Second<<min(tries+min(tries, 2), 10))
	}
	return min(30*time.Second, time.Second<<min(tries, 5))
}

// errWho says that the directory did not tell who somebody is.
var errWho = errors.New("who this is was not told by Slack")

// errWhere says that the directory did not tell who sees a channel.
var errWhere = errors.New("who sees this channel was not told by Slack")

// errChat says that the card could not be posted.
var errChat = errors.New("the card could not be posted")
