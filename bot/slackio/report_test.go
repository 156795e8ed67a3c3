package slackio

import (
	"errors"
	"fmt"
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
	if err := r.s.Report(soon(t), q, short); err != nil {
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
		if err := r.s.Report(soon(t), q, long); err != nil {
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
	if err := r.s.Report(soon(t), q, printed(strings.Repeat(line, 1<<10))); err != nil {
		t.Fatal(err)
	}
	f := last(r.sim.Messages(channel)).Files[0]
	if n := strings.Count(string(f.Content), strings.Repeat("x", 5<<10)+`\x{ff}`); n != 1<<10 {
		t.Errorf("%d of its lines are there", n)
	}
}

// A fault before anything is seen leaves nothing behind; one after it says so. The next try brings all.
func TestFaultsOfFilesThatPass(t *testing.T) {
	for _, c := range []struct {
		method string
		posted bool // the message stands already
	}{{"files.getUploadURLExternal", false}, {"upload", false}, {"chat.postMessage", false}, {"files.completeUploadExternal", true}} {
		for _, f := range []slacksim.Fault{{Drop: true}, {Status: 500}, {Status: 429, RetryAfter: 3 * time.Second}, {Error: "internal_error"}} {
			if c.method == "upload" && f.Error != "" {
				continue // that call answers no codes
			}
			t.Run(fmt.Sprintf("%s %+v", c.method, f), func(t *testing.T) {
				sim := simulate(t, slacksim.Config{})
				r := connectTo(t, sim)
				q := r.carded(request(over(1)))
				sim.FailNext(c.method, f, 1)
				err := r.s.Report(soon(t), q, long)
				if err == nil || strings.Contains(err.Error(), "the result is posted, but not its file") != c.posted {
					t.Fatalf("the error: %v", err)
				}
				if f.RetryAfter > 0 && later(err) != f.RetryAfter {
					t.Errorf("%v does not say how long to wait", err)
				}
				if n := len(r.thread(q)); (n == 1) != c.posted {
					t.Errorf("%d messages after the fault", n)
				}
				if err := r.s.Report(soon(t), q, long); err != nil {
					t.Fatal(err)
				}
				got := r.thread(q)
				if want := map[bool]int{false: 2, true: 3}[c.posted]; len(got) != want || !strings.Contains(got[len(got)-1], "[file: ") {
					t.Errorf("at last: %q", got)
				}
			})
		}
	}
}

// A file that Slack will never take holds no result up, and is not missing without a word.
func TestAFileThatSlackNeverTakes(t *testing.T) {
	for method, code := range map[string]string{
		"files.getUploadURLExternal": "file_uploads_disabled", "files.completeUploadExternal": "not_in_channel",
	} {
		sim := simulate(t, slacksim.Config{})
		r := connectTo(t, sim)
		q := r.carded(request(over(1)))
		sim.FailNext(method, slacksim.Fault{Error: code}, 1)
		if err := r.s.Report(soon(t), q, long); err != nil {
			t.Fatal(err)
		}
		got := r.thread(q)
		if len(got) != 2 || !strings.Contains(got[0], "exit code 1") || !strings.Contains(got[1], code) || !strings.Contains(got[1], "r-abcdefghjk") {
			t.Errorf("%s: %q", method, got)
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
		if err := r.s.Report(soon(t), q, long); err != nil {
			t.Fatalf("%s: %v", why, err)
		}
		var heard string
		for _, e := range sim.Ephemerals(alice) {
			heard += slacksim.Render(e.Message())
		}
		for _, m := range sim.Messages("D" + alice) {
			heard += slacksim.Render(m)
		}
		if !strings.Contains(heard, "exit code 1") || !strings.Contains(heard, "could not be put here") {
			t.Errorf("%s: alice hears %s", why, heard)
		}
	}
}

func TestAResultThatSlackRejects(t *testing.T) {
	sim := simulate(t, slacksim.Config{})
	r := connectTo(t, sim)
	q := r.carded(request(over(0)))
	sim.FailNext("chat.postMessage", slacksim.Fault{Error: "invalid_blocks"}, 1)
	if err := r.s.Report(soon(t), q, short); !errors.Is(err, bot.ErrRejected) {
		t.Errorf("got %v", err)
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
		if err := r.s.Notify(soon(t), q, approvals.Notice{N: 1, Kind: kind}); err != nil {
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
