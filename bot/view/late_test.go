package view_test

import (
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot/view"
)

// An answer that comes after the run was taken for unknown ends the request: what is
// said must fit the button that is left.
func TestLateAnswers(t *testing.T) {
	unsent := &approvals.Answer{Outcome: approvals.OutcomeNotSent, Message: "no connection"}
	notice := approvals.Notice{N: 2, Kind: approvals.NoticeAnswer}
	for _, c := range []struct {
		why        string
		r          approvals.Request
		head, note string
		never      []string
	}{
		{
			"refused after all", request(sent(approvals.Failed, refused)), "Refused by the API, nothing ran",
			"Nothing has run. Ask again if it is still needed.",
			[]string{"still stands", "Run on the card", "cannot run"},
		},
		{
			"not sent after all", request(sent(approvals.Failed, unsent)), "Not sent, nothing ran",
			"Nothing was sent after all. Ask again if it is still needed.",
			[]string{"not known", "cannot run", "may have run"},
		},
		{
			"a password that cannot be sent, after all", request(sent(approvals.Failed, &approvals.Answer{Outcome: approvals.OutcomeRefused, Name: "not sent"})), "Not sent, nothing ran",
			"Nothing was sent after all.",
			[]string{"API refused"},
		},
		{
			"not sent after all, an earlier send was refused", request(sent(approvals.Approved, refused), sent(approvals.Failed, unsent)), "Not sent, nothing ran",
			"Nothing was sent after all.",
			[]string{"4400", "still stands"},
		},
	} {
		card, err := view.Card(c.r)
		mustFit(t, err)
		fine(t, card)
		told := view.Notice(c.r, notice)
		fine(t, told)
		if !strings.HasPrefix(card.Text, c.head+": ") {
			t.Errorf("%s: the card begins %.80q", c.why, card.Text)
		}
		if !strings.Contains(told.Text, c.note) {
			t.Errorf("%s: the notice does not say %q:\n%s", c.why, c.note, told.Text)
		}
		for _, word := range c.never {
			if strings.Contains(told.Text, word) || strings.Contains(card.Text, word) {
				t.Errorf("%s: %q is said:\n%s\n%s", c.why, word, told.Text, card.Text)
			}
		}
	}
}

// A notice of a refusal may be drawn when the approval is spent already.
func TestARefusalPromisesNoApprovalThatIsGone(t *testing.T) {
	r := request(sent(approvals.Approved, refused), func(r *approvals.Request) { r.State = approvals.Expired })
	m := view.Notice(r, approvals.Notice{N: 2, Kind: approvals.NoticeAnswer})
	if strings.Contains(m.Text, "still stands") || !strings.Contains(m.Text, "the card says how it stands now") {
		t.Error(m.Text)
	}
}

// What the API was never asked, it has not refused.
func TestAPasswordThatCannotBeSent(t *testing.T) {
	r := request(sent(approvals.Approved, &approvals.Answer{
		Outcome: approvals.OutcomeRefused, Name: "not sent",
		Meaning: "the login's password begins with @, which this API's signature cannot carry",
		Hint:    "Give the login another password, then press Run.",
	}), func(r *approvals.Request) { r.Waiting = "the API refused the run before anything could start" })
	card, err := view.Card(r)
	mustFit(t, err)
	for where, m := range map[string]view.Message{"card": card, "notice": view.Notice(r, approvals.Notice{N: 2, Kind: approvals.NoticeAnswer})} {
		fine(t, m)
		for _, word := range []string{"API refused", "no answer", "code 0"} {
			if strings.Contains(m.Text, word) {
				t.Errorf("the %s says %q:\n%s", where, word, m.Text)
			}
		}
		for _, word := range []string{"The API was not asked", "begins with @"} {
			if !strings.Contains(m.Text, word) {
				t.Errorf("the %s does not say %q:\n%s", where, word, m.Text)
			}
		}
	}
}

// What people are told to press is what the button reads: the bot's own words say Run.
func TestTheButtonIsCalledAsTheWordsSay(t *testing.T) {
	for why, life := range map[string]func(*approvals.Request){
		"it waits":                 waiting("the vault does not answer", time.Time{}),
		"the API refused":          func(r *approvals.Request) { sent(approvals.Approved, refused)(r); r.Waiting = "x" },
		"it goes on by itself too": waiting("the vault does not answer", start.Add(2*time.Minute)),
	} {
		r := request(life)
		card, err := view.Card(r)
		mustFit(t, err)
		if got := labels(card); got != "Run, Deny, Cancel" {
			t.Errorf("%s: the buttons read %s", why, got)
		}
		for _, kind := range []approvals.NoticeKind{approvals.NoticeAnswer, approvals.NoticeWaiting} {
			m := view.Notice(r, approvals.Notice{N: 2, Kind: kind})
			if strings.Contains(m.Text, "Retry on") || strings.Contains(m.Text, "Run now") {
				t.Errorf("%s: %s", why, m.Text)
			}
		}
	}
}

// labels are what the buttons of m read.
func labels(m view.Message) string {
	var all []string
	for _, b := range buttonsOf(m) {
		all = append(all, b.Text.Text)
	}
	return strings.Join(all, ", ")
}

func buttonsOf(m view.Message) []*slack.ButtonBlockElement {
	var all []*slack.ButtonBlockElement
	for _, b := range m.Blocks {
		if a, is := b.(*slack.ActionBlock); is {
			for _, e := range a.Elements.ElementSet {
				all = append(all, e.(*slack.ButtonBlockElement))
			}
		}
	}
	return all
}

// The newer API answers with names and no numbers: 0 there is no number, and no silence.
func TestAnAnswerWithoutANumber(t *testing.T) {
	for name, want := range map[string]string{"InvalidParameter": "The API answered InvalidParameter", "": "The API answered with an error"} {
		m, err := view.Card(request(sent(approvals.Failed, &approvals.Answer{Outcome: approvals.OutcomeFailed, Name: name})))
		mustFit(t, err)
		if !strings.Contains(m.Text, want) || strings.Contains(m.Text, "code 0") || strings.Contains(m.Text, "no answer") {
			t.Errorf("%q: %s", name, m.Text)
		}
	}
}

// An answer of API 3.0 has a name and no number: it came, whatever it means.
func TestAnAnswerWithoutANumberIsAnAnswer(t *testing.T) {
	m, err := view.Card(request(sent(approvals.Unknown, &approvals.Answer{
		Outcome: approvals.OutcomeUnknown, Name: "FailedOperation", Meaning: "an operation failed",
	})))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(m.Text, "The API answered FailedOperation") || strings.Contains(m.Text, "no answer that can be used") {
		t.Errorf("the card says\n%s", m.Text)
	}
}
