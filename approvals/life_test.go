package approvals

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// One request's life under random people, moves, times, conflicts and lost replies,
// on two workers; [TestModel] is for several, crashes and restores. After every step:
//
//  1. Nothing is executing unless as many different people as the card and today's
//     rule ask for approved exactly its digest, each allowed to at the moment of
//     the claim, and none of them the requester.
//  2. At most one run may have reached the API that was not proved to have been
//     refused or not sent; and the record has at most one such send, the last.
//  3. An ended request never changes its state.
//  4. A human has one decision at most, whatever user ids they use.
//  5. Each move that is told starts where the last one ended and is in the table,
//     and each write is one revision.
//  6. No vote and no claim is later than the request's end.
//  7. A request that has not ended is due at some time: nobody forgets it.
//  8. It succeeded only if every host ended with exit code 0 and ran what was
//     approved; and if some host did not run that, there is one alarm.
//  9. While the hosts are followed nothing has ended: who asks for the same gets
//     this request, and no decision counts.
func TestLifeOfARequest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLife(t)
		t.Repeat(map[string]func(*rapid.T){
			"":         l.check,
			"vote":     l.vote,
			"push on":  l.push,
			"push":     l.push,
			"deny":     l.deny,
			"cancel":   l.cancel,
			"run":      l.run,
			"dispatch": l.dispatch,
			"again":    l.dispatch,
			"answer":   l.answer,
			"tell":     l.answer,
			"look":     l.look,
			"follow":   l.follow,
			"followed": l.follow,
			"wait":     l.wait,
			"post":     l.post,
			"time":     l.time,
			"fault":    l.faults,
			"people":   l.people,
		})
	})
}

type life struct {
	reported bool // its result was told before it was final
	store    *memory
	desks    []*Desk
	id       string
	digest   Digest
	facts    Facts
	old      []Kept         // versions that somebody may still have in hand
	sending  map[int]*Kept  // by worker: its send that is not answered yet
	said     map[int]Answer // what the API said to it, once it did
	mayRun   int            // runs that may have reached the API
	was      Request
	events   int
}

func newLife(t *rapid.T) *life {
	l := &life{store: newMemory(), sending: map[int]*Kept{}, said: map[int]Answer{}}
	for _, w := range []string{"w1", "w2"} {
		l.desks = append(l.desks, NewDesk(l.store, w, 30*time.Second))
	}
	quorum := rapid.IntRange(1, 2).Draw(t, "quorum")
	k, _, err := l.desks[0].Receive(context.Background(), newRequest())
	for _, m := range []Move{Prepare(alice, somePlan(quorum)), Open("C0OPS", "1.2")} {
		if err == nil {
			k, err = l.desks[0].Advance(context.Background(), k, m)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	l.facts = someFacts(quorum)
	l.facts.Members["S-OPS"] = append(l.facts.Members["S-OPS"], "U-BOB-2")
	l.id, l.digest, l.was, l.old = k.ID, k.Digest, k.Request, []Kept{k}
	if rapid.IntRange(0, 2).Draw(t, "its run is accepted") == 0 {
		l.accepted(t)
	}
	return l
}

// accepted brings the request straight to where its hosts are followed, which
// chance alone seldom does.
func (l *life) accepted(t *rapid.T) {
	l.push(t)
	k, err := l.desks[0].Load(context.Background(), l.id)
	if err != nil {
		t.Fatal(err)
	}
	g, err := k.Grant(*k.Plan, l.facts, k.Clock())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []Move{Claim(g, Intent{Worker: "w1", Lease: lease, Valid: valid}), Answered("w1", 1, Answer{Outcome: OutcomeAccepted})} {
		if k, err = l.desks[0].Advance(context.Background(), k, m); err != nil {
			t.Fatal(err)
		}
	}
	l.mayRun, l.was, l.old = 1, k.Request, append(l.old, k)
}

var crowd = []Person{
	alice,
	{Org: "E1", ID: "W-ALICE", User: "U-ALICE-2"},
	bob,
	{Org: "E1", ID: "W-BOB", User: "U-BOB-2"},
	carol, carol,
	dave,
	{Org: "E1", User: "U-BOB"}, // not looked up
}

func (l *life) person(t *rapid.T) Person { return rapid.SampledFrom(crowd).Draw(t, "person") }
func (l *life) worker(t *rapid.T) int    { return rapid.IntRange(0, 1).Draw(t, "worker") }

// do applies a move on a random desk, to the newest version or to an old one.
func (l *life) do(t *rapid.T, m Move) {
	d := l.desks[l.worker(t)]
	if rapid.Bool().Draw(t, "from an old version") && rapid.Bool().Draw(t, "really old") {
		_, _ = d.Advance(context.Background(), rapid.SampledFrom(l.old).Draw(t, "version"), m)
		return
	}
	_, _ = d.Move(context.Background(), l.id, m)
}

func (l *life) vote(t *rapid.T) {
	digest := l.digest
	if rapid.IntRange(0, 9).Draw(t, "stale card") == 0 {
		digest = "other"
	}
	m := Vote(l.person(t), digest, l.facts, within)
	if rapid.IntRange(0, 3).Draw(t, "somebody is faster") == 0 {
		rival := Vote(l.person(t), l.digest, l.facts, within)
		l.store.rival = func() { _, _ = l.desks[1].Move(context.Background(), l.id, rival) }
	}
	l.do(t, m)
}

// push is what brings most requests far: people who may agree and want it to run.
func (l *life) push(t *rapid.T) {
	for _, m := range []Move{
		Vote(bob, l.digest, l.facts, within), Vote(carol, l.digest, l.facts, within), RunNow(alice, l.digest, l.facts, within),
	} {
		_, _ = l.desks[0].Move(context.Background(), l.id, m)
	}
}

// deny and cancel are rare, or few requests would get far.
func (l *life) deny(t *rapid.T) {
	if rapid.IntRange(0, 4).Draw(t, "really") == 0 {
		l.do(t, Veto(l.person(t), l.digest, "no", l.facts))
	}
}

func (l *life) cancel(t *rapid.T) {
	if rapid.IntRange(0, 4).Draw(t, "really") == 0 {
		l.do(t, Cancel(l.person(t)))
	}
}

func (l *life) run(t *rapid.T) { l.do(t, RunNow(l.person(t), l.digest, l.facts, within)) }

// dispatch is what a worker does with an approved request. It has one job at a
// time for a request, and sends only if the store said that the claim is its own.
func (l *life) dispatch(t *rapid.T) {
	w := l.worker(t)
	if l.sending[w] != nil {
		return
	}
	k, err := l.desks[w].Load(context.Background(), l.id)
	if err != nil {
		t.Fatal(err)
	}
	if rapid.IntRange(0, 4).Draw(t, "from an old version") == 0 {
		k = rapid.SampledFrom(l.old).Draw(t, "version")
	}
	plan := somePlan(l.was.Plan.Rule.Quorum)
	if rapid.IntRange(0, 9).Draw(t, "script changed") == 0 {
		plan.Script.Content = []byte("other")
	}
	g, err := k.Grant(plan, l.facts, k.Clock())
	if err != nil {
		return
	}
	claimed, err := l.desks[w].Advance(context.Background(), k, Claim(g, Intent{Worker: l.desks[w].Worker(), Lease: lease, Valid: valid}))
	if err == nil {
		l.sending[w] = &claimed
		l.mayRun++
	}
}

// answer gets the API's answer once, and stores it as often as it takes.
func (l *life) answer(t *rapid.T) {
	w := l.worker(t)
	if l.sending[w] == nil {
		return
	}
	a, there := l.said[w]
	if !there {
		a = Answer{Outcome: rapid.SampledFrom([]Outcome{
			OutcomeAccepted, OutcomeRefused, OutcomeRefused, OutcomeFailed, OutcomeUnknown, OutcomeNotSent, OutcomeNotSent,
		}).Draw(t, "outcome"), Busy: rapid.Bool().Draw(t, "busy")}
		l.said[w] = a
		if a.Outcome == OutcomeRefused || a.Outcome == OutcomeNotSent {
			l.mayRun--
		}
	}
	_, err := l.desks[w].Move(context.Background(), l.id, Answered(l.desks[w].Worker(), len(l.sending[w].Sends), a))
	if err == nil || errors.Is(err, ErrNotHeld) || errors.Is(err, ErrEnded) || errors.Is(err, ErrNotAllowed) {
		delete(l.sending, w)
		delete(l.said, w)
	}
}

// look is what a worker's loop does with what is due.
func (l *life) look(t *rapid.T) {
	d := l.desks[l.worker(t)]
	taken, _, err := d.Take(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range taken {
		if _, err := d.Advance(context.Background(), k, Expire()); err != nil {
			_, _ = d.Advance(context.Background(), k, Lose())
		}
	}
}

// follow is what a worker does with an accepted run: it finds its tasks, looks, or
// ends the following, with whatever the API says of the hosts.
func (l *life) follow(t *rapid.T) {
	var m Move
	switch rapid.IntRange(0, 6).Draw(t, "follow") {
	case 0:
		m = Find([]string{"task-1"}, l.rows(t), time.Time{})
	case 1, 2:
		m = Look(l.rows(t), Progress{}, l.store.now.Add(time.Second))
	case 3:
		m = Alarm([]string{"task-1"}, l.rows(t), l.store.now.Add(time.Second))
	case 4:
		m = Report("task-1", l.rows(t), l.store.now.Add(time.Minute))
	default:
		m = Finish(l.rows(t), rapid.SampledFrom([]string{"", "", "", "given up"}).Draw(t, "why"))
	}
	l.do(t, m)
}

func (l *life) rows(t *rapid.T) []HostResult {
	rows := hosts(good("ins-1"), good("ins-2"))
	if rapid.Bool().Draw(t, "all good") {
		return rows
	}
	rows = rapid.SliceOfN(rapid.SampledFrom(rows), 0, 3).Draw(t, "rows")
	for i := range rows {
		rows[i].State = rapid.SampledFrom([]HostState{HostEnded, HostEnded, HostEnded, HostWaiting, HostRunning, HostFailed, HostRefused}).Draw(t, "state")
		rows[i].Exit = rapid.SampledFrom([]int{0, 0, 0, 1, -1}).Draw(t, "exit")
		rows[i].Proof = rapid.SampledFrom([]Proof{ProofSame, ProofSame, ProofSame, ProofNone, ProofDiffers}).Draw(t, "proof")
	}
	return rows
}

func (l *life) wait(t *rapid.T) {
	var retry time.Time
	if s := rapid.IntRange(-10, 200).Draw(t, "seconds"); s >= 0 {
		retry = l.store.now.Add(time.Duration(s) * time.Second)
	}
	l.do(t, Wait("the vault is away", retry))
}

func (l *life) post(t *rapid.T) {
	at := l.store.now.Add(time.Minute)
	l.do(t, rapid.SampledFrom([]Move{
		Shown("C0OPS", "1.2", l.was.Card.Look, false), Vanished(), Redraw(), Told(1), Delay(at), Undrawn(at), Untold(1, at, []string{"U0BOB"}),
		Reported(1, Alone, "", true), Uploaded(3, "F1"), Attached(9), NoFile(9, "not allowed", false),
	}).Draw(t, "mark"))
}

func (l *life) time(t *rapid.T) {
	l.store.pass(time.Duration(rapid.SampledFrom([]int{1, 1, 1, 10, 40, 90, 600, 4000}).Draw(t, "seconds")) * time.Second)
}

func (l *life) faults(t *rapid.T) {
	if rapid.Bool().Draw(t, "really") {
		return
	}
	l.store.fault = rapid.SampledFrom([]fault{lostCall, lostReply, away}).Draw(t, "fault")
}

// people come and go, and the rule changes.
func (l *life) people(t *rapid.T) {
	switch rapid.IntRange(0, 4).Draw(t, "what") {
	case 0:
		l.facts.Rule.Quorum = rapid.IntRange(1, 2).Draw(t, "quorum today")
	case 1:
		l.facts.Members["S-OPS"] = without(l.facts.Members["S-OPS"], "U-BOB")
	case 2:
		l.facts.Members["S-OPS"] = append(l.facts.Members["S-OPS"], "U-BOB")
	case 3:
		l.facts.Standing[carol.Key()] = errors.New("deactivated")
	case 4:
		l.facts.Standing[carol.Key()] = nil
	}
}

func (l *life) check(t *rapid.T) {
	k, err := l.store.Load(context.Background(), l.id)
	if err != nil {
		t.Fatal(err)
	}
	events, _ := l.store.Events(context.Background(), l.id, 0)
	l.checkHistory(t, k.Request, events)
	for _, e := range events[l.events:] {
		if e.To == Executing {
			l.checkClaim(t, k.Request)
		}
		if (e.Move == "vote" || e.Move == "claim") && e.At.After(k.Expires) {
			t.Fatalf("%s at %v, the request ended at %v", e.Move, e.At, k.Expires)
		}
	}
	if l.mayRun > 1 {
		t.Fatalf("%d runs may have reached the API", l.mayRun)
	}
	for i, s := range k.Sends {
		last := i == len(k.Sends)-1
		if !last && (s.Answer == nil || s.Answer.Outcome != OutcomeNotSent && s.Answer.Outcome != OutcomeRefused) {
			t.Fatalf("send %d went out after one that may have run: %+v", i+2, s.Answer)
		}
	}
	for i, d := range k.Decisions {
		if d.Person.Same(alice) {
			t.Fatal("the requester decided")
		}
		if slices.ContainsFunc(k.Decisions[:i], func(e Decision) bool { return e.Person.Same(d.Person) }) {
			t.Fatalf("%s decided twice", d.Person.Key())
		}
	}
	l.checkFollowed(t, k.Request)
	if r := l.store.records[l.id]; !k.State.Ended() && r.due.IsZero() {
		t.Fatalf("nobody will ever look at it again: %s", k.State)
	}
	if k.Revision != l.was.Revision {
		l.old = append(l.old, k)
	}
	l.was, l.events = k.Request, len(events)
}

// checkHistory holds the events against the table and the record.
func (l *life) checkHistory(t *rapid.T, r Request, events []Event) {
	if l.was.State.Ended() && r.State != l.was.State {
		t.Fatalf("an ended request went from %s to %s", l.was.State, r.State)
	}
	state, revision := State(""), int64(0)
	for _, e := range events {
		if e.Move != "receive" && !inTable(e.Move, e.From, e.To) || e.From != state || e.Revision <= revision {
			t.Fatalf("after %s (%d): event %+v", state, revision, e)
		}
		state, revision = e.To, e.Revision
	}
	if state != r.State || revision > r.Revision {
		t.Fatalf("the events end at %s (%d), the record is %s (%d)", state, revision, r.State, r.Revision)
	}
}

// checkFollowed holds states against hosts without the package's help.
func (l *life) checkFollowed(t *rapid.T, r Request) {
	fine, drift := map[string]bool{}, false
	for _, h := range r.Follow.Hosts {
		_, twice := fine[h.Host]
		fine[h.Host] = h.State == "ended" && h.Status == 0 && h.Exit == 0 && h.Proof == "same" && (!twice || fine[h.Host])
		drift = drift || h.Proof == "differs"
	}
	told := func(kind NoticeKind) (times int) {
		for _, n := range r.Notices {
			if n.Kind == kind {
				times++
			}
		}
		return times
	}
	count := map[bool]int{true: 1}
	if r.State.Ended() == r.EndedAt.IsZero() {
		t.Fatalf("%s, ended at %v", r.State, r.EndedAt)
	}
	followed := r.State == Succeeded || r.State == Failed && r.LastSend().Answer.Outcome == OutcomeAccepted
	l.reported = l.reported || !r.Follow.Confirm.IsZero()
	results := count[followed || l.reported]
	if followed && l.reported && told(NoticeResult) == 2 && (r.Follow.Why != "" || r.State == Failed) { // taken back
		results++
	}
	switch {
	case r.State == Succeeded && (!fine["ins-1"] || !fine["ins-2"] || len(fine) != 2 || r.Follow.Why != ""):
		t.Fatalf("succeeded with %+v", r.Follow)
	case r.State == Succeeded && drift:
		t.Fatal("succeeded with another script")
	case told(NoticeAlarm) != count[r.Follow.Alarmed], r.State == Failed && drift && !r.Follow.Alarmed, l.was.Follow.Alarmed && !r.Follow.Alarmed:
		t.Fatalf("%s, drift %v, alarmed %v, notices %v", r.State, drift, r.Follow.Alarmed, r.Notices)
	case told(NoticeResult) != results:
		t.Fatalf("%s, its following ended %v, notices %v", r.State, followed, r.Notices)
	case r.State != Accepted:
		return
	}
	twin := newRequest()
	twin.ID, twin.Event = "r-twin", "Ev-twin"
	if k, fresh, err := l.desks[0].Receive(context.Background(), twin); err != nil || fresh || k.ID != r.ID {
		t.Fatalf("a twin of a run that is followed: %s, fresh %v, error %v", k.ID, fresh, err)
	}
	for _, m := range []Move{Vote(carol, l.digest, l.facts, within), Veto(bob, l.digest, "", l.facts), Cancel(alice)} {
		if _, _, err := r.Apply(m, l.store.now); !errors.Is(err, ErrRunning) {
			t.Fatalf("%s while it is followed: %v", m.Name, err)
		}
	}
}

// checkClaim counts the approvals by itself, without the package's help.
func (l *life) checkClaim(t *rapid.T, r Request) {
	humans := map[string]bool{}
	for _, d := range r.Decisions {
		inGroup := slices.Contains(l.facts.Members["S-OPS"], d.Person.User) || slices.Contains(l.facts.Members["S-OPS"], d.Person.ID)
		standing, asked := l.facts.Standing[d.Person.Org+"/"+d.Person.ID]
		if d.Verdict == Approve && d.Digest == somePlan(r.Plan.Rule.Quorum).Digest() && inGroup && asked && standing == nil && d.Person.ID != alice.ID {
			humans[d.Person.ID] = true
		}
	}
	if need := max(r.Plan.Rule.Quorum, l.facts.Rule.Quorum); len(humans) < need {
		t.Fatalf("claimed with %d of %d approvals: %+v", len(humans), need, r.Decisions)
	}
}
