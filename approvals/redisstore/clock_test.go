package redisstore

import (
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// Whatever this machine takes the date for, the store's clock is Redis' own.
func TestClockOfAReplicaThatIsOff(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		for _, off := range []time.Duration{-10 * time.Minute, 0, 10 * time.Minute} {
			local := func() time.Time { return time.Now().Add(off) }
			s := made(t, New(dial(t, srv.addr), "T0TEST", Options{Now: local}))
			if was := s.Clock(); local().Sub(was) > time.Minute || was.Sub(local()) > time.Minute {
				t.Errorf("off by %v, before Redis has answered: %v", off, was)
			}
			for _, answer := range []func() error{
				func() error { _, _, err := s.Take(t.Context(), amy, time.Minute, 1); return err },
				func() error { _, err := s.Load(t.Context(), "r-none"); return want(nil, err != nil, "there is one") },
				func() error { _, err := s.Open(t.Context(), 1); return err },
			} {
				s.clock.last.Store(nil)
				before := time.Now()
				if err := answer(); err != nil {
					t.Fatal(err)
				}
				// Here, Redis and the test have the same clock.
				if now := s.Clock(); now.Before(before.Add(-time.Millisecond)) || now.After(time.Now().Add(time.Millisecond)) {
					t.Errorf("off by %v: %v, and Redis says %v", off, now, time.Now())
				}
			}
		}
	})
}

// It goes on between answers, and each answer sets it anew: after a failover, another
// server's clock counts.
func TestClockGoesOn(t *testing.T) {
	srv := startMini(t)
	srv.stop(t)
	local := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	s := made(t, New(dial(t, srv.addr), "T0TEST", Options{Now: func() time.Time { return local }}))
	k := create(t, s, asked(1), amy, 0)
	for _, passed := range []time.Duration{0, time.Second, time.Hour} {
		local = local.Add(passed)
		if d := s.Clock().Sub(k.Now); d != passed {
			t.Errorf("%v after an answer it has gone on by %v", passed, d)
		}
		srv.pass(-time.Hour)
		var err error
		if k, err = s.Swap(t.Context(), next(k, amy, 0, func(r *approvals.Request) {})); err != nil {
			t.Fatal(err)
		}
	}
}
