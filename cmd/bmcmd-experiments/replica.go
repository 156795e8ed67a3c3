package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// killed is one replica that died, and why.
type killed struct {
	Point   string
	Request string    // empty: not at a point of one request
	At      time.Time // by this machine's clock, as Redis'
	Worker  string    // under which name it claimed
}

// notice is a line that a replica writes about the experiment.
type notice struct {
	Experiment string    `json:"experiment"`
	Worker     string    `json:"worker"`
	Point      string    `json:"point"`
	Request    string    `json:"request"`
	At         time.Time `json:"at"`
}

// told reads what a replica wrote about itself.
func told(p *world.Process) (worker string, kill *notice) {
	for line := range strings.Lines(p.Stderr.String()) {
		var n notice
		if !strings.HasPrefix(line, `{"`) || !strings.Contains(line, `"experiment"`) || json.Unmarshal([]byte(line), &n) != nil {
			continue
		}
		switch n.Experiment {
		case "worker":
			worker = n.Worker
		case "kill":
			kill = &n
		}
	}
	return worker, kill
}

// fleet keeps three replicas going while they die by the plan.
type fleet struct {
	w     *world.World
	quota int

	mu     sync.Mutex
	rand   *rand.Rand
	plan   []death
	armed  map[int]string // by slot
	dead   []killed
	missed map[string]int // points that no replica got to
}

func newFleet(w *world.World, plan []death, r *rand.Rand) *fleet {
	return &fleet{
		w: w, quota: 1_000_000, rand: rand.New(rand.NewPCG(r.Uint64(), 0)), plan: plan,
		armed: map[int]string{}, missed: map[string]int{},
	}
}

// reach is how long a replica may take to get to a point: a lease has to pass before a
// run is lost, and a search before people say what became of one.
func reach(point string) time.Duration {
	switch move(point) {
	case "lose":
		return 20 * time.Second
	case "adopt", "ask", "settle", "lift":
		return 15 * time.Second
	}
	return 8 * time.Second
}

// mostTries is how many replicas try to get to a point before it counts as missed.
const mostTries = 12

// env has a hold that is short, and yet longer than a message of a replica that died may
// be under way: else an old drawing lands above a newer one, which the 20 seconds of the
// shipped hold rule out.
func (f *fleet) env(more ...string) []string {
	return append(more, "BMCMD_EXPERIMENT_HOLD=3s", fmt.Sprintf("BMCMD_EXPERIMENT_QUOTA=%d", f.quota))
}

func (f *fleet) start(more ...string) *world.Process {
	return world.Start(f.w.T, f.env(more...), f.w.Programs.Path("bmcmd"), "serve", "-c", f.w.Config)
}

// run keeps three slots until the batch is over, and then starts three replicas that stay.
// Not before: the last that are to die somewhere would be left without work.
func (f *fleet) run() {
	var slots sync.WaitGroup
	for i := range 3 {
		slots.Go(func() { f.slot(i) })
	}
	slots.Wait()
	for range 3 {
		if f.w.T.Context().Err() == nil {
			f.start()
		}
	}
}

// slot starts a replica, waits for its end, and starts the next.
func (f *fleet) slot(n int) {
	for f.w.T.Context().Err() == nil {
		d, more := f.next(n)
		if !more {
			return
		}
		if d.point == asRandom {
			f.atRandom(d)
			continue
		}
		f.atPoint(d)
	}
}

// next takes an item of the plan.
func (f *fleet) next(slot int) (d death, more bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.armed, slot)
	if len(f.plan) == 0 {
		return death{}, false
	}
	d, f.plan = f.plan[0], f.plan[1:]
	f.armed[slot] = d.point
	return d, true
}

func (f *fleet) atRandom(d death) {
	f.mu.Lock()
	after := 300*time.Millisecond + time.Duration(f.rand.IntN(2000))*time.Millisecond
	f.mu.Unlock()
	p := f.start()
	_ = p.Wait(after)
	f.end(p, d)
}

func (f *fleet) atPoint(d death) {
	p := f.start(fmt.Sprintf("BMCMD_EXPERIMENT_KILL=%s %d", d.point, d.nth))
	select {
	case <-p.Ended:
	case <-time.After(reach(d.point)):
	case <-f.w.T.Context().Done():
	}
	f.end(p, d)
}

// end kills what still lives, and notes who died where.
func (f *fleet) end(p *world.Process, d death) {
	at := time.Now().UTC()
	ran := !p.HasEnded()
	p.Kill()
	worker, kill := told(p)
	if kill == nil && !ran {
		f.w.T.Errorf("bmcmd serve ended by itself:\n%s", p.Stderr)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if kill != nil {
		f.dead = append(f.dead, killed{Point: kill.Point, Request: kill.Request, At: kill.At, Worker: worker})
		return
	}
	f.dead = append(f.dead, killed{Point: asRandom, At: at, Worker: worker})
	if d.point == asRandom || f.w.T.Context().Err() != nil {
		return
	}
	d.nth, d.tries = 1, d.tries+1
	if d.tries >= mostTries {
		f.missed[d.point]++
		return
	}
	again := []death{d}
	if move(d.point) == "lose" { // only who dies while sending makes a run that is lost
		again = []death{{point: "cloud.run:before", nth: 1}, d}
	}
	f.plan = slices.Insert(f.plan, 0, again...) // at once, while others still make work for it
}

// wanted are the points that replicas wait for now.
func (f *fleet) wanted() (out []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, slot := range []int{0, 1, 2} {
		if p, ok := f.armed[slot]; ok {
			out = append(out, p)
		}
	}
	return out
}
