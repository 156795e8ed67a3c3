package slackio

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// numbered answers each click by its number, and tells of it in clicks.
func numbered(clicks chan int) hand {
	var mu sync.Mutex
	n := 0
	return hand{clicked: func(context.Context, bot.Click) bot.Answer {
		mu.Lock()
		defer mu.Unlock()
		n++
		clicks <- n
		return bot.Words{Text: fmt.Sprintf("Recorded, number %d.", n)}
	}}
}

// handled waits until click n was handled.
func handled(t *testing.T, clicks chan int, n int) {
	t.Helper()
	select {
	case got := <-clicks:
		if got != n {
			t.Errorf("click %d came as %d", n, got)
		}
	case <-soon(t).Done():
		t.Fatalf("click %d was not handled", n)
	}
}

// placeIsFree waits until another envelope could be taken on.
func (r *rig) placeIsFree() {
	r.t.Helper()
	for _, room := range []*room{r.s.decisions, r.s.questions} {
		select {
		case room.places <- struct{}{}:
			<-room.places
		case <-soon(r.t).Done():
			r.t.Fatal("it keeps its place")
		}
	}
}

// While Slack takes no messages, decisions are still received and recorded, and their answers come when
// it is back. They take no place from other envelopes.
func TestAnAnswerOutlastsASlackThatIsAway(t *testing.T) {
	for name, away := range map[string]func(*slacksim.Slack){
		"answers 503": func(s *slacksim.Slack) { s.Down(true) },
		"asks to wait": func(s *slacksim.Slack) {
			for _, m := range []string{"response_url", "chat.postEphemeral", "chat.postMessage"} {
				s.RateLimitNext(m, 1000, time.Second)
			}
		},
		"is in trouble": func(s *slacksim.Slack) {
			s.FailNext("response_url", slacksim.Fault{Drop: true}, 1000)
			for _, m := range []string{"chat.postEphemeral", "chat.postMessage"} {
				s.FailNext(m, slacksim.Fault{Error: "internal_error"}, 1000)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			sim := simulate(t, slacksim.Config{})
			r := connectTo(t, sim, func(c *Config) { c.AtOnce = 1 })
			clicks := make(chan int, 3)
			r.run(numbered(clicks))
			ts := r.put("bmcmd:approve", "")
			away(sim)
			for n := 1; n <= 3; n++ {
				if a := r.press(ts); a.Failed != "" {
					t.Fatalf("click %d: %s", n, a.Failed)
				}
				handled(t, clicks, n)
				r.placeIsFree() // although its answer waits
			}
			sim.ClearFaults()
			for n := 1; n <= 3; n++ {
				r.whispered(bob, fmt.Sprintf("Recorded, number %d.", n))
			}
		})
	}
}

// What will never be taken is not tried again, nor for ever, nor by more than there is room for; each time
// the log says so. None of them keeps the process from ending.
func TestAnAnswerIsGivenUp(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*rig)
		away slacksim.Fault
	}{
		"rejected for good": {func(*rig) {}, slacksim.Fault{Error: "invalid_blocks"}},
		"for too long":      {func(r *rig) { r.s.times.answer = 20 * time.Millisecond }, slacksim.Fault{Status: 503}},
		"without room":      {func(r *rig) { r.s.late = newRoom(0) }, slacksim.Fault{Status: 503}},
		"at the end":        {func(r *rig) { r.s.cfg.drainFor, r.s.times.backoff = 10*time.Millisecond, time.Hour }, slacksim.Fault{Status: 503}},
	} {
		t.Run(name, func(t *testing.T) {
			sim := simulate(t, slacksim.Config{})
			r := connectTo(t, sim)
			c.set(r)
			clicks := make(chan int, 1)
			stop := r.run(numbered(clicks))
			ts := r.put("bmcmd:approve", "")
			sim.FailNext("response_url", slacksim.Fault{Status: 503}, 1000)
			for _, m := range []string{"chat.postEphemeral", "chat.postMessage"} {
				sim.FailNext(m, c.away, 1000)
			}
			r.press(ts)
			handled(t, clicks, 1)
			if name == "at the end" {
				if err := stop(); err != nil {
					t.Fatal(err)
				}
			}
			r.log.wait(t, "an answer could not be delivered")
		})
	}
}

// mentions has somebody mention the bot n times, and waits until each mention is handled.
func (r *rig) mentions(user string, n int) {
	r.t.Helper()
	for range n {
		turn, err := r.sim.Mention(soon(r.t), user, channel, "", "help")
		if a := wait(r.t, turn, err); a.Failed != "" {
			r.t.Fatal(a.Failed)
		}
	}
}

// However often somebody mentions the bot, they are answered by few calls in a minute: the others wait
// for the next, and nobody else's answer waits with them.
func TestAnswersOfOnePersonInAMinute(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	r.s.cfg.drainFor = 10 * time.Millisecond // two thirds still wait at the end
	r.run(hand{typed: echo})
	r.mentions(bob, 3*answersAMinute)
	r.mentions(alice, 1)
	r.whispered(alice, "Heard help")
	if n := r.sim.CallCount("chat.postEphemeral"); n > answersAMinute+1 {
		t.Errorf("%d calls", n)
	}

	r = connectTo(t, simulate(t, slacksim.Config{}))
	r.s.answers = bot.NewPace(2, 50*time.Millisecond)
	r.run(hand{typed: echo})
	r.mentions(bob, 6)
	if _, err := r.sim.WaitCalls(soon(t), "chat.postEphemeral", 6); err != nil {
		t.Errorf("an answer is lost: %v", err)
	}
}

// That somebody sends too much is said to them once a minute where it costs a call, always where it
// costs none, and never again.
func TestTooMuchIsSaidOnce(t *testing.T) {
	sim := simulate(t, slacksim.Config{})
	r := connectTo(t, sim)
	brief := bot.Words{Text: "You have sent too many.", Brief: true}
	r.run(hand{
		typed:   func(context.Context, bot.Typed) bot.Answer { return brief },
		clicked: func(context.Context, bot.Click) bot.Answer { return brief },
	})
	r.mentions(bob, 20)
	r.whispered(bob, brief.Text)
	sim.RateLimitNext("chat.postEphemeral", 100, time.Millisecond)
	r.mentions(alice, 20)
	r.log.wait(t, "would be of no use later")
	if n := sim.CallCount("chat.postEphemeral"); n != 2 {
		t.Errorf("%d calls, want one to each", n)
	}
	for ts := r.put("bmcmd:approve", ""); sim.CallCount("response_url") < 3; {
		r.press(ts)
	}
}

// spoilt is what comes of a call that meets a fault. One that hangs is given up soon, but not before it has
// reached Slack: it could meet a later one's fault.
func (r *rig) spoilt(method string, f slacksim.Fault, call func() error) (err error) {
	limit, n := patience, 1
	if f.Hang {
		limit, n = 100*time.Millisecond, 10
	}
	r.sim.FailNext(method, f, n)
	for before := r.sim.CallCount(method); r.sim.CallCount(method) == before && limit <= patience; limit *= 2 {
		r.s.http.Timeout = limit
		err = call()
	}
	r.s.http.Timeout = patience
	r.sim.ClearFaults()
	return err
}

// A call that Slack does not answer, or answers with trouble of its own, leaves nothing undone for good: its
// error says that it may be repeated, and then it works.
func TestACallMayBeRepeatedWhenSlackIsBack(t *testing.T) {
	final := []error{bot.ErrNotInChannel, bot.ErrCardGone, approvals.ErrTooLong, approvals.ErrNotText, bot.ErrRejected, ErrSetup}
	for why, fault := range map[string]slacksim.Fault{
		"503": {Status: 503}, "cut off": {Drop: true}, "never answered": {Hang: true}, "limited": {Status: 429, RetryAfter: time.Second},
		"in trouble": {Error: "internal_error"}, "done, but not said": {LoseReply: true},
	} {
		t.Run(why, func(t *testing.T) {
			sim := simulate(t, slacksim.Config{})
			r := connectTo(t, sim)
			r.s.posts = nil // one after the other, at once
			q := r.carded(request(over(0)))
			for name, call := range map[string]struct {
				method string
				do     func() error
			}{
				"post":   {"chat.postMessage", func() error { _, _, err := r.s.Post(soon(t), q); return err }},
				"redraw": {"chat.update", func() error { return r.s.Redraw(soon(t), q) }},
				"notify": {"chat.postMessage", func() error {
					return r.notify(q, approvals.Notice{N: 1, Kind: approvals.NoticeEnded})
				}},
				"report": {"chat.postMessage", func() error { return r.report(q, short) }},
			} {
				err := r.spoilt(call.method, fault, call.do)
				if err == nil {
					t.Fatalf("%s: no error", name)
				}
				for _, is := range final {
					if errors.Is(err, is) {
						t.Errorf("%s: %v is taken for final", name, err)
					}
				}
				if err := call.do(); err != nil {
					t.Errorf("%s, once more: %v", name, err)
				}
			}
		})
	}
}

// Messages that hang hold up no decision: it is acknowledged and handed on while they do.
func TestADecisionWaitsForNoMessage(t *testing.T) {
	sim := simulate(t, slacksim.Config{})
	r := connectTo(t, sim, func(c *Config) { c.CallFor = 2 * patience }) // no message ends before the click is given up
	clicks := make(chan int, 1)
	r.run(numbered(clicks))
	q := r.carded(request())
	ts := r.put("bmcmd:approve", "")
	const many = 64
	sim.FailNext("chat.update", slacksim.Fault{Hang: true}, many)
	ctx, stop := context.WithCancel(context.Background())
	var drawing sync.WaitGroup
	for range many {
		drawing.Go(func() { _ = r.s.Redraw(ctx, q) })
	}
	if _, err := sim.WaitCalls(soon(t), "chat.update", many); err != nil {
		t.Fatal(err)
	}
	if a := r.press(ts); a.Failed != "" {
		t.Error(a.Failed)
	}
	handled(t, clicks, 1)
	r.whispered(bob, "Recorded, number 1.")
	stop()
	drawing.Wait()
}
