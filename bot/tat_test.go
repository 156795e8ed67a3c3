package bot

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// playTAT is playFollow on an API that is sent the script and names its task.
func playTAT(t *testing.T, prepare func(*rig), f func(r *rig)) {
	t.Helper()
	playFollow(t, func(r *rig) {
		r.api = bmclient.APITAT
		r.logins.login = approvals.Login{Name: "ops", User: "root"}
		r.cloud.set(func(c *cloud) {
			c.tasks.named = true
			s := c.scripts[theScript]
			s.AppID, s.How = "", bmclient.How{Type: "SHELL", User: "root", Timeout: time.Minute}
			c.scripts[theScript] = s
		})
		if prepare != nil {
			prepare(r)
		}
	}, f)
}

// on has the hosts of each task be as f says.
func (r *rig) on(f func(host string, h *apiHost)) {
	r.cloud.set(func(c *cloud) { c.tasks.host = f })
}

func (r *rig) asksTAT() string {
	r.Helper()
	w := r.words(r.says("ALICE", "run "+theScript+" ins-1,ins-2"))
	r.settle()
	return w.Request
}

// tatText is what is sent for a request.
func tatText(id string) string { return "#!/bin/sh\n# bmcmd " + id + "\nreboot\n" }

func (r *rig) sentText(id string) {
	r.Helper()
	if got := string(r.cloud.sent[0].Content); got != tatText(id) {
		r.Errorf("sent %q", got)
	}
}

// The script changes after the last reading: what was approved is what runs, and there is no alarm. Nothing is listed.
func TestTATSendsTheApprovedText(t *testing.T) {
	playTAT(t, nil, func(r *rig) {
		id := r.asksTAT()
		r.cloud.set(func(c *cloud) {
			c.onRun = func(context.Context) error {
				c.set(func(c *cloud) {
					s := c.scripts[theScript]
					s.Content = []byte("evil")
					c.scripts[theScript] = s
				})
				return nil
			}
		})
		r.press("BOB", Approve, id)
		r.pass(time.Minute)
		k := r.is(id, approvals.Succeeded)
		r.sentText(id)
		if k.Follow.Alarmed || r.cloud.sent[0].How.Timeout != time.Minute {
			t.Errorf("%+v, sent %+v", k.Follow, r.cloud.sent[0])
		}
		r.did("tasks") // never
		r.did("search")
		r.did("rows", "rows cmdtask-1")
	})
}

// A lost answer is found by the whole recorded text, whatever else ran.
func TestTATFindsALostAnswer(t *testing.T) {
	for _, tt := range []struct {
		why     string
		others  func(r *rig, id string)
		want    approvals.State
		alarmed bool
	}{
		{"it ran", func(r *rig, id string) { r.cloud.byHand(theScript, both, tatText(id), "") }, approvals.Succeeded, false},
		{"and somebody ran the same script in the same minute", func(r *rig, id string) {
			r.cloud.byHand(theScript, both, "#!/bin/sh\nreboot\n", "")
			r.cloud.byHand(theScript, both, tatText(id), "")
			r.cloud.byHand(theScript, both, "#!/bin/sh\nreboot\n", "")
		}, approvals.Succeeded, false},
		{"a decoy has the line", func(r *rig, id string) {
			r.cloud.byHand(theScript, both, tatText(id)+"rm -rf /srv\n", "")
		}, approvals.Unknown, false},
		{"only somebody's own run", func(r *rig, id string) { r.cloud.byHand(theScript, both, "#!/bin/sh\nreboot\n", "") }, approvals.Unknown, false},
		{"it ran twice", func(r *rig, id string) {
			r.cloud.byHand(theScript, both, tatText(id), "")
			r.cloud.byHand(theScript, both, tatText(id), "")
		}, approvals.Failed, true},
		{"it did not run", nil, approvals.Unknown, false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			playTAT(t, nil, func(r *rig) {
				id := r.asksTAT()
				unanswered(r, func() {
					if tt.others != nil {
						tt.others(r, id)
					}
				})
				r.press("BOB", Approve, id)
				r.pass(11 * time.Minute)
				k := r.is(id, tt.want)
				if k.Follow.Alarmed != tt.alarmed || k.State == approvals.Unknown && k.Unsure.Asked.IsZero() {
					t.Errorf("alarmed %v, people asked %v", k.Follow.Alarmed, k.Unsure.Asked)
				}
				r.did("tasks")
			})
		})
	}
}

// Where the script takes no line with the id, nobody guesses: people are asked at once.
func TestTATWithoutALineIsLeftToPeople(t *testing.T) {
	playTAT(t, func(r *rig) {
		r.cloud.set(func(c *cloud) {
			s := c.scripts[theScript]
			s.Content = []byte("#!/usr/bin/env node\nconsole.log(1)\n")
			c.scripts[theScript] = s
		})
	}, func(r *rig) {
		id := r.asksTAT()
		unanswered(r, func() { r.cloud.byHand(theScript, both, "#!/usr/bin/env node\nconsole.log(1)\n", "") })
		r.press("BOB", Approve, id)
		r.pass(time.Minute)
		k := r.is(id, approvals.Unknown)
		if k.Unsure.Asked.IsZero() || !strings.Contains(k.Unsure.Evidence, "no place for a line") {
			t.Errorf("%+v", k.Unsure)
		}
		r.did("search")
	})
}

// What has not begun within two minutes of the send, or when it is not followed any more, does not begin an hour later: an event, then
// the call for those hosts.
func TestTATLateStartsAreStopped(t *testing.T) {
	for _, follow := range []time.Duration{time.Hour, 90 * time.Second} {
		playTAT(t, func(r *rig) { r.follow = follow }, func(r *rig) {
			r.on(func(host string, h *apiHost) {
				if host == "ins-2" {
					h.late, h.ends = true, time.Now().Add(time.Hour)
				}
			})
			id := r.asksTAT()
			r.press("BOB", Approve, id)
			r.pass(time.Minute)
			r.is(id, approvals.Accepted)
			r.did("stop")
			r.pass(90 * time.Second)
			k := r.is(id, approvals.Failed)
			r.did("stop", "stop cmdtask-1 on ins-2")
			r.did("open", "open ops", "open the key to stop "+id)
			if s := k.Follow.Stops; len(s) != 1 || !slices.Equal(s[0].Hosts, []string{"ins-2"}) || s[0].By.User != "" || s[0].Done.IsZero() {
				t.Errorf("%+v", s)
			}
			if h := k.Follow.Hosts[1]; h.State != approvals.HostNever || h.Word != "CANCELLED" {
				t.Errorf("%+v", h)
			}
			if m := r.moves(id); !slices.Contains(m, "stop") || slices.Index(m, "stop") > slices.Index(m, "stopped") {
				t.Errorf("%v", m)
			}
		})
	}
}

// Somebody sends the same text again, to one of the hosts and to another: each host is told as what it got, and Stop names only the
// hosts that were approved.
func TestTATTheSameTextElsewhere(t *testing.T) {
	playTAT(t, nil, func(r *rig) {
		id := r.asksTAT()
		r.on(func(_ string, h *apiHost) { h.ends = time.Time{} })
		unanswered(r, func() {
			r.cloud.byHand(theScript, both, tatText(id), "")
			r.cloud.byHand(theScript, []string{"ins-1", "ins-9"}, tatText(id), "")
		})
		r.press("BOB", Approve, id)
		r.pass(time.Minute)
		k := r.is(id, approvals.Accepted)
		got := map[string]string{}
		for _, h := range k.Follow.Hosts {
			for _, c := range h.Drift {
				got[h.Host+" "+h.Task] += c.What
			}
		}
		want := map[string]string{"ins-1 cmdtask-1": "run", "ins-1 cmdtask-2": "run", "ins-9 cmdtask-2": "host"}
		if !maps.Equal(got, want) {
			t.Errorf("%v", got)
		}
		r.press("BOB", Stop, id)
		r.pass(time.Minute)
		r.did("stop", "stop cmdtask-1 on ins-1,ins-2", "stop cmdtask-2 on ins-1")
	})
}

// Only a row that says so proves that a run has not begun: where none is listed it may have, and stopping would kill it half way.
func TestTATWithoutARowIsNotLate(t *testing.T) {
	playTAT(t, func(r *rig) { r.follow = 5 * time.Minute }, func(r *rig) {
		r.on(func(host string, h *apiHost) {
			if host == "ins-2" {
				h.listed = time.Now().Add(time.Hour)
			}
		})
		id := r.asksTAT()
		r.press("BOB", Approve, id)
		r.pass(6 * time.Minute)
		if k := r.is(id, approvals.Failed); len(k.Follow.Stops) > 0 {
			t.Errorf("%+v", k.Follow.Stops)
		}
		r.did("stop")
	})
}

// An order names only what has not ended as far as is known: where a host ends before the cloud is told, it does not hold up
// the others.
func TestTATStopNamesWhatIsOpen(t *testing.T) {
	playTAT(t, nil, func(r *rig) {
		r.on(func(host string, h *apiHost) {
			if h.ends = time.Now().Add(2 * time.Minute); host == "ins-2" {
				h.ends = time.Time{}
			}
		})
		id := r.asksTAT()
		r.press("BOB", Approve, id)
		r.pass(time.Minute)
		r.cloud.set(func(c *cloud) { c.onStop = func() error { return errors.New("connection reset") } })
		r.press("ALICE", Stop, id)
		r.pass(2 * time.Minute)
		r.cloud.set(func(c *cloud) { c.onStop = nil })
		r.pass(time.Minute)
		r.is(id, approvals.Failed)
		calls := r.journal.of("stop")
		if len(calls) == 0 || calls[0] != "stop cmdtask-1 on ins-1,ins-2" || calls[len(calls)-1] != "stop cmdtask-1 on ins-2" {
			t.Errorf("%v", calls)
		}
	})
}

// A person was told that the cloud is told to stop it: so it is, also if the next look is the last. It ends also if the cloud cannot be told.
func TestTATStopBeforeTheLastLook(t *testing.T) {
	for _, away := range []error{nil, errors.New("connection reset")} {
		playTAT(t, func(r *rig) { r.follow = time.Minute }, func(r *rig) {
			r.on(func(_ string, h *apiHost) { h.ends = time.Time{} })
			r.cloud.set(func(c *cloud) { c.onStop = func() error { return away } })
			id := r.asksTAT()
			r.press("BOB", Approve, id)
			r.pass(59 * time.Second)
			r.hears(r.press("ALICE", Stop, id), "Recorded: the cloud is told to stop it where it has not ended. What became of each host comes into the card's thread.")
			r.pass(time.Minute)
			k := r.is(id, approvals.Failed)
			if told := k.Follow.Stops[0]; told.Done.IsZero() != (away != nil) {
				t.Errorf("%v: %+v", away, told)
			}
		})
	}
}

// That an order is not carried out is told in the thread, once, and it is given again until the cloud takes or refuses it.
func TestTATStopThatIsNotCarriedOut(t *testing.T) {
	for _, tt := range []struct {
		why   string
		fails error
		first string // the word after ten seconds
		calls int    // at least, in 20 s
		said  string
	}{
		{"no answer", errors.New("connection reset"), "Something could not be reached.", 5, "the notice is about a run that goes on"},
		{"not known yet", fmt.Errorf("%w: %w", &bmclient.Error{Code: "ResourceNotFound.InvocationNotFound", Class: bmclient.ClassRefused}, bmclient.ErrNoTask), "The cloud's API answered ResourceNotFound.InvocationNotFound", 5, "a run that was only just taken"},
		{"refused", &bmclient.Error{Action: "CancelInvocation", Code: "UnauthorizedOperation", Class: bmclient.ClassRefused}, "The cloud did not stop it", 1, "it stays as it is"},
	} {
		playTAT(t, nil, func(r *rig) {
			r.on(func(_ string, h *apiHost) { h.ends = time.Time{} })
			id := r.asksTAT()
			r.press("BOB", Approve, id)
			r.pass(20 * time.Second)
			r.cloud.set(func(c *cloud) { c.onStop = func() error { return tt.fails } })
			r.press("ALICE", Stop, id)
			r.pass(21 * time.Second)
			k := r.is(id, approvals.Accepted)
			if s := k.Follow.Stops[0]; !strings.HasPrefix(s.Why, tt.first) || s.Refused() != (tt.calls == 1) {
				t.Errorf("%s: %+v", tt.why, s)
			}
			told := func() {
				if !slices.Contains(r.journal.of("notice"), "notice stop accepted") || strings.Count(strings.Join(r.journal.of("notice"), "\n"), "notice stop") != 1 {
					t.Errorf("%s: %v", tt.why, r.journal.of("notice"))
				}
			}
			if calls := r.journal.of("stop"); min(len(calls), 5) != tt.calls {
				t.Errorf("%s: %d calls", tt.why, len(calls))
			}
			told()
			r.cloud.set(func(c *cloud) { c.onStop = nil })
			r.press("ALICE", Stop, id)
			r.pass(time.Minute)
			if k := r.is(id, approvals.Failed); k.Follow.Hosts[0].State != approvals.HostKilled {
				t.Errorf("%s: %+v", tt.why, k.Follow.Hosts[0])
			}
			told()
		})
	}
}

// Who asked and who may approve stop a run; others do not, and it costs no call.
func TestTATStop(t *testing.T) {
	playTAT(t, nil, func(r *rig) {
		r.on(func(host string, h *apiHost) {
			if host == "ins-2" {
				h.ends = time.Time{}
			}
		})
		id := r.asksTAT()
		r.press("BOB", Approve, id)
		r.pass(20 * time.Second)
		r.hears(r.press("EVE", Stop, id), "Not counted: the rule does not name you. These may:")
		rule := &r.first.Policy[0] // as after a restart with other rules
		was := rule.Approve
		rule.Approve = approvals.Who{Users: []string{"EVE"}}
		r.hears(r.press("BOB", Stop, id), "Not counted: the rule does not name you. These may:")
		r.hears(r.press("EVE", Stop, id), "Not counted: the rule does not name you. These may:")
		rule.Approve = was
		r.did("stop")
		var away atomic.Bool
		away.Store(true)
		r.cloud.set(func(c *cloud) {
			c.onStop = func() error {
				if away.Load() {
					return errors.New("connection reset")
				}
				return nil
			}
		})
		r.hears(r.press("ALICE", Stop, id), "Recorded: the cloud is told to stop it where it has not ended. What became of each host comes into the card's thread.")
		r.hears(r.press("BOB", Stop, id), "It has ended on every host, or is being stopped already, so this changed nothing. Look at the card.")
		r.pass(10 * time.Second)
		if k := r.is(id, approvals.Accepted); k.Follow.Hosts[0].State != approvals.HostEnded { // it is looked at meanwhile
			t.Errorf("%+v", k.Follow.Hosts)
		}
		away.Store(false)
		r.pass(time.Minute)
		k := r.is(id, approvals.Failed)
		if a, b := k.Follow.Hosts[0], k.Follow.Hosts[1]; !a.Good() || b.State != approvals.HostKilled {
			t.Errorf("%+v\n%+v", a, b)
		}
	})
}

// Bare Metal cannot stop a run: its cards have no such button, and nothing waits for one.
func TestNothingIsStoppedOnBareMetal(t *testing.T) {
	playFollow(t, func(r *rig) { r.on(func(_ string, h *apiHost) { h.ends = time.Time{} }) }, func(r *rig) {
		id := r.runs()
		r.pass(10 * time.Second)
		r.hears(r.press("ALICE", Stop, id), "Bare Metal's API cannot stop a run. Stop it on the hosts.")
		if k := r.is(id, approvals.Accepted); len(k.Follow.Stops) > 0 {
			t.Errorf("%+v", k.Follow.Stops)
		}
	})
}

// A clean run on one host that takes a second costs eight calls, of which the look-ups of the machine before asking and before
// the send are two each.
func TestTATCallsOfACleanRun(t *testing.T) {
	playTAT(t, nil, func(r *rig) {
		r.on(func(_ string, h *apiHost) { h.ends = time.Now().Add(time.Second) })
		w := r.words(r.says("ALICE", "run "+theScript+" ins-1"))
		r.settle()
		r.press("BOB", Approve, w.Request)
		r.pass(time.Minute)
		r.is(w.Request, approvals.Succeeded)
		n := 0
		for word, calls := range map[string]int{"read ": 1, "machines ": 2, "run ": 1, "rows ": 1, "tasks ": 1, "search ": 1} {
			for _, line := range r.journal.of("read", "machines", "run", "rows", "tasks", "search") {
				if strings.HasPrefix(line, word) {
					n += calls
				}
			}
		}
		if n > 8 {
			t.Errorf("%d calls: %q", n, r.journal.of("read", "machines", "run", "rows", "tasks", "search"))
		}
	})
}

// How it ran is held against what was approved, too: as far as the cloud tells it, and it was not left to the cloud.
func TestTATProofOfHow(t *testing.T) {
	approved := bmclient.How{Type: "SHELL", User: "root", Timeout: time.Minute}
	for _, c := range []struct {
		why string
		dir string // as approved
		ran bmclient.How
		is  string // what is found to differ
	}{
		{"as approved", "/srv", bmclient.How{Type: "SHELL", User: "root", Dir: "/srv", Timeout: time.Minute}, ""},
		{"nothing is told", "/srv", bmclient.How{}, ""},
		{"a directory that was left to the cloud", "", bmclient.How{Type: "SHELL", User: "root", Dir: "/root", Timeout: time.Minute}, ""},
		{"another directory", "/srv", bmclient.How{Dir: "/tmp"}, "directory"},
		{"another user", "", bmclient.How{User: "admin"}, "user on the hosts"},
		{"another type", "", bmclient.How{Type: "BAT"}, "type of the script"},
		{"more time", "", bmclient.How{Timeout: time.Hour}, "timeout"},
	} {
		t.Run(c.why, func(t *testing.T) {
			playTAT(t, func(r *rig) {
				s := r.cloud.scripts[theScript]
				s.How = approved
				s.How.Dir = c.dir
				r.cloud.scripts[theScript] = s
				r.cloud.tasks.host = func(_ string, h *apiHost) { h.Ran = c.ran }
			}, func(r *rig) {
				id := r.asksTAT()
				r.press("BOB", Approve, id)
				r.pass(time.Minute)
				want := approvals.Succeeded
				if c.is != "" {
					want = approvals.Failed
				}
				k := r.is(id, want)
				if d := k.Follow.Hosts[0].Drift; k.Follow.Alarmed != (c.is != "") || c.is != "" && (len(d) != 1 || d[0].What != c.is) {
					t.Errorf("alarmed %v: %+v", k.Follow.Alarmed, d)
				}
			})
		})
	}
}

// A store that may have forgotten a send: the run is looked for by its text. One that has no line is not sent, since nobody could tell.
func TestTATOnAStoreThatMayHaveForgotten(t *testing.T) {
	node := func(r *rig) {
		r.cloud.set(func(c *cloud) {
			s := c.scripts[theScript]
			s.Content = []byte("#!/usr/bin/env node\nconsole.log(1)\n")
			c.scripts[theScript] = s
		})
	}
	for _, tt := range []struct {
		why    string
		script func(*rig)
		sent   bool // before
		want   approvals.State
		runs   int
	}{
		{"it was not sent", func(*rig) {}, false, approvals.Succeeded, 1},
		{"it was sent", func(*rig) {}, true, approvals.Succeeded, 0},
		{"nobody can tell", node, false, approvals.Approved, 0},
	} {
		t.Run(tt.why, func(t *testing.T) {
			playTAT(t, func(r *rig) { r.memory.server.ID = "run-1"; tt.script(r) }, func(r *rig) {
				id := r.asksTAT()
				if r.pass(time.Minute); tt.sent {
					r.cloud.byHand(theScript, both, tatText(id), "")
				}
				r.memory.restart("run-2")
				r.press("BOB", Approve, id)
				r.pass(15 * time.Minute)
				r.ran(0)
				if r.get(id).State == approvals.Approved {
					r.press("BOB", Run, id)
				}
				r.pass(time.Minute)
				if k := r.is(id, tt.want); tt.want == approvals.Approved && k.Waiting != nameless {
					t.Errorf("it waits: %q", k.Waiting)
				}
				if n := len(r.journal.of("run")); n != tt.runs {
					t.Errorf("it was sent %d times, want %d", n, tt.runs)
				}
			})
		})
	}
}
