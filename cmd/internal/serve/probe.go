package serve

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"

	"github.com/bmcmd/bmcmd/approvals/redisstore"
	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/cmd/internal/config"
)

// Probed is what came of asking one part outside.
type Probed struct {
	Part  string // vault, redis, slack or cloud
	Found string // what was found there, if all is well
	Err   error
}

// Probe asks every part outside whether it would do: the vault, with every
// reference but those of host logins and of the key for runs, which are read for
// an approved run only; Redis; Slack's tokens and scopes; and the cloud, by each of
// the reads that the bot needs, for a script and a task that do not exist. It posts
// nothing and runs nothing. Each part is asked when the caller wants the next one.
func Probe(ctx context.Context, cfg *config.Config) iter.Seq[Probed] {
	return func(yield func(Probed) bool) {
		s := &Server{cfg: cfg, log: slog.New(slog.DiscardHandler)}
		defer s.Close()
		if err := s.openVault(ctx); err != nil {
			yield(Probed{Part: "vault", Err: err})
			return
		}
		for _, part := range []struct {
			name  string
			needs bool
			ask   func(context.Context) (found string, err error)
		}{
			{"vault", cfg.Vault.Address != "", s.probeVault},
			{"redis", true, s.probeRedis},
			{"slack", true, s.probeSlack},
			{"cloud", true, s.probeCloud},
		} {
			if !part.needs {
				continue
			}
			found, err := part.ask(ctx)
			if !yield(Probed{Part: part.name, Found: found, Err: err}) {
				return
			}
		}
	}
}

func (s *Server) probeVault(ctx context.Context) (string, error) {
	return s.cfg.Vault.Address + " takes the token", s.resolver.Check(ctx)
}

func (s *Server) probeRedis(ctx context.Context) (string, error) {
	if err := s.openRedis(ctx); err != nil {
		return "", err
	}
	store := redisstore.New(s.redis, "probe", redisstore.Options{Log: s.log})
	if err := store.Enter(ctx); err != nil {
		return "", inSentences(err)
	}
	answers := strings.Join(s.cfg.Redis.Addresses, ", ") + " answers"
	if s.weak() {
		return answers + "; it may forget what it confirms, as redis.durability says", nil
	}
	return answers + " and keeps what it confirms", inSentences(store.Durable(ctx))
}

func (s *Server) probeSlack(ctx context.Context) (string, error) {
	if err := s.openSlack(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("both tokens are good for the workspace %s (%s)", s.team, s.here), nil
}

func (s *Server) probeCloud(ctx context.Context) (string, error) {
	if err := s.openCloud(ctx); err != nil {
		return "", err
	}
	for _, ask := range []func() error{
		func() error { _, err := s.cloud.Script(ctx, "cmd-doesnotexist"); return err },
		func() error {
			_, err := s.cloud.Scripts(ctx, bmclient.ScriptQuery{Page: bmclient.Page{Limit: 1}})
			return err
		},
		func() error { _, err := s.cloud.Tasks(ctx, bmclient.Page{Limit: 1}); return err },
		func() error { _, err := s.cloud.EachHost(ctx, "cmdtask-doesnotexist", noHost); return err },
	} {
		if err := ask(); err != nil && !looked(err) {
			return "", err
		}
	}
	return fmt.Sprintf("%s takes the key for reads, API %s", s.cfg.BM.Endpoint, s.cfg.BM.API), nil
}

func noHost(bmclient.HostRun) error { return nil }

// looked reports whether an error says that the API took the signature and looked
// for what does not exist.
func looked(err error) bool {
	var said *bmclient.Error
	return errors.Is(err, bmclient.ErrNoScript) || errors.Is(err, bmclient.ErrNoTask) ||
		errors.As(err, &said) && (said.Number == 10001 || strings.HasPrefix(said.Code, "InvalidParameter"))
}
