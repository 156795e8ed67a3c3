package fault

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/approvals/redisstore"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
	"github.com/bmcmd/bmcmd/bot/slacksim"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// workspace is the simulator's team: keys in Redis begin with it.
const workspace = "T0SIM"

// judgement is what came of a fault, and of each request in it.
type judgement struct {
	Result
	common []string          // violations that are of no request
	each   map[string]Result // by host
}

// ledger is all that there is to judge from.
type ledger struct {
	records map[string]approvals.Kept // by id
	events  map[string][]approvals.Event
	sent    map[string][]time.Time // when calls of RunUserCmd arrived, by host
	ran     map[string]int         // scripts that were started, by host
}

// stable is how long nothing may be needed before a request counts as at rest: a
// drawing that has begun may still land.
const stable = time.Second

// rest waits until no request needs anything any more, and gives how long that took
// since the fault ended.
func (r *rig) rest() time.Duration {
	last, busy, quiet := "", r.healed, time.Now()
	for time.Since(quiet) < stable && time.Since(r.healed) < patience && r.ctx.Err() == nil {
		records, err := r.records()
		at := slices.IndexFunc(records, r.restless)
		if err != nil || at >= 0 {
			busy, quiet = time.Now(), time.Now()
		}
		if err == nil && at >= 0 {
			k := records[at]
			last = fmt.Sprintf("%s, %s, due since %s", k.ID, k.State, k.Clock().Sub(k.Due()).Round(time.Second))
		}
		r.pause(100 * time.Millisecond)
	}
	r.T.Logf("%s: at rest after %s; the last was %s", r.fault.name, seconds(busy.Sub(r.healed)), last)
	return busy.Sub(r.healed)
}

// restless reports whether a request still needs somebody.
func (r *rig) restless(k approvals.Kept) bool { return k.Owes() || !r.atEnd(k.Request) }

// atEnd reports whether a request is where it may stay: ended, or people were asked.
// One that was recorded although Slack said that it did not work may wait for people,
// who have asked once more since.
func (r *rig) atEnd(k approvals.Request) bool {
	switch k.State {
	case approvals.Unknown:
		return !k.Unsure.Asked.IsZero()
	case approvals.Pending:
		return r.fault.away && !slices.ContainsFunc(r.talks, func(t *talk) bool { return t.request == k.ID })
	}
	return k.State.Ended()
}

func (r *rig) store() (*redisstore.Store, *redis.Client) {
	client := r.Redis.Client()
	return redisstore.New(client, workspace, redisstore.Options{KeepRequests: time.Hour, KeepEvents: time.Hour, KeepOutputs: time.Hour}), client
}

func (r *rig) records() (all []approvals.Kept, err error) {
	store, client := r.store()
	defer client.Close()
	keys, err := client.Keys(r.ctx, "bmcmd:{"+workspace+"}:request:*").Result()
	for _, key := range keys {
		k, err := store.Load(r.ctx, key[strings.LastIndex(key, ":")+1:])
		if err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	return all, err
}

func (r *rig) read() (ledger, error) {
	l := ledger{map[string]approvals.Kept{}, map[string][]approvals.Event{}, map[string][]time.Time{}, map[string]int{}}
	all, err := r.records()
	if err != nil {
		return l, err
	}
	store, client := r.store()
	defer client.Close()
	for _, k := range all {
		l.records[k.ID] = k
		if l.events[k.ID], err = store.Events(r.ctx, k.ID); err != nil {
			return l, err
		}
	}
	for _, c := range world.Fetch[[]bmtest.Call](r.Cloud.Admin, "calls") {
		if c.As2 != "RunUserCmd" {
			continue
		}
		for _, v := range c.Params {
			if host := hostIn(v); host != "" {
				l.sent[host] = append(l.sent[host], c.At)
				break
			}
		}
	}
	for _, ran := range r.Cloud.Runs() {
		l.ran[ran.Hosts[0]]++
	}
	return l, nil
}

// judge holds what happened against what is promised.
func (r *rig) judge() judgement {
	j := judgement{Result: Result{name: r.fault.name}, each: map[string]Result{}}
	l, err := r.read()
	if err != nil {
		j.common = append(j.common, fmt.Sprintf("Redis cannot be read after the fault: %v", err))
		j.violations = j.common
		return j
	}
	r.seen.mu.Lock()
	defer r.seen.mu.Unlock()
	if r.recovered == 0 {
		j.common = append(j.common, "a run asked for after the fault got no card")
	}
	for i, b := range r.bot {
		if b.HasEnded() && !b.killed {
			j.common = append(j.common, fmt.Sprintf("bot %d has ended", i))
		}
		if strings.Contains(b.Stderr.String(), "a step panicked") {
			j.common = append(j.common, fmt.Sprintf("bot %d panicked", i))
		}
	}
	j.violations = slices.Clone(j.common)
	for _, k := range r.talks {
		one := r.judgeTalk(k, l)
		j.each[k.host] = one
		j.add(one)
	}
	return j
}

func (a *Result) add(b Result) {
	a.requests += b.requests
	a.sent += b.sent
	a.unknown += b.unknown
	a.notRecorded += b.notRecorded
	a.cannotTell += b.cannotTell
	a.silent += b.silent
	a.twice += b.twice
	a.violations = append(a.violations, b.violations...)
}

// judgeTalk is for the requests of one person, which are one unless nobody could tell.
func (r *rig) judgeTalk(k *talk, l ledger) Result {
	j := Result{sent: len(l.sent[k.host]), silent: k.silent}
	wrong := func(format string, args ...any) {
		j.violations = append(j.violations, k.host+": "+fmt.Sprintf(format, args...))
	}
	approved := 0
	for _, kept := range l.records {
		if kept.Asked.Hosts[0] != k.host {
			continue
		}
		j.requests++
		if len(kept.Approvers()) > 0 {
			approved++
		}
		if kept.State == approvals.Unknown {
			j.unknown++
		}
		if at := lostAt(l.events[kept.ID]); !at.IsZero() {
			for _, sent := range l.sent[k.host] {
				if sent.After(at) {
					wrong("sent %s after its lease was lost", sent.Sub(at))
				}
			}
		}
		r.judgeRecord(kept, l.events[kept.ID], &j, wrong)
	}
	if most := max(approved, 1); j.sent > most || l.ran[k.host] > most {
		wrong("sent %d times and run %d times for %d approved requests", j.sent, l.ran[k.host], approved)
	}
	if approved == 0 && j.sent > 0 && !r.fault.forgets {
		wrong("sent without an approval")
	}
	if k.gaveUp != "" && !r.fault.forgets {
		wrong("%s did not work out within %s", k.gaveUp, patience)
	}
	if k.silent > 0 && !r.fault.away {
		wrong("%d times no answer came", k.silent)
	}
	r.judgeWords(k, l, &j, wrong)
	return j
}

// lostAt is when a worker was taken for lost; zero: never. Redis' clock is the API's
// here.
func lostAt(events []approvals.Event) time.Time {
	for _, e := range events {
		if e.Move == "lose" {
			return e.At
		}
	}
	return time.Time{}
}

// judgeWords looks at everything that two people were told.
func (r *rig) judgeWords(k *talk, l ledger, j *Result, wrong func(string, ...any)) {
	for _, who := range []string{k.asker, k.approver} {
		said := r.seen.told[who]
		if who == k.approver {
			said = slices.Concat(said, k.acked)
		}
		for _, text := range said {
			switch meaning(text) {
			case notRecorded:
				j.notRecorded++
			case cannotTell:
				j.cannotTell++
			case recorded:
				if !r.fault.forgets && !kept(l, text, who) {
					wrong("%s was told %q, and Redis does not have it", who, line(text))
				}
			case "":
				if !harmless(text) {
					wrong("%s was told %q", who, line(text))
				}
			}
		}
	}
}

// kept reports whether what somebody was told to be recorded is.
func kept(l ledger, text, who string) bool {
	id := requestID.FindString(text)
	k, there := l.records[id]
	if id == "" { // a form's words name no request
		return true
	}
	switch {
	case !there:
		return false
	case strings.Contains(text, "you approved"):
		return slices.ContainsFunc(k.Decisions, func(d approvals.Decision) bool { return d.Person.User == who && d.Verdict == approvals.Approve })
	case strings.Contains(text, "is cancelled"):
		return k.State == approvals.Cancelled
	}
	return true
}

// harmless are the words that come besides the answers.
func harmless(text string) bool {
	return strings.Contains(text, "Working on it") || strings.Contains(text, "Slack did not")
}

// view is what people see of a request at its end.
type view struct {
	card   string
	thread []string
}

// notSent is for a run that was lost, and whose worker woke and knew that it had not
// sent it.
var notSent = view{"Not sent, nothing ran", []string{"Nothing was sent after all"}}

// shows is what card and thread say at the end, by state: the card, and each message
// of the thread that there must be.
var shows = map[approvals.State]view{
	approvals.Succeeded: {"Ran on the host, exit code 0", []string{"ran what was approved"}},
	approvals.Denied:    {"Denied", []string{"Denied, nothing ran"}},
	approvals.Cancelled: {"Cancelled", nil},
	approvals.Unknown:   {"nknown", []string{"Nobody can know whether this ran"}},
}

// judgeRecord looks at one request, its card and its thread.
func (r *rig) judgeRecord(k approvals.Kept, events []approvals.Event, j *Result, wrong func(string, ...any)) {
	if !r.atEnd(k.Request) || k.Owes() {
		wrong("%s is %s and rests there, %d notices owed, card behind: %t", k.ID, k.State, len(k.Notices), k.Behind())
		return
	}
	if err := approvals.Verify(events); err != nil {
		wrong("the events of %s do not hold: %v", k.ID, err)
	}
	if k.State == approvals.Pending {
		return
	}
	if k.Card.TS == "" { // it ended before anybody was to see it
		wrong("%s is %s without a card: %s", k.ID, k.State, k.Why)
		return
	}
	card, there := r.seen.messages[k.Card.TS]
	want, known := shows[k.State]
	if s := k.LastSend(); k.State == approvals.Failed && s.Answer != nil && s.Answer.Outcome == approvals.OutcomeNotSent {
		want, known = notSent, true
	}
	if !there || card.Deleted {
		wrong("%s has no card in Slack", k.ID)
		return
	}
	if !known {
		wrong("%s is %s: %s %s", k.ID, k.State, k.Why, k.Follow.Why)
		return
	}
	if drawn := slacksim.Render(card); !strings.Contains(drawn, want.card) {
		wrong("%s is %s, and its card says %q; before it said:%s", k.ID, k.State, heading(drawn), before(card))
	}
	thread := r.seen.thread(k.Card.TS)
	for _, text := range want.thread {
		if !slices.ContainsFunc(thread, func(m string) bool { return strings.Contains(m, text) }) {
			wrong("%s is %s, and its thread does not say %q:\n%s", k.ID, k.State, text, strings.Join(thread, "\n"))
		}
	}
	if !ordered(thread) {
		wrong("the thread of %s is out of order:\n%s", k.ID, strings.Join(thread, "\n"))
	}
	j.twice += max(0, r.seen.copies[k.ID]-1) + repeated(thread)
}

// before is what a card said before, in order.
func before(card slacksim.Message) string {
	var b strings.Builder
	for _, v := range card.History {
		fmt.Fprintf(&b, " %q", heading(v.Text))
	}
	return b.String()
}

// heading is a text's first line.
func heading(text string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return first
}

// ordered: what the API said comes before what the hosts did.
func ordered(thread []string) bool {
	answer := slices.IndexFunc(thread, func(m string) bool { return strings.Contains(m, "Accepted by the API") })
	result := slices.IndexFunc(thread, func(m string) bool { return strings.Contains(m, "ran what was approved") })
	return answer < 0 || result < 0 || answer < result
}

// repeated counts messages that stand in a thread more than once.
func repeated(thread []string) (n int) {
	seen := map[string]bool{}
	for _, m := range thread {
		first := line(m)
		if seen[first] {
			n++
		}
		seen[first] = true
	}
	return n
}

// line is a text's first lines as one.
func line(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > 160 {
		return string(r[:160]) + "…"
	}
	return text
}
