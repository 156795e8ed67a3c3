package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// noSecretLeft looks for every credential in everything that left the bots. Call
// it when they have ended.
func (w *scene) noSecretLeft() {
	w.t.Helper()
	config, err := os.ReadFile(w.Config)
	if err != nil {
		w.t.Fatal(err)
	}
	places := map[string]string{
		"what was sent to Slack": w.Slack.Traffic(),
		"Redis":                  w.Redis.Dump(w.t.Context()),
		"the config":             string(config),
	}
	for _, b := range w.Bots {
		places["a log"] += b.Stderr.String()
		places["an output"] += b.Stdout.String()
	}
	for _, where := range []string{"what was sent to Slack", "Redis", "a log"} {
		if len(places[where]) < 500 {
			w.t.Errorf("%s holds only %d bytes, so nothing was looked at", where, len(places[where]))
		}
	}
	for where, text := range places {
		for name, value := range w.Secrets {
			if form := find(text, value); form != "" {
				w.t.Errorf("%s holds the secret %s, %s", where, name, form)
			}
		}
	}
}

// find names the form in which a text holds a value, or nothing.
func find(text, value string) string {
	for _, f := range formsOf(value) {
		if strings.Contains(text, f.text) {
			return f.name
		}
	}
	return ""
}

type form struct{ name, text string }

// formsOf are the ways a value may be written. In base64 of something longer, a
// value's bytes look one of three ways, by where they begin; the characters that
// it shares with its neighbours are left out.
func formsOf(value string) []form {
	quoted := strconv.Quote(value)
	inJSON, _ := json.Marshal(value)
	all := []form{
		{"raw", value},
		{"URL-encoded", url.QueryEscape(value)},
		{"URL-encoded as a path", url.PathEscape(value)},
		{"quoted", quoted[1 : len(quoted)-1]},
		{"as JSON", string(inJSON[1 : len(inJSON)-1])},
		{"as HTML", html.EscapeString(value)},
		{"in hex", hex.EncodeToString([]byte(value))},
	}
	for at := range 3 {
		padded := []byte(strings.Repeat("\x00", at) + value)
		whole := len(padded) / 3 * 4 // what comes after depends on what follows
		from := (at*8 + 5) / 6
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			enc := e.EncodeToString(padded)[from:whole]
			all = append(all, form{"in base64", enc}, form{"in URL-encoded base64", url.QueryEscape(enc)})
		}
	}
	return all
}

// TestFindsLeaks plants a secret in each form: a search that cannot find is no
// search.
func TestFindsLeaks(t *testing.T) {
	secret := `p+"/=é<x>` + world.Canary()
	inJSON, _ := json.Marshal(map[string]string{"x": secret})
	tests := map[string]string{
		"raw":                       "a " + secret + " b",
		"in a query":                "?p=" + url.QueryEscape(secret) + "&",
		"in JSON":                   string(inJSON),
		"in Go's quotes":            strconv.Quote(secret),
		"in Slack's or HTML's":      html.EscapeString(secret),
		"in hex":                    hex.EncodeToString([]byte("x" + secret)),
		"in base64":                 base64.StdEncoding.EncodeToString([]byte(secret)),
		"in base64 of more":         base64.StdEncoding.EncodeToString([]byte("u" + secret + "more")),
		"in base64 of much more":    base64.StdEncoding.EncodeToString([]byte("us" + secret + "more")),
		"in base64 without padding": base64.RawURLEncoding.EncodeToString([]byte("use" + secret)),
		"in base64 in a query":      url.QueryEscape(base64.StdEncoding.EncodeToString([]byte("user:" + secret + "!"))),
	}
	for why, text := range tests {
		if find(text, secret) == "" {
			t.Errorf("%s: not found in %s", why, text)
		}
		if got := find(text, world.Canary()); got != "" {
			t.Errorf("%s: another secret was found %s", why, got)
		}
	}
}

// TestProcessEchoedSecrets has the API repeat whatever it is sent in its messages, to
// reads and to the run, and answer in ways that fail; at debug level.
func TestProcessEchoedSecrets(t *testing.T) {
	tests := []struct {
		why   string
		api   string
		fault string
		says  string
	}{
		{"refused with everything repeated", "2.0", `{"code":4102,"echo":true}`, "The API refused the run"},
		{"failed with everything repeated", "2.0", `{"code":18012,"echo":true}`, "The API says that it cannot run this"},
		{"an unknown number with everything repeated", "2.0", `{"code":4711,"echo":true}`, "Nobody can know whether this ran"},
		{"accepted with everything repeated", "2.0", `{"echo":true}`, "Accepted by the API"},
		{"refused by TAT with everything repeated", "tat", `{"code":4102,"echo":true}`, "The API refused the run"},
		{"failed at TAT with everything repeated", "tat", `{"error":"InternalError","echo":true}`, "Nobody can know whether this ran"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, settings{Settings: world.Settings{API: tt.api}})
			bot := w.Serve()
			w.Cloud.Fail("GetUserCmd", `{"code":4102,"echo":true}`) // after 4100 the key is read again, and all is well
			w.Slack.Types(alice, "show cmd-rst9w2kd")
			w.Slack.Sees(alice, map[string]string{"2.0": "4102", "tat": "UnauthorizedOperation"}[tt.api])
			w.Cloud.Fail("GetUserCmd", `{"code":6000,"echo":true}`)
			w.opens()
			w.Cloud.Fail("RunUserCmd", tt.fault)
			w.Slack.Presses(bob, "Approve")
			w.Slack.ThreadSays(tt.says)
			w.Slack.Types(alice, "list")
			bot.Term()
			w.noSecretLeft()
		})
	}
}
