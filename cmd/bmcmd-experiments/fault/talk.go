package fault

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot/slacksim"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// plan is what people mean to do about a request.
type plan struct {
	ends   string          // the first button that is pressed; empty: Approve
	then   []press         // what is pressed after that, in this order
	label  string          // of the row of the table, where there are several
	drops  string          // the move of which all replies are lost, once; empty: none
	to     approvals.State // of those moves only one that leads to this state; empty: any
	wants  approvals.State // how it has to end; empty: as usual
	script string          // that is asked for; empty: the usual one
	reason string          // with which the same is asked for again, before the first button; empty: it is not
	later  bool            // it is begun by the fault itself
	after  <-chan struct{} // the first button is not pressed before; nil: at once
}

// The ways in which people end a request.
const (
	approving = "Approve"
	denying   = "Deny"
	canceling = "Cancel"
	lapsing   = "nothing" // nobody decides
)

// press is a button and who presses it, of the people of the nth request.
type press struct {
	button string
	by     func(n int) string
}

const usualScript = "cmd-rst9w2kd"

// talk is one request: somebody asks for it, and somebody decides. Both do what they
// are told: they do it again if it was not recorded, and look first if nobody knows.
type talk struct {
	plan
	r               *rig
	n               int
	asker, approver string
	host            string
	request         string   // its id, once it is told
	gaveUp          string   // what could not be done
	acked           []string // what the form said, which nobody else sees
	silent          int      // how often no answer came

	did map[deed]int // what may have been counted, by what they were told
}

// deed is a move that somebody means to make.
type deed struct{ who, move string }

// moveOf is what each button is for.
var moveOf = map[string]string{
	approving: "vote", denying: "deny", canceling: "cancel", "Run": "run", "It ran": "settle", "Free its hosts": "lift", "Stop": "stop",
}

// answers that people get, each by how it begins. The first three are the design's.
var answers = []struct{ begins, means string }{
	{"Recorded: ", recorded},
	{"This was NOT recorded", notRecorded},
	{"I cannot tell whether", cannotTell},
	{"You have asked for exactly this already", recorded},
	{"Your approval was counted already", done},
	{"You have said so already", done},
	{"Other runs may go to its hosts already", done},
	{"Run was pressed already", done},
	{"This request has ended", done},
	{"Too late: the run has been claimed", done},
	{"Enough people have approved already", done},
	{"This request is still being looked up", notYet},
	{"Not counted: the card you pressed was out of date", notYet},
	{"Not counted yet: nothing is sent now", notYet},
	{"Not counted: Redis has gone back", notYet},
	{"I know no such request", lost},
	{"My store has no record of this request", lost},
	{"Nobody is asked yet", notYet},
	{"It has ended on every host, or is being stopped", done},
}

const (
	recorded    = "recorded"
	notRecorded = "not recorded"
	cannotTell  = "cannot tell"
	done        = "done"
	notYet      = "not yet"
	lost        = "lost"
	nothing     = "nothing" // no answer came
	failed      = "failed"  // Slack said that it did not work
)

// answerWithin is how long somebody waits for an answer: twice what the bot gives
// itself for one.
const answerWithin = 20 * time.Second

// minute is what people are told to wait before they press again, scaled.
const minute = 4 * time.Second

// talk begins one more request.
func (r *rig) talk(p plan) *talk {
	r.mu.Lock()
	n := len(r.talks)
	k := &talk{plan: p, r: r, n: n, asker: askerOf(n), approver: approverOf(n), host: hostOf(n), did: map[deed]int{}}
	r.talks = append(r.talks, k)
	r.mu.Unlock()
	r.begun.Go(func() {
		ctx, cancel := context.WithTimeout(r.ctx, patience)
		defer cancel()
		for again := true; again && k.ask(ctx); {
			again = k.decide(ctx)
		}
	})
	return k
}

// load begins requests, one after the other.
func (r *rig) load() {
	for _, p := range r.plans {
		if !p.later {
			r.talk(p)
		}
	}
	if r.plans != nil {
		return
	}
	for n := range usual {
		r.talk(plan{ends: map[int]string{4: denying, 8: canceling}[n%10]})
		r.pause(400 * time.Millisecond)
	}
}

// ask asks for the run until it is recorded.
func (k *talk) ask(ctx context.Context) bool {
	line := k.line()
	for ctx.Err() == nil {
		what, text := k.act(ctx, k.asker, "slash", line)
		k.note(k.asker, "receive", what)
		if what == recorded {
			k.request = requestID.FindString(text)
			return true
		}
		if what == notRecorded {
			pause(ctx, 300*time.Millisecond)
			continue
		}
		if k.r.seen.await(ctx, minute, func() bool { return k.r.seen.cards[k.host].TS != "" }) {
			k.request = requestID.FindString(look(k.r.seen, func() string { return k.r.seen.cards[k.host].Text }))
			return true
		}
	}
	k.gaveUp = "asking for it"
	return false
}

// line is what is typed to ask for the run.
func (k *talk) line() world.Object {
	return world.Object{"user": k.asker, "channel": world.Incident, "command": "/bmcmd", "text": "run " + cmp.Or(k.script, usualScript) + " " + k.host}
}

// asksAgain types the same with a reason, once the card is up.
func (k *talk) asksAgain(ctx context.Context) {
	k.r.seen.await(ctx, patience, func() bool { return slices.Contains(k.r.seen.cards[k.host].Buttons(), approving) })
	line := k.line()
	line["text"] = fmt.Sprint(line["text"], " --reason ", k.reason)
	for added := false; !added && ctx.Err() == nil; {
		what, text := k.act(ctx, k.asker, "slash", line)
		if added = !strings.Contains(text, "is not added"); added {
			k.note(k.asker, "reason", what)
		}
	}
}

// forgotten is how long somebody waits for a card that a store which forgets may never
// show.
const forgotten = 8 * time.Second

// decide presses one button after the other, each until that is counted. again: the
// store has forgotten the request, and somebody has to ask once more.
func (k *talk) decide(ctx context.Context) (again bool) {
	if k.ends == lapsing {
		return false
	}
	if k.reason != "" {
		k.asksAgain(ctx)
	}
	first := press{cmp.Or(k.ends, approving), approverOf}
	if k.ends == canceling {
		first.by = askerOf
	}
	for _, p := range append([]press{first}, k.then...) {
		if counted, again := k.presses(ctx, p.by(k.n), p.button); !counted {
			return again
		}
	}
	if first.button == approving && len(k.then) == 0 {
		k.runs(ctx)
	}
	return false
}

// runs presses Run whenever the card offers it, until the request is over.
func (k *talk) runs(ctx context.Context) {
	has := func(buttons ...string) bool {
		return slices.ContainsFunc(k.r.seen.cards[k.host].Buttons(), func(b string) bool { return slices.Contains(buttons, b) })
	}
	over := func() bool {
		return has("Ask again", "It ran") || strings.Contains(k.r.seen.cards[k.host].Text, "Redis has no record of it")
	}
	for k.r.seen.await(ctx, patience, func() bool { return has("Run") || over() }) && !look(k.r.seen, over) {
		if counted, _ := k.presses(ctx, k.asker, "Run"); !counted {
			return
		}
		k.r.seen.await(ctx, minute, func() bool { return !has("Run") })
	}
}

// presses waits for a button and presses it until that is counted.
func (k *talk) presses(ctx context.Context, who, button string) (counted, again bool) {
	seen := k.r.seen
	offers := func() bool { return slices.Contains(seen.cards[k.host].Buttons(), button) }
	within := patience
	if k.r.fault.forgets {
		within = forgotten
	}
	if !seen.await(ctx, within, offers) {
		k.gaveUp = "waiting for a card with the button " + button
		return false, k.r.fault.forgets && ctx.Err() == nil
	}
	if k.after != nil {
		select {
		case <-ctx.Done():
		case <-k.after:
		}
	}
	for ctx.Err() == nil {
		ts := look(seen, func() string { return seen.cards[k.host].TS })
		what := k.press(ctx, who, ts, button)
		k.note(who, moveOf[button], what)
		switch what {
		case recorded, done:
			return true, false
		case notRecorded, notYet:
			pause(ctx, 300*time.Millisecond)
			continue
		case lost:
			if k.r.fault.forgets {
				return true, false
			}
		}
		if seen.await(ctx, minute, func() bool { return !offers() }) {
			return true, false
		}
	}
	k.gaveUp = "pressing " + button
	return false, false
}

// note keeps what somebody did, unless they were told that it was not counted.
func (k *talk) note(who, move, told string) {
	switch told {
	case notRecorded, notYet, done, lost:
		return
	}
	k.did[deed{who, move}]++
}

func (k *talk) press(ctx context.Context, who, ts, button string) string {
	click := world.Object{"user": who, "channel": world.Incident, "ts": ts, "button": button}
	if button != denying {
		what, _ := k.act(ctx, who, "click", click)
		return what
	}
	before := look(k.r.seen, func() int { return len(k.r.seen.told[who]) })
	if _, err := k.r.Slack.Try(ctx, "click", click); err != nil {
		return failed
	}
	form := ""
	for until := time.Now().Add(minute); form == "" && time.Now().Before(until) && ctx.Err() == nil; pause(ctx, 50*time.Millisecond) {
		var views []slacksim.View
		if text, err := k.r.Slack.Try(ctx, "views?user="+who, nil); err == nil && json.Unmarshal(text, &views) == nil && len(views) > 0 {
			form = views[len(views)-1].ID
		}
		told := look(k.r.seen, func() []string { return k.r.seen.told[who][before:] })
		if i := slices.IndexFunc(told, func(t string) bool { return !unanswered(t) }); i >= 0 { // no form then
			return meaning(told[i])
		}
	}
	what, _ := k.act(ctx, who, "submit", world.Object{"user": who, "view": form, "values": world.Object{"reason": "it is out of rotation"}})
	return what
}

// act does something, and waits for what the person is told.
func (k *talk) act(ctx context.Context, who, verb string, body world.Object) (what, text string) {
	seen := k.r.seen
	before, warned := look(seen, func() int { return len(seen.told[who]) }), look(seen, func() int { return seen.warned[who] })
	var out struct {
		Ack *struct {
			Payload json.RawMessage
			Failed  string
		}
	}
	answer, err := k.r.Slack.Try(ctx, verb, body)
	if err != nil || json.Unmarshal(answer, &out) != nil {
		return failed, "" // the button or the form is gone
	}
	if verb == "submit" && out.Ack != nil && len(out.Ack.Payload) > 2 && !unanswered(string(out.Ack.Payload)) {
		k.acked = append(k.acked, string(out.Ack.Payload))
		return meaning(string(out.Ack.Payload)), ""
	}
	seen.await(ctx, answerWithin, func() bool {
		for _, t := range seen.told[who][before:] {
			if !unanswered(t) {
				text = t
			}
		}
		return text != "" || seen.warned[who] > warned
	})
	if text == "" {
		if look(seen, func() int { return seen.warned[who] }) > warned {
			return failed, ""
		}
		if ctx.Err() == nil {
			k.silent++
		}
		return nothing, ""
	}
	return meaning(text), text
}
