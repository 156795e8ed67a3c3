package bmclient_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

func TestAccepted3(t *testing.T) {
	tests := []struct {
		why, body string
		want      bmclient.Accepted
	}{
		{
			"the page's sample: no CmdTaskId", `{"SuccessTaskInfoSet":[{"InstanceId":"cpm-1","TaskId":902537}],"FailedTaskInfoSet":[],"RequestId":"r"}`,
			bmclient.Accepted{RequestID: "r"},
		},
		{
			"one task for all", `{"SuccessTaskInfoSet":[{"InstanceId":"a","TaskId":1,"CmdTaskId":"cmdtask-1"},{"InstanceId":"b","TaskId":"2","CmdTaskId":"cmdtask-1"}]}`,
			bmclient.Accepted{Tasks: []string{"cmdtask-1"}},
		},
		{
			"an id only at one host", `{"SuccessTaskInfoSet":[{"InstanceId":"a"},{"InstanceId":"b","CmdTaskId":"cmdtask-1"}]}`,
			bmclient.Accepted{Tasks: []string{"cmdtask-1"}},
		},
		{
			"two tasks: together they are the run", `{"SuccessTaskInfoSet":[{"InstanceId":"a","CmdTaskId":"cmdtask-1"},{"InstanceId":"b","CmdTaskId":"cmdtask-2"}]}`,
			bmclient.Accepted{Tasks: []string{"cmdtask-1", "cmdtask-2"}},
		},
		{
			"some refused, with a password in the reason", `{"SuccessTaskInfoSet":[{"InstanceId":"a","CmdTaskId":"cmdtask-1"}],"FailedTaskInfoSet":[{"InstanceId":"b","ErrorMsg":"no ` + password + `"}]}`,
			bmclient.Accepted{
				Tasks:   []string{"cmdtask-1"},
				Refused: []bmclient.HostRefused{{Host: "b", Message: "no [secret]"}},
			},
		},
		{
			"all refused: an answer, and nothing runs", `{"SuccessTaskInfoSet":null,"FailedTaskInfoSet":[{"InstanceId":"a","ErrorMsg":"m"}]}`,
			bmclient.Accepted{Refused: []bmclient.HostRefused{{Host: "a", Message: "m"}}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			api := startAPI(t)
			api.FailNext("RunUserCmd", bmtest.Fault{Body: `{"Response":` + tt.body + `}`}, 1)
			got, err := newClient(t, "", on3(api)).Run(t.Context(), runKey, order())
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(bmclient.Accepted{}, "SignedAt")); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

// A short password is a part of many names. The hosts that were asked for and the task are found again all the same; anything else is scrubbed.
func TestNamesAndAShortPassword(t *testing.T) {
	body := func(host, task string) string {
		return `{"Response":{"SuccessTaskInfoSet":[{"InstanceId":"ins-1","CmdTaskId":"` + task + `"}],"FailedTaskInfoSet":[{"InstanceId":"` + host + `"}]}}`
	}
	tests := []struct {
		why, host, task, wantHost string
		wantTasks                 []string
	}{
		{"both hold it", "ins-1", "cmdtask-ins1", "ins-1", []string{"cmdtask-ins1"}},
		{"a host nobody asked for", "ins-7", "cmdtask-1", "[secret]-7", []string{"cmdtask-1"}},
		{"an id of another form", "ins-1", "task ins", "ins-1", nil},
		{"an id of another form without it", "ins-1", "T/1", "ins-1", []string{"T/1"}},
	}
	for _, tt := range tests {
		api := startAPI(t)
		api.FailNext("RunUserCmd", bmtest.Fault{Body: body(tt.host, tt.task)}, 1)
		r := order()
		r.Password = word("ins")
		got, err := newClient(t, "", on3(api)).Run(t.Context(), runKey, r)
		if err != nil || got.Refused[0].Host != tt.wantHost || !slices.Equal(got.Tasks, tt.wantTasks) {
			t.Errorf("%s: %+v, %v", tt.why, got, err)
		}
	}
}

// A host that does not exist is refused alone in 3.0, and the whole order is in 2.0.
func TestUnknownHost(t *testing.T) {
	both(t, nil, func(t *testing.T, api *bmtest.Server, c *bmclient.Client) {
		r := order()
		r.Hosts = []string{"ins-1", "ins-9"}
		got, err := c.Run(t.Context(), runKey, r)
		if t.Name() == "TestUnknownHost/2.0" {
			if err == nil || len(api.Runs()) != 0 {
				t.Errorf("%+v, %v", got, err)
			}
			return
		}
		if err != nil || len(got.Refused) != 1 || got.Refused[0].Host != "ins-9" || !slices.Equal(got.Tasks, api.TaskIDs()[:1]) {
			t.Errorf("%+v, %v", got, err)
		}
		if diff := cmp.Diff([]string{"ins-1"}, api.Runs()[0].Hosts); diff != "" {
			t.Error(diff)
		}
	})
}
