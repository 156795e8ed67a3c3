package main

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// between are the points at which a replica that dies leaves a run of which nobody
// else can know whether it was sent.
var between = []string{"store.swap.claim:after", "cloud.run:before", "cloud.run:after", "store.swap.answer:before"}

// moves are those of the README of approvals that a load can lead to within seconds.
var moves = []string{
	"prepare", "open", "refuse", "vote", "deny", "reason", "cancel", "expire", "wait", "run", "claim", "answer", "lose",
	"adopt", "ask", "settle", "lift", "report", "alarm", "stop", "stopped", "finish", "quiet",
}

// elsewhere are moves that only a Redis that was restarted or has gone back leads to, or a cloud
// that does not answer for longer than here, or a run that takes longer.
var elsewhere = []string{"doubt", "recall", "unstopped", "find"}

// asRandom is the plan's name for a kill at any time, by process id.
const asRandom = "at a random time"

// points are all that a plan knows: one between any two outside effects. What comes
// before an effect is, to everybody outside, the same as what comes after the one
// before it; so there is a point after each, and before those that something begins
// with: an envelope of Slack, and the call.
func points() []string {
	effects := []string{
		"store.create", "store.take", "logins.open", "cloud.run", "cloud.stop",
		"board.post", "board.redraw", "board.notify", "board.report", "typed", "clicked",
	}
	for _, m := range moves {
		effects = append(effects, "store.swap."+m)
	}
	all := []string{"typed:before", "clicked:before", "cloud.run:before", "store.swap.answer:before"}
	for _, e := range effects {
		all = append(all, e+":after")
	}
	return all
}

// deal spreads n kills: a third between claim and stored answer, a tenth at random
// times, the rest over the other points.
func deal(n int) map[string]int {
	out := map[string]int{asRandom: max(1, n/10)}
	for i := range n / 3 {
		out[between[i%len(between)]]++
	}
	var others []string
	for _, p := range points() {
		if !slices.Contains(between, p) {
			others = append(others, p)
		}
	}
	for i := range max(0, n-n/3-out[asRandom]) {
		out[others[i%len(others)]]++
	}
	return out
}

// death is one item of a plan: at which passage of which point a replica dies.
type death struct {
	point string
	nth   int
	tries int // replicas that did not get there
}

// shuffled makes a plan of what was dealt. The same seed makes the same plan.
func shuffled(dealt map[string]int, r *rand.Rand) []death {
	var all []death
	for _, p := range slices.Sorted(maps.Keys(dealt)) {
		for range dealt[p] {
			nth := 1 + min(r.IntN(4), r.IntN(4)) // mostly soon: what is rare would hold the others up
			if rare(p) {
				nth = 1
			}
			all = append(all, death{point: p, nth: nth})
		}
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// batch is a part of a plan that is played in one world.
type batch struct {
	api  string // which API of the cloud
	plan []death
}

// apis are those that a plan is played on.
var apis = []string{"2.0", "3.0", "tat"}

// onlyIn are the moves that a load leads to on one API: in 2.0, which does not name a run's
// task, a result has to be confirmed, and an alarm takes longer than anybody here waits; TAT alone can
// stop a run.
var onlyIn = map[string]string{"report": "2.0", "alarm": "3.0", "stop": "tat", "stopped": "tat", "cloud.stop": "tat"}

// batches deals a plan to all APIs.
func batches(plan []death, size int) (out []batch) {
	by := map[string][]death{}
	for i, d := range plan {
		api := apis[i%len(apis)]
		if only := onlyIn[move(d.point)]; only != "" {
			api = only
		}
		by[api] = append(by[api], d)
	}
	for _, api := range apis {
		for part := range slices.Chunk(by[api], size) {
			out = append(out, batch{api, part})
		}
	}
	return out
}

func move(point string) string {
	m, _ := strings.CutPrefix(point, "store.swap.")
	m, _, _ = strings.Cut(m, ":")
	return m
}
