package approvals

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestIDs(t *testing.T) {
	const script, host = "it begins with cmd-, and has small letters, digits and - only", "it has small letters, digits and - only, and neither begins nor ends with -"
	for _, c := range []struct {
		form     IDForm
		id, says string // says: empty is good
		why      string
	}{
		{HostID, "ins-db1", "", "a virtual machine"},
		{HostID, "cpm-an5a9wv4", "", "Bare Metal"},
		{HostID, "lhins-1", "", "a small server"},
		{HostID, "rins-1", "", "a hosted one"},
		{HostID, "sdfrfss", "", "the API's own example has no prefix"},
		{HostID, "ins--1", "", "two hyphens are two"},
		{HostID, "cmd", "", "not yet the id of a script"},
		{HostID, "cmdx-1", "", "nor this"},
		{HostID, strings.Repeat("a", 64), "", "as long as may be"},
		{HostID, "ins-DB1", host + "; did you mean ins-db1?", "it would fall out of the rule for ins-db*"},
		{HostID, "ＩＮＳ－ｄｂ１", "did you mean ins-db1?", "wide forms of a Chinese keyboard"},
		{HostID, "ins\u2011db1", "did you mean ins-db1?", "a hyphen that does not break"},
		{HostID, "ins–db1", "did you mean ins-db1?", "a dash"},
		{HostID, "ins−db1", "did you mean ins-db1?", "a minus"},
		{HostID, "ins_db1", "did you mean ins-db1?", "an underscore"},
		{HostID, "ins-\u200bdb1", "did you mean ins-db1?", "a blank without width"},
		{HostID, "ins\u00addb1", "did you mean ins-db1?", "a hyphen that shows only at the end of a line"},
		{HostID, "ins-\u00addb1", "did you mean ins-db1?", "one behind a hyphen is none"},
		{HostID, "“ins-db1”", "did you mean ins-db1?", "quotes"},
		{HostID, "ins-db1 ", "did you mean ins-db1?", "a blank behind it"},
		{HostID, "ins-db1\n", host, "a line end; $ of a regular expression would pass it"},
		{HostID, "ins-dbİ", host, "a capital whose small letter is two"},
		{HostID, "ins-dbK", "did you mean ins-dbk?", "the sign for kelvin is a k"},
		{HostID, "ins-dь1", host, "a Cyrillic letter"},
		{HostID, "ins.db1", host, "a dot"},
		{HostID, "ins-db1\x00", host, "NUL"},
		{HostID, "ins-\xff", host, "no text"},
		{HostID, "", host, "nothing"},
		{HostID, "-ins", host, "an option"},
		{HostID, "ins-db-", host, "a name that goes on"},
		{HostID, "cmd-nozcbhuw", host, "a script"},
		{HostID, strings.Repeat("a", 65), "…\" is not the id of a host", "too long"},
		{ScriptID, "cmd-nozcbhuw", "", "the API's own example"},
		{ScriptID, "cmd-a-b", "", "hyphens inside"},
		{ScriptID, "cmd-", script, "only the beginning"},
		{ScriptID, "cmd", script, "less than that"},
		{ScriptID, "CMD-Nozcbhuw", script + "; did you mean cmd-nozcbhuw?", "capitals"},
		{ScriptID, "restart-web", script, "an alias"},
		{ChannelID, "C0INCIDENT", "", "a channel"},
		{ChannelID, "c0incident", "the id of a channel", "small letters: Slack has none in ids"},
		{ChannelID, "S0ONCALL", "the id of a channel", "a group"},
	} {
		err := c.form.Check(c.id)
		if c.says == "" && err != nil || c.says != "" && (!errors.Is(err, ErrNotID) || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%q, %s: got %v, want %q", c.id, c.why, err, c.says)
		}
		if err != nil && !utf8.ValidString(err.Error()) {
			t.Errorf("%q: the error is not text", c.id)
		}
	}
}

// What is offered is an id, and means the same as what was typed: nobody is sent to
// another host.
func TestNearestIsAnID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOfN(rapid.RuneFrom([]rune("insdbINSDB-_‑–１Ａ１ \u200bé.;")), 0, 12, -1).Draw(t, "typed")
		if near := HostID.Nearest(s); near != "" && (HostID.Check(near) != nil || near == s) {
			t.Fatalf("%q was offered for %q", near, s)
		}
	})
}

func TestLikeScript(t *testing.T) {
	for word, want := range map[string]bool{
		"cmd-x": true, "CMD-x": true, "cmd‑x": true, "ｃmd-x": true, "cmd_x": true, "cmd": false, "restart": false, "cmdx-1": false, "": false,
	} {
		if LikeScript(word) != want {
			t.Errorf("%q: want %v", word, want)
		}
	}
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		form          IDForm
		pattern, says string // says: empty is good
		why           string
	}{
		{HostID, "*", "", "all"},
		{HostID, "ins-db-*", "", "a beginning"},
		{HostID, "*-db-*", "", "a middle"},
		{HostID, "ins-db-1", "", "one"},
		{HostID, "ins-?[0-9]", "", "one character of several"},
		{HostID, "cpm-[^a]*", "", "any but one"},
		{HostID, "[ic]*", "", "a class first"},
		{HostID, "cmd*", "", "it may go on as a host's id"},
		{HostID, "???-*", "", "three of any"},
		{HostID, `ins\-1`, "", "a character that needs no \\"},
		{ScriptID, "cmd-*", "", "all scripts"},
		{ScriptID, "*", "", "all scripts, too"},
		{ScriptID, "[a-d]md-x", "", "one of them is a script's"},
		{ChannelID, "C0*", "", "channels"},

		{HostID, "ins\u2011db\u2011*", "‑ (U+2011) at character 4 stands in no id; write a plain -", "hyphens of a word processor"},
		{HostID, "“ins-db-*”", "“ (U+201C) at character 1 stands in no id; remove the quotes inside the quotes", "curly quotes"},
		{HostID, `"ins-db-*"`, "remove the quotes inside the quotes", "quotes in quotes"},
		{HostID, "^ins-db-", "^ at character 1 stands in no id; this is not a regular expression", "a regular expression"},
		{HostID, "ins-db-.*", ". at character 8 stands in no id; this is not a regular expression", "the same"},
		{HostID, "ins.*", "this is not a regular expression", "the same"},
		{HostID, ".*", "this is not a regular expression", "the same, for all"},
		{HostID, "ins-[0-9]+", "+ at character 10 stands in no id; this is not a regular expression", "the same; a class is one character"},
		{HostID, `ins-\d+`, "this is not a regular expression", "the same"},
		{HostID, "ins-db-1$", "this is not a regular expression", "the same"},
		{HostID, "ins-(a|b)", "( at character 5 stands in no id; write one pattern an item", "the same"},
		{HostID, "ins-db-{1..3}", "{ at character 8 stands in no id; write one pattern an item, or [1-3]", "a shell's braces"},
		{HostID, "ins-[0-9]{8}", "{ at character 10", "a number of times"},
		{HostID, "ins-db-1;ins-db-2", "; at character 9 stands in no id; write one pattern an item", "two in one"},
		{HostID, "ins-db-1,ins-db-2", "write one pattern an item", "two in one"},
		{HostID, "ins-db-1 ins-db-2", "a blank at character 9 stands in no id; write one pattern an item", "two in one"},
		{HostID, "ins-db-1、ins-db-2", "write one pattern an item", "two in one"},
		{HostID, " ins-*", "a blank at character 1", "a blank at its start"},
		{HostID, "ins-*\u00a0", "U+00A0 at character 6", "a blank that is seen even less"},
		{HostID, "ins-\u200b*", "U+200B at character 5 stands in no id; it cannot be seen", "one that is not seen at all"},
		{HostID, "ins-db-*/", "/ at character 9", "a folder"},
		{HostID, "ins-db-%", "% at character 8 stands in no id; * stands for any characters, ? for one", "SQL"},
		{HostID, "INS-*", "I at character 1 stands in no id; ids have small letters only", "capitals"},
		{HostID, "ins-[A-Z]*", "the […] at character 5 stands in no id", "a class of capitals"},
		{HostID, `ins-[^a-z0-9\-]`, "the […] at character 5", "a class that leaves nothing"},
		{HostID, "ins-[b-a]*", "the […] at character 5", "a class that has nothing"},
		{HostID, "ins-db-＊", "＊ (U+FF0A) at character 8", "a wide star"},
		{HostID, "инс-*", "и (U+0438) at character 1", "other letters"},
		{HostID, "!ins-db-*", "! at character 1", "not those"},
		{HostID, "~ins", "~ at character 1", "a word of another tool"},
		{HostID, "web_*", "_ at character 4", "a name, not an id"},
		{HostID, "10.0.0.*", ". at character 3", "an address"},
		{HostID, "", "this is not a pattern", "nothing"},
		{HostID, "ins-[", "this is not a pattern", "a class that does not end"},
		{HostID, `ins-\`, "this is not a pattern", `nothing behind \`},
		{HostID, "ins-db-", "no id matches this pattern: it has small letters, digits and - only, and neither begins nor ends with -; write the whole id, or a * where it goes on", "a * that was forgotten"},
		{HostID, "-*", "neither begins nor ends with -", "an id that begins so"},
		{HostID, `[\-]db*`, "neither begins nor ends with -", "the same, as a class"},
		{HostID, "cmd-*", "scripts belong under scripts", "a script's id"},
		{HostID, strings.Repeat("?", 65), "no id matches this pattern", "longer than any id"},
		{HostID, strings.Repeat("*", 513), "more than I read", "longer than anybody writes"},
		{ScriptID, "restart-*", "it begins with cmd-", "an alias never matches"},
		{ScriptID, "restart", "it begins with cmd-", "nor does this one"},
		{ScriptID, "cmd-", "write the whole id, or a * where it goes on", "a * that was forgotten"},
		{ScriptID, "ins-*", "it begins with cmd-", "a host's"},
		{ChannelID, "#ops", "# at character 1", "a name"},
		{ChannelID, "D0*", "it begins with C or G", "direct messages"},
	} {
		err := c.form.CheckPattern(c.pattern)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%q, %s: got %v, want %q", c.pattern, c.why, err, c.says)
		}
	}
}

func TestOddPatterns(t *testing.T) {
	for pattern, odd := range map[string]bool{
		"ins-*": false, "ins-[a-z0-9]*": false, "ins-[^ab]*": false, `ins-\d*`: true, "[db|web]-*": true, "[db1-db3]": true, "ins-[1-10]": true, "ins-[1-3]": false, "ins-[1-35a]": true, "[ins-db]*": true, "[a-f0-9]*": false, "[^0-9a]*": false, "[9-0]1": true, "ins-[a,b]": true, "ins-[A-Za-z]*": true,
	} {
		if got := HostID.OddPattern(pattern); (got != "") != odd {
			t.Errorf("%q: %q", pattern, got)
		}
	}
}

// A pattern that is accepted matches an id, and one that is refused matches none.
func FuzzPattern(f *testing.F) {
	for _, p := range []string{"ins-*", "[a-z]*", `\i\n\s-1`, "[^c]*", "cmd-?", "C0*", "ins-[", "[]a]", "[!a]*", "*[", "-", "[\\]]x", "[[]x", "c[m]d[-]*", "*-", "??", "[^a-z]*[^0-9]"} {
		f.Add(p, "ins-1")
	}
	f.Fuzz(func(t *testing.T, pattern, id string) {
		for _, form := range []IDForm{HostID, ScriptID, ChannelID} {
			err := form.CheckPattern(pattern)
			if err == nil {
				example := form.example(globParts(pattern))
				if form.Check(example) != nil || !matches([]string{pattern}, example) {
					t.Fatalf("%q was accepted for %q", pattern, example)
				}
			} else if form.Check(id) == nil && matches([]string{pattern}, id) && len(pattern) <= longestPattern {
				t.Fatalf("%q was refused (%v), and matches %q", pattern, err, id)
			}
		}
	})
}

// The same with patterns that are close to what people write, and ids that are close
// to them.
func TestPatternsAgreeWithIDs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{
			"*", "?", "-", "c", "m", "d", "a", "1", "cmd-", "[a-c]", `[\-]`, `[^\-]`, "[^a-z0-9]", "[A-Z]", "A", ".", "/", `\-`, "é",
		}), 0, 6).Draw(t, "pattern"), "")
		err := HostID.CheckPattern(pattern)
		if err == nil && !matches([]string{pattern}, HostID.example(globParts(pattern))) {
			t.Fatalf("%q was accepted, and its example is %q", pattern, HostID.example(globParts(pattern)))
		}
		for range 50 {
			id := rapid.StringOfN(rapid.RuneFrom([]rune("cmd-a1")), 1, 7, -1).Draw(t, "id")
			if err != nil && HostID.Check(id) == nil && matches([]string{pattern}, id) {
				t.Fatalf("%q was refused (%v), and matches %q", pattern, err, id)
			}
		}
	})
}

// Two patterns meet if one id matches both. Rapid holds the answer against ids.
func TestPatternsThatMeet(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		meet bool
	}{
		{"ins-1", "ins-1", true},
		{"ins-1", "ins-2", false},
		{"ins-*", "ins-db-*", true},
		{"ins-*", "cpm-*", false},
		{"*", "cpm-1", true},
		{"ins-db-*", "ins-*-1", true},
		{"ins-db-[12]", "ins-db-[23]", true},
		{"ins-db-[12]", "ins-db-[34]", false},
		{"ins-db-?", "ins-db-", false},
		{"ins-db-[^1]", "ins-db-1", false},
		{"*a", "*b", false},
		{"a*b*", "*c", true},
		{"*", "*", true},
	} {
		if HostID.Meet(tt.a, tt.b) != tt.meet || HostID.Meet(tt.b, tt.a) != tt.meet {
			t.Errorf("%s and %s meet: want %v", tt.a, tt.b, tt.meet)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`(ins|cpm)?(-|\*|\?|[ab1]|\[ab\]|\[^a\]){1,5}`)
		a, b := pattern.Draw(t, "a"), pattern.Draw(t, "b")
		id := rapid.StringMatching(`(ins|cpm)?[ab1-]{0,5}`).Draw(t, "id")
		if matches([]string{a}, id) && matches([]string{b}, id) && !HostID.Meet(a, b) {
			t.Errorf("%q matches %q and %q, and they are said not to meet", id, a, b)
		}
	})
}

func TestDistance(t *testing.T) {
	for _, tc := range []struct {
		why, a, b string
		want      int
	}{
		{"the same", "token", "token", 0},
		{"nothing", "", "abc", 3},
		{"a letter left out", "tken", "token", 1},
		{"a letter too many", "tokeen", "token", 1},
		{"another letter", "tokem", "token", 1},
		{"neighbours swapped", "tokne", "token", 1},
		{"letters of several bytes count once", "tökén", "token", 2},
	} {
		if got := Distance(tc.a, tc.b); got != tc.want {
			t.Errorf("%s: Distance(%q, %q) = %d, want %d", tc.why, tc.a, tc.b, got, tc.want)
		}
	}
}
