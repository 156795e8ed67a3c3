package slacksim

import (
	"slices"
	"strings"
)

func (s *Slack) hasScope(scope string) bool { return slices.Contains(s.cfg.Scopes, scope) }

func (s *Slack) usersInfo(c *call) (any, *refusal) {
	p, ok := s.roster.person(c.args.str("user"))
	if !ok {
		return nil, refuse("user_not_found")
	}
	u := fields{
		"id": p.ID, "team_id": p.TeamID, "name": p.Name, "deleted": p.Deleted, "real_name": p.RealName,
		"is_bot": p.Bot, "is_app_user": false, "updated": 1, "tz": p.TZ,
		"profile": fields{"real_name": p.RealName, "display_name": p.Name, "team": p.TeamID},
	}
	if !p.Deleted { // Slack leaves these out for people who are gone
		u["is_restricted"], u["is_ultra_restricted"] = p.Restricted || p.UltraRestricted, p.UltraRestricted
		u["is_admin"], u["is_owner"], u["is_primary_owner"] = false, false, false
	}
	if p.Stranger {
		u["is_stranger"] = true
	}
	if p.EnterpriseUserID != "" {
		u["enterprise_user"] = fields{
			"id": p.EnterpriseUserID, "enterprise_id": s.cfg.Team.EnterpriseID, "enterprise_name": s.cfg.Team.Name,
			"is_admin": false, "is_owner": false, "teams": []string{p.TeamID},
		}
	}
	return fields{"ok": true, "user": u}, nil
}

func (s *Slack) groupsList(c *call) (any, *refusal) {
	s.roster.mu.RLock()
	defer s.roster.mu.RUnlock()
	if s.roster.freePlan {
		return nil, refuse("plan_upgrade_required")
	}
	out := []fields{}
	for _, id := range s.roster.groupIDs {
		g := s.roster.groups[id]
		if g.Disabled && !c.args.flag("include_disabled") {
			continue
		}
		f := fields{
			"id": g.ID, "team_id": s.cfg.Team.ID, "is_usergroup": true, "name": g.Name, "handle": g.Handle,
			"is_external": false, "date_delete": 0, "user_count": len(g.Members), "prefs": fields{"channels": []string{}, "groups": []string{}},
		}
		if g.Disabled {
			f["date_delete"] = 1
		}
		if c.args.flag("include_users") {
			f["users"] = append([]string{}, g.Members...)
		}
		out = append(out, f)
	}
	return fields{"ok": true, "usergroups": out}, nil
}

func (s *Slack) groupUsers(c *call) (any, *refusal) {
	s.roster.mu.RLock()
	defer s.roster.mu.RUnlock()
	if s.roster.freePlan {
		return nil, refuse("plan_upgrade_required")
	}
	g, ok := s.roster.groups[c.args.str("usergroup")]
	if !ok || g.Disabled && !c.args.flag("include_disabled") {
		return nil, refuse("no_such_subteam")
	}
	return fields{"ok": true, "users": append([]string{}, g.Members...)}, nil
}

func (s *Slack) conversationInfo(c *call) (any, *refusal) {
	ch, ok := s.roster.channel(c.args.str("channel"))
	if !ok {
		return nil, refuse("channel_not_found")
	}
	scope := "channels:read"
	switch {
	case ch.DM:
		scope = "im:read"
	case ch.Private:
		scope = "groups:read"
	}
	if !s.hasScope(scope) {
		return nil, &refusal{code: "missing_scope", needed: scope, provided: strings.Join(s.cfg.Scopes, ",")}
	}
	member := s.roster.isMember(ch.ID, s.cfg.BotUserID)
	if ch.Private && !member {
		return nil, refuse("channel_not_found")
	}
	return fields{"ok": true, "channel": s.wireChannel(ch, member)}, nil
}

func (s *Slack) wireChannel(ch Channel, member bool) fields {
	f := fields{
		"id": ch.ID, "name": ch.Name, "is_channel": !ch.DM && !ch.Private, "is_group": ch.Private && !ch.DM, "is_im": ch.DM,
		"is_private": ch.Private || ch.DM, "is_archived": ch.Archived, "is_member": member, "created": 1,
		"is_shared": ch.ExtShared, "is_ext_shared": ch.ExtShared, "is_pending_ext_shared": ch.Pending, "is_org_shared": false,
	}
	if ch.DM {
		f["user"] = strings.TrimPrefix(ch.ID, "D")
	}
	return f
}

func (s *Slack) conversationOpen(c *call) (any, *refusal) {
	user := c.args.str("users")
	switch {
	case user == "":
		return nil, refuse("users_list_not_supplied")
	case strings.Contains(user, ","):
		return nil, refuse("not_enough_users", "the simulator opens conversations with one person only")
	}
	p, ok := s.roster.person(user)
	switch {
	case !ok:
		return nil, refuse("user_not_found")
	case p.Bot:
		return nil, refuse("cannot_dm_bot")
	case p.Deleted:
		return nil, refuse("user_disabled")
	}
	ch := s.openDM(user)
	return fields{"ok": true, "channel": s.wireChannel(ch, true)}, nil
}

// openDM returns the conversation of the bot with one person: D and the person's id.
func (s *Slack) openDM(user string) Channel {
	id := "D" + user
	if ch, ok := s.roster.channel(id); ok {
		return ch
	}
	ch := Channel{ID: id, Name: "directmessage", Members: []string{user, s.cfg.BotUserID}, DM: true}
	s.AddChannel(ch)
	return ch
}
