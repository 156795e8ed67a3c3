package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/approvals/redisstore"
	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/cmd/internal/config"
)

// Probed is what came of trying one thing.
type Probed struct {
	Part string // vault, slack, redis, cloud, rules or secrets
	How  Verdict
	Says string // what was found, and what to do about it
}

// Verdict is how well a thing does.
type Verdict string

// The verdicts. A thing that was not tried is never good.
const (
	Good    Verdict = "ok"
	Doubt   Verdict = "warning"   // it works, and should be otherwise
	Bad     Verdict = "fault"     // something will not work
	Untried Verdict = "not tried" // Says tells why
)

// probe is a Server that tries what it is made of, and hands out what it finds.
type probe struct {
	*Server
	yield func(Probed) bool
	ended bool // nobody wants more
	found []bmclient.Machine
}

// Probe tries every part outside as the bot uses it, with its keys and rights: the vault;
// Slack's tokens, scopes and the people, groups and channels of the rules; Redis, by a
// rehearsal on keys of its own; the cloud, by each of the reads that the bot needs, and
// the scripts of the rules. What only an approved run may have read, host logins and the
// key for runs, is not. It posts nothing and runs nothing, and opens no socket of Slack,
// which would take clicks from bots that serve. Each thing is tried when the caller wants
// the next one.
func Probe(ctx context.Context, cfg *config.Config) iter.Seq[Probed] {
	return probing(cfg, func(p *probe) {
		p.vault(ctx)
		p.part("redis", p.openRedis(ctx), "")
		p.slackTokens(ctx)
		p.redis(ctx)
		p.cloudReads(ctx)
		p.rules(ctx)
	})
}

// ProbeSecrets reads each secret that only an approved run needs, and says of each that
// it is there, or why not; nothing of its value.
func ProbeSecrets(ctx context.Context, cfg *config.Config) iter.Seq[Probed] {
	return probing(cfg, func(p *probe) { p.secrets(ctx) })
}

func probing(cfg *config.Config, try func(*probe)) iter.Seq[Probed] {
	return func(yield func(Probed) bool) {
		p := &probe{Server: &Server{cfg: cfg, log: slog.New(slog.DiscardHandler)}, yield: yield}
		defer p.Close()
		if err := p.openVault(context.Background()); err != nil {
			p.says("vault", Bad, "%v", err)
			return
		}
		try(p)
	}
}

func (p *probe) says(part string, how Verdict, format string, args ...any) {
	if !p.ended {
		p.ended = !p.yield(Probed{part, how, fmt.Sprintf(format, args...)})
	}
}

// part says whether a thing is good; with nothing to say of a good one, only if it is not.
func (p *probe) part(name string, err error, good string) bool {
	switch {
	case err != nil:
		p.says(name, Bad, "%v", err)
	case good != "":
		p.says(name, Good, "%s", good)
	}
	return err == nil
}

func (p *probe) vault(ctx context.Context) {
	if p.cfg.Vault.Address != "" {
		p.part("vault", p.resolver.Check(ctx), p.cfg.Vault.Address+" takes the token")
	}
}

func (p *probe) slackTokens(ctx context.Context) {
	err := p.openSlack(ctx)
	if !p.part("slack", err, "") {
		p.slack = nil
		return
	}
	p.says("slack", Good, "both tokens are good for the workspace %s (%s)", p.team, p.here)
	for _, l := range p.lacks {
		p.says("slack", Doubt, "%s", l)
	}
}

func (p *probe) redis(ctx context.Context) {
	store := redisstore.New(p.Server.redis, p.here, redisstore.Options{Replicas: p.cfg.Redis.Replicas, Log: p.log})
	if !p.part("redis", inSentences(store.Enter(ctx)), "") {
		return
	}
	answers, keeps := strings.Join(p.cfg.Redis.Addresses, ", ")+" answers", ""
	if p.weak() {
		p.says("redis", Doubt, "%s; it may forget what it confirms, and then a run could be sent twice: redis.durability is weak", answers)
	} else {
		keeps = answers + " and keeps what it confirms"
	}
	if err := p.keeps(ctx, store); !p.part("redis", inSentences(err), keeps) && errors.Is(err, redisstore.ErrCannot) {
		return
	}
	if p.here == "" {
		p.says("redis", Untried, "what the bot does there: without Slack it is not known for which workspace")
	} else {
		p.part("redis", inSentences(store.Rehearse(ctx)), "every script and command works, tried on keys of its own that expire")
	}
	p.openDoor(ctx)
}

// openDoor looks whether Redis takes anybody: who can write to it can approve anything.
func (p *probe) openDoor(ctx context.Context) {
	c := p.connection()
	c.User, c.Password = "", nil
	client, err := redisstore.Dial(c)
	if err != nil {
		return
	}
	defer client.Close()
	if redisstore.New(client, p.here, redisstore.Options{}).Enter(ctx) == nil {
		p.says("redis", Doubt, "it takes connections without a password, and anyone who can write to it can approve anything: give it one (requirepass, or an ACL user and the default one off), and set redis.password")
	}
}

func (p *probe) cloudReads(ctx context.Context) {
	if !p.part("cloud", p.openCloud(ctx), "") {
		return
	}
	for _, ask := range []func() error{
		func() error { _, err := p.cloud.Script(ctx, noScript); return err },
		func() error {
			_, err := p.cloud.Scripts(ctx, bmclient.ScriptQuery{Page: bmclient.Page{Limit: 1}})
			return err
		},
		func() error { _, err := p.cloud.Tasks(ctx, bmclient.Page{Limit: 1}); return err },
		func() error { _, err := p.cloud.EachHost(ctx, noTask(p.cfg.BM.API), noHost); return err },
	} {
		if err := ask(); err != nil && !looked(err) {
			p.says("cloud", Bad, "%v", err)
			p.cloud.Client = nil
			return
		}
	}
	p.machines(ctx)
	p.says("cloud", Good, "%s takes the key for reads, API %s; bots is %d, and each makes its part of the calls that the account may make", p.cfg.BM.Endpoint, p.cfg.BM.API, p.cfg.Bots)
}

// machines looks a machine up in each region, as is done before anybody is asked for a run.
func (p *probe) machines(ctx context.Context) {
	for _, region := range append([]string{""}, p.cfg.Regions()...) {
		there := p.cloud.in(region)
		found, err := there.FindMachines(ctx, "")
		p.found = append(p.found, found...)
		if err == nil || looked(err) {
			_, err = there.Machines(ctx, noMachines)
		}
		if err != nil && !looked(err) {
			how, then := Bad, "until that is mended nothing can be asked for; bm.unchecked_hosts: allow would let requests go on, and their cards say so"
			if p.cfg.BM.Unchecked == config.Allow {
				how, then = Doubt, "requests go on without that, and their cards say so (bm.unchecked_hosts)"
			}
			p.says("cloud", how, "machines in %s: %v; %s", cmp.Or(region, p.cfg.BM.Region, "the cloud"), err, then)
		}
	}
}

// noMachines are ids of each kind that are looked up for whether that is taken.
var noMachines = []string{"ins-00000000", "rins-00000000"}

// noScript is the id of a script that is read for whether reads are taken.
const noScript = "cmd-doesnotexist"

func noHost(bmclient.HostRun) error { return nil }

// looked reports whether an error says that the API took the signature and looked
// for what does not exist.
func looked(err error) bool {
	var said *bmclient.Error
	return errors.Is(err, bmclient.ErrNoScript) || errors.Is(err, bmclient.ErrNoTask) ||
		errors.As(err, &said) && (said.Number == 10001 || strings.HasPrefix(said.Code, "InvalidParameter"))
}

// patiently asks again when Slack asks to wait.
func patiently[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	for {
		v, err := ask()
		var later *bot.Later
		if !errors.As(err, &later) || ctx.Err() != nil {
			return v, err
		}
		select {
		case <-time.After(later.After):
		case <-ctx.Done():
		}
	}
}
