package vault_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

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

// A refusal is an answer: what was cached is not served after it, not even
// when the vault is away later.
// A read that began before Forget must not bring the old value back.
// The client library reads these by itself unless told not to, and Clone reads
// them even then.
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
