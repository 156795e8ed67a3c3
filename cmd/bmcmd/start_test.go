package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestProcessRefusesToStart has everything that only a person can mend. The program says
// one sentence on standard error, nothing else, and ends with status 1.
func TestProcessRefusesToStart(t *testing.T) {
	tests := []struct {
		why   string
		with  settings
		spoil func(w *world)
		says  []string
	}{
		{
			"a bot token that Slack does not know",
			settings{},
			func(w *world) { w.set("bot_token", "xoxb-sim-other") },
			[]string{"the bot token is not one that Slack knows", "OAuth & Permissions"},
		},
		{
			"an app token that Slack does not know",
			settings{},
			func(w *world) { w.set("app_token", "xapp-sim-other") },
			[]string{"the app token is not one that Slack knows", "App-Level Tokens"},
		},
		{
			"the tokens in each other's place",
			settings{},
			func(w *world) { w.set("bot_token", w.secrets["app_token"]); w.set("app_token", w.secrets["bot_token"]) },
			[]string{"the bot token", "xoxb-"},
		},
		{
			"a bot token that was revoked",
			settings{},
			func(w *world) {
				w.slack.post("refuse-token", object{"token": w.secrets["bot_token"], "code": "token_revoked"})
			},
			[]string{"the bot token was revoked"},
		},
		{
			"a scope that is missing",
			settings{slackArgs: []string{"-scopes", "commands,chat:write,users:read,app_mentions:read,files:write"}},
			func(*world) {},
			[]string{"the bot token lacks the scope usergroups:read", "install the app again"},
		},
		{
			"Socket Mode switched off",
			settings{},
			func(w *world) { w.slack.post("socket-mode", object{"on": false}) },
			[]string{"Socket Mode"},
		},
		{
			"a token's file that is not there",
			settings{},
			func(w *world) { _ = os.Remove(filepath.Join(w.dir, "bot_token")) },
			[]string{"slack.bot_token", "/bot_token", "not found"},
		},
		{
			"a config with a fault",
			settings{},
			func(w *world) { w.edit("array_kee: instanceId\n  endpoint:", "  endpoint:") },
			[]string{"bmcmd.yaml:10: bm: there is no key \"array_kee\"", "array_key"},
		},
		{
			"a config that is not there",
			settings{},
			func(w *world) { w.config += ".gone" },
			[]string{"there is no config", "name it with -c"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			tt.with.logLevel = "info"
			w := newWorld(t, tt.with)
			tt.spoil(w)
			began := time.Now()
			p := start(t, program(t, "bmcmd"), "serve", "-c", w.config)
			_ = p.wait(patience)
			if code := p.cmd.ProcessState.ExitCode(); code != 1 {
				t.Errorf("exit status %d, want 1", code)
			}
			if d := time.Since(began); d > 10*time.Second {
				t.Errorf("it took %s", d)
			}
			said := p.stderr.String()
			if n := len(lines(said)); n != 1 || p.stdout.String() != "" {
				t.Errorf("it said %d lines, want one: %s%s", n, said, p.stdout)
			}
			for _, s := range tt.says {
				if !strings.Contains(said, s) {
					t.Errorf("%q is not in %q", s, said)
				}
			}
			for name, value := range w.secrets {
				if form := find(said, value); form != "" {
					t.Errorf("it says the secret %s, %s: %s", name, form, said)
				}
			}
		})
	}
}

// TestProcessVaultThatRefusesToken is one sentence, too, and names the reference.
func TestProcessVaultThatRefusesToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{vault: true, logLevel: "warn"})
	w.set("vault_token", "hvs.other")
	p := start(t, program(t, "bmcmd"), "serve", "-c", w.config)
	_ = p.wait(patience)
	said := p.stderr.String()
	if code := p.cmd.ProcessState.ExitCode(); code != 1 || len(lines(said)) != 1 {
		t.Errorf("exit status %d: %s", code, said)
	}
	for _, s := range []string{w.ref("bot_token"), "the vault refuses", "put a valid token in place"} {
		if !strings.Contains(said, s) {
			t.Errorf("%q is not in %q", s, said)
		}
	}
}

// TestProcessLosesSocketModeWhileServing ends the program with the sentence that says
// what to do, as at the start.
func TestProcessLosesSocketModeWhileServing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{logLevel: "error"})
	bot := w.serve()
	w.slack.post("socket-mode", object{"on": false})
	_ = bot.wait(patience)
	if code := bot.cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(bot.stderr.String(), "Socket Mode is switched off") {
		t.Errorf("exit status %d: %s", code, bot.stderr)
	}
}

// set gives a secret another value, where the bot reads it.
func (w *world) set(name, value string) {
	write(w.t, filepath.Join(w.dir, name), value+"\n")
}

// edit puts text into the config before the first place that reads as before.
func (w *world) edit(text, before string) {
	w.t.Helper()
	data, err := os.ReadFile(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	head, tail, ok := strings.Cut(string(data), before)
	if !ok {
		w.t.Fatalf("the config does not hold %q", before)
	}
	write(w.t, w.config, head+"  "+text+tail)
}
