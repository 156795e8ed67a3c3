package load

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/approvals/redisstore"
)

// team is the workspace of slacksim; all keys in Redis begin with it.
const team = "T0SIM"

// books reads Redis beside the bot, and knows how much of what Redis counts was its own doing.
type books struct {
	client *redis.Client
	store  *redisstore.Store
	own    int64 // commands
}

func newBooks(c *redis.Client) *books {
	b := &books{client: c, store: redisstore.New(c, team, redisstore.Options{})}
	c.AddHook(counted{&b.own})
	return b
}

// counted counts commands. It is not for several goroutines.
type counted struct{ n *int64 }

func (c counted) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c counted) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { *c.n++; return next(ctx, cmd) }
}

func (c counted) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// traffic is what clients have sent to Redis so far.
//
// A trip is one read of a socket that had something: a command, or several that were sent
// together, since whoever sends them waits once. What a Lua script calls is not in it.
type traffic struct{ trips, bytes int64 }

func (t traffic) less(o traffic) traffic { return traffic{t.trips - o.trips, t.bytes - o.bytes} }

// traffic is without what was asked here.
func (b *books) traffic(ctx context.Context) (traffic, error) {
	text, err := b.client.Info(ctx, "stats").Result()
	return traffic{infoNumber(text, "total_reads_processed") - b.own, infoNumber(text, "total_net_input_bytes")}, err
}

// infoNumber reads a line of INFO; 0 if there is none.
func infoNumber(info, name string) int64 {
	_, rest, _ := strings.Cut(info, "\n"+name+":")
	line, _, _ := strings.Cut(rest, "\r")
	n, _ := strconv.ParseInt(line, 10, 64)
	return n
}

// appendfsync is when Redis writes what it confirms.
func (b *books) appendfsync(ctx context.Context) string {
	all, err := b.client.ConfigGet(ctx, "append*").Result()
	if err != nil || all["appendonly"] != "yes" {
		return "none: appendonly is off"
	}
	return all["appendfsync"]
}

// atRest waits until a request needs nothing more: it has ended, and people have been told.
func (b *books) atRest(ctx context.Context, id string, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		k, err := b.store.Load(ctx, id)
		if err == nil && k.State.Ended() && k.Due().IsZero() {
			if k.State != approvals.Succeeded {
				return fmt.Errorf("%s has ended as %s", id, k.State)
			}
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s is still %s and due %s, %w", id, k.State, k.Due().Format(time.TimeOnly), err)
		}
	}
}

// short is how long a key may live that is no part of what is kept.
const short = time.Hour

// size is what is kept, in bytes: keys, fields and values, and what Redis says it uses for them.
type size struct{ bytes, used int64 }

func (s size) less(o size) size { return size{s.bytes - o.bytes, s.used - o.used} }

// kept is the size of all keys but those that are gone within the hour.
func (b *books) kept(ctx context.Context) (sum size, err error) {
	keys := b.client.Scan(ctx, 0, "*", 1000).Iterator()
	for keys.Next(ctx) {
		k := keys.Val()
		if ttl := b.client.PTTL(ctx, k).Val(); ttl > 0 && ttl < short {
			continue
		}
		n, err := b.length(ctx, k)
		if err != nil {
			return sum, err
		}
		sum.bytes += n
		sum.used += b.client.MemoryUsage(ctx, k, 0).Val()
	}
	return sum, keys.Err()
}

// length is a key with all that is under it. Scores of a sorted set count as eight bytes.
func (b *books) length(ctx context.Context, key string) (int64, error) {
	n := int64(len(key))
	add := func(all []string, err error) (int64, error) {
		for _, one := range all {
			n += int64(len(one))
		}
		return n, err
	}
	switch kind := b.client.Type(ctx, key).Val(); kind {
	case "string":
		more, err := b.client.StrLen(ctx, key).Result()
		return n + more, err
	case "hash":
		all, err := b.client.HGetAll(ctx, key).Result()
		for k, v := range all {
			n += int64(len(k) + len(v))
		}
		return n, err
	case "list":
		return add(b.client.LRange(ctx, key, 0, -1).Result())
	case "set":
		return add(b.client.SMembers(ctx, key).Result())
	case "zset":
		all, err := b.client.ZRange(ctx, key, 0, -1).Result()
		n += 8 * int64(len(all))
		return add(all, err)
	case "none":
		return 0, nil // it went away meanwhile
	default:
		return n, fmt.Errorf("%s is a %s, which this cannot read", key, kind)
	}
}
