package view_test

import (
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/bot/view"
)

func choicesOf(m view.Message) (values []string) {
	for _, b := range m.Blocks {
		if a, ok := b.(*slack.ActionBlock); ok {
			for _, e := range a.Elements.ElementSet {
				values = append(values, e.(*slack.ButtonBlockElement).Value)
			}
		}
	}
	return values
}

func TestConfirmGolden(t *testing.T) {
	m := view.Confirm("Which of the two do you mean?", "It is too long.", []view.Choice{
		{Label: "First reading", Line: "run cmd-1 ins-1 -- a &amp;&amp; b"}, {Label: "Second reading", Line: "run cmd-1 ins-1 -- a && b"},
	}, view.Chosen{Event: "E1", User: "U0ALICE", Channel: "C1", Thread: "1.5"})
	fine(t, m)
	golden(t, "confirm", m)
}

// A line is shown whole and carried byte for byte, or there is no button.
func TestWhatAChoiceCarries(t *testing.T) {
	for _, tt := range []struct {
		why, line string
		fits      bool
	}{
		{"signs that Slack may escape", "run cmd-1 ins-1 -- a && b < c > d &amp; \"e\" \\", true},
		{"lines, tabs and odd blanks", "run cmd-1 ins-1 -- a\n\tb\u00a0c\u2028", true},
		{"as long as it goes", "run cmd-1 ins-1 -- " + strings.Repeat("重", 1800), true},
		{"too long", "run cmd-1 ins-1 -- " + strings.Repeat("a", 1990), false},
		{"too long once it is spelled", "run cmd-1 ins-1 -- " + strings.Repeat("&", 400), false},
		{"characters that are two for Slack", "run cmd-1 ins-1 -- " + strings.Repeat("😀", 990), false},
	} {
		of := view.Chosen{Event: "E1", User: "U1", Channel: "C1"}
		m := view.Confirm("Is it fine?", "Make it shorter.", []view.Choice{{Label: "Ask", Line: tt.line}}, of)
		fine(t, m)
		values := choicesOf(m)
		if !tt.fits {
			if len(values) > 0 || !strings.Contains(m.Text, "Make it shorter.") {
				t.Errorf("%s: %d buttons, and it says %q", tt.why, len(values), m.Text)
			}
			continue
		}
		if len(values) != 2 {
			t.Fatalf("%s: %d buttons", tt.why, len(values))
		}
		of.Line = tt.line
		if c, err := view.ParseChoice(values[0]); err != nil || c != of || len(utf16.Encode([]rune(values[0]))) > 2000 {
			t.Errorf("%s: %+v, %v", tt.why, c, err)
		}
		if strings.ContainsAny(values[0], "&<>") {
			t.Errorf("%s: Slack may change %s", tt.why, values[0])
		}
	}
}

func FuzzParseChoice(f *testing.F) {
	f.Add(`{"event":"E","user":"U","channel":"C","line":"run"}`)
	f.Add(`{"event":1}`)
	f.Fuzz(func(t *testing.T, value string) {
		if c, err := view.ParseChoice(value); err == nil && (c.Event == "" || c.User == "" || c.Channel == "") {
			t.Errorf("%q says %+v", value, c)
		}
	})
}
