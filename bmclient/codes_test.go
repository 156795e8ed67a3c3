package bmclient_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

// The table "What an answer to RunUserCmd means". Every other number is unknown.
var (
	refusedNumbers = []int{4000, 4100, 4101, 4102, 4103, 4104, 4105, 4106, 4110, 4200, 4300, 4400, 4600, 6100, 6200, 10001}
	failedNumbers  = []int{18005, 18011, 18012, 18013, 18014, 18015, 18016, 18017, 18018, 18019, 18023}
)

func wantClass(n int) bmclient.Class {
	switch {
	case slices.Contains(refusedNumbers, n):
		return bmclient.ClassRefused
	case slices.Contains(failedNumbers, n):
		return bmclient.ClassFailed
	}
	return bmclient.ClassUnknown
}

func TestClassOfEveryNumber(t *testing.T) {
	api := startAPI(t)
	c := newClient(t, api.URL())
	undocumented := []int{1, -1, 3999, 4107, 4999, 7777, 9999, 18009, 18020, 18024, 2000000000}
	for i, n := range append(bmtest.Documented(), undocumented...) {
		api.FailNext("RunUserCmd", bmtest.Fault{Code: n, CodeAsText: i%2 == 1}, 1)
		_, err := c.Run(t.Context(), runKey, order())
		var e *bmclient.Error
		if !errors.As(err, &e) {
			t.Fatalf("%d: %v", n, err)
		}
		documented := slices.Contains(bmtest.Documented(), n)
		switch {
		case e.Number != n || e.Action != "RunUserCmd" || e.HTTPStatus != 200:
			t.Errorf("%d: number %d, action %s, status %d", n, e.Number, e.Action, e.HTTPStatus)
		case e.Class != wantClass(n):
			t.Errorf("%d is %v, want %v", n, e.Class, wantClass(n))
		case e.Meaning == "" || documented && e.Name == "":
			t.Errorf("%d has no name or meaning: %q, %q", n, e.Name, e.Meaning)
		case documented == strings.Contains(e.Meaning, "not documented"):
			t.Errorf("%d: %q", n, e.Meaning)
		case errors.Is(err, bmclient.ErrNotSent):
			t.Errorf("%d was answered, so it was sent", n)
		case e.Class == bmclient.ClassUnknown && !strings.Contains(e.Hint(), "may have run"):
			t.Errorf("%d: the hint does not warn: %q", n, e.Hint())
		}
	}
	if got, want := api.Count("RunUserCmd"), len(bmtest.Documented())+len(undocumented); got != want {
		t.Errorf("%d runs arrived for %d orders", got, want)
	}
}

func TestClassOfTwoNumbersIsTheMoreDoubtful(t *testing.T) {
	tests := []struct {
		why     string
		code    int
		message string
		number  int
		want    bmclient.Class
	}{
		{"a part may have run", 5400, "(18018)x", 18018, bmclient.ClassUnknown},
		{"ambiguous outside", 5100, "(18012)x", 18012, bmclient.ClassUnknown},
		{"ambiguous inside", 4000, "(9001)x", 9001, bmclient.ClassUnknown},
		{"documented for the action", 4000, "(18014)x", 18014, bmclient.ClassFailed},
		{"refused either way", 4000, "(10001)x", 10001, bmclient.ClassRefused},
		{"a number nobody documents tells nothing", 4000, "(100004)x", 4000, bmclient.ClassRefused},
	}
	api := startAPI(t)
	c := newClient(t, api.URL())
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			api.FailNext("RunUserCmd", bmtest.Fault{Code: tt.code, Message: tt.message}, 1)
			_, err := c.Run(t.Context(), runKey, order())
			var e *bmclient.Error
			if !errors.As(err, &e) || e.Number != tt.number || e.Class != tt.want {
				t.Errorf("got %v, want number %d and %v", err, tt.number, tt.want)
			}
		})
	}
}

func TestHints(t *testing.T) {
	tests := []struct {
		number int
		want   string
	}{
		{4000, `most probably this API wants them under the array key "instanceIds"`},
		{10001, `most probably this API wants them under the array key "instanceIds"`},
		{18013, `most probably this API wants them under the array key "instanceIds"`},
		{4100, "key id"},
		{4101, "right to RunUserCmd"},
		{4200, "clock"},
		{4400, "wait"},
		{6100, "endpoint"},
		{18018, ""},
	}
	api := startAPI(t)
	c := newClient(t, api.URL())
	for _, tt := range tests {
		api.FailNext("RunUserCmd", bmtest.Fault{Code: tt.number}, 1)
		_, err := c.Run(t.Context(), runKey, order())
		var e *bmclient.Error
		if !errors.As(err, &e) || !strings.Contains(e.Hint(), tt.want) || (tt.want == "") != (e.Hint() == "") {
			t.Errorf("%d: hint %q, want %q", tt.number, e.Hint(), tt.want)
		}
	}
}

// A server that wants the other array key is found out by the hint.
func TestWrongArrayKeyIsNamed(t *testing.T) {
	api := startAPI(t, bmtest.OnlyArrayKey("instanceIds"))
	_, err := newClient(t, api.URL()).Run(t.Context(), runKey, order())
	var e *bmclient.Error
	if !errors.As(err, &e) || e.Class != bmclient.ClassRefused || !strings.Contains(err.Error(), `"instanceIds"`) {
		t.Errorf("got %v", err)
	}
	c := newClient(t, api.URL(), func(c *bmclient.Config) { c.ArrayKey = "instanceIds" })
	if _, err := c.Run(t.Context(), runKey, order()); err != nil {
		t.Error(err)
	}
}

func TestClassWords(t *testing.T) {
	var zero bmclient.Class
	if zero != bmclient.ClassUnknown {
		t.Error("the zero class is not the cautious one")
	}
	for c, want := range map[bmclient.Class]string{0: "unknown", bmclient.ClassRefused: "refused", bmclient.ClassFailed: "failed", 9: "class 9"} {
		if c.String() != want {
			t.Errorf("%d is %q", int(c), c.String())
		}
	}
}
