package world

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Gate stands before a server of ours and can be shut: then its address refuses
// connections, as that of a stopped server does.
type Gate struct {
	t    T
	addr string
	to   *url.URL

	mu    sync.Mutex
	srv   *http.Server
	asked []string // paths, in their order
}

// NewGate opens one before the server at a URL, for as long as the test lasts.
func NewGate(t T, to string) *Gate {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatalf("%v", err)
	}
	g := &Gate{t: t, addr: FreeAddress(t), to: u}
	g.Open()
	t.Cleanup(g.Shut)
	return g
}

// URL is its address.
func (g *Gate) URL() string { return "http://" + g.addr }

// Open listens, at the same address as before.
func (g *Gate) Open() {
	g.t.Helper()
	ln, err := net.Listen("tcp", g.addr)
	if err != nil {
		g.t.Fatalf("%v", err)
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

// WasAsked reports whether a path that ends so has come through.
func (g *Gate) WasAsked(end string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(g.asked, func(p string) bool { return strings.HasSuffix(p, end) })
}

// Shut cuts what is under way, and refuses connections.
func (g *Gate) Shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	_ = g.srv.Close()
}
