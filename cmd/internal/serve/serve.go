// Package serve puts the parts together by a config: it is what `bmcmd serve`
// runs, and what the demo and the process tests run, too.
//
// It is the only place that holds both the vault and the bot. The bot gets
// logins by name, and their values only against an [approvals.Held]; the key for
// runs is read together with them and never before.
package serve

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/approvals/redisstore"
	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/slackio"
	"github.com/bmcmd/bmcmd/cmd/internal/config"
	"github.com/bmcmd/bmcmd/cmd/internal/quota"
	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

// hold is for how long a crashed replica's requests rest before another takes
// them up.
const hold = 20 * time.Second

// Server is one replica, put together and checked.
type Server struct {
	cfg      *config.Config
	log      *slog.Logger
	resolver *vault.Resolver
	redis    redis.UniversalClient
	cloud    cloud
	store    *redisstore.Store // nil: it was not opened
	quotas   quota.Quotas      // nil: no call waits for room, as in a check, which makes too few to matter
	slack    *slackio.Slack
	bot      *bot.Bot
	here     string // the workspace's id, or its enterprise's: all keys in Redis begin with it
	team     string // the workspace's name
	lacks    []slackio.Lack
	patient  bool                             // waits for a Slack that is away
	rows     func(map[string]json.RawMessage) // nil: nobody wants them
}

// New puts the parts together and checks what cannot mend itself: the Slack
// tokens and their scopes, that every reference names a readable secret store, that the
// key for reads is there, and that Redis lets us in and keeps what it confirms. Redis and the cloud may be away; the bot says so and waits for them. So
// may Slack: New waits for it until ctx ends, and then returns an error of Slack's
// or of ctx. Other errors are one sentence that says what to do.
func New(ctx context.Context, cfg *config.Config, log *slog.Logger) (*Server, error) {
	return NewWithin(ctx, cfg, log, quotaOr(quota.Documented))
}

// NewWithin is New for a cloud with other quotas than the documented ones.
func NewWithin(ctx context.Context, cfg *config.Config, log *slog.Logger, quotas quota.Quotas) (*Server, error) {
	s := &Server{cfg: cfg, log: log, quotas: quotas, patient: true}
	for _, part := range []func(context.Context) error{s.openVault, s.openRedis, s.openCloud, s.readKeyIsThere, s.openSlack, s.openStore, s.forewarn, s.openBot} {
		if err := part(ctx); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// askAtStart is how long a start waits for what it only warns of.
const askAtStart = 3 * time.Second

// forewarn logs at once what people would meet one by one, and what lasts until somebody
// mends it: an API that takes no reads, and user groups that do not exist. The bot is good
// for the rest without.
func (s *Server) forewarn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askAtStart)
	defer cancel()
	var said *bmclient.Error
	if _, err := s.cloud.Script(ctx, noScript); errors.As(err, &said) && !looked(err) {
		s.log.Error("the API did not take a read with bm.read_key; until it does, no run can be asked for", "error", err)
	}
	for _, id := range groupsOf(s.cfg.Rules) {
		if _, err := s.slack.Members(ctx, []string{id}); slackio.Unknown(err) {
			s.log.Error("a user group of the rules does not exist; what needs it is refused", "group", id, "error", err)
		}
	}
	return nil
}

// Run serves until ctx ends, then finishes what it has begun. An error means
// that somebody has to change something.
func (s *Server) Run(ctx context.Context) error {
	worked := make(chan struct{})
	// The bot works until Slack has handed on all it was sent: what a person is told
	// to be recorded is begun at once.
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(worked)
		_ = s.bot.Run(working)
	}()
	err := s.slack.Run(ctx, pointsInHandler(s.bot))
	stop()
	<-worked
	return err
}

// Close lets go of connections. It may be called after a failed New.
func (s *Server) Close() {
	if s.redis != nil {
		_ = s.redis.Close()
	}
	if s.cloud.Client != nil {
		s.cloud.Close()
	}
	if s.resolver != nil {
		s.resolver.Close()
	}
}

// Scrub takes every credential this replica has read out of a text.
func (s *Server) Scrub(text string) string { return s.resolver.Scrub(text) }

// References says whether every reference fits the vault's settings, asking nobody.
// Its error names the first that does not, by its key and line.
func References(cfg *config.Config) error {
	s := &Server{cfg: cfg, log: slog.New(slog.DiscardHandler)}
	defer s.Close()
	c := s.vaultConfig()
	c.CAFile = "" // it is on the machine that serves
	return s.resolveWith(c)
}

func (s *Server) openVault(context.Context) error { return s.resolveWith(s.vaultConfig()) }

func (s *Server) resolveWith(c vault.Config) error {
	var err error
	if s.resolver, err = vault.New(c); err != nil {
		return err
	}
	for _, p := range s.cfg.Refs() {
		if err := s.resolver.Accepts(p.Ref); err != nil {
			return fmt.Errorf("%s (line %d of the config): %w", p.Key, p.Line, err)
		}
	}
	return nil
}

func (s *Server) vaultConfig() vault.Config {
	c := vault.Config{
		Address: s.cfg.Vault.Address, Namespace: s.cfg.Vault.Namespace, Mounts: s.cfg.Vault.Mounts, CAFile: s.cfg.Vault.CAFile,
		CacheFor: 30 * time.Second, ServeStaleFor: 10 * time.Minute, Log: s.log,
	}
	if s.cfg.Vault.Token != (vault.Ref{}) {
		c.Token = &s.cfg.Vault.Token
	}
	return c
}

func (s *Server) openRedis(context.Context) error {
	var err error
	s.redis, err = redisstore.Dial(s.connection())
	return err
}

// connection is how Redis is entered.
func (s *Server) connection() redisstore.Connection {
	r := s.cfg.Redis
	c := redisstore.Connection{
		Addresses: r.Addresses, Master: r.Master, Cluster: r.Cluster, User: r.Username, DB: r.DB,
		Reply: 1500 * time.Millisecond, Dial: time.Second, Log: s.log,
	}
	if r.TLS {
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if r.Password != (vault.Ref{}) {
		c.Password = func(ctx context.Context) (string, error) {
			v, err := s.resolver.Resolve(ctx, r.Password)
			return v.Reveal(), err
		}
	}
	return c
}

func (s *Server) openSlack(ctx context.Context) error {
	botToken, err := s.resolver.Resolve(ctx, s.cfg.Slack.BotToken)
	if err != nil {
		return fmt.Errorf("slack.bot_token: %w", err)
	}
	appToken, err := s.resolver.Resolve(ctx, s.cfg.Slack.AppToken)
	if err != nil {
		return fmt.Errorf("slack.app_token: %w", err)
	}
	c := slackio.Config{
		BotToken: botToken, AppToken: appToken, APIURL: s.cfg.Slack.APIURL, Command: s.cfg.Slack.Command,
		Shared: s.cfg.Slack.Shared, AsksGroups: len(groupsOf(s.cfg.Rules)) > 0, Log: s.log,
	}
	groups := &lateGroups{}
	if s.patient { // a check asks Slack itself
		c.Groups = groups
	}
	if s.slack, err = slackio.New(c); err != nil {
		return err
	}
	if err := s.enterSlack(ctx); err != nil {
		return err
	}
	groups.Groups = redisstore.NewGroups(s.redis, s.here, time.Minute)
	return nil
}

// enterSlack checks the tokens and learns which workspace they are for. While
// Slack is away a server that is to serve waits for it.
func (s *Server) enterSlack(ctx context.Context) error {
	enter := s.slack.Check
	if s.patient {
		enter = s.slack.Enter
	}
	here, err := enter(ctx)
	if err != nil {
		return err
	}
	s.team, s.lacks = here.TeamName, here.Lacks
	if s.here = here.Enterprise; s.here == "" {
		s.here = here.Team
	}
	return nil
}

// groupsOf are the user groups that rules name, once each.
func groupsOf(p approvals.Policy) []string {
	all := p.RequesterGroups()
	for _, r := range p {
		all = append(all, r.Groups()...)
	}
	return once(all)
}

// once is each of all once, in order. It uses the room of all.
func once(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}

// lateGroups is the group cache, which needs the workspace's id to exist.
type lateGroups struct{ *redisstore.Groups }

func (s *Server) openBot(context.Context) error {
	var err error
	s.bot, err = bot.New(bot.Config{
		Desk: approvals.NewDesk(pointsInStore(s.store), "w-"+rand.Text()[:12], holdOr(hold)).Within(approvals.Limits{
			Open: s.cfg.Limits.OpenRequests, AMinute: s.cfg.Limits.CommandsAMinute,
		}),
		CommandsAMinute: s.cfg.Limits.CommandsAMinute,
		Cloud:           pointsInCloud(s.cloud), Looks: looks{s.cloud, s.cfg.Regions()}, Logins: pointsInLogins(logins{s}), Directory: s.slack, Board: pointsInBoard(s.slack),
		Policy: s.cfg.Rules, Target: s.cfg.Target(), UncheckedHosts: s.cfg.BM.Unchecked == config.Allow, Scrub: s.resolver.Scrub, Log: s.log,
		DispatchWithin: s.cfg.Run.DispatchWithin, Lease: s.cfg.Run.Lease, SendFor: s.cfg.BM.RunTimeout + 2*time.Second,
		FollowFor: s.cfg.Run.FollowFor, ConfirmFor: s.cfg.Run.ConfirmFor, SearchFor: s.cfg.Run.SearchFor, Valid: valid(s.cfg.BM.API), Durable: s.durable(),
	})
	return err
}

// secret reads one value. Its errors wrap [bot.ErrCredentials]. What is there and
// cannot do is not kept: somebody is mending it, and the next try is to see that.
func (s *Server) secret(ctx context.Context, ref vault.Ref) (vault.Secret, error) {
	v, err := s.resolver.Resolve(ctx, ref)
	if errors.Is(err, vault.ErrNoField) || errors.Is(err, vault.ErrEmpty) || errors.Is(err, vault.ErrUnusable) {
		s.resolver.Forget(ref)
	}
	if err != nil {
		return vault.Secret{}, fmt.Errorf("%w: %w", bot.ErrCredentials, err)
	}
	return v, nil
}

// Busy is how much is being worked on: events of Slack and requests.
func (s *Server) Busy() int { return s.slack.Busy() + s.bot.Busy() }
