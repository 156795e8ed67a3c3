package fault

import (
	"cmp"
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
	stopped map[string][]time.Time // when the cloud was told to stop a run, by host; empty for all of its hosts
	ran     map[string]int         // scripts that were started, by host
	held    map[string]bool        // ids of requests that keep their hosts to themselves
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
	l := ledger{map[string]approvals.Kept{}, map[string][]approvals.Event{}, map[string][]time.Time{}, map[string][]time.Time{}, map[string]int{}, map[string]bool{}}
	all, err := r.records()
	if err != nil {
		return l, err
	}
	store, client := r.store()
	defer client.Close()
	for _, k := range all {
		l.records[k.ID] = k
		if l.events[k.ID], err = store.Events(r.ctx, k.ID, 0); err != nil {
			return l, err
		}
		if l.held[k.ID], err = client.HExists(r.ctx, "bmcmd:{"+workspace+"}:request:"+k.ID, "holds").Result(); err != nil {
			return l, err
		}
	}
	for _, c := range world.Fetch[[]bmtest.Call](r.Cloud.Admin, "calls") {
		host := ""
		for _, v := range c.Params {
			host = cmp.Or(host, hostIn(v))
		}
		switch {
		case c.Action == "CancelInvocation":
			l.stopped[host] = append(l.stopped[host], c.At)
		case c.As2 == "RunUserCmd" && host != "":
			l.sent[host] = append(l.sent[host], c.At)
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
	if n := len(l.stopped[""]); n > 0 {
		j.common = append(j.common, fmt.Sprintf("the cloud was told %d times to stop a run without saying where", n))
	}
	j.common = append(j.common, r.untried("")...)
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
	var ordered []time.Time
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
		for _, e := range l.events[kept.ID] {
			if e.Move == "stop" {
				ordered = append(ordered, e.At)
			}
		}
		k.judgeRecord(kept, l.events[kept.ID], &j, wrong)
		if !r.fault.forgets {
			k.judgeMoves(kept, l, wrong)
		}
	}
	for i, at := range l.stopped[k.host] {
		if len(ordered) == 0 || at.Before(ordered[0]) {
			wrong("call %d to stop it came before anybody ordered that", i+1)
		}
	}
	j.violations = append(j.violations, r.untried(k.host)...)
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
	k.judgeWords(l, &j, wrong)
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
