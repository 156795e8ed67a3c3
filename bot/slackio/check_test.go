package slackio

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

func TestCheckNamesWhereWeAre(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{Team: slacksim.Team{ID: "T1", Name: "ops", EnterpriseID: "E1"}}))
	got, err := r.s.Check(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	want := Workspace{Team: "T1", TeamName: "ops", Enterprise: "E1", BotUser: "U0BOT", BotID: "B0BOT", AppID: "A0SIM", AppName: "bmcmd"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Each fault that a person must mend is one sentence, names the token, and says what to do.
func TestCheckSaysWhatToMend(t *testing.T) {
	without := func(scopes ...string) slacksim.Config {
		return slacksim.Config{Scopes: slices.DeleteFunc(slacksim.DefaultScopes(), func(s string) bool { return slices.Contains(scopes, s) })}
	}
	refuse := func(token, code string) func(*slacksim.Slack) {
		return func(s *slacksim.Slack) { s.RefuseToken(token, code) }
	}
	answers := func(method string, f slacksim.Fault) func(*slacksim.Slack) {
		return func(s *slacksim.Slack) { s.FailNext(method, f, 2) } // Check and Run
	}
	bot, app := slacksim.DefaultBotToken, slacksim.DefaultAppToken
	for _, c := range []struct {
		name   string
		sim    slacksim.Config
		spoil  func(*slacksim.Slack)
		change func(*Config)
		want   []string
	}{
		{"a token of nobody", slacksim.Config{}, nil, func(c *Config) { c.BotToken = secret("xoxb-sim-other") }, []string{"bot token", "not one that Slack knows", "copy it again"}},
		{"an empty token", slacksim.Config{}, refuse(app, "not_authed"), nil, []string{"app token", "empty"}},
		{"revoked", slacksim.Config{}, refuse(bot, "token_revoked"), nil, []string{"bot token", "revoked", "OAuth & Permissions"}},
		{"app revoked", slacksim.Config{}, refuse(app, "token_revoked"), nil, []string{"app token", "revoked", "App-Level Tokens"}},
		{"removed", slacksim.Config{}, refuse(bot, "account_inactive"), nil, []string{"bot token", "install the app again"}},
		{"expired", slacksim.Config{}, refuse(bot, "token_expired"), nil, []string{"bot token", "expired", "token rotation"}},
		{"no access", slacksim.Config{}, refuse(app, "team_access_not_granted"), nil, []string{"app token", "admin"}},
		{"the tokens swapped", slacksim.Config{}, nil, func(c *Config) { c.BotToken, c.AppToken = c.AppToken, c.BotToken }, []string{"bot token", "wrong kind", "xoxb-"}},
		{"two bot tokens", slacksim.Config{}, nil, func(c *Config) { c.AppToken = c.BotToken }, []string{"app token", "wrong kind", "xapp-"}},
		{"no connections:write", slacksim.Config{AppScopes: []string{}}, nil, nil, []string{"app token", "connections:write", "make a new one"}},
		{"one scope short", without("chat:write"), nil, nil, []string{"bot token", "the scope chat:write", "install the app again"}},
		{"groups in the rules, and nobody tells who is in them", without("usergroups:read"), nil, func(c *Config) { c.AsksGroups = true }, []string{"bot token", "the scope usergroups:read", "install the app again"}},
		{"several short", without("commands", "chat:write", "users:read"), nil, nil, []string{"the scopes commands, chat:write and users:read"}},
		{"no such method", slacksim.Config{}, answers("auth.test", slacksim.Fault{Error: "unknown_method"}), nil, []string{"slack.api_url is not Slack's API", "auth.test"}},
		{"nothing is there", slacksim.Config{}, answers("auth.test", slacksim.Fault{Status: 404}), nil, []string{"slack.api_url is not Slack's API (HTTP status 404)", "correct slack.api_url"}},
		{"it is elsewhere", slacksim.Config{}, answers("auth.test", slacksim.Fault{Status: 302}), nil, []string{"slack.api_url is not Slack's API (HTTP status 302)"}},
		{"a login page", slacksim.Config{}, answers("auth.test", slacksim.Fault{Status: 200}), nil, []string{"slack.api_url is not Slack's API (an answer that is not JSON)"}},
		{"sockets are not known", slacksim.Config{}, answers("apps.connections.open", slacksim.Fault{Error: "unknown_method"}), nil, []string{"slack.api_url is not Slack's API", "apps.connections.open"}},
		{"a refusal that is new", slacksim.Config{}, answers("auth.test", slacksim.Fault{Error: "moon_phase_wrong"}), nil, []string{"auth.test is refused with moon_phase_wrong"}},
		{"socket mode off", slacksim.Config{}, func(s *slacksim.Slack) { s.SwitchSocketMode(false) }, nil, []string{"Socket Mode", "api.slack.com/apps"}},
		{"said so", slacksim.Config{}, refuse(app, "link_disabled"), nil, []string{"Socket Mode is switched off for this app: switch it on at api.slack.com/apps → Socket Mode"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			sim := simulate(t, c.sim)
			if c.spoil != nil {
				c.spoil(sim)
			}
			var changes []func(*Config)
			if c.change != nil {
				changes = append(changes, c.change)
			}
			r := connectTo(t, sim, changes...)
			for how, err := range map[string]error{"Check": second(r.s.Check(soon(t))), "Run": r.s.Run(soon(t), hand{})} {
				if !errors.Is(err, ErrSetup) {
					t.Fatalf("%s: %v is not a matter of setting up", how, err)
				}
				for _, w := range c.want {
					if !strings.Contains(err.Error(), w) {
						t.Errorf("%s: %q does not say %q", how, err, w)
					}
				}
				if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "-sim-") {
					t.Errorf("%s: %q is more than a sentence", how, err)
				}
			}
		})
	}
}

func second[A any](_ A, err error) error { return err }

// A scope that this deployment can do without is a word in the log, once, and no reason not to start.
func TestScopesThatAreNotNeeded(t *testing.T) {
	sim := simulate(t, slacksim.Config{Scopes: []string{"commands", "chat:write", "users:read"}})
	r := connectTo(t, sim)
	w, err := r.s.Check(soon(t))
	if err != nil || len(w.Lacks) != 4 || w.Lacks[0].Scope != "app_mentions:read" || w.Lacks[1].Scope != "files:write" {
		t.Fatalf("%+v, %v", w, err)
	}
	r.start(hand{})
	if err := sim.WaitConnected(soon(t), 2); err != nil {
		t.Fatal(err)
	}
	for _, l := range w.Lacks {
		if n := strings.Count(r.log.String(), l.Scope); n != 1 || !strings.Contains(l.String(), "lacks the scope "+l.Scope) {
			t.Errorf("%s is in the log %d times: %s", l, n, r.log)
		}
	}
	if strings.Contains(r.log.String(), "usergroups:read") {
		t.Error("a scope for groups is missed although no rule names one")
	}
}

// What is not a Slack, or not a token, does not mend itself.
func TestWhatAnswersIsNotSlack(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }))
	t.Cleanup(plain.Close)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for _, c := range []struct{ why, url, says string }{
		{"JSON of something else", plain.URL, "names no workspace"},
		{"an authority that nobody knows", secure.URL, "an authority that this machine does not trust"},
		{"no TLS", strings.Replace(plain.URL, "http:", "https:", 1), "it does not speak TLS"},
	} {
		r := connectTo(t, simulate(t, slacksim.Config{}), func(cfg *Config) { cfg.APIURL = c.url })
		if _, err := r.s.Enter(soon(t)); !errors.Is(err, ErrSetup) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.why, err)
		}
	}
}

// A port that speaks something else than HTTP, such as SSH, will go on doing so.
func TestWhatAnswersIsNotHTTP(t *testing.T) {
	for _, says := range []string{"SSH-2.0-OpenSSH_9.2\r\n", "220 mail.example ESMTP\r\n", "-ERR unknown command\r\n", "HTTP/1.1 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nno header\r\n\r\n"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Read(make([]byte, 1))
				_, _ = io.WriteString(c, says)
				_ = c.Close()
			}
		}()
		r := connectTo(t, simulate(t, slacksim.Config{}), func(cfg *Config) { cfg.APIURL = "http://" + l.Addr().String() + "/api/" })
		if _, err := r.s.Enter(soon(t)); !errors.Is(err, ErrSetup) || !strings.Contains(err.Error(), "slack.api_url is not Slack's API (it does not speak HTTP)") {
			t.Errorf("%q: %v", says, err)
		}
	}
}

func TestRunWaitsForASlackThatIsAway(t *testing.T) {
	sim := simulate(t, slacksim.Config{})
	sim.Down(true)
	r := connectTo(t, sim)
	if _, err := r.s.Check(soon(t)); err == nil || errors.Is(err, ErrSetup) {
		t.Fatalf("a Slack that is away is no matter of setting up: %v", err)
	}
	r.start(hand{})
	if _, err := sim.WaitCalls(soon(t), "auth.test", 3); err != nil {
		t.Fatal(err)
	}
	sim.Down(false)
	if err := sim.WaitConnected(soon(t), 2); err != nil {
		t.Fatal(err)
	}
}

// What comes up later, while it runs, ends Run in the same words.
func TestRunEndsWhenSomebodyMustMend(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*slacksim.Slack)
		want  string
	}{
		{"switched off", func(s *slacksim.Slack) { s.SwitchSocketMode(false) }, "Socket Mode is switched off"},
		{"told on the socket only", func(s *slacksim.Slack) { s.Disconnect(slacksim.ReasonLinkDisabled) }, "Socket Mode is switched off"},
		{"revoked", func(s *slacksim.Slack) {
			s.RefuseToken(slacksim.DefaultAppToken, "token_revoked")
			s.DropConnections()
		}, "the app token was revoked"},
		{"lost its scope", func(s *slacksim.Slack) {
			s.RefuseToken(slacksim.DefaultAppToken, "missing_scope")
			s.DropConnections()
		}, "the app token lacks a scope"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sim := simulate(t, slacksim.Config{})
			r := connectTo(t, sim)
			stop, ended := r.start(hand{})
			if err := sim.WaitConnected(soon(t), 2); err != nil {
				t.Fatal(err)
			}
			c.spoil(sim)
			select {
			case <-ended:
			case <-soon(t).Done():
				t.Fatal("it goes on")
			}
			if err := stop(); !errors.Is(err, ErrSetup) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTokensOfTwoAppsAreFound(t *testing.T) {
	w := newRaw(t)
	r := w.connect()
	stop, ended := r.start(hand{})
	w.send(w.next(), `{"type":"hello","connection_info":{"app_id":"A2"}}`)
	select {
	case <-ended:
	case <-soon(t).Done():
		t.Fatal("it goes on")
	}
	if err := stop(); !errors.Is(err, ErrSetup) || !strings.Contains(err.Error(), "of app A1 and the app token of app A2") {
		t.Errorf("got %v", err)
	}
}

func TestTheAppsNameIsNotNeeded(t *testing.T) {
	sim := simulate(t, slacksim.Config{})
	sim.FailNext("bots.info", slacksim.Fault{Error: "bot_not_found"}, 1)
	if w, err := connectTo(t, sim).s.Check(soon(t)); err != nil || w.AppID != "" || w.Team != "T0SIM" {
		t.Errorf("got %+v %v", w, err)
	}
}

func TestNewSaysWhichSettingIsWrong(t *testing.T) {
	good := func() Config {
		return Config{BotToken: secret("xoxb-1"), AppToken: secret("xapp-1"), Log: slog.New(slog.DiscardHandler)}
	}
	for _, c := range []struct {
		why    string
		change func(*Config)
		want   string
	}{
		{"nothing can be said without a token", func(c *Config) { c.BotToken = nil }, "bot token"},
		{"an empty secret is no token", func(c *Config) { c.AppToken = secret("") }, "the app token is empty"},
		{"two lines are no token", func(c *Config) { c.AppToken = secret("xapp-u:p\nxoxb-2") }, "the app token holds a blank, a line end"},
		{"nor are quotes from a book", func(c *Config) { c.BotToken = secret("“xoxb-u:p”") }, "the bot token holds a blank, a line end or a character that no token has"},
		{"a token over plain http is read by anybody", func(c *Config) { c.APIURL = "http://slack.example/api/" }, "https"},
		{"a password in an address ends in logs", func(c *Config) { c.APIURL = "https://u:p@slack.example/api/" }, "https"},
		{"Slack would end the eleventh", func(c *Config) { c.Connections = 11 }, "1 to 10"},
		{"Slack waits for 3 s in all", func(c *Config) { c.AckWithin = 3 * time.Second }, "2.5 s"},
	} {
		cfg := good()
		c.change(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: %v", c.why, err)
		}
	}
	if _, err := New(good()); err != nil {
		t.Error(err)
	}
}

func TestABackoffGrowsAndStops(t *testing.T) {
	b := &backoff{first: 100 * time.Millisecond, most: time.Second}
	for i, most := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
		if d := b.next(); d < most*time.Millisecond/2 || d > most*time.Millisecond {
			t.Errorf("wait %d is %s", i, d)
		}
	}
	b.reset()
	if d := b.next(); d > 100*time.Millisecond {
		t.Errorf("after a good connection it waits %s", d)
	}
}

func TestSleepEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	done := make(chan struct{})
	go func() { sleep(ctx, time.Hour); close(done) }()
	select {
	case <-done:
	case <-soon(t).Done():
		t.Error("it sleeps on")
	}
}
