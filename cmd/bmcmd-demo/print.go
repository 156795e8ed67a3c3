package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// printer writes entries as people see them. A message that changes is printed
// as its lines that are new.
type printer struct {
	out   io.Writer
	shown map[string]string // by ts, what was printed last
}

func (p *printer) entry(e slacksim.Entry) {
	switch e.Kind {
	case slacksim.KindCommand, slacksim.KindMention, slacksim.KindSaid:
		where := "#" + channelName(e.Channel)
		if e.ThreadTS != "" && e.ThreadTS != e.TS {
			where = "the thread"
		}
		text := e.Text
		if e.Kind == slacksim.KindMention {
			text = strings.Replace(text, "<@U0BOT>", "@bmcmd", 1)
		}
		p.block(fmt.Sprintf("%s in %s", personName(e.UserID), where), text)
	case slacksim.KindClick:
		p.line(fmt.Sprintf("%s presses [ %s ]", personName(e.UserID), e.Text))
	case slacksim.KindSubmit:
		p.line(fmt.Sprintf("%s sends the form", personName(e.UserID)))
	case slacksim.KindModal:
		p.block("a form opens for "+personName(e.UserID), slacksim.RenderView(e.View))
	case slacksim.KindMessage:
		where := "#" + channelName(e.Channel)
		if e.Message.ReplyTo != "" {
			where = "the thread"
		}
		text := slacksim.Render(e.Message)
		p.shown[e.TS] = text
		p.block("bmcmd in "+where, text)
	case slacksim.KindUpdate:
		text := slacksim.Render(e.Message)
		p.block("the card now says", newLines(p.shown[e.TS], text))
		p.shown[e.TS] = text
	case slacksim.KindEphemeral:
		p.block("bmcmd, for "+personName(e.UserID)+" only", slacksim.Render(e.Message))
	case slacksim.KindWarning:
		p.block("Slack, for "+personName(e.UserID)+" only", e.Text)
	}
}

// newLines are the lines of is that was does not have, with the last line, which
// holds the buttons.
func newLines(was, is string) string {
	old := map[string]int{}
	for _, l := range strings.Split(was, "\n") {
		old[l]++
	}
	var out []string
	for _, l := range strings.Split(is, "\n") {
		if old[l]--; old[l] < 0 && strings.TrimSpace(l) != "" {
			out = append(out, l)
		}
	}
	return strings.Join(out, "\n")
}

func (p *printer) block(head, text string) {
	fmt.Fprintf(p.out, "\n%s:\n", head)
	for _, l := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		fmt.Fprintln(p.out, strings.TrimRight("    "+l, " "))
	}
}

func (p *printer) line(s string) { fmt.Fprintf(p.out, "\n%s\n", s) }

// note prints something that happens to the world.
func (p *printer) note(s string) { fmt.Fprintf(p.out, "\n(%s)\n", s) }

func personName(id string) string {
	for _, p := range people {
		if p.ID == id {
			return p.Name
		}
	}
	return id
}

func channelName(id string) string {
	for _, c := range channels {
		if c.ID == id {
			return c.Name
		}
	}
	return id
}
