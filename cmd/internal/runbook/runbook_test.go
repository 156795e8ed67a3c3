package runbook

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLines(t *testing.T) {
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
		{"a placeholder", "`/bmcmd run cmd-1 <instances>`", []Line{{N: 1, Text: "run cmd-1 <instances>", Hole: "<instances>"}}},
		{"a variable", "`/bmcmd run cmd-1 $HOST`", []Line{{N: 1, Text: "run cmd-1 $HOST", Hole: "$HOST"}}},
		{"a template's", "`/bmcmd run cmd-1 {{ host }}`", []Line{{N: 1, Text: "run cmd-1 {{ host }}", Hole: "{{ host }}"}}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, Lines(tt.text, "/bmcmd")); diff != "" {
			t.Errorf("%s: %s", tt.why, diff)
		}
	}
	if got := Lines("`/ops list` `/bmcmd list`", "/ops"); len(got) != 1 || got[0].Text != "list" {
		t.Errorf("another slash command: %+v", got)
	}
}

func TestFilled(t *testing.T) {
	l := Lines("`/bmcmd run cmd-1 <first>,${SECOND} -- {{third}} <4`", "/bmcmd")[0]
	if got, want := l.Filled("X"), "run cmd-1 X,X -- X <4"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzLines holds that whatever is found stands in the text, on the line it names.
func FuzzLines(f *testing.F) {
	for _, s := range []string{"```\n/bmcmd list\n```", "`/bmcmd run cmd-1 <x>`", "> ~~~\r\n> /bmcmd\n", "\t/bmcmd \xff", "```a`b\n/bmcmd x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rows := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
		last := 0
		for _, l := range Lines(text, "/bmcmd") {
			if l.N < 1 || l.N > len(rows) || l.N < last {
				t.Fatalf("line %d of %d, after %d", l.N, len(rows), last)
			}
			last = l.N
			if row := rows[l.N-1]; !strings.Contains(row, "/bmcmd") || !strings.Contains(row, l.Text) || !strings.Contains(l.Text, l.Hole) {
				t.Fatalf("%+v is not in %q", l, row)
			}
			if l.Hole == "" && l.Filled("x") != l.Text {
				t.Fatalf("%+v has no hole and is filled", l)
			}
		}
	})
}
