package view

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/slack-go/slack"
)

// Choice is one way to read what somebody typed.
type Choice struct {
	Label string // of its button: our own words
	Line  string
}

// Chosen is what a button of [Confirm] carries: who typed what, where. It gives
// nobody any right. Without a line it is the press of Cancel.
type Chosen struct {
	Event   string `json:"event"`
	User    string `json:"user"`
	Channel string `json:"channel"`
	Thread  string `json:"thread,omitempty"`
	Line    string `json:"line,omitempty"`
}

const (
	choicePrefix = actionPrefix + "choice."
	maxValue     = 2000 // of a button, in UTF-16
)

// Confirm asks one person what they mean by what they typed, with a button for each
// choice. If a line is too long for a button, there are none, and tooLong says what to
// do. text is read as in [Words].
func Confirm(text, tooLong string, choices []Choice, of Chosen) Message {
	p := &page{}
	p.line(spoken(text)...)
	var row []slack.BlockElement
	cost, fit := 0, true
	for i, c := range append(choices[:len(choices):len(choices)], Choice{Label: "Cancel"}) {
		of.Line = c.Line
		value := choiceValue(of)
		fit = fit && units(value) <= maxValue
		b := slack.NewButtonBlockElement(choicePrefix+strconv.Itoa(i), value, plain(c.Label))
		row, cost = append(row, b), cost+buttonSize(b)
	}
	if !fit {
		p.line(spoken(tooLong)...)
		return p.message("confirm")
	}
	for _, c := range choices {
		p.passage(safe(c.Label), c.Line, 0)
	}
	p.add(slack.NewActionBlock("", row...), cost)
	return p.message("confirm")
}

// choiceValue is JSON, in which & < > are spelled \u0026 and so on: whether Slack
// gives values back as they were is not documented, and this one it cannot change.
func choiceValue(c Chosen) string {
	b, _ := json.Marshal(c) // strings only
	return string(b)
}

// IsChoice reports whether a button is one of [Confirm].
func IsChoice(actionID string) bool { return strings.HasPrefix(actionID, choicePrefix) }

// ParseChoice reads the value of a button of [Confirm]. Errors wrap [ErrMalformed].
func ParseChoice(value string) (Chosen, error) {
	var c Chosen
	if err := json.Unmarshal([]byte(value), &c); err != nil || c.Event == "" || c.User == "" || c.Channel == "" {
		return Chosen{}, fmt.Errorf("%w: an unreadable choice", ErrMalformed)
	}
	return c, nil
}
