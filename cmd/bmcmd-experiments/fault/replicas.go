package fault

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// replicaFaults are what happens to the bots themselves.
func replicaFaults() []Fault {
	var claiming, sending chan string
	return []Fault{
		{name: "two-killed", what: "two of three replicas are killed at once", away: true, do: func(r *rig) {
			r.bot[0].killed, r.bot[1].killed = true, true
			_ = r.bot[0].Cmd.Process.Kill()
			r.bot[1].Kill()
		}},
		{name: "clock-off", what: "the clocks of two replicas are 10 minutes slow and fast", env: func(bot int) []string {
			if off := []string{"-10m", "10m", ""}[bot]; off != "" {
				return []string{"BMCMD_EXPERIMENT_CLOCK=" + off}
			}
			return nil
		}, do: func(r *rig) { r.pause(3 * time.Second) }},
		{name: "paused-before-send", what: "a worker stands still from before the send until its lease is lost", away: true, env: stopAt("cloud.run:before"), do: pausedAtPoint},
		{
			name: "paused-in-send", what: "a worker stands still while the API begins with its run, until its lease is lost", away: true, wired: true,
			before: func(r *rig) { sending = slowSends(r) }, do: func(r *rig) { pausedInSend(r, sending) },
		},
		{
			name: "paused-in-claim", what: "a worker stands still while Redis stores its claim, until its lease is lost", away: true, wired: true,
			before: func(r *rig) {
				claiming = claims(r, func() { r.bot[0].Freeze() })
			},
			do: func(r *rig) { r.outlast(r.next(claiming)) },
		},
	}
}

// claims gives the request that the first bot claims first; and do is called before
// Redis has that.
func claims(r *rig, do func()) chan string {
	c := make(chan string, 1)
	onMove(r.bot[0].redis, "claim", func(id string) { do(); c <- id })
	return c
}

// next is the request that comes over c.
func (r *rig) next(c chan string) string {
	r.T.Helper()
	select {
	case id := <-c:
		return id
	case <-time.After(patience):
		r.T.Fatalf("the first bot has claimed nothing")
	}
	return ""
}

// slowSends has the API take its time with runs, so that one can be met halfway, and
// gives the first bot's first.
func slowSends(r *rig) chan string {
	r.Cloud.Post("fault", world.Object{"action": "RunUserCmd", "always": true, "delay_ms": 1000})
	return claims(r, func() {})
}

// pausedInSend stops the first bot when its call has arrived, and wakes it when its
// run counts as lost.
func pausedInSend(r *rig, sending chan string) {
	id := r.next(sending)
	world.Until(r.T, "the call of "+id, func() (string, bool) {
		l, err := r.read()
		if err != nil || len(l.records[id].Asked.Hosts) == 0 {
			return fmt.Sprint(err), false
		}
		return "", len(l.sent[l.records[id].Asked.Hosts[0]]) > 0
	})
	r.bot[0].Freeze()
	r.outlast(id)
	r.Cloud.Post("heal", world.Object{})
}

// stopAt has the first bot stop itself at a point.
func stopAt(point string) func(bot int) []string {
	return func(bot int) []string {
		if bot > 0 {
			return nil
		}
		return []string{"BMCMD_EXPERIMENT_STOP=" + point + " 1"}
	}
}

// pausedAtPoint waits until the first bot has stopped itself and its run counts as
// lost, and wakes it.
func pausedAtPoint(r *rig) {
	id := ""
	for began := time.Now(); id == "" && time.Since(began) < patience; r.pause(20 * time.Millisecond) {
		id, _ = stoppedAt(r.bot[0])
	}
	if id == "" {
		r.T.Fatalf("no worker stopped at its point")
	}
	r.outlast(id)
}

// outlast waits until the run that the first bot has claimed counts as lost, and wakes
// that bot.
func (r *rig) outlast(id string) {
	r.awaitRecord(id, func(k approvals.Kept) bool { return len(k.Sends) > 0 && k.State != approvals.Executing })
	r.bot[0].Thaw()
}

// stoppedAt is the request at which a bot stopped itself, as its log says, and whether it did.
func stoppedAt(b *replica) (request string, did bool) {
	for line := range strings.Lines(b.Stderr.String()) {
		var n struct{ Experiment, Request string }
		if strings.Contains(line, `"experiment"`) && json.Unmarshal([]byte(line), &n) == nil && n.Experiment == "stop" {
			return n.Request, true
		}
	}
	return "", false
}
