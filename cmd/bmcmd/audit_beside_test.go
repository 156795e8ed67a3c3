package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// TestAuditFindsWhatIsInNoHash changes, one at a time, what lies beside events and records:
// in no hash, but bmcmd writes it together with them, so it has to fit. $R is a request
// that runs, and holds its hosts.
func TestAuditFindsWhatIsInNoHash(t *testing.T) {
	before := func(n int, change func(ms string) string) func(a *archive, r string) {
		return func(a *archive, _ string) {
			all := a.lines(a.cancelled)
			ms, rest, _ := strings.Cut(all[n-1], " ")
			all[n-1] = change(ms) + " " + rest
			a.put(a.cancelled, all)
		}
	}
	hash := func(field string, value any) func(a *archive, r string) {
		return func(a *archive, r string) { a.do("HSET", a.key("request", r), field, value) }
	}
	clicks := func(args ...any) func(a *archive, r string) {
		return func(a *archive, _ string) { a.do(append([]any{args[0], a.key("refused", a.denied)}, args[1:]...)...) }
	}
	body := func(change func(string) string) func(a *archive, r string) {
		return func(a *archive, r string) {
			was := a.body(r)
			if change(was) == was {
				a.t.Fatal("nothing is changed")
			}
			a.do("HSET", a.key("request", r), "body", change(was))
		}
	}
	in := func(index string) string { return "bmcmd:{" + auditTeam + "}:" + index }
	days := 300 * 24 * time.Hour
	tests := []struct {
		why    string
		tamper func(a *archive, r string)
		says   string
	}{
		{"when an event was written, earlier", before(3, func(ms string) string { return moved(ms, -days) }), "$C: event 3 is of 20"},
		{"and later", before(3, func(ms string) string { return moved(ms, days) }), "$C: event 3 is of 20"},
		{"of a vote, by two minutes", before(4, func(ms string) string { return moved(ms, -2*time.Minute) }), "$C: event 4 is of 20"},
		{"with a 0 before it", before(3, func(ms string) string { return "0" + ms }), "$C: before event 3 of events:$C stands \"0"},
		{"with a + before it", before(3, func(ms string) string { return "+" + ms }), "$C: before event 3 of events:$C stands \"+"},
		{"with words instead", before(3, func(string) string { return "yesterday" }), `stands "yesterday", which is no time`},

		{"a refused click under another number", func(a *archive, _ string) {
			a.do("HSET", a.key("refused", a.denied), "99", a.do("HGET", a.key("refused", a.denied), "1"))
		}, `$D: refused:$D has a field "99"`},
		{"a field that there is not", clicks("HSET", "foo", "bar"), `$D: refused:$D has a field "foo"`},
		{"a number with a 0 before it", clicks("HSET", "01", "x"), `has a field "01"`},
		{"somebody pressed more often", clicks("HINCRBY", "by T0AUDIT/U0ANNE", 7), "$D: refused:$D counts 9 presses of all people together, and the record 2"},
		{"somebody pressed less often", clicks("HSET", "by T0AUDIT/U0ANNE", 1), "$D: refused:$D has 2 clicks of T0AUDIT/U0ANNE and counts \"1\""},
		{"how often, in another form", clicks("HSET", "by T0AUDIT/U0ANNE", "02"), `and counts "02"`},
		{"somebody's count is removed", clicks("HDEL", "by T0AUDIT/U0ANNE"), `and counts ""`},
		{"somebody's count is added", clicks("HSET", "by T0AUDIT/U0CLEO", 3), `has a field "by T0AUDIT/U0CLEO"`},
		{"more envelopes than are remembered", clicks("HSET", "recent", strings.Repeat(" Ev", 1000)), "more in its field recent than bmcmd writes"},
		{"refused clicks that are no hash", func(a *archive, _ string) {
			a.do("DEL", a.key("refused", a.denied))
			a.do("SET", a.key("refused", a.denied), "x")
		}, `$D: refused:$D has a field "?"`},
		{"refused clicks that the record does not count", func(a *archive, r string) {
			a.do("COPY", a.key("refused", a.denied), a.key("refused", r))
		}, "$R: its record counts no refused click, and here are 2"},
		{"how the record counts them", func(a *archive, _ string) {
			a.do("HSET", a.key("request", a.denied), "refused", "0"+a.do("HGET", a.key("request", a.denied), "refused").(string))
		}, "$D: the field refused of request:$D is not as bmcmd writes it"},
		{"refused clicks of no request", func(a *archive, _ string) {
			a.do("COPY", a.key("refused", a.denied), a.key("refused", "r-none"))
		}, "r-none: there is bmcmd:{T0AUDIT}:refused:r-none, and neither its record nor its events"},
		{"outputs of no request", func(a *archive, _ string) { a.do("HSET", a.key("outputs", "r-none"), "t/h", "x") }, "r-none: there is bmcmd:{T0AUDIT}:outputs:r-none"},

		{"the record does not say when it came", body(func(s string) string {
			at := strings.Index(s, `"received":"20`)
			return s[:at] + s[at+strings.Index(s[at:], ",")+1:]
		}), "$R: its record does not say when it came"},
		{"the hash says another time", hash("at", 7), `and the field beside it "7"`},
		{"another revision", hash("rev", 900), `$R: its record has revision "5", and the field beside it "900"`},
		{"another store", hash("on", "a.b.c"), `and the field beside it "a.b.c"`},
		{"the record has no store", body(func(s string) string {
			at := strings.Index(s, `"kept_on":`)
			return s[:at] + s[at+strings.Index(s[at:], ",")+1:]
		}), `$R: its record has kept_on ""`},
		{"a key twice, in a record that says it is of an earlier form", body(func(s string) string {
			return strings.Replace(strings.Replace(s, `"schema":3`, `"schema":2`, 1), `"requester":`, `"REQUESTER":{"user":"U0CLEO"},"requester":`, 1)
		}), "$R: its record is not written as bmcmd writes it"},
		{"the record of another request", func(a *archive, r string) {
			a.do("HSET", a.key("request", r), "body", a.do("HGET", a.key("request", a.open), "body"))
		}, "$R: its record is that of \"$O\""},

		{"nothing is due", func(a *archive, _ string) { a.do("DEL", in("due")) }, "$R: nobody would take it up: due lacks it; press a button"},
		{"it is never due", func(a *archive, r string) { a.do("ZADD", in("due"), "+inf", r) }, "$R: nobody would take it up in time"},
		{"it is due next year", func(a *archive, r string) {
			a.do("ZADD", in("due"), time.Now().Add(8760*time.Hour).UnixMilli(), r)
		}, "$R: nobody would take it up in time"},
		{"nothing is open", func(a *archive, _ string) { a.do("DEL", in("open")) }, "$R: it has not ended, and open lacks it"},
		{"what has ended is open", func(a *archive, _ string) { a.do("ZADD", in("open"), 1, a.denied) }, "$D: it has ended, and open still has it"},
		{"its twin", func(a *archive, r string) {
			a.do("DEL", a.key("twin", a.do("HGET", a.key("request", r), "twin").(string)))
		}, "$R: it has not ended, and twin does not name it"},
		{"the name of its twin", hash("twin", "x"), "$R: it has not ended, and twin does not name it"},
		{"its hosts", func(a *archive, _ string) { a.do("DEL", a.key("hosts", "cmd-clean")) }, "$R: hosts:cmd-clean does not keep ins-db8 for it"},
		{"one of its hosts", func(a *archive, _ string) { a.do("HSET", a.key("hosts", "cmd-clean"), "ins-db9", a.open) }, "$R: hosts:cmd-clean does not keep ins-db9 for it"},
		{"that it holds them", func(a *archive, r string) { a.do("HDEL", a.key("request", r), "holds") }, "$R: it may run at this moment, and has no field holds"},
		{"that another holds some", func(a *archive, _ string) { a.do("HSET", a.key("request", a.denied), "holds", "1") }, "$D: it does not hold its hosts, and has a field holds"},
		{"the mark", func(a *archive, _ string) { a.do("DEL", in("mark")) }, "mark: the store has lost its mark"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			a := newArchive(t)
			r := a.runs("EvRuns", "ins-db8", "ins-db9").ID
			a.verify().expect(t, 0, "all holds")
			tt.tamper(a, r)
			a.verify().expect(t, 1, strings.NewReplacer("$D", a.denied, "$C", a.cancelled, "$O", a.open, "$R", r).Replace(tt.says))
		})
	}
}

// moved is a time in milliseconds, by so much later.
func moved(ms string, by time.Duration) string {
	var n int64
	_, _ = fmt.Sscan(ms, &n)
	return fmt.Sprint(n + by.Milliseconds())
}

// runs has a request approved and claimed.
func (a *archive) runs(event string, hosts ...string) approvals.Kept {
	a.t.Helper()
	today := a.today()
	plan := approvals.Plan{Script: approvals.Script{CmdID: "cmd-clean", Content: []byte("true\n")}, Hosts: hosts, Rule: today.Rule}
	k := a.moves(a.asks(event, "cmd-clean", hosts...), approvals.Prepare(anne, plan), approvals.Open("C0OPS", "1.9"), approvals.Vote(bert, plan.Digest(), today, time.Minute))
	return a.moves(k, approvals.Claim(granted(a.t, k, plan, today), approvals.Intent{Worker: "w-test", Lease: time.Minute, Valid: time.Minute}))
}

// granted is the proof that k may be sent as plan says.
func granted(t testing.TB, k approvals.Kept, plan approvals.Plan, today approvals.Facts) approvals.Grant {
	t.Helper()
	held, err := k.Hold(today, k.Clock())
	if err != nil {
		t.Fatal(err)
	}
	g, err := held.Grant(plan)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestAuditWhileBotsWork verifies again and again while requests come, are pressed, run,
// are lost and found, and end, and while bots take what is due: nothing of that is a
// finding.
func TestAuditWhileBotsWork(t *testing.T) {
	a := newArchive(t)
	accepted := approvals.Answer{Outcome: approvals.OutcomeAccepted, RequestID: "3c140219"}
	ended := func(host string) approvals.Move {
		return approvals.Finish([]approvals.HostResult{{Host: host, Task: "t", State: approvals.HostEnded, Proof: approvals.ProofSame}}, "")
	}
	lives := []func(k approvals.Kept, host string){
		func(k approvals.Kept, host string) {
			a.moves(k, approvals.Answered("w-test", 1, accepted), approvals.Find([]string{"t"}, nil, time.Time{}), ended(host))
		},
		func(k approvals.Kept, host string) { // lost, lifted, and found
			k = a.moves(k, approvals.Answered("w-test", 1, approvals.Answer{Outcome: approvals.OutcomeUnknown}))
			k = a.moves(k, approvals.Ask("no task fits", nil, time.Now()))
			a.moves(k, approvals.Lift(bert, k.Digest, a.today()))
			a.moves(k, approvals.Adopt("t", "it fits"), ended(host))
		},
		func(k approvals.Kept, _ string) { // stays open
			if err := a.desk.Refused(t.Context(), k, approvals.Refusal{By: anne, Click: "approve", Event: k.ID, Note: "no"}, approvals.MostRefusalsBy); err != nil {
				t.Error(err)
			}
		},
	}
	var all sync.WaitGroup
	for bot := range 3 {
		all.Go(func() {
			for n := range 40 {
				host := fmt.Sprintf("ins-w%d-%d", bot, n)
				lives[n%len(lives)](a.runs("Ev"+host, host), host)
				if _, _, err := a.desk.Take(t.Context(), 5); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	for looks := 0; ; looks++ {
		a.verify().expect(t, 0, "all holds")
		select {
		case <-done:
			a.verify().expect(t, 0, "Looked at 123 requests", "all holds")
			if looks < 2 {
				t.Errorf("only %d looks meanwhile", looks)
			}
			return
		default:
		}
	}
}
