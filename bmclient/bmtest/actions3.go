package bmtest

import (
	"encoding/base64"
	"slices"
)

var orders3 = struct{ scripts, tasks, hosts []string }{
	[]string{"ostype", "createtime", "modifytime"},
	[]string{"runbegintime", "runendtime", "instancecount", "successcount", "failurecount"},
	[]string{"runbegintime", "runendtime", "status"},
}

func (s *Server) describeUserCmds(r request, _ *Call) answer {
	p, wrong := r.page3(s.mostRows, true, orders3.scripts...)
	if wrong != nil {
		return *wrong
	}
	cmdID := ""
	if _, ok := r.fields["CmdId"]; ok {
		if cmdID, wrong = r.text3("CmdId"); wrong != nil {
			return *wrong
		}
	}
	total, rows := s.listScripts(cmdID, p)
	list := []any{}
	for i, sc := range rows {
		list = append(list, map[string]any{
			"AutoId": 56 + i, "Alias": sc.Alias, "CmdId": sc.CmdID, "OsType": sc.OSType, "AppId": number(sc.AppID),
			"Content": s.encoded(sc.Content), "CreateTime": stamp(sc.Created), "ModifyTime": stamp(sc.Modified),
		})
	}
	return answer{executed: true, data: map[string]any{"TotalCount": total, "UserCmds": list}}
}

func (s *Server) describeUserCmdTasks(r request, _ *Call) answer {
	p, wrong := r.page3(s.mostRows, true, orders3.tasks...)
	if wrong != nil {
		return *wrong
	}
	total, rows := s.listTasks(p)
	list := []any{}
	for _, t := range rows {
		status, succeeded, failed, ended := t.state()
		list = append(list, map[string]any{
			"TaskId": t.id, "Status": status, "Alias": t.alias, "CmdId": t.cmdID,
			"InstanceCount": len(t.hosts), "SuccessCount": succeeded, "FailureCount": failed,
			"RunBeginTime": stamp(t.begun), "RunEndTime": stamp(ended),
		})
	}
	return answer{executed: true, data: map[string]any{"TotalCount": total, "UserCmdTasks": list}}
}

// describeUserCmdTaskInfo answers for a task that is not known with an empty list; the documents do not say.
func (s *Server) describeUserCmdTaskInfo(r request, _ *Call) answer {
	id, wrong := r.text3("TaskId")
	if wrong != nil {
		return *wrong
	}
	p, wrong := r.page3(s.mostRows, false, orders3.hosts...)
	if wrong != nil {
		return *wrong
	}
	total, rows, _ := s.listHosts(id, p)
	list := []any{}
	for _, h := range rows {
		list = append(list, map[string]any{
			"AutoId": h.auto, "TaskId": id, "RunBeginTime": stamp(h.begun), "RunEndTime": stamp(h.ended), "Status": h.status,
			"InstanceName": h.host.name(), "InstanceId": h.host.id, "LanIp": h.host.lanIP,
			"VpcName": "net", "VpcId": "vpc-1", "VpcCidrBlock": "10.0.0.0/8", "SubnetName": "sub", "SubnetId": "subnet-1", "SubnetCidrBlock": "10.0.0.0/16",
			"CmdContent": s.encoded(h.content), "CmdParam": s.encoded(h.parameters), "CmdResult": s.encoded(h.output),
			"AppId": 251000873, "LastShellExit": h.exit,
		})
	}
	return answer{executed: true, data: map[string]any{"TotalCount": total, "UserCmdTaskInfoSet": list}}
}

// runUserCmd3 starts a script where it can, and says for each host whether it did.
func (s *Server) runUserCmd3(r request, call *Call) answer {
	values := map[string]string{}
	for _, name := range []string{"CmdId", "UserName", "Password", "CmdParam"} {
		if _, ok := r.fields[name]; !ok && name == "CmdParam" {
			continue // optional
		}
		v, wrong := r.text3(name)
		if wrong != nil {
			return *wrong
		}
		values[name] = v
	}
	ids, wrong := r.hosts3()
	if wrong != nil {
		return *wrong
	}
	parameters, err := base64.StdEncoding.DecodeString(values["CmdParam"])
	sc, ok := s.scripts[values["CmdId"]]
	switch {
	case err != nil:
		return refuse(10001, "CmdParam is not base64")
	case !ok:
		return refuse(18014, "%s", values["CmdId"])
	}
	var on []target
	refused := []any{}
	for _, id := range ids {
		h, ok := s.hosts[id]
		switch {
		case !ok:
			refused = append(refused, map[string]any{"InstanceId": id, "ErrorMsg": documented[18018].text})
		case s.checkLogins && !h.lets(values["UserName"], values["Password"]):
			refused = append(refused, map[string]any{"InstanceId": id, "ErrorMsg": documented[18012].text})
		default:
			on = append(on, target{h, h.lets(values["UserName"], values["Password"])})
		}
	}
	started := []any{}
	if len(on) > 0 {
		t := s.start(sc, on, parameters, values["UserName"], r, call)
		for _, h := range t.hosts {
			row := map[string]any{"InstanceId": h.host.id, "TaskId": h.asyncTask, "CmdTaskId": t.id}
			if s.listing.NoTaskIDs {
				delete(row, "CmdTaskId")
			}
			started = append(started, row)
		}
	}
	return answer{executed: len(on) > 0, data: map[string]any{"SuccessTaskInfoSet": started, "FailedTaskInfoSet": refused}}
}

// lets reports whether a user with this password may log in.
func (h *host) lets(user, password string) bool {
	want, known := h.logins[user]
	return known && want == password
}

// start begins the task of a RunUserCmd and writes it into the history.
func (s *Server) start(sc Script, on []target, parameters []byte, user string, r request, call *Call) *task {
	t := s.begin(sc, on, parameters)
	t.api = r.api
	ran := RanCmd{
		Call: call.N, At: call.At, Began: t.begun, CmdID: sc.CmdID, Parameters: parameters, Content: slices.Clone(sc.Content), User: user, LoginOK: true,
		KeyID: r.params["SecretId"], API: r.api, Task: t.shownID(),
	}
	for _, h := range on {
		ran.Hosts = append(ran.Hosts, h.id)
		ran.LoginOK = ran.LoginOK && h.loginOK
	}
	s.runs.add(ran)
	return t
}
