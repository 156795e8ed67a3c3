package bot

import (
	"cmp"
	"strings"
)

// Confirm asks the one who typed a line what they mean by it, before anything is
// kept. A press of a choice comes back as a [Typed] that is Confirmed, and goes the
// way of any line: it may do no more than typing it would.
type Confirm struct {
	Of      Typed  // what was typed
	Text    string // what is doubtful
	Choices []Choice
	TooLong string // what to do if a choice is too long for a button
}

// Choice is one way to read a line.
type Choice struct {
	Label string // of its button
	Line  string
}

// read parses what was typed. If ask has choices, the person is to be asked first.
func read(t Typed) (c Command, ask Confirm, err error) {
	if err = inPassing(t); err != nil {
		return c, Confirm{}, err
	}
	c, err = Parse(t.Text)
	plain := entities.Replace(t.Text)
	escaped := t.Slash && plain != t.Text && !t.Confirmed && c.Verb != VerbHelp
	decoded, wrong := c, error(nil)
	if escaped {
		decoded, wrong = Parse(plain)
	}
	if err = cmp.Or(wrong, err); err != nil || t.Confirmed {
		return c, Confirm{}, err
	}
	ask = Confirm{Of: t}
	if escaped {
		ask.Text = strings.Join(append(decoded.Doubts, "This holds &amp;, &lt; or &gt;, and I cannot tell whether you typed that or Slack wrote it for &, < or >. Nothing is asked for yet: which of the two do you mean?"), " ")
		ask.Choices = []Choice{{"First reading", t.Text}, {"Second reading", plain}}
		ask.TooLong = "It is too long for a button. Mention me with the same words instead of typing the slash command: then there is no doubt."
		return c, ask, nil
	}
	if len(c.Doubts) > 0 {
		ask.Text = strings.Join(c.Doubts, " ") + " What you ask for is shown to everybody in this channel, and kept. Nothing is asked for yet: is it fine to show?"
		ask.Choices = []Choice{{"Ask for it as typed", t.Text}}
		ask.TooLong = "It is too long for a button. Ask again without it, and let the script read it on the host."
	}
	return c, ask, nil
}

// entities are what Slack writes for & < > in messages, and perhaps in slash commands.
var entities = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">")
