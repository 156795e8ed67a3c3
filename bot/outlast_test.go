package bot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

func TestTheAPIIsAwayWhileARunIsFollowed(t *testing.T) {
	playBoth(t, func(r *rig) { r.cloud.tasks.host = on("", after(2*time.Minute)) }, func(r *rig) {
		id := r.runs()
		r.pass(10 * time.Second)
		away := func(context.Context, string) error {
			return &bmclient.Error{Action: "GetUserCmdTaskDetailList", Meaning: "no answer came", Message: canaryKey}
		}
		r.cloud.set(func(c *cloud) {
			c.tasks.onRows = away
			c.tasks.onList = func(ctx context.Context) error { return away(ctx, "") }
		})
		asked := len(r.journal.of("tasks", "rows"))
		r.pass(6 * time.Minute)
		r.has(r.is(id, approvals.Accepted), "ins-1 running exit -1 same", "ins-2 running exit -1 same")
		if n := len(r.journal.of("tasks", "rows")) - asked; n > 20 {
			r.Errorf("asked %d times in six minutes", n)
		}
		r.cloud.set(func(c *cloud) { c.tasks.onRows, c.tasks.onList = nil, nil })
		r.pass(31 * time.Second)
		r.is(id, approvals.Succeeded)
		r.did("notice", "notice answer accepted", "notice result succeeded")
	})
}

// An API that hangs holds a bot up for a moment, and never beyond giving up.
func TestTheAPIHangsWhileARunIsFollowed(t *testing.T) {
	playFollow(t, func(r *rig) {
		r.cloud.tasks.named = true
		r.cloud.tasks.onRows = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
	}, func(r *rig) {
		id := r.asks("ALICE")
		r.pressOn(r.first, "BOB", Approve, id)
		r.pass(17 * time.Minute)
		k := r.is(id, approvals.Failed)
		if !strings.HasPrefix(k.Follow.Why, "The API's records could not be read") {
			r.Errorf("why: %s", k.Follow.Why)
		}
	})
}

// Any replica follows a run on.
func TestAnotherBotFollowsOn(t *testing.T) {
	playBoth(t, func(r *rig) { r.cloud.tasks.host = on("", after(3*time.Minute)) }, func(r *rig) {
		id := r.runs()
		second := r.newBot()
		r.work(second)
		r.pass(20 * time.Second)
		r.memory.setFault(func(c storeCall) fault {
			if c.worker == r.first.Desk.Worker() {
				return away // as good as crashed
			}
			return fine
		})
		r.pass(4 * time.Minute)
		r.is(id, approvals.Succeeded)
		r.did("notice", "notice answer accepted", "notice result succeeded")
		r.ran(1)
	})
}

// The result comes when what was printed is kept, so that it can show it.
func TestWhatWasPrintedIsKeptBeforeTheResult(t *testing.T) {
	refuse := func(c storeCall) fault {
		if c.keeps {
			return away
		}
		return fine
	}
	playFollow(t, nil, func(r *rig) {
		r.memory.setFault(refuse)
		id := r.runs()
		r.pass(time.Minute)
		r.is(id, approvals.Accepted)
		r.memory.setFault(nil)
		r.pass(time.Minute)
		r.is(id, approvals.Succeeded)
		if got := string(r.board.reports[0].out["cmdtask-1/ins-1"]); got != "done on ins-1\n" {
			r.Errorf("reported %q", got)
		}
	})
	playFollow(t, nil, func(r *rig) {
		r.memory.setFault(refuse) // for ever
		id := r.runs()
		r.pass(16 * time.Minute)
		r.is(id, approvals.Succeeded) // what is proved is told, without outputs
		if len(r.board.reports[0].out) != 0 {
			r.Errorf("reported %q", r.board.reports[0].out)
		}
	})
}

func TestAReportThatSlackDoesNotTake(t *testing.T) {
	playFollow(t, nil, func(r *rig) {
		id := r.asks("ALICE")
		r.board.set(func(b *board) { b.hook = failing("report", errors.New("503")) })
		r.press("BOB", Approve, id)
		r.pass(5 * time.Minute)
		if k := r.get(id); k.State != approvals.Succeeded || len(k.Notices) != 1 {
			r.Errorf("%s, notices %v", k.State, k.Notices)
		}
		r.board.set(func(b *board) { b.hook = nil })
		r.pass(time.Minute)
		r.is(id, approvals.Succeeded)
		r.did("notice", "notice answer accepted", "notice result succeeded")
	})
	playFollow(t, nil, func(r *rig) {
		id := r.asks("ALICE")
		r.board.set(func(b *board) { b.hook = failing("report", ErrRejected) })
		r.press("BOB", Approve, id)
		r.pass(2 * time.Second)
		r.is(id, approvals.Succeeded) // nothing is owed: it would never be taken
	})
}

// Two hundred hosts that end one by one: few looks, fewer drawings, one result.
func TestTwoHundredHosts(t *testing.T) {
	playBoth(t, func(r *rig) {
		n := 0
		r.cloud.tasks.host = func(_ string, h *apiHost) {
			n++
			h.ends = time.Now().Add(time.Duration(n) * 1200 * time.Millisecond) // the last after four minutes
			h.Exit = map[bool]int{true: 1}[n%50 == 0]
		}
	}, func(r *rig) {
		var hosts []string
		for i := range 200 {
			hosts = append(hosts, fmt.Sprintf("ins-%03d", i))
		}
		id := r.words(r.says("ALICE", "run cmd-nozcbhuw "+strings.Join(hosts, ","))).Request
		r.press("BOB", Approve, id)
		r.pass(5 * time.Minute)
		k := r.is(id, approvals.Failed)
		if all, over, bad := k.Follow.Counts(); all != 200 || over != 200 || bad != 4 {
			r.Errorf("%d hosts, %d over, %d bad", all, over, bad)
		}
		for i, h := range k.Follow.Hosts {
			if h.Host != hosts[i] {
				r.Fatalf("host %d is %s: not in the order asked for", i, h.Host)
			}
		}
		if k.Follow.Polls > 25 {
			r.Errorf("%d looks in four minutes", k.Follow.Polls)
		}
		if n := len(r.journal.of("draw")); n > 4*60/10+4 {
			r.Errorf("the card was drawn %d times in four minutes", n)
		}
		if n := len(r.journal.of("rows", "tasks")); n > 40 {
			r.Errorf("%d reads", n)
		}
		r.did("notice", "notice answer accepted", "notice result failed")
	})
}

// The same drift on two hundred hosts is spelled out once: the record stays small.
func TestDriftOnTwoHundredHosts(t *testing.T) {
	long := "#!/bin/sh\n" + strings.Repeat("echo a long line that drifted "+canaryPassword+"\n", 200)
	playFollow(t, func(r *rig) {
		r.cloud.tasks.named = true
		r.cloud.tasks.host = on("", func(h *apiHost) { h.Content = []byte(long); h.Parameters = []byte(long) })
	}, func(r *rig) {
		var hosts []string
		for i := range 200 {
			hosts = append(hosts, fmt.Sprintf("ins-%03d", i))
		}
		id := r.words(r.says("ALICE", "run cmd-nozcbhuw "+strings.Join(hosts, ","))).Request
		r.press("BOB", Approve, id)
		r.pass(2 * time.Second)
		k := r.is(id, approvals.Failed)
		for _, h := range k.Follow.Hosts {
			if h.Proof != approvals.ProofDiffers || len(h.Drift) != 2 {
				r.Fatalf("%s: %q, %+v", h.Host, h.Proof, h.Drift)
			}
		}
		all := r.memory.bytes()
		if len(all) > 300<<10 || bytes.Contains(all, []byte("CANARY")) {
			r.Errorf("%d bytes in the store, a credential in them: %v", len(all), bytes.Contains(all, []byte("CANARY")))
		}
	})
}

// Long output is kept with its beginning and its end.
func TestLongOutput(t *testing.T) {
	line := "a line of a log that goes on and on, é, 重启\n"
	whole := strings.Repeat(line, 5<<20/len(line))
	playFollow(t, func(r *rig) {
		r.cloud.tasks.host = on("ins-1", func(h *apiHost) { h.Output = []byte(whole) })
	}, func(r *rig) {
		k := r.is(r.runs(), approvals.Succeeded)
		if got := r.board.reports[0].out["cmdtask-1/ins-1"]; string(got) != whole || k.Follow.Hosts[0].Output != len(whole) {
			r.Errorf("%d bytes of %d, said to be %d", len(got), len(whole), k.Follow.Hosts[0].Output)
		}
	})
	// On many hosts together there is room for less of each; and no credential survives
	// the cut in two halves.
	playFollow(t, func(r *rig) {
		r.cloud.tasks.host = on("ins-1", func(h *apiHost) {
			h.Output = []byte(strings.Repeat(canaryPassword, 1<<20/len(canaryPassword)) + "the end")
		})
	}, func(r *rig) {
		var hosts []string
		for i := range 200 {
			hosts = append(hosts, fmt.Sprintf("ins-%d", i))
		}
		id := r.words(r.says("ALICE", "run cmd-nozcbhuw "+strings.Join(hosts, ","))).Request
		r.press("BOB", Approve, id)
		r.pass(2 * time.Second)
		r.is(id, approvals.Succeeded)
		got := string(r.board.reports[0].out["cmdtask-1/ins-1"])
		if len(got) > outputRoom/200+200 || !strings.HasSuffix(got, "the end") || !strings.Contains(got, " bytes are cut out here]") || strings.Contains(got, "ANARY") {
			r.Errorf("kept %d bytes: %.100s … %s", len(got), got, got[max(0, len(got)-100):])
		}
	})
}

func TestMiddleOut(t *testing.T) {
	for _, tt := range []struct{ why, out, want string }{
		{"short enough", "abcd\nefg", "abcd\nefg"},
		{"between lines", "head\n12345\nmiddle\nlast\n9\n", "head\n12345\n\n[bmcmd: 7 of 25 bytes are cut out here]\nlast\n9\n"},
		{"one endless line", strings.Repeat("x", 40), "xxxxxxxxxxxx\n[bmcmd: 16 of 40 bytes are cut out here]\nxxxxxxxxxxxx"},
		{"any bytes", "\xff\xfe" + strings.Repeat("\x80", 40) + "\xff", "\xff\xfe" + strings.Repeat("\x80", 10) + "\n[bmcmd: 19 of 43 bytes are cut out here]\n" + strings.Repeat("\x80", 11) + "\xff"},
	} {
		if got := string(middleOut([]byte(tt.out), 24)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.why, got, tt.want)
		}
	}
}

// Output of another encoding, or of none, is kept byte for byte.
func TestOutputThatIsNotText(t *testing.T) {
	odd := []byte("\xc4\xe3\xba\xc3\x00\x1b[31m\xff\xfe\r\n")
	playFollow(t, func(r *rig) {
		r.cloud.tasks.host = on("ins-1", func(h *apiHost) { h.Output = odd })
	}, func(r *rig) {
		r.is(r.runs(), approvals.Succeeded)
		if got := r.board.reports[0].out["cmdtask-1/ins-1"]; !bytes.Equal(got, odd) {
			r.Errorf("kept %q, want %q", got, odd)
		}
	})
}

// Runs that are followed on an API that hangs hold no decision up.
func TestFollowingHoldsNoDecisionUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.cloud.tasks.known, r.cloud.tasks.named = true, true
		r.cloud.tasks.onRows = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
		r.first = r.newBot(func(c *Config) { c.Workers = 4 })
		r.work(r.first)
		for i := range 12 {
			id := r.words(r.says("ALICE", fmt.Sprintf("run cmd-nozcbhuw ins-%d", i))).Request
			r.pass(time.Second)
			r.press("BOB", Approve, id)
			r.pass(time.Second)
			if n := len(r.journal.of("run")); n != i+1 {
				r.Errorf("%d runs a second after approval %d", n, i+1)
			}
		}
	})
}
