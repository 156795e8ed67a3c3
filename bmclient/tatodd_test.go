package bmclient_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/bmclient"
)

// What no document settles of TAT's answers: each reading is answered, and neither misleads.

// Beside the documented form: nulls, the samples' form of a time and of the source, a shorter id.
func TestTATHostInTheOtherForm(t *testing.T) {
	const at = "2026-11-20T03:04:06+00:00"
	_, c := startTAT(t, func(tatCall) any {
		return object{"TotalCount": 1, "InvocationTaskSet": []any{object{
			"InvocationId": "inv-7c1d9e4f", "CommandId": nil, "CommandName": nil, "TaskStatus": "SUCCESS", "InstanceId": "ins-3m8v1qzd",
			"TaskResult": object{"ExitCode": 0, "Output": "NDElCg==", "ExecStartTime": at, "ExecEndTime": nil, "Dropped": nil, "OutputUrl": nil},
			"StartTime":  at, "EndTime": at, "CreatedTime": at, "ErrorInfo": nil, "InvocationSource": "user",
			"CommandDocument": object{"Content": "ZGYgLWgK", "CommandType": "SHELL", "Timeout": 120, "WorkingDirectory": nil, "Username": "root"},
		}}}
	})
	runs, err := c.AllHosts(t.Context(), "inv-7c1d9e4f")
	if err != nil || len(runs.Hosts) != 1 {
		t.Fatal(runs, err)
	}
	h, begun := runs.Hosts[0], time.Date(2026, 11, 20, 3, 4, 6, 0, time.UTC)
	if h.Exit != 0 || string(h.Output) != "41%\n" || string(h.Content) != "df -h\n" || !h.Begun.Equal(begun) || !h.Finished.Equal(begun) ||
		!cmp.Equal(h.Ran, bmclient.How{Type: "SHELL", User: "root", Timeout: 2 * time.Minute}) {
		t.Errorf("%+v", h)
	}
}

// A run that the cloud does not know, or not yet, has no hosts, or is ErrNoTask.
func TestTATRunThatIsNotThere(t *testing.T) {
	for answer, want := range map[any]error{nil: nil, "ResourceNotFound.InvocationNotFound": bmclient.ErrNoTask} {
		_, c := startTAT(t, func(tatCall) any {
			if answer == nil {
				return object{"TotalCount": 0, "InvocationTaskSet": nil}
			}
			return answer
		})
		n, err := c.EachHost(t.Context(), "inv-1", func(bmclient.HostRun) error { return errors.New("there is one") })
		if n != 0 || !errors.Is(err, want) {
			t.Errorf("%v: %d, %v", answer, n, err)
		}
		if err := c.Stop(t.Context(), runKey, "inv-1", []string{"ins-1"}); answer != nil && !errors.Is(err, want) {
			t.Errorf("stop: %v", err)
		}
	}
}

// An answer about a run is about that run, whatever the filter did.
func TestTATHostsOfAnotherRun(t *testing.T) {
	_, c := startTAT(t, func(tatCall) any {
		return object{"TotalCount": 1, "InvocationTaskSet": []any{ran("inv-2", "ins-1", "x", time.Now())}}
	})
	if _, err := c.EachHost(t.Context(), "inv-1", func(bmclient.HostRun) error { return nil }); err == nil {
		t.Error("the hosts of another run were taken")
	}
}

// One odd row of a list keeps nobody from the others; alone it is an error and never an empty script.
func TestTATOddScript(t *testing.T) {
	script := func(id string, fields object) object {
		row := object{"CommandId": id, "CommandName": id, "CommandType": "SHELL", "Content": b64("true\n")}
		for k, v := range fields {
			row[k] = v
		}
		return row
	}
	odd := map[string]object{
		"a type that nobody knows": {"CommandType": "RUBY"}, "no content": {"Content": nil}, "an empty content": {"Content": ""}, "not base64": {"Content": "echo !"},
		"defaults that are no text": {"EnableParameter": true, "DefaultParameters": `{"a":1}`},
	}
	for why, fields := range odd {
		_, c := startTAT(t, func(tatCall) any {
			return object{"TotalCount": 2, "CommandSet": []any{script("cmd-odd", fields), script("cmd-good", nil)}}
		})
		if list, err := c.Scripts(t.Context(), bmclient.ScriptQuery{}); err != nil || len(list.Scripts) != 2 || list.Scripts[1].Alias != "cmd-good" {
			t.Errorf("%s: %+v, %v", why, list, err)
		}
		if s, err := c.Script(t.Context(), "cmd-odd"); err == nil {
			t.Errorf("%s: %+v", why, s)
		}
		if _, err := c.Script(t.Context(), "cmd-good"); err != nil {
			t.Errorf("%s: %v", why, err)
		}
	}
}

// A run that was sent its script may be listed without a command's id: that is deleted after it.
func TestTATTaskWithoutCommand(t *testing.T) {
	_, c := startTAT(t, func(tatCall) any {
		return object{"TotalCount": 1, "InvocationSet": []any{object{"InvocationId": "inv-1", "CommandId": nil, "InvocationStatus": "RUNNING"}}}
	})
	if list, err := c.Tasks(t.Context(), bmclient.Page{}); err != nil || len(list.Tasks) != 1 || list.Tasks[0].Ended {
		t.Errorf("%+v, %v", list, err)
	}
}

// Where the list comes newest first, no more of it is read than the time since the run; in any other order all of it is, even if the first
// page is of one moment.
func TestTATSentOrders(t *testing.T) {
	since := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	const mine = "# bmcmd r-abc\ndf -h\n"
	var old []any
	for i := range 3000 {
		old = append(old, ran(fmt.Sprint("inv-", i), "ins-1", "true\n", since.Add(-time.Hour-time.Duration(i)*time.Second)))
	}
	var together []any
	for i := range 150 {
		together = append(together, ran(fmt.Sprint("inv-", i), "ins-1", "true\n", since.Add(-time.Hour)))
	}
	me := ran("inv-mine", "ins-1", mine, since.Add(time.Second))
	for _, tt := range []struct {
		why   string
		all   []any
		calls int
	}{
		{"newest first", append([]any{me}, old...), 1},
		{"oldest first", append(slices.Collect(func(yield func(any) bool) {
			for _, row := range slices.Backward(old) {
				if !yield(row) {
					return
				}
			}
		}), me), 3},
		{"one moment first", append(slices.Clone(together), me), 2},
		{"newest first, but for what has not ended", append(slices.Clone(old[:500]), me), 6},
	} {
		api, c := startTAT(t, func(call tatCall) any {
			at, limit := int(call.Fields["Offset"].(float64)), int(call.Fields["Limit"].(float64))
			return object{"TotalCount": len(tt.all), "InvocationTaskSet": tt.all[min(at, len(tt.all)):min(at+limit, len(tt.all))]}
		})
		found, err := c.Sent(t.Context(), bmclient.SentQuery{Hosts: []string{"ins-1"}, Content: []byte(mine), Since: since})
		if err != nil || !slices.Equal(found, []string{"inv-mine"}) || len(api.calls) != tt.calls {
			t.Errorf("%s: %v, %v, %d calls", tt.why, found, err, len(api.calls))
		}
	}
}

// Where the cloud refuses to stop a run for one of its hosts, the others are stopped all the same. One that is not of the run needs no stop.
func TestTATStopsTheOthers(t *testing.T) {
	const value = "InvalidParameterValue"
	for _, tt := range []struct {
		why, refused string // for ins-7
		hosts, calls int
		fails        bool
	}{
		{"it has ended, and that is no matter", "", 10, 1, false},
		{"more than one call takes", "", 150, 2, false},
		{"it has ended, and is refused", value, 10, 7, true},
		{"it is not of the run", value + ".InstanceIsNotRelatedToInvocation", 10, 7, true},
		{"it cannot be stopped, in the cloud's other words", "UnsupportedOperation", 10, 7, true},
		{"the run is not known yet", "ResourceNotFound.InvocationNotFound", 10, 1, true},
		{"the run is not one", value + ".InvalidInvocationId", 10, 1, true},
		{"the key may not", "UnauthorizedOperation", 150, 1, true},
		{"it failed", "InternalError", 150, 1, true},
	} {
		stopped := map[any]bool{}
		api, c := startTAT(t, func(call tatCall) any {
			ids := call.Fields["InstanceIds"].([]any)
			if len(ids) > 100 || len(ids) == 0 {
				t.Errorf("%s: %d at once", tt.why, len(ids))
			}
			if tt.refused != "" && slices.Contains(ids, any("ins-7")) {
				return tt.refused
			}
			for _, id := range ids {
				stopped[id] = true
			}
			return nil
		})
		var hosts []string
		for i := range tt.hosts {
			hosts = append(hosts, fmt.Sprint("ins-", i))
		}
		err := c.Stop(t.Context(), runKey, "inv-1", hosts)
		if (err != nil) != tt.fails || len(api.calls) != tt.calls || tt.refused != "" && tt.calls > 1 && len(stopped) != tt.hosts-1 {
			t.Errorf("%s: %v, %d calls, %d stopped", tt.why, err, len(api.calls), len(stopped))
		}
	}
}

// Whatever the API repeats, in whichever of its fields: no secret of the call is said.
func TestNoSecretIsSaidTAT(t *testing.T) {
	var log buffer
	secrets := strings.Join(slices.Concat(forms(keySecret), forms(keyID), forms(token)), " ")
	for _, answer := range []any{
		secrets,
		object{"TotalCount": 1, "InvocationId": keySecret, "InvocationTaskSet": []any{object{
			"InvocationId": "inv-1", "InstanceId": "ins-1", "TaskStatus": keySecret, "ErrorInfo": secrets,
			"TaskResult": object{"Output": b64(secrets), "OutputUrl": "https://" + keyID + ":x@cos.example.com/inv.log?q-signature=" + keySecret + "#" + token, "Dropped": -1},
		}}},
	} {
		key := bmclient.Key{ID: keyID, Secret: word(keySecret), Token: word(token)}
		_, c := startTAT(t, func(tatCall) any { return answer }, func(cfg *bmclient.Config) { cfg.Log, cfg.ReadKey = log.logger(), keySource(key) })
		text := ""
		if runs, err := c.AllHosts(t.Context(), "inv-1"); err != nil {
			text = said(err)
		} else {
			text = fmt.Sprintf("%+v %s", runs, runs.Hosts[0].Output)
		}
		took, err := c.Run(t.Context(), key, bmclient.Run{CmdID: "cmd-1", Hosts: []string{"ins-1"}, User: "root", Content: []byte("x")})
		if text += fmt.Sprintf("%+v", took); err != nil {
			text += said(err)
		}
		if err := c.Stop(t.Context(), key, "inv-1", []string{"ins-1"}); err != nil {
			text += said(err)
		}
		if found := leaks(text+log.String(), keyID, keySecret, token); found != nil {
			t.Errorf("%q in\n%.2000s", found, text)
		}
	}
	if log.String() == "" {
		t.Error("nothing was logged, so nothing was tested")
	}
}

// Each error that TAT's documents name says what it means in words of its own, and for a run what it proves; a read of it is repeated
// only where it may pass.
func TestTATDocumentedErrors(t *testing.T) {
	for _, group := range []struct {
		class       bmclient.Class
		passes      bool
		above, tail string
	}{
		{bmclient.ClassRefused, false, "InvalidParameter", "ConflictParameter InvalidUsername ParameterNameDuplicated"},
		{
			bmclient.ClassRefused, false, "InvalidParameterValue", `AgentUnsupportedCommandType CommandContentInvalid CommandNameDuplicated InconsistentInstance
			InstanceIsNotRelatedToInvocation InvalidCommandId InvalidCommandName InvalidContent InvalidFilter InvalidInstanceId InvalidInvocationId InvalidInvocationTaskId
			InvalidOutputCOSBucketUrl InvalidOutputCOSKeyPrefix InvalidUsername InvalidWorkingDirectory LackOfParameterInfo LackOfParameters LimitExceeded ParameterDisabled
			ParameterInvalidJsonFormat ParameterKeyContainsInvalidChar ParameterKeyDuplicated ParameterKeyLenExceeded ParameterNumberExceeded ParameterValueNotString Range
			SupportParametersOnlyIfEnableParameter TooLong`,
		},
		{bmclient.ClassRefused, false, "ResourceNotFound", "CommandNotFound CosBucketNotFoundCode InstanceNotFound InvocationNotFound RoleNotFound"},
		{bmclient.ClassRefused, false, "ResourceUnavailable", "AgentNotInstalled AgentStatusNotOnline InstanceStateNotRunning LighthouseUnsupportedRegion UserHasNoQuotaCode InvalidResourceQuotaResourceCode"},
		{bmclient.ClassRefused, false, "UnauthorizedOperation", "AssumeRoleUnauthorized CamAuthFailed InvalidToken MFAExpired MFANotFound"},
		{bmclient.ClassRefused, false, "", "InvalidParameter InvalidParameterValue MissingParameter UnknownParameter OperationDenied"},
		{bmclient.ClassRefused, true, "", "RequestLimitExceeded"},
		{bmclient.ClassUnknown, false, "", "UnsupportedOperation LimitExceeded ResourceUnavailable UnauthorizedOperation.NeedApproval ResourceUnavailable.CommandInExecuting ResponseSizeLimitExceeded"},
		{bmclient.ClassUnknown, true, "", "InternalError ServiceUnavailable FailedOperation.CVMError FailedOperation.LighthouseError"},
	} {
		said := map[string]string{}
		for _, code := range append(strings.Fields(group.tail), strings.Fields(group.above)...) {
			if group.above != "" && code != group.above {
				code = group.above + "." + code
			}
			api, c := startTAT(t, func(tatCall) any { return code }, func(c *bmclient.Config) { c.ReadAttempts, c.ReadBackoff = 2, 1 })
			_, err := c.Run(t.Context(), runKey, bmclient.Run{CmdID: "cmd-1", Hosts: []string{"ins-1"}, User: "root", Content: []byte("x")})
			_, readErr := c.Tasks(t.Context(), bmclient.Page{})
			var e *bmclient.Error
			if !errors.As(err, &e) || e.Class != group.class && code != group.above || len(api.made("RunCommand")) != 1 {
				t.Errorf("%s: %v, want %v", code, err, group.class)
				continue
			}
			if n := len(api.made("DescribeInvocations")); readErr == nil || (n == 2) != group.passes {
				t.Errorf("%s is read %d times: %v", code, n, readErr)
			}
			if code == group.above {
				said["above"] = e.Meaning
			} else if said[code] = e.Meaning; e.Meaning == "" || strings.Contains(e.Meaning, "not documented") {
				t.Errorf("%s means %q", code, e.Meaning)
			}
		}
		for code, meaning := range said {
			if code != "above" && meaning == said["above"] && code != "UnauthorizedOperation.CamAuthFailed" {
				t.Errorf("%s says no more than %s: %s", code, group.above, meaning)
			}
		}
	}
}
