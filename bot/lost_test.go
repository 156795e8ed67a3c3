package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// Every move's reply may be lost, before or after it was written. Whatever is
// lost, the request gets where it should, the API is called once at most, and
// people are owed nothing. Nothing has to wait for a hold to end.
func TestLostReplies(t *testing.T) {
	vote := func(r *rig, id string) { r.press("BOB", Approve, id) }
	scenes := []struct {
		name  string
		moves []string // "" is every mark
		setup func(*rig)
		act   func(r *rig, id string)
		want  approvals.State
		runs  int
	}{
		{"a run", []string{"prepare", "open", "claim", "answer", ""}, nil, vote, approvals.Accepted, 1},
		{"a look-up that refuses", []string{"refuse", ""}, func(r *rig) { r.board.hook = failing("post", ErrNotInChannel) }, nil, approvals.Refused, 0},
		{"a look-up that finds nothing", []string{"refuse", ""}, func(r *rig) { clear(r.cloud.scripts) }, nil, nowhere, 0},
		{"time passes", []string{"expire"}, nil, func(r *rig, _ string) { r.pass(31 * time.Minute) }, approvals.Expired, 0},
		{"the vault comes back", []string{"wait"}, nil, func(r *rig, id string) {
			r.logins.set(func(l *logins) { l.onOpen = func() error { return errors.New("sealed") } })
			vote(r, id)
			r.logins.set(func(l *logins) { l.onOpen = nil })
			r.pass(time.Minute)
		}, approvals.Accepted, 1},
		{"nothing left", []string{"answer", "wait", "claim"}, func(r *rig) {
			r.cloud.onRun = func(context.Context) error {
				r.cloud.set(func(c *cloud) { c.onRun = nil })
				return bmclient.ErrNotSent
			}
		}, func(r *rig, id string) { vote(r, id); r.pass(time.Minute) }, approvals.Accepted, 2},
		{"a followed run", []string{"report", "finish", ""}, func(r *rig) { r.cloud.tasks.known, r.confirm = true, 3*time.Second }, vote, approvals.Succeeded, 1},
		{"a long run", []string{"find"}, func(r *rig) {
			r.cloud.tasks.known, r.cloud.tasks.host = true, on("", after(15*time.Second))
		}, func(r *rig, id string) { vote(r, id); r.pass(20 * time.Second) }, approvals.Succeeded, 1},
		{"a run that drifted", []string{"alarm", "finish"}, func(r *rig) {
			r.cloud.tasks.known, r.cloud.tasks.named = true, true
			r.cloud.tasks.host = func(_ string, h *apiHost) { h.Content, h.ends = []byte("evil"), time.Now().Add(2*time.Second) }
		}, func(r *rig, id string) { vote(r, id); r.pass(5 * time.Second) }, approvals.Failed, 1},
		{"an unknown outcome", []string{"answer"}, func(r *rig) { r.cloud.onRun = func(context.Context) error { return errors.New("reset") } }, vote, approvals.Unknown, 1},
	}
	for _, s := range scenes {
		for _, move := range s.moves {
			for f, how := range map[fault]string{away: "away", lostBefore: "lost before", lostAfter: "lost after"} {
				for times := range 2 {
					if f == lostAfter && times > 0 {
						continue // what was written is not written again
					}
					t.Run(fmt.Sprintf("%s/%s/%s/%d", s.name, move, how, times+1), func(t *testing.T) {
						playWith(t, s.setup, func(r *rig) {
							left := times + 1
							r.memory.setFault(func(c storeCall) fault {
								if c.name == "swap" && c.move == move && left > 0 {
									left--
									return f
								}
								return fine
							})
							id := r.asks("ALICE")
							r.pass(4 * time.Second) // less than the hold
							if s.act != nil {
								s.act(r, id)
							}
							r.pass(4 * time.Second)
							if left > 0 {
								r.Fatalf("the move %q was not made", move)
							}
							if s.want == nowhere {
								r.slipped("There is no script cmd-nozcbhuw.")
							} else {
								r.is(id, s.want)
							}
							r.pass(10 * time.Minute)
							r.ran(s.runs)
							if posts := r.journal.of("post"); len(posts) > 1 {
								r.Errorf("the card was posted more than once: %v", posts)
							}
						})
					})
				}
			}
		}
	}
}

// nowhere is where a request goes of which nothing is kept.
const nowhere approvals.State = "nowhere"

// slipped checks that the person was told why, once, and that nothing is left.
func (r *rig) slipped(why string) {
	r.Helper()
	r.did("notice", "notice ended refused")
	if !strings.HasPrefix(r.board.told.Why, why) {
		r.Errorf("why is %q, want %q", r.board.told.Why, why)
	}
	if n := len(r.memory.rows); n != 0 {
		r.Errorf("%d requests are left", n)
	}
}

// The same for the moves that people make.
func TestLostRepliesToPeople(t *testing.T) {
	const unknown = "I cannot tell whether this was recorded, because my store did not answer. Look at the card; if it does not change within a minute, press again."
	for _, tt := range []struct {
		move   string
		press  func(r *rig, id string) Answer
		f      fault
		want   string
		after  approvals.State // once the bot has looked again
		second approvals.State // after the same press once more
	}{
		{"vote", approve, lostAfter, unknown, approvals.Accepted, approvals.Accepted},
		{"vote", approve, lostBefore, unknown, approvals.Pending, approvals.Accepted},
		{"vote", approve, away, "This was NOT recorded, because my store is away. Do it again in a moment.", approvals.Pending, approvals.Accepted},
		{"deny", deny, lostAfter, unknown, approvals.Denied, approvals.Denied},
		{"deny", deny, lostBefore, unknown, approvals.Pending, approvals.Denied},
		{"cancel", cancel, lostAfter, unknown, approvals.Cancelled, approvals.Cancelled},
		{"cancel", cancel, lostBefore, unknown, approvals.Pending, approvals.Cancelled},
	} {
		t.Run(fmt.Sprintf("%s/%d", tt.move, tt.f), func(t *testing.T) {
			play(t, func(r *rig) {
				id := r.asks("ALICE")
				r.memory.setFault(func(c storeCall) fault {
					if c.move == tt.move {
						return tt.f
					}
					return fine
				})
				r.hears(tt.press(r, id), tt.want)
				r.is(id, tt.after)
				r.memory.setFault(nil)
				tt.press(r, id)
				r.is(id, tt.second)
				if n := len(r.journal.of("run")); n > 1 {
					r.Errorf("%d calls", n)
				}
			})
		})
	}
}

func approve(r *rig, id string) Answer { return r.press("BOB", Approve, id) }

func deny(r *rig, id string) Answer { return r.press("BOB", Deny, id) }

func cancel(r *rig, id string) Answer { return r.press("ALICE", Cancel, id) }

func TestTheStoreIsAwayWhenACommandComes(t *testing.T) {
	for _, tt := range []struct {
		f    fault
		want string
		card bool
	}{
		{away, "This was NOT recorded, because my store is away. Do it again in a moment.", false},
		{lostBefore, "I cannot tell whether your request was recorded, because my store did not answer. If no card appears within a minute, ask again.", false},
		{lostAfter, "I cannot tell whether your request was recorded, because my store did not answer. If no card appears within a minute, ask again.", true},
	} {
		t.Run(tt.want[:12]+fmt.Sprint(tt.f), func(t *testing.T) {
			play(t, func(r *rig) {
				r.memory.setFault(func(c storeCall) fault {
					if c.name == "create" {
						return tt.f
					}
					return fine
				})
				r.hears(r.says("ALICE", "run cmd-nozcbhuw ins-1"), tt.want)
				r.memory.setFault(nil)
				if cards := len(r.journal.of("post")); (cards > 0) != tt.card {
					r.Errorf("%d cards", cards)
				}
				// Asked again, there is one card in any case.
				r.says("ALICE", "run cmd-nozcbhuw ins-1")
				r.did("post", "post 1.0 received")
			})
		})
	}
}

func TestEventsAreOnePerMove(t *testing.T) {
	play(t, func(r *rig) {
		r.memory.setFault(func(c storeCall) fault {
			if c.name == "swap" && c.move != "" {
				if k, ok := r.memory.rows[lastID(r)]; ok && len(k.events)%2 == 1 {
					return lostAfter
				}
			}
			return fine
		})
		id := r.asks("ALICE")
		r.pass(5 * time.Second)
		r.press("BOB", Approve, id)
		r.pass(time.Minute)
		r.memory.setFault(nil)
		r.pass(time.Minute)
		moves := r.moves(id)
		seen := slices.Clone(moves)
		slices.Sort(seen)
		if diff := cmp.Diff([]string{"answer", "claim", "open", "prepare", "receive", "vote"}, slices.Compact(seen)); diff != "" || len(moves) != 6 {
			r.Errorf("events %v (-want +got):\n%s", moves, diff)
		}
		r.ran(1)
	})
}

// lastID is the one request there is. The caller holds the store's lock.
func lastID(r *rig) string {
	for id := range r.memory.rows {
		return id
	}
	return ""
}
