package approvals

import (
	"errors"
	"testing"
)

func TestSame(t *testing.T) {
	tests := []struct {
		p, q Person
		want bool
		why  string
	}{
		{bob, bob, true, "the same in all"},
		{bob, Person{Org: "E1", ID: "W-BOB", User: "U-BOB-2", Name: "Robert"}, true, "another user id and name of one human"},
		{bob, Person{Org: "E2", ID: "W-BOB"}, false, "the same id in another organisation"},
		{bob, Person{Org: "E1", ID: "W-CAROL", User: "U-BOB"}, false, "a user id alone says nothing"},
		{Person{Org: "E1", User: "U-BOB"}, Person{Org: "E1", User: "U-BOB"}, false, "neither was looked up"},
		{Person{ID: "W-BOB"}, Person{ID: "W-BOB"}, false, "no organisation"},
	}
	for _, tt := range tests {
		if got := tt.p.Same(tt.q); got != tt.want {
			t.Errorf("%s: %v", tt.why, got)
		}
	}
}

func TestIncludes(t *testing.T) {
	members := Members{"S1": {"U-BOB"}, "S2": {"W-CAROL"}, "S-EMPTY": {}}
	tests := []struct {
		who  Who
		p    Person
		want bool
		err  error
		why  string
	}{
		{Who{}, bob, false, nil, "nobody is named"},
		{Who{Anyone: true}, dave, true, nil, "anyone"},
		{Who{Users: []string{"U-BOB"}}, bob, true, nil, "by user id"},
		{Who{Users: []string{"W-BOB"}}, bob, true, nil, "by enterprise user id"},
		{Who{Users: []string{"Bob"}}, bob, false, nil, "a name is not an id"},
		{Who{Users: []string{""}}, Person{Org: "E1", ID: "W1"}, false, nil, "an empty id matches nobody"},
		{Who{Groups: []string{"S1"}}, bob, true, nil, "by group, user id"},
		{Who{Groups: []string{"S2"}}, carol, true, nil, "by group, enterprise user id"},
		{Who{Groups: []string{"S1", "S2"}}, carol, true, nil, "in the second group"},
		{Who{Groups: []string{"S1"}}, dave, false, nil, "not in the group"},
		{Who{Groups: []string{"S-EMPTY"}}, bob, false, nil, "a group known to be empty"},
		{Who{Groups: []string{"S9"}}, bob, false, ErrMembersUnknown, "a group that was not told"},
		{Who{Groups: []string{"S9", "S1"}}, bob, true, nil, "in without the unknown group"},
		{Who{Groups: []string{"S1", "S9"}}, dave, false, ErrMembersUnknown, "perhaps in the unknown group"},
		{Who{Users: []string{"U-BOB"}, Groups: []string{"S9"}}, bob, true, nil, "named, whatever the group says"},
	}
	for _, tt := range tests {
		got, err := tt.who.Includes(tt.p, members)
		if got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, %v", tt.why, got, err)
		}
	}
}

func TestAdmit(t *testing.T) {
	tests := []struct {
		change func(*Profile)
		in     bool
		why    string
	}{
		{func(*Profile) {}, true, "an ordinary member"},
		{func(p *Profile) { p.Deactivated = true }, false, "deactivated"},
		{func(p *Profile) { p.Bot = true }, false, "a bot"},
		{func(p *Profile) { p.Guest = true }, false, "a guest"},
		{func(p *Profile) { p.Outside = true }, false, "from another organisation"},
		{func(p *Profile) { p.Org = "" }, false, "no organisation"},
		{func(p *Profile) { p.ID = "" }, false, "no id"},
		{func(p *Profile) { p.User = "" }, false, "nobody to mention"},
		{func(p *Profile) { p.Name = "" }, true, "a name is not needed"},
	}
	for _, tt := range tests {
		p := Profile{Person: bob}
		tt.change(&p)
		if err := p.Admit(); (err == nil) != tt.in || err != nil && !errors.Is(err, ErrNotAdmitted) {
			t.Errorf("%s: %v", tt.why, err)
		}
	}
}
