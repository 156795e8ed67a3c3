package fault

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/bot/slacksim"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// plan is what somebody means to do, and ends how it is to end.
type plan struct {
	ends  string
	label string // of the row of the table, where there are several
}

// The ways in which people end a request.
const (
	approving = "Approve"
	denying   = "Deny"
	canceling = "Cancel"
)

// talk is one request: somebody asks for it, and somebody decides. Both do what they
// are told: they do it again if it was not recorded, and look first if nobody knows.
type talk struct {
	plan
	r               *rig
	asker, approver string
	host            string
	request         string   // its id, once it is told
	gaveUp          string   // what could not be done
	acked           []string // what the form said, which nobody else sees
	silent          int      // how often no answer came
}

// answers that people get, each by how it begins. The first three are the design's.
var answers = []struct{ begins, means string }{
	{"Recorded: ", recorded},
	{"This was NOT recorded", notRecorded},
	{"I cannot tell whether", cannotTell},
	{"You have asked for exactly this already", recorded},
	{"Your approval was counted already", done},
	{"This request has ended", done},
	{"Too late: the run has been claimed", done},
	{"Enough people have approved already", done},
	{"This request is still being looked up", notYet},
	{"Not counted: the card you pressed was out of date", notYet},
	{"I know no such request", lost},
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

// meaning is what an answer means; empty if it is none that people may get.
func meaning(text string) string {
	for _, a := range answers {
		if strings.Contains(text, a.begins) {
			return a.means
		}
	}
	return ""
}

// answerWithin is how long somebody waits for an answer: twice what the bot gives
// itself for one.
const answerWithin = 20 * time.Second

// minute is what people are told to wait before they press again, scaled.
const minute = 4 * time.Second

// talk begins one more request.
func (r *rig) talk(p plan) *talk {
	r.mu.Lock()
	n := len(r.talks)
	k := &talk{plan: p, r: r, asker: askerOf(n), approver: approverOf(n), host: hostOf(n)}
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
	if r.fault.plans != nil {
		for _, p := range r.fault.plans() {
			r.talk(p)
		}
		return
	}
	for n := range usual {
		r.talk(plan{ends: map[int]string{4: denying, 8: canceling}[n%10]})
		r.pause(400 * time.Millisecond)
	}
}

// ask asks for the run until it is recorded.
func (k *talk) ask(ctx context.Context) bool {
	line := world.Object{"user": k.asker, "channel": world.Incident, "command": "/bmcmd", "text": "run cmd-rst9w2kd " + k.host}
	for ctx.Err() == nil {
		what, text := k.act(ctx, k.asker, "slash", line)
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

// forgotten is how long somebody waits for a card that a store which forgets may never
// show.
const forgotten = 8 * time.Second

// decide presses the button that ends the request, until that is counted. again: the
// store has forgotten the request, and somebody has to ask once more.
func (k *talk) decide(ctx context.Context) (again bool) {
	button, who := k.ends, k.approver
	if button == "" {
		button = approving
	}
	if button == canceling {
		who = k.asker
	}
	seen := k.r.seen
	offers := func() bool { return slices.Contains(seen.cards[k.host].Buttons(), button) }
	within := patience
	if k.r.fault.forgets {
		within = forgotten
	}
	if !seen.await(ctx, within, offers) {
		k.gaveUp = "waiting for a card with the button " + button
		return k.r.fault.forgets && ctx.Err() == nil
	}
	for ctx.Err() == nil {
		ts := look(seen, func() string { return seen.cards[k.host].TS })
		what := k.press(ctx, who, ts, button)
		switch what {
		case recorded, done:
			return false
		case notRecorded, notYet:
			pause(ctx, 300*time.Millisecond)
			continue
		case lost:
			if k.r.fault.forgets {
				return false
			}
		}
		if seen.await(ctx, minute, func() bool { return !offers() }) {
			return false
		}
	}
	k.gaveUp = "pressing " + button
	return false
}

func (k *talk) press(ctx context.Context, who, ts, button string) string {
	click := world.Object{"user": who, "channel": world.Incident, "ts": ts, "button": button}
	if button != denying {
		what, _ := k.act(ctx, who, "click", click)
		return what
	}
	if _, err := k.r.Slack.Try(ctx, "click", click); err != nil {
		return failed
	}
	form := ""
	for until := time.Now().Add(minute); form == "" && time.Now().Before(until) && ctx.Err() == nil; pause(ctx, 50*time.Millisecond) {
		var views []slacksim.View
		if text, err := k.r.Slack.Try(ctx, "views?user="+who, nil); err == nil && json.Unmarshal(text, &views) == nil && len(views) > 0 {
			form = views[len(views)-1].ID
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
	if verb == "submit" && out.Ack != nil && len(out.Ack.Payload) > 2 {
		k.acked = append(k.acked, string(out.Ack.Payload))
		return meaning(string(out.Ack.Payload)), ""
	}
	seen.await(ctx, answerWithin, func() bool {
		for _, t := range seen.told[who][before:] {
			if !strings.Contains(t, "Working on it") {
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
