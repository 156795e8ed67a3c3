package bmclient_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

// manyHosts adds ins-100, ins-101, … and gives their names.
func manyHosts(api *bmtest.Server, n int) (ids []string) {
	for i := range n {
		id := fmt.Sprintf("ins-%d", 100+i)
		api.AddHost(id, map[string]string{"root": password})
		ids = append(ids, id)
	}
	return ids
}

func TestScripts(t *testing.T) {
	both(t, nil, func(t *testing.T, api *bmtest.Server, c *bmclient.Client) {
		for i := range 45 {
			at := time.Date(2026, 1, 1, 0, i, 0, 0, time.UTC)
			api.AddScript(bmtest.Script{CmdID: fmt.Sprintf("cmd-%02d", i), Alias: fmt.Sprintf("job-%d", i%10), Content: []byte("x"), Created: at, Modified: at})
		}
		tests := []struct {
			why         string
			q           bmclient.ScriptQuery
			total       int
			first, last string
			n           int
		}{
			{"newest first, 20 a page", bmclient.ScriptQuery{}, 46, "cmd-44", "cmd-25", 20},
			{"the next page", bmclient.ScriptQuery{Page: bmclient.Page{Offset: 20}}, 46, "cmd-24", "cmd-05", 20},
			{"the last page", bmclient.ScriptQuery{Page: bmclient.Page{Offset: 40, Limit: 100}}, 46, "cmd-04", "cmd-nozcbhuw", 6},
			{"behind the last", bmclient.ScriptQuery{Page: bmclient.Page{Offset: 99}}, 46, "", "", 0},
			{"by alias", bmclient.ScriptQuery{Search: "job-7"}, 4, "cmd-37", "cmd-07", 4},
			{"by id", bmclient.ScriptQuery{Search: "nozcb"}, 1, "cmd-nozcbhuw", "cmd-nozcbhuw", 1},
			{"none", bmclient.ScriptQuery{Search: "nothing-like-it"}, 0, "", "", 0},
		}
		for _, tt := range tests {
			got, err := c.Scripts(t.Context(), tt.q)
			if err != nil || got.Total != tt.total || len(got.Scripts) != tt.n {
				t.Errorf("%s: %d of %d, %v", tt.why, len(got.Scripts), got.Total, err)
				continue
			}
			if tt.n > 0 && (got.Scripts[0].CmdID != tt.first || got.Scripts[tt.n-1].CmdID != tt.last) {
				t.Errorf("%s: %s to %s", tt.why, got.Scripts[0].CmdID, got.Scripts[tt.n-1].CmdID)
			}
			for _, s := range got.Scripts {
				if s.Content != nil || s.OSType != "linux" || s.Alias == "" || s.Created.IsZero() {
					t.Errorf("%s: %+v", tt.why, s)
				}
			}
		}
	})
}

func TestPagesThatAreRefused(t *testing.T) {
	both(t, nil, func(t *testing.T, api *bmtest.Server, c *bmclient.Client) {
		for _, p := range []bmclient.Page{{Offset: -1}, {Limit: -1}} {
			_, err1 := c.Scripts(t.Context(), bmclient.ScriptQuery{Page: p})
			_, err2 := c.Tasks(t.Context(), p)
			_, err3 := c.Task(t.Context(), "cmdtask-1", p)
			for _, err := range []error{err1, err2, err3} {
				if !errors.Is(err, bmclient.ErrNotSent) {
					t.Errorf("%+v: %v", p, err)
				}
			}
		}
		if _, err := c.Task(t.Context(), "", bmclient.Page{}); !errors.Is(err, bmclient.ErrNotSent) || !strings.Contains(err.Error(), "no task") {
			t.Errorf("no id: %v", err)
		}
		if n := len(api.Calls()); n != 0 {
			t.Errorf("%d arrived", n)
		}
	})
}

// 2.0 has a number for a task that is not there; 3.0 is taken to have none.
func TestNoTask(t *testing.T) {
	both(t, nil, func(t *testing.T, api *bmtest.Server, c *bmclient.Client) {
		got, err := c.Task(t.Context(), "cmdtask-none", bmclient.Page{})
		if strings.HasSuffix(t.Name(), "2.0") {
			if !errors.Is(err, bmclient.ErrNoTask) || api.Count("GetUserCmdTaskDetailList") != 1 {
				t.Errorf("%+v, %v", got, err)
			}
			return
		}
		if err != nil || got.Total != 0 || len(got.Hosts) != 0 {
			t.Errorf("%+v, %v", got, err)
		}
		api.FailNext("DescribeUserCmdTaskInfo", bmtest.Fault{Error: "ResourceNotFound"}, 1)
		if _, err = c.Task(t.Context(), "cmdtask-none", bmclient.Page{}); !errors.Is(err, bmclient.ErrNoTask) {
			t.Errorf("%v", err)
		}
	})
}

// What a login that is wrong looks like, first and last: a yes, and then one host that says so.
func TestWrongPassword(t *testing.T) {
	both(t, nil, func(t *testing.T, api *bmtest.Server, c *bmclient.Client) {
		api.AddHost("ins-2", map[string]string{"root": "another"})
		if _, err := c.Run(t.Context(), runKey, order()); err != nil {
			t.Fatal(err)
		}
		got, err := c.AllHosts(t.Context(), api.TaskIDs()[0])
		if err != nil || got.Total != 2 {
			t.Fatalf("%+v, %v", got, err)
		}
		good, bad := got.Hosts[0], got.Hosts[1]
		if good.State != bmclient.HostEnded || good.BadLogin() || good.Exit != 0 {
			t.Errorf("%+v", good)
		}
		if bad.State != bmclient.HostFailed || !bad.BadLogin() || bad.Exit != -1 || bad.Host != "ins-2" {
			t.Errorf("%+v, %s", bad, bad.Output)
		}
	})
}

// Only the host's own record tells that something else ran.
func TestDrift(t *testing.T) {
	both(t, nil, func(t *testing.T, api *bmtest.Server, c *bmclient.Client) {
		api.SetHost("ins-1", bmtest.HostBehaviour{Content: []byte("rm -rf /"), Parameters: []byte("-x")})
		if _, err := c.Run(t.Context(), runKey, order()); err != nil {
			t.Fatal(err)
		}
		got, err := c.AllHosts(t.Context(), api.TaskIDs()[0])
		if err != nil || string(got.Hosts[0].Content) != "rm -rf /" || string(got.Hosts[0].Parameters) != "-x" || string(got.Hosts[1].Content) != content {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// A script whose text is the base64 of another proves nothing about that other.
func TestRecordIsDecodedOnce(t *testing.T) {
	both(t, nil, func(t *testing.T, api *bmtest.Server, c *bmclient.Client) {
		const text = "ZWNobyBoaQ==" // of "echo hi"
		api.ChangeScript("cmd-nozcbhuw", []byte(text))
		if _, err := c.Run(t.Context(), runKey, order()); err != nil {
			t.Fatal(err)
		}
		got, err := c.AllHosts(t.Context(), api.TaskIDs()[0])
		if err != nil || string(got.Hosts[0].Content) != text || got.Hosts[0].Plain {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestTasksAsTheyAreListed(t *testing.T) {
	now, move := clock()
	both(t, []bmtest.Option{bmtest.Now(now)}, func(t *testing.T, api *bmtest.Server, c *bmclient.Client) {
		list := func() (ids []string) {
			got, err := c.Tasks(t.Context(), bmclient.Page{Limit: 100})
			if err != nil || got.Total != len(got.Tasks) {
				t.Errorf("%+v, %v", got, err)
			}
			for _, task := range got.Tasks {
				ids = append(ids, task.ID)
			}
			return ids
		}
		byHand := func() string {
			id, err := api.RunByHand("cmd-nozcbhuw", []string{"ins-1", "ins-2"}, nil, []byte("-a -b"))
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		expect := func(why string, want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, list()); diff != "" {
				t.Errorf("%s: %s", why, diff)
			}
		}
		first := byHand()
		api.SetListing(bmtest.Listing{LateCalls: 2})
		second := byHand()
		expect("one call too early", first)
		_, err := c.Task(t.Context(), second, bmclient.Page{})
		if got, _ := c.Task(t.Context(), second, bmclient.Page{}); got.Total != 0 || err != nil && !errors.Is(err, bmclient.ErrNoTask) {
			t.Errorf("a task that is not known yet has hosts: %+v, %v", got, err)
		}
		if got := list(); len(got) != 2 || !slices.Contains(got, second) {
			t.Errorf("two calls later: %q", got)
		}
		api.SetListing(bmtest.Listing{OutOfOrder: true, Twice: true})
		if got := list(); len(got) != 4 || got[0] != got[1] || got[2] != got[3] {
			t.Errorf("out of order, twice: %q", got)
		}
	})
	move(time.Minute)
}

func TestTaskThatIsListedAMinuteLate(t *testing.T) {
	now, move := clock()
	api := startAPI(t, bmtest.Now(now))
	api.SetListing(bmtest.Listing{Late: time.Minute})
	c := newClient(t, api.URL(), func(c *bmclient.Config) { c.Now = now })
	if _, err := c.Run(t.Context(), runKey, order()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{0, 0, 1} {
		got, err := c.Tasks(t.Context(), bmclient.Page{})
		if err != nil || got.Total != want {
			t.Errorf("%d tasks, %v; want %d", got.Total, err, want)
		}
		move(30 * time.Second)
	}
}

// A host takes its time by the server's clock, and one that never ends does not.
func TestHostsEnd(t *testing.T) {
	now, move := clock()
	api := startAPI(t, bmtest.Now(now))
	api.SetHost("ins-1", bmtest.HostBehaviour{Takes: 90 * time.Second})
	api.SetHost("ins-2", bmtest.HostBehaviour{NeverEnds: true})
	c := newClient(t, api.URL(), func(c *bmclient.Config) { c.Now = now })
	if _, err := c.Run(t.Context(), runKey, order()); err != nil {
		t.Fatal(err)
	}
	id, began := api.TaskIDs()[0], now()
	for _, want := range []bmclient.HostState{bmclient.HostRunning, bmclient.HostRunning, bmclient.HostEnded} {
		got, err := c.AllHosts(t.Context(), id)
		if err != nil || got.Hosts[0].State != want || got.Hosts[1].State != bmclient.HostRunning {
			t.Errorf("%+v, %v", got, err)
		}
		move(50 * time.Second)
	}
	api.EndTask(id)
	got, err := c.AllHosts(t.Context(), id)
	if err != nil || !got.Hosts[0].Finished.Equal(began.Add(90*time.Second)) || got.Hosts[1].State != bmclient.HostRunning {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestTwoHundredHosts(t *testing.T) {
	for _, most := range []int{100, 20} { // the largest page is not documented
		both(t, []bmtest.Option{bmtest.MostRows(most)}, func(t *testing.T, api *bmtest.Server, c *bmclient.Client) {
			r := order()
			r.Hosts = manyHosts(api, 201)
			if _, err := c.Run(t.Context(), runKey, r); err != nil {
				t.Fatal(err)
			}
			got, err := c.AllHosts(t.Context(), api.TaskIDs()[0])
			if err != nil || got.Total != 201 || len(got.Hosts) != 201 {
				t.Fatalf("%d of %d, %v", len(got.Hosts), got.Total, err)
			}
			for i, h := range got.Hosts {
				if h.Host != r.Hosts[i] {
					t.Fatalf("host %d is %s, want %s", i, h.Host, r.Hosts[i])
				}
			}
			if calls := api.Count("GetUserCmdTaskDetailList"); calls > 12 {
				t.Errorf("%d calls", calls)
			}
		})
	}
}

// 5 MB, not UTF-8, come through whole.
func TestLongOutput(t *testing.T) {
	both(t, nil, func(t *testing.T, api *bmtest.Server, c *bmclient.Client) {
		long := bytes.Repeat([]byte("0123456789abcd\xff\n"), 5<<16)
		api.SetHost("ins-1", bmtest.HostBehaviour{Output: long})
		if _, err := c.Run(t.Context(), runKey, order()); err != nil {
			t.Fatal(err)
		}
		got, err := c.AllHosts(t.Context(), api.TaskIDs()[0])
		if err != nil || !bytes.Equal(got.Hosts[0].Output, long) {
			t.Errorf("%v", err)
		}
	})
}

func TestEachHostEndsWithItsCaller(t *testing.T) {
	api := startAPI(t)
	c := newClient(t, api.URL())
	if _, err := c.Run(t.Context(), runKey, order()); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	n := 0
	total, err := c.EachHost(t.Context(), api.TaskIDs()[0], func(bmclient.HostRun) error { n++; return enough })
	if err != enough || n != 1 || total != 2 {
		t.Errorf("%d hosts of %d, %v", n, total, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.EachHost(ctx, api.TaskIDs()[0], func(bmclient.HostRun) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// A host that comes on two pages, because it moved, is handed on once; a page that is empty too soon ends it.
func TestEachHostWhileRowsMove(t *testing.T) {
	pages := []string{
		`{"totalNum":"4","list":[{"instanceId":"a","status":0},{"instanceId":"b","status":0}]}`,
		`{"totalNum":"4","list":[{"instanceId":"b","status":0}]}`,
		`{"totalNum":"4","list":[]}`,
	}
	api := startAPI(t)
	for _, p := range pages {
		api.FailNext("", bmtest.Fault{Body: `{"code":0,"data":` + p + `}`}, 1)
	}
	got, err := newClient(t, api.URL()).AllHosts(t.Context(), "t")
	if err != nil || got.Total != 4 || len(got.Hosts) != 2 || api.Count("") != 0 || len(api.Calls()) != 3 {
		t.Errorf("%+v, %v, %d calls", got, err, len(api.Calls()))
	}
}

// The filter of 3.0 may be less exact than hoped: only the row of the very id is the script.
func TestScriptAmongOthers(t *testing.T) {
	row := func(id string) string {
		return `{"CmdId":"` + id + `","Content":"aGk=","Alias":"` + id + `"}`
	}
	tests := []struct {
		why, rows string
		total     int
		want      string
		noScript  bool
	}{
		{"alone", row("cmd-1"), 1, "cmd-1", false},
		{"behind one that begins alike", row("cmd-11") + "," + row("cmd-1"), 2, "cmd-1", false},
		{"only others: perhaps on another page", row("cmd-11"), 1, "", false},
		{"a page of others: the filter was not heeded", row("cmd-11"), 400, "", false},
		{"none", "", 0, "", true},
		{"none, though some are counted", "", 3, "", false},
	}
	for _, tt := range tests {
		api := startAPI(t)
		api.FailNext("DescribeUserCmds", bmtest.Fault{Body: fmt.Sprintf(`{"Response":{"TotalCount":%d,"UserCmds":[%s],"RequestId":"r"}}`, tt.total, tt.rows)}, 1)
		got, err := newClient(t, "", on3(api)).Script(t.Context(), "cmd-1")
		if got.CmdID != tt.want || (err == nil) != (tt.want != "") || errors.Is(err, bmclient.ErrNoScript) != tt.noScript {
			t.Errorf("%s: %+v, %v", tt.why, got, err)
		}
	}
	api := startAPI(t)
	if _, err := newClient(t, "", on3(api)).Script(t.Context(), "cmd-gone"); !errors.Is(err, bmclient.ErrNoScript) {
		t.Errorf("from the server: %v", err)
	}
}

// A list is repeated like any read.
func TestListGetsThrough(t *testing.T) {
	both(t, nil, func(t *testing.T, api *bmtest.Server, c *bmclient.Client) {
		api.FailNext("GetUserCmdTaskList", bmtest.Fault{Drop: bmtest.DropBefore}, 1)
		api.FailNext("GetUserCmdTaskList", bmtest.Fault{Code: 6000}, 1)
		api.FailNext("GetUserCmdTaskList", bmtest.Fault{Code: 4400}, 1)
		if _, err := c.Tasks(t.Context(), bmclient.Page{}); err != nil || api.Count("GetUserCmdTaskList") != 4 {
			t.Errorf("%v after %d sends", err, api.Count("GetUserCmdTaskList"))
		}
	})
}
