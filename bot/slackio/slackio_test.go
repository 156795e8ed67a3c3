package slackio

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/slacksim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type secret string

func (s secret) Reveal() string { return string(s) }

// hand is a Handler made of two functions. Who presses Deny is asked for a reason.
type hand struct {
	typed   func(context.Context, bot.Typed) bot.Answer
	clicked func(context.Context, bot.Click) bot.Answer
}

func (h hand) Typed(ctx context.Context, t bot.Typed) bot.Answer {
	if h.typed == nil {
		return nil
	}
	return h.typed(ctx, t)
}

func (h hand) Clicked(ctx context.Context, c bot.Click) bot.Answer {
	if c.Button == bot.Deny && c.Reason == "" {
		return bot.AskReason{}
	}
	if h.clicked == nil {
		return nil
	}
	return h.clicked(ctx, c)
}

// logged is a log that a test reads.
type logged struct {
	mu    sync.Mutex
	text  strings.Builder
	grown chan struct{} // closed and replaced at each line, if somebody waits for one
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
	return l.text.Write(b)
}

// wait waits until text stands in the log.
func (l *logged) wait(t testing.TB, text string) {
	t.Helper()
	for limit := soon(t); ; {
		l.mu.Lock()
		if strings.Contains(l.text.String(), text) {
			l.mu.Unlock()
			return
		}
		if l.grown == nil {
			l.grown = make(chan struct{})
		}
		grown := l.grown
		l.mu.Unlock()
		select {
		case <-grown:
		case <-limit.Done():
			t.Fatalf("the log never says %q:\n%s", text, l)
		}
	}
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

const (
	alice   = "U0ALICE"
	bob     = "U0BOB"
	channel = "C0OPS"
)

// rig is a Slack, and ours on it.
type rig struct {
	sim *slacksim.Slack
	s   *Slack
	log *logged
	t   testing.TB
}

// simulate starts a Slack that waits longer than the real one, unless c says how long: what a slow machine
// does late is not what is looked for.
func simulate(t testing.TB, c slacksim.Config) *slacksim.Slack {
	t.Helper()
	if c.AckWithin == 0 {
		c.AckWithin = patience
	}
	if c.TriggerLife == 0 {
		c.TriggerLife = patience
	}
	sim, err := slacksim.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	sim.AddPerson(slacksim.Person{ID: alice, Name: "alice"})
	sim.AddPerson(slacksim.Person{ID: bob, Name: "bob"})
	sim.AddChannel(slacksim.Channel{ID: channel, Name: "ops", Members: []string{alice, bob, sim.BotUserID()}})
	return sim
}

// connectTo makes ours, not yet running.
func connectTo(t testing.TB, sim *slacksim.Slack, change ...func(*Config)) *rig {
	t.Helper()
	log := &logged{}
	c := Config{
		BotToken: secret(slacksim.DefaultBotToken), AppToken: secret(slacksim.DefaultAppToken), APIURL: sim.APIURL(),
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	quicken(s, c)
	t.Cleanup(s.http.CloseIdleConnections)
	return &rig{sim: sim, s: s, log: log, t: t}
}

// quicken makes waits short, and handlers as slow as they like, unless c says how slow.
func quicken(s *Slack, c Config) {
	s.times.backoff = time.Millisecond
	if c.AckWithin == 0 {
		s.cfg.ackWithin = patience
	}
}

// start receives until the test ends, or stop is called. A Run that ends by itself is seen in ended.
func (r *rig) start(h Handler) (stop func() error, ended <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	var err error
	go func() {
		defer close(done)
		err = r.s.Run(ctx, h)
	}()
	stop = func() error {
		cancel()
		<-done
		return err
	}
	r.t.Cleanup(func() { _ = stop() })
	return stop, done
}

// run is start, and returns when all connections stand. An error of Run fails the test.
func (r *rig) run(h Handler) (stop func() error) {
	r.t.Helper()
	stop, _ = r.start(h)
	r.t.Cleanup(func() {
		if err := stop(); err != nil {
			r.t.Errorf("Run ended with %v", err)
		}
	})
	if err := r.sim.WaitConnected(soon(r.t), r.s.cfg.connections); err != nil {
		r.t.Fatalf("no connection: %v\n%s", err, r.log)
	}
	return stop
}

// patience is how long a test waits for what happens at once, unless it never does.
const patience = 30 * time.Second

// soon is a ctx that ends with the patience.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func wait(t testing.TB, turn *slacksim.Turn, err error) slacksim.Ack {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	a, err := turn.Wait(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestACommandIsAnsweredInItsAck(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	got := make(chan bot.Typed, 1)
	r.run(hand{typed: func(_ context.Context, line bot.Typed) bot.Answer {
		got <- line
		return bot.Words{Text: "Here you are."}
	}})
	turn, err := r.sim.Slash(soon(t), alice, channel, "/bmcmd", "show cmd-1 &amp; <b>")
	a := wait(t, turn, err)
	if a.Failed != "" || !strings.Contains(string(a.Payload), "Here you are.") {
		t.Errorf("ack %s %s", a.Failed, a.Payload)
	}
	line := <-got
	if line.Text != "show cmd-1 &amp; <b>" || line.Event != turn.EnvelopeID || line.Origin.Channel != channel || line.By.User != alice {
		t.Errorf("got %+v", line)
	}
}
