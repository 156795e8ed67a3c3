package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

type word string

func (w word) Reveal() string { return string(w) }

const state = `{
	"scripts": [{"cmd_id": "cmd-1", "alias": "hello", "content": "echo hi"}],
	"hosts": {"ins-1": {"root": "p"}},
	"keys": [{"id": "r", "secret": "s", "may": "read"}, {"id": "x", "secret": "s", "token": "t", "may": "run"},
		{"id": "reader-1234", "secret": "secret-1234", "may": "read"}, {"id": "runner-1234", "secret": "secret-1234", "may": "run"}],
	"only_array_key": "instanceIds"
}`

func writeState(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "state.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// serve runs the program and gives its addresses.
func serve(t *testing.T) (api, admin, api3 string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-state", writeState(t, state)}, w)
		w.CloseWithError(err)
		ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	lines := bufio.NewScanner(r)
	for _, into := range []*string{&api, &admin, &api3} {
		if !lines.Scan() {
			t.Fatal(lines.Err())
		}
		_, *into, _ = strings.Cut(lines.Text(), " ")
	}
	return api, admin, api3
}

func post(t *testing.T, to, body string, want int) {
	t.Helper()
	resp, err := http.Post(to, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != want {
		t.Errorf("%s: %s", to, resp.Status)
	}
}

func fetch[T any](t *testing.T, from string) (v T) {
	t.Helper()
	resp, err := http.Get(from)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestServes(t *testing.T) {
	api, admin, _ := serve(t)
	c, err := bmclient.New(bmclient.Config{
		Endpoint: api, ArrayKey: "instanceIds", ReadBackoff: time.Millisecond,
		ReadKey: func(context.Context) (bmclient.Key, error) { return bmclient.Key{ID: "r", Secret: word("s")}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	post(t, admin+"/fault", `{"action":"GetUserCmd","n":1,"delay_ms":1,"fault":{"code":6000}}`, 200)
	post(t, admin+"/script", `{"cmd_id":"cmd-1","content":"echo changed"}`, 200)
	s, err := c.Script(t.Context(), "cmd-1")
	if err != nil || string(s.Content) != "echo changed" || s.Alias != "hello" {
		t.Errorf("%q, %q, %v", s.Alias, s.Content, err)
	}
	key := bmclient.Key{ID: "x", Secret: word("s"), Token: word("t")}
	order := bmclient.Run{CmdID: "cmd-1", Hosts: []string{"ins-1"}, User: "root", Password: word("p")}
	post(t, admin+"/fault", `{"always":true,"fault":{"status":502}}`, 200)
	if _, err := c.Run(t.Context(), key, order); err == nil {
		t.Error("the fault did not show")
	}
	post(t, admin+"/heal", "", 200)
	if _, err := c.Run(t.Context(), key, order); err != nil {
		t.Error(err)
	}
	if calls := fetch[[]bmtest.Call](t, admin+"/calls"); len(calls) != 4 || calls[0].Code != 6000 || calls[2].Status != 502 {
		t.Errorf("%+v", calls)
	}
	if runs := fetch[[]bmtest.RanCmd](t, admin+"/runs"); len(runs) != 1 || string(runs[0].Content) != "echo changed" || !runs[0].LoginOK {
		t.Errorf("%+v", runs)
	}
	post(t, admin+"/fault", `{"acton":"x"}`, 400)
}

// A run on 3.0 and all that can be said of its hosts from outside.
func TestAdmin(t *testing.T) {
	_, admin, api3 := serve(t)
	c, err := bmclient.New(bmclient.Config{
		API: bmclient.API3, Endpoint: api3, Region: "bj",
		ReadKey: func(context.Context) (bmclient.Key, error) {
			return bmclient.Key{ID: "reader-1234", Secret: word("secret-1234")}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	post(t, admin+"/host", `{"id":"ins-1","manual":true,"waits_ms":1,"exit":3,"output":"a\nb","content":"something else"}`, 200)
	post(t, admin+"/host", `{"id":"ins-9"}`, 400)
	post(t, admin+"/machine", `{"id":"ins-1","machine":{"name":"web-1","tags":{"env":"prod"}}}`, 200)
	post(t, admin+"/machine", `{"id":"ins-9"}`, 400)
	post(t, admin+"/end", `{}`, 400)
	key := bmclient.Key{ID: "runner-1234", Secret: word("secret-1234")}
	done, err := c.Run(t.Context(), key, bmclient.Run{CmdID: "cmd-1", Hosts: []string{"ins-1"}, User: "root", Password: word("p")})
	if err != nil {
		t.Fatal(err)
	}
	state := func() bmclient.HostRun {
		got, err := c.Task(t.Context(), done.Tasks[0], bmclient.Page{})
		if err != nil || len(got.Hosts) != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
		return got.Hosts[0]
	}
	if h := state(); h.State != bmclient.HostRunning {
		t.Errorf("%+v", h)
	}
	post(t, admin+"/end", `{"task":"cmdtask-none"}`, 400)
	post(t, admin+"/end", `{"host":"ins-1"}`, 200)
	if h := state(); h.State != bmclient.HostEnded || h.Exit != 3 || string(h.Output) != "a\nb" || string(h.Content) != "something else" {
		t.Errorf("%+v", h)
	}
	post(t, admin+"/listing", `{"twice":true}`, 200)
	post(t, admin+"/by-hand", `{"cmd_id":"cmd-1","hosts":["ins-1"],"parameters":"-x"}`, 200)
	post(t, admin+"/by-hand", `{"cmd_id":"cmd-2","hosts":["ins-1"]}`, 400)
	post(t, admin+"/ran-before", `{"n":2,"within_ms":60000,"cmd_id":"cmd-1","hosts":["ins-1"]}`, 200)
	post(t, admin+"/ran-before", `{"n":1,"within_ms":60000,"cmd_id":"cmd-2","hosts":["ins-1"]}`, 400)
	if n := fetch[map[string]int](t, admin+"/counts")["RunUserCmd"]; n != 1 {
		t.Errorf("%d runs are counted", n)
	}
	ids := fetch[[]string](t, admin+"/tasks")
	if tasks, err := c.Tasks(t.Context(), bmclient.Page{}); err != nil || len(ids) != 4 || len(tasks.Tasks) != 8 || ids[0] != done.Tasks[0] {
		t.Errorf("%q, %+v, %v", ids, tasks, err)
	}
}

func TestRefusesToStart(t *testing.T) {
	good := writeState(t, state)
	tests := []struct {
		why  string
		args []string
		says string
	}{
		{"no state", nil, "no such file"},
		{"an unknown field", []string{"-state", writeState(t, `{"sripts":[]}`)}, "sripts"},
		{"a right that is none", []string{"-state", writeState(t, `{"keys":[{"id":"a","may":"write"}]}`)}, "write"},
		{"a machine that is not among the hosts", []string{"-state", writeState(t, `{"machines":{"ins-1":{}}}`)}, "not among hosts"},
		{"an API for all the world", []string{"-state", good, "-listen", "0.0.0.0:0"}, "not on loopback"},
		{"an admin address for all the world", []string{"-state", good, "-admin", ":0"}, "not on loopback"},
		{"an unknown flag", []string{"-x"}, "not defined"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			err := run(t.Context(), tt.args, io.Discard)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %q", err, tt.says)
			}
		})
	}
}
