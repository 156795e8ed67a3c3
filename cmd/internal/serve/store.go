package serve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/approvals/redisstore"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/cmd/internal/config"
	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

// askStore is how long a start waits for what Redis says of itself.
const askStore = 5 * time.Second

// openStore makes the store, gives it its mark if it is new, and refuses a Redis that does
// not let us in, or that says that it forgets or is a replica. One that is away is held against its
// settings by the bot, before each claim.
func (s *Server) openStore(ctx context.Context) error {
	s.store = redisstore.New(s.redis, s.here, redisstore.Options{
		KeepRequests: s.cfg.Keep.Requests, KeepEvents: s.cfg.Keep.Events, KeepOutputs: s.cfg.Keep.Outputs,
		Replicas: s.cfg.Redis.Replicas, Now: clockOr(time.Now), Log: s.log,
	})
	ctx, cancel := context.WithTimeout(ctx, askStore)
	defer cancel()
	err := s.store.Enter(ctx)
	if err == nil {
		err = s.keeps(ctx, s.store)
	}
	if err == nil {
		err = s.store.Mark(ctx)
	}
	if lasts(err) {
		return inSentences(err)
	}
	if err != nil {
		s.log.Warn("redis could not be asked whether it keeps what it confirms; it is asked again before each run", "error", err)
	}
	if s.weak() {
		s.log.Warn("redis may forget what it confirms, and then a run could be sent twice: redis.durability is weak, and each card says so")
	}
	return nil
}

// keeps is nil if Redis is a master that keeps what it confirms, as far as the config asks
// for that.
func (s *Server) keeps(ctx context.Context, store *redisstore.Store) error {
	if err := store.Durable(ctx); !s.weak() || !errors.Is(err, redisstore.ErrForgets) {
		return err
	}
	return nil
}

// lasts reports whether err stays until a person changes something: Redis' settings or
// ours, or a secret that is not there, may not be read or cannot do. A server that is
// away, sealed or busy passes.
func lasts(err error) bool {
	return slices.ContainsFunc([]error{
		redisstore.ErrEntry, redisstore.ErrForgets, redisstore.ErrCannot,
		vault.ErrDenied, vault.ErrNotFound, vault.ErrNoField, vault.ErrEmpty, vault.ErrUnusable,
	}, func(kind error) bool { return errors.Is(err, kind) })
}

func (s *Server) weak() bool { return s.cfg.Redis.Durability == config.Weak }

// durable is what the bot asks before each claim; nil: nothing.
func (s *Server) durable() func(context.Context) error {
	if s.weak() {
		return nil
	}
	return s.store.Durable
}

// inSentences says of a Redis that cannot do what is wrong, and then what to do.
func inSentences(err error) error {
	var f *redisstore.Fault
	if !errors.As(err, &f) {
		return err
	}
	risk := ""
	if f.Kind == redisstore.ErrForgets {
		risk = ", and then a run could be sent twice"
	}
	return fmt.Errorf("%w%s: %s. %s%s", f.Kind, risk, f.Found, strings.ToUpper(f.Do[:1]), f.Do[1:])
}

// now is the time that calls of the API are signed with: Redis' own, as soon as there
// is a store, so that a machine whose date is wrong still does its work.
func (s *Server) now() time.Time {
	if s.store != nil {
		return s.store.Clock()
	}
	return clockOr(time.Now)()
}

// valid is for how long the API may take what was signed at one moment. 2.0: the page on
// its error codes for Bare Metal says of 4500 that the time may be off by 2 hours; the
// one for all products says 5 minutes; the longer counts. 3.0: 5 minutes, by its page
// on signatures.
func valid(api string) time.Duration {
	if api != config.API2 {
		return 5*time.Minute + bot.ClockSkew
	}
	return 2*time.Hour + bot.ClockSkew
}
