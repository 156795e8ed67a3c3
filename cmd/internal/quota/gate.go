package quota

import (
	"math"
	"time"

	"golang.org/x/time/rate"

	"github.com/bmcmd/bmcmd/bot"
)

// gate is this process's share of one quota.
type gate struct {
	share   *rate.Limiter
	people  *bot.Pace // all people's reads
	kinds   *bot.Pace // looks, and look-ups
	persons *bot.Pace // each person's of a kind

	closed   time.Time // the cloud refuses more until then
	refusals int       // in a row
}

// newGate is the share of one of so many bots in n calls in each per; 0 is no limit.
func newGate(n, bots int, per time.Duration) *gate {
	if n <= 0 {
		return &gate{share: rate.NewLimiter(rate.Inf, math.MaxInt32)}
	}
	share := float64(n) / float64(bots)
	return &gate{share: bucket(share, per), people: window(share/2, per), kinds: window(share*3/10, per), persons: window(share/5, per)}
}

// bucket lets a third of the share through at once, and the rest over its time: in no such
// time are there more than the share, or more than one if it is less.
func bucket(share float64, per time.Duration) *rate.Limiter {
	most := max(1, math.Floor(share))
	burst := math.Ceil(most / 3)
	// One more than is left: the time that begins with a call ends before the one that would be too many.
	return rate.NewLimiter(rate.Limit((most+1-burst)/per.Seconds()), int(burst))
}

// window lets share through in any such time, also all at once.
func window(share float64, per time.Duration) *bot.Pace {
	if share < 1 {
		return bot.NewPace(1, time.Duration(float64(per)/share))
	}
	return bot.NewPace(int(share+1e-9), per)
}

// wait is how long there is no room for c, so far as is known.
func (g *gate) wait(now time.Time, c call) time.Duration {
	wait := max(g.closed.Sub(now), g.read(c.by, (*bot.Pace).Room))
	if lacks := 1 + float64(c.leaves(g.share.Burst())) - g.share.TokensAt(now); lacks > 0 {
		wait = max(wait, time.Duration(lacks/float64(g.share.Limit())*float64(time.Second))+1)
	}
	return wait
}

// count counts a call for which there is room.
func (g *gate) count(now time.Time, c call) {
	g.share.AllowN(now, 1)
	g.read(c.by, (*bot.Pace).Wait)
}

// read asks the windows that a person's read has to pass; there are none for other calls.
func (g *gate) read(by bot.Looker, ask func(*bot.Pace, string) time.Duration) time.Duration {
	kind := "looks"
	switch {
	case by == bot.Looker{}:
		return 0
	case by.Asks:
		kind = "look-ups"
	}
	return max(ask(g.people, ""), ask(g.kinds, kind), ask(g.persons, kind+" of "+by.User))
}
