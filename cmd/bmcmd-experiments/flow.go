package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot/slacksim"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// flow is one request of the load, as the people see it who deal with it.
type flow struct {
	*crowd
	n      int
	kind   kind
	who    string
	script string
	hosts  string
	id     string // of the request, once it is known
	rand   *rand.Rand
	leave  func() // leaves room for another
}

// longest is how long a request may take from its first word to its end. The lease of a
// killed worker is a part of it, and the search for its run.
const longest = 5 * time.Minute

func (f *flow) goes() {
	defer f.leave()
	ctx, cancel := context.WithTimeout(f.w.T.Context(), longest)
	defer cancel()
	if !f.asks(ctx) || !f.goesOn(ctx) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.w.T.Context().Err() == nil {
			f.stuck = append(f.stuck, fmt.Sprintf("request %s (%s, %s) has not come to an end within %s", f.id, f.kind, parameter(f.n, 0), longest))
		}
	}
}

// asks types until the request is in Redis: a command that is not acked is not
// delivered again, so people type it again. Some type the very same at once, which is
// to be the same request, if there is one.
func (f *flow) asks(ctx context.Context) bool {
	attempt := 0
	for tries := 0; ctx.Err() == nil; tries++ {
		text := fmt.Sprintf("run %s %s --reason load -- %s", f.script, f.hosts, typed(f.api, f.n, attempt))
		answer, envelope, err := f.act(ctx, "slash", world.Object{
			"user": f.who, "channel": world.Incident, "command": "/bmcmd", "text": text, "wait": "5s",
		})
		f.id = approvals.NewID(team, envelope)
		if named := requestID.FindString(answer); named != "" {
			f.id = named
		}
		if err == nil && envelope == "" {
			continue
		}
		if strings.Contains(answer, "Recorded") {
			return true
		}
		if f.appears(ctx) {
			return true
		}
		f.mu.Lock()
		f.unacked++
		f.mu.Unlock()
		if f.rand.IntN(2) == 0 {
			attempt++
		}
	}
	return false
}

var requestID = regexp.MustCompile(`\br-[a-z0-9]{10}\b`)

// appears waits a moment for a request of which nobody said that it is recorded.
func (f *flow) appears(ctx context.Context) bool {
	for range 10 {
		if _, err := f.redis.record(ctx, f.id); err == nil {
			return true
		}
		pause(ctx, 100*time.Millisecond)
	}
	return false
}

// goesOn does what people do until the request has ended.
func (f *flow) goesOn(ctx context.Context) bool {
	var seen int64
	var clicked time.Time
	for ctx.Err() == nil {
		r, err := f.redis.record(ctx, f.id)
		switch {
		case err != nil:
		case r.State.Ended() && !r.Owes() || rests(r) && !f.settles(r):
			return true
		case r.Revision == seen && time.Since(clicked) < 1500*time.Millisecond:
		case f.clicks(ctx, r):
			seen, clicked = r.Revision, time.Now()
		}
		wait := 60 * time.Millisecond
		if err == nil && r.State != approvals.Received && r.State != approvals.Pending && r.State != approvals.Approved {
			f.leave()
			wait = 250 * time.Millisecond
		}
		pause(ctx, wait+time.Duration(f.rand.IntN(40))*time.Millisecond)
	}
	return false
}

// rests reports whether nothing comes any more although r has not ended: people were
// asked whether it ran.
func rests(r approvals.Request) bool {
	return r.State == approvals.Unknown && !r.Unsure.Asked.IsZero() && !r.Owes()
}

// settles reports whether people are to say of r that it ran: of half of those that
// they are asked about.
func (f *flow) settles(r approvals.Request) bool {
	return r.State == approvals.Unknown && !r.Unsure.Asked.IsZero() && f.n%2 == 0 && f.silent(r) != ""
}

// silent is somebody else than who asked, and has not said whether it ran; or empty.
func (f *flow) silent(r approvals.Request) string {
	for _, u := range people {
		if u != f.who && !slices.ContainsFunc(r.Unsure.Statements, func(s approvals.Statement) bool { return s.Person.User == u }) {
			return u
		}
	}
	return ""
}

// clicks does what is to be done about r, if anything.
func (f *flow) clicks(ctx context.Context, r approvals.Request) bool {
	if r.Card.TS == "" {
		return false
	}
	switch {
	case r.State == approvals.Pending && f.kind == withdrew:
		f.presses(ctx, r, f.who, "Cancel")
	case r.State == approvals.Pending && f.kind == lapses:
		return false
	case r.State == approvals.Pending && f.kind == denied:
		f.denies(ctx, r)
	case r.State == approvals.Pending && f.kind == twoSay && r.Asked.Reason == "load":
		f.asksAgain(ctx, r)
	case r.State == approvals.Pending:
		f.spoil(ctx)
		f.presses(ctx, r, f.other(r), "Approve")
	case r.State == approvals.Accepted && f.kind == stops && len(r.Follow.Stops) == 0:
		f.presses(ctx, r, f.who, "Stop")
	case r.State == approvals.Approved && r.WaitsFor != "":
		return f.frees(ctx, r.WaitsFor)
	case r.State == approvals.Unknown && f.n%3 == 0 && !r.Unsure.Lifted:
		f.presses(ctx, r, f.other(approvals.Request{}), "Free its hosts")
	case r.State == approvals.Unknown && f.settles(r):
		f.presses(ctx, r, f.silent(r), "It ran")
	case r.State == approvals.Approved && r.Waiting != "" && r.RetryAt.IsZero():
		f.presses(ctx, r, f.who, "Run")
	default:
		return false
	}
	return true
}

// asksAgain types the same with another reason, which is to be added to the request.
func (f *flow) asksAgain(ctx context.Context, r approvals.Request) {
	_, _, _ = f.act(ctx, "slash", world.Object{
		"user": f.who, "channel": world.Incident, "command": "/bmcmd", "wait": "5s",
		"text": fmt.Sprintf("run %s %s --reason worse -- %s", f.script, f.hosts, r.Asked.Parameters),
	})
}

// frees lets others run on the hosts of an unknown run that stands in the way.
func (f *flow) frees(ctx context.Context, id string) bool {
	r, err := f.redis.record(ctx, id)
	if err != nil || r.State != approvals.Unknown || r.Unsure.Lifted || r.Unsure.Asked.IsZero() {
		return false
	}
	for _, who := range people {
		if who != r.Requester.User {
			f.presses(ctx, r, who, "Free its hosts")
			return true
		}
	}
	return false
}

// spoil has the API be slow, or refuse what this request is about to need.
func (f *flow) spoil(ctx context.Context) {
	host, _, _ := strings.Cut(f.hosts, ",")
	action, n, fault := "RunUserCmd", 1, world.Object{"for": host}
	switch dice := f.rand.IntN(8); {
	case f.kind == retried:
		fault["code"] = 4102
	case f.kind == doubted:
		f.mu.Lock()
		f.dropped[f.id] = true
		f.mu.Unlock()
		fault["drop"] = []string{"before", "after"}[f.n%2]
	case f.kind == waits:
		action, n, fault = "GetUserCmd", 4, world.Object{"for": f.script, "status": 503}
	case dice == 0:
		fault["delay"] = f.rand.IntN(400) * int(time.Millisecond)
	case dice == 1:
		action, fault = "GetUserCmd", world.Object{"for": f.script, "delay": f.rand.IntN(400) * int(time.Millisecond)}
	default:
		return
	}
	_, _ = f.w.Cloud.Try(ctx, "fault", world.Object{"action": action, "n": n, "fault": fault})
}

// other is somebody who may approve and has not.
func (f *flow) other(r approvals.Request) string {
	left := slices.DeleteFunc(slices.Clone(people), func(u string) bool {
		return u == f.who || slices.ContainsFunc(r.Decisions, func(d approvals.Decision) bool { return d.Person.User == u })
	})
	if len(left) == 0 {
		return world.Dave
	}
	return left[f.rand.IntN(len(left))]
}

func (f *flow) presses(ctx context.Context, r approvals.Request, who, button string) {
	_, _, _ = f.act(ctx, "click", world.Object{"user": who, "channel": r.Card.Channel, "ts": r.Card.TS, "button": button, "wait": "3s"})
}

func (f *flow) denies(ctx context.Context, r approvals.Request) {
	who := f.other(r)
	f.presses(ctx, r, who, "Deny")
	body, err := f.w.Slack.Try(ctx, "views?user="+who, nil)
	var views []slacksim.View
	if err != nil || json.Unmarshal(body, &views) != nil {
		return
	}
	for _, v := range slices.Backward(views) {
		if strings.Contains(v.PrivateMetadata+string(v.Blocks), f.id) {
			_, _, _ = f.act(ctx, "submit", world.Object{"user": who, "view": v.ID, "values": world.Object{"reason": "load"}, "wait": "3s"})
			return
		}
	}
}

// act does something in Slack, and keeps what the ack says.
func (f *flow) act(ctx context.Context, verb string, body world.Object) (answer, envelope string, err error) {
	b, err := f.w.Slack.Try(ctx, verb, body)
	var out struct {
		Turn *slacksim.Turn
		Ack  *struct {
			Payload json.RawMessage
			Failed  string
		}
	}
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil || out.Turn == nil {
		pause(ctx, 100*time.Millisecond)
		return "", "", err
	}
	if out.Ack != nil && out.Ack.Failed == "" {
		answer = string(out.Ack.Payload)
		f.mu.Lock()
		f.said = append(f.said, said{body["user"].(string), answer})
		f.mu.Unlock()
	}
	return answer, out.Turn.EnvelopeID, nil
}
