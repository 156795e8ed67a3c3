package bmclient_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

// Every way to sign and send must satisfy a server that shares no code with the client.
func TestScriptAndRunAgainstBmtest(t *testing.T) {
	tests := []struct {
		why   string
		alter func(*bmclient.Config)
		read  string // method of the read
		array string
	}{
		{"the defaults", func(*bmclient.Config) {}, "POST", "instanceId"},
		{"the older hash", func(c *bmclient.Config) { c.Signature = bmclient.HmacSHA1 }, "POST", "instanceId"},
		{"reads by GET; the run stays POST", func(c *bmclient.Config) { c.ReadsByGET = true }, "GET", "instanceId"},
		{"the other array key", func(c *bmclient.Config) { c.ArrayKey = "instanceIds" }, "POST", "instanceIds"},
		{"a region", func(c *bmclient.Config) { c.Region = "ap-beijing" }, "POST", "instanceId"},
		{"all of it", func(c *bmclient.Config) {
			c.Region, c.ArrayKey, c.ReadsByGET, c.Signature = "bj", "instanceIds", true, bmclient.HmacSHA1
		}, "GET", "instanceIds"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			api := startAPI(t)
			c := newClient(t, api.URL(), tt.alter)
			s, err := c.Script(t.Context(), "cmd-nozcbhuw")
			if err != nil {
				t.Fatal(err)
			}
			zone := time.FixedZone("UTC+8", 8*60*60)
			want := bmclient.Script{
				CmdID: "cmd-nozcbhuw", Alias: "hello", OSType: "linux", Content: []byte(content), AppID: "251000873",
				Created: time.Date(2017, 10, 19, 19, 29, 35, 0, zone), Modified: time.Date(2017, 10, 20, 0, 26, 55, 0, zone),
			}
			if diff := cmp.Diff(want, s); diff != "" {
				t.Error(diff)
			}
			if _, offset := s.Created.Zone(); offset != 8*60*60 {
				t.Errorf("created is in zone %v; the API's times are UTC+8", s.Created.Location())
			}
			if _, err := c.Run(t.Context(), runKey, order()); err != nil {
				t.Fatal(err)
			}
			ran := []bmtest.RanCmd{{
				Call: 2, CmdID: "cmd-nozcbhuw", Hosts: []string{"ins-1", "ins-2"}, Parameters: []byte("-a -b"),
				Content: []byte(content), User: "root", LoginOK: true, KeyID: keyID, API: "2.0", Task: api.TaskIDs()[0],
			}}
			if diff := cmp.Diff(ran, api.Runs(), cmpopts.IgnoreFields(bmtest.RanCmd{}, "At", "Began")); diff != "" {
				t.Error(diff)
			}
			calls := api.Calls()
			if calls[0].Method != tt.read || calls[1].Method != "POST" || calls[1].ArrayKey != tt.array {
				t.Errorf("read by %s, run by %s with %s; want %s, POST, %s", calls[0].Method, calls[1].Method, calls[1].ArrayKey, tt.read, tt.array)
			}
		})
	}
}

func TestTemporaryKeySendsItsToken(t *testing.T) {
	api := startAPI(t)
	api.AddTemporaryKey("tmp", "s", token, bmtest.MayRead|bmtest.MayRun)
	c := newClient(t, api.URL())
	if _, err := c.Run(t.Context(), bmclient.Key{ID: "tmp", Secret: word("s"), Token: word(token)}, order()); err != nil {
		t.Fatal(err)
	}
	if got := api.Calls()[0].Token; got != token {
		t.Errorf("token %q arrived", got)
	}
}

func TestEmptyParametersAreSentAndSigned(t *testing.T) {
	api := startAPI(t)
	r := order()
	r.Parameters = nil
	if _, err := newClient(t, api.URL()).Run(t.Context(), runKey, r); err != nil {
		t.Fatal(err)
	}
	if v, ok := api.Calls()[0].Params["cmdParam"]; !ok || v != "" {
		t.Errorf("cmdParam is %q, present %v; want it present and empty", v, ok)
	}
}

func TestOverTLS(t *testing.T) {
	api := startAPI(t)
	srv := httptest.NewTLSServer(api)
	t.Cleanup(srv.Close)
	c := newClient(t, srv.URL+"/v2/index.php", func(c *bmclient.Config) {
		c.RootCAs = srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	})
	if _, err := c.Script(t.Context(), "cmd-nozcbhuw"); err != nil {
		t.Error(err)
	}
	if _, err := c.Run(t.Context(), runKey, order()); err != nil {
		t.Error(err)
	}
}

func TestSignedAtIsTheTimestamp(t *testing.T) {
	at := time.Date(2026, 11, 3, 2, 1, 0, 0, time.UTC)
	api := startAPI(t, bmtest.Now(func() time.Time { return at }))
	r := order()
	r.SignedAt = at
	got, err := newClient(t, api.URL()).Run(t.Context(), runKey, r)
	if err != nil {
		t.Fatal(err)
	}
	if !got.SignedAt.Equal(at) || api.Calls()[0].Params["Timestamp"] != "1793671260" {
		t.Errorf("signed at %v, timestamp %s", got.SignedAt, api.Calls()[0].Params["Timestamp"])
	}
}

// Reads keep their connection; each run has one of its own.
func TestConnections(t *testing.T) {
	api := startAPI(t)
	c := newClient(t, api.URL())
	for range 2 {
		if _, err := c.Script(t.Context(), "cmd-nozcbhuw"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Run(t.Context(), runKey, order()); err != nil {
			t.Fatal(err)
		}
	}
	reads, runs := map[string]bool{}, map[string]bool{}
	for _, call := range api.Calls() {
		if call.Action == "RunUserCmd" {
			runs[call.Conn] = true
		} else {
			reads[call.Conn] = true
		}
	}
	if len(reads) != 1 || len(runs) != 2 {
		t.Errorf("two reads used %d connections, two runs %d; want 1 and 2", len(reads), len(runs))
	}
}
