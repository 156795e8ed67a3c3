package world

import (
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

// Cloud looks into bmtestd and makes it fail.
type Cloud struct {
	Admin
	API, API3 string // where each version answers
	Proc      *Process
}

// startCloud starts bmtestd with some scripts and hosts.
func startCloud(w *World, change func(*World, Object)) *Cloud {
	t := w.T
	t.Helper()
	hosts := Object{"ins-db1": Object{"root": w.Secrets["db"]}}
	for _, h := range []string{"ins-web1", "ins-web2", "ins-web3"} {
		hosts[h] = Object{"root": w.Secrets["web"]}
	}
	state := Object{
		"scripts": []Object{
			{"cmd_id": "cmd-rst9w2kd", "alias": "restart-web", "content": "#!/bin/bash\nset -eu\nsystemctl restart \"${1:-nginx}\"\n"},
			{"cmd_id": "cmd-dropc4ch", "alias": "drop-cache", "content": "#!/bin/bash\nsync\necho 3 > /proc/sys/vm/drop_caches\n"},
		},
		"hosts": hosts,
		"keys": []Object{
			{"id": w.Secrets["read_id"], "secret": w.Secrets["read_key"], "token": w.Secrets["read_token"], "may": "read"},
			{"id": w.Secrets["run_id"], "secret": w.Secrets["run_key"], "may": "run"},
		},
		"check_logins": true,
	}
	if change != nil {
		change(w, state)
	}
	p := Start(t, nil, w.Programs.Path("bmtestd"), "-state", Write(t, filepath.Join(t.TempDir(), "state.json"), string(marshal(state))))
	return &Cloud{Admin: Admin{T: t, Base: p.Line("admin ") + "/"}, API: p.Line("api "), API3: p.Line("api3 "), Proc: p}
}

// Runs are the scripts that were started, oldest first.
func (c *Cloud) Runs() []bmtest.RanCmd { return Fetch[[]bmtest.RanCmd](c.Admin, "runs") }

// Sends counts what arrived of an action, carried out or not. A name of 2.0 means the actions of 3.0 and TAT that do the same, too.
func (c *Cloud) Sends(action string) (n int) {
	for _, call := range Fetch[[]bmtest.Call](c.Admin, "calls") {
		if call.Action == action || call.As2 == action {
			n++
		}
	}
	return n
}

// AwaitSends waits until n calls of an action have arrived.
func (c *Cloud) AwaitSends(action string, n int) {
	c.T.Helper()
	Until(c.T, fmt.Sprintf("%d calls of %s", n, action), func() (string, bool) {
		got := c.Sends(action)
		return strconv.Itoa(got), got >= n
	})
}

// Fail has the next call of an action go wrong.
func (c *Cloud) Fail(action, fault string) {
	c.T.Helper()
	c.Post("fault", fmt.Sprintf(`{"action":%q,"n":1,"fault":%s}`, action, fault))
}

// Slow has the next call of an action take a while.
func (c *Cloud) Slow(action string, ms int) {
	c.T.Helper()
	c.Post("fault", fmt.Sprintf(`{"action":%q,"n":1,"delay_ms":%d}`, action, ms))
}
