package slackio

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/slacksim"
)

func echo(_ context.Context, line bot.Typed) bot.Answer { return bot.Words{Text: "Heard " + line.Text} }

// ask types a line and returns the ack.
func (r *rig) ask(text string) slacksim.Ack {
	r.t.Helper()
	turn, err := r.sim.Slash(soon(r.t), alice, channel, "/bmcmd", text)
	return wait(r.t, turn, err)
}

// askOn asks until there is an answer: for a while, Slack may still send to connections that have gone.
func (r *rig) askOn(text string) {
	r.t.Helper()
	limit := soon(r.t)
	for r.ask(text).Failed != "" {
		if limit.Err() != nil {
			r.t.Fatalf("nobody answers\n%s", r.log)
		}
	}
}

// greeted waits until n connections have read Slack's greeting: Slack counts them before.
func (r *rig) greeted(n int) {
	r.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for limit := soon(r.t); r.s.Connected() != n; <-tick.C {
		if limit.Err() != nil {
			r.t.Fatalf("%d are connected, want %d\n%s", r.s.Connected(), n, r.log)
		}
	}
}

func slashFrame(id, team string) string {
	return fmt.Sprintf(`{"type":"slash_commands","envelope_id":%q,"accepts_response_payload":true,"payload":{"command":"/bmcmd","text":"help","team_id":%q,"user_id":"U1","channel_id":"C1","api_app_id":"A1"}}`, id, team)
}

// When Slack announces the end of a connection, the next is opened before the old one is given up,
// and what still comes over the old one is answered.
func TestAnAnnouncedEndLosesNothing(t *testing.T) {
	for _, reason := range []string{"warning", "refresh_requested"} {
		t.Run(reason, func(t *testing.T) {
			w := newRaw(t)
			r := w.connect()
			r.start(hand{typed: echo})
			old := w.next()
			w.greet(old)
			w.send(old, `{"type":"disconnect","reason":"`+reason+`"}`)
			next := w.next() // the old one is still open
			w.greet(next)
			w.send(old, slashFrame("late", "T1"))
			if id, payload := w.ack(old); id != "late" || !strings.Contains(payload, "Heard help") {
				t.Errorf("ack of %s over the old connection: %s", id, payload)
			}
			w.send(next, slashFrame("new", "T1"))
			if id, _ := w.ack(next); id != "new" {
				t.Errorf("ack of %s over the new connection", id)
			}
		})
	}
}

// The old connection is closed here if Slack does not close it.
func TestAnAnnouncedEndComes(t *testing.T) {
	w := newRaw(t)
	r := w.connect()
	r.s.times.linger = time.Millisecond
	r.start(hand{})
	old := w.next()
	w.greet(old)
	w.send(old, `{"type":"disconnect","reason":"refresh_requested"}`)
	w.greet(w.next())
	_ = old.SetReadDeadline(time.Now().Add(patience))
	if _, _, err := old.ReadMessage(); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("the old connection stays: %v", err)
	}
}

func TestConnectionsComeBack(t *testing.T) {
	sim := simulate(t, slacksim.Config{AckWithin: time.Second})
	r := connectTo(t, sim)
	r.run(hand{typed: echo})
	for range 3 {
		before := sim.CallCount("apps.connections.open")
		sim.DropConnections()
		if _, err := sim.WaitCalls(soon(t), "apps.connections.open", before+2); err != nil {
			t.Fatal(err)
		}
		if err := sim.WaitConnected(soon(t), 2); err != nil {
			t.Fatal(err)
		}
		r.askOn("again")
	}
}

func TestTooManyConnectionsWaitTheirTurn(t *testing.T) {
	sim := simulate(t, slacksim.Config{AckWithin: time.Second})
	crowd := connectTo(t, sim, func(c *Config) { c.Connections = 10 })
	stop := crowd.run(hand{})
	late := connectTo(t, sim, func(c *Config) { c.Connections = 1 })
	late.s.times.crowded = 10 * time.Millisecond
	late.start(hand{typed: echo})
	if _, err := sim.WaitCalls(soon(t), "apps.connections.open", 15); err != nil { // it has tried more than once
		t.Fatal(err)
	}
	crowd.greeted(10)
	if late.s.Connected() != 0 || crowd.s.Connected() != 10 {
		t.Fatalf("%d and %d are connected", late.s.Connected(), crowd.s.Connected())
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	late.askOn("hello")
	if !strings.Contains(late.log.String(), "too many connections of this app") {
		t.Errorf("the log does not say why: %s", late.log)
	}
}

// A connection that is open but dead is found by a ping without an answer.
func TestADeadConnectionIsFound(t *testing.T) {
	w := newRaw(t)
	r := w.connect()
	r.s.times.ping, r.s.times.pong = 20*time.Millisecond, 30*time.Millisecond
	r.start(hand{})
	w.greet(w.next()) // nobody reads it, so no ping is answered
	w.greet(w.next())
	if !strings.Contains(r.log.String(), "not even a pong") {
		t.Errorf("the log does not say why: %s", r.log)
	}
}

// Somebody in between may answer pings for a Slack that is gone. Its own have stopped then.
func TestAConnectionWithoutSlacksPingsIsLeft(t *testing.T) {
	sim := simulate(t, slacksim.Config{PingEvery: 20 * time.Millisecond, AckWithin: time.Second})
	r := connectTo(t, sim)
	r.s.times.ping, r.s.times.silence = 50*time.Millisecond, 300*time.Millisecond
	r.run(hand{typed: echo})
	sim.BlackHole(2)
	if _, err := sim.WaitCalls(soon(t), "apps.connections.open", 5); err != nil {
		t.Fatal(err)
	}
	if err := sim.WaitConnected(soon(t), 2); err != nil {
		t.Fatal(err)
	}
	r.askOn("hello")
}

func TestAConnectionWithoutHelloIsLeft(t *testing.T) {
	w := newRaw(t)
	r := w.connect()
	r.s.times.handshake = 50 * time.Millisecond
	r.start(hand{})
	silent := w.next()
	second := w.next()
	if r.s.Connected() != 0 {
		t.Error("it counts as connected")
	}
	w.greet(second)
	_ = silent.SetReadDeadline(time.Now().Add(patience))
	if _, _, err := silent.ReadMessage(); err == nil {
		t.Error("the silent one stays open")
	}
}

// The ack goes over the connection that its envelope came from. If that has gone, the answer still
// comes, by response_url.
func TestAnAckIsNotSentOverAnotherConnection(t *testing.T) {
	w := newRaw(t)
	r := w.connect()
	hold := make(chan struct{})
	r.start(hand{typed: func(context.Context, bot.Typed) bot.Answer {
		<-hold
		return bot.Words{Text: "Late but here."}
	}})
	first := w.next()
	w.greet(first)
	frame := slashFrame("E1", "T1")
	w.send(first, strings.Replace(frame, `"user_id"`, `"response_url":"`+w.srv.URL+`/respond","user_id"`, 1))
	_ = first.Close()
	next := w.next()
	w.greet(next)
	close(hold)
	select {
	case body := <-w.posts:
		if !strings.Contains(body, "Late but here.") || !strings.Contains(body, `"ephemeral"`) {
			t.Errorf("the answer is %s", body)
		}
	case <-soon(t).Done():
		t.Fatal("no answer")
	}
	w.send(next, slashFrame("E2", "T1"))
	if id, _ := w.ack(next); id != "E2" {
		t.Errorf("the next connection carried the ack of %s", id)
	}
	if !strings.Contains(r.log.String(), `msg="a slack ack was lost" envelope=E1`) {
		t.Errorf("the log does not report it: %s", r.log)
	}
	if strings.Contains(r.log.String(), "/respond") {
		t.Errorf("the log holds a response_url: %s", r.log)
	}
}

func TestOddFramesDoNoHarm(t *testing.T) {
	w := newRaw(t)
	r := w.connect()
	r.start(hand{typed: echo})
	c := w.next()
	w.greet(c)
	for _, odd := range []string{
		`{`, `[]`, `null`, `{"type":"hello"}`, `{"type":"some_news"}`,
		`{"type":"hello","connection_info":{"app_id":"A1"}}`,
	} {
		w.send(c, odd)
	}
	for i, odd := range []string{
		`{"type":"new_kind","envelope_id":"0","payload":{}}`,
		`{"type":"slash_commands","envelope_id":"1","payload":"text"}`,
		`{"type":"slash_commands","envelope_id":"2","payload":{}}`,
		`{"type":"interactive","envelope_id":"3","payload":[]}`,
		`{"type":"interactive","envelope_id":"4","payload":{"type":"shortcut","user":{"id":"U1"}}}`,
		`{"type":"interactive","envelope_id":"5","payload":{"type":"view_submission","user":{"id":"U1"},"view":7}}`,
		`{"type":"interactive","envelope_id":"6","payload":{"type":"block_actions","user":{"id":"U1"},"team":{"id":"T1"},"actions":[]}}`,
		`{"type":"events_api","envelope_id":"7","payload":[]}`,
		`{"type":"events_api","envelope_id":"8","payload":{"type":"app_rate_limited"}}`,
	} {
		w.send(c, odd)
		if id, _ := w.ack(c); id != fmt.Sprint(i) {
			t.Errorf("%s: got the ack of %s", odd, id)
		}
	}
	w.send(c, slashFrame("last", "T1"))
	if id, payload := w.ack(c); id != "last" || !strings.Contains(payload, "Heard") {
		t.Errorf("afterwards: %s %s", id, payload)
	}
	if r.s.Connected() != 1 {
		t.Errorf("%d connections are counted", r.s.Connected())
	}
}

func TestAnAddressOfAnotherKindIsNotOpened(t *testing.T) {
	for _, address := range []string{"", "http://127.0.0.1:1/", "ws://slack.example/link", "wss://", "::"} {
		w := newRaw(t)
		w.answer("apps.connections.open", `{"ok":true,"url":"`+address+`"}`)
		_, err := w.connect().s.Check(soon(t))
		if err == nil || !strings.Contains(err.Error(), "not a wss address") || address != "" && strings.Contains(err.Error(), address) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// When Run is to end while a connection is being opened, that one stays until all is acknowledged, as the
// others do: Slack may have sent something on it already.
func TestTheEndDoesNotCutAConnectionThatIsOpening(t *testing.T) {
	w := newRaw(t)
	r := w.connect(func(c *Config) { c.Connections = 2 })
	begun, hold := make(chan struct{}), make(chan struct{})
	stop, _ := r.start(hand{typed: func(ctx context.Context, line bot.Typed) bot.Answer {
		close(begun)
		<-hold
		return echo(ctx, line)
	}})
	first, opening := w.next(), w.next()
	w.greet(first)
	w.send(first, slashFrame("E1", "T1"))
	<-begun
	done := make(chan error)
	go func() { done <- stop() }()
	_ = opening.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if _, _, err := opening.ReadMessage(); err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("it was cut: %v", err)
	}
	close(hold)
	if id, _ := w.ack(first); id != "E1" {
		t.Errorf("the ack of %s", id)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
