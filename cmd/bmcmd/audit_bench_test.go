package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// BenchmarkAuditExport exports histories of 1,000 and of 10,000 requests with 12 events
// each: the most heap in use meanwhile, measured at every thousandth line, as MB.
func BenchmarkAuditExport(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			a := newArchive(b)
			a.many(n)
			out := &watched{}
			for b.Loop() {
				if err := run(b.Context(), []string{"audit", "export", "-c", a.config}, strings.NewReader(""), out, io.Discard); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(out.most)/1e6, "MB")
			b.ReportMetric(float64(out.bytes)/float64(b.N)/1e6, "MB-written")
		})
	}
}

// BenchmarkAuditVerify reads an export of 10,000 requests with 12 events each.
func BenchmarkAuditVerify(b *testing.B) {
	a := newArchive(b)
	a.many(10_000)
	var text strings.Builder
	if err := run(b.Context(), []string{"audit", "export", "-c", a.config}, strings.NewReader(""), &text, io.Discard); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := run(b.Context(), []string{"audit", "verify", "--from", "-"}, strings.NewReader(text.String()), io.Discard, io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

// many writes so many requests of which only the events are left.
func (a *archive) many(n int) {
	at := time.Now().Add(-1000 * time.Hour).UTC().Truncate(time.Millisecond)
	for i := range n {
		id, prev := fmt.Sprintf("r-%010d", i), ""
		at = at.Add(time.Second)
		push := []any{"RPUSH", a.key("events", id)}
		for k := range 12 {
			e := approvals.Event{
				V: 2, Request: id, Revision: int64(k + 1), Move: "refused approve", From: approvals.Refused, To: approvals.Refused, At: at, N: k + 1, Prev: prev,
				By: bert, Note: "the rule does not name you, and it is not known who of the others would be asked",
			}
			if k == 0 {
				e.Move, e.From = "receive", ""
			}
			e.Hash = e.Sum()
			prev = e.Hash
			line, err := e.Encode()
			if err != nil {
				a.t.Fatal(err)
			}
			push = append(push, fmt.Sprint(at.UnixMilli(), " ", e.Hash, " ", string(line)))
		}
		a.do(push...)
		a.do("ZADD", a.indexKey(), at.UnixMilli(), id)
	}
}

// watched counts what is written to it, and looks at the heap now and then.
type watched struct {
	bytes, writes int
	most          uint64
}

func (w *watched) Write(p []byte) (int, error) {
	w.bytes += len(p)
	if w.writes++; w.writes%1000 == 0 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		w.most = max(w.most, m.HeapAlloc)
	}
	return len(p), nil
}
