package view_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

var (
	start = time.Date(2026, 11, 5, 3, 4, 5, 0, time.UTC)
	alice = approvals.Person{Org: "T1", ID: "UALICE", User: "UALICE", Name: "Alice"}
	bob   = approvals.Person{Org: "T1", ID: "UBOB", User: "UBOB", Name: "Bob"}
	carol = approvals.Person{Org: "T1", ID: "UCAROL", User: "UCAROL", Name: "Carol"}
)

const (
	shellScript = "#!/bin/sh\nset -eu\nsystemctl restart nginx\nsystemctl status nginx\n"
	cardLink    = "https://acme.slack.com/archives/C1/p1762312345000100"
)

func script() approvals.Script {
	zone := time.FixedZone("", 8*60*60)
	return approvals.Script{
		CmdID: "cmd-nozcbhuw", Alias: "restart-web", OSType: "linux", Content: []byte(shellScript),
		Created:  time.Date(2017, 10, 20, 0, 26, 55, 0, zone),
		Modified: time.Date(2017, 10, 21, 9, 0, 0, 0, zone),
	}
}

func plan() approvals.Plan {
	return approvals.Plan{
		Script: script(), Hosts: []string{"ins-1", "ins-2"},
		Login:  approvals.Login{Name: "web-root", User: "root", Ref: "ref+vault://kv/web#password"},
		Target: approvals.Target{API: "2.0", Endpoint: "https://bm.api.qcloud.com/v2/index.php", Region: "ap-beijing", AppID: "1250000000"},
		Rule: approvals.Rule{
			Name: "web servers", Ask: approvals.Who{Anyone: true},
			Approve: approvals.Who{Users: []string{"UALICE", "UBOB"}, Groups: []string{"SONCALL"}},
			Quorum:  1, Lifetime: 30 * time.Minute,
		},
	}
}

// request is one as it is when its card is first drawn, after the changes of edit.
func request(edit ...func(*approvals.Request)) approvals.Request {
	p := plan()
	r := approvals.Request{
		ID: "r-abcdefghjk", Event: "Ev1", Revision: 2, State: approvals.Received,
		Origin: approvals.Origin{Team: "T1", Channel: "C1"}, Requester: alice,
		Asked: approvals.Asked{Script: "cmd-nozcbhuw", Hosts: []string{"ins-1", "ins-2"}, Reason: "web is down, see INC-77"},
		Plan:  &p, Received: start, Expires: start.Add(30 * time.Minute), Card: approvals.Card{Look: 2},
	}
	for _, f := range edit {
		f(&r)
	}
	if r.Plan != nil {
		r.Digest = r.Plan.Digest()
	}
	for i := range r.Decisions {
		r.Decisions[i].Digest = r.Digest
	}
	return r
}

func pending(r *approvals.Request) {
	r.State, r.Opened, r.Expires = approvals.Pending, start, start.Add(30*time.Minute)
	r.Card = approvals.Card{Channel: "C1", TS: "1762312345.000100", Look: 3, Shown: 2}
}

func vote(p approvals.Person) func(*approvals.Request) {
	return func(r *approvals.Request) {
		r.Decisions = append(r.Decisions, approvals.Decision{Person: p, Verdict: approvals.Approve, At: start.Add(time.Minute)})
	}
}

func approved(r *approvals.Request) {
	pending(r)
	vote(bob)(r)
	r.State, r.ApprovedAt, r.DispatchBy = approvals.Approved, start.Add(time.Minute), start.Add(3*time.Minute)
}

// sentScript makes it one for an API that is sent the script, with a value that was typed and one by default.
func sentScript(r *approvals.Request) {
	p := r.Plan
	p.Script.Content = []byte("#!/bin/sh\ndu -sh {{dir}} | sort -{{order}} # ⟦not filled in⟧\n")
	p.Script.How = approvals.How{
		Type: "SHELL", User: "ubuntu", Dir: "/srv", Timeout: 2 * time.Minute, Bucket: "https://logs-125.cos.ap-beijing.myqcloud.com", Prefix: "du",
		Fillable: true, Defaults: []approvals.Default{{Name: "order", Value: "rh"}},
	}
	p.Edits = []approvals.Edit{{At: 10, Put: "# bmcmd r-abcdefghjk\n"}, {At: 17, Del: 7, Put: "/var/log", Name: "dir"}, {At: 33, Del: 9, Put: "rh", Name: "order"}}
	p.Parameters, p.Login.Ref, p.Login.Region, p.Target = "dir=/var/log", "", "ap-shanghai", approvals.Target{API: "tat", Endpoint: "https://tat.tencentcloudapi.com", Region: "ap-shanghai"}
	p.Seen = []approvals.HostNote{{Host: "ins-1", Name: "web-1", Matched: "tags env=prod"}, {Host: "ins-2", Name: "web-2", Matched: "tags env=prod"}}
	p.Rule.Parameters = approvals.Parameters{{Name: "dir", Example: "/var/log"}, {Name: "order", Example: "rh", Choices: []string{"h", "rh"}}}
	r.Asked.Typed = []string{"web-1", "ins-2"}
}

// searching has a request wait while a send is searched for that Redis may have forgotten.
func searching(until time.Time) func(*approvals.Request) {
	return func(r *approvals.Request) {
		waiting("Redis has changed since this was asked for (restarted, failed over or emptied), and may have forgotten a send.", start.Add(time.Minute))(r)
		r.SearchUntil, r.InDoubt = until, true
	}
}

// gone makes it one that Redis has lost.
func gone(r *approvals.Request) {
	r.State, r.Why = approvals.Gone, "I had sent it to the API. Look at its hosts."
}

func waiting(why string, retry time.Time) func(*approvals.Request) {
	return func(r *approvals.Request) { approved(r); r.Waiting, r.RetryAt = why, retry }
}

func sent(state approvals.State, a *approvals.Answer) func(*approvals.Request) {
	return func(r *approvals.Request) {
		approved(r)
		r.State = state
		r.Sends = append(r.Sends, approvals.Send{Worker: "w1", ClaimedAt: start.Add(2 * time.Minute), Mark: &approvals.Mark{}, Answer: a})
		if state.Ended() {
			r.EndedAt = start.Add(3 * time.Minute)
		}
	}
}

// followed is a run that the API took, with what its hosts' records say.
func followed(state approvals.State, why string, hosts ...approvals.HostResult) func(*approvals.Request) {
	return func(r *approvals.Request) {
		sent(state, accepted)(r)
		r.Follow = approvals.Follow{Since: start.Add(2 * time.Minute), Hosts: hosts, Why: why}
		r.Plan.Hosts, r.Asked.Hosts = nil, nil
		for _, h := range hosts {
			if !slices.Contains(r.Plan.Hosts, h.Host) {
				r.Plan.Hosts, r.Asked.Hosts = append(r.Plan.Hosts, h.Host), append(r.Asked.Hosts, h.Host)
			}
			if h.Task != "" && !slices.Contains(r.Follow.Tasks, h.Task) {
				r.Follow.Tasks = append(r.Follow.Tasks, h.Task)
			}
		}
	}
}

// confirming is one whose result was told, and is not final yet.
func confirming(hosts ...approvals.HostResult) func(*approvals.Request) {
	return func(r *approvals.Request) {
		followed(approvals.Accepted, "", hosts...)(r)
		r.Follow.Confirm = start.Add(215 * time.Second)
	}
}

// noMark has the list not read before the send.
func noMark(edit func(*approvals.Request)) func(*approvals.Request) {
	return func(r *approvals.Request) { edit(r); r.LastSend().Mark = nil }
}

const task = "cmdtask-1a2b3c4d"

// ran is a host that ended with exit, after 3 s, having run what was approved.
func ran(host string, exit int, edit ...func(*approvals.HostResult)) approvals.HostResult {
	h := approvals.HostResult{
		Host: host, Task: task, State: approvals.HostEnded, Exit: exit, Proof: approvals.ProofSame,
		Begun: start.Add(121 * time.Second), Finished: start.Add(124 * time.Second),
	}
	for _, f := range edit {
		f(&h)
	}
	return h
}

// The ways in which a host's record differs from that of one that went well.
var (
	locked = func(h *approvals.HostResult) {
		h.State, h.Status, h.Exit, h.BadLogin, h.Note = approvals.HostFailed, 1, -1, true, "agent返回错误信息.用户验证失败!"
	}
	offline = func(h *approvals.HostResult) {
		h.State, h.Status, h.Exit, h.Note = approvals.HostFailed, 7, -1, "agent offline"
	}
	declined = func(h *approvals.HostResult) {
		*h = approvals.HostResult{Host: h.Host, State: approvals.HostRefused, Exit: -1, Note: "the instance is isolated"}
	}
	running = func(h *approvals.HostResult) { h.State, h.Exit, h.Finished = approvals.HostRunning, -1, time.Time{} }
	silent  = func(h *approvals.HostResult) {
		*h = approvals.HostResult{Host: h.Host, Task: h.Task, State: approvals.HostWaiting, Exit: -1}
	}
	unproved = func(h *approvals.HostResult) { h.Proof = approvals.ProofNone }
	strayed  = func(h *approvals.HostResult) {
		now := plan()
		now.Script.Content = []byte(strings.Replace(shellScript, "restart", "stop", 1))
		h.Proof, h.Drift = approvals.ProofDiffers, plan().Changes(now)
	}
)

func printed(n int) func(*approvals.HostResult) {
	return func(h *approvals.HostResult) { h.Output = n }
}

func inTask(id string) func(*approvals.HostResult) {
	return func(h *approvals.HostResult) { h.Task = id }
}

// fleet are n hosts, each as nth says.
func fleet(n int, nth func(i int, host string) approvals.HostResult) []approvals.HostResult {
	var out []approvals.HostResult
	for i := range n {
		out = append(out, nth(i, fmt.Sprintf("ins-%03d", i)))
	}
	return out
}

func ended(state approvals.State, why string, by *approvals.Person) func(*approvals.Request) {
	return func(r *approvals.Request) {
		pending(r)
		r.State, r.Why, r.EndedBy, r.EndedAt = state, why, by, start.Add(5*time.Minute)
	}
}

func changed(r *approvals.Request) {
	approved(r)
	ended(approvals.Refused, "the script was changed after it was approved", nil)(r)
	now := plan()
	now.Script.Content = []byte(strings.Replace(shellScript, "restart", "stop", 1))
	now.Parameters = "--now"
	r.Changes = r.Plan.Changes(now)
}

var (
	accepted = &approvals.Answer{Outcome: approvals.OutcomeAccepted, Hint: "look at the task list"}
	refused  = &approvals.Answer{
		Outcome: approvals.OutcomeRefused, Code: 4400, Name: "QuotaExceeded", Message: "too many requests",
		Meaning: "too many calls in this minute", Hint: "wait a minute, then press Run",
	}
	failed = &approvals.Answer{
		Outcome: approvals.OutcomeFailed, Code: 18018, Name: "ServerNotExist", Message: "服务器不存在",
		Meaning: "a host does not exist", Hint: "check the instance ids",
	}
	unknown = &approvals.Answer{Outcome: approvals.OutcomeUnknown, Message: "the connection broke", Meaning: "no whole answer came"}
)

// unsure makes a run of which nobody knows whether it ran: searched for, and not yet asked about.
func unsure(a *approvals.Answer) func(*approvals.Request) {
	return func(r *approvals.Request) {
		sent(approvals.Unknown, a)(r)
		send := r.LastSend()
		send.LeaseUntil, send.DeadFrom = start.Add(7*time.Minute), start.Add(2*time.Hour)
		r.Unsure = approvals.Unsure{Since: start.Add(3 * time.Minute), Looks: 4}
	}
}

// doubtful makes a run unknown that no send is known of.
func doubtful(r *approvals.Request) {
	approved(r)
	r.State = approvals.Unknown
	r.Sends = []approvals.Send{{ClaimedAt: start.Add(3 * time.Minute), LeaseUntil: start.Add(3 * time.Minute), DeadFrom: start.Add(2 * time.Hour), Since: start}}
	r.Unsure = approvals.Unsure{Since: start.Add(3 * time.Minute)}
}

// askedFor is unsure, and people have to say whether it ran; these have said so.
func askedFor(a *approvals.Answer, said ...approvals.Statement) func(*approvals.Request) {
	return func(r *approvals.Request) {
		unsure(a)(r)
		u := &r.Unsure
		u.Asked, u.Evidence = start.Add(13*time.Minute), "For 10 minutes no task of this run has appeared in the API's list."
		u.Statements = said
	}
}

func says(p approvals.Person, f approvals.Finding, after time.Duration) approvals.Statement {
	return approvals.Statement{Person: p, Finding: f, At: start.Add(after)}
}

func settledAs(f approvals.Finding) func(*approvals.Request) {
	return func(r *approvals.Request) {
		askedFor(unknown, says(bob, f, 14*time.Minute), says(carol, f, 15*time.Minute))(r)
		r.State, r.EndedAt = approvals.Settled, start.Add(15*time.Minute)
	}
}

// foundAs is a run that was unknown until its task was found.
func foundAs(state approvals.State, hosts ...approvals.HostResult) func(*approvals.Request) {
	return func(r *approvals.Request) {
		followed(state, "", hosts...)(r)
		r.Sends[0].Answer = unknown
		r.Unsure = approvals.Unsure{Since: start.Add(3 * time.Minute), Evidence: "It is newer than the tasks from before the claim, and has the same script, hosts and parameters."}
	}
}

func busyWith(other string) func(*approvals.Request) {
	return func(r *approvals.Request) {
		waiting("Waits for run r-kjhgfedcba of the same script, which has not ended on the same hosts.", start.Add(2*time.Minute))(r)
		r.WaitsFor = other
	}
}

func lifted(r *approvals.Request) { r.Unsure.Lifted = true }

// inDoubt makes it one whose store may have forgotten a send.
func inDoubt(r *approvals.Request) { r.InDoubt = true }

// recalled makes it one that Redis had forgotten.
func recalled(r *approvals.Request) { r.Recalled = "1.2.M" }

func weak(r *approvals.Request) { r.Weak = true }

// headed has the record say where its chain of events ends.
func headed(r *approvals.Request) {
	r.Events, r.Head = 9, strings.Repeat("0123456789abcdef", 4)
}

func events() []approvals.Event {
	step := func(i int, move string, from, to approvals.State, by approvals.Person, note string) approvals.Event {
		return approvals.Event{
			Request: "r-abcdefghjk", Revision: int64(i), Move: move, From: from, To: to, By: by, Note: note,
			At: start.Add(time.Duration(i) * time.Second),
		}
	}
	return []approvals.Event{
		step(1, "receive", "", approvals.Received, alice, ""),
		step(2, "prepare", approvals.Received, approvals.Received, approvals.Person{}, ""),
		step(3, "open", approvals.Received, approvals.Pending, approvals.Person{}, ""),
		step(4, "refused approve", approvals.Pending, approvals.Pending, carol, "not among those who may approve"),
		step(5, "vote", approvals.Pending, approvals.Approved, bob, ""),
		step(6, "claim", approvals.Approved, approvals.Executing, approvals.Person{}, "w1"),
		step(7, "answer", approvals.Executing, approvals.Accepted, approvals.Person{}, "accepted: code 0"),
		step(8, "find", approvals.Accepted, approvals.Accepted, approvals.Person{}, "[cmdtask-1a2b3c4d]"),
		step(9, "finish", approvals.Accepted, approvals.Succeeded, approvals.Person{}, ""),
	}
}

// unsureEvents are those of an unknown run.
func unsureEvents() []approvals.Event {
	var all []approvals.Event
	for i, e := range []approvals.Event{
		{Move: "doubt", Note: "a task may be this run"},
		{Move: "ask", Note: "no task was found"},
		{Move: "adopt", Note: "one task fits"},
		{Move: "lift", By: bob},
		{Move: "refused did_not_run", By: alice, Note: "too soon"},
		{Move: "settle", By: bob, Note: "it ran"},
		{Move: "alarm"},
	} {
		e.At = start.Add(time.Duration(i) * time.Minute)
		all = append(all, e)
	}
	return all
}

// card is what Card makes of a request that must fit.
func mustFit(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("the card was refused: %v", err)
	}
}

// ofTAT are hosts as TAT tells of them, one of each end.
func ofTAT() []approvals.HostResult {
	at := func(host string, state approvals.HostState, word string) approvals.HostResult {
		return ran(host, -1, inTask("inv-7c1d9e4fa0"), func(h *approvals.HostResult) {
			h.State, h.Word, h.Exit = state, word, -1
		})
	}
	started := at("ins-4", approvals.HostNever, "START_FAILED")
	started.Note = "InvalidWorkingDirectory: no such directory"
	long := ran("ins-1", 0, printed(24_576), inTask("inv-7c1d9e4fa0"), func(h *approvals.HostResult) {
		h.Word, h.Dropped, h.URL = "SUCCESS", 3120, "https://logs-125.cos.ap-beijing.myqcloud.com/du/inv-7c1d9e4fa0/invt-0b5u8w2k1z.log"
	})
	return []approvals.HostResult{
		long, at("ins-2", approvals.HostKilled, "TERMINATED"), at("ins-3", approvals.HostNever, "CANCELLED"), started,
		at("ins-5", approvals.HostNever, "DELIVER_FAILED"), at("ins-6", approvals.HostKilled, "TIMEOUT"), at("ins-7", approvals.HostLost, "TASK_TIMEOUT"),
		at("ins-8", approvals.HostWaiting, "DELIVER_DELAYED"),
	}
}

// stopped has a person and the bot stop a run of TAT, and the cloud refuse to once.
func stopped(r *approvals.Request) {
	r.Plan.Target = approvals.Target{API: "tat", Endpoint: "https://tat.tencentcloudapi.com", Region: "ap-shanghai"}
	r.Follow.Stops = []approvals.Stop{
		{Hosts: []string{"ins-3"}, At: start.Add(4 * time.Minute), Done: start.Add(4 * time.Minute), By: approvals.Person{}},
		{Hosts: []string{"ins-2"}, At: start.Add(5 * time.Minute), Done: start.Add(5 * time.Minute), By: bob},
		{Hosts: []string{"ins-7"}, At: start.Add(6 * time.Minute), Done: start.Add(6 * time.Minute), By: alice, Why: "The cloud did not stop it: InternalError (the API failed internally). Stop it in the console, or on the hosts."},
		{Hosts: []string{"ins-1", "ins-6", "ins-8"}, At: start.Add(7 * time.Minute), Done: start.Add(7 * time.Minute), By: bob},
		{Hosts: []string{"ins-8"}, At: start.Add(8 * time.Minute), By: alice, Why: "It took too long."},
	}
}

// twice has a host be given the same run again.
func twice(h *approvals.HostResult) {
	h.Proof, h.Drift = approvals.ProofDiffers, []approvals.Change{{What: approvals.DriftTwice, Was: "sent once", Is: "recorded 2 times: inv-1 and inv-2"}}
}
