package fault

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/bmcmd/bmcmd/cmd/internal/wire"
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
	}}
}

// dropReplies counts what was lost of each plan.
func dropReplies(r *rig, plans []plan, lost []atomic.Int32) {
	for i, p := range plans {
		matches := ofMove(p.label, hostOf(i))
		var left atomic.Int32
		left.Store(attempts)
		for _, b := range r.bot {
			b.redis.DropReplies(attempts, func(command []string) bool {
				if !matches(command) || left.Add(-1) < 0 {
					return false
				}
				lost[i].Add(1)
				return true
			})
		}
	}
}

// ofMove recognizes a move of the request for a host, as the store sends it.
func ofMove(move, host string) func([]string) bool {
	has := func(command []string, text string) bool {
		return slices.ContainsFunc(command, func(arg string) bool { return strings.Contains(arg, text) })
	}
	return func(command []string) bool {
		if !has(command, `"`+host+`"`) {
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
