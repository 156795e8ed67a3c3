package bot

import (
	"maps"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/bmcmd/bmcmd/approvals"
)

// pace lets each key do a thing so many times in a time: all at once, and then one after
// the other as the time goes by. It is one process' own.
type pace struct {
	every rate.Limit
	most  int

	mu sync.Mutex
	of map[string]*rate.Limiter
}

// pacedKeys bounds how many keys a pace remembers.
const pacedKeys = 4096

func newPace(most int, in time.Duration) *pace {
	return &pace{every: rate.Every(in / time.Duration(most)), most: most, of: map[string]*rate.Limiter{}}
}

// wait counts what key is about to do, and answers 0; or it counts nothing, and answers
// when there is room again.
func (p *pace) wait(key string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.of[key]
	if l == nil {
		p.makeRoom()
		l = rate.NewLimiter(p.every, p.most)
		p.of[key] = l
	}
	r := l.Reserve()
	d := r.Delay()
	if d > 0 {
		r.Cancel()
	}
	return d
}

// makeRoom forgets those that may do everything again. If nobody may, it forgets all:
// so many at once are no flood of a few.
func (p *pace) makeRoom() {
	if len(p.of) < pacedKeys {
		return
	}
	maps.DeleteFunc(p.of, func(_ string, l *rate.Limiter) bool { return l.Tokens() >= float64(p.most) })
	if len(p.of) >= pacedKeys {
		clear(p.of)
	}
}

// tooFast is nil if u may send one more command, which is then counted; else a refusal.
// It costs nothing: no look-up, no word with the store.
func (b *Bot) tooFast(u UserRef) error {
	if b.commands == nil {
		return nil
	}
	if d := b.commands.wait(u.User); d > 0 {
		return tooFast(b.CommandsAMinute, d)
	}
	return nil
}

func tooFast(most int, after time.Duration) error {
	return refuse("You have sent as many commands as one person may, %d a minute, so nothing was done with this one. Try again in %s.", most, soon(after))
}

// soon is a time in words, in whole seconds, and not too short.
func soon(d time.Duration) string {
	return inWords(max(time.Second, (d + time.Second - 1).Truncate(time.Second)))
}

// turnedAwayAnHour is how many refused runs of one person leave an event.
const turnedAwayAnHour = 20

// showEvery is how often a card is drawn again because people look for it.
const showEvery = 30 * time.Second

// tooMany is what a person is told who has reached a limit of the store.
func tooMany(t *approvals.TooMany) error {
	if t.Open {
		return refuse("You have %d open requests, as many as one person may have, so nothing was recorded. Ask again when one has ended; list shows them.", t.Most)
	}
	return tooFast(t.Most, t.After)
}
