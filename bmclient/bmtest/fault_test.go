package bmtest_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

func TestEveryDocumentedNumberOnDemand(t *testing.T) {
	s := start(t)
	for i, n := range bmtest.Documented() {
		s.FailNext("RunUserCmd", bmtest.Fault{Code: n}, 1)
		got := send(t, s, run().with("Nonce", itoa(i+1)))
		if got.Code.String() != itoa(n) || got.Desc == "" || got.Text == "" {
			t.Errorf("%d: %s", n, got.raw)
		}
	}
	if len(bmtest.Documented()) < 40 || s.Runs() != nil {
		t.Errorf("%d numbers, %d runs", len(bmtest.Documented()), len(s.Runs()))
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

func TestFaults(t *testing.T) {
	tests := []struct {
		why      string
		fault    bmtest.Fault
		status   int // 0: the connection breaks
		says     string
		executed bool
	}{
		{"a number", bmtest.Fault{Code: 5100, Message: "m", Name: "n"}, 200, `{"code":5100,"codeDesc":"n","message":"m"}`, false},
		{"a number after running", bmtest.Fault{Code: 6000, Execute: true}, 200, `"code":6000`, true},
		{"a number as text", bmtest.Fault{Code: 5100, CodeAsText: true}, 200, `"code":"5100"`, false},
		{"success as text", bmtest.Fault{CodeAsText: true}, 200, `"code":"0"`, true},
		{"a status", bmtest.Fault{Status: 502}, 502, "<h1>Bad Gateway</h1>", false},
		{"a status with a number", bmtest.Fault{Status: 503, Code: 6200}, 503, `"code":6200`, false},
		{"a web page", bmtest.Fault{HTML: true, Execute: true}, 200, "<!DOCTYPE html>", true},
		{"a redirect", bmtest.Fault{Redirect: "/elsewhere"}, http.StatusTemporaryRedirect, "<html>", false},
		{"another redirect", bmtest.Fault{Redirect: "/elsewhere", Status: 302}, http.StatusFound, "<html>", false},
		{"a body", bmtest.Fault{Body: "[]"}, 200, "[]", false},
		{"padding", bmtest.Fault{Pad: 1000}, 200, strings.Repeat(" ", 1000), true},
		{"an echo", bmtest.Fault{Echo: true, Code: 4000}, 200, "password=123456", false},
		{"a delay", bmtest.Fault{Delay: time.Millisecond}, 200, `"code":0`, true},
		{"cut short", bmtest.Fault{Truncate: true}, 0, "", true},
		{"dropped before", bmtest.Fault{Drop: bmtest.DropBefore}, 0, "", false},
		{"dropped after", bmtest.Fault{Drop: bmtest.DropAfter}, 0, "", true},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			s := start(t)
			s.FailNext("RunUserCmd", tt.fault, 1)
			got, err := trySend(t, s, run())
			if (err != nil) != (tt.status == 0) {
				t.Fatalf("%v, %+v", err, got)
			}
			if err == nil && (got.status != tt.status || !strings.Contains(got.raw, tt.says)) {
				t.Errorf("%d %s", got.status, got.raw)
			}
			if ran := len(s.Runs()) == 1; ran != tt.executed || s.Calls()[0].Executed != tt.executed {
				t.Errorf("ran %v, history says %v, want %v", ran, s.Calls()[0].Executed, tt.executed)
			}
		})
	}
}

// A fault does not hide that the request itself is wrong.
func TestFaultComesAfterTheChecks(t *testing.T) {
	s := start(t)
	s.FailAlways("", bmtest.Fault{Code: 6000})
	if got := send(t, s, asked{method: "POST", key: "other", params: run().params}); got.Code != "4100" {
		t.Errorf("got %s", got.raw)
	}
}

func TestFaultsInOrder(t *testing.T) {
	s := start(t)
	s.FailAlways("GetUserCmd", bmtest.Fault{Code: 6200})
	s.FailNext("GetUserCmd", bmtest.Fault{Code: 6000}, 2)
	s.FailNext("", bmtest.Fault{Code: 4400}, 1)
	s.FailNext("RunUserCmd", bmtest.Fault{Code: 9001}, 0) // none
	for i, want := range []string{"6000", "6000", "4400", "6200", "6200"} {
		if got := send(t, s, get().with("Nonce", itoa(i+1))); got.Code.String() != want {
			t.Errorf("read %d: %s, want %s", i+1, got.raw, want)
		}
	}
	if got := send(t, s, run().with("Nonce", "10")); got.Code != "0" {
		t.Errorf("a run is not touched by a read's faults: %s", got.raw)
	}
	s.Heal()
	if got := send(t, s, get().with("Nonce", "11")); got.Code != "0" {
		t.Errorf("healed: %s", got.raw)
	}
}

// A fault for one script or host leaves all others alone.
func TestFaultForOne(t *testing.T) {
	s := start(t)
	s.FailNext("RunUserCmd", bmtest.Fault{For: "ins-none", Code: 6200}, 1)
	s.FailNext("RunUserCmd", bmtest.Fault{For: "ins-2", Code: 6000}, 1)
	for i, want := range []string{"6000", "0"} {
		if got := send(t, s, run().with("Nonce", itoa(i+1))); got.Code.String() != want {
			t.Errorf("run %d: %s, want %s", i+1, got.raw, want)
		}
	}
	s.FailNext("GetUserCmd", bmtest.Fault{For: "cmd-1", Code: 6000}, 1)
	if got := send(t, s, get().with("cmdId", "cmd-2")); got.Code == "6000" {
		t.Errorf("another script's fault: %s", got.raw)
	}
	if got := send(t, s, get().with("Nonce", "12")); got.Code != "6000" {
		t.Errorf("the script's fault: %s", got.raw)
	}
}

func TestMissingScript(t *testing.T) {
	for form, want := range map[string]string{"[]": `"data":[]`, "{}": `"data":{}`, "null": `"data":null`, "": `{"code":0,"message":""}`, "18005": `"code":18005`} {
		s := start(t, bmtest.Missing(form))
		s.RemoveScript("cmd-1")
		if got := send(t, s, get()); !strings.Contains(got.raw, want) {
			t.Errorf("%q: %s", form, got.raw)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("nonsense is taken")
		}
	}()
	bmtest.Missing("nonsense")
}
