package redisstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
)

// past fills Redis with a history, without the rules.
type past struct {
	t testing.TB
	*Audit
}

func (s *server) past(t testing.TB) past {
	return past{t, NewAudit(dial(t, s.addr), "T0TEST")}
}

// do runs plain commands at once.
func (p past) do(cmds func(redis.Pipeliner)) {
	p.t.Helper()
	if _, err := p.client.Pipelined(context.Background(), func(c redis.Pipeliner) error { cmds(c); return nil }); err != nil {
		p.t.Fatal(err)
	}
}

// happens writes a request with n events, the last of them at ms.
func (p past) happens(id string, n int, ms int64) {
	p.t.Helper()
	p.do(func(c redis.Pipeliner) {
		for i := range n {
			c.RPush(context.Background(), p.keys.events(id), fmt.Sprintf(`%d {"request":%q,"move":"m%d","n":%d}`, ms-int64(n-1-i), id, i+1, i+1))
		}
		c.HSet(context.Background(), p.keys.request(id), "body", fmt.Sprintf(`{"schema":2,"id":%q,"events":%d}`, id, n), "at", ms)
		c.ZAdd(context.Background(), p.keys.audit(), redis.Z{Score: float64(ms), Member: id})
	})
}

// ids are those that Each hands out, in order.
func (p past) ids(since time.Time) (out []string) {
	p.t.Helper()
	err := p.Each(p.t.Context(), since, func(h History) error {
		out = append(out, h.ID)
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

func (p past) one(id string) (out History) {
	p.t.Helper()
	if err := p.Read(p.t.Context(), []string{id}, func(h History) error { out = h; return nil }); err != nil {
		p.t.Fatal(err)
	}
	return out
}

func TestAuditOrder(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		p := srv.past(t)
		if got := p.ids(time.Time{}); len(got) != 0 {
			t.Errorf("an empty Redis has %q", got)
		}
		p.happens("r-new", 1, 3000)
		p.happens("r-old", 2, 1000)
		p.happens("r-mid", 3, 2000)
		other := past{t, NewAudit(p.client, "T0OTHER")}
		other.happens("r-other", 1, 1500)
		for _, tt := range []struct {
			why   string
			since time.Time
			want  []string
		}{
			{"all, by their newest event", time.Time{}, []string{"r-old", "r-mid", "r-new"}},
			{"the time itself counts", time.UnixMilli(2000), []string{"r-mid", "r-new"}},
			{"nothing is that new", time.UnixMilli(3001), nil},
		} {
			if diff := cmp.Diff(tt.want, p.ids(tt.since)); diff != "" {
				t.Errorf("%s:\n%s", tt.why, diff)
			}
		}
	})
}

// TestAuditWhole has more of everything than one read asks for: requests of one
// millisecond, requests in all, and events of a request.
func TestAuditWhole(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		p := srv.past(t)
		var want []string
		for i := range 2*auditIDs + 3 {
			id := fmt.Sprintf("r-a%04d", i)
			p.happens(id, 1, 1000)
			want = append(want, id)
		}
		for i := range auditIDs {
			id := fmt.Sprintf("r-b%04d", i)
			p.happens(id, 1, int64(2000+i))
			want = append(want, id)
		}
		if diff := cmp.Diff(want, p.ids(time.Time{})); diff != "" {
			t.Error(diff)
		}
		for _, n := range []int{auditEvents - 1, auditEvents, auditEvents + 1, 3*auditEvents + 1} {
			p.happens("r-long", n, 9000)
			h := p.one("r-long")
			if len(h.Events) != n || h.Events[n-1].N != n || !h.Newest.Equal(time.UnixMilli(9000)) || !h.Indexed.Equal(h.Newest) {
				t.Errorf("of %d events there are %d, the newest %s, indexed %s", n, len(h.Events), h.Newest, h.Indexed)
			}
			p.do(func(c redis.Pipeliner) { c.Del(t.Context(), p.keys.events("r-long")) })
		}
	})
}

// TestAuditWhileItMoves moves requests while they are read: each is read once.
func TestAuditWhileItMoves(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		p := srv.past(t)
		const n = 3 * auditIDs
		for i := range n {
			p.happens(fmt.Sprintf("r-%04d", i), 1, int64(1000+i))
		}
		times, at := map[string]int{}, int64(100_000)
		err := p.Each(t.Context(), time.Time{}, func(h History) error {
			times[h.ID]++
			if len(times)%50 != 0 || at > 100_020 {
				return nil
			}
			at++
			p.happens("r-0001", 1, at)                   // was read
			p.happens(fmt.Sprintf("r-%04d", n-9), 1, at) // was not
			p.happens(fmt.Sprintf("r-fresh%d", at), 1, at)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(times) != n+int(at-100_000) {
			t.Errorf("%d requests were read, want %d and %d new ones", len(times), n, at-100_000)
		}
		for id, k := range times {
			if k != 1 {
				t.Errorf("%s was read %d times", id, k)
			}
		}
	})
}

// TestAuditOfWhatIsLost takes away parts of what there is.
func TestAuditOfWhatIsLost(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		p := srv.past(t)
		for i, id := range []string{"r-whole", "r-norecord", "r-noevents", "r-noindex", "r-nothing", "r-odd", "r-wrong", "r-newer", "r-onlyrecord"} {
			p.happens(id, 2, int64(1000+i))
		}
		ctx := t.Context()
		p.do(func(c redis.Pipeliner) {
			c.Del(ctx, p.keys.request("r-norecord"), p.keys.events("r-noevents"), p.keys.request("r-nothing"), p.keys.events("r-nothing"), p.keys.events("r-onlyrecord"))
			c.ZRem(ctx, p.keys.audit(), "r-noindex", "r-onlyrecord")
			c.LSet(ctx, p.keys.events("r-odd"), 0, "what is this")
			c.Del(ctx, p.keys.events("r-wrong"), p.keys.request("r-wrong"))
			c.Set(ctx, p.keys.events("r-wrong"), "x", 0)
			c.Set(ctx, p.keys.request("r-wrong"), "x", 0)
			c.HSet(ctx, p.keys.request("r-newer"), "body", `{"schema":99,"id":"r-newer"}`)
		})
		type seen struct {
			Record, Events string
			N              int
			Unreadable     []int
			Indexed, Empty bool
		}
		word := func(err error) string {
			switch {
			case errors.Is(err, approvals.ErrNotFound):
				return "gone"
			case errors.Is(err, approvals.ErrUnreadable):
				return "unreadable"
			}
			return fmt.Sprint(err)
		}
		got, order := map[string]seen{}, []string(nil)
		err := p.Each(ctx, time.Time{}, func(h History) error {
			got[h.ID] = seen{word(h.RecordErr), word(h.EventsErr), len(h.Events), h.Unreadable, !h.Indexed.IsZero(), h.Empty()}
			order = append(order, h.ID)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]seen{
			"r-whole":      {"<nil>", "<nil>", 2, nil, true, false},
			"r-norecord":   {"gone", "<nil>", 2, nil, true, false},
			"r-noevents":   {"<nil>", "<nil>", 0, nil, true, false},
			"r-noindex":    {"<nil>", "<nil>", 2, nil, false, false},
			"r-nothing":    {"gone", "<nil>", 0, nil, true, true},
			"r-odd":        {"<nil>", "<nil>", 2, []int{1}, true, false},
			"r-wrong":      {"unreadable", "unreadable", 0, nil, true, false},
			"r-newer":      {"unreadable", "<nil>", 2, nil, true, false},
			"r-onlyrecord": {"<nil>", "<nil>", 0, nil, false, false},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		last := order[len(order)-2:]
		slices.Sort(last)
		if len(order) != len(want) || !slices.Equal(last, []string{"r-noindex", "r-onlyrecord"}) {
			t.Errorf("the order is %q; what the index lost comes last, once", order)
		}
		if h := p.one("r-never"); !h.Empty() || !h.Indexed.IsZero() || h.Now.IsZero() {
			t.Errorf("of a request that never was there is %+v", h)
		}
		// Also where only new ones are asked for: when a lost one was, nobody knows.
		late := p.ids(time.UnixMilli(50_000))
		slices.Sort(late)
		if !slices.Equal(late, last) {
			t.Errorf("after the last event: %q, want %q", late, last)
		}
	})
}

// TestAuditOfTheStore reads what the store itself writes.
func TestAuditOfTheStore(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s, p := srv.store(t), srv.past(t)
		k := create(t, s, asked(1), amy, time.Minute)
		k, err := s.Swap(t.Context(), next(k, amy, 0, nil))
		if err != nil {
			t.Fatal(err)
		}
		h := p.one(k.ID)
		want, err := s.Events(t.Context(), k.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, h.Events); diff != "" || len(want) != 2 {
			t.Errorf("%d events:\n%s", len(want), diff)
		}
		if diff := cmp.Diff(k.Request, h.Record); diff != "" || h.RecordErr != nil {
			t.Errorf("the record, %v:\n%s", h.RecordErr, diff)
		}
	})
}

func TestAuditWorkspaces(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		p := srv.past(t)
		look := func() []string {
			t.Helper()
			got, err := Workspaces(t.Context(), p.client)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		p.do(func(c redis.Pipeliner) {
			c.Set(t.Context(), "bmcmd:{T0CHECK}:members:S1", "[]", 0) // only looked around
			c.Set(t.Context(), "other:{T0ELSE}:events:r-1", "x", 0)
		})
		if got := look(); len(got) != 0 {
			t.Errorf("nobody has asked for anything, and there is %q", got)
		}
		p.happens("r-1", 1, 1000)
		p.do(func(c redis.Pipeliner) { c.RPush(t.Context(), "bmcmd:{E0BIG}:events:r-2", "1 {}") })
		if diff := cmp.Diff([]string{"E0BIG", "T0TEST"}, look()); diff != "" {
			t.Error(diff)
		}
		for i := range 2 * mostWorkspaces {
			past{t, NewAudit(p.client, fmt.Sprint("T", i))}.happens("r-1", 1, 1000)
		}
		if n := len(look()); n != mostWorkspaces {
			t.Errorf("%d workspaces are named, want %d at most", n, mostWorkspaces)
		}
	})
}

// TestAuditWorkspaceIsNoPattern has workspaces whose names, taken for patterns, match
// others and not themselves; without an index, so that their keys are looked for.
func TestAuditWorkspaceIsNoPattern(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		p := srv.past(t)
		p.happens("r-1", 1, 1000)
		for _, name := range []string{"T0*", "T0TES?", "T0TES[T]", `T0TES\T`} {
			odd := past{t, NewAudit(p.client, name)}
			odd.happens("r-2", 1, 1000)
			odd.do(func(c redis.Pipeliner) { c.Del(t.Context(), odd.keys.audit()) })
			if got := odd.ids(time.Time{}); !slices.Equal(got, []string{"r-2"}) {
				t.Errorf("%s: %q", name, got)
			}
		}
	})
}

// TestAuditFault has Redis go away in the middle: that is an error, and never a history
// that looks whole.
func TestAuditFault(t *testing.T) {
	srv := startMini(t)
	p := srv.past(t)
	for i := range 3 * auditBatch {
		p.happens(fmt.Sprintf("r-%03d", i), 1, int64(1000+i))
	}
	for _, after := range []int{1, auditBatch + 1, 3 * auditBatch} {
		n := 0
		err := p.Each(t.Context(), time.Time{}, func(History) error {
			if n++; n == after {
				srv.mini.SetError("OOM of arguments, secret")
			}
			return nil
		})
		srv.mini.SetError("")
		if !errors.Is(err, approvals.ErrUnavailable) || strings.Contains(fmt.Sprint(err), "secret") {
			t.Errorf("after %d requests: %v", after, err)
		}
	}
	stop := errors.New("enough")
	if err := p.Each(t.Context(), time.Time{}, func(History) error { return stop }); err != stop {
		t.Errorf("the caller's own error became %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := p.Each(ctx, time.Time{}, func(History) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

// TestAuditEventsGoAway removes the events of a request between two reads of them.
func TestAuditEventsGoAway(t *testing.T) {
	srv := startMini(t)
	p := srv.past(t)
	p.happens("r-1", auditEvents+1, 1000)
	a := &Audit{caller: p.caller, keys: p.keys}
	got, err := a.read(t.Context(), historyScript, []string{"none", "due", "open", "mark", p.keys.request("r-1"), p.keys.events("r-1"), p.keys.refused("r-1"), p.keys.outputs("r-1")}, auditEvents, "", "twin:", "r-1")
	if err != nil {
		t.Fatal(err)
	}
	srv.mini.Del(p.keys.events("r-1"))
	if _, err := a.history(t.Context(), got, 1); !errors.Is(err, approvals.ErrConflict) {
		t.Errorf("half of the events: %v", err)
	}
}

// BenchmarkAudit reads a history of 1,000 and of 10,000 requests with 12 events each.
// What it keeps, B/request, does not grow with what a request holds.
func BenchmarkAudit(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := startReal(b).past(b)
			for i := range n {
				p.happens(fmt.Sprintf("r-%08d", i), 12, int64(1_000_000+i))
			}
			var most uint64
			for b.Loop() {
				base, read := heap(), 0
				err := p.Each(b.Context(), time.Time{}, func(History) error {
					if read++; read%(n/4) == 0 {
						most = max(most, heap()-min(base, heap()))
					}
					return nil
				})
				if err != nil || read != n {
					b.Fatal(read, err)
				}
			}
			b.ReportMetric(float64(most)/float64(n), "B/request")
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}

// heap is how many bytes are in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestAuditOfACluster reads from a cluster of one node.
func TestAuditOfACluster(t *testing.T) {
	srv := startReal(t, "--cluster-enabled", "yes")
	plain := dial(t, srv.addr)
	if err := plain.Do(t.Context(), "CLUSTER", "ADDSLOTSRANGE", 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	until(t, "the cluster is whole", func() bool {
		info, err := plain.ClusterInfo(t.Context()).Result()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	})
	p := past{t, NewAudit(dial(t, srv.addr, func(c *Connection) { c.Cluster = true }), "T0TEST")}
	p.happens("r-1", 2, 1000)
	p.happens("r-lost", 2, 2000)
	p.do(func(c redis.Pipeliner) { c.ZRem(t.Context(), p.keys.audit(), "r-lost") })
	if got := p.ids(time.Time{}); !slices.Equal(got, []string{"r-1", "r-lost"}) {
		t.Errorf("%q", got)
	}
	if got, err := Workspaces(t.Context(), p.client); err != nil || !slices.Equal(got, []string{"T0TEST"}) {
		t.Errorf("%q, %v", got, err)
	}
}
