package view_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot/view"
)

// The chain's head stands in the message that ends a request's thread, once, and last
// where it is looked at; in no message before it.
func TestTheChainsHeadEndsTheThread(t *testing.T) {
	drift := request(followed(approvals.Failed, "", ran("ins-1", 0, strayed)))
	long := request(followed(approvals.Failed, "", ran("ins-1", 1, printed(60_000))), headed)
	for _, c := range []struct {
		why  string
		kind approvals.NoticeKind
		r    approvals.Request
		ends bool
	}{
		{"denied", approvals.NoticeEnded, request(ended(approvals.Denied, "no\nnot these hosts", &bob), headed), true},
		{"refused, with more differences than Text has room for", approvals.NoticeEnded, request(changed, headed, func(r *approvals.Request) {
			for range 6 {
				r.Changes = append(r.Changes, approvals.Change{What: "script", Diff: strings.Repeat("-a line\n+another\n", 60)})
			}
		}), true},
		{"what people say", approvals.NoticeSettled, request(settledAs(approvals.Ran), headed), true},
		{"the API cannot run it", approvals.NoticeAnswer, request(sent(approvals.Failed, failed), headed), true},
		{"a result", approvals.NoticeResult, request(followed(approvals.Succeeded, "", ran("ins-1", 0)), headed), true},
		{"accepted, and the result is to come", approvals.NoticeAnswer, request(followed(approvals.Accepted, "", ran("ins-1", 0, silent)), headed), false},
		{"accepted, told after the end", approvals.NoticeAnswer, request(followed(approvals.Failed, "", ran("ins-1", 0, silent)), headed), false},
		{"an alarm", approvals.NoticeAlarm, drift, false},
		{"people are asked", approvals.NoticeAsk, request(askedFor(unknown), headed), false},
		{"a record without events", approvals.NoticeEnded, request(ended(approvals.Expired, "", nil)), false},
		{"a head that is none", approvals.NoticeEnded, request(ended(approvals.Expired, "", nil), func(r *approvals.Request) { r.Events, r.Head = 9, "<!channel>" }), false},
	} {
		m := view.Notice(c.r, approvals.Notice{N: 2, Kind: c.kind})
		fine(t, m)
		endsWithHead(t, c.why, m, c.r.Head, c.ends)
	}
	m, _ := view.Result(long, everyOutput(long, []byte(strings.Repeat("a long line of output\n", 3000))))
	fine(t, m)
	endsWithHead(t, "a result with a long output", m, long.Head, true)
}

func endsWithHead(t *testing.T, why string, m view.Message, head string, ends bool) {
	t.Helper()
	want := "Audit: 9 events, head " + head
	lines := strings.Split(strings.TrimSpace(strings.Join(sectionLines(t, m), "\n")), "\n")
	if last := lines[len(lines)-1]; (last == want) != ends {
		t.Errorf("%s: the last line is %q", why, last)
	}
	if n := strings.Count(m.Text, "Audit: "); (n == 1 && strings.Contains(m.Text, want)) != ends {
		t.Errorf("%s: Text has %d lines of it:\n%s", why, n, m.Text)
	}
}

// Who listens hears all of an unknown run that those see who look.
func TestTextSaysWhatPeopleHaveToKnow(t *testing.T) {
	r := request(askedFor(nil, says(bob, approvals.Ran, 0), says(alice, approvals.DidNotRun, 0)), weak, func(r *approvals.Request) {
		r.Unsure.Tasks = []string{"cmdtask-1a2b3c4d", "cmdtask-9z8y7x6w"}
		r.Plan.Script.Content = []byte(strings.Repeat("echo a line of a long script\n", 150))
	})
	card, err := view.Card(r)
	mustFit(t, err)
	ask := view.Notice(r, approvals.Notice{N: 2, Kind: approvals.NoticeAsk})
	for where, m := range map[string]view.Message{"card": card, "notice": ask} {
		for _, want := range []string{
			"bmcmd call tasks", "the hosts themselves", "Two different people", "the one who asked counts as one of them at most",
			"For 10 minutes no task", "cmdtask-1a2b3c4d, cmdtask-9z8y7x6w", "counts only from <!date^", "2026-11-05 05:04 UTC",
		} {
			if !strings.Contains(m.Text, want) {
				t.Errorf("the %s's Text does not say %q:\n%s", where, want, m.Text)
			}
		}
	}
	for _, want := range []string{"Said that it ran: <@UBOB>", "Said that it did not run: <@UALICE>", "Its hosts are kept"} {
		if !strings.Contains(card.Text, want) {
			t.Errorf("the card's Text does not say %q:\n%s", want, card.Text)
		}
	}
}

// Only what still can be forgotten is warned of.
func TestAWeakStoreIsNamedBeforeTheRun(t *testing.T) {
	for state, life := range map[string]func(*approvals.Request){
		"received": func(*approvals.Request) {}, "pending": pending, "approved": approved, "waits": waiting("x", time.Time{}),
	} {
		for _, is := range []bool{true, false} {
			m, err := view.Card(request(life, func(r *approvals.Request) { r.Weak = is }))
			mustFit(t, err)
			if strings.Contains(m.Text, "Then this could run twice.") != is {
				t.Errorf("%s, weak %t:\n%s", state, is, m.Text)
			}
		}
	}
	m, err := view.Card(request(sent(approvals.Accepted, accepted), weak))
	mustFit(t, err)
	if strings.Contains(m.Text, "durability") {
		t.Errorf("a run that was sent warns:\n%s", m.Text)
	}
}
