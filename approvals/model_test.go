package approvals

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A workspace under whatever may happen to it: several requests of one script whose
// hosts overlap, three bots on one store, an API that counts what really ran and lists
// it late. Bots crash between any two steps and are paused past their lease; the store
// loses calls and replies, delivers a call late, is started again, or is restored to
// an older state; people press every button, leave groups and come back; the rules are
// reloaded.
//
// Beside the Desk a model (model_rules_test.go) says by itself, for each move, whether
// it must be taken and what the record must say then; both are compared after every
// step. And besides:
//
//  1. No request runs twice at the API: not in any state, not on any timeline.
//  2. What runs was approved by as many different people as the card and today's rule
//     ask for, each of whom may, and none of whom asked for it.
//  3. Nothing that has ended comes back, but by a restore.
//  4. Two runs of the script never hold the same host, unless one of them was lifted, or
//     was doubted after a restore.
//  5. Every open request is due, or people were asked about it.
//  6. What was settled was settled by two people; and what they settled as "it did not
//     run" does not run afterwards.
//  7. The events of each request are a chain that ends at the record's head.
//
// Two things are left out, for no check can help (README.md says so): a store that is
// restored while a bot stands between its look at the lease and the first byte, for
// longer than a lost send is searched for; and a request that a restore has wiped out.
//
// The long run: go test ./approvals -run TestModel -count=1 -rapid.checks=2000 -rapid.steps=100 -v -timeout 1h
func TestModel(t *testing.T) {
	effort(t, 300, 40)
	steps, ran := 0, 0
	reached := map[State]int{}
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		defer func() {
			for _, m := range w.model {
				reached[m.state]++
				ran += w.api.runs[m.id]
			}
		}()
		t.Repeat(map[string]func(*rapid.T){
			"":           func(t *rapid.T) { steps++; w.check(t) },
			"agree":      w.agree,
			"agree too":  w.agree,
			"click":      w.click,
			"say":        w.say,
			"say all":    w.sayAll,
			"work":       w.work,
			"work on":    w.work,
			"through":    w.through,
			"lost":       w.lost,
			"through it": w.through,
			"work more":  w.work,
			"go on":      w.through,
			"take":       w.take,
			"call":       w.call,
			"call now":   w.call,
			"answer":     w.answer,
			"answered":   w.answer,
			"crash":      w.crash,
			"time":       w.time,
			"arrive":     w.arrive,
			"people":     w.people,
			"restart":    w.restart,
			"colleague":  w.colleague,
			"ask":        w.ask,
		})
	})
	t.Logf("%d steps, %d runs at the API, requests by the state they were left in: %v", steps, ran, reached)
	for _, s := range []State{Pending, Approved, Executing, Accepted, Succeeded, Failed, Unknown, Settled, Denied, Expired, Cancelled} {
		if reached[s] == 0 && steps > 50_000 {
			t.Errorf("no request was left %s: the model does not get there any more", s)
		}
	}
}

// effort is how many histories are tried, and about how long each is, unless flags say
// otherwise.
func effort(t *testing.T, checks, steps int) {
	t.Helper()
	for name, n := range map[string]int{"rapid.checks": checks, "rapid.steps": steps} {
		f := flag.Lookup(name)
		if f.Value.String() != f.DefValue {
			continue
		}
		if err := flag.Set(name, fmt.Sprint(n)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = flag.Set(name, f.DefValue) })
	}
}

type world struct {
	store   *memory
	api     *cloud
	bots    []*replica
	facts   Facts
	quorum  int // of the rule, but for a while
	model   map[string]*mirror
	held    map[string]string // the model's own: which request holds a host
	late    []pending         // as long as store.slow
	copies  []copied
	old     map[string][]Kept // versions that somebody may still have in hand
	servers int
	events  int // of Slack, so far
	over    map[string]State
	seen    map[string]seen
	settled map[string]int // what was settled as not run, and how often it had run then
}

// pending is a move under way, and what the record must say when it arrives.
type pending struct{ next *mirror }

// copied is a backup of the store, and the model's memory of that moment.
type copied struct {
	store *memory
	model map[string]*mirror
	held  map[string]string
}

func newWorld(t *rapid.T) *world {
	w := &world{
		store: newMemory(), model: map[string]*mirror{}, held: map[string]string{}, old: map[string][]Kept{},
		over: map[string]State{}, settled: map[string]int{}, seen: map[string]seen{}, servers: 1,
	}
	w.api = newCloud()
	for i := range 3 {
		w.bots = append(w.bots, newReplica(w.store, fmt.Sprint("w", i+1)))
	}
	w.facts = modelFacts(rapid.IntRange(1, 2).Draw(t, "quorum"))
	w.quorum = w.facts.Rule.Quorum
	for range rapid.IntRange(1, 3).Draw(t, "requests") {
		w.ask(t)
	}
	w.backup()
	return w
}

func (w *world) backup() {
	c := copied{store: w.store.copy(), model: map[string]*mirror{}, held: maps.Clone(w.held)}
	for id, m := range w.model {
		c.model[id] = m.clone()
	}
	if w.copies = append(w.copies, c); len(w.copies) > 4 {
		w.copies = w.copies[1:]
	}
}

// ids are the requests there are, in a fixed order.
func (w *world) ids() []string { return slices.Sorted(maps.Keys(w.model)) }

func (w *world) one(t *rapid.T) *mirror {
	if len(w.model) == 0 {
		t.Skip("no request is left")
	}
	return w.model[rapid.SampledFrom(w.ids()).Draw(t, "request")]
}

func (w *world) bot(t *rapid.T) *replica {
	return w.bots[rapid.IntRange(0, len(w.bots)-1).Draw(t, "bot")]
}

// try has a move made and holds what came of it against what must: must changes a copy
// of the model, and reports whether the move is to be taken.
func (w *world) try(t *rapid.T, d *Desk, id string, m Move, must func(m *mirror, now time.Time) bool) (Kept, error) {
	ctx := context.Background()
	k, err := d.Load(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if rapid.IntRange(0, 9).Draw(t, "from an old version") == 9 {
		old := k
		if all := w.old[id]; len(all) > 0 {
			old = all[rapid.IntRange(0, len(all)-1).Draw(t, "version")]
		}
		if old.Revision != k.Revision || old.Server != k.Server {
			old.Now, old.Seen = w.store.now, time.Now()
			got, err := d.Advance(ctx, old, m)
			if err == nil {
				t.Fatalf("%s was written over a version that nobody here had seen", m.Name)
			}
			if errors.Is(err, ErrRestarted) {
				return got, err
			}
			return k, ErrConflict
		}
	}
	next := w.model[id].clone()
	ok := must(next, w.store.now)
	arrives := ok // hosts that are held now may be free when it does
	if next.state == Executing && w.model[id].state == Approved {
		ok = ok && !w.busy(next)
	}
	what := rapid.SampledFrom([]fault{none, none, none, none, none, none, none, none, lostCall, lostReply, away, slowCall}).Draw(t, "fault")
	w.store.fault = what
	waiting := len(w.store.slow)
	moved, err := d.Advance(ctx, k, m)
	w.store.fault = none
	switch {
	case !ok && err == nil:
		t.Fatalf("%s of %s was taken and must not be: %s", m.Name, id, moved.State)
	case ok && what == none && err != nil:
		t.Fatalf("%s of %s must be taken: %v; the model says %+v", m.Name, id, err, *w.model[id])
	case ok && (what == none || what == lostReply):
		w.commit(t, next)
	}
	if len(w.store.slow) > waiting {
		if !arrives {
			next = nil
		}
		w.late = append(w.late, pending{next})
	}
	return moved, err
}

// commit makes next what the model knows, and counts who holds which host.
func (w *world) commit(t *rapid.T, next *mirror) {
	was := w.model[next.id]
	switch {
	case !was.holds() && next.state == Executing:
		for _, h := range next.hosts {
			w.held[h] = next.id
		}
	case !was.holds() && next.holds():
		for _, h := range next.hosts {
			if w.held[h] == "" {
				w.held[h] = next.id
			}
		}
	case was.holds() && !next.holds():
		maps.DeleteFunc(w.held, func(_, by string) bool { return by == next.id })
	}
	if next.state == Settled && was.state != Settled && next.words[len(next.words)-1].Finding == DidNotRun {
		w.settled[next.id] = w.api.runs[next.id]
	}
	w.model[next.id] = next
}

// arrive lets a call arrive that nobody waits for any more.
func (w *world) arrive(t *rapid.T) {
	if len(w.store.slow) == 0 {
		t.Skip("nothing is under way")
	}
	first := w.late[0]
	w.late = w.late[1:]
	err := w.store.arrive()
	switch {
	case err == nil && (first.next == nil || first.next.state == Executing && w.model[first.next.id].state == Approved && w.busy(first.next)):
		t.Fatal("a move was taken late that must not be")
	case err == nil:
		w.commit(t, first.next)
	}
}

// restart has another run of the store's server start, with what it held or with an
// older copy. Or it makes such a copy.
func (w *world) restart(t *rapid.T) {
	switch what := rapid.IntRange(0, 11).Draw(t, "store"); {
	case what < 8:
		w.backup()
		return
	case what < 10:
		w.servers++
		w.store.server = Server{ID: fmt.Sprint("run-", w.servers), Since: w.store.now}
		return
	}
	w.servers++
	from := rapid.SampledFrom(w.copies).Draw(t, "copy")
	w.store.restore(from.store, fmt.Sprint("run-", w.servers))
	w.late, w.held, w.model = nil, maps.Clone(from.held), map[string]*mirror{}
	for id, m := range from.model {
		w.model[id] = m.clone()
	}
	w.over, w.settled = map[string]State{}, map[string]int{}
	for _, b := range w.bots {
		b.cut()
		b.desk.known = newKnown() // no memory helps: the rest has to do
	}
}

func (w *world) time(t *rapid.T) {
	w.store.pass(time.Duration(rapid.SampledFrom([]int{1, 1, 1, 1, 10, 10, 40, 90, 200, 700, 700, 9000}).Draw(t, "seconds")) * time.Second)
}

// ask is a new request. Each is a person's, on hosts that overlap with those of others.
func (w *world) ask(t *rapid.T) {
	if w.events >= 6 {
		t.Skip("there are enough requests")
	}
	w.events++
	by := rapid.SampledFrom([]Person{alice, alice, bob, carol}).Draw(t, "who asks")
	hosts := rapid.SampledFrom([][]string{{"ins-1", "ins-2"}, {"ins-2", "ins-3"}, {"ins-2"}, {"ins-4"}}).Draw(t, "hosts")
	r := newRequest()
	r.Event = fmt.Sprint("Ev", w.events)
	r.ID = NewID("E1", r.Event)
	r.Requester, r.Asked.Hosts, r.Asked.Reason = Person{Org: "E1", User: by.User}, hosts, r.Event
	r.Asked.Parameters = r.Event // so that it is nobody's twin
	plan := modelPlan(w.facts.Rule.Quorum, hosts, r.Event)
	d := w.bots[0].desk
	k, _, err := d.Receive(context.Background(), r)
	for _, m := range []Move{Prepare(by, plan), Open("C0OPS", "1.2")} {
		if err == nil {
			k, err = d.Advance(context.Background(), k, m)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	w.model[k.ID] = &mirror{
		id: k.ID, by: by, hosts: hosts, digest: plan.Digest(), quorum: plan.Rule.Quorum, state: Pending, plan: plan,
		received: w.store.now, expires: w.store.now.Add(plan.Rule.Lifetime), keptOn: w.store.server.ID,
	}
	if rapid.Bool().Draw(t, "its colleagues are quick") {
		w.agreeOn(t, w.model[k.ID])
	}
}
