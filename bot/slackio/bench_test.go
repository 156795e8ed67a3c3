package slackio

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// BenchmarkCommandToAck is a command and its answer in the ack, over a lean slacksim in the same
// process, with so many commands waiting for their ack at a time.
func BenchmarkCommandToAck(b *testing.B) {
	for _, atOnce := range []int{1, 16, 64} {
		b.Run(strconv.Itoa(atOnce), func(b *testing.B) {
			r := connectTo(b, simulate(b, slacksim.Config{Lean: true}), func(c *Config) { c.Log = slog.New(slog.DiscardHandler) })
			r.run(hand{typed: func(context.Context, bot.Typed) bot.Answer { return bot.Words{Text: "Recorded."} }})
			took := make([]time.Duration, b.N)
			next := make(chan int, b.N)
			for i := range b.N {
				next <- i
			}
			close(next)
			ctx := context.Background()
			b.ReportAllocs()
			b.ResetTimer()
			var all sync.WaitGroup
			for range atOnce {
				all.Go(func() {
					for i := range next {
						turn, err := r.sim.Slash(ctx, alice, channel, "/bmcmd", "show cmd-1")
						if err != nil {
							b.Error(err)
							return
						}
						a, err := turn.Wait(ctx)
						if err != nil || a.Failed != "" {
							b.Errorf("%v %s", err, a.Failed)
							return
						}
						took[i] = a.After
					}
				})
			}
			all.Wait()
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}
