package slacksim

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

var live = regexp.MustCompile(`<(@[UW]\w+|!subteam\^\w+|!channel|!here|!everyone)(?:\|[^<>]*)?>`)

// Pings lists whom the message calls: user ids, group ids, and !channel, !here or !everyone, sorted.
// Words that only look like a mention, since they are escaped or plain text, call nobody. It counts
// the text besides the blocks, too, and what stands in backticks: Slack's documents do not promise
// that those are harmless.
func (m Message) Pings() []string {
	var out []string
	found := func(text string) {
		for _, hit := range live.FindAllStringSubmatch(text, -1) {
			out = append(out, strings.TrimPrefix(strings.TrimPrefix(hit[1], "@"), "!subteam^"))
		}
	}
	found(m.Text)
	var blocks any
	_ = json.Unmarshal(m.Blocks, &blocks)
	walk(blocks, func(o obj) {
		text, _ := o["text"].(string)
		switch o["type"] {
		case "mrkdwn", "markdown":
			found(text)
		case "user":
			id, _ := o["user_id"].(string)
			out = append(out, id)
		case "usergroup":
			id, _ := o["usergroup_id"].(string)
			out = append(out, id)
		case "broadcast":
			to, _ := o["range"].(string)
			out = append(out, "!"+to)
		}
	})
	slices.Sort(out)
	return slices.Compact(out)
}

// walk calls f for every object in v.
func walk(v any, f func(obj)) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			walk(e, f)
		}
	case obj:
		f(v)
		for _, e := range v {
			walk(e, f)
		}
	}
}
