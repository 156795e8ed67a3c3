package slacksim

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// socket is one open connection of the bot.
type socket struct {
	ws      *websocket.Conn
	out     *feed[[]byte] // frames; nil closes the socket
	done    chan struct{}
	once    sync.Once
	told    bool // that it ends; guarded by sockets.mu
	retired bool // gets no payloads; guarded by sockets.mu
	black   bool // takes payloads and swallows them; guarded by sockets.mu
}

func (c *socket) close() {
	c.once.Do(func() {
		close(c.done)
		_ = c.ws.NetConn().Close() // no close frame: a cut line
	})
}

type sockets struct {
	mu        sync.Mutex
	open      []*socket
	tickets   map[string]bool
	turn      int
	rng       *rand.Rand
	disabled  bool
	changed   chan struct{} // closed and replaced when open changes, or what may be sent on one
	reach     meterReach
	envelopes map[string]*envelope
}

func (k *sockets) init(seed uint64) {
	k.tickets = make(map[string]bool)
	k.changed = make(chan struct{})
	k.envelopes = make(map[string]*envelope)
	if seed != 0 {
		k.rng = rand.New(rand.NewPCG(seed, seed))
	}
}

func (s *Slack) connectionsOpen(*call) (any, *refusal) {
	ticket := newID("")
	s.sockets.mu.Lock()
	defer s.sockets.mu.Unlock()
	if s.sockets.disabled {
		return nil, refuse("forbidden_team") // what Slack says here is not documented; see SwitchSocketMode
	}
	s.sockets.tickets[ticket] = true
	address := "ws" + strings.TrimPrefix(s.origin, "http") + "/link?ticket=" + ticket + "&app_id=" + s.cfg.AppID
	return fields{"ok": true, "url": address}, nil
}

var upgrader = websocket.Upgrader{
	WriteBufferSize: 32 << 10,
	CheckOrigin:     func(*http.Request) bool { return true }, // slack-go says https://api.slack.com
}

func (s *Slack) serveSocket(w http.ResponseWriter, r *http.Request) {
	ticket := r.URL.Query().Get("ticket")
	s.sockets.mu.Lock()
	good := s.sockets.tickets[ticket]
	delete(s.sockets.tickets, ticket) // an address opens one socket
	s.sockets.mu.Unlock()
	if fault, hit := s.faults.take(socketFault); hit && !s.misbehave(w, r, fault) {
		return
	}
	if !good {
		http.Error(w, "the address was used or is unknown; call apps.connections.open again", http.StatusForbidden)
		return
	}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	c := &socket{ws: ws, out: newFeed[[]byte](), done: make(chan struct{})}
	if !s.sockets.admit(c, s.cfg.AppID, s.cfg.MaxSockets) {
		_ = ws.WriteJSON(disconnectNotice("too_many_websockets"))
		c.close()
		return
	}
	select {
	case <-s.done: // closeAll may have missed it
		c.close()
	default:
	}
	s.spawn(func() { s.writeSocket(c) })
	s.readSocket(c)
}

// admit takes a socket among the open ones, with hello as its first frame, if there is room.
func (k *sockets) admit(c *socket, appID string, most int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.open) >= most {
		return false
	}
	c.out.put(hello(len(k.open)+1, appID))
	k.open = append(k.open, c)
	k.reachedLocked()
	return true
}

func hello(n int, appID string) []byte {
	b, _ := json.Marshal(fields{
		"type": "hello", "num_connections": n, "connection_info": fields{"app_id": appID},
		"debug_info": fields{"host": "applink-sim", "build_number": 1, "approximate_connection_time": 18060},
	})
	return b
}

func disconnectNotice(reason string) fields {
	return fields{"type": "disconnect", "reason": reason, "debug_info": fields{"host": "applink-sim"}}
}

// writeSocket is the only writer of frames; a ping goes out first and then every Config.PingEvery.
func (s *Slack) writeSocket(c *socket) {
	ping := time.NewTicker(s.cfg.PingEvery)
	defer ping.Stop()
	_ = c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
	for {
		select {
		case <-c.done:
			return
		case <-ping.C:
			if !s.sockets.isBlack(c) {
				_ = c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
			}
		case <-c.out.wake:
			for _, b := range c.out.take() {
				if s.sockets.isBlack(c) {
					continue
				}
				if b == nil || c.ws.WriteMessage(websocket.TextMessage, b) != nil {
					c.close()
					return
				}
			}
		}
	}
}

func (s *Slack) readSocket(c *socket) {
	defer s.forget(c)
	c.ws.SetPongHandler(func(string) error { return nil })
	for {
		_, b, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		if s.sockets.isBlack(c) {
			continue
		}
		s.traffic.frame(b)
		s.acked(b)
	}
}

func (s *Slack) forget(c *socket) {
	c.close()
	s.sockets.mu.Lock()
	defer s.sockets.mu.Unlock()
	for i, o := range s.sockets.open {
		if o == c {
			s.sockets.open = append(s.sockets.open[:i:i], s.sockets.open[i+1:]...)
			s.sockets.reachedLocked()
			return
		}
	}
}

func (k *sockets) isBlack(c *socket) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return c.black
}

// pick chooses the socket for a payload, another one than not if there is another. Nil: none open.
func (k *sockets) pick(not *socket) *socket {
	var fit []*socket
	for _, c := range k.open {
		if !c.retired && c != not {
			fit = append(fit, c)
		}
	}
	switch {
	case len(fit) == 0 && not != nil:
		return k.pick(nil)
	case len(fit) == 0:
		return nil
	case k.rng != nil:
		return fit[k.rng.IntN(len(fit))]
	}
	k.turn++
	return fit[k.turn%len(fit)]
}

func (k *sockets) list() []*socket {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]*socket(nil), k.open...)
}

func (k *sockets) closeAll() {
	for _, c := range k.list() {
		c.close()
	}
}
