package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// expect waits until what a line expects is so.
func (s *stage) expect(ctx context.Context, l line) error {
	l.text = s.spell(l.text)
	var got string
	err := until(ctx, s.patience, errBusy, func() bool {
		var ok bool
		got, ok = s.holds(l)
		return ok
	})
	s.print()
	if err != nil {
		return fmt.Errorf("expected %s %s: %q, but there is:\n%s", l.verb, l.what, l.text, got)
	}
	return nil
}

// holds reports whether what l expects is so, and what is there instead.
func (s *stage) holds(l line) (got string, ok bool) {
	switch l.verb {
	case vSees:
		got = s.seen(l.who)
		return got, strings.Contains(got, l.text) == (l.what == "sees")
	case vCard:
		s.findCard()
		m, _ := s.w.slack.Message(s.channel, s.card)
		if l.what == "offers" {
			got = strings.Join(m.Buttons(), ", ")
			return got, got == l.text || got == "" && l.text == "nothing"
		}
		got = slacksim.Render(m)
		return got, strings.Contains(got, l.text) == (l.what == "says")
	case vThread:
		got = s.thread()
		return got, strings.Contains(got, l.text) == (l.what == "says")
	case vFile:
		got = s.files()
		if l.what == "none" {
			return got, got == ""
		}
		return cutMiddle(got), strings.Contains(got, l.text) == (l.what == "says")
	case vNoCard:
		s.findCard()
		return s.card, s.card == ""
	case vSent:
		n := s.w.cloud.Count("RunUserCmd")
		return fmt.Sprint(n), n == l.num
	case vRan:
		got = s.ran()
		return got, got == l.text
	}
	return "", false
}

// seen is what only that person was shown since the last action.
func (s *stage) seen(name string) string {
	p, err := personNamed(name)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, e := range s.w.slack.Transcript()[s.before:] {
		switch e.Kind {
		case slacksim.KindEphemeral, slacksim.KindWarning:
			if e.UserID == p.ID {
				fmt.Fprintf(&b, "%s\n%s\n", slacksim.Render(e.Message), e.Text)
			}
		case slacksim.KindModal:
			if e.UserID == p.ID {
				fmt.Fprintln(&b, slacksim.RenderView(e.View))
			}
		}
	}
	return b.String()
}

// thread is what stands in the newest card's thread, the card left out.
func (s *stage) thread() string {
	root := s.root()
	var b strings.Builder
	for _, m := range s.w.slack.Messages(s.channel) {
		if m.ReplyTo == root && m.TS != s.card && m.UserID == s.w.slack.BotUserID() {
			fmt.Fprintln(&b, slacksim.Render(m))
		}
	}
	return b.String()
}

// files is the content of all files in the newest card's thread.
func (s *stage) files() string {
	root := s.root()
	var b strings.Builder
	for _, m := range s.w.slack.Messages(s.channel) {
		for _, f := range m.Files {
			if m.ReplyTo == root {
				b.Write(f.Content)
			}
		}
	}
	return b.String()
}

// cutMiddle makes a long text short enough to be read by somebody who looks for what
// went wrong.
func cutMiddle(s string) string {
	const most = 2000
	if len(s) <= 2*most {
		return s
	}
	return s[:most] + fmt.Sprintf("\n[… %d bytes …]\n", len(s)-2*most) + s[len(s)-most:]
}

// ran is the newest script that was started, as a play writes it.
func (s *stage) ran() string {
	runs := s.w.cloud.Runs()
	if len(runs) == 0 {
		return "nothing"
	}
	r := runs[len(runs)-1]
	if r.API == bmclient.APITAT {
		r.CmdID, r.Parameters = s.sentTAT(r)
	}
	got := fmt.Sprintf("%s on %s as %s", r.CmdID, strings.Join(r.Hosts, ","), r.User)
	if len(r.Parameters) > 0 {
		got += fmt.Sprintf(" with [%s]", r.Parameters)
	}
	if r.KeyID != s.w.secrets["run_id"] {
		got += ", with another key"
	}
	return got
}

var (
	nameLine = regexp.MustCompile(`(?m)^(#|@rem) bmcmd r-[a-z0-9]+\r?\n`)
	holeForm = regexp.MustCompile(`\\{\\{[a-z]+\\}\\}`)
)

// sentTAT is of which stored script a content was made, and what was filled in: nothing but the bytes was sent. It is the first
// that fits; a script that has changed since fits no more.
func (s *stage) sentTAT(r bmtest.RanCmd) (cmdID string, filled []byte) {
	text := nameLine.ReplaceAllString(string(r.Content), "")
	if text == string(r.Content) {
		return "a script without a bmcmd line", nil
	}
	for _, sc := range s.w.cloud.Scripts() {
		form := holeForm.ReplaceAllString(regexp.QuoteMeta(string(sc.Content)), "(.*)")
		if m := regexp.MustCompile("^" + form + "$").FindStringSubmatch(text); m != nil {
			return sc.CmdID, []byte(strings.Join(m[1:min(len(m), 2)], ""))
		}
	}
	return "a script that is not stored", nil
}

// reasonLabel names the input of the deny form.
const reasonLabel = "reason"
