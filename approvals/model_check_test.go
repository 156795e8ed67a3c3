package approvals

import (
	"maps"
	"slices"

	"pgregory.net/rapid"
)

// The words above [TestModel], one by one.

// seen is what a check has looked at: nothing of it changes without a new revision.
type seen struct {
	model  *mirror
	rev    int64
	server string
}

// mustRun counts the approvals of a request that is sent.
func (w *world) mustRun(t *rapid.T, m *mirror) {
	people := map[string]bool{}
	for _, p := range m.votes {
		if w.facts.Standing[p.Key()] == nil && w.mayApprove(m, p) {
			people[p.ID] = true
		}
	}
	if people[m.by.ID] || len(people) < max(m.quorum, w.facts.Rule.Quorum) {
		t.Fatalf("%s may be sent with the word of %v", m.id, people)
	}
}

// check holds the store against the model, and each request against the words above.
func (w *world) check(t *rapid.T) {
	if len(w.store.records) != len(w.model) {
		t.Fatalf("%d requests, the model knows %d", len(w.store.records), len(w.model))
	}
	for _, id := range w.ids() {
		m := w.model[id]
		r := w.store.records[id]
		if w.api.runs[id] > 1 {
			t.Fatalf("%s ran %d times", id, w.api.runs[id])
		}
		if before, said := w.settled[id]; said && w.api.runs[id] != before {
			t.Fatalf("%s was settled as not run, and then it ran", id)
		}
		now := seen{m, r.rev, w.store.server.ID}
		if w.seen[id] == now {
			continue // nothing was written since the last step
		}
		w.seen[id] = now
		k := w.store.kept(r, "")
		if diff := m.differs(k.Request); diff != "" {
			t.Fatalf("%s: the record and the model: %s", id, diff)
		}
		if was, over := w.over[id]; over && was != k.State {
			t.Fatalf("%s had ended as %s and is %s", id, was, k.State)
		}
		if k.State.Ended() {
			w.over[id] = k.State
		}
		waits := m.state == Unknown && m.asked
		if !m.over() && r.due.IsZero() && !waits {
			t.Fatalf("%s is %s, and nobody will ever look at it", id, k.State)
		}
		if err := Verify(r.events); err != nil || len(r.events) != k.Events || r.events[len(r.events)-1].Hash != k.Head {
			t.Fatalf("%s: %d of %d events: %v", id, len(r.events), k.Events, err)
		}
		if all := w.old[id]; len(all) == 0 || all[len(all)-1].Revision != k.Revision || all[len(all)-1].Server != k.Server {
			w.old[id] = append(all, k)
		}
	}
	w.checkHosts(t)
}

// checkHosts looks for two that hold one host, in the store and in the records.
func (w *world) checkHosts(t *rapid.T) {
	held := map[string]string{}
	for h, by := range w.held {
		held["cmd-nozcbhuw "+h] = by
	}
	if !maps.Equal(held, w.store.held) {
		t.Fatalf("held %v, the model says %v", w.store.held, held)
	}
	for _, a := range w.ids() {
		for _, b := range w.ids() {
			x, y := w.model[a], w.model[b]
			if a >= b || !x.holds() || !y.holds() || x.wasLifted || y.wasLifted || x.doubted || y.doubted {
				continue
			}
			if slices.ContainsFunc(x.hosts, func(h string) bool { return slices.Contains(y.hosts, h) }) {
				t.Fatalf("%s (%s) and %s (%s) run on the same host", a, x.state, b, y.state)
			}
		}
	}
}
