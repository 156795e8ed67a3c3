package slacksim

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	angled  = regexp.MustCompile(`<([^<>\n]+)>`)
	bold    = regexp.MustCompile(`(^|[\s(])\*([^*\s](?:[^*\n]*[^*\s])?)\*`)
	italic  = regexp.MustCompile(`(^|[\s(])_([^_\s](?:[^_\n]*[^_\s])?)_(\W|$)`)
	emoji   = regexp.MustCompile(`:[a-z0-9_+-]+:`)
	dateTag = regexp.MustCompile(`\{([a-z_]+)\}`)
)

// bar stands before each line of preformatted text.
const bar = "  │ "

func code(text string) string {
	return bar + strings.ReplaceAll(strings.Trim(text, "\n"), "\n", "\n"+bar)
}

// mrkdwn renders Slack's own markup: code stays as it is, signs for bold and italic go, mentions
// become names, entities become characters.
func (p *painter) mrkdwn(text string) string {
	parts := strings.Split(text, "```")
	var b strings.Builder
	for i, part := range parts {
		if i%2 == 1 && i < len(parts)-1 {
			if b.Len() > 0 && !strings.HasSuffix(b.String(), "\n") {
				b.WriteByte('\n')
			}
			b.WriteString(code(unescaper.Replace(p.mentions(part))))
			if i+1 < len(parts) && parts[i+1] != "" && !strings.HasPrefix(parts[i+1], "\n") {
				b.WriteByte('\n')
			}
			continue
		}
		b.WriteString(p.spans(part))
	}
	return b.String()
}

// spans renders a text without code blocks; what stands in single backticks keeps its signs.
func (p *painter) spans(text string) string {
	parts := strings.Split(text, "`")
	for i, part := range parts {
		part = p.mentions(part)
		if i%2 == 0 || i == len(parts)-1 {
			part = bold.ReplaceAllString(part, "$1$2")
			part = italic.ReplaceAllString(part, "$1$2$3")
			part = emojis(part)
		}
		parts[i] = unescaper.Replace(part)
	}
	return strings.Join(parts, "`")
}

func (p *painter) mentions(text string) string {
	return angled.ReplaceAllStringFunc(text, func(tag string) string { return p.angle(tag[1 : len(tag)-1]) })
}

// angle renders what stands between < and >.
func (p *painter) angle(tag string) string {
	id, label, labelled := strings.Cut(tag, "|")
	switch {
	case strings.HasPrefix(id, "@"):
		return "@" + p.names.name(id[1:])
	case strings.HasPrefix(id, "#"):
		return "#" + p.names.name(id[1:])
	case strings.HasPrefix(id, "!subteam^"):
		return "@" + p.names.name(strings.TrimPrefix(id, "!subteam^"))
	case strings.HasPrefix(id, "!date^"):
		return dateOf(id, label)
	case strings.HasPrefix(id, "!"):
		return "@" + id[1:]
	case labelled && strings.HasPrefix(id, "mailto:"), labelled && label == strings.TrimPrefix(id, "http://"):
		return label
	case labelled:
		return label + " (" + id + ")"
	}
	return id
}

var dateForms = map[string]string{
	"date_num": "2006-01-02", "date": "January 2, 2006", "date_short": "Jan 2, 2006", "date_long": "Monday, January 2, 2006",
	"date_pretty": "January 2, 2006", "date_short_pretty": "Jan 2, 2006", "date_long_pretty": "Monday, January 2, 2006",
	"time": "15:04", "time_secs": "15:04:05",
}

// dateOf renders !date^stamp^format^link in UTC, or says the fallback.
func dateOf(tag, fallback string) string {
	f := strings.SplitN(tag, "^", 4)
	if len(f) < 3 {
		return fallback
	}
	at, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil {
		return fallback
	}
	return dateTag.ReplaceAllStringFunc(f[2], func(name string) string {
		if form, ok := dateForms[name[1:len(name)-1]]; ok {
			return time.Unix(at, 0).UTC().Format(form)
		}
		return name
	})
}

// known are the emoji that a bot like ours may use; others stay as they are written.
var known = map[string]string{
	":white_check_mark:": "✅", ":heavy_check_mark:": "✔", ":x:": "❌", ":warning:": "⚠", ":no_entry:": "⛔",
	":no_entry_sign:": "🚫", ":hourglass:": "⌛", ":hourglass_flowing_sand:": "⏳", ":rotating_light:": "🚨", ":eyes:": "👀",
	":lock:": "🔒", ":question:": "❓", ":grey_question:": "❔", ":stopwatch:": "⏱", ":computer:": "💻", ":scroll:": "📜",
	":large_green_circle:": "🟢", ":large_yellow_circle:": "🟡", ":red_circle:": "🔴", ":arrow_right:": "→", ":robot_face:": "🤖",
}

func emojis(text string) string {
	if strings.Count(text, ":") < 2 {
		return text
	}
	return emoji.ReplaceAllStringFunc(text, func(name string) string {
		if s, ok := known[name]; ok {
			return s
		}
		return name
	})
}

// richPart is any piece of a rich_text block.
type richPart struct {
	Type      string          `json:"type"`
	Style     json.RawMessage `json:"style"` // a word in lists, an object in text
	Indent    int             `json:"indent"`
	Offset    int             `json:"offset"`
	Elements  []richPart      `json:"elements"`
	Text      string          `json:"text"`
	URL       string          `json:"url"`
	UserID    string          `json:"user_id"`
	GroupID   string          `json:"usergroup_id"`
	ChannelID string          `json:"channel_id"`
	Name      string          `json:"name"`
	Range     string          `json:"range"`
	Timestamp int64           `json:"timestamp"`
	Format    string          `json:"format"`
	Fallback  string          `json:"fallback"`
	Value     string          `json:"value"`
}

func (p *painter) rich(list []json.RawMessage) string {
	var out []string
	for _, raw := range list {
		var e richPart
		_ = json.Unmarshal(raw, &e)
		switch e.Type {
		case "rich_text_preformatted":
			out = append(out, code(p.inline(e.Elements)))
		case "rich_text_quote":
			out = append(out, "> "+strings.ReplaceAll(p.inline(e.Elements), "\n", "\n> "))
		case "rich_text_list":
			out = append(out, p.richList(e))
		default:
			out = append(out, strings.TrimRight(p.inline(e.Elements), "\n"))
		}
	}
	return strings.Join(out, "\n")
}

func (p *painter) richList(e richPart) string {
	var out []string
	indent := strings.Repeat("  ", e.Indent)
	for i, item := range e.Elements {
		sign := "• "
		if string(e.Style) == `"ordered"` {
			sign = itoa(e.Offset+i+1) + ". "
		}
		out = append(out, indent+sign+p.inline(item.Elements))
	}
	return strings.Join(out, "\n")
}

func (p *painter) inline(list []richPart) string {
	var b strings.Builder
	for _, e := range list {
		switch e.Type {
		case "text":
			b.WriteString(e.Text)
		case "link":
			if e.Text != "" && e.Text != e.URL {
				b.WriteString(e.Text + " (" + e.URL + ")")
			} else {
				b.WriteString(e.URL)
			}
		case "user":
			b.WriteString("@" + p.names.name(e.UserID))
		case "usergroup":
			b.WriteString("@" + p.names.name(e.GroupID))
		case "channel":
			b.WriteString("#" + p.names.name(e.ChannelID))
		case "emoji":
			b.WriteString(emojis(":" + e.Name + ":"))
		case "broadcast":
			b.WriteString("@" + e.Range)
		case "date":
			b.WriteString(dateOf("!date^"+strconv.FormatInt(e.Timestamp, 10)+"^"+e.Format, e.Fallback))
		default:
			b.WriteString(e.Value)
		}
	}
	return b.String()
}
