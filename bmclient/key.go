package bmclient

import (
	"context"
	"fmt"
	"io"
	"log/slog"
)

// Secret is a value that may only be revealed at the moment of signing or sending. Reveal is called once for each send and
// its result is not kept.
type Secret interface{ Reveal() string }

// Key is what the API is signed with. Printed, logged or marshalled it is "[key]": not even its ID is shown.
type Key struct {
	ID     string // SecretId
	Secret Secret // SecretKey
	Token  Secret // nil unless the keys are temporary
}

// KeySource reads the key at the moment it is needed. It is called once for each read, from the caller's goroutine, and may be
// called by many at once. Its error reaches the caller wrapped and must name no secret.
type KeySource func(ctx context.Context) (Key, error)

const keyShown = "[key]"

// Format writes "[key]" whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, keyShown) }

// LogValue is "[key]".
func (k Key) LogValue() slog.Value { return slog.StringValue(keyShown) }

// MarshalText is "[key]", so that a key inside something marshalled gives nothing away.
func (k Key) MarshalText() ([]byte, error) { return []byte(keyShown), nil }

// check says what makes the key unfit to sign with.
func (k Key) check() error {
	switch {
	case k.ID == "":
		return local("the key has no id")
	case k.Secret == nil:
		return local("the key has no secret")
	}
	return nil
}
