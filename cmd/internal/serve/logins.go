package serve

import (
	"context"
	"errors"
	"fmt"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/cmd/internal/config"
	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

// logins gives out logins by the config, and their values against a grant.
type logins struct{ *Server }

func (l logins) For(hosts []approvals.Host) (approvals.Login, error) { return l.cfg.Login(hosts) }

func (l logins) Asks(login string) []string { return l.cfg.LoginAsks(login) }

// errMoved says that the config names another place for a login than was approved.
var errMoved = errors.New("the login is kept elsewhere than was approved")

func (l logins) Open(ctx context.Context, g approvals.Held) (bot.Credentials, error) {
	ref, run, err := l.granted(g)
	if err != nil {
		return bot.Credentials{}, err
	}
	// Read at this moment: a vault that was sealed, or a value that was taken away,
	// stops the next run, whatever an earlier one was given.
	l.Forget(g)
	var creds bot.Credentials
	if ref != (vault.Ref{}) {
		if creds.Password, err = l.secret(ctx, ref); err != nil {
			return bot.Credentials{}, err
		}
	}
	if creds.Key, err = l.key(ctx, run); err != nil {
		return bot.Credentials{}, err
	}
	return creds, nil
}

// OpenKey reads the key for runs that was approved, and no password. What else became of the login since holds up no
// order to stop.
func (l logins) OpenKey(ctx context.Context, s approvals.StopOrder) (bmclient.Key, error) {
	run, known := l.cfg.RunKeyAt(s.Login().RunKey)
	if s.Request() == "" || !known {
		return bmclient.Key{}, fmt.Errorf("%w: %w", bot.ErrCredentials, errMoved)
	}
	l.forget(run)
	return l.key(ctx, run)
}

func (l logins) Forget(g approvals.Held) {
	ref, run, err := l.granted(g)
	if err != nil {
		return
	}
	if ref != (vault.Ref{}) {
		l.resolver.Forget(ref)
	}
	l.forget(run)
}

// granted is where the granted login's password and the key for runs are kept: the places that were approved.
func (l logins) granted(g approvals.Held) (password vault.Ref, run config.Key, err error) {
	now, known := l.cfg.LoginNow(g.Login().Name)
	if g.Request() == "" || !known || now != g.Login() {
		return vault.Ref{}, config.Key{}, fmt.Errorf("%w: %w", bot.ErrCredentials, errMoved)
	}
	login, run, _ := l.cfg.LoginNamed(g.Login().Name)
	return login.Password, run, nil
}
