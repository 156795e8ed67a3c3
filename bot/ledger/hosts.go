package ledger

import (
	"context"
	"slices"

	"github.com/bmcmd/bmcmd/bmclient"
)

const (
	mostKept  = 16 << 20 // bytes of all that is remembered of tasks; then it begins anew
	mostKnown = 1 << 14
	mostOfOne = 64 << 10 // of the rows of one task
	perHost   = 512      // a row without its texts
)

// task is what is remembered of one.
type task struct {
	reading chan struct{} // holds one while it is read; those who wait need not read it
	hosts   []string      // all of them; nil: not known
	rows    []bmclient.HostRun
}

// EachHost is [API.EachHost]; what cannot change any more is read once.
func (l *Ledger) EachHost(ctx context.Context, id string, each func(bmclient.HostRun) error) (total int, err error) {
	t := l.task(id)
	select {
	case t.reading <- struct{}{}:
		defer func() { <-t.reading }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if t.rows != nil {
		for _, h := range t.rows {
			if err := each(h); err != nil {
				return len(t.rows), err
			}
		}
		return len(t.rows), nil
	}
	var rows []bmclient.HostRun
	var hosts []string
	size := 0
	total, err = l.api.EachHost(ctx, id, func(h bmclient.HostRun) error {
		hosts = append(hosts, h.Host)
		if size += perHost + len(h.Output) + len(h.Content) + len(h.Parameters); size <= mostOfOne {
			rows = append(rows, h)
		}
		return each(h)
	})
	if err == nil && len(hosts) == total {
		l.keep(id, t, hosts, rows, size)
	}
	return total, err
}

// Elsewhere reports whether a task is known to have run on none of these hosts.
func (l *Ledger) Elsewhere(id string, hosts []string) bool {
	t := l.task(id)
	l.mu.Lock()
	defer l.mu.Unlock()
	return t.hosts != nil && !slices.ContainsFunc(t.hosts, func(h string) bool { return slices.Contains(hosts, h) })
}

func (l *Ledger) task(id string) *task {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.known[id]
	if t == nil {
		if len(l.known) > mostKnown {
			l.known, l.bytes = map[string]*task{}, 0
		}
		t = &task{reading: make(chan struct{}, 1)}
		l.known[id] = t
	}
	return t
}

// keep remembers the hosts of a task whose every row was read, and the rows if it has ended and they
// are not too long.
func (l *Ledger) keep(id string, t *task, hosts []string, rows []bmclient.HostRun, rowsSize int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	listed, size := l.listed(id), 64*len(hosts)
	if listed.Hosts <= 0 || len(hosts) < listed.Hosts {
		return // rows may come one by one
	}
	t.hosts = hosts
	over := func(h bmclient.HostRun) bool { return h.State == bmclient.HostEnded || h.State == bmclient.HostFailed }
	if listed.Ended && len(rows) == len(hosts) && !slices.ContainsFunc(rows, func(h bmclient.HostRun) bool { return !over(h) }) {
		t.rows, size = rows, size+rowsSize
	}
	if l.bytes += size; l.bytes > mostKept {
		l.known, l.bytes = map[string]*task{id: t}, size
	}
}

// listed is a task's row in the newest reading.
func (l *Ledger) listed(id string) bmclient.Task {
	for _, t := range l.deep.newest.tasks {
		if t.ID == id {
			return t
		}
	}
	return bmclient.Task{}
}
