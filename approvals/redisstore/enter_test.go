package redisstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// Each way not to be let in is named with the setting that is wrong, and never by
// something that comes later.
func TestEnter(t *testing.T) {
	password := func(p string) func(*Connection) {
		return func(c *Connection) {
			c.Password = func(context.Context) (string, error) { return p, nil }
		}
	}
	user := func(c *Connection) { password("hunter2-canary")(c); c.User = "bmcmd" }
	db := func(n int) func(*Connection) { return func(c *Connection) { c.DB = n } }
	web := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	trusted := x509.NewCertPool()
	trusted.AddCert(web.Certificate())
	encrypted := func(c *Connection) {
		c.Addresses, c.TLS = []string{web.Listener.Addr().String()}, &tls.Config{ServerName: "example.com", RootCAs: trusted}
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	tests := []struct {
		why     string
		server  []string
		acl     string
		connect []func(*Connection)
		says    string // "": let in
	}{
		{why: "no password is asked for"},
		{why: "the right one", server: []string{"--requirepass", "hunter2-canary"}, connect: []func(*Connection){password("hunter2-canary")}},
		{"a wrong one", []string{"--requirepass", "x"}, "", []func(*Connection){password("hunter2-canary")}, "WRONGPASS"},
		{"none", []string{"--requirepass", "x"}, "", nil, "it wants a password (NOAUTH): set redis.password"},
		{"a user that Redis does not know", nil, "", []func(*Connection){user}, "correct redis.username"},
		{"a user that is switched off", nil, "off >hunter2-canary +@all ~*", []func(*Connection){user}, "correct redis.username"},
		{"a user without any right", nil, "on >hunter2-canary -@all ~*", []func(*Connection){user}, "let the user call PING"},
		{"a user who may not choose the database", nil, "on >hunter2-canary +ping ~*", []func(*Connection){user, db(1)}, "and SELECT if redis.db is set"},
		{"a database that there is not", nil, "", []func(*Connection){db(99)}, "it has no database of this number: correct redis.db"},
		{"a database of a cluster", []string{"--cluster-enabled", "yes"}, "", []func(*Connection){db(1)}, "set redis.cluster: true"},
		{"one server taken for a cluster", nil, "", []func(*Connection){func(c *Connection) { c.Cluster = true }}, "it is not a cluster"},
		{"one server taken for a Sentinel", nil, "", []func(*Connection){func(c *Connection) { c.Master = "main" }}, "it is not a Sentinel"},
		{"a web server", nil, "", []func(*Connection){func(c *Connection) { c.Addresses = []string{plain.Listener.Addr().String()} }}, "what answers there is not a Redis"},
		{"a web server by TLS", nil, "", []func(*Connection){encrypted}, "what answers there is not a Redis"},
		{"an authority that nobody knows", nil, "", []func(*Connection){encrypted, func(c *Connection) { c.TLS.RootCAs = nil }}, "an authority that this machine does not trust"},
		{"a certificate of another", nil, "", []func(*Connection){encrypted, func(c *Connection) { c.TLS.ServerName = "another.test" }}, "is for another name"},
		{"TLS to a port without", nil, "", []func(*Connection){encrypted, func(c *Connection) { c.Addresses = []string{plain.Listener.Addr().String()} }}, "it does not speak TLS"},
	}
	for _, tt := range tests {
		srv := startReal(t, tt.server...)
		if tt.acl != "" {
			words := []any{"ACL", "SETUSER", "bmcmd"}
			for word := range strings.FieldsSeq(tt.acl) {
				words = append(words, word)
			}
			if err := dial(t, srv.addr).Do(t.Context(), words...).Err(); err != nil {
				t.Fatal(err)
			}
		}
		err := New(dial(t, srv.addr, tt.connect...), "T0TEST", Options{}).Enter(t.Context())
		if (err == nil) != (tt.says == "") || err != nil && (!errors.Is(err, ErrEntry) || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: %v, want %q", tt.why, err, tt.says)
		}
		if err != nil && (strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "HTTP")) {
			t.Errorf("%s: %v", tt.why, err)
		}
	}
}

// What may pass by itself is not laid to the settings.
func TestEnterWhatMayPass(t *testing.T) {
	srv := startMini(t)
	refuses := before(t, srv.addr)
	refuses.refuse.Store(true)
	locked := func(c *Connection) {
		c.Password = func(context.Context) (string, error) { return "", context.DeadlineExceeded }
	}
	for why, s := range map[string]*Store{
		"nobody listens":                       New(dial(t, "127.0.0.1:1"), "T0TEST", Options{}),
		"it closes connections":                New(dial(t, refuses.addr), "T0TEST", Options{}),
		"the password cannot be read just now": New(dial(t, srv.addr, locked), "T0TEST", Options{}),
		"it never answers":                     New(dial(t, mute(t), func(c *Connection) { c.Dial, c.Reply = time.Second, 10*time.Millisecond }), "T0TEST", Options{}),
	} {
		if err := s.Enter(t.Context()); !errors.Is(err, approvals.ErrUnavailable) || errors.Is(err, ErrEntry) {
			t.Errorf("%s: %v", why, err)
		}
	}
	srv.mini.SetError("LOADING Redis is loading the dataset in memory")
	if err := srv.store(t).Enter(t.Context()); !errors.Is(err, approvals.ErrUnavailable) {
		t.Errorf("loading: %v", err)
	}
}

// mute is the address of a server that takes connections and says nothing.
func mute(t *testing.T) string {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	t.Cleanup(func() { _ = srv.Listener.Close() })
	return srv.Listener.Addr().String()
}
