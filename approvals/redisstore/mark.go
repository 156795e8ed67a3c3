package redisstore

import (
	"context"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// doneFor is how long it is remembered that a message was said.
const doneFor = 30 * 24 * time.Hour

// marked is what a script answered that ends at once in a store without a mark.
func marked(a answer, err error) (answer, error) {
	if err == nil && a.text(0) == "" {
		err = approvals.ErrUnmarked
	}
	return a, err
}

// Mark is as [approvals.Store] says.
func (s *Store) Mark(ctx context.Context) error {
	_, err := s.write(ctx, markScript, []string{s.keys.mark()}, randomID())
	return err
}

// Revisions is as [approvals.Store] says.
func (s *Store) Revisions(ctx context.Context, ids []string) (approvals.Server, map[string]int64, error) {
	args := []any{s.keys.request("")}
	for _, id := range ids {
		args = append(args, id)
	}
	a, err := s.read(ctx, revisionsScript, []string{s.keys.mark()}, args...)
	if err != nil {
		return approvals.Server{}, nil, err
	}
	has := map[string]int64{}
	for i, id := range ids {
		has[id] = number(a.text(2 + i))
	}
	return s.answered(a).Server, has, nil
}

// Turn is as [approvals.Store] says.
func (s *Store) Turn(ctx context.Context, message, worker string, hold time.Duration) (first, done bool, err error) {
	a, err := s.write(ctx, turnScript, []string{s.keys.gone(message)}, worker, hold.Milliseconds())
	return err == nil && a.text(0) == worker, a.text(0) == "done", err
}

// Done is as [approvals.Store] says.
func (s *Store) Done(ctx context.Context, message string) error {
	_, err := s.write(ctx, turnScript, []string{s.keys.gone(message)}, "done", doneFor.Milliseconds())
	return err
}
