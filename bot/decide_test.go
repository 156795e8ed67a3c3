package bot

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
)

func TestWhoMayNot(t *testing.T) {
	all := approvals.Who{Users: []string{"BOB", "CAROL"}, Groups: []string{"S-oncall"}}
	but := func(asker string) approvals.Who {
		return approvals.Who{Users: slices.DeleteFunc(slices.Clone(all.Users), func(u string) bool { return u == asker }), Groups: all.Groups}
	}
	carol := func(change func(*approvals.Profile)) func(d *directory) {
		return func(d *directory) {
			p := someone("CAROL")
			change(&p)
			d.profiles["CAROL"] = p
		}
	}
	const (
		own     = "Not counted: nobody decides on their own request. These may:"
		unnamed = "Not counted: the rule does not name you. These may:"
	)
	for _, tt := range []struct {
		why, asker, user string
		button           Button
		setup            func(*directory)
		want             string
		who              approvals.Who
	}{
		{"one's own request", "BOB", "BOB", Approve, nil, own, but("BOB")},
		{"one's own, by another id of the same human", "BOB2", "BOB", Approve, nil, own, all},
		{"denying one's own is Cancel's", "BOB", "BOB", Deny, nil, own, but("BOB")},
		{"not named by the rule", "ALICE", "EVE", Approve, nil, unnamed, all},
		{"nor to deny", "ALICE", "EVE", Deny, nil, unnamed, all},
		{"cancel is the requester's", "ALICE", "CAROL", Cancel, nil, "Only the one who asked can cancel a request. Press Deny if you may decide on it.", approvals.Who{}},
		{"a guest", "ALICE", "CAROL", Approve, carol(func(p *approvals.Profile) { p.Guest = true }), "Not counted: a guest may not use bmcmd. Ask a colleague.", approvals.Who{}},
		{"a deactivated account", "ALICE", "CAROL", Approve, carol(func(p *approvals.Profile) { p.Deactivated = true }), "Not counted: a deactivated account may not use bmcmd. Ask a colleague.", approvals.Who{}},
		{"somebody from outside", "ALICE", "CAROL", Approve, carol(func(p *approvals.Profile) { p.Outside = true }), "Not counted: someone from outside this organisation may not use bmcmd. Ask a colleague.", approvals.Who{}},
		{"a bot", "ALICE", "CAROL", Approve, carol(func(p *approvals.Profile) { p.Bot = true }), "Not counted: a bot or app may not use bmcmd. Ask a colleague.", approvals.Who{}},
		{"whom Slack does not name fully", "ALICE", "CAROL", Approve, carol(func(p *approvals.Profile) { p.ID = "" }), "Not counted: an account that Slack does not name fully may not use bmcmd. Ask a colleague.", approvals.Who{}},
		{"whom Slack does not know", "ALICE", "CAROL", Approve, func(d *directory) { delete(d.profiles, "CAROL") }, "Not counted: Slack did not tell me who may do this. Press again in a moment.", approvals.Who{}},
		{"a group that Slack does not tell", "ALICE", "DAVE", Approve, func(d *directory) { d.noGroups = errors.New("away") }, "Not counted: Slack did not tell me who may do this. Press again in a moment.", approvals.Who{}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			play(t, func(r *rig) {
				for _, u := range []string{"BOB", "BOB2"} { // one human with two user ids
					r.people.set(func(d *directory) {
						d.profiles[u] = approvals.Profile{Person: approvals.Person{Org: theTeam, ID: "W-BOB", User: u, Name: "bob"}}
					})
				}
				id := r.asks(tt.asker)
				if tt.setup != nil {
					r.people.set(tt.setup)
				}
				w := r.words(r.press(tt.user, tt.button, id))
				text, _, _ := strings.Cut(w.Text, " (ref ")
				if diff := cmp.Diff(tt.want, text); diff != "" {
					r.Errorf("the answer (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tt.who, w.Who); diff != "" {
					r.Errorf("who may (-want +got):\n%s", diff)
				}
				r.is(id, approvals.Pending)
				r.ran(0)
				if k := r.get(id); k.Refused.All != 1 || k.Refused.N != 1 {
					r.Errorf("refused clicks: %+v, want the one", k.Refused)
				}
			})
		})
	}
}

func TestDenyIsAVeto(t *testing.T) {
	playTwo(t, func(r *rig) {
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		r.hears(r.press("CAROL", Deny, id), "Recorded: you denied it, and nothing runs. The one who asked is told your reason.")
		k := r.is(id, approvals.Denied)
		if k.Why != "not now" || k.EndedBy == nil || k.EndedBy.User != "CAROL" {
			r.Errorf("it ended because of %q by %v", k.Why, k.EndedBy)
		}
		r.did("notice", "notice ended denied")
		r.hears(r.press("DAVE", Approve, id), "This request has ended (denied), so nothing was changed. Look at the card.")
		r.is(id, approvals.Denied)
		r.ran(0)
	})
}

func TestDenyAfterApproval(t *testing.T) {
	play(t, func(r *rig) {
		r.logins.set(func(l *logins) { l.onOpen = func() error { return errors.New("sealed") } })
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		r.is(id, approvals.Approved)
		r.press("BOB", Deny, id) // the same person may think again
		r.is(id, approvals.Denied)
		r.logins.set(func(l *logins) { l.onOpen = nil })
		r.pass(time.Hour)
		r.ran(0)
	})
}

// A veto does not wait for better words: what may be a credential is left out.
func TestDenyWithASecretInItsReason(t *testing.T) {
	for reason, what := range map[string]string{"use xoxb-1234567890-abc": "a Slack token", "the password is hunter2": "a password"} {
		play(t, func(r *rig) {
			id := r.asks("ALICE")
			r.hears(r.press("BOB", Deny, id, func(c *Click) { c.Reason = reason }),
				"Recorded: you denied it, and nothing runs. Your reason is left out, as it may hold "+what+" and would be public and kept: change that credential if it is real, and write the reason into the thread without it.")
			if k := r.is(id, approvals.Denied); k.Why != "(left out: it may hold "+what+")" {
				r.Errorf("why: %q", k.Why)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		r.hears(r.press("ALICE", Cancel, id), "Recorded: the request is cancelled, and nothing runs.")
		r.is(id, approvals.Cancelled)
		r.did("notice", "notice ended cancelled")
		r.ran(0)
	})
}

func TestCancelComesTooLateAfterTheClaim(t *testing.T) {
	play(t, func(r *rig) {
		sending, answer := make(chan struct{}), make(chan struct{})
		r.cloud.set(func(c *cloud) { c.onRun = blockUntil(sending, answer, nil) })
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		<-sending
		const late = "Too late: the run has been claimed and may be on its way already. Look at the card."
		r.hears(r.press("ALICE", Cancel, id), late)
		r.hears(r.press("BOB", Deny, id), late)
		close(answer)
		r.settle()
		r.is(id, approvals.Accepted)
		r.ran(1)
	})
}

func TestExpiry(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		r.pass(30*time.Minute - time.Second)
		r.is(id, approvals.Pending)
		r.pass(3 * time.Second)
		r.is(id, approvals.Expired)
		r.did("notice", "notice ended expired")
		r.hears(r.press("BOB", Approve, id), "This request has ended (expired), so nothing was changed. Look at the card.")
		r.ran(0)
	})
}

func TestAClickAfterTheTimeFindsItExpired(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		r.memory.setFault(func(c storeCall) fault {
			if c.name == "take" {
				return away // nobody finds it due
			}
			return fine
		})
		r.pass(31 * time.Minute)
		r.is(id, approvals.Pending)
		r.hears(r.press("BOB", Approve, id), "Too late: the request has expired, and nothing runs. Press Ask again if it is still needed.")
		r.is(id, approvals.Expired)
		r.ran(0)
	})
}

func TestButtonsOutOfPlace(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		r.hears(r.press("BOB", Run, id), "Not counted: the request is pending, and then this button does nothing. Look at the card.")
		r.hears(r.press("BOB", "explode", id), "I do not know this button. The card may be from another version of me; ask again for what you need.")
		r.hears(r.press("BOB", Approve, "r-nosuch"), "My store has no record of this request, so this changed nothing, and nothing more comes of it. Its thread says more if I lost it; ask again if it is still needed.")
		r.is(id, approvals.Pending)
	})
}

// A bot that has seen a request counts a press without reading it first. What others did
// since counts all the same.
func TestAPressIsCountedWithoutReadingFirst(t *testing.T) {
	for _, tt := range []struct {
		why     string
		between func(r *rig, other *Bot, id string)
		wait    time.Duration
		loads   int
		want    string
	}{
		{"nothing has happened since", nil, 0, 0, "Recorded: you approved. It has 1 of the 2 approvals it needs."},
		{"another has approved at another bot", func(r *rig, other *Bot, id string) { r.pressOn(other, "CAROL", Approve, id) }, 0, 0, saidApproved},
		{"the same press was counted there", func(r *rig, other *Bot, id string) {
			r.pressOn(other, "BOB", Approve, id, func(c *Click) { c.Event = "EvPress" })
		}, 0, 1, "Recorded: you approved. It has 1 of the 2 approvals it needs."},
		{"it was denied there", func(r *rig, other *Bot, id string) { r.pressOn(other, "CAROL", Deny, id) }, 0, 1, "This request has ended (denied), so nothing was changed. Look at the card."},
		{"it was seen long ago", nil, 20 * time.Minute, 1, "Recorded: you approved. It has 1 of the 2 approvals it needs."},
	} {
		playTwo(t, func(r *rig) {
			other := r.newBot()
			id := r.asks("ALICE")
			if tt.between != nil {
				tt.between(r, other, id)
			}
			r.pass(tt.wait)
			loads := 0
			r.memory.setFault(func(c storeCall) fault {
				if c.name == "load" {
					loads++
				}
				return fine
			})
			digest := r.get(id).Digest
			loads = 0
			a := r.first.Clicked(context.Background(), Click{
				Event: "EvPress", By: ref("BOB"), Origin: approvals.Origin{Team: theTeam, Channel: theChannel}, Button: Approve, Request: id, Digest: digest,
			})
			if n := loads; n != tt.loads {
				r.Errorf("%s: it was read %d times, want %d", tt.why, n, tt.loads)
			}
			if got := r.words(a).Text; got != tt.want {
				r.Errorf("%s: %q, want %q", tt.why, got, tt.want)
			}
		})
	}
}
