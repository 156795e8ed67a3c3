package redisstore

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bmcmd/bmcmd/approvals"
)

// every is each byte there is.
func every() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func TestOutputsComeBackAsTheyWere(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		if out, err := s.Outputs(t.Context(), "r-1"); err != nil || len(out) != 0 {
			t.Errorf("before any: %d, error %v", len(out), err)
		}
		first := approvals.Outputs{
			approvals.OutputKey("task-1", "ins-1"): every(),
			approvals.OutputKey("task-1", "ins-2"): []byte("ok\r\n\x00\xff {} \"'"),
			approvals.OutputKey("task-2", "ins-2"): {},
			approvals.OutputKey("", "ins 3\n"):     []byte("结束\n"),
		}
		second := approvals.Outputs{approvals.OutputKey("task-1", "ins-1"): []byte("other")}
		for _, want := range []approvals.Outputs{first, second} {
			keepOutputs(t, s, "r-1", want)
			got, err := s.Outputs(t.Context(), "r-1")
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("error %v:\n%s", err, diff)
			}
		}
		keepOutputs(t, s, "r-2", first)
		if out, err := s.Outputs(t.Context(), "r-3"); err != nil || len(out) != 0 {
			t.Errorf("another request's: %d, error %v", len(out), err)
		}
	})
}

// Two hundred hosts that print the same are kept in little.
func TestOutputsArePacked(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		want := approvals.Outputs{}
		for i := range 200 {
			want[approvals.OutputKey("task-1", fmt.Sprint("ins-", i))] = bytes.Repeat([]byte("nginx reloaded\n"), 1000)
		}
		keepOutputs(t, s, "r-1", want)
		got, err := s.Outputs(t.Context(), "r-1")
		if err != nil || !maps.EqualFunc(want, got, bytes.Equal) {
			t.Errorf("they came back otherwise, error %v", err)
		}
		packed := len(s.client.Get(t.Context(), s.keys.outputs("r-1")).Val())
		if packed == 0 || packed > 200*100 {
			t.Errorf("200 times 15,000 bytes lie there in %d", packed)
		}
	})
}

func TestOutputsGoAfterTheirTime(t *testing.T) {
	some := approvals.Outputs{"task-1/ins-1": []byte("ok")}
	onEach(t, func(t *testing.T, srv *server) {
		for _, tt := range []struct{ option, want time.Duration }{{0, 7 * 24 * time.Hour}, {time.Hour, time.Hour}} {
			s := made(t, New(dial(t, srv.addr), fmt.Sprint("T", tt.option), Options{KeepOutputs: tt.option}))
			for range 2 {
				keepOutputs(t, s, "r-1", some)
				if d, err := s.client.PTTL(t.Context(), s.keys.outputs("r-1")).Result(); err != nil || d > tt.want || d < tt.want-time.Minute {
					t.Errorf("they go after %v, want %v, error %v", d, tt.want, err)
				}
			}
		}
		s := made(t, New(dial(t, srv.addr), "T0TEST", Options{KeepOutputs: 20 * time.Millisecond}))
		keepOutputs(t, s, "r-1", some)
		until(t, "the outputs are gone", func() bool {
			if srv.mini != nil {
				srv.mini.FastForward(20 * time.Millisecond)
			}
			out, err := s.Outputs(t.Context(), "r-1")
			if err != nil {
				t.Fatal(err)
			}
			return len(out) == 0
		})
	})
}

// More than the bound, of bytes that cannot be packed, and through Redis.
func TestOutputsAreBounded(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		s.most = 128 << 10
		noise := make([]byte, s.most)
		_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
		out := approvals.Outputs{"task-1/ins-1": noise, "task-1/ins-2": slices.Clone(noise), "task-1/ins-3": []byte("short\n")}
		keepOutputs(t, s, "r-1", out)
		got, err := s.Outputs(t.Context(), "r-1")
		if err != nil {
			t.Fatal(err)
		}
		total := 0
		for _, o := range got {
			total += len(o)
		}
		if total > s.most || total < s.most-1000 {
			t.Errorf("%d bytes are kept, want close to %d", total, s.most)
		}
		if string(got["task-1/ins-3"]) != "short\n" {
			t.Error("the short one was cut for the sake of the long ones")
		}
		for _, name := range []string{"task-1/ins-1", "task-1/ins-2"} {
			o := got[name]
			if !bytes.HasPrefix(o, noise[:1000]) || !bytes.HasSuffix(o, noise[len(noise)-1000:]) {
				t.Errorf("%s: its beginning or its end is lost", name)
			}
			note := fmt.Sprintf(" of %d bytes are cut out here: all hosts of a request together may keep %d]\n", len(noise), s.most)
			if !bytes.Contains(o, []byte(note)) {
				t.Errorf("%s: nothing says that it was cut", name)
			}
		}
	})
}

func TestShare(t *testing.T) {
	tests := []struct {
		sizes []int
		total int
		want  int
		why   string
	}{
		{nil, 100, 100, "none"},
		{[]int{10, 20}, 100, 100, "there is room for all"},
		{[]int{50, 50}, 100, 100, "just"},
		{[]int{51, 50}, 100, 50, "one byte too many"},
		{[]int{500}, 100, 100, "one that is too long"},
		{[]int{10, 500, 10, 500}, 100, 40, "the long ones share what the short ones leave"},
		{[]int{10, 45, 500}, 100, 45, "the middle one is just whole"},
		{[]int{500, 500, 500}, 2, 0, "hardly any room"},
	}
	for _, tt := range tests {
		out := approvals.Outputs{}
		for i, n := range tt.sizes {
			out[fmt.Sprint(i)] = make([]byte, n)
		}
		got, kept := share(out, tt.total), 0
		for _, n := range tt.sizes {
			kept += min(n, got)
		}
		if got != tt.want || kept > tt.total {
			t.Errorf("%s: %d for each, %d together; want %d", tt.why, got, kept, tt.want)
		}
	}
}

// Whatever is cut is as long as allowed, is whole characters if it was, and says
// how much is missing.
func TestCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := []byte(rapid.OneOf(
			rapid.StringOfN(rapid.RuneFrom([]rune("ab\n结é😀")), 0, 900, -1),
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 900), func(b []byte) string { return string(b) }),
		).Draw(t, "output"))
		was, most := slices.Clone(o), rapid.IntRange(0, 700).Draw(t, "most")
		got := cut(o, most, 16<<20)
		switch {
		case !bytes.Equal(o, was):
			t.Fatal("it was written into")
		case len(o) <= most && !bytes.Equal(got, o):
			t.Fatal("it was cut without need")
		case len(o) <= most:
			return
		case len(got) > max(most, noteRoom):
			t.Fatalf("%d bytes are left, %d are allowed", len(got), most)
		case utf8.Valid(o) && !utf8.Valid(got):
			t.Fatalf("a character was cut in two: %q", got)
		}
		head, rest, _ := strings.Cut(string(got), "\n[bmcmd: ")
		note, tail, _ := strings.Cut(rest, "]\n")
		if !bytes.HasPrefix(o, []byte(head)) || !bytes.HasSuffix(o, []byte(tail)) {
			t.Fatalf("%q is not the beginning, or %q not the end", head, tail)
		}
		if want := fmt.Sprintf("%d of %d bytes are cut out", len(o)-len(head)-len(tail), len(o)); !strings.HasPrefix(note, want) {
			t.Fatalf("the note says %q, want %q", note, want)
		}
	})
}

func TestOutputsOfSomebodyElse(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		s.most = 128 << 10
		var bomb bytes.Buffer
		w := gzip.NewWriter(&bomb)
		_, _ = w.Write(make([]byte, 2*s.most+1))
		_ = w.Close()
		for why, value := range map[string]string{
			"plain text": "plain", "nothing": "", "more than is ever kept": bomb.String(), "cut off": bomb.String()[:bomb.Len()/2],
		} {
			key := s.keys.outputs("r-1")
			for form, write := range map[string]func() error{
				"together":       func() error { return s.client.Set(t.Context(), key, value, 0).Err() },
				"each by itself": func() error { return s.client.HSet(t.Context(), key, "task-1/ins-1", value).Err() },
			} {
				if err := errors.Join(s.client.Del(t.Context(), key).Err(), write()); err != nil {
					t.Fatal(err)
				}
				if out, err := s.Outputs(t.Context(), "r-1"); !errors.Is(err, approvals.ErrUnreadable) {
					t.Errorf("%s, %s: %v, error %v", why, form, slices.Collect(maps.Keys(out)), err)
				}
			}
		}
	})
}

// keepOutputs has a move of a request keep what its hosts printed.
func keepOutputs(t testing.TB, s *Store, id string, out approvals.Outputs) {
	t.Helper()
	k, err := s.Load(t.Context(), id)
	if errors.Is(err, approvals.ErrNotFound) {
		r := asked(1)
		r.ID, r.Asked.Reason = id, id
		r.Asked.Hosts = []string{"ins-" + id}
		k, _, err = s.Create(t.Context(), creation(r, amy, 0))
	}
	if err != nil {
		t.Fatal(err)
	}
	w := next(k, amy, 0, nil)
	w.Outputs = out
	if _, err := s.Swap(t.Context(), w); err != nil {
		t.Fatal(err)
	}
}
