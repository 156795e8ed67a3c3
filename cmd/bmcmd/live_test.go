package main

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// TestCheckLive asks the simulators, a real Redis and files, with each part in turn
// out of order.
func TestCheckLive(t *testing.T) {
	tests := []struct {
		why   string
		spoil func(w *scene)
		says  []string // beginnings of the lines after the first, with what must be in them after a |
		ends  string
	}{
		{
			"all is well", func(*scene) {},
			[]string{"ok      redis  127.0.0.1:|keeps what it confirms", "ok      slack  both tokens are good for the workspace sim (T0SIM)", "ok      cloud  http://127.0.0.1:"},
			"",
		},
		{
			"Redis is away", func(w *scene) { w.Redis.Kill() },
			[]string{"FAILED  redis  the store is away", "ok      slack", "ok      cloud"},
			"1 part outside is not as it should be",
		},
		{
			"Redis may forget what it confirms", func(w *scene) { w.Redis.Kill(); w.Redis.Start("appendfsync everysec") },
			[]string{"FAILED  redis  redis may forget |appendfsync is everysec. Set it to always, or write durability: weak", "ok      slack", "ok      cloud"},
			"1 part outside",
		},
		{
			"Redis' password is wrong", func(w *scene) { w.Set("redis", "another") },
			[]string{"FAILED  redis |WRONGPASS", "ok      slack", "ok      cloud"},
			"1 part outside",
		},
		{
			"Redis' password is not there", func(w *scene) { _ = os.Remove(filepath.Join(w.Dir, "redis")) },
			[]string{"FAILED  redis |/redis: not found", "ok      slack", "ok      cloud"},
			"1 part outside",
		},
		{
			"a token is wrong and the read key is, too",
			func(w *scene) { w.Set("app_token", "xapp-sim-other"); w.Set("read_key", "another") },
			[]string{"ok      redis", "FAILED  slack  slack: the app token is not one that Slack knows", "FAILED  cloud |4100"},
			"2 parts outside are not as they should be",
		},
		{
			"the credentials of runs are not looked at", func(w *scene) {
				for _, name := range []string{"run_id", "run_key", "web", "db"} {
					_ = os.Remove(filepath.Join(w.Dir, name))
				}
			},
			[]string{"ok      redis", "ok      slack", "ok      cloud"},
			"",
		},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, settings{})
			tt.spoil(w)
			w.checkLive(tt.says, tt.ends)
			if sent := w.Slack.Messages(); len(sent) > 0 || w.Cloud.Sends("RunUserCmd") > 0 {
				t.Errorf("the check has posted or run something: %v", sent)
			}
		})
	}
}

// TestCheckLive3 asks API 3.0, with the key for reads as it should be, wrong, and
// without a right that the bot needs.
func TestCheckLive3(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{Settings: world.Settings{API: "3.0"}})
	well := []string{"ok      redis", "ok      slack"}
	w.checkLive(append(well, "ok      cloud  http://127.0.0.1:|takes the key for reads, API 3.0"), "")
	w.Cloud.Fail("DescribeUserCmdTasks", `{"error":"UnauthorizedOperation"}`)
	w.checkLive(append(well, "FAILED  cloud |give this key the right to DescribeUserCmdTasks"), "1 part outside")
	w.Set("read_key", "another")
	w.checkLive(append(well, "FAILED  cloud |AuthFailure.SignatureFailure"), "1 part outside")
}

// TestCheckLiveAliases has a runbook name scripts by their alias, which only the cloud
// can tell apart.
func TestCheckLiveAliases(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	book := world.Write(t, filepath.Join(w.Dir, "book.md"), "`/bmcmd show restart-web`\n`/bmcmd run restart-web ins-web1`\n`/bmcmd show nosuch`\n")
	p := bmcmd(t, "check", "--live", "-c", w.Config, "--runbook", book)
	err := p.Wait(patience)
	want := []string{
		"book.md:1: /bmcmd show restart-web", "alias of cmd-rst9w2kd", `rule "database": S0ONCALL may see it`,
		"book.md:2: /bmcmd run restart-web ins-web1", "alias of cmd-rst9w2kd", `rule "web" in C0INCIDENT: S0ONCALL may ask`, "runs as root, by login web-root",
		"book.md:3: /bmcmd show nosuch", `REFUSED: there is no such script with the alias "nosuch"`,
	}
	rest := p.Stdout.String()
	for _, text := range want {
		_, after, found := strings.Cut(rest, text)
		if !found {
			t.Fatalf("%q is not there, or not in its place:\n%s%s", text, p.Stdout, p.Stderr)
		}
		rest = after
	}
	if err == nil || !strings.Contains(p.Stderr.String(), "1 line of the runbooks would be refused") {
		t.Errorf("it ended with %v: %s", err, p.Stderr)
	}
}

// TestCheckLiveVault is the same for a vault that is there, away, or refuses.
func TestCheckLiveVault(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{vault: true})
	others := []string{"ok      redis", "ok      slack", "ok      cloud"}
	w.checkLive(append([]string{"ok      vault  " + w.vaultAt.URL() + " takes the token"}, others...), "")
	w.Set("vault_token", "hvs.other")
	w.checkLive([]string{"FAILED  vault |refuses", "FAILED  redis", "FAILED  slack", "FAILED  cloud"}, "4 parts outside")
	w.vaultAt.Shut()
	w.checkLive([]string{"FAILED  vault |connection refused", "FAILED  redis", "FAILED  slack", "FAILED  cloud"}, "4 parts outside")
}

func (w *scene) checkLive(says []string, ends string) {
	w.t.Helper()
	p := bmcmd(w.t, "check", "--live", "-c", w.Config)
	err := p.Wait(patience)
	got := lines(p.Stdout.String())
	if len(got) != len(says)+1 || !strings.Contains(got[0], "is good") {
		w.t.Fatalf("it says %d lines, want %d:\n%s%s", len(got), len(says)+1, p.Stdout, p.Stderr)
	}
	for i, want := range says {
		begins, holds, _ := strings.Cut(want, "|")
		if !strings.HasPrefix(got[i+1], begins) || !strings.Contains(got[i+1], holds) {
			w.t.Errorf("got  %q\nwant %q", got[i+1], want)
		}
	}
	if said := p.Stderr.String(); (err == nil) != (ends == "") || !strings.Contains(said, ends) || ends == "" && said != "" {
		w.t.Errorf("it ended with %v: %s", err, said)
	}
	for name, value := range w.Secrets {
		if form := find(p.Stdout.String()+p.Stderr.String(), value); form != "" {
			w.t.Errorf("it says the secret %s, %s", name, form)
		}
	}
}

// TestGate holds that a gate that is shut refuses connections, and opens again at
// the same address: the tests of a vault that is away stand on it.
func TestGate(t *testing.T) {
	behind := world.NewGate(t, "http://127.0.0.1:1")
	g := world.NewGate(t, behind.URL())
	codes := []int{status(g), 0, 0}
	g.Shut()
	codes[1] = status(g)
	g.Open()
	codes[2] = status(g)
	if want := []int{http.StatusBadGateway, 0, http.StatusBadGateway}; !slices.Equal(codes, want) {
		t.Errorf("got %d, want %d", codes, want)
	}
}

// status is what a gate answers; 0 for no answer.
func status(g *world.Gate) int {
	resp, err := http.Get(g.URL())
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}
