package slacksim_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

const (
	private = "C0PRIV" // a private channel without the bot
	public  = "C0PUB"  // a public channel without the bot
	old     = "C0OLD"  // an archived one
)

func refusing(t *testing.T) *world {
	w := newWorld(t, slacksim.Config{})
	w.AddChannel(slacksim.Channel{ID: private, Name: "secret", Members: []string{alice}, Private: true})
	w.AddChannel(slacksim.Channel{ID: public, Name: "other", Members: []string{alice}})
	w.AddChannel(slacksim.Channel{ID: old, Name: "old", Members: []string{alice, w.BotUserID()}, Archived: true})
	w.AddPerson(slacksim.Person{ID: "U0GONE", Name: "gone", Deleted: true})
	w.Invite(general, "U0GONE")
	return w
}

// Every refusal that the client can meet, each with the reason for it.
func TestRefusals(t *testing.T) {
	w := refusing(t)
	mine, err := w.say("parent")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := w.Say(w.ctx, alice, general, "", "hello")
	if err != nil {
		t.Fatal(err)
	}
	_, reply, err := w.api.PostMessage(general, slack.MsgOptionText("reply", false), slack.MsgOptionTS(mine))
	if err != nil {
		t.Fatal(err)
	}
	whisper, err := w.api.PostEphemeral(general, alice, slack.MsgOptionText("psst", false))
	if err != nil {
		t.Fatal(err)
	}
	posting := func(ch string, o ...slack.MsgOption) func() error {
		return func() error { _, _, err := w.api.PostMessage(ch, o...); return err }
	}
	updating := func(ch, ts string, o ...slack.MsgOption) func() error {
		return func() error { _, _, _, err := w.api.UpdateMessage(ch, ts, o...); return err }
	}
	hushing := func(ch, user string) func() error {
		return func() error { _, err := w.api.PostEphemeral(ch, user, slack.MsgOptionText("x", false)); return err }
	}
	deleting := func(ch, ts string) func() error {
		return func() error { _, _, err := w.api.DeleteMessage(ch, ts); return err }
	}
	uploading := func(ch, thread string) func() error {
		return func() error {
			_, err := w.api.UploadFile(slack.UploadFileParameters{Content: "x", FileSize: 1, Filename: "f", Channel: ch, ThreadTimestamp: thread})
			return err
		}
	}
	x := slack.MsgOptionText("x", false)
	long := slack.MsgOptionText(strings.Repeat("é", 4001), false)
	for _, c := range []struct {
		why  string
		do   func() error
		want string
	}{
		{"the channel does not exist", posting("C404", x), "channel_not_found"},
		{"a private channel without the bot looks as if it did not exist", posting(private, x), "channel_not_found"},
		{"the bot is no member", posting(public, x), "not_in_channel"},
		{"the channel is archived", posting(old, x), "is_archived"},
		{"a message needs words", posting(general), "no_text"},
		{"an empty list of blocks is no words", posting(general, slack.MsgOptionBlocks()), "no_text"},
		{"a thread hangs under a message that exists", posting(general, x, slack.MsgOptionTS("1.000000")), "thread_not_found"},
		{"a thread hangs under its parent, not under a reply", posting(general, x, slack.MsgOptionTS(reply)), "cannot_reply_to_message"},
		{"nobody has that user id", posting("U404", x), "channel_not_found"},
		{"others' messages are not the bot's to change", updating(general, theirs, x), "cant_update_message"},
		{"an ephemeral's ts is of no use", updating(general, whisper, x), "message_not_found"},
		{"no such message", updating(general, "1.000000", x), "message_not_found"},
		{"4,001 characters are too many for an update", updating(general, mine, long), "msg_too_long"},
		{"an update needs words", updating(general, mine), "no_text"},
		{"the bot was not in this channel", updating(public, mine, x), "not_in_channel"},
		{"others' messages are not the bot's to delete", deleting(general, theirs), "cant_delete_message"},
		{"no such message", deleting(general, "1.000000"), "message_not_found"},
		{"the person is not in the channel", hushing(general, "U404"), "user_not_in_channel"},
		{"the person has left the company", hushing(general, "U0GONE"), "user_not_in_channel"},
		{"the bot is not in the channel", hushing(public, alice), "not_in_channel"},
		{"no such person", func() error { _, err := w.api.GetUserInfo("U404"); return err }, "user_not_found"},
		{"no such group", func() error { _, err := w.api.GetUserGroupMembers("S404"); return err }, "no_such_subteam"},
		{"no such channel", func() error {
			_, err := w.api.GetConversationInfo(&slack.GetConversationInfoInput{ChannelID: "C404"})
			return err
		}, "channel_not_found"},
		{"someone who left cannot be written to", func() error {
			_, _, _, err := w.api.OpenConversation(&slack.OpenConversationParameters{Users: []string{"U0GONE"}})
			return err
		}, "user_disabled"},
		{"no such message to link to", func() error {
			_, err := w.api.GetPermalink(&slack.PermalinkParameters{Channel: general, Ts: "1.000000"})
			return err
		}, "message_not_found"},
		{"a file goes where the bot is", uploading(public, ""), "not_in_channel"},
		{"a file's thread exists", uploading(general, "1.000000"), "thread_not_found"},
		{"a file that was not announced", func() error {
			_, err := w.api.CompleteUploadExternalContext(w.ctx, slack.CompleteUploadExternalParameters{Files: []slack.FileSummary{{ID: "F404"}}})
			return err
		}, "file_not_found"},
		{"a trigger_id that Slack never gave", func() error { _, err := w.api.OpenView("1.2.3", reasonModal("")); return err }, "invalid_trigger_id"},
		{"a view that is not open", func() error { _, err := w.api.UpdateView(reasonModal(""), "", "", "V404"); return err }, "not_found"},
		{"a method that the simulator does not have", func() error { _, err := w.api.GetEmoji(); return err }, "unknown_method"},
	} {
		t.Run(c.want+"/"+c.why, func(t *testing.T) {
			if err := c.do(); err == nil || !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func (w *world) say(text string) (string, error) {
	_, ts, err := w.api.PostMessage(general, slack.MsgOptionText(text, false))
	return ts, err
}

func TestTokens(t *testing.T) {
	w := newWorld(t, slacksim.Config{})
	bot, app := slacksim.DefaultBotToken, slacksim.DefaultAppToken
	for _, c := range []struct {
		why, method, header string
		form                url.Values
		want                string
	}{
		{"no token at all", "auth.test", "", nil, "not_authed"},
		{"a bot token in the header", "auth.test", bot, nil, `"ok":true`},
		{"a bot token in the form", "auth.test", "", url.Values{"token": {bot}}, `"ok":true`},
		{"a token that looks real", "auth.test", "xoxb-1-2-abc", nil, "invalid_auth"},
		{"another simulator's token", "auth.test", "xoxb-sim-other", nil, "invalid_auth"},
		{"the app token for the Web API", "auth.test", app, nil, "not_allowed_token_type"},
		{"the bot token for a socket", "apps.connections.open", bot, nil, "not_allowed_token_type"},
		{"the app token is taken from the header only", "apps.connections.open", "", url.Values{"token": {app}}, "not_authed"},
		{"the app token in the header", "apps.connections.open", app, nil, "ws://127.0.0.1:"},
		{"no token is taken from the address", "auth.test?token=" + bot, "", nil, "not_authed"},
	} {
		t.Run(c.why, func(t *testing.T) {
			if got := w.post(t, c.method, c.header, c.form); !strings.Contains(got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	for _, code := range []string{"account_inactive", "token_revoked", "token_expired"} {
		w.RefuseToken(bot, code)
		if _, err := w.api.AuthTest(); err == nil || err.Error() != code {
			t.Errorf("got %v, want %s", err, code)
		}
	}
	w.RefuseToken(bot, "")
	if _, err := w.api.AuthTest(); err != nil {
		t.Errorf("the token is good again: %v", err)
	}
}

func TestMissingScopes(t *testing.T) {
	w := newWorld(t, slacksim.Config{Scopes: []string{"commands"}, AppScopes: []string{"none:at_all"}})
	for scope, do := range map[string]func() error{
		"chat:write":      func() error { _, err := w.say("x"); return err },
		"users:read":      func() error { _, err := w.api.GetUserInfo(alice); return err },
		"usergroups:read": func() error { _, err := w.api.GetUserGroups(); return err },
		"files:write": func() error {
			_, err := w.api.UploadFile(slack.UploadFileParameters{Content: "x", FileSize: 1, Filename: "f"})
			return err
		},
		"connections:write": func() error { _, _, err := w.api.StartSocketModeContext(w.ctx); return err },
		"channels:read": func() error {
			_, err := w.api.GetConversationInfo(&slack.GetConversationInfoInput{ChannelID: general})
			return err
		},
	} {
		var said slack.SlackErrorResponse
		if err := do(); !errors.As(err, &said) || said.Err != "missing_scope" || said.Needed != scope || said.Provided == "" {
			t.Errorf("%s: %v, needed %q, provided %q", scope, err, said.Needed, said.Provided)
		}
	}
	mention, err := w.Mention(w.ctx, alice, general, "", "hi")
	if err != nil {
		t.Fatal(err)
	}
	if ack, _ := mention.Wait(w.ctx); ack.Failed != slacksim.FailedSilent {
		t.Errorf("without app_mentions:read the bot hears nothing: %+v", ack)
	}
}

func TestStartRefuses(t *testing.T) {
	for _, c := range []struct {
		why  string
		cfg  slacksim.Config
		want error
	}{
		{"every address of the machine", slacksim.Config{Listen: "0.0.0.0:0"}, slacksim.ErrNotLoopback},
		{"every address, left out", slacksim.Config{Listen: ":0"}, slacksim.ErrNotLoopback},
		{"a private network", slacksim.Config{Listen: "10.0.0.1:0"}, slacksim.ErrNotLoopback},
		{"a name that may be anywhere", slacksim.Config{Listen: "example.com:0"}, slacksim.ErrNotLoopback},
		{"a bot token that looks real", slacksim.Config{BotToken: "xoxb-12-34-abc"}, slacksim.ErrRealToken},
		{"an app token that looks real", slacksim.Config{AppToken: "xapp-1-A1-2-abc"}, slacksim.ErrRealToken},
		{"a user token", slacksim.Config{BotToken: "xoxp-sim-1"}, slacksim.ErrRealToken},
	} {
		s, err := slacksim.Start(c.cfg)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.why, err, c.want)
		}
		if s != nil {
			_ = s.Close()
		}
		if err != nil && (strings.Contains(err.Error(), "xoxb-12") || strings.Contains(err.Error(), "xapp-1-")) {
			t.Errorf("%s: the token is in the error", c.why)
		}
	}
}

func TestGroupsAndPlan(t *testing.T) {
	w := newWorld(t, slacksim.Config{})
	if got, err := w.api.GetUserGroupMembers("S0OPS"); err != nil || len(got) != 2 {
		t.Errorf("members: %v, %v", got, err)
	}
	if got, err := w.api.GetUserGroups(slack.GetUserGroupsOptionIncludeUsers(true)); err != nil || len(got) != 1 || got[0].Handle != "ops" || len(got[0].Users) != 2 {
		t.Errorf("groups: %+v, %v", got, err)
	}
	w.SetGroup(slacksim.Group{ID: "S0OPS", Handle: "ops", Members: []string{alice}, Disabled: true})
	if _, err := w.api.GetUserGroupMembers("S0OPS"); err == nil || err.Error() != "no_such_subteam" {
		t.Errorf("a disabled group is left out: %v", err)
	}
	if got, err := w.api.GetUserGroupMembers("S0OPS", slack.GetUserGroupMembersOptionIncludeDisabled(true)); err != nil || len(got) != 1 {
		t.Errorf("unless asked for: %v, %v", got, err)
	}
	w.SetFreePlan(true)
	if _, err := w.api.GetUserGroupMembers("S0OPS"); err == nil || err.Error() != "plan_upgrade_required" {
		t.Errorf("groups are for paying workspaces: %v", err)
	}
}

func TestPeople(t *testing.T) {
	w := newWorld(t, slacksim.Config{Team: slacksim.Team{ID: "T0A", EnterpriseID: "E0X"}})
	for _, c := range []struct {
		why  string
		p    slacksim.Person
		want func(*slack.User) bool
	}{
		{"a guest", slacksim.Person{Restricted: true}, func(u *slack.User) bool { return u.IsRestricted && !u.IsUltraRestricted }},
		{"a guest of one channel is a guest, too", slacksim.Person{UltraRestricted: true}, func(u *slack.User) bool { return u.IsRestricted && u.IsUltraRestricted }},
		{"someone who left", slacksim.Person{Deleted: true}, func(u *slack.User) bool { return u.Deleted }},
		{"a bot", slacksim.Person{Bot: true}, func(u *slack.User) bool { return u.IsBot }},
		{"a stranger", slacksim.Person{Stranger: true, TeamID: "T0B"}, func(u *slack.User) bool { return u.IsStranger && u.TeamID == "T0B" }},
		{"one human with two ids", slacksim.Person{EnterpriseUserID: "W0X"}, func(u *slack.User) bool {
			return u.Enterprise.ID == "W0X" && u.Enterprise.EnterpriseID == "E0X"
		}},
	} {
		c.p.ID, c.p.Name = "U0X", "x"
		w.SetPerson(c.p)
		if u, err := w.api.GetUserInfo("U0X"); err != nil || !c.want(u) {
			t.Errorf("%s: %+v, %v", c.why, u, err)
		}
	}
	if a, err := w.api.AuthTest(); err != nil || a.EnterpriseID != "E0X" || a.UserID != w.BotUserID() || a.TeamID != "T0A" {
		t.Errorf("auth.test: %+v, %v", a, err)
	}
}
