package slacksim

import (
	"context"
	"sync"
)

// feed is an unbounded queue with one reader: who writes never waits for who reads.
type feed[T any] struct {
	mu    sync.Mutex
	items []T
	wake  chan struct{} // capacity 1: set while items may be waiting
}

func newFeed[T any]() *feed[T] { return &feed[T]{wake: make(chan struct{}, 1)} }

func (f *feed[T]) put(v T) {
	f.mu.Lock()
	f.items = append(f.items, v)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *feed[T]) take() []T {
	f.mu.Lock()
	defer f.mu.Unlock()
	items := f.items
	f.items = nil
	return items
}

// journal is an ordered list that can be followed. With keep unset, only followers see an item.
type journal[T any] struct {
	mu    sync.Mutex
	keep  bool
	items []T
	n     int
	feeds map[*feed[T]]struct{}
}

// add appends what mk returns for its number, which begins at 1.
func (j *journal[T]) add(mk func(seq int) T) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.n++
	if !j.keep && len(j.feeds) == 0 {
		return
	}
	v := mk(j.n)
	if j.keep {
		j.items = append(j.items, v)
	}
	for f := range j.feeds {
		f.put(v)
	}
}

func (j *journal[T]) list() []T {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]T(nil), j.items...)
}

// follow returns what is there and a feed of all that comes after it.
func (j *journal[T]) follow() ([]T, *feed[T]) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f := newFeed[T]()
	if j.feeds == nil {
		j.feeds = make(map[*feed[T]]struct{})
	}
	j.feeds[f] = struct{}{}
	return append([]T(nil), j.items...), f
}

func (j *journal[T]) unfollow(f *feed[T]) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.feeds, f)
}

// waitFor returns the first item, old or new, that pred accepts.
func (j *journal[T]) waitFor(ctx context.Context, done <-chan struct{}, pred func(T) bool) (T, error) {
	items, f := j.follow()
	defer j.unfollow(f)
	var zero T
	for {
		for _, v := range items {
			if pred(v) {
				return v, nil
			}
		}
		select {
		case <-ctx.Done():
			return zero, context.Cause(ctx)
		case <-done:
			return zero, ErrClosed
		case <-f.wake:
			items = f.take()
		}
	}
}

// subscribe sends everything from now on to the channel, until stop or done is closed.
func (j *journal[T]) subscribe(spawn func(func()) bool, stop, done <-chan struct{}) <-chan T {
	_, f := j.follow()
	out := make(chan T)
	pump := func() {
		defer close(out)
		defer j.unfollow(f)
		for {
			select {
			case <-stop:
				return
			case <-done:
				return
			case <-f.wake:
			}
			for _, v := range f.take() {
				select {
				case out <- v:
				case <-stop:
					return
				case <-done:
					return
				}
			}
		}
	}
	if !spawn(pump) {
		j.unfollow(f)
		close(out)
	}
	return out
}
