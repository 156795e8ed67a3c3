package redisstore

import (
	"context"
	"errors"
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
	keys keys
}

// NewAudit is [New] for who only looks back.
func NewAudit(client redis.UniversalClient, workspace string) *Audit {
	return &Audit{caller: caller{client: client}, keys: newKeys(workspace)}
}

// History is what is left of one request: its record and its events of the same moment.
type History struct {
	ID        string
	Record    approvals.Request
	RecordErr error // nil: Record is it; ErrNotFound: it is gone; ErrUnreadable

	Events     []approvals.Event // oldest first
	EventsErr  error             // ErrUnreadable: what lies there is no list
	Unreadable []int             // places in Events, from 1, of what is no event: it is empty there
	Refusals   []approvals.Refusal
	Lost       []int     // places in Refusals, from 1, of what is no refused click, or is missing
	Odd        bool      // the record is not written as this bmcmd writes it
	Newest     time.Time // when the last event was written, in milliseconds

	Indexed time.Time // when the index says that this was; zero: it is not in the index
	Now     time.Time // Redis' clock
}

// Empty reports whether nothing is left of the request.
func (h History) Empty() bool {
	return len(h.Events) == 0 && h.EventsErr == nil && errors.Is(h.RecordErr, approvals.ErrNotFound)
}

// historyScript reads requests.
//
// KEYS: 1 index, then request, events and refused clicks of each.
// ARGV: 1 how many events of each, 2 "1": leave out those that are in the index, then
// the id of each, then the departure.
// Returns: seconds, microseconds, then of each: id, when it came, body ("" for none),
// refused clicks as in the record, ms in the index or "", how many events ("?" if they are
// no list), the first of them, and the refused clicks, by number, from 1.
var historyScript = redis.NewScript(clock + `
local out = {t[1], t[2]}
for i = 2, #KEYS, 3 do
  local id = ARGV[2 + (i + 1) / 3]
  local ms = redis.call('ZSCORE', KEYS[1], id)
  if not (ms and ARGV[2] == '1') then
    local at, body, refused, n, first, clicks = '', '', '', '0', {}, {}
    if redis.call('EXISTS', KEYS[i]) == 1 then
      body = '?'
      if redis.call('TYPE', KEYS[i]).ok == 'hash' then
        local h = redis.call('HMGET', KEYS[i], 'body', 'at', 'refused')
        body, at, refused = h[1] or '?', h[2] or '', h[3] or ''
      end
    end
    if redis.call('EXISTS', KEYS[i + 1]) == 1 then
      n = '?'
      if redis.call('TYPE', KEYS[i + 1]).ok == 'list' then
        n = text(redis.call('LLEN', KEYS[i + 1]))
        first = redis.call('LRANGE', KEYS[i + 1], 0, ARGV[1] - 1)
      end
    end
    if redis.call('TYPE', KEYS[i + 2]).ok == 'hash' then
      repeat
        local click = redis.call('HGET', KEYS[i + 2], tostring(#clicks + 1))
        if click then clicks[#clicks + 1] = click end
      until not click
    end
    for _, x in ipairs({id, at, body, refused, ms and text(tonumber(ms)) or '', n, first, clicks}) do out[#out + 1] = x end
  end
end
return out
`)

// eventsScript reads more events.
//
// KEYS: 1 events.
// ARGV: 1 from, 2 to.
// Returns: seconds, microseconds, events.
var eventsScript = redis.NewScript(clock + `
return {t[1], t[2], redis.call('LRANGE', KEYS[1], ARGV[1], ARGV[2])}
`)

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

// lost looks at every key of the workspace for requests that are not in the index.
func (a *Audit) lost(ctx context.Context, seen map[string]bool, see func(History) error) error {
	found := map[string]bool{}
	return a.scan(ctx, glob(a.keys.prefix)+"*", func(keys []string) error {
		var ids []string
		for _, k := range keys {
			kind, id, _ := strings.Cut(strings.TrimPrefix(k, a.keys.prefix), ":")
			if (kind == "events" || kind == "request") && !seen[id] && !found[id] {
				ids = append(ids, id)
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
	keys := []string{a.keys.audit()}
	args := []any{auditEvents, flag(onlyLost)}
	for _, id := range ids {
		keys = append(keys, a.keys.request(id), a.keys.events(id), a.keys.refused(id))
		args = append(args, id)
	}
	got, err := a.read(ctx, historyScript, keys, args...)
	if err != nil {
		return err
	}
	for i := 0; i+7 < len(got.rest); i += 8 {
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

// history makes one request of an answer, from place i on, and reads the rest of its
// events: they are only added, so those that there were at that moment still are.
func (a *Audit) history(ctx context.Context, got answer, i int) (History, error) {
	h := History{ID: got.text(i), Now: got.now}
	switch body := got.text(i + 2); body {
	case "":
		h.RecordErr = approvals.ErrNotFound
	default:
		h.Record, h.RecordErr = decode(body, got.text(i+1))
		h.Record.Refused = refusedClicks(got.text(i + 3))
		h.Odd = h.RecordErr == nil && odd(body)
	}
	clicks, _ := got.rest[i+7].([]any)
	for n, c := range clicks {
		f, err := decodeRefusal(fmt.Sprint(c))
		if err != nil {
			h.Lost = append(h.Lost, n+1)
		}
		h.Refusals = append(h.Refusals, f)
	}
	if ms := got.text(i + 4); ms != "" {
		h.Indexed = time.UnixMilli(number(ms)).UTC()
	}
	if got.text(i+5) == "?" {
		h.EventsErr = fmt.Errorf("%w: the events of %s are no list: look at them with redis-cli", approvals.ErrUnreadable, h.ID)
		return h, nil
	}
	lines, _ := got.rest[i+6].([]any)
	for n := int(number(got.text(i + 5))); ; {
		for _, l := range lines {
			h.add(fmt.Sprint(l))
		}
		if len(h.Events) >= n {
			return h, nil
		}
		more, err := a.read(ctx, eventsScript, []string{a.keys.events(h.ID)}, len(h.Events), min(n, len(h.Events)+auditEvents)-1)
		if err != nil {
			return h, err
		}
		if lines, _ = more.rest[0].([]any); len(lines) == 0 {
			return h, fmt.Errorf("%w: the events of %s went away while they were read", approvals.ErrConflict, h.ID)
		}
	}
}

func (h *History) add(line string) {
	e, err := decodeEvent(line)
	if err != nil {
		e, h.Unreadable = approvals.Event{}, append(h.Unreadable, len(h.Events)+1)
	}
	ms, _, _ := strings.Cut(line, " ")
	h.Events, h.Newest = append(h.Events, e), time.UnixMilli(number(ms)).UTC()
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
