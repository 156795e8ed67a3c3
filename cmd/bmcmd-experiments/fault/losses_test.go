package fault

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEveryMoveIsDropped: the faults lose the replies to every move that the README of
// approvals has, which a test there holds against the table of moves. A fault in which a
// reply is not lost is violated by that, so what stands here is also what is tried.
func TestEveryMoveIsDropped(t *testing.T) {
	text, err := os.ReadFile("../../../approvals/README.md")
	if err != nil {
		t.Fatal(err)
	}
	exist := []string{"receive", quiet} // which are in no row: the first, and those without an event
	for _, m := range regexp.MustCompile(`(?m)^ +\w+ --> \w+ : (\w+)$`).FindAllStringSubmatch(string(text), -1) {
		exist = append(exist, m[1])
	}
	var dropped []string
	for _, f := range every() {
		for _, l := range f.dropped() {
			if !f.wired {
				t.Errorf("%s loses replies without wires", f.name)
			}
			dropped = append(dropped, l.move)
		}
	}
	slices.Sort(exist)
	slices.Sort(dropped)
	if diff := cmp.Diff(slices.Compact(exist), slices.Compact(dropped)); diff != "" {
		t.Errorf("the moves that exist (-) and those whose replies are lost (+) differ:\n%s", diff)
	}
}

// TestLoss: only the move that is meant counts, and only if it was carried out.
func TestLoss(t *testing.T) {
	const body = `{"hosts":["ins-load00"]}`
	event := `{"move":"settle","from":"unknown","to":"unknown"}`
	l := func() *loss { return &loss{move: "settle", host: hostOf(0), to: "unknown"} }
	tests := []struct {
		why     string
		command []string
		want    bool
	}{
		{"it", []string{"EVALSHA", body, event}, true},
		{"of another request", []string{"EVALSHA", `{"hosts":["ins-load01"]}`, event}, false},
		{"another move", []string{"EVALSHA", body, `{"move":"lift","to":"unknown"}`}, false},
		{"to another state", []string{"EVALSHA", body, `{"move":"settle","from":"unknown","to":"settled"}`}, false},
		{"without an event", []string{"EVALSHA", body, ""}, false},
	}
	for _, tt := range tests {
		if got := l().matches(tt.command); got != tt.want {
			t.Errorf("%s: %t", tt.why, got)
		}
	}
	one := l()
	if one.takes([]byte("*9\r\n$8\r\nconflict\r\n")) || one.takes([]byte("-NOSCRIPT\r\n")) {
		t.Error("a move that was not carried out is lost")
	}
	for i := range attempts {
		if one.complete() || !one.takes([]byte("*9\r\n$3\r\nwon\r\n")) {
			t.Errorf("reply %d came", i+1)
		}
	}
	if !one.complete() || one.takes([]byte("*9\r\n$3\r\nwon\r\n")) {
		t.Error("more is lost than is sent")
	}
}
