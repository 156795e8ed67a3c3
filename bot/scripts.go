package bot

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

const (
	scriptsAPage  = 20   // of the answer to list scripts
	scriptsLooked = 1000 // of what a search finds
)

// scriptID is the id of the script that a person means: the id itself, or the one
// script that has it as its alias. Only a search that was read whole tells that it is
// the one. A *refusal is final; other errors may pass.
//
// knows is nil for an id that the person may know of, and a *refusal for others: those
// are not found, in the same words as what is not there, so that an alias tells nobody
// the id of a script that is kept from them.
func (b *Bot) scriptID(ctx context.Context, by Looker, word string, knows func(id string) error) (string, error) {
	if approvals.LikeScript(word) {
		return word, nil
	}
	var ids []string
	var untold error
	more, err := b.eachScript(ctx, by, word, func(s bmclient.Script) bool {
		if s.Alias != word || s.Alias == "" {
			return true
		}
		var no *refusal
		switch err := knows(s.CmdID); {
		case err == nil:
			ids = append(ids, s.CmdID)
		case !errors.As(err, &no):
			untold = err
			return false
		case approvals.ScriptID.Check(s.CmdID) != nil:
			b.Log.Warn("a script is not found by its alias: no rule is for an id of this form", "script", b.Scrub(cut(s.CmdID)))
		}
		return true
	})
	err = errors.Join(err, untold)
	switch said := lasting(err); {
	case said != nil:
		return "", refuse("The cloud did not let me look for the alias %s: %s. Give the script's id; it looks like cmd-nozcbhuw.", word, b.Scrub(apiWords(said)))
	case err != nil:
		return "", err
	case len(ids) > 1:
		return "", slip("The alias %s belongs to more than one script: %s. Give the id of the one you mean.", word, few(ids))
	case more:
		return "", slip("More than %d scripts have %s in their names, so I cannot tell which one you mean. Give its id.", scriptsLooked, word)
	case len(ids) == 0:
		return "", slip("There is no script with the alias %s for you here. Look at the name; list scripts shows what there is.", word)
	}
	return ids[0], nil
}

// eachScript hands every script that the search finds to each, once, newest first,
// until it answers false. more says that there are more than it looks at.
func (b *Bot) eachScript(ctx context.Context, by Looker, search string, each func(bmclient.Script) bool) (more bool, err error) {
	seen := map[string]bool{}
	for at := 0; at < scriptsLooked; {
		page, err := b.Looks.Scripts(ctx, by, bmclient.ScriptQuery{Search: search, Page: bmclient.Page{Offset: at, Limit: bmclient.LargestPage}})
		if err != nil {
			return false, err
		}
		for _, s := range page.Scripts {
			if !seen[s.CmdID] && hasInName(s, search) && !each(s) {
				return false, nil
			}
			seen[s.CmdID] = true
		}
		at += len(page.Scripts) // the API may give fewer than asked for
		if at >= page.Total || len(page.Scripts) == 0 {
			return false, nil
		}
	}
	return true, nil
}

// hasInName looks itself for what is searched for: TAT lists all scripts, since it does not say whether its filter takes a part of a name.
func hasInName(s bmclient.Script, search string) bool {
	return strings.Contains(strings.ToLower(s.CmdID+"\n"+s.Alias), strings.ToLower(search))
}

// listScripts shows a page of the scripts that the person may see from here.
func (b *Bot) listScripts(ctx context.Context, t Typed, c Command) Answer {
	ctx, cancel := context.WithTimeout(ctx, workTime)
	defer cancel()
	p, err := b.person(ctx, t.By)
	if err != nil {
		return b.explainShow(err)
	}
	if err := b.mayShow(ctx, t.Origin, p, ""); err != nil {
		return b.explainShow(err)
	}
	groups := b.Policy.RequesterGroups()
	for _, r := range b.Policy {
		groups = append(groups, r.Show.Groups...)
	}
	members := b.members(ctx, groups)
	out := Scripts{Page: max(1, c.Page), Search: c.Search}
	var untold error
	out.More, err = b.eachScript(ctx, Looker{User: t.By.User}, c.Search, func(s bmclient.Script) bool {
		switch err := b.shows(t.Origin, p, s.CmdID, members); {
		case errors.Is(err, approvals.ErrMembersUnknown):
			untold = err
			return false
		case approvals.ScriptID.Check(s.CmdID) != nil:
			b.Log.Warn("a script is not listed: no rule is for an id of this form", "script", b.Scrub(cut(s.CmdID)))
			return true
		case err != nil:
			return true
		}
		script, err := b.stored(s)
		if err != nil {
			return true // it holds a credential of ours
		}
		if out.Total++; (out.Total-1)/scriptsAPage == out.Page-1 {
			out.List = append(out.List, script)
		}
		return true
	})
	if err = errors.Join(err, untold); err != nil {
		return b.explainShow(err)
	}
	return out
}

// mayShow is nil if the person may see the script from where they are; else a
// refusal, or why it cannot be told. Only the groups of the script's own rule are
// asked after. For an alias, or for none, it is whether they may see any script at all:
// the cloud is not searched for those who may not.
func (b *Bot) mayShow(ctx context.Context, at approvals.Origin, p approvals.Person, id string) error {
	if !approvals.LikeScript(id) {
		may, err := b.mayAny(ctx, approvals.Subject{Channel: at.Channel, Requester: p}, func(r approvals.Rule) approvals.Who { return r.Show })
		if err == nil && !may {
			err = refuse("No rule lets you see scripts from this channel. Ask whoever keeps the rules.")
		}
		return err
	}
	members := b.members(ctx, b.Policy.RequesterGroups())
	rule, err := b.Policy.Match(approvals.Subject{Script: id, Channel: at.Channel, Requester: p}, members)
	if err == nil {
		members = b.members(ctx, slices.Concat(b.Policy.RequesterGroups(), rule.Show.Groups))
	}
	return b.shows(at, p, id, members)
}

// mayAny is [approvals.Policy.MayMeetAny] with the members of all groups that it needs.
func (b *Bot) mayAny(ctx context.Context, s approvals.Subject, who func(approvals.Rule) approvals.Who) (bool, error) {
	groups := b.Policy.RequesterGroups()
	for _, r := range b.Policy {
		groups = append(groups, who(r).Groups...)
	}
	return b.Policy.MayMeetAny(s, b.members(ctx, groups), who)
}

// shows holds a person against the rule that a script meets.
func (b *Bot) shows(at approvals.Origin, p approvals.Person, id string, m approvals.Members) error {
	rule, err := b.Policy.Match(approvals.Subject{Script: id, Channel: at.Channel, Requester: p}, m)
	if errors.Is(err, approvals.ErrNotID) {
		return refuse("%s", sentence(err))
	}
	in := false
	if err == nil {
		in, err = rule.Show.Includes(p, m)
	}
	if errors.Is(err, approvals.ErrNoRule) || err == nil && !in { // outsiders do not hear of rules
		return refuse("No rule lets you see %s from this channel. Look at the id, or ask whoever keeps the rules.", id)
	}
	return err
}
