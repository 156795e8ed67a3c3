package load

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/cmd/internal/world"
)

// tick is the unit in which Linux counts a process's time for programs that read /proc.
const tick = 10 * time.Millisecond

// cpu is how long a process has used a processor, for itself and in the kernel.
func cpu(p *world.Process) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
	if err != nil {
		return 0, err
	}
	return cpuIn(string(text))
}

// cpuIn reads /proc/PID/stat. The second field is a name in parentheses, with whatever in it.
func cpuIn(stat string) (time.Duration, error) {
	_, after, _ := strings.Cut(stat[strings.LastIndexByte(stat, ')')+1:], " ")
	fields := strings.Fields(after) // the first is the third
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/PID/stat is not as expected: %q", stat)
	}
	var sum time.Duration
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}

// memory is how much of a process is in memory, now and at most so far, in bytes.
func memory(p *world.Process) (now, peak int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return 0, 0, err
	}
	return kilobytes(string(text), "VmRSS"), kilobytes(string(text), "VmHWM"), nil
}

// kilobytes finds a line such as "VmRSS:   1234 kB", and gives bytes; 0 if there is none.
func kilobytes(status, name string) int64 {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n << 10
		}
	}
	return 0
}

// loadAverage is what the machine says of itself: of the last 1, 5 and 15 minutes.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}
