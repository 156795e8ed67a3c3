package view_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot/view"
)

func TestVisible(t *testing.T) {
	for _, c := range []struct{ in, want, why string }{
		{"plain\ttext\n", "plain\ttext\n", "tabs and newlines are layout"},
		{"服务器 é ß עברית", "服务器 é ß עברית", "letters of all kinds stay"},
		{"a\u202eb", `a\u{202e}b`, "bidi"},
		{"a\u200bb\ufeff", `a\u{200b}b\u{feff}`, "no width"},
		{"a\x00\r\x7f", `a\u{0}\u{d}\u{7f}`, "control"},
		{"a\u00a0b\u3000", `a\u{a0}b\u{3000}`, "blanks that are not the space"},
		{"\ufe0f\u3164\u2800\U000e0041", `\u{fe0f}\u{3164}\u{2800}\u{e0041}`, "invisible letters, marks and tags"},
		{"\xff\xed\xa0\x80", `\x{ff}\x{ed}\x{a0}\x{80}`, "no UTF-8"},
		{"\ufffd", "\ufffd", "the replacement character itself is a character"},
		{"e\u0301\u0302\u0303\u0304\u0305x\u0301", "e\u0301\u0302\u0303" + `\u{304}\u{305}` + "x\u0301", "marks beyond the third on one letter"},
		{"\u0301a \u0301\n\u0301\u200b\u0301", `\u{301}a \u{301}` + "\n" + `\u{301}\u{200b}\u{301}`, "marks on nothing"},
		{"\U0001d159\U00013441\U00016fe4\ufffc", `\u{1d159}\u{13441}\u{16fe4}\u{fffc}`, "printable, and blank in every font"},
		{"\ue000\U0010ffff", `\u{e000}\u{10ffff}`, "private use and no character"},
	} {
		if got := view.Visible(c.in); got != c.want {
			t.Errorf("%s: Visible(%q) = %q, want %q", c.why, c.in, got, c.want)
		}
	}
}

func FuzzVisible(f *testing.F) {
	for _, h := range hostile {
		f.Add(h.text)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := view.Visible(s)
		if !utf8.ValidString(got) {
			t.Fatalf("%q is not UTF-8", got)
		}
		if again := view.Visible(got); again != got {
			t.Fatalf("%q has still something hidden: %q", got, again)
		}
		if strings.ContainsAny(got, "\x00\r\x7f\u202e\u200b\ufeff\u2028") {
			t.Fatalf("%q hides something", got)
		}
	})
}

func FuzzCard(f *testing.F) {
	f.Add("restart-web", shellScript, "--force", "ins-1", "web is down")
	for _, h := range hostile {
		f.Add(h.text, h.text, h.text, h.text, h.text)
	}
	f.Fuzz(func(t *testing.T, alias, content, parameters, host, reason string) {
		m, err := view.Card(request(pending, func(r *approvals.Request) {
			r.Plan.Script.Alias, r.Plan.Script.Content = alias, []byte(content)
			r.Plan.Parameters, r.Plan.Hosts, r.Asked.Reason = parameters, []string{host}, reason
		}))
		if errors.Is(err, approvals.ErrTooLong) || errors.Is(err, approvals.ErrNotText) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range faults(m) {
			t.Error(fault)
		}
		if strings.TrimSpace(content) != "" {
			whole(t, m, content)
		}
	})
}

func TestScriptThatDoesNotFit(t *testing.T) {
	var b strings.Builder
	for range 2000 {
		b.WriteString("echo a line of twenty-five\n")
	}
	s := script()
	s.Content = []byte(b.String())
	m := view.Script(s, nil)
	fine(t, m)
	raw, _ := json.Marshal(m.Blocks)
	var kept int
	for range strings.SplitSeq(string(raw), "echo a line") {
		kept++
	}
	kept-- // parts are one more than what parts them
	missing := 2000 - kept
	want := "the last " + thousands(missing) + " lines, " + thousands(missing*27) + " characters, do not fit here"
	if !strings.Contains(string(raw), want) {
		t.Errorf("%d lines are shown, but it does not say %q", kept, want)
	}
	if !strings.Contains(string(raw), ", part 2 of ") {
		t.Error("the parts are not numbered")
	}
}

func thousands(n int) string {
	s := ""
	for n >= 1000 {
		s = "," + strings.Repeat("0", 3-len(itoa(n%1000))) + itoa(n%1000) + s
		n /= 1000
	}
	return itoa(n) + s
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

func TestNewLookNewIDs(t *testing.T) {
	first, err := view.Card(request(pending))
	mustFit(t, err)
	second, err := view.Card(request(pending, func(r *approvals.Request) { r.Card.Look++ }))
	mustFit(t, err)
	ids := map[string]bool{}
	for _, b := range first.Blocks {
		ids[b.ID()] = true
	}
	for _, b := range second.Blocks {
		if ids[b.ID()] {
			t.Errorf("block id %q stays: Slack would not draw it again", b.ID())
		}
	}
}

func TestSmallAnswersFitIntoAnAck(t *testing.T) {
	const ack = 20_000 // bytes; slack-go refuses 20,480
	long := strings.Repeat("<", 9000)
	for name, m := range map[string]view.Message{
		"words": view.Words(long, long, cardLink), "help": view.Help(long, long, long),
	} {
		raw, err := json.Marshal(m)
		if err != nil || len(raw) > ack {
			t.Errorf("%s has %d bytes (%v)", name, len(raw), err)
		}
	}
}

func TestButtons(t *testing.T) {
	for state, want := range map[string]string{
		"received": "approve deny cancel", "pending": "approve deny cancel", "voted": "approve deny cancel",
		"approved": "deny cancel", "waiting": "run deny cancel", "retry": "run deny cancel", "executing": "",
		"accepted": "", "progress": "", "succeeded": "again", "on hosts": "again", "drift": "again", "failed": "again", "unknown": "lift", "doubtful": "lift", "lifted": "",
		"asked": "ran did_not_run lift", "settled": "again", "did not run": "again", "found": "", "ran after": "again",
		"waits for": "run deny cancel", "weak": "approve deny cancel", "refused": "again", "denied": "again",
		"expired": "again", "cancelled": "again",
	} {
		r := request(lives()[state])
		m, err := view.Card(r)
		mustFit(t, err)
		var got []string
		for _, b := range m.Blocks {
			a, is := b.(*slack.ActionBlock)
			if !is {
				continue
			}
			for _, e := range a.Elements.ElementSet {
				press := e.(*slack.ButtonBlockElement)
				button, id, digest, err := view.ParseButton(press.ActionID, press.Value)
				if err != nil || id != r.ID || digest != r.Digest {
					t.Errorf("%s: %s carries %q %q %v", state, button, id, digest, err)
				}
				if asks := slices.Contains([]string{"approve", "ran", "did_not_run", "lift"}, button) || state == "settled" || state == "on hosts" || state == "ran after"; asks != (press.Confirm != nil) {
					t.Errorf("%s: %s asks once more: %t", state, button, press.Confirm != nil)
				}
				got = append(got, button)
			}
		}
		if d := cmp.Diff(want, strings.Join(got, " ")); d != "" {
			t.Errorf("%s: %s", state, d)
		}
	}
}

// TestNoCardNeedsAPlan holds that a record whose plan is missing is drawn all the same, in every state.
func TestNoCardNeedsAPlan(t *testing.T) {
	for state, in := range lives() {
		r := request(in)
		r.Plan = nil
		if _, err := view.Card(r); err != nil {
			t.Errorf("%s: %v", state, err)
		}
	}
}

func TestParseButtonRefuses(t *testing.T) {
	digest := string(request().Digest)
	for _, c := range []struct{ action, value, why string }{
		{"approve", "r-abc " + digest, "not our action"},
		{"bmcmd:rm", "r-abc " + digest, "no such button"},
		{"bmcmd:approve", "", "nothing carried"},
		{"bmcmd:approve", "r-abc", "no digest"},
		{"bmcmd:approve", "r-abc " + digest[1:], "half a digest"},
		{"bmcmd:approve", "r-abc " + strings.ToUpper(digest), "not as we write it"},
		{"bmcmd:approve", "r-a\nbc " + digest, "no id"},
		{"bmcmd:approve", "r-abc " + digest + " x", "more than ours"},
		{"bmcmd:approve", "abc " + digest, "no id of ours"},
	} {
		if _, _, _, err := view.ParseButton(c.action, c.value); !errors.Is(err, view.ErrMalformed) {
			t.Errorf("%s: got %v", c.why, err)
		}
	}
	if _, id, d, err := view.ParseButton("bmcmd:again", view.ButtonValue("r-abc", "")); err != nil || id != "r-abc" || d != "" {
		t.Errorf("without a digest: %q %q %v", id, d, err)
	}
}

func TestDenyModal(t *testing.T) {
	digest := request().Digest
	sent := func(reason string) slack.View {
		m := view.DenyModal("r-abc", digest, "C1", "1.2")
		return slack.View{
			CallbackID: m.CallbackID, PrivateMetadata: m.PrivateMetadata,
			State: &slack.ViewState{Values: map[string]map[string]slack.BlockAction{"reason": {"reason": {Value: reason}}}},
		}
	}
	got, err := view.ParseDeny(sent("  wrong hosts \n"))
	want := view.Deny{Request: "r-abc", Digest: digest, Channel: "C1", MessageTS: "1.2", Reason: "wrong hosts"}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
	for _, reason := range []string{"", "no", "   \n  ", strings.Repeat("語", 501)} {
		if d, err := view.ParseDeny(sent(reason)); !errors.Is(err, view.ErrReason) || d.Request != "r-abc" {
			t.Errorf("%q: %v", reason, err)
		}
	}
	if _, err := view.ParseDeny(sent(strings.Repeat("語", 500))); err != nil {
		t.Errorf("500 characters: %v", err)
	}
	for why, spoil := range map[string]func(*slack.View){
		"another form":        func(v *slack.View) { v.CallbackID = "x" },
		"no state":            func(v *slack.View) { v.State = nil },
		"no metadata":         func(v *slack.View) { v.PrivateMetadata = "" },
		"two values":          func(v *slack.View) { v.PrivateMetadata += "{}" },
		"a key more":          func(v *slack.View) { v.PrivateMetadata = `{"request":"r-abc","admin":true}` },
		"no request":          func(v *slack.View) { v.PrivateMetadata = `{"digest":""}` },
		"a digest of another": func(v *slack.View) { v.PrivateMetadata = `{"request":"r-abc","digest":"xyz"}` },
	} {
		v := sent("wrong hosts")
		spoil(&v)
		if _, err := view.ParseDeny(v); !errors.Is(err, view.ErrMalformed) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

func BenchmarkCard(b *testing.B) {
	r := request(pending)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := view.Card(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCardJSON(b *testing.B) {
	r := request(pending)
	b.ReportAllocs()
	for b.Loop() {
		m, err := view.Card(r)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := json.Marshal(m.Blocks); err != nil {
			b.Fatal(err)
		}
	}
}

func TestLinksOnlyToWebAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		cardLink: true, "http://127.0.0.1:8080/archives/C1/p1": true, "https://a.example/?a=b&c=d": true,
		"": false, "javascript:alert(1)": false, "https://a.example/|x>": false, "https:///x": false,
		"https://a.example/\u202e": false, "https://a.example/ x": false,
	} {
		m := view.Words("x", "r-abc", address)
		fine(t, m)
		if got := strings.Contains(m.Text, "Open the card"); got != want {
			t.Errorf("%q is a link: %t", address, got)
		}
	}
}

// What fits is a promise to people who write scripts.
func TestWhatFits(t *testing.T) {
	line := "echo this line has 32 characters\n"
	for n, fits := range map[int]bool{180: true, 260: false} {
		_, err := view.Card(request(func(r *approvals.Request) {
			r.Plan.Script.Content = []byte(strings.Repeat(line, n))
		}))
		if (err == nil) != fits {
			t.Errorf("%d characters: %v", n*len(line), err)
		}
	}
}

func TestPeople(t *testing.T) {
	var many []string
	for i := range 14 {
		many = append(many, "U"+itoa(i))
	}
	for _, c := range []struct {
		who       approvals.Who
		want, why string
	}{
		{approvals.Who{}, "", "nobody"},
		{approvals.Who{Anyone: true}, "anyone", "all"},
		{approvals.Who{Users: []string{"UBOB"}, Groups: []string{"SONCALL"}}, "<!subteam^SONCALL> or <@UBOB>", "groups first"},
		{approvals.Who{Users: []string{"<!channel>", "UBOB"}}, "<@UBOB>", "what is no id is not named"},
		{approvals.Who{Users: many}, "<@U0>, <@U1>, <@U2>, <@U3>, <@U4>, <@U5>, <@U6>, <@U7>, <@U8>, <@U9> or 4 others", "ten are enough"},
	} {
		got := view.People(c.who)
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.why, got, c.want)
		}
		fine(t, view.Words("These may: "+got, "", ""))
	}
}
