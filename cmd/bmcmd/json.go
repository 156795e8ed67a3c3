package main

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// What call prints with --json. Scripts, parameters and outputs may be any bytes:
// where they are UTF-8 they stand as text, else under the same name with _base64.
// Times are RFC 3339; what the API did not say is left out.
type (
	jsonScript struct {
		ID       string  `json:"id"`
		Alias    string  `json:"alias"`
		OS       string  `json:"os"`
		Account  string  `json:"account,omitempty"`
		Created  string  `json:"created,omitempty"`
		Modified string  `json:"modified,omitempty"`
		SHA256   string  `json:"sha256,omitempty"`
		How      jsonHow `json:"how,omitzero"`
		Content  *string `json:"content,omitempty"`
		Raw      []byte  `json:"content_base64,omitempty"`
	}
	// jsonHow is how a script is run, where the cloud keeps that beside it: TAT.
	jsonHow struct {
		Type     string            `json:"type,omitempty"`
		User     string            `json:"user,omitempty"`
		Dir      string            `json:"directory,omitempty"`
		Timeout  int               `json:"timeout,omitempty"` // in seconds
		Bucket   string            `json:"output_bucket,omitempty"`
		Prefix   string            `json:"output_prefix,omitempty"`
		Fillable bool              `json:"fillable,omitempty"` // {{names}} in it are to be filled in
		Defaults map[string]string `json:"defaults,omitempty"`
	}
	jsonTask struct {
		ID        string `json:"id"`
		Script    string `json:"script"`
		Alias     string `json:"alias"`
		Ended     bool   `json:"ended"`
		Hosts     *int   `json:"hosts,omitempty"`
		Succeeded *int   `json:"succeeded,omitempty"`
		Failed    *int   `json:"failed,omitempty"`
		Begun     string `json:"begun,omitempty"`
		Finished  string `json:"finished,omitempty"`
	}
	jsonHost struct {
		Host          string  `json:"host"`
		Name          string  `json:"name,omitempty"`
		LanIP         string  `json:"lan_ip,omitempty"`
		State         string  `json:"state"`            // running, ended, failed or other; of TAT also waiting, never ran, killed or lost
		Word          string  `json:"word,omitempty"`   // TAT's own
		Reason        string  `json:"reason,omitempty"` // why it could not be started
		Status        int     `json:"status"`
		Exit          int     `json:"exit"` // -1: none
		BadLogin      bool    `json:"bad_login"`
		Begun         string  `json:"begun,omitempty"`
		Finished      string  `json:"finished,omitempty"`
		SHA256        string  `json:"script_sha256,omitempty"` // of what ran
		Script        *string `json:"script,omitempty"`
		RawScript     []byte  `json:"script_base64,omitempty"`
		Parameters    *string `json:"parameters,omitempty"`
		RawParameters []byte  `json:"parameters_base64,omitempty"`
		Output        *string `json:"output,omitempty"`
		RawOutput     []byte  `json:"output_base64,omitempty"`
		Dropped       int     `json:"dropped,omitempty"` // bytes of output that the cloud did not keep
		URL           string  `json:"output_url,omitempty"`
		How           jsonHow `json:"how,omitzero"`
	}
	jsonScripts struct {
		Total   int          `json:"total"`
		Scripts []jsonScript `json:"scripts"`
	}
	jsonTasks struct {
		Total int        `json:"total"`
		Tasks []jsonTask `json:"tasks"`
	}
	jsonHosts struct {
		Task  string     `json:"task"`
		Hosts []jsonHost `json:"hosts"`
	}
)

// either gives text as such, and other bytes for base64.
func either(b []byte) (text *string, raw []byte) {
	if !utf8.Valid(b) {
		return nil, b
	}
	s := string(b)
	return &s, nil
}

func listedJSON(s bmclient.Script) jsonScript {
	return jsonScript{
		ID: s.CmdID, Alias: s.Alias, OS: s.OSType, Created: stamp(s.Created), Modified: stamp(s.Modified),
	}
}

// scriptJSON is a whole script. Its digest is that of the API's bytes, whatever was
// scrubbed since.
func scriptJSON(s bmclient.Script, digest string) jsonScript {
	out := listedJSON(s)
	out.Account, out.SHA256, out.How = s.AppID, digest, howJSON(s.How)
	out.Content, out.Raw = either(s.Content)
	return out
}

func howJSON(h bmclient.How) jsonHow {
	out := jsonHow{
		Type: h.Type, User: h.User, Dir: h.Dir, Timeout: int(h.Timeout / time.Second), Bucket: h.Bucket, Prefix: h.Prefix,
		Fillable: h.Fillable,
	}
	for _, d := range h.Defaults {
		if out.Defaults == nil {
			out.Defaults = map[string]string{}
		}
		out.Defaults[d.Name] = d.Value
	}
	return out
}

func scriptsJSON(l bmclient.ScriptList) jsonScripts {
	out := jsonScripts{Total: l.Total, Scripts: []jsonScript{}}
	for _, s := range l.Scripts {
		out.Scripts = append(out.Scripts, listedJSON(s))
	}
	return out
}

func tasksJSON(l bmclient.TaskList) jsonTasks {
	out := jsonTasks{Total: l.Total, Tasks: []jsonTask{}}
	for _, t := range l.Tasks {
		out.Tasks = append(out.Tasks, jsonTask{
			ID: t.ID, Script: t.CmdID, Alias: t.Alias, Ended: t.Ended,
			Hosts: said(t.Hosts), Succeeded: said(t.Succeeded), Failed: said(t.Failed), Begun: stamp(t.Begun), Finished: stamp(t.Finished),
		})
	}
	return out
}

func hostsJSON(task string, hosts []bmclient.HostRun) jsonHosts {
	out := jsonHosts{Task: task, Hosts: []jsonHost{}}
	for _, h := range hosts {
		j := jsonHost{
			Host: h.Host, Name: h.Name, LanIP: h.LanIP, State: h.State.String(), Status: h.Status, Exit: h.Exit,
			Word: h.Word, Reason: h.Reason, Dropped: h.Dropped, URL: h.URL, How: howJSON(h.Ran),
			BadLogin: h.BadLogin(), Begun: stamp(h.Begun), Finished: stamp(h.Finished),
		}
		if len(h.Content) > 0 {
			j.SHA256 = digest(h.Content)
		}
		j.Script, j.RawScript = either(h.Content)
		j.Parameters, j.RawParameters = either(h.Parameters)
		j.Output, j.RawOutput = either(h.Output)
		out.Hosts = append(out.Hosts, j)
	}
	return out
}

// said is a number that the API may leave out, which the client writes as -1.
func said(n int) *int {
	if n < 0 {
		return nil
	}
	return &n
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

// printJSON prints v. What could do something to a terminal stands as \u001b, which
// is the same JSON.
func (k *call) printJSON(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := k.out.Write(approvals.PlainJSON(b.Bytes()))
	return err
}
