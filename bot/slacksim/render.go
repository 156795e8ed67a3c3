package slacksim

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

const ruleWidth = 64

// Render writes a message as a person would read it in a terminal: no sender, no time, no last
// newline. Preformatted text stands behind a bar, buttons in brackets, people by name.
func Render(m Message) string {
	if m.Deleted {
		return "(deleted)"
	}
	p := painter{names: m.names}
	if m.Blocks != nil {
		p.blocks(m.Blocks)
	} else {
		p.para(p.mrkdwn(m.Text))
	}
	for _, f := range m.Files {
		p.file(f)
	}
	return p.String()
}

// RenderView writes a modal as a person would see it, errors under their inputs.
func RenderView(v View) string {
	p := painter{errors: v.Errors}
	p.para("┌ " + v.Title)
	p.blocks(v.Blocks)
	var buttons []string
	for _, b := range []string{v.Close, v.Submit} {
		if b != "" {
			buttons = append(buttons, "[ "+b+" ]")
		}
	}
	p.para(strings.Join(buttons, "  "))
	return p.String()
}

// painter builds a text of paragraphs.
type painter struct {
	names  *roster
	errors map[string]string
	paras  []string
}

func (p *painter) para(text string) {
	if text = strings.TrimRight(text, " \n"); text != "" {
		p.paras = append(p.paras, text)
	}
}

// String joins the paragraphs; a caption stands close to what is above it.
func (p *painter) String() string { return strings.Join(p.paras, "\n") }

type block struct {
	Type      string            `json:"type"`
	BlockID   string            `json:"block_id"`
	Text      json.RawMessage   `json:"text"` // an object; in markdown blocks a string
	Fields    []textObj         `json:"fields"`
	Elements  []json.RawMessage `json:"elements"`
	Accessory json.RawMessage   `json:"accessory"`
	Label     textObj           `json:"label"`
	Hint      textObj           `json:"hint"`
	Optional  bool              `json:"optional"`
	Element   json.RawMessage   `json:"element"`
	AltText   string            `json:"alt_text"`
	Rows      [][]block         `json:"rows"`
}

func (p *painter) blocks(raw json.RawMessage) {
	var list []block
	_ = json.Unmarshal(raw, &list)
	for _, b := range list {
		p.block(b)
	}
}

func (p *painter) block(b block) {
	switch b.Type {
	case "header":
		title := p.text(b.textObj())
		p.para(title + "\n" + strings.Repeat("─", width(title)))
	case "section":
		p.section(b)
	case "context":
		p.context(b)
	case "actions":
		p.para(p.buttons(b.Elements))
	case "divider":
		p.para(strings.Repeat("─", ruleWidth))
	case "rich_text":
		p.para(p.rich(b.Elements))
	case "markdown":
		var text string
		_ = json.Unmarshal(b.Text, &text)
		p.para(text)
	case "image":
		p.para("[image: " + b.AltText + "]")
	case "input":
		p.input(b)
	case "table":
		p.table(b.Rows)
	default:
		p.para("[" + b.Type + "]")
	}
}

func (b block) textObj() textObj {
	var t textObj
	_ = json.Unmarshal(b.Text, &t)
	return t
}

func (p *painter) text(t textObj) string {
	if t.Type == "mrkdwn" {
		return p.mrkdwn(t.Text)
	}
	return emojis(t.Text)
}

func (p *painter) section(b block) {
	line := p.text(b.textObj())
	if b.Accessory != nil {
		if buttons := p.buttons([]json.RawMessage{b.Accessory}); buttons != "" {
			line = strings.TrimSpace(line + "   " + buttons)
		}
	}
	p.para(line)
	p.fields(b.Fields)
}

// fields writes "*Label*\nvalue" fields as two columns, and others one under the other.
func (p *painter) fields(list []textObj) {
	type row struct{ label, value string }
	rows := make([]row, 0, len(list))
	widest := 0
	for _, f := range list {
		label, value, ok := strings.Cut(p.text(f), "\n")
		if !ok {
			label, value = "", label
		}
		rows = append(rows, row{label, value})
		widest = max(widest, width(label))
	}
	for _, r := range rows {
		if widest == 0 {
			p.para(r.value)
			continue
		}
		indent := strings.Repeat(" ", widest+2)
		p.para(r.label + indent[width(r.label):] + strings.ReplaceAll(r.value, "\n", "\n"+indent))
	}
}

func (p *painter) context(b block) {
	var parts []string
	for _, raw := range b.Elements {
		var e struct {
			textObj
			AltText string `json:"alt_text"`
		}
		_ = json.Unmarshal(raw, &e)
		if e.Type == "image" {
			parts = append(parts, "["+e.AltText+"]")
			continue
		}
		parts = append(parts, p.text(e.textObj))
	}
	p.para("· " + strings.ReplaceAll(strings.Join(parts, " · "), "\n", "\n  "))
}

func (p *painter) buttons(list []json.RawMessage) string {
	var out []string
	for _, raw := range list {
		var e struct {
			Type        string  `json:"type"`
			Text        textObj `json:"text"`
			Placeholder textObj `json:"placeholder"`
			AltText     string  `json:"alt_text"`
		}
		_ = json.Unmarshal(raw, &e)
		switch e.Type {
		case "button", "workflow_button":
			out = append(out, "[ "+p.text(e.Text)+" ]")
		case "image":
			out = append(out, "["+e.AltText+"]")
		default:
			out = append(out, "[ "+p.text(e.Placeholder)+" ▾ ]")
		}
	}
	return strings.Join(out, "  ")
}

func (p *painter) input(b block) {
	label := p.text(b.Label)
	if b.Optional {
		label += " (optional)"
	}
	var e struct {
		Type    string `json:"type"`
		Initial string `json:"initial_value"`
		Options []struct {
			Text textObj `json:"text"`
		} `json:"options"`
	}
	_ = json.Unmarshal(b.Element, &e)
	box := "[ " + e.Initial + strings.Repeat("_", max(0, 30-width(e.Initial))) + " ]"
	if len(e.Options) > 0 {
		var names []string
		for _, o := range e.Options {
			names = append(names, p.text(o.Text))
		}
		box = "( " + strings.Join(names, " | ") + " )"
	}
	p.para(label + "\n  " + box)
	if b.Hint.Text != "" {
		p.para("  " + p.text(b.Hint))
	}
	if err := p.errors[b.BlockID]; err != "" {
		p.para("  ! " + err)
	}
}

func (p *painter) table(rows [][]block) {
	for _, r := range rows {
		var cells []string
		for _, c := range r {
			if c.Type == "rich_text" {
				cells = append(cells, p.rich(c.Elements))
				continue
			}
			var text string
			_ = json.Unmarshal(c.Text, &text)
			cells = append(cells, text)
		}
		p.para("| " + strings.Join(cells, " | ") + " |")
	}
}

func (p *painter) file(f File) {
	name := f.Name
	if f.Title != "" && f.Title != f.Name {
		name = f.Title + ", " + f.Name
	}
	p.para(fmt.Sprintf("[file: %s, %s]", name, size(f.Size)))
	if utf8.Valid(f.Content) {
		p.preview(string(f.Content))
	}
}

// What of a text file Slack shows under its name, here in lines and columns.
const (
	previewLines = 5
	previewWidth = 100
)

// preview writes the first lines of a text file, and how many more there are.
func (p *painter) preview(text string) {
	text = strings.TrimRight(text, "\n")
	if text == "" {
		return
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if i == previewLines {
			p.para(fmt.Sprintf("%s… %d more lines", bar, len(lines)-i))
			return
		}
		if cut := cutRunes(line, previewWidth); cut != line {
			line = cut + "…"
		}
		p.para(bar + line)
	}
}

func size(n int) string {
	switch {
	case n == 1:
		return "1 byte"
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f kB", float64(n)/1000)
}

// width counts characters; wide ones (CJK, most emoji) take two columns.
func width(text string) int {
	n := 0
	for _, r := range text {
		switch {
		case r == 0x200d || r >= 0xfe00 && r <= 0xfe0f || r >= 0x300 && r <= 0x36f:
		case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3,
			r >= 0xf900 && r <= 0xfaff, r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0x1f300:
			n += 2
		default:
			n++
		}
	}
	return n
}
