package bot

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot/ledger"
)

// Config is what a Bot is made of. All but Target, the numbers and the durations that
// have a default must be set.
type Config struct {
	Desk      Desk
	Cloud     Cloud
	Looks     Looks
	Logins    Logins
	Directory Directory
	Board     Board
	Policy    approvals.Policy
	Target    approvals.Target // which cloud; AppID is filled in from each script
	// UncheckedHosts lets a request go on if its hosts cannot be looked up; else it waits.
	UncheckedHosts bool
	Scrub          func(string) string // takes credentials out of foreign text
	// Durable answers whether the store keeps what it confirms, before each claim. An
	// error that is no [approvals.ErrUnavailable] says what is wrong with it. nil: the
	// config says that it may forget, and cards say so.
	Durable func(context.Context) error
	Log     *slog.Logger

	DispatchWithin time.Duration // after the last approval or a press of Run; default 2 minutes
	Lease          time.Duration // from claim to stored answer; default 1 minute; longer than SendFor
	SendFor        time.Duration // the longest that Cloud.Run may take; default 30 s
	FollowFor      time.Duration // how long an accepted run is followed; default 15 minutes
	ConfirmFor     time.Duration // after the API took a run and named no task, until its one candidate counts as it; default 90 s
	SearchFor      time.Duration // how long an unknown run is searched for before people are asked; must be set
	Valid          time.Duration // for how long the API takes what is signed with the time of a claim; default 2 hours and 5 minutes
	LookUpFor      time.Duration // how long a look-up or a post is tried again; default 2 minutes
	StopWithin     time.Duration // how long Run finishes what was begun after its ctx has ended; default 10 s more than SendFor
	Poll           time.Duration // the longest between two looks at what is due; default 1 s
	Workers        int           // requests worked on at once; default 64

	// CommandsAMinute is how many commands of one person this process takes in any minute;
	// default 30, below 0: any number. The Desk counts the requests among them, and those of all replicas.
	CommandsAMinute int
}

// Bot takes what people type and click, and sees requests through their life. Any
// number of bots may share one store.
type Bot struct {
	Config
	slots   chan struct{} // one for each request worked on, but for look-ups
	lookUps chan struct{} // one for each that is looked up
	looks   chan struct{} // one for each run that is looked at
	freed   chan struct{} // holds one when there is room again

	commands   *Pace // by who sends them
	turnedAway *Pace // events of runs that were refused as they were typed, by who typed them
	showings   *Pace // of cards that people look for, by request
	redraws    *Pace // of cards on which a press came too late, by who pressed
	links      *Pace // to cards, of answers that are made of what is kept, by who asked
	forms      *Pace // for the reason of a denial, by who may deny
	blindForms *Pace // … by those of whom that cannot be told

	untold sync.Map // why a group was not told when it was last asked for, by its id

	calls  remembered[*approvals.Answer] // by request: of this bot's calls whose answer is not stored yet
	called remembered[int]               // by request: for how many of its sends this bot has called
	looked remembered[bool]              // requests that were searched for; see beforeMe
	prints remembered[approvals.Outputs] // of runs that ended here, until they were reported
	ledger *ledger.Ledger
	before runningBefore

	mu      sync.Mutex
	jobs    map[string]*job // requests this bot works on, or is to look up
	atWork  int             // how many of them are no look-ups
	running sync.WaitGroup
	stopped bool

	life context.Context // of all work: it outlives Run's, so that a run that was sent is answered
	end  context.CancelFunc
}

type job struct {
	again  bool
	nudged chan struct{} // closed with again
	lookUp bool          // it waits for its turn, or has it, in a queue of its own
}

// New makes a bot; Run has it work.
func New(c Config) (*Bot, error) {
	if c.Desk == nil || c.Cloud == nil || c.Looks == nil || c.Logins == nil || c.Directory == nil || c.Board == nil || c.Scrub == nil || c.Log == nil {
		return nil, errors.New("bot: a part is missing")
	}
	if err := c.Policy.Validate(); err != nil {
		return nil, err
	}
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{
		{&c.DispatchWithin, 2 * time.Minute},
		{&c.Lease, time.Minute},
		{&c.SendFor, 30 * time.Second},
		{&c.FollowFor, 15 * time.Minute},
		{&c.ConfirmFor, 90 * time.Second},
		{&c.Valid, 2*time.Hour + ClockSkew},
		{&c.LookUpFor, 2 * time.Minute},
		{&c.Poll, time.Second},
	} {
		if *d.v <= 0 {
			*d.v = d.def
		}
	}
	if c.SearchFor <= 0 {
		return nil, errors.New("bot: how long an unknown run is searched for is not set")
	}
	if c.Lease < c.SendFor+2*storeTime {
		return nil, errors.New("bot: the lease is shorter than a send and storing its answer may take")
	}
	if c.Workers <= 0 {
		c.Workers = 64
	}
	if c.StopWithin <= 0 {
		c.StopWithin = c.SendFor + 10*time.Second
	}
	if c.CommandsAMinute == 0 {
		c.CommandsAMinute = 30
	}
	life, end := context.WithCancel(context.Background())
	return &Bot{
		Config: c, jobs: map[string]*job{}, life: life, end: end,
		called: remembered[int]{most: mostCalled}, looked: remembered[bool]{most: mostCalled}, prints: remembered[approvals.Outputs]{most: mostPrints}, ledger: ledger.New(life, c.Cloud),
		slots: make(chan struct{}, c.Workers), lookUps: make(chan struct{}, max(1, c.Workers/16)), looks: make(chan struct{}, max(1, c.Workers/2)), freed: make(chan struct{}, 1),
		commands: NewPace(c.CommandsAMinute, time.Minute), showings: NewPace(1, showEvery), turnedAway: NewPace(turnedAwayAnHour, time.Hour),
		redraws: NewPace(redrawsAMinute, time.Minute), links: NewPace(linksAMinute, time.Minute),
		forms: NewPace(formsAMinute, time.Minute), blindForms: NewPace(blindFormsAMinute, time.Minute),
	}, nil
}

// Run works on what is due until ctx ends, then finishes what it has begun. It
// returns nil; while the store is away it keeps trying and says so in the log.
func (b *Bot) Run(ctx context.Context) error {
	away := false
	checked := time.Now()
	for ctx.Err() == nil {
		wait := b.Poll
		if time.Since(checked) >= recollectPolls*b.Poll {
			checked = time.Now()
			b.running.Go(func() { b.recollect(b.life) })
		}
		if free := b.Workers - b.working(); free > 0 {
			taken, next, err := b.take(ctx, free)
			if err != nil && !away && ctx.Err() == nil {
				b.Log.Error("the store is away", b.said(err))
			} else if err == nil && away {
				b.Log.Info("the store is back")
			}
			away = err != nil
			if errors.Is(err, approvals.ErrUnmarked) {
				b.recollect(ctx)
				wait = 0
			}
			for _, k := range taken {
				b.start(k)
			}
			if next > 0 && next < wait {
				wait = next
			}
			if len(taken) == free {
				wait = 0 // there may be more
			}
		}
		select {
		case <-ctx.Done():
		case <-b.freed:
		case <-time.After(wait):
		}
	}
	b.mu.Lock()
	b.stopped = true
	b.mu.Unlock()
	b.windUp()
	return nil
}

// windUp waits for what was begun, but not for ever: an answer that cannot be
// stored would keep the process until somebody kills it.
func (b *Bot) windUp() {
	defer b.end()
	finished := make(chan struct{})
	go func() {
		b.running.Wait()
		close(finished)
	}()
	select {
	case <-finished:
		return
	case <-time.After(b.StopWithin):
	}
	b.Log.Error("stopping although requests are still worked on; others take them up", "requests", b.Busy())
	b.end()
	<-finished
}

// Busy is how many requests the bot works on at this moment, or is to look up.
func (b *Bot) Busy() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.jobs)
}

// working is Busy without look-ups: those that wait for their turn must not keep this
// bot from what is due.
func (b *Bot) working() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.atWork
}

func (b *Bot) take(ctx context.Context, n int) ([]approvals.Kept, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return b.Desk.Take(ctx, n)
}

// nudge has a request worked on at once that this bot was given by a move.
func (b *Bot) nudge(k approvals.Kept) {
	if k.Mine {
		b.start(k)
	}
}

// recheck has a request looked at whose last move may have been stored or not. If
// it was, this bot holds it, and nobody else would find it for a while.
func (b *Bot) recheck(id string) {
	b.start(approvals.Kept{Request: approvals.Request{ID: id}})
}

// start works on k, unless it is worked on here already: then once more. After
// Run has ended nothing is started; other bots find the request due.
func (b *Bot) start(k approvals.Kept) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return
	}
	if j, busy := b.jobs[k.ID]; busy {
		if !j.again {
			close(j.nudged)
		}
		j.again = true
		return
	}
	j := &job{lookUp: k.State == approvals.Received, nudged: make(chan struct{})}
	b.jobs[k.ID] = j
	if !j.lookUp {
		b.atWork++
	}
	b.running.Add(1)
	go func() {
		defer b.running.Done()
		began := time.Now()
		defer b.place(j)()
		if time.Since(began) > time.Second {
			k = approvals.Kept{Request: approvals.Request{ID: k.ID}} // others may have been at it: ask
		}
		b.workOff(b.life, k)
	}()
}

// nudged is closed once somebody has nudged the request that is worked on.
func (b *Bot) nudged(id string) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.jobs[id].nudged
}

// place waits for room. Look-ups have few places, and no others: in a flood of commands
// they hold up nothing else, and the API's quota allows no more anyway.
func (b *Bot) place(j *job) (leave func()) {
	places := b.slots
	if j.lookUp {
		places = b.lookUps
	}
	places <- struct{}{}
	return func() { <-places }
}

// workOff works on k until it needs nothing for now, and nobody has nudged.
func (b *Bot) workOff(ctx context.Context, k approvals.Kept) {
	for again := false; ; again = true {
		b.work(ctx, k, again)
		if b.done(k.ID) {
			return
		}
	}
}

// done ends the job of a request unless it is to be looked at again.
func (b *Bot) done(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	j := b.jobs[id]
	if j.again {
		j.again, j.nudged = false, make(chan struct{})
		return false
	}
	delete(b.jobs, id)
	if j.lookUp {
		return true
	}
	if b.atWork >= b.Workers {
		select {
		case b.freed <- struct{}{}:
		default:
		}
	}
	b.atWork--
	return true
}
