package slacksim_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/bot/slacksim"
)

// stage is a workspace whose clock stands still, with a raw socket.
type stage struct {
	*world
	*wire
	now time.Time
}

func newStage(t *testing.T) *stage {
	s := &stage{now: time.Unix(1_800_000_000, 0)}
	s.world = newWorld(t, slacksim.Config{Now: func() time.Time { return s.now }})
	s.wire = s.dial(t)
	s.next()
	return s
}

// trigger types a command and returns its payload, acknowledged.
func (s *stage) trigger(t *testing.T) map[string]any {
	t.Helper()
	turn := slash(t, s.world)
	v := s.next()
	s.ack(v, nil)
	outcome(t, s.world, turn)
	p, _ := v["payload"].(map[string]any)
	return p
}

func (s *stage) open(t *testing.T) string {
	t.Helper()
	v, err := s.api.OpenView(s.trigger(t)["trigger_id"].(string), reasonModal("meta"))
	if err != nil {
		t.Fatal(err)
	}
	return v.View.ID
}

// submit fills the reason in and answers with the payload.
func (s *stage) submit(t *testing.T, id string, answer any) slacksim.Ack {
	t.Helper()
	turn, err := s.Submit(s.ctx, alice, id, map[string]string{"why": "because"})
	if err != nil {
		t.Fatal(err)
	}
	s.ack(s.next(), answer)
	return outcome(t, s.world, turn)
}

func TestTriggers(t *testing.T) {
	s := newStage(t)
	id := s.trigger(t)["trigger_id"].(string)
	if _, err := s.api.OpenView(id, reasonModal("")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.api.OpenView(id, reasonModal("")); err == nil || err.Error() != "exchanged_trigger_id" {
		t.Errorf("a trigger_id works once: %v", err)
	}
	id = s.trigger(t)["trigger_id"].(string)
	s.now = s.now.Add(3*time.Second + time.Millisecond)
	if _, err := s.api.OpenView(id, reasonModal("")); err == nil || err.Error() != "expired_trigger_id" {
		t.Errorf("a trigger_id lives for 3 s: %v", err)
	}
}

func TestModalLimits(t *testing.T) {
	s := newStage(t)
	for _, c := range []struct {
		why    string
		change func(*slack.ModalViewRequest)
		want   string
	}{
		{"a title of 25", func(v *slack.ModalViewRequest) { v.Title.Text = n(25) }, "less than 25 characters [json-pointer:/view/title/text]"},
		{"a submit of 25", func(v *slack.ModalViewRequest) { v.Submit.Text = n(25) }, "[json-pointer:/view/submit/text]"},
		{"a close of 25", func(v *slack.ModalViewRequest) { v.Close.Text = n(25) }, "[json-pointer:/view/close/text]"},
		{"no title", func(v *slack.ModalViewRequest) { v.Title = nil }, "missing required field: title"},
		{"inputs but no submit", func(v *slack.ModalViewRequest) { v.Submit = nil }, "submit is required"},
		{"private_metadata of 3,001", func(v *slack.ModalViewRequest) { v.PrivateMetadata = n(3001) }, "/view/private_metadata"},
		{"a callback_id of 256", func(v *slack.ModalViewRequest) { v.CallbackID = n(256) }, "/view/callback_id"},
		{"101 blocks", func(v *slack.ModalViewRequest) {
			for range 100 {
				v.Blocks.BlockSet = append(v.Blocks.BlockSet, slack.NewDividerBlock())
			}
		}, "no more than 100 items allowed [json-pointer:/view/blocks]"},
		{"a text too long inside", func(v *slack.ModalViewRequest) {
			v.Blocks.BlockSet = append(v.Blocks.BlockSet, rawBlock(sectionOf(n(3001))))
		}, "[json-pointer:/view/blocks/1/text/text]"},
	} {
		v := reasonModal("")
		c.change(&v)
		_, err := s.api.OpenView("any", v)
		checkBlocks(t, err, "invalid_arguments", c.want)
	}
	v := reasonModal("")
	v.Title.Text, v.Submit.Text, v.Close.Text, v.PrivateMetadata, v.CallbackID = n(24), n(24), n(24), n(3000), n(255)
	if _, err := s.api.OpenView(s.trigger(t)["trigger_id"].(string), v); err != nil {
		t.Errorf("a modal at its limits: %s", said(err))
	}
}

func TestResponseActions(t *testing.T) {
	next := reasonModal("")
	next.Title.Text = "Next"
	for _, c := range []struct {
		why    string
		answer any
		failed string
		titles string // of the modals open afterwards
		errs   int
	}{
		{"nothing: the modal closes", nil, "", "", 0},
		{"clear: all close", slack.NewClearViewSubmissionResponse(), "", "", 0},
		{"errors under an input", slack.NewErrorsViewSubmissionResponse(map[string]string{"why": "say more"}), "", "Deny", 1},
		{"errors for what is no input", slack.NewErrorsViewSubmissionResponse(map[string]string{"nope": "x"}), "invalid_error_block_id", "Deny", 0},
		{"update: another in its place", slack.NewUpdateViewSubmissionResponse(&next), "", "Next", 0},
		{"push: another on top", slack.NewPushViewSubmissionResponse(&next), "", "Deny Next", 0},
		{"a view that is not right", map[string]any{"response_action": "update", "view": map[string]any{"type": "modal"}}, "invalid_arguments", "Deny", 0},
		{"an action that is none", map[string]any{"response_action": "dance"}, "invalid_response_action", "Deny", 0},
	} {
		t.Run(c.why, func(t *testing.T) {
			s := newStage(t)
			id := s.open(t)
			if a := s.submit(t, id, c.answer); a.Failed != c.failed {
				t.Errorf("%+v", a)
			}
			var titles []string
			errs := 0
			for _, v := range s.OpenViews(alice) {
				titles = append(titles, v.Title)
				errs += len(v.Errors)
			}
			if got := strings.Join(titles, " "); got != c.titles || errs != c.errs {
				t.Errorf("open: %q with %d errors", got, errs)
			}
		})
	}
}

func TestViewHashAndStack(t *testing.T) {
	s := newStage(t)
	id := s.open(t)
	hash := s.OpenViews(alice)[0].Hash
	if _, err := s.api.UpdateView(reasonModal("two"), "", hash, id); err != nil {
		t.Fatal(err)
	}
	if _, err := s.api.UpdateView(reasonModal("three"), "", hash, id); err == nil || err.Error() != "hash_conflict" {
		t.Errorf("the hash is of a version that is gone: %v", err)
	}
	for _, want := range []string{"", "", "push_limit_reached"} {
		_, err := s.api.PushView(s.trigger(t)["trigger_id"].(string), reasonModal(""))
		if got := said(err); want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("three views fit: %s, want %q", got, want)
		}
	}
	if _, err := s.Submit(s.ctx, alice, id, nil); !errors.Is(err, slacksim.ErrNoView) {
		t.Errorf("only the one in front can be submitted: %v", err)
	}
}

func TestFormChecksItself(t *testing.T) {
	s := newStage(t)
	id := s.open(t)
	for why, values := range map[string]map[string]string{
		"a required input is empty": {},
		"there is no such input":    {"why": "x", "nope": "y"},
		"3,001 characters":          {"why": n(3001)},
	} {
		if _, err := s.Submit(s.ctx, alice, id, values); !errors.Is(err, slacksim.ErrForm) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

func TestCloseView(t *testing.T) {
	s := newStage(t)
	v := reasonModal("")
	v.NotifyOnClose = true
	r, err := s.api.OpenView(s.trigger(t)["trigger_id"].(string), v)
	if err != nil {
		t.Fatal(err)
	}
	turn, err := s.CloseView(s.ctx, alice, r.View.ID)
	if err != nil {
		t.Fatal(err)
	}
	got := s.next()
	s.ack(got, nil)
	outcome(t, s.world, turn)
	if p, _ := got["payload"].(map[string]any); p["type"] != "view_closed" || len(s.OpenViews(alice)) != 0 {
		t.Errorf("%v", got)
	}
	id := s.open(t)
	turn, err = s.CloseView(s.ctx, alice, id)
	if err != nil {
		t.Fatal(err)
	}
	outcome(t, s.world, turn) // nobody is told
}

func TestResponseURL(t *testing.T) {
	s := newStage(t)
	address := s.trigger(t)["response_url"].(string)
	answer := func(m *slack.WebhookMessage) error {
		return slack.PostWebhookCustomHTTPContext(s.ctx, address, s.client, m)
	}
	for i := range 5 {
		if err := answer(&slack.WebhookMessage{Text: "x"}); err != nil {
			t.Fatalf("use %d: %v", i+1, err)
		}
	}
	var status slack.StatusCodeError
	if err := answer(&slack.WebhookMessage{Text: "x"}); !errors.As(err, &status) || status.Code != 404 {
		t.Errorf("the sixth use: %v", err)
	}
	if e := s.Ephemerals(alice); len(e) != 5 || e[0].Via != "response_url" {
		t.Errorf("for one person unless told otherwise: %+v", e)
	}
	address = s.trigger(t)["response_url"].(string)
	if err := answer(&slack.WebhookMessage{Text: "all", ResponseType: "in_channel"}); err != nil || len(s.Messages(general)) != 1 {
		t.Errorf("in_channel: %v", err)
	}
	if err := answer(&slack.WebhookMessage{}); !errors.As(err, &status) || status.Code != 400 {
		t.Errorf("no words: %v", err)
	}
	s.now = s.now.Add(30 * time.Minute)
	if err := answer(&slack.WebhookMessage{Text: "x"}); !errors.As(err, &status) || status.Code != 404 {
		t.Errorf("after 30 minutes: %v", err)
	}
	calls := s.Calls()
	if last := calls[len(calls)-1]; last.Method != "response_url" || last.Error != "expired_url" {
		t.Errorf("%+v", last)
	}
}

func TestResponseURLOfAClick(t *testing.T) {
	s := newStage(t)
	if _, err := s.api.PostEphemeral(general, alice, cardOptions()...); err != nil {
		t.Fatal(err)
	}
	ts := s.Ephemerals(alice)[0].TS
	turn, err := s.Click(s.ctx, alice, general, ts, "Approve")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Click(s.ctx, bob, general, ts, "Approve"); !errors.Is(err, slacksim.ErrNoMessage) {
		t.Errorf("bob does not see it: %v", err)
	}
	v := s.next()
	s.ack(v, nil)
	outcome(t, s.world, turn)
	p, _ := v["payload"].(map[string]any)
	address := p["response_url"].(string)
	if _, _, err := s.api.PostMessage("", slack.MsgOptionReplaceOriginal(address), slack.MsgOptionText("done", false)); err != nil {
		t.Fatal(err)
	}
	if e := s.Ephemerals(alice)[0]; e.Text != "done" || e.Blocks != nil || !e.Replaced {
		t.Errorf("%+v", e)
	}
	if _, _, err := s.api.PostMessage("", slack.MsgOptionDeleteOriginal(address)); err != nil || !s.Ephemerals(alice)[0].Deleted {
		t.Errorf("delete_original: %v", err)
	}
}
