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

// settings are those with which nothing is forgotten that was confirmed. They are asked
// for by pattern: Redis 6.2 takes one a call.
var (
	settings = []struct{ setting, good string }{{"appendonly", "yes"}, {"appendfsync", "always"}, {"maxmemory-policy", "noeviction"}}
	patterns = []string{"append*", "maxmemory-policy"}
)

// Durable is nil if the server that has the workspace's keys writes each change to its
// disk before it confirms it, and removes nothing when its memory is full. Else its error
// wraps [ErrForgets], or ErrUnavailable if the server cannot be asked.
func (s *Store) Durable(ctx context.Context) error {
	var has map[string]string
	for n := 0; ; n++ {
		var err error
		if has, err = s.settings(ctx); err == nil {
			break
		}
		if word := code(err); word == "ERR" || word == "NOPERM" {
			return &Fault{ErrForgets, "it does not tell its appendfsync (" + word + ")", "let its user call CONFIG GET, or write durability: weak"}
		}
		if n+1 < attempts && mayPass(err) && pause(ctx, n) {
			continue
		}
		return explain(ctx, approvals.ErrUnavailable, err)
	}
	for _, f := range settings {
		switch is, told := has[f.setting]; {
		case !told:
			return &Fault{ErrForgets, "it does not tell its " + f.setting, "write durability: weak"}
		case is != f.good:
			return &Fault{ErrForgets, f.setting + " is " + word(is), "set it to " + f.good + ", or write durability: weak"}
		}
	}
	return nil
}

// settings are what the master says of how it keeps what it is told.
func (s *Store) settings(ctx context.Context) (map[string]string, error) {
	type asked interface {
		ConfigGet(ctx context.Context, parameter string) *redis.MapStringStringCmd
	}
	on := asked(s.client)
	if client, is := s.client.(*redis.ClusterClient); is {
		node, err := client.MasterForKey(ctx, s.keys.due())
		if err != nil {
			return nil, err
		}
		on = node
	}
	has := map[string]string{}
	for _, p := range patterns {
		some, err := on.ConfigGet(ctx, p).Result()
		if err != nil {
			return nil, err
		}
		maps.Copy(has, some)
	}
	return has, nil
}

// word is a setting's value, if it is one word of letters and dashes: nothing else of Redis' text
// is passed on.
func word(value string) string {
	if value == "" || len(value) > 20 || strings.Trim(value, "abcdefghijklmnopqrstuvwxyz-") != "" {
		return "something else"
	}
	return value
}
