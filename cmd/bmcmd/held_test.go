package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// held keeps the API's answer to a run back until it is released: however slow the
// machine is, what a test does in between is done while the answer is awaited.
type held struct {
	t        testing.TB
	answered chan struct{} // holds one once the API has carried a run out
	let      chan struct{} // closed once answers may go on
	release  func()
}

// newHeld makes a world whose bots reach the API through a held.
func newHeld(t testing.TB) (*scene, *held) {
	t.Helper()
	h := &held{t: t, answered: make(chan struct{}, 1), let: make(chan struct{})}
	h.release = sync.OnceFunc(func() { close(h.let) })
	return newWorld(t, settings{Settings: world.Settings{Config: h.before}}), h
}

// before has a config name h in place of the cloud that it stands before.
func (h *held) before(w *world.World, text string) string {
	cloud, err := url.Parse(w.Cloud.API)
	if err != nil {
		h.t.Fatal(err)
	}
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: cloud.Scheme, Host: cloud.Host})
		r.Out.Host = r.In.Host // it is signed
	}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if err == nil && bytes.Contains(body, []byte("Action=RunUserCmd")) {
			h.hold(w, r, pass)
			return
		}
		pass.ServeHTTP(w, r)
	}))
	h.t.Cleanup(s.Close)
	h.t.Cleanup(h.release) // first: Close waits for what is held
	return strings.Replace(text, w.Cloud.API, s.URL+cloud.Path, 1)
}

func (h *held) hold(w http.ResponseWriter, r *http.Request, pass http.Handler) {
	answer := httptest.NewRecorder()
	pass.ServeHTTP(answer, r)
	h.answered <- struct{}{}
	<-h.let
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// await waits until the API has carried a run out and its answer is held.
func (h *held) await() {
	h.t.Helper()
	select {
	case <-h.answered:
	case <-time.After(patience):
		h.t.Fatal("no run has reached the API")
	}
}
