package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// TestProcessRefusesToStart has everything that only a person can mend. The program says
// one sentence on standard error, nothing else, and ends with status 1.
func TestProcessRefusesToStart(t *testing.T) {
	tests := []struct {
		why   string
		with  settings
		spoil func(w *scene)
		says  []string
	}{
		{
			"a bot token that Slack does not know",
			settings{},
			func(w *scene) { w.Set("bot_token", "xoxb-sim-other") },
			[]string{"the bot token is not one that Slack knows", "OAuth & Permissions"},
		},
		{
			"an app token that Slack does not know",
			settings{},
			func(w *scene) { w.Set("app_token", "xapp-sim-other") },
			[]string{"the app token is not one that Slack knows", "App-Level Tokens"},
		},
		{
			"the tokens in each other's place",
			settings{},
			func(w *scene) { w.Set("bot_token", w.Secrets["app_token"]); w.Set("app_token", w.Secrets["bot_token"]) },
			[]string{"the bot token", "xoxb-"},
		},
		{
			"a bot token that was revoked",
			settings{},
			func(w *scene) {
				w.Slack.Post("refuse-token", object{"token": w.Secrets["bot_token"], "code": "token_revoked"})
			},
			[]string{"the bot token was revoked"},
		},
		{
			"a scope that is missing",
			settings{Settings: world.Settings{SlackArgs: []string{"-scopes", "commands,chat:write,users:read,app_mentions:read,files:write"}}},
			func(*scene) {},
			[]string{"the bot token lacks the scope usergroups:read", "install the app again"},
		},
		{
			"Socket Mode switched off",
			settings{},
			func(w *scene) { w.Slack.Post("socket-mode", object{"on": false}) },
			[]string{"Socket Mode"},
		},
		{
			"a token's file that is not there",
			settings{},
			func(w *scene) { _ = os.Remove(filepath.Join(w.Dir, "bot_token")) },
			[]string{"slack.bot_token", "/bot_token", "not found"},
		},
		{
			"a Redis that may forget a claim",
			settings{},
			func(w *scene) { w.Redis.Kill(); w.Redis.Start("appendfsync everysec") },
			[]string{"redis may forget what it confirmed", "appendfsync is everysec. Set it to always, or write durability: weak"},
		},
		{
			"a Redis that is a replica and takes writes",
			settings{},
			func(w *scene) {
				w.Redis.Do("CONFIG", "SET", "replica-read-only", "no")
				w.Redis.Do("REPLICAOF", "127.0.0.1", "1")
			},
			[]string{"redis cannot do what bmcmd needs: role is slave. A replica loses what is written to it; name the master"},
		},
		{
			"a bot token with a line end too many",
			settings{},
			func(w *scene) { w.Set("bot_token", w.Secrets["bot_token"]+"\n") },
			[]string{"slack.bot_token: ref+file://", "/bot_token: unusable: it ends with a line end", "store the value without it"},
		},
		{
			"an app token with a blank before it",
			settings{},
			func(w *scene) { w.Set("app_token", " "+w.Secrets["app_token"]) },
			[]string{"slack.app_token: ref+file://", "/app_token: unusable: it begins with a blank"},
		},
		{
			"both tokens in one file",
			settings{},
			func(w *scene) { w.Set("app_token", w.Secrets["app_token"]+"\n"+w.Secrets["bot_token"]) },
			[]string{"the app token holds a blank, a line end or a character that no token has"},
		},
		{
			"a key for reads with a blank behind it",
			settings{},
			func(w *scene) { w.Set("read_key", w.Secrets["read_key"]+" ") },
			[]string{"bm.read_key: ", "/read_key: unusable: it ends with a blank"},
		},
		{
			"a key for reads with its secret in the same file",
			settings{},
			func(w *scene) { w.Set("read_id", w.Secrets["read_id"]+" "+w.Secrets["read_key"]) },
			[]string{"bm.read_key: ", "/read_id: unusable: it holds a blank or a line end"},
		},
		{
			"a key for reads that is not there",
			settings{},
			func(w *scene) { _ = os.Remove(filepath.Join(w.Dir, "read_id")) },
			[]string{"bm.read_key: ", "/read_id: not found"},
		},
		{
			"a password of Redis with a line end too many",
			settings{},
			func(w *scene) { w.Set("redis", w.Secrets["redis"]+"\n") },
			[]string{"the password of Redis: ref+file://", "/redis: unusable: it ends with a line end"},
		},
		{
			"an address of Slack where it is not",
			settings{Settings: world.Settings{Config: func(w *world.World, text string) string {
				return strings.Replace(text, "api_url: "+w.Slack.API, "api_url: "+w.Slack.API+"v2/", 1)
			}}},
			func(*scene) {},
			[]string{"what answers at slack.api_url is not Slack's API", "correct slack.api_url, or remove it"},
		},
		{
			"an address of something else than Slack",
			settings{Settings: world.Settings{Config: func(w *world.World, text string) string {
				return strings.Replace(text, "api_url: "+w.Slack.API, "api_url: "+w.Cloud.API, 1)
			}}},
			func(*scene) {},
			[]string{"what answers at slack.api_url is not Slack's API"},
		},
		{
			"a database that Redis does not have",
			settings{},
			func(w *scene) { w.edit("db: 99\n  addresses:", "  addresses:") },
			[]string{"redis does not let bmcmd in: it has no database of this number. Correct redis.db"},
		},
		{
			"a password that Redis does not take",
			settings{},
			func(w *scene) { w.Set("redis", "another") },
			[]string{"redis does not let bmcmd in", "WRONGPASS", "Correct redis.username, or what redis.password refers to"},
		},
		{
			"a password of Redis that is not there",
			settings{},
			func(w *scene) { _ = os.Remove(filepath.Join(w.Dir, "redis")) },
			[]string{"the password of Redis", "/redis: not found"},
		},
		{
			"a user that Redis does not know",
			settings{},
			func(w *scene) { w.edit("username: nobody\n  addresses:", "  addresses:") },
			[]string{"redis does not let bmcmd in", "Correct redis.username"},
		},
		{
			"a config with a fault",
			settings{},
			func(w *scene) { w.edit("array_kee: instanceId\n  endpoint:", "  endpoint:") },
			[]string{"bmcmd.yaml:10: bm: there is no key \"array_kee\"", "array_key"},
		},
		{
			"a config that is not there",
			settings{},
			func(w *scene) { w.Config += ".gone" },
			[]string{"there is no config", "name it with -c"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			tt.with.LogLevel = "info"
			tt.with.Patient = true
			w := newWorld(t, tt.with)
			tt.spoil(w)
			p := bmcmd(t, "serve", "-c", w.Config)
			if err := p.Wait(patience); errors.Is(err, world.ErrRuns) {
				t.Fatalf("%v: %s", err, p.Stderr)
			}
			if code := p.Cmd.ProcessState.ExitCode(); code != 1 {
				t.Errorf("exit status %d, want 1", code)
			}
			said := p.Stderr.String()
			if n := len(lines(said)); n != 1 || p.Stdout.String() != "" {
				t.Errorf("it said %d lines, want one: %s%s", n, said, p.Stdout)
			}
			for _, s := range tt.says {
				if !strings.Contains(said, s) {
					t.Errorf("%q is not in %q", s, said)
				}
			}
			for name, value := range w.Secrets {
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
	w := newWorld(t, settings{vault: true, Settings: world.Settings{Patient: true, LogLevel: "warn"}})
	w.Set("vault_token", "hvs.other")
	p := bmcmd(t, "serve", "-c", w.Config)
	_ = p.Wait(patience)
	said := p.Stderr.String()
	if code := p.Cmd.ProcessState.ExitCode(); code != 1 || len(lines(said)) != 1 {
		t.Errorf("exit status %d: %s", code, said)
	}
	for _, s := range []string{w.Ref("read_id"), "the vault refuses", "put a valid token in place"} {
		if !strings.Contains(said, s) {
			t.Errorf("%q is not in %q", s, said)
		}
	}
}

// TestProcessLosesSocketModeWhileServing ends the program with the sentence that says
// what to do, as at the start.
func TestProcessLosesSocketModeWhileServing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{Settings: world.Settings{Patient: true, LogLevel: "error"}})
	bot := w.Serve()
	w.Slack.Post("socket-mode", object{"on": false})
	_ = bot.Wait(patience)
	if code := bot.Cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(bot.Stderr.String(), "Socket Mode is switched off") {
		t.Errorf("exit status %d: %s", code, bot.Stderr)
	}
}

// TestProcessWarnsAtTheStart has what does not end the program, and lasts until somebody
// mends it, in the log once before anybody types a command.
func TestProcessWarnsAtTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{Settings: world.Settings{Patient: true, LogLevel: "warn", Config: func(_ *world.World, text string) string {
		return strings.Replace(text, "S0LEADS", "S0NOPE", 1)
	}}})
	w.Set("read_key", "another")
	for _, want := range []int{3, 2} { // the first finds Redis new; the second hears from it that there is no such group
		log := w.Serve().Stderr.String()
		for _, says := range []string{"the API did not take a read with bm.read_key", "4100", "a user group of the rules does not exist", "S0NOPE"} {
			if strings.Count(log, says) == 0 {
				t.Errorf("%q is not logged: %s", says, log)
			}
		}
		if n := len(lines(log)); n != want {
			t.Errorf("%d lines are logged, want %d: %s", n, want, log)
		}
	}
}
