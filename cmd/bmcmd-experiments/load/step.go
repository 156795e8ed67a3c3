package load

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// step is one measurement, in a world of its own.
type step struct {
	api       string
	yardstick bool          // in place of bmcmd
	atOnce    int           // flows at a time
	runs      int           // that are measured
	hosts     int           // of each run
	warm      int           // runs before those
	apart     bool          // each run begins when nothing is left to do for the one before
	idle      time.Duration // for which the bot is watched before, without any run
	delay     time.Duration // of each call of Slack and the cloud
	full      bool          // with much that is there before
	fill      fill          // how much
	profile   string        // file for a profile of the bot's CPU; empty: none
	setting   string        // a line for the config's section run
}

// measured plays a step. What keeps it from going on ends t.
func (s step) measured(t world.T, programs world.Programs) *figures {
	t.Helper()
	r := &rig{step: s, T: t}
	r.World = world.New(t, programs, s.settings(t))
	client := r.Redis.Client()
	t.Cleanup(func() { _ = client.Close() })
	r.books = newBooks(client)
	r.people = watch(t, r.Slack.Admin, s.many(), s.hostsOf)
	r.takeASecond(0, s.warm+s.runs)
	r.slowly()
	if s.full {
		r.fillUp()
	}
	r.start()
	return r.measured()
}

// many is how many people take part. Where runs come one by one, two: then all are known after
// the first.
func (s step) many() int {
	if s.apart || s.delay > 0 {
		return 2
	}
	return headcount
}

// hostsOf are the hosts of a flow, which no other has: a bot may lock them for a while.
func (s step) hostsOf(flow int) (all []string) {
	for i := range s.hosts {
		all = append(all, fmt.Sprintf("ins-m%d", flow*s.hosts+i))
	}
	return all
}

// spare is the number of a flow that is not measured.
func (s step) spare(n int) int { return s.warm + s.runs + n }

// spares is how many of these have hosts.
const spares = 2

// settings have the config of the product but for limits of people, whom a few here stand for.
func (s step) settings(t world.T) world.Settings {
	return world.Settings{
		API: s.api, LogLevel: "info",
		SlackArgs: []string{"-lean", "-world", world.Write(t, filepath.Join(t.TempDir(), "people.json"), workspace())},
		State: func(w *world.World, state world.Object) {
			hosts := world.Object{other: world.Object{"root": w.Secrets["web"]}}
			for n := range s.spare(spares) {
				for _, h := range s.hostsOf(n) {
					hosts[h] = world.Object{"root": w.Secrets["web"]}
				}
			}
			state["hosts"], state["lean"] = hosts, true
		},
		Config: func(_ *world.World, text string) string {
			before, rest, _ := strings.Cut(text, "  timeout: ")
			_, rest, _ = strings.Cut(rest, "logins:\n")
			if s.setting != "" {
				before += "run:\n  " + s.setting + "\n"
			}
			return before + "limits: {open_requests: 1000000, commands_a_minute: 1000000}\nlogins:\n" + rest
		},
	}
}

// rig is a world in which a step is measured.
type rig struct {
	step
	world.T
	*world.World
	people *people
	books  *books
	bot    *world.Process
}

// takeASecond has the hosts of flows run each script for a second.
func (r *rig) takeASecond(from, to int) {
	for n := from; n < to; n++ {
		for _, h := range r.hostsOf(n) {
			r.Cloud.Post("host", world.Object{"id": h, "takes_ms": 1000})
		}
	}
}

// slowly has each call outside take a while.
func (r *rig) slowly() {
	if r.delay > 0 {
		r.Cloud.Post("fault", world.Object{"always": true, "fault": world.Object{"delay": r.delay}})
		r.Slack.Post("slow", world.Object{"delay": r.delay.String()})
	}
}

// start starts the bot and waits until Slack has it.
func (r *rig) start() {
	if r.yardstick {
		r.bot = world.Start(r.T, nil, r.Programs.Path("yardstick"), r.yardstickFile())
		r.Slack.Connected(1)
		return
	}
	env := []string{"BMCMD_EXPERIMENT_QUOTA=1000000"}
	if r.profile != "" {
		env = append(env, "BMCMD_EXPERIMENT_PROFILE="+r.profile)
	}
	r.bot = r.Serve(env...)
}

// yardstickFile has what the yardstick is to know.
func (r *rig) yardstickFile() string {
	endpoint := r.Cloud.API3
	if r.api == "2.0" {
		endpoint = r.Cloud.API
	}
	text, _ := json.Marshal(world.Object{
		"Slack": r.Slack.API, "BotToken": r.Secrets["bot_token"], "AppToken": r.Secrets["app_token"],
		"API": r.api, "Endpoint": endpoint, "Region": "ap-beijing", "ID": r.Secrets["run_id"], "Key": r.Secrets["run_key"],
		"User": "root", "Password": r.Secrets["web"], "Content": "#!/bin/bash\nset -eu\nsystemctl restart \"${1:-nginx}\"\n",
	})
	return world.Write(r.T, filepath.Join(r.T.TempDir(), "yardstick.json"), string(text))
}

// measured warms the bot up and measures it.
func (r *rig) measured() *figures {
	ctx := r.T.Context()
	warm, failed, why := r.people.all(ctx, 0, r.warm, min(r.atOnce, 8))
	if failed > 0 {
		r.T.Fatalf("%s: before anything was measured: %v", r.step, why)
	}
	f := &figures{step: r.step, fsync: r.books.appendfsync(ctx)}
	r.settle(warm, f)
	if r.idle > 0 {
		f.idleTrips = r.idleTrips(ctx)
	}
	before := r.look()
	r.signal()
	began := time.Now()
	r.flows(ctx, f)
	answered := time.Now()
	f.took = answered.Sub(began)
	r.settle(f.flows, f)
	f.rest = time.Since(answered)
	r.signal()
	r.look().since(before, f)
	r.times(f)
	return f
}

// idleTrips is how many trips to Redis the bot makes in a second without any run.
func (r *rig) idleTrips(ctx context.Context) float64 {
	before, began := r.look(), time.Now()
	select {
	case <-time.After(r.idle):
	case <-ctx.Done():
	}
	return float64(r.look().traffic.less(before.traffic).trips) / time.Since(began).Seconds()
}

// flows takes all flows, or one after the other has come to rest.
func (r *rig) flows(ctx context.Context, f *figures) {
	if !r.apart {
		f.flows, f.failed, f.why = r.people.all(ctx, r.warm, r.warm+r.runs, r.atOnce)
		return
	}
	for n := r.warm; n < r.warm+r.runs; n++ {
		done, failed, why := r.people.all(ctx, n, n+1, 1)
		r.settle(done, f)
		f.flows, f.failed = append(f.flows, done...), f.failed+failed
		if f.why == nil {
			f.why = why
		}
	}
}

// settle waits until nothing is left to do for these flows.
func (r *rig) settle(flows []*flow, f *figures) {
	for _, one := range flows {
		if one.request == "" { // the yardstick is done when it has answered
			continue
		}
		if err := r.books.atRest(r.T.Context(), one.request, patience); err != nil {
			f.failed++
			if f.why == nil {
				f.why = err
			}
		}
	}
}

// signal has the bot begin a profile, and then end it, if there is to be one.
func (r *rig) signal() {
	if r.profile == "" {
		return
	}
	if err := r.bot.Cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		r.T.Fatalf("%v", err)
	}
}

// String names a step.
func (s step) String() string {
	who := "bmcmd"
	if s.yardstick {
		who = "yardstick"
	}
	out := fmt.Sprintf("%s on %s, %d runs, %d at once", who, s.api, s.runs, s.atOnce)
	if s.delay > 0 {
		out += fmt.Sprintf(", %s on each call", s.delay)
	}
	if s.full {
		out += fmt.Sprintf(", with %d open and %d finished requests and %d tasks", s.fill.open, s.fill.finished, s.fill.tasks)
	}
	return out
}
