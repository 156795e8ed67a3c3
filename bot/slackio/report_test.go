package slackio

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/slacksim"
	"github.com/bmcmd/bmcmd/bot/view"
)

const task = "cmdtask-1a2b3c4d"

// over is a request whose one host ended with exit.
func over(exit int) func(*approvals.Request) {
	return func(q *approvals.Request) {
		q.State, q.EndedAt = approvals.Failed, q.Received.Add(time.Minute)
		if exit == 0 {
			q.State = approvals.Succeeded
		}
		q.Follow = approvals.Follow{Since: q.Received, Tasks: []string{task}, Hosts: []approvals.HostResult{{
			Host: "ins-1", Task: task, State: approvals.HostEnded, Exit: exit, Proof: approvals.ProofSame, Output: 1,
		}}}
	}
}

func printed(text string) approvals.Outputs {
	return approvals.Outputs{approvals.OutputKey(task, "ins-1"): []byte(text)}
}

var (
	short = printed("all is well\n")
	long  = printed(strings.Repeat("a line of the output\n", 4000))
)

func (r *rig) notify(q approvals.Request, n approvals.Notice) error {
	return second(r.s.Notify(soon(r.t), q, n))
}

// report posts the result of q and, if it needs one, its file.
func (r *rig) report(q approvals.Request, out approvals.Outputs) error {
	p, err := r.s.Report(soon(r.t), q, approvals.Notice{N: 1, Kind: approvals.NoticeResult}, out)
	if err != nil || !p.File || len(p.Alone) > 0 {
		return err
	}
	q.File.Thread = p.Thread
	if q.File.ID, err = r.s.Upload(soon(r.t), q, out); err != nil {
		return err
	}
	return r.s.Share(soon(r.t), q)
}

// thread are the replies to the card of q, as people read them.
func (r *rig) thread(q approvals.Request) (out []string) {
	for _, m := range r.sim.Messages(channel) {
		if m.ReplyTo != "" && m.ReplyTo == first(q.Origin.Thread, q.Card.TS) && m.TS != q.Card.TS && m.UserID == r.sim.BotUserID() {
			out = append(out, slacksim.Render(m))
		}
	}
	return out
}

func TestAResultStandsInTheThread(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	q := r.carded(request(over(0)))
	if err := r.report(q, short); err != nil {
		t.Fatal(err)
	}
	got := r.thread(q)
	if len(got) != 1 || !strings.Contains(got[0], "all is well") || !strings.Contains(got[0], "r-abcdefghjk") {
		t.Errorf("the thread: %q", got)
	}
	if n := r.sim.CallCount("files.getUploadURLExternal"); n != 0 {
		t.Errorf("%d files for what fits", n)
	}
}

func TestALongOutputIsAFileInTheSameThread(t *testing.T) {
	sim := simulate(t, slacksim.Config{})
	r := connectTo(t, sim)
	parent, err := sim.Say(soon(t), bob, channel, "", "the disk is full")
	if err != nil {
		t.Fatal(err)
	}
	for where, thread := range map[string]string{"under the card": "", "in the card's thread": parent} {
		q := r.carded(request(over(2), func(q *approvals.Request) { q.Origin.Thread = thread }))
		if err := r.report(q, long); err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		got := r.thread(q)
		if len(got) != 2 || !strings.Contains(got[0], "exit code 2") || !strings.Contains(got[1], "[file: What happened on the hosts, request r-abcdefghjk, r-abcdefghjk.txt, ") {
			t.Fatalf("%s: %q", where, got)
		}
		_, want := view.Result(q, long)
		if f := last(sim.Messages(channel)).Files[0]; string(f.Content) != string(want) {
			t.Errorf("%s: the file has %d bytes, not %d", where, len(f.Content), len(want))
		}
	}
}

// Five megabytes, and not even text.
func TestAHugeOutputArrivesWhole(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	q := r.carded(request(over(1)))
	line := strings.Repeat("x", 5<<10) + "\xff\n"
	if err := r.report(q, printed(strings.Repeat(line, 1<<10))); err != nil {
		t.Fatal(err)
	}
	f := last(r.sim.Messages(channel)).Files[0]
	if n := strings.Count(string(f.Content), strings.Repeat("x", 5<<10)+`\x{ff}`); n != 1<<10 {
		t.Errorf("%d of its lines are there", n)
	}
}

// Each step of a result has its own fault, after which that step alone is repeated: what it did is not
// done twice where Slack says that it was not done.
func TestFaultsOfFilesThatPass(t *testing.T) {
	for _, method := range []string{"files.getUploadURLExternal", "upload", "files.completeUploadExternal"} {
		for _, f := range []slacksim.Fault{{Drop: true}, {Status: 500}, {Status: 403}, {Status: 429, RetryAfter: 3 * time.Second}, {Error: "internal_error"}} {
			if method == "upload" && f.Error != "" {
				continue // that call answers no codes
			}
			t.Run(fmt.Sprintf("%s %+v", method, f), func(t *testing.T) {
				sim := simulate(t, slacksim.Config{})
				r := connectTo(t, sim)
				q := r.carded(request(over(1)))
				step := func() error { return second(r.s.Upload(soon(t), q, long)) }
				if method == "files.completeUploadExternal" {
					q.File.Thread = q.Card.TS
					var err error
					if q.File.ID, err = r.s.Upload(soon(t), q, long); err != nil {
						t.Fatal(err)
					}
					step = func() error { return r.s.Share(soon(t), q) }
				}
				sim.FailNext(method, f, 1)
				err := step()
				if _, final := errors.AsType[*bot.NoFile](err); err == nil || final {
					t.Fatalf("the error: %v", err)
				}
				if f.RetryAfter > 0 && later(err) != f.RetryAfter {
					t.Errorf("%v does not say how long to wait", err)
				}
				if err := step(); err != nil {
					t.Fatal(err)
				}
				if n := len(r.thread(q)); n != sim.CallCount("files.completeUploadExternal")/2 {
					t.Errorf("%d messages", n)
				}
			})
		}
	}
}

// What Slack will never take is said with its code, and not tried again.
func TestAFileThatSlackNeverTakes(t *testing.T) {
	for method, code := range map[string]string{
		"files.getUploadURLExternal": "file_uploads_disabled", "files.completeUploadExternal": "not_in_channel",
		"files.getUploadURLExternal ": "missing_scope",
	} {
		sim := simulate(t, slacksim.Config{})
		r := connectTo(t, sim)
		q := r.carded(request(over(1)))
		sim.FailNext(strings.TrimSpace(method), slacksim.Fault{Error: code}, 1)
		no, final := errors.AsType[*bot.NoFile](r.report(q, long))
		if !final || no.Why != code {
			t.Errorf("%s: %v", method, no)
		}
	}
}

// The line that stands for a file says what became of it.
func TestTheLineForAFile(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	for want, file := range map[string]approvals.File{
		"The full output could not be attached": {Why: "file_uploads_disabled"},
		"Slack did not say whether":             {ID: "F1", Why: "slack files.completeUploadExternal: internal_error", Unsure: true},
	} {
		q := r.carded(request(over(1), func(q *approvals.Request) { q.File = file }))
		if err := r.notify(q, approvals.Notice{N: 1, Kind: approvals.NoticeFile}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(r.thread(q), ""); !strings.Contains(got, want) || !strings.Contains(got, file.Why) || strings.Contains(got, "@") {
			t.Errorf("the line: %s", got)
		}
	}
}

func TestAResultWithoutACardGoesToTheRequester(t *testing.T) {
	for why, kick := range map[string]bool{"no card": false, "a channel that is closed to the bot": true} {
		sim := simulate(t, slacksim.Config{})
		r := connectTo(t, sim)
		q := request(over(1))
		if kick {
			q = r.carded(q)
			sim.Kick(channel, sim.BotUserID())
		}
		p, err := r.s.Report(soon(t), q, approvals.Notice{N: 1, Kind: approvals.NoticeResult}, long)
		if err != nil || !slices.Contains(p.Alone, alice) || !p.File {
			t.Fatalf("%s: %+v, %v", why, p, err)
		}
		if heard := r.heard(alice); !strings.Contains(heard, "exit code 1") {
			t.Errorf("%s: alice hears %s", why, heard)
		}
	}
}

// What Slack does not take as blocks is posted as its text: a result is not lost because of how it looks.
func TestAResultThatSlackRejects(t *testing.T) {
	sim := simulate(t, slacksim.Config{})
	r := connectTo(t, sim)
	q := r.carded(request(over(0)))
	sim.FailNext("chat.postMessage", slacksim.Fault{Error: "invalid_blocks"}, 1)
	if err := r.report(q, short); err != nil {
		t.Fatal(err)
	}
	if got := r.thread(q); len(got) != 1 || !strings.Contains(got[0], "exit code 0") || !strings.Contains(got[0], q.ID) {
		t.Errorf("the thread: %q", got)
	}
	sim.FailNext("chat.postMessage", slacksim.Fault{Error: "invalid_blocks"}, 2)
	if err := r.report(q, short); !errors.Is(err, bot.ErrRejected) {
		t.Errorf("got %v", err)
	}
}

// Of a message, an error says whether Slack may have taken it all the same.
func TestWhatIsNotKnownOfAMessage(t *testing.T) {
	sim := simulate(t, slacksim.Config{})
	r := connectTo(t, sim)
	q := r.carded(request(over(0)))
	for _, c := range []struct {
		why     string
		fault   slacksim.Fault
		unclear bool
	}{
		{"Slack says so in its documents", slacksim.Fault{Error: "internal_error"}, true},
		{"an error on its side", slacksim.Fault{Status: 503}, true},
		{"its answer is lost", slacksim.Fault{LoseReply: true}, true},
		{"too many", slacksim.Fault{Status: 429, RetryAfter: time.Second}, false},
		{"it says no", slacksim.Fault{Error: "invalid_auth"}, false},
	} {
		sim.FailNext("chat.postMessage", c.fault, 1)
		if err := r.report(q, short); err == nil || errors.Is(err, bot.ErrUnclear) != c.unclear {
			t.Errorf("%s: %v", c.why, err)
		}
	}
	sim.FailNext("chat.update", slacksim.Fault{Error: "internal_error"}, 1)
	if err := r.s.Redraw(soon(t), q); err == nil || errors.Is(err, bot.ErrUnclear) {
		t.Errorf("a card may be drawn as often as one likes: %v", err)
	}
	r.s.http.CloseIdleConnections()
	_ = sim.Close()
	if err := r.report(q, short); err == nil || errors.Is(err, bot.ErrUnclear) {
		t.Errorf("nothing was sent: %v", err)
	}
}

// An alarm is no private matter of a thread.
func TestAnAlarmIsSeenInTheChannel(t *testing.T) {
	sim := simulate(t, slacksim.Config{})
	r := connectTo(t, sim)
	q := r.carded(request(over(1), func(q *approvals.Request) {
		h := &q.Follow.Hosts[0]
		h.Proof, h.Drift = approvals.ProofDiffers, []approvals.Change{{What: "script", Diff: "-df -h\n+rm -rf /"}}
	}))
	for kind, want := range map[approvals.NoticeKind]bool{approvals.NoticeAlarm: true, approvals.NoticeAnswer: false} {
		if err := r.notify(q, approvals.Notice{N: 1, Kind: kind}); err != nil {
			t.Fatal(err)
		}
		m := last(sim.Messages(channel))
		if m.ReplyTo != q.Card.TS || m.Broadcast != want {
			t.Errorf("%s: under %q, in the channel: %t", kind, m.ReplyTo, m.Broadcast)
		}
		if text := slacksim.Render(m); want && (!strings.Contains(text, "+rm -rf /") || !strings.Contains(text, "@bob")) {
			t.Errorf("the alarm: %s", text)
		}
	}
}

func TestScriptsAreListed(t *testing.T) {
	r := connectTo(t, simulate(t, slacksim.Config{}))
	m, ok := r.s.render(bot.Scripts{List: []approvals.Script{{CmdID: "cmd-1", Alias: "free space"}}, Total: 1, Page: 1, Search: "free"})
	if !ok || !strings.Contains(m.Text, "cmd-1") || !strings.Contains(m.Text, "free space") {
		t.Errorf("%t %s", ok, m.Text)
	}
}
