package fault

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/bmcmd/bmcmd/cmd/internal/wire"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// quiet stands for the moves that leave no event.
const quiet = "quiet"

// attempts is how often the store sends a move before it says that it cannot tell.
const attempts = 3

// replyFaults lose the reply to every kind of move, all attempts of one, each for a
// request of its own.
func replyFaults() []Fault {
	var plans []plan
	for _, move := range []string{"receive", "prepare", "open", "vote", "claim", "answer", "find", "finish", quiet} {
		plans = append(plans, plan{ends: approving, label: move})
	}
	plans = append(plans, plan{ends: denying, label: "deny"}, plan{ends: canceling, label: "cancel"})
	lost := make([]atomic.Int32, len(plans))
	return []Fault{{
		name: "reply-dropped", what: "Redis carries a move out and its reply is lost, all three times that it is sent", wired: true,
		plans:  func() []plan { return plans },
		before: func(r *rig) { dropReplies(r, plans, lost) },
		do:     func(r *rig) { r.begun.Wait() },
		rows: func(r *rig, all judgement) (rows []Result) {
			for i, p := range plans {
				one := all.each[hostOf(i)]
				one.name, one.recovered, one.rested = "reply-dropped-"+p.label, all.recovered, all.rested
				if lost[i].Load() == 0 {
					one.violations = append(one.violations, "no reply was lost, so nothing was tried")
				}
				rows = append(rows, one)
			}
			rows[0].violations = append(all.common, rows[0].violations...)
			return rows
		},
	}, searchReplies(), loseReplies()}
}

// searchReplies lose those to the moves of a search: one that finds the task, and one
// that has people asked.
func searchReplies() Fault {
	var adopted, asked atomic.Int32
	return Fault{
		name: "reply-dropped-search", what: "the replies are lost to what comes of a search for a run", wired: true,
		plans: func() []plan { return make([]plan, 2) },
		before: func(r *rig) {
			// The first is carried out, the second is not, and neither is answered.
			r.Cloud.Post("fault", world.Object{"action": "RunUserCmd", "n": 1, "fault": world.Object{"hang": true, "execute": true}})
			r.Cloud.Post("fault", world.Object{"action": "RunUserCmd", "n": 1, "fault": world.Object{"hang": true}})
			dropMove(r, ofMove("adopt", ""), &adopted)
			dropMove(r, ofMove("ask", ""), &asked)
		},
		do: func(r *rig) {
			r.begun.Wait()
			world.Until(r.T, "both replies are lost", func() (string, bool) {
				return fmt.Sprint(adopted.Load(), asked.Load()), adopted.Load() > 0 && asked.Load() > 0
			})
		},
	}
}

// loseReplies lose those to the move that takes a worker for lost.
func loseReplies() Fault {
	var lost atomic.Int32
	var sending chan string
	return Fault{
		name: "reply-dropped-lose", what: "the replies are lost to the move that takes a worker for lost", wired: true, away: true,
		before: func(r *rig) {
			dropMove(r, ofMove("lose", ""), &lost)
			sending = slowSends(r)
		},
		do: func(r *rig) {
			pausedInSend(r, sending)
			if lost.Load() == 0 {
				r.T.Errorf("no reply to lose was lost, so nothing was tried")
			}
		},
	}
}

// dropReplies counts what was lost of each plan.
func dropReplies(r *rig, plans []plan, lost []atomic.Int32) {
	for i, p := range plans {
		dropMove(r, ofMove(p.label, hostOf(i)), &lost[i])
	}
}

// dropMove loses the replies to the first commands that match, on whichever wire to
// Redis they are, and counts them.
func dropMove(r *rig, matches func([]string) bool, lost *atomic.Int32) {
	for _, b := range r.bot {
		b.redis.DropReplies(attempts, func(command []string) bool {
			if !matches(command) {
				return false
			}
			if lost.Add(1) > attempts {
				lost.Add(-1)
				return false
			}
			return true
		})
	}
}

// ofMove recognizes a move of the request for a host, or of any, as the store sends it.
func ofMove(move, host string) func([]string) bool {
	has := func(command []string, text string) bool {
		return slices.ContainsFunc(command, func(arg string) bool { return strings.Contains(arg, text) })
	}
	return func(command []string) bool {
		if host != "" && !has(command, `"`+host+`"`) {
			return false
		}
		if move == quiet {
			return !has(command, `"move":"`)
		}
		return has(command, `"move":"`+move+`"`)
	}
}

// onMove calls do with the request's id before the first command of a move goes to
// Redis.
func onMove(p *wire.Proxy, move string, do func(request string)) {
	did := false
	p.DropReplies(1, func(command []string) bool {
		for _, arg := range command {
			if !did && strings.Contains(arg, `"move":"`+move+`"`) {
				did = true
				do(requestID.FindString(arg))
			}
		}
		return false
	})
}
