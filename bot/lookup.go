package bot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// refusal is why a request may not go on, in words for people.
type refusal struct {
	text  string
	slip  bool // it names nothing that there is
	brief bool // it is true for a minute at most
}

func (r *refusal) Error() string { return r.text }

func refuse(format string, args ...any) error { return &refusal{text: fmt.Sprintf(format, args...)} }

// slip is a refusal of what names nothing that there is.
func slip(format string, args ...any) error {
	return &refusal{text: fmt.Sprintf(format, args...), slip: true}
}

// noScript is what is said of an id that the cloud does not know.
func noScript(id string) error {
	return slip("There is no script %s. Look at the id: it is in the runbook, or in the console's list of scripts.", id)
}

// lookUp finds out who asks, whether they may, and what exactly would be done;
// stores that; puts the card up; and opens the request for decisions.
func (b *Bot) lookUp(ctx context.Context, k approvals.Kept) (approvals.Kept, error) {
	work, cancel := context.WithTimeout(ctx, workTime)
	defer cancel()
	var err error
	if k.Plan == nil {
		var who approvals.Person
		var plan approvals.Plan
		if who, plan, err = b.prepare(work, k.Request); err == nil {
			err = b.showable(k, approvals.Prepare(who, plan))
		}
		if err == nil {
			if k, err = b.advance(ctx, k, approvals.Prepare(who, plan)); err != nil {
				return k, err
			}
		}
	}
	if err == nil {
		channel, ts := k.Card.Channel, k.Card.TS
		if ts == "" { // else the store has forgotten that it is up
			channel, ts, err = b.Board.Post(work, k.Request)
		}
		if err == nil {
			return b.opened(ctx, k, channel, ts)
		}
		err = b.unpostable(fmt.Errorf("%w: %w", errChat, err))
	}
	var no *refusal
	switch {
	case !errors.As(err, &no):
	case no.slip && k.Plan == nil:
		return b.advance(ctx, k, approvals.Slip(no.text))
	default:
		return b.advance(ctx, k, approvals.Refuse(no.text))
	}
	if k.Clock().Sub(k.Received) > b.LookUpFor {
		ref := b.reference("a look-up was given up", err, k.ID)
		return b.advance(ctx, k, approvals.Refuse(fmt.Sprintf("%s Nothing ran; ask again in a while. (%s)", b.cause(err), ref)))
	}
	b.Log.Warn("a look-up is tried again", "request", k.ID, b.said(err))
	again := k.Clock().Add(pause(err, k.Tries))
	if errors.As(err, &unlooked{}) && k.Waiting == "" {
		return b.advance(ctx, k, approvals.WaitToAsk(fmt.Sprintf("%s Nobody is asked before that; I keep trying for %s.", b.cause(err), inWords(b.LookUpFor)), again))
	}
	return b.advance(ctx, k, approvals.Delay(again))
}

// showable refuses a plan that no card can show before it is stored: it may be megabytes.
func (b *Bot) showable(k approvals.Kept, prepare approvals.Move) error {
	next, _, err := k.Apply(prepare, k.Clock())
	if err == nil {
		err = b.Board.Fits(next)
	}
	if err != nil {
		return b.unpostable(fmt.Errorf("%w: %w", errChat, err))
	}
	return nil
}

// opened stores that the card is up. If somebody moved the request meanwhile (the
// requester cancelled), the card is to show that instead.
func (b *Bot) opened(ctx context.Context, k approvals.Kept, channel, ts string) (approvals.Kept, error) {
	next, err := b.advance(ctx, k, approvals.Open(channel, ts))
	for errors.Is(err, approvals.ErrConflict) && next.Card.TS == "" {
		m := approvals.Open(channel, ts)
		if next.State != approvals.Received {
			m = approvals.Shown(channel, ts, 0, false)
		}
		next, err = b.advance(ctx, next, m)
	}
	return next, err
}

// unpostable turns a chat's lasting no into a refusal.
func (b *Bot) unpostable(err error) error {
	switch {
	case errors.Is(err, ErrNotInChannel):
		return refuse("I am not in this channel, so nobody would see the request. Invite me (/invite @bmcmd) and ask again.")
	case errors.Is(err, approvals.ErrTooLong):
		why := strings.TrimPrefix(err.Error(), errChat.Error()+": ")
		return refuse("A card must show everything that would run, and cannot: %s. Shorten it, or split the request.", b.Scrub(strings.TrimPrefix(why, approvals.ErrTooLong.Error()+": ")))
	case errors.Is(err, approvals.ErrNotText):
		return refuse("A card must show the script, and this one is not text (UTF-8), so nobody can review it. Store it as text.")
	case errors.Is(err, ErrRejected):
		return refuse("Slack does not take the card (%s). Nothing was asked of anybody; tell whoever runs the bot.", b.reference("a card was rejected", err, ""))
	}
	return err
}

// prepare makes the plan. A *refusal is final; other errors may pass.
func (b *Bot) prepare(ctx context.Context, r approvals.Request) (approvals.Person, approvals.Plan, error) {
	none := func(err error) (approvals.Person, approvals.Plan, error) {
		return approvals.Person{}, approvals.Plan{}, err
	}
	ctx = askingOnce(ctx)
	may, err := b.mayAsk(ctx, r, nil)
	if err != nil {
		return none(err)
	}
	by := Looker{User: r.Requester.User, Asks: true}
	knows := func(id string) error { return b.mayKnow(ctx, r, may.who, id) }
	if id, err := b.scriptID(ctx, by, r.Asked.Script, knows); err != nil {
		return none(err)
	} else if id != r.Asked.Script {
		r.Asked.Script = id
		if may, err = b.mayAsk(ctx, r, nil); err != nil {
			return none(err)
		}
	}
	l, err := b.readAll(ctx, source{
		script: func(ctx context.Context, id string) (bmclient.Script, error) { return b.Looks.Script(ctx, by, id) },
		machines: func(ctx context.Context, ids []string) ([]bmclient.Machine, error) {
			return b.Looks.Machines(ctx, by, ids)
		},
		blind: b.UncheckedHosts,
	}, r.Asked.Script, r.Asked.Hosts)
	if err != nil {
		return none(err)
	}
	if r.Asked.Hosts, err = b.meant(ctx, by, r, &l); err != nil {
		return none(err)
	}
	if may, err = b.mayAsk(ctx, r, &l); err != nil {
		return none(l.needs(err))
	}
	plan, err := b.plan(r, l, may.login, may.rule)
	if err != nil {
		return none(err)
	}
	return may.who, plan, nil
}

// entitled is who asks for a run, by which rule, and how the hosts are entered. Without the
// script's id there is no rule yet.
type entitled struct {
	who   approvals.Person
	rule  approvals.Rule
	login approvals.Login
}

// mayAsk says whether a run may be asked for, without a call to the cloud. l is what was looked up of its hosts.
// Before that, it may be if it may for some hosts, and by an alias if it may for some script. A *refusal is final;
// other errors may pass.
func (b *Bot) mayAsk(ctx context.Context, r approvals.Request, l *looked) (e entitled, err error) {
	profile, err := b.Directory.Profile(ctx, userRef(r.Requester, r.Origin.Team))
	if err != nil {
		return e, fmt.Errorf("%w: %w", errWho, err)
	}
	if err := profile.Admit(); err != nil {
		return e, refuse("You cannot ask for runs: %s. Ask a colleague to.", err)
	}
	e.who, r.Requester = profile.Person, profile.Person
	s := unlookedAt(r)
	if l != nil {
		s.Hosts, s.Unnamed, s.Known = r.Asked.Hosts, false, b.known(*l)
	}
	err = approvals.ErrHostUntold
	if !s.Unnamed && approvals.LikeScript(s.Script) {
		e.rule, err = b.ruleFor(ctx, r, s)
	}
	if l == nil && errors.Is(err, approvals.ErrHostUntold) {
		err = b.mayAskSome(ctx, s)
	}
	if err != nil {
		return e, b.needsGroup(err)
	}
	if len(s.Hosts) > 0 {
		if e.login, err = b.loginFor(s.Known.Each(s.Hosts)); err != nil && (l != nil || !errors.Is(err, approvals.ErrHostUntold)) {
			return e, err
		}
	}
	return e, b.amongUs(ctx, r.Origin.Channel)
}

// unlookedAt is what a request is for before its hosts are looked up: other words than ids may be names of any.
func unlookedAt(r approvals.Request) approvals.Subject {
	s := r.Subject()
	s.Hosts = SureHosts(s.Hosts)
	s.Unnamed = len(s.Hosts) < len(r.Asked.Hosts)
	return s
}

// mayKnow is nil if who may ask for a script by what they typed, as far as can be told before hosts are looked up, or see it; else a
// refusal, or why it cannot be told.
func (b *Bot) mayKnow(ctx context.Context, r approvals.Request, who approvals.Person, id string) error {
	r.Requester, r.Asked.Script = who, id
	if approvals.ScriptID.Check(id) == nil {
		if may, err := b.mayAny(ctx, unlookedAt(r), func(r approvals.Rule) approvals.Who { return r.Ask }); err != nil || may {
			return err
		}
	}
	return b.mayShow(ctx, r.Origin, who, id)
}

// loginFor is the login for hosts. An error is a *refusal, or wraps [approvals.ErrHostUntold].
func (b *Bot) loginFor(hosts []approvals.Host) (approvals.Login, error) {
	login, err := b.Logins.For(hosts)
	if err != nil && !errors.Is(err, approvals.ErrHostUntold) {
		err = refuse("%s Nothing ran.", sentence(err))
	}
	return login, err
}

// mayAskSome is nil if the requester may ask for that script, or by an alias for some, on hosts of which not all is
// known.
func (b *Bot) mayAskSome(ctx context.Context, s approvals.Subject) error {
	may, err := b.mayAny(ctx, s, func(r approvals.Rule) approvals.Who { return r.Ask })
	if err == nil && !may {
		what := "anything"
		if approvals.LikeScript(s.Script) {
			what = s.Script
		}
		err = refuse("No rule lets you run %s on %s from this channel. Look at the ids, or ask whoever keeps the rules.", what, few(s.Hosts))
	}
	return err
}

// ruleFor finds the rule and holds the requester against it.
func (b *Bot) ruleFor(ctx context.Context, r approvals.Request, s approvals.Subject) (approvals.Rule, error) {
	f, err := b.factsOf(ctx, r, s)
	switch {
	case errors.Is(err, approvals.ErrNoRule), errors.Is(err, approvals.ErrRulesDiffer):
		return approvals.Rule{}, refuse("%s", b.ruleWords(err, r.Asked.Script))
	case err != nil:
		return approvals.Rule{}, err
	}
	in, err := f.Rule.Ask.Includes(r.Requester, f.Members)
	if err != nil {
		return approvals.Rule{}, err
	}
	if !in {
		return approvals.Rule{}, refuse("The rule %q does not let you ask for this. Ask somebody whom it names, or whoever keeps the rules.", f.Rule.Name)
	}
	n, err := f.Rule.Others(r.Requester, f.Members)
	if no := b.needsGroup(err); no != err {
		named := f.Rule
		named.Approve.Groups = nil
		if n, _ := named.Others(r.Requester, nil); n < f.Rule.Quorum {
			return approvals.Rule{}, no
		}
	}
	if err == nil && n < f.Rule.Quorum {
		return approvals.Rule{}, refuse("The rule %q needs %d approvals, and names too few people besides you. Let somebody else ask, or ask whoever keeps the rules.", f.Rule.Name, f.Rule.Quorum)
	}
	return f.Rule, nil
}

func (b *Bot) ruleWords(err error, script string) string {
	if errors.Is(err, approvals.ErrRulesDiffer) {
		return sentence(err) + " Ask for them in requests of their own."
	}
	if errors.Is(err, approvals.ErrNotID) {
		return sentence(err) + " Nothing ran; ask with the id as it is."
	}
	host, _, _ := strings.Cut(err.Error(), ":")
	return fmt.Sprintf("No rule lets %s run on %s from this channel. Look at the ids, or ask whoever keeps the rules.", script, strings.TrimSpace(host))
}

// readScript reads a script. A *refusal is final; other errors may pass.
func (b *Bot) readScript(ctx context.Context, from source, id string) (bmclient.Script, error) {
	s, err := from.script(ctx, id)
	if errors.Is(err, bmclient.ErrNoScript) {
		return s, noScript(id)
	}
	if said := lasting(err); said != nil {
		return s, refuse("The cloud did not let me read the script: %s. Nothing ran; tell whoever runs the bot.", b.Scrub(apiWords(said)))
	}
	return s, err
}

// plan puts together what would be done. Of one that was approved, its edits of the script and the kinds of its
// facts are kept.
func (b *Bot) plan(r approvals.Request, l looked, login approvals.Login, rule approvals.Rule) (approvals.Plan, error) {
	script, err := b.stored(l.script)
	if err != nil {
		return approvals.Plan{}, err
	}
	p := approvals.Plan{
		Script: script, Parameters: r.Asked.Parameters, Hosts: r.Asked.Hosts,
		Login: login, Target: b.Target, Rule: rule, Blind: l.blind,
	}
	p.Target.AppID, p.Target.Region = b.Scrub(l.script.AppID), cmp.Or(login.Region, b.Target.Region)
	if err := unfit(p, l); err != nil {
		return p, err
	}
	p.Seen = seen(p, b.known(l))
	if r.Plan != nil {
		p.Edits, p.Facts = r.Plan.Edits, b.factsNow(r.Plan.Facts, l)
		return p, nil
	}
	p.Facts = b.factsFor(r.Subject(), p, l)
	p.Edits, err = edits(p, r.ID)
	return p, err
}

// lasting is the answer to a read that will be the same for the next try, if err is one: refused, and not for a quota or a
// maintenance. Credentials that cannot be read may come back.
func lasting(err error) *bmclient.Error {
	e, answered := errors.AsType[*bmclient.Error](err)
	if !answered || e.Class != bmclient.ClassRefused || e.Number == 0 && e.Code == "" || errors.Is(err, ErrCredentials) ||
		bmclient.OverQuota(e) || e.Number == 6200 || e.Code == "ActionOffline" {
		return nil
	}
	return e
}

// apiWords are an answer's number or code, name and meaning.
func apiWords(e *bmclient.Error) string {
	if e.Number == 0 {
		return fmt.Sprintf("%s (%s)", e.Code, e.Meaning)
	}
	return fmt.Sprintf("%d %s (%s)", e.Number, e.Name, e.Meaning)
}

// stored is a script as it may be kept and shown. It must be shown as it is, so one
// that holds a credential of ours is refused.
func (b *Bot) stored(s bmclient.Script) (approvals.Script, error) {
	how := approvals.How{
		Type: s.How.Type, User: s.How.User, Dir: s.How.Dir, Timeout: s.How.Timeout,
		Bucket: s.How.Bucket, Prefix: s.How.Prefix, Fillable: s.How.Fillable,
	}
	all := strings.Join([]string{string(s.Content), how.User, how.Dir, how.Bucket, how.Prefix}, "\n")
	for _, d := range s.How.Defaults {
		how.Defaults = append(how.Defaults, approvals.Default(d))
		all += "\n" + d.Value + "\n" + d.Description
	}
	if b.Scrub(all) != all {
		return approvals.Script{}, refuse("The script %s holds one of my own credentials, so I show it nowhere. Take it out of the script, and change that credential.", s.CmdID)
	}
	return approvals.Script{
		CmdID: s.CmdID, Alias: b.Scrub(s.Alias), OSType: b.Scrub(s.OSType), Content: s.Content,
		Created: s.Created, Modified: s.Modified, How: how,
	}, nil
}
