package bot

import (
	"errors"
	"fmt"
	"testing"

	"github.com/bmcmd/bmcmd/approvals"
)

// A rule that needs a user group that the chat does not have refuses, and says which group;
// it is not tried again and again. Rules that do without go on.
func TestAGroupThatDoesNotExist(t *testing.T) {
	const says = "A rule needs the user group S-gone, and Slack has none of that id. Nothing was done; tell whoever keeps the rules (bmcmd check --live names such groups)."
	gone := fmt.Errorf("members: %w", errors.Join(errors.New("of another"), fmt.Errorf("look at the id: %w", &approvals.NoGroup{Group: "S-gone"})))
	tests := []struct {
		why  string
		rule func(*approvals.Rule)
		says string // "": it is asked for
	}{
		{"only it may ask", func(r *approvals.Rule) { r.Ask = approvals.Who{Groups: []string{"S-gone"}} }, says},
		{"only it may approve", func(r *approvals.Rule) { r.Approve = approvals.Who{Groups: []string{"S-gone"}} }, says},
		{"too few without it may approve", func(r *approvals.Rule) {
			r.Approve, r.Quorum = approvals.Who{Users: []string{"BOB"}, Groups: []string{"S-gone"}}, 2
		}, says},
		{"who it is for is not known", func(r *approvals.Rule) { r.Requesters = approvals.Who{Groups: []string{"S-gone"}} }, says},
		{"enough without it may approve", func(r *approvals.Rule) {
			r.Approve = approvals.Who{Users: []string{"BOB"}, Groups: []string{"S-gone"}}
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			playWith(t, func(r *rig) {
				tt.rule(&r.policy[0])
				r.people.noGroups = gone
			}, func(r *rig) {
				answer := r.says("ALICE", "run "+theScript+" ins-1 -- -f")
				if tt.says != "" {
					r.hears(answer, tt.says)
					return
				}
				w := r.words(answer)
				if k := r.is(w.Request, approvals.Pending); k.ID == "" {
					t.Errorf("it is answered %+v", answer)
				}
				r.hears(r.press("CAROL", Approve, w.Request), says)
			})
		})
	}
}
