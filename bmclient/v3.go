package bmclient

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

var productBM = product{"bm", "2018-04-23"}

// api3 is API 3.0: JSON, TC3-HMAC-SHA256 by the vendor's client (sign3.go), words for errors.
type api3 struct{ bareMetal }

var names3 = names{
	run: "RunUserCmd", capital: true, total: "TotalCount", scripts: "UserCmds", tasks: "UserCmdTasks", hosts: "UserCmdTaskInfoSet", taskAlias: "alias", id: "cmdId",
	codes: []map[string]code3{codes3},
}

func (api3) names() *names { return &names3 }

// run leaves CmdParam out where there is none: it is optional here, and the vendor's clients drop what is empty.
func (api3) run(_ *Client, r Run, password string) call {
	fs := map[string]any{"CmdId": r.CmdID, "UserName": r.User, "Password": password, "InstanceIds": r.Hosts}
	if len(r.Parameters) > 0 {
		fs["CmdParam"] = base64.StdEncoding.EncodeToString(r.Parameters)
	}
	return call{to: toRun, action: names3.run, fields: fs}
}

// script asks for a list with one script: 3.0 has no action for one. It takes more than one row, in case the filter is not exact.
func (api3) script(cmdID string) call {
	return call{to: toReadScript, action: "DescribeUserCmds", fields: map[string]any{"CmdId": cmdID, "Offset": 0, "Limit": 20}}
}

func (api3) scripts(q ScriptQuery) call {
	fs := q.Page.fields("CreateTime")
	if q.Search != "" {
		fs["SearchKey"] = q.Search
	}
	return call{to: toListScripts, action: "DescribeUserCmds", fields: fs}
}

func (api3) tasks(p Page) call {
	return call{to: toListTasks, action: "DescribeUserCmdTasks", fields: p.fields("RunBeginTime")}
}

func (api3) hosts(taskID string, p Page) call {
	fs := p.fields("RunBeginTime")
	fs["TaskId"] = taskID
	return call{to: toListHosts, action: "DescribeUserCmdTaskInfo", fields: fs}
}

// fields asks for one page, newest first.
func (p Page) fields(orderBy string) map[string]any {
	return map[string]any{"Offset": p.Offset, "Limit": p.Limit, "OrderField": orderBy, "Order": 1}
}

// checkText refuses what JSON would alter: bytes that are not UTF-8 become others on the way.
func (c call) checkText() error {
	for key, v := range c.fields {
		if s, ok := v.(string); ok && !utf8.ValidString(s) {
			return local("the value of %s is not UTF-8, which API 3.0 cannot be sent", key)
		}
	}
	hosts, _ := c.fields["InstanceIds"].([]string)
	for _, h := range hosts {
		if !utf8.ValidString(h) {
			return local("a host's name is not UTF-8, which API 3.0 cannot be sent")
		}
	}
	return nil
}

// decode reads {"Response": …}. An error in the style of API 2.0 is an error too; a success in that style is no answer to ours.
func (api3) decode(body []byte) (answer, error) {
	m, err := whole(body)
	if err != nil {
		return answer{}, err
	}
	response, err := object(m["Response"])
	if err != nil {
		if n, ok := flexInt(m["code"]); ok && n != 0 {
			return answer{code: n, name: text(m["codeDesc"]), message: text(m["message"])}, nil
		}
		return answer{}, errNoCode
	}
	a := answer{requestID: text(response["RequestId"]), data: m["Response"]}
	if raw, ok := response["Error"]; ok && string(raw) != "null" {
		if !isEmpty(response["InvocationId"]) || !isEmpty(response["SuccessTaskInfoSet"]) {
			return answer{}, errBoth
		}
		return decodeNewStyle(m)
	}
	return a, nil
}

// judge reads the code.
func (api3) judge(c *Client, e *Error, ans answer, date string) {
	if ans.code != 0 {
		e.Number, e.Meaning = ans.code, "the API answered in the style of API 2.0"
		return
	}
	known := lookUp3(ans.name, c.api.names().codes...)
	e.Code, e.Name, e.again = ans.name, "", known.read
	e.Meaning, e.Class, e.hint = known.meaning, known.run, c.hint3(e.Action, ans.name, date)
}

func (api3) pick(c *Client, data json.RawMessage, cmdID string) (fields, bool, error) {
	n := c.api.names()
	total, rows, err := c.rows(data, n.scripts)
	if err != nil {
		return fields{}, false, err
	}
	for _, f := range rows {
		if f.text(n.id) == cmdID {
			return f, true, nil
		}
	}
	if total > 0 || len(rows) > 0 {
		return fields{}, false, errors.New("the answer is about other scripts")
	}
	return fields{}, false, nil
}

// accept reads for which hosts the script was started. An answer that names no host at all says nothing of what was done.
func (api3) accept(a *Accepted, call call, ans answer) error {
	response, err := object(ans.data)
	if err != nil {
		return errJSON
	}
	started, err := objects(response, "SuccessTaskInfoSet")
	if err != nil {
		return err
	}
	refused, err := objects(response, "FailedTaskInfoSet")
	if err != nil {
		return err
	}
	for _, f := range started {
		if id := taskIDOr(f.text("CmdTaskId"), ans.clean); id != "" && !slices.Contains(a.Tasks, id) {
			a.Tasks = append(a.Tasks, id)
		}
	}
	for _, f := range refused {
		a.Refused = append(a.Refused, HostRefused{Host: call.hostOr(f.text("InstanceId"), ans.clean), Message: ans.clean(f.text("ErrorMsg"))})
	}
	if len(started)+len(refused) == 0 {
		return errors.New("the answer names no host")
	}
	return nil
}

// hostOr leaves the name of a host that was asked for as it is, though a short password may be a part of it; any other name is scrubbed.
func (c call) hostOr(name string, clean func(string) string) string {
	if asked, _ := c.fields["InstanceIds"].([]string); slices.Contains(asked, name) {
		return name
	}
	return clean(name)
}

// taskIDOr leaves what looks like a task's id as it is, for the same reason. Anything else that would have to be scrubbed is no id that
// could be asked for: then there is none.
func taskIDOr(id string, clean func(string) string) string {
	rest, ok := strings.CutPrefix(id, "cmdtask-")
	odd := func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'z') }
	if ok && len(rest) <= 16 && !strings.ContainsFunc(rest, odd) || clean(id) == id {
		return id
	}
	return ""
}

// objects reads a list of objects, which may be absent or null.
func objects(m map[string]json.RawMessage, key string) ([]fields, error) {
	all, err := objectsOf(m[key], &names3)
	if err != nil {
		return nil, fmt.Errorf("%s in the answer is not a list of objects", key)
	}
	return all, nil
}

func objectsOf(list json.RawMessage, n *names) ([]fields, error) {
	raw, err := arrayOf(list)
	all := make([]fields, 0, len(raw))
	for _, r := range raw {
		o, err := object(r)
		if err != nil {
			return nil, err
		}
		all = append(all, fields{o, n})
	}
	return all, err
}

// arrayOf is a list, which may be absent or null.
func arrayOf(list json.RawMessage) (raw []json.RawMessage, err error) {
	if !isEmpty(list) {
		err = json.Unmarshal(list, &raw)
	}
	return raw, err
}
