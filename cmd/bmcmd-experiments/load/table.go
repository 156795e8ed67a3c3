package load

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
)

// report is what is written at the end.
type report struct {
	Experiment
	cores int
	load  string // of the machine, before it began
	began time.Time
	all   []*figures
}

// row is one line of a table: a figure of each column.
type row struct {
	name   string
	digits int
	of     func(*figures) float64
	aim    string
}

// column is one or two steps that are held side by side: with two, their ratio is a column, too.
type column struct {
	names [2]string
	of    [2]*figures
}

// find is the step that is so; nil if there is none.
func (r report) find(is func(step) bool) *figures {
	i := slices.IndexFunc(r.all, func(f *figures) bool { return is(f.step) })
	if i < 0 {
		return nil
	}
	return r.all[i]
}

// plain finds a step of the first part.
func (r report) plain(api string, atOnce int, yardstick bool) *figures {
	return r.find(func(s step) bool {
		return s.api == api && s.atOnce == atOnce && s.yardstick == yardstick && !s.apart && s.delay == 0 && !s.full
	})
}

// write writes all tables.
func (r report) write(out io.Writer) error {
	fmt.Fprintf(out, "%d cores, load %s before and %s after, %s; appendfsync %s; %d runs a step, of %d hosts that take a second\n",
		r.cores, r.load, loadAverage(), time.Since(r.began).Round(time.Second), r.all[0].fsync, r.Runs, hosts)
	for _, api := range r.APIs {
		var columns []column
		for _, n := range r.AtOnce {
			at := strconv.Itoa(n) + " at once"
			columns = append(columns, column{[2]string{at, "yardstick"}, [2]*figures{r.plain(api, n, false), r.plain(api, n, true)}})
		}
		if err := table(out, "On "+api, columns, costs); err != nil {
			return err
		}
	}
	if err := r.writeSingle(out); err != nil {
		return err
	}
	if err := table(out, fmt.Sprintf("With %s on each call of Slack and the cloud, one run at a time, in round trips of that", r.Delay),
		r.ofEach(func(s step) bool { return s.delay > 0 }), r.waits()); err != nil {
		return err
	}
	var full []column
	for _, api := range r.APIs {
		with := r.find(func(s step) bool { return s.api == api && s.full })
		full = append(full, column{[2]string{api + " so", "with none"}, [2]*figures{with, r.plain(api, r.middle(), false)}})
	}
	title := fmt.Sprintf("With %d open and %d finished requests in Redis, and %d tasks in the last minute's list, %d at once",
		r.Open, r.Finished, r.Tasks, r.middle())
	if err := table(out, title+"; the aim is at most 1.1 × for each", full, costs); err != nil {
		return err
	}
	r.writeFailed(out)
	return nil
}

// ofEach is one step for each API.
func (r report) ofEach(is func(step) bool) (columns []column) {
	for _, api := range r.APIs {
		f := r.find(func(s step) bool { return s.api == api && is(s) })
		columns = append(columns, column{[2]string{api}, [2]*figures{f}})
	}
	return columns
}

// costs are what a run costs, and how long people wait, in milliseconds.
var costs = []row{
	{"runs a second", 1, (*figures).second, ""},
	{"CPU of the bot, ms a run", 2, func(f *figures) float64 { return f.each(f.bot) }, "at most 6 × the yardstick's, and 4 ms"},
	{"CPU of Redis, ms a run", 2, func(f *figures) float64 { return f.each(f.redis) }, ""},
	{"CPU of the simulators, ms a run", 2, func(f *figures) float64 { return f.each(f.slack + f.cloud) }, ""},
	{"ack of a command, p50", 1, wait(50, ack), ""},
	{"  p99", 1, wait(99, ack), ""},
	{"ack of a press, p50", 1, wait(50, ackPress), ""},
	{"  p99", 1, wait(99, ackPress), ""},
	{"command → card, p50", 1, wait(50, toCard), ""},
	{"  p99", 1, wait(99, toCard), ""},
	{"click → RunUserCmd, p50", 1, wait(50, toCall), ""},
	{"  p99", 1, wait(99, toCall), ""},
	{"its answer → thread, p50", 1, wait(50, toReply), ""},
	{"  p99", 1, wait(99, toReply), ""},
	{"memory, MB", 0, func(f *figures) float64 { return float64(f.rss) / (1 << 20) }, ""},
	{"  at most so far", 0, func(f *figures) float64 { return float64(f.peak) / (1 << 20) }, ""},
	{"calls of the API a run, no lists", 1, (*figures).callsEach, ""},
	{"lists of tasks in all", 0, func(f *figures) float64 { return float64(f.calls[lists]) }, "at most 30 a minute"},
	{"  in seconds", 1, func(f *figures) float64 { return (f.took + f.rest).Seconds() }, ""},
	{"trips to Redis a run", 1, (*figures).trips, ""},
	{"KB sent to Redis a run", 1, func(f *figures) float64 { return f.sent() / 1000 }, ""},
	{"at rest after the last answer, s", 1, func(f *figures) float64 { return f.rest.Seconds() }, ""},
}

func wait(percent int, what func(*flow) time.Duration) func(*figures) float64 {
	return func(f *figures) float64 { return at(f.flows, percent, what) }
}

// waits are in round trips, but for the answer.
func (r report) waits() []row {
	unit := ms(r.Delay)
	trips := func(f func(*figures) float64) func(*figures) float64 {
		return func(x *figures) float64 { return f(x) / unit }
	}
	known := func(percent int, what func(*flow) time.Duration) func(*figures) float64 {
		return func(f *figures) float64 { _, others := first(f.flows); return at(others, percent, what) }
	}
	unknown := func(what func(*flow) time.Duration) func(*figures) float64 {
		return func(f *figures) float64 { one, _ := first(f.flows); return at(one, 50, what) }
	}
	return []row{
		{"command → card, p50", 2, trips(known(50, toCard)), "at most 1.1"},
		{"  most", 2, trips(known(100, toCard)), ""},
		{"  of the first run", 2, trips(unknown(toCard)), ""},
		{"click → RunUserCmd, p50", 2, trips(known(50, toCall)), "at most 1.3"},
		{"  most", 2, trips(known(100, toCall)), ""},
		{"  of the first run", 2, trips(unknown(toCall)), "at most 2.3"},
		{"its answer → thread, ms, p50", 1, known(50, toReply), "at most 20"},
		{"  most", 1, known(100, toReply), ""},
	}
}

// writeSingle writes what one run takes that comes alone.
func (r report) writeSingle(out io.Writer) error {
	columns := r.ofEach(func(s step) bool { return s.apart && s.hosts == hosts })
	rows := []row{{"calls of the API a run, no lists", 1, (*figures).callsEach, "at most 6 on 2.0"}}
	rows = append(rows, each(columns, func(f *figures) map[string]int { return f.calls })...)
	rows = append(rows, row{"calls of Slack a run", 1, (*figures).saysEach, ""})
	rows = append(rows, each(columns, func(f *figures) map[string]int { return f.said })...)
	rows = append(rows,
		row{"trips to Redis a run", 1, (*figures).trips, "at most 14"},
		row{"  a second without any run", 1, func(f *figures) float64 { return f.idleTrips }, ""},
		row{"KB sent to Redis a run", 1, func(f *figures) float64 { return f.sent() / 1000 }, ""},
		row{"KB kept in Redis of a run", 2, func(f *figures) float64 { return f.keeps() / 1000 }, "at most 4"},
		row{"  by MEMORY USAGE", 2, func(f *figures) float64 { return f.uses() / 1000 }, ""},
		row{"bytes kept of each further host", 0, func(f *figures) float64 {
			return further(f, r.find(func(s step) bool { return s.api == f.api && s.apart && s.hosts == manyHosts }))
		}, "at most 150"},
	)
	return table(out, fmt.Sprintf("One run after the other has come to rest, of %d hosts", hosts), columns, rows)
}

// further is how many bytes a run keeps for each host more.
func further(few, many *figures) float64 {
	return (many.keeps() - few.keeps()) / float64(many.hosts-few.hosts)
}

// each is a row for each name that is counted in any column, in order.
func each(columns []column, counts func(*figures) map[string]int) (rows []row) {
	names := map[string]bool{}
	for _, c := range columns {
		for name := range counts(c.of[0]) {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		rows = append(rows, row{"  " + name, 1, func(f *figures) float64 { return float64(counts(f)[name]) / f.n() }, ""})
	}
	return rows
}

// writeFailed says which steps are not whole.
func (r report) writeFailed(out io.Writer) {
	for _, f := range r.all {
		if f.failed > 0 {
			fmt.Fprintf(out, "\n%s: %d FAILED, the first: %v\n", f.step, f.failed, f.why)
		}
	}
}

// table writes rows of all columns, each with a ratio where it has two.
func table(out io.Writer, title string, columns []column, rows []row) error {
	fmt.Fprintf(out, "\n%s\n", title)
	tw := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, c := range columns {
		fmt.Fprintf(tw, "\t%s", c.names[0])
		if c.of[1] != nil {
			fmt.Fprintf(tw, "\t%s\tratio", c.names[1])
		}
	}
	fmt.Fprintln(tw, "\taim")
	for _, r := range rows {
		fmt.Fprint(tw, r.name)
		for _, c := range columns {
			a := r.of(c.of[0])
			fmt.Fprintf(tw, "\t%s", number(a, r.digits))
			if c.of[1] != nil {
				b := r.of(c.of[1])
				fmt.Fprintf(tw, "\t%s\t%s", number(b, r.digits), ratio(a, b, r.digits))
			}
		}
		fmt.Fprintf(tw, "\t%s\n", r.aim)
	}
	return tw.Flush()
}

// number is a figure, or a dash where there is none.
func number(v float64, digits int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}

// ratio is a in multiples of b, or a dash where b is shown as nothing.
func ratio(a, b float64, digits int) string {
	if math.IsNaN(a) || math.IsNaN(b) || b < math.Pow10(-digits)/2 {
		return number(math.NaN(), 0)
	}
	return number(a/b, 2) + " ×"
}
