package bot

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var holeForms = []string{
	"<host>", "<主机>", "‹host>", "<host›", "‹host›", "〈主机〉", "《主机》", "＜主机＞", "<host 1>", "<你的 实例>",
	"${HOST1}", "#{host}", "${host}", "$HOST", "$host", "$主机", "$(hosts web)", "{host}", "{{ host }}", "{{host}}", "%HOST%", "[host]", "【主机】",
	"HOST_1", "INSTANCE_ID", "HOST", "HOST1", "HOST-1", "YOUR-INSTANCE-ID", "SERVERS", "ins-xxxxxxxx", "cpm-XXXX", "xxx", "ins-<n>", "ins-…", "ins-...",
	"主机1", "$1", "__HOST__", "#HOST#", "@HOST@", `"$host"`, "'${HOST}'", "“<host>”", "「主机」", `"<host 1>"`,
}

// What is to be filled in is no host: nothing is asked for with it still there.
func TestHolesAreNamed(t *testing.T) {
	for _, hole := range holeForms {
		for _, line := range []string{"run cmd-x " + hole, "run cmd-x ins-1," + hole, "run cmd-x `" + hole + "` --reason x -- y"} {
			_, err := Parse(line)
			if err == nil || !strings.Contains(err.Error(), "is to be filled in") {
				t.Errorf("Parse(%q): %v", line, err)
			}
			c, holes, err := ParseTemplate(line)
			if err != nil || len(holes) != 1 || !strings.Contains(hole, holes[0]) || !IsOpen(c.Hosts[len(c.Hosts)-1]) {
				t.Errorf("ParseTemplate(%q): %+v, %q, %v", line, c, holes, err)
			}
		}
	}
	for _, line := range []string{"show <script>", "run ${SCRIPT} ins-1", "status {id}", "list scripts <word>", "run cmd-x ins-1 --reason <why>"} {
		if _, err := Parse(line); err == nil || !strings.Contains(err.Error(), "is to be filled in") {
			t.Errorf("Parse(%q): %v", line, err)
		}
	}
}

func TestWhatIsNoHole(t *testing.T) {
	for _, tt := range []struct{ why, line, says string }{
		{"a person", "run cmd-x <@U123>", "it holds a <"},
		{"a pattern", "run cmd-x ins-*", "is a pattern"},
		{"a range", "run cmd-x ins-{1..3}", "is a pattern"},
		{"a class", "run cmd-x ins-[a-c]", "is a pattern"},
		{"an id in capitals", "run cmd-x INS-1", "did you mean ins-1"},
		{"a word that is none of ours", "reboot", ""},
	} {
		if _, err := Parse(tt.line); err == nil != (tt.says == "") || err != nil && (strings.Contains(err.Error(), "filled in") || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: Parse(%q): %v", tt.why, tt.line, err)
		}
	}
	for _, text := range []string{"-- $HOST ${X} <y> {z}", `--reason "<why>"`} {
		if _, err := Parse("run cmd-x ins-1 " + text); err != nil {
			t.Errorf("people's own text %q: %v", text, err)
		}
	}
}

func TestParseTemplate(t *testing.T) {
	c, holes, err := ParseTemplate(`run cmd-x <first>,${SECOND},ins-3,<first> --reason "<why>" -- {{ service }} $PORT a{b}`)
	want := []string{"<first>", "${SECOND}", "<first>", "<why>", "{{ service }}", "$PORT"}
	if d := cmp.Diff(want, holes); d != "" || err != nil || len(c.Repeated) > 0 || c.Parameters != "{{ service }} $PORT a{b}" {
		t.Errorf("%+v, %v\n%s", c, err, d)
	}
}
