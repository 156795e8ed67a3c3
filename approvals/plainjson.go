package approvals

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// encodePlain makes JSON that is the same after it was read again, and that does nothing
// to a terminal: what is not to be seen stands as \u202e. Bytes that are not text become
// U+FFFD.
func encodePlain[T any](v T) ([]byte, error) {
	text, err := json.Marshal(v)
	if err == nil && bytes.Contains(text, []byte(`\ufffd`)) { // written otherwise the second time
		var again T
		if err = json.Unmarshal(text, &again); err == nil {
			text, err = json.Marshal(again)
		}
	}
	return PlainJSON(text), err
}

// PlainJSON escapes what is not to be seen in JSON. Its encoder has done so for everything
// below a space, and JSON has such characters only inside strings.
func PlainJSON(in []byte) []byte {
	odd := slices.IndexFunc(in, func(b byte) bool { return b < ' ' && b != '\n' || b > '~' })
	if odd < 0 {
		return in
	}
	out := append(make([]byte, 0, len(in)), in[:odd]...)
	for in = in[odd:]; len(in) > 0; {
		r, n := utf8.DecodeRune(in)
		switch {
		case r == '\n' || unicode.IsPrint(r):
			out = append(out, in[:n]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		in = in[n:]
	}
	return out
}
