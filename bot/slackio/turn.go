package slackio

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// turn is one envelope, from its arrival until it is dealt with.
type turn struct {
	*Slack
	work  context.Context // ends when the process has to
	link  *link
	frame frame
	first *firstAck   // for when it is delivered again
	begun atomic.Bool // somebody has taken it on to send the ack
	to    asker       // who is to be answered, once that is known
	form  bool        // the ack can hold a form

	counted bool // its answer is one of those that its person may have in this minute
}

// receive takes an envelope on. It does not wait for its handling.
func (r *receiver) receive(l *link, f frame) {
	first, fresh := r.repeats.take(f.EnvelopeID)
	t := &turn{Slack: r.Slack, work: r.work, link: l, frame: f, first: first}
	r.tasks.begin()
	if !fresh {
		go t.repeat()
		return
	}
	room, user := r.roomFor(f)
	if leave := room.enter(user); leave != nil {
		go t.run(leave, t.handle)
		return
	}
	select {
	case r.busy <- struct{}{}:
		go t.run(func() { <-r.busy }, t.tooBusy)
	default: // the reader waits for this one ack, and so does Slack
		r.log.Error("far too many slack envelopes at once", "envelope", plainID(f.EnvelopeID), "type", plainCode(f.Type))
		t.busyAck()
		r.tasks.done()
	}
}

// repeat acks an envelope that came before, as it was acked then.
func (t *turn) repeat() {
	defer t.tasks.done()
	defer t.tasks.wasAcked()
	t.log.Info("slack delivered an envelope again", "envelope", plainID(t.frame.EnvelopeID), "type", plainCode(t.frame.Type))
	select {
	case <-t.first.done:
		if err := t.link.ack(t.frame.EnvelopeID, t.first.payload); err != nil {
			t.log.Warn("a slack ack was lost", "envelope", plainID(t.frame.EnvelopeID), "error", err)
		}
	case <-t.work.Done():
	}
}

// busyAck says "busy" as far as an ack can. A mention is not acked: Slack delivers it again by itself.
// Nor is a press or a form, for which nothing was done: Slack shows the person that it did not work.
func (t *turn) busyAck() {
	if t.frame.Type == "slash_commands" {
		t.ack(privately(busyNow))
	} else if t.begun.CompareAndSwap(false, true) {
		t.repeats.forget(t.frame.EnvelopeID)
		t.tasks.wasAcked()
	}
}

// run does work for the turn, survives its panic, and never leaves the envelope without an ack.
func (t *turn) run(leave func(), work func(context.Context)) {
	ctx, cancel := context.WithTimeout(t.work, t.cfg.handleFor)
	defer func() {
		if p := recover(); p != nil {
			t.broke(p)
		}
		if t.begun.CompareAndSwap(false, true) {
			t.send(nil)
		}
		cancel()
		leave()
		t.tasks.done()
	}()
	work(ctx)
}

// handle is what each kind of envelope begins with.
func (t *turn) handle(ctx context.Context) {
	switch t.frame.Type {
	case "slash_commands":
		t.slash(ctx)
	case "events_api":
		t.event(ctx)
	case "interactive":
		t.interactive(ctx)
	default:
		t.log.Warn("slack sent an envelope of an unknown type", "type", plainCode(t.frame.Type))
	}
}

// ack sends the ack, if nobody did or does. It reports whether payload has reached the socket; if
// not, the answer has to take another way.
func (t *turn) ack(payload any) bool {
	if !t.begun.CompareAndSwap(false, true) {
		return false
	}
	return t.send(payload)
}

func (t *turn) send(payload any) bool {
	defer t.tasks.wasAcked()
	err := t.link.ack(t.frame.EnvelopeID, payload)
	if errors.Is(err, errAckTooLong) {
		payload = nil
		if t.frame.Type == "slash_commands" {
			payload = privately("It is a long answer; here it comes.")
		}
		if err = t.link.ack(t.frame.EnvelopeID, payload); err == nil {
			t.first.settle(payload)
			return false
		}
	}
	t.first.settle(payload)
	if err != nil {
		t.log.Warn("a slack ack was lost", "envelope", plainID(t.frame.EnvelopeID), "type", plainCode(t.frame.Type), "error", err)
		return false
	}
	return true
}

// ackLate sends payload as the ack after [Config.AckWithin], unless something was sent before, and then
// does what follows. The result stops that, and waits for what of it has begun.
func (t *turn) ackLate(payload any, then func()) (stop func()) {
	done := make(chan struct{})
	timer := time.AfterFunc(t.cfg.ackWithin, func() {
		defer close(done)
		defer func() { _ = recover() }() // what is said meanwhile may not end the process
		if t.ack(payload) {
			then()
		}
	})
	return sync.OnceFunc(func() {
		if !timer.Stop() {
			<-done
		}
	})
}

// broke answers for a handler that panicked. What it panicked with may hold anything, so only where
// is logged.
func (t *turn) broke(p any) {
	ref := plainID(t.frame.EnvelopeID)
	t.log.Error("a slack handler panicked", "envelope", ref, "type", plainCode(t.frame.Type), "panic", fmt.Sprintf("%T", p), "stack", stack())
	if t.to.user == "" {
		return
	}
	defer func() { _ = recover() }() // nothing that this does may end the process
	words := "Something broke on my side, and I cannot tell what was done. Look at the card or at the list of open requests before you try again. (reference " + ref + ")"
	if t.frame.Type == "slash_commands" && t.ack(privately(words)) || t.form && t.ack(said(words)) {
		return
	}
	t.answer(plain(words))
}

// stack is where the goroutine that panicked was, without arguments.
func stack() string {
	pcs := make([]uintptr, 24)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(4, pcs)])
	var out []string
	for {
		f, more := frames.Next()
		out = append(out, fmt.Sprintf("%s:%d", f.Function, f.Line))
		if !more {
			return strings.Join(out, " < ")
		}
	}
}

// plainID is s if it looks like an id of Slack, else a word that says it does not.
func plainID(s string) string {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_' {
			return "odd"
		}
	}
	if s == "" || len(s) > 64 {
		return "odd"
	}
	return s
}

// tasks counts the envelopes that are being handled, and of them those without an ack.
type tasks struct {
	mu            sync.Mutex
	open, unacked int
	changed       chan struct{} // closed and replaced at each change that somebody waits for
}

func (k *tasks) begin()    { k.add(1, 1) }
func (k *tasks) wasAcked() { k.add(0, -1) }
func (k *tasks) done()     { k.add(-1, 0) }

func (k *tasks) add(open, unacked int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.open += open
	k.unacked += unacked
	if k.changed != nil {
		close(k.changed)
		k.changed = nil
	}
}

func (k *tasks) acked() bool { return k.unacked == 0 }
func (k *tasks) idle() bool  { return k.open == 0 }

func (k *tasks) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.open
}

// wait waits until is holds, for at most d, and reports whether it does.
func (k *tasks) wait(d time.Duration, is func() bool) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		k.mu.Lock()
		if is() {
			k.mu.Unlock()
			return true
		}
		if k.changed == nil {
			k.changed = make(chan struct{})
		}
		changed := k.changed
		k.mu.Unlock()
		select {
		case <-changed:
		case <-t.C:
			return false
		}
	}
}
