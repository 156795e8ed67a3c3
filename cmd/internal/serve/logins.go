package serve

import (
	"context"
	"errors"
	"fmt"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

// logins gives out logins by the config, and their values against a grant.
type logins struct{ *Server }

func (l logins) For(hosts []string) (approvals.Login, error) { return l.cfg.Login(hosts) }

// errMoved says that the config names another place for a login than was approved.
var errMoved = errors.New("the login is kept elsewhere than was approved")

func (l logins) Open(ctx context.Context, g approvals.Grant) (bot.Credentials, error) {
	ref, err := l.ref(g)
	if err != nil {
		return bot.Credentials{}, err
	}
	// Read at this moment: a vault that was sealed, or a value that was taken away,
	// stops the next run, whatever an earlier one was given.
	l.Forget(g)
	password, err := l.secret(ctx, ref)
	if err != nil {
		return bot.Credentials{}, err
	}
	key, err := l.key(ctx, l.cfg.BM.RunKey)
	if err != nil {
		return bot.Credentials{}, err
	}
	return bot.Credentials{Key: key, Password: password}, nil
}

func (l logins) Forget(g approvals.Grant) {
	if ref, err := l.ref(g); err == nil {
		l.resolver.Forget(ref)
	}
	l.forget(l.cfg.BM.RunKey)
}

// ref is where the granted login is kept: the place that was approved.
func (l logins) ref(g approvals.Grant) (vault.Ref, error) {
	ref, known := l.cfg.LoginRef(g.Login().Name)
	if g.Request() == "" || !known || ref.String() != g.Login().Ref {
		return vault.Ref{}, fmt.Errorf("%w: %w", bot.ErrCredentials, errMoved)
	}
	return ref, nil
}
