package config

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

const canary = "hunter2canary"

// shapes are the ways in which a secret may stand where it does not belong, also
// those that are no YAML.
var shapes = []string{
	canary, `"` + canary + `"`, "'" + canary + "'",
	"xoxb-" + canary, "ref+" + canary, "ref+vault:" + canary, "ref+vault://secret/a?token=" + canary + "#/b",
	"ref+file://" + canary, "ref+env://" + canary + "-1",
	"{" + canary + ": x}", "{value: " + canary + "}", "[" + canary + "]",
	"{" + canary + "}", "{" + canary + ": x, " + canary + ": y}", "{x: {y: [" + canary + "]}}",
	"|\n      " + canary, ">-\n      " + canary, "\n      " + canary + ": x", "\n      " + canary,
	`"` + canary, "'" + canary, "[" + canary, "{" + canary, "]" + canary, canary + ": x: y", canary + "\n" + canary,
	"\t" + canary, "&" + canary, "*" + canary, "!" + canary, "&a " + canary, "!!int " + canary, "!!" + canary + " x",
	"@" + canary, "%" + canary, "`" + canary, "|" + canary, `"\q` + canary + `"`, canary + "\x00", canary + "\xff",
	"https://me:" + canary + "@example.com/", "redis://:" + canary + "@redis:6379", "https://x/?" + canary,
	"? " + canary, "<<: " + canary, "- " + canary, "#" + canary,
}

// TestNoValueInErrors puts shapes in the place of each value of the example:
// a third of them for each value, and each of them at a third of the values.
func TestNoValueInErrors(t *testing.T) {
	for _, api := range []string{API2, APITAT} {
		noValueInErrors(t, exampleFor(t, api))
	}
}

func noValueInErrors(t *testing.T, example []byte) {
	t.Helper()
	comments := regexp.MustCompile(`(?m)(^| +)# .*$|^#$`)
	lines := strings.Split(comments.ReplaceAllString(string(example), ""), "\n")
	lines = slices.DeleteFunc(lines, func(s string) bool { return s == "" })
	tried, refused := 0, 0
	for i, line := range lines {
		key, _, ok := strings.Cut(line, ": ")
		if !ok {
			continue
		}
		for j, shape := range shapes {
			if (i+j)%3 != 0 {
				continue
			}
			tried++
			edited := strings.Join(lines[:i], "\n") + "\n" + key + ": " + shape + "\n" + strings.Join(lines[i+1:], "\n")
			c, err := Parse("c.yaml", []byte(edited))
			if err != nil {
				refused++
				leaks(t, fmt.Sprintf("line %d, %s", i+1, shape), err)
				continue
			}
			if strings.Contains(strings.Join(c.Warnings, "\n"), canary) {
				t.Errorf("line %d, %s: in a warning", i+1, shape)
			}
		}
	}
	if tried < 600 || refused < tried*8/10 {
		t.Errorf("%d tried, %d refused: the test looks in the wrong places", tried, refused)
	}
}

// TestLiteralSecretsAreRefused: what is not a reference is refused wherever a
// reference is meant.
func TestLiteralSecretsAreRefused(t *testing.T) {
	keys := map[string]bool{}
	for _, text := range [][]byte{Example, exampleFor(t, APITAT)} {
		literalsAreRefused(t, text, keys)
	}
	if got, want := len(keys), secretSettings(reflect.TypeFor[Config]()); got < want {
		t.Fatalf("the examples have %d references, for %d secret settings", got, want)
	}
}

func literalsAreRefused(t *testing.T, text []byte, keys map[string]bool) {
	t.Helper()
	lines := strings.Split(string(text), "\n")
	for _, p := range mustParse(t, string(text)).Refs() {
		keys[p.Key] = true
		line := lines[p.Line-1]
		for _, shape := range shapes {
			lines[p.Line-1] = strings.Replace(line, p.Ref.String(), shape, 1)
			_, err := Parse("c.yaml", []byte(strings.Join(lines, "\n")))
			if err == nil {
				t.Errorf("%s: %s was taken", p.Key, shape)
				continue
			}
			leaks(t, p.Key+", "+shape, err)
		}
		lines[p.Line-1] = line
	}
}

// secretSettings counts the settings of type Ref.
func secretSettings(t reflect.Type) int {
	n := 0
	switch {
	case t == reflect.TypeFor[vault.Ref]():
		return 1
	case t.Kind() == reflect.Slice:
		return secretSettings(t.Elem())
	case t.Kind() == reflect.Struct:
		for _, f := range fieldsOf(t) {
			n += secretSettings(t.Field(f.index).Type)
		}
	}
	return n
}

func leaks(t *testing.T, what string, err error) {
	t.Helper()
	for _, text := range []string{err.Error(), fmt.Sprintf("%#v", err), fmt.Sprintf("%+v", errors.Unwrap(err))} {
		if strings.Contains(text, canary) {
			t.Errorf("%s: %s", what, text)
		}
	}
}

// FuzzParse: whatever the file, there is no panic, no value in an error, and
// what is taken is what the rest of the program relies on.
func FuzzParse(f *testing.F) {
	f.Add(base)
	f.Add(string(Example))
	f.Add(string(exampleFor(f, APITAT)))
	for _, shape := range shapes {
		f.Add(strings.Replace(base, "ref+env://APP", shape, 1))
		f.Add(strings.Replace(base, "root\n", shape+"\n", 1))
	}
	for _, row := range wrong {
		f.Add(strings.Replace(base, row.old, row.replacement, 1))
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse("c.yaml", []byte(text))
		if err != nil {
			var found Problems
			if !errors.As(err, &found) || len(found) == 0 || c != nil {
				t.Fatalf("got %T", err)
			}
			for _, p := range found {
				if p.Line < 1 || p.Text == "" {
					t.Errorf("no line or no text: %+v", p)
				}
			}
			// A reference may be spelled out, and a key that is nearly known.
			if !strings.Contains(text, "ref+vault://") {
				leaks(t, "fuzz", err)
			}
			return
		}
		if err := c.Rules.Validate(); err != nil {
			t.Errorf("rules: %v", err)
		}
		for _, r := range c.Refs() {
			if r.Ref.IsZero() || r.Line < 1 || r.Key == "" {
				t.Errorf("reference %+v", r)
			}
		}
		if c.Run.Lease < c.BM.RunTimeout+leaseMargin || c.BM.Timeout <= 0 || c.Run.DispatchWithin <= 0 {
			t.Errorf("times: %+v %+v", c.Run, c.BM)
		}
		if c.BM.ReadKey.Secret == c.BM.RunKey.Secret || len(c.Redis.Addresses) == 0 || len(c.Logins) == 0 {
			t.Errorf("taken: %+v", c)
		}
		_, _ = c.Login(approvals.KnownHosts{}.Each([]string{"ins-1", "ins-2"}))
	})
}
