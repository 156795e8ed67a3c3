package bot

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// reference logs an error, scrubbed, under a short reference that people are
// shown instead of it.
func (b *Bot) reference(what string, err error, request string) string {
	ref := "ref " + strings.ToLower(rand.Text()[:6])
	b.Log.Error(what, "ref", ref[4:], "request", request, b.said(err))
	return ref
}

// unreached are those of what is not there just now.
var unreached = []worded{
	{approvals.ErrHostUntold, "A rule or a login goes by tags or names of the hosts, and these are not known."},
	{ErrQuota, quotaUsedUp},
	{ErrCredentials, "The credentials could not be read from the vault."},
	{approvals.ErrUnavailable, "My store is away."},
	{approvals.ErrMembersUnknown, "Slack did not tell who is in a user group."},
	{errWho, "Slack did not tell who somebody is."},
	{errWhere, "Slack did not tell whether this channel is shared with other organisations."},
}

// cause is one sentence on why something could not be done just now.
func (b *Bot) cause(err error) string {
	var api *bmclient.Error
	if errors.As(err, &api) && bmclient.OverQuota(api) {
		return b.Scrub(noMoreCalls(api.Number, api.Code))
	}
	if hosts, is := errors.AsType[unlooked](err); is {
		return "The hosts cannot be looked up: " + b.cause(hosts.error)
	}
	if says := wordsFor(err, unreached); says != "" {
		return says
	}
	switch {
	case errors.As(err, &api) && (api.Number != 0 || api.Code != ""):
		return b.Scrub("The cloud's API answered " + apiWords(api) + ".")
	case errors.As(err, &api):
		return "The cloud's API did not give a usable answer."
	case errors.Is(err, errChat):
		return "Slack did not take the card."
	case errors.Is(err, context.DeadlineExceeded):
		return "It took too long."
	}
	return "Something could not be reached."
}

const quotaUsedUp = "The cloud allows so many calls a minute, and they are used up."

// noMoreCalls is said where the cloud refuses for the quota what we had room for.
func noMoreCalls(number int, code string) string {
	if number != 0 {
		code = strconv.Itoa(number)
	}
	return fmt.Sprintf("The cloud is taking no more calls at the moment (%s).", code)
}

// overQuota reports whether a call was not made, or refused before anything was done, since there are too many.
func overQuota(err error) bool { return errors.Is(err, ErrQuota) || bmclient.OverQuota(err) }

// worded is an error that is always told in the same words.
type worded struct {
	is   error
	says string
}

// wordsFor are those of the first that fits; empty: none does.
func wordsFor(err error, all []worded) string {
	for _, p := range all {
		if errors.Is(err, p.is) {
			return p.says
		}
	}
	return ""
}

// plainly are those that explain looks through first.
var plainly = []worded{
	{approvals.ErrNotFound, "I know no such request. Look at the id; list shows the open ones."},
	{approvals.ErrTurnedAway, "This was refused a moment ago, when it came for the first time. If that has changed since, type it again."},
	{approvals.ErrUncertain, "I cannot tell whether this was recorded, because my store did not answer. Look at the card; if it does not change within a minute, press again."},
	{approvals.ErrUnmarked, "This was NOT recorded, because my store may have lost what it kept. I sort that out first; do it again in a minute."},
	{approvals.ErrOlder, "Not counted: Redis has gone back to an older state of this request. I put that right first; look at its card and its thread in a minute."},
	{approvals.ErrUnavailable, "This was NOT recorded, because my store is away. Do it again in a moment."},
	{approvals.ErrNotYours, "Only the one who asked can cancel a request. Press Deny if you may decide on it."},
	{approvals.ErrRunEnough, "Not counted: Run was pressed as often as one request takes. Press Cancel, and ask again once what holds it up is mended."},
	{approvals.ErrSaidOften, "Not counted: you have changed your word as often as counts, so the last one stays. It can be changed once more to what somebody else says, as that settles it."},
	{approvals.ErrEnough, "Enough people have approved already, so yours is not needed. Look at the card."},
	{approvals.ErrNotAsked, "Not counted yet: I still search the API's list of tasks for this run. If that does not tell, I ask in its thread; press then."},
	{approvals.ErrStopped, "It has ended on every host, or is being stopped already, so this changed nothing. Look at the card."},
	{approvals.ErrLifted, "Other runs may go to its hosts already. Look at the card."},
	{approvals.ErrNotReady, "This request is still being looked up. Press again in a moment."},
	{approvals.ErrStale, "Not counted: the card you pressed was out of date. Look at it again, then press."},
	{approvals.ErrUnreadable, "This request was written by a newer version of me, which I cannot read. Tell whoever runs the bot to bring all of us up to date."},
	{approvals.ErrHostUntold, "Not counted: a rule goes by tags or names of the hosts that were not looked up for this request. Cancel it and ask again."},
}

// explain is what a person is told about an error of a command or click: what
// happened, and what to do.
func (b *Bot) explain(err error, k approvals.Kept) Words {
	w := Words{Request: k.ID}
	err = b.needsGroup(err)
	var p *ParseError
	var no *refusal
	if many, is := errors.AsType[*approvals.TooMany](err); is {
		err = tooMany(many)
	}
	if w.Text = wordsFor(err, plainly); w.Text != "" {
		return w
	}
	switch {
	case errors.As(err, &p):
		w.Text, w.Paste = p.Text, p.Paste
	case errors.As(err, &no):
		w.Text, w.Brief = no.text, no.brief
	case errors.Is(err, approvals.ErrNotAdmitted):
		w.Text = fmt.Sprintf("Not counted: %s. Ask a colleague.", err)
	case errors.Is(err, approvals.ErrOwnRequest):
		w.Text = "Not counted: nobody decides on their own request. These may:"
		w.Who = k.MayApprove()
	case errors.Is(err, approvals.ErrNotApprover):
		w.Text = "Not counted: the rule does not name you. These may:"
		w.Who = k.MayApprove()
	case errors.Is(err, approvals.ErrSearching):
		until, _ := b.searchUntil(k)
		return searching(Words{Request: k.ID, Text: "Not counted yet: nothing is sent now. "}, k, until)
	case errors.Is(err, approvals.ErrTrying):
		w.Text = "Run was pressed already, and I try again by myself, so this changed nothing. The card says why it waits; if it still does, press again after"
		w.When = k.DispatchBy
	case errors.Is(err, approvals.ErrDecided) && k.State == approvals.Unknown:
		w.Text = "You have said so already. One more person has to say the same."
	case errors.Is(err, approvals.ErrTooSoon):
		w.Text = fmt.Sprintf("Not counted yet: until %s the API would still take the request that was signed, so nobody can be sure that it does not run. Press again after that.", hour(k.LastSend().DeadFrom.Add(time.Minute)))
	case errors.Is(err, approvals.ErrDecided):
		w.Text = "Your approval was counted already. Look at the card."
	case errors.Is(err, approvals.ErrExpired):
		w.Text = "Too late: the request has expired" + nothingRuns(k) + " Press Ask again if it is still needed."
	case errors.Is(err, approvals.ErrEnded):
		w.Text = fmt.Sprintf("This request has ended (%s), so nothing was changed. Look at the card.", k.State)
	case errors.Is(err, approvals.ErrRunning) && k.State == approvals.Unknown:
		w.Text = "Too late: the run has been claimed, and nobody knows yet whether it ran. Look at the card."
	case errors.Is(err, approvals.ErrRunning):
		w.Text = "Too late: the run has been claimed and may be on its way already. Look at the card."
	case errors.Is(err, approvals.ErrMembersUnknown), errors.Is(err, errWho):
		w.Text = fmt.Sprintf("Not counted: Slack did not tell me who may do this. Press again in a moment. (%s)", b.reference("people are not known", err, k.ID))
	case errors.Is(err, approvals.ErrNotAllowed):
		w.Text = fmt.Sprintf("Not counted: the request is %s, and then this button does nothing. Look at the card.", k.State)
	case errors.Is(err, approvals.ErrNotID):
		w.Text = sentence(err) + " Nothing was changed; ask with the id as it is."
	case errors.Is(err, approvals.ErrNoRule), errors.Is(err, approvals.ErrRulesDiffer):
		w.Text = "Not counted: the rules have changed and do not allow this run any more. Ask whoever keeps the rules."
	case overQuota(err):
		w.Text = fmt.Sprintf("%s Try again in %s.", b.cause(err), soon(pause(err, 0)))
	default:
		w.Text = fmt.Sprintf("That did not work, and nothing was changed. %s Try again in a moment. (%s)", b.cause(err), b.reference("a command or click went wrong", err, k.ID))
	}
	return w
}

// sentence makes an error's text one: a capital first, a full stop last.
func sentence(err error) string {
	s := err.Error()
	r, n := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(r)) + s[n:]
	if !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "?") {
		s += "."
	}
	return s
}
