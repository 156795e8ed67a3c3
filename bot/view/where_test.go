package view

import (
	"strings"
	"testing"

	"github.com/bmcmd/bmcmd/approvals"
)

// The card says that the result stands in the thread only if it does.
func TestWhereTheResultIs(t *testing.T) {
	owing := []approvals.Notice{{N: 3, Kind: approvals.NoticeResult}}
	for _, state := range []approvals.State{approvals.Succeeded, approvals.Failed} {
		for want, edit := range map[string]func(*approvals.Request){
			"stands in this thread.":  func(*approvals.Request) {},
			"comes into this thread.": func(r *approvals.Request) { r.Notices = owing },
			"may not be posted here.": func(r *approvals.Request) { r.Result = approvals.Alone },
			"Slack did not take it.":  func(r *approvals.Request) { r.Result = approvals.Nowhere },
			"stands in this thread. ": func(r *approvals.Request) { r.Notices = []approvals.Notice{{N: 4, Kind: approvals.NoticeFile}} },
		} {
			r := approvals.Request{State: state}
			edit(&r)
			if got := string(adviceFollowed(r)); !strings.Contains(got, strings.TrimSpace(want)) {
				t.Errorf("%s: %q", state, got)
			}
		}
	}
}
