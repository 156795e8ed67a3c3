package runbook

import (
	"html"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	tests := []struct {
		why  string
		text string
		want []Line
	}{
		{"a fenced block", "# Title\n\n```\n/bmcmd show cmd-1\n```\n", []Line{{N: 4, Text: "show cmd-1"}}},
		{"a fence with a language", "```text\n/bmcmd list\n```", []Line{{N: 2, Text: "list"}}},
		{"tildes", "~~~\n/bmcmd list\n~~~", []Line{{N: 2, Text: "list"}}},
		{"a fence in a list", "1. Look:\n\n   ```\n   /bmcmd list\n   ```\n", []Line{{N: 4, Text: "list"}}},
		{"an indented block", "Look:\n\n    /bmcmd list\n", []Line{{N: 3, Text: "list"}}},
		{"a block indented by a tab", "Look:\n\n\t/bmcmd list\n", []Line{{N: 3, Text: "list"}}},
		{"a prompt before it", "```\n$ /bmcmd list\n```", []Line{{N: 2, Text: "list"}}},
		{"a quoted block", "> ```\n> /bmcmd list\n> ```\n", []Line{{N: 2, Text: "list"}}},
		{"inline code", "Type `/bmcmd list` and look.", []Line{{N: 1, Text: "list"}}},
		{"two on one line", "`/bmcmd list`, then `/bmcmd help`", []Line{{N: 1, Text: "list"}, {N: 1, Text: "help"}}},
		{"inline code with two backticks", "``/bmcmd list``", []Line{{N: 1, Text: "list"}}},
		{"inline code that looks like a fence", "```/bmcmd list``` shows them", []Line{{N: 1, Text: "list"}}},
		{"prose is not a line", "Use /bmcmd list for that.\n/bmcmd list", nil},
		{"prose names the command", "With `/bmcmd` you can do it.", nil},
		{"the command alone in a block is help", "```\n/bmcmd\n```", []Line{{N: 2}}},
		{"another command that begins so", "```\n/bmcmdr list\n/bmcmd-test list\n```", nil},
		{"something else in a block", "```\nkubectl get pods\n/bmcmd list\n```", []Line{{N: 3, Text: "list"}}},
		{"the command inside a line of code", "```\necho /bmcmd list\n```", nil},
		{"after a block", "```\n```\n/bmcmd list", nil},
		{"a shorter fence does not close", "````\n```\n/bmcmd list\n````\n/bmcmd help", []Line{{N: 3, Text: "list"}}},
		{"a fence with words does not close", "```\n```sh\n/bmcmd list\n```\n/bmcmd help", []Line{{N: 3, Text: "list"}}},
		{"a block that is never closed", "```\n/bmcmd list", []Line{{N: 2, Text: "list"}}},
		{"lines that end as on Windows", "```\r\n/bmcmd list\r\n```\r\n", []Line{{N: 2, Text: "list"}}},
		{"parameters byte for byte", "```\n/bmcmd run cmd-1 ins-1 --  a  b \n```", []Line{{N: 2, Text: "run cmd-1 ins-1 --  a  b "}}},
		{"a nested list", "1. Look:\n    - first `/bmcmd list`\n        - then `/bmcmd show cmd-1`\n", []Line{{N: 2, Text: "list"}, {N: 3, Text: "show cmd-1"}}},
		{"a block in a nested list", "- a\n    - b\n\n      ```\n      /bmcmd list\n      ```\n", []Line{{N: 5, Text: "list"}}},
		{"a block of blanks in a list", "1. Look:\n\n       /bmcmd list\n", []Line{{N: 3, Text: "list"}}},
		{"only four of them, as people write it", "1. Look:\n\n    /bmcmd list\n", []Line{{N: 3, Text: "list"}}},
		{"without an empty line before", "1. Look:\n    /bmcmd list\n", []Line{{N: 2, Text: "list"}}},
		{"prose in a list that is indented so", "- Look:\n\n    then type `/bmcmd list`\n", []Line{{N: 3, Text: "list"}}},
		{"a list in a quote", "> - `/bmcmd list`\n>\n>   ```\n>   /bmcmd help\n>   ```", []Line{{N: 1, Text: "list"}, {N: 4, Text: "help"}}},
		{"<pre>", "<pre>\n/bmcmd run cmd-1 ins-1 -- a &amp;&amp; b\n\n/bmcmd list\n</pre>", []Line{{N: 2, Text: "run cmd-1 ins-1 -- a && b"}, {N: 4, Text: "list"}}},
		{"<pre> on one line, with <code>", "<pre><code class=\"x\">/bmcmd list</code></pre>", []Line{{N: 1, Text: "list"}}},
		{"the line that ends it", "<pre>\n/bmcmd list\n<b>/bmcmd</b> help</pre>", []Line{{N: 2, Text: "list"}, {N: 3, Text: "help"}}},
		{"<pre> in a list", "- Look:\n\n  <pre>\n  /bmcmd list\n  </pre>\n", []Line{{N: 4, Text: "list"}}},
		{"a hole in <pre>, as it is shown and as it is not", "<pre>\n/bmcmd run cmd-1 &lt;host&gt; <host>\n</pre>", []Line{{N: 2, Text: "run cmd-1 <host> <host>"}}},
		{"lines of HTML", "<div>\n/bmcmd list<br>/bmcmd help\n</div>", []Line{{N: 2, Text: "list"}, {N: 2, Text: "help"}}},
		{"<code> in prose", "Type <code>/bmcmd run cmd-1 <host> -- a &gt; b</code> now.", []Line{{N: 1, Text: "run cmd-1 <host> -- a > b"}}},
		{"two backticks around one", "``/bmcmd run cmd-1 ins-1 -- a`b``", []Line{{N: 1, Text: "run cmd-1 ins-1 -- a`b"}}},
		{"a table", "| a | b |\n|---|---|\n| `/bmcmd run cmd-1 ins-1 -- x \\| y` | z |\n", []Line{{N: 3, Text: "run cmd-1 ins-1 -- x | y"}}},
		{"a heading", "## `/bmcmd list`", []Line{{N: 1, Text: "list"}}},
		{"bold", "**`/bmcmd list`**", []Line{{N: 1, Text: "list"}}},
		{"inline code over two lines", "`/bmcmd show\ncmd-1`", []Line{{N: 1, Text: "show cmd-1"}}},
		{"a mention", "`@bmcmd list`", []Line{{N: 1, Text: "list"}}},
		{"a comment", "<!-- `/bmcmd list` -->\n\n<!--\n/bmcmd list\n-->", nil},
		{"escaped backticks are no code", "\\`/bmcmd list\\`", nil},
		{"a placeholder", "`/bmcmd run cmd-1 <instances>`", []Line{{N: 1, Text: "run cmd-1 <instances>"}}},
		{"a variable", "`/bmcmd run cmd-1 $HOST`", []Line{{N: 1, Text: "run cmd-1 $HOST"}}},
		{"a template's", "`/bmcmd run cmd-1 {{ host }}`", []Line{{N: 1, Text: "run cmd-1 {{ host }}"}}},
	}
	for _, tt := range tests {
		got, _ := Read(tt.text, "/bmcmd")
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.why, diff)
		}
	}
	if got, _ := Read("`/ops list` `/bmcmd list`", "/ops"); len(got) != 1 || got[0].Text != "list" {
		t.Errorf("another slash command: %+v", got)
	}
}

// What stands in the text and was not taken is named, so that nobody thinks it was checked.
func TestMissed(t *testing.T) {
	for _, tt := range []struct {
		why, text string
		want      []int
	}{
		{"all is taken", "Type `/bmcmd list`.\n\n```\n/bmcmd run cmd-1 ins-1\n```", nil},
		{"prose", "Type\n/bmcmd run cmd-1 ins-1", []int{2}},
		{"an item that is not code", "- /bmcmd run cmd-1 ins-1", []int{1}},
		{"one of two on a line", "`/bmcmd list` and /bmcmd help", []int{1}},
		{"inside a line of code", "```\necho /bmcmd list\n```", []int{2}},
		{"in a comment", "<!--\n/bmcmd list\n-->", []int{2}},
		{"a mention", "ask @bmcmd show cmd-1", []int{1}},
		{"a non-breaking space behind it", "`/bmcmd\u00a0run cmd-1 ins-1`", []int{1}},
		{"as HTML writes it", "<pre>\n/bmcmd&nbsp;list\n</pre>", []int{2}},
		{"a wide one", "```\n/bmcmd\u3000list\n```", []int{2}},
		{"a wide slash", "```\n／bmcmd list\n```", []int{2}},
		{"capitals", "`/BMCMD list`", []int{1}},
		{"what nobody sees inside", "`/bm\u200bcmd list`", []int{1}},
		{"emphasis around it", "*/bmcmd* run cmd-1 and **/bmcmd** list", []int{1}},
		{"only the name in backticks", "Type `/bmcmd` run cmd-1 ins-1", []int{1}},
		{"a prompt that is not a shell's", "```\nalice: /bmcmd list\n> /bmcmd help\n```", []int{2, 3}},
		{"an empty line inside <div><pre>", "<div><pre>\n\n/bmcmd list\n</pre></div>", []int{3}},
		{"the bare name is no command", "With /bmcmd, or `/bmcmd`: see https://x.example/bmcmd a and me@bmcmd b.", nil},
	} {
		if _, got := Read(tt.text, "/bmcmd"); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, got, tt.want)
		}
	}
}

// FuzzRead holds that whatever is found stands on the line it names, and that a line that
// begins with the command and words is either found or named.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"```\n/bmcmd list\n```", "`/bmcmd run cmd-1 <x>`", "> ~~~\r\n> /bmcmd\n", "\t/bmcmd \xff", "```a`b\n/bmcmd x", "<pre>\n/bmcmd a &lt;\n", "- a\n\n    /bmcmd list", "| `/bmcmd a \\| b` |\n|-|", "<code>/bmcmd x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rows := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
		lines, missed := Read(text, "/bmcmd")
		known, last := map[int]bool{}, 0
		for _, l := range lines {
			if l.N < last || l.N < 1 || l.N > len(rows) || !strings.Contains(html.UnescapeString(rows[l.N-1]), "bmcmd") {
				t.Fatalf("%+v, after line %d of %d", l, last, len(rows))
			}
			last, known[l.N] = l.N, true
		}
		for _, n := range missed {
			known[n] = true
		}
		for i, row := range rows {
			if strings.HasPrefix(row, "/bmcmd run") && !known[i+1] {
				t.Fatalf("line %d, %q, is neither found nor named", i+1, row)
			}
		}
	})
}
