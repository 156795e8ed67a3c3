package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/bmcmd/bmcmd/bmclient/bmtest"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

var requestID = regexp.MustCompile(`\br-[a-z2-9]{10}\b`)

// A run on each API by the program as it is shipped, and then what its records show of what no document settles.
func TestCheckTry(t *testing.T) {
	for api, says := range map[string][]string{
		"2.0": {"under which key RunUserCmd takes its hosts: instanceId, as it is set", "how late a run is in the list of tasks: found ", "how contents and outputs are written: in base64"},
		"3.0": {"whether RunUserCmd names the task (CmdTaskId): yes"},
		"tat": {"what ids look like: inv- and ", "hosts end with: SUCCESS, exit 0, read as ended"},
	} {
		t.Run(api, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, settings{Settings: world.Settings{API: api}})
			bot := w.Serve()
			w.opens()
			id := requestID.FindString(w.Slack.Traffic())
			try := func() string {
				p := bmcmd(t, "check", "-c", w.Config, "--live", "--try", id)
				_ = p.Wait(patience)
				return p.Stdout.String()
			}
			if out := try(); !strings.Contains(out, id+" was not sent (it is pending)") {
				t.Errorf("a request that nobody approved:\n%s", out)
			}
			w.Slack.Presses(bob, "Approve")
			w.Slack.CardSays("Ran on the host, exit code 0")
			out := try()
			says = append(says, "whether the record has exactly what was approved: yes", "in which zone times are: in the one that is assumed", "whether a machine is told, with name and tags: yes")
			for _, text := range says {
				if !strings.Contains(out, text) {
					t.Errorf("it does not say %q:\n%s", text, out)
				}
			}
			if n := len(w.Cloud.Runs()); n != 1 {
				t.Errorf("%d scripts were started", n)
			}
			bot.Term()
			w.noSecretLeft()
		})
	}
}

// A clean run on one host that takes a second, by the program as it is shipped: all that the cloud is asked, from the command to the
// result. It is never asked for a list of runs.
func TestCallsOfACleanRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{Settings: world.Settings{API: "tat"}})
	w.Cloud.Post("host", object{"id": "ins-web1", "takes_ms": 1000})
	bot := w.Serve()
	w.opens()
	w.Slack.Presses(bob, "Approve")
	w.Slack.CardSays("Ran on the host, exit code 0")
	bot.Term()
	made := map[string]int{}
	for _, c := range world.Fetch[[]bmtest.Call](w.Cloud.Admin, "calls") {
		if c.Params["CommandIds.0"] != "cmd-doesnotexist" { // what a start asks, for whether its key is taken
			made[c.Action]++
		}
	}
	n := 0
	for _, times := range made {
		n += times
	}
	if n > 8 || made["DescribeInvocations"] > 0 || made["RunCommand"] != 1 {
		t.Errorf("%d calls, where 8 are enough: %v", n, made)
	}
}
