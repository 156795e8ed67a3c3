package bmclient

import (
	"context"
	"encoding/json"
	"time"
)

// dialect is one API: what its actions are called and take, how a call is signed, how an answer is read and judged.
// Everything that differs between them is behind it; what is promised of a send is not.
type dialect interface {
	sign(c *Client, call call, key Key, at time.Time) (signedCall, error)
	decode(body []byte) (answer, error)
	// judge completes the error of an answer that is not a success: its code, meaning, class and hint. date is the answer's.
	judge(c *Client, e *Error, ans answer, date string)
	// pick finds the one script in an answer about it.
	pick(c *Client, data json.RawMessage, cmdID string) (f fields, found bool, err error)
	// accept reads what a yes to RunUserCmd says besides.
	accept(a *Accepted, call call, ans answer) error
	names() *names

	// Send this script to these hosts; stop it there.
	run(c *Client, r Run, password string) call
	stop(taskID string, hosts []string) (call, error)
	// What became of it.
	tasks(p Page) call
	hosts(taskID string, p Page) call
	taskOf(f fields) Task
	hostOf(f fields, hide func([]byte) []byte) HostRun
	sent(ctx context.Context, c *Client, q SentQuery) ([]string, error)
	// What scripts and machines there are.
	script(cmdID string) call
	scripts(q ScriptQuery) call
	scriptOf(f fields) (Script, error)
	// machines are those of the ids, or without any those with the text in their names.
	machines(ctx context.Context, c *Client, ids []string, name string) ([]Machine, error)
}

// purpose is what a call is for, whatever the action is called.
type purpose int

const (
	toRun purpose = iota
	toReadScript
	toListScripts
	toListTasks
	toListHosts
	toListMachines
	toStop
)

// call is one call before it is signed: an action with its own parameters.
type call struct {
	to     purpose
	action string
	own    params         // for API 2.0
	fields map[string]any // for API 3.0 and TAT
	at     product        // of fields; zero: Bare Metal
}

// product is one of the vendor's, as a call of API 3.0 names it.
type product struct{ name, version string }

// signedCall is one signed request, good for one send, and the values that must not be seen in any text about it.
type signedCall struct {
	call
	method  string
	query   string
	body    string
	header  map[string]string
	secrets []string
}

// names is how a version of the API writes the fields of its answers.
type names struct {
	run                   string // the action that runs
	capital               bool   // CmdId for cmdId
	total                 string
	scripts, tasks, hosts string // the lists
	id                    string // of a listed script
	taskAlias             string
	codes                 []map[string]code3 // of errors; the first that has one counts
	rowTask               string             // of a host's row, which names its task; of 3.0 none: rows name others, even in its page's own sample
}

// fields is one object of an answer. Its keys are asked for as API 2.0 writes them.
type fields struct {
	m map[string]json.RawMessage
	n *names
}

func (f fields) raw(key string) json.RawMessage {
	if f.n.capital && key[0] >= 'a' && key[0] <= 'z' {
		key = string(key[0]-'a'+'A') + key[1:]
	}
	return f.m[key]
}

func (f fields) text(key string) string { return flexText(f.raw(key)) }

// number is a number, however it is written, or else if it is none.
func (f fields) number(key string, otherwise int) int {
	if n, ok := flexInt(f.raw(key)); ok {
		return n
	}
	return otherwise
}

// time is the zero time where the API gave none that can be read.
func (f fields) time(key string) time.Time {
	t, _ := parseTime(f.text(key))
	return t
}

// bytes decodes base64, or takes the text as it is.
func (f fields) bytes(key string) (b []byte, plain bool) { return lenientBase64(text(f.raw(key))) }
