package slackio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot"
)

// Secret is a value that is read where it is used and printed nowhere.
type Secret interface{ Reveal() string }

// Handler is what decides; *bot.Bot is one. Its methods may be called at the same time, and more than
// once for one event. They end when ctx does.
type Handler interface {
	Typed(ctx context.Context, t bot.Typed) bot.Answer
	Clicked(ctx context.Context, c bot.Click) bot.Answer
}

// GroupCache keeps the members of user groups for at most 60 s, shared between replicas.
type GroupCache interface {
	// Members returns what is known of group, or what fetch tells. Only one fetch
	// of a group runs at a time. That it failed is kept for a moment, too.
	Members(ctx context.Context, group string, fetch func(context.Context) ([]string, error)) ([]string, error)
}

// Config is what slackio needs. BotToken, AppToken and Log must be set.
type Config struct {
	BotToken Secret // xoxb-…
	AppToken Secret // xapp-…, with connections:write
	APIURL   string // default https://slack.com/api/
	Command  string // default /bmcmd

	Connections int             // Socket Mode connections of this process; default 2. An app has 10 in all, some of them for replacements
	AckWithin   time.Duration   // how long an answer may take to go into the ack; default 2 s
	HandleFor   time.Duration   // how long a handler may take; default 30 s
	DrainFor    time.Duration   // how long handlers may go on after Run's ctx has ended; default 10 s
	CallFor     time.Duration   // for each call to Slack; default 10 s. Those about files may take six times as long
	AtOnce      int             // decisions handled at a time, and as many other envelopes; of one person an eighth of them. Default 512
	Transport   *http.Transport // nil is the default one with more idle connections
	Groups      GroupCache      // nil keeps groups in this process
	Shared      []string        // ids of channels in which people of other organisations may see everything
	AsksGroups  bool            // the rules name groups, so Slack must tell who is in them
	Log         *slog.Logger
}

// Slack is the way to one workspace. It is the [bot.Board] and the [bot.Directory]. All methods may
// be called at the same time.
type Slack struct {
	cfg     settings
	log     *slog.Logger
	api     *slack.Client
	files   *slack.Client // for files: the same, with more time
	http    *http.Client
	times   times
	safe    func(error) error // errors without secrets
	here    atomic.Pointer[Workspace]
	checked atomic.Bool
	open    atomic.Int32
	busy    chan struct{} // envelopes being told to come again
	late    *room         // answers that wait
	answers *bot.Pace     // by a call, by who is answered
	briefs  *bot.Pace     // those of them that are of no use later
	tasks   tasks

	decisions, questions *room

	replies *replies
	repeats *repeats
	people  *cache[approvals.Profile]
	groups  GroupCache
	links   *cache[string]
	outside *cache[bool] // channels that outsiders see
	crowded *cache[bool] // channels in which Slack has asked to wait
	posts   *bot.Pace    // there, of cards and notices, by channel and requester
	untold  sync.Once    // that a scope for it is missing
	handler Handler
}

// settings are the parts of Config that hold no secret.
type settings struct {
	apiURL, command string
	connections     int
	ackWithin       time.Duration
	handleFor       time.Duration
	drainFor        time.Duration
	transport       *http.Transport
	asksGroups      bool
	shared          []string
}

// fileCalls is how many times longer than others a call about a file may take, if its ctx lets it:
// many megabytes take longer than words.
const fileCalls = 6

// times are waits that nobody sets; tests shorten them.
type times struct {
	handshake time.Duration // to open a socket and be greeted
	write     time.Duration // for one frame
	ping      time.Duration // between own pings
	pong      time.Duration // for an answer to one
	silence   time.Duration // since Slack's last ping, once it has sent one
	linger    time.Duration // an announced end, before the old connection is closed
	steady    time.Duration // a connection that lived so long was a good one
	backoff   time.Duration // the first wait; doubles
	backoffTo time.Duration
	crowded   time.Duration // after too_many_websockets, at most
	patience  time.Duration // of one replacement with another
	answer    time.Duration // for how long an answer is tried: later, people have looked at the card
}

var usual = times{
	handshake: 10 * time.Second, write: 2 * time.Second,
	ping: 10 * time.Second, pong: 5 * time.Second, silence: 90 * time.Second,
	linger: 12 * time.Second, steady: 10 * time.Second,
	backoff: 200 * time.Millisecond, backoffTo: 30 * time.Second, crowded: 30 * time.Second, patience: 2 * time.Second,
	answer: 5 * time.Minute,
}

var (
	_ bot.Board     = (*Slack)(nil)
	_ bot.Directory = (*Slack)(nil)
)

// New makes the way to Slack. It calls nothing yet. Errors say which setting is wrong.
func New(c Config) (*Slack, error) {
	if c.BotToken == nil || c.AppToken == nil || c.Log == nil {
		return nil, errors.New("slack: the bot token, the app token and a log must be set")
	}
	if err := cmp.Or(formFault(botToken, c.BotToken.Reveal()), formFault(appToken, c.AppToken.Reveal())); err != nil {
		return nil, err
	}
	if err := c.fill(); err != nil {
		return nil, err
	}
	s := &Slack{
		cfg: settings{c.APIURL, c.Command, c.Connections, c.AckWithin, c.HandleFor, c.DrainFor, c.Transport, c.AsksGroups, c.Shared},
		log: c.Log, times: usual, safe: safely(c.BotToken, c.AppToken),
		http: &http.Client{
			Transport: c.Transport, Timeout: c.CallFor,
			// A redirect would carry the token to another address.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		decisions: newRoom(c.AtOnce), questions: newRoom(c.AtOnce), busy: make(chan struct{}, max(c.AtOnce, 64)), late: newRoom(lateMost),
		answers: bot.NewPace(answersAMinute, time.Minute), briefs: bot.NewPace(1, time.Minute),
		replies: newReplies(time.Now), repeats: newRepeats(), groups: c.Groups,
		people:  newCache[approvals.Profile](time.Minute, 4096),
		links:   newCache[string](time.Minute, 4096), // each list asks for up to thirty; a deleted card is linked for no longer
		outside: newCache[bool](time.Minute, 4096),
		crowded: newCache[bool](time.Minute, 256), posts: bot.NewPace(1, time.Second),
	}
	if s.groups == nil {
		s.groups = ownGroups{newCache[[]string](time.Minute, 256)}
	}
	slow := *s.http
	slow.Timeout = fileCalls * c.CallFor
	// Never OptionDebug: it prints bodies, and lets connections live for six minutes only.
	// No OptionRetry: who asks for a card tries again, and knows what was shown.
	s.api = slack.New(c.BotToken.Reveal(), slack.OptionAppLevelToken(c.AppToken.Reveal()),
		slack.OptionAPIURL(c.APIURL), slack.OptionHTTPClient(s.http))
	s.files = slack.New(c.BotToken.Reveal(), slack.OptionAPIURL(c.APIURL), slack.OptionHTTPClient(&slow))
	return s, nil
}

func (c *Config) fill() error {
	if c.APIURL == "" {
		c.APIURL = slack.APIURL
	}
	u, err := url.Parse(c.APIURL)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Scheme != "https" && !isLoopback(u) {
		return errors.New("slack: the API URL is not usable: write https://host/api/, without a user or a query")
	}
	if !strings.HasSuffix(c.APIURL, "/") {
		c.APIURL += "/"
	}
	if c.Command == "" {
		c.Command = "/bmcmd"
	}
	if c.Connections == 0 {
		c.Connections = 2
	}
	if c.Connections < 1 || c.Connections > 10 {
		return fmt.Errorf("slack: %d connections: Slack allows 1 to 10 for all processes of an app", c.Connections)
	}
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{{&c.AckWithin, 2 * time.Second}, {&c.HandleFor, 30 * time.Second}, {&c.DrainFor, 10 * time.Second}, {&c.CallFor, 10 * time.Second}} {
		if *d.v <= 0 {
			*d.v = d.def
		}
	}
	if c.AckWithin > 2500*time.Millisecond {
		return fmt.Errorf("slack: an ack after %s is too late: Slack waits 3 s in all, so set 2.5 s or less", c.AckWithin)
	}
	if c.AtOnce <= 0 {
		c.AtOnce = 512
	}
	if c.Transport == nil {
		c.Transport = http.DefaultTransport.(*http.Transport).Clone()
		c.Transport.MaxIdleConns, c.Transport.MaxIdleConnsPerHost = 256, 128
	}
	return nil
}

// isLoopback reports whether u stays on this machine, where plain http is no risk.
func isLoopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// Run receives until ctx ends, finishes what it has begun for at most [Config.DrainFor], and returns
// nil. It begins with [Slack.Check], unless that was done. An error wraps [ErrSetup]: somebody has to
// change something. Run may be called once.
func (s *Slack) Run(ctx context.Context, h Handler) error {
	s.handler = h
	if !s.checked.Load() {
		if _, err := s.Enter(ctx); errors.Is(err, ErrSetup) {
			return err
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	receive, end := context.WithCancelCause(ctx)
	defer end(nil)
	r := &receiver{Slack: s, work: work, live: make(map[*link]struct{}), turn: make(chan struct{}, 1)}
	var slots sync.WaitGroup
	for i := range s.cfg.connections {
		slots.Go(func() {
			if err := r.keep(receive, i); err != nil {
				end(err)
			}
		})
	}
	<-receive.Done()
	slots.Wait()
	s.drain(r, stop)
	if ctx.Err() != nil {
		return nil
	}
	return context.Cause(receive)
}

// drain lets what has begun be acknowledged before the connections close, and be done after that.
func (s *Slack) drain(r *receiver, stop func()) {
	s.tasks.wait(s.cfg.ackWithin+s.times.write, s.tasks.acked)
	r.closeAll()
	if !s.tasks.wait(s.cfg.drainFor, s.tasks.idle) {
		s.log.Warn("slack handlers are stopped before their end", "still_running", s.tasks.count())
		stop()
		s.tasks.wait(s.times.handshake, s.tasks.idle)
	}
	r.readers.Wait()
	s.http.CloseIdleConnections()
}

// Connected is the number of connections that Slack has greeted and not ended.
func (s *Slack) Connected() int { return int(s.open.Load()) }

// Busy is the number of envelopes that are being handled.
func (s *Slack) Busy() int { return s.tasks.count() }

// Format prints nothing of what is inside: there is a token in it.
func (s *Slack) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[slack]") }
