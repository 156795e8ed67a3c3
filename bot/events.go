package bot

import (
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// Typed is a line that a person typed to the bot.
type Typed struct {
	Event  string // unique within the team; the same event twice is one request
	By     UserRef
	Origin approvals.Origin
	Text   string // without the command or the mention
	Before string // what stands before the mention

	Slash     bool // Text may or may not hold entities for & < >: Slack does not say. Else they are decoded
	Confirmed bool // the person was asked what they mean (see Confirm), and this is it
}

// Button is what a click asks for.
type Button string

const (
	Approve Button = "approve"
	Deny    Button = "deny"
	Cancel  Button = "cancel"
	Run     Button = "run"   // dispatch an approved request that waits
	Again   Button = "again" // ask for the same once more

	Ran       Button = "ran"         // of an unknown run: somebody saw that it ran
	DidNotRun Button = "did_not_run" // … that it did not
	Lift      Button = "lift"        // … others may run on its hosts
	Stop      Button = "stop"        // of a run that is followed: it is to be stopped
)

// Click is a press of a button on a card, or the form with the reason for a denial sent off.
type Click struct {
	Event   string
	By      UserRef
	Origin  approvals.Origin
	Message string // ts of the message clicked on
	Button  Button
	Request string
	Digest  approvals.Digest // what the card showed
	Reason  string           // of Deny, once its person was asked for it; see AskReason
}

// Answer is what the bot says to the one who typed or clicked, alone. nil is no
// answer: what happened shows on the card.
type Answer interface{ answer() }

// Words are one or two sentences: what happened, what to do.
type Words struct {
	Text    string
	Who     approvals.Who // people to name after the text, without pinging them
	Paste   string        // what to paste, byte for byte; stands behind the text
	When    time.Time     // to say after the text, as each reader's clock has it
	Request string        // its id, where there is one
	Link    string        // to its card
	Brief   bool          // of no use later, and said so to one person once a minute where each time costs a call
}

// Help shows what there is, by example.
type Help struct {
	Unknown string // the word that was typed, if it is none of ours
	Nearest string // what may have been meant
}

// Shown is a script, for one who may see it.
type Shown struct {
	Script     approvals.Script
	Parameters approvals.Parameters // what some rule for it lets be filled in
}

// Scripts is a page of the stored scripts, newest first, without their contents.
type Scripts struct {
	List   []approvals.Script
	Total  int
	Page   int    // from 1
	Search string // what was searched for, or empty
	More   bool   // the search finds more scripts than were looked at; Total counts only those
}

// Status is one request in full.
type Status struct {
	Request approvals.Kept
	Events  []approvals.Event
	Link    string
}

// List is the open requests that concern the one who asks.
type List struct {
	Here, Mine, Waiting []approvals.Listed
	More                bool // there are more open requests than were looked at
	Untold              bool // Slack did not tell who is in a group, so some may be missing from Waiting
}

func (Words) answer()   {}
func (Help) answer()    {}
func (Shown) answer()   {}
func (Scripts) answer() {}
func (Status) answer()  {}
func (List) answer()    {}
func (Confirm) answer() {}
