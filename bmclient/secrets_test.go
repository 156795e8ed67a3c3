package bmclient_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

// forms are the ways in which a canary may turn up.
func forms(v string) []string {
	return []string{
		v, base64.StdEncoding.EncodeToString([]byte(v)), base64.URLEncoding.EncodeToString([]byte(v)),
		url.QueryEscape(v), url.PathEscape(v), strings.ReplaceAll(url.QueryEscape(v), "+", "%20"),
	}
}

// leaks names the canaries found in a text.
func leaks(text string, canaries ...string) (found []string) {
	for _, c := range canaries {
		for _, f := range forms(c) {
			if f != "" && strings.Contains(text, f) {
				found = append(found, f)
			}
		}
	}
	return found
}

// said is everything that a caller might print of an error.
func said(err error) string {
	text := fmt.Sprintf("%v %+v %#v %q", err, err, err, err)
	var e *bmclient.Error
	if errors.As(err, &e) {
		text += fmt.Sprintf("%+v %s %s %s", *e, e.LogValue(), e.Hint(), e.Message)
	}
	for u := errors.Unwrap(err); u != nil; u = errors.Unwrap(u) {
		text += fmt.Sprintf("%v %+v", u, u)
	}
	return text
}

// Whatever goes wrong, and though the API repeats all it was sent in its message: no canary, no URL, no body.
func TestNoSecretIsSaid(t *testing.T) {
	echoed := bmtest.Fault{Code: 5100, Echo: true}
	encoded := bmtest.Fault{Code: 18012, Message: strings.Join(slices.Concat(forms(token), forms(keySecret), forms(keyID)), " ")}
	runOnly := bmtest.Fault{Code: 18012, Name: password, Message: strings.Join(forms(password), " ")}
	faults := []bmtest.Fault{
		echoed, encoded,
		{Drop: bmtest.DropAfter},
		{Status: 502},
		{HTML: true},
		{Truncate: true, Echo: true},
		{Redirect: "https://elsewhere.invalid/?" + url.Values{"password": {password}}.Encode()},
		{Body: `{"code":0,"message":"` + keyID + `","requestId":"` + keyID + `"`},
		{Body: `{"Response":{"Error":{"Code":"` + keyID + `","Message":"` + keySecret + `"},"RequestId":"` + keyID + `"}}`},
		{Name: token, Code: 4000, Message: keySecret},
	}
	for i, fault := range faults {
		for _, byGET := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d by GET %v", i, byGET), func(t *testing.T) {
				var log buffer
				api := startAPI(t)
				api.AddTemporaryKey(keyID, keySecret, token, bmtest.MayRead|bmtest.MayRun)
				api.FailAlways("", fault)
				key := bmclient.Key{ID: keyID, Secret: word(keySecret), Token: word(token)}
				c := newClient(t, api.URL(), func(c *bmclient.Config) {
					c.Log, c.ReadsByGET, c.ReadKey, c.ReadAttempts = log.logger(), byGET, keySource(key), 2
				})
				_, readErr := c.Script(t.Context(), "cmd-nozcbhuw")
				_, runErr := c.Run(t.Context(), key, order())
				api.FailNext("RunUserCmd", runOnly, 1) // the password is in the run's call only: only there can it be known and hidden
				_, echoErr := c.Run(t.Context(), key, order())
				if readErr == nil || runErr == nil || echoErr == nil {
					t.Fatalf("no error: %v, %v, %v", readErr, runErr, echoErr)
				}
				canaries := []string{password, keyID, keySecret, token}
				for _, call := range api.Calls() {
					canaries = append(canaries, call.Params["Signature"])
				}
				text := said(readErr) + said(runErr) + said(echoErr) + log.String()
				if found := leaks(text, canaries...); found != nil {
					t.Errorf("%q in\n%.2000s", found, text)
				}
				if strings.Contains(text, "index.php") || strings.Contains(text, "<html") {
					t.Errorf("a URL or a body in\n%.2000s", text)
				}
				if log.String() == "" {
					t.Error("nothing was logged, so nothing was tested")
				}
			})
		}
	}
}

// The same for 3.0 and for lists, and the vendor's client writes no line of its own.
func TestNoSecretIsSaid3(t *testing.T) {
	faults := []bmtest.Fault{
		{Error: "FailedOperation", Echo: true},
		{Error: token, Message: strings.Join(slices.Concat(forms(token), forms(keySecret), forms(keyID)), " ")},
		{Drop: bmtest.DropAfter},
		{Status: 502},
		{Redirect: "https://elsewhere.invalid/?" + url.Values{"password": {password}}.Encode()},
		{Truncate: true, Echo: true},
		{Body: `{"Response":{"RequestId":"` + keyID + `","TotalCount":1,"UserCmds":"` + keySecret + `"}}`},
		{Body: `{"code":4100,"codeDesc":"` + keyID + `","message":"` + keySecret + `"}`},
		{Body: keySecret},
	}
	for i, fault := range faults {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			var log buffer
			api := startAPI(t)
			api.AddTemporaryKey(keyID, keySecret, token, bmtest.MayRead|bmtest.MayRun)
			api.FailAlways("", fault)
			key := bmclient.Key{ID: keyID, Secret: word(keySecret), Token: word(token)}
			c := newClient(t, "", on3(api), func(c *bmclient.Config) {
				c.Log, c.ReadKey, c.ReadAttempts = log.logger(), keySource(key), 2
			})
			_, readErr := c.Script(t.Context(), "cmd-nozcbhuw")
			_, listErr := c.Tasks(t.Context(), bmclient.Page{})
			_, taskErr := c.Task(t.Context(), "cmdtask-1", bmclient.Page{})
			_, runErr := c.Run(t.Context(), key, order())
			api.FailNext("RunUserCmd", bmtest.Fault{Error: "InvalidParameter", Message: strings.Join(forms(password), " ")}, 1)
			_, echoErr := c.Run(t.Context(), key, order())
			text := log.String()
			for _, err := range []error{readErr, listErr, taskErr, runErr, echoErr} {
				if err == nil {
					t.Fatalf("no error: %v", []error{readErr, listErr, taskErr, runErr, echoErr})
				}
				text += said(err)
			}
			canaries := []string{password, keyID, keySecret, token}
			for _, call := range api.Calls() {
				canaries = append(canaries, call.Params["Signature"])
			}
			if found := leaks(text, canaries...); found != nil {
				t.Errorf("%q in\n%.2000s", found, text)
			}
			if strings.Contains(text, "http://") || strings.Contains(text, "<html") || log.String() == "" {
				t.Errorf("a URL or a body, or no log at all, in\n%.2000s", text)
			}
		})
	}
}

// What a host wrote is scrubbed of the key that read it, and of nothing else: not of the password of a run, which this call does not know.
func TestOutputIsScrubbedOfItsOwnCall(t *testing.T) {
	both(t, nil, func(t *testing.T, api *bmtest.Server, c *bmclient.Client) {
		api.SetHost("ins-1", bmtest.HostBehaviour{Output: []byte("id " + keyID + " secret " + keySecret + " password " + password + "\xff" + strings.Repeat("x", 5000))})
		if _, err := c.Run(t.Context(), runKey, order()); err != nil {
			t.Fatal(err)
		}
		got, err := c.AllHosts(t.Context(), api.TaskIDs()[0])
		if want := "id [secret] secret [secret] password " + password + "\xff" + strings.Repeat("x", 5000); err != nil || string(got.Hosts[0].Output) != want {
			t.Errorf("%.200q, %v", got.Hosts[0].Output, err)
		}
	})
}

func TestEchoedMessageIsStillReadable(t *testing.T) {
	api := startAPI(t)
	api.FailNext("RunUserCmd", bmtest.Fault{Code: 18012, Message: "no login root/" + password + " on ins-1"}, 1)
	_, err := newClient(t, api.URL()).Run(t.Context(), runKey, order())
	var e *bmclient.Error
	if !errors.As(err, &e) || e.Message != "no login root/[secret] on ins-1" {
		t.Errorf("got %v", err)
	}
}

func TestAcceptedMessageIsScrubbed(t *testing.T) {
	api := startAPI(t)
	api.FailNext("RunUserCmd", bmtest.Fault{Body: `{"code":0,"message":"took ` + password + `","requestId":"r-` + keyID + `"}`}, 1)
	got, err := newClient(t, api.URL()).Run(t.Context(), runKey, order())
	if err != nil || got.Message != "took [secret]" || got.RequestID != "r-[secret]" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestKeyAndRunShowNothing(t *testing.T) {
	key := bmclient.Key{ID: keyID, Secret: word(keySecret), Token: word(token)}
	r := order()
	r.Parameters = []byte("canary-parameters")
	var log buffer
	log.logger().LogAttrs(context.Background(), slog.LevelInfo, "x", slog.Any("key", key), slog.Any("run", r), slog.Any("keys", []bmclient.Key{key}))
	j, err := json.Marshal(struct{ K bmclient.Key }{key})
	if err != nil {
		t.Fatal(err)
	}
	text := log.String() + string(j)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		text += fmt.Sprintf(verb+verb+verb, key, &key, []any{key, r, &r, struct{ K bmclient.Key }{key}})
	}
	if found := leaks(text, keyID, keySecret, token, password, "canary-parameters"); found != nil {
		t.Errorf("%q in %s", found, text)
	}
	if !strings.Contains(text, "[key]") || !strings.Contains(text, "2 hosts") {
		t.Errorf("nothing is left to see in %s", text)
	}
}

func TestErrorSaysWhatAndWhatToDo(t *testing.T) {
	api := startAPI(t)
	c := newClient(t, api.URL())
	api.FailNext("RunUserCmd", bmtest.Fault{Code: 10001}, 1)
	_, err := c.Run(t.Context(), runKey, order())
	want := `RunUserCmd: 10001 InvalidParameter: a parameter is not valid (the API says "参数错误"); ` +
		`if the hosts' ids are right, most probably this API wants them under the array key "instanceIds", as nine sister actions do; it is set to "instanceId"`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	api.FailNext("RunUserCmd", bmtest.Fault{Status: 502}, 1)
	_, err = c.Run(t.Context(), runKey, order())
	want = "RunUserCmd: the endpoint answered HTTP 502: the answer is a web page, not JSON; it may have run: look for its task, or at the hosts, before anything is sent again"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// A wrong clock is measured against the answer's date.
func TestClockHint(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	tests := []struct {
		why   string
		off   time.Duration
		says  string
		fault bmtest.Fault
	}{
		{"the server finds it out itself", -7 * time.Minute, "7m0s behind the API's", bmtest.Fault{}},
		{"ahead", 90 * time.Second, "1m30s ahead of the API's", bmtest.Fault{Code: 4200}},
		{"no difference", 0, "the clocks agree", bmtest.Fault{Code: 4200}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			api := startAPI(t, bmtest.Now(func() time.Time { return now }))
			api.FailNext("RunUserCmd", tt.fault, 1)
			c := newClient(t, api.URL(), func(c *bmclient.Config) { c.Now = func() time.Time { return now.Add(tt.off) } })
			_, err := c.Run(t.Context(), runKey, order())
			var e *bmclient.Error
			if !errors.As(err, &e) || e.Number != 4200 || !strings.Contains(e.Hint(), tt.says) {
				t.Errorf("got %v, want %q", err, tt.says)
			}
		})
	}
}
