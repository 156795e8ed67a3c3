package slackio

import (
	"context"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/view"
)

// confirm shows what may be meant, with a button for each. The buttons carry all that the press
// needs, so nothing is kept meanwhile, and any process can take the press.
func confirm(a bot.Confirm) view.Message {
	choices := make([]view.Choice, len(a.Choices))
	for i, c := range a.Choices {
		choices[i] = view.Choice(c)
	}
	return view.Confirm(a.Text, a.TooLong, choices, view.Chosen{
		Event: a.Of.Event, User: a.Of.By.User, Channel: a.Of.Origin.Channel, Thread: a.Of.Origin.Thread,
	})
}

// chosen handles a press below [confirm]: the line goes the way of any line that this person types
// here. All presses that one line led to are one event, so that it becomes one request at most; the
// person is in its name, so that no value can claim an event of somebody else.
func (t *turn) chosen(ctx context.Context, i interaction) bot.Answer {
	c, err := view.ParseChoice(i.Actions[0].Value)
	switch {
	case err != nil:
		t.log.Warn("somebody pressed a choice that cannot be read")
		return bot.Words{Text: "I cannot read this button: it may be of an earlier version of me, so nothing was done. Type it again."}
	case c.User != i.User.ID || c.Channel != i.channel():
		return bot.Words{Text: "This was asked of somebody else, or in another place, so nothing was done. Type it again where it belongs."}
	case c.Line == "":
		return dropped
	}
	return t.typed(ctx, bot.Typed{
		Event: "confirmed " + c.User + " " + c.Event, By: i.by(),
		Origin: approvals.Origin{Team: first(i.Team.ID, i.User.TeamID), Channel: c.Channel, Thread: c.Thread},
		Text:   c.Line, Confirmed: true,
	})
}

var dropped = bot.Words{Text: "Nothing was asked for."}

// settles reports whether a ends the question that was pressed on. What was not kept may be pressed
// again.
func (i *interaction) settles(a bot.Answer) bool {
	w, ok := a.(bot.Words)
	return ok && len(i.Actions) > 0 && view.IsChoice(i.Actions[0].ActionID) && (w.Request != "" || w.Text == dropped.Text)
}
