package approvals

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"
)

// cloud is the model's API: it counts what really ran, refuses what was signed too
// long ago, and lists a task late, though always early enough for the search.
type cloud struct {
	tasks []ran
	runs  map[string]int // by request
	begun int
}

type ran struct {
	task     string
	what     string // hosts and parameters
	at, seen time.Time
}

func newCloud() *cloud { return &cloud{runs: map[string]int{}} }

func what(p Plan) string { return fmt.Sprint(p.Hosts, p.Parameters) }

func (c *cloud) begin(t *rapid.T, p Plan, now time.Time) {
	c.begun++
	late := rapid.SampledFrom([]int{0, 0, 1, 30, 500}).Draw(t, "listed after seconds")
	c.tasks = append(c.tasks, ran{fmt.Sprint("task-", c.begun), what(p), now, now.Add(time.Duration(late) * time.Second)})
}

// list are the tasks of a plan since a time, as the API lists them now, but for those
// that are known to be older.
func (c *cloud) list(p Plan, since, now time.Time, older []string) (out []string) {
	for _, r := range c.tasks {
		if r.what == what(p) && !r.seen.After(now) && !r.at.Before(since) && !slices.Contains(older, r.task) {
			out = append(out, r.task)
		}
	}
	return out
}

// all are the newest tasks that it lists.
func (c *cloud) all(now time.Time) (out []string) {
	for _, r := range c.tasks {
		if !r.seen.After(now) {
			out = append(out, r.task)
		}
	}
	return out
}

// replica is one bot: its desk, and what it remembers of calls until their answers are
// stored. A crash takes its memory, and the next process has another name.
type replica struct {
	store *memory
	name  string
	lives int
	desk  *Desk
	jobs  map[string]*job
}

type job struct {
	nth     int
	plan    Plan
	claimed Kept
	looked  bool    // at its lease: it sends now, however long that takes
	said    *Answer // what came of it
}

func newReplica(store *memory, name string) *replica {
	b := &replica{store: store, name: name}
	b.start()
	return b
}

func (b *replica) start() {
	b.lives++
	b.desk, b.jobs = NewDesk(b.store, fmt.Sprint(b.name, "-", b.lives), 30*time.Second), map[string]*job{}
}

// cut ends the calls that are about to leave: see what the model leaves out.
func (b *replica) cut() {
	for id, j := range b.jobs {
		if j.looked && j.said == nil {
			delete(b.jobs, id)
		}
	}
}

func (w *world) crash(t *rapid.T) { w.bot(t).start() }

// colleague runs the same by hand, past the bots.
func (w *world) colleague(t *rapid.T) {
	if rapid.IntRange(0, 2).Draw(t, "really") == 2 {
		w.api.begin(t, w.one(t).plan, w.store.now)
	}
}

// work is a bot's next step on a request, whoever holds it.
func (w *world) work(t *rapid.T) { w.step(t, w.bot(t), w.one(t)) }

// take is the same for what is due.
func (w *world) take(t *rapid.T) {
	b := w.bot(t)
	taken, _, err := b.desk.Take(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range taken {
		w.step(t, b, w.model[k.ID])
	}
}

func (w *world) step(t *rapid.T, b *replica, m *mirror) {
	if rapid.IntRange(0, 3).Draw(t, "post") == 3 {
		w.post(t, b, m)
		return
	}
	switch m.state {
	case Pending, Approved:
		if w.store.now.After(m.expires) || rapid.IntRange(0, 9).Draw(t, "too early") == 9 {
			_, _ = w.try(t, b.desk, m.id, Expire(), func(m *mirror, now time.Time) bool {
				ok := now.After(m.expires)
				m.state = Expired
				return ok
			})
		} else if m.state == Approved && b.jobs[m.id] == nil {
			w.dispatch(t, b, m)
		}
	case Executing:
		w.executing(t, b, m)
	case Unknown:
		w.search(t, b, m)
	case Accepted:
		w.follow(t, b, m)
	}
}

// dispatch sends an approved request, or says why not. On a server that did not keep
// the request first, a lost send is searched for.
func (w *world) dispatch(t *rapid.T, b *replica, m *mirror) {
	k, err := b.desk.Load(context.Background(), m.id)
	if err != nil {
		t.Fatal(err)
	}
	now := w.store.now
	if m.byItself.Equal(now) {
		return // the API refused it in this very second: who is first is not told
	}
	anyway := func(m *mirror, _ time.Time) bool { return m.state == Approved }
	if k.KeptOn != k.Server.ID {
		var older []string
		for _, s := range m.sends {
			older = append(older, s.before...)
		}
		if fits := w.api.list(m.plan, m.received, now, older); len(fits) > 0 {
			_, _ = w.try(t, b.desk, m.id, Doubt("Redis was restarted", modelValid), func(m *mirror, now time.Time) bool {
				ok := m.state == Approved
				m.state, m.doubted, m.sends = Unknown, true, append(m.sends, sent{at: now})
				return ok
			})
			return
		}
		if until := k.Server.Since.Add(searchFor); now.Before(until) {
			_, _ = w.try(t, b.desk, m.id, Wait("a lost send is searched for", until), anyway)
			return
		}
	}
	g, err := k.Grant(m.plan, w.facts, k.Clock())
	if (err == nil) != w.granted(m, now) {
		t.Fatalf("%s: granted: %v; the model says %+v", m.id, err, *m)
	}
	if err != nil {
		_, _ = w.try(t, b.desk, m.id, Wait("it is not granted", now.Add(time.Minute)), anyway)
		return
	}
	before := w.api.all(now)
	intent := Intent{Worker: b.desk.Worker(), Lease: modelLease, Valid: modelValid, Mark: &Mark{Tasks: before}}
	claimed, err := w.try(t, b.desk, m.id, Claim(g, intent), w.claimed(b.desk.Worker(), before))
	if errors.Is(err, ErrConflict) && claimed.State == Approved && len(claimed.Sends) == len(m.sends) {
		// Its card was drawn meanwhile: that changes nothing about the grant.
		claimed, err = w.try(t, b.desk, m.id, Claim(g, intent), w.claimed(b.desk.Worker(), before))
	}
	var busy *Busy
	switch {
	case err == nil:
		w.mustRun(t, m)
		b.jobs[m.id] = &job{nth: len(claimed.Sends), plan: m.plan, claimed: claimed}
	case errors.As(err, &busy):
		if w.model[busy.Request] == nil || busy.Request == m.id {
			t.Fatalf("%s waits for %s", m.id, busy.Request)
		}
		_, _ = w.try(t, b.desk, m.id, WaitFor(busy.Request, "its hosts are held", now.Add(time.Second)), anyway)
	}
}

// executing: a bot that finds its own claim and remembers no call gives it back; any
// other calls it lost after its lease.
func (w *world) executing(t *rapid.T, b *replica, m *mirror) {
	if m.last().bot == b.desk.Worker() && b.jobs[m.id] == nil {
		a := Answer{Outcome: OutcomeNotSent}
		_, _ = w.try(t, b.desk, m.id, Answered(b.desk.Worker(), len(m.sends), a), answered(b.desk.Worker(), len(m.sends), a))
		return
	}
	_, _ = w.try(t, b.desk, m.id, Lose(), func(m *mirror, now time.Time) bool {
		ok := m.state == Executing && now.After(m.last().at.Add(modelLease))
		m.state = Unknown
		return ok
	})
}

// claimant is a bot that has claimed a run.
type claimant struct {
	bot *replica
	id  string
}

// busyOne is a bot whose call was made, or was not.
func (w *world) busyOne(t *rapid.T, called bool) claimant {
	var all []claimant
	for _, b := range w.bots {
		for _, id := range slices.Sorted(maps.Keys(b.jobs)) {
			if (b.jobs[id].said != nil) == called {
				all = append(all, claimant{b, id})
			}
		}
	}
	if len(all) == 0 {
		t.Skip("no bot is")
	}
	return all[rapid.IntRange(0, len(all)-1).Draw(t, "bot and run")]
}

func (w *world) call(t *rapid.T) { w.callOf(t, w.busyOne(t, false)) }

func (w *world) answer(t *rapid.T) { w.answerOf(t, w.busyOne(t, true)) }

// through is a bot that nothing holds up: somebody presses Run, and it claims, calls and
// stores the answer.
func (w *world) through(t *rapid.T) {
	b := w.bot(t)
	var all []string
	for _, id := range w.ids() {
		if w.model[id].state == Approved && b.jobs[id] == nil {
			all = append(all, id)
		}
	}
	if len(all) == 0 {
		t.Skip("nothing to send")
	}
	m := w.model[rapid.SampledFrom(all).Draw(t, "approved")]
	_ = w.run(t, b.desk, m, m.by)
	if m = w.model[m.id]; m.state == Approved {
		w.dispatch(t, b, m)
	}
	if b.jobs[m.id] != nil {
		w.callOf(t, claimant{b, m.id})
	}
	if j := b.jobs[m.id]; j != nil && j.said != nil {
		w.answerOf(t, claimant{b, m.id})
	}
}

// lost is a run of which nobody hears anything, until people are asked.
func (w *world) lost(t *rapid.T) {
	w.through(t)
	w.crash(t)
	w.store.pass(2 * lease)
	for range 3 {
		for _, id := range w.ids() {
			if m := w.model[id]; m.state == Executing || m.state == Unknown {
				w.step(t, w.bot(t), m)
			}
		}
		w.store.pass(searchFor.Truncate(time.Minute))
	}
}

// callOf sends what a bot has claimed, if its lease is still good when it looks. It may
// be paused before and after that.
func (w *world) callOf(t *rapid.T, c claimant) {
	j := c.bot.jobs[c.id]
	if !j.looked && w.store.now.After(j.claimed.LastSend().LeaseUntil) {
		j.said = &Answer{Outcome: OutcomeNotSent}
		return
	}
	if j.looked = true; rapid.IntRange(0, 3).Draw(t, "paused before the first byte") == 3 {
		return
	}
	j.said = &Answer{Outcome: OutcomeRefused}
	if w.store.now.After(j.claimed.LastSend().DeadFrom) {
		return // signed too long ago
	}
	j.said = &Answer{
		Outcome: rapid.SampledFrom([]Outcome{OutcomeAccepted, OutcomeAccepted, OutcomeUnknown, OutcomeUnknown, OutcomeRefused, OutcomeFailed, OutcomeNotSent}).Draw(t, "outcome"),
		Again:   rapid.Bool().Draw(t, "again"), Busy: rapid.Bool().Draw(t, "busy"),
	}
	if j.said.Outcome == OutcomeAccepted || j.said.Outcome == OutcomeUnknown && rapid.IntRange(0, 2).Draw(t, "it ran") > 0 {
		w.api.runs[c.id]++
		w.api.begin(t, j.plan, w.store.now)
	}
}

// answerOf stores what came of a call, as often as it takes.
func (w *world) answerOf(t *rapid.T, c claimant) {
	b, j := c.bot, c.bot.jobs[c.id]
	if w.model[c.id] == nil {
		delete(b.jobs, c.id) // a restore has wiped the request out
		return
	}
	_, err := w.try(t, b.desk, c.id, Answered(b.desk.Worker(), j.nth, *j.said), answered(b.desk.Worker(), j.nth, *j.said))
	switch {
	case err == nil, errors.Is(err, ErrNotHeld), errors.Is(err, ErrEnded), errors.Is(err, ErrNotAllowed):
		delete(b.jobs, c.id)
	}
	if err != nil && b.jobs[c.id] == nil {
		_, _ = w.try(t, b.desk, c.id, Aside("late answer", Person{}, ""), func(*mirror, time.Time) bool { return true })
	}
}

// search looks for an unknown run as the bot does.
func (w *world) search(t *rapid.T, b *replica, m *mirror) {
	now, since := w.store.now, m.last().at
	if m.doubted {
		since = m.received
	}
	fits := w.api.list(m.plan, since, now, m.last().before)
	unknown := func(m *mirror, _ time.Time) bool { return m.state == Unknown }
	switch {
	case len(fits) == 1 && !m.lifted:
		_, _ = w.try(t, b.desk, m.id, Adopt(fits[0], "the only one"), func(m *mirror, _ time.Time) bool {
			ok := m.state == Unknown && !slices.ContainsFunc(m.sends, func(s sent) bool { return slices.Contains(s.before, fits[0]) })
			m.state = Accepted
			return ok
		})
	case len(fits) == 0 && now.Before(since.Add(searchFor)) || m.asked && rapid.Bool().Draw(t, "nothing new"):
		_, _ = w.try(t, b.desk, m.id, Searched(now.Add(15*time.Second)), unknown)
	default:
		again := rapid.SampledFrom([]time.Time{{}, now.Add(5 * time.Minute)}).Draw(t, "again")
		_, _ = w.try(t, b.desk, m.id, Ask("nobody can tell", fits, again), func(m *mirror, _ time.Time) bool {
			m.asked = true
			return m.state == Unknown
		})
	}
}

// follow looks at the hosts, or ends that.
func (w *world) follow(t *rapid.T, b *replica, m *mirror) {
	rows := []HostResult{}
	for _, h := range m.hosts {
		rows = append(rows, good(h))
	}
	if rapid.Bool().Draw(t, "look") {
		_, _ = w.try(t, b.desk, m.id, Look(rows, Progress{}, w.store.now.Add(time.Second)), func(m *mirror, _ time.Time) bool { return m.state == Accepted })
		return
	}
	why := rapid.SampledFrom([]string{"", "given up"}).Draw(t, "why")
	_, _ = w.try(t, b.desk, m.id, Finish(rows, why), func(m *mirror, _ time.Time) bool {
		ok := m.state == Accepted
		if m.state = Succeeded; why != "" {
			m.state = Failed
		}
		return ok
	})
}

// post draws the card, or posts a notice.
func (w *world) post(t *rapid.T, b *replica, m *mirror) {
	k, err := b.desk.Load(context.Background(), m.id)
	if err != nil {
		t.Fatal(err)
	}
	move := Shown("C0OPS", "1.2", k.Card.Look, false)
	if len(k.Notices) > 0 {
		move = Told(k.Notices[0].N)
	}
	_, _ = w.try(t, b.desk, m.id, move, func(*mirror, time.Time) bool { return true })
}
