package vault_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		full := filepath.Join(dir, name)
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return full
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(write("target", "linked"), link); err != nil {
		t.Fatal(err)
	}
	locked := write("locked", canary)
	if err := os.Chmod(locked, 0); err != nil {
		t.Fatal(err)
	}
	full := strings.Repeat("x", 64<<10)
	r := open(t, vault.Config{})
	for _, c := range []struct {
		name, want string
		err        error
		why        string
	}{
		{write("plain", "value"), "value", nil, "as it is"},
		{write("newline", "value\n"), "value", nil, "an editor's line end"},
		{write("crlf", "value\r\n"), "value", nil, "an editor's line end, on Windows"},
		{write("two", "value\n\n"), "", vault.ErrUnusable, "one is taken off, not all"},
		{write("cr", "value\r"), "", vault.ErrUnusable, "half a line end"},
		{write("inner", "a \n\tb\n"), "a \n\tb", nil, "spaces and lines inside stay"},
		{link, "linked", nil, "Kubernetes mounts secrets as links"},
		{write("full", full), full, nil, "64 KiB"},
		{write("large", full+"x"), "", vault.ErrUnusable, "64 KiB and one"},
		{write("empty", ""), "", vault.ErrEmpty, "an empty file"},
		{write("blank", "\n"), "", vault.ErrEmpty, "a line end alone"},
		{write("binary", canary+"\xff"), "", vault.ErrUnusable, "not text"},
		{write("zero", canary+"\x00"), "", vault.ErrUnusable, "not text"},
		{filepath.Join(dir, "missing"), "", vault.ErrNotFound, "no such file"},
		{filepath.Join(dir, "plain", "x"), "", vault.ErrUnusable, "a file in place of a directory"},
		{dir, "", vault.ErrUnusable, "a directory"},
		{pipe, "", vault.ErrUnusable, "a pipe: reading would wait"},
		{"/dev/zero", "", vault.ErrUnusable, "a device: reading would not end"},
	} {
		where := ref(t, "ref+file://"+c.name)
		got, err := r.Resolve(context.Background(), where)
		if got.Reveal() != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %.20q, %v; want %.20q, %v (%s)", filepath.Base(c.name), got.Reveal(), err, c.want, c.err, c.why)
		}
		if err != nil && (!strings.HasPrefix(err.Error(), where.String()+": ") || !strings.Contains(err.Error(), ";")) {
			t.Errorf("%s: the error does not name the reference or what to do: %v", c.why, err)
		}
		if err != nil {
			noCanary(t, c.why, err.Error())
		}
	}
	// Root may read everything, so this says something only for others.
	if os.Geteuid() != 0 {
		if _, err := r.Resolve(context.Background(), ref(t, "ref+file://"+locked)); !errors.Is(err, vault.ErrDenied) {
			t.Errorf("a file that may not be read: %v", err)
		}
	}
}

func TestFilesAreReadEachTime(t *testing.T) {
	token, write := tokenFile(t, "first-value")
	r := open(t, vault.Config{})
	for _, want := range []string{"first-value", "second-value"} {
		write(want)
		if got := value(t, r, token.String()); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := r.Scrub("first-value second-value"); got != "[secret] [secret]" {
		t.Errorf("a value that was handed out before is not scrubbed: %q", got)
	}
}

func TestVariables(t *testing.T) {
	t.Setenv("BMCMD_TEST_SET", canary)
	t.Setenv("BMCMD_TEST_EMPTY", "")
	r := open(t, vault.Config{})
	if got := value(t, r, "ref+env://BMCMD_TEST_SET"); got != canary {
		t.Errorf("%q: a variable is taken as it is", got)
	}
	if _, err := r.Resolve(context.Background(), ref(t, "ref+env://BMCMD_TEST_EMPTY")); !errors.Is(err, vault.ErrEmpty) {
		t.Errorf("empty: %v", err)
	}
	if _, err := r.Resolve(context.Background(), ref(t, "ref+env://BMCMD_TEST_UNSET")); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("unset: %v", err)
	}
}
