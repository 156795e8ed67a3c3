package load

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bmcmd/bmcmd/bot/slacksim"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

const (
	channel = world.Incident
	script  = "cmd-rst9w2kd"
)

// headcount is how many people ask and approve. One person's requests of the last minute are
// counted with each more, and nobody types hundreds.
const headcount = 24

func person(n int) string { return fmt.Sprintf("U0P%d", n) }

// workspace has them all in the groups that may.
func workspace() string {
	var people []slacksim.Person
	var all []string
	for n := range headcount {
		people = append(people, slacksim.Person{ID: person(n), Name: fmt.Sprintf("p%d", n)})
		all = append(all, person(n))
	}
	text, _ := json.Marshal(map[string]any{
		"people":   people,
		"groups":   []slacksim.Group{{ID: "S0ONCALL", Handle: "oncall", Members: all}, {ID: "S0LEADS", Handle: "leads", Members: all}},
		"channels": []slacksim.Channel{{ID: channel, Name: "incident", Members: append(all, "U0BOT")}},
	})
	return string(text)
}

// flow is one run as people see it: somebody types, a card comes, somebody else presses
// Approve, and the thread has an answer. Times are those of the simulators.
type flow struct {
	n       int
	request string // its id, if the ack names one

	typed, pressed   time.Time
	ack, ackPress    time.Duration
	card, reply      time.Time
	called, answered time.Time // RunUserCmd
	onCard, onReply  chan struct{}
}

// people are everybody who types and presses, and watches the channel.
type people struct {
	slack world.Admin
	many  int // of them take part, in turn
	hosts func(flow int) []string

	mu      sync.Mutex
	flows   map[int]*flow
	threads map[string]*flow // by the card's ts
}

// patience is how long anybody waits for what is to come at once.
const patience = 2 * time.Minute

// watch reads the channel until the world ends. It returns once nothing is missed any more.
func watch(t world.T, slack world.Admin, many int, hosts func(int) []string) *people {
	t.Helper()
	p := &people{slack: slack, many: many, hosts: hosts, flows: map[int]*flow{}, threads: map[string]*flow{}}
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, slack.Base+"stream", nil)
	if err != nil {
		t.Fatalf("%v", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("%v", err)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	lines.Scan() // the empty one: from here on all of it comes
	go func() {
		defer resp.Body.Close()
		for lines.Scan() {
			var e slacksim.Entry
			if json.Unmarshal(lines.Bytes(), &e) == nil && e.Kind == slacksim.KindMessage {
				p.sees(e)
			}
		}
	}()
	return p
}

// flowIn is the reason that everybody gives.
var flowIn = regexp.MustCompile(`\bload-(\d+)\b`)

// sees takes a message of the bot: a card, or the first answer under one.
func (p *people) sees(e slacksim.Entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.ThreadTS == "" {
		found := flowIn.FindStringSubmatch(e.Text)
		if found == nil {
			return
		}
		n, _ := strconv.Atoi(found[1])
		if f := p.flows[n]; f != nil && f.card.IsZero() {
			f.card = moment(e.TS)
			p.threads[e.TS] = f
			close(f.onCard)
		}
		return
	}
	if f := p.threads[e.ThreadTS]; f != nil && f.reply.IsZero() {
		f.reply = moment(e.TS)
		close(f.onReply)
	}
}

// moment is when a message was posted: Slack's name for it.
func moment(ts string) time.Time {
	seconds, micros, _ := strings.Cut(ts, ".")
	s, _ := strconv.ParseInt(seconds, 10, 64)
	us, _ := strconv.ParseInt(micros, 10, 64)
	return time.Unix(s, us*1000)
}

// goes takes one flow from the command to the answer.
func (p *people) goes(ctx context.Context, n int) (*flow, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	f := &flow{n: n, onCard: make(chan struct{}), onReply: make(chan struct{})}
	p.mu.Lock()
	p.flows[n] = f
	p.mu.Unlock()
	at, ack, err := p.acts(ctx, "slash", world.Object{
		"user": person(n % p.many), "channel": channel, "command": "/bmcmd",
		"text": fmt.Sprintf("run %s %s --reason load-%d", script, strings.Join(p.hosts(n), ","), n),
	})
	if err != nil {
		return f, fmt.Errorf("the command: %w", err)
	}
	f.typed, f.ack, f.request = at, ack.After, requestID.FindString(string(ack.Payload))
	if err := await(ctx, f.onCard); err != nil {
		return f, fmt.Errorf("no card came of %s: %w; the ack was %s", f.request, err, ack.Payload)
	}
	at, ack, err = p.acts(ctx, "click", world.Object{
		"user": person((n + 1) % p.many), "channel": channel, "ts": p.stamp(f), "button": "Approve",
	})
	if err != nil {
		return f, fmt.Errorf("the press: %w", err)
	}
	f.pressed, f.ackPress = at, ack.After
	if err := await(ctx, f.onReply); err != nil {
		return f, fmt.Errorf("no answer came into the thread of %s: %w", f.request, err)
	}
	return f, nil
}

// stamp is the name of a flow's card.
func (p *people) stamp(f *flow) string {
	return fmt.Sprintf("%d.%06d", f.card.Unix(), f.card.Nanosecond()/1000)
}

var requestID = regexp.MustCompile(`\br-[a-z0-9]{10}\b`)

func await(ctx context.Context, what <-chan struct{}) error {
	select {
	case <-what:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// acts does something in Slack, tells when, and waits for the ack.
func (p *people) acts(ctx context.Context, verb string, body world.Object) (at time.Time, ack slacksim.Ack, err error) {
	answer, err := p.slack.Try(ctx, verb, body)
	var out struct {
		Turn struct{ At time.Time }
		Ack  slacksim.Ack
	}
	if err == nil {
		err = json.Unmarshal(answer, &out)
	}
	if err == nil && out.Ack.Failed != "" {
		err = fmt.Errorf("slack says %s", out.Ack.Failed)
	}
	return out.Turn.At, out.Ack, err
}

// all takes flows from..to, atOnce at a time. Those that failed are not in what it returns;
// the error is the first of theirs.
func (p *people) all(ctx context.Context, from, to, atOnce int) (done []*flow, failed int, err error) {
	var mu sync.Mutex
	next := make(chan int)
	var busy sync.WaitGroup
	for range atOnce {
		busy.Go(func() {
			for n := range next {
				f, why := p.goes(ctx, n)
				mu.Lock()
				if why == nil {
					done = append(done, f)
				} else {
					failed++
					if err == nil {
						err = why
					}
				}
				mu.Unlock()
			}
		})
	}
	for n := from; n < to && ctx.Err() == nil; n++ {
		next <- n
	}
	close(next)
	busy.Wait()
	return done, failed, err
}
