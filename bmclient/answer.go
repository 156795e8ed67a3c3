package bmclient

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// chinaTime is the zone of the API's times, which carry none.
var chinaTime = time.FixedZone("UTC+8", 8*60*60)

var (
	errHTML   = errors.New("the answer is a web page, not JSON")
	errJSON   = errors.New("the answer is not whole JSON")
	errNoCode = errors.New("the answer holds no code")
	errBoth   = errors.New("the answer names an error and what was started")
)

// answer is what every action answers, in either version.
type answer struct {
	code      int    // of 2.0; 0: success
	outer     int    // the number in "code" when code was taken from the message
	name      string // codeDesc, or a 3.0 error's code
	message   string
	requestID string
	data      json.RawMessage // 2.0: "data"; 3.0: "Response"

	hide  func([]byte) []byte // hides the secrets of the call in bytes of any length
	clean func(string) string // the same for a short text, and cuts it
}

// ok says that the API reported success.
func (a answer) ok() bool { return a.code == 0 && a.name == "" }

// decodeAnswer is lenient about forms that were seen and strict about anything else. Keys are matched exactly, since the usual
// matching without case would let a stray "Code" overrule "code".
func decodeAnswer(body []byte) (answer, error) {
	m, err := whole(body)
	if err != nil {
		return answer{}, err
	}
	if _, ok := m["code"]; !ok {
		return decodeNewStyle(m)
	}
	number, ok := flexInt(m["code"])
	if !ok {
		return answer{}, errNoCode
	}
	a := answer{code: number, message: text(m["message"]), requestID: text(m["requestId"]), data: m["data"]}
	if a.code == 0 {
		return a, nil
	}
	a.name = text(m["codeDesc"])
	if inner, ok := moduleNumber(a.message); ok && inner != a.code {
		if _, known := codes[inner]; known {
			a.outer, a.code, a.name = a.code, inner, ""
		}
	}
	return a, nil
}

// whole is the object that is a whole answer.
func whole(body []byte) (map[string]json.RawMessage, error) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")) {
		return nil, errHTML
	}
	m, err := object(body)
	if err != nil {
		return nil, errJSON
	}
	return m, nil
}

// decodeNewStyle reads {"Response":{"Error":{"Code","Message"},"RequestId"}}. Only its errors count: a success in the style of
// another API is no answer to ours.
func decodeNewStyle(m map[string]json.RawMessage) (answer, error) {
	response, err := object(m["Response"])
	if err != nil {
		return answer{}, errNoCode
	}
	fault, err := object(response["Error"])
	if err != nil {
		return answer{}, errNoCode
	}
	a := answer{name: text(fault["Code"]), message: text(fault["Message"]), requestID: text(response["RequestId"])}
	if a.name == "" {
		return answer{}, errNoCode
	}
	return a, nil
}

// object reads one JSON object; blanks around its keys, which a page of the API shows, are dropped.
func object(raw []byte) (map[string]json.RawMessage, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	if m == nil {
		return nil, errJSON
	}
	for k, v := range m {
		if t := strings.TrimSpace(k); t != k {
			if _, taken := m[t]; !taken {
				m[t] = v
			}
		}
	}
	return m, nil
}

// flexInt reads an integer that may be written as a string.
func flexInt(raw json.RawMessage) (int, bool) {
	n, err := strconv.Atoi(strings.TrimSpace(flexText(raw)))
	return n, err == nil
}

// flexText reads a string, or a number as it is written; anything else is "".
func flexText(raw json.RawMessage) string {
	if s := text(raw); s != "" {
		return s
	}
	var n json.Number
	if len(raw) == 0 || raw[0] == '"' || json.Unmarshal(raw, &n) != nil {
		return ""
	}
	return n.String()
}

// text reads a string. One of megabytes is base64 as a rule, without escapes, and is not gone through letter by letter again.
func text(raw json.RawMessage) string {
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 && bytes.IndexByte(inner, '"') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// moduleNumber reads the "(100004)" that may stand before a message.
func moduleNumber(message string) (int, bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(message), "(")
	if !ok {
		return 0, false
	}
	digits, _, ok := strings.Cut(rest, ")")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n > 0
}

// isEmpty says that data is absent, null, {}, [] or "": how a PHP back-end may say that there is nothing.
func isEmpty(data json.RawMessage) bool {
	s := bytes.TrimSpace(data)
	switch string(s) {
	case "", "null", `""`:
		return true
	}
	return len(s) >= 2 && (s[0] == '{' || s[0] == '[') && len(bytes.TrimSpace(s[1:len(s)-1])) == 0
}

// scriptOf reads one script. A script without a content would be shown and approved as an empty one, so that is
// an error.
func (bareMetal) scriptOf(f fields) (Script, error) {
	raw := f.raw("content")
	if len(raw) == 0 || raw[0] != '"' {
		return Script{}, errors.New("the answer holds no content of the script")
	}
	s := Script{
		CmdID:  f.text("cmdId"),
		Alias:  f.text("alias"),
		OSType: f.text("osType"),
		AppID:  f.text("appId"),
	}
	var err error
	s.Content, s.Plain = lenientBase64(text(raw))
	if s.Created, err = parseTime(f.text("createTime")); err != nil {
		return Script{}, fmt.Errorf("the script's createTime is not a time: %w", err)
	}
	if s.Modified, err = parseTime(f.text("modifyTime")); err != nil {
		return Script{}, fmt.Errorf("the script's modifyTime is not a time: %w", err)
	}
	return s, nil
}

// lenientBase64 decodes padded standard base64, line breaks allowed. Older versions of the API sent plain text: what does not decode is
// taken as it is, and plain is true. Padding is insisted on, so that a plain "asdfzaasdf" (the old page's sample) stays what it is.
func lenientBase64(s string) (content []byte, plain bool) {
	b, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(s))
	if err != nil {
		return []byte(s), true
	}
	return b, false
}

var errTime = errors.New(`want "2017-10-19 19:29:35"`)

// parseTime reads the API's form, whose zone is UTC+8, and the one that other products of 3.0 use, which names its zone. Empty and all zeros, which MySQL writes for "none", are the zero time.
func parseTime(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	if s == "" || strings.HasPrefix(s, "0000-00-00") {
		return time.Time{}, nil
	}
	if t, err := time.ParseInLocation(time.DateTime, s, chinaTime); err == nil {
		return t, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.In(chinaTime), nil
	}
	return time.Time{}, errTime
}
