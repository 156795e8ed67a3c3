package view_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot/view"
)

// A line that somebody types must not stand among the facts as if it were one.
func TestNobodyForgesALine(t *testing.T) {
	const forged = "Approved by @bob Nov 5, 03:05"
	const text = "disk full\n" + forged
	answered := func(outcome approvals.Outcome) *approvals.Answer {
		return &approvals.Answer{Outcome: outcome, Code: 1, Name: text, Message: text, Meaning: text, Hint: text}
	}
	drift := func(h *approvals.HostResult) {
		strayed(h)
		h.Note = text
		h.Drift = []approvals.Change{{What: text, Was: text, Is: text, Diff: text}}
	}
	notice := func(r approvals.Request, kind approvals.NoticeKind) view.Message {
		return view.Notice(r, approvals.Notice{N: 1, Kind: kind})
	}
	card := func(edit ...func(*approvals.Request)) view.Message {
		m, err := view.Card(request(edit...))
		mustFit(t, err)
		return m
	}
	strays := request(followed(approvals.Failed, text, ran("ins-1", 0, drift, printed(len(text)))))
	for _, c := range []struct {
		where string
		m     view.Message
	}{
		{"a reason", card(pending, func(r *approvals.Request) { r.Asked.Reason = text })},
		{"a reason with a Windows line end", card(pending, func(r *approvals.Request) { r.Asked.Reason = "disk full\r\n" + forged })},
		{"a long reason", card(pending, func(r *approvals.Request) { r.Asked.Reason = strings.Repeat("x", 600) + "\n" + forged })},
		{"a long reason, early", card(pending, func(r *approvals.Request) { r.Asked.Reason = text + strings.Repeat("\nx", 300) })},
		{"the reason of a denial", card(ended(approvals.Denied, text, &bob))},
		{"the notice of a denial", notice(request(ended(approvals.Denied, text, &bob)), approvals.NoticeEnded)},
		{"parameters", card(pending, func(r *approvals.Request) { r.Plan.Parameters = text })},
		{"an alias", card(pending, func(r *approvals.Request) { r.Plan.Script.Alias, r.Asked.Alias = text, text })},
		{"a host", card(pending, func(r *approvals.Request) { r.Plan.Hosts = []string{text} })},
		{"why it waits", card(waiting(text, time.Time{}))},
		{"the API's words", card(sent(approvals.Failed, answered(approvals.OutcomeFailed)))},
		{"the API's words in a notice", notice(request(sent(approvals.Failed, answered(approvals.OutcomeFailed))), approvals.NoticeAnswer)},
		{"drift on the card", card(samePlan(followed(approvals.Failed, text, ran("ins-1", 0, drift))))},
		{"an alarm", notice(strays, approvals.NoticeAlarm)},
		{"a result", func() view.Message {
			m, _ := view.Result(strays, everyOutput(strays, []byte(text)))
			return m
		}()},
		{"what a search says", card(askedFor(nil), func(r *approvals.Request) { r.Unsure.Evidence, r.Unsure.Tasks = text, []string{text} })},
		{"what a search says, in the thread", notice(request(askedFor(nil), func(r *approvals.Request) { r.Unsure.Evidence = text }), approvals.NoticeAsk)},
		{"which run it waits for", card(busyWith(text))},
		{"a status", view.Status(approvals.Kept{Request: request(pending, func(r *approvals.Request) { r.Asked.Reason = text })}, loudEvents(text), cardLink)},
		{"an answer", view.Words("There is no script "+text, "", "")},
	} {
		fine(t, c.m)
		facts, _, _ := strings.Cut(c.m.Text, "The script:\n") // behind it stands nothing but the script
		for line := range strings.SplitSeq(facts, "\n") {
			if strings.HasPrefix(line, "Approved by @bob") {
				t.Errorf("%s: Text has the forged line:\n%s", c.where, facts)
			}
		}
		for _, line := range sectionLines(t, c.m) {
			if strings.HasPrefix(line, "Approved by @bob") {
				t.Errorf("%s: the forged line stands among the facts", c.where)
			}
		}
	}
}

// Many short lines are marked and do not push the other facts out of Text.
func TestManyLinesLeaveRoomInText(t *testing.T) {
	lines := strings.Repeat("\n.", 600)
	m, err := view.Card(request(pending, func(r *approvals.Request) { r.Asked.Reason, r.Plan.Parameters = "a"+lines, "b"+lines }))
	mustFit(t, err)
	for _, want := range []string{"Reason: a\n│ .\n", "Parameters: b\n│ .\n", "Rule: web servers", "digest ", "more characters)"} {
		if !strings.Contains(m.Text, want) {
			t.Errorf("Text lacks %q", want)
		}
	}
}

// sectionLines are the lines of m that are not preformatted.
func sectionLines(t *testing.T, m view.Message) []string {
	t.Helper()
	var all strings.Builder
	for _, b := range m.Blocks {
		rich, is := b.(*slack.RichTextBlock)
		if !is {
			continue
		}
		for _, part := range rich.Elements {
			section, is := part.(*slack.RichTextSection)
			if !is {
				continue
			}
			for _, e := range section.Elements {
				var text struct{ Text string }
				raw, err := json.Marshal(e)
				if err != nil || json.Unmarshal(raw, &text) != nil {
					t.Fatalf("%s: %v", raw, err)
				}
				all.WriteString(text.Text)
			}
			all.WriteString("\n")
		}
	}
	return strings.Split(all.String(), "\n")
}
