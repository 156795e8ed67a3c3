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
}

// at has k drawn in a moment, unless it is at something else by then.
func (s *slowly) at(k approvals.Kept) {
	s.stop()
	s.drawn.Add(1)
	s.timer = time.AfterFunc(slow, func() {
		defer s.drawn.Done()
		defer s.bot.survive(k.ID)
		s.order.Lock()
		defer s.order.Unlock()
		ctx, cancel := context.WithTimeout(s.ctx, chatTime)
		defer cancel()
		if err := s.bot.Board.Redraw(ctx, k.Request); err != nil {
			s.bot.Log.Warn("the card could not be drawn meanwhile", "request", k.ID, s.bot.said(err))
		}
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
