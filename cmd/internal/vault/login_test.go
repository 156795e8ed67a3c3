package vault_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

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
	if n := len(f.headers()); n > 0 {
		t.Errorf("%d requests without a token", n)
	}
	gone := ref(t, "ref+file:///nowhere/token")
	if err := resolver(t, f, vault.Config{Token: &gone}).Check(context.Background()); !errors.Is(err, vault.ErrDenied) || errors.Is(err, vault.ErrNotFound) {
		t.Errorf("no token file: %v; want ErrDenied: it is not the secret that is missing", err)
	}
}

func TestTokenFromEnvironment(t *testing.T) {
	f := newFake(t)
	t.Setenv("BMCMD_TEST_TOKEN", "good-token")
	token := ref(t, "ref+env://BMCMD_TEST_TOKEN")
	if err := resolver(t, f, vault.Config{Token: &token}).Check(context.Background()); err != nil {
		t.Error(err)
	}
}

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
		seen := f.headers()
		h := seen[len(seen)-1]
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
	if len(thief.headers()) > 0 {
		t.Error("the redirect was followed")
	}
}
