package bmtest_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 11, 3, 2, 0, 0, 0, time.UTC)

// start makes a server with the world of the two pages: one script, two hosts, two keys.
func start(t *testing.T, opts ...bmtest.Option) *bmtest.Server {
	t.Helper()
	s := bmtest.New(append([]bmtest.Option{bmtest.Now(func() time.Time { return now })}, opts...)...)
	s.AddScript(bmtest.Script{CmdID: "cmd-1", Alias: "hello", Content: []byte("echo hi"), Created: time.Date(2017, 10, 19, 11, 29, 35, 0, time.UTC)})
	s.AddHost("ins-1", map[string]string{"root": "123456"})
	s.AddHost("ins-2", map[string]string{"root": "123456"})
	s.AddKey("id", "secret", bmtest.MayRead|bmtest.MayRun)
	s.AddKey("reader", "secret", bmtest.MayRead)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// asked is one request as a test wants it; the zero changes make a good RunUserCmd.
type asked struct {
	method string
	params map[string]string
	key    string
	// alterations of the signing
	encoded, lowerSort, noEmpty bool
}

func run() asked {
	return asked{method: "POST", key: "secret", params: map[string]string{
		"Action": "RunUserCmd", "SecretId": "id", "Nonce": "1", "Timestamp": strconv.FormatInt(now.Unix(), 10), "SignatureMethod": "HmacSHA256",
		"cmdId": "cmd-1", "userName": "root", "password": "123456", "cmdParam": "", "instanceId.0": "ins-1", "instanceId.1": "ins-2",
	}}
}

func get() asked {
	a := run()
	a.method = "GET"
	a.params = map[string]string{"Action": "GetUserCmd", "SecretId": "id", "Nonce": "1", "Timestamp": a.params["Timestamp"], "cmdId": "cmd-1"}
	return a
}

func (a asked) with(kv ...string) asked {
	a.params = maps.Clone(a.params)
	for i := 0; i < len(kv); i += 2 {
		if kv[i+1] == "-" {
			delete(a.params, kv[i])
		} else {
			a.params[kv[i]] = kv[i+1]
		}
	}
	return a
}

// sign is a third reading of the documents, kept as plain as can be.
func (a asked) sign(host string) string {
	var pairs []string
	for k, v := range a.params {
		if a.noEmpty && v == "" {
			continue
		}
		if a.encoded {
			v = url.QueryEscape(v)
		}
		pairs = append(pairs, k+"="+v)
	}
	slices.SortFunc(pairs, func(x, y string) int {
		if a.lowerSort {
			x, y = strings.ToLower(x), strings.ToLower(y)
		}
		return strings.Compare(x, y)
	})
	h := func() hash.Hash { return sha1.New() }
	if a.params["SignatureMethod"] == "HmacSHA256" {
		h = sha256.New
	}
	mac := hmac.New(h, []byte(a.key))
	io.WriteString(mac, a.method+host+"/v2/index.php?"+strings.Join(pairs, "&"))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// answered is what came back.
type answered struct {
	status int
	raw    string
	Code   json.Number     `json:"code"`
	Desc   string          `json:"codeDesc"`
	Text   string          `json:"message"`
	Data   json.RawMessage `json:"data"`
}

func send(t *testing.T, s *bmtest.Server, a asked) answered {
	t.Helper()
	got, err := trySend(t, s, a)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func trySend(t *testing.T, s *bmtest.Server, a asked) (answered, error) {
	t.Helper()
	u, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{}
	for k, v := range a.params {
		form.Set(k, v)
	}
	if _, set := a.params["Signature"]; !set {
		form.Set("Signature", a.sign(u.Host))
	}
	return exchange(t, a.method, s.URL(), form.Encode())
}

func exchange(t *testing.T, method, to, form string) (answered, error) {
	t.Helper()
	var body io.Reader
	if method == "GET" {
		to += "?" + form
	} else {
		body = strings.NewReader(form)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, to, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return answered{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	got := answered{status: resp.StatusCode, raw: string(raw)}
	_ = json.Unmarshal(raw, &got) // what is no JSON is seen in raw
	return got, err
}

func TestAccepts(t *testing.T) {
	tests := []struct {
		why string
		ask asked
	}{
		{"a run by POST", run()},
		{"a run by GET, as the page's sample", asked{method: "GET", key: "secret", params: run().params}},
		{"the other array key", run().with("instanceId.0", "-", "instanceId.1", "-", "instanceIds.0", "ins-1")},
		{"counted from 1, as some pages do", run().with("instanceId.0", "-", "instanceId.2", "ins-1")},
		{"SHA-1 when no method is named", run().with("SignatureMethod", "-")},
		{"SHA-1 for any other word", run().with("SignatureMethod", "hmacsha256")},
		{"any region", run().with("Region", "bj")},
		{"what SDKs add", run().with("RequestClient", "SDK_PYTHON_2.0")},
		{"a read by a reader", get().with("SecretId", "reader")},
		{"four minutes old", run().with("Timestamp", strconv.FormatInt(now.Unix()-240, 10))},
		{"an underscore in a value", run().with("Region", "a_b")},
		{"a wrong password, as the real API may", run().with("password", "wrong")},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			if got := send(t, start(t), tt.ask); got.Code != "0" {
				t.Errorf("got %s", got.raw)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	tests := []struct {
		why  string
		ask  asked
		opts []bmtest.Option
		code json.Number
		says string
	}{
		{"no action", run().with("Action", "-"), nil, "4000", "Action is missing"},
		{"an action that is not there", run().with("Action", "DeleteUserCmd"), nil, "6100", "DeleteUserCmd"},
		{"an action of the other version", run().with("Action", "DescribeUserCmds"), nil, "6100", "DescribeUserCmds"},
		{"no SecretId", run().with("SecretId", "-"), nil, "4000", "SecretId is missing"},
		{"an unknown key", run().with("SecretId", "who"), nil, "4104", "no such SecretId"},
		{"no signature", run().with("Signature", ""), nil, "4000", "Signature is missing"},
		{"no nonce", run().with("Nonce", "-"), nil, "4000", "Nonce is missing"},
		{"a nonce of zero", run().with("Nonce", "0"), nil, "4000", "positive"},
		{"a negative nonce", run().with("Nonce", "-5"), nil, "4000", "positive"},
		{"a time that is none", run().with("Timestamp", "now"), nil, "4000", "Timestamp"},
		{"too old", run().with("Timestamp", strconv.FormatInt(now.Unix()-301, 10)), nil, "4200", "5m1s old"},
		{"too old for a narrow window", run().with("Timestamp", strconv.FormatInt(now.Unix()-2, 10)), []bmtest.Option{bmtest.Window(time.Second)}, "4200", "2s old"},
		{"in the future", run().with("Timestamp", strconv.FormatInt(now.Unix()+301, 10)), nil, "4500", "5m1s in the future"},
		{"a key that may not run", run().with("SecretId", "reader"), nil, "4101", "RunUserCmd"},
		{"a token nobody gave", run().with("Token", "t"), nil, "4105", "Token"},
		{"http where https is wanted", run(), []bmtest.Option{bmtest.OnlyHTTPS()}, "4600", "https"},
		{"another key's signature", asked{method: "POST", key: "other", params: run().params}, nil, "4100", `the text to sign is "POST127.0.0.1`},
		{"values encoded before signing", func() asked { a := run().with("password", "a b"); a.encoded = true; return a }(), nil, "4100", "URL-encoded before signing"},
		{"sorted without case", func() asked { a := run(); a.lowerSort = true; return a }(), nil, "4100", "without regard to case"},
		{"empty values left out", func() asked { a := run(); a.noEmpty = true; return a }(), nil, "4100", "empty values were left out"},
		{"a value with @ signed for POST", run().with("password", "@x"), nil, "4100", `begins with "@"`},
		{"no cmdParam", run().with("cmdParam", "-"), nil, "4000", "cmdParam is missing; it is sent and signed also when empty"},
		{"cmdParam plain", run().with("cmdParam", "-a -b"), nil, "10001", "not base64"},
		{"no password", run().with("password", "-"), nil, "4000", "password is missing"},
		{"no hosts", run().with("instanceId.0", "-", "instanceId.1", "-"), nil, "4000", "no host"},
		{"both array keys", run().with("instanceIds.0", "ins-1"), nil, "4000", "both array keys"},
		{"a gap", run().with("instanceId.1", "-", "instanceId.2", "ins-2"), nil, "4000", "gap"},
		{"the array key that is not taken", run(), []bmtest.Option{bmtest.OnlyArrayKey("instanceIds")}, "10001", "instanceIds is missing"},
		{"a script that is not there", run().with("cmdId", "cmd-2"), nil, "18014", "cmd-2"},
		{"a host that is not there", run().with("instanceId.1", "ins-9"), nil, "18018", "ins-9"},
		{"a wrong password, checked", run().with("password", "wrong"), []bmtest.Option{bmtest.CheckLogins()}, "18012", "root"},
		{"a wrong user, checked", run().with("userName", "admin"), []bmtest.Option{bmtest.CheckLogins()}, "18011", "admin"},
		{"a read without cmdId", get().with("cmdId", "-"), nil, "4000", "cmdId is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			s := start(t, tt.opts...)
			got := send(t, s, tt.ask)
			if got.Code != tt.code || !strings.Contains(got.Text, tt.says) {
				t.Errorf("got %s, want %s saying %q", got.raw, tt.code, tt.says)
			}
			for _, hidden := range []string{"123456", "secret\"", "=wrong"} {
				if strings.Contains(got.Text, hidden) {
					t.Errorf("the message holds %q: %s", hidden, got.Text)
				}
			}
			if s.Runs() != nil || s.Calls()[0].Executed {
				t.Error("and it ran")
			}
		})
	}
}

func TestRefusesForms(t *testing.T) {
	s := start(t)
	for _, tt := range []struct{ why, method, form, says string }{
		{"another method", "PUT", "Action=RunUserCmd", "GET or POST"},
		{"a parameter twice", "POST", "Action=RunUserCmd&Action=GetUserCmd", "sent 2 times"},
		{"not URL-encoded", "POST", "Action=%zz", "URL-encoded"},
		{"no parameters", "POST", "", "Action is missing"},
	} {
		got, err := exchange(t, tt.method, s.URL(), tt.form)
		if err != nil || got.Code != "4000" || !strings.Contains(got.Text, tt.says) {
			t.Errorf("%s: %s, %v", tt.why, got.raw, err)
		}
	}
	resp, err := http.Post(s.URL(), "multipart/form-data", strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); !strings.Contains(string(body), "x-www-form-urlencoded") {
		t.Errorf("a multipart body: %s", body)
	}
	if got, err := exchange(t, "POST", strings.TrimSuffix(s.URL(), "/v2/index.php")+"/v3", ""); err != nil || got.status != http.StatusNotFound {
		t.Errorf("another path: %d, %v", got.status, err)
	}
}

func TestNonceIsGoodOnce(t *testing.T) {
	s := start(t)
	for i, want := range []json.Number{"0", "4500"} {
		if got := send(t, s, run()); got.Code != want {
			t.Errorf("send %d: %s", i+1, got.raw)
		}
	}
	if got := send(t, s, run().with("Nonce", "2")); got.Code != "0" {
		t.Errorf("a fresh nonce: %s", got.raw)
	}
	if n := len(s.Runs()); n != 2 {
		t.Errorf("%d runs", n)
	}
}

// A request whose signature was wrong does not use its nonce up.
func TestBadSignatureLeavesTheNonce(t *testing.T) {
	s := start(t)
	send(t, s, asked{method: "POST", key: "other", params: run().params})
	if got := send(t, s, run()); got.Code != "0" {
		t.Errorf("got %s", got.raw)
	}
}

func TestTemporaryKey(t *testing.T) {
	s := start(t)
	s.AddTemporaryKey("tmp", "secret", "tok", bmtest.MayRun)
	if got := send(t, s, run().with("SecretId", "tmp")); got.Code != "4105" {
		t.Errorf("without token: %s", got.raw)
	}
	if got := send(t, s, run().with("SecretId", "tmp", "Token", "tok", "Nonce", "2")); got.Code != "0" {
		t.Errorf("with token: %s", got.raw)
	}
	s.RemoveKey("tmp")
	if got := send(t, s, run().with("SecretId", "tmp", "Token", "tok", "Nonce", "3")); got.Code != "4104" {
		t.Errorf("switched off: %s", got.raw)
	}
}

func TestGetUserCmdAnswersAsThePage(t *testing.T) {
	s := start(t)
	got := send(t, s, get())
	var data map[string]string
	if err := json.Unmarshal(got.Data, &data); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"autoId": "56", "alias": "hello", "cmdId": "cmd-1", "osType": "linux", "referenceProject": "", "content": "ZWNobyBoaQ==",
		"createTime": "2017-10-19 19:29:35", "modifyTime": "2026-11-03 10:00:00", "appId": "251000873",
	}
	if diff := cmp.Diff(want, data); diff != "" {
		t.Error(diff)
	}
}

func TestHistory(t *testing.T) {
	s := start(t)
	send(t, s, run().with("cmdParam", "LWE="))
	s.ChangeScript("cmd-1", []byte("echo changed"))
	send(t, s, run().with("Nonce", "2", "password", "wrong", "instanceId.1", "-"))
	ids := s.TaskIDs()
	want := []bmtest.RanCmd{
		{Call: 1, At: now, Began: now, CmdID: "cmd-1", Hosts: []string{"ins-1", "ins-2"}, Parameters: []byte("-a"), Content: []byte("echo hi"), User: "root", LoginOK: true, KeyID: "id", API: "2.0", Task: ids[0]},
		{Call: 2, At: now, Began: now, CmdID: "cmd-1", Hosts: []string{"ins-1"}, Parameters: []byte{}, Content: []byte("echo changed"), User: "root", KeyID: "id", API: "2.0", Task: ids[1]},
	}
	if diff := cmp.Diff(want, s.Runs(), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	c := s.Calls()[1]
	if c.N != 2 || c.Action != "RunUserCmd" || c.Method != "POST" || c.KeyID != "id" || c.ArrayKey != "instanceId" || c.Password != "wrong" ||
		c.Params["password"] != "[secret]" || !c.Done || c.Status != 200 || !c.Executed || !strings.Contains(c.Answer, `"code":0`) {
		t.Errorf("%+v", c)
	}
	if s.Calls()[0].Conn == c.Conn {
		t.Error("two connections look like one")
	}
	j, err := json.Marshal(s.Calls())
	if err != nil || strings.Contains(string(j), "123456") {
		t.Errorf("the history as JSON holds a password: %v", err)
	}
}

func TestHistoryKeepsTheNewest(t *testing.T) {
	s := start(t, bmtest.Keep(2))
	for i := range 7 {
		send(t, s, get().with("Nonce", strconv.Itoa(i+1)))
	}
	calls := s.Calls()
	if s.Count("GetUserCmd") != 7 || len(calls) < 2 || len(calls) > 4 || calls[len(calls)-1].N != 7 {
		t.Errorf("%d calls counted, %d kept, the last is %d", s.Count("GetUserCmd"), len(calls), calls[len(calls)-1].N)
	}
}

func TestWait(t *testing.T) {
	s := start(t)
	s.FailNext("RunUserCmd", bmtest.Fault{Hang: true}, 1)
	done := make(chan error, 1)
	go func() { _, err := trySend(t, s, run()); done <- err }()
	if err := s.WaitCalls(t.Context(), "RunUserCmd", 1); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Runs()); n != 0 {
		t.Errorf("a call that hangs ran %d scripts", n)
	}
	ran := make(chan struct{})
	go func() { defer close(ran); send(t, s, run().with("Nonce", "2")) }()
	if err := s.WaitRuns(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	<-ran // its answer comes after the run
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.WaitRuns(ctx, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	s.Close()
	if err := <-done; err == nil {
		t.Error("a call that hangs was answered")
	}
	s.Close()
}

func TestServesOnLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "8.8.8.8:80", "localhost:0", "[::]:0", "nonsense"} {
		if ln, err := bmtest.Listen(addr); err == nil {
			ln.Close()
			t.Errorf("%s was opened", addr)
		}
	}
	ln, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := bmtest.New().Serve(ln); err == nil {
		t.Error("it serves on all addresses")
	}
	if err := start(t).Start(); err == nil {
		t.Error("it starts twice")
	}
}

func TestLeanCountsAndKeepsNoCalls(t *testing.T) {
	s := start(t, bmtest.Lean())
	send(t, s, run())
	send(t, s, get().with("Nonce", "2"))
	send3(t, s, run3().action("DescribeUserCmds", map[string]any{"Offset": 0, "Limit": 20, "CmdId": "cmd-1"}))
	if diff := cmp.Diff(map[string]int{"RunUserCmd": 1, "GetUserCmd": 2}, s.Counts()); diff != "" {
		t.Errorf("both versions count as one:\n%s", diff)
	}
	if runs := s.Runs(); len(s.Calls()) != 0 || len(runs) != 1 || runs[0].Call != 1 {
		t.Errorf("%d calls are kept, and the runs are %+v", len(s.Calls()), runs)
	}
}

// When a run began is when its call was carried out, which is later than it came.
func TestARunBeginsAfterItsDelay(t *testing.T) {
	s := start(t, bmtest.Now(time.Now), bmtest.Window(20*365*24*time.Hour))
	const late = 5 * time.Millisecond
	s.FailNext("RunUserCmd", bmtest.Fault{Delay: late}, 1)
	send(t, s, run())
	if r := s.Runs()[0]; r.Began.Sub(r.At) < late {
		t.Errorf("it came at %s and began at %s", r.At, r.Began)
	}
}
