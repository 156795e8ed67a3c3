package bot

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// Each error is two sentences: what happened, what to do. Who reads them is awake
// at three in the morning.
func TestExplain(t *testing.T) {
	r := newRig(t)
	b := r.newBot()
	k := approvals.Kept{Request: approvals.Request{
		ID: "r-k3m9q2xabc", State: approvals.Denied, Requester: someone("BOB").Person,
		Plan: &approvals.Plan{Rule: r.policy[0]},
	}}
	guest := someone("EVE")
	guest.Guest = true
	who := approvals.Who{Users: []string{"CAROL"}, Groups: []string{"S-oncall"}}
	for _, tt := range []struct {
		err  error
		want string
		who  approvals.Who
	}{
		{&ParseError{Text: "On which instances? For example: run cmd-x ins-1"}, "On which instances? For example: run cmd-x ins-1", approvals.Who{}},
		{refuse("The login differs. Ask separately."), "The login differs. Ask separately.", approvals.Who{}},
		{approvals.ErrNotFound, "I know no such request. Look at the id; list shows the open ones.", approvals.Who{}},
		{approvals.ErrUncertain, "I cannot tell whether this was recorded, because my store did not answer. Look at the card; if it does not change within a minute, press again.", approvals.Who{}},
		{fmt.Errorf("%w: %w", approvals.ErrUncertain, context.DeadlineExceeded), "I cannot tell whether this was recorded, because my store did not answer. Look at the card; if it does not change within a minute, press again.", approvals.Who{}},
		{unsure(context.DeadlineExceeded), "I cannot tell whether this was recorded, because my store did not answer. Look at the card; if it does not change within a minute, press again.", approvals.Who{}},
		{approvals.ErrUnavailable, "This was NOT recorded, because my store is away. Do it again in a moment.", approvals.Who{}},
		{guest.Admit(), "Not counted: a guest may not use bmcmd. Ask a colleague.", approvals.Who{}},
		{approvals.ErrOwnRequest, "Not counted: nobody decides on their own request. These may:", who},
		{approvals.ErrNotApprover, "Not counted: the rule does not name you. These may:", who},
		{approvals.ErrNotYours, "Only the one who asked can cancel a request. Press Deny if you may decide on it.", approvals.Who{}},
		{approvals.ErrDecided, "Your approval was counted already. Look at the card.", approvals.Who{}},
		{approvals.ErrEnough, "Enough people have approved already, so yours is not needed. Look at the card.", approvals.Who{}},
		{approvals.ErrExpired, "Too late: the request has expired, and nothing runs. Press Ask again if it is still needed.", approvals.Who{}},
		{errors.Join(approvals.ErrExpired, approvals.ErrLate), "Too late: the request has expired, and nothing runs. Press Ask again if it is still needed.", approvals.Who{}},
		{approvals.ErrEnded, "This request has ended (denied), so nothing was changed. Look at the card.", approvals.Who{}},
		{approvals.ErrRunning, "Too late: the run has been claimed and may be on its way already. Look at the card.", approvals.Who{}},
		{approvals.ErrNotReady, "This request is still being looked up. Press again in a moment.", approvals.Who{}},
		{approvals.ErrStale, "Not counted: the card you pressed was out of date. Look at it again, then press.", approvals.Who{}},
		{approvals.ErrMembersUnknown, "Not counted: Slack did not tell me who may do this. Press again in a moment. (ref …)", approvals.Who{}},
		{fmt.Errorf("%w: x", errWho), "Not counted: Slack did not tell me who may do this. Press again in a moment. (ref …)", approvals.Who{}},
		{approvals.ErrNotAllowed, "Not counted: the request is denied, and then this button does nothing. Look at the card.", approvals.Who{}},
		{approvals.ErrUnreadable, "This request was written by a newer version of me, which I cannot read. Tell whoever runs the bot to bring all of us up to date.", approvals.Who{}},
		{approvals.ErrNoRule, "Not counted: the rules have changed and do not allow this run any more. Ask whoever keeps the rules.", approvals.Who{}},
		{approvals.ErrRulesDiffer, "Not counted: the rules have changed and do not allow this run any more. Ask whoever keeps the rules.", approvals.Who{}},
		{&bmclient.Error{Number: 4300, Name: "AccessDenied", Meaning: "the account is blocked"}, "That did not work, and nothing was changed. The cloud's API answered 4300 AccessDenied (the account is blocked). Try again in a moment. (ref …)", approvals.Who{}},
		{&bmclient.Error{Meaning: "no usable answer came"}, "That did not work, and nothing was changed. The cloud's API did not give a usable answer. Try again in a moment. (ref …)", approvals.Who{}},
		{fmt.Errorf("%w: sealed", ErrCredentials), "That did not work, and nothing was changed. The credentials could not be read from the vault. Try again in a moment. (ref …)", approvals.Who{}},
		{context.DeadlineExceeded, "That did not work, and nothing was changed. It took too long. Try again in a moment. (ref …)", approvals.Who{}},
		{errors.New("dial tcp 10.0.0.1:443: connection refused"), "That did not work, and nothing was changed. Something could not be reached. Try again in a moment. (ref …)", approvals.Who{}},
	} {
		t.Run(tt.err.Error(), func(t *testing.T) {
			got := b.explain(tt.err, k)
			text := aRef.ReplaceAllString(got.Text, "(ref …)")
			if diff := cmp.Diff(tt.want, text); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.who, got.Who); diff != "" {
				t.Errorf("who (-want +got):\n%s", diff)
			}
			if got.Request != k.ID {
				t.Errorf("it is about %q", got.Request)
			}
		})
	}
}

var aRef = regexp.MustCompile(`\(ref [a-z2-7]{6}\)`)

// A reference that people are shown leads to the cause in the log, and only there.
func TestReferencesLeadToTheLog(t *testing.T) {
	r := newRig(t)
	b := r.newBot()
	text := b.explain(errors.New("dial tcp 10.0.0.1:443: "+canaryPassword), approvals.Kept{}).Text
	ref := strings.TrimSuffix(strings.TrimPrefix(aRef.FindString(text), "(ref "), ")")
	log := r.log.String()
	if ref == "" || !strings.Contains(log, "ref="+ref) || !strings.Contains(log, "dial tcp") || strings.Contains(log+text, canaryPassword) {
		t.Errorf("text %q, log %s", text, log)
	}
}

func TestInWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		2 * time.Minute: "2 minutes", time.Minute: "1 minute", 90 * time.Second: "90 seconds", time.Second: "1 second",
	} {
		if got := inWords(d); got != want {
			t.Errorf("inWords(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestPause(t *testing.T) {
	for _, tt := range []struct {
		why   string
		err   error
		tries int
		want  time.Duration
	}{
		{"the first", nil, 0, time.Second},
		{"twice as long", nil, 3, 8 * time.Second},
		{"at most half a minute", nil, 1000, 30 * time.Second},
		{"as long as the chat asks", fmt.Errorf("x: %w", &Later{After: 3 * time.Minute}), 0, 3 * time.Minute},
		{"the chat asks for nothing", &Later{}, 1, 2 * time.Second},
	} {
		if got := pause(tt.err, tt.tries); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.why, got, tt.want)
		}
	}
}
