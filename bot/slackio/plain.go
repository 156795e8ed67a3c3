package slackio

import "strings"

// unmark turns the text of a message back into what was typed: entities and links are undone once,
// so that "&amp;lt;" becomes "&lt;". Mentions of people, groups and channels stay as Slack writes
// them, for they cannot be typed otherwise.
//
// Only messages need this. Slack documents nothing of the kind for the text of a slash command, so
// that one is taken as it is, and [bot.Bot] asks what is meant where it holds entities.
func unmark(s string) string {
	if !strings.ContainsAny(s, "&<") {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for s != "" {
		i := strings.IndexByte(s, '<')
		if i < 0 {
			break
		}
		end := strings.IndexByte(s[i:], '>')
		if end < 0 {
			break
		}
		b.WriteString(entities.Replace(s[:i]))
		b.WriteString(unlink(s[i+1 : i+end]))
		s = s[i+end+1:]
	}
	b.WriteString(entities.Replace(s))
	return b.String()
}

// entities are the three that Slack writes; a Replacer goes over a text once.
var entities = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">")

// unlink is what was typed for the inside of <…>: of a link what people see.
func unlink(in string) string {
	if in == "" || strings.ContainsRune("@#!", rune(in[0])) {
		return "<" + in + ">"
	}
	if target, label, ok := strings.Cut(in, "|"); ok && label != "" {
		return entities.Replace(label)
	} else if ok {
		in = target
	}
	return entities.Replace(strings.TrimPrefix(in, "mailto:"))
}

// aroundMention is what a message says to user: what follows their first mention, byte for byte but
// for the white space between, and what stands before. If nothing follows, that is what is said.
func aroundMention(text, user string) (before, said string) {
	mark := "<@" + user
	for at := 0; ; {
		i := strings.Index(text[at:], mark)
		if i < 0 {
			return "", text
		}
		i += at
		rest := text[i+len(mark):]
		if strings.HasPrefix(rest, "|") { // <@U…|name>
			if end := strings.IndexByte(rest, '>'); end >= 0 {
				rest = rest[end:]
			}
		}
		if after, ok := strings.CutPrefix(rest, ">"); ok {
			if after = strings.TrimLeft(after, " \t\u00a0\u3000\n"); after == "" {
				return "", strings.TrimSpace(text[:i])
			}
			return strings.TrimSpace(text[:i]), after
		}
		at = i + len(mark)
	}
}
