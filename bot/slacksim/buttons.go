package slacksim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// button is a button in a block.
type button struct {
	Type     string   `json:"type"`
	ActionID string   `json:"action_id"`
	Value    string   `json:"value"`
	Style    string   `json:"style"`
	URL      string   `json:"url"`
	Text     textObj  `json:"text"`
	Visible  []string `json:"visible_to_user_ids"`

	blockID string
	label   string
}

type textObj struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// buttonsOf lists the buttons of blocks, in order.
func buttonsOf(blocks json.RawMessage) []button {
	var list []struct {
		BlockID   string            `json:"block_id"`
		Type      string            `json:"type"`
		Elements  []json.RawMessage `json:"elements"`
		Accessory json.RawMessage   `json:"accessory"`
	}
	_ = json.Unmarshal(blocks, &list)
	var out []button
	for _, b := range list {
		var raw []json.RawMessage
		if b.Type == "actions" {
			raw = b.Elements
		} else if b.Type == "section" && b.Accessory != nil {
			raw = []json.RawMessage{b.Accessory}
		}
		for _, r := range raw {
			var e button
			if json.Unmarshal(r, &e) == nil && e.Type == "button" {
				e.blockID, e.label = b.BlockID, e.Text.Text
				out = append(out, e)
			}
		}
	}
	return out
}

// Buttons lists the labels of the message's buttons, in order.
func (m Message) Buttons() []string {
	var out []string
	for _, b := range buttonsOf(m.Blocks) {
		out = append(out, b.label)
	}
	return out
}

// findButton looks a button up in the message as it is, or in its latest earlier version that has it.
func findButton(m Message, user, name string, stale bool) (button, Version, error) {
	versions := []Version{{m.Text, m.Blocks}}
	if stale {
		versions = slices.Clone(m.History)
		slices.Reverse(versions)
	}
	var there []string
	for _, v := range versions {
		list := buttonsOf(v.Blocks)
		for _, byID := range []bool{true, false} {
			for _, b := range list {
				hit := byID && b.ActionID == name || !byID && strings.EqualFold(b.label, name)
				if hit && (len(b.Visible) == 0 || slices.Contains(b.Visible, user)) {
					return b, v, nil
				}
			}
		}
		for _, b := range list {
			there = append(there, b.label)
		}
	}
	return button{}, Version{}, fmt.Errorf("%q in %s: %w; there is %q", name, m.TS, ErrNoButton, there)
}
