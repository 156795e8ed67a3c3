package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bmcmd/bmcmd/bot/slackio"
	"github.com/bmcmd/bmcmd/bot/slacksim"
	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

// TestScripts plays testdata/script on the built program.
func TestScripts(t *testing.T) {
	bin := filepath.Dir(program(t, "bmcmd"))
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", bin+string(os.PathListSeparator)+e.Getenv("PATH"))
			return nil
		},
	})
}

// printed runs the program in this process and gives what it printed.
func printed(t *testing.T, args ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if err := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr); err != nil || stderr.Len() > 0 {
		t.Fatalf("%q: %v, %s", args, err, stderr.String())
	}
	return stdout.Bytes()
}

// appManifest are the parts of a manifest that decide what the app may do.
type appManifest struct {
	Features struct {
		SlashCommands []struct {
			Command      string `yaml:"command"`
			ShouldEscape bool   `yaml:"should_escape"`
		} `yaml:"slash_commands"`
	} `yaml:"features"`
	OAuth struct {
		Scopes map[string][]string `yaml:"scopes"`
	} `yaml:"oauth_config"`
	Settings struct {
		Events struct {
			Bot []string `yaml:"bot_events"`
		} `yaml:"event_subscriptions"`
		Interactivity struct {
			On bool `yaml:"is_enabled"`
		} `yaml:"interactivity"`
		SocketMode bool `yaml:"socket_mode_enabled"`
	} `yaml:"settings"`
}

// TestManifest holds the manifest against what the bot needs: with its scopes nothing is
// missed, and without any one of them the bot says what it cannot do, or does not start.
func TestManifest(t *testing.T) {
	var m appManifest
	if err := yaml.Unmarshal(printed(t, "manifest", "--command", "/ops"), &m); err != nil {
		t.Fatal(err)
	}
	commands := m.Features.SlashCommands
	if len(commands) != 1 || commands[0].Command != "/ops" || commands[0].ShouldEscape {
		t.Errorf("slash commands: %+v; want /ops, which comes as it was typed", commands)
	}
	if s := m.Settings; !s.SocketMode || !s.Interactivity.On || !slices.Equal(s.Events.Bot, []string{"app_mention"}) {
		t.Errorf("settings: %+v", s)
	}
	if kinds := slices.Collect(maps.Keys(m.OAuth.Scopes)); !slices.Equal(kinds, []string{"bot"}) {
		t.Errorf("scopes for %q; want for the bot alone", kinds)
	}
	all := m.OAuth.Scopes["bot"]
	if says, err := checkScopes(t, all); err != nil || says != "" {
		t.Errorf("with the manifest's scopes: %v, %s", err, says)
	}
	for _, s := range all {
		rest := slices.DeleteFunc(slices.Clone(all), func(x string) bool { return x == s })
		says, err := checkScopes(t, rest)
		if errors.Is(err, slackio.ErrSetup) {
			says = err.Error()
		}
		if !strings.Contains(says, s) {
			t.Errorf("without %s the bot says %q, %v; nobody needs a scope that is not missed", s, says, err)
		}
	}
}

// checkScopes is what the bot says at its start to a token with these scopes.
func checkScopes(t *testing.T, scopes []string) (lacks string, err error) {
	t.Helper()
	s, err := slacksim.Start(slacksim.Config{Scopes: scopes})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	slack, err := slackio.New(slackio.Config{
		BotToken: vault.NewSecret(slacksim.DefaultBotToken), AppToken: vault.NewSecret(slacksim.DefaultAppToken),
		APIURL: s.APIURL(), AsksGroups: true, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	here, err := slack.Check(t.Context())
	for _, l := range here.Lacks {
		lacks += l.String()
	}
	return lacks, err
}

// errTorn is what a pipe says whose writer died.
var errTorn = errors.New("the pipe is torn")

type torn struct{}

func (torn) Read([]byte) (int, error) { return 0, errTorn }

// TestTornInput has the config come from a program that died.
func TestTornInput(t *testing.T) {
	err := run(context.Background(), []string{"check", "-c", "-"}, torn{}, io.Discard, io.Discard)
	if !errors.Is(err, errTorn) || !strings.Contains(err.Error(), "standard input") {
		t.Errorf("got %v", err)
	}
}
