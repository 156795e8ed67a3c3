package redisstore

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// The figures are without persistence (appendonly no), on loopback.
func onEachBench(b *testing.B, bench func(b *testing.B, s *Store)) {
	b.Run("miniredis", func(b *testing.B) { bench(b, startMini(b).store(b)) })
	b.Run("redis-server", func(b *testing.B) {
		s := startReal(b).store(b)
		bench(b, s)
		b.ReportMetric(inRedis(b, s), "redis-µs/script")
	})
}

// inRedis is how long Redis itself took for a script, in microseconds.
func inRedis(b *testing.B, s *Store) float64 {
	stats, err := s.client.Info(context.Background(), "commandstats").Result()
	if err != nil {
		b.Fatal(err)
	}
	_, line, _ := strings.Cut(stats, "cmdstat_evalsha:")
	_, line, _ = strings.Cut(line, "usec_per_call=")
	each, _, _ := strings.Cut(line, ",")
	us, err := strconv.ParseFloat(each, 64)
	if err != nil {
		b.Fatal(err)
	}
	return us
}

// Create, one Swap and one Take: three round trips.
func BenchmarkCreateSwapTake(b *testing.B) {
	onEachBench(b, func(b *testing.B, s *Store) {
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			n++
			k := create(b, s, asked(n), amy, time.Minute)
			if _, err := s.Swap(context.Background(), next(k, amy, 0, nil)); err != nil {
				b.Fatal(err)
			}
			if taken, _, err := s.Take(context.Background(), amy, time.Hour, 1); err != nil || len(taken) != 1 {
				b.Fatal(len(taken), err)
			}
		}
	})
}

// One quiet move on a record in hand: one round trip.
func BenchmarkAdvance(b *testing.B) {
	onEachBench(b, func(b *testing.B, s *Store) {
		d := approvals.NewDesk(s, amy, time.Minute)
		k := pending(b, d, asked(1), facts(1, 1).Rule)
		b.ReportAllocs()
		for b.Loop() {
			var err error
			if k, err = d.Advance(context.Background(), k, approvals.Shown("C0OPS", "1.2", k.Card.Look, false)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// Load, then a move: what a click costs that has only the id.
func BenchmarkMove(b *testing.B) {
	onEachBench(b, func(b *testing.B, s *Store) {
		d := approvals.NewDesk(s, amy, time.Minute)
		k := pending(b, d, asked(1), facts(1, 1).Rule)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := d.Move(context.Background(), k.ID, approvals.Redraw()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// What a move costs before it goes to Redis: the next version, its event, and both as they
// are stored.
func BenchmarkEncode(b *testing.B) {
	s := startMini(b).store(b)
	today := facts(1, 1)
	k := pending(b, approvals.NewDesk(s, amy, time.Minute), asked(1), today.Rule)
	vote := approvals.Vote(colleague(0), k.Digest, today, time.Minute)
	for name, m := range map[string]approvals.Move{"event": vote, "mark": approvals.Redraw()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				next, e, err := k.Apply(m, k.Clock())
				if err != nil {
					b.Fatal(err)
				}
				if _, err := encode(approvals.Swap{Next: next, Event: e}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
