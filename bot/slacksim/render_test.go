package slacksim_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// What the demo prints is what these print, so they are compared letter by letter.
func TestRender(t *testing.T) {
	w := newWorld(t, slacksim.Config{})
	for _, c := range []struct{ why, block, want string }{
		{"a header", `{"type":"header","text":` + pt("Run a script?") + `}`, "Run a script?\n─────────────"},
		{"signs for bold, italic and links go", sectionOf("*Bold* and _it_ by <@" + alice + ">: <https://x.test|page> in <#" + general + ">"), "Bold and it by @alice: page (https://x.test) in #general"},
		{"snake_case and 2*3*4 are no markup", sectionOf("snake_case_name 2*3*4"), "snake_case_name 2*3*4"},
		{"groups and broadcasts by name", sectionOf("<!subteam^S0OPS> <!channel> <@U404>"), "@ops @channel @U404"},
		{"entities are characters", sectionOf("a &lt; b &amp;&amp; c"), "a < b && c"},
		{"an escaped mention stays what was typed", sectionOf("&lt;!channel&gt;"), "<!channel>"},
		{"a date, in UTC", sectionOf("<!date^1800000000^{date_num} {time}|later>"), "2027-01-15 08:00"},
		{"backticks keep their signs", sectionOf("run `*x* _y_` now"), "run `*x* _y_` now"},
		{"a code block", sectionOf("before ```a *b*\\nc``` after"), "before \n  │ a *b*\n  │ c\n after"},
		{"plain text keeps everything but known emoji", `{"type":"section","text":` + pt("*no* <@U0ALICE> :white_check_mark: :unheard_of:") + `}`, "*no* <@U0ALICE> ✅ :unheard_of:"},
		{
			"fields stand in columns", `{"type":"section","fields":[` + md(`*Script*\ncheck-disk`) + `,` + md(`*Hosts*\nins-1\nins-2`) + `]}`,
			"Script  check-disk\nHosts   ins-1\n        ins-2",
		},
		{"fields without labels", `{"type":"section","fields":[` + md("one") + `,` + md("two") + `]}`, "one\ntwo"},
		{"a section with a button beside it", `{"type":"section","text":` + pt("text") + `,"accessory":` + buttonOf("") + `}`, "text   [ ok ]"},
		{"small print", `{"type":"context","elements":[` + md("req `r-1`") + `,` + pt("9 min left") + `]}`, "· req `r-1` · 9 min left"},
		{"buttons", actionsOf(buttonOf("") + `,{"type":"button","text":` + pt("Deny") + `}`), "[ ok ]  [ Deny ]"},
		{"a menu", actionsOf(`{"type":"users_select","placeholder":` + pt("Who") + `}`), "[ Who ▾ ]"},
		{"preformatted text behind a bar", rich(`{"type":"rich_text_preformatted","elements":[{"type":"text","text":"#!/bin/sh\ndf -h\n"}]}`), "  │ #!/bin/sh\n  │ df -h"},
		{
			"rich text", rich(`{"type":"rich_text_section","elements":[{"type":"user","user_id":"U0BOB"},{"type":"text","text":" says "},{"type":"emoji","name":"x"}]},
			{"type":"rich_text_list","style":"ordered","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"a"}]},{"type":"rich_text_section","elements":[{"type":"link","url":"https://x.test","text":"b"}]}]},
			{"type":"rich_text_quote","elements":[{"type":"text","text":"q"}]}`),
			"@bob says ❌\n1. a\n2. b (https://x.test)\n> q",
		},
		{"a table", `{"type":"table","rows":[[{"type":"raw_text","text":"host"},{"type":"raw_text","text":"exit"}]]}`, "| host | exit |"},
		{"an image", `{"type":"image","image_url":"https://x.test","alt_text":"a graph"}`, "[image: a graph]"},
		{"a block without words of its own", `{"type":"video"}`, "[video]"},
	} {
		t.Run(c.why, func(t *testing.T) {
			_, ts, err := w.api.PostMessage(general, slack.MsgOptionBlocks(rawBlock(c.block)))
			if err != nil {
				t.Fatal(said(err))
			}
			m, _ := w.Message(general, ts)
			if diff := cmp.Diff(c.want, slacksim.Render(m)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A file is shown as a person sees it in a channel: its name, its size, how it begins.
func TestRenderFile(t *testing.T) {
	long := strings.Repeat("語", 101)
	for _, c := range []struct{ why, content, want string }{
		{"short", "a\nb\n", "[file: out.txt, 4 bytes]\n  │ a\n  │ b"},
		{"many lines", strings.Repeat("line\n", 12), "[file: out.txt, 60 bytes]" + strings.Repeat("\n  │ line", 5) + "\n  │ … 7 more lines"},
		{"a long line, cut by characters", long, "[file: out.txt, 303 bytes]\n  │ " + long[:300] + "…"},
		{"no text", "\x7fELF\xff", "[file: out.txt, 5 bytes]"},
		{"blank lines only", "\n\n", "[file: out.txt, 2 bytes]"},
	} {
		m := slacksim.Message{TS: "1.000000", Files: []slacksim.File{{Name: "out.txt", Size: len(c.content), Content: []byte(c.content)}}}
		if diff := cmp.Diff(c.want, slacksim.Render(m)); diff != "" {
			t.Errorf("%s: %s", c.why, diff)
		}
	}
}

// A reply can be shown in the channel as well; a message that is no reply cannot.
func TestABroadcastReplyIsSeenInTheChannel(t *testing.T) {
	w := newWorld(t, slacksim.Config{})
	_, ts, err := w.api.PostMessage(general, slack.MsgOptionText("the card", false), slack.MsgOptionBroadcast())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.api.PostMessage(general, slack.MsgOptionText("look here", false), slack.MsgOptionTS(ts), slack.MsgOptionBroadcast()); err != nil {
		t.Fatal(err)
	}
	want := "#general  bmcmd\n    the card\n#general  ↳ bmcmd (also in the channel)\n    look here\n"
	if diff := cmp.Diff(want, transcript(w)); diff != "" {
		t.Error(diff)
	}
}

func TestRenderView(t *testing.T) {
	s := newStage(t)
	id := s.open(t)
	s.submit(t, id, slack.NewErrorsViewSubmissionResponse(map[string]string{"why": "say more"}))
	want := "┌ Deny\nReason\n  [ " + strings.Repeat("_", 30) + " ]\n  ! say more\n[ Back ]  [ Deny ]"
	if diff := cmp.Diff(want, slacksim.RenderView(s.OpenViews(alice)[0])); diff != "" {
		t.Error(diff)
	}
}

func TestTranscriptReadsLikeAConversation(t *testing.T) {
	s := newStage(t)
	turn := slash(t, s.world)
	s.ack(s.next(), map[string]string{"text": "one moment"})
	outcome(t, s.world, turn)
	_, ts, err := s.api.PostMessage(general, cardOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	click, err := s.Click(s.ctx, bob, general, ts, "deny")
	if err != nil {
		t.Fatal(err)
	}
	s.ack(s.next(), nil)
	outcome(t, s.world, click)
	if _, _, _, err := s.api.UpdateMessage(general, ts, slack.MsgOptionText("denied by <@"+bob+">", false)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.api.UploadFile(slack.UploadFileParameters{Content: "x", FileSize: 1, Filename: "out.txt", Channel: general, ThreadTimestamp: ts}); err != nil {
		t.Fatal(err)
	}
	mention, err := s.Mention(s.ctx, alice, general, ts, "thanks, @bob & @ops: see example.com")
	if err != nil {
		t.Fatal(err)
	}
	s.ack(s.next(), nil)
	outcome(t, s.world, mention)
	if _, _, err := s.api.DeleteMessage(general, ts); err != nil {
		t.Fatal(err)
	}
	want := `#general  alice: /bmcmd help
#general  (only alice sees)
    one moment
#general  bmcmd
    Run a script
    ────────────
    asked by @alice
    [ Approve ]  [ Deny ]
#general  bob presses [ Deny ]
#general  bmcmd (changed)
    denied by @bob
#general  ↳ bmcmd
    [file: out.txt, 1 byte]
      │ x
#general  ↳ alice: @bmcmd thanks, @bob & @ops: see example.com
#general  bmcmd deleted a message
`
	if diff := cmp.Diff(want, transcript(s.world)); diff != "" {
		t.Error(diff)
	}
}

// People's words reach the bot as Slack writes them.
func TestTypedWords(t *testing.T) {
	s := newStage(t)
	for _, c := range []struct{ typed, want string }{
		{"run a && b > c", "run a &amp;&amp; b &gt; c"},
		{"see https://x.test/a?b=1&c=2 now", "see <https://x.test/a?b=1&amp;c=2> now"},
		{"ask me@x.test", "ask <mailto:me@x.test|me@x.test>"},
		{"host ins-1.example.com", "host <http://ins-1.example.com|ins-1.example.com>"},
		{"`ins-1.example.com <x>`", "`ins-1.example.com &lt;x&gt;`"},
		{"hi @alice and @ops in #general", "hi <@U0ALICE> and <!subteam^S0OPS|@ops> in <#C0GEN|general>"},
		{"@channel @nobody", "<!channel> @nobody"},
		{"<!channel>", "&lt;!channel&gt;"},
	} {
		turn, err := s.Mention(s.ctx, alice, general, "", c.typed)
		if err != nil {
			t.Fatal(err)
		}
		v := s.next()
		s.ack(v, nil)
		outcome(t, s.world, turn)
		p, _ := v["payload"].(map[string]any)
		e, _ := p["event"].(map[string]any)
		if got := strings.TrimPrefix(e["text"].(string), "<@U0BOT> "); got != c.want {
			t.Errorf("%q became %q, want %q", c.typed, got, c.want)
		}
	}
}

// Escaped words come out as they went in, whatever they are.
func FuzzRenderText(f *testing.F) {
	for _, s := range []string{"*a* _b_ `c` ```d``` <@U1|x> <!date^1^{date}|f> <a|b>", "```", "<!date^x", "<!date^9^{time}^http://x|>", "&lt;", "<|>"} {
		f.Add(s)
	}
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	markup := strings.NewReplacer("*", "", "_", "", "`", "", ":", "")
	f.Fuzz(func(t *testing.T, text string) {
		_ = slacksim.Render(slacksim.Message{TS: "1.000000", Text: text})
		words := markup.Replace(text)
		got := slacksim.Render(slacksim.Message{TS: "1.000000", Text: escape.Replace(words)})
		if want := strings.TrimRight(words, " \n"); got != want {
			t.Errorf("%q came out as %q", want, got)
		}
	})
}
