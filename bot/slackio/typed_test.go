package slackio

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// whispered is the first thing that user alone sees which contains text.
func (r *rig) whispered(user, text string) slacksim.Entry {
	r.t.Helper()
	e, err := r.sim.WaitFor(soon(r.t), func(e slacksim.Entry) bool {
		return e.Kind == slacksim.KindEphemeral && e.UserID == user && strings.Contains(e.Message.Text+slacksim.Render(e.Message), text)
	})
	if err != nil {
		r.t.Fatalf("%s never sees %q: %v\n%s", user, text, err, r.log)
	}
	return e
}

// A slow handler does not cost the ack, and its answer comes behind.
func TestASlowAnswerComesLater(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}), func(c *Config) { c.AckWithin = 20 * time.Millisecond })
	hold := make(chan struct{})
	r.run(hand{typed: func(ctx context.Context, line bot.Typed) bot.Answer {
		<-hold
		return echo(ctx, line)
	}})
	var turns []*slacksim.Turn
	for i := range 50 {
		turn, err := r.sim.Slash(soon(t), alice, channel, "/bmcmd", fmt.Sprint("line ", i))
		if err != nil {
			t.Fatal(err)
		}
		turns = append(turns, turn)
	}
	for _, turn := range turns {
		if a := wait(t, turn, nil); a.Failed != "" || !strings.Contains(string(a.Payload), "Working on it") {
			t.Fatalf("ack %s %s", a.Failed, a.Payload)
		}
	}
	close(hold)
	for i := range turns {
		r.whispered(alice, fmt.Sprint("Heard line ", i))
	}
	if n := r.sim.CallCount("chat.postEphemeral") + r.sim.CallCount("chat.postMessage"); n != 0 {
		t.Errorf("%d answers took another way than the response_url", n)
	}
}

// A handler that has used up its time can still say so.
func TestAnAnswerAfterTheHandlersTime(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}), func(c *Config) { c.AckWithin, c.HandleFor = 10*time.Millisecond, 200*time.Millisecond })
	r.run(hand{typed: func(ctx context.Context, _ bot.Typed) bot.Answer {
		<-ctx.Done()
		return bot.Words{Text: "My store did not answer."}
	}})
	if a := r.ask("run cmd-1 ins-1"); a.Failed != "" {
		t.Error(a.Failed)
	}
	r.whispered(alice, "My store did not answer.")
}

// Slack drops an ack of 20 KB without a word: the answer goes behind a short one.
func TestALongAnswerDoesNotFitTheAck(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	long := strings.Repeat("容量を空ける\n", 1500)
	r.run(hand{typed: func(context.Context, bot.Typed) bot.Answer {
		return bot.Shown{Script: approvals.Script{CmdID: "cmd-long", Content: []byte(long)}}
	}})
	a := r.ask("show cmd-long")
	if a.Failed != "" || len(a.Payload) > 1000 || !strings.Contains(string(a.Payload), "long answer") {
		t.Errorf("ack %s of %d bytes: %.200s", a.Failed, len(a.Payload), a.Payload)
	}
	if e := r.whispered(alice, "容量"); len(e.Message.Blocks) < maxAck {
		t.Errorf("the answer has %d bytes, so this shows nothing", len(e.Message.Blocks))
	}
}

// Whoever typed it is answered in the second ack as in the first, which may have been lost.
func TestTheSameEnvelopeTwice(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	var mu sync.Mutex
	var events []string
	r.run(hand{typed: func(_ context.Context, line bot.Typed) bot.Answer {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, line.Event)
		return bot.Words{Text: fmt.Sprint("Time ", len(events))}
	}})
	turn, err := r.sim.Slash(soon(t), alice, channel, "/bmcmd", "help")
	wait(t, turn, err)
	r.again(turn.EnvelopeID)
	mu.Lock()
	defer mu.Unlock()
	if n := strings.Count(strings.Join(events, " "), turn.EnvelopeID); n != 1 {
		t.Errorf("event %s was handled %d times", turn.EnvelopeID, n)
	}
}

func TestAMentionIsReadAsItWasTyped(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	got := make(chan bot.Typed, 1)
	r.run(hand{typed: func(_ context.Context, line bot.Typed) bot.Answer {
		got <- line
		return bot.Words{Text: "Seen."}
	}})
	parent, err := r.sim.Say(soon(t), bob, channel, "", "the disk is full")
	if err != nil {
		t.Fatal(err)
	}
	turn, err := r.sim.Mention(soon(t), alice, channel, parent, `run cmd-1 ins-1 -- a && b <c> http://x.example/?a=1&b=2`)
	if a := wait(t, turn, err); a.Failed != "" || a.Payload != nil {
		t.Errorf("ack %+v", a)
	}
	line := <-got
	if line.Text != `run cmd-1 ins-1 -- a && b <c> http://x.example/?a=1&b=2` {
		t.Errorf("read as %q", line.Text)
	}
	if line.Origin != (approvals.Origin{Team: "T0SIM", Channel: channel, Thread: parent}) || !strings.HasPrefix(line.Event, "Ev") {
		t.Errorf("got %+v", line)
	}
	if e := r.whispered(alice, "Seen."); e.ThreadTS != parent {
		t.Errorf("answered in thread %q", e.ThreadTS)
	}
}

// Outside a thread the card is to start one under the mention. The answer stands in the channel, for
// Slack hides what is said to one person in a thread that nobody has written in.
func TestAMentionInTheChannel(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	got := make(chan bot.Typed, 1)
	r.run(hand{typed: func(_ context.Context, line bot.Typed) bot.Answer {
		got <- line
		return bot.Words{Text: "Seen."}
	}})
	turn, err := r.sim.Mention(soon(t), alice, channel, "", "help")
	wait(t, turn, err)
	if line := <-got; line.Origin.Thread != turn.TS || line.Text != "help" {
		t.Errorf("got %+v, mentioned at %s", line, turn.TS)
	}
	if e := r.whispered(alice, "Seen."); e.ThreadTS != "" {
		t.Errorf("answered in thread %q", e.ThreadTS)
	}
}

func TestAMentionIsAnsweredByOtherWays(t *testing.T) {
	for _, c := range []struct {
		why   string
		fault slacksim.Fault
		n     int
		dm    bool
	}{
		{"they have left the channel", slacksim.Fault{Error: "user_not_in_channel"}, 1, true},
		{"I was removed from it", slacksim.Fault{Error: "not_in_channel"}, 1, true},
		{"the thread was deleted", slacksim.Fault{Error: "thread_not_found"}, 1, false},
		{"too many at once, twice", slacksim.Fault{Status: 429, RetryAfter: time.Second}, 1, false},
	} {
		t.Run(c.why, func(t *testing.T) {
			r := connectTo(t, simulate(t, slacksim.Config{}))
			r.run(hand{typed: echo})
			parent, err := r.sim.Say(soon(t), bob, channel, "", "the disk is full")
			if err != nil {
				t.Fatal(err)
			}
			r.sim.FailNext("chat.postEphemeral", c.fault, c.n)
			turn, err := r.sim.Mention(soon(t), alice, channel, parent, "help")
			wait(t, turn, err)
			if !c.dm {
				r.whispered(alice, "Heard help")
				return
			}
			if _, err := r.sim.WaitFor(soon(t), func(e slacksim.Entry) bool {
				return e.Kind == slacksim.KindMessage && e.Channel == "D"+alice && strings.Contains(slacksim.Render(e.Message), "Heard help")
			}); err != nil {
				t.Errorf("no direct message: %v", err)
			}
		})
	}
}

// What is not meant for the handler does not reach it, and people are told why.
func TestNotForUs(t *testing.T) {
	mention := func(event string) string {
		return `{"type":"events_api","envelope_id":"E","payload":{"type":"event_callback","team_id":"T1","api_app_id":"A1","event_id":"Ev1","event":` + event + `}}`
	}
	for _, c := range []struct {
		why, frame string
		want       string // in the ack; empty: nothing is said
	}{
		{"another workspace", slashFrame("E", "T2"), "not set up for your workspace"},
		{"another app", strings.Replace(slashFrame("E", "T1"), `"A1"`, `"A2"`, 1), "meant for another app"},
		{"another command", strings.Replace(slashFrame("E", "T1"), `/bmcmd`, `/other`, 1), "I answer /bmcmd"},
		{"a bot", mention(`{"type":"app_mention","user":"U1","bot_id":"B9","text":"<@U0BOT> help","ts":"1.1","channel":"C1"}`), ""},
		{"ourselves", mention(`{"type":"app_mention","user":"U0BOT","text":"<@U0BOT> help","ts":"1.1","channel":"C1"}`), ""},
		{"an edit", mention(`{"type":"app_mention","user":"U1","edited":{"user":"U1","ts":"1.2"},"text":"<@U0BOT> help","ts":"1.1","channel":"C1"}`), ""},
		{"nobody", mention(`{"type":"app_mention","text":"<@U0BOT> help","ts":"1.1","channel":"C1"}`), ""},
		{"an event that nobody asked for", mention(`{"type":"message","user":"U1","text":"<@U0BOT> help","ts":"1.1","channel":"C1"}`), ""},
	} {
		t.Run(c.why, func(t *testing.T) {
			w := newRaw(t)
			r := w.connect()
			r.start(hand{typed: func(context.Context, bot.Typed) bot.Answer {
				t.Error("it reached the handler")
				return nil
			}})
			conn := w.next()
			w.greet(conn)
			w.send(conn, c.frame)
			if _, payload := w.ack(conn); !strings.Contains(payload, c.want) || c.want == "" && payload != "" {
				t.Errorf("the ack says %q", payload)
			}
		})
	}
}

// With no room left, people are told to come again, and Slack is left to deliver mentions again.
func TestTooManyAtOnceAreToldSo(t *testing.T) {
	sim := simulate(t, slacksim.Config{})
	// Over one connection, what is sent first is read first.
	r := connectTo(t, sim, func(c *Config) { c.Connections, c.AtOnce, c.AckWithin = 1, 1, 20*time.Millisecond })
	hold := make(chan struct{})
	var once sync.Once
	r.run(hand{typed: func(ctx context.Context, line bot.Typed) bot.Answer {
		once.Do(func() { <-hold })
		return echo(ctx, line)
	}})
	blocking, err := sim.Slash(soon(t), bob, channel, "/bmcmd", "slow")
	wait(t, blocking, err)
	if a := r.ask("quick"); a.Failed != "" || !strings.Contains(string(a.Payload), "very busy") {
		t.Errorf("ack %s %s", a.Failed, a.Payload)
	}
	turn, err := sim.Mention(soon(t), alice, channel, "", "mentioned")
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := r.s.api.PostMessageContext(soon(t), channel, content(buttonMessage("bmcmd:again", "r-1 "))...)
	if err != nil {
		t.Fatal(m, err)
	}
	click, err := sim.Click(soon(t), bob, channel, last(sim.Messages(channel)).TS, "Press")
	if a := wait(t, click, err); a.Failed != "" {
		t.Errorf("the click: %s", a.Failed)
	}
	r.whispered(bob, "very busy")
	select {
	case <-turn.Acked():
		t.Error("the mention was acknowledged, so Slack will not deliver it again")
	default:
	}
	close(hold)
	r.placeIsFree()
	if err := sim.RetryEvent(turn.EnvelopeID); err != nil {
		t.Fatal(err)
	}
	if a := wait(t, turn, nil); a.Failed != "" || a.Attempt == 0 {
		t.Errorf("the mention: %+v", a)
	}
	r.whispered(alice, "Heard mentioned")
}

// When not even "busy" can be said beside, the reader says it itself.
func TestFarTooManyAtOnce(t *testing.T) {
	w := newRaw(t)
	r := w.connect(func(c *Config) { c.AtOnce = 1 })
	r.s.busy = make(chan struct{})
	hold := make(chan struct{})
	r.start(hand{typed: func(ctx context.Context, line bot.Typed) bot.Answer {
		<-hold
		return echo(ctx, line)
	}})
	conn := w.next()
	w.greet(conn)
	w.send(conn, slashFrame("held", "T1"))
	w.send(conn, slashFrame("busy", "T1"))
	w.send(conn, `{"type":"events_api","envelope_id":"again","payload":{}}`)
	w.send(conn, `{"type":"interactive","envelope_id":"click","payload":{"actions":[{"action_id":"bmcmd:again"}]}}`)
	w.send(conn, slashFrame("after them", "T1"))
	for _, want := range []string{"busy", "after them"} {
		if id, payload := w.ack(conn); id != want || !strings.Contains(payload, "very busy") {
			t.Errorf("%s: %s", id, payload)
		}
	}
	close(hold) // the event and the press are left to be delivered again
	if id, payload := w.ack(conn); id != "held" || !strings.Contains(payload, "Heard") {
		t.Errorf("%s: %s", id, payload)
	}
	r.placeIsFree()
	w.send(conn, `{"type":"interactive","envelope_id":"click","payload":{"actions":[{"action_id":"bmcmd:again"}]}}`)
	if id, _ := w.ack(conn); id != "click" {
		t.Errorf("the ack of %s", id)
	}
	r.placeIsFree()
	for range 2 {
		r.placeIsFree()
		w.send(conn, slashFrame("twice", "T1"))
		if id, payload := w.ack(conn); id != "twice" || !strings.Contains(payload, "Heard") {
			t.Errorf("%s: %s", id, payload)
		}
	}
}

func last[T any](l []T) T { return l[len(l)-1] }

func TestAPanicIsAnsweredAndNotRepeated(t *testing.T) {
	for _, c := range []struct {
		why  string
		slow bool
	}{{"at once", false}, {"after the ack", true}} {
		t.Run(c.why, func(t *testing.T) {
			r := connectTo(t, simulate(t, slacksim.Config{}), func(c *Config) { c.AckWithin = 20 * time.Millisecond })
			hold := make(chan struct{})
			r.run(hand{typed: func(_ context.Context, line bot.Typed) bot.Answer {
				if c.slow {
					<-hold
				}
				panic("CANARY " + line.Text)
			}})
			turn, err := r.sim.Slash(soon(t), alice, channel, "/bmcmd", "CANARY")
			if a := wait(t, turn, err); a.Failed != "" {
				t.Errorf("ack: %s", a.Failed)
			}
			close(hold)
			r.whispered(alice, "Something broke on my side")
			log := r.log.String()
			if strings.Contains(log, "CANARY") || !strings.Contains(log, "a slack handler panicked") || !strings.Contains(log, "typed_test.go") && !strings.Contains(log, "TestAPanic") {
				t.Errorf("the log: %s", log)
			}
			if a := r.ask("again"); a.Failed != "" {
				t.Errorf("afterwards: %s", a.Failed)
			}
		})
	}
}

// When Run is to end, what was begun is acknowledged, and finished if that does not take too long.
func TestTheEndLetsHandlersFinish(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}), func(c *Config) { c.AckWithin = 50 * time.Millisecond })
	begun, hold := make(chan struct{}), make(chan struct{})
	stop := r.run(hand{typed: func(ctx context.Context, line bot.Typed) bot.Answer {
		close(begun)
		<-hold
		if ctx.Err() != nil {
			t.Error("the handler's ctx has ended")
		}
		return echo(ctx, line)
	}})
	turn, err := r.sim.Slash(soon(t), alice, channel, "/bmcmd", "last words")
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	done := make(chan error)
	go func() { done <- stop() }()
	if a := wait(t, turn, nil); a.Failed != "" {
		t.Errorf("ack: %s", a.Failed)
	}
	if r.s.Busy() != 1 {
		t.Errorf("%d are busy", r.s.Busy())
	}
	close(hold)
	r.whispered(alice, "Heard last words")
	if err := <-done; err != nil {
		t.Error(err)
	}
	if r.s.Busy() != 0 || r.s.Connected() != 0 {
		t.Errorf("%d busy, %d connected after the end", r.s.Busy(), r.s.Connected())
	}
}

func TestTheEndDoesNotWaitForEver(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}), func(c *Config) { c.AckWithin, c.DrainFor = 20*time.Millisecond, 50*time.Millisecond })
	begun := make(chan struct{})
	stop := r.run(hand{typed: func(ctx context.Context, _ bot.Typed) bot.Answer {
		close(begun)
		<-ctx.Done()
		return nil
	}})
	if _, err := r.sim.Slash(soon(t), alice, channel, "/bmcmd", "stuck"); err != nil {
		t.Fatal(err)
	}
	<-begun
	if err := stop(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(r.log.String(), "stopped before their end") {
		t.Errorf("the log: %s", r.log)
	}
}
