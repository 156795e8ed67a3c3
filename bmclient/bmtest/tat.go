package bmtest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// timeTAT is how TAT writes times.
const timeTAT = "2006-01-02T15:04:05Z"

// mostOutput is how much of a host's output TAT keeps.
const mostOutput = 24 << 10

// regionsTAT are those of the sample of DescribeRegions.
var regionsTAT = []string{
	"ap-guangzhou", "ap-shanghai", "ap-nanjing", "ap-beijing", "ap-chengdu", "ap-chongqing", "ap-hongkong", "ap-singapore", "ap-seoul",
	"na-siliconvalley", "eu-frankfurt",
}

// How is what TAT keeps beside a script's content, and Bare Metal does not.
type How struct {
	Type     string     `json:"type,omitempty"`    // SHELL if empty
	User     string     `json:"user,omitempty"`    // root if empty; System on Windows
	Dir      string     `json:"dir,omitempty"`     // /root if empty
	Timeout  int        `json:"timeout,omitempty"` // in seconds; 60 if 0
	Bucket   string     `json:"bucket,omitempty"`
	Prefix   string     `json:"prefix,omitempty"`
	Fillable bool       `json:"fillable,omitempty"` // EnableParameter
	Defaults []TATValue `json:"defaults,omitempty"`
	Public   bool       `json:"public,omitempty"` // created by the vendor
}

// TATValue is a parameter's default, or its value.
type TATValue struct {
	Name, Value, Description string
}

func (h How) complete(windows bool) How {
	if h.Type == "" {
		h.Type = "SHELL"
	}
	if h.User == "" {
		h.User = "root"
		if windows {
			h.User = "System"
		}
	}
	if h.Dir == "" && h.Type == "SHELL" {
		h.Dir = "/root"
	}
	if h.Timeout == 0 {
		h.Timeout = 60
	}
	return h
}

// fields are How as scripts, tasks and invocations have it.
func (h How) fields(more map[string]any) map[string]any {
	more["CommandType"], more["WorkingDirectory"], more["Timeout"], more["Username"] = h.Type, h.Dir, h.Timeout, h.User
	more["OutputCOSBucketUrl"], more["OutputCOSKeyPrefix"] = h.Bucket, h.Prefix
	return more
}

// defaults are written as one JSON object of strings; empty for none.
func (h How) defaults() string {
	if len(h.Defaults) == 0 {
		return ""
	}
	m := map[string]string{}
	for _, d := range h.Defaults {
		m[d.Name] = d.Value
	}
	b, _ := json.Marshal(m)
	return string(b)
}

// fill puts values in the place of their names, once, and leaves what has none.
func (h How) fill(content []byte, values map[string]string) []byte {
	if !h.Fillable {
		return content
	}
	var pairs []string
	seen := map[string]bool{}
	for name, v := range values {
		pairs, seen[name] = append(pairs, "{{"+name+"}}", v), true
	}
	for _, d := range h.Defaults {
		if !seen[d.Name] {
			pairs = append(pairs, "{{"+d.Name+"}}", d.Value)
		}
	}
	return []byte(strings.NewReplacer(pairs...).Replace(string(content)))
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// whenTAT is a time as TAT writes it; null for none.
func whenTAT(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(timeTAT)
}

// describeCommands lists scripts, newest first. They are in the home region, and the vendor's in each.
func (s *Server) describeCommands(r request, _ *Call) answer {
	a := r.asks()
	ids := a.ids("CommandIds", 100, "InvalidParameterValue.InvalidCommandId", "cmd-")
	filters := a.filters("command-id", "command-name", "command-type", "scene-id", "created-by", "tag-key", "tag-value", "tag:")
	p := a.page(min(100, s.mostRows))
	a.either(ids, filters)
	if wrong := a.done(); wrong != nil {
		return *wrong
	}
	_, all := s.listScripts("", page{limit: len(s.scripts)})
	all = slices.DeleteFunc(all, func(sc Script) bool {
		if len(ids) > 0 && !slices.Contains(ids, sc.CmdID) || !sc.Public && r.params["Region"] != HomeRegion {
			return true
		}
		return slices.ContainsFunc(filters, func(f filter) bool {
			if f.name == "command-name" {
				return !s.named(f, sc.Alias)
			}
			return !passes([]filter{f}, func(name string) []string {
				return map[string][]string{"command-id": {sc.CmdID}, "command-type": {sc.how().Type}, "created-by": {sc.createdBy()}}[name]
			})
		})
	})
	total, rows := cut(all, p, Listing{})
	list := []any{}
	for _, sc := range rows {
		how := sc.how()
		confs := []any{}
		for _, d := range how.Defaults {
			confs = append(confs, map[string]any{"ParameterName": d.Name, "ParameterValue": d.Value, "ParameterDescription": d.Description})
		}
		list = append(list, how.fields(map[string]any{
			"CommandId": sc.CmdID, "CommandName": sc.Alias, "Description": "", "Content": b64(sc.Content), "CreatedTime": whenTAT(sc.Created),
			"UpdatedTime": whenTAT(sc.Modified), "EnableParameter": how.Fillable, "DefaultParameters": how.defaults(), "DefaultParameterConfs": confs,
			"Scenes": []string{}, "FormattedDescription": "", "CreatedBy": sc.createdBy(), "Tags": []any{},
		}))
	}
	return answer{executed: true, data: map[string]any{"TotalCount": total, "CommandSet": list}}
}

// how is a script's How; one of Windows is for PowerShell if nothing else was said.
func (sc Script) how() How {
	if sc.Type == "" && sc.OSType == "xserver" {
		sc.Type = "POWERSHELL"
	}
	return sc.complete(sc.OSType == "xserver")
}

func (sc Script) createdBy() string {
	if sc.Public {
		return "TAT"
	}
	return "USER"
}

// describeInvocations lists tasks, newest first: one more call that lists, unless it is by id.
func (s *Server) describeInvocations(r request, _ *Call) answer {
	a := r.asks()
	ids := a.ids("InvocationIds", 100, "InvalidParameterValue.InvalidInvocationId", "inv-")
	filters := a.filters("invocation-id", "command-id", "command-created-by", "instance-kind")
	p := a.page(min(100, s.mostRows))
	a.either(ids, filters)
	if wrong := a.done(); wrong != nil {
		return *wrong
	}
	total, rows := cut(slices.DeleteFunc(s.knownIn(r, byID(ids, filters)), func(t *task) bool {
		return len(ids) > 0 && !slices.Contains(ids, t.invocation()) || !passes(filters, func(name string) []string {
			return map[string][]string{
				"invocation-id": {t.invocation()}, "command-id": {t.script.CmdID}, "command-created-by": {t.script.createdBy()}, "instance-kind": {kindOf(t.hosts[0].host.id)},
			}[name]
		})
	}), p, s.listing)
	list := []any{}
	for _, t := range rows {
		var of []any
		for _, h := range t.hosts {
			of = append(of, map[string]any{"InvocationTaskId": h.taskTAT(), "TaskStatus": h.statusTAT(s.now()), "InstanceId": h.host.id})
		}
		begun, ended := t.times(s.now())
		list = append(list, t.how.fields(map[string]any{
			"InvocationId": t.invocation(), "CommandId": t.script.CmdID, "CommandName": t.script.Alias, "InvocationStatus": t.statusTAT(s.now()),
			"InvocationTaskBasicInfoSet": of, "Description": "", "StartTime": whenTAT(begun), "EndTime": whenTAT(ended), "CreatedTime": whenTAT(t.begun),
			"UpdatedTime": whenTAT(s.now()), "Parameters": t.parameters, "DefaultParameters": t.how.defaults(), "InstanceKind": kindOf(t.hosts[0].host.id),
			"InvocationSource": "USER", "CommandContent": b64(s.recorded(t.template, t.hosts[0].content)),
		}))
	}
	return answer{executed: true, data: map[string]any{"TotalCount": total, "InvocationSet": list}}
}

// recorded is what the records hold of a content with parameters; the documents do not say which it is.
func (s *Server) recorded(template, filled []byte) []byte {
	if s.recordFilled {
		return filled
	}
	return template
}

// byID says that a call is about what is known already, not a search.
func byID(ids []string, filters []filter) bool {
	return len(ids) > 0 || slices.ContainsFunc(filters, func(f filter) bool { return f.name == "invocation-id" || f.name == "invocation-task-id" })
}

// knownIn are the tasks of a request's region that are listed by now, newest first.
func (s *Server) knownIn(r request, byID bool) []*task {
	if !byID {
		s.taskLists++
	}
	return sorted(slices.DeleteFunc(s.known(), func(t *task) bool { return t.region != r.params["Region"] }), page{}, func(a, b *task) int { return a.begun.Compare(b.begun) })
}

// describeInvocationTasks hides output unless it is told not to.
func (s *Server) describeInvocationTasks(r request, _ *Call) answer {
	a := r.asks()
	ids := a.ids("InvocationTaskIds", 100, "InvalidParameterValue.InvalidInvocationTaskId", "invt-")
	filters := a.filters("invocation-task-id", "invocation-id", "instance-id", "command-id")
	hide := value(a, "HideOutput", true)
	p := a.page(min(100, s.mostRows))
	a.either(ids, filters)
	if wrong := a.done(); wrong != nil {
		return *wrong
	}
	var all []row
	for _, t := range s.knownIn(r, byID(ids, filters)) {
		for _, h := range t.hosts {
			if len(ids) > 0 && !slices.Contains(ids, h.taskTAT()) || !passes(filters, func(name string) []string {
				return map[string][]string{
					"invocation-task-id": {h.taskTAT()}, "invocation-id": {t.invocation()}, "instance-id": {h.host.id}, "command-id": {t.script.CmdID},
				}[name]
			}) {
				continue
			}
			all = append(all, row{t, h})
		}
	}
	total, rows := cut(all, p, s.listing)
	list := []any{}
	for _, one := range rows {
		list = append(list, s.taskRow(one.task, one.run, hide))
	}
	return answer{executed: true, data: map[string]any{"TotalCount": total, "InvocationTaskSet": list}}
}

type row struct {
	task *task
	run  *hostRun
}

func (s *Server) taskRow(t *task, h *hostRun, hide bool) map[string]any {
	begun, dropped := h.startedAt(s.now()), 0
	output := h.output
	if len(output) > mostOutput {
		output, dropped = output[:mostOutput], len(output)-mostOutput
	}
	if hide {
		output = nil
	}
	url := ""
	if t.how.Bucket != "" && !h.running && !begun.IsZero() {
		url = fmt.Sprintf("%s/%s/%s/%s.log?q-sign-algorithm=sha1&q-ak=AKIDsample&q-signature=5d0c7a528e0b4f559a51", t.how.Bucket, t.how.Prefix, t.invocation(), h.taskTAT())
	}
	exit := h.exit
	if h.running {
		exit = 0 // the document's default; it says nothing before the end
	}
	content := s.recorded(t.template, h.content)
	if h.as.Content != nil {
		content = h.as.Content
	}
	return map[string]any{
		"InvocationId": t.invocation(), "InvocationTaskId": h.taskTAT(), "CommandId": t.script.CmdID, "CommandName": t.script.Alias,
		"TaskStatus": h.statusTAT(s.now()), "InstanceId": h.host.id, "StartTime": whenTAT(begun), "EndTime": whenTAT(h.ended),
		"CreatedTime": whenTAT(t.begun), "UpdatedTime": whenTAT(s.now()), "ErrorInfo": h.as.ErrorInfo, "InvocationSource": "USER",
		"TaskResult": map[string]any{
			"ExitCode": exit, "Output": b64(output), "ExecStartTime": whenTAT(begun), "ExecEndTime": whenTAT(h.ended), "Dropped": dropped,
			"OutputUrl": url, "OutputUploadCOSErrorInfo": "",
		},
		"CommandDocument": t.how.fields(map[string]any{"Content": b64(content)}),
	}
}
