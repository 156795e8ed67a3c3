package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/bmcmd/bmcmd/approvals/redisstore"
	"github.com/bmcmd/bmcmd/cmd/internal/config"
)

// Audit reads what was recorded in Redis, for an operator at a terminal. Of everything
// that a config names it opens Redis, and the vault for its password, nothing else.
type Audit struct {
	*redisstore.Audit
	Workspace string

	s *Server
}

// ErrWorkspace says that it is not clear whose requests are meant.
var ErrWorkspace = errors.New("which workspace is meant")

// OpenAudit opens the history of a workspace; "" is the only one that Redis has. Errors
// wrap [ErrWorkspace], or are those of the vault or of Redis.
func OpenAudit(ctx context.Context, cfg *config.Config, workspace string) (*Audit, error) {
	s := &Server{cfg: cfg, log: slog.New(slog.DiscardHandler)}
	for _, part := range []func(context.Context) error{s.openVault, s.openRedis} {
		if err := part(ctx); err != nil {
			s.Close()
			return nil, err
		}
	}
	if workspace == "" {
		var err error
		if workspace, err = s.onlyWorkspace(ctx); err != nil {
			s.Close()
			return nil, err
		}
	}
	return &Audit{Audit: redisstore.NewAudit(s.redis, workspace), Workspace: workspace, s: s}, nil
}

func (s *Server) onlyWorkspace(ctx context.Context) (string, error) {
	all, err := redisstore.Workspaces(ctx, s.redis)
	switch {
	case err != nil:
		return "", err
	case len(all) == 0:
		return "", fmt.Errorf("%w: Redis at %s has no requests of bmcmd; look at redis.addresses and redis.db", ErrWorkspace, strings.Join(s.cfg.Redis.Addresses, ", "))
	case len(all) > 1:
		return "", fmt.Errorf("%w: Redis has %s; name one with --workspace", ErrWorkspace, strings.Join(all, ", "))
	}
	return all[0], nil
}

// Close lets go of connections.
func (a *Audit) Close() { a.s.Close() }
