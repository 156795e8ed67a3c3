package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// admin speaks to a simulator's own port.
type admin struct {
	t    testing.TB
	base string
}

func (a admin) get(path string) []byte {
	a.t.Helper()
	resp, err := http.Get(a.base + path)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	body := read(a.t, resp.Body)
	if resp.StatusCode != http.StatusOK {
		a.t.Fatalf("GET %s: %s: %s", path, resp.Status, body)
	}
	return body
}

// post sends JSON, a text or what becomes one.
func (a admin) post(path string, body any) []byte {
	a.t.Helper()
	text, ok := body.(string)
	if !ok {
		b, err := json.Marshal(body)
		if err != nil {
			a.t.Fatal(err)
		}
		text = string(b)
	}
	resp, err := http.Post(a.base+path, "application/json", strings.NewReader(text))
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer := read(a.t, resp.Body)
	if resp.StatusCode != http.StatusOK {
		a.t.Fatalf("POST %s %s: %s: %s", path, text, resp.Status, answer)
	}
	return answer
}

func fetch[T any](a admin, path string) (v T) {
	a.t.Helper()
	if err := json.Unmarshal(a.get(path), &v); err != nil {
		a.t.Fatalf("%s: %v", path, err)
	}
	return v
}

const (
	alice, bob, carol, dave = "U0ALICE", "U0BOB", "U0CAROL", "U0DAVE"
	incident                = "C0INCIDENT"
)

const workspace = `{
	"people": [{"id": "U0ALICE", "name": "alice"}, {"id": "U0BOB", "name": "bob"}, {"id": "U0CAROL", "name": "carol"}, {"id": "U0DAVE", "name": "dave"}],
	"groups": [{"id": "S0ONCALL", "handle": "oncall", "members": ["U0ALICE", "U0BOB", "U0CAROL"]},
		{"id": "S0LEADS", "handle": "leads", "members": ["U0ALICE", "U0BOB", "U0CAROL"]}],
	"channels": [{"id": "C0INCIDENT", "name": "incident", "members": ["U0ALICE", "U0BOB", "U0CAROL", "U0DAVE", "U0BOT"]}]}`

// slackDriver is everybody in the workspace.
type slackDriver struct {
	admin
	api      string
	envelope string // of the last thing that somebody did
}

func startSlack(t testing.TB, w *world, args ...string) *slackDriver {
	t.Helper()
	p := start(t, program(t, "slacksimd"), append([]string{
		"-bot-token", w.secrets["bot_token"], "-app-token", w.secrets["app_token"],
		"-world", write(t, filepath.Join(t.TempDir(), "world.json"), workspace),
	}, args...)...)
	return &slackDriver{admin: admin{t: t, base: p.line("admin ")}, api: p.line("api ")}
}

// connected waits until n sockets are open.
func (s *slackDriver) connected(n int) {
	s.t.Helper()
	until(s.t, fmt.Sprintf("%d connections to Slack", n), func() (string, bool) {
		got := fetch[map[string]int](s.admin, "connections")
		return fmt.Sprint(got), got["connections"] == n
	})
}

type object = map[string]any

// act does something and waits for its ack. It returns what the ack says.
func (s *slackDriver) act(verb string, body object) string {
	s.t.Helper()
	var out struct {
		Turn *slacksim.Turn
		Ack  *struct {
			Payload json.RawMessage
			Failed  string
		}
	}
	if err := json.Unmarshal(s.post(verb, body), &out); err != nil {
		s.t.Fatal(err)
	}
	if out.Turn != nil {
		s.envelope = out.Turn.EnvelopeID
	}
	if out.Ack == nil || out.Ack.Failed != "" {
		s.t.Fatalf("%s %v: no good ack: %+v", verb, body, out.Ack)
	}
	return string(out.Ack.Payload)
}

// types types a line after the slash command.
func (s *slackDriver) types(who, text string) {
	s.t.Helper()
	s.act("slash", object{"user": who, "channel": incident, "command": "/bmcmd", "text": text})
}

// presses presses a button of the newest card.
func (s *slackDriver) presses(who, button string) {
	s.t.Helper()
	s.act("click", object{"user": who, "channel": incident, "ts": s.card().TS, "button": button})
}

// denies presses Deny and fills the form in.
func (s *slackDriver) denies(who, reason string) {
	s.t.Helper()
	s.presses(who, "Deny")
	var view string
	until(s.t, "the deny form", func() (string, bool) {
		views := fetch[[]slacksim.View](s.admin, "views?user="+who)
		if len(views) > 0 {
			view = views[len(views)-1].ID
		}
		return "", view != ""
	})
	s.act("submit", object{"user": who, "view": view, "values": object{"reason": reason}})
}

func (s *slackDriver) messages() []slacksim.Message {
	s.t.Helper()
	return fetch[[]slacksim.Message](s.admin, "messages?channel="+incident)
}

// cards are the messages that have or had an Approve button, oldest first.
func (s *slackDriver) cards() (out []slacksim.Message) {
	s.t.Helper()
	for _, m := range s.messages() {
		versions := []slacksim.Message{m}
		for _, v := range m.History {
			versions = append(versions, slacksim.Message{Blocks: v.Blocks})
		}
		if slices.ContainsFunc(versions, func(m slacksim.Message) bool { return slices.Contains(m.Buttons(), "Approve") }) {
			out = append(out, m)
		}
	}
	return out
}

// card is the newest one.
func (s *slackDriver) card() slacksim.Message {
	s.t.Helper()
	all := s.cards()
	if len(all) == 0 {
		s.t.Fatal("there is no card")
	}
	return all[len(all)-1]
}

// awaitCards waits until there are n cards.
func (s *slackDriver) awaitCards(n int) {
	s.t.Helper()
	until(s.t, fmt.Sprintf("%d cards", n), func() (string, bool) {
		got := len(s.cards())
		return fmt.Sprint(got), got >= n
	})
}

// cardSays waits until the newest card holds all of the texts.
func (s *slackDriver) cardSays(texts ...string) {
	s.t.Helper()
	s.holds("the card", texts, func() string { return slacksim.Render(s.card()) })
}

// thread is what the bot wrote under the newest card.
func (s *slackDriver) thread() string {
	s.t.Helper()
	root := s.card().TS
	var b strings.Builder
	for _, m := range s.messages() {
		if m.ReplyTo == root {
			fmt.Fprintln(&b, slacksim.Render(m))
		}
	}
	return b.String()
}

// threadSays waits until the newest card's thread holds all of the texts.
func (s *slackDriver) threadSays(texts ...string) {
	s.t.Helper()
	s.holds("the thread", texts, s.thread)
}

// sees waits until somebody was shown all of the texts alone.
func (s *slackDriver) sees(who string, texts ...string) {
	s.t.Helper()
	s.holds("what "+who+" sees", texts, func() string {
		var b strings.Builder
		for _, e := range fetch[[]slacksim.Ephemeral](s.admin, "ephemerals?user="+who) {
			fmt.Fprintln(&b, slacksim.Render(slacksim.Message{TS: e.TS, Text: e.Text, Blocks: e.Blocks}))
		}
		return b.String()
	})
}

func (s *slackDriver) holds(what string, texts []string, look func() string) {
	s.t.Helper()
	until(s.t, fmt.Sprintf("%s says %q", what, texts), func() (string, bool) {
		got := look()
		return got, !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(got, text) })
	})
}

// gate stands before a server of ours and can be shut: then its address refuses
// connections, as that of a stopped server does.
type gate struct {
	t    testing.TB
	addr string
	to   *url.URL

	mu    sync.Mutex
	srv   *http.Server
	asked []string // paths, in their order
}

func newGate(t testing.TB, to string) *gate {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{t: t, addr: "127.0.0.1:0", to: u}
	g.open()
	t.Cleanup(g.shut)
	return g
}

func (g *gate) url() string { return "http://" + g.addr }

func (g *gate) open() {
	g.t.Helper()
	ln, err := net.Listen("tcp", g.addr)
	if err != nil {
		g.t.Fatal(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.addr = ln.Addr().String()
	srv := &http.Server{Handler: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			g.mu.Lock()
			g.asked = append(g.asked, r.In.URL.Path)
			g.mu.Unlock()
			r.SetURL(g.to)
		},
	}}
	g.srv = srv
	go func() { _ = srv.Serve(ln) }() // ends with the gate
}

// wasAsked reports whether a path that ends so has come through.
func (g *gate) wasAsked(end string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(g.asked, func(p string) bool { return strings.HasSuffix(p, end) })
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	_ = g.srv.Close()
}

// traffic is every byte that bots sent to Slack.
func (s *slackDriver) traffic() string {
	s.t.Helper()
	return string(s.get("traffic"))
}
