package view_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/bot/view"
)

// marker stands in every piece of people's text in the hostile tests.
const marker = "zq7"

// ours is every form of token that we write into what Slack parses.
var ours = regexp.MustCompile(`^<(@[UW][A-Z0-9]+|!subteam\^S[A-Z0-9]+|!date\^-?\d+\^[{}a-z_ ]+\|[0-9: -]+ UTC|https?://[^<>| ]+\|[A-Za-z0-9 -]+)>$`)

var token = regexp.MustCompile(`<[^>]*>?`)

// faults lists what Slack would refuse in m, and what must stand in no message.
func faults(m view.Message) []string {
	c := &checker{ids: map[string]bool{}}
	c.text("Text", m.Text, 4000)
	c.tokens("Text", m.Text)
	if utf16Len(m.Text) > 4000 {
		c.fault("Text has %d UTF-16 units", utf16Len(m.Text))
	}
	if broadcast.MatchString(m.Text) {
		c.fault("Text calls the channel")
	}
	raw, err := json.Marshal(m.Blocks)
	if err != nil {
		return append(c.found, err.Error())
	}
	var blocks []map[string]any
	if err := json.Unmarshal(raw, &blocks); err != nil {
		return append(c.found, err.Error())
	}
	if len(blocks) == 0 || len(blocks) > 50 {
		c.fault("%d blocks", len(blocks))
	}
	for _, b := range blocks {
		c.block(b)
	}
	if total := c.chars + 100*len(blocks); total > 12000 {
		c.fault("the blocks count %d characters", total)
	}
	return c.found
}

var broadcast = regexp.MustCompile(`(?i)@(channel|here|everyone|group)\b`)

type checker struct {
	found []string
	ids   map[string]bool
	chars int
}

func (c *checker) fault(format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf(format, args...))
}

func (c *checker) text(where, s string, most int) {
	n := utf8.RuneCountInString(s)
	if n == 0 || n > most {
		c.fault("%s has %d characters", where, n)
	}
	if !utf8.ValidString(s) {
		c.fault("%s is not UTF-8", where)
	}
	if view.Visible(s) != s {
		c.fault("%s holds what cannot be seen: %q", where, s)
	}
}

func (c *checker) tokens(where, s string) {
	for _, t := range token.FindAllString(s, -1) {
		if !ours.MatchString(t) {
			c.fault("%s has a token that is not ours: %q", where, t)
		}
	}
}

func (c *checker) block(b map[string]any) {
	id, _ := b["block_id"].(string)
	if id == "" || len(id) > 255 || c.ids[id] {
		c.fault("block id %q", id)
	}
	c.ids[id] = true
	switch b["type"] {
	case "header":
		c.object("header", b["text"], 150, "plain_text")
	case "section":
		c.object("section", b["text"], 3000, "mrkdwn")
	case "context":
		for _, e := range list(b["elements"], 10, c) {
			c.object("context", e, 2000, "plain_text")
		}
	case "actions":
		for _, e := range list(b["elements"], 25, c) {
			c.button(e.(map[string]any))
		}
	case "rich_text":
		c.rich(b)
	case "input":
	default:
		c.fault("a block of type %v", b["type"])
	}
}

func list(v any, most int, c *checker) []any {
	l, _ := v.([]any)
	if len(l) == 0 || len(l) > most {
		c.fault("%d elements", len(l))
	}
	return l
}

func (c *checker) object(where string, v any, most int, kind string) {
	o, _ := v.(map[string]any)
	s, _ := o["text"].(string)
	c.text(where, s, most)
	c.count(s)
	if o["type"] != kind {
		c.fault("%s is of type %v", where, o["type"])
	}
	switch o["type"] {
	case "plain_text":
		if o["emoji"] != false {
			c.fault("%s shows emoji codes", where)
		}
	case "mrkdwn":
		c.tokens(where, s)
		if strings.Contains(s, marker) {
			c.fault("%s is mrkdwn and holds people's text: %q", where, s)
		}
	}
}

func (c *checker) button(b map[string]any) {
	c.object("button", b["text"], 75, "plain_text")
	action, value := b["action_id"].(string), b["value"].(string)
	if n := len(utf16.Encode([]rune(value))); n > 2000 {
		c.fault("a button's value has %d characters", n)
	}
	_, _, _, err := view.ParseButton(action, value)
	if view.IsChoice(action) {
		_, err = view.ParseChoice(value)
	}
	if err != nil {
		c.fault("a button that we cannot read: %v", err)
	}
	if confirm, has := b["confirm"].(map[string]any); has {
		c.object("confirm title", confirm["title"], 100, "plain_text")
		c.object("confirm text", confirm["text"], 300, "plain_text")
		c.object("confirm yes", confirm["confirm"], 30, "plain_text")
		c.object("confirm no", confirm["deny"], 30, "plain_text")
	}
}

func (c *checker) rich(b map[string]any) {
	for _, part := range list(b["elements"], 1000, c) {
		p := part.(map[string]any)
		if p["type"] != "rich_text_section" && p["type"] != "rich_text_preformatted" {
			c.fault("rich text of type %v", p["type"])
		}
		for _, e := range list(p["elements"], 1000, c) {
			e := e.(map[string]any)
			c.chars += 25 // as the package comment has it
			switch e["type"] {
			case "text":
				c.text("rich text", e["text"].(string), 3000)
				c.count(e["text"].(string))
			case "link":
				c.text("link", e["text"].(string), 100)
				c.count(e["text"].(string) + e["url"].(string))
			case "user", "usergroup", "date":
				if p["type"] == "rich_text_preformatted" {
					c.fault("a %v in preformatted text", e["type"])
				}
			default:
				c.fault("an element of type %v", e["type"])
			}
		}
	}
}

var entities = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func (c *checker) count(s string) { c.chars += utf16Len(entities.Replace(s)) }

func utf16Len(s string) int { return len(utf16.Encode([]rune(s))) }

// fine fails the test if Slack would refuse m or if m is not safe.
func fine(t testing.TB, m view.Message) {
	t.Helper()
	for _, f := range faults(m) {
		t.Error(f)
	}
}

// pretty is m as a golden file holds it: Text line by line, then the blocks.
func pretty(t testing.TB, m any) []byte {
	t.Helper()
	if msg, ok := m.(view.Message); ok {
		m = struct {
			Text   []string      `json:"text"`
			Blocks []slack.Block `json:"blocks"`
		}{strings.Split(msg.Text, "\n"), msg.Blocks}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
