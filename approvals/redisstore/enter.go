package redisstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"

	"github.com/bmcmd/bmcmd/approvals"
)

// ErrEntry says that Redis does not let us in as the config has it, and that this lasts
// until somebody changes one of the two. The error is a [*Fault].
var ErrEntry = errors.New("redis does not let bmcmd in")

// entries are the answers to a new connection that do not pass by themselves.
var entries = []struct{ begins, found, do string }{
	{"WRONGPASS", "it refuses the user or the password (WRONGPASS)", "correct redis.username, or what redis.password refers to"},
	{"NOAUTH", "it wants a password (NOAUTH)", "set redis.password"},
	{"ERR AUTH ", "it has no password and was given one", "remove redis.password, or give Redis one"},
	{"ERR Client sent AUTH", "it has no password and was given one", "remove redis.password, or give Redis one"},
	{"ERR DB index is out of range", "it has no database of this number", "correct redis.db"},
	{"ERR invalid DB index", "it has no database of this number", "correct redis.db"},
	{"ERR SELECT is not allowed", "it is a cluster, and that has only db 0", "remove redis.db and set redis.cluster: true"},
	{"ERR This instance has cluster support disabled", "it is not a cluster", "remove redis.cluster"},
	{"ERR unknown command 'sentinel'", "it is not a Sentinel", "remove redis.master, or name the Sentinels in redis.addresses"},
	{"NOPERM", "its user may not open a connection (NOPERM)", "let the user call PING, and SELECT if redis.db is set"},
	{"DENIED", "it takes no connections from other machines (protected mode)", "give it a password"},
}

// Enter makes sure of a connection, with user, password, TLS and database as the bot
// has them. Errors wrap [ErrEntry] if only a person can mend it, ErrUnavailable if it
// may pass, and what the password's reader said. It may be repeated.
func (s *Store) Enter(ctx context.Context) error {
	err := s.client.Ping(ctx).Err()
	if err == nil {
		return nil
	}
	answer := strings.ReplaceAll(said(err), "`", "'") // how 6.2 quotes
	for _, e := range entries {
		if strings.HasPrefix(answer, e.begins) {
			return &Fault{ErrEntry, e.found, e.do}
		}
	}
	var record tls.RecordHeaderError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case errors.As(err, &record):
		return &Fault{ErrEntry, "it does not speak TLS", "correct the port in redis.addresses, or remove redis.tls"}
	case errors.As(err, &authority):
		return &Fault{ErrEntry, "its certificate is signed by an authority that this machine does not trust", "add the authority to the machine's own"}
	case errors.As(err, &name):
		return &Fault{ErrEntry, "its certificate is for another name", "write the name that the certificate has in redis.addresses"}
	case garbled(err):
		return &Fault{ErrEntry, "what answers there is not a Redis", "correct redis.addresses"}
	}
	return explain(ctx, approvals.ErrUnavailable, err)
}

// garbled reports whether an answer was not of Redis' protocol. go-redis has no type
// for that, and quotes the answer.
func garbled(err error) bool {
	return strings.HasPrefix(err.Error(), "redis: can't parse") || strings.HasPrefix(err.Error(), "redis: invalid reply")
}
