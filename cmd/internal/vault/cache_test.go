package vault_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

func TestOneReadForAllWhoWait(t *testing.T) {
	f := newFake(t)
	f.put("secret/bm", map[string]any{"a": "va", "b": "vb"})
	arrived, release := hang(t, f)
	r := resolver(t, f, vault.Config{CacheFor: time.Minute})

	// One who leaves is let go at once; it does not end the read.
	ctx, cancel := context.WithCancel(context.Background())
	left := make(chan error)
	refA, refB := ref(t, "ref+vault://secret/bm#/a"), ref(t, "ref+vault://secret/bm#/b")
	go func() {
		_, err := r.Resolve(ctx, refA)
		left <- err
	}()
	<-arrived
	got := make(chan string)
	for i := range 20 {
		go func() {
			s, err := r.Resolve(context.Background(), []vault.Ref{refA, refB}[i%2])
			got <- s.Reveal() + fmt.Sprint(err)
		}()
	}
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) || !errors.Is(err, vault.ErrUnreachable) {
		t.Errorf("the one who left got %v", err)
	}
	release()
	for range 20 {
		if g := <-got; g != "va<nil>" && g != "vb<nil>" {
			t.Errorf("got %q", g)
		}
	}
	// 1: the one that hung and then answered through the fake, seen twice.
	if n := f.count(); n > 2 {
		t.Errorf("%d reads of one path", n)
	}
}

func TestCache(t *testing.T) {
	f, c := newFake(t), newClock()
	f.put("secret/bm", map[string]any{"f": "old"})
	var l logs
	r := resolver(t, f, vault.Config{CacheFor: time.Minute, ServeStaleFor: 10 * time.Minute, Now: c.Now, Log: l.logger()})
	const where = "ref+vault://secret/bm#/f"
	type step struct {
		why   string
		do    func()
		want  string
		reads int // since the last step
	}
	away := func() { f.set(func() { f.instead = status(503, canary) }) }
	back := func() { f.set(func() { f.instead = nil }) }
	for _, s := range []step{
		{"first", func() {}, "old", 1},
		{"cached", func() { f.put("secret/bm", map[string]any{"f": "new"}); c.move(59 * time.Second) }, "old", 0},
		{"too old, read again", func() { c.move(time.Second) }, "new", 1},
		{"away, still fresh", func() { away(); c.move(59 * time.Second) }, "new", 0},
		{"away, stale", func() { c.move(time.Second) }, "new", 1},
		{"away, not asked again at once", func() { c.move(time.Second) }, "new", 0},
		{"away, asked again", func() { c.move(time.Second) }, "new", 1},
		{"back", func() { back(); f.put("secret/bm", map[string]any{"f": "newer"}); c.move(2 * time.Second) }, "newer", 1},
		{"forgotten", func() {
			f.put("secret/bm", map[string]any{"f": "newest"})
			r.Forget(ref(t, where))
		}, "newest", 1},
		{"away, as old as may be", func() { away(); c.move(11*time.Minute - time.Nanosecond) }, "newest", 1},
		{"away, too old", func() { c.move(time.Nanosecond) }, "", 1},
		{"back at last", func() { back() }, "newest", 1},
		{"away and forgotten: never again", func() { away(); r.Forget(ref(t, where)) }, "", 1},
	} {
		s.do()
		before := f.count()
		got, err := r.Resolve(context.Background(), ref(t, where))
		if got.Reveal() != s.want || (err == nil) != (s.want != "") {
			t.Errorf("%s: %q, %v; want %q", s.why, got.Reveal(), err, s.want)
		}
		if n := f.count() - before; n != s.reads {
			t.Errorf("%s: %d reads, want %d", s.why, n, s.reads)
		}
	}
	if n := strings.Count(l.String(), "cached secret served"); n != 3 {
		t.Errorf("%d warnings, want one for each read that failed and was covered (3):\n%s", n, &l.b)
	}
	for _, v := range []string{"old", "new", "newest", canary} {
		if strings.Contains(l.String(), `"`+v+`"`) {
			t.Errorf("the log holds %q", v)
		}
	}
}

func TestRefusalEndsTheCachedValue(t *testing.T) {
	for name, refusal := range map[string]http.HandlerFunc{
		"denied": status(403, `{"errors":[]}`), "gone": status(404, `{"errors":[]}`),
	} {
		t.Run(name, func(t *testing.T) {
			f, c := newFake(t), newClock()
			f.put("secret/bm", map[string]any{"f": "v"})
			r := resolver(t, f, vault.Config{CacheFor: time.Minute, ServeStaleFor: time.Hour, Now: c.Now})
			where := ref(t, "ref+vault://secret/bm#/f")
			value(t, r, where.String())
			c.move(time.Minute)
			for _, answer := range []http.HandlerFunc{refusal, status(503, "")} {
				f.set(func() { f.instead = answer })
				if got, err := r.Resolve(context.Background(), where); err == nil {
					t.Errorf("served %q", got.Reveal())
				}
			}
		})
	}
}

func TestNoCacheMeansNone(t *testing.T) {
	f := newFake(t)
	f.put("secret/bm", map[string]any{"f": "v"})
	r := resolver(t, f, vault.Config{})
	for range 3 {
		value(t, r, "ref+vault://secret/bm#/f")
	}
	if f.count() != 3 {
		t.Errorf("%d reads, want 3", f.count())
	}
	f.set(func() { f.instead = status(503, "") })
	if _, err := r.Resolve(context.Background(), ref(t, "ref+vault://secret/bm#/f")); !errors.Is(err, vault.ErrUnreachable) {
		t.Errorf("%v", err)
	}
}

func TestForgetDuringARead(t *testing.T) {
	f := newFake(t)
	f.put("secret/bm", map[string]any{"f": "old"})
	r := resolver(t, f, vault.Config{CacheFor: time.Hour, Timeout: time.Minute})
	where := ref(t, "ref+vault://secret/bm#/f")

	arrived, gate := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(gate) })
	t.Cleanup(release)
	f.set(func() {
		f.instead = func(w http.ResponseWriter, _ *http.Request) {
			arrived <- struct{}{}
			<-gate
			answerVersion(w, []version{{data: map[string]any{"f": "old"}}}, "")
		}
	})
	first := make(chan string)
	go func() {
		s, _ := r.Resolve(context.Background(), where)
		first <- s.Reveal()
	}()
	<-arrived
	f.put("secret/bm", map[string]any{"f": "new"})
	f.set(func() { f.instead = nil })
	r.Forget(where)
	if got := value(t, r, where.String()); got != "new" {
		t.Errorf("after Forget: %q", got)
	}
	release()
	if got := <-first; got != "old" {
		t.Errorf("the first reader got %q", got)
	}
	if got := value(t, r, where.String()); got != "new" {
		t.Errorf("the old value came back: %q", got)
	}
}

func TestManyAtOnce(t *testing.T) {
	f := newFake(t)
	var refs []vault.Ref
	for i := range 4 {
		f.put(fmt.Sprintf("secret/s%d", i), map[string]any{"f": fmt.Sprintf("value-%d-x", i)})
		refs = append(refs, ref(t, fmt.Sprintf("ref+vault://secret/s%d#/f", i)))
	}
	r := resolver(t, f, vault.Config{CacheFor: time.Millisecond})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				n := (g + i) % len(refs)
				s, err := r.Resolve(context.Background(), refs[n])
				if want := fmt.Sprintf("value-%d-x", n); err != nil || s.Reveal() != want || r.Scrub(want) != "[secret]" {
					t.Errorf("%q, %v", s.Reveal(), err)
				}
				if i%10 == 0 {
					r.Forget(refs[n])
				}
			}
		})
	}
	wg.Wait()
}
