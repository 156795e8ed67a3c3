package slackio

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/slacksim"
)

const (
	canaryBot = "xoxb-sim-canary/bot+1"
	canaryApp = "xapp-sim-canary/app+1"
)

// leaks returns the forms of the tokens that text holds.
func leaks(text string) (found []string) {
	for _, token := range []string{canaryBot, canaryApp} {
		for _, form := range []string{token, url.QueryEscape(token), url.PathEscape(token), base64.StdEncoding.EncodeToString([]byte(token))} {
			if strings.Contains(text, form) {
				found = append(found, form)
			}
		}
	}
	return found
}

// Whatever goes wrong, no token, no socket address, no response_url and nothing that was typed stands
// in an error or, at debug level, in the log.
func TestSecretsStayInside(t *testing.T) {
	sim := simulate(t, slacksim.Config{BotToken: canaryBot, AppToken: canaryApp})
	r := connectTo(t, sim, func(c *Config) {
		c.BotToken, c.AppToken, c.CallFor = secret(canaryBot), secret(canaryApp), patience
	})
	q := r.carded(request(over(1)))
	var errs []error
	calls := map[string]func(ctx context.Context) error{
		"chat.postMessage":      func(ctx context.Context) error { return third(r.s.Post(ctx, q)) },
		"chat.update":           func(ctx context.Context) error { return r.s.Redraw(ctx, q) },
		"users.info":            func(ctx context.Context) error { return second(r.s.Profile(ctx, bot.UserRef{User: bob})) },
		"usergroups.users.list": func(ctx context.Context) error { return second(r.s.Members(ctx, []string{"S1"})) },
		"auth.test":             func(ctx context.Context) error { return second(r.s.Check(ctx)) },
		"bots.info":             func(ctx context.Context) error { return second(r.s.Check(ctx)) },
		"apps.connections.open": func(ctx context.Context) error { return second(r.s.Check(ctx)) },

		"files.getUploadURLExternal":   func(ctx context.Context) error { return second(r.s.Upload(ctx, q, long)) },
		"upload":                       func(ctx context.Context) error { return second(r.s.Upload(ctx, q, long)) },
		"files.completeUploadExternal": func(ctx context.Context) error { return r.s.Share(ctx, q) },
	}
	if _, err := r.s.Check(soon(t)); err != nil {
		t.Fatal(err)
	}
	for method, call := range calls {
		for _, f := range []slacksim.Fault{
			{Drop: true},
			{LoseReply: true},
			{Status: 500},
			{Status: 307},
			{Status: 429, RetryAfter: time.Second},
			{Error: "invalid_auth"},
			{Error: "<" + canaryBot + ">"},
			{Hang: true}, // the last: when it is given up, the call may still be on its way to the next fault
		} {
			sim.FailNext(method, f, 1)
			ctx, cancel := context.WithCancel(soon(t))
			if f.Hang {
				r.s.http.Timeout = 100 * time.Millisecond
				ctx, cancel = context.WithTimeout(ctx, time.Second) // for files, which have more time
			}
			err := call(ctx)
			cancel()
			r.s.http.Timeout = patience
			sim.ClearFaults()
			refused := f.Error != "" && (method == "bots.info" || strings.HasPrefix(method, "files.") || method == "upload")
			if err == nil && !refused { // those are said elsewhere
				t.Errorf("%s went well in spite of %+v", method, f)
			}
			errs = append(errs, err)
		}
	}
	r.s.http.Timeout = 2 * time.Second
	r.run(hand{typed: echo})
	for _, f := range []slacksim.Fault{{Drop: true}, {Status: 404}, {Hang: true}} {
		sim.FailNext("response_url", f, 1)
		turn, err := sim.Slash(soon(t), alice, channel, "/bmcmd", "typed-canary")
		wait(t, turn, err)
		if err := r.s.tell(soon(t), asker{user: alice, channel: channel, url: turn.ResponseURL}, plain("x")); err != nil {
			t.Error(err)
		}
		if strings.Contains(r.log.String(), turn.ResponseURL[len(turn.ResponseURL)-20:]) {
			t.Error("the log holds a response_url")
		}
	}
	if link := r.s.Link(soon(t), approvals.Card{Channel: "C0NONE", TS: "1.1"}); link != "" {
		t.Errorf("link %q", link)
	}
	sim.Outage(true)
	for _, call := range calls {
		errs = append(errs, call(soon(t)))
	}
	sim.Outage(false)
	if err := sim.WaitConnected(soon(t), 2); err != nil {
		t.Fatal(err)
	}
	all := r.log.String() + fmt.Sprintf("%v %+v %#v", r.s, r.s, r.s)
	for _, err := range errs {
		for e := err; e != nil; e = errors.Unwrap(e) {
			all += fmt.Sprintf("\n%v %+v %#v", e, e, e)
		}
	}
	all += string(sim.Traffic())
	if found := leaks(all); len(found) > 0 {
		t.Errorf("in %d bytes of errors, log and traffic: %q", len(all), found)
	}
	for _, word := range []string{"ticket=", "typed-canary", "/respond/", "/upload/", "a line of the output"} {
		if strings.Contains(r.log.String(), word) {
			t.Errorf("the log holds %q", word)
		}
	}
	if !strings.Contains(r.log.String(), "level=DEBUG") {
		t.Error("the log is not at debug level, so this shows too little")
	}
}

func third[A, B any](_ A, _ B, err error) error { return err }

// A redirect would carry the token, which is in the body, to another address.
func TestARedirectIsNotFollowed(t *testing.T) {
	w := newRaw(t)
	r := w.connect()
	r.s.here.Store(&Workspace{Team: "T1"})
	var seen atomic.Int32
	w.srv.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		seen.Add(1)
		http.Redirect(rw, req, w.srv.URL+"/elsewhere", http.StatusTemporaryRedirect)
	})
	_, err := r.s.Profile(soon(t), bot.UserRef{User: alice})
	if err == nil || !strings.Contains(err.Error(), "307") || seen.Load() != 1 {
		t.Errorf("%d requests, %v", seen.Load(), err)
	}
}

// Texts of others are scrubbed even where nobody expects an address in them.
func TestSafely(t *testing.T) {
	safe := safely(secret(canaryBot), secret(canaryApp), secret(""))
	for _, text := range []string{
		`Post "https://slack.com/api/x?token=` + url.QueryEscape(canaryBot) + `": dial tcp`, "wss://x/?ticket=" + canaryApp, canaryBot, url.QueryEscape(canaryApp),
	} {
		if got := safe(errors.New(text)).Error(); len(leaks(got)) > 0 || strings.Contains(got, "slack.com") || strings.Contains(got, "wss") {
			t.Errorf("%q became %q", text, got)
		}
	}
}
