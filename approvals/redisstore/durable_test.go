package redisstore

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

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
		{"nothing is on the disk first while its file is rewritten", []string{"--appendonly", "yes", "--appendfsync", "always", "--no-appendfsync-on-rewrite", "yes"}, nil, []string{"no-appendfsync-on-rewrite is yes:", "set it to no,", "durability: weak"}},
		{"its user may not ask who it is: a restart would not be seen", []string{"--appendonly", "yes", "--appendfsync", "always"}, acl("-info"), []string{"does not tell its role (NOPERM)", "call INFO", "durability: weak"}},
		{"it hides who it is", []string{"--appendonly", "yes", "--appendfsync", "always", "--rename-command", "INFO", ""}, nil, []string{"does not tell its role (ERR)", "durability: weak"}},
		{"its user may not ask", nil, acl("-config"), []string{"does not tell its appendonly (NOPERM)", "CONFIG GET", "durability: weak"}},
		{"managed ones do not know CONFIG", []string{"--rename-command", "CONFIG", ""}, nil, []string{"does not tell its appendonly (ERR)", "durability: weak"}},
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

// A replica asks its master for all keys again after a while, and loses what was written
// to it. It says so itself, whatever it is told to take.
func TestAReplicaKeepsNothing(t *testing.T) {
	for _, readOnly := range []string{"yes", "no"} {
		s := startReal(t, "--appendonly", "yes", "--appendfsync", "always", "--replicaof", "127.0.0.1", "1", "--replica-read-only", readOnly).store(t)
		err := s.Durable(t.Context())
		if !errors.Is(err, ErrCannot) || !strings.Contains(err.Error(), "role is slave: a replica loses what is written to it; name the master") || strings.Contains(err.Error(), "weak") {
			t.Errorf("replica-read-only %s: %v", readOnly, err)
		}
	}
}

// A server that leaves out one of what tells it from another would be restarted unseen.
func TestDurableNeedsAnIdentity(t *testing.T) {
	for _, hides := range []string{"run_id", "master_replid"} {
		srv := startReal(t, "--appendonly", "yes", "--appendfsync", "always")
		client := dial(t, srv.addr)
		client.AddHook(&hide{field: hides})
		err := New(client, "T0TEST", Options{}).Durable(t.Context())
		if !errors.Is(err, ErrForgets) || !strings.Contains(err.Error(), "it does not tell its "+hides+":") {
			t.Errorf("without %s: %v", hides, err)
		}
	}
}

// hide takes a field out of INFO's answer.
type hide struct{ field string }

func (h *hide) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (h *hide) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (h *hide) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		for _, cmd := range cmds {
			if info, is := cmd.(*redis.StringCmd); is && cmd.Name() == "info" {
				info.SetVal(strings.ReplaceAll(info.Val(), h.field+":", "other:"))
			}
		}
		return err
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
