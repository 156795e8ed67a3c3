package slackio

import "sync"

// repeatsMost is how many envelopes are remembered: those of the last minutes, unless they are a flood.
const repeatsMost = 1024

// repeats remembers the envelopes that this process has taken on. One that Slack delivers again is
// acked as it was the first time, and nothing else is done for it: whoever began it is answered once,
// in the same words, and one press opens one form.
type repeats struct {
	mu    sync.Mutex
	byID  map[string]*firstAck
	order []string // oldest first; may name ids that are gone
}

// firstAck is how an envelope was acked, once done is closed.
type firstAck struct {
	done    chan struct{}
	payload any
}

func (f *firstAck) settle(payload any) {
	f.payload = payload
	close(f.done)
}

func newRepeats() *repeats { return &repeats{byID: make(map[string]*firstAck)} }

// take answers whether the envelope is new; else the ack to repeat.
func (r *repeats) take(id string) (first *firstAck, fresh bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if first, known := r.byID[id]; known {
		return first, false
	}
	for len(r.order) >= repeatsMost {
		delete(r.byID, r.order[0])
		r.order = r.order[1:]
	}
	first = &firstAck{done: make(chan struct{})}
	r.byID[id] = first
	r.order = append(r.order, id)
	return first, true
}

// forget has an envelope that is not acked taken on when it comes again.
func (r *repeats) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if first, known := r.byID[id]; known {
		delete(r.byID, id)
		close(first.done)
	}
}
