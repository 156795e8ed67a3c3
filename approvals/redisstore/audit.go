package redisstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
)

// How much one read of an [Audit] asks Redis for, so that those who serve wait for
// none of them.
const (
	auditIDs    = 256 // of the index
	auditBatch  = 16  // requests
	auditEvents = 256 // of one request
	auditScan   = 512 // keys looked at
)

// Audit reads what a workspace has recorded. It only reads; its methods may be called
// at the same time. Errors wrap ErrUnavailable, or the context's.
type Audit struct {
	caller
	keys  keys
	texts *texts
}

// NewAudit is [New] for who only looks back.
func NewAudit(client redis.UniversalClient, workspace string) *Audit {
	c, k := caller{client: client}, newKeys(workspace)
	return &Audit{c, k, newTexts(c, k)}
}

// Read reads these requests, in this order.
func (a *Audit) Read(ctx context.Context, ids []string, see func(History) error) error {
	for batch := range slices.Chunk(ids, auditBatch) {
		if err := a.batch(ctx, batch, false, see); err != nil {
			return err
		}
	}
	return nil
}

// Each reads every request whose newest event is not before since, in the order of
// their newest events, each once: one that moves meanwhile is read as it was or as it
// is. Last come those that the index has lost, whatever their time. It keeps the ids
// that it has read, and of all else only a few requests at a time. It ends with the
// error of see.
func (a *Audit) Each(ctx context.Context, since time.Time, see func(History) error) error {
	seen := map[string]bool{}
	if err := a.indexed(ctx, since, seen, see); err != nil {
		return err
	}
	return a.lost(ctx, seen, see)
}

// indexed follows the index, which goes on changing: who moves is found again later.
func (a *Audit) indexed(ctx context.Context, since time.Time, seen map[string]bool, see func(History) error) error {
	from := "-inf"
	if !since.IsZero() {
		from = fmt.Sprint(since.UnixMilli())
	}
	for most := int64(auditIDs); ; {
		var page []redis.Z
		err := a.again(ctx, func() (err error) {
			page, err = a.client.ZRangeByScoreWithScores(ctx, a.keys.audit(), &redis.ZRangeBy{Min: from, Max: "+inf", Count: most}).Result()
			return err
		})
		if err != nil {
			return err
		}
		var fresh []string
		for _, z := range page {
			if id, _ := z.Member.(string); !seen[id] {
				seen[id] = true
				fresh = append(fresh, id)
			}
		}
		if err := a.Read(ctx, fresh, see); err != nil {
			return err
		}
		switch {
		case int64(len(page)) < most:
			return nil
		case len(fresh) == 0: // a page full of one millisecond
			most *= 2
		default:
			from, most = fmt.Sprintf("%.0f", page[len(page)-1].Score), auditIDs
		}
	}
}

// lost looks at every key of the workspace for requests that are not in the index, and
// for what belongs to none.
func (a *Audit) lost(ctx context.Context, seen map[string]bool, see func(History) error) error {
	found := map[string]bool{}
	return a.scan(ctx, glob(a.keys.prefix)+"*", func(keys []string) error {
		var ids []string
		for _, k := range keys {
			kind, id, _ := strings.Cut(strings.TrimPrefix(k, a.keys.prefix), ":")
			switch kind {
			case "events", "request", "refused", "outputs":
				if !seen[id] && !found[id] {
					ids = append(ids, id)
				}
			}
		}
		slices.Sort(ids)
		for batch := range slices.Chunk(slices.Compact(ids), auditBatch) {
			err := a.batch(ctx, batch, true, func(h History) error {
				found[h.ID] = true
				return see(h)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// batch reads a few requests at one moment.
func (a *Audit) batch(ctx context.Context, ids []string, onlyLost bool, see func(History) error) error {
	keys := []string{a.keys.audit(), a.keys.due(), a.keys.open(), a.keys.mark()}
	args := []any{auditEvents, flag(onlyLost), a.keys.twin("")}
	for _, id := range ids {
		keys = append(keys, a.keys.request(id), a.keys.events(id), a.keys.refused(id), a.keys.outputs(id))
		args = append(args, id)
	}
	got, err := a.read(ctx, historyScript, keys, args...)
	if err != nil {
		return err
	}
	for i := 1; i+8 < len(got.rest); i += 9 {
		h, err := a.history(ctx, got, i)
		if err != nil {
			return err
		}
		if err := see(h); err != nil {
			return err
		}
	}
	return nil
}

// mostWorkspaces is how many [Workspaces] names at most.
const mostWorkspaces = 20

// Workspaces are the workspaces, sorted, that have requests in Redis, twenty at most.
// It looks at the name of every key there is.
func Workspaces(ctx context.Context, client redis.UniversalClient) ([]string, error) {
	found := map[string]bool{}
	a := &Audit{caller: caller{client: client}}
	err := a.scan(ctx, "bmcmd:{*}:*", func(keys []string) error {
		for _, k := range keys {
			name, rest, _ := strings.Cut(strings.TrimPrefix(k, "bmcmd:{"), "}:")
			kind, _, _ := strings.Cut(rest, ":")
			if (kind == "events" || kind == "request" || rest == "audit") && len(found) < mostWorkspaces {
				found[name] = true
			}
		}
		return nil
	})
	return slices.Sorted(maps.Keys(found)), err
}

// scan hands out the names of all keys that match, some at a time, perhaps one twice.
// Of a cluster it asks each master.
func (a *Audit) scan(ctx context.Context, match string, see func(keys []string) error) error {
	nodes := []redis.Cmdable{a.client}
	if cluster, ok := a.client.(*redis.ClusterClient); ok {
		nodes = nil
		found := make(chan redis.Cmdable, 1000) // as many masters as a cluster can have
		err := cluster.ForEachMaster(ctx, func(_ context.Context, c *redis.Client) error { found <- c; return nil })
		close(found)
		if err != nil {
			return explain(ctx, approvals.ErrUnavailable, err)
		}
		for c := range found {
			nodes = append(nodes, c)
		}
	}
	for _, node := range nodes {
		for cursor, first := uint64(0), true; first || cursor != 0; first = false {
			var keys []string
			err := a.again(ctx, func() (err error) {
				keys, cursor, err = node.Scan(ctx, cursor, match, auditScan).Result()
				return err
			})
			if err != nil {
				return err
			}
			if err := see(keys); err != nil {
				return err
			}
		}
	}
	return nil
}

// again reads, and reads again after a fault that may pass.
func (a *Audit) again(ctx context.Context, read func() error) error {
	for n := 0; ; n++ {
		err := read()
		if err == nil {
			return nil
		}
		if n+1 >= attempts || !mayPass(err) || !pause(ctx, n) {
			return explain(ctx, approvals.ErrUnavailable, err)
		}
	}
}

// glob is a pattern that matches just the text.
func glob(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(text)
}
