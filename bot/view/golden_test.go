package view_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot/view"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, m any) {
	t.Helper()
	goldenText(t, name+".json", pretty(t, m))
}

func goldenText(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s differs (-want +got); go test -update writes it anew:\n%s", file, d)
	}
}

func TestCardGolden(t *testing.T) {
	two := func(r *approvals.Request) { r.Plan.Rule.Quorum = 2 }
	for _, c := range []struct {
		name string // of the file
		why  string // the row is there
		r    approvals.Request
	}{
		{"received", "the first post: it is open from the look-up on", request()},
		{"pending", "three buttons, who may approve", request(pending)},
		{"pending_more", "one of two has approved", request(two, pending, vote(bob))},
		{"pending_facts", "everything that can be said of what was typed", request(pending, func(r *approvals.Request) {
			r.Asked.Repeated, r.Asked.Again = []string{"ins-1"}, "r-kjhgfedcba"
			r.Plan.Parameters = "--path /var  \n"
			r.Plan.Script.Content = []byte("@echo off\r\ndir\u202e\r\n")
			r.Asked.Reason = ""
		})},
		{"pending_odd", "what looks otherwise than it is", request(pending, func(r *approvals.Request) {
			r.Plan.Script.Content = []byte("#!/bin/sh\ntrue" + strings.Repeat(" ", 2600) + "; rm -rf /srv\nc\u0430t /etc/hosts \\ \n" + strings.Repeat("\n", 300) + "reboot\n")
			r.Plan.Parameters = "--soft" + strings.Repeat("\t", 1500) + "; reboot"
			r.Asked.Reason = "a" + strings.Repeat("\u0301", 60)
		})},
		{"pending_sent", "what an API that is sent the script has besides", request(pending, sentScript)},
		{"pending_blind", "nobody knows whether the hosts are there", request(pending, func(r *approvals.Request) { r.Plan.Blind = true })},
		{"approved", "only a veto is left", request(approved)},
		{"waiting_retry", "the API refused, the approval stands", request(waiting("the API refused the run before anything could start", time.Time{}),
			func(r *approvals.Request) {
				r.Sends = []approvals.Send{{Worker: "w1", Answer: refused}}
			})},
		{"waiting_busy", "the cloud takes no more calls, and it is tried again", request(waiting("The cloud is taking no more calls at the moment (4400). Nothing ran; I try again until the approval is 2 minutes old.", start.Add(time.Minute+30*time.Second)),
			func(r *approvals.Request) {
				busy := *refused
				busy.Busy, busy.Hint = true, ""
				r.Sends = []approvals.Send{{Worker: "w1", Answer: &busy}}
			})},
		{"waiting_alone", "it goes on by itself for a while", request(waiting("the vault does not answer", start.Add(2*time.Minute)))},
		{"waiting_run", "it waits for a press", request(waiting("the approval is too old to dispatch by itself", time.Time{}))},
		{"executing", "no buttons", request(sent(approvals.Executing, nil))},
		{"accepted", "must not look like success", request(followed(approvals.Accepted, "", ran("ins-1", 0, silent, inTask("")), ran("ins-2", 0, silent, inTask(""))))},
		{"accepted_of_old", "a record of before runs were followed", request(sent(approvals.Accepted, accepted))},
		{"accepted_some_refused", "who was not taken is said at once", request(followed(approvals.Accepted, "", ran("ins-1", 0, silent, inTask("")), ran("ins-2", 0, declined)))},
		{"accepted_progress", "a bar, and who failed", request(followed(approvals.Accepted, "", twelve()...))},
		{"accepted_stop", "it can be stopped where it is not over, and says who did", request(followed(approvals.Accepted, "", ofTAT()...), stopped)},
		{"alarm_twice", "one host, and both records", request(followed(approvals.Failed, "", ran("ins-1", 0, twice, inTask("inv-1")), ran("ins-1", 0, twice, inTask("inv-2"))), sentScript)},
		{"alarm_extra", "nobody has changed a script", request(followed(approvals.Failed, "", ran("ins-1", 0), ran("ins-9", 0, func(h *approvals.HostResult) {
			h.Proof, h.Drift = approvals.ProofDiffers, []approvals.Change{{What: approvals.DriftHost, Was: "not asked for", Is: "ins-9"}}
		})))},
		{"stop_taken", "not called stopped before the host's record says so, and Stop may be pressed again", request(followed(approvals.Accepted, "", ran("ins-1", 0), ran("ins-2", -1, func(h *approvals.HostResult) { h.State, h.Word = approvals.HostRunning, "RUNNING" })), stopped, func(r *approvals.Request) {
			r.Follow.Stops = []approvals.Stop{{By: bob, Hosts: []string{"ins-1", "ins-2"}, At: start, Done: start.Add(time.Second)}}
		})},
		{"stopped_on_some", "not called failed", request(followed(approvals.Failed, "", ran("ins-1", 0), ran("ins-2", -1, func(h *approvals.HostResult) { h.State, h.Word = approvals.HostKilled, "TERMINATED" })), func(r *approvals.Request) {
			r.Follow.Stops = []approvals.Stop{{By: bob, Hosts: []string{"ins-2"}, At: start, Done: start.Add(time.Second)}}
		})},
		{"succeeded_untold", "the cloud says so, and gives no exit code", request(followed(approvals.Failed, "", ran("ins-1", -1, func(h *approvals.HostResult) { h.Word = "SUCCESS" })))},
		{"succeeded", "on all, with proof", request(followed(approvals.Succeeded, "", ran("ins-1", 0), ran("ins-2", 0)))},
		{"failed_on_some", "each kind of failure by itself", request(followed(approvals.Failed, "", allKinds()...))},
		{"failed_login", "the login by its name", request(followed(approvals.Failed, "", ran("ins-1", 0, locked), ran("ins-2", 0, locked)))},
		{"failed_drift", "an alarm with the difference", request(followed(approvals.Failed, "", ran("ins-1", 0, strayed), ran("ins-2", 0)))},
		{"failed_given_up", "why, and who is still out", request(followed(approvals.Failed, "It was followed for 15m and had not ended on every host.", ran("ins-1", 0, running), ran("ins-2", 0)))},
		{"failed_unproved", "exit code 0 is not enough", request(followed(approvals.Failed, "", ran("ins-1", 0, unproved), ran("ins-2", 0)))},
		{"confirming", "it went well, and another task may still turn up", request(confirming(ran("ins-1", 0), ran("ins-2", 0)))},
		{"confirming_failed", "it went badly on one host", request(confirming(ran("ins-1", 0), ran("ins-2", 1)))},
		{"unproved", "the list was not read before the send", request(noMark(followed(approvals.Failed, "", ran("ins-1", 0), ran("ins-2", 0))))},
		{"unproved_running", "the card says so from the start", request(noMark(followed(approvals.Accepted, "", ran("ins-1", 0, silent), ran("ins-2", 0, silent))))},
		{"failed_twins", "two tasks that cannot be told apart", request(followed(approvals.Failed, "", ran("ins-1", 0), ran("ins-1", 2, inTask("cmdtask-9z8y7x6w"))))},
		{"by_alias", "the id stands beside what was typed", request(pending, func(r *approvals.Request) { r.Asked.Alias = "restart-web" })},
		{"failed", "code and meaning", request(sent(approvals.Failed, failed))},
		{"waiting_for", "which other run it waits for", request(busyWith("r-kjhgfedcba"))},
		{"waiting_search", "until when, and no Run", request(searching(start.Add(10 * time.Minute)))},
		{"waiting_search_long", "it expires before", request(searching(start.Add(10 * time.Hour)))},
		{"gone", "no button", request(approved, gone)},
		{"waiting_for_unnamed", "the text may not name it", request(busyWith("r-kjhgfedcba"), func(r *approvals.Request) { r.Waiting = "another run is there" })},
		{"weak", "the store may forget a claim", request(pending, weak)},
		{"unknown", "no code 0; it is searched for", request(unsure(unknown))},
		{"unknown_lost", "no answer at all", request(unsure(nil))},
		{"unknown_forgotten", "no code 0 beside what is not known", request(unsure(accepted), recalled)},
		{"unknown_lifted", "nothing is left to press", request(unsure(nil), lifted)},
		{"unknown_doubt", "not sent again, since a task is there", request(doubtful)},
		{"unknown_asked", "what to look at, who may say, from when on", request(askedFor(unknown))},
		{"unknown_asked_tat", "the cloud may hold it back, so that the hosts show nothing yet", request(askedFor(unknown), sentScript)},
		{"unknown_asked_one", "who has said what", request(askedFor(nil, says(bob, approvals.Ran, 14*time.Minute), says(alice, approvals.DidNotRun, 15*time.Minute)), lifted)},
		{"unknown_asked_tasks", "which tasks may be it", request(askedFor(nil), func(r *approvals.Request) {
			r.Unsure.Evidence, r.Unsure.Tasks = "Two tasks in the API's list may be this run.", []string{"cmdtask-1a2b3c4d", "cmdtask-9z8y7x6w"}
		})},
		{"unknown_asked_named", "tasks stand once, if the evidence names them", request(askedFor(nil), func(r *approvals.Request) {
			r.Unsure.Evidence, r.Unsure.Tasks = "The API lists 2 tasks since 03:04 UTC that may be this run, and they cannot be told apart: cmdtask-1, cmdtask-2.", []string{"cmdtask-1", "cmdtask-2"}
		})},
		{"found", "its task was found, and is followed", request(foundAs(approvals.Accepted, ran("ins-1", 0), ran("ins-2", 0, running)))},
		{"found_succeeded", "at its end, too", request(foundAs(approvals.Succeeded, ran("ins-1", 0), ran("ins-2", 0)))},
		{"settled_ran", "a question before asking again", request(settledAs(approvals.Ran))},
		{"settled_not", "asking again is the next step", request(settledAs(approvals.DidNotRun))},
		{"refused_change", "the differences", request(changed)},
		{"denied", "by whom and why", request(ended(approvals.Denied, "wrong hosts\nuse ins-3", &bob))},
		{"expired", "nobody approved", request(ended(approvals.Expired, "", nil))},
		{"expired_approved", "approved, but not sent", request(approved, ended(approvals.Expired, "", nil))},
		{"cancelled", "withdrawn", request(ended(approvals.Cancelled, "", &alice))},
		{"pending_doubt", "it may have run already", request(pending, inDoubt)},
		{"waiting_run_doubt", "not that nothing ran", request(waiting("I searched and found none", time.Time{}), inDoubt)},
		{"cancelled_doubt", "a question before asking again", request(ended(approvals.Cancelled, "", &alice), inDoubt)},
		{"denied_doubt", "and what was found afterwards", request(ended(approvals.Denied, "After it had ended I looked, and the API lists what may be this run: cmdtask-1. Look at the hosts.\nwrong hosts", &bob), inDoubt)},
		{"no_plan", "cancelled before it was looked up", request(ended(approvals.Cancelled, "", &alice), func(r *approvals.Request) { r.Plan = nil })},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := view.Card(c.r)
			mustFit(t, err)
			fine(t, m)
			golden(t, "card_"+c.name, m)
		})
	}
}

func TestNoticeGolden(t *testing.T) {
	for _, c := range []struct {
		name, why string
		kind      approvals.NoticeKind
		r         approvals.Request
	}{
		{"accepted", "never success", approvals.NoticeAnswer, request(followed(approvals.Accepted, "", ran("ins-1", 0, silent), ran("ins-2", 0, declined)))},
		{"alarm", "calls all who may approve", approvals.NoticeAlarm, request(followed(approvals.Failed, "", ran("ins-1", 0, strayed), ran("ins-2", 0, strayed), ran("ins-3", 0)))},
		{"result", "without outputs", approvals.NoticeResult, request(followed(approvals.Succeeded, "", ran("ins-1", 0, printed(20)), ran("ins-2", 0)))},
		{"refused", "says Run", approvals.NoticeAnswer, request(sent(approvals.Approved, refused))},
		{"failed", "says why", approvals.NoticeAnswer, request(sent(approvals.Failed, failed))},
		{"unknown", "it is searched for", approvals.NoticeUnknown, request(unsure(unknown))},
		{"unknown_lost", "no answer was stored", approvals.NoticeUnknown, request(unsure(nil))},
		{"unknown_doubt", "Redis was restarted", approvals.NoticeUnknown, request(doubtful)},
		{"unknown_late", "it has gone on since", approvals.NoticeUnknown, request(foundAs(approvals.Accepted, ran("ins-1", 0)))},
		{"found", "its task", approvals.NoticeFound, request(foundAs(approvals.Accepted, ran("ins-1", 0)))},
		{"found_recalled", "an order to stop it may be gone with the rest", approvals.NoticeFound, request(foundAs(approvals.Accepted, ran("ins-1", 0)), sentScript, recalled)},
		{"ask", "calls all who may say so", approvals.NoticeAsk, request(askedFor(unknown))},
		{"ask_late", "it has gone on since", approvals.NoticeAsk, request(settledAs(approvals.Ran))},
		{"settled_ran", "who said so", approvals.NoticeSettled, request(settledAs(approvals.Ran), headed)},
		{"settled_not", "and what to do", approvals.NoticeSettled, request(settledAs(approvals.DidNotRun), headed)},
		{"waiting_for", "which other run it waits for", approvals.NoticeWaiting, request(busyWith("r-kjhgfedcba"))},
		{"waiting_search", "it expires before", approvals.NoticeWaiting, request(searching(start.Add(10 * time.Hour)))},
		{"stop", "what became of each order, and what to do", approvals.NoticeStop, request(followed(approvals.Accepted, "", ofTAT()...), stopped)},
		{"back", "what was decided is lost", approvals.NoticeBack, request(approved)},
		{"gone", "what is known", approvals.NoticeGone, request(approved, gone)},
		{"unknown_recalled", "it was claimed before Redis went back", approvals.NoticeUnknown, request(unsure(nil), func(r *approvals.Request) { r.Recalled = "1.2.M" })},
		{"unknown_forgotten", "the API took it before Redis went back", approvals.NoticeUnknown, request(unsure(accepted), recalled)},
		{"ask_forgotten", "the API took it before Redis went back", approvals.NoticeAsk, request(askedFor(accepted), recalled)},
		{"failed_audit", "it ends here, so the chain's head stands there", approvals.NoticeAnswer, request(sent(approvals.Failed, failed), headed)},
		{"expired_audit", "the chain's head", approvals.NoticeEnded, request(ended(approvals.Expired, "", nil), headed)},
		{"result_audit", "the chain's head comes last", approvals.NoticeResult, request(followed(approvals.Succeeded, "", ran("ins-1", 0)), headed)},
		{"waiting_to_ask", "nobody is asked before that", approvals.NoticeWaiting, request(func(r *approvals.Request) {
			r.Plan, r.Waiting = nil, "The hosts cannot be looked up: the cloud's API did not give a usable answer."
		})},
		{"waited_to_ask", "Slack did not take the notice before", approvals.NoticeWaiting, request(pending)},
		{"waiting", "says what to press", approvals.NoticeWaiting, request(waiting("the vault does not answer", time.Time{}))},
		{"denied", "to the requester", approvals.NoticeEnded, request(ended(approvals.Denied, "wrong hosts", &bob))},
		{"refused_change", "with the differences", approvals.NoticeEnded, request(changed)},
		{"expired_doubt", "it may have run", approvals.NoticeEnded, request(ended(approvals.Expired, "", nil), inDoubt)},
		{"refused_doubt", "it may have run before", approvals.NoticeAnswer, request(sent(approvals.Approved, refused), inDoubt)},
		{"expired", "to the requester", approvals.NoticeEnded, request(ended(approvals.Expired, "", nil))},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := view.Notice(c.r, approvals.Notice{N: 3, Kind: c.kind})
			fine(t, m)
			golden(t, "notice_"+c.name, m)
		})
	}
}

func TestAnswerGolden(t *testing.T) {
	listed := []approvals.Listed{{Request: request(pending), Link: cardLink}, {Request: request(approved)}}
	kept := approvals.Kept{Request: request(sent(approvals.Accepted, accepted))}
	for _, c := range []struct {
		name string
		m    view.Message
	}{
		{"script", view.Script(script(), plan().Rule.Parameters)},
		{"script_takes", view.Script(request(sentScript).Plan.Script, request(sentScript).Plan.Rule.Parameters)},
		{"script_binary", view.Script(approvals.Script{CmdID: "cmd-b", Content: []byte{0x7f, 'E', 'L', 'F', 0xff}}, plan().Rule.Parameters)},
		{"help", view.Help("/bmcmd", "", "")},
		{"help_unknown", view.Help("/bmcmd", "rnu", "run")},
		{"words_when", view.Words("Not counted yet: the search ends at "+view.When(start)+".", "r-abcdefghjk", cardLink)},
		{"words", view.Words("Only <@UBOB> or <!subteam^SONCALL> may approve this. Type `/bmcmd list` to see <what> is open.", "r-abcdefghjk", cardLink)},
		{"status", view.Status(kept, events(), cardLink)},
		{"list", view.List(view.Lists{Here: listed, Waiting: listed[:1]})},
		{"list_unsure", view.List(view.Lists{Waiting: []approvals.Listed{{Request: request(askedFor(unknown)), Link: cardLink}}, Here: []approvals.Listed{
			{Request: request(unsure(unknown))}, {Request: request(settledAs(approvals.Ran))}, {Request: request(busyWith("r-kjhgfedcba"))},
		}})},
		{"status_asked", view.Status(approvals.Kept{Request: request(askedFor(unknown, says(bob, approvals.Ran, 14*time.Minute)), headed, weak)}, unsureEvents(), "")},
		{"list_empty", view.List(view.Lists{})},
		{"list_more", view.List(view.Lists{Here: listed, More: true})},
		{"list_untold", view.List(view.Lists{Untold: true})},
		{"status_succeeded", view.Status(approvals.Kept{Request: request(followed(approvals.Succeeded, "", ran("ins-1", 0), ran("ins-2", 0)))}, events(), "")},
		{"scripts", view.Scripts(stored(20), 57, 2, "restart web", true)},
		{"scripts_last", view.Scripts(stored(2), 2, 1, "", false)},
		{"scripts_none", view.Scripts(nil, 0, 1, "wbe", false)},
		{"scripts_beyond", view.Scripts(nil, 57, 9, "", false)},
	} {
		t.Run(c.name, func(t *testing.T) {
			fine(t, c.m)
			golden(t, c.name, c.m)
		})
	}
}

func TestModalGolden(t *testing.T) {
	golden(t, "modal_deny", view.DenyModal("r-abcdefghjk", request().Digest, "C1", "1762312345.000100"))
	golden(t, "modal_said", view.Said("Recorded: you denied r-abcdefghjk."))
}

// twelve are hosts of a run that is under way.
func twelve() []approvals.HostResult {
	return fleet(12, func(i int, host string) approvals.HostResult {
		switch {
		case i == 2:
			return ran(host, 2)
		case i < 7:
			return ran(host, 0)
		case i < 10:
			return ran(host, 0, running)
		}
		return ran(host, 0, silent)
	})
}

// allKinds are hosts that ended in every way there is.
func allKinds() []approvals.HostResult {
	return []approvals.HostResult{
		ran("ins-good", 0), ran("ins-exit", 2), ran("ins-none", -1), ran("ins-odd", 0, func(h *approvals.HostResult) { h.Status = 3 }),
		ran("ins-locked", 0, locked), ran("ins-declined", 0, declined), ran("ins-offline", 0, offline), ran("ins-unproved", 0, unproved),
		ran("ins-running", 0, running), ran("ins-silent", 0, silent),
	}
}

func stored(n int) []approvals.Script {
	var out []approvals.Script
	for i := range n {
		s := script()
		s.CmdID, s.Content = fmt.Sprintf("cmd-%08d", i), nil
		if i%5 == 4 {
			s.Alias = ""
		}
		out = append(out, s)
	}
	return out
}

func TestResultGolden(t *testing.T) {
	short := approvals.Outputs{
		approvals.OutputKey(task, "ins-1"): []byte("nginx: configuration ok\nnginx restarted\n"),
		approvals.OutputKey(task, "ins-2"): []byte("\x1b[31mno such unit\x1b[0m \xff\n"),
	}
	for _, c := range []struct {
		name, why string
		r         approvals.Request
		out       approvals.Outputs
		file      bool
	}{
		{"succeeded", "output stands in the message", request(followed(approvals.Succeeded, "", ran("ins-1", 0, printed(40)), ran("ins-2", 0, printed(30)), ran("ins-3", 0))), short, false},
		{"failed", "failures first", request(followed(approvals.Failed, "", ran("ins-1", 0, printed(40)), ran("ins-2", 5, printed(30)))), short, false},
		{"all_kinds", "each in its words", request(followed(approvals.Failed, "", allKinds()...)), nil, false},
		{"drift", "with the difference, once", request(followed(approvals.Failed, "", ran("ins-1", 0, strayed, printed(40)), ran("ins-2", 0, strayed), ran("ins-3", 0))), short, false},
		{"gone", "outputs that are not kept any more", request(followed(approvals.Failed, "", ran("ins-1", 1, printed(5_242_880)))), nil, false},
		{"given_up", "and why", request(followed(approvals.Failed, "No task of this run has appeared in the API's list for 15m0s.", ran("ins-1", 0, silent, inTask("")))), nil, false},
		{"confirming", "it is not final yet", request(confirming(ran("ins-1", 0), ran("ins-2", 0))), nil, false},
		{"unproved", "nothing is proved", request(noMark(followed(approvals.Failed, "", ran("ins-1", 0), ran("ins-2", 0)))), nil, false},
		{"twins", "both are shown", request(followed(approvals.Failed, "", ran("ins-1", 0), ran("ins-1", 2, inTask("cmdtask-9z8y7x6w")))), nil, false},
		{"long", "the end of a long output, and a file", request(followed(approvals.Failed, "", ran("ins-1", 1, printed(30_000)), ran("ins-2", 0, printed(30)))), approvals.Outputs{
			approvals.OutputKey(task, "ins-1"): []byte(strings.Repeat("========= ins-1: exit code 0\n", 300) + "the end\n"),
			approvals.OutputKey(task, "ins-2"): short[approvals.OutputKey(task, "ins-2")],
		}, true},
		{"stopped", "what each end proves, and what the cloud did not keep", request(followed(approvals.Failed, "", ofTAT()...), stopped), short, false},
		{"twice", "the same run again, by somebody else", request(followed(approvals.Failed, "", ran("ins-1", 0, twice), ran("ins-2", 0, twice))), nil, false},
		{"many", "a table and the failures", request(followed(approvals.Failed, "", fleet(40, func(i int, host string) approvals.HostResult {
			if i%13 == 5 {
				return ran(host, i, printed(6))
			}
			return ran(host, 0)
		})...)), approvals.Outputs{approvals.OutputKey(task, "ins-005"): []byte("eighty\n"), approvals.OutputKey(task, "ins-018"): []byte("\n\n"), approvals.OutputKey(task, "ins-031"): []byte("x")}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, file := view.Result(c.r, c.out)
			fine(t, m)
			golden(t, "result_"+c.name, m)
			if (file != nil) != c.file {
				t.Errorf("a file: %t", file != nil)
			}
			if file != nil {
				goldenText(t, "result_"+c.name+".txt", file)
			}
		})
	}
}
