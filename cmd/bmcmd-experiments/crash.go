package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/approvals/redisstore"
	"github.com/bmcmd/bmcmd/bot/slacksim"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// crash is the experiment of replicas that are killed.
type crash struct {
	programs world.Programs
	seed     uint64
	dealt    map[string]int // kills by point
	batch    int            // kills between two judgements
	atOnce   int            // requests that people are busy with
	api      string         // only this part of the plan; empty: all
	out      io.Writer      // for the report
	log      io.Writer      // for how it goes

	total  tally
	faults int
}

// errViolated says that a promise did not hold.
var errViolated = errors.New("a promise did not hold")

// run kills by the plan, batch by batch, each in a world of its own.
func (c *crash) run(ctx context.Context) error {
	began := time.Now()
	all := batches(shuffled(c.dealt, rand.New(rand.NewPCG(c.seed, 1))), max(1, c.batch))
	all = slices.DeleteFunc(all, func(b batch) bool { return c.api != "" && b.api != c.api })
	for i, b := range all {
		if err := c.one(ctx, i, b); err != nil {
			c.total.write(c.out, c.faults, time.Since(began)) // of the batches before
			return err
		}
		fmt.Fprintf(c.log, "batch %d of %d: %d kills, %d requests, %d violations so far, after %s\n",
			i+1, len(all), sum(c.total.kills), c.total.requests, c.faults, time.Since(began).Round(time.Second))
	}
	fmt.Fprintf(c.out, "seed %d\n", c.seed)
	c.total.write(c.out, c.faults, time.Since(began))
	if c.faults > 0 {
		return fmt.Errorf("%w: %d times; the same plan again with -seed %d", errViolated, c.faults, c.seed)
	}
	return nil
}

func sum(m map[string]int) (n int) {
	for _, v := range m {
		n += v
	}
	return n
}

// one plays a part of the plan in a world of its own, lets it settle, and judges it.
func (c *crash) one(ctx context.Context, nth int, b batch) error {
	return onStage(ctx, c.log, func(s *stage) {
		r := rand.New(rand.NewPCG(c.seed, uint64(nth)+2))
		w := world.New(s, c.programs, settings(b.api))
		endBadly(w)
		client := w.Redis.Client()
		defer client.Close()
		f := newFleet(w, b.plan, r)
		l := &crowd{w: w, redis: reader{redisstore.New(client, team, redisstore.Options{})}, api: b.api, wanted: f.wanted, room: make(chan struct{}, c.atOnce), rand: r, dropped: map[string]bool{}}
		asking, enough := context.WithCancel(s.ctx)
		defer enough()
		over := make(chan struct{})
		go func() { defer close(over); l.keep(asking) }()
		f.run()
		enough()
		<-over
		if s.ctx.Err() == nil {
			c.judge(s, w, l, f)
		}
	})
}

func (c *crash) judge(s *stage, w *world.World, l *crowd, f *fleet) {
	j, err := judged(s.ctx, w, l, f.dead)
	if err != nil {
		s.Fatalf("%v", err)
	}
	for _, d := range f.dead {
		bump(&j.count.kills, d.Point, 1)
	}
	for p, n := range f.missed {
		bump(&j.count.missed, p, n)
	}
	j.count.unacked = l.unacked
	for _, why := range l.stuck {
		id := requestID.FindString(why)
		j.fault(id, "%s", why)
	}
	for _, v := range j.faults {
		c.report(v)
	}
	c.faults += len(j.faults)
	c.total.plus(j.count)
}

// report prints a violation with all that is known of its request.
func (c *crash) report(v fault) {
	fmt.Fprintf(c.out, "VIOLATION, seed %d, request %s: %s\n", c.seed, v.request, v.why)
	if v.story == nil {
		return
	}
	for _, k := range v.story.kills {
		fmt.Fprintf(c.out, "  killed %s %s (%s)\n", k.At.Format(stamp), k.Point, k.Worker)
	}
	for _, e := range v.story.events {
		fmt.Fprintf(c.out, "  event  %s %s %s -> %s by %s %s\n", e.At.Format(stamp), e.Move, e.From, e.To, e.By.User, e.Note)
	}
	for _, m := range append(v.story.cards, v.story.thread...) {
		fmt.Fprintf(c.out, "  said   %s (under %s) %s\n", m.TS, m.ReplyTo, strings.ReplaceAll(slacksim.Render(m), "\n", "\n         "))
	}
	body, _ := json.Marshal(v.story.Request)
	fmt.Fprintf(c.out, "  record %s\n", body)
}

const stamp = "15:04:05.000"

// runTimeout is how long a worker of these worlds waits for the answer to a run.
const runTimeout = 2 * time.Second

// settings are a world for many requests, with short times.
func settings(api string) world.Settings {
	with := world.Settings{API: api}
	with.LogLevel = "error"
	with.SlackArgs = []string{"-lean"}
	with.State = func(w *world.World, state world.Object) {
		state["hosts"] = hostsOf(w)
		state["scripts"] = append(state["scripts"].([]world.Object), world.Object{"cmd_id": tooLong, "alias": "long", "content": strings.Repeat("true\n", 20_000)})
		for i := range someScripts {
			state["scripts"] = append(state["scripts"].([]world.Object), world.Object{"cmd_id": fmt.Sprintf(unread, i), "alias": "unread", "content": "#!/bin/bash\ntrue\n"})
		}
		if api == "tat" {
			for _, s := range state["scripts"].([]world.Object) {
				s["content"], s["fillable"] = s["content"].(string)+": {{p}}\n", true
			}
		}
	}
	with.Config = func(_ *world.World, text string) string {
		text = strings.Replace(text, "run_timeout: 3s\nrun:\n  confirm_for: 3s\n  lease: 13s\n", fmt.Sprintf("run_timeout: %s\nrun:\n  confirm_for: 3s\n  lease: 12s\n  search_for: 2s\n", runTimeout), 1)
		text = strings.Replace(text, "rules:\n", "rules:\n"+briefRule, 1)
		if api == "tat" {
			text = strings.ReplaceAll(text, "    ask: ", "    parameters: [{name: p, example: p1-1}]\n    ask: ")
			text = strings.Replace(text, "  search_for: 2s\n", "  search_for: 2s\n  dispatch_within: 20s\n", 1)
		}
		// A few people stand for hundreds.
		text = strings.Replace(text, "logins:\n", "limits: {open_requests: 1000000, commands_a_minute: 1000000}\nlogins:\n", 1)
		return text
	}
	return with
}

const briefRule = `  - name: brief
    hosts: ["ins-e*"]
    ask: {groups: [S0ONCALL]}
    approve: {groups: [S0LEADS]}
    lifetime: 2s
`

// endBadly has some hosts run what was not approved, and some end badly. The former take
// so long that it is seen, and an alarm raised, before they have ended.
func endBadly(w *world.World) {
	for i := range fewHosts {
		w.Cloud.Post("host", world.Object{"id": fmt.Sprintf("ins-drift%d", i), "takes_ms": 2500, "content": "#!/bin/bash\nsomething else\n"})
		w.Cloud.Post("host", world.Object{"id": fmt.Sprintf("ins-fail%d", i), "exit": 3})
		w.Cloud.Post("host", world.Object{"id": fmt.Sprintf("ins-long%d", i), "takes_ms": 600_000})
		w.Cloud.Post("host", world.Object{"id": fmt.Sprintf("ins-late%d", i), "delayed_ms": 600_000})
	}
}

// reader reads requests from Redis.
type reader struct{ *redisstore.Store }

func (r reader) record(ctx context.Context, id string) (approvals.Request, error) {
	k, err := r.Load(ctx, id)
	if errors.Is(err, approvals.ErrNotFound) {
		err = errNone
	}
	return k.Request, err
}
