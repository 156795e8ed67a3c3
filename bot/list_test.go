package bot

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// listOn is what user sees of the open requests.
func (r *rig) listOn(b *Bot, user string) List {
	r.Helper()
	l, ok := b.Typed(r.Context(), Typed{
		Event: r.event(), By: ref(user), Origin: approvals.Origin{Team: theTeam, Channel: "C-other"}, Text: "list",
	}).(List)
	if !ok {
		r.Fatalf("%s sees no list", user)
	}
	return l
}

// An unknown run of alice's waits for exactly those whose word on it would be counted.
func TestTheListAgreesWithTheButtonsOfAnUnknownRun(t *testing.T) {
	names := func(ids ...string) approvals.Who { return approvals.Who{Users: ids} }
	group := approvals.Who{Users: []string{"BOB"}, Groups: []string{"S-oncall"}}
	for _, tt := range []struct {
		why          string
		shown, today approvals.Who // who may approve by the rule of the card, and by that of the day
		user         string
		waits        bool
	}{
		{"who may approve", names("BOB", "CAROL"), names("BOB", "CAROL"), "CAROL", true},
		{"who may not", names("BOB", "CAROL"), names("BOB", "CAROL"), "EVE", false},
		{"who asked, and two others may approve", names("BOB", "CAROL"), names("BOB", "CAROL"), "ALICE", false},
		{"who asked, and only one other may approve", names("BOB"), names("BOB"), "ALICE", true},
		{"who asked, and is named", names("ALICE", "BOB", "CAROL"), names("ALICE", "BOB", "CAROL"), "ALICE", true},
		{"who asked, and a group names the second other", group, group, "ALICE", false},
		{"who asked, and only one other is left", names("BOB", "CAROL"), names("BOB"), "ALICE", true},
		{"who asked, and is not named any more", names("ALICE", "BOB", "CAROL"), names("BOB", "CAROL"), "ALICE", false},
		{"who may not approve any more", names("BOB", "CAROL"), names("BOB"), "CAROL", false},
		{"who may approve only since", names("BOB", "CAROL"), names("BOB", "CAROL", "DAVE"), "DAVE", false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			playFollow(t, func(r *rig) { r.policy[0].Approve = tt.shown }, func(r *rig) {
				unanswered(r, nil)
				id := r.runs()
				later := r.newBot(func(c *Config) {
					rule := c.Policy[0]
					rule.Approve = tt.today
					c.Policy = approvals.Policy{rule}
				})
				if l := r.listOn(later, tt.user); len(l.Waiting) != 0 {
					r.Error("it waits for people who were not asked yet")
				}
				r.pass(11 * time.Minute)
				l := r.listOn(later, tt.user)
				if got := len(l.Waiting) == 1; got != tt.waits || l.Untold {
					r.Errorf("it waits for them: %v, want %v (untold: %v)", got, tt.waits, l.Untold)
				}
				said := r.words(r.pressOn(later, tt.user, Ran, id)).Text
				if counted := strings.HasPrefix(said, "Recorded"); counted != tt.waits {
					r.Errorf("a press is answered with %q", said)
				}
				if l := r.listOn(later, tt.user); len(l.Waiting) != 0 {
					r.Error("it waits for them although they have said their word, or may not")
				}
			})
		})
	}
}

// What Slack does not tell is said, and not guessed.
func TestTheListOfWhoAskedWhereAGroupIsNotTold(t *testing.T) {
	playAsked(t, func(r *rig, id string) {
		r.people.set(func(d *directory) { d.noGroups = errors.New("no_such_subteam") })
		if l := r.listOn(r.first, "ALICE"); len(l.Waiting) != 0 || !l.Untold {
			r.Errorf("%d wait, untold: %v", len(l.Waiting), l.Untold)
		}
		if l := r.listOn(r.first, "BOB"); len(l.Waiting) != 1 || l.Untold {
			r.Errorf("for bob, whom the rule names: %d wait, untold: %v", len(l.Waiting), l.Untold)
		}
	})
}
