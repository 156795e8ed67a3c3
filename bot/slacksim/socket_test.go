package slacksim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack/socketmode"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// wire is a socket without slack-go, for what that client hides.
type wire struct {
	*websocket.Conn
	t *testing.T
}

func (w *world) dial(t *testing.T) *wire {
	t.Helper()
	_, address, err := w.api.StartSocketModeContext(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := websocket.DefaultDialer.DialContext(w.ctx, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &wire{c, t}
}

func (c *wire) next() map[string]any {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	var v map[string]any
	if err := c.ReadJSON(&v); err != nil {
		c.t.Fatal(err)
	}
	return v
}

func (c *wire) ack(v map[string]any, payload any) {
	c.t.Helper()
	if err := c.WriteJSON(map[string]any{"envelope_id": v["envelope_id"], "payload": payload}); err != nil {
		c.t.Fatal(err)
	}
}

func slash(t *testing.T, w *world) *slacksim.Turn {
	t.Helper()
	turn, err := w.Slash(w.ctx, alice, general, "/bmcmd", "help")
	if err != nil || turn.At.IsZero() {
		t.Fatal(turn, err)
	}
	return turn
}

func outcome(t *testing.T, w *world, turn *slacksim.Turn) slacksim.Ack {
	t.Helper()
	ack, err := turn.Wait(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	return ack
}

func TestHelloAndTicket(t *testing.T) {
	w := newWorld(t, slacksim.Config{})
	_, address, err := w.api.StartSocketModeContext(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := websocket.DefaultDialer.DialContext(w.ctx, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	h := (&wire{c, t}).next()
	info, _ := h["connection_info"].(map[string]any)
	debug, _ := h["debug_info"].(map[string]any)
	if h["type"] != "hello" || h["num_connections"] != 1.0 || info["app_id"] != "A0SIM" || debug["approximate_connection_time"] == nil {
		t.Errorf("hello: %v", h)
	}
	if _, resp, err := websocket.DefaultDialer.DialContext(w.ctx, address, nil); err == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("an address opens one socket: %v", err)
	}
}

func TestEachPayloadToOneConnection(t *testing.T) {
	for _, seed := range []uint64{0, 7} {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newWorld(t, slacksim.Config{Seed: seed})
			var mu sync.Mutex
			seen, by := map[string]int{}, map[*socketmode.Client]int{}
			w.connect(t, 3, func(c *socketmode.Client, e socketmode.Event) {
				mu.Lock()
				seen[e.Request.EnvelopeID]++
				by[c]++
				mu.Unlock()
				_ = c.Ack(*e.Request)
			})
			for range 60 {
				if a := outcome(t, w, slash(t, w)); a.Failed != "" {
					t.Fatalf("%+v", a)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for id, n := range seen {
				if n != 1 {
					t.Errorf("%s arrived %d times", id, n)
				}
			}
			if len(seen) != 60 || len(by) != 3 {
				t.Errorf("%d payloads on %d connections", len(seen), len(by))
			}
		})
	}
}

func TestTooManyConnections(t *testing.T) {
	w := newWorld(t, slacksim.Config{})
	for range 10 {
		w.dial(t).next()
	}
	if v := w.dial(t).next(); v["type"] != "disconnect" || v["reason"] != "too_many_websockets" {
		t.Errorf("the eleventh: %v", v)
	}
	if n := w.Connections(); n != 10 {
		t.Errorf("%d connections", n)
	}
}

func TestDisconnectReasons(t *testing.T) {
	for _, reason := range []string{slacksim.ReasonWarning, slacksim.ReasonRefresh, slacksim.ReasonLinkDisabled} {
		w := newWorld(t, slacksim.Config{Grace: 20 * time.Millisecond})
		c := w.dial(t)
		c.next()
		w.Disconnect(reason)
		if v := c.next(); v["type"] != "disconnect" || v["reason"] != reason {
			t.Errorf("%s: %v", reason, v)
		}
		if _, _, err := c.ReadMessage(); err == nil {
			t.Errorf("%s: the socket is still open", reason)
		}
	}
}

func TestReconnect(t *testing.T) {
	w := newWorld(t, slacksim.Config{AckWithin: time.Second}) // of what goes to the old socket
	w.connect(t, 1, func(c *socketmode.Client, e socketmode.Event) { _ = c.Ack(*e.Request) })
	for _, cut := range []func(){func() { w.Disconnect(slacksim.ReasonRefresh) }, w.DropConnections} {
		opened := w.CallCount("apps.connections.open")
		cut()
		if _, err := w.WaitCalls(w.ctx, "apps.connections.open", opened+1); err != nil {
			t.Fatal("slack-go did not connect again")
		}
		for outcome(t, w, slash(t, w)).Failed != "" { // until the new socket is there
			if w.ctx.Err() != nil {
				t.Fatal("no command came through again")
			}
		}
	}
	w.SwitchSocketMode(false)
	if _, _, err := w.api.StartSocketModeContext(w.ctx); err == nil {
		t.Error("Socket Mode is off")
	}
}

func TestWebSocketPings(t *testing.T) {
	w := newWorld(t, slacksim.Config{PingEvery: 5 * time.Millisecond})
	c := w.dial(t)
	pings := make(chan struct{}, 100)
	c.SetPingHandler(func(string) error { pings <- struct{}{}; return nil })
	go func() { _, _, _ = c.ReadMessage(); _, _, _ = c.ReadMessage() }()
	for range 3 {
		select {
		case <-pings:
		case <-w.ctx.Done():
			t.Fatal("no pings")
		}
	}
}

func TestOutage(t *testing.T) {
	w := newWorld(t, slacksim.Config{})
	c := w.dial(t)
	c.next()
	w.Outage(true)
	if _, _, err := c.ReadMessage(); err == nil {
		t.Error("the socket is still open")
	}
	if _, err := w.say("x"); err == nil {
		t.Error("a call was answered")
	}
	w.Outage(false)
	if _, err := w.say("x"); err != nil {
		t.Errorf("it is over: %v", err)
	}
}

func TestTrafficHoldsEverythingButTokens(t *testing.T) {
	w := newWorld(t, slacksim.Config{BotToken: "xoxb-sim-canary-bot", AppToken: "xapp-sim-canary-app"})
	w.connect(t, 1, func(c *socketmode.Client, e socketmode.Event) {
		_ = c.Ack(*e.Request, map[string]string{"text": "in-a-frame"})
	})
	outcome(t, w, slash(t, w))
	if _, err := w.say("in-a-form"); err != nil {
		t.Fatal(err)
	}
	_, _ = w.api.OpenView("1.2.3", reasonModal("in-json"))
	traffic := string(w.Traffic())
	for _, s := range []string{"in-a-frame", "in-a-form", "in-json"} {
		if !strings.Contains(traffic, s) {
			t.Errorf("%s is missing", s)
		}
	}
	calls, _ := json.Marshal(w.Calls())
	for _, s := range []string{"canary-bot", "canary-app"} {
		if strings.Contains(traffic, s) || strings.Contains(string(calls), s) {
			t.Errorf("the token %s was recorded", s)
		}
	}
	if _, err := w.say("leaked: xoxb-sim-canary-bot"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(w.Traffic()), "canary-bot") {
		t.Error("a token in a message is a leak and has to be found")
	}
}
