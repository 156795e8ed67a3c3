package approvals

import (
	"encoding/json"
	"testing"
)

// A record of the fourth form that has facts of hosts in its plan.
func TestSchema4WithFacts(t *testing.T) {
	r := Request{Schema: 4, ID: "r-1", Revision: 3, State: Pending, Plan: &Plan{}}
	if err := json.Unmarshal([]byte(`{"script":{"cmd_id":"cmd-1","content":"aGk="},"hosts":["ins-1"],"facts":[{"host":"ins-1","what":"tag a","value":"b"}]}`), r.Plan); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeRequest(text, func(string) ([]byte, error) { t.Fatal("asked"); return nil, nil })
	if err != nil {
		t.Fatalf("%v", err)
	}
	if got.Plan.Digest() != r.Plan.Digest() {
		t.Error("another")
	}
	r.Schema = Schema
	text, err = r.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err = DecodeRequest(text, func(string) ([]byte, error) { return []byte("hi"), nil })
	if err != nil || got.Plan.Digest() != r.Plan.Digest() {
		t.Fatalf("fifth form: %v", err)
	}
}
