package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// team is the workspace of slacksim; all keys in Redis begin with it.
const team = "T0SIM"

func key(kind, id string) string { return "bmcmd:{" + team + "}:" + kind + ":" + id }

// people who may ask and approve.
var people = []string{world.Alice, world.Bob, world.Carol}

// said is a sentence that the bot told somebody.
type said struct{ who, text string }

// crowd is everybody who types and clicks.
type crowd struct {
	w      *world.World
	redis  records
	api    string
	wanted func() []string
	room   chan struct{} // one for each request that somebody is busy with

	mu      sync.Mutex
	rand    *rand.Rand
	n       int
	said    []said
	unacked int             // commands for which no ack came
	dropped map[string]bool // requests whose send the API was told not to answer
	stuck   []string
	flows   sync.WaitGroup
}

// records reads requests as Redis has them.
type records interface {
	record(ctx context.Context, id string) (approvals.Request, error)
}

var errNone = errors.New("no such request in Redis")

// keep keeps asking for runs until ctx ends, and then waits until all have ended.
func (l *crowd) keep(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			l.flows.Wait()
			return
		case l.room <- struct{}{}:
		}
		f := l.begin()
		l.flows.Go(f.goes)
	}
}

func (l *crowd) begin() *flow {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	r := rand.New(rand.NewPCG(l.rand.Uint64(), l.rand.Uint64()))
	f := &flow{crowd: l, n: l.n, rand: r, who: people[r.IntN(len(people))], script: "cmd-rst9w2kd"}
	f.leave = sync.OnceFunc(func() { <-l.room })
	f.kind = kindFor(l.api, l.wanted(), r)
	f.hosts = place(f.kind, f.n)
	switch f.kind {
	case refused:
		f.script = tooLong
	case waits:
		f.script = fmt.Sprintf(unread, f.n%someScripts)
	}
	return f
}

// place names the hosts of the nth request of a kind. See hostsOf.
func place(k kind, n int) string {
	at := func(prefix string, most int) string { return fmt.Sprintf("ins-%s%d", prefix, n%most) }
	switch k {
	case twoSay:
		return at("db", manyHosts)
	case lapses:
		return at("e", fewHosts)
	case drifts:
		return at("drift", fewHosts)
	case fails:
		return at("fail", fewHosts)
	case stops:
		return at("long", fewHosts)
	case putOff:
		return at("late", fewHosts)
	case shares:
		return at("web", manyHosts) + "," + at("both", 4)
	}
	return at("web", manyHosts)
}

const (
	manyHosts = 4000
	fewHosts  = 300
)

// tooLong is a script that no card can show. Of one that does not exist nothing would be kept.
const tooLong = "cmd-toolong"

// unread are scripts that the API does not show for a while. Each is asked for by one
// request or two at a time, so that its fault meets the request that is to wait.
const (
	unread      = "cmd-unread%02d"
	someScripts = 16
)

// hostsOf are all the hosts that place names.
func hostsOf(w *world.World) world.Object {
	hosts := world.Object{}
	for prefix, n := range map[string]int{"web": manyHosts, "db": manyHosts, "both": 4, "e": fewHosts, "drift": fewHosts, "fail": fewHosts, "long": fewHosts, "late": fewHosts} {
		login := world.Object{"root": w.Secrets["web"]}
		if prefix == "db" {
			login = world.Object{"root": w.Secrets["db"]}
		}
		for i := range n {
			hosts[fmt.Sprintf("ins-%s%d", prefix, i)] = login
		}
	}
	return hosts
}

// parameter is what tells one request of the load from all others in the API's history.
func parameter(n, attempt int) string { return fmt.Sprintf("p%d-%d", n, attempt) }

// typed is a parameter as it is typed for an API.
func typed(api string, n, attempt int) string {
	if api == "tat" {
		return "p=" + parameter(n, attempt)
	}
	return parameter(n, attempt)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
