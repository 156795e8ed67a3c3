package slacksim

import "strings"

// String writes the entry as a person would read it: who, where, and under it what it says.
func (e Entry) String() string {
	who := e.names.name(e.UserID)
	switch e.Kind {
	case KindCommand:
		return e.place() + who + ": " + e.Text
	case KindMention, KindSaid:
		return e.place() + who + ": " + Render(e.Message)
	case KindClick:
		return e.place() + who + " presses [ " + e.Text + " ]"
	case KindSubmit:
		return who + " submits “" + e.Text + "”"
	case KindClose:
		return who + " closes “" + e.Text + "”"
	case KindModal:
		return "(" + who + " sees a form)\n" + indent(RenderView(e.View))
	case KindWarning:
		return e.place() + "(only " + who + " sees) Slack: " + e.Text
	case KindEphemeral:
		return e.place() + "(only " + who + " sees)" + changed(e.Message.Edited) + "\n" + indent(Render(e.Message))
	case KindDelete:
		return e.place() + who + " deleted a message"
	}
	where := ""
	if e.Message.Broadcast {
		where = " (also in the channel)"
	}
	return e.place() + who + where + changed(e.Kind == KindUpdate) + "\n" + indent(Render(e.Message))
}

func changed(yes bool) string {
	if yes {
		return " (changed)"
	}
	return ""
}

// place names the channel, and marks what stands in a thread.
func (e Entry) place() string {
	out := ""
	if e.Channel != "" {
		out = "#" + e.names.name(e.Channel) + "  "
	}
	if e.ThreadTS != "" {
		out += "↳ "
	}
	return out
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(text, "\n", "\n    ")
}
