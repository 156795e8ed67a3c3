package serve

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"github.com/bmcmd/bmcmd/approvals/redisstore"
	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/cmd/internal/config"
)

// Probed is what came of asking one part outside.
type Probed struct {
	What string
	Err  error
}

// Probe asks every part outside whether it would do: each reference but those of
// host logins and the key for runs, which are read for an approved run only;
// Slack's tokens and scopes; Redis; and the cloud, by reading a script that does
// not exist. It posts nothing and runs nothing.
func Probe(ctx context.Context, cfg *config.Config) []Probed {
	s := &Server{cfg: cfg, log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	defer s.Close()
	var out []Probed
	ask := func(what string, probe func(context.Context) error) {
		out = append(out, Probed{what, probe(ctx)})
	}
	ask("vault and files", func(ctx context.Context) error {
		if err := s.openVault(ctx); err != nil {
			return err
		}
		return s.resolver.Check(ctx)
	})
	if s.resolver == nil {
		return out
	}
	ask("redis", func(ctx context.Context) error {
		if err := s.openRedis(ctx); err != nil {
			return err
		}
		return redisstore.New(s.redis, "probe", redisstore.Options{Log: s.log}).Ping(ctx)
	})
	ask("slack", s.openSlack)
	ask("cloud", func(ctx context.Context) error {
		if err := s.openCloud(ctx); err != nil {
			return err
		}
		_, err := s.cloud.Script(ctx, "cmd-doesnotexist")
		var said *bmclient.Error
		if errors.Is(err, bmclient.ErrNoScript) || errors.As(err, &said) && said.Number == 10001 {
			return nil // it took the signature and looked
		}
		return err
	})
	return out
}
