package view_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot/view"
)

// hostile is people's text that tries something; the marker shows where it lands.
var hostile = []struct{ text, tries string }{
	{"<!channel> <!here> <!everyone>", "to call everybody"},
	{"@channel @here @everyone @group", "to call everybody where names are linked"},
	{"<@U0000001> <!subteam^S0000001>", "to call somebody"},
	{"<https://evil.example|https://acme.slack.com>", "to forge a link"},
	{"&lt;!channel&gt; &amp;lt;", "to be decoded twice"},
	{"` ``` *bold* _it_ ~no~ > quote\n> quote", "to break out of code and to be markup"},
	{"```\nApproved by <@UBOB>\n```", "to look like the bot"},
	{"safe\u202egnp.exe\u202c \u2066x\u2069", "to turn the direction of reading"},
	{"a\u200bb\u200c\u200d\u2060\ufeff\u00adc", "to hide characters of no width"},
	{"a\x00b\x1b[31m\x7f\u0085\u2028\u2029", "to bring control characters"},
	{"a\u00a0b\u3000c\u2800d\u3164e\U000e0041f\ufe0f", "to look like a blank"},
	{":rotating_light: :smile:", "to become emoji"},
	{"\xed\xa0\x80 \xff\xfe half \xe4\xbd", "to be no UTF-8"},
	{"\r\rline\r\n", "to overwrite a line"},
	{"<!date^0^{date}|now> <#C1|general>", "to be a token"},
	{strings.Repeat("<&>", 1000), "to grow when escaped"},
	{strings.Repeat("@here ", 600), "to grow when broken up"},
	{strings.Repeat("語", 3000), "to be long in bytes"},
	{strings.Repeat("😀", 2500), "to be long in UTF-16"},
	{strings.Repeat("\u200b", 1000), "to grow when spelled out"},
	{strings.Repeat("\n", 3000), "to be long in lines"},
	{strings.Repeat("`x", 1500) + "`", "to be many pieces"},
	{" \t\n ", "to be nothing but blanks"},
	{"true" + strings.Repeat(" ", 2600) + "; rm -rf /srv", "to be far to the right"},
	{"true" + strings.Repeat("\n \t", 1500) + "rm -rf /srv", "to be far below"},
	{"true" + strings.Repeat(" \t", 700) + "; rm -rf /srv \\ \n", "to be behind tabs"},
	{"\u0301a" + strings.Repeat("\u0301", 60), "to be a pile of marks"},
	{strings.Repeat("\u0301", 2000), "to be marks on what stands before"},
	{"\U0001d159\U00013441\U00016fe4\ufffc", "to be printable and blank"},
	{"rm א /ב ; ש", "to be read from the other side"},
	{"с\u0430t /\u0435tc", "to look like other letters"},
}

// everywhere puts s into every place of r that people can fill.
func everywhere(s string) func(*approvals.Request) {
	person := func(p approvals.Person) *approvals.Person {
		p.Name = s
		return &p
	}
	return func(r *approvals.Request) {
		r.Requester = *person(r.Requester)
		r.Asked.Reason, r.Asked.Again, r.Asked.Parameters, r.Asked.Script = s, s, s, s
		r.Asked.Hosts, r.Asked.Repeated = []string{s, s}, []string{s}
		if r.Plan != nil {
			r.Plan.Parameters, r.Plan.Hosts = s, []string{s, s}
			r.Plan.Script.Alias, r.Plan.Script.OSType, r.Plan.Script.CmdID = s, s, s
			r.Plan.Script.Content = []byte(s)
			r.Plan.Login = approvals.Login{Name: s, User: s, Ref: "ref+env://X"}
			r.Plan.Target = approvals.Target{API: s, Endpoint: s, Region: s, AppID: s}
			r.Plan.Rule.Name = s
			r.Plan.Script.How = approvals.How{Type: s, User: s, Dir: s, Bucket: s, Prefix: s, Fillable: true, Defaults: []approvals.Default{{Name: s, Value: s}}}
			r.Plan.Edits = []approvals.Edit{{Put: s, Name: s}, {Put: "# bmcmd r-1\n"}, {At: len(s), Put: s, Name: "b"}}
			r.Plan.Seen, r.Plan.Blind, r.Asked.Typed = []approvals.HostNote{{Host: s, Name: s, Matched: s}}, true, []string{s}
		}
		noise(r, s)
	}
}

// noise puts s into every place that fills up later.
func noise(r *approvals.Request, s string) {
	if r.Waiting != "" {
		r.Waiting = s
	}
	if r.State.Ended() && len(r.Follow.Hosts) == 0 {
		r.Why = s
		r.Changes = []approvals.Change{{What: s, Was: s, Is: s, Diff: s}, {What: s, Was: s, Is: s}}
	}
	for i := range r.Sends {
		if r.Sends[i].Answer != nil {
			a := *r.Sends[i].Answer
			a.Name, a.Message, a.Meaning, a.Hint = s, s, s, s
			r.Sends[i].Answer = &a
		}
	}
	for i := range r.Decisions {
		r.Decisions[i].Reason, r.Decisions[i].Person.Name = s, s
	}
	if r.Follow.Why != "" {
		r.Follow.Why = s
	}
	if r.WaitsFor != "" {
		r.WaitsFor = s
	}
	if r.Unsure.Evidence != "" {
		r.Unsure.Evidence = s
	}
	for i := range r.Unsure.Tasks {
		r.Unsure.Tasks[i] += s
	}
	for i := range r.Unsure.Statements {
		r.Unsure.Statements[i].Person.Name = s
	}
	for i := range r.Follow.Tasks {
		r.Follow.Tasks[i] += s
	}
	r.Follow.Hosts = slices.Clone(r.Follow.Hosts)
	for i := range r.Follow.Hosts {
		h := &r.Follow.Hosts[i]
		h.Host, h.Note = h.Host+s, s
		if h.Task != "" {
			h.Task += s
		}
		if h.Proof == approvals.ProofDiffers {
			h.Drift = []approvals.Change{{What: s, Was: s, Is: s, Diff: s + h.Host}, {What: s, Was: s, Is: s}}
		}
	}
}

// lives are requests in every state, as full as the state allows.
func lives() map[string]func(*approvals.Request) {
	return map[string]func(*approvals.Request){
		"received":  func(*approvals.Request) {},
		"pending":   pending,
		"voted":     func(r *approvals.Request) { r.Plan.Rule.Quorum = 2; pending(r); vote(bob)(r) },
		"approved":  approved,
		"waiting":   waiting("x", time.Time{}),
		"retry":     func(r *approvals.Request) { sent(approvals.Approved, refused)(r); r.Waiting = "x" },
		"executing": sent(approvals.Executing, nil),
		"accepted":  sent(approvals.Accepted, accepted),
		"progress":  samePlan(followed(approvals.Accepted, "", twelve()...)),
		"succeeded": followed(approvals.Succeeded, "", ran("ins-1", 0), ran("ins-2", 0)),
		"failed":    sent(approvals.Failed, failed),
		"on hosts":  samePlan(followed(approvals.Failed, "x", allKinds()...)),
		"drift":     followed(approvals.Failed, "x", ran("ins-1", 0, strayed), ran("ins-2", 3, strayed), ran("ins-1", 0, inTask("cmdtask-2"))),
		"waits for": busyWith("r-kjhgfedcba"),
		"weak":      func(r *approvals.Request) { weak(r); r.Plan.Rule.Quorum = 2; pending(r); vote(bob)(r) },
		"unknown":   unsure(unknown),
		"doubtful":  doubtful,
		"lifted":    func(r *approvals.Request) { unsure(nil)(r); lifted(r) },
		"asked": func(r *approvals.Request) {
			askedFor(unknown, says(bob, approvals.Ran, 0), says(carol, approvals.DidNotRun, 0))(r)
			r.Unsure.Tasks = []string{"cmdtask-1", "cmdtask-2"}
		},
		"found":       samePlan(foundAs(approvals.Accepted, twelve()...)),
		"ran after":   samePlan(foundAs(approvals.Failed, allKinds()...)),
		"settled":     settledAs(approvals.Ran),
		"did not run": settledAs(approvals.DidNotRun),
		"refused":     func(r *approvals.Request) { sent(approvals.Approved, refused)(r); changed(r) },
		"denied":      func(r *approvals.Request) { approved(r); ended(approvals.Denied, "x", &bob)(r) },
		"expired":     ended(approvals.Expired, "", nil),
		"cancelled":   ended(approvals.Cancelled, "", &alice),
	}
}

// samePlan keeps the hosts of the plan, so that all lives have the same.
func samePlan(life func(*approvals.Request)) func(*approvals.Request) {
	return func(r *approvals.Request) {
		hosts := r.Plan.Hosts
		life(r)
		r.Plan.Hosts, r.Asked.Hosts = hosts, hosts
	}
}

func TestHostileTextNowhereHarms(t *testing.T) {
	for _, h := range hostile {
		t.Run(h.tries, func(t *testing.T) {
			s := marker + h.text + marker
			for state, life := range lives() {
				r := request(life, everywhere(s))
				if m, err := view.Card(r); err == nil {
					fine(t, m)
				} else if !errors.Is(err, approvals.ErrTooLong) && !errors.Is(err, approvals.ErrNotText) {
					t.Errorf("%s: %v", state, err)
				}
				kinds := []approvals.NoticeKind{
					approvals.NoticeAnswer, approvals.NoticeEnded, approvals.NoticeWaiting, approvals.NoticeUnknown, approvals.NoticeAsk, approvals.NoticeFound, approvals.NoticeSettled,
				}
				if len(r.Follow.Hosts) > 0 {
					kinds = []approvals.NoticeKind{approvals.NoticeAnswer, approvals.NoticeAlarm, approvals.NoticeStop, approvals.NoticeResult, approvals.NoticeFound}
				}
				for _, k := range kinds {
					fine(t, view.Notice(r, approvals.Notice{N: 1, Kind: k}))
				}
				fine(t, view.Status(approvals.Kept{Request: r}, loudEvents(s), s))
				if len(r.Follow.Hosts) > 0 {
					m, file := view.Result(r, everyOutput(r, []byte(s)))
					fine(t, m)
					readable(t, file)
				}
			}
			r := request(sent(approvals.Accepted, accepted), everywhere(s))
			long := approvals.Listed{Request: r, Link: cardLink + "?" + strings.Repeat("&x", 300)}
			fine(t, view.List(view.Lists{
				Here: repeat(approvals.Listed{Request: r, Link: s}, 12), Mine: repeat(long, 12), Waiting: repeat(long, 12), More: true, Untold: true,
			}))
			shown := request(everywhere(s)).Plan
			shown.Script.Content = []byte("{{a}}{{b}}{{c}}" + s)
			shown.Rule.Parameters = approvals.Parameters{{Name: "a", Example: s, Match: s}, {Name: "b", Example: s, Choices: []string{s}}}
			fine(t, view.Script(shown.Script, shown.Rule.Parameters))
			fine(t, view.Help(s, s, s))
			fine(t, view.Scripts(repeat(approvals.Script{CmdID: s, Alias: s, OSType: s}, 20), 1<<40, 1<<30, s, true))
			fine(t, view.Scripts(nil, 0, 1, s, false))
			fine(t, view.Words(s, s, s))
			said := view.Said(s)
			fine(t, view.Message{Text: "x", Blocks: said.Blocks.BlockSet})
		})
	}
}

// loudEvents are more than a status shows, all with s in them.
func loudEvents(s string) []approvals.Event {
	all := append(events(), events()...)
	for i := range all {
		all[i].Note = s
	}
	return append(all, approvals.Event{Move: s, To: approvals.State(s), By: approvals.Person{User: s}, At: start})
}

// everyOutput is what the hosts of r printed: each the same.
func everyOutput(r approvals.Request, printed []byte) approvals.Outputs {
	out := approvals.Outputs{}
	for _, h := range r.Follow.Hosts {
		out[approvals.OutputKey(h.Task, h.Host)] = printed
	}
	return out
}

// readable fails the test if a file hides something.
func readable(t testing.TB, file []byte) {
	t.Helper()
	if s := string(file); view.Visible(s) != s {
		t.Errorf("the file holds what cannot be seen: %q", s)
	}
}

func repeat[A any](l A, n int) []A {
	var out []A
	for range n {
		out = append(out, l)
	}
	return out
}

// Each hostile text by itself in one place, so that an error about another place
// does not hide it.
func TestHostileTextInOnePlace(t *testing.T) {
	places := map[string]func(r *approvals.Request, s string){
		"reason":     func(r *approvals.Request, s string) { r.Asked.Reason = s },
		"parameters": func(r *approvals.Request, s string) { r.Plan.Parameters = s },
		"script":     func(r *approvals.Request, s string) { r.Plan.Script.Content = []byte(s) },
		"alias":      func(r *approvals.Request, s string) { r.Plan.Script.Alias = s },
		"host":       func(r *approvals.Request, s string) { r.Plan.Hosts[0] = s },
		"rule":       func(r *approvals.Request, s string) { r.Plan.Rule.Name = s },
		"login":      func(r *approvals.Request, s string) { r.Plan.Login.Name = s },
		"endpoint":   func(r *approvals.Request, s string) { r.Plan.Target.Endpoint = s },
		"approver":   func(r *approvals.Request, s string) { r.Plan.Rule.Approve.Users = []string{s} },
		"requester":  func(r *approvals.Request, s string) { r.Requester.User = s },
		"id":         func(r *approvals.Request, s string) { r.Asked.Again = s },
	}
	for _, h := range hostile {
		for place, put := range places {
			s := h.text
			if place != "approver" && place != "requester" {
				s = marker + s
			}
			m, err := view.Card(request(pending, func(r *approvals.Request) { put(r, s) }))
			if err != nil {
				if !errors.Is(err, approvals.ErrTooLong) && !errors.Is(err, approvals.ErrNotText) {
					t.Errorf("%s %s: %v", place, h.tries, err)
				}
				continue
			}
			for _, f := range faults(m) {
				t.Errorf("%s %s: %s", place, h.tries, f)
			}
		}
	}
}

// A card that was posted must be drawable in every later state, whatever has filled up.
func TestCardFitsInAllStatesOrNone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		filler := rapid.SampledFrom([]string{"x", "<", "語", "😀", "\n", "line of a script\n", "\u200b", "@here "}).Draw(t, "filler")
		fill := func(name string, most int) string {
			return strings.Repeat(filler, rapid.IntRange(0, most/len(filler)).Draw(t, name))
		}
		content, parameters, reason := fill("script", 9000), fill("parameters", 3000), fill("reason", 2000)
		loud := strings.Repeat(rapid.SampledFrom([]string{"<", "x", "\u200b"}).Draw(t, "later"), 4000)
		many := rapid.IntRange(0, 30).Draw(t, "approvers")
		closely := rapid.SampledFrom(slices.Sorted(maps.Keys(lives()))).Draw(t, "state looked at closely")
		fits := map[bool]string{}
		for state, life := range lives() {
			m, err := view.Card(request(func(r *approvals.Request) {
				r.Plan.Script.Content, r.Plan.Parameters, r.Asked.Reason = []byte(content), parameters, reason
			}, life, func(r *approvals.Request) {
				for range many {
					r.Plan.Rule.Approve.Users = append(r.Plan.Rule.Approve.Users, "U"+strings.Repeat("A", 30))
					if len(r.Decisions) > 0 && !r.State.Ended() {
						r.Decisions = append(r.Decisions, r.Decisions[0])
					}
				}
				noise(r, loud)
			}))
			fits[err == nil] = state
			if err == nil && state == closely {
				for _, f := range faults(m) {
					t.Fatalf("%s: %s", state, f)
				}
				whole(t, m, content)
			}
			if err != nil && !errors.Is(err, approvals.ErrTooLong) {
				t.Fatal(err)
			}
		}
		if len(fits) == 2 {
			t.Fatalf("the card fits when %s but not when %s", fits[true], fits[false])
		}
	})
}

// The fullest card that can be posted, in every state, with all that can come later.
func TestFullestCard(t *testing.T) {
	fit := func(n int, life func(*approvals.Request)) (view.Message, error) {
		return view.Card(request(func(r *approvals.Request) {
			r.Plan.Script.Content = []byte(strings.Repeat("x", n))
			for range 12 {
				r.Plan.Rule.Approve.Users = append(r.Plan.Rule.Approve.Users, "U"+strings.Repeat("A", 30))
			}
		}, life, func(r *approvals.Request) {
			for len(r.Decisions) > 0 && len(r.Decisions) < 8 {
				r.Decisions = append(r.Decisions, r.Decisions[0])
			}
			for len(r.Unsure.Statements) > 1 && len(r.Unsure.Statements) < 8 {
				r.Unsure.Statements = append(r.Unsure.Statements, r.Unsure.Statements[0])
			}
			noise(r, strings.Repeat("x", 4000))
		}))
	}
	most := sort.Search(12_000, func(n int) bool {
		_, err := fit(n+1, lives()["voted"]) // its rule has the longest line
		return err != nil
	})
	if most < 5900 {
		t.Errorf("a script of only %d characters fits", most)
	}
	for state, life := range lives() {
		m, err := fit(most, life)
		mustFit(t, err)
		for _, f := range faults(m) {
			t.Errorf("%s: %s", state, f)
		}
	}
}

// whole fails unless the preformatted blocks of m hold all of the script.
func whole(t interface{ Fatalf(string, ...any) }, m view.Message, content string) {
	raw, _ := json.Marshal(m.Blocks)
	var blocks []struct {
		Elements []struct {
			Type     string
			Elements []struct{ Text string }
		}
	}
	if err := json.Unmarshal(raw, &blocks); err != nil {
		// Blocks without such elements do not matter here.
		var typed *json.UnmarshalTypeError
		if !errors.As(err, &typed) {
			t.Fatalf("%v", err)
		}
	}
	var shown strings.Builder
	for _, b := range blocks {
		for _, e := range b.Elements {
			if e.Type == "rich_text_preformatted" {
				shown.WriteString(e.Elements[0].Text)
			}
		}
	}
	flat := strings.NewReplacer("\n", "", "\r", "", `\u{a}`, "", `\u{d}`, "")
	if want := flat.Replace(view.Shown(content)); !strings.Contains(flat.Replace(shown.String()), want) {
		t.Fatalf("the script is not shown whole: %q in %q", want, shown.String())
	}
}

func TestManyHosts(t *testing.T) {
	var all []string
	for i := range 300 {
		all = append(all, "ins-"+strings.Repeat(string(rune('a'+i%26)), 8))
	}
	r := request(pending, func(r *approvals.Request) { r.Plan.Hosts, r.Asked.Hosts = all, all })
	m, err := view.Card(r)
	mustFit(t, err)
	fine(t, m)
	for _, h := range all {
		whole(t, m, h)
	}
	if !strings.Contains(m.Text, "Hosts (300)") {
		t.Error("Text does not say how many hosts there are")
	}
}

func TestCardRefusals(t *testing.T) {
	for _, c := range []struct {
		why  string
		edit func(*approvals.Request)
		is   error
		says string
	}{
		{"a script of 40 KB", func(r *approvals.Request) { r.Plan.Script.Content = []byte(strings.Repeat("x", 40_000)) }, approvals.ErrTooLong, "the script has 40,000 characters"},
		{"a script just over", func(r *approvals.Request) { r.Plan.Script.Content = []byte(strings.Repeat("x", 8_500)) }, approvals.ErrTooLong, "the script has 8,500 characters"},
		{"parameters", func(r *approvals.Request) { r.Plan.Parameters = strings.Repeat("x", 9_000) }, approvals.ErrTooLong, "the parameters have 9,000 characters"},
		{"a reason", func(r *approvals.Request) { r.Asked.Reason = strings.Repeat("x", 9_000) }, approvals.ErrTooLong, "the reason has 9,000 characters"},
		{"2,000 hosts", func(r *approvals.Request) {
			r.Plan.Hosts = strings.Split(strings.Repeat("ins-abcdefgh ", 1999)+"ins-1", " ")
		}, approvals.ErrTooLong, "the list of 2000 hosts"},
		{"a login's name that would be cut", func(r *approvals.Request) { r.Plan.Login.Name = strings.Repeat("x", 201) }, approvals.ErrTooLong, "the login's name has 201 characters, 1 too many"},
		{"a binary", func(r *approvals.Request) { r.Plan.Script.Content = []byte("\x7fELF\xff") }, approvals.ErrNotText, "5 bytes"},
	} {
		_, err := view.Card(request(c.edit))
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %v saying %q", c.why, err, c.is, c.says)
		}
	}
}

func TestCardNeverLooksLikeSuccess(t *testing.T) {
	for state, life := range lives() {
		m, err := view.Card(request(life))
		mustFit(t, err)
		if state == "succeeded" {
			continue
		}
		for _, word := range []string{"succe", "done", "finished", "completed", "ran on all"} {
			if strings.Contains(strings.ToLower(m.Text), word) {
				t.Errorf("%s: the card says %q", state, word)
			}
		}
	}
	m, _ := view.Card(request(sent(approvals.Unknown, unknown)))
	if strings.Contains(m.Text, "code 0") {
		t.Error("an unknown end shows code 0")
	}
}

func TestOlderAnswersDoNotSpeakForNewerSends(t *testing.T) {
	again := func(state approvals.State) func(*approvals.Request) {
		return func(r *approvals.Request) {
			sent(approvals.Approved, refused)(r)
			sent(state, nil)(r)
		}
	}
	for _, s := range []approvals.State{approvals.Executing, approvals.Unknown} {
		m, err := view.Card(request(again(s)))
		mustFit(t, err)
		if strings.Contains(m.Text, "4400") {
			t.Errorf("%s shows the answer to an earlier send", s)
		}
	}
	for _, next := range []*approvals.Answer{{Outcome: approvals.OutcomeNotSent}, {Outcome: approvals.OutcomeRefused, Code: 4401, Busy: true}} {
		m := view.Notice(request(sent(approvals.Approved, refused), sent(approvals.Approved, next)), approvals.Notice{N: 1, Kind: approvals.NoticeAnswer})
		if !strings.Contains(m.Text, "4400") || strings.Contains(m.Text, "4401") || strings.Contains(m.Text, "may have run") {
			t.Errorf("the notice of a refusal reads, after a send that came to nothing: %s", m.Text)
		}
	}
}
