package serve

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/cmd/internal/config"
	"github.com/bmcmd/bmcmd/cmd/internal/quota"
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
	return l.cloud.Script(quota.Looking(ctx, by), id)
}

func (l looks) Scripts(ctx context.Context, by bot.Looker, q bmclient.ScriptQuery) (bmclient.ScriptList, error) {
	return l.cloud.Scripts(quota.Looking(ctx, by), q)
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
	ctx = quota.Looking(ctx, by)
	for _, region := range append([]string{""}, l.regions...) {
		found, err := ask(ctx, l.cloud.in(region), all)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func (c cloud) In(region string) bot.Cloud { return c.in(region) }

func (c cloud) in(region string) cloud { return cloud{c.Client.In(region)} }

func (s *Server) openCloud(context.Context) error {
	b := s.cfg.BM
	c := bmclient.Config{
		API: b.API, Endpoint: b.Endpoint, Region: b.Region, ArrayKey: b.ArrayKey, Signature: b.Signature, ReadsByGET: b.ReadsByGet,
		ReadKey:   func(ctx context.Context) (bmclient.Key, error) { return s.key(ctx, b.ReadKey) },
		ForgetKey: func() { s.forget(b.ReadKey) }, Timeout: b.Timeout, RunTimeout: b.RunTimeout, Rows: s.rows, Log: s.log, Now: s.now,
	}
	if s.quotas != nil {
		room := quota.New(b.API, s.cfg.Bots, s.quotas)
		c.Admit, c.Answered = room.Admit, room.Answered
	}
	client, err := bmclient.New(c)
	if err != nil {
		return err
	}
	s.cloud = cloud{client}
	return nil
}

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
