package bot

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// pressDeny presses Deny, so that a form for the reason may open.
func (r *rig) pressDeny(user, id string, change ...func(*Click)) Answer {
	r.Helper()
	return r.press(user, Deny, id, append(change, func(c *Click) { c.Reason = "" })...)
}

// opens reports whether an answer has the form opened.
func opens(a Answer) bool { _, is := a.(AskReason); return is }

// A form is opened for who may deny, and for whom that cannot be told within a second; who
// may not is told so. The press alone denies nothing.
func TestWhoGetsTheFormForADenial(t *testing.T) {
	const mayNot = "Not counted: the rule does not name you. These may:"
	people := func(f func(*directory)) func(*rig, string) { return func(r *rig, _ string) { r.people.set(f) } }
	for _, tt := range []struct {
		why, user string
		setup     func(r *rig, id string)
		want      string // empty: the form
	}{
		{"who may", "BOB", nil, ""},
		{"one of a group", "DAVE", nil, ""},
		{"who has approved before", "BOB", func(r *rig, id string) { r.press("BOB", Approve, id) }, ""},
		{"whom the rule does not name", "EVE", nil, mayNot},
		{"who asked", "ALICE", nil, "Not counted: nobody decides on their own request. These may:"},
		{"a guest", "CAROL", people(func(d *directory) {
			p := someone("CAROL")
			p.Guest = true
			d.profiles["CAROL"] = p
		}), "Not counted: a guest may not use bmcmd. Ask a colleague."},
		{"whoever is too late", "BOB", func(r *rig, id string) { r.press("CAROL", Deny, id) }, "This request has ended (denied), so nothing was changed. Look at the card."},
		{"a group that does not exist", "DAVE", people(func(d *directory) { d.noGroups = &approvals.NoGroup{Group: "S-oncall"} }), "A rule needs the user group S-oncall, and Slack has none of that id. Nothing was done; tell whoever keeps the rules (bmcmd check --live names such groups)."},
		{"a group that is not told", "DAVE", people(func(d *directory) { d.noGroups = errors.New("away") }), ""},
		{"Slack does not tell who that is", "EVE", people(func(d *directory) { d.fault = errors.New("away") }), ""},
		{"Slack does not answer", "EVE", people(func(d *directory) { d.hangs = true }), ""},
	} {
		t.Run(tt.why, func(t *testing.T) {
			playTwo(t, func(r *rig) {
				id := r.asks("ALICE")
				if tt.setup != nil {
					tt.setup(r, id)
				}
				before := r.get(id)
				began := time.Now()
				a := r.pressDeny(tt.user, id)
				if d := time.Since(began); d > time.Second {
					r.Errorf("it took %v", d)
				}
				refused := 0
				if tt.want != "" {
					refused = 1
					r.hears(a, tt.want)
				} else if !opens(a) {
					r.Errorf("the answer is %+v", a)
				}
				if k := r.get(id); k.State != before.State || k.Refused.All-before.Refused.All != refused {
					r.Errorf("it is %s, with %d refused clicks", k.State, k.Refused.All)
				}
			})
		})
	}
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		r.hears(r.pressDeny("BOB", id, func(c *Click) { c.Digest = "old" }), "Not counted: the card you pressed was out of date. Look at it again, then press.")
		r.hears(r.pressDeny("BOB", "r-gone"), noRecord("r-gone").Text)
		r.memory.setFault(func(storeCall) fault { return away })
		if a := r.pressDeny("BOB", id); !opens(a) {
			r.Errorf("while the store is away, the answer is %+v", a)
		}
	})
}

// However often somebody presses, few forms are opened for them in a minute, and those of
// others are not fewer; and the card is drawn for a press that comes too late now and then.
func TestAFloodOfPresses(t *testing.T) {
	forms := func(r *rig, user, id string) (n int, said string) {
		for range 100 {
			if a := r.pressDeny(user, id); opens(a) {
				n++
			} else {
				said = r.words(a).Text
			}
		}
		return n, said
	}
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		const often = "You have pressed Deny so often in this minute that I open no more forms, and nothing was denied. Press it again in 1 minute."
		for _, tt := range []struct {
			user string
			most int
			said string
		}{{"EVE", 0, "Not counted: the rule does not name you."}, {"BOB", formsAMinute, often}} {
			if n, said := forms(r, tt.user, id); n != tt.most || !strings.HasPrefix(said, tt.said) {
				r.Errorf("%s gets %d forms, and hears %q", tt.user, n, said)
			}
		}
		r.people.set(func(d *directory) { d.fault = errors.New("away") })
		if n, said := forms(r, "EVE", id); n != blindFormsAMinute || said != often {
			r.Errorf("unknown, EVE gets %d forms, and hears %q", n, said)
		}
		if !opens(r.pressDeny("CAROL", id)) {
			r.Error("another person gets no form")
		}
		r.people.set(func(d *directory) { d.fault = nil })
		if !opens(r.pressDeny("CAROL", id)) {
			r.Error("who may is behind those who may not")
		}
		r.hears(r.press("CAROL", Deny, id), "Recorded: you denied it, and nothing runs. The one who asked is told your reason.")
		drawn := len(r.journal.of("draw"))
		for range 100 {
			r.press("EVE", Approve, id)
		}
		if n := len(r.journal.of("draw")) - drawn; n != redrawsAMinute {
			r.Errorf("the card is drawn %d times", n)
		}
	})
}

// Who lists again and again gets the same list, and its links to cards now and then.
func TestLinksOfOnePerson(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		links := map[string]int{}
		for range 10 {
			l := r.says("EVE", "list").(List)
			links[l.Here[0].Link]++
			links[r.says("EVE", "status "+id).(Status).Link]++
		}
		if l := r.first.Typed(context.Background(), Typed{Event: "Ev", By: ref("BOB"), Origin: approvals.Origin{Team: theTeam, Channel: theChannel}, Text: "list"}).(List); len(links) != 2 || links[""] != 20-linksAMinute || l.Here[0].Link == "" {
			r.Errorf("links: %v; another person's: %+v", links, l.Here)
		}
	})
}
