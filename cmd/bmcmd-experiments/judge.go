package main

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/approvals/redisstore"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
	"github.com/bmcmd/bmcmd/bot/slacksim"
	"github.com/bmcmd/bmcmd/bot/view"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// kept is Redis, as the experiment reads it.
type kept struct{ w *world.World }

// all is every request with its events.
func (k kept) all(ctx context.Context) (map[string]*story, error) {
	c := k.w.Redis.Client()
	defer c.Close()
	store := redisstore.New(c, team, redisstore.Options{})
	out := map[string]*story{}
	prefix := key("request", "")
	ids := c.Scan(ctx, 0, prefix+"*", 5000).Iterator()
	for ids.Next(ctx) {
		id := strings.TrimPrefix(ids.Val(), prefix)
		k, err := store.Load(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ids.Val(), err)
		}
		s := &story{Request: k.Request}
		if s.events, err = store.Events(ctx, id, 0); err != nil {
			return nil, fmt.Errorf("events of %s: %w", id, err)
		}
		out[id] = s
	}
	return out, ids.Err()
}

// story is all that is known of one request.
type story struct {
	approvals.Request
	events []approvals.Event
	cards  []slacksim.Message // that show it
	thread []slacksim.Message // under its newest card
	alone  []string           // what people were told alone and names it
	runs   int                // of the API with its parameters
	told   []time.Time        // when the API was told to stop it
	twins  int                // requests with the same parameters
	kills  []killed
}

func (s *story) has(move, by string) bool {
	return slices.ContainsFunc(s.events, func(e approvals.Event) bool { return e.Move == move && e.By.User == by })
}

// judge holds what happened against what is promised.
type judge struct {
	all     map[string]*story
	said    []said
	runs    []bmtest.RanCmd
	cancels []bmtest.Call // calls that stop runs
	dead    []killed
	dropped map[string]bool // requests whose send the API was told not to answer
	faults  []fault
	count   tally
}

// fault is one promise that did not hold.
type fault struct {
	why     string
	request string
	story   *story
}

func (j *judge) fault(id, format string, args ...any) {
	j.faults = append(j.faults, fault{why: fmt.Sprintf(format, args...), request: id, story: j.all[id]})
}

// judged reads everything and judges it. Call it when all has come to an end.
func judged(ctx context.Context, w *world.World, l *crowd, dead []killed) (*judge, error) {
	all, err := kept{w}.all(ctx)
	for end := time.Now().Add(time.Minute); err == nil; {
		j := &judge{all: all, said: l.said, runs: w.Cloud.Runs(), dead: dead, dropped: l.dropped}
		j.cancels = slices.DeleteFunc(world.Fetch[[]bmtest.Call](w.Cloud.Admin, "calls"), func(c bmtest.Call) bool { return c.Action != "CancelInvocation" })
		j.readSlack(w)
		all, err = kept{w}.all(ctx)
		if err == nil && (still(j.all, all) || time.Now().After(end)) {
			j.weigh()
			return j, nil
		}
		pause(ctx, 500*time.Millisecond)
	}
	return nil, err
}

// still reports whether nothing was owed and nothing has happened between two readings: a
// card on which an old drawing may lie is drawn again seconds after a request has ended.
func still(before, after map[string]*story) bool {
	for id, s := range after {
		if b := before[id]; b == nil || b.Revision != s.Revision || s.Owes() {
			return false
		}
	}
	return true
}

// weigh judges what was read.
func (j *judge) weigh() {
	j.sort()
	for id, s := range j.all {
		j.sends(id, s)
		j.state(id, s)
		j.stops(id, s)
		j.seen(id, s)
		j.count.add(s)
	}
	j.words()
	// An API that is slow now and then is this machine's; one that is never heard is ours.
	if most := 3 + j.count.ran/100; j.count.late > most {
		j.fault("", "%d runs were not answered within %s, where %d are to be expected at most", j.count.late, runTimeout, most)
	}
}

func (j *judge) readSlack(w *world.World) {
	byTS := map[string]*story{}
	messages := w.Slack.Messages()
	for _, m := range messages {
		if s := j.all[cardOf(m)]; s != nil {
			s.cards = append(s.cards, m)
			byTS[m.TS] = s
		}
	}
	for _, m := range messages {
		if s := byTS[m.ReplyTo]; s != nil {
			s.thread = append(s.thread, m)
		}
	}
	for _, who := range append([]string{world.Dave}, people...) {
		for _, e := range world.Fetch[[]slacksim.Ephemeral](w.Slack.Admin, "ephemerals?user="+who) {
			j.said = append(j.said, said{who, e.Text})
			if s := j.all[requestID.FindString(e.Text)]; s != nil {
				s.alone = append(s.alone, e.Text)
			}
		}
	}
}

// cardOf is the request whose card m is, or empty. A card may name other requests, too.
func cardOf(m slacksim.Message) string {
	_, after, is := strings.Cut(m.Text, "Request: ")
	if !is || m.ReplyTo != "" || m.Deleted {
		return ""
	}
	return requestID.FindString(after)
}

// sort gives runs and kills to the requests that they belong to.
func (j *judge) sort() {
	by := map[string][]*story{}
	for _, s := range j.all {
		by[s.Asked.Parameters] = append(by[s.Asked.Parameters], s)
	}
	for _, r := range j.runs {
		of := by[string(r.Parameters)]
		if line := nameLine.FindSubmatch(r.Content); line != nil { // it carries its name
			of = nil
			if s := j.all[string(line[1])]; s != nil {
				of = []*story{s}
			}
		}
		if len(of) == 0 {
			j.fault("", "the API ran %s on %s with %s, and no request asked for it", r.CmdID, r.Hosts, r.Parameters)
		}
		for _, s := range of {
			s.runs++
			for _, c := range j.cancels {
				if c.Params["InvocationId"] == r.Task {
					s.told = append(s.told, c.At)
				}
			}
		}
	}
	for _, c := range j.cancels {
		if c.Params["InstanceIds.0"] == "" {
			j.fault("", "the API was told to stop %s without saying where", c.Params["InvocationId"])
		}
	}
	for _, s := range j.all {
		s.twins = len(by[s.Asked.Parameters])
	}
	for _, d := range j.dead {
		if s := j.all[d.Request]; s != nil {
			s.kills = append(s.kills, d)
		}
	}
}

var nameLine = regexp.MustCompile(`(?m)^# bmcmd (r-[a-z0-9]{10})$`)

// sends: each request was sent at most once, and only if it was approved.
func (j *judge) sends(id string, s *story) {
	claims := 0
	for _, e := range s.events {
		if e.Move == "claim" {
			claims++
		}
	}
	switch {
	case s.twins == 1 && s.runs > 1, s.runs > s.twins:
		j.fault(id, "it ran %d times", s.runs)
	case s.twins == 1 && s.runs == 1 && claims == 0:
		j.fault(id, "it ran, and nobody claimed it")
	case s.twins == 1 && s.runs == 0 && (s.State == approvals.Accepted || s.State == approvals.Succeeded):
		j.fault(id, "it is %s, and the API ran nothing", s.State)
	case s.twins == 1 && s.runs == 1 && (s.State == approvals.Denied || s.State == approvals.Expired || s.State == approvals.Cancelled || s.State == approvals.Refused):
		j.fault(id, "it is %s, and the API ran it", s.State)
	}
	if f, _ := s.Settlement(); f == approvals.DidNotRun && s.runs > 0 {
		j.fault(id, "it was settled as not run, and the API ran it")
	}
	if err := approvals.Verify(s.events); err != nil {
		j.fault(id, "its events are no chain: %v", err)
	}
}

// state: it has ended, or people were asked; and it was unknown only if the API did not
// answer as long as a worker waits, or if that worker was killed before it had stored the
// answer.
func (j *judge) state(id string, s *story) {
	if !s.State.Ended() && !rests(s.Request) {
		j.fault(id, "it is still %s", s.State)
	}
	if said := s.Unsure.Statements; s.State == approvals.Unknown && len(said) >= approvals.Agreeing {
		j.fault(id, "%d people say that it ran, and it is not settled", len(said))
	}
	for i, e := range s.events {
		if e.To != approvals.Unknown || e.From == approvals.Unknown {
			continue
		}
		claim := s.claimBefore(i)
		switch {
		case e.Move == "answer" && j.dropped[id]:
			j.count.unanswered++
			continue
		case e.Move == "answer" && claim != nil && e.At.Sub(claim.At) >= runTimeout:
			j.count.late++
			continue
		}
		died := slices.ContainsFunc(j.dead, func(d killed) bool {
			return claim != nil && d.Worker != "" && strings.HasPrefix(claim.Note, d.Worker) && !d.At.Before(claim.At.Add(-time.Second)) && !d.At.After(e.At.Add(time.Second))
		})
		if !died {
			j.fault(id, "it became unknown, and the worker that claimed it lived: %s", e.Note)
		}
	}
}

// stops: the API was told to stop a run only where that had been ordered, and nothing may
// begin when nobody looks any more.
func (j *judge) stops(id string, s *story) {
	ordered := slices.IndexFunc(s.events, func(e approvals.Event) bool { return e.Move == "stop" })
	for _, at := range s.told {
		if ordered < 0 || at.Before(s.events[ordered].At) {
			j.fault(id, "the API was told to stop it, and nobody had ordered that")
		}
	}
	for _, h := range s.Follow.Hosts {
		if s.State.Ended() && h.State == approvals.HostWaiting && h.Word != "" {
			j.fault(id, "it is over, and may begin on %s later", h.Host)
		}
	}
}

// claimBefore is the last claim before the ith event.
func (s *story) claimBefore(i int) *approvals.Event {
	for _, e := range slices.Backward(s.events[:i]) {
		if e.Move == "claim" {
			return &e
		}
	}
	return nil
}

// seen: the card shows the record, and the thread has every notice.
func (j *judge) seen(id string, s *story) {
	if s.Owes() {
		j.fault(id, "people are owed %v, and the card shows look %d of %d", s.Notices, s.Card.Shown, s.Card.Look)
		return
	}
	if s.Card.TS == "" {
		if s.Noticed > 0 && len(s.alone) == 0 {
			j.fault(id, "it has no card, and nobody was told alone")
		}
		return
	}
	i := slices.IndexFunc(s.cards, func(m slacksim.Message) bool { return m.TS == s.Card.TS })
	if i < 0 {
		j.fault(id, "its card %s is not in the channel", s.Card.TS)
		return
	}
	want, err := view.Card(s.Request)
	if err != nil || want.Text != s.cards[i].Text {
		j.fault(id, "its card is not as the record says (%v)\nshown: %s\nwant:  %s", err, s.cards[i].Text, want.Text)
	}
	posted := map[string]int{}
	for _, m := range s.thread {
		posted[nameOf(m)]++
	}
	if missing := s.Noticed - len(posted); missing > 0 {
		j.fault(id, "%d of %d notices are not in its thread", missing, s.Noticed)
	}
	if followed := s.State == approvals.Succeeded || len(s.Follow.Tasks) > 0 && s.State == approvals.Failed; followed && posted["result"] == 0 {
		j.fault(id, "its thread has no result")
	}
}

// nameOf is which message of a thread m is: the beginning of its blocks' ids.
func nameOf(m slacksim.Message) string {
	var blocks []struct {
		ID string `json:"block_id"`
	}
	if json.Unmarshal(m.Blocks, &blocks) != nil || len(blocks) == 0 {
		return m.TS // a file, or a message without blocks
	}
	name, _, _ := strings.Cut(blocks[0].ID, ".")
	return name
}

// recorded are the sentences that promise, and the event that each stands for.
var recorded = []struct{ text, move string }{
	{"Recorded: you approved", "vote"},
	{"Recorded: you denied", "deny"},
	{"Recorded: the request is cancelled", "cancel"},
	{"Recorded: everything is read once more", "run"},
	{"Recorded: run ", "receive"},
}

// words: what somebody was told to be recorded is.
func (j *judge) words() {
	for _, s := range j.said {
		if !strings.Contains(s.text, "Recorded:") {
			continue
		}
		id := requestID.FindString(s.text)
		i := slices.IndexFunc(recorded, func(r struct{ text, move string }) bool { return strings.Contains(s.text, r.text) })
		switch of := j.all[id]; {
		case i < 0:
			continue
		case id == "":
			j.count.unnamed++
		case of == nil:
			j.fault(id, "%s was told %q, and there is no such request", s.who, recorded[i].text)
		case !of.has(recorded[i].move, s.who):
			j.fault(id, "%s was told %q, and there is no such event", s.who, recorded[i].text)
		default:
			j.count.promises++
		}
	}
}
