package world

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// The people and the channel. Everybody but Dave is on call and may approve.
const (
	Alice, Bob, Carol, Dave = "U0ALICE", "U0BOB", "U0CAROL", "U0DAVE"
	Incident                = "C0INCIDENT"
)

const workspace = `{
	"people": [{"id": "U0ALICE", "name": "alice"}, {"id": "U0BOB", "name": "bob"}, {"id": "U0CAROL", "name": "carol"}, {"id": "U0DAVE", "name": "dave"}],
	"groups": [{"id": "S0ONCALL", "handle": "oncall", "members": ["U0ALICE", "U0BOB", "U0CAROL"]},
		{"id": "S0LEADS", "handle": "leads", "members": ["U0ALICE", "U0BOB", "U0CAROL"]},
		{"id": "S0EMPTY", "handle": "empty", "members": []}, {"id": "S0BOTS", "handle": "bots", "members": ["U0BOT"]}],
	"channels": [{"id": "C0INCIDENT", "name": "incident", "members": ["U0ALICE", "U0BOB", "U0CAROL", "U0DAVE", "U0BOT"]}]}`

// Slack is everybody in the workspace.
type Slack struct {
	Admin
	API      string
	Proc     *Process
	Envelope string // of the last thing that somebody did
}

func startSlack(w *World, args ...string) *Slack {
	t := w.T
	t.Helper()
	p := Start(t, nil, w.Programs.Path("slacksimd"), append([]string{
		"-bot-token", w.Secrets["bot_token"], "-app-token", w.Secrets["app_token"],
		"-world", Write(t, filepath.Join(t.TempDir(), "world.json"), workspace),
	}, args...)...)
	return &Slack{Admin: Admin{T: t, Base: p.Line("admin ")}, API: p.Line("api "), Proc: p}
}

// Connected waits until n sockets are open.
func (s *Slack) Connected(n int) {
	s.T.Helper()
	Until(s.T, fmt.Sprintf("%d connections to Slack", n), func() (string, bool) {
		got := Fetch[map[string]int](s.Admin, "connections")
		return fmt.Sprint(got), got["connections"] == n
	})
}

// Act does something and waits for its ack. It returns what the ack says.
func (s *Slack) Act(verb string, body Object) string {
	s.T.Helper()
	var out struct {
		Turn *slacksim.Turn
		Ack  *struct {
			Payload json.RawMessage
			Failed  string
		}
	}
	if err := json.Unmarshal(s.Post(verb, body), &out); err != nil {
		s.T.Fatalf("%v", err)
	}
	if out.Turn != nil {
		s.Envelope = out.Turn.EnvelopeID
	}
	if out.Ack == nil || out.Ack.Failed != "" {
		s.T.Fatalf("%s %v: no good ack: %+v", verb, body, out.Ack)
	}
	return string(out.Ack.Payload)
}

// Types types a line after the slash command.
func (s *Slack) Types(who, text string) {
	s.T.Helper()
	s.Act("slash", Object{"user": who, "channel": Incident, "command": "/bmcmd", "text": text})
}

// Presses presses a button of the newest card.
func (s *Slack) Presses(who, button string) {
	s.T.Helper()
	s.Act("click", Object{"user": who, "channel": Incident, "ts": s.Card().TS, "button": button})
}

// Denies presses Deny and fills the form in.
func (s *Slack) Denies(who, reason string) {
	s.T.Helper()
	s.Presses(who, "Deny")
	var view string
	Until(s.T, "the deny form", func() (string, bool) {
		views := Fetch[[]slacksim.View](s.Admin, "views?user="+who)
		if len(views) > 0 {
			view = views[len(views)-1].ID
		}
		return "", view != ""
	})
	s.Act("submit", Object{"user": who, "view": view, "values": Object{"reason": reason}})
}

// Messages are all of the channel, oldest first.
func (s *Slack) Messages() []slacksim.Message {
	s.T.Helper()
	return Fetch[[]slacksim.Message](s.Admin, "messages?channel="+Incident)
}

// Cards are the messages that have or had an Approve button, oldest first.
func (s *Slack) Cards() (out []slacksim.Message) {
	s.T.Helper()
	for _, m := range s.Messages() {
		if IsCard(m) {
			out = append(out, m)
		}
	}
	return out
}

// IsCard reports whether a message has or had an Approve button.
func IsCard(m slacksim.Message) bool {
	versions := []slacksim.Message{m}
	for _, v := range m.History {
		versions = append(versions, slacksim.Message{Blocks: v.Blocks})
	}
	return slices.ContainsFunc(versions, func(m slacksim.Message) bool { return slices.Contains(m.Buttons(), "Approve") })
}

// Card is the newest one.
func (s *Slack) Card() slacksim.Message {
	s.T.Helper()
	all := s.Cards()
	if len(all) == 0 {
		s.T.Fatalf("there is no card")
	}
	return all[len(all)-1]
}

// AwaitCards waits until there are n cards.
func (s *Slack) AwaitCards(n int) {
	s.T.Helper()
	Until(s.T, fmt.Sprintf("%d cards", n), func() (string, bool) {
		got := len(s.Cards())
		return fmt.Sprint(got), got >= n
	})
}

// CardSays waits until the newest card holds all of the texts.
func (s *Slack) CardSays(texts ...string) {
	s.T.Helper()
	s.holds("the card", texts, func() string { return slacksim.Render(s.Card()) })
}

// Thread is what the bot wrote under the newest card.
func (s *Slack) Thread() string {
	s.T.Helper()
	root := s.Card().TS
	var b strings.Builder
	for _, m := range s.Messages() {
		if m.ReplyTo == root {
			fmt.Fprintln(&b, slacksim.Render(m))
		}
	}
	return b.String()
}

// ThreadSays waits until the newest card's thread holds all of the texts.
func (s *Slack) ThreadSays(texts ...string) {
	s.T.Helper()
	s.holds("the thread", texts, s.Thread)
}

// Sees waits until somebody was shown all of the texts alone.
func (s *Slack) Sees(who string, texts ...string) {
	s.T.Helper()
	s.holds("what "+who+" sees", texts, func() string {
		var b strings.Builder
		for _, e := range Fetch[[]slacksim.Ephemeral](s.Admin, "ephemerals?user="+who) {
			fmt.Fprintln(&b, slacksim.Render(slacksim.Message{TS: e.TS, Text: e.Text, Blocks: e.Blocks}))
		}
		return b.String()
	})
}

func (s *Slack) holds(what string, texts []string, look func() string) {
	s.T.Helper()
	Until(s.T, fmt.Sprintf("%s says %q", what, texts), func() (string, bool) {
		got := look()
		return got, !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(got, text) })
	})
}

// Traffic is every byte that bots sent to Slack.
func (s *Slack) Traffic() string {
	s.T.Helper()
	return string(s.Get("traffic"))
}
