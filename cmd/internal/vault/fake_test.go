package vault_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

// A fake speaks as much of KV version 2 at secret/ and of tokens as the
// package asks for. Its answers have the shapes that Vault 1.14 gives; the
// core tests run against both.
type fake struct {
	*httptest.Server
	mu     sync.Mutex
	tokens map[string]bool
	paths  map[string][]version // by "secret/bm"; index 0 is version 1
	reads  int                  // of data, with whatever result
	seen   []http.Header
	// instead, when set, answers in place of everything.
	instead http.HandlerFunc
}

type version struct {
	data      map[string]any
	deleted   bool
	destroyed bool
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{tokens: map[string]bool{"good-token": true}, paths: map[string][]version{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) put(path string, data map[string]any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.paths[path] = append(f.paths[path], version{data: data})
}

// set changes the fake under its lock.
func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// headers gives those of every request so far.
func (f *fake) headers() []http.Header {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.seen)
}

func (f *fake) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reads
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.seen = append(f.seen, r.Header.Clone())
	path, isData := strings.CutPrefix(r.URL.Path, "/v1/secret/data/")
	if isData {
		f.reads++
	}
	instead, ok := f.instead, f.tokens[r.Header.Get("X-Vault-Token")]
	versions := f.paths["secret/"+path]
	f.mu.Unlock()
	switch {
	case instead != nil:
		instead(w, r)
	case !ok:
		answer(w, http.StatusForbidden, map[string]any{"errors": []string{"permission denied"}})
	case r.URL.Path == "/v1/auth/token/lookup-self":
		answer(w, http.StatusOK, map[string]any{"data": map[string]any{"ttl": 3600, "renewable": true, "policies": []string{"default"}}})
	case !isData:
		answer(w, http.StatusNotFound, map[string]any{"errors": []string{"no handler for route"}})
	default:
		answerVersion(w, versions, r.URL.Query().Get("version"))
	}
}

func answerVersion(w http.ResponseWriter, versions []version, query string) {
	n := len(versions)
	if query != "" {
		n, _ = strconv.Atoi(query)
	}
	if n < 1 || n > len(versions) {
		answer(w, http.StatusNotFound, map[string]any{"errors": []string{}})
		return
	}
	v := versions[n-1]
	meta := map[string]any{"created_time": "2026-11-21T17:00:00Z", "deletion_time": "", "destroyed": v.destroyed, "version": n, "custom_metadata": nil}
	if v.deleted || v.destroyed {
		meta["deletion_time"] = "2026-11-21T17:01:00Z"
		answer(w, http.StatusNotFound, map[string]any{"data": map[string]any{"data": nil, "metadata": meta}})
		return
	}
	answer(w, http.StatusOK, map[string]any{"data": map[string]any{"data": v.data, "metadata": meta}})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// status answers with a status and a body.
func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}
}

// A clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 21, 17, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// logs collects what is logged, at every level.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logs) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (l *logs) std() *log.Logger { return log.New(l, "", 0) }

func ref(t testing.TB, s string) vault.Ref {
	t.Helper()
	r, err := vault.ParseRef(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// tokenFile writes a token file and gives the reference to it, and a function
// that replaces what is in it.
func tokenFile(t testing.TB, token string) (*vault.Ref, func(string)) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "token")
	write := func(token string) {
		if err := os.WriteFile(name, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(token)
	r := ref(t, "ref+file://"+name)
	return &r, write
}

// resolver makes one that is closed when the test ends. What the config leaves
// out is the fake's.
func resolver(t testing.TB, f *fake, c vault.Config) *vault.Resolver {
	t.Helper()
	if c.Address == "" {
		c.Address = f.URL
	}
	if c.Token == nil {
		c.Token, _ = tokenFile(t, "good-token")
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	return open(t, c)
}

func open(t testing.TB, c vault.Config) *vault.Resolver {
	t.Helper()
	r, err := vault.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// value resolves s or fails the test.
func value(t testing.TB, r *vault.Resolver, s string) string {
	t.Helper()
	secret, err := r.Resolve(context.Background(), ref(t, s))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return secret.Reveal()
}
