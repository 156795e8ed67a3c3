package fault

import (
	"fmt"
	"slices"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// machineFaults are what goes wrong where hosts are looked up: before people are asked,
// and before the send.
func machineFaults() (all []Fault) {
	for _, api := range []string{"3.0", "tat"} {
		all = append(all, Fault{
			name: api + "-machines-away", what: "machines cannot be looked up for 5 s, on " + api, api: api,
			do: always(world.Object{"action": "DescribeDevice", "fault": world.Object{"status": 502}}),
		})
	}
	return append(all, lies("2.0"), lies("tat"), Fault{
		name: "tat-agents-away", what: "agents cannot be looked up for 5 s", api: "tat",
		do: always(world.Object{"action": "DescribeAutomationAgentStatus", "fault": world.Object{"hang": true}}),
	})
}

// lies has the cloud tell of other machines than it is asked for, once their cards are up.
// Nothing is sent to a host that it does not tell of.
func lies(api string) Fault {
	form := `{"code":0,"message":"","codeDesc":"Success","data":{"totalNum":%d,"deviceList":[%s]}}`
	another := `{"instanceId":"ins-load39","alias":"","lanIp":"10.0.0.9","deviceStatus":4,"operateStatus":1}`
	if api == "tat" {
		form = `{"Response":{"TotalCount":%d,"InstanceSet":[%s],"RequestId":"r"}}`
		another = `{"InstanceId":"ins-load39","InstanceName":"","InstanceState":"RUNNING"}`
	}
	told := make(chan struct{})
	plans := []plan{
		{label: "nothing", wants: approvals.Refused, after: told},
		{label: "another", wants: approvals.Refused, after: told},
		{label: "half", wants: approvals.Succeeded, after: told},
	}
	return Fault{
		name: api + "-machines-lie", what: "the look-up before the send tells of no machine, of another, and of half of one, on " + api, api: api,
		plans: func() []plan { return plans }, apart: true,
		do: func(r *rig) {
			for i, fault := range []world.Object{
				{"body": fmt.Sprintf(form, 0, "")},
				{"body": fmt.Sprintf(form, 1, another)},
				{"truncate": true},
			} {
				r.awaitCard(plans[i].label)
				fault["for"] = hostOf(i)
				r.Cloud.Post("fault", world.Object{"action": "DescribeDevice", "n": 2, "fault": fault})
			}
			close(told)
			r.begun.Wait()
			world.Until(r.T, "they need nothing any more", func() (string, bool) {
				records, err := r.records()
				return fmt.Sprint(len(records), err), err == nil && !slices.ContainsFunc(records, r.restless)
			})
			r.Cloud.Post("heal", world.Object{})
		},
	}
}
