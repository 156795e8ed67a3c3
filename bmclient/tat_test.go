package bmclient_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

// tatCall is what a call to TAT said.
type tatCall struct {
	Action, Version, Region, Host string
	Fields                        map[string]any
}

// tatAPI answers each action as answer says: an object, or an error's code. It is for answers that no document settles.
type tatAPI struct {
	mu     sync.Mutex
	calls  []tatCall
	answer func(tatCall) any
}

func startTAT(t *testing.T, answer func(tatCall) any, and ...func(*bmclient.Config)) (*tatAPI, *bmclient.Client) {
	t.Helper()
	a := &tatAPI{answer: answer}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	c := newClient(t, server.URL, func(c *bmclient.Config) {
		c.API, c.Region, c.ReadAttempts = bmclient.APITAT, "ap-guangzhou", 1
		for _, set := range and {
			set(c)
		}
	})
	return a, c
}

func (a *tatAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	call := tatCall{Action: r.Header.Get("X-TC-Action"), Version: r.Header.Get("X-TC-Version"), Region: r.Header.Get("X-TC-Region"), Host: r.Host}
	_ = json.Unmarshal(body, &call.Fields)
	a.mu.Lock()
	a.calls = append(a.calls, call)
	out := a.answer(call)
	a.mu.Unlock()
	response, is := out.(map[string]any)
	if code, wrong := out.(string); wrong {
		response = map[string]any{"Error": map[string]any{"Code": code, "Message": "no"}}
	} else if !is {
		response = map[string]any{}
	}
	response["RequestId"] = "5d0c7a52"
	_ = json.NewEncoder(w).Encode(map[string]any{"Response": response})
}

func (a *tatAPI) made(action string) (all []tatCall) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.calls {
		if c.Action == action {
			all = append(all, c)
		}
	}
	return all
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

type object = map[string]any

// What is sent is the approved script, with nothing left to be filled in.
func TestTATRun(t *testing.T) {
	api, c := startTAT(t, func(tatCall) any { return object{"InvocationId": "inv-7c1d9e4fa0", "CommandId": "cmd-t4kq0x2m"} })
	script := "#!/bin/sh\n# bmcmd r-abc\necho {{x}} \"$1\" é\r\n"
	took, err := c.Run(t.Context(), runKey, bmclient.Run{
		CmdID: "cmd-1", Hosts: []string{"ins-1", "ins-2"}, User: "root", Content: []byte(script),
		How: bmclient.How{Type: "SHELL", Dir: "/srv", Timeout: 90 * time.Second, User: "other", Fillable: true},
	})
	if err != nil || !slices.Equal(took.Tasks, []string{"inv-7c1d9e4fa0"}) {
		t.Fatalf("%+v, %v", took, err)
	}
	want := object{
		"Content": b64(script), "InstanceIds": []any{"ins-1", "ins-2"}, "Username": "root", "CommandType": "SHELL",
		"WorkingDirectory": "/srv", "Timeout": 90.0, "EnableParameter": false, "SaveCommand": false,
	}
	call := api.made("RunCommand")[0]
	if diff := cmp.Diff(want, call.Fields); diff != "" || call.Version != "2020-10-28" || call.Region != "ap-guangzhou" {
		t.Errorf("%+v\n%s", call, diff)
	}
}

// Nothing is sent of an order that is not whole.
func TestTATRunRefusedHere(t *testing.T) {
	api, c := startTAT(t, func(tatCall) any { return nil })
	var many []string
	for i := range 201 {
		many = append(many, fmt.Sprint("ins-", i))
	}
	for why, r := range map[string]bmclient.Run{
		"no script":       {CmdID: "cmd-1", Hosts: []string{"ins-1"}, User: "root"},
		"no user":         {CmdID: "cmd-1", Hosts: []string{"ins-1"}, Content: []byte("x")},
		"one host twice":  {CmdID: "cmd-1", Hosts: []string{"ins-1", "ins-1"}, User: "root", Content: []byte("x")},
		"201 hosts":       {CmdID: "cmd-1", Hosts: many, User: "root", Content: []byte("x")},
		"a script of 48K": {CmdID: "cmd-1", Hosts: []string{"ins-1"}, User: "root", Content: make([]byte, 48<<10+1)},
	} {
		if _, err := c.Run(t.Context(), runKey, r); !errors.Is(err, bmclient.ErrNotSent) {
			t.Errorf("%s: %v", why, err)
		}
	}
	if err := c.Stop(t.Context(), runKey, "inv-1", nil); err != nil || len(api.calls) != 0 {
		t.Errorf("%v; %d calls: no hosts would stop all", err, len(api.calls))
	}
}

func TestTATYesThatNamesNoInvocation(t *testing.T) {
	_, c := startTAT(t, func(tatCall) any { return object{"CommandId": "cmd-x"} })
	_, err := c.Run(t.Context(), runKey, bmclient.Run{CmdID: "cmd-1", Hosts: []string{"ins-1"}, User: "root", Content: []byte("x")})
	if e := (*bmclient.Error)(nil); !errors.As(err, &e) || e.Class != bmclient.ClassUnknown {
		t.Errorf("%v", err)
	}
}

func TestTATScript(t *testing.T) {
	row := object{
		"CommandId": "cmd-1", "CommandName": "restart", "Content": b64("echo {{a}}\n"), "CommandType": "SHELL", "Username": "root", "WorkingDirectory": "/root",
		"Timeout": 60, "CreatedTime": "2026-11-20T03:04:05Z", "UpdatedTime": "2026-11-20T03:04:05+00:00", "EnableParameter": true, "DefaultParameters": `{"a":"1"}`,
		"OutputCOSBucketUrl": nil, "Tags": nil,
	}
	want := bmclient.Script{
		CmdID: "cmd-1", Alias: "restart", OSType: "linux", Content: []byte("echo {{a}}\n"),
		How:     bmclient.How{Type: "SHELL", User: "root", Dir: "/root", Timeout: time.Minute, Fillable: true, Defaults: []bmclient.Default{{Name: "a", Value: "1"}}},
		Created: time.Date(2026, 11, 20, 3, 4, 5, 0, time.UTC), Modified: time.Date(2026, 11, 20, 3, 4, 5, 0, time.UTC),
	}
	for _, tt := range []struct {
		why    string
		answer any
		is     error
		bad    bool
	}{
		{"as documented", object{"TotalCount": 1, "CommandSet": []any{row}}, nil, false},
		{"an id that is not there is an empty set", object{"TotalCount": 0, "CommandSet": []any{}}, bmclient.ErrNoScript, false},
		{"or null", object{"TotalCount": 0, "CommandSet": nil}, bmclient.ErrNoScript, false},
		{"or an error", "ResourceNotFound.CommandNotFound", bmclient.ErrNoScript, false},
		{"another script", object{"TotalCount": 1, "CommandSet": []any{object{"CommandId": "cmd-2", "Content": "", "CommandType": "SHELL"}}}, nil, true},
		{"a type that nobody knows", object{"TotalCount": 1, "CommandSet": []any{object{"CommandId": "cmd-1", "Content": "", "CommandType": "RUBY"}}}, nil, true},
		{"a content that is not base64", object{"TotalCount": 1, "CommandSet": []any{object{"CommandId": "cmd-1", "Content": "echo !", "CommandType": "SHELL"}}}, nil, true},
	} {
		_, c := startTAT(t, func(tatCall) any { return tt.answer })
		s, err := c.Script(t.Context(), "cmd-1")
		switch {
		case tt.is != nil || tt.bad:
			if err == nil || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%s: %v", tt.why, err)
			}
		case err != nil || !cmp.Equal(s, want, cmp.Comparer(time.Time.Equal)):
			t.Errorf("%s: %v %s", tt.why, err, cmp.Diff(want, s))
		}
	}
}

// What each status proves. A colleague reads from it whether a host may still be touched.
func TestTATStatuses(t *testing.T) {
	words := map[string]bmclient.HostState{
		"PENDING": bmclient.HostWaiting, "DELIVERING": bmclient.HostWaiting, "DELIVER_DELAYED": bmclient.HostWaiting,
		"RUNNING": bmclient.HostRunning, "CANCELLING": bmclient.HostRunning,
		"DELIVER_FAILED": bmclient.HostNever, "START_FAILED": bmclient.HostNever, "CANCELLED": bmclient.HostNever,
		"SUCCESS": bmclient.HostEnded, "FAILED": bmclient.HostEnded, "TIMEOUT": bmclient.HostKilled, "TERMINATED": bmclient.HostKilled,
		"TASK_TIMEOUT": bmclient.HostLost, "SOMETHING_NEW": bmclient.HostOther, "": bmclient.HostOther,
	}
	var rows []any
	for word := range words {
		rows = append(rows, object{
			"InvocationId": "inv-1", "InstanceId": "ins-" + strings.ToLower(word), "TaskStatus": word, "ErrorInfo": "",
			"TaskResult":      object{"ExitCode": map[bool]int{true: 0, false: 3}[word == "SUCCESS"], "Output": b64("41%\n"), "Dropped": 3120, "OutputUrl": "https://u:p@b.cos.example.com/x/inv-1.log?sign=SECRET#f"},
			"CommandDocument": object{"Content": b64("df -h\n"), "CommandType": "SHELL", "Timeout": 60, "Username": "root", "WorkingDirectory": "/root"},
		})
	}
	api, c := startTAT(t, func(tatCall) any { return object{"TotalCount": len(rows), "InvocationTaskSet": rows} })
	n, err := c.EachHost(t.Context(), "inv-1", func(h bmclient.HostRun) error {
		exit := map[string]int{"SUCCESS": 0, "FAILED": 3}
		want, ran := exit[h.Word]
		if !ran {
			want = -1
		}
		if h.State != words[h.Word] || h.Exit != want {
			t.Errorf("%q: %v, exit %d", h.Word, h.State, h.Exit)
		}
		if string(h.Content) != "df -h\n" || string(h.Output) != "41%\n" || h.Dropped != 3120 || h.Ran.User != "root" || h.URL != "https://b.cos.example.com/x/inv-1.log" {
			t.Errorf("%+v", h)
		}
		return nil
	})
	if err != nil || n != len(words) {
		t.Error(n, err)
	}
	if call := api.made("DescribeInvocationTasks")[0]; call.Fields["HideOutput"] != false {
		t.Errorf("outputs are left out: %v", call.Fields)
	}
}

func ran(id, host, content string, at time.Time) object {
	return object{"InvocationId": id, "InstanceId": host, "TaskStatus": "RUNNING", "CreatedTime": at.UTC().Format(time.RFC3339), "CommandDocument": object{"Content": b64(content)}}
}

// A lost answer is found by the whole recorded content, in whatever order the list comes.
func TestTATSent(t *testing.T) {
	since := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	const mine = "# bmcmd r-abc\ndf -h\n"
	all := []any{
		ran("inv-copy", "ins-1", mine+"# and more\n", since.Add(time.Second)),
		ran("inv-other", "ins-1", "df -h\n", since.Add(2*time.Second)),
	}
	for i := range 250 { // other work
		all = append(all, ran(fmt.Sprint("inv-", i), "ins-1", "true\n", since.Add(time.Duration(i)*time.Second)))
	}
	all = append(all, ran("inv-mine", "ins-1", mine, since.Add(3*time.Second)), ran("inv-mine", "ins-2", mine, since.Add(3*time.Second)))
	api, c := startTAT(t, func(call tatCall) any {
		at, limit := int(call.Fields["Offset"].(float64)), int(call.Fields["Limit"].(float64))
		return object{"TotalCount": len(all), "InvocationTaskSet": all[min(at, len(all)):min(at+limit, len(all))]}
	})
	hosts := []string{"ins-1", "ins-2", "ins-3", "ins-4", "ins-5", "ins-6"}
	found, err := c.Sent(t.Context(), bmclient.SentQuery{Hosts: hosts, Content: []byte(mine), Since: since})
	if err != nil || !slices.Equal(found, []string{"inv-mine"}) {
		t.Errorf("%v, %v", found, err)
	}
	values := api.calls[0].Fields["Filters"].([]any)[0].(object)["Values"].([]any)
	if len(values) != 5 || api.calls[0].Fields["HideOutput"] != true {
		t.Errorf("%v", api.calls[0].Fields)
	}
	all = nil
	for i, odd := range []any{nil, since.Add(-8 * time.Hour).Format(time.RFC3339), "2026-11-20 03:00:03", ""} { // a clock or a zone is no evidence against the text
		row := ran(fmt.Sprint("inv-odd-", i), "ins-1", mine, since)
		row["CreatedTime"] = odd
		all = append(all, row)
	}
	if found, err := c.Sent(t.Context(), bmclient.SentQuery{Hosts: hosts, Content: []byte(mine), Since: since}); err != nil || len(found) != 4 {
		t.Errorf("%v, %v", found, err)
	}
	all = nil
	for i := range 2500 {
		all = append(all, ran(fmt.Sprint("inv-", i), "ins-1", "true\n", since.Add(time.Duration(i)*time.Second)))
	}
	if _, err := c.Sent(t.Context(), bmclient.SentQuery{Hosts: hosts, Content: []byte(mine), Since: since}); !errors.Is(err, bmclient.ErrTooLong) {
		t.Errorf("not all was read, and that is said as if nothing were there: %v", err)
	}
}

// What proves that nothing was started, and what does not.
func TestTATClasses(t *testing.T) {
	for code, want := range map[string]bmclient.Class{
		"AuthFailure.SignatureFailure": bmclient.ClassRefused, "UnauthorizedOperation.CamAuthFailed": bmclient.ClassRefused, "UnauthorizedOperation.InvalidToken": bmclient.ClassRefused, "InvalidParameter.Anything": bmclient.ClassRefused,
		"InvalidParameterValue.InconsistentInstance": bmclient.ClassRefused, "MissingParameter": bmclient.ClassRefused, "UnknownParameter": bmclient.ClassRefused,
		"ResourceNotFound.InstanceNotFound": bmclient.ClassRefused, "ResourceUnavailable.AgentStatusNotOnline": bmclient.ClassRefused, "ResourceUnavailable.AgentNotInstalled": bmclient.ClassRefused,
		"ResourceUnavailable.InstanceStateNotRunning": bmclient.ClassRefused, "OperationDenied": bmclient.ClassRefused, "RequestLimitExceeded.UinLimitExceeded": bmclient.ClassRefused,
		"UnauthorizedOperation.NeedApproval": bmclient.ClassUnknown, "InternalError": bmclient.ClassUnknown, "FailedOperation.CVMError": bmclient.ClassUnknown,
		"ResourceUnavailable": bmclient.ClassUnknown, "ResourceUnavailable.SomethingNew": bmclient.ClassUnknown, "ServiceUnavailable": bmclient.ClassUnknown,
		"ResponseSizeLimitExceeded": bmclient.ClassUnknown, "UnsupportedOperation": bmclient.ClassUnknown, "InvalidInstanceId.Malformed": bmclient.ClassUnknown, "ResourceUnavailable.CommandInExecuting": bmclient.ClassUnknown, "NeverHeardOf": bmclient.ClassUnknown,
	} {
		_, c := startTAT(t, func(tatCall) any { return code })
		_, err := c.Run(t.Context(), runKey, bmclient.Run{CmdID: "cmd-1", Hosts: []string{"ins-1"}, User: "root", Content: []byte("x")})
		var e *bmclient.Error
		if !errors.As(err, &e) || e.Class != want || e.Code != code || e.Meaning == "" {
			t.Errorf("%s: %v, want %v", code, err, want)
		}
		if bad := map[string]bool{"AuthFailure.SignatureFailure": true, "UnauthorizedOperation.InvalidToken": true}; bmclient.BadKey(err) != bad[code] || bad[code] != strings.Contains(e.Hint(), "check the key") {
			t.Errorf("%s: a bad key? %s", code, e.Hint())
		}
	}
}

// An error beside what was started proves nothing.
func TestTATErrorBesideAnInvocation(t *testing.T) {
	_, c := startTAT(t, func(tatCall) any {
		return object{"InvocationId": "inv-1", "Error": object{"Code": "InvalidParameterValue.InvalidUsername", "Message": "no"}}
	})
	_, err := c.Run(t.Context(), runKey, bmclient.Run{CmdID: "cmd-1", Hosts: []string{"ins-1"}, User: "root", Content: []byte("x")})
	var e *bmclient.Error
	if !errors.As(err, &e) || e.Class != bmclient.ClassUnknown {
		t.Errorf("%v", err)
	}
}

// The whole way, against an API that reads the documents by itself.
func TestTATFromScriptToEnd(t *testing.T) {
	api := startAPI(t)
	c := newClient(t, api.URLTAT(), func(c *bmclient.Config) { c.API, c.Region = bmclient.APITAT, bmtest.HomeRegion })
	s, err := c.Script(t.Context(), "cmd-nozcbhuw")
	if err != nil || string(s.Content) != content {
		t.Fatalf("%+v, %v", s, err)
	}
	ms, err := c.Machines(t.Context(), []string{"ins-1", "ins-2", "ins-3"})
	if err != nil || len(ms) != 2 || ms[0].Trouble+ms[1].Trouble != "" {
		t.Fatalf("%+v, %v", ms, err)
	}
	sent := []byte("# bmcmd r-abc\n" + content)
	took, err := c.Run(t.Context(), runKey, bmclient.Run{CmdID: s.CmdID, Hosts: []string{"ins-1", "ins-2"}, User: "root", Content: sent, How: s.How})
	if err != nil {
		t.Fatal(err)
	}
	found, err := c.Sent(t.Context(), bmclient.SentQuery{Hosts: []string{"ins-1"}, Content: sent, Since: time.Now().Add(-time.Minute)})
	if err != nil || !slices.Equal(found, took.Tasks) {
		t.Errorf("%v, %v", found, err)
	}
	if err := c.Stop(t.Context(), runKey, took.Tasks[0], []string{"ins-2"}); err != nil {
		t.Error(err)
	}
	n, err := c.EachHost(t.Context(), took.Tasks[0], func(h bmclient.HostRun) error {
		if string(h.Content) != string(sent) {
			t.Errorf("%+v", h)
		}
		return nil
	})
	if err != nil || n != 2 {
		t.Error(n, err)
	}
	if list, err := c.Tasks(t.Context(), bmclient.Page{}); err != nil || len(list.Tasks) != 1 || list.Tasks[0].Hosts != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := c.Scripts(t.Context(), bmclient.ScriptQuery{}); err != nil || len(list.Scripts) != 1 || list.Scripts[0].Content != nil {
		t.Errorf("%+v, %v", list, err)
	}
	for _, name := range []string{"", "web"} {
		if _, err := c.FindMachines(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
}

// The payloads that the sheet of facts has, as they stand there.
func TestTATSheet(t *testing.T) {
	answers := map[string]string{
		"RunCommand":              `{"Response":{"CommandId":"cmd-t4kq0x2m","InvocationId":"inv-7c1d9e4fa0","RequestId":"5d0c7a52-8e0b-4f55-9a51-1f0e3b6c2d11"}}`,
		"DescribeInvocationTasks": `{"Response":{"TotalCount":1,"InvocationTaskSet":[{"InvocationId":"inv-7c1d9e4fa0","InvocationTaskId":"invt-0b5u8w2k1z","CommandId":"cmd-t4kq0x2m","CommandName":"","TaskStatus":"SUCCESS","InstanceId":"ins-3m8v1qzd","TaskResult":{"ExitCode":0,"Output":"NDElCg==","ExecStartTime":"2026-11-20T03:04:06Z","ExecEndTime":"2026-11-20T03:04:07Z","Dropped":0,"OutputUrl":"","OutputUploadCOSErrorInfo":""},"StartTime":"2026-11-20T03:04:06Z","EndTime":"2026-11-20T03:04:07Z","CreatedTime":"2026-11-20T03:04:05Z","UpdatedTime":"2026-11-20T03:04:08Z","CommandDocument":{"Content":"ZGYgLWgK","CommandType":"SHELL","Timeout":120,"WorkingDirectory":"\u002froot","Username":"root","OutputCOSBucketUrl":"","OutputCOSKeyPrefix":""},"ErrorInfo":"","InvocationSource":"USER"}],"RequestId":"…"}}`,
	}
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, answers[r.Header.Get("X-TC-Action")])
	})
	c := newClient(t, server.URL, func(c *bmclient.Config) { c.API, c.Region = bmclient.APITAT, "ap-guangzhou" })
	took, err := c.Run(t.Context(), runKey, bmclient.Run{
		CmdID: "cmd-1", Hosts: []string{"ins-3m8v1qzd"}, User: "root", Content: []byte("df -h\n"), How: bmclient.How{Type: "SHELL", Timeout: 2 * time.Minute},
	})
	if err != nil || !slices.Equal(took.Tasks, []string{"inv-7c1d9e4fa0"}) {
		t.Fatalf("%+v, %v", took, err)
	}
	at := func(s int) time.Time { return time.Date(2026, 11, 20, 3, 4, s, 0, time.UTC) }
	all, err := c.AllHosts(t.Context(), took.Tasks[0])
	want := bmclient.HostRuns{Total: 1, Hosts: []bmclient.HostRun{{
		Task: "inv-7c1d9e4fa0", Host: "ins-3m8v1qzd", State: bmclient.HostEnded, Exit: 0, Content: []byte("df -h\n"), Output: []byte("41%\n"), Begun: at(6), Finished: at(7),
		Word: "SUCCESS", Ran: bmclient.How{Type: "SHELL", User: "root", Dir: "/root", Timeout: 2 * time.Minute},
	}}}
	if diff := cmp.Diff(want, all, cmp.Comparer(time.Time.Equal)); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}
