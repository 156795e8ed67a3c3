package bmclient

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// word is a Secret for tests.
type word string

func (w word) Reveal() string { return string(w) }

func noKey(context.Context) (Key, error) { return Key{}, errors.New("no key") }

func TestDecodeAnswer(t *testing.T) {
	tests := []struct {
		why, body string
		want      answer
		err       error
	}{
		{"the documented success", `{"message":"","code":0}`, answer{}, nil},
		{"a sibling product writes the code as text", `{"code":"0","message":"OK"}`, answer{message: "OK"}, nil},
		{"an error as text", `{"code":"5100","message":"m"}`, answer{code: 5100, message: "m"}, nil},
		{"codeDesc", `{"code":18012,"codeDesc":"InvalidPassword","message":"m"}`, answer{code: 18012, name: "InvalidPassword", message: "m"}, nil},
		{"codeDesc of a success is no error", `{"code":0,"codeDesc":"Success"}`, answer{}, nil},
		{"a module's number in the message", `{"code":5100,"message":"(18018)x"}`, answer{code: 18018, outer: 5100, message: "(18018)x"}, nil},
		{"a module's number that is not documented", `{"code":5100,"message":"(100004)projectId不正确"}`, answer{code: 5100, message: "(100004)projectId不正确"}, nil},
		{"the same number twice", `{"code":18018,"message":"(18018)x"}`, answer{code: 18018, message: "(18018)x"}, nil},
		{"a number in a success's message means nothing", `{"code":0,"message":"(18018)x"}`, answer{message: "(18018)x"}, nil},
		{"keys with trailing blanks", `{"code ":0,"message ":"m"}`, answer{message: "m"}, nil},
		{"a byte order mark", "\xef\xbb\xbf{\"code\":0}", answer{}, nil},
		{"a key in other case does not count", `{"code":5100,"Code":0}`, answer{code: 5100}, nil},
		{"a 3.0 error", `{"Response":{"Error":{"Code":"AuthFailure","Message":"m"},"RequestId":"r"}}`, answer{name: "AuthFailure", message: "m", requestID: "r"}, nil},
		{"a 3.0 success is no answer of this API", `{"Response":{"RequestId":"r"}}`, answer{}, errNoCode},
		{"a web page", "\n <!DOCTYPE html>", answer{}, errHTML},
		{"nothing", "", answer{}, errJSON},
		{"cut short", `{"code":0,"mess`, answer{}, errJSON},
		{"something after the end", `{"code":0}{`, answer{}, errJSON},
		{"null", "null", answer{}, errJSON},
		{"an array", "[]", answer{}, errJSON},
		{"no code", "{}", answer{}, errNoCode},
		{"a code that is null is not zero", `{"code":null}`, answer{}, errNoCode},
		{"a code that is empty is not zero", `{"code":""}`, answer{}, errNoCode},
		{"a code that is false is not zero", `{"code":false}`, answer{}, errNoCode},
		{"a code with a fraction", `{"code":0.5}`, answer{}, errNoCode},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			got, err := decodeAnswer([]byte(tt.body))
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(answer{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeScript(t *testing.T) {
	at := time.Date(2017, 10, 19, 19, 29, 35, 0, chinaTime)
	tests := []struct {
		why, data string
		want      Script
		err       bool
	}{
		{
			"the page's example",
			`{"autoId":"56","alias":"hello","cmdId":"cmd-nozcbhuw","osType":"linux","referenceProject":"","content":"IyEvYmluL2Jhc2gKCmVjaG8gImhlbGxvIg==","createTime":"2017-10-19 19:29:35","modifyTime":"2017-10-19 19:29:35","appId":"251000873"}`,
			Script{CmdID: "cmd-nozcbhuw", Alias: "hello", OSType: "linux", AppID: "251000873", Content: []byte("#!/bin/bash\n\necho \"hello\""), Created: at, Modified: at},
			false,
		},
		{"numbers where text was", `{"appId":251000873,"content":"aGk="}`, Script{AppID: "251000873", Content: []byte("hi")}, false},
		{"a big number stays exact", `{"appId":9007199254740993,"content":""}`, Script{AppID: "9007199254740993", Content: []byte{}}, false},
		{"the old page's sample, plain", `{"content":"asdfzaasdf"}`, Script{Content: []byte("asdfzaasdf"), Plain: true}, false},
		{"line breaks in base64", `{"content":"aG\nk=\n"}`, Script{Content: []byte("hi")}, false},
		{"plain text of older versions", `{"content":"echo hi"}`, Script{Content: []byte("echo hi"), Plain: true}, false},
		{"bytes that are no text", `{"content":"/wD+"}`, Script{Content: []byte{0xff, 0, 0xfe}}, false},
		{"no time", `{"content":"","createTime":"","modifyTime":"0000-00-00 00:00:00"}`, Script{Content: []byte{}}, false},
		{"a time that is none", `{"content":"","createTime":"yesterday"}`, Script{}, true},
		{"no content: not an empty script", `{"cmdId":"c"}`, Script{}, true},
		{"content null: not an empty script", `{"content":null}`, Script{}, true},
		{"content a number", `{"content":5}`, Script{}, true},
		{"not an object", `"x"`, Script{}, true},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			got, err := decodeScriptOf(json.RawMessage(tt.data))
			if (err != nil) != tt.err {
				t.Fatalf("error %v, want one: %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// decodeScriptOf reads the data of GetUserCmd.
func decodeScriptOf(data json.RawMessage) (Script, error) {
	f, found, err := api2{}.pick(nil, data, "")
	if err != nil || !found {
		return Script{}, errors.Join(err, ErrNoScript)
	}
	return bareMetal{}.scriptOf(f)
}

func TestIsEmpty(t *testing.T) {
	for data, want := range map[string]bool{
		"": true, "null": true, "[]": true, "{}": true, `""`: true, " [ ] ": true,
		`{"content":""}`: false, "[1]": false, `"x"`: false, "0": false, "{": false,
	} {
		if got := isEmpty(json.RawMessage(data)); got != want {
			t.Errorf("isEmpty(%q) = %v", data, got)
		}
	}
}

func TestSHA256(t *testing.T) {
	got := Script{Content: []byte("#!/bin/bash\n\necho \"hello\"")}.SHA256()
	if want := "7384c1e5e045117c3e7bdeac14282f6b76a0db15b2c31042575cd1db1771cbbf"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := (Script{}).SHA256(); got != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
		t.Errorf("empty content: %s", got)
	}
}

func FuzzDecodeAnswer(f *testing.F) {
	for _, s := range []string{
		`{"code":0,"message":"","data":{"content":"aGk="}}`, `{"code":"5100","message":"(18018)x"}`, `{"Response":{"Error":{"Code":"x"}}}`,
		`<html>`, `{"code":0`, `{"code ":"0 "}`, "\xef\xbb\xbf{}", `{"code":0,"data":[]}`, `{"code":0,"data":{"content":"x y","createTime":"2017-10-19 19:29:35"}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := decodeAnswer(body)
		if err != nil && a.ok() && a.message != "" {
			t.Error("an answer came with an error")
		}
		if err != nil {
			return
		}
		if a.ok() && !json.Valid([]byte(bomless(body))) {
			t.Error("a success was read from what is not JSON")
		}
		s, err := decodeScriptOf(a.data)
		if err == nil && s.Content == nil {
			t.Error("a script without a content")
		}
		_ = isEmpty(a.data)
	})
}

func bomless(b []byte) string {
	if len(b) >= 3 && string(b[:3]) == "\xef\xbb\xbf" {
		b = b[3:]
	}
	return string(b)
}

// What was encoded is decoded, whatever the bytes.
func FuzzContent(f *testing.F) {
	f.Add([]byte("#!/bin/bash\n"))
	f.Add([]byte{0xff, 0xfe, 0})
	f.Fuzz(func(t *testing.T, content []byte) {
		got, plain := lenientBase64(base64.StdEncoding.EncodeToString(content))
		if plain || string(got) != string(content) {
			t.Errorf("%q became %q, plain %v", content, got, plain)
		}
	})
}

func TestScrubber(t *testing.T) {
	long := "canary-password"
	tests := []struct {
		why     string
		secrets []string
		in      string
		want    string
	}{
		{"raw", []string{long}, "x canary-password y", "x [secret] y"},
		{"several times", []string{long}, long + long + " " + long, "[secret] [secret]"},
		{"base64", []string{"pass?>word"}, base64.StdEncoding.EncodeToString([]byte("pass?>word")), "[secret]=="},
		{"URL base64", []string{"pass?>word"}, base64.URLEncoding.EncodeToString([]byte("pass?>word")), "[secret]=="},
		{"URL-encoded", []string{"p@ss w+rd"}, "p%40ss+w%2Brd p%40ss%20w%2Brd p%40ss%20w%2brd", "[secret] [secret] [secret]"},
		{"as in JSON", []string{`a"b\c`}, `{"x":"a\"b\\c"}`, `{"x":"[secret]"}`},
		{"as in HTML", []string{"a<b>&c"}, "a&lt;b&gt;&amp;c", "[secret]"},
		{"overlapping secrets leave no rest", []string{"abcd", "cdef"}, "abcdef", "[secret]"},
		{"a secret that overlaps itself", []string{"aba"}, "ababa", "[secret]"},
		{"a secret within another", []string{"abc", "xabcx"}, "xabcx", "[secret]"},
		{"a short secret too", []string{"7"}, "code 7", "code [secret]"},
		{"an empty one hides nothing", []string{""}, "text", "text"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			if got := newScrubber(tt.secrets...).clean(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A secret inside a longer text that is then written in base64 leaves none of its middle behind.
func TestScrubberInsideBase64(t *testing.T) {
	secret := "canary-password"
	for before := range 4 {
		for after := range 4 {
			text := make([]byte, before)
			text = append(text, secret...)
			text = append(text, make([]byte, after)...)
			got := newScrubber(secret).clean(base64.StdEncoding.EncodeToString(text))
			if len(got) > len(redacted)+16 {
				t.Errorf("%d before, %d after: %q is left", before, after, got)
			}
		}
	}
}

func TestCleanCutsByRunes(t *testing.T) {
	in := ""
	for len(in) < 3*longestField+9 {
		in += "错"
	}
	got := newScrubber("x").clean(in)
	if !utf8.ValidString(got) || utf8.RuneCountInString(got) != longestField+len(" [cut]") {
		t.Errorf("%d runes, valid %v", utf8.RuneCountInString(got), utf8.ValidString(got))
	}
}
