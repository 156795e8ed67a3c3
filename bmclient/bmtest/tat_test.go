package bmtest_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

// tat is a good call of TAT; its fields are those of RunCommand unless it is another action.
func tat(action string, fields map[string]any) asked3 {
	a := run3().head("Version", "2020-10-28").action(action, fields)
	a.service = "tat"
	return a
}

func runCommand(script string, hosts ...string) asked3 {
	return tat("RunCommand", map[string]any{"Content": base64.StdEncoding.EncodeToString([]byte(script)), "InstanceIds": hosts})
}

func instances(fields map[string]any) asked3 {
	a := run3().head("Version", "2017-03-12").action("DescribeInstances", fields)
	a.service = "cvm"
	return a
}

func filters(kv ...any) []map[string]any {
	all := []map[string]any{}
	for i := 0; i < len(kv); i += 2 {
		all = append(all, map[string]any{"Name": kv[i], "Values": kv[i+1]})
	}
	return all
}

func tasksOf(t *testing.T, s *bmtest.Server, invocation string, more ...any) []map[string]any {
	t.Helper()
	fields := map[string]any{"Filters": filters("invocation-id", []string{invocation}), "Limit": 100}
	for i := 0; i < len(more); i += 2 {
		fields[more[i].(string)] = more[i+1]
	}
	got := send3(t, s, tat("DescribeInvocationTasks", fields))
	if got.Response.Error.Code != "" {
		t.Fatal(got.raw)
	}
	return got.Response.InvocationTaskSet
}

// startTAT is start with machines of each kind, and a clock that a test moves.
func startTAT(t *testing.T, opts ...bmtest.Option) (*bmtest.Server, *time.Time) {
	t.Helper()
	at := now
	s := start(t, append([]bmtest.Option{bmtest.Now(func() time.Time { return at }), bmtest.Window(48 * time.Hour)}, opts...)...)
	for id, m := range map[string]bmtest.Machine{
		"ins-off": {State: "STOPPED"}, "ins-deaf": {Agent: "Offline"}, "ins-bare": {Agent: bmtest.NoAgent}, "ins-win": {Windows: true},
		"ins-far": {Region: "ap-seoul"}, "lhins-1": {Name: "light"}, "rins-1": {Name: "hosted", Tags: map[string]string{"env": "prod"}},
	} {
		s.AddHost(id, nil)
		s.SetMachine(id, m)
	}
	return s, &at
}

func TestTATRefuses(t *testing.T) {
	script := func(f string, v any) asked3 { return runCommand("true", "ins-1").field(f, v) }
	list := func(f string, v any) asked3 { return tat("DescribeInvocationTasks", map[string]any{f: v}) }
	cancel := func(id string, hosts ...string) asked3 {
		return tat("CancelInvocation", map[string]any{"InvocationId": id, "InstanceIds": append([]string{}, hosts...)})
	}
	six := []string{"1", "2", "3", "4", "5", "6"}
	tests := []struct {
		why  string
		ask  asked3
		code string
	}{
		{"signed for another product", func() asked3 { a := script("Timeout", 5); a.service = "cvm"; return a }(), "AuthFailure.SignatureFailure"},
		{"no region", script("Timeout", 5).head("Region", nil), "MissingParameter"},
		{"a region that is none", script("Timeout", 5).head("Region", "bj"), "UnsupportedRegion"},
		{"an action of Bare Metal", tat("RunUserCmd", nil), "InvalidAction"},
		{"machines at TAT", tat("DescribeInstances", nil), "InvalidAction"},
		{"a key that may not run", func() asked3 { a := script("Timeout", 5); a.id = "reader"; return a }(), "UnauthorizedOperation"},
		{"nor cancel", func() asked3 { a := cancel("inv-1"); a.id = "reader"; return a }(), "UnauthorizedOperation"},
		{"a parameter that is none", script("Password", "x"), "UnknownParameter"},
		{"a number as text", script("Timeout", "60"), "InvalidParameter"},
		{"a flag as text", script("EnableParameter", "false"), "InvalidParameter"},
		{"no content", script("Content", nil), "MissingParameter"},
		{"content that is not base64", script("Content", "echo hi"), "InvalidParameterValue.CommandContentInvalid"},
		{"content too long", runCommand(strings.Repeat("x", 49<<10), "ins-1"), "InvalidParameterValue.TooLong"},
		{"a timeout of none", script("Timeout", 0), "InvalidParameterValue.Range"},
		{"a timeout of more than a day", script("Timeout", 86401), "InvalidParameterValue.Range"},
		{"a type that is none", script("CommandType", "PYTHON"), "InvalidParameterValue"},
		{"a user that can be none", script("Username", "a b"), "InvalidParameterValue.InvalidUsername"},
		{"a directory that is none", script("WorkingDirectory", "tmp"), "InvalidParameterValue.InvalidWorkingDirectory"},
		{"a bucket over http", script("OutputCOSBucketUrl", "http://b"), "InvalidParameterValue.InvalidOutputCOSBucketUrl"},
		{"a prefix that climbs", script("OutputCOSKeyPrefix", "a/.."), "InvalidParameterValue.InvalidOutputCOSKeyPrefix"},
		{"a name with a blank", script("CommandName", "a b"), "InvalidParameterValue.InvalidCommandName"},
		{"a name that is taken", script("CommandName", "hello").field("SaveCommand", true), "InvalidParameterValue.CommandNameDuplicated"},
		{"parameters that are not enabled", script("Parameters", `{"a":"b"}`), "InvalidParameterValue.SupportParametersOnlyIfEnableParameter"},
		{"a parameter that is a number", script("Parameters", `{"a":1}`).field("EnableParameter", true), "InvalidParameterValue.ParameterValueNotString"},
		{"no hosts", script("InstanceIds", nil), "MissingParameter"},
		{"a host of Bare Metal", script("InstanceIds", []string{"cpm-1"}), "InvalidParameterValue.InvalidInstanceId"},
		{"a host that is not there refuses all", script("InstanceIds", []string{"ins-1", "ins-9"}), "ResourceNotFound.InstanceNotFound"},
		{"a host of another region", script("InstanceIds", []string{"ins-far"}), "ResourceNotFound.InstanceNotFound"},
		{"a host that is stopped", script("InstanceIds", []string{"ins-1", "ins-off"}), "ResourceUnavailable.InstanceStateNotRunning"},
		{"an agent that is offline", script("InstanceIds", []string{"ins-1", "ins-deaf"}), "ResourceUnavailable.AgentStatusNotOnline"},
		{"no agent", script("InstanceIds", []string{"ins-bare"}), "ResourceUnavailable.AgentNotInstalled"},
		{"SHELL on Windows", script("InstanceIds", []string{"ins-win"}), "InvalidParameterValue.AgentUnsupportedCommandType"},
		{"two kinds of hosts", script("InstanceIds", []string{"ins-1", "lhins-1"}), "InvalidParameterValue.InconsistentInstance"},
		{"201 hosts", script("InstanceIds", slices.Repeat([]string{"ins-1"}, 201)), "InvalidParameterValue.LimitExceeded"},
		{"a stored script that is not there", tat("InvokeCommand", map[string]any{"CommandId": "cmd-9", "InstanceIds": []string{"ins-1"}}), "ResourceNotFound.CommandNotFound"},
		{"ids and filters", list("InvocationTaskIds", []string{"invt-1"}).field("Filters", filters("instance-id", six[:1])), "InvalidParameter.ConflictParameter"},
		{"a filter that is not offered", list("Filters", filters("status", six[:1])), "InvalidParameterValue.InvalidFilter"},
		{"six values", list("Filters", filters("instance-id", six)), "LimitExceeded.FilterValueExceeded"},
		{"eleven filters", list("Filters", slices.Repeat(filters("instance-id", six[:1]), 11)), "InvalidParameterValue.InvalidFilter"},
		{"a filter with one value, no list", list("Filters", filters("instance-id", "ins-1")), "InvalidParameterValue.InvalidFilter"},
		{"a page of 101", list("Limit", 101), "InvalidParameterValue"},
		{"an id of another sort", list("InvocationTaskIds", []string{"inv-1"}), "InvalidParameterValue.InvalidInvocationTaskId"},
		{"a machine's id of another sort", instances(map[string]any{"InstanceIds": []string{"lhins-1"}}), "InvalidInstanceId.Malformed"},
		{"a cancel of nothing", cancel("inv-9"), "ResourceNotFound.InvocationNotFound"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			s, _ := startTAT(t)
			if got := send3(t, s, tt.ask); got.Response.Error.Code != tt.code {
				t.Errorf("got %s, want %s", got.raw, tt.code)
			}
			if s.Runs() != nil {
				t.Error("and it ran")
			}
		})
	}
}

// What is sent is what runs and what is recorded, byte for byte; output comes only where it is asked for, and its first 24 KiB.
func TestTATRuns(t *testing.T) {
	s, at := startTAT(t)
	s.SetHost("ins-1", bmtest.HostBehaviour{Exit: 3, Output: []byte(strings.Repeat("x", 25<<10)), Takes: time.Second})
	script := "\xef\xbb\xbf#!/bin/bash\r\necho {{x}} \xff\n"
	ask := runCommand(script, "ins-1", "ins-2").field("OutputCOSBucketUrl", "https://b.cos.example").field("OutputCOSKeyPrefix", "p").field("Timeout", 30)
	got := send3(t, s, ask.field("CommandName", "n").field("Username", "root"))
	id := got.Response.InvocationID
	if runs := s.Runs(); len(runs) != 1 || string(runs[0].Content) != script || runs[0].API != "tat" || runs[0].Task != id || runs[0].CmdID != got.Response.CommandID || runs[0].User != "root" {
		t.Fatalf("%+v, %s", s.Runs(), got.raw)
	}
	if c := s.Calls()[0]; c.API != "tat" || c.As2 != "RunUserCmd" || s.Count("RunUserCmd") != 1 || s.TaskIDs()[0] != id {
		t.Errorf("%+v", c)
	}
	*at = at.Add(time.Second)
	rows := tasksOf(t, s, id)
	document := rows[0]["CommandDocument"].(map[string]any)
	if back, _ := base64.StdEncoding.DecodeString(document["Content"].(string)); string(back) != script || document["Timeout"] != 30.0 || document["WorkingDirectory"] != "/root" {
		t.Errorf("recorded %v", document)
	}
	result := rows[0]["TaskResult"].(map[string]any)
	if result["Output"] != "" || result["Dropped"] != 1024.0 || result["ExitCode"] != 3.0 || !strings.Contains(result["OutputUrl"].(string), "q-signature=") {
		t.Errorf("hidden: %v", result)
	}
	result = tasksOf(t, s, id, "HideOutput", false)[0]["TaskResult"].(map[string]any)
	if out, _ := base64.StdEncoding.DecodeString(result["Output"].(string)); len(out) != 24<<10 {
		t.Errorf("%d bytes of output", len(out))
	}
	one := send3(t, s, tat("DescribeInvocations", map[string]any{"InvocationIds": []string{id}})).Response.InvocationSet[0]
	if one["InvocationStatus"] != "PARTIAL_FAILED" || one["CommandName"] != "" || one["InstanceKind"] != "CVM" || one["CommandContent"] != document["Content"] {
		t.Errorf("%v", one)
	}
	if far := send3(t, s, tat("DescribeInvocations", nil).head("Region", "ap-seoul")); far.Response.TotalCount != 0 || far.Response.Error.Code != "" {
		t.Errorf("another region knows it: %s", far.raw)
	}
}

// Each row is one host from the call on, and what it is at each of the moments.
func TestTATStatuses(t *testing.T) {
	at := []time.Duration{0, 3 * time.Second, 6 * time.Second, time.Hour + 3*time.Second, 2 * time.Hour}
	tests := []struct {
		why  string
		as   bmtest.HostBehaviour
		want string
	}{
		{"at once", bmtest.HostBehaviour{}, "SUCCESS SUCCESS SUCCESS SUCCESS SUCCESS"},
		{"exit 1", bmtest.HostBehaviour{Exit: 1, Takes: 3 * time.Second}, "RUNNING FAILED FAILED FAILED FAILED"},
		{"slow to be delivered", bmtest.HostBehaviour{Waits: 6 * time.Second}, "PENDING DELIVERING SUCCESS SUCCESS SUCCESS"},
		{"put off for an hour", bmtest.HostBehaviour{Delayed: time.Hour, Takes: 5 * time.Second}, "DELIVER_DELAYED DELIVER_DELAYED DELIVER_DELAYED RUNNING SUCCESS"},
		{"longer than the timeout of 60 s", bmtest.HostBehaviour{Takes: time.Hour}, "RUNNING RUNNING RUNNING TIMEOUT TIMEOUT"},
		{"cannot be delivered", bmtest.HostBehaviour{Status: 7, Takes: 3 * time.Second}, "RUNNING DELIVER_FAILED DELIVER_FAILED DELIVER_FAILED DELIVER_FAILED"},
		{"cannot be started", bmtest.HostBehaviour{Word: "START_FAILED", ErrorInfo: "InvalidCommand"}, "START_FAILED START_FAILED START_FAILED START_FAILED START_FAILED"},
		{"lost", bmtest.HostBehaviour{Word: "TASK_TIMEOUT", Takes: 6 * time.Second}, "RUNNING RUNNING TASK_TIMEOUT TASK_TIMEOUT TASK_TIMEOUT"},
		{"a word that nobody knows", bmtest.HostBehaviour{Word: "NEW", NeverEnds: true}, "NEW NEW NEW NEW NEW"},
	}
	for _, tt := range tests {
		s, clock := startTAT(t)
		s.SetHost("ins-1", tt.as)
		id := send3(t, s, runCommand("true", "ins-1")).Response.InvocationID
		var got []string
		for _, d := range at {
			*clock = now.Add(d)
			row := tasksOf(t, s, id)[0]
			got = append(got, row["TaskStatus"].(string))
			if row["ErrorInfo"] != tt.as.ErrorInfo {
				t.Errorf("%s: ErrorInfo %q", tt.why, row["ErrorInfo"])
			}
		}
		if is := strings.Join(got, " "); is != tt.want {
			t.Errorf("%s: %s, want %s", tt.why, is, tt.want)
		}
	}
}

// A user that a host does not have shows in the task, not in the answer.
func TestTATUser(t *testing.T) {
	s, _ := startTAT(t)
	id := send3(t, s, runCommand("true", "ins-1").field("Username", "web")).Response.InvocationID
	if row := tasksOf(t, s, id)[0]; row["TaskStatus"] != "START_FAILED" || !strings.HasPrefix(row["ErrorInfo"].(string), "InvalidUser") || row["StartTime"] != nil {
		t.Errorf("%v", row)
	}
}

func TestTATCancel(t *testing.T) {
	tests := []struct {
		why   string
		hosts []string
		want  string // of ins-1, which has ended, ins-2, which runs, and ins-3, which waits: at once and 5 s later
		whole string
	}{
		{"two by name", []string{"ins-1", "ins-3"}, "SUCCESS RUNNING CANCELLED SUCCESS RUNNING CANCELLED", "RUNNING"},
		{"no ids are all", nil, "SUCCESS CANCELLING CANCELLED SUCCESS TERMINATED CANCELLED", "PARTIAL_CANCELLED"},
	}
	for _, tt := range tests {
		s, clock := startTAT(t)
		s.AddHost("ins-3", nil)
		s.SetHost("ins-2", bmtest.HostBehaviour{Manual: true, StopTakes: 5 * time.Second})
		s.SetHost("ins-3", bmtest.HostBehaviour{Delayed: time.Hour})
		id := send3(t, s, runCommand("true", "ins-1", "ins-2", "ins-3")).Response.InvocationID
		fields := map[string]any{"InvocationId": id}
		if tt.hosts != nil {
			fields["InstanceIds"] = tt.hosts
		}
		if got := send3(t, s, tat("CancelInvocation", fields)); got.Response.Error.Code != "" {
			t.Fatal(got.raw)
		}
		var got []string
		for range 2 {
			for _, row := range tasksOf(t, s, id) {
				got = append(got, row["TaskStatus"].(string))
			}
			*clock = clock.Add(5 * time.Second)
		}
		whole := send3(t, s, tat("DescribeInvocations", map[string]any{"InvocationIds": []string{id}})).Response.InvocationSet[0]["InvocationStatus"]
		if is := strings.Join(got, " "); is != tt.want || whole != tt.whole {
			t.Errorf("%s: %s, %s", tt.why, is, whole)
		}
		if got := send3(t, s, tat("CancelInvocation", map[string]any{"InvocationId": id, "InstanceIds": []string{"ins-off"}})); got.Response.Error.Code != "InvalidParameterValue.InstanceIsNotRelatedToInvocation" {
			t.Errorf("a host that it is not on: %s", got.raw)
		}
	}
}

// Filters of different names must all fit, of one name one value; pages are counted over what fits. Newest first.
func TestTATLists(t *testing.T) {
	s, clock := startTAT(t, bmtest.MostRows(100))
	var ids []string
	for i := range 3 {
		*clock = now.Add(time.Duration(i) * time.Minute)
		ids = append(ids, send3(t, s, runCommand(fmt.Sprint("echo ", i), "ins-1", "ins-2")).Response.InvocationID)
	}
	*clock = now.Add(time.Hour)
	byHand, _ := s.RunByHand("cmd-1", []string{"ins-2"}, nil, nil)
	ask := func(offset, limit int, kv ...any) string {
		got := send3(t, s, tat("DescribeInvocationTasks", map[string]any{"Filters": filters(kv...), "Offset": offset, "Limit": limit}))
		all := []string{fmt.Sprint(got.Response.TotalCount)}
		for _, row := range got.Response.InvocationTaskSet {
			all = append(all, fmt.Sprint(slices.Index(append(ids, bmtest.InvocationID(byHand)), row["InvocationId"].(string)), row["InstanceId"].(string)[3:]))
		}
		return strings.Join(all, " ")
	}
	for _, tt := range []struct{ why, got, want string }{
		{"all", ask(0, 100), "7 3-2 2-1 2-2 1-1 1-2 0-1 0-2"},
		{"a page", ask(2, 2), "7 2-2 1-1"},
		{"of a host", ask(0, 100, "instance-id", []string{"ins-1"}), "3 2-1 1-1 0-1"},
		{"of two invocations on a host", ask(0, 100, "instance-id", []string{"ins-1"}, "invocation-id", ids[:2]), "2 1-1 0-1"},
		{"of a stored script", ask(0, 100, "command-id", []string{"cmd-1"}), "1 3-2"},
		{"of nothing", ask(0, 100, "instance-id", []string{"ins-9"}), "0"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %s, want %s", tt.why, tt.got, tt.want)
		}
	}
	s.AddScript(bmtest.Script{CmdID: "cmd-pub", Alias: "hello-all", How: bmtest.How{Public: true}, Created: now.Add(time.Hour)})
	for _, tt := range []struct {
		why    string
		fields map[string]any
		want   string
	}{
		{"scripts of everybody", nil, "cmd-pub cmd-1"},
		{"of users", map[string]any{"Filters": filters("created-by", []string{"USER"})}, "cmd-1"},
		{"by id", map[string]any{"CommandIds": []string{"cmd-1", "cmd-9"}}, "cmd-1"},
		{"by a part of a name", map[string]any{"Filters": filters("command-name", []string{"hello"})}, "cmd-pub cmd-1"},
	} {
		var got []string
		for _, one := range send3(t, s, tat("DescribeCommands", tt.fields)).Response.CommandSet {
			got = append(got, one["CommandId"].(string))
		}
		if is := strings.Join(got, " "); is != tt.want {
			t.Errorf("%s: %s, want %s", tt.why, is, tt.want)
		}
	}
}

// Values are put in once, as text; what has none stays. The records hold the script as it was before, or as the server was told.
func TestTATParameters(t *testing.T) {
	const script = "echo {{a}} {{b}} {{c}}"
	for _, recorded := range []string{script, "echo {{b}}; reboot two {{c}}"} {
		var opts []bmtest.Option
		if recorded != script {
			opts = append(opts, bmtest.RecordFilled())
		}
		s, _ := startTAT(t, opts...)
		ask := runCommand(script, "ins-1").field("EnableParameter", true).field("Parameters", `{"a":"{{b}}; reboot"}`).
			field("DefaultParameterConfs", []map[string]any{{"ParameterName": "b", "ParameterValue": "two"}})
		id := send3(t, s, ask).Response.InvocationID
		if ran := string(s.Runs()[0].Content); ran != "echo {{b}}; reboot two {{c}}" {
			t.Errorf("ran %q", ran)
		}
		row := tasksOf(t, s, id)[0]
		if b, _ := base64.StdEncoding.DecodeString(row["CommandDocument"].(map[string]any)["Content"].(string)); string(b) != recorded {
			t.Errorf("recorded %q", b)
		}
		one := send3(t, s, tat("DescribeInvocations", nil)).Response.InvocationSet[0]
		if one["Parameters"] != `{"a":"{{b}}; reboot"}` || one["DefaultParameters"] != `{"b":"two"}` {
			t.Errorf("%v", one)
		}
		if p := send3(t, s, tat("PreviewReplacedCommandContent", map[string]any{"Content": base64.StdEncoding.EncodeToString([]byte(script)), "Parameters": `{"c":"3"}`})); string(p.Response.ReplacedContent) != "echo {{a}} {{b}} 3" {
			t.Errorf("%s", p.raw)
		}
	}
}

func TestTATMachines(t *testing.T) {
	s, _ := startTAT(t)
	s.SetMachine("ins-2", bmtest.Machine{Name: "web-2", Tags: map[string]string{"env": "prod", "role": "web"}})
	ids := func(rows []map[string]any) string {
		var all []string
		for _, row := range rows {
			all = append(all, row["InstanceId"].(string))
		}
		return strings.Join(all, " ")
	}
	cvm := func(fields map[string]any) string { return ids(send3(t, s, instances(fields)).Response.InstanceSet) }
	for _, tt := range []struct{ why, got, want string }{
		{"by id; what is not there is missing", cvm(map[string]any{"InstanceIds": []string{"ins-2", "ins-9", "ins-far"}}), "ins-2"},
		{"by tag and state", cvm(map[string]any{"Filters": filters("tag:env", []string{"prod", "test"}, "instance-state", []string{"RUNNING"})}), "ins-2"},
		{"by a part of a name", cvm(map[string]any{"Filters": filters("instance-name", []string{"eb-"})}), "ins-2"},
		{"stopped", cvm(map[string]any{"Filters": filters("instance-state", []string{"STOPPED"})}), "ins-off"},
		{"hosted", ids(send3(t, s, tat("DescribeRegisterInstances", map[string]any{"Filters": filters("tag:env", []string{"prod"})})).Response.RegisterInstanceSet), "rins-1"},
		{"agents; a machine without one is missing", ids(send3(t, s, tat("DescribeAutomationAgentStatus", map[string]any{"InstanceIds": []string{"ins-bare", "ins-deaf", "lhins-1"}})).Response.AutomationAgentSet), "ins-deaf lhins-1"},
		{"agents that are offline", ids(send3(t, s, tat("DescribeAutomationAgentStatus", map[string]any{"Filters": filters("agent-status", []string{"Offline"})})).Response.AutomationAgentSet), "ins-deaf"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %s, want %s", tt.why, tt.got, tt.want)
		}
	}
	exact, _ := startTAT(t, bmtest.ExactNames())
	if got := send3(t, exact, instances(map[string]any{"Filters": filters("instance-name", []string{"name-of"})})); got.Response.TotalCount != 0 {
		t.Errorf("a part of a name is enough: %s", got.raw)
	}
}

func TestTATRate(t *testing.T) {
	s, clock := startTAT(t, bmtest.MostASecond(2))
	for i, want := range []string{"", "", "RequestLimitExceeded", ""} {
		if i == 3 {
			*clock = clock.Add(time.Second)
		}
		if got := send3(t, s, tat("DescribeCommands", nil)); got.Response.Error.Code != want {
			t.Errorf("call %d: %s", i, got.raw)
		}
	}
}
