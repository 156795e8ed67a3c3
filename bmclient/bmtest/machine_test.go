package bmtest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

// Each row is asked for in both versions, and shows id, name, both statuses and tags.
func TestMachines(t *testing.T) {
	s := start(t)
	s.AddHost("cpm-3", nil)
	s.SetMachine("ins-2", bmtest.Machine{Name: "web-2", State: "STOPPED", Tags: map[string]string{"env": "prod", "role": "web"}})
	s.SetMachine("cpm-3", bmtest.Machine{Name: "db-1", Device: 5, Operate: 10})
	if s.SetMachine("ins-9", bmtest.Machine{}) {
		t.Error("a machine that is not there was set")
	}
	tests := []struct {
		why   string
		ids   []string
		alias string
		want  string
	}{
		{"a host that nothing was said of is in operation", []string{"ins-1"}, "", "ins-1 name-of-ins-1 4 1 []"},
		{"what was said; what is not there is missing", []string{"ins-2", "ins-9"}, "", "ins-2 web-2 4 3 [env=prod role=web]"},
		{"a number of its own", []string{"cpm-3"}, "", "cpm-3 db-1 5 10 []"},
		{"a part of a name", nil, "eb-", "ins-2 web-2 4 3 [env=prod role=web]"},
		{"all", nil, "", "cpm-3 db-1 5 10 [] ins-1 name-of-ins-1 4 1 [] ins-2 web-2 4 3 [env=prod role=web]"},
	}
	for i, tt := range tests {
		ask := []string{"Action", "DescribeDevice", "cmdId", "-", "Nonce", fmt.Sprint(50 + i), "limit", "100"}
		for i, id := range tt.ids {
			ask = append(ask, fmt.Sprintf("instanceIds.%d", i), id)
		}
		fields := map[string]any{"Offset": 0, "Limit": 100}
		if tt.alias != "" {
			ask, fields["Alias"] = append(ask, "alias", tt.alias), tt.alias
		}
		if tt.ids != nil {
			fields["InstanceIds"] = tt.ids
		}
		if got := devices2(t, send(t, s, get().with(ask...)).Data); got != tt.want {
			t.Errorf("2.0, %s: %s, want %s", tt.why, got, tt.want)
		}
		if got := devices3(send3(t, s, run3().action("DescribeDevices", fields))); got != tt.want {
			t.Errorf("3.0, %s: %s, want %s", tt.why, got, tt.want)
		}
	}
	s.FailNext("DescribeDevice", bmtest.Fault{Code: 9001}, 1)
	if got := send3(t, s, run3().action("DescribeDevices", map[string]any{"Offset": 0, "Limit": 1})); got.Response.Error.Code != "InternalError.DbError" {
		t.Errorf("a fault of these actions: %s", got.raw)
	}
	s.RemoveHost("ins-1")
	if got := devices3(send3(t, s, run3().action("DescribeDevices", map[string]any{"Offset": 1, "Limit": 1}))); got != "ins-2 web-2 4 3 [env=prod role=web]" {
		t.Errorf("the second page of one row: %s", got)
	}
}

func devices2(t *testing.T, data json.RawMessage) string {
	var got struct {
		DeviceList []struct {
			InstanceID, Alias, DeviceStatus, OperateStatus string
			TagDetail                                      []struct{ Key, Value string }
		}
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, d := range got.DeviceList {
		tags := []string{}
		for _, tag := range d.TagDetail {
			tags = append(tags, tag.Key+"="+tag.Value)
		}
		all = append(all, fmt.Sprint(d.InstanceID, " ", d.Alias, " ", d.DeviceStatus, " ", d.OperateStatus, " ", tags))
	}
	return strings.Join(all, " ")
}

func devices3(a answered3) string {
	var all []string
	for _, d := range a.Response.DeviceInfoSet {
		tags := []string{}
		for _, tag := range d["Tags"].([]any) {
			is := tag.(map[string]any)
			tags = append(tags, fmt.Sprint(is["TagKey"], "=", is["TagValues"].([]any)[0]))
		}
		all = append(all, fmt.Sprint(d["InstanceId"], " ", d["Alias"], " ", d["DeviceStatus"], " ", d["OperateStatus"], " ", tags))
	}
	return strings.Join(all, " ")
}
