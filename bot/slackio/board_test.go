package slackio

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/slacksim"
	"github.com/bmcmd/bmcmd/bot/view"
)

// request is a pending one of alice's, without a card yet.
func request(change ...func(*approvals.Request)) approvals.Request {
	now := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	r := approvals.Request{
		ID: "r-abcdefghjk", State: approvals.Pending, Origin: approvals.Origin{Team: "T0SIM", Channel: channel},
		Requester: approvals.Person{Org: "T0SIM", ID: alice, User: alice, Name: "alice"},
		Asked:     approvals.Asked{Script: "cmd-nozcbhuw", Hosts: []string{"ins-1"}},
		Plan: &approvals.Plan{
			Script: approvals.Script{CmdID: "cmd-nozcbhuw", Alias: "free space", OSType: "Linux", Content: []byte("df -h\n")},
			Hosts:  []string{"ins-1"}, Login: approvals.Login{Name: "web", User: "root"},
			Rule: approvals.Rule{Name: "web", Quorum: 1, Lifetime: time.Hour, Approve: approvals.Who{Users: []string{bob}}},
		},
		Received: now, Opened: now, Expires: now.Add(time.Hour), Card: approvals.Card{Look: 2},
	}
	r.Digest = r.Plan.Digest()
	for _, f := range change {
		f(&r)
	}
	return r
}

// carded is r with its card up.
func (r *rig) carded(q approvals.Request) approvals.Request {
	r.t.Helper()
	at, ts, err := r.s.Post(soon(r.t), q)
	if err != nil {
		r.t.Fatal(err)
	}
	q.Card.Channel, q.Card.TS = at, ts
	return q
}

// However many lists name a card within a minute, Slack is asked for its link once; a
// deleted card is no exception, and neither is one that was deleted in between.
func TestALinkIsAskedForOnceAMinute(t *testing.T) {
	sim := simulate(t, slacksim.Config{})
	r := connectTo(t, sim)
	q, lost := r.carded(request()), approvals.Card{Channel: channel, TS: "1.000001"}
	asked := func(want int, why string) {
		t.Helper()
		n := 0
		for _, c := range sim.Calls() {
			if c.Method == "chat.getPermalink" {
				n++
			}
		}
		if n != want {
			t.Errorf("%s: %d calls, want %d", why, n, want)
		}
	}
	now := time.Now()
	r.s.links.now = func() time.Time { return now }
	for range 30 {
		if r.s.Link(soon(t), q.Card) == "" || r.s.Link(soon(t), lost) != "" {
			t.Error("a card without a link, or a link to no card")
		}
		now = now.Add(1900 * time.Millisecond)
	}
	asked(2, "30 lists within a minute")
	if _, _, err := r.s.api.DeleteMessageContext(soon(t), channel, q.Card.TS); err != nil {
		t.Fatal(err)
	}
	now = now.Add(3 * time.Second)
	if link := r.s.Link(soon(t), q.Card); link != "" {
		t.Errorf("a card that was deleted has the link %q a minute after it was looked up", link)
	}
	asked(3, "a minute later")
	gone := q.Card
	gone.Gone = true
	if link := r.s.Link(soon(t), gone); link != "" {
		t.Errorf("a card that is known to be gone has the link %q", link)
	}
	asked(3, "a card that is known to be gone")
}

func TestACardIsPostedRedrawnAndLinked(t *testing.T) {
	sim := simulate(t, slacksim.Config{})
	r := connectTo(t, sim)
	q := r.carded(request())
	m, _ := sim.Message(channel, q.Card.TS)
	if text := slacksim.Render(m); !strings.Contains(text, "df -h") || len(m.Buttons()) != 3 {
		t.Errorf("the card: %s", text)
	}
	q.State, q.Why = approvals.Cancelled, ""
	if err := r.s.Redraw(soon(t), q); err != nil {
		t.Fatal(err)
	}
	if m, _ = sim.Message(channel, q.Card.TS); !m.Edited || strings.Join(m.Buttons(), " ") != "Ask again" {
		t.Errorf("redrawn: %v", m.Buttons())
	}
	if link := r.s.Link(soon(t), q.Card); !strings.Contains(link, "/archives/"+channel+"/p") {
		t.Errorf("link %q", link)
	}
	gone := q.Card
	gone.Gone = true
	if link := r.s.Link(soon(t), gone); link != "" {
		t.Errorf("a card that is gone has the link %q", link)
	}
	if _, _, err := r.s.api.DeleteMessageContext(soon(t), channel, q.Card.TS); err != nil {
		t.Fatal(err)
	}
	linked := time.Now()
	r.s.links.now = func() time.Time { return linked.Add(time.Minute) }
	if link := r.s.Link(soon(t), q.Card); link != "" {
		t.Errorf("a card that was deleted a minute ago has the link %q", link)
	}
	if link := r.s.Link(soon(t), approvals.Card{Channel: channel, TS: "1.000001"}) + r.s.Link(soon(t), approvals.Card{}); link != "" {
		t.Errorf("a card that is not there has the link %q", link)
	}
	for _, c := range sim.Calls() {
		if c.Method == "chat.postMessage" && (c.Form["unfurl_links"] != "false" || c.Form["unfurl_media"] != "false") {
			t.Error("links unfurl")
		}
	}
}

// What Slack answers, and what that means for a request.
func TestWhatSlacksRefusalsMean(t *testing.T) {
	later := new(bot.Later)
	for _, c := range []struct {
		why, method string
		spoil       func(*slacksim.Slack, approvals.Request)
		post, draw  error // of which the error is one; nil: try again
	}{
		{"never invited", "", func(s *slacksim.Slack, _ approvals.Request) { s.Kick(channel, s.BotUserID()) }, bot.ErrNotInChannel, bot.ErrNotInChannel},
		{"archived", "", func(s *slacksim.Slack, _ approvals.Request) {
			s.AddChannel(slacksim.Channel{ID: channel, Name: "ops", Archived: true, Members: []string{s.BotUserID()}})
		}, bot.ErrNotInChannel, bot.ErrNotInChannel},
		{"a private one", "", func(s *slacksim.Slack, _ approvals.Request) {
			s.AddChannel(slacksim.Channel{ID: channel, Name: "ops", Private: true})
		}, bot.ErrNotInChannel, bot.ErrNotInChannel},
		{"read only", "restricted_action", nil, bot.ErrNotInChannel, bot.ErrNotInChannel},
		{"not as Slack wants it", "invalid_blocks", nil, bot.ErrRejected, bot.ErrRejected},
		{"too long", "msg_too_long", nil, bot.ErrRejected, bot.ErrRejected},
		{"too late to edit", "edit_window_closed", nil, nil, bot.ErrCardGone},
		{"of another bot", "cant_update_message", nil, nil, bot.ErrCardGone},
		{"in trouble", "internal_error", nil, nil, nil},
		{"too many", "ratelimited", nil, later, later},
	} {
		t.Run(c.why, func(t *testing.T) {
			sim := simulate(t, slacksim.Config{})
			r := connectTo(t, sim)
			q := r.carded(request())
			if c.spoil != nil {
				c.spoil(sim, q)
			}
			if c.method != "" {
				sim.FailNext("chat.postMessage", slacksim.Fault{Error: c.method}, 1)
				sim.FailNext("chat.update", slacksim.Fault{Error: c.method}, 1)
			}
			_, _, err := r.s.Post(soon(t), request())
			check(t, "Post", err, c.post)
			check(t, "Redraw", r.s.Redraw(soon(t), q), c.draw)
			if c.post == bot.ErrRejected && !strings.Contains(r.log.String(), "slack rejects a message") {
				t.Errorf("the log: %s", r.log)
			}
		})
	}
}

func check(t *testing.T, what string, err, want error) {
	t.Helper()
	if err == nil {
		t.Fatalf("%s: no error", what)
	}
	if l, ok := want.(*bot.Later); ok {
		if !errors.As(err, &l) || l.After <= 0 {
			t.Errorf("%s: %v does not say how long to wait", what, err)
		}
		return
	}
	for _, known := range []error{bot.ErrNotInChannel, bot.ErrCardGone, approvals.ErrTooLong, approvals.ErrNotText, bot.ErrRejected} {
		if errors.Is(err, known) != (known == want) {
			t.Errorf("%s: %v is %v", what, err, known)
		}
	}
}

func TestADeletedCardIsGone(t *testing.T) {
	sim := simulate(t, slacksim.Config{})
	r := connectTo(t, sim)
	q := r.carded(request())
	if _, _, err := r.s.api.DeleteMessageContext(soon(t), channel, q.Card.TS); err != nil {
		t.Fatal(err)
	}
	if err := r.s.Redraw(soon(t), q); !errors.Is(err, bot.ErrCardGone) {
		t.Errorf("got %v", err)
	}
}

func TestACardThatCannotShowAllIsNotPosted(t *testing.T) {
	sim := simulate(t, slacksim.Config{})
	r := connectTo(t, sim)
	for _, c := range []struct {
		why, script string
		is, not     error
	}{
		{"long", strings.Repeat("echo\n", 10_000), approvals.ErrTooLong, approvals.ErrNotText},
		{"not text, which no cutting mends", "\xff\xfe", approvals.ErrNotText, approvals.ErrTooLong},
	} {
		q := request(func(q *approvals.Request) { q.Plan.Script.Content = []byte(c.script) })
		_, card := view.Card(q)
		_, _, err := r.s.Post(soon(t), q)
		if !errors.Is(err, c.is) || errors.Is(err, c.not) || err.Error() != card.Error() {
			t.Errorf("%s: got %v, not view's words: %v", c.why, err, card)
		}
	}
	if n := sim.CallCount("chat.postMessage"); n != 0 {
		t.Errorf("%d cards were posted", n)
	}
}

func TestSlackAsksToWait(t *testing.T) {
	sim := simulate(t, slacksim.Config{})
	r := connectTo(t, sim)
	sim.RateLimitNext("chat.postMessage", 1, 7*time.Second)
	_, _, err := r.s.Post(soon(t), request())
	if l, ok := errors.AsType[*bot.Later](err); !ok || l.After != 7*time.Second {
		t.Errorf("got %v", err)
	}
	if n := sim.CallCount("chat.postMessage"); n != 1 {
		t.Errorf("%d calls: who asked tries again, and nobody else", n)
	}
}

// Where Slack takes no more messages for now, one person's many requests do not keep another's from
// the channel; an alarm waits for none of them.
func TestACrowdedChannel(t *testing.T) {
	sim := simulate(t, slacksim.Config{})
	r := connectTo(t, sim)
	r.s.posts = bot.NewPace(1, time.Hour)
	of := func(user string) approvals.Request {
		return request(func(q *approvals.Request) { q.Requester.User = user })
	}
	for range 3 {
		r.carded(of(alice))
	}
	sim.RateLimitNext("chat.postMessage", 1, time.Second)
	before := sim.CallCount("chat.postMessage")
	for range 10 {
		_, _, _ = r.s.Post(soon(t), of(alice))
	}
	if n := sim.CallCount("chat.postMessage") - before; n != 2 {
		t.Errorf("%d calls for one person's cards, want the one that Slack refused, and one", n)
	}
	q := r.carded(of(bob))
	var wait *bot.Later
	if err := r.notify(q, approvals.Notice{N: 1, Kind: approvals.NoticeEnded}); !errors.As(err, &wait) {
		t.Errorf("a notice beside the same person's card: %v", err)
	}
	if err := r.notify(q, approvals.Notice{N: 2, Kind: approvals.NoticeAlarm}); err != nil {
		t.Errorf("an alarm: %v", err)
	}
}

func TestACallDoesNotHang(t *testing.T) {
	sim := simulate(t, slacksim.Config{})
	r := connectTo(t, sim, func(c *Config) { c.CallFor = 50 * time.Millisecond })
	sim.FailNext("chat.postMessage", slacksim.Fault{Hang: true}, 1)
	_, _, err := r.s.Post(soon(t), request())
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("got %v", err)
	}
}

// A card asked for in a thread goes into it; if the thread is gone, into the channel.
func TestWhereACardGoes(t *testing.T) {
	sim := simulate(t, slacksim.Config{})
	r := connectTo(t, sim)
	parent, err := sim.Say(soon(t), bob, channel, "", "the disk is full")
	if err != nil {
		t.Fatal(err)
	}
	q := r.carded(request(func(q *approvals.Request) { q.Origin.Thread = parent }))
	if m, _ := sim.Message(channel, q.Card.TS); m.ReplyTo != parent {
		t.Errorf("the card stands under %q", m.ReplyTo)
	}
	q = r.carded(request(func(q *approvals.Request) { q.Origin.Thread = "1.000001" }))
	if m, _ := sim.Message(channel, q.Card.TS); m.ReplyTo != "" {
		t.Errorf("without its thread, the card stands under %q", m.ReplyTo)
	}
}

func TestWhereANoticeGoes(t *testing.T) {
	ended := func(q *approvals.Request) { q.State = approvals.Expired }
	notice := approvals.Notice{N: 1, Kind: approvals.NoticeEnded}
	t.Run("under the card", func(t *testing.T) {
		sim := simulate(t, slacksim.Config{})
		r := connectTo(t, sim)
		q := r.carded(request(ended))
		if err := r.notify(q, notice); err != nil {
			t.Fatal(err)
		}
		if m := last(sim.Messages(channel)); m.ReplyTo != q.Card.TS {
			t.Errorf("it stands under %q", m.ReplyTo)
		}
	})
	t.Run("in the card's thread", func(t *testing.T) {
		sim := simulate(t, slacksim.Config{})
		r := connectTo(t, sim)
		parent, _ := sim.Say(soon(t), bob, channel, "", "the disk is full")
		q := r.carded(request(ended, func(q *approvals.Request) { q.Origin.Thread = parent }))
		if err := r.notify(q, notice); err != nil {
			t.Fatal(err)
		}
		if m := last(sim.Messages(channel)); m.ReplyTo != parent || m.TS == q.Card.TS {
			t.Errorf("it stands under %q", m.ReplyTo)
		}
	})
	t.Run("under a card whose thread was gone", func(t *testing.T) {
		sim := simulate(t, slacksim.Config{})
		r := connectTo(t, sim)
		q := r.carded(request(ended, func(q *approvals.Request) { q.Origin.Thread = "1.000001" }))
		if err := r.notify(q, notice); err != nil {
			t.Fatal(err)
		}
		if m := last(sim.Messages(channel)); m.ReplyTo != q.Card.TS {
			t.Errorf("it stands under %q", m.ReplyTo)
		}
	})
	t.Run("to the requester alone, without a card", func(t *testing.T) {
		r := connectTo(t, simulate(t, slacksim.Config{}))
		if err := r.notify(request(ended), notice); err != nil {
			t.Fatal(err)
		}
		if e := r.whispered(alice, "r-abcdefghjk"); e.Channel != channel {
			t.Errorf("in %s", e.Channel)
		}
	})
	t.Run("by a direct message, where the bot may not post", func(t *testing.T) {
		for _, withCard := range []bool{false, true} {
			sim := simulate(t, slacksim.Config{})
			r := connectTo(t, sim)
			q := request(ended)
			if withCard {
				q = r.carded(q)
			}
			sim.Kick(channel, sim.BotUserID())
			if err := r.notify(q, notice); err != nil {
				t.Fatal(err)
			}
			if m := last(sim.Messages("D" + alice)); !strings.Contains(slacksim.Render(m), "r-abcdefghjk") {
				t.Errorf("alice reads %s", slacksim.Render(m))
			}
		}
	})
	t.Run("not at all, if there is no way", func(t *testing.T) {
		sim := simulate(t, slacksim.Config{})
		r := connectTo(t, sim)
		err := r.notify(request(ended, func(q *approvals.Request) { q.Requester.User = "U0GONE" }), notice)
		if !errors.Is(err, bot.ErrNotInChannel) {
			t.Errorf("got %v", err)
		}
	})
}

// Before there is a card, whoever asked is told over the response_url of their command: also where
// the bot is not in the channel. Never more often than Slack allows.
func TestARequestThatGetsNoCard(t *testing.T) {
	sim := simulate(t, slacksim.Config{})
	sim.Kick(channel, sim.BotUserID())
	r := connectTo(t, sim)
	var id string
	r.run(hand{typed: func(_ context.Context, line bot.Typed) bot.Answer {
		id = approvals.NewID(line.By.Team, line.Event)
		return bot.Words{Text: "Recorded.", Request: id}
	}})
	if a := r.ask("run cmd-1 ins-1"); a.Failed != "" {
		t.Fatal(a.Failed)
	}
	q := request(func(q *approvals.Request) { q.ID, q.State, q.Why = id, approvals.Refused, "I am not in this channel." })
	for range 6 {
		if err := r.notify(q, approvals.Notice{N: 1, Kind: approvals.NoticeEnded}); err != nil {
			t.Fatal(err)
		}
	}
	if e := r.whispered(alice, "I am not in this channel."); e.Channel != channel {
		t.Errorf("told in %s", e.Channel)
	}
	if n := sim.CallCount("response_url"); n != replyUses-1 {
		t.Errorf("the response_url was used %d times", n)
	}
	if len(sim.Messages("D"+alice)) != 2 {
		t.Errorf("the rest did not go by direct message: %v", sim.Messages("D"+alice))
	}
	for _, e := range sim.Ephemerals(alice) {
		if e.Via == "chat.postEphemeral" {
			t.Error("an ephemeral in a channel without the bot")
		}
	}
}

func TestAnswersThatAreNoRequestAreNotKept(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	r.run(hand{typed: func(_ context.Context, line bot.Typed) bot.Answer {
		return bot.Words{Text: "That is open already.", Request: "r-another"}
	}})
	r.ask("run cmd-1 ins-1")
	if n := len(r.s.replies.byID); n != 0 {
		t.Errorf("%d are kept", n)
	}
}

func TestRepliesAreBoundedAndAge(t *testing.T) {
	now := time.Unix(0, 0)
	r := newReplies(func() time.Time { return now })
	for i := range replyMost + 10 {
		r.keep(string(rune(i)), asker{user: alice, url: "https://x"})
	}
	if len(r.byID) != replyMost || len(r.order) != replyMost {
		t.Errorf("%d kept in %d", len(r.byID), len(r.order))
	}
	if _, ok := r.take(string(rune(0))); ok {
		t.Error("the oldest is still there")
	}
	young := string(rune(replyMost))
	if to, ok := r.take(young); !ok || to.url == "" {
		t.Errorf("got %v %v", to, ok)
	}
	now = now.Add(replyFor)
	if to, ok := r.take(young); !ok || to.url != "" || to.user != alice {
		t.Errorf("after its time: %v %v", to, ok)
	}
}
