package fault

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

func redisFaults() []Fault {
	return []Fault{
		{name: "redis-stopped", what: "Redis is stopped for 4 s and started again with its data", do: func(r *rig) {
			r.stopRedis()
			r.pause(4 * time.Second)
			r.Redis.Start()
		}},
		{name: "redis-restarted", what: "Redis is killed and started again at once, three times", do: func(r *rig) {
			for range 3 {
				r.Redis.Kill()
				r.Redis.Start()
				r.pause(time.Second)
			}
		}},
		{name: "redis-frozen", what: "Redis stands still for 6 s, longer than any wait for a reply", do: func(r *rig) {
			r.Redis.Freeze()
			r.pause(6 * time.Second)
			r.Redis.Thaw()
		}},
		{name: "aof-cut", what: "Redis is killed and its file loses the last 4 KB", forgets: true, do: func(r *rig) {
			r.awaitState(approvals.Succeeded, 3)
			r.Redis.Kill()
			r.cutFile(4 << 10)
			r.Redis.Start()
		}},
		{
			name: "older-copy", what: "Redis is started from a copy taken before a claim, after that run was sent", forgets: true,
			plans: func() []plan { return make([]plan, 3) }, do: (*rig).olderCopy,
		},
	}
}

// stopRedis is SIGTERM, as an administrator stops it.
func (r *rig) stopRedis() {
	_ = r.Redis.Proc.Cmd.Process.Signal(syscall.SIGTERM)
	<-r.Redis.Proc.Ended
}

// cutFile takes the last n bytes from the file that Redis appends to.
func (r *rig) cutFile(n int64) {
	files, err := filepath.Glob(filepath.Join(r.Redis.Dir, "appendonlydir", "*.incr.aof"))
	if err != nil || len(files) == 0 {
		r.T.Fatalf("there is no append-only file in %s: %v", r.Redis.Dir, err)
	}
	info, err := os.Stat(files[len(files)-1])
	if err == nil {
		err = os.Truncate(files[len(files)-1], max(0, info.Size()-n))
	}
	if err != nil {
		r.T.Fatalf("%v", err)
	}
}

// olderCopy copies Redis' files when a run is approved and not claimed yet, which a
// slow second look at the script makes long enough to see, and brings the copy back
// when it was sent.
func (r *rig) olderCopy() {
	r.begun.Wait()
	r.awaitState(approvals.Succeeded, 3)
	r.Cloud.Slow("GetUserCmd", 50) // the look-up before the card
	r.Cloud.Slow("GetUserCmd", 1500)
	r.talk(plan{ends: approving})
	r.awaitState(approvals.Approved, 1)
	copied := filepath.Join(r.T.TempDir(), "copy")
	files := filepath.Join(r.Redis.Dir, "appendonlydir")
	if err := os.CopyFS(copied, os.DirFS(files)); err != nil {
		r.T.Fatalf("%v", err)
	}
	r.awaitState(approvals.Succeeded, 4)
	r.Redis.Kill()
	if err := os.RemoveAll(files); err != nil {
		r.T.Fatalf("%v", err)
	}
	if err := os.CopyFS(files, os.DirFS(copied)); err != nil {
		r.T.Fatalf("%v", err)
	}
	r.Redis.Start()
}

// awaitState waits until n requests are in a state.
func (r *rig) awaitState(state approvals.State, n int) {
	r.T.Helper()
	var have []string
	for began := time.Now(); time.Since(began) < patience && r.ctx.Err() == nil; r.pause(20 * time.Millisecond) {
		all, err := r.records()
		if err != nil {
			continue
		}
		have = nil
		in := 0
		for _, k := range all {
			have = append(have, string(k.State))
			if k.State == state {
				in++
			}
		}
		if in >= n {
			return
		}
	}
	r.T.Fatalf("no %d requests are %s; there are: %s", n, state, strings.Join(have, ", "))
}

// awaitRecord waits until a request is as it should be.
func (r *rig) awaitRecord(id string, is func(approvals.Kept) bool) {
	r.T.Helper()
	store, client := r.store()
	defer client.Close()
	var k approvals.Kept
	var err error
	for began := time.Now(); time.Since(began) < patience && r.ctx.Err() == nil; r.pause(50 * time.Millisecond) {
		if k, err = store.Load(r.ctx, id); err == nil && is(k) {
			return
		}
	}
	r.T.Fatalf("%s is still %s, %v", id, k.State, err)
}
