package bmtest_test

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

// asked3 is one request of API 3.0 as a test wants it.
type asked3 struct {
	header, fields map[string]any // header without "X-TC-"
	key, id        string
	alter          func(*http.Request)
	signed         string // instead of content-type;host
	date           string // instead of the timestamp's
	service        string // instead of bm
}

func run3() asked3 {
	return asked3{
		key: "secret", id: "id", signed: "content-type;host", date: "2026-11-03",
		header: map[string]any{"Action": "RunUserCmd", "Version": "2018-04-23", "Region": "ap-beijing", "Timestamp": now.Unix()},
		fields: map[string]any{"CmdId": "cmd-1", "UserName": "root", "Password": "123456", "InstanceIds": []string{"ins-1", "ins-2"}},
	}
}

func (a asked3) action(name string, fields map[string]any) asked3 {
	a.header = maps.Clone(a.header)
	a.header["Action"], a.fields = name, fields
	return a
}

func (a asked3) head(name string, v any) asked3 {
	a.header = maps.Clone(a.header)
	a.header[name] = v
	if v == nil {
		delete(a.header, name)
	}
	return a
}

func (a asked3) field(name string, v any) asked3 {
	a.fields = maps.Clone(a.fields)
	a.fields[name] = v
	if v == nil {
		delete(a.fields, name)
	}
	return a
}

// answered3 is what came back.
type answered3 struct {
	raw      string
	Response struct {
		RequestID string `json:"RequestId"`
		Error     struct{ Code, Message string }

		SuccessTaskInfoSet, FailedTaskInfoSet, UserCmds, UserCmdTasks, UserCmdTaskInfoSet, DeviceInfoSet   []map[string]any
		CommandSet, InvocationSet, InvocationTaskSet, InstanceSet, RegisterInstanceSet, AutomationAgentSet []map[string]any
		CommandID                                                                                          string `json:"CommandId"`
		InvocationID                                                                                       string `json:"InvocationId"`
		ReplacedContent                                                                                    []byte
		TotalCount                                                                                         int
	}
}

// send3 signs as plainly as can be, for a POST of JSON with the usual two headers, or those that a test wants.
func send3(t *testing.T, s *bmtest.Server, a asked3) answered3 {
	t.Helper()
	body, err := json.Marshal(a.fields)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL3(), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for k, v := range a.header {
		req.Header.Set("X-TC-"+k, fmt.Sprint(v))
	}
	var headers string
	for name := range strings.SplitSeq(a.signed, ";") {
		v := req.Header.Get(name)
		if name == "host" {
			v = req.URL.Host
		}
		headers += strings.ToLower(name+":"+v) + "\n"
	}
	sum := func(b string) string { h := sha256.Sum256([]byte(b)); return hex.EncodeToString(h[:]) }
	mac := func(key, b string) string {
		m := hmac.New(sha256.New, []byte(key))
		io.WriteString(m, b)
		return string(m.Sum(nil))
	}
	service := cmp.Or(a.service, "bm")
	text := fmt.Sprintf("TC3-HMAC-SHA256\n%v\n%s/%s/tc3_request\n%s", a.header["Timestamp"], a.date, service,
		sum("POST\n/\n\n"+headers+"\n"+a.signed+"\n"+sum(string(body))))
	signature := hex.EncodeToString([]byte(mac(mac(mac(mac("TC3"+a.key, a.date), service), "tc3_request"), text)))
	req.Header.Set("Authorization", fmt.Sprintf("TC3-HMAC-SHA256 Credential=%s/%s/%s/tc3_request, SignedHeaders=%s, Signature=%s", a.id, a.date, service, a.signed, signature))
	if a.alter != nil {
		a.alter(req)
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := answered3{raw: string(raw)}
	_ = json.Unmarshal(raw, &got) // what is no JSON is seen in raw
	return got
}

func TestAccepts3(t *testing.T) {
	page := map[string]any{"Offset": 0, "Limit": 20}
	tests := []struct {
		why string
		ask asked3
	}{
		{"a run", run3()},
		{"a run with parameters", run3().field("CmdParam", "LWE=")},
		{"a third header signed, as the newest edition of the example", func() asked3 { a := run3(); a.signed = "content-type;host;x-tc-action"; return a }()},
		{"four minutes old", run3().head("Timestamp", now.Unix()-240)},
		{"another region", run3().head("Region", "ap-chongqing")},
		{"scripts by a reader", func() asked3 { a := run3().action("DescribeUserCmds", page); a.id = "reader"; return a }()},
		{"tasks", run3().action("DescribeUserCmdTasks", page)},
		{"hosts, whose page is optional", run3().action("DescribeUserCmdTaskInfo", map[string]any{"TaskId": "cmdtask-1"})},
		{"a wrong password, as the real API may", run3().field("Password", "wrong")},
		{"a password of 2.0's trap", run3().field("Password", "@123456")},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			s := start(t)
			got := send3(t, s, tt.ask)
			if got.Response.Error.Code != "" || got.Response.RequestID == "" {
				t.Errorf("got %s", got.raw)
			}
			if c := s.Calls()[0]; c.API != "3.0" || c.Error != "" || !c.Executed || c.Params["SecretId"] != tt.ask.id {
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestRefuses3(t *testing.T) {
	auth := func(v string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", v) }
	}
	page := func(offset, limit any) map[string]any { return map[string]any{"Offset": offset, "Limit": limit} }
	tests := []struct {
		why  string
		ask  asked3
		opts []bmtest.Option
		code string
		says string
	}{
		{"no action", run3().head("Action", nil), nil, "InvalidParameter", "Action is missing"},
		{"an action of 2.0", run3().head("Action", "GetUserCmd"), nil, "InvalidAction", "DescribeUserCmds"},
		{"no version", run3().head("Version", nil), nil, "MissingParameter", "Version"},
		{"another version", run3().head("Version", "2018-04-24"), nil, "NoSuchVersion", "2018-04-23"},
		{"no region", run3().head("Region", nil), nil, "MissingParameter", "Region"},
		{"a region of 2.0", run3().head("Region", "bj"), nil, "UnsupportedRegion", "ap-beijing"},
		{"no time", run3().head("Timestamp", nil), nil, "MissingParameter", "Timestamp"},
		{"a time that is none", run3().head("Timestamp", "now"), nil, "InvalidParameter", "Timestamp"},
		{"too old", run3().head("Timestamp", now.Unix()-301), nil, "AuthFailure.SignatureExpire", "5m1s"},
		{"in the future", run3().head("Timestamp", now.Unix()+301), nil, "AuthFailure.SignatureExpire", "5m1s"},
		{"no authorization", func() asked3 { a := run3(); a.alter = auth(""); return a }(), nil, "AuthFailure.InvalidAuthorization", "missing"},
		{"another algorithm", func() asked3 { a := run3(); a.alter = auth("HmacSHA256 x"); return a }(), nil, "AuthFailure.InvalidAuthorization", "TC3-HMAC-SHA256"},
		{"an unknown key", func() asked3 { a := run3(); a.id = "who"; return a }(), nil, "AuthFailure.SecretIdNotFound", "no such SecretId"},
		{"a token nobody gave", run3().head("Token", "t"), nil, "AuthFailure.TokenFailure", "Token"},
		{"another key's signature", func() asked3 { a := run3(); a.key = "other"; return a }(), nil, "AuthFailure.SignatureFailure", "canonical request is"},
		{"another day's key", func() asked3 { a := run3(); a.date = "2026-11-04"; return a }(), nil, "AuthFailure.SignatureFailure", "date in UTC"},
		{"the host is not signed", func() asked3 { a := run3(); a.signed = "content-type"; return a }(), nil, "AuthFailure.SignatureFailure", "are to be signed"},
		{"not in order", func() asked3 { a := run3(); a.signed = "host;content-type"; return a }(), nil, "AuthFailure.SignatureFailure", "in order"},
		{"a body that was changed", func() asked3 {
			a := run3()
			a.alter = func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("{}")), 2 }
			return a
		}(), nil, "AuthFailure.SignatureFailure", "does not fit"},
		{"a header that was changed", func() asked3 {
			a := run3()
			a.signed = "content-type;host;x-tc-action"
			a.alter = func(r *http.Request) { r.Header.Set("X-TC-Action", "DescribeUserCmds") }
			return a
		}(), nil, "AuthFailure.SignatureFailure", "does not fit"},
		{"a form", func() asked3 {
			a := run3()
			a.alter = func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }
			return a
		}(), nil, "InvalidParameter", "application/json"},
		{"by GET", func() asked3 { a := run3(); a.alter = func(r *http.Request) { r.Method = "GET" }; return a }(), nil, "InvalidParameter", "POST"},
		{"a key that may not run", func() asked3 { a := run3(); a.id = "reader"; return a }(), nil, "UnauthorizedOperation", "RunUserCmd"},
		{"http where https is wanted", run3(), []bmtest.Option{bmtest.OnlyHTTPS()}, "UnsupportedProtocol", "https"},
		{"no script", run3().field("CmdId", nil), nil, "MissingParameter", "CmdId"},
		{"a script that is not there", run3().field("CmdId", "cmd-2"), nil, "InvalidParameter", "cmd-2"},
		{"a password that is a number", run3().field("Password", 123456), nil, "InvalidParameter", "Password is not a string"},
		{"parameters plain", run3().field("CmdParam", "-a -b"), nil, "InvalidParameter", "not base64"},
		{"no hosts", run3().field("InstanceIds", nil), nil, "MissingParameter", "InstanceIds"},
		{"one host, no list", run3().field("InstanceIds", "ins-1"), nil, "InvalidParameter", "not a list"},
		{"hosts of 2.0", run3().field("InstanceIds", nil).field("instanceId.0", "ins-1"), nil, "MissingParameter", "InstanceIds"},
		{"a list without a page", run3().action("DescribeUserCmds", map[string]any{}), nil, "MissingParameter", "is missing"},
		{"an offset as text", run3().action("DescribeUserCmds", page("0", 20)), nil, "InvalidParameter", "Offset is not a number"},
		{"a limit of none", run3().action("DescribeUserCmdTasks", page(0, 0)), nil, "InvalidParameter", "1 to 100"},
		{"a limit too large", run3().action("DescribeUserCmdTasks", page(0, 101)), nil, "InvalidParameter", "1 to 100"},
		{"a limit too large for a narrow server", run3().action("DescribeUserCmdTasks", page(0, 21)), []bmtest.Option{bmtest.MostRows(20)}, "InvalidParameter", "1 to 20"},
		{"an offset below none", run3().action("DescribeUserCmdTasks", page(-1, 5)), nil, "InvalidParameter", "negative"},
		{"an order that is not offered", run3().action("DescribeUserCmdTasks", page(0, 5)).field("OrderField", "Alias"), nil, "InvalidParameter", "alias"},
		{"an order of 2", run3().action("DescribeUserCmdTasks", page(0, 5)).field("Order", 2), nil, "InvalidParameter", "0 or 1"},
		{"hosts of no task", run3().action("DescribeUserCmdTaskInfo", page(0, 5)), nil, "MissingParameter", "TaskId"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			s := start(t, tt.opts...)
			got := send3(t, s, tt.ask)
			if got.Response.Error.Code != tt.code || !strings.Contains(got.Response.Error.Message, tt.says) {
				t.Errorf("got %s, want %s saying %q", got.raw, tt.code, tt.says)
			}
			if strings.Contains(got.raw, "123456\"") {
				t.Errorf("the answer holds the password: %s", got.raw)
			}
			if c := s.Calls()[0]; s.Runs() != nil || c.Executed || c.Error != tt.code || c.Code != 0 {
				t.Errorf("it ran, or the history is wrong: %+v", c)
			}
		})
	}
}

// What 2.0 writes as text, 3.0 writes as numbers: of the same script, task and hosts.
func TestTypesOfBoth(t *testing.T) {
	s := start(t)
	s.SetHost("ins-2", bmtest.HostBehaviour{Exit: 3, Output: []byte("out")})
	run := send3(t, s, run3().field("CmdParam", "LWE=").field("InstanceIds", []string{"ins-1", "ins-2", "ins-9"}))
	task := s.TaskIDs()[0]
	if diff := gocmp.Diff([]map[string]any{
		{"InstanceId": "ins-1", "TaskId": 903537.0, "CmdTaskId": task}, {"InstanceId": "ins-2", "TaskId": 903538.0, "CmdTaskId": task},
	}, run.Response.SuccessTaskInfoSet); diff != "" {
		t.Error(diff)
	}
	if failed := run.Response.FailedTaskInfoSet; len(failed) != 1 || failed[0]["InstanceId"] != "ins-9" || failed[0]["ErrorMsg"] == "" {
		t.Errorf("%v", failed)
	}
	page := map[string]any{"Offset": 0, "Limit": 20}
	listed := func(action string, params ...string) map[string]any {
		t.Helper()
		a := get().with(append([]string{"Action", action, "cmdId", "-", "Nonce", "9" + itoa(len(action))}, params...)...)
		var data struct {
			List []map[string]any `json:"list"`
		}
		if err := json.Unmarshal(send(t, s, a).Data, &data); err != nil || len(data.List) == 0 {
			t.Fatal(err)
		}
		return data.List[0]
	}
	tests := []struct {
		why    string
		two    map[string]any
		three  map[string]any
		fields []string // of 2.0, of 3.0, value in 2.0, value in 3.0
		want   []any
	}{
		{
			"a task", listed("GetUserCmdTaskList"), send3(t, s, run3().action("DescribeUserCmdTasks", page)).Response.UserCmdTasks[0],
			[]string{"instanceCount", "InstanceCount", "failureCount", "FailureCount", "cmdAlias", "Alias", "taskId", "TaskId", "status", "Status"},
			[]any{"2", 2.0, "1", 1.0, "hello", "hello", task, task, 0.0, 0.0},
		},
		{
			"a host", listed("GetUserCmdTaskDetailList", "taskId", task, "searchKey", "ins-2"),
			send3(t, s, run3().action("DescribeUserCmdTaskInfo", map[string]any{"TaskId": task, "SearchKey": "ins-2"})).Response.UserCmdTaskInfoSet[0],
			[]string{"status", "Status", "lastShellExit", "LastShellExit", "cmdResult", "CmdResult", "cmdParam", "CmdParam", "cmdContent", "CmdContent", "instanceId", "InstanceId", "vpcId", "VpcId"},
			[]any{"0", 0.0, 3.0, 3.0, "b3V0", "b3V0", "LWE=", "LWE=", "ZWNobyBoaQ==", "ZWNobyBoaQ==", "ins-2", "ins-2", "1", "vpc-1"},
		},
		{
			"a script", listed("GetUserCmdList"), send3(t, s, run3().action("DescribeUserCmds", page)).Response.UserCmds[0],
			[]string{"cmdId", "CmdId", "appId", "AppId", "content", "Content", "createTime", "CreateTime"},
			[]any{"cmd-1", "cmd-1", nil, 251000873.0, nil, "ZWNobyBoaQ==", "2017-10-19 19:29:35", "2017-10-19 19:29:35"},
		},
	}
	for _, tt := range tests {
		for i, name := range tt.fields {
			of := tt.two
			if i%2 == 1 {
				of = tt.three
			}
			if diff := gocmp.Diff(tt.want[i], of[name]); diff != "" {
				t.Errorf("%s: %s: %s", tt.why, name, diff)
			}
		}
	}
}

// A fault planned by a name or a number of 2.0 happens in 3.0, too, in its words; every number has some.
func TestFaults3(t *testing.T) {
	s := start(t)
	for _, n := range bmtest.Documented() {
		s.FailNext("RunUserCmd", bmtest.Fault{Code: n}, 1)
		got := send3(t, s, run3())
		if got.Response.Error.Code == "" || got.Response.Error.Message == "" || strings.ContainsAny(got.Response.Error.Code[:1], "0123456789") {
			t.Errorf("%d: %s", n, got.raw)
		}
	}
	s.FailNext("RunUserCmd", bmtest.Fault{For: "ins-none", Error: "InternalError"}, 1)
	s.FailNext("RunUserCmd", bmtest.Fault{For: "ins-2", Error: "OperationDenied"}, 1)
	if got := send3(t, s, run3()); got.Response.Error.Code != "OperationDenied" {
		t.Errorf("a host's fault: %s", got.raw)
	}
	s.FailNext("GetUserCmd", bmtest.Fault{Error: "InternalError", Message: "m"}, 1)
	page := map[string]any{"Offset": 0, "Limit": 20}
	if got := send3(t, s, run3().action("DescribeUserCmds", page)); got.Response.Error.Code != "" {
		t.Errorf("a list is no read of one script: %s", got.raw)
	}
	one := run3().action("DescribeUserCmds", map[string]any{"Offset": 0, "Limit": 20, "CmdId": "cmd-1"})
	if got := send3(t, s, one); got.Response.Error.Code != "InternalError" || got.Response.Error.Message != "m" {
		t.Errorf("got %s", got.raw)
	}
	if s.Count("GetUserCmd") != 1 || s.Count("GetUserCmdList") != 1 || s.Count("DescribeUserCmds") != 2 || len(s.CallsOf("GetUserCmd")) != 1 {
		t.Errorf("counted %d, %d, %d", s.Count("GetUserCmd"), s.Count("GetUserCmdList"), s.Count("DescribeUserCmds"))
	}
	if s.Runs() != nil {
		t.Error("and it ran")
	}
}

func TestTasksBegunByHand(t *testing.T) {
	s := start(t)
	if _, err := s.RunByHand("cmd-9", []string{"ins-1"}, nil, nil); err == nil {
		t.Error("a script that is not there ran")
	}
	if _, err := s.RunByHand("cmd-1", []string{"ins-9"}, nil, nil); err == nil {
		t.Error("it ran on a host that is not there")
	}
	s.SetHost("ins-1", bmtest.HostBehaviour{Manual: true})
	id, err := s.RunByHand("cmd-1", []string{"ins-1"}, []byte("other"), []byte("-x"))
	if err != nil || s.Runs() != nil {
		t.Errorf("%v, %v", err, s.Runs())
	}
	hosts := func() map[string]any {
		return send3(t, s, run3().action("DescribeUserCmdTaskInfo", map[string]any{"TaskId": id})).Response.UserCmdTaskInfoSet[0]
	}
	if h := hosts(); h["Status"] != -1.0 || h["RunEndTime"] != "" || h["LastShellExit"] != -1.0 || h["CmdContent"] != "b3RoZXI=" {
		t.Errorf("%v", h)
	}
	if s.EndTask("cmdtask-none") || s.EndHost(id, "ins-2") || s.SetHost("ins-9", bmtest.HostBehaviour{}) {
		t.Error("what is not there was found")
	}
	if !s.EndHost(id, "ins-1") || hosts()["Status"] != 0.0 {
		t.Errorf("%v", hosts())
	}
}

func TestHistoryKeepsALongAnswerInPart(t *testing.T) {
	s := start(t)
	s.FailNext("", bmtest.Fault{Pad: 1 << 20}, 1)
	if got := send3(t, s, run3()); len(got.raw) < 1<<20 {
		t.Errorf("%d bytes came", len(got.raw))
	}
	if n := len(s.Calls()[0].Answer); n != 64<<10 {
		t.Errorf("%d bytes are kept", n)
	}
}

func TestSorting(t *testing.T) {
	at := now
	s := start(t, bmtest.Now(func() time.Time { return at }))
	s.SetHost("ins-1", bmtest.HostBehaviour{Manual: true})
	var ids []string
	for range 3 {
		id, err := s.RunByHand("cmd-1", []string{"ins-1"}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
		at = at.Add(time.Minute)
	}
	s.EndTask(ids[0])
	tests := []struct {
		why    string
		order  string
		params map[string]any
		want   []string
	}{
		{"newest first", "", nil, []string{ids[2], ids[1], ids[0]}},
		{"oldest first", "RunBeginTime", map[string]any{"Order": 0}, []string{ids[0], ids[1], ids[2]}},
		{"what ended, first", "RunEndTime", nil, []string{ids[0], ids[1], ids[2]}},
		{"a part", "RunBeginTime", map[string]any{"Offset": 1, "Limit": 1}, []string{ids[1]}},
	}
	for _, tt := range tests {
		fields := map[string]any{"Offset": 0, "Limit": 20}
		if tt.order != "" {
			fields["OrderField"] = tt.order
		}
		maps.Copy(fields, tt.params)
		got := send3(t, s, run3().head("Timestamp", at.Unix()).action("DescribeUserCmdTasks", fields)).Response
		var order []string
		for _, task := range got.UserCmdTasks {
			order = append(order, task["TaskId"].(string))
		}
		if diff := gocmp.Diff(tt.want, order); diff != "" || got.TotalCount != 3 {
			t.Errorf("%s: %d in all, %s", tt.why, got.TotalCount, diff)
		}
	}
}

// What others ran before is listed with its own times, and what runs now comes after it.
func TestTasksOfTheTimeBefore(t *testing.T) {
	s := start(t)
	s.SetHost("ins-1", bmtest.HostBehaviour{Takes: time.Minute})
	for why, err := range map[string]error{
		"a script that is not there": s.RanBefore(1, time.Hour, "cmd-9", []string{"ins-1"}),
		"a host that is not there":   s.RanBefore(1, time.Hour, "cmd-1", []string{"ins-9"}),
	} {
		if err == nil {
			t.Error(why)
		}
	}
	if err := s.RanBefore(4, 2*time.Minute, "cmd-1", []string{"ins-1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RunByHand("cmd-1", []string{"ins-1"}, nil, nil); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, task := range send3(t, s, run3().action("DescribeUserCmdTasks", map[string]any{"Offset": 0, "Limit": 20})).Response.UserCmdTasks {
		got = append(got, fmt.Sprint(task["RunBeginTime"].(string)[11:], " ", task["Status"]))
	}
	want := []string{"10:00:00 -1", "09:59:30 -1", "09:59:00 0", "09:58:30 0", "09:58:00 0"}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s.Runs() != nil {
		t.Error("what others run is none of the API's runs")
	}
}
