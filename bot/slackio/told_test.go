package slackio

import (
	"strings"
	"testing"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// heard is all that user alone was told.
func (r *rig) heard(user string) string {
	var all strings.Builder
	for _, e := range r.sim.Ephemerals(user) {
		all.WriteString(slacksim.Render(e.Message()))
	}
	for _, m := range r.sim.Messages("D" + user) {
		all.WriteString(slacksim.Render(m))
	}
	return all.String()
}

// Whom a notice names hears of it also where the channel is closed to the bot.
func TestApproversAreToldWithoutTheirChannel(t *testing.T) {
	approvedBy := func(users ...string) func(*approvals.Request) {
		return func(q *approvals.Request) {
			for _, u := range users {
				p := approvals.Person{Org: "T0SIM", ID: u, User: u, Name: u}
				q.Decisions = append(q.Decisions, approvals.Decision{Person: p, Verdict: approvals.Approve, Digest: q.Digest})
			}
		}
	}
	notify := func(k approvals.NoticeKind) func(r *rig, q approvals.Request) error {
		return func(r *rig, q approvals.Request) error {
			return r.notify(q, approvals.Notice{N: 1, Kind: k})
		}
	}
	report := func(r *rig, q approvals.Request) error { return r.report(q, long) }
	for _, c := range []struct {
		why  string
		edit func(*approvals.Request)
		tell func(*rig, approvals.Request) error
		bob  bool
	}{
		{"an answer", approvedBy(bob), notify(approvals.NoticeAnswer), true},
		{"an unknown end", approvedBy(bob), notify(approvals.NoticeUnknown), true},
		{"an unknown end that was found", approvedBy(bob), notify(approvals.NoticeFound), true},
		{"what people said of an unknown end", approvedBy(bob), notify(approvals.NoticeSettled), true},
		{"the store has gone back", approvedBy(bob), notify(approvals.NoticeBack), true},
		{"the store has lost it", approvedBy(bob), notify(approvals.NoticeGone), true},
		{"people are asked, also those who did not approve", approvedBy(), notify(approvals.NoticeAsk), true},
		{"a result, by its notice", approvedBy(bob), notify(approvals.NoticeResult), true},
		{"a result", approvedBy(bob), report, true},
		{"an alarm, also to who did not approve", approvedBy(), notify(approvals.NoticeAlarm), true},
		{"an order to stop is not carried out", approvedBy(bob), notify(approvals.NoticeStop), true},
		{"an end concerns the requester", approvedBy(bob), notify(approvals.NoticeEnded), false},
		{"one approver who is gone keeps nobody else from it", approvedBy("U0GONE", bob), report, true},
	} {
		t.Run(c.why, func(t *testing.T) {
			sim := simulate(t, slacksim.Config{})
			r := connectTo(t, sim)
			q := r.carded(request(over(1), c.edit))
			sim.Kick(channel, sim.BotUserID())
			if err := c.tell(r, q); err != nil {
				t.Fatal(err)
			}
			if text := r.heard(alice); !strings.Contains(text, q.ID) {
				t.Errorf("alice hears %q", text)
			}
			if text := r.heard(bob); strings.Contains(text, q.ID) != c.bob {
				t.Errorf("bob hears %q", text)
			}
		})
	}
}

// A list that may lack something says so.
func TestAListSaysWhatMayBeMissing(t *testing.T) {
	for _, c := range []struct {
		l    bot.List
		want string
	}{
		{bot.List{More: true}, "More requests are open"},
		{bot.List{Untold: true}, "who is in a group"},
		{bot.List{}, "Nothing is open here"},
	} {
		m, ok := new(Slack).render(c.l)
		if !ok || !strings.Contains(m.Text, c.want) || c.want != "Nothing is open here" && strings.Contains(m.Text, "Nothing is open") {
			t.Errorf("%+v: %s", c.l, m.Text)
		}
	}
}
