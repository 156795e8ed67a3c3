package bmclient_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

// wire is a server below net/http's: it sees each connection and decides what to write, if anything, before it may close.
type wire struct {
	addr string
	mu   sync.Mutex
	seen []url.Values // every request that was read whole
}

// listen serves with answer(n-th request on its connection, from 1); "" closes the connection.
func listen(t *testing.T, answer func(nth int) string) *wire {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{addr: ln.Addr().String()}
	var serving sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	serving.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				defer context.AfterFunc(ctx, func() { conn.Close() })()
				w.serve(conn, answer)
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		ln.Close()
		serving.Wait()
	})
	return w
}

func (w *wire) serve(conn net.Conn, answer func(int) string) {
	br := bufio.NewReader(conn)
	for nth := 1; ; nth++ {
		req, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		values, _ := url.ParseQuery(req.URL.RawQuery + "&" + string(body))
		w.mu.Lock()
		w.seen = append(w.seen, values)
		w.mu.Unlock()
		text := answer(nth)
		if text == "" {
			return
		}
		if _, err := io.WriteString(conn, text); err != nil {
			return
		}
	}
}

func (w *wire) requests() []url.Values {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.seen)
}

func (w *wire) url() string { return "http://" + w.addr + "/v2/index.php" }

const goodAnswer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{\"code\":0}"

// answersOnce answers the first request on a connection, and closes it upon the second, after reading it.
func answersOnce(nth int) string {
	if nth == 1 {
		return goodAnswer
	}
	return ""
}

// What net/http does by itself: a GET on a kept connection that breaks is sent a second time, and nobody is told.
func TestNetHTTPSendsAGetTwice(t *testing.T) {
	w := listen(t, answersOnce)
	var client http.Client
	client.Transport = &http.Transport{}
	defer client.CloseIdleConnections()
	for range 2 {
		resp, err := client.Get(w.url() + "?Action=RunUserCmd")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	if got := len(w.requests()); got != 3 {
		t.Fatalf("two calls arrived %d times; this test expects net/http to make it 3", got)
	}
}

// What we do on the same server: each run arrives once, each on a connection of its own.
func TestRunArrivesOnceWhereNetHTTPRepeats(t *testing.T) {
	for _, version := range []string{bmclient.API2, bmclient.API3} {
		w := listen(t, answersOnce)
		c := newClient(t, w.url(), func(c *bmclient.Config) {
			if version == bmclient.API3 {
				c.API, c.Region, c.Endpoint = version, "bj", "http://"+w.addr
			}
		})
		for range 2 {
			_, err := c.Run(t.Context(), runKey, order()) // 3.0 cannot read the answer
			if version == bmclient.API2 && err != nil || errors.Is(err, bmclient.ErrNotSent) {
				t.Fatal(err)
			}
		}
		if got := len(w.requests()); got != 2 {
			t.Errorf("%s: two runs arrived %d times", version, got)
		}
	}
}

// Our reads are not repeated by net/http either, by GET or POST: each send is signed anew, with a nonce of its own.
func TestReadIsSignedAnewForEverySend(t *testing.T) {
	for _, byGET := range []bool{true, false} {
		w := listen(t, answersOnce)
		c := newClient(t, w.url(), func(c *bmclient.Config) { c.ReadsByGET = byGET })
		for range 4 {
			_, err := c.Script(t.Context(), "cmd-nozcbhuw") // the answer holds no data
			if !errors.Is(err, bmclient.ErrNoScript) {
				t.Fatal(err)
			}
		}
		seen := map[string]bool{}
		for _, r := range w.requests() {
			if nonce := r.Get("Nonce"); nonce == "" || seen[nonce] {
				t.Errorf("by GET %v: nonce %q came twice", byGET, nonce)
			} else {
				seen[nonce] = true
			}
		}
		if len(seen) <= 4 {
			t.Errorf("by GET %v: %d requests; the breaks were not met", byGET, len(seen))
		}
	}
}

func TestRunIsSentOnceWhateverHappens(t *testing.T) {
	tests := []struct {
		why   string
		fault bmtest.Fault
	}{
		{"the connection breaks before it was carried out", bmtest.Fault{Drop: bmtest.DropBefore}},
		{"the connection breaks after it was carried out", bmtest.Fault{Drop: bmtest.DropAfter}},
		{"500", bmtest.Fault{Status: 500}},
		{"502 and carried out", bmtest.Fault{Status: 502, Execute: true}},
		{"503 with a JSON success", bmtest.Fault{Status: 503, Body: `{"code":0}`}},
		{"500 with a JSON refusal", bmtest.Fault{Status: 500, Code: 4100}},
		{"404", bmtest.Fault{Status: 404}},
		{"403 with a JSON success", bmtest.Fault{Status: 403, Body: `{"code":0}`}},
		{"429", bmtest.Fault{Status: 429}},
		{"302", bmtest.Fault{Status: 302, Redirect: "/v2/index.php"}},
		{"307 to the address of 3.0", bmtest.Fault{Status: 307, Redirect: "/"}},
		{"307, which repeats a POST", bmtest.Fault{Status: 307, Redirect: "/v2/index.php"}},
		{"308 with a JSON success", bmtest.Fault{Status: 308, Redirect: "/v2/index.php", Body: `{"code":0}`}},
		{"a web page", bmtest.Fault{HTML: true}},
		{"a web page and carried out", bmtest.Fault{HTML: true, Execute: true}},
		{"cut short", bmtest.Fault{Truncate: true}},
		{"too long", bmtest.Fault{Pad: 2 << 20}},
		{"no code", bmtest.Fault{Body: `{"message":"OK"}`}},
		{"not whole JSON", bmtest.Fault{Body: `{"code":0`}},
		{"an empty body", bmtest.Fault{Body: " "}},
		{"a success of another API", bmtest.Fault{Body: `{"Response":{"RequestId":"r"}}`}},
		{"an error in one form and a success in the other", bmtest.Fault{Body: `{"code":5100,"message":"m","Response":{"RequestId":"r"}}`}},
		{"busy, as 429 and with a word for it", bmtest.Fault{Status: 429, HTML: true}},
		{"no answer in time", bmtest.Fault{Hang: true}},
		{"no answer in time, carried out", bmtest.Fault{Hang: true, Execute: true}},
	}
	for _, tt := range tests {
		for _, version := range []string{bmclient.API2, bmclient.API3} {
			t.Run(version+" "+tt.why, func(t *testing.T) {
				t.Parallel()
				sendOnce(t, version, tt.fault)
			})
		}
	}
}

// sendOnce runs against a fault whose outcome nobody can know, and counts.
func sendOnce(t *testing.T, version string, fault bmtest.Fault) {
	api := startAPI(t)
	c := newClient(t, api.URL(), func(c *bmclient.Config) {
		c.RunTimeout = 10 * time.Second
		if version == bmclient.API3 {
			on3(api)(c)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if fault.Hang { // the wait is ended as soon as it has arrived
		go func() { _ = api.WaitCalls(ctx, "RunUserCmd", 1); cancel() }()
	}
	api.FailAlways("RunUserCmd", fault)
	_, err := c.Run(ctx, runKey, order())
	var e *bmclient.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v", err)
	}
	if e.Class != bmclient.ClassUnknown || errors.Is(err, bmclient.ErrNotSent) {
		t.Errorf("class %v, not sent %v: %v", e.Class, errors.Is(err, bmclient.ErrNotSent), err)
	}
	if !strings.Contains(e.Hint(), "may have run") {
		t.Errorf("hint %q", e.Hint())
	}
	api.Close() // waits for what still runs there
	if got := api.Count("RunUserCmd"); got != 1 {
		t.Errorf("it arrived %d times", got)
	}
	if got := len(api.Calls()); got != 1 {
		t.Errorf("%d calls arrived", got)
	}
}

// An error of 3.0 in answer to a call of 2.0 is not trusted to be a refusal.
func TestErrorOfAnotherAPI(t *testing.T) {
	sendOnce(t, bmclient.API2, bmtest.Fault{Body: `{"Response":{"Error":{"Code":"AuthFailure","Message":"m"},"RequestId":"r"}}`})
}

func TestRunTimeout(t *testing.T) {
	api := startAPI(t)
	api.FailAlways("RunUserCmd", bmtest.Fault{Hang: true})
	var err error
	for d := 200 * time.Millisecond; d < time.Minute && api.Count("RunUserCmd") == 0; d *= 2 { // until it is sent in time
		c := newClient(t, api.URL(), func(c *bmclient.Config) { c.RunTimeout = d })
		_, err = c.Run(t.Context(), runKey, order())
	}
	var e *bmclient.Error
	if !errors.As(err, &e) || e.Class != bmclient.ClassUnknown || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, bmclient.ErrNotSent) {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(err.Error(), "no answer came in time") {
		t.Errorf("%q does not say what happened", err)
	}
}

// An answer that comes in two styles of success is one run; a success with 200 only.
func TestAccepted(t *testing.T) {
	for _, body := range []string{`{"code":0,"message":"OK"}`, `{"code":"0","message":"OK"}`, `{"code":0,"message":"OK","codeDesc":"Success","data":null}`} {
		api := startAPI(t)
		api.FailNext("RunUserCmd", bmtest.Fault{Body: body}, 1)
		got, err := newClient(t, api.URL()).Run(t.Context(), runKey, order())
		if err != nil || got.Message != "OK" {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
}
