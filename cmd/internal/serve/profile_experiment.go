//go:build experiment

package serve

import (
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

// With BMCMD_EXPERIMENT_PROFILE=FILE a first SIGUSR1 begins a profile of the CPU, and a second
// one writes it there, and says so in a line on standard error. A bmcmd that is not built with the tag experiment has nothing of it.
func init() {
	name := os.Getenv("BMCMD_EXPERIMENT_PROFILE")
	if name == "" {
		return
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGUSR1)
	go func() {
		<-signals
		f, err := os.Create(name)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			tell(map[string]any{"experiment": "profile", "error": err.Error()})
			return
		}
		<-signals
		pprof.StopCPUProfile()
		_ = f.Close()
		tell(map[string]any{"experiment": "profile", "file": name})
	}()
}
