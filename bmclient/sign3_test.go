package bmclient

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	tc "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
)

func new3(t testing.TB, endpoint, region string) *Client {
	t.Helper()
	c, err := New(Config{API: API3, Endpoint: endpoint, Region: region, ReadKey: noKey})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// asPrinted is a request whose body is the bytes of a page, blanks and escapes included, which no JSON encoder would write.
type asPrinted struct{ *tchttp.BaseRequest }

func (asPrinted) MarshalJSON() ([]byte, error) { return []byte("{}"), nil }

// The vendor's published example, byte for byte: what would go out is what its page prints. The page was edited; both keys are as printed,
// and give the printed signatures.
func TestPublishedTC3(t *testing.T) {
	const body = `{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`
	tests := []struct{ id, secret, signature string }{
		{"AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"},
		{"AKIDz8krbsJ5yKBZQpn74WFkmLPx3*******", "Gu5t9xGARNpq86cd98joQYCN3*******", "2230eefd229f582d8b1b891af7107b91597240707d778ab3738f756258d7652c"},
	}
	for _, tt := range tests {
		c := new3(t, "https://cvm.tencentcloudapi.com", "gz")
		req := asPrinted{new(tchttp.BaseRequest).Init().WithApiInfo("cvm", "2017-03-12", "DescribeInstances")}
		req.SetContentType("application/octet-stream") // has the vendor's client take the body as it is
		req.SetBody([]byte(body))
		req.SetHeader(map[string]string{"Content-Type": "application/json; charset=utf-8"})
		got, err := c.sign3(req, c.host, &tc.Credential{SecretId: tt.id, SecretKey: tt.secret}, time.Unix(1551113065, 0))
		if err != nil {
			t.Fatal(err)
		}
		sent := c.newRequest(t.Context(), got)
		want := map[string]string{
			"Authorization": "TC3-HMAC-SHA256 Credential=" + tt.id + "/2019-02-25/cvm/tc3_request, SignedHeaders=content-type;host, Signature=" + tt.signature,
			"Content-Type":  "application/json; charset=utf-8", "X-TC-Action": "DescribeInstances", "X-TC-Timestamp": "1551113065",
			"X-TC-Version": "2017-03-12", "X-TC-Region": "ap-guangzhou",
		}
		for k, v := range want {
			if got := sent.Header.Get(k); got != v {
				t.Errorf("%s is %q, want %q", k, got, v)
			}
		}
		if got.body != body || sent.Host != "cvm.tencentcloudapi.com" || sent.Method != "POST" || sent.URL.String() != "https://cvm.tencentcloudapi.com/" {
			t.Errorf("%s %s to %s:\n%s", sent.Method, sent.URL, sent.Host, got.body)
		}
	}
}

// What an order becomes on the wire.
func TestSigned3(t *testing.T) {
	t.Setenv("TENCENTCLOUD_SECRET_ID", "canary")
	t.Setenv("TENCENTCLOUD_SECRET_KEY", "canary")
	t.Setenv("TENCENTCLOUD_REGION", "canary")
	c := new3(t, "", "bj")
	key := Key{ID: "id", Secret: word("secret"), Token: word("token")}
	r := Run{CmdID: "cmd-1", Hosts: []string{"ins-1", "ins-2"}, Parameters: []byte("-a"), User: "root", Password: word("@pass<word>&é")}
	got, err := c.signRun(key, r, time.Unix(1700000000, 0))
	if err != nil {
		t.Fatal(err)
	}
	auth := got.header["Authorization"]
	if _, sum, _ := strings.Cut(auth, "Signature="); len(sum) != 64 || !strings.HasPrefix(auth, "TC3-HMAC-SHA256 Credential=id/2023-11-14/bm/tc3_request, ") {
		t.Errorf("authorization %q", auth)
	} else if diff := cmp.Diff([]string{"id", "secret", sum, "token", "@pass<word>&é"}, got.secrets); diff != "" {
		t.Errorf("secrets: %s", diff)
	}
	delete(got.header, "Authorization")
	if !strings.HasPrefix(got.header["X-Tc-Requestclient"], "SDK_GO_") {
		t.Errorf("the vendor asks that clients name themselves: %q", got.header)
	}
	delete(got.header, "X-Tc-Requestclient")
	want := map[string]string{
		"Content-Type": "application/json", "X-Tc-Action": "RunUserCmd", "X-Tc-Language": "en-US", "X-Tc-Region": "ap-beijing",
		"X-Tc-Timestamp": "1700000000", "X-Tc-Token": "token", "X-Tc-Version": "2018-04-23",
	}
	if diff := cmp.Diff(want, got.header); diff != "" {
		t.Error(diff)
	}
	var body map[string]any
	if err := json.Unmarshal([]byte(got.body), &body); err != nil {
		t.Fatal(err)
	}
	wantBody := map[string]any{"CmdId": "cmd-1", "CmdParam": "LWE=", "InstanceIds": []any{"ins-1", "ins-2"}, "UserName": "root", "Password": "@pass<word>&é"}
	if diff := cmp.Diff(wantBody, body); diff != "" {
		t.Error(diff)
	}
	if c.host != "bm.tencentcloudapi.com" || got.method != http.MethodPost || got.query != "" {
		t.Errorf("%s to %s?%s", got.method, c.host, got.query)
	}
}

func TestEmptyParametersAreLeftOutOf3(t *testing.T) {
	got := api3{}.run(nil, Run{CmdID: "c", Hosts: []string{"h"}, User: "u"}, "p")
	if _, there := got.fields["CmdParam"]; there {
		t.Errorf("%v", got.fields)
	}
}

// All that the vendor's client could do about an answer is off, and it has no wire to do it on.
func TestVendorsClientOnlySigns(t *testing.T) {
	p := profile3()
	if p.NetworkFailureMaxRetries != 0 || p.RateLimitExceededMaxRetries != 0 || p.UnsafeRetryOnConnectionFailure || !p.DisableRegionBreaker ||
		p.Debug || p.HttpProfile.Proxy != "" || p.HttpProfile.ReqTimeout != 0 || p.SignMethod != "TC3-HMAC-SHA256" {
		t.Errorf("%+v, %+v", p, p.HttpProfile)
	}
	if tc.DefaultHttpClient != nil {
		t.Error("the vendor's clients share one HTTP client, whose transport would be replaced")
	}
	var k collector
	for i, want := range []error{nil, errCollected, errCollected} {
		req, err := http.NewRequest(http.MethodPost, "https://bm.invalid/", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := k.RoundTrip(req)
		if err != want || k.body != "body" {
			t.Errorf("request %d: %v, %q", i+1, err, k.body)
		}
		if err == nil {
			resp.Body.Close()
		}
	}
}

func TestLongRegion(t *testing.T) {
	for name, want := range map[string]string{"bj": "ap-beijing", "gz": "ap-guangzhou", "sh": "ap-shanghai", "cq": "ap-chongqing", "ap-beijing": "ap-beijing", "moon": "moon"} {
		if got := longRegion(name); got != want {
			t.Errorf("%s became %s", name, got)
		}
	}
}

// What was signed is what is read back, whatever the texts: nothing is altered on the way.
func FuzzSigned3(f *testing.F) {
	f.Add("cmd-1", "p@ss<&>\u2028\"\\", "ins-1")
	f.Add("", "\xff", "\x00")
	c := new3(f, "", "ap-beijing")
	f.Fuzz(func(t *testing.T, cmdID, password, host string) {
		if password == "" {
			return
		}
		r := Run{CmdID: cmdID, Hosts: []string{host}, User: "root", Password: word(password)}
		got, err := c.signRun(Key{ID: "id", Secret: word("s")}, r, time.Unix(1700000000, 0))
		if err != nil {
			return
		}
		var body struct {
			CmdID, Password string // matched without case
			InstanceIDs     []string
		}
		if err := json.Unmarshal([]byte(got.body), &body); err != nil {
			t.Fatal(err)
		}
		if body.CmdID != cmdID || body.Password != password || body.InstanceIDs[0] != host {
			t.Errorf("%q became %s", []string{cmdID, password, host}, got.body)
		}
	})
}

func BenchmarkSign3(b *testing.B) {
	c := new3(b, "", "ap-beijing")
	r := Run{CmdID: "cmd-nozcbhuw", Hosts: []string{"ins-1", "ins-2", "ins-3"}, User: "root", Password: word("p@ss w+rd"), Parameters: []byte("-a -b")}
	key := Key{ID: sampleID, Secret: word(sampleSecret)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.signRun(key, r, c.cfg.Now()); err != nil {
			b.Fatal(err)
		}
	}
}

// Machines of TAT are asked for at CVM, at the same kind of endpoint, and signed for that.
func TestWhereMachinesAreAsked(t *testing.T) {
	for endpoint, host := range map[string]string{
		"":                                     "cvm.tencentcloudapi.com",
		"https://tat.intl.tencentcloudapi.com": "cvm.intl.tencentcloudapi.com",
		"https://tat.ap-guangzhou.tencentcloudapi.com:8443": "cvm.ap-guangzhou.tencentcloudapi.com:8443",
		"http://127.0.0.1:8080":                             "127.0.0.1:8080",
	} {
		c, err := New(Config{API: APITAT, Endpoint: endpoint, Region: "ap-guangzhou", ReadKey: noKey})
		if err != nil {
			t.Fatal(err)
		}
		for at, want := range map[product]string{productTAT: c.host, productCVM: host} {
			ask := call{to: toListMachines, action: "Describe", fields: map[string]any{"Limit": 1}, at: at}
			got, err := c.api.sign(c, ask, Key{ID: "id", Secret: word("key")}, time.Unix(1551113065, 0))
			if err != nil {
				t.Fatal(err)
			}
			sent := c.newRequest(t.Context(), got)
			auth := sent.Header.Get("Authorization")
			if sent.URL.Host != want || sent.Host != want || !strings.Contains(auth, "/"+at.name+"/tc3_request") || sent.Header.Get("X-TC-Version") != at.version {
				t.Errorf("%s at %q: %s, %v", at.name, endpoint, sent.URL, sent.Header)
			}
			direct := new3(t, "https://"+want, "ap-guangzhou") // what is signed for that host and nothing else
			if same, err := direct.api.sign(direct, ask, Key{ID: "id", Secret: word("key")}, time.Unix(1551113065, 0)); err != nil || same.header["Authorization"] != auth {
				t.Errorf("%s at %q is not signed for %s: %v", at.name, endpoint, want, err)
			}
		}
	}
}
