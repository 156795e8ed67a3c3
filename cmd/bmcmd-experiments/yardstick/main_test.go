package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/bmclient/bmtest"
	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// TestYardstick holds that it does what it is measured for, on each API, and that it says so
// if the API refuses.
func TestYardstick(t *testing.T) {
	for _, api := range []string{"2.0", "3.0", "tat"} {
		t.Run(api, func(t *testing.T) {
			cloud, chat := start(t, api)
			for _, tt := range []struct{ hosts, want string }{{"ins-1,ins-2", "accepted"}, {"ins-9", "the API refuses"}} {
				if got := talk(t, chat, "run cmd-1 "+tt.hosts+" --reason why"); len(got) < len(tt.want) || got[:len(tt.want)] != tt.want {
					t.Errorf("%s: the thread says %q, want %q", tt.hosts, got, tt.want)
				}
			}
			runs := cloud.Runs()
			if len(runs) != 1 || !slices.Equal(runs[0].Hosts, []string{"ins-1", "ins-2"}) || string(runs[0].Content) != "echo hi" || !runs[0].LoginOK {
				t.Errorf("%+v", runs)
			}
		})
	}
}

// start starts it between a cloud and a Slack.
func start(t *testing.T, api string) (*bmtest.Server, *slacksim.Slack) {
	t.Helper()
	c := bmtest.New(bmtest.CheckLogins())
	c.AddScript(bmtest.Script{CmdID: "cmd-1", Content: []byte("echo hi")})
	c.AddHost("ins-1", map[string]string{"root": "p"})
	c.AddHost("ins-2", map[string]string{"root": "p"})
	c.AddKey("id", "secret", bmtest.MayRun)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	s, err := slacksim.Start(slacksim.Config{AckWithin: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.AddPerson(slacksim.Person{ID: "U1", Name: "alice"})
	s.AddChannel(slacksim.Channel{ID: "C1", Name: "incidents", Members: []string{"U1", s.BotUserID()}})
	endpoint := c.URL3()
	if api == "2.0" {
		endpoint = c.URL()
	}
	text, _ := json.Marshal(map[string]string{
		"Slack": s.APIURL(), "BotToken": slacksim.DefaultBotToken, "AppToken": slacksim.DefaultAppToken,
		"API": api, "Endpoint": endpoint, "Region": "ap-beijing", "ID": "id", "Key": "secret", "User": "root", "Password": "p", "Content": "echo hi",
	})
	file := filepath.Join(t.TempDir(), "settings.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, file) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	if err := s.WaitConnected(ctx, 1); err != nil {
		t.Fatal(err)
	}
	return c, s
}

// talk types a line, presses the button that comes, and gives what the thread says.
func talk(t *testing.T, s *slacksim.Slack, line string) string {
	t.Helper()
	entries, stop := s.Subscribe()
	defer stop()
	turn, err := s.Slash(t.Context(), "U1", "C1", "/bmcmd", line)
	acked(t, turn, err)
	for e := range entries {
		switch {
		case e.Kind == slacksim.KindMessage && e.ThreadTS != "":
			return e.Text
		case e.Kind == slacksim.KindMessage:
			turn, err := s.Click(t.Context(), "U1", "C1", e.TS, "Approve")
			acked(t, turn, err)
		}
	}
	t.Fatal("the simulator has ended")
	return ""
}

func acked(t *testing.T, turn *slacksim.Turn, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if a, err := turn.Wait(t.Context()); err != nil || a.Failed != "" {
		t.Fatal(a.Failed, err)
	}
}
