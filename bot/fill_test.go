package bot

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// filled is what runs of a script on TAT with the typed parameters, without the line that names it; or what is said instead.
func filled(content, typed string, change ...func(*approvals.Plan)) string {
	p := approvals.Plan{
		Script: approvals.Script{CmdID: "cmd-x", Content: []byte(content), How: approvals.How{Type: "SHELL", Fillable: true}},
		Target: approvals.Target{API: bmclient.APITAT}, Parameters: typed,
		Rule: approvals.Rule{Name: "ops", Parameters: approvals.Parameters{{Name: "a", Example: "1", Match: ".*"}, {Name: "b", Example: "1"}, {Name: "other", Example: "1"}}},
	}
	for _, f := range change {
		f(&p)
	}
	var err error
	if p.Edits, err = edits(p, "r-1"); err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(string(p.Text()), "# bmcmd r-1\n", "")
}

func TestFillingIn(t *testing.T) {
	defaults := func(d ...approvals.Default) func(*approvals.Plan) {
		return func(p *approvals.Plan) { p.Script.How.Defaults = d }
	}
	text := func(p *approvals.Plan) { p.Script.How.Fillable = false }
	const takesA, takesAB = "It takes a, typed like: -- a=…", `It takes a (else "x"), b, typed like: -- a=… b=…`
	for _, c := range []struct {
		why, content, typed, want string
		change                    func(*approvals.Plan)
	}{
		{"each place of a name", "{{a}} {{b}} {{a}}\n", "a=1 b=2", "1 2 1\n", nil},
		{"in any order, parted by any blanks", "{{a}}{{b}}", " b=2\n\ta=1 ", "12", nil},
		{"a value with blanks", "{{a}}", `a="x  y"`, "x  y", nil},
		{"or in the other quotes", "{{a}}", `a='x "y"'`, `x "y"`, nil},
		{"nothing", "[{{a}}]", "a=", "[]", nil},
		{"nothing, in quotes", "[{{a}}]", `a=""`, "[]", nil},
		{"a quote inside is a character", "{{a}}", `a=it's`, "it's", nil},
		{"so is an equals sign", "{{a}}", "a=b=c", "b=c", nil},
		{"in one pass", "{{a}} {{b}}", "a={{b}} b=2", "{{b}} 2", nil},
		{"a value that makes a name with what is beside it", "{{{a}}b}}", "a={", "{{b}}", nil},
		{"a default", "{{a}} {{b}}", "b=2", "x 2", defaults(approvals.Default{Name: "a", Value: "x"})},
		{"what is typed comes before it", "{{a}}", "a=y", "y", defaults(approvals.Default{Name: "a", Value: "x"})},
		{"a default of nothing", "[{{a}}]", "", "[]", defaults(approvals.Default{Name: "a"})},
		{"a default is not filled in again", "{{a}}", "", "{{b}}", defaults(approvals.Default{Name: "a", Value: "{{b}}"})},
		{"a default that the rule does not take", "{{b}}", "", `"x;y" is not a value for b: it may have letters, digits and @%_+=:,./- only, and may not begin with -; an example is "1". That is what the script is stored with: type b=… with another value after the --. Nothing ran: the rule "ops" says what may be filled in.`, defaults(approvals.Default{Name: "b", Value: "x;y"})},
		{"nor one of its choices", "{{b}}", "", `"2" is not a value for b: it has to be one of 1 3, 4; an example is "1 3". That is what the script is stored with: type b=… with another value after the --. Nothing ran: the rule "ops" says what may be filled in.`, func(p *approvals.Plan) {
			p.Rule.Parameters[1] = approvals.Parameter{Name: "b", Example: "1 3", Choices: []string{"1 3", "4"}}
			p.Script.How.Defaults = []approvals.Default{{Name: "b", Value: "2"}}
		}},
		{"what is typed instead", "{{b}}", "b=1", "1", defaults(approvals.Default{Name: "b", Value: "x;y"})},
		{"a default that has no place", "{{a}}", "a=1", "1", defaults(approvals.Default{Name: "b", Value: "x;y"})},
		{"a default that the rule does not name is of the script", "{{c}}", "", "x;y", defaults(approvals.Default{Name: "c", Value: "x;y"})},
		{"what is no name is text", "{{.Name}} {{a b}} {a} {{}} {{a", "", "{{.Name}} {{a b}} {a} {{}} {{a", nil},
		{"no document says what blanks are", "{{ a }}", "a=1", "The script cmd-x has {{ a }} in it, and no document says what the cloud makes of that. Store it with plain names, like {{name}}.", nil},
		{"also on one side", "{{a\t}}", "a=1", "The script cmd-x has {{a\t}} in it, and no document says what the cloud makes of that. Store it with plain names, like {{name}}.", nil},
		{"what is hidden cannot be approved", "{{tat-hidden:a}}", "a=1", "The script cmd-x has {{tat-hidden:a}} in it, and the card would not show what is hidden. Store it with plain names, like {{name}}.", nil},
		{"a missing value", "{{a}} {{b}} {{b}}", "", "The script cmd-x needs a value for b. " + takesAB, defaults(approvals.Default{Name: "a", Value: "x"})},
		{"a name that is not there", "{{a}}", "a=1 c=2", "The script cmd-x has no {{c}} to be filled in. " + takesA, nil},
		{"a name that the rule does not know", "{{c}}", "c=2", `The rule "ops" does not let anybody fill in c. Leave it out, or ask whoever keeps the rules.`, nil},
		{"a value that the rule does not take", "{{b}}", "b=x;y", `"x;y" is not a value for b: it may have letters, digits and @%_+=:,./- only, and may not begin with -; an example is "1". Nothing ran: the rule "ops" says what may be filled in.`, nil},
		{"a rule that names no parameters", "{{a}}", "a=1", `The rule "ops" does not let anybody fill in a. Leave it out, or ask whoever keeps the rules.`, func(p *approvals.Plan) { p.Rule.Parameters = nil }},
		{"two values", "{{a}}", "a=1 a=1", "There are two values for a. Give one.", nil},
		{"words by position are Bare Metal's", "{{a}}", "--fast now", `"--fast" is not name=value, with a value that holds blanks in quotes. ` + takesA, nil},
		{"a quote that stays open", "{{a}}", `a="x y`, `"a=\"x" is not name=value, with a value that holds blanks in quotes. ` + takesA, nil},
		{"text behind a quote", "{{a}}", `a="x"y`, `"a=\"x\"y" is not name=value, with a value that holds blanks in quotes. ` + takesA, nil},
		{"not to be filled in: it is text", "{{a}} {{ b }} {{tat-hidden:c}}", "", "{{a}} {{ b }} {{tat-hidden:c}}", text},
		{"and takes nothing", "{{a}}", "a=1", "The script cmd-x has no {{a}} to be filled in. It takes no parameters: leave out the -- and what follows it.", text},
		{"nor words", "ls", "x", `"x" is not name=value, with a value that holds blanks in quotes. It takes no parameters: leave out the -- and what follows it.`, text},
		{"longer than the cloud takes", strings.Repeat("x", 48<<10), "", "The text that would run has 65552 bytes in base64, and the cloud takes 65536. Shorten the script.", nil},
	} {
		change := c.change
		if change == nil {
			change = func(*approvals.Plan) {}
		}
		if got := filled(c.content, c.typed, change); got != c.want {
			t.Errorf("%s: %q with %q\ngot  %q\nwant %q", c.why, c.content, c.typed, got, c.want)
		}
	}
}

// Where a script is sent, what is nearly name=value is told at once, with what to paste; what is not is told once the script
// is known.
func TestNearlyAssigned(t *testing.T) {
	for _, c := range []struct{ why, typed, holds, paste string }{
		{"a Chinese keyboard's =", "service＝mysqld", "a wide = (U+FF1D) at character 8", "service=mysqld"},
		{"blanks around it", "service = mysqld", "a blank at character 8", "service=mysqld"},
		{"a blank behind it", "service= mysqld", "a blank at character 9", "service=mysqld"},
		{"a colon", "service:mysqld", "a : at character 8", "service=mysqld"},
		{"a Chinese keyboard's colon", "service：mysqld", "a wide colon (U+FF1A) at character 8", "service=mysqld"},
		{"quotes around the whole", `"service=mysqld"`, "a quote at character 1", `service="mysqld"`},
		{"because of a blank", `"text=a b"`, "a quote at character 1", `text="a b"`},
		{"or apostrophes, because of a quote", `'text=a "b"'`, "an apostrophe at character 1", `text='a "b"'`},
		{"the others stay as they are", `a='x y'  b:2 c=d:e`, "a : at character 11", `a='x y'  b=2 c=d:e`},
		{"a blank as Slack makes it before it", "\ta =1", "a blank at character 2", "a=1"},
		{"right", "service=mysqld text='a b' c=d=e", "", ""},
		{"an address", "http://example.com", "", ""},
		{"a word", "mysqld", "", ""},
		{"two values", "a=1 a=1", "", ""},
		{"a quote that stays open", `a:"x y`, "", ""},
		{"nothing", "", "", ""},
	} {
		want := ""
		if c.holds != "" {
			want = "The parameters hold " + c.holds + " after the --, where name=value has none. If you meant this, paste it after --: " + c.paste
		}
		got := ""
		if err := nearlyAssigned(c.typed); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q\ngot  %q\nwant %q", c.why, c.typed, got, want)
		}
	}
	playWith(t, tat(up("ins-1", "web-1")), func(r *rig) {
		if w := r.says("ALICE", "run "+theScript+" ins-1 -- service:mysqld").(Words); w.Paste != "service=mysqld" || len(r.memory.rows) > 0 {
			t.Errorf("it says %+v, and keeps %d requests", w, len(r.memory.rows))
		}
	})
	play(t, func(r *rig) { // words to a script on Bare Metal
		r.is(r.words(r.says("ALICE", "run "+theScript+" ins-1 -- service:mysqld")).Request, approvals.Pending)
	})
}

// What a shell makes something of goes to a host only where the rule's choices or expression say so, typed or as the
// script's default, or where no rule names it and it stands in the script as it is stored; and then byte for byte.
func TestSpecialCharacters(t *testing.T) {
	signs := strings.Split("; | & $ ` ( ) < > ' \" \\ \n * ? [ ] { } ~ # !", " ")
	signs = append(signs, " ", "\t", "\r", "\x00", "\x1b", "$(reboot)", "${IFS}", "-rf", "a;reboot", "a\nreboot", "%PATH%", "@x", ",")
	quoted := func(s string) string {
		if strings.Contains(s, `"`) {
			return "'" + s + "'"
		}
		return `"` + s + `"`
	}
	control := func(s string) bool { return strings.ContainsAny(s, "\n\t\r\x00\x1b") }
	forms := []struct {
		name  string
		param func(sign string) approvals.Parameter
		takes func(sign string) bool
	}{
		{"safe set", func(string) approvals.Parameter { return approvals.Parameter{Name: "a", Example: "1"} }, func(s string) bool { return slices.Contains([]string{"%PATH%", "@x", ","}, s) }},
		{"choices", func(s string) approvals.Parameter {
			return approvals.Parameter{Name: "a", Example: "1", Choices: []string{"1", s}}
		}, func(s string) bool { return !control(s) }},
		{"other choices", func(string) approvals.Parameter {
			return approvals.Parameter{Name: "a", Example: "1", Choices: []string{"1"}}
		}, func(string) bool { return false }},
		{"expression", func(string) approvals.Parameter { return approvals.Parameter{Name: "a", Example: "1", Match: "(?s).*"} }, func(s string) bool { return !control(s) }},
		{"narrow expression", func(string) approvals.Parameter {
			return approvals.Parameter{Name: "a", Example: "1", Match: "[a-z0-9]"}
		}, func(string) bool { return false }},
	}
	for _, f := range forms {
		for _, s := range signs {
			rule := func(p *approvals.Plan) { p.Rule.Parameters = approvals.Parameters{f.param(s)} }
			if got := filled("[{{a}}]", "a="+quoted(s), rule); (got == "["+s+"]") != f.takes(s) || got != "["+s+"]" && !strings.Contains(got, "is not a value for a") {
				t.Errorf("%s: %q gives %q", f.name, s, got)
			}
			if got := filled("[{{a}}]", "a="+quoted(s), rule, func(p *approvals.Plan) { p.Script.How.Type = "BAT" }); f.name == "safe set" && !strings.Contains(got, "is not a value for a") {
				t.Errorf("%s, outside of a shell: %q gives %q", f.name, s, got)
			}
			for _, api := range []string{bmclient.API2, bmclient.API3} { // as words, which blanks part
				p := approvals.Plan{Target: approvals.Target{API: api}, Parameters: "1 " + s, Rule: approvals.Rule{Parameters: approvals.Parameters{{Name: "x", Example: "1"}, f.param(s)}}}
				_, err := edits(p, "r-1")
				if (err == nil) != (f.takes(s) && s != " ") {
					t.Errorf("%s on %s: %q: %v", f.name, api, s, err)
				}
			}
		}
	}
	for _, f := range forms {
		for _, s := range signs {
			byDefault := func(p *approvals.Plan) {
				p.Script.How.Defaults = []approvals.Default{{Name: "a", Value: s}}
				p.Rule.Parameters = approvals.Parameters{f.param(s)}
			}
			if got := filled("[{{a}}]", "", byDefault); (got == "["+s+"]") != f.takes(s) || got != "["+s+"]" && !strings.Contains(got, "type a=… with another value after the --.") {
				t.Errorf("%s: a default of %q gives %q", f.name, s, got)
			}
			unnamed := func(p *approvals.Plan) { byDefault(p); p.Rule.Parameters[0].Name = "b" }
			if got := filled("[{{a}}]", "", unnamed); got != "["+s+"]" {
				t.Errorf("a default of %q that no rule names gives %q", s, got)
			}
		}
	}
}

// What is filled in does not move the line that names the run to where it is no comment.
func TestNameLineOfWhatIsFilledIn(t *testing.T) {
	for _, c := range []struct{ why, content, value, want string }{
		{"before the line and behind it", "#!/bin/sh\n# {{a}}\nls {{a}}\n", "x", "#!/bin/sh\n# x\n# bmcmd r-1\nls x\n"},
		{"the first thing", "{{a}}\n", "ls", "# bmcmd r-1\nls\n"},
		{"it makes the first line a #!", "{{a}}\nls\n", "#!/bin/sh", "#!/bin/sh\n# bmcmd r-1\nls\n"},
		{"it makes it one of an interpreter without such comments", "{{a}}\nx\n", "#!/usr/bin/node", "#!/usr/bin/node\nx\n"},
		{"it ends a comment and opens a string", "#!/bin/sh\n# {{a}}\nls'\n", "x\nls '", "#!/bin/sh\n# x\nls '\nls'\n"},
		{"it continues a comment", "#!/usr/bin/make -f\n# {{a}}\nx:\n", "x \\", "#!/usr/bin/make -f\n# bmcmd r-1\n# x \\\nx:\n"},
	} {
		s := approvals.Script{Content: []byte(c.content), How: approvals.How{Type: "SHELL", Fillable: true, Defaults: []approvals.Default{{Name: "a", Value: c.value}}}}
		p := approvals.Plan{Script: s, Target: approvals.Target{API: bmclient.APITAT}}
		var err error
		if p.Edits, err = edits(p, "r-1"); err != nil {
			t.Fatal(err)
		}
		if got := string(p.Text()); got != c.want {
			t.Errorf("%s: %q\ngot  %q\nwant %q", c.why, c.content, got, c.want)
		}
	}
}

// Whatever is filled in, taking it out again gives the stored script, and the line stands where it would in the text itself.
func FuzzFillingIn(f *testing.F) {
	f.Add("#!/bin/sh\n# {{a}}\n{{b}}{{a}}", "x\ny", "{{a}}")
	f.Fuzz(func(t *testing.T, content, a, b string) {
		s := approvals.Script{Content: []byte(content), How: approvals.How{Type: "SHELL", Fillable: true, Defaults: []approvals.Default{{Name: "a", Value: a}, {Name: "b", Value: b}}}}
		fills, err := fillIn(s, "")
		if err != nil {
			return
		}
		p := approvals.Plan{Script: s, Edits: withName(s, fills, "r-1")}
		if p.Text() == nil && len(content)+len(p.Edits) > 0 {
			t.Fatalf("%q: the edits do not fit: %v", content, p.Edits)
		}
		plain := approvals.Plan{Script: s, Edits: fills}.Text()
		if line, ok := nameLine(plain, "SHELL", "r-1"); ok && p.Named() {
			if want := fmt.Sprint(string(plain[:line.At]), line.Put, string(plain[line.At:])); string(p.Text()) != want {
				t.Fatalf("%q is sent as %q, want %q", content, p.Text(), want)
			}
		} else if string(p.Text()) != string(plain) {
			t.Fatalf("%q is sent as %q, want %q", content, p.Text(), plain)
		}
	})
}

// On Bare Metal a rule's parameters hold for the words after the --, when it is asked and, as the rules are then, when it is sent.
func TestWordsAfterTheDashes(t *testing.T) {
	rule := approvals.Parameters{{Name: "service", Example: "nginx"}, {Name: "release", Example: "v1", Match: "v[0-9]+"}}
	for _, c := range []struct{ words, want string }{
		{"-- nginx v2", ""},
		{"-- nginx", `What stands after the -- has to be like "nginx v1", word by word, with single blanks between. Nothing ran: the rule "ops" says what may stand after the --.`},
		{"", `What stands after the -- has to be like "nginx v1", word by word, with single blanks between. Nothing ran: the rule "ops" says what may stand after the --.`},
		{"-- nginx;reboot v2", `"nginx;reboot" is not a value for service: it may have letters, digits and @%_+=:,./- only, and may not begin with -; an example is "nginx". Nothing ran: the rule "ops" says what may stand after the --.`},
		{"-- nginx v2x", `"v2x" is not a value for release: it has to match v[0-9]+; an example is "v1". Nothing ran: the rule "ops" says what may stand after the --.`},
	} {
		playWith(t, func(r *rig) { r.policy[0].Parameters = rule }, func(r *rig) {
			id := r.words(r.says("ALICE", "run cmd-nozcbhuw ins-1 "+c.words)).Request
			if c.want != "" {
				if k := r.is(id, approvals.Refused); k.Why != c.want {
					t.Errorf("%s: %s", c.words, k.Why)
				}
				return
			}
			r.is(id, approvals.Pending)
			r.first.Policy[0].Parameters = rule[:1] // as after a restart with other rules
			r.press("BOB", Approve, id)
			r.pass(time.Second)
			if k := r.is(id, approvals.Refused); !strings.Contains(k.Why, `has to be like "nginx"`) {
				t.Errorf("sent by rules that do not take it any more: %s", k.Why)
			}
			r.did("run")
		})
	}
}
