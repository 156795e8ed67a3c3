package fault

import (
	"time"

	"github.com/bmcmd/bmcmd/cmd/internal/wire"
)

// pair is what wires lead to.
type pair struct {
	name, what string
	of         func(*replica) *wire.Proxy
	away       bool
	holdFor    time.Duration
}

// wireFaults are what may happen to each connection of the bots.
func wireFaults() (out []Fault) {
	for _, p := range []pair{
		{"redis", "to Redis", func(b *replica) *wire.Proxy { return b.redis }, false, 6 * time.Second},
		{"slack-api", "to Slack's API", func(b *replica) *wire.Proxy { return b.slack }, true, 6 * time.Second},
		// A half-open socket is found by pings that stay without an answer for 15 s.
		{"slack-sockets", "to Slack's sockets", func(b *replica) *wire.Proxy { return b.sockets }, true, 20 * time.Second},
		{"script-api", "to the script API", func(b *replica) *wire.Proxy { return b.cloud }, false, 6 * time.Second},
	} {
		out = append(out,
			Fault{name: p.name + "-cut", what: "connections " + p.what + " are cut five times a second, then refused for 2 s", wired: true, away: p.away, do: p.cut},
			Fault{name: p.name + "-slow", what: "connections " + p.what + " take 200 ms to 2 s longer each way", wired: true, away: p.away, do: p.slow},
			Fault{name: p.name + "-half-open", what: "connections " + p.what + " take bytes and deliver none", wired: true, away: p.away, do: p.hold})
	}
	return out
}

func (p pair) each(r *rig, do func(*wire.Proxy) error) {
	for _, b := range r.bot {
		if err := do(p.of(b)); err != nil {
			r.T.Fatalf("%v", err)
		}
	}
}

func (p pair) cut(r *rig) {
	for range 15 {
		p.each(r, func(w *wire.Proxy) error { w.Cut(); return nil })
		r.pause(200 * time.Millisecond)
	}
	p.each(r, func(w *wire.Proxy) error { w.Refuse(); return nil })
	r.pause(2 * time.Second)
	p.each(r, (*wire.Proxy).Pass)
}

func (p pair) slow(r *rig) {
	for _, d := range []time.Duration{200 * time.Millisecond, 2 * time.Second, 600 * time.Millisecond} {
		p.each(r, func(w *wire.Proxy) error { return w.Delay(d) })
		r.pause(2500 * time.Millisecond)
	}
	p.each(r, (*wire.Proxy).Pass)
}

func (p pair) hold(r *rig) {
	p.each(r, (*wire.Proxy).Hold)
	r.pause(p.holdFor)
	p.each(r, (*wire.Proxy).Pass)
}
