package slacksim_test

import (
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// What Reach adds up is what people meet: over no socket, a command fails.
func TestReachIsWhatPeopleMeet(t *testing.T) {
	w := newWorld(t, slacksim.Config{AckWithin: 200 * time.Millisecond})
	if r := w.Reach(); r != (slacksim.Reach{}) {
		t.Errorf("before any socket: %+v", r)
	}
	first := w.dial(t)
	first.next()
	second := w.dial(t)
	second.next()
	if err := w.WaitLasting(w.ctx, 2); err != nil {
		t.Fatal(err)
	}
	full := w.Reach()
	if full.None != 0 || full.One == 0 {
		t.Errorf("with two sockets, one after the other: %+v", full)
	}
	w.DisconnectOne(slacksim.ReasonWarning) // it still gets payloads
	if r := w.Reach(); r != full {
		t.Errorf("a warning took %+v", r)
	}
	w.DisconnectOne(slacksim.ReasonRefresh) // the second: the first was told already
	if v := second.next(); v["reason"] != slacksim.ReasonRefresh {
		t.Errorf("the second hears %v", v)
	}
	one := w.Reach()
	if one.One <= full.One || one.None != 0 {
		t.Errorf("with one that gets payloads: %+v after %+v", one, full)
	}
	w.BlackHole(1)
	if a := outcome(t, w, slash(t, w)); a.Failed == "" {
		t.Errorf("over no socket: %+v", a)
	}
	if none := w.Reach(); none.None == 0 {
		t.Errorf("over none: %+v", none)
	}
	_, _ = first.Close(), second.Close()
	if err := w.WaitFewer(w.ctx, 1); err != nil {
		t.Fatal(err)
	}
}
