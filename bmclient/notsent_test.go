package bmclient_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/bmclient"
)

// closedPort is a loopback address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// accept runs a TCP server that hands each connection to f and then closes it.
func accept(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			f(conn)
			conn.Close()
		}
	})
	t.Cleanup(func() { ln.Close(); serving.Wait() })
	return ln.Addr().String()
}

func readOneByte(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }

func TestNotSent(t *testing.T) {
	tlsServer := httptest.NewUnstartedServer(http.NotFoundHandler())
	tlsServer.Config.ErrorLog = new(buffer).plain()
	tlsServer.StartTLS()
	t.Cleanup(tlsServer.Close)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		why      string
		endpoint string
		ctx      context.Context
		want     bool
	}{
		{"nobody listens", "http://" + closedPort(t), t.Context(), true},
		{"nobody listens, TLS", "https://" + closedPort(t), t.Context(), true},
		{"the context had ended", "http://" + accept(t, readOneByte), cancelled, true},
		{"the certificate is refused: the handshake carries no byte of the request", tlsServer.URL, t.Context(), true},
		{"the other side does not speak TLS", "https://" + accept(t, func(c net.Conn) { _, _ = io.WriteString(c, "220 hello\r\n"); readOneByte(c) }), t.Context(), true},
		{"the handshake breaks", "https://" + accept(t, readOneByte), t.Context(), true},
		{"one byte was read", "http://" + accept(t, readOneByte), t.Context(), false},
		{"what comes back is not HTTP", "http://" + accept(t, func(c net.Conn) { readOneByte(c); _, _ = io.WriteString(c, "220 hello\r\n") }), t.Context(), false},
	}
	for i, tt := range append(tests, tests...) {
		t.Run(tt.why, func(t *testing.T) {
			c := newClient(t, tt.endpoint, func(c *bmclient.Config) {
				if i >= len(tests) {
					c.API, c.Region = bmclient.API3, "ap-beijing"
				}
			})
			_, err := c.Run(tt.ctx, runKey, order())
			var e *bmclient.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if got := errors.Is(err, bmclient.ErrNotSent); got != tt.want {
				t.Errorf("not sent: %v, want %v: %v", got, tt.want, err)
			}
			wantClass := bmclient.ClassUnknown
			if tt.want {
				wantClass = bmclient.ClassRefused
			}
			if e.Class != wantClass {
				t.Errorf("class %v, want %v", e.Class, wantClass)
			}
			if tt.ctx.Err() != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("the cause is lost: %v", err)
			}
			if strings.Contains(err.Error(), "index.php") || strings.Contains(err.Error(), "220") {
				t.Errorf("a URL or the other side's bytes are in %q", err)
			}
		})
	}
}

func TestHandshakeThatHangsIsNotSent(t *testing.T) {
	done := make(chan struct{})
	addr := accept(t, func(c net.Conn) { <-done })
	defer close(done)
	c := newClient(t, "https://"+addr, func(c *bmclient.Config) { c.RunTimeout = 300 * time.Millisecond })
	_, err := c.Run(t.Context(), runKey, order())
	if !errors.Is(err, bmclient.ErrNotSent) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestRefusedHere(t *testing.T) {
	tests := []struct {
		why   string
		alter func(*bmclient.Run, *bmclient.Key)
		is    error
		says  string
	}{
		{"a password with @", func(r *bmclient.Run, _ *bmclient.Key) { r.Password = word("@canary") }, bmclient.ErrBadPassword, `"@"`},
		{"a script with @", func(r *bmclient.Run, _ *bmclient.Key) { r.CmdID = "@x" }, nil, "cmdId"},
		{"a user with @", func(r *bmclient.Run, _ *bmclient.Key) { r.User = "@x" }, nil, "userName"},
		{"a host with @", func(r *bmclient.Run, _ *bmclient.Key) { r.Hosts = []string{"a", "@x"} }, nil, "instanceId.1"},
		{"a key with @", func(_ *bmclient.Run, k *bmclient.Key) { k.ID = "@x" }, nil, "SecretId"},
		{"a token with @", func(_ *bmclient.Run, k *bmclient.Key) { k.Token = word("@canary") }, nil, "Token"},
		{"no script", func(r *bmclient.Run, _ *bmclient.Key) { r.CmdID = "" }, nil, "script"},
		{"no hosts", func(r *bmclient.Run, _ *bmclient.Key) { r.Hosts = nil }, nil, "host"},
		{"a host without a name", func(r *bmclient.Run, _ *bmclient.Key) { r.Hosts = []string{""} }, nil, "host"},
		{"a host twice", func(r *bmclient.Run, _ *bmclient.Key) { r.Hosts = []string{"a", "b", "a"} }, nil, `"a" is named twice`},
		{"no user", func(r *bmclient.Run, _ *bmclient.Key) { r.User = "" }, nil, "user"},
		{"no password", func(r *bmclient.Run, _ *bmclient.Key) { r.Password = nil }, nil, "password"},
		{"an empty password", func(r *bmclient.Run, _ *bmclient.Key) { r.Password = word("") }, nil, "password"},
		{"no key id", func(_ *bmclient.Run, k *bmclient.Key) { k.ID = "" }, nil, "key"},
		{"no key secret", func(_ *bmclient.Run, k *bmclient.Key) { k.Secret = nil }, nil, "key"},
		{"an empty key secret", func(_ *bmclient.Run, k *bmclient.Key) { k.Secret = word("") }, nil, "key"},
	}
	api := startAPI(t)
	c := newClient(t, api.URL())
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			r, k := order(), runKey
			tt.alter(&r, &k)
			_, err := c.Run(t.Context(), k, r)
			var e *bmclient.Error
			if !errors.As(err, &e) || !errors.Is(err, bmclient.ErrNotSent) || e.Class != bmclient.ClassRefused {
				t.Fatalf("got %v", err)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%v is not %v", err, tt.is)
			}
			if !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "canary") {
				t.Errorf("%q does not say %q, or says a secret", err, tt.says)
			}
		})
	}
	if n := api.Count("RunUserCmd"); n != 0 {
		t.Errorf("%d arrived", n)
	}
}

// What the "@" of 2.0 is to it, bytes that JSON cannot carry are to 3.0, and a key that no header can.
func TestRefusedHere3(t *testing.T) {
	tests := []struct {
		why   string
		alter func(*bmclient.Run, *bmclient.Key)
		says  string // "" for sent
	}{
		{"a password with @", func(r *bmclient.Run, _ *bmclient.Key) { r.Password = word("@x") }, ""},
		{"a password that is not UTF-8", func(r *bmclient.Run, _ *bmclient.Key) { r.Password = word("canary\xff") }, "Password is not UTF-8"},
		{"a script that is not UTF-8", func(r *bmclient.Run, _ *bmclient.Key) { r.CmdID = "canary\xff" }, "CmdId is not UTF-8"},
		{"a user that is not UTF-8", func(r *bmclient.Run, _ *bmclient.Key) { r.User = "canary\xff" }, "UserName is not UTF-8"},
		{"a host that is not UTF-8", func(r *bmclient.Run, _ *bmclient.Key) { r.Hosts = []string{"canary\xff"} }, "host's name is not UTF-8"},
		{"parameters of any bytes", func(r *bmclient.Run, _ *bmclient.Key) { r.Parameters = []byte{0xff} }, ""},
		{"no hosts", func(r *bmclient.Run, _ *bmclient.Key) { r.Hosts = nil }, "host"},
		{"an empty password", func(r *bmclient.Run, _ *bmclient.Key) { r.Password = word("") }, "password"},
		{"no key id", func(_ *bmclient.Run, k *bmclient.Key) { k.ID = "" }, "key"},
		{"an empty key secret", func(_ *bmclient.Run, k *bmclient.Key) { k.Secret = word("") }, "key"},
		{"a key id with a line break", func(_ *bmclient.Run, k *bmclient.Key) { k.ID = "canary\n" }, "no HTTP header"},
		{"a token with a line break", func(_ *bmclient.Run, k *bmclient.Key) { k.Token = word("canary\r\nX: y") }, "no HTTP header"},
	}
	api := startAPI(t)
	c := newClient(t, "", on3(api))
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			r, k := order(), runKey
			tt.alter(&r, &k)
			before := api.Count("RunUserCmd")
			_, err := c.Run(t.Context(), k, r)
			if sent := api.Count("RunUserCmd") > before; sent != (tt.says == "") || errors.Is(err, bmclient.ErrNotSent) == sent {
				t.Errorf("sent %v: %v", sent, err)
			}
			if err != nil && (!strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "canary")) {
				t.Errorf("%q does not say %q, or says a secret", err, tt.says)
			}
		})
	}
}

// However a run is interrupted, "nothing was sent" is never said of one that arrives, not even later.
func TestNotSentIsTrueForEver(t *testing.T) {
	api := startAPI(t)
	var nonce atomic.Uint64
	c := newClient(t, api.URL(), func(c *bmclient.Config) { c.Nonce = func() uint64 { return nonce.Add(1) } })
	notSent := map[string]bool{}
	for range 300 {
		ctx, cancel := context.WithTimeout(t.Context(), rand.N(1500*time.Microsecond))
		_, err := c.Run(ctx, runKey, order())
		cancel()
		if errors.Is(err, bmclient.ErrNotSent) {
			notSent[strconv.FormatUint(nonce.Load(), 10)] = true
		}
	}
	api.Close()
	for _, call := range api.Calls() {
		if notSent[call.Params["Nonce"]] {
			t.Errorf("run %s was said not to be sent, and arrived", call.Params["Nonce"])
		}
	}
	t.Logf("%d of 300 were not sent, %d arrived", len(notSent), api.Count("RunUserCmd"))
}

// The same for 3.0, whose requests have no nonce: the script's id tells them apart.
func TestNotSentIsTrueForEver3(t *testing.T) {
	api := startAPI(t)
	c := newClient(t, "", on3(api))
	notSent := map[string]bool{}
	for i := range 300 {
		r := order()
		r.CmdID = "cmd-" + strconv.Itoa(i)
		ctx, cancel := context.WithTimeout(t.Context(), rand.N(2500*time.Microsecond))
		_, err := c.Run(ctx, runKey, r)
		cancel()
		if errors.Is(err, bmclient.ErrNotSent) {
			notSent[r.CmdID] = true
		}
	}
	api.Close()
	for _, call := range api.Calls() {
		if notSent[call.Params["CmdId"]] {
			t.Errorf("run of %s was said not to be sent, and arrived", call.Params["CmdId"])
		}
	}
	t.Logf("%d of 300 were not sent, %d arrived", len(notSent), api.Count("RunUserCmd"))
}
