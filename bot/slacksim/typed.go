package slacksim

import (
	"regexp"
	"strings"
)

var (
	escaper   = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	unescaper = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">")

	// what Slack turns into a link as a person types it: addresses, mail, and bare domains
	linkish = regexp.MustCompile(`https?://[^\s<>|]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\b(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev|cn)\b(?:/[^\s<>|]*)?`)
	calling = regexp.MustCompile(`[@#][\w.-]+`)
)

// typed returns a person's words as Slack stores them. Code in backticks is escaped, not linked.
func (s *Slack) typed(text string) string {
	parts := strings.Split(text, "`")
	for i, part := range parts {
		code := i%2 == 1 && i < len(parts)-1
		if code {
			parts[i] = escaper.Replace(part)
		} else {
			parts[i] = s.typedWords(part)
		}
	}
	return strings.Join(parts, "`")
}

// typedWords makes links and mentions of a text without code.
func (s *Slack) typedWords(text string) string {
	var b strings.Builder
	for {
		at := linkish.FindStringIndex(text)
		if at == nil {
			break
		}
		b.WriteString(s.mentions(text[:at[0]]))
		b.WriteString(linkFor(text[at[0]:at[1]]))
		text = text[at[1]:]
	}
	b.WriteString(s.mentions(text))
	return b.String()
}

func linkFor(word string) string {
	w := escaper.Replace(word)
	switch {
	case strings.HasPrefix(word, "http://"), strings.HasPrefix(word, "https://"):
		return "<" + w + ">"
	case strings.Contains(word, "@"):
		return "<mailto:" + w + "|" + w + ">"
	}
	return "<http://" + w + "|" + w + ">"
}

// mentions escapes and turns @name, @handle and #channel into ids where they are known.
func (s *Slack) mentions(text string) string {
	return calling.ReplaceAllStringFunc(escaper.Replace(text), func(word string) string {
		if id := s.roster.idOf(word); id != "" {
			return "<" + id + ">"
		}
		return word
	})
}

// idOf returns what Slack writes for @name, @handle or #channel; empty if there is no such.
func (r *roster) idOf(word string) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	name := word[1:]
	if word[0] == '#' {
		for id, c := range r.channels {
			if c.Name == name {
				return "#" + id + "|" + name
			}
		}
		return ""
	}
	for id, p := range r.people {
		if p.Name == name {
			return "@" + id
		}
	}
	for id, g := range r.groups {
		if g.Handle == name {
			return "!subteam^" + id + "|@" + name
		}
	}
	if name == "channel" || name == "here" || name == "everyone" {
		return "!" + name
	}
	return ""
}
