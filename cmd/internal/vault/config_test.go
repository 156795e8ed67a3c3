package vault_test

import (
	"context"
	"encoding/pem"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

func TestConfigRefuses(t *testing.T) {
	token := ref(t, "ref+env://TOKEN")
	inVault := ref(t, "ref+vault://secret/bm#/token")
	https := "https://vault.example.com:8200"
	junk := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(junk, []byte("not a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		c         vault.Config
		says, why string
	}{
		{vault.Config{Address: https}, "there is no token", "no token"},
		{vault.Config{Address: https, Token: &vault.Ref{}}, "there is no token", "an empty reference"},
		{vault.Config{Address: https, Token: &inVault}, "own token", "who would read it?"},
		{vault.Config{Token: &token}, "no address", "settings without an address"},
		{vault.Config{Mounts: []string{"kv"}}, "no address", "settings without an address"},
		{vault.Config{Address: "http://vault.example.com", Token: &token}, "plain http", "the token readable on the network"},
		{vault.Config{Address: "http://10.0.0.1:8200", Token: &token}, "plain http", "a private address is a network, too"},
		{vault.Config{Address: "vault.example.com:8200", Token: &token}, "not a URL", "no scheme"},
		{vault.Config{Address: "unix:///run/vault", Token: &token}, "not a URL", "another scheme"},
		{vault.Config{Address: "https://u:hunter2@vault", Token: &token}, "a user", "a credential in the address"},
		{vault.Config{Address: https + "?token=hunter2", Token: &token}, "a query", "a credential in the address"},
		{vault.Config{Address: https + "/#hunter2", Token: &token}, "a fragment", "meaningless"},
		{vault.Config{Address: "https://vault hunter2", Token: &token}, "not a URL", "a space"},
		{vault.Config{Address: https, Token: &token, Mounts: []string{"/kv/"}}, "plain segments", "slashes at the ends"},
		{vault.Config{Address: https, Token: &token, Mounts: []string{""}}, "plain segments", "empty"},
		{vault.Config{Address: https, Token: &token, Namespace: "a\nb"}, "namespace", "would be a header of its own"},
		{vault.Config{Address: https, Token: &token, CacheFor: -1}, "negative", "negative"},
		{vault.Config{Address: https, Token: &token, CAFile: "/nowhere/ca.pem"}, "cannot be read", "no such file"},
		{vault.Config{Address: https, Token: &token, CAFile: junk}, "holds no certificate", "not PEM"},
	} {
		_, err := vault.New(c.c)
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v; want %q (%s)", err, c.says, c.why)
		}
	}
	for _, address := range []string{https, "https://vault/behind/a/path", "http://localhost:8200", "http://[::1]:8200", "http://127.0.0.2"} {
		r, err := vault.New(vault.Config{Address: address, Token: &token})
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		r.Close()
		r.Close()
	}
}

func TestTLS(t *testing.T) {
	f := newFake(t)
	f.put("secret/bm", map[string]any{"f": "v"})
	srv := httptest.NewUnstartedServer(f)
	srv.Config.ErrorLog = (&logs{}).std()
	srv.StartTLS()
	t.Cleanup(srv.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	where := ref(t, "ref+vault://secret/bm#/f")
	for _, c := range []struct{ address, ca, says string }{
		{srv.URL, ca, ""},
		{srv.URL, "", "authority we do not trust"},
		{strings.Replace(srv.URL, "127.0.0.1", "localhost", 1), ca, "not for this host"},
		{strings.Replace(f.URL, "http://", "https://", 1), ca, "does not speak TLS"},
		{strings.Replace(srv.URL, "https://", "http://", 1), ca, "status 400"},
		// So long a label is no name, so no name server is asked, which may be far away.
		{"https://" + strings.Repeat("x", 64) + ".invalid", "", "host name is not known"},
	} {
		r := resolver(t, f, vault.Config{Address: c.address, CAFile: c.ca, Timeout: 30 * time.Second})
		got, err := r.Resolve(context.Background(), where)
		switch {
		case c.says == "":
			if err != nil || got.Reveal() != "v" {
				t.Errorf("%s: %v", c.address, err)
			}
		case err == nil || !strings.Contains(err.Error(), c.says):
			t.Errorf("%s with CA %q: %v, want %q", c.address, c.ca, err, c.says)
		case !errors.Is(err, vault.ErrUnreachable) && !errors.Is(err, vault.ErrUnusable):
			t.Errorf("%s: %v has no kind", c.address, err)
		}
	}
}
