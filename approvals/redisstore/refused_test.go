package redisstore

import (
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
)

// A thousand presses of somebody who may not: twenty are kept, the rest is counted, and
// nothing that anybody waits for has changed.
func TestAThousandRefusedClicks(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		d := approvals.NewDesk(s, amy, time.Minute)
		k := pending(t, d, asked(1), facts(1, 1).Rule)
		before, due := raw(t, s, k.ID), s.client.ZScore(t.Context(), s.keys.due(), k.ID).Val()
		var all sync.WaitGroup
		for range 4 { // at once, with a version in hand that knows of no other
			all.Go(func() {
				for range 250 {
					if err := d.Refused(t.Context(), k, pressed(mallory, "approve", "not among those who may approve"), approvals.MostRefusalsBy); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		now, err := s.Load(t.Context(), k.ID)
		if err != nil || now.Refused.All != 1000 || now.Refused.N != approvals.MostRefusalsBy || now.Refused.Head == "" {
			t.Errorf("counted are %+v, error %v; want 1000, of which 20 are kept", now.Refused, err)
		}
		after := raw(t, s, k.ID)
		delete(after, "refused")
		if diff := cmp.Diff(before, after); diff != "" || s.client.ZScore(t.Context(), s.keys.due(), k.ID).Val() != due {
			t.Errorf("the request is another, or due at another time:\n%s", diff)
		}
		if k, err = d.Advance(t.Context(), k, approvals.Cancel(alice)); err != nil {
			t.Errorf("a version from before them is not good any more: %v", err)
		}
		if events, err := s.Events(t.Context(), k.ID, 0); err != nil || len(events) != 4 {
			t.Errorf("%d events, error %v; want those of the 4 moves", len(events), err)
		}
		if n := size(t, s, s.keys.refused(k.ID)); n > 14_000 {
			t.Errorf("they take %d bytes, want 14,000 at most", n)
		}

		// Many people: 200 of a request at most, and no names beyond that.
		for i := range 30 {
			for range 10 {
				if err := d.Refused(t.Context(), k, pressed(colleague(i), "run", "ended"), approvals.MostRefusalsBy); err != nil {
					t.Fatal(err)
				}
			}
		}
		if now, err = s.Load(t.Context(), k.ID); err != nil || now.Refused.All != 1300 || now.Refused.N != approvals.MostRefusals {
			t.Errorf("counted are %+v, error %v", now.Refused, err)
		}
		if n := size(t, s, s.keys.refused(k.ID)); n > 120_000 {
			t.Errorf("they take %d bytes, want 120,000 at most", n)
		}

		h := history(t, NewAudit(s.client, "T0TEST"), k.ID)
		if len(h.Refusals) != approvals.MostRefusals || len(h.Lost) > 0 || approvals.VerifyRefusals(h.Refusals, now.Refused) != nil {
			t.Errorf("%d are read back, %v of them lost: %v", len(h.Refusals), h.Lost, approvals.VerifyRefusals(h.Refusals, now.Refused))
		}
		if keep := s.client.PTTL(t.Context(), s.keys.refused(k.ID)).Val(); keep < 399*24*time.Hour || keep > s.client.PTTL(t.Context(), s.keys.events(k.ID)).Val()+time.Minute {
			t.Errorf("they are kept for %s, want as long as the events", keep)
		}
	})
}

// pressed is a refused click in an envelope of its own.
func pressed(by approvals.Person, button, why string) approvals.Refusal {
	return approvals.Refusal{By: by, Click: button, Event: rand.Text(), Note: why}
}

// One envelope that is delivered to four bots at once, and then once more, is one refused
// click: kept once, or counted once where its person has pressed too often. Others are
// told apart from it.
func TestOneEnvelopeIsRefusedOnce(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		k := create(t, srv.store(t), asked(1), amy, 0)
		for i, most := range []int{1, 0} { // kept, then counted
			f := pressed(mallory, "approve", "not among those who may approve")
			var all sync.WaitGroup
			for _, s := range []*Store{srv.store(t), srv.store(t), srv.store(t), srv.store(t)} {
				d := approvals.NewDesk(s, amy, time.Minute)
				all.Go(func() {
					for range 2 {
						if err := d.Refused(t.Context(), k, f, most); err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
			if now, err := srv.store(t).Load(t.Context(), k.ID); err != nil || now.Refused.All != i+1 || now.Refused.N != 1 {
				t.Errorf("counted are %+v, %v", now.Refused, err)
			}
		}
		s := srv.store(t)
		if h := history(t, NewAudit(s.client, "T0TEST"), k.ID); len(h.Refusals) != 1 || h.Refusals[0].Event == "" || len(h.Lost) > 0 {
			t.Errorf("the audit has %+v", h.Refusals)
		}
		d, first := approvals.NewDesk(s, amy, time.Minute), pressed(mallory, "run", "ended")
		for n := range 100 {
			f := pressed(mallory, "run", "ended")
			if n == 0 {
				f = first
			}
			if err := d.Refused(t.Context(), k, f, 1); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(strings.Fields(s.client.HGet(t.Context(), s.keys.refused(k.ID), "recent").Val())); n != approvals.RecentRefusals {
			t.Errorf("%d envelopes are remembered", n)
		}
	})
}

// A refused click whose reply is lost is kept once.
func TestARefusedClickTwice(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		k := create(t, s, asked(1), amy, 0)
		f := approvals.Refusal{V: 1, Request: k.ID, N: 1, Click: "run", State: k.State, By: mallory, At: k.Received}
		text, err := f.Encode()
		if err == nil {
			f, err = approvals.DecodeRefusal(text)
		}
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got, err := s.KeepRefusal(t.Context(), f, 20); err != nil || got != (approvals.Refusals{All: 1, N: 1, Head: f.Hash}) {
				t.Errorf("counted are %+v, error %v", got, err)
			}
		}
		f.Request = "r-none"
		if _, err := s.KeepRefusal(t.Context(), f, 20); err != approvals.ErrNotFound {
			t.Errorf("of no request: %v", err)
		}
	})
}

// raw is a request's hash.
func raw(t *testing.T, s *Store, id string) map[string]string {
	t.Helper()
	return s.client.HGetAll(t.Context(), s.keys.request(id)).Val()
}

// size is how long a hash is, names and values.
func size(t *testing.T, s *Store, key string) (n int) {
	t.Helper()
	for field, value := range s.client.HGetAll(t.Context(), key).Val() {
		n += len(field) + len(value)
	}
	// 0: each field is measured; else five are, and the rest is an estimate.
	if used, err := s.client.MemoryUsage(t.Context(), key, 0).Result(); err == nil {
		n = max(n, int(used))
	}
	return n
}

func history(t *testing.T, a *Audit, id string) (h History) {
	t.Helper()
	if err := a.Read(t.Context(), []string{id}, func(got History) error { h = got; return nil }); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", id, err))
	}
	return h
}
