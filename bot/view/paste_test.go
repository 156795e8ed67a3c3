package view_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bmcmd/bmcmd/bot/view"
)

// What is offered for pasting arrives byte for byte, or is not offered.
func TestPaste(t *testing.T) {
	for _, tt := range []struct {
		why, paste string
		offered    bool
	}{
		{"quotes", `grep "x y"`, true},
		{"a tab and rows of blanks", "a\tb   c ", true},
		{"lines", "a\n\nb\n", true},
		{"signs that Slack escapes", "a && b < c", true},
		{"what looks like a mention, or code", "<@U1> `x`", true},
		{"what is spelled out, as it cannot be seen", "a\u2800b", false},
		{"more than one can see at once", strings.Repeat("a", 6000), false},
	} {
		m := view.Paste("If you meant the plain one, paste this:", tt.paste)
		fine(t, m)
		shown, err := json.Marshal(tt.paste)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(pretty1(t, m), `"text":`+string(shown)); got != tt.offered {
			t.Errorf("%s: offered is %t", tt.why, got)
		}
	}
}

func pretty1(t *testing.T, m view.Message) string {
	t.Helper()
	b, err := json.Marshal(m.Blocks)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
