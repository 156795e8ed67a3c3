package slacksim

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"
)

var (
	// ErrClosed ends every wait when the simulator is closed.
	ErrClosed = errors.New("the simulator was closed")
	// ErrNotLoopback refuses to listen anywhere but on loopback.
	ErrNotLoopback = errors.New("not a loopback address; the simulator listens on 127.0.0.1 or [::1] only")
	// ErrRealToken refuses a token that could open a real workspace.
	ErrRealToken = errors.New("not a simulator token; use one that begins with xoxb-sim- or xapp-sim-")
)

// Tokens that a Config without tokens gets.
const (
	DefaultBotToken = "xoxb-sim-bot"
	DefaultAppToken = "xapp-sim-app"
)

// Team is the workspace.
type Team struct {
	ID           string // T…; default T0SIM
	Domain       string // default "sim"
	Name         string // default the domain
	EnterpriseID string // E… for a workspace of an Enterprise Grid, else empty
}

// Config says what workspace to run and how. The zero value is a workspace with one bot that has
// every scope that bmcmd may ask for.
type Config struct {
	Listen string // loopback address; default 127.0.0.1:0
	Team   Team

	AppID     string // default A0SIM
	BotName   string // default bmcmd
	BotUserID string // default U0BOT
	BotID     string // default B0BOT
	BotToken  string // xoxb-sim-…; default [DefaultBotToken]
	AppToken  string // xapp-sim-…; default [DefaultAppToken]

	Scopes    []string // of the bot token; nil is [DefaultScopes]
	AppScopes []string // of the app token; nil is connections:write

	AckWithin    time.Duration   // how long an envelope may stay unacknowledged; default 3 s
	TriggerLife  time.Duration   // life of a trigger_id; default 3 s
	MaxSockets   int             // how many an app may have at a time; default 10, as Slack's
	PingEvery    time.Duration   // between WebSocket pings; default 5 s
	Grace        time.Duration   // between a disconnect notice and the end of the socket; default 10 s
	EventRetries []time.Duration // waits before an unacknowledged event is sent again; nil is 0, 1 min, 5 min

	Now      func() time.Time // default time.Now
	Pace     bool             // keep Slack's real rate limits
	FreePlan bool             // a plan without user groups
	Lean     bool             // keep no transcript, calls, traffic or earlier versions of messages
	Seed     uint64           // 0: connections take turns; else drawn at random from this seed
	Log      *slog.Logger     // default discards
}

// DefaultScopes are the bot scopes of a Config that names none.
func DefaultScopes() []string {
	return []string{
		"commands", "chat:write", "users:read", "usergroups:read", "files:write", "app_mentions:read",
		"channels:read", "groups:read", "im:read", "im:write",
	}
}

func (c *Config) fill() error {
	setDefault(&c.Listen, "127.0.0.1:0")
	setDefault(&c.Team.ID, "T0SIM")
	setDefault(&c.Team.Domain, "sim")
	setDefault(&c.Team.Name, c.Team.Domain)
	setDefault(&c.AppID, "A0SIM")
	setDefault(&c.BotName, "bmcmd")
	setDefault(&c.BotUserID, "U0BOT")
	setDefault(&c.BotID, "B0BOT")
	setDefault(&c.BotToken, DefaultBotToken)
	setDefault(&c.AppToken, DefaultAppToken)
	setDefault(&c.AckWithin, 3*time.Second)
	setDefault(&c.TriggerLife, 3*time.Second)
	setDefault(&c.MaxSockets, 10)
	setDefault(&c.PingEvery, 5*time.Second)
	setDefault(&c.Grace, 10*time.Second)
	if c.Scopes == nil {
		c.Scopes = DefaultScopes()
	}
	if c.AppScopes == nil {
		c.AppScopes = []string{"connections:write"}
	}
	if c.EventRetries == nil {
		c.EventRetries = []time.Duration{0, time.Minute, 5 * time.Minute}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if err := checkToken("bot token", c.BotToken, "xoxb-sim-"); err != nil {
		return err
	}
	if err := checkToken("app token", c.AppToken, "xapp-sim-"); err != nil {
		return err
	}
	return checkLoopback(c.Listen)
}

func setDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

// checkToken never puts the token into its error: it may be a real one.
func checkToken(what, token, prefix string) error {
	if !strings.HasPrefix(token, prefix) {
		return fmt.Errorf("%s: %w", what, ErrRealToken)
	}
	return nil
}

func checkLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("listen address %q: %w", addr, err)
	}
	if host == "localhost" {
		return nil
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("listen address %q: %w", addr, ErrNotLoopback)
	}
	return nil
}
