package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// Typed does what a line asks for and says so to the one who typed it. A run is in
// the store before Typed answers that it is; the same event again is the same
// request. It does not wait for look-ups of a run. Who may not, and who sends too much, is
// told so before anything is kept or the cloud is asked.
func (b *Bot) Typed(ctx context.Context, t Typed) Answer {
	ctx = askingOnce(ctx)
	if err := b.tooFast(t.By); err != nil {
		return b.explain(err, approvals.Kept{})
	}
	c, ask, err := read(t)
	if err == nil && bmclient.Sends(b.Target.API) {
		err = nearlyAssigned(c.Parameters)
	}
	if err != nil {
		return b.explain(err, approvals.Kept{})
	}
	if len(ask.Choices) > 0 {
		return ask
	}
	switch c.Verb {
	case VerbShow:
		return b.show(ctx, t, c.Script)
	case VerbRun:
		return readAs(c, b.receive(ctx, t.Event, t.By, t.Origin, approvals.Asked{
			Script: c.Script, Hosts: c.Hosts, Repeated: c.Repeated, Parameters: c.Parameters, Reason: c.Reason,
		}))
	case VerbStatus:
		return b.status(ctx, t, c.Request)
	case VerbList:
		if c.Scripts {
			return b.listScripts(ctx, t, c)
		}
		return b.list(ctx, t)
	}
	return Help{Unknown: c.Unknown, Nearest: string(c.Nearest)}
}

// readAs adds to an answer what was read as the --, if that was not typed.
func readAs(c Command, a Answer) Answer {
	if w, ok := a.(Words); ok && c.Separator != "" && w.Request != "" {
		w.Text += fmt.Sprintf(" I read %s as --, so these are the parameters: “%s”.", c.Separator, cut(c.Parameters))
		return w
	}
	return a
}

// tellTime is how long a request waits for Slack to tell who asks, before it is kept.
const tellTime = 1500 * time.Millisecond

// turnAway says why a request is not even kept: the person or the rules do not allow it,
// which leaves an event. nil: they do, or Slack did not tell in time. Then it is kept, so
// that it is not lost, and its look-up says the same.
func (b *Bot) turnAway(ctx context.Context, r approvals.Request) error {
	asking, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	var no *refusal
	if _, err := b.mayAsk(asking, r, nil); errors.As(err, &no) {
		b.noteTurnedAway(ctx, r, b.Scrub(no.text))
		return no
	} else if err != nil {
		return nil
	}
	r.State = approvals.Received
	if err := b.unpostable(b.Board.Fits(r)); errors.As(err, &no) {
		return no
	}
	return nil
}

// noteTurnedAway leaves an event of a run that was refused as it was typed. A person who is
// refused again and again leaves so many an hour, and then only lines in the log.
func (b *Bot) noteTurnedAway(ctx context.Context, r approvals.Request, why string) {
	b.Log.Info("a request is refused and not kept", "user", r.Requester.User, "channel", r.Origin.Channel, "script", r.Asked.Script, "hosts", len(r.Asked.Hosts), "why", why)
	if b.turnedAway.Wait(r.Requester.User) > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	if err := b.Desk.TurnAway(ctx, r, why); err != nil && !errors.Is(err, approvals.ErrNotID) {
		b.Log.Warn("a refused request left no event", "user", r.Requester.User, b.said(err))
	}
}

// receive keeps a new request of one who may ask for it.
func (b *Bot) receive(ctx context.Context, event string, by UserRef, at approvals.Origin, a approvals.Asked) Answer {
	org := by.Enterprise
	if org == "" {
		org = by.Team
	}
	r := approvals.Request{
		ID: approvals.NewID(by.Team, event), Event: event, Origin: at, Asked: a,
		Requester: approvals.Person{Org: org, User: by.User}, Weak: b.Durable == nil,
	}
	if err := b.turnAway(ctx, r); err != nil {
		return b.explain(err, approvals.Kept{})
	}
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	k, fresh, err := b.Desk.Receive(ctx, r)
	err = unsure(err)
	if errors.Is(err, approvals.ErrUncertain) {
		b.recheck(r.ID)
		return Words{Request: r.ID, Text: "I cannot tell whether your request was recorded, because my store did not answer. If no card appears within a minute, ask again."}
	}
	if err != nil {
		return b.explain(err, approvals.Kept{})
	}
	if !fresh && k.ID != r.ID {
		return b.already(ctx, k, a.Reason)
	}
	if !fresh && (k.Asked.Parameters != a.Parameters || !strings.HasPrefix(k.Asked.Reason, a.Reason)) {
		return Words{Request: k.ID, Link: b.Board.Link(ctx, k.Card), Text: "You have pressed the other button already, and that is what was asked for. If you mean this one, cancel the request on its card and type it again."}
	}
	b.nudge(k)
	w := Words{Request: k.ID, Text: fmt.Sprintf("Recorded: run %s on %s. Nothing runs before a colleague approves; the card comes into this %s.", a.Script, hostCount(a.Hosts), place(at))}
	if len(a.Repeated) > 0 {
		w.Text += " Typed twice and counted once: " + strings.Join(a.Repeated, ", ") + "."
	}
	return w
}

// already answers somebody whose request for just the same is still open: with its card,
// to which a new reason is added.
func (b *Bot) already(ctx context.Context, k approvals.Kept, reason string) Answer {
	text := "You have asked for exactly this already, and that request is still open."
	if k.State == approvals.Unknown {
		text = "You have asked for exactly this already, and nobody knows yet whether it ran."
	}
	k, said := b.addReason(ctx, k, reason)
	b.showAgain(ctx, k)
	link := b.Board.Link(ctx, k.Card)
	if link == "" {
		return Words{Request: k.ID, Text: text + said + " Its card is on its way; status shows how it stands."}
	}
	return Words{Request: k.ID, Link: link, Text: text + said + " Here is its card."}
}

// addReason adds a reason that a request does not have yet, if its card has room, and
// says what came of that.
func (b *Bot) addReason(ctx context.Context, k approvals.Kept, reason string) (approvals.Kept, string) {
	m := approvals.AddReason(k.Requester, reason)
	next, _, err := k.Apply(m, k.Clock())
	if err == nil {
		err = b.Board.Fits(next)
	}
	if err == nil {
		k, err = b.moveFrom(ctx, k, m)
	}
	switch {
	case err == nil:
		b.nudge(k)
		return k, " Your new reason is added to it."
	case errors.Is(err, approvals.ErrSaid), reason == "":
		return k, ""
	case notAnswered(err):
		return k, " I cannot tell whether your new reason was added; look at the card."
	case errors.Is(err, approvals.ErrNotReady):
		return k, " Your new reason is not added, as it is still being looked up; ask once more in a moment."
	case errors.Is(err, approvals.ErrSaidEnough), errors.Is(err, approvals.ErrTooLong):
		return k, " Your new reason is not added, as the card has no room for more; write it into the thread."
	}
	return k, " Your new reason is not added, as nobody decides on it any more; write it into the thread."
}

func place(at approvals.Origin) string {
	if at.Thread != "" {
		return "thread"
	}
	return "channel"
}

// hostCount is how many hosts, or if some may be names of one machine, which.
func hostCount(hosts []string) string {
	if n := len(SureHosts(hosts)); n == len(hosts) && n > 1 {
		return fmt.Sprintf("%d instances", n)
	}
	return few(hosts)
}

// person is who u is, if they may use the bot at all.
func (b *Bot) person(ctx context.Context, u UserRef) (approvals.Person, error) {
	profile, err := b.Directory.Profile(ctx, u)
	if err != nil {
		return approvals.Person{}, fmt.Errorf("%w: %w", errWho, err)
	}
	return profile.Person, profile.Admit()
}

// show reads a script for one who may see it.
func (b *Bot) show(ctx context.Context, t Typed, id string) Answer {
	ctx, cancel := context.WithTimeout(ctx, workTime)
	defer cancel()
	s, err := b.readFor(ctx, t, id)
	if err != nil {
		return b.explainShow(err)
	}
	script, err := b.stored(s)
	if err != nil {
		return b.explainShow(err)
	}
	return Shown{Script: script, Parameters: b.Policy.Fillable(script.CmdID, t.Origin.Channel)}
}

func (b *Bot) readFor(ctx context.Context, t Typed, word string) (s bmclient.Script, err error) {
	p, err := b.person(ctx, t.By)
	if err != nil {
		return s, err
	}
	if err := b.mayShow(ctx, t.Origin, p, word); err != nil {
		return s, err
	}
	id, err := b.scriptID(ctx, Looker{User: t.By.User}, word, func(id string) error { return b.mayShow(ctx, t.Origin, p, id) })
	if err != nil {
		return s, err
	}
	s, err = b.Looks.Script(ctx, Looker{User: t.By.User}, id)
	if errors.Is(err, bmclient.ErrNoScript) {
		return s, noScript(id)
	}
	return s, err
}

// explainShow is explain for a command that counts nothing.
func (b *Bot) explainShow(err error) Answer {
	err = b.needsGroup(err)
	if errors.Is(err, approvals.ErrNotAdmitted) {
		return Words{Text: sentence(err) + " Ask a colleague."}
	}
	if notAnswered(err) {
		return Words{Text: fmt.Sprintf("I cannot look, because my store is away. Try again in a moment. (%s)", b.reference("the store is away for a command", err, ""))}
	}
	if errors.Is(err, approvals.ErrMembersUnknown) || errors.Is(err, errWho) {
		return Words{Text: fmt.Sprintf("Slack did not tell me who may see this. Try again in a moment. (%s)", b.reference("people are not known", err, ""))}
	}
	return b.explain(err, approvals.Kept{})
}

// status shows one request, to those who see its card anyway: people in its
