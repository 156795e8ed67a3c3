package serve

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// Each reading of what no document settles is told from the other by a request's records. What the program prints of a real run is
// held in cmd/bmcmd.
func TestQuestions(t *testing.T) {
	claimed := time.Date(2026, 11, 20, 3, 4, 5, 0, time.UTC)
	host := func(h bmclient.HostRun) func(*trial) {
		return func(t *trial) { t.hosts = append(t.hosts, h) }
	}
	answer := func(a approvals.Answer) func(*trial) {
		return func(t *trial) { t.Sends[0].Answer = &a }
	}
	taken := approvals.Answer{Outcome: approvals.OutcomeAccepted}
	listed := func(begun ...int) func(*trial) {
		return func(t *trial) {
			for _, s := range begun {
				t.list = append(t.list, bmclient.Task{Begun: claimed.Add(time.Duration(s) * time.Second)})
			}
		}
	}
	row := func(text string) func(*trial) {
		return func(t *trial) {
			var m map[string]json.RawMessage
			if err := json.Unmarshal([]byte(text), &m); err != nil {
				panic(err)
			}
			t.rows = append(t.rows, m)
		}
	}
	const (
		key    = "under which key RunUserCmd takes its hosts (bm.array_key)"
		names  = "whether RunUserCmd names the task (CmdTaskId)"
		late   = "how late a run is in the list of tasks"
		exact  = "whether the record has exactly the text that was approved"
		zone   = "in which zone times are (UTC+8 is assumed)"
		ends   = "which statuses and exit codes hosts end with"
		base64 = "whether texts and outputs come in base64"
		order  = "in which order runs are listed"
		user   = "whether a user other than root may run it"
		own    = "whether its rows name the task that was asked for"
		source = "how the source of a run is spelled"
	)
	for _, tt := range []struct {
		asked string
		with  []func(*trial)
		want  string
	}{
		{key, nil, ""},
		{key, []func(*trial){answer(taken)}, ""}, // a yes without hosts in the record proves nothing of them
		{key, []func(*trial){answer(taken), host(bmclient.HostRun{})}, "instanceId, as it is set: the record has the hosts"},
		{key, []func(*trial){answer(approvals.Answer{Outcome: approvals.OutcomeFailed, Code: 18013})}, "most probably not instanceId, as it is set: the answer was 18013"},
		{key, []func(*trial){answer(approvals.Answer{Outcome: approvals.OutcomeFailed, Code: 18011})}, ""},
		{names, []func(*trial){answer(approvals.Answer{Outcome: approvals.OutcomeUnknown})}, ""},
		{names, []func(*trial){answer(taken)}, "no"},
		{names, []func(*trial){answer(approvals.Answer{Outcome: approvals.OutcomeAccepted, Tasks: []string{"cmdtask-1"}})}, "yes"},
		{late, nil, ""},
		{late, []func(*trial){func(t *trial) { t.found = claimed.Add(47 * time.Second) }}, "it was found 47s after the claim, where the first looks are 1, 2, 4 and 8 s apart and then each 15"},
		{exact, []func(*trial){host(bmclient.HostRun{Content: []byte("true\n")})}, "yes"},
		{exact, []func(*trial){host(bmclient.HostRun{Content: []byte("dHJ1ZQo=")})}, "no"},
		{exact, []func(*trial){host(bmclient.HostRun{}), host(bmclient.HostRun{Content: []byte("true\n")})}, "it has no text; yes"},
		{zone, []func(*trial){host(bmclient.HostRun{Begun: claimed.Add(2 * time.Second)})}, "in that: read so, it began 2s after the claim"},
		{zone, []func(*trial){host(bmclient.HostRun{Begun: claimed.Add(-8 * time.Hour)})}, "in another: read so, it began -8h0m0s after the claim"},
		{zone, []func(*trial){host(bmclient.HostRun{})}, ""},
		{ends, []func(*trial){host(bmclient.HostRun{Status: 18020, Exit: -1, State: bmclient.HostFailed})}, "status 18020, exit code -1: read as failed"},
		{ends, []func(*trial){host(bmclient.HostRun{Word: "FAILED", Exit: 3, State: bmclient.HostEnded})}, "FAILED, exit code 3: read as ended"},
		{base64, []func(*trial){host(bmclient.HostRun{Plain: true})}, "no"},
		{order, []func(*trial){listed(3)}, ""},
		{order, []func(*trial){listed(3, 2, 2, 1)}, "newest first"},
		{order, []func(*trial){listed(1, 2)}, "not newest first"},
		{user, []func(*trial){host(bmclient.HostRun{}), func(t *trial) { t.Plan.Login.User = "deploy" }}, "deploy: no"},
		{own, []func(*trial){row(`{"taskId":"cmdtask-abc1"}`), row(`{"taskId":"cmdtask-abc2"}`)}, `taskId "cmdtask-abc1"; taskId "cmdtask-abc2"`},
		{source, []func(*trial){row(`{"InvocationSource":"user"}`)}, `InvocationSource "user"`},
		{source, []func(*trial){row(`{"InvocationSource":null}`)}, `InvocationSource null`},
		{source, []func(*trial){row(`{}`)}, ""},
	} {
		made := &trial{Request: approvals.Request{
			Sends: []approvals.Send{{ClaimedAt: claimed}},
			Plan:  &approvals.Plan{Script: approvals.Script{Content: []byte("true\n")}, Login: approvals.Login{User: "root"}, Target: approvals.Target{ArrayKey: "instanceId"}},
		}}
		for _, with := range tt.with {
			with(made)
		}
		at := slices.IndexFunc(questions, func(q question) bool { return q.what == tt.asked })
		if at < 0 {
			t.Fatalf("nobody asks %s", tt.asked)
		}
		if got := questions[at].shown(t.Context(), made); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.asked, got, tt.want)
		}
	}
}

// An answer for what is not there is told as it was given.
func TestAnswered(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{nil, "nothing, without an error"},
		{bmclient.ErrNoScript, "nothing, without an error"},
		{&bmclient.Error{Number: 18010}, "an error: 18010"},
		{&bmclient.Error{Code: "ResourceNotFound.InvocationNotFound"}, "an error: ResourceNotFound.InvocationNotFound"},
		{errors.New("the line is dead"), ""},
	} {
		if got := answered(tt.err); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.err, got, tt.want)
		}
	}
}
