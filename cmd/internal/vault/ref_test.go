package vault_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

var goodRefs = []string{
	"ref+vault://secret/bm#/secret_key",
	"ref+vault://secret/bm?version=3#/secret_key",
	"ref+vault://secret/team/a/bm#/login/password",
	"ref+vault://secret/data#/f", // a secret called data, not the API's /data/
	"ref+vault://kv/bm/data/x#/data",
	"ref+vault://kv/a-b_c.d~e@f:g,h=i+j#/k-l",
	"ref+file:///run/secrets/token",
	"ref+file:///run/my secrets/..data/tökén",
	"ref+env://BMCMD_TOKEN",
	"ref+env://_x9",
}

func TestParseRefGood(t *testing.T) {
	seen := map[vault.Ref]string{}
	for _, s := range goodRefs {
		ref, err := vault.ParseRef(s)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		if got := ref.String(); got != s {
			t.Errorf("printed as %s, want %s", got, s)
		}
		if got := string(try(json.Marshal(ref))); got != fmt.Sprintf("%q", s) && !strings.ContainsAny(s, "&<>ö") {
			t.Errorf("JSON %s, want %q", got, s)
		}
		if other, ok := seen[ref]; ok {
			t.Errorf("%s == %s", s, other)
		}
		seen[ref] = s
	}
}

func TestParseRefRefuses(t *testing.T) {
	for _, c := range []struct{ ref, says, why string }{
		{"", "it is empty", "a setting without a value"},
		{"hunter2hunter2", "does not begin with ref+", "a literal secret"},
		{"xoxb-hunter2", "does not begin with ref+", "a literal token"},
		{"Ref+env://hunter2", "does not begin with ref+", "case counts"},
		{" ref+env://hunter2", "does not begin with ref+", "so does a space"},
		{"ref+vault:/hunter2/x#/y", "no ://", "one slash"},
		{"ref+hunter2", "no ://", "a literal that begins like a reference"},
		{"ref+hunter2://x", "none of vault, file, env", "an unknown scheme"},
		{"ref+awssecrets://hunter2", "none of vault, file, env", "a scheme of vals that we do not have"},
		{"ref+VAULT://secret/bm#/hunter2", "none of vault, file, env", "case counts"},
		{"ref+vault://secret/hunter2", "names no field", "no field"},
		{"ref+vault://secret/hunter2#", "names no field", "an empty fragment"},
		{"ref+vault://secret/hunter2#/", "names no field", "an empty field"},
		{"ref+vault://secret/hunter2#field", "names no field", "a field without its slash"},
		{"ref+vault://secret/bm#/hunter2//x", "field of ref+vault must be", "an empty part"},
		{"ref+vault://secret/bm#/hunter2/", "field of ref+vault must be", "a slash at the end"},
		{"ref+vault://secret/bm#/hunter2#/x", "field of ref+vault must be", "two fields"},
		{"ref+vault://secret/bm#/hunter2?version=2", "field of ref+vault must be", "the version stands before the field"},
		{"ref+vault://hunter2#/x", "needs a mount and a path", "a mount alone"},
		{"ref+vault:///hunter2/x#/x", "needs a mount and a path", "an empty mount"},
		{"ref+vault://secret/hunter2/#/x", "needs a mount and a path", "a slash at the end"},
		{"ref+vault://secret//hunter2#/x", "needs a mount and a path", "an empty segment"},
		{"ref+vault://secret/../sys/hunter2#/x", "needs a mount and a path", "the client would clean the path"},
		{"ref+vault://secret/./hunter2#/x", "needs a mount and a path", "likewise"},
		{"ref+vault://secret/%2e%2e/hunter2#/x", "needs a mount and a path", "a second spelling"},
		{"ref+vault://secret/my hunter2#/x", "needs a mount and a path", "a space"},
		{"ref+vault://u:hunter2@host/x\n#/x", "needs a mount and a path", "a line break"},
		{"ref+vault://secret/bm?address=https://hunter2#/x", "only ?version=N", "a reference does not choose the server"},
		{"ref+vault://secret/bm?token_env=hunter2#/x", "only ?version=N", "nor the login"},
		{"ref+vault://secret/bm?role_id=a&secret_id=hunter2#/x", "only ?version=N", "nor the login"},
		{"ref+vault://secret/bm?#/hunter2", "only ?version=N", "an empty query"},
		{"ref+vault://secret/bm?version=2&token=hunter2#/x", "a number from 1", "a second key"},
		{"ref+vault://secret/bm?version=0#/hunter2", "a number from 1", "0 means the newest to Vault"},
		{"ref+vault://secret/bm?version=02#/hunter2", "a number from 1", "a second spelling"},
		{"ref+vault://secret/bm?version=-1#/hunter2", "a number from 1", "negative"},
		{"ref+vault://secret/bm?version=#/hunter2", "a number from 1", "empty"},
		{"ref+vault://secret/bm?version=9999999999#/hunter2", "a number from 1", "more than an int may hold"},
		{"ref+file://hunter2", "three slashes", "a relative path"},
		{"ref+file://./hunter2", "three slashes", "a relative path"},
		{"ref+file:///", "the plain path of a file", "no file"},
		{"ref+file:///run/../hunter2", "the plain path of a file", "a second spelling"},
		{"ref+file:////run/hunter2", "the plain path of a file", "a second spelling"},
		{"ref+file:///run/hunter2/", "the plain path of a file", "a directory"},
		{"ref+file:///run/hunter2\x00", "the plain path of a file", "a control character"},
		{"ref+file:///run/hunter2\xff", "the plain path of a file", "not UTF-8"},
		{"ref+file:///run/x#/hunter2", "without ?, # or %", "vals reads YAML there"},
		{"ref+file:///run/x?hunter2", "without ?, # or %", "a query"},
		{"ref+file:///run/%68hunter2", "without ?, # or %", "an escape"},
		{"ref+env://", "the name of a variable", "no name"},
		{"ref+env://xoxb-hunter2", "never its value", "a value in place of the name"},
		{"ref+env://9hunter2", "the name of a variable", "a digit first"},
		{"ref+env:///hunter2", "the name of a variable", "a path"},
		{"ref+env://A#/hunter2", "the name of a variable", "a field"},
		{"ref+env://" + strings.Repeat("hunter2", 1000), "longer than", "length"},
	} {
		ref, err := vault.ParseRef(c.ref)
		switch {
		case err == nil:
			t.Errorf("%q was taken; %s", c.ref, c.why)
		case !errors.Is(err, vault.ErrBadRef) || !strings.Contains(err.Error(), c.says):
			t.Errorf("%q: %v; want %q (%s)", c.ref, err, c.says, c.why)
		case strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%q: the error repeats it: %v", c.ref, err)
		case !strings.Contains(err.Error(), ";") && !strings.Contains(err.Error(), "write"):
			t.Errorf("%q: the error does not say what to do: %v", c.ref, err)
		case !ref.IsZero():
			t.Errorf("%q: an error and a reference", c.ref)
		}
	}
}

func TestParseRefHintsAtData(t *testing.T) {
	for in, want := range map[string]string{
		"ref+vault://secret/data/bm#/key":                  "write ref+vault://secret/bm#/key",
		"ref+vault://secret/data/a/b?version=2#/login/pwd": "write ref+vault://secret/a/b?version=2#/login/pwd",
	} {
		_, err := vault.ParseRef(in)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}

func TestZeroRef(t *testing.T) {
	var ref vault.Ref
	if !ref.IsZero() || ref.String() != "" {
		t.Errorf("zero Ref prints %q", ref)
	}
}

func FuzzParseRef(f *testing.F) {
	for _, s := range goodRefs {
		f.Add(s)
	}
	for _, s := range []string{"", "hunter2", "ref+", "ref+vault://", "ref+vault://a/b?version=1", "ref+vault://a/data/b#/c", "ref+file:///a/../b", "ref+env://A B"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := vault.ParseRef(s)
		if err != nil {
			if !errors.Is(err, vault.ErrBadRef) {
				t.Fatalf("%q: %v is not ErrBadRef", s, err)
			}
			if len(s) > 12 && !strings.HasPrefix(s, "ref+") && strings.Contains(err.Error(), s) {
				t.Fatalf("the error repeats what may be a secret: %v", err)
			}
			return
		}
		if ref.String() != s {
			t.Fatalf("%q printed as %q", s, ref)
		}
		again, err := vault.ParseRef(ref.String())
		if err != nil || again != ref {
			t.Fatalf("%q parsed again: %v, %v", s, again, err)
		}
	})
}
