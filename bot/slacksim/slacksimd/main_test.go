package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
	"go.uber.org/goleak"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// admin speaks to the verbs.
type admin struct {
	t      *testing.T
	base   string
	client *http.Client
}

func (a admin) do(method, path, body string) (int, string) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.base+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	resp, err := a.client.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// start runs the program and returns the addresses that it prints.
func start(t *testing.T, args ...string) (api string, a admin) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, args, strings.NewReader(""), w) }()
	transport := &http.Transport{}
	t.Cleanup(func() {
		cancel()
		transport.CloseIdleConnections()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	lines := bufio.NewReader(r)
	for _, p := range []struct {
		name string
		to   *string
	}{{"api ", &api}, {"admin ", &a.base}} {
		line, err := lines.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, p.name) {
			t.Fatalf("%q, %v", line, err)
		}
		*p.to = strings.TrimSpace(strings.TrimPrefix(line, p.name))
	}
	a.t, a.client = t, &http.Client{Transport: transport}
	return api, a
}

const world = `{"people":[{"id":"U1","name":"alice"}],"groups":[{"id":"S1","handle":"ops","members":["U1"]}],
	"channels":[{"id":"C1","name":"incidents","members":["U1","U0BOT"]}]}`

func TestProcess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "world.json")
	if err := os.WriteFile(file, []byte(world), 0o600); err != nil {
		t.Fatal(err)
	}
	url, a := start(t, "-world", file)
	api := slack.New(slacksim.DefaultBotToken, slack.OptionAPIURL(url), slack.OptionAppLevelToken(slacksim.DefaultAppToken), slack.OptionHTTPClient(a.client))
	bot := socketmode.New(api)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { _ = bot.RunContext(ctx); close(ended) }()
	defer func() { cancel(); <-ended }()
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case e := <-bot.Events:
				if e.Type == socketmode.EventTypeSlashCommand {
					_ = bot.Ack(*e.Request, map[string]string{"text": "hello from the bot"})
				}
			}
		}
	}()
	if _, b := a.do("GET", "connections?n=1&wait=10s", ""); !strings.Contains(b, `"connections":1`) {
		t.Fatal(b)
	}
	if code, b := a.do("POST", "slash", `{"user":"U1","channel":"C1","command":"/bmcmd","text":"help"}`); code != 200 || !strings.Contains(b, "hello from the bot") {
		t.Errorf("slash: %d %s", code, b)
	}
	if _, _, err := api.PostMessage("C1", slack.MsgOptionText("a message", false)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"ephemerals?user=U1":      "hello from the bot",
		"messages?channel=C1":     "a message",
		"entries?after=2&wait=5s": `"seq":3`,
		"calls":                   "chat.postMessage",
		"transcript":              "#incidents  alice: /bmcmd help",
		"traffic":                 "text=a+message",
		"views?user=U1":           "null",
		"counts":                  `"chat.postMessage":1`,
	} {
		if code, b := a.do("GET", path, ""); code != 200 || !strings.Contains(b, want) {
			t.Errorf("%s: %d %s", path, code, b)
		}
	}
	a.do("POST", "fault", `{"method":"users.info","fault":{"status":429},"retry_after":"9s","n":1}`)
	if _, err := api.GetUserInfo("U1"); err == nil || !strings.Contains(err.Error(), "9s") {
		t.Errorf("fault: %v", err)
	}
	a.do("POST", "person", `{"id":"U1","name":"alice","deleted":true}`)
	if u, err := api.GetUserInfo("U1"); err != nil || !u.Deleted {
		t.Errorf("person: %+v, %v", u, err)
	}
	for path, body := range map[string]string{
		"slash":     `{"user":"U404","channel":"C1","command":"/x"}`,
		"click":     `{"user":"U1","channel":"C1","ts":"1.0","button":"x"}`,
		"submit":    `{"user":"U1","view":"V404"}`,
		"redeliver": `{"envelope":"none"}`,
		"mention":   `{`,
		"fault":     `{"method":"*","delay":"soon"}`,
		"slow":      `{"delay":"soon"}`,
	} {
		if code, b := a.do("POST", path, body); code != http.StatusBadRequest || !json.Valid([]byte(b)) {
			t.Errorf("%s: what a person could not do is a 400: %d %s", path, code, b)
		}
	}
}

// The stream begins with what comes after its first line, and says of each entry when, where and what.
func TestProcessStream(t *testing.T) {
	url, a := start(t, "-lean")
	a.do("POST", "channel", `{"id":"C1","name":"incidents","members":["U0BOT"]}`)
	req, err := http.NewRequestWithContext(t.Context(), "GET", a.base+"stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := a.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	if !lines.Scan() || lines.Text() != "" {
		t.Fatalf("%q, %v", lines.Text(), lines.Err())
	}
	api := slack.New(slacksim.DefaultBotToken, slack.OptionAPIURL(url), slack.OptionHTTPClient(a.client))
	_, ts, err := api.PostMessage("C1", slack.MsgOptionText("a card", false))
	if err != nil || !lines.Scan() {
		t.Fatal(err, lines.Err())
	}
	var e slacksim.Entry
	if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
		t.Fatal(err)
	}
	if e.Kind != slacksim.KindMessage || e.TS != ts || e.Text != "a card" || e.At.IsZero() || !e.Message.IsZero() {
		t.Errorf("%s", lines.Text())
	}
}

func TestProcessScopes(t *testing.T) {
	url, a := start(t, "-scopes", "chat:write,users:read")
	api := slack.New(slacksim.DefaultBotToken, slack.OptionAPIURL(url), slack.OptionHTTPClient(a.client))
	who, err := api.AuthTest()
	if err != nil {
		t.Fatal(err)
	}
	if got := who.Header.Get("X-OAuth-Scopes"); got != "chat:write,users:read" {
		t.Errorf("scopes: %q", got)
	}
}

func TestProcessEndsWithItsInput(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := run(ctx, []string{"-stdin"}, strings.NewReader(""), io.Discard); err != nil || ctx.Err() != nil {
		t.Errorf("%v, %v", err, ctx.Err())
	}
}

func TestProcessRefuses(t *testing.T) {
	for why, args := range map[string][]string{
		"an address that is not loopback": {"-listen", "0.0.0.0:0"},
		"a token that looks real":         {"-bot-token", "xoxb-1-2-3"},
		"a file that is not there":        {"-world", filepath.Join(t.TempDir(), "none.json")},
	} {
		var out bytes.Buffer
		if err := run(t.Context(), args, strings.NewReader(""), &out); err == nil || out.Len() > 0 {
			t.Errorf("%s: %v %s", why, err, fmt.Sprint(out.String()))
		}
	}
}
