package bmtest

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// action is what a request asks for, and the right it needs.
type action struct {
	do    func(*Server, request, *Call) answer
	right Rights
}

var actions = map[string]action{
	"GetUserCmd": {(*Server).getUserCmd, MayRead},
	"RunUserCmd": {(*Server).runUserCmd, MayRun},
}

// handle decides about one request. The lock is held.
func (s *Server) handle(r request, f Fault, call *Call) answer {
	if r.wrong != nil {
		return *r.wrong
	}
	name, wrong := r.has("Action")
	if wrong != nil {
		return *wrong
	}
	act, ok := actions[name]
	if !ok {
		return refuse(6100, "there is no action %q here; there are GetUserCmd and RunUserCmd", name)
	}
	if wrong := s.verify(r, act.right); wrong != nil {
		return *wrong
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
	if f.Code == 0 {
		return a
	}
	d := documented[f.Code]
	return answer{code: f.Code, name: cmp.Or(f.Name, d.name), message: cmp.Or(f.Message, d.text), executed: a.executed}
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
	content := base64.StdEncoding.EncodeToString(sc.Content)
	if s.plainContent {
		content = string(sc.Content)
	}
	return answer{executed: true, data: map[string]any{
		"autoId": "56", "alias": sc.Alias, "cmdId": sc.CmdID, "osType": sc.OSType, "referenceProject": "", "appId": sc.AppID,
		"content":    content,
		"createTime": sc.Created.In(chinaTime).Format(time.DateTime),
		"modifyTime": sc.Modified.In(chinaTime).Format(time.DateTime),
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
	loginOK := true
	for _, h := range hosts {
		logins, ok := s.hosts[h]
		if !ok {
			return refuse(18018, "%s", h)
		}
		password, known := logins[values["userName"]]
		loginOK = loginOK && known && password == values["password"]
		if s.checkLogins && !known {
			return refuse(18011, "%s on %s", values["userName"], h)
		}
	}
	if s.checkLogins && !loginOK {
		return refuse(18012, "for %s", values["userName"])
	}
	s.runs.add(RanCmd{
		Call: call.N, At: call.At, CmdID: sc.CmdID, Hosts: hosts, Parameters: parameters, Content: slices.Clone(sc.Content),
		User: values["userName"], LoginOK: loginOK, KeyID: r.params["SecretId"],
	})
	return answer{executed: true}
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
