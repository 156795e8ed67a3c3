package bot

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/approvals/redisstore"
)

// newRedisRig is a rig in real time over the store that ships.
func newRedisRig(t *testing.T) *rig {
	t.Helper()
	server := miniredis.NewMiniRedis()
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	client, err := redisstore.Dial(redisstore.Connection{Addresses: []string{server.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	r := newRig(t)
	store := redisstore.New(client, theTeam, redisstore.Options{})
	if err := store.Mark(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.store, r.memory = store, nil
	r.poll = 20 * time.Millisecond
	return r
}

// Fifty people press Approve at once on three bots: one run, whatever the quorum.
func TestFiftyPeopleAtOnce(t *testing.T) {
	for _, store := range []string{"memory", "redis"} {
		for _, quorum := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s/quorum %d", store, quorum), func(t *testing.T) {
				r := newRig(t)
				if store == "redis" {
					r = newRedisRig(t)
				}
				var crowd []string
				for i := range 50 {
					u := fmt.Sprintf("U%02d", i)
					crowd = append(crowd, u)
					r.people.profiles[u] = someone(u)
				}
				r.policy[0].Approve = approvals.Who{Users: crowd}
				r.policy[0].Quorum = quorum
				bots := []*Bot{r.newBot(), r.newBot(), r.newBot()}
				var stops []func()
				for _, b := range bots {
					stops = append(stops, r.work(b))
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				id := r.words(bots[0].Typed(ctx, Typed{
					Event: "E", By: ref("ALICE"), Origin: approvals.Origin{Team: theTeam, Channel: theChannel},
					Text: "run cmd-nozcbhuw ins-1,ins-2 -- --fast",
				})).Request
				r.isUp(ctx)

				counted := r.pressAll(bots, crowd, id)
				if err := r.journal.await(ctx, "notice answer accepted"); err != nil {
					t.Fatal(err)
				}
				for _, stop := range stops {
					stop()
				}
				if counted != quorum {
					t.Errorf("%d people were told that they approved, want %d", counted, quorum)
				}
				k := r.get(id)
				if k.State != approvals.Accepted || len(k.Approvers()) != quorum {
					t.Errorf("state %s with %d approvals, want accepted with %d", k.State, len(k.Approvers()), quorum)
				}
				r.ran(1)
				moves := slices.DeleteFunc(r.moves(id), func(m string) bool { return m == "refused approve" })
				want := slices.Concat([]string{"receive", "prepare", "open"}, slices.Repeat([]string{"vote"}, quorum), []string{"claim", "answer"})
				if diff := cmp.Diff(want, moves); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// isUp waits until the card is up.
func (r *rig) isUp(ctx context.Context) {
	r.Helper()
	if err := r.journal.await(ctx, "post"); err != nil {
		r.Fatal(err)
	}
}

// pressAll has everybody press at once and counts who was told that it counted.
func (r *rig) pressAll(bots []*Bot, crowd []string, id string) int {
	digest := r.get(id).Digest
	var wg sync.WaitGroup
	var mu sync.Mutex
	counted := 0
	start := make(chan struct{})
	for i, u := range crowd {
		wg.Go(func() {
			<-start
			a := bots[i%len(bots)].Clicked(context.Background(), Click{
				Event: "E" + u, By: ref(u), Button: Approve, Request: id, Digest: digest,
				Origin: approvals.Origin{Team: theTeam, Channel: theChannel},
			})
			w, ok := a.(Words)
			switch {
			case !ok:
				r.Errorf("answer %#v", a)
			case len(w.Text) > 9 && w.Text[:9] == "Recorded:":
				mu.Lock()
				counted++
				mu.Unlock()
			}
		})
	}
	close(start)
	wg.Wait()
	return counted
}

func TestWholeFlowOverRedis(t *testing.T) {
	r := newRedisRig(t)
	b := r.newBot()
	stop := r.work(b)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	id := r.words(b.Typed(ctx, Typed{
		Event: "E", By: ref("ALICE"), Origin: approvals.Origin{Team: theTeam, Channel: theChannel},
		Text: "run cmd-nozcbhuw ins-1,ins-2 -- --fast",
	})).Request
	r.isUp(ctx)
	r.hears(r.pressOn(b, "BOB", Approve, id), saidApproved)
	if err := r.journal.await(ctx, "notice answer accepted"); err != nil {
		t.Fatal(err)
	}
	stop()
	r.is(id, approvals.Accepted)
	r.ran(1)
}

// A run is followed to its end over the store that ships, by whichever bot, with
// what was printed.
func TestFollowedOverRedis(t *testing.T) {
	r := newRedisRig(t)
	odd := []byte("\xff\xfe done\n")
	r.cloud.tasks.known = true
	r.cloud.tasks.host = func(_ string, h *apiHost) { h.Output, h.ends = odd, time.Now().Add(100*time.Millisecond) }
	b, other := r.newBot(), r.newBot()
	stops := []func(){r.work(b), r.work(other)}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	id := r.words(b.Typed(ctx, Typed{
		Event: "E", By: ref("ALICE"), Origin: approvals.Origin{Team: theTeam, Channel: theChannel},
		Text: "run restart ins-1,ins-2 -- --fast",
	})).Request
	r.isUp(ctx)
	r.hears(r.pressOn(b, "BOB", Approve, id), saidApproved)
	if err := r.journal.await(ctx, "notice result succeeded"); err != nil {
		t.Fatal(err)
	}
	for _, stop := range stops {
		stop()
	}
	k := r.is(id, approvals.Succeeded)
	if k.Asked.Script != theScript || k.Asked.Alias != "restart" {
		t.Errorf("asked %+v", k.Asked)
	}
	if got := r.board.reports[0].out["cmdtask-1/ins-2"]; !bytes.Equal(got, odd) {
		t.Errorf("reported %q, want %q", got, odd)
	}
	r.ran(1)
}
