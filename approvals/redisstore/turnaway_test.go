package redisstore

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
)

// awayRun is a guest's nth run, on as many hosts as may be typed, with a long story.
func awayRun(n int) approvals.Request {
	r := approvals.Request{
		ID: approvals.NewID("T0TEST", fmt.Sprint("Ev", n)), Origin: approvals.Origin{Team: "T0TEST", Channel: "C0OPS"},
		Requester: approvals.Person{Org: "T0TEST", User: "U0GUEST"},
		Asked:     approvals.Asked{Script: "cmd-nozcbhuw", Parameters: strings.Repeat("x ", 1000), Reason: strings.Repeat("y ", 200)},
	}
	for i := range 100 {
		r.Asked.Hosts = append(r.Asked.Hosts, fmt.Sprintf("ins-%d-%d", n, i))
	}
	return r
}

const awayWhy = "You cannot ask for runs: a guest may not use bmcmd. Ask a colleague to."

// Twenty refused commands of a guest leave twenty small events, and nothing else.
func TestTwentyRefusedRuns(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		d := approvals.NewDesk(s, amy, time.Minute)
		for n := range 20 {
			for range 2 { // each envelope twice
				if err := d.TurnAway(t.Context(), awayRun(n), awayWhy); err != nil {
					t.Fatal(err)
				}
			}
		}
		total := 0
		for _, key := range s.client.Keys(t.Context(), "*").Val() {
			kind, id, _ := strings.Cut(strings.TrimPrefix(key, s.keys.prefix), ":")
			switch kind {
			case "events":
				if n, ttl := s.client.LLen(t.Context(), key).Val(), s.client.PTTL(t.Context(), key).Val(); n != 1 || ttl < 399*24*time.Hour || ttl > 400*24*time.Hour {
					t.Errorf("%s has %d events, for %s", id, n, ttl)
				}
			case "mark":
				continue
			case "audit":
			default:
				t.Errorf("they leave %s", key)
			}
			used, err := s.client.MemoryUsage(t.Context(), key, 0).Result()
			if err != nil && srv.mini == nil {
				t.Fatal(err)
			}
			total += int(used)
		}
		if total > 20_000 {
			t.Errorf("they take %d bytes, want 20,000 at most", total)
		}
		t.Logf("they take %d bytes", total)
		if n := s.client.ZCard(t.Context(), s.keys.audit()).Val(); n != 20 {
			t.Errorf("the audit knows %d of them", n)
		}
		h := history(t, NewAudit(s.client, "T0TEST"), awayRun(3).ID)
		if len(h.Events) != 1 || !h.Events[0].TurnedAway() || h.Events[0].Note != awayWhy+" (It was for 100 hosts; the first 8 are named.)" ||
			approvals.Verify(h.Events) != nil || !errors.Is(h.RecordErr, approvals.ErrNotFound) || !h.Indexed.Equal(h.Newest) || h.Events[0].At.IsZero() {
			t.Errorf("it is read as %+v", h)
		}
	})
}

// One that was refused is not kept if its envelope comes again, and one that is kept is
// not refused.
func TestARefusedRunComesAgain(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		d := approvals.NewDesk(s, amy, time.Minute)
		if err := d.TurnAway(t.Context(), awayRun(1), awayWhy); err != nil {
			t.Fatal(err)
		}
		if _, fresh, err := d.Receive(t.Context(), awayRun(1)); !errors.Is(err, approvals.ErrTurnedAway) || fresh {
			t.Errorf("it is received: fresh %t, %v", fresh, err)
		}
		k, _, err := d.Receive(t.Context(), awayRun(2))
		if err == nil {
			err = d.TurnAway(t.Context(), awayRun(2), awayWhy)
		}
		if events, _ := s.Events(t.Context(), k.ID, 0); err != nil || len(events) != 1 || events[0].TurnedAway() {
			t.Errorf("events %+v, %v", events, err)
		}
		if err := s.client.Del(t.Context(), s.keys.mark()).Err(); err != nil && !errors.Is(err, redis.Nil) {
			t.Fatal(err)
		}
		if err := d.TurnAway(t.Context(), awayRun(3), awayWhy); !errors.Is(err, approvals.ErrUnmarked) {
			t.Errorf("without a mark: %v", err)
		}
	})
}
