package slacksim_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

func TestPings(t *testing.T) {
	for _, c := range []struct{ why, text, block, want string }{
		{"a mention in the text", "<@U1> and <!channel>", "", "!channel U1"},
		{"escaped, it is only words", "&lt;!channel&gt; &lt;@U1&gt;", "", ""},
		{"in mrkdwn", "", sectionOf("<!here> <!subteam^S1|@ops>"), "!here S1"},
		{"in plain text it is only words", "", `{"type":"section","text":` + pt("<!channel> <@U1>") + `}`, ""},
		{"in rich text, as an element", "", rich(`{"type":"rich_text_section","elements":[{"type":"broadcast","range":"everyone"},{"type":"user","user_id":"U1"},{"type":"usergroup","usergroup_id":"S1"}]}`), "!everyone S1 U1"},
		{"in rich text, as words", "", rich(`{"type":"rich_text_preformatted","elements":[{"type":"text","text":"<!channel>"}]}`), ""},
		{"a link or a date calls nobody", "<https://x.test|@channel> <!date^1^{date}|x>", "", ""},
	} {
		m := slacksim.Message{TS: "1.000000", Text: c.text}
		if c.block != "" {
			m.Blocks = json.RawMessage("[" + c.block + "]")
		}
		if got := strings.Join(m.Pings(), " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.why, got, c.want)
		}
	}
}

// On Enterprise Grid, and for someone of another team, the payloads say so.
func TestPayloadsNameTeamAndEnterprise(t *testing.T) {
	w := newWorld(t, slacksim.Config{Team: slacksim.Team{ID: "T0A", EnterpriseID: "E0X"}})
	w.SetPerson(slacksim.Person{ID: bob, Name: "bob", TeamID: "T0B"})
	ts, err := w.say("x")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := w.api.UpdateMessage(general, ts, cardOptions()...); err != nil {
		t.Fatal(err)
	}
	got := make(chan any, 2)
	w.connect(t, 1, func(c *socketmode.Client, e socketmode.Event) { _ = c.Ack(*e.Request); got <- e.Data })
	outcome(t, w, slash(t, w))
	if c := (<-got).(slack.SlashCommand); c.EnterpriseID != "E0X" || c.TeamID != "T0A" || c.IsEnterpriseInstall {
		t.Errorf("%+v", c)
	}
	press(t, w, bob, ts, "Approve")
	c := (<-got).(slack.InteractionCallback)
	if c.Enterprise.ID != "E0X" || c.Team.ID != "T0A" || c.User.TeamID != "T0B" || c.APIAppID != "A0SIM" {
		t.Errorf("%+v, %+v, %+v", c.Enterprise, c.Team, c.User)
	}
	a := c.ActionCallback.BlockActions[0]
	if a.ActionID != "approve" || a.BlockID != "decide" || a.Value != "req-1" || c.Container.MessageTs != ts || c.Container.ChannelID != general {
		t.Errorf("%+v, %+v", a, c.Container)
	}
	if c.MessageTs != "" || c.Message.Timestamp != ts || c.ResponseURL == "" || c.TriggerID == "" {
		t.Errorf("block_actions has no message_ts of its own: %q, %q", c.MessageTs, c.Message.Timestamp)
	}
}
