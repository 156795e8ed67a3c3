package load

import (
	"math"
	"strings"
	"testing"
	"time"
)

// sample has 100 flows that waited 1 to 100 ms for everything.
func sample() *figures {
	began := time.Date(2026, 11, 3, 2, 0, 0, 0, time.UTC)
	f := &figures{
		step: step{api: "2.0", hosts: hosts}, took: 2 * time.Second, rest: 3 * time.Second, bot: time.Second, redis: 200 * time.Millisecond,
		slack: 100 * time.Millisecond, cloud: 50 * time.Millisecond, rss: 30 << 20, peak: 40 << 20,
		calls:   map[string]int{"RunUserCmd": 100, "GetUserCmd": 200, lists: 10},
		said:    map[string]int{"chat.postMessage": 300, "chat.update": 100},
		traffic: traffic{trips: 1010, bytes: 50_000}, idleTrips: 2, kept: size{bytes: 400_000, used: 500_000},
	}
	for n := range 100 {
		d := time.Duration(100-n) * time.Millisecond
		f.flows = append(f.flows, &flow{
			n: n, ack: d, ackPress: d, typed: began, card: began.Add(d), pressed: began, called: began.Add(d), answered: began, reply: began.Add(d),
		})
	}
	return f
}

func TestFigures(t *testing.T) {
	f := sample()
	many := sample()
	many.hosts, many.kept.bytes = hosts+10, 500_000
	_, others := first(f.flows)
	for _, tt := range []struct {
		why       string
		got, want float64
	}{
		{"runs a second are until the last answer", f.second(), 50},
		{"CPU is of a run", f.each(f.bot), 10},
		{"lists are no calls", f.callsEach(), 3},
		{"calls of Slack are another thing", f.saysEach(), 4},
		{"two trips a second are made in any case, for five seconds", f.trips(), 10},
		{"bytes that were sent", f.sent(), 500},
		{"bytes that are kept", f.keeps(), 4000},
		{"what Redis uses for them", f.uses(), 5000},
		{"a thousand bytes for ten hosts", further(f, many), 100},
		{"half wait longer", at(f.flows, 50, toCard), 51},
		{"one of a hundred", at(f.flows, 99, toCall), 100},
		{"none waits longer", at(f.flows, 100, toReply), 100},
		{"the first waited longest, and is not among the others", at(others, 100, ack), 99},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %v, want %v", tt.why, tt.got, tt.want)
		}
	}
	if !math.IsNaN(at(nil, 50, ack)) {
		t.Error("nobody waited, and that took a time")
	}
}

func TestRatio(t *testing.T) {
	for _, tt := range []struct {
		why    string
		a, b   float64
		digits int
		want   string
	}{
		{"a ratio", 3, 2, 0, "1.50 ×"},
		{"nothing of something", 0, 2, 0, "0.00 ×"},
		{"of nothing there is none", 3, 0, 1, "–"},
		{"nor of what is shown as nothing", 3, 0.04, 1, "–"},
		{"what is shown as something", 3, 0.06, 1, "50.00 ×"},
		{"no flow came to its end", math.NaN(), 1, 1, "–"},
	} {
		if got := ratio(tt.a, tt.b, tt.digits); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.why, got, tt.want)
		}
	}
}

func TestTable(t *testing.T) {
	half := sample()
	half.bot /= 2
	var out strings.Builder
	err := table(&out, "On 2.0", []column{
		{[2]string{"1 at once", "yardstick"}, [2]*figures{sample(), half}}, {[2]string{"alone"}, [2]*figures{half}},
	}, costs[:2])
	want := `
On 2.0
                          1 at once  yardstick  ratio   alone  aim
runs a second             50.0       50.0       1.00 ×  50.0   
CPU of the bot, ms a run  10.00      5.00       2.00 ×  5.00   at most 6 × the yardstick's, and 4 ms
`
	if err != nil || out.String() != want {
		t.Errorf("%v\n%s", err, &out)
	}
}

func TestProc(t *testing.T) {
	stat := "12 (a) b (c)) S 1 12 12 0 -1 4194560 100 0 0 0 250 50 7 7 20 0 8 0 1"
	if got, err := cpuIn(stat); err != nil || got != 3*time.Second {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := cpuIn("12 (a) S 1"); err == nil {
		t.Error("half a line was read")
	}
	if got := kilobytes("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n", "VmRSS"); got != 1<<20 {
		t.Error(got)
	}
}

// TestSteps holds that each yardstick comes just before what it measures, and has the same at once.
func TestSteps(t *testing.T) {
	e := Experiment{APIs: []string{"2.0", "tat"}, AtOnce: []int{1, 16, 64}, Runs: 10, Single: 2, Profile: "here"}
	var got []string
	for i, s := range e.steps() {
		if s.yardstick {
			next := e.steps()[i+1]
			if next.yardstick || next.api != s.api || next.atOnce != s.atOnce || s.runs != 4*next.runs {
				t.Errorf("%s comes before %s", s, next)
			}
		}
		if (s.profile != "") != (s.api == "2.0" && s.atOnce == 16 && !s.yardstick && !s.full) {
			t.Errorf("%s: profile %q", s, s.profile)
		}
		got = append(got, s.api)
	}
	if strings.Count(strings.Join(got, " "), "tat") != 10 || len(got) != 20 {
		t.Errorf("%d steps: %q", len(got), got)
	}
	if q := e.Quick(); len(q.APIs) != 1 || len(q.AtOnce) != 1 || q.AtOnce[0] != 16 {
		t.Errorf("%+v", q)
	}
}
