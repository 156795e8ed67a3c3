package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

const (
	saidTooFast = "You have sent as many commands as one person may, 30 a minute, so nothing was done with this one. Try again in 1 minute."
	saidTooMany = "You have 2 open requests, as many as one person may have, so nothing was recorded. Ask again when one has ended; list shows them."
)

// turnedAway are people who may not, and what they hear.
var turnedAway = []struct {
	why   string
	line  string
	setup func(r *rig)
	want  string
}{
	{"a guest runs", "run cmd-nozcbhuw ins-1", aGuest, "You cannot ask for runs: a guest may not use bmcmd. Ask a colleague to."},
	{"a guest runs by an alias", "run restart ins-1", aGuest, "You cannot ask for runs: a guest may not use bmcmd. Ask a colleague to."},
	{"no rule for the script", "run cmd-nozcbhuw ins-1", func(r *rig) { r.policy[0].Scripts = []string{"cmd-x*"} }, "No rule lets cmd-nozcbhuw run on host ins-1 from this channel. Look at the ids, or ask whoever keeps the rules."},
	{"a rule that names others", "run cmd-nozcbhuw ins-1", onlyBob, `The rule "ops" does not let you ask for this. Ask somebody whom it names, or whoever keeps the rules.`},
	{"a rule that names others, by an alias", "run restart ins-1", onlyBob, "No rule lets you run anything on ins-1 from this channel. Look at the ids, or ask whoever keeps the rules."},
	{"an alias in another channel", "run restart ins-1", func(r *rig) { r.policy[0].Channels = []string{"C0OTHER"} }, "No rule lets you run anything on ins-1 from this channel. Look at the ids, or ask whoever keeps the rules."},
	{"an alias on other hosts", "run restart ins-1,ins-2", func(r *rig) { r.policy[0].Hosts = approvals.PlainHosts("ins-1") }, "No rule lets you run anything on ins-1 and ins-2 from this channel. Look at the ids, or ask whoever keeps the rules."},
	{"hosts that nobody enters", "run cmd-nozcbhuw cpm-1", nil, "No login is configured for cpm-1; ask whoever keeps the config. Nothing ran."},
	{"a guest looks", "show restart", aGuest, "A guest may not use bmcmd. Ask a colleague."},
	{"a guest lists scripts", "list scripts", aGuest, "A guest may not use bmcmd. Ask a colleague."},
	{"a guest asks how a request stands", "status r-abc", aGuest, "A guest may not use bmcmd. Ask a colleague."},
	{"a script for others", "show cmd-nozcbhuw", onlyBob, `No rule lets you see cmd-nozcbhuw from this channel. Look at the id, or ask whoever keeps the rules.`},
	{"scripts for others, by an alias", "show restart", onlyBob, "No rule lets you see scripts from this channel. Ask whoever keeps the rules."},
	{"scripts for others, all of them", "list scripts", onlyBob, "No rule lets you see scripts from this channel. Ask whoever keeps the rules."},
	{"a typo in the verb's place", "run ins-1 cmd-nozcbhuw", nil, `"ins-1" stands where the script belongs. The script comes first, then the instances: run cmd-nozcbhuw ins-1,ins-2`},
}

func aGuest(r *rig) {
	guest := someone("ALICE")
	guest.Guest = true
	r.people.profiles["ALICE"] = guest
}

func onlyBob(r *rig) {
	r.policy[0].Ask, r.policy[0].Show = approvals.Who{Users: []string{"BOB"}}, approvals.Who{Users: []string{"BOB"}}
}

// Who may not, costs nothing: no call to the cloud, no request in the store, no message. A
// run leaves one event, that says what they hear; a look, or a typing error, leaves nothing.
func TestWhoMayNotCostsNothing(t *testing.T) {
	for _, tt := range turnedAway {
		t.Run(tt.why, func(t *testing.T) {
			playWith(t, tt.setup, func(r *rig) {
				if w := r.hears(r.says("ALICE", tt.line), tt.want); w.Request != "" {
					r.Errorf("it is request %s", w.Request)
				}
				r.pass(time.Minute)
				r.did("read scripts post notice")
				if n := len(r.memory.rows); n != 0 {
					r.Errorf("%d requests are kept", n)
				}
				runs := strings.HasPrefix(tt.line, "run cmd") || strings.HasPrefix(tt.line, "run restart")
				for _, e := range r.memory.away {
					if e.Note != tt.want || e.By.User != "ALICE" || e.Channel != theChannel || !strings.Contains(tt.line, "run "+e.Asked.Script+" "+strings.Join(e.Asked.Hosts, ",")) {
						r.Errorf("the event is %+v", e)
					}
				}
				if n := len(r.memory.away); runs != (n == 1) || n > 1 {
					r.Errorf("%d events are left", n)
				}
			})
		})
	}
}

// Twenty refused runs of one person leave an event in any hour: all others are in the log
// alone. Whoever else is refused is not counted with them.
func TestRefusedRunsOfOnePerson(t *testing.T) {
	playWith(t, func(r *rig) {
		aGuest(r)
		r.people.profiles["EVE"] = approvals.Profile{Person: someone("EVE").Person, Guest: true}
	}, func(r *rig) {
		left := func(want int) {
			r.Helper()
			if n := len(r.memory.away); n != want {
				r.Errorf("%d events are left, want %d", n, want)
			}
		}
		for n := range 25 {
			r.says("ALICE", fmt.Sprintf("run cmd-nozcbhuw ins-%d", n))
		}
		left(20)
		if n := strings.Count(r.log.String(), "a request is refused and not kept"); n != 25 {
			r.Errorf("%d lines in the log", n)
		}
		r.says("EVE", "run cmd-nozcbhuw ins-1")
		left(21)
		for range 59 {
			r.pass(2 * time.Minute)
			r.says("ALICE", "run cmd-nozcbhuw ins-1")
		}
		left(21 + 20) // those of the second hour
	})
}

// Two replicas get the same envelope, and the rules change in between: it stays refused,
// with one event.
func TestARefusedRunComesTwice(t *testing.T) {
	playWith(t, onlyBob, func(r *rig) {
		r.hears(r.says("ALICE", "run cmd-nozcbhuw ins-1"), turnedAway[3].want)
		r.events-- // the same envelope
		r.hears(r.says("ALICE", "run cmd-nozcbhuw ins-1"), turnedAway[3].want)
		if n := len(r.memory.away); n != 1 {
			r.Errorf("%d events are left", n)
		}
		open := slices.Clone(r.policy)
		open[0].Ask = approvals.Who{Anyone: true}
		everybody := r.newBot(func(c *Config) { c.Policy = open })
		w := r.words(everybody.Typed(context.Background(), Typed{
			Event: fmt.Sprint("Ev", r.events), By: ref("ALICE"), Origin: approvals.Origin{Team: theTeam, Channel: theChannel}, Text: "run cmd-nozcbhuw ins-1",
		}))
		if n := len(r.memory.rows); n != 0 || !strings.HasPrefix(w.Text, "This was refused a moment ago") {
			r.Errorf("%q, and %d requests are kept", w.Text, n)
		}
		r.memory.setFault(func(storeCall) fault { return away })
		r.hears(r.says("ALICE", "run cmd-nozcbhuw ins-1"), turnedAway[3].want)
	})
}

// The button Ask again is held to the same.
func TestAskAgainBySomebodyWhoMayNot(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		r.press("ALICE", Cancel, id)
		r.people.set(func(d *directory) { d.profiles["EVE"] = approvals.Profile{Person: someone("EVE").Person, Guest: true} })
		r.press("EVE", Again, id)
		r.did("post", "post 1.0 received")
		if n, clicks := len(r.memory.rows), r.get(id).Refused.All; n != 1 || clicks != 1 {
			r.Errorf("%d requests are kept, and %d clicks refused", n, clicks)
		}
		onlyBob(r)
		r.pressOn(r.newBot(), "CAROL", Again, id)
		if n, left := len(r.memory.rows), len(r.memory.away); n != 1 || left != 1 {
			r.Errorf("%d requests are kept, and %d events are left", n, left)
		}
		for _, e := range r.memory.away {
			if e.Asked.Again != id || e.By.User != "CAROL" {
				r.Errorf("the event is %+v", e)
			}
		}
	})
}

// Where Slack does not tell who asks, the command is kept and not lost, and the look-up
// tells what would have been told at once.
func TestARequestIsKeptIfSlackDoesNotTell(t *testing.T) {
	for _, tt := range turnedAway {
		if !strings.HasPrefix(tt.line, "run cmd") && !strings.HasPrefix(tt.line, "run restart") {
			continue
		}
		t.Run(tt.why, func(t *testing.T) {
			playWith(t, tt.setup, func(r *rig) {
				r.people.set(func(d *directory) { d.fault = errors.New("internal_error") })
				w := r.words(r.says("ALICE", tt.line))
				if !strings.HasPrefix(w.Text, "Recorded") {
					r.Fatalf("the answer is %q", w.Text)
				}
				r.people.set(func(d *directory) { d.fault = nil })
				r.pass(time.Minute)
				if k := r.is(w.Request, approvals.Refused); k.Why != tt.want {
					r.Errorf("the look-up says %q, want %q", k.Why, tt.want)
				}
				r.did("read scripts")
			})
		})
	}
}

// However somebody floods, by whatever commands, they get so many a minute; everybody else
// goes on, and decisions are not counted.
func TestCommandsOfOnePersonInAMinute(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		lines := []string{"list", "show restart", "status " + id, "help", "run cmd-nozcbhuw", "list scripts", "run cmd-nozcbhuw ins-%d"}
		for n := range 30 {
			line := strings.ReplaceAll(lines[n%len(lines)], "%d", fmt.Sprint(n))
			if w, ok := r.says("EVE", line).(Words); ok && w.Text == saidTooFast {
				r.Fatalf("%q, the %dth, is refused", line, n+1)
			}
		}
		kept, calls := len(r.memory.rows), len(r.journal.of("read", "scripts"))
		for _, line := range lines {
			if !r.hears(r.says("EVE", line), saidTooFast).Brief {
				r.Error("it is said each time")
			}
		}
		r.hears(r.press("EVE", Again, id), saidTooFast)
		if n, m := len(r.memory.rows), len(r.journal.of("read", "scripts")); n != kept || m != calls {
			r.Errorf("%d requests more, %d calls more", n-kept, m-calls)
		}
		if _, ok := r.says("BOB", "list").(List); !ok {
			r.Error("another person is refused, too")
		}
		for range 40 {
			r.press("BOB", Run, id)
		}
		r.hears(r.press("BOB", Approve, id), saidApproved)
		for range 29 { // a refused one does not count, and no room comes before its time
			r.pass(2 * time.Second)
			if _, ok := r.says("EVE", "list").(List); ok {
				r.Fatal("more than 30 in a minute")
			}
		}
		r.pass(2 * time.Second)
		if _, ok := r.says("EVE", "list").(List); !ok {
			r.Error("there is no room at the time that was named")
		}
	})
}

// Requests are counted where they are created: those of the button Ask again as well.
func TestOpenRequestsOfOnePerson(t *testing.T) {
	playWith(t, nil, func(r *rig) {
		old := r.asks("ALICE")
		r.press("ALICE", Cancel, old)
		limited := r.newBot(func(c *Config) {
			c.Desk = approvals.NewDesk(r.store, "worker-limited", hold).Within(approvals.Limits{Open: 2})
		})
		r.first = limited
		r.says("ALICE", "run cmd-nozcbhuw ins-1")
		r.says("ALICE", "run cmd-nozcbhuw ins-2")
		r.hears(r.says("ALICE", "run cmd-nozcbhuw ins-3"), saidTooMany)
		r.hears(r.press("ALICE", Again, old), saidTooMany)
		if w := r.words(r.says("EVE", "run cmd-nozcbhuw ins-3")); w.Request == "" {
			r.Errorf("another person hears %q", w.Text)
		}
	})
}

// In no time, wherever it begins, does a key do more than it may; and it is refused only
// then, for just as long as that is so.
func TestAPaceInAnyTime(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			most, in := rapid.IntRange(1, 5).Draw(rt, "most"), time.Minute
			p := NewPace(most, in)
			var did []time.Time
			for range 40 {
				time.Sleep(time.Duration(rapid.IntRange(0, 30).Draw(rt, "seconds")) * time.Second)
				now := time.Now()
				want := time.Duration(0)
				if len(did) >= most {
					want = max(0, in-now.Sub(did[len(did)-most]))
				}
				if d := p.Wait("U0ALICE"); d != want {
					rt.Fatalf("it has to wait %v, want %v", d, want)
				}
				if want == 0 {
					did = append(did, now)
				}
			}
		})
	})
}

// What a pace remembers is bounded, also if everybody floods.
func TestAPaceIsBounded(t *testing.T) {
	p := NewPace(2, time.Hour)
	for n := range 3 * pacedKeys {
		p.Wait(fmt.Sprint(n))
	}
	if n := len(p.of); n > pacedKeys {
		t.Errorf("%d keys are remembered", n)
	}
}

// A group that Slack does not tell is asked for once for each command, click and look-up,
// however many requests and rules need it.
func TestAGroupIsAskedForOnce(t *testing.T) {
	for _, fault := range []error{nil, errors.New("ratelimited")} {
		playWith(t, func(r *rig) {
			r.policy[0].Ask.Groups, r.policy[0].Requesters = []string{"S-oncall"}, approvals.Who{Users: []string{"ALICE"}, Groups: []string{"S-oncall"}}
			r.policy[0].Show = r.policy[0].Requesters
		}, func(r *rig) {
			var last string
			for n := range 20 {
				last = r.words(r.says("ALICE", fmt.Sprintf("run cmd-nozcbhuw ins-%d", n))).Request
			}
			r.people.set(func(d *directory) { d.noGroups = fault })
			for _, ask := range []struct {
				what string
				do   func()
			}{
				{"list", func() { r.says("DAVE", "list") }},
				{"show", func() { r.says("DAVE", "show restart") }},
				{"list scripts", func() { r.says("DAVE", "list scripts") }},
				{"status", func() { r.says("DAVE", "status "+last) }},
				{"deny", func() { r.press("DAVE", Deny, last) }}, // the last: then it has ended
			} {
				r.people.set(func(d *directory) { clear(d.asked) })
				ask.do()
				if diff := cmp.Diff(map[string]int{"S-oncall": 1}, r.people.asked); diff != "" {
					r.Errorf("%s, %v: asked for (-want +got):\n%s", ask.what, fault, diff)
				}
			}
		})
	}
}

// However often people ask how a request stands, its card is drawn once in a while, and
// not at all for those whom it does not concern.
func TestStatusDoesNotDrawEachTime(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		for range 25 {
			r.says("EVE", "status "+id)
		}
		r.did("draw")
		for range 25 {
			r.says("ALICE", "status "+id)
			r.says("BOB", "status "+id)
		}
		r.did("draw", "draw 1.0 pending")
	})
}

// full is an API whose quota has no room for 40 s.
func full() error { return fmt.Errorf("GetUserCmd: %w: %w", ErrQuota, &Later{After: 40 * time.Second}) }

// A run that waits for the quota says so on its card, and not that the API failed; and
// it goes on when there is room.
func TestARunThatWaitsForTheQuota(t *testing.T) {
	for why, close := range map[string]func(*cloud){
		"before the claim": func(c *cloud) { c.onRead = full },
		"at the send": func(c *cloud) {
			c.onRun = func(context.Context) error { return errors.Join(bmclient.ErrNotSent, full()) }
		},
	} {
		play(t, func(r *rig) {
			id := r.asks("ALICE")
			r.cloud.set(close)
			r.press("BOB", Approve, id)
			if k := r.get(id); !strings.HasPrefix(k.Waiting, quotaUsedUp+" This try sent nothing") {
				r.Errorf("%s: the card says %q", why, k.Waiting)
			}
			r.cloud.set(func(c *cloud) { c.onRead, c.onRun = nil, nil })
			r.pass(time.Minute)
			r.is(id, approvals.Accepted)
		})
	}
}

// What people look at takes no room from what they ask to be run, by alias, too.
func TestLookUpsDoNotWaitForLooks(t *testing.T) {
	play(t, func(r *rig) {
		r.stop()
		r.first = r.newBot(func(c *Config) {
			c.Looks = looks{r.cloud, func(by Looker) error {
				if by.Asks {
					return nil
				}
				return full()
			}}
		})
		r.work(r.first)
		for _, line := range []string{"show cmd-nozcbhuw", "show restart", "list scripts"} {
			r.hears(r.says("EVE", line), quotaUsedUp+" Try again in 40 seconds.")
		}
		for n, line := range []string{"run cmd-nozcbhuw ins-1", "run restart ins-2"} {
			if k := r.is(r.words(r.says("ALICE", line)).Request, approvals.Pending); k.Card.TS == "" {
				r.Errorf("request %d has no card", n)
			}
		}
	})
}

// A look that finds no room says when to come again; nothing else waits for it.
func TestALookThatFindsNoRoom(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		r.first = r.newBot(func(c *Config) { c.Looks = looks{r.cloud, func(Looker) error { return full() }} })
		r.work(r.first)
		for _, line := range []string{"show cmd-nozcbhuw", "show restart", "list scripts"} {
			r.hears(r.says("EVE", line), quotaUsedUp+" Try again in 40 seconds.")
		}
		r.says("EVE", "run cmd-nozcbhuw ins-7")
		r.press("BOB", Approve, id)
		r.is(id, approvals.Accepted)
	})
}
