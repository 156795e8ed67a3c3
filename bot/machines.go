package bot

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// Machines are looked up before anybody is asked, so that nobody approves what cannot run or runs elsewhere than
// they think; and again before the send.

// source is where a plan is read: as one who asks may, or for an approved run.
type source struct {
	script   func(context.Context, string) (bmclient.Script, error)
	machines func(context.Context, []string) ([]bmclient.Machine, error)
	blind    bool // it goes on without the machines if they cannot be looked up
}

// looked is what was read for a plan.
type looked struct {
	script   bmclient.Script
	machines []bmclient.Machine // those of the words that are ids, then those that were found by name
	named    []string           // ids of those that were found by name
	blind    bool               // they could not be looked up, and it goes on
}

func (l looked) machine(id string) (bmclient.Machine, bool) {
	i := slices.IndexFunc(l.machines, func(m bmclient.Machine) bool { return m.ID == id })
	if i < 0 {
		return bmclient.Machine{ID: id}, false
	}
	return l.machines[i], true
}

// unlooked says that the hosts could not be looked up.
type unlooked struct{ error }

func (u unlooked) Unwrap() error { return u.error }

// readAll reads the script and the hosts, at the same time. A *refusal is final; other errors may pass.
func (b *Bot) readAll(ctx context.Context, from source, script string, hosts []string) (l looked, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var unasked error
	var machines sync.WaitGroup
	if len(hosts) > 0 {
		machines.Go(func() { l.machines, unasked = from.machines(ctx, hosts) })
	}
	if l.script, err = b.readScript(ctx, from, script); err != nil {
		cancel()
	}
	machines.Wait()
	if err == nil && unasked != nil && from.blind && !overQuota(unasked) {
		b.Log.Warn("a request goes on although its hosts could not be looked up", "script", script, b.said(unasked))
		l.machines, l.blind, unasked = nil, true, nil
	}
	if err == nil {
		err = b.lookFailed(unasked)
	}
	return l, err
}

// lookFailed makes of an error of a look-up of machines a refusal, if it will be the same the next time.
func (b *Bot) lookFailed(err error) error {
	switch said := lasting(err); {
	case said != nil:
		return refuse("The cloud did not let me look up the hosts (%s): %s. Nothing ran. Tell the person who runs the bot: its read key needs the right to %s, or bm.unchecked_hosts: allow lets requests go on unchecked.", said.Action, b.Scrub(apiWords(said)), said.Action)
	case err == nil, overQuota(err):
		return err
	}
	return unlooked{err}
}

// mostNames is how many hosts of one request may be typed by name: each costs a call.
const mostNames = 10

// meant are the ids of the hosts that were typed, each once: a word is an id if the cloud knows it as one, else a
// name if exactly one machine has it, and it does not look like an id. A *refusal is final; other errors may pass.
func (b *Bot) meant(ctx context.Context, by Looker, r approvals.Request, l *looked) (ids []string, err error) {
	names := slices.DeleteFunc(slices.Clone(r.Asked.Hosts), func(word string) bool { _, known := l.machine(word); return known })
	if len(names) > mostNames && !l.blind {
		return nil, slip("%d of the hosts are not ids that the cloud knows, and I look for %d names at most. Look at %s, or give ids.", len(names), mostNames, few(names))
	}
	var none []string
	for _, word := range r.Asked.Hosts {
		id := word
		if l.blind && approvals.HostID.Check(word) != nil {
			return nil, refuse("The hosts cannot be looked up now, so I cannot tell which one %s is. Give its id.", word)
		} else if !l.blind && slices.Contains(names, word) {
			if approvals.LikeHost(word) { // not known: else anybody who may rename a machine could redirect it
				id = ""
			} else if id, err = b.byName(ctx, by, r, word); err != nil {
				return nil, err
			}
			if id == "" {
				none = append(none, word)
				continue
			}
			l.named = append(l.named, id)
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(none) > 0 {
		return nil, b.noHost(ctx, by, r, none)
	}
	if len(l.named) > 0 { // whether they are up is not in what a search finds
		found, err := b.Looks.Machines(ctx, by, compact(slices.Clone(l.named)))
		if err != nil {
			return nil, b.lookFailed(err)
		}
		l.machines = append(l.machines, found...)
	}
	return ids, nil
}

// byName is the id of the one machine of this name, or empty. Of those on which the person may run nothing it tells nothing.
func (b *Bot) byName(ctx context.Context, by Looker, r approvals.Request, name string) (string, error) {
	found, err := b.Looks.FindMachines(ctx, by, name)
	if errors.Is(err, bmclient.ErrTooLong) {
		return "", slip("Too many machines have %s in their names for me to tell which one you mean. Give its id.", name)
	}
	have := slices.DeleteFunc(found, func(m bmclient.Machine) bool { return m.Name != name || approvals.HostID.Check(m.ID) != nil })
	var may []string
	for _, m := range have {
		if b.mayAskOn(ctx, r, m) {
			may = append(may, m.ID)
		}
	}
	if err != nil || len(may) == 0 {
		return "", b.lookFailed(err)
	}
	if len(have) > 1 {
		return "", slip("More than one machine is called %s: give the id of the one you mean. Those on which you may run something: %s.", name, few(may))
	}
	return may[0], nil
}

// mayAskOn reports whether the requester may run something on a machine.
func (b *Bot) mayAskOn(ctx context.Context, r approvals.Request, m bmclient.Machine) bool {
	s := r.Subject()
	s.Hosts, s.Known = []string{m.ID}, b.known(looked{machines: []bmclient.Machine{m}})
	may, err := b.mayAny(ctx, s, func(r approvals.Rule) approvals.Who { return r.Ask })
	return may && err == nil
}

// noHost says that there are no such hosts, and which there are that may have been meant: only those on which the person
// may run something.
func (b *Bot) noHost(ctx context.Context, by Looker, r approvals.Request, words []string) error {
	all, err := b.Looks.FindMachines(ctx, by, "")
	if err != nil {
		return b.lookFailed(err)
	}
	var near []string
	for _, word := range words {
		slips := func(s string) int { return approvals.Distance(strings.ToLower(word), strings.ToLower(cut(s))) }
		away := func(m bmclient.Machine) int {
			if slices.Contains(m.Addresses, word) {
				return -1 // in another network the same address may be another machine: people give the id
			}
			return min(slips(m.ID), slips(m.Name))
		}
		slices.SortStableFunc(all, func(a, c bmclient.Machine) int {
			return cmp.Or(cmp.Compare(away(a), away(c)), strings.Compare(a.ID, c.ID))
		})
		nearest := 2 // slips at most
		for _, m := range all[:min(len(all), mostNames)] {
			if away(m) <= nearest && b.mayAskOn(ctx, r, m) {
				nearest = away(m)
				near = append(near, strings.TrimSuffix(m.ID+" ("+b.Scrub(cut(m.Name))+")", " ()"))
			}
		}
	}
	if near = compact(near); len(near) > 0 {
		return slip("No host %s. Nearest: %s.", few(words), few(near))
	}
	return slip("No host %s. Look at its id or name; the console's list of machines has both.", few(words))
}

// unfit says why a run cannot go to some of these machines, all of them in one answer: at the API one bad host refuses the
// whole call.
func unfit(p approvals.Plan, l looked) error {
	if l.blind {
		return nil
	}
	var all, kinds []string
	kind, sent, because := p.Script.How.Type, bmclient.Sends(p.Target.API), "."
	if sent {
		because = ": the cloud would refuse all hosts for one."
	}
	for _, id := range p.Hosts {
		m, known := l.machine(id)
		begins, _, _ := strings.Cut(id, "-")
		kinds = append(kinds, begins+"-…")
		switch {
		case !known:
			all = append(all, id+" is not there any more")
		case m.Trouble != "":
			all = append(all, id+" "+m.Trouble)
		case kind == "SHELL" && m.OS == "windows":
			all = append(all, id+" runs Windows, and the script is for a shell of Linux")
		case (kind == "POWERSHELL" || kind == "BAT") && m.OS == "linux":
			all = append(all, id+" runs Linux, and the script is for Windows")
		case sent && m.Region != "" && m.Region != p.Target.Region:
			all = append(all, id+" is in "+m.Region+", and the login "+p.Login.Name+" is for "+p.Target.Region)
		}
	}
	kinds = compact(kinds)
	switch {
	case len(all) > 0:
		return refuse("%s. Nothing ran%s Ask again once that is mended, or without them.", strings.Join(all, "; "), because)
	case sent && len(p.Hosts) > bmclient.MostHosts:
		return refuse("These are %d hosts, and the cloud takes %d in one run. Nothing ran; ask for some of them in a request of their own.", len(p.Hosts), bmclient.MostHosts)
	case sent && len(kinds) > 1:
		return refuse("%s are machines of different kinds, and one run takes one kind. Nothing ran; ask for each kind in a request of its own.", few(kinds))
	}
	return nil
}

// known are the machines as rules and logins see them.
func (b *Bot) known(l looked) approvals.KnownHosts {
	all := approvals.KnownHosts{}
	for _, m := range l.machines {
		h := approvals.Host{ID: m.ID, Told: m.Told, Name: b.Scrub(m.Name), Region: m.Region, Tags: map[string]string{}}
		for key, value := range m.Tags {
			h.Tags[key] = b.Scrub(value)
		}
		all[m.ID] = h
	}
	return all
}

// needs is err, but where a rule or a login goes by what is not known of a host: if the hosts could not be looked up,
// the request waits until they can; of what the cloud never tells, it is refused.
func (l looked) needs(err error) error {
	switch {
	case !errors.Is(err, approvals.ErrHostUntold):
		return err
	case l.blind:
		return unlooked{err}
	}
	return refuse("%s The cloud does not tell them, so nobody can tell which rule or login is meant. Nothing ran; ask whoever keeps the config to name such hosts by their ids.", sentence(err))
}

// seen is what is shown of the hosts besides their ids.
func seen(p approvals.Plan, known approvals.KnownHosts) (all []approvals.HostNote) {
	for _, h := range known.Each(p.Hosts) {
		n := approvals.HostNote{Host: h.ID, Name: cut(h.Name)}
		if by, fits, err := p.Rule.Hosts.Match(h); fits && err == nil && by.ID == "" {
			n.Matched = by.String()
		}
		if n.Name != "" || n.Matched != "" {
			all = append(all, n)
		}
	}
	return all
}

// factsFor are the facts of the hosts that rules and login went by, and the names that were typed.
func (b *Bot) factsFor(s approvals.Subject, p approvals.Plan, l looked) []approvals.Fact {
	known := b.known(l)
	kinds := compact(slices.Concat(b.Policy.Asks(s, p.Rule), b.Logins.Asks(p.Login.Name)))
	facts := slices.DeleteFunc(known.Facts(p.Hosts, kinds), func(f approvals.Fact) bool { return !known.Of(f.Host).Told })
	for _, f := range known.Facts(compact(slices.Clone(l.named)), []string{approvals.FactName}) {
		if !slices.Contains(facts, f) {
			facts = append(facts, f)
		}
	}
	return facts
}

// factsNow are the same facts as they are now.
func (b *Bot) factsNow(was []approvals.Fact, l looked) (now []approvals.Fact) {
	known := b.known(l)
	for _, f := range was {
		now = append(now, known.Facts([]string{f.Host}, []string{f.What})...)
	}
	return now
}

// SureHosts are the words of a request that are surely ids of hosts, or meant to be: others may be names of any.
func SureHosts(words []string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return !approvals.LikeHost(cmp.Or(approvals.HostID.Nearest(w), w)) })
}
