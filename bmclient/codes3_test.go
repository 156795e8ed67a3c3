package bmclient_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

// Every code of 3.0 that a document names, what it means for a run, how often a read that gets it is sent, and what is said to do about it.
// Each run arrives once, those that are refused for quota too, which the vendor's client can be told to repeat.
func TestClassOfEveryCode(t *testing.T) {
	const (
		refused = bmclient.ClassRefused
		failed  = bmclient.ClassFailed
		unknown = bmclient.ClassUnknown
	)
	tests := []struct {
		code  string
		class bmclient.Class
		reads int
		hint  string
	}{
		{"ActionOffline", refused, 1, ""},
		{"AuthFailure", refused, 1, "key id"},
		{"AuthFailure.InvalidAuthorization", refused, 1, "key id"},
		{"AuthFailure.InvalidSecretId", refused, 1, "key id"},
		{"AuthFailure.MFAFailure", refused, 1, "key id"},
		{"AuthFailure.SecretIdNotFound", refused, 1, "key id"},
		{"AuthFailure.SignatureExpire", refused, 2, "clock"},
		{"AuthFailure.SignatureFailure", refused, 1, "key id"},
		{"AuthFailure.TokenFailure", refused, 1, "key id"},
		{"AuthFailure.UnauthorizedOperation", refused, 1, "right to RunUserCmd"},
		{"AuthFailure.SomethingNew", refused, 1, "key id"},
		{"UnauthorizedOperation", refused, 1, "right to RunUserCmd"},
		{"UnauthorizedOperation.CamNoAuth", refused, 1, "right to RunUserCmd"},
		{"DryRunOperation", refused, 1, ""},
		{"InvalidAction", refused, 1, "endpoint"},
		{"InvalidRequest", refused, 1, ""},
		{"InvalidParameter", refused, 1, ""},
		{"InvalidParameter.CmdIdInvalid", refused, 1, ""},
		{"InvalidParameterValue", refused, 1, ""},
		{"MissingParameter", refused, 1, ""},
		{"UnknownParameter", refused, 1, ""},
		{"IpInBlacklist", refused, 1, ""},
		{"IpNotInWhitelist", refused, 1, ""},
		{"NoSuchProduct", refused, 1, "endpoint"},
		{"NoSuchVersion", refused, 1, "endpoint"},
		{"RequestLimitExceeded", refused, 4, "wait"},
		{"RequestLimitExceeded.UinLimitExceeded", refused, 4, "wait"},
		{"RequestSizeLimitExceeded", refused, 1, ""},
		{"UnsupportedProtocol", refused, 1, ""},
		{"UnsupportedRegion", refused, 1, "region"},

		{"UnsupportedOperation", failed, 1, ""},

		{"FailedOperation", unknown, 3, ""},
		{"FailedOperation.TscAgentOffline", unknown, 1, ""},
		{"InternalError", unknown, 4, ""},
		{"InternalError.DbError", unknown, 4, ""},
		{"LimitExceeded", unknown, 1, ""},
		{"OperationDenied", unknown, 1, ""},
		{"ResourceInUse", unknown, 1, ""},
		{"ResourceInUse.FlowBusy", unknown, 3, ""},
		{"ResourceInsufficient", unknown, 1, ""},
		{"ResourceNotFound", unknown, 1, ""},
		{"ResourceUnavailable", unknown, 1, ""},
		{"ResponseSizeLimitExceeded", unknown, 1, ""},
		{"ServiceUnavailable", unknown, 4, ""},
		{"InvalidParameterX", unknown, 1, ""},
		{"AuthFailures.X", unknown, 1, ""},
		{"4100", unknown, 1, ""},
	}
	api := startAPI(t)
	c := newClient(t, "", on3(api))
	for i, tt := range tests {
		api.FailNext("RunUserCmd", bmtest.Fault{Error: tt.code, Message: "said"}, 1)
		_, err := c.Run(t.Context(), runKey, order())
		var e *bmclient.Error
		if !errors.As(err, &e) {
			t.Fatalf("%s: %v", tt.code, err)
		}
		switch {
		case e.Code != tt.code || e.Number != 0 || e.Name != "" || e.Message != "said" || e.RequestID == "" || e.HTTPStatus != 200:
			t.Errorf("%s: %+v", tt.code, *e)
		case e.Class != tt.class || errors.Is(err, bmclient.ErrNotSent):
			t.Errorf("%s is %v, want %v", tt.code, e.Class, tt.class)
		case e.Meaning == "" || !strings.HasPrefix(err.Error(), "RunUserCmd: "+tt.code+": "+e.Meaning):
			t.Errorf("%s: %v", tt.code, err)
		case tt.class == unknown && !strings.Contains(e.Hint(), "may have run"), tt.class != unknown && !strings.Contains(e.Hint(), tt.hint):
			t.Errorf("%s: hint %q", tt.code, e.Hint())
		}
		if got := api.Count("RunUserCmd"); got != i+1 {
			t.Fatalf("%s: %d arrivals of %d runs", tt.code, got, i+1)
		}
		reads := api.Count("GetUserCmdTaskList")
		api.FailNext("GetUserCmdTaskList", bmtest.Fault{Error: tt.code}, 5)
		_, err = c.Tasks(t.Context(), bmclient.Page{})
		if got := api.Count("GetUserCmdTaskList") - reads; got != tt.reads || !errors.As(err, &e) || e.Code != tt.code {
			t.Errorf("%s: a read was sent %d times, want %d: %v", tt.code, got, tt.reads, err)
		}
		api.Heal()
	}
	if got := len(api.Runs()); got != 0 {
		t.Errorf("%d ran", got)
	}
}

// An answer to 3.0 with HTTP 5xx, or in the form of 2.0, is unknown whatever it says.
func TestCodeThatCannotBeTrusted(t *testing.T) {
	tests := []struct {
		why   string
		fault bmtest.Fault
		says  string
	}{
		{"5xx", bmtest.Fault{Error: "AuthFailure.SignatureExpire", Status: 500}, "AuthFailure.SignatureExpire"},
		{"the form of 2.0", bmtest.Fault{Body: `{"code":4100,"codeDesc":"AuthFailure","message":"m"}`}, "4100 AuthFailure: the API answered in the style of API 2.0"},
		{"the form of 2.0, success", bmtest.Fault{Body: `{"code":0,"message":"OK"}`}, "no code"},
		{"an error without a code", bmtest.Fault{Body: `{"Response":{"Error":{"Message":"m"},"RequestId":"r"}}`}, "no code"},
		{"a success that says nothing", bmtest.Fault{Body: `{"Response":{"RequestId":"r"}}`}, "names no host"},
		{"a success without hosts", bmtest.Fault{Body: `{"Response":{"SuccessTaskInfoSet":[],"FailedTaskInfoSet":null}}`}, "names no host"},
		{"hosts that are no list", bmtest.Fault{Body: `{"Response":{"SuccessTaskInfoSet":{"InstanceId":"ins-1"}}}`}, "not a list"},
		{"a host that is not an object", bmtest.Fault{Body: `{"Response":{"FailedTaskInfoSet":["ins-1"]}}`}, "not a list of objects"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			api := startAPI(t)
			api.FailAlways("RunUserCmd", tt.fault)
			_, err := newClient(t, "", on3(api)).Run(t.Context(), runKey, order())
			var e *bmclient.Error
			if !errors.As(err, &e) || e.Class != bmclient.ClassUnknown || !strings.Contains(e.Hint(), "may have run") || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v", err)
			}
			if got := api.Count("RunUserCmd"); got != 1 {
				t.Errorf("%d arrivals", got)
			}
		})
	}
}
