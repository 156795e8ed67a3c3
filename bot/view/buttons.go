package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/approvals"
)

// The buttons of a card; their action ids are these after "bmcmd:".
const (
	approve = "approve"
	deny    = "deny"
	cancel  = "cancel"
	run     = "run"
	again   = "again"

	ran       = "ran"
	didNotRun = "did_not_run"
	lift      = "lift"
	stop      = "stop"
)

const actionPrefix = "bmcmd:"

var known = []string{approve, deny, cancel, run, again, ran, didNotRun, lift, stop}

// ButtonValue is what a button of request id carries: which request, and the
// digest that its card shows. It gives nobody any right.
func ButtonValue(id string, d approvals.Digest) string { return id + " " + string(d) }

// ParseButton reads a click. button is "approve", "deny", "cancel", "run", "again", "ran",
// "did_not_run", "lift" or "stop". The digest is empty if the request was never looked up.
// Errors wrap [ErrMalformed].
func ParseButton(actionID, value string) (button, id string, d approvals.Digest, err error) {
	button, ours := strings.CutPrefix(actionID, actionPrefix)
	if !ours || !slices.Contains(known, button) {
		return "", "", "", fmt.Errorf("%w: an unknown action", ErrMalformed)
	}
	id, digest, two := strings.Cut(value, " ")
	if !two || !isRequest(id) || !isDigest(digest) {
		return "", "", "", fmt.Errorf("%w: an unreadable value", ErrMalformed)
	}
	return button, id, approvals.Digest(digest), nil
}

func isRequest(id string) bool {
	return strings.HasPrefix(id, "r-") && len(id) > 2 && len(id) <= 40 &&
		strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func isDigest(d string) bool {
	return d == "" || len(d) == 64 && strings.Trim(d, "0123456789abcdef") == ""
}

// buttons are what may be pressed in r's state.
func (p *page) buttons(r approvals.Request) {
	press := func(name, words string) *slack.ButtonBlockElement {
		return slack.NewButtonBlockElement(actionPrefix+name, ButtonValue(r.ID, r.Digest), plain(words))
	}
	var row []slack.BlockElement
	switch {
	case r.State == approvals.Accepted:
		if !carries(r) || len(r.Unstopped()) == 0 {
			return
		}
		row = append(row, press(stop, "Stop").WithStyle(slack.StyleDanger).WithConfirm(confirm("Stop this run?",
			"It is stopped on "+count(len(r.Unstopped()), "host")+": what runs there is killed, and what has not begun does not begin. What has ended stays as it is.", "Stop")))
	case r.State == approvals.Executing, r.State == approvals.Gone, r.Plan == nil && !r.State.Ended():
		return
	case r.State == approvals.Unknown:
		row = unknownButtons(r, press)
	case r.State == approvals.Settled && ranBefore(r):
		row = append(row, press(again, "Ask again").WithConfirm(confirm("Run it once more?",
			"Two people said that it ran. Look at the hosts first. A new request needs a new approval.", "Ask again")))
	case r.State == approvals.Failed && outstanding(r):
		row = append(row, press(again, "Ask again").WithConfirm(confirm("Has it ended?",
			"It may still be running on some hosts. Look at the task list in the console first. A new request needs a new approval.",
			"Ask again")))
	case r.State.Ended() && r.InDoubt && !followed(r):
		row = append(row, press(again, "Ask again").WithConfirm(confirm("Did you look at the hosts?",
			"It may have run before Redis changed, and may still be running. Look at the hosts and the task list in the console first. A new request needs a new approval.",
			"Ask again")))
	case r.State.Ended():
		row = append(row, press(again, "Ask again"))
	case r.State == approvals.Approved:
		if r.Waiting != "" && r.SearchUntil.IsZero() {
			row = append(row, press(run, runLabel).WithStyle(slack.StylePrimary))
		}
		row = append(row, press(deny, "Deny"), press(cancel, "Cancel"))
	default:
		yes := press(approve, "Approve").WithStyle(slack.StylePrimary).WithConfirm(approveConfirm(r))
		row = append(row, yes, press(deny, "Deny"), press(cancel, "Cancel"))
	}
	if len(row) == 0 {
		return
	}
	n := 0
	for _, b := range row {
		n += buttonSize(b.(*slack.ButtonBlockElement))
	}
	p.add(slack.NewActionBlock("", row...), n)
}

// ranBefore reports whether people said that r ran.
func ranBefore(r approvals.Request) bool {
	f, _ := r.Settlement()
	return f == approvals.Ran
}

// runLabel is what the button reads that has an approved request sent. It is the same
// after every cause: what is stored with a request tells people to press it.
const runLabel = "Run"

func approveConfirm(r approvals.Request) *slack.ConfirmationBlockObject {
	hosts := count(len(r.Plan.Hosts), "host")
	when := "runs at once"
	if r.Plan.Rule.Quorum > 1 {
		when = "runs as soon as enough people have approved"
	}
	text := fmt.Sprintf("%s (%s) %s as %s on %s: %s", name(r), cutLine(r.Plan.Script.CmdID, maxID), when,
		cutLine(r.Plan.Login.User, maxID), hosts, cut(hostList(r.Plan.Hosts), 60))
	return confirm("Run this on "+hosts+"?", text, "Approve")
}

// confirm asks once more. text may hold people's text.
func confirm(title, text, yes string) *slack.ConfirmationBlockObject {
	return slack.NewConfirmationBlockObject(plain(title), plain(cut(text, maxConfirm)), plain(yes), plain("Back"))
}

func buttonSize(b *slack.ButtonBlockElement) int {
	n := size(b.Text.Text) + len(b.Value) + elementCost
	if c := b.Confirm; c != nil {
		n += size(c.Title.Text) + size(c.Text.Text) + size(c.Confirm.Text) + size(c.Deny.Text)
	}
	return n
}

// Asks reports whether a button asks for something, as a command does, and decides nothing.
func Asks(actionID string) bool { return actionID == actionPrefix+again || IsChoice(actionID) }
