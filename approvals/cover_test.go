package approvals

import (
	"path"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// However a pattern is spelled, what it covers is found: a weak rule in front of a strict
// one takes its hosts.
func TestCovers(t *testing.T) {
	for _, c := range []struct {
		form   IDForm
		wide   string
		narrow string
		covers bool
	}{
		{HostID, "**", "*", true},
		{HostID, "ins-**", "ins-db-[12]", true},
		{HostID, "***", "ins-db-[12]", true},
		{HostID, "*n*", "ins-*", true},
		{HostID, "*-*", "ins-db-[12]", true},
		{HostID, "??*", "ins-*", true},
		{HostID, "?*", "*", true},
		{HostID, "[a-z0-9]*", "*", true},
		{HostID, "ins-d? ins-[^d]?", "ins-??", true},
		{HostID, "*[a-m] *[n-z0-9]", "*", true},
		{HostID, "ins-[0-9]", "ins-[1-3]", true},
		{HostID, "??*", "*", false}, // a is an id
		{HostID, "ins-[1-3]", "ins-[0-9]", false},
		{HostID, "ins-*", "in*", false},
		{HostID, "*db*", "ins-*", false},
		{ScriptID, "cmd*", "*", true},
		{ScriptID, "c?d-?*", "*", true},
		{ScriptID, "cmd-a*", "*", false},
		{ChannelID, "C* G*", "*", true},
	} {
		if got := c.form.Covers(strings.Fields(c.wide), c.narrow); got != c.covers {
			t.Errorf("%s covers %s: %v", c.wide, c.narrow, got)
		}
	}
}

func TestCoversIsNeverWrong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`([ab?*-]|\[ab\]|\[\^a\]){1,6}`)
		wide, narrow := rapid.SliceOfN(pattern, 1, 3).Draw(t, "wide"), pattern.Draw(t, "narrow")
		id := rapid.StringMatching(`[abc]([abc-]{0,4}[abc])?`).Draw(t, "id")
		if in, _ := path.Match(narrow, id); !in || !HostID.Covers(wide, narrow) {
			return
		}
		for _, w := range wide {
			if in, _ := path.Match(w, id); in {
				return
			}
		}
		t.Errorf("%q does not match %s, which %s does", wide, id, narrow)
	})
}
