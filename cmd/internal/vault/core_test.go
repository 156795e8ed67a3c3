package vault_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/cmd/internal/vault"
	"github.com/bmcmd/bmcmd/cmd/internal/vault/vaulttest"
)

// A backend is a vault to run the core tests against.
type backend struct {
	addr, token string
	path        string // below which nobody else writes, "secret/…"
	put         func(t *testing.T, path string, data map[string]any)
	// remove deletes or destroys one version.
	remove func(t *testing.T, path string, version int, how string)
	// newToken makes a token that may read everything, or nothing.
	newToken func(t *testing.T, mayRead bool) string
	revoke   func(t *testing.T, token string)
}

func TestCoreOnFake(t *testing.T) {
	f := newFake(t)
	n := 0
	testCore(t, backend{
		addr: f.URL, token: "good-token", path: "secret/core",
		put: func(_ *testing.T, path string, data map[string]any) { f.put(path, data) },
		remove: func(_ *testing.T, path string, v int, how string) {
			f.set(func() {
				f.paths[path][v-1].deleted = how == "delete"
				f.paths[path][v-1].destroyed = how == "destroy"
			})
		},
		newToken: func(_ *testing.T, mayRead bool) string {
			n++
			token := strings.Repeat("t", 10+n)
			f.set(func() { f.tokens[token] = mayRead })
			return token
		},
		revoke: func(_ *testing.T, token string) { f.set(func() { delete(f.tokens, token) }) },
	})
}

func TestCoreOnVault(t *testing.T) {
	addr, root := vaulttest.Start(t)
	call := func(t *testing.T, path string, body any) map[string]any {
		t.Helper()
		return vaulttest.Call(t, addr, root, http.MethodPost, path, body)
	}
	base := vaulttest.Path("core")
	policy := strings.ReplaceAll(strings.TrimPrefix(base, "secret/"), "/", "-")
	call(t, "sys/policies/acl/"+policy, map[string]any{"policy": `path "secret/data/*" { capabilities = ["read"] }`})
	t.Cleanup(func() { vaulttest.Call(t, addr, root, http.MethodDelete, "sys/policies/acl/"+policy, nil) })
	testCore(t, backend{
		addr: addr, token: root, path: base,
		put: func(t *testing.T, path string, data map[string]any) { vaulttest.Put(t, addr, root, path, data) },
		remove: func(t *testing.T, path string, v int, how string) {
			call(t, strings.Replace(path, "secret/", "secret/"+how+"/", 1), map[string]any{"versions": []int{v}})
		},
		newToken: func(t *testing.T, mayRead bool) string {
			policies := []string{"default"}
			if mayRead {
				policies = append(policies, policy)
			}
			auth, _ := call(t, "auth/token/create", map[string]any{"policies": policies, "ttl": "10m"})["auth"].(map[string]any)
			token, _ := auth["client_token"].(string)
			return token
		},
		revoke: func(t *testing.T, token string) { call(t, "auth/token/revoke", map[string]any{"token": token}) },
	})
}

func testCore(t *testing.T, b backend) {
	t.Run("values", func(t *testing.T) { testCoreValues(t, b) })
	t.Run("versions", func(t *testing.T) { testCoreVersions(t, b) })
	t.Run("tokens", func(t *testing.T) { testCoreTokens(t, b) })
}

func (b backend) resolver(t *testing.T, c vault.Config) *vault.Resolver {
	t.Helper()
	c.Address, c.Timeout = b.addr, 30*time.Second
	if c.Token == nil {
		c.Token, _ = tokenFile(t, b.token)
	}
	return open(t, c)
}

func testCoreValues(t *testing.T, b backend) {
	b.put(t, b.path+"/values", map[string]any{
		"text": canary, "line": "a\nb", "ends": canary + "\n", "int": 9007199254740991, "float": 1.50, "yes": true,
		"empty": "", "null": nil, "list": []int{1},
		"login": map[string]any{"password": "deep", "more": map[string]any{"x": 7}},
	})
	r := b.resolver(t, vault.Config{})
	for _, c := range []struct {
		field string
		want  string
		err   error
		why   string
	}{
		{"text", canary, nil, "a string, byte for byte"},
		{"line", "a\nb", nil, "lines inside stay"},
		{"ends", "", vault.ErrUnusable, "what the vault holds is not trimmed"},
		{"int", "9007199254740991", nil, "a number, with all its digits; a real Vault rounds larger ones when it stores them"},
		{"float", "1.5", nil, "as the vault writes it"},
		{"yes", "true", nil, "a bool"},
		{"login/password", "deep", nil, "nested"},
		{"login/more/x", "7", nil, "nested twice"},
		{"empty", "", vault.ErrEmpty, "an empty secret is a mistake"},
		{"null", "", vault.ErrEmpty, "so is null"},
		{"login", "", vault.ErrUnusable, "an object"},
		{"list", "", vault.ErrUnusable, "a list"},
		{"missing", "", vault.ErrNoField, "no such field"},
		{"login/missing", "", vault.ErrNoField, "no such nested field"},
		{"text/x", "", vault.ErrNoField, "a string has no fields"},
		{"list/0", "", vault.ErrNoField, "nor does a list"},
	} {
		where := ref(t, "ref+vault://"+b.path+"/values#/"+c.field)
		got, err := r.Resolve(context.Background(), where)
		if got.Reveal() != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v; want %q, %v (%s)", c.field, got.Reveal(), err, c.want, c.err, c.why)
		}
		if err != nil && !strings.HasPrefix(err.Error(), where.String()+": ") {
			t.Errorf("%s: the error does not name the reference: %v", c.field, err)
		}
		if err != nil {
			noCanary(t, c.field, err.Error())
		}
	}
	if got := r.Scrub("x " + canary + " y"); got != "x [secret] y" {
		t.Errorf("scrubbed: %q", got)
	}
}

func testCoreVersions(t *testing.T, b backend) {
	path := b.path + "/versions"
	for _, v := range []string{"one", "two", "three"} {
		b.put(t, path, map[string]any{"f": v})
	}
	b.remove(t, path, 1, "destroy")
	b.remove(t, path, 3, "delete")
	r := b.resolver(t, vault.Config{})
	for _, c := range []struct {
		where, want, says string
	}{
		{path + "?version=2#/f", "two", ""},
		{path + "?version=1#/f", "", "this version is destroyed"},
		{path + "?version=3#/f", "", "this version is deleted"},
		{path + "#/f", "", "this version is deleted"}, // the newest one, not an older one in its place
		{path + "?version=9#/f", "", "nothing there"},
		{b.path + "/nowhere#/f", "", "nothing there"},
	} {
		got, err := r.Resolve(context.Background(), ref(t, "ref+vault://"+c.where))
		if got.Reveal() != c.want {
			t.Errorf("%s: %q, want %q", c.where, got.Reveal(), c.want)
		}
		if c.says != "" && (!errors.Is(err, vault.ErrNotFound) || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", c.where, err, c.says)
		}
	}
	if _, err := r.Resolve(context.Background(), ref(t, "ref+vault://nomount-x/a#/f")); !errors.Is(err, vault.ErrNotFound) && !errors.Is(err, vault.ErrDenied) {
		t.Errorf("a mount that is not there: %v", err)
	}
}

func testCoreTokens(t *testing.T, b backend) {
	where := b.path + "/tokens"
	b.put(t, where, map[string]any{"f": "value"})
	first, second, powerless := b.newToken(t, true), b.newToken(t, true), b.newToken(t, false)
	token, write := tokenFile(t, first)
	r := b.resolver(t, vault.Config{Token: token})
	full := "ref+vault://" + where + "#/f"
	if got := value(t, r, full); got != "value" {
		t.Fatalf("with the first token: %q", got)
	}
	if err := r.Check(context.Background()); err != nil {
		t.Errorf("check with a good token: %v", err)
	}

	b.revoke(t, first)
	write(second)
	if got := value(t, r, full); got != "value" {
		t.Errorf("after the token was replaced: %q", got)
	}

	b.revoke(t, second)
	write(powerless)
	if _, err := r.Resolve(context.Background(), ref(t, full)); !errors.Is(err, vault.ErrDenied) {
		t.Errorf("a token that may not read: %v", err)
	}
	write("no-such-token")
	err := r.Check(context.Background())
	if !errors.Is(err, vault.ErrDenied) || !strings.Contains(err.Error(), token.String()) || strings.Contains(err.Error(), "no-such-token") {
		t.Errorf("check with a bad token: %v; want a sentence that names its reference", err)
	}
	for _, tok := range []string{first, second, powerless} {
		if got := r.Scrub("token=" + tok + "&x"); got != "token=[secret]&x" {
			t.Errorf("a token is not scrubbed: %q", got)
		}
	}
}
