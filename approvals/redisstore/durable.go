package redisstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
)

// ErrForgets says that Redis may forget what it has confirmed, or will not tell
// whether it may. The error is a [*Fault].
var ErrForgets = errors.New("redis may forget what it confirmed")

// Fault is what only a person can mend: which kind of fault, what Redis answered, and
// what to do. It wraps its kind.
type Fault struct {
	Kind      error
	Found, Do string
}

func (f *Fault) Error() string { return fmt.Sprintf("%v: %s: %s", f.Kind, f.Found, f.Do) }
func (f *Fault) Unwrap() error { return f.Kind }

// wants is what a server says of itself that forgets nothing it has confirmed, and what
// to do about one that says otherwise. A replica, also one that takes writes, sooner or
// later has its master's keys again.
var wants = []struct {
	field, good string // "": anything, as long as a restart is seen by it
	kind        error
	do          string
}{
	{"role", "master", ErrCannot, "a replica loses what is written to it; " + doMaster},
	{"run_id", "", ErrForgets, ""},
	{"master_replid", "", ErrForgets, ""},
	{"appendonly", "yes", ErrForgets, "set it to yes" + orWeak},
	{"appendfsync", "always", ErrForgets, "set it to always" + orWeak},
	{"no-appendfsync-on-rewrite", "no", ErrForgets, "set it to no" + orWeak},
	{"maxmemory-policy", "noeviction", ErrForgets, "set it to noeviction" + orWeak},
}

const orWeak = ", or write durability: weak"

// Durable is nil if the server that has the workspace's keys is a master that writes each
// change to its disk before it confirms it, removes nothing when its memory is full, and
// can be told from another. Else its error wraps [ErrCannot] for a replica, [ErrForgets],
// or ErrUnavailable if the server cannot be asked.
func (s *Store) Durable(ctx context.Context) error {
	told, refused := map[string]string{}, "" // refused: see ask
	for n := 0; ; n++ {
		var err error
		if refused, err = s.ask(ctx, told); err == nil {
			break
		}
		if n+1 < attempts && mayPass(err) && pause(ctx, n) {
			continue
		}
		return explain(ctx, approvals.ErrUnavailable, err)
	}
	for _, w := range wants {
		switch is := told[w.field]; {
		case is == "":
			return &Fault{ErrForgets, "it does not tell its " + w.field + refused, "let its user call INFO and CONFIG GET" + orWeak}
		case w.good != "" && is != w.good:
			return &Fault{w.kind, w.field + " is " + word(is), w.do}
		}
	}
	return nil
}

// ask adds what the master says of itself. refused is its word of a command that it does
// not know or does not allow.
func (s *Store) ask(ctx context.Context, told map[string]string) (refused string, err error) {
	on := s.client
	if client, is := on.(*redis.ClusterClient); is {
		if on, err = client.MasterForKey(ctx, s.keys.due()); err != nil {
			return "", err
		}
	}
	var info *redis.StringCmd
	var settings [2]*redis.MapStringStringCmd
	_, _ = on.Pipelined(ctx, func(p redis.Pipeliner) error { // each answers for itself
		info = p.Info(ctx)
		settings[0] = p.ConfigGet(ctx, "*append*") // Redis 6.2 takes one pattern a call
		settings[1] = p.ConfigGet(ctx, "maxmemory-policy")
		return nil
	})
	maps.Copy(told, fields(info.Val()))
	for _, has := range settings {
		maps.Copy(told, has.Val())
	}
	for _, err := range []error{info.Err(), settings[0].Err(), settings[1].Err()} {
		switch word := code(err); {
		case word == "ERR" || word == "NOPERM":
			refused = " (" + word + ")"
		case err != nil:
			return "", err
		}
	}
	return refused, nil
}

// fields are the lines field:value of what INFO answers.
func fields(info string) map[string]string {
	has := map[string]string{}
	for line := range strings.Lines(info) {
		field, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		has[field] = value
	}
	return has
}

// word is a setting's value, if it is one word of letters and dashes: nothing else of Redis' text
// is passed on.
func word(value string) string {
	if value == "" || len(value) > 20 || strings.Trim(value, "abcdefghijklmnopqrstuvwxyz-") != "" {
		return "something else"
	}
	return value
}
