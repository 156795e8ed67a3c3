package bot

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// rig is a bot with all its neighbours, in virtual time: nothing moves but what is
// told to, and waiting for the next event costs nothing.
type rig struct {
	*testing.T
	journal *journal
	store   approvals.Store
	memory  *memory // nil when store is another
	cloud   *cloud
	logins  *logins
	people  *directory
	board   *board
	log     *logBuffer
	policy  approvals.Policy
	bots    []*Bot
	first   *Bot
	stop    func() // ends first's work
	events  int
	poll    time.Duration
	follow  time.Duration
	confirm time.Duration // 0: at once
	later   func()        // what a test does once its request is pending
	durable func(context.Context) error

	api       string // empty: 2.0
	unchecked bool
}

// logBuffer keeps what is logged.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

const (
	theTeam    = "T1"
	theChannel = "C-ops"
	theScript  = "cmd-nozcbhuw"
	hold       = 20 * time.Second
)

func someone(user string) approvals.Profile {
	return approvals.Profile{Person: approvals.Person{Org: theTeam, ID: user, User: user, Name: strings.ToLower(user)}}
}

// newRig has one rule: everybody asks; bob, carol and the group S-oncall (dave) approve.
func newRig(t *testing.T) *rig {
	j := newJournal()
	m := newMemory()
	r := &rig{
		T: t, journal: j, store: m, memory: m, log: &logBuffer{}, follow: 1000 * time.Hour,
		cloud: &cloud{journal: j, scripts: map[string]bmclient.Script{
			theScript: {CmdID: theScript, Alias: "restart", OSType: "linux", Content: []byte("#!/bin/sh\nreboot\n"), AppID: "125"},
		}},
		logins: &logins{journal: j, login: approvals.Login{Name: "ops", User: "root", Ref: "ref+vault://ops#password"}},
		people: &directory{profiles: map[string]approvals.Profile{}, groups: approvals.Members{"S-oncall": {"DAVE"}}, asked: map[string]int{}},
		board:  &board{journal: j, cards: map[string]approvals.Request{}},
		policy: approvals.Policy{{
			Name: "ops", Show: approvals.Who{Anyone: true}, Ask: approvals.Who{Anyone: true},
			Approve: approvals.Who{Users: []string{"BOB", "CAROL"}, Groups: []string{"S-oncall"}},
			Quorum:  1, Lifetime: 30 * time.Minute,
		}},
	}
	for _, u := range []string{"ALICE", "BOB", "CAROL", "DAVE", "EVE"} {
		r.people.profiles[u] = someone(u)
	}
	return r
}

// play runs a test in virtual time with one bot at work.
func play(t *testing.T, f func(r *rig)) {
	t.Helper()
	playWith(t, nil, f)
}

// playTwo is play under a quorum of two.
func playTwo(t *testing.T, f func(r *rig)) {
	t.Helper()
	playWith(t, func(r *rig) { r.policy[0].Quorum = 2 }, f)
}

func (r *rig) config() Config {
	return Config{
		Desk:  approvals.NewDesk(r.store, fmt.Sprintf("worker-%d", len(r.bots)+1), hold),
		Cloud: r.cloud, Looks: looks{cloud: r.cloud}, Logins: r.logins, Directory: r.people, Board: r.board, Policy: r.policy,
		UncheckedHosts: r.unchecked,
		Target:         approvals.Target{API: cmp.Or(r.api, "2.0"), Endpoint: "https://bm.example", ArrayKey: "instanceId"},
		Poll:           r.poll, FollowFor: r.follow, ConfirmFor: max(1, r.confirm), SearchFor: 10 * time.Minute, Durable: r.durable,
		Scrub: scrub, Log: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

func (r *rig) newBot(change ...func(*Config)) *Bot {
	r.Helper()
	c := r.config()
	for _, f := range change {
		f(&c)
	}
	b, err := New(c)
	if err != nil {
		r.Fatal(err)
	}
	r.bots = append(r.bots, b)
	return b
}

// work has b run until the test ends or the returned function is called, which
// waits for its end.
func (r *rig) work(b *Bot) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := b.Run(ctx); err != nil {
			r.Errorf("Run: %v", err)
		}
	}()
	stop = func() { cancel(); <-done }
	r.Cleanup(stop)
	return stop
}

// settle lets everything happen that needs no time.
func (r *rig) settle() { synctest.Wait() }

// pass lets time go by.
func (r *rig) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func ref(user string) UserRef { return UserRef{Team: theTeam, User: user} }

func (r *rig) event() string {
	r.events++
	return fmt.Sprintf("Ev%d", r.events)
}

// says types a line and lets it settle.
func (r *rig) says(user, line string) Answer {
	r.Helper()
	a := r.first.Typed(context.Background(), Typed{
		Event: r.event(), By: ref(user), Origin: approvals.Origin{Team: theTeam, Channel: theChannel}, Text: line,
	})
	r.settle()
	return a
}

// asks types a run and answers the request's id.
func (r *rig) asks(user string) string {
	r.Helper()
	w := r.words(r.says(user, "run cmd-nozcbhuw ins-1,ins-2 --reason \"disk full\" -- --fast"))
	if w.Request == "" {
		r.Fatalf("no request was made: %s", w.Text)
	}
	return w.Request
}

func (r *rig) press(user string, button Button, id string, change ...func(*Click)) Answer {
	r.Helper()
	a := r.pressOn(r.first, user, button, id, change...)
	r.settle()
	return a
}

func (r *rig) pressOn(b *Bot, user string, button Button, id string, change ...func(*Click)) Answer {
	c := Click{Event: r.event(), By: ref(user), Origin: approvals.Origin{Team: theTeam, Channel: theChannel}, Button: button, Request: id}
	if k, err := r.store.Load(context.Background(), id); err == nil {
		c.Digest, c.Message = k.Digest, k.Card.TS
	}
	if button == Deny {
		c.Reason = "not now"
	}
	for _, f := range change {
		f(&c)
	}
	return b.Clicked(context.Background(), c)
}

func (r *rig) words(a Answer) Words {
	r.Helper()
	w, ok := a.(Words)
	if !ok {
		r.Fatalf("answer is %#v, want Words", a)
	}
	return w
}

// hears checks the text of an answer.
func (r *rig) hears(a Answer, want string) Words {
	r.Helper()
	w := r.words(a)
	if diff := gocmp.Diff(want, w.Text); diff != "" {
		r.Errorf("the answer (-want +got):\n%s", diff)
	}
	return w
}

func (r *rig) get(id string) approvals.Kept {
	r.Helper()
	k, err := r.store.Load(context.Background(), id)
	if err != nil {
		r.Fatalf("request %s: %v", id, err)
	}
	return k
}

// is checks the state, and that the card shows it and nothing is owed.
func (r *rig) is(id string, want approvals.State) approvals.Kept {
	r.Helper()
	k := r.get(id)
	if k.State != want {
		r.Fatalf("state is %s (%s%s), want %s\n%s", k.State, k.Why, k.Waiting, want, r.log)
	}
	r.board.mu.Lock()
	drawn := r.board.cards[k.Card.TS].Card.Look >= k.Card.Look // that it was may still be at hand, see shortRest
	r.board.mu.Unlock()
	if k.Behind() && !drawn || len(k.Notices) > 0 {
		r.Errorf("people are still owed: card behind %v, notices %v", k.Behind(), k.Notices)
	}
	if k.Card.TS != "" {
		r.board.mu.Lock()
		shown := r.board.cards[k.Card.TS].State
		if drawn := r.board.cards[k.Card.TS]; drawn.Owing(approvals.NoticeResult) {
			r.Errorf("the card says that the result is still to come")
		}
		r.board.mu.Unlock()
		if shown == approvals.Received {
			shown = approvals.Pending // a prepared request's card is that of an open one
		}
		if shown != want {
			r.Errorf("the card shows %s, want %s", shown, want)
		}
	}
	return k
}

// did checks the journal's lines that begin with words.
func (r *rig) did(words string, want ...string) {
	r.Helper()
	if diff := gocmp.Diff(want, r.journal.of(strings.Fields(words)...)); diff != "" {
		r.Errorf("%s (-want +got):\n%s", words, diff)
	}
}

// ran checks how often the API was called.
func (r *rig) ran(times int) {
	r.Helper()
	want := slices.Repeat([]string{`run cmd-nozcbhuw on ins-1,ins-2 as root with "--fast"`}, times)
	if times == 0 {
		want = nil
	}
	r.did("run", want...)
}

// moves are the names of the request's events.
func (r *rig) moves(id string) []string {
	r.Helper()
	events, err := r.store.Events(context.Background(), id, 0)
	if err != nil {
		r.Fatal(err)
	}
	var names []string
	for _, e := range events {
		names = append(names, e.Move)
	}
	return names
}

// playWith is play with something prepared before the bot is made.
func playWith(t *testing.T, setup, f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		if setup != nil {
			setup(r)
		}
		r.first = r.newBot()
		r.stop = r.work(r.first)
		f(r)
	})
}

// blockUntil is an answer of RunUserCmd that says when it was asked and waits.
func blockUntil(asked chan<- struct{}, answer <-chan struct{}, err error) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case asked <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case <-answer:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
