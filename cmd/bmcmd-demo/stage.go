package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/bmclient/bmtest"
	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// stage plays lines against a world and prints what people see.
type stage struct {
	w        *world
	out      io.Writer
	printed  int    // entries of the transcript already printed
	channel  string // id of the channel that the play is in
	card     string // ts of the newest card
	before   int    // entries there were before the last action
	prints   printer
	listing  bmtest.Listing                  // how the cloud lists tasks
	hosts    map[string]bmtest.HostBehaviour // of those that a play has changed
	machines map[string]bmtest.Machine       // as the cloud tells of them
	patience time.Duration
	envelope string // of the last command or click
}

func newStage(w *world, out io.Writer) *stage {
	return &stage{
		w: w, out: out, channel: "C0INCIDENT", patience: patience, prints: printer{out: out, shown: map[string]string{}},
		hosts: map[string]bmtest.HostBehaviour{}, machines: maps.Clone(hosts),
	}
}

// play does every line in turn, and fails at the first that differs from what is
// expected.
func (s *stage) play(ctx context.Context, lines []line) error {
	for _, l := range lines {
		if err := s.do(ctx, l); err != nil {
			s.print()
			return fmt.Errorf("line %d: %w", l.n, err)
		}
	}
	s.print()
	return nil
}

func (s *stage) do(ctx context.Context, l line) error {
	switch l.verb {
	case vHeading:
		s.print()
		fmt.Fprintf(s.out, "\n== %s\n", l.text)
		return nil
	case vSays:
		return s.act(ctx, func() (*slacksim.Turn, error) { return s.say(ctx, l) })
	case vPresses:
		return s.press(ctx, l)
	case vWorld:
		do, _ := findWorld(l.text)
		s.print()
		s.prints.note(l.text)
		if err := do(ctx, s); err != nil {
			return err
		}
		return s.w.settle(ctx)
	}
	return s.expect(ctx, l)
}

// act does something as a person, waits until the bot is at rest, and prints
// what became visible.
func (s *stage) act(ctx context.Context, do func() (*slacksim.Turn, error)) error {
	s.before = len(s.w.slack.Transcript())
	turn, err := do()
	if err != nil {
		return err
	}
	if _, err := turn.Wait(ctx); err != nil {
		return err
	}
	s.envelope = turn.EnvelopeID
	if err := s.w.settle(ctx); err != nil {
		return err
	}
	s.findCard()
	s.print()
	return nil
}

func (s *stage) say(ctx context.Context, l line) (*slacksim.Turn, error) {
	p, err := personNamed(l.who)
	if err != nil {
		return nil, err
	}
	thread := ""
	switch l.at {
	case "":
	case "thread":
		thread = s.root()
	default:
		if s.channel, err = channelID(l.at); err != nil {
			return nil, err
		}
		s.card = ""
	}
	l.text = s.spell(l.text)
	if text, ok := strings.CutPrefix(l.text, "@bmcmd"); ok {
		return s.w.slack.Mention(ctx, p.ID, s.channel, thread, strings.TrimPrefix(text, " "))
	}
	if !strings.HasPrefix(l.text, "/") && strings.Contains(l.text, "@bmcmd") {
		return s.w.slack.Mention(ctx, p.ID, s.channel, thread, l.text)
	}
	command, text, _ := strings.Cut(l.text, " ")
	if !strings.HasPrefix(command, "/") {
		ts, err := s.w.slack.Say(ctx, p.ID, s.channel, thread, l.text)
		s.card = ts
		return nil, errors.Join(err, errSaid)
	}
	return s.w.slack.Slash(ctx, p.ID, s.channel, command, text)
}

var errSaid = errors.New("bmcmd only hears /bmcmd and @bmcmd")

// root is the first message of the thread that the newest card is in.
func (s *stage) root() string {
	m, ok := s.w.slack.Message(s.channel, s.card)
	if ok && m.ReplyTo != "" {
		return m.ReplyTo
	}
	return s.card
}

func (s *stage) press(ctx context.Context, l line) error {
	p, err := personNamed(l.who)
	if err != nil {
		return err
	}
	if l.at == "" && s.asks(p.ID, l.what) == "" {
		s.awaitButton(ctx, l.what)
	}
	on := s.card
	if l.at == "" && s.asks(p.ID, l.what) != "" {
		on = s.asks(p.ID, l.what)
	}
	if on == "" {
		return errors.New("there is no card here to press on")
	}
	err = s.act(ctx, func() (*slacksim.Turn, error) {
		if l.at != "" {
			return s.w.slack.ClickStale(ctx, p.ID, s.channel, s.card, l.what)
		}
		return s.w.slack.Click(ctx, p.ID, s.channel, on, l.what)
	})
	if err != nil || l.text == "" {
		return err
	}
	views := s.w.slack.OpenViews(p.ID)
	if len(views) == 0 {
		return errors.New("no form has opened to type that into")
	}
	v := views[len(views)-1]
	return s.act(ctx, func() (*slacksim.Turn, error) {
		return s.w.slack.Submit(ctx, p.ID, v.ID, map[string]string{reasonLabel: l.text})
	})
}

// asks is the last thing that this person alone was shown here, if it has the button.
func (s *stage) asks(id, button string) string {
	shown := s.w.slack.Ephemerals(id)
	if len(shown) == 0 {
		return ""
	}
	last := shown[len(shown)-1]
	if last.Channel != s.channel || !slices.Contains(last.Message().Buttons(), button) {
		return ""
	}
	return last.TS
}

// awaitButton waits until the newest card has the button: a look-up may wait for its share of the cloud's quota
// while the bot is at rest. One that never comes is told by the press.
func (s *stage) awaitButton(ctx context.Context, button string) {
	_ = until(ctx, s.patience, errBusy, func() bool {
		s.findCard()
		m, _ := s.w.slack.Message(s.channel, s.card)
		return slices.Contains(m.Buttons(), button)
	})
}

// findCard finds the newest card of the channel: a message that has or had an
// Approve button.
func (s *stage) findCard() {
	for _, e := range slices.Backward(s.w.slack.Transcript()) {
		if e.Kind == slacksim.KindMessage && e.Channel == s.channel && slices.Contains(e.Message.Buttons(), "Approve") {
			s.card = e.TS
			return
		}
	}
}

func (s *stage) print() {
	all := s.w.slack.Transcript()
	for _, e := range all[s.printed:] {
		s.prints.entry(e)
	}
	s.printed = len(all)
}
