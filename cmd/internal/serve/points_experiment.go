//go:build experiment

package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/slackio"
	"github.com/bmcmd/bmcmd/cmd/internal/quota"
)

// A bmcmd built with the tag experiment passes a named point before and after each of
// its outside effects, and its environment says what happens there:
//
//	BMCMD_EXPERIMENT_KILL="store.swap.claim:after 2"   kill -9 at the second passage
//	BMCMD_EXPERIMENT_STOP="cloud.run:before 1"         SIGSTOP there; whoever started it sends SIGCONT
//	BMCMD_EXPERIMENT_HOLD=1s                           how long a crashed replica's requests rest
//	BMCMD_EXPERIMENT_QUOTA=100000                      calls of each action of the API in a second
//	BMCMD_EXPERIMENT_CLOCK=-10m                        how far this replica's date is off
//
// It says so on standard error, one line of JSON each: {"experiment":"kill", "point",
// "request", "at"}, and at its start {"experiment":"worker", "worker"}.

// passages counts how often each point was passed.
type passages struct {
	mu   sync.Mutex
	seen map[string]int
	plan map[string]what // by point and passage, as the environment writes them
	runs sync.Map        // which request a run belongs to, as run calls it
	name sync.Once
}

// what happens at a passage.
type what struct {
	word   string
	signal syscall.Signal
}

var passed = sync.OnceValue(func() *passages {
	p := &passages{seen: map[string]int{}, plan: map[string]what{}}
	for name, w := range map[string]what{
		"BMCMD_EXPERIMENT_KILL": {"kill", syscall.SIGKILL}, "BMCMD_EXPERIMENT_STOP": {"stop", syscall.SIGSTOP},
	} {
		if at := os.Getenv(name); at != "" {
			p.plan[at] = w
		}
	}
	return p
})

// pass is a point. What comes after a kill does not happen.
func pass(point, request string) {
	p := passed()
	p.mu.Lock()
	p.seen[point]++
	w, now := p.plan[point+" "+strconv.Itoa(p.seen[point])]
	p.mu.Unlock()
	if !now {
		return
	}
	tell(map[string]any{"experiment": w.word, "point": point, "request": request, "at": time.Now().UTC()})
	if err := syscall.Kill(os.Getpid(), w.signal); err != nil || w.signal == syscall.SIGKILL {
		select {} // the signal may take a moment
	}
}

// around passes the points before and after an effect.
func around[T any](point, request string, effect func() T) T {
	pass(point+":before", request)
	defer pass(point+":after", request)
	return effect()
}

// tell writes one line, at once.
func tell(line map[string]any) {
	b, _ := json.Marshal(line)
	_, _ = os.Stderr.Write(append(b, '\n'))
}

func setting[T any](name string, usual T, parse func(string) (T, error)) T {
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	v, err := parse(text)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", name, err))
	}
	return v
}

func holdOr(d time.Duration) time.Duration {
	return setting("BMCMD_EXPERIMENT_HOLD", d, time.ParseDuration)
}

func quotaOr(q quota.Quotas) quota.Quotas {
	n := setting("BMCMD_EXPERIMENT_QUOTA", 0, strconv.Atoi)
	if n == 0 {
		return q
	}
	return func(string, string) (int, time.Duration) { return n, time.Second }
}

func clockOr(now func() time.Time) func() time.Time {
	off := setting("BMCMD_EXPERIMENT_CLOCK", 0, time.ParseDuration)
	if off == 0 {
		return now
	}
	return func() time.Time { return time.Now().Add(off) }
}

type pointedStore struct{ approvals.Store }

func pointsInStore(s approvals.Store) approvals.Store { return pointedStore{s} }

type created struct {
	approvals.Kept
	fresh bool
	err   error
}

func (p pointedStore) Create(ctx context.Context, s approvals.Swap) (approvals.Kept, bool, error) {
	c := around("store.create", s.Next.ID, func() created {
		k, fresh, err := p.Store.Create(ctx, s)
		return created{k, fresh, err}
	})
	return c.Kept, c.fresh, c.err
}

type swapped struct {
	approvals.Kept
	err error
}

func (p pointedStore) Swap(ctx context.Context, s approvals.Swap) (approvals.Kept, error) {
	move := s.Event.Move
	if move == "" {
		move = "quiet"
	}
	if plan := s.Next.Plan; move == "claim" && plan != nil {
		parameters := plan.Parameters
		if bmclient.Sends(plan.Target.API) {
			parameters = "" // they are in what is sent
		}
		passed().runs.Store(run(plan.Script.CmdID, plan.Hosts, parameters), s.Next.ID)
	}
	out := around("store.swap."+move, s.Next.ID, func() swapped {
		k, err := p.Store.Swap(ctx, s)
		return swapped{k, err}
	})
	return out.Kept, out.err
}

// Take's second point is passed only by who was handed something.
func (p pointedStore) Take(ctx context.Context, worker string, hold time.Duration, n int) ([]approvals.Kept, time.Duration, error) {
	passed().name.Do(func() { tell(map[string]any{"experiment": "worker", "worker": worker}) })
	pass("store.take:before", "")
	taken, wake, err := p.Store.Take(ctx, worker, hold, n)
	if len(taken) > 0 {
		pass("store.take:after", taken[0].ID)
	}
	return taken, wake, err
}

type pointedCloud struct{ bot.Cloud }

func pointsInCloud(c bot.Cloud) bot.Cloud { return pointedCloud{c} }

func (p pointedCloud) In(region string) bot.Cloud { return pointedCloud{p.Cloud.In(region)} }

type took struct {
	bmclient.Accepted
	err error
}

func (p pointedCloud) Run(ctx context.Context, key bmclient.Key, r bmclient.Run) (bmclient.Accepted, error) {
	request, _ := passed().runs.Load(run(r.CmdID, r.Hosts, string(r.Parameters)))
	id, _ := request.(string)
	out := around("cloud.run", id, func() took {
		a, err := p.Cloud.Run(ctx, key, r)
		return took{a, err}
	})
	return out.Accepted, out.err
}

func (p pointedCloud) Stop(ctx context.Context, key bmclient.Key, task string, hosts []string) error {
	return around("cloud.stop", "", func() error { return p.Cloud.Stop(ctx, key, task, hosts) })
}

// run is by what a call of the API is known.
func run(script string, hosts []string, parameters string) string {
	hosts = slices.Clone(hosts)
	slices.Sort(hosts)
	return script + "\x00" + strings.Join(hosts, ",") + "\x00" + parameters
}

type pointedLogins struct{ bot.Logins }

func pointsInLogins(l bot.Logins) bot.Logins { return pointedLogins{l} }

type opened struct {
	bot.Credentials
	err error
}

func (p pointedLogins) Open(ctx context.Context, g approvals.Held) (bot.Credentials, error) {
	out := around("logins.open", g.Request(), func() opened {
		c, err := p.Logins.Open(ctx, g)
		return opened{c, err}
	})
	return out.Credentials, out.err
}

type pointedBoard struct{ bot.Board }

func pointsInBoard(b bot.Board) bot.Board { return pointedBoard{b} }

type posted struct {
	channel, ts string
	err         error
}

func (p pointedBoard) Post(ctx context.Context, r approvals.Request) (string, string, error) {
	out := around("board.post", r.ID, func() posted {
		channel, ts, err := p.Board.Post(ctx, r)
		return posted{channel, ts, err}
	})
	return out.channel, out.ts, out.err
}

func (p pointedBoard) Redraw(ctx context.Context, r approvals.Request) error {
	return around("board.redraw", r.ID, func() error { return p.Board.Redraw(ctx, r) })
}

func (p pointedBoard) Notify(ctx context.Context, r approvals.Request, n approvals.Notice) (out bot.Posted, err error) {
	err = around("board.notify", r.ID, func() error { out, err = p.Board.Notify(ctx, r, n); return err })
	return out, err
}

func (p pointedBoard) Report(ctx context.Context, r approvals.Request, n approvals.Notice, printed approvals.Outputs) (out bot.Posted, err error) {
	err = around("board.report", r.ID, func() error { out, err = p.Board.Report(ctx, r, n, printed); return err })
	return out, err
}

func (p pointedBoard) Upload(ctx context.Context, r approvals.Request, printed approvals.Outputs) (id string, err error) {
	err = around("board.upload", r.ID, func() error { id, err = p.Board.Upload(ctx, r, printed); return err })
	return id, err
}

func (p pointedBoard) Share(ctx context.Context, r approvals.Request) error {
	return around("board.share", r.ID, func() error { return p.Board.Share(ctx, r) })
}

// pointedHandler is the bot as Slack's side calls it: what comes after "typed" is the
// ack, and what comes after "clicked" is telling whoever clicked.
type pointedHandler struct{ slackio.Handler }

func pointsInHandler(h slackio.Handler) slackio.Handler { return pointedHandler{h} }

func (p pointedHandler) Typed(ctx context.Context, t bot.Typed) bot.Answer {
	return around("typed", approvals.NewID(t.By.Team, t.Event), func() bot.Answer { return p.Handler.Typed(ctx, t) })
}

func (p pointedHandler) Clicked(ctx context.Context, c bot.Click) bot.Answer {
	return around("clicked", c.Request, func() bot.Answer { return p.Handler.Clicked(ctx, c) })
}
