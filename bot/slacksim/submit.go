package slacksim

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Submit fills in a modal and presses its submit button. The keys of values are block_ids, labels or
// action_ids; for menus and boxes the value is that of the option or its text, several by commas.
// What the form itself would not let through (a required input left empty, a text too long) is
// [ErrForm], and the bot hears nothing of it. The ack's response_action is carried out before the
// turn ends: errors stay on the view ([View.Errors]), update, push, clear; none closes the modal.
func (s *Slack) Submit(ctx context.Context, userID, viewID string, values map[string]string) (*Turn, error) {
	p, _, err := s.actor(ctx, userID, "")
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	v, err := s.frontView(userID, viewID)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	state, err := fillIn(*v, values)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	v.Errors = nil
	t := s.newTurn()
	t.TriggerID = s.newTrigger(p.ID, v.ID)
	s.emit(Entry{Kind: KindSubmit, UserID: p.ID, Text: v.Title, View: *v})
	f := s.interaction("view_submission", p)
	f["trigger_id"], f["view"], f["response_urls"] = t.TriggerID, s.wireView(*v, state), []fields{}
	s.mu.Unlock()
	payload, _ := json.Marshal(f)
	show := func(a Ack) Ack { return s.showSubmitAck(a, p.ID, viewID) }
	s.send(&envelope{id: t.EnvelopeID, kind: "interactive", payload: payload, accepts: true, turn: t, show: show})
	return t, nil
}

// frontView finds the modal in front. Call with Slack.mu held.
func (s *Slack) frontView(userID, viewID string) (*View, error) {
	stack := s.stacks[userID]
	if len(stack) == 0 || stack[len(stack)-1].ID != viewID {
		return nil, fmt.Errorf("view %s of %s: %w", viewID, userID, ErrNoView)
	}
	return stack[len(stack)-1], nil
}

// CloseView closes the modal in front. The bot hears of it only if the view asked for that;
// otherwise the turn ends at once.
func (s *Slack) CloseView(ctx context.Context, userID, viewID string) (*Turn, error) {
	p, _, err := s.actor(ctx, userID, "")
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	v, err := s.frontView(userID, viewID)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	gone := *v
	if v.ClearOnClose {
		s.clearViews(userID)
	} else {
		s.popView(v)
	}
	s.emit(Entry{Kind: KindClose, UserID: p.ID, Text: gone.Title, View: gone})
	s.mu.Unlock()
	t := s.newTurn()
	if !gone.NotifyOnClose {
		t.settle(Ack{}, nil)
		return t, nil
	}
	f := s.interaction("view_closed", p)
	f["view"], f["is_cleared"] = s.wireView(gone, nil), gone.ClearOnClose
	payload, _ := json.Marshal(f)
	s.send(&envelope{id: t.EnvelopeID, kind: "interactive", payload: payload, turn: t})
	return t, nil
}

// showSubmitAck carries out what the bot answered to a submission.
func (s *Slack) showSubmitAck(a Ack, userID, viewID string) Ack {
	var said struct {
		Action string            `json:"response_action"`
		View   json.RawMessage   `json:"view"`
		Errors map[string]string `json:"errors"`
	}
	if a.Failed == "" && len(a.Payload) > 0 && json.Unmarshal(a.Payload, &said) != nil {
		a.Failed = "invalid_payload"
	}
	s.mu.Lock()
	v := s.viewByID[viewID]
	if a.Failed == "" && v != nil {
		a.Failed = s.answerView(v, said.Action, said.View, said.Errors)
	}
	s.mu.Unlock()
	if a.Failed != "" {
		s.warn(userID, "", "We had some trouble connecting. Try again?")
	}
	return a
}

// answerView returns an error code if Slack cannot do what was asked. Call with Slack.mu held.
func (s *Slack) answerView(v *View, action string, raw json.RawMessage, errs map[string]string) string {
	switch action {
	case "":
		s.popView(v)
	case "clear":
		s.clearViews(v.UserID)
	case "errors":
		return s.showErrors(v, errs)
	case "update", "push":
		next, no := readView(raw)
		if no != nil {
			return no.code
		}
		if action == "update" {
			s.replaceView(v, next)
		} else if no := s.pushView(v.UserID, &next); no != nil {
			return no.code
		}
	default:
		return "invalid_response_action"
	}
	return ""
}

// showErrors puts errors under their inputs. A key that is no input's block_id is what Slack
// answers with "trouble connecting".
func (s *Slack) showErrors(v *View, errs map[string]string) string {
	inputs := v.inputs()
	for key := range errs {
		if !slices.ContainsFunc(inputs, func(b inputBlock) bool { return b.BlockID == key }) {
			return "invalid_error_block_id"
		}
	}
	if len(errs) == 0 {
		return "no_errors_given"
	}
	v.Errors = errs
	s.emit(Entry{Kind: KindModal, UserID: v.UserID, Text: v.Title, View: *v})
	return ""
}

// fillIn returns view.state.values for what a person typed.
func fillIn(v View, values map[string]string) (obj, error) {
	state := obj{}
	used := 0
	for _, b := range v.inputs() {
		text, given := b.Element.InitialValue, false
		for key, val := range values {
			if b.named(key) {
				text, given = val, true
			}
		}
		if given {
			used++
		}
		if err := b.accepts(text); err != nil {
			return nil, err
		}
		e, err := b.Element.value(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.Label.Text, err)
		}
		state[b.BlockID] = obj{b.Element.ActionID: e}
	}
	if used < len(values) {
		return nil, fmt.Errorf("%w: it has no input for one of %d values", ErrForm, len(values))
	}
	return state, nil
}

// accepts is what the form checks by itself.
func (b inputBlock) accepts(text string) error {
	n := utf8.RuneCountInString(text)
	switch e := b.Element; {
	case text == "" && !b.Optional:
		return fmt.Errorf("%s: %w: please complete this required field", b.Label.Text, ErrForm)
	case text != "" && n < e.MinLength:
		return fmt.Errorf("%s: %w: at least %d characters", b.Label.Text, ErrForm, e.MinLength)
	case e.MaxLength > 0 && n > e.MaxLength, e.Type == "plain_text_input" && n > maxInputText:
		return fmt.Errorf("%s: %w: %d characters are too many", b.Label.Text, ErrForm, n)
	}
	return nil
}

// value is how Slack writes what an element holds.
func (e inputElement) value(text string) (obj, error) {
	out := obj{"type": e.Type}
	switch e.Type {
	case "static_select", "radio_buttons":
		out["selected_option"] = nil
		if text != "" {
			o, err := e.option(text)
			if err != nil {
				return nil, err
			}
			out["selected_option"] = o
		}
	case "checkboxes", "multi_static_select":
		chosen := []json.RawMessage{}
		for _, part := range splitList(text) {
			o, err := e.option(part)
			if err != nil {
				return nil, err
			}
			chosen = append(chosen, o)
		}
		out["selected_options"] = chosen
	case "users_select":
		out["selected_user"] = text
	case "multi_users_select":
		out["selected_users"] = splitList(text)
	case "channels_select":
		out["selected_channel"] = text
	case "conversations_select":
		out["selected_conversation"] = text
	case "datepicker":
		out["selected_date"] = text
	case "timepicker":
		out["selected_time"] = text
	default:
		out["value"] = nil
		if text != "" {
			out["value"] = text
		}
	}
	return out, nil
}

func (e inputElement) option(name string) (json.RawMessage, error) {
	for _, raw := range e.Options {
		var o struct {
			Text  textObj `json:"text"`
			Value string  `json:"value"`
		}
		if json.Unmarshal(raw, &o) == nil && (o.Value == name || strings.EqualFold(o.Text.Text, name)) {
			return raw, nil
		}
	}
	return nil, fmt.Errorf("%w: there is no option %q", ErrForm, name)
}

func splitList(text string) []string {
	out := []string{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
