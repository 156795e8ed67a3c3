package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// BenchmarkFlows measures whole flows: alice types a run, its card comes, bob
// approves, it is sent, the API's answer stands in the thread; meanwhile earlier runs
// are followed to their end. All run one script, each on a host of its own: on the same
// hosts one would wait for the other. Slack, the API and the
// bot share this process; Redis is a redis-server of its own if there is one,
// without and with an append-only file that is synced at each write.
//
//	go test -run - -bench Flows ./cmd/bmcmd-demo
func BenchmarkFlows(b *testing.B) {
	for _, api := range apis {
		for _, fsync := range []string{"no", "always"} {
			for _, at := range []int{1, 16, 64} {
				b.Run(fmt.Sprintf("api=%s/appendfsync=%s/at=%d", api, fsync, at), func(b *testing.B) { flows(b, api, fsync, at) })
			}
		}
	}
}

func flows(b *testing.B, api, fsync string, at int) {
	w := &world{api: api, lean: true}
	if bin, err := exec.LookPath("redis-server"); err == nil {
		w.other = func(password string) string { return redisServer(b, bin, fsync, password) }
	} else {
		b.Log("there is no redis-server; the one in memory is measured")
	}
	w, err := w.open(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer w.close()
	for n := range b.N {
		w.addHost(hostOf(int64(n + 1)))
	}
	f := watch(w)
	defer f.stop()
	var took took
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b.ResetTimer()
	var next atomic.Int64
	var all sync.WaitGroup
	for range at {
		all.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := f.flow(b.Context(), n, &took); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "flows/s")
	b.ReportMetric(took.quantile(0.99), "ack-p99-ms")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(b.N), "allocs/flow")
	if n := w.cloud.Count("RunUserCmd"); n != b.N {
		b.Logf("%s", w.logs.Bytes())
		b.Errorf("%d flows, %d runs sent", b.N, n)
	}
}

// flowWatch tells each flow of its card and its answer.
type flowWatch struct {
	w    *world
	stop func()

	mu    sync.Mutex
	cards map[string]chan string // by reason: the card's ts
	ends  map[string]chan string // by the card's ts: its thread's first message
}

func watch(w *world) *flowWatch {
	entries, stop := w.slack.Subscribe()
	f := &flowWatch{w: w, stop: stop, cards: map[string]chan string{}, ends: map[string]chan string{}}
	go func() {
		for e := range entries {
			if e.Kind != slacksim.KindMessage {
				continue
			}
			if e.Message.ReplyTo != "" {
				f.channel(f.ends, e.Message.ReplyTo) <- e.TS
			} else if reason := reasonOf(e.Blocks()); reason != "" {
				f.channel(f.cards, reason) <- e.TS
			}
		}
	}()
	return f
}

func hostOf(n int64) string { return fmt.Sprintf("ins-bench%d", n) }

// reasonOf finds "flow-N" in a card.
func reasonOf(blocks json.RawMessage) string {
	_, rest, ok := strings.Cut(string(blocks), "flow-")
	if !ok {
		return ""
	}
	n, _, _ := strings.Cut(rest, "x")
	return "flow-" + n + "x"
}

func (f *flowWatch) channel(in map[string]chan string, key string) chan string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if in[key] == nil {
		in[key] = make(chan string, 4)
	}
	return in[key]
}

func (f *flowWatch) flow(ctx context.Context, n int64, t *took) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	reason := fmt.Sprintf("flow-%dx", n)
	turn, err := f.w.slack.Slash(ctx, "U0ALICE", "C0INCIDENT", "/bmcmd", fmt.Sprintf("run cmd-rst9w2kd %s --reason %s -- service=%d", hostOf(n), reason, n))
	if err != nil {
		return err
	}
	ack, err := turn.Wait(ctx)
	if err != nil || ack.Failed != "" {
		return fmt.Errorf("%s: not acknowledged: %s %w", reason, ack.Failed, err)
	}
	t.add(ack.After)
	card, err := f.wait(ctx, f.cards, reason)
	if err != nil {
		return err
	}
	if _, err := f.w.slack.Click(ctx, "U0BOB", "C0INCIDENT", card, "Approve"); err != nil {
		return err
	}
	_, err = f.wait(ctx, f.ends, card)
	return err
}

func (f *flowWatch) wait(ctx context.Context, in map[string]chan string, key string) (string, error) {
	select {
	case ts := <-f.channel(in, key):
		return ts, nil
	case <-ctx.Done():
		return "", fmt.Errorf("%s: %w", key, ctx.Err())
	}
}

type took struct {
	mu  sync.Mutex
	all []time.Duration
}

func (t *took) add(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, d)
}

func (t *took) quantile(q float64) float64 {
	if len(t.all) == 0 {
		return 0
	}
	slices.Sort(t.all)
	return float64(t.all[int(q*float64(len(t.all)-1))].Microseconds()) / 1000
}

// redisServer starts a redis-server for the benchmark.
func redisServer(b *testing.B, bin, fsync, password string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	aof := "no"
	if fsync != "no" {
		aof = "yes"
	}
	cmd := exec.Command(bin, "--bind", "127.0.0.1", "--port", port, "--save", "", "--dir", b.TempDir(),
		"--requirepass", password, "--appendonly", aof, "--appendfsync", fsync)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	address := "127.0.0.1:" + port
	err = until(b.Context(), patience, errors.New("redis-server does not answer"), func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return address
}
