package bmclient

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"strings"
	"sync"
)

const (
	redacted     = "[secret]"
	longestField = 2000 // runes of one text of the API that are kept
)

// scrubber replaces the secrets of one call in what the API says about it. It is made only when there is something to scrub.
type scrubber struct{ needles []string }

func newScrubber(secrets ...string) scrubber {
	var s scrubber
	for _, v := range secrets {
		if v != "" {
			s.needles = append(s.needles, forms(v)...)
		}
	}
	return s
}

// cleaner scrubs texts, and makes its scrubber only when there is a text.
func cleaner(secrets []string) func(string) string {
	s := sync.OnceValue(func() scrubber { return newScrubber(secrets...) })
	return func(in string) string {
		if in == "" {
			return ""
		}
		return s().clean(in)
	}
}

// hider is cleaner for bytes of any length and kind: it cuts nothing and leaves what is no UTF-8 as it is.
func hider(secrets []string) func([]byte) []byte {
	s := sync.OnceValue(func() scrubber { return newScrubber(secrets...) })
	return func(in []byte) []byte {
		if len(in) == 0 {
			return in
		}
		return s().hide(in)
	}
}

// forms lists how a value may come back: raw, base64 (alone, or inside a longer base64 at each of the three alignments), hex,
// URL-encoded, as JSON or HTML writes it.
func forms(v string) []string {
	b := []byte(v)
	fs := []string{
		v, hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), html.EscapeString(v),
		base64.RawStdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b),
	}
	for shift := 1; shift <= 2 && len(b) >= 4; shift++ {
		fs = append(fs, shifted(b, shift))
	}
	if len(b) >= 4 {
		fs = append(fs, base64.RawStdEncoding.EncodeToString(b[:len(b)/3*3]))
	}
	if j, err := json.Marshal(v); err == nil {
		fs = append(fs, string(j[1:len(j)-1]))
	}
	fs = append(fs, strings.ReplaceAll(v, "/", `\/`))
	for _, f := range fs {
		for _, e := range []string{url.QueryEscape(f), url.PathEscape(f), escape(f)} {
			if e != f {
				fs = append(fs, e, lowerHex(e))
			}
		}
	}
	return fs
}

// shifted is the part of a base64 text that is the same whatever stands before and after b, when b begins at offset shift of a
// group of three bytes.
func shifted(b []byte, shift int) string {
	padded := append(make([]byte, shift), b...)
	padded = padded[:len(padded)/3*3]
	return base64.RawStdEncoding.EncodeToString(padded)[shift+1:]
}

// lowerHex writes %2F as %2f.
func lowerHex(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(string(b[i+1:i+3])))
		}
	}
	return string(b)
}

// clean replaces every occurrence, overlapping ones too, and then cuts what is too long.
func (s scrubber) clean(in string) string { return cut(string(s.hide([]byte(in)))) }

// hide replaces every occurrence, overlapping ones too. What holds none is returned as it is.
func (s scrubber) hide(in []byte) []byte {
	var hidden []bool
	for _, needle := range s.needles {
		for at := 0; needle != ""; {
			i := bytes.Index(in[at:], []byte(needle))
			if i < 0 {
				break
			}
			if hidden == nil {
				hidden = make([]bool, len(in))
			}
			for j := at + i; j < at+i+len(needle); j++ {
				hidden[j] = true
			}
			at += i + 1
		}
	}
	if hidden == nil {
		return in
	}
	var b bytes.Buffer
	for i := range in {
		switch {
		case !hidden[i]:
			b.WriteByte(in[i])
		case i == 0 || !hidden[i-1]:
			b.WriteString(redacted)
		}
	}
	return b.Bytes()
}

func cut(s string) string {
	if len(s) <= longestField {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	rs := []rune(s)
	if len(rs) <= longestField {
		return s
	}
	return string(rs[:longestField]) + " [cut]"
}
