package load

import (
	"math"
	"slices"
	"time"
)

// figures are what a step has measured.
type figures struct {
	step
	flows  []*flow // those that came to their answer
	failed int     // those that did not, or whose run did not succeed
	why    error   // the first of those

	took, rest time.Duration // from the first command to the last answer; from then until nothing was left to do
	bot        time.Duration // CPU, as the next three
	redis      time.Duration
	slack      time.Duration
	cloud      time.Duration
	rss, peak  int64
	calls      map[string]int // of the cloud's API, by the action of 2.0 that does the same
	said       map[string]int // calls of Slack's, by method
	traffic    traffic
	idleTrips  float64 // to Redis, a second, without any run
	kept       size
	fsync      string
}

// lists is the action that lists tasks.
const lists = "GetUserCmdTaskList"

func (f *figures) n() float64      { return float64(len(f.flows)) }
func (f *figures) second() float64 { return f.n() / f.took.Seconds() }

func (f *figures) each(d time.Duration) float64 { return ms(d) / f.n() }

// callsEach is how many calls of the cloud a run takes, without lists of tasks.
func (f *figures) callsEach() (sum float64) {
	for action, n := range f.calls {
		if action != lists {
			sum += float64(n)
		}
	}
	return sum / f.n()
}

// saysEach is how many calls of Slack a run takes.
func (f *figures) saysEach() (sum float64) {
	for _, n := range f.said {
		sum += float64(n)
	}
	return sum / f.n()
}

// trips is how many a run takes, without those that are made in any case.
func (f *figures) trips() float64 {
	return (float64(f.traffic.trips) - f.idleTrips*(f.took+f.rest).Seconds()) / f.n()
}

func (f *figures) sent() float64  { return float64(f.traffic.bytes) / f.n() }
func (f *figures) keeps() float64 { return float64(f.kept.bytes) / f.n() }
func (f *figures) uses() float64  { return float64(f.kept.used) / f.n() }

// How long people wait, of each flow.
func ack(f *flow) time.Duration      { return f.ack }
func ackPress(f *flow) time.Duration { return f.ackPress }
func toCard(f *flow) time.Duration   { return f.card.Sub(f.typed) }
func toCall(f *flow) time.Duration   { return f.called.Sub(f.pressed) }
func toReply(f *flow) time.Duration  { return f.reply.Sub(f.answered) }

// at is a percentile of what flows waited, in milliseconds; not a number without flows.
func at(flows []*flow, percent int, wait func(*flow) time.Duration) float64 {
	if len(flows) == 0 {
		return math.NaN()
	}
	var all []time.Duration
	for _, f := range flows {
		all = append(all, wait(f))
	}
	slices.Sort(all)
	return ms(all[min(len(all)-1, len(all)*percent/100)])
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// first is the flow that began first, and others are the rest.
func first(flows []*flow) (one, others []*flow) {
	flows = slices.SortedFunc(slices.Values(flows), func(a, b *flow) int { return a.n - b.n })
	k := min(1, len(flows))
	return flows[:k], flows[k:]
}
