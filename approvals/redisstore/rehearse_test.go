package redisstore

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
)

// bmcmdUser is a user of Redis who may do what the rehearsal tries, and nothing else, and
// then what acl says.
func bmcmdUser(t *testing.T, s *server, acl ...string) *Store {
	t.Helper()
	words := []any{"ACL", "SETUSER", "bmcmd", "reset", "on", ">hunter2-canary", "~bmcmd:{T0TEST}:*", "+ping", "+eval", "+evalsha", "+info", "+config|get", "+wait"}
	for _, c := range commands {
		name, _, _ := strings.Cut(c, " ")
		words = append(words, "+"+name)
	}
	for _, w := range acl {
		words = append(words, w)
	}
	if err := dial(t, s.addr).Do(t.Context(), words...).Err(); err != nil {
		t.Fatal(err)
	}
	return New(dial(t, s.addr, func(c *Connection) {
		c.User, c.Password = "bmcmd", func(context.Context) (string, error) { return "hunter2-canary", nil }
	}), "T0TEST", Options{})
}

// Whatever a Redis cannot do for the bot, the rehearsal finds and names.
func TestRehearseFindsWhatRedisCannotDo(t *testing.T) {
	tests := []struct {
		why    string
		server []string
		acl    []string // nil: the default user
		spoil  [][]any  // commands to the server
		says   []string // nil: it can do all
	}{
		{why: "all is well"},
		{why: "a user who may do just what is needed", acl: []string{"+ping"}},
		{"EVALSHA is renamed away", []string{"--rename-command", "EVALSHA", ""}, nil, nil, []string{"it does not know EVAL or EVALSHA", "do not rename"}},
		{"EVAL is renamed away", []string{"--rename-command", "EVAL", "hidden"}, nil, nil, []string{"it does not know EVAL or EVALSHA"}},
		{"a command of the scripts is renamed away", []string{"--rename-command", "ZREVRANGE", ""}, nil, nil, []string{"may not call ZREVRANGE"}},
		{"no EVALSHA", nil, []string{"-evalsha"}, nil, []string{"may not call EVALSHA", "let the user call it"}},
		{"no EVAL", nil, []string{"-eval"}, nil, []string{"may not call EVAL", "let the user call it"}},
		{"no scripts at all", nil, []string{"-@scripting"}, nil, []string{"may not call EVAL"}},
		{"no TIME and no PEXPIRE", nil, []string{"-time", "-pexpire"}, nil, []string{"may not call PEXPIRE, TIME:"}},
		{"no writes", nil, []string{"-@write"}, nil, []string{"may not call SET, PEXPIRE, HSET"}},
		{"another's keys", nil, []string{"resetkeys", "~other:*"}, nil, []string{"may not use the bot's keys", "bmcmd:*"}},
		{"another workspace's keys", nil, []string{"resetkeys", "~bmcmd:{T0OTHER}:*"}, nil, []string{"may not use the bot's keys"}},
		{"the check's keys, and not the bot's", nil, []string{"resetkeys", "~bmcmd:{T0TEST}:check*"}, nil, []string{"may not use the bot's keys", "bmcmd:*"}},
		{"requests that may only be read", nil, []string{"resetkeys", "%R~bmcmd:{T0TEST}:request*", "~bmcmd:{T0TEST}:[^r]*"}, nil, []string{"may not use the bot's keys"}},
		{"keys that may only be read", nil, []string{"resetkeys", "%R~bmcmd:*"}, nil, []string{"may not use the bot's keys"}},
		{"no memory left", nil, nil, [][]any{{"CONFIG", "SET", "maxmemory", "1"}}, []string{"its memory is full", "raise its maxmemory"}},
		{"too little memory for a script", nil, nil, [][]any{{"CONFIG", "SET", "maxmemory", "1100000"}}, []string{"its memory is full"}},
		{"too few replicas for any write", []string{"--min-replicas-to-write", "1"}, nil, nil, []string{"too few of its replicas are up"}},
		{"a read-only replica", nil, nil, [][]any{{"REPLICAOF", "127.0.0.1", "1"}}, []string{"it is a read-only replica", "name the master"}},
		{"a replica that does not answer without its master", []string{"--replica-serve-stale-data", "no"}, nil, [][]any{{"REPLICAOF", "127.0.0.1", "1"}}, []string{"a replica without its master"}},
		{"one node of a cluster without slots", []string{"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(freePort(t))}, nil, nil, []string{"does not serve the workspace's slot"}},
	}
	for _, tt := range tests {
		srv := startReal(t, tt.server...)
		s := srv.store(t)
		if tt.acl != nil {
			s = bmcmdUser(t, srv, tt.acl...)
		}
		for _, c := range tt.spoil {
			if err := dial(t, srv.addr).Do(t.Context(), c...).Err(); err != nil {
				t.Fatalf("%s: %v", tt.why, err)
			}
		}
		err := s.Rehearse(t.Context())
		if (err == nil) != (tt.says == nil) || err != nil && !errors.Is(err, ErrCannot) {
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		for _, says := range tt.says {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %q does not say %q", tt.why, err, says)
			}
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", tt.why, err)
		}
	}
}

// Of the sorts of keys that the bot has, none can be kept from its user unseen.
func TestRehearseMissesEachKey(t *testing.T) {
	text, err := os.ReadFile("keys.go")
	if err != nil {
		t.Fatal(err)
	}
	each := newKeys("T0TEST").each()
	if n := strings.Count(string(text), ") string"); n != len(each) {
		t.Errorf("there are %d sorts of keys, and each has %d", n, len(each))
	}
	srv := startReal(t)
	for _, missing := range each {
		acl := []string{"resetkeys", "~bmcmd:{T0TEST}:check:*"}
		for _, key := range each {
			if key != missing {
				acl = append(acl, "~"+key)
			}
		}
		if err := bmcmdUser(t, srv, acl...).Rehearse(t.Context()); !errors.Is(err, ErrCannot) || !strings.Contains(err.Error(), "may not use the bot's keys") {
			t.Errorf("without %s: %v", missing, err)
		}
	}
}

// Of the commands that a user needs, none can be taken away unseen.
func TestRehearseMissesEachCommand(t *testing.T) {
	srv := startReal(t)
	for _, c := range commands {
		name, _, _ := strings.Cut(c, " ")
		err := bmcmdUser(t, srv, "-"+name).Rehearse(t.Context())
		if !errors.Is(err, ErrCannot) || !strings.Contains(err.Error(), "may not call "+name+":") {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

// The rehearsal tries every script, and every command that one calls.
func TestRehearsalKnowsEachScript(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	client, run := dial(t, startReal(t).addr), &scriptsRun{}
	client.AddHook(run)
	if err := New(client, "T0TEST", Options{}).Rehearse(t.Context()); err != nil {
		t.Fatal(err)
	}
	scripts := 0
	call := regexp.MustCompile(`redis\.p?call\('([A-Z]+)'`)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if f != "rehearse.go" && !strings.HasSuffix(f, "_test.go") {
			scripts += strings.Count(string(text), "redis.NewScript(")
		}
		for _, m := range call.FindAllStringSubmatch(string(text), -1) {
			tried := slices.ContainsFunc(commands, func(c string) bool { return strings.HasPrefix(c, m[1]+" ") || c == m[1] })
			if !tried && !strings.HasSuffix(f, "_test.go") {
				t.Errorf("%s: a script calls %s, and the rehearsal does not", f, m[1])
			}
		}
	}
	if n := len(run.texts) - 1; n != scripts { // without its own
		t.Errorf("it has run %d of %d scripts", n, scripts)
	}
}

// scriptsRun is the texts of all scripts that were sent.
type scriptsRun struct {
	breakOff
	texts map[string]bool
}

func (s *scriptsRun) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if args := cmd.Args(); cmd.Name() == "eval" {
			if s.texts == nil {
				s.texts = map[string]bool{}
			}
			s.texts[args[1].(string)] = true
		}
		return next(ctx, cmd)
	}
}

// A rehearsal changes nothing that there is, and each key that it writes goes by itself,
// also if it breaks off after any of its steps.
func TestRehearsalLeavesNothing(t *testing.T) {
	srv := startReal(t)
	s := srv.store(t)
	create(t, s, asked(1), amy, 0)
	create(t, s, asked(2), amy, time.Minute)
	raw := dial(t, srv.addr)
	was := keySpace(t, raw, "")
	if len(was) < 5 {
		t.Fatalf("there is little to be changed: %v", was)
	}
	for step := 1; ; step++ {
		client := dial(t, srv.addr)
		client.AddHook(&breakOff{after: step})
		err := New(client, "T0TEST", Options{}).Rehearse(t.Context())
		if diff := changes(was, keySpace(t, raw, "")); len(diff) > 0 {
			t.Fatalf("broken off at step %d: changed %v", step, diff)
		}
		for key := range keySpace(t, raw, "check:") {
			if left := raw.PTTL(t.Context(), key).Val(); left <= 0 || left > rehearsalLife {
				t.Errorf("broken off at step %d: %s stays for %v", step, key, left)
			}
		}
		if err == nil {
			if step < 15 {
				t.Errorf("it was over after %d steps", step)
			}
			return
		}
	}
}

// breakOff lets so many commands through, loses the last one's answer, and breaks off.
type breakOff struct{ after int }

func (b *breakOff) DialHook(next redis.DialHook) redis.DialHook { return next }

func (b *breakOff) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (b *breakOff) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if b.after == 0 {
			return net.ErrClosed
		}
		err := next(ctx, cmd)
		if b.after--; b.after == 0 {
			return net.ErrClosed
		}
		return err
	}
}

// keySpace is what lies under each key: of rehearsals for "check:", else all that is not.
func keySpace(t *testing.T, c redis.UniversalClient, of string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, key := range c.Keys(t.Context(), "*").Val() {
		if strings.HasPrefix(key, "bmcmd:{T0TEST}:check:") == (of == "check:") {
			all[key] = c.Dump(t.Context(), key).Val()
		}
	}
	return all
}

func changes(a, b map[string]string) (keys []string) {
	for k := range a {
		if a[k] != b[k] {
			keys = append(keys, k)
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			keys = append(keys, k)
		}
	}
	return keys
}

// With replicas asked for, the rehearsal waits for them.
func TestRehearseWaitsForReplicas(t *testing.T) {
	s := New(dial(t, startReal(t).addr), "T0TEST", Options{Replicas: 1})
	s.wait = 20 * time.Millisecond
	if err := s.Rehearse(t.Context()); !errors.Is(err, ErrCannot) || !strings.Contains(err.Error(), "redis.replicas") {
		t.Errorf("without any: %v", err)
	}
	srv := startReal(t)
	user := bmcmdUser(t, srv, "-wait")
	user.opts.Replicas = 1
	if err := user.Rehearse(t.Context()); !errors.Is(err, ErrCannot) || !strings.Contains(err.Error(), "may not call WAIT") {
		t.Errorf("without the right to: %v", err)
	}
	if err := New(dial(t, "127.0.0.1:1"), "T0TEST", Options{}).Rehearse(t.Context()); !errors.Is(err, approvals.ErrUnavailable) {
		t.Errorf("nobody listens: %v", err)
	}
}
