package vault_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"text/template"

	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

// noCanary fails if text holds the canary in one of the ways fmt could print it.
func noCanary(t *testing.T, what, text string) {
	t.Helper()
	for _, form := range []string{
		canary, canary[:6], fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprintf("% x", canary),
		fmt.Sprintf("%q", canary), fmt.Sprintf("%d", []byte(canary)), hex.EncodeToString([]byte(canary[:6])),
	} {
		if strings.Contains(text, form) {
			t.Errorf("%s: holds the secret: %s", what, text)
			return
		}
	}
}

func TestSecretPrintsNothing(t *testing.T) {
	s := vault.NewSecret(canary)
	type exported struct{ S vault.Secret }
	type unexported struct{ s vault.Secret }
	type deep struct {
		in   *unexported
		list []unexported
		byID map[string]unexported
		any  any
	}
	u := unexported{s}
	values := map[string]any{
		"itself":               s,
		"pointer":              &s,
		"pointer to pointer":   func() any { p := &s; return &p }(),
		"slice":                []vault.Secret{s, s},
		"array":                [2]vault.Secret{s, s},
		"map value":            map[string]vault.Secret{"k": s},
		"map key":              map[vault.Secret]int{s: 1},
		"exported field":       exported{s},
		"exported, pointer":    &exported{s},
		"unexported field":     u,
		"unexported, pointer":  &u,
		"unexported, in slice": []unexported{u},
		"unexported, in map":   map[string]unexported{"k": u},
		"unexported, deep":     deep{&u, []unexported{u}, map[string]unexported{"k": u}, u},
		"unexported, deep ptr": &deep{&u, []unexported{u}, map[string]unexported{"k": u}, s},
		"interface":            []any{s, &s, u},
	}
	for name, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%+q", "%d", "%x", "%X", "% x", "%#x", "%b", "%o", "%c", "%U", "%e", "%t", "%p", "%w", "%T", "%5.2v", "%z"} {
			noCanary(t, name+" "+verb, fmt.Sprintf(verb, v))
		}
		noCanary(t, name+" Sprint", fmt.Sprint(v)+fmt.Sprintln(v))
		noCanary(t, name+" Errorf", fmt.Errorf("x: %v", v).Error())
		noCanary(t, name+" json", string(try(json.Marshal(v))))
		noCanary(t, name+" xml", string(try(xml.Marshal(v))))
		var b bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
			slog.New(h).Info("x", "k", v, slog.Group("g", "k", v))
		}
		_ = template.Must(template.New("").Parse(`{{.}} {{printf "%d %#v" . .}}`)).Execute(&b, v)
		noCanary(t, name+" slog and template", b.String())
	}
}

// try drops an error: what cannot be encoded is not printed.
func try(b []byte, _ error) []byte { return b }

func TestSecretSaysThatItIsOne(t *testing.T) {
	s := vault.NewSecret(canary)
	const want = "[secret]"
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		if got := fmt.Sprintf(verb, s); got != want {
			t.Errorf("%s prints %s, want %s", verb, got, want)
		}
	}
	if got := string(try(json.Marshal(map[string]any{"a": s}))); got != `{"a":"[secret]"}` {
		t.Errorf("json: %s", got)
	}
	if got := string(try(json.Marshal(map[vault.Secret]int{s: 1}))); got != `{"[secret]":1}` {
		t.Errorf("json, as a key: %s", got)
	}
	// YAML libraries look for this method; the only one we use is in config.
	if got, err := s.MarshalYAML(); got != want || err != nil {
		t.Errorf("yaml: %v, %v", got, err)
	}
	if s.String() != want || s.GoString() != want || s.LogValue().String() != want {
		t.Error("String, GoString or LogValue print something else")
	}
	if s.Reveal() != canary {
		t.Error("Reveal does not give the value")
	}
	if (vault.Secret{}).Reveal() != "" || fmt.Sprint(vault.Secret{}) != want {
		t.Error("the zero Secret is not empty, or prints otherwise than one with a value")
	}
}

func TestPanicHoldsNoValue(t *testing.T) {
	for _, how := range []string{"secret", "pointer", "struct", "error", "nil call"} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "VAULT_TEST_PANIC="+how, "VAULT_TEST_PANIC_VALUE="+canary, "GOTRACEBACK=all")
		out, err := cmd.CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("goroutine ")) {
			t.Fatalf("%s: the process did not panic: %v\n%s", how, err, out)
		}
		noCanary(t, "panic with "+how, string(out))
	}
}
