package bot

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// In a channel that people of other organisations see nothing is asked for, kept or shown.
func TestAChannelThatOutsidersSee(t *testing.T) {
	play(t, func(r *rig) {
		r.people.set(func(d *directory) { d.shared = true })
		a := r.words(r.says("ALICE", "run cmd-nozcbhuw ins-1"))
		if !strings.HasPrefix(a.Text, "This channel is shared with another organisation") || !strings.Contains(a.Text, "slack.shared_channels") || a.Request != "" {
			r.Errorf("alice hears %+v", a)
		}
		r.did("post read notice")
	})
}

// One that they see since the card was posted: nothing runs, and nothing is read that a run needs.
func TestAChannelThatIsSharedAfterTheCard(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		r.people.set(func(d *directory) { d.shared = true })
		r.press("BOB", Approve, id)
		if k := r.is(id, approvals.Refused); !strings.HasPrefix(k.Why, "This channel is shared") {
			r.Errorf("why: %s", k.Why)
		}
		r.did("run open")
	})
}

// While Slack does not tell who sees a channel, nothing new is shown there and nothing is sent; what was
// approved goes on once it tells.
func TestSlackDoesNotTellWhoSeesAChannel(t *testing.T) {
	untold := func(err error) func(*directory) { return func(d *directory) { d.untold = err } }
	play(t, func(r *rig) {
		r.people.set(untold(errors.New("503")))
		id := r.asks("ALICE")
		r.pass(3 * time.Minute)
		if k := r.get(id); k.State != approvals.Refused || !strings.HasPrefix(k.Why, "Slack did not tell whether this channel is shared with other organisations. Nothing ran") {
			r.Errorf("%s: %s", k.State, k.Why)
		}
		r.did("post")
		r.people.set(untold(nil))

		id = r.asks("ALICE")
		r.people.set(untold(errors.New("503")))
		r.press("BOB", Approve, id)
		if k := r.is(id, approvals.Approved); !strings.HasPrefix(k.Waiting, "Slack did not tell whether this channel is shared") {
			r.Errorf("it waits: %s", k.Waiting)
		}
		r.ran(0)
		r.people.set(untold(nil))
		r.pass(10 * time.Second)
		r.is(id, approvals.Accepted)
		r.ran(1)
	})
}
