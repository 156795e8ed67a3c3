package serve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/approvals/redisstore"
	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/cmd/internal/config"
	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

// cloud is the script API as the bot calls it.
type cloud struct{ *bmclient.Client }

// looks is the same for what people look at: it gives way to cloud. Machines are looked for in each region of the config.
type looks struct {
	cloud   cloud
	regions []string
}

var (
	_ bot.Cloud = cloud{}
	_ bot.Looks = looks{}
)

func (l looks) Script(ctx context.Context, by bot.Looker, id string) (bmclient.Script, error) {
	return l.cloud.Script(context.WithValue(ctx, lookBy{}, by), id)
}

func (l looks) Scripts(ctx context.Context, by bot.Looker, q bmclient.ScriptQuery) (bmclient.ScriptList, error) {
	return l.cloud.Scripts(context.WithValue(ctx, lookBy{}, by), q)
}

func (l looks) Machines(ctx context.Context, by bot.Looker, ids []string) ([]bmclient.Machine, error) {
	return l.each(ctx, by, func(ctx context.Context, c cloud, known []bmclient.Machine) ([]bmclient.Machine, error) {
		left := slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
			return slices.ContainsFunc(known, func(m bmclient.Machine) bool { return m.ID == id })
		})
		if len(left) == 0 {
			return nil, nil
		}
		return c.Machines(ctx, left)
	})
}

func (l looks) FindMachines(ctx context.Context, by bot.Looker, name string) ([]bmclient.Machine, error) {
	return l.each(ctx, by, func(ctx context.Context, c cloud, _ []bmclient.Machine) ([]bmclient.Machine, error) {
		return c.FindMachines(ctx, name)
	})
}

// each asks region by region, the config's own first.
func (l looks) each(ctx context.Context, by bot.Looker, ask func(context.Context, cloud, []bmclient.Machine) ([]bmclient.Machine, error)) (all []bmclient.Machine, err error) {
	ctx = context.WithValue(ctx, lookBy{}, by)
	for _, region := range append([]string{""}, l.regions...) {
		found, err := ask(ctx, l.cloud.in(region), all)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// lookBy says who looks, on the way through the client to admit.
type lookBy struct{}

func (c cloud) In(region string) bot.Cloud { return c.in(region) }

func (c cloud) in(region string) cloud { return cloud{c.Client.In(region)} }

func (s *Server) openCloud(context.Context) error {
	b := s.cfg.BM
	client, err := bmclient.New(bmclient.Config{
		API: b.API, Endpoint: b.Endpoint, Region: b.Region, ArrayKey: b.ArrayKey, Signature: b.Signature, ReadsByGET: b.ReadsByGet,
		ReadKey:   func(ctx context.Context) (bmclient.Key, error) { return s.key(ctx, b.ReadKey) },
		ForgetKey: func() { s.forget(b.ReadKey) }, Timeout: b.Timeout, RunTimeout: b.RunTimeout, Admit: s.admit, Rows: s.rows, Log: s.log, Now: s.now,
	})
	if err != nil {
		return err
	}
	s.cloud = cloud{client}
	return nil
}

// openBudget has the replicas share the API's quotas. Each API has its own, as the cloud
// counts them.
func (s *Server) openBudget(context.Context) error {
	s.budget = redisstore.NewBudget(s.redis, s.here, s.cfg.BM.API, func(action string) (int, time.Duration) {
		return s.quota(s.cfg.BM.API, action)
	})
	return nil
}

// admit waits for room in the quota. Where no replica shares it, as in a check, what
// is sent is too little to matter.
func (s *Server) admit(ctx context.Context, action string) error {
	if s.budget == nil {
		return nil
	}
	take := func(ctx context.Context, quota string) error {
		return s.budget.Take(ctx, quota, slices.Contains(first, action))
	}
	if by, is := ctx.Value(lookBy{}).(bot.Looker); is {
		share := redisstore.Looks
		if by.Asks { // it has a place that others wait for, and is made again
			share = redisstore.LookUps
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, roomFor)
			defer cancel()
		}
		take = func(ctx context.Context, quota string) error {
			return s.budget.TakeShare(ctx, quota, share, by.User)
		}
	}
	err := take(ctx, allActions)
	if err == nil {
		err = take(ctx, action)
	}
	if full, is := errors.AsType[*redisstore.Full](err); is {
		err = fmt.Errorf("%w: %w: %w", bot.ErrQuota, &bot.Later{After: full.After}, err)
	}
	return err
}

// roomFor is how long a look-up of a new request waits for room.
const roomFor = time.Second

// allActions stands for the account's quota, in which runs and reads meet.
const allActions = "all actions"

// documented are the quotas as the API's documents give them.
func documented(api, action string) (n int, per time.Duration) {
	if action == allActions {
		if bmclient.Sends(api) {
			return 0, 0 // TAT counts each action by itself
		}
		return bmclient.AccountQuota, bmclient.AccountQuotaPer
	}
	return bmclient.Quota(api, action)
}

// first are the actions that others give way to: they run, and stop what runs.
var first = []string{"RunUserCmd", "RunCommand", "CancelInvocation"}

// readKeyIsThere ends a start whose key for reads is missing or cannot do: every look-up
// would only say that it is tried again. A vault that is away is waited for.
func (s *Server) readKeyIsThere(ctx context.Context) error {
	_, err := s.key(ctx, s.cfg.BM.ReadKey)
	if lasts(err) {
		return fmt.Errorf("bm.read_key: %w", err)
	}
	if err != nil {
		s.log.Warn("the key for reads could not be read yet; it is read again for each call", "error", err)
	}
	return nil
}

// key reads what the API is signed with.
func (s *Server) key(ctx context.Context, k config.Key) (bmclient.Key, error) {
	id, err := s.keyPart(ctx, k.ID)
	if err != nil {
		return bmclient.Key{}, err
	}
	secret, err := s.keyPart(ctx, k.Secret)
	if err != nil || k.Token == (vault.Ref{}) {
		return bmclient.Key{ID: id.Reveal(), Secret: secret}, err
	}
	token, err := s.keyPart(ctx, k.Token)
	return bmclient.Key{ID: id.Reveal(), Secret: secret, Token: token}, err
}

// keyPart is secret for a part of a key, which travels in a header.
func (s *Server) keyPart(ctx context.Context, ref vault.Ref) (vault.Secret, error) {
	v, err := s.secret(ctx, ref)
	if err == nil && strings.ContainsFunc(v.Reveal(), func(r rune) bool { return r <= ' ' }) {
		s.resolver.Forget(ref)
		err = fmt.Errorf("%w: %s: %w: it holds a blank or a line end, and no key does; store the key alone", bot.ErrCredentials, ref, vault.ErrUnusable)
	}
	return v, err
}

// forget has the parts of a key read again.
func (s *Server) forget(k config.Key) {
	for _, ref := range []vault.Ref{k.ID, k.Secret, k.Token} {
		s.resolver.Forget(ref)
	}
}
