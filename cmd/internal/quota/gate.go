package quota

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/bmcmd/bmcmd/bot"
)

// part is n/of calls in each per.
type part struct {
	n, of int
	per   time.Duration
}

// times is num/den of it.
func (p part) times(num, den int) part { return part{p.n * num, p.of * den, p.per} }

// bucket lets a third of p through at once, and the rest over its time: in no such time are
// there more than p. Less than one call has a longer time instead.
func (p part) bucket() *rate.Limiter {
	most := p.n / p.of
	if most < 1 {
		return rate.NewLimiter(rate.Limit(float64(p.n)/float64(p.of)/p.per.Seconds()), 1)
	}
	burst := max(1, most/3)
	// One more than is left: the time that begins with a call ends before the one that would be too many.
	return rate.NewLimiter(rate.Limit(float64(most+1-burst)/p.per.Seconds()), burst)
}

// window lets p through in any such time, also all at once.
func (p part) window() *bot.Pace {
	if p.n < p.of {
		return bot.NewPace(1, p.per*time.Duration(p.of)/time.Duration(p.n))
	}
	return bot.NewPace(p.n/p.of, p.per)
}

// gate is this process's share of one quota.
type gate struct {
	share   *rate.Limiter
	people  *bot.Pace // all people's reads
	kinds   *bot.Pace // looks, and look-ups
	persons *bot.Pace // each person's of a kind

	waiting  int       // calls that an approved run needs
	closed   time.Time // the cloud refuses more until then
	refusals int       // in a row
}

func newGate(p part) *gate {
	kind := p.times(3, 10)
	return &gate{share: p.bucket(), people: p.times(1, 2).window(), kinds: kind.window(), persons: kind.times(2, 3).window()}
}

// kind is the name of the person's kind of reads, and of their own part of it.
func kind(by *bot.Looker) (of, own string) {
	of = "looks"
	if by.Asks {
		of = "look-ups"
	}
	return of, of + " of " + by.User
}

// wait is how long there is no room, so far as is known; people wait for all others.
func (g *gate) wait(now time.Time, by *bot.Looker) time.Duration {
	need := 1.0
	wait := g.closed.Sub(now)
	if by != nil {
		of, own := kind(by)
		wait = max(wait, g.people.Room(""), g.kinds.Room(of), g.persons.Room(own))
		need += float64(g.waiting)
	}
	if lacks := need - g.share.TokensAt(now); lacks > 0 {
		wait = max(wait, time.Duration(lacks/float64(g.share.Limit())*float64(time.Second))+1)
	}
	return wait
}

// count counts a call for which there is room.
func (g *gate) count(now time.Time, by *bot.Looker) {
	g.share.AllowN(now, 1)
	if by != nil {
		of, own := kind(by)
		g.people.Wait("")
		g.kinds.Wait(of)
		g.persons.Wait(own)
	}
}
