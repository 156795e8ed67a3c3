package bot

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/bmcmd/bmcmd/approvals"
)

// The line never changes what the script does: where it would, there is none.
func TestNameLine(t *testing.T) {
	const n, none = "# bmcmd r-1\n", "(none)"
	for _, c := range []struct{ why, kind, stored, want string }{
		{"first, where nothing comes before it", "SHELL", "reboot\n", n + "reboot\n"},
		{"in a script without anything", "SHELL", "", n},
		{"below #!", "SHELL", "#!/bin/sh\nreboot\n", "#!/bin/sh\n" + n + "reboot\n"},
		{"not below comments that follow no #!", "SHELL", "# a\nreboot\n", n + "# a\nreboot\n"},
		{"below the comments that follow #!", "SHELL", "#!/usr/bin/python3\n# coding: latin-1\n  # b\nx=1\n", "#!/usr/bin/python3\n# coding: latin-1\n  # b\n" + n + "x=1\n"},
		{"an empty line ends them", "SHELL", "#!/bin/sh\n\n# a\n", "#!/bin/sh\n" + n + "\n# a\n"},
		{"CR LF, as the line before it", "SHELL", "#!/bin/sh\r\nreboot\r\n", "#!/bin/sh\r\n# bmcmd r-1\r\nreboot\r\n"},
		{"the line before it, not the first", "SHELL", "#!/bin/sh\r\n# a\nreboot\n", "#!/bin/sh\r\n# a\n" + n + "reboot\n"},
		{"nothing but #!, without a line end", "SHELL", "#!/bin/sh", "#!/bin/sh\n# bmcmd r-1"},
		{"it ends in a comment", "SHELL", "#!/bin/sh\r\n# a", "#!/bin/sh\r\n# a\n# bmcmd r-1"},
		{"sed heeds #n on the first line only", "SHELL", "#!/bin/sed -f\n#n\np\n", "#!/bin/sed -f\n#n\n" + n + "p\n"},
		{"a script that begins with #n is bash's", "SHELL", "#n\n", n + "#n\n"},
		{"before a here-document", "SHELL", "cat <<E\n#!/bin/sh\nE\n", n + "cat <<E\n#!/bin/sh\nE\n"},
		{"it holds such a line", "SHELL", "# bmcmd r-0\nreboot\n", n + "# bmcmd r-0\nreboot\n"},
		{"it holds the same line", "SHELL", n + "reboot\n", n + n + "reboot\n"},

		{"through env", "SHELL", "#!/usr/bin/env python3.11\nx\n", "#!/usr/bin/env python3.11\n" + n + "x\n"},
		{"through env -S", "SHELL", "#!/usr/bin/env -S A=b perl -w\nx\n", "#!/usr/bin/env -S A=b perl -w\n" + n + "x\n"},
		{"busybox", "SHELL", "#!/bin/busybox sh\nx\n", "#!/bin/busybox sh\n" + n + "x\n"},
		{"node has other comments", "SHELL", "#!/usr/bin/node\nx\n", none},
		{"so it has through env", "SHELL", "#!/usr/bin/env node\nx\n", none},
		{"and -S", "SHELL", "#!/usr/bin/env -S node -r sh\nx\n", none},
		{"php prints what is not in its marks", "SHELL", "#!/usr/bin/php\n<?php x();\n", none},
		{"of env -u nobody knows what it starts", "SHELL", "#!/usr/bin/env -u perl node\nx\n", none},
		{"sed reads it as data without -f", "SHELL", "#!/bin/sed 1d\nfirst\nsecond\n", none},
		{"and so does awk", "SHELL", "#!/usr/bin/gawk {print}\nx\n", none},
		{"with -f, also among others, it is awk's program", "SHELL", "#!/usr/bin/awk -nf\nx\n", "#!/usr/bin/awk -nf\n" + n + "x\n"},
		{"an archive below the script", "SHELL", "#!/bin/sh\ntail -n +4 \"$0\" | tar xz\nexit\nPK", none},
		{"the same without quotes", "SHELL", "tail -n +4 $0|tar xz\nexit\nPK", none},
		{"by bytes", "SHELL", "dd if=\"$0\" bs=1 skip=40\nexit\nPK", none},
		{"by bash's name for the file", "SHELL", "sed 1,3d \"${BASH_SOURCE[0]}\" | sh\nexit\nx", none},
		{"through another name", "SHELL", "n=$0; tail -n +4 \"$n\"\n", none},
		{"into the shell", "SHELL", "mapfile -t l <\"$0\"\n", none},
		{"through a descriptor", "SHELL", "exec 3<$BASH_SOURCE\nread a <&3\n", none},
		{"by another program", "SHELL", "csplit \"$0\" 4\n", none},
		{"in Python", "SHELL", "#!/usr/bin/python3\nprint(open(__file__).readlines()[2])\n", none},
		{"in PowerShell", "POWERSHELL", "Get-Content $PSCommandPath\n", none},
		{"in BAT", "BAT", "more +3 \"%~f0\"\n", none},
		{"its directory", "SHELL", "cd \"$(dirname \"$0\")\"; . \"${BASH_SOURCE%/*}/x\" || cd \"$(dirname \"${BASH_SOURCE[0]}\")\"\n", none},
		{"only its directory", "SHELL", "cd \"$(dirname \"${BASH_SOURCE[0]}\")\" && n=${0##*/} && readlink -f \"$0\"\n", n + "cd \"$(dirname \"${BASH_SOURCE[0]}\")\" && n=${0##*/} && readlink -f \"$0\"\n"},
		{"its directory in Python", "SHELL", "#!/usr/bin/python3\nd=os.path.dirname(os.path.abspath(__file__))\n", "#!/usr/bin/python3\n" + n + "d=os.path.dirname(os.path.abspath(__file__))\n"},
		{"the form of a number is not BAT's word for the file", "SHELL", "stat -c \"%04a\" /etc && date +%0e\n", n + "stat -c \"%04a\" /etc && date +%0e\n"},
		{"nor for PowerShell", "POWERSHELL", "\"%05\" | Out-Host\n", n + "\"%05\" | Out-Host\n"},
		{"its directory in BAT", "BAT", "cd /d %~dp0\r\n", "@rem bmcmd r-1\ncd /d %~dp0\r\n"},
		{"an argument of another number", "SHELL", "echo $01 ${01}\n", n + "echo $01 ${01}\n"},
		{"$0 is awk's line, too", "SHELL", "awk '{ print $0 }' /etc/hosts | head -1\n", n + "awk '{ print $0 }' /etc/hosts | head -1\n"},
		{"$0 in a message", "SHELL", "echo \"usage: $0 <head|tail>\"\n", n + "echo \"usage: $0 <head|tail>\"\n"},
		{"nobody knows", "SHELL", "#!/opt/acme/run\nx\n", none},
		{"it names nothing", "SHELL", "#!\nx\n", none},
		{"a lone CR ends no line for the kernel", "SHELL", "#!/bin/sh\rreboot\r", none},

		{"make reads on behind a \\", "SHELL", "#!/usr/bin/make -f\n# a \\\nx:\n", "#!/usr/bin/make -f\n" + n + "# a \\\nx:\n"},
		{"also behind one in #!", "SHELL", "#!/usr/bin/make -f \\\nx:\n", none},
		{"Tcl's trick", "SHELL", "#!/bin/sh\n# tcl \\\nexec tclsh \"$0\"\n", "#!/bin/sh\n" + n + "# tcl \\\nexec tclsh \"$0\"\n"},
		{"what must stay on the second line", "SHELL", "#!/usr/bin/python\n# coding: latin-1 \\\nx\n", none},
		{"a lone CR ends a line for Python", "SHELL", "#!/usr/bin/python\n# a\rx=\"\"\"\n\"\"\"\n", "#!/usr/bin/python\n" + n + "# a\rx=\"\"\"\n\"\"\"\n"},

		{"below a mark and #!", "SHELL", bom + "#!/bin/sh\nx\n", bom + "#!/bin/sh\n" + n + "x\n"},
		{"behind a mark, bash reads #! as a command", "SHELL", bom + "#!/bin/sh \"\n\"\n", none},
		{"and # as a part of one", "SHELL", bom + "reboot\n", none},
		{"PowerShell does not", "POWERSHELL", bom + "Get-Date\r\n", bom + n + "Get-Date\r\n"},
		{"before a block of comments", "POWERSHELL", "<# a\n#>\nGet-Date\n", n + "<# a\n#>\nGet-Date\n"},
		{"before what it requires", "POWERSHELL", "#requires -Version 5\nparam($a)\n", n + "#requires -Version 5\nparam($a)\n"},
		{"first in BAT", "BAT", "@echo off\r\nver\r\n", "@rem bmcmd r-1\n@echo off\r\nver\r\n"},
		{"cmd takes a mark for a command", "BAT", bom + "@echo off\r\n", none},
		{"a type that nobody knows", "PYTHON", "x\n", none},
	} {
		got := none
		if e, ok := nameLine([]byte(c.stored), c.kind, "r-1"); ok {
			got = string(approvals.Plan{Script: approvals.Script{Content: []byte(c.stored)}, Edits: []approvals.Edit{e}}.Text())
		}
		if got != c.want {
			t.Errorf("%s: %q\ngot  %q\nwant %q", c.why, c.stored, got, c.want)
		}
	}
}

// Without the line, the stored bytes are left, and the line stands alone in a line of its own. Bash makes the
// same of both, if it can tell what the text is.
func FuzzNameLine(f *testing.F) {
	bash, _ := exec.LookPath("bash")
	for _, s := range []string{"", "#!/bin/sh\r\n# a\r\nx", bom + "#!/bin/sh\nx", "cat <<E\nE\n", "#!/bin/sh\n# a \\\nx", "#!/usr/bin/env -S python3 -u\n#coding: x\n", "a \\\n", "'\n"} {
		f.Add(s, "SHELL")
		f.Add(s, "POWERSHELL")
	}
	f.Fuzz(func(t *testing.T, stored, kind string) {
		e, ok := nameLine([]byte(stored), kind, "r-1")
		if !ok {
			return
		}
		plan := approvals.Plan{Script: approvals.Script{Content: []byte(stored)}, Edits: []approvals.Edit{e}}
		text := string(plan.Text())
		if without := text[:e.At] + text[e.At+len(e.Put):]; without != stored || e.Del != 0 {
			t.Errorf("%q: without the line it is %q", stored, without)
		}
		found := 0
		for line := range strings.Lines(strings.TrimPrefix(text, bom)) {
			if line = strings.TrimRight(line, "\r\n"); line == "# bmcmd r-1" || kind == "BAT" && line == "@rem bmcmd r-1" {
				found++
			}
		}
		if found == 0 {
			t.Errorf("%q: no line of its own: %q", stored, text)
		}
		if bash == "" || kind != "SHELL" || len(stored) > 200 || strings.ContainsRune(stored, 0) {
			return
		}
		if was, is := parses(bash, stored), parses(bash, text); was != is {
			t.Errorf("bash parses %q: %v, and with the line: %v", stored, was, is)
		}
	})
}

// parses asks bash whether a text is a script, without running it.
func parses(bash, script string) bool {
	c := exec.Command(bash, "-n")
	c.Stdin = strings.NewReader(script)
	return c.Run() == nil
}
