package slacksim

import (
	"slices"
	"sync"
)

// Person is a member of the workspace, or somebody from outside who shares a channel with it.
type Person struct {
	ID               string `json:"id"`
	Name             string `json:"name"`
	RealName         string `json:"real_name,omitempty"` // default the name
	TeamID           string `json:"team_id,omitempty"`   // default the workspace
	EnterpriseUserID string `json:"enterprise_user_id,omitempty"`
	TZ               string `json:"tz,omitempty"` // default Etc/UTC
	Deleted          bool   `json:"deleted,omitempty"`
	Bot              bool   `json:"bot,omitempty"`
	Restricted       bool   `json:"restricted,omitempty"`       // a guest
	UltraRestricted  bool   `json:"ultra_restricted,omitempty"` // a guest of one channel
	Stranger         bool   `json:"stranger,omitempty"`         // of another workspace, no channel shared
}

// Group is a user group.
type Group struct {
	ID       string   `json:"id"`
	Handle   string   `json:"handle"`
	Name     string   `json:"name,omitempty"` // default the handle
	Members  []string `json:"members"`
	Disabled bool     `json:"disabled,omitempty"`
}

// Channel is a conversation. The bot is a member only if Members says so.
type Channel struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Members  []string `json:"members"`
	Private  bool     `json:"private,omitempty"`
	Archived bool     `json:"archived,omitempty"`
	DM       bool     `json:"dm,omitempty"`

	ExtShared bool `json:"ext_shared,omitempty"` // with another organisation
	Pending   bool `json:"pending,omitempty"`    // another organisation is invited
}

// roster is who and what exists. Its lock is never held while another is taken.
type roster struct {
	mu       sync.RWMutex
	people   map[string]Person
	groups   map[string]Group
	groupIDs []string // in the order they were added
	channels map[string]*Channel
	members  map[string]map[string]bool // channel, then user
	freePlan bool
}

// AddPerson adds or replaces a person.
func (s *Slack) AddPerson(p Person) {
	setDefault(&p.RealName, p.Name)
	setDefault(&p.TeamID, s.cfg.Team.ID)
	setDefault(&p.TZ, "Etc/UTC")
	s.roster.mu.Lock()
	defer s.roster.mu.Unlock()
	s.roster.people[p.ID] = p
}

// SetPerson is AddPerson: somebody's state changed.
func (s *Slack) SetPerson(p Person) { s.AddPerson(p) }

// AddGroup adds or replaces a user group.
func (s *Slack) AddGroup(g Group) {
	setDefault(&g.Name, g.Handle)
	g.Members = slices.Clone(g.Members)
	s.roster.mu.Lock()
	defer s.roster.mu.Unlock()
	if _, known := s.roster.groups[g.ID]; !known {
		s.roster.groupIDs = append(s.roster.groupIDs, g.ID)
	}
	s.roster.groups[g.ID] = g
}

// SetGroup is AddGroup: members came or went.
func (s *Slack) SetGroup(g Group) { s.AddGroup(g) }

// SetFreePlan switches to a plan without user groups, or back.
func (s *Slack) SetFreePlan(free bool) {
	s.roster.mu.Lock()
	defer s.roster.mu.Unlock()
	s.roster.freePlan = free
}

// AddChannel adds or replaces a channel.
func (s *Slack) AddChannel(c Channel) {
	set := make(map[string]bool, len(c.Members))
	for _, m := range c.Members {
		set[m] = true
	}
	s.roster.mu.Lock()
	defer s.roster.mu.Unlock()
	s.roster.channels[c.ID] = &c
	s.roster.members[c.ID] = set
}

// Invite makes the user, who may be the bot, a member of the channel. An unknown channel is ignored.
func (s *Slack) Invite(channelID, userID string) { s.roster.setMember(channelID, userID, true) }

// Kick ends a membership.
func (s *Slack) Kick(channelID, userID string) { s.roster.setMember(channelID, userID, false) }

// BotUserID is the bot's own user, for Invite and Kick and for recognising its messages.
func (s *Slack) BotUserID() string { return s.cfg.BotUserID }

func (r *roster) setMember(channelID, userID string, in bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	set := r.members[channelID]
	if set == nil {
		return
	}
	if in {
		set[userID] = true
	} else {
		delete(set, userID)
	}
}

func (r *roster) person(id string) (Person, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	p, ok := r.people[id]
	return p, ok
}

func (r *roster) channel(id string) (Channel, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	c, ok := r.channels[id]
	if !ok {
		return Channel{}, false
	}
	return *c, true
}

func (r *roster) isMember(channelID, userID string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.members[channelID][userID]
}

// name returns how a person, group or channel is written, without its sign; the id if unknown.
func (r *roster) name(id string) string {
	if r == nil {
		return id
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if p, ok := r.people[id]; ok {
		return p.Name
	}
	if g, ok := r.groups[id]; ok {
		return g.Handle
	}
	if c, ok := r.channels[id]; ok && c.Name != "" {
		return c.Name
	}
	return id
}
