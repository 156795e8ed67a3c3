package bot

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// Pace lets each key do a thing so many times in any such time, wherever that begins. It is
// one process' own. Its methods may be called at the same time; a nil Pace lets everything.
type Pace struct {
	most int
	in   time.Duration

	mu sync.Mutex
	of map[string][]time.Time // when a key did it, oldest first: the last most times
}

// pacedKeys bounds how many keys a Pace remembers.
const pacedKeys = 4096

// NewPace makes a Pace of at least one; nil, which lets everything, if most is below 0.
func NewPace(most int, in time.Duration) *Pace {
	if most < 0 {
		return nil
	}
	return &Pace{most: max(1, most), in: in, of: map[string][]time.Time{}}
}

// Wait counts what key is about to do, and answers 0; or it counts nothing, and answers
// when there is room again.
func (p *Pace) Wait(key string) time.Duration { return p.wait(key, true) }

// Room is [Pace.Wait] that counts nothing.
func (p *Pace) Room(key string) time.Duration { return p.wait(key, false) }

func (p *Pace) wait(key string, counts bool) time.Duration {
	if p == nil {
		return 0
	}
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	did, known := p.of[key]
	if len(did) == p.most {
		if d := p.in - now.Sub(did[0]); d > 0 {
			return d
		}
		did = did[1:]
	}
	if !counts {
		return 0
	}
	if !known {
		p.makeRoom(now)
	}
	p.of[key] = append(did, now)
	return 0
}

// makeRoom forgets those who did nothing lately. If all did something, it
// forgets all: so many at once are no flood of a few.
func (p *Pace) makeRoom(now time.Time) {
	if len(p.of) < pacedKeys {
		return
	}
	maps.DeleteFunc(p.of, func(_ string, did []time.Time) bool { return now.Sub(did[len(did)-1]) >= p.in })
	if len(p.of) >= pacedKeys {
		clear(p.of)
	}
}

// tooFast is nil if u may send one more command, which is then counted; else a refusal.
// It costs nothing: no look-up, no word with the store.
func (b *Bot) tooFast(u UserRef) error {
	if d := b.commands.Wait(u.User); d > 0 {
		return tooFast(b.CommandsAMinute, d)
	}
	return nil
}

func tooFast(most int, after time.Duration) error {
	return &refusal{brief: true, text: fmt.Sprintf("You have sent as many commands as one person may, %d a minute, so nothing was done with this one. Try again in %s.", most, soon(after))}
}

// soon is a time in words, in whole seconds, and not too short.
func soon(d time.Duration) string {
	return inWords(max(time.Second, (d + time.Second - 1).Truncate(time.Second)))
}

// turnedAwayAnHour is how many refused runs of one person leave an event.
const turnedAwayAnHour = 20

// showEvery is how often a card is drawn again because people look for it.
const showEvery = 30 * time.Second

// What one person's looks and presses may cost the chat, besides an answer to each: without
// it, a list lacks its links and a card is drawn when the next one looks.
const (
	redrawsAMinute = 5
	linksAMinute   = 5 // answers with links
)

// tooMany is what a person is told who has reached a limit of the store.
func tooMany(t *approvals.TooMany) error {
	if t.Open {
		return refuse("You have %d open requests, as many as one person may have, so nothing was recorded. Ask again when one has ended; list shows them.", t.Most)
	}
	return tooFast(t.Most, t.After)
}
