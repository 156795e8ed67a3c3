package bot

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/approvals/redisstore"
)

// Every process is another one since a run was approved, and the store looks like itself:
// none can know whether it went back. So the API's list is read once, and what it has is
// not sent again.
func TestAProcessThatIsYoungerThanAnApproval(t *testing.T) {
	sealed := func(r *rig) func() {
		r.logins.set(func(l *logins) { l.onOpen = func() error { return errors.New("sealed") } })
		return func() { r.logins.set(func(l *logins) { l.onOpen = nil }) }
	}
	replaced := func(r *rig, between ...func()) {
		r.stop()
		r.pass(time.Second)
		for _, f := range between {
			f()
		}
		r.work(r.newBot())
		r.pass(hold + 10*time.Second)
	}
	t.Run("it was sent, and the store went back", func(t *testing.T) {
		playFollow(t, nil, func(r *rig) {
			var old func()
			r.logins.set(func(l *logins) { l.onOpen = func() error { old = r.memory.copied(); return nil } })
			id := r.runs()
			r.is(id, approvals.Succeeded)
			r.logins.set(func(l *logins) { l.onOpen = nil })
			replaced(r, old)
			r.pass(time.Minute)
			if moves := strings.Join(r.moves(id), " "); !strings.HasSuffix(moves, "vote doubt adopt finish") {
				t.Errorf("moves %s", moves)
			}
			r.is(id, approvals.Succeeded)
			r.ran(1)
			r.chained(id)
		})
	})
	t.Run("nothing is listed", func(t *testing.T) {
		playFollow(t, nil, func(r *rig) {
			open := sealed(r)
			id := r.runs()
			replaced(r) // and it tries again and again
			open()
			r.pass(hold + 20*time.Second)
			r.is(id, approvals.Succeeded)
			r.ran(1)
		})
	})
	t.Run("the list cannot be read for a while", func(t *testing.T) {
		playFollow(t, nil, func(r *rig) {
			open := sealed(r)
			id := r.runs()
			replaced(r, open, func() {
				r.cloud.set(func(c *cloud) { c.tasks.onList = func(context.Context) error { return errors.New("down") } })
			})
			r.ran(0)
			r.waits(id, "approved before I was started, and the API's list of tasks cannot be read")
			r.cloud.set(func(c *cloud) { c.tasks.onList = nil })
			r.pass(30 * time.Second)
			r.is(id, approvals.Succeeded)
			r.ran(1)
		})
	})
	t.Run("the task is another request's", func(t *testing.T) {
		playFollow(t, func(r *rig) {
			r.cloud.tasks.host = func(_ string, h *apiHost) { h.ends = time.Now().Add(50 * time.Second) }
		}, func(r *rig) {
			id := r.asks("ALICE")
			other := r.asks("EVE")
			r.press("BOB", Approve, id)
			r.press("BOB", Approve, other)
			r.waits(other, "Waits for run "+id)
			replaced(r)
			r.pass(2 * time.Minute)
			r.is(id, approvals.Succeeded)
			r.is(other, approvals.Succeeded)
			r.ran(2)
		})
	})
	t.Run("it was there when it was approved", func(t *testing.T) {
		playFollow(t, nil, func(r *rig) {
			open := sealed(r)
			id := r.runs()
			r.pass(10 * time.Second)
			open()
			r.pass(20 * time.Second)
			r.is(id, approvals.Succeeded)
		})
	})
}

// road leads to one server after another, as an address does that is moved.
type road struct {
	net.Listener
	mu    sync.Mutex
	to    string
	conns []net.Conn
}

func newRoad(t *testing.T, to string) (*road, redis.UniversalClient) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &road{Listener: l, to: to}
	t.Cleanup(func() { _ = l.Close(); r.lead("") })
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			on, err := net.Dial("tcp", r.to)
			if err != nil {
				_ = from.Close()
				r.mu.Unlock()
				continue
			}
			r.conns = append(r.conns, from, on)
			r.mu.Unlock()
			for _, way := range [][2]net.Conn{{from, on}, {on, from}} {
				go func() { _, _ = io.Copy(way[0], way[1]); _ = way[0].Close() }()
			}
		}
	}()
	client, err := redisstore.Dial(redisstore.Connection{Addresses: []string{l.Addr().String()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return r, client
}

func (r *road) lead(to string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to = to
	for _, c := range r.conns {
		_ = c.Close()
	}
	r.conns = nil
}

// Two bots are led from a master to its replica, where a run is denied, and back to the
// master, which has been itself all the time and has the run as approved.
func TestBackToAMasterThatWasLeft(t *testing.T) {
	for _, tt := range []struct {
		why  string
		gone bool // the bot that took the denial is gone by then
		want approvals.State
	}{
		{"both bots live", false, approvals.Denied},
		{"the one that took the denial does not", true, approvals.Approved},
	} {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			f := &flip{T: t}
			for i := range 2 {
				f.addr[i], f.client[i] = redisServer(t)
			}
			f.follow(1, true)
			r := newRig(t)
			r.memory, r.poll = nil, 20*time.Millisecond
			sealed := func() error { return errors.New("sealed") }
			r.logins.set(func(l *logins) { l.onOpen = sealed })
			var roads []*road
			var stops []func()
			for range 2 {
				way, client := newRoad(t, f.addr[0])
				roads = append(roads, way)
				r.store = redisstore.New(client, theTeam, redisstore.Options{})
				if err := r.store.Mark(t.Context()); err != nil {
					t.Fatal(err)
				}
				stops = append(stops, r.work(r.newBot()))
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			id := r.words(r.bots[0].Typed(ctx, Typed{
				Event: "E", By: ref("ALICE"), Origin: approvals.Origin{Team: theTeam, Channel: theChannel},
				Text: "run cmd-nozcbhuw ins-1,ins-2 -- --fast",
			})).Request
			r.isUp(ctx)
			r.pressOn(r.bots[0], "BOB", Approve, id)
			eventually(t, "it waits", func() bool { return r.get(id).Waiting != "" })
			f.apart()
			first := r.get(id).Server.ID
			lead := func(to string) {
				for _, way := range roads {
					way.lead(to)
				}
			}
			lead(f.addr[1])
			for _, b := range r.bots {
				eventually(t, "it has met the other", func() bool {
					k, err := b.Desk.Load(ctx, id)
					return err == nil && k.Server.ID != first
				})
			}
			r.pressOn(r.bots[0], "CAROL", Deny, id)
			eventually(t, "it is denied, and said so", func() bool {
				k := r.get(id)
				return k.State == approvals.Denied && !k.Owes()
			})
			if tt.gone {
				stops[0]()
			} else {
				eventually(t, "what is remembered is held against it", func() bool {
					_, older := r.bots[0].Desk.Older(approvals.Kept{Request: approvals.Request{ID: id, State: approvals.Approved}})
					return older
				})
			}
			r.logins.set(func(l *logins) { l.onOpen = nil })
			lead(f.addr[0])
			eventually(t, "it is as it should be", func() bool {
				k, err := r.store.Load(ctx, id)
				if tt.gone && k.State == approvals.Denied { // on a busy machine the other has seen it meanwhile
					return k.Server.ID != first
				}
				return err == nil && k.Server.ID != first && k.State == tt.want && (tt.want != approvals.Approved || !k.SearchUntil.IsZero())
			})
			r.ran(0)
		})
	}
}
