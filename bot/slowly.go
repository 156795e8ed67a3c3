package bot

import (
	"context"
	"sync"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// slow is how long people wait for an answer without asking what happens.
const slow = 700 * time.Millisecond

// slowly draws where a dispatch is, if that takes long. Drawings come one after the
// other, in the order of the record. at and end are for one goroutine.
type slowly struct {
	bot   *Bot
	ctx   context.Context
	timer *time.Timer
	order sync.Mutex // held while drawing
	drawn sync.WaitGroup
	drew  bool // something was drawn; to be read after end
}

// at has k drawn in a moment, unless it is at something else by then.
func (s *slowly) at(k approvals.Kept) {
	s.stop()
	s.drawn.Add(1)
	began := time.Now()
	s.timer = time.AfterFunc(slow, func() {
		defer s.drawn.Done()
		defer s.bot.survive(k.ID)
		if time.Since(began) > 3*slow {
			return // this process stood still, and others may have been at it
		}
		s.order.Lock()
		defer s.order.Unlock()
		ctx, cancel := context.WithTimeout(s.ctx, chatTime)
		defer cancel()
		if err := s.bot.Board.Redraw(ctx, k.Request); err != nil {
			s.bot.Log.Warn("the card could not be drawn meanwhile", "request", k.ID, s.bot.said(err))
		}
		s.drew = true // also with an error: it may land yet
	})
}

// end waits for a drawing that has begun, so that nothing lands above what is drawn
// next.
func (s *slowly) end() {
	s.stop()
	s.drawn.Wait()
}

func (s *slowly) stop() {
	if s.timer != nil && s.timer.Stop() {
		s.drawn.Done()
	}
}

// after has the card of k drawn again if something was drawn while others were at the
// request, too: this process may have stood still, and its drawing lie above a newer one.
// It is drawn at once, and when all that may be under way has landed. next is how k's
// step ended.
func (s *slowly) after(k, next approvals.Kept, err error) {
	s.end()
	own := int64(1) // moves of a step that sent nothing
	if len(next.Sends) > len(k.Sends) {
		own = 3 // claim, answer and perhaps a wait
	}
	if !s.drew || err == nil && next.Revision <= k.Revision+own {
		return
	}
	again := func() {
		defer s.bot.survive(k.ID)
		if now, err := s.bot.move(s.bot.life, k.ID, approvals.Redraw()); err == nil {
			s.bot.nudge(now)
		}
	}
	again()
	time.AfterFunc(chatTime, again)
}
