package view_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot/view"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, m any) {
	t.Helper()
	got := pretty(t, m)
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s differs (-want +got); go test -update writes it anew:\n%s", file, d)
	}
}

func TestCardGolden(t *testing.T) {
	two := func(r *approvals.Request) { r.Plan.Rule.Quorum = 2 }
	for _, c := range []struct {
		name string // of the file
		why  string // the row is there
		r    approvals.Request
	}{
		{"received", "the first post: the clock has not started", request()},
		{"pending", "three buttons, who may approve", request(pending)},
		{"pending_more", "one of two has approved", request(two, pending, vote(bob))},
		{"pending_facts", "everything that can be said of what was typed", request(pending, func(r *approvals.Request) {
			r.Asked.Repeated, r.Asked.Again = []string{"ins-1"}, "r-kjhgfedcba"
			r.Plan.Parameters = "--path /var  \n"
			r.Plan.Script.Content = []byte("@echo off\r\ndir\u202e\r\n")
			r.Asked.Reason = ""
		})},
		{"approved", "only a veto is left", request(approved)},
		{"waiting_retry", "the API refused, the approval stands", request(waiting("the API refused the run before anything could start", time.Time{}),
			func(r *approvals.Request) {
				r.Sends = []approvals.Send{{Worker: "w1", Answer: refused}}
			})},
		{"waiting_alone", "it goes on by itself for a while", request(waiting("the vault does not answer", start.Add(2*time.Minute)))},
		{"waiting_run", "it waits for a press", request(waiting("the approval is too old to dispatch by itself", time.Time{}))},
		{"executing", "no buttons", request(sent(approvals.Executing, nil))},
		{"accepted", "must not look like success", request(sent(approvals.Accepted, accepted))},
		{"failed", "code and meaning", request(sent(approvals.Failed, failed))},
		{"unknown", "no code 0, a question before asking again", request(sent(approvals.Unknown, unknown))},
		{"unknown_lost", "no answer at all", request(sent(approvals.Unknown, nil))},
		{"refused_change", "the differences", request(changed)},
		{"denied", "by whom and why", request(ended(approvals.Denied, "wrong hosts\nuse ins-3", &bob))},
		{"expired", "nobody approved", request(ended(approvals.Expired, "", nil))},
		{"expired_approved", "approved, but not sent", request(approved, ended(approvals.Expired, "", nil))},
		{"cancelled", "withdrawn", request(ended(approvals.Cancelled, "", &alice))},
		{"no_plan", "cancelled before it was looked up", request(ended(approvals.Cancelled, "", &alice), func(r *approvals.Request) { r.Plan = nil })},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := view.Card(c.r)
			mustFit(t, err)
			fine(t, m)
			golden(t, "card_"+c.name, m)
		})
	}
}

func TestNoticeGolden(t *testing.T) {
	for _, c := range []struct {
		name, why string
		kind      approvals.NoticeKind
		r         approvals.Request
	}{
		{"accepted", "never success", approvals.NoticeAnswer, request(sent(approvals.Accepted, accepted))},
		{"refused", "says Retry", approvals.NoticeAnswer, request(sent(approvals.Approved, refused))},
		{"failed", "says why", approvals.NoticeAnswer, request(sent(approvals.Failed, failed))},
		{"unknown", "says where to look", approvals.NoticeUnknown, request(sent(approvals.Unknown, unknown))},
		{"unknown_lost", "no answer was stored", approvals.NoticeUnknown, request(sent(approvals.Unknown, nil))},
		{"waiting", "says what to press", approvals.NoticeWaiting, request(waiting("the vault does not answer", time.Time{}))},
		{"denied", "to the requester", approvals.NoticeEnded, request(ended(approvals.Denied, "wrong hosts", &bob))},
		{"refused_change", "with the differences", approvals.NoticeEnded, request(changed)},
		{"expired", "to the requester", approvals.NoticeEnded, request(ended(approvals.Expired, "", nil))},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := view.Notice(c.r, approvals.Notice{N: 3, Kind: c.kind})
			fine(t, m)
			golden(t, "notice_"+c.name, m)
		})
	}
}

func TestAnswerGolden(t *testing.T) {
	listed := []view.Listed{{request(pending), cardLink}, {request(approved), ""}}
	kept := approvals.Kept{Request: request(sent(approvals.Accepted, accepted))}
	for _, c := range []struct {
		name string
		m    view.Message
	}{
		{"script", view.Script(script())},
		{"script_binary", view.Script(approvals.Script{CmdID: "cmd-b", Content: []byte{0x7f, 'E', 'L', 'F', 0xff}})},
		{"help", view.Help("/bmcmd", "", "")},
		{"help_unknown", view.Help("/bmcmd", "rnu", "run")},
		{"words", view.Words("Only <@UBOB> or <!subteam^SONCALL> may approve this. Type `/bmcmd list` to see <what> is open.", "r-abcdefghjk", cardLink)},
		{"status", view.Status(kept, events(), cardLink)},
		{"list", view.List(listed, nil, listed[:1])},
		{"list_empty", view.List(nil, nil, nil)},
	} {
		t.Run(c.name, func(t *testing.T) {
			fine(t, c.m)
			golden(t, c.name, c.m)
		})
	}
}

func TestModalGolden(t *testing.T) {
	golden(t, "modal_deny", view.DenyModal("r-abcdefghjk", request().Digest, "C1", "1762312345.000100"))
	golden(t, "modal_said", view.Said("Recorded: you denied r-abcdefghjk."))
}
