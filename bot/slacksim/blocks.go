package slacksim

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// obj is a decoded JSON object.
type obj = map[string]any

// checker reads blocks and gathers what is wrong with them, worded and placed as Slack does it.
type checker struct {
	errs    []string
	ids     map[string]bool // block_ids seen
	changed bool            // an id was added
	inputs  int
}

func (c *checker) failf(path, format string, a ...any) {
	c.errs = append(c.errs, fmt.Sprintf(format, a...)+" [json-pointer:"+path+"]")
}

// checkMessageBlocks returns the blocks with every missing id filled in; nil for an empty list.
func checkMessageBlocks(raw json.RawMessage) (json.RawMessage, *refusal) {
	var list []any
	if json.Unmarshal(raw, &list) != nil {
		return nil, refuse("invalid_blocks_format")
	}
	c := checker{ids: make(map[string]bool)}
	c.blocks(list, "/blocks", maxMessageBlocks)
	if c.errs != nil {
		return nil, refuse("invalid_blocks", c.errs...)
	}
	switch {
	case len(list) == 0:
		return nil, nil
	case c.changed:
		out, _ := json.Marshal(list)
		return out, nil
	}
	return raw, nil
}

func (c *checker) blocks(list []any, path string, most int) {
	if len(list) > most {
		c.failf(path, "no more than %d items allowed", most)
		return
	}
	for i, v := range list {
		at := fmt.Sprintf("%s/%d", path, i)
		b, ok := v.(obj)
		if !ok {
			c.failf(at, "must be an object")
			continue
		}
		c.id(b, "block_id", at, c.ids)
		c.block(b, at)
	}
}

// id checks an id, fills a missing one in, and holds it against those already seen.
func (c *checker) id(o obj, key, path string, seen map[string]bool) {
	id, _ := o[key].(string)
	if id == "" {
		id = rand.Text()[:6]
		o[key], c.changed = id, true
	}
	if utf8.RuneCountInString(id) > maxID {
		c.failf(path+"/"+key, "must be less than %d characters", maxID+1)
	}
	if seen[id] {
		c.failf(path+"/"+key, "%s %q already exists", key, id)
	}
	seen[id] = true
}

func (c *checker) block(b obj, path string) {
	switch kind, _ := b["type"].(string); kind {
	case "section":
		c.section(b, path)
	case "header":
		c.text(b["text"], path+"/text", maxHeaderText, "plain_text")
	case "context":
		c.context(b, path)
	case "actions":
		c.actions(b, path)
	case "input":
		c.input(b, path)
	case "rich_text":
		c.richText(b, path)
	case "markdown":
		c.str(b, "text", path, 1, maxMarkdownText)
	case "image":
		c.image(b, path)
	case "table":
		c.table(b, path)
	default:
		if !unchecked[kind] {
			c.failf(path+"/type", "unsupported type: %s", kind)
		}
	}
}

func (c *checker) section(b obj, path string) {
	fields, hasFields := b["fields"].([]any)
	if b["text"] == nil && !hasFields {
		c.failf(path, "either text or fields is required")
		return
	}
	if b["text"] != nil {
		c.text(b["text"], path+"/text", maxSectionText, "plain_text", "mrkdwn")
	}
	if hasFields && c.count(fields, path+"/fields", 1, maxFields) {
		for i, f := range fields {
			c.text(f, fmt.Sprintf("%s/fields/%d", path, i), maxFieldText, "plain_text", "mrkdwn")
		}
	}
	if a, ok := b["accessory"].(obj); ok {
		c.element(a, path+"/accessory", make(map[string]bool))
	}
}

func (c *checker) context(b obj, path string) {
	list, _ := b["elements"].([]any)
	if !c.count(list, path+"/elements", 1, maxContextItems) {
		return
	}
	for i, v := range list {
		at := fmt.Sprintf("%s/elements/%d", path, i)
		if o, _ := v.(obj); o["type"] == "image" {
			c.image(o, at)
			continue
		}
		c.text(v, at, maxSectionText, "plain_text", "mrkdwn")
	}
}

func (c *checker) actions(b obj, path string) {
	list, _ := b["elements"].([]any)
	if !c.count(list, path+"/elements", 1, maxActionItems) {
		return
	}
	seen := make(map[string]bool)
	for i, v := range list {
		at := fmt.Sprintf("%s/elements/%d", path, i)
		if o, ok := v.(obj); ok {
			c.element(o, at, seen)
		} else {
			c.failf(at, "must be an object")
		}
	}
}

func (c *checker) input(b obj, path string) {
	c.inputs++
	c.text(b["label"], path+"/label", maxInputLabel, "plain_text")
	if b["hint"] != nil {
		c.text(b["hint"], path+"/hint", maxInputHint, "plain_text")
	}
	e, ok := b["element"].(obj)
	if !ok {
		c.failf(path, "missing required field: element")
		return
	}
	if e["type"] == "button" {
		c.failf(path+"/element/type", "unsupported type: button")
		return
	}
	c.element(e, path+"/element", make(map[string]bool))
}

func (c *checker) image(b obj, path string) {
	if b["image_url"] == nil && b["slack_file"] == nil {
		c.failf(path, "missing required field: image_url")
	}
	c.optStr(b, "image_url", path, maxURL)
	c.str(b, "alt_text", path, 1, maxAltText)
}

func (c *checker) table(b obj, path string) {
	rows, _ := b["rows"].([]any)
	if !c.count(rows, path+"/rows", 1, maxTableRows) {
		return
	}
	for i, r := range rows {
		cells, _ := r.([]any)
		c.count(cells, fmt.Sprintf("%s/rows/%d", path, i), 1, maxTableCells)
	}
}

// text checks a text object.
func (c *checker) text(v any, path string, most int, kinds ...string) {
	o, ok := v.(obj)
	if !ok {
		c.failf(path, "missing required field: %s", path[lastSlash(path)+1:])
		return
	}
	kind, _ := o["type"].(string)
	allowed := false
	for _, k := range kinds {
		allowed = allowed || k == kind
	}
	if !allowed {
		c.failf(path+"/type", "unsupported type: %s", kind)
		return
	}
	if kind == "mrkdwn" && o["emoji"] != nil {
		c.failf(path+"/emoji", "emoji is not allowed with mrkdwn")
	}
	c.str(o, "text", path, 1, most)
}

func (c *checker) str(o obj, key, path string, least, most int) {
	text, ok := o[key].(string)
	if !ok {
		c.failf(path, "missing required field: %s", key)
		return
	}
	switch n := utf8.RuneCountInString(text); {
	case n < least:
		c.failf(path+"/"+key, "must be more than %d characters", least-1)
	case n > most:
		c.failf(path+"/"+key, "must be less than %d characters", most+1)
	}
}

func (c *checker) optStr(o obj, key, path string, most int) {
	if o[key] != nil {
		c.str(o, key, path, 0, most)
	}
}

func (c *checker) count(list []any, path string, least, most int) bool {
	switch {
	case len(list) < least:
		c.failf(path, "no fewer than %d items allowed", least)
	case len(list) > most:
		c.failf(path, "no more than %d items allowed", most)
	default:
		return true
	}
	return false
}

func lastSlash(path string) int {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return i
		}
	}
	return -1
}
