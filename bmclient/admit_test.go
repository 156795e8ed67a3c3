package bmclient_test

import (
	"context"
	"errors"
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
