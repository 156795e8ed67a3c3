package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/bmcmd/bmcmd/bot/slacksim"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// TestProcess starts the program as it is shipped, with everything around it as
// processes of their own, and does the whole job.
func TestProcess(t *testing.T) {
	for _, with := range []settings{{vault: true}, {}, {Settings: world.Settings{API: "3.0"}}, {Settings: onTAT}} {
		name := map[bool]string{true: "secrets in vault", false: "secrets in files"}[with.vault]
		t.Run(name+", API "+cmp.Or(with.API, "2.0"), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, with)
			bot := w.Serve()
			w.wholeJob(with.API)
			bot.Term()
			w.noSecretLeft()
		})
	}
}

// onTAT is the world with a script whose parameter has a name, and a rule that lets it be filled in.
var onTAT = world.Settings{
	API: "tat",
	State: func(_ *world.World, state object) {
		script := state["scripts"].([]object)[0]
		script["content"], script["fillable"] = "#!/bin/bash\nset -eu\nsystemctl restart \"{{service}}\"\n", true
	},
	Config: func(_ *world.World, text string) string {
		return strings.Replace(text, "  - name: web\n", "  - name: web\n    parameters: [{name: service, example: nginx}]\n", 1)
	},
}

// wholeJob is an incident, from the first look at a script to the end on the hosts,
// and what goes otherwise. One of the hosts prints whatever credentials it can.
func (w *scene) wholeJob(api string) {
	t := w.t
	parameters, password := "nginx", w.Secrets["web"]
	if api == "tat" {
		parameters, password = "service=nginx", w.Secrets["read_token"]
	}
	w.Cloud.Post("host", object{"id": "ins-web1", "output": "restarted on ins-web1"})
	w.Cloud.Post("host", object{"id": "ins-web2", "takes_ms": 1500, "output": strings.Join([]string{
		"restarted", password, w.Secrets["run_key"], w.Secrets["read_key"], w.Secrets["bot_token"],
	}, " and ")})
	w.Slack.Types(alice, "list scripts restart")
	w.Slack.Sees(alice, "cmd-rst9w2kd")
	w.Slack.Types(alice, "show cmd-rst9w2kd")
	w.Slack.Sees(alice, "systemctl restart", "restart-web")

	w.Slack.Types(alice, "run cmd-rst9w2kd ins-web1,ins-web2 --reason \"checkout answers 502\" -- "+parameters)
	w.Slack.Sees(alice, "Recorded: run cmd-rst9w2kd on 2 instances.")
	w.awaitCards(1)
	w.Slack.CardSays("ins-web1", "ins-web2", "checkout answers 502", "root", "systemctl restart")

	w.Slack.Presses(dave, "Approve")
	w.Slack.Sees(dave, "Not counted: the rule does not name you.")
	w.Slack.Presses(alice, "Approve")
	w.Slack.Sees(alice, "Not counted: nobody decides on their own request.")
	if n := w.Cloud.Sends("RunUserCmd"); n != 0 {
		t.Fatalf("%d runs were sent before anybody approved", n)
	}
	w.credentialsRead(false)

	w.Slack.Presses(bob, "Approve")
	w.Slack.Sees(bob, "Recorded: you approved.")
	w.Slack.ThreadSays("Accepted by the API; what happened on the hosts is not known yet", "@"+alice, "@"+bob)
	w.Slack.CardSays("Accepted by the API")
	w.credentialsRead(true)
	w.Slack.CardSays("Ran on both hosts, exit code 0")
	w.Slack.ThreadSays("2 of 2 hosts ran what was approved", "restarted on ins-web1", "restarted and [secret]")
	runs := w.Cloud.Runs()
	if len(runs) != 1 {
		t.Fatalf("%d scripts were started, want 1", len(runs))
	}
	r := runs[0]
	what := r.CmdID == "cmd-rst9w2kd" && string(r.Parameters) == "nginx"
	if api == "tat" {
		what = strings.Contains(string(r.Content), "# bmcmd r-") && strings.HasSuffix(string(r.Content), "\nset -eu\nsystemctl restart \"nginx\"\n")
	}
	if !what || !slices.Equal(r.Hosts, []string{"ins-web1", "ins-web2"}) ||
		r.User != "root" || !r.LoginOK || r.KeyID != w.Secrets["run_id"] {
		t.Errorf("what ran is %+v", r)
	}

	w.Slack.Types(alice, "run cmd-dropc4ch ins-web3")
	w.awaitCards(2)
	w.Slack.Denies(carol, "web3 is out of rotation, use web1")
	w.Slack.ThreadSays("Denied, nothing ran", "web3 is out of rotation, use web1", "@"+alice)

	w.changedAfterApproval()
	if n := w.Cloud.Sends("RunUserCmd"); n != 1 {
		t.Errorf("%d runs were sent in all, want 1", n)
	}
}

// credentialsRead checks whether the vault was asked for what runs need.
func (w *scene) credentialsRead(want bool) {
	w.t.Helper()
	if w.vaultAt == nil {
		return
	}
	for _, name := range []string{"run_key", "web"} {
		if got := w.vaultAt.WasAsked(w.place(name)[len("secret"):]); got != want {
			w.t.Errorf("the vault was asked for %s: %t, want %t", w.place(name), got, want)
		}
	}
}

// changedAfterApproval has two people approve, and the script change in between:
// the first approval was for something else.
func (w *scene) changedAfterApproval() {
	w.Slack.Types(alice, "run cmd-dropc4ch ins-db1")
	w.awaitCards(3)
	w.Slack.Presses(bob, "Approve")
	w.Slack.CardSays("Waiting for 1 more approval")
	w.Cloud.Post("script", `{"cmd_id":"cmd-dropc4ch","content":"#!/bin/bash\nsync\nrm -rf /var/cache/web\n"}`)
	w.Slack.Presses(carol, "Approve")
	w.Slack.CardSays("nothing ran", "rm -rf /var/cache/web", "drop_caches")
	w.Slack.ThreadSays("Refused, nothing ran")
}

// opens asks for a run on one host and waits for its card.
func (w *scene) opens() {
	w.t.Helper()
	n := len(w.Slack.Cards())
	w.Slack.Types(alice, "run cmd-rst9w2kd ins-web1")
	w.awaitCards(n + 1)
}

// ranOnce checks that in the end one run was sent, and said so.
func (w *scene) ranOnce() {
	w.t.Helper()
	w.Slack.ThreadSays("Accepted by the API")
	w.Slack.CardSays("Accepted by the API")
	if sent, ran := w.Cloud.Sends("RunUserCmd"), len(w.Cloud.Runs()); sent != 1 || ran != 1 {
		w.t.Errorf("sent %d times, ran %d times; want once", sent, ran)
	}
	if n := len(w.Slack.Cards()); n != 1 {
		w.t.Errorf("there are %d cards, want 1", n)
	}
}

// succeeds checks that one run was sent, and followed to a good end.
func (w *scene) succeeds() {
	w.t.Helper()
	w.Slack.CardSays("Ran on the host, exit code 0")
	w.Slack.ThreadSays("1 of 1 host ran what was approved")
	w.ranOnce()
}

// TestProcessSameEnvelopeOnTwoReplicas gives every connection of two replicas the same
// command, and then the same clicks: whoever pressed hears of it in one way, and has one form.
func TestProcessSameEnvelopeOnTwoReplicas(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	bots := []*world.Process{w.Serve(), w.Serve()}
	again := func() {
		for range 4 { // connections take turns
			w.Slack.Post("redeliver", fmt.Sprintf(`{"envelope":%q}`, w.Slack.Envelope))
		}
	}
	w.opens()
	again()
	w.Slack.Presses(bob, "Approve")
	again()
	w.Slack.ThreadSays("Accepted by the API")
	w.ranOnce()
	w.Slack.Types(alice, "run cmd-rst9w2kd ins-web2")
	w.awaitCards(2)
	w.Slack.Presses(carol, "Deny")
	again()
	for _, b := range bots {
		b.Term() // so that nothing is still under way
	}
	if views, told := world.Fetch[[]slacksim.View](w.Slack.Admin, "views?user="+carol), world.Fetch[[]slacksim.Ephemeral](w.Slack.Admin, "ephemerals?user="+carol); len(views) != 1 || len(told) != 0 {
		t.Errorf("carol has %d forms, and is told %v", len(views), told)
	}
	for _, e := range world.Fetch[[]slacksim.Ephemeral](w.Slack.Admin, "ephemerals?user="+bob) {
		if !strings.Contains(e.Text, "Recorded: you approved.") {
			t.Errorf("bob is told %q", e.Text)
		}
	}
}

// TestProcessEndsWithWhatItBegan sends SIGTERM while the API takes its time: the answer
// is still awaited, stored and said.
func TestProcessEndsWithWhatItBegan(t *testing.T) {
	t.Parallel()
	w, api := newHeld(t)
	bot := w.Serve()
	w.opens()
	w.Slack.Presses(bob, "Approve")
	api.await()
	if err := bot.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	w.Slack.Connected(0) // it has begun to end
	api.release()
	if err := bot.Wait(patience); err != nil {
		t.Errorf("it ended with %v", err)
	}
	w.ranOnce()
}
