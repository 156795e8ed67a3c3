package vault

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

// A form is one way a value can stand in a text, by the standard library's
// encoders: what scrub.go matches is not what makes the tests' texts.
type form struct{ name, text string }

func forms(value string) []form {
	quoted := strconv.Quote(value)
	escaped := string(must(json.Marshal(value)))
	noHTML := &strings.Builder{}
	enc := json.NewEncoder(noHTML)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(value)
	fs := []form{
		{"raw", value},
		{"query", url.QueryEscape(value)},
		{"path", url.PathEscape(value)},
		{"path, all escaped", percentAll(value)},
		{"json", escaped[1 : len(escaped)-1]},
		{"json without html", strings.TrimSpace(noHTML.String())[1 : noHTML.Len()-2]},
		{"json ascii", asciiJSON(value)},
		{"go", quoted[1 : len(quoted)-1]},
		{"go ascii", trimQuotes(strconv.QuoteToASCII(value))},
		{"html", html.EscapeString(value)},
		{"slack", strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(value)},
		{"hex", hex.EncodeToString([]byte(value))},
		{"HEX", strings.ToUpper(hex.EncodeToString([]byte(value)))},
	}
	for offset := range 3 {
		whole := strings.Repeat("p", offset) + value
		for _, e := range []struct {
			name string
			enc  *base64.Encoding
		}{
			{"std", base64.StdEncoding},
			{"raw std", base64.RawStdEncoding},
			{"url", base64.URLEncoding},
			{"raw url", base64.RawURLEncoding},
		} {
			b := e.enc.EncodeToString([]byte(whole))
			longer := e.enc.EncodeToString([]byte(whole + "some more"))
			at := fmt.Sprintf(" base64 at %d", offset)
			fs = append(fs,
				form{e.name + at, b}, form{e.name + at + ", inside", longer},
				form{e.name + at + ", in a query", url.QueryEscape(b)}, form{e.name + at + ", wrapped", wrap(longer, 5)})
		}
	}
	return fs
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func trimQuotes(s string) string { return s[1 : len(s)-1] }

func percentAll(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02x", s[i])
	}
	return b.String()
}

// asciiJSON is what encoders of other languages write: \u for all but ASCII,
// \/ for a slash.
func asciiJSON(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '/' || r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04X`, high, low)
		case r < ' ' || r >= 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func wrap(s string, width int) string {
	var b strings.Builder
	for i := range len(s) {
		if i > 0 && i%width == 0 {
			b.WriteByte('\n')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// leaks looks for what the value alone decides: its forms, and of base64 what
// is left without the characters that it shares with its neighbours.
func leaks(text, value string, all []form) (string, bool) {
	for _, f := range all {
		if strings.Contains(f.name, "base64") {
			continue
		}
		if strings.Contains(text, f.text) {
			return f.name, true
		}
	}
	for _, variant := range []string{text, strings.ReplaceAll(text, "\n", "")} {
		plain := strings.NewReplacer("-", "+", "_", "/", "%2B", "+", "%2F", "/").Replace(variant)
		for offset := range 3 {
			b := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("p", offset) + value))
			from, to := (offset*8+5)/6, (offset+len(value))*8/6
			if strings.Contains(plain, b[from:to]) {
				return fmt.Sprintf("base64 at %d", offset), true
			}
		}
	}
	return "", false
}

func scrubberOf(values ...string) *scrubber {
	s := &scrubber{}
	for _, v := range values {
		s.add(v)
	}
	return s
}

var nasty = []string{
	"abcdef",
	"s3cr3t-t0ken",
	`p@ss/w0rd+"x"\n`,
	"AKIDz8krbsJ5yKBZQpn74WFkmLPx3",
	"pässwörd 漢字 😀",
	"a b c d e f g",
	"%41%42%43",
	`\\\\\\\\`,
	"&amp;&lt;<>&'",
	"-----BEGIN KEY-----\nabc+/=\n\tdef\r\n-----END KEY-----\n",
	"?????>>>>>~~~~~",
	"\u2028\u2029\x01\x7f!",
	strings.Repeat("a", 40),
	"aabaabaaab",
	"<script>alert(1)</script>",
}

func TestScrubFindsEveryForm(t *testing.T) {
	for _, value := range nasty {
		s := scrubberOf(value, "another-value")
		all := forms(value)
		for _, f := range all {
			for _, around := range []struct{ before, after string }{
				{"", ""},
				{"x", "y"},
				{`{"password":"`, `","n":1}`},
				{"%", "\\"},
				{"&", ";"},
				{"=", "=="},
			} {
				text := around.before + f.text + around.after
				got := s.scrub(text)
				if !strings.Contains(got, hidden) {
					t.Errorf("%q, %s: not replaced in %q", value, f.name, text)
				} else if form, leak := leaks(got, value, all); leak {
					t.Errorf("%q, %s: %s left in %q", value, f.name, form, got)
				}
			}
		}
	}
}

func TestScrubLeavesTheRest(t *testing.T) {
	s := scrubberOf("s3cr3t-t0ken", "other-secret", "ab 1")
	for _, c := range []struct{ in, want, why string }{
		{"", "", "nothing"},
		{"exit code 0, all is well", "exit code 0, all is well", "nothing to do"},
		{"s3cr3t-t0ke", "s3cr3t-t0ke", "one byte short"},
		{"a s3cr3t-t0ken b", "a [secret] b", "neighbours stay"},
		{"s3cr3t-t0kens3cr3t-t0ken", "[secret][secret]", "twice"},
		{"s3cr3t-t0ken-other-secret", "[secret]-[secret]", "two values"},
		{"p=s3cr3t%2Dt0ken&q=1", "p=[secret]&q=1", "partly escaped"},
		{`{"p":"s3cr3t\u002dt0ken"}`, `{"p":"[secret]"}`, "partly escaped"},
		{"czNjcjN0LXQwa2Vu", "[secret]", "base64 without padding"},
		{"eHMzY3IzdC10MGtlbg==", "e[secret]", "in longer base64 only the first character stays"},
		{"ab 1", "[secret]", "a short value alone"},
		{"(ab 1)", "([secret])", "a short value alone"},
		{"ab 12", "ab 12", "a short value within a word"},
		{"_ab 1", "_ab 1", "a short value within a word"},
		{"ab+1", "ab+1", "a short value in another form"},
		{"100% \\ &amp; %zz \\u12 \\ud800 %", "100% \\ &amp; %zz \\u12 \\ud800 %", "broken escapes"},
	} {
		if got := s.scrub(c.in); got != c.want {
			t.Errorf("%q: %q, want %q (%s)", c.in, got, c.want, c.why)
		}
	}
}

func TestScrubOverlaps(t *testing.T) {
	for _, c := range []struct {
		values   []string
		in, want string
	}{
		{[]string{"abcdefgh", "efghijkl"}, "-abcdefghijkl-", "-[secret]-"},
		{[]string{"abcdef", "abcdefgh"}, "abcdefgh abcdef", "[secret] [secret]"},
		{[]string{"cdefgh", "abcdefghij"}, "abcdefghij", "[secret]"},
		{[]string{"aaaaaa"}, "aaaaaaaaa", "[secret]"},
	} {
		if got := scrubberOf(c.values...).scrub(c.in); got != c.want {
			t.Errorf("%q with %q: %q, want %q", c.in, c.values, got, c.want)
		}
	}
}

// Backslashes and percent signs can be read in two ways each; a matcher that
// tried all ways one after the other would not come back from these.
func TestScrubIsNotTrapped(t *testing.T) {
	value := strings.Repeat(`\`, 60) + "X"
	text := strings.Repeat(`\`, 3000) + "Y"
	s := scrubberOf(value, strings.Repeat("%25", 30)+"Z")
	if got := s.scrub(text); got != text {
		t.Error("something was replaced")
	}
	text = strings.Repeat("%25", 2000)
	if got := s.scrub(text); got != text {
		t.Error("something was replaced")
	}
}

func TestScrubWithoutValues(t *testing.T) {
	s := scrubberOf("")
	if got := s.scrub("text"); got != "text" {
		t.Errorf("%q", got)
	}
}

func FuzzScrub(f *testing.F) {
	for i, v := range nasty {
		f.Add(v, "before ", " after", uint8(i))
	}
	f.Add("abcdef", "abcde", "fabcdef", uint8(0))
	f.Fuzz(func(t *testing.T, value, before, after string, n uint8) {
		// The documented limits: text, long enough, not part of the marker.
		if len(value) < shortest || len(value) > 200 || len(before)+len(after) > 4096 || !utf8.ValidString(value) || strings.ContainsAny(value, "[]\x00") || strings.Contains(hidden, value) {
			t.Skip()
		}
		if percentAll(value) != "" && strings.ContainsRune(value, utf8.RuneError) {
			t.Skip()
		}
		all := forms(value)
		text := before + all[int(n)%len(all)].text + after
		got := scrubberOf(value).scrub(text)
		if form, leak := leaks(got, value, all); leak {
			t.Fatalf("%q: %s left in %q", value, form, got)
		}
		if !strings.Contains(got, hidden) {
			t.Fatalf("%q: nothing replaced in %q", value, text)
		}
	})
}

func BenchmarkScrub(b *testing.B) {
	s := &scrubber{}
	var values []string
	for i := range 10 {
		v := fmt.Sprintf("AKIDz8krbsJ5yKBZ%dQpn74WFkmLPx%d", i*7919, i)
		values = append(values, v)
		s.add(v)
	}
	random := rand.New(rand.NewPCG(1, 2))
	word := func() string { return strconv.FormatUint(random.Uint64(), 36) }
	var log, blob strings.Builder
	for log.Len() < 64<<10 {
		fmt.Fprintf(&log, "Nov 21 17:22:03 ins-%s systemd[1]: Started \"%s\" in %d ms\n", word(), word(), random.IntN(1000))
	}
	for blob.Len() < 64<<10 {
		blob.WriteString(base64.StdEncoding.EncodeToString([]byte(word())))
	}
	quiet := log.String()[:64<<10]
	for _, c := range []struct{ name, text string }{
		{"log", quiet},
		{"base64", blob.String()[:64<<10]},
		{"percent", strings.Repeat("%2F", 64<<10/3)},
		{"hits", quiet[:32<<10] + values[3] + quiet[:32<<10]},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			for b.Loop() {
				s.scrub(c.text)
			}
		})
	}
}
