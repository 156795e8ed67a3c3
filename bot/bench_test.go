package bot

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/approvals/redisstore"
)

// benchRig is a rig without a test around it, and without a log.
func benchRig(b *testing.B, store approvals.Store) (*rig, *Bot) {
	b.Helper()
	r := newRig(nil)
	if store != nil {
		r.store = store
	}
	c := r.config()
	c.Log = slog.New(slog.DiscardHandler)
	bot, err := New(c)
	if err != nil {
		b.Fatal(err)
	}
	return r, bot
}

// One press of Approve that counts: who it is, today's rules, one read, one write.
func BenchmarkDecision(b *testing.B) {
	b.ReportAllocs()
	r, bot := benchRig(b, nil)
	bot.stopped = true // what follows from the decision is not measured
	clicks := make([]Click, b.N)
	for i := range clicks {
		clicks[i] = pendingRequest(b, r, bot, fmt.Sprint(i))
	}
	b.ResetTimer()
	for _, c := range clicks {
		if w, _ := bot.Clicked(b.Context(), c).(Words); w.Text != saidApproved {
			b.Fatal(w.Text)
		}
	}
}

// pendingRequest makes a request that waits for one approval, and that approval.
func pendingRequest(b *testing.B, r *rig, bot *Bot, event string) Click {
	b.Helper()
	ctx := b.Context()
	req := approvals.Request{
		ID: approvals.NewID(theTeam, event), Event: event, Requester: someone("ALICE").Person,
		Origin: approvals.Origin{Team: theTeam, Channel: theChannel},
		Asked:  approvals.Asked{Script: theScript, Hosts: []string{"ins-1", "ins-" + event}},
	}
	k, _, err := bot.Desk.Receive(ctx, req)
	if err != nil {
		b.Fatal(err)
	}
	who, plan, err := bot.prepare(ctx, k.Request)
	if err != nil {
		b.Fatal(err)
	}
	for _, m := range []approvals.Move{approvals.Prepare(who, plan), approvals.Open(theChannel, event)} {
		if k, err = bot.Desk.Advance(ctx, k, m); err != nil {
			b.Fatal(err)
		}
	}
	return Click{Event: "c" + event, By: ref("BOB"), Origin: req.Origin, Button: Approve, Request: k.ID, Digest: k.Digest}
}

// Whole flows, from the command to the answer in the thread: neighbours that
// answer at once, 1 and 64 at a time.
func BenchmarkFlow(b *testing.B) {
	for _, store := range []string{"memory", "miniredis"} {
		for _, at := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/%d", store, at), func(b *testing.B) { benchFlow(b, store, at) })
		}
	}
}

func benchFlow(b *testing.B, store string, at int) {
	var s approvals.Store
	if store == "miniredis" {
		server := miniredis.NewMiniRedis()
		if err := server.Start(); err != nil {
			b.Fatal(err)
		}
		defer server.Close()
		client, err := redisstore.Dial(redisstore.Connection{Addresses: []string{server.Addr()}, PoolSize: 64})
		if err != nil {
			b.Fatal(err)
		}
		defer client.Close()
		store := redisstore.New(client, theTeam, redisstore.Options{})
		if err := store.Mark(b.Context()); err != nil {
			b.Fatal(err)
		}
		s = store
	}
	_, bot := benchRig(b, s)
	told := &signals{}
	bot.Board = told
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = bot.Run(ctx) }()
	b.ReportAllocs()
	b.ResetTimer()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range at {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				flow(b, bot, told, fmt.Sprint(i))
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	cancel()
	<-done
}

func flow(b *testing.B, bot *Bot, told *signals, event string) {
	ctx, at := b.Context(), approvals.Origin{Team: theTeam, Channel: theChannel}
	id := approvals.NewID(theTeam, event)
	posted, answered := told.of(id)
	bot.Typed(ctx, Typed{Event: event, By: ref("ALICE"), Origin: at, Text: "run cmd-nozcbhuw ins-1,ins-" + event})
	select {
	case digest := <-posted:
		bot.Clicked(ctx, Click{Event: "c" + event, By: ref("BOB"), Origin: at, Button: Approve, Request: id, Digest: digest})
	case <-time.After(30 * time.Second):
		b.Error("no card")
		return
	}
	select {
	case <-answered:
	case <-time.After(30 * time.Second):
		b.Error("no answer")
	}
}

// signals is a Board that only says when a card was posted and a notice told.
type signals struct {
	mu sync.Mutex
	m  map[string]signal
}

type signal struct {
	posted   chan approvals.Digest
	answered chan struct{}
}

func (s *signals) of(id string) (posted chan approvals.Digest, answered chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m = map[string]signal{}
	}
	if _, there := s.m[id]; !there {
		s.m[id] = signal{make(chan approvals.Digest, 1), make(chan struct{}, 1)}
	}
	return s.m[id].posted, s.m[id].answered
}

func (s *signals) Fits(approvals.Request) error { return nil }

func (s *signals) Post(_ context.Context, r approvals.Request) (channel, ts string, err error) {
	posted, _ := s.of(r.ID)
	posted <- r.Digest
	return r.Origin.Channel, r.ID, nil
}

func (s *signals) Redraw(context.Context, approvals.Request) error { return nil }

func (s *signals) Notify(_ context.Context, r approvals.Request, _ approvals.Notice) (Posted, error) {
	_, answered := s.of(r.ID)
	answered <- struct{}{}
	return Posted{}, nil
}

func (s *signals) Report(context.Context, approvals.Request, approvals.Notice, approvals.Outputs) (Posted, error) {
	return Posted{}, nil
}

func (s *signals) Upload(context.Context, approvals.Request, approvals.Outputs) (string, error) {
	return "F1", nil
}

func (s *signals) Share(context.Context, approvals.Request) error { return nil }

func (s *signals) Link(context.Context, approvals.Card) string { return "" }
