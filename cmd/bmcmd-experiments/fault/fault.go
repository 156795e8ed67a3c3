// Package fault has something go wrong between three replicas of bmcmd and what they
// talk to, while people ask for runs and decide on them, and then judges what came of
// it. Everything is a process of its own and listens on loopback; the connections may
// lead through wires that misbehave.
//
// # What is judged
//
// From the API's history, what each person in Slack was told, and Redis:
//
//   - a request that was approved was sent at most once, and never by a worker whose
//     lease was lost;
//   - the cloud was told to stop a run only by an order that was recorded before, and
//     host by host;
//   - what somebody was told to be recorded is in Redis;
//   - each request has ended, or people were asked what became of it, and its card and
//     its thread say so, in order;
//   - the events of each hold together;
//   - nobody was told anything but the design's answers, and nobody was told nothing,
//     but by a Slack or a bot that was itself away;
//   - all of it came about by itself: no bot was started again.
//
// A store that forgot what it had confirmed, because its files were changed, can keep
// only the first of these.
//
// # Why people press again
//
// The people here do what they are told: again at once if it was not recorded, and
// after a look at the card if nobody knows. So a wrong answer leads to a lost or a
// second request, and is found as one. Minutes are seconds here, for them and in the
// bots' config.
//
// # Why each request has its own host and its own people
//
// The API's history names hosts, and Slack's names people. So every send and every
// answer belongs to one request without asking the program that is judged.
package fault

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// Fault is one thing that goes wrong, while people ask for runs and decide on them.
type Fault struct {
	name string
	what string // in one line
	do   func(r *rig)

	wired   bool                                     // bots reach the others through wires
	away    bool                                     // nobody hears or answers for a while: Slack fails, or a bot is killed or paused
	forgets bool                                     // the store loses what it had confirmed: only sending twice counts
	program string                                   // that it needs besides redis-server
	api     string                                   // version of the script API; 2.0 unless set
	drops   []string                                 // moves of which all replies are lost, once, for any request
	env     func(bot int) []string                   // of each bot, for a bmcmd built with the tag experiment
	config  func(w *world.World, text string) string // changes the config
	before  func(r *rig)                             // is done before anybody asks for anything
	plans   func() []plan                            // who asks for what; nil: the usual load
	apart   bool                                     // a row of the table for each plan
}

// Result is a row of the table.
type Result struct {
	name                            string
	requests, sent, unknown         int
	notRecorded, cannotTell, silent int // answers of these kinds, and none at all
	twice                           int // messages that came more than once
	recovered, rested               time.Duration
	violations                      []string
}

// replicas is how many replicas there are.
const replicas = 3

// rig is a world in which a fault happens.
type rig struct {
	*world.World
	ctx   context.Context
	fault Fault
	bot   []*replica
	seen  *watch
	plans []plan         // of the fault; nil: the usual load
	loses []*loss        // replies that are to be lost
	begun sync.WaitGroup // the talks

	mu    sync.Mutex
	talks []*talk

	healed    time.Time
	recovered time.Duration
}

// Name is short and without spaces.
func (f Fault) Name() string { return f.name }

// On is the same on another API, unless it is of one.
func (f Fault) On(api string) Fault {
	f.api = cmp.Or(f.api, api)
	return f
}

// What says in one line what happens.
func (f Fault) What() string { return f.what }

// Run has it happen once, in a world of its own that ends with t, and judges. The
// programs are to be built with the tag experiment.
func (f Fault) Run(t world.T, programs world.Programs) []Result {
	t.Helper()
	r := newRig(t, programs, f)
	r.loseReplies()
	if f.before != nil {
		f.before(r)
	}
	loaded := make(chan struct{})
	go func() { defer close(loaded); r.load() }()
	r.seen.await(r.ctx, patience, func() bool { return len(r.seen.cards) >= 2 }) // the load is under way
	f.do(r)
	r.healed = time.Now()
	r.probe()
	<-loaded
	r.begun.Wait()
	rested := r.rest()
	all := r.judge()
	all.recovered, all.rested = r.recovered, rested
	if f.apart {
		return r.byPlan(all)
	}
	return []Result{all.Result}
}

// byPlan makes a row for each plan. What is of no request stands in the first.
func (r *rig) byPlan(all judgement) (rows []Result) {
	for i, p := range r.plans {
		one := all.each[hostOf(i)]
		one.name, one.recovered, one.rested = r.fault.name+"-"+p.label, all.recovered, all.rested
		rows = append(rows, one)
	}
	rows[0].violations = append(all.common, rows[0].violations...)
	return rows
}

// probe asks for one more run when all is well again, and waits for its card.
func (r *rig) probe() {
	k := r.talk(plan{ends: approving})
	if r.seen.await(r.ctx, patience, func() bool { return r.seen.cards[k.host].TS != "" }) {
		r.recovered = time.Since(r.healed)
	}
}

// pause is how long a fault lasts.
func (r *rig) pause(d time.Duration) { pause(r.ctx, d) }

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// every is all of them, in the order of the table. What takes longest comes first, for a
// test in which they overlap.
func every() []Fault {
	return slices.Concat(cloudFaults(), stopFaults(), machineFaults(), redisFaults(), replyFaults(), forgetFaults(), sentinelFaults(), wireFaults(), replicaFaults(), slackFaults())
}

// Named are the faults whose name begins so: all of them for an empty name.
func Named(name string) (out []Fault) {
	for _, f := range every() {
		if strings.HasPrefix(f.name, name) {
			out = append(out, f)
		}
	}
	return out
}

// Write writes the table and what was violated. It returns how much that is.
func Write(w io.Writer, rows []Result) (violations int) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "fault\trequests\tsent\tunknown\tsaid not recorded\tsaid cannot tell\tno answer\tmessages twice\trecovered after\tat rest after\tviolations")
	for _, r := range rows {
		fmt.Fprintf(tab, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%d\n", r.name, r.requests, r.sent, r.unknown, r.notRecorded, r.cannotTell, r.silent,
			r.twice, seconds(r.recovered), seconds(r.rested), len(r.violations))
	}
	_ = tab.Flush()
	for _, r := range rows {
		for _, v := range r.violations {
			fmt.Fprintf(w, "%s: %s\n", r.name, v)
		}
		violations += len(r.violations)
	}
	return violations
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }
