package load

import (
	"time"

	"github.com/bmcmd/bmcmd/bmclient/bmtest"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// seen is what the processes have used and done so far.
type seen struct {
	bot, redis, slack, cloud time.Duration
	rss, peak                int64
	calls, said              map[string]int
	traffic                  traffic
	kept                     size
}

// look reads it all.
func (r *rig) look() (s seen) {
	fatal := func(err error) {
		if err != nil {
			r.T.Fatalf("%s: %v", r.step, err)
		}
	}
	var err error
	for p, into := range map[*world.Process]*time.Duration{r.bot: &s.bot, r.Redis.Proc: &s.redis, r.Slack.Proc: &s.slack, r.Cloud.Proc: &s.cloud} {
		*into, err = cpu(p)
		fatal(err)
	}
	s.rss, s.peak, err = memory(r.bot)
	fatal(err)
	s.calls = world.Fetch[map[string]int](r.Cloud.Admin, "counts")
	s.said = world.Fetch[map[string]int](r.Slack.Admin, "counts")
	if r.apart { // reading all that there is takes a while
		s.kept, err = r.books.kept(r.T.Context())
		fatal(err)
	}
	s.traffic, err = r.books.traffic(r.T.Context())
	fatal(err)
	return s
}

// since writes what there is more than before.
func (s seen) since(before seen, f *figures) {
	f.bot, f.redis, f.slack, f.cloud = s.bot-before.bot, s.redis-before.redis, s.slack-before.slack, s.cloud-before.cloud
	f.rss, f.peak = s.rss, s.peak
	f.traffic, f.kept = s.traffic.less(before.traffic), s.kept.less(before.kept)
	f.calls, f.said = more(s.calls, before.calls), more(s.said, before.said)
}

// more is what was counted since.
func more(now, before map[string]int) map[string]int {
	out := map[string]int{}
	for name, n := range now {
		if n -= before[name]; n > 0 {
			out[name] = n
		}
	}
	return out
}

// times finds when the API was called for each flow, and when it answered.
func (r *rig) times(f *figures) {
	ran := map[string]bmtest.RanCmd{}
	for _, one := range r.Cloud.Runs() {
		if _, twice := ran[one.Hosts[0]]; twice {
			r.T.Fatalf("%s: there are two runs on %s", r.step, one.Hosts[0])
		}
		ran[one.Hosts[0]] = one
	}
	for _, one := range f.flows {
		call, ok := ran[r.hostsOf(one.n)[0]]
		if !ok {
			r.T.Fatalf("%s: flow %d was answered, and nothing ran", r.step, one.n)
		}
		one.called, one.answered = call.At, call.Began
	}
	if r.profile != "" {
		r.bot.Logs(`"experiment":"profile"`) // it is written
	}
}
