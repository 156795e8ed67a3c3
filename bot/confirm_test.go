package bot

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
)

func TestWhatIsAsked(t *testing.T) {
	const run = "run cmd-nozcbhuw ins-1 "
	for _, tt := range []struct {
		why, line string
		mention   bool
		want      []string // the lines that may be meant; none: nothing is asked
	}{
		{"nothing is doubtful", run + "-- a && b", false, nil},
		{"what may be a credential", run + `--reason "password: swordfish"`, false, []string{run + `--reason "password: swordfish"`}},
		{"also in a mention", run + "-- -u a:b", true, []string{run + "-- -u a:b"}},
		{"entities in parameters", run + "-- a &amp;&amp; b", false, []string{run + "-- a &amp;&amp; b", run + "-- a && b"}},
		{"each entity", run + "-- a &lt;b", false, []string{run + "-- a &lt;b", run + "-- a <b"}},
		{"and the third", run + "-- a &gt;b", false, []string{run + "-- a &gt;b", run + "-- a >b"}},
		{"decoded once", run + "-- &amp;lt;", false, []string{run + "-- &amp;lt;", run + "-- &lt;"}},
		{"in a reason", run + `--reason "load &gt; 5"`, false, []string{run + `--reason "load &gt; 5"`, run + `--reason "load > 5"`}},
		{"in a search", "list scripts a&amp;b", false, []string{"list scripts a&amp;b", "list scripts a&b"}},
		{"a mention was decoded already", run + "-- &amp;", true, nil},
		{"other entities are what was typed", run + "-- &nbsp; &quot;", false, nil},
	} {
		_, ask, err := read(Typed{Text: tt.line, Slash: !tt.mention})
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
		}
		var got []string
		for _, c := range ask.Choices {
			got = append(got, c.Line)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.why, d)
		}
		if c, ask, err := read(Typed{Text: tt.line, Slash: !tt.mention, Confirmed: true}); err != nil || len(ask.Choices) > 0 || c.Verb == "" {
			t.Errorf("%s: once confirmed, it is %v, %+v", tt.why, err, ask)
		}
	}
}

// A certain credential is refused in either reading, and confirming does not help.
func TestACertainCredentialIsNotAsked(t *testing.T) {
	for _, line := range []string{"-- --token=abcdef", "-- --token=a&amp;bcdef", "-- https://a:b&lt;c@host"} {
		for _, confirmed := range []bool{false, true} {
			if _, ask, err := read(Typed{Text: "run cmd-x ins-1 " + line, Slash: true, Confirmed: confirmed}); err == nil {
				t.Errorf("%q is taken: %+v", line, ask)
			}
		}
	}
}

// What is wrong in either reading is said at once, in the words for what was typed.
func TestEscapedHoles(t *testing.T) {
	_, _, err := read(Typed{Text: "run cmd-x &lt;host&gt;", Slash: true})
	if err == nil || !strings.Contains(err.Error(), `"<host>" is to be filled in`) {
		t.Error(err)
	}
}

func TestNothingIsKeptBeforeThePress(t *testing.T) {
	const line = `run cmd-nozcbhuw ins-1 --reason "password: swordfish"`
	play(t, func(r *rig) {
		ask, ok := r.says("ALICE", line).(Confirm)
		if !ok || ask.Of.Text != line || !strings.Contains(ask.Text, "“password: swordfish”") {
			t.Fatalf("%+v", ask)
		}
		r.did("post")
		if open, err := r.store.Open(r.Context(), 10); err != nil || len(open) > 0 {
			t.Errorf("%d requests are kept before the press, %v", len(open), err)
		}
	})
}

// One line is one request, whichever of its buttons are pressed, and how often.
func TestBothReadingsAreOneRequest(t *testing.T) {
	play(t, func(r *rig) {
		press := func(parameters string) Words {
			w := r.words(r.first.Typed(r.Context(), Typed{
				Event: "confirmed ALICE E1", By: ref("ALICE"), Origin: approvals.Origin{Team: theTeam, Channel: theChannel},
				Text: "run cmd-nozcbhuw ins-1 -- " + parameters, Confirmed: true,
			}))
			r.settle()
			return w
		}
		first, twice, other := press("a & b"), press("a & b"), press("a &amp; b")
		if first.Request == "" || twice.Text != first.Text || other.Request != first.Request || !strings.Contains(other.Text, "the other button already") {
			t.Errorf("%+v\n%+v\n%+v", first, twice, other)
		}
		if k := r.get(first.Request); k.Asked.Parameters != "a & b" {
			t.Errorf("%q was asked for", k.Asked.Parameters)
		}
		r.did("post", "post 1.0 received")
	})
}
