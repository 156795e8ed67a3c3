package view_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot/view"
)

func TestOddities(t *testing.T) {
	falseSign := []string{"a sign or digit that only looks like a plain one"}
	falseLetter := []string{"letters that only look like Latin ones"}
	again := base64.StdEncoding.EncodeToString([]byte("<?php\nwhile (true) { sleep(1); }\n"))
	for _, c := range []struct {
		why, text string
		want      []string
	}{
		{"a command far to the right", "echo ok\n:" + strings.Repeat(" ", 2600) + "; rm -rf /srv", []string{"line 2: 2,600 blanks before more text"}},
		{"the same by tabs", "a" + strings.Repeat("\t", 40) + "b", []string{"40 blanks before more text"}},
		{"or by both", "a" + strings.Repeat(" \t", 20) + "b", []string{"40 blanks before more text"}},
		{"far in from the edge", strings.Repeat(" ", 300) + "reboot", []string{"300 blanks before more text"}},
		{"behind all text", "a" + strings.Repeat(" ", 300), []string{"300 blanks at its end"}},
		{"a command between empty lines", "a\n" + strings.Repeat("\n", 3000) + "rm\n" + strings.Repeat("\n", 20), []string{"3,000 empty lines from line 2 on"}},
		{"lines of blanks", strings.Repeat(" \n", 11) + "a", []string{"11 empty lines from line 1 on"}},
		{"NBSP", "a\u00a0b", []string{`1 character that cannot be seen, spelled out as \u{…}`}},
		{"other blanks", "a\u2003\u3000\u1680\u2028\u0085b", []string{`5 characters that cannot be seen, spelled out as \u{…}`}},
		{"a vertical tab and a form feed", "a\v\fb", []string{`2 characters that cannot be seen, spelled out as \u{…}`}},
		{"a CR that is not at the end of each line", "rm -rf /\recho ok\nx", []string{`line 1: 1 character that cannot be seen, spelled out as \u{…}`}},
		{"a note without a head", "a\U0001d159b", []string{`1 character that cannot be seen, spelled out as \u{…}`}},
		{"blank hieroglyphs, and their format controls", "a\U00013441\U00013442\U00013430b", []string{`3 characters that cannot be seen, spelled out as \u{…}`}},
		{"controls of music", "a\U0001d173b", []string{`1 character that cannot be seen, spelled out as \u{…}`}},
		{"tags", "a\U000e0041b", []string{`1 character that cannot be seen, spelled out as \u{…}`}},
		{"variation selectors", "a\ufe0f\U000e0100b", []string{`2 characters that cannot be seen, spelled out as \u{…}`}},
		{"fillers", "\u3164\u115f\uffa0\u17b4\U00016fe4\u034f", []string{`6 characters that cannot be seen, spelled out as \u{…}`}},
		{"what turns text around", "\u202e\u2066\u061c", []string{`3 characters that cannot be seen, spelled out as \u{…}`}},
		{"Hebrew", "x\nrm א ; ב", []string{"line 2: letters written from right to left, which may change the order that is seen"}},
		{"Arabic", "echo مرحبا", []string{"letters written from right to left, which may change the order that is seen"}},
		{"letters of N'Ko and Adlam", "ߊ 𞤀", []string{"letters written from right to left, which may change the order that is seen"}},
		{"a Cyrillic a in a Latin word", "c\u0430t /etc/passwd", []string{"letters from two alphabets in one word"}},
		{"a word that is Cyrillic altogether", "\u0441\u043e\u0440 x", []string{"letters that only look like Latin ones"}},
		{"Greek", "/\u03bfpt", []string{"letters from two alphabets in one word"}},
		{"Armenian", "\u057dbin", []string{"letters from two alphabets in one word"}},
		{"Cherokee", "\u13a2oot", []string{"letters from two alphabets in one word"}},
		{"mathematical letters", "r\U0001d426", []string{"letters from two alphabets in one word"}},
		{"wide letters", "ｒm", []string{"letters from two alphabets in one word"}},
		{"phonetic letters", "\u0261rep", []string{"letters from two alphabets in one word"}},
		{"a Roman number", "\u217cs", []string{"letters from two alphabets in one word"}},
		{"wide digits", "port８０", []string{"a sign or digit that only looks like a plain one"}},
		{"a dash where an option begins", "x\nrm −rf /srv", []string{"line 2: a sign or digit that only looks like a plain one"}},
		{"two of them", "rm ――force /srv", []string{"a sign or digit that only looks like a plain one"}},
		{"a Greek question mark", "true\u037e reboot", []string{"a sign or digit that only looks like a plain one"}},
		{"another slash", "rm /srv\u2215data", []string{"a sign or digit that only looks like a plain one"}},
		{"letters that are drawn as one", "\ufb01nd /", []string{"letters from two alphabets in one word"}},
		{"a Chinese one for a hyphen", "rm 一rf /srv", []string{"a sign or digit that only looks like a plain one"}},
		{"a wide pipe", "cat x ｜ sh", []string{"a sign or digit that only looks like a plain one"}},
		{"quotes that quote nothing", "echo “done; rm -rf /srv; echo ”", falseSign},
		{"nor do these", "echo ‘$(rm -rf /srv)’", falseSign},
		{"quotes around Chinese", "echo “完成; rm -rf /srv; echo 完成”", falseSign},
		{"a prime", "echo ″a; rm -rf /srv″", falseSign},
		{"a letter that is drawn as one", "echo ʺa; rm -rf /srvʺ", falseSign},
		{"a picture of one", "echo ❝a; rm -rf /srv❞", falseSign},
		{"a ditto", "echo 〃a〃", falseSign},
		{"other languages' quotes", "echo «a; reboot»", falseSign},
		{"wide quotes", "echo ＂a; reboot＂", falseSign},
		{"a sharp", "♯ note; rm -rf /srv", falseSign},
		{"a viewdata square", "⌗ note; rm -rf /srv", falseSign},
		{"equal and parallel", "⋕ note; rm -rf /srv", falseSign},
		{"a small number sign", "﹟ note; rm -rf /srv", falseSign},
		{"a wide one before Chinese", "＃注释; rm -rf /srv", falseSign},
		{"another backslash", "rm ⧵*", falseSign},
		{"and one of sets", "rm ∖*", falseSign},
		{"a dollar", "rm ﹩HOME", falseSign},
		{"an ampersand", "true ﹠﹠ reboot", falseSign},
		{"dots", "rm ․․/x", falseSign},
		{"a star", "rm ∗", falseSign},
		{"a tilde", "rm ∼/x", falseSign},
		{"brackets", "a❨❩ { reboot; }", falseSign},
		{"a bar of a frame", "cat x │ sh", falseSign},
		{"an accent", "echo ˋdateˋ", falseSign},
		{"a wide exclamation mark", "！ true", falseSign},
		{"a hyphen inside a word", "rm /srv/a‐b", falseSign},
		{"a mathematical digit", "kill -\U0001d7d7 1", falseSign},
		{"a word of mathematical letters", "\U0001d5cb\U0001d5c6 x", falseLetter},
		{"of Cherokee", "ᎡᎷ x", falseLetter},
		{"of Lisu", "ꓣꓟ x", falseLetter},
		{"of Old Italic", "𐌀𐌁 x", falseLetter},
		{"of Armenian", "սո x", falseLetter},
		{"of wide letters", "ｒｍ x", falseLetter},
		{"of raised ones", "ʳᵐ x", falseLetter},
		{"a command among empty lines that are not many in a row", strings.Repeat(strings.Repeat("\n", 8)+"true\n", 200), []string{"all but 200 lines of 1,801 are empty or comments; the first that is not is line 9"}},
		{"a command among comments", strings.Repeat("#\n", 500) + "rm -rf /srv\n" + strings.Repeat("# x\n", 500), []string{"all but 1 line of 1,002 are empty or comments; the first that is not is line 501"}},
		{"60 marks on a letter", "a" + strings.Repeat("\u0301", 60), []string{"60 marks piled on one character, spelled out beyond the third"}},
		{"a mark on a blank", "a \u0301b", []string{`1 character that cannot be seen, spelled out as \u{…}`}},
		{`a blank behind a \`, "a\nrm -rf /srv/\\ \n  /tmp", []string{`line 2: a blank after \, so the line does not continue`}},
		{`a tab behind three`, "a \\\\\\\t", []string{`a blank after \, so the line does not continue`}},
		{`a CR behind a \, in a file of Windows`, "a\\\r\nb\r\n", []string{`line 1: a blank after \, so the line does not continue`}},
		{"a line that goes on and on", "x\n" + strings.Repeat("y", 1240), []string{"line 2: 1,240 characters"}},
		{"base64 again", again, []string{"it is base64 again, and what that holds is not shown"}},
		{"base64 in lines", again[:20] + "\n" + again[20:] + "\n", []string{"it is base64 again, and what that holds is not shown"}},
		{"without the signs that fill it up", strings.TrimRight(again, "="), []string{"it is base64 again, and what that holds is not shown"}},
		{"of addresses", base64.URLEncoding.EncodeToString([]byte("echo '???>>>'; rm -rf /srv/~~~")), []string{"it is base64 again, and what that holds is not shown"}},
		{"bytes that are no text", "a\xffb", []string{`1 character that cannot be seen, spelled out as \u{…}`}},
		{
			"the worst line is named, and the others are counted", "a\u200b\n\n" + strings.Repeat("\u200b", 7) + "\nb\u200b",
			[]string{`line 3: 7 characters that cannot be seen, spelled out as \u{…} (and 2 more lines)`},
		},
	} {
		if diff := cmp.Diff(c.want, view.Odd(c.text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
	}
}

func TestOrdinaryTextIsNotOdd(t *testing.T) {
	for _, s := range []string{
		"",
		"#!/bin/bash\nset -eu\n\tif true; then\n\t\tsystemctl restart \"${1:-nginx}\" \\\n\t\t  --no-block\n\tfi\n",
		"# 重启nginx服务，然后检查状态；谢谢！（见文档）\nsystemctl restart nginx\n",
		"# サーバーをrestartする。 서버를restart\n",
		"# Größe prüfen, für alle Straßen; naïve café, Đặng Thị, Łódź, İstanbul, Ñandú\n",
		"# Tie\u0302\u0301ng Vie\u0323\u0302t, decomposed\n",
		"# перезапуск сервера nginx, а потом отчёт\n",
		"# Επανεκκίνηση του nginx\n",
		"# รีสตาร์ทnginx แล้วตรวจสอบ, हिन्दी ज़ीं में nginx\n",
		"echo \"disk – full\", nginx—fast\n",
		"echo \"——小心，（见《文档》）！\"\n",
		"# it’s “quoted”, «so» ♯1\n",
		strings.Repeat("# Licensed under the Apache License\n", 30) + "systemctl restart nginx\n",
		"#!/bin/sh\n" + strings.Repeat("# usage\n\n", 40) + strings.Repeat("true\n", 30),
		"# 重启 nginx；redis：6379，—— 小心\necho \"完成：重启；谢谢\"\n",
		"# ２０２６年 Q１、port８０\n",
		"echo \"一共3台, 第一台nginx\" # スーパーuser ノード\n",
		"echo ✓ → … 5 µs, 20 °C, ½, ™, 😀👍🏽, 3 × 4 ≤ 12 €, • one\n",
		"x = 1" + strings.Repeat(" ", 50) + "# aligned\n",
		"a\n\n\n\nb\n",
		"# a \\ \necho \\\\ \n",
		strings.Repeat("#\n", 3000),
		"systemctlrestartnginxnow\n",
		"cmVzdGFydA==",
		"a\r\nb\r\n",
	} {
		if odd := view.Odd(s); len(odd) > 0 {
			t.Errorf("%q: %q", s, odd)
		}
	}
}

// A reason is prose, in any language.
func TestAnOrdinaryReasonIsNotOdd(t *testing.T) {
	for _, s := range []string{
		"nginx；redis：6379 挂了，Q１ 的数据", "checkout answers 502 –see INC-42, 5 km／h", "C:\\ \nx", strings.Repeat("a long story ", 60), "cmVzdGFydCB0aGUgd2ViIHNlcnZlcg==",
	} {
		if odd := view.OddProse(s); len(odd) > 0 {
			t.Errorf("%q: %q", s, odd)
		}
	}
}

// Whatever would run or was said of it, and wherever it differs: what stands behind
// blanks or empty lines stays in sight, and a line says that it is odd and where.
func TestNothingThatRunsIsOutOfSight(t *testing.T) {
	places := map[string]struct {
		put  func(r *approvals.Request, s string)
		name string
	}{
		"script":     {func(r *approvals.Request, s string) { r.Plan.Script.Content = []byte(s) }, "script: "},
		"parameters": {func(r *approvals.Request, s string) { r.Plan.Parameters = s }, "parameters: "},
		"reason":     {func(r *approvals.Request, s string) { r.Asked.Reason = s }, "reason: "},
		"difference": {func(r *approvals.Request, s string) {
			changed(r)
			r.Changes = []approvals.Change{{What: "script", Diff: s}}
		}, "("},
		"host":  {func(r *approvals.Request, s string) { r.Plan.Hosts = []string{s} }, "hosts: "},
		"alias": {func(r *approvals.Request, s string) { r.Plan.Script.Alias = s }, "alias: "},
	}
	for _, c := range []struct{ why, text, says string }{
		{"blanks", "true" + strings.Repeat(" ", 2600) + "; rm -rf /srv", "2,600 blanks before more text"},
		{"empty lines", "true\n" + strings.Repeat("\n", 3000) + "rm -rf /srv", "3,000 empty lines from line 2 on"},
		{"tabs", "true" + strings.Repeat("\t", 1500) + "; rm -rf /srv", "1,500 blanks before more text"},
		{"look-alikes", "true; rm -rf /\u0455rv", "letters from two alphabets in one word"},
		{"right to left", "true ש; rm -rf /srv", "letters written from right to left"},
		{"blanks of another sort", "true" + strings.Repeat("\u00a0", 2600) + "; rm -rf /srv", "2,600 characters that cannot be seen"},
		{"a pile of marks", "true" + strings.Repeat("\u0301", 60) + "; rm -rf /srv", "60 marks piled on one character"},
	} {
		for where, p := range places {
			m, err := view.Card(request(pending, func(r *approvals.Request) { p.put(r, c.text) }))
			if where == "host" && errors.Is(err, approvals.ErrTooLong) {
				continue // each of its characters is spelled out
			}
			mustFit(t, err)
			fine(t, m)
			shown := blockText(t, m)
			if !strings.Contains(shown, p.name) || !strings.Contains(shown, c.says) {
				t.Errorf("%s in the %s: the card does not say %q", c.why, where, p.name+c.says)
			}
			if where != "host" && where != "alias" && strings.Contains(shown, strings.Repeat(" ", 65)) {
				t.Errorf("%s in the %s: a row of blanks", c.why, where)
			}
			if strings.Contains(shown, strings.Repeat("\n", 12)) {
				t.Errorf("%s in the %s: a row of empty lines", c.why, where)
			}
		}
		s := script()
		s.Content = []byte(c.text)
		if shown := blockText(t, view.Script(s, nil)); !strings.Contains(shown, c.says) || !strings.Contains(shown, "rm -rf") {
			t.Errorf("%s: show does not say %q", c.why, c.says)
		}
	}
}

// One line has room for the worst of each text, whatever is odd in it, and does not
// take the place of the facts.
func TestTheOddLineIsBounded(t *testing.T) {
	all := strings.Repeat(" ", 99) + "\u200bс\u0430t א\u0301\u0301\u0301\u0301 \\ \n" + strings.Repeat("\n", 20) + strings.Repeat("x", 500) + strings.Repeat(" ", 99)
	m, err := view.Card(request(pending, func(r *approvals.Request) {
		r.Plan.Script.Content, r.Plan.Parameters, r.Asked.Reason = []byte(all), all, all
		r.Plan.Hosts, r.Plan.Script.Alias = []string{all[:60], "ins-1"}, "c\u0430t"
	}))
	mustFit(t, err)
	fine(t, m)
	_, line, _ := strings.Cut(m.Text, "Look closely: ")
	line, _, _ = strings.Cut(line, "\n")
	if len(line) > 1200 || strings.Count(line, ", and ") < 3 {
		t.Errorf("%d characters: %s", len(line), line)
	}
	for _, fact := range []string{"Reason: ", "Hosts (2): ", "Parameters: ", "Rule: ", "digest "} {
		if !strings.Contains(m.Text, fact) {
			t.Errorf("Text lacks %q", fact)
		}
	}
}

// Rows of blanks are the only thing that is shown shorter than it is, and what is left
// out is counted.
func TestShownIsWhole(t *testing.T) {
	counted := regexp.MustCompile(`\\u\{([0-9a-f]+)\}(?:×(\d+))?`)
	rapid.Check(t, func(t *rapid.T) {
		s := "Q" + strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{
			"Q", "Z\n", "\n", strings.Repeat("\n", 12), " ", "\t", strings.Repeat(" ", 70), strings.Repeat("\t ", 9), "é", "\u0301", strings.Repeat("\u0301", 20), "\u200b", strings.Repeat("\u200b", 9), strings.Repeat("\x00", 9),
		}), 0, 20).Draw(t, "parts"), "") + "Q"
		shown := view.Shown(s)
		is := map[string]int{}
		for _, m := range counted.FindAllStringSubmatch(shown, -1) {
			n, err := strconv.Atoi(m[2])
			if err != nil {
				n = 1
			}
			is[m[1]] += n
			if m[1] == "a" {
				is["a"]-- // the row has an end of its own
			}
		}
		for what, mark := range map[string]string{"\n": "a", " ": "20", "\t": "9", "Q": "", "Z": "", "é": "", "\u0301": "301", "\u200b": "200b", "\x00": "0"} {
			if got := strings.Count(shown, what) + is[mark]; got != strings.Count(s, what) {
				t.Fatalf("%q is shown as %q: %d of %q", s, shown, got, what)
			}
		}
		if strings.Contains(shown, strings.Repeat(" ", 65)) || strings.Contains(shown, strings.Repeat("\n", 12)) {
			t.Fatalf("%q is shown with a long row", shown)
		}
	})
}

// blockText is what the blocks of m show.
func blockText(t *testing.T, m view.Message) string {
	t.Helper()
	raw, err := json.Marshal(m.Blocks)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, found := range regexp.MustCompile(`"text":("(?:[^"\\]|\\.)*")`).FindAllSubmatch(raw, -1) {
		var s string
		if err := json.Unmarshal(found[1], &s); err != nil {
			t.Fatal(err)
		}
		all.WriteString(s)
	}
	return all.String()
}
