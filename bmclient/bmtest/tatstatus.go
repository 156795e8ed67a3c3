package bmtest

import "time"

// The statuses that a host of an invocation may have.
const (
	tatPending    = "PENDING"
	tatDelivering = "DELIVERING"
	tatDelayed    = "DELIVER_DELAYED"
	tatRunning    = "RUNNING"
	tatCancelling = "CANCELLING"
	tatUndeliver  = "DELIVER_FAILED"
	tatNoStart    = "START_FAILED"
	tatSuccess    = "SUCCESS"
	tatFailed     = "FAILED"
	tatTimeout    = "TIMEOUT"
	tatCancelled  = "CANCELLED"
	tatKilled     = "TERMINATED"
)

// starts is when a host begins to run what it was sent.
func (h *hostRun) starts() time.Time { return h.begun.Add(h.as.Waits + h.as.Delayed) }

// startedAt is zero where nothing ran, or nothing yet.
func (h *hostRun) startedAt(now time.Time) time.Time {
	switch h.word {
	case tatUndeliver, tatNoStart, tatCancelled:
		return time.Time{}
	}
	if now.Before(h.starts()) {
		return time.Time{}
	}
	return h.starts()
}

// statusTAT is a host's status once it is settled.
func (h *hostRun) statusTAT(now time.Time) string {
	switch {
	case h.word != "":
		return h.word
	case h.as.Word != "" && h.as.NeverEnds:
		return h.as.Word
	case !h.stopAt.IsZero():
		return tatCancelling
	case !now.Before(h.starts()):
		return tatRunning
	case now.Before(h.begun.Add(h.as.Waits / 2)):
		return tatPending
	case h.as.Delayed > 0 && !now.Before(h.begun.Add(h.as.Waits)):
		return tatDelayed
	}
	return tatDelivering
}

// settle ends what has taken its time: by itself, by the timeout of TAT, or by a cancel.
func (h *hostRun) settle(now time.Time) {
	if !h.running {
		return
	}
	done, word := h.starts().Add(h.as.Takes), ""
	if limit := h.starts().Add(h.timeout); h.timeout > 0 && limit.Before(done) {
		done, word = limit, tatTimeout
	}
	if h.as.Manual || h.as.NeverEnds {
		done = now.Add(time.Hour)
	}
	if kill := h.stopAt.Add(h.as.StopTakes); !h.stopAt.IsZero() && kill.Before(done) {
		done, word = kill, tatKilled
	}
	if !now.Before(done) {
		h.finish(done, word)
	}
}

// end is how a host ends that nobody has stopped.
func (h *hostRun) end(at time.Time) { h.finish(at, "") }

// finish ends a host; the word says how, or else what was said of the host.
func (h *hostRun) finish(at time.Time, word string) {
	h.running, h.ended, h.status, h.output = false, at, h.as.Status, h.as.Output
	switch {
	case word != "":
		h.word = word
	case h.as.Word != "":
		h.word = h.as.Word
	case h.status > 0:
		h.word = tatUndeliver
	case h.as.Exit == 0:
		h.word = tatSuccess
	default:
		h.word = tatFailed
	}
	switch {
	case h.word == tatSuccess || h.word == tatFailed:
		h.exit = h.as.Exit
	case h.status == 0:
		h.status = 1
	}
}

// cancel takes back what waits and stops what runs. What has ended stays.
func (h *hostRun) cancel(now time.Time) {
	h.settle(now)
	switch {
	case !h.running || !h.stopAt.IsZero():
	case now.Before(h.starts()):
		h.finish(now, tatCancelled)
		h.output = nil
	default:
		h.stopAt = now
	}
}

// times are when the first host began and when all had ended.
func (t *task) times(now time.Time) (begun, ended time.Time) {
	for _, h := range t.hosts {
		if at := h.startedAt(now); !at.IsZero() && (begun.IsZero() || at.Before(begun)) {
			begun = at
		}
	}
	_, _, _, ended = t.state()
	return begun, ended
}

// statusTAT sums up the hosts.
func (t *task) statusTAT(now time.Time) string {
	n := map[string]int{}
	running := 0
	for _, h := range t.hosts {
		word := h.statusTAT(now)
		n[word]++
		if h.running {
			running++
		}
	}
	all := len(t.hosts)
	cancelled := n[tatCancelled] + n[tatKilled]
	switch {
	case n[tatCancelling] > 0:
		return tatCancelling
	case n[tatPending] == all:
		return tatPending
	case running > 0:
		return tatRunning
	case n[tatSuccess] == all:
		return tatSuccess
	case n[tatTimeout] == all:
		return tatTimeout
	case cancelled == all:
		return tatCancelled
	case cancelled > 0:
		return "PARTIAL_CANCELLED"
	case n[tatSuccess] > 0:
		return "PARTIAL_FAILED"
	}
	return tatFailed
}
