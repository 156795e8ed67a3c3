// Package load measures what a run costs with bmcmd and how long people wait, in multiples
// of a bot that does the least that people see: see command yardstick.
//
// Everything is a process of its own on this machine: one replica of bmcmd, or the
// yardstick; Slack's simulator and the cloud's; and a redis-server that has written to the
// disk before it confirms (appendfsync always). Each step has a world of its own, so that no
// step meets the tasks and requests of another. Quotas are lifted, of bmcmd by its environment, which
// only a bmcmd built with the tag experiment reads; so are the config's limits of a person, since
// a few people stand for hundreds. All else in the config is as the product has it.
//
// # What a run is
//
// Somebody types a command with two hosts, a card comes, somebody else presses Approve, the
// API is called, and the thread has its answer. Then the next is typed, by as many people at
// a time as the step says. The script takes a second on its hosts. What bmcmd does for a run
// after the answer, until its result is in the thread, goes on beside the next ones: it is in
// the CPU, the calls and the trips, since these are counted until nothing is left to do, and
// not in the runs a second.
//
// # What is measured, and how
//
//   - CPU: what Linux says that a process used, itself and in the kernel, in steps of 10 ms.
//   - Times: those of the simulators, which share this machine's clock: when the envelope
//     left, when chat.postMessage took effect, when RunUserCmd arrived. An ack is from the
//     envelope to the ack.
//   - Calls of the API, and of Slack: those that arrived, the API's named as 2.0 names what does the same. Lists of
//     tasks are counted apart.
//   - Trips to Redis: reads of its sockets. Commands that were sent together are one trip, more than
//     32 KB are two, and what a Lua script calls is none. The watcher's own are taken off, and, where runs come
//     one by one, those that bmcmd makes without any run.
//   - What Redis keeps: names, fields and values of all keys but those that are gone within the
//     hour, by so many runs more; and what MEMORY USAGE says of the same.
//   - With slow calls: each call of Slack and of the cloud takes so much longer. Slack's take effect
//     when they arrive and are answered late, so that what is posted is seen when the bot sent it.
//     The first run of the process meets people and groups that nobody knows yet; the others
//     do not.
//   - With much that is there: copies of one open and one finished request, kept by the
//     store's own code, and tasks of others in the cloud's list, half of them of the same script.
//
// # Why ratios
//
// A machine is another tomorrow, and others work on it today. What the yardstick needs in
// the same minutes changes with it. So the ratios are to be compared, and the figures only
// with those of the same run. Nothing here fails on a time.
package load

import (
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// Experiment is what is to be measured.
type Experiment struct {
	APIs   []string      // of the cloud: 2.0, 3.0, tat
	AtOnce []int         // runs at a time
	Runs   int           // that are measured in a step
	Single int           // those that come one by one, and those with slow calls
	Idle   time.Duration // for which the bot is watched without any run

	Delay                 time.Duration // of slow calls
	Open, Finished, Tasks int           // that are there in the last part

	Profile string // file for a profile of bmcmd's CPU, of the first API at the number at once of the last part; empty: none
	Setting string // a line for the section run of bmcmd's config; empty: as the product has it

	Log io.Writer // for how it goes
}

// Quick is the same with little of everything, for a look that takes less than a minute for
// an API.
func (e Experiment) Quick() Experiment {
	e.APIs, e.AtOnce, e.Runs, e.Single = e.APIs[:1], e.AtOnce[len(e.AtOnce)/2:][:1], 40, 3
	e.Open, e.Finished, e.Tasks, e.Idle = e.Open/100, e.Finished/100, e.Tasks/10, e.Idle/2
	return e
}

// Run measures all of it, step by step, and writes tables. on has one step done in a place of
// its own, and returns why that could not go on; Run returns it, too.
func (e Experiment) Run(out io.Writer, programs world.Programs, on func(do func(world.T)) error) error {
	r := report{Experiment: e, cores: runtime.NumCPU(), began: time.Now(), load: loadAverage()}
	for _, s := range e.steps() {
		began := time.Now()
		var f *figures
		if err := on(func(t world.T) { f = s.measured(t, programs) }); err != nil {
			return err
		}
		fmt.Fprintf(e.Log, "%s: %s, load %s\n", s, time.Since(began).Round(time.Second), loadAverage())
		r.all = append(r.all, f)
	}
	return r.write(out)
}

const (
	hosts     = 2  // of a run
	manyHosts = 12 // of a run that shows what a host more keeps
)

// steps are all that is measured, in order: a yardstick just before what it measures.
func (e Experiment) steps() (all []step) {
	for i, api := range e.APIs {
		for _, n := range e.AtOnce {
			one := step{api: api, atOnce: n, runs: e.Runs, hosts: hosts, warm: headcount, setting: e.Setting}
			rod := one
			rod.yardstick, rod.runs = true, 4*e.Runs // it is so cheap that fewer would not show
			if i == 0 && n == e.middle() {
				one.profile = e.Profile
			}
			all = append(all, rod, one)
		}
		few := step{api: api, atOnce: 1, runs: e.Single, hosts: hosts, setting: e.Setting}
		apart := few
		apart.apart, apart.idle, apart.warm = true, e.Idle, 3
		wide := apart
		wide.hosts = manyHosts
		slow := few
		slow.delay, slow.runs = e.Delay, e.Single+1
		full := step{
			api: api, atOnce: e.middle(), runs: e.Runs, hosts: hosts, warm: headcount, setting: e.Setting,
			full: true, fill: fill{e.Open, e.Finished, e.Tasks},
		}
		all = append(all, apart, wide, slow, full)
	}
	return all
}

// middle is how many at once there are where one number stands for all.
func (e Experiment) middle() int { return e.AtOnce[len(e.AtOnce)/2] }
