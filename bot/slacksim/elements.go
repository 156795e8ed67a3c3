package slacksim

import "fmt"

// element checks an interactive element. seen are the action_ids of its block.
func (c *checker) element(e obj, path string, seen map[string]bool) {
	kind, _ := e["type"].(string)
	if kind == "image" {
		c.image(e, path)
		return
	}
	hasOptions, isSelect := selects[kind]
	switch {
	case kind == "button" || kind == "workflow_button":
		c.button(e, path)
	case isSelect:
		if hasOptions {
			c.menu(e, path)
		}
	case kind == "overflow":
		c.options(e, path, 1, maxOverflow)
	case kind == "checkboxes" || kind == "radio_buttons":
		c.options(e, path, 1, maxChoices)
	case kind == "plain_text_input":
		c.plainInput(e, path)
	case !pickers[kind] && !typed[kind]:
		c.failf(path+"/type", "unsupported type: %s", kind)
		return
	}
	c.id(e, "action_id", path, seen)
	if e["placeholder"] != nil {
		c.text(e["placeholder"], path+"/placeholder", maxPlaceholder, "plain_text")
	}
	if d, ok := e["confirm"].(obj); ok {
		c.confirm(d, path+"/confirm")
	}
}

func (c *checker) button(e obj, path string) {
	c.text(e["text"], path+"/text", maxButtonText, "plain_text")
	c.optStr(e, "value", path, maxButtonValue)
	c.optStr(e, "url", path, maxURL)
	c.optStr(e, "accessibility_label", path, maxAccessibility)
	if s := e["style"]; s != nil && s != "primary" && s != "danger" {
		c.failf(path+"/style", "must be a valid enum value")
	}
	if users, ok := e["visible_to_user_ids"].([]any); ok {
		c.count(users, path+"/visible_to_user_ids", 1, maxVisibleToUsers)
	}
}

func (c *checker) confirm(d obj, path string) {
	c.text(d["title"], path+"/title", maxConfirmTitle, "plain_text")
	c.text(d["text"], path+"/text", maxConfirmText, "plain_text", "mrkdwn")
	c.text(d["confirm"], path+"/confirm", maxConfirmButton, "plain_text")
	if d["deny"] != nil {
		c.text(d["deny"], path+"/deny", maxConfirmButton, "plain_text")
	}
}

func (c *checker) menu(e obj, path string) {
	groups, ok := e["option_groups"].([]any)
	if !ok {
		c.options(e, path, 1, maxOptions)
		return
	}
	if !c.count(groups, path+"/option_groups", 1, maxOptions) {
		return
	}
	for i, v := range groups {
		at := fmt.Sprintf("%s/option_groups/%d", path, i)
		g, _ := v.(obj)
		c.text(g["label"], at+"/label", maxOptionText, "plain_text")
		c.options(g, at, 1, maxOptions)
	}
}

func (c *checker) options(e obj, path string, least, most int) {
	list, _ := e["options"].([]any)
	if !c.count(list, path+"/options", least, most) {
		return
	}
	for i, v := range list {
		at := fmt.Sprintf("%s/options/%d", path, i)
		o, _ := v.(obj)
		c.text(o["text"], at+"/text", maxOptionText, "plain_text", "mrkdwn")
		c.str(o, "value", at, 1, maxOptionValue)
		if o["description"] != nil {
			c.text(o["description"], at+"/description", maxOptionText, "plain_text", "mrkdwn")
		}
	}
}

func (c *checker) plainInput(e obj, path string) {
	c.optStr(e, "initial_value", path, maxInputText)
	least, _ := e["min_length"].(float64)
	most, limited := e["max_length"].(float64)
	if least < 0 || least > maxInputText {
		c.failf(path+"/min_length", "must be between 0 and %d", maxInputText)
	}
	if limited && (most < 1 || most > maxInputText) {
		c.failf(path+"/max_length", "must be between 1 and %d", maxInputText)
	}
	if limited && least > most {
		c.failf(path+"/min_length", "must not be more than max_length")
	}
}

// richInline says what each piece of a rich text section must carry.
var richInline = map[string]string{
	"text": "text", "link": "url", "user": "user_id", "usergroup": "usergroup_id", "channel": "channel_id",
	"emoji": "name", "broadcast": "range", "color": "value", "team": "team_id", "date": "format",
}

func (c *checker) richText(b obj, path string) {
	list, ok := b["elements"].([]any)
	if !ok {
		c.failf(path, "missing required field: elements")
		return
	}
	for i, v := range list {
		at := fmt.Sprintf("%s/elements/%d", path, i)
		e, _ := v.(obj)
		switch kind, _ := e["type"].(string); kind {
		case "rich_text_section", "rich_text_quote":
			c.inline(e, at, nil)
		case "rich_text_preformatted":
			c.inline(e, at, map[string]bool{"text": true, "link": true})
		case "rich_text_list":
			c.richList(e, at)
		default:
			c.failf(at+"/type", "unsupported type: %s", kind)
		}
	}
}

func (c *checker) richList(e obj, path string) {
	if s := e["style"]; s != "bullet" && s != "ordered" {
		c.failf(path+"/style", "must be a valid enum value")
	}
	list, _ := e["elements"].([]any)
	for i, v := range list {
		at := fmt.Sprintf("%s/elements/%d", path, i)
		item, _ := v.(obj)
		if item["type"] != "rich_text_section" {
			c.failf(at+"/type", "unsupported type: %v", item["type"])
			continue
		}
		c.inline(item, at, nil)
	}
}

// inline checks the pieces of a section; only narrows their types, if given.
func (c *checker) inline(e obj, path string, only map[string]bool) {
	list, ok := e["elements"].([]any)
	if !ok {
		c.failf(path, "missing required field: elements")
		return
	}
	for i, v := range list {
		at := fmt.Sprintf("%s/elements/%d", path, i)
		piece, _ := v.(obj)
		kind, _ := piece["type"].(string)
		needs, known := richInline[kind]
		if !known || only != nil && !only[kind] {
			c.failf(at+"/type", "unsupported type: %s", kind)
			continue
		}
		if text, _ := piece[needs].(string); text == "" {
			c.failf(at+"/"+needs, "must be more than 0 characters")
		}
		if s := piece["style"]; s != nil {
			if _, ok := s.(obj); !ok {
				c.failf(at+"/style", "must be an object")
			}
		}
	}
}
