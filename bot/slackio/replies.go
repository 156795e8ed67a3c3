package slackio

import (
	"sync"
	"time"
)

const (
	replyFor  = 29 * time.Minute // Slack allows 30
	replyUses = 5
	replyMost = 4096
)

// replies keeps, in memory only, how to reach whoever asked for a request, while there is no card.
// When the process ends they are gone, and people are told by other ways.
type replies struct {
	now   func() time.Time
	mu    sync.Mutex
	byID  map[string]*kept
	order []string // oldest first; may name ids that are gone
}

type kept struct {
	to   asker
	born time.Time
	used int
}

func newReplies(now func() time.Time) *replies {
	return &replies{now: now, byID: make(map[string]*kept)}
}

// keep stores how to reach whoever asked for request id. What is there already stays: its url has
// been used.
func (r *replies) keep(id string, to asker) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, there := r.byID[id]; there {
		return
	}
	for len(r.order) >= replyMost {
		delete(r.byID, r.order[0])
		r.order = r.order[1:]
	}
	r.byID[id] = &kept{to: to, born: r.now(), used: 1} // one is left for the answer itself
	r.order = append(r.order, id)
}

// take returns how to reach whoever asked, and counts a use. Without a use left there is no url.
func (r *replies) take(id string) (asker, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, ok := r.byID[id]
	if !ok {
		return asker{}, false
	}
	to := k.to
	if k.used >= replyUses || r.now().Sub(k.born) >= replyFor {
		to.url = ""
	}
	k.used++
	return to, true
}

func (r *replies) drop(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byID, id)
}
