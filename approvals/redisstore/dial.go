package redisstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/bmcmd/bmcmd/approvals"
)

// Connection says where Redis is and how to enter it.
type Connection struct {
	// Addresses are host:port: one server, or some of a cluster's or of the
	// Sentinels'.
	Addresses []string
	Master    string // what the Sentinels call the master; empty: no Sentinels
	Cluster   bool   // a cluster, although there is only one address

	User string // empty: the default user
	// Password is asked for whenever a connection is made, so that it may change;
	// nil: none. Its error must not hold the password.
	Password func(context.Context) (string, error)
	// SentinelUser and SentinelPassword are for the Sentinels themselves.
	SentinelUser, SentinelPassword string
	TLS                            *tls.Config // nil: none

	DB       int           // not for a cluster
	Dial     time.Duration // for making a connection; 0 means 2 seconds
	Reply    time.Duration // for writing a command, and for its reply; 0 means 3 seconds
	PoolSize int           // connections to a node; 0 means ten for each CPU

	Log *slog.Logger // go-redis' own words, at debug level; nil: none
}

// Dial makes a client that never repeats a command unseen; it connects when it
// is first used. go-redis has one logger for the whole process: Dial sets it.
func Dial(c Connection) (redis.UniversalClient, error) {
	if len(c.Addresses) == 0 {
		return nil, errors.New("redis: no address is given: give host:port")
	}
	for i, a := range c.Addresses {
		if _, port, err := net.SplitHostPort(a); err != nil || port == "" {
			// The text is not quoted: it might be a URL with a password.
			return nil, fmt.Errorf("redis: address %d is not host:port: give no URL and no password there", i+1)
		}
	}
	redis.SetLogger(talk{c.Log})
	return redis.NewUniversalClient(c.options()), nil
}

func (c Connection) options() *redis.UniversalOptions {
	o := &redis.UniversalOptions{
		Addrs: c.Addresses, MasterName: c.Master, IsClusterMode: c.Cluster, DB: c.DB,
		Username: c.User, SentinelUsername: c.SentinelUser, SentinelPassword: c.SentinelPassword,
		TLSConfig:   c.TLS,
		DialTimeout: or(c.Dial, 2*time.Second), ReadTimeout: or(c.Reply, 3*time.Second), WriteTimeout: or(c.Reply, 3*time.Second),
		PoolSize:   c.PoolSize,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true,
		// Scripts need nothing of the newer protocol, and each connection is ready sooner.
		Protocol: 2, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if c.Password != nil {
		o.CredentialsProviderContext = func(ctx context.Context) (string, string, error) {
			password, err := c.Password(ctx)
			if err != nil {
				return "", "", fmt.Errorf("the password of Redis: %w", err)
			}
			return c.User, password, nil
		}
	}
	return o
}

func or(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// talk takes what go-redis says of itself. Its arguments may be errors of Redis
// that quote what was sent, so they are shortened like all others.
type talk struct{ log *slog.Logger }

func (t talk) Printf(ctx context.Context, format string, args ...any) {
	if t.log == nil {
		return
	}
	for i, a := range args {
		if err, ok := a.(error); ok {
			args[i] = explain(ctx, approvals.ErrUnavailable, err)
		}
	}
	t.log.DebugContext(ctx, "redis client", "said", fmt.Sprintf(format, args...))
}
