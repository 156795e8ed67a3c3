package bot

import (
	"context"
	"errors"
	"strings"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

const (
	scriptsAPage  = 20  // of the answer to list scripts
	scriptsARead  = 100 // of the API's list
	scriptsLooked = 1000
)

// scriptID is the id of the script that a person means: the id itself, or the one
// script that has it as its alias.
func (b *Bot) scriptID(ctx context.Context, word string) (string, error) {
	if strings.HasPrefix(word, scriptPrefix) {
		return word, nil
	}
	var ids []string
	err := b.eachScript(ctx, word, func(s bmclient.Script) bool {
		if s.Alias == word {
			ids = append(ids, s.CmdID)
		}
		return true
	})
	switch {
	case err != nil:
		return "", err
	case len(ids) == 0:
		return "", refuse("There is no script with the alias %s. Look at the name; list scripts shows what there is.", word)
	case len(ids) > 1:
		return "", refuse("The alias %s belongs to more than one script: %s. Give the id of the one you mean.", word, strings.Join(ids, ", "))
	}
	return ids[0], nil
}

// eachScript hands every script that the search finds to each, newest first, until
// it answers false.
func (b *Bot) eachScript(ctx context.Context, search string, each func(bmclient.Script) bool) error {
	for at := 0; at < scriptsLooked; at += scriptsARead {
		page, err := b.Cloud.Scripts(ctx, bmclient.ScriptQuery{Search: search, Page: bmclient.Page{Offset: at, Limit: scriptsARead}})
		if err != nil {
			return err
		}
		for _, s := range page.Scripts {
			if !each(s) {
				return nil
			}
		}
		if at+scriptsARead >= page.Total || len(page.Scripts) == 0 {
			return nil
		}
	}
	return nil
}

// listScripts shows a page of the scripts that the person may see from here.
func (b *Bot) listScripts(ctx context.Context, t Typed, c Command) Answer {
	p, err := b.person(ctx, t.By)
	if err != nil {
		return b.explainShow(err)
	}
	members := b.showMembers(ctx)
	out := Scripts{Page: max(1, c.Page), Search: c.Search}
	var untold error
	err = b.eachScript(ctx, c.Search, func(s bmclient.Script) bool {
		switch err := b.shows(t.Origin, p, s.CmdID, members); {
		case errors.Is(err, approvals.ErrMembersUnknown):
			untold = err
			return false
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

// showMembers are the members of every group that decides who may see a script.
func (b *Bot) showMembers(ctx context.Context) approvals.Members {
	groups := b.Policy.RequesterGroups()
	for _, r := range b.Policy {
		groups = append(groups, r.Show.Groups...)
	}
	return b.members(ctx, groups)
}

// mayShow is nil if the person may see the script from where they are; else a
// refusal, or why it cannot be told.
func (b *Bot) mayShow(ctx context.Context, at approvals.Origin, p approvals.Person, id string) error {
	return b.shows(at, p, id, b.showMembers(ctx))
}

// shows holds a person against the rule that a script meets.
func (b *Bot) shows(at approvals.Origin, p approvals.Person, id string, m approvals.Members) error {
	rule, err := b.Policy.Match(approvals.Subject{Script: id, Channel: at.Channel, Requester: p}, m)
	if errors.Is(err, approvals.ErrNoRule) {
		return refuse("No rule lets you see %s from this channel. Look at the id, or ask whoever keeps the rules.", id)
	}
	if err != nil {
		return err
	}
	in, err := rule.Show.Includes(p, m)
	if err == nil && !in {
		err = refuse("The rule %q does not let you see %s. Ask somebody whom it names, or whoever keeps the rules.", rule.Name, id)
	}
	return err
}
