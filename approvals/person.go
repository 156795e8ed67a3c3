package approvals

import (
	"errors"
	"fmt"
	"slices"
)

// Person is one human. Two Persons are the same human if their keys are equal,
// whatever user id each click arrived with.
type Person struct {
	Org  string `json:"org"`  // enterprise id, else team id
	ID   string `json:"id"`   // enterprise user id, else user id
	User string `json:"user"` // the Slack user id to mention
	Name string `json:"name"` // as Slack shows it; people's text, never trusted
}

// Key is what tells humans apart.
func (p Person) Key() string { return p.Org + "/" + p.ID }

// Same reports whether p and q are one human. Nobody is the same as an
// unresolved person.
func (p Person) Same(q Person) bool {
	return p.ID != "" && p.Org != "" && p.Key() == q.Key()
}

// Profile is what the directory says of a person at one moment.
type Profile struct {
	Person
	Deactivated bool
	Bot         bool
	Guest       bool // single- or multi-channel guest
	Outside     bool // of another organisation, or a stranger to this one
}

// ErrNotAdmitted is wrapped by every error of [Profile.Admit].
var ErrNotAdmitted = errors.New("may not use bmcmd")

// Admit says whether the person may use the bot at all. The same check is made
// of requesters and of approvers.
func (p Profile) Admit() error {
	switch {
	case p.Org == "" || p.ID == "" || p.User == "":
		return fmt.Errorf("an account that Slack does not name fully %w", ErrNotAdmitted)
	case p.Deactivated:
		return fmt.Errorf("a deactivated account %w", ErrNotAdmitted)
	case p.Bot:
		return fmt.Errorf("a bot or app %w", ErrNotAdmitted)
	case p.Guest:
		return fmt.Errorf("a guest %w", ErrNotAdmitted)
	case p.Outside:
		return fmt.Errorf("someone from outside this organisation %w", ErrNotAdmitted)
	}
	return nil
}

// Members are the members of user groups, by group id, as the directory told
// them at one moment: user ids or enterprise user ids.
type Members map[string][]string

// Who is a set of people: user ids (U…, W…) and user group ids (S…).
type Who struct {
	Anyone bool     `json:"anyone,omitempty" yaml:"-"` // every admitted person
	Users  []string `json:"users,omitempty"  yaml:"users"`
	Groups []string `json:"groups,omitempty" yaml:"groups"`
}

// Empty reports whether nobody can be in w.
func (w Who) Empty() bool { return !w.Anyone && len(w.Users) == 0 && len(w.Groups) == 0 }

// ErrMembersUnknown says that a group's members were needed and not told.
var ErrMembersUnknown = errors.New("the members of a user group are not known")

// GroupUnknown says which group that was. It wraps [ErrMembersUnknown].
type GroupUnknown struct{ Group string }

func (g *GroupUnknown) Error() string { return "group " + g.Group + ": " + ErrMembersUnknown.Error() }
func (g *GroupUnknown) Unwrap() error { return ErrMembersUnknown }

// NoGroup says that the chat has no user group of this id. That stays so until somebody
// mends the rules or the group.
type NoGroup struct{ Group string }

func (n *NoGroup) Error() string { return "there is no user group " + n.Group }

// Is reports whether target is about the same group: an error may join several of them.
func (n *NoGroup) Is(target error) bool {
	other, is := target.(*NoGroup)
	return is && *other == *n
}

// Includes reports whether p is in w. A group that m does not hold is an error,
// wrapping [ErrMembersUnknown], unless p is in w without it: what Slack does not
// tell is never guessed.
func (w Who) Includes(p Person, m Members) (bool, error) {
	is := func(id string) bool { return id != "" && (id == p.User || id == p.ID) }
	if w.Anyone || slices.ContainsFunc(w.Users, is) {
		return true, nil
	}
	var missing error
	for _, g := range w.Groups {
		ids, known := m[g]
		if !known {
			missing = &GroupUnknown{g}
			continue
		}
		if slices.ContainsFunc(ids, is) {
			return true, nil
		}
	}
	return false, missing
}
