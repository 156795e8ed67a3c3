package bmclient

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"
)

var (
	productTAT = product{"tat", "2020-10-28"}
	productCVM = product{"cvm", "2017-03-12"}
)

// tat is TencentCloud Automation Tools: the envelope and signature of API 3.0, and a run that carries its script.
type tat struct{ api3 }

var namesTAT = names{
	run: "RunCommand", capital: true, total: "TotalCount", scripts: "CommandSet", tasks: "InvocationSet", hosts: "InvocationTaskSet", rowTask: "InvocationId",
	id: "CommandId", codes: []map[string]code3{codesTAT, codes3},
}

func (tat) names() *names { return &namesTAT }

// tatCall is a call with those of its parameters that are set.
func tatCall(to purpose, action string, fields map[string]any) call {
	return call{to: to, action: action, fields: fields, at: productTAT}
}

// run sends the script itself, with nothing left to be filled in. Nothing of it is stored.
func (tat) run(_ *Client, r Run, _ string) call {
	fs := map[string]any{
		"Content": base64.StdEncoding.EncodeToString(r.Content), "InstanceIds": r.Hosts, "Username": r.User,
		"EnableParameter": false, "SaveCommand": false,
	}
	for key, v := range map[string]string{
		"CommandType": r.How.Type, "WorkingDirectory": r.How.Dir, "OutputCOSBucketUrl": r.How.Bucket, "OutputCOSKeyPrefix": r.How.Prefix,
	} {
		if v != "" {
			fs[key] = v
		}
	}
	if r.How.Timeout > 0 {
		fs["Timeout"] = int(r.How.Timeout / time.Second)
	}
	return tatCall(toRun, namesTAT.run, fs)
}

// accept reads the invocation. A yes that names none says nothing of what was done.
func (tat) accept(a *Accepted, _ call, ans answer) error {
	response, err := object(ans.data)
	if err != nil {
		return errJSON
	}
	id := ans.clean(text(response["InvocationId"]))
	if id == "" {
		return errors.New("the answer names no invocation")
	}
	a.Tasks = []string{id}
	return nil
}

// stop names the hosts: without any, all would be stopped.
func (tat) stop(taskID string, hosts []string) (call, error) {
	return tatCall(toStop, "CancelInvocation", map[string]any{"InvocationId": taskID, "InstanceIds": hosts}), nil
}

func (tat) script(cmdID string) call {
	return tatCall(toReadScript, "DescribeCommands", map[string]any{"CommandIds": []string{cmdID}, "Limit": defaultPage, "Offset": 0})
}

// scripts lists the account's own: the vendor's public ones are in the list, too, unless it is said otherwise. What is searched for is
// looked for here: whether the filter takes a part of a name is not documented.
func (tat) scripts(q ScriptQuery) call {
	return tatCall(toListScripts, "DescribeCommands", paged(q.Page, filter{"created-by", []string{"USER"}}))
}

func (tat) tasks(p Page) call { return tatCall(toListTasks, "DescribeInvocations", paged(p)) }

// hosts says that outputs are wanted: they are left out unless it is.
func (tat) hosts(taskID string, p Page) call {
	fs := paged(p, filter{"invocation-id", []string{taskID}})
	fs["HideOutput"] = false
	return tatCall(toListHosts, "DescribeInvocationTasks", fs)
}

type filter struct {
	Name   string
	Values []string
}

const mostFilterValues = 5

func paged(p Page, filters ...filter) map[string]any {
	fs := map[string]any{"Limit": p.Limit, "Offset": p.Offset}
	if len(filters) > 0 {
		fs["Filters"] = filters
	}
	return fs
}

// osTypes are the systems that scripts of a type run on.
var osTypes = map[string]string{"SHELL": "linux", "POWERSHELL": "windows", "BAT": "windows"}

func (tat) scriptOf(f fields) (Script, error) {
	s := Script{CmdID: f.text("CommandId"), Alias: f.text("CommandName"), How: f.how(), Created: f.time("CreatedTime"), Modified: f.time("UpdatedTime")}
	s.OSType = osTypes[s.How.Type]
	content, err := base64.StdEncoding.DecodeString(text(f.raw("Content")))
	switch {
	case s.CmdID == "":
		return s, errors.New("a listed script has no id")
	case err != nil || len(content) == 0:
		return s, errors.New("the script's content is missing, or is not base64")
	case s.OSType == "":
		return s, errors.New("the script's type is not one that is documented")
	}
	s.Content = content
	s.How.Fillable, s.How.Defaults, err = f.parameters()
	return s, err
}

// how is how a script is or was run, as commands and records write it.
func (f fields) how() How {
	return How{
		Type: f.text("CommandType"), User: f.text("Username"), Dir: f.text("WorkingDirectory"), Timeout: time.Duration(f.number("Timeout", 0)) * time.Second,
		Bucket: f.text("OutputCOSBucketUrl"), Prefix: f.text("OutputCOSKeyPrefix"),
	}
}

// parameters are the defaults of a script's names, which come as JSON in a text, or as a list.
func (f fields) parameters() (fillable bool, all []Default, err error) {
	if string(f.raw("EnableParameter")) != "true" {
		return false, nil, nil
	}
	rows, err := objectsOf(f.raw("DefaultParameterConfs"), f.n)
	for _, r := range rows {
		all = append(all, Default{r.text("ParameterName"), r.text("ParameterValue"), r.text("ParameterDescription")})
	}
	if written := text(f.raw("DefaultParameters")); err == nil && len(all) == 0 && written != "" {
		var values map[string]string
		err = json.Unmarshal([]byte(written), &values)
		for name, value := range values {
			all = append(all, Default{Name: name, Value: value})
		}
	}
	slices.SortFunc(all, func(a, b Default) int { return strings.Compare(a.Name, b.Name) })
	if err != nil {
		err = errors.New("the defaults of the script's parameters cannot be read")
	}
	return true, all, err
}

func (tat) taskOf(f fields) Task {
	t := Task{
		ID: f.text("InvocationId"), CmdID: f.text("CommandId"), Alias: f.text("CommandName"), Hosts: -1, Succeeded: -1, Failed: -1,
		Begun: f.time("StartTime"), Finished: f.time("EndTime"), Ended: invocationEnded[f.text("InvocationStatus")],
	}
	rows, err := objectsOf(f.raw("InvocationTaskBasicInfoSet"), f.n)
	if err != nil || len(rows) == 0 {
		return t
	}
	t.Hosts, t.Succeeded, t.Failed = len(rows), 0, 0
	for _, r := range rows {
		switch word := r.text("TaskStatus"); {
		case word == "SUCCESS":
			t.Succeeded++
		case taskState(word).ended():
			t.Failed++
		}
	}
	return t
}

func (tat) hostOf(f fields, hide func([]byte) []byte) HostRun {
	say := func(s string) string { return string(hide([]byte(s))) }
	word := f.text("TaskStatus")
	result, ran := f.inner("TaskResult"), f.inner("CommandDocument")
	h := HostRun{
		Host: f.text("InstanceId"), State: taskState(word), Word: say(word), Reason: say(f.text("ErrorInfo")), Status: noStatus, Exit: -1,
		Begun: f.time("StartTime"), Finished: f.time("EndTime"), Ran: ran.how(), Dropped: max(0, result.number("Dropped", 0)),
		URL: say(bare(result.text("OutputUrl"))),
	}
	if t := result.time("ExecStartTime"); !t.IsZero() {
		h.Begun = t
	}
	if t := result.time("ExecEndTime"); !t.IsZero() {
		h.Finished = t
	}
	if h.State == HostEnded {
		h.Exit, h.Status = result.number("ExitCode", -1), 0
		if word == "SUCCESS" && h.Exit != 0 || word == "FAILED" && h.Exit == 0 {
			h.Exit = -1 // the two contradict each other
		}
	}
	h.Content, h.Plain = ran.bytes("Content")
	output, plain := result.bytes("Output")
	h.Output, h.Plain = hide(output), h.Plain || plain
	return h
}

// inner is an object in an object; without any field where it is missing.
func (f fields) inner(key string) fields {
	m, _ := object(f.raw(key))
	return fields{m, f.n}
}

// bare is a URL without what may give access by it: query, fragment and user.
func bare(s string) string {
	u, err := url.Parse(s)
	if s == "" || err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// mostSearched is how many pages are read for a run whose answer nobody has.
const mostSearched = 20

// sent reads what ran on some of the hosts: each host of a run has a row of its own. In which order they come is not documented: where
// not all can be read, or the run is found, it ends with the first page that is older than the run, as far as the pages read are in an
// order. Where the first page is not newest first, the last ones are read before the others. Outputs stay away.
func (tat) sent(ctx context.Context, c *Client, q SentQuery) (found []string, err error) {
	p := Page{Limit: LargestPage}
	newest, oldest := true, true // the rows come so, as far as they are known
	step, pages, back := 0, 0, false
	for n := range mostSearched {
		fs := paged(p, filter{"instance-id", q.Hosts[:min(len(q.Hosts), mostFilterValues)]})
		fs["HideOutput"] = true
		var first, last time.Time
		total, rows, err := list(ctx, c, tatCall(toListHosts, "DescribeInvocationTasks", fs), p, namesTAT.hosts, func(f fields, hide func([]byte) []byte) (HostRun, error) {
			made, id, h := f.time("CreatedTime"), f.text("InvocationId"), tat{}.hostOf(f, hide)
			newest = newest && !made.IsZero() && (last.IsZero() || !made.After(last))
			oldest = oldest && !made.IsZero() && !made.Before(last)
			if last = made; first.IsZero() {
				first = made
			}
			if id != "" && string(h.Content) == string(q.Content) && !slices.Contains(found, id) {
				found = append(found, id)
			}
			return h, nil
		})
		if err != nil || len(rows) == 0 && !back {
			return found, err
		}
		if n == 0 {
			step, pages, back = len(rows), (total+len(rows)-1)/len(rows), !newest
		}
		older := !back && newest && first.After(last) && last.Before(q.Since) || back && n > 0 && oldest && !first.IsZero() && first.Before(q.Since)
		if n+1 >= pages || older && (len(found) > 0 || pages > mostSearched) {
			return found, nil
		}
		if p.Offset += step; back {
			p.Offset = (pages - 1 - n) * step
		}
	}
	return nil, &Error{Action: "DescribeInvocationTasks", Meaning: "too much ran on these hosts to be searched", cause: ErrTooLong}
}
