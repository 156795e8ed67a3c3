package fault

import (
	"time"

	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// slackFaults are what Slack itself does. Its minutes are seconds here.
func slackFaults() []Fault {
	return []Fault{
		{name: "slack-429", what: "Slack answers every call with 429 and Retry-After for 5 s", away: true, do: func(r *rig) {
			// More than there are calls: what is left is forgotten at the end.
			r.Slack.Post("fault", world.Object{"method": "*", "fault": world.Object{"status": 429}, "retry_after": "1s", "n": 5000})
			r.pause(5 * time.Second)
			r.Slack.Post("clear-faults", world.Object{})
		}},
		{name: "slack-5xx", what: "Slack answers every call with 503 for 6 s", away: true, do: func(r *rig) {
			r.Slack.Post("down", world.Object{"on": true})
			r.pause(6 * time.Second)
			r.Slack.Post("down", world.Object{"on": false})
		}},
		{name: "slack-away", what: "Slack drops its sockets and every call for 5 s", away: true, do: func(r *rig) {
			r.Slack.Post("outage", world.Object{"on": true})
			r.pause(5 * time.Second)
			r.Slack.Post("outage", world.Object{"on": false})
		}},
	}
}
