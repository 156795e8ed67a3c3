package vault_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

// What came along at one of a value's ends is named, with the reference, and the value
// is not.
func TestBlanksAtTheEnds(t *testing.T) {
	r := open(t, vault.Config{})
	for _, c := range []struct{ before, after, says string }{
		{"", "\n", "it ends with a line end"},
		{"", "\r\n", "it ends with a line end"},
		{"\n", "", "it begins with a line end"},
		{" ", "", "it begins with a blank"},
		{"", " ", "it ends with a blank"},
		{"", "\t", "it ends with a tab"},
		{"\uFEFF", "", "it begins with a byte order mark"},
		{"", "\u00A0", "it ends with a character that is not seen (U+00A0)"},
		{"", "\u200B", "it ends with a character that is not seen (U+200B)"},
		{"", "\x1b", "it ends with a character that is not seen (U+001B)"},
		{"\u202A", "\u202C", "it begins with a character that is not seen (U+202A)"},
	} {
		t.Setenv("BMCMD_TEST_ENDS", c.before+canary+c.after)
		file := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(file, []byte(c.before+canary+c.after+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, where := range []string{"ref+env://BMCMD_TEST_ENDS", "ref+file://" + file} {
			got, err := r.Resolve(context.Background(), ref(t, where))
			if got.Reveal() != "" || !errors.Is(err, vault.ErrUnusable) || !strings.HasPrefix(err.Error(), where+": ") || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q, %q: %v, want %s", c.before, c.after, err, c.says)
			}
			if err != nil {
				noCanary(t, where, err.Error())
			}
		}
	}
	for _, value := range []string{" ", "\n\n", "\u200B"} {
		t.Setenv("BMCMD_TEST_ENDS", value)
		if _, err := r.Resolve(context.Background(), ref(t, "ref+env://BMCMD_TEST_ENDS")); !errors.Is(err, vault.ErrUnusable) {
			t.Errorf("%q alone: %v", value, err)
		}
	}
}
