package approvals

import (
	"context"
	"errors"
	"time"

	"pgregory.net/rapid"
)

// agree is what brings most requests far: two who may approve press Approve, and who
// asked presses Run.
func (w *world) agree(t *rapid.T) { w.agreeOn(t, w.one(t)) }

func (w *world) agreeOn(t *rapid.T, m *mirror) {
	for _, p := range []Person{bob, carol, alice} {
		_, _ = w.try(t, w.bot(t).desk, m.id, Vote(p, m.digest, w.facts, modelWithin), w.vote(p, m.digest))
		if w.model[m.id].state == Approved {
			break
		}
	}
	_ = w.run(t, w.bot(t).desk, m, m.by)
}

// run is a press of Run. Nobody presses it in the very second of an approval.
func (w *world) run(t *rapid.T, d *Desk, m *mirror, p Person) error {
	w.store.pass(time.Second)
	_, err := w.try(t, d, m.id, RunNow(p, m.digest, w.facts, modelWithin), w.press(p))
	return err
}

// click is any button of an undecided card, pressed by anybody. Deny and Cancel are
// rare, or few requests would get far.
func (w *world) click(t *rapid.T) {
	m, d := w.one(t), w.bot(t).desk
	p := rapid.SampledFrom(crowd).Draw(t, "person")
	var err error
	switch rapid.IntRange(0, 11).Draw(t, "button") {
	case 11:
		_, err = w.try(t, d, m.id, Veto(p, m.digest, "no", w.facts), w.veto(p))
	case 10:
		_, err = w.try(t, d, m.id, Cancel(p), w.cancel(p))
	case 2, 3:
		err = w.run(t, d, m, p)
	case 4:
		_, err = w.try(t, d, m.id, Vote(p, "other", w.facts, modelWithin), w.vote(p, "other"))
	default:
		_, err = w.try(t, d, m.id, Vote(p, m.digest, w.facts, modelWithin), w.vote(p, m.digest))
	}
	if err != nil && !errors.Is(err, ErrUncertain) {
		if k, err := d.Load(context.Background(), m.id); err == nil {
			_ = d.Refused(context.Background(), k, Refusal{By: p, Click: "click", Note: "no"}, MostRefusalsBy)
		}
	}
}

// sayAll is what ends most searches: those who may, and who mostly agree.
func (w *world) sayAll(t *rapid.T) {
	var all []string
	for _, id := range w.ids() {
		if w.model[id].asked && w.model[id].state == Unknown {
			all = append(all, id)
		}
	}
	if len(all) == 0 {
		t.Skip("nobody was asked")
	}
	id := rapid.SampledFrom(all).Draw(t, "asked")
	for _, p := range []Person{bob, carol, alice} {
		f := rapid.SampledFrom([]Finding{Ran, Ran, DidNotRun}).Draw(t, "finding")
		if m := w.model[id]; m.state == Unknown {
			_, _ = w.try(t, w.bot(t).desk, id, Settle(p, m.digest, f, w.facts), w.settle(p, f))
		}
	}
}

// say is any button of the card of an unknown run.
func (w *world) say(t *rapid.T) {
	m, d := w.one(t), w.bot(t).desk
	p := rapid.SampledFrom(crowd).Draw(t, "person")
	if rapid.IntRange(0, 4).Draw(t, "lift") == 4 {
		_, _ = w.try(t, d, m.id, Lift(p, m.digest, w.facts), w.lift(p))
		return
	}
	f := rapid.SampledFrom([]Finding{Ran, DidNotRun}).Draw(t, "finding")
	_, _ = w.try(t, d, m.id, Settle(p, m.digest, f, w.facts), w.settle(p, f))
}

// people come and go, rules are reloaded, and sometimes nobody tells who is in a group.
func (w *world) people(t *rapid.T) {
	f := &w.facts
	members, ok := f.Members["S-OPS"]
	if !ok {
		members = []string{"W-ALICE", "U-BOB", "U-BOB-2", "W-CAROL"}
	}
	switch rapid.IntRange(0, 9).Draw(t, "what") {
	case 3:
		f.Rule.Quorum = rapid.IntRange(1, 2).Draw(t, "quorum today")
	case 4:
		f.Members["S-OPS"] = without(without(members, "U-BOB"), "U-BOB-2")
	case 5:
		f.Members["S-OPS"] = without(members, "W-ALICE")
	case 6:
		delete(f.Members, "S-OPS")
	case 7:
		f.Rule.Approve = Who{Users: []string{"W-CAROL", "U-DAVE"}}
	case 8:
		f.Standing[carol.Key()] = errors.New("deactivated")
	case 9:
		f.Members["S-OPS"] = without(members, "W-CAROL")
	default: // all is as it was
		f.Members["S-OPS"] = []string{"W-ALICE", "U-BOB", "U-BOB-2", "W-CAROL"}
		f.Rule.Approve, f.Rule.Quorum = Who{Groups: []string{"S-OPS"}}, w.quorum
		f.Standing[carol.Key()] = nil
	}
}
