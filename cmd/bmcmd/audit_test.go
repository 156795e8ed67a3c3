package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/approvals/redisstore"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

const auditTeam = "T0AUDIT"

// The people of these tests.
var (
	anne = approvals.Person{Org: auditTeam, ID: "U0ANNE", User: "U0ANNE", Name: "Anne"}
	bert = approvals.Person{Org: auditTeam, ID: "U0BERT", User: "U0BERT", Name: "Bert"}
	cleo = approvals.Person{Org: auditTeam, ID: "U0CLEO", User: "U0CLEO", Name: "Cleo"}
)

// archive is a Redis with the history of some requests, and a config for it.
type archive struct {
	t        testing.TB
	do       func(args ...any) any // one plain command
	config   string
	password string
	desk     *approvals.Desk
	fresh    func() *redisstore.Store // that remembers nothing

	denied, cancelled, open string // ids
}

// newArchive fills a real redis-server, or where there is none the embedded one.
func newArchive(t testing.TB) *archive {
	t.Helper()
	a := &archive{t: t, password: world.Canary()}
	addr := a.start()
	dir := t.TempDir()
	world.Write(t, filepath.Join(dir, "redis"), a.password+"\n")
	a.config = world.Write(t, filepath.Join(dir, "bmcmd.yaml"), fmt.Sprintf(auditConfig, addr, filepath.Join(dir, "redis")))
	client, err := redisstore.Dial(redisstore.Connection{
		Addresses: []string{addr}, Password: func(context.Context) (string, error) { return a.password, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	a.do = func(args ...any) any {
		t.Helper()
		got, err := client.Do(context.Background(), args...).Result()
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return got
	}
	a.fresh = func() *redisstore.Store { return redisstore.New(client, auditTeam, redisstore.Options{}) }
	a.desk = approvals.NewDesk(a.fresh(), "w-test", time.Minute)
	if err := a.desk.Mark(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.fill()
	return a
}

// start gives the address of a Redis that answers.
func (a *archive) start() string {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		m := miniredis.RunT(a.t)
		m.RequireAuth(a.password)
		return m.Addr()
	}
	addr := world.FreeAddress(a.t)
	_, port, _ := net.SplitHostPort(addr)
	conf := fmt.Sprintf("bind 127.0.0.1\nport %s\ndir %q\nsave \"\"\nrequirepass %q\n", port, a.t.TempDir(), a.password)
	world.Start(a.t, nil, path, world.Write(a.t, filepath.Join(a.t.TempDir(), "redis.conf"), conf))
	world.Until(a.t, "redis-server answers", func() (string, bool) {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return err.Error(), false
		}
		_ = conn.Close()
		return "", true
	})
	return addr
}

const auditConfig = `slack: {bot_token: "ref+file:///nowhere/bot", app_token: "ref+file:///nowhere/app"}
redis: {addresses: ["%s"], password: "ref+file://%s"}
bm:
  read_key: {id: "ref+file:///nowhere/id", secret: "ref+file:///nowhere/secret"}
  run_key: {id: "ref+file:///nowhere/run-id", secret: "ref+file:///nowhere/run-secret"}
logins:
  - {name: web, hosts: ["ins-*"], user: root, password: "ref+file:///nowhere/web"}
rules:
  - {name: web, ask: {users: [U0ANNE]}, approve: {users: [U0BERT, U0CLEO]}}
`

// fill has three requests happen: one denied after a refused click, one approved and
// then cancelled, one that is open.
func (a *archive) fill() {
	today := a.today()
	rule := today.Rule
	plan := func(script string, hosts ...string) approvals.Plan {
		return approvals.Plan{Script: approvals.Script{CmdID: script, Content: []byte("true\n")}, Hosts: hosts, Rule: rule}
	}
	k := a.asks("Ev1", "cmd-restart", "ins-web1", "ins-web2")
	k = a.moves(k, approvals.Prepare(anne, plan("cmd-restart", "ins-web1", "ins-web2")), approvals.Open("C0OPS", "1.1"))
	for range 2 {
		if err := a.desk.Refused(a.t.Context(), k, approvals.Refusal{By: anne, Click: "approve", Note: "nobody decides on their own <request>\x1b[31m\u202e"}, 20); err != nil {
			a.t.Fatal(err)
		}
	}
	if err := a.desk.Aside(a.t.Context(), k, approvals.Person{}, "late answer", "RunUserCmd: \x1b[31m\u202e<accepted>"); err != nil {
		a.t.Fatal(err)
	}
	a.denied = a.moves(k, approvals.Veto(bert, k.Digest, "wrong host", today)).ID

	k = a.asks("Ev2", "cmd-clean", "ins-db1")
	k = a.moves(k, approvals.Prepare(anne, plan("cmd-clean", "ins-db1")), approvals.Open("C0OPS", "1.2"))
	a.cancelled = a.moves(k, approvals.Vote(cleo, k.Digest, today, time.Minute), approvals.Cancel(anne)).ID

	a.open = a.asks("Ev3", "restart-alias", "ins-web3").ID
}

// today lets anne ask, and bert and cleo approve.
func (a *archive) today() approvals.Facts {
	rule := approvals.Rule{Name: "web", Ask: approvals.Who{Users: []string{"U0ANNE"}}, Approve: approvals.Who{Users: []string{"U0BERT", "U0CLEO"}}, Quorum: 1, Lifetime: time.Hour}
	return approvals.Facts{Rule: rule, Standing: map[string]error{anne.Key(): nil, bert.Key(): nil, cleo.Key(): nil}}
}

// asks makes a request, in a millisecond of its own.
func (a *archive) asks(event, script string, hosts ...string) approvals.Kept {
	a.t.Helper()
	for began := a.millisecond(); began == a.millisecond(); {
		continue
	}
	k, _, err := a.desk.Receive(a.t.Context(), approvals.Request{
		ID: approvals.NewID(auditTeam, event), Event: event, Origin: approvals.Origin{Team: auditTeam, Channel: "C0OPS"},
		Requester: approvals.Person{Org: auditTeam, User: "U0ANNE"}, Asked: approvals.Asked{Script: script, Hosts: hosts},
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return k
}

// millisecond is Redis' clock.
func (a *archive) millisecond() string {
	now := a.do("TIME").([]any)
	return fmt.Sprint(now[0], ".", fmt.Sprintf("%06s", now[1])[:3])
}

func (a *archive) moves(k approvals.Kept, all ...approvals.Move) approvals.Kept {
	a.t.Helper()
	var err error
	for _, m := range all {
		if k, err = a.desk.Move(a.t.Context(), k.ID, m); err != nil {
			a.t.Fatalf("%s: %v", m.Name, err)
		}
	}
	return k
}

func (a *archive) key(kind, id string) string { return "bmcmd:{" + auditTeam + "}:" + kind + ":" + id }

func (a *archive) indexKey() string { return "bmcmd:{" + auditTeam + "}:audit" }

// lines are the events of a request as they lie in Redis, in the form that is not packed.
func (a *archive) lines(id string) (out []string) {
	for i, l := range a.do("LRANGE", a.key("events", id), 0, -1).([]any) {
		line := l.(string)
		if ms, text, _ := strings.Cut(line, " "); text != "" && redisstore.Unpacked(text) != text {
			events, err := a.fresh().Events(a.t.Context(), id, 0)
			if err != nil {
				a.t.Fatal(err)
			}
			b, err := events[i].Encode()
			if err != nil {
				a.t.Fatal(err)
			}
			line = ms + " " + events[i].Hash + " " + string(b)
		}
		out = append(out, line)
	}
	return out
}

// body is a record as it lies in Redis, in the form that is not packed.
func (a *archive) body(id string) string {
	return redisstore.Unpacked(a.do("HGET", a.key("request", id), "body").(string))
}

// put replaces the events of a request.
func (a *archive) put(id string, lines []string) {
	a.do("DEL", a.key("events", id))
	for _, l := range lines {
		a.do("RPUSH", a.key("events", id), l)
	}
}

// event changes one event, from 1, and leaves its hash as it is.
func (a *archive) event(id string, n int, change func(e *approvals.Event)) {
	all := a.lines(id)
	all[n-1] = rewritten(a.t, all[n-1], change)
	a.put(id, all)
}

func rewritten(t testing.TB, line string, change func(e *approvals.Event)) string {
	t.Helper()
	parts := strings.SplitN(line, " ", 3)
	e, err := approvals.DecodeEvent([]byte(parts[2]))
	if err != nil {
		t.Fatal(err)
	}
	change(&e)
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return parts[0] + " " + e.Hash + " " + string(b)
}

// record changes a record, as bmcmd would write it.
func (a *archive) record(id string, change func(r *approvals.Request)) {
	a.t.Helper()
	k, err := a.fresh().Load(a.t.Context(), id)
	if err != nil {
		a.t.Fatal(err)
	}
	r := k.Request
	change(&r)
	if r.Plan != nil {
		a.do("SET", a.key("script", r.Plan.Script.SHA256()), r.Plan.Script.Content)
	}
	b, err := r.Encode(nil)
	if err != nil {
		a.t.Fatal(err)
	}
	a.do("HSET", a.key("request", id), "body", string(b))
}

// printout is what the program printed, and the status that it would end with.
type printout struct {
	out, err string
	status   int
}

// bmcmd runs bmcmd audit in this process.
func (a *archive) bmcmd(stdin string, args ...string) printout {
	a.t.Helper()
	var out, errs bytes.Buffer
	s := printout{}
	if err := run(a.t.Context(), append([]string{"audit"}, args...), strings.NewReader(stdin), &out, &errs); err != nil {
		s.status = exitStatus(err)
		fmt.Fprintln(&errs, errorText(err))
	}
	s.out, s.err = out.String(), errs.String()
	return s
}

func (a *archive) verify(args ...string) printout {
	a.t.Helper()
	return a.bmcmd("", append([]string{"verify", "-c", a.config}, args...)...)
}

func (a *archive) export(args ...string) printout {
	a.t.Helper()
	return a.bmcmd("", append([]string{"export", "-c", a.config}, args...)...)
}

// expect holds what was printed against a status and words that must be in it.
func (s printout) expect(t *testing.T, status int, words ...string) {
	t.Helper()
	if s.status != status {
		t.Errorf("status %d, want %d\n%s%s", s.status, status, s.out, s.err)
	}
	for _, w := range words {
		if !strings.Contains(s.out+s.err, w) {
			t.Errorf("%q is not in\n%s%s", w, s.out, s.err)
		}
	}
}

func TestAuditHolds(t *testing.T) {
	a := newArchive(t)
	s := a.verify()
	s.expect(t, 0)
	if want := "Looked at 3 requests with 11 events, in Redis, workspace T0AUDIT: all holds.\n"; s.out != want || s.err != "" {
		t.Errorf("it says %q, %q; want %q", s.out, s.err, want)
	}
	x := a.export()
	x.expect(t, 0)
	if want := "Exported 3 requests with 11 events.\n"; x.err != want {
		t.Errorf("the export says %q, want %q", x.err, want)
	}
	s = a.bmcmd(x.out, "verify", "--from", "-")
	s.expect(t, 0, "Looked at 3 requests with 11 events, in an export of ", "workspace T0AUDIT, not signed: all holds.\n")
	file := world.Write(t, filepath.Join(t.TempDir(), "x.jsonl"), x.out)
	a.bmcmd("", "verify", "--from", file, "-c", "/nowhere").expect(t, 0, "all holds")
}

// TestAuditExport looks at the lines themselves.
func TestAuditExport(t *testing.T) {
	a := newArchive(t)
	all := lines(a.export().out)
	var kinds []string
	for _, l := range all {
		var got struct {
			Kind, Request string
			Event         struct{ Move, Request string }
		}
		if err := json.Unmarshal([]byte(l), &got); err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, strings.Join(strings.Fields(got.Kind+" "+got.Event.Move+" "+got.Request+got.Event.Request), " "))
		if strings.ContainsAny(l, "\x1b\u202e") {
			t.Errorf("a line could do something to a terminal: %q", l)
		}
	}
	d, c, o := a.denied, a.cancelled, a.open
	want := []string{
		"export", "event receive " + d, "event prepare " + d, "event open " + d, "event late answer " + d, "event deny " + d, "refused " + d, "refused " + d, "head " + d,
		"event receive " + c, "event prepare " + c, "event open " + c, "event vote " + c, "event cancel " + c, "head " + c,
		"event receive " + o, "head " + o, "end",
	}
	if !slices.Equal(kinds, want) {
		t.Errorf("the lines are\n%s\nwant\n%s", strings.Join(kinds, "\n"), strings.Join(want, "\n"))
	}
	if len(all) < 5 || !strings.Contains(all[4], `\u003caccepted\u003e`) || !strings.Contains(all[6], `\u003crequest\u003e\u001b[31m\u202e`) {
		t.Errorf("what was typed is not whole: %s", all[4])
	}
}

// TestAuditFilters chooses requests. One that is chosen is exported whole.
func TestAuditFilters(t *testing.T) {
	a := newArchive(t)
	d, c, o := a.denied, a.cancelled, a.open
	tests := []struct {
		why  string
		args []string
		want []string
	}{
		{"no filter", nil, []string{d, c, o}},
		{"who decided", []string{"--person", "U0BERT"}, []string{d}},
		{"either of two", []string{"--person", "U0BERT,U0CLEO"}, []string{d, c}},
		{"who asked", []string{"--person", "U0ANNE"}, []string{d, c, o}},
		{"who did nothing", []string{"--person", "U0NOBODY"}, nil},
		{"a script", []string{"--script", "cmd-clean"}, []string{c}},
		{"a script in capitals", []string{"--script", "CMD-Clean"}, []string{c}},
		{"an alias, as it was typed", []string{"--script", "restart-alias"}, []string{o}},
		{"a host", []string{"--host", "ins-web2"}, []string{d}},
		{"hosts by a pattern", []string{"--host", "ins-web*"}, []string{d, o}},
		{"in capitals", []string{"--host", "INS-Web*"}, []string{d, o}},
		{"a host is meant whole", []string{"--host", "ins-web"}, nil},
		{"a request", []string{"--request", c}, []string{c}},
		{"two requests, in the order asked for", []string{"--request", o, "--request", d}, []string{o, d}},
		{"two filters both count", []string{"--person", "U0BERT", "--host", "ins-db1"}, nil},
		{"since a day ago", []string{"--since", "1d"}, []string{d, c, o}},
		{"until a day ago", []string{"--until", "24h"}, nil},
		{"since tomorrow", []string{"--since", time.Now().Add(24 * time.Hour).Format(time.RFC3339)}, nil},
		{"today is a whole day", []string{"--since", time.Now().UTC().Add(-time.Hour).Format(time.DateOnly), "--until", time.Now().UTC().Add(time.Minute).Format(time.DateOnly)}, []string{d, c, o}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			x := a.export(tt.args...)
			x.expect(t, 0)
			var got []string
			for _, l := range lines(x.out) {
				var head struct{ Kind, Request string }
				if err := json.Unmarshal([]byte(l), &head); err != nil {
					t.Fatal(err)
				}
				if head.Kind == "head" {
					got = append(got, head.Request)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("chosen %q, want %q", got, tt.want)
			}
			a.bmcmd(x.out, "verify", "--from", "-").expect(t, 0, counted(len(tt.want), "request"))
			status := 0
			if len(tt.want) == 0 && !strings.Contains(tt.why, "since") && !strings.Contains(tt.why, "until") {
				status = 2 // what is named should be there; a time may be quiet
			}
			a.verify(tt.args...).expect(t, status, counted(len(tt.want), "request"))
		})
	}
}

// TestAuditSays has what cannot be done said in one sentence: status 1 of an export, and
// 2 of a verify, whose 1 is for findings.
func TestAuditSays(t *testing.T) {
	a := newArchive(t)
	tests := []struct {
		why  string
		args []string
		says string
	}{
		{"a time that is none", []string{"--since", "yesterday"}, `--since "yesterday" is no time; write 2026-03-01`},
		{"a time ahead", []string{"--since=-1h"}, `--since "-1h" is no time`},
		{"times in the wrong order", []string{"--since", "1h", "--until", "2h"}, "is not before"},
		{"a script with another hyphen", []string{"--script", "cmd‑clean"}, "did you mean cmd-clean?"},
		{"a name for a person", []string{"--person", "bert"}, `--person "bert" is no Slack user id`},
		{"no pattern", []string{"--host", "ins-["}, `--host "ins-[": this is not a pattern`},
		{"a pattern that no id matches", []string{"--host", "ins‑web*"}, "(U+2011) at character 4 stands in no id; write a plain -"},
		{"no request", []string{"--request", "cmd-x"}, `--request "cmd-x" is no request's id`},
		{"words", []string{"now"}, `takes no words after it`},
		{"an empty script", []string{"--script", "cmd-clean,"}, "--script has an empty id"},
		{"no flag", []string{"--sinse", "1h"}, "unknown flag: --sinse; bmcmd audit"},
		{"no config", []string{"-c", "/nowhere.yaml"}, "there is no config /nowhere.yaml"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			for command, status := range map[string]int{"export": 1, "verify": 2} {
				s := a.bmcmd("", append([]string{command, "-c", a.config}, tt.args...)...)
				s.expect(t, status, tt.says)
				if len(lines(s.err)) != 1 || s.out != "" {
					t.Errorf("%s says\n%s%s", command, s.out, s.err)
				}
			}
		})
	}
	a.verify("--head", " ").expect(t, 2, `--head " " is no head`)
	a.verify("--head", "abc").expect(t, 2, `--head "abc" is no head`)
	a.verify("--from", "/nowhere.jsonl").expect(t, 2, "the export cannot be opened")
	a.bmcmd("", "vrify").expect(t, 1, "there is no audit vrify")
}

// TestAuditTakesNoEmptyFlag has variables that are not set: no flag of any command passes
// for one that was not given.
func TestAuditTakesNoEmptyFlag(t *testing.T) {
	a := newArchive(t)
	for command, status := range map[string]int{"verify": 2, "export": 1} {
		flags := map[string][]string{
			"verify": {"from", "key", "against", "head"}, "export": {"sign"},
		}[command]
		for _, flag := range append(flags, "config", "workspace", "since", "until", "person", "script", "host", "request") {
			s := a.bmcmd("", command, "-c", a.config, "--"+flag, "")
			s.expect(t, status, `"`, "--"+flag+`" flag: it is empty; give it a value, or leave the flag out`)
			if s.out != "" {
				t.Errorf("%s --%s: %s", command, flag, s.out)
			}
		}
		a.bmcmd("", command, "-c", a.config, "--request", a.open, "--request", "").expect(t, status, "it is empty")
	}
	for _, args := range [][]string{{"check", "--runbook", ""}, {"serve", "-c", ""}, {"call", "list", "-c", ""}, {"manifest", "--command="}} {
		if err := run(t.Context(), args, strings.NewReader(""), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "it is empty") {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// TestAuditRedisAway is an error, not an empty history.
func TestAuditRedisAway(t *testing.T) {
	a := newArchive(t)
	world.Write(t, filepath.Join(filepath.Dir(a.config), "redis"), "another\n")
	a.verify().expect(t, 2, "Redis answered WRONGPASS")
	a.verify("--workspace", auditTeam).expect(t, 2, "Redis answered WRONGPASS")
	x := a.export("--workspace", auditTeam)
	x.expect(t, 1, "the export stopped after 0 requests, and what was printed is not whole: ")
	a.bmcmd(x.out, "verify", "--from", "-").expect(t, 1, "it is cut after line 1")
	if err := os.Remove(filepath.Join(filepath.Dir(a.config), "redis")); err != nil {
		t.Fatal(err)
	}
	a.verify().expect(t, 2, "/redis: not found")
}

// TestAuditWorkspaces has to be told which is meant if there are several.
func TestAuditWorkspaces(t *testing.T) {
	a := newArchive(t)
	a.do("RPUSH", "bmcmd:{E0BIG}:events:r-x", "1 {}")
	a.export().expect(t, 1, "Redis has E0BIG, T0AUDIT; name one with --workspace")
	a.verify("--workspace", auditTeam).expect(t, 0, "3 requests")
	a.verify("--workspace", "T0NONE").expect(t, 2, "Looked at 0 requests with 0 events, in Redis, workspace T0NONE: nothing to verify.", "correct them, or --workspace")
	a.do("FLUSHALL")
	a.verify().expect(t, 2, "has no requests of bmcmd")
}

// TestAuditFullDisk cannot print all: an error, whatever was printed before.
func TestAuditFullDisk(t *testing.T) {
	a := newArchive(t)
	whole := len(a.export().out)
	for _, room := range []int{0, 100, 3000, whole - 1} {
		for command, status := range map[string]int{"export": 1, "verify": 2} {
			err := run(t.Context(), []string{"audit", command, "-c", a.config}, strings.NewReader(""), &fullDisk{room}, &bytes.Buffer{})
			if command == "verify" && room >= 100 {
				continue
			}
			if err == nil || exitStatus(err) != status || !strings.Contains(err.Error(), "disk is full") {
				t.Errorf("%s with room for %d bytes: %v", command, room, err)
			}
		}
	}
}

type fullDisk struct{ room int }

func (f *fullDisk) Write(p []byte) (int, error) {
	n := min(len(p), f.room)
	if f.room -= n; n < len(p) {
		return n, fmt.Errorf("the disk is full")
	}
	return n, nil
}

// TestAuditTable runs the line for jq that OPERATIONS.md has: each event has its time.
func TestAuditTable(t *testing.T) {
	jq, err := exec.LookPath("jq")
	if err != nil {
		t.Skip("jq is not installed")
	}
	text, err := os.ReadFile("OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "`jq -r 'select(")
	filter, _, ok := strings.Cut("select("+rest, "'`")
	if !ok {
		t.Fatal("OPERATIONS.md has no such line")
	}
	c := exec.CommandContext(t.Context(), jq, "-r", filter)
	c.Stdin = strings.NewReader(newArchive(t).export().out)
	table, err := c.Output()
	if err != nil || len(lines(string(table))) != 11 {
		t.Fatalf("%v\n%s", err, table)
	}
	for _, l := range lines(string(table)) {
		if !strings.HasPrefix(l, "20") {
			t.Errorf("no time: %q", l)
		}
	}
}
