package redisstore

import (
	"errors"
	"strings"
	"testing"

	"github.com/bmcmd/bmcmd/approvals"
)

func TestDurable(t *testing.T) {
	acl := func(rules ...any) func(*testing.T, *Store) {
		return func(t *testing.T, s *Store) {
			if err := s.client.Do(t.Context(), append([]any{"ACL", "SETUSER", "default"}, rules...)...).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		why    string
		args   []string
		before func(*testing.T, *Store)
		says   []string // nil: it keeps what it confirms
	}{
		{"each change is on the disk first", []string{"--appendonly", "yes", "--appendfsync", "always"}, nil, nil},
		{"the last second may be lost", []string{"--appendonly", "yes", "--appendfsync", "everysec"}, nil, []string{"appendfsync is everysec", "set it to always", "durability: weak"}},
		{"the system writes when it likes", []string{"--appendonly", "yes", "--appendfsync", "no"}, nil, []string{"appendfsync is no:", "set it to always", "durability: weak"}},
		{"nothing is on the disk", []string{"--appendfsync", "always"}, nil, []string{"appendonly is no:", "set it to yes", "durability: weak"}},
		{"what was used least goes when memory is full", []string{"--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "allkeys-lru"}, nil, []string{"maxmemory-policy is allkeys-lru:", "set it to noeviction", "durability: weak"}},
		{"what has a lifetime goes: events", []string{"--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "volatile-lru"}, nil, []string{"maxmemory-policy is volatile-lru:", "set it to noeviction", "durability: weak"}},
		{"its user may not ask", nil, acl("-config"), []string{"does not tell its appendfsync (NOPERM)", "CONFIG GET", "durability: weak"}},
		{"managed ones do not know CONFIG", []string{"--rename-command", "CONFIG", ""}, nil, []string{"does not tell its appendfsync (ERR)", "durability: weak"}},
	}
	for _, tt := range tests {
		s := startReal(t, tt.args...).store(t)
		if tt.before != nil {
			tt.before(t, s)
		}
		err := s.Durable(t.Context())
		if tt.says == nil {
			if err != nil {
				t.Errorf("%s: %v", tt.why, err)
			}
			continue
		}
		if !errors.Is(err, ErrForgets) || errors.Is(err, approvals.ErrUnavailable) {
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		for _, part := range tt.says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not say %q", tt.why, err, part)
			}
		}
	}
}

// Redis that is away has not said that it forgets.
func TestDurableOfARedisThatIsAway(t *testing.T) {
	loading := startMini(t)
	loading.mini.SetError("LOADING Redis is loading the dataset in memory")
	locked := startReal(t, "--requirepass", "hunter2-canary")
	for name, s := range map[string]*Store{
		"nobody listens":        New(dial(t, "127.0.0.1:1"), "T0TEST", Options{}),
		"it is not yet up":      loading.store(t),
		"the password is wrong": locked.store(t),
	} {
		if err := s.Durable(t.Context()); !errors.Is(err, approvals.ErrUnavailable) || errors.Is(err, ErrForgets) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := startMini(t).store(t).Durable(t.Context()); !errors.Is(err, ErrForgets) {
		t.Errorf("a server that does not know CONFIG: %v", err)
	}
}
