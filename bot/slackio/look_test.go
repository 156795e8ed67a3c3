package slackio

import (
	"slices"
	"testing"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// A channel is looked up as far as the scopes go, and one that is not there is told from
// one that could not be asked for.
func TestChannelLookUp(t *testing.T) {
	all := slices.Concat(slacksim.DefaultScopes(), []string{"channels:read", "groups:read"})
	without := []string{"commands", "chat:write", "users:read"}
	for _, c := range []struct {
		why     string
		scopes  []string
		id      string
		want    Channel
		unknown bool
	}{
		{"the bot is in it", all, "C0IN", Channel{Told: true, Member: true}, false},
		{"the bot is not in it", all, "C0OUT", Channel{Told: true}, false},
		{"it is archived", all, "C0OLD", Channel{Told: true, Member: true, Archived: true}, false},
		{"others see it", all, "C0SHARED", Channel{Told: true, Member: true, Outside: true}, false},
		{"others are meant to see it", all, "C0MEANT", Channel{Told: true, Member: true}, false},
		{"it is private", all, "G0PRIVATE", Channel{}, true},
		{"there is none", all, "C0NOSUCH", Channel{}, true},
		{"there is one, and no more is told", without, "C0OUT", Channel{}, false},
		{"there is none, also without the scope", without, "C0NOSUCH", Channel{}, true},
	} {
		sim := simulate(t, slacksim.Config{Scopes: c.scopes})
		for _, ch := range []slacksim.Channel{
			{ID: "C0IN", Members: []string{"U0BOT"}},
			{ID: "C0OUT"},
			{ID: "C0OLD", Members: []string{"U0BOT"}, Archived: true},
			{ID: "C0SHARED", Members: []string{"U0BOT"}, ExtShared: true},
			{ID: "C0MEANT", Members: []string{"U0BOT"}, ExtShared: true},
			{ID: "G0PRIVATE", Private: true},
		} {
			sim.AddChannel(ch)
		}
		got, err := connectTo(t, sim, func(cfg *Config) { cfg.Shared = []string{"C0MEANT"} }).s.Channel(soon(t), c.id)
		if got != c.want || (err != nil) != c.unknown || Unknown(err) != c.unknown {
			t.Errorf("%s: %+v, %v", c.why, got, err)
		}
	}
	sim := simulate(t, slacksim.Config{})
	sim.Down(true)
	if _, err := connectTo(t, sim).s.Channel(soon(t), "C0IN"); err == nil || Unknown(err) {
		t.Errorf("Slack is away: %v", err)
	}
}
