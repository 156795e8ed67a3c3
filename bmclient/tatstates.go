package bmclient

// taskStates are what each status of an invocation task proves of its host, from the meanings that the documents give it. Which are
// final is inferred from these.
var taskStates = map[string]HostState{
	// Not started; it may still be.
	"PENDING":         HostWaiting,
	"DELIVERING":      HostWaiting,
	"DELIVER_DELAYED": HostWaiting,
	// It runs, as far as is known.
	"RUNNING":    HostRunning,
	"CANCELLING": HostRunning,
	// Over, and for sure nothing ran.
	"DELIVER_FAILED": HostNever,
	"START_FAILED":   HostNever,
	"CANCELLED":      HostNever,
	// Over.
	"SUCCESS":    HostEnded,
	"FAILED":     HostEnded,
	"TIMEOUT":    HostKilled,
	"TERMINATED": HostKilled,
	// The agent is silent: it may have run, and may still.
	"TASK_TIMEOUT": HostLost,
}

// taskState is HostOther for a word that is not documented.
func taskState(word string) HostState { return taskStates[word] }

func (s HostState) ended() bool { return s > HostRunning && s != HostWaiting }

// invocationEnded are the final statuses of a whole invocation; PENDING, RUNNING and CANCELLING are not. They only sum up the tasks,
// which are what is followed.
var invocationEnded = map[string]bool{
	"SUCCESS": true, "FAILED": true, "TIMEOUT": true, "CANCELLED": true, "PARTIAL_FAILED": true, "PARTIAL_CANCELLED": true,
}
