package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// TestAuditFindsTampering does, one at a time, everything that somebody who can write to
// Redis could do to one request. Verify names the request, the event and what is wrong;
// an export of it, read offline, shows all that needs no Redis.
func TestAuditFindsTampering(t *testing.T) {
	month := (720 * time.Hour).Milliseconds()
	tests := []struct {
		why     string
		tamper  func(a *archive, d, c, o string)
		says    string // of Redis; $D, $C and $O stand for the requests
		offline string // of its export; empty: nothing to be seen there
	}{
		{
			"what somebody typed", func(a *archive, d, c, o string) {
				a.event(d, 5, func(e *approvals.Event) { e.Note = "fine with me" })
			}, "$D, event 5 (deny, 20", "was changed: its hash does not fit what it says; hold it against its thread in Slack",
		},
		{
			"who decided", func(a *archive, d, c, o string) {
				a.event(c, 4, func(e *approvals.Event) { e.By = bert })
			}, "$C, event 4 (vote, 20", "was changed",
		},
		{
			"the name of who decided", func(a *archive, d, c, o string) {
				a.event(c, 4, func(e *approvals.Event) { e.By.Name = "Bert" })
			}, "$C, event 4 (vote, 20", "was changed",
		},
		{
			"when", func(a *archive, d, c, o string) {
				a.event(c, 4, func(e *approvals.Event) { e.At = e.At.Add(-time.Hour) })
			}, "$C, event 4 (vote, 20", "was changed",
		},
		{
			"the hosts that were asked for", func(a *archive, d, c, o string) {
				a.event(o, 1, func(e *approvals.Event) {
					e.Asked = &approvals.Asked{Script: e.Asked.Script, Hosts: []string{"ins-test"}}
				})
			}, "$O, event 1 (receive, 20", "was changed",
		},
		{
			"an event, and its hash with it", func(a *archive, d, c, o string) {
				a.event(c, 3, func(e *approvals.Event) { e.Note = "x"; e.Hash = e.Sum() })
			}, "$C, event 4 (vote, 20", "does not follow the one before it: that one was changed or put in",
		},
		{
			"the last event, and its hash with it", func(a *archive, d, c, o string) {
				a.event(d, 5, func(e *approvals.Event) { e.Note = "x"; e.Hash = e.Sum() })
			}, "$D, event 5 (deny, 20", "is not the head that the record has: one of the two was changed",
		},
		{
			"an event goes", func(a *archive, d, c, o string) {
				a.put(d, slices.Delete(a.lines(d), 3, 4))
			}, "$D, event 4 (deny, 20", "does not follow the one before it: one is missing, or stands twice",
		},
		{
			"the first event goes", func(a *archive, d, c, o string) {
				a.do("LPOP", a.key("events", d))
			}, "$D, event 1 (prepare, 20", "is not the first: those before it are missing",
		},
		{
			"the list is cut at its end", func(a *archive, d, c, o string) {
				a.do("LTRIM", a.key("events", c), 0, 2)
			}, "$C, event 3 (open, 20", "is the last of 3, and the record counts 5: some were removed",
		},
		{
			"an event is added", func(a *archive, d, c, o string) {
				a.do("RPUSH", a.key("events", d), a.more(d, "refused approve"))
			}, "$D, event 6 (refused approve, 20", "is more than the record counts, 5: it was added, or the record was put back",
		},
		{
			"an event is put in", func(a *archive, d, c, o string) {
				a.put(d, slices.Insert(a.lines(d), 2, a.lines(d)[1]))
			}, "$D, event 3 (prepare, 20", "one is missing, or stands twice",
		},
		{
			"two change places", func(a *archive, d, c, o string) {
				all := a.lines(d)
				all[1], all[2] = all[2], all[1]
				a.put(d, all)
			}, "$D, event 2 (open, 20", "one is missing, or stands twice",
		},
		{
			"the events of another request", func(a *archive, d, c, o string) {
				a.put(d, a.lines(c))
				a.record(d, func(r *approvals.Request) {
					a.record(c, func(other *approvals.Request) { r.Head, r.State, r.Digest = other.Head, other.State, other.Digest })
				})
			}, "$D, event 1 (receive, 20", "$C: its head is missing before line 7",
		},
		{
			"an event without a hash", func(a *archive, d, c, o string) {
				a.event(d, 4, func(e *approvals.Event) { e.Hash = "" })
			}, "$D, event 4 (late answer, 20", "has no hash: it was put in",
		},
		{
			"an event that is none", func(a *archive, d, c, o string) {
				a.do("LSET", a.key("events", d), 2, "1 {")
			}, "$D, event 3: is not what bmcmd wrote", "is not what bmcmd wrote",
		},
		{
			"events that are no list", func(a *archive, d, c, o string) {
				a.do("DEL", a.key("events", d))
				a.do("SET", a.key("events", d), "x")
			}, "$D: what lies where its events belong is no list of events", "",
		},
		{
			"all events", func(a *archive, d, c, o string) {
				a.do("DEL", a.key("events", d))
			}, "$D: its events are gone after ", "",
		},
		{
			"all there is of a request", func(a *archive, d, c, o string) {
				a.do("DEL", a.key("events", d), a.key("request", d))
			}, "$D: its events are gone after ", "",
		},
		{
			"all but the record", func(a *archive, d, c, o string) {
				a.do("DEL", a.key("events", d))
				a.do("ZREM", a.indexKey(), d)
			}, "$D: its events are gone after ", "",
		},
		{
			"how it ended", func(a *archive, d, c, o string) {
				a.record(d, func(r *approvals.Request) { r.State = approvals.Cancelled })
			}, "$D, event 5 (deny, 20", "ends in denied, and the record says cancelled",
		},
		{
			"an approval without an event", func(a *archive, d, c, o string) {
				a.record(d, func(r *approvals.Request) {
					r.Decisions = append(r.Decisions, approvals.Decision{Person: cleo, Verdict: approvals.Approve, Digest: r.Digest})
				})
			}, "$D: its record has a decision (approve by U0CLEO) of which there is no event", "$D: its record is not the one that its last event names",
		},
		{
			"the approved script", func(a *archive, d, c, o string) {
				a.record(c, func(r *approvals.Request) { r.Plan.Script.Content = []byte("rm -rf /") })
			}, "$C: the plan in its record is not the one of its digest", "",
		},
		{
			"the approved script, and its digest with it", func(a *archive, d, c, o string) {
				a.record(c, func(r *approvals.Request) {
					r.Plan.Script.Content, r.Decisions = []byte("rm -rf /"), nil
					r.Digest = r.Plan.Digest()
				})
			}, "$C, event 5 (cancel, 20", "is for another digest than the record has",
		},
		{
			"who asked", func(a *archive, d, c, o string) {
				a.record(d, func(r *approvals.Request) { r.Requester = cleo })
			}, "$D" + otherRecord, "$D" + otherRecord,
		},
		{
			"the reason", func(a *archive, d, c, o string) {
				a.record(o, func(r *approvals.Request) { r.Asked.Reason = "as agreed" })
			}, "$O" + otherRecord, "$O" + otherRecord,
		},
		{
			"the hosts that were asked for, in the record", func(a *archive, d, c, o string) {
				a.record(c, func(r *approvals.Request) { r.Asked.Hosts = []string{"ins-test"} })
			}, "$C" + otherRecord, "$C" + otherRecord,
		},
		{
			"the parameters", func(a *archive, d, c, o string) {
				a.record(c, func(r *approvals.Request) { r.Asked.Parameters = "--dry-run" })
			}, "$C" + otherRecord, "$C" + otherRecord,
		},
		{
			"an approval is removed", func(a *archive, d, c, o string) {
				a.record(c, func(r *approvals.Request) { r.Decisions = nil })
			}, "$C" + otherRecord, "$C" + otherRecord,
		},
		{
			"who ended it", func(a *archive, d, c, o string) {
				a.record(c, func(r *approvals.Request) { r.EndedBy = &bert })
			}, "$C" + otherRecord, "$C" + otherRecord,
		},
		{
			"when it ended", func(a *archive, d, c, o string) {
				a.record(c, func(r *approvals.Request) { r.EndedAt = r.EndedAt.Add(-time.Hour) })
			}, "$C" + otherRecord, "$C" + otherRecord,
		},
		{
			"a send is put in", func(a *archive, d, c, o string) {
				a.record(c, func(r *approvals.Request) { r.Sends = append(r.Sends, approvals.Send{Worker: "w-none"}) })
			}, "$C" + otherRecord, "$C" + otherRecord,
		},
		{
			"what people said", func(a *archive, d, c, o string) {
				a.record(c, func(r *approvals.Request) {
					r.Unsure.Statements = append(r.Unsure.Statements, approvals.Statement{Person: bert, Finding: approvals.DidNotRun})
				})
			}, "$C" + otherRecord, "$C" + otherRecord,
		},
		{
			"what became of the hosts", func(a *archive, d, c, o string) {
				a.record(c, func(r *approvals.Request) { r.Follow.Hosts = []approvals.HostResult{{Host: "ins-db1"}} })
			}, "$C" + otherRecord, "$C" + otherRecord,
		},
		{
			"when it came, in the record", func(a *archive, d, c, o string) {
				a.record(c, func(r *approvals.Request) { r.Received = r.Received.Add(-time.Hour) })
			}, "$C: its record says that it came 20", "",
		},
		{
			"the record's version", func(a *archive, d, c, o string) {
				a.record(c, func(r *approvals.Request) { r.Revision = 2 })
			}, "$C: its record is version 2, and its last event made version 5", "",
		},
		{
			"a key in capitals, too, in an event", func(a *archive, d, c, o string) {
				a.edit(d, 5, `"note":`, `"NOTE":"fine with me","note":`)
			}, "$D, event 5: is not what bmcmd wrote", "$D, event 5: is not what bmcmd wrote",
		},
		{
			"the same after it", func(a *archive, d, c, o string) {
				a.edit(d, 5, `"wrong host",`, `"fine with me","NOTE":"wrong host",`)
			}, "$D, event 5: is not what bmcmd wrote", "is not what bmcmd wrote",
		},
		{
			"a key twice", func(a *archive, d, c, o string) {
				a.edit(d, 5, `"note":`, `"note":"fine with me","note":`)
			}, "$D, event 5: is not what bmcmd wrote", "is not what bmcmd wrote",
		},
		{
			"a key that there is not", func(a *archive, d, c, o string) {
				a.edit(d, 5, `"note":`, `"comment":"fine with me","note":`)
			}, "$D, event 5: is not what bmcmd wrote", "is not what bmcmd wrote",
		},
		{
			"a key in capitals, too, in the record", func(a *archive, d, c, o string) {
				body := a.body(d)
				a.do("HSET", a.key("request", d), "body", strings.Replace(body, `"requester":`, `"REQUESTER":{"user":"U0CLEO"},"requester":`, 1))
			}, "$D: its record is not written as bmcmd writes it", "",
		},
		{
			"a refused click is changed", func(a *archive, d, c, o string) {
				line := a.do("HGET", a.key("refused", d), "1").(string)
				a.do("HSET", a.key("refused", d), "1", strings.Replace(line, "U0ANNE", "U0CLEO", 1))
			}, "$D: a refused click is not what bmcmd wrote", "is not what bmcmd wrote",
		},
		{
			"a refused click is changed, and its hash with it", func(a *archive, d, c, o string) {
				a.click(d, 2, func(f *approvals.Refusal) { f.By = cleo })
			}, "$D: refused click 2 was changed", "$D: refused click 2 was changed",
		},
		{
			"a refused click is removed", func(a *archive, d, c, o string) {
				a.do("HDEL", a.key("refused", d), "2")
			}, "$D: refused click 2 is missing", "$D: refused click 2 is missing",
		},
		{
			"refused clicks are removed, and not counted any more", func(a *archive, d, c, o string) {
				a.do("DEL", a.key("refused", d))
				a.do("HDEL", a.key("request", d), "refused")
			}, "$D: its record counts fewer refused clicks", "$D: its record counts fewer refused clicks",
		},
		{
			"when it was asked for", func(a *archive, d, c, o string) {
				all := a.lines(d)
				_, rest, _ := strings.Cut(all[0], " ")
				all[0] = "1700000000000 " + rest
				a.put(d, all)
			}, "names another time for the one before it", "names another time for the one before it",
		},
		{
			"the record is put back", func(a *archive, d, c, o string) {
				was := a.do("HGET", a.key("request", o), "body")
				k, err := a.desk.Load(a.t.Context(), o)
				if err != nil {
					a.t.Fatal(err)
				}
				a.moves(k, approvals.Cancel(anne))
				a.do("HSET", a.key("request", o), "body", was)
			}, "$O, event 2 (cancel, 20", "is more than the record counts, 1: it was added, or the record was put back",
		},
		{
			"the record of one that has not ended", func(a *archive, d, c, o string) {
				a.do("DEL", a.key("request", o))
			}, "$O: its record is gone, and it has not ended", "$O: its record is gone, and it has not ended",
		},
		{
			"the record of one that has just ended", func(a *archive, d, c, o string) {
				a.do("DEL", a.key("request", d))
			}, "after its last event, and is kept for 30 days", "",
		},
		{
			"a record that is none", func(a *archive, d, c, o string) {
				a.do("HSET", a.key("request", d), "body", "{")
			}, "$D: its record is not what this bmcmd can read", "$D: its record is not what this bmcmd can read",
		},
		{
			"without the record, the list is cut", func(a *archive, d, c, o string) {
				a.older(d, month)
				a.do("DEL", a.key("request", d))
				a.do("RPOP", a.key("events", d))
				a.do("RPOP", a.key("events", d))
			}, "one was changed, or events were removed", "$D: its record is gone, and it has not ended",
		},
		{
			"one is not in the index", func(a *archive, d, c, o string) {
				a.do("ZREM", a.indexKey(), c)
			}, "$C: the index does not have it; its events are not touched by that", "",
		},
		{
			"the index", func(a *archive, d, c, o string) {
				a.do("DEL", a.indexKey())
			}, "$O: the index does not have it", "",
		},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			a := newArchive(t)
			names := strings.NewReplacer("$D", a.denied, "$C", a.cancelled, "$O", a.open)
			tt.tamper(a, a.denied, a.cancelled, a.open)
			s := a.verify()
			s.expect(t, 1, names.Replace(tt.says), "finding", "leave Redis as it is until somebody has looked")
			x := a.export()
			s = a.bmcmd(x.out, "verify", "--from", "-")
			if tt.offline == "" {
				s.expect(t, 0, "all holds")
				return
			}
			s.expect(t, 1, names.Replace(tt.offline), "keep the file until somebody has looked")
		})
	}
}

// otherRecord is what is said of a record that was changed.
const otherRecord = ": its record is not the one that its last event names"

// edit changes the text of an event, and makes its hash anew.
func (a *archive) edit(id string, n int, was, is string) {
	all := a.lines(id)
	parts := strings.SplitN(all[n-1], " ", 3)
	text := strings.Replace(parts[2], was, is, 1)
	if text == parts[2] {
		a.t.Fatalf("%s is not in %s", was, text)
	}
	sum := sha256.Sum256([]byte(text))
	all[n-1] = parts[0] + " " + hex.EncodeToString(sum[:]) + " " + text
	a.put(id, all)
	a.do("HSET", a.key("request", id), "body", strings.ReplaceAll(a.body(id), parts[1], hex.EncodeToString(sum[:])))
}

// click changes a refused click, and makes its hash anew.
func (a *archive) click(id string, n int, change func(f *approvals.Refusal)) {
	_, text, _ := strings.Cut(a.do("HGET", a.key("refused", id), fmt.Sprint(n)).(string), " ")
	f, err := approvals.DecodeRefusal([]byte(text))
	if err != nil {
		a.t.Fatal(err)
	}
	change(&f)
	forged, err := f.Encode()
	if err != nil {
		a.t.Fatal(err)
	}
	sum := sha256.Sum256(forged)
	a.do("HSET", a.key("refused", id), fmt.Sprint(n), hex.EncodeToString(sum[:])+" "+string(forged))
}

// more is an event that would be the next of a request, as whoever knows the code could
// make it.
func (a *archive) more(id, move string) string {
	all := a.lines(id)
	return rewritten(a.t, all[len(all)-1], func(e *approvals.Event) {
		e.N, e.Prev, e.Revision, e.Move, e.From, e.By = e.N+1, e.Hash, e.Revision+1, move, e.To, cleo
		e.Hash = e.Sum()
	})
}

// older makes the events of a request older and a second apart, in the index, too.
func (a *archive) older(id string, ms int64) {
	var first, at int64
	if _, err := fmt.Sscan(a.lines(id)[0], &first); err != nil {
		a.t.Fatal(err)
	}
	a.anew(id, func(e *approvals.Event) {
		if e.N == 2 {
			e.Came = time.UnixMilli(first - ms - 60_000).UTC()
		}
		if e.N > 1 {
			e.At = time.UnixMilli(first - ms - 60_000 + int64(e.N-1)*1000).UTC()
		}
	})
	all := a.lines(id)
	for i, l := range all {
		_, text, _ := strings.Cut(l, " ")
		at = first - ms - 60_000 + int64(i)*1000
		all[i] = fmt.Sprint(at, " ", text)
	}
	a.put(id, all)
	a.do("ZADD", a.indexKey(), at, id)
}

// TestAuditByAge has requests whose record, and then whose events, are gone by their age.
func TestAuditByAge(t *testing.T) {
	a := newArchive(t)
	a.older(a.denied, (721 * time.Hour).Milliseconds())
	a.do("DEL", a.key("request", a.denied))
	s := a.verify()
	s.expect(t, 0, "3 requests with 11 events", "all holds. The record of one is gone; its events are kept longer.")
	x := a.export()
	x.expect(t, 0, `"request":"`+a.denied+`","lines":5,`, `"record":"gone"`)
	a.bmcmd(x.out, "verify", "--from", "-").expect(t, 0, "The record of one is gone")
	a.verify("--request", a.denied).expect(t, 0, "1 request with 5 events")

	a.older(a.denied, (9600 * time.Hour).Milliseconds())
	a.do("ZREM", a.indexKey(), a.denied)
	a.verify().expect(t, 0, "3 requests") // the index forgets first where keep.events was longer once
	a.do("DEL", a.key("events", a.denied), a.key("refused", a.denied))
	a.verify().expect(t, 0, "2 requests with 6 events")
	a.export().expect(t, 0, "Exported 2 requests with 6 events.")
	a.verify("--request", a.denied).expect(t, 1, a.denied+": nothing is kept of it; look at the id and at keep.events")
	a.export("--request", a.denied).expect(t, 1, "nothing is kept of "+a.denied)
}

// TestAuditHead looks for a head that somebody copied from Slack.
func TestAuditHead(t *testing.T) {
	a := newArchive(t)
	head := func(id string) string {
		k, err := a.desk.Load(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return k.Head
	}
	d, o := head(a.denied), head(a.open)
	a.verify("--head", d).expect(t, 0, "The head "+d[:12]+" is "+a.denied+", event 5 (deny, ", "; it is still the newest.", "all holds")
	a.verify("--head", strings.ToUpper(d[:12])).expect(t, 0, "it is still the newest")
	a.verify("--head", d, "--request", a.denied).expect(t, 0, "1 request")
	a.verify("--head", d, "--request", a.cancelled).expect(t, 1, "head "+d[:12]+": no event that was looked at has it")
	x := a.export()
	a.bmcmd(x.out, "verify", "--from", "-", "--head", d).expect(t, 0, "is still the newest")

	k, err := a.desk.Load(t.Context(), a.open)
	if err != nil {
		t.Fatal(err)
	}
	a.moves(k, approvals.Cancel(anne))
	a.verify("--head", o).expect(t, 0, a.open+", event 1 (receive, ", "; 1 event came after it.")

	// A whole new chain, with its record: in Redis nothing shows it, but Slack has the head.
	a.anew(a.denied, func(e *approvals.Event) { e.Note = "" })
	a.verify().expect(t, 0, "all holds")
	a.verify("--head", d, "--request", a.denied).expect(t, 1, "no event that was looked at has it: it was changed or removed since", "1 finding")
	a.bmcmd(a.export().out, "verify", "--from", "-", "--head", d).expect(t, 1, "no event that was looked at has it")
}

// anew makes a new chain of a request's events, changed, with everything that belongs to it.
func (a *archive) anew(id string, change func(e *approvals.Event)) {
	all, prev := a.lines(id), ""
	for i := range all {
		all[i] = rewritten(a.t, all[i], func(e *approvals.Event) {
			change(e)
			e.Prev = prev
			e.Hash = e.Sum()
			prev = e.Hash
		})
	}
	a.put(id, all)
	if a.do("EXISTS", a.key("request", id)) == int64(1) {
		a.record(id, func(r *approvals.Request) { r.Head = prev })
	}
}

// TestAuditFindsTamperedExport changes an export in every way. Where it could be, its
// last line is made to fit.
func TestAuditFindsTamperedExport(t *testing.T) {
	a := newArchive(t)
	whole := strings.SplitAfter(a.export().out, "\n")
	whole = whole[:len(whole)-1]
	cut := func(n int) string { return strings.Join(whole[:n], "") }
	set := func(n int, line string) string {
		return strings.Join(slices.Concat(whole[:n], []string{line}, whole[n+1:]), "")
	}
	const file = "the file: its lines are not those that it was closed with"
	tests := []struct {
		why    string
		text   string
		status int
		says   []string
		fits   []string // with a last line that fits; nil: nothing is to be seen
	}{
		{"an event changed", set(5, strings.Replace(whole[5], "wrong host", "right host", 1)), 1, []string{file, "event 5 (deny, 20"}, []string{a.denied + ", event 5"}},
		{"the first event's time, which the second names", set(1, strings.Replace(whole[1], `"at":"2`, `"at":"1`, 1)), 1, []string{file}, []string{"names another time for the one before it"}},
		{"an event removed", set(4, ""), 1, []string{file, "event 4 (deny, 20"}, []string{"4 events stand above its head on line 8, which says 5"}},
		{"the last event removed", set(5, ""), 1, []string{file}, []string{"is the last of 4, and the record counts 5"}},
		{"an event twice", set(3, whole[3]+whole[3]), 1, []string{file, "one is missing, or stands twice"}, []string{"stands twice"}},
		{"two events change places", strings.Join(slices.Concat(whole[:3], []string{whole[4], whole[3]}, whole[5:]), ""), 1, []string{file}, []string{"event 3 (late answer"}},
		{"an event in another request", strings.Join(slices.Concat(whole[:4], whole[5:10], whole[4:5], whole[10:]), ""), 1, []string{file, "its head is missing before line"}, []string{"its head is missing"}},
		{"requests change places", strings.Join(slices.Concat(whole[:1], whole[9:15], whole[1:9], whole[15:]), ""), 1, []string{file}, nil},
		{"a request removed", strings.Join(slices.Concat(whole[:1], whole[9:]), ""), 1, []string{file}, nil},
		{"a head removed", set(8, ""), 1, []string{file, a.denied + ": its head is missing before line 9"}, []string{"its head is missing"}},
		{"a head changed", set(8, strings.Replace(whole[8], "denied", "cancelled", 1)), 1, []string{file, "ends in denied, and the record says cancelled"}, []string{"the record says cancelled"}},
		{"the record said to be gone", set(8, strings.Replace(whole[8], `"record":"kept"`, `"record":"gone"`, 1)), 1, []string{file}, []string{"its head says what a record had, and that there is none to read"}},
		{"a record of another kind", set(8, strings.Replace(whole[8], `"record":"kept"`, `"record":"good"`, 1)), 1, []string{file}, []string{"its head does not say what became of its record"}},
		{"the record of one that has not ended, said to be gone", set(16, whole[16][:strings.Index(whole[16], `"record"`)]+`"record":"gone"}`+"\n"), 1, []string{file}, []string{a.open + ": its record is gone, and it has not ended"}},
		{"more refused clicks counted as kept", set(8, strings.Replace(whole[8], `"all":2,"n":2`, `"all":3,"n":3`, 1)), 1, []string{file}, []string{"refused click 3 is missing"}},
		{"fewer refused clicks counted", set(8, strings.Replace(whole[8], `"all":2,"n":2`, `"all":1,"n":2`, 1)), 1, []string{file}, []string{"fewer refused clicks"}},
		{"a request twice", strings.Join(slices.Concat(whole[:9], whole[1:9], whole[9:]), ""), 1, []string{file}, []string{a.denied + ": it stands a second time"}},
		{"the last request cut short, and no head", strings.Join(slices.Concat(whole[:12], whole[17:]), ""), 1, []string{file}, []string{a.cancelled + ": its head is missing before line 13"}},
		{"the first event without its time", set(1, whole[1][:16]+whole[1][strings.Index(whole[1], `"hash"`):]), 1, []string{file}, []string{"line 2: is not as bmcmd wrote it"}},
		{"a second time for an event", set(5, strings.Replace(whole[5], `{"kind":"event",`, `{"kind":"event","at":"2026-03-01T00:00:00Z",`, 1)), 1, []string{file}, []string{"line 6: is not as bmcmd wrote it"}},
		{"a workspace twice in the first line", set(0, strings.Replace(whole[0], `"workspace":`, `"workspace":"T0OTHER","workspace":`, 1)), 1, []string{file}, []string{"line 1: is not as bmcmd wrote it"}},
		{"the filters changed", set(0, strings.Replace(whole[0], `T0AUDIT`, `T0OTHER`, 1)), 1, []string{file}, nil},
		{"a field twice, once for people and once for us", set(5, strings.Replace(whole[5], `"note":`, `"note":"right host","note":`, 1)), 1, []string{"line 6: is not as bmcmd wrote it"}, []string{"line 6: is not as bmcmd wrote it"}},
		{"a field that there is not", set(5, strings.Replace(whole[5], `"note":`, `"approved":true,"note":`, 1)), 1, []string{"line 6: is not as bmcmd wrote it"}, []string{"line 6"}},
		{"spaces", set(5, strings.Replace(whole[5], `"note":`, ` "note":`, 1)), 1, []string{"line 6: is not as bmcmd wrote it"}, []string{"line 6"}},
		{"a line that is no JSON", set(5, "x\n"), 1, []string{"line 6: is not a line of an export"}, []string{"line 6"}},
		{"an empty line", set(5, "\n"+whole[5]), 1, []string{"line 6: is not a line of an export"}, []string{"line 6"}},
		{"a line of another kind", set(5, `{"kind":"note"}`+"\n"), 1, []string{"line 6: is not a line of an export"}, []string{"line 6"}},
		{"cut after the first line", cut(1), 1, []string{"the file: it is cut after line 1: the last line, of kind end, is missing"}, nil},
		{"cut within a request", cut(3), 1, []string{"it is cut after line 3"}, nil},
		{"cut between two requests", cut(9), 1, []string{"it is cut after line 9"}, nil},
		{"cut before the end", cut(len(whole) - 1), 1, []string{"it is cut after line 17"}, nil},
		{"cut within a line", cut(8) + whole[8][:50], 1, []string{"line 9: is not a line of an export, or half of one", "it is cut after line 9"}, nil},
		{"cut within the last line", cut(len(whole)-1) + whole[17][:len(whole[17])-1], 1, []string{"line 18: is not a line of an export, or half of one", "it is cut"}, nil},
		{"more after the end", cut(len(whole)) + whole[5], 1, []string{"line 19: stands after the end"}, nil},
		{"empty", "", 2, []string{"it is empty; export again"}, nil},
		{"another file", "{}\n", 2, []string{"its first line is not of kind export"}, nil},
		{"a file of a newer bmcmd", set(0, strings.Replace(whole[0], `"version":2`, `"version":3`, 1)), 2, []string{"a newer bmcmd wrote it; upgrade this one"}, nil},
		{"a line without an end", whole[0] + strings.Repeat("x", mostLine+1), 2, []string{"line 2 is longer than any of bmcmd's"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			a.bmcmd(tt.text, "verify", "--from", "-").expect(t, tt.status, tt.says...)
			if tt.status == 1 && strings.HasSuffix(tt.text, whole[17]) {
				s := a.bmcmd(closed(t, tt.text), "verify", "--from", "-")
				s.expect(t, min(1, len(tt.fits)), tt.fits...)
			}
		})
	}
}

// TestAuditCounts compares what the last line of an export counts.
func TestAuditCounts(t *testing.T) {
	a := newArchive(t)
	text := a.export().out
	for _, wrong := range []string{`"requests":4,"events":11`, `"requests":3,"events":12`} {
		a.bmcmd(strings.Replace(text, `"requests":3,"events":11`, wrong, 1), "verify", "--from", "-").expect(t, 1,
			"the file: it has 3 requests with 11 events, and its last line says ")
	}
}

// closed gives an export a last line that fits its others.
func closed(t *testing.T, text string) string {
	t.Helper()
	at := strings.LastIndex(strings.TrimSuffix(text, "\n"), "\n") + 1
	var end endLine
	if err := json.Unmarshal([]byte(text[at:]), &end); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(text[:at]))
	ids := map[string]bool{}
	end.Events = 0
	for _, l := range strings.Split(text[:at], "\n") {
		var line struct {
			Kind, Request string
			Event         struct{ Request string }
		}
		_ = json.Unmarshal([]byte(l), &line) // half a line counts nothing
		if line.Kind == "event" {
			end.Events++
		}
		if id := line.Request + line.Event.Request; id != "" {
			ids[id] = true
		}
	}
	end.Requests = len(ids)
	end.SHA256 = hex.EncodeToString(sum[:])
	last, err := encodeLine(end)
	if err != nil {
		t.Fatal(err)
	}
	return text[:at] + string(last)
}
