package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
)

// errWentBack says that Redis shows itself as it was before something that it had
// confirmed to this process. Nothing of its answer is used.
var errWentBack = errors.New("redis has gone back to an earlier state")

// mostLeft bounds what is remembered of stores that were left.
const mostLeft = 4096

// lineage is which stores a process has met, one after the other, and how far the last of
// them has come. None may come back, and none may count backwards: an older copy shows
// itself by that where its identity is the one it had before.
type lineage struct {
	mu   sync.Mutex
	at   sight
	left map[string]int // stores that were left, and at which turn
}

// sight is what a process knows at one moment. Replies come in any order: only what was
// known before a call was sent proves anything about its answer.
type sight struct {
	server string
	count  int64 // the highest that this server has shown
	turn   int   // how often another one has answered
}

func newLineage() *lineage { return &lineage{left: map[string]int{}} }

func (l *lineage) look() sight {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at
}

// heard notes an answer to a call before which no more was known than before, and reports
// whether the store has gone back. The call found a count and may have raised it.
func (l *lineage) heard(before sight, server string, found int64, raised bool) (back bool) {
	count := found
	if raised {
		count++
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	turn, left := l.left[server]
	switch {
	case left && turn <= before.turn, server == before.server && found < before.count:
		return true
	case left: // while the answer was under way
	case server == l.at.server:
		l.at.count = max(l.at.count, count)
	default:
		if len(l.left) >= mostLeft {
			clear(l.left)
		}
		turn := l.at.turn + 1
		l.left[l.at.server] = turn
		l.at = sight{server, count, turn}
	}
	return false
}

// signed is what a script answered that says which store it is; the rest comes after that.
type signed struct {
	answer
	server approvals.Server
}

// call runs such a script. All that is read or written of requests goes through here. The
// answer of a store that has gone back is not used: it gets another mark, so that it is
// another store to every process, and may have forgotten what is not in it. ifSent is as in
// [caller.run].
func (s *Store) call(ctx context.Context, ifSent error, to spread, script *redis.Script, keys []string, args ...any) (signed, error) {
	before := s.met.look()
	a, err := s.run(ctx, ifSent, to, script, keys, args)
	if err != nil {
		return signed{}, err
	}
	s.clock.heard(a)
	t := signed{answer: a, server: approvals.Server{ID: a.text(0)}}
	if since := a.text(1); since != "" {
		t.server.Since = time.UnixMilli(number(since)).UTC()
	}
	text, raised := strings.CutSuffix(a.text(2), "+")
	t.rest = a.rest[min(3, len(a.rest)):]
	if t.server.ID == "" || !s.met.heard(before, t.server.ID, number(text), raised) {
		return t, nil
	}
	renewed, err := s.write(ctx, renewScript, []string{s.keys.mark()}, t.server.ID, randomID())
	s.opts.Log.Error("redis has gone back to an earlier state, and is another store from now on: runs from before are searched for, and wait for a press of Run",
		"server", t.server.ID, "count", text, "was_server", before.server, "was_count", before.count, "by_this_replica", renewed.text(3) == "new", "error", err)
	return signed{}, fmt.Errorf("%w: %w", ifSent, errWentBack)
}

// bare is what is known with every request in t.
func (t signed) bare() approvals.Kept {
	return approvals.Kept{Now: t.now, Seen: t.seen, Sought: t.sought, Server: t.server}
}

// kept reads what createScript and swapScript answer; no body means that Redis has
// what was sent.
func (s *Store) kept(ctx context.Context, t signed, sent approvals.Request) (approvals.Kept, error) {
	k := t.bare()
	k.Mine = t.text(1) == "1"
	if t.text(2) == "" {
		k.Request = sent
		if k.Received.IsZero() {
			k.Received = millis(t.text(3))
		}
		if k.KeptOn == "" {
			k.KeptOn = t.text(4)
		}
		k.Refused = refusedClicks(t.text(5))
		return k, nil
	}
	var err error
	k.Request, err = s.record(ctx, t.answer, 2)
	return k, err
}
