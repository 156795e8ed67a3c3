package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
	"github.com/bmcmd/bmcmd/bot/slacksim"
	"github.com/bmcmd/bmcmd/bot/view"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

const theOne = "r-aaaaaaaaaa"

// good is a request that went well, as the judge sees it: it was unknown for a while
// because its worker was killed, and then it was found.
func good(t *testing.T) *judge {
	t.Helper()
	now := time.Date(2026, 3, 14, 3, 12, 0, 0, time.UTC)
	s := &story{Request: approvals.Request{
		ID: theOne, State: approvals.Denied, Asked: approvals.Asked{Script: "cmd-1", Hosts: []string{"ins-1"}, Parameters: "p1"},
		Card: approvals.Card{Channel: world.Incident, TS: "1.1", Look: 3, Shown: 3}, Noticed: 1, Revision: 3,
	}}
	s.events = []approvals.Event{
		{Move: "receive", To: approvals.Received, By: approvals.Person{User: world.Alice}, At: now},
		{Move: "refuse", From: approvals.Received, To: approvals.Refused, At: now.Add(time.Second)},
	}
	prev := ""
	for i := range s.events {
		e := &s.events[i]
		e.N, e.Prev, e.Request, e.Revision = i+1, prev, theOne, int64(i+1)
		e.Hash = e.Sum()
		prev = e.Hash
	}
	s.State = approvals.Refused
	card, err := view.Card(s.Request)
	if err != nil {
		t.Fatal(err)
	}
	s.cards = []slacksim.Message{{TS: "1.1", Text: card.Text}}
	s.thread = []slacksim.Message{{TS: "1.2", ReplyTo: "1.1", Blocks: blocks("notice1.1")}}
	return &judge{
		all:  map[string]*story{theOne: s},
		said: []said{{world.Alice, "Recorded: run cmd-1 on ins-1. Request " + theOne}},
	}
}

func blocks(id string) json.RawMessage {
	b, _ := json.Marshal([]map[string]string{{"block_id": id}})
	return b
}

// verdict is what judged does once all is read.
func verdict(j *judge) (all []string) {
	j.weigh()
	for _, f := range j.faults {
		all = append(all, f.why)
	}
	return all
}

// TestJudge spoils one thing at a time: a judge that finds nothing is no judge.
func TestJudge(t *testing.T) {
	if got := verdict(good(t)); len(got) > 0 {
		t.Fatalf("what is good is faulted: %q", got)
	}
	tests := []struct {
		why   string
		spoil func(j *judge, s *story)
		says  string
	}{
		{"a run that nobody asked for", func(j *judge, _ *story) { j.runs = append(j.runs, bmtest.RanCmd{Parameters: []byte("other")}) }, "no request asked for it"},
		{"a run of what was refused", func(j *judge, _ *story) { j.runs = append(j.runs, bmtest.RanCmd{Parameters: []byte("p1")}) }, "nobody claimed it"},
		{"two runs of one request", func(j *judge, _ *story) {
			j.runs = append(j.runs, bmtest.RanCmd{Parameters: []byte("p1")}, bmtest.RanCmd{Parameters: []byte("p1")})
		}, "it ran 2 times"},
		{"a run that was stopped, and nobody ordered that", func(j *judge, _ *story) {
			j.runs = append(j.runs, bmtest.RanCmd{Parameters: []byte("p1"), Task: "inv-1"})
			j.cancels = []bmtest.Call{{Params: map[string]string{"InvocationId": "inv-1", "InstanceIds.0": "ins-1"}}}
		}, "nobody had ordered that"},
		{"a stop of all hosts", func(j *judge, _ *story) { j.cancels = []bmtest.Call{{}} }, "without saying where"},
		{"a host that may begin later", func(_ *judge, s *story) {
			s.Follow.Hosts = []approvals.HostResult{{Host: "ins-1", State: approvals.HostWaiting, Word: "DELIVER_DELAYED"}}
		}, "may begin on ins-1 later"},
		{"a success without a run", func(_ *judge, s *story) { s.State = approvals.Succeeded }, "the API ran nothing"},
		{"a request that does not end", func(_ *judge, s *story) { s.State = approvals.Approved }, "it is still approved"},
		{"an unknown one that nobody is asked about", func(_ *judge, s *story) { s.State = approvals.Unknown }, "it is still unknown"},
		{"two who agree, and nothing follows", func(_ *judge, s *story) {
			s.State, s.Unsure = approvals.Unknown, approvals.Unsure{Asked: time.Now(), Statements: make([]approvals.Statement, 2)}
		}, "it is not settled"},
		{"unknown although the worker lives", func(_ *judge, s *story) {
			s.events = append(s.events, approvals.Event{Move: "claim", Note: "w-1 sends"}, approvals.Event{Move: "lose", To: approvals.Unknown})
		}, "lived"},
		{"an event that was changed", func(_ *judge, s *story) { s.events[1].Note = "other" }, "no chain"},
		{"a card that is behind", func(_ *judge, s *story) { s.cards[0].Text = "Waiting for approval\nRequest: " + theOne }, "not as the record says"},
		{"a card that is not there", func(_ *judge, s *story) { s.cards = nil }, "not in the channel"},
		{"a notice that is owed", func(_ *judge, s *story) { s.Notices = []approvals.Notice{{N: 2}} }, "owed"},
		{"a notice that nobody got", func(_ *judge, s *story) { s.thread = nil }, "1 of 1 notices are not"},
		{"nobody told where there is no card", func(_ *judge, s *story) { s.Card, s.cards = approvals.Card{}, nil }, "nobody was told"},
		{"a request that was recorded and is not there", func(j *judge, _ *story) {
			j.said = append(j.said, said{world.Bob, "Recorded: run cmd-1 on ins-1. Request r-bbbbbbbbbb"})
		}, "there is no such request"},
		{"a decision that was recorded and is not there", func(j *judge, _ *story) {
			j.said = append(j.said, said{world.Bob, "Recorded: you approved. Request " + theOne})
		}, "there is no such event"},
	}
	for _, tt := range tests {
		j := good(t)
		tt.spoil(j, j.all[theOne])
		if got := verdict(j); !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, tt.says) }) {
			t.Errorf("%s: found %q, want %q", tt.why, got, tt.says)
		}
	}
}

// TestJudgeKnowsTheDead holds that a worker that was killed may leave an unknown run.
func TestJudgeKnowsTheDead(t *testing.T) {
	at := time.Now()
	j := &judge{dead: []killed{{Worker: "w-1", At: at.Add(time.Second)}}}
	s := &story{events: []approvals.Event{
		{Move: "claim", Note: "w-1 sends", At: at}, {Move: "lose", From: approvals.Executing, To: approvals.Unknown, At: at.Add(12 * time.Second)},
	}}
	s.State = approvals.Refused
	if j.state(theOne, s); len(j.faults) > 0 {
		t.Errorf("got %v", j.faults)
	}
	j.dead[0].Worker = "w-2"
	if j.state(theOne, s); len(j.faults) != 1 {
		t.Errorf("another's death was taken for it: %v", j.faults)
	}
}

// TestJudgeKnowsWhoWaited holds that a run may be unknown if the API was told not to
// answer it, or if its worker waited for as long as a worker does; and that not many are.
func TestJudgeKnowsWhoWaited(t *testing.T) {
	at := time.Now()
	for _, tt := range []struct {
		why     string
		after   time.Duration
		dropped bool
		faults  int
	}{
		{"the API was told not to answer", time.Second, true, 0},
		{"it gave the answer up too soon", runTimeout - time.Millisecond, false, 1},
		{"the API took longer than it waits", runTimeout, false, 0},
	} {
		j := &judge{dropped: map[string]bool{theOne: tt.dropped}}
		s := &story{events: []approvals.Event{
			{Move: "claim", Note: "w-1 sends", At: at}, {Move: "answer", From: approvals.Executing, To: approvals.Unknown, At: at.Add(tt.after)},
		}}
		s.State = approvals.Refused
		if j.state(theOne, s); len(j.faults) != tt.faults {
			t.Errorf("%s: %v", tt.why, j.faults)
		}
	}
	j := good(t)
	if j.count.late = 10; !slices.ContainsFunc(verdict(j), func(s string) bool { return strings.Contains(s, "not answered within") }) {
		t.Error("ten runs of one were not answered, and that is no fault")
	}
}

// TestJudgeWaitsUntilAllIsStill holds that nothing is judged while a card is to be drawn.
func TestJudgeWaitsUntilAllIsStill(t *testing.T) {
	at := func(revision, shown int64) map[string]*story {
		s := &story{}
		s.Revision, s.Card = revision, approvals.Card{TS: "1.1", Look: 14, Shown: shown}
		return map[string]*story{theOne: s}
	}
	for _, tt := range []struct {
		why           string
		before, after map[string]*story
		still         bool
	}{
		{"nothing happens", at(17, 14), at(17, 14), true},
		{"a drawing is owed", at(17, 0), at(17, 0), false},
		{"it was drawn meanwhile", at(17, 0), at(18, 14), false},
		{"it was asked for meanwhile", nil, at(17, 14), false},
	} {
		if got := still(tt.before, tt.after); got != tt.still {
			t.Errorf("%s: %v", tt.why, got)
		}
	}
}
