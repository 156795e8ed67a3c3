package bot

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	run := func(hosts string, change ...func(*Command)) Command {
		c := Command{Verb: VerbRun, Script: "cmd-nozcbhuw", Hosts: strings.Fields(hosts)}
		for _, f := range change {
			f(&c)
		}
		return c
	}
	reason := func(s string) func(*Command) { return func(c *Command) { c.Reason = s } }
	params := func(s string) func(*Command) { return func(c *Command) { c.Parameters = s } }
	dash := func(s string) func(*Command) { return func(c *Command) { c.Separator = s } }
	twice := func(s ...string) func(*Command) { return func(c *Command) { c.Repeated = s } }
	help := Command{Verb: VerbHelp}

	for _, tt := range []struct {
		why, line string
		want      Command
	}{
		{"nothing typed is a question", "", help},
		{"blanks are nothing", " \u00a0\t\u200b", help},
		{"help", "help", help},
		{"help about something is help", "help run", help},
		{"a keyboard begins sentences with a capital", "Show cmd-nozcbhuw", Command{Verb: VerbShow, Script: "cmd-nozcbhuw"}},
		{"one slip gets the nearest verb", "rnu cmd-x ins-1", Command{Verb: VerbHelp, Unknown: "rnu", Nearest: VerbRun}},
		{"the word is given back as typed", "Statsu", Command{Verb: VerbHelp, Unknown: "Statsu", Nearest: VerbStatus}},
		{"too far from everything", "reboot", Command{Verb: VerbHelp, Unknown: "reboot"}},
		{"list", "list", Command{Verb: VerbList}},
		{"the stored scripts", "list scripts", Command{Verb: VerbList, Scripts: true}},
		{"one slip of a letter less", "list script", Command{Verb: VerbList, Scripts: true}},
		{"with capitals", "List Scripts", Command{Verb: VerbList, Scripts: true}},
		{"a part of a name", "list scripts Web", Command{Verb: VerbList, Scripts: true, Search: "Web"}},
		{"a page", "list scripts page 3", Command{Verb: VerbList, Scripts: true, Page: 3}},
		{"both", "list scripts web PAGE 2", Command{Verb: VerbList, Scripts: true, Search: "web", Page: 2}},
		{"page alone is a word to search for", "list scripts page", Command{Verb: VerbList, Scripts: true, Search: "page"}},
		{"and may have pages itself", "list scripts page page 2", Command{Verb: VerbList, Scripts: true, Search: "page", Page: 2}},
		{"words in quotes are one", `list scripts "web front"`, Command{Verb: VerbList, Scripts: true, Search: "web front"}},
		{"an alias of any letters may be searched for", "list scripts 重启", Command{Verb: VerbList, Scripts: true, Search: "重启"}},
		{"an alias", "show restart-nginx", Command{Verb: VerbShow, Script: "restart-nginx"}},
		{"status with its whole id", "status r-k3m9q2xabc", Command{Verb: VerbStatus, Request: "r-k3m9q2xabc"}},
		{"status without the r-, in capitals", "status K3M9Q2XABC", Command{Verb: VerbStatus, Request: "r-k3m9q2xabc"}},

		{"bare run must do", "run cmd-nozcbhuw ins-1", run("ins-1")},
		{"an alias", "run restart_nginx.v2 ins-1", run("ins-1", func(c *Command) { c.Script = "restart_nginx.v2" })},
		{"commas", "run cmd-nozcbhuw ins-1,ins-2", run("ins-1 ins-2")},
		{"spaces", "run cmd-nozcbhuw ins-1 ins-2", run("ins-1 ins-2")},
		{"both", "run cmd-nozcbhuw ins-1, ins-2 ,ins-3", run("ins-1 ins-2 ins-3")},
		{"commas for nothing", "run cmd-nozcbhuw ,ins-1,,ins-2,", run("ins-1 ins-2")},
		{"commas of a Chinese keyboard", "run cmd-nozcbhuw ins-1，ins-2、ins-3", run("ins-1 ins-2 ins-3")},
		{"semicolons", "run cmd-nozcbhuw ins-1;ins-2; ins-3 ;", run("ins-1 ins-2 ins-3")},
		{"semicolons of a Chinese keyboard", "run cmd-nozcbhuw ins-1；ins-2", run("ins-1 ins-2")},
		{"quotes around each instance", `run "cmd-nozcbhuw" "ins-1","ins-2" 'ins-3'`, run("ins-1 ins-2 ins-3")},
		{"quotes, commas and spaces", `run cmd-nozcbhuw "ins-1", "ins-2", ins-3`, run("ins-1 ins-2 ins-3")},
		{"quotes around some of them", `run cmd-nozcbhuw ins-1,"ins-2",ins-3`, run("ins-1 ins-2 ins-3")},
		{"quotes and backticks", "run cmd-nozcbhuw `\"ins-1\"`", run("ins-1")},
		{"quotes around all of them", `run cmd-nozcbhuw "ins-1, ins-2 ins-3"`, run("ins-1 ins-2 ins-3")},
		{"corner brackets around them", "run cmd-nozcbhuw 「ins-1、ins-2」 『ins-3』", run("ins-1 ins-2 ins-3")},
		{"backticks around each", "run `cmd-nozcbhuw` `ins-1`,`ins-2` `ins-3`", run("ins-1 ins-2 ins-3")},
		{"backticks around the whole", "`run cmd-nozcbhuw ins-1 -- a b`", run("ins-1", params("a b"))},
		{"two of them, so that one may stand inside", "``run cmd-nozcbhuw ins-1 -- a`b``", run("ins-1", params("a`b"))},
		{"a code block", "```\nrun cmd-nozcbhuw ins-1 -- a\nb \n```", run("ins-1", params("a\nb "))},
		{"a code block on one line", "```run cmd-nozcbhuw ins-1```", run("ins-1")},
		{"a list of instances with lines", "run cmd-nozcbhuw\nins-1\nins-2", run("ins-1 ins-2")},
		{"backticks in parameters are the script's", "run cmd-nozcbhuw ins-1 -- `date`", run("ins-1", params("`date`"))},
		{"the command, pasted along", "/bmcmd run cmd-nozcbhuw ins-1", run("ins-1")},
		{"and in backticks", "`/bmcmd run cmd-nozcbhuw ins-1`", run("ins-1")},
		{"please", "please run cmd-nozcbhuw ins-1 -- x", run("ins-1", params("x"))},
		{"more courtesy", ", could you please run cmd-nozcbhuw ins-1", run("ins-1")},
		{"in Chinese", "请 run cmd-nozcbhuw ins-1", run("ins-1")},
		{"a no is none", "do not run cmd-nozcbhuw ins-1 -- x", Command{Verb: VerbHelp, Unknown: "do"}},
		{"nor behind courtesy", "please don't run cmd-nozcbhuw ins-1", Command{Verb: VerbHelp, Unknown: "don't"}},
		{"a wide colon", "run cmd-nozcbhuw ins-1 --reason：x", run("ins-1", reason("x"))},
		{"a colon and quotes", `run cmd-nozcbhuw ins-1 --reason:"a b"`, run("ins-1", reason("a b"))},
		{"a title in a reason is no hole", `run cmd-nozcbhuw ins-1 --reason "《a b》"`, run("ins-1", reason("《a b》"))},
		{"what nobody sees in a verb", "r\u200bun cmd-nozcbhuw ins-1", run("ins-1")},
		{"and before the --", "run cmd-nozcbhuw ins-1 \u200b-- x", run("ins-1", params("x"))},
		{"a mention, pasted along", "@bmcmd run cmd-nozcbhuw ins-1", run("ins-1")},
		{"a second mention", "<@U0BOT> run cmd-nozcbhuw ins-1", run("ins-1")},
		{"the API's own example has ids without a prefix", "run cmd-nozcbhuw sdfrfss", run("sdfrfss")},
		{"ids of all clouds", "run cmd-nozcbhuw cpm-an5a9wv4,tcpm-1 lhins-1 rins-1", run("cpm-an5a9wv4 tcpm-1 lhins-1 rins-1")},
		{"order is kept, duplicates are dropped and said once", "run cmd-nozcbhuw ins-2 ins-1 ins-2 ins-2", run("ins-2 ins-1", twice("ins-2"))},
		{"names of machines", "run cmd-nozcbhuw web-01,Db_2 api.Example.com ins-1", run("web-01 Db_2 api.Example.com ins-1")},
		{"non-breaking and wide spaces", "run\u00a0cmd-nozcbhuw\u3000ins-1\u202fins-2", run("ins-1 ins-2")},

		{"a reason in quotes", `run cmd-nozcbhuw ins-1 --reason "disk full"`, run("ins-1", reason("disk full"))},
		{"a reason before the instances", `run cmd-nozcbhuw --reason "disk full" ins-1`, run("ins-1", reason("disk full"))},
		{"a reason first of all", `run --reason disk cmd-nozcbhuw ins-1`, run("ins-1", reason("disk"))},
		{"one word needs no quotes at the end", `run cmd-nozcbhuw ins-1 --reason INC-42`, run("ins-1", reason("INC-42"))},
		{"with an equals sign", `run cmd-nozcbhuw ins-1 --reason="disk full"`, run("ins-1", reason("disk full"))},
		{"curly quotes", `run cmd-nozcbhuw ins-1 --reason “disk full”`, run("ins-1", reason("disk full"))},
		{"only one of them became curly", `run cmd-nozcbhuw ins-1 --reason "disk full”`, run("ins-1", reason("disk full"))},
		{"a shell's habit", `run cmd-nozcbhuw ins-1 --reason 'disk full'`, run("ins-1", reason("disk full"))},
		{"an apostrophe is a letter", `run cmd-nozcbhuw ins-1 --reason 'it doesn't start'`, run("ins-1", reason("it doesn't start"))},
		{"quotes inside quotes stay", `run cmd-nozcbhuw ins-1 --reason "db said “no”"`, run("ins-1", reason("db said “no”"))},
		{"the long dash of an option", `run cmd-nozcbhuw ins-1 —reason "disk full"`, run("ins-1", reason("disk full"))},
		{"the dashes of a Chinese keyboard", "run cmd-nozcbhuw ins-1 ——reason 「disk full」", run("ins-1", reason("disk full"))},
		{"wide hyphens, letters and sign", "run cmd-nozcbhuw ins-1 －－ｒｅａｓｏｎ＝“disk full”", run("ins-1", reason("disk full"))},
		{"a quote right behind the option", "run cmd-nozcbhuw ins-1 --reason“disk full”", run("ins-1", reason("disk full"))},
		{"corner brackets right behind it, and no space after them", "run cmd-nozcbhuw ——reason「磁盘满」ins-1", run("ins-1", reason("磁盘满"))},
		{"white corner brackets", "run cmd-nozcbhuw ins-1 --reason 『a b』", run("ins-1", reason("a b"))},
		{"wide apostrophes", "run cmd-nozcbhuw ins-1 --reason ＇a b＇", run("ins-1", reason("a b"))},
		{"a capital of a keyboard", "run cmd-nozcbhuw ins-1 --Reason x", run("ins-1", reason("x"))},
		{"wide letters of the verb", "ｒｕｎ cmd-nozcbhuw ins-1", run("ins-1")},
		{"a wide blank between all words", "run　cmd-nozcbhuw　ins-1　--reason　x", run("ins-1", reason("x"))},
		{"quotes with commas behind are text in a reason", `run cmd-nozcbhuw ins-1 --reason "he said "x", then left"`, run("ins-1", reason(`he said "x", then left`))},
		{"a hole in a reason's quotes is text", `run cmd-nozcbhuw ins-1 --reason "restart <nginx>"`, run("ins-1", reason("restart <nginx>"))},
		{"one hyphen", `run cmd-nozcbhuw ins-1 -reason "disk full"`, run("ins-1", reason("disk full"))},
		{"a reason is people's text and kept as it is", `run cmd-nozcbhuw ins-1 --reason="disk – full — again"`, run("ins-1", reason("disk – full — again"))},

		{"parameters", "run cmd-nozcbhuw ins-1 -- -f /var/log", run("ins-1", params("-f /var/log"))},
		{"after the long dash that Slack makes of --", "run cmd-nozcbhuw ins-1 — -f", run("ins-1", params("-f"), dash("—"))},
		{"after the shorter dash", "run cmd-nozcbhuw ins-1 – -f", run("ins-1", params("-f"), dash("–"))},
		{"after the dashes of a Chinese keyboard", "run cmd-nozcbhuw ins-1 —— nginx", run("ins-1", params("nginx"), dash("——"))},
		{"after wide hyphens", "run cmd-nozcbhuw ins-1 －－ nginx", run("ins-1", params("nginx"), dash("－－"))},
		{"after a mix of them", "run cmd-nozcbhuw ins-1 —- nginx", run("ins-1", params("nginx"), dash("—-"))},
		{"after two that are set nicely", "run cmd-nozcbhuw ins-1 ‐‐ nginx", run("ins-1", params("nginx"), dash("‐‐"))},
		{"after a drawn line", "run cmd-nozcbhuw ins-1 ── nginx", run("ins-1", params("nginx"), dash("──"))},
		{"with a wide blank behind", "run cmd-nozcbhuw ins-1 ——　nginx", run("ins-1", params("nginx"), dash("——"))},
		{"what follows is never normalised", "run cmd-nozcbhuw ins-1 -- ；「ａ」，、", run("ins-1", params("；「ａ」，、"))},
		{"-- and nothing", "run cmd-nozcbhuw ins-1 --", run("ins-1")},
		{"-- and one space", "run cmd-nozcbhuw ins-1 -- ", run("ins-1")},
		{"one space belongs to --, all others are kept", "run cmd-nozcbhuw ins-1 --  a  b  ", run("ins-1", params(" a  b  "))},
		{"only the first -- is ours", "run cmd-nozcbhuw ins-1 -- a -- b --", run("ins-1", params("a -- b --"))},
		{"quotes in parameters are the script's", `run cmd-nozcbhuw ins-1 -- "a b" 'c`, run("ins-1", params(`"a b" 'c`))},
		{"a newline is kept", "run cmd-nozcbhuw ins-1 -- a\nb\n", run("ins-1", params("a\nb\n"))},
		{"a newline may stand after --", "run cmd-nozcbhuw ins-1 --\na", run("ins-1", params("a"))},
		{"other scripts than Latin are fine", "run cmd-nozcbhuw ins-1 -- 重启 é", run("ins-1", params("重启 é"))},
		{"reason and parameters", `run cmd-nozcbhuw ins-1 --reason "a – b" -- --fast`, run("ins-1", reason("a – b"), params("--fast"))},
		{"a variable is no secret", "run cmd-nozcbhuw ins-1 -- --token=$TOKEN", run("ins-1", params("--token=$TOKEN"))},
		{"pass at the end of a word is no password", "run cmd-nozcbhuw ins-1 -- bypass=true compass=north", run("ins-1", params("bypass=true compass=north"))},
	} {
		t.Run(tt.why, func(t *testing.T) {
			got, err := Parse(tt.line)
			if err != nil {
				t.Fatalf("Parse(%q): %v", tt.line, err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Parse(%q) (-want +got):\n%s", tt.line, diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	const unquoted = `I cannot tell where the reason ends. Put it in quotes: --reason "disk …"`
	curly := func(what, at, paste string) string {
		return fmt.Sprintf("The parameters hold %s at character %s after the --, which Slack or a keyboard made. If you meant the plain one, paste this after --: %s", what, at, paste)
	}
	unseen := func(what, at string) string {
		return fmt.Sprintf("The parameters hold %s at character %s after the --, which cannot be seen. Type them again by hand.", what, at)
	}
	secret := func(where, what, do string) string {
		return fmt.Sprintf("The %s what looks like %s, and what is typed into Slack is public and kept. Change that credential now if it is real, and %s", where, what, do)
	}
	notHost := func(id, near string) string {
		s := `"` + id + `" is not the id of a host: it has small letters, digits and - only, and neither begins nor ends with -`
		if near == "" {
			return s + "."
		}
		return s + "; did you mean " + near + "?"
	}
	notScript := func(id, near string) string {
		return `"` + id + `" is not the id of a script: it begins with cmd-, and has small letters, digits and - only; did you mean ` + near + "?"
	}
	paste := func(says, line string) string { return says + " If so, paste this behind my name: " + line }
	inParams := func(what string) string {
		return secret("parameters hold", what, "let the script read it on the host.")
	}

	for _, tt := range []struct{ why, line, want string }{
		{"nothing to run", "run", "run takes a script and the instances to run it on. For example: run cmd-nozcbhuw ins-1,ins-2"},
		{"no instances", "run cmd-nozcbhuw", "On which instances? For example: run cmd-nozcbhuw ins-1,ins-2"},
		{"commas are no instances", "run cmd-nozcbhuw ,,", "On which instances? For example: run cmd-nozcbhuw ins-1,ins-2"},
		{"swapped", "run ins-1 cmd-nozcbhuw", `"ins-1" stands where the script belongs. The script comes first, then the instances: run cmd-nozcbhuw ins-1,ins-2`},
		{"swapped, with an id that has no prefix", "run sdfrfss cmd-nozcbhuw", `"sdfrfss" stands where the script belongs. The script comes first, then the instances: run cmd-nozcbhuw ins-1,ins-2`},
		{"swapped, behind more instances", "run sdfrfss,ins-2 cmd-nozcbhuw", `"sdfrfss,ins-2" is no script: it holds a comma. Give its id, like cmd-nozcbhuw; list scripts shows them.`},
		{"the script forgotten", "run ins-1 ins-2", `"ins-1" stands where the script belongs. The script comes first, then the instances: run cmd-nozcbhuw ins-1,ins-2`},
		{"the script forgotten, one instance", "run ins-1", `"ins-1" stands where the script belongs. The script comes first, then the instances: run cmd-nozcbhuw ins-1,ins-2`},
		{"a prefix is no id", "run cmd- ins-1", `"cmd-" is no script. Give its id, like cmd-nozcbhuw; list scripts shows them.`},
		{"nothing is no alias", `run "" ins-1`, `"" is no script. Give its id, like cmd-nozcbhuw; list scripts shows them.`},
		{"nor is it with show", `show ""`, `"" is no script. Give its id, like cmd-nozcbhuw; list scripts shows them.`},
		{"an instance is no script", "show ins-1", `"ins-1" is an instance. show takes a script, for example: show cmd-nozcbhuw`},
		{"an endless alias", "run " + strings.Repeat("a", 65) + " ins-1", `"` + strings.Repeat("a", 64) + `…" is too long for a script. Give its id, like cmd-nozcbhuw; list scripts shows them.`},
		{"two scripts", "run cmd-nozcbhuw cmd-other ins-1", `"cmd-other" is a second script id. One request runs one script: ask for the other in a line of its own.`},
		{"capitals lead around a rule", "run cmd-nozcbhuw ins-DB1", paste(notHost("ins-DB1", "ins-db1"), "run cmd-nozcbhuw ins-db1")},
		{"in any place", "run cmd-nozcbhuw ins-1,INS-2", paste(notHost("INS-2", "ins-2"), "run cmd-nozcbhuw ins-1,ins-2")},
		{"an underscore is another id", "run cmd-nozcbhuw ins_1", paste(notHost("ins_1", "ins-1"), "run cmd-nozcbhuw ins-1")},
		{"wide letters of a Chinese keyboard", "run cmd-nozcbhuw ｉｎｓ－１", paste(notHost("ｉｎｓ－１", "ins-1"), "run cmd-nozcbhuw ins-1")},
		{"hyphens of a nicely set runbook", "run cmd‑nozcbhuw ins‐1,ins–2,ins−3 -- a  b", paste(notScript("cmd‑nozcbhuw", "cmd-nozcbhuw"), "run cmd-nozcbhuw ins-1,ins-2,ins-3 -- a  b")},
		{"a space without width", "run cmd-nozcbhuw ins-\u200b1 --reason \"a b\"", paste(notHost(`ins-\u200b1`, "ins-1"), "run cmd-nozcbhuw ins-1 --reason \"a b\"")},
		{"in front of an id", "run cmd-nozcbhuw \u200bins-1", paste(notHost(`\u200bins-1`, "ins-1"), "run cmd-nozcbhuw ins-1")},
		{"behind an id", "run cmd-nozcbhuw ins-1\ufeff", paste(notHost(`ins-1\ufeff`, "ins-1"), "run cmd-nozcbhuw ins-1")},
		{"a hyphen for line ends", "run cmd-nozcbhuw ins\u00ad1", paste(notHost(`ins\u00ad1`, "ins-1"), "run cmd-nozcbhuw ins-1")},
		{"in quotes", "run cmd-nozcbhuw \"ins‑1\", 'ins-2'", paste(notHost("ins‑1", "ins-1"), `run cmd-nozcbhuw "ins-1", 'ins-2'`)},
		{"in backticks", "`run cmd-nozcbhuw ins‑1`", paste(notHost("ins‑1", "ins-1"), "`run cmd-nozcbhuw ins-1`")},
		{"an id that another begins with", "run cmd-nozcbhuw ins‑12,ins‑1", paste(notHost("ins‑12", "ins-12"), "run cmd-nozcbhuw ins-12,ins-1")},
		{"an alias", "show restart‑nginx", paste(`"restart‑nginx" is no script: it holds the character '‑' (U+2011); did you mean restart-nginx?`, "show restart-nginx")},
		{"an alias with what nobody sees", "show restart\u200b", paste(`"restart\u200b" is no script: it holds a zero-width space (U+200B); did you mean restart?`, "show restart")},
		{"a request", "status r‑k3m9q2xabc", paste(`"r‑k3m9q2xabc" is no request id; did you mean r-k3m9q2xabc?`, "status r-k3m9q2xabc")},
		{"what else is wrong has no line to paste", "run cmd‑nozcbhuw web/example", notScript("cmd‑nozcbhuw", "cmd-nozcbhuw")},

		{"a word between instances", "run cmd-nozcbhuw ins-android and ins-2", paste(`"and" is a word, and no script or instance. Part instances by commas or spaces only.`, "run cmd-nozcbhuw ins-android ins-2")},
		{"please at the end", "run cmd-nozcbhuw ins-1 please", paste(`"please" is a word, and no script or instance. Part instances by commas or spaces only.`, "run cmd-nozcbhuw ins-1")},
		{"more of them", "run cmd-nozcbhuw on ins-1 and ins-2 -- x", paste(`"on" is a word, and no script or instance. Part instances by commas or spaces only.`, "run cmd-nozcbhuw ins-1 ins-2 -- x")},
		{"before the script", "run please cmd-nozcbhuw ins-1", paste(`"please" is a word, and no script or instance. Part instances by commas or spaces only.`, "run cmd-nozcbhuw ins-1")},
		{"a slash stands in no id or name", "run cmd-nozcbhuw web/example", `"web/example" is no instance id: it holds a /. The name of a machine cannot be typed so: give its id. A reason goes after --reason, parameters after --.`},
		{"a name ends in a letter or digit", "run cmd-nozcbhuw web-01.", notHost("web-01.", "") + " The name of a machine cannot be typed so: give its id. A reason goes after --reason, parameters after --."},
		{"an id that goes on", "run cmd-nozcbhuw ins-db-", notHost("ins-db-", "") + " The name of a machine cannot be typed so: give its id. A reason goes after --reason, parameters after --."},
		{"a script's id in capitals is no alias", "run CMD-Nozcbhuw ins-1", paste(notScript("CMD-Nozcbhuw", "cmd-nozcbhuw"), "run cmd-nozcbhuw ins-1")},
		{"nor is one with an underscore", "show cmd_nozcbhuw", paste(notScript("cmd_nozcbhuw", "cmd-nozcbhuw"), "show cmd-nozcbhuw")},
		{"a script's id behind the first, in capitals", "run cmd-nozcbhuw CMD-other ins-1", `"CMD-other" is a second script id. One request runs one script: ask for the other in a line of its own.`},
		{"swapped, on Bare Metal", "run cpm-an5a9wv4 cmd-nozcbhuw", `"cpm-an5a9wv4" stands where the script belongs. The script comes first, then the instances: run cmd-nozcbhuw ins-1,ins-2`},
		{"the script forgotten, in other clouds", "run lhins-1 rins-2", `"lhins-1" stands where the script belongs. The script comes first, then the instances: run cmd-nozcbhuw ins-1,ins-2`},
		{"an instance of Bare Metal is no script", "show cpm-an5a9wv4", `"cpm-an5a9wv4" is an instance. show takes a script, for example: show cmd-nozcbhuw`},
		{"a pattern", "run cmd-nozcbhuw ins-*", `"ins-*" is a pattern. Name each instance, so that everybody sees where it runs.`},
		{"a pattern among others", "run cmd-nozcbhuw ins-1,ins-?", `"ins-?" is a pattern. Name each instance, so that everybody sees where it runs.`},
		{"a second command", "run cmd-nozcbhuw ins-1\nshow cmd-other", `"show" begins a second command. Send one at a time.`},
		{"behind a semicolon", "run cmd-nozcbhuw ins-1; list", `"list" begins a second command. Send one at a time.`},
		{"an id begins with a letter or digit", "run cmd-nozcbhuw ins-1,-f", notHost("-f", "") + " The name of a machine cannot be typed so: give its id. A reason goes after --reason, parameters after --."},
		{"a long dash inside an id", "run cmd—nozcbhuw ins-1", paste(notScript("cmd—nozcbhuw", "cmd-nozcbhuw"), "run cmd-nozcbhuw ins-1")},
		{"NUL is a character", "run cmd-nozcbhuw ins-1\x00;reboot", "\"ins-1\\x00\" is no instance id: it holds the character U+0000. The name of a machine cannot be typed so: give its id. A reason goes after --reason, parameters after --."},
		{"also in a script", "run cmd-x\x00 ins-1", "\"cmd-x\\x00\" is no script: it holds the character U+0000. Give its id, like cmd-nozcbhuw; list scripts shows them."},
		{"also in a request", "status r-\x00a", "\"r-\\x00a\" is no request id: it holds the character U+0000. Ids look like r-k3m9q2xabc."},
		{"what turns text around is not dropped", "run cmd-nozcbhuw ins-\u202e1", paste(notHost("ins-\\u202e1", "ins-1"), "run cmd-nozcbhuw ins-1")},
		{"a Cyrillic letter that looks like ours", "run cmd-nоzcbhuw ins-1", `"cmd-nоzcbhuw" is no script: it holds the character 'о' (U+043E). Give its id, like cmd-nozcbhuw; list scripts shows them.`},
		{"words in quotes that may be a reason", `run cmd-nozcbhuw ins-1 "disk full"`, `"disk full" stands in quotes, so I cannot tell what it is. The name of a machine cannot be typed so: give its id. A reason goes after --reason, parameters after --.`},
		{"a name with blanks", `run cmd-nozcbhuw "web prod 2"`, `"web prod 2" stands in quotes, so I cannot tell what it is. The name of a machine cannot be typed so: give its id. A reason goes after --reason, parameters after --.`},
		{"a name in Chinese", `run cmd-nozcbhuw ins-1,网站-2`, `"网站-2" is no instance id: it holds the character '网' (U+7F51). The name of a machine cannot be typed so: give its id. A reason goes after --reason, parameters after --.`},
		{"a name with an accent", `run cmd-nozcbhuw café-1`, `"café-1" is no instance id: it holds the character 'é' (U+00E9). The name of a machine cannot be typed so: give its id. A reason goes after --reason, parameters after --.`},

		{"an endless id", "run cmd-nozcbhuw " + strings.Repeat("a", 65), `"` + strings.Repeat("a", 64) + `…" is too long for an instance id. Part instances by commas or spaces. The name of a machine cannot be typed so: give its id. A reason goes after --reason, parameters after --.`},

		{"an option that is none of ours", "run cmd-nozcbhuw ins-1 --force", "I do not know the option --force. What goes to the script stands after --, for example: run cmd-nozcbhuw ins-1 -- --force"},
		{"the same, of a keyboard that joined its hyphens", "run cmd-nozcbhuw ins-1 —force", "I do not know the option --force. What goes to the script stands after --, for example: run cmd-nozcbhuw ins-1 -- --force"},
		{"an unquoted reason at the end", "run cmd-nozcbhuw ins-1 --reason disk full", unquoted},
		{"an unquoted reason whose second word could be an instance", "run cmd-nozcbhuw --reason disk full ins-1", unquoted},
		{"an unquoted reason before a -- is just as unclear", "run cmd-nozcbhuw ins-1 --reason disk full -- -x", unquoted},
		{"no reason after --reason", "run cmd-nozcbhuw ins-1 --reason", `--reason has no text after it. Give it in quotes: --reason "disk full"`},
		{"-- is no reason", "run cmd-nozcbhuw ins-1 --reason -- x", `--reason has no text after it. Give it in quotes: --reason "disk full"`},
		{"an option is no reason", "run cmd-nozcbhuw ins-1 --reason --force", `--reason has no text after it. Give it in quotes: --reason "disk full"`},
		{"an empty reason", `run cmd-nozcbhuw ins-1 --reason ""`, `The reason is empty. Give it in quotes: --reason "disk full"`},
		{"a blank reason", `run cmd-nozcbhuw ins-1 --reason=" "`, `The reason is empty. Give it in quotes: --reason "disk full"`},
		{"two reasons", `run cmd-nozcbhuw ins-1 --reason a --reason b`, `There are two reasons. Give one, in quotes: --reason "disk full"`},
		{"a quote that stays open", `run cmd-nozcbhuw ins-1 --reason "disk full`, `A quote is opened and not closed. Close it with another ", with a space after it.`},
		{"a quote that swallows the --", `run cmd-nozcbhuw ins-1 --reason "disk -- -x "y" z`, `The reason holds a -- that stands alone, so I cannot tell where its quote was meant to end. Write the reason without it.`},
		{"text behind a closing quote", `run cmd-nozcbhuw ins-1 --reason "disk"full`, `A quote is opened and not closed. Close it with another ", with a space after it.`},
		{"a quote inside a word", `run cmd-nozcbhuw ins"1"`, `A quote stands inside a word, so I cannot tell what it opens or closes. Put a space before it, or leave it out.`},

		{"backticks that close too late", "run cmd-nozcbhuw `ins-1 -- a`", "A backtick is opened and not closed before the end of the command. Put the whole command in backticks, or leave them out."},
		{"backticks that close too early", "`run cmd-nozcbhuw ins-1 -- a` please", "A backtick is opened and not closed before the end of the command. Put the whole command in backticks, or leave them out."},
		{"backticks at its end may be either's", "```run cmd-nozcbhuw ins-1 -- `a````", "I cannot tell which backticks belong to the command. Leave out those around it."},

		{"a curly quote in parameters", "run cmd-nozcbhuw ins-1 -- grep “x y”", curly("a curly quote (U+201C)", "6", `grep "x y"`)},
		{"a curly apostrophe", "run cmd-nozcbhuw ins-1 -- it’s", curly("a curly apostrophe (U+2019)", "3", `it's`)},
		{"a long dash where -- was typed", "run cmd-nozcbhuw ins-1 -- —fast", curly("a long dash (U+2014)", "1", `--fast`)},
		{"a non-breaking space", "run cmd-nozcbhuw ins-1 -- a\u00a0b", curly("a non-breaking space (U+00A0)", "2", `a b`)},
		{"an ellipsis", "run cmd-nozcbhuw ins-1 -- a…", curly("an ellipsis (U+2026)", "2", `a...`)},
		{"a tab stays what it is", "run cmd-nozcbhuw ins-1 -- a\tb\u00a0c", curly("a non-breaking space (U+00A0)", "4", "a\tb c")},
		{"a zero-width space", "run cmd-nozcbhuw ins-1 -- a\u200bb", curly("a zero-width space (U+200B)", "2", `ab`)},
		{"places are counted in characters, not bytes", "run cmd-nozcbhuw ins-1 -- 重启 ”", curly("a curly quote (U+201D)", "4", `重启 "`)},
		{"the plain version has nothing else that is refused", "run cmd-nozcbhuw ins-1 -- “\u202e\u200ea\u0007”", curly("a curly quote (U+201C)", "1", `"a"`)},
		{"what turns text around", "run cmd-nozcbhuw ins-1 -- a\u202eb", unseen("the character U+202E", "2")},
		{"a control character", "run cmd-nozcbhuw ins-1 -- a\u0007b", unseen("the character U+0007", "2")},
		{"a tag character, which nothing shows", "run cmd-nozcbhuw ins-1 -- a\U000e0041", unseen("the character U+E0041", "2")},
		{"a line separator is no newline", "run cmd-nozcbhuw ins-1 -- a\u2028b", unseen("the character U+2028", "2")},

		{"a Slack token", "run cmd-nozcbhuw ins-1 -- xoxb-1234567890-abc", inParams("a Slack token")},
		{"a cloud key id", "run cmd-nozcbhuw ins-1 -- AKIDz8krbsJ5yKBZQpn74WFkmLPx3gnPhESA", inParams("a Tencent Cloud key id")},
		{"a GitHub token", "run cmd-nozcbhuw ins-1 -- ghp_abcdefghijklmnopqrstuvwxyz0123456789", inParams("a GitHub token")},
		{"a vault token", "run cmd-nozcbhuw ins-1 -- hvs.CAESIJabcdefghijklmnop", inParams("a vault token")},
		{"a signed token", "run cmd-nozcbhuw ins-1 -- eyJhbGciOiJI.eyJzdWIiOiIx.x", inParams("a signed token (JWT)")},
		{"a private key", "run cmd-nozcbhuw ins-1 -- -----BEGIN RSA PRIVATE KEY-----", inParams("a private key")},
		{"a password by name", "run cmd-nozcbhuw ins-1 -- MYSQL_PASSWORD=hunter2", inParams("a password")},
		{"a password as an option of its own", "run cmd-nozcbhuw ins-1 -- --password hunter2", inParams("a password")},
		{"a short name", "run cmd-nozcbhuw ins-1 -- pass=hunter2", inParams("a password")},
		{"a bearer token", "run cmd-nozcbhuw ins-1 -- -H 'Authorization: Bearer abcdef0123456789abcdef'", inParams("a bearer token")},
		{"a password in an address", "run cmd-nozcbhuw ins-1 -- redis://u:hunter2@db", inParams("a password in an address")},
		{"a token in the reason", `run cmd-nozcbhuw ins-1 --reason "use xoxb-1234567890-abc"`, secret("reason holds", "a Slack token", "ask again without it.")},

		{"show needs an id", "show", "show takes one script. For example: show cmd-nozcbhuw"},
		{"show takes one", "show cmd-nozcbhuw cmd-other", "show takes one script. For example: show cmd-nozcbhuw"},
		{"show takes no pattern", "show cmd-*", `"cmd-*" is no script: it holds a *. Give its id, like cmd-nozcbhuw; list scripts shows them.`},
		{"only run takes parameters", "show cmd-nozcbhuw -- x", "Only run takes parameters after --. Leave them out, or type: help"},
		{"a -- first", "-- x", "Nothing stands before the --. A run looks like: run cmd-nozcbhuw ins-1,ins-2 -- --fast"},
		{"list takes nothing", "list mine", `list alone shows the open requests here, yours, and those waiting for you. For stored scripts type: list scripts, or: list scripts web`},
		{"two words to search for", "list scripts web front", `list scripts takes one word to search for. For example: list scripts web`},
		{"page nothing", "list scripts web page x", `"x" is no page. For example: list scripts web page 2`},
		{"page zero", "list scripts page 0", `"0" is no page. For example: list scripts web page 2`},
		{"a page that nobody reads", "list scripts page 1001", `"1001" is no page. For example: list scripts web page 2`},
		{"an endless word", "list scripts " + strings.Repeat("é", 65), `"` + strings.Repeat("é", 64) + `…" is too long to search for. For example: list scripts web`},
		{"status needs an id", "status", "status takes one request id. For example: status r-k3m9q2xabc; list shows the open ones."},
		{"an id of something else", "status https://x", `"r-https://x" is no request id: it holds a :. Ids look like r-k3m9q2xabc.`},
		{"no id at all", "status r-", `"r-" is no request id. Ids look like r-k3m9q2xabc.`},
		{"a line beyond all measure", "run " + strings.Repeat("x", longestLine), "This line has 16388 bytes, more than I read (16384). Put long input into the script itself."},
		{"bytes that are no text", "run cmd-nozcbhuw ins-1 -- \xff", "This line is not valid text (UTF-8). Type it again by hand."},
	} {
		t.Run(tt.why, func(t *testing.T) {
			got, err := Parse(tt.line)
			if err == nil {
				t.Fatalf("Parse(%q) = %+v, want an error", tt.line, got)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("Parse(%q) (-want +got):\n%s", tt.line, diff)
			}
			if diff := cmp.Diff(Command{}, got); diff != "" {
				t.Errorf("Parse(%q) answered half a command:\n%s", tt.line, diff)
			}
		})
	}
}

// print writes a command as a careful person would type it.
func print(c Command) string {
	switch c.Verb {
	case VerbShow:
		return "show " + c.Script
	case VerbStatus:
		return "status " + c.Request
	case VerbRun:
		line := "run " + c.Script + " " + strings.Join(append(c.Hosts, c.Repeated...), ",")
		if c.Reason != "" {
			line += " --reason " + quote("--reason", c.Reason)
		}
		return line + " " + orHyphens(c.Separator) + " " + c.Parameters
	case VerbHelp:
		return c.Unknown
	case VerbList:
		return printList(c)
	}
	return string(c.Verb)
}

func orHyphens(separator string) string {
	if separator == "" {
		return "--"
	}
	return separator
}

func printList(c Command) string {
	line := "list"
	if c.Scripts {
		line += " scripts"
	}
	if c.Search != "" {
		line += " " + quote("scripts", c.Search)
	}
	if c.Page > 0 {
		line += fmt.Sprintf(" page %d", c.Page)
	}
	return line
}

// quote finds quotes behind the word before that the text does not close itself.
func quote(before, s string) string {
	for _, q := range [][2]string{{`"`, `"`}, {"'", "'"}, {"「", "」"}, {"『", "』"}} {
		l := reader{rest: q[0] + s + q[1], words: words{own: []word{{text: before}}}}
		if l.word() == nil && l.rest == "" && l.own[1].text == s {
			return q[0] + s + q[1]
		}
	}
	return s // was typed without
}

func FuzzParse(f *testing.F) {
	for _, line := range []string{
		"", "help", "show cmd-nozcbhuw", "run cmd-nozcbhuw ins-1,ins-2 ins-2",
		`run cmd-x a --reason "disk full" -- --fast  -- `, "run cmd-x a — “x”", "run cmd-x a —reason “it’s — full”",
		"status K3M9", "list", "list scripts web page 2", `list script "page 3"`, "show restart", "run restart a", "rnu", "run cmd-x a -- a\nb\u200bc", `run --reason='a"b' cmd-x a`, "\xff", "run cmd-x a \x00=' '", "run cmd-x a --reason=\"a\u00a0", `"" 0`, "run cmd-x a —— b", "```\nrun `cmd-x` \"a\",b\n```", "run cmd-x <a>,HOST_1 ——reason「b」c -- $d", "run cmd‑x\u00a0INS-1 and \u200bins–2; -- a\u3000b",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		printParsePrint(t, line)
		printParsePrint(t, "run cmd-x a "+line)
	})
}

func printParsePrint(t *testing.T, line string) {
	c, err := Parse(line)
	if err != nil {
		var p *ParseError
		if !errors.As(err, &p) || p.Text == "" || !utf8.ValidString(p.Text) {
			t.Fatalf("Parse(%q): %#v is no error for people", line, err)
		}
		if p.typed != "" && p.Paste != "" {
			if _, err := Parse(p.Paste); err != nil {
				t.Fatalf("Parse(%q) offers %q, which is refused: %v", line, p.Paste, err)
			}
		}
		return
	}
	if !strings.Contains(line, c.Parameters) {
		t.Fatalf("Parse(%q): parameters %q are not in the line", line, c.Parameters)
	}
	if c.Verb == VerbHelp && c.Unknown != "" {
		return // any word at all
	}
	again, err := Parse(print(c))
	if err != nil {
		t.Fatalf("Parse(%q) printed as %q: %v", line, print(c), err)
	}
	if diff := cmp.Diff(c, again); diff != "" {
		t.Fatalf("Parse(%q) printed as %q (-first +again):\n%s", line, print(c), diff)
	}
}

// What is offered for pasting must do: nobody is sent round in circles at night.
func FuzzPlainVersionIsAccepted(f *testing.F) {
	for _, s := range []string{"“x”", "a\u00a0—fast", "\u202e“", "…\u200b\x07", "’"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, parameters string) {
		_, err := Parse("run cmd-x ins-1 -- " + parameters)
		if err == nil {
			return
		}
		var p *ParseError
		if !errors.As(err, &p) || p.Paste == "" {
			return
		}
		paste := p.Paste
		c, err := Parse("run cmd-x ins-1 -- " + paste)
		if err != nil && !strings.Contains(err.Error(), "what looks like") && !strings.Contains(err.Error(), "more than I read") {
			t.Fatalf("%q was offered for %q, and refused: %v", paste, parameters, err)
		}
		if err == nil && c.Parameters != paste {
			t.Fatalf("%q became %q", paste, c.Parameters)
		}
	})
}
