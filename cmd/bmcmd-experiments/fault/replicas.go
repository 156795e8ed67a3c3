package fault

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// replicaFaults are what happens to the bots themselves.
func replicaFaults() []Fault {
	stopAt := func(point string) func(int) []string {
		return func(bot int) []string {
			if bot > 0 {
				return nil
			}
			return []string{"BMCMD_EXPERIMENT_STOP=" + point + " 1"}
		}
	}
	claiming := make(chan string, 1)
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
		{name: "paused-after-send", what: "a worker stands still from the API's answer until its lease is lost", away: true, env: stopAt("cloud.run:after"), do: pausedAtPoint},
		{
			name: "paused-in-claim", what: "a worker stands still while Redis stores its claim, until its lease is lost", away: true, wired: true,
			before: func(r *rig) {
				onMove(r.bot[0].redis, "claim", func(id string) { r.bot[0].Freeze(); claiming <- id })
			},
			do: func(r *rig) {
				select {
				case id := <-claiming:
					r.outlast(id)
				case <-time.After(patience):
					r.T.Fatalf("no worker claimed on that replica")
				}
			},
		},
	}
}

// pausedAtPoint waits until the first bot has stopped itself and its run counts as
// lost, and wakes it.
func pausedAtPoint(r *rig) {
	id := ""
	for began := time.Now(); id == "" && time.Since(began) < patience; r.pause(20 * time.Millisecond) {
		id = stoppedAt(r.bot[0].Stderr.String())
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

// stoppedAt is the request at which a bot stopped itself, as its log says.
func stoppedAt(log string) string {
	for line := range strings.Lines(log) {
		var n struct{ Experiment, Request string }
		if strings.Contains(line, `"experiment"`) && json.Unmarshal([]byte(line), &n) == nil && n.Experiment == "stop" {
			return n.Request
		}
	}
	return ""
}
