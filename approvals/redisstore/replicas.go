package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// replicaWait is how long a move waits for Redis' replicas. It is shorter than a
// connection waits for a reply.
const replicaWait = time.Second

// errFewReplicas says that Redis has written a move, and too few replicas have it.
var errFewReplicas = errors.New("too few of Redis' replicas have kept it")

// spread is how many replicas must have what was written, and how long to wait for
// them.
type spread struct {
	n    int // 0: nobody waits for any
	wait time.Duration
}

// confirmed is how far spreads what people are told of: it is written once enough replicas
// have it. Errors wrap ErrUncertain, too, if Redis has written it and they are too few.
func (s *Store) confirmed() spread { return spread{s.opts.Replicas, s.wait} }

// hold takes one connection to the server that has the key. Redis waits only for what
// was written on the connection that asks it to.
func (c caller) hold(ctx context.Context, key string) (*redis.Conn, error) {
	switch client := c.client.(type) {
	case *redis.Client:
		return client.Conn(), nil
	case *redis.ClusterClient:
		node, err := client.MasterForKey(ctx, key)
		if err != nil {
			return nil, err
		}
		return node.Conn(), nil
	}
	return nil, fmt.Errorf("redis: a %T cannot wait for replicas", c.client)
}

// moved has a cluster looked at anew whose answer was that the key lives elsewhere.
func (c caller) moved(ctx context.Context, err error) {
	if client, is := c.client.(*redis.ClusterClient); is && code(err) == "MOVED" {
		client.ReloadState(ctx)
	}
}

// over waits until the replicas have what was written on conn. A reply that says that
// nothing was written is good without them.
func (s spread) over(ctx context.Context, conn *redis.Conn, reply []any) error {
	if len(reply) < 6 || !slices.Contains([]any{"won", "fresh", "there"}, reply[5]) {
		return nil
	}
	wait := redis.NewIntCmd(ctx, "wait", s.n, max(1, s.wait.Milliseconds()))
	if err := conn.Process(ctx, wait); err != nil {
		return err
	}
	if has := wait.Val(); has < int64(s.n) {
		return fmt.Errorf("%w: %d of the %d asked for", errFewReplicas, has, s.n)
	}
	return nil
}
