package bmclient_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

// machinesAPI answers for the rows that are asked for by id, or by a name: strict refuses a call with an id that is not there, and short has
// pages of so many rows whatever is asked for.
type machinesAPI struct {
	rows   map[string][]object // by action
	strict bool
	exact  bool // the filter by name is for the whole of it
	short  int
}

var machineSets = map[string]string{
	"DescribeInstances": "InstanceSet", "DescribeRegisterInstances": "RegisterInstanceSet", "DescribeAutomationAgentStatus": "AutomationAgentSet",
}

func (m machinesAPI) answer(call tatCall) any {
	name := ""
	if filters, ok := call.Fields["Filters"].([]any); ok {
		name = filters[0].(object)["Values"].([]any)[0].(string)
	}
	ids, byID := call.Fields["InstanceIds"].([]any)
	var found []any
	for _, row := range m.rows[call.Action] {
		is, _ := row["InstanceName"].(string)
		switch {
		case byID && !slices.Contains(ids, row["InstanceId"]), m.exact && name != "" && is != name, !strings.Contains(is, name):
		default:
			found = append(found, row)
		}
	}
	if m.strict && byID && len(found) < len(ids) {
		return map[string]string{"DescribeInstances": "InvalidInstanceId.Malformed"}[call.Action] +
			map[string]string{"DescribeAutomationAgentStatus": "InvalidParameterValue.InvalidInstanceId", "DescribeRegisterInstances": "ResourceNotFound.InstanceNotFound"}[call.Action]
	}
	at, n := int(call.Fields["Offset"].(float64)), int(call.Fields["Limit"].(float64))
	if m.short > 0 {
		n = min(n, m.short)
	}
	return object{"TotalCount": len(found), machineSets[call.Action]: found[min(at, len(found)):min(at+n, len(found))]}
}

func virtualMachine(id, name, state string) object {
	return object{
		"InstanceId": id, "InstanceName": name, "InstanceState": state, "PrivateIpAddresses": []any{"10.0.0.1"}, "PublicIpAddresses": nil,
		"Tags": []any{object{"Key": "env", "Value": "prod"}},
	}
}

func agentOf(id, status string) object {
	return object{"InstanceId": id, "AgentStatus": status, "Environment": "Linux"}
}

// Each kind of machine, and why nothing can run there; whether or not an id that is not there has the whole call refused.
func TestTATMachines(t *testing.T) {
	for _, strict := range []bool{false, true} {
		api, c := startTAT(t, machinesAPI{strict: strict, rows: map[string][]object{
			"DescribeInstances": {
				virtualMachine("ins-up", "web-1", "RUNNING"), virtualMachine("ins-down", "web-2", "STOPPED"), virtualMachine("ins-bare", "", "RUNNING"),
				virtualMachine("ins-deaf", "web-4", "RUNNING"), virtualMachine("ins-odd", "web-5", ""),
			},
			"DescribeRegisterInstances":     {{"InstanceId": "rins-1", "InstanceName": "edge", "LocalIp": "10.1.0.1", "Status": "Online", "Tags": nil}},
			"DescribeAutomationAgentStatus": {agentOf("ins-up", "Online"), agentOf("ins-down", "Offline"), agentOf("ins-deaf", "Offline"), agentOf("ins-odd", "Online"), agentOf("lhins-1", "Online")},
		}}.answer)
		found, err := c.In("ap-shanghai").Machines(t.Context(), []string{"ins-up", "ins-down", "ins-bare", "ins-deaf", "rins-1", "lhins-1", "lhins-2", "ins-none", "ins-odd", "cpm-1"})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, m := range found {
			got[m.ID] = fmt.Sprintf("%s %v %s %s", m.Name, m.Told, m.OS, m.Trouble)
		}
		want := map[string]string{
			"ins-up": "web-1 true linux ", "ins-down": "web-2 true linux is stopped", "ins-bare": " true  has no TAT agent",
			"ins-deaf": "web-4 true linux has a TAT agent that is offline", "ins-odd": "web-5 true linux is in a state that the cloud does not tell",
			"rins-1": "edge false  ", "lhins-1": " false linux ",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("strict %v: %s", strict, diff)
		}
		if call := api.made("DescribeInstances")[0]; call.Version != "2017-03-12" || call.Region != "ap-shanghai" {
			t.Errorf("%+v", call)
		}
	}
}

// As many ids as a run may have are found, also where pages are shorter than was asked for, or one of the ids is refused.
func TestMachinesByManyIDs(t *testing.T) {
	for _, api := range []machinesAPI{{}, {short: 20}, {strict: true}} {
		rows := map[string][]object{}
		var ids []string
		for i := range 200 {
			ids = append(ids, fmt.Sprintf("ins-%03d", i))
			rows["DescribeInstances"] = append(rows["DescribeInstances"], virtualMachine(ids[i], "", "RUNNING"))
			rows["DescribeAutomationAgentStatus"] = append(rows["DescribeAutomationAgentStatus"], agentOf(ids[i], "Online"))
		}
		api.rows = rows
		_, c := startTAT(t, api.answer)
		found, err := c.Machines(t.Context(), append(ids[:150:150], append([]string{"ins-none"}, ids[150:]...)...))
		if err != nil || len(found) != len(ids) || slices.ContainsFunc(found, func(m bmclient.Machine) bool { return m.Trouble != "" }) {
			t.Errorf("%d machines, %v", len(found), err)
		}
	}
}

// What cannot be read of a machine's name and tags is not told, so that no rule that goes by them is passed over.
func TestMachinesTold(t *testing.T) {
	env := func(values ...any) (all []any) {
		for _, v := range values {
			all = append(all, object{"Key": "env", "Value": v})
		}
		return all
	}
	for _, tt := range []struct {
		why  string
		name any // nil: null
		tags any
		told bool
		is   map[string]string
	}{
		{"as documented", "web", env("prod"), true, map[string]string{"env": "prod"}},
		{"null is what the API could not tell", "web", nil, false, nil},
		{"so is a name", nil, env("prod"), false, nil},
		{"no list", "web", []any{}, true, nil},
		{"an empty value", "web", env(""), true, map[string]string{"env": ""}},
		{"a value that is null", "web", env(nil), false, nil},
		{"a list of one value, as API 3.0 has it", "web", env([]any{"prod"}), true, map[string]string{"env": "prod"}},
		{"two values for a key", "web", env([]any{"prod", "dev"}), true, map[string]string{"env": "dev\nprod"}},
		{"a key twice", "web", env("prod", "dev", "prod"), true, map[string]string{"env": "dev\nprod"}},
		{"a value that is none", "web", env(object{"v": "prod"}), false, nil},
		{"a tag without key", "web", []any{object{"Value": "prod"}}, false, nil},
		{"no list of objects", "web", []any{"env=prod"}, false, nil},
		{"no list at all", "web", "env=prod", false, nil},
		{"tags are left out", "web", "-", false, nil},
		{"the name is left out", "-", env("prod"), false, nil},
	} {
		row := virtualMachine("ins-1", "", "RUNNING")
		row["InstanceName"], row["Tags"] = tt.name, tt.tags
		maps.DeleteFunc(row, func(_ string, v any) bool { return v == "-" })
		_, c := startTAT(t, machinesAPI{rows: map[string][]object{"DescribeInstances": {row}, "DescribeAutomationAgentStatus": {agentOf("ins-1", "Online")}}}.answer)
		found, err := c.Machines(t.Context(), []string{"ins-1"})
		if err != nil || len(found) != 1 || found[0].Told != tt.told || tt.is != nil && !maps.Equal(found[0].Tags, tt.is) {
			t.Errorf("%s: %+v, %v", tt.why, found, err)
		}
	}
}

// Two rows of one machine that differ tell nothing, in whichever order they come.
func TestMachinesToldTwice(t *testing.T) {
	prod, none := virtualMachine("ins-1", "web", "RUNNING"), virtualMachine("ins-1", "web", "RUNNING")
	prod["Tags"], none["Tags"] = []any{object{"Key": "env", "Value": "prod"}}, []any{}
	for _, tt := range []struct {
		why  string
		rows []object
		told bool
	}{
		{"the second has no tags", []object{prod, none}, false},
		{"the first has no tags", []object{none, prod}, false},
		{"the same twice, as between two pages", []object{prod, prod}, true},
	} {
		_, c := startTAT(t, machinesAPI{rows: map[string][]object{"DescribeInstances": tt.rows, "DescribeAutomationAgentStatus": {agentOf("ins-1", "Online")}}}.answer)
		found, err := c.Machines(t.Context(), []string{"ins-1"})
		if err != nil || len(found) != 1 || found[0].Told != tt.told {
			t.Errorf("%s: %+v, %v", tt.why, found, err)
		}
	}
}

// One machine is the only one of its name only if all that may have it were seen.
func TestFindMachines(t *testing.T) {
	named := func(n int) map[string][]object {
		rows := map[string][]object{"DescribeInstances": {virtualMachine("ins-web", "web", "RUNNING")}}
		for i := range n {
			rows["DescribeInstances"] = append(rows["DescribeInstances"], virtualMachine(fmt.Sprint("ins-", i), fmt.Sprint("web-", i), "RUNNING"))
		}
		return rows
	}
	for _, tt := range []struct {
		why    string
		api    machinesAPI
		name   string
		n      int
		isLong bool
	}{
		{"the filter is for a part", machinesAPI{rows: named(3)}, "web", 4, false},
		{"or for the whole", machinesAPI{rows: named(3), exact: true}, "web", 1, false},
		{"nothing has it", machinesAPI{rows: named(3)}, "db", 0, false},
		{"more than are looked at", machinesAPI{rows: named(600)}, "web", 0, true},
		{"or than such short pages have", machinesAPI{rows: named(150), short: 20}, "web", 0, true},
		{"of all, some do", machinesAPI{rows: named(600)}, "", 500, false},
	} {
		_, c := startTAT(t, tt.api.answer)
		found, err := c.FindMachines(t.Context(), tt.name)
		if tt.isLong != errors.Is(err, bmclient.ErrTooLong) || !tt.isLong && (err != nil || len(found) != tt.n) {
			t.Errorf("%s: %d, %v", tt.why, len(found), err)
		}
	}
}

// Machines of Bare Metal, in both versions.
func TestMachinesOfBareMetal(t *testing.T) {
	both(t, nil, func(t *testing.T, api *bmtest.Server, c *bmclient.Client) {
		api.SetMachine("ins-1", bmtest.Machine{Name: "db-1", Tags: map[string]string{"env": "prod"}, State: "STOPPED"})
		ms, err := c.Machines(t.Context(), []string{"ins-1", "ins-3"})
		if err != nil || len(ms) != 1 || ms[0].ID != "ins-1" || !ms[0].Told || ms[0].Name != "db-1" || ms[0].Tags["env"] != "prod" || ms[0].Trouble != "is shut down" {
			t.Errorf("%+v, %v", ms, err)
		}
		for name, want := range map[string]int{"db": 1, "": 2, "nothing": 0} {
			if ms, err := c.FindMachines(t.Context(), name); err != nil || len(ms) != want {
				t.Errorf("%q: %+v, %v", name, ms, err)
			}
		}
	})
}

// The statuses of a device that keep it from running anything; those that leave it running, and those that no document has, are no trouble.
func TestDeviceStatuses(t *testing.T) {
	device, operate := []int{1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16}, []int{2, 3, 5, 6, 7, 8, 9, 10, 20, 23, 24}
	both(t, nil, func(t *testing.T, api *bmtest.Server, c *bmclient.Client) {
		for n := 1; n <= 24; n++ {
			for m, trouble := range map[[2]int]bool{{n, 1}: slices.Contains(device, n), {4, n}: slices.Contains(operate, n)} {
				api.SetMachine("ins-1", bmtest.Machine{Device: m[0], Operate: m[1]})
				ms, err := c.Machines(t.Context(), []string{"ins-1"})
				if err != nil || len(ms) != 1 || (ms[0].Trouble != "") != trouble {
					t.Errorf("%v: %+v, %v", m, ms, err)
				}
			}
		}
	})
}
