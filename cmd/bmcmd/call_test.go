package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"pgregory.net/rapid"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

// TestCalls plays testdata/call on the built program, against each API. The cloud's clock stands still, so that what is printed can be compared.
func TestCalls(t *testing.T) {
	bin := filepath.Dir(program(t, "bmcmd"))
	for api, script := range map[string]string{bmclient.API2: "call", bmclient.API3: "call", bmclient.APITAT: "call_tat"} {
		t.Run(api, func(t *testing.T) {
			testscript.Run(t, testscript.Params{
				Files:               []string{"testdata/call/" + script + ".txtar", "testdata/call/call_wrong.txtar"},
				RequireExplicitExec: true,
				RequireUniqueNames:  true,
				Setup: func(e *testscript.Env) error {
					e.Setenv("PATH", bin+string(os.PathListSeparator)+e.Getenv("PATH"))
					cloud := operatorsCloud(api)
					e.Defer(cloud.Close)
					if err := cloud.Start(); err != nil {
						return err
					}
					settings := fmt.Sprintf("api: \"2.0\"\n  endpoint: %q", cloud.URL())
					if api == "3.0" {
						settings = fmt.Sprintf("api: \"3.0\"\n  region: ap-beijing\n  endpoint: %q", cloud.URL3())
					}
					text := fmt.Sprintf(operatorsConfig, settings)
					if api == bmclient.APITAT {
						text = strings.NewReplacer(`, password: "ref+file:///nowhere/web"`, ", region: ap-shanghai",
							`"2.0"`, "tat\n  region: ap-beijing", cloud.URL(), cloud.URLTAT()).Replace(text)
					}
					return os.WriteFile(filepath.Join(e.WorkDir, "bmcmd.yaml"), []byte(text), 0o600)
				},
				Condition: func(cond string) (bool, error) { return cond == "api:"+api, nil },
			})
		})
	}
}

// Nothing but the key for reads is there: neither Slack, nor Redis, nor a login.
const operatorsConfig = `slack: {bot_token: "ref+file:///nowhere/bot", app_token: "ref+file:///nowhere/app"}
redis: {addresses: ["127.0.0.1:1"]}
bm:
  %s
  read_key: {id: "ref+env://READ_ID", secret: "ref+env://READ_SECRET"}
  run_key: {id: "ref+file:///nowhere/id", secret: "ref+file:///nowhere/secret"}
logins:
  - {name: web, hosts: ["ins-*"], user: root, password: "ref+file:///nowhere/web"}
rules:
  - {name: web, ask: {groups: [S0ONCALL]}, approve: {groups: [S0LEADS]}}
`

// operatorsCloud has run some scripts by hand, with every kind of end.
func operatorsCloud(api string) *bmtest.Server {
	now := time.Date(2026, 3, 14, 3, 12, 0, 0, china)
	s := bmtest.New(bmtest.Now(func() time.Time { return now }), bmtest.Window(100*365*24*time.Hour))
	s.AddKey("AKIDread", "the-read-key", bmtest.MayRead)
	for i, sc := range []bmtest.Script{
		{CmdID: "cmd-nozcbhuw", Alias: "hello", Content: []byte("#!/bin/bash\n\necho \"hello\"")},
		{CmdID: "cmd-rst9w2kd", Alias: "restart-web", Content: []byte("#!/bin/bash\nset -eu\nsystemctl restart \"${1:-nginx}\"\n")},
		{CmdID: "cmd-twin1", Alias: "twin", Content: []byte("one")},
		{CmdID: "cmd-twin2", Alias: "twin", Content: []byte("two")},
		{CmdID: "cmd-hostile", Alias: "ev\x1b[2Jil", Content: []byte("echo \x1b]0;owned\x07\u202egpj.\n\techo \xff\n")},
	} {
		sc.Created, sc.Modified = now.Add(time.Duration(i-10)*time.Hour), now.Add(time.Duration(i-9)*time.Hour)
		s.AddScript(sc)
	}
	if api == bmclient.APITAT {
		s.AddScript(bmtest.Script{CmdID: "cmd-filled", Alias: "filled", Content: []byte("systemctl restart {{service}}"), How: bmtest.How{
			User: "deploy", Dir: "/srv", Timeout: 90, Bucket: "https://b.example.com", Fillable: true,
			Defaults: []bmtest.TATValue{{Name: "service", Value: "nginx"}},
		}})
	}
	for _, h := range []struct {
		id string
		bmtest.HostBehaviour
	}{
		{"ins-good", bmtest.HostBehaviour{Takes: 2 * time.Second, Output: []byte("hello\n")}},
		{"ins-exit3", bmtest.HostBehaviour{Takes: 90 * time.Second, Exit: 3, Output: []byte("no space\nleft \x1b[31mon\x1b[0m device\n")}},
		{"ins-locked", bmtest.HostBehaviour{Status: 1, Output: fmt.Appendf(nil, bmtest.BadLoginOutput, "10.0.0.3")}},
		{"ins-other", bmtest.HostBehaviour{Status: 7}},
		{"ins-binary", bmtest.HostBehaviour{Output: []byte("\x00\xfe\xff binary")}},
		{"ins-long", bmtest.HostBehaviour{Output: bytes.Repeat([]byte("0123456789 a line of many\n"), 100_000)}},
		{"ins-stuck", bmtest.HostBehaviour{NeverEnds: true}},
	} {
		s.AddHost(h.id, nil)
		s.SetHost(h.id, h.HostBehaviour)
	}
	s.SetMachine("ins-long", bmtest.Machine{Region: "ap-shanghai"})
	if api == bmclient.APITAT {
		s.SetHost("ins-locked", bmtest.HostBehaviour{Word: "START_FAILED", ErrorInfo: "InvalidUser: no such user"})
		s.SetHost("ins-other", bmtest.HostBehaviour{Word: "TASK_TIMEOUT"})
	}
	for _, on := range [][]string{
		{"ins-good", "ins-exit3", "ins-locked", "ins-stuck"}, {"ins-binary", "ins-other"}, {"ins-long"},
	} {
		if _, err := s.RunByHand("cmd-nozcbhuw", on, nil, []byte("-v")); err != nil {
			panic(err)
		}
		now = now.Add(2 * time.Minute)
	}
	return s
}

// TestTame holds that what is printed is the same JSON, whatever stands in it, and
// that a terminal takes nothing in it for a command.
func TestTame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := map[string]string{"key": rapid.String().Draw(t, "text")}
		var out bytes.Buffer
		if err := (&call{out: &out}).printJSON(in); err != nil {
			t.Fatal(err)
		}
		var back map[string]string
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || back["key"] != strings.ToValidUTF8(in["key"], "\ufffd") {
			t.Fatalf("%q came back as %q, %v", in, back, err)
		}
		for _, r := range out.String() {
			if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e' || r == '\u200b') {
				t.Fatalf("%q is printed as %q", in, out.String())
			}
		}
	})
}

// TestEnds holds that nothing of a long text is shown twice, that no character is cut,
// and that what is shown is short.
func TestEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.StringOfN(rapid.RuneFrom([]rune("aé世\U0001f600")), 0, 400, -1)
		text := strings.Join(rapid.SliceOfN(line, 0, 120).Draw(t, "lines"), "\n")
		if len(text) <= mostBytes && strings.Count(text, "\n") <= mostLines {
			return
		}
		head, tail := ends([]byte(text))
		switch {
		case !strings.HasPrefix(text, string(head)) || !strings.HasSuffix(text, string(tail)) || len(head)+len(tail) > len(text):
			t.Fatalf("%q and %q are not the ends of %q", head, tail, text)
		case strings.ToValidUTF8(string(head)+string(tail), "") != string(head)+string(tail):
			t.Fatalf("a character of %q is cut: %q, %q", text, head, tail)
		case len(head)+len(tail) > mostBytes || bytes.Count(head, []byte("\n"))+bytes.Count(tail, []byte("\n")) > mostLines:
			t.Fatalf("%d bytes are shown", len(head)+len(tail))
		}
	})
}
