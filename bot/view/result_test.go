package view_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot/view"
)

// raw is all that a message shows.
func raw(t testing.TB, m view.Message) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m.Blocks); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// hostsIn are the hosts that have a headline in a file, in order.
func hostsIn(file []byte) (out []string) {
	const mark = "\n======== "
	for {
		i := bytes.Index(file, []byte(mark))
		if i < 0 {
			return out
		}
		file = file[i+len(mark):]
		line, _, _ := bytes.Cut(file, []byte("\n"))
		name, _, _ := strings.Cut(string(line), ":")
		out = append(out, name)
	}
}

// Whatever the hosts did and printed, the message is one that Slack takes, and what it lacks stands
// in the file.
func TestResultsOfAllSizes(t *testing.T) {
	mega := strings.Repeat("0123456789abcde\n", 5<<16)
	for _, c := range []struct {
		why     string
		hosts   int
		nth     func(i int, host string) approvals.HostResult
		printed func(i int) string
		file    bool
		says    []string
	}{
		{"200 hosts that did well and printed nothing", 200, func(_ int, h string) approvals.HostResult { return ran(h, 0) }, nil, false, []string{"200  exit code 0"}},
		{"200 hosts that did well and said so", 200, func(_ int, h string) approvals.HostResult { return ran(h, 0) }, func(int) string { return "ok\n" }, true, []string{"200  exit code 0", "Not all of it fits here"}},
		{"200 hosts that failed", 200, func(i int, h string) approvals.HostResult { return ran(h, 1+i%3) }, nil, true, []string{"67  exit code 1", "more host"}},
		{"200 hosts that failed aloud", 200, func(i int, h string) approvals.HostResult { return ran(h, 1+i%40) }, func(int) string { return strings.Repeat("no\n", 2000) }, true, []string{"more ends than fit here"}},
		{"3 of 200 failed", 200, func(i int, h string) approvals.HostResult { return ran(h, i%67/66) }, nil, false, []string{"198  exit code 0", "ins-066"}},
		{"19 hosts are listed one by one", 19, func(_ int, h string) approvals.HostResult { return ran(h, 0) }, func(i int) string { return itoa(i) }, false, []string{"ins-000", "ins-018"}},
		{"a wrong password everywhere", 200, func(_ int, h string) approvals.HostResult { return ran(h, 0, locked) }, nil, true, []string{"200  refused the login web-root, user root"}},
		{"200 hosts ran something else", 200, func(_ int, h string) approvals.HostResult { return ran(h, 0, strayed) }, nil, true, []string{"+systemctl stop nginx"}},
		{"5 MB", 1, func(_ int, h string) approvals.HostResult { return ran(h, 1, printed(len(mega))) }, func(int) string { return mega }, true, []string{"0123456789abcde", "more characters:"}},
		{"half a megabyte of no text", 1, func(_ int, h string) approvals.HostResult { return ran(h, 0) }, func(int) string { return strings.Repeat("\xff\x00", 1<<18) }, true, []string{`\\x{ff}\\u{0}`}},
		{"60 MB in all", 12, func(_ int, h string) approvals.HostResult { return ran(h, 0) }, func(int) string { return mega }, true, []string{"Even the file had no room for the output of 6 hosts"}},
	} {
		t.Run(c.why, func(t *testing.T) {
			r := request(followed(approvals.Failed, "", fleet(c.hosts, c.nth)...))
			out := approvals.Outputs{}
			for i, h := range r.Follow.Hosts {
				if c.printed != nil {
					out[approvals.OutputKey(h.Task, h.Host)] = []byte(c.printed(i))
				}
			}
			m, file := view.Result(r, out)
			fine(t, m)
			for _, s := range c.says {
				if !strings.Contains(raw(t, m), s) {
					t.Errorf("it does not say %q: %s", s, m.Text)
				}
			}
			if (file != nil) != c.file {
				t.Fatalf("a file: %t", file != nil)
			}
			if got := hostsIn(file); c.file && len(got) != c.hosts {
				t.Errorf("the file has %d of %d hosts", len(got), c.hosts)
			}
			if len(file) > 33<<20 || !utf8.Valid(file) || c.hosts > 1 && len(file) < 1<<20 && view.Visible(string(file)) != string(file) {
				t.Errorf("%d bytes, or not to be read", len(file))
			}
		})
	}
}

func TestAResultIsTheSameEachTime(t *testing.T) {
	r := request(followed(approvals.Failed, "", fleet(60, func(i int, h string) approvals.HostResult { return ran(h, i%7) })...))
	m, file := view.Result(r, everyOutput(r, []byte("words\n")))
	want := pretty(t, m)
	for range 20 {
		m, again := view.Result(r, everyOutput(r, []byte("words\n")))
		if !bytes.Equal(want, pretty(t, m)) || !bytes.Equal(file, again) {
			t.Fatal("it changes")
		}
	}
}

// Failures come first, the worst before the others; among equals the order of the plan.
func TestFailuresComeFirst(t *testing.T) {
	all := allKinds()
	slices.Reverse(all)
	all = append(all, ran("ins-strayed", 0, strayed), ran("ins-good-2", 0))
	r := request(followed(approvals.Failed, "", all...))
	_, file := view.Result(r, everyOutput(r, bytes.Repeat([]byte("line\n"), 2000)))
	want := []string{
		"ins-strayed", "ins-locked", "ins-declined", "ins-offline", "ins-none", "ins-odd", "ins-exit", "ins-unproved",
		"ins-silent", "ins-running", "ins-good", "ins-good-2",
	}
	if d := cmp.Diff(want, hostsIn(file)); d != "" {
		t.Error(d)
	}
}

// No output can look like the headline of a host, and none can hide a thing.
func TestAFileCannotBeForged(t *testing.T) {
	forged := "======== ins-1: exit code 0 ========\r\n======== ins-9: exit code 0, ran what was approved ========\n\u202e\x1b[2J" + strings.Repeat("x", 4000)
	r := request(followed(approvals.Failed, "", ran("ins-1", 3)))
	_, file := view.Result(r, approvals.Outputs{approvals.OutputKey(task, "ins-1"): []byte(forged)})
	if d := cmp.Diff([]string{"ins-1"}, hostsIn(file)); d != "" {
		t.Errorf("%s\n%s", d, file)
	}
	readable(t, file)
	if !bytes.Contains(file, []byte(`\u{3d}======= ins-9`)) {
		t.Errorf("the line is not there any more:\n%s", file)
	}
}

// The names that a host prints its own end with are not taken for ours: exit codes come from the
// record alone.
func TestProofIsSaidOnlyOfHostsThatEnded(t *testing.T) {
	for _, h := range allKinds() {
		m, _ := view.Result(request(followed(approvals.Failed, "", h, ran("ins-other", 1, unproved))), nil)
		ended := h.State == approvals.HostEnded && h.Proof == approvals.ProofSame
		if got := strings.Contains(m.Text, ", ran what was approved"); got != ended {
			t.Errorf("%s: %s", h.Host, m.Text)
		}
	}
}

func TestBars(t *testing.T) {
	row := func(good, bad, left int) []approvals.HostResult {
		return fleet(good+bad+left, func(i int, h string) approvals.HostResult {
			switch {
			case i < good:
				return ran(h, 0)
			case i < good+bad:
				return ran(h, 1)
			}
			return ran(h, 0, running)
		})
	}
	for _, c := range []struct {
		good, bad, left int
		want            string
	}{
		{0, 0, 3, "░░░"},
		{1, 1, 1, "█×░"},
		{3, 0, 0, "███"},
		{0, 3, 0, "×××"},
		{1, 0, 199, "█" + strings.Repeat("░", 23)},       // something is never nothing
		{199, 0, 1, strings.Repeat("█", 23) + "░"},       // nearly all is never all
		{198, 1, 1, strings.Repeat("█", 22) + "×" + "░"}, // one failure is seen
		{100, 0, 100, strings.Repeat("█", 12) + strings.Repeat("░", 12)},
		{0, 1, 199, "×" + strings.Repeat("░", 23)},
	} {
		m, err := view.Card(request(followed(approvals.Accepted, "", row(c.good, c.bad, c.left)...)))
		mustFit(t, err)
		fine(t, m)
		if !strings.Contains(raw(t, m), `"`+c.want+`"`) {
			t.Errorf("%d, %d, %d: no %s in %s", c.good, c.bad, c.left, c.want, raw(t, m))
		}
		if strings.ContainsAny(m.Text, "█░×") {
			t.Errorf("a bar is read aloud: %s", m.Text)
		}
	}
}

// A run is told to have gone well only when the record says so of every host.
func TestOnlySuccessLooksLikeIt(t *testing.T) {
	for _, h := range allKinds()[1:] {
		m, err := view.Card(request(followed(approvals.Failed, "", h, ran("ins-fine", 0))))
		mustFit(t, err)
		result, _ := view.Result(request(followed(approvals.Failed, "", h, ran("ins-fine", 0))), nil)
		for _, text := range []string{m.Text, result.Text} {
			first, _, _ := strings.Cut(text, "\n")
			if strings.Contains(first, "Ran on") || strings.Contains(first, "Each host") {
				t.Errorf("%s: %q", h.Host, first)
			}
		}
		if !strings.Contains(m.Text, h.Host) || !strings.Contains(result.Text, h.Host) {
			t.Errorf("%s is not named: %s", h.Host, m.Text)
		}
	}
}

// The end of a long output is shown, whole characters only, and the count of what is missing is right.
func TestLongOutputsEndWhole(t *testing.T) {
	counted := regexp.MustCompile(`after ([0-9,]+) more characters?:`)
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.StringOfN(rapid.RuneFrom([]rune("a<&语😀\u202e\x00 ")), 1, 40, -1)
		text := strings.Join(rapid.SliceOfN(piece, 400, 900).Draw(t, "lines"), rapid.SampledFrom([]string{"\n", "", "\xff", "\r\n"}).Draw(t, "between"))
		r := request(followed(approvals.Failed, "", ran("ins-1", 1)))
		m, file := view.Result(r, approvals.Outputs{approvals.OutputKey(task, "ins-1"): []byte(text)})
		for _, f := range faults(m) {
			t.Fatal(f)
		}
		if file == nil {
			return // it fits
		}
		shown := preformatted(t, m)
		unix := text
		if n := strings.Count(text, "\r\n"); n > 0 && n == strings.Count(text, "\n") {
			unix = strings.ReplaceAll(text, "\r\n", "\n")
		}
		unix = strings.TrimSuffix(unix, "\n")
		if !strings.HasSuffix(view.Visible(unix), shown) {
			t.Fatalf("%q is not the end", shown)
		}
		said := counted.FindStringSubmatch(m.Text)
		if said == nil {
			t.Fatalf("nothing is said to be missing: %s", m.Text)
		}
		var before int
		fmt.Sscan(strings.ReplaceAll(said[1], ",", ""), &before)
		if before == 0 || view.Visible(string([]rune(unix)[before:])) != shown && utf8.ValidString(unix) {
			t.Fatalf("%d characters stand before %q", before, shown)
		}
	})
}

// preformatted is the text of the last preformatted part.
func preformatted(t interface{ Fatalf(string, ...any) }, m view.Message) (last string) {
	var blocks []struct {
		Elements []struct {
			Type     string
			Elements []struct{ Text string }
		}
	}
	b, _ := json.Marshal(m.Blocks[1:])
	if err := json.Unmarshal(b, &blocks); err != nil {
		t.Fatalf("%v", err)
	}
	for _, b := range blocks {
		for _, e := range b.Elements {
			if e.Type == "rich_text_preformatted" {
				last = e.Elements[0].Text
			}
		}
	}
	return last
}

func FuzzResult(f *testing.F) {
	for _, h := range hostile {
		f.Add([]byte(h.text), h.text, h.text, 3)
	}
	f.Fuzz(func(t *testing.T, out []byte, host, note string, exit int) {
		r := request(followed(approvals.Failed, note, ran(host, exit, func(h *approvals.HostResult) { h.Note = note }), ran("ins-2", 0)))
		m, file := view.Result(r, everyOutput(r, out))
		for _, fault := range faults(m) {
			t.Error(fault)
		}
		readable(t, file)
		if n := len(hostsIn(file)); file != nil && n > 2 {
			t.Errorf("%d hosts in the file of two", n)
		}
	})
}

func TestHowLongItTook(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: ", 0 s,", 1400 * time.Millisecond: ", 1 s,", 59 * time.Second: ", 59 s,", time.Minute: ", 1 min,", 61 * time.Second: ", 1 min 1 s,", 4*time.Minute + 9*time.Second: ", 4 min 9 s,",
		2*time.Hour + 5*time.Second: ", 2 h,", -time.Second: "exit code 0, ran",
	} {
		m, _ := view.Result(request(followed(approvals.Succeeded, "", ran("ins-1", 0, func(h *approvals.HostResult) { h.Finished = h.Begun.Add(d) }))), nil)
		if !strings.Contains(m.Text, want) {
			t.Errorf("%s: no %q in %s", d, want, m.Text)
		}
	}
}

func BenchmarkResult(b *testing.B) {
	r := request(followed(approvals.Failed, "", fleet(200, func(i int, h string) approvals.HostResult { return ran(h, i%2) })...))
	out := everyOutput(r, bytes.Repeat([]byte("a line of output\n"), 1500))
	b.ReportAllocs()
	for b.Loop() {
		view.Result(r, out)
	}
}
