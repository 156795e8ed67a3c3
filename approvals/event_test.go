package approvals

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// story applies moves to a new request and answers it with all its events.
func story(t testing.TB, moves ...Move) (Request, []Event) {
	t.Helper()
	r := newRequest()
	r.Events, r.Head = 0, ""
	first := r.chain(Event{Request: r.ID, Revision: 1, Move: "receive", To: Received, By: r.Requester})
	first.At = t0 // the store's own
	events := []Event{first}
	for i, m := range moves {
		next, e, err := r.Apply(m, t0.Add(time.Duration(i+1)*time.Second))
		if err != nil {
			t.Fatalf("%s from %s: %v", m.Name, r.State, err)
		}
		if r = next; e.Move != "" {
			events = append(events, e)
		}
	}
	return r, events
}

func approvedStory(t testing.TB) (Request, []Event) {
	plan := somePlan(1)
	return story(t, Prepare(alice, plan), Open("C0OPS", "1.2"), Redraw(), Aside("refused approve", dave, "may not"),
		Vote(bob, plan.Digest(), someFacts(1), within))
}

func brokenAt(err error) int {
	var b *Broken
	if !errors.As(err, &b) {
		return 0
	}
	return b.N
}

func TestChain(t *testing.T) {
	r, events := approvedStory(t)
	if err := Verify(events); err != nil || len(events) != 5 || r.Events != 5 || r.Head != events[4].Hash {
		t.Fatalf("%d events of %d, head %q, the last is %q: %v", len(events), r.Events, r.Head, events[4].Hash, err)
	}
	if e := events[0]; e.Channel != "C0OPS" || e.Asked == nil || !cmp.Equal(*e.Asked, r.Asked) {
		t.Errorf("the first event does not say what was asked for: %+v", e)
	}
	if e := events[1]; e.Plan != nil || !e.Came.Equal(t0) {
		t.Errorf("the second event does not say when the first came, or has a script that nobody saw: %+v", e)
	}
	if e := events[2]; e.Plan == nil || e.Plan.Digest() != r.Digest {
		t.Errorf("the event of the card does not say what would run: %+v", e)
	}
	if err := Verify(nil); err != nil {
		t.Errorf("no events: %v", err)
	}
}

// Each field of each event, changed by itself, breaks the chain at that event. The
// time of the first is the store's, and in no hash.
func TestEveryFieldOfAnEventIsInItsHash(t *testing.T) {
	_, events := approvedStory(t)
	for i := range events {
		for _, field := range fields(reflect.ValueOf(&events[i]).Elem(), "") {
			forged := slices.Clone(events)
			change(t, reflect.ValueOf(&forged[i]).Elem(), field)
			want := i + 1
			if i == 0 && field == "At" {
				want = 0
			}
			if got := brokenAt(Verify(forged)); got != want {
				t.Errorf("event %d, %s changed: broken at %d, want %d", i+1, field, got, want)
			}
		}
	}
}

// fields are the names of all fields, those of a person as By.ID.
func fields(v reflect.Value, prefix string) (out []string) {
	for i := range v.NumField() {
		name := prefix + v.Type().Field(i).Name
		if name == "Written" { // not what it says, but how it was said
			continue
		}
		if v.Field(i).Type() == reflect.TypeFor[Person]() {
			out = append(out, fields(v.Field(i), name+".")...)
			continue
		}
		out = append(out, name)
	}
	return out
}

func change(t testing.TB, v reflect.Value, field string) {
	t.Helper()
	for name := range strings.SplitSeq(field, ".") {
		v = v.FieldByName(name)
	}
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = x.Add(time.Nanosecond)
	case **Asked:
		*x = &Asked{Script: "cmd-9"}
	case **Plan:
		*x = &Plan{Parameters: "9"}
	case **Answer:
		*x = &Answer{Code: 9}
	case **Refusals:
		*x = &Refusals{All: 9}
	case *[]HostResult:
		*x = append(*x, HostResult{Host: "ins-9"})
	default:
		switch v.Kind() {
		case reflect.String:
			v.SetString(v.String() + "x")
		case reflect.Int, reflect.Int64:
			v.SetInt(v.Int() + 1)
		default:
			t.Fatalf("%s is a %s: this test does not know how to change it", field, v.Type())
		}
	}
}

// What can be done to a whole chain.
func TestBrokenChains(t *testing.T) {
	_, events := approvedStory(t)
	insert := func(e Event) Event { e.V, e.Hash = eventVersion, ""; e.Hash = e.Sum(); return e }
	rehashed := func(all []Event) []Event {
		for i := range all {
			all[i].N, all[i].Prev = i+1, ""
			if i > 0 {
				all[i].Prev = all[i-1].Hash
			}
			all[i].Hash = all[i].Sum()
		}
		return all
	}
	tests := []struct {
		change func(all []Event) []Event
		want   int
		why    string
	}{
		{func(all []Event) []Event { return slices.Delete(all, 2, 3) }, 3, "one was removed"},
		{func(all []Event) []Event { return slices.Insert(all, 3, all[2]) }, 4, "one stands twice"},
		{func(all []Event) []Event { all[2], all[3] = all[3], all[2]; return all }, 3, "two were swapped"},
		{func(all []Event) []Event { return all[1:] }, 1, "the first is missing"},
		{func(all []Event) []Event { return all[3:] }, 1, "the front is missing"},
		{func(all []Event) []Event { return all[:3] }, 0, "the end is missing: only the head tells"},
		{func(all []Event) []Event {
			return slices.Insert(all, 3, insert(Event{
				Request: all[2].Request, Revision: all[2].Revision + 1, Move: "refused run", From: Pending, To: Pending, At: t0, N: 4, Prev: all[2].Hash,
			}))
		}, 5, "one was put in, with a hash that fits it"},
		{func(all []Event) []Event {
			all[3] = insert(all[3])
			all[3].Note = "x"
			all[3] = insert(all[3])
			return all
		}, 5, "one was rewritten, with a hash that fits it"},
		{func(all []Event) []Event { all[3].Request = "r-other"; return rehashed(all) }, 4, "all was hashed anew, but one is another request's"},
		{func(all []Event) []Event { all[3].Revision = all[2].Revision; return rehashed(all) }, 4, "the same, and two have one revision"},
		{func(all []Event) []Event { return rehashed(slices.Delete(all, 2, 3)) }, 3, "the same, and a move is missing"},
		{func(all []Event) []Event { all[4].To = Executing; return rehashed(all) }, 5, "the same, and the move is none"},
		{func(all []Event) []Event { all[3].To = Approved; return rehashed(all) }, 4, "the same, and an aside changed the state"},
		{func(all []Event) []Event {
			for i := range all[3:] {
				all[3+i].V = 0
			}
			return rehashed(all)
		}, 4, "the same, in a form that has no facts"},
		{func(all []Event) []Event { all[4].By = carol; return rehashed(all) }, 0, "somebody with all of it: only the head tells"},
	}
	for _, tt := range tests {
		forged := tt.change(slices.Clone(events))
		if got := brokenAt(Verify(forged)); got != tt.want {
			t.Errorf("%s: broken at %d, want %d", tt.why, got, tt.want)
		}
		if last := forged[len(forged)-1]; tt.want == 0 && last.Hash == events[4].Hash {
			t.Errorf("%s: and it has the head that Slack shows", tt.why)
		}
	}
	if err := Verify(events[1:]); err == nil || !strings.HasPrefix(err.Error(), "event 1 ") {
		t.Errorf("it is said as %v", err)
	}
}

// Records and events go through JSON, and the hash must not notice: not the zone of a
// time, not an empty list, not bytes that are no text.
func TestJSONKeepsTheHash(t *testing.T) {
	east := time.FixedZone("east", 8*3600)
	tests := []struct {
		change func(*Request)
		move   Move
		at     time.Time
		why    string
	}{
		{func(*Request) {}, Aside("refused run", bob, "no"), t0, "a plain one"},
		{func(*Request) {}, Aside("refused run", Person{}, ""), t0, "with as little as can be"},
		{func(*Request) {}, Aside("refused run", bob, "no"), t0.Add(123456789), "nanoseconds"},
		{func(*Request) {}, Aside("refused run", bob, "no"), t0.In(east), "in another zone"},
		{func(*Request) {}, Aside("refused run", bob, "no"), time.Now(), "with a monotonic reading"},
		{func(r *Request) { r.Asked.Hosts = nil }, Prepare(alice, somePlan(1)), t0, "no list of hosts"},
		{func(r *Request) { r.Asked.Hosts = []string{} }, Prepare(alice, somePlan(1)), t0, "an empty one"},
		{func(r *Request) { r.Asked.Hosts = []string{"ins-\xff"} }, Prepare(alice, somePlan(1)), t0, "a host that is no text"},
		{func(*Request) {}, Aside("refused run", Person{Name: "B\xf8b"}, "\xff\xfe <&> \u2028 ok"), t0, "texts that are no text"},
	}
	for _, tt := range tests {
		r := newRequest()
		tt.change(&r)
		next, e, err := r.Apply(tt.move, tt.at)
		if err != nil {
			t.Fatalf("%s: %v", tt.why, err)
		}
		body, err := e.Encode()
		var back Event
		if err == nil {
			back, err = DecodeEvent(body)
		}
		if err != nil || back.Sum() != e.Hash || back.Hash != next.Head {
			t.Errorf("%s: the hash of %s is another: error %v", tt.why, body, err)
		}
		kept, err := next.Encode(nil)
		var again Request
		if err == nil {
			again, err = DecodeRequest(kept, func(string) ([]byte, error) { return next.Plan.Script.Content, nil })
		}
		if err != nil || again.Facts() != e.Facts {
			t.Errorf("%s: the record that is read again says something else: error %v", tt.why, err)
		}
	}
}

// Any number of moves and asides, tried in any order: what was taken verifies at each
// step, and so does its JSON; the record says what its last event names; each event taken out of it breaks it.
func TestAnyLifeIsAChain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRequest()
		r.Events, r.Head = 0, ""
		events := []Event{r.chain(Event{Request: r.ID, Revision: 1, Move: "receive", To: Received, By: r.Requester})}
		events[0].At = t0 // the store's own
		now, plan := t0, somePlan(1)
		text := rapid.StringOfN(rapid.RuneFrom([]rune("abc é\u202e<\"\n")), 0, 8, -1)
		for range rapid.IntRange(1, 40).Draw(t, "moves") {
			now = now.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "seconds")) * time.Second)
			moves := []Move{
				Prepare(alice, plan), Open("C", "1"), Vote(bob, r.Digest, someFacts(1), within), RunNow(bob, r.Digest, someFacts(1), within), Redraw(), Touch(),
				Shown("C", "2", 1, true), Vanished(), ShowAgain(), Told(1), Delay(now), Undrawn(now), Untold(2, now, []string{"U0BOB"}),
				Reported(3, Alone, "1", true), Uploaded(4, "F1"), Attached(4), NoFile(4, "no", true), Searched(now), Look(hosts(good("ins-1")), Progress{}, now),
				Find([]string{"task-1"}, nil, time.Time{}), Answered("w1", 1, Answer{Outcome: OutcomeAccepted}),
				Aside("refused "+text.Draw(t, "name"), rapid.SampledFrom(crowd).Draw(t, "person"), text.Draw(t, "note")),
				Wait(text.Draw(t, "why"), now), Doubt("?", valid), Lose(), Answered("w1", 1, Answer{Outcome: OutcomeUnknown}),
				Ask("?", nil, now), Adopt("task-1", "!"), Lift(bob, r.Digest, someFacts(1)), Settle(bob, r.Digest, Ran, someFacts(1)),
				Settle(carol, r.Digest, Ran, someFacts(1)), Finish(hosts(good("ins-1"), good("ins-2")), ""),
			}
			if r.State == Approved {
				if g, err := r.Grant(plan, someFacts(1), now); err == nil {
					moves = append(moves, Claim(g, Intent{Worker: "w1", Lease: lease, Valid: valid}))
				}
			}
			next, e, err := r.Apply(rapid.SampledFrom(moves).Draw(t, "move"), now)
			if err != nil {
				continue
			}
			if r = next; e.Move != "" {
				events = append(events, e)
			}
			if events[len(events)-1].Facts != r.Facts() {
				t.Fatalf("the record does not say what its last event, %s, names", events[len(events)-1].Move)
			}
		}
		var back []Event
		for _, e := range events {
			body, err := e.Encode()
			if err == nil {
				e, err = DecodeEvent(body)
			}
			if err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			if e.N == 1 {
				e.At = t0
			}
			back = append(back, e)
		}
		if Verify(events) != nil || Verify(back) != nil || r.Head != back[len(back)-1].Hash || r.Events != len(back) {
			t.Fatalf("%d events, the record has %d: %v, %v", len(events), r.Events, Verify(events), Verify(back))
		}
		if len(events) > 1 {
			out := rapid.IntRange(0, len(events)-2).Draw(t, "taken out")
			if got := brokenAt(Verify(slices.Delete(back, out, out+1))); got != out+1 {
				t.Fatalf("without event %d it is broken at %d", out+1, got)
			}
		}
	})
}
