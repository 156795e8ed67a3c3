package bmclient_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

// How often a read is sent when the same number or fault comes again and again, with four attempts allowed.
func TestReadIsSentAgain(t *testing.T) {
	want := map[int]int{4200: 2, 4400: 4, 4500: 4, 5100: 3, 6000: 4, 6200: 4, 9001: 4, 9005: 4, 9008: 4}
	for _, n := range append(bmtest.Documented(), 7777) {
		api := startAPI(t)
		api.FailAlways("GetUserCmd", bmtest.Fault{Code: n})
		_, err := newClient(t, api.URL()).Script(t.Context(), "cmd-nozcbhuw")
		var e *bmclient.Error
		if !errors.As(err, &e) || e.Number != n || e.Action != "GetUserCmd" {
			t.Errorf("%d: %v", n, err)
		}
		if sends := max(1, want[n]); api.Count("GetUserCmd") != sends {
			t.Errorf("%d: sent %d times, want %d", n, api.Count("GetUserCmd"), sends)
		}
		api.Close()
	}
}

func TestReadFaults(t *testing.T) {
	tests := []struct {
		why   string
		fault bmtest.Fault
		sends int
	}{
		{"the connection breaks", bmtest.Fault{Drop: bmtest.DropBefore}, 4},
		{"502", bmtest.Fault{Status: 502}, 4},
		{"500 with a number that is final otherwise", bmtest.Fault{Status: 500, Code: 4100}, 4},
		{"a web page", bmtest.Fault{HTML: true}, 4},
		{"cut short", bmtest.Fault{Truncate: true}, 4},
		{"429", bmtest.Fault{Status: 429}, 4},
		{"403 will not change", bmtest.Fault{Status: 403}, 1},
		{"a redirect is never followed", bmtest.Fault{Redirect: "/v2/index.php"}, 1},
		{"too long", bmtest.Fault{Pad: 9 << 20}, 1},
		{"an error of another API", bmtest.Fault{Body: `{"Response":{"Error":{"Code":"ActionOffline","Message":"m"}}}`}, 1},
		{"another script", bmtest.Fault{Body: `{"code":0,"data":{"cmdId":"cmd-other","content":""}}`}, 1},
		{"no content", bmtest.Fault{Body: `{"code":0,"data":{"cmdId":"cmd-nozcbhuw"}}`}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			api := startAPI(t)
			api.FailAlways("GetUserCmd", tt.fault)
			_, err := newClient(t, api.URL()).Script(t.Context(), "cmd-nozcbhuw")
			var e *bmclient.Error
			if !errors.As(err, &e) || errors.Is(err, bmclient.ErrNoScript) {
				t.Fatalf("got %v", err)
			}
			if got := api.Count("GetUserCmd"); got != tt.sends {
				t.Errorf("sent %d times, want %d: %v", got, tt.sends, err)
			}
		})
	}
}

func TestReadGetsThrough(t *testing.T) {
	api := startAPI(t)
	api.FailNext("GetUserCmd", bmtest.Fault{Drop: bmtest.DropBefore}, 1)
	api.FailNext("GetUserCmd", bmtest.Fault{Code: 6000}, 1)
	api.FailNext("GetUserCmd", bmtest.Fault{HTML: true}, 1)
	s, err := newClient(t, api.URL()).Script(t.Context(), "cmd-nozcbhuw")
	if err != nil || string(s.Content) != content {
		t.Fatalf("%q, %v", s.Content, err)
	}
	var nonces []string
	for _, call := range api.Calls() {
		nonces = append(nonces, call.Params["Nonce"])
	}
	slices.Sort(nonces)
	if len(slices.Compact(nonces)) != 4 {
		t.Errorf("four sends used the nonces %q", nonces)
	}
}

func TestNoScript(t *testing.T) {
	for _, form := range []string{"null", "[]", "{}", "", "5000", "18005", "18006", "18008", "18014"} {
		api := startAPI(t, bmtest.Missing(form))
		_, err := newClient(t, api.URL()).Script(t.Context(), "cmd-gone")
		var e *bmclient.Error
		if !errors.Is(err, bmclient.ErrNoScript) || !errors.As(err, &e) || api.Count("GetUserCmd") != 1 {
			t.Errorf("answered with %q: %v, after %d sends", form, err, api.Count("GetUserCmd"))
		}
	}
}

func TestPlainContent(t *testing.T) {
	api := startAPI(t, bmtest.PlainContent())
	s, err := newClient(t, api.URL()).Script(t.Context(), "cmd-nozcbhuw")
	if err != nil || string(s.Content) != content || !s.Plain {
		t.Errorf("%q, plain %v, %v", s.Content, s.Plain, err)
	}
}

// A read that has no time left for another attempt says what the API said, not that time ran out.
func TestReadKeepsTheLastWord(t *testing.T) {
	api := startAPI(t)
	api.FailAlways("GetUserCmd", bmtest.Fault{Code: 6000})
	c := newClient(t, api.URL(), func(c *bmclient.Config) { c.ReadBackoff = time.Hour })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := c.Script(ctx, "cmd-nozcbhuw")
	var e *bmclient.Error
	if !errors.As(err, &e) || e.Number != 6000 || ctx.Err() != nil {
		t.Errorf("got %v, after the context had ended: %v", err, ctx.Err())
	}
}

func TestReadIsGivenUpWithItsContext(t *testing.T) {
	api := startAPI(t)
	api.FailAlways("GetUserCmd", bmtest.Fault{Hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { _ = api.WaitCalls(ctx, "GetUserCmd", 1); cancel() }()
	_, err := newClient(t, api.URL()).Script(ctx, "cmd-nozcbhuw")
	if !errors.Is(err, context.Canceled) || api.Count("GetUserCmd") != 1 {
		t.Errorf("got %v after %d sends", err, api.Count("GetUserCmd"))
	}
}

func TestReadTimeoutIsForOneSend(t *testing.T) {
	api := startAPI(t)
	api.FailNext("GetUserCmd", bmtest.Fault{Hang: true}, 1)
	c := newClient(t, api.URL(), func(c *bmclient.Config) { c.Timeout = 2 * time.Second })
	if _, err := c.Script(t.Context(), "cmd-nozcbhuw"); err != nil {
		t.Error(err)
	}
}

func TestReadKey(t *testing.T) {
	api := startAPI(t)
	broken := errors.New("the vault is sealed")
	var asked atomic.Int32
	c := newClient(t, api.URL(), func(c *bmclient.Config) {
		c.ReadKey = func(context.Context) (bmclient.Key, error) { asked.Add(1); return bmclient.Key{}, broken }
	})
	_, err := c.Script(t.Context(), "cmd-nozcbhuw")
	if !errors.Is(err, broken) || !errors.Is(err, bmclient.ErrNotSent) || asked.Load() != 1 || api.Count("GetUserCmd") != 0 {
		t.Errorf("got %v, asked %d times", err, asked.Load())
	}
	for _, id := range []string{"", "@x"} {
		if _, err := newClient(t, api.URL()).Script(t.Context(), id); !errors.Is(err, bmclient.ErrNotSent) {
			t.Errorf("script %q: %v", id, err)
		}
	}
}

func TestNewChecks(t *testing.T) {
	tests := []struct {
		why   string
		alter func(*bmclient.Config)
		says  string // "" for good
	}{
		{"all defaults", func(*bmclient.Config) {}, ""},
		{"http on loopback", func(c *bmclient.Config) { c.Endpoint = "http://127.0.0.1:80/v2/index.php" }, ""},
		{"http on loopback, v6", func(c *bmclient.Config) { c.Endpoint = "http://[::1]:8080" }, ""},
		{"http on localhost", func(c *bmclient.Config) { c.Endpoint = "http://localhost/v2/index.php" }, ""},
		{"http elsewhere", func(c *bmclient.Config) { c.Endpoint = "http://bm.api.qcloud.com/v2/index.php" }, "use https"},
		{"http on a name that looks local", func(c *bmclient.Config) { c.Endpoint = "http://127.0.0.1.example.com/" }, "use https"},
		{"another scheme", func(c *bmclient.Config) { c.Endpoint = "ftp://bm.api.qcloud.com/" }, "use https"},
		{"no scheme", func(c *bmclient.Config) { c.Endpoint = "bm.api.qcloud.com" }, "not an address"},
		{"a user and password", func(c *bmclient.Config) { c.Endpoint = "https://u:canary@bm.api.qcloud.com/" }, "holds a user"},
		{"a query", func(c *bmclient.Config) { c.Endpoint = "https://bm.api.qcloud.com/?x=canary" }, "a query"},
		{"not parsable", func(c *bmclient.Config) { c.Endpoint = "https://canary:%zz" }, "not an address"},
		{"array key", func(c *bmclient.Config) { c.ArrayKey = "hosts" }, "instanceId or instanceIds"},
		{"signature", func(c *bmclient.Config) { c.Signature = "hmacsha256" }, "HmacSHA256 or HmacSHA1"},
		{"region", func(c *bmclient.Config) { c.Region = "@bj" }, "region"},
		{"no key", func(c *bmclient.Config) { c.ReadKey = nil }, "ReadKey"},
		{"3.0", func(c *bmclient.Config) { c.API, c.Region = bmclient.API3, "bj" }, ""},
		{"3.0 on loopback", func(c *bmclient.Config) { c.API, c.Region, c.Endpoint = bmclient.API3, "bj", "http://127.0.0.1:1/" }, ""},
		{"3.0 without a region", func(c *bmclient.Config) { c.API = bmclient.API3 }, "needs a region"},
		{"3.0 at the address of 2.0", func(c *bmclient.Config) { c.API, c.Region, c.Endpoint = bmclient.API3, "bj", bmclient.DefaultEndpoint }, "has no path"},
		{"3.0 over http elsewhere", func(c *bmclient.Config) {
			c.API, c.Region, c.Endpoint = bmclient.API3, "bj", "http://bm.tencentcloudapi.com"
		}, "use https"},
		{"another version", func(c *bmclient.Config) { c.API = "3" }, "2.0, 3.0 or tat"},
		{"negative time", func(c *bmclient.Config) { c.Timeout = -1 }, "negative"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			cfg := bmclient.Config{ReadKey: keySource(runKey)}
			tt.alter(&cfg)
			_, err := bmclient.New(cfg)
			switch {
			case tt.says == "" && err != nil:
				t.Error(err)
			case tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "canary")):
				t.Errorf("got %v, want it to say %q", err, tt.says)
			}
		})
	}
}

// The Host that is signed is the one that is sent, also when the endpoint names the default port.
func TestDefaultPortIsNotSigned(t *testing.T) {
	var host string
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) { host = r.Host; _, _ = w.Write([]byte(`{"code":0}`)) })
	if _, err := newClient(t, srv.URL).Run(t.Context(), runKey, order()); err != nil {
		t.Fatal(err)
	}
	if "http://"+host != srv.URL {
		t.Errorf("host %q was sent to %s", host, srv.URL)
	}
}

func BenchmarkScript(b *testing.B) {
	api := startAPI(b, bmtest.Keep(100))
	c := newClient(b, api.URL())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Script(b.Context(), "cmd-nozcbhuw"); err != nil {
			b.Fatal(err)
		}
	}
}

// The answer is canned, so that the allocations are the client's and net/http's.
func BenchmarkRun(b *testing.B) {
	srv := serve(b, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"message":"","code":0}`)) })
	c := newClient(b, srv.URL)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Run(b.Context(), runKey, order()); err != nil {
			b.Fatal(err)
		}
	}
}

// A read and a run of 3.0, signed by the vendor's client.
func BenchmarkScript3(b *testing.B) {
	api := startAPI(b, bmtest.Keep(100))
	c := newClient(b, "", on3(api))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Script(b.Context(), "cmd-nozcbhuw"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRun3(b *testing.B) {
	srv := serve(b, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"Response":{"SuccessTaskInfoSet":[{"InstanceId":"ins-1","TaskId":1,"CmdTaskId":"cmdtask-1"}],"RequestId":"r"}}`))
	})
	c := newClient(b, srv.URL, func(c *bmclient.Config) { c.API, c.Region = bmclient.API3, "ap-beijing" })
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Run(b.Context(), runKey, order()); err != nil {
			b.Fatal(err)
		}
	}
}
