package bmclient

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// api2 is API 2.0: form parameters, an HMAC over all of them, numbers for errors.
type api2 struct{ bareMetal }

var names2 = names{run: "RunUserCmd", total: "totalNum", scripts: "list", tasks: "list", hosts: "list", taskAlias: "cmdAlias", rowTask: "taskId"}

func (api2) names() *names { return &names2 }

func (api2) decode(body []byte) (answer, error) { return decodeAnswer(body) }

func (api2) run(c *Client, r Run, password string) call {
	ps := make(params, 0, len(r.Hosts)+4)
	ps.add("cmdId", r.CmdID)
	ps.add("cmdParam", base64.StdEncoding.EncodeToString(r.Parameters))
	for i, host := range r.Hosts {
		ps.add(c.cfg.ArrayKey+"."+strconv.Itoa(i), host)
	}
	ps.add("password", password)
	ps.add("userName", r.User)
	return call{to: toRun, action: names2.run, own: ps}
}

func (api2) script(cmdID string) call {
	return call{to: toReadScript, action: "GetUserCmd", own: params{{"cmdId", cmdID}}}
}

func (api2) scripts(q ScriptQuery) call {
	ps := q.Page.params("createTime")
	if q.Search != "" {
		ps.add("searchKey", q.Search)
	}
	return call{to: toListScripts, action: "GetUserCmdList", own: ps}
}

func (api2) tasks(p Page) call {
	return call{to: toListTasks, action: "GetUserCmdTaskList", own: p.params("runBeginTime")}
}

func (api2) hosts(taskID string, p Page) call {
	ps := p.params("runBeginTime")
	ps.add("taskId", taskID)
	return call{to: toListHosts, action: "GetUserCmdTaskDetailList", own: ps}
}

// params asks for one page, newest first.
func (p Page) params(orderBy string) params {
	return params{
		{"offset", strconv.Itoa(p.Offset)},
		{"limit", strconv.Itoa(p.Limit)},
		{"orderBy", orderBy},
		{"orderType", "1"},
	}
}

// sign adds the common parameters, with a fresh nonce, to an action's own ones and signs them all.
func (api2) sign(c *Client, call call, key Key, at time.Time) (signedCall, error) {
	if err := key.check(); err != nil {
		return signedCall{}, err
	}
	ps := make(params, 0, len(call.own)+8)
	ps.add("Action", call.action)
	ps.add("Nonce", strconv.FormatUint(c.cfg.Nonce(), 10))
	if c.cfg.Region != "" {
		ps.add("Region", c.cfg.Region)
	}
	ps.add("SecretId", key.ID)
	ps.add("SignatureMethod", c.cfg.Signature)
	ps.add("Timestamp", strconv.FormatInt(at.Unix(), 10))
	signed := signedCall{call: call, method: http.MethodPost, secrets: []string{key.ID}}
	if c.cfg.ReadsByGET && call.to != toRun {
		signed.method = http.MethodGet
	}
	if key.Token != nil {
		token := key.Token.Reveal()
		ps.add("Token", token)
		signed.secrets = append(signed.secrets, token)
	}
	ps = append(ps, call.own...)
	if err := ps.check(); err != nil {
		return signedCall{}, err
	}
	secret := key.Secret.Reveal()
	if secret == "" {
		return signedCall{}, local("the key's secret is empty")
	}
	sum := signature(c.cfg.Signature, secret, textToSign(signed.method, c.host, c.url.EscapedPath(), ps))
	ps.add("Signature", sum)
	signed.secrets = append(signed.secrets, secret, sum)
	if signed.method == http.MethodGet {
		signed.query = ps.encode()
		return signed, nil
	}
	signed.body = ps.encode()
	signed.header = map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	return signed, nil
}

// check refuses what would be sent but, by the vendor's own clients, left out of the signature.
func (ps params) check() error {
	for _, p := range ps {
		switch {
		case !strings.HasPrefix(p.value, "@"):
		case p.key == "password":
			return ErrBadPassword
		default:
			return local(`the value of %s begins with "@", which the API's signature leaves out`, p.key)
		}
	}
	return nil
}

// judge reads the number.
func (api2) judge(c *Client, e *Error, ans answer, date string) {
	known := lookUp(ans.code)
	e.Number, e.Outer, e.Meaning = ans.code, ans.outer, known.meaning
	e.Class, e.hint = classOf(ans.code, ans.outer), c.hint(e.Action, ans.code, date)
	if e.Name == "" {
		e.Name = known.name
	}
	if ans.code == 0 {
		e.Meaning = "the API answered in the style of API 3.0"
	}
}

// pick takes the data as they are: GetUserCmd answers with one script, or with nothing in one of the ways of a PHP back-end.
func (api2) pick(_ *Client, data json.RawMessage, _ string) (fields, bool, error) {
	if isEmpty(data) {
		return fields{}, false, nil
	}
	m, err := object(data)
	if err != nil {
		return fields{}, false, errJSON
	}
	return fields{m, &names2}, true, nil
}

// accept has nothing to read: code 0 is all that 2.0 says.
func (api2) accept(*Accepted, call, answer) error { return nil }
