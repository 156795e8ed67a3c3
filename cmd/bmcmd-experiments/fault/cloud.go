package fault

import (
	"time"

	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// cloudFaults are what the script API does with runs. A run may take 3 s by the config.
func cloudFaults() []Fault {
	all := []Fault{
		{name: "api-away", what: "the API answers every call with 502", do: always(world.Object{"action": "", "fault": world.Object{"status": 502}})},
		{name: "api-late", what: "the API answers runs 1.5 s late", do: always(world.Object{"action": "RunUserCmd", "delay_ms": 1500})},
		{name: "api-too-late", what: "the API begins with runs when nobody waits for its answer any more", do: always(world.Object{"action": "RunUserCmd", "delay_ms": 3500})},
		{name: "api-never", what: "the API carries runs out and never answers", do: always(world.Object{"action": "RunUserCmd", "fault": world.Object{"hang": true, "execute": true}})},
		{name: "api-swallows", what: "the API takes runs, does nothing and never answers", do: always(world.Object{"action": "RunUserCmd", "fault": world.Object{"hang": true}})},
	}
	for _, f := range all { // where a run carries its name, and is found by it
		f.name, f.what, f.api = "tat-"+f.name, f.what+", on TAT", "tat"
		all = append(all, f)
	}
	return all
}

// always has the calls of a plan go wrong for a while.
func always(plan world.Object) func(*rig) {
	return func(r *rig) {
		plan["always"] = true
		r.Cloud.Post("fault", plan)
		r.pause(5 * time.Second)
		r.Cloud.Post("heal", world.Object{})
	}
}
