package approvals

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// filled sets every field below v to something.
func filled(t *testing.T, v reflect.Value) {
	t.Helper()
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(t0.Add(time.Nanosecond)))
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		filled(t, v.Elem())
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			filled(t, v.Field(i))
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		filled(t, v.Index(0))
	case v.Kind() == reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		filled(t, key)
		filled(t, value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case v.Kind() == reflect.String:
		v.SetString("<é>")
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(7)
	case v.CanUint():
		v.SetUint(7)
	default:
		t.Fatalf("this test does not know how to fill a %s", v.Type())
	}
}

// Every field of a record comes back, but the clicks that the store counts beside it, and
// the script is not in it.
func TestEveryFieldOfARecordComesBack(t *testing.T) {
	for _, state := range []State{Accepted, Succeeded} {
		var want Request
		filled(t, reflect.ValueOf(&want).Elem())
		want.State, want.Schema, want.Refused = state, Schema, Refusals{}
		want.Plan.Rule.Hosts = PlainHosts("ins-*") // an item is an id, or tags and names
		text, err := want.Encode(nil)
		if err != nil || !json.Valid(text) {
			t.Fatalf("%s: %v", text, err)
		}
		got, err := DecodeRequest(text, func(sha string) ([]byte, error) {
			if sha != want.Plan.Script.SHA256() {
				return nil, fmt.Errorf("there is no %s", sha)
			}
			return want.Plan.Script.Content, nil
		})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: error %v (-want +got):\n%s", state, err, diff)
		}
		if want.Facts() != got.Facts() {
			t.Errorf("%s: its facts are others", state)
		}
	}
}
