package slacksim

import (
	"encoding/json"
	"strings"
	"time"
)

// View is a modal on a person's screen.
type View struct {
	ID              string            `json:"id"`
	UserID          string            `json:"user"`
	CallbackID      string            `json:"callback_id,omitempty"`
	ExternalID      string            `json:"external_id,omitempty"`
	Title           string            `json:"title"`
	Submit          string            `json:"submit,omitempty"`
	Close           string            `json:"close,omitempty"`
	PrivateMetadata string            `json:"private_metadata,omitempty"`
	Blocks          json.RawMessage   `json:"blocks"`
	Hash            string            `json:"hash"`
	RootID          string            `json:"root_id"`
	PreviousID      string            `json:"previous_id,omitempty"`
	NotifyOnClose   bool              `json:"notify_on_close,omitempty"`
	ClearOnClose    bool              `json:"clear_on_close,omitempty"`
	Errors          map[string]string `json:"errors,omitempty"` // shown under the inputs, by block_id

	raw obj // as the bot sent it
}

// IsZero reports whether v is no view at all.
func (v View) IsZero() bool { return v.ID == "" }

// trigger is a trigger_id: it opens one modal within Config.TriggerLife.
type trigger struct {
	id   string
	user string
	view string // of the modal it came from
	born time.Time
	used bool
}

// newTrigger makes a trigger_id. Call with Slack.mu held. Those long dead are forgotten.
func (s *Slack) newTrigger(user, view string) string {
	now := s.cfg.Now()
	t := &trigger{id: newID("1337.") + ".sim", user: user, view: view, born: now}
	for len(s.triggerOrder) > 0 && now.Sub(s.triggerOrder[0].born) > 10*s.cfg.TriggerLife+time.Minute {
		delete(s.triggers, s.triggerOrder[0].id)
		s.triggerOrder = s.triggerOrder[1:]
	}
	s.triggers[t.id] = t
	s.triggerOrder = append(s.triggerOrder, t)
	return t.id
}

// exchange spends a trigger_id. Call with Slack.mu held.
func (s *Slack) exchange(id string) (*trigger, *refusal) {
	t := s.triggers[id]
	switch {
	case t == nil:
		return nil, refuse("invalid_trigger_id")
	case t.used:
		return nil, refuse("exchanged_trigger_id")
	case s.cfg.Now().Sub(t.born) > s.cfg.TriggerLife:
		return nil, refuse("expired_trigger_id")
	}
	t.used = true
	return t, nil
}

// readView checks a modal as the bot sent it.
func readView(raw json.RawMessage) (View, *refusal) {
	if len(raw) > maxViewBytes {
		return View{}, refuse("view_too_large")
	}
	var o obj
	if raw == nil || json.Unmarshal(raw, &o) != nil {
		return View{}, refuse("invalid_arguments", "missing required field: view [json-pointer:/view]")
	}
	c := checker{ids: make(map[string]bool)}
	if o["type"] != "modal" {
		c.failf("/view/type", "must be a valid enum value")
	}
	c.text(o["title"], "/view/title", maxViewTitle, "plain_text")
	for _, key := range []string{"submit", "close"} {
		if o[key] != nil {
			c.text(o[key], "/view/"+key, maxViewTitle, "plain_text")
		}
	}
	c.optStr(o, "private_metadata", "/view", maxPrivateData)
	c.optStr(o, "callback_id", "/view", maxID)
	c.optStr(o, "external_id", "/view", maxID)
	list, ok := o["blocks"].([]any)
	if !ok {
		c.failf("/view", "missing required field: blocks")
	}
	c.blocks(list, "/view/blocks", maxViewBlocks)
	if c.inputs > 0 && o["submit"] == nil {
		c.failf("/view/submit", "submit is required when an input block is present")
	}
	if c.errs != nil {
		return View{}, refuse("invalid_arguments", c.errs...)
	}
	blocks, _ := json.Marshal(list)
	v := View{Title: textIn(o["title"]), Submit: textIn(o["submit"]), Close: textIn(o["close"]), Blocks: blocks, raw: o}
	v.CallbackID, _ = o["callback_id"].(string)
	v.ExternalID, _ = o["external_id"].(string)
	v.PrivateMetadata, _ = o["private_metadata"].(string)
	v.NotifyOnClose, _ = o["notify_on_close"].(bool)
	v.ClearOnClose, _ = o["clear_on_close"].(bool)
	return v, nil
}

func textIn(v any) string {
	o, _ := v.(obj)
	text, _ := o["text"].(string)
	return text
}

// wireView is a view as Slack writes it. state is what the person typed, or nil.
func (s *Slack) wireView(v View, state obj) fields {
	if state == nil {
		state = obj{}
	}
	f := fields{
		"id": v.ID, "team_id": s.cfg.Team.ID, "type": "modal", "blocks": v.Blocks, "private_metadata": v.PrivateMetadata,
		"callback_id": v.CallbackID, "external_id": v.ExternalID, "state": fields{"values": state}, "hash": v.Hash,
		"title": v.raw["title"], "close": v.raw["close"], "submit": v.raw["submit"], "clear_on_close": v.ClearOnClose,
		"notify_on_close": v.NotifyOnClose, "root_view_id": v.RootID, "previous_view_id": nil, "app_id": s.cfg.AppID,
		"bot_id": s.cfg.BotID, "app_installed_team_id": s.cfg.Team.ID,
	}
	if v.PreviousID != "" {
		f["previous_view_id"] = v.PreviousID
	}
	return f
}

func (s *Slack) viewsOpen(c *call) (any, *refusal) { return s.openView(c, false) }
func (s *Slack) viewsPush(c *call) (any, *refusal) { return s.openView(c, true) }

func (s *Slack) openView(c *call, push bool) (any, *refusal) {
	v, no := readView(c.args.raw("view"))
	if no != nil {
		return nil, no
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, no := s.exchange(c.args.str("trigger_id"))
	if no != nil {
		return nil, no
	}
	if push && len(s.stacks[t.user]) == 0 {
		return nil, refuse("invalid_trigger_id", "views.push needs the trigger_id of an open modal")
	}
	if !push {
		s.clearViews(t.user)
	}
	if no := s.pushView(t.user, &v); no != nil {
		return nil, no
	}
	return fields{"ok": true, "view": s.wireView(v, nil)}, nil
}

// pushView puts a modal on top of what the person sees. Call with Slack.mu held.
func (s *Slack) pushView(user string, v *View) *refusal {
	stack := s.stacks[user]
	if len(stack) >= maxViewStack {
		return refuse("push_limit_reached")
	}
	if v.ExternalID != "" && s.viewByExternal(v.ExternalID) != nil {
		return refuse("duplicate_external_id")
	}
	v.ID, v.UserID, v.Hash = newID("V"), user, newID("h")
	v.RootID = v.ID
	if len(stack) > 0 {
		v.RootID, v.PreviousID = stack[0].ID, stack[len(stack)-1].ID
	}
	s.stacks[user] = append(stack, v)
	s.viewByID[v.ID] = v
	s.emit(Entry{Kind: KindModal, UserID: user, Text: v.Title, View: *v})
	return nil
}

func (s *Slack) clearViews(user string) {
	for _, v := range s.stacks[user] {
		delete(s.viewByID, v.ID)
	}
	delete(s.stacks, user)
}

// popView takes the modal away; with clear_on_close everything goes. Call with Slack.mu held.
func (s *Slack) popView(v *View) {
	stack := s.stacks[v.UserID]
	delete(s.viewByID, v.ID)
	kept := stack[:0:0]
	for _, o := range stack {
		if o != v {
			kept = append(kept, o)
		}
	}
	if len(kept) == 0 {
		delete(s.stacks, v.UserID)
	} else {
		s.stacks[v.UserID] = kept
	}
}

func (s *Slack) viewByExternal(id string) *View {
	for _, v := range s.viewByID {
		if v.ExternalID == id {
			return v
		}
	}
	return nil
}

func (s *Slack) viewsUpdate(c *call) (any, *refusal) {
	next, no := readView(c.args.raw("view"))
	if no != nil {
		return nil, no
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.viewByID[c.args.str("view_id")]
	if v == nil && c.args.str("external_id") != "" {
		v = s.viewByExternal(c.args.str("external_id"))
	}
	if v == nil {
		return nil, refuse("not_found")
	}
	if h := c.args.str("hash"); h != "" && h != v.Hash {
		return nil, refuse("hash_conflict")
	}
	s.replaceView(v, next)
	return fields{"ok": true, "view": s.wireView(*v, nil)}, nil
}

// replaceView changes a modal in its place. Call with Slack.mu held.
func (s *Slack) replaceView(v *View, next View) {
	next.ID, next.UserID, next.RootID, next.PreviousID, next.Hash = v.ID, v.UserID, v.RootID, v.PreviousID, newID("h")
	*v = next
	s.emit(Entry{Kind: KindModal, UserID: v.UserID, Text: v.Title, View: *v})
}

// OpenViews returns the modals that the person has open, the one in front last.
func (s *Slack) OpenViews(userID string) []View {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []View
	for _, v := range s.stacks[userID] {
		out = append(out, *v)
	}
	return out
}

// inputBlock is what a person can fill in.
type inputBlock struct {
	Type     string `json:"type"`
	BlockID  string `json:"block_id"`
	Optional bool   `json:"optional"`
	Label    struct {
		Text string `json:"text"`
	} `json:"label"`
	Element inputElement `json:"element"`
}

type inputElement struct {
	Type         string            `json:"type"`
	ActionID     string            `json:"action_id"`
	InitialValue string            `json:"initial_value"`
	MinLength    int               `json:"min_length"`
	MaxLength    int               `json:"max_length"`
	Options      []json.RawMessage `json:"options"`
}

// inputs returns the input blocks of a modal.
func (v View) inputs() []inputBlock {
	var all, out []inputBlock
	_ = json.Unmarshal(v.Blocks, &all)
	for _, b := range all {
		if b.Type == "input" {
			out = append(out, b)
		}
	}
	return out
}

func (b inputBlock) named(key string) bool {
	return key == b.BlockID || strings.EqualFold(key, b.Label.Text) || key == b.Element.ActionID
}
