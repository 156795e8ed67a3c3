package vault_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

func TestAnswersOfTheVault(t *testing.T) {
	huge := `{"data":{"data":{"f":"` + strings.Repeat("x", 2<<20) + `"},"metadata":{"version":1}}}`
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		err    error
		says   string
	}{
		{"sealed", status(503, `{"errors":["Vault is sealed `+canary+`"]}`), vault.ErrUnreachable, "sealed"},
		{"broken inside", status(500, canary), vault.ErrUnreachable, "status 500"},
		{"bad gateway", status(502, "<html>"+canary), vault.ErrUnreachable, "status 502"},
		{"standby of Vault Enterprise", status(473, ""), vault.ErrUnreachable, "standby"},
		{"not yet consistent", status(412, ""), vault.ErrUnreachable, "status 412"},
		{"too many requests", status(429, `{"errors":["`+canary+`"]}`), vault.ErrUnreachable, "quota"},
		{"denied", status(403, `{"errors":["permission denied `+canary+`"]}`), vault.ErrDenied, "policy"},
		{"a proxy wants a login", status(401, canary), vault.ErrDenied, "status 401"},
		{"bad request", status(400, `{"errors":["`+canary+`"]}`), vault.ErrUnusable, "status 400"},
		{"not a method of this mount", status(405, canary), vault.ErrUnusable, "KV version 2"},
		{"redirect", redirect, vault.ErrUnreachable, "sends us elsewhere"},
		{"a page", status(200, "<html>"+canary+"</html>"), vault.ErrUnreachable, "not one of a vault"},
		{"a page, not found", status(404, "404 "+canary), vault.ErrUnreachable, "not one of a vault"},
		{"cut short", status(200, `{"data":{"data":{"f":"`), vault.ErrUnreachable, "not one of a vault"},
		{"empty", status(200, ""), vault.ErrUnreachable, "the answer is empty"},
		{"an empty object", status(200, "{}"), vault.ErrUnreachable, "the answer is empty"},
		{"null", status(200, "null"), vault.ErrUnreachable, "the answer is empty"},
		{"a list", status(200, `["`+canary[:6]+`"]`), vault.ErrUnreachable, "not one of a vault"},
		{"a string", status(200, `"`+canary[:6]+`"`), vault.ErrUnreachable, "not one of a vault"},
		{"data of another type", status(200, `{"data":"`+canary[:6]+`"}`), vault.ErrUnreachable, "not one of a vault"},
		{"KV version 1", status(200, `{"data":{"f":"`+canary[:6]+`"}}`), vault.ErrUnusable, "not one of KV version 2"},
		{"deleted, with status 200", status(200, `{"data":{"data":null,"metadata":{"deletion_time":"2026-11-21T17:00:00Z","destroyed":false}}}`), vault.ErrNotFound, "deleted"},
		{"nothing there, no body", status(404, ""), vault.ErrNotFound, "nothing there"},
		{"nothing there", status(404, `{"errors":[]}`), vault.ErrNotFound, "nothing there"},
		{"no such mount", status(404, `{"errors":["no handler for route `+canary[:6]+`"]}`), vault.ErrNotFound, "nothing there"},
		{"too large", status(200, huge), vault.ErrUnusable, "larger than"},
		{"too large, an error", status(500, huge), vault.ErrUnreachable, "status 500"},
		{"not HTTP", hijack("garbage " + canary + "\r\n\r\n"), vault.ErrUnreachable, "connection broke"},
		{"hangs up", hijack(""), vault.ErrUnreachable, "connection broke"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.instead = c.answer
			var l logs
			r := resolver(t, f, vault.Config{CacheFor: time.Minute, ServeStaleFor: time.Hour, Log: l.logger()})
			const where = "ref+vault://secret/bm?version=2#/f"
			got, err := r.Resolve(context.Background(), ref(t, where))
			if !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), where+": ") {
				t.Errorf("%v; want %v with %q", err, c.err, c.says)
			}
			if !strings.Contains(err.Error(), ";") {
				t.Errorf("does not say what to do: %v", err)
			}
			if got.Reveal() != "" {
				t.Error("an error and a value")
			}
			noCanary(t, "error", fmt.Sprintf("%v %+v %#v %s", err, err, errors.Unwrap(err), l.String()))
			if text := err.Error() + l.String(); strings.Contains(text, f.URL) || strings.Contains(text, "v1/") {
				t.Errorf("there is a URL in %s", text)
			}
		})
	}
}

func redirect(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/elsewhere?token="+canary[:6], http.StatusTemporaryRedirect)
}

// hijack answers with bytes of its own and closes the connection.
func hijack(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_, _ = conn.Write([]byte(text))
			_ = conn.Close()
		}
	}
}

func TestVaultAway(t *testing.T) {
	f := newFake(t)
	r := resolver(t, f, vault.Config{})
	f.Close()
	_, err := r.Resolve(context.Background(), ref(t, "ref+vault://secret/bm#/f"))
	if !errors.Is(err, vault.ErrUnreachable) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("%v", err)
	}
	err = r.Check(context.Background())
	if !errors.Is(err, vault.ErrUnreachable) || !strings.HasPrefix(err.Error(), "vault at "+f.URL) {
		t.Errorf("check: %v", err)
	}
}

// hang makes the fake keep every request until it is released. The first
// request is announced.
func hang(t *testing.T, f *fake) (arrived chan struct{}, release func()) {
	t.Helper()
	arrived, gate := make(chan struct{}, 100), make(chan struct{})
	release = sync.OnceFunc(func() {
		f.set(func() { f.instead = nil })
		close(gate)
	})
	f.set(func() {
		f.instead = func(w http.ResponseWriter, r *http.Request) {
			arrived <- struct{}{}
			select {
			case <-gate:
			case <-r.Context().Done():
				return
			}
			// Answers as it would have.
			f.ServeHTTP(w, r)
		}
	})
	t.Cleanup(release)
	return arrived, release
}

func TestVaultHangs(t *testing.T) {
	f := newFake(t)
	hang(t, f)
	r := resolver(t, f, vault.Config{Timeout: 30 * time.Millisecond})
	_, err := r.Resolve(context.Background(), ref(t, "ref+vault://secret/bm#/f"))
	if !errors.Is(err, vault.ErrUnreachable) || !strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("%v", err)
	}
	if err := r.Check(context.Background()); !errors.Is(err, vault.ErrUnreachable) {
		t.Errorf("check: %v", err)
	}
}

func TestCloseEndsReads(t *testing.T) {
	f := newFake(t)
	arrived, _ := hang(t, f)
	r := resolver(t, f, vault.Config{Timeout: time.Hour})
	where, failed := ref(t, "ref+vault://secret/bm#/f"), make(chan error)
	go func() {
		_, err := r.Resolve(context.Background(), where)
		failed <- err
	}()
	<-arrived
	r.Close()
	if err := <-failed; !errors.Is(err, vault.ErrUnreachable) {
		t.Errorf("%v", err)
	}
}

func TestOneReadForAllWhoWait(t *testing.T) {
	f := newFake(t)
	f.put("secret/bm", map[string]any{"a": "va", "b": "vb"})
	arrived, release := hang(t, f)
	r := resolver(t, f, vault.Config{CacheFor: time.Minute})

	// One who leaves is let go at once; it does not end the read.
	ctx, cancel := context.WithCancel(context.Background())
	left := make(chan error)
	refA, refB := ref(t, "ref+vault://secret/bm#/a"), ref(t, "ref+vault://secret/bm#/b")
	go func() {
		_, err := r.Resolve(ctx, refA)
		left <- err
	}()
	<-arrived
	got := make(chan string)
	for i := range 20 {
		go func() {
			s, err := r.Resolve(context.Background(), []vault.Ref{refA, refB}[i%2])
			got <- s.Reveal() + fmt.Sprint(err)
		}()
	}
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) || !errors.Is(err, vault.ErrUnreachable) {
		t.Errorf("the one who left got %v", err)
	}
	release()
	for range 20 {
		if g := <-got; g != "va<nil>" && g != "vb<nil>" {
			t.Errorf("got %q", g)
		}
	}
	// 1: the one that hung and then answered through the fake, seen twice.
	if n := f.count(); n > 2 {
		t.Errorf("%d reads of one path", n)
	}
}

func TestDeadlineOfTheCaller(t *testing.T) {
	f := newFake(t)
	hang(t, f)
	r := resolver(t, f, vault.Config{Timeout: time.Hour})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := r.Resolve(ctx, ref(t, "ref+vault://secret/bm#/f")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if _, err := r.Resolve(ctx, ref(t, "ref+vault://secret/bm#/f")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

func TestCache(t *testing.T) {
	f, c := newFake(t), newClock()
	f.put("secret/bm", map[string]any{"f": "old"})
	var l logs
	r := resolver(t, f, vault.Config{CacheFor: time.Minute, ServeStaleFor: 10 * time.Minute, Now: c.Now, Log: l.logger()})
	const where = "ref+vault://secret/bm#/f"
	type step struct {
		why   string
		do    func()
		want  string
		reads int // since the last step
	}
	away := func() { f.set(func() { f.instead = status(503, canary) }) }
	back := func() { f.set(func() { f.instead = nil }) }
	for _, s := range []step{
		{"first", func() {}, "old", 1},
		{"cached", func() { f.put("secret/bm", map[string]any{"f": "new"}); c.move(59 * time.Second) }, "old", 0},
		{"too old, read again", func() { c.move(time.Second) }, "new", 1},
		{"away, still fresh", func() { away(); c.move(59 * time.Second) }, "new", 0},
		{"away, stale", func() { c.move(time.Second) }, "new", 1},
		{"away, not asked again at once", func() { c.move(time.Second) }, "new", 0},
		{"away, asked again", func() { c.move(time.Second) }, "new", 1},
		{"back", func() { back(); f.put("secret/bm", map[string]any{"f": "newer"}); c.move(2 * time.Second) }, "newer", 1},
		{"forgotten", func() {
			f.put("secret/bm", map[string]any{"f": "newest"})
			r.Forget(ref(t, where))
		}, "newest", 1},
		{"away, as old as may be", func() { away(); c.move(11*time.Minute - time.Nanosecond) }, "newest", 1},
		{"away, too old", func() { c.move(time.Nanosecond) }, "", 1},
		{"back at last", func() { back() }, "newest", 1},
		{"away and forgotten: never again", func() { away(); r.Forget(ref(t, where)) }, "", 1},
	} {
		s.do()
		before := f.count()
		got, err := r.Resolve(context.Background(), ref(t, where))
		if got.Reveal() != s.want || (err == nil) != (s.want != "") {
			t.Errorf("%s: %q, %v; want %q", s.why, got.Reveal(), err, s.want)
		}
		if n := f.count() - before; n != s.reads {
			t.Errorf("%s: %d reads, want %d", s.why, n, s.reads)
		}
	}
	if n := strings.Count(l.String(), "cached secret served"); n != 3 {
		t.Errorf("%d warnings, want one for each read that failed and was covered (3):\n%s", n, &l.b)
	}
	for _, v := range []string{"old", "new", "newest", canary} {
		if strings.Contains(l.String(), `"`+v+`"`) {
			t.Errorf("the log holds %q", v)
		}
	}
}

// A refusal is an answer: what was cached is not served after it, not even
// when the vault is away later.
func TestRefusalEndsTheCachedValue(t *testing.T) {
	for name, refusal := range map[string]http.HandlerFunc{
		"denied": status(403, `{"errors":[]}`), "gone": status(404, `{"errors":[]}`),
	} {
		t.Run(name, func(t *testing.T) {
			f, c := newFake(t), newClock()
			f.put("secret/bm", map[string]any{"f": "v"})
			r := resolver(t, f, vault.Config{CacheFor: time.Minute, ServeStaleFor: time.Hour, Now: c.Now})
			where := ref(t, "ref+vault://secret/bm#/f")
			value(t, r, where.String())
			c.move(time.Minute)
			for _, answer := range []http.HandlerFunc{refusal, status(503, "")} {
				f.set(func() { f.instead = answer })
				if got, err := r.Resolve(context.Background(), where); err == nil {
					t.Errorf("served %q", got.Reveal())
				}
			}
		})
	}
}

func TestNoCacheMeansNone(t *testing.T) {
	f := newFake(t)
	f.put("secret/bm", map[string]any{"f": "v"})
	r := resolver(t, f, vault.Config{})
	for range 3 {
		value(t, r, "ref+vault://secret/bm#/f")
	}
	if f.count() != 3 {
		t.Errorf("%d reads, want 3", f.count())
	}
	f.set(func() { f.instead = status(503, "") })
	if _, err := r.Resolve(context.Background(), ref(t, "ref+vault://secret/bm#/f")); !errors.Is(err, vault.ErrUnreachable) {
		t.Errorf("%v", err)
	}
}

// A read that began before Forget must not bring the old value back.
func TestForgetDuringARead(t *testing.T) {
	f := newFake(t)
	f.put("secret/bm", map[string]any{"f": "old"})
	r := resolver(t, f, vault.Config{CacheFor: time.Hour})
	where := ref(t, "ref+vault://secret/bm#/f")

	arrived, gate := make(chan struct{}), make(chan struct{})
	f.set(func() {
		f.instead = func(w http.ResponseWriter, _ *http.Request) {
			arrived <- struct{}{}
			<-gate
			answerVersion(w, []version{{data: map[string]any{"f": "old"}}}, "")
		}
	})
	first := make(chan string)
	go func() {
		s, _ := r.Resolve(context.Background(), where)
		first <- s.Reveal()
	}()
	<-arrived
	f.put("secret/bm", map[string]any{"f": "new"})
	f.set(func() { f.instead = nil })
	r.Forget(where)
	if got := value(t, r, where.String()); got != "new" {
		t.Errorf("after Forget: %q", got)
	}
	close(gate)
	if got := <-first; got != "old" {
		t.Errorf("the first reader got %q", got)
	}
	if got := value(t, r, where.String()); got != "new" {
		t.Errorf("the old value came back: %q", got)
	}
}

func TestOneLoginAndOneMoreTry(t *testing.T) {
	f := newFake(t)
	f.put("secret/bm", map[string]any{"f": "v"})
	f.set(func() { f.tokens = map[string]bool{"new-token-x": true} })
	token, write := tokenFile(t, "old-token-x")
	var l logs
	r := resolver(t, f, vault.Config{Token: token, Log: l.logger()})
	where := ref(t, "ref+vault://secret/bm#/f")
	if _, err := r.Resolve(context.Background(), where); !errors.Is(err, vault.ErrDenied) || f.count() != 2 {
		t.Errorf("%v after %d reads, want ErrDenied after 2", err, f.count())
	}
	write("new-token-x")
	if got := value(t, r, where.String()); got != "v" || f.count() != 4 {
		t.Errorf("%q after %d reads, want the value after 4", got, f.count())
	}
	value(t, r, where.String())
	if f.count() != 5 {
		t.Errorf("%d reads; the new token is not kept", f.count())
	}
	if strings.Contains(l.String(), "token-x") || !strings.Contains(l.String(), token.String()) {
		t.Errorf("the log must name the token's reference and not the token: %s", &l.b)
	}
}

func TestTokensThatCannotBe(t *testing.T) {
	f := newFake(t)
	for _, c := range []struct{ token, says, why string }{
		{"", "empty", "an empty file"},
		{"two words-xyz", "is not a token", "a space"},
		{"line-xyz\nline", "is not a token", "two lines"},
		{"tab-xyz\x01", "is not a token", "a control character"},
		{"bytes-xyz\xff", "not text", "not UTF-8"},
	} {
		token, _ := tokenFile(t, c.token)
		r := resolver(t, f, vault.Config{Token: token})
		for _, err := range []error{
			r.Check(context.Background()),
			func() error {
				_, err := r.Resolve(context.Background(), ref(t, "ref+vault://secret/bm#/f"))
				return err
			}(),
		} {
			if !errors.Is(err, vault.ErrDenied) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), token.String()) {
				t.Errorf("%s: %v, want %q", c.why, err, c.says)
			} else if strings.Contains(err.Error(), "xyz") {
				t.Errorf("%s: the token is in %v", c.why, err)
			}
		}
	}
	if n := len(f.seen); n > 0 {
		t.Errorf("%d requests without a token", n)
	}
	if err := os.Remove(strings.TrimPrefix(mustToken(t).String(), "ref+file://")); err != nil {
		t.Fatal(err)
	}
}

func mustToken(t *testing.T) *vault.Ref { r, _ := tokenFile(t, "x"); return r }

func TestTokenFromEnvironment(t *testing.T) {
	f := newFake(t)
	t.Setenv("BMCMD_TEST_TOKEN", "good-token")
	token := ref(t, "ref+env://BMCMD_TEST_TOKEN")
	if err := resolver(t, f, vault.Config{Token: &token}).Check(context.Background()); err != nil {
		t.Error(err)
	}
}

// The client library reads these by itself unless told not to, and Clone reads
// them even then.
func TestEnvironmentIsNotLookedAt(t *testing.T) {
	for _, name := range []string{"ADDR", "AGENT_ADDR", "PROXY_ADDR", "HTTP_PROXY"} {
		t.Setenv("VAULT_"+name, "http://127.0.0.1:1")
		t.Setenv("BAO_"+name, "http://127.0.0.1:1")
	}
	for name, v := range map[string]string{
		"TOKEN": "from-the-environment", "NAMESPACE": "from-the-environment", "WRAP_TTL": "60s",
		"CLIENT_TIMEOUT": "1ns", "CACERT": "/nowhere", "MAX_RETRIES": "50", "RATE_LIMIT": "0.001",
		"SKIP_VERIFY": "nonsense",
	} {
		t.Setenv("VAULT_"+name, v)
		t.Setenv("BAO_"+name, v)
	}
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	f := newFake(t)
	f.put("secret/bm", map[string]any{"f": "v"})
	for _, namespace := range []string{"", "team-a"} {
		f.set(func() { f.seen = nil })
		r := resolver(t, f, vault.Config{Namespace: namespace})
		if got := value(t, r, "ref+vault://secret/bm#/f"); got != "v" {
			t.Errorf("%q", got)
		}
		h := f.seen[len(f.seen)-1]
		got := []string{h.Get("X-Vault-Token"), h.Get("X-Vault-Namespace"), h.Get("X-Vault-Wrap-Ttl")}
		if diff := cmp.Diff([]string{"good-token", namespace, ""}, got); diff != "" {
			t.Errorf("headers (-want +got):\n%s", diff)
		}
	}
}

func TestRedirectDoesNotGetTheToken(t *testing.T) {
	thief := newFake(t)
	f := newFake(t)
	f.instead = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, thief.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}
	r := resolver(t, f, vault.Config{})
	if _, err := r.Resolve(context.Background(), ref(t, "ref+vault://secret/bm#/f")); !errors.Is(err, vault.ErrUnreachable) {
		t.Errorf("%v", err)
	}
	if len(thief.seen) > 0 {
		t.Error("the redirect was followed")
	}
}

func TestMounts(t *testing.T) {
	f := newFake(t)
	f.put("secret/a/b", map[string]any{"f": "v"})
	for _, c := range []struct {
		mounts      []string
		where, says string
	}{
		{nil, "secret/a/b", ""},
		{[]string{"secret"}, "secret/a/b", ""},
		{[]string{"other", "secret"}, "secret/a/b", ""},
		{[]string{"secret/a"}, "secret/a/b", "nothing there"}, // asks for secret/a/data/b
		{[]string{"secret", "secret/a"}, "secret/a/b", "nothing there"},
		{[]string{"team/kv"}, "secret/a/b", "none of the configured mounts (team/kv)"},
		{[]string{"secre"}, "secret/a/b", "none of the configured mounts"},
		{[]string{"team/kv"}, "team/kv", "none of the configured mounts"},
		{[]string{"team/kv"}, "team/kv/data/b", "write team/kv/b"},
	} {
		r := resolver(t, f, vault.Config{Mounts: c.mounts})
		where := ref(t, "ref+vault://"+c.where+"#/f")
		_, err := r.Resolve(context.Background(), where)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%v %s: %v, want %q", c.mounts, c.where, err, c.says)
		}
		offline := strings.Contains(c.says, "mounts") || strings.Contains(c.says, "write")
		if err := r.Accepts(where); (err != nil) != offline || offline && !errors.Is(err, vault.ErrUnusable) {
			t.Errorf("%v accepts %s: %v", c.mounts, c.where, err)
		}
	}
}

func TestWithoutAVault(t *testing.T) {
	r := open(t, vault.Config{})
	where := ref(t, "ref+vault://secret/bm#/f")
	for _, err := range []error{
		r.Accepts(where),
		r.Accepts(vault.Ref{}),
		func() error { _, err := r.Resolve(context.Background(), where); return err }(),
		func() error { _, err := r.Resolve(context.Background(), vault.Ref{}); return err }(),
	} {
		if !errors.Is(err, vault.ErrUnusable) {
			t.Errorf("%v", err)
		}
	}
	r.Forget(where)
	t.Setenv("BMCMD_TEST_VALUE", "a value")
	if got := value(t, r, "ref+env://BMCMD_TEST_VALUE"); got != "a value" {
		t.Errorf("%q", got)
	}
	if err := r.Check(context.Background()); err != nil {
		t.Errorf("check: %v", err)
	}
}

func TestResolverPrintsNothing(t *testing.T) {
	f := newFake(t)
	f.put("secret/bm", map[string]any{"f": canary, "unused": canary})
	var l logs
	r := resolver(t, f, vault.Config{CacheFor: time.Hour, Log: l.logger()})
	got := value(t, r, "ref+vault://secret/bm#/f")
	type owner struct{ r *vault.Resolver }
	for _, verb := range []string{"%v", "%+v", "%#v", "%d", "%s", "%x", "%q"} {
		noCanary(t, verb, fmt.Sprintf(verb, r)+fmt.Sprintf(verb, owner{r})+fmt.Sprintf(verb, &owner{r}))
	}
	l.logger().Info("x", "r", r, "owner", owner{r})
	noCanary(t, "log", l.String())
	if got != canary || r.Scrub(got) != "[secret]" {
		t.Error("the value that Resolve gave is not scrubbed")
	}
}

func TestManyAtOnce(t *testing.T) {
	f := newFake(t)
	var refs []vault.Ref
	for i := range 4 {
		f.put(fmt.Sprintf("secret/s%d", i), map[string]any{"f": fmt.Sprintf("value-%d-x", i)})
		refs = append(refs, ref(t, fmt.Sprintf("ref+vault://secret/s%d#/f", i)))
	}
	r := resolver(t, f, vault.Config{CacheFor: time.Millisecond})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				n := (g + i) % len(refs)
				s, err := r.Resolve(context.Background(), refs[n])
				if want := fmt.Sprintf("value-%d-x", n); err != nil || s.Reveal() != want || r.Scrub(want) != "[secret]" {
					t.Errorf("%q, %v", s.Reveal(), err)
				}
				if i%10 == 0 {
					r.Forget(refs[n])
				}
			}
		})
	}
	wg.Wait()
}
