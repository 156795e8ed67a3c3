package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bmcmd/bmcmd/bmclient/bmtest"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

var requestID = regexp.MustCompile(`\br-[a-z2-9]{10}\b`)

// A run on each API by the program as it is shipped, and then what its records show of what no document settles.
func TestCheckTry(t *testing.T) {
	for api, shows := range map[string][]string{
		"2.0": {
			"under which key RunUserCmd takes its hosts (bm.array_key)|instanceId, as it is set: the record has the hosts", "how late a run is in the list of tasks|it was found ",
			"whether texts and outputs come in base64|yes", "in which zone times are (UTC+8 is assumed)|in that: read so, it began ", "whether its rows name the task that was asked for|taskId \"cmdtask-",
			"what is answered for a script that is not there|", "whether a user other than root may run it|(its records", "how times are written|runBeginTime \"20",
		},
		"3.0": {
			"whether RunUserCmd names the task (CmdTaskId)|yes", "whether CmdTaskId is what DescribeUserCmdTaskInfo takes|yes", "how late a run is in the list of tasks|(its records",
			"whether statuses are numbers or text|Status 0", "what is answered for a task that is not there|nothing, without an error",
		},
		"tat": {
			"how soon a run begins on a host|", "which statuses and exit codes hosts end with|SUCCESS, exit code 0: read as ended", "how long ids are|", "how the source of a run is spelled|InvocationSource \"USER\"",
			"whether the record names a script that is not stored|CommandName ", "as whom, where and how long it ran, as recorded|root, in ", "how times are written|StartTime \"20",
			"what is answered for a task that is not there|nothing, without an error",
		},
	} {
		t.Run(api, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, settings{Settings: world.Settings{API: api}})
			unread := map[string]string{"2.0": "DescribeDevice", "3.0": "DescribeDevices", "tat": "DescribeInstances"}[api]
			bot := w.Serve()
			w.opens()
			id := requestID.FindString(w.Slack.Traffic())
			w.tries(id, 1, "", id+" has not ended, it is pending; ask again when its card says how it ended")
			w.Slack.Presses(bob, "Approve")
			w.Slack.CardSays("Ran on the host, exit code 0: run")
			bot.Term()
			for _, name := range runSecrets { // nothing of a run is read
				_ = os.Remove(filepath.Join(w.Dir, name))
			}
			out := w.tries(id, 0, "", "")
			for _, row := range append(shows, "WHAT NO DOCUMENT SETTLES|HERE, BY "+id, "whether the record has exactly the text that was approved|yes", "whether a machine's name and tags are told|yes", "whether a page of 100 rows is taken|yes") {
				asked, shown, _ := strings.Cut(row, "|")
				if !slices.ContainsFunc(lines(out), func(l string) bool {
					rest, is := strings.CutPrefix(l, asked+" ")
					return is && strings.HasPrefix(strings.TrimLeft(rest, " "), shown)
				}) {
					t.Errorf("it does not say %q:\n%s", row, out)
				}
			}
			w.Cloud.Post("fault", object{"action": unread, "n": 9, "fault": object{"code": 4101, "error": "UnauthorizedOperation"}})
			if out := w.tries(id, 1, "HERE, BY "+id, "1 fault was found"); !regexp.MustCompile(`(?m)^the machines +could not be read: ` + unread).MatchString(out) {
				t.Errorf("it does not say what could not be read:\n%s", out)
			}
			if n := len(w.Cloud.Runs()); n != 1 {
				t.Errorf("%d scripts were started", n)
			}
			w.documentedRights(api)
			w.noSecretLeft()
		})
	}
}

// documentedRights holds all that the cloud was asked, by whichever key, against what OPERATIONS.md gives each key, by its table and,
// for TAT, by the policies to paste.
func (w *scene) documentedRights(api string) {
	w.t.Helper()
	text, err := os.ReadFile("OPERATIONS.md")
	if err != nil {
		w.t.Fatal(err)
	}
	row := strings.Split(regexp.MustCompile(`(?m)^\| `+regexp.QuoteMeta(api)+` \|.*$`).FindString(string(text)), "|")
	if len(row) < 4 {
		w.t.Fatalf("OPERATIONS.md has no rights for %s", api)
	}
	pasted := ""
	for _, block := range regexp.MustCompile(`(?m)(^    .*\n)+`).FindAllString(string(text), -1) {
		if block = strings.TrimSpace(block); strings.HasPrefix(block, "{") {
			var policy struct {
				Statement []struct{ Action []string }
			}
			if err := json.Unmarshal([]byte(block), &policy); err != nil {
				w.t.Errorf("a policy cannot be pasted: %v in\n%s", err, block)
			}
			pasted += fmt.Sprintln(policy)
		}
	}
	for _, c := range world.Fetch[[]bmtest.Call](w.Cloud.Admin, "calls") {
		of := row[2]
		if c.KeyID == w.Secrets["run_id"] {
			of = row[3]
		}
		if !slices.Contains(strings.FieldsFunc(of, func(r rune) bool { return r == ',' || r == ' ' || r == ';' }), c.Action) || api == "tat" && !strings.Contains(pasted, ":"+c.Action) {
			w.t.Errorf("%s is called, and OPERATIONS.md gives that key the right to%s", c.Action, of)
		}
	}
}

// What there is to try is named, and what cannot be read keeps nothing else from being shown.
func TestCheckTryWhat(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	bot := w.Serve()
	w.opens()
	id := requestID.FindString(w.Slack.Traffic())
	w.Slack.Presses(alice, "Cancel")
	w.Slack.CardSays("Cancelled")
	w.opens()
	w.Cloud.Fail("RunUserCmd", `{"code":10001}`)
	w.Slack.Presses(bob, "Approve")
	w.Slack.CardSays("10001")
	ids := requestID.FindAllString(w.Slack.Traffic(), -1)
	refused := ids[slices.IndexFunc(ids, func(other string) bool { return other != id })]
	w.tries(refused, 1, "", refused+" has not ended, it is approved")
	w.Slack.Presses(alice, "Cancel")
	w.Slack.CardSays("Cancelled")
	bot.Term()
	w.tries(refused, 0, "most probably not instanceId, as it is set: the answer was 10001", "")
	w.tries(id, 1, "", id+" is cancelled and was never sent, so it shows nothing; have a stored script that does nothing, such as true, approved in Slack for one machine, and name that request")
	w.tries("r-nosuch", 1, "", "there is no request r-nosuch in the workspace sim, or its record is gone by its age (keep.requests); take the id of a newer one from its card")
}

// tries runs a check with --try, and holds how it ended.
func (w *scene) tries(id string, status int, out, said string) string {
	w.t.Helper()
	p := bmcmd(w.t, "check", "-c", w.Config, "--live", "--try", id)
	err := p.Wait(patience)
	if (err != nil) != (status != 0) || !strings.Contains(p.Stdout.String(), out) || !strings.Contains(p.Stderr.String(), said) {
		w.t.Errorf("it ended with %v:\n%s%s", err, p.Stdout, p.Stderr)
	}
	w.tellsNoSecret(p)
	return p.Stdout.String()
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
	w.Slack.CardSays("Ran on the host, exit code 0: run")
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
