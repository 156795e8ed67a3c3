package bmclient_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

// door is an Admit that keeps count and closes after so many.
type door struct {
	mu    sync.Mutex
	asked []string
	open  int
}

var errShut = errors.New("the quota is used up; wait")

func (d *door) admit(_ context.Context, action string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, action)
	if len(d.asked) > d.open {
		return errShut
	}
	return nil
}

// revealed is a password that counts how often it was revealed.
type revealed struct{ n *int }

func (r revealed) Reveal() string { *r.n++; return password }

// It is asked before each send of each action, the repeated ones too, and nothing is sent against it.
func TestAdmitIsAskedBeforeEverySend(t *testing.T) {
	for _, version := range []string{bmclient.API2, bmclient.API3} {
		t.Run(version, func(t *testing.T) {
			api := startAPI(t)
			d := door{open: 99}
			c := newClient(t, api.URL(), func(c *bmclient.Config) {
				if version == bmclient.API3 {
					on3(api)(c)
				}
				c.Admit = d.admit
			})
			api.FailNext("GetUserCmd", bmtest.Fault{Status: 502}, 2)
			_, err1 := c.Script(t.Context(), "cmd-nozcbhuw")
			_, err2 := c.Scripts(t.Context(), bmclient.ScriptQuery{})
			_, err3 := c.Run(t.Context(), runKey, order())
			_, err4 := c.Tasks(t.Context(), bmclient.Page{})
			_, err5 := c.Task(t.Context(), api.TaskIDs()[0], bmclient.Page{})
			if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
				t.Fatal(err)
			}
			var sent []string
			for _, call := range api.Calls() {
				sent = append(sent, call.Action)
			}
			if diff := cmp.Diff(sent, d.asked); diff != "" || len(sent) != 7 {
				t.Errorf("%d calls; asked otherwise: %s", len(sent), diff)
			}
		})
	}
}

func TestAdmitRefuses(t *testing.T) {
	for _, version := range []string{bmclient.API2, bmclient.API3} {
		api := startAPI(t)
		c := newClient(t, api.URL(), func(c *bmclient.Config) {
			if version == bmclient.API3 {
				on3(api)(c)
			}
			c.Admit = (&door{}).admit
		})
		n := 0
		r := order()
		r.Password = revealed{&n}
		_, runErr := c.Run(t.Context(), runKey, r)
		_, readErr := c.Script(t.Context(), "cmd-nozcbhuw")
		_, listErr := c.Tasks(t.Context(), bmclient.Page{})
		for _, err := range []error{runErr, readErr, listErr} {
			var e *bmclient.Error
			if !errors.As(err, &e) || !errors.Is(err, errShut) || !errors.Is(err, bmclient.ErrNotSent) || e.Class != bmclient.ClassRefused {
				t.Errorf("%s: got %v", version, err)
			}
		}
		if n != 0 || len(api.Calls()) != 0 {
			t.Errorf("%s: the password was revealed %d times, %d calls arrived", version, n, len(api.Calls()))
		}
	}
}

// An order that is refused here does not use quota up, and a read that may not be repeated says what the API said.
func TestAdmitIsNotAskedInVain(t *testing.T) {
	api := startAPI(t)
	d := door{open: 1}
	c := newClient(t, api.URL(), func(c *bmclient.Config) { c.Admit = d.admit })
	if _, err := c.Run(t.Context(), runKey, bmclient.Run{}); !errors.Is(err, bmclient.ErrNotSent) || len(d.asked) != 0 {
		t.Errorf("%v; asked %q", err, d.asked)
	}
	api.FailAlways("", bmtest.Fault{Code: 6000})
	_, err := c.Script(t.Context(), "cmd-nozcbhuw")
	var e *bmclient.Error
	if !errors.As(err, &e) || e.Number != 6000 || errors.Is(err, errShut) || len(d.asked) != 2 {
		t.Errorf("%v; asked %q", err, d.asked)
	}
}

// Answered hears of every send; and where it is there, a read that was refused for the quota waits for Admit and for nothing else. What
// Admit says when it has no room is said with the refusal, for it may tell when there is.
func TestAReadThatIsRefusedForTheQuota(t *testing.T) {
	for _, version := range []string{bmclient.API2, bmclient.API3} {
		t.Run(version, func(t *testing.T) {
			api := startAPI(t)
			d := door{open: 3}
			var heard []bool // whether each send was over the quota
			c := newClient(t, api.URL(), func(c *bmclient.Config) {
				if version == bmclient.API3 {
					on3(api)(c)
				}
				c.Admit, c.ReadBackoff = d.admit, time.Hour // nobody waits for that
				c.Answered = func(_ string, err error) { heard = append(heard, bmclient.OverQuota(err)) }
			})
			over := bmtest.Fault{Code: 4400, Error: "RequestLimitExceeded.UinLimitExceeded"}
			api.FailNext("GetUserCmd", over, 1)
			if _, err := c.Script(t.Context(), "cmd-nozcbhuw"); err != nil {
				t.Error(err)
			}
			api.FailAlways("", over)
			_, err := c.Script(t.Context(), "cmd-nozcbhuw")
			if !bmclient.OverQuota(err) || !errors.Is(err, errShut) || errors.Is(err, bmclient.ErrNotSent) {
				t.Errorf("got %v", err)
			}
			d.open = 99
			if _, err := c.Run(t.Context(), runKey, order()); !bmclient.OverQuota(err) {
				t.Errorf("a run: %v", err)
			}
			if _, err := c.Script(t.Context(), "cmd-nozcbhuw"); !bmclient.OverQuota(err) {
				t.Errorf("a read that is refused each time: %v", err)
			}
			want := []bool{true, false, true, true, true, true, true, true} // the last read is sent four times
			if diff := cmp.Diff(want, heard); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Only what was refused before anything ran is over the quota.
func TestOverQuota(t *testing.T) {
	refused, unknown := bmclient.ClassRefused, bmclient.ClassUnknown
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{&bmclient.Error{Number: 4400, Class: refused}, true},
		{fmt.Errorf("x: %w", &bmclient.Error{Code: "RequestLimitExceeded", Class: refused}), true},
		{&bmclient.Error{Code: "RequestLimitExceeded.IPLimitExceeded", Class: refused}, true},
		{&bmclient.Error{Number: 4400, Class: unknown, HTTPStatus: 502}, false},
		{&bmclient.Error{Code: "LimitExceeded", Class: unknown}, false},
		{&bmclient.Error{Number: 4300, Class: refused}, false},
		{errShut, false},
		{nil, false},
	} {
		if bmclient.OverQuota(tt.err) != tt.want {
			t.Errorf("%v: %v", tt.err, !tt.want)
		}
	}
}

func TestQuota(t *testing.T) {
	tests := []struct {
		api string
		n   int
		per time.Duration
	}{
		{"", 100, time.Minute},
		{bmclient.API2, 100, time.Minute},
		{bmclient.API3, 10, time.Second},
		{"4.0", 0, 0},
	}
	for _, tt := range tests {
		if n, per := bmclient.Quota(tt.api, "RunUserCmd"); n != tt.n || per != tt.per {
			t.Errorf("%q: %d in %v", tt.api, n, per)
		}
	}
}
