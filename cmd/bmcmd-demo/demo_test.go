package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/bmcmd/bmcmd/bmclient"
)

func perform(t *testing.T, api, text string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var out bytes.Buffer
	if err := (demo{out: &out, api: api}).perform(ctx, text); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	return out.String()
}

// Each conversation says at its top what it guards, and is held on each of the
// cloud's APIs; a part that ends in the name of one, as in "play 3.0", is for that one,
// and "play bm" for both of Bare Metal's.
// Secrets are searched for at the end of every part.
func TestPlays(t *testing.T) {
	files, err := filepath.Glob("testdata/plays/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no plays", err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, api := range apis {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+api, func(t *testing.T) {
				t.Parallel()
				for _, f := range a.Files {
					if isFor(f.Name[strings.LastIndex(f.Name, " ")+1:], api) {
						perform(t, api, string(f.Data))
					}
				}
			})
		}
	}
}

// isFor reports whether a part whose name ends in this word is held on an API.
func isFor(word, api string) bool {
	if word == "bm" {
		return api != bmclient.APITAT
	}
	return !slices.Contains(apis, word) || word == api
}

func TestRunbooks(t *testing.T) {
	files, err := filepath.Glob("runbooks/*.md")
	if err != nil || len(files) != 2 {
		t.Fatal("two runbooks ship with the demo", files, err)
	}
	for _, file := range files {
		for _, api := range apis {
			t.Run(filepath.Base(file)+"/"+api, func(t *testing.T) {
				t.Parallel()
				var out bytes.Buffer
				if err := (demo{out: &out, api: api}).playFile(t.Context(), file); err != nil {
					t.Fatalf("%v\n%s", err, out.String())
				}
				if strings.Contains(out.String(), "Scripts started: 0") || strings.Contains(out.String(), "Refused") {
					t.Errorf("a line of the runbook did not do its work\n%s", out.String())
				}
			})
		}
	}
}

// The play that ships shows the same on each API.
func TestIncident(t *testing.T) {
	for _, api := range apis {
		t.Run(api, func(t *testing.T) {
			t.Parallel()
			perform(t, api, incident)
		})
	}
}

// A play whose expectation is not met must fail, or no play guards anything.
func TestPlayFails(t *testing.T) {
	for _, tt := range []struct{ play, why string }{
		{"alice: /bmcmd help\nalice does not see: show", "what should not be seen is seen"},
		{"sent: 1", "nothing was sent"},
		{"alice: /bmcmd run cmd-nozcbhuw ins-web1\nno card", "there is a card"},
		{"bob presses Approve", "there is no card"},
		{"nobody: /bmcmd help", "there is no such person"},
		{"bob presses", "no line of the language"},
		{"file says: x", "there is no file"},
		{"host ins-web9 never ends", "there is no such host"},
		{"host ins-web1 sings", "hosts do not"},
		{"the API lists tasks soon", "that is no time"},
		{"dave runs cmd-nosuch on ins-web1 by hand", "there is no such script"},
		{"host ins-web1 prints 5 MB\nalice: /bmcmd run cmd-nozcbhuw ins-web1\nbob presses Approve\nfile says: ins-web1\nno file", "there is one"},
	} {
		if err := playImpatiently(t, tt.play); err == nil {
			t.Errorf("%q passes, but %s", tt.play, tt.why)
		}
	}
}

func playImpatiently(t *testing.T, play string) error {
	lines, err := parsePlay(play)
	if err != nil {
		return err
	}
	w, err := open(t.Context(), "3.0")
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	s := newStage(w, io.Discard)
	if s.patience = 50 * time.Millisecond; strings.Contains(play, "presses Approve") {
		s.patience = 10 * time.Second
	}
	return s.play(t.Context(), lines)
}

// What was found is counted, not typed: a secret that is printed must be found.
func TestSecretIsFound(t *testing.T) {
	w, err := open(t.Context(), "3.0")
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	for name, value := range w.secrets {
		for _, form := range forms(value) {
			if found := w.searchSecrets([]byte("…" + form + "…")); len(found.found) != 1 || !strings.HasPrefix(found.found[0], name) {
				t.Errorf("%s printed as %q: found %v", name, form, found.found)
			}
		}
	}
}

// variable is what differs from one performance to the next.
var variable = []struct {
	form *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`r-[a-z0-9]{10}`), "r-ID"},
	{regexp.MustCompile(`[A-Z][a-z]{2} \d+, \d{4} \d\d:\d\d`), "DATE"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
	{regexp.MustCompile(`digest [0-9a-f]+`), "digest D"},
	{regexp.MustCompile(`in \d+ bytes`), "in N bytes"},
	{regexp.MustCompile(`\d+ reads`), "N reads"},
}

func steady(s string) string {
	for _, v := range variable {
		s = v.form.ReplaceAllString(s, v.as)
	}
	return s
}

// The README shows real output: each part of its block, parted by […], stands in
// what the demo prints, in that order.
func TestReadmeShowsTheDemo(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(readme), "<!-- what the demo prints -->\n```text\n")
	block, _, closed := strings.Cut(block, "\n```\n")
	if !ok || !closed {
		t.Fatal("README.md has no block of what the demo prints")
	}
	real := steady(perform(t, "2.0", incident))
	for _, part := range strings.Split(steady(block), "\n[…]\n") {
		_, rest, ok := strings.Cut(real, strings.Trim(part, "\n"))
		if !ok {
			t.Fatalf("the demo does not print this part of the README:\n%s\n\nIt prints:\n%s", part, real)
		}
		real = rest
	}
}

func TestTalk(t *testing.T) {
	var out bytes.Buffer
	in := strings.NewReader("alice: /bmcmd run cmd-nozcbhuw ins-1x\nwhat?\nalice: /bmcmd run cmd-nozcbhuw ins-web1\nbob presses Approve\n\n")
	if err := run(t.Context(), []string{"-i"}, in, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"I do not understand", "Accepted by the API", "1 RunUserCmd"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
