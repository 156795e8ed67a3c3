package bmtest

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// action is what a request asks for, and the right it needs.
type action struct {
	do    func(*Server, request, *Call) answer
	right Rights
}

// actions are those of Bare Metal's two versions, of TAT, and of CVM.
var actions = map[string]map[string]action{
	"2.0": {
		"GetUserCmd":               {(*Server).getUserCmd, MayRead},
		"GetUserCmdList":           {(*Server).getUserCmdList, MayRead},
		"GetUserCmdTaskList":       {(*Server).getUserCmdTaskList, MayRead},
		"GetUserCmdTaskDetailList": {(*Server).getUserCmdTaskDetailList, MayRead},
		"DescribeDevice":           {(*Server).describeDevice, MayRead},
		"RunUserCmd":               {(*Server).runUserCmd, MayRun},
	},
	"3.0": {
		"DescribeUserCmds":        {(*Server).describeUserCmds, MayRead},
		"DescribeUserCmdTasks":    {(*Server).describeUserCmdTasks, MayRead},
		"DescribeUserCmdTaskInfo": {(*Server).describeUserCmdTaskInfo, MayRead},
		"DescribeDevices":         {(*Server).describeDevices, MayRead},
		"RunUserCmd":              {(*Server).runUserCmd3, MayRun},
	},
	"tat": {
		"DescribeCommands":              {(*Server).describeCommands, MayRead},
		"DescribeInvocations":           {(*Server).describeInvocations, MayRead},
		"DescribeInvocationTasks":       {(*Server).describeInvocationTasks, MayRead},
		"DescribeAutomationAgentStatus": {(*Server).describeAgents, MayRead},
		"DescribeRegisterInstances":     {(*Server).describeRegisterInstances, MayRead},
		"PreviewReplacedCommandContent": {(*Server).preview, MayRead},
		"RunCommand":                    {(*Server).runCommand, MayRun},
		"InvokeCommand":                 {(*Server).invokeCommand, MayRun},
		"CancelInvocation":              {(*Server).cancelInvocation, MayRun},
	},
	"cvm": {"DescribeInstances": {(*Server).describeInstances, MayRead}},
}

// as2 is the action of API 2.0 that does the same. 3.0 and TAT read a script and list scripts with one action.
func (r request) as2() string {
	switch name := r.params["Action"]; name {
	case "DescribeUserCmds":
		if r.params["CmdId"] != "" {
			return "GetUserCmd"
		}
		return "GetUserCmdList"
	case "DescribeUserCmdTasks":
		return "GetUserCmdTaskList"
	case "DescribeCommands":
		if r.params["CommandIds.0"] != "" {
			return "GetUserCmd"
		}
		return "GetUserCmdList"
	case "DescribeInvocations":
		return "GetUserCmdTaskList"
	case "DescribeInvocationTasks":
		if !strings.Contains(string(r.body), "invocation-id") && r.params["InvocationTaskIds.0"] == "" {
			return "GetUserCmdTaskList"
		}
		return "GetUserCmdTaskDetailList"
	case "RunCommand", "InvokeCommand":
		return "RunUserCmd"
	case "DescribeInstances", "DescribeRegisterInstances":
		return "DescribeDevice"
	case "DescribeDevices":
		return "DescribeDevice"
	case "DescribeUserCmdTaskInfo":
		return "GetUserCmdTaskDetailList"
	default:
		return name
	}
}

// handle decides about one request. The lock is held.
func (s *Server) handle(r request, f Fault, call *Call) answer {
	if r.wrong != nil {
		return *r.wrong
	}
	name := r.params["Action"]
	if name == "" {
		return refuse(4000, "Action is missing")
	}
	act, ok := actions[r.family()][name]
	if !ok {
		return refuse(6100, "unknown action %q; known: %s", name, strings.Join(slices.Sorted(maps.Keys(actions[r.family()])), ", "))
	}
	verify := s.verify
	if r.api != "2.0" {
		verify = s.verify3
	}
	if wrong := verify(r, act.right); wrong != nil {
		return *wrong
	}
	if r.api == apiTAT && !s.hasRoom(name) {
		return *word("RequestLimitExceeded", "%s was called more than %d times in a second", name, s.aSecond)
	}
	if f.instead() {
		return s.fail(act, r, f, call)
	}
	return act.do(s, r, call)
}

// fail gives the fault's answer to a good request, after carrying it out if the fault says so.
func (s *Server) fail(act action, r request, f Fault, call *Call) answer {
	var a answer
	if f.Execute {
		a = act.do(s, r, call)
	}
	if f.Code == 0 && f.Error == "" {
		return a
	}
	d := documented[f.Code]
	return answer{
		code: cmp.Or(f.Code, 6000), name: cmp.Or(f.Name, d.name), word: f.Error, message: cmp.Or(f.Message, d.text), executed: a.executed,
	}
}

// chinaTime is the zone of the times in answers.
var chinaTime = time.FixedZone("UTC+8", 8*60*60)

func (s *Server) getUserCmd(r request, _ *Call) answer {
	id, wrong := r.has("cmdId")
	if wrong != nil {
		return *wrong
	}
	sc, ok := s.scripts[id]
	if !ok {
		return s.noScript
	}
	return answer{executed: true, data: map[string]any{
		"autoId": "56", "alias": sc.Alias, "cmdId": sc.CmdID, "osType": sc.OSType, "referenceProject": "", "appId": sc.AppID,
		"content": s.encoded(sc.Content), "createTime": stamp(sc.Created), "modifyTime": stamp(sc.Modified),
	}}
}

func (s *Server) runUserCmd(r request, call *Call) answer {
	values := map[string]string{}
	for _, name := range []string{"cmdId", "userName", "password", "cmdParam"} {
		v, wrong := r.has(name)
		if wrong != nil {
			return *wrong
		}
		values[name] = v
	}
	arrayKey, hosts, wrong := r.hosts()
	if wrong != nil {
		return *wrong
	}
	parameters, err := base64.StdEncoding.DecodeString(values["cmdParam"])
	sc, ok := s.scripts[values["cmdId"]]
	switch {
	case s.onlyArrayKey != "" && arrayKey != s.onlyArrayKey:
		return refuse(10001, "%s is missing", s.onlyArrayKey)
	case err != nil:
		return refuse(10001, "cmdParam is not base64")
	case !ok:
		return refuse(18014, "%s", values["cmdId"])
	}
	var on []target
	loginOK := true
	for _, id := range hosts {
		h, ok := s.hosts[id]
		if !ok {
			return refuse(18018, "%s", id)
		}
		if _, known := h.logins[values["userName"]]; s.checkLogins && !known {
			return refuse(18011, "%s on %s", values["userName"], id)
		}
		lets := h.lets(values["userName"], values["password"])
		loginOK = loginOK && lets
		on = append(on, target{h, lets})
	}
	if s.checkLogins && !loginOK {
		return refuse(18012, "for %s", values["userName"])
	}
	s.start(sc, on, parameters, values["userName"], r, call)
	return answer{executed: true}
}

func (s *Server) getUserCmdList(r request, _ *Call) answer {
	p, wrong := r.page2(s.mostRows, "ostype", "createtime", "modifytime")
	if wrong != nil {
		return *wrong
	}
	total, rows := s.listScripts("", p)
	list := []any{}
	for _, sc := range rows {
		list = append(list, map[string]any{
			"cmdId": sc.CmdID, "alias": sc.Alias, "osType": sc.OSType, "createTime": stamp(sc.Created), "modifyTime": stamp(sc.Modified),
		})
	}
	return answer{executed: true, data: map[string]any{"totalNum": total, "list": list}}
}

// getUserCmdTaskList writes counts as text, as the page's sample does.
func (s *Server) getUserCmdTaskList(r request, _ *Call) answer {
	p, wrong := r.page2(s.mostRows, "runbegintime", "runendtime", "status")
	if wrong != nil {
		return *wrong
	}
	total, rows := s.listTasks(p)
	list := []any{}
	for _, t := range rows {
		status, succeeded, failed, ended := t.state()
		list = append(list, map[string]any{
			"taskId": t.id, "status": status, "cmdAlias": t.alias, "cmdId": t.cmdID,
			"instanceCount": strconv.Itoa(len(t.hosts)), "successCount": strconv.Itoa(succeeded), "failureCount": strconv.Itoa(failed),
			"runBeginTime": stamp(t.begun), "runEndTime": stamp(ended),
		})
	}
	return answer{executed: true, data: map[string]any{"totalNum": total, "list": list}}
}

// getUserCmdTaskDetailList writes nearly every number as text, as the page's sample does.
func (s *Server) getUserCmdTaskDetailList(r request, _ *Call) answer {
	id, wrong := r.has("taskId")
	if wrong != nil {
		return *wrong
	}
	p, wrong := r.page2(s.mostRows, "runbegintime", "runendtime", "status")
	if wrong != nil {
		return *wrong
	}
	total, rows, ok := s.listHosts(id, p)
	if !ok {
		return refuse(18010, "%s", id)
	}
	list := []any{}
	for _, h := range rows {
		list = append(list, map[string]any{
			"autoId": strconv.Itoa(h.auto), "taskId": id, "runBeginTime": stamp(h.begun), "runEndTime": stamp(h.ended),
			"status": strconv.Itoa(h.status), "instanceName": h.host.name(), "instanceId": h.host.id, "lanIp": h.host.lanIP,
			"vpcName": "net", "vpcId": "1", "unVpcId": "vpc-1", "vpcCidrBlock": "10.0.0.0/8",
			"subnetName": "sub", "subnetId": "1", "unSubnetId": "subnet-1", "subnetCidrBlock": "10.0.0.0/16",
			"cmdContent": s.encoded(h.content), "cmdParam": s.encoded(h.parameters), "cmdResult": s.encoded(h.output),
			"appId": "251000873", "lastShellExit": h.exit,
		})
	}
	return answer{executed: true, data: map[string]any{"totalNum": total, "list": list}}
}

// missing is how an unknown script is answered; the documents do not say.
func missing(form string) (answer, error) {
	switch form {
	case "null":
		return answer{data: nullData{}}, nil
	case "[]":
		return answer{data: []any{}}, nil
	case "{}":
		return answer{data: map[string]any{}}, nil
	case "":
		return answer{}, nil
	}
	n, err := strconv.Atoi(form)
	if err != nil {
		return answer{}, fmt.Errorf("a missing script is answered with null, [], {}, nothing or a number, not %q", form)
	}
	d := documented[n]
	return answer{code: n, name: d.name, message: d.text}, nil
}

// nullData is written as null, where nil leaves the field out.
type nullData struct{}

func (nullData) MarshalJSON() ([]byte, error) { return []byte("null"), nil }
