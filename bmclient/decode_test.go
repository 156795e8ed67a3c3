package bmclient

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func nothing(b []byte) []byte { return b }

// rowOf reads one object as a row of a list, in the names of a version.
func rowOf(t *testing.T, n *names, row string) fields {
	t.Helper()
	m, err := object(json.RawMessage(row))
	if err != nil {
		t.Fatal(err)
	}
	return fields{m, n}
}

func TestDecodeTask(t *testing.T) {
	begun := time.Date(2017, 10, 19, 18, 45, 14, 0, chinaTime)
	tests := []struct {
		why  string
		n    *names
		row  string
		want Task
		err  string
	}{
		{
			"2.0 as its page's sample, counts as text", &names2,
			`{"taskId":"cmdtask-cslqmqtc","status":0,"cmdAlias":"php_while_true","cmdId":"cmd-d3p2q3tw","instanceCount":"2","successCount":"1","failureCount":"1","runBeginTime":"2017-10-19 18:45:14","runEndTime":"2017-10-19 18:49:21"}`,
			Task{ID: "cmdtask-cslqmqtc", CmdID: "cmd-d3p2q3tw", Alias: "php_while_true", Hosts: 2, Succeeded: 1, Failed: 1, Ended: true, Begun: begun, Finished: begun.Add(4*time.Minute + 7*time.Second)},
			"",
		},
		{
			"3.0, numbers, no end while it runs", &names3,
			`{"TaskId":"cmdtask-1","Status":-1,"Alias":"a","CmdId":"cmd-1","InstanceCount":3,"SuccessCount":0,"FailureCount":0,"RunBeginTime":"2017-10-19 18:45:14","RunEndTime":""}`,
			Task{ID: "cmdtask-1", CmdID: "cmd-1", Alias: "a", Hosts: 3, Begun: begun},
			"",
		},
		{
			"a status as text, an end of zeros", &names2, `{"taskId":"t","cmdId":"c","status":"-1","instanceCount":1,"runEndTime":"0000-00-00 00:00:00"}`,
			Task{ID: "t", CmdID: "c", Hosts: 1, Succeeded: -1, Failed: -1},
			"",
		},
		{"counts that are none", &names2, `{"taskId":"t","cmdId":"c","instanceCount":"","successCount":null}`, Task{ID: "t", CmdID: "c", Hosts: -1, Succeeded: -1, Failed: -1}, ""},
		{"no status: not ended", &names2, `{"taskId":"t","cmdId":"c","status":null,"instanceCount":1,"successCount":1,"failureCount":0}`, Task{ID: "t", CmdID: "c", Hosts: 1, Succeeded: 1}, ""},
		{"another status: not ended", &names3, `{"TaskId":"t","CmdId":"c","Status":2,"InstanceCount":1,"SuccessCount":1,"FailureCount":0}`, Task{ID: "t", CmdID: "c", Hosts: 1, Succeeded: 1}, ""},
		{"a time that is none is decoration", &names2, `{"taskId":"t","cmdId":"c","runBeginTime":"yesterday","status":0,"instanceCount":1,"successCount":1,"failureCount":0}`, Task{ID: "t", CmdID: "c", Hosts: 1, Succeeded: 1, Ended: true}, ""},
		{"a time with a zone", &names3, `{"TaskId":"t","CmdId":"c","RunBeginTime":"2017-10-19T10:45:14Z","Status":0,"InstanceCount":1,"SuccessCount":1,"FailureCount":0}`, Task{ID: "t", CmdID: "c", Hosts: 1, Succeeded: 1, Ended: true, Begun: begun}, ""},
		{"blanks around a key", &names2, `{"taskId ":"t","cmdId":"c","status ":0,"instanceCount":1,"successCount":1,"failureCount":0}`, Task{ID: "t", CmdID: "c", Hosts: 1, Succeeded: 1, Ended: true}, ""},
		{"no id", &names2, `{"cmdId":"c","status":0}`, Task{}, "no id"},
		{"no script", &names2, `{"taskId":"t","status":0}`, Task{}, "no script"},
		{"names of the other version", &names3, `{"taskId":"t","cmdId":"c"}`, Task{}, "no id"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			got, err := anyClient.decodeTask(rowOf(t, tt.n, tt.row), nothing)
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

const agentSays = "shell 100.73.46.216,-1,0,'agent返回错误信息.用户验证失败!'"

func TestDecodeHostRun(t *testing.T) {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	none := []byte{}
	tests := []struct {
		why  string
		n    *names
		row  string
		want HostRun
		err  string
	}{
		{
			"2.0 as its page's sample: text for numbers, a login that was refused", &names2,
			`{"autoId":"1","taskId":"t","runBeginTime":"2017-10-19 18:45:14","runEndTime":"2017-10-19 18:45:15","status":"1","instanceName":"n","instanceId":"cpm-1","lanIp":"10.0.0.1","cmdContent":"` + b64("echo hi") + `","cmdParam":"","cmdResult":"` + b64(agentSays) + `","appId":"1","lastShellExit":-1}`,
			HostRun{
				Task: "t", Host: "cpm-1", Name: "n", LanIP: "10.0.0.1", State: HostFailed, Status: 1, Exit: -1, Content: []byte("echo hi"), Parameters: none, Output: []byte(agentSays),
				Begun: time.Date(2017, 10, 19, 18, 45, 14, 0, chinaTime), Finished: time.Date(2017, 10, 19, 18, 45, 15, 0, chinaTime),
			},
			"",
		},
		{
			"3.0: numbers; output that is no UTF-8", &names3, `{"TaskId":"t","Status":0,"InstanceId":"i","CmdContent":"","CmdParam":"LWE=","CmdResult":"//4A","LastShellExit":7}`,
			HostRun{Task: "t", Host: "i", State: HostEnded, Exit: 7, Content: none, Parameters: []byte("-a"), Output: []byte{0xff, 0xfe, 0}},
			"",
		},
		{"it runs", &names2, `{"status":-1,"instanceId":"i"}`, HostRun{Task: "t", Host: "i", State: HostRunning, Status: -1, Exit: -1, Content: none, Parameters: none, Output: none}, ""},
		{"a status that is not documented", &names3, `{"Status":-7,"InstanceId":"i"}`, HostRun{Task: "t", Host: "i", Status: -7, Exit: -1, Content: none, Parameters: none, Output: none}, ""},
		{"no status is not 0", &names3, `{"InstanceId":"i"}`, HostRun{Task: "t", Host: "i", Status: -2, Exit: -1, Content: none, Parameters: none, Output: none}, ""},
		{"a status that is empty is not 0", &names2, `{"status":"","instanceId":"i","lastShellExit":""}`, HostRun{Task: "t", Host: "i", Status: -2, Exit: -1, Content: none, Parameters: none, Output: none}, ""},
		{
			"the older page: plain", &names2, `{"status":0,"instanceId":"i","cmdContent":"#!/bin/bash\necho","cmdResult":"{\"a\":1}","lastShellExit":"0"}`,
			HostRun{Task: "t", Host: "i", State: HostEnded, Content: []byte("#!/bin/bash\necho"), Parameters: none, Output: []byte(`{"a":1}`), Plain: true},
			"",
		},
		{"no host", &names2, `{"status":0}`, HostRun{}, "names no host"},
		{"another task", &names2, `{"status":0,"instanceId":"i","taskId":"u"}`, HostRun{}, "another task"},
		{
			"the sample of 3.0 was asked for cmdtask-mi5k1oct, and its rows say this", &names3, `{"Status":0,"InstanceId":"i","TaskId":"cmdtask-abc1","LastShellExit":0}`,
			HostRun{Task: "t", Host: "i", State: HostEnded, Content: none, Parameters: none, Output: none},
			"",
		},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			got, err := decodeRow(rowOf(t, tt.n, tt.row), nothing)
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBadLogin(t *testing.T) {
	tests := []struct {
		why  string
		h    HostRun
		want bool
	}{
		{"the documented text", HostRun{State: HostFailed, Exit: -1, Output: []byte(agentSays)}, true},
		{"of another host, with more before the end", HostRun{State: HostFailed, Exit: 0, Output: []byte("shell 10.0.0.1,-1,0,'agent返回错误信息: x.用户验证失败!'\n")}, true},
		{"a script that ran may print what it likes", HostRun{State: HostEnded, Exit: -1, Output: []byte(agentSays)}, false},
		{"it left an exit code, so it ran", HostRun{State: HostFailed, Exit: 1, Output: []byte(agentSays)}, false},
		{"still running", HostRun{State: HostRunning, Exit: -1, Output: []byte(agentSays)}, false},
		{"another error of the agent", HostRun{State: HostFailed, Exit: -1, Output: []byte("shell 10.0.0.1,-1,0,'agent返回错误信息.超时!'")}, false},
		{"the words somewhere in a log", HostRun{State: HostFailed, Exit: -1, Output: []byte("log: " + agentSays)}, false},
		{"nothing", HostRun{State: HostFailed, Exit: -1}, false},
	}
	for _, tt := range tests {
		if got := tt.h.BadLogin(); got != tt.want {
			t.Errorf("%s: %v", tt.why, got)
		}
	}
}

func TestHostStates(t *testing.T) {
	var zero HostState
	if zero != HostOther {
		t.Error("the zero state claims to know something")
	}
	for s, want := range map[HostState]string{HostRunning: "running", HostEnded: "ended", HostFailed: "failed", HostOther: "other", 9: "other"} {
		if s.String() != want {
			t.Errorf("%d is %q", int(s), s)
		}
	}
}

func TestRows(t *testing.T) {
	c2, c3 := &Client{api: api2{}}, &Client{api: api3{}}
	tests := []struct {
		why, data string
		c         *Client
		total, n  int
		err       string
	}{
		{"as documented", `{"totalNum":2,"list":[{},{}]}`, c2, 2, 2, ""},
		{"the total as text", `{"totalNum":"7","list":[{}]}`, c2, 7, 1, ""},
		{"3.0", `{"TotalCount":7,"UserCmdTasks":[{}],"RequestId":"r"}`, c3, 7, 1, ""},
		{"none", `{"totalNum":0,"list":[]}`, c2, 0, 0, ""},
		{"none, as null", `{"TotalCount":0,"UserCmdTasks":null}`, c3, 0, 0, ""},
		{"none, as {}", `{"totalNum":0,"list":{}}`, c2, 0, 0, ""},
		{"none, without a list", `{"totalNum":0}`, c2, 0, 0, ""},
		{"no data", ``, c2, 0, 0, ""},
		{"data of a PHP back-end", `[]`, c2, 0, 0, ""},
		{"a page behind the last", `{"totalNum":3,"list":[]}`, c2, 3, 0, ""},
		{"no total", `{"list":[{}]}`, c2, 1, 1, ""},
		{"neither", `{"RequestId":"r"}`, c3, 0, 0, "neither"},
		{"a total and no list", `{"totalNum":3}`, c2, 0, 0, "no list"},
		{"a total below zero", `{"totalNum":-1,"list":[{}]}`, c2, 0, 0, "negative"},
		{"a list that is an object", `{"totalNum":1,"list":{"0":{}}}`, c2, 0, 0, "not a list"},
		{"a row that is a text", `{"totalNum":1,"list":["x"]}`, c2, 0, 0, "not an object"},
		{"a row that is null", `{"totalNum":1,"list":[null]}`, c2, 0, 0, "not an object"},
		{"not an object", `5`, c2, 0, 0, "JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			total, rows, err := tt.c.rows(json.RawMessage(tt.data), tt.c.api.names().tasks)
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if total != tt.total || len(rows) != tt.n {
				t.Errorf("%d of %d", len(rows), total)
			}
		})
	}
}

// Whatever an API answers: no panic, and no host that has ended, no host or task without a name, that the answer did not say.
func FuzzLists(f *testing.F) {
	for _, s := range []string{
		`{"code":0,"data":{"totalNum":"1","list":[{"taskId":"t","cmdId":"c","status":"0","instanceId":"i","cmdResult":"aGk=","lastShellExit":"3"}]}}`,
		`{"Response":{"TotalCount":1,"UserCmdTasks":[{"TaskId":"t","CmdId":"c","Status":-1}],"UserCmdTaskInfoSet":[{"InstanceId":"i","Status":0}],"UserCmds":[{"CmdId":"c"}]}}`,
		`{"Response":{"SuccessTaskInfoSet":[{"InstanceId":"i","TaskId":1,"CmdTaskId":"t"}],"FailedTaskInfoSet":[{"InstanceId":"j","ErrorMsg":"m"}]}}`,
		`{"Response":{"TotalCount":1,"InvocationTaskSet":[{"InvocationId":"t","InstanceId":"i","TaskStatus":"SUCCESS","TaskResult":{"ExitCode":0,"Output":"aGk="}}],"InvocationSet":[{"InvocationId":"t"}]}}`,
		`{"Response":{"TotalCount":1,"CommandSet":[{"CommandId":"c","CommandType":"SHELL","Content":"aGk=","EnableParameter":true,"DefaultParameters":"{\"a\":\"b\"}"}]}}`,
		`{"Response":{"TotalCount":1,"InstanceSet":[{"InstanceId":"i","InstanceName":null,"InstanceState":"RUNNING","Tags":[{"Key":"env","Value":["prod"]}]}]}}`,
		`{"Response":{"Error":{"Code":"InternalError.X"}}}`, `{"code":0,"data":[]}`, `{"code":0,"data":{"list":[null]}}`, `{"Response":null}`, `<`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, c := range []*Client{{api: api2{}}, {api: api3{}}, {api: tat{}, cfg: Config{API: APITAT}}} {
			ans, err := c.api.decode(body)
			if err != nil || !ans.ok() {
				continue
			}
			ans.clean = func(s string) string { return s }
			checkRows(t, c, ans.data)
			var a Accepted
			if err := c.api.accept(&a, call{}, ans); err == nil && c.api.names().capital && len(a.Tasks)+len(a.Refused) == 0 && !bytes.Contains(ans.data, []byte("SuccessTaskInfoSet")) {
				t.Error("a yes for no host")
			}
			if f, found, err := c.api.pick(c, ans.data, "c"); err == nil && found {
				if s, err := c.api.scriptOf(f); err == nil && Sends(c.cfg.API) && len(s.Content) == 0 {
					t.Error("a script without content")
				}
			}
		}
	})
}

// anyClient reads rows of Bare Metal, whichever version wrote them.
var anyClient = &Client{api: api2{}}

func decodeRow(f fields, hide func([]byte) []byte) (HostRun, error) {
	return decodeHostRun("t", f, bareMetal{}.hostOf(f, hide))
}

func checkRows(t *testing.T, c *Client, data json.RawMessage) {
	n := c.api.names()
	for _, key := range []string{n.scripts, n.tasks, n.hosts, "InstanceSet"} {
		total, rows, err := c.rows(data, key)
		if err == nil && total < 0 {
			t.Error("fewer than none")
		}
		for _, row := range rows {
			if task, err := c.decodeTask(row, nothing); err == nil && (task.ID == "" || task.CmdID == "" && !Sends(c.cfg.API)) {
				t.Error("a task without a name")
			}
			if s, err := c.decodeListed(row, nothing); err == nil && s.CmdID == "" {
				t.Error("a script without a name")
			}
			for _, m := range []Machine{c.virtual(row), c.registered(row), c.device(row), c.agent(row)} {
				if _, unnamed := m.Tags[""]; m.Told && unnamed {
					t.Errorf("tags that are told, and one has no key: %+v", m)
				}
			}
			h, err := decodeHostRun("t", row, c.api.hostOf(row, nothing))
			if err != nil {
				continue
			}
			if Sends(c.cfg.API) {
				if code, ok := flexInt(row.inner("TaskResult").raw("ExitCode")); h.Exit == 0 && (!ok || code != 0 || h.Word != "SUCCESS") {
					t.Errorf("a success that nobody told: %+v", h)
				}
				continue
			}
			if n, ok := flexInt(row.raw("status")); h.Host == "" || h.State == HostEnded && (!ok || n != 0) {
				t.Errorf("a host without a name, or one that ended though nobody said so: %+v", h)
			}
		}
	}
}

func TestHider(t *testing.T) {
	tests := []struct{ why, in, want string }{
		{"nothing to hide, bytes that are no UTF-8", "a\xff\xfe\x00b", "a\xff\xfe\x00b"},
		{"hidden among such bytes", "\xffcanary-secret\xfe", "\xff[secret]\xfe"},
		{"longer than a message may be", strings.Repeat("x", 5000) + "canary-secret", strings.Repeat("x", 5000) + "[secret]"},
		{"in base64", base64.StdEncoding.EncodeToString([]byte("canary-secret")), "[secret]=="},
		{"empty", "", ""},
	}
	for _, tt := range tests {
		if got := string(hider([]string{"canary-secret", ""})([]byte(tt.in))); got != tt.want {
			t.Errorf("%s: %.80q", tt.why, got)
		}
	}
}

// What one host wrote, 5 MB of it, read whole.
func BenchmarkFiveMegabytes(b *testing.B) {
	body := []byte(`{"code":0,"data":{"totalNum":1,"list":[{"instanceId":"i","status":"0","cmdResult":"` +
		base64.StdEncoding.EncodeToString([]byte(strings.Repeat("0123456789abcde\n", 5<<16))) + `"}]}}`)
	c, err := New(Config{ReadKey: noKey})
	if err != nil {
		b.Fatal(err)
	}
	hide := hider([]string{sampleID, sampleSecret, "signature-of-this-call"})
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		ans, err := c.api.decode(body)
		if err != nil {
			b.Fatal(err)
		}
		_, rows, err := c.rows(ans.data, "list")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := decodeRow(rows[0], hide); err != nil {
			b.Fatal(err)
		}
	}
}
