package slackio

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestUnmark(t *testing.T) {
	for _, c := range []struct{ why, in, want string }{
		{"nothing to do", "run cmd-1 ins-1", "run cmd-1 ins-1"},
		{"the three entities", "a &amp;&amp; b &lt;c&gt;", "a && b <c>"},
		{"once only", "&amp;lt; &amp;amp;", "&lt; &amp;"},
		{"other entities are not Slack's", "&quot;&#39;&nbsp;", "&quot;&#39;&nbsp;"},
		{"a bare address", "<https://x.example/?a=1&amp;b=2>", "https://x.example/?a=1&b=2"},
		{"an address that Slack completed", "<http://x.example|x.example>", "x.example"},
		{"what people saw counts", "<http://x.example|y.example>", "y.example"},
		{"an empty label", "<http://x.example|>", "http://x.example"},
		{"a mail address", "<mailto:a@b.example|a@b.example>", "a@b.example"},
		{"a bare mail address", "<mailto:a@b.example>", "a@b.example"},
		{"a person stays", "to <@U123>", "to <@U123>"},
		{"a channel stays", "to <#C123|ops>", "to <#C123|ops>"},
		{"a group stays", "to <!subteam^S1|@sre>", "to <!subteam^S1|@sre>"},
		{"open to the end", "a &lt;b <c", "a <b <c"},
		{"a lone >", "a > b", "a > b"},
		{"white space stays", "run  a --  b \t c ", "run  a --  b \t c "},
		{"empty", "<>", "<>"},
	} {
		if got := unmark(c.in); got != c.want {
			t.Errorf("%s: %q became %q, want %q", c.why, c.in, got, c.want)
		}
	}
}

func TestAroundMention(t *testing.T) {
	for _, c := range []struct{ why, in, before, want string }{
		{"in front", "<@U0BOT> run cmd-1 ins-1 -- a  b ", "", "run cmd-1 ins-1 -- a  b "},
		{"with a name", "<@U0BOT|bmcmd> help", "", "help"},
		{"glued", "<@U0BOT>help", "", "help"},
		{"a non-breaking space", "<@U0BOT>\u00a0help", "", "help"},
		{"behind", "help <@U0BOT>", "", "help"},
		{"in the middle", "hey <@U0BOT> show cmd-1", "hey", "show cmd-1"},
		{"in the middle of a command's prose", "<@U0ANNA> may, so <@U0BOT> run cmd-1 -- a  b ", "<@U0ANNA> may, so", "run cmd-1 -- a  b "},
		{"a wide blank", "<@U0BOT>\u3000help", "", "help"},
		{"a code block behind it", "<@U0BOT>\n```\nrun cmd-1\n```", "", "```\nrun cmd-1\n```"},
		{"only the first", "<@U0BOT> run -- <@U0BOT>", "", "run -- <@U0BOT>"},
		{"somebody with a longer id", "<@U0BOTHER> and <@U0BOT> help", "<@U0BOTHER> and", "help"},
		{"alone", "<@U0BOT>", "", ""},
		{"nobody", "help", "", "help"},
		{"cut off", "<@U0BOT", "", "<@U0BOT"},
	} {
		if before, got := aroundMention(c.in, "U0BOT"); got != c.want || before != c.before {
			t.Errorf("%s: %q became %q behind %q, want %q behind %q", c.why, c.in, got, before, c.want, c.before)
		}
	}
}

// What somebody typed comes back whole, however Slack had to write it.
func FuzzUnmarkUndoesSlacksEscaping(f *testing.F) {
	for _, s := range []string{"a && b", "<c>", "&lt;", "&amp;amp;", "x > y < z", "", "\x00", "–-"} {
		f.Add(s)
	}
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	f.Fuzz(func(t *testing.T, typed string) {
		if got := unmark(escape.Replace(typed)); got != typed {
			t.Errorf("%q came back as %q", typed, got)
		}
		if utf8.ValidString(typed) && !utf8.ValidString(unmark(typed)) {
			t.Errorf("%q was cut inside a character", typed)
		}
	})
}
