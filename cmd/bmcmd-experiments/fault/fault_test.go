package fault

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// atOnce is how many faults happen at a time, each in a world of its own: they mostly
// wait.
const atOnce = 8

// TestFaults has everything go wrong that the experiment knows, one world each.
func TestFaults(t *testing.T) {
	for _, program := range []string{"redis-server", "redis-sentinel"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("there is no %s in PATH", program)
		}
	}
	programs, err := world.Build(t.TempDir(), "experiment")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	defer all.Wait()
	slots := make(chan struct{}, atOnce)
	for _, f := range Named(os.Getenv("BMCMD_FAULT")) {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			t.Run(f.name, func(t *testing.T) {
				rows := f.Run(t, programs)
				var b strings.Builder
				if Write(&b, rows) > 0 {
					t.Errorf("%s\n%s", f.what, &b)
				} else {
					t.Logf("\n%s", &b)
				}
				for _, r := range rows {
					if r.requests == 0 {
						t.Errorf("%s: nothing was asked for, so nothing was tried", r.name)
					}
				}
			})
		})
	}
}
