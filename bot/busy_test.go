package bot

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// overQuotas are refusals for the quota, and how people read them.
var overQuotas = map[string]*bmclient.Error{
	"4400": {Action: "RunUserCmd", Number: 4400, Name: "QuotaExceeded", Meaning: "too many calls in this minute", Class: bmclient.ClassRefused},
	"RequestLimitExceeded.UinLimitExceeded": {
		Action: "RunUserCmd", Code: "RequestLimitExceeded.UinLimitExceeded", Meaning: "too many calls in this second", Class: bmclient.ClassRefused,
	},
}

// refuses has the cloud refuse the next n runs.
func (r *rig) refuses(n int, err error) {
	r.cloud.set(func(c *cloud) {
		c.onRun = func(context.Context) error {
			if n--; n < 0 {
				return nil
			}
			return err
		}
	})
}

// claimedOnce checks that every call of the request had a claim of its own.
func (r *rig) claimedOnce(id string, calls int) {
	r.Helper()
	r.ran(calls)
	claims := 0
	for _, m := range r.moves(id) {
		if m == "claim" {
			claims++
		}
	}
	if claims != calls || len(r.get(id).Sends) != calls {
		r.Errorf("%d calls, %d claims, %d sends in the record", calls, claims, len(r.get(id).Sends))
	}
}

// The cloud has no room for a run: nothing ran, so it is claimed and sent again, until it is taken, and then no more.
func TestARunForWhichTheCloudHasNoRoom(t *testing.T) {
	for code, err := range overQuotas {
		t.Run(code, func(t *testing.T) {
			play(t, func(r *rig) {
				r.refuses(2, err)
				id := r.asks("ALICE")
				r.press("BOB", Approve, id)
				k := r.is(id, approvals.Approved)
				if want := "The cloud is taking no more calls at the moment (" + code + "). Nothing ran; I try again until the approval is 2 minutes old."; k.Waiting != want {
					r.Errorf("the card says %q, want %q", k.Waiting, want)
				}
				r.claimedOnce(id, 1)
				r.pass(time.Minute)
				r.is(id, approvals.Accepted)
				r.claimedOnce(id, 3)
				r.did("notice", "notice waiting approved", "notice answer accepted") // that it waits is told once
				r.pass(time.Hour)
				r.claimedOnce(id, 3)
			})
		})
	}
}

// It has none for as long as the approval is young: then somebody has to press Run, and that is tried in the same way.
func TestARunForWhichTheCloudHasNoRoomInTime(t *testing.T) {
	play(t, func(r *rig) {
		r.refuses(1000, overQuotas["4400"])
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		r.pass(2*time.Minute + 2*time.Second) // the card says so at once
		k := r.is(id, approvals.Approved)
		if want := "It could not be started in time, so I do not start by myself any more. Press Run to start it now, or Cancel."; k.Waiting != want || !k.RetryAt.IsZero() {
			r.Errorf("it waits because %q, until %v", k.Waiting, k.RetryAt)
		}
		calls := len(k.Sends)
		if calls < 4 || calls > 8 {
			r.Errorf("%d calls in two minutes", calls)
		}
		for i, s := range k.Sends[1:] {
			if gap := s.ClaimedAt.Sub(k.Sends[i].ClaimedAt); gap < time.Second || s.ClaimedAt.After(k.DispatchBy) {
				r.Errorf("call %d comes %v after the one before, at %v", i+2, gap, s.ClaimedAt)
			}
		}
		r.pass(10 * time.Minute)
		r.claimedOnce(id, calls)
		r.press("ALICE", Run, id)
		r.refuses(1, overQuotas["4400"])
		r.pass(time.Minute)
		r.is(id, approvals.Accepted)
		r.pass(time.Hour)
		r.claimedOnce(id, calls+3) // refused at the press, and once more
	})
}

// The process is killed between a refusal and the next try: another makes it, by a claim of its own.
func TestAReplicaGoesOnAfterARefusal(t *testing.T) {
	play(t, func(r *rig) {
		r.refuses(1, overQuotas["4400"])
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		r.is(id, approvals.Approved)
		r.stop()
		r.work(r.newBot())
		r.pass(time.Minute)
		k := r.is(id, approvals.Accepted)
		if len(k.Sends) == 2 && k.Sends[0].Worker == k.Sends[1].Worker {
			r.Error("the other bot did not claim it")
		}
		r.claimedOnce(id, 2)
	})
}

// A refusal that says less than that nothing ran is not tried again.
func TestWhatMayHaveRunIsNotTriedAgain(t *testing.T) {
	play(t, func(r *rig) {
		doubtful := *overQuotas["4400"]
		doubtful.Class, doubtful.HTTPStatus = bmclient.ClassUnknown, 502
		r.refuses(1, &doubtful)
		id := r.asks("ALICE")
		r.press("BOB", Approve, id)
		r.pass(5 * time.Minute)
		r.is(id, approvals.Unknown)
		r.claimedOnce(id, 1)
	})
}

// Reads: whoever looks is told when to look again, a new request waits and is not let through unchecked, and what approved runs read is
// read again.
func TestReadsForWhichTheCloudHasNoRoom(t *testing.T) {
	const says = "The cloud is taking no more calls at the moment (4400)."
	playWith(t, func(r *rig) { r.unchecked = true }, func(r *rig) {
		first := r.asks("ALICE")
		full := func() error { return overQuotas["4400"] }
		r.cloud.set(func(c *cloud) { c.onRead, c.onMachines = full, full })
		r.hears(r.says("EVE", "show cmd-nozcbhuw"), says+" Try again in 1 second.")
		r.cloud.set(func(c *cloud) { c.onRead = func() error { return errors.Join(full(), &Later{After: 9 * time.Second}) } })
		r.hears(r.says("EVE", "show cmd-nozcbhuw"), says+" Try again in 9 seconds.")
		r.cloud.set(func(c *cloud) { c.onRead = full })
		second := r.words(r.says("CAROL", "run cmd-nozcbhuw ins-7")).Request
		r.press("BOB", Approve, first)
		if k := r.is(first, approvals.Approved); !strings.HasPrefix(k.Waiting, says+" This try sent nothing; I keep trying") {
			r.Errorf("it waits because %q", k.Waiting)
		}
		r.cloud.set(func(c *cloud) { c.onRead, c.onMachines = nil, full })
		r.pass(10 * time.Second)
		r.is(second, approvals.Received) // although hosts that cannot be looked up are allowed
		r.cloud.set(func(c *cloud) { c.onMachines = nil })
		r.pass(time.Minute)
		r.is(first, approvals.Accepted)
		if k := r.is(second, approvals.Pending); k.Plan.Blind {
			r.Error("the hosts of the second request were not looked up")
		}
		if slices.Contains(r.moves(second), "refuse") {
			r.Error("the second request was refused")
		}
	})
}
