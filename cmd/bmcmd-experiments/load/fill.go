package load

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/approvals/redisstore"
	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// fill is what is there before a bot begins: in Redis, and in the cloud's list of tasks.
type fill struct {
	open, finished int // requests
	tasks          int // of others
}

// within is how long ago the tasks of others began at most. They are to be among those of the
// last five minutes until the end of the step.
const within = time.Minute

// other is the host of the others' tasks.
const other = "ins-other"

// askers is how many people the requests are of.
const askers = 2000

// openKey is where the store has the open requests.
const openKey = "bmcmd:{" + team + "}:open"

// fillUp has a bot make two requests, one finished and one open, and puts copies of them into
// the store in its own way: as a new request, and by a move to how it stands. Only their ids,
// people, hosts and revisions are others, and of their events two are kept. Redis writes when
// it likes meanwhile.
func (r *rig) fillUp() {
	ctx := r.T.Context()
	r.takeASecond(r.spare(0), r.spare(spares))
	r.start()
	finished, err := r.people.goes(ctx, r.spare(0))
	if err == nil {
		err = r.books.atRest(ctx, finished.request, patience)
	}
	if err != nil {
		r.T.Fatalf("%s: %v", r.step, err)
	}
	open := r.undecided(ctx, r.spare(1))
	r.bot.Kill()
	r.Slack.Connected(0)
	r.Redis.Do("CONFIG", "SET", "appendfsync", "no")
	r.copies(ctx, finished.request, r.fill.finished)
	r.copies(ctx, open, r.fill.open)
	r.Redis.Do("CONFIG", "SET", "appendfsync", "always")
	if n, err := r.books.client.ZCard(ctx, openKey).Result(); err != nil || n != int64(r.fill.open)+1 {
		r.T.Fatalf("%s: %d requests are open: %v", r.step, n, err)
	}
	if half := r.fill.tasks / 2; half > 0 { // some of the script that is run here
		for _, cmd := range []string{script, "cmd-dropc4ch"} {
			r.Cloud.Post("ran-before", world.Object{"n": half, "within_ms": within.Milliseconds(), "cmd_id": cmd, "hosts": []string{other}})
		}
	}
}

// undecided asks for a run and waits for its card to be drawn.
func (r *rig) undecided(ctx context.Context, n int) (id string) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer := r.Slack.Act("slash", world.Object{
		"user": person(0), "channel": channel, "command": "/bmcmd", "text": fmt.Sprintf("run %s %s --reason other", script, r.hostsOf(n)[0]),
	})
	id = requestID.FindString(answer)
	world.Until(r.T, "a card of "+id, func() (string, bool) {
		k, err := r.books.store.Load(ctx, id)
		return fmt.Sprint(k.State, err), err == nil && k.State == approvals.Pending && !k.Owes()
	})
	return id
}

// copies puts n copies of a request into the store, 64 at a time.
func (r *rig) copies(ctx context.Context, id string, n int) {
	k, err := r.books.store.Load(ctx, id)
	if err == nil && k.Owes() {
		err = fmt.Errorf("%s is not at rest", id)
	}
	events, eventsErr := r.books.store.Events(ctx, id, 0)
	if err != nil || eventsErr != nil || len(events) < 2 {
		r.T.Fatalf("%s: %v, %v, %d events", id, err, eventsErr, len(events))
	}
	client := r.Redis.Client()
	defer client.Close()
	store := redisstore.New(client, team, redisstore.Options{})
	var done atomic.Int64
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for i := done.Add(1); i <= int64(n) && ctx.Err() == nil; i = done.Add(1) {
				first, last := copied(k.Request, events, int(i))
				if _, _, err := store.Create(ctx, first); err != nil {
					r.T.Errorf("%v", err)
					return
				}
				if _, err := store.Swap(ctx, last); err != nil {
					r.T.Errorf("%v", err)
					return
				}
			}
		})
	}
	all.Wait()
}

// copied is the nth copy of a request: how it came, and how it stands.
func copied(r approvals.Request, events []approvals.Event, n int) (first, last approvals.Swap) {
	r.ID = approvals.NewID(team, fmt.Sprintf("copy %d of %s", n, r.ID))
	r.Event = r.ID
	r.Requester.User = fmt.Sprintf("U0F%d", n%askers)
	r.Asked.Hosts = []string{fmt.Sprintf("ins-f%d", n)}
	r.Revision = 2
	asked := r
	asked.Revision, asked.State, asked.Plan, asked.Sends, asked.Follow = 1, approvals.Received, nil, nil, approvals.Follow{}
	event := func(e approvals.Event) approvals.Event { e.Request = r.ID; return e }
	return approvals.Swap{Next: asked, Event: event(events[0])}, approvals.Swap{Next: r, Event: event(events[len(events)-1])}
}
