package fault

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/approvals/redisstore"
	"github.com/bmcmd/bmcmd/cmd/internal/wire"
)

// quiet stands for the moves that leave no event.
const quiet = "quiet"

// attempts is how often the store sends a move before it says that it cannot tell.
const attempts = 3

// loss is a move whose replies are lost, every time that the store sends it.
type loss struct {
	move string
	host string          // of the request; empty: of any
	to   approvals.State // the state that it leads to; empty: any
	n    atomic.Int32    // how many were lost
}

// begun reports whether a reply was lost, and complete whether the store got none.
func (l *loss) begun() bool    { return l.n.Load() > 0 }
func (l *loss) complete() bool { return l.n.Load() == attempts }

func (l *loss) String() string {
	return fmt.Sprintf("%d of %d replies to %s were lost", l.n.Load(), attempts, l.move)
}

// dropped are the moves whose replies a fault loses, in the order of its plans.
func (f Fault) dropped() (all []*loss) {
	for _, move := range f.drops {
		all = append(all, &loss{move: move})
	}
	if f.plans == nil {
		return all
	}
	for i, p := range f.plans() {
		if p.drops != "" {
			all = append(all, &loss{move: p.drops, host: hostOf(i), to: p.to})
		}
	}
	return all
}

// loseReplies loses what the fault is to lose, on whichever wire to Redis it is. Only a
// move that was carried out counts: a conflict, too, could be told to nobody, and would
// show nothing.
func (r *rig) loseReplies() {
	r.loses = r.fault.dropped()
	for _, l := range r.loses {
		for _, b := range r.bot {
			b.redis.DropRepliesThat(attempts, l.matches, l.takes)
		}
	}
}

// takes reports whether a reply to the move is to be lost, and counts it.
func (l *loss) takes(reply []byte) bool {
	carriedOut := l.move == quiet || bytes.Contains(reply, []byte("\r\nwon\r\n")) || bytes.Contains(reply, []byte("\r\nfresh\r\n"))
	if !carriedOut {
		return false
	}
	if l.n.Add(1) > attempts {
		l.n.Add(-1)
		return false
	}
	return true
}

// matches recognizes the move, as the store sends it.
func (l *loss) matches(command []string) bool {
	command = unpacked(command)
	has := func(text string) bool {
		return slices.ContainsFunc(command, func(arg string) bool { return strings.Contains(arg, text) })
	}
	switch {
	case l.host != "" && !has(`"`+l.host+`"`):
		return false
	case l.move == quiet:
		return !has(`"move":"`)
	}
	return slices.ContainsFunc(command, func(arg string) bool {
		return strings.Contains(arg, `"move":"`+l.move+`"`) && (l.to == "" || strings.Contains(arg, `"to":"`+string(l.to)+`"`))
	})
}

// unpacked is a command with its texts as they were before they were packed.
func unpacked(command []string) []string {
	plain := slices.Clone(command)
	for i, arg := range plain {
		plain[i] = redisstore.Unpacked(arg)
	}
	return plain
}

// lost is what is lost of a request, by the label of its plan.
func (r *rig) lost(label string) *loss {
	host := r.hostFor(label)
	i := slices.IndexFunc(r.loses, func(l *loss) bool { return l.host == host })
	return r.loses[i]
}

// hostFor is the host of the plan with a label.
func (r *rig) hostFor(label string) string {
	return hostOf(slices.IndexFunc(r.plans, func(p plan) bool { return p.label == label }))
}

// untried are losses of a request, or of none, that did not come about.
func (r *rig) untried(host string) (out []string) {
	for _, l := range r.loses {
		if l.host == host && !l.complete() {
			out = append(out, fmt.Sprintf("%v, so it was not tried in full", l))
		}
	}
	return out
}

// onMove calls do with the request's id before the first command of a move goes to
// Redis.
func onMove(p *wire.Proxy, move string, do func(request string)) {
	did := false
	p.DropReplies(1, func(command []string) bool {
		for _, arg := range unpacked(command) {
			if !did && strings.Contains(arg, `"move":"`+move+`"`) {
				did = true
				do(requestID.FindString(arg))
			}
		}
		return false
	})
}
