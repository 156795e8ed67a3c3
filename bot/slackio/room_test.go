package slackio

import (
	"context"
	"fmt"
	"testing"

	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// However many questions are under way, of whatever kind and by whomever, a press of Approve is
// handled, and nobody is told that it was not.
func TestDecisionsDoNotWaitForQuestions(t *testing.T) {
	const places = 32
	sim := simulate(t, slacksim.Config{})
	r := connectTo(t, sim, func(c *Config) { c.Connections, c.AtOnce = 1, places })
	hold := make(chan struct{})
	clicks := make(chan int, 99)
	decide := numbered(clicks)
	r.run(hand{
		typed: func(context.Context, bot.Typed) bot.Answer { <-hold; return nil },
		clicked: func(ctx context.Context, c bot.Click) bot.Answer {
			if c.Button == bot.Again {
				<-hold
				return nil
			}
			return decide.Clicked(ctx, c)
		},
	})
	defer close(hold)
	asks, approve := r.put("bmcmd:again", ""), r.put("bmcmd:approve", "")
	for n := range 5 * places {
		var err error
		switch who := []string{alice, bob}[n%2]; n % 3 {
		case 0:
			_, err = sim.Slash(soon(t), who, channel, "/bmcmd", "show x")
		case 1:
			_, err = sim.Mention(soon(t), who, channel, "", "show x")
		case 2:
			_, err = sim.Click(soon(t), who, channel, asks, "Press")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for n := 1; n <= 3; n++ {
		if a := r.press(approve); a.Failed != "" {
			t.Fatalf("click %d: %s", n, a.Failed)
		}
		handled(t, clicks, n)
		r.whispered(bob, fmt.Sprintf("Recorded, number %d.", n))
	}
}

// Nobody fills a room, and who has left it has room again.
func TestNobodyFillsARoom(t *testing.T) {
	r := newRoom(32)
	var leave []func()
	enter := func(user string, times int) (in int) {
		for range times {
			if l := r.enter(user); l != nil {
				leave = append(leave, l)
				in++
			}
		}
		return in
	}
	if n := enter("U1", 100); n != 4 {
		t.Errorf("one person has %d of 32 places", n)
	}
	if n := enter("U2", 1); n != 1 {
		t.Error("another has none")
	}
	for _, l := range leave {
		l()
	}
	if n := enter("U1", 100); n != 4 || len(r.of) != 1 || len(r.places) != 4 {
		t.Errorf("then %d places, with %d people and %d places remembered", n, len(r.of), len(r.places))
	}
}
