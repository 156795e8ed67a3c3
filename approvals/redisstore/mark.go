package redisstore

import (
	"context"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// doneFor is how long it is remembered that a message was said.
const doneFor = 30 * 24 * time.Hour

// marked is what a script signed that ends at once in a store without a mark.
func marked(t signed, err error) (signed, error) {
	if err == nil && t.server.ID == "" {
		err = approvals.ErrUnmarked
	}
	return t, err
}

// Mark is as [approvals.Store] says. A mark that it writes is told in the log: who has
// nothing to remember cannot tell a new store from one that has lost all.
func (s *Store) Mark(ctx context.Context) error {
	a, err := s.write(ctx, markScript, []string{s.keys.mark()}, randomID())
	if err == nil && a.text(0) == "new" {
		s.opts.Log.Error("redis had no mark and was given one: it is new to this workspace, or it has lost every request that it kept")
	}
	return err
}

// Revisions is as [approvals.Store] says.
func (s *Store) Revisions(ctx context.Context, ids []string) (approvals.Server, map[string]int64, error) {
	args := []any{s.keys.request("")}
	for _, id := range ids {
		args = append(args, id)
	}
	t, err := s.call(ctx, approvals.ErrUnavailable, spread{}, revisionsScript, []string{s.keys.mark()}, args...)
	if err != nil {
		return approvals.Server{}, nil, err
	}
	has := map[string]int64{}
	for i, id := range ids {
		has[id] = number(t.text(i))
	}
	return t.server, has, nil
}

// Turn is as [approvals.Store] says.
func (s *Store) Turn(ctx context.Context, id string, r approvals.Rank, worker string, hold time.Duration) (approvals.Turn, error) {
	a, err := s.write(ctx, turnScript, []string{s.keys.gone(id)}, worker, int(r), hold.Milliseconds())
	if err != nil {
		return approvals.TurnLater, err
	}
	return map[string]approvals.Turn{"first": approvals.TurnFirst, "more": approvals.TurnMore, "done": approvals.TurnDone}[a.text(0)], nil
}

// Done is as [approvals.Store] says.
func (s *Store) Done(ctx context.Context, id string, r approvals.Rank) error {
	_, err := s.write(ctx, turnScript, []string{s.keys.gone(id)}, "done", int(r), doneFor.Milliseconds())
	return err
}
