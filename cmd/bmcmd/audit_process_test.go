package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// headInSlack is how a thread shows a head, and nothing else.
var headInSlack = regexp.MustCompile(`\b[0-9a-f]{64}\b`)

// TestProcessAudit has the program work, and asks it what happened while it serves: the
// chain of a real run holds, in Redis and in an export of which nothing is left but the
// file; Slack's head is in it; and no credential is in any of it.
func TestProcessAudit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	bot := w.Serve()
	w.Cloud.Post("host", object{"id": "ins-web1", "output": "it knows " + w.Secrets["web"] + " and " + w.Secrets["run_key"]})
	w.opens()
	w.Slack.Presses(alice, "Approve")
	w.Slack.Sees(alice, "nobody decides on their own request")
	w.Slack.Presses(bob, "Approve")
	w.Slack.CardSays("Ran on the host, exit code 0: run")
	w.Slack.ThreadSays("Audit: ", "head ")
	head := headInSlack.FindString(w.Slack.Thread())
	w.opens()
	w.Cloud.Fail("RunUserCmd", `{"code":18012,"echo":true}`)
	w.Slack.Presses(bob, "Approve")
	w.Slack.ThreadSays("The API says that it cannot run this")

	printed := ""
	ask := func(args ...string) string {
		t.Helper()
		p := bmcmd(t, append([]string{"audit"}, args...)...)
		if err := p.Wait(patience); err != nil {
			t.Errorf("%q: %v\n%s%s", args, err, p.Stdout, p.Stderr)
		}
		printed += p.Stdout.String() + p.Stderr.String()
		return p.Stdout.String()
	}
	said := ask("verify", "-c", w.Config, "--head", head)
	if !strings.Contains(said, "The head "+head[:min(12, len(head))]+" is r-") || !strings.Contains(said, "Looked at 2 requests with ") || !strings.Contains(said, "all holds.") {
		t.Errorf("verify says %s", said)
	}
	text := ask("export", "-c", w.Config)
	for _, s := range []string{`"kind":"refused"`, `"move":"vote"`, `"move":"claim"`, `"move":"finish"`, `"state":"succeeded"`, `"state":"failed"`} {
		if !strings.Contains(text, s) {
			t.Errorf("the export lacks %s:\n%s", s, text)
		}
	}
	file := world.Write(t, filepath.Join(t.TempDir(), "audit.jsonl"), text)
	bot.Term()
	w.noSecretLeft()
	w.Redis.Kill()
	if said := ask("verify", "--from", file, "-c", "/nowhere"); !strings.Contains(said, "all holds") {
		t.Errorf("verify says %s", said)
	}
	if len(printed) < 2000 {
		t.Errorf("only %d bytes were printed", len(printed))
	}
	for name, value := range w.Secrets {
		if form := find(printed, value); form != "" {
			t.Errorf("what was printed holds the secret %s, %s", name, form)
		}
	}
}
