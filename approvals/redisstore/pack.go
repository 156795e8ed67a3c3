package redisstore

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"strings"
	"sync"
)

// Texts that stay for long are packed: deflate, with a dictionary of what most of them hold,
// behind one byte that names the dictionary. Texts that are not packed begin with a brace.

// packed names [words]. Whoever changes those takes another name, and reads both.
const packed = "\x01"

// words is the dictionary, the most frequent last. It is for ever: see [packed].
const words = `"refused":[{"again":true,"alarmed":true,"alone":["blind":true,"changes":[{"what":"script","was":"","now":"","diff":"dropped":,"bad_login":true,"drift":[{"edits":[{"at":,"del":0,"put":"facts":[{"host":"i-","what":"tag ","value":"file":{"since":"20","thread":"","id":"F0","shared":true},"how":{"type":"SHELL","user":"root","dir":"/","timeout":60000000000,"fillable":true,"defaults":[{"name":"description":"in_doubt":true,"recalled":"notices":[{"n":,"kind":"answer"}],"parameters":{"pattern":"values":["names":["tags":{"stops":[{"unsure":{"since":"20","asked":"20","evidence":"statements":[{"person":{"finding":"it ran","waits_for":"r-","waiting":"search_until":"20","verdict":"deny","reason":"url":"https://","word":"SUCCESS","note":"status":1,"refused":{"all":1,"n":1,"head":"failed","denied","expired","cancelled","unknown","settled","proof":"differs","exit":-1,"state":"failed","the run: accepted: code 0, request ","the API's list of tasks: cmdtask-","note":"the cloud answered for cmd-"," sends the run, signed with this time"` +
	`{"schema":5,"id":"r-","revision":,"received":"2026-","kept_on":"","script":"","card":{"channel":"C0","ts":"17","look":11,"shown":11},"noticed":2,"head":"","events":8,"facts":{"schema":0,"id":"r-","event":"Ev","revision":0,"state":"succeeded","origin":{"team":"T0","channel":"C0","thread":"17"},"requester":{"org":"T0","id":"U0","user":"U0","name":""},"asked":{"script":"cmd-","hosts":["ins-"],"parameters":"","reason":""},` +
	`"opened":"2026-","expires":"2026-","decisions":[{"person":{"org":"T0","id":"U0","user":"U0","name":""},"verdict":"approve","digest":"","at":"2026-"}],"clicks":[""],"sends":[{"worker":"w-","claimed_at":"2026-","lease_until":"2026-","dead_from":"2026-","answer":{"outcome":"accepted","code":0,"meaning":"accepted","request_id":"","tasks":["inv-"],"at":"2026-"}}],"follow":{"since":"2026-","tasks":["cmdtask-"],"hosts":[],` +
	`"approved_at":"2026-","dispatch_by":"2026-","ended_at":"2026-"}` +
	`{"v":2,"request":"r-","n":1,"prev":"","revision":1,"move":"receive","to":"received","by":{"org":"T0","id":"","user":"U0","name":""},"channel":"C0","asked":{"script":"cmd-","hosts":["ins-","ins-"],"alias":"","reason":""},"move":"prepare","from":"received","to":"received","came":"2026-","move":"open","from":"received","to":"pending","move":"vote","from":"pending","to":"approved","move":"claim","from":"approved","to":"executing","move":"answer","from":"executing","to":"accepted","move":"find","from":"accepted","to":"accepted","move":"finish","from":"accepted","to":"succeeded",` +
	`"plan":{"script":{"cmd_id":"cmd-","alias":"","os_type":"linux","content":null,"content":"@","created":"2026-01-01T00:00:00+08:00","modified":"2026-"},"parameters":"","hosts":["ins-","i-"],"login":{"name":"","user":"root","ref":"ref+vault://#password"},"target":{"api":"2.0","endpoint":"https://bm.tencentcloudapi.com","region":"ap-guangzhou","app_id":"12","array_key":"instanceId"},"rule":{"name":"","scripts":["cmd-*"],"hosts":["ins-*"],"channels":["C0"],"show":{"anyone":true},"ask":{"anyone":true},"approve":{"users":["U0"],"groups":["S0"]},"quorum":1,"lifetime":1800000000000},"seen":[{"host":"ins-","name":""},{"host":"ins-","name":""}]},` +
	`"hosts":[{"host":"ins-","task":"cmdtask-","state":"ended","exit":0,"begun":"2026-01-01T00:00:00+08:00","finished":"2026-01-01T00:00:00+08:00","output":12,"proof":"same"},{"host":"ins-","digest":"","at":"2026-01-01T00:00:00.000000000Z","facts":"`

var packers = sync.Pool{New: func() any {
	w, _ := flate.NewWriterDict(nil, 3, []byte(words)) // an event in 16 µs; the best level takes 7 more for 2 % less
	return w
}}

// pack makes a text short.
func pack(text []byte) []byte {
	w := packers.Get().(*flate.Writer)
	defer packers.Put(w)
	b := bytes.NewBufferString(packed)
	w.Reset(b)
	_, _ = w.Write(text) // a buffer takes all
	_ = w.Close()
	return b.Bytes()
}

// mostUnpacked bounds what a packed text may become: whoever wrote more was not bmcmd.
const mostUnpacked = 64 << 20

var errNotPacked = errors.New("this is not what bmcmd packed")

// unpack reads a text, packed or not.
func unpack(text string) (string, error) {
	rest, is := strings.CutPrefix(text, packed)
	if !is {
		return text, nil
	}
	all, err := io.ReadAll(io.LimitReader(flate.NewReaderDict(strings.NewReader(rest), []byte(words)), mostUnpacked+1))
	if err != nil || len(all) > mostUnpacked {
		return "", errNotPacked
	}
	return string(all), nil
}

// Unpacked is a text as Redis has it, the body of a record or a line of events, without
// the packing, for those who look; other texts stay as they are. The text of a script is
// not in it.
func Unpacked(text string) string {
	at := strings.Index(text, packed)
	if at < 0 {
		return text
	}
	plain, err := unpack(text[at:])
	if err != nil {
		return text
	}
	return text[:at] + plain
}
