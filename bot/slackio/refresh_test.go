package slackio

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// settled has connections count as good ones from the start, as those that live for hours do.
func settled(r *rig) *rig {
	r.s.times.steady = 0
	return r
}

// BenchmarkRefresh says for how long Slack has fewer than two connections to send to, and for how long
// none, each time that it refreshes one, or both at once. far stands for the way to Slack: how long it
// takes each of the two calls that open a connection to be answered.
func BenchmarkRefresh(b *testing.B) {
	for _, far := range []time.Duration{0, 50 * time.Millisecond} {
		for name, tell := range map[string]func(*slacksim.Slack, string){"one": (*slacksim.Slack).DisconnectOne, "both": (*slacksim.Slack).Disconnect} {
			b.Run(fmt.Sprintf("%s/far=%s", name, far), func(b *testing.B) {
				sim := simulate(b, slacksim.Config{Lean: true, Grace: 20 * time.Millisecond})
				r := settled(connectTo(b, sim, func(c *Config) { c.Log = slog.New(slog.DiscardHandler) }))
				r.run(hand{typed: echo})
				var one, none []time.Duration
				for b.Loop() {
					if far > 0 {
						sim.FailNext("apps.connections.open", slacksim.Fault{Delay: far}, 2)
						sim.FailNext("socket", slacksim.Fault{Delay: far}, 2)
					}
					before := sim.Reach()
					tell(sim, slacksim.ReasonRefresh)
					if err := sim.WaitLasting(context.Background(), 2); err != nil {
						b.Fatal(err)
					}
					after := sim.Reach()
					sim.ClearFaults()
					one, none = append(one, after.One-before.One+after.None-before.None), append(none, after.None-before.None)
					if err := sim.WaitFewer(context.Background(), 5); err != nil {
						b.Fatal(err)
					}
				}
				for unit, all := range map[string][]time.Duration{"fewer-than-two": one, "none": none} {
					slices.Sort(all)
					b.ReportMetric(ms(all[len(all)/2]), unit+"-p50-ms")
					b.ReportMetric(ms(all[len(all)-1]), unit+"-max-ms")
				}
			})
		}
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// A hundred refreshes while people type: every command is answered in its ack, and at no moment is there
// no connection.
func TestAHundredRefreshesUnderLoadLoseNothing(t *testing.T) {
	// The old connections stay to the end: what a slow machine acknowledges late is not what is looked for.
	sim := simulate(t, slacksim.Config{Lean: true, Grace: time.Minute, AckWithin: 20 * time.Second, MaxSockets: 200})
	r := settled(connectTo(t, sim))
	r.run(hand{typed: echo})
	ctx, stop := context.WithCancel(context.Background())
	var typing sync.WaitGroup
	var answered atomic.Int64
	for range 8 {
		typing.Go(func() {
			for ctx.Err() == nil {
				turn, err := sim.Slash(context.Background(), alice, channel, "/bmcmd", "list")
				if err != nil {
					t.Error(err)
					return
				}
				a, err := turn.Wait(context.Background())
				if err != nil || a.Failed != "" || !strings.Contains(string(a.Payload), "Heard list") {
					t.Errorf("a command was lost: %v %s %s", err, a.Failed, a.Payload)
					return
				}
				answered.Add(1)
			}
		})
	}
	begin, limit := sim.Reach(), time.Now().Add(time.Minute)
	for i := range 100 {
		if t.Failed() || time.Now().After(limit) {
			t.Errorf("stopped after %d refreshes\n%s", i, tailOf(r.log.String()))
			break
		}
		sim.DisconnectOne(slacksim.ReasonRefresh)
		if err := sim.WaitLasting(soon(t), 2); err != nil {
			t.Errorf("refresh %d: %v", i, err)
		}
	}
	stop()
	typing.Wait()
	end := sim.Reach()
	if none := end.None - begin.None; none > 0 {
		t.Errorf("there were no connections for %s", none)
	}
	t.Logf("%d commands; over one connection for %s in 100 refreshes", answered.Load(), end.One-begin.One)
}

// told is a Slack with two connections, both of which it has told to go.
func told(t *testing.T, patience time.Duration) *raw {
	w := newRaw(t)
	r := settled(w.connect(func(c *Config) { c.Connections = 2 }))
	r.s.times.patience = patience
	r.start(hand{typed: echo})
	a, b := w.next(), w.next()
	for _, c := range []*websocket.Conn{a, b} {
		w.greet(c)
		w.send(c, slashFrame("first", "T1"))
		w.ack(c) // it has been greeted
	}
	for _, c := range []*websocket.Conn{a, b} {
		w.send(c, `{"type":"disconnect","reason":"refresh_requested"}`)
	}
	return w
}

// If Slack tells both connections to go, they are replaced one after the other.
func TestBothAreNotReplacedAtOnce(t *testing.T) {
	w := told(t, time.Hour)
	third := w.next()
	select {
	case <-w.conns:
		t.Error("the next was opened before the first was greeted")
	case <-time.After(100 * time.Millisecond):
	}
	w.greet(third)
	w.greet(w.next())
}

// A replacement that hangs holds the other up for a moment only.
func TestAReplacementThatHangsHoldsNobodyUp(t *testing.T) {
	w := told(t, 20*time.Millisecond)
	_ = w.next() // never greeted
	next := w.next()
	w.greet(next)
	w.send(next, slashFrame("E1", "T1"))
	if id, _ := w.ack(next); id != "E1" {
		t.Errorf("the ack of %s", id)
	}
}

// Slack may refresh a connection that it has just opened. That is followed at once, and once.
func TestAYoungConnectionIsReplacedAtOnce(t *testing.T) {
	w := newRaw(t)
	r := w.connect()
	r.s.times.backoff, r.s.times.backoffTo = time.Hour, time.Hour
	r.start(hand{typed: echo})
	young := w.next()
	w.greet(young)
	w.send(young, `{"type":"disconnect","reason":"refresh_requested"}`)
	w.greet(w.next())
	wait := backoff{first: time.Second, most: time.Minute}
	if !wait.fresh() || wait.fresh() {
		t.Error("it is followed at once again and again")
	}
	wait.reset()
	_ = wait.next()
	if wait.fresh() {
		t.Error("it is followed at once after a fault")
	}
}

// Where an app has all the connections that it may have, a replacement waits for the end of the one that
// it replaces, and no longer.
func TestAReplacementWaitsForItsOwnPlace(t *testing.T) {
	sim := simulate(t, slacksim.Config{Grace: 100 * time.Millisecond, AckWithin: 300 * time.Millisecond})
	r := settled(connectTo(t, sim))
	r.s.times.crowded = time.Hour
	r.run(hand{typed: echo}) // the oldest
	others := connectTo(t, sim, func(c *Config) { c.Connections = 8 })
	others.start(hand{typed: echo})
	if err := sim.WaitLasting(soon(t), 10); err != nil {
		t.Fatal(err)
	}
	sim.DisconnectOne(slacksim.ReasonRefresh)
	if err := sim.WaitLasting(soon(t), 10); err != nil {
		t.Fatalf("it does not come back: %v\n%s", err, r.log)
	}
	if !strings.Contains(r.log.String(), "too many connections of this app") {
		t.Errorf("it was not refused: %s", r.log)
	}
}

// Slack may count a connection for a moment after it has ended. A replacement that is refused once more in
// that moment tries again soon.
func TestAnEndThatSlackHasNotCountedYet(t *testing.T) {
	w := newRaw(t)
	r := settled(w.connect())
	r.s.times.crowded, r.s.times.linger = time.Hour, time.Hour
	r.start(hand{typed: echo})
	old := w.next()
	w.greet(old)
	w.send(old, `{"type":"disconnect","reason":"refresh_requested"}`)
	w.refuse(w.next())
	_ = old.Close()
	w.refuse(w.next())
	w.greet(w.next())
}

func tailOf(s string) string { return s[max(0, len(s)-4000):] }
