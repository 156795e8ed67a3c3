package ledger

import (
	"context"
	"slices"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// markAge is how old a mark may be: what begins in these seconds counts as what may be the run.
const markAge = 10 * time.Second

// endOfTime asks for the newest second of the list only.
var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	// apart is how far the clocks of those who stamp tasks may lie apart: of so long before the newest, the mark
	// has the tasks themselves.
	apart = 5 * time.Second
	// ahead is how far the API's clock may be ahead of ours; what is stamped later says nothing.
	ahead = 5 * time.Minute
)

// Mark says which tasks of a script the list has at this moment, or had a few seconds ago. Its
// errors are those of [Ledger.Tasks].
func (l *Ledger) Mark(ctx context.Context, script string) (*approvals.Mark, error) {
	asOf := time.Now().Add(-markAge)
	l.mu.Lock()
	last := l.deep.newest
	l.mu.Unlock()
	tasks, err := last.tasks, error(nil)
	if !last.has(endOfTime, asOf) {
		tasks, err = l.in(ctx, &l.head, endOfTime, asOf, markAge)
	}
	if err != nil {
		return nil, err
	}
	soon := time.Now().Add(ahead)
	m := approvals.Mark{At: newest(slices.DeleteFunc(slices.Clone(tasks), func(t bmclient.Task) bool { return t.Begun.After(soon) }))}
	if !m.At.IsZero() {
		m.At = m.At.Add(-apart)
	}
	for _, t := range tasks {
		if t.CmdID == script && (!t.Begun.Before(m.At) || t.Begun.IsZero()) {
			m.Tasks = append(m.Tasks, t.ID)
		}
	}
	slices.Sort(m.Tasks)
	return &m, nil
}
