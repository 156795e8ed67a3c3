package slackio

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// raw is as much of a Slack as a socket needs, for what slacksim would never send.
type raw struct {
	t       testing.TB
	srv     *httptest.Server
	conns   chan *websocket.Conn // each new socket, before anything was sent on it
	mu      sync.Mutex
	answers map[string]string // by method
	posts   chan string       // bodies sent to /respond
}

func newRaw(t testing.TB) *raw {
	w := &raw{t: t, conns: make(chan *websocket.Conn, 16), posts: make(chan string, 16)}
	w.srv = httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.srv.Close)
	w.answers = map[string]string{
		"auth.test":             `{"ok":true,"team":"ops","team_id":"T1","user_id":"U0BOT","bot_id":"B1"}`,
		"bots.info":             `{"ok":true,"bot":{"id":"B1","app_id":"A1","name":"bmcmd"}}`,
		"apps.connections.open": `{"ok":true,"url":"ws` + strings.TrimPrefix(w.srv.URL, "http") + `/link?ticket=TICKET"}`,
	}
	return w
}

func (w *raw) serve(rw http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/link":
		conn, err := (&websocket.Upgrader{}).Upgrade(rw, r, nil)
		if err == nil {
			w.conns <- conn
		}
	case "/respond":
		b, _ := io.ReadAll(r.Body)
		w.posts <- string(b)
	default:
		w.mu.Lock()
		said := w.answers[strings.TrimPrefix(r.URL.Path, "/api/")]
		w.mu.Unlock()
		if strings.HasPrefix(said, "{") {
			rw.Header().Set("Content-Type", "application/json")
		}
		_, _ = rw.Write([]byte(said))
	}
}

func (w *raw) answer(method, said string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[method] = said
}

// next is the next socket that is opened; it is closed when the test ends.
func (w *raw) next() *websocket.Conn {
	w.t.Helper()
	select {
	case c := <-w.conns:
		w.t.Cleanup(func() { _ = c.Close() })
		return c
	case <-time.After(patience):
		w.t.Fatal("no socket was opened")
		return nil
	}
}

func (w *raw) greet(c *websocket.Conn) {
	w.send(c, `{"type":"hello","num_connections":1,"connection_info":{"app_id":"A1"}}`)
}

// refuse is what Slack does where an app has all the connections that it may have.
func (w *raw) refuse(c *websocket.Conn) {
	w.send(c, `{"type":"disconnect","reason":"too_many_websockets"}`)
	_ = c.Close()
}

func (w *raw) send(c *websocket.Conn, text string) {
	w.t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		w.t.Fatal(err)
	}
}

// ack reads the next ack.
func (w *raw) ack(c *websocket.Conn) (id, payload string) {
	w.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_, b, err := c.ReadMessage()
	if err != nil {
		w.t.Fatalf("no ack: %v", err)
	}
	var a struct {
		EnvelopeID string          `json:"envelope_id"`
		Payload    json.RawMessage `json:"payload"`
	}
	if err := json.Unmarshal(b, &a); err != nil {
		w.t.Fatal(err)
	}
	return a.EnvelopeID, string(a.Payload)
}

// connect makes ours, with one connection and short waits.
func (w *raw) connect(change ...func(*Config)) *rig {
	log := &logged{}
	c := Config{
		BotToken: secret(slacksim.DefaultBotToken), AppToken: secret(slacksim.DefaultAppToken), APIURL: w.srv.URL + "/api",
		Connections: 1, Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&c)
	}
	s, err := New(c)
	if err != nil {
		w.t.Fatal(err)
	}
	quicken(s, c)
	w.t.Cleanup(s.http.CloseIdleConnections)
	return &rig{s: s, log: log, t: w.t}
}
