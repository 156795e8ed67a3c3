package slacksim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

func TestNoAckInTime(t *testing.T) {
	w := newWorld(t, slacksim.Config{AckWithin: 20 * time.Millisecond, EventRetries: []time.Duration{}})
	ts, err := w.say("x")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := w.api.UpdateMessage(general, ts, cardOptions()...); err != nil {
		t.Fatal(err)
	}
	if a := outcome(t, w, slash(t, w)); a.Failed != slacksim.FailedDispatch {
		t.Errorf("nobody is connected: %+v", a)
	}
	c := w.dial(t)
	c.next()
	if a := outcome(t, w, slash(t, w)); !a.TimedOut || a.Failed != slacksim.FailedTimeout || a.After < 20*time.Millisecond {
		t.Errorf("command: %+v", a)
	}
	if a := press(t, w, bob, ts, "Deny"); !a.TimedOut {
		t.Errorf("click: %+v", a)
	}
	var warned []string
	for _, e := range w.Transcript() {
		if e.Kind == slacksim.KindWarning {
			warned = append(warned, e.Text)
		}
	}
	want := []string{
		`/bmcmd failed with the error "dispatch_failed"`, `/bmcmd failed with the error "operation_timeout"`,
		`The button "Deny" did not work: the app did not respond`,
	}
	if strings.Join(warned, "\n") != strings.Join(want, "\n") {
		t.Errorf("the person sees %q", warned)
	}
}

func TestEventIsRetried(t *testing.T) {
	// The third delivery may be acknowledged at any time: the fourth never comes.
	w := newWorld(t, slacksim.Config{AckWithin: 10 * time.Millisecond, EventRetries: []time.Duration{0, time.Millisecond, time.Hour}})
	c := w.dial(t)
	c.next()
	turn, err := w.Mention(w.ctx, alice, general, "", "help")
	if err != nil {
		t.Fatal(err)
	}
	first, second, third := c.next(), c.next(), c.next()
	c.ack(third, nil)
	id := func(v map[string]any) any { p, _ := v["payload"].(map[string]any); return p["event_id"] }
	if first["retry_attempt"] != 0.0 || second["retry_attempt"] != 1.0 || third["retry_attempt"] != 2.0 || second["retry_reason"] != "timeout" {
		t.Errorf("%v, %v, %v", first, second, third)
	}
	if id(first) == nil || id(first) != id(second) || first["envelope_id"] == second["envelope_id"] {
		t.Error("a retry is the same event in a new envelope")
	}
	if a := outcome(t, w, turn); a.Failed != "" || a.Attempt != 2 {
		t.Errorf("%+v", a)
	}
}

func TestRedeliver(t *testing.T) {
	w := newWorld(t, slacksim.Config{})
	a := w.dial(t)
	a.next()
	b := w.dial(t) // after a's hello: the younger one
	b.next()
	turn := slash(t, w)
	if err := w.Redeliver(turn.EnvelopeID); err != nil {
		t.Fatal(err)
	}
	va, vb := a.next(), b.next()
	if va["envelope_id"] != turn.EnvelopeID || vb["envelope_id"] != turn.EnvelopeID {
		t.Errorf("the same envelope on both: %v, %v", va, vb)
	}
	a.ack(va, map[string]any{"text": "one"})
	outcome(t, w, turn)
	b.ack(vb, map[string]any{"text": "two"})
	last := slash(t, w) // frames of one socket are read in order: when this one is done, the second ack was read
	b.ack(b.next(), nil)
	outcome(t, w, last)
	if n := w.Acks(turn.EnvelopeID); n != 2 {
		t.Errorf("%d acks", n)
	}
	if e := w.Ephemerals(alice); len(e) != 1 || e[0].Text != "one" {
		t.Errorf("the first ack counts: %+v", e)
	}
	if w.Redeliver("nonsense") == nil {
		t.Error("an envelope that never was")
	}
}

func TestBlackHole(t *testing.T) {
	w := newWorld(t, slacksim.Config{AckWithin: 20 * time.Millisecond})
	a := w.dial(t)
	a.next()
	b := w.dial(t) // after a's hello: the younger one
	b.next()
	w.BlackHole(1)
	one, two := slash(t, w), slash(t, w)
	v := b.next()
	b.ack(v, nil)
	lost := one
	if v["envelope_id"] == one.EnvelopeID {
		lost = two
	}
	if a := outcome(t, w, lost); !a.TimedOut {
		t.Errorf("what goes into a black hole is lost: %+v", a)
	}
	if n := w.Connections(); n != 2 {
		t.Errorf("the dead one looks alive: %d connections", n)
	}
}

func TestAckPayload(t *testing.T) {
	for _, x := range []struct {
		why     string
		payload any
		failed  string
		private int
		public  int
	}{
		{"nothing to say", nil, "", 0, 0},
		{"an object without words shows nothing", map[string]any{}, "", 0, 0},
		{"without response_type it is for one person", map[string]any{"text": "x"}, "", 1, 0},
		{"for everyone if it says so", map[string]any{"text": "x", "response_type": "in_channel"}, "", 0, 1},
		{"blocks are checked here, too", map[string]any{"blocks": []any{map[string]any{"type": "nonsense"}}}, "invalid_blocks", 0, 0},
		{"20 kB and more are dropped without a word", map[string]any{"text": strings.Repeat("x", 20<<10)}, slacksim.FailedTimeout, 0, 0},
	} {
		within := time.Duration(0)
		if x.failed == slacksim.FailedTimeout {
			within = 30 * time.Millisecond
		}
		w := newWorld(t, slacksim.Config{AckWithin: within})
		c := w.dial(t)
		c.next()
		turn := slash(t, w)
		c.ack(c.next(), x.payload)
		a := outcome(t, w, turn)
		if a.Failed != x.failed || len(w.Ephemerals(alice)) != x.private || len(w.Messages(general)) != x.public {
			t.Errorf("%s: %+v", x.why, a)
		}
	}
}
