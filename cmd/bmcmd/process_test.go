package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestProcess starts the program as it is shipped, with everything around it as
// processes of their own, and does the whole job.
func TestProcess(t *testing.T) {
	for _, with := range []settings{{vault: true}, {}, {api: "3.0"}} {
		name := map[bool]string{true: "secrets in vault", false: "secrets in files"}[with.vault]
		t.Run(name+", API "+cmp.Or(with.api, "2.0"), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, with)
			bot := w.serve()
			w.wholeJob()
			bot.term()
			w.noSecretLeft()
		})
	}
}

// wholeJob is an incident, from the first look at a script to the end on the hosts,
// and what goes otherwise. One of the hosts prints whatever credentials it can.
func (w *world) wholeJob() {
	t := w.t
	w.cloud.post("host", object{"id": "ins-web1", "output": "restarted on ins-web1"})
	w.cloud.post("host", object{"id": "ins-web2", "takes_ms": 1500, "output": strings.Join([]string{
		"restarted", w.secrets["web"], w.secrets["run_key"], w.secrets["read_key"], w.secrets["bot_token"],
	}, " and ")})
	w.slack.types(alice, "list scripts restart")
	w.slack.sees(alice, "cmd-rst9w2kd")
	w.slack.types(alice, "show cmd-rst9w2kd")
	w.slack.sees(alice, "systemctl restart", "restart-web")

	w.slack.types(alice, "run cmd-rst9w2kd ins-web1,ins-web2 --reason \"checkout answers 502\" -- nginx")
	w.slack.sees(alice, "Recorded: run cmd-rst9w2kd on 2 instances.")
	w.slack.awaitCards(1)
	w.slack.cardSays("ins-web1", "ins-web2", "checkout answers 502", "root", "systemctl restart")

	w.slack.presses(dave, "Approve")
	w.slack.sees(dave, "Not counted: the rule does not name you.")
	w.slack.presses(alice, "Approve")
	w.slack.sees(alice, "Not counted: nobody decides on their own request.")
	if n := w.cloud.sends("RunUserCmd"); n != 0 {
		t.Fatalf("%d runs were sent before anybody approved", n)
	}
	w.credentialsRead(false)

	w.slack.presses(bob, "Approve")
	w.slack.sees(bob, "Recorded: you approved.")
	w.slack.threadSays("Accepted by the API; what happened on the hosts is not known yet", "@"+alice, "@"+bob)
	w.slack.cardSays("Accepted by the API")
	w.credentialsRead(true)
	w.slack.cardSays("Ran on both hosts, exit code 0")
	w.slack.threadSays("2 of 2 hosts ran what was approved", "restarted on ins-web1", "restarted and [secret]")
	runs := w.cloud.runs()
	if len(runs) != 1 {
		t.Fatalf("%d scripts were started, want 1", len(runs))
	}
	r := runs[0]
	if r.CmdID != "cmd-rst9w2kd" || !slices.Equal(r.Hosts, []string{"ins-web1", "ins-web2"}) || string(r.Parameters) != "nginx" ||
		r.User != "root" || !r.LoginOK || r.KeyID != w.secrets["run_id"] {
		t.Errorf("what ran is %+v", r)
	}

	w.slack.types(alice, "run cmd-dropc4ch ins-web3")
	w.slack.awaitCards(2)
	w.slack.denies(carol, "web3 is out of rotation, use web1")
	w.slack.threadSays("Denied, nothing ran", "web3 is out of rotation, use web1", "@"+alice)

	w.changedAfterApproval()
	if n := w.cloud.sends("RunUserCmd"); n != 1 {
		t.Errorf("%d runs were sent in all, want 1", n)
	}
}

// credentialsRead checks whether the vault was asked for what runs need.
func (w *world) credentialsRead(want bool) {
	w.t.Helper()
	if w.vaultAt == nil {
		return
	}
	for _, name := range []string{"run_key", "web"} {
		if got := w.vaultAt.wasAsked(w.place(name)[len("secret"):]); got != want {
			w.t.Errorf("the vault was asked for %s: %t, want %t", w.place(name), got, want)
		}
	}
}

// changedAfterApproval has two people approve, and the script change in between:
// the first approval was for something else.
func (w *world) changedAfterApproval() {
	w.slack.types(alice, "run cmd-dropc4ch ins-db1")
	w.slack.awaitCards(3)
	w.slack.presses(bob, "Approve")
	w.slack.cardSays("Waiting for 1 more approval")
	w.cloud.post("script", `{"cmd_id":"cmd-dropc4ch","content":"#!/bin/bash\nsync\nrm -rf /var/cache/web\n"}`)
	w.slack.presses(carol, "Approve")
	w.slack.cardSays("Nothing ran", "rm -rf /var/cache/web", "drop_caches")
	w.slack.threadSays("Refused, nothing ran")
}

// opens asks for a run on one host and waits for its card.
func (w *world) opens() {
	w.t.Helper()
	n := len(w.slack.cards())
	w.slack.types(alice, "run cmd-rst9w2kd ins-web1")
	w.slack.awaitCards(n + 1)
}

// ranOnce checks that in the end one run was sent, and said so.
func (w *world) ranOnce() {
	w.t.Helper()
	w.slack.threadSays("Accepted by the API")
	w.slack.cardSays("Accepted by the API")
	if sent, ran := w.cloud.sends("RunUserCmd"), len(w.cloud.runs()); sent != 1 || ran != 1 {
		w.t.Errorf("sent %d times, ran %d times; want once", sent, ran)
	}
	if n := len(w.slack.cards()); n != 1 {
		w.t.Errorf("there are %d cards, want 1", n)
	}
}

// succeeds checks that one run was sent, and followed to a good end.
func (w *world) succeeds() {
	w.t.Helper()
	w.slack.cardSays("Ran on the host, exit code 0")
	w.slack.threadSays("1 of 1 host ran what was approved")
	w.ranOnce()
}

// TestProcessSameEnvelopeOnTwoReplicas gives every connection of two replicas the same
// command, and then the same click.
func TestProcessSameEnvelopeOnTwoReplicas(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	bots := []*process{w.serve(), w.serve()}
	again := func() {
		for range 4 { // connections take turns
			w.slack.post("redeliver", fmt.Sprintf(`{"envelope":%q}`, w.slack.envelope))
		}
	}
	w.opens()
	again()
	w.slack.presses(bob, "Approve")
	again()
	w.slack.threadSays("Accepted by the API")
	for _, b := range bots {
		b.term() // so that nothing is still under way
	}
	w.ranOnce()
}

// TestProcessEndsWithWhatItBegan sends SIGTERM while the API takes its time: the answer
// is still awaited, stored and said.
func TestProcessEndsWithWhatItBegan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings{})
	bot := w.serve()
	w.opens()
	w.cloud.slow("RunUserCmd", 2000)
	w.slack.presses(bob, "Approve")
	w.cloud.awaitSends("RunUserCmd", 1)
	bot.term()
	w.ranOnce()
}
