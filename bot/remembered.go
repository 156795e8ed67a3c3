package bot

import "sync"

// remembered is what this process remembers by an id. Of more than most it forgets all: each use says why it may. Its methods may be
// called at the same time.
type remembered[V any] struct {
	most int // 0: any number

	mu  sync.Mutex
	all map[string]V
}

// of is what is remembered of an id; zero if nothing is.
func (m *remembered[V]) of(id string) V {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all[id]
}

func (m *remembered[V]) put(id string, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil || m.most > 0 && len(m.all) >= m.most {
		m.all = map[string]V{}
	}
	m.all[id] = v
}

func (m *remembered[V]) drop(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.all, id)
}
