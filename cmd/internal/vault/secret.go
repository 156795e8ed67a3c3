package vault

import (
	"fmt"
	"io"
	"log/slog"
)

// hidden is what stands wherever a value would have been printed.
const hidden = "[secret]"

// A Secret holds a value that must not be printed. Every way of printing,
// logging or encoding one gives "[secret]", whatever the value and its length;
// only Reveal gives the value. The zero Secret reveals "".
//
// The value sits behind a pointer because fmt calls no methods on unexported
// fields: of a Secret there it prints an address.
//
// Two Secrets are == if they are copies of one another, not if their values
// are the same. A Secret may be used by several goroutines.
type Secret struct{ v *string }

// NewSecret makes a Secret of a value. It is for tests and for values that
// came out of a reference; a setting never becomes a Secret this way.
// [Resolver.Scrub] does not know values made by NewSecret.
func NewSecret(value string) Secret { return Secret{&value} }

// Reveal gives the value. Call it where the value is sent, not before.
func (s Secret) Reveal() string {
	if s.v == nil {
		return ""
	}
	return *s.v
}

// Format prints "[secret]" for every verb and flag.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

func (Secret) String() string   { return hidden }
func (Secret) GoString() string { return hidden }

// LogValue gives "[secret]" to log/slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText, MarshalJSON and MarshalYAML all encode "[secret]".
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }
func (Secret) MarshalYAML() (any, error)    { return hidden, nil }
