package redisstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
)

// ErrCannot says that Redis does not do what the bot needs of it, and that this lasts
// until somebody changes something. The error is a [*Fault].
var ErrCannot = errors.New("redis cannot do what bmcmd needs")

const (
	rehearsalLife = time.Minute // after which Redis removes what a rehearsal wrote
	rehearsalSize = 256 << 10   // bytes of a record and of an output: more than most have
)

// commands is every command that the scripts call, as it can be tried on any key. The
// first leaves a string there that goes by itself, so those after it change nothing.
var commands = []string{
	"SET %s 1 PX 60000", "PEXPIRE %s 60000", "GET %s", "EXISTS %s", "TYPE %s", "PTTL %s", "TIME", "INFO server",
	"HSET %s f 1", "HDEL %s f", "HGET %s f", "HMGET %s f", "HGETALL %s", "HEXISTS %s f", "HINCRBY %s f 1",
	"RPUSH %s 1", "LRANGE %s 0 0", "LLEN %s",
	"ZADD %s 1 m", "ZREM %s m", "ZREMRANGEBYSCORE %s 0 0", "ZSCORE %s m", "ZRANGE %s 0 0", "ZREVRANGE %s 0 0", "ZRANGEBYSCORE %s 0 0",
	"DEL %s",
}

// Rehearse does what the bot and its audit do with a workspace's keys: the same scripts,
// by the same client, with a record of some size. But all of it happens on keys of its
// own, check:RANDOM: within the workspace's slot, which each script that writes them lets
// expire in the same step: no request, index or mark is read or changed, and nothing
// stays, whenever it breaks off. Of the bot's own keys it only finds out whether its user
// may use them. Errors wrap [ErrCannot], or ErrUnavailable or
// ErrUncertain if it may pass.
func (s *Store) Rehearse(ctx context.Context) error {
	own := *s
	own.keys = keys{s.keys.prefix + "check:" + randomID() + ":"}
	own.caller.brief = true
	own.texts = newTexts(own.caller, own.keys)
	own.clock, own.met = &redisClock{local: s.opts.Now}, newLineage()
	own.opts.Log = slog.New(slog.DiscardHandler) // its keys are new each time
	if err := own.mayCall(ctx, s.keys.each()); err != nil {
		return unfit(err)
	}
	if err := own.rehearse(ctx); err != nil {
		return unfit(err)
	}
	return nil
}

// mayCall tries EVAL, and in it each command. The keys of the bot are only named to the
// script: Redis then looks whether the user may read and write them.
func (s *Store) mayCall(ctx context.Context, bots []string) error {
	args := make([]any, len(commands))
	for i, c := range commands {
		args[i] = c
	}
	missing, err := mayCallScript.Eval(ctx, s.client, append([]string{s.keys.prefix + "commands"}, bots...), args...).StringSlice()
	if err != nil {
		return explain(ctx, approvals.ErrUnavailable, err)
	}
	if len(missing) > 0 {
		return &Fault{ErrCannot, "its user may not call " + strings.Join(missing, ", "), doAllow}
	}
	return nil
}

// mayCallScript tries commands.
//
// KEYS: 1 the key; those behind it are left alone.
// ARGV: each command, with %s for the key.
// Returns: the names of those that Redis does not know or the user may not call.
var mayCallScript = redis.NewScript(`
local missing = {}
for _, line in ipairs(ARGV) do
  local words = {}
  for w in string.gmatch(line, '%S+') do words[#words + 1] = w == '%s' and KEYS[1] or w end
  local r = redis.pcall(unpack(words))
  local err = type(r) == 'table' and r.err or ''
  if string.find(err, "can't run", 1, true) or string.find(err, 'nknown Redis command', 1, true) then missing[#missing + 1] = words[1] end
end
return missing
`)

// rehearse goes through the life of a request, and through all else that is kept.
func (s *Store) rehearse(ctx context.Context) error {
	event := approvals.Event{Move: "check", Note: strings.Repeat("e", 1<<10)}
	r := approvals.Request{
		Schema: approvals.Schema, ID: "r-check", Revision: 1, State: approvals.Received,
		Asked: approvals.Asked{Script: "cmd-check", Hosts: []string{"check"}, Reason: strings.Repeat("r", rehearsalSize)},
	}
	if err := s.Mark(ctx); err != nil {
		return err
	}
	w := approvals.Swap{Next: r, Event: event, Worker: "check"}
	if _, _, err := s.Create(ctx, w); err != nil {
		return err
	}
	if _, _, err := s.Take(ctx, "check", time.Minute, 1); err != nil {
		return err
	}
	w.Next.Revision, w.Hosts = 2, approvals.HostsTake
	w.Next.Plan = &approvals.Plan{Script: approvals.Script{Content: []byte(r.Asked.Reason)}}
	if _, err := s.Swap(ctx, w); err != nil {
		return err
	}
	if kept, err := s.Load(ctx, r.ID); err != nil || kept.Revision != 2 || len(kept.Asked.Reason) != rehearsalSize {
		return read(err)
	}
	if open, err := s.Open(ctx, 1); err != nil || len(open) != 1 {
		return read(err)
	}
	no := approvals.Refusal{Request: r.ID, N: 1, Hash: "0", By: approvals.Person{User: "U0CHECK"}}
	if _, err := s.KeepRefusal(ctx, no, 1); err != nil {
		return err
	}
	if err := s.TurnAway(ctx, approvals.Event{Request: "r-away", N: 1, Move: "receive", To: approvals.Refused}); err != nil {
		return err
	}
	printed := bytes.Repeat([]byte("o"), rehearsalSize)
	w.Next.Revision, w.Next.State, w.Hosts, w.Outputs = 3, approvals.Refused, approvals.HostsLeave, approvals.Outputs{"check": printed}
	if _, err := s.Swap(ctx, w); err != nil {
		return err
	}
	if events, err := s.Events(ctx, r.ID, 0); err != nil || len(events) != 3 {
		return read(err)
	}
	if out, err := s.Outputs(ctx, r.ID); err != nil || !bytes.Equal(out["check"], printed) {
		return read(err)
	}
	return s.rehearseRest(ctx, r.ID)
}

func (s *Store) rehearseRest(ctx context.Context, id string) error {
	if server, has, err := s.Revisions(ctx, []string{id}); err != nil || server.ID == "" || has[id] != 3 {
		return read(err)
	}
	if _, err := s.write(ctx, renewScript, []string{s.keys.mark()}, "", randomID()); err != nil {
		return err
	}
	if turn, err := s.Turn(ctx, "check", approvals.RankSeen, "check", time.Minute); err != nil || turn != approvals.TurnFirst {
		return read(err)
	}
	if err := s.Done(ctx, "check", approvals.RankSeen); err != nil {
		return err
	}
	groups := &Groups{caller: s.caller, keys: s.keys, ttl: oldest, now: time.Now, running: map[string]*lookup{}, told: map[string]list{}}
	nobody := func(context.Context) ([]string, error) { return []string{}, nil }
	if _, err := groups.Members(ctx, "check", nobody); err != nil {
		return err
	}
	history := &Audit{s.caller, s.keys, newTexts(s.caller, s.keys)}
	running := History{ID: id, Record: approvals.Request{State: approvals.Executing, Asked: approvals.Asked{Script: "cmd-check", Hosts: []string{"check"}}}}
	if err := history.hosts(ctx, &running); err != nil {
		return err
	}
	return history.Read(ctx, []string{id}, func(h History) error {
		if h.RecordErr != nil || len(h.Events) != 3 {
			return read(h.RecordErr)
		}
		return nil
	})
}

// errOther says that Redis answered something else than what it had been told.
var errOther = errors.New("it does not give back what was written a moment ago")

// read is what was wrong with a read: its error, or what it found.
func read(err error) error {
	if err == nil || errors.Is(err, approvals.ErrNotFound) {
		return errOther
	}
	return err
}

const (
	doAllow  = "let the user call it; OPERATIONS.md lists all that bmcmd calls"
	doMaster = "name the master in redis.addresses, or the Sentinels with redis.master"
)

// faults are what Redis may say to the scripts, by what its answer holds. The first that
// fits counts.
var faults = []struct{ holds, found, do string }{
	{"can't access at least one of the keys", "its user may not use the bot's keys", "let the user use the keys bmcmd:*"},
	{"The user executing the script can't", "its user may not call a command of the scripts", doAllow},
	{"ERR unknown command 'eval", "it does not know EVAL or EVALSHA", "do not rename them in Redis' config; without scripts bmcmd cannot work"},
	{"READONLY", "it is a read-only replica", doMaster},
	{"MASTERDOWN", "it is a replica without its master", doMaster},
	{"OOM", "its memory is full, and it takes nothing new", "raise its maxmemory, or remove what others have put there"},
	{"MISCONF", "it cannot save to its disk, and takes nothing new", "look at its disk and its log"},
	{"NOREPLICAS", "too few of its replicas are up (min-replicas-to-write)", "start them"},
	{"CLUSTERDOWN", "the cluster does not serve the workspace's slot", "look at CLUSTER INFO and CLUSTER SHARDS"},
	{"MOVED", "it is a cluster", "set redis.cluster: true"},
	{"CROSSSLOT", "something in between does not keep a workspace's keys together", "name Redis itself in redis.addresses"},
}

var (
	deniedKey     = regexp.MustCompile(`^NOPERM .*\bkeys?\b`)
	deniedCommand = regexp.MustCompile(`^NOPERM .*'([a-z|]+)' command`)
)

// unfit says of an error what a person has to mend, if that is known.
func unfit(err error) error {
	if errors.Is(err, errOther) {
		return &Fault{ErrCannot, errOther.Error(), "name the master itself in redis.addresses: reads must not go to a replica"}
	}
	if errors.Is(err, errFewReplicas) {
		return &Fault{ErrCannot, "fewer of its replicas than redis.replicas have a move within a second", "start more of them, or lower redis.replicas"}
	}
	var a *answered
	if !errors.As(err, &a) {
		return err
	}
	text := strings.ReplaceAll(string(*a), "`", "'")
	if deniedKey.MatchString(text) {
		return &Fault{ErrCannot, faults[0].found, faults[0].do}
	}
	if m := deniedCommand.FindStringSubmatch(text); m != nil {
		return &Fault{ErrCannot, "its user may not call " + strings.ToUpper(m[1]), doAllow}
	}
	for _, f := range faults {
		if strings.Contains(strings.ToLower(text), strings.ToLower(f.holds)) {
			return &Fault{ErrCannot, f.found, f.do}
		}
	}
	return err
}

// brief is a way to Redis on which all keys of a script expire soon after it. That is
// part of the same script: nothing stays if the caller dies in between.
type brief struct{ redis.Scripter }

func (b brief) Eval(ctx context.Context, text string, keys []string, args ...any) *redis.Cmd {
	script := redis.NewScript(fmt.Sprintf(`local out = (function()
%s
end)()
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, %d) end
return out`, text, rehearsalLife.Milliseconds()))
	cmd := script.EvalSha(ctx, b.Scripter, keys, args...)
	if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
		cmd = script.Eval(ctx, b.Scripter, keys, args...)
	}
	return cmd
}

// EvalSha sends nobody to a script whose keys would stay: Eval follows.
func (b brief) EvalSha(ctx context.Context, sha string, keys []string, _ ...any) *redis.Cmd {
	cmd := redis.NewCmd(ctx, "evalsha", sha)
	cmd.SetErr(noScript{})
	return cmd
}

type noScript struct{}

func (noScript) Error() string { return "NOSCRIPT" }
func (noScript) RedisError()   {}
