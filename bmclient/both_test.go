package bmclient_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

// on3 makes a client one of API 3.0.
func on3(api *bmtest.Server) func(*bmclient.Config) {
	return func(c *bmclient.Config) { c.API, c.Endpoint, c.Region = bmclient.API3, api.URL3(), "ap-beijing" }
}

// both runs a test on each version of the API.
func both(t *testing.T, opts []bmtest.Option, f func(t *testing.T, api *bmtest.Server, c *bmclient.Client)) {
	t.Helper()
	for _, version := range []string{bmclient.API2, bmclient.API3} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			api := startAPI(t, opts...)
			alter := func(*bmclient.Config) {}
			if version == bmclient.API3 {
				alter = on3(api)
			}
			f(t, api, newClient(t, api.URL(), alter))
		})
	}
}

var utc8 = time.FixedZone("UTC+8", 8*60*60)

// clock is a server's clock that a test moves.
func clock() (now func() time.Time, move func(time.Duration)) {
	at := time.Now().Truncate(time.Second)
	ch := make(chan time.Time, 1)
	ch <- at
	return func() time.Time { t := <-ch; ch <- t; return t }, func(d time.Duration) { ch <- (<-ch).Add(d) }
}

// The same script, order, tasks and hosts come out of both versions, whatever the types on the wire.
func TestBothSayTheSame(t *testing.T) {
	now, _ := clock()
	began := now().In(utc8)
	both(t, []bmtest.Option{bmtest.Now(now)}, func(t *testing.T, api *bmtest.Server, c *bmclient.Client) {
		s, err := c.Script(t.Context(), "cmd-nozcbhuw")
		if err != nil {
			t.Fatal(err)
		}
		want := bmclient.Script{
			CmdID: "cmd-nozcbhuw", Alias: "hello", OSType: "linux", Content: []byte(content), AppID: "251000873",
			Created: time.Date(2017, 10, 19, 19, 29, 35, 0, utc8), Modified: time.Date(2017, 10, 20, 0, 26, 55, 0, utc8),
		}
		if diff := cmp.Diff(want, s); diff != "" {
			t.Error(diff)
		}
		api.SetHost("ins-1", bmtest.HostBehaviour{Manual: true, Output: []byte("done\n")})
		api.SetHost("ins-2", bmtest.HostBehaviour{Exit: 3, Output: []byte{0xff, 0xfe, 0}})
		if _, err := c.Run(t.Context(), runKey, order()); err != nil {
			t.Fatal(err)
		}
		id := api.TaskIDs()[0]
		running := bmclient.Task{ID: id, CmdID: "cmd-nozcbhuw", Alias: "hello", Hosts: 2, Failed: 1, Begun: began}
		wantTasks(t, c, running)
		api.EndHost(id, "ins-1")
		running.Ended, running.Succeeded, running.Finished = true, 1, began
		wantTasks(t, c, running)
		hosts, err := c.Task(t.Context(), id, bmclient.Page{})
		wantHosts := bmclient.HostRuns{Total: 2, Hosts: []bmclient.HostRun{
			{
				Task: id, Host: "ins-1", Name: "name-of-ins-1", LanIP: "10.0.0.2", State: bmclient.HostEnded, Content: []byte(content),
				Parameters: []byte("-a -b"), Output: []byte("done\n"), Begun: began, Finished: began,
			},
			{
				Task: id, Host: "ins-2", Name: "name-of-ins-2", LanIP: "10.0.0.3", State: bmclient.HostEnded, Exit: 3, Content: []byte(content),
				Parameters: []byte("-a -b"), Output: []byte{0xff, 0xfe, 0}, Begun: began, Finished: began,
			},
		}}
		if diff := cmp.Diff(wantHosts, hosts, cmpopts.EquateErrors()); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}

func wantTasks(t *testing.T, c *bmclient.Client, want ...bmclient.Task) {
	t.Helper()
	got, err := c.Tasks(t.Context(), bmclient.Page{})
	if diff := cmp.Diff(bmclient.TaskList{Total: len(want), Tasks: want}, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}
